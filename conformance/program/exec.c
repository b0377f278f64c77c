// SPDX-License-Identifier: Apache-2.0
#include "conformance/program/exec.h"

#include "base/clock.h"
#include "conformance/front/host.h"

#include <stdarg.h>
#include <string.h>

#define BEGIN_MS 10000

_Static_assert(FRONT_FAULT_COUNT <= 64, "violations are bits");

void program_tell(struct program_answer *a, const char *seen, const char *fmt, ...)
{
	va_list args;

	if (seen)
		(void)snprintf(a->seen, sizeof(a->seen), "%s", seen);
	va_start(args, fmt);
	(void)vsnprintf(a->told, sizeof(a->told), fmt, args);
	va_end(args);
}

const char *program_errno(int result, char *scratch, size_t size)
{
	const char *name;

	switch (result) {
	case 0: return "OK";
	case FRONT_TIMEOUT: return "timeout";
	case FRONT_GONE: return "gone";
	case FRONT_BROKEN: return "broken";
	case FRONT_FAILED: return "failed";
	default: break;
	}
	name = result < 0 && result > -4096 ? strerrorname_np(-result) : NULL;
	if (name)
		return name;
	(void)snprintf(scratch, size, "E%d", result);
	return scratch;
}

void program_tell_result(struct program_answer *a, int result)
{
	char scratch[32];

	(void)snprintf(a->seen, sizeof(a->seen), "%s",
		       program_errno(result, scratch, sizeof(scratch)));
}

/* ---- values ---- */

static uint64_t user_address(const struct program_run *r, uint64_t guest)
{
	return front_guest_at(r->f->memory, guest, 1) ? front_guest_to_user(r->f->memory, guest)
						      : 0;
}

static uint64_t ring_part(const struct program_run *r, uint32_t queue, unsigned part)
{
	return queue < r->f->ring_count ? r->f->ring[queue].part[part]->guest : 0;
}

static uint64_t symbol_value(const struct program_run *r, const struct program_part *part)
{
	const struct front_memory *m = r->f ? r->f->memory : NULL;
	uint32_t i = part->index;
	const struct front_buf *b = r->buffer[i];

	if (!m)
		return 0;
	switch (part->family) {
	case PROGRAM_NODE:
	case PROGRAM_HANDLE:
	case PROGRAM_UNIQUE: return r->symbol[part->family][i];
	case PROGRAM_BUFFER: return b ? b->guest : 0;
	case PROGRAM_DESC: return ring_part(r, i, 0);
	case PROGRAM_AVAIL: return ring_part(r, i, 1);
	case PROGRAM_USED: return ring_part(r, i, 2);
	case PROGRAM_REGION: return i < m->count ? m->region[i].wire.guest_addr : 0;
	case PROGRAM_VBUFFER: return b ? user_address(r, b->guest) : 0;
	case PROGRAM_VDESC: return user_address(r, ring_part(r, i, 0));
	case PROGRAM_VAVAIL: return user_address(r, ring_part(r, i, 1));
	case PROGRAM_VUSED: return user_address(r, ring_part(r, i, 2));
	case PROGRAM_VREGION: return i < m->count ? m->region[i].wire.user_addr : 0;
	case PROGRAM_NOWHERE: return front_guest_nowhere(m);
	case PROGRAM_FAMILIES: break;
	}
	return 0;
}

static uint64_t part_value(const struct program_run *r, const struct program_part *part)
{
	return part->kind == PART_SYMBOL ? symbol_value(r, part) + part->number : part->number;
}

uint64_t program_number(const struct program_run *r, const struct program_step *s,
			const char *field, uint64_t otherwise)
{
	const struct program_value *v = program_get(s, field);

	return v && v->count ? part_value(r, &v->part[0]) : otherwise;
}

static int part_bytes(const struct program_run *r, const struct program_part *part, struct buf *ret)
{
	uint8_t piece[4096];
	uint64_t n;

	switch (part->kind) {
	case PART_TEXT:
	case PART_HEX: return part->size ? buf_add(ret, part->data, part->size) : 0;
	case PART_FILL:
		for (size_t at = 0; at < part->number; at += sizeof(piece)) {
			size_t size = part->number - at;

			size = size < sizeof(piece) ? size : sizeof(piece);
			host_bytes(piece, at, size, part->index);
			if (buf_add(ret, piece, size) < 0)
				return -ENOMEM;
		}
		return 0;
	case PART_NUMBER:
	case PART_SYMBOL: break;
	}
	n = part_value(r, part);
	for (unsigned i = 0; i < sizeof(n); i++)
		piece[i] = (uint8_t)(n >> 8 * i);
	return buf_add(ret, piece, part->width <= sizeof(n) ? part->width : sizeof(n));
}

int program_bytes(const struct program_run *r, const struct program_value *v, struct buf *ret)
{
	int e = 0;

	for (size_t i = 0; e == 0 && v && i < v->count; i++)
		e = part_bytes(r, &v->part[i], ret);
	return e;
}

/* ---- life of the front end ---- */

static void do_start(struct program_run *r, struct program_answer *a)
{
	struct err err = { "" };
	int e = !r->f->negotiated || r->f->started ? FRONT_FAILED : front_start(r->f, &err);

	program_tell_result(a, e);
	if (err.text[0])
		program_tell(a, NULL, "%s", err.text);
	if (e == 0)
		memset(r->dead, 0, sizeof(r->dead));
}

static void do_stop(struct program_run *r, struct program_answer *a)
{
	struct err err = { "" };
	int e = r->f->started ? front_stop(r->f, &err) : FRONT_FAILED;

	program_tell(a, NULL, "%s", err.text);
	program_tell_result(a, e);
	/* Nothing is served until it starts again. */
	if (e == 0)
		memset(r->dead, 1, sizeof(r->dead));
}

static void do_reset(struct program_run *r, struct program_answer *a)
{
	struct err err = { "" };
	int e = r->f->negotiated ? front_reset(r->f, &err) : FRONT_FAILED;

	program_tell(a, NULL, "%s", err.text);
	program_tell_result(a, e);
	memset(r->dead, 1, sizeof(r->dead));
}

static void do_reconnect(struct program_run *r, struct program_answer *a)
{
	struct err err = { "" };
	int e = front_reconnect(r->f, &err);

	program_tell(a, NULL, "%s", err.text);
	program_tell_result(a, e);
	memset(r->dead, 0, sizeof(r->dead));
}

/* What an earlier reply should have brought, and did not: a guest could not ask for it. */
static const struct program_part *missing(const struct program_run *r, const struct program_step *s)
{
	for (size_t i = 0; i < s->field_count; i++) {
		const struct program_value *v = &s->field[i].value;

		for (size_t k = 0; k < v->count; k++) {
			const struct program_part *part = &v->part[k];

			if (part->kind == PART_SYMBOL && (unsigned)part->family < PROGRAM_GIVEN &&
			    !r->given[part->family][part->index])
				return part;
		}
	}
	return NULL;
}

static void do_step(struct program_run *r, size_t index, struct program_answer *a)
{
	const struct program_step *s = r->p->step[index];
	const struct program_part *lacks = missing(r, s);

	if (lacks) {
		program_tell(a, "skipped", "no reply brought %s%u",
			     program_family_name(lacks->family), lacks->index);
		return;
	}
	switch (s->verb->act) {
	case ACT_REQUEST:
	case ACT_BYTES: program_do_request(r, s, index, a); return;
	case ACT_MEMORY:
	case ACT_POKE:
	case ACT_DESCRIPTOR:
	case ACT_OFFER:
	case ACT_INDEX:
	case ACT_KICK: program_do_ring(r, s, a); return;
	case ACT_MESSAGE: program_do_message(r, s, a); return;
	case ACT_WAIT: program_do_wait(r, s, a); return;
	case ACT_STOP: do_stop(r, a); return;
	case ACT_START: do_start(r, a); return;
	case ACT_RESET: do_reset(r, a); return;
	case ACT_RECONNECT: do_reconnect(r, a); return;
	case ACT_HOST_FILE:
	case ACT_HOST_WRITE:
	case ACT_HOST_TRUNCATE:
	case ACT_HOST_MKDIR:
	case ACT_HOST_SYMLINK:
	case ACT_HOST_RENAME:
	case ACT_HOST_REMOVE: program_do_host(r, s, a); return;
	case ACTS: break;
	}
}

static bool is_host(const struct program_step *s)
{
	return s->verb->act >= ACT_HOST_FILE;
}

static int connect_front(struct program_run *r, struct err *reterr)
{
	const struct program *p = r->p;
	struct front_options o = { .path = r->at->socket,
				   .queues = p->queues,
				   .ring_size = p->ring,
				   .packed = p->packed,
				   .window = p->window,
				   .traffic = true };
	int e;

	o.memory.regions = p->regions;
	/* What it takes to begin is no part of the program: a loaded machine may need long for it. */
	o.timeout_ms = BEGIN_MS;
	if (p->no_indirect)
		o.features_off |= UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC;
	if (p->no_event)
		o.features_off |= UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX;
	e = front_open(&o, &r->f, reterr);
	if (e == 0 && p->start != START_CONNECTED)
		e = front_negotiate(r->f, reterr);
	if (e == 0 && p->start <= START_RINGS)
		e = front_start(r->f, reterr);
	if (e < 0 || p->start != START_SESSION)
		return e;
	e = front_init(r->f, p->window ? FUSE_MAP_ALIGNMENT | FUSE_HAS_INODE_DAX : 0, NULL);
	if (e != 0) {
		char scratch[32];

		return err_set(reterr, -EPROTO, "FUSE_INIT: %s",
			       program_errno(e, scratch, sizeof(scratch)));
	}
	return 0;
}

static int begin(struct program_run *r, struct err *reterr)
{
	unsigned ms = r->p->timeout_ms ? r->p->timeout_ms : r->at->timeout_ms;
	int e = connect_front(r, reterr);

	if (r->f) {
		r->f->options.timeout_ms = ms;
		r->f->channel.timeout_ms = ms;
	}
	return e;
}

static void note_violations(struct program_run *r)
{
	const struct front_evidence *e = r->f->evidence;

	for (unsigned i = 0; i < FRONT_FAULT_COUNT; i++)
		if (front_evidence_of(e, (enum front_fault)i))
			r->result->violations |= UINT64_C(1) << i;
	if (e->kept && !r->result->violation[0])
		(void)snprintf(r->result->violation, sizeof(r->result->violation), "%s: %s",
			       front_faults[e->fault[0].fault].name, e->fault[0].text);
}

/* Files that are to be there before lie before everything else. */
static bool has_begun(struct program_run *r)
{
	struct err err = { "" };

	if (r->f)
		return true;
	r->result->started = begin(r, &err) == 0;
	(void)snprintf(r->result->trouble, sizeof(r->result->trouble), "%.500s", err.text);
	return r->result->started;
}

static bool run_steps(struct program_run *r)
{
	struct program_result *ret = r->result;

	for (size_t i = 0; i < r->p->count; i++) {
		const struct program_step *s = r->p->step[i];
		struct program_answer *a = &ret->answer[i];

		if (!is_host(s) && !has_begun(r))
			return false;
		ret->done = i + 1;
		do_step(r, i, a);
		a->done = true;
		if (r->f)
			note_violations(r);
		if (r->f && !front_is_alive(r->f)) {
			ret->left = true;
			return true;
		}
		if (a->silent && r->at->give_up && r->at->give_up(r->at->context))
			return true;
	}
	return has_begun(r);
}

struct front *program_run(const struct program *p, const struct program_at *at,
			  struct program_result *ret)
{
	CLEANUP(freep) struct program_run *r = calloc(1, sizeof(*r));
	struct program_answer rest = { 0 };

	if (!r) {
		(void)snprintf(ret->trouble, sizeof(ret->trouble), "out of memory");
		return NULL;
	}
	r->p = p;
	r->at = at;
	r->result = ret;
	if (run_steps(r) && r->f) {
		/* What is still under way is taken before the front is handed on. */
		struct program_step none = { 0 };

		program_do_wait(r, &none, &rest);
		ret->left = ret->left || !front_is_alive(r->f);
		for (size_t i = 0; i < PROGRAM_SYMBOLS_MAX; i++)
			front_buf_free(r->f->memory, r->buffer[i]);
		if (!program_uses(p, ACT_POKE) && !program_uses(p, ACT_DESCRIPTOR))
			(void)front_verify(r->f);
		note_violations(r);
	}
	return r->f;
}
