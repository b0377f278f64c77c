/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUNNER_SUITE_H
#define VQ_RUNNER_SUITE_H

#include "conformance/runner/areas.h"
#include "conformance/runner/known.h"
#include "conformance/runner/options.h"
#include "conformance/runner/result.h"
#include "conformance/runner/target.h"

#include <jansson.h>

/* One target, the checks that were run against it, and what came of them. */
struct suite {
	const char *name; /* "device", "guest" */
	const struct target *target;
	const struct conform_options *options;
	const struct check **check;
	struct check_result *result;
	size_t count;
	uint64_t duration_ns;
	struct known_list known; /* of the target's product */
	/* Of a suite whose checks are not in our tables; NULL: the device suite's. */
	json_t *areas; /* [{id, title}]; borrowed */
	json_t **more; /* by check: further keys of its result; borrowed, and the array too */
	/* Folders of this machine that no result names; may be NULL. */
	const char *dir;
	const char *home;
};

/** suite_select() - the checks that the options ask for, repeated and shuffled. -ENOENT: none. */
int suite_select(const struct conform_options *o, struct suite *ret, struct err *reterr) MUST_USE;
/** suite_run() - all of them in @dir; progress to standard output where the format is text. */
int suite_run(struct suite *s, const char *dir, struct err *reterr) MUST_USE;
void suite_free(struct suite *s);
/** suite_save() - NAME.json, results.tap and junit.xml in a folder of --out. */
int suite_save(const struct suite *s, struct err *reterr) MUST_USE;
/** suite_load_known() - --known, or the file of the target's product (of the suite, where it is not ours) below @home. */
int suite_load_known(struct suite *s, const char *home, struct err *reterr) MUST_USE;
/** suite_jobs() - checks at once. */
unsigned suite_jobs(const struct conform_options *o);

struct suite_totals {
	size_t of[CHECK_BROKEN + 1]; /* by verdict */
	size_t required_failed;	     /* FAIL at MUST or DEFACTO; SHOULD with --strict */
	size_t known;		     /* of these: written down */
	size_t gone;		     /* written down, but passed */
};
/** suite_known() - is what came of check @index written down? *@ret_row may be NULL. */
enum known suite_known(const struct suite *s, size_t index, const struct known_row **ret_row);
void suite_count(const struct suite *s, struct suite_totals *ret);
/** suite_status() - the exit status of one suite. */
int suite_status(const struct suite *s);

/* output.c: @s as text of each format. */
void output_begin(const struct suite *s, FILE *out);
void output_one(const struct suite *s, size_t index, FILE *out);
void output_end(const struct suite *s, FILE *out);
/** output_all() - all of it in the format that was asked for; of text the end, for each check was told already. */
void output_all(const struct suite *s, FILE *out);
/** output_list_checks() - @count checks of the suite @name, as the format says. */
void output_list_checks(const char *name, const struct check *const *c, size_t count,
			const struct conform_options *o, FILE *out);
int output_list(const struct conform_options *o, FILE *out);
/** output_json() - DESIGN's form of any suite. New reference. */
json_t *output_json(const struct suite *s);
/** output_repeat() - the command that does this one check again; owned, NULL when out of memory. */
char *output_repeat(const struct suite *s, const struct check *c) MUST_USE;
void output_tap(const struct suite *s, FILE *out);
void output_junit(const struct suite *s, FILE *out);
/** output_explain() - all about one check; @repeat: the command that does it again, up to its --only. */
void output_explain(const struct check *c, const char *repeat, FILE *out);

#endif
