/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUNNER_DOC_H
#define VQ_RUNNER_DOC_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Results of earlier runs: device.json and guest.json files, which anybody may have edited. */

struct doc {
	json_t *root;	/* owned */
	json_t *checks; /* owned: check id -> what came of it; of one that was repeated the worst */
	const char *suite;
	const char *name;
	const char *version;
};

/** doc_load() - -ENOENT; -EBADMSG when it is no result of a suite, with what is wrong. */
int doc_load(const char *path, struct doc *ret, struct err *reterr) MUST_USE;
void doc_free(struct doc *d);

#define DOCS_MAX 64

struct docs {
	struct doc item[DOCS_MAX];
	size_t count;
};

/**
 * docs_add() - results below @dir: device.json, STACK/device.json or conformance/STACK/device.json, so that the
 * folder of a run will do as well as that of --out.
 * Return: 0; -ENOENT when there is none; as doc_load().
 */
int docs_add(const char *dir, struct docs *d, struct err *reterr) MUST_USE;
void docs_free(struct docs *d);

/** doc_text() - a text of a check; "" when it is null. */
const char *doc_text(json_t *check, const char *key);
/** doc_is() - has the check this verdict? @check may be NULL. */
bool doc_is(json_t *check, const char *verdict);
/** doc_ended() - did the daemon end, or answer no more? */
bool doc_ended(json_t *check);
/** doc_binds() - is it one whose failure counts: MUST, DEFACTO, and with --strict SHOULD? */
bool doc_binds(const struct doc *d, json_t *check);

/* diff.c */
struct diff_result {
	size_t same, differ, only_a, only_b;
	size_t worse; /* required checks that A passes and B fails */
	json_t *json; /* owned: {schema, suite, a, b, counts, differences} */
};

/** diff_make() - two results side by side. 0 or -ENOMEM. */
int diff_make(const struct doc *a, const struct doc *b, struct diff_result *ret) MUST_USE;
void diff_print(const struct diff_result *d, FILE *out);
void diff_free(struct diff_result *d);

/* findings.c */
/** findings_write() - FINDINGS.md of all results. Returns how many findings there are. */
size_t findings_write(const struct docs *d, FILE *out);

#endif
