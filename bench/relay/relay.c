// SPDX-License-Identifier: Apache-2.0
#include "relay/relay.h"

#include "base/clock.h"
#include "base/json.h"
#include "relay/serve.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

/* One who has been told to end does so at once; longer is killed. */
#define STOP_MS 500

struct relay {
	struct proc proc;
	int control;
	const struct serve *serve; /* the child's; only its counters are looked at */
};

/* Everything below runs in the child until _exit(). */

static int drop_user(const struct relay_config *c)
{
	if (!c->uid)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(c->gid, c->gid, c->gid) < 0)
		return -1;
	return setresuid(c->uid, c->uid, c->uid);
}

/* Three descriptors and no more: a stray end of a pipe or a socket would keep others waiting. */
static int keep_three(int *a, int *b, int *c)
{
	int x = fcntl(*a, F_DUPFD_CLOEXEC, 16);
	int y = fcntl(*b, F_DUPFD_CLOEXEC, 16);
	int z = fcntl(*c, F_DUPFD_CLOEXEC, 16);

	if (x < 0 || y < 0 || z < 0 || dup2(x, 3) < 0 || dup2(y, 4) < 0 || dup2(z, 5) < 0)
		return -1;
	*a = 3;
	*b = 4;
	*c = 5;
	return close_range(6, ~0U, 0);
}

static void tell_error(int control, const struct err *err)
{
	json_auto_t *j = json_pack("{s:s}", "error", err->text);
	CLEANUP(freep) char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;

	if (text)
		(void)send(control, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void __attribute__((noreturn))
child(const struct relay_config *c, struct serve *s, int daemon_fd, int control, pid_t parent)
{
	struct err err = { 0 };
	int listen_fd = c->listen_fd;
	int e;

	if (keep_three(&listen_fd, &daemon_fd, &control) < 0)
		_exit(1);
	(void)setsid();
	(void)prctl(PR_SET_NAME, RELAY_NAME);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	e = drop_user(c) < 0 ? err_errno(&err, -errno, "the relay cannot change its user") : 0;
	/* A change of user clears it, so it comes last. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	if (e == 0)
		e = serve_init(s, listen_fd, daemon_fd, control, &err);
	if (e == 0)
		e = serve_run(s, &err);
	if (e < 0)
		tell_error(control, &err);
	serve_free(s);
	_exit(e < 0);
}

/* ---- the driver's side ---- */

static int connect_daemon(const char *path, struct err *reterr)
{
	CLEANUP(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(reterr, -ENAMETOOLONG, "the socket path %s is too long", path);
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_errno(reterr, -errno, "the relay cannot reach the daemon at %s", path);
	return TAKE_FD(fd);
}

/* Shared, so that the driver sees counters without asking. */
static struct serve *map_serve(void)
{
	void *p = mmap(NULL, sizeof(struct serve), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void unmapp(struct serve **s)
{
	if (*s)
		(void)munmap(*s, sizeof(**s));
}

int relay_start(const struct relay_config *c, struct relay **ret, struct err *reterr)
{
	CLEANUP(fd_closep) int daemon_fd = connect_daemon(c->daemon_socket, reterr);
	CLEANUP(fd_closep) int ours = -1;
	CLEANUP(fd_closep) int theirs = -1;
	CLEANUP(freep) struct relay *r = calloc(1, sizeof(*r));
	CLEANUP(unmapp) struct serve *serve = map_serve();
	pid_t parent = getpid();
	int fds[2];

	if (daemon_fd < 0)
		return daemon_fd;
	if (!r || !serve)
		return err_set(reterr, -ENOMEM, "out of memory for a relay");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return err_errno(reterr, -errno, "cannot make a socket for a relay");
	ours = fds[0];
	theirs = fds[1];
	r->proc.pid = fork();
	if (r->proc.pid < 0)
		return err_errno(reterr, -errno, "cannot start a relay");
	if (r->proc.pid == 0)
		child(c, serve, daemon_fd, theirs, parent);
	/* Ours is to look at. */
	(void)mprotect(serve, sizeof(*serve), PROT_READ);
	r->serve = TAKE_PTR(serve);
	r->proc.running = true;
	r->proc.pidfd = (int)syscall(SYS_pidfd_open, r->proc.pid, 0);
	r->control = TAKE_FD(ours);
	*ret = TAKE_PTR(r);
	return 0;
}

/* One packet: a snapshot, or why there is none. */
static int receive(struct relay *r, json_t **ret, struct err *reterr)
{
	CLEANUP(freep) char *text = malloc(CONTROL_MAX);
	json_auto_t *j = NULL;
	ssize_t n = text ? recv(r->control, text, CONTROL_MAX, MSG_DONTWAIT) : -1;
	char fate[32];

	if (!text)
		return err_set(reterr, -ENOMEM, "out of memory for a snapshot");
	/* It left with our question unread: the socket says that first, and then its last words. */
	if (n < 0 && errno == ECONNRESET)
		n = recv(r->control, text, CONTROL_MAX, MSG_DONTWAIT);
	if (n <= 0) {
		(void)proc_wait(&r->proc, clock_deadline_ms(STOP_MS));
		return err_set(reterr, -EPIPE, "the relay has ended (%s)",
			       proc_fate(&r->proc, fate, sizeof(fate)));
	}
	j = json_loadb(text, (size_t)n, 0, NULL);
	if (json_object_get(j, "snapshot")) {
		*ret = json_incref(json_object_get(j, "snapshot"));
		return 0;
	}
	return err_set(reterr, -EPIPE, "the relay has ended: %s",
		       json_str_at(j, "error", "it said something that is no snapshot"));
}

int relay_snapshot(struct relay *r, uint64_t deadline_ns, json_t **ret, struct err *reterr)
{
	struct pollfd p = { .fd = r->control, .events = POLLIN };

	if (send(r->control, "s", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1 && errno != EPIPE &&
	    errno != ECONNRESET)
		return err_errno(reterr, -errno, "cannot ask the relay");
	for (;;) {
		int left = clock_left_ms(deadline_ns);

		if (left == 0)
			return err_set(reterr, -ETIMEDOUT, "the relay does not answer");
		if (poll(&p, 1, left) > 0)
			return receive(r, ret, reterr);
	}
}

void relay_ops(const struct relay *r, uint64_t *ret, size_t count)
{
	for (size_t op = 0; op < count; op++) {
		ret[op] = 0;
		for (size_t i = 0; i < QUEUES_MAX; i++) {
			const struct counts *c = &r->serve->queue[i].counts;

			ret[op] += __atomic_load_n(&c->op[op], __ATOMIC_RELAXED);
			ret[op] += op ? 0 : __atomic_load_n(&c->op_other, __ATOMIC_RELAXED);
		}
	}
}

pid_t relay_pid(const struct relay *r)
{
	return r->proc.pid;
}

int relay_stop(struct relay *r, struct err *reterr)
{
	json_auto_t *late = NULL;
	struct err err = { 0 };
	bool failed;
	int e;

	if (!r)
		return 0;
	/* No more questions; it answers those that were asked and ends. */
	(void)shutdown(r->control, SHUT_WR);
	failed = proc_wait(&r->proc, clock_deadline_ms(STOP_MS)) == 0 && r->proc.status != 0;
	e = failed ? receive(r, &late, &err) : 0;
	proc_kill(&r->proc);
	fd_closep(&r->control);
	(void)munmap((void *)(uintptr_t)r->serve, sizeof(*r->serve));
	free(r);
	return e < 0 ? err_set(reterr, -EPROTO, "%s", err.text) : 0;
}
