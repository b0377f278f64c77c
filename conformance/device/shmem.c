// SPDX-License-Identifier: Apache-2.0
/* SHMEM_MAP and SHMEM_UNMAP: what a device says to its front end, and when. */
#include "conformance/device/areas.h"
#include "conformance/device/map.h"
#include "conformance/device/raw.h"

/* How long nothing may come where nothing must come. */
#define QUIET_MS 50

static bool is_map(const struct front_window_event *v)
{
	return v->request == VHOST_USER_BACKEND_SHMEM_MAP;
}

/* Form, padding, descriptors and bounds of every message are evidence by themselves. */
static void message(struct check_run *r)
{
	const struct front_window *w = r->f->window;
	uint64_t unit = map_unit(r);
	uint64_t node, bytes = 0;

	WANT(unit && map_file(r, "file", 4 * unit, 1, &node));
	WANT_OK(r, "SETUPMAPPING", map_both(r, node, unit, 2 * unit, 5 * unit));
	for (uint64_t i = 0; i < w->total; i++) {
		const struct front_window_event *v = front_window_event_at(w, i);

		WANT_THAT(r, v && is_map(v), "SHMEM_MAP (9)", "another request");
		WANT_SAME(r, 1, "an answer is asked for", v->asked);
		WANT_SAME(r, VHOST_USER_MMAP_FLAG_RW, "flags", v->mmap.flags);
		WANT_RANGE(r, 5 * unit, 7 * unit - v->mmap.len, "offset in the window",
			   v->mmap.shm_offset);
		bytes += v->mmap.len;
	}
	WANT_SAME(r, 2 * unit, "bytes of all SHMEM_MAPs", bytes);
	WANT(map_shows(r, "the file", 5 * unit, 1, unit, 2 * unit));
}

/* The strict front end takes nothing else; the evidence says what it was. */
static void unmap_exact(struct check_run *r)
{
	uint64_t unit = map_unit(r);
	uint64_t node;

	WANT(unit && map_file(r, "file", 4 * unit + 10, 1, &node));
	for (uint64_t i = 1; i <= 4; i++) {
		WANT_OK(r, "SETUPMAPPING", map_both(r, node, 0, MAP_RANGE, i * unit));
		WANT_OK(r, "REMOVEMAPPING", map_remove(r, node, 2 * unit, unit));
		WANT_OK(r, "REMOVEMAPPING", map_remove(r, node, 0, r->f->window->bytes));
		WANT_SAME(r, 0, "live mappings", r->f->window->count);
	}
	WANT_SAME(r, r->f->window->maps, "SHMEM_UNMAPs, as there were SHMEM_MAPs",
		  r->f->window->unmaps);
}

static void no_overlap(struct check_run *r)
{
	uint64_t unit = map_unit(r);
	uint64_t a, b;

	WANT(unit && map_file(r, "a", 4 * unit, 1, &a) && map_file(r, "b", 4 * unit, 2, &b));
	WANT_OK(r, "SETUPMAPPING", map_both(r, a, 0, 4 * unit, 0));
	WANT_OK(r, "SETUPMAPPING of another file over it", map_both(r, b, 0, 4 * unit, 0));
	WANT_OK(r, "SETUPMAPPING over a part of it", map_both(r, a, 0, 2 * unit, unit));
	WANT_SAME(r, 0, "SHMEM_MAPs over what is mapped",
		  front_evidence_of(r->f->evidence, FRONT_FAULT_MAP_OVERLAP));
	WANT(map_shows(r, "the part", unit, 1, 0, 2 * unit));
}

/* Whoever is told that it is done may touch it, or use the range for something else. */
static void awaited(struct check_run *r)
{
	struct front_window *w = r->f->window;
	uint64_t unit = map_unit(r);
	const struct fuse_removemapping_one one = { .moffset = 0, .len = 2 * unit };
	struct front_op ops[2];
	uint64_t node;

	WANT(unit && map_file(r, "file", 2 * unit, 1, &node));
	ops[0] = front_op_setupmapping(node, 0, 2 * unit, MAP_BOTH, 0);
	ops[1] = front_op_removemapping(node, &one, 1);
	for (int i = 0; i < 2; i++) {
		const char *what = i ? "REMOVEMAPPING" : "SETUPMAPPING";
		struct front_request *q;

		front_window_hold(w);
		WANT(map_submit(r, &ops[i], &q));
		WANT(map_held(r, q) && map_quiet(r, q, what, QUIET_MS));
		front_window_release(w);
		WANT_OK(r, what, map_end(r, q));
		if (i == 0)
			WANT(map_shows(r, "the file, at once", 0, 1, 0, 2 * unit));
		else
			WANT(map_nothing(r, "the range, at once", 0, 2 * unit));
	}
}

static void refused(struct check_run *r)
{
	static const uint64_t values[] = { 1, 5, UINT64_C(1) << 63, UINT64_MAX };
	uint64_t unit = map_unit(r);
	uint64_t node;

	WANT(unit && map_file(r, "file", 2 * unit, 1, &node));
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		front_window_nak(r->f->window, 0, 1, values[i]);
		WANT(fails(r, "SETUPMAPPING that the front end refused",
			   map_both(r, node, 0, 2 * unit, 0)));
		WANT(map_nothing(r, "what was refused", 0, 2 * unit));
		WANT_SAME(r, 0, "live mappings", r->f->window->count);
		WANT_OK(r, "SETUPMAPPING once more", map_both(r, node, 0, 2 * unit, 0));
		WANT(map_shows(r, "the file", 0, 1, 0, 2 * unit));
		WANT_OK(r, "REMOVEMAPPING", map_remove(r, node, 0, 2 * unit));
	}
}

/* Per unit: nothing, or what @seed says. */
static bool all_or_nothing(struct check_run *r, uint64_t unit, uint64_t at, uint64_t units,
			   uint32_t seed)
{
	for (uint64_t i = 0; i < units; i++, at += unit)
		if (map_peek(r, at) >= 0 &&
		    !map_shows(r, "after a refusal, where anything is mapped", at, seed, at, unit))
			return false;
	return true;
}

#define STEPS_MAX 16

/* A replacement takes several messages: whichever of its SHMEM_MAPs is refused, no wrong byte shows. */
static void refused_midway(struct check_run *r)
{
	struct front_window *w = r->f->window;
	bool map[STEPS_MAX] = { false };
	uint64_t unit = map_unit(r);
	uint64_t a, b, before, count;

	WANT(unit && map_file(r, "a", 8 * unit, 1, &a) && map_file(r, "b", 8 * unit, 2, &b));
	WANT_OK(r, "SETUPMAPPING", map_both(r, a, 0, 8 * unit, 0));
	before = w->total;
	WANT_OK(r, "SETUPMAPPING into its middle", map_both(r, b, 3 * unit, 2 * unit, 3 * unit));
	count = w->total - before;
	WANT_RANGE(r, 2, STEPS_MAX, "messages of that", count);
	for (uint64_t i = 0; i < count; i++)
		map[i] = is_map(front_window_event_at(w, count - 1 - i));
	for (unsigned i = 0; i < count; i++) {
		WANT_OK(r, "SETUPMAPPING", map_both(r, a, 0, 8 * unit, 0));
		/* No front end refuses to unmap what is there. */
		if (!map[i])
			continue;
		front_window_nak(w, i, 1, 1);
		WANT(fails(r, "SETUPMAPPING of which a step was refused",
			   map_both(r, b, 3 * unit, 2 * unit, 3 * unit)));
		front_window_nak(w, 0, 0, 1);
		WANT(all_or_nothing(r, unit, 0, 8, 1));
		WANT_OK(r, "SETUPMAPPING once more", map_both(r, b, 3 * unit, 2 * unit, 3 * unit));
		WANT(map_shows(r, "the new file", 3 * unit, 2, 3 * unit, 2 * unit));
		WANT_OK(r, "REMOVEMAPPING of all", map_remove(r, a, 0, 8 * unit));
		WANT_SAME(r, 0, "live mappings", w->count);
	}
}

static void refusals(struct check_run *r)
{
	MAP_PARTS(r, refused, refused_midway);
}

static void strict(struct check_run *r)
{
	MAP_PARTS(r, unmap_exact, no_overlap);
}

/* As QEMU: each map is told on the main socket, and waited for, before it is answered. */
static void served_meanwhile(struct check_run *r)
{
	const struct front_window *w = r->f->window;
	uint64_t unit = map_unit(r);
	uint64_t node;

	WANT(unit && map_file(r, "file", 4 * unit, 1, &node));
	for (uint64_t i = 0; i < 4; i++) {
		WANT_OK(r, "SETUPMAPPING", map_both(r, node, 0, 4 * unit, i * unit));
		WANT(map_shows(r, "the file", i * unit, 1, 0, 4 * unit));
		WANT_SAME(r, 0, "ADD_MEM_REG and REM_MEM_REG that failed", w->failed);
	}
	WANT_OK(r, "REMOVEMAPPING", map_remove(r, node, 0, w->bytes));
	WANT_SAME(r, 0, "ADD_MEM_REG and REM_MEM_REG that failed", w->failed);
	WANT_SAME(r, 0, "live mappings", w->count);
}

#define LATE_MS 150

/* Neither waits for the other for ever, and nothing happens in rings that were said to be stopped. */
static void stop_in_map(struct check_run *r)
{
	struct front_window *w = r->f->window;
	uint64_t unit = map_unit(r);
	struct front_request *q;
	struct front_op op;
	struct err err;
	uint64_t node;
	bool ended;
	int e;

	WANT(unit && map_file(r, "file", unit, 1, &node));
	op = front_op_setupmapping(node, 0, unit, MAP_BOTH, 0);
	front_window_delay(w, LATE_MS * NS_PER_MS);
	WANT(map_submit(r, &op, &q) && map_held(r, q));
	WANT_OK(r, "GET_VRING_BASE while the front end has not answered", front_stop(r->f, &err));
	ended = q->state != FRONT_IN_FLIGHT;
	(void)!front_wait_any(r->f, clock_deadline_ms(LATE_MS + QUIET_MS));
	(void)front_poll(r->f);
	WANT_SAME(r, ended, "used before GET_VRING_BASE was answered, and after",
		  q->state != FRONT_IN_FLIGHT);
	front_window_delay(w, 0);
	if (w->has_held)
		front_window_release(w);
	WANT_OK(r, "start of the rings", front_start(r->f, &err));
	e = map_end(r, q);
	WANT_THAT(r, e <= 0 && e > FRONT_TIMEOUT, "success or an error",
		  "SETUPMAPPING is not answered once the rings run");
	if (e == 0)
		WANT(map_shows(r, "the file", 0, 1, 0, unit));
	WANT_OK(r, "SETUPMAPPING, afterwards", map_both(r, node, 0, unit, 2 * unit));
	WANT(map_shows(r, "the file", 2 * unit, 1, 0, unit));
}

/* A pause: everything is where it was, and nothing is said of it. */
static void stopped(struct check_run *r)
{
	const struct front_window *w = r->f->window;
	uint64_t unit = map_unit(r);
	uint64_t node, features, total;
	struct err err;

	WANT(unit && map_file(r, "file", 2 * unit + 10, 1, &node));
	WANT_OK(r, "SETUPMAPPING", map_both(r, node, 0, MAP_RANGE, 0));
	total = w->total;
	for (uint8_t i = 1; i <= 3; i++) {
		WANT_OK(r, "GET_VRING_BASE", front_stop(r->f, &err));
		WANT(map_store(r, 5, i));
		WANT_OK(r, "GET_FEATURES while all rings are stopped",
			front_get_features(&r->f->channel, &features));
		if (i == 1)
			(void)!front_wait_any(r->f, clock_deadline_ms(QUIET_MS));
		front_pump_once(&r->f->pump);
		WANT_SAME(r, total, "messages of the device, as before", w->total);
		WANT_OK(r, "start of the rings", front_start(r->f, &err));
		WANT_SAME(r, i, "a byte that was stored meanwhile", (uint64_t)map_peek(r, 5));
	}
	WANT_OK(r, "REMOVEMAPPING", map_remove(r, node, 0, MAP_RANGE));
	WANT_SAME(r, 0, "live mappings", w->count);
}

/* GETATTR whose reply lies at the start of the window, which the device was told of. */
static bool reply_into_window(struct check_run *r, struct raw *ret)
{
	struct front_buf *in = front_buf_new(r->f->memory, GETATTR_IN);

	if (!in)
		return check_host(r, "guest memory", -ENOMEM);
	*ret = raw_getattr(r, in->guest, in->at, FRONT_WINDOW_GUEST, NULL);
	return raw_submit(r, ret) &&
	       check_that(r, raw_wait(r, ret, SOON_MS), "the request is used", "it is not") &&
	       check_alive(r);
}

/* A program of the guest may read into what it has mapped, and the host may cut that file meanwhile. */
static void buffer_in_window(struct check_run *r)
{
	uint8_t reply[GETATTR_OUT];
	uint64_t unit = map_unit(r);
	uint64_t node;
	struct raw q = { 0 };

	WANT(unit && map_file(r, "file", 2 * unit, 1, &node));
	WANT_OK(r, "SETUPMAPPING", map_both(r, node, 0, 2 * unit, 0));
	WANT(reply_into_window(r, &q));
	/* A device may leave such a chain without an answer. */
	if (q.used_len > sizeof(struct fuse_out_header)) {
		WANT_OK(r, "a load from the window", map_load(r, 0, reply, sizeof(reply)));
		WANT(raw_is_right(r, &q, reply, "in the window"));
	}
	WANT(check_host(r, "cut the file", host_write(r->share, "file", "", 0)));
	WANT(reply_into_window(r, &q));
	WANT(check_host(r, "write the file", host_fill(r->share, "file", 2 * unit, 1)));
	WANT_OK(r, "REMOVEMAPPING", map_remove(r, node, 0, 2 * unit));
	WANT_OK(r, "SETUPMAPPING, afterwards", map_both(r, node, 0, 2 * unit, 0));
	WANT(map_shows(r, "the file", 0, 1, 0, 2 * unit));
}

static const struct front_options told = { .window_options = { .mem_reg = true } };

static const struct check checks[] = {
	{
		.id = "shmem.message",
		.title = "SHMEM_MAP says what SETUPMAPPING asked for, and asks for an answer",
		.rows = "VU-SHMEM-007 VU-SHMEM-016 VU-SHMEM-022 VU-SHMEM-008 VIRTIO-SHM-003",
		.sends = "SETUPMAPPING of two units",
		.wants =
			"SHMEM_MAPs (9) of 40 bytes with one descriptor each, region 0, padding 0, flags 1",
		.catches = "map-padding map-no-fd map-flags error:SETUPMAPPING:EIO",
		MAP_NEEDS,
		.run = message,
	},
	{
		.id = "shmem.strict",
		.title =
			"nothing is mapped over what is mapped, and only whole mappings are unmapped",
		.rows = "VU-SHMEM-009 VU-SHMEM-010",
		.sends =
			"SETUPMAPPING over others in whole and in part, REMOVEMAPPING of parts and of all, "
			"with a front end that takes neither overlap nor a part",
		.wants =
			"no SHMEM_MAP of a range in which something is mapped; each SHMEM_UNMAP has offset "
			"and length of an earlier SHMEM_MAP; none is left",
		.catches = "unmap-partial map-over-live",
		MAP_NEEDS,
		.run = strict,
	},
	{
		.id = "shmem.awaited",
		.title = "a request is answered once the front end has answered",
		.rows = "VU-SHMEM-021 VIRTIO-FS-DAX-014 FUSE-MAP-022",
		.sends =
			"SETUPMAPPING and REMOVEMAPPING, to which the front end does not answer for 50 ms",
		.wants =
			"neither is used before; then the range can be read, or not any more, at once",
		.catches = "map-early unmap-early",
		MAP_NEEDS,
		.run = awaited,
	},
	{
		.id = "shmem.refused",
		.title =
			"a map that the front end refuses is an error, leaves no wrong byte, and can be tried again",
		.rows = "FUSE-MAP-029 VU-SHMEM-013 VIRTIO-FS-DAX-013",
		.sends =
			"SETUPMAPPING that the front end answers with 1, 5, 2^63, 2^64 - 1; into the middle "
			"of another mapping, each of its SHMEM_MAPs refused",
		.wants = "an error; each page shows what it showed or nothing; once more succeeds",
		.catches = "map-nak-hidden",
		MAP_NEEDS,
		.run = refusals,
	},
	{
		.id = "shmem.main-socket-served",
		.title = "the main socket is served while the device waits for the front end",
		.rows = "VU-SHMEM-019 BUG-26",
		.sends =
			"SETUPMAPPING; before its answer the front end sends ADD_MEM_REG and waits for it",
		.wants = "both are answered",
		.catches = "map-deaf",
		MAP_NEEDS,
		.front = &told,
		.timeout_ms = 60000,
		.run = served_meanwhile,
	},
	{
		.id = "shmem.stop-in-map",
		.title = "a stop while a map is on its way ends, and then nothing is used",
		.rows = "VU-SHMEM-019 VIRTIO-FS-MIG-009",
		.sends = "SETUPMAPPING, GET_VRING_BASE before the front end's answer, start",
		.wants = "GET_VRING_BASE is answered; SETUPMAPPING before that or after the start",
		.catches = "used-after-stop",
		MAP_NEEDS,
		.run = stop_in_map,
	},
	{
		.id = "shmem.stopped",
		.title = "while all rings are stopped the device says nothing, and mappings stay",
		.rows = "VU-SHMEM-020 VIRTIO-FS-MIG-009",
		.sends = "GET_VRING_BASE of all rings, GET_FEATURES, start; three times",
		.wants = "no message of the device; the mapping shows what was stored meanwhile",
		.catches = "stop-talks",
		MAP_NEEDS,
		.run = stopped,
	},
	{
		.id = "shmem.buffer-in-window",
		.title = "a buffer in the window does no harm, even when its file was cut",
		.rows = "HTRUNC-002 VU-SHMEM-023 VIRTIO-FS-QUEUE-030",
		.sends =
			"ADD_MEM_REG of a mapping, as QEMU does; GETATTR whose reply lies in it; the same once "
			"the host has cut the file",
		.wants =
			"an answer in the window, or the chain used without one; the device goes on",
		.catches = "guard-off",
		MAP_NEEDS,
		.front = &told,
		.timeout_ms = 60000,
		.run = buffer_in_window,
	},
};

const struct check_area area_shmem = { "shmem", "SHMEM_MAP and SHMEM_UNMAP", checks,
				       ARRAY_SIZE(checks) };
