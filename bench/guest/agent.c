// SPDX-License-Identifier: Apache-2.0
/* The session with the agent: HELLO, reconnects, short requests; whom a frame is for. */
#include "guest/agent_int.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

#define GRACE_DEFAULT_MS 10000
/* Short beside a boot. */
#define REPEAT_MS 1000
/* Longer than a slow serial line needs for what was said to it meanwhile. */
#define HEARD_MS 10000

/* ---- frames in ---- */

void agent_copy_text(char *ret, size_t size, const unsigned char *text, size_t length)
{
	size_t n = length < size - 1 ? length : size - 1;

	for (size_t i = 0; i < n; i++)
		ret[i] = text[i] >= 0x20 && text[i] < 0x7f ? (char)text[i] : '?';
	ret[n] = '\0';
}

static void on_error(struct agent *a, const struct vqp_frame *f)
{
	struct host_job *j = agent_job_find(a, f->job);
	struct vqp_error e;
	char text[VQP_TEXT_MAX];
	int error;

	if (f->size < sizeof(e))
		return;
	memcpy(&e, f->payload, sizeof(e));
	agent_copy_text(text, sizeof(text), f->payload + sizeof(e), f->size - sizeof(e));
	error = (int)vqp_get32(e.error);
	/* Linux' errno numbers end below 4096 (MAX_ERRNO). */
	if (error < 1 || error > 4095)
		error = EPROTO;
	if (f->job == 0) {
		memcpy(a->link_note, text, sizeof(a->link_note));
	} else if (a->request.id == f->job) {
		a->request.done = true;
		a->request.error = -error;
		memcpy(a->request.text, text, sizeof(a->request.text));
	} else if (j) {
		agent_job_break(j, -error, text);
	}
}

void agent_request_break(struct request *r, int error, const char *text)
{
	r->done = true;
	r->error = error;
	(void)snprintf(r->text, sizeof(r->text), "%s", text);
}

static void on_answer(struct agent *a, const struct vqp_frame *f)
{
	struct request *r = &a->request;
	struct vqp_pull_end end;

	if (r->done || r->id != f->job || r->want != f->type)
		return;
	if (f->type == VQP_INFO_REPLY) {
		if (f->size != sizeof(r->info)) {
			agent_request_break(r, -EPROTO, "the agent sent a malformed INFO_REPLY");
			return;
		}
		memcpy(&r->info, f->payload, sizeof(r->info));
	}
	if (f->type == VQP_PULL_END) {
		if (f->size != sizeof(end)) {
			agent_request_break(r, -EPROTO, "the agent sent a malformed PULL_END");
			return;
		}
		memcpy(&end, f->payload, sizeof(end));
		if (vqp_get64(end.size) != r->pull_next) {
			agent_request_break(r, -EPROTO, "parts of the file are missing");
			return;
		}
	}
	r->done = true;
}

static void on_hello_reply(struct agent *a, const struct vqp_frame *f)
{
	if (f->size != sizeof(a->hello))
		return;
	memcpy(&a->hello, f->payload, sizeof(a->hello));
	if (vqp_get64(a->hello.nonce) != a->nonce) {
		a->heard |= a->nonce - vqp_get64(a->hello.nonce) < a->hellos;
		return;
	}
	a->in_session = true;
	a->garbage = 0;
}

void agent_dispatch(struct agent *a, const struct vqp_frame *f)
{
	/* Until the agent answers our HELLO all it says was meant for someone else. */
	if (!a->in_session) {
		if (f->type == VQP_HELLO_REPLY)
			on_hello_reply(a, f);
		return;
	}
	switch (f->type) {
	case VQP_STDOUT:
	case VQP_STDERR: agent_job_output(a, f); break;
	case VQP_EXIT: agent_job_exit(a, f); break;
	case VQP_ERROR: on_error(a, f); break;
	case VQP_PULL_DATA: agent_file_data(a, f); break;
	case VQP_PUSH_DONE:
	case VQP_PULL_END:
	case VQP_PONG:
	case VQP_INFO_REPLY: on_answer(a, f); break;
	case VQP_STARTED: a->restarted = true; break;
	default: a->garbage += VQP_HEADER_SIZE + f->size; break;
	}
}

/* ---- connection ---- */

static int queue_hello(struct agent *a, uint32_t flags)
{
	struct vqp_hello h = { .nonce = vqp_put64(++a->nonce),
			       .flags = vqp_put32(flags),
			       .version = vqp_put32(VQP_VERSION) };

	a->hellos++;
	a->out_start = 0;
	a->out_size = VQP_PAD_SIZE;
	memset(a->out, 0, VQP_PAD_SIZE);
	return agent_link_put(a, VQP_HELLO, 0, &h, sizeof(h), NULL, 0);
}

/*
 * Only the answer to the newest HELLO begins the session: the agent drops what stands behind one that
 * it has not answered yet. Once an older one is answered, the others are on their way.
 */
static int await_hello(struct agent *a, uint32_t flags, uint64_t deadline_ns)
{
	uint64_t again_ns = a->repeat_ms ? clock_deadline_ms(a->repeat_ms) : deadline_ns;
	int e = queue_hello(a, flags);

	while (e == 0 && !a->in_session) {
		e = agent_link_pump(a, again_ns < deadline_ns ? again_ns : deadline_ns);
		if (a->heard)
			again_ns = clock_deadline_ms(HEARD_MS);
		a->heard = false;
		if (e != -ETIMEDOUT || a->in_session || clock_left_ms(deadline_ns) == 0)
			continue;
		e = a->out_size ? 0 : queue_hello(a, flags);
		again_ns = clock_deadline_ms(a->repeat_ms);
	}
	return e;
}

static int hello_exchange(struct agent *a, uint32_t flags, uint64_t deadline_ns, struct err *reterr)
{
	uint64_t since_ns = clock_now_ns();
	int e;

	if (getrandom(&a->nonce, sizeof(a->nonce), 0) != (ssize_t)sizeof(a->nonce))
		return err_errno(reterr, -errno, "cannot get random bytes for the agent's HELLO");
	a->hellos = 0;
	a->in_session = false;
	a->restarted = false;
	a->garbage = 0;
	a->link_note[0] = '\0';
	a->in_size = 0;
	e = await_hello(a, flags, deadline_ns);
	if (!a->in_session)
		return agent_link_error(a, e, "HELLO", since_ns, reterr);
	if (vqp_get32(a->hello.version) != VQP_VERSION)
		return err_set(reterr, -EPROTO,
			       "the guest image has agent protocol %" PRIu32
			       ", this program %d (rebuild the guest image)",
			       vqp_get32(a->hello.version), VQP_VERSION);
	a->stuck_count = vqp_get32(a->hello.stuck_count);
	return 0;
}

static int adopt(int take_fd, uint32_t repeat_ms, uint64_t deadline_ns, struct agent **ret,
		 struct err *reterr)
{
	CLEANUP(agent_closep) struct agent *a = calloc(1, sizeof(*a));
	int e;

	if (!a) {
		fd_closep(&take_fd);
		return err_set(reterr, -ENOMEM, "out of memory for the agent's connection");
	}
	a->fd = take_fd;
	a->watch_fd = -1;
	a->grace_ms = GRACE_DEFAULT_MS;
	a->repeat_ms = repeat_ms;
	e = hello_exchange(a, VQP_HELLO_RESET, deadline_ns, reterr);
	if (e < 0)
		return e;
	*ret = TAKE_PTR(a);
	return 0;
}

int agent_adopt_fd(int take_fd, uint64_t deadline_ns, struct agent **ret, struct err *reterr)
{
	return adopt(take_fd, 0, deadline_ns, ret, reterr);
}

/* A VMM that is just going away may still take a connection and drop it: that is no answer yet. */
static bool try_again(int e, uint64_t deadline_ns)
{
	if (e != -ECONNRESET || clock_left_ms(deadline_ns) == 0)
		return false;
	(void)poll(NULL, 0, CONNECT_POLL_MAX_MS);
	return true;
}

int agent_connect(const char *socket_path, uint64_t deadline_ns, struct agent **ret,
		  struct err *reterr)
{
	return agent_connect_while(socket_path, -1, deadline_ns, ret, reterr);
}

static int connect_with(const char *socket_path, int watch_fd, uint32_t repeat_ms,
			uint64_t deadline_ns, struct agent **ret, struct err *reterr)
{
	int e;

	do {
		int fd = -1;

		e = agent_link_connect(socket_path, watch_fd, deadline_ns, &fd, reterr);
		if (e < 0)
			return e;
		e = adopt(fd, repeat_ms, deadline_ns, ret, reterr);
	} while (try_again(e, deadline_ns));
	return e < 0 ? err_prefix(reterr, e, "%s", socket_path) : 0;
}

int agent_connect_while(const char *socket_path, int watch_fd, uint64_t deadline_ns,
			struct agent **ret, struct err *reterr)
{
	return connect_with(socket_path, watch_fd, 0, deadline_ns, ret, reterr);
}

int agent_connect_console(const char *socket_path, int watch_fd, uint64_t deadline_ns,
			  struct agent **ret, struct err *reterr)
{
	return connect_with(socket_path, watch_fd, REPEAT_MS, deadline_ns, ret, reterr);
}

int agent_reattach_fd(struct agent *a, int take_fd, uint64_t deadline_ns, struct err *reterr)
{
	uint32_t count;
	int e;

	fd_closep(&a->fd);
	a->fd = take_fd;
	e = hello_exchange(a, VQP_HELLO_ATTACH, deadline_ns, reterr);
	if (e < 0)
		return e;
	count = vqp_get32(a->hello.job_count);
	if (count > VQP_JOBS_MAX)
		return err_set(reterr, -EPROTO, "the agent claims to have %" PRIu32 " jobs", count);
	for (size_t i = 0; i < VQP_JOBS_MAX; i++) {
		struct host_job *j = &a->jobs[i];
		bool known = false;

		for (uint32_t n = 0; n < count; n++)
			known |= vqp_get32(a->hello.jobs[n]) == j->id;
		if (j->used && !known)
			agent_job_break(j, -ECONNRESET,
					"the agent does not know it after the reconnect: it never "
					"arrived, or "
					"the guest was reset");
	}
	return 0;
}

int agent_reattach(struct agent *a, const char *socket_path, uint64_t deadline_ns,
		   struct err *reterr)
{
	int e;

	do {
		int fd = -1;

		/* A VMM's socket serves one host at a time: the old connection must go first. */
		fd_closep(&a->fd);
		e = agent_link_connect(socket_path, a->watch_fd, deadline_ns, &fd, reterr);
		if (e < 0)
			return e;
		e = agent_reattach_fd(a, fd, deadline_ns, reterr);
	} while (try_again(e, deadline_ns));
	return e < 0 ? err_prefix(reterr, e, "%s", socket_path) : 0;
}

struct agent *agent_close(struct agent *a)
{
	if (!a)
		return NULL;
	if (a->fd >= 0)
		(void)agent_link_flush(
			a); /* acknowledgements; the next host gets over their loss */
	fd_closep(&a->fd);
	for (size_t i = 0; i < VQP_JOBS_MAX; i++)
		agent_job_free(&a->jobs[i]);
	free(a);
	return NULL;
}

void agent_set_grace_ms(struct agent *a, uint32_t grace_ms)
{
	a->grace_ms = grace_ms;
}

void agent_watch(struct agent *a, int fd)
{
	a->watch_fd = fd;
}

uint32_t agent_stuck_count(const struct agent *a)
{
	return a->stuck_count;
}

/* ---- short requests ---- */

uint32_t agent_new_id(struct agent *a)
{
	do
		a->next_id++;
	while (a->next_id == 0 || agent_job_find(a, a->next_id));
	return a->next_id;
}

void agent_request_begin(struct agent *a, enum vqp_type want)
{
	a->request =
		(struct request){ .id = agent_new_id(a), .since_ns = clock_now_ns(), .want = want };
}

/* Wait for the answer to the request under way. @what names it in messages. */
int agent_request_finish(struct agent *a, int e, uint64_t deadline_ns, const char *what,
			 struct err *reterr)
{
	struct request *r = &a->request;

	while (e == 0 && !r->done)
		e = agent_link_pump(a, deadline_ns);
	r->id = 0;
	if (!r->done)
		return agent_link_error(a, e, what, r->since_ns, reterr);
	if (r->error < 0)
		return err_set(reterr, r->error, "%s failed in the guest: %s", what, r->text);
	return 0;
}

int agent_info(struct agent *a, uint64_t deadline_ns, struct agent_info *ret, struct err *reterr)
{
	const struct vqp_info *info = &a->request.info;
	int e;

	agent_request_begin(a, VQP_INFO_REPLY);
	e = agent_link_send(a, VQP_INFO, a->request.id, NULL, 0, NULL, 0, deadline_ns);
	e = agent_request_finish(a, e, deadline_ns, "INFO", reterr);
	if (e < 0)
		return e;
	ret->uptime_ns = vqp_get64(info->uptime_ns);
	agent_copy_text(ret->boot_id, sizeof(ret->boot_id), (const unsigned char *)info->boot_id,
			strnlen(info->boot_id, sizeof(info->boot_id)));
	agent_copy_text(ret->kernel, sizeof(ret->kernel), (const unsigned char *)info->kernel,
			strnlen(info->kernel, sizeof(info->kernel)));
	return 0;
}

int agent_ping(struct agent *a, uint64_t deadline_ns, uint64_t *ret_ns, struct err *reterr)
{
	struct vqp_ping ping = { .token = vqp_put64(clock_now_ns()) };
	uint64_t start_ns = clock_now_ns();
	int e;

	agent_request_begin(a, VQP_PONG);
	e = agent_link_send(a, VQP_PING, a->request.id, &ping, sizeof(ping), NULL, 0, deadline_ns);
	e = agent_request_finish(a, e, deadline_ns, "PING", reterr);
	if (e == 0 && ret_ns)
		*ret_ns = clock_now_ns() - start_ns;
	return e;
}
