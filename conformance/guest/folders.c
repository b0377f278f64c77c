// SPDX-License-Identifier: Apache-2.0
/* Folders: listing, names of all kinds. */
#include "conformance/guest/areas.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANY 1500

/* Each of the names "n0" ... once, with its own type and inode number. */
static void big_folder(struct check_run *r)
{
	static bool seen[MANY];
	struct dirent *e;
	size_t count = 0;
	char name[32];
	DIR *d;

	DO(r, mkdir("d", 0755));
	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "d/n%u", i);
		DO(r, mknod(name, S_IFREG | 0600, 0));
	}
	WANT_OK(r, (d = opendir("d")) ? 0 : -1);
	while ((e = readdir(d))) {
		unsigned n = MANY;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		WANT_THAT(r, sscanf(e->d_name, "n%u", &n) == 1 && n < MANY && !seen[n],
			  "each name once", "%.60s", e->d_name);
		WANT_SAME(r, DT_REG, "type of an entry", e->d_type);
		seen[n] = true;
		count++;
	}
	WANT_SAME(r, MANY, "names", count);
}

static void types_and_numbers(struct check_run *r)
{
	static const struct {
		const char *name;
		unsigned char type;
	} rows[] = {
		{ "file", DT_REG }, { "folder", DT_DIR }, { "link", DT_LNK }, { "fifo", DT_FIFO }
	};
	struct dirent *e;
	unsigned count = 0;
	struct stat st;
	DIR *d;

	DO(r, mknod("file", S_IFREG | 0600, 0));
	DO(r, mkdir("folder", 0755));
	DO(r, symlink("file", "link"));
	DO(r, mkfifo("fifo", 0600));
	WANT_OK(r, (d = opendir(".")) ? 0 : -1);
	while ((e = readdir(d)))
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
			if (strcmp(e->d_name, rows[i].name) == 0) {
				WANT_SAME(r, rows[i].type, "type of an entry", e->d_type);
				WANT_OK(r, lstat(e->d_name, &st));
				WANT_SAME(r, st.st_ino, "inode number of an entry", e->d_ino);
				count++;
			}
	WANT_SAME(r, ARRAY_SIZE(rows), "entries", count);
}

static void long_names(struct check_run *r)
{
	char name[258];
	struct host_stat st;

	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	WANT_OK(r, open(name, O_CREAT | O_EXCL | O_RDWR, 0600));
	WANT_SAME(r, 0, "the host finds it", host_stat(r, name, &st));
	name[254] = 'm';
	WANT_OK(r, open(name, O_CREAT | O_EXCL | O_RDWR, 0600));
	WANT_SAME(r, 2, "names in the folder", names_in("."));
	name[255] = 'n';
	name[256] = '\0';
	WANT_ERROR(r, ENAMETOOLONG, open(name, O_CREAT | O_RDWR, 0600));
}

static void odd_names(struct check_run *r)
{
	static const char *const names[] = { "a b", "new\nline", "\x01\x7f", "\xff\xfe",
					     "...", "-",	 "%41",	     "\xc3\xa9" };
	struct host_stat st;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		WANT_OK(r, open(names[i], O_CREAT | O_EXCL | O_RDWR, 0600));
		WANT_SAME(r, 0, "the host finds it", host_stat(r, names[i], &st));
	}
	WANT_SAME(r, ARRAY_SIZE(names), "names in the folder", names_in("."));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		WANT_OK(r, unlink(names[i]));
	WANT_SAME(r, 0, "names in the folder", names_in("."));
}

static void names_differ(struct check_run *r)
{
	HOST(r, host_file(r, "one", 1, 1));
	HOST(r, host_file(r, "two", 2, 1));
	HOST(r, host_file(r, "One", 3, 1));
	WANT_SAME(r, 1, "size of the first", size_of("one"));
	WANT_SAME(r, 2, "size of the second", size_of("two"));
	WANT_SAME(r, 3, "size of the third", size_of("One"));
}

static void not_empty(struct check_run *r)
{
	DO(r, mkdir("d", 0755));
	/* The guest does not know of it. */
	HOST(r, host_create(r, "d/f", 0600));
	WANT_ERROR(r, ENOTEMPTY, rmdir("d"));
	WANT_ERROR(r, ENOTDIR, rmdir("d/f"));
	WANT_ERROR(r, EISDIR, unlink("d"));
	WANT_OK(r, unlink("d/f"));
	WANT_OK(r, rmdir("d"));
}

static void emptied_while_listed(struct check_run *r)
{
	struct dirent *e;
	char name[32];
	unsigned removed = 0;
	DIR *d;

	DO(r, mkdir("d", 0755));
	for (unsigned i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "d/n%u", i);
		DO(r, mknod(name, S_IFREG | 0600, 0));
	}
	WANT_OK(r, (d = opendir("d")) ? 0 : -1);
	while ((e = readdir(d)))
		if (e->d_name[0] == 'n') {
			WANT_OK(r, unlinkat(dirfd(d), e->d_name, 0));
			removed++;
		}
	WANT_SAME(r, 300, "files removed while their folder was listed", removed);
	WANT_OK(r, rmdir("d"));
}

static const struct check checks[] = {
	{
		.id = "folders.big",
		.title = "A folder of 1500 files lists each once",
		.rows = "FUSE-RDP-002",
		.does = "guest: make 1500 files, list them",
		.wants = "each name once, as a plain file",
		.catches = "readdir-lost readdir-twice dirent-type",
		.timeout_ms = 60000,
		.run = big_folder,
	},
	{
		.id = "folders.types",
		.title = "Entries have the type and the inode number of what they name",
		.rows = "FUSE-RDP-002",
		.does = "guest: make a file, a folder, a link, a FIFO; list, lstat each",
		.wants = "the same in both",
		.catches = "dirent-type dirent-ino",
		.run = types_and_numbers,
	},
	{
		.id = "folders.long-names",
		.title = "Names of 255 bytes are kept whole, longer ones are refused",
		.rows = "VIRTIO-FS-SEC-006",
		.does = "guest: create two files whose names differ in the last of 255 bytes, and one of 256; host: stat",
		.wants = "two files; ENAMETOOLONG",
		.catches = "name-cut",
		.needs = NEED_HOST,
		.run = long_names,
	},
	{
		.id = "folders.odd-names",
		.title = "A name may hold any bytes but NUL and '/'",
		.rows = "VIRTIO-FS-SEC-010",
		.does = "guest: create files with control characters and bytes beyond ASCII, list, remove; host: stat",
		.wants = "the host finds each; none is left",
		.catches = "lost:op=UNLINK",
		.needs = NEED_HOST,
		.run = odd_names,
	},
	{
		.id = "folders.names-differ",
		.title = "Each name leads to its own file",
		.rows = "FUSE-ENT-003",
		.does = "host: make one, two and One; guest: stat",
		.wants = "three sizes",
		.catches = "lookup-first",
		.needs = NEED_HOST,
		.run = names_differ,
	},
	{
		.id = "folders.not-empty",
		.title = "A folder in which the host has made a file cannot be removed",
		.rows = "VIRTIO-FS-SEC-010",
		.does = "guest: mkdir; host: create in it; guest: rmdir, unlink, rmdir",
		.wants = "ENOTEMPTY, then success",
		.catches = "lost:op=RMDIR",
		.needs = NEED_HOST,
		.run = not_empty,
	},
	{
		.id = "folders.emptied",
		.title = "A folder can be emptied while it is listed",
		.rows = "FUSE-RDP-002",
		.does = "guest: make 300 files, remove each as it is listed, rmdir",
		.wants = "all are seen",
		.catches = "readdir-lost readdir-twice",
		.run = emptied_while_listed,
	},
};

const struct check_area area_folders = { "folders", "Folders", checks, ARRAY_SIZE(checks) };
