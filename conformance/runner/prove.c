// SPDX-License-Identifier: Apache-2.0
/* Are the checks any good? Each names faults; each fault is switched on, and the check has to notice. */
#include "conformance/runner/suite.h"

#include "conformance/runner/pool.h"

#include <string.h>

#define FAULT_NAME 64

/* A check against one of its faults: the target is the usual one with one more word. */
struct proof {
	const struct check *check;
	char fault[FAULT_NAME];
	struct target target;
};

/* Faults of another kind are injected into other daemons. */
#define PRELOAD "preload:"

/* The next fault of @c that the reference device has; at the end NULL. */
static const char *next_fault(const char *at, char *word, size_t size)
{
	do
		at = words_next(at, word, size);
	while (at && strncmp(word, PRELOAD, strlen(PRELOAD)) == 0);
	return at;
}

static const char *faults_of(const struct check *c)
{
	return c->catches ? c->catches : "";
}

static size_t count_proofs(const struct suite *s)
{
	char word[FAULT_NAME];
	size_t count = 0;

	for (size_t i = 0; i < s->count; i++)
		for (const char *at = faults_of(s->check[i]);
		     (at = next_fault(at, word, sizeof(word)));)
			count++;
	return count;
}

static void make_proof(struct proof *p, const struct target *t, const struct check *c,
		       const char *fault)
{
	p->check = c;
	(void)snprintf(p->fault, sizeof(p->fault), "%s", fault);
	p->target = *t;
	p->target.more = (struct strv){ 0 };
	if (t->more.item)
		strv_add_all(&p->target.more, (const char *const *)t->more.item);
	strv_addf(&p->target.more, "--fault=%s", fault);
}

static void make_proofs(struct proof *p, const struct target *t, const struct suite *s)
{
	char word[FAULT_NAME];

	for (size_t i = 0; i < s->count; i++)
		for (const char *at = faults_of(s->check[i]);
		     (at = next_fault(at, word, sizeof(word)));)
			make_proof(p++, t, s->check[i], word);
}

static size_t judge(const struct proof *p, const struct check_result *r, size_t count, FILE *out)
{
	size_t missed = 0;

	for (size_t i = 0; i < count; i++) {
		if (r[i].verdict == CHECK_FAIL)
			continue;
		missed++;
		(void)fprintf(out, "NOT CAUGHT %s by %s: %s%s%s\n", p[i].fault, p[i].check->id,
			      verdict_name(r[i].verdict), r[i].seen[0] ? ": " : "", r[i].seen);
	}
	(void)fprintf(out, "%zu passed, %zu failed (fault and check that names it)\n",
		      count - missed, missed);
	return missed;
}

int prove_run(const struct target *t, const struct suite *s, const char *dir, FILE *out,
	      size_t *ret_missed, struct err *reterr)
{
	size_t count = count_proofs(s);
	CLEANUP(freep) struct proof *proof = calloc(count + 1, sizeof(*proof));
	CLEANUP(freep) struct check_result *result = calloc(count + 1, sizeof(*result));
	CLEANUP(freep) const struct check **check = calloc(count + 1, sizeof(*check));
	CLEANUP(freep) const struct target **target = calloc(count + 1, sizeof(*target));
	struct pool_work w = { .checks = check,
			       .targets = target,
			       .count = count,
			       .jobs = suite_jobs(s->options),
			       .dir = dir,
			       .seed = s->options->seed,
			       .timeout_ms = s->options->timeout_ms };
	int e;

	if (!proof || !result || !check || !target)
		return err_errno(reterr, -ENOMEM, "proofs");
	make_proofs(proof, t, s);
	for (size_t i = 0; i < count; i++) {
		check[i] = proof[i].check;
		target[i] = &proof[i].target;
	}
	e = pool_run(&w, result, reterr);
	if (e == 0)
		*ret_missed = judge(proof, result, count, out);
	for (size_t i = 0; i < count; i++)
		strv_free(&proof[i].target.more);
	return e;
}
