// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fault/breaks.h"
#include "conformance/ref/fs/library.h"
#include "conformance/ref/fs/ops.h"
#include "conformance/ref/log.h"

#include <string.h>

/* Bytes of data in one READ or WRITE; 256 pages of 4 KiB. As virtiofsd. */
#define MAX_WRITE (1 * MIB)
#define MAX_PAGES 256
/* Requests that a driver may have in the background; virtio-fs drivers are bounded by their rings anyway. */
#define MAX_BACKGROUND	     UINT16_MAX
#define CONGESTION_THRESHOLD (UINT16_MAX / 4 * 3)
#define INIT_OUT_SIZE	     sizeof(struct fuse_init_out)

typedef bool wanted_fn(const struct ref_session *s);

static bool always(const struct ref_session *s)
{
	(void)s;
	return true;
}

static bool want_plus(const struct ref_session *s)
{
	return s->fs->mode->readdirplus;
}

static bool want_writeback(const struct ref_session *s)
{
	return s->fs->o->writeback && !s->fs->o->readonly;
}

static bool want_acl(const struct ref_session *s)
{
	return s->fs->o->posix_acl;
}

static bool want_killpriv(const struct ref_session *s)
{
	return s->fs->o->killpriv_v2;
}

static bool want_submounts(const struct ref_session *s)
{
	return s->fs->o->announce_submounts;
}

static bool want_mmap(const struct ref_session *s)
{
	return s->fs->o->allow_mmap;
}

/* A window maps writable whatever was asked for, so that a read-only share has none. */
static bool want_dax(const struct ref_session *s)
{
	return s->window && s->fs->dax && s->fs->o->dax != REF_DAX_NONE && !s->fs->o->readonly;
}

/* What is answered of what is offered. @minor: of the protocol that brought it. */
static const struct {
	uint64_t flag;
	uint32_t minor;
	wanted_fn *wanted;
} flags[] = {
	{ FUSE_ASYNC_READ, 0, always },
	{ FUSE_BIG_WRITES, 0, always },
	{ FUSE_ATOMIC_O_TRUNC, 0, always }, /* one request less, and DAX drivers know how */
	{ FUSE_AUTO_INVAL_DATA, 0, always },
	{ FUSE_ASYNC_DIO, 0, always },
	{ FUSE_PARALLEL_DIROPS, 0, always },
	{ FUSE_MAX_PAGES, 28, always },
	{ FUSE_INIT_EXT, 36, always },
	{ FUSE_CREATE_SUPP_GROUP, 38, always },
	{ FUSE_DO_READDIRPLUS, 0, want_plus },
	{ FUSE_READDIRPLUS_AUTO, 0, want_plus },
	{ FUSE_WRITEBACK_CACHE, 0, want_writeback },
	{ FUSE_POSIX_ACL, 0, want_acl },
	{ FUSE_DONT_MASK, 0, want_acl },
	{ FUSE_SETXATTR_EXT, 33, want_acl },
	{ FUSE_HANDLE_KILLPRIV_V2, 33, want_killpriv },
	{ FUSE_SUBMOUNTS, 32, want_submounts },
	{ FUSE_DIRECT_IO_ALLOW_MMAP, 39, want_mmap },
	{ FUSE_MAP_ALIGNMENT, 31, want_dax },
	{ FUSE_HAS_INODE_DAX, 36, want_dax },
};

/* A driver that decides by inode offers to be told; one that maps everything does not. */
static bool maps_everything(uint64_t chosen, uint64_t offered)
{
	return (chosen & FUSE_MAP_ALIGNMENT) && !(offered & FUSE_HAS_INODE_DAX);
}

static uint64_t choose(const struct ref_session *s, uint64_t offered, uint32_t minor)
{
	uint64_t chosen = 0;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if ((offered & flags[i].flag) && flags[i].wanted(s) &&
		    (minor >= flags[i].minor || fault_at(FAULT_INIT_FLAGS_EARLY)))
			chosen |= flags[i].flag;
	}
	/* ACLs that the driver enforces need the unmasked mode; without it defaults would come out wrong. */
	if (!(chosen & FUSE_POSIX_ACL) || !(chosen & FUSE_DONT_MASK))
		chosen &= ~(uint64_t)(FUSE_POSIX_ACL | FUSE_DONT_MASK | FUSE_SETXATTR_EXT);
	if (!(chosen & FUSE_MAP_ALIGNMENT))
		chosen &= ~FUSE_HAS_INODE_DAX;
	/*
	 * A driver that maps everything caches no data that could be out of date, and must not drop its mappings
	 * when a size or time changes: Linux 7.3 warns (fs/dax.c:452) when it does so while a page is in use.
	 */
	if (maps_everything(chosen, offered) && (offered & FUSE_EXPLICIT_INVAL_DATA))
		chosen = (chosen & ~(uint64_t)FUSE_AUTO_INVAL_DATA) | FUSE_EXPLICIT_INVAL_DATA;
	return chosen;
}

/* Options that the guest's kernel cannot honour are said, not passed over. */
static void tell(const struct ref_session *s, uint64_t chosen)
{
	const struct ref_options *o = s->fs->o;

	if (o->posix_acl && !(chosen & FUSE_POSIX_ACL))
		ref_log(REF_LOG_WARN, "the guest does not know POSIX ACLs: they are off");
	if (o->killpriv_v2 && !(chosen & FUSE_HANDLE_KILLPRIV_V2))
		ref_log(REF_LOG_WARN,
			"the guest does not know HANDLE_KILLPRIV_V2: it clears set-id bits itself");
	if (o->allow_mmap && !(chosen & FUSE_DIRECT_IO_ALLOW_MMAP))
		ref_log(REF_LOG_WARN, "the guest does not know DIRECT_IO_ALLOW_MMAP");
}

/* Shorter forms are what older drivers expect, and what fits when the buffer is small. */
static int reply_init(struct fs_call *c, const struct fuse_init_out *out)
{
	static const size_t sizes[] = { INIT_OUT_SIZE, FUSE_COMPAT_22_INIT_OUT_SIZE,
					FUSE_COMPAT_INIT_OUT_SIZE };
	size_t i = 0;

	while (i < ARRAY_SIZE(sizes) - 1 && sizes[i] > reply_room(c))
		i++;
	return reply_data(c, out, sizes[i]);
}

static uint64_t offered_flags(const struct fs_call *c)
{
	struct fuse_init_in in = { 0 };
	uint64_t offered;

	memcpy(&in, c->arg, c->arg_bytes < sizeof(in) ? c->arg_bytes : sizeof(in));
	offered = in.flags & ~(UINT64_C(1) << 31);
	if (in.flags & FUSE_INIT_EXT)
		offered |= (uint64_t)in.flags2 << 32;
	return offered;
}

static int conn_start(struct fs_call *c, uint32_t minor, struct fs_conn **ret)
{
	uint64_t offered = offered_flags(c);
	struct fs_conn *conn;
	int e = conn_new(c->session, &conn);

	if (e < 0)
		return e;
	conn->minor = minor;
	conn->flags = choose(c->session, offered, minor);
	conn->dax_always = maps_everything(conn->flags, offered);
	conn->dax_inode = conn->flags & FUSE_HAS_INODE_DAX;
	e = library_open(minor, &conn->library);
	if (e < 0) {
		(void)conn_free(conn);
		return e;
	}
	tell(c->session, conn->flags);
	*ret = conn;
	return 0;
}

int op_init(struct fs_call *c)
{
	struct fuse_init_in in = { 0 };
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_MINOR_SPOKEN,
	};
	struct fs_conn *conn;
	int e;

	memcpy(&in, c->arg, c->op->in);
	/* A newer driver asks again in our version; an older one has none in common with us. */
	if (in.major > FUSE_KERNEL_VERSION)
		return fault_at(FAULT_INIT_NEWER) ? -EPROTO : reply_init(c, &out);
	if (in.major < FUSE_KERNEL_VERSION && fault_at(FAULT_INIT_OLDER))
		return reply_init(c, &out);
	if (in.major < FUSE_KERNEL_VERSION || in.minor < FUSE_MINOR_OLDEST) {
		ref_log(REF_LOG_ERROR, "the guest speaks FUSE %u.%u, at least 7.%u is needed",
			in.major, in.minor, FUSE_MINOR_OLDEST);
		return -EPROTO;
	}
	if (c->conn && fault_at(FAULT_INIT_ONCE))
		return -EALREADY;
	if (in.minor < out.minor)
		out.minor = in.minor;
	e = conn_start(c, out.minor, &conn);
	if (e < 0) {
		ref_log(REF_LOG_ERROR, "no session for the guest: %s", strerror(-e));
		return e;
	}
	out.max_readahead = in.max_readahead;
	out.flags = (uint32_t)conn->flags;
	out.flags2 = (uint32_t)(conn->flags >> 32);
	out.max_background = MAX_BACKGROUND;
	out.congestion_threshold = CONGESTION_THRESHOLD;
	out.max_write = MAX_WRITE;
	out.time_gran = 1;
	out.max_pages = conn->flags & FUSE_MAX_PAGES ? MAX_PAGES : 0;
	out.map_alignment = conn->flags & FUSE_MAP_ALIGNMENT ? DAX_ALIGNMENT_LOG2 : 0;
	if (c->conn &&
	    (fault_at(FAULT_INIT_KEEPS_SESSION) || fault_armed(FAULT_DESTROY_KEEPS_SESSION)))
		(void)conn_free(conn);
	else
		session_begin(c->session, conn, false);
	if (fault_hooked(FAULT_HOOK_INIT))
		fault_init(&out);
	return reply_init(c, &out);
}

int init_unasked(struct fs_call *c)
{
	struct fs_conn *conn;
	int e = worker_self(c->fs->proc_fd) ? conn_new(c->session, &conn) : -ENOMEM;

	if (e < 0)
		return e;
	conn->minor = FUSE_MINOR_SPOKEN;
	e = library_open(conn->minor, &conn->library);
	if (e < 0) {
		(void)conn_free(conn);
		return e;
	}
	session_begin(c->session, conn, false);
	c->conn = conn;
	return 0;
}

int op_destroy(struct fs_call *c)
{
	if (!fault_at(FAULT_DESTROY_KEEPS_SESSION))
		session_begin(c->session, NULL, false);
	return 0;
}
