// SPDX-License-Identifier: Apache-2.0
/*
 * A daemon with a DAX window behind the relay, between a *fake* VMM and a *fake* daemon: the socket by which
 * the daemon asks for mappings is handed through, and nothing of it without all that it takes.
 */
#include "fake_ends.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"

#define PATIENCE_S 60
#define BIT(n)	   (UINT64_C(1) << (n))
#define FEATURES   UINT64_C(0x170000000)
/* MQ, REPLY_ACK, STATUS, CONFIGURE_MEM_SLOTS: what a device without a window has here. */
#define PLAIN	UINT64_C(0x18009)
#define REQ	BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ)
#define SEND_FD BIT(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD)
#define SHMEM	BIT(VHOST_USER_PROTOCOL_F_SHMEM)
#define WINDOW	(REQ | SEND_FD | SHMEM)

static void negotiate(struct fake_ends *f, uint64_t offered, uint64_t seen, uint64_t acked)
{
	assert_int_equal(ends_ask(f, VHOST_USER_GET_FEATURES, FEATURES), FEATURES);
	assert_int_equal(ends_ask(f, VHOST_USER_GET_PROTOCOL_FEATURES, offered), seen);
	ends_put_u64(f, &f->vmm, VHOST_USER_SET_PROTOCOL_FEATURES, 0, acked);
}

static void negotiate_window(struct fake_ends *f)
{
	negotiate(f, PLAIN | WINDOW, PLAIN | WINDOW, PLAIN | WINDOW);
	assert_int_equal(ends_get(f, &f->daemon, VHOST_USER_SET_PROTOCOL_FEATURES)->body.u64,
			 PLAIN | WINDOW);
}

static bool same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

/* ---- the channel ---- */

/* The VMM's end and the daemon's of the socket for mappings, through the relay. */
struct link {
	struct channel vmm;
	struct channel daemon;
};

static void hand_over(struct fake_ends *f, struct link *l)
{
	struct message *m;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	ends_put(f, &f->vmm, VHOST_USER_SET_BACKEND_REQ_FD, VHOST_USER_FLAG_NEED_REPLY, NULL, 0,
		 &fds[1], 1);
	m = ends_get(f, &f->daemon, VHOST_USER_SET_BACKEND_REQ_FD);
	assert_int_equal(m->fd_count, 1);
	assert_true(same_file(m->fd[0], fds[1]));
	*l = (struct link){ { .fd = fds[0], .who = "VMM" },
			    { .fd = dup(m->fd[0]), .who = "daemon" } };
	(void)close(fds[1]);
	ends_put_u64(f, &f->daemon, VHOST_USER_SET_BACKEND_REQ_FD, VHOST_USER_FLAG_REPLY, 0);
	assert_int_equal(ends_get(f, &f->vmm, VHOST_USER_SET_BACKEND_REQ_FD)->body.u64, 0);
}

/* What QEMU does for each map and unmap: the daemon hears of memory while it waits for its own answer. */
static void memory_message(struct fake_ends *f, uint32_t request,
			   const struct vhost_user_mem_region *region, const int *fd)
{
	const struct vhost_user_mem_reg r = { 0, *region };
	struct message *m;

	ends_put(f, &f->vmm, request, VHOST_USER_FLAG_NEED_REPLY, &r, sizeof(r), fd, fd ? 1 : 0);
	m = ends_get(f, &f->daemon, request);
	assert_memory_equal(&m->body.reg, &r, sizeof(r));
	ends_put_u64(f, &f->daemon, request, VHOST_USER_FLAG_REPLY, 0);
	assert_int_equal(ends_get(f, &f->vmm, request)->body.u64, 0);
}

static void first_memory(struct fake_ends *f)
{
	const struct vhost_user_mem_reg r = { 0, fake_region(0) };

	ends_put(f, &f->vmm, VHOST_USER_ADD_MEM_REG, VHOST_USER_FLAG_NEED_REPLY, &r, sizeof(r),
		 f->g.fd, 1);
	/* The shadow rings come first, see memory_in_slots of test_relay_process.c. */
	for (int i = 0; i < 2; i++) {
		(void)ends_get(f, &f->daemon, VHOST_USER_ADD_MEM_REG);
		ends_put_u64(f, &f->daemon, VHOST_USER_ADD_MEM_REG, VHOST_USER_FLAG_REPLY, 0);
	}
	(void)ends_get(f, &f->vmm, VHOST_USER_ADD_MEM_REG);
}

static void answer(struct fake_ends *f, struct link *l, uint32_t request, uint64_t value)
{
	ends_put_u64(f, &l->vmm, request, VHOST_USER_FLAG_REPLY, value);
	assert_int_equal(ends_get(f, &l->daemon, request)->body.u64, value);
}

/* One mapping made and taken away again, byte for byte what the daemon said, with its descriptor. */
static void map_and_unmap(struct fake_ends *f, struct link *l, int file)
{
	const struct vhost_user_mmap map = { .fd_offset = 0x200000,
					     .shm_offset = 0x400000,
					     .len = REGION,
					     .flags = VHOST_USER_MMAP_FLAG_RW };
	const struct vhost_user_mem_region region = { 4 * HIGH, REGION, USER(4 * HIGH), 0 };
	struct message *m;

	ends_put(f, &l->daemon, VHOST_USER_BACKEND_SHMEM_MAP, VHOST_USER_FLAG_NEED_REPLY, &map,
		 sizeof(map), &file, 1);
	m = ends_get(f, &l->vmm, VHOST_USER_BACKEND_SHMEM_MAP);
	assert_int_equal(m->head.size, sizeof(map));
	assert_int_equal(m->head.flags, VHOST_USER_VERSION | VHOST_USER_FLAG_NEED_REPLY);
	assert_memory_equal(m->body.bytes, &map, sizeof(map));
	assert_int_equal(m->fd_count, 1);
	assert_true(same_file(m->fd[0], file));
	memory_message(f, VHOST_USER_ADD_MEM_REG, &region, &file);
	answer(f, l, VHOST_USER_BACKEND_SHMEM_MAP, 0);

	ends_put(f, &l->daemon, VHOST_USER_BACKEND_SHMEM_UNMAP, VHOST_USER_FLAG_NEED_REPLY, &map,
		 sizeof(map), NULL, 0);
	m = ends_get(f, &l->vmm, VHOST_USER_BACKEND_SHMEM_UNMAP);
	assert_memory_equal(m->body.bytes, &map, sizeof(map));
	assert_int_equal(m->fd_count, 0);
	memory_message(f, VHOST_USER_REM_MEM_REG, &region, NULL);
	/* A refusal is the VMM's word to the daemon; the relay has no opinion. */
	answer(f, l, VHOST_USER_BACKEND_SHMEM_UNMAP, 1);
}

/* What makes no sense there is between the two: not a byte is added, or taken away. */
static void nonsense_goes_through(struct link *l)
{
	static const char nonsense[] = "\xff\xff\xff\xffno message";
	char seen[sizeof(nonsense)] = { 0 };

	assert_true(send(l->daemon.fd, nonsense, sizeof(nonsense), 0) == sizeof(nonsense));
	assert_true(recv(l->vmm.fd, seen, sizeof(seen), MSG_WAITALL) == sizeof(seen));
	assert_memory_equal(seen, nonsense, sizeof(nonsense));
}

/* A mapping is no request of the guest's. */
static void assert_nothing_counted(struct fake_ends *f)
{
	json_t *j = NULL;
	double requests = -1;

	if (relay_snapshot(f->relay, clock_deadline_ms(WAIT_MS), &j, &f->err) < 0)
		fail_msg("%s", f->err.text);
	assert_int_equal(json_number_at(j, "total.requests", &requests), 0);
	assert_true(requests == 0);
	assert_string_equal(json_str_at(j, "masked.protocol_features", ""), "0x0");
	assert_string_equal(json_str_at(j, "negotiated.protocol_features", ""), "0x418429");
	json_decref(j);
}

/*
 * Goal: a daemon maps and unmaps through the relay as without it. Method: sizes of windows, the socket, a map
 * and an unmap with the memory messages in between, nonsense; then both ends are ours alone.
 */
static void a_window_goes_through(void **state)
{
	struct fake_ends *f = *state;
	struct vhost_user_shmem_config config = { .region_count = 1, .sizes = { 16 * MIB } };
	struct link l;
	struct message *m;
	int file = memfd_create("file", MFD_CLOEXEC);

	assert_int_equal(ftruncate(file, (off_t)REGION), 0);
	config.sizes[VHOST_USER_SHMEM_REGIONS_MAX - 1] = UINT64_MAX;
	ends_start(f);
	negotiate_window(f);
	ends_put(f, &f->vmm, VHOST_USER_GET_SHMEM_CONFIG, 0, NULL, 0, NULL, 0);
	(void)ends_get(f, &f->daemon, VHOST_USER_GET_SHMEM_CONFIG);
	ends_put(f, &f->daemon, VHOST_USER_GET_SHMEM_CONFIG, VHOST_USER_FLAG_REPLY, &config,
		 sizeof(config), NULL, 0);
	m = ends_get(f, &f->vmm, VHOST_USER_GET_SHMEM_CONFIG);
	assert_int_equal(m->head.size, sizeof(config));
	assert_memory_equal(m->body.bytes, &config, sizeof(config));
	hand_over(f, &l);
	first_memory(f);
	map_and_unmap(f, &l, file);
	map_and_unmap(f, &l, file);
	nonsense_goes_through(&l);
	assert_nothing_counted(f);
	/* The relay has kept no end of it: when the daemon closes its own, the VMM hears of it. */
	message_close_fds(&f->last);
	channel_close(&l.daemon);
	assert_true(ends_closed(&l.vmm));
	channel_close(&l.vmm);
	(void)close(file);
}

/* ---- what it takes ---- */

static void begin(void **state, struct fake_ends **ret)
{
	*ret = *state;
	if ((*ret)->relay) {
		assert_int_equal(ends_teardown(state), 0);
		assert_int_equal(ends_setup(state), 0);
	}
	*ret = *state;
	ends_start(*ret);
}

/* Goal: half of a window is not offered. Method: every set of the three features but the whole. */
static void a_window_takes_all_three(void **state)
{
	static const uint64_t parts[] = {
		0, REQ, SEND_FD, SHMEM, REQ | SEND_FD, REQ | SHMEM, SEND_FD | SHMEM
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		struct fake_ends *f;
		json_t *j = NULL;
		char masked[24];

		begin(state, &f);
		negotiate(f, PLAIN | parts[i], PLAIN, PLAIN);
		(void)ends_get(f, &f->daemon, VHOST_USER_SET_PROTOCOL_FEATURES);
		assert_int_equal(relay_snapshot(f->relay, clock_deadline_ms(WAIT_MS), &j, &f->err),
				 0);
		(void)snprintf(masked, sizeof(masked), "0x%llx", (unsigned long long)parts[i]);
		assert_string_equal(json_str_at(j, "masked.protocol_features", ""), masked);
		json_decref(j);
	}
}

/* Both sockets are closed, and the relay's last words hold @words. */
static void assert_ended(struct fake_ends *f, size_t row, const char *words)
{
	json_t *j = NULL;

	assert_true(ends_closed(&f->vmm));
	assert_int_equal(relay_snapshot(f->relay, clock_deadline_ms(WAIT_MS), &j, &f->err), -EPIPE);
	if (!strstr(f->err.text, words))
		fail_msg("row %zu: '%s' does not say '%s'", row, f->err.text, words);
}

/* A message from the VMM that may not come then, or not so. */
struct refused {
	uint64_t offered, acked; /* 0: nothing was negotiated */
	uint32_t request;	 /* 0: it is the acknowledgement that is refused */
	uint32_t size;
	size_t fds;
	const char *words;
};

static const struct refused refused[] = {
	/* Not offered, not acknowledged, not even asked for. */
	{ PLAIN, PLAIN, VHOST_USER_SET_BACKEND_REQ_FD, 0, 1, "SET_BACKEND_REQ_FD, which was not" },
	{ PLAIN, PLAIN, VHOST_USER_GET_SHMEM_CONFIG, 0, 0, "GET_SHMEM_CONFIG, which was not" },
	{ PLAIN | WINDOW, PLAIN, VHOST_USER_SET_BACKEND_REQ_FD, 0, 1, "which was not agreed on" },
	{ PLAIN | WINDOW, PLAIN, VHOST_USER_GET_SHMEM_CONFIG, 0, 0, "which was not agreed on" },
	{ PLAIN | WINDOW, PLAIN | REQ, VHOST_USER_GET_SHMEM_CONFIG, 0, 0, "not agreed on" },
	{ 0, 0, VHOST_USER_SET_BACKEND_REQ_FD, 0, 1, "which was not agreed on" },
	{ 0, 0, VHOST_USER_GET_SHMEM_CONFIG, 0, 0, "which was not agreed on" },
	/* Acknowledged, but not offered. */
	{ PLAIN, PLAIN | WINDOW, 0, 0, 0, "features 0x400420 that were not offered" },
	{ PLAIN | SHMEM, PLAIN | SHMEM, 0, 0, 0, "features 0x400000 that were not offered" },
	/* Agreed on, and malformed. */
	{ PLAIN | WINDOW, PLAIN | WINDOW, VHOST_USER_SET_BACKEND_REQ_FD, 0, 0,
	  "SET_BACKEND_REQ_FD without a descriptor" },
	{ PLAIN | WINDOW, PLAIN | WINDOW, VHOST_USER_SET_BACKEND_REQ_FD, 0, 2,
	  "SET_BACKEND_REQ_FD with 2 descriptors" },
	{ PLAIN | WINDOW, PLAIN | WINDOW, VHOST_USER_SET_BACKEND_REQ_FD, 8, 1,
	  "SET_BACKEND_REQ_FD with 8 bytes instead of 0" },
	{ PLAIN | WINDOW, PLAIN | WINDOW, VHOST_USER_GET_SHMEM_CONFIG, 8, 0,
	  "GET_SHMEM_CONFIG with 8 bytes instead of 0" },
	{ PLAIN | WINDOW, PLAIN | WINDOW, VHOST_USER_GET_SHMEM_CONFIG, 0, 1,
	  "GET_SHMEM_CONFIG with 1 descriptors" },
	/* A request of back ends is none of front ends: 9 is SHMEM_MAP there, and SET_VRING_ADDR here. */
	{ PLAIN | WINDOW, PLAIN | WINDOW, VHOST_USER_BACKEND_SHMEM_MAP,
	  sizeof(struct vhost_user_mmap), 1, "SET_VRING_ADDR with 1 descriptors" },
};

/* Goal: what was not agreed on, and what is malformed, ends the relay in words and reaches no daemon. */
static void what_is_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		const struct refused *r = &refused[i];
		uint8_t body[64] = { 0 };
		struct fake_ends *f;

		begin(state, &f);
		if (r->offered) {
			uint64_t half = (r->offered & WINDOW) == WINDOW ? r->offered : PLAIN;

			negotiate(f, r->offered, half, r->acked);
			if (r->request)
				(void)ends_get(f, &f->daemon, VHOST_USER_SET_PROTOCOL_FEATURES);
		}
		if (r->request)
			ends_put(f, &f->vmm, r->request, 0, body, r->size, f->g.fd, r->fds);
		/* Nothing but the end of the connection. */
		assert_true(ends_closed(&f->daemon));
		assert_ended(f, i, r->words);
	}
}

/* Goal: the same of a daemon. Method: a map on the wrong socket, an answer that is too long. */
static void what_a_daemon_may_not(void **state)
{
	const struct vhost_user_mmap map = { .len = 4096 };
	const struct vhost_user_header huge = { VHOST_USER_GET_SHMEM_CONFIG,
						VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY,
						VHOST_USER_PAYLOAD_MAX + 1 };
	struct fake_ends *f;

	begin(state, &f);
	negotiate_window(f);
	ends_put(f, &f->daemon, VHOST_USER_BACKEND_SHMEM_MAP, 0, &map, sizeof(map), f->g.fd, 1);
	assert_ended(f, 0, "the daemon sent message 9 that nobody asked for");
	begin(state, &f);
	negotiate_window(f);
	ends_put(f, &f->vmm, VHOST_USER_GET_SHMEM_CONFIG, 0, NULL, 0, NULL, 0);
	(void)ends_get(f, &f->daemon, VHOST_USER_GET_SHMEM_CONFIG);
	assert_true(send(f->daemon.fd, &huge, sizeof(huge), 0) == sizeof(huge));
	assert_ended(f, 1, "the daemon sent message 44 with 4097 bytes");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, ends_setup, ends_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_window_goes_through),
		TEST(a_window_takes_all_three),
		TEST(what_is_refused),
		TEST(what_a_daemon_may_not),
	};

	(void)alarm(PATIENCE_S);
	return cmocka_run_group_tests_name("test_relay_window", tests, NULL, NULL) ? 1 : 0;
}
