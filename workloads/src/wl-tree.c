// SPDX-License-Identifier: Apache-2.0
/*
 * wl-tree DIR copy|grep FILES BYTES MATCHES - copy the tree DIR/vq.data to DIR/vq.copy, or search it
 * for a word. FILES, BYTES and MATCHES (lines with the word) are what the tree holds: other numbers
 * than these are an error. The copy is searched too, without being timed, and then removed. Prints
 * one JSON object.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../wl.h"

#define PROGRAM	  "wl-tree"
#define NEEDLE	  "vq_needle"
#define SOURCE	  "vq.data"
#define TARGET	  "vq.copy"
#define FILE_MAX  (1UL << 20)
#define COUNT_MAX (1UL << 40)
#define DEPTH_MAX 16

struct totals {
	unsigned long files;
	unsigned long folders;
	unsigned long bytes;
	unsigned long matches;
};

static char data[FILE_MAX];

static void __attribute__((noreturn))
wrong(const char *what, unsigned long seen, unsigned long want)
{
	(void)fprintf(stderr, PROGRAM ": %lu %s, not %lu\n", seen, what, want);
	exit(1);
}

static size_t read_file(int fd, const char *name)
{
	size_t size = 0;
	ssize_t n;

	while ((n = read(fd, data + size, sizeof(data) - size)) > 0)
		size += (size_t)n;
	if (n == 0 && size == sizeof(data))
		errno = EFBIG;
	if (n < 0 || size == sizeof(data))
		wl_die(PROGRAM, name);
	return size;
}

static unsigned long count_lines(size_t size)
{
	const char *at = data;
	const char *end = data + size;
	unsigned long n = 0;
	const char *hit;

	while ((hit = memmem(at, (size_t)(end - at), NEEDLE, sizeof(NEEDLE) - 1)) != NULL) {
		const char *line = memchr(hit, '\n', (size_t)(end - hit));

		n++;
		at = line ? line + 1 : end;
	}
	return n;
}

static void write_file(int to, const char *name, size_t size)
{
	int fd = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	size_t done = 0;

	if (fd < 0)
		wl_die(PROGRAM, name);
	while (done < size) {
		ssize_t n = write(fd, data + done, size - done);

		if (n < 0)
			wl_die(PROGRAM, name);
		done += (size_t)n;
	}
	if (close(fd) < 0)
		wl_die(PROGRAM, name);
}

static void do_file(int from, const char *name, int to, struct totals *t)
{
	int fd = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	size_t size;

	if (fd < 0)
		wl_die(PROGRAM, name);
	size = read_file(fd, name);
	(void)close(fd);
	t->files++;
	t->bytes += size;
	if (to >= 0)
		write_file(to, name, size);
	else
		t->matches += count_lines(size);
}

static int open_folder(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		wl_die(PROGRAM, name);
	return fd;
}

static int is_folder(int at, const struct dirent *e)
{
	struct stat st;

	if (e->d_type != DT_UNKNOWN)
		return e->d_type == DT_DIR;
	if (fstatat(at, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		wl_die(PROGRAM, e->d_name);
	return S_ISDIR(st.st_mode);
}

/* Copy the folder @from into the folder @to; with @to -1 search it. Both are closed. */
static void walk(int from, int to, unsigned depth, struct totals *t)
{
	DIR *d = fdopendir(from);
	struct dirent *e;

	if (!d)
		wl_die(PROGRAM, "opendir");
	if (depth > DEPTH_MAX)
		wrong("levels of folders", depth, DEPTH_MAX);
	for (errno = 0; (e = readdir(d)) != NULL; errno = 0) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (!is_folder(from, e)) {
			do_file(from, e->d_name, to, t);
			continue;
		}
		t->folders++;
		if (to >= 0 && mkdirat(to, e->d_name, 0755) < 0)
			wl_die(PROGRAM, e->d_name);
		walk(open_folder(from, e->d_name), to >= 0 ? open_folder(to, e->d_name) : -1,
		     depth + 1, t);
	}
	if (errno)
		wl_die(PROGRAM, "readdir");
	(void)closedir(d);
	if (to >= 0)
		(void)close(to);
}

static void remove_tree(int at, const char *name)
{
	DIR *d = fdopendir(open_folder(at, name));
	struct dirent *e;

	if (!d)
		wl_die(PROGRAM, name);
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (is_folder(dirfd(d), e))
			remove_tree(dirfd(d), e->d_name);
		else if (unlinkat(dirfd(d), e->d_name, 0) < 0)
			wl_die(PROGRAM, e->d_name);
	}
	(void)closedir(d);
	if (unlinkat(at, name, AT_REMOVEDIR) < 0)
		wl_die(PROGRAM, name);
}

static void check(const struct totals *seen, const struct totals *want, int searched)
{
	if (seen->files != want->files)
		wrong("files", seen->files, want->files);
	if (seen->bytes != want->bytes)
		wrong("bytes", seen->bytes, want->bytes);
	if (searched && seen->matches != want->matches)
		wrong("lines with the word", seen->matches, want->matches);
}

static uint64_t timed_copy(int top, const struct totals *want, struct totals *ret)
{
	struct totals copy = { 0 };
	uint64_t start = wl_now_ns();
	uint64_t ns;

	if (mkdirat(top, TARGET, 0755) < 0)
		wl_die(PROGRAM, TARGET);
	walk(open_folder(top, SOURCE), open_folder(top, TARGET), 0, ret);
	ns = wl_now_ns() - start;
	check(ret, want, 0);
	walk(open_folder(top, TARGET), -1, 0, &copy);
	check(&copy, want, 1);
	remove_tree(top, TARGET);
	return ns;
}

static uint64_t timed_grep(int top, const struct totals *want, struct totals *ret)
{
	uint64_t start = wl_now_ns();
	uint64_t ns;

	walk(open_folder(top, SOURCE), -1, 0, ret);
	ns = wl_now_ns() - start;
	check(ret, want, 1);
	return ns;
}

int main(int argc, char **argv)
{
	struct totals seen = { 0 };
	struct totals want = { 0 };
	uint64_t ns;
	int copy;
	int top;

	if (argc != 6 || (strcmp(argv[2], "copy") != 0 && strcmp(argv[2], "grep") != 0)) {
		(void)fprintf(stderr, "usage: " PROGRAM " DIR copy|grep FILES BYTES MATCHES\n");
		return 2;
	}
	copy = strcmp(argv[2], "copy") == 0;
	want.files = wl_number(PROGRAM, argv[3], 1, COUNT_MAX);
	want.bytes = wl_number(PROGRAM, argv[4], 1, COUNT_MAX);
	want.matches = wl_number(PROGRAM, argv[5], 0, COUNT_MAX);
	top = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		wl_die(PROGRAM, argv[1]);
	ns = copy ? timed_copy(top, &want, &seen) : timed_grep(top, &want, &seen);
	(void)printf(
		"{\"files\": %lu, \"folders\": %lu, \"bytes\": %lu, \"matches\": %lu, "
		"\"ns\": %llu, \"seconds\": %.9f, \"files_rate\": %.3f, \"bytes_rate\": %.3f}\n",
		seen.files, seen.folders, seen.bytes, want.matches, (unsigned long long)ns,
		(double)ns / 1e9, wl_rate((double)seen.files, ns), wl_rate((double)seen.bytes, ns));
	return fflush(stdout) == 0 ? 0 : 1;
}
