/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_TEST_DEVICE_FAULT_FUSE_H
#define VQ_CONFORMANCE_TEST_DEVICE_FAULT_FUSE_H

/* Framing, the high priority queue, INIT, delays and errors. */

#include "conformance/test/device_fault.h"

static int lookup_missing(struct fixture *t)
{
	struct fuse_entry_out out;

	(void)!front_lookup(t->f, FRONT_ROOT, "missing", &out);
	return CLEAN;
}

/* With room for more than the reply needs. */
static int getattr_roomy(struct fixture *t)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct front_request *r;

	TRY(front_prepare(t->f, &op, &r));
	r->out_size += 64;
	TRY(front_submit(r));
	(void)!front_wait(r, front_deadline(t->f));
	front_request_free(r);
	return CLEAN;
}

static int getattr_result(struct fixture *t, uint64_t nodeid)
{
	struct fuse_attr_out out;

	return front_getattr(t->f, nodeid, NULL, &out);
}

static int header_split(struct fixture *t)
{
	t->f->layout.in_every = 7;
	return seen_if(getattr_result(t, FRONT_ROOT) == -EINVAL);
}

static int opcode_unknown(struct fixture *t)
{
	struct front_op op = front_op_access(FRONT_ROOT, 0);

	op.opcode = 99;
	return seen_if(front_do(t->f, &op, NULL, 0, NULL) == -EINVAL);
}

static int on_queue_2(struct fixture *t)
{
	t->f->queue = 2;
	return getattr_result(t, FRONT_ROOT);
}

static int queue_partial(struct fixture *t)
{
	return seen_if(on_queue_2(t) == -ENOSYS);
}

static int no_room(struct fixture *t)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct front_request *r;
	int e;

	front_evidence_allow(t->f->evidence, FRONT_FAULT_NOT_USED);
	TRY(front_prepare(t->f, &op, &r));
	r->out_size = 0;
	r->raw = true;
	TRY(front_submit(r));
	e = front_wait(r, front_deadline(t->f));
	front_request_free(r);
	return seen_if(e == FRONT_TIMEOUT);
}

/* ---- hiprio ---- */

static int forget_on_queue(struct fixture *t)
{
	struct front_op op = front_op_forget(FRONT_ROOT, 1);

	op.queue = 1;
	(void)!front_do(t->f, &op, NULL, 0, NULL);
	return CLEAN;
}

static int getattr_on_hiprio(struct fixture *t)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	op.queue = FRONT_QUEUE_HIPRIO;
	(void)!front_do(t->f, &op, NULL, 0, NULL);
	return CLEAN;
}

/* A request that takes long, and a FORGET beside it. */
static int forget_beside(struct fixture *t)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct front_request *r;
	bool late;

	TRY(submit(t, &op, &r));
	(void)poll(NULL, 0, 150); /* so that it was taken */
	TRY(front_forget(t->f, 999, 1));
	late = r->state == FRONT_DONE;
	TRY(front_wait(r, front_deadline(t->f)));
	front_request_free(r);
	return seen_if(late);
}

static int lookup(struct fixture *t, const char *name, uint64_t *ret)
{
	struct fuse_entry_out out;
	int e = front_lookup(t->f, FRONT_ROOT, name, &out);

	if (e == 0)
		*ret = out.nodeid;
	return e;
}

static int forget_one_of_two(struct fixture *t)
{
	uint64_t nodeid = 0;

	TRY(lookup(t, "file", &nodeid));
	TRY(lookup(t, "file", &nodeid));
	TRY(front_forget(t->f, nodeid, 1));
	return seen_if(getattr_result(t, nodeid) == -ESTALE);
}

static int forget_too_many(struct fixture *t)
{
	uint64_t nodeid = 0;

	TRY(lookup(t, "file", &nodeid));
	TRY(front_forget(t->f, nodeid, 5));
	return seen_if(getattr_result(t, nodeid) == 0);
}

static int forget_root(struct fixture *t)
{
	TRY(front_forget(t->f, FRONT_ROOT, 1));
	return seen_if(getattr_result(t, FRONT_ROOT) == -ESTALE);
}

static int forget_batch(struct fixture *t)
{
	struct fuse_forget_one list[2] = { { .nlookup = 1 }, { .nlookup = 1 } };

	TRY(lookup(t, "file", &list[0].nodeid));
	TRY(lookup(t, "other", &list[1].nodeid));
	TRY(front_batch_forget(t->f, list, 2));
	return seen_if(getattr_result(t, list[1].nodeid) == 0);
}

/* ---- INIT: what the first one has answered ---- */

static int init_major(struct fixture *t)
{
	return seen_if(t->f->init.major == 6);
}

static int init_flags_none(struct fixture *t)
{
	return seen_if(front_init_flags_of(&t->f->init) == 0);
}

static int init_bit_31(struct fixture *t)
{
	return seen_if(t->f->init.flags >> 31);
}

static int init_writeback(struct fixture *t)
{
	return seen_if(t->f->init.flags & FUSE_WRITEBACK_CACHE);
}

static int init_plus(struct fixture *t)
{
	return seen_if(t->f->init.flags & FUSE_DO_READDIRPLUS);
}

static int init_mmap(struct fixture *t)
{
	return seen_if(front_init_flags_of(&t->f->init) & FUSE_DIRECT_IO_ALLOW_MMAP);
}

static int init_alignment(struct fixture *t)
{
	return seen_if(t->f->init.map_alignment == 63);
}

static int init_max_write(struct fixture *t)
{
	return seen_if(t->f->init.max_write == 0);
}

/* ---- INIT, asked in another way ---- */

static int init_newer(struct fixture *t)
{
	return seen_if(front_init_with(t->f, 8, 0, FUSE_INIT_EXT, NULL) == -EPROTO);
}

static int init_minor(struct fixture *t)
{
	struct fuse_init_out out;

	TRY(front_init_with(t->f, 7, 31, FUSE_INIT_EXT, &out));
	return seen_if(out.minor == 39);
}

static int init_short(struct fixture *t)
{
	struct front_op op = front_op_init(7, 35, 0, FUSE_ASYNC_READ);

	op.arg_size = 16;
	return seen_if(front_do(t->f, &op, NULL, 0, NULL) == -EINVAL);
}

static int init_flags_more(struct fixture *t)
{
	struct fuse_init_out out;

	TRY(front_init_with(t->f, 7, 38, FUSE_INIT_EXT | FUSE_ASYNC_READ, &out));
	return seen_if(front_init_flags_of(&out) & ~(uint64_t)(FUSE_INIT_EXT | FUSE_ASYNC_READ));
}

static int init_flags_early(struct fixture *t)
{
	struct fuse_init_out out;

	TRY(front_init_with(t->f, 7, 27, front_init_flags, &out));
	return seen_if(out.flags & FUSE_MAX_PAGES);
}

static int init_again(struct fixture *t)
{
	return seen_if(front_init(t->f, 0, NULL) == -EALREADY);
}

static int init_keeps(struct fixture *t)
{
	uint64_t nodeid = 0;

	TRY(lookup(t, "file", &nodeid));
	TRY(front_init(t->f, 0, NULL));
	return seen_if(getattr_result(t, nodeid) == 0);
}

static int init_on_queue_2(struct fixture *t)
{
	t->f->queue = 2;
	return seen_if(front_init(t->f, 0, NULL) == -EIO);
}

static int init_one_queue(struct fixture *t)
{
	return seen_if(on_queue_2(t) == -EIO);
}

static int root_is_there(struct fixture *t)
{
	return seen_if(getattr_result(t, FRONT_ROOT) == 0);
}

static int init_swapped(struct fixture *t)
{
	struct front_op op = front_op_init(7, 38, 0, 0);
	struct front_request *r;
	int e;

	front_evidence_allow(t->f->evidence, FRONT_FAULT_NOT_USED);
	op.opcode = FUSE_INIT_BSWAP_RESERVED;
	TRY(front_prepare(t->f, &op, &r));
	r->raw = true;
	TRY(front_submit(r));
	e = front_wait(r, front_deadline(t->f));
	front_request_free(r);
	return seen_if(e == FRONT_TIMEOUT);
}

static int destroy_keeps(struct fixture *t)
{
	TRY(front_destroy(t->f));
	return root_is_there(t);
}

/* ---- delays and errors ---- */

static int takes_long(struct fixture *t)
{
	uint64_t start_ns = clock_now_ns();

	TRY(getattr_result(t, FRONT_ROOT));
	return seen_if(clock_now_ns() - start_ns >= 500 * NS_PER_MS);
}

static int no_space(struct fixture *t)
{
	return seen_if(getattr_result(t, FRONT_ROOT) == -ENOSPC);
}

/* The third one fails, and no other. */
static int third_fails(struct fixture *t)
{
	int result[4];

	for (int i = 0; i < 4; i++)
		result[i] = getattr_result(t, FRONT_ROOT);
	return seen_if(result[0] == 0 && result[1] == 0 && result[2] == -EIO && result[3] == 0);
}

#define TWO_QUEUES .words = "--queues=2", .front.queues = 2

static const struct fault_case fuse_cases[] = {
	SHOWS("unique-wrong:op=GETATTR", getattr_root, UNIQUE),
	SHOWS("unique-zero:op=GETATTR", getattr_root, UNIQUE),
	SHOWS("unique-other:op=GETATTR", getattr_root, UNIQUE),
	SHOWS("out-len:op=GETATTR", getattr_root, OUT_LEN),
	SHOWS("error-positive", lookup_missing, ERROR_RANGE),
	SHOWS("error-huge", lookup_missing, ERROR_RANGE),
	SHOWS("error-body", lookup_missing, ERROR_BODY),
	SHOWS("header-short:op=GETATTR", getattr_root, SHORT_REPLY),
	SHOWS("reply-padded:op=GETATTR", getattr_roomy, PAYLOAD),
	SHOWS("reply-overrun:op=GETATTR", getattr_root, CANARY),
	SHOWS("request-written:op=GETATTR", getattr_root, READABLE_WRITTEN),
	CASE("header-split", header_split),
	CASE("opcode-einval", opcode_unknown),
	CASE("queue-partial", queue_partial, TWO_QUEUES),
	CASE("no-room-hangs", no_room, .waits = true),
	SHOWS("forget-answered", forget_on_queue, USED_LEN),
	SHOWS("forget-hangs", forget_on_queue, NOT_USED, .waits = true),
	CASE("hiprio-waits", forget_beside, .words = "--fault=delay:GETATTR:700"),
	SHOWS("hiprio-hangs", getattr_on_hiprio, NOT_USED, .waits = true),
	CASE("forget-drops", forget_one_of_two),
	CASE("forget-wraps", forget_too_many),
	CASE("forget-root", forget_root),
	CASE("batch-forget", forget_batch),
	CASE("init-major", init_major),
	CASE("init-newer", init_newer),
	CASE("init-minor", init_minor),
	CASE("init-short", init_short),
	CASE("init-flags-more", init_flags_more),
	CASE("init-flags-none", init_flags_none),
	CASE("init-flags-early", init_flags_early),
	CASE("init-bit-31", init_bit_31),
	CASE("init-writeback", init_writeback),
	CASE("init-readdirplus", init_plus, .words = "--cache=never"),
	CASE("init-allow-mmap", init_mmap),
	CASE("init-map-alignment:63", init_alignment),
	CASE("init-max-write-zero", init_max_write),
	CASE("init-once", init_again),
	CASE("init-keeps-session", init_keeps),
	CASE("init-first-queue", init_on_queue_2, TWO_QUEUES),
	CASE("init-one-queue", init_one_queue, TWO_QUEUES),
	CASE("init-not-needed", root_is_there, .no_init = true),
	CASE("init-swapped-hangs", init_swapped, .waits = true),
	CASE("destroy-keeps-session", destroy_keeps),
	CASE("delay:GETATTR:500", takes_long),
	CASE("error:GETATTR:ENOSPC", no_space),
	CASE("error:*:EIO:op=GETATTR:after 2:count=1", third_fails),
	SHOWS("exit-at:GETATTR", getattr_root, GONE),
};

#endif
