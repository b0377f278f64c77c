// SPDX-License-Identifier: Apache-2.0
#include "run/estimate.h"

#include "run/dax.h"
#include "run/session.h"

#include <string.h>

/*
 * Seconds, measured under TCG on two cores: a guest's first start with its warm-up and saving; per
 * kind of stack what a pass costs besides its phases, what a phase of fio costs besides the part of
 * its time bound that it uses, and what a phase of a program takes.
 */
#define GUEST_S	    4.5
#define TIME_PART   0.8
#define OBSERVED_S  1.5 /* of one phase that goes once over the data, through the relay */
#define NA_S	    0.4 /* a pass that ends with the answer to its mount */
#define FOOTPRINT_S 1.8 /* a restored guest that reads its tree and is measured */
#define RUN_START_S 0.5 /* world, versions, report */

static const struct {
	double pass, fio_phase, program_phase;
} cost[STACK_KIND_COUNT] = {
	[STACK_VIRTIOFS] = { 0.35, 0.3, 1.0 }, [STACK_9P] = { 0.4, 0.6, 1.2 },
	[STACK_BLK] = { 0.55, 0.3, 1.0 },      [STACK_HOST] = { 0.05, 0.25, 0.1 },
	[STACK_ATTACHED] = { 0.1, 0.25, 0.1 }, [STACK_VMM_FS] = { 0.35, 0.3, 1.0 },
};

/* A VMM that is told nothing is booted for each pass. */
static double boot_seconds(const struct cell *c)
{
	return c->vmm && c->vmm->control == VMM_CONTROL_NONE ? GUEST_S : 0;
}

static double pass_seconds(const struct plan *p, const struct cell *c)
{
	const struct workload *w = c->workload;
	double phases = (double)w->phase_count;
	double each = w->tool == TOOL_FIO
			      ? cost[c->stack->kind].fio_phase + TIME_PART * p->time_ms / 1000.0
			      : cost[c->stack->kind].program_phase;

	if (w->tool == TOOL_FOOTPRINT)
		return w->guests * FOOTPRINT_S;
	return boot_seconds(c) + cost[c->stack->kind].pass + phases * each;
}

static double observed_seconds(const struct cell *c)
{
	double phases = (double)c->workload->phase_count;

	if (c->workload->tool == TOOL_FOOTPRINT)
		return c->workload->guests * FOOTPRINT_S;
	if (!stack_is_guest(c->stack))
		return cost[c->stack->kind].pass + phases * cost[c->stack->kind].program_phase;
	return boot_seconds(c) + cost[c->stack->kind].pass + phases * OBSERVED_S;
}

static bool has_option(const struct cell *c, const char *id)
{
	for (size_t i = 0; i < c->stack->option_count; i++)
		if (c->options & 1U << i && strcmp(c->stack->options[i].id, id) == 0)
			return true;
	return false;
}

const char *estimate_na(const struct cell *c, char *scratch, size_t size)
{
	if (session_beyond_stack(c))
		(void)snprintf(scratch, size, "%s is not known to have cache=%s", c->stack->id,
			       cache_name(c->cache));
	else if (stack_is_virtiofs(c->stack) && c->dax != DAX_NONE && !c->window_bytes)
		(void)snprintf(scratch, size, "no DAX window is known for %s", c->stack->id);
	else if (c->workload->needs & NEED_MAP_SHARED && !dax_uses(c) &&
		 stack_is_virtiofs(c->stack) && cache_keeps(c->cache) == KEEPS_NOTHING &&
		 !has_option(c, "mmap"))
		(void)snprintf(scratch, size, "cache=%s is known to refuse mmap(MAP_SHARED)",
			       cache_name(c->cache));
	else if (c->workload->needs & NEED_MAP_WRITE && c->stack->kind == STACK_9P &&
		 c->cache == CACHE_NONE)
		(void)snprintf(scratch, size, "9p with cache=none maps shared files read-only");
	else
		return NULL;
	return scratch;
}

static double cell_seconds(const struct plan *p, const struct cell *c, bool na)
{
	if (na) /* it is asked once */
		return NA_S;
	return p->rounds * pass_seconds(p, c) + plan_observed(p, c) * observed_seconds(c);
}

static bool first_of_guest(const struct plan *p, size_t i)
{
	const struct cell *c = plan_at(p, i);

	if (!c->vmm || c->vmm->control == VMM_CONTROL_NONE)
		return false;
	for (size_t j = 0; j < i; j++)
		if (plan_at(p, j)->vmm == c->vmm && plan_at(p, j)->kernel == c->kernel)
			return false;
	return true;
}

static struct estimate_stack *find(struct estimate *e, const struct stack *s)
{
	for (size_t i = 0; i < e->stack_count; i++)
		if (e->stack[i].stack == s)
			return &e->stack[i];
	e->stack[e->stack_count] = (struct estimate_stack){ .stack = s };
	return &e->stack[e->stack_count++];
}

int estimate_plan(const struct plan *p, struct estimate *ret)
{
	struct estimate e = { .seconds = RUN_START_S };
	char scratch[160];

	/* As many as cells is enough; a plan may hold stacks of conf files too. */
	e.stack = calloc(p->cells.count + p->checks.count + 1, sizeof(*e.stack));
	if (!e.stack)
		return -ENOMEM;
	for (size_t i = 0; i < p->cells.count; i++) {
		const struct cell *c = &p->cells.item[i];
		struct estimate_stack *s = find(&e, c->stack);
		bool na = estimate_na(c, scratch, sizeof(scratch)) != NULL;
		double seconds = cell_seconds(p, c, na);

		s->cells++;
		s->na += na;
		s->seconds += seconds;
		e.na += na;
		e.seconds += seconds;
		e.guests += first_of_guest(p, i);
	}
	for (size_t i = 0; i < p->checks.count; i++) {
		find(&e, p->checks.item[i].stack)->seconds += ESTIMATE_GUEST_SUITE_S;
		e.seconds += ESTIMATE_GUEST_SUITE_S;
		e.guests += first_of_guest(p, p->cells.count + i);
	}
	e.guests_s = (double)e.guests * GUEST_S;
	e.seconds += (double)p->daemon_count * ESTIMATE_DEVICE_S;
	e.seconds += e.guests_s;
	*ret = e;
	return 0;
}

void estimate_free(struct estimate *e)
{
	free(e->stack);
	*e = (struct estimate){ 0 };
}
