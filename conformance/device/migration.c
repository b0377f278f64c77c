// SPDX-License-Identifier: Apache-2.0
/* Migration: the log of dirty pages, and the device's own state as a stream. */
#include "conformance/device/areas.h"
#include "conformance/device/map.h"
#include "conformance/device/state.h"

#include <sys/mman.h>

#define LOG_BYTES  65536 /* bits for the first 2 GiB of guest memory */
#define DATA_BYTES (20 * 4096)
/* Places in it that are overwritten in turn, and with how much. */
#define LIES	  64
#define LIE_BYTES 4

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

/* Silence is a failure here: it need not be long. */
#define STATE_MS 3000

static const struct front_options with_state = { .timeout_ms = STATE_MS,
						 .protocol_more = PROTOCOL(DEVICE_STATE) };

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

/* Stopped, it serves nobody, and so what it saves does not change. */
static void state_saved(struct check_run *r)
{
	CLEANUP(buf_free) struct buf state = { .max = STATE_MAX };
	CLEANUP(buf_free) struct buf again = { .max = STATE_MAX };
	const struct front_op op = front_op_mkdir(FRONT_ROOT, "later", 0755);
	struct fuse_entry_out entry;
	struct fuse_attr_out attr;
	struct front_request *q;

	WANT(check_host(r, "make a file", host_write(r->share, "file", "x", 1)));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &entry));
	WANT(rings_stop(r));
	WANT_OK(r, "MKDIR into a stopped ring", front_prepare(r->f, &op, &q));
	WANT_OK(r, "MKDIR into a stopped ring", front_submit(q));
	front_ring_kick_anyway(&r->f->ring[1]);
	WANT(save(r, &state));
	WANT(save(r, &again));
	WANT(check_same_bytes(r, state.data, state.size, "the state, saved once more", again.data,
			      again.size));
	WANT_THAT(r, !host_exists(r->share, "later"), "nothing is served meanwhile", "MKDIR was");
	/* Migration was given up: the source goes on. */
	WANT(rings_start(r));
	front_ring_kick_anyway(&r->f->ring[1]);
	WANT_OK(r, "MKDIR once the rings run", front_wait(q, front_deadline(r->f)));
	WANT_OK(r, "GETATTR of a node of before", front_getattr(r->f, entry.nodeid, NULL, &attr));
}

/* An error, wherever it is noticed, or the file of before: another one of its name is what must not be. */
static void state_unlinked(struct check_run *r)
{
	CLEANUP(buf_free) struct buf state = { .max = STATE_MAX };
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	struct err err = { "" };
	uint64_t result = 0;
	uint8_t byte = 0;
	size_t size = 0;
	int e;

	NEED(r, front_has_protocol(r->f, VHOST_USER_PROTOCOL_F_RESET_DEVICE),
	     "vhost-user protocol feature RESET_DEVICE");
	WANT(check_host(r, "make a file", host_write(r->share, "file", "x", 1)));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &entry));
	WANT_OK(r, "OPEN", front_open_file(r->f, entry.nodeid, O_RDONLY, &open));
	WANT(check_host(r, "unlink it", host_unlink(r->share, "file")));
	WANT(rings_stop(r));
	WANT(try_save(r, &state, &result));
	if (result != 0)
		return;
	WANT(check_host(r, "make another file", host_write(r->share, "file", "other", 5)));
	WANT_THAT(r, front_reset(r->f, &err) == 0, "a reset is taken", "%s", err.text);
	WANT(load(r, state.data, state.size, &result));
	if (result != 0)
		return;
	WANT(rings_start(r));
	e = front_read(r->f, entry.nodeid, open.fh, 0, &byte, 1, &size);
	WANT_THAT(r, (e < 0 && e > FRONT_TIMEOUT) || (e == 0 && size == 1 && byte == 'x'),
		  "an error, or the byte that the file had", "result %d, %zu bytes, 0x%02x", e,
		  size, byte);
	WANT(check_alive(r));
}

/* A length in it that says too much, wherever the device keeps lengths. Success is none of our business. */
static bool lying_lengths(struct check_run *r, const struct buf *state)
{
	CLEANUP(freep) uint8_t *lie = malloc(state->size);
	size_t step = state->size / LIES + 1;
	uint64_t result;

	for (size_t at = 0; lie && at < state->size; at += step) {
		size_t bytes = state->size - at < LIE_BYTES ? state->size - at : LIE_BYTES;

		memcpy(lie, state->data, state->size);
		memset(lie + at, 0xff, bytes);
		if (!load(r, lie, state->size, &result))
			return false;
	}
	return check_host(r, "memory", lie ? 0 : -ENOMEM);
}

static void state_junk(struct check_run *r)
{
	CLEANUP(buf_free) struct buf state = { .max = STATE_MAX };
	struct fuse_entry_out entry;
	uint64_t offered, result = 0;
	uint8_t junk[4096];

	host_bytes(junk, 0, sizeof(junk), (uint32_t)r->seed);
	WANT(check_host(r, "make a file", host_write(r->share, "file", "x", 1)));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &entry));
	WANT(rings_stop(r));
	WANT(save(r, &state));
	WANT(load(r, state.data, state.size / 2, &result));
	WANT_THAT(r, result != 0, "half of a state is an error", "it was taken");
	WANT(load(r, junk, sizeof(junk), &result));
	WANT_THAT(r, result != 0, "junk is an error", "it was taken");
	WANT(lying_lengths(r, &state));
	WANT_OK(r, "GET_FEATURES after all that", front_get_features(&r->f->channel, &offered));
}

/* What the guest has mapped it goes on to use, with no request that would say so. */
static void window(struct check_run *r)
{
	CLEANUP(buf_free) struct buf state = { .max = STATE_MAX };
	uint64_t unit = map_unit(r);
	uint64_t node, result = 0;
	struct err err = { "" };

	WANT(unit && map_file(r, "file", 2 * unit, 1, &node));
	WANT_OK(r, "SETUPMAPPING", map_both(r, node, unit, unit, 4 * unit));
	if (!front_has_protocol(r->f, VHOST_USER_PROTOCOL_F_DEVICE_STATE))
		return;
	WANT(rings_stop(r));
	WANT(try_save(r, &state, &result));
	if (result != 0)
		return;
	WANT_THAT(r, front_reset(r->f, &err) == 0, "a reset is taken", "%s", err.text);
	WANT(load(r, state.data, state.size, &result));
	if (result != 0)
		return;
	WANT(rings_start(r));
	WANT(check_alive(r));
	WANT(map_shows(r, "what was mapped before", 4 * unit, 1, unit, unit));
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
		.rows = "VU-013 VU-014",
		.sends =
			"MKDIR into a stopped ring, SET_DEVICE_STATE_FD to save, CHECK_DEVICE_STATE; both "
			"again; rings started",
		.wants =
			"the same bytes twice, success, no folder before the rings run; the session goes on",
		.catches = "state-claimed preload:pipe-lost",
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
		.catches = "state-claimed preload:pipe-cut",
		.front = &with_state,
		.protocol = PROTOCOL(DEVICE_STATE),
		.run = state_restored,
	},
	{
		.id = "migration.state-unlinked",
		.title =
			"a file that was unlinked and is open is an error, or is there, but is no other",
		.rows = "VIRTIO-FS-MIG-005",
		.sends =
			"OPEN, the host unlinks the file; state saved, another file of that name, RESET_DEVICE, "
			"state loaded; READ",
		.wants = "an error in one of these steps, or the first file's byte",
		.catches = "state-claimed",
		.front = &with_state,
		.protocol = PROTOCOL(DEVICE_STATE),
		.run = state_unlinked,
	},
	{
		.id = "migration.state-junk",
		.title = "a state that is cut or none is an error, and lengths that lie do no harm",
		.rows = "VU-013 BUG-05",
		.sends =
			"half of a state, 4096 bytes of junk, a state with 4 bytes of 0xff at each of 64 places; "
			"CHECK_DEVICE_STATE after each",
		.wants = "an error for the first two; an answer each time",
		.catches = "state-claimed",
		.front = &with_state,
		.protocol = PROTOCOL(DEVICE_STATE),
		.timeout_ms = 60000,
		.run = state_junk,
	},
	{
		.id = "migration.window",
		.title = "what is mapped keeps a device from migrating, or is mapped again",
		.rows = "VIRTIO-FS-MIG-007",
		.sends =
			"SETUPMAPPING; with DEVICE_STATE: state saved, RESET_DEVICE, state loaded, rings started",
		.wants = "no DEVICE_STATE beside a window, an error, or the mapping of before",
		.catches = "state-claimed",
		.options = CHECK_WINDOW,
		.protocol = MAP_PROTOCOL,
		.init = FUSE_MAP_ALIGNMENT,
		.front = &with_state,
		.run = window,
	},
};

const struct check_area area_migration = { "migration", "Migration", checks, ARRAY_SIZE(checks) };
