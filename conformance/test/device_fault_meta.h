/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_TEST_DEVICE_FAULT_META_H
#define VQ_CONFORMANCE_TEST_DEVICE_FAULT_META_H

/* INIT's numbers, attributes that are set, owners, extended attributes. */

#include "conformance/test/device_fault.h"

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/xattr.h>

#define STRANGER 12345

static int meta_file(struct fixture *t, uint64_t *ret)
{
	struct fuse_entry_out out;

	TRY(front_lookup(t->f, FRONT_ROOT, "file", &out));
	*ret = out.nodeid;
	return 0;
}

/* ---- INIT ---- */

static int init_older(struct fixture *t)
{
	struct fuse_init_out out;

	return seen_if(front_init_with(t->f, 6, 0, 0, &out) == 0 && out.major == 7);
}

static int init_flags_all(struct fixture *t)
{
	return seen_if(t->f->init.flags == INT32_MAX && t->f->init.flags2 == UINT32_MAX);
}

static int init_max_pages(struct fixture *t)
{
	return seen_if((t->f->init.flags & FUSE_MAX_PAGES) && t->f->init.max_pages == 0);
}

static int init_readahead(struct fixture *t)
{
	return seen_if(t->f->init.max_readahead == UINT32_MAX);
}

static int init_time_gran(struct fixture *t)
{
	return seen_if(t->f->init.time_gran == 2000000000);
}

/* ---- attributes ---- */

/* SETATTR of "file", and what the host sees then. */
static int set_attr(struct fixture *t, const struct fuse_setattr_in *in, struct stat *ret)
{
	struct fuse_attr_out out;
	uint64_t nodeid;

	TRY(meta_file(t, &nodeid));
	TRY(front_setattr(t->f, nodeid, in, &out));
	return host_stat(t, "file", ret);
}

static int setattr_lost(struct fixture *t)
{
	const struct fuse_setattr_in in = { .valid = FATTR_MODE, .mode = 0611 };
	struct stat st;

	TRY(set_attr(t, &in, &st));
	return seen_if((st.st_mode & 07777) != 0611);
}

static int setattr_first(struct fixture *t)
{
	const struct fuse_setattr_in in = { .valid = FATTR_MODE | FATTR_SIZE,
					    .mode = 0611,
					    .size = 1 };
	struct stat st;

	TRY(set_attr(t, &in, &st));
	return seen_if((st.st_mode & 07777) == 0611 && st.st_size != 1);
}

static int time_seconds(struct fixture *t)
{
	const struct fuse_setattr_in in = { .valid = FATTR_MTIME, .mtime = 1000, .mtimensec = 5 };
	struct stat st;

	TRY(set_attr(t, &in, &st));
	return seen_if(st.st_mtim.tv_sec == 1000 && st.st_mtim.tv_nsec == 0);
}

static int time_unsigned(struct fixture *t)
{
	const struct fuse_setattr_in in = { .valid = FATTR_MTIME, .mtime = (uint64_t)-1000 };
	struct stat st;

	TRY(set_attr(t, &in, &st));
	return seen_if(st.st_mtim.tv_sec == 0);
}

static int time_both(struct fixture *t)
{
	struct fuse_setattr_in in = { .valid = FATTR_ATIME | FATTR_MTIME };
	struct stat st;

	TRY(set_attr(t, &in, &st));
	in.valid = FATTR_ATIME;
	TRY(set_attr(t, &in, &st));
	return seen_if(st.st_mtim.tv_sec != 0);
}

static int now_ignored(struct fixture *t)
{
	const struct fuse_setattr_in in = { .valid = FATTR_MTIME | FATTR_MTIME_NOW, .mtime = 1000 };
	struct stat st;

	TRY(set_attr(t, &in, &st));
	return seen_if(st.st_mtim.tv_sec == 1000);
}

static int statx_mask(struct fixture *t)
{
	struct fuse_statx_reply out;

	TRY(front_statx(t->f, FRONT_ROOT, NULL, 0, STATX_BASIC_STATS, &out));
	return seen_if(out.stat.mask == 0);
}

/* ---- users ---- */

static int as_stranger(struct fixture *t, struct front_op op)
{
	op.uid = STRANGER;
	op.gid = STRANGER;
	return front_do(t->f, &op, NULL, 0, NULL);
}

static int access_granted(struct fixture *t)
{
	uint64_t nodeid;

	TRY(meta_file(t, &nodeid));
	return seen_if(as_stranger(t, front_op_access(nodeid, W_OK)) == 0);
}

/* Whoever runs the tests owns the share, which is 0700 or so; he alone makes something in it. */
static int sender_sticks(struct fixture *t)
{
	struct fuse_entry_out out;

	(void)as_stranger(t, front_op_mkdir(FRONT_ROOT, "refused", 0755));
	return seen_if(front_mkdir(t->f, FRONT_ROOT, "made", 0755, &out) == -EACCES);
}

static int groups_ignored(struct fixture *t)
{
	const uint32_t extension[] = { 16, FUSE_EXTENSION_GROUPS, 1, STRANGER + 1 };
	struct front_op op = front_op_mkdir(FRONT_ROOT, "made", 0755);
	const uint16_t words = sizeof(extension) / 8;
	struct front_request *r;
	uint32_t size;
	int e;

	if (chown(t->share, 0, STRANGER + 1) < 0 || chmod(t->share, 0770) < 0)
		return -errno;
	TRY(front_init(t->f, FUSE_CREATE_SUPP_GROUP, NULL));
	op.uid = STRANGER;
	op.gid = STRANGER;
	TRY(front_prepare(t->f, &op, &r));
	size = (uint32_t)(r->in_size + sizeof(extension));
	e = front_request_resize(r, size);
	memcpy(r->in + size - sizeof(extension), extension, sizeof(extension));
	memcpy(r->in, &size, sizeof(size));
	memcpy(r->in + offsetof(struct fuse_in_header, total_extlen), &words, sizeof(words));
	if (e == 0)
		e = front_submit(r);
	if (e == 0)
		e = front_wait(r, front_deadline(t->f));
	front_request_free(r);
	return seen_if(e == -EACCES);
}

static int made_mode(struct fixture *t, uint32_t umask, mode_t *ret)
{
	struct front_op op = front_op_mkdir(FRONT_ROOT, "made", 0777);
	struct stat st;

	memcpy(op.arg + offsetof(struct fuse_mkdir_in, umask), &umask, sizeof(umask));
	TRY(front_do(t->f, &op, NULL, 0, NULL));
	TRY(host_stat(t, "made", &st));
	*ret = st.st_mode & 07777;
	return 0;
}

static int umask_ignored(struct fixture *t)
{
	mode_t mode;

	TRY(made_mode(t, 077, &mode));
	return seen_if(mode == 0777);
}

static int umask_own(struct fixture *t)
{
	mode_t mode;

	TRY(made_mode(t, 0, &mode));
	return seen_if(mode == 0755);
}

/* ---- extended attributes ---- */

#define XATTR "user.a"

static bool host_has(const struct fixture *t, const char *key)
{
	CLEANUP(freep) char *path = host_path(t, "file");

	return path && lgetxattr(path, key, NULL, 0) >= 0;
}

static int xattr_lost(struct fixture *t)
{
	uint64_t nodeid;

	TRY(meta_file(t, &nodeid));
	TRY(front_setxattr(t->f, nodeid, XATTR, "12345", 5, 0));
	return seen_if(!host_has(t, XATTR));
}

static int xattr_flags(struct fixture *t)
{
	uint64_t nodeid;

	TRY(meta_file(t, &nodeid));
	return seen_if(front_setxattr(t->f, nodeid, XATTR, "1", 1, XATTR_REPLACE) == 0);
}

static int xattr_cut(struct fixture *t)
{
	uint64_t nodeid;
	size_t got = 0;
	char seen[3];

	TRY(meta_file(t, &nodeid));
	TRY(front_setxattr(t->f, nodeid, XATTR, "12345", 5, 0));
	return seen_if(front_getxattr(t->f, nodeid, XATTR, seen, 3, &got) == 0 && got == 3);
}

static int xattr_list(struct fixture *t)
{
	uint64_t nodeid;
	size_t got = 0;
	char seen[100];

	TRY(meta_file(t, &nodeid));
	TRY(front_setxattr(t->f, nodeid, XATTR, "1", 1, 0));
	TRY(front_setxattr(t->f, nodeid, "user.b", "1", 1, 0));
	TRY(front_listxattr(t->f, nodeid, seen, sizeof(seen), &got));
	return seen_if(got == sizeof(XATTR));
}

static int xattr_kept(struct fixture *t)
{
	uint64_t nodeid;

	TRY(meta_file(t, &nodeid));
	TRY(front_setxattr(t->f, nodeid, XATTR, "1", 1, 0));
	TRY(front_removexattr(t->f, nodeid, XATTR));
	return seen_if(host_has(t, XATTR));
}

#define ACL_KEY "system.posix_acl_access"

/* The least one: u::rwx g::rwx o::--- */
static int set_acl(struct fixture *t, uint64_t nodeid, uint32_t more, size_t head)
{
	const struct {
		struct posix_acl_xattr_header head;
		struct posix_acl_xattr_entry entry[3];
	} acl = { { POSIX_ACL_XATTR_VERSION },
		  { { ACL_USER_OBJ, 7, UINT32_MAX },
		    { ACL_GROUP_OBJ, 7, UINT32_MAX },
		    { ACL_OTHER, 0, UINT32_MAX } } };
	const struct fuse_setxattr_in in = { .size = sizeof(acl), .setxattr_flags = more };
	struct front_op op = front_op_setxattr(nodeid, ACL_KEY, &acl, sizeof(acl), 0);

	memcpy(op.arg, &in, sizeof(in));
	op.arg_size = head;
	return front_do(t->f, &op, NULL, 0, NULL);
}

static int acl_passed(struct fixture *t)
{
	uint64_t nodeid;

	TRY(meta_file(t, &nodeid));
	return seen_if(set_acl(t, nodeid, 0, FUSE_COMPAT_SETXATTR_IN_SIZE) == 0);
}

static int acl_sgid(struct fixture *t)
{
	const struct fuse_setattr_in in = { .valid = FATTR_MODE, .mode = 02770 };
	uint64_t nodeid;
	struct stat st;

	TRY(front_init(t->f, FUSE_SETXATTR_EXT, NULL));
	TRY(set_attr(t, &in, &st));
	TRY(meta_file(t, &nodeid));
	TRY(set_acl(t, nodeid, FUSE_SETXATTR_ACL_KILL_SGID, sizeof(struct fuse_setxattr_in)));
	TRY(host_stat(t, "file", &st));
	return seen_if(st.st_mode & S_ISGID);
}

static int readonly_error(struct fixture *t)
{
	return seen_if(front_unlink(t->f, FRONT_ROOT, "file") == -EACCES);
}

static const struct fault_case meta_cases[] = {
	CASE("init-older", init_older),
	CASE("init-flags-all", init_flags_all),
	CASE("init-max-pages-zero", init_max_pages),
	CASE("init-readahead", init_readahead),
	CASE("init-time-gran", init_time_gran),
	CASE("setattr-lost", setattr_lost),
	CASE("setattr-first", setattr_first),
	CASE("time-seconds", time_seconds),
	CASE("time-unsigned", time_unsigned),
	CASE("time-both", time_both),
	CASE("now-ignored", now_ignored),
	CASE("statx-mask", statx_mask),
	CASE("access-granted", access_granted),
	CASE("sender-sticks", sender_sticks),
	CASE("groups-ignored", groups_ignored),
	CASE("umask-ignored", umask_ignored, .words = "--xattr --posix-acl"),
	CASE("umask-own", umask_own),
	CASE("xattr-lost", xattr_lost, .words = "--xattr"),
	CASE("xattr-flags", xattr_flags, .words = "--xattr"),
	CASE("xattr-cut", xattr_cut, .words = "--xattr"),
	CASE("xattr-list", xattr_list, .words = "--xattr"),
	CASE("xattr-kept", xattr_kept, .words = "--xattr"),
	CASE("acl-passed", acl_passed, .words = "--xattr"),
	CASE("acl-sgid-kept", acl_sgid, .words = "--xattr --posix-acl"),
	CASE("readonly-error", readonly_error, .words = "--readonly"),
};

#endif
