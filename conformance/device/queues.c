// SPDX-License-Identifier: Apache-2.0
/* One session, whichever queue its requests come by. */
#include "conformance/device/areas.h"
#include "conformance/device/meta.h"

#define QUEUES 4

static const struct front_options four = { .queues = QUEUES };

/* What one queue has brought, the others know; FORGET by the high priority queue as well. */
static bool one_session(struct check_run *r, unsigned first)
{
	struct fuse_open_out open;
	struct fuse_attr_out attr;
	struct say t;
	uint64_t nodeid;
	uint8_t byte = (uint8_t)first, seen = 0;
	uint32_t done;
	size_t got;

	r->f->queue = first;
	if (!node_of(r, "file", &nodeid) ||
	    !check_ok(r, "OPEN", front_open_file(r->f, nodeid, O_RDWR, &open)))
		return false;
	for (unsigned q = 1; q <= QUEUES; q++, byte++) {
		r->f->queue = q;
		(void)say(&t, "queue %u, of what queue %u has opened", q, first);
		if (!check_ok(r, t.text, front_getattr(r->f, nodeid, NULL, &attr)) ||
		    !check_ok(r, t.text, front_write(r->f, nodeid, open.fh, 0, &byte, 1, &done)))
			return false;
		r->f->queue = q % QUEUES + 1;
		if (!check_ok(r, t.text, front_read(r->f, nodeid, open.fh, 0, &seen, 1, &got)) ||
		    !check_same(r, byte, "READ of what another queue wrote", seen))
			return false;
	}
	return check_ok(r, "RELEASE", front_release(r->f, nodeid, open.fh, 0)) &&
	       check_ok(r, "FORGET", front_forget(r->f, nodeid, 1));
}

static void any_queue(struct check_run *r)
{
	struct say t;

	WANT(check_host(r, "make a file", host_fill(r->share, "file", 1000, 1)));
	for (unsigned q = 1; q <= QUEUES; q++) {
		r->f->queue = q;
		WANT_OK(r, say(&t, "INIT on request queue %u", q), front_init(r->f, 0, NULL));
		WANT(one_session(r, QUEUES + 1 - q));
	}
}

static void ends_for_all(struct check_run *r)
{
	struct fuse_attr_out attr;
	uint64_t nodeid;

	WANT(meta_file(r, "file", &nodeid));
	r->f->queue = 3;
	WANT_OK(r, "a second INIT, on request queue 3", front_init(r->f, 0, NULL));
	for (unsigned q = 1; q <= QUEUES; q++) {
		r->f->queue = q;
		WANT_ONE_OF(r, "GETATTR of an old nodeid", front_getattr(r->f, nodeid, NULL, &attr),
			    NOT_KNOWN);
	}
	WANT(one_session(r, 2));
}

/* No driver does it; a device refuses it or not, and goes on. */
static void by_hiprio(struct check_run *r)
{
	struct front_op op = front_op_init(FUSE_KERNEL_VERSION, 38, 128 * KIB, front_init_flags);
	int e;

	op.queue = FRONT_QUEUE_HIPRIO;
	e = front_do(r->f, &op, NULL, 0, NULL);
	WANT_THAT(r, e <= 0 && e > -1000, "any answer to INIT on the high priority queue",
		  "result %d", e);
	WANT(check_session(r, r->f, 0));
	WANT(check_alive(r));
}

static const struct check checks[] = {
	{
		.id = "queues.init-on-any",
		.title = "INIT is accepted on any request queue, and holds for all",
		.rows = "VIRTIO-FS-INIT-004 VIRTIO-FS-INIT-003 VIRTIO-FS-QUEUE-010",
		.sends =
			"INIT on each of 4 request queues; LOOKUP and OPEN on one, GETATTR and WRITE on each, "
			"READ on the next, RELEASE, FORGET",
		.wants = "success, and READ sees what WRITE wrote",
		.catches = "init-first-queue init-one-queue queue-partial",
		.start = CHECK_RINGS,
		.options = CHECK_QUEUES4,
		.front = &four,
		.run = any_queue,
	},
	{
		.id = "queues.init-ends-all",
		.title = "a second INIT on one queue ends the session of all",
		.rows = "VIRTIO-FS-INIT-005 VIRTIO-FS-INIT-003",
		.sends = "LOOKUP on queue 1, INIT on queue 3, GETATTR of the old nodeid on each",
		.wants = "ESTALE, ENOENT or EBADF, then a session on all",
		.catches = "init-keeps-session init-first-queue",
		.options = CHECK_QUEUES4,
		.front = &four,
		.run = ends_for_all,
	},
	{
		.id = "queues.init-by-hiprio",
		.title = "INIT on the high priority queue does no harm",
		.rows = "VIRTIO-FS-HIPRIO-007 VIRTIO-FS-INIT-010",
		.sends = "INIT on the high priority queue, INIT, GETATTR",
		.wants = "any answer to the first, then a session",
		.catches = "hiprio-hangs",
		.start = CHECK_RINGS,
		.run = by_hiprio,
	},
};

const struct check_area area_queues = { "queues", "One session on all queues", checks,
					ARRAY_SIZE(checks) };
