// SPDX-License-Identifier: Apache-2.0
/*
 * The relay as a process between a *fake* front end and a *fake* back end (this process, at both
 * sockets).
 */
#include "fake_ends.h"

#include <errno.h>
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
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"

#define PATIENCE_S 60

#define RUST_FEATURES UINT64_C(0x174000000)
#define RUST_PROTOCOL UINT64_C(0x8a42b)

static void negotiate(struct fake_ends *f, uint64_t protocol)
{
	assert_int_equal(ends_ask(f, VHOST_USER_GET_FEATURES, RUST_FEATURES), 0x170000000);
	assert_int_equal(ends_ask(f, VHOST_USER_GET_PROTOCOL_FEATURES, RUST_PROTOCOL), 0xa009);
	assert_int_equal(ends_told(f, VHOST_USER_SET_PROTOCOL_FEATURES, protocol), protocol);
	/* EVENT_IDX stays between guest and relay. */
	assert_int_equal(ends_told(f, VHOST_USER_SET_FEATURES, 0x170000000), 0x150000000);
}

static void state(struct fake_ends *f, uint32_t request, uint32_t index, uint32_t num)
{
	const struct vhost_user_vring_state s = { index, num };

	ends_put(f, &f->vmm, request, 0, &s, sizeof(s), NULL, 0);
	assert_memory_equal(&ends_get(f, &f->daemon, request)->body.state, &s, sizeof(s));
}

/* Memory by table, one ring with index 1; the daemon's ends of kick and call are returned. */
static void set_up_ring(struct fake_ends *f, int kick, int call, int *ret_kick, int *ret_call)
{
	const struct vhost_user_mem_table t = { 2, 0, { fake_region(0), fake_region(1) } };
	const struct vhost_user_vring_addr a = { 1, 0, USER(DESC_AT), USER(USED_AT), USER(AVAIL_AT),
						 0 };
	struct message *m;

	ends_put(f, &f->vmm, VHOST_USER_SET_MEM_TABLE, 0, &t, 8 + 2 * 32, f->g.fd, 2);
	m = ends_get(f, &f->daemon, VHOST_USER_SET_MEM_TABLE);
	assert_int_equal(m->body.table.count, 3);
	assert_int_equal(m->fd_count, 3);
	assert_int_equal(m->head.size, 8 + 3 * 32);
	assert_int_equal(m->body.table.region[2].guest_addr, SHADOW_GUEST_ADDR);
	assert_int_equal(m->body.table.region[2].user_addr, SHADOW_USER_ADDR);
	f->rings = mmap(NULL, SHADOW_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd[2], 0);
	assert_ptr_not_equal(f->rings, MAP_FAILED);
	state(f, VHOST_USER_SET_VRING_NUM, 1, RING_SIZE);
	state(f, VHOST_USER_SET_VRING_BASE, 1, 0);
	ends_put(f, &f->vmm, VHOST_USER_SET_VRING_ADDR, 0, &a, sizeof(a), NULL, 0);
	m = ends_get(f, &f->daemon, VHOST_USER_SET_VRING_ADDR);
	assert_int_equal(m->body.addr.desc_user_addr, SHADOW_USER_ADDR + SHADOW_RING_SIZE);
	ends_put(f, &f->vmm, VHOST_USER_SET_VRING_KICK, 0, &(uint64_t){ 1 }, 8, &kick, 1);
	m = ends_get(f, &f->daemon, VHOST_USER_SET_VRING_KICK);
	*ret_kick = dup(m->fd[0]);
	ends_put(f, &f->vmm, VHOST_USER_SET_VRING_CALL, 0, &(uint64_t){ 1 }, 8, &call, 1);
	m = ends_get(f, &f->daemon, VHOST_USER_SET_VRING_CALL);
	*ret_call = dup(m->fd[0]);
}

static bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static json_t *snapshot(struct fake_ends *f)
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

/* What the relay says after one read that failed with EIO. */
static void assert_snapshot(struct fake_ends *f)
{
	json_t *j = snapshot(f);

	assert_true(at_path(j, "total.ops.READ") == 1);
	assert_true(at_path(j, "total.kicks") == 1);
	assert_true(at_path(j, "total.interrupts") == 1);
	assert_true(at_path(j, "total.errors.EIO") == 1);
	assert_true(at_path(j, "queues[1].requests") == 1);
	assert_true(at_path(j, "negotiated.queue_size") == RING_SIZE);
	assert_string_equal(json_str_at(j, "masked.virtio_features", ""), "0x4000000");
	assert_string_equal(json_str_at(j, "masked.protocol_features", ""), "0x80422");
	json_decref(j);
}

/*
 * Goal: one request goes from a VMM's ring to a daemon's and back, and a snapshot has it.
 * Method: a fake VMM and a fake daemon at the sockets of a relay process.
 */
static void through_the_process(void **test)
{
	struct fake_ends *f = *test;
	int kick = eventfd(0, EFD_NONBLOCK), call = eventfd(0, EFD_NONBLOCK);
	int daemon_kick, daemon_call;
	uint64_t one = 1;
	struct vhost_user_vring_state s = { 1, 1 };

	ends_start(f);
	negotiate(f, 0xa009);
	set_up_ring(f, kick, call, &daemon_kick, &daemon_call);
	queue_free(f->g.q);
	queue_init(f->g.q, 1, (uint8_t *)f->rings + SHADOW_RING_SIZE, &f->g.init);
	/* Nothing is taken before the ring is enabled, and that the daemon has acknowledged. */
	fake_offer_request(&f->g, 0, FUSE_READ, 64);
	assert_true(write(kick, &one, sizeof(one)) == sizeof(one));
	ends_put(f, &f->vmm, VHOST_USER_SET_VRING_ENABLE, 0, &s, sizeof(s), NULL, 0);
	assert_true(ends_get(f, &f->daemon, VHOST_USER_SET_VRING_ENABLE)->head.flags &
		    VHOST_USER_FLAG_NEED_REPLY);
	assert_false(readable(daemon_kick, 50));
	ends_put_u64(f, &f->daemon, VHOST_USER_SET_VRING_ENABLE, VHOST_USER_FLAG_REPLY, 0);
	assert_true(readable(daemon_kick, WAIT_MS));
	assert_true(ends_silent(&f->vmm));
	assert_int_equal(f->g.q->shadow.avail->idx, 1);
	fake_serve_head(&f->g, 0, -EIO, 64);
	assert_true(write(daemon_call, &one, sizeof(one)) == sizeof(one));
	assert_true(readable(call, WAIT_MS));
	assert_int_equal(f->g.used->idx, 1);
	assert_snapshot(f);
	/* Stop: what the daemon finished last is still handed over. */
	fake_offer_request(&f->g, 4, FUSE_READ, 64);
	assert_true(write(kick, &one, sizeof(one)) == sizeof(one));
	assert_true(readable(daemon_kick, WAIT_MS));
	s.num = 0;
	ends_put(f, &f->vmm, VHOST_USER_GET_VRING_BASE, 0, &s, sizeof(s), NULL, 0);
	(void)ends_get(f, &f->daemon, VHOST_USER_GET_VRING_BASE);
	fake_serve_head(&f->g, 4, 0, 64);
	s.num = 2;
	ends_put(f, &f->daemon, VHOST_USER_GET_VRING_BASE, VHOST_USER_FLAG_REPLY, &s, sizeof(s),
		 NULL, 0);
	assert_int_equal(ends_get(f, &f->vmm, VHOST_USER_GET_VRING_BASE)->body.state.num, 2);
	assert_int_equal(f->g.used->idx, 2);
	/* The VMM leaves: the daemon is left too, and the relay ends well. */
	channel_close(&f->vmm);
	assert_true(ends_closed(&f->daemon));
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
	struct fake_ends *f = *test;
	const struct vhost_user_mem_reg r = { 0, fake_region(0) };
	struct message *m;

	ends_start(f);
	negotiate(f, 0xa009);
	assert_int_equal(ends_ask(f, VHOST_USER_GET_MAX_MEM_SLOTS, 32), 31);
	ends_put(f, &f->vmm, VHOST_USER_ADD_MEM_REG, VHOST_USER_FLAG_NEED_REPLY, &r, sizeof(r),
		 f->g.fd, 1);
	m = ends_get(f, &f->daemon, VHOST_USER_ADD_MEM_REG);
	assert_int_equal(m->body.reg.region.guest_addr, SHADOW_GUEST_ADDR);
	assert_int_equal(m->fd_count, 1);
	m = ends_get(f, &f->daemon, VHOST_USER_ADD_MEM_REG);
	assert_int_equal(m->body.reg.region.guest_addr, LOW);
	ends_put_u64(f, &f->daemon, VHOST_USER_ADD_MEM_REG, VHOST_USER_FLAG_REPLY, 0);
	assert_true(ends_silent(&f->vmm));
	ends_put_u64(f, &f->daemon, VHOST_USER_ADD_MEM_REG, VHOST_USER_FLAG_REPLY, 0);
	assert_int_equal(ends_get(f, &f->vmm, VHOST_USER_ADD_MEM_REG)->body.u64, 0);
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

static void send_bad(struct fake_ends *f, const struct bad_message *b)
{
	static struct message m;

	memset(&m, 0, sizeof(m));
	m.head = b->head;
	/* All bytes 1, so that a number in it is a large one; a kick's index is 1. */
	memset(m.body.bytes, b->head.request == VHOST_USER_SET_VRING_KICK ? 0 : 1, b->sent);
	m.fd[0] = f->g.fd[0];
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
		struct fake_ends *f;
		json_t *j = NULL;

		if (i > 0) {
			assert_int_equal(ends_teardown(test), 0);
			assert_int_equal(ends_setup(test), 0);
		}
		f = *test;
		ends_start(f);
		send_bad(f, &bad_messages[i]);
		assert_true(ends_closed(&f->vmm));
		assert_true(ends_closed(&f->daemon));
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
	struct fake_ends *f = *test;

	ends_start(f);
	negotiate(f, 0xa009);
	channel_close(&f->daemon);
	assert_true(ends_closed(&f->vmm));
	assert_int_equal(relay_stop(f->relay, &f->err), -EPROTO);
	f->relay = NULL;
	assert_non_null(strstr(f->err.text, "the daemon has left"));
}

/* Goal: a stop does not wait for peers. Method: stop while a reply is outstanding; the child is gone. */
static void stop_in_between(void **test)
{
	struct fake_ends *f = *test;
	pid_t pid;

	ends_start(f);
	ends_put(f, &f->vmm, VHOST_USER_GET_FEATURES, 0, NULL, 0, NULL, 0);
	(void)ends_get(f, &f->daemon, VHOST_USER_GET_FEATURES);
	pid = relay_pid(f->relay);
	assert_int_equal(kill(pid, 0), 0);
	assert_int_equal(relay_stop(f->relay, &f->err), 0);
	f->relay = NULL;
	assert_int_equal(kill(pid, 0), -1);
	assert_true(ends_closed(&f->vmm));
	assert_true(ends_closed(&f->daemon));
}

/* Goal: no daemon is an error that names the socket. Method: a path where nobody listens. */
static void no_daemon(void **test)
{
	struct fake_ends *f = *test;
	const struct relay_config c = { .listen_fd = -1, .daemon_socket = "/nowhere/daemon" };

	assert_int_equal(relay_start(&c, &f->relay, &f->err), -ENOENT);
	assert_null(f->relay);
	assert_non_null(strstr(f->err.text, "/nowhere/daemon"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, ends_setup, ends_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(through_the_process), TEST(memory_in_slots), TEST(bad_messages_end_it),
		TEST(daemon_leaves),	   TEST(stop_in_between), TEST(no_daemon),
	};

	(void)alarm(PATIENCE_S);
	return cmocka_run_group_tests_name("test_relay_process", tests, NULL, NULL) ? 1 : 0;
}
