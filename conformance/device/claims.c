// SPDX-License-Identifier: Apache-2.0
/* What few devices offer. Whoever offers it does it; all others do it the plain way, or not at all. */
#include "conformance/device/areas.h"
#include "conformance/device/held.h"
#include "conformance/device/vhost.h"

#include <linux/virtio_config.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* ---- requests in flight ---- */

#define MADE 12
/* Source: vhost-user, QueueRegionSplit and DescStateSplit. */
#define TRACK_HEAD  16
#define TRACK_STATE 16
#define TRACK_ALIGN 64

struct tracked {
	uint8_t *at; /* of queue 1 */
	unsigned entries;
};

static unsigned in_flight(const struct tracked *t)
{
	unsigned count = 0;

	for (unsigned i = 0; i < t->entries; i++)
		count += t->at[TRACK_HEAD + (size_t)i * TRACK_STATE] != 0;
	return count;
}

static bool track(struct check_run *r, struct tracked *ret)
{
	uint16_t entries = r->f->ring[1].size;
	uint64_t each = (TRACK_HEAD + (uint64_t)TRACK_STATE * entries + TRACK_ALIGN - 1) /
			TRACK_ALIGN * TRACK_ALIGN;
	struct front_inflight area = { 0 };
	CLEANUP(fd_closep) int fd = -1;
	struct stat st;
	void *at;
	int e = front_get_inflight_fd(&r->f->channel, (uint16_t)r->f->ring_count, entries, &area,
				      &fd);

	if (!check_ok(r, "GET_INFLIGHT_FD of a device that offers it", e) ||
	    !check_that(r,
			fd >= 0 && fstat(fd, &st) == 0 && area.mmap_offset % 4096 == 0 &&
				area.mmap_size >= each * r->f->ring_count &&
				(uint64_t)st.st_size >= area.mmap_size &&
				(uint64_t)st.st_size - area.mmap_size >= area.mmap_offset,
			"a descriptor with room for all queues", "%llu bytes at %llu",
			(unsigned long long)area.mmap_size, (unsigned long long)area.mmap_offset) ||
	    !check_ok(r, "SET_INFLIGHT_FD", front_set_inflight_fd(&r->f->channel, &area, fd)))
		return false;
	at = mmap(NULL, area.mmap_size, PROT_READ, MAP_SHARED, fd, (off_t)area.mmap_offset);
	if (!check_host(r, "mmap", at == MAP_FAILED ? -errno : 0))
		return false;
	*ret = (struct tracked){ (uint8_t *)at + each, entries };
	return true;
}

static bool is_tracked(struct check_run *r, const struct tracked *t)
{
	CLEANUP(held_end) struct held h = HELD_NONE;

	return held_begin(r, &h, "held", FRONT_QUEUE_AUTO) &&
	       check_same(r, 1, "descriptors recorded as in flight while an OPEN waits",
			  in_flight(t)) &&
	       held_let(r, &h) &&
	       check_same(r, 0, "descriptors recorded as in flight once it is used", in_flight(t));
}

/* A name can be made once: a request that is done again fails, one that is lost leaves none. */
static bool enqueue_made(struct check_run *r, unsigned from, unsigned to, struct front_request **q)
{
	for (unsigned i = from; i < to; i++) {
		char name[16];
		struct front_op op;

		(void)snprintf(name, sizeof(name), "made-%u", i);
		op = front_op_mkdir(FRONT_ROOT, name, 0755);
		if (!check_ok(r, "MKDIR", front_prepare(r->f, &op, &q[i])) ||
		    !check_ok(r, "MKDIR", front_enqueue(q[i])))
			return false;
	}
	return true;
}

static void each_once(struct check_run *r)
{
	struct front_request *q[MADE];
	struct tracked t = { 0 };
	bool tracks = front_has_protocol(r->f, VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD);

	if (tracks)
		WANT(track(r, &t));
	WANT(rings_start(r));
	WANT_OK(r, "INIT", front_init(r->f, 0, NULL));
	if (tracks)
		WANT(is_tracked(r, &t));
	WANT(enqueue_made(r, 0, MADE / 2, q));
	front_kick(r->f, 1);
	WANT(rings_stop(r));
	WANT(enqueue_made(r, MADE / 2, MADE, q));
	front_ring_publish(&r->f->ring[1]);
	WANT(rings_start(r));
	front_ring_kick_anyway(&r->f->ring[1]);
	for (unsigned i = 0; i < MADE; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "made-%u", i);
		WANT_OK(r, "MKDIR of a new name, with a stop on its way",
			front_wait(q[i], front_deadline(r->f)));
		WANT_THAT(r, host_exists(r->share, name), "what it makes is there", "%s is not",
			  name);
	}
}

/* ---- addresses, one queue anew, suspension ---- */

/* Without ACCESS_PLATFORM they are the guest's; with it they mean nothing before the VMM says what. */
static void addresses(struct check_run *r)
{
	const struct front_op op = front_op_init(7, 38, 0, front_init_flags);
	struct front_request *q;

	WANT(rings_start(r));
	WANT_OK(r, "INIT", front_prepare(r->f, &op, &q));
	WANT_OK(r, "INIT", front_submit(q));
	if (front_has(r->f, VIRTIO_F_ACCESS_PLATFORM)) {
		WANT(check_not_served(r, q, "though no IOTLB message said what its addresses are"));
		return;
	}
	WANT_OK(r, "INIT at guest addresses, which are neither ours nor those of the file",
		front_wait(q, front_deadline(r->f)));
	WANT(check_served(r, "INIT"));
}

#define SIZE_AGAIN 32

/* Through vhost-user a queue is reset by stopping it alone; it comes back as if it were new. */
static bool begin_again(struct check_run *r)
{
	struct front_ring *ring = &r->f->ring[1];
	const struct front_ring_ops *ops = ring->ops;
	bool event_idx = ring->event_idx;

	front_ring_close(ring);
	if (!check_host(r, "another ring",
			front_ring_open(ring, ops, 1, SIZE_AGAIN, event_idx, r->f->memory,
					r->f->evidence)))
		return false;
	front_ring_reset(ring, 0);
	if (!check_ok(r, "the queue, set up anew", front_start_ring(r->f, 1, 0)))
		return false;
	ring->started = true;
	return check_enable(r, 1, true);
}

static void queue_reset(struct check_run *r)
{
	const struct front_op op = front_op_mkdir(FRONT_ROOT, "never", 0755);
	struct fuse_entry_out entry;
	struct front_request *q;
	uint32_t base = 0;

	WANT(check_host(r, "make a file", host_write(r->share, "file", "x", 1)));
	WANT_OK(r, "MKDIR, not kicked", front_prepare(r->f, &op, &q));
	WANT_OK(r, "MKDIR, not kicked", front_enqueue(q));
	front_ring_publish(&r->f->ring[1]);
	WANT_OK(r, "GET_VRING_BASE of queue 1", front_get_vring_base(&r->f->channel, 1, &base));
	/* A device that had looked by itself has done it before. */
	NEED(r, (uint16_t)base != r->f->ring[1].avail_idx, "a device that waits for kicks");
	front_request_lose(q, FRONT_GONE);
	WANT(begin_again(r));
	WANT_OK(r, "INIT", front_init(r->f, 0, NULL));
	for (unsigned i = 0; i < 3 * SIZE_AGAIN; i++)
		WANT(check_served(r, "a reset of its queue, which is of another size now"));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &entry));
	WANT_OK(r, "FORGET, on the queue that was not reset", front_forget(r->f, entry.nodeid, 1));
	WANT_THAT(r, !host_exists(r->share, "never"),
		  "what was in the queue before its reset is never done", "it was");
}

#define STATUS_RUNS 0xf

/* Where SUSPEND is not offered, all rings are stopped: what a VMM does then. */
static bool suspend(struct check_run *r, bool offered)
{
	uint64_t status = 0;

	if (!offered)
		return rings_stop(r);
	return check_that(r, front_has_protocol(r->f, VHOST_USER_PROTOCOL_F_STATUS),
			  "STATUS, by which alone a back-end is told of SUSPEND",
			  "SUSPEND without it") &&
	       check_ok(r, "SET_STATUS with SUSPEND",
			front_set_status(&r->f->channel, STATUS_RUNS | VIRTIO_CONFIG_S_SUSPEND)) &&
	       check_ok(r, "GET_STATUS", front_get_status(&r->f->channel, &status)) &&
	       check_that(r, status & (VIRTIO_CONFIG_S_SUSPEND | VIRTIO_CONFIG_S_NEEDS_RESET),
			  "SUSPEND or DEVICE_NEEDS_RESET in its status", "0x%llx",
			  (unsigned long long)status);
}

static void suspended(struct check_run *r)
{
	bool offered = front_has(r->f, VIRTIO_F_SUSPEND);
	struct front_request *q;

	WANT(suspend(r, offered));
	WANT_OK(r, "GETATTR", submit_getattr(r, &q));
	front_ring_kick_anyway(&r->f->ring[1]);
	WANT(check_not_served(r, q, "while the device was suspended"));
	if (offered)
		WANT_OK(r, "SET_STATUS with DRIVER_OK",
			front_set_status(&r->f->channel, STATUS_RUNS));
	else
		WANT(rings_start(r));
	front_ring_kick_anyway(&r->f->ring[1]);
	WANT_OK(r, "GETATTR once it goes on", front_wait(q, front_deadline(r->f)));
}

/* Silence is a failure in all of these: it need not be long. */
#define SHORT_MS 1500

static const struct front_options tracking = { .timeout_ms = SHORT_MS,
					       .protocol_more = PROTOCOL(INFLIGHT_SHMFD) };
static const struct front_options platform = { .timeout_ms = SHORT_MS,
					       .features_more = BIT(VIRTIO_F_ACCESS_PLATFORM) };
static const struct front_options ring_reset = { .timeout_ms = SHORT_MS,
						 .features_more = BIT(VIRTIO_F_RING_RESET) };
static const struct front_options suspends = { .timeout_ms = SHORT_MS,
					       .features_more = BIT(VIRTIO_F_SUSPEND) };

static const struct check checks[] = {
	{
		.id = "claims.each-once",
		.title =
			"each request is done once, whenever the rings are stopped, and tracked if so offered",
		.rows = "VIRTIO-FS-MIG-010 VU-015 VIRTIO-FS-MIG-011",
		.sends =
			"with INFLIGHT_SHMFD an OPEN that the host holds back; 6 MKDIRs, GET_VRING_BASE at "
			"once, 6 more, the rings start again",
		.wants =
			"just that OPEN is recorded as in flight; 12 times success, and 12 folders",
		.catches = "inflight-claimed base-wrong",
		.start = CHECK_NEGOTIATED,
		.front = &tracking,
		.run = each_once,
	},
	{
		.id = "claims.addresses",
		.title =
			"addresses are those of the guest, unless ACCESS_PLATFORM makes them others",
		.rows = "VIRTIO-DEV-015 VU-006",
		.sends =
			"INIT in guest memory; with ACCESS_PLATFORM, but without any IOTLB message",
		.wants = "a reply; with ACCESS_PLATFORM none",
		.catches = "feature-platform mem-user",
		.start = CHECK_NEGOTIATED,
		.front = &platform,
		.run = addresses,
	},
	{
		.id = "claims.queue-reset",
		.title =
			"a queue that is reset alone forgets what was in it and takes another size",
		.rows = "VU-003 VIRTIO-DEV-012 VIRTIO-DEV-013",
		.sends =
			"MKDIR without a kick, GET_VRING_BASE of queue 1; another ring of 32 entries; INIT, 96 "
			"GETATTRs, FORGET on the high priority queue",
		.wants = "replies to all that came after the reset, and no folder",
		.catches = "size-kept ring-stops-not",
		.front = &ring_reset,
		.run = queue_reset,
	},
	{
		.id = "claims.suspended",
		.title = "a device that was suspended touches no queue until it goes on",
		.rows = "VIRTIO-FS-MIG-009 VIRTIO-FS-MIG-012",
		.sends =
			"SET_STATUS with SUSPEND where it is offered, else GET_VRING_BASE of all rings; "
			"GETATTR and a kick, 40 ms later it goes on",
		.wants = "not used before, used after; SUSPEND in the status where it was set",
		.catches = "feature-suspend ring-stops-not",
		.front = &suspends,
		.run = suspended,
	},
};

const struct check_area area_claims = { "claims", "What few devices offer", checks,
					ARRAY_SIZE(checks) };
