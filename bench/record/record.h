/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RECORD_RECORD_H
#define VQ_RECORD_RECORD_H

#include "base/buf.h"
#include "base/err.h"
#include "base/strv.h"
#include "record/feed.h"
#include "record/metrics.h"

#include <jansson.h>
#include <sys/types.h>

/*
 * The recording of one observed pass as PCP archives: pcp-host.{0,index,meta} and, when a guest
 * took part, pcp-guest.{0,index,meta}. Both are on the host's clock. Never used in a timed pass.
 *
 * "vq-guest watch" samples both sides: here as a child process, in the guest as a job of the agent,
 * which is the caller's business (record_watch_command(), record_guest_clock(), record_stop()).
 */
struct record;

#define RECORD_INTERVAL_MS 100
/** A gap longer than so many intervals is marked in the archive and counted. */
#define RECORD_GAP_INTERVALS 3

struct record_config {
	const char *dir;       /* where the archives go */
	const char *tool;      /* vq-guest, as the host runs it */
	unsigned interval_ms;  /* 0: RECORD_INTERVAL_MS */
	pid_t vmm;	       /* 0: none, here and in the next */
	pid_t daemon;	       /* with its children */
	const char *data_file; /* NULL: none; its pages in the host's cache are counted */
	/* What the driver feeds; NULL: nothing. See feed.h for what this may read. */
	record_read *read;
	void *read_arg;
	const struct record_column *columns; /* of its values; stay valid until record_stop() */
	size_t column_count;
};

int record_start(const struct record_config *c, struct record **ret, struct err *reterr) MUST_USE;

/** record_phase() - a phase begins now. 0 or -ENOMEM. */
int record_phase(struct record *r, const char *name) MUST_USE;

/** record_watch_command() - what to run in the guest; send SIGTERM to end it. @tool: vq-guest there. */
int record_watch_command(const struct record *r, const char *tool, struct strv *ret) MUST_USE;

/**
 * record_guest_clock() - one look at the guest's clock; the one with the shortest way counts.
 * @guest_ns: its CLOCK_MONOTONIC, read between @before_ns and @after_ns (clock_now_ns()).
 * A restored guest's wall clock is that of its snapshot: it is not used.
 */
void record_guest_clock(struct record *r, uint64_t guest_ns, uint64_t before_ns, uint64_t after_ns);

/**
 * record_stop() - end the sampler, write the archives and record.json.
 * @guest: output of the command in the guest, as far as it came; NULL: no guest took part.
 * @note:  what was wrong with the guest's part, or NULL; goes to record.json.
 * @ret:   content of record.json; new reference; may be NULL.
 * Return: 0; -errno when an archive could not be written (the samples are then left beside it).
 * @r can only be freed afterwards.
 */
int record_stop(struct record *r, const struct buf *guest, const char *note, json_t **ret,
		struct err *reterr) MUST_USE;

/** record_free() - ends the sampler too, if it still runs. NULL is fine; returns NULL. */
struct record *record_free(struct record *r);

#endif
