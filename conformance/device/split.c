// SPDX-License-Identifier: Apache-2.0
/* Split virtqueues as a good driver uses them. */
#include "conformance/device/areas.h"
#include "conformance/device/rawchain.h"

#define W VRING_DESC_F_WRITE
#define N VRING_DESC_F_NEXT

/* More than a 16-bit index counts. */
#define MANY	  66000
#define NEAR_WRAP 65530

static void wrap_counted(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	for (unsigned done = 0; done < MANY; done += BATCH_MAX)
		WANT(rings_batch(r, &op, BATCH_MAX));
	WANT_RANGE(r, 65536, UINT64_MAX, "requests that came back", r->f->ring[1].popped);
}

static void wrap_base(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	WANT(rings_again(r, 8, NEAR_WRAP));
	for (unsigned i = 0; i < 20; i++)
		WANT_OK(r, "GETATTR across index 65535", rings_within(r->f, &op, MEANWHILE_MS));
	WANT(rings_batch(r, &op, 8));
	WANT_OK(r, "FORGET across index 65535", front_forget(r->f, 4711, 1));
}

static void sizes(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	for (unsigned size = 8; size <= 1024; size *= 2) {
		WANT(rings_again(r, size, 0));
		for (unsigned i = 0; i < 3; i++)
			WANT(rings_batch(r, &op, size < BATCH_MAX ? size : BATCH_MAX));
		WANT_OK(r, "FORGET", front_forget(r->f, 4711, 1));
	}
}

/* A limit below 32768 is the device's right; to take a size and not to serve it is not. */
static void sizes_large(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct err err = { "" };

	NEED(r, front_has_protocol(r->f, VHOST_USER_PROTOCOL_F_REPLY_ACK),
	     "vhost-user protocol feature REPLY_ACK");
	for (unsigned size = 2048; size <= 32768; size *= 2) {
		WANT_THAT(r, front_stop(r->f, &err) == 0, "rings can be stopped", "%s", err.text);
		if (front_set_vring_num(&r->f->channel, 1, size) == -EREMOTEIO) {
			r->f->kept = true;
			WANT_THAT(r, front_start(r->f, &err) == 0,
				  "rings can be started after a size was refused", "%s", err.text);
			break;
		}
		WANT_THAT(r, front_start(r->f, &err) == 0, "rings can be started", "%s", err.text);
		WANT(rings_again(r, size, 0));
		WANT(rings_batch(r, &op, BATCH_MAX));
	}
	WANT(check_alive(r));
}

/* Descriptors of a chain lie anywhere, and those in between belong to nobody. */
static void any_descriptors(struct check_run *r)
{
	struct front_ring *ring = &r->f->ring[1];
	static const uint16_t order[4] = { 77, 3, 127, 40 };
	static const struct {
		enum raw_place place;
		uint32_t at, len;
		uint16_t flags;
	} piece[4] = { { RAW_AT_IN, 0, 40, N },
		       { RAW_AT_IN, 40, 16, N },
		       { RAW_AT_OUT, 0, 16, W | N },
		       { RAW_AT_OUT, 16, RAW_OUT - 16, W } };
	struct fuse_out_header h;
	struct raw m;
	uint32_t len;

	WANT(raw_new(r, &m));
	for (unsigned i = 0; i < 128; i++)
		front_split_write(ring, (uint16_t)i, front_guest_nowhere(r->f->memory), UINT32_MAX,
				  N, UINT16_MAX);
	/* What stands in `next` of the last one means nothing: it has no NEXT. */
	for (unsigned i = 0; i < 4; i++)
		front_split_write(ring, order[i],
				  raw_address(r->f, &m, piece[i].place) + piece[i].at, piece[i].len,
				  piece[i].flags, i < 3 ? order[i + 1] : 0xbeef);
	/* One is given back when the chain is. */
	WANT(check_host(r, "a free descriptor", front_split_take(ring)));
	front_split_offer(ring, order[0]);
	front_ring_expect(ring, order[0], 1, RAW_OUT, NULL);
	front_ring_publish(ring);
	front_ring_kick_anyway(ring);
	WANT_THAT(r, raw_wait(r, 1, &len) == RAW_USED, "a chain of 77, 3, 127, 40 is used",
		  "it was not");
	WANT_SAME(r, RAW_OUT, "used length", len);
	memcpy(&h, m.out->at, sizeof(h));
	WANT_SAME(r, 0, "error of the reply", (uint64_t)-h.error);
	WANT_SAME(r, m.unique, "unique of the reply", h.unique);
	WANT(raw_renew(r));
}

static void batches(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	for (unsigned count = 1; count <= 128; count += count < 10 ? 1 : 17)
		WANT(rings_batch(r, &op, count));
}

/* Every descriptor of the ring is in use; then every one again. */
static void full_ring(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	r->f->layout.kind = FRONT_CHAIN_DIRECT;
	for (unsigned i = 0; i < 10; i++) {
		/* Four descriptors each. */
		r->f->layout = (struct front_layout){ .kind = FRONT_CHAIN_DIRECT };
		WANT(rings_batch(r, &op, 32));
		/* 56 and 8: a chain as long as the queue, and one half as long. */
		r->f->layout.in_every = 1;
		r->f->layout.out_every = 15;
		WANT(rings_batch(r, &op, 2));
	}
}

static void out_of_order(struct check_run *r)
{
	CLEANUP(held_end) struct held h = HELD_NONE;
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	WANT(held_begin(r, &h, "file", 1));
	for (unsigned i = 0; i < 20; i++)
		WANT_OK(r, "GETATTR behind an OPEN that is held back",
			rings_within(r->f, &op, MEANWHILE_MS));
	WANT_THAT(r, h.open->state == FRONT_IN_FLIGHT, "the OPEN is in flight still", "it is not");
	WANT(held_let(r, &h));
}

static void used_once(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	uint64_t before = r->f->ring[1].popped;

	for (unsigned i = 0; i < 40; i++)
		WANT(rings_batch(r, &op, 1 + i * 29 % 128));
	(void)front_poll(r->f);
	WANT_SAME(r, r->f->ring[1].added - before, "chains that came back",
		  r->f->ring[1].popped - before);
	WANT_SAME(r, 0, "used elements of chains that were not in flight",
		  front_evidence_of(r->f->evidence, FRONT_FAULT_USED_ID));
}

/* A write to anything that is the driver's own would be evidence. */
static void write_all_kinds(struct check_run *r, enum front_fault kind, const char *what)
{
	static const enum front_chain_kind kinds[] = { FRONT_CHAIN_DIRECT, FRONT_CHAIN_AUTO };
	static const uint8_t data[3000];
	struct fuse_entry_out e;
	struct fuse_open_out o;
	uint32_t done;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char name[] = { 'f', (char)('0' + i), '\0' };

		r->f->layout.kind = kinds[i];
		WANT_OK(r, "CREATE",
			front_create(r->f, FRONT_ROOT, name, O_RDWR, S_IFREG | 0644, &e, &o));
		WANT_OK(r, "WRITE",
			front_write(r->f, e.nodeid, o.fh, 0, data, sizeof(data), &done));
		WANT_OK(r, "FSYNC", front_fsync(r->f, e.nodeid, o.fh, false));
		WANT_OK(r, "RELEASE", front_release(r->f, e.nodeid, o.fh, O_RDWR));
		WANT_OK(r, "FORGET", front_forget(r->f, e.nodeid, 1));
	}
	WANT_SAME(r, 0, what, front_evidence_of(r->f->evidence, kind));
}

static void readable_untouched(struct check_run *r)
{
	write_all_kinds(r, FRONT_FAULT_READABLE_WRITTEN, "readable buffers that were written");
}

static void table_untouched(struct check_run *r)
{
	write_all_kinds(r, FRONT_FAULT_DESC_WRITTEN, "descriptors that were written");
}

/* All parts of a ring lie elsewhere when it starts again. */
static void moved(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	uint64_t before = r->f->ring[1].part[0]->guest;

	for (unsigned i = 0; i < 4; i++) {
		/* What is taken in between keeps the old place from being used again. */
		struct front_buf *b = front_buf_new_ring(r->f->memory, 4096, 4096);

		WANT(check_host(r, "guest memory", b ? 0 : -ENOMEM));
		WANT(rings_again(r, i % 2 ? 128 : 64, 0));
		WANT(rings_batch(r, &op, 32));
	}
	WANT_THAT(r, before != r->f->ring[1].part[0]->guest, "another place", "the same");
}

/* The last byte of a reply is the last of its region. */
static void at_the_edge(struct check_run *r)
{
	struct front_buf *edge = front_buf_new_edge(r->f->memory, 1, RAW_OUT);
	struct front_span span[2];
	struct fuse_out_header h;
	struct raw m;
	uint32_t len = 0;

	WANT(raw_new(r, &m));
	WANT(check_host(r, "guest memory", edge ? 0 : -ENOMEM));
	front_buf_poison(edge);
	span[0] = (struct front_span){ m.in->guest, RAW_IN, 0 };
	span[1] = (struct front_span){ edge->guest, RAW_OUT, VRING_DESC_F_WRITE };
	WANT_SAME(r, 0, "room in the ring",
		  (uint64_t)-front_ring_add(&r->f->ring[1], span, 2, NULL, 0, NULL, NULL));
	front_ring_publish(&r->f->ring[1]);
	front_ring_kick_anyway(&r->f->ring[1]);
	WANT_THAT(r, raw_wait(r, 1, &len) == RAW_USED, "it is used", "it is not");
	memcpy(&h, edge->at, sizeof(h));
	WANT_SAME(r, RAW_OUT, "used length", len);
	WANT_SAME(r, m.unique, "unique", h.unique);
	WANT_SAME(r, 0, "error", (uint64_t)-h.error);
	WANT(check_alive(r));
}

static const struct front_options big_ring = { .ring_size = 256 };
static const struct front_options big_memory = {
	.memory = { .regions = 2, .region_bytes = { 64 * MIB, 64 * MIB } }
};

static const struct check checks[] = {
	{
		.id = "split.wrap-counted",
		.title = "ring indices wrap at 65536",
		.rows = "VIRTIO-FS-QUEUE-028 VIRTIO-VQ-013",
		.sends = "66000 GETATTRs in batches of 256",
		.wants = "all succeed, and each is used once",
		.catches = "avail-no-wrap used-never:after=65600",
		.front = &big_ring,
		.run = wrap_counted,
	},
	{
		.id = "split.wrap-base",
		.title = "a ring that starts below index 65536 goes on behind it",
		.rows = "VIRTIO-FS-QUEUE-028 VIRTIO-VQ-013",
		.sends =
			"rings of 8 from SET_VRING_BASE 65530; 20 GETATTRs, a batch of 8, a FORGET",
		.wants = "all succeed",
		.catches = "avail-no-wrap",
		.run = wrap_base,
	},
	{
		.id = "split.sizes",
		.title = "queue sizes from 8 to 1024 work",
		.rows = "VIRTIO-VQ-024",
		.sends = "SET_VRING_NUM of 8, 16 to 1024; batches that fill them",
		.wants = "all succeed",
		.catches = "queue-size",
		.front = &big_memory,
		.run = sizes,
	},
	{
		.id = "split.sizes-large",
		.title = "queue sizes from 2048 to 32768 work or are refused",
		.rows = "VIRTIO-VQ-024",
		.sends = "SET_VRING_NUM of 2048 to 32768 with need_reply",
		.wants = "an acknowledgement that it failed, or batches that succeed",
		.catches = "used-never:after=20",
		.front = &big_memory,
		.run = sizes_large,
	},
	{
		.id = "split.any-descriptors",
		.title = "a chain may use any descriptors, in any order",
		.rows = "VIRTIO-VQ-002",
		.sends =
			"a GETATTR in descriptors 77, 3, 127, 40; all others hold garbage, as does "
			"next where NEXT is not set",
		.wants = "success, with the used length of the whole reply",
		.catches = "next-unflagged used-len-header:op=GETATTR",
		.run = any_descriptors,
	},
	{
		.id = "split.batches",
		.title = "any number of requests is seen by one index and one kick",
		.rows = "VIRTIO-FS-QUEUE-028",
		.sends = "batches of 1 to 128 GETATTRs, one update of the index, one kick",
		.wants = "all succeed",
		.catches = "used-never:after=300",
		.run = batches,
	},
	{
		.id = "split.full-ring",
		.title = "a ring whose descriptors are all in use is served",
		.rows = "VIRTIO-FS-QUEUE-028 VIRTIO-VQ-002",
		.sends = "32 chains of 4 in a ring of 128; 2 chains of 64; ten times",
		.wants = "all succeed",
		.catches = "used-never:after=300 header-split",
		.run = full_ring,
	},
	{
		.id = "split.out-of-order",
		.title = "a blocked request does not hold back others of its queue",
		.rows = "VIRTIO-FS-QUEUE-029",
		.sends = "an OPEN that a lease holds back, then 20 GETATTRs in the same queue",
		.wants = "the GETATTRs are used while the OPEN is in flight; then the OPEN",
		.catches = "used-head:op=GETATTR used-never:op=OPEN",
		.options = CHECK_THREADS4,
		.run = out_of_order,
	},
	{
		.id = "split.used-once",
		.title = "each chain is used exactly once, by its own head",
		.rows = "VIRTIO-FS-QUEUE-028",
		.sends = "40 batches of 1 to 128 GETATTRs",
		.wants = "as many used elements as chains, each of a chain in flight",
		.catches = "used-twice used-head:op=GETATTR used-never:op=GETATTR:after=50",
		.run = used_once,
	},
	{
		.id = "split.readable-untouched",
		.title = "a readable buffer is never written",
		.rows = "VIRTIO-VQ-005",
		.sends = "CREATE, WRITE, FSYNC, RELEASE, FORGET, directly and by tables",
		.wants = "all readable bytes are what they were",
		.catches = "request-written",
		.run = readable_untouched,
	},
	{
		.id = "split.table-untouched",
		.title = "a descriptor is never written",
		.rows = "VIRTIO-VQ-006",
		.sends = "CREATE, WRITE, FSYNC, RELEASE, FORGET, directly and by tables",
		.wants = "all descriptors are what they were",
		.catches = "desc-written",
		.run = table_untouched,
	},
	{
		.id = "split.region-end",
		.title = "a buffer may end where its memory region ends",
		.rows = "VU-005 VIRTIO-FS-QUEUE-002",
		.sends = "a GETATTR whose last writable byte is the last of the region",
		.wants = "success, with the used length of the whole reply",
		.catches = "error:GETATTR:EIO used-len-header:op=GETATTR",
		.run = at_the_edge,
	},
	{
		.id = "split.moved",
		.title = "a ring that was stopped may start again elsewhere",
		.rows = "VU-003 VIRTIO-FS-MIG-010",
		.sends = "GET_VRING_BASE, then another place and another size; four times",
		.wants = "batches of 32 succeed after each",
		.catches = "used-never:after=70",
		.run = moved,
	},
};

const struct check_area area_split = { "split", "Split virtqueues", checks, ARRAY_SIZE(checks) };
