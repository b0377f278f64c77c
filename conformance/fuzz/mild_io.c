// SPDX-License-Identifier: Apache-2.0
/* Requests on handles that a guest has, and on the window. */
#include "conformance/fuzz/generate.h"

static const uint64_t offsets[] = { 0, 0, 0, 1, 100, 4095, 4096, 4097, 65536, 1 << 20 };
static const uint64_t sizes[] = { 0, 1, 7, 100, 4095, 4096, 4097, 65536, 131072 };

/* A request on a handle; NULL: there is none of that kind. */
static struct program_step *on_handle(struct gen *g, const char *verb, bool is_dir)
{
	const struct handle *h = g->handle_count ? &g->handle[rng_below(&g->rng, g->handle_count)]
						 : NULL;
	struct program_step *s;

	if (!h || h->node.dir != is_dir)
		return NULL;
	s = program_add(g->p, verb);
	mild_put_node(s, "nodeid", h->node.symbol ? &h->node : NULL);
	program_add_symbol(s, "fh", PROGRAM_HANDLE, h->symbol, 0);
	return s;
}

void mild_read_file(struct gen *g)
{
	struct program_step *s = on_handle(g, "READ", false);

	if (!s)
		return;
	program_add_number(s, "offset", PICK(g, offsets));
	program_add_number(s, "size", PICK(g, sizes));
}

void mild_write_file(struct gen *g)
{
	struct program_step *s = on_handle(g, "WRITE", false);

	if (!s)
		return;
	program_add_number(s, "offset", PICK(g, offsets));
	program_add_fill(s, "data", PICK(g, sizes), (uint32_t)g->p->count);
}

void mild_read_dir(struct gen *g)
{
	struct program_step *s = on_handle(g, one_in(g, 2) ? "READDIR" : "READDIRPLUS", true);

	if (!s)
		return;
	program_add_number(s, "offset", one_in(g, 3) ? rng_below(&g->rng, 5) : 0);
	program_add_number(s, "size", PICK(g, sizes));
}

void mild_on_file(struct gen *g)
{
	static const char *const verbs[] = { "FLUSH", "FSYNC" };

	(void)on_handle(g, PICK(g, verbs), false);
}

void mild_allocate(struct gen *g)
{
	static const uint64_t how[] = { 0, 1, 3, 0x10 };
	struct program_step *s = on_handle(g, "FALLOCATE", false);

	if (!s)
		return;
	program_add_number(s, "offset", PICK(g, offsets));
	program_add_number(s, "length", PICK(g, sizes));
	program_add_number(s, "mode", PICK(g, how));
}

void mild_seek(struct gen *g)
{
	struct program_step *s = on_handle(g, "LSEEK", false);

	if (!s)
		return;
	program_add_number(s, "offset", PICK(g, offsets));
	program_add_number(s, "whence", 3 + rng_below(&g->rng, 2));
}

void mild_copy(struct gen *g)
{
	const struct handle *to;
	const struct handle *from;
	struct program_step *s;

	if (!g->handle_count)
		return;
	to = &g->handle[rng_below(&g->rng, g->handle_count)];
	from = &g->handle[rng_below(&g->rng, g->handle_count)];
	if (to->node.dir || from->node.dir)
		return;
	s = program_add(g->p, "COPY_FILE_RANGE");
	mild_put_node(s, "nodeid", &from->node);
	program_add_symbol(s, "fh_in", PROGRAM_HANDLE, from->symbol, 0);
	program_add_number(s, "off_in", PICK(g, offsets));
	mild_put_node(s, "nodeid_out", &to->node);
	program_add_symbol(s, "fh_out", PROGRAM_HANDLE, to->symbol, 0);
	program_add_number(s, "off_out", PICK(g, offsets));
	program_add_number(s, "bytes", PICK(g, sizes));
}

/* A guest maps and unmaps 2 MiB at a time. */
void mild_map_file(struct gen *g)
{
	struct program_step *s = on_handle(g, "SETUPMAPPING", false);

	if (!s)
		return;
	program_add_number(s, "foffset", rng_below(&g->rng, 2) * 2 * MIB);
	program_add_number(s, "bytes", 2 * MIB);
	program_add_number(s, "flags", one_in(g, 2) ? 1 : 3);
	program_add_number(s, "moffset", rng_below(&g->rng, 4) * 2 * MIB);
}

void mild_unmap_file(struct gen *g)
{
	struct program_step *s = program_add(g->p, "REMOVEMAPPING");

	mild_put_node(s, "nodeid", mild_node(g));
	program_add_number(s, "count", 1);
	program_add_u(s, "list", rng_below(&g->rng, 4) * 2 * MIB, 8);
	program_add_u(s, "list", 2 * MIB, 8);
}
