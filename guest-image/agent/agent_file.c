// SPDX-License-Identifier: Apache-2.0
/*
 * Files to and from the guest: one push and one pull at a time. A pushed file appears under its
 * name when it is complete, by rename, or not at all. Nothing is synced: the guest's root is a
 * tmpfs.
 */
#include "agent_int.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
	bool active;
	uint32_t id;
	int fd;
	uint64_t size;
	uint64_t done;
	mode_t mode;
	char path[VQP_PATH_MAX];
	char part[VQP_PATH_MAX + 32]; /* temporary name, in the same folder */
} push = { .fd = -1 };

static struct {
	bool active;
	uint32_t id;
	int fd;
	uint64_t max;
	uint64_t done;
	char path[VQP_PATH_MAX];
} pull = { .fd = -1 };

/* Copy a path of @size bytes, which is not NUL-terminated on the wire. */
static int take_path(const unsigned char *data, size_t size, char *ret)
{
	if (size == 0 || size >= VQP_PATH_MAX || memchr(data, '\0', size) || data[0] != '/')
		return -EINVAL;
	memcpy(ret, data, size);
	ret[size] = '\0';
	return 0;
}

static int make_parents(char *path)
{
	for (char *s = path + 1; *s; s++) {
		int e;

		if (*s != '/')
			continue;
		*s = '\0';
		e = mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
		*s = '/';
		if (e < 0)
			return e;
	}
	return 0;
}

static void push_end(void)
{
	if (push.fd >= 0) {
		(void)close(push.fd);
		(void)unlink(push.part);
	}
	push.fd = -1;
	push.active = false;
}

__attribute__((format(printf, 2, 3))) static void push_fail(int error, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	link_error(push.id, error, "PUSH %.200s: %s", push.path, text);
	push_end();
}

void file_push_open(const struct vqp_frame *frame)
{
	struct vqp_push_open o;
	char *slash;
	int e;

	if (push.active) {
		link_error(frame->job, EBUSY, "PUSH: another file is being pushed");
		return;
	}
	if (frame->size < sizeof(o) ||
	    take_path(frame->payload + sizeof(o), frame->size - sizeof(o), push.path) < 0) {
		link_error(frame->job, EINVAL, "malformed PUSH_OPEN: an absolute path is needed");
		return;
	}
	memcpy(&o, frame->payload, sizeof(o));
	push.active = true;
	push.id = frame->job;
	push.size = vqp_get64(o.size);
	push.mode = (mode_t)(vqp_get32(o.mode) & 07777);
	push.done = 0;
	if (push.size > VQP_FILE_MAX) {
		push_fail(EFBIG, "%" PRIu64 " bytes are more than the limit of %" PRIu64, push.size,
			  VQP_FILE_MAX);
		return;
	}
	e = make_parents(push.path);
	if (e < 0) {
		push_fail(-e, "cannot make the folders: %s", strerror(-e));
		return;
	}
	slash = strrchr(push.path, '/');
	(void)snprintf(push.part, sizeof(push.part), "%.*s/.vq-push-%u", (int)(slash - push.path),
		       push.path, push.id);
	push.fd = open(push.part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (push.fd < 0)
		push_fail(errno, "cannot create %.150s: %s", push.part, strerror(errno));
}

void file_push_data(const struct vqp_frame *frame)
{
	struct vqp_stream s;
	size_t size, done = 0;

	/* Data may still come when the host has not read yet that the push failed. */
	if (!push.active || push.id != frame->job)
		return;
	if (frame->size < sizeof(s)) {
		push_fail(EINVAL, "malformed PUSH_DATA");
		return;
	}
	memcpy(&s, frame->payload, sizeof(s));
	size = frame->size - sizeof(s);
	if (vqp_get64(s.offset) != push.done || size > push.size - push.done) {
		push_fail(EINVAL, "data at offset %" PRIu64 " where %" PRIu64 " is next",
			  vqp_get64(s.offset), push.done);
		return;
	}
	while (done < size) {
		ssize_t n = write(push.fd, frame->payload + sizeof(s) + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			push_fail(errno, "cannot write: %s", strerror(errno));
			return;
		}
		done += (size_t)n;
	}
	push.done += size;
}

void file_push_end(const struct vqp_frame *frame)
{
	if (!push.active || push.id != frame->job)
		return;
	if (push.done != push.size) {
		push_fail(EINVAL, "ended after %" PRIu64 " of %" PRIu64 " bytes", push.done,
			  push.size);
		return;
	}
	/* Closed before it gets its name, so that a program can be executed at once (ETXTBSY). */
	if (fchmod(push.fd, push.mode) < 0 || close(push.fd) < 0) {
		push_fail(errno, "cannot set the mode: %s", strerror(errno));
		return;
	}
	push.fd = -1;
	if (rename(push.part, push.path) < 0) {
		int error = errno;

		(void)unlink(push.part);
		push_fail(error, "cannot rename into place: %s", strerror(error));
		return;
	}
	link_send(VQP_PUSH_DONE, push.id, NULL, 0);
	push_end();
}

static void pull_end(void)
{
	if (pull.fd >= 0)
		(void)close(pull.fd);
	pull.fd = -1;
	pull.active = false;
}

void file_pull(const struct vqp_frame *frame)
{
	struct vqp_pull p;
	struct stat st;

	if (pull.active) {
		link_error(frame->job, EBUSY, "PULL: another file is being pulled");
		return;
	}
	if (frame->size < sizeof(p) ||
	    take_path(frame->payload + sizeof(p), frame->size - sizeof(p), pull.path) < 0) {
		link_error(frame->job, EINVAL, "malformed PULL: an absolute path is needed");
		return;
	}
	memcpy(&p, frame->payload, sizeof(p));
	pull.id = frame->job;
	pull.max = vqp_get64(p.max);
	pull.done = 0;
	/* Not blocking: the name may be that of a FIFO or of a device. */
	pull.fd = open(pull.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (pull.fd < 0 || fstat(pull.fd, &st) < 0) {
		link_error(pull.id, errno, "PULL %.200s: %s", pull.path, strerror(errno));
		pull_end();
		return;
	}
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size > pull.max) {
		link_error(pull.id, EFBIG,
			   "PULL %.200s: has %lld bytes, more than the limit of %" PRIu64,
			   pull.path, (long long)st.st_size, pull.max);
		pull_end();
		return;
	}
	pull.active = true;
}

bool file_step(void)
{
	struct vqp_stream head = { .offset = vqp_put64(pull.done) };
	struct vqp_pull_end end = { .size = vqp_put64(pull.done) };
	unsigned char *payload;
	ssize_t n;

	if (!pull.active || !link_can_bulk())
		return false;
	payload = link_payload();
	n = read(pull.fd, payload + sizeof(head), VQP_CHUNK_MAX);
	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0) {
		link_error(pull.id, errno, "PULL %.200s: %s", pull.path, strerror(errno));
	} else if (n == 0) {
		link_send(VQP_PULL_END, pull.id, &end, sizeof(end));
	} else if ((uint64_t)n > pull.max - pull.done) {
		link_error(pull.id, EFBIG, "PULL %.200s: has more bytes than the limit of %" PRIu64,
			   pull.path, pull.max);
	} else {
		memcpy(payload, &head, sizeof(head));
		link_commit(VQP_PULL_DATA, pull.id, sizeof(head) + (size_t)n);
		pull.done += (uint64_t)n;
		return true;
	}
	pull_end();
	return true;
}

void file_reset(void)
{
	push_end();
	pull_end();
}
