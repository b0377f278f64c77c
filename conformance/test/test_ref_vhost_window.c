// SPDX-License-Identifier: Apache-2.0
/*
 * The back-end channel: maps and unmaps of the window, late and refused ones, a front end that serves its
 * main socket only, pauses and resets. The front end is a fake (test_ref_frontend.h), its files are real.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "conformance/test/test_ref_frontend.h"

static const struct ref_options with_window = {
	.queues = 1, .threads = 2, .window_bytes = 64 << 20, .tag = "share", .dax = REF_DAX_ALWAYS
};

static int setup(void **state)
{
	struct front *f = calloc(1, sizeof(*f));

	*state = f;
	ref_log_set_level(REF_LOG_ERROR);
	if (!f || front_open(f, &with_window) < 0)
		return -1;
	f->fs.map_fd = memfd_create("fake-file", MFD_CLOEXEC);
	if (f->fs.map_fd < 0 || ftruncate(f->fs.map_fd, 1 << 20) < 0)
		return -1;
	return front_start(f, F_BASE | F_EVENT, P_ALL, 16);
}

static int teardown(void **state)
{
	struct front *f = *state;

	front_close(f);
	free(f);
	return 0;
}

/* Asks the fake file system for a map (or unmap) of range @n; does not wait. */
static void ask_for(struct front *f, uint32_t opcode, unsigned slot, uint64_t n)
{
	uint64_t at = front_buffer(slot);
	struct fuse_in_header h = {
		.len = IN_BYTES, .opcode = opcode, .unique = slot + 1, .nodeid = n
	};
	struct fake_seg s[2] = { { BASE + at, IN_BYTES, false },
				 { BASE + at + 512, OUT_BYTES, true } };

	memcpy(f->g.ram + at, &h, sizeof(h));
	(void)fake_add(&f->ring[1], s, 2);
	front_kick(f, 1);
}

/* The error of the answer in @slot, once it is there; 1 when none comes. */
static int answer(struct front *f, unsigned slot, int ms)
{
	struct fuse_out_header h;
	uint16_t id;
	uint32_t len;

	if (!front_wait(f, 1, &id, &len, ms))
		return 1;
	memcpy(&h, f->g.ram + front_buffer(slot) + 512, sizeof(h));
	return h.error;
}

/* The next request on the channel: 9, 10, or -1. @ret_fd: the map's file. */
static int next_call(struct front *f, struct vhost_user_mmap *m, int *ret_fd)
{
	struct vhost_user_header h;

	*ret_fd = -1;
	if (front_recv(f->channel, &h, m, sizeof(*m), ret_fd) != sizeof(*m) ||
	    !(h.flags & VHOST_USER_FLAG_NEED_REPLY))
		return -1;
	return (int)h.request;
}

static void reply(struct front *f, uint32_t request, uint64_t code)
{
	assert_int_equal(front_send(f->channel, request, VHOST_USER_FLAG_REPLY, &code, sizeof(code),
				    NULL, 0),
			 0);
}

/* What QEMU does after its reply: the new memory is announced on the main socket, and waited for. */
static void announce(struct front *f, const struct vhost_user_mmap *m, int fd)
{
	struct vhost_user_mem_reg r = { .region = { UINT64_C(0x200000000) + m->shm_offset, m->len,
						    UINT64_C(0x7e0000000000) + m->shm_offset,
						    m->fd_offset } };

	assert_int_equal(front_ask(f, VHOST_USER_ADD_MEM_REG, &r, sizeof(r), &fd, 1), 0);
}

/* VU-SHMEM-007, -016, -021: the message, its file, and no answer before the reply. */
static void test_map_and_unmap(void **state)
{
	struct front *f = *state;
	struct vhost_user_mmap m;
	struct stat want, got;
	int fd;

	ask_for(f, OP_MAP, 0, 3);
	assert_int_equal(next_call(f, &m, &fd), VHOST_USER_BACKEND_SHMEM_MAP);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &got) | fstat(f->fs.map_fd, &want), 0);
	assert_int_equal(got.st_ino, want.st_ino);
	assert_int_equal(m.shmid, 0);
	for (int i = 0; i < 7; i++)
		assert_int_equal(m.padding[i], 0);
	assert_int_equal(m.fd_offset, 3 << 12);
	assert_int_equal(m.shm_offset, 3 << 21);
	assert_int_equal(m.len, 0x1000);
	assert_int_equal(m.flags, VHOST_USER_MMAP_FLAG_RW);
	assert_int_equal(answer(f, 0, 100), 1);
	reply(f, VHOST_USER_BACKEND_SHMEM_MAP, 0);
	announce(f, &m, fd);
	(void)close(fd);
	assert_int_equal(answer(f, 0, WAIT_MS), 0);
	ask_for(f, OP_UNMAP, 0, 3);
	assert_int_equal(next_call(f, &m, &fd), VHOST_USER_BACKEND_SHMEM_UNMAP);
	assert_int_equal(fd, -1);
	assert_int_equal(m.shm_offset, 3 << 21);
	assert_int_equal(m.len, 0x1000);
	assert_int_equal(answer(f, 0, 100), 1);
	reply(f, VHOST_USER_BACKEND_SHMEM_UNMAP, 0);
	assert_int_equal(answer(f, 0, WAIT_MS), 0);
}

/* QEMU's order: a reply, then the memory. The guest hears of the map only after the second. */
static void test_waits_for_announcement(void **state)
{
	struct front *f = *state;
	struct vhost_user_mmap m;
	int fd;

	/* The first one teaches the device that this front end announces. */
	ask_for(f, OP_MAP, 0, 1);
	assert_int_equal(next_call(f, &m, &fd), VHOST_USER_BACKEND_SHMEM_MAP);
	reply(f, VHOST_USER_BACKEND_SHMEM_MAP, 0);
	announce(f, &m, fd);
	(void)close(fd);
	assert_int_equal(answer(f, 0, WAIT_MS), 0);
	for (uint64_t i = 2; i < 6; i++) {
		struct vhost_user_mmap other;

		ask_for(f, OP_MAP, 0, i);
		assert_int_equal(next_call(f, &m, &fd), VHOST_USER_BACKEND_SHMEM_MAP);
		reply(f, VHOST_USER_BACKEND_SHMEM_MAP, 0);
		other = m;
		other.fd_offset += 0x1000;
		other.shm_offset += 32 << 20;
		announce(f, &other, fd); /* another part of the file */
		other.fd_offset -= 0x1000;
		other.shm_offset += 64 << 20;
		announce(f, &other, f->g.fd[1]); /* another file */
		assert_int_equal(answer(f, 0, 100), 1);
		announce(f, &m, fd);
		(void)close(fd);
		assert_int_equal(answer(f, 0, WAIT_MS), 0);
	}
	/* One that stops to announce costs time, not the map. */
	ask_for(f, OP_MAP, 0, 7);
	assert_int_equal(next_call(f, &m, &fd), VHOST_USER_BACKEND_SHMEM_MAP);
	reply(f, VHOST_USER_BACKEND_SHMEM_MAP, 0);
	(void)close(fd);
	assert_int_equal(answer(f, 0, WAIT_MS), 0);
}

/* Whose time it is: what the front end takes for its reply, and behind it for the announcement, is none of ours. */
static void test_time_is_told_apart(void **state)
{
	const struct timespec reply_after = { .tv_nsec = 20 * NS_PER_MS };
	const struct timespec announce_after = { .tv_nsec = 30 * NS_PER_MS };
	struct front *f = *state;
	struct refdev_counters c;
	struct vhost_user_mmap m = { 0 };
	int fd;

	assert_int_equal(ledger_start(NULL, 0, NULL), 0);
	ask_for(f, OP_MAP, 0, 1);
	assert_int_equal(next_call(f, &m, &fd), VHOST_USER_BACKEND_SHMEM_MAP);
	(void)nanosleep(&reply_after, NULL);
	reply(f, VHOST_USER_BACKEND_SHMEM_MAP, 0);
	(void)nanosleep(&announce_after, NULL);
	announce(f, &m, fd);
	(void)close(fd);
	assert_int_equal(answer(f, 0, WAIT_MS), 0);
	ledger_counters(&c);
	ledger_stop();
	assert_int_equal(c.setup_wait_ns, c.map_ns);
	assert_true(c.setup_wait_ns >= 20 * NS_PER_MS);
	assert_true(c.setup_told_ns > 0);
	assert_true(c.setup_ns > c.setup_wait_ns + c.setup_told_ns);
}

/* A front end that never announces is not waited for after a few maps. */
static void test_learns_silence(void **state)
{
	struct front *f = *state;
	struct vhost_user_mmap m;
	uint64_t start = 0;
	int fd;

	for (uint64_t i = 0; i < 30; i++) {
		if (i == 10)
			start = clock_now_ns();
		ask_for(f, OP_MAP, 0, i);
		assert_int_equal(next_call(f, &m, &fd), VHOST_USER_BACKEND_SHMEM_MAP);
		(void)close(fd);
		reply(f, VHOST_USER_BACKEND_SHMEM_MAP, 0);
		assert_int_equal(answer(f, 0, WAIT_MS), 0);
	}
	/* 20 of them take less than they would with the 20 ms of learning each. */
	assert_true(clock_now_ns() - start < 300 * NS_PER_MS);
}

/* The main socket is served while a map waits: the front end sends ADD_MEM_REG before its reply. */
static void test_no_deadlock_on_memory(void **state)
{
	struct front *f = *state;
	struct vhost_user_mmap m;
	int fd;

	for (uint64_t i = 0; i < 20; i++) {
		ask_for(f, OP_MAP, 0, i);
		assert_int_equal(next_call(f, &m, &fd), VHOST_USER_BACKEND_SHMEM_MAP);
		announce(f, &m, fd);
		assert_int_equal(answer(f, 0, 5), 1);
		reply(f, VHOST_USER_BACKEND_SHMEM_MAP, 0);
		(void)close(fd);
		assert_int_equal(answer(f, 0, WAIT_MS), 0);
	}
}

/* VU-SHMEM-013: a refusal is an error for the guest, and the next map works. */
static void test_refused(void **state)
{
	struct front *f = *state;
	struct vhost_user_mmap m;
	int fd;

	ask_for(f, OP_MAP, 0, 1);
	assert_int_equal(next_call(f, &m, &fd), VHOST_USER_BACKEND_SHMEM_MAP);
	(void)close(fd);
	reply(f, VHOST_USER_BACKEND_SHMEM_MAP, 1);
	assert_int_equal(answer(f, 0, WAIT_MS), -EIO);
	/* What the front end does not have is gone. */
	ask_for(f, OP_UNMAP, 0, 1);
	assert_int_equal(next_call(f, &m, &fd), VHOST_USER_BACKEND_SHMEM_UNMAP);
	reply(f, VHOST_USER_BACKEND_SHMEM_UNMAP, 1);
	assert_int_equal(answer(f, 0, WAIT_MS), 0);
	ask_for(f, OP_MAP, 0, 1);
	assert_int_equal(next_call(f, &m, &fd), VHOST_USER_BACKEND_SHMEM_MAP);
	(void)close(fd);
	reply(f, VHOST_USER_BACKEND_SHMEM_MAP, 0);
	assert_int_equal(answer(f, 0, WAIT_MS), 0);
}

/* VU-SHMEM-019: the front end waits for GET_VRING_BASE and does not look at the channel. */
static void test_stop_with_map_in_flight(void **state)
{
	struct front *f = *state;
	struct vhost_user_mmap m;
	uint64_t start = clock_now_ns();
	int fd;

	ask_for(f, OP_MAP, 0, 5);
	assert_true(front_readable(f->channel, WAIT_MS));
	assert_int_equal(front_get_base(f, 1), 1);
	assert_true(clock_now_ns() - start < 3 * NS_PER_S);
	assert_int_equal(answer(f, 0, 0), -EIO);
	assert_int_equal(front_get_base(f, 0), 0);
	/* Only now it does what it was asked for. Nobody wants that any more, so it is undone. */
	assert_int_equal(next_call(f, &m, &fd), VHOST_USER_BACKEND_SHMEM_MAP);
	(void)close(fd);
	reply(f, VHOST_USER_BACKEND_SHMEM_MAP, 0);
	/* VU-SHMEM-020: but not as long as all rings are stopped. */
	assert_false(front_readable(f->channel, 100));
	assert_int_equal(front_set_ring(f, 1, 1), 0);
	ask_for(f, OP_MAP, 1, 6);
	assert_int_equal(next_call(f, &m, &fd), VHOST_USER_BACKEND_SHMEM_UNMAP);
	assert_int_equal(m.shm_offset, 5 << 21);
	reply(f, VHOST_USER_BACKEND_SHMEM_UNMAP, 0);
	assert_int_equal(next_call(f, &m, &fd), VHOST_USER_BACKEND_SHMEM_MAP);
	assert_int_equal(m.shm_offset, 6 << 21);
	(void)close(fd);
	reply(f, VHOST_USER_BACKEND_SHMEM_MAP, 0);
	assert_int_equal(answer(f, 1, WAIT_MS), 0);
	assert_int_equal(f->fs.dropped, 0);
}

/* Another guest's truncation takes a mapping of this one, which is stopped: it goes when it runs again. */
static void test_unmap_while_stopped(void **state)
{
	struct front *f = *state;
	const struct ref_window *w = f->fs.window;
	struct vhost_user_mmap m;
	int sealed = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int fd;

	assert_int_equal(ftruncate(sealed, 0x1000), 0);
	assert_int_equal(fcntl(sealed, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	ask_for(f, OP_ECHO, 0, 0);
	assert_int_equal(answer(f, 0, WAIT_MS), 0);
	assert_int_equal(front_get_base(f, 0) + front_get_base(f, 1), 1);
	assert_int_equal(w->unmap(w->context, 9 << 21, 0x1000), 0);
	/* A map of what may be shorter by then fails; one of what cannot waits, in its turn. */
	assert_int_equal(w->map(w->context, f->fs.map_fd, 0, 0, 0x1000, true), -EIO);
	assert_int_equal(w->map(w->context, sealed, 0, 0, 0x1000, true), 0);
	(void)close(sealed);
	assert_false(front_readable(f->channel, 50));
	assert_int_equal(front_set_ring(f, 1, 1), 0);
	front_kick(f, 1);
	assert_int_equal(next_call(f, &m, &fd), VHOST_USER_BACKEND_SHMEM_UNMAP);
	assert_int_equal(m.shm_offset, 9 << 21);
	reply(f, VHOST_USER_BACKEND_SHMEM_UNMAP, 0);
	assert_int_equal(next_call(f, &m, &fd), VHOST_USER_BACKEND_SHMEM_MAP);
	assert_true(m.shm_offset == 0 && m.len == 0x1000);
	(void)close(fd);
	reply(f, VHOST_USER_BACKEND_SHMEM_MAP, 0);
	ask_for(f, OP_ECHO, 0, 0);
	assert_int_equal(answer(f, 0, WAIT_MS), 0);
}

/* The front end closes the channel, or talks nonsense on it: maps fail, the rest goes on. */
static void test_channel_lost(void **state)
{
	struct front *f = *state;
	struct vhost_user_mmap m;
	int fd;

	for (int how = 0; how < 3; how++) {
		int pair[2];

		ask_for(f, OP_MAP, 0, 1);
		assert_int_equal(next_call(f, &m, &fd), VHOST_USER_BACKEND_SHMEM_MAP);
		(void)close(fd);
		if (how == 0)
			fd_closep(&f->channel);
		else
			assert_int_equal(front_send(f->channel, 9,
						    how == 1 ? 0 : VHOST_USER_FLAG_REPLY, &m, 16,
						    NULL, 0),
					 0);
		assert_int_equal(answer(f, 0, WAIT_MS), -EIO);
		ask_for(f, OP_MAP, 0, 2);
		assert_int_equal(answer(f, 0, WAIT_MS), -EIO);
		ask_for(f, OP_ECHO, 0, 0);
		assert_int_equal(answer(f, 0, WAIT_MS), 0);
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		assert_int_equal(front_ask(f, VHOST_USER_SET_BACKEND_REQ_FD, NULL, 0, &pair[1], 1),
				 0);
		(void)close(pair[1]);
		fd_closep(&f->channel);
		f->channel = pair[0];
	}
	ask_for(f, OP_MAP, 0, 1);
	assert_int_equal(next_call(f, &m, &fd), VHOST_USER_BACKEND_SHMEM_MAP);
	(void)close(fd);
	reply(f, VHOST_USER_BACKEND_SHMEM_MAP, 0);
	assert_int_equal(answer(f, 0, WAIT_MS), 0);
}

/* Several workers ask at once: one call at a time on the channel. */
static void test_one_at_a_time(void **state)
{
	struct front *f = *state;
	struct vhost_user_mmap m;
	int fd;

	for (unsigned i = 0; i < 3; i++)
		ask_for(f, OP_MAP, i, i);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(next_call(f, &m, &fd), VHOST_USER_BACKEND_SHMEM_MAP);
		assert_false(front_readable(f->channel, 20));
		(void)close(fd);
		reply(f, VHOST_USER_BACKEND_SHMEM_MAP, 0);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(answer(f, i, WAIT_MS), 0);
}

/* A descriptor that points into the window works: a guest's O_DIRECT read into mapped memory. */
static void test_buffer_in_window(void **state)
{
	struct front *f = *state;
	struct vhost_user_mmap m = { 0 };
	struct fuse_in_header h = { .len = IN_BYTES + 8, .opcode = OP_ECHO, .unique = 3 };
	struct fake_seg s[4] = { { BASE + DATA, IN_BYTES, false },
				 { UINT64_C(0x200000000), 8, false },
				 { BASE + DATA + 512, OUT_BYTES, true },
				 { UINT64_C(0x200000000) + 64, 8, true } };
	char got[8];
	uint16_t id;
	uint32_t len;
	int fd;

	ask_for(f, OP_MAP, 0, 0);
	assert_int_equal(next_call(f, &m, &fd), VHOST_USER_BACKEND_SHMEM_MAP);
	reply(f, VHOST_USER_BACKEND_SHMEM_MAP, 0);
	announce(f, &m, fd);
	(void)close(fd);
	assert_int_equal(answer(f, 0, WAIT_MS), 0);
	assert_int_equal(pwrite(f->fs.map_fd, "mapped!", 8, 0), 8);
	memcpy(f->g.ram + DATA, &h, sizeof(h));
	(void)fake_add(&f->ring[1], s, 4);
	front_kick(f, 1);
	assert_true(front_wait(f, 1, &id, &len, WAIT_MS));
	assert_int_equal(len, OUT_BYTES + 8);
	assert_int_equal(pread(f->fs.map_fd, got, 8, 64), 8);
	assert_string_equal(got, "mapped!");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_map_and_unmap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waits_for_announcement, setup, teardown),
		cmocka_unit_test_setup_teardown(test_time_is_told_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_learns_silence, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_deadlock_on_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_with_map_in_flight, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unmap_while_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_channel_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_buffer_in_window, setup, teardown),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
