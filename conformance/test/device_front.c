// SPDX-License-Identifier: Apache-2.0
/* The front end against real daemons, without a guest: one session each, from handshake to DESTROY. */
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/rng.h"
#include "conformance/front/load.h"
#include "conformance/test/daemons.h"

#define DATA_SIZE 5000

static int write_and_read(struct fixture *t, uint64_t nodeid, uint64_t fh)
{
	struct rng rng = { 7 };
	uint8_t data[DATA_SIZE];
	uint8_t back[DATA_SIZE + 100];
	CLEANUP(buf_free) struct buf host = { 0 };
	CLEANUP(freep) char *path = fs_path("%s/file", t->share);
	uint32_t written = 0;
	size_t size = 0;

	rng_fill(&rng, data, sizeof(data));
	CHECK(t, front_write(t->f, nodeid, fh, 0, data, sizeof(data), &written) == 0);
	CHECK(t, written == sizeof(data));
	CHECK(t, front_read(t->f, nodeid, fh, 0, back, sizeof(back), &size) == 0);
	CHECK(t, size == sizeof(data) && memcmp(back, data, size) == 0);
	CHECK(t, fs_read(path, MIB, &host, &t->err) == 0);
	CHECK(t, host.size == sizeof(data) && memcmp(host.data, data, sizeof(data)) == 0);
	return 0;
}

static int list(struct fixture *t)
{
	struct fuse_open_out dir;
	struct front_dirents d;
	struct front_dirent entry;
	uint8_t bytes[4096];
	size_t size = 0;
	bool seen = false;
	uint64_t nodeid = 0;

	CHECK(t, front_opendir(t->f, FRONT_ROOT, &dir) == 0);
	CHECK(t, front_readdirplus(t->f, FRONT_ROOT, dir.fh, 0, bytes, sizeof(bytes), &size) == 0);
	front_dirents_begin(&d, bytes, size, true);
	while (front_dirents_next(&d, &entry) > 0) {
		if (strcmp(entry.name, "file") != 0)
			continue;
		seen = true;
		nodeid = entry.entry.nodeid;
	}
	CHECK(t, seen && nodeid > FRONT_ROOT);
	/* READDIRPLUS has counted a lookup. */
	CHECK(t, front_forget(t->f, nodeid, 1) == 0);
	CHECK(t, front_releasedir(t->f, FRONT_ROOT, dir.fh) == 0);
	return 0;
}

/* A strict client sees that Rust virtiofsd returns DESTROY without a reply. */
static int destroy(struct fixture *t)
{
	struct front_evidence *e = t->f->evidence;
	int wanted = t->row->silent_destroy ? FRONT_BROKEN : 0;

	CHECK(t, front_evidence_count(e) == 0);
	if (t->row->silent_destroy)
		front_evidence_allow(e, FRONT_FAULT_SHORT_REPLY);
	CHECK(t, front_destroy(t->f) == wanted);
	CHECK(t, front_evidence_of(e, FRONT_FAULT_SHORT_REPLY) == t->row->silent_destroy);
	return 0;
}

static int session(struct fixture *t)
{
	struct fuse_entry_out entry;
	struct fuse_entry_out again;
	struct fuse_open_out open;
	struct fuse_attr_out attr;

	CHECK(t, front_init(t->f, 0, NULL) == 0);
	CHECK(t, t->f->init.major == FUSE_KERNEL_VERSION && t->f->init.max_write >= 4096);
	CHECK(t, front_lookup(t->f, FRONT_ROOT, "file", &entry) == -ENOENT);
	CHECK(t,
	      front_create(t->f, FRONT_ROOT, "file", O_RDWR, S_IFREG | 0640, &entry, &open) == 0);
	CHECK(t, write_and_read(t, entry.nodeid, open.fh) == 0);
	CHECK(t, front_lookup(t->f, FRONT_ROOT, "file", &again) == 0);
	CHECK(t, again.nodeid == entry.nodeid && again.attr.size == DATA_SIZE);
	CHECK(t, front_getattr(t->f, entry.nodeid, NULL, &attr) == 0);
	CHECK(t, (attr.attr.mode & 07777) == 0640);
	CHECK(t, list(t) == 0);
	CHECK(t, front_release(t->f, entry.nodeid, open.fh, O_RDWR) == 0);
	CHECK(t, front_forget(t->f, entry.nodeid, 2) == 0);
	CHECK(t, destroy(t) == 0);
	return 0;
}

static int handshake(struct fixture *t, const struct front_options *options)
{
	CHECK(t, connect_front(t, options) == 0);
	CHECK(t, t->f->offered == t->row->features);
	CHECK(t, t->f->protocol_offered == t->row->protocol);
	CHECK(t, t->f->queue_num >= 2);
	/* None of them has a window. */
	CHECK(t, t->f->window->bytes == 0 && !t->f->window->negotiated);
	return 0;
}

static int run_session(struct fixture *t, const struct front_options *options)
{
	CHECK(t, handshake(t, options) == 0);
	CHECK(t, session(t) == 0);
	CHECK(t, front_verify(t->f) == 0);
	CHECK(t, front_evidence_count(t->f->evidence) == 0);
	CHECK(t, front_stop(t->f, &t->err) == 0);
	return 0;
}

static void session_usual(void **state)
{
	static const struct front_options o = { .window = true, .traffic = true };

	(void)state;
	on_each(run_session, &o);
}

/* A table of memory instead of slots, no EVENT_IDX, no indirect descriptors, no acknowledgements. */
static void session_plain(void **state)
{
	static const struct front_options o = {
		.features_off = UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX |
				UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC,
		.protocol_off = UINT64_C(1) << VHOST_USER_PROTOCOL_F_REPLY_ACK,
		.memory_how = FRONT_MEMORY_TABLE,
		.memory = { .regions = 4 },
		.ring_size = 64,
		.traffic = true,
	};

	(void)state;
	on_each(run_session, &o);
}

static void session_polling(void **state)
{
	static const struct front_options o = { .busy_poll = true, .traffic = true };

	(void)state;
	on_each(run_session, &o);
}

static int run_fragmented(struct fixture *t, const struct front_options *options)
{
	static const uint32_t in_cuts[] = { 1, 20, 30 };
	static const uint32_t out_cuts[] = { 5, 100 };
	static const struct front_layout layouts[] = {
		{ .in_every = 7, .out_every = 3000, .kind = FRONT_CHAIN_INDIRECT },
		{ .in_every = 3000, .out_every = 9, .kind = FRONT_CHAIN_INDIRECT },
		{ .in_cuts = in_cuts,
		  .in_cut_count = ARRAY_SIZE(in_cuts),
		  .out_cuts = out_cuts,
		  .out_cut_count = ARRAY_SIZE(out_cuts),
		  .kind = FRONT_CHAIN_DIRECT },
	};

	CHECK(t, handshake(t, options) == 0);
	CHECK(t, front_init(t->f, 0, NULL) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct fuse_entry_out entry;
		struct fuse_open_out open;

		t->f->layout = layouts[i];
		if (!front_has(t->f, VIRTIO_RING_F_INDIRECT_DESC))
			t->f->layout.kind = FRONT_CHAIN_DIRECT;
		CHECK(t, front_create(t->f, FRONT_ROOT, "file", O_RDWR, S_IFREG | 0640, &entry,
				      &open) == 0);
		CHECK(t, write_and_read(t, entry.nodeid, open.fh) == 0);
		CHECK(t, front_release(t->f, entry.nodeid, open.fh, 0) == 0);
		CHECK(t, front_unlink(t->f, FRONT_ROOT, "file") == 0);
		CHECK(t, front_forget(t->f, entry.nodeid, 1) == 0);
	}
	CHECK(t, front_evidence_count(t->f->evidence) == 0);
	return 0;
}

static void fragmented(void **state)
{
	static const struct front_options o = { .ring_size = 1024 };

	(void)state;
	on_each(run_fragmented, &o);
}

#define MANY 200

/* More in flight than were waited for one by one; then stop, and go on where it was. */
static int run_in_flight(struct fixture *t, const struct front_options *options)
{
	struct front_request *r[16];
	struct fuse_attr_out attr;

	CHECK(t, handshake(t, options) == 0);
	CHECK(t, front_init(t->f, 0, NULL) == 0);
	for (unsigned round = 0; round < MANY; round++) {
		struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

		for (size_t i = 0; i < ARRAY_SIZE(r); i++) {
			CHECK(t, front_prepare(t->f, &op, &r[i]) == 0);
			CHECK(t, front_enqueue(r[i]) == 0);
		}
		front_kick(t->f, t->f->queue);
		for (size_t i = 0; i < ARRAY_SIZE(r); i++)
			CHECK(t, front_wait(r[i], front_deadline(t->f)) == 0);
		for (size_t i = 0; i < ARRAY_SIZE(r); i++)
			front_request_free(r[i]);
		if (round != MANY / 2)
			continue;
		CHECK(t, front_stop(t->f, &t->err) == 0);
		/* Packed: index and wrap counter, twice. */
		CHECK(t, front_has(t->f, VIRTIO_F_RING_PACKED) ||
				 t->f->base[t->f->queue] == t->f->ring[t->f->queue].used_idx);
		CHECK(t, front_start(t->f, &t->err) == 0);
	}
	CHECK(t, front_getattr(t->f, FRONT_ROOT, NULL, &attr) == 0);
	CHECK(t, front_evidence_count(t->f->evidence) == 0);
	return 0;
}

static void in_flight(void **state)
{
	static const struct front_options o = { .ring_size = 128 };

	(void)state;
	on_each(run_in_flight, &o);
}

/* RESET_DEVICE, where it is offered: the rings are empty, and a new session begins. */
static int run_reset(struct fixture *t, const struct front_options *options)
{
	struct fuse_attr_out attr;
	int e;

	CHECK(t, handshake(t, options) == 0);
	for (int round = 0; round < 3; round++) {
		CHECK(t, front_init(t->f, 0, NULL) == 0);
		CHECK(t, front_getattr(t->f, FRONT_ROOT, NULL, &attr) == 0);
		e = front_reset(t->f, &t->err);
		if (!front_has_protocol(t->f, VHOST_USER_PROTOCOL_F_RESET_DEVICE)) {
			CHECK(t, e == -EOPNOTSUPP);
			return 0;
		}
		CHECK(t, e == 0);
		CHECK(t, front_start(t->f, &t->err) == 0);
	}
	CHECK(t, front_evidence_count(t->f->evidence) == 0);
	return 0;
}

static void reset(void **state)
{
	static const struct front_options o = { .ring_size = 128, .traffic = true };

	(void)state;
	on_each(run_reset, &o);
}

/* A VMM that dies with requests in flight: nothing of ours is left, and these daemons end. */
static int run_hang_up(struct fixture *t, const struct front_options *options)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct front_request *r[8];

	CHECK(t, handshake(t, options) == 0);
	CHECK(t, front_init(t->f, 0, NULL) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(r); i++) {
		CHECK(t, front_prepare(t->f, &op, &r[i]) == 0);
		CHECK(t, front_submit(r[i]) == 0);
	}
	front_request_free(r[0]);
	front_hang_up(t->f);
	for (size_t i = 1; i < ARRAY_SIZE(r); i++) {
		CHECK(t, r[i]->state == FRONT_LOST || r[i]->state == FRONT_DONE);
		front_request_free(r[i]);
	}
	CHECK(t, !t->f->requests && !front_is_alive(t->f));
	CHECK(t, proc_wait(&t->daemon, clock_deadline_ms(5000)) == 0);
	return 0;
}

static void hang_up(void **state)
{
	static const struct front_options o = { .ring_size = 128 };

	(void)state;
	on_each(run_hang_up, &o);
}

#define LOAD_FILE (4 * MIB)
#define LOAD_NS	  (50 * NS_PER_MS)

static int load_one(struct fixture *t, enum front_load_kind kind, unsigned depth, uint64_t nodeid,
		    uint64_t fh)
{
	struct front_load_result r;
	struct front_load_options o = { .kind = kind,
					.depth = depth,
					.ns = LOAD_NS,
					.nodeid = kind == FRONT_LOAD_LOOKUP ? FRONT_ROOT : nodeid,
					.fh = fh,
					.name = "file",
					.file_size = LOAD_FILE };

	CHECK(t, front_load_run(t->f, &o, &r, &t->err) == 0);
	CHECK(t, r.requests >= depth && r.errors == 0 && r.looked_up == 0);
	(void)printf("%-11s %-10s depth %2u: %8.0f/s, client %5.2f us, %.2f kicks each\n",
		     t->row->id, front_load_name(kind), depth, r.per_s,
		     (double)r.cpu_ns / 1000.0 / (double)r.requests,
		     (double)r.kicks / (double)r.requests);
	return 0;
}

/* Half of these blocks are not there: short replies are counted, never taken for fast ones. */
static int read_past_end(struct fixture *t, uint64_t nodeid, uint64_t fh)
{
	struct front_load_result r;
	struct front_load_options o = { .kind = FRONT_LOAD_READ_128K,
					.depth = 4,
					.count = 2 * 2 * LOAD_FILE / (128 * KIB),
					.nodeid = nodeid,
					.fh = fh,
					.file_size = 2 * LOAD_FILE };

	CHECK(t, front_load_run(t->f, &o, &r, &t->err) == 0);
	CHECK(t, r.requests == o.count && r.errors == o.count / 2);
	return 0;
}

static int run_load(struct fixture *t, const struct front_options *options)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;

	CHECK(t, handshake(t, options) == 0);
	CHECK(t, front_init(t->f, 0, NULL) == 0);
	CHECK(t,
	      front_create(t->f, FRONT_ROOT, "file", O_RDWR, S_IFREG | 0640, &entry, &open) == 0);
	CHECK(t, front_fallocate(t->f, entry.nodeid, open.fh, 0, LOAD_FILE, 0) == 0);
	for (int kind = 0; kind < FRONT_LOAD_KINDS; kind++) {
		CHECK(t, load_one(t, (enum front_load_kind)kind, 1, entry.nodeid, open.fh) == 0);
		CHECK(t, load_one(t, (enum front_load_kind)kind, 16, entry.nodeid, open.fh) == 0);
	}
	CHECK(t, read_past_end(t, entry.nodeid, open.fh) == 0);
	CHECK(t, front_release(t->f, entry.nodeid, open.fh, 0) == 0);
	CHECK(t, front_evidence_count(t->f->evidence) == 0);
	return 0;
}

static void load(void **state)
{
	static const struct front_options o = { .ring_size = 128 };

	(void)state;
	on_each(run_load, &o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session_usual),   cmocka_unit_test(session_plain),
		cmocka_unit_test(session_polling), cmocka_unit_test(fragmented),
		cmocka_unit_test(in_flight),	   cmocka_unit_test(load),
		cmocka_unit_test(reset),	   cmocka_unit_test(hang_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
