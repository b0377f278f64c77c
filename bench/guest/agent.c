// SPDX-License-Identifier: Apache-2.0
#include "guest/agent.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "guest-image/agent/agent_proto.h"

/* Bytes from the guest that are no frame, before the connection is given up. */
#define GARBAGE_MAX MIB
#define GRACE_DEFAULT_MS 10000
/* Time for a request that has no deadline of its own (EXEC, KILL) to leave the host. */
#define SEND_DEADLINE_MS 10000
#define CONNECT_POLL_MAX_MS 20

_Static_assert((int)AGENT_EXITED == VQP_FATE_EXITED && (int)AGENT_SIGNALLED == VQP_FATE_SIGNALLED &&
		       (int)AGENT_DEADLINE == VQP_FATE_DEADLINE &&
		       (int)AGENT_OUTPUT_LIMIT == VQP_FATE_OUTPUT_LIMIT &&
		       (int)AGENT_SPAWN_FAILED == VQP_FATE_SPAWN_FAILED,
	       "fates are sent as numbers");

struct host_stream {
	struct buf data;
	uint64_t next; /* offset of the next byte in the guest's stream */
	uint64_t lost;
};

struct host_job {
	bool used;
	bool done;
	uint32_t id;
	uint64_t give_up_ns;
	uint32_t deadline_ms;
	int error; /* negative errno: the agent refused it, or broke the protocol */
	char error_text[VQP_TEXT_MAX];
	char name[128]; /* start of the command, for messages */
	struct host_stream stream[2];
	struct agent_result result; /* without out and err */
};

/* The one synchronous request that may be under way. */
struct request {
	uint32_t id;
	uint64_t since_ns;
	enum vqp_type want; /* the answer that completes it */
	bool done;
	int error;
	char text[VQP_TEXT_MAX];
	struct vqp_info info;
	struct buf *pull;
	size_t pull_max;
	uint64_t pull_next;
};

struct agent {
	int fd;
	int watch_fd;
	uint32_t grace_ms;
	uint32_t next_id;
	uint32_t stuck_count;
	bool in_session; /* HELLO was answered */
	bool restarted;
	uint64_t nonce;
	uint64_t garbage;
	char link_note[VQP_TEXT_MAX]; /* last complaint of the agent about the link itself */
	struct host_job jobs[VQP_JOBS_MAX];
	struct request request;
	struct vqp_hello_reply hello;
	size_t in_size;
	size_t out_start;
	size_t out_size;
	unsigned char in[2 * VQP_FRAME_MAX];
	unsigned char out[VQP_PAD_SIZE + 2 * VQP_FRAME_MAX];
};

/* ---- frames out ---- */

/* Room for one frame of any size remains whenever the last one was sent; acknowledgements use the
 * rest. */
static int put_frame(struct agent *a, enum vqp_type type, uint32_t job, const void *head,
		     size_t head_size, const void *body, size_t body_size)
{
	unsigned char *frame;

	assert(head_size + body_size <= VQP_PAYLOAD_MAX);
	if (a->out_start > 0) {
		memmove(a->out, a->out + a->out_start, a->out_size);
		a->out_start = 0;
	}
	if (a->out_size + VQP_HEADER_SIZE + head_size + body_size > sizeof(a->out))
		return -ENOBUFS;
	frame = a->out + a->out_size;
	if (head_size)
		memcpy(frame + VQP_HEADER_SIZE, head, head_size);
	if (body_size)
		memcpy(frame + VQP_HEADER_SIZE + head_size, body, body_size);
	vqp_seal(frame, type, job, head_size + body_size);
	a->out_size += VQP_HEADER_SIZE + head_size + body_size;
	return 0;
}

static int flush_out(struct agent *a)
{
	while (a->out_size > 0) {
		ssize_t n = send(a->fd, a->out + a->out_start, a->out_size,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -ECONNRESET;
		a->out_start += (size_t)n;
		a->out_size -= (size_t)n;
	}
	a->out_start = 0;
	return 0;
}

/* ---- frames in ---- */

static struct host_job *job_find(struct agent *a, uint32_t id)
{
	for (size_t i = 0; i < VQP_JOBS_MAX; i++)
		if (a->jobs[i].used && a->jobs[i].id == id)
			return &a->jobs[i];
	return NULL;
}

static void job_break(struct host_job *j, int error, const char *text)
{
	if (j->done)
		return;
	j->done = true;
	j->error = error;
	(void)snprintf(j->error_text, sizeof(j->error_text), "%s", text);
}

/* Copy text of the guest: bounded, and printable whatever it was. */
static void copy_text(char *ret, size_t size, const unsigned char *text, size_t length)
{
	size_t n = length < size - 1 ? length : size - 1;

	for (size_t i = 0; i < n; i++)
		ret[i] = text[i] >= 0x20 && text[i] < 0x7f ? (char)text[i] : '?';
	ret[n] = '\0';
}

static void on_output(struct agent *a, const struct vqp_frame *f)
{
	struct host_job *j = job_find(a, f->job);
	struct host_stream *s;
	struct vqp_stream head;
	size_t size, skip = 0;
	uint64_t offset;

	/* Of a job that was given up: it is being killed. */
	if (!j || j->done || f->size < sizeof(head))
		return;
	s = &j->stream[f->type == VQP_STDOUT ? 0 : 1];
	memcpy(&head, f->payload, sizeof(head));
	offset = vqp_get64(head.offset);
	size = f->size - sizeof(head);
	if (offset > VQP_STREAM_MAX || offset + size > VQP_STREAM_MAX) {
		job_break(j, -EPROTO, "the agent sent an impossible stream offset");
		return;
	}
	if (offset > s->next)
		s->lost += offset - s->next;
	else
		skip = s->next - offset < size ? (size_t)(s->next - offset) : size;
	if (buf_add(&s->data, f->payload + sizeof(head) + skip, size - skip) < 0)
		job_break(j, -ENOMEM, "out of memory for its output");
	else if (s->data.dropped > 0)
		job_break(j, -EPROTO, "the agent sent more output than the limit it was given");
	if (offset + size > s->next)
		s->next = offset + size;
}

static void on_exit_report(struct agent *a, const struct vqp_frame *f)
{
	struct host_job *j = job_find(a, f->job);
	struct vqp_exit x;
	uint64_t total[2];

	/* Also of unknown jobs, so that the agent can forget them. Lost for want of room: it comes
	 * again. */
	(void)put_frame(a, VQP_EXIT_ACK, f->job, NULL, 0, NULL, 0);
	if (!j || j->done)
		return;
	if (f->size < sizeof(x)) {
		job_break(j, -EPROTO, "the agent sent a malformed EXIT");
		return;
	}
	memcpy(&x, f->payload, sizeof(x));
	total[0] = vqp_get64(x.stdout_total);
	total[1] = vqp_get64(x.stderr_total);
	if (vqp_get32(x.fate) >= VQP_FATE_COUNT || total[0] > VQP_STREAM_MAX ||
	    total[1] > VQP_STREAM_MAX) {
		job_break(j, -EPROTO, "the agent sent an EXIT that cannot be right");
		return;
	}
	for (int i = 0; i < 2; i++)
		if (total[i] > j->stream[i].next)
			j->stream[i].lost += total[i] - j->stream[i].next;
	j->done = true;
	j->result.fate = (enum agent_fate)vqp_get32(x.fate);
	j->result.code = (int)vqp_get32(x.code);
	j->result.run_ns = vqp_get64(x.run_ns);
	j->result.user_ns = vqp_get64(x.user_ns);
	j->result.sys_ns = vqp_get64(x.sys_ns);
	j->result.maxrss_bytes = vqp_get64(x.maxrss_bytes);
	j->result.stuck = vqp_get32(x.flags) & VQP_EXIT_STUCK;
	j->result.held = vqp_get32(x.flags) & VQP_EXIT_HELD;
	copy_text(j->result.note, sizeof(j->result.note), f->payload + sizeof(x),
		  f->size - sizeof(x));
}

static void on_error(struct agent *a, const struct vqp_frame *f)
{
	struct host_job *j = job_find(a, f->job);
	struct vqp_error e;
	char text[VQP_TEXT_MAX];
	int error;

	if (f->size < sizeof(e))
		return;
	memcpy(&e, f->payload, sizeof(e));
	copy_text(text, sizeof(text), f->payload + sizeof(e), f->size - sizeof(e));
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
		job_break(j, -error, text);
	}
}

static void request_break(struct request *r, int error, const char *text)
{
	r->done = true;
	r->error = error;
	(void)snprintf(r->text, sizeof(r->text), "%s", text);
}

static void on_pull_data(struct agent *a, const struct vqp_frame *f)
{
	struct request *r = &a->request;
	struct vqp_stream head;
	size_t size;

	if (r->done || r->id != f->job || !r->pull || f->size < sizeof(head))
		return;
	memcpy(&head, f->payload, sizeof(head));
	size = f->size - sizeof(head);
	if (vqp_get64(head.offset) != r->pull_next || size > r->pull_max - r->pull_next)
		request_break(r, -EPROTO, "the agent sent data that was not asked for");
	else if (buf_add(r->pull, f->payload + sizeof(head), size) < 0)
		request_break(r, -ENOMEM, "out of memory for the file");
	else
		r->pull_next += size;
}

static void on_answer(struct agent *a, const struct vqp_frame *f)
{
	struct request *r = &a->request;
	struct vqp_pull_end end;

	if (r->done || r->id != f->job || r->want != f->type)
		return;
	if (f->type == VQP_INFO_REPLY) {
		if (f->size != sizeof(r->info)) {
			request_break(r, -EPROTO, "the agent sent a malformed INFO_REPLY");
			return;
		}
		memcpy(&r->info, f->payload, sizeof(r->info));
	}
	if (f->type == VQP_PULL_END) {
		if (f->size != sizeof(end)) {
			request_break(r, -EPROTO, "the agent sent a malformed PULL_END");
			return;
		}
		memcpy(&end, f->payload, sizeof(end));
		if (vqp_get64(end.size) != r->pull_next) {
			request_break(r, -EPROTO, "parts of the file are missing");
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
	if (vqp_get64(a->hello.nonce) != a->nonce)
		return;
	a->in_session = true;
	a->garbage = 0;
}

static void dispatch(struct agent *a, const struct vqp_frame *f)
{
	/* Until the agent answers our HELLO all it says was meant for someone else. */
	if (!a->in_session) {
		if (f->type == VQP_HELLO_REPLY)
			on_hello_reply(a, f);
		return;
	}
	switch (f->type) {
	case VQP_STDOUT:
	case VQP_STDERR:
		on_output(a, f);
		break;
	case VQP_EXIT:
		on_exit_report(a, f);
		break;
	case VQP_ERROR:
		on_error(a, f);
		break;
	case VQP_PULL_DATA:
		on_pull_data(a, f);
		break;
	case VQP_PUSH_DONE:
	case VQP_PULL_END:
	case VQP_PONG:
	case VQP_INFO_REPLY:
		on_answer(a, f);
		break;
	case VQP_STARTED:
		a->restarted = true;
		break;
	default:
		a->garbage += VQP_HEADER_SIZE + f->size;
		break;
	}
}

static int parse_input(struct agent *a)
{
	size_t at = 0;

	for (;;) {
		struct vqp_frame f;
		size_t used;
		enum vqp_scan found = vqp_scan(a->in + at, a->in_size - at, &used, &f);

		if (found == VQP_SCAN_MORE)
			break;
		if (found == VQP_SCAN_FRAME)
			dispatch(a, &f);
		else
			a->garbage += used;
		at += used;
	}
	a->in_size -= at;
	memmove(a->in, a->in + at, a->in_size);
	return a->garbage > GARBAGE_MAX ? -EPROTO : 0;
}

static int fill_input(struct agent *a)
{
	ssize_t n = recv(a->fd, a->in + a->in_size, sizeof(a->in) - a->in_size, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -ECONNRESET;
	a->in_size += (size_t)n;
	return parse_input(a);
}

/*
 * One turn of input and output; returns after some progress, or when nothing happened until
 * @deadline_ns. A turn that begins after the deadline ends with -ETIMEDOUT, having taken in what
 * was there: callers that loop end, whatever the guest sends, and look at what they wait for before
 * they believe the error.
 */
static int pump(struct agent *a, uint64_t deadline_ns)
{
	struct pollfd p[2] = { { .fd = a->fd, .events = POLLIN },
			       { .fd = a->watch_fd, .events = POLLIN } };
	int left_ms = clock_left_ms(deadline_ns);
	bool had_output = a->out_size > 0;
	int n, e;

	if (a->fd < 0)
		return -ECONNRESET;
	e = flush_out(a);
	/* That was the progress: a caller that only wants to send must not wait for input now. */
	if (e == 0 && had_output && a->out_size == 0)
		return 0;
	if (a->out_size > 0)
		p[0].events |= POLLOUT;
	n = poll(p, ARRAY_SIZE(p), left_ms);
	if (n < 0 && errno != EINTR)
		return -errno;
	if (n > 0 && (p[0].revents & (POLLIN | POLLHUP | POLLERR)))
		e = fill_input(a);
	else if (n > 0 && p[1].revents && e == 0)
		e = -EOWNERDEAD;
	if (e == 0 && a->restarted)
		e = -ECONNRESET;
	if (e == 0 && left_ms == 0)
		e = -ETIMEDOUT;
	if (e == -ECONNRESET || e == -EPROTO)
		fd_closep(&a->fd);
	return e;
}

/* Say what went wrong with @what, which waited since @since_ns. */
static int pump_error(const struct agent *a, int e, const char *what, uint64_t since_ns,
		      struct err *reterr)
{
	uint64_t ms = (clock_now_ns() - since_ns) / NS_PER_MS;
	const char *note = a->link_note[0] ? "; the agent last complained: " : "";

	if (e == -ETIMEDOUT)
		return err_set(reterr, e,
			       "guest hung: no answer for %" PRIu64
			       " ms to %s%s%s (look at the guest's console and at "
			       "query-status of the VMM)",
			       ms, what, note, a->link_note);
	if (e == -ECONNRESET && a->restarted)
		return err_set(reterr, e,
			       "the agent in the guest was restarted during %s (look for "
			       "VQ-AGENT-DIED on the console)",
			       what);
	if (e == -ECONNRESET)
		return err_set(reterr, e,
			       "the connection to the guest's agent is closed; it ended during %s "
			       "(the VMM or the guest "
			       "died: look at the VMM's exit state and log)",
			       what);
	if (e == -EOWNERDEAD)
		return err_set(reterr, e, "a process on the host that %s needs has ended", what);
	if (e == -EPROTO)
		return err_set(reterr, e,
			       "the guest sent more than %" PRIu64
			       " bytes that are no frames during %s (is another "
			       "program writing to the agent's port?)",
			       GARBAGE_MAX, what);
	return err_errno(reterr, e, "%s", what);
}

/* Wait until all that was queued has left, so that there is room for a frame of any size. */
static int drain_out(struct agent *a, uint64_t deadline_ns)
{
	int e = a->fd < 0 ? -ECONNRESET : flush_out(a);

	while (e == 0 && a->out_size > 0)
		e = pump(a, deadline_ns);
	return e;
}

static int send_frame(struct agent *a, enum vqp_type type, uint32_t job, const void *head,
		      size_t head_size, const void *body, size_t body_size, uint64_t deadline_ns)
{
	int e = drain_out(a, deadline_ns);

	if (e == 0)
		e = put_frame(a, type, job, head, head_size, body, body_size);
	if (e == 0)
		e = flush_out(a);
	return e;
}

/* ---- connection ---- */

static int hello_exchange(struct agent *a, uint32_t flags, uint64_t deadline_ns, struct err *reterr)
{
	struct vqp_hello h = { .flags = vqp_put32(flags), .version = vqp_put32(VQP_VERSION) };
	uint64_t since_ns = clock_now_ns();
	int e;

	if (getrandom(&a->nonce, sizeof(a->nonce), 0) != (ssize_t)sizeof(a->nonce))
		return err_errno(reterr, -errno, "cannot get random bytes for the agent's HELLO");
	h.nonce = vqp_put64(a->nonce);
	a->in_session = false;
	a->restarted = false;
	a->garbage = 0;
	a->link_note[0] = '\0';
	a->in_size = 0;
	a->out_start = 0;
	a->out_size = VQP_PAD_SIZE;
	memset(a->out, 0, VQP_PAD_SIZE);
	e = put_frame(a, VQP_HELLO, 0, &h, sizeof(h), NULL, 0);
	while (e == 0 && !a->in_session)
		e = pump(a, deadline_ns);
	if (!a->in_session)
		return pump_error(a, e, "HELLO", since_ns, reterr);
	if (vqp_get32(a->hello.version) != VQP_VERSION)
		return err_set(reterr, -EPROTO,
			       "the guest image has agent protocol %" PRIu32
			       ", this program %d (rebuild the guest image)",
			       vqp_get32(a->hello.version), VQP_VERSION);
	a->stuck_count = vqp_get32(a->hello.stuck_count);
	return 0;
}

static int socket_connect(const char *path, int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	CLEANUP(fd_closep) int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* The VMM makes its socket some time after its start: there is nothing to wait on but the clock. */
static int connect_retry(const char *path, uint64_t deadline_ns, int *ret_fd, struct err *reterr)
{
	int pause_ms = 1;

	for (;;) {
		int e = socket_connect(path, ret_fd);
		int left_ms = clock_left_ms(deadline_ns);

		if (e == 0)
			return 0;
		if ((e != -ENOENT && e != -ECONNREFUSED && e != -EAGAIN) || left_ms == 0)
			return err_errno(reterr, e,
					 "cannot connect to the agent's socket %s (is the VMM "
					 "running, with a "
					 "virtserialport on a chardev of that path?)",
					 path);
		(void)poll(NULL, 0, pause_ms < left_ms ? pause_ms : left_ms);
		if (pause_ms < CONNECT_POLL_MAX_MS)
			pause_ms *= 2;
	}
}

int agent_adopt_fd(int take_fd, uint64_t deadline_ns, struct agent **ret, struct err *reterr)
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
	e = hello_exchange(a, VQP_HELLO_RESET, deadline_ns, reterr);
	if (e < 0)
		return e;
	*ret = TAKE_PTR(a);
	return 0;
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
	int e;

	do {
		int fd = -1;

		e = connect_retry(socket_path, deadline_ns, &fd, reterr);
		if (e < 0)
			return e;
		e = agent_adopt_fd(fd, deadline_ns, ret, reterr);
	} while (try_again(e, deadline_ns));
	return e < 0 ? err_prefix(reterr, e, "%s", socket_path) : 0;
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
			job_break(j, -ECONNRESET,
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
		e = connect_retry(socket_path, deadline_ns, &fd, reterr);
		if (e < 0)
			return e;
		e = agent_reattach_fd(a, fd, deadline_ns, reterr);
	} while (try_again(e, deadline_ns));
	return e < 0 ? err_prefix(reterr, e, "%s", socket_path) : 0;
}

static void job_free(struct host_job *j)
{
	buf_free(&j->stream[0].data);
	buf_free(&j->stream[1].data);
	*j = (struct host_job){ 0 };
}

struct agent *agent_close(struct agent *a)
{
	if (!a)
		return NULL;
	if (a->fd >= 0)
		(void)flush_out(a); /* acknowledgements; the next host gets over their loss */
	fd_closep(&a->fd);
	for (size_t i = 0; i < VQP_JOBS_MAX; i++)
		job_free(&a->jobs[i]);
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

static uint32_t new_id(struct agent *a)
{
	do
		a->next_id++;
	while (a->next_id == 0 || job_find(a, a->next_id));
	return a->next_id;
}

static void request_begin(struct agent *a, enum vqp_type want)
{
	a->request = (struct request){ .id = new_id(a), .since_ns = clock_now_ns(), .want = want };
}

/* Wait for the answer to the request under way. @what names it in messages. */
static int request_finish(struct agent *a, int e, uint64_t deadline_ns, const char *what,
			  struct err *reterr)
{
	struct request *r = &a->request;

	while (e == 0 && !r->done)
		e = pump(a, deadline_ns);
	r->id = 0;
	if (!r->done)
		return pump_error(a, e, what, r->since_ns, reterr);
	if (r->error < 0)
		return err_set(reterr, r->error, "%s failed in the guest: %s", what, r->text);
	return 0;
}

int agent_info(struct agent *a, uint64_t deadline_ns, struct agent_info *ret, struct err *reterr)
{
	const struct vqp_info *info = &a->request.info;
	int e;

	request_begin(a, VQP_INFO_REPLY);
	e = send_frame(a, VQP_INFO, a->request.id, NULL, 0, NULL, 0, deadline_ns);
	e = request_finish(a, e, deadline_ns, "INFO", reterr);
	if (e < 0)
		return e;
	ret->uptime_ns = vqp_get64(info->uptime_ns);
	copy_text(ret->boot_id, sizeof(ret->boot_id), (const unsigned char *)info->boot_id,
		  strnlen(info->boot_id, sizeof(info->boot_id)));
	copy_text(ret->kernel, sizeof(ret->kernel), (const unsigned char *)info->kernel,
		  strnlen(info->kernel, sizeof(info->kernel)));
	return 0;
}

int agent_ping(struct agent *a, uint64_t deadline_ns, uint64_t *ret_ns, struct err *reterr)
{
	struct vqp_ping ping = { .token = vqp_put64(clock_now_ns()) };
	uint64_t start_ns = clock_now_ns();
	int e;

	request_begin(a, VQP_PONG);
	e = send_frame(a, VQP_PING, a->request.id, &ping, sizeof(ping), NULL, 0, deadline_ns);
	e = request_finish(a, e, deadline_ns, "PING", reterr);
	if (e == 0 && ret_ns)
		*ret_ns = clock_now_ns() - start_ns;
	return e;
}

/* ---- files ---- */

static int check_path(const char *path, struct err *reterr)
{
	if (path[0] != '/')
		return err_set(reterr, -EINVAL, "the guest path \"%.200s\" is not absolute", path);
	if (strlen(path) >= VQP_PATH_MAX)
		return err_set(reterr, -ENAMETOOLONG, "the guest path \"%.200s...\" is too long",
			       path);
	return 0;
}

int agent_push(struct agent *a, const void *data, size_t size, const char *guest_path,
	       unsigned mode, uint64_t deadline_ns, struct err *reterr)
{
	struct vqp_push_open o = { .size = vqp_put64(size), .mode = vqp_put32(mode) };
	char what[256];
	int e = check_path(guest_path, reterr);

	if (e < 0)
		return e;
	if (size > VQP_FILE_MAX)
		return err_set(reterr, -EFBIG, "cannot push %zu bytes to %s: the limit is %" PRIu64,
			       size, guest_path, VQP_FILE_MAX);
	(void)snprintf(what, sizeof(what), "pushing %.200s", guest_path);
	request_begin(a, VQP_PUSH_DONE);
	e = send_frame(a, VQP_PUSH_OPEN, a->request.id, &o, sizeof(o), guest_path,
		       strlen(guest_path), deadline_ns);
	/* An ERROR may come at any time and ends the transfer. */
	for (size_t done = 0; e == 0 && done < size && !a->request.done;) {
		struct vqp_stream head = { .offset = vqp_put64(done) };
		size_t n = size - done < VQP_CHUNK_MAX ? size - done : VQP_CHUNK_MAX;

		e = send_frame(a, VQP_PUSH_DATA, a->request.id, &head, sizeof(head),
			       (const char *)data + done, n, deadline_ns);
		done += n;
	}
	if (e == 0 && !a->request.done)
		e = send_frame(a, VQP_PUSH_END, a->request.id, NULL, 0, NULL, 0, deadline_ns);
	return request_finish(a, e, deadline_ns, what, reterr);
}

int agent_pull(struct agent *a, const char *guest_path, size_t max, uint64_t deadline_ns,
	       struct buf *ret, struct err *reterr)
{
	struct vqp_pull p = { .max = vqp_put64(max) };
	struct buf data = { 0 };
	char what[256];
	int e = check_path(guest_path, reterr);

	if (e < 0)
		return e;
	(void)snprintf(what, sizeof(what), "pulling %.200s", guest_path);
	request_begin(a, VQP_PULL_END);
	a->request.pull = &data;
	a->request.pull_max = max;
	e = send_frame(a, VQP_PULL, a->request.id, &p, sizeof(p), guest_path, strlen(guest_path),
		       deadline_ns);
	e = request_finish(a, e, deadline_ns, what, reterr);
	a->request.pull = NULL;
	if (e == 0 && buf_add(ret, data.data, data.size) < 0)
		e = err_set(reterr, -ENOMEM, "out of memory %s", what);
	buf_free(&data);
	return e;
}

/* ---- jobs ---- */

/* Add a NULL-terminated list to the strings of EXEC. */
static int add_strings(struct buf *b, const char *const *list, size_t max, uint16_t *ret_count)
{
	size_t count = 0;

	for (; list && list[count]; count++)
		if (count == max || buf_add(b, list[count], strlen(list[count]) + 1) < 0)
			return -E2BIG;
	*ret_count = (uint16_t)count;
	return 0;
}

static int pack_exec(const struct agent_job *job, const size_t max[2], struct vqp_exec *ret_head,
		     struct buf *ret_strings, struct err *reterr)
{
	uint16_t argc = 0, envc = 0;
	const char *cwd = job->cwd ? job->cwd : "";

	if (!job->argv || !job->argv[0] || job->deadline_ms == 0)
		return err_set(reterr, -EINVAL, "a job needs a program and a deadline");
	if (max[0] > VQP_STREAM_MAX || max[1] > VQP_STREAM_MAX)
		return err_set(reterr, -EINVAL,
			       "%s: output limits end at %" PRIu64
			       " bytes (write to a file and pull it)",
			       job->argv[0], VQP_STREAM_MAX);
	if (add_strings(ret_strings, job->argv, VQP_ARGV_MAX, &argc) < 0 ||
	    add_strings(ret_strings, job->env, VQP_ENV_MAX, &envc) < 0 ||
	    buf_add(ret_strings, cwd, strlen(cwd) + 1) < 0 || ret_strings->size > VQP_STRINGS_MAX)
		return err_set(reterr, -E2BIG,
			       "%.100s: arguments and environment are limited to %d items each and "
			       "%d bytes together (push "
			       "a file instead)",
			       job->argv[0], VQP_ARGV_MAX, VQP_STRINGS_MAX);
	*ret_head = (struct vqp_exec){
		.stdout_max = vqp_put64(max[0]),
		.stderr_max = vqp_put64(max[1]),
		.deadline_ms = vqp_put32(job->deadline_ms),
		.argc = vqp_put16(argc),
		.envc = vqp_put16(envc),
		.keep_env = vqp_put32(job->env ? 0 : 1),
	};
	return 0;
}

static void name_job(struct host_job *j, const char *const *argv)
{
	size_t used = 0;

	for (size_t i = 0; argv[i] && used < sizeof(j->name); i++)
		used += (size_t)snprintf(j->name + used, sizeof(j->name) - used, "%s%s",
					 i ? " " : "", argv[i]);
}

int agent_start(struct agent *a, const struct agent_job *job, uint32_t *ret_id, struct err *reterr)
{
	size_t max[2] = { job->stdout_max ? job->stdout_max : AGENT_OUTPUT_DEFAULT,
			  job->stderr_max ? job->stderr_max : AGENT_OUTPUT_DEFAULT };
	CLEANUP(buf_free) struct buf strings = { 0 };
	uint64_t start_ns = clock_now_ns();
	struct host_job *j = NULL;
	struct vqp_exec head;
	int e = pack_exec(job, max, &head, &strings, reterr);

	if (e < 0)
		return e;
	for (size_t i = 0; i < VQP_JOBS_MAX && !j; i++)
		if (!a->jobs[i].used)
			j = &a->jobs[i];
	if (!j)
		return err_set(
			reterr, -EAGAIN,
			"%d jobs are already running in the guest: collect one with agent_wait()",
			VQP_JOBS_MAX);
	*j = (struct host_job){ .used = true, .id = new_id(a), .deadline_ms = job->deadline_ms };
	j->stream[0].data.max = max[0];
	j->stream[1].data.max = max[1];
	j->give_up_ns = start_ns + (job->deadline_ms + (uint64_t)a->grace_ms) * NS_PER_MS;
	j->result.deadline_ms = job->deadline_ms;
	name_job(j, job->argv);
	e = send_frame(a, VQP_EXEC, j->id, &head, sizeof(head), strings.data, strings.size,
		       clock_deadline_ms(SEND_DEADLINE_MS));
	if (e < 0) {
		e = pump_error(a, e, j->name, start_ns, reterr);
		job_free(j);
		return e;
	}
	*ret_id = j->id;
	return 0;
}

/* Move what is known of a finished job to the caller. */
static int job_collect(struct host_job *j, struct agent_result *ret, struct err *reterr)
{
	uint64_t lost[2] = { j->stream[0].lost, j->stream[1].lost };
	int e = j->error;

	if (e < 0) {
		(void)err_set(reterr, e, "cannot run \"%s\" in the guest: %s", j->name,
			      j->error_text);
		job_free(j);
		return e;
	}
	*ret = j->result;
	ret->out = j->stream[0].data;
	ret->err = j->stream[1].data;
	ret->out_lost = lost[0];
	ret->err_lost = lost[1];
	if (lost[0] || lost[1])
		e = err_set(
			reterr, -EIO,
			"%" PRIu64 " bytes of stdout and %" PRIu64
			" bytes of stderr of \"%s\" were lost when the "
			"connection to the guest broke (run it again, with its output in a file)",
			lost[0], lost[1], j->name);
	*j = (struct host_job){ 0 };
	return e;
}

int agent_wait(struct agent *a, uint32_t id, struct agent_result *ret, struct err *reterr)
{
	struct host_job *j = job_find(a, id);
	uint64_t since_ns = clock_now_ns();
	uint64_t deadline_ns;
	char what[160];
	int e = 0;

	if (!j)
		return err_set(reterr, -EINVAL, "there is no job %" PRIu32 " to wait for", id);
	/* Nothing was read while the caller was elsewhere: the guest gets its grace from now on. */
	deadline_ns = since_ns + a->grace_ms * NS_PER_MS;
	if (j->give_up_ns > deadline_ns)
		deadline_ns = j->give_up_ns;
	(void)snprintf(what, sizeof(what), "\"%s\"", j->name);
	while (e == 0 && !j->done)
		e = pump(a, deadline_ns);
	if (j->done) {
		/* The acknowledgement. If it does not leave now, it leaves with the next request.
		 */
		if (a->fd >= 0)
			(void)flush_out(a);
		return job_collect(j, ret, reterr);
	}
	e = pump_error(a, e, what, since_ns, reterr);
	if (e == -ECONNRESET)
		return e;
	if (e == -ETIMEDOUT || e == -EOWNERDEAD) {
		struct vqp_kill k = { .signal = vqp_put32(SIGKILL) };

		(void)put_frame(a, VQP_KILL, id, &k, sizeof(k), NULL, 0);
		(void)flush_out(a);
	}
	job_free(j);
	return e;
}

int agent_run(struct agent *a, const struct agent_job *job, struct agent_result *ret,
	      struct err *reterr)
{
	uint32_t id = 0;
	int e = agent_start(a, job, &id, reterr);

	if (e < 0)
		return e;
	e = agent_wait(a, id, ret, reterr);
	/* The caller has no id to come back with. */
	if (e == -ECONNRESET && job_find(a, id))
		job_free(job_find(a, id));
	return e;
}

int agent_kill(struct agent *a, uint32_t id, int signal, struct err *reterr)
{
	struct vqp_kill k = { .signal = vqp_put32((uint32_t)signal) };
	uint64_t deadline_ns = clock_deadline_ms(SEND_DEADLINE_MS);
	uint64_t since_ns = clock_now_ns();
	int e;

	if (!job_find(a, id))
		return err_set(reterr, -EINVAL, "there is no job %" PRIu32 " to kill", id);
	if (signal < 1 || signal > SIGRTMAX)
		return err_set(reterr, -EINVAL, "there is no signal %d", signal);
	e = send_frame(a, VQP_KILL, id, &k, sizeof(k), NULL, 0, deadline_ns);
	if (e == 0)
		e = drain_out(a, deadline_ns);
	return e < 0 ? pump_error(a, e, "KILL", since_ns, reterr) : 0;
}

void agent_result_free(struct agent_result *r)
{
	buf_free(&r->out);
	buf_free(&r->err);
}

const char *agent_fate_describe(const struct agent_result *r, char *scratch, size_t size)
{
	const char *stuck = r->stuck ? "; " : "";
	const char *note = r->stuck ? r->note : "";

	switch (r->fate) {
	case AGENT_EXITED:
		(void)snprintf(scratch, size, "exited %d", r->code);
		break;
	case AGENT_SIGNALLED:
		(void)snprintf(scratch, size, "signal %d (%s)%s%s", r->code, strsignal(r->code),
			       stuck, note);
		break;
	case AGENT_DEADLINE:
		(void)snprintf(scratch, size, "deadline of %" PRIu32 " ms passed%s%s",
			       r->deadline_ms, stuck, note);
		break;
	case AGENT_OUTPUT_LIMIT:
		(void)snprintf(
			scratch, size,
			"killed for too much output (%zu bytes of stdout, %zu of stderr came)%s%s",
			r->out.size, r->err.size, stuck, note);
		break;
	case AGENT_SPAWN_FAILED:
		(void)snprintf(scratch, size, "%s", r->note);
		break;
	}
	return scratch;
}
