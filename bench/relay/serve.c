// SPDX-License-Identifier: Apache-2.0
#include "relay/serve.h"

#include "base/clock.h"

#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* Fixed places in the poll list; behind them two per queue: kick and call. */
enum { POLL_LISTEN, POLL_CONTROL, POLL_VMM, POLL_DAEMON, POLL_QUEUES };
#define POLL_COUNT (POLL_QUEUES + 2 * QUEUES_MAX)
/* The VMM has left, as it does when its device is unplugged, or the driver has. */
#define THE_END 1

int serve_init(struct serve *s, int listen_fd, int daemon_fd, int control, struct err *reterr)
{
	void *p;

	*s = (struct serve){
		.listen_fd = listen_fd,
		.control = control,
		.vmm = { .fd = -1, .who = "VMM" },
		.daemon = { .fd = daemon_fd, .who = "daemon" },
		.shadow_fd = memfd_create("shadow-rings", MFD_CLOEXEC),
	};
	if (s->shadow_fd < 0 || ftruncate(s->shadow_fd, SHADOW_SIZE) < 0)
		return err_errno(reterr, -errno, "cannot make memory for the shadow rings");
	p = mmap(NULL, SHADOW_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, s->shadow_fd, 0);
	if (p == MAP_FAILED)
		return err_errno(reterr, -errno, "cannot map the shadow rings");
	s->shadow = p;
	for (unsigned i = 0; i < QUEUES_MAX; i++) {
		queue_init(&s->queue[i], i, s->shadow + (size_t)i * SHADOW_RING_SIZE, &s->init);
		if (s->queue[i].shadow_kick < 0 || s->queue[i].shadow_call < 0)
			return err_set(reterr, -EMFILE, "cannot make an eventfd for queue %u", i);
	}
	return 0;
}

void serve_free(struct serve *s)
{
	for (unsigned i = 0; i < QUEUES_MAX; i++)
		queue_free(&s->queue[i]);
	memory_free(&s->memory);
	if (s->shadow)
		(void)munmap(s->shadow, SHADOW_SIZE);
	channel_close(&s->vmm);
	channel_close(&s->daemon);
	fd_closep(&s->shadow_fd);
	fd_closep(&s->listen_fd);
	fd_closep(&s->control);
}

static json_t *hex(uint64_t value)
{
	return json_sprintf("0x%" PRIx64, value);
}

static json_t *negotiated_json(const struct serve *s)
{
	json_t *j = json_object();

	init_json(&s->init, j);
	(void)json_object_set_new(j, "virtio_features", hex(s->n.features));
	(void)json_object_set_new(j, "protocol_features", hex(s->n.protocol));
	(void)json_object_set_new(j, "queues", json_integer(s->n.queues));
	(void)json_object_set_new(j, "queue_size", json_integer(s->n.queue_size));
	return j;
}

json_t *serve_json(const struct serve *s)
{
	struct counts total = { 0 };
	json_t *queues = json_array();

	for (unsigned i = 0; i < s->n.queues; i++) {
		json_t *one = counts_json(&s->queue[i].counts);

		(void)json_object_set_new(one, "queue", json_integer(i));
		/* virtio 1.x, "File System Device / Virtqueues": 0 is hiprio. */
		(void)json_object_set_new(one, "name", json_string(i ? "request" : "hiprio"));
		(void)json_array_append_new(queues, one);
		counts_add(&total, &s->queue[i].counts);
	}
	return json_pack("{s:o,s:{s:o,s:o},s:o,s:o}", "negotiated", negotiated_json(s), "masked",
			 "virtio_features", hex(s->n.features_masked), "protocol_features",
			 hex(s->n.protocol_masked), "queues", queues, "total", counts_json(&total));
}

/* ---- control ---- */

static int answer(struct serve *s, struct err *reterr)
{
	json_auto_t *j = json_pack("{s:o}", "snapshot", serve_json(s));
	CLEANUP(freep) char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	size_t size = text ? strlen(text) : 0;

	s->snapshot_due_ns = 0;
	if (!text || size > CONTROL_MAX)
		return err_set(reterr, -EMSGSIZE, "a snapshot has %zu bytes", size);
	if (send(s->control, text, size, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)size)
		return err_errno(reterr, -errno, "cannot answer the driver");
	return 0;
}

static void pump_queues(struct serve *s)
{
	for (unsigned i = 0; i < QUEUES_MAX; i++) {
		queue_kicked(&s->queue[i]);
		(void)queue_submit(&s->queue[i], &s->memory);
		(void)queue_complete(&s->queue[i], &s->memory);
	}
}

/* A border between phases is sharp when everything asked for has been answered. */
static int answer_when_settled(struct serve *s, struct err *reterr)
{
	uint64_t in_flight = 0;

	if (!s->snapshot_due_ns)
		return 0;
	pump_queues(s);
	for (unsigned i = 0; i < QUEUES_MAX; i++)
		in_flight += s->queue[i].counts.in_flight;
	if (in_flight > 0 && clock_left_ms(s->snapshot_due_ns) > 0)
		return 0;
	return answer(s, reterr);
}

static int on_control(struct serve *s)
{
	char word;
	ssize_t n = recv(s->control, &word, 1, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return THE_END;
	s->snapshot_due_ns = clock_deadline_ms(SETTLE_MS);
	return 0;
}

/* ---- the loop ---- */

static int on_listen(struct serve *s, struct err *reterr)
{
	s->vmm.fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (s->vmm.fd < 0)
		return err_errno(reterr, -errno, "cannot accept the VMM");
	fd_closep(&s->listen_fd);
	return 0;
}

/* One message at a time: the VMM's next one waits until this one's reply has come. */
static int on_vmm(struct serve *s, struct err *reterr)
{
	int e = 1;

	while (e == 1 && s->expect_count == 0) {
		e = channel_recv(&s->vmm, reterr);
		if (e == 1 && serve_from_vmm(s, reterr) < 0)
			return -EPROTO;
		if (e == -ECONNRESET)
			return THE_END;
	}
	return e < 0 ? e : 0;
}

static int on_daemon(struct serve *s, struct err *reterr)
{
	int e;

	while ((e = channel_recv(&s->daemon, reterr)) == 1)
		if (serve_from_daemon(s, reterr) < 0)
			return -EPROTO;
	return e;
}

static void drain_call(const struct queue *q)
{
	uint64_t count;

	(void)!read(q->shadow_call, &count, sizeof(count));
}

static bool on_queues(struct serve *s, const struct pollfd *p)
{
	bool more = false;

	for (unsigned i = 0; i < QUEUES_MAX; i++) {
		struct queue *q = &s->queue[i];

		if (p[2 * i].revents & POLLIN)
			queue_kicked(q);
		if (p[2 * i].revents & POLLIN || q->more)
			(void)queue_submit(q, &s->memory);
		if (p[2 * i + 1].revents & POLLIN) {
			drain_call(q);
			(void)queue_complete(q, &s->memory);
		}
		more |= q->more;
	}
	return more;
}

static void fill_poll(const struct serve *s, struct pollfd *p)
{
	p[POLL_LISTEN] = (struct pollfd){ s->listen_fd, POLLIN, 0 };
	p[POLL_CONTROL] = (struct pollfd){ s->control, POLLIN, 0 };
	p[POLL_VMM] = (struct pollfd){ s->vmm.fd, s->expect_count ? 0 : POLLIN, 0 };
	p[POLL_DAEMON] = (struct pollfd){ s->daemon.fd, POLLIN, 0 };
	for (unsigned i = 0; i < QUEUES_MAX; i++) {
		const struct queue *q = &s->queue[i];

		p[POLL_QUEUES + 2 * i] = (struct pollfd){ q->running ? q->guest_kick : -1, POLLIN,
							  0 };
		p[POLL_QUEUES + 2 * i + 1] = (struct pollfd){ q->running ? q->shadow_call : -1,
							      POLLIN, 0 };
	}
}

static int once(struct serve *s, bool *more, struct err *reterr)
{
	struct pollfd p[POLL_COUNT];
	int left = s->snapshot_due_ns ? clock_left_ms(s->snapshot_due_ns) : -1;
	int e = 0;

	fill_poll(s, p);
	if (poll(p, POLL_COUNT, *more ? 0 : left) < 0)
		return errno == EINTR ? 0 : err_errno(reterr, -errno, "cannot wait");
	/* Rings first: what came before a message is handed over before it. */
	*more = on_queues(s, p + POLL_QUEUES);
	if (p[POLL_LISTEN].revents)
		e = on_listen(s, reterr);
	if (e == 0 && p[POLL_DAEMON].revents)
		e = on_daemon(s, reterr);
	if (e == 0 && p[POLL_VMM].revents && s->expect_count == 0)
		e = on_vmm(s, reterr);
	else if (e == 0 && p[POLL_VMM].revents & (POLLHUP | POLLERR))
		e = THE_END;
	if (e == 0 && p[POLL_CONTROL].revents)
		e = on_control(s);
	return e == 0 ? answer_when_settled(s, reterr) : e;
}

int serve_run(struct serve *s, struct err *reterr)
{
	bool more = false;
	int e = 0;

	while (e == 0)
		e = once(s, &more, reterr);
	return e == THE_END ? 0 : e;
}
