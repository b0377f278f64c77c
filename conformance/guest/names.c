// SPDX-License-Identifier: Apache-2.0
/* Names: what one side sees of names that the other one made, moved or took away. */
#include "conformance/guest/areas.h"
#include "conformance/guest/oracle.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OLD_SEED 1
#define NEW_SEED 2
#define OLD_SIZE 100
#define NEW_SIZE 200

static void host_creates(struct check_run *r)
{
	/* The guest has looked for it before: what it may remember must not hide the file. */
	WANT_ERROR(r, ENOENT, is_there("f"));
	HOST(r, host_create(r, "f", 0640));
	WANT_NAME_VISIBLE(r, "B01", "stat of a file that the host has made",
			  see_error(r, is_there("f"), ENOENT, 0));
	WANT_OK(r, open("f", O_RDONLY));
}

static void host_creates_listed(struct check_run *r)
{
	DO(r, mkdir("d", 0755));
	WANT_SAME(r, 0, "names in an empty folder", names_in("d"));
	HOST(r, host_create(r, "d/f", 0640));
	WANT_VISIBLE(r, "B02", "names in a folder in which the host has made a file",
		     see_number(r, names_in("d"), 0, 1));
}

static void host_unlinks(struct check_run *r)
{
	HOST(r, host_file(r, "f", OLD_SIZE, OLD_SEED));
	WANT_OK(r, is_there("f"));
	HOST(r, host_unlink(r, "f"));
	WANT_NAME_VISIBLE(r, "B03", "stat of a name that the host has removed",
			  see_error(r, is_there("f"), 0, ENOENT));
}

static void host_renames(struct check_run *r)
{
	HOST(r, host_file(r, "old", OLD_SIZE, OLD_SEED));
	WANT_OK(r, is_there("old"));
	HOST(r, host_rename(r, "old", "new"));
	WANT_NAME_VISIBLE(r, "B04", "stat of the name that the host has given to a file",
			  see_error(r, is_there("new"), ENOENT, 0));
	WANT_SAME(r, OLD_SIZE, "size by the new name", size_of("new"));
	WANT_NAME_VISIBLE(r, "B03", "stat of the name that the file has lost",
			  see_error(r, is_there("old"), 0, ENOENT));
}

static void created_anew(struct check_run *r)
{
	NEED(r, oracle_letter(r, "B03") != 'U', "a mode that says what becomes of names");
	HOST(r, host_file(r, "f", OLD_SIZE, OLD_SEED));
	WANT_OK(r, is_there("f"));
	HOST(r, host_unlink(r, "f"));
	/* Within the time that the name may be kept. */
	WANT_OK(r, open("f", O_CREAT | O_EXCL | O_RDWR, 0600));
	WANT_SAME(r, 0, "size of the new file", size_of("f"));
}

static void host_replaces(struct check_run *r)
{
	int fd;

	HOST(r, host_file(r, "f", OLD_SIZE, OLD_SEED));
	HOST(r, host_file(r, "other", NEW_SIZE, NEW_SEED));
	WANT_OK(r, fd = open("f", O_RDONLY));
	WANT_SAME(r, OLD_SIZE, "size before", size_of("f"));
	HOST(r, host_rename(r, "other", "f"));
	WANT_NAME_VISIBLE(r, "B05", "size of a file that the host has moved over another one",
			  see_number(r, size_of("f"), OLD_SIZE, NEW_SIZE));
	WANT(same_file(r, "read through the descriptor of what was there", fd, 0, OLD_SIZE,
		       OLD_SEED));
}

static void host_unlinks_open(struct check_run *r)
{
	char byte = 'x';
	int fd;

	HOST(r, host_file(r, "f", 3 * PAGE, OLD_SEED));
	WANT_OK(r, fd = open("f", O_RDWR));
	HOST(r, host_unlink(r, "f"));
	WANT(same_file(r, "read of a file that the host has removed", fd, 0, 3 * PAGE, OLD_SEED));
	WANT_SAME(r, 1, "bytes written to it", pwrite(fd, &byte, 1, 0));
	WANT_OK(r, fsync(fd));
	WANT_SAME(r, 1, "bytes read of it", pread(fd, &byte, 1, 0));
	WANT_SAME(r, 'x', "what was written", byte);
	WANT_OK(r, ftruncate(fd, 1));
}

static void host_relinks(struct check_run *r)
{
	char target[64] = "";
	ssize_t n;

	HOST(r, host_symlink(r, "l", "old"));
	WANT_SAME(r, 3, "length of the target", readlink("l", target, sizeof(target) - 1));
	HOST(r, host_unlink(r, "l"));
	HOST(r, host_symlink(r, "l", "new"));
	WANT_NAME_VISIBLE(r, "B17", "target of a symbolic link that the host has made anew",
			  ((n = readlink("l", target, sizeof(target) - 1)),
			   target[n > 0 ? n : 0] = '\0', see_text(r, target, "old", "new")));
}

static void guest_changes(struct check_run *r)
{
	struct host_stat st;

	WANT_OK(r, open("f", O_CREAT | O_EXCL | O_WRONLY, 0626));
	WANT_VISIBLE(r, "B18", "the host looks for a file that the guest has made",
		     see_number(r, host_stat(r, "f", &st), -ENOENT, 0));
	WANT_SAME(r, S_IFREG | 0626, "mode on the host", st.mode);
	WANT_OK(r, mkdir("d", 0757));
	WANT_VISIBLE(r, "B18", "the host looks for a folder that the guest has made",
		     see_number(r, host_stat(r, "d", &st), -ENOENT, 0));
	WANT_SAME(r, S_IFDIR | 0757, "mode on the host", st.mode);
	WANT_OK(r, rename("f", "d/g"));
	WANT_VISIBLE(r, "B18", "the host looks for the name that a file has lost",
		     see_number(r, host_stat(r, "f", &st), 0, -ENOENT));
	WANT_VISIBLE(r, "B18", "the host looks for the name that it has got",
		     see_number(r, host_stat(r, "d/g", &st), -ENOENT, 0));
	WANT_OK(r, unlink("d/g"));
	WANT_VISIBLE(r, "B18", "the host looks for a file that the guest has removed",
		     see_number(r, host_stat(r, "d/g", &st), 0, -ENOENT));
	WANT_OK(r, rmdir("d"));
	WANT_VISIBLE(r, "B18", "the host looks for a folder that the guest has removed",
		     see_number(r, host_stat(r, "d", &st), 0, -ENOENT));
}

static const struct check checks[] = {
	{
		.id = "names.host-creates",
		.title = "A file that the host makes can be used by its name",
		.rows = "B01 FUSE-ENT-005",
		.does = "guest: stat (ENOENT); host: create; guest: stat, open",
		.wants = "both find it, at once in every mode",
		.catches = "negative-cached",
		.needs = NEED_HOST,
		.run = host_creates,
	},
	{
		.id = "names.host-creates-listed",
		.title = "A file that the host makes is listed",
		.rows = "B02 FUSE-OPEN-005",
		.does = "guest: list a folder; host: create a file in it; guest: list it again",
		.wants =
			"it is there; not before the time for attributes is over where folders are kept",
		.catches = "lost:op=READDIRPLUS",
		.needs = NEED_HOST,
		.run = host_creates_listed,
	},
	{
		.id = "names.host-unlinks",
		.title = "A file that the host removes loses its name in the guest",
		.rows = "B03 MULTI-008",
		.does = "guest: stat; host: unlink; guest: stat until it fails",
		.wants = "ENOENT, at the latest when the time for names is over",
		.catches = "valid-long",
		.needs = NEED_HOST,
		.run = host_unlinks,
	},
	{
		.id = "names.host-renames",
		.title = "A file that the host renames is found by its new name",
		.rows = "B04 B03 MULTI-008",
		.does = "guest: stat; host: rename; guest: stat of the new name, then of the old one",
		.wants =
			"the new one at once; the old one is ENOENT when the time for names is over",
		.catches = "valid-long",
		.needs = NEED_HOST,
		.run = host_renames,
	},
	{
		.id = "names.created-anew",
		.title = "A name that the host has removed can be made anew at once",
		.rows = "B03 MULTI-009",
		.does = "guest: stat; host: unlink; guest: open with O_CREAT and O_EXCL",
		.wants = "a new, empty file in every mode",
		.catches = "error:CREATE:EEXIST",
		.needs = NEED_HOST,
		.run = created_anew,
	},
	{
		.id = "names.host-replaces",
		.title =
			"A file that the host moves over a name takes it, and open files stay what they are",
		.rows = "B05 MULTI-010",
		.does = "guest: open, stat; host: rename another file over it; guest: stat, read the open file",
		.wants = "the old size or the new one, never ENOENT; the open file is as it was",
		.catches = "valid-long",
		.needs = NEED_HOST,
		.run = host_replaces,
	},
	{
		.id = "names.host-unlinks-open",
		.title = "A file that the host removes goes on for who has it open",
		.rows = "B06 HTRUNC-010",
		.does = "guest: open; host: unlink; guest: read, write, fsync, ftruncate",
		.wants = "all succeed",
		.catches = "removed-stale",
		.needs = NEED_HOST,
		.run = host_unlinks_open,
	},
	{
		.id = "names.host-relinks",
		.title = "A symbolic link that the host makes anew leads to its new target",
		.rows = "B17",
		.does = "guest: readlink; host: unlink, symlink; guest: readlink",
		.wants = "the new target, at the latest when the time for names is over",
		.catches = "valid-long",
		.needs = NEED_HOST,
		.run = host_relinks,
	},
	{
		.id = "names.guest-changes",
		.title = "What the guest does to names is done on the host when the call returns",
		.rows = "B18",
		.does = "guest: create, mkdir, rename, unlink, rmdir; host: stat after each",
		.wants = "the host sees each at once, with the mode that was given",
		.catches = "mode-ignored umask-own",
		.needs = NEED_HOST,
		.run = guest_changes,
	},
};

const struct check_area area_names = { "names", "Names that the other side changes", checks,
				       ARRAY_SIZE(checks) };
