/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_PROGRAM_RECORD_H
#define VQ_PROGRAM_RECORD_H

#include "conformance/program/program.h"

/*
 * A program from messages as they go by, such as those of a check that fails. Requests become steps of their opcode
 * where that says the same bytes, and `request` with the bytes where it does not; node ids and handles that earlier
 * replies brought become names.
 *
 *	struct program_record r = { .p = program_new() };
 *	struct program_step *s = program_record_request(&r, in, in_size, queue, room);
 *
 *	program_record_reply(&r, s, error, payload, payload_size);	// error: 0 or the negative errno
 */
struct program_record {
	struct program *p; /* the caller's */
	uint64_t value[PROGRAM_GIVEN][PROGRAM_SYMBOLS_MAX];
	uint32_t count[PROGRAM_GIVEN];	    /* symbols 1 to count are given */
	uint64_t unique[PROGRAM_STEPS_MAX]; /* of each step; 0: it has none */
};

/** program_record_request() - @queue: of the ring; @room: writable bytes. NULL when out of memory: then @p->failed. */
struct program_step *program_record_request(struct program_record *r, const void *in, size_t size,
					    unsigned queue, uint32_t room);
/** program_record_reply() - what came of it: seen, and names for what it brought. @s may be NULL. */
void program_record_reply(struct program_record *r, struct program_step *s, int error,
			  const void *payload, size_t size);

#endif
