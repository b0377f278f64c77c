/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_CONFORM_H
#define VQ_REPORT_CONFORM_H

#include "report/model.h"

#include "conformance/spec/spec.h"

/* The suites of a run: what device.json of each daemon and guest.json of each mode say, joined by check. */

/* What came of a check, for a reader. */
enum conform_state {
	CONFORM_PASSED,
	CONFORM_FAILED, /* at MUST or DEFACTO, and not written down */
	CONFORM_KNOWN,	/* the same, written down */
	CONFORM_NOTED,	/* a SHOULD that is not followed, a MAY that is not used */
	CONFORM_SKIPPED,
	CONFORM_BROKEN, /* could not be done */
	CONFORM_STATES,
	CONFORM_ABSENT = CONFORM_STATES, /* was not run */
};

struct conform_daemon {
	const char *stack;
	const char *status;
	const char *reason; /* NULL: none */
	const char *version;
	const char *dir;
	json_t *root;	   /* owned; NULL: there is none that can be used */
	json_t *checks;	   /* owned: id -> check; of one that was repeated the worst */
	struct err damage; /* why there is none */
};

struct conform {
	const struct conform_suite *suite;
	struct conform_daemon *daemon; /* owned */
	size_t count;
	json_t *areas; /* owned: id -> title, of all daemons, in their order */
	json_t *ids;   /* owned: id -> its first check, in their order */
};

/* How a suite is shown. */
struct conform_suite {
	const char *id;	    /* "device": its files are device.json */
	const char *anchor; /* of its section */
	const char *title;
	const char *subject; /* what its columns are */
	const char *about;   /* one sentence */
	unsigned means; /* how the requirements are checked that it can look at: enum spec_means */
};
const struct conform_suite *conform_suites(size_t *ret_count);

/** conform_has() - has the run anything of the suite @id? */
bool conform_has(const struct run *r, const char *id);
/** conform_build() - 0 or -ENOMEM; what cannot be read is `damage` of its daemon. */
int conform_build(const struct run *r, const struct conform_suite *suite, struct conform *ret)
	MUST_USE;
void conform_free(struct conform *c);

/** conform_check() - what came of check @id at a daemon; NULL: it was not run. */
json_t *conform_check(const struct conform_daemon *d, const char *id);
/** conform_text() - a text of a check; NULL for null. */
const char *conform_text(json_t *check, const char *key);
enum conform_state conform_state(const struct conform_daemon *d, json_t *check);
/** conform_word() - "passed", "failed", ... */
const char *conform_word(enum conform_state s);
/** conform_source() - where the requirement stands that decided. */
const char *conform_source(json_t *check);

/* Counts of an area (NULL: of all) for one daemon, of what standards require or of practice. */
struct conform_counts {
	size_t of[CONFORM_STATES];
	size_t all;
};
void conform_count(const struct conform_daemon *d, const char *area, bool normative,
		   struct conform_counts *ret);
/** conform_total() - the same for all areas and requirements. */
void conform_total(const struct conform_daemon *d, struct conform_counts *ret);
/** conform_cell() - counts as words: "12 passed, 1 failed"; "" for none. Returns @ret. */
#define CONFORM_CELL 128
const char *conform_cell(const struct conform_counts *n, char ret[CONFORM_CELL]);

/** conform_is_failure() - did any daemon fail it, or could it not be done? */
bool conform_is_failure(const struct conform *c, const char *id);
/** conform_differs() - do two daemons that ran it differ in what came of it, or in their fate? */
bool conform_differs(const struct conform *c, const char *id);

/* conform_rows.c: requirement -> checks -> result. */

/** conform_row_is_listed() - can the suite check the row, or is there a waiver for it? */
bool conform_row_is_listed(const struct conform *c, const struct spec_row *row);
/** conform_row_waiver() - why it need not be checked; NULL: it has to be. */
const char *conform_row_waiver(const struct conform *c, const struct spec_row *row);
/** conform_row_checks() - ids of all checks that name it, by ", "; "every check". Owned; NULL: out of memory. */
char *conform_row_checks(const struct conform *c, const struct spec_row *row) MUST_USE;
/** conform_row_state() - the worst of them; CONFORM_ABSENT: none was run. */
enum conform_state conform_row_state(const struct conform_daemon *d, const struct spec_row *row);

#endif
