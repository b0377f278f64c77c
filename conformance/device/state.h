/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_DEVICE_STATE_H
#define VQ_DEVICE_STATE_H

/* The device's own state as a stream, through a pipe. Source: vhost-user, SET_DEVICE_STATE_FD. */

#include "conformance/device/vhost.h"

/* What one session of a few files never fills. */
#define STATE_MAX (1 << 20)

/* One end of a pipe goes to the device. Its reply's error; or -1 with the verdict set. */
static inline int give_pipe(struct check_run *r, uint32_t direction, int fd)
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

static inline bool check_state(struct check_run *r, uint64_t *ret)
{
	return check_ok(r, "CHECK_DEVICE_STATE",
			front_get_u64(&r->f->channel, VHOST_USER_CHECK_DEVICE_STATE, ret));
}

/* @ret_state: not 0 where the device says that it failed. */
static inline bool try_save(struct check_run *r, struct buf *ret, uint64_t *ret_state)
{
	CLEANUP(fd_closep) int in = -1;
	CLEANUP(fd_closep) int out = -1;
	int ends[2];
	uint8_t part[4096];
	ssize_t n;
	int e;

	if (!check_host(r, "pipe", pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0))
		return false;
	in = ends[0];
	out = ends[1];
	e = give_pipe(r, VHOST_USER_STATE_SAVE, out);
	if (e < 0)
		return false;
	*ret_state = (uint64_t)e;
	if (e > 0)
		return true;
	fd_closep(&out);
	while ((n = read(in, part, sizeof(part))) > 0 && ret->size < STATE_MAX)
		if (buf_add(ret, part, (size_t)n) < 0)
			return check_host(r, "memory for the state", -ENOMEM);
	return check_state(r, ret_state);
}

static inline bool save(struct check_run *r, struct buf *ret)
{
	uint64_t state = 0;

	return try_save(r, ret, &state) &&
	       check_same(r, 0, "error of SET_DEVICE_STATE_FD or CHECK_DEVICE_STATE", state) &&
	       check_range(r, 1, STATE_MAX, "bytes of state", ret->size);
}

static inline bool load(struct check_run *r, const void *data, size_t size, uint64_t *ret_state)
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

#endif
