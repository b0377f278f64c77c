// SPDX-License-Identifier: Apache-2.0
/* Where regions begin and end: buffers at and across their edges, addresses in none, regions that cannot be. */
#include "conformance/device/areas.h"
#include "conformance/device/raw.h"

#define PAGE UINT64_C(4096)
/* Far from all regions of the front end. */
#define AWAY_GUEST UINT64_C(0x100000000000)
#define AWAY_USER  UINT64_C(0x200000000000)

static uint8_t *at_start(struct check_run *r, unsigned region)
{
	return r->f->memory->region[region].at;
}

/* The canary pattern at the start of a region belongs to nobody: keep it, put it back. */
static void first_and_last(struct check_run *r)
{
	struct front_region *x = &r->f->memory->region[1];
	struct front_buf *end = front_buf_new_edge(r->f->memory, 1, GETATTR_OUT);
	struct raw q;

	WANT(check_host(r, "a buffer at the end of a region", end ? 0 : -ENOMEM));
	/* Request at the very start of the region, reply up to its very end; then the other way round. */
	q = raw_getattr(r, x->wire.guest_addr, at_start(r, 1), end->guest, end->at);
	WANT(raw_submit(r, &q));
	WANT(raw_answered(r, &q, "reply up to the last byte of a region"));
	q = raw_getattr(r, end->guest + GETATTR_OUT - GETATTR_IN,
			end->at + GETATTR_OUT - GETATTR_IN, x->wire.guest_addr, at_start(r, 1));
	WANT(raw_submit(r, &q));
	WANT(raw_answered(r, &q, "request up to the last byte of a region"));
	front_buf_free(r->f->memory, end);
}

/* Bytes of guest memory, wherever the regions that hold them lie in this process. */
static void put_guest(struct check_run *r, uint64_t guest, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		*front_guest_at(r->f->memory, guest + i, 1) = data[i];
}

static void get_guest(struct check_run *r, uint64_t guest, uint8_t *ret, size_t size)
{
	for (size_t i = 0; i < size; i++)
		ret[i] = *front_guest_at(r->f->memory, guest + i, 1);
}

/* Served rightly, or failed: a wrong answer, bytes elsewhere and a dead daemon are what must not be. */
static void across(struct check_run *r, bool request)
{
	struct front_region *x = &r->f->memory->region[1];
	uint64_t border = x->wire.guest_addr + x->wire.size;
	struct front_buf *other = front_buf_new(r->f->memory, 256);
	uint8_t reply[GETATTR_OUT];
	struct raw q;

	WANT(check_host(r, "a buffer", other ? 0 : -ENOMEM));
	q = raw_getattr(r, request ? border - 20 : other->guest, request ? NULL : other->at,
			request ? other->guest : border - 20, request ? other->at : NULL);
	if (request)
		put_guest(r, border - 20, q.bytes, GETATTR_IN);
	WANT(raw_submit(r, &q));
	raw_refused_somehow(r, &q, SOON_MS / 4);
	WANT(check_sound(r, "a buffer across two regions"));
	if (q.used && q.used_len == GETATTR_OUT) {
		get_guest(r, q.out_guest, reply, sizeof(reply));
		WANT(raw_is_right(r, &q, reply, "across two regions"));
	} else {
		WANT(check_that(r, q.used, "the request is used", "it is not"));
	}
}

static void across_read(struct check_run *r)
{
	across(r, true);
}

static void across_write(struct check_run *r)
{
	across(r, false);
}

/* One chain with one bad address. What the ring does then is its own business; the device goes on. */
static void nowhere(struct check_run *r, uint64_t in, uint64_t out, uint32_t out_len)
{
	struct front_buf *b = front_buf_new(r->f->memory, 512);
	struct raw q;

	WANT(check_host(r, "a buffer", b ? 0 : -ENOMEM));
	q = raw_getattr(r, in ? in : b->guest, in ? NULL : b->at, out ? out : b->guest + 256,
			out ? NULL : b->at + 256);
	if (out_len)
		q.out_len = out_len;
	front_evidence_allow(r->f->evidence, FRONT_FAULT_READABLE_WRITTEN);
	WANT(raw_submit(r, &q));
	raw_refused_somehow(r, &q, SOON_MS / 10);
	WANT(check_sound(r, "an address that is not in guest memory"));
	if (q.used && out)
		WANT_RANGE(r, 0, sizeof(struct fuse_out_header), "bytes used without room",
			   q.used_len);
}

static void nowhere_read(struct check_run *r)
{
	nowhere(r, front_guest_nowhere(r->f->memory), 0, 0);
}

static void nowhere_write(struct check_run *r)
{
	nowhere(r, 0, front_guest_nowhere(r->f->memory), 0);
}

static void user_address(struct check_run *r)
{
	struct front_buf *b = front_buf_new(r->f->memory, 256);

	WANT(check_host(r, "a buffer", b ? 0 : -ENOMEM));
	nowhere(r, 0, front_guest_to_user(r->f->memory, b->guest), 0);
}

static void wraps(struct check_run *r)
{
	nowhere(r, 0, UINT64_MAX - 63, 0);
}

static void behind_end(struct check_run *r)
{
	struct front_region *x = &r->f->memory->region[1];

	nowhere(r, 0, x->wire.guest_addr + x->wire.size - 16, UINT32_MAX);
}

/* ---- regions that cannot be ---- */

/* A region is taken or refused; the regions from before serve on. */
static void bad_region(struct check_run *r, struct vhost_user_mem_region region, bool must_refuse,
		       const char *what)
{
	struct vhost_user_mem_reg reg = { .region = region };
	struct front_message m = front_message_of(VHOST_USER_ADD_MEM_REG, &reg, sizeof(reg));
	enum answer a;

	allow_refusal(r);
	front_message_add_fd(&m, r->f->memory->region[1].fd);
	a = answer_to(r, &m);
	if (must_refuse)
		WANT_REFUSED(r, what, a);
	else
		WANT_THAT(r, a != ANSWER_SILENT, "an answer, or the connection closed", "%s: %s",
			  what, answer_name(a));
	if (goes_on(r))
		WANT(check_alive(r));
	else
		WANT(check_left_cleanly(r));
}

static void empty_region(struct check_run *r)
{
	bad_region(r, (struct vhost_user_mem_region){ AWAY_GUEST, 0, AWAY_USER, 0 }, false,
		   "a region of 0 bytes");
}

static void wrapping_region(struct check_run *r)
{
	bad_region(r,
		   (struct vhost_user_mem_region){ UINT64_MAX - PAGE + 1, 4 * PAGE, AWAY_USER, 0 },
		   true, "a region that wraps around");
}

static void huge_region(struct check_run *r)
{
	bad_region(r, (struct vhost_user_mem_region){ AWAY_GUEST, UINT64_C(1) << 62, AWAY_USER, 0 },
		   true, "a region of 4 EiB");
}

static void wrapping_offset(struct check_run *r)
{
	bad_region(r,
		   (struct vhost_user_mem_region){ AWAY_GUEST, 4 * PAGE, AWAY_USER,
						   UINT64_MAX - PAGE + 1 },
		   true, "an offset in the file that wraps around");
}

static void overlapping_region(struct check_run *r)
{
	struct vhost_user_mem_region x = r->f->memory->region[1].wire;

	x.user_addr = AWAY_USER;
	x.size = 4 * PAGE;
	bad_region(r, x, false, "a region over another");
}

static const struct front_options adjacent = {
	/* The third only, so that buffers do not lie at the border. */
	.memory = { .regions = 4, .region_bytes = { 0, 1 << 20, 1 << 20 }, .adjacent = true },
};

#define SLOTS PROTOCOL(CONFIGURE_MEM_SLOTS)

#define BAD_REGION(id_, title_, sends_, catches_, run_)                                        \
	{                                                                                      \
		.id = "regions." id_, .title = title_, .rows = "VU-017 VU-006",                \
		.sends = "ADD_MEM_REG " sends_,                                                \
		.wants = "refused or the connection closed, no crash; older memory serves",    \
		.catches = catches_, .protocol = SLOTS | PROTOCOL(REPLY_ACK), .may_die = true, \
		.run = run_,                                                                   \
	}

#define NOWHERE(id_, title_, sends_, catches_, run_)                                             \
	{                                                                                        \
		.id = "regions." id_, .title = title_, .rows = "VU-006",                         \
		.sends = "GETATTR with " sends_,                                                 \
		.wants = "the request fails or its ring stops; the daemon answers GET_FEATURES", \
		.catches = catches_, .run = run_,                                                \
	}

static const struct check checks[] = {
	{
		.id = "regions.first-and-last-byte",
		.title = "buffers may lie at the very start and the very end of a region",
		.rows = "VU-005",
		.sends = "GETATTR with a buffer at the first byte of a region and one up to its "
			 "last, and the other way round",
		.wants = "the answer, both times",
		.catches = "mem-edge",
		.run = first_and_last,
	},
	{
		.id = "regions.request-across-two",
		.title =
			"a readable buffer across two regions is read rightly, or the request fails",
		.rows = "VU-006",
		.sends = "GETATTR whose first 20 bytes are in one region, the others in the next",
		.wants = "the right answer, or an error; the daemon goes on",
		.catches = "used-never:after=1",
		.front = &adjacent,
		.run = across_read,
	},
	{
		.id = "regions.reply-across-two",
		.title =
			"a writable buffer across two regions is written rightly, or the request fails",
		.rows = "VU-006",
		.sends = "GETATTR whose reply has 20 bytes in one region, the others in the next",
		.wants = "the right answer, or an error; the daemon goes on",
		.catches = "mem-cross",
		.front = &adjacent,
		.run = across_write,
	},
	NOWHERE("nowhere-readable",
		"a readable buffer outside of guest memory harms only its request",
		"its request in no region", "mem-nowhere", nowhere_read),
	NOWHERE("nowhere-writable",
		"a writable buffer outside of guest memory harms only its request",
		"its reply in no region", "mem-nowhere", nowhere_write),
	NOWHERE("user-address", "descriptors hold guest addresses, never those of the front end",
		"its reply at the user address of guest memory", "mem-nowhere", user_address),
	NOWHERE("address-wraps", "a buffer that wraps around harms only its request",
		"its reply at 2^64 - 64", "mem-nowhere", wraps),
	NOWHERE("behind-end", "a buffer that goes on behind its region harms only its request",
		"room for 4 GiB that begins 16 bytes before the end of a region", "mem-nowhere",
		behind_end),
	BAD_REGION("empty", "a region of no size harms nobody", "with size 0", "message-abort",
		   empty_region),
	BAD_REGION("wraps", "a region that wraps around is refused", "at 2^64 - 4 KiB with 16 KiB",
		   "ack-success message-abort", wrapping_region),
	BAD_REGION("huge", "a region that nobody can map is refused", "with 4 EiB",
		   "ack-success message-abort", huge_region),
	BAD_REGION("offset-wraps", "an offset that wraps around is refused",
		   "with an mmap_offset of 2^64 - 4 KiB", "ack-success message-abort",
		   wrapping_offset),
	BAD_REGION("overlaps", "a region over another one harms nobody",
		   "at guest addresses that are in use", "message-abort", overlapping_region),
};

const struct check_area area_regions = { "regions", "Edges of guest memory", checks,
					 ARRAY_SIZE(checks) };
