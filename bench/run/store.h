/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_STORE_H
#define VQ_RUN_STORE_H

#include "run/plan.h"

#include <jansson.h>

/*
 * The folder of one run on disk (results/README.md). A pass is complete in its own folder before
 * cell.json names it; cell.json and run.json are replaced atomically. A kill loses one pass.
 */
enum pass_status { PASS_OK, PASS_NA, PASS_FAILED };

/* Timed passes are measured; observed ones are watched, and no time of theirs is a result. */
enum pass_kind { PASS_TIMED, PASS_OBSERVED };

/* Which pass of a cell: its kind, and its number among those of that kind, from 1. */
struct turn {
	enum pass_kind kind;
	unsigned number;
};

/* One measured number of a pass. */
struct pass_metric {
	char name[64]; /* "<phase>.<metric>" */
	const struct metric_def *def;
	double value;
	char source[128]; /* file inside the pass folder, '#', field */
};

/* What one pass has to say. Zero-initialise; pass_result_free() releases. */
struct pass_result {
	enum pass_status status;
	char reason[2048];  /* "" when ok */
	json_t *evidence;   /* array as in cell.json; files relative to the pass folder */
	json_t *states;	    /* array as in cell.json, without "round" */
	json_t *commands;   /* array of {who, argv} */
	json_t *negotiated; /* as in cell.json; NULL: not observed */
	struct pass_metric *metric;
	size_t metric_count;
	uint64_t wall_ns;
	uint64_t work_ns;    /* what the workload itself took; the rest is overhead */
	char interrupts[16]; /* of the device, as the guest sees it: "msix", "intx"; "" unknown */
	const char *guest;   /* "booted", "reused", "restored", or "none" */
	const char *tail; /* of a device with a window: "passthrough", "shadow"; NULL: not known */
};

void pass_result_free(struct pass_result *r);
/** pass_fail() - status failed with a cause; the first cause is kept. */
void pass_fail(struct pass_result *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
int pass_add_metric(struct pass_result *r, const char *phase, const struct metric_def *def,
		    double value, const char *file, const char *field);
/** pass_add_evidence() - @file may be NULL; relative to the pass folder. */
void pass_add_evidence(struct pass_result *r, const char *what, const char *seen, const char *file);

struct store {
	char *dir;     /* the run folder */
	json_t *run;   /* run.json */
	json_t *cells; /* object: cell id -> cell.json */
};

/* The plan as it was given, in the run folder: what resume reads. */
#define STORE_PLAN "plan.conf"

/** store_create() - make results folder @base/<UTC>-<plan> (or @base itself with @exact) and `latest`. */
int store_create(const char *base, bool exact, const char *plan, struct store *ret,
		 struct err *reterr) MUST_USE;
void store_free(struct store *s);

/** store_add_cells() - a pending cell.json for each cell that has none yet. */
int store_add_cells(struct store *s, const struct cell_list *l, const char *accelerator,
		    struct err *reterr) MUST_USE;
int store_save_run(struct store *s, struct err *reterr) MUST_USE;

/** store_check_room() - -ENOSPC, with what to do, when the disk of the run folder is about full. */
int store_check_room(const struct store *s, struct err *reterr) MUST_USE;

/** store_pass_begin() - an empty folder for the raw files of a pass; owned path. */
int store_pass_begin(struct store *s, const struct cell *c, struct turn turn, char **ret_dir,
		     struct err *reterr) MUST_USE;
/** store_pass_commit() - pass.json, the folder's final name, then cell.json. @passes: of each cell. */
int store_pass_commit(struct store *s, const struct cell *c, struct turn turn, unsigned passes,
		      struct pass_result *r, struct err *reterr) MUST_USE;

/** store_has_pass() - is that pass on disk, complete, and named by cell.json? */
bool store_has_pass(const struct store *s, const struct cell *c, struct turn turn);

/**
 * store_open() - the store of a run that was begun earlier; its cells are not loaded yet.
 * Return: 0; -ENOENT when @dir is no run; -EBADMSG when run.json is damaged.
 */
int store_open(const char *dir, struct store *ret, struct err *reterr) MUST_USE;

/**
 * store_load_cells() - read what is there, in memory only. A pass is kept when its folder is
 * complete and cell.json names it; a cell.json that cannot be read counts as not there.
 * @retry_failed: passes that failed are forgotten too.
 * @ret_kept: number of passes kept.
 */
int store_load_cells(struct store *s, const struct plan *p, bool retry_failed, size_t *ret_kept,
		     struct err *reterr) MUST_USE;

/** store_tidy() - bring the disk to that state: cell.json first, then what no cell names goes. */
int store_tidy(struct store *s, const struct cell_list *l, struct err *reterr) MUST_USE;

/** store_hide_dir() - names of files in @text become relative to the run folder @dir. */
void store_hide_dir(char *text, const char *dir);

/** store_cell_status() - as in cell.json. Borrowed. */
const char *store_cell_status(const struct store *s, const struct cell *c);

#endif
