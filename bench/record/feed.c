// SPDX-License-Identifier: Apache-2.0
#include "record/feed.h"

#include "base/clock.h"
#include "record/samples.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#define STOP_MS 2000

/* One line; false when there is no more room, or no more disk. */
static bool put_sample(const struct feed *f, int fd, uint64_t *values, uint64_t *written)
{
	CLEANUP(buf_free) struct buf line = { 0 };
	int e = buf_printf(&line, "{\"t\":%" PRIu64 ",\"v\":[", clock_now_ns());
	bool have = f->read(f->arg, values, f->count) == 0;

	for (size_t i = 0; e >= 0 && i < f->count; i++)
		e = have && values[i] != RECORD_NO_VALUE
			    ? buf_printf(&line, "%s%" PRIu64, i ? "," : "", values[i])
			    : buf_printf(&line, "%snull", i ? "," : "");
	if (e < 0 || buf_printf(&line, "]}\n") < 0 || *written + line.size > RECORD_OUTPUT_MAX)
		return false;
	*written += line.size;
	return write(fd, line.data, line.size) == (ssize_t)line.size;
}

static void loop(const struct feed *f, int fd)
{
	CLEANUP(freep) uint64_t *values = calloc(f->count, sizeof(*values));
	uint64_t start = clock_now_ns();
	uint64_t written = 0;
	uint64_t tick = 0;
	bool last = false;
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	while (values && put_sample(f, fd, values, &written) && !last) {
		uint64_t now = clock_now_ns();
		struct timespec left;

		/* A fixed time table: one that comes late does not move the next. */
		do
			tick++;
		while (start + tick * f->interval_ms * NS_PER_MS <= now);
		now = start + tick * f->interval_ms * NS_PER_MS - now;
		left = (struct timespec){ (time_t)(now / NS_PER_S), (long)(now % NS_PER_S) };
		last = sigtimedwait(&set, NULL, &left) == SIGTERM;
	}
}

static void child(const struct feed *f, int out_fd, pid_t parent)
{
	int out = fcntl(out_fd, F_DUPFD_CLOEXEC, 10);
	sigset_t set;

	/* Nothing else stays open: a stray write end would keep pumps alive. */
	if (out < 0 || dup2(out, 3) < 0)
		_exit(1);
	(void)close_range(4, ~0U, 0);
	(void)setsid();
	(void)signal(SIGINT, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	loop(f, 3);
	_exit(0);
}

int feed_start(const struct feed *f, struct proc *ret, struct err *reterr)
{
	CLEANUP(fd_closep)
	int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct proc p = { .pidfd = -1 };
	pid_t parent = getpid();

	if (fd < 0)
		return err_errno(reterr, -errno, "cannot make %s", f->path);
	p.pid = fork();
	if (p.pid < 0)
		return err_errno(reterr, -errno, "cannot start the feed of %s", f->path);
	if (p.pid == 0)
		child(f, fd, parent);
	p.running = true;
	p.pidfd = (int)syscall(SYS_pidfd_open, p.pid, 0);
	*ret = p;
	return 0;
}

void feed_stop(struct proc *p)
{
	if (p->running && kill(p->pid, SIGTERM) == 0)
		(void)proc_wait(p, clock_deadline_ms(STOP_MS));
	proc_kill(p);
}
