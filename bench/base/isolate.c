// SPDX-License-Identifier: Apache-2.0
#include "base/isolate.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Exit status of an init that could not make its world; told through the pipe as text. */
#define INIT_FAILED 126

static int write_text(const char *path, const char *text)
{
	CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = (ssize_t)strlen(text);

	return fd >= 0 && write(fd, text, (size_t)n) == n ? 0 : -errno;
}

static void init_fail(int report_fd, const char *what)
{
	char text[256];
	int n = snprintf(text, sizeof(text), "%s: %s", what, strerror(errno));

	(void)!write(report_fd, text, (size_t)n);
	_exit(INIT_FAILED);
}

/* In a user namespace of our own we are root over our own files only. */
static int map_root(uid_t uid, gid_t gid)
{
	char map[64];

	(void)snprintf(map, sizeof(map), "0 %u 1", (unsigned)uid);
	if (write_text("/proc/self/uid_map", map) < 0 ||
	    write_text("/proc/self/setgroups", "deny") < 0)
		return -1;
	(void)snprintf(map, sizeof(map), "0 %u 1", (unsigned)gid);
	return write_text("/proc/self/gid_map", map) < 0 ? -1 : 0;
}

static int wait_for(pid_t body)
{
	for (;;) {
		int status;
		pid_t p = waitpid(-1, &status, 0);

		if (p < 0 && errno != EINTR)
			return INIT_FAILED;
		if (p != body)
			continue; /* an orphan of a daemon */
		return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
}

/* PID 1 of the namespace: makes it private, starts the body, reaps orphans. */
static void init_main(isolate_body *body, void *arg, int alive_fd, int report_fd, bool user_ns,
		      uid_t uid, gid_t gid)
{
	struct pollfd alive = { .fd = alive_fd, .events = POLLIN };
	sigset_t none;
	pid_t child;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The driver may have died before that took effect: then its end of the pipe is closed. */
	if (poll(&alive, 1, 0) > 0)
		_exit(INIT_FAILED);
	/* Signals of the terminal go to the driver alone, which kills this namespace. */
	(void)setsid();
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (user_ns && map_root(uid, gid) < 0)
		init_fail(report_fd, "map user");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		init_fail(report_fd, "make mounts private");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		init_fail(report_fd, "mount /proc");
	child = fork();
	if (child < 0)
		init_fail(report_fd, "fork");
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)close(report_fd);
		exit(body(arg));
	}
	(void)close(report_fd);
	_exit(wait_for(child));
}

/* Wait for the init or for a signal that ends the run. */
static void supervise(pid_t init, int signal_fd, struct isolate_result *ret)
{
	CLEANUP(fd_closep) int init_fd = (int)syscall(SYS_pidfd_open, init, 0);
	struct pollfd pfd[2] = { { .fd = init_fd, .events = POLLIN },
				 { .fd = signal_fd, .events = POLLIN } };
	struct signalfd_siginfo si;
	int status = 0;

	while (poll(pfd, 2, -1) < 0 || (!pfd[0].revents && !pfd[1].revents))
		;
	if (!pfd[0].revents && read(signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		ret->interrupted = true;
		(void)kill(init, SIGKILL);
	}
	while (waitpid(init, &status, 0) < 0 && errno == EINTR)
		;
	ret->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int read_failure(int report_fd, const struct isolate_result *r, struct err *reterr)
{
	char text[256];
	ssize_t n;

	if (r->interrupted || r->status != INIT_FAILED)
		return 0;
	n = read(report_fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	return err_set(reterr, -EPERM,
		       "cannot isolate the run (%s); run as root, or on a host that allows "
		       "user, mount and PID namespaces (see: virtiofs-qual doctor)",
		       text);
}

int isolate_run(isolate_body *body, void *arg, struct isolate_result *ret, struct err *reterr)
{
	bool user_ns = geteuid() != 0;
	unsigned long flags = CLONE_NEWNS | CLONE_NEWPID | (user_ns ? CLONE_NEWUSER : 0) | SIGCHLD;
	CLEANUP(fd_closep) int report_rd = -1;
	CLEANUP(fd_closep) int alive_wr = -1;
	CLEANUP(fd_closep) int signal_fd = -1;
	struct isolate_result r = { 0 };
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int report[2];
	int alive[2];
	sigset_t ends;
	sigset_t old;
	long pid;

	if (pipe2(report, O_CLOEXEC) < 0)
		return err_errno(reterr, -errno, "cannot make a pipe");
	report_rd = report[0];
	if (pipe2(alive, O_CLOEXEC) < 0) {
		(void)close(report[1]);
		return err_errno(reterr, -errno, "cannot make a pipe");
	}
	alive_wr = alive[1];
	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGINT);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &ends, &old);
	signal_fd = signalfd(-1, &ends, SFD_CLOEXEC);
	(void)fflush(NULL);
	pid = syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
	if (pid == 0) {
		(void)close(alive_wr);
		init_main(body, arg, alive[0], report[1], user_ns, uid, gid);
	}
	(void)close(report[1]);
	(void)close(alive[0]);
	if (pid < 0) {
		(void)sigprocmask(SIG_SETMASK, &old, NULL);
		return err_errno(reterr, -EPERM,
				 "this host does not let us make namespaces (clone: %s); run "
				 "as root",
				 strerror(errno));
	}
	supervise((pid_t)pid, signal_fd, &r);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	*ret = r;
	return read_failure(report_rd, &r, reterr);
}
