// SPDX-License-Identifier: Apache-2.0
/* Chains of descriptors that no driver may make: the device lives, and writes nowhere else. */
#include "conformance/device/areas.h"
#include "conformance/device/rawchain.h"

#define W	   VRING_DESC_F_WRITE
#define N	   VRING_DESC_F_NEXT
#define PIECES_MAX 6
#define RING_SIZE  128
/* Chains of a flood; where each stops its ring. */
#define FLOOD	      50
#define FLOOD_STOPPED 5

/* One chain; rows of the same id belong to one check. */
struct bad_chain {
	const char *id;
	struct raw_piece piece[PIECES_MAX];
	bool refused; /* it must not be answered with success; else all that is asked for lies in memory */
	bool back; /* it must be used: the ring has no fault */
};

/* clang-format off */
static const struct bad_chain chains[] = {
	{ "chains.next-beyond",
	  { { RAW_AT_IN, RAW_IN, N, RAW_NUMBER(RING_SIZE) } }, true, false },
	{ "chains.next-beyond",
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT },
	    { RAW_AT_OUT, RAW_OUT, W | N, RAW_NUMBER(UINT16_MAX) } }, false, false },
	{ "chains.loop-self",
	  { { RAW_AT_IN, RAW_IN, N, 0 } }, true, false },
	{ "chains.loop-two",
	  { { RAW_AT_IN, 40, N, RAW_NEXT }, { RAW_AT_IN, 16, N, 0 } }, true, false },
	{ "chains.loop-writable",
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT }, { RAW_AT_OUT, RAW_OUT, W | N, 1 } }, false, false },
	{ "chains.address-of-header",
	  { { RAW_AT_NOWHERE, RAW_IN, N, RAW_NEXT }, { RAW_AT_OUT, RAW_OUT, W, 0 } }, true, false },
	{ "chains.address-of-arguments",
	  { { RAW_AT_IN, 40, N, RAW_NEXT }, { RAW_AT_NOWHERE, 16, N, RAW_NEXT },
	    { RAW_AT_OUT, RAW_OUT, W, 0 } }, true, false },
	{ "chains.address-of-reply",
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT }, { RAW_AT_NOWHERE, RAW_OUT, W, 0 } }, true, false },
	{ "chains.address-of-payload",
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT }, { RAW_AT_OUT, 16, W | N, RAW_NEXT },
	    { RAW_AT_NOWHERE, 104, W, 0 } }, true, false },
	{ "chains.address-wraps",
	  { { RAW_AT_WRAP, 4096, N, RAW_NEXT }, { RAW_AT_OUT, RAW_OUT, W, 0 } }, true, false },
	{ "chains.address-wraps",
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT }, { RAW_AT_WRAP, 4096, W, 0 } }, true, false },
	{ "chains.length-beyond",
	  { { RAW_AT_IN, UINT32_MAX, N, RAW_NEXT }, { RAW_AT_OUT, RAW_OUT, W, 0 } }, true, false },
	{ "chains.length-beyond",
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT }, { RAW_AT_OUT, UINT32_MAX, W, 0 } }, false, false },
	{ "chains.length-sum",
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT }, { RAW_AT_OUT, UINT32_MAX, W | N, RAW_NEXT },
	    { RAW_AT_OUT, UINT32_MAX, W, 0 } }, false, false },
	{ "chains.writable-first",
	  { { RAW_AT_OUT, RAW_OUT, W | N, RAW_NEXT }, { RAW_AT_IN, RAW_IN, 0, 0 } }, false, false },
	{ "chains.writable-between",
	  { { RAW_AT_IN, 40, N, RAW_NEXT }, { RAW_AT_OUT, RAW_OUT, W | N, RAW_NEXT },
	    { RAW_AT_IN, 16, 0, 0 } }, false, false },
	{ "chains.no-writable",
	  { { RAW_AT_IN, RAW_IN, 0, 0 } }, true, true },
	{ "chains.no-readable",
	  { { RAW_AT_OUT, RAW_OUT, W, 0 } }, true, true },
	{ "chains.room-no-header",
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT }, { RAW_AT_OUT, 1, W, 0 } }, true, true },
	{ "chains.room-no-header",
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT }, { RAW_AT_OUT, 8, W, 0 } }, true, true },
	{ "chains.room-no-header",
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT }, { RAW_AT_OUT, 15, W, 0 } }, true, true },
	{ "chains.room-no-payload",
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT }, { RAW_AT_OUT, 16, W, 0 } }, true, true },
	{ "chains.room-no-payload",
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT }, { RAW_AT_OUT, RAW_OUT - 1, W, 0 } }, true, true },
	{ "chains.header-short",
	  { { RAW_AT_IN, 1, N, RAW_NEXT }, { RAW_AT_OUT, RAW_OUT, W, 0 } }, true, true },
	{ "chains.header-short",
	  { { RAW_AT_IN, 16, N, RAW_NEXT }, { RAW_AT_OUT, RAW_OUT, W, 0 } }, true, true },
	{ "chains.header-short",
	  { { RAW_AT_IN, 39, N, RAW_NEXT }, { RAW_AT_OUT, RAW_OUT, W, 0 } }, true, true },
};
/* clang-format on */

/* Room that the list gives, which is what a used length may say at most. */
static uint64_t room_of(const struct bad_chain *b)
{
	uint64_t room = 0;

	for (unsigned i = 0; i < PIECES_MAX; i++)
		if (b->piece[i].flags & W)
			room += b->piece[i].len;
	return room;
}

static bool try_chain(struct check_run *r, const struct bad_chain *b)
{
	struct fuse_out_header h;
	enum raw_fate fate;
	struct raw m;
	uint32_t len;

	if (!raw_new(r, &m) || raw_offer(r, 1, &m, b->piece, PIECES_MAX) < 0)
		return false;
	fate = raw_wait(r, 1, &len);
	if (fate == RAW_USED && !check_range(r, 0, room_of(b), "used length", len))
		return false;
	if (!raw_checked(r, &m, room_of(b)))
		return false;
	if (b->back && fate != RAW_GONE &&
	    !check_that(r, fate == RAW_USED, "the chain is used", "it is not"))
		return false;
	memcpy(&h, m.out->at, sizeof(h));
	if (b->refused && len >= sizeof(h) &&
	    !check_that(r, h.error != 0, "no success for a chain that cannot be served",
			"used length %u, error 0", len))
		return false;
	return raw_survived(r, fate);
}

static void bad_chain(struct check_run *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		if (strcmp(chains[i].id, r->check->id) == 0)
			WANT(try_chain(r, &chains[i]));
}

/* What in.len says is not what is there. */
static void in_len(struct check_run *r)
{
	static const uint32_t lengths[] = { RAW_IN + 8, RAW_IN - 8, IN_HEADER - 1,
					    0,		UINT32_MAX, RAW_IN + 4096 };
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct front_request *q;
		struct say t;
		uint32_t used;
		int e;

		WANT_OK(r, "prepare", front_prepare(r->f, &op, &q));
		memcpy(q->in, &lengths[i], sizeof(lengths[i]));
		q->raw = true;
		WANT_OK(r, "submit", front_submit(q));
		e = front_wait(q, clock_deadline_ms(MEANWHILE_MS));
		used = q->used;
		front_request_free(q);
		WANT_THAT(r, e < 0 && (e > FRONT_TIMEOUT || (e == FRONT_BROKEN && used == 0)),
			  "an error, or nothing in the reply", "in.len %u of %zu: %s", lengths[i],
			  RAW_IN, e == 0 ? "success" : "no reply");
		WANT_OK(r, say(&t, "GETATTR after in.len %u", lengths[i]), rings_root(r->f, 1));
	}
}

/* The arguments of the opcode are missing, or there are more. */
static void arguments(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	op.opcode = FUSE_LOOKUP;
	op.arg_size = 0; /* not even a name */
	op.out_max = sizeof(struct fuse_entry_out);
	WANT_ONE_OF(r, "LOOKUP without a name", rings_within(r->f, &op, MEANWHILE_MS), -EINVAL,
		    -EIO, -ENOENT);
	memset(op.arg, 'x', 16); /* no NUL at its end */
	op.arg_size = 16;
	WANT_ONE_OF(r, "LOOKUP of a name without its NUL", rings_within(r->f, &op, MEANWHILE_MS),
		    -EINVAL, -EIO, -ENOENT);
	op.opcode = FUSE_READ;
	op.arg_size = 8;
	WANT_ONE_OF(r, "READ with 8 bytes of arguments", rings_within(r->f, &op, MEANWHILE_MS),
		    -EINVAL, -EIO, -EBADF);
	WANT(check_alive(r));
}

/* Where each is used, many that cannot be served, and between them some that can. */
static void flood(struct check_run *r)
{
	struct raw_piece list[2] = { { RAW_AT_IN, RAW_IN, N, RAW_NEXT },
				     { RAW_AT_NOWHERE, RAW_OUT, W, 0 } };
	unsigned turns = FLOOD;

	for (unsigned i = 0; i < turns; i++) {
		enum raw_fate fate;
		struct raw m;
		uint32_t len;

		WANT(raw_new(r, &m));
		WANT_THAT(r, raw_offer(r, 1, &m, list, 2) >= 0, "a chain in the ring", "none");
		fate = raw_wait(r, 1, &len);
		WANT_RANGE(r, 0, RAW_OUT, "used length", len);
		if (fate != RAW_USED) {
			/* The ring has stopped: it is begun again, which takes its time. */
			WANT(raw_survived(r, fate));
			turns = FLOOD_STOPPED;
		}
		if (i % 10 == 9)
			WANT_OK(r, "GETATTR between them", rings_root(r->f, 1));
		if (r->f->ring[1].free_count < 8)
			WANT(raw_renew(r));
	}
	WANT(raw_survived(r, RAW_USED));
}

#define BAD   "bad-chain-exits bad-chain-stops"
#define SHORT "bad-request-exits"
#define CHAIN(id_, title_, rows_, sends_, wants_, catches_)                                 \
	{                                                                                   \
		.id = "chains." id_, .title = (title_), .rows = (rows_), .sends = (sends_), \
		.wants = (wants_), .catches = (catches_), .run = bad_chain,                 \
	}
#define BACK   "used with an error or with nothing; hiprio and a new session work"
#define LIVES  "used with an error or with nothing, or the ring stops; hiprio and a new session work"
#define SERVED "served, or " LIVES

static const struct check checks[] = {
	CHAIN("next-beyond", "a next descriptor beyond the queue is never followed",
	      "VIRTIO-VQ-008", "a chain whose next is the queue size; one whose last next is 65535",
	      SERVED, BAD),
	CHAIN("loop-self", "a descriptor that is its own next is noticed", "VIRTIO-VQ-008",
	      "one readable descriptor whose next is itself", LIVES, BAD),
	CHAIN("loop-two", "a loop of two descriptors is noticed", "VIRTIO-VQ-008",
	      "two readable descriptors, each the next of the other", LIVES, BAD),
	CHAIN("loop-writable", "a loop behind a whole request harms nobody", "VIRTIO-VQ-008",
	      "a GETATTR whose writable descriptor is its own next", SERVED, BAD),
	CHAIN("address-of-header", "a request that lies in no memory kills nobody",
	      "VIRTIO-FS-QUEUE-030 BUG-28", "the readable descriptor points outside of all regions",
	      LIVES, BAD),
	CHAIN("address-of-arguments", "arguments that lie in no memory kill nobody",
	      "VIRTIO-FS-QUEUE-030 BUG-28",
	      "the header is good, its arguments point outside of all regions", LIVES, BAD),
	CHAIN("address-of-reply", "a reply buffer that lies in no memory kills nobody",
	      "VIRTIO-FS-QUEUE-030 BUG-28", "the writable descriptor points outside of all regions",
	      LIVES, BAD),
	CHAIN("address-of-payload", "a data buffer that lies in no memory is an error",
	      "VIRTIO-FS-QUEUE-030 BUG-28",
	      "room for the header is good, room for the payload outside of all regions", LIVES,
	      BAD),
	CHAIN("address-wraps", "an address and length that wrap are noticed", "VIRTIO-FS-QUEUE-030",
	      "4096 bytes at 2^64 - 16, readable, then writable", LIVES, BAD),
	CHAIN("length-beyond", "a length that leaves the memory region is noticed",
	      "VIRTIO-FS-QUEUE-030", "2^32 - 1 bytes at a good address, readable, then writable",
	      LIVES, BAD),
	CHAIN("length-sum", "a chain of more than 2^32 bytes kills nobody", "VIRTIO-VQ-008",
	      "two writable descriptors of 2^32 - 1 bytes each",
	      "served or refused, and nothing written beside the buffer", BAD),
	CHAIN("writable-first", "a readable descriptor behind a writable one kills nobody",
	      "VIRTIO-VQ-004", "the writable descriptor first, then the request", SERVED, BAD),
	CHAIN("writable-between", "a writable descriptor in the midst of a request kills nobody",
	      "VIRTIO-VQ-004", "header, writable descriptor, arguments", SERVED, BAD),
	CHAIN("no-writable", "a request without room for its reply is used with length 0",
	      "VIRTIO-FS-QUEUE-017", "a GETATTR in readable descriptors alone", BACK,
	      "no-room-hangs " SHORT),
	CHAIN("no-readable", "a chain without a request is given back", "VIRTIO-FS-QUEUE-014",
	      "120 writable bytes, none readable", BACK, SHORT),
	CHAIN("room-no-header", "less room than a header has is never written past",
	      "VIRTIO-FS-QUEUE-017 VIRTIO-FS-QUEUE-016", "a GETATTR with 1, 8, 15 writable bytes",
	      BACK, "no-room-hangs " SHORT),
	CHAIN("room-no-payload", "less room than the reply needs is an error",
	      "VIRTIO-FS-QUEUE-017 VIRTIO-FS-QUEUE-016",
	      "a GETATTR with 16 and with 119 writable bytes of 120", BACK, "reply-overrun " SHORT),
	CHAIN("header-short", "a request shorter than its header is given back",
	      "VIRTIO-FS-QUEUE-014", "1, 16, 39 readable bytes, 120 writable ones", BACK, SHORT),
	{
		.id = "chains.in-len",
		.title = "a length in the header that is not that of the request is an error",
		.rows = "VIRTIO-FS-QUEUE-015",
		.sends = "GETATTR of 56 bytes whose in.len says 64, 48, 39, 0, 2^32 - 1, 4152",
		.wants = "an error each time; the next request is served",
		.catches = "in-len-ignored bad-request-exits",
		.run = in_len,
	},
	{
		.id = "chains.arguments-missing",
		.title = "a request without its arguments is an error",
		.rows = "VIRTIO-FS-SEC-010 VIRTIO-FS-QUEUE-015",
		.sends = "LOOKUP without a name, and without its NUL; READ with 8 bytes of 40",
		.wants = "EINVAL or EIO; ENOENT for a name and EBADF for a handle",
		.catches = "error:READ:EPERM",
		.run = arguments,
	},
	{
		.id = "chains.flood",
		.title = "any number of chains that cannot be served stops nobody",
		.rows = "VIRTIO-FS-QUEUE-030 BUG-28",
		.sends =
			"50 GETATTRs with their reply outside of all regions (5 where each stops its ring), and good ones between",
		.wants = LIVES "; the good ones succeed",
		.catches = "bad-chain-exits bad-chain-stops",
		.run = flood,
	},
};

const struct check_area area_chains = { "chains", "Chains that make no sense", checks,
					ARRAY_SIZE(checks) };
