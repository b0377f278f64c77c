// SPDX-License-Identifier: Apache-2.0
#include "fake_ends.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

int ends_setup(void **state)
{
	struct fake_ends *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	f->vmm = (struct channel){ .fd = -1, .who = "relay" };
	f->daemon = (struct channel){ .fd = -1, .who = "relay" };
	f->daemon_listen = -1;
	return fake_open(&f->g);
}

int ends_teardown(void **state)
{
	struct fake_ends *f = *state;

	(void)relay_stop(f->relay, NULL);
	channel_close(&f->vmm);
	channel_close(&f->daemon);
	message_close_fds(&f->last);
	fd_closep(&f->daemon_listen);
	(void)unlink(f->vmm_path);
	(void)unlink(f->daemon_path);
	if (f->dir[0])
		(void)rmdir(f->dir);
	fake_close(&f->g);
	if (f->rings && f->rings != MAP_FAILED)
		(void)munmap(f->rings, SHADOW_SIZE);
	free(f);
	return 0;
}

static int listen_at(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static int connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

void ends_start(struct fake_ends *f)
{
	struct relay_config c = { .daemon_socket = f->daemon_path };

	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/vq-test-relay-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->vmm_path, sizeof(f->vmm_path), "%s/vmm", f->dir);
	(void)snprintf(f->daemon_path, sizeof(f->daemon_path), "%s/daemon", f->dir);
	f->daemon_listen = listen_at(f->daemon_path);
	c.listen_fd = listen_at(f->vmm_path);
	assert_int_equal(relay_start(&c, &f->relay, &f->err), 0);
	(void)close(c.listen_fd);
	f->vmm.fd = connect_to(f->vmm_path);
	f->daemon.fd = accept(f->daemon_listen, NULL, NULL);
	assert_true(f->daemon.fd >= 0);
}

struct message *ends_get(struct fake_ends *f, struct channel *c, uint32_t request)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	int e = 0;

	while (e == 0) {
		if (poll(&p, 1, WAIT_MS) != 1)
			fail_msg("no message %u came", request);
		e = channel_recv(c, &f->err);
	}
	if (e < 0)
		fail_msg("instead of message %u: %s", request, f->err.text);
	message_close_fds(&f->last);
	f->last = c->in;
	c->in.fd_count = 0;
	channel_next(c);
	assert_int_equal(f->last.head.request, request);
	return &f->last;
}

bool ends_silent(const struct channel *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	return poll(&p, 1, 50) == 0;
}

bool ends_closed(const struct channel *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	char byte;
	ssize_t n = poll(&p, 1, WAIT_MS) == 1 ? recv(c->fd, &byte, 1, MSG_DONTWAIT) : 1;

	/* Closed before all we sent was read: that is a reset. */
	return n == 0 || (n < 0 && errno == ECONNRESET);
}

void ends_put(struct fake_ends *f, const struct channel *c, uint32_t request, uint32_t flags,
	      const void *body, uint32_t size, const int *fds, size_t fd_count)
{
	static struct message m;

	m.head = (struct vhost_user_header){ request, VHOST_USER_VERSION | flags, size };
	if (size)
		memcpy(&m.body, body, size);
	m.fd_count = fd_count;
	if (fd_count)
		memcpy(m.fd, fds, fd_count * sizeof(*fds));
	if (channel_send(c, &m, &f->err) < 0)
		fail_msg("%s", f->err.text);
}

void ends_put_u64(struct fake_ends *f, const struct channel *c, uint32_t request, uint32_t flags,
		  uint64_t value)
{
	ends_put(f, c, request, flags, &value, sizeof(value), NULL, 0);
}

uint64_t ends_ask(struct fake_ends *f, uint32_t request, uint64_t value)
{
	ends_put(f, &f->vmm, request, 0, NULL, 0, NULL, 0);
	(void)ends_get(f, &f->daemon, request);
	ends_put_u64(f, &f->daemon, request, VHOST_USER_FLAG_REPLY, value);
	return ends_get(f, &f->vmm, request)->body.u64;
}

uint64_t ends_told(struct fake_ends *f, uint32_t request, uint64_t value)
{
	ends_put_u64(f, &f->vmm, request, 0, value);
	return ends_get(f, &f->daemon, request)->body.u64;
}
