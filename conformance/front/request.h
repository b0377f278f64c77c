/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FRONT_REQUEST_H
#define VQ_FRONT_REQUEST_H

#include "conformance/front/ring.h"
#include "conformance/wire/virtio_fs.h"

#include <sys/uio.h>

/*
 * One FUSE message on its way through a virtqueue. A struct front_op says what is meant (fuse.h builds
 * them); front_prepare() turns it into bytes, which a check may change as it likes; after front_submit()
 * the device has it, and what comes back is always verified: used length, canaries, readable bytes, unique,
 * error, payload size.
 */

struct front;

/* What a request ended with when it was not an answer of the device: never a negative errno. */
enum front_failure {
	FRONT_TIMEOUT = -1001, /* not used before the deadline */
	FRONT_GONE = -1002,    /* the device closed its socket */
	FRONT_BROKEN = -1003,  /* the reply broke a rule: see the evidence */
	FRONT_FAILED = -1004,  /* the front end itself: ring full, out of memory */
};

/* Fixed arguments of an opcode at most; SETATTR has 88 bytes. */
#define FRONT_ARG_MAX	128
#define FRONT_TAILS_MAX 3

/* Queues of an operation: by opcode, or given. Request queues are numbered from 1. */
#define FRONT_QUEUE_AUTO   0U
#define FRONT_QUEUE_HIPRIO 0xffffU

/* What is to be asked. Zero-initialised fields are polite. */
struct front_op {
	uint32_t opcode;
	uint64_t nodeid;
	uint32_t uid;
	uint32_t gid;
	uint32_t pid;
	uint8_t arg[FRONT_ARG_MAX];
	size_t arg_size;
	struct iovec tail[FRONT_TAILS_MAX]; /* names, data; borrowed until front_prepare() */
	unsigned tail_count;
	size_t out_min; /* payload of a successful reply, behind its header */
	size_t out_max;
	bool no_reply;	     /* FORGET and BATCH_FORGET */
	bool maybe_no_reply; /* INTERRUPT */
	unsigned queue;
};

/* How the bytes are cut into descriptors; no rule of a device may depend on it. Zero: as Linux does. */
enum front_chain_kind {
	FRONT_CHAIN_AUTO, /* indirect where negotiated */
	FRONT_CHAIN_DIRECT,
	FRONT_CHAIN_INDIRECT,
	FRONT_CHAIN_MIXED, /* the first `direct` descriptors in the ring, the others in a table */
};

struct front_layout {
	const uint32_t *in_cuts; /* sizes of the readable pieces; the rest is one more */
	unsigned in_cut_count;
	uint32_t in_every; /* or: pieces of that size */
	const uint32_t *out_cuts;
	unsigned out_cut_count;
	uint32_t out_every;
	enum front_chain_kind kind;
	unsigned direct;
};

struct front_request;

/* Who wants to know of each request: when it is in the ring, and when it has ended or is lost. */
struct front_watch {
	void *context;
	void (*sent)(void *context, const struct front_request *r);
	void (*ended)(void *context, const struct front_request *r);
};

enum front_request_state { FRONT_PREPARED, FRONT_IN_FLIGHT, FRONT_DONE, FRONT_LOST };

struct front_request {
	/* May be changed between front_prepare() and front_submit(). */
	uint8_t *in; /* header, arguments, data: @in_size bytes, @in_room of them allocated */
	size_t in_size;
	size_t in_room;
	size_t out_size; /* writable bytes offered, header included */
	unsigned queue;	 /* index of the ring */
	struct front_layout layout;
	bool raw; /* whatever the reply holds is no evidence; ring and canaries are verified anyway */
	/* What is expected; may be changed as well. */
	uint32_t opcode;
	uint64_t unique;
	size_t out_min;
	size_t out_max;
	bool no_reply;
	bool maybe_no_reply;
	/* Valid once done. */
	enum front_request_state state;
	int result; /* 0, the device's negative errno, or enum front_failure */
	uint32_t used;
	struct fuse_out_header head;
	uint8_t *out; /* copy of what the device wrote, @used bytes */
	const uint8_t *payload;
	size_t payload_size;
	uint64_t submit_ns;
	uint64_t done_ns;
	/* private */
	struct front *front;
	bool orphan;
	uint16_t id;
	struct front_buf **piece;
	unsigned piece_count;
	unsigned in_pieces;
	struct front_request *next;
	struct front_request **link;
};

/** front_prepare() - bytes of @op with the next unique. 0 or FRONT_FAILED. */
int front_prepare(struct front *f, const struct front_op *op, struct front_request **ret) MUST_USE;

/** front_request_resize() - another @in_size; new bytes are zero. 0 or FRONT_FAILED. */
int front_request_resize(struct front_request *r, size_t in_size) MUST_USE;

/** front_submit() - make available and kick. 0 or FRONT_FAILED (the ring has no room now). */
int front_submit(struct front_request *r) MUST_USE;
/** front_enqueue() - into the ring only: seen after front_kick() or the next front_submit() there. */
int front_enqueue(struct front_request *r) MUST_USE;
void front_kick(struct front *f, unsigned queue);

/** front_wait() - until it is done or the deadline passed. Its result. */
int front_wait(struct front_request *r, uint64_t deadline_ns) MUST_USE;

/** front_wait_any() - until one more request is done: those marked done by now can be read. 0 or failure. */
int front_wait_any(struct front *f, uint64_t deadline_ns) MUST_USE;

/** front_poll() - take what is used now, without waiting. How many requests that ended. */
unsigned front_poll(struct front *f);

/**
 * front_request_free() - NULL is fine. One in flight is left to the device: its memory is not used again
 * before it comes back or the ring is reset.
 */
void front_request_free(struct front_request *r);

/**
 * front_do() - prepare, submit, wait (the front end's timeout), copy at most @size bytes of the payload.
 * @ret_size: how many the payload has; may be NULL. Return: the request's result.
 */
int front_do(struct front *f, const struct front_op *op, void *ret, size_t size, size_t *ret_size)
	MUST_USE;

/** front_op_name() - "LOOKUP", or "opcode 99". Static or in @scratch. */
const char *front_op_name(uint32_t opcode, char *scratch, size_t size);

/* For device.c. */
void front_request_used(struct front_request *r, uint32_t used);
void front_request_lose(struct front_request *r, int result);
/* decode.c: what the device wrote against what was asked; the result. */
int front_decode(struct front_evidence *e, struct front_request *r);

#endif
