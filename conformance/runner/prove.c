// SPDX-License-Identifier: Apache-2.0
/* Each check against each of its faults, in a daemon of its own. */
#include "conformance/runner/prove.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/proc.h"
#include "conformance/runner/pool.h"
#include "conformance/runner/preload.h"
#include "stack/registry.h"

#include <string.h>

/* So many daemons have a file of counters at once. */
#define BATCH 128

/* One pair that is to be run: the target is the usual one with one word or three variables more. */
struct proof {
	const struct check *check;
	char fault[PROOF_WORD];
	struct target target;
	struct preload_file file;
};

/* What all steps of one target share. */
struct prover {
	const struct target *target;
	const struct suite *suite;
	const char *library;
	const char *dir;
	struct proof_table *table;
	bool preload; /* faults of the library, not switches of the reference device */
	bool all;
	struct strv faults;	      /* of the reference device, with --all */
	struct check_result *control; /* of each check of the suite, without a fault */
	uint64_t (*would)[FAULTS_MAX];
	struct proof *proof; /* BATCH */
	size_t count;
	struct err *reterr;
};

/* ---- which pairs ---- */

static bool is_preload(const char *fault)
{
	return strncmp(fault, PROVE_PRELOAD, strlen(PROVE_PRELOAD)) == 0;
}

static const char *claims(const struct check *c)
{
	return c->catches ? c->catches : "";
}

static bool has_claim(const struct prover *p, const struct check *c)
{
	char word[PROOF_WORD];

	for (const char *at = claims(c); (at = words_next(at, word, sizeof(word)));)
		if (is_preload(word) == p->preload)
			return true;
	return false;
}

static bool is_claimed(const struct check *c, const char *fault)
{
	char word[PROOF_WORD];

	for (const char *at = claims(c); (at = words_next(at, word, sizeof(word)));)
		if (strcmp(word, fault) == 0)
			return true;
	return false;
}

/* ---- running ---- */

static void free_proofs(struct prover *p)
{
	for (size_t i = 0; i < p->count; i++) {
		strv_free(&p->proof[i].target.more);
		strv_free(&p->proof[i].target.env);
		preload_file_free(&p->proof[i].file);
	}
	p->count = 0;
}

/* @fault: as in `catches`; NULL: none, but counted what could fire. */
static int add_proof(struct prover *p, const struct check *c, const char *fault)
{
	struct proof *n = &p->proof[p->count];
	char path[160];
	int e = 0;

	*n = (struct proof){ .check = c, .target = *p->target };
	n->target.more = n->target.env = (struct strv){ 0 };
	if (p->target->more.item)
		strv_add_all(&n->target.more, (const char *const *)p->target->more.item);
	if (p->target->env.item)
		strv_add_all(&n->target.env, (const char *const *)p->target->env.item);
	(void)snprintf(n->fault, sizeof(n->fault), "%s", fault ? fault : FAULTS_TRACE);
	p->count++;
	if (!p->preload) {
		if (fault)
			strv_addf(&n->target.more, "--fault=%s", fault);
		return n->target.more.failed ? -ENOMEM : 0;
	}
	(void)snprintf(path, sizeof(path), "%s/faults%zu", p->dir, p->count);
	e = preload_file_new(path, &n->file, p->reterr);
	if (e == 0)
		e = preload_env(p->library, fault ? fault + strlen(PROVE_PRELOAD) : FAULTS_TRACE,
				&n->file, &n->target.env, p->reterr);
	if (e == 0)
		n->target.arm = &n->file.shared->armed;
	return e;
}

static int run_proofs(struct prover *p, struct check_result *ret)
{
	const struct check *check[BATCH];
	const struct target *target[BATCH];
	struct pool_work w = { .checks = check,
			       .targets = target,
			       .count = p->count,
			       .jobs = suite_jobs(p->suite->options),
			       .dir = p->dir,
			       .seed = p->suite->options->seed,
			       .timeout_ms = p->suite->options->timeout_ms };

	for (size_t i = 0; i < p->count; i++) {
		check[i] = p->proof[i].check;
		target[i] = &p->proof[i].target;
	}
	return pool_run(&w, ret, p->reterr);
}

/* ---- judging ---- */

static enum proof_verdict judge(const struct prover *p, const struct proof *n,
				const struct check_result *r)
{
	bool fired = p->preload ? n->file.shared->fired > 0 : strstr(r->log, " fires") != NULL;

	switch (r->verdict) {
	case CHECK_FAIL: return !p->preload || fired ? PROOF_CAUGHT : PROOF_BROKEN;
	case CHECK_PASS: return fired ? PROOF_MISSED : PROOF_NOT_REACHED;
	default: return PROOF_BROKEN;
	}
}

static int record(struct prover *p, const struct check *c, const char *fault, enum proof_verdict v,
		  const char *seen)
{
	struct proof_row row = { .verdict = v, .claimed = is_claimed(c, fault) };

	(void)snprintf(row.stack, sizeof(row.stack), "%.95s", p->target->id);
	(void)snprintf(row.fault, sizeof(row.fault), "%s", fault);
	(void)snprintf(row.check, sizeof(row.check), "%s", c->id);
	(void)snprintf(row.seen, sizeof(row.seen), "%.250s", seen);
	for (char *at = row.seen; (at = strpbrk(at, "\t\n"));)
		*at = ' ';
	return proof_add(p->table, &row);
}

static int flush(struct prover *p)
{
	CLEANUP(freep) struct check_result *r = calloc(BATCH, sizeof(*r));
	int e = r ? run_proofs(p, r) : -ENOMEM;

	for (size_t i = 0; e == 0 && i < p->count; i++) {
		const struct proof *n = &p->proof[i];

		if (p->preload && n->file.shared->loaded == 0 && r[i].verdict != CHECK_SKIP)
			e = err_set(p->reterr, -EIO,
				    "%s: the library of faults was not loaded into it: %s",
				    p->target->id, r[i].log);
		else
			e = record(p, n->check, n->fault, judge(p, n, &r[i]), r[i].seen);
	}
	free_proofs(p);
	return e;
}

/* The word in `catches` of row @index. */
static void preload_word(size_t index, char *ret, size_t size)
{
	size_t count;

	(void)snprintf(ret, size, PROVE_PRELOAD "%s", preload_rows(&count)[index].name);
}

/* One pair: run it, unless the result is known already. */
static int take(struct prover *p, size_t check, const char *fault)
{
	const struct check *c = p->suite->check[check];
	const struct check_result *control = &p->control[check];
	int index = p->preload ? preload_find(fault + strlen(PROVE_PRELOAD)) : 0;
	struct proof_row *known;
	int e;

	if (index < 0)
		return err_set(p->reterr, -EINVAL, "%s catches %s: there is no such fault", c->id,
			       fault);
	known = proof_find(p->table, p->target->id, fault, c->id);
	if (known) {
		known->claimed = is_claimed(c, fault);
		return 0;
	}
	/* A fault of the reference device may make it offer what the check needs. */
	if (control->verdict != CHECK_PASS &&
	    !(control->verdict == CHECK_SKIP && !p->preload && is_claimed(c, fault)))
		return record(p, c, fault, PROOF_LEFT_OUT, control->seen);
	if (p->preload && p->would[check][index] == 0)
		return record(p, c, fault, PROOF_NOT_REACHED, "");
	e = add_proof(p, c, fault);
	return e == 0 && p->count == BATCH ? flush(p) : e;
}

/* ---- steps ---- */

/* Each check without a fault: does it pass, and what could fire in it? */
static int run_control(struct prover *p)
{
	CLEANUP(freep) struct check_result *r = calloc(BATCH, sizeof(*r));
	size_t of[BATCH] = { 0 };
	int e = r ? 0 : -ENOMEM;

	for (size_t i = 0; e == 0 && i <= p->suite->count; i++) {
		bool end = i == p->suite->count;

		if (!end && (p->all || has_claim(p, p->suite->check[i]))) {
			of[p->count] = i;
			e = add_proof(p, p->suite->check[i], NULL);
		}
		if (e < 0 || p->count == 0 || (p->count < BATCH && !end))
			continue;
		e = run_proofs(p, r);
		for (size_t j = 0; e == 0 && j < p->count; j++) {
			p->control[of[j]] = r[j];
			if (p->preload)
				memcpy(p->would[of[j]], p->proof[j].file.shared->would,
				       sizeof(p->would[0]));
		}
		free_proofs(p);
	}
	return e;
}

static int take_claims(struct prover *p)
{
	char word[PROOF_WORD];
	int e = 0;

	for (size_t i = 0; e == 0 && i < p->suite->count; i++)
		for (const char *at = claims(p->suite->check[i]);
		     e == 0 && (at = words_next(at, word, sizeof(word)));)
			if (is_preload(word) == p->preload)
				e = take(p, i, word);
	return e;
}

static int take_all(struct prover *p)
{
	char word[PROOF_WORD];
	size_t faults = p->faults.count;
	int e = 0;

	if (p->preload)
		(void)preload_rows(&faults);
	for (size_t f = 0; e == 0 && f < faults; f++) {
		if (p->preload)
			preload_word(f, word, sizeof(word));
		else
			(void)snprintf(word, sizeof(word), "%s", p->faults.item[f]);
		for (size_t i = 0; e == 0 && i < p->suite->count; i++)
			e = take(p, i, word);
		/* What is done of one fault is on disk before the next. */
		if (e == 0 && p->count)
			e = flush(p);
	}
	return e;
}

/* Switches of the reference device: a name at the start of each line behind the first empty one. */
static int list_switches(struct prover *p)
{
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(proc_output_free) struct proc_output out = { 0 };
	struct proc_spec spec = { 0 };
	const char *at;
	int e;

	stack_program_argv(p->target->stack, &p->target->paths, &argv);
	strv_add(&argv, "--list-faults");
	if (strv_failed(&argv))
		return -ENOMEM;
	spec.argv = argv.item;
	e = proc_run(&spec, MIB, clock_deadline_ms(10000), &out, p->reterr);
	at = e == 0 ? strstr(buf_text(&out.out), "\n\n") : NULL;
	for (at = at ? at + 2 : ""; *at; at += strcspn(at, "\n"), at += *at == '\n')
		if (strcspn(at, " \n") > 0)
			strv_addf(&p->faults, "%.*s", (int)strcspn(at, " \n"), at);
	return e < 0 ? e : strv_failed(&p->faults) ? -ENOMEM : 0;
}

static int run_steps(struct prover *p)
{
	int e = p->all && !p->preload ? list_switches(p) : 0;

	if (e == 0)
		e = run_control(p);
	if (e == 0)
		e = take_claims(p);
	/* Known before the same pairs come again. */
	if (e == 0 && p->count)
		e = flush(p);
	if (e == 0 && p->all)
		e = take_all(p);
	free_proofs(p);
	return e;
}

int prove_run(const struct target *t, const char *library, const struct suite *s, const char *dir,
	      struct proof_table *table, struct err *reterr)
{
	CLEANUP(freep) struct check_result *control = calloc(s->count, sizeof(*control));
	CLEANUP(freep) uint64_t(*would)[FAULTS_MAX] = calloc(s->count, sizeof(*would));
	CLEANUP(freep) struct proof *proof = calloc(BATCH, sizeof(*proof));
	struct prover p = { .target = t,
			    .suite = s,
			    .library = library,
			    .dir = dir,
			    .table = table,
			    .preload = strcmp(t->name, "virtiofs-refdev") != 0,
			    .all = s->options->all,
			    .control = control,
			    .would = would,
			    .proof = proof,
			    .reterr = reterr };
	int e;

	if (!control || !would || !proof)
		return err_errno(reterr, -ENOMEM, "proofs");
	e = run_steps(&p);
	strv_free(&p.faults);
	return e;
}
