// SPDX-License-Identifier: Apache-2.0
/* The reference device in hard times: VMMs that go, stop or reset, a host that runs out of things. Needs no guest. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conformance/test/refdev.h"

#define KEEP_WORDS                                                                 \
	"--socket-path={dir}/socket", "--shared-dir={share}", "--keep", "--xattr", \
		"--counters={dir}/counters", "--window=16M", "--dax=always", "--tail=shadow"

static const struct daemon_row keep_rows[] = {
	{ .id = "keep", .program = "virtiofs-refdev", .words = { KEEP_WORDS } },
	{ .id = "keep, threads, packed",
	  .program = "virtiofs-refdev",
	  .words = { KEEP_WORDS, "--threads=4", "--queues=4" },
	  .packed = true,
	  .queues = 4 },
	/* Without a sandbox: a sanitizer that looks for leaks traces the process, which a locked one does not let it. */
	{ .id = "keep, poll, no sandbox",
	  .program = "virtiofs-refdev",
	  .words = { KEEP_WORDS, "--poll=1000", "--sandbox=none" } },
};

static int make_file(struct rig *r, uint64_t size, uint64_t *ret_node, uint64_t *ret_fh)
{
	struct fuse_open_out o;

	CHECK(&r->t, host_make(r, "f", 1, size) == 0 && node_of(r->f, "f", ret_node) == 0);
	CHECK(&r->t, front_open_file(r->f, *ret_node, O_RDWR, &o) == 0);
	*ret_fh = o.fh;
	return 0;
}

/* Reads and mappings in flight, in all queues. */
#define LOAD 24

static int load(struct rig *r, uint64_t node, uint64_t fh, struct front_request *q[LOAD])
{
	for (unsigned i = 0; i < LOAD; i++) {
		struct front_op op = front_op_read(node, fh, 0, 64 * KIB);

		if (i % 3 == 0)
			op = front_op_setupmapping(node, 0, 2 * MIB, MAP_BOTH, i / 3 * 2 * MIB);
		op.queue = 1 + i % r->f->options.queues;
		CHECK(&r->t, submit(r->f, &op, &q[i]) == 0);
	}
	return 0;
}

static int is_served(struct rig *r)
{
	struct fuse_attr_out a;

	CHECK(&r->t, front_init(r->f, DAX_FLAGS, NULL) == 0);
	return front_getattr(r->f, FRONT_ROOT, NULL, &a);
}

#ifdef __SANITIZE_ADDRESS__
#define DEATHS 50
#else
#define DEATHS 200
#endif

/* The VMM dies, many times, with requests in flight: each next one finds the device as the first did. */
static int run_gone(struct rig *r)
{
	struct front_request *q[LOAD];
	struct held held = { 0 };

	for (int i = 0; i < DEATHS; i++) {
		uint64_t node, fh;

		CHECK(&r->t, make_file(r, 2 * MIB + 5, &node, &fh) == 0);
		CHECK(&r->t, load(r, node, fh, q) == 0);
		if (i % 2)
			CHECK(&r->t, front_wait_any(r->f, front_deadline(r->f)) == 0);
		front_hang_up(r->f);
		for (unsigned j = 0; j < LOAD; j++)
			front_request_free(q[j]);
		CHECK(&r->t, front_reconnect(r->f, &r->t.err) == 0 && is_served(r) == 0);
		CHECK(&r->t, r->counters->live == 0);
		if (i == 20)
			held = held_by(r);
	}
	CHECK(&r->t, SOON(holds(r, &held)));
	return 0;
}

/* A VMM that goes before it has said much. */
static int run_half_way(struct rig *r)
{
	static const uint8_t junk[] = { 1, 0, 0, 0, 1, 0, 0, 0, 0 };

	front_hang_up(r->f);
	for (int i = 0; i < 40; i++) {
		int fd;

		CHECK(&r->t,
		      front_connect(r->t.socket, clock_deadline_ms(3000), &fd, &r->t.err) == 0);
		CHECK(&r->t, write(fd, junk, (size_t)i % sizeof(junk)) == i % (int)sizeof(junk));
		(void)close(fd);
	}
	CHECK(&r->t, front_reconnect(r->f, &r->t.err) == 0);
	return is_served(r);
}

/* The guest is reset with requests in flight. */
static int run_guest_reset(struct rig *r)
{
	struct front_request *q[LOAD];
	uint64_t node, fh;

	for (int i = 0; i < 50; i++) {
		CHECK(&r->t, make_file(r, 2 * MIB + 5, &node, &fh) == 0);
		CHECK(&r->t, load(r, node, fh, q) == 0);
		CHECK(&r->t, front_reset(r->f, &r->t.err) == 0);
		for (unsigned j = 0; j < LOAD; j++)
			front_request_free(q[j]);
		CHECK(&r->t, front_start(r->f, &r->t.err) == 0 && is_served(r) == 0);
		CHECK(&r->t, r->counters->live == 0);
	}
	return 0;
}

/* Stop and cont under load: what was in flight ends, once, and nothing has to be asked for again. */
static int run_stop_cont(struct rig *r)
{
	struct front_request *q[LOAD];
	uint64_t node, fh;

	CHECK(&r->t, make_file(r, 2 * MIB + 5, &node, &fh) == 0);
	for (int i = 0; i < 100; i++) {
		CHECK(&r->t, load(r, node, fh, q) == 0);
		CHECK(&r->t, front_stop(r->f, &r->t.err) == 0);
		CHECK(&r->t, front_start(r->f, &r->t.err) == 0);
		for (unsigned j = 0; j < LOAD; j++) {
			CHECK(&r->t, front_wait(q[j], front_deadline(r->f)) == 0);
			front_request_free(q[j]);
		}
	}
	CHECK(&r->t, shows(r->f, 0, 1, 0, 2 * MIB) && shows(r->f, 2 * MIB, 1, 0, 2 * MIB));
	return 0;
}

/* The process that holds the socket dies after the one that was killed. */
static bool is_hung_up(struct rig *r)
{
	uint64_t end = clock_deadline_ms(5000);

	while (front_is_alive(r->f) && clock_now_ns() < end)
		(void)usleep(1000);
	return !front_is_alive(r->f);
}

/* Somebody kills the daemon: its VMM sees that, and another daemon takes its place, stale socket and all. */
static int run_killed(struct rig *r)
{
	struct front_request *q[LOAD];
	CLEANUP(freep) char *counters = fs_path("%s/counters", r->t.dir);
	uint64_t node, fh;
	int e = 0;

	CHECK(&r->t, make_file(r, 2 * MIB + 5, &node, &fh) == 0 && load(r, node, fh, q) == 0);
	proc_kill(&r->t.daemon);
	for (unsigned j = 0; j < LOAD; j++) {
		int result = front_wait(q[j], clock_deadline_ms(2000));

		e = result == 0 || result == FRONT_GONE ? e : result;
		front_request_free(q[j]);
	}
	CHECK(&r->t, e == 0 && is_hung_up(r));
	front_evidence_clear(r->f->evidence);
	CHECK(&r->t, unlink(counters) == 0 && start_daemon(&r->t, -1) == 0);
	(void)munmap((void *)r->counters, sizeof(*r->counters));
	r->counters = NULL;
	CHECK(&r->t, front_reconnect(r->f, &r->t.err) == 0 && is_served(r) == 0);
	CHECK(&r->t, map_counters(r) == 0);
	return 0;
}

/* The shared folder is removed under it. */
static int run_deleted(struct rig *r)
{
	struct fuse_entry_out e;
	struct fuse_open_out o;
	struct fuse_attr_out a;
	uint64_t node, fh;
	uint8_t byte = 0;
	size_t n;

	CHECK(&r->t, make_file(r, MIB + 5, &node, &fh) == 0);
	CHECK(&r->t, front_setupmapping(r->f, node, 0, 2 * MIB, MAP_BOTH, 0) == 0);
	CHECK(&r->t, fs_remove_tree(r->t.share, &r->t.err) == 0);
	CHECK(&r->t, front_lookup(r->f, FRONT_ROOT, "f", &e) == -ENOENT);
	CHECK(&r->t,
	      front_create(r->f, FRONT_ROOT, "new", O_RDWR, S_IFREG | 0600, &e, &o) == -ENOENT);
	CHECK(&r->t, log_has(r, "was removed"));
	CHECK(&r->t, front_getattr(r->f, FRONT_ROOT, NULL, &a) == 0 && a.attr.nlink == 0);
	CHECK(&r->t, front_getattr(r->f, node, NULL, &a) == 0 && a.attr.nlink == 0);
	CHECK(&r->t, front_read(r->f, node, fh, MIB, &byte, 1, &n) == 0 && byte == byte_at(1, MIB));
	CHECK(&r->t, shows(r->f, 0, 1, 0, MIB + 5) && unmap(r->f, 0, 2 * MIB) == 0);
	CHECK(&r->t, front_reconnect(r->f, &r->t.err) == 0 && is_served(r) == 0);
	return 0;
}

/* A disk that is full: a tmpfs of 1 MiB over the share. */
static int fill_disk(struct rig *r)
{
	CLEANUP(freep) uint8_t *data = calloc(1, 256 * KIB);
	struct fuse_entry_out e;
	struct fuse_open_out o;
	uint32_t written = 0;
	uint64_t at = 0;
	int result = 0;

	CHECK(&r->t, front_create(r->f, FRONT_ROOT, "big", O_RDWR, S_IFREG | 0600, &e, &o) == 0);
	for (int i = 0; i < 8 && result == 0; i++, at += written)
		result = front_write(r->f, e.nodeid, o.fh, at, data, 256 * KIB, &written);
	CHECK(&r->t, result == -ENOSPC && at > 512 * KIB);
	CHECK(&r->t, front_fallocate(r->f, e.nodeid, o.fh, 0, 2 * MIB, 0) == -ENOSPC);
	/* A store into the window that has no room: the VMM must see it, the device must live. */
	CHECK(&r->t, set_size(r->f, e.nodeid, 2 * MIB + 5) == 0);
	CHECK(&r->t, front_setupmapping(r->f, e.nodeid, 0, 4 * MIB, MAP_BOTH, 0) == 0);
	CHECK(&r->t, poke(r->f, 2 * MIB - 1, 1) == -EFAULT && peek(r->f, 0) == 0);
	CHECK(&r->t, poke(r->f, 2 * MIB + 1, 1) == 0);
	CHECK(&r->t, front_fsync(r->f, e.nodeid, o.fh, false) == -ENOSPC);
	CHECK(&r->t, front_flush(r->f, e.nodeid, o.fh, 0) == -ENOSPC);
	CHECK(&r->t, log_has(r, "full") && unmap(r->f, 0, 4 * MIB) == 0);
	CHECK(&r->t, set_size(r->f, e.nodeid, 0) == 0);
	CHECK(&r->t, front_write(r->f, e.nodeid, o.fh, 0, data, 4096, &written) == 0);
	return front_release(r->f, e.nodeid, o.fh, 0);
}

static void full(void **state)
{
	static const struct daemon_row row = {
		.id = "shadow, full",
		.program = "virtiofs-refdev",
		.words = { KEEP_WORDS },
		.disk = "size=1m",
	};

	(void)state;
	if (geteuid() != 0)
		skip(); /* nobody else may mount a disk of 1 MiB */
	on_rows(fill_disk, &row, 1);
}

#define FILES 100

/* At the limit of open files: an error for the one who asks for more, and none any more when some are given back. */
static int run_files(struct rig *r)
{
	uint64_t node[FILES];
	struct fuse_entry_out e;
	struct fuse_open_out o;
	char name[16];
	int known = 0, result = 0;
	uint64_t fh, f;

	CHECK(&r->t, make_file(r, MIB, &f, &fh) == 0);
	for (int i = 0; i < FILES; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		CHECK(&r->t, host_make(r, name, 1, 10) == 0);
	}
	for (; known < FILES && result == 0; known++) {
		(void)snprintf(name, sizeof(name), "%d", known);
		result = node_of(r->f, name, &node[known]);
	}
	CHECK(&r->t, result == -EMFILE && known > 5 && log_has(r, "--rlimit-nofile"));
	known--;
	CHECK(&r->t, front_open_file(r->f, f, O_RDONLY, &o) == -EMFILE);
	CHECK(&r->t, front_setupmapping(r->f, f, 0, PAGE, MAP_READ, 0) == -EMFILE);
	CHECK(&r->t, r->counters->live == 0 && r->f->window->count == 0);
	CHECK(&r->t,
	      front_create(r->f, FRONT_ROOT, "n", O_RDWR, S_IFREG | 0600, &e, &o) == -EMFILE);
	while (known > 0)
		CHECK(&r->t, front_forget(r->f, node[--known], 1) == 0);
	CHECK(&r->t, front_setupmapping(r->f, f, 0, PAGE, MAP_READ, 0) == 0);
	CHECK(&r->t, front_open_file(r->f, f, O_RDONLY, &o) == 0);
	CHECK(&r->t, front_reconnect(r->f, &r->t.err) == 0 && is_served(r) == 0);
	return 0;
}

static void files(void **state)
{
	static const struct daemon_row row = {
		.id = "shadow, few files",
		.program = "virtiofs-refdev",
		.words = { KEEP_WORDS, "--rlimit-nofile=64" },
	};

	(void)state;
	on_rows(run_files, &row, 1);
}

#define TEST(name)                                                     \
	static void name(void **state)                                 \
	{                                                              \
		(void)state;                                           \
		on_rows(run_##name, keep_rows, ARRAY_SIZE(keep_rows)); \
	}
TEST(gone)
TEST(half_way)
TEST(guest_reset)
TEST(stop_cont)
TEST(killed)
TEST(deleted)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gone),	       cmocka_unit_test(half_way),
		cmocka_unit_test(guest_reset), cmocka_unit_test(stop_cont),
		cmocka_unit_test(killed),      cmocka_unit_test(deleted),
		cmocka_unit_test(full),	       cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
