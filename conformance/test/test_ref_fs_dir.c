// SPDX-License-Identifier: Apache-2.0
/* Listings: complete, without repetition, and each lookup that they count was told. */
#include "conformance/test/test_ref_fs.h"

#include "conformance/test/test_ref_fs_dax.h"

#include <sys/resource.h>

#define FILES 1200
/* Bytes of the longest entry that a listing with attributes has here. */
#define ENTRY_MOST (sizeof(struct fuse_entry_out) + sizeof(struct fuse_dirent) + 48)

struct seen {
	unsigned count[FILES];
	unsigned dots;
	unsigned requests;
	uint64_t node[FILES];
	uint64_t offset[FILES]; /* behind the entry */
};

static int do_list(struct guest *g, bool plus, uint64_t fh, uint64_t offset, uint32_t size)
{
	msg(g, plus ? FUSE_READDIRPLUS : FUSE_READDIR, 1);
	MSG_ADD(g, (struct fuse_read_in){ .fh = fh, .offset = offset, .size = size });
	return send_room(g, sizeof(struct fuse_out_header) + size);
}

static void see_dots(const struct kit *k, const struct fuse_dirent *d,
		     const struct fuse_entry_out *e)
{
	/* Above the share is the share: what lies there is not told. */
	assert_true(d->ino == host_stat(k, "").st_ino);
	assert_int_equal(d->type, DT_DIR);
	if (e)
		assert_int_equal(e->nodeid, 0);
}

static void see_file(struct seen *s, const struct fuse_dirent *d, const char *name,
		     const struct fuse_entry_out *e)
{
	unsigned i;

	assert_int_equal(sscanf(name, "file-%u", &i), 1);
	assert_true(i < FILES);
	assert_int_equal(d->type, DT_REG);
	s->count[i]++;
	s->offset[i] = d->off;
	if (e) {
		assert_true(e->nodeid != 0 && e->attr.ino == d->ino);
		assert_true(s->node[i] == 0 || s->node[i] == e->nodeid);
		assert_int_equal(e->attr.size, i);
		s->node[i] = e->nodeid;
	}
}

/* One reply. Returns the offset to go on from, or 0 at the end. */
static uint64_t see(const struct kit *k, struct seen *s, bool plus)
{
	const struct guest *g = &k->g;
	uint64_t offset = 0;

	for (size_t at = 0; at < g->size;) {
		struct fuse_entry_out e;
		struct fuse_dirent d;
		char name[300] = "";
		size_t head = plus ? sizeof(e) : 0;

		assert_true(at + head + FUSE_NAME_OFFSET <= g->size);
		memcpy(&e, g->data + at, head);
		memcpy(&d, g->data + at + head, FUSE_NAME_OFFSET);
		assert_true(d.namelen < sizeof(name));
		memcpy(name, g->data + at + head + FUSE_NAME_OFFSET, d.namelen);
		at += FUSE_REC_ALIGN(head + FUSE_NAME_OFFSET + d.namelen);
		assert_true(at <= g->size);
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
			s->dots++;
			see_dots(k, &d, plus ? &e : NULL);
		} else {
			see_file(s, &d, name, plus ? &e : NULL);
		}
		offset = d.off;
	}
	s->requests++;
	return offset;
}

static void list_all(struct kit *k, struct seen *s, bool plus, uint64_t fh, uint32_t size)
{
	uint64_t offset = 0;

	memset(s, 0, sizeof(*s));
	do {
		assert_int_equal(do_list(&k->g, plus, fh, offset, size), 0);
		offset = see(k, s, plus);
	} while (offset != 0);
	assert_int_equal(s->dots, 2);
	for (unsigned i = 0; i < FILES; i++)
		assert_int_equal(s->count[i], 1);
}

static void make_files(const struct kit *k)
{
	for (unsigned i = 0; i < FILES; i++) {
		char name[300];
		int fd;

		/* Names of all lengths, so that entries end everywhere in a buffer. */
		(void)snprintf(name, sizeof(name), "file-%u%.*s", i, (int)(i % 37),
			       "-0123456789-0123456789-0123456789-0123");
		fd = open(host(k, name), O_WRONLY | O_CREAT, 0600);
		assert_true(fd >= 0);
		assert_int_equal(ftruncate(fd, i), 0);
		assert_int_equal(close(fd), 0);
	}
}

static struct seen seen;

/* One folder for the tests that only read it: making so many files takes longer than all else. */
static struct kit folder = { .o.cache = REF_CACHE_AUTO };

static int setup(void **state)
{
	(void)state;
	kit_open(&folder);
	make_files(&folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kit_close(&folder);
	return 0;
}

static void test_complete(void **state)
{
	static const uint32_t sizes[] = { 400, 512, 1000, 4096, 4097, 32768, 65536, 131072 };
	struct guest *g = &folder.g;
	struct fuse_open_out o;

	(void)state;
	assert_int_equal(do_init(g), 0);
	assert_int_equal(do_open_as(g, FUSE_OPENDIR, 1, 0, 0, &o), 0);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t fits = sizes[i] < 65536 ? sizes[i] : 65536;

		list_all(&folder, &seen, false, o.fh, sizes[i]);
		list_all(&folder, &seen, true, o.fh, sizes[i]);
		/* Buffers come back full but for the last entry, whose name is short here. */
		assert_true(seen.requests <= 2 + FILES * ENTRY_MOST / (fits - ENTRY_MOST));
	}
}

/* Each returned entry is one lookup, and no other is: as many FORGETs let the node go, one fewer does not. */
static void test_lookups(void **state)
{
	struct guest *g = &folder.g;
	struct fuse_open_out o;
	struct fuse_attr a;
	unsigned before;

	(void)state;
	assert_int_equal(do_init(g), 0);
	assert_int_equal(do_open_as(g, FUSE_OPENDIR, 1, 0, 0, &o), 0);
	before = open_fds();
	list_all(&folder, &seen, true, o.fh, 700);
	list_all(&folder, &seen, true, o.fh, 4096);
	for (unsigned i = 0; i < FILES; i++) {
		do_forget(g, seen.node[i], 1);
		assert_int_equal(do_getattr(g, seen.node[i], &a), 0);
		do_forget(g, seen.node[i], 1);
		assert_int_equal(do_getattr(g, seen.node[i], &a), -ESTALE);
	}
	assert_int_equal(open_fds(), before);
}

/* Any offset that was told can be gone back to, in any order, through another handle too. */
static void test_seek(void **state)
{
	struct guest *g = &folder.g;
	struct fuse_open_out o, o2;

	(void)state;
	assert_int_equal(do_init(g), 0);
	assert_int_equal(do_open_as(g, FUSE_OPENDIR, 1, 0, 0, &o), 0);
	assert_int_equal(do_open_as(g, FUSE_OPENDIR, 1, 0, 0, &o2), 0);
	list_all(&folder, &seen, false, o.fh, 65536);
	for (unsigned i = 0; i < FILES; i += 97) {
		struct fuse_dirent first, again;
		uint64_t offset = seen.offset[i];

		if (do_list(g, false, o.fh, offset, 400) != 0 || g->size == 0)
			continue;
		memcpy(&first, g->data, FUSE_NAME_OFFSET);
		assert_int_equal(do_list(g, true, o2.fh, offset, 700), 0);
		memcpy(&again, g->data + sizeof(struct fuse_entry_out), FUSE_NAME_OFFSET);
		assert_true(first.ino == again.ino && first.off == again.off);
	}
	assert_int_equal(do_list(g, false, o.fh, UINT64_MAX, 400), -EINVAL);
	assert_int_equal(do_list(g, false, o.fh, 0, 8), -EINVAL);
	assert_int_equal(do_list(g, true, o.fh, 0, 150), -EINVAL);
}

/* Hard links are one node; the number of names does not matter to it. */
static void test_identity(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;
	struct fuse_attr a;
	uint64_t node, other;

	(void)state;
	kit_open(&k);
	host_write(&k, "a", "");
	assert_int_equal(link(host(&k, "a"), host(&k, "b")), 0);
	node = node_of(g, 1, "a");
	assert_true(node_of(g, 1, "b") == node);
	assert_int_equal(rename(host(&k, "b"), host(&k, "c")), 0);
	assert_true(node_of(g, 1, "c") == node);
	/* A new file under an old name is a new node, and the old one goes on. */
	host_write(&k, "new", "new");
	assert_int_equal(rename(host(&k, "new"), host(&k, "a")), 0);
	other = node_of(g, 1, "a");
	assert_true(other != node);
	assert_int_equal(do_getattr(g, node, &a), 0);
	assert_int_equal(a.size, 0);
	assert_int_equal(do_getattr(g, other, &a), 0);
	assert_int_equal(a.size, 3);
	kit_close(&k);
}

/* Without descriptors left a listing is a listing still, and a lookup says why not. */
static void test_out_of_descriptors(void **state)
{
	struct kit k = { .o.cache = REF_CACHE_AUTO };
	struct guest *g = &k.g;
	struct fuse_entry_out e;
	struct fuse_open_out o;
	struct fuse_direntplus d;
	struct rlimit limit;
	int hold[512];
	unsigned held = 0;
	unsigned nameless = 0;

	(void)state;
	kit_open(&k);
	host_write(&k, "f", "x");
	assert_int_equal(do_open_as(g, FUSE_OPENDIR, 1, 0, 0, &o), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(
		setrlimit(RLIMIT_NOFILE, &(struct rlimit){ ARRAY_SIZE(hold), limit.rlim_max }), 0);
	while (held < ARRAY_SIZE(hold) && (hold[held] = open("/dev/null", O_RDONLY)) >= 0)
		held++;
	assert_int_equal(do_lookup(g, 1, "f", &e), -EMFILE);
	assert_int_equal(do_list(g, true, o.fh, 0, 4096), 0);
	for (size_t at = 0; at < g->size;) {
		memcpy(&d, g->data + at, sizeof(d));
		nameless += d.entry_out.nodeid == 0;
		at += FUSE_DIRENTPLUS_SIZE(&d);
	}
	while (held > 0)
		(void)close(hold[--held]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(nameless, 3);
	assert_int_equal(do_lookup(g, 1, "f", &e), 0);
	kit_close(&k);
}

static int tests(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_lookups),
		cmocka_unit_test(test_seek),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_out_of_descriptors),
	};

	return cmocka_run_group_tests_name("ref_fs_dir", list, setup, teardown);
}

int main(void)
{
	struct rlimit r;

	/* A node is a descriptor. */
	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < 4096) {
		r.rlim_cur = r.rlim_max < 4096 ? r.rlim_max : 4096;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
	return run_as_both(tests);
}
