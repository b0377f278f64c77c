// SPDX-License-Identifier: Apache-2.0
/* Whose things are, who may make them, which bits survive a write; extended attributes and ACLs. */
#include "conformance/test/test_ref_fs.h"

#include "conformance/test/test_ref_fs_dax.h"

#include <sys/xattr.h>

#define SUID_MODE (S_ISUID | S_ISGID | 0775)

static bool is_root(void)
{
	return geteuid() == 0;
}

/* A CREATE with the sender's groups as an extension, wrong by @wrong bytes. */
static int create_with_groups(struct guest *g, uint64_t parent, const char *name, uint32_t group,
			      uint32_t count, uint32_t type)
{
	struct {
		struct fuse_ext_header h;
		uint32_t count;
		uint32_t group;
	} ext = { .h = { .size = sizeof(ext), .type = type }, .count = count, .group = group };

	msg(g, FUSE_CREATE, parent);
	MSG_ADD(g, (struct fuse_create_in){ .flags = O_RDWR, .mode = S_IFREG | 0640 });
	msg_text(g, name);
	MSG_ADD(g, ext);
	msg_head(g)->total_extlen = sizeof(ext) / 8;
	return send(g);
}

static void check_owner(const struct kit *k, const char *name, uid_t uid, gid_t gid)
{
	struct stat st = host_stat(k, name);

	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_gid, gid);
}

static int make_all(struct guest *g, uint64_t parent)
{
	struct fuse_entry_out e;
	struct fuse_open_out o;
	int err = do_create(g, parent, "file", O_RDWR, 0644, &e, &o);

	if (err < 0)
		return err;
	msg(g, FUSE_MKDIR, parent);
	MSG_ADD(g, (struct fuse_mkdir_in){ .mode = 0755 });
	msg_text(g, "dir");
	assert_int_equal(send(g), 0);
	msg(g, FUSE_MKNOD, parent);
	MSG_ADD(g, (struct fuse_mknod_in){ .mode = S_IFIFO | 0600 });
	msg_text(g, "fifo");
	assert_int_equal(send(g), 0);
	msg(g, FUSE_SYMLINK, parent);
	msg_text(g, "link");
	msg_text(g, "file");
	assert_int_equal(send(g), 0);
	return 0;
}

static void test_owner(void **state)
{
	static const char *const names[] = { "file", "dir", "fifo", "link" };
	struct kit k = { 0 };
	struct guest *g = &k.g;

	(void)state;
	kit_open(&k);
	g->uid = 4001;
	g->gid = 4002;
	assert_int_equal(make_all(g, 1), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		check_owner(&k, names[i], is_root() ? 4001 : geteuid(),
			    is_root() ? 4002 : getegid());
	/* And we are ourselves again. */
	assert_int_equal(mkdir(host(&k, "own"), 0700), 0);
	check_owner(&k, "own", geteuid(), getegid());
	kit_close(&k);
}

/* What the host would refuse its own user it refuses the guest's. */
static void test_refused(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;
	uint64_t mine, shared;

	(void)state;
	if (!is_root())
		return;
	kit_open(&k);
	assert_int_equal(mkdir(host(&k, "mine"), 0755), 0);
	assert_int_equal(mkdir(host(&k, "shared"), 0770), 0);
	assert_int_equal(chown(host(&k, "shared"), 0, 4010), 0);
	assert_int_equal(chmod(host(&k, "shared"), 0770), 0);
	mine = node_of(g, 1, "mine");
	shared = node_of(g, 1, "shared");
	g->uid = 4001;
	g->gid = 4001;
	assert_int_equal(make_all(g, mine), -EACCES);
	assert_int_equal(make_all(g, shared), -EACCES);
	/* Through a group of the sender's, where the driver says which. */
	assert_int_equal(create_with_groups(g, shared, "a", 4011, 1, FUSE_EXTENSION_GROUPS),
			 -EACCES);
	assert_int_equal(create_with_groups(g, shared, "a", 4010, 1, 7), -EACCES);
	assert_int_equal(create_with_groups(g, shared, "a", 4010, 2, FUSE_EXTENSION_GROUPS),
			 -EINVAL);
	assert_int_equal(create_with_groups(g, shared, "a", 4010, 1, FUSE_EXTENSION_GROUPS), 0);
	check_owner(&k, "shared/a", 4001, 4001);
	/* And that group does not stay. */
	assert_int_equal(make_all(g, shared), -EACCES);
	/* An extension that is longer than the message. */
	msg(g, FUSE_MKDIR, 1);
	MSG_ADD(g, (struct fuse_mkdir_in){ .mode = 0755 });
	msg_text(g, "x");
	msg_head(g)->total_extlen = 100;
	assert_int_equal(send(g), -EINVAL);
	/* No user at all: the calls that change it would change nothing, and it would all be root's. */
	g->uid = UINT32_MAX;
	assert_int_equal(make_all(g, 1), -EINVAL);
	g->uid = 4001;
	g->gid = UINT32_MAX;
	assert_int_equal(make_all(g, 1), -EINVAL);
	kit_close(&k);
}

static void test_chown(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;
	int e;

	(void)state;
	kit_open(&k);
	host_write(&k, "f", "");
	assert_int_equal(chmod(host(&k, "f"), SUID_MODE), 0);
	e = DO(g, FUSE_SETATTR, node_of(g, 1, "f"),
	       (struct fuse_setattr_in){
		       .valid = FATTR_UID | FATTR_GID, .uid = 5001, .gid = 5002 });
	assert_int_equal(e, is_root() ? 0 : -EPERM);
	if (e == 0) {
		check_owner(&k, "f", 5001, 5002);
		assert_int_equal(host_stat(&k, "f").st_mode & 07777, 0775);
		/* With the mode that shall be, in one request: the mode counts. */
		e = DO(g, FUSE_SETATTR, node_of(g, 1, "f"),
		       (struct fuse_setattr_in){
			       .valid = FATTR_UID | FATTR_MODE, .uid = 5003, .mode = SUID_MODE });
		assert_int_equal(e, 0);
		check_owner(&k, "f", 5003, 5002);
		assert_int_equal(host_stat(&k, "f").st_mode & 07777, SUID_MODE);
	}
	kit_close(&k);
}

enum how { HOW_WRITE, HOW_TRUNCATE, HOW_OPEN, HOW_CREATE, HOW_COUNT };

static void change(struct guest *g, uint64_t node, uint64_t fh, enum how how, bool kill)
{
	struct fuse_open_out o;
	uint32_t done;

	switch (how) {
	case HOW_WRITE:
		assert_int_equal(
			do_write_as(g, node,
				    (struct fuse_write_in){
					    .fh = fh,
					    .size = 1,
					    .write_flags = kill ? FUSE_WRITE_KILL_SUIDGID : 0 },
				    "x", &done),
			0);
		break;
	case HOW_TRUNCATE:
		assert_int_equal(DO(g, FUSE_SETATTR, node,
				    (struct fuse_setattr_in){
					    .valid = FATTR_SIZE | (kill ? FATTR_KILL_SUIDGID : 0),
					    .size = 3 }),
				 0);
		break;
	case HOW_OPEN:
		assert_int_equal(do_open_as(g, FUSE_OPEN, node, O_RDWR | O_TRUNC,
					    kill ? FUSE_OPEN_KILL_SUIDGID : 0, &o),
				 0);
		break;
	default:
		msg(g, FUSE_CREATE, 1);
		MSG_ADD(g,
			(struct fuse_create_in){ .flags = O_RDWR | O_TRUNC,
						 .open_flags = kill ? FUSE_OPEN_KILL_SUIDGID : 0 });
		msg_text(g, "f");
		assert_int_equal(send(g), 0);
	}
}

/* Set-id bits go when the driver says so; for root, who writes without, they stay. */
static void test_killpriv(void **state)
{
	struct kit k = { .o.killpriv_v2 = true };
	struct guest *g = &k.g;
	uint64_t node, fh;

	(void)state;
	kit_open(&k);
	host_write(&k, "f", "text");
	/* Not a group of ours: only privilege lets sgid be set then. */
	if (is_root())
		assert_int_equal(chown(host(&k, "f"), 0, 4321), 0);
	node = node_of(g, 1, "f");
	fh = open_of(g, node, O_RDWR);
	for (int round = 0; round < 4; round++) {
		bool kill = round % 2 == 0;

		for (enum how how = 0; how < HOW_COUNT; how++) {
			assert_int_equal(chmod(host(&k, "f"), SUID_MODE), 0);
			change(g, node, fh, how, kill);
			/* Who has no privilege to keep them loses them in any case. */
			assert_int_equal(host_stat(&k, "f").st_mode & 07777,
					 kill || !is_root() ? 0775 : SUID_MODE);
		}
		/* Without group execution sgid means something else, and stays; since Linux 6.2 for members only. */
		if (is_root()) {
			assert_int_equal(chown(host(&k, "f"), 0, getegid()), 0);
			assert_int_equal(chmod(host(&k, "f"), S_ISUID | S_ISGID | 0666), 0);
			change(g, node, fh, HOW_WRITE, true);
			assert_int_equal(host_stat(&k, "f").st_mode & 07777, S_ISGID | 0666);
			assert_int_equal(chown(host(&k, "f"), 0, 4321), 0);
		}
		change(g, node, fh, HOW_WRITE, true);
		/* What follows a write that clears is not touched by it: a mode is set as it is asked for. */
		assert_int_equal(
			DO(g, FUSE_SETATTR, node,
			   (struct fuse_setattr_in){ .valid = FATTR_MODE, .mode = SUID_MODE }),
			0);
		assert_int_equal(host_stat(&k, "f").st_mode & 07777, SUID_MODE);
	}
	kit_close(&k);
}

/* A file that may do more than its caller must not, once it was written to. */
static void test_capability(void **state)
{
	/* struct vfs_cap_data, revision 2, effective: CAP_NET_RAW. */
	static const uint32_t cap[] = { 0x02000001, 1u << 13, 0, 0, 0 };
	struct kit k = { .o.killpriv_v2 = true };
	uint64_t node;

	(void)state;
	if (!is_root())
		return;
	kit_open(&k);
	host_write(&k, "f", "text");
	node = node_of(&k.g, 1, "f");
	for (enum how how = 0; how < HOW_COUNT; how++) {
		uint64_t fh = open_of(&k.g, node, O_RDWR);

		if (setxattr(host(&k, "f"), "security.capability", cap, sizeof(cap), 0) < 0)
			break;
		change(&k.g, node, fh, how, how % 2);
		assert_int_equal(getxattr(host(&k, "f"), "security.capability", NULL, 0), -1);
	}
	kit_close(&k);
}

static int do_setxattr(struct guest *g, uint64_t node, const char *name, const void *value,
		       uint32_t size, uint32_t flags, uint32_t more)
{
	struct fuse_setxattr_in in = { .size = size, .flags = flags, .setxattr_flags = more };

	msg(g, FUSE_SETXATTR, node);
	msg_add(g, &in, agreed_flags(g) & FUSE_SETXATTR_EXT ? sizeof(in) : 8);
	msg_text(g, name);
	msg_add(g, value, size);
	return send(g);
}

static int do_getxattr(struct guest *g, uint64_t node, const char *name, uint32_t size)
{
	msg(g, FUSE_GETXATTR, node);
	MSG_ADD(g, (struct fuse_getxattr_in){ .size = size });
	msg_text(g, name);
	return send_room(g, size ? 16 + size : 64);
}

static void check_xattr(struct kit *k, const char *path)
{
	struct guest *g = &k->g;
	uint64_t node = node_of(g, 1, path);
	char list[100];

	assert_int_equal(do_setxattr(g, node, "user.a", "value", 5, XATTR_REPLACE, 0), -ENODATA);
	assert_int_equal(do_setxattr(g, node, "user.a", "value", 5, 0, 0), 0);
	assert_int_equal(do_setxattr(g, node, "user.a", "value", 5, XATTR_CREATE, 0), -EEXIST);
	assert_int_equal(do_setxattr(g, node, "user.empty", "", 0, 0, 0), 0);
	assert_int_equal(getxattr(host(k, path), "user.a", list, sizeof(list)), 5);
	assert_int_equal(do_getxattr(g, node, "user.a", 0), 0);
	assert_int_equal(REPLY(g, fuse_getxattr_out).size, 5);
	assert_int_equal(do_getxattr(g, node, "user.a", 4), -ERANGE);
	assert_int_equal(do_getxattr(g, node, "user.a", 5), 0);
	assert_int_equal(g->size, 5);
	assert_memory_equal(g->data, "value", 5);
	assert_int_equal(do_getxattr(g, node, "user.a", 60000), 0);
	assert_int_equal(g->size, 5);
	assert_int_equal(do_getxattr(g, node, "user.none", 100), -ENODATA);
	assert_int_equal(DO(g, FUSE_LISTXATTR, node, (struct fuse_getxattr_in){ .size = 0 }), 0);
	assert_int_equal(REPLY(g, fuse_getxattr_out).size, 18);
	assert_int_equal(DO(g, FUSE_LISTXATTR, node, (struct fuse_getxattr_in){ .size = 17 }),
			 -ERANGE);
	assert_int_equal(DO(g, FUSE_LISTXATTR, node, (struct fuse_getxattr_in){ .size = 18 }), 0);
	assert_int_equal(g->size, 18);
	assert_int_equal(do_name(g, FUSE_REMOVEXATTR, node, "user.empty"), 0);
	assert_int_equal(do_name(g, FUSE_REMOVEXATTR, node, "user.empty"), -ENODATA);
	assert_int_equal(do_setxattr(g, node, "nonsense", "v", 1, 0, 0), -EOPNOTSUPP);
}

static bool has_xattrs(const struct kit *k)
{
	return setxattr(k->share, "user.probe", "1", 1, 0) == 0 &&
	       removexattr(k->share, "user.probe") == 0;
}

static void test_xattr(void **state)
{
	struct kit k = { .o.xattr = true };
	struct guest *g = &k.g;
	char *big = calloc(1, 70000);
	uint64_t node;

	(void)state;
	assert_non_null(big);
	kit_open(&k);
	host_write(&k, "f", "");
	assert_int_equal(mkdir(host(&k, "d"), 0700), 0);
	assert_int_equal(mkfifo(host(&k, "p"), 0600), 0);
	if (has_xattrs(&k)) {
		check_xattr(&k, "f");
		check_xattr(&k, "d");
		node = node_of(g, 1, "f");
		assert_int_equal(do_setxattr(g, node, "user.big", big, 65537, 0, 0), -E2BIG);
		/* A value that is not all there; a name without end. */
		msg(g, FUSE_SETXATTR, node);
		msg_add(g, (uint32_t[]){ 100, 0 }, 8);
		msg_text(g, "user.x");
		msg_add(g, big, 99);
		assert_int_equal(send(g), -EINVAL);
		msg(g, FUSE_SETXATTR, node);
		msg_add(g, (uint32_t[]){ 0, 0 }, 8);
		msg_add(g, "user.x", 6);
		assert_int_equal(send(g), -EINVAL);
		/* Others than files and folders have none of the user's, and are not opened to find out. */
		assert_int_equal(do_setxattr(g, node_of(g, 1, "p"), "user.a", "v", 1, 0, 0),
				 -EPERM);
		if (is_root())
			assert_int_equal(
				do_setxattr(g, node_of(g, 1, "p"), "trusted.a", "v", 1, 0, 0), 0);
		/* ACLs are not enforced by this guest and do not look as if they were. */
		assert_int_equal(do_getxattr(g, node, "system.posix_acl_access", 100), -EOPNOTSUPP);
		assert_int_equal(do_setxattr(g, node, "system.posix_acl_access", "v", 1, 0, 0),
				 -EOPNOTSUPP);
	}
	kit_close(&k);
	free(big);
}

/* Without --xattr the driver is told that there is no such request, and does not ask again. */
static void test_no_xattr(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;

	(void)state;
	kit_open(&k);
	assert_int_equal(do_getxattr(g, 1, "user.a", 10), -ENOSYS);
	assert_int_equal(do_setxattr(g, 1, "user.a", "v", 1, 0, 0), -ENOSYS);
	assert_int_equal(DO(g, FUSE_LISTXATTR, 1, (struct fuse_getxattr_in){ .size = 10 }),
			 -ENOSYS);
	assert_int_equal(do_name(g, FUSE_REMOVEXATTR, 1, "user.a"), -ENOSYS);
	kit_close(&k);
}

struct acl {
	uint32_t version;
	struct {
		uint16_t tag;
		uint16_t perm;
		uint32_t id;
	} entry[5];
};

/* user::rwx user:4001:rwx group::--- mask::rwx other::--- */
static const struct acl acl = {
	.version = 2,
	.entry = {
		{ 0x01, 7, UINT32_MAX },
		{ 0x02, 7, 4001 },
		{ 0x04, 0, UINT32_MAX },
		{ 0x10, 7, UINT32_MAX },
		{ 0x20, 0, UINT32_MAX },
	},
};

static uint32_t made_mode(struct guest *g, uint64_t parent, const char *name)
{
	msg(g, FUSE_MKDIR, parent);
	MSG_ADD(g, (struct fuse_mkdir_in){ .mode = 0777, .umask = 027 });
	msg_text(g, name);
	assert_int_equal(send(g), 0);
	return REPLY(g, fuse_entry_out).attr.mode & 07777;
}

static void test_acl(void **state)
{
	struct kit k = { .o.posix_acl = true };
	struct guest *g = &k.g;
	uint64_t with;

	(void)state;
	kit_open(&k);
	assert_int_equal(mkdir(host(&k, "with"), 0777), 0);
	with = node_of(g, 1, "with");
	assert_true(agreed_flags(g) & FUSE_DONT_MASK);
	/* The mask is ours to apply now, and only where no default says otherwise. */
	assert_int_equal(made_mode(g, 1, "masked"), 0750);
	assert_int_equal(host_stat(&k, "masked").st_mode & 07777, 0750);
	if (do_setxattr(g, with, "system.posix_acl_default", &acl, sizeof(acl), 0, 0) == 0) {
		assert_int_equal(made_mode(g, with, "x"), 0770);
		assert_int_equal(
			do_getxattr(g, node_of(g, with, "x"), "system.posix_acl_access", 1000), 0);
		assert_int_equal(g->size, sizeof(acl));
		/* Setting one may have to take sgid away; the driver knows. */
		host_write(&k, "f", "");
		assert_int_equal(chmod(host(&k, "f"), S_ISGID | 0775), 0);
		assert_int_equal(do_setxattr(g, node_of(g, 1, "f"), "system.posix_acl_access", &acl,
					     sizeof(acl), 0, 0),
				 0);
		assert_int_equal(host_stat(&k, "f").st_mode & S_ISGID, S_ISGID);
		assert_int_equal(do_setxattr(g, node_of(g, 1, "f"), "system.posix_acl_access", &acl,
					     sizeof(acl), 0, FUSE_SETXATTR_ACL_KILL_SGID),
				 0);
		assert_int_equal(host_stat(&k, "f").st_mode & S_ISGID, 0);
	}
	kit_close(&k);
}

/* Without ACLs the driver has masked already. */
static void test_umask(void **state)
{
	struct kit k = { 0 };

	(void)state;
	kit_open(&k);
	assert_int_equal(made_mode(&k.g, 1, "d"), 0777);
	kit_close(&k);
}

static int tests(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test(test_owner),	   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_chown),	   cmocka_unit_test(test_killpriv),
		cmocka_unit_test(test_capability), cmocka_unit_test(test_xattr),
		cmocka_unit_test(test_no_xattr),   cmocka_unit_test(test_acl),
		cmocka_unit_test(test_umask),
	};

	return cmocka_run_group_tests_name("ref_fs_ids", list, NULL, NULL);
}

int main(void)
{
	return run_as_both(tests);
}
