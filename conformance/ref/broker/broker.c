// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/broker/broker.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "conformance/ref/broker/inside.h"
#include "conformance/ref/broker/message.h"
#include "conformance/ref/log.h"

/* A broker that takes longer than that for one file, or to end, is broken: usual is 0.1 ms. */
#define PATIENCE_S 10

struct broker {
	pthread_mutex_t lock; /* one conversation at a time */
	int socket;
	bool dead; /* out of step: no later reply could be trusted to be the right one */
	pid_t pid;
	int pid_fd;
};

/* The broker ends with its parser, not with a key pressed or a service stopped around both. */
static void ignore_signals(void)
{
	static const int ignored[] = { SIGHUP,	SIGINT,	 SIGQUIT, SIGTERM,
				       SIGPIPE, SIGALRM, SIGUSR1, SIGUSR2 };
	sigset_t none;

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Keep the socket and nothing else that the parser had open. Its number afterwards, or -errno. */
static int keep_only(int socket)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int kept = fcntl(socket, F_DUPFD_CLOEXEC, 3);

	if (null_fd < 0 || kept < 0)
		return -errno;
	for (int i = 0; i < 3; i++)
		if (dup2(null_fd, i) < 0)
			return -errno;
	if ((kept > 3 && close_range(3, (unsigned)kept - 1, 0) < 0) ||
	    close_range((unsigned)kept + 1, ~0U, 0) < 0)
		return -errno;
	return kept;
}

static _Noreturn void broker_main(int socket)
{
	const struct rlimit no_core = { 0, 0 };
	struct setup s = { .step = "close what it inherited", .fuse_fd = -1, .mount_fd = -1 };
	int kept = keep_only(socket);
	int e = kept < 0 ? kept : 0;
	pid_t opener;

	if (e == 0) {
		socket = kept;
		(void)setsid();
		(void)!chdir("/"); /* keep no mount busy */
		ignore_signals();
		(void)prctl(PR_SET_NAME, "refdev-broker");
		(void)prctl(PR_SET_DUMPABLE, 0);
		(void)setrlimit(RLIMIT_CORE, &no_core);
		e = mount_private(&s);
	}
	if (e < 0) {
		report(socket, e, s.step);
		_exit(1);
	}
	opener = fork();
	if (opener == 0) {
		(void)prctl(PR_SET_NAME, "refdev-opener");
		(void)close(s.fuse_fd); /* only the server's end may keep the mount alive */
		opener_main(s.mount_fd, socket);
	}
	if (opener < 0) {
		report(socket, -errno, "start the opener");
		_exit(1);
	}
	(void)close(s.mount_fd);
	server_main(s.fuse_fd, socket, opener);
}

static int limit_waits(int socket)
{
	const struct timeval t = { .tv_sec = PATIENCE_S };

	if (setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) < 0 ||
	    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) < 0)
		return -errno;
	return 0;
}

/* The first reply, which has no file. */
static int await_start(const struct broker *b, struct err *reterr)
{
	CLEANUP(fd_closep) int fd = -1;
	struct broker_reply reply;
	int e = message_receive(b->socket, &reply, sizeof(reply), &fd);

	if (e < 0)
		return err_errno(reterr, e, "the broker ended or hung before it served");
	reply.step[sizeof(reply.step) - 1] = '\0';
	if (reply.error < 0)
		return err_errno(reterr, reply.error, "the broker cannot %s", reply.step);
	return 0;
}

int broker_start(struct broker **ret, struct err *reterr)
{
	struct broker *b = calloc(1, sizeof(*b));
	CLEANUP(fd_closep) int theirs = -1;
	int pair[2];
	int e;

	if (!b)
		return err_set(reterr, -ENOMEM, "out of memory for the broker");
	b->socket = b->pid_fd = -1;
	(void)pthread_mutex_init(&b->lock, NULL);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		e = err_errno(reterr, -errno, "socket pair of the broker");
		goto out;
	}
	b->socket = pair[0];
	theirs = pair[1];
	e = limit_waits(b->socket);
	b->pid = e < 0 ? -1 : fork();
	if (b->pid == 0)
		broker_main(theirs);
	if (b->pid < 0) {
		e = err_errno(reterr, e < 0 ? e : -errno, "start the broker");
		goto out;
	}
	b->pid_fd = (int)syscall(SYS_pidfd_open, b->pid, 0);
	fd_closep(&theirs);
	e = await_start(b, reterr);
out:
	if (e < 0)
		(void)broker_stop(b);
	else
		*ret = b;
	return e;
}

static void await_end(const struct broker *b)
{
	struct pollfd p = { .fd = b->pid_fd, .events = POLLIN };
	uint64_t deadline = clock_deadline_ms(PATIENCE_S * 1000);
	siginfo_t info;
	int n;

	do
		n = poll(&p, 1, clock_left_ms(deadline));
	while (n < 0 && errno == EINTR);
	if (n == 0)
		(void)syscall(SYS_pidfd_send_signal, b->pid_fd, SIGKILL, NULL, 0);
	/* ECHILD: we are a child of who started it, which reaps it. */
	while (waitid(P_PIDFD, (id_t)b->pid_fd, &info, WEXITED) < 0 && errno == EINTR)
		;
}

struct broker *broker_stop(struct broker *b)
{
	if (!b)
		return NULL;
	fd_closep(&b->socket);
	if (b->pid_fd >= 0)
		await_end(b);
	fd_closep(&b->pid_fd);
	(void)pthread_mutex_destroy(&b->lock);
	free(b);
	return NULL;
}

static int converse(struct broker *b, const struct broker_request *q, int fd, int *ret_fd)
{
	struct broker_reply reply = { .error = 0 };
	int e = message_send(b->socket, q, sizeof(*q), fd, 0);

	if (e == 0)
		e = message_receive(b->socket, &reply, sizeof(reply), ret_fd);
	if (e == -EMFILE)
		return e; /* the reply came, its file did not */
	if (e == 0 && reply.error == 0 && *ret_fd < 0)
		e = -EPROTO;
	if (e < 0) {
		ref_log(REF_LOG_ERROR,
			"the broker is gone, or does not answer: %s; what is not mapped yet cannot be mapped",
			strerror(-e));
		b->dead = true;
		return -ENOTCONN;
	}
	if (reply.error < 0)
		fd_closep(ret_fd);
	return reply.error;
}

int broker_file(struct broker *b, dev_t dev, ino_t ino, int fd, int *ret_fd)
{
	const struct broker_request q = { .dev = dev, .ino = ino };
	int got = -1;
	int e;

	(void)pthread_mutex_lock(&b->lock);
	e = b->dead ? -ENOTCONN : converse(b, &q, fd, &got);
	(void)pthread_mutex_unlock(&b->lock);
	if (e == 0)
		*ret_fd = got;
	return e;
}

pid_t broker_pid(const struct broker *b)
{
	return b->pid;
}

int broker_socket(const struct broker *b)
{
	return b->socket;
}

void leave_process(int code)
{
	for (;;)
		(void)syscall(SYS_exit_group, code);
}
