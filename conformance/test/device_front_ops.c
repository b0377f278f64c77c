// SPDX-License-Identifier: Apache-2.0
/* Each opcode of the front end on each real daemon: what is asked must be understood, and seen on the host. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conformance/test/daemons.h"

#include <linux/fs.h>

#define ALLOWED_MAX 4

/* What the steps share. */
struct share {
	struct fixture *t;
	struct front *f;
	uint64_t dir; /* nodeids */
	uint64_t file;
	uint64_t fh;
	uint64_t dir_fh;
	unsigned dir_lookups;
	unsigned file_lookups;
};

static int host_stat(const struct share *s, const char *name, struct stat *ret)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", s->t->share, name);

	return path && lstat(path, ret) == 0 ? 0 : -errno;
}

static bool is_on_host(const struct share *s, const char *name, mode_t type)
{
	struct stat st = { 0 };

	return host_stat(s, name, &st) == 0 && (st.st_mode & S_IFMT) == type;
}

#define SAID(what)                                                               \
	do {                                                                     \
		if (!(what)) {                                                   \
			print_message("%s:%d: %s\n", __FILE__, __LINE__, #what); \
			return FRONT_FAILED;                                     \
		}                                                                \
	} while (0)

static int do_mkdir(struct share *s)
{
	struct fuse_entry_out e = { 0 };
	int r = front_mkdir(s->f, FRONT_ROOT, "dir", 0750, &e);

	if (r == 0)
		SAID(is_on_host(s, "dir", S_IFDIR));
	s->dir = e.nodeid;
	s->dir_lookups++;
	return r;
}

static int do_create(struct share *s)
{
	struct fuse_entry_out e = { 0 };
	struct fuse_open_out o = { 0 };
	int r = front_create(s->f, s->dir, "file", O_RDWR, S_IFREG | 0600, &e, &o);

	SAID(r == 0 && is_on_host(s, "dir/file", S_IFREG));
	s->file = e.nodeid;
	s->fh = o.fh;
	s->file_lookups++;
	return r;
}

static int do_mknod(struct share *s)
{
	struct fuse_entry_out e = { 0 };
	int r = front_mknod(s->f, s->dir, "fifo", S_IFIFO | 0600, 0, &e);

	SAID(r == 0 && is_on_host(s, "dir/fifo", S_IFIFO));
	return front_forget(s->f, e.nodeid, 1);
}

static int do_symlink(struct share *s)
{
	struct fuse_entry_out e = { 0 };
	char target[32] = "";
	int r = front_symlink(s->f, s->dir, "link", "some/target", &e);

	SAID(r == 0 && is_on_host(s, "dir/link", S_IFLNK));
	r = front_readlink(s->f, e.nodeid, target, sizeof(target));
	SAID(r != 0 || strcmp(target, "some/target") == 0);
	SAID(front_readlink(s->f, e.nodeid, target, 5) == -ENAMETOOLONG);
	SAID(front_forget(s->f, e.nodeid, 1) == 0);
	return r;
}

static int do_link(struct share *s)
{
	struct fuse_entry_out e = { 0 };
	int r = front_link(s->f, s->file, s->dir, "hard", &e);

	s->file_lookups += r == 0;
	SAID(r != 0 || (e.nodeid == s->file && e.attr.nlink == 2));
	return r;
}

static int do_rename(struct share *s)
{
	int r = front_rename(s->f, s->dir, "hard", FRONT_ROOT, "hard2");

	SAID(r == 0 && is_on_host(s, "hard2", S_IFREG) && !is_on_host(s, "dir/hard", S_IFREG));
	return r;
}

static int do_rename2(struct share *s)
{
	SAID(front_rename2(s->f, FRONT_ROOT, "hard2", s->dir, "file", RENAME_NOREPLACE) == -EEXIST);
	return front_rename2(s->f, FRONT_ROOT, "hard2", s->dir, "hard3", RENAME_NOREPLACE);
}

static int do_unlink(struct share *s)
{
	int r = front_unlink(s->f, s->dir, "hard3");

	SAID(!is_on_host(s, "dir/hard3", S_IFREG));
	return r;
}

static int do_rmdir(struct share *s)
{
	return front_rmdir(s->f, FRONT_ROOT, "dir");
}

static int do_setattr(struct share *s)
{
	struct fuse_setattr_in in = { .valid = FATTR_SIZE | FATTR_MODE | FATTR_FH,
				      .fh = s->fh,
				      .size = 10000,
				      .mode = S_IFREG | 0640 };
	struct fuse_attr_out out = { 0 };
	struct stat st = { 0 };
	int r = front_setattr(s->f, s->file, &in, &out);

	SAID(r == 0 && host_stat(s, "dir/file", &st) == 0 && st.st_size == 10000);
	SAID(out.attr.size == 10000 && (out.attr.mode & 0777) == 0640);
	return r;
}

static int do_getattr(struct share *s)
{
	struct fuse_attr_out out = { 0 };
	struct stat st = { 0 };
	int r = front_getattr(s->f, s->file, &s->fh, &out);

	SAID(r == 0 && host_stat(s, "dir/file", &st) == 0);
	SAID(out.attr.ino == st.st_ino && out.attr.nlink == st.st_nlink);
	return r;
}

static int do_open(struct share *s)
{
	struct fuse_open_out o = { 0 };
	int r = front_open_file(s->f, s->file, O_RDWR, &o);

	SAID(r == 0);
	SAID(front_flush(s->f, s->file, o.fh, 7) == 0);
	return front_release(s->f, s->file, o.fh, O_RDWR);
}

static int do_fsync(struct share *s)
{
	SAID(front_fsync(s->f, s->file, s->fh, true) == 0);
	return front_fsync(s->f, s->file, s->fh, false);
}

static int do_statfs(struct share *s)
{
	struct fuse_statfs_out out = { 0 };
	int r = front_statfs(s->f, FRONT_ROOT, &out);

	SAID(r != 0 || (out.st.bsize > 0 && out.st.namelen == 255));
	return r;
}

static int do_fallocate(struct share *s)
{
	struct stat st = { 0 };
	int r = front_fallocate(s->f, s->file, s->fh, 0, 20000, 0);

	SAID(r == 0 && host_stat(s, "dir/file", &st) == 0 && st.st_size == 20000);
	return r;
}

static int do_lseek(struct share *s)
{
	uint64_t at = 0;
	int r = front_lseek(s->f, s->file, s->fh, 5, SEEK_HOLE, &at);

	SAID(r != 0 || (at >= 5 && at <= 20000));
	return r;
}

static int do_copy(struct share *s)
{
	struct fuse_copy_file_range_in in = { .fh_in = s->fh,
					      .nodeid_out = s->file,
					      .fh_out = s->fh,
					      .off_out = 20000,
					      .len = 4096 };
	struct stat st = { 0 };
	uint32_t size = 0;
	int r = front_copy_file_range(s->f, s->file, &in, &size);

	SAID(r != 0 || (host_stat(s, "dir/file", &st) == 0 && st.st_size == 20000 + size));
	return r;
}

static int do_xattr(struct share *s)
{
	char value[16] = "";
	size_t size = 0;
	int r = front_setxattr(s->f, s->file, "user.vq", "value", 5, 0);

	if (r < 0)
		return r;
	SAID(front_getxattr(s->f, s->file, "user.vq", NULL, 0, &size) == 0 && size == 5);
	SAID(front_getxattr(s->f, s->file, "user.vq", value, sizeof(value), &size) == 0);
	SAID(size == 5 && memcmp(value, "value", 5) == 0);
	SAID(front_listxattr(s->f, s->file, NULL, 0, &size) == 0 && size >= 8);
	SAID(front_listxattr(s->f, s->file, value, sizeof(value), &size) == 0);
	return front_removexattr(s->f, s->file, "user.vq");
}

static int do_readdir(struct share *s)
{
	struct front_dirents d;
	struct front_dirent entry = { 0 };
	struct fuse_open_out o = { 0 };
	uint8_t bytes[2048];
	size_t size = 0;
	bool seen = false;

	SAID(front_opendir(s->f, s->dir, &o) == 0);
	SAID(front_readdir(s->f, s->dir, o.fh, 0, bytes, sizeof(bytes), &size) == 0);
	front_dirents_begin(&d, bytes, size, false);
	while (front_dirents_next(&d, &entry) > 0)
		seen |= strcmp(entry.name, "file") == 0 && entry.type == S_IFREG >> 12;
	SAID(seen);
	s->dir_fh = o.fh;
	return 0;
}

static int do_fsyncdir(struct share *s)
{
	int r = front_fsyncdir(s->f, s->dir, s->dir_fh, false);

	SAID(front_releasedir(s->f, s->dir, s->dir_fh) == 0);
	return r;
}

static int do_access(struct share *s)
{
	return front_access(s->f, s->file, R_OK | W_OK);
}

static int do_lock(struct share *s)
{
	struct fuse_lk_in in = { .fh = s->fh,
				 .owner = 3,
				 .lk = { .end = 10, .type = F_WRLCK, .pid = 4 } };
	struct fuse_lk_out out;
	int r = front_lock(s->f, FUSE_SETLK, s->file, &in, NULL);

	/* Linux asks without a process. */
	in.lk.pid = 0;
	if (r == 0)
		r = front_lock(s->f, FUSE_GETLK, s->file, &in, &out);
	return r;
}

static int do_batch_forget(struct share *s)
{
	struct fuse_entry_out e = { 0 };
	struct fuse_forget_one list[2];

	SAID(front_lookup(s->f, s->dir, "file", &e) == 0);
	SAID(front_lookup(s->f, s->dir, "link", &e) == 0);
	list[0] = (struct fuse_forget_one){ s->file, 1 };
	list[1] = (struct fuse_forget_one){ e.nodeid, 1 };
	return front_batch_forget(s->f, list, 2);
}

static int do_syncfs(struct share *s)
{
	return front_syncfs(s->f, FRONT_ROOT);
}

static int do_tmpfile(struct share *s)
{
	struct fuse_entry_out e = { 0 };
	struct fuse_open_out o = { 0 };
	int r = front_tmpfile(s->f, s->dir, O_RDWR, S_IFREG | 0600, &e, &o);

	if (r == 0)
		SAID(front_release(s->f, e.nodeid, o.fh, 0) == 0);
	return r;
}

static int do_statx(struct share *s)
{
	struct fuse_statx_reply out = { 0 };
	int r = front_statx(s->f, s->file, NULL, 0, STATX_BASIC_STATS, &out);

	SAID(r != 0 || S_ISREG(out.stat.mode));
	return r;
}

static int do_setupmapping(struct share *s)
{
	return front_setupmapping(s->f, s->file, 0, 4096, FUSE_SETUPMAPPING_FLAG_READ, 0);
}

static int do_removemapping(struct share *s)
{
	struct fuse_removemapping_one one = { 0, 4096 };

	return front_removemapping(s->f, s->file, &one, 1);
}

static int do_unknown(struct share *s)
{
	struct front_op op = { .opcode = 99, .nodeid = FRONT_ROOT, .out_max = 64 };

	return front_do(s->f, &op, NULL, 0, NULL);
}

static int do_read_past_end(struct share *s)
{
	uint8_t bytes[16];
	size_t size = 99;
	int r = front_read(s->f, s->file, s->fh, 1000000, bytes, sizeof(bytes), &size);

	SAID(r != 0 || size == 0);
	return r;
}

static int do_interrupt(struct share *s)
{
	struct fuse_attr_out out = { 0 };
	int r;

	/* The next request would kill it. */
	if (s->t->row->dies_of_interrupt)
		return -EAGAIN;
	r = front_interrupt(s->f, 12345);
	SAID(front_getattr(s->f, FRONT_ROOT, NULL, &out) == 0);
	return r;
}

static int do_forget(struct share *s)
{
	SAID(front_release(s->f, s->file, s->fh, O_RDWR) == 0);
	SAID(front_forget(s->f, s->file, s->file_lookups) == 0);
	return front_forget(s->f, s->dir, s->dir_lookups);
}

/* In this order. Besides 0: what a daemon without the feature may say. */
static const struct {
	const char *name;
	int (*run)(struct share *s);
	int also[ALLOWED_MAX];
} steps[] = {
	{ "MKDIR", do_mkdir, { 0 } },
	{ "CREATE", do_create, { 0 } },
	{ "MKNOD", do_mknod, { 0 } },
	{ "SYMLINK, READLINK", do_symlink, { 0 } },
	{ "LINK", do_link, { 0 } },
	{ "RENAME", do_rename, { 0 } },
	{ "RENAME2", do_rename2, { 0 } },
	{ "UNLINK", do_unlink, { 0 } },
	{ "RMDIR of a full folder", do_rmdir, { -ENOTEMPTY } },
	{ "SETATTR", do_setattr, { 0 } },
	{ "GETATTR", do_getattr, { 0 } },
	{ "OPEN, FLUSH, RELEASE", do_open, { 0 } },
	{ "FSYNC", do_fsync, { 0 } },
	{ "STATFS", do_statfs, { 0 } },
	{ "FALLOCATE", do_fallocate, { 0 } },
	{ "LSEEK", do_lseek, { 0 } },
	{ "COPY_FILE_RANGE", do_copy, { -EXDEV, -EOPNOTSUPP, -EINVAL } },
	{ "xattr", do_xattr, { -EOPNOTSUPP } },
	{ "OPENDIR, READDIR", do_readdir, { 0 } },
	{ "FSYNCDIR", do_fsyncdir, { 0 } },
	{ "ACCESS", do_access, { -ENOSYS } },
	{ "SETLK, GETLK", do_lock, { -ENOSYS, -EOPNOTSUPP } },
	{ "BATCH_FORGET", do_batch_forget, { 0 } },
	{ "SYNCFS", do_syncfs, { -ENOSYS } },
	{ "TMPFILE", do_tmpfile, { -ENOSYS } },
	{ "STATX", do_statx, { -ENOSYS } },
	{ "SETUPMAPPING", do_setupmapping, { -ENOSYS } },
	{ "REMOVEMAPPING", do_removemapping, { -ENOSYS } },
	{ "opcode 99", do_unknown, { -ENOSYS } },
	{ "READ past the end", do_read_past_end, { 0 } },
	{ "INTERRUPT", do_interrupt, { -EAGAIN, -ENOSYS } },
	{ "FORGET", do_forget, { 0 } },
};

static bool is_allowed(size_t i, int result)
{
	bool allowed = result == 0;

	for (size_t k = 0; k < ALLOWED_MAX; k++)
		allowed |= steps[i].also[k] < 0 && result == steps[i].also[k];
	return allowed;
}

static int run_ops(struct fixture *t, const struct front_options *options)
{
	struct share s = { .t = t };

	CHECK(t, connect_front(t, options) == 0);
	s.f = t->f;
	CHECK(t, front_init(t->f, 0, NULL) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int result = steps[i].run(&s);

		if (result != 0)
			(void)printf("%-12s %-22s %s (%d)\n", t->row->id, steps[i].name,
				     result > -1000 ? strerror(-result) : "", result);
		CHECK(t, is_allowed(i, result));
		CHECK(t, front_evidence_count(t->f->evidence) == 0);
	}
	return 0;
}

static void ops(void **state)
{
	static const struct front_options o = { .ring_size = 256, .traffic = true };

	(void)state;
	on_each(run_ops, &o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
