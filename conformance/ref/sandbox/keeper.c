// SPDX-License-Identifier: Apache-2.0
/* The process that whoever started the program sees. It reads nothing that comes from a guest or a front end. */
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "conformance/ref/log.h"
#include "conformance/ref/sandbox/confine.h"
#include "conformance/ref/sandbox/sandbox.h"

/* The broker ends when the parser has ended; one that takes longer is broken. */
#define BROKER_MS 5000

/* Keep these two, which are no standard ones, and nothing else: sockets close when the parser ends. */
static void close_others(int a, int b)
{
	const unsigned low = (unsigned)(a < b ? a : b);
	const unsigned high = (unsigned)(a < b ? b : a);

	if (low > STDERR_FILENO + 1)
		(void)close_range(STDERR_FILENO + 1, low - 1, 0);
	if (high > low + 1)
		(void)close_range(low + 1, high - 1, 0);
	(void)close_range(high + 1, ~0U, 0);
}

static void pass_signal(int signal_fd, int parser_fd)
{
	struct signalfd_siginfo info;

	if (read(signal_fd, &info, sizeof(info)) == sizeof(info))
		(void)syscall(SYS_pidfd_send_signal, parser_fd, (int)info.ssi_signo, NULL, 0);
}

static void await_parser(int signal_fd, int parser_fd)
{
	struct pollfd p[2] = { { .fd = parser_fd, .events = POLLIN },
			       { .fd = signal_fd, .events = POLLIN } };

	for (;;) {
		if (poll(p, ARRAY_SIZE(p), -1) < 0)
			continue; /* EINTR: nothing else can happen to two good descriptors */
		if (p[0].revents)
			return;
		if (p[1].revents)
			pass_signal(signal_fd, parser_fd);
	}
}

/* Whoever finds the device dead finds the cause in one line of its log. @status: of wait(). */
static void tell_end(const char *what, pid_t pid, int status)
{
	const int number = WTERMSIG(status);

	if (WIFSIGNALED(status))
		ref_log(REF_LOG_ERROR, "%s, process %d, was killed by signal %d (%s)", what,
			(int)pid, number, strsignal(number));
	else if (WEXITSTATUS(status) != 0)
		ref_log(REF_LOG_ERROR, "%s, process %d, ended with status %d", what, (int)pid,
			WEXITSTATUS(status));
}

/* The broker is our child as well. */
static void await_others(void)
{
	const uint64_t deadline = clock_deadline_ms(BROKER_MS);
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	for (;;) {
		const int left = clock_left_ms(deadline);
		const struct timespec t = { .tv_sec = left / 1000,
					    .tv_nsec = left % 1000 * 1000000L };
		int status = 0;
		const pid_t ended = waitpid(-1, &status, WNOHANG);

		if (ended < 0 || left == 0)
			return; /* there are no more of them */
		if (ended == 0)
			(void)sigtimedwait(&set, NULL, &t);
		else
			tell_end("the broker", ended, status);
	}
}

static void end_by(int number)
{
	const struct rlimit no_core = { 0, 0 };
	sigset_t set;

	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)signal(number, SIG_DFL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, number);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)raise(number);
}

void keeper_main(pid_t parser, const struct sandbox_plan *p)
{
	const int parser_fd = (int)syscall(SYS_pidfd_open, parser, 0);
	sigset_t set;
	int status = 0;

	(void)prctl(PR_SET_NAME, "refdev-keeper");
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	close_others(p->signal_fd, parser_fd);
	/* To remove a socket from a folder of another user, whose it may be. */
	(void)!confine_capabilities(confine_held() & UINT64_C(1) << CAP_DAC_OVERRIDE);
	if (parser_fd >= 0)
		await_parser(p->signal_fd, parser_fd);
	while (waitpid(parser, &status, 0) < 0 && errno == EINTR)
		;
	tell_end("the device", parser, status);
	p->ended(p->context);
	await_others();
	if (WIFSIGNALED(status))
		end_by(WTERMSIG(status));
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}
