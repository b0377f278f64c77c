/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_WORKLOAD_WORKLOAD_H
#define VQ_WORKLOAD_WORKLOAD_H

#include "base/err.h"
#include "base/metric_def.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The cache state that a phase starts from. It is verified; one that is not reached fails the cell. */
enum phase_state {
	/* host: no page of the data in the page cache; guest: fresh mount, never read */
	STATE_COLD,
	/* host: all pages cached; guest: all pages cached where the mode caches data, else none */
	STATE_WARM,
	/* host: all pages cached; guest: nothing cached, as in a fresh mount */
	STATE_GUEST_COLD,
};

struct workload_phase {
	const char *name;
	enum phase_state state;
	bool repeat; /* go round the data until the time is over */
};

/* TOOL_FOOTPRINT: the harness itself starts guests that read a tree, and adds their memory up. */
enum workload_tool { TOOL_FIO, TOOL_PROGRAM, TOOL_FOOTPRINT };

/* What the host lays out before the share is served. */
enum workload_layout {
	LAYOUT_NONE,	 /* nothing; the workload makes what it needs */
	LAYOUT_FILES,	 /* incompressible: one file, or a folder with files 0, 1 ... */
	LAYOUT_TREE,	 /* a folder that looks like source code */
	LAYOUT_PROGRAMS, /* a folder with copies of a small program, each with its configuration */
};

/*
 * What a stack may refuse, so that the workload is "n/a" there and not "failed": the errno must be
 * obtained in the pass itself, from the workload and once more from `vq-guest try`.
 */
enum workload_need {
	NEED_MAP_SHARED = 1 << 0,
	NEED_DIRECT = 1 << 1,
	NEED_IO_URING = 1 << 2,
	NEED_MAP_WRITE = 1 << 3, /* beside NEED_MAP_SHARED: 9p maps shared files read-only */
};

enum workload_fsync {
	FSYNC_NONE,
	FSYNC_LAST, /* once, behind the last write; the work is fixed, time does not cut it */
	FSYNC_END,  /* when the job ends, also when its time is over */
	FSYNC_EACH, /* after each write */
};

/* The environment of a job file (workloads/README.md). */
struct workload_fio {
	const char *rw;
	const char *engine;
	unsigned block;
	unsigned depth;
	bool direct;
	enum workload_fsync fsync;
	unsigned rate;	 /* open loop: I/Os a second; 0: closed loop */
	unsigned rate_n; /* open loop: I/Os of one turn */
};

/* A workload states a question; its metrics state unit, direction and the exact field they come from. */
struct workload {
	const char *id;
	const char *title;
	const char *question;
	const char *decides; /* what somebody does with the answer */
	enum workload_tool tool;
	const char *job;	 /* TOOL_FIO: job file; TOOL_PROGRAM: program name (wl-*) */
	const char *const *args; /* TOOL_PROGRAM: arguments behind the folder; may be NULL */
	struct workload_fio fio;
	enum workload_layout layout;
	unsigned
		file_count; /* LAYOUT_FILES: 1, or one file for each job; LAYOUT_PROGRAMS: copies */
	uint64_t file_bytes; /* LAYOUT_FILES: of each file */
	unsigned guests;     /* TOOL_FOOTPRINT: how many, each newly restored */
	bool private_trees;  /* TOOL_FOOTPRINT: a share for each guest, else one for all */
	unsigned needs;	     /* enum workload_need */
	bool no_data;	     /* touches names and attributes only, no file's data */
	bool maps_private; /* leaves pages in a guest's page cache even where the mode keeps none */
	const struct workload_phase *phases;
	size_t phase_count;
	const struct metric_def *metrics;
	size_t metric_count;
	const char *const *headline; /* "<phase>.<metric>", NULL-terminated */
};

const struct workload *const *workload_list(size_t *ret_count);
const struct workload *workload_find(const char *id);

/* Name inside a share of what the host lays out: a file or a folder. */
#define WORKLOAD_DATA "vq.data"

struct workload_run {
	const char *dir;	 /* where the share is seen */
	const char *job_path;	 /* fio: the job file as the place sees it */
	const char *program_dir; /* folder of the static programs as the place sees it */
	const char *out_path;	 /* fio: JSON is written here */
	unsigned time_ms;	 /* upper bound of one phase; 0: exactly once over the data */
};

/**
 * workload_command() - the command line and environment of one phase.
 * fio writes its JSON to out_path, programs write theirs to stdout.
 */
int workload_command(const struct workload *w, const struct workload_phase *phase,
		     const struct workload_run *r, struct strv *ret_argv, struct strv *ret_env)
	MUST_USE;

/**
 * workload_lay_out() - write the data: no holes, on disk (fsync), the same on every machine.
 * @programs:  the folder of our static programs on the host (LAYOUT_PROGRAMS).
 * @ret_bytes: how much that is.
 */
int workload_lay_out(const struct workload *w, const char *programs, const char *dir,
		     uint64_t *ret_bytes, struct err *reterr) MUST_USE;

/** workload_bytes() - how much data a layout of known size has; 0 for LAYOUT_NONE and _PROGRAMS. */
uint64_t workload_bytes(const struct workload *w);

/**
 * workload_refusal() - may this errno of the workload mean that the stack refuses what it needs?
 * @ret_try: the word of `vq-guest try` that asks the same place again.
 * Return: what is refused, in words; NULL: it may not.
 */
const char *workload_refusal(const struct workload *w, int error, const char **ret_try);

/* What LAYOUT_TREE holds. */
struct workload_tree {
	uint64_t files;
	uint64_t folders;
	uint64_t bytes;
	uint64_t matches; /* lines that hold WORKLOAD_NEEDLE */
};

#define WORKLOAD_NEEDLE "vq_needle"

/** workload_tree_make() - write the tree below @dir, or only count it (@dir NULL). */
int workload_tree_make(const char *dir, struct workload_tree *ret, struct err *reterr) MUST_USE;

/** workload_programs() - @count copies of PROGRAMS/wl-hello in @dir, each with a configuration. */
int workload_programs(const char *programs, const char *dir, unsigned count, uint64_t *ret_bytes,
		      struct err *reterr) MUST_USE;

/** workload_write() - write a new file; one that exists is an error. */
int workload_write(const char *path, const void *data, size_t size, mode_t mode, struct err *reterr)
	MUST_USE;

#endif
