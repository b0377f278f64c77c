// SPDX-License-Identifier: Apache-2.0
/* What no driver may put into a ring, and no VMM say: chains, tables, indices, vhost-user messages. */
#include "conformance/fuzz/generate.h"

#include <linux/fuse.h>

static uint32_t buffer(struct gen *g, uint64_t size)
{
	uint32_t index = g->buffers < PROGRAM_SYMBOLS_MAX - 1 ? ++g->buffers : g->buffers;
	struct program_step *s = program_add(g->p, "memory");

	program_add_number(s, "buffer", index);
	program_add_number(s, "size", size);
	return index;
}

/* A GETATTR of the root, as a chain may refer to it. */
static uint32_t request(struct gen *g)
{
	uint32_t index = buffer(g, 56);
	struct program_step *s = hostile_last(g);

	program_add_u(s, "bytes", 56, 4);
	program_add_u(s, "bytes", FUSE_GETATTR, 4);
	program_add_u(s, "bytes", 100000 + index, 8);
	program_add_u(s, "bytes", FUSE_ROOT_ID, 8);
	for (unsigned i = 0; i < 4; i++)
		program_add_u(s, "bytes", 0, 8);
	return index;
}

struct chain {
	uint32_t in, out, table;
	uint64_t first, count;
};

static uint32_t length(struct gen *g)
{
	static const uint32_t lengths[] = { 0,
					    1,
					    15,
					    16,
					    17,
					    32,
					    39,
					    40,
					    56,
					    120,
					    4096,
					    INT32_MAX,
					    UINT32_C(1) << 31,
					    UINT32_MAX - 15,
					    UINT32_MAX };

	return PICK(g, lengths);
}

static void address(struct gen *g, struct program_step *s, const char *field, const struct chain *c,
		    bool narrow)
{
	static const enum program_family places[] = { PROGRAM_BUFFER,  PROGRAM_BUFFER,
						      PROGRAM_BUFFER,  PROGRAM_NOWHERE,
						      PROGRAM_VBUFFER, PROGRAM_USED,
						      PROGRAM_REGION };
	enum program_family family = PICK(g, places);
	uint32_t index = 0;
	uint64_t plus = 0;

	if (family == PROGRAM_BUFFER || family == PROGRAM_VBUFFER)
		index = one_in(g, 2) ? c->in : one_in(g, 4) ? c->table : c->out;
	else if (family == PROGRAM_REGION)
		plus = 2 * MIB - rng_below(&g->rng, 64); /* the end of the first */
	if (!one_in(g, 8) && narrow)
		program_add_u_symbol(s, field, family, index, plus);
	else if (narrow)
		program_add_u(s, field, hostile_number(g), 8);
	else if (!one_in(g, 8))
		program_add_symbol(s, field, family, index, plus);
	else
		program_add_number(s, field, hostile_number(g));
}

static uint16_t flags(struct gen *g)
{
	static const uint16_t list[] = { 0, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 0xffff };

	return PICK(g, list);
}

static uint64_t next(struct gen *g, uint64_t at)
{
	static const uint64_t list[] = { 0, 15, 16, 127, 128, 255, 256, 0x8000, 0xffff };

	return one_in(g, 3) ? PICK(g, list) : one_in(g, 3) ? at : at + 1;
}

static void descriptors(struct gen *g, const struct chain *c)
{
	for (uint64_t i = 0; i < c->count; i++) {
		struct program_step *s = program_add(g->p, "descriptor");

		program_add_number(s, "queue", 1);
		if (!g->p->packed)
			program_add_number(s, "index", c->first + i);
		address(g, s, "addr", c, false);
		program_add_number(s, "len", length(g));
		/* Bit 7: available in the first round of a packed ring. */
		program_add_number(s, "flags", flags(g) | (g->p->packed ? 0x80U : 0));
		program_add_number(s, "next", next(g, c->first + i));
	}
}

static void table(struct gen *g, const struct chain *c)
{
	struct program_step *s = program_add(g->p, "poke");

	program_add_symbol(s, "at", PROGRAM_BUFFER, c->table, 0);
	for (uint64_t i = 0; i < c->count; i++) {
		address(g, s, "bytes", c, true);
		program_add_u(s, "bytes", length(g), 4);
		program_add_u(s, "bytes", flags(g), 2);
		program_add_u(s, "bytes", next(g, i) & 0xffff, 2);
	}
	s = program_add(g->p, "descriptor");
	program_add_number(s, "queue", 1);
	if (!g->p->packed)
		program_add_number(s, "index", c->first);
	program_add_symbol(s, "addr", PROGRAM_BUFFER, c->table, 0);
	program_add_number(s, "len", one_in(g, 3) ? length(g) : 16 * c->count);
	program_add_number(s, "flags", (one_in(g, 4) ? flags(g) : 4U) | (g->p->packed ? 0x80U : 0));
	program_add_number(s, "next", next(g, c->first));
}

static void kick(struct gen *g, unsigned queue)
{
	program_add_number(program_add(g->p, "kick"), "queue", queue);
}

void hostile_raw_chain(struct gen *g)
{
	struct chain c = { .in = request(g),
			   .out = buffer(g, 200),
			   .first = rng_below(&g->rng, 12),
			   .count = 1 + rng_below(&g->rng, 4) };

	c.table = buffer(g, 16 * 8);
	if (one_in(g, 2))
		table(g, &c);
	else
		descriptors(g, &c);
	if (!g->p->packed) {
		struct program_step *s = program_add(g->p, "offer");

		program_add_number(s, "queue", 1);
		program_add_number(s, "head", one_in(g, 6) ? hostile_number(g) & 0xffff : c.first);
	}
	kick(g, 1);
}

void hostile_index_jump(struct gen *g)
{
	struct program_step *s;

	if (g->p->packed)
		return;
	s = program_add(g->p, "index");
	program_add_number(s, "queue", rng_below(&g->rng, 2));
	program_add_number(s, "plus",
			   one_in(g, 2) ? 1 + rng_below(&g->rng, 300) : hostile_number(g) & 0xffff);
	kick(g, 1);
}

void hostile_poke_ring(struct gen *g)
{
	static const enum program_family parts[] = { PROGRAM_DESC, PROGRAM_AVAIL, PROGRAM_USED };
	struct program_step *s = program_add(g->p, "poke");

	program_add_symbol(s, "at", PICK(g, parts), (uint32_t)rng_below(&g->rng, 2),
			   rng_below(&g->rng, 64));
	hostile_noise(g, s, "bytes", 60);
	kick(g, (unsigned)rng_below(&g->rng, 2));
}

/* ---- the VMM's side ---- */

void hostile_life(struct gen *g)
{
	(void)program_add(g->p, one_in(g, 3) ? "reset" : "stop");
	if (!one_in(g, 4))
		(void)program_add(g->p, "start");
}

static void put_payload(struct gen *g, struct program_step *s)
{
	switch (rng_below(&g->rng, 6)) {
	case 0: break;
	case 1: hostile_noise(g, s, "bytes", 300); break;
	case 2: program_add_u(s, "bytes", hostile_number(g), 8); break;
	case 3: /* state of a ring */
		program_add_u(s, "bytes",
			      one_in(g, 3) ? hostile_number(g) & UINT32_MAX : rng_below(&g->rng, 3),
			      4);
		program_add_u(s, "bytes", hostile_number(g) & UINT32_MAX, 4);
		break;
	case 4: /* addresses of a ring */
		program_add_u(s, "bytes", rng_below(&g->rng, 3), 4);
		program_add_u(s, "bytes", 0, 4);
		program_add_u_symbol(s, "bytes", PROGRAM_VDESC, 1,
				     one_in(g, 2) ? 0 : hostile_number(g));
		program_add_u_symbol(s, "bytes", PROGRAM_VUSED, 1,
				     one_in(g, 2) ? 0 : hostile_number(g));
		program_add_u_symbol(s, "bytes", PROGRAM_VAVAIL, 1,
				     one_in(g, 2) ? 0 : hostile_number(g));
		program_add_u(s, "bytes", hostile_number(g), 8);
		break;
	default: /* memory regions */
		program_add_u(s, "bytes", one_in(g, 3) ? hostile_number(g) : rng_below(&g->rng, 4),
			      8);
		for (uint64_t i = rng_below(&g->rng, 4); i > 0; i--) {
			program_add_u_symbol(s, "bytes", PROGRAM_REGION, 0,
					     one_in(g, 2) ? 0 : hostile_number(g));
			program_add_u(s, "bytes", one_in(g, 2) ? 2 * MIB : hostile_number(g), 8);
			program_add_u_symbol(s, "bytes", PROGRAM_VREGION, 0, 0);
			program_add_u(s, "bytes", one_in(g, 2) ? 0 : hostile_number(g), 8);
		}
	}
}

void hostile_message(struct gen *g)
{
	struct program_step *s = program_add(g->p, "message");
	uint64_t fds = rng_below(&g->rng, 5);

	program_add_number(s, "request",
			   one_in(g, 8) ? hostile_number(g) & UINT32_MAX
					: 1 + rng_below(&g->rng, 45));
	put_payload(g, s);
	if (one_in(g, 8))
		program_add_number(s, "flags", hostile_number(g) & UINT32_MAX);
	if (one_in(g, 8))
		program_add_number(s, "size", hostile_number(g) & UINT32_MAX);
	if (fds) {
		program_add_number(s, "fd", fds);
		program_add_number(s, "fds", 1 + rng_below(&g->rng, 8));
	}
}
