// SPDX-License-Identifier: Apache-2.0
/* What a guest's root and its users can do through the sandboxed device, in both kinds of sandbox. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <cmocka.h>

#include "conformance/test/sandboxed.h"

#define USER	  1000
#define GROUP	  1001
#define SUID_MODE (S_ISUID | S_ISGID | 0775)

/* struct vfs_cap_data, revision 2, effective: CAP_NET_RAW. */
static const uint32_t file_caps[] = { 0x02000001, 1u << 13, 0, 0, 0 };

/* What the host lets only its own root do, and a user namespace therefore not. */
struct mode {
	const char *name;
	bool devices;	  /* nodes can be made */
	bool keeps_setid; /* when root writes to a file */
	bool attributes;  /* trusted.* are there, and security.* can be set */
};

static const struct mode modes[] = {
	{ .name = "namespace" },
	{ .name = "privileged", .devices = true, .keeps_setid = true },
	{ .name = "none", .devices = true, .keeps_setid = true, .attributes = true },
};

static int host_stat(const struct fixture *t, const char *name, struct stat *ret)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", t->share, name);

	return path && lstat(path, ret) == 0 ? 0 : -1;
}

static int run_op(struct fixture *t, struct front_op *op, uid_t uid, gid_t gid)
{
	struct front_request *r;
	int e;

	op->uid = uid;
	op->gid = gid;
	CHECK(front_prepare(t->f, op, &r) == 0);
	CHECK(front_submit(r) == 0);
	e = front_wait(r, front_deadline(t->f));
	front_request_free(r);
	return e;
}

static int is_owned(const struct fixture *t, const char *name, uid_t uid, gid_t gid)
{
	struct stat st;

	CHECK(host_stat(t, name, &st) == 0);
	CHECK(st.st_uid == uid && st.st_gid == gid);
	return 0;
}

/* A user's things are his, on the host too, and he may do there what he may and nothing else. */
static int check_user(struct fixture *t)
{
	CLEANUP(freep) char *closed = fs_path("%s/closed", t->share);
	struct fuse_entry_out dir;
	struct front_op op;

	CHECK(closed && chmod(t->share, 0777) == 0 && mkdir(closed, 0700) == 0);
	op = front_op_mkdir(FRONT_ROOT, "dir", 0755);
	CHECK(run_op(t, &op, USER, GROUP) == 0 && is_owned(t, "dir", USER, GROUP) == 0);
	op = front_op_mknod(FRONT_ROOT, "fifo", S_IFIFO | 0600, 0);
	CHECK(run_op(t, &op, USER, GROUP) == 0 && is_owned(t, "fifo", USER, GROUP) == 0);
	op = front_op_symlink(FRONT_ROOT, "link", "dir");
	CHECK(run_op(t, &op, USER, GROUP) == 0 && is_owned(t, "link", USER, GROUP) == 0);
	op = front_op_create(FRONT_ROOT, "file", O_RDWR, S_IFREG | 0640);
	CHECK(run_op(t, &op, USER, GROUP) == 0 && is_owned(t, "file", USER, GROUP) == 0);
	CHECK(front_lookup(t->f, FRONT_ROOT, "closed", &dir) == 0);
	op = front_op_mkdir(dir.nodeid, "x", 0755);
	CHECK(run_op(t, &op, USER, GROUP) == -EACCES);
	CHECK(run_op(t, &op, 0, 0) == 0 && is_owned(t, "closed/x", 0, 0) == 0);
	return 0;
}

/* Any user there is, and modes with all their bits. */
static int check_root(struct fixture *t, uint64_t node)
{
	const struct fuse_setattr_in owner = { .valid = FATTR_UID | FATTR_GID,
					       .uid = 4294967294,
					       .gid = 70000 };
	const struct fuse_setattr_in mode = { .valid = FATTR_MODE, .mode = SUID_MODE };
	struct fuse_attr_out out;
	struct stat st;

	CHECK(front_setattr(t->f, node, &owner, &out) == 0);
	CHECK(out.attr.uid == 4294967294 && out.attr.gid == 70000);
	CHECK(is_owned(t, "file", 4294967294, 70000) == 0);
	CHECK(front_setattr(t->f, node, &mode, &out) == 0);
	CHECK(host_stat(t, "file", &st) == 0 && (st.st_mode & 07777) == SUID_MODE);
	return 0;
}

static int open_rw(struct fixture *t, uint64_t node, uint64_t *ret)
{
	struct fuse_open_out open;
	int e = front_open_file(t->f, node, O_RDWR, &open);

	*ret = open.fh;
	return e;
}

static int do_write(struct fixture *t, uint64_t node, uint64_t fh)
{
	uint32_t done;

	return front_write(t->f, node, fh, 0, "x", 1, &done);
}

static int do_allocate(struct fixture *t, uint64_t node, uint64_t fh)
{
	return front_fallocate(t->f, node, fh, 0, 100, 0);
}

static int do_truncate(struct fixture *t, uint64_t node, uint64_t fh)
{
	const struct fuse_setattr_in in = { .valid = FATTR_SIZE, .size = 10 };
	struct fuse_attr_out out;

	(void)fh;
	return front_setattr(t->f, node, &in, &out);
}

/* Whatever root does to what a file holds. Nobody has asked for the bits to go (KILL_SUIDGID). */
static int check_setid(struct fixture *t, uint64_t node, bool keeps)
{
	static int (*const changes[])(struct fixture * t, uint64_t node, uint64_t fh) = {
		do_write,
		do_allocate,
		do_truncate,
	};
	CLEANUP(freep) char *path = fs_path("%s/file", t->share);
	struct stat st;
	uint64_t fh;

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		CHECK(chmod(path, SUID_MODE) == 0 && open_rw(t, node, &fh) == 0);
		CHECK(changes[i](t, node, fh) == 0);
		CHECK(front_release(t->f, node, fh, O_RDWR) == 0);
		CHECK(host_stat(t, "file", &st) == 0);
		CHECK((st.st_mode & 07777) == (keeps ? SUID_MODE : 0775));
	}
	return 0;
}

/* What takes CAP_SYS_ADMIN over the host: without, trusted.* do not exist, and security.* are for reading. */
static int check_privileged_xattrs(struct fixture *t, uint64_t node, bool allowed)
{
	const int refused = allowed ? 0 : -EPERM;
	CLEANUP(freep) char *path = fs_path("%s/file", t->share);
	char list[256] = "";
	char value[16];
	size_t size = 0;

	CHECK(setxattr(path, "trusted.host", "h", 1, 0) == 0);
	CHECK(setxattr(path, "security.host", "h", 1, 0) == 0);
	CHECK(front_setxattr(t->f, node, "trusted.a", "b", 1, 0) == refused);
	CHECK(front_setxattr(t->f, node, "security.a", "b", 1, 0) == refused);
	CHECK(front_removexattr(t->f, node, "security.host") == refused);
	CHECK(setxattr(path, "security.host", "h", 1, 0) == 0);
	CHECK(front_getxattr(t->f, node, "security.host", value, sizeof(value), &size) == 0);
	CHECK(front_getxattr(t->f, node, "trusted.host", value, sizeof(value), &size) ==
	      (allowed ? 0 : -ENODATA));
	CHECK(front_listxattr(t->f, node, list, sizeof(list), &size) == 0);
	CHECK(memmem(list, size, "security.host", 13));
	CHECK(!memmem(list, size, "trusted.host", 12) == !allowed);
	return 0;
}

/* The guest reads back what it wrote, and the host honours the same. */
static int check_xattrs(struct fixture *t, uint64_t node)
{
	CLEANUP(freep) char *path = fs_path("%s/file", t->share);
	uint32_t back[8];
	char value[16];
	size_t size = 0;

	CHECK(front_setxattr(t->f, node, "user.a", "value", 5, 0) == 0);
	CHECK(front_getxattr(t->f, node, "user.a", value, sizeof(value), &size) == 0);
	CHECK(size == 5 && memcmp(value, "value", 5) == 0);
	CHECK(front_setxattr(t->f, node, "security.capability", file_caps, sizeof(file_caps), 0) ==
	      0);
	CHECK(front_getxattr(t->f, node, "security.capability", back, sizeof(back), &size) == 0);
	CHECK(size == sizeof(file_caps) && memcmp(back, file_caps, size) == 0);
	CHECK(getxattr(path, "security.capability", back, sizeof(back)) == sizeof(file_caps));
	CHECK(memcmp(back, file_caps, sizeof(file_caps)) == 0);
	CHECK(front_removexattr(t->f, node, "security.capability") == 0);
	return 0;
}

static int check_devices(struct fixture *t, bool allowed)
{
	const uint32_t null_device = 0x103;
	struct fuse_entry_out entry;
	struct stat st;
	int e = front_mknod(t->f, FRONT_ROOT, "device", S_IFCHR | 0600, null_device, &entry);

	CHECK(e == (allowed ? 0 : -EPERM));
	if (allowed)
		CHECK(host_stat(t, "device", &st) == 0 && st.st_rdev == makedev(1, 3));
	/* Overlay file systems in guests need these, and anybody may make them. */
	CHECK(front_mknod(t->f, FRONT_ROOT, "whiteout", S_IFCHR, 0, &entry) == 0);
	CHECK(front_mknod(t->f, FRONT_ROOT, "socket", S_IFSOCK | 0600, 0, &entry) == 0);
	return 0;
}

static int run(struct fixture *t, const struct mode *m)
{
	struct fuse_entry_out file;

	CHECK(start(t, 0, m->name, WORDS("--dax=inode")) == 0);
	CHECK(connect_front(t, strcmp(m->name, "none") != 0) == 0);
	CHECK(check_user(t) == 0);
	CHECK(front_lookup(t->f, FRONT_ROOT, "file", &file) == 0);
	CHECK(check_root(t, file.nodeid) == 0);
	CHECK(check_setid(t, file.nodeid, m->keeps_setid) == 0);
	CHECK(check_xattrs(t, file.nodeid) == 0);
	CHECK(check_devices(t, m->devices) == 0);
	CHECK(check_privileged_xattrs(t, file.nodeid, m->attributes) == 0);
	CHECK(front_syncfs(t->f, FRONT_ROOT) == 0);
	CHECK(front_evidence_count(t->f->evidence) == 0);
	return 0;
}

static void posix(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("this test needs root\n");
		skip();
	}
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct fixture t;
		int e = set_up(&t, 0);

		e = tear_down(&t, e < 0 ? e : run(&t, &modes[i]));
		if (e < 0)
			fail_msg("--sandbox %s", modes[i].name);
	}
}

#define FILE_BYTES 5000
#define MAP_BYTES  (2 * MIB)

/* The broker's or the shadow's file reaches the front end; a file that is cut leaves no mapping behind. */
static int check_mapping(struct fixture *t)
{
	const struct fuse_setattr_in cut = { .valid = FATTR_SIZE, .size = 100 };
	const struct fuse_removemapping_one all = { .moffset = 0, .len = MAP_BYTES };
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	struct fuse_attr_out attr;
	uint8_t data[FILE_BYTES];
	uint8_t back[FILE_BYTES];
	uint32_t done;

	memset(data, 0x5a, sizeof(data));
	CHECK(front_create(t->f, FRONT_ROOT, "mapped", O_RDWR, S_IFREG | 0640, &entry, &open) == 0);
	CHECK(front_write(t->f, entry.nodeid, open.fh, 0, data, sizeof(data), &done) == 0);
	CHECK(front_setupmapping(t->f, entry.nodeid, 0, MAP_BYTES,
				 FUSE_SETUPMAPPING_FLAG_READ | FUSE_SETUPMAPPING_FLAG_WRITE,
				 0) == 0);
	CHECK(front_window_read(t->f->window, 0, back, sizeof(back)) == 0);
	CHECK(memcmp(back, data, sizeof(data)) == 0);
	CHECK(front_window_write(t->f->window, 4500, "x", 1) == 0);
	CHECK(front_fsync(t->f, entry.nodeid, open.fh, false) == 0);
	CHECK(front_setattr(t->f, entry.nodeid, &cut, &attr) == 0 && attr.attr.size == 100);
	CHECK(front_removemapping(t->f, entry.nodeid, &all, 1) == 0);
	CHECK(front_release(t->f, entry.nodeid, open.fh, O_RDWR) == 0);
	return 0;
}

/* Files that were opened before the door was shut: they are written when it is told to, and in the end. */
static int check_ledger(struct fixture *t, const char *path)
{
	uint64_t deadline = clock_deadline_ms(2000);
	struct stat st = { .st_size = 0 };

	CHECK(kill(t->daemon.pid, SIGUSR1) == 0);
	while (stat(path, &st) < 0 || st.st_size == 0) {
		CHECK(clock_left_ms(deadline) > 0);
		(void)poll(NULL, 0, 5);
	}
	front_hang_up(t->f);
	CHECK(proc_wait(&t->daemon, clock_deadline_ms(2000)) == 0 && t->daemon.status == 0);
	return 0;
}

static int run_window(struct fixture *t, const char *tail)
{
	CLEANUP(freep) char *path = fs_path("%s/ledger", t->dir);
	CLEANUP(freep) char *ledger = fs_path("--ledger=%s", path);

	CHECK(path && ledger);
	CHECK(start(t, 0, NULL, WORDS("--dax=always", "--threads=2", tail, ledger)) == 0);
	CHECK(connect_front(t, true) == 0);
	CHECK(check_mapping(t) == 0);
	CHECK(front_evidence_count(t->f->evidence) == 0);
	return check_ledger(t, path);
}

static void window(void **state)
{
	static const char *const tails[] = { "--tail=auto", "--tail=shadow" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
		struct fixture t;
		int e = set_up(&t, 0);

		e = tear_down(&t, e < 0 ? e : run_window(&t, tails[i]));
		if (e < 0)
			fail_msg("%s", tails[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(posix),
		cmocka_unit_test(window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
