// SPDX-License-Identifier: Apache-2.0
#include "conformance/guest/channel.h"

#include "conformance/guest/act.h"
#include "conformance/guest/check.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

static int control_root = -1; /* the share, of a control */
static int notify = -1;	      /* says that something came into the folder of answers */

int channel_open(const struct check_env *env)
{
	if (!env->answers) {
		control_root = open(env->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		return control_root < 0 ? -errno : 0;
	}
	notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (notify < 0 || inotify_add_watch(notify, env->answers, IN_MOVED_TO | IN_CLOSE_WRITE) < 0)
		return -errno;
	return 0;
}

int channel_say(const struct line *w)
{
	char line[LINE_SIZE];
	size_t size = line_format(w, line);

	for (size_t done = 0; done < size;) {
		ssize_t n = write(STDOUT_FILENO, line + done, size - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* The file of an answer: one line. -ENOENT: it is not there yet. */
static int read_answer(const char *path, struct line *ret)
{
	char line[LINE_SIZE];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (n > 0 && size < sizeof(line)) {
		n = read(fd, line + size, sizeof(line) - size);
		size += n > 0 ? (size_t)n : 0;
	}
	(void)close(fd);
	if (n < 0 || size == 0 || line[size - 1] != '\n')
		return -EPROTO;
	return line_parse(ret, line, size - 1);
}

/* The check's own deadline ends this, whatever the other side does. */
static int wait_answer(const char *path, struct line *ret)
{
	struct pollfd p = { .fd = notify, .events = POLLIN };
	char events[4096];
	int e;

	while ((e = read_answer(path, ret)) == -ENOENT)
		if (poll(&p, 1, -1) > 0)
			(void)!read(notify, events, sizeof(events));
	(void)unlink(path);
	return e;
}

int channel_ask(struct check_run *r, const struct line *w, struct line *ret)
{
	uint64_t number = r->result->asked++;
	char path[PATH_MAX];
	struct line line;
	int e;

	if (!r->env->answers) {
		if (strcmp(line_at(w, 0), "host") != 0)
			return -EOPNOTSUPP;
		act_do(control_root, w, 1, ret);
		return 0;
	}
	line_clear(&line);
	e = line_add_text(&line, "ask");
	if (e == 0)
		e = line_add_number(&line, (int64_t)number);
	for (unsigned i = 0; e == 0 && i < w->count; i++)
		e = line_add(&line, line_at(w, i), line_size(w, i));
	if (e == 0)
		e = channel_say(&line);
	(void)snprintf(path, sizeof(path), "%s/%llu", r->env->answers, (unsigned long long)number);
	return e < 0 ? e : wait_answer(path, ret);
}
