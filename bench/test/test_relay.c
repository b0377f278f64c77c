// SPDX-License-Identifier: Apache-2.0
/*
 * The relay's rings, driven by a *fake* guest and a *fake* daemon (both are this process): nothing
 * here is a real VMM or a real daemon. real_observe.c has those; what is malformed is in
 * test_relay_malformed.c, the relay as a process in test_relay_process.c.
 */
#include "fake_guest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "relay/relay.h"

#define PATIENCE_S 60

static uint64_t interrupts(struct fake_guest *f)
{
	uint64_t n = 0;

	return read(f->call, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static uint16_t avail_event(struct fake_guest *f)
{
	uint16_t value;

	memcpy(&value, &f->used->ring[RING_SIZE], sizeof(value));
	return value;
}

/* ---- rings ---- */

/* Goal: a chain means the same on both sides and is counted once. Method: one request, there and back. */
static void a_request_goes_round(void **state)
{
	struct fake_guest *f = *state;
	struct counts *c = &f->q->counts;

	fake_offer_request(f, 2, FUSE_GETATTR, 120);
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
	fake_serve_head(f, 2, -ENOENT, OUT_SIZE);
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
	struct fake_guest *f = *state;

	f->avail->idx = 65530;
	f->used->idx = 65530;
	queue_reset(f->q, 65530);
	for (unsigned i = 0; i < 20; i++) {
		uint16_t head = i % 2 ? 0 : 4;

		fake_offer_request(f, head, FUSE_READ, 64);
		assert_int_equal(queue_submit(f->q, &f->memory), 1);
		assert_int_equal(f->q->shadow.avail->idx, (uint16_t)(65531 + i));
		assert_int_equal(f->q->shadow.avail->ring[(65530 + i) % RING_SIZE], head);
		fake_serve_head(f, head, 0, 64);
		assert_int_equal(queue_complete(f->q, &f->memory), 1);
		assert_int_equal(f->used->idx, (uint16_t)(65531 + i));
		assert_int_equal(f->used->ring[(65530 + i) % RING_SIZE].id, head);
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
	struct fake_guest *f = *state;

	f->q->event_idx = true;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		f->avail->idx = rows[i].first;
		f->used->idx = rows[i].first;
		queue_reset(f->q, rows[i].first);
		/* The first interrupt after a start always comes; behave as if it had. */
		f->q->signalled = rows[i].first;
		f->q->signalled_valid = true;
		f->avail->ring[RING_SIZE] = rows[i].event;
		for (uint16_t n = 0; n < rows[i].count; n++) {
			fake_offer_request(f, (uint16_t)(2 * n), FUSE_READ, 64);
			assert_int_equal(queue_submit(f->q, &f->memory), 1);
			assert_int_equal(avail_event(f), (uint16_t)(rows[i].first + n + 1));
			fake_serve_head(f, (uint16_t)(2 * n), 0, 64);
		}
		assert_int_equal(queue_complete(f->q, &f->memory), rows[i].count);
		if (interrupts(f) != rows[i].wanted)
			fail_msg("row %zu: not %u interrupts", i, rows[i].wanted);
	}
}

/* Goal: without EVENT_IDX the guest's flag is obeyed. Method: set and clear it. */
static void no_interrupt_flag(void **state)
{
	struct fake_guest *f = *state;

	for (unsigned i = 0; i < 2; i++) {
		f->avail->flags = i ? 0 : VRING_AVAIL_F_NO_INTERRUPT;
		fake_offer_request(f, 0, FUSE_READ, 64);
		(void)queue_submit(f->q, &f->memory);
		fake_serve_head(f, 0, 0, 64);
		assert_int_equal(queue_complete(f->q, &f->memory), 1);
		assert_int_equal(interrupts(f), i);
	}
	assert_int_equal(f->q->counts.interrupts, 1);
}

/* Goal: an indirect table is read where it is and passed on as it is. Method: a header in two pieces. */
static void indirect_table(void **state)
{
	struct fake_guest *f = *state;
	struct vring_desc *table = fake_at(f, HIGH + 0x100);

	fake_put_header(f, DATA_AT, FUSE_WRITE, IN_SIZE + 100);
	memmove(fake_at(f, HIGH + 0x1000), fake_at(f, DATA_AT + 10), IN_SIZE - 10);
	fake_put_desc(&table[0], DATA_AT, 10, VRING_DESC_F_NEXT, 2);
	fake_put_desc(&table[2], HIGH + 0x1000, IN_SIZE - 10 + 100, VRING_DESC_F_NEXT, 1);
	fake_put_desc(&table[1], HIGH + 0x2000, 24, VRING_DESC_F_WRITE, 0);
	fake_put_desc(&f->desc[3], HIGH + 0x100, 3 * sizeof(*table), VRING_DESC_F_INDIRECT, 0);
	fake_offer(f, 3);
	assert_int_equal(queue_submit(f->q, &f->memory), 1);
	assert_int_equal(f->q->counts.op[FUSE_WRITE], 1);
	assert_int_equal(f->q->counts.bytes_to_device, IN_SIZE + 100);
	assert_memory_equal(&f->q->shadow.desc[3], &f->desc[3], sizeof(f->desc[0]));
	assert_int_equal(f->q->counts.malformed, 0);
}

/* Goal: a stop gives back what the daemon never took. Method: three offered, one served, stop at two. */
static void stop_and_go_on(void **state)
{
	struct fake_guest *f = *state;

	for (uint16_t i = 0; i < 3; i++)
		fake_offer_request(f, (uint16_t)(2 * i), FUSE_READ, 64);
	assert_int_equal(queue_submit(f->q, &f->memory), 3);
	fake_serve_head(f, 0, 0, 64);
	f->q->stopping = true;
	fake_offer_request(f, 6, FUSE_READ, 64);
	assert_int_equal(queue_submit(f->q, &f->memory), 0);
	fake_serve_head(f, 2, 0, 64);
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
	struct fake_guest *f = *state;
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

	fake_put_header(f, DATA_AT, FUSE_INIT, IN_SIZE + sizeof(in));
	memcpy(fake_at(f, DATA_AT + IN_SIZE), &in, sizeof(in));
	fake_put_desc(&f->desc[0], DATA_AT, IN_SIZE + sizeof(in), VRING_DESC_F_NEXT, 1);
	fake_put_desc(&f->desc[1], DATA_AT + 0x100, OUT_SIZE,
		      VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 2);
	fake_put_desc(&f->desc[2], HIGH, sizeof(out), VRING_DESC_F_WRITE, 0);
	fake_offer(f, 0);
	assert_int_equal(queue_submit(f->q, &f->memory), 1);
	init_json(&f->init, j);
	assert_null(json_object_get(j, "fuse"));
	assert_string_equal(json_str_at(j, "init_flags_offered", ""), "0x240000001");
	memcpy(fake_at(f, HIGH), &out, sizeof(out));
	fake_serve_head(f, 0, 0, OUT_SIZE + sizeof(out));
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_goes_round), TEST(counters_wrap),  TEST(event_idx),
		TEST(no_interrupt_flag),    TEST(indirect_table), TEST(stop_and_go_on),
		TEST(init_is_decoded),	    TEST(name_tables),
	};

	(void)alarm(PATIENCE_S);
	return cmocka_run_group_tests_name("test_relay", tests, NULL, NULL) ? 1 : 0;
}
