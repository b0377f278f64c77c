/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_MODEL_H
#define VQ_REPORT_MODEL_H

#include "base/err.h"
#include "base/json.h"
#include "base/metric_def.h"

#include "report/out.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * A run as it was read from disk and validated. Strings without an owner noted belong to the
 * JSON documents that the run keeps.
 */

/* Bounds of the input: a run stays far below; a damaged folder must not eat the host. */
#define RUN_JSON_MAX   (16 * MIB)
#define CELL_JSON_MAX  (4 * MIB)
#define CELLS_JSON_MAX (1024 * MIB) /* all cell.json together */
#define RUN_CELLS_MAX  20000

enum cell_status { CELL_OK, CELL_NA, CELL_FAILED, CELL_PENDING, CELL_STATUS_COUNT };

/* What carries the share, in the order of presentation. */
enum stack_kind {
	STACK_VIRTIOFS,
	STACK_9P,
	STACK_BLK,
	STACK_ATTACHED, /* a mount that this project did not make */
	STACK_BASELINE, /* the host itself */
	STACK_KIND_COUNT
};

/* The words of the format. */
extern const char *const stack_kind_names[STACK_KIND_COUNT];

extern const char *const cell_status_names[CELL_STATUS_COUNT];

/* One metric of one cell. */
struct value {
	const char *name;
	const char *unit;
	enum metric_better better;
	enum metric_kind kind;
	double *sample;	     /* owned */
	const char **source; /* owned list; one per sample */
	size_t sample_count; /* at least 1 */
	double median;
	size_t at_median; /* sample nearest to the median, smallest, largest */
	size_t at_min;
	size_t at_max;
};

struct cell {
	const char *id;
	json_t *root; /* owned; NULL when there is no valid cell.json */
	bool damaged; /* `reason` says what is wrong with cell.json */
	bool placed;  /* stack and workload are known */
	const char *stack;
	const char *variant; /* NULL: none */
	const char *workload;
	const char *accelerator;
	const char *vmm; /* NULL: the cell ran on the host */
	const char *kernel;
	const char *cache;
	const char *dax;
	const char *tail; /* what serves tails in its window; NULL: not known, or no window */
	int writeback;	  /* -1: null */
	json_int_t window_bytes; /* -1: null */
	size_t stack_index;
	size_t workload_index;
	enum cell_status status;
	const char *reason;  /* NULL: none */
	struct value *value; /* owned */
	size_t value_count;
	size_t note;	  /* number of its n/a reason, from 1; 0: none */
	char *own_reason; /* owned storage of `reason` where this program wrote it */
	char *own_id;	  /* owned storage of dimensions taken from the id */
};

struct stack_info {
	const char *id;
	const char *title;
	const char *set_up; /* what decides a baseline's figures; NULL: nothing to say */
	enum stack_kind kind;
};

struct workload_info {
	const char *id;
	const char *title;
	const char *question;
	const char *decides;
	json_t *headline;
};

/* An n/a reason and how many cells have it. */
struct note {
	const char *reason;
	size_t cell_count;
};

struct run {
	const char *dir; /* borrowed */
	char *real_dir;	 /* owned; to keep the machine's path out of excerpts */
	int dir_fd;
	json_t *root; /* owned */
	bool tcg;     /* times mean nothing outside the run */
	struct stack_info *stack;
	size_t stack_count;
	struct workload_info *workload;
	size_t workload_count;
	struct cell *cell;
	size_t cell_count;
	struct note *note;
	size_t note_count;
	size_t status_count[CELL_STATUS_COUNT];
};

#define RUN_INIT             \
	{                    \
		.dir_fd = -1 \
	}

/**
 * run_load() - read a run folder. @ret is RUN_INIT and belongs to the caller in any case.
 * Return: 0 with every cell of run.json present in @ret; -ENOENT, -EBADMSG, -EFBIG, -ENOMEM.
 */
int run_load(const char *dir, struct run *ret, struct err *reterr) MUST_USE;
void run_free(struct run *r);

/** run_open() - a regular file below the run folder for reading; @path as in the format. */
int run_open(const struct run *r, const char *path);

/** run_has_file() - is @path safe (relative, no "..") and there? */
bool run_has_file(const struct run *r, const char *path);

/** run_excerpt() - the last lines of a log of the run as cleaned text; nothing when unreadable. */
void run_excerpt(const struct run *r, const char *path, struct out *ret);

/** run_metric_title() - title of a metric, or its name. */
const char *run_metric_title(const struct run *r, const char *name);

/** cell_value() - a metric of a cell by name; NULL when it has none. */
const struct value *cell_value(const struct cell *c, const char *name);

/** cell_rounds() - how many timed passes of a cell are on disk. */
size_t cell_rounds(const struct cell *c);

/** value_observed() - was sample @i taken in an observed pass (folder o1, o2, ...)? */
bool value_observed(const struct value *v, size_t i);

/** source_path() - the part of a source before '#' as an owned string; NULL: out of memory. */
char *source_path(const char *source) MUST_USE;

/** value_round() - the round, or the observed pass, that sample @i was taken in. */
size_t value_round(const struct value *v, size_t i);

/** cell_json_path() - "cells/<id>/cell.json", owned. */
char *cell_json_path(const struct cell *c) MUST_USE;

#endif
