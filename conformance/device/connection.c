// SPDX-License-Identifier: Apache-2.0
/* Sessions end: by a reset, because the front end leaves, in the middle of things. Nothing stays behind. */
#include "conformance/device/areas.h"
#include "conformance/device/vhost.h"

#define FILES 40

static bool is_told(const struct check_run *r)
{
	return front_has_protocol(r->f, VHOST_USER_PROTOCOL_F_STATUS) ||
	       front_has_protocol(r->f, VHOST_USER_PROTOCOL_F_RESET_DEVICE);
}

/*
 * By whichever of the two was negotiated. Without either a VMM can only stop the rings, and that it was no
 * pause shows when they begin anew with an INIT.
 */
static bool reset(struct check_run *r)
{
	struct err err = { "" };

	if (is_told(r))
		return check_that(r, front_reset(r->f, &err) == 0, "a reset is taken", "%s",
				  err.text);
	if (!rings_stop(r))
		return false;
	r->f->kept = false;
	return true;
}

static bool go_on(struct check_run *r)
{
	struct err err = { "" };

	return check_that(r, front_start(r->f, &err) == 0, "the rings start after it", "%s",
			  err.text) &&
	       check_ok(r, "INIT after it", front_init(r->f, 0, NULL));
}

static bool make_files(struct check_run *r, unsigned count)
{
	char name[32];

	for (unsigned i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), "file-%u", i);
		if (!check_host(r, "make a file", host_write(r->share, name, "x", 1)))
			return false;
	}
	return true;
}

/* The last one's node and handle. */
static bool open_files(struct check_run *r, unsigned count, uint64_t *ret_node, uint64_t *ret_fh)
{
	struct fuse_entry_out entry = { 0 };
	struct fuse_open_out open = { 0 };
	char name[32];

	for (unsigned i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), "file-%u", i);
		if (!check_ok(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, name, &entry)) ||
		    !check_ok(r, "OPEN", front_open_file(r->f, entry.nodeid, O_RDONLY, &open)))
			return false;
	}
	*ret_node = entry.nodeid;
	*ret_fh = open.fh;
	return true;
}

/* What an old session knew, a new one does not. Which errno says so is not laid down. */
static bool check_forgotten(struct check_run *r, uint64_t node, uint64_t fh)
{
	struct fuse_attr_out attr;
	uint8_t byte;
	size_t size;

	return fails(r, "GETATTR of an old node", front_getattr(r->f, node, NULL, &attr)) &&
	       fails(r, "READ with an old handle", front_read(r->f, node, fh, 0, &byte, 1, &size));
}

static void reset_forgets(struct check_run *r)
{
	uint64_t node, fh;
	struct err err = { "" };

	WANT(make_files(r, 3));
	WANT(open_files(r, 3, &node, &fh));
	WANT(reset(r));
	WANT_THAT(r, front_start(r->f, &err) == 0, "the rings start after it", "%s", err.text);
	/* Before INIT, which begins a session of its own and would hide what is left of the old one. */
	if (is_told(r))
		WANT(check_forgotten(r, node, fh));
	WANT_OK(r, "INIT after it", front_init(r->f, 0, NULL));
	WANT(check_forgotten(r, node, fh));
}

static void reset_closes(struct check_run *r)
{
	uint64_t node, fh;
	unsigned before;

	NEED(r, check_daemon_pid(r), "a daemon of our own");
	WANT(make_files(r, FILES));
	before = daemon_fds(r);
	WANT(open_files(r, FILES, &node, &fh));
	WANT(reset(r));
	if (!is_told(r))
		WANT(go_on(r));
	/* Two descriptors that a ring may hold open are no leak. */
	WANT(check_fds(r, before + 2, "a reset with 40 files open"));
	if (is_told(r))
		WANT(go_on(r));
}

static void reset_stops(struct check_run *r)
{
	struct front_request *q;

	WANT(reset(r));
	WANT_OK(r, "GETATTR into a ring after a reset", submit_getattr(r, &q));
	front_ring_kick_anyway(&r->f->ring[1]);
	WANT(check_not_served(r, q, "after a reset"));
}

static void reset_again(struct check_run *r)
{
	for (int i = 0; i < 5; i++) {
		WANT(reset(r));
		WANT(go_on(r));
		WANT(check_served(r, "a reset"));
	}
}

static void status_kept(struct check_run *r)
{
	uint64_t status = 0;

	WANT_OK(r, "GET_STATUS", front_get_status(&r->f->channel, &status));
	/* ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK; the device may add DEVICE_NEEDS_RESET. */
	WANT_SAME(r, 0xf, "status of a device that runs", status);
	WANT_OK(r, "SET_STATUS 0", front_set_status(&r->f->channel, 0));
	WANT_OK(r, "GET_STATUS", front_get_status(&r->f->channel, &status));
	WANT_SAME(r, 0, "status after a reset", status);
}

static void hang_up_idle(struct check_run *r)
{
	uint64_t node, fh;

	WANT(make_files(r, 3));
	WANT(open_files(r, 3, &node, &fh));
	WANT(check_left_cleanly(r));
}

/* The lease is given back only after the front end has left. */
static void hang_up_in_flight(struct check_run *r)
{
	CLEANUP(held_end) struct held h = HELD_NONE;

	WANT(held_begin(r, &h, "held", 1));
	front_hang_up(r->f);
	fd_closep(&h.fd);
	WANT(check_left_cleanly(r));
}

static void half_header(struct check_run *r)
{
	static const uint8_t bytes[5] = { VHOST_USER_SET_OWNER };

	WANT_OK(r, "5 bytes of a header",
		front_send_bytes(&r->f->channel, bytes, sizeof(bytes), NULL, 0));
	WANT(check_left_cleanly(r));
}

static void half_payload(struct check_run *r)
{
	const struct vhost_user_header h = { VHOST_USER_SET_FEATURES, VHOST_USER_VERSION, 8 };

	WANT_OK(r, "a header without its payload",
		front_send_bytes(&r->f->channel, &h, sizeof(h), NULL, 0));
	WANT(check_left_cleanly(r));
}

static void nothing_said(struct check_run *r)
{
	WANT(check_left_cleanly(r));
}

/* A second one is kept waiting, sent away, or served apart: the first does not notice. */
static void second_front_end(struct check_run *r)
{
	struct front_message m = front_message_of(VHOST_USER_SET_OWNER, NULL, 0);
	struct err err = { "" };
	struct front *second = NULL;
	struct front_options o = { .path = r->socket, .timeout_ms = 200 };

	if (front_open(&o, &second, &err) == 0)
		(void)!front_send(&second->channel, &m);
	for (int i = 0; i < 5; i++)
		WANT(check_served(r, "a second front end has come"));
	second = front_free(second);
	WANT(check_served(r, "a second front end has left"));
}

static void next_front_end(struct check_run *r)
{
	uint64_t node, fh;
	struct err err = { "" };

	WANT(make_files(r, 3));
	WANT(open_files(r, 3, &node, &fh));
	WANT_THAT(r, front_reconnect(r->f, &err) == 0, "the next front end is served", "%s",
		  err.text);
	WANT(check_forgotten(r, node, fh));
	WANT_OK(r, "INIT", front_init(r->f, 0, NULL));
	WANT(check_forgotten(r, node, fh));
}

static void next_finds_no_leak(struct check_run *r)
{
	uint64_t node, fh;
	unsigned before;

	NEED(r, check_daemon_pid(r), "a daemon of our own");
	WANT(make_files(r, FILES));
	before = daemon_fds(r);
	for (int i = 0; i < 6; i++) {
		struct err err = { "" };

		WANT(open_files(r, FILES, &node, &fh));
		WANT_THAT(r, front_reconnect(r->f, &err) == 0, "the next front end is served", "%s",
			  err.text);
		WANT(check_fds(r, before + 2, "a front end that had 40 files open"));
		WANT_OK(r, "INIT", front_init(r->f, 0, NULL));
	}
}

static const struct check checks[] = {
	{
		.id = "connection.reset-forgets",
		.title = "a reset ends the session",
		.rows = "VIRTIO-DEV-008 VU-009",
		.sends =
			"LOOKUP, OPEN, a reset (STATUS, RESET_DEVICE, or rings stopped and begun anew); GETATTR "
			"and READ with what was known before, where it was told of a reset; INIT, both again",
		.wants = "errors for all of them",
		.catches = "reset-keeps-session",
		.run = reset_forgets,
	},
	{
		.id = "connection.reset-closes",
		.title = "a reset closes the files of the session",
		.rows = "VIRTIO-DEV-008 VU-009",
		.sends =
			"40 files opened, a reset; INIT before one looks where no message tells of it",
		.wants = "as many descriptors in /proc/PID/fd as before",
		.catches = "reset-keeps-session",
		.run = reset_closes,
	},
	{
		.id = "connection.reset-stops",
		.title = "a ring is not served after a reset",
		.rows = "VIRTIO-DEV-007 VU-009",
		.sends = "a reset, GETATTR and a kick",
		.wants = "not used",
		.catches = "reset-keeps-rings",
		.run = reset_stops,
	},
	{
		.id = "connection.reset-again",
		.title = "a device can be reset and negotiated again",
		.rows = "VIRTIO-DEV-005 VU-009",
		.sends = "5 times a reset, the same features, INIT",
		.wants = "a session each time",
		.catches = "feature-once",
		.run = reset_again,
	},
	{
		.id = "connection.status",
		.title = "GET_STATUS says what SET_STATUS said",
		.rows = "VU-019 VU-009",
		.sends = "GET_STATUS of a device that runs; SET_STATUS 0, GET_STATUS",
		.wants = "15, then 0",
		.catches = "status-lost",
		.protocol = PROTOCOL(STATUS),
		.run = status_kept,
	},
	{
		.id = "connection.hang-up",
		.title = "the device notices that its front end has left",
		.rows = "VU-018",
		.sends = "LOOKUP, OPEN, the socket is closed",
		.wants = "the daemon ends, or serves the next front end",
		.catches = "leaving-hangs",
		.may_die = true,
		.run = hang_up_idle,
	},
	{
		.id = "connection.hang-up-in-flight",
		.title = "a front end may leave with requests in flight",
		.rows = "VU-018",
		.sends = "OPEN that waits on the host, the socket is closed, the OPEN can go on",
		.wants = "the daemon ends, or serves the next front end; no crash",
		.catches = "leaving-hangs",
		.may_die = true,
		.run = hang_up_in_flight,
	},
	{
		.id = "connection.half-header",
		.title = "a front end may leave in the middle of a header",
		.rows = "VU-018",
		.sends = "5 bytes, the socket is closed",
		.wants = "the daemon ends, or serves the next front end; no crash",
		.catches = "leaving-hangs",
		.start = CHECK_NEGOTIATED,
		.may_die = true,
		.run = half_header,
	},
	{
		.id = "connection.half-payload",
		.title = "a front end may leave in the middle of a message",
		.rows = "VU-018",
		.sends = "a header without its payload, the socket is closed",
		.wants = "the daemon ends, or serves the next front end; no crash",
		.catches = "leaving-hangs",
		.start = CHECK_NEGOTIATED,
		.may_die = true,
		.run = half_payload,
	},
	{
		.id = "connection.nothing-said",
		.title = "a front end may leave without a word",
		.rows = "VU-018",
		.sends = "the socket is connected and closed",
		.wants = "the daemon ends, or serves the next front end; no crash",
		.catches = "leaving-hangs",
		.start = CHECK_CONNECTED,
		.may_die = true,
		.run = nothing_said,
	},
	{
		.id = "connection.second-front-end",
		.title = "a second front end does not disturb the first",
		.rows = "VU-018",
		.sends =
			"a second connection and SET_OWNER there, GETATTR of the first, the second leaves",
		.wants = "the first is served",
		.catches = "used-never:after=3",
		.run = second_front_end,
	},
	{
		.id = "connection.next-front-end",
		.title = "the next front end has a session of its own",
		.rows = "VU-018",
		.sends =
			"LOOKUP, OPEN, a new connection; GETATTR and READ with what was known before, INIT, both again",
		.wants = "errors for all of them",
		.catches = "reset-keeps-session",
		.options = CHECK_KEEP,
		.run = next_front_end,
	},
	{
		.id = "connection.next-finds-no-leak",
		.title = "front ends that come and go leave no descriptor behind",
		.rows = "VU-018",
		.sends = "6 connections, 40 files opened in each",
		.wants = "as many descriptors in /proc/PID/fd after each as before the first",
		.catches = "reset-keeps-session",
		.options = CHECK_KEEP,
		.run = next_finds_no_leak,
	},
};

const struct check_area area_connection = { "connection", "Life of a session", checks,
					    ARRAY_SIZE(checks) };
