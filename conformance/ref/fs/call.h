/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_FS_CALL_H
#define VQ_REF_FS_CALL_H

#include "conformance/ref/fs/more.h"
#include "conformance/ref/fs/session.h"
#include "conformance/ref/fs/worker.h"
#include "conformance/ref/request.h"

struct fuse_req;
struct fs_call;

/* What stands behind the fixed part of a request. */
enum fs_name {
	NAME_NONE,
	NAME_ENTRY, /* one component of a path: not empty, no ".", no "..", no "/" */
	NAME_TEXT,  /* any text: a link's target, an attribute's name */
};

enum {
	OP_NO_REPLY = 1 << 0, /* given back with 0 bytes whatever happens */
	OP_CHANGES = 1 << 1,  /* refused on a read-only share */
	OP_STREAM = 1 << 2,   /* what follows the fixed part stays in guest memory */
	OP_EARLY = 1 << 3,    /* served without a session too */
	OP_DATA = 1 << 4,     /* bytes follow the names */
};

/* One row per opcode; ops.c. */
struct fs_op {
	const char *name;
	/* 0: answered, or to be answered with success and no data; -errno: to be answered with that. */
	int (*run)(struct fs_call *c);
	uint16_t in;  /* bytes of the fixed part */
	uint16_t out; /* bytes that a successful reply has at least, without the header */
	enum fs_name names[2];
	unsigned flags; /* OP_* */
};

const struct fs_op *fs_op(uint32_t opcode);

/* A request while it is served. What it says was copied out of guest memory before it was looked at. */
struct fs_call {
	struct ref_request *r;
	struct ref_session *session;
	struct ref_fs *fs;
	struct fs_conn *conn; /* NULL only for OP_EARLY */
	struct worker *w;
	const struct fs_op *op;
	struct fuse_req *library; /* libfuse's own name for it while it is in its hands */
	struct fuse_in_header in;
	const void *arg;  /* the fixed part */
	size_t arg_bytes; /* of it and all behind it that was copied */
	const char *name[2];
	const uint8_t *data; /* OP_DATA */
	size_t data_bytes;
	const uint8_t *extension; /* the end of the message, as in.total_extlen says */
	size_t extension_bytes;
	uint32_t used; /* bytes written for the driver */
	int32_t error; /* what the reply said */
	bool replied;
};

/** call_serve() - everything between a chain and its used length; leaves that in c->used. */
void call_serve(struct fs_call *c);

/** reply_data() - success with @size bytes. Through libfuse while the call is in its hands. Returns 0. */
int reply_data(struct fs_call *c, const void *data, size_t size);
/** reply_error() - the bare header; @error is 0 or -errno. */
void reply_error(struct fs_call *c, int error);
/** reply_pieces() - a whole message, header first; the end of every reply. */
void reply_pieces(struct fs_call *c, const struct iovec *iov, int count);
/** reply_placed() - the @size bytes behind the header are in place already: write the header. Returns 0. */
int reply_placed(struct fs_call *c, size_t size);
/* Bytes that there are for a reply's data. */
static inline size_t reply_room(const struct fs_call *c)
{
	return c->r->out_bytes - sizeof(struct fuse_out_header);
}

/* ---- what the handlers share ---- */

/* A node or handle of the request; -ESTALE, -EBADF. To be put back. */
int call_node(struct fs_call *c, uint64_t nodeid, struct node **ret) MUST_USE;
int call_handle(struct fs_call *c, uint64_t fh, struct handle **ret) MUST_USE;

static inline bool agreed(const struct fs_call *c, uint64_t flag)
{
	return c->conn->flags & flag;
}

/** call_become() - worker_become() the sender, with the groups that the request carries. Ends with worker_return(). */
int call_become(struct fs_call *c) MUST_USE;

/**
 * call_masked() - the mode of something to be made: the driver masked it already, unless DONT_MASK was agreed on.
 * Then the kernel shall decide, who knows of default ACLs: the mask is put in force until call_unmask().
 */
mode_t call_masked(struct fs_call *c, mode_t mode, uint32_t mask);
void call_unmask(struct fs_call *c);

#endif
