/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_WORKLOAD_WORKLOAD_H
#define VQ_WORKLOAD_WORKLOAD_H

#include "base/err.h"
#include "base/metric_def.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>

/* The cache state that a phase starts from. It is verified; one that is not reached fails the cell. */
enum phase_state {
	/* host: no page of the files in the page cache; guest: fresh mount, never read */
	STATE_COLD,
	/* host: all pages cached; guest: all pages cached where the mode caches data, else none */
	STATE_WARM,
};

struct workload_phase {
	const char *name;
	enum phase_state state;
	bool repeat; /* fio: go round the file until the time is over */
};

enum workload_tool { TOOL_FIO, TOOL_PROGRAM };

/* A workload states a question; its metrics state unit, direction and the exact field they come from. */
struct workload {
	const char *id;
	const char *title;
	const char *question;
	const char *decides; /* what somebody does with the answer */
	enum workload_tool tool;
	const char *job;	 /* TOOL_FIO: job file; TOOL_PROGRAM: program name (wl-*) */
	const char *const *args; /* TOOL_PROGRAM: arguments behind the folder; may be NULL */
	uint64_t file_bytes;	 /* size of the one data file that the host lays out; 0: none */
	bool maps_shared;	 /* uses MAP_SHARED: ENODEV from the mount is "n/a", not "failed" */
	const struct workload_phase *phases;
	size_t phase_count;
	const struct metric_def *metrics;
	size_t metric_count;
	const char *const *headline; /* "<phase>.<metric>", NULL-terminated */
};

const struct workload *const *workload_list(size_t *ret_count);
const struct workload *workload_find(const char *id);

/* Name of the data file inside a share. */
#define WORKLOAD_FILE "vq.data"

struct workload_run {
	const char *dir;	 /* where the share is seen */
	const char *job_path;	 /* fio: the job file as the place sees it */
	const char *program_dir; /* folder of the static programs as the place sees it */
	const char *out_path;	 /* fio: JSON is written here */
	unsigned time_ms;	 /* upper bound of one phase */
};

/**
 * workload_command() - the command line and environment of one phase.
 * fio writes its JSON to out_path, programs write theirs to stdout.
 */
int workload_command(const struct workload *w, const struct workload_phase *phase,
		     const struct workload_run *r, struct strv *ret_argv, struct strv *ret_env)
	MUST_USE;

/** workload_layout() - write the data file: incompressible, no holes, on disk (fsync). */
int workload_layout(const struct workload *w, const char *dir, struct err *reterr) MUST_USE;

#endif
