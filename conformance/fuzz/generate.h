/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FUZZ_GENERATE_H
#define VQ_FUZZ_GENERATE_H

#include "base/rng.h"
#include "conformance/fuzz/fuzz.h"

/* What the two halves of the generator share: a program in the making, and what is known by then. */

#define THINGS_MAX 48

struct node {
	uint32_t symbol;
	bool dir;
};

struct handle {
	uint32_t symbol;
	struct node node;
};

struct gen {
	struct rng rng;
	struct program *p;
	struct node node[THINGS_MAX];
	size_t node_count;
	struct handle handle[THINGS_MAX];
	size_t handle_count;
	uint32_t nodes, handles, buffers; /* symbols that were given away */
	bool rings, messages;		  /* lies there, too */
	uint64_t
		kinds; /* bits of the kinds of lies that it may hold: what falls over at once hides the others */
};

#define PICK(g, list) ((list)[rng_below(&(g)->rng, ARRAY_SIZE(list))])

static inline bool one_in(struct gen *g, uint64_t n)
{
	return rng_below(&g->rng, n) == 0;
}

/** may() - is this kind of lie among those of this program? */
static inline bool may(const struct gen *g, unsigned kind)
{
	return g->kinds >> kind & 1;
}

/** generate_mild() - one more request that a guest may make. */
void generate_mild(struct gen *g);
/** generate_hostile() - one or more steps that none may. */
void generate_hostile(struct gen *g);

/* mild.c, for mild_io.c and back. */
/** mild_put_node() - @n as a field; NULL: the root. */
void mild_put_node(struct program_step *s, const char *field, const struct node *n);
/** mild_node() - one that a reply brought; NULL: the root. */
const struct node *mild_node(struct gen *g);
void mild_read_file(struct gen *g);
void mild_write_file(struct gen *g);
void mild_read_dir(struct gen *g);
void mild_on_file(struct gen *g);
void mild_allocate(struct gen *g);
void mild_seek(struct gen *g);
void mild_copy(struct gen *g);
void mild_map_file(struct gen *g);
void mild_unmap_file(struct gen *g);

/* hostile.c, for hostile_ring.c and back. */
/** hostile_number() - any number, the ends of types before all. */
uint64_t hostile_number(struct gen *g);
/** hostile_noise() - random bytes for a field. */
void hostile_noise(struct gen *g, struct program_step *s, const char *field, size_t most);
/** hostile_last() - the newest step; NULL: none. */
struct program_step *hostile_last(const struct gen *g);
void hostile_raw_chain(struct gen *g);
void hostile_index_jump(struct gen *g);
void hostile_poke_ring(struct gen *g);
void hostile_life(struct gen *g);
void hostile_message(struct gen *g);

#endif
