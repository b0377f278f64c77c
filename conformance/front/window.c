// SPDX-License-Identifier: Apache-2.0
#include "conformance/front/window.h"

#include "base/clock.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* A device that has begun a message ends it within that time. */
#define MESSAGE_MS 1000

static void watch(struct front_window *w)
{
	bool busy = w->has_held || w->channel.broken;

	w->pump->fd = busy ? -1 : w->channel.fd;
	w->pump->due_ns = w->has_held && !w->hold ? w->held_event.received_ns + w->delay_ns : 0;
}

static void log_event(struct front_window *w, const struct front_window_event *v)
{
	w->log[w->total++ % FRONT_WINDOW_LOG] = *v;
}

static void handle_held(struct front_window *w)
{
	w->has_held = false;
	front_window_handle(w, &w->held, &w->held_event);
	log_event(w, &w->held_event);
}

/* Called by the pump: a message is there, or the held one is due. */
static void serve(void *context)
{
	struct front_window *w = context;

	if (w->has_held) {
		if (!w->hold && clock_now_ns() >= w->held_event.received_ns + w->delay_ns)
			handle_held(w);
		watch(w);
		return;
	}
	if (front_recv(&w->channel, &w->held, clock_deadline_ms(MESSAGE_MS)) < 0) {
		/* Hanging up is no violation: it may be the device's end. */
		w->channel.broken = true;
		watch(w);
		return;
	}
	w->held_event = (struct front_window_event){ .received_ns = clock_now_ns(),
						     .request = w->held.head.request,
						     .stopped = !w->rings_run };
	w->has_held = true;
	if (!w->hold && w->delay_ns == 0)
		handle_held(w);
	watch(w);
}

int front_window_new(const struct front_window_options *o, struct front_evidence *evidence,
		     struct front_pump *pump, struct front_channel *main, struct front_window **ret,
		     struct err *reterr)
{
	struct front_window *w = calloc(1, sizeof(*w));
	int pair[2];

	if (!w)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		free(w);
		return err_errno(reterr, -errno, "cannot make the back-end's socket");
	}
	w->options = *o;
	w->evidence = evidence;
	w->pump = pump;
	w->main = main;
	w->device_fd = pair[1];
	front_channel_init(&w->channel, pair[0], "back-end requests", evidence, NULL, MESSAGE_MS);
	pump->serve = serve;
	pump->context = w;
	watch(w);
	*ret = w;
	return 0;
}

struct front_window *front_window_free(struct front_window *w)
{
	if (!w)
		return NULL;
	w->pump->fd = -1;
	w->pump->due_ns = 0;
	w->pump->serve = NULL;
	if (w->has_held)
		front_message_close(&w->held);
	front_channel_close(&w->channel);
	fd_closep(&w->device_fd);
	if (w->at)
		(void)munmap(w->at, w->bytes);
	free(w->mapping);
	free(w);
	return NULL;
}

int front_window_reserve(struct front_window *w, uint64_t bytes)
{
	void *at;

	assert(!w->at);
	if (bytes == 0)
		return 0;
	at = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return -errno;
	w->at = at;
	w->bytes = bytes;
	return 0;
}

void front_window_drop(struct front_window *w)
{
	if (w->at)
		(void)mmap(w->at, w->bytes, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	w->count = 0;
}

void front_window_nak(struct front_window *w, unsigned after, unsigned count, uint64_t value)
{
	assert(value != 0);
	w->nak_after = after;
	w->nak_count = count;
	w->nak_value = value;
}

void front_window_delay(struct front_window *w, uint64_t ns)
{
	w->delay_ns = ns;
	watch(w);
}

void front_window_hold(struct front_window *w)
{
	w->hold = true;
	watch(w);
}

void front_window_release(struct front_window *w)
{
	w->hold = false;
	if (w->has_held)
		handle_held(w);
	watch(w);
}

const struct front_mapping *front_window_find(const struct front_window *w, uint64_t offset)
{
	for (size_t i = 0; i < w->count; i++) {
		const struct front_mapping *m = &w->mapping[i];

		if (offset >= m->offset && offset - m->offset < m->len)
			return m;
	}
	return NULL;
}

/* The kernel copies for us: a page that is not there is an error of the call and no signal. */
int front_window_read(const struct front_window *w, uint64_t offset, void *ret, size_t size)
{
	struct iovec to = { ret, size };
	struct iovec from = { w->at + offset, size };
	ssize_t n;

	assert(offset <= w->bytes && size <= w->bytes - offset);
	n = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EFAULT;
}

int front_window_write(struct front_window *w, uint64_t offset, const void *data, size_t size)
{
	struct iovec from = { (void *)data, size };
	struct iovec to = { w->at + offset, size };
	ssize_t n;

	assert(offset <= w->bytes && size <= w->bytes - offset);
	n = process_vm_writev(getpid(), &from, 1, &to, 1, 0);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EFAULT;
}

const struct front_window_event *front_window_event_at(const struct front_window *w, uint64_t back)
{
	if (back >= w->total || back >= FRONT_WINDOW_LOG)
		return NULL;
	return &w->log[(w->total - 1 - back) % FRONT_WINDOW_LOG];
}
