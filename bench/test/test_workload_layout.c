// SPDX-License-Identifier: Apache-2.0
/* What the host lays out for a workload: files, a tree of sources, programs. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fs.h"
#include "workload/workload.h"

struct fixture {
	char dir[64];
	struct buf text;
	struct err err;
	uint64_t bytes;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	(void)snprintf(f->dir, sizeof(f->dir), "build/vq-test-workload-XXXXXX");
	return mkdtemp(f->dir) ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int e = fs_remove_tree(f->dir, NULL);

	buf_free(&f->text);
	free(f);
	return e < 0 ? -1 : 0;
}

static int compare_blocks(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

/*
 * Goal: the data file has its exact size, no hole, and cannot be compressed. Method: SEEK_HOLE,
 * blocks, frequency of each byte value, and no two 4 KiB blocks that begin alike.
 */
static void layout(void **state)
{
	struct workload w = {
		.id = "x", .layout = LAYOUT_FILES, .file_count = 1, .file_bytes = 3 * MIB + 123
	};
	struct fixture *f = *state;
	unsigned frequency[256] = { 0 };
	size_t blocks = (size_t)w.file_bytes / 4096;
	char path[128], again[128];
	char *begin;
	struct stat st;
	off_t hole;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/" WORKLOAD_DATA, f->dir);
	assert_int_equal(workload_lay_out(&w, NULL, f->dir, &f->bytes, &f->err), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	hole = lseek(fd, 0, SEEK_HOLE);
	(void)close(fd);
	assert_int_equal(st.st_size, w.file_bytes);
	assert_int_equal(f->bytes, w.file_bytes);
	assert_true((uint64_t)st.st_blocks * 512 >= w.file_bytes);
	assert_int_equal(hole, st.st_size);
	assert_int_equal(fs_read(path, 4 * MIB, &f->text, &f->err), 0);
	for (size_t i = 0; i < f->text.size; i++)
		frequency[(unsigned char)f->text.data[i]]++;
	/* 12288 expected, standard deviation 111: these bounds are ten of them away. */
	for (size_t i = 0; i < ARRAY_SIZE(frequency); i++)
		assert_in_range(frequency[i], 11200, 13400);
	begin = malloc(blocks * 16);
	assert_non_null(begin);
	for (size_t i = 0; i < blocks; i++)
		memcpy(begin + 16 * i, f->text.data + 4096 * i, 16);
	qsort(begin, blocks, 16, compare_blocks);
	for (size_t i = 1; i < blocks; i++)
		assert_memory_not_equal(begin + 16 * i, begin + 16 * (i - 1), 16);
	free(begin);
	/* a second one is the same, and none is overwritten */
	assert_int_equal(workload_lay_out(&w, NULL, f->dir, &f->bytes, &f->err), -EEXIST);
	(void)snprintf(again, sizeof(again), "%s/first", f->dir);
	assert_int_equal(rename(path, again), 0);
	assert_int_equal(workload_lay_out(&w, NULL, f->dir, &f->bytes, &f->err), 0);
	begin = buf_take(&f->text);
	assert_int_equal(fs_read(path, 4 * MIB, &f->text, &f->err), 0);
	assert_memory_equal(f->text.data, begin, f->text.size);
	free(begin);
}

/* Goal: a workload without a file gets none, a bad folder is told. Method: both. */
static void layout_without_file(void **state)
{
	struct workload w = { .id = "some-id" };
	struct fixture *f = *state;

	assert_int_equal(workload_lay_out(&w, NULL, f->dir, &f->bytes, &f->err), 0);
	assert_int_equal(rmdir(f->dir), 0);
	w.layout = LAYOUT_FILES;
	w.file_count = 1;
	w.file_bytes = 5;
	assert_int_equal(workload_lay_out(&w, NULL, f->dir, &f->bytes, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, "some-id"));
}

/* Goal: several files are a folder of different ones. Method: sizes and first bytes. */
static void layout_of_several(void **state)
{
	struct workload w = {
		.id = "x", .layout = LAYOUT_FILES, .file_count = 3, .file_bytes = 5000
	};
	struct fixture *f = *state;
	char first[16] = { 0 };
	char path[128];

	assert_int_equal(workload_bytes(&w), 15000);
	assert_int_equal(workload_lay_out(&w, NULL, f->dir, &f->bytes, &f->err), 0);
	for (unsigned i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s/" WORKLOAD_DATA "/%u", f->dir, i);
		buf_clear(&f->text);
		assert_int_equal(fs_read(path, MIB, &f->text, &f->err), 0);
		assert_int_equal(f->text.size, 5000);
		assert_memory_not_equal(f->text.data, first, sizeof(first));
		memcpy(first, f->text.data, sizeof(first));
	}
	(void)snprintf(path, sizeof(path), "%s/" WORKLOAD_DATA "/3", f->dir);
	assert_false(fs_exists(path));
}

/* FNV-1a over names and contents of a tree, in the order of names. */
static uint64_t hash_tree(struct fixture *f, const char *path, uint64_t hash, unsigned *ret_files)
{
	struct dirent **names = NULL;
	int n = scandir(path, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char child[512];
		struct stat st;

		(void)snprintf(child, sizeof(child), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.') {
			for (const char *c = names[i]->d_name; *c; c++)
				hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
			assert_int_equal(stat(child, &st), 0);
			if (S_ISDIR(st.st_mode)) {
				hash = hash_tree(f, child, hash, ret_files);
			} else {
				++*ret_files;
				buf_clear(&f->text);
				assert_int_equal(fs_read(child, MIB, &f->text, &f->err), 0);
				for (size_t j = 0; j < f->text.size; j++)
					hash = (hash ^ (unsigned char)f->text.data[j]) *
					       UINT64_C(1099511628211);
			}
		}
		free(names[i]);
	}
	free(names);
	return hash;
}

#define TREE_HASH UINT64_C(0x15019b7caab4f2c)

/* Goal: the tree is the same on every machine, and what is counted is what is written. */
static void layout_of_a_tree(void **state)
{
	struct fixture *f = *state;
	const struct workload *w = workload_find("source-grep");
	struct workload_tree counted;
	struct workload_tree written;
	unsigned files = 0;
	char path[128];
	uint64_t hash;

	assert_int_equal(workload_tree_make(NULL, &counted, &f->err), 0);
	(void)snprintf(path, sizeof(path), "%s/" WORKLOAD_DATA, f->dir);
	assert_int_equal(workload_tree_make(path, &written, &f->err), 0);
	assert_memory_equal(&counted, &written, sizeof(counted));
	assert_int_equal(counted.files, 300);
	assert_int_equal(counted.folders, 40);
	assert_int_equal(workload_bytes(w), counted.bytes);
	assert_in_range(counted.bytes, 3 * MIB, 6 * MIB);
	assert_in_range(counted.matches, 500, 3000);
	hash = hash_tree(f, path, UINT64_C(14695981039346656037), &files);
	assert_int_equal(files, 300);
	if (hash != TREE_HASH)
		fail_msg("the tree has changed: its hash is now 0x%llx", (unsigned long long)hash);
	/* one that is there is not written over */
	assert_int_equal(workload_tree_make(path, &written, &f->err), -EEXIST);
}

/* Goal: programs are copies that can be run, each with its own answer. Method: look at two. */
static void layout_of_programs(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/wl-hello", f->dir);
	assert_int_equal(fs_write_atomic(path, "#!/bin/sh\n", 10, &f->err), 0);
	(void)snprintf(path, sizeof(path), "%s/" WORKLOAD_DATA, f->dir);
	assert_int_equal(workload_programs(f->dir, path, 2, &f->bytes, &f->err), 0);
	(void)snprintf(path, sizeof(path), "%s/" WORKLOAD_DATA "/p001/hello", f->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0111, 0111);
	assert_int_equal(st.st_size, 10);
	(void)snprintf(path, sizeof(path), "%s/" WORKLOAD_DATA "/p001/hello.conf", f->dir);
	assert_int_equal(fs_read(path, 100, &f->text, &f->err), 0);
	assert_string_equal(buf_text(&f->text), "answer-001\n");
	assert_int_equal(f->bytes, 2 * (10 + f->text.size));
	assert_int_equal(workload_programs("/nosuch", f->dir, 2, &f->bytes, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, "/nosuch/wl-hello"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(layout),		TEST(layout_without_file), TEST(layout_of_several),
		TEST(layout_of_a_tree), TEST(layout_of_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
