// SPDX-License-Identifier: Apache-2.0
/* What no guest may ask: wrong numbers and names, lengths that lie, bytes of any kind. hostile_ring.c has the rest. */
#include "conformance/fuzz/generate.h"

#include <linux/fuse.h>
#include <string.h>

/* Bits of gen.kinds: rows of this file's table, then the ways to bend a request. */
#define BEND_KINDS 32

uint64_t hostile_number(struct gen *g)
{
	static const uint64_t edges[] = {
		0,
		1,
		2,
		3,
		7,
		15,
		16,
		39,
		40,
		41,
		55,
		56,
		255,
		256,
		4095,
		4096,
		4097,
		65535,
		65536,
		INT32_MAX,
		UINT64_C(1) << 31,
		UINT32_MAX,
		UINT64_C(1) << 32,
		INT64_MAX - 4095,
		INT64_MAX,
		UINT64_C(1) << 63,
		UINT64_MAX - 4095,
		UINT64_MAX - 1,
		UINT64_MAX,
	};

	return one_in(g, 4) ? rng_next(&g->rng) >> rng_below(&g->rng, 64) : PICK(g, edges);
}

void hostile_noise(struct gen *g, struct program_step *s, const char *field, size_t most)
{
	uint8_t bytes[512];
	size_t size = rng_below(&g->rng, (most < sizeof(bytes) ? most : sizeof(bytes)) + 1);

	rng_fill(&g->rng, bytes, size);
	program_add_hex(s, field, bytes, size);
}

struct program_step *hostile_last(const struct gen *g)
{
	return g->p->count ? g->p->step[g->p->count - 1] : NULL;
}

/* ---- requests that are bent ---- */

/* A number of the message itself becomes any other. */
static void bend_argument(struct gen *g, struct program_step *s)
{
	const struct program_verb *v = s->verb;
	const struct program_param *param = v->param_count
						    ? &v->param[rng_below(&g->rng, v->param_count)]
						    : NULL;

	if (param && param->takes == TAKES_NUMBER)
		program_add_number(s, param->name, hostile_number(g));
	else
		program_add_number(s, "nodeid", hostile_number(g));
}

/* Half a message, one with a tail, and a length that says so or does not. */
static void bend_length(struct gen *g, struct program_step *s)
{
	static const uint64_t cuts[] = { 0, 1, 8, 39, 40, 41, 44, 48, 56, 63, 64, 80, 4096, 65536 };

	if (!one_in(g, 3))
		program_add_number(s, "cut", PICK(g, cuts));
	if (one_in(g, 2))
		program_add_number(s, "len", one_in(g, 2) ? PICK(g, cuts) : hostile_number(g));
}

static void bend_room(struct gen *g, struct program_step *s)
{
	static const uint64_t rooms[] = { 0, 1, 8, 15, 16, 17, 24, 100, 144, 4096, 65536 };

	program_add_number(s, "room", PICK(g, rooms));
}

static void bend_header(struct gen *g, struct program_step *s)
{
	static const char *const fields[] = { "opcode", "unique", "uid", "gid", "pid", "nodeid" };
	const char *field = PICK(g, fields);

	program_add_number(s, field,
			   strcmp(field, "opcode") == 0 && !one_in(g, 3) ? rng_below(&g->rng, 60)
									 : hostile_number(g));
}

static void bend_cut(struct gen *g, struct program_step *s)
{
	static const uint64_t every[] = { 1, 2, 7, 16, 39, 64 };

	program_add_number(s, "pieces", PICK(g, every));
	if (one_in(g, 2))
		program_add_number(s, "out_pieces", PICK(g, every));
	program_add_number(s, "chain", rng_below(&g->rng, 3));
}

static void bend_queue(struct gen *g, struct program_step *s)
{
	program_add_number(s, "queue", rng_below(&g->rng, 2));
}

static void bend_tail(struct gen *g, struct program_step *s)
{
	hostile_noise(g, s, "more", 300);
}

/* The first is always allowed, and stands in for those that are not. */
static void bend_once(struct gen *g, struct program_step *s)
{
	static void (*const bends[])(struct gen *, struct program_step *) = {
		bend_argument, bend_length, bend_room, bend_header, bend_cut, bend_queue, bend_tail,
	};
	size_t i = rng_below(&g->rng, ARRAY_SIZE(bends));

	bends[may(g, BEND_KINDS + (unsigned)i) ? i : 0](g, s);
}

static void bend(struct gen *g)
{
	size_t before = g->p->count;

	generate_mild(g);
	if (g->p->count == before || !hostile_last(g) || hostile_last(g)->verb->act != ACT_REQUEST)
		return;
	bend_once(g, hostile_last(g));
	if (one_in(g, 3))
		bend_once(g, hostile_last(g));
}

static void put_name(struct gen *g, struct program_step *s, const char *field)
{
	static const char *const names[] = { "",
					     ".",
					     "..",
					     "/",
					     "a/b",
					     "d/b",
					     "/a",
					     "../a",
					     "../outside/secret",
					     "../outside/new",
					     "d/../../outside/new",
					     "\xff\xfe",
					     "l/x" };
	static const size_t lengths[] = { 255, 256, 1000, 4095, 4096, 5000 };
	char text[5001];
	size_t size = PICK(g, lengths);

	switch (rng_below(&g->rng, 4)) {
	case 0:
		memset(text, 'x', size);
		text[size] = '\0';
		program_add_text(s, field, text);
		return;
	case 1: hostile_noise(g, s, field, 40); return; /* without its NUL, and with others */
	default: program_add_text(s, field, PICK(g, names)); return;
	}
}

static void bad_name(struct gen *g)
{
	static const char *const verbs[] = { "LOOKUP",	"CREATE", "MKDIR",	 "MKNOD",
					     "UNLINK",	"RMDIR",  "RENAME",	 "RENAME2",
					     "SYMLINK", "LINK",	  "REMOVEXATTR", "SETXATTR",
					     "GETXATTR" };
	struct program_step *s = program_add(g->p, PICK(g, verbs));

	if (!s)
		return;
	program_add_number(s, "nodeid", FUSE_ROOT_ID);
	put_name(g, s, "name");
	if (program_param_find(s->verb, "newname", strlen("newname"))) {
		program_add_number(s, "newdir", FUSE_ROOT_ID);
		put_name(g, s, "newname");
	}
	if (program_param_find(s->verb, "target", strlen("target")))
		put_name(g, s, "target");
	if (program_param_find(s->verb, "mode", strlen("mode")))
		program_add_number(s, "mode", rng_below(&g->rng, 1 << 16));
}

static void bad_forget(struct gen *g)
{
	bool batch = one_in(g, 2);
	struct program_step *s = program_add(g->p, batch ? "BATCH_FORGET" : "FORGET");
	uint64_t count = rng_below(&g->rng, 5);

	if (!batch) {
		program_add_number(s, "nodeid", one_in(g, 2) ? FUSE_ROOT_ID : hostile_number(g));
		program_add_number(s, "nlookup", hostile_number(g));
		return;
	}
	program_add_number(s, "count", one_in(g, 2) ? count : hostile_number(g));
	for (uint64_t i = 0; i < count; i++) {
		program_add_u(s, "list", one_in(g, 3) ? FUSE_ROOT_ID : hostile_number(g), 8);
		program_add_u(s, "list", hostile_number(g), 8);
	}
}

static void odd_request(struct gen *g)
{
	static const char *const verbs[] = { "INTERRUPT", "INIT",	    "BMAP",
					     "IOCTL",	  "POLL",	    "GETLK",
					     "SETLK",	  "SETUPMAPPING",   "REMOVEMAPPING",
					     "SYNCFS",	  "STATX",	    "TMPFILE",
					     "DESTROY",	  "COPY_FILE_RANGE" };
	struct program_step *s = program_add(g->p, PICK(g, verbs));

	program_add_number(s, "nodeid", one_in(g, 2) ? FUSE_ROOT_ID : hostile_number(g));
	for (size_t i = 0; s && i < s->verb->param_count; i++) {
		const struct program_param *param = &s->verb->param[i];

		if (param->takes == TAKES_NUMBER)
			program_add_number(s, param->name, hostile_number(g));
		else
			hostile_noise(g, s, param->name, 64);
	}
}

static void random_bytes(struct gen *g)
{
	struct program_step *s = program_add(g->p, "request");

	if (one_in(g, 2)) {
		/* A header that holds, and anything behind it. */
		program_add_u(s, "bytes", 40 + rng_below(&g->rng, 200), 4);
		program_add_u(s, "bytes", rng_below(&g->rng, 60), 4);
		program_add_u(s, "bytes", 2 + 2 * rng_below(&g->rng, 1000), 8);
		program_add_u(s, "bytes", FUSE_ROOT_ID, 8);
		program_add_u(s, "bytes", 0, 8);
		program_add_u(s, "bytes", 0, 8);
	}
	hostile_noise(g, s, "bytes", 300);
	program_add_number(s, "queue", rng_below(&g->rng, 2));
	program_add_number(s, "room", one_in(g, 3) ? 0 : 16 + rng_below(&g->rng, 5000));
}

/* The first that are not about FUSE alone. */
#define RING_ROWS 5

static const struct {
	unsigned weight;
	void (*make)(struct gen *g);
} rows[] = {
	{ 40, bend },
	{ 12, bad_name },
	{ 6, bad_forget },
	{ 8, odd_request },
	{ 5, random_bytes },
	{ 14, hostile_raw_chain },
	{ 3, hostile_index_jump },
	{ 4, hostile_poke_ring },
	{ 2, hostile_life },
	{ 6, hostile_message },
};

/* After a ring or a message that lies little else is learnt: many programs have neither. */
static size_t rows_of(const struct gen *g)
{
	size_t count = ARRAY_SIZE(rows);

	while (!g->messages && rows[count - 1].make == hostile_message)
		count--;
	return g->rings ? count : RING_ROWS;
}

void generate_hostile(struct gen *g)
{
	size_t count = rows_of(g);
	unsigned sum = 0;
	uint64_t at;

	for (size_t i = 0; i < count; i++)
		sum += rows[i].weight;
	at = rng_below(&g->rng, sum);
	for (size_t i = 0; i < count; i++) {
		if (at < rows[i].weight) {
			rows[may(g, (unsigned)i) ? i : 0].make(g);
			return;
		}
		at -= rows[i].weight;
	}
}
