/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_LEDGER_LEDGER_H
#define VQ_REF_LEDGER_LEDGER_H

#include "base/cleanup.h"
#include "base/err.h"
#include "conformance/wire/refdev.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * What the device saw and did. There is one ledger in a process: counters by opcode, which are always
 * kept and cost an addition each, and a bounded ring of the newest events, which may be off. Any thread
 * may write, without a lock and without waiting.
 */

enum ledger_kind {
	LEDGER_REQUEST, /* a FUSE request that was given back */
	LEDGER_MESSAGE, /* a vhost-user message from the front end that was served */
	LEDGER_MAP,	/* SHMEM_MAP, with the front end's answer */
	LEDGER_UNMAP,
	LEDGER_KIND_COUNT
};

/* One event; fields that a kind does not name are 0. */
struct ledger_event {
	enum ledger_kind kind;
	uint32_t code;	   /* FUSE opcode or vhost-user message number */
	uint64_t start_ns; /* taken off the ring, received, or sent; CLOCK_MONOTONIC */
	uint64_t end_ns;   /* given back, answered */
	uint64_t unique;   /* REQUEST */
	uint64_t nodeid;   /* REQUEST; MAP, UNMAP: offset in the window */
	uint32_t bytes;	   /* REQUEST: readable by the device; MAP, UNMAP: pages of 4096 */
	uint32_t used;	   /* REQUEST: bytes written */
	int32_t result;	   /* 0 or -errno */
	uint16_t queue;	   /* REQUEST */
};

/* The ring has this many places unless told otherwise; 0 turns it off. */
#define LEDGER_EVENTS	  65536
#define LEDGER_EVENTS_MAX 16777216

/**
 * ledger_start() - @counters: file to count in (conformance/wire/refdev.h), made anew; NULL: in memory only.
 * @events: places of the ring, rounded up to a power of two.
 * Before it, and after ledger_stop(), nothing is recorded. -EALREADY when it runs.
 */
int ledger_start(const char *counters, size_t events, struct err *reterr) MUST_USE;
void ledger_stop(void);

/** ledger_add() - record an event and count it. */
void ledger_add(const struct ledger_event *e);

/** ledger_kick(), ledger_interrupt() - notifications of the driver, and to it. */
void ledger_kick(void);
void ledger_interrupt(void);

/** ledger_told() - behind the front end's reply, until it announced the memory, for the request of this thread. */
void ledger_told(uint64_t ns);

/** ledger_bytes() - payload of a READ or WRITE. */
void ledger_bytes(uint64_t read, uint64_t written);

/* A fragment became live (+1), went (-1), was upgraded, or was refused by the front end. */
void ledger_mapped(uint64_t bytes);
void ledger_unmapped(uint64_t bytes);
void ledger_upgraded(void);
void ledger_refused(void);
/** ledger_tail() - how the tails of files are served from now on. */
void ledger_tail(bool shadow);

/** ledger_counters() - a copy of what was counted so far. */
void ledger_counters(struct refdev_counters *ret);

/** ledger_show() - what the counters file at @path says now, for PCP and Prometheus (README.md). -EPROTO when it
 * is no such file. */
int ledger_show(const char *path, FILE *out, struct err *reterr) MUST_USE;

/** ledger_opcode_name() - "READ", "OTHER" for 0; NULL where there is no name. */
const char *ledger_opcode_name(uint32_t opcode);

/** ledger_opcode_from() - the number of "READ" and so on. 0 or -EINVAL. */
int ledger_opcode_from(const char *name, uint32_t *ret) MUST_USE;

/**
 * ledger_write() - JSON lines: a summary (counters by name, mapping balance, latency, faults), then the events
 * that the ring still has, oldest first. One being written at that moment is left out.
 */
int ledger_write(int fd, struct err *reterr) MUST_USE;

#endif
