/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FRONT_EVIDENCE_H
#define VQ_FRONT_EVIDENCE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a device said and did, and which rules it broke. The front end never stops a check: it records
 * a violation here and goes on as well as it can. A check asks front_evidence_count() at its end.
 * Bounded: the newest events and the first violations are kept, all are counted. Not for several threads.
 */

/* Kinds of violation; evidence.c has a row with name, requirement and meaning for each. */
enum front_fault {
	/* the vhost-user socket */
	FRONT_FAULT_HEADER,
	FRONT_FAULT_REPLY,
	FRONT_FAULT_REPLY_SIZE,
	FRONT_FAULT_REPLY_FDS,
	FRONT_FAULT_GONE,
	FRONT_FAULT_SILENT,
	/* virtqueues */
	FRONT_FAULT_USED_INDEX,
	FRONT_FAULT_USED_ID,
	FRONT_FAULT_USED_LEN,
	FRONT_FAULT_USED_FLAGS,
	FRONT_FAULT_DESC_WRITTEN,
	FRONT_FAULT_AVAIL_WRITTEN,
	FRONT_FAULT_LOST_CALL,
	FRONT_FAULT_NOT_USED,
	/* guest memory */
	FRONT_FAULT_CANARY,
	FRONT_FAULT_READABLE_WRITTEN,
	FRONT_FAULT_BEHIND_USED,
	/* FUSE messages */
	FRONT_FAULT_SHORT_REPLY,
	FRONT_FAULT_OUT_LEN,
	FRONT_FAULT_UNIQUE,
	FRONT_FAULT_ERROR_RANGE,
	FRONT_FAULT_ERROR_BODY,
	FRONT_FAULT_PAYLOAD,
	FRONT_FAULT_UNASKED_REPLY,
	FRONT_FAULT_FIELD,
	FRONT_FAULT_DIRENT,
	/* the back-end's own requests, and the DAX window */
	FRONT_FAULT_BACKEND_MESSAGE,
	FRONT_FAULT_MAP_PAYLOAD,
	FRONT_FAULT_MAP_FDS,
	FRONT_FAULT_MAP_SHMID,
	FRONT_FAULT_MAP_BOUNDS,
	FRONT_FAULT_MAP_ALIGN,
	FRONT_FAULT_MAP_OVERLAP,
	FRONT_FAULT_MAP_FLAGS,
	FRONT_FAULT_MAP_FILE,
	FRONT_FAULT_MAP_STOPPED,
	FRONT_FAULT_UNMAP_OTHER,
	FRONT_FAULT_COUNT,
};

struct front_fault_row {
	const char *name;
	const char *requirement; /* row of the requirement catalogue */
	const char *text;
};
extern const struct front_fault_row front_faults[FRONT_FAULT_COUNT];

/* Bytes of a message that an event keeps for its hexdump. */
#define FRONT_EVENT_BYTES 96
/* Violations that are kept with their text, from the first on. */
#define FRONT_FAULTS_KEPT 32

struct front_event {
	uint64_t ns; /* CLOCK_MONOTONIC */
	int fault;   /* enum front_fault, or -1: just traffic */
	char text[160];
	size_t size; /* of the message; `data` has its first bytes */
	uint8_t data[FRONT_EVENT_BYTES];
};

struct front_evidence {
	bool traffic; /* record messages and requests too, not only violations */
	uint64_t start_ns;
	size_t room;
	uint64_t total; /* events so far; event i lies in event[i % room] */
	struct front_event *event;
	unsigned count; /* violations of all kinds that are not allowed */
	unsigned by_kind[FRONT_FAULT_COUNT];
	bool allowed[FRONT_FAULT_COUNT];
	unsigned kept;
	struct front_event fault[FRONT_FAULTS_KEPT];
};

/** front_evidence_new() - room for @events of traffic (at least 1). NULL when out of memory. */
struct front_evidence *front_evidence_new(size_t events) MUST_USE;
struct front_evidence *front_evidence_free(struct front_evidence *e);

/** front_fault() - a rule was broken; @e may be NULL. */
void front_fault(struct front_evidence *e, enum front_fault kind, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/** front_note() - traffic with its first bytes (@data may be NULL); dropped unless @e->traffic. */
void front_note(struct front_evidence *e, const void *data, size_t size, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/** front_evidence_count() - violations so far, without the allowed kinds. */
unsigned front_evidence_count(const struct front_evidence *e);
/** front_evidence_of() - violations of one kind, allowed or not. */
unsigned front_evidence_of(const struct front_evidence *e, enum front_fault kind);
/** front_evidence_allow() - from now on this kind is recorded but does not count (what a check provokes). */
void front_evidence_allow(struct front_evidence *e, enum front_fault kind);
void front_evidence_clear(struct front_evidence *e);

/** front_evidence_text() - violations, then the newest events; @hexdump: with bytes. 0 or -ENOMEM. */
int front_evidence_text(const struct front_evidence *e, bool hexdump, struct buf *ret);

#endif
