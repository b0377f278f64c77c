// SPDX-License-Identifier: Apache-2.0
#include "base/pump.h"

#include "base/clock.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* A daemon that left a child behind may hold the pipe open for ever. */
#define FINISH_MS 200

static void put(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno != EINTR)
			return; /* a full disk must not block the one who prints */
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
	}
}

static void pump_loop(int in_fd, int out_fd)
{
	static const char cut[] = "\n[log limit reached: the rest was discarded]\n";
	char chunk[16 * KIB];
	uint64_t kept = 0;
	bool told = false;
	ssize_t n;

	while ((n = read(in_fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		if (!told && kept + (uint64_t)n <= PUMP_LOG_MAX) {
			put(out_fd, chunk, (size_t)n);
			kept += (uint64_t)n;
		} else if (!told) {
			put(out_fd, cut, strlen(cut));
			told = true;
		}
	}
}

static void pump_child(int in_fd, int out_fd, pid_t parent)
{
	/* Numbers 3 and 4 for ours, nothing else: a stray write end would keep other pumps alive. */
	int in = fcntl(in_fd, F_DUPFD_CLOEXEC, 10);
	int out = fcntl(out_fd, F_DUPFD_CLOEXEC, 10);

	if (in < 0 || out < 0 || dup2(in, 3) < 0 || dup2(out, 4) < 0)
		_exit(1);
	(void)close_range(5, ~0U, 0);
	(void)setsid();
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	pump_loop(3, 4);
	_exit(0);
}

int pump_start(const char *path, int *ret_wr, struct proc *ret, struct err *reterr)
{
	CLEANUP(fd_closep) int log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	CLEANUP(fd_closep) int rd = -1;
	CLEANUP(fd_closep) int wr = -1;
	struct proc p = { .pidfd = -1 };
	pid_t parent = getpid();
	int fds[2];

	if (log < 0)
		return err_errno(reterr, -errno, "cannot make log %s", path);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(reterr, -errno, "cannot make a pipe for log %s", path);
	rd = fds[0];
	wr = fds[1];
	p.pid = fork();
	if (p.pid < 0)
		return err_errno(reterr, -errno, "cannot start the pump of %s", path);
	if (p.pid == 0)
		pump_child(rd, log, parent);
	p.running = true;
	p.pidfd = (int)syscall(SYS_pidfd_open, p.pid, 0);
	*ret = p;
	*ret_wr = TAKE_FD(wr);
	return 0;
}

void pump_finish(struct proc *p)
{
	if (p->running)
		(void)proc_wait(p, clock_deadline_ms(FINISH_MS));
	proc_kill(p);
}
