// SPDX-License-Identifier: Apache-2.0
/* What no guest and no VMM may send: wrong numbers and names, lengths that lie, rings and messages of any kind. */
#include "conformance/fuzz/generate.h"

#include "conformance/wire/vhost_user.h"

#include <linux/fuse.h>
#include <linux/virtio_ring.h>
#include <string.h>

/* Bits of gen.kinds: rows of this file's table, then the ways to bend a request. */
#define BEND_KINDS 32

static uint64_t number(struct gen *g)
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

static void noise(struct gen *g, struct program_step *s, const char *field, size_t most)
{
	uint8_t bytes[512];
	size_t size = rng_below(&g->rng, (most < sizeof(bytes) ? most : sizeof(bytes)) + 1);

	rng_fill(&g->rng, bytes, size);
	program_add_hex(s, field, bytes, size);
}

static struct program_step *last(const struct gen *g)
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
		program_add_number(s, param->name, number(g));
	else
		program_add_number(s, "nodeid", number(g));
}

/* Half a message, one with a tail, and a length that says so or does not. */
static void bend_length(struct gen *g, struct program_step *s)
{
	static const uint64_t cuts[] = { 0, 1, 8, 39, 40, 41, 44, 48, 56, 63, 64, 80, 4096, 65536 };

	if (!one_in(g, 3))
		program_add_number(s, "cut", PICK(g, cuts));
	if (one_in(g, 2))
		program_add_number(s, "len", one_in(g, 2) ? PICK(g, cuts) : number(g));
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
									 : number(g));
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
	noise(g, s, "more", 300);
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
	if (g->p->count == before || !last(g) || last(g)->verb->act != ACT_REQUEST)
		return;
	bend_once(g, last(g));
	if (one_in(g, 3))
		bend_once(g, last(g));
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
	case 1: noise(g, s, field, 40); return; /* without its NUL, and with others */
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
		program_add_number(s, "nodeid", one_in(g, 2) ? FUSE_ROOT_ID : number(g));
		program_add_number(s, "nlookup", number(g));
		return;
	}
	program_add_number(s, "count", one_in(g, 2) ? count : number(g));
	for (uint64_t i = 0; i < count; i++) {
		program_add_u(s, "list", one_in(g, 3) ? FUSE_ROOT_ID : number(g), 8);
		program_add_u(s, "list", number(g), 8);
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

	program_add_number(s, "nodeid", one_in(g, 2) ? FUSE_ROOT_ID : number(g));
	for (size_t i = 0; s && i < s->verb->param_count; i++) {
		const struct program_param *param = &s->verb->param[i];

		if (param->takes == TAKES_NUMBER)
			program_add_number(s, param->name, number(g));
		else
			noise(g, s, param->name, 64);
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
	noise(g, s, "bytes", 300);
	program_add_number(s, "queue", rng_below(&g->rng, 2));
	program_add_number(s, "room", one_in(g, 3) ? 0 : 16 + rng_below(&g->rng, 5000));
}

/* ---- rings ---- */

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
	struct program_step *s = last(g);

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
		program_add_u(s, field, number(g), 8);
	else if (!one_in(g, 8))
		program_add_symbol(s, field, family, index, plus);
	else
		program_add_number(s, field, number(g));
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

static void raw_chain(struct gen *g)
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
		program_add_number(s, "head", one_in(g, 6) ? number(g) & 0xffff : c.first);
	}
	kick(g, 1);
}

static void index_jump(struct gen *g)
{
	struct program_step *s;

	if (g->p->packed)
		return;
	s = program_add(g->p, "index");
	program_add_number(s, "queue", rng_below(&g->rng, 2));
	program_add_number(s, "plus",
			   one_in(g, 2) ? 1 + rng_below(&g->rng, 300) : number(g) & 0xffff);
	kick(g, 1);
}

static void poke_ring(struct gen *g)
{
	static const enum program_family parts[] = { PROGRAM_DESC, PROGRAM_AVAIL, PROGRAM_USED };
	struct program_step *s = program_add(g->p, "poke");

	program_add_symbol(s, "at", PICK(g, parts), (uint32_t)rng_below(&g->rng, 2),
			   rng_below(&g->rng, 64));
	noise(g, s, "bytes", 60);
	kick(g, (unsigned)rng_below(&g->rng, 2));
}

/* ---- the VMM's side ---- */

static void life(struct gen *g)
{
	(void)program_add(g->p, one_in(g, 3) ? "reset" : "stop");
	if (!one_in(g, 4))
		(void)program_add(g->p, "start");
}

static void put_payload(struct gen *g, struct program_step *s)
{
	switch (rng_below(&g->rng, 6)) {
	case 0: break;
	case 1: noise(g, s, "bytes", 300); break;
	case 2: program_add_u(s, "bytes", number(g), 8); break;
	case 3: /* state of a ring */
		program_add_u(s, "bytes",
			      one_in(g, 3) ? number(g) & UINT32_MAX : rng_below(&g->rng, 3), 4);
		program_add_u(s, "bytes", number(g) & UINT32_MAX, 4);
		break;
	case 4: /* addresses of a ring */
		program_add_u(s, "bytes", rng_below(&g->rng, 3), 4);
		program_add_u(s, "bytes", 0, 4);
		program_add_u_symbol(s, "bytes", PROGRAM_VDESC, 1, one_in(g, 2) ? 0 : number(g));
		program_add_u_symbol(s, "bytes", PROGRAM_VUSED, 1, one_in(g, 2) ? 0 : number(g));
		program_add_u_symbol(s, "bytes", PROGRAM_VAVAIL, 1, one_in(g, 2) ? 0 : number(g));
		program_add_u(s, "bytes", number(g), 8);
		break;
	default: /* memory regions */
		program_add_u(s, "bytes", one_in(g, 3) ? number(g) : rng_below(&g->rng, 4), 8);
		for (uint64_t i = rng_below(&g->rng, 4); i > 0; i--) {
			program_add_u_symbol(s, "bytes", PROGRAM_REGION, 0,
					     one_in(g, 2) ? 0 : number(g));
			program_add_u(s, "bytes", one_in(g, 2) ? 2 * MIB : number(g), 8);
			program_add_u_symbol(s, "bytes", PROGRAM_VREGION, 0, 0);
			program_add_u(s, "bytes", one_in(g, 2) ? 0 : number(g), 8);
		}
	}
}

static void message(struct gen *g)
{
	struct program_step *s = program_add(g->p, "message");
	uint64_t fds = rng_below(&g->rng, 5);

	program_add_number(s, "request",
			   one_in(g, 8) ? number(g) & UINT32_MAX : 1 + rng_below(&g->rng, 45));
	put_payload(g, s);
	if (one_in(g, 8))
		program_add_number(s, "flags", number(g) & UINT32_MAX);
	if (one_in(g, 8))
		program_add_number(s, "size", number(g) & UINT32_MAX);
	if (fds) {
		program_add_number(s, "fd", fds);
		program_add_number(s, "fds", 1 + rng_below(&g->rng, 8));
	}
}

/* The first that are not about FUSE alone. */
#define RING_ROWS 5

static const struct {
	unsigned weight;
	void (*make)(struct gen *g);
} rows[] = {
	{ 40, bend },	     { 12, bad_name },	{ 6, bad_forget }, { 8, odd_request },
	{ 5, random_bytes }, { 14, raw_chain }, { 3, index_jump }, { 4, poke_ring },
	{ 2, life },	     { 6, message },
};

/* After a ring or a message that lies little else is learnt: many programs have neither. */
static size_t rows_of(const struct gen *g)
{
	size_t count = ARRAY_SIZE(rows);

	while (!g->messages && rows[count - 1].make == message)
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
