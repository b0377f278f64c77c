// SPDX-License-Identifier: Apache-2.0
/* Links, renames and special files. */
#include "conformance/guest/areas.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#define SEED 6

static void hard(struct check_run *r)
{
	struct host_stat host;
	struct stat a;
	struct stat b;

	DO(r, make_file(r, "a", 10, SEED));
	WANT_OK(r, link("a", "b"));
	WANT_OK(r, stat("a", &a));
	WANT_OK(r, stat("b", &b));
	WANT_SAME(r, a.st_ino, "inode number by the second name", b.st_ino);
	WANT_SAME(r, 2, "links by the second name", b.st_nlink);
	HOST(r, host_stat(r, "b", &host));
	WANT_SAME(r, 2, "links on the host", host.nlink);
	WANT_OK(r, unlink("a"));
	WANT_SAME(r, 1, "links when the first name is gone", links_of("b"));
	WANT_SAME(r, 10, "size by the second name", size_of("b"));
}

static void symbolic(struct check_run *r)
{
	char target[1001];
	char seen[PATH_MAX] = "";
	struct stat st;

	memset(target, 't', sizeof(target));
	target[1000] = '\0';
	WANT_OK(r, symlink(target, "long"));
	WANT_SAME(r, 1000, "length of the target on the host",
		  host_readlink(r, "long", seen, sizeof(seen)));
	WANT_TEXT(r, target, "target on the host", seen);
	memset(seen, 0, sizeof(seen));
	WANT_SAME(r, 1000, "length of the target", readlink("long", seen, sizeof(seen)));
	WANT_TEXT(r, target, "target", seen);
	WANT_OK(r, lstat("long", &st));
	WANT_SAME(r, 1000, "size of the link", st.st_size);
}

static void followed(struct check_run *r)
{
	DO(r, make_file(r, "f", 10, SEED));
	DO(r, mkdir("d", 0755));
	WANT_OK(r, symlink("../f", "d/l"));
	WANT_SAME(r, 4, "size of the link itself", size_of("d/l"));
	WANT_OK(r, open("d/l", O_RDONLY));
	WANT_ERROR(r, ELOOP, open("d/l", O_RDONLY | O_NOFOLLOW));
	WANT_OK(r, symlink("self", "self"));
	WANT_ERROR(r, ELOOP, open("self", O_RDONLY));
}

static void replaced(struct check_run *r)
{
	int fd = make_file(r, "old", 10, SEED);

	WANT(fd >= 0);
	DO(r, make_file(r, "new", 20, SEED));
	WANT_OK(r, rename("new", "old"));
	WANT_SAME(r, 20, "size by the name", size_of("old"));
	WANT_ERROR(r, ENOENT, is_there("new"));
	WANT(same_file(r, "read of what was replaced", fd, 0, 10, SEED));
	WANT_SAME(r, 20, "bytes that the host finds", host_match(r, "old", 0, 100, SEED));
}

static void exchanged(struct check_run *r)
{
	struct host_stat st;
	int64_t n;

	DO(r, make_file(r, "a", 10, SEED));
	DO(r, make_file(r, "b", 20, SEED));
	n = renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE);
	NEED(r, n == 0 || errno != EINVAL, "RENAME_EXCHANGE");
	WANT_OK(r, n);
	WANT_SAME(r, 0, "the host finds the first name", host_stat(r, "a", &st));
	WANT_SAME(r, 20, "its size", st.size);
	WANT_SAME(r, 20, "its size in the guest", size_of("a"));
	WANT_SAME(r, 10, "size of the other", size_of("b"));
}

static void not_replaced(struct check_run *r)
{
	DO(r, make_file(r, "a", 10, SEED));
	/* The guest does not know of it. */
	HOST(r, host_file(r, "b", 20, SEED));
	WANT_ERROR(r, EEXIST, renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE));
	WANT_SAME(r, 20, "bytes that the host finds", host_match(r, "b", 0, 100, SEED));
	WANT_OK(r, renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE));
	WANT_SAME(r, 10, "size by the new name", size_of("c"));
}

static void folder_renamed(struct check_run *r)
{
	DO(r, mkdir("a", 0755));
	DO(r, mkdir("b", 0755));
	DO(r, make_file(r, "a/f", 10, SEED));
	WANT_OK(r, rename("a", "b/c"));
	WANT_SAME(r, 10, "size of a file in it", size_of("b/c/f"));
	WANT_ERROR(r, EINVAL, rename("b", "b/c/d"));
	DO(r, mkdir("e", 0755));
	WANT_ERROR(r, ENOTEMPTY, rename("e", "b"));
	WANT_SAME(r, 10, "bytes that the host finds", host_match(r, "b/c/f", 0, 100, SEED));
}

static void devices(struct check_run *r)
{
	struct host_stat host;
	struct stat st;

	int64_t n = mknod("null", S_IFCHR | 0600, makedev(1, 3));

	NEED(r, n == 0 || errno != EPERM, "a device that may make device nodes");
	WANT_OK(r, n);
	WANT_OK(r, stat("null", &st));
	WANT_SAME(r, S_IFCHR | 0600, "mode in the guest", st.st_mode);
	WANT_SAME(r, makedev(1, 3), "device number", st.st_rdev);
	HOST(r, host_stat(r, "null", &host));
	WANT_SAME(r, S_IFCHR | 0600, "mode on the host", host.mode);
}

static void fifo(struct check_run *r)
{
	struct host_stat host;
	char c = 0;
	int in;
	int out;

	WANT_OK(r, mkfifo("f", 0600));
	HOST(r, host_stat(r, "f", &host));
	WANT_SAME(r, S_IFIFO | 0600, "mode on the host", host.mode);
	WANT_OK(r, in = open("f", O_RDONLY | O_NONBLOCK));
	WANT_OK(r, out = open("f", O_WRONLY | O_NONBLOCK));
	WANT_SAME(r, 1, "bytes written", write(out, "x", 1));
	WANT_SAME(r, 1, "bytes read", read(in, &c, 1));
	WANT_SAME(r, 'x', "what was written", c);
}

static void local_socket(struct check_run *r)
{
	const struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = "s" };
	struct host_stat host;
	int server = socket(AF_UNIX, SOCK_STREAM, 0);
	int client = socket(AF_UNIX, SOCK_STREAM, 0);

	DO(r, server < 0 ? server : client);
	WANT_OK(r, bind(server, (const struct sockaddr *)&at, sizeof(at)));
	WANT_OK(r, listen(server, 1));
	HOST(r, host_stat(r, "s", &host));
	WANT_SAME(r, S_IFSOCK, "type on the host", host.mode & S_IFMT);
	WANT_OK(r, connect(client, (const struct sockaddr *)&at, sizeof(at)));
}

static const struct check checks[] = {
	{
		.id = "links.hard",
		.title = "Two names of a file are one file",
		.rows = "FUSE-ENT-003",
		.does = "guest: link, stat both, unlink the first; host: stat",
		.wants = "one inode number, two links, then one",
		.catches = "error:LINK:EPERM nodeid-fresh",
		.needs = NEED_HOST,
		.run = hard,
	},
	{
		.id = "links.symbolic",
		.title = "A symbolic link keeps its target whole",
		.rows = "VIRTIO-FS-SEC-006",
		.does = "guest: symlink with a target of 1000 bytes, readlink, lstat; host: readlink",
		.wants = "the target on both sides",
		.catches = "target-cut",
		.needs = NEED_HOST,
		.run = symbolic,
	},
	{
		.id = "links.followed",
		.title = "A symbolic link is followed by the guest, and not with O_NOFOLLOW",
		.rows = "VIRTIO-FS-SEC-006",
		.does = "guest: open through a link, with O_NOFOLLOW, and a link to itself",
		.wants = "success, ELOOP, ELOOP",
		.catches = "link-followed target-cut",
		.run = followed,
	},
	{
		.id = "links.rename-replaces",
		.title = "rename takes the place of a file, which goes on for who has it open",
		.rows = "MULTI-010",
		.does = "guest: rename over an open file, stat both names, read; host: read",
		.wants = "the new file by its name, the old one by its descriptor",
		.catches = "lost:op=RENAME",
		.needs = NEED_HOST,
		.run = replaced,
	},
	{
		.id = "links.rename-exchanges",
		.title = "RENAME_EXCHANGE exchanges two files",
		.rows = "MULTI-010",
		.does = "guest: renameat2 with RENAME_EXCHANGE; both: stat",
		.wants = "each has the size of the other",
		.catches = "rename-flags",
		.needs = NEED_HOST,
		.run = exchanged,
	},
	{
		.id = "links.rename-keeps",
		.title = "RENAME_NOREPLACE does not replace a file that the host has made",
		.rows = "MULTI-010",
		.does = "host: make a file; guest: renameat2 with RENAME_NOREPLACE to its name, then to another one",
		.wants = "EEXIST, then success",
		.catches = "error:RENAME2:EINVAL",
		.needs = NEED_HOST,
		.run = not_replaced,
	},
	{
		.id = "links.rename-folder",
		.title =
			"A folder is renamed with what is in it, not into itself, and not over one that is not empty",
		.rows = "MULTI-010",
		.does = "guest: rename a folder into another one, into itself, over one with files; host: read",
		.wants = "success, EINVAL, ENOTEMPTY",
		.catches = "lost:op=RENAME error:RENAME:EIO",
		.needs = NEED_HOST,
		.run = folder_renamed,
	},
	{
		.id = "links.device",
		.title = "A device node has its type and number",
		.rows = "VIRTIO-FS-SEC-012",
		.does = "guest: mknod; both: stat",
		.wants = "a character device on both sides",
		.catches = "type-ignored",
		.needs = NEED_HOST,
		.run = devices,
	},
	{
		.id = "links.fifo",
		.title = "A FIFO of the share carries bytes in the guest",
		.rows = "VIRTIO-FS-SEC-010",
		.does = "guest: mkfifo, open both ends, write, read; host: stat",
		.wants = "the byte; a FIFO on the host",
		.catches = "type-ignored attr-type:op=MKNOD",
		.needs = NEED_HOST,
		.run = fifo,
	},
	{
		.id = "links.socket",
		.title = "A socket of the share can be connected to in the guest",
		.rows = "VIRTIO-FS-SEC-010",
		.does = "guest: bind, listen, connect; host: stat",
		.wants = "success; a socket on the host",
		.catches = "type-ignored",
		.needs = NEED_HOST,
		.run = local_socket,
	},
};

const struct check_area area_links = { "links", "Links, renames and special files", checks,
				       ARRAY_SIZE(checks) };
