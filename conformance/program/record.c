// SPDX-License-Identifier: Apache-2.0
#include "conformance/program/record.h"

#include "conformance/program/exec.h"

#include <string.h>

#define HEADER	   sizeof(struct fuse_in_header)
#define OUT_HEADER sizeof(struct fuse_out_header)

/* Which name a number may have; PROGRAM_FAMILIES: none. */
static enum program_family family_of(const struct program_param *param)
{
	static const char *const nodes[] = { "nodeid", "newdir", "oldnodeid", "nodeid_out" };
	static const char *const handles[] = { "fh", "fh_in", "fh_out" };

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		if (strcmp(param->name, nodes[i]) == 0)
			return PROGRAM_NODE;
	for (size_t i = 0; i < ARRAY_SIZE(handles); i++)
		if (strcmp(param->name, handles[i]) == 0)
			return PROGRAM_HANDLE;
	return PROGRAM_FAMILIES;
}

/* The newest name of a value; 0: it has none. */
static uint32_t name_of(const struct program_record *r, enum program_family family, uint64_t value)
{
	if ((unsigned)family >= PROGRAM_GIVEN)
		return 0;
	for (uint32_t i = r->count[family]; i > 0; i--)
		if (r->value[family][i] == value)
			return i;
	return 0;
}

static void add_number(const struct program_record *r, struct program_step *s,
		       const struct program_param *param, uint64_t n)
{
	enum program_family family = family_of(param);
	uint32_t name = name_of(r, family, n);

	if (name)
		program_add_symbol(s, param->name, family, name, 0);
	else if (n)
		program_add_number(s, param->name, n);
}

static uint64_t number_at(const uint8_t *at, const struct program_param *param)
{
	uint64_t n = 0;

	memcpy(&n, at + param->offset, param->width);
	return n;
}

/* ---- as bytes ---- */

static struct program_step *as_bytes(struct program_record *r, const uint8_t *in, size_t size,
				     unsigned queue, uint32_t room)
{
	const size_t at = offsetof(struct fuse_in_header, nodeid);
	struct program_step *s = program_add(r->p, "request");
	uint64_t nodeid = 0;
	uint32_t name = 0;

	if (size >= HEADER) {
		memcpy(&nodeid, in + at, sizeof(nodeid));
		name = name_of(r, PROGRAM_NODE, nodeid);
	}
	program_add_hex(s, "bytes", in, name ? at : size);
	if (name) {
		program_add_u_symbol(s, "bytes", PROGRAM_NODE, name, 0);
		program_add_hex(s, "bytes", in + at + sizeof(nodeid), size - at - sizeof(nodeid));
	}
	program_add_number(s, "queue", queue);
	program_add_number(s, "room", room);
	return s;
}

/* ---- as what they mean ---- */

struct message {
	const struct program_verb *verb;
	struct fuse_in_header head;
	const uint8_t *arg;
	const uint8_t *tail;
	size_t tail_size;
};

/* Where the tail @param begins and how long it is; names with their NUL. False: it is not there as a whole. */
static bool next_tail(const struct program_param *param, const uint8_t **at, size_t *left,
		      size_t *ret)
{
	const uint8_t *end = param->place == PLACE_NAME ? memchr(*at, '\0', *left) : NULL;

	if (param->place == PLACE_NAME && !end)
		return false;
	*ret = end ? (size_t)(end + 1 - *at) : *left;
	*at += *ret;
	*left -= *ret;
	return true;
}

/* Would the fields of the verb say these very bytes? */
static bool can_say(const struct message *m)
{
	uint8_t arg[FRONT_ARG_MAX] = { 0 };
	const uint8_t *at = m->tail;
	size_t left = m->tail_size;
	size_t size;

	for (size_t i = 0; i < m->verb->param_count; i++) {
		const struct program_param *param = &m->verb->param[i];

		if (param->takes == TAKES_BYTES) {
			if (!next_tail(param, &at, &left, &size))
				return false;
			continue;
		}
		memcpy(arg + param->offset, m->arg + param->offset, param->width);
	}
	return left == 0 && memcmp(arg, m->arg, m->verb->arg_size) == 0;
}

static void add_list(const struct program_record *r, struct program_step *s, const uint8_t *at,
		     size_t size)
{
	/* Pairs of a node id and a count. */
	for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
		uint64_t n;
		uint32_t name;

		memcpy(&n, at + i, sizeof(n));
		name = i % sizeof(struct fuse_forget_one) ? 0 : name_of(r, PROGRAM_NODE, n);
		if (name)
			program_add_u_symbol(s, "list", PROGRAM_NODE, name, 0);
		else
			program_add_u(s, "list", n, sizeof(n));
	}
}

static void add_tails(const struct program_record *r, struct program_step *s,
		      const struct message *m)
{
	const uint8_t *at = m->tail;
	size_t left = m->tail_size;
	size_t size = 0;

	for (size_t i = 0; i < m->verb->param_count; i++) {
		const struct program_param *param = &m->verb->param[i];
		const uint8_t *from = at;

		if (param->takes != TAKES_BYTES || !next_tail(param, &at, &left, &size))
			continue;
		if (param->place == PLACE_NAME)
			program_add_text(s, param->name, (const char *)from);
		else if (m->verb->opcode == FUSE_BATCH_FORGET &&
			 size % sizeof(struct fuse_forget_one) == 0)
			add_list(r, s, from, size);
		else if (size)
			program_add_hex(s, param->name, from, size);
	}
	/* What is not as long as it says it is: the size has to be said. */
	for (size_t i = 0; i < m->verb->param_count; i++) {
		const struct program_param *param = &m->verb->param[i];
		uint64_t n = param->takes == TAKES_NUMBER ? number_at(m->arg, param) : 0;

		if (param->size_of_tail && n != size)
			program_add_number(s, param->name, n);
	}
}

static void add_how(struct program_step *s, const struct message *m, unsigned queue, uint32_t room)
{
	const struct program_verb *v = m->verb;
	const struct program_param *size = program_param_find(v, "size", strlen("size"));
	bool hiprio = v->no_reply || v->opcode == FUSE_INTERRUPT;
	uint64_t usual = v->no_reply ? 0 : OUT_HEADER + v->out;

	if (v->out_is_size && number_at(m->arg, size))
		usual = OUT_HEADER + number_at(m->arg, size);
	if (queue != (hiprio ? 0 : 1))
		program_add_number(s, "queue", queue);
	if (room != usual)
		program_add_number(s, "room", room);
}

/* INTERRUPT is about a request that went by: that one's step gives its unique a name. */
static void add_whose(struct program_record *r, struct program_step *s, uint64_t unique)
{
	for (size_t i = 0; i + 1 < r->p->count && unique; i++) {
		struct program_step *of = r->p->step[i];
		uint32_t name = r->count[PROGRAM_UNIQUE] + 1;

		if (r->unique[i] != unique || of->verb->act != ACT_REQUEST ||
		    name == PROGRAM_SYMBOLS_MAX)
			continue;
		r->count[PROGRAM_UNIQUE] = name;
		program_give(of, PROGRAM_UNIQUE, name);
		program_add_symbol(s, "whose", PROGRAM_UNIQUE, name, 0);
		return;
	}
}

static struct program_step *as_verb(struct program_record *r, const struct message *m,
				    unsigned queue, uint32_t room)
{
	const struct program_verb *v = m->verb;
	struct program_step *s = program_add(r->p, v->name);

	if (!s)
		return NULL;
	add_number(r, s, program_param_find(v, "nodeid", strlen("nodeid")), m->head.nodeid);
	for (size_t i = 0; i < v->param_count; i++)
		if (v->param[i].takes == TAKES_NUMBER && !v->param[i].size_of_tail)
			add_number(r, s, &v->param[i], number_at(m->arg, &v->param[i]));
	if (v->opcode == FUSE_INTERRUPT)
		add_whose(r, s, number_at(m->arg, &v->param[0]));
	add_tails(r, s, m);
	if (m->head.uid)
		program_add_number(s, "uid", m->head.uid);
	if (m->head.gid)
		program_add_number(s, "gid", m->head.gid);
	if (m->head.pid)
		program_add_number(s, "pid", m->head.pid);
	add_how(s, m, queue, room);
	return s;
}

/* Is it a whole message of an opcode that has a verb, without a lie in its header? */
static bool take_apart(const uint8_t *in, size_t size, struct message *ret)
{
	if (size < HEADER)
		return false;
	memcpy(&ret->head, in, HEADER);
	ret->verb = program_verb_of_opcode(ret->head.opcode);
	if (!ret->verb || ret->head.len != size || !ret->head.unique || ret->head.total_extlen ||
	    size - HEADER < ret->verb->arg_size)
		return false;
	ret->arg = in + HEADER;
	ret->tail = ret->arg + ret->verb->arg_size;
	ret->tail_size = size - HEADER - ret->verb->arg_size;
	return can_say(ret);
}

struct program_step *program_record_request(struct program_record *r, const void *in, size_t size,
					    unsigned queue, uint32_t room)
{
	struct message m;
	bool whole = take_apart(in, size, &m);
	struct program_step *s = whole ? as_verb(r, &m, queue, room)
				       : as_bytes(r, in, size, queue, room);

	if (s)
		r->unique[r->p->count - 1] = whole ? m.head.unique : 0;
	return s;
}

static void learn(struct program_record *r, struct program_step *s, enum program_family family,
		  uint64_t value)
{
	uint32_t name = r->count[family] + 1;

	if (name == PROGRAM_SYMBOLS_MAX)
		return;
	r->count[family] = name;
	r->value[family][name] = value;
	program_give(s, family, name);
}

void program_record_reply(struct program_record *r, struct program_step *s, int error,
			  const void *payload, size_t size)
{
	struct fuse_entry_out entry = { 0 };
	struct fuse_open_out open;
	char scratch[32];
	size_t behind;

	if (!s)
		return;
	program_seen(s, program_errno(error, scratch, sizeof(scratch)));
	if (error || s->verb->act != ACT_REQUEST)
		return;
	behind = s->verb->gives & 1 << PROGRAM_NODE ? sizeof(entry) : 0;
	if (behind && size >= sizeof(entry))
		memcpy(&entry, payload, sizeof(entry));
	if (entry.nodeid)
		learn(r, s, PROGRAM_NODE, entry.nodeid);
	if (s->verb->gives & 1 << PROGRAM_HANDLE && size >= behind + sizeof(open)) {
		memcpy(&open, (const uint8_t *)payload + behind, sizeof(open));
		learn(r, s, PROGRAM_HANDLE, open.fh);
	}
}
