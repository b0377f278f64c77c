// SPDX-License-Identifier: Apache-2.0
/* The high priority queue: FORGET, BATCH_FORGET and INTERRUPT, whatever the other queues do. */
#include "conformance/device/areas.h"
#include "conformance/device/rings.h"

#define UNKNOWN 0x123456789abcULL

static bool look_up(struct check_run *r, const char *name, unsigned times, uint64_t *ret)
{
	struct fuse_entry_out e;

	if (!host_exists(r->share, name) &&
	    !check_host(r, "make a file", host_write(r->share, name, "x", 1)))
		return false;
	for (unsigned i = 0; i < times; i++)
		if (!check_ok(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, name, &e)))
			return false;
	*ret = e.nodeid;
	return true;
}

/* A node that was dropped is unknown: any error will do. */
static bool is_known(struct check_run *r, uint64_t nodeid, bool wanted, const char *when)
{
	struct fuse_attr_out a;
	int e = front_getattr(r->f, nodeid, NULL, &a);
	struct say t;

	if (wanted)
		return check_ok(r, say(&t, "GETATTR of the node %s", when), e);
	return fails(r, say(&t, "GETATTR of the node %s", when), e);
}

static int forget_within(struct check_run *r, uint64_t nodeid, uint64_t count)
{
	struct front_op op = front_op_forget(nodeid, count);

	return rings_within(r->f, &op, MEANWHILE_MS);
}

static void forget_used(struct check_run *r)
{
	struct fuse_forget_one list[3] = { { UNKNOWN, 1 }, { UNKNOWN + 1, 2 }, { 0, 0 } };
	uint64_t node;

	WANT(look_up(r, "file", 3, &node));
	list[2] = (struct fuse_forget_one){ node, 1 };
	WANT_OK(r, "FORGET", forget_within(r, node, 1));
	WANT_OK(r, "BATCH_FORGET", front_batch_forget(r->f, list, 3));
	WANT_SAME(r, 0, "replies to what has none",
		  front_evidence_of(r->f->evidence, FRONT_FAULT_UNASKED_REPLY));
}

/* Whatever room is offered: there is nothing to say. */
static void forget_with_room(struct check_run *r)
{
	struct front_op op = front_op_forget(UNKNOWN, 1);
	struct front_request *q;

	for (size_t room = 1; room < 200; room = room * 3 + 1) {
		uint32_t used;

		WANT_OK(r, "prepare", front_prepare(r->f, &op, &q));
		q->out_size = room;
		WANT_OK(r, "submit", front_submit(q));
		WANT_OK(r, "FORGET with a writable descriptor",
			front_wait(q, clock_deadline_ms(MEANWHILE_MS)));
		used = q->used;
		front_request_free(q);
		WANT_SAME(r, 0, "used length", used);
	}
}

static void while_blocked(struct check_run *r)
{
	CLEANUP(held_end) struct held h = HELD_NONE;
	uint64_t node;

	WANT(look_up(r, "other", 20, &node));
	WANT(held_begin(r, &h, "file", 1));
	for (unsigned i = 0; i < 20; i++)
		WANT_OK(r, "FORGET while an OPEN is held back", forget_within(r, node, 1));
	WANT_THAT(r, h.open->state == FRONT_IN_FLIGHT, "the OPEN is in flight still", "it is not");
	WANT(held_let(r, &h));
	WANT(is_known(r, node, false, "once all its lookups were forgotten"));
}

static void while_full(struct check_run *r)
{
	CLEANUP(held_end) struct held h = HELD_NONE;
	struct front_op op = front_op_open(0, O_RDONLY);
	struct front_request *q[16];

	WANT(held_begin(r, &h, "file", 1));
	op.nodeid = h.nodeid;
	for (size_t i = 0; i < ARRAY_SIZE(q); i++)
		WANT_OK(r, "submit OPEN", rings_submit(r->f, &op, &q[i]));
	WANT_OK(r, "FORGET while 17 OPENs are held back", forget_within(r, UNKNOWN, 1));
	WANT(held_let(r, &h));
	for (size_t i = 0; i < ARRAY_SIZE(q); i++) {
		WANT_OK(r, "OPEN, once the lease is given up",
			front_wait(q[i], front_deadline(r->f)));
		front_request_free(q[i]);
	}
}

static void counts(struct check_run *r)
{
	uint64_t node;

	WANT(look_up(r, "file", 5, &node));
	WANT_OK(r, "FORGET of 1", forget_within(r, node, 1));
	WANT(is_known(r, node, true, "with 4 lookups left"));
	WANT_OK(r, "FORGET of 3", forget_within(r, node, 3));
	WANT(is_known(r, node, true, "with 1 lookup left"));
	WANT_OK(r, "FORGET of 1", forget_within(r, node, 1));
	WANT(is_known(r, node, false, "with no lookup left"));
}

static void too_many(struct check_run *r)
{
	static const uint64_t list[] = { 2, 1000, UINT64_C(1) << 63, UINT64_MAX };
	uint64_t node, other;

	WANT(look_up(r, "other", 1, &other));
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		WANT(look_up(r, "file", 1, &node));
		WANT_OK(r, "FORGET of more than was looked up", forget_within(r, node, list[i]));
		WANT(is_known(r, node, false, "after a FORGET of too many"));
		WANT(is_known(r, other, true, "that was not forgotten"));
	}
}

static void root(struct check_run *r)
{
	static const uint64_t list[] = { 0, 1, 2, 1000, UINT64_C(1) << 63, UINT64_MAX };
	uint64_t node;

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		struct say t;

		WANT_OK(r, say(&t, "FORGET of the root, %#llx", (unsigned long long)list[i]),
			forget_within(r, FRONT_ROOT, list[i]));
		WANT(is_known(r, FRONT_ROOT, true, "of the root, after its FORGET"));
	}
	WANT(look_up(r, "file", 1, &node));
}

static void unknown(struct check_run *r)
{
	static const uint64_t nodes[] = { 0, 2, 99, UNKNOWN, INT64_MAX, UINT64_MAX };
	uint64_t node;

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		WANT_OK(r, "FORGET of a node that was never given",
			forget_within(r, nodes[i], 1 + i));
	WANT(look_up(r, "file", 1, &node));
}

static void batch(struct check_run *r)
{
	enum { NODES = 40 };
	struct fuse_forget_one list[NODES];

	for (unsigned i = 0; i < NODES; i++) {
		char name[16];
		uint64_t node;

		(void)snprintf(name, sizeof(name), "f%u", i);
		WANT(look_up(r, name, 1 + i % 3, &node));
		list[i] = (struct fuse_forget_one){ node, 1 + i % 3 };
	}
	WANT_OK(r, "BATCH_FORGET of 40 nodes", front_batch_forget(r->f, list, NODES));
	for (unsigned i = 0; i < NODES; i++) {
		struct say t;

		WANT(is_known(r, list[i].nodeid, false, say(&t, "that was entry %u of 40", i)));
	}
}

/* The count is not what is there: never read beyond it. */
static void batch_count(struct check_run *r)
{
	static const uint32_t list[] = { 0, 2, 4, 100, 1U << 28, UINT32_MAX };
	struct fuse_forget_one entries[3] = { { UNKNOWN, 1 }, { UNKNOWN + 1, 1 }, { 99, 1 } };

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		struct front_op op = front_op_batch_forget(entries, 3);
		struct say t;

		memcpy(op.arg, &list[i], sizeof(list[i]));
		WANT_OK(r, say(&t, "BATCH_FORGET of 3 entries that says %u", list[i]),
			rings_within(r->f, &op, MEANWHILE_MS));
		WANT_OK(r, "GETATTR of the root after that", rings_root(r->f, 1));
	}
}

static void cuts(struct check_run *r)
{
	static const uint32_t every[] = { 1, 3, 8, 39, 40, 41, UINT32_MAX };
	struct fuse_forget_one list[2];

	for (size_t i = 0; i < 2 * ARRAY_SIZE(every); i++) {
		struct front_layout l = { .in_every = every[i / 2],
					  .kind = i % 2 ? FRONT_CHAIN_DIRECT : FRONT_CHAIN_AUTO };
		uint64_t a, b;

		r->f->layout = (struct front_layout){ 0 };
		WANT(look_up(r, "a", 2, &a));
		WANT(look_up(r, "b", 1, &b));
		list[0] = (struct fuse_forget_one){ a, 1 };
		list[1] = (struct fuse_forget_one){ b, 1 };
		r->f->layout = l;
		WANT_OK(r, "FORGET in pieces", forget_within(r, a, 1));
		WANT_OK(r, "BATCH_FORGET in pieces", front_batch_forget(r->f, list, 2));
		r->f->layout = (struct front_layout){ 0 };
		WANT(is_known(r, a, false, "after FORGET in pieces"));
		WANT(is_known(r, b, false, "after BATCH_FORGET in pieces"));
	}
}

static void ordinary(struct check_run *r)
{
	struct front_op ops[] = { front_op_getattr(FRONT_ROOT, NULL),
				  front_op_lookup(FRONT_ROOT, "nothing"),
				  front_op_opendir(FRONT_ROOT, 0), front_op_statfs(FRONT_ROOT),
				  front_op_access(FRONT_ROOT, 4) };

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		int e;

		ops[i].queue = FRONT_QUEUE_HIPRIO;
		e = rings_within(r->f, &ops[i], MEANWHILE_MS);
		WANT_THAT(r, e <= 0 && e > FRONT_TIMEOUT,
			  "an ordinary request on hiprio is served, or an error",
			  "request %zu: result %d", i, e);
	}
	WANT_OK(r, "FORGET after that", forget_within(r, UNKNOWN, 1));
	WANT(check_alive(r));
}

static void full(struct check_run *r)
{
	struct front_op op = front_op_forget(0, 1);

	WANT(look_up(r, "file", 128 * 3, &op.nodeid));
	for (unsigned i = 0; i < 3; i++) {
		WANT(is_known(r, op.nodeid, true, "with lookups left"));
		WANT(rings_batch(r, &op, 128));
	}
	WANT(is_known(r, op.nodeid, false, "once 384 FORGETs of 1 were used"));
}

/* Each LOOKUP is one more, each FORGET one less, at the same time. */
static void race(struct check_run *r)
{
	uint64_t node;
	struct fuse_entry_out e;

	WANT(look_up(r, "file", 1, &node));
	for (unsigned i = 0; i < 300; i++) {
		struct front_op look = front_op_lookup(FRONT_ROOT, "file");
		struct front_op forget = front_op_forget(node, 1);
		struct front_request *a, *b;

		WANT_OK(r, "submit LOOKUP", rings_submit(r->f, &look, &a));
		WANT_OK(r, "submit FORGET", rings_submit(r->f, &forget, &b));
		WANT_OK(r, "LOOKUP that races a FORGET", front_wait(a, front_deadline(r->f)));
		WANT_OK(r, "FORGET that races a LOOKUP", front_wait(b, front_deadline(r->f)));
		memcpy(&e, a->payload, sizeof(e));
		front_request_free(a);
		front_request_free(b);
		/* The count may have been 0 in between: then this is another node with one lookup. */
		node = e.nodeid;
		WANT(is_known(r, node, true, "that LOOKUP has just answered"));
	}
	WANT_OK(r, "FORGET of the last lookup", forget_within(r, node, 1));
	WANT(is_known(r, node, false, "with no lookup left"));
}

static void side_by_side(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct front_op forget = front_op_forget(UNKNOWN, 1);
	struct front_request *q[2][32];

	for (unsigned turn = 0; turn < 10; turn++) {
		for (unsigned i = 0; i < 32; i++) {
			WANT_OK(r, "submit GETATTR", rings_submit(r->f, &op, &q[0][i]));
			WANT_OK(r, "submit FORGET", rings_submit(r->f, &forget, &q[1][i]));
		}
		for (unsigned i = 0; i < 64; i++) {
			struct front_request *one = q[i % 2][i / 2];

			WANT_OK(r, "requests of both queues at once",
				front_wait(one, front_deadline(r->f)));
			front_request_free(one);
		}
	}
}

#define CHECK(id_, title_, rows_, sends_, wants_, catches_, run_)                           \
	{                                                                                   \
		.id = "hiprio." id_, .title = (title_), .rows = (rows_), .sends = (sends_), \
		.wants = (wants_), .catches = (catches_), .run = (run_),                    \
	}

static const struct check checks[] = {
	CHECK("forget-used", "FORGET and BATCH_FORGET are used with length 0",
	      "VIRTIO-FS-QUEUE-013 VIRTIO-FS-HIPRIO-006", "FORGET, BATCH_FORGET of 3",
	      "used length 0", "forget-answered used-never:op=BATCH_FORGET", forget_used),
	CHECK("forget-with-room", "FORGET writes nothing, whatever room there is",
	      "VIRTIO-FS-QUEUE-013", "FORGET with 1, 4, 13, 40, 121 writable bytes",
	      "used length 0, nothing written", "forget-answered", forget_with_room),
	CHECK("while-blocked", "hiprio does not wait for a request queue that is blocked",
	      "VIRTIO-FS-HIPRIO-001 VIRTIO-FS-HIPRIO-002",
	      "an OPEN that a lease on the host holds back; 20 FORGETs",
	      "each FORGET is used and counts while the OPEN is in flight", "hiprio-waits",
	      while_blocked),
	CHECK("while-full", "hiprio does not wait for a request queue full of blocked requests",
	      "VIRTIO-FS-HIPRIO-001", "17 OPENs that a lease on the host holds back; a FORGET",
	      "the FORGET is used while they are in flight", "hiprio-waits", while_full),
	CHECK("counts", "a node goes when as many lookups are forgotten as were made",
	      "VIRTIO-FS-HIPRIO-008", "5 LOOKUPs; FORGET of 1, 3, 1",
	      "the node is known until the last", "forget-drops", counts),
	CHECK("too-many", "FORGET of more lookups than there were drops that node alone",
	      "VIRTIO-FS-HIPRIO-008 BUG-15", "a LOOKUP, then FORGET of 2, 1000, 2^63, 2^64 - 1",
	      "the node is unknown, the others and the device are there", "forget-wraps", too_many),
	CHECK("root", "FORGET of the root is harmless", "VIRTIO-FS-HIPRIO-009",
	      "FORGET of node 1: 0, 1, 2, 1000, 2^63, 2^64 - 1", "the root is served after each",
	      "forget-root", root),
	CHECK("unknown-node", "FORGET of a node that was never given is harmless",
	      "VIRTIO-FS-HIPRIO-009 BUG-15",
	      "FORGET of nodes 0, 2, 99, 0x123456789abc, 2^63 - 1, 2^64 - 1", "used with length 0",
	      "exit-at:FORGET forget-answered", unknown),
	CHECK("batch", "all entries of a BATCH_FORGET count", "VIRTIO-FS-HIPRIO-010",
	      "BATCH_FORGET of 40 nodes with all their lookups", "all are unknown after that",
	      "batch-forget", batch),
	CHECK("batch-count", "a BATCH_FORGET whose count is not true is harmless",
	      "VIRTIO-FS-HIPRIO-010", "3 entries, and a count of 0, 2, 4, 100, 2^28, 2^32 - 1",
	      "used with length 0, and the device serves on", "exit-at:BATCH_FORGET", batch_count),
	CHECK("cuts", "FORGET and BATCH_FORGET may be cut anywhere",
	      "VIRTIO-FS-HIPRIO-006 VIRTIO-FS-QUEUE-002",
	      "both in pieces of 1, 3, 8, 39, 40, 41 bytes and whole, direct and by table",
	      "they count", "batch-forget forget-piecemeal", cuts),
	CHECK("ordinary", "an ordinary request on hiprio is served or is an error",
	      "VIRTIO-FS-HIPRIO-007", "GETATTR, LOOKUP, OPENDIR, STATFS, ACCESS on hiprio",
	      "a reply to each; FORGET works after that", "hiprio-hangs", ordinary),
	CHECK("full", "a ring full of FORGETs is served, and each counts", "VIRTIO-FS-HIPRIO-008",
	      "384 LOOKUPs; three times 128 FORGETs in one batch", "the node goes with the last",
	      "forget-drops used-never:after=400", full),
	CHECK("race", "LOOKUP and FORGET at once leave the count exact",
	      "VIRTIO-FS-HIPRIO-014 VIRTIO-FS-HIPRIO-008",
	      "300 times a LOOKUP and a FORGET in flight, on two queues",
	      "the node that LOOKUP answered is known; a last FORGET drops it", "forget-drops",
	      race),
	CHECK("side-by-side", "both queues are served at once",
	      "VIRTIO-FS-QUEUE-028 VIRTIO-FS-HIPRIO-002",
	      "10 times 32 GETATTRs and 32 FORGETs in flight", "all are used",
	      "used-never:after=300 ring-stuck:0", side_by_side),
};

const struct check_area area_hiprio = { "hiprio", "The high priority queue", checks,
					ARRAY_SIZE(checks) };
