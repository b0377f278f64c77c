// SPDX-License-Identifier: Apache-2.0
/* Steps that are messages of FUSE: typed or as bytes, with all that can be wrong about them. */
#include "conformance/program/exec.h"

#include "base/clock.h"
#include "conformance/front/fuse_build.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* Writable bytes, and readable ones that a step may add; and descriptors that it may cut them into. */
#define ROOM_MAX   (1U << 20)
#define CUT_MAX	   (1U << 20)
#define PIECES_MAX 2048

/* All that must live until the message is prepared. */
struct draft {
	struct front_op op;
	struct buf tail[FRONT_TAILS_MAX];
	bool wrong; /* the reply may be anything */
};

static void draft_free(struct draft *d)
{
	for (unsigned i = 0; i < FRONT_TAILS_MAX; i++)
		buf_free(&d->tail[i]);
}

static void put(void *at, size_t room, const struct program_param *param, uint64_t n)
{
	/* Wire order is that of the host here, as in <linux/fuse.h>. */
	assert((size_t)param->offset + param->width <= room && param->width <= sizeof(n));
	memcpy((uint8_t *)at + param->offset, &n, param->width);
}

static bool ends_with_text(const struct program_value *v)
{
	return v->count && v->part[v->count - 1].kind == PART_TEXT;
}

static int add_tail(const struct program_run *r, struct draft *d, const struct program_param *param,
		    const struct program_value *v)
{
	struct buf *b = &d->tail[d->op.tail_count];
	int e;

	if (d->op.tail_count == FRONT_TAILS_MAX)
		return -E2BIG;
	e = program_bytes(r, v, b);
	if (e == 0 && param->place == PLACE_NAME && ends_with_text(v))
		e = buf_add(b, "", 1);
	if (e == 0)
		front_build_tail(&d->op, buf_text(b), b->size);
	return e;
}

static size_t last_tail(const struct draft *d)
{
	return d->op.tail_count ? d->op.tail[d->op.tail_count - 1].iov_len : 0;
}

/* Names and data in the order of the opcode, not of the line. */
static int draft_tails(const struct program_run *r, const struct program_step *s, struct draft *d)
{
	const struct program_value *more = program_get(s, "more");
	const struct program_verb *v = s->verb;
	int e = 0;

	for (size_t i = 0; e == 0 && i < v->param_count; i++) {
		const struct program_value *value = program_get(s, v->param[i].name);

		if (value && v->param[i].takes == TAKES_BYTES)
			e = add_tail(r, d, &v->param[i], value);
	}
	for (size_t i = 0; i < v->param_count; i++)
		if (v->param[i].size_of_tail && !program_get(s, v->param[i].name))
			put(d->op.arg, FRONT_ARG_MAX, &v->param[i], last_tail(d));
	if (e == 0 && more) {
		d->wrong = true;
		e = add_tail(r, d, program_param_find(v, "more", strlen("more")), more);
	}
	return e;
}

static void draft_reply(const struct program_run *r, const struct program_step *s, struct draft *d)
{
	const struct program_verb *v = s->verb;
	uint64_t size = v->out_is_size ? program_number(r, s, "size", 0) : 0;

	d->op.no_reply = v->no_reply;
	d->op.maybe_no_reply = v->opcode == FUSE_INTERRUPT;
	d->op.out_max = v->out;
	d->op.out_min = v->opcode == FUSE_INIT ? FUSE_COMPAT_INIT_OUT_SIZE : v->out;
	if (v->opcode == FUSE_READLINK)
		d->op.out_min = 1;
	if (size > 0) {
		d->op.out_max = size < ROOM_MAX ? size : ROOM_MAX;
		d->op.out_min = 0;
		d->wrong |= size > ROOM_MAX;
	}
}

static int draft_make(const struct program_run *r, const struct program_step *s, struct draft *d)
{
	const struct program_verb *v = s->verb;

	d->op = (struct front_op){ .opcode = v->opcode, .arg_size = v->arg_size };
	assert(v->arg_size <= FRONT_ARG_MAX);
	for (size_t i = 0; i < s->field_count; i++) {
		const struct program_param *param = s->field[i].param;

		if (param->place == PLACE_ARG)
			put(d->op.arg, FRONT_ARG_MAX, param, program_number(r, s, param->name, 0));
	}
	d->op.nodeid = program_number(r, s, "nodeid", 0);
	draft_reply(r, s, d);
	return draft_tails(r, s, d);
}

/* Header fields as the step says, right or wrong. */
static void patch_header(const struct program_run *r, const struct program_step *s,
			 struct front_request *m, struct draft *d)
{
	for (size_t i = 0; i < s->field_count; i++) {
		const struct program_param *param = s->field[i].param;

		if (param->place != PLACE_HEADER)
			continue;
		put(m->in, m->in_size, param, program_number(r, s, param->name, 0));
		d->wrong |= param->offset < offsetof(struct fuse_in_header, nodeid);
	}
	memcpy(&m->unique, m->in + offsetof(struct fuse_in_header, unique), sizeof(m->unique));
}

static unsigned pieces(size_t bytes, uint64_t every)
{
	return every ? (unsigned)((bytes + every - 1) / every) : 1;
}

/* Where it goes, how it is cut up, what room it has. 0, or -EINVAL for what the front end cannot do. */
static int shape(const struct program_run *r, const struct program_step *s, struct front_request *m,
		 struct draft *d)
{
	uint64_t queue = program_number(r, s, "queue", m->queue);
	uint64_t cut = program_number(r, s, "cut", m->in_size);
	uint64_t room = program_number(r, s, "room", m->out_size);
	uint64_t in_every = program_number(r, s, "pieces", 0);
	uint64_t out_every = program_number(r, s, "out_pieces", 0);

	if (queue >= r->f->ring_count || cut > CUT_MAX || room > ROOM_MAX)
		return -EINVAL;
	d->wrong |= cut != m->in_size || room < m->out_size || queue != m->queue;
	m->queue = (unsigned)queue;
	m->out_size = room;
	if (front_request_resize(m, cut) < 0)
		return -ENOMEM;
	in_every = in_every > UINT32_MAX ? 0 : in_every;
	out_every = out_every > UINT32_MAX ? 0 : out_every;
	if (pieces(cut, in_every) + pieces(room, out_every) > PIECES_MAX)
		return -EINVAL;
	m->layout.in_every = (uint32_t)in_every;
	m->layout.out_every = (uint32_t)out_every;
	m->layout.kind = (enum front_chain_kind)(program_number(r, s, "chain", 0) %
						 (FRONT_CHAIN_INDIRECT + 1));
	return 0;
}

static int make_typed(const struct program_run *r, const struct program_step *s,
		      struct front_request **ret)
{
	struct draft d = { 0 };
	int e = draft_make(r, s, &d);

	if (e == 0)
		e = front_prepare(r->f, &d.op, ret);
	if (e == 0) {
		patch_header(r, s, *ret, &d);
		e = shape(r, s, *ret, &d);
		(*ret)->raw = d.wrong;
	}
	draft_free(&d);
	return e;
}

static int make_bytes(const struct program_run *r, const struct program_step *s,
		      struct front_request **ret)
{
	static const struct front_op empty;
	CLEANUP(buf_free) struct buf b = { 0 };
	struct draft d = { .wrong = true };
	struct front_request *m = NULL;
	int e = program_bytes(r, program_get(s, "bytes"), &b);

	if (e == 0)
		e = front_prepare(r->f, &empty, &m);
	if (e < 0 || !m)
		return FRONT_FAILED;
	*ret = m;
	if (front_request_resize(m, b.size) < 0)
		return -ENOMEM;
	if (b.size)
		memcpy(m->in, b.data, b.size);
	if (b.size >= offsetof(struct fuse_in_header, unique))
		memcpy(&m->opcode, m->in + offsetof(struct fuse_in_header, opcode),
		       sizeof(m->opcode));
	if (b.size >= offsetof(struct fuse_in_header, nodeid))
		memcpy(&m->unique, m->in + offsetof(struct fuse_in_header, unique),
		       sizeof(m->unique));
	m->raw = true;
	return shape(r, s, m, &d);
}

/* ---- what comes back ---- */

static void give(struct program_run *r, const struct program_step *s, enum program_family family,
		 uint64_t value)
{
	if (!s->give[family])
		return;
	r->symbol[family][s->give[family] - 1] = value;
	r->given[family][s->give[family] - 1] = true;
}

static bool copy_payload(const struct front_request *m, size_t at, void *to, size_t size)
{
	if (m->payload_size < at + size)
		return false;
	memcpy(to, m->payload + at, size);
	return true;
}

static void take_reply(struct program_run *r, const struct program_step *s,
		       const struct front_request *m, struct program_answer *a)
{
	uint8_t gives = s->verb->gives;
	struct fuse_entry_out entry = { 0 };
	struct fuse_open_out open = { 0 };
	struct fuse_attr_out attr;
	struct fuse_write_out written;
	size_t behind = gives & 1 << PROGRAM_NODE ? sizeof(entry) : 0;
	uint32_t opcode = s->verb->opcode;
	bool made = behind && copy_payload(m, 0, &entry, sizeof(entry));
	bool opened = gives & 1 << PROGRAM_HANDLE && copy_payload(m, behind, &open, sizeof(open));

	if (made && opened)
		program_tell(a, NULL, "nodeid %" PRIu64 ", mode %#o, fh %" PRIu64, entry.nodeid,
			     entry.attr.mode, open.fh);
	else if (made)
		program_tell(a, NULL, "nodeid %" PRIu64 ", mode %#o, size %" PRIu64, entry.nodeid,
			     entry.attr.mode, entry.attr.size);
	else if (opened)
		program_tell(a, NULL, "fh %" PRIu64, open.fh);
	/* Node 0: a name that is not there may be remembered as missing. */
	if (entry.nodeid)
		give(r, s, PROGRAM_NODE, entry.nodeid);
	if (opened)
		give(r, s, PROGRAM_HANDLE, open.fh);
	if (gives)
		return;
	if ((opcode == FUSE_GETATTR || opcode == FUSE_SETATTR) &&
	    copy_payload(m, 0, &attr, sizeof(attr)))
		program_tell(a, NULL, "mode %#o, size %" PRIu64 ", links %u", attr.attr.mode,
			     attr.attr.size, attr.attr.nlink);
	else if ((opcode == FUSE_WRITE || opcode == FUSE_COPY_FILE_RANGE) &&
		 copy_payload(m, 0, &written, sizeof(written)))
		program_tell(a, NULL, "%u bytes", written.size);
	else if (m->payload_size)
		program_tell(a, NULL, "%zu bytes of payload", m->payload_size);
}

static uint64_t patience(const struct program_run *r, unsigned queue)
{
	return r->dead[queue] ? clock_deadline_ms(PROGRAM_MOMENT_MS) : front_deadline(r->f);
}

static void finish(struct program_run *r, const struct program_step *s, struct front_request *m,
		   struct program_answer *a)
{
	int e = front_wait(m, patience(r, m->queue));

	program_tell_result(a, e);
	if (e == FRONT_TIMEOUT) {
		r->dead[m->queue] = true;
		r->result->silent = true;
		a->silent = true;
	}
	if (e == 0)
		take_reply(r, s, m, a);
	else if (e == FRONT_BROKEN && m->state == FRONT_DONE)
		program_tell(a, "broken", "%u bytes used", m->used);
	front_request_free(m);
}

void program_do_request(struct program_run *r, const struct program_step *s, size_t index,
			struct program_answer *a)
{
	struct front_request *m = NULL;
	int e = s->verb->act == ACT_BYTES ? make_bytes(r, s, &m) : make_typed(r, s, &m);

	if (m)
		give(r, s, PROGRAM_UNIQUE, m->unique);
	if (e == 0)
		e = front_submit(m);
	if (e < 0 || !m) {
		front_request_free(m);
		program_tell(a, "failed", "the front end cannot send that%s",
			     e == FRONT_FAILED ? ": no room in ring or memory" : "");
		return;
	}
	if (program_number(r, s, "later", 0)) {
		r->later_step[r->later_count] = index;
		r->later[r->later_count++] = m;
		program_tell(a, "sent", "not waited for");
		return;
	}
	finish(r, s, m, a);
}

void program_do_wait(struct program_run *r, const struct program_step *s, struct program_answer *a)
{
	uint64_t ms = s->verb ? program_number(r, s, "ms", 0) : 0;

	/* Time that passes is what is meant here. */
	if (ms)
		(void)poll(NULL, 0, (int)(ms < 10000 ? ms : 10000));
	for (size_t i = 0; i < r->later_count; i++) {
		size_t index = r->later_step[i];
		struct program_answer *late = &r->result->answer[index];

		finish(r, r->p->step[index], r->later[i], late);
	}
	program_tell(a, "OK", "%zu answers", r->later_count);
	r->later_count = 0;
}
