// SPDX-License-Identifier: Apache-2.0
/* Rings and chains that make no sense, and guest memory that goes away: the reference device lives. Needs no guest. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conformance/front/split.h"
#include "conformance/test/refdev.h"

#define RING_WORDS                                                                 \
	"--socket-path={dir}/socket", "--shared-dir={share}", "--keep", "--xattr", \
		"--counters={dir}/counters", "--log-level=debug"

static const struct daemon_row ring_rows[] = {
	{ .id = "split", .program = "virtiofs-refdev", .words = { RING_WORDS } },
	{ .id = "packed",
	  .program = "virtiofs-refdev",
	  .words = { RING_WORDS, "--threads=4" },
	  .packed = true },
	{ .id = "split, threads, polling",
	  .program = "virtiofs-refdev",
	  .words = { RING_WORDS, "--threads=4", "--poll=500" },
	  .features_off = NO_EVENT },
	{ .id = "packed, no events",
	  .program = "virtiofs-refdev",
	  .words = { RING_WORDS },
	  .packed = true,
	  .features_off = NO_EVENT },
};

/* A GETATTR of the root as the pieces of a chain can refer to it. */
struct message {
	struct front_buf *in;
	struct front_buf *out;
	struct front_buf *table;
	uint64_t nowhere;
};

#define IN_BYTES  (sizeof(struct fuse_in_header) + sizeof(struct fuse_getattr_in))
#define OUT_BYTES (sizeof(struct fuse_out_header) + sizeof(struct fuse_attr_out))
/* Entries of the table: more than the ring of 16 has. */
#define TABLE_MAX 20
#define RING_SIZE 16

static int message_new(struct rig *r, struct message *m)
{
	struct fuse_in_header h = {
		.len = IN_BYTES, .opcode = FUSE_GETATTR, .unique = 99, .nodeid = FRONT_ROOT
	};

	m->in = front_buf_new(r->f->memory, IN_BYTES);
	m->out = front_buf_new(r->f->memory, OUT_BYTES);
	m->table = front_buf_new(r->f->memory, TABLE_MAX * sizeof(struct vring_desc));
	m->nowhere = front_guest_nowhere(r->f->memory);
	CHECK(&r->t, m->in && m->out && m->table);
	memset(m->in->at, 0, m->in->size);
	memset(m->table->at, 0, m->table->size);
	memcpy(m->in->at, &h, sizeof(h));
	return 0;
}

static void message_free(struct rig *r, struct message *m)
{
	front_buf_free(r->f->memory, m->in);
	front_buf_free(r->f->memory, m->out);
	front_buf_free(r->f->memory, m->table);
}

enum place { IN, OUT, NOWHERE, TABLE };

struct piece {
	enum place place;
	uint32_t len;
	uint16_t flags;
	int next; /* of a split chain: index in the list, -1: the one after; or any number of a descriptor */
};

#define W	   VRING_DESC_F_WRITE
#define N	   VRING_DESC_F_NEXT
#define I	   VRING_DESC_F_INDIRECT
#define PIECES_MAX 6

/* What becomes of it. */
enum fate {
	ANSWERED, /* with a FUSE error */
	EMPTY,	  /* used, with nothing in it */
	BROKEN,	  /* the ring is left alone until it is reset */
};

static uint64_t address(const struct message *m, enum place place)
{
	switch (place) {
	case IN: return m->in->guest;
	case OUT: return m->out->guest;
	case TABLE: return m->table->guest;
	default: return m->nowhere;
	}
}

/* Until something was used, and the driver was told of it. */
static int wait_used(struct rig *r, uint32_t *ret_len)
{
	struct front_ring *ring = &r->f->ring[1];
	struct front_used used;
	uint64_t deadline = clock_deadline_ms(2000);

	while (!front_ring_arm(ring) && clock_now_ns() < deadline) {
		struct pollfd p = { .fd = ring->call_fd, .events = POLLIN };

		if (poll(&p, 1, 100) > 0)
			(void)front_ring_take_calls(ring);
		/* Nobody has called: if it is there now, that is a lost call. */
		else if (front_ring_arm(ring))
			return -ENOMSG;
	}
	if (front_ring_pop(ring, &used) != 1)
		return -ETIMEDOUT;
	*ret_len = used.len;
	return 0;
}

static int check_fate(struct rig *r, const struct message *m, enum fate fate)
{
	struct fuse_out_header h;
	uint32_t len = 0;

	if (fate == BROKEN) {
		struct pollfd p = { .fd = r->f->ring[1].err_fd, .events = POLLIN };

		CHECK(&r->t, poll(&p, 1, 2000) == 1);
		return 0;
	}
	CHECK(&r->t, wait_used(r, &len) == 0);
	CHECK(&r->t, len == (fate == EMPTY ? 0 : sizeof(h)));
	memcpy(&h, m->out->at, sizeof(h));
	CHECK(&r->t, fate == EMPTY || (h.len == sizeof(h) && h.error < 0 && h.unique == 99));
	return 0;
}

/* It serves what comes behind, or at least after a reset. */
static int check_alive(struct rig *r, bool reset)
{
	struct fuse_attr_out a;

	if (reset) {
		CHECK(&r->t, front_reset(r->f, &r->t.err) == 0);
		CHECK(&r->t, front_start(r->f, &r->t.err) == 0);
		CHECK(&r->t, front_init(r->f, 0, NULL) == 0);
	}
	CHECK(&r->t, front_getattr(r->f, FRONT_ROOT, NULL, &a) == 0);
	CHECK(&r->t, front_evidence_count(r->f->evidence) == 0);
	return 0;
}

/* ---- lists of pieces: any ring can have them ---- */

static const struct {
	struct piece piece[PIECES_MAX];
	enum fate fate;
	const char *log;
} bad_lists[] = {
	{ { { IN, IN_BYTES, 0, 0 }, { NOWHERE, 100, W, 0 } },
	  EMPTY,
	  "writes where there is no guest" },
	{ { { NOWHERE, IN_BYTES, 0, 0 }, { OUT, OUT_BYTES, W, 0 } },
	  EMPTY,
	  "reads where there is no" },
	{ { { IN, 40, 0, 0 }, { NOWHERE, 16, 0, 0 }, { OUT, OUT_BYTES, W, 0 } },
	  EMPTY,
	  "reads where" },
	{ { { IN, IN_BYTES, 0, 0 }, { OUT, 16, W, 0 }, { NOWHERE, 100, W, 0 } },
	  ANSWERED,
	  "writes where" },
	{ { { IN, IN_BYTES, 0, 0 }, { OUT, UINT32_MAX, W, 0 }, { OUT, UINT32_MAX, W, 0 } },
	  ANSWERED,
	  "served" },
	{ { { IN, UINT32_MAX, 0, 0 }, { OUT, OUT_BYTES, W, 0 } }, EMPTY, "reads where" },
	{ { { OUT, OUT_BYTES, W, 0 }, { IN, IN_BYTES, 0, 0 } },
	  EMPTY,
	  "readable descriptor follows" },
	{ { { IN, IN_BYTES, 0, 0 } }, EMPTY, NULL },
	{ { { OUT, OUT_BYTES, W, 0 } }, EMPTY, NULL },
	{ { { IN, IN_BYTES, 0, 0 }, { OUT, 15, W, 0 } }, EMPTY, NULL },
	{ { { IN, IN_BYTES, 0, 0 }, { OUT, 16, W, 0 } }, ANSWERED, NULL },
	{ { { IN, 39, 0, 0 }, { OUT, OUT_BYTES, W, 0 } }, EMPTY, NULL },
	{ { { IN, 41, 0, 0 }, { OUT, OUT_BYTES, W, 0 } }, ANSWERED, NULL },
	{ { { IN, 0, 0, 0 }, { OUT, 0, W, 0 }, { IN, 0, 0, 0 } }, EMPTY, NULL },
};

static int run_lists(struct rig *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_lists); i++) {
		struct front_span spans[PIECES_MAX];
		struct message m;
		unsigned count = 0;

		for (int table = 0; table < 2; table++) {
			CHECK(&r->t, message_new(r, &m) == 0);
			for (count = 0; count < PIECES_MAX; count++) {
				const struct piece *p = &bad_lists[i].piece[count];

				if (count > 0 && !p->len && !p->place && !p->flags)
					break;
				spans[count] = (struct front_span){ address(&m, p->place), p->len,
								    p->flags };
			}
			CHECK(&r->t, front_ring_add(&r->f->ring[1], spans, table ? 0 : count, spans,
						    table ? count : 0, NULL, NULL) == 0);
			(void)front_ring_kick(&r->f->ring[1]);
			CHECK(&r->t, check_fate(r, &m, bad_lists[i].fate) == 0);
			CHECK(&r->t, !bad_lists[i].log || log_has(r, bad_lists[i].log));
			message_free(r, &m);
			CHECK(&r->t, check_alive(r, false) == 0);
		}
	}
	return 0;
}

/* ---- indirect tables ---- */

static int offer_table(struct rig *r, struct message *m, uint32_t len, uint64_t at, uint16_t flags)
{
	struct front_span span = { at, len, (uint16_t)(I | flags) };
	uint16_t id;

	CHECK(&r->t, front_ring_add(&r->f->ring[1], &span, 1, NULL, 0, NULL, &id) == 0);
	(void)front_ring_kick(&r->f->ring[1]);
	CHECK(&r->t, check_fate(r, m, EMPTY) == 0);
	message_free(r, m);
	return check_alive(r, false);
}

static int run_tables(struct rig *r)
{
	static const uint32_t lengths[] = {
		0, 1, 15, 17, (RING_SIZE + 1) * 16, UINT32_MAX, UINT32_MAX - 15
	};
	struct message m;

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		CHECK(&r->t, message_new(r, &m) == 0);
		CHECK(&r->t, offer_table(r, &m, lengths[i], m.table->guest, 0) == 0);
	}
	CHECK(&r->t,
	      log_has(r, "whole number of descriptors") && log_has(r, "longer than the queue"));
	CHECK(&r->t, message_new(r, &m) == 0);
	CHECK(&r->t, offer_table(r, &m, 32, m.nowhere, 0) == 0);
	CHECK(&r->t, log_has(r, "table is not in guest memory"));
	/* All of it zeros, which is guest address 0. */
	CHECK(&r->t, message_new(r, &m) == 0);
	return offer_table(r, &m, 32, m.table->guest, 0);
}

/* ---- split rings, descriptor by descriptor ---- */

static const struct {
	struct piece piece[PIECES_MAX]; /* in the ring */
	struct piece table[PIECES_MAX];
	enum fate fate;
	const char *log;
} bad_chains[] = {
	{ { { IN, IN_BYTES, N, 0 } }, { { 0 } }, EMPTY, "it has a loop" },
	{ { { IN, IN_BYTES, N, -1 }, { OUT, OUT_BYTES, N | W, 0 } },
	  { { 0 } },
	  ANSWERED,
	  "readable descriptor follows" },
	{ { { IN, IN_BYTES, N, -1 }, { IN, IN_BYTES, N, 0 } }, { { 0 } }, EMPTY, "it has a loop" },
	{ { { IN, IN_BYTES, N, -1 }, { OUT, 16, N | W, 1 } }, { { 0 } }, ANSWERED, "loop" },
	{ { { IN, IN_BYTES, N, RING_SIZE } }, { { 0 } }, EMPTY, "beyond the queue" },
	{ { { IN, IN_BYTES, N, UINT16_MAX } }, { { 0 } }, EMPTY, "beyond the queue" },
	{ { { TABLE, 32, I | N, -1 }, { OUT, OUT_BYTES, W, 0 } },
	  { { 0 } },
	  EMPTY,
	  "has a next one" },
	{ { { TABLE, 32, I, 0 } }, { { TABLE, 32, I, 0 } }, EMPTY, "refers to another" },
	{ { { TABLE, 32, I, 0 } },
	  { { IN, IN_BYTES, N, 1 }, { OUT, 16, N | W, 1 } },
	  ANSWERED,
	  "table has a loop" },
	{ { { TABLE, 32, I, 0 } },
	  { { IN, IN_BYTES, N, 2 }, { OUT, 16, W, 0 } },
	  EMPTY,
	  "beyond the table" },
};

static int offer_chain(struct rig *r, size_t which, const struct message *m)
{
	struct front_ring *ring = &r->f->ring[1];
	struct vring_desc *table = (void *)m->table->at;
	int at[PIECES_MAX];
	unsigned count = 0;

	while (count < PIECES_MAX && bad_chains[which].piece[count].len) {
		at[count] = front_split_take(ring);
		CHECK(&r->t, at[count++] >= 0);
	}
	for (unsigned i = 0; i < count; i++) {
		const struct piece *p = &bad_chains[which].piece[i];
		int next = p->next;

		if (next < 0)
			next = at[i + 1];
		else if (next < (int)count)
			next = at[next];
		front_split_write(ring, (uint16_t)at[i], address(m, p->place), p->len, p->flags,
				  (uint16_t)next);
	}
	for (unsigned i = 0; i < PIECES_MAX; i++) {
		const struct piece *p = &bad_chains[which].table[i];

		table[i] = (struct vring_desc){ address(m, p->place), p->len, p->flags,
						(uint16_t)p->next };
	}
	front_split_offer(ring, (uint16_t)at[0]);
	front_ring_expect(ring, (uint16_t)at[0], 1, OUT_BYTES, NULL);
	front_ring_publish(ring);
	front_ring_kick_anyway(ring);
	return 0;
}

static int run_chains(struct rig *r)
{
	if (r->f->options.packed)
		return 0; /* it has no next */
	for (size_t i = 0; i < ARRAY_SIZE(bad_chains); i++) {
		struct message m;

		CHECK(&r->t, message_new(r, &m) == 0 && offer_chain(r, i, &m) == 0);
		CHECK(&r->t, check_fate(r, &m, bad_chains[i].fate) == 0);
		CHECK(&r->t, !bad_chains[i].log || log_has(r, bad_chains[i].log));
		message_free(r, &m);
		/* The front end has lost count of the descriptors. */
		CHECK(&r->t, check_alive(r, true) == 0);
	}
	return 0;
}

/* ---- rings ---- */

static int run_rings(struct rig *r)
{
	struct front_ring *ring = &r->f->ring[1];
	struct message m = { 0 };

	if (r->f->options.packed)
		return 0;
	front_split_set_index(ring, (uint16_t)(ring->avail_idx + RING_SIZE + 1));
	front_ring_kick_anyway(ring);
	CHECK(&r->t, check_fate(r, &m, BROKEN) == 0 && log_has(r, "jumped"));
	CHECK(&r->t, check_alive(r, true) == 0);
	front_split_offer(ring, RING_SIZE);
	front_ring_publish(ring);
	front_ring_kick_anyway(ring);
	CHECK(&r->t, check_fate(r, &m, BROKEN) == 0 && log_has(r, "a head is beyond"));
	/* Not even then does another queue suffer. */
	CHECK(&r->t, front_forget(r->f, 4711, 1) == 0);
	return check_alive(r, true);
}

/* ---- memory that goes away ---- */

#define LOAD 8

/* The region with the messages is taken away while they are served, and given back. */
static int run_memory(struct rig *r)
{
	const struct front_region *region = &r->f->memory->region[1];
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	for (int i = 0; i < 60; i++) {
		struct front_request *q[LOAD];

		for (unsigned j = 0; j < LOAD; j++) {
			CHECK(&r->t, front_prepare(r->f, &op, &q[j]) == 0);
			q[j]->raw = true;
			CHECK(&r->t, front_enqueue(q[j]) == 0);
		}
		/* Before it is looked at, or about then. */
		if (i % 2)
			front_kick(r->f, 1);
		CHECK(&r->t, front_rem_mem_reg(&r->f->channel, &region->wire) == 0);
		if (i % 2 == 0)
			front_kick(r->f, 1);
		for (unsigned j = 0; j < LOAD; j++) {
			int e = front_wait(q[j], front_deadline(r->f));

			CHECK(&r->t, e != FRONT_TIMEOUT && e != FRONT_GONE);
		}
		for (unsigned j = 0; j < LOAD; j++)
			front_request_free(q[j]);
		CHECK(&r->t, front_add_mem_reg(&r->f->channel, &region->wire, region->fd) == 0);
		CHECK(&r->t, check_alive(r, false) == 0);
	}
	CHECK(&r->t,
	      log_has(r, "there is no guest memory") || log_has(r, "table is not in guest memory"));
	return 0;
}

/* The region with the rings. */
static int run_ring_memory(struct rig *r)
{
	const struct front_region *region = &r->f->memory->region[0];
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct front_request *q;

	for (int i = 0; i < 10; i++) {
		CHECK(&r->t, front_rem_mem_reg(&r->f->channel, &region->wire) == 0);
		CHECK(&r->t, submit(r->f, &op, &q) == 0);
		front_ring_kick_anyway(&r->f->ring[1]);
		CHECK(&r->t, check_fate(r, NULL, BROKEN) == 0);
		CHECK(&r->t, log_has(r, "not in guest memory any more"));
		CHECK(&r->t, front_add_mem_reg(&r->f->channel, &region->wire, region->fd) == 0);
		CHECK(&r->t, front_reset(r->f, &r->t.err) == 0);
		front_request_free(q);
		CHECK(&r->t, front_start(r->f, &r->t.err) == 0);
		CHECK(&r->t, front_init(r->f, 0, NULL) == 0 && check_alive(r, false) == 0);
		(void)front_ring_take_calls(&r->f->ring[1]);
	}
	return 0;
}

static void on_rings(int (*run)(struct rig *r))
{
	static const struct front_options o = { .ring_size = RING_SIZE };

	for (size_t i = 0; i < ARRAY_SIZE(ring_rows); i++) {
		struct rig r;
		int e = rig_open(&r, &ring_rows[i], &o);

		if (e == 0)
			e = run(&r);
		assert_int_equal(rig_close(&r, e), 0);
	}
}

#define TEST(name)                     \
	static void name(void **state) \
	{                              \
		(void)state;           \
		on_rings(run_##name);  \
	}
TEST(lists)
TEST(tables)
TEST(chains)
TEST(rings)
TEST(memory)
TEST(ring_memory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists), cmocka_unit_test(tables), cmocka_unit_test(chains),
		cmocka_unit_test(rings), cmocka_unit_test(memory), cmocka_unit_test(ring_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
