// SPDX-License-Identifier: Apache-2.0
/*
 * The relay between VMM and daemon. A *fake* front end (this process, with guest memory of its
 * own) and a *fake* back end (the same process, on the other socket) drive it: nothing here is a
 * real VMM or a real daemon. real_observe.c has those.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "relay/message.h"
#include "relay/relay.h"
#include "relay/ring.h"
#include "relay/serve.h"

#define PATIENCE_S 60
#define WAIT_MS	   5000

/* The fake guest: two regions of memory with a hole between them, a ring of 8 in the first. */
#define SIZE	 8
#define LOW	 UINT64_C(0)
#define HIGH	 UINT64_C(0x40000)
#define REGION	 UINT64_C(0x10000)
#define USER(a)	 (UINT64_C(0x7f0000000000) + (a))
#define DESC_AT	 UINT64_C(0x0)
#define AVAIL_AT UINT64_C(0x400)
#define USED_AT	 UINT64_C(0x800)
#define DATA_AT	 UINT64_C(0x1000)
#define IN_SIZE	 ((uint32_t)sizeof(struct fuse_in_header))
#define OUT_SIZE ((uint32_t)sizeof(struct fuse_out_header))

struct fixture {
	int fd[2]; /* of the two regions */
	uint8_t *ram[2];
	struct memory memory;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	void *shadow;
	void *rings; /* the relay's shadow rings, as a daemon maps them */
	struct queue *q;
	struct init_seen init;
	int call;
	struct err err;
	/* With a relay process between two sockets. */
	char dir[64];
	char vmm_path[80];
	char daemon_path[80];
	struct relay *relay;
	struct channel vmm;
	struct channel daemon;
	int daemon_listen;
	struct message last;
};

static struct vhost_user_mem_region region_of(int i)
{
	uint64_t at = i ? HIGH : LOW;

	return (struct vhost_user_mem_region){ at, REGION, USER(at), 0 };
}

static int setup_memory(struct fixture *f)
{
	for (int i = 0; i < 2; i++) {
		struct vhost_user_mem_region r = region_of(i);

		f->fd[i] = memfd_create("fake-guest", MFD_CLOEXEC);
		if (f->fd[i] < 0 || ftruncate(f->fd[i], REGION) < 0 ||
		    memory_add(&f->memory, &r, f->fd[i], &f->err) < 0)
			return -1;
		f->ram[i] = mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd[i], 0);
		if (f->ram[i] == MAP_FAILED)
			return -1;
	}
	f->desc = (void *)(f->ram[0] + DESC_AT);
	f->avail = (void *)(f->ram[0] + AVAIL_AT);
	f->used = (void *)(f->ram[0] + USED_AT);
	return 0;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f || setup_memory(f) < 0)
		return -1;
	f->vmm = (struct channel){ .fd = -1, .who = "relay" };
	f->daemon = (struct channel){ .fd = -1, .who = "relay" };
	f->daemon_listen = -1;
	f->shadow = aligned_alloc(4096, SHADOW_RING_SIZE);
	f->q = calloc(1, sizeof(*f->q));
	if (!f->shadow || !f->q)
		return -1;
	queue_init(f->q, 1, f->shadow, &f->init);
	f->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	f->q->guest_call = dup(f->call);
	f->q->addr = (struct vhost_user_vring_addr){ .desc_user_addr = USER(DESC_AT),
						     .avail_user_addr = USER(AVAIL_AT),
						     .used_user_addr = USER(USED_AT) };
	if (queue_set_size(f->q, SIZE, &f->err) < 0 || queue_resolve(f->q, &f->memory, &f->err) < 0)
		return -1;
	queue_reset(f->q, 0);
	f->q->running = true;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)relay_stop(f->relay, NULL);
	channel_close(&f->vmm);
	channel_close(&f->daemon);
	message_close_fds(&f->last);
	fd_closep(&f->daemon_listen);
	(void)unlink(f->vmm_path);
	(void)unlink(f->daemon_path);
	if (f->dir[0])
		(void)rmdir(f->dir);
	queue_free(f->q);
	memory_free(&f->memory);
	for (int i = 0; i < 2; i++) {
		(void)munmap(f->ram[i], REGION);
		fd_closep(&f->fd[i]);
	}
	if (f->rings && f->rings != MAP_FAILED)
		(void)munmap(f->rings, SHADOW_SIZE);
	fd_closep(&f->call);
	free(f->q);
	free(f->shadow);
	free(f);
	return 0;
}

/* ---- the fake guest ---- */

static void *at(struct fixture *f, uint64_t addr)
{
	return addr >= HIGH ? f->ram[1] + (addr - HIGH) : f->ram[0] + addr;
}

static void put_desc(struct vring_desc *d, uint64_t addr, uint32_t len, uint16_t flags,
		     uint16_t next)
{
	*d = (struct vring_desc){ htole64(addr), htole32(len), htole16(flags), htole16(next) };
}

static void put_header(struct fixture *f, uint64_t addr, uint32_t opcode, uint32_t len)
{
	const struct fuse_in_header h = { .len = len, .opcode = opcode, .unique = 7 };

	memcpy(at(f, addr), &h, sizeof(h));
}

static void offer(struct fixture *f, uint16_t head)
{
	f->avail->ring[f->avail->idx % SIZE] = head;
	__atomic_store_n(&f->avail->idx, (uint16_t)(f->avail->idx + 1), __ATOMIC_RELEASE);
}

/* A request of two descriptors: header in, @room bytes out. */
static void offer_request(struct fixture *f, uint16_t head, uint32_t opcode, uint32_t room)
{
	uint64_t addr = DATA_AT + head * UINT64_C(0x400);

	put_header(f, addr, opcode, IN_SIZE);
	put_desc(&f->desc[head], addr, IN_SIZE, VRING_DESC_F_NEXT, (uint16_t)(head + 1));
	put_desc(&f->desc[head + 1], addr + 0x100, room, VRING_DESC_F_WRITE, 0);
	offer(f, head);
}

/* The fake daemon's answer to @head through the shadow ring. */
static void serve_head(struct fixture *f, uint16_t head, int32_t error, uint32_t len)
{
	struct vring_used *used = f->q->shadow.used;
	const struct fuse_out_header h = { .len = len, .error = error, .unique = 7 };

	memcpy(at(f, DATA_AT + head * UINT64_C(0x400) + 0x100), &h, sizeof(h));
	used->ring[used->idx % SIZE] = (struct vring_used_elem){ head, len };
	__atomic_store_n(&used->idx, (uint16_t)(used->idx + 1), __ATOMIC_RELEASE);
}

static uint64_t interrupts(struct fixture *f)
{
	uint64_t n = 0;

	return read(f->call, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static uint16_t avail_event(struct fixture *f)
{
	uint16_t value;

	memcpy(&value, &f->used->ring[SIZE], sizeof(value));
	return value;
}

/* ---- rings ---- */

/* Goal: a chain means the same on both sides and is counted once. Method: one request, there and back. */
static void a_request_goes_round(void **state)
{
	struct fixture *f = *state;
	struct counts *c = &f->q->counts;

	offer_request(f, 2, FUSE_GETATTR, 120);
	assert_int_equal(queue_submit(f->q, &f->memory), 1);
	assert_int_equal(f->q->shadow.avail->idx, 1);
	assert_int_equal(f->q->shadow.avail->ring[0], 2);
	assert_memory_equal(&f->q->shadow.desc[2], &f->desc[2], 2 * sizeof(f->desc[0]));
	assert_int_equal(c->op[FUSE_GETATTR], 1);
	assert_int_equal(c->bytes_to_device, IN_SIZE);
	assert_int_equal(c->in_flight, 1);
	assert_int_equal(queue_submit(f->q, &f->memory), 0);
	assert_int_equal(c->requests, 1);

	assert_int_equal(queue_complete(f->q, &f->memory), 0);
	serve_head(f, 2, -ENOENT, OUT_SIZE);
	assert_int_equal(queue_complete(f->q, &f->memory), 1);
	assert_int_equal(f->used->idx, 1);
	assert_int_equal(f->used->ring[0].id, 2);
	assert_int_equal(f->used->ring[0].len, OUT_SIZE);
	assert_int_equal(interrupts(f), 1);
	assert_int_equal(c->error[ENOENT], 1);
	assert_int_equal(c->bytes_from_device, OUT_SIZE);
	assert_int_equal(c->in_flight, 0);
	assert_int_equal(c->malformed, 0);
}

/* Goal: indexes wrap at 65536 and slots at the ring's size. Method: start near the end, go past it. */
static void counters_wrap(void **state)
{
	struct fixture *f = *state;

	f->avail->idx = 65530;
	f->used->idx = 65530;
	queue_reset(f->q, 65530);
	for (unsigned i = 0; i < 20; i++) {
		uint16_t head = i % 2 ? 0 : 4;

		offer_request(f, head, FUSE_READ, 64);
		assert_int_equal(queue_submit(f->q, &f->memory), 1);
		assert_int_equal(f->q->shadow.avail->idx, (uint16_t)(65531 + i));
		assert_int_equal(f->q->shadow.avail->ring[(65530 + i) % SIZE], head);
		serve_head(f, head, 0, 64);
		assert_int_equal(queue_complete(f->q, &f->memory), 1);
		assert_int_equal(f->used->idx, (uint16_t)(65531 + i));
		assert_int_equal(f->used->ring[(65530 + i) % SIZE].id, head);
	}
	assert_int_equal(f->q->counts.op[FUSE_READ], 20);
	assert_int_equal(f->q->counts.bytes_from_device, 20 * 64);
	assert_int_equal(f->q->counts.malformed, 0);
}

/*
 * Goal: with EVENT_IDX the guest is interrupted exactly when it asked, and asked for the next
 * entry. Method: the two event fields around some exchanges, across the wrap.
 */
static void event_idx(void **state)
{
	/* From index `first`, `count` completions at once: is that an interrupt for `event`? */
	static const struct {
		uint16_t first, event;
		unsigned count, wanted;
	} rows[] = {
		{ 0, 0, 1, 1 },		{ 0, 1, 1, 0 },	    { 0, 1, 2, 1 },
		{ 0, 2, 3, 1 },		{ 0, 3, 3, 0 },	    { 65534, 65535, 1, 0 },
		{ 65534, 65535, 2, 1 }, { 65534, 0, 3, 1 }, { 65534, 65533, 1, 0 },
	};
	struct fixture *f = *state;

	f->q->event_idx = true;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		f->avail->idx = rows[i].first;
		f->used->idx = rows[i].first;
		queue_reset(f->q, rows[i].first);
		/* The first interrupt after a start always comes; behave as if it had. */
		f->q->signalled = rows[i].first;
		f->q->signalled_valid = true;
		f->avail->ring[SIZE] = rows[i].event;
		for (uint16_t n = 0; n < rows[i].count; n++) {
			offer_request(f, (uint16_t)(2 * n), FUSE_READ, 64);
			assert_int_equal(queue_submit(f->q, &f->memory), 1);
			assert_int_equal(avail_event(f), (uint16_t)(rows[i].first + n + 1));
			serve_head(f, (uint16_t)(2 * n), 0, 64);
		}
		assert_int_equal(queue_complete(f->q, &f->memory), rows[i].count);
		if (interrupts(f) != rows[i].wanted)
			fail_msg("row %zu: not %u interrupts", i, rows[i].wanted);
	}
}

/* Goal: without EVENT_IDX the guest's flag is obeyed. Method: set and clear it. */
static void no_interrupt_flag(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 2; i++) {
		f->avail->flags = i ? 0 : VRING_AVAIL_F_NO_INTERRUPT;
		offer_request(f, 0, FUSE_READ, 64);
		(void)queue_submit(f->q, &f->memory);
		serve_head(f, 0, 0, 64);
		assert_int_equal(queue_complete(f->q, &f->memory), 1);
		assert_int_equal(interrupts(f), i);
	}
	assert_int_equal(f->q->counts.interrupts, 1);
}

/* Goal: an indirect table is read where it is and passed on as it is. Method: a header in two pieces. */
static void indirect_table(void **state)
{
	struct fixture *f = *state;
	struct vring_desc *table = at(f, HIGH + 0x100);

	put_header(f, DATA_AT, FUSE_WRITE, IN_SIZE + 100);
	memmove(at(f, HIGH + 0x1000), at(f, DATA_AT + 10), IN_SIZE - 10);
	put_desc(&table[0], DATA_AT, 10, VRING_DESC_F_NEXT, 2);
	put_desc(&table[2], HIGH + 0x1000, IN_SIZE - 10 + 100, VRING_DESC_F_NEXT, 1);
	put_desc(&table[1], HIGH + 0x2000, 24, VRING_DESC_F_WRITE, 0);
	put_desc(&f->desc[3], HIGH + 0x100, 3 * sizeof(*table), VRING_DESC_F_INDIRECT, 0);
	offer(f, 3);
	assert_int_equal(queue_submit(f->q, &f->memory), 1);
	assert_int_equal(f->q->counts.op[FUSE_WRITE], 1);
	assert_int_equal(f->q->counts.bytes_to_device, IN_SIZE + 100);
	assert_memory_equal(&f->q->shadow.desc[3], &f->desc[3], sizeof(f->desc[0]));
	assert_int_equal(f->q->counts.malformed, 0);
}

static void case_loop(struct fixture *f)
{
	put_desc(&f->desc[0], DATA_AT, IN_SIZE, VRING_DESC_F_NEXT, 1);
	put_desc(&f->desc[1], DATA_AT, IN_SIZE, VRING_DESC_F_NEXT, 0);
}

static void case_next_outside(struct fixture *f)
{
	put_desc(&f->desc[0], DATA_AT, IN_SIZE, VRING_DESC_F_NEXT, SIZE);
}

static void case_address_in_hole(struct fixture *f)
{
	put_desc(&f->desc[0], LOW + REGION, IN_SIZE, 0, 0);
}

static void case_length_past_end(struct fixture *f)
{
	put_desc(&f->desc[0], DATA_AT, IN_SIZE, VRING_DESC_F_NEXT, 1);
	put_desc(&f->desc[1], HIGH + 0x100, UINT32_MAX, VRING_DESC_F_WRITE, 0);
}

static void case_address_wraps(struct fixture *f)
{
	put_desc(&f->desc[0], UINT64_MAX - 8, IN_SIZE, 0, 0);
}

static void case_short_header(struct fixture *f)
{
	put_desc(&f->desc[0], DATA_AT, IN_SIZE - 1, 0, 0);
}

static void case_header_says_too_much(struct fixture *f)
{
	put_header(f, DATA_AT, FUSE_READ, IN_SIZE + 1);
	put_desc(&f->desc[0], DATA_AT, IN_SIZE, 0, 0);
}

static void case_readable_behind_writable(struct fixture *f)
{
	put_desc(&f->desc[0], DATA_AT, IN_SIZE, VRING_DESC_F_NEXT, 1);
	put_desc(&f->desc[1], DATA_AT + 0x100, 16, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 2);
	put_desc(&f->desc[2], DATA_AT, IN_SIZE, 0, 0);
}

static void put_table(struct fixture *f, uint32_t len, uint16_t flags, uint16_t next)
{
	struct vring_desc *table = at(f, HIGH);

	put_desc(&table[0], DATA_AT, IN_SIZE, flags, next);
	put_desc(&table[1], DATA_AT, IN_SIZE, VRING_DESC_F_NEXT, 0);
	put_desc(&f->desc[0], HIGH, len, VRING_DESC_F_INDIRECT, 0);
}

static void case_table_loop(struct fixture *f)
{
	put_table(f, 2 * sizeof(struct vring_desc), VRING_DESC_F_NEXT, 1);
}

static void case_table_next_outside(struct fixture *f)
{
	put_table(f, sizeof(struct vring_desc), VRING_DESC_F_NEXT, 1);
}

static void case_table_odd_size(struct fixture *f)
{
	put_table(f, sizeof(struct vring_desc) + 1, 0, 0);
}

static void case_table_empty(struct fixture *f)
{
	put_table(f, 0, 0, 0);
}

static void case_table_in_table(struct fixture *f)
{
	put_table(f, sizeof(struct vring_desc), VRING_DESC_F_INDIRECT, 0);
}

static void case_table_outside(struct fixture *f)
{
	put_desc(&f->desc[0], LOW + REGION - 8, 32, VRING_DESC_F_INDIRECT, 0);
}

static void case_table_and_next(struct fixture *f)
{
	put_table(f, sizeof(struct vring_desc), 0, 0);
	f->desc[0].flags |= VRING_DESC_F_NEXT;
	f->desc[0].next = 1;
	put_desc(&f->desc[1], DATA_AT, IN_SIZE, 0, 0);
}

static void case_too_long(struct fixture *f)
{
	struct vring_desc *table = at(f, HIGH);

	for (uint16_t i = 0; i < 4096; i++)
		put_desc(&table[i], DATA_AT, 1, i == 4095 ? 0 : VRING_DESC_F_NEXT,
			 (uint16_t)(i + 1));
	put_desc(&f->desc[0], DATA_AT, IN_SIZE, VRING_DESC_F_NEXT, 1);
	put_desc(&f->desc[1], HIGH, 4096 * sizeof(*table), VRING_DESC_F_INDIRECT, 0);
}

/*
 * Goal: what a guest may do wrong is counted as such, passed on as it is, and harms nobody.
 * Method: one wrong chain each, then a good one.
 */
static void malformed_chains(void **state)
{
	static void (*const cases[])(struct fixture *) = {
		case_loop,
		case_next_outside,
		case_address_in_hole,
		case_length_past_end,
		case_address_wraps,
		case_short_header,
		case_header_says_too_much,
		case_readable_behind_writable,
		case_table_loop,
		case_table_next_outside,
		case_table_odd_size,
		case_table_empty,
		case_table_in_table,
		case_table_outside,
		case_table_and_next,
		case_too_long,
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		put_header(f, DATA_AT, FUSE_READ, IN_SIZE);
		cases[i](f);
		offer(f, 0);
		assert_int_equal(queue_submit(f->q, &f->memory), 1);
		if (f->q->counts.malformed != i + 1 || f->q->counts.requests != i)
			fail_msg("case %zu: %llu malformed, %llu requests", i,
				 (unsigned long long)f->q->counts.malformed,
				 (unsigned long long)f->q->counts.requests);
		assert_memory_equal(&f->q->shadow.desc[0], &f->desc[0], sizeof(f->desc[0]));
		assert_int_equal(f->q->shadow.avail->ring[(2 * i) % SIZE], 0);
		serve_head(f, 0, 0, 0);
		assert_int_equal(queue_complete(f->q, &f->memory), 1);
		offer_request(f, 4, FUSE_READ, 64);
		assert_int_equal(queue_submit(f->q, &f->memory), 1);
		assert_int_equal(f->q->counts.requests, i + 1);
		serve_head(f, 4, 0, 64);
		assert_int_equal(queue_complete(f->q, &f->memory), 1);
	}
}

/* Goal: heads and indexes that cannot be are passed on unread. Method: a head of 8 of 8, a jump of 9. */
static void wild_indexes(void **state)
{
	struct fixture *f = *state;

	offer(f, SIZE);
	assert_int_equal(queue_submit(f->q, &f->memory), 1);
	assert_int_equal(f->q->shadow.avail->ring[0], SIZE);
	assert_int_equal(f->q->counts.malformed, 1);
	offer_request(f, 0, FUSE_READ, 64);
	f->avail->idx = 1 + SIZE + 1;
	(void)queue_submit(f->q, &f->memory);
	assert_int_equal(f->q->shadow.avail->idx, 1 + SIZE + 1);
	assert_memory_equal(f->q->shadow.desc, f->desc, SIZE * sizeof(f->desc[0]));
	assert_int_equal(f->q->counts.malformed, 2);
	assert_int_equal(f->q->counts.requests, 0);
}

/* Goal: a reply of the daemon that cannot be is bounded. Method: wild id, wild length, wild error. */
static void wild_replies(void **state)
{
	struct fixture *f = *state;
	struct vring_used *used = f->q->shadow.used;

	offer_request(f, 0, FUSE_READ, 64);
	(void)queue_submit(f->q, &f->memory);
	used->ring[0] = (struct vring_used_elem){ 5000, 1 };
	used->idx = 1;
	assert_int_equal(queue_complete(f->q, &f->memory), 1);
	assert_int_equal(f->used->ring[0].id, 5000);
	assert_int_equal(f->q->counts.in_flight, 1);
	serve_head(f, 0, -5000, UINT32_MAX);
	assert_int_equal(queue_complete(f->q, &f->memory), 1);
	assert_int_equal(f->q->counts.bytes_from_device, 64);
	assert_int_equal(f->q->counts.error[0], 1);
	assert_int_equal(f->q->counts.in_flight, 0);
}

/* Goal: a stop gives back what the daemon never took. Method: three offered, one served, stop at two. */
static void stop_and_go_on(void **state)
{
	struct fixture *f = *state;

	for (uint16_t i = 0; i < 3; i++)
		offer_request(f, (uint16_t)(2 * i), FUSE_READ, 64);
	assert_int_equal(queue_submit(f->q, &f->memory), 3);
	serve_head(f, 0, 0, 64);
	f->q->stopping = true;
	offer_request(f, 6, FUSE_READ, 64);
	assert_int_equal(queue_submit(f->q, &f->memory), 0);
	serve_head(f, 2, 0, 64);
	queue_stop(f->q, &f->memory, 2);
	assert_int_equal(f->used->idx, 2);
	assert_int_equal(f->q->counts.op[FUSE_READ], 2);
	assert_int_equal(f->q->counts.in_flight, 0);
	queue_reset(f->q, 2);
	f->q->running = true;
	assert_int_equal(queue_submit(f->q, &f->memory), 2);
	assert_int_equal(f->q->counts.op[FUSE_READ], 4);
	assert_int_equal(f->q->shadow.used->idx, 2);
}

/* Goal: FUSE_INIT is noted, both halves of the flags. Method: an exchange with flags2. */
static void init_is_decoded(void **state)
{
	struct fixture *f = *state;
	const struct fuse_init_in in = { 7, 38, 4096, FUSE_INIT_EXT | 1, 2, { 0 } };
	const struct fuse_init_out out = { .major = 7,
					   .minor = 37,
					   .max_readahead = 131072,
					   .flags = FUSE_INIT_EXT | FUSE_ASYNC_READ,
					   .flags2 = 2,
					   .max_write = 1048576,
					   .max_pages = 256,
					   .max_background = 12,
					   .map_alignment = 12,
					   .time_gran = 1 };
	json_t *j = json_object();
	char *names;

	put_header(f, DATA_AT, FUSE_INIT, IN_SIZE + sizeof(in));
	memcpy(at(f, DATA_AT + IN_SIZE), &in, sizeof(in));
	put_desc(&f->desc[0], DATA_AT, IN_SIZE + sizeof(in), VRING_DESC_F_NEXT, 1);
	put_desc(&f->desc[1], DATA_AT + 0x100, OUT_SIZE, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 2);
	put_desc(&f->desc[2], HIGH, sizeof(out), VRING_DESC_F_WRITE, 0);
	offer(f, 0);
	assert_int_equal(queue_submit(f->q, &f->memory), 1);
	init_json(&f->init, j);
	assert_null(json_object_get(j, "fuse"));
	assert_string_equal(json_str_at(j, "init_flags_offered", ""), "0x240000001");
	memcpy(at(f, HIGH), &out, sizeof(out));
	serve_head(f, 0, 0, OUT_SIZE + sizeof(out));
	assert_int_equal(queue_complete(f->q, &f->memory), 1);
	init_json(&f->init, j);
	assert_string_equal(json_str_at(j, "fuse", ""), "7.37");
	assert_string_equal(json_str_at(j, "init_flags", ""), "0x240000001");
	names = json_dumps(json_object_get(j, "init_flag_names"), JSON_COMPACT);
	assert_string_equal(names, "[\"ASYNC_READ\",\"INIT_EXT\",\"HAS_INODE_DAX\"]");
	free(names);
	assert_int_equal(json_integer_value(json_object_get(j, "max_write")), 1048576);
	assert_int_equal(json_integer_value(json_object_get(j, "max_pages")), 256);
	assert_int_equal(json_integer_value(json_object_get(j, "max_readahead")), 131072);
	assert_int_equal(json_integer_value(json_object_get(j, "max_background")), 12);
	assert_int_equal(json_integer_value(json_object_get(j, "map_alignment")), 12);
	assert_int_equal(json_integer_value(json_object_get(j, "time_gran")), 1);
	json_decref(j);
}

/* ---- names ---- */

#define OPCODE(name)               \
	{                          \
		FUSE_##name, #name \
	}
#define FLAG(name)                 \
	{                          \
		FUSE_##name, #name \
	}

/* Goal: names are those of the kernel's header. Method: each that this header has, and no name twice. */
static void name_tables(void **state)
{
	static const struct {
		uint64_t value;
		const char *name;
	} opcodes[] = { OPCODE(LOOKUP),	 OPCODE(FORGET),       OPCODE(GETATTR),
			OPCODE(READ),	 OPCODE(WRITE),	       OPCODE(RELEASE),
			OPCODE(FSYNC),	 OPCODE(INIT),	       OPCODE(CREATE),
			OPCODE(DESTROY), OPCODE(BATCH_FORGET), OPCODE(READDIRPLUS),
			OPCODE(RENAME2), OPCODE(SETUPMAPPING), OPCODE(REMOVEMAPPING),
			OPCODE(SYNCFS),	 OPCODE(TMPFILE),      OPCODE(LSEEK) },
	  flags[] = { FLAG(ASYNC_READ),	     FLAG(ATOMIC_O_TRUNC), FLAG(BIG_WRITES),
		      FLAG(AUTO_INVAL_DATA), FLAG(DO_READDIRPLUS), FLAG(WRITEBACK_CACHE),
		      FLAG(PARALLEL_DIROPS), FLAG(POSIX_ACL),	   FLAG(MAX_PAGES),
		      FLAG(MAP_ALIGNMENT),   FLAG(SUBMOUNTS),	   FLAG(HANDLE_KILLPRIV_V2),
		      FLAG(SETXATTR_EXT),    FLAG(INIT_EXT),	   FLAG(SECURITY_CTX),
		      FLAG(HAS_INODE_DAX),   FLAG(HAS_EXPIRE_ONLY) };
	size_t count;
	const struct metric_def *m = relay_op_metrics(&count);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(opcodes); i++)
		assert_string_equal(fuse_opcode_name((uint32_t)opcodes[i].value), opcodes[i].name);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		assert_string_equal(
			fuse_flag_name((unsigned)__builtin_ctzll(flags[i].value & UINT64_MAX)),
			flags[i].name);
	assert_null(fuse_opcode_name(0));
	assert_null(fuse_opcode_name(CUSE_INIT));
	assert_null(fuse_flag_name(63));
	assert_null(fuse_flag_name(64));
	/* One metric per name, and each can be found among the opcodes. */
	for (size_t i = 0; i < count; i++) {
		size_t found = 0;

		for (uint32_t op = 0; op < FUSE_OPCODES; op++)
			found += fuse_opcode_name(op) &&
				 strcmp(fuse_opcode_name(op), m[i].name + strlen("ops.")) == 0;
		assert_int_equal(found, 1);
		assert_string_equal(m[i].name, m[i].path);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(m[i].name, m[j].name);
	}
	for (size_t i = 0; i < RELAY_METRIC_COUNT; i++)
		assert_non_null(relay_metric((enum relay_metric)i)->name);
}

/* ---- memory ---- */

/* Goal: no address outside what the VMM gave is ever followed. Method: edges, holes, wraps, overlaps. */
static void memory_bounds(void **state)
{
	struct fixture *f = *state;
	struct vhost_user_mem_region r = region_of(0);
	uint8_t byte[32];

	assert_non_null(memory_at(&f->memory, 0, REGION));
	assert_null(memory_at(&f->memory, 0, REGION + 1));
	assert_null(memory_at(&f->memory, 1, REGION));
	assert_null(memory_at(&f->memory, REGION, 1));
	assert_null(memory_at(&f->memory, HIGH - 1, 2));
	assert_null(memory_at(&f->memory, 8, UINT64_MAX));
	assert_non_null(memory_at(&f->memory, HIGH + REGION - 1, 1));
	assert_null(memory_at_user(&f->memory, 0, 1));
	assert_ptr_equal(memory_at_user(&f->memory, USER(HIGH) + 5, 1),
			 memory_at(&f->memory, HIGH + 5, 1));
	assert_int_equal(memory_read(&f->memory, REGION - 16, byte, 32), -EFAULT);
	assert_int_equal(memory_read(&f->memory, UINT64_MAX - 8, byte, 32), -EFAULT);

	assert_int_equal(memory_add(&f->memory, &r, f->fd[0], &f->err), -EINVAL);
	r.guest_addr = REGION - 1;
	assert_int_equal(memory_add(&f->memory, &r, f->fd[0], &f->err), -EINVAL);
	/* Regions that touch are read as one. */
	r = (struct vhost_user_mem_region){ REGION, REGION, USER(REGION), 0 };
	assert_int_equal(memory_add(&f->memory, &r, f->fd[0], &f->err), 0);
	assert_int_equal(memory_read(&f->memory, REGION - 16, byte, 32), 0);
	assert_int_equal(memory_remove(&f->memory, &r, &f->err), 0);
	assert_int_equal(memory_remove(&f->memory, &r, &f->err), -ENOENT);
	r.size = UINT64_MAX - 2;
	assert_int_equal(memory_add(&f->memory, &r, f->fd[0], &f->err), -EINVAL);
	r = (struct vhost_user_mem_region){ REGION, REGION, USER(REGION), 4096 };
	assert_int_equal(memory_add(&f->memory, &r, f->fd[0], &f->err), -EINVAL);
	assert_non_null(strstr(f->err.text, "too short"));
	r = (struct vhost_user_mem_region){ SHADOW_GUEST_ADDR, REGION, USER(REGION), 0 };
	assert_int_equal(memory_add(&f->memory, &r, f->fd[0], &f->err), -EINVAL);
}

/* ---- the relay as a process ---- */

static int listen_at(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static int connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void start(struct fixture *f)
{
	struct relay_config c = { .daemon_socket = f->daemon_path };

	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/vq-test-relay-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->vmm_path, sizeof(f->vmm_path), "%s/vmm", f->dir);
	(void)snprintf(f->daemon_path, sizeof(f->daemon_path), "%s/daemon", f->dir);
	f->daemon_listen = listen_at(f->daemon_path);
	c.listen_fd = listen_at(f->vmm_path);
	assert_int_equal(relay_start(&c, &f->relay, &f->err), 0);
	(void)close(c.listen_fd);
	f->vmm.fd = connect_to(f->vmm_path);
	f->daemon.fd = accept(f->daemon_listen, NULL, NULL);
	assert_true(f->daemon.fd >= 0);
}

/* The next message on a fake's side; its descriptors are the fixture's until the next call. */
static struct message *get(struct fixture *f, struct channel *c, uint32_t request)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	int e = 0;

	while (e == 0) {
		if (poll(&p, 1, WAIT_MS) != 1)
			fail_msg("no message %u came", request);
		e = channel_recv(c, &f->err);
	}
	if (e < 0)
		fail_msg("instead of message %u: %s", request, f->err.text);
	message_close_fds(&f->last);
	f->last = c->in;
	c->in.fd_count = 0;
	channel_next(c);
	assert_int_equal(f->last.head.request, request);
	return &f->last;
}

static bool silent(const struct channel *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	return poll(&p, 1, 50) == 0;
}

static bool closed(const struct channel *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	char byte;
	ssize_t n = poll(&p, 1, WAIT_MS) == 1 ? recv(c->fd, &byte, 1, MSG_DONTWAIT) : 1;

	/* Closed before all we sent was read: that is a reset. */
	return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void put(struct fixture *f, const struct channel *c, uint32_t request, uint32_t flags,
		const void *body, uint32_t size, const int *fds, size_t fd_count)
{
	static struct message m;

	m.head = (struct vhost_user_header){ request, VHOST_USER_VERSION | flags, size };
	if (size)
		memcpy(&m.body, body, size);
	m.fd_count = fd_count;
	if (fd_count)
		memcpy(m.fd, fds, fd_count * sizeof(*fds));
	if (channel_send(c, &m, &f->err) < 0)
		fail_msg("%s", f->err.text);
}

static void put_u64(struct fixture *f, const struct channel *c, uint32_t request, uint32_t flags,
		    uint64_t value)
{
	put(f, c, request, flags, &value, sizeof(value), NULL, 0);
}

/* The VMM asks, the daemon answers @value; what the VMM gets. */
static uint64_t ask(struct fixture *f, uint32_t request, uint64_t value)
{
	put(f, &f->vmm, request, 0, NULL, 0, NULL, 0);
	(void)get(f, &f->daemon, request);
	put_u64(f, &f->daemon, request, VHOST_USER_FLAG_REPLY, value);
	return get(f, &f->vmm, request)->body.u64;
}

static uint64_t told(struct fixture *f, uint32_t request, uint64_t value)
{
	put_u64(f, &f->vmm, request, 0, value);
	return get(f, &f->daemon, request)->body.u64;
}

#define RUST_FEATURES UINT64_C(0x174000000)
#define RUST_PROTOCOL UINT64_C(0x8a42b)

static void negotiate(struct fixture *f, uint64_t protocol)
{
	assert_int_equal(ask(f, VHOST_USER_GET_FEATURES, RUST_FEATURES), 0x170000000);
	assert_int_equal(ask(f, VHOST_USER_GET_PROTOCOL_FEATURES, RUST_PROTOCOL), 0xa009);
	assert_int_equal(told(f, VHOST_USER_SET_PROTOCOL_FEATURES, protocol), protocol);
	/* EVENT_IDX stays between guest and relay. */
	assert_int_equal(told(f, VHOST_USER_SET_FEATURES, 0x170000000), 0x150000000);
}

static void state(struct fixture *f, uint32_t request, uint32_t index, uint32_t num)
{
	const struct vhost_user_vring_state s = { index, num };

	put(f, &f->vmm, request, 0, &s, sizeof(s), NULL, 0);
	assert_memory_equal(&get(f, &f->daemon, request)->body.state, &s, sizeof(s));
}

/* Memory by table, one ring with index 1; the daemon's ends of kick and call are returned. */
static void set_up_ring(struct fixture *f, int kick, int call, int *ret_kick, int *ret_call)
{
	const struct vhost_user_mem_table t = { 2, 0, { region_of(0), region_of(1) } };
	const struct vhost_user_vring_addr a = { 1, 0, USER(DESC_AT), USER(USED_AT), USER(AVAIL_AT),
						 0 };
	struct message *m;

	put(f, &f->vmm, VHOST_USER_SET_MEM_TABLE, 0, &t, 8 + 2 * 32, f->fd, 2);
	m = get(f, &f->daemon, VHOST_USER_SET_MEM_TABLE);
	assert_int_equal(m->body.table.count, 3);
	assert_int_equal(m->fd_count, 3);
	assert_int_equal(m->head.size, 8 + 3 * 32);
	assert_int_equal(m->body.table.region[2].guest_addr, SHADOW_GUEST_ADDR);
	assert_int_equal(m->body.table.region[2].user_addr, SHADOW_USER_ADDR);
	f->rings = mmap(NULL, SHADOW_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd[2], 0);
	assert_ptr_not_equal(f->rings, MAP_FAILED);
	state(f, VHOST_USER_SET_VRING_NUM, 1, SIZE);
	state(f, VHOST_USER_SET_VRING_BASE, 1, 0);
	put(f, &f->vmm, VHOST_USER_SET_VRING_ADDR, 0, &a, sizeof(a), NULL, 0);
	m = get(f, &f->daemon, VHOST_USER_SET_VRING_ADDR);
	assert_int_equal(m->body.addr.desc_user_addr, SHADOW_USER_ADDR + SHADOW_RING_SIZE);
	put(f, &f->vmm, VHOST_USER_SET_VRING_KICK, 0, &(uint64_t){ 1 }, 8, &kick, 1);
	m = get(f, &f->daemon, VHOST_USER_SET_VRING_KICK);
	*ret_kick = dup(m->fd[0]);
	put(f, &f->vmm, VHOST_USER_SET_VRING_CALL, 0, &(uint64_t){ 1 }, 8, &call, 1);
	m = get(f, &f->daemon, VHOST_USER_SET_VRING_CALL);
	*ret_call = dup(m->fd[0]);
}

static bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static json_t *snapshot(struct fixture *f)
{
	json_t *j = NULL;

	if (relay_snapshot(f->relay, clock_deadline_ms(WAIT_MS), &j, &f->err) < 0)
		fail_msg("%s", f->err.text);
	return j;
}

static double at_path(json_t *j, const char *path)
{
	double value = -1;

	return json_number_at(j, path, &value) == 0 ? value : -1;
}

/*
 * Goal: one request goes from a VMM's ring to a daemon's and back, and a snapshot has it.
 * Method: a fake VMM and a fake daemon at the sockets of a relay process.
 */
static void through_the_process(void **test)
{
	struct fixture *f = *test;
	int kick = eventfd(0, EFD_NONBLOCK), call = eventfd(0, EFD_NONBLOCK);
	int daemon_kick, daemon_call;
	uint64_t one = 1;
	struct vhost_user_vring_state s = { 1, 1 };
	json_t *j;

	start(f);
	negotiate(f, 0xa009);
	set_up_ring(f, kick, call, &daemon_kick, &daemon_call);
	queue_free(f->q);
	queue_init(f->q, 1, (uint8_t *)f->rings + SHADOW_RING_SIZE, &f->init);
	/* Nothing is taken before the ring is enabled, and that the daemon has acknowledged. */
	offer_request(f, 0, FUSE_READ, 64);
	assert_true(write(kick, &one, sizeof(one)) == sizeof(one));
	put(f, &f->vmm, VHOST_USER_SET_VRING_ENABLE, 0, &s, sizeof(s), NULL, 0);
	assert_true(get(f, &f->daemon, VHOST_USER_SET_VRING_ENABLE)->head.flags &
		    VHOST_USER_FLAG_NEED_REPLY);
	assert_false(readable(daemon_kick, 50));
	put_u64(f, &f->daemon, VHOST_USER_SET_VRING_ENABLE, VHOST_USER_FLAG_REPLY, 0);
	assert_true(readable(daemon_kick, WAIT_MS));
	assert_true(silent(&f->vmm));
	assert_int_equal(f->q->shadow.avail->idx, 1);
	serve_head(f, 0, -EIO, 64);
	assert_true(write(daemon_call, &one, sizeof(one)) == sizeof(one));
	assert_true(readable(call, WAIT_MS));
	assert_int_equal(f->used->idx, 1);
	j = snapshot(f);
	assert_true(at_path(j, "total.ops.READ") == 1);
	assert_true(at_path(j, "total.kicks") == 1);
	assert_true(at_path(j, "total.interrupts") == 1);
	assert_true(at_path(j, "total.errors.EIO") == 1);
	assert_true(at_path(j, "queues[1].requests") == 1);
	assert_true(at_path(j, "negotiated.queue_size") == SIZE);
	assert_string_equal(json_str_at(j, "masked.virtio_features", ""), "0x4000000");
	assert_string_equal(json_str_at(j, "masked.protocol_features", ""), "0x80422");
	json_decref(j);
	/* Stop: what the daemon finished last is still handed over. */
	offer_request(f, 4, FUSE_READ, 64);
	assert_true(write(kick, &one, sizeof(one)) == sizeof(one));
	assert_true(readable(daemon_kick, WAIT_MS));
	s.num = 0;
	put(f, &f->vmm, VHOST_USER_GET_VRING_BASE, 0, &s, sizeof(s), NULL, 0);
	(void)get(f, &f->daemon, VHOST_USER_GET_VRING_BASE);
	serve_head(f, 4, 0, 64);
	s.num = 2;
	put(f, &f->daemon, VHOST_USER_GET_VRING_BASE, VHOST_USER_FLAG_REPLY, &s, sizeof(s), NULL,
	    0);
	assert_int_equal(get(f, &f->vmm, VHOST_USER_GET_VRING_BASE)->body.state.num, 2);
	assert_int_equal(f->used->idx, 2);
	/* The VMM leaves: the daemon is left too, and the relay ends well. */
	channel_close(&f->vmm);
	assert_true(closed(&f->daemon));
	assert_int_equal(relay_stop(f->relay, &f->err), 0);
	f->relay = NULL;
	(void)close(daemon_kick);
	(void)close(daemon_call);
	(void)close(kick);
	(void)close(call);
}

/*
 * Goal: where memory comes in slots the shadow rings take one. Method: the first region is announced
 * after ours, whose acknowledgement the VMM does not see; slots are one fewer.
 */
static void memory_in_slots(void **test)
{
	struct fixture *f = *test;
	const struct vhost_user_mem_reg r = { 0, region_of(0) };
	struct message *m;

	start(f);
	negotiate(f, 0xa009);
	assert_int_equal(ask(f, VHOST_USER_GET_MAX_MEM_SLOTS, 32), 31);
	put(f, &f->vmm, VHOST_USER_ADD_MEM_REG, VHOST_USER_FLAG_NEED_REPLY, &r, sizeof(r), f->fd,
	    1);
	m = get(f, &f->daemon, VHOST_USER_ADD_MEM_REG);
	assert_int_equal(m->body.reg.region.guest_addr, SHADOW_GUEST_ADDR);
	assert_int_equal(m->fd_count, 1);
	m = get(f, &f->daemon, VHOST_USER_ADD_MEM_REG);
	assert_int_equal(m->body.reg.region.guest_addr, LOW);
	put_u64(f, &f->daemon, VHOST_USER_ADD_MEM_REG, VHOST_USER_FLAG_REPLY, 0);
	assert_true(silent(&f->vmm));
	put_u64(f, &f->daemon, VHOST_USER_ADD_MEM_REG, VHOST_USER_FLAG_REPLY, 0);
	assert_int_equal(get(f, &f->vmm, VHOST_USER_ADD_MEM_REG)->body.u64, 0);
}

/* One thing that no vhost-user front end may send, and what the relay's last words hold. */
struct bad_message {
	struct vhost_user_header head;
	uint32_t sent; /* bytes behind the header */
	size_t fds;
	const char *words;
};

static const struct bad_message bad_messages[] = {
	{ { VHOST_USER_SET_FEATURES, 2, 8 }, 8, 0, "version 2" },
	{ { VHOST_USER_SET_FEATURES, 1, 4097 }, 0, 0, "4097 bytes" },
	{ { VHOST_USER_SET_FEATURES, 1, UINT32_MAX }, 0, 0, "4294967295 bytes" },
	{ { VHOST_USER_SET_FEATURES, 1, 7 }, 7, 0, "SET_FEATURES with 7 bytes instead of 8" },
	{ { VHOST_USER_SET_FEATURES, 1, 8 }, 8, 1, "SET_FEATURES with 1 descriptors" },
	{ { VHOST_USER_SET_VRING_NUM, 1, 8 }, 8, 0, "queue 16843009" },
	{ { VHOST_USER_SET_LOG_BASE, 1, 16 }, 16, 0, "message 6, which the relay cannot" },
	{ { 0, 1, 0 }, 0, 0, "message 0, which the relay cannot" },
	{ { UINT32_MAX, 1, 0 }, 0, 0, "message 4294967295, which the relay cannot" },
	{ { VHOST_USER_SET_MEM_TABLE, 1, 8 }, 8, 0, "memory regions" },
	{ { VHOST_USER_SET_VRING_KICK, 1, 8 }, 8, 0, "no descriptor to notify by" },
	{ { VHOST_USER_ADD_MEM_REG, 1, 40 }, 40, 0, "without a descriptor" },
	{ { VHOST_USER_SET_VRING_ADDR, 1, 40 }, 40, 0, "queue 16843009" },
};

static void send_bad(struct fixture *f, const struct bad_message *b)
{
	static struct message m;

	memset(&m, 0, sizeof(m));
	m.head = b->head;
	/* All bytes 1, so that a number in it is a large one; a kick's index is 1. */
	memset(m.body.bytes, b->head.request == VHOST_USER_SET_VRING_KICK ? 0 : 1, b->sent);
	m.fd[0] = f->fd[0];
	m.fd_count = b->fds;
	if (b->sent == b->head.size) {
		assert_int_equal(channel_send(&f->vmm, &m, &f->err), 0);
		return;
	}
	assert_true(send(f->vmm.fd, &m.head, sizeof(m.head), 0) == (ssize_t)sizeof(m.head));
}

/* Goal: what the VMM may not send ends the relay, in words, both sockets closed. Method: one each. */
static void bad_messages_end_it(void **test)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_messages); i++) {
		struct fixture *f;
		json_t *j = NULL;

		if (i > 0) {
			assert_int_equal(teardown(test), 0);
			assert_int_equal(setup(test), 0);
		}
		f = *test;
		start(f);
		send_bad(f, &bad_messages[i]);
		assert_true(closed(&f->vmm));
		assert_true(closed(&f->daemon));
		assert_int_equal(relay_snapshot(f->relay, clock_deadline_ms(WAIT_MS), &j, &f->err),
				 -EPIPE);
		if (!strstr(f->err.text, bad_messages[i].words))
			fail_msg("message %zu: '%s' does not say '%s'", i, f->err.text,
				 bad_messages[i].words);
	}
}

/* Goal: a daemon that leaves takes the device along and is named. Method: close its socket. */
static void daemon_leaves(void **test)
{
	struct fixture *f = *test;

	start(f);
	negotiate(f, 0xa009);
	channel_close(&f->daemon);
	assert_true(closed(&f->vmm));
	assert_int_equal(relay_stop(f->relay, &f->err), -EPROTO);
	f->relay = NULL;
	assert_non_null(strstr(f->err.text, "the daemon has left"));
}

/* Goal: a stop does not wait for peers. Method: stop while a reply is outstanding; the child is gone. */
static void stop_in_between(void **test)
{
	struct fixture *f = *test;
	pid_t pid;

	start(f);
	put(f, &f->vmm, VHOST_USER_GET_FEATURES, 0, NULL, 0, NULL, 0);
	(void)get(f, &f->daemon, VHOST_USER_GET_FEATURES);
	pid = relay_pid(f->relay);
	assert_int_equal(kill(pid, 0), 0);
	assert_int_equal(relay_stop(f->relay, &f->err), 0);
	f->relay = NULL;
	assert_int_equal(kill(pid, 0), -1);
	assert_true(closed(&f->vmm));
	assert_true(closed(&f->daemon));
}

/* Goal: no daemon is an error that names the socket. Method: a path where nobody listens. */
static void no_daemon(void **test)
{
	struct fixture *f = *test;
	const struct relay_config c = { .listen_fd = -1, .daemon_socket = "/nowhere/daemon" };

	assert_int_equal(relay_start(&c, &f->relay, &f->err), -ENOENT);
	assert_null(f->relay);
	assert_non_null(strstr(f->err.text, "/nowhere/daemon"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_goes_round), TEST(counters_wrap),   TEST(event_idx),
		TEST(no_interrupt_flag),    TEST(indirect_table),  TEST(malformed_chains),
		TEST(wild_indexes),	    TEST(wild_replies),	   TEST(stop_and_go_on),
		TEST(init_is_decoded),	    TEST(name_tables),	   TEST(memory_bounds),
		TEST(through_the_process),  TEST(memory_in_slots), TEST(bad_messages_end_it),
		TEST(daemon_leaves),	    TEST(stop_in_between), TEST(no_daemon),
	};

	(void)alarm(PATIENCE_S);
	return cmocka_run_group_tests_name("test_relay", tests, NULL, NULL) ? 1 : 0;
}
