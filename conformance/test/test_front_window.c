// SPDX-License-Identifier: Apache-2.0
/* The VMM's side of SHMEM_MAP and SHMEM_UNMAP against a *fake* device: this process, with real files. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/clock.h"
#include "conformance/front/window.h"

#define PATIENCE_S 60
#define PAGE	   UINT64_C(4096)
#define WINDOW	   (64 * PAGE)
#define FILE_PAGES 4
#define NEED	   (VHOST_USER_VERSION | VHOST_USER_FLAG_NEED_REPLY)

struct fixture {
	struct front_evidence *e;
	struct front_pump pump;
	struct front_channel main;
	int main_peer;
	struct front_window *w;
	int device; /* the device's end */
	int file;
};

static int set_up_with(void **state, const struct front_window_options *o)
{
	struct fixture *t = calloc(1, sizeof(*t));
	int pair[2];

	(void)alarm(PATIENCE_S);
	assert_non_null(t);
	t->e = front_evidence_new(64);
	assert_non_null(t->e);
	t->pump.fd = -1;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	front_channel_init(&t->main, pair[0], "main", t->e, &t->pump, 1000);
	t->main_peer = pair[1];
	assert_int_equal(front_window_new(o, t->e, &t->pump, &t->main, &t->w, NULL), 0);
	assert_int_equal(front_window_reserve(t->w, WINDOW), 0);
	t->w->negotiated = true;
	t->w->rings_run = true;
	t->device = TAKE_FD(t->w->device_fd);
	t->file = memfd_create("file", MFD_CLOEXEC);
	assert_int_equal(ftruncate(t->file, FILE_PAGES * (off_t)PAGE), 0);
	assert_int_equal(pwrite(t->file, "page0", 5, 0), 5);
	assert_int_equal(pwrite(t->file, "page1", 5, (off_t)PAGE), 5);
	*state = t;
	return 0;
}

static int set_up(void **state)
{
	static const struct front_window_options strict;

	return set_up_with(state, &strict);
}

static int tear_down(void **state)
{
	struct fixture *t = *state;

	t->w = front_window_free(t->w);
	front_channel_close(&t->main);
	(void)close(t->main_peer);
	fd_closep(&t->device);
	(void)close(t->file);
	(void)front_evidence_free(t->e);
	free(t);
	return 0;
}

static void say(struct fixture *t, uint32_t request, uint32_t flags,
		const struct vhost_user_mmap *m, uint32_t size, const int *fds, size_t count)
{
	struct front_channel device;
	struct {
		struct vhost_user_header h;
		struct vhost_user_mmap m;
		uint8_t more[64];
	} __attribute__((packed)) bytes;

	memset(&bytes, 0, sizeof(bytes));
	bytes.h = (struct vhost_user_header){ request, flags, size };
	bytes.m = *m;
	front_channel_init(&device, t->device, "fake's own", NULL, NULL, 1000);
	assert_int_equal(front_send_bytes(&device, &bytes, sizeof(bytes.h) + size, fds, count), 0);
}

static bool answered(struct fixture *t, uint64_t *ret_ack)
{
	struct {
		struct vhost_user_header h;
		uint64_t ack;
	} __attribute__((packed)) reply;
	ssize_t n = recv(t->device, &reply, sizeof(reply), MSG_DONTWAIT);

	if (n < 0)
		return false;
	assert_int_equal(n, sizeof(reply));
	assert_int_equal(reply.h.flags, VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY);
	*ret_ack = reply.ack;
	return true;
}

static uint64_t ask(struct fixture *t, uint32_t request, const struct vhost_user_mmap *m)
{
	bool map = request == VHOST_USER_BACKEND_SHMEM_MAP;
	uint64_t ack = 99;

	say(t, request, NEED, m, sizeof(*m), &t->file, map ? 1 : 0);
	front_pump_once(&t->pump);
	assert_true(answered(t, &ack));
	return ack;
}

static uint64_t map(struct fixture *t, uint64_t page, uint64_t at, uint64_t pages, uint64_t flags)
{
	struct vhost_user_mmap m = { .fd_offset = page * PAGE,
				     .shm_offset = at * PAGE,
				     .len = pages * PAGE,
				     .flags = flags };

	return ask(t, VHOST_USER_BACKEND_SHMEM_MAP, &m);
}

static uint64_t unmap(struct fixture *t, uint64_t at, uint64_t pages)
{
	struct vhost_user_mmap m = { .shm_offset = at * PAGE, .len = pages * PAGE };

	return ask(t, VHOST_USER_BACKEND_SHMEM_UNMAP, &m);
}

static void maps(void **state)
{
	struct fixture *t = *state;
	char bytes[8] = "";
	const struct front_window_event *v;

	assert_int_equal(front_window_read(t->w, 0, bytes, 5), -EFAULT);
	assert_int_equal(map(t, 1, 3, 2, VHOST_USER_MMAP_FLAG_RW), 0);
	assert_int_equal(front_window_read(t->w, 3 * PAGE, bytes, 5), 0);
	assert_string_equal(bytes, "page1");
	assert_int_equal(front_window_write(t->w, 3 * PAGE, "PAGE1", 5), 0);
	assert_int_equal(pread(t->file, bytes, 5, (off_t)PAGE), 5);
	assert_string_equal(bytes, "PAGE1");
	assert_int_equal(front_window_read(t->w, 5 * PAGE, bytes, 5), -EFAULT);
	/* Read-only is read-only. */
	assert_int_equal(map(t, 0, 5, 1, 0), 0);
	assert_int_equal(front_window_read(t->w, 5 * PAGE, bytes, 5), 0);
	assert_int_equal(front_window_write(t->w, 5 * PAGE, "x", 1), -EFAULT);
	assert_false(front_window_find(t->w, 5 * PAGE)->writable);
	assert_int_equal(front_window_find(t->w, 4 * PAGE + 1)->fd_offset, PAGE);
	assert_null(front_window_find(t->w, 6 * PAGE));
	/* A file that shrank under its mapping: an error, no signal. */
	assert_int_equal(ftruncate(t->file, PAGE), 0);
	assert_int_equal(front_window_read(t->w, 3 * PAGE, bytes, 5), -EFAULT);
	assert_int_equal(unmap(t, 3, 2), 0);
	assert_int_equal(unmap(t, 5, 1), 0);
	assert_int_equal(front_window_read(t->w, 5 * PAGE, bytes, 5), -EFAULT);
	assert_true(t->w->count == 0 && t->w->maps == 2 && t->w->unmaps == 2);
	v = front_window_event_at(t->w, 3);
	assert_true(v && v->request == VHOST_USER_BACKEND_SHMEM_MAP && v->mmap.len == 2 * PAGE &&
		    v->received_ns <= v->mapped_ns && v->mapped_ns <= v->answered_ns);
	assert_null(front_window_event_at(t->w, 4));
	assert_int_equal(front_evidence_count(t->e), 0);
}

#define MAP   VHOST_USER_BACKEND_SHMEM_MAP
#define UNMAP VHOST_USER_BACKEND_SHMEM_UNMAP

/* One page of the file lives at page 8, two of it at 10. */
static const struct {
	const char *what;
	uint32_t request;
	struct vhost_user_mmap m;
	enum front_fault fault;
	uint32_t size; /* 0: the right one */
	int fds;       /* more or fewer than right */
} refused[] = {
	{ "padding", MAP, { .padding = { 1 }, .len = PAGE }, FRONT_FAULT_MAP_PAYLOAD, 0, 0 },
	{ "short", MAP, { .len = PAGE }, FRONT_FAULT_MAP_PAYLOAD, 32, 0 },
	{ "long", MAP, { .len = PAGE }, FRONT_FAULT_MAP_PAYLOAD, 48, 0 },
	{ "no file", MAP, { .len = PAGE }, FRONT_FAULT_MAP_FDS, 0, -1 },
	{ "two files", MAP, { .len = PAGE }, FRONT_FAULT_MAP_FDS, 0, 1 },
	{ "a file to unmap",
	  UNMAP,
	  { .shm_offset = 8 * PAGE, .len = PAGE },
	  FRONT_FAULT_MAP_FDS,
	  0,
	  1 },
	{ "another region", MAP, { .shmid = 1, .len = PAGE }, FRONT_FAULT_MAP_SHMID, 0, 0 },
	{ "no length", MAP, { .len = 0 }, FRONT_FAULT_MAP_BOUNDS, 0, 0 },
	{ "past the window",
	  MAP,
	  { .shm_offset = WINDOW - PAGE, .len = 2 * PAGE },
	  FRONT_FAULT_MAP_BOUNDS,
	  0,
	  0 },
	{ "outside", MAP, { .shm_offset = WINDOW, .len = PAGE }, FRONT_FAULT_MAP_BOUNDS, 0, 0 },
	{ "wrapped", MAP, { .shm_offset = PAGE, .len = 0 - PAGE }, FRONT_FAULT_MAP_BOUNDS, 0, 0 },
	{ "wrapped file",
	  MAP,
	  { .fd_offset = 0 - PAGE, .len = 2 * PAGE },
	  FRONT_FAULT_MAP_BOUNDS,
	  0,
	  0 },
	{ "part of a page", MAP, { .len = PAGE - 1 }, FRONT_FAULT_MAP_ALIGN, 0, 0 },
	{ "at no page", MAP, { .shm_offset = 512, .len = PAGE }, FRONT_FAULT_MAP_ALIGN, 0, 0 },
	{ "of no page", MAP, { .fd_offset = 512, .len = PAGE }, FRONT_FAULT_MAP_ALIGN, 0, 0 },
	{ "FUSE's flags", MAP, { .len = PAGE, .flags = 2 }, FRONT_FAULT_MAP_FLAGS, 0, 0 },
	{ "the same again",
	  MAP,
	  { .shm_offset = 8 * PAGE, .len = PAGE },
	  FRONT_FAULT_MAP_OVERLAP,
	  0,
	  0 },
	{ "over its begin",
	  MAP,
	  { .shm_offset = 7 * PAGE, .len = 2 * PAGE },
	  FRONT_FAULT_MAP_OVERLAP,
	  0,
	  0 },
	{ "inside", MAP, { .shm_offset = 11 * PAGE, .len = PAGE }, FRONT_FAULT_MAP_OVERLAP, 0, 0 },
	{ "past the end of the file",
	  MAP,
	  { .fd_offset = 3 * PAGE, .len = 2 * PAGE },
	  FRONT_FAULT_MAP_FILE,
	  0,
	  0 },
	{ "unmap of nothing",
	  UNMAP,
	  { .shm_offset = 20 * PAGE, .len = PAGE },
	  FRONT_FAULT_UNMAP_OTHER,
	  0,
	  0 },
	{ "unmap of a part",
	  UNMAP,
	  { .shm_offset = 10 * PAGE, .len = PAGE },
	  FRONT_FAULT_UNMAP_OTHER,
	  0,
	  0 },
	{ "unmap of more",
	  UNMAP,
	  { .shm_offset = 8 * PAGE, .len = 2 * PAGE },
	  FRONT_FAULT_UNMAP_OTHER,
	  0,
	  0 },
	{ "an unknown message", 77, { .len = PAGE }, FRONT_FAULT_BACKEND_MESSAGE, 0, 0 },
};

static void refusals(void **state)
{
	struct fixture *t = *state;
	int fds[2] = { t->file, t->file };

	assert_int_equal(map(t, 0, 8, 1, 1), 0);
	assert_int_equal(map(t, 0, 10, 2, 1), 0);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		int count = (refused[i].request == MAP ? 1 : 0) + refused[i].fds;
		uint64_t ack = 0;

		say(t, refused[i].request, NEED, &refused[i].m,
		    refused[i].size ? refused[i].size : sizeof(refused[i].m), fds, (size_t)count);
		front_pump_once(&t->pump);
		if (!answered(t, &ack) || ack == 0)
			fail_msg("%s: was not refused", refused[i].what);
		if (front_evidence_of(t->e, refused[i].fault) != 1 ||
		    front_evidence_count(t->e) != 1)
			fail_msg("%s: not seen as what it is", refused[i].what);
		front_evidence_clear(t->e);
		/* And nothing has changed. */
		assert_true(t->w->count == 2);
	}
	assert_int_equal(unmap(t, 8, 1), 0);
	assert_int_equal(unmap(t, 10, 2), 0);
	assert_true(t->w->refused == ARRAY_SIZE(refused));
}

static uint64_t map_fd(struct fixture *t, int fd)
{
	int own = t->file;
	uint64_t ack;

	t->file = fd;
	ack = map(t, 0, 0, 1, 0);
	t->file = own;
	return ack;
}

/* Files that QEMU cannot map; a lax VMM can. */
static void files(void **state)
{
	static const struct front_window_options lax = { .lax = true };
	struct fixture *t;
	void *own;
	char path[64];
	int read_only;
	int empty = memfd_create("empty", MFD_CLOEXEC);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_true(empty >= 0 && null >= 0);
	assert_int_equal(set_up(&own), 0);
	t = own;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", t->file);
	read_only = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read_only >= 0);
	assert_true(map_fd(t, read_only) != 0);
	assert_true(map_fd(t, empty) != 0);
	assert_true(map_fd(t, null) != 0);
	assert_int_equal(front_evidence_of(t->e, FRONT_FAULT_MAP_FILE), 3);
	assert_int_equal(tear_down(&own), 0);

	assert_int_equal(set_up_with(&own, &lax), 0);
	t = own;
	assert_true(map_fd(t, empty) == 0);
	assert_int_equal(unmap(t, 0, 1), 0);
	assert_int_equal(map(t, 3, 0, 2, 1), 0);
	assert_int_equal(front_evidence_count(t->e), 0);
	assert_int_equal(tear_down(&own), 0);
	(void)close(read_only);
	(void)close(empty);
	(void)close(null);
}

static void when(void **state)
{
	struct fixture *t = *state;

	t->w->rings_run = false;
	assert_int_equal(map(t, 0, 0, 1, 1), 0);
	assert_int_equal(front_evidence_of(t->e, FRONT_FAULT_MAP_STOPPED), 1);
	t->w->negotiated = false;
	assert_true(unmap(t, 0, 1) != 0);
	assert_int_equal(front_evidence_of(t->e, FRONT_FAULT_BACKEND_MESSAGE), 1);
	front_window_drop(t->w);
	assert_true(t->w->count == 0);
}

static void on_demand(void **state)
{
	struct fixture *t = *state;
	struct vhost_user_mmap m = { .len = PAGE, .flags = 1 };
	uint64_t ack;
	uint64_t start;
	char byte;

	front_window_nak(t->w, 1, 2, 5);
	assert_int_equal(map(t, 0, 1, 1, 1), 0);
	assert_int_equal(map(t, 0, 2, 1, 1), 5);
	assert_int_equal(map(t, 0, 2, 1, 1), 5);
	assert_int_equal(map(t, 0, 2, 1, 1), 0);
	assert_true(t->w->count == 2);
	/* Held back: neither mapped nor answered, until it is let go. */
	front_window_hold(t->w);
	say(t, MAP, NEED, &m, sizeof(m), &t->file, 1);
	front_pump_once(&t->pump);
	front_pump_once(&t->pump);
	assert_true(t->w->has_held && !answered(t, &ack));
	assert_int_equal(front_window_read(t->w, 0, &byte, 1), -EFAULT);
	front_window_release(t->w);
	assert_true(answered(t, &ack) && ack == 0);
	assert_int_equal(front_window_read(t->w, 0, &byte, 1), 0);
	/* Late by a time. */
	front_window_delay(t->w, 30 * NS_PER_MS);
	start = clock_now_ns();
	m.shm_offset = 9 * PAGE;
	say(t, MAP, VHOST_USER_VERSION, &m, sizeof(m), &t->file, 1);
	assert_int_equal(front_pump_wait(&t->pump, NULL, 0, clock_deadline_ms(5000)), 1);
	assert_true(t->w->count == 3);
	assert_int_equal(front_pump_wait(&t->pump, NULL, 0, clock_deadline_ms(5000)), 1);
	assert_true(t->w->count == 4 && clock_now_ns() - start >= 30 * NS_PER_MS);
	/* No answer where none was asked for. */
	assert_false(answered(t, &ack));
	/* The device leaves. */
	fd_closep(&t->device);
	(void)front_pump_wait(&t->pump, NULL, 0, clock_deadline_ms(100));
	assert_int_equal(t->pump.fd, -1);
	assert_int_equal(front_evidence_count(t->e), 0);
}

/* As QEMU: the region is told, and acknowledged, before the answer. */
static void memory_regions(void **state)
{
	static const struct front_window_options o = { .mem_reg = true };
	struct fixture *t;
	struct front_message m;
	struct front_channel peer;
	uint64_t ok = 0;
	void *own;

	(void)state;
	assert_int_equal(set_up_with(&own, &o), 0);
	t = own;
	front_channel_init(&peer, t->main_peer, "fake's own", NULL, NULL, 1000);
	t->main.reply_ack = true;
	m = front_message_of(VHOST_USER_ADD_MEM_REG, &ok, sizeof(ok));
	m.head.flags |= VHOST_USER_FLAG_REPLY;
	assert_int_equal(front_send(&peer, &m), 0);
	assert_int_equal(map(t, 1, 3, 2, 1), 0);
	assert_int_equal(front_recv(&peer, &m, clock_deadline_ms(1000)), 0);
	assert_int_equal(m.head.request, VHOST_USER_ADD_MEM_REG);
	assert_int_equal(m.fd_count, 1);
	assert_true(m.body.reg.region.size == 2 * PAGE && m.body.reg.region.mmap_offset == PAGE);
	front_message_close(&m);
	m = front_message_of(VHOST_USER_REM_MEM_REG, &ok, sizeof(ok));
	m.head.flags |= VHOST_USER_FLAG_REPLY;
	assert_int_equal(front_send(&peer, &m), 0);
	assert_int_equal(unmap(t, 3, 2), 0);
	assert_int_equal(front_recv(&peer, &m, clock_deadline_ms(1000)), 0);
	assert_int_equal(m.head.request, VHOST_USER_REM_MEM_REG);
	assert_int_equal(t->w->failed, 0);
	assert_int_equal(front_evidence_count(t->e), 0);
	assert_int_equal(tear_down(&own), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(maps, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refusals, set_up, tear_down),
		cmocka_unit_test(files),
		cmocka_unit_test_setup_teardown(when, set_up, tear_down),
		cmocka_unit_test_setup_teardown(on_demand, set_up, tear_down),
		cmocka_unit_test(memory_regions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
