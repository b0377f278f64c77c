// SPDX-License-Identifier: Apache-2.0
#include "conformance/fuzz/generate.h"

/* Steps of a program: enough to get somewhere, few enough to start a daemon for each. */
#define STEPS_LEAST 8
#define STEPS_MOST  48
/* Of a hostile program's steps so many in a hundred are. */
#define HOSTILE_PERCENT 40

static void host_files(struct gen *g)
{
	struct program_step *s = program_add(g->p, "host-mkdir");

	program_add_text(s, "name", "d");
	s = program_add(g->p, "host-file");
	program_add_text(s, "name", "a");
	program_add_fill(s, "bytes", 5000, 1);
	s = program_add(g->p, "host-file");
	program_add_text(s, "name", "d/b");
	program_add_text(s, "bytes", "content");
	s = program_add(g->p, "host-symlink");
	program_add_text(s, "name", "l");
	program_add_text(s, "target", "a");
}

static void front(struct gen *g)
{
	static const unsigned rings[] = { 0, 0, 16, 64, 256 };

	g->p->packed = one_in(g, 4);
	g->p->no_indirect = one_in(g, 3);
	g->p->no_event = one_in(g, 3);
	g->p->regions = one_in(g, 4) ? 4 : 0;
	g->p->ring = PICK(g, rings);
	g->p->window = one_in(g, 3);
}

struct program *fuzz_generate(uint64_t seed, uint64_t index, bool hostile)
{
	struct gen g = { .rng = { .state = seed } };
	uint64_t steps;

	/* Neighbouring programs of one seed have nothing to do with each other. */
	g.rng.state = rng_next(&g.rng) ^ (index + 1) * UINT64_C(0xd1342543de82ef95);
	g.p = program_new();
	if (!g.p)
		return NULL;
	(void)snprintf(g.p->shows, sizeof(g.p->shows), "%s fuzz, seed %llu, program %llu",
		       hostile ? "hostile" : "mild", (unsigned long long)seed,
		       (unsigned long long)index);
	front(&g);
	g.messages = one_in(&g, 6);
	g.rings = g.messages || one_in(&g, 2);
	g.kinds = rng_next(&g.rng);
	host_files(&g);
	steps = STEPS_LEAST + rng_below(&g.rng, STEPS_MOST - STEPS_LEAST);
	for (uint64_t i = 0; i < steps; i++)
		if (hostile && rng_below(&g.rng, 100) < HOSTILE_PERCENT)
			generate_hostile(&g);
		else
			generate_mild(&g);
	return g.p->failed ? program_free(g.p) : g.p;
}
