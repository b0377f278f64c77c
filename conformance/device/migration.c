// SPDX-License-Identifier: Apache-2.0
/* Migration: the log of dirty pages, and the device's own state as a stream. */
#include "conformance/device/areas.h"
#include "conformance/device/vhost.h"

#include <sys/mman.h>

#define LOG_BYTES  65536 /* bits for the first 2 GiB of guest memory */
#define DATA_BYTES (20 * 4096)
/* Of a device's state: what one session of a few files never fills. */
#define STATE_MAX (1 << 20)

/* ---- dirty pages ---- */

struct dirty {
	int fd;
	uint8_t *bits;
};

static bool is_dirty(const struct dirty *d, uint64_t guest)
{
	uint64_t page = guest / VHOST_USER_LOG_PAGE;

	return page / 8 < LOG_BYTES && (d->bits[page / 8] >> page % 8 & 1);
}

/* All guest memory lies below 2 GiB here, so that the log is small. */
static const struct front_options low_memory = {
	.memory = { .regions = 2, .region_bytes = { 0, 8 << 20 }, .adjacent = true },
	.features_more = BIT(VHOST_USER_F_LOG_ALL),
	.protocol_more = PROTOCOL(LOG_SHMFD),
};

static bool start_log(struct check_run *r, struct dirty *d)
{
	const struct vhost_user_log log = { LOG_BYTES, 0 };
	struct front_message m = front_message_of(VHOST_USER_SET_LOG_BASE, &log, sizeof(log));
	struct front_message reply;
	int e;

	*d = (struct dirty){ .fd = memfd_create("log", MFD_CLOEXEC) };
	if (!check_host(r, "memfd_create", d->fd < 0 ? -errno : 0) ||
	    !check_host(r, "ftruncate", ftruncate(d->fd, LOG_BYTES) < 0 ? -errno : 0))
		return false;
	d->bits = mmap(NULL, LOG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, d->fd, 0);
	if (d->bits == MAP_FAILED)
		return check_host(r, "mmap", -errno);
	front_message_add_fd(&m, d->fd);
	e = front_send(&r->f->channel, &m);
	if (e == 0)
		e = front_recv_reply(&r->f->channel, VHOST_USER_SET_LOG_BASE, &reply,
				     front_deadline(r->f));
	return check_ok(r, "SET_LOG_BASE is answered", e);
}

/* A ring whose used part is logged, as QEMU asks for it when migration begins. */
static bool log_rings(struct check_run *r)
{
	for (unsigned i = 0; i < r->f->ring_count; i++) {
		struct vhost_user_vring_addr addr;

		front_ring_addr(&r->f->ring[i], &addr);
		addr.flags = VHOST_USER_VRING_F_LOG;
		addr.log_guest_addr = r->f->ring[i].part[2]->guest;
		if (!check_ok(r, "SET_VRING_ADDR with logging",
			      front_set_vring_addr(&r->f->channel, &addr)))
			return false;
	}
	return true;
}

static void used_ring_marked(struct check_run *r)
{
	struct dirty d;

	WANT(start_log(r, &d));
	WANT(log_rings(r));
	WANT(check_served(r, "the log was begun"));
	WANT_THAT(r, is_dirty(&d, r->f->ring[1].part[2]->guest),
		  "the page of the used ring is marked", "it is not");
	(void)munmap(d.bits, LOG_BYTES);
	fd_closep(&d.fd);
}

static void data_marked(struct check_run *r)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	struct front_request *q;
	struct front_op op;
	struct dirty d;
	uint64_t first, last;

	WANT(check_host(r, "make a file", host_fill(r->share, "file", DATA_BYTES, 1)));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &entry));
	WANT_OK(r, "OPEN", front_open_file(r->f, entry.nodeid, O_RDONLY, &open));
	WANT(start_log(r, &d));
	WANT(log_rings(r));
	op = front_op_read(entry.nodeid, open.fh, 0, DATA_BYTES);
	WANT_OK(r, "READ", front_prepare(r->f, &op, &q));
	WANT_OK(r, "READ", front_enqueue(q));
	first = q->piece[q->piece_count - 1]->guest;
	last = first + DATA_BYTES - 1;
	front_kick(r->f, 1);
	WANT_OK(r, "READ of 20 pages", front_wait(q, front_deadline(r->f)));
	for (uint64_t at = first; at <= last; at += VHOST_USER_LOG_PAGE)
		WANT_THAT(r, is_dirty(&d, at), "each page that was read into is marked",
			  "the page at 0x%llx is not (0x%llx to 0x%llx were written)",
			  (unsigned long long)at, (unsigned long long)first,
			  (unsigned long long)last);
	WANT_THAT(r, is_dirty(&d, last), "the last page as well", "it is not");
	(void)munmap(d.bits, LOG_BYTES);
	fd_closep(&d.fd);
}

/* ---- the device's state ---- */

static const struct front_options with_state = { .protocol_more = PROTOCOL(DEVICE_STATE) };

/* One end of a pipe goes to the device. Its reply's error; or -1 with the verdict set. */
static int give_pipe(struct check_run *r, uint32_t direction, int fd)
{
	const struct vhost_user_device_state s = { direction, VHOST_USER_STATE_STOPPED };
	struct front_message m = front_message_of(VHOST_USER_SET_DEVICE_STATE_FD, &s, sizeof(s));
	struct front_message reply;

	front_message_add_fd(&m, fd);
	if (!check_ok(r, "SET_DEVICE_STATE_FD is sent", front_send(&r->f->channel, &m)) ||
	    !check_ok(r, "SET_DEVICE_STATE_FD is answered",
		      front_recv_reply(&r->f->channel, VHOST_USER_SET_DEVICE_STATE_FD, &reply,
				       front_deadline(r->f))))
		return -1;
	if (!check_that(r, reply.body.u64 & VHOST_USER_STATE_NOFD && reply.fd_count == 0,
			"bit 8: no descriptor comes back", "0x%llx with %zu descriptors",
			(unsigned long long)reply.body.u64, reply.fd_count))
		return -1;
	return (int)(reply.body.u64 & VHOST_USER_STATE_ERROR);
}

static bool check_state(struct check_run *r, uint64_t *ret)
{
	return check_ok(r, "CHECK_DEVICE_STATE",
			front_get_u64(&r->f->channel, VHOST_USER_CHECK_DEVICE_STATE, ret));
}

static bool save(struct check_run *r, struct buf *ret)
{
	CLEANUP(fd_closep) int in = -1;
	CLEANUP(fd_closep) int out = -1;
	uint64_t state = 0;
	int ends[2];
	uint8_t part[4096];
	ssize_t n;

	if (!check_host(r, "pipe", pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0))
		return false;
	in = ends[0];
	out = ends[1];
	if (!check_same(r, 0, "error of SET_DEVICE_STATE_FD",
			(uint64_t)give_pipe(r, VHOST_USER_STATE_SAVE, out)))
		return false;
	fd_closep(&out);
	while ((n = read(in, part, sizeof(part))) > 0 && ret->size < STATE_MAX)
		if (buf_add(ret, part, (size_t)n) < 0)
			return check_host(r, "memory for the state", -ENOMEM);
	return check_state(r, &state) && check_same(r, 0, "CHECK_DEVICE_STATE after it", state) &&
	       check_range(r, 1, STATE_MAX, "bytes of state", ret->size);
}

static bool load(struct check_run *r, const void *data, size_t size, uint64_t *ret_state)
{
	CLEANUP(fd_closep) int in = -1;
	CLEANUP(fd_closep) int out = -1;
	int ends[2];
	int e;

	if (!check_host(r, "pipe", pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0))
		return false;
	in = ends[0];
	out = ends[1];
	(void)fcntl(out, F_SETPIPE_SZ, STATE_MAX);
	if (!check_host(r, "write the state", write(out, data, size) != (ssize_t)size ? -EIO : 0))
		return false;
	e = give_pipe(r, VHOST_USER_STATE_LOAD, in);
	if (e < 0)
		return false;
	fd_closep(&in);
	fd_closep(&out);
	if (e > 0) {
		*ret_state = (uint64_t)e;
		return true;
	}
	return check_state(r, ret_state);
}

/* The state is saved, the device is reset, which forgets all, and the state loaded into it. */
static void state_restored(struct check_run *r)
{
	CLEANUP(buf_free) struct buf state = { .max = STATE_MAX };
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	struct fuse_attr_out attr;
	struct err err = { "" };
	uint64_t result = 0;
	uint8_t byte = 0;
	size_t size = 0;

	NEED(r, front_has_protocol(r->f, VHOST_USER_PROTOCOL_F_RESET_DEVICE),
	     "vhost-user protocol feature RESET_DEVICE");
	WANT(check_host(r, "make a file", host_write(r->share, "file", "x", 1)));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &entry));
	WANT_OK(r, "OPEN", front_open_file(r->f, entry.nodeid, O_RDONLY, &open));
	WANT(rings_stop(r));
	WANT(save(r, &state));
	WANT_THAT(r, front_reset(r->f, &err) == 0, "a reset is taken", "%s", err.text);
	WANT(load(r, state.data, state.size, &result));
	WANT_SAME(r, 0, "CHECK_DEVICE_STATE after loading", result);
	WANT(rings_start(r));
	/* No INIT: the driver goes on. */
	WANT_OK(r, "GETATTR of a node of before", front_getattr(r->f, entry.nodeid, NULL, &attr));
	WANT_SAME(r, 1, "its size", attr.attr.size);
	WANT_OK(r, "READ with a handle of before",
		front_read(r->f, entry.nodeid, open.fh, 0, &byte, 1, &size));
	WANT_SAME(r, 'x', "what was read", byte);
}

static void state_saved(struct check_run *r)
{
	CLEANUP(buf_free) struct buf state = { .max = STATE_MAX };
	struct fuse_entry_out entry;
	struct fuse_attr_out attr;

	WANT(check_host(r, "make a file", host_write(r->share, "file", "x", 1)));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &entry));
	WANT(rings_stop(r));
	WANT(save(r, &state));
	/* Migration was given up: the source goes on. */
	WANT(rings_start(r));
	WANT_OK(r, "GETATTR of a node of before", front_getattr(r->f, entry.nodeid, NULL, &attr));
}

static void state_cut(struct check_run *r)
{
	CLEANUP(buf_free) struct buf state = { .max = STATE_MAX };
	struct fuse_entry_out entry;
	uint64_t result = 0;

	WANT(check_host(r, "make a file", host_write(r->share, "file", "x", 1)));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &entry));
	WANT(rings_stop(r));
	WANT(save(r, &state));
	WANT(load(r, state.data, state.size / 2, &result));
	WANT_THAT(r, result != 0, "half of a state is an error", "it was taken");
}

static void state_junk(struct check_run *r)
{
	uint8_t junk[4096];
	uint64_t result = 0;

	host_bytes(junk, 0, sizeof(junk), (uint32_t)r->seed);
	WANT(rings_stop(r));
	WANT(load(r, junk, sizeof(junk), &result));
	WANT_THAT(r, result != 0, "junk is an error", "it was taken");
}

static const struct check checks[] = {
	{
		.id = "migration.used-ring-marked",
		.title = "while logging, the page of the used ring is marked",
		.rows = "VU-016",
		.sends = "SET_LOG_BASE, SET_VRING_ADDR with logging, GETATTR",
		.wants = "the bit of the used ring's page",
		.catches = "preload:mmap-private",
		.front = &low_memory,
		.features = BIT(VHOST_USER_F_LOG_ALL),
		.protocol = PROTOCOL(LOG_SHMFD),
		.run = used_ring_marked,
	},
	{
		.id = "migration.data-marked",
		.title = "while logging, pages that the device writes are marked",
		.rows = "VU-016",
		.sends = "SET_LOG_BASE, READ of 20 pages",
		.wants = "the bit of each",
		.catches = "preload:mmap-private",
		.front = &low_memory,
		.features = BIT(VHOST_USER_F_LOG_ALL),
		.protocol = PROTOCOL(LOG_SHMFD),
		.run = data_marked,
	},
	{
		.id = "migration.state-saved",
		.title = "a device that is stopped saves its state and goes on",
		.rows = "VU-013",
		.sends = "SET_DEVICE_STATE_FD to save, CHECK_DEVICE_STATE, rings started again",
		.wants = "bytes, success, and the session goes on",
		.catches = "preload:write-lost",
		.front = &with_state,
		.protocol = PROTOCOL(DEVICE_STATE),
		.run = state_saved,
	},
	{
		.id = "migration.state-restored",
		.title = "a state that is loaded has the nodes, handles and flags of the session",
		.rows = "VIRTIO-FS-MIG-001 VIRTIO-FS-MIG-002 VU-013",
		.sends = "state saved, RESET_DEVICE, state loaded; GETATTR and READ without INIT",
		.wants = "success, with the node and the handle of before",
		.catches = "preload:write-shift",
		.front = &with_state,
		.protocol = PROTOCOL(DEVICE_STATE),
		.run = state_restored,
	},
	{
		.id = "migration.state-cut",
		.title = "a state that ends too early is an error",
		.rows = "VU-013",
		.sends = "half of a state, CHECK_DEVICE_STATE",
		.wants = "an error",
		.catches = "preload:read-short",
		.front = &with_state,
		.protocol = PROTOCOL(DEVICE_STATE),
		.may_die = true,
		.run = state_cut,
	},
	{
		.id = "migration.state-junk",
		.title = "a state that is none is an error",
		.rows = "VU-013",
		.sends = "4096 bytes of junk as a state, CHECK_DEVICE_STATE",
		.wants = "an error, no crash",
		.catches = "preload:read-short",
		.front = &with_state,
		.protocol = PROTOCOL(DEVICE_STATE),
		.may_die = true,
		.run = state_junk,
	},
};

const struct check_area area_migration = { "migration", "Migration", checks, ARRAY_SIZE(checks) };
