/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_CONDUCT_H
#define VQ_TEST_CONDUCT_H

#include "real_guest.h"

#include <limits.h>

/*
 * What the tests of the driver's conduct share: a private home (links to this project), a folder
 * and a log for each run, and a count of what is on disk. Nothing in here asserts; what went
 * wrong is in conduct.err.
 */
struct conduct {
	char dir[PATH_MAX];
	char home[PATH_MAX + 16];
	char out[PATH_MAX + 32];
	char log[PATH_MAX + 32];
	struct proc driver;
	struct real_tree tree;
	unsigned serial;
	struct err err;
};

#define ARGS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* What DESIGN promises after a kill. */
#define GONE_MS 3000
/* Until a pass or a run gets somewhere; far away. */
#define REACH_MS 120000

/** conduct_open() - folder and home of the program @name. */
int conduct_open(struct conduct *c, const char *name) MUST_USE;
/** conduct_next() - a new folder and log for the next run. */
void conduct_next(struct conduct *c);
/** conduct_stop() - no driver is left. */
void conduct_stop(struct conduct *c);
/** conduct_write() - a file in the folder; its path is returned in @ret. */
int conduct_write(struct conduct *c, const char *name, const char *text, char *ret, size_t size)
	MUST_USE;

/** conduct_check_json() - run.json and every cell.json that is there can be read. */
int conduct_check_json(struct conduct *c) MUST_USE;
/** conduct_passes() - passes of @out that are complete and ok, as its cell.json files name them. */
size_t conduct_passes(const char *out);
/** conduct_folders() - folders of passes, complete or not, that are there. */
size_t conduct_folders(const char *out);
/** conduct_all_ok() - run.json says complete, and each of its cells is ok in all rounds. */
int conduct_all_ok(struct conduct *c) MUST_USE;
/** conduct_resume() - `resume` of the run in c->out until it ended; its exit status. */
int conduct_resume(struct conduct *c, const char *option, int *ret_status) MUST_USE;

/* A run of 2 guest cells and 1 host cell, 2 rounds, about 8 s. */
extern const char conduct_plan[];
/** conduct_start() - start a run of the plan file @plan at once; its moments count from here. */
int conduct_start(struct conduct *c, const char *plan) MUST_USE;
/* A moment: when all passes are done and the report is being written. */
#define CONDUCT_IN_REPORT UINT64_MAX
/**
 * conduct_kill() - start, kill -9 after @moment_ms, see that nothing is left and at most one pass
 * was lost, resume, see that all is ok. What was seen is added to @line.
 */
int conduct_kill(struct conduct *c, const char *plan, uint64_t moment_ms, json_t *line) MUST_USE;

#endif
