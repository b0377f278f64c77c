// SPDX-License-Identifier: Apache-2.0
/* Several queues, what goes where, and INTERRUPT. */
#include "conformance/device/areas.h"
#include "conformance/device/opcodes.h"

#define QUEUES 4

static void same_work(struct check_run *r)
{
	static const char *const names[QUEUES] = { "a", "b", "c", "d" };

	for (unsigned i = 0; i < QUEUES; i++) {
		r->f->queue = 1 + i;
		WANT(opcodes_all(r, names[i]));
	}
}

static void others_go_on(struct check_run *r)
{
	CLEANUP(held_end) struct held h = HELD_NONE;
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	WANT(held_begin(r, &h, "file", 1));
	for (unsigned i = 2; i <= QUEUES; i++) {
		struct say t;

		op.queue = i;
		WANT_OK(r, say(&t, "GETATTR on queue %u while queue 1 is blocked", i),
			rings_within(r->f, &op, MEANWHILE_MS));
	}
	WANT(held_let(r, &h));
}

static void forget_on_request_queue(struct check_run *r)
{
	struct front_op op = front_op_forget(4711, 1);
	struct fuse_forget_one list[2] = { { 4711, 1 }, { 4712, 1 } };
	struct front_op batch = front_op_batch_forget(list, 2);

	op.queue = batch.queue = 1;
	WANT_OK(r, "FORGET on a request queue", rings_within(r->f, &op, MEANWHILE_MS));
	WANT_OK(r, "BATCH_FORGET on a request queue", rings_within(r->f, &batch, MEANWHILE_MS));
	WANT(check_alive(r));
}

/* ---- INTERRUPT ---- */

/* No reply, EAGAIN, or ENOSYS by a device that has no such thing. */
static bool interrupt(struct check_run *r, uint64_t unique, const char *what)
{
	struct front_op op = front_op_interrupt(unique);
	static const int allowed[] = { 0, -EAGAIN, -ENOSYS };

	return check_one_of(r, allowed, ARRAY_SIZE(allowed), what,
			    rings_within(r->f, &op, MEANWHILE_MS));
}

static void interrupt_unknown(struct check_run *r)
{
	static const uint64_t list[] = { 4711, 1, UINT64_MAX, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		WANT(interrupt(r, list[i], "INTERRUPT of a request that never was"));
		for (unsigned j = 0; j < 3; j++)
			WANT_OK(r, "GETATTR after an INTERRUPT", rings_root(r->f, 1));
	}
}

static void interrupt_late(struct check_run *r)
{
	for (unsigned i = 0; i < 20; i++) {
		WANT_OK(r, "GETATTR", rings_root(r->f, 1));
		WANT(interrupt(r, r->f->next_unique, "INTERRUPT of a request that is done"));
	}
	WANT(check_alive(r));
}

/* It may be overtaken: the request that it names comes after it, and may be interrupted then. */
static void interrupt_early(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	for (unsigned i = 0; i < 5; i++) {
		WANT(interrupt(r, r->f->next_unique + 4, "INTERRUPT of a request to come"));
		WANT_ONE_OF(r, "GETATTR that was interrupted before it came",
			    rings_within(r->f, &op, MEANWHILE_MS), 0, -EINTR);
		WANT_OK(r, "GETATTR behind it", rings_root(r->f, 1));
	}
}

static void interrupt_blocked(struct check_run *r)
{
	CLEANUP(held_end) struct held h = HELD_NONE;
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct front_op stop;

	WANT(held_begin(r, &h, "file", 1));
	stop = front_op_interrupt(h.open->unique);
	WANT_ONE_OF(r, "INTERRUPT of an OPEN that is held back",
		    rings_within(r->f, &stop, MEANWHILE_MS), 0, -EAGAIN, -ENOSYS);
	WANT_OK(r, "GETATTR while an interrupted OPEN is held back",
		rings_within(r->f, &op, MEANWHILE_MS));
	fd_closep(&h.fd);
	WANT_ONE_OF(r, "OPEN that was interrupted", front_wait(h.open, front_deadline(r->f)), 0,
		    -EINTR);
	WANT(check_alive(r));
}

static const struct front_options four = { .queues = QUEUES };
static const struct check checks[] = {
	{
		.id = "multiqueue.same-work",
		.title = "every request queue has every opcode",
		.rows = "VIRTIO-FS-QUEUE-010",
		.sends = "every opcode on each of 4 request queues",
		.wants = "the same results on all",
		.catches = "queue-partial ring-stuck:3",
		.options = CHECK_QUEUES4,
		.front = &four,
		.run = same_work,
	},
	{
		.id = "multiqueue.no-order",
		.title = "a queue that is blocked does not hold back the others",
		.rows = "VIRTIO-FS-QUEUE-008",
		.sends = "an OPEN that a lease holds back in queue 1, GETATTR in queues 2 to 4",
		.wants = "the GETATTRs are used while the OPEN is in flight",
		.catches = "queues-wait",
		.options = CHECK_QUEUES4 | CHECK_THREADS4,
		.front = &four,
		.run = others_go_on,
	},
	{
		.id = "multiqueue.forget-on-request-queue",
		.title = "FORGET on a request queue is given back",
		.rows = "VIRTIO-FS-QUEUE-012",
		.sends = "FORGET and BATCH_FORGET on queue 1",
		.wants = "used; the next request is served",
		.catches = "forget-hangs",
		.run = forget_on_request_queue,
	},
	{
		.id = "multiqueue.interrupt-unknown",
		.title = "INTERRUPT of a request that never was is harmless",
		.rows = "VIRTIO-FS-HIPRIO-011",
		.sends = "INTERRUPT of 4711, 1, 2^64 - 1, 0; GETATTRs after each",
		.wants = "no reply, EAGAIN or ENOSYS; the GETATTRs succeed",
		.catches = "exit-at:INTERRUPT used-never:op=INTERRUPT",
		.run = interrupt_unknown,
	},
	{
		.id = "multiqueue.interrupt-late",
		.title = "INTERRUPT of a request that is done is harmless",
		.rows = "VIRTIO-FS-HIPRIO-011",
		.sends = "20 times a GETATTR, then its INTERRUPT",
		.wants = "no reply, EAGAIN or ENOSYS",
		.catches = "exit-at:INTERRUPT used-never:op=INTERRUPT",
		.run = interrupt_late,
	},
	{
		.id = "multiqueue.interrupt-early",
		.title = "INTERRUPT that overtakes its request hits no other",
		.rows = "VIRTIO-FS-HIPRIO-011",
		.sends = "INTERRUPT of a unique to come, that GETATTR, one more",
		.wants = "success or EINTR of the first, success of the second",
		.catches = "exit-at:INTERRUPT interrupt-other",
		.run = interrupt_early,
	},
	{
		.id = "multiqueue.interrupt-blocked",
		.title = "INTERRUPT of a blocked request ends that one or none",
		.rows = "VIRTIO-FS-HIPRIO-011 VIRTIO-FS-QUEUE-029",
		.sends = "an OPEN that a lease holds back, its INTERRUPT, a GETATTR",
		.wants = "GETATTR succeeds at once; the OPEN with success or EINTR",
		.catches = "exit-at:INTERRUPT interrupt-other",
		.options = CHECK_THREADS4,
		.run = interrupt_blocked,
	},
};

const struct check_area area_multiqueue = { "multiqueue", "Several queues", checks,
					    ARRAY_SIZE(checks) };
