/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_REF_FRONTEND_H
#define VQ_TEST_REF_FRONTEND_H

/*
 * A *fake* front end: a vhost-user client on a real Unix socket, a port of the device on the other side in
 * a thread of its own, and a *fake* file system that echoes what it is sent. The opcode says how.
 */

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "conformance/ref/ledger/ledger.h"
#include "conformance/ref/log.h"
#include "conformance/ref/vhost/vhost.h"
#include "conformance/test/test_ref_driver.h"

#define WAIT_MS 5000
#define PAYLOAD 64
/* Features: VERSION_1, protocol features; the others are added where wanted. */
#define F_BASE	 (UINT64_C(1) << 32 | UINT64_C(1) << VHOST_USER_F_PROTOCOL_FEATURES)
#define F_PACKED (UINT64_C(1) << 34)
#define F_EVENT	 (UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX)
#define F_INDIR	 (UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC)
#define P(name)	 (UINT64_C(1) << VHOST_USER_PROTOCOL_F_##name)
#define P_ALL                                                                                  \
	(P(MQ) | P(REPLY_ACK) | P(BACKEND_REQ) | P(BACKEND_SEND_FD) | P(CONFIGURE_MEM_SLOTS) | \
	 P(STATUS) | P(RESET_DEVICE) | P(SHMEM) | P(CONFIG))

/* What the fake file system does with a message; other opcodes are echoed at once. */
#define OP_ECHO	 FUSE_GETATTR
#define OP_BLOCK FUSE_SETLKW /* until the gate opens */
#define OP_LATER FUSE_OPEN   /* handed to another thread, which ends it when the gate opens */
#define OP_MAP	 FUSE_SETUPMAPPING
#define OP_UNMAP FUSE_REMOVEMAPPING

struct fake_fs {
	const struct ref_window *window;
	int map_fd;
	_Atomic int served;
	_Atomic int dropped;
	_Atomic int dropped_with_window;
	_Atomic int blocked;
	_Atomic int in_flight;
	_Atomic int dropped_in_flight; /* must stay 0 */
	_Atomic int map_result;
	sem_t gate;
};

struct front {
	struct fake_guest g;
	struct fake_ring ring[2]; /* hiprio, requests */
	int kick[2];
	int call[2];
	struct ref_options o;
	struct vhost_port *port;
	struct fake_fs fs;
	struct ref_handler handler;
	pthread_t thread;
	int stop;
	bool once;
	int result;
	char dir[64];
	char path[96];
	int fd;
	int channel; /* our end of the back-end channel */
	uint64_t features;
};

static inline void fake_reply(struct ref_request *r, int32_t error)
{
	struct fuse_in_header in = { 0 };
	struct fuse_out_header out = { .len = OUT_BYTES, .error = error };
	uint8_t body[PAYLOAD] = { 0 };
	uint8_t all[OUT_BYTES + PAYLOAD];
	size_t have = 0, n = 0, done = 0;

	for (unsigned i = 0; i < r->in_count; i++) {
		for (size_t j = 0; j < r->in[i].iov_len; j++, have++) {
			uint8_t b = ((uint8_t *)r->in[i].iov_base)[j];

			if (have < sizeof(in))
				((uint8_t *)&in)[have] = b;
			else if (n < PAYLOAD)
				body[n++] = b;
		}
	}
	if (error != 0)
		n = 0;
	out.unique = in.unique;
	out.len += (uint32_t)n;
	memcpy(all, &out, sizeof(out));
	memcpy(all + sizeof(out), body, n);
	for (unsigned i = 0; i < r->out_count && done < out.len; i++) {
		size_t part = r->out[i].iov_len;

		if (part > out.len - done)
			part = out.len - done;
		memcpy(r->out[i].iov_base, all + done, part);
		done += part;
	}
	ref_request_done(r, (uint32_t)done);
}

struct fake_later {
	struct fake_fs *fs;
	struct ref_request *r;
};

static void *fake_later_thread(void *arg)
{
	struct fake_later l = *(struct fake_later *)arg;

	free(arg);
	(void)sem_wait(&l.fs->gate);
	l.fs->blocked--;
	l.fs->served++;
	l.fs->in_flight--;
	fake_reply(l.r, 0);
	return NULL;
}

static inline void fake_request(void *context, struct ref_request *r)
{
	struct fake_fs *fs = context;
	struct fuse_in_header h = { 0 };
	int e = 0;

	if (r->in_count > 0 && r->in[0].iov_len >= sizeof(h))
		memcpy(&h, r->in[0].iov_base, sizeof(h));
	fs->in_flight++;
	if (h.opcode == OP_LATER) {
		struct fake_later *l = malloc(sizeof(*l));
		pthread_t t;

		*l = (struct fake_later){ fs, r };
		fs->blocked++;
		(void)pthread_create(&t, NULL, fake_later_thread, l);
		(void)pthread_detach(t);
		return;
	}
	if (h.opcode == OP_BLOCK) {
		fs->blocked++;
		(void)sem_wait(&fs->gate);
		fs->blocked--;
	}
	/* nodeid: which 2 MiB of the window, each with as many of the file. */
	if (h.opcode == OP_MAP) {
		e = fs->window->map(fs->window->context, fs->map_fd, h.nodeid << 12, h.nodeid << 21,
				    0x1000, true);
		ledger_add(&(struct ledger_event){ .kind = LEDGER_REQUEST,
						   .code = h.opcode,
						   .start_ns = r->popped_ns,
						   .end_ns = clock_now_ns(),
						   .result = e });
	}
	if (h.opcode == OP_UNMAP)
		e = fs->window->unmap(fs->window->context, h.nodeid << 21, 0x1000);
	fs->map_result = e;
	fs->served++;
	fs->in_flight--;
	fake_reply(r, e);
}

static inline void fake_drop(void *context, bool window_gone)
{
	struct fake_fs *fs = context;

	if (fs->in_flight != 0)
		fs->dropped_in_flight++;
	fs->dropped++;
	fs->dropped_with_window += window_gone;
}

static void *front_port_thread(void *arg)
{
	struct front *f = arg;
	struct err err = { "" };

	f->result = vhost_port_run(f->port, &f->handler, f->stop, f->once, &err);
	return NULL;
}

/* ---- messages ---- */

static inline int front_send_raw(int fd, const void *bytes, size_t size, const int *fds, size_t n)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(64 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)bytes, size };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n > 0) {
		struct cmsghdr *c = &control.align;

		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	return sendmsg(fd, &h, MSG_NOSIGNAL) == (ssize_t)size ? 0 : -1;
}

static inline int front_send(int fd, uint32_t request, uint32_t flags, const void *body,
			     uint32_t size, const int *fds, size_t n)
{
	uint8_t bytes[sizeof(struct vhost_user_header) + 4096] = { 0 };
	struct vhost_user_header h = { request, flags | VHOST_USER_VERSION, size };

	memcpy(bytes, &h, sizeof(h));
	if (size > 0)
		memcpy(bytes + sizeof(h), body, size);
	return front_send_raw(fd, bytes, sizeof(h) + size, fds, n);
}

static inline bool front_readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) > 0;
}

/* One message. Size of its payload; -1 when the other side has left or nothing comes. */
static inline int front_recv(int fd, struct vhost_user_header *h, void *body, size_t room,
			     int *ret_fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { h, sizeof(*h) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };

	if (!front_readable(fd, WAIT_MS) || recvmsg(fd, &m, MSG_WAITALL) != sizeof(*h))
		return -1;
	if (ret_fd && CMSG_FIRSTHDR(&m))
		memcpy(ret_fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	if (h->size > room || (h->size > 0 && recv(fd, body, h->size, MSG_WAITALL) != h->size))
		return -1;
	return (int)h->size;
}

/* Sends with need_reply: 0 or 1 as the device says; -1 without an answer. */
static inline int front_ask(struct front *f, uint32_t request, const void *body, uint32_t size,
			    const int *fds, size_t n)
{
	struct vhost_user_header h;
	uint64_t code = 0;

	if (front_send(f->fd, request, VHOST_USER_FLAG_NEED_REPLY, body, size, fds, n) < 0 ||
	    front_recv(f->fd, &h, &code, sizeof(code), NULL) != sizeof(code) ||
	    h.request != request || !(h.flags & VHOST_USER_FLAG_REPLY))
		return -1;
	return code != 0;
}

static inline int front_set_u64(struct front *f, uint32_t request, uint64_t value)
{
	return front_ask(f, request, &value, sizeof(value), NULL, 0);
}

static inline int64_t front_get_u64(struct front *f, uint32_t request)
{
	struct vhost_user_header h;
	uint64_t value = 0;

	if (front_send(f->fd, request, 0, NULL, 0, NULL, 0) < 0 ||
	    front_recv(f->fd, &h, &value, sizeof(value), NULL) != sizeof(value))
		return -1;
	return (int64_t)value;
}

static inline int front_state(struct front *f, uint32_t request, uint32_t index, uint32_t num)
{
	struct vhost_user_vring_state s = { index, num };

	return front_ask(f, request, &s, sizeof(s), NULL, 0);
}

static inline int64_t front_get_base(struct front *f, uint32_t index)
{
	struct vhost_user_vring_state s = { index, 0 };
	struct vhost_user_header h;

	if (front_send(f->fd, VHOST_USER_GET_VRING_BASE, 0, &s, sizeof(s), NULL, 0) < 0 ||
	    front_recv(f->fd, &h, &s, sizeof(s), NULL) != sizeof(s) || s.index != index)
		return -1;
	return s.num;
}

static inline int front_ring_fd(struct front *f, uint32_t request, uint32_t index, int fd)
{
	uint64_t v = index | (fd < 0 ? VHOST_USER_VRING_NOFD : 0);

	return front_ask(f, request, &v, sizeof(v), &fd, fd < 0 ? 0 : 1);
}

static inline int front_add_region(struct front *f, int i)
{
	struct vhost_user_mem_reg r = { 0, fake_region(i) };

	return front_ask(f, VHOST_USER_ADD_MEM_REG, &r, sizeof(r), &f->g.fd[i], 1);
}

/* ---- life ---- */

static inline int front_connect(struct front *f)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", f->path);
	f->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return connect(f->fd, (struct sockaddr *)&at, sizeof(at));
}

/* A port and a first connection to it. @o: its sockets and directory are filled in here. */
static inline int front_open(struct front *f, const struct ref_options *o)
{
	struct err err = { "" };

	f->o = *o;
	f->o.fd = -1;
	f->fd = f->channel = f->fs.map_fd = -1;
	f->stop = eventfd(0, EFD_CLOEXEC);
	(void)sem_init(&f->fs.gate, 0, 0);
	for (int i = 0; i < 2; i++) {
		f->kick[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		f->call[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	}
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/vq-front-XXXXXX");
	if (fake_guest_open(&f->g) < 0 || !mkdtemp(f->dir))
		return -1;
	(void)snprintf(f->path, sizeof(f->path), "%s/socket", f->dir);
	f->handler = (struct ref_handler){ .request = fake_request,
					   .drop = fake_drop,
					   .context = &f->fs };
	if (vhost_port_open(&f->o, f->path, &f->port, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	f->fs.window = vhost_port_window(f->port);
	if (pthread_create(&f->thread, NULL, front_port_thread, f) != 0)
		return -1;
	return front_connect(f);
}

static inline void front_close(struct front *f)
{
	const uint64_t one = 1;

	fd_closep(&f->fd);
	fd_closep(&f->channel);
	if (f->port) {
		(void)!write(f->stop, &one, sizeof(one));
		(void)pthread_join(f->thread, NULL);
		f->port = vhost_port_close(f->port);
	}
	for (int i = 0; i < 2; i++) {
		fd_closep(&f->kick[i]);
		fd_closep(&f->call[i]);
	}
	fd_closep(&f->stop);
	fd_closep(&f->fs.map_fd);
	fake_guest_close(&f->g);
	(void)rmdir(f->dir);
}

/* As QEMU does it, up to and including the back-end channel. */
static inline int front_handshake(struct front *f, uint64_t features, uint64_t protocol)
{
	int pair[2];

	f->features = features;
	if (front_get_u64(f, VHOST_USER_GET_FEATURES) < 0 ||
	    front_get_u64(f, VHOST_USER_GET_PROTOCOL_FEATURES) < 0 ||
	    front_set_u64(f, VHOST_USER_SET_PROTOCOL_FEATURES, protocol) != 0)
		return -1;
	if ((protocol & P(BACKEND_REQ)) &&
	    (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
	     front_ask(f, VHOST_USER_SET_BACKEND_REQ_FD, NULL, 0, &pair[1], 1) != 0))
		return -1;
	if (protocol & P(BACKEND_REQ)) {
		(void)close(pair[1]);
		fd_closep(&f->channel);
		f->channel = pair[0];
	}
	if (front_ask(f, VHOST_USER_SET_OWNER, NULL, 0, NULL, 0) != 0)
		return -1;
	return front_set_u64(f, VHOST_USER_SET_FEATURES, features) == 0 ? 0 : -1;
}

static inline int front_set_ring(struct front *f, unsigned i, uint32_t base)
{
	struct vhost_user_vring_addr a = fake_addr(&f->ring[i], i);

	if (front_state(f, VHOST_USER_SET_VRING_NUM, i, f->ring[i].size) != 0 ||
	    front_state(f, VHOST_USER_SET_VRING_BASE, i, base) != 0 ||
	    front_ask(f, VHOST_USER_SET_VRING_ADDR, &a, sizeof(a), NULL, 0) != 0 ||
	    front_ring_fd(f, VHOST_USER_SET_VRING_CALL, i, f->call[i]) != 0 ||
	    front_ring_fd(f, VHOST_USER_SET_VRING_KICK, i, f->kick[i]) != 0)
		return -1;
	return front_state(f, VHOST_USER_SET_VRING_ENABLE, i, 1);
}

/* All of it: memory, both rings, enabled. */
static inline int front_start(struct front *f, uint64_t features, uint64_t protocol, uint16_t size)
{
	bool packed = features & F_PACKED;

	if (front_handshake(f, features, protocol) < 0 || front_add_region(f, 0) != 0 ||
	    front_add_region(f, 1) != 0)
		return -1;
	for (unsigned i = 0; i < 2; i++) {
		fake_ring_init(&f->ring[i], &f->g, packed, size, 0x10000 * (uint64_t)(i + 1));
		f->ring[i].event_idx = features & F_EVENT;
		if (front_set_ring(f, i, packed ? UINT32_C(0x80008000) : 0) != 0)
			return -1;
	}
	return 0;
}

static inline void front_kick(struct front *f, unsigned i)
{
	const uint64_t one = 1;

	(void)!write(f->kick[i], &one, sizeof(one));
}

/* Buffers of request @slot: 512 bytes for the message, 512 for the answer. */
static inline uint64_t front_buffer(unsigned slot)
{
	return DATA + 1024 * (uint64_t)slot;
}

/* Adds a request of @opcode with a payload of @fill and kicks. */
static inline uint16_t front_request(struct front *f, unsigned i, unsigned slot, uint32_t opcode,
				     uint8_t fill)
{
	uint64_t at = front_buffer(slot);
	struct fake_seg s[2] = {
		{ fake_message(&f->g, at, opcode, slot + 1, fill, PAYLOAD), IN_BYTES + PAYLOAD,
		  false },
		{ BASE + at + 512, OUT_BYTES + PAYLOAD, true },
	};
	uint16_t head;

	memset(f->g.ram + at + 512, 0xaa, 512);
	head = fake_add(&f->ring[i], s, 2);
	front_kick(f, i);
	return head;
}

/* The next used element, or false after @ms. */
static inline bool front_wait(struct front *f, unsigned i, uint16_t *id, uint32_t *len, int ms)
{
	uint64_t deadline = clock_deadline_ms((uint64_t)ms);

	while (!fake_used(&f->ring[i], id, len)) {
		if (clock_now_ns() > deadline)
			return false;
		(void)usleep(200);
	}
	return true;
}

/* Is the answer in @slot the right one? */
static inline bool front_answered(struct front *f, unsigned slot, uint8_t fill)
{
	const uint8_t *at = f->g.ram + front_buffer(slot) + 512;
	struct fuse_out_header h;

	memcpy(&h, at, sizeof(h));
	for (unsigned i = 0; i < PAYLOAD; i++)
		if (at[sizeof(h) + i] != fill)
			return false;
	return h.unique == slot + 1 && h.len == OUT_BYTES + PAYLOAD && h.error == 0;
}

/* Waits until @value is @wanted. */
static inline bool front_until(_Atomic int *value, int wanted, int ms)
{
	uint64_t deadline = clock_deadline_ms((uint64_t)ms);

	while (*value != wanted) {
		if (clock_now_ns() > deadline)
			return false;
		(void)usleep(200);
	}
	return true;
}

#endif
