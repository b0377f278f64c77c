/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FRONT_LOAD_H
#define VQ_FRONT_LOAD_H

#include "conformance/front/fuse.h"

/*
 * Closed-loop load: one kind of request, always `depth` of them in flight on one queue. Light: chains are
 * made once, only headers are looked at, notifications follow EVENT_IDX, one kick for what was refilled
 * together. front_null_open() gives a device that answers at once, in a thread of this process: what the
 * client reaches against that is its own ceiling.
 */

enum front_load_kind {
	FRONT_LOAD_GETATTR,
	FRONT_LOAD_LOOKUP,
	FRONT_LOAD_READ_4K,
	FRONT_LOAD_READ_128K,
	FRONT_LOAD_WRITE_4K,
	FRONT_LOAD_WRITE_128K,
	FRONT_LOAD_KINDS,
};
/** front_load_name() - "getattr", "read-4k", ... Static. */
const char *front_load_name(enum front_load_kind kind);
/** front_load_block() - bytes of data that each request moves; 0 for none. */
uint32_t front_load_block(enum front_load_kind kind);

#define FRONT_LOAD_DEPTH_MAX 64

struct front_load_options {
	enum front_load_kind kind;
	unsigned depth;	      /* 1 to 64 */
	uint64_t count;	      /* requests; 0: no limit */
	uint64_t ns;	      /* time; 0: no limit. One of both must be given */
	unsigned queue;	      /* request queue; 0 is the first */
	bool busy_poll;	      /* look at the used ring instead of sleeping */
	uint64_t nodeid;      /* of the file; of LOOKUP the folder */
	uint64_t fh;	      /* READ and WRITE */
	const char *name;     /* LOOKUP */
	uint64_t file_size;   /* READ and WRITE go through it block by block, again and again */
	uint32_t *latency_ns; /* of the first requests, if given */
	size_t latency_room;
};

struct front_load_result {
	uint64_t requests;
	uint64_t ns;
	double per_s;
	uint64_t cpu_ns; /* of the calling thread: the client's own */
	uint64_t
		errors; /* replies with an error, a wrong header, or less data than was asked for */
	uint64_t kicks;
	uint64_t calls;
	uint64_t sleeps;
	uint64_t looked_up; /* lookups to be forgotten: done here when the run ends */
	uint64_t nodeid;    /* that LOOKUP gave */
};

/**
 * front_load_run() - @f must be started, its session initialised, nothing in flight on the queue.
 * Return: 0; -ETIMEDOUT when nothing came back for the front end's timeout; -ECONNRESET; -errno; with text.
 * After a failure the front end is only good for front_free().
 */
int front_load_run(struct front *f, const struct front_load_options *o,
		   struct front_load_result *ret, struct err *reterr) MUST_USE;

struct front_null;

/**
 * front_null_open() - a front end with a device that answers each request at once with success and as many
 * bytes as there is room for. Split rings. @o: ring size, features_off and such; path is not used.
 */
int front_null_open(const struct front_options *o, struct front **ret_front,
		    struct front_null **ret, struct err *reterr) MUST_USE;
/** front_null_close() - ends the thread, frees the front end too. */
struct front_null *front_null_close(struct front_null *n);

#endif
