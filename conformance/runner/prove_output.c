// SPDX-License-Identifier: Apache-2.0
/* What prove tells: claims that do not hold, and how many faults each daemon's checks caught. */
#include "conformance/runner/prove.h"

#include <string.h>

#define SCHEMA 1

struct figures {
	const char *stack;
	size_t pairs[PROOF_VERDICTS];
	size_t faults, reached, caught;
};

static bool is_reached(enum proof_verdict v)
{
	return v == PROOF_CAUGHT || v == PROOF_MISSED;
}

static bool same_fault(const struct proof_row *a, const struct proof_row *b)
{
	return strcmp(a->fault, b->fault) == 0 && strcmp(a->stack, b->stack) == 0;
}

/* By stack, then by fault. */
static int compare(const void *a, const void *b)
{
	const struct proof_row *x = *(const struct proof_row *const *)a;
	const struct proof_row *y = *(const struct proof_row *const *)b;
	int order = strcmp(x->stack, y->stack);

	return order ? order : strcmp(x->fault, y->fault);
}

/* Figures of the stack whose rows begin at @row; returns how many rows there are of it. */
static size_t count_stack(struct proof_row *const *row, size_t count, struct figures *ret)
{
	size_t i = 0;

	*ret = (struct figures){ .stack = row[0]->stack };
	while (i < count && strcmp(row[i]->stack, row[0]->stack) == 0) {
		const struct proof_row *first = row[i];
		bool reached = false;
		bool caught = false;

		for (; i < count && same_fault(row[i], first); i++) {
			reached = reached || is_reached(row[i]->verdict);
			caught = caught || row[i]->verdict == PROOF_CAUGHT;
			ret->pairs[row[i]->verdict]++;
		}
		ret->faults++;
		ret->reached += reached;
		ret->caught += caught;
	}
	return i;
}

/* @each for the figures of each stack. */
static void for_stacks(const struct proof_table *t,
		       void (*each)(const struct figures *f, void *context), void *context)
{
	CLEANUP(freep)
	struct proof_row **sorted = calloc(t->count + 1, sizeof(struct proof_row *));
	struct figures f;

	if (!sorted || t->count == 0)
		return;
	memcpy(sorted, t->row, t->count * sizeof(struct proof_row *));
	qsort(sorted, t->count, sizeof(struct proof_row *), compare);
	for (size_t i = 0; i < t->count;) {
		i += count_stack(sorted + i, t->count - i, &f);
		each(&f, context);
	}
}

/* ---- claims ---- */

static bool is_caught(const struct proof_table *t, const struct proof_row *like)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->row[i]->verdict == PROOF_CAUGHT &&
		    strcmp(t->row[i]->check, like->check) == 0 &&
		    strcmp(t->row[i]->fault, like->fault) == 0)
			return true;
	return false;
}

/*
 * A claim holds when the fault was caught and nowhere missed. Where no daemon of the run reached a fault of
 * the library nothing is known; switches of the reference device must be reached.
 */
static bool is_failure(const struct proof_table *t, const struct proof_row *r)
{
	if (!r->claimed || r->verdict == PROOF_CAUGHT)
		return false;
	if (r->verdict == PROOF_MISSED || r->verdict == PROOF_BROKEN)
		return true;
	return strncmp(r->fault, PROVE_PRELOAD, strlen(PROVE_PRELOAD)) != 0 && !is_caught(t, r);
}

size_t prove_failures(const struct proof_table *t)
{
	size_t count = 0;

	for (size_t i = 0; i < t->count; i++)
		count += is_failure(t, t->row[i]);
	return count;
}

/* ---- text ---- */

static void print_figures(const struct figures *f, void *context)
{
	(void)fprintf(context,
		      "%s: %zu of %zu reached faults caught (%zu tried); pairs: %zu of %zu "
		      "reached caught, %zu not reached, %zu left out, %zu broken\n",
		      f->stack, f->caught, f->reached, f->faults, f->pairs[PROOF_CAUGHT],
		      f->pairs[PROOF_CAUGHT] + f->pairs[PROOF_MISSED], f->pairs[PROOF_NOT_REACHED],
		      f->pairs[PROOF_LEFT_OUT], f->pairs[PROOF_BROKEN]);
}

void prove_print(const struct proof_table *t, FILE *out)
{
	size_t failures = 0;
	size_t caught = 0;

	for (size_t i = 0; i < t->count; i++) {
		const struct proof_row *r = t->row[i];
		bool failure = is_failure(t, r);
		const char *name = proof_verdict_name(r->verdict);

		failures += failure;
		caught += r->claimed && r->verdict == PROOF_CAUGHT;
		if (r->claimed && r->verdict != PROOF_CAUGHT)
			(void)fprintf(out, "%s%s by %s on %s: %s%s%s\n",
				      failure ? "NOT CAUGHT " : "", r->fault, r->check, r->stack,
				      name, r->seen[0] ? ": " : "", r->seen);
	}
	for_stacks(t, print_figures, out);
	(void)fprintf(out, "%zu passed, %zu failed (fault and check that names it)\n", caught,
		      failures);
}

/* ---- JSON ---- */

static void add_figures(const struct figures *f, void *context)
{
	json_t *stack = json_pack("{s:s, s:I, s:I, s:I}", "stack", f->stack, "faults",
				  (json_int_t)f->faults, "faults_reached", (json_int_t)f->reached,
				  "faults_caught", (json_int_t)f->caught);

	for (unsigned v = 0; v < PROOF_VERDICTS; v++)
		(void)json_object_set_new(stack, proof_verdict_name((enum proof_verdict)v),
					  json_integer((json_int_t)f->pairs[v]));
	(void)json_array_append_new(context, stack);
}

json_t *prove_json(const struct proof_table *t)
{
	json_t *stacks = json_array();
	json_t *pairs = json_array();

	for_stacks(t, add_figures, stacks);
	for (size_t i = 0; i < t->count; i++) {
		const struct proof_row *r = t->row[i];

		(void)json_array_append_new(
			pairs, json_pack("{s:s, s:s, s:s, s:s, s:b, s:s}", "stack", r->stack,
					 "fault", r->fault, "check", r->check, "verdict",
					 proof_verdict_name(r->verdict), "claimed", r->claimed,
					 "seen", r->seen));
	}
	return json_pack("{s:i, s:o, s:o}", "schema", SCHEMA, "stacks", stacks, "pairs", pairs);
}
