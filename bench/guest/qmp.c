// SPDX-License-Identifier: Apache-2.0
#include "guest/qmp.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

/* Longest line accepted; QEMU's answers to what we ask are a few KiB. */
#define LINE_MAX_BYTES (4 * MIB)

struct qmp {
	int fd;
	FILE *log;
	struct buf in;
	json_t *event[QMP_EVENTS_MAX];
	size_t event_count;
	json_int_t last_id;
	char version[32];
};

void qmp_set_log(struct qmp *q, FILE *take_log)
{
	file_closep(&q->log);
	q->log = take_log;
}

static void log_line(struct qmp *q, const char *who, const char *line)
{
	if (!q->log)
		return;
	(void)fprintf(q->log, "%s %s\n", who, line);
	(void)fflush(q->log);
}

struct qmp *qmp_close(struct qmp *q)
{
	if (!q)
		return NULL;
	fd_closep(&q->fd);
	file_closep(&q->log);
	buf_free(&q->in);
	for (size_t i = 0; i < q->event_count; i++)
		json_decref(q->event[i]);
	free(q);
	return NULL;
}

const char *qmp_version(const struct qmp *q)
{
	return q->version;
}

/* Of the greeting; one without numbers is not worth a failure. */
static void read_version(struct qmp *q, json_t *greeting)
{
	double n[3];

	if (json_number_at(greeting, "QMP.version.qemu.major", &n[0]) == 0 &&
	    json_number_at(greeting, "QMP.version.qemu.minor", &n[1]) == 0 &&
	    json_number_at(greeting, "QMP.version.qemu.micro", &n[2]) == 0)
		(void)snprintf(q->version, sizeof(q->version), "%.0f.%.0f.%.0f", n[0], n[1], n[2]);
}

static void qmp_closep(struct qmp **q)
{
	*q = qmp_close(*q);
}

static int take_line(struct qmp *q, char **ret)
{
	char *nl = q->in.data ? memchr(q->in.data, '\n', q->in.size) : NULL;
	size_t used;
	char *line;

	if (!nl)
		return -EAGAIN;
	used = (size_t)(nl - q->in.data) + 1;
	line = strndup(q->in.data, used - 1);
	if (!line)
		return -ENOMEM;
	memmove(q->in.data, nl + 1, q->in.size - used);
	q->in.size -= used;
	q->in.data[q->in.size] = '\0';
	*ret = line;
	return 0;
}

static int fill(struct qmp *q, uint64_t deadline_ns, struct err *reterr)
{
	struct pollfd pfd = { .fd = q->fd, .events = POLLIN };
	char chunk[16 * KIB];
	ssize_t n;
	int left = clock_left_ms(deadline_ns);

	if (left == 0)
		return err_set(reterr, -ETIMEDOUT, "QEMU did not answer over QMP in time");
	if (poll(&pfd, 1, left) <= 0)
		return 0;
	n = read(q->fd, chunk, sizeof(chunk));
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return err_set(reterr, -ECONNRESET, "QEMU closed its QMP socket (it ended)");
	if (n < 0)
		return errno == EINTR ? 0 : err_errno(reterr, -errno, "cannot read from QMP");
	if (q->in.size + (size_t)n > LINE_MAX_BYTES)
		return err_set(reterr, -EPROTO, "QEMU sent a QMP line of more than %d MiB",
			       (int)(LINE_MAX_BYTES / MIB));
	return buf_add(&q->in, chunk, (size_t)n);
}

/* The next message; events are messages too. */
static int next_message(struct qmp *q, uint64_t deadline_ns, json_t **ret, struct err *reterr)
{
	CLEANUP(freep) char *line = NULL;
	json_error_t je;
	json_t *v;
	int e;

	while ((e = take_line(q, &line)) == -EAGAIN) {
		e = fill(q, deadline_ns, reterr);
		if (e < 0)
			return e;
	}
	if (e < 0)
		return err_set(reterr, e, "out of memory reading QMP");
	log_line(q, "<", line);
	v = json_loads(line, 0, &je);
	if (!json_is_object(v)) {
		json_decref(v);
		return err_set(reterr, -EPROTO, "QMP sent what is no JSON object: %.200s", line);
	}
	*ret = v;
	return 0;
}

static void keep_event(struct qmp *q, json_t *take_event)
{
	if (q->event_count == QMP_EVENTS_MAX) {
		json_decref(q->event[0]);
		q->event_count--;
		memmove(q->event, q->event + 1, q->event_count * sizeof(q->event[0]));
	}
	q->event[q->event_count++] = take_event;
}

/* The reply to command @id; one to an earlier command that we gave up is dropped. */
static int next_reply(struct qmp *q, json_int_t id, uint64_t deadline_ns, json_t **ret,
		      struct err *reterr)
{
	for (;;) {
		json_t *v = NULL;
		int e = next_message(q, deadline_ns, &v, reterr);

		if (e < 0)
			return e;
		if (json_object_get(v, "event")) {
			keep_event(q, v);
		} else if (json_integer_value(json_object_get(v, "id")) == id) {
			*ret = v;
			return 0;
		} else {
			json_decref(v);
		}
	}
}

static int send_line(struct qmp *q, const char *line, int send_fd, struct err *reterr)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)line, .iov_len = strlen(line) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (send_fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &send_fd, sizeof(int));
	}
	while (iov.iov_len > 0) {
		ssize_t n = sendmsg(q->fd, &msg, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(reterr, -ECONNRESET, "cannot send to QMP");
		iov.iov_base = (char *)iov.iov_base + n;
		iov.iov_len -= (size_t)n;
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
	}
	return 0;
}

int qmp_command(struct qmp *q, const char *name, json_t *take_args, int send_fd,
		uint64_t deadline_ns, json_t **ret, struct err *reterr)
{
	json_auto_t *args = take_args;
	json_auto_t *cmd = json_pack("{s:s,s:I}", "execute", name, "id", ++q->last_id);
	json_auto_t *reply = NULL;
	CLEANUP(freep) char *text = NULL;
	CLEANUP(freep) char *line = NULL;
	json_t *error;
	int e;

	if (!cmd || (args && json_object_set(cmd, "arguments", args) < 0))
		return err_set(reterr, -ENOMEM, "out of memory for QMP %s", name);
	text = json_dumps(cmd, JSON_COMPACT);
	if (!text || asprintf(&line, "%s\n", text) < 0)
		return err_set(reterr, -ENOMEM, "out of memory for QMP %s", name);
	log_line(q, ">", text);
	e = send_line(q, line, send_fd, reterr);
	if (e == 0)
		e = next_reply(q, q->last_id, deadline_ns, &reply, reterr);
	if (e < 0)
		return err_prefix(reterr, e, "QMP %s", name);
	error = json_object_get(reply, "error");
	if (error)
		return err_set(reterr, -EREMOTEIO, "QMP %s: QEMU answered %s: %s", name,
			       json_str_at(error, "class", "?"), json_str_at(error, "desc", "?"));
	if (ret)
		*ret = json_incref(json_object_get(reply, "return"));
	return 0;
}

static bool event_matches(json_t *v, const char *name, const char *key, const char *value)
{
	if (strcmp(json_str_at(v, "event", ""), name) != 0)
		return false;
	return !key || strcmp(json_str_at(json_object_get(v, "data"), key, ""), value) == 0;
}

int qmp_wait_event(struct qmp *q, const char *name, const char *key, const char *value,
		   uint64_t deadline_ns, struct err *reterr)
{
	for (;;) {
		json_t *v = NULL;
		int e;

		for (size_t i = 0; i < q->event_count; i++) {
			if (!event_matches(q->event[i], name, key, value))
				continue;
			json_decref(q->event[i]);
			q->event_count--;
			memmove(q->event + i, q->event + i + 1,
				(q->event_count - i) * sizeof(q->event[0]));
			return 0;
		}
		e = next_message(q, deadline_ns, &v, reterr);
		if (e < 0)
			return err_prefix(reterr, e, "waiting for QMP event %s", name);
		if (json_object_get(v, "event"))
			keep_event(q, v);
		else
			json_decref(v);
	}
}

int qmp_open(int take_fd, uint64_t deadline_ns, struct qmp **ret, struct err *reterr)
{
	CLEANUP(fd_closep) int fd = take_fd;
	CLEANUP(qmp_closep) struct qmp *q = calloc(1, sizeof(*q));
	json_auto_t *greeting = NULL;
	int e;

	if (!q)
		return err_set(reterr, -ENOMEM, "out of memory for QMP");
	q->fd = TAKE_FD(fd);
	e = next_message(q, deadline_ns, &greeting, reterr);
	if (e < 0)
		return e;
	if (!json_object_get(greeting, "QMP"))
		return err_set(reterr, -EPROTO, "the QMP socket did not greet as QMP");
	read_version(q, greeting);
	e = qmp_command(q, "qmp_capabilities", NULL, -1, deadline_ns, NULL, reterr);
	if (e < 0)
		return e;
	*ret = TAKE_PTR(q);
	return 0;
}
