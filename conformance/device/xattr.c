// SPDX-License-Identifier: Apache-2.0
/* Extended attributes against those of the host. */
#include "conformance/device/xattr.h"
#include "conformance/device/areas.h"

#define KEY "user.conform"

static void set(struct check_run *r)
{
	static const char binary[] = "a\0b\xff\n";
	uint8_t big[1000];
	uint64_t nodeid;

	host_bytes(big, 0, sizeof(big), 3);
	WANT(meta_file(r, "file", &nodeid));
	WANT_OK(r, "SETXATTR", front_setxattr(r->f, nodeid, KEY, "value", 5, 0));
	WANT(xattr_is(r, "file", KEY, "value", 5));
	WANT_OK(r, "SETXATTR again", front_setxattr(r->f, nodeid, KEY, binary, sizeof(binary), 0));
	WANT(xattr_is(r, "file", KEY, binary, sizeof(binary)));
	WANT_OK(r, "SETXATTR of nothing", front_setxattr(r->f, nodeid, KEY, "", 0, 0));
	WANT(xattr_is(r, "file", KEY, "", 0));
	WANT_OK(r, "SETXATTR of another", front_setxattr(r->f, nodeid, "user.big", big, 1000, 0));
	WANT(xattr_is(r, "file", "user.big", big, sizeof(big)));
	WANT(xattr_is(r, "file", KEY, "", 0));
}

static void get(struct check_run *r)
{
	static const size_t sizes[] = { 0, 1, 5, 1000 };
	uint8_t value[1000], seen[4096];
	uint64_t nodeid;
	size_t got;

	host_bytes(value, 0, sizeof(value), 4);
	WANT(meta_file(r, "file", &nodeid));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		WANT(check_host(r, "set it",
				host_set_xattr(r->share, "file", KEY, value, sizes[i])));
		WANT_OK(r, "GETXATTR for the size",
			front_getxattr(r->f, nodeid, KEY, NULL, 0, &got));
		WANT_SAME(r, sizes[i], "the size", got);
		WANT_OK(r, "GETXATTR with more room than it needs",
			front_getxattr(r->f, nodeid, KEY, seen, sizeof(seen), &got));
		WANT(check_same_bytes(r, value, sizes[i], "the value", seen, got));
		if (sizes[i] == 0)
			continue;
		WANT_OK(r, "GETXATTR with just enough room",
			front_getxattr(r->f, nodeid, KEY, seen, (uint32_t)sizes[i], &got));
		WANT(check_same_bytes(r, value, sizes[i], "the value", seen, got));
	}
}

static void too_small(struct check_run *r)
{
	uint8_t value[100] = { 1 }, seen[100];
	uint64_t nodeid;
	size_t got;

	WANT(meta_file(r, "file", &nodeid));
	WANT(check_host(r, "set it", host_set_xattr(r->share, "file", KEY, value, sizeof(value))));
	WANT_ERROR(r, -ERANGE, "GETXATTR with room for 99 of 100 bytes",
		   front_getxattr(r->f, nodeid, KEY, seen, 99, &got));
	WANT_ERROR(r, -ERANGE, "GETXATTR with room for 1 of 100 bytes",
		   front_getxattr(r->f, nodeid, KEY, seen, 1, &got));
	WANT_ERROR(r, -ERANGE, "LISTXATTR with room for a part of a name",
		   front_listxattr(r->f, nodeid, seen, 4, &got));
}

/* The message promises room for 65536 bytes, the descriptors have less: neither a part nor a byte too many. */
static void small_room(struct check_run *r)
{
	struct front_op op;
	struct front_request *q;
	uint8_t value[100] = { 1 };
	uint64_t nodeid;
	int e;

	WANT(meta_file(r, "file", &nodeid));
	WANT(check_host(r, "set it", host_set_xattr(r->share, "file", KEY, value, sizeof(value))));
	op = front_op_getxattr(nodeid, KEY, 65536);
	WANT_OK(r, "request", front_prepare(r->f, &op, &q));
	q->out_size = sizeof(struct fuse_out_header) + 10;
	e = front_submit(q);
	if (e == 0)
		e = front_wait(q, front_deadline(r->f));
	front_request_free(q);
	WANT_ONE_OF(r, "GETXATTR of 100 bytes into a buffer of 10", e, -ERANGE, -EIO, -EINVAL,
		    -ENOSPC, -E2BIG, -EFAULT);
	WANT(check_alive(r));
}

#define NAMES 30

static void list(struct check_run *r)
{
	char key[32], names[4096];
	uint64_t nodeid;
	size_t size, got;

	WANT(meta_file(r, "file", &nodeid));
	for (unsigned i = 0; i < NAMES; i++) {
		(void)snprintf(key, sizeof(key), "user.name-%u", i);
		WANT(check_host(r, "set it", host_set_xattr(r->share, "file", key, "v", 1)));
	}
	WANT_OK(r, "LISTXATTR for the size", front_listxattr(r->f, nodeid, NULL, 0, &size));
	WANT_OK(r, "LISTXATTR", front_listxattr(r->f, nodeid, names, sizeof(names), &got));
	WANT_SAME(r, size, "bytes of the list, as its size was said to be", got);
	for (unsigned i = 0; i < NAMES; i++) {
		(void)snprintf(key, sizeof(key), "user.name-%u", i);
		WANT(xattr_listed(r, names, got, key, true));
	}
	WANT_OK(r, "LISTXATTR with just enough room",
		front_listxattr(r->f, nodeid, names, (uint32_t)size, &got));
	WANT_SAME(r, size, "bytes of the list", got);
}

static void list_none(struct check_run *r)
{
	char names[100];
	uint64_t nodeid;
	size_t got;

	WANT(meta_file(r, "file", &nodeid));
	WANT_OK(r, "LISTXATTR for the size", front_listxattr(r->f, nodeid, NULL, 0, &got));
	WANT_SAME(r, 0, "the size", got);
	WANT_OK(r, "LISTXATTR", front_listxattr(r->f, nodeid, names, sizeof(names), &got));
	WANT_SAME(r, 0, "bytes of the list", got);
	WANT(check_host(r, "set it", host_set_xattr(r->share, "file", KEY, "v", 1)));
	WANT_OK(r, "LISTXATTR of one", front_listxattr(r->f, nodeid, names, sizeof(names), &got));
	WANT(check_same_bytes(r, KEY, sizeof(KEY), "the list", names, got));
}

static void missing(struct check_run *r)
{
	uint8_t seen[10];
	uint64_t nodeid;
	size_t got;

	WANT(meta_file(r, "file", &nodeid));
	WANT_ERROR(r, -ENODATA, "GETXATTR for the size",
		   front_getxattr(r->f, nodeid, KEY, NULL, 0, &got));
	WANT_ERROR(r, -ENODATA, "GETXATTR", front_getxattr(r->f, nodeid, KEY, seen, 10, &got));
	WANT_ERROR(r, -ENODATA, "REMOVEXATTR", front_removexattr(r->f, nodeid, KEY));
	WANT_ERROR(r, -ENODATA, "SETXATTR with XATTR_REPLACE",
		   front_setxattr(r->f, nodeid, KEY, "v", 1, XATTR_REPLACE));
}

static void remove_one(struct check_run *r)
{
	uint8_t seen[10];
	uint64_t nodeid;
	size_t got;

	WANT(meta_file(r, "file", &nodeid));
	WANT(check_host(r, "set it", host_set_xattr(r->share, "file", KEY, "v", 1)));
	WANT(check_host(r, "set it", host_set_xattr(r->share, "file", "user.other", "w", 1)));
	WANT_OK(r, "REMOVEXATTR", front_removexattr(r->f, nodeid, KEY));
	WANT(xattr_gone(r, "file", KEY));
	WANT_ERROR(r, -ENODATA, "GETXATTR", front_getxattr(r->f, nodeid, KEY, seen, 10, &got));
	WANT(xattr_is(r, "file", "user.other", "w", 1));
}

static void flags(struct check_run *r)
{
	uint64_t nodeid;

	WANT(meta_file(r, "file", &nodeid));
	WANT_OK(r, "SETXATTR with XATTR_CREATE",
		front_setxattr(r->f, nodeid, KEY, "one", 3, XATTR_CREATE));
	WANT_ERROR(r, -EEXIST, "SETXATTR with XATTR_CREATE again",
		   front_setxattr(r->f, nodeid, KEY, "two", 3, XATTR_CREATE));
	WANT(xattr_is(r, "file", KEY, "one", 3));
	WANT_OK(r, "SETXATTR with XATTR_REPLACE",
		front_setxattr(r->f, nodeid, KEY, "three", 5, XATTR_REPLACE));
	WANT(xattr_is(r, "file", KEY, "three", 5));
	WANT_ERROR(r, -ENODATA, "SETXATTR with XATTR_REPLACE of another",
		   front_setxattr(r->f, nodeid, "user.other", "v", 1, XATTR_REPLACE));
	WANT(xattr_gone(r, "file", "user.other"));
	WANT_ERROR(r, -EINVAL, "SETXATTR with a flag that does not exist",
		   front_setxattr(r->f, nodeid, "user.other", "v", 1, 0x10));
}

/* The same is done to "twin" on the host. */
static bool as_twin(struct check_run *r, uint64_t nodeid, const char *key, const void *value,
		    size_t size)
{
	char path[META_PATH];
	int host = lsetxattr(meta_path(r, "twin", path), key, value, size, 0) < 0 ? -errno : 0;
	struct say t;

	(void)say(&t, "SETXATTR of a name of %zu bytes (\"%.20s\") and %zu bytes, as the host",
		  strlen(key), key, size);
	return check_one_of(r, &host, 1, t.text,
			    front_setxattr(r->f, nodeid, key, value, (uint32_t)size, 0)) &&
	       (host < 0 || xattr_is(r, "file", key, value, size));
}

static bool have_twin(struct check_run *r, uint64_t *ret)
{
	return meta_file(r, "file", ret) &&
	       check_host(r, "make a file", host_fill(r->share, "twin", 1000, 1));
}

static void sizes(struct check_run *r)
{
	static const size_t list_of[] = { 0, 1, 255, 256, 2000, 4000, 4096, 65535, 65536, 65537 };
	CLEANUP(freep) uint8_t *value = calloc(1, 65537);
	uint64_t nodeid;

	WANT(check_host(r, "memory", value ? 0 : -ENOMEM));
	host_bytes(value, 0, 65537, 5);
	WANT(have_twin(r, &nodeid));
	for (size_t i = 0; i < ARRAY_SIZE(list_of); i++)
		WANT(as_twin(r, nodeid, KEY, value, list_of[i]));
}

static void names(struct check_run *r)
{
	static const size_t lengths[] = { 6, 100, 254, 255, 256, 300, 1000 };
	static const char *const others[] = { "user.", "user", "conform", "nonsense.conform" };
	uint64_t nodeid;
	char key[1001];

	WANT(have_twin(r, &nodeid));
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		memset(key, 'n', sizeof(key));
		memcpy(key, "user.", 5);
		key[lengths[i]] = '\0';
		WANT(as_twin(r, nodeid, key, "v", 1));
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		WANT(as_twin(r, nodeid, others[i], "v", 1));
	/* A driver never asks that: the host has refused it before. */
	WANT_ONE_OF(r, "SETXATTR of an empty name", front_setxattr(r->f, nodeid, "", "v", 1, 0),
		    -ERANGE, -EINVAL, -EOPNOTSUPP, -EPERM);
}

static const struct check checks[] = {
	{
		.id = "xattr.set",
		.title = "SETXATTR gives the host exactly the value",
		.rows = "FUSE-META-008",
		.sends = "SETXATTR of text, of bytes with NUL, of nothing, of 1000 bytes",
		.wants = "the host has these values",
		.catches = "xattr-lost",
		.options = CHECK_XATTR,
		.run = set,
	},
	{
		.id = "xattr.get",
		.title = "GETXATTR answers the size, or exactly the value",
		.rows = "FUSE-META-008 FUSE-META-009",
		.sends = "GETXATTR of 0, 1, 5 and 1000 bytes with size 0, just enough and 4096",
		.wants = "the size in the host; the value",
		.catches = "error:GETXATTR:EIO reply-padded:op=GETXATTR",
		.options = CHECK_XATTR,
		.run = get,
	},
	{
		.id = "xattr.too-small",
		.title = "too small a size is ERANGE",
		.rows = "FUSE-META-009",
		.sends = "GETXATTR of 100 bytes with size 99 and 1, LISTXATTR with size 4",
		.wants = "ERANGE",
		.catches = "xattr-cut",
		.options = CHECK_XATTR,
		.run = too_small,
	},
	{
		.id = "xattr.small-room",
		.title = "a value that does not fit the writable buffer is an error",
		.rows = "VIRTIO-FS-QUEUE-017 VIRTIO-FS-QUEUE-016 FUSE-META-009",
		.sends = "GETXATTR with size 65536 of 100 bytes; the buffer has room for 10",
		.wants = "an error, and nothing is written behind the buffer",
		.catches = "reply-overrun exit-at:GETXATTR",
		.options = CHECK_XATTR,
		.front = &xattr_impatient,
		.run = small_room,
	},
	{
		.id = "xattr.list",
		.title = "LISTXATTR names all of them",
		.rows = "FUSE-META-008",
		.sends = "LISTXATTR of 30 names with size 0, 4096 and just enough",
		.wants = "each name once, with its NUL; the same size each time",
		.catches = "xattr-list",
		.options = CHECK_XATTR,
		.run = list,
	},
	{
		.id = "xattr.list-none",
		.title = "a file without attributes has an empty list",
		.rows = "FUSE-META-008",
		.sends = "LISTXATTR of a file without and with one attribute",
		.wants = "no bytes, then that name with its NUL",
		.catches = "error:LISTXATTR:ENODATA",
		.options = CHECK_XATTR,
		.run = list_none,
	},
	{
		.id = "xattr.missing",
		.title = "an attribute that is not there is ENODATA",
		.rows = "FUSE-META-009",
		.sends = "GETXATTR with size 0 and 10, REMOVEXATTR, SETXATTR with XATTR_REPLACE",
		.wants = "ENODATA",
		.catches = "error:GETXATTR:ENOENT xattr-kept xattr-flags",
		.options = CHECK_XATTR,
		.run = missing,
	},
	{
		.id = "xattr.remove",
		.title = "REMOVEXATTR removes that attribute alone",
		.rows = "FUSE-META-008",
		.sends = "REMOVEXATTR of one of two",
		.wants = "it is gone, the other stays",
		.catches = "xattr-kept",
		.options = CHECK_XATTR,
		.run = remove_one,
	},
	{
		.id = "xattr.flags",
		.title = "XATTR_CREATE and XATTR_REPLACE hold",
		.rows = "FUSE-META-009",
		.sends = "SETXATTR with each, of what is there and what is not; with a flag 0x10",
		.wants = "success, EEXIST, ENODATA or EINVAL, and the host has what succeeded",
		.catches = "xattr-flags xattr-lost",
		.options = CHECK_XATTR,
		.run = flags,
	},
	{
		.id = "xattr.sizes",
		.title = "values are as long as the host allows",
		.rows = "FUSE-META-008",
		.sends = "SETXATTR of 0 to 65537 bytes, and the same to a twin on the host",
		.wants = "what the host answered, and the value where it succeeded",
		.catches = "xattr-lost error:SETXATTR:EIO",
		.options = CHECK_XATTR,
		.run = sizes,
	},
	{
		.id = "xattr.names",
		.title = "names are what the host allows",
		.rows = "FUSE-META-008",
		.sends =
			"SETXATTR of names of 6 to 1000 bytes, without namespace and empty, and the same to a twin on the host",
		.wants = "what the host answered",
		.catches = "xattr-lost error:SETXATTR:EIO",
		.options = CHECK_XATTR,
		.run = names,
	},
};

const struct check_area area_xattr = { "xattr", "Extended attributes", checks, ARRAY_SIZE(checks) };
