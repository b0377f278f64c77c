/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RELAY_COUNT_H
#define VQ_RELAY_COUNT_H

#include "relay/fuse_names.h"

#include <jansson.h>
#include <linux/fuse.h>
#include <stdbool.h>

/* Errors of replies are counted by number below this; Linux has fewer. */
#define COUNT_ERRNOS 256

/* What one queue has carried since the relay was started. */
struct counts {
	uint64_t requests;
	uint64_t op[FUSE_OPCODES];
	uint64_t op_other;	    /* opcodes that no table row can hold */
	uint64_t bytes_to_device;   /* as the request headers say, at most what the guest gave */
	uint64_t bytes_from_device; /* as the used ring says, at most the room there was */
	uint64_t kicks;
	uint64_t interrupts;
	uint64_t error[COUNT_ERRNOS]; /* index 0: a number outside the range */
	uint64_t malformed;	      /* chains that were passed on unread */
	uint64_t in_flight;
};

/* The FUSE_INIT exchange, as it was last seen. */
struct init_seen {
	bool asked;
	bool answered;
	struct fuse_init_in in;
	struct fuse_init_out out;
};

/** count_request() / count_undo() - a request with this header was taken, or given back unserved. */
void count_request(struct counts *c, uint32_t opcode, uint32_t bytes);
void count_undo(struct counts *c, uint32_t opcode, uint32_t bytes);
/** count_reply() - @error as fuse_out_header has it: 0 or a negative errno (untrusted). */
void count_reply(struct counts *c, int32_t error, uint32_t bytes);

/** counts_add() - add @from to the sum @to. */
void counts_add(struct counts *to, const struct counts *from);
/** counts_json() - {requests, ops: {READ: n}, bytes_to_device, ..., errors: {ENOENT: n}}. New reference. */
json_t *counts_json(const struct counts *c);

/** init_json() - the FUSE part of "negotiated" put into @to; nothing when no reply was seen. */
void init_json(const struct init_seen *s, json_t *to);

#endif
