// SPDX-License-Identifier: Apache-2.0
/* Indirect descriptors: every form that a driver may use, and those that none may. */
#include "conformance/device/areas.h"
#include "conformance/device/rawchain.h"

#define W	   VRING_DESC_F_WRITE
#define N	   VRING_DESC_F_NEXT
#define I	   VRING_DESC_F_INDIRECT
#define PIECES_MAX 6
#define DESC	   sizeof(struct vring_desc)

/* A READ whose reply is cut into so many pieces that the table has @entries. */
static bool read_in(struct check_run *r, const struct fuse_entry_out *e, uint64_t fh,
		    unsigned entries)
{
	struct front_op op = front_op_read(e->nodeid, fh, 0, 4096);
	uint8_t wanted[4096];
	uint8_t seen[4096];
	struct say t;
	uint32_t cut = OUT_HEADER;
	size_t got = 0;

	host_bytes(wanted, 0, sizeof(wanted), RINGS_SEED);
	/* Two of the request, the header of the reply, and the rest for its data. */
	r->f->layout = (struct front_layout){
		.kind = FRONT_CHAIN_INDIRECT,
		.out_cuts = &cut,
		.out_cut_count = 1,
		.out_every = entries > 3
				     ? (uint32_t)((sizeof(wanted) + entries - 4) / (entries - 3))
				     : 0
	};
	if (!check_ok(r, say(&t, "READ by a table of %u entries", entries),
		      front_do(r->f, &op, seen, sizeof(seen), &got)))
		return false;
	return check_same_bytes(r, wanted, sizeof(wanted), t.text, seen, got);
}

static bool have_file(struct check_run *r, struct fuse_entry_out *e, struct fuse_open_out *o)
{
	return check_host(r, "make a file", host_fill(r->share, "file", 4096, RINGS_SEED)) &&
	       check_ok(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", e)) &&
	       check_ok(r, "OPEN", front_open_file(r->f, e->nodeid, O_RDONLY, o));
}

static void table_sizes(struct check_run *r)
{
	static const unsigned entries[] = { 4, 5, 7, 16, 31, 64, 100, 128 };
	struct fuse_entry_out e;
	struct fuse_open_out o;

	WANT(have_file(r, &e, &o));
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		WANT(read_in(r, &e, o.fh, entries[i]));
}

static void mixed(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	r->f->layout = (struct front_layout){ .in_every = 14, .out_every = 30 };
	r->f->layout.kind = FRONT_CHAIN_MIXED;
	for (unsigned direct = 0; direct < 8; direct++) {
		struct say t;

		r->f->layout.direct = direct;
		WANT_OK(r, say(&t, "GETATTR with %u direct descriptors and a table", direct),
			rings_within(r->f, &op, MEANWHILE_MS));
	}
}

/* Chains with and without a table take turns in one batch. */
static void side_by_side(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct front_request *q[24];

	for (size_t i = 0; i < ARRAY_SIZE(q); i++) {
		WANT_OK(r, "prepare", front_prepare(r->f, &op, &q[i]));
		q[i]->layout.kind = i % 3 == 0	 ? FRONT_CHAIN_DIRECT
				    : i % 3 == 1 ? FRONT_CHAIN_INDIRECT
						 : FRONT_CHAIN_MIXED;
		q[i]->layout.direct = 1;
		WANT_OK(r, "put into the ring", front_enqueue(q[i]));
	}
	front_kick(r->f, 1);
	for (size_t i = 0; i < ARRAY_SIZE(q); i++) {
		struct say t;

		WANT_OK(r, say(&t, "GETATTR %zu, direct, indirect, mixed in turn", i),
			front_wait(q[i], front_deadline(r->f)));
		front_request_free(q[i]);
	}
}

/* ---- tables by hand ---- */

/* What may come of it. The standard forbids drivers more than it lets devices refuse. */
enum outcome { REFUSED, SERVED, EITHER };

struct table {
	const char *id;
	struct raw_piece piece[3]; /* in the ring */
	struct raw_piece table[PIECES_MAX];
	enum outcome outcome;
};

/* clang-format off */
static const struct table tables[] = {
	{ "indirect.write-flag",
	  { { RAW_AT_TABLE, 2 * DESC, I | W, 0 } },
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT }, { RAW_AT_OUT, RAW_OUT, W, 0 } }, SERVED },
	{ "indirect.any-order",
	  { { RAW_AT_TABLE, 4 * DESC, I, 0 } },
	  { { RAW_AT_IN, 40, N, 3 }, { RAW_AT_OUT, RAW_OUT, W, 0 }, { RAW_AT_OUT, 1, W, 0 },
	    { RAW_AT_IN, 16, N, 1 } }, SERVED },
	{ "indirect.rest-ignored",
	  { { RAW_AT_TABLE, 5 * DESC, I, 0 } },
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT }, { RAW_AT_OUT, RAW_OUT, W, 0 },
	    { RAW_AT_NOWHERE, UINT32_MAX, W | N, 9 }, { RAW_AT_WRAP, UINT32_MAX, I | N, 77 },
	    { RAW_AT_NOWHERE, 8, N, 4 } }, SERVED },
	{ "indirect.next-ignored",
	  { { RAW_AT_TABLE, 2 * DESC, I, RAW_NUMBER(0xbeef) } },
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT },
	    { RAW_AT_OUT, RAW_OUT, W, RAW_NUMBER(0xbeef) } }, SERVED },
	{ "indirect.nested",
	  { { RAW_AT_TABLE, 2 * DESC, I, 0 } },
	  { { RAW_AT_TABLE, 2 * DESC, I, 0 } }, REFUSED },
	{ "indirect.with-next",
	  { { RAW_AT_TABLE, 2 * DESC, I | N, RAW_NEXT }, { RAW_AT_OUT, RAW_OUT, W, 0 } },
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT }, { RAW_AT_OUT, RAW_OUT, W, 0 } }, EITHER },
	{ "indirect.length-odd",
	  { { RAW_AT_TABLE, 2 * DESC + 1, I, 0 } },
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT }, { RAW_AT_OUT, RAW_OUT, W, 0 } }, EITHER },
	{ "indirect.length-odd",
	  { { RAW_AT_TABLE, DESC - 1, I, 0 } },
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT }, { RAW_AT_OUT, RAW_OUT, W, 0 } }, REFUSED },
	{ "indirect.empty",
	  { { RAW_AT_TABLE, 0, I, 0 } },
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT }, { RAW_AT_OUT, RAW_OUT, W, 0 } }, REFUSED },
	{ "indirect.too-long",
	  { { RAW_AT_TABLE, UINT32_MAX - 15, I, 0 } },
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT }, { RAW_AT_OUT, RAW_OUT, W, 0 } }, EITHER },
	{ "indirect.loop",
	  { { RAW_AT_TABLE, 2 * DESC, I, 0 } },
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT }, { RAW_AT_OUT, RAW_OUT, W | N, 1 } }, EITHER },
	{ "indirect.next-beyond",
	  { { RAW_AT_TABLE, 2 * DESC, I, 0 } },
	  { { RAW_AT_IN, RAW_IN, N, 2 }, { RAW_AT_OUT, RAW_OUT, W, 0 } }, REFUSED },
	{ "indirect.nowhere",
	  { { RAW_AT_NOWHERE, 2 * DESC, I, 0 } },
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT }, { RAW_AT_OUT, RAW_OUT, W, 0 } }, REFUSED },
	{ "indirect.not-negotiated",
	  { { RAW_AT_TABLE, 2 * DESC, I, 0 } },
	  { { RAW_AT_IN, RAW_IN, N, RAW_NEXT }, { RAW_AT_OUT, RAW_OUT, W, 0 } }, EITHER },
};
/* clang-format on */

static bool try_table(struct check_run *r, const struct table *b)
{
	struct fuse_out_header h;
	enum raw_fate fate;
	struct raw m;
	uint32_t len;

	if (!raw_new(r, &m))
		return false;
	raw_table(r->f, &m, b->table, PIECES_MAX);
	if (raw_offer(r, 1, &m, b->piece, ARRAY_SIZE(b->piece)) < 0)
		return false;
	fate = raw_wait(r, 1, &len);
	if (!raw_checked(r, &m, RAW_OUT))
		return false;
	memcpy(&h, m.out->at, sizeof(h));
	if (b->outcome == SERVED)
		return check_that(r, fate == RAW_USED && len == RAW_OUT && h.error == 0,
				  "a reply of 120 bytes and success",
				  "%s, used length %u, error %d",
				  fate == RAW_USED ? "used" : "not used", len,
				  len >= sizeof(h) ? h.error : 0) &&
		       check_alive(r);
	return check_that(r,
			  b->outcome == EITHER || fate != RAW_USED || len < sizeof(h) ||
				  h.error != 0,
			  "no success for a chain that cannot be served", "used length %u, error 0",
			  len) &&
	       raw_survived(r, fate);
}

static void by_hand(struct check_run *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		if (strcmp(tables[i].id, r->check->id) == 0)
			WANT(try_table(r, &tables[i]));
}

static void direct_only(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	WANT_SAME(r, 0, "INDIRECT_DESC was acknowledged",
		  front_has(r->f, VIRTIO_RING_F_INDIRECT_DESC));
	WANT(rings_batch(r, &op, 32));
	r->f->layout.in_every = 5;
	WANT(rings_batch(r, &op, 8));
}

static const struct front_options no_indirect = { .features_off = FEATURE_INDIRECT };

#define LIVES "used with an error or with nothing, or the ring stops; hiprio and a new session work"
#define BAD   "bad-chain-exits bad-chain-stops"
#define TABLE(id_, title_, rows_, sends_, wants_, catches_)                                   \
	{                                                                                     \
		.id = "indirect." id_, .title = (title_), .rows = (rows_), .sends = (sends_), \
		.wants = (wants_), .catches = (catches_), .features = FEATURE_INDIRECT,       \
		.run = by_hand,                                                               \
	}

static const struct check checks[] = {
	{
		.id = "indirect.table-sizes",
		.title = "a table may have any number of entries up to the queue size",
		.rows = "VIRTIO-VQ-011",
		.sends = "READ of 4096 bytes by tables of 4, 5, 7, 16, 31, 64, 100, 128 entries",
		.wants = "the file's bytes each time",
		.catches = "read-short error:READ:EIO:after=5",
		.features = FEATURE_INDIRECT,
		.run = table_sizes,
	},
	{
		.id = "indirect.mixed",
		.title = "direct descriptors may stand before the one of a table",
		.rows = "VIRTIO-VQ-011",
		.sends = "GETATTR in 8 pieces: 0 to 7 direct descriptors, then one INDIRECT",
		.wants = "success each time",
		.catches = "indirect-mixed",
		.features = FEATURE_INDIRECT,
		.run = mixed,
	},
	{
		.id = "indirect.side-by-side",
		.title = "chains with and without tables share a ring",
		.rows = "VIRTIO-VQ-011",
		.sends = "24 GETATTRs in one batch: direct, indirect and mixed in turn",
		.wants = "success of all",
		.catches = "indirect-mixed used-never:after=20",
		.features = FEATURE_INDIRECT,
		.run = side_by_side,
	},
	{
		.id = "indirect.not-used",
		.title = "without INDIRECT_DESC direct chains work",
		.rows = "VIRTIO-VQ-002",
		.sends = "GETATTRs in direct chains of 4 and of 20 descriptors; the feature is off",
		.wants = "success of all",
		.catches = "used-never:after=30 header-split",
		.front = &no_indirect,
		.run = direct_only,
	},
	TABLE("write-flag", "the WRITE flag of an indirect descriptor is ignored", "VIRTIO-VQ-010",
	      "a GETATTR in a table whose descriptor has INDIRECT and WRITE", "success",
	      "indirect-write-flag"),
	TABLE("any-order", "a table is followed by its next fields, in any order", "VIRTIO-VQ-002",
	      "a table of 4: entry 0 to 3 to 1; entry 2 belongs to nobody", "success",
	      "indirect-in-order"),
	TABLE("rest-ignored", "entries behind the last one of a table's chain are ignored",
	      "VIRTIO-VQ-002", "a table of 5: the chain has 2, the others hold garbage", "success",
	      "indirect-in-order"),
	TABLE("next-ignored", "next means nothing without the flag NEXT", "VIRTIO-VQ-002",
	      "next is 0xbeef in the INDIRECT descriptor and in the last entry", "success",
	      "next-unflagged"),
	TABLE("nested", "a table that refers to a table is refused", "VIRTIO-VQ-012",
	      "a table whose first entry is INDIRECT and refers to the table itself", LIVES, BAD),
	TABLE("with-next", "INDIRECT together with NEXT kills nobody", "VIRTIO-VQ-012",
	      "an INDIRECT descriptor with NEXT, a writable one behind it", "served, or " LIVES,
	      BAD),
	TABLE("length-odd", "a table of no whole number of entries kills nobody", "VIRTIO-VQ-012",
	      "tables of 33 and of 15 bytes, of a GETATTR in two entries",
	      "of the first served, or " LIVES, BAD),
	TABLE("empty", "a table of no bytes is refused", "VIRTIO-VQ-012", "a table of 0 bytes",
	      LIVES, BAD),
	TABLE("too-long", "a table that leaves memory kills nobody", "VIRTIO-FS-QUEUE-030",
	      "a table of 2^32 - 16 bytes, of which a GETATTR needs two entries",
	      "served, or " LIVES, BAD),
	TABLE("loop", "a loop in a table harms nobody", "VIRTIO-VQ-008",
	      "a GETATTR in a table whose last entry is its own next", "served, or " LIVES, BAD),
	TABLE("next-beyond", "a next entry beyond the table is noticed", "VIRTIO-VQ-008",
	      "a table of 2 whose first entry has next 2", LIVES, BAD),
	TABLE("nowhere", "a table that lies in no memory kills nobody", "VIRTIO-FS-QUEUE-030",
	      "an INDIRECT descriptor that points outside of all regions", LIVES, BAD),
	{
		.id = "indirect.not-negotiated",
		.title = "INDIRECT that was not negotiated kills nobody",
		.rows = "VIRTIO-VQ-012",
		.sends = "an INDIRECT descriptor; INDIRECT_DESC was not acknowledged",
		.wants = "served, or " LIVES,
		.catches = BAD,
		.front = &no_indirect,
		.run = by_hand,
	},
};

const struct check_area area_indirect = { "indirect", "Indirect descriptors", checks,
					  ARRAY_SIZE(checks) };
