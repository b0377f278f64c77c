// SPDX-License-Identifier: Apache-2.0
#include "base/proc.h"

#include "base/clock.h"
#include "base/strv.h"

#include <assert.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

/* A tree deeper than this is not one that a daemon or a VMM makes. */
#define TREE_DEPTH_MAX 8

static const char *const base_env[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
	"HOME=/", NULL
};

/* What the child tells the parent when it cannot become the program. */
struct start_failure {
	int code;
	char step[32];
};

static void child_fail(int fd, const char *step)
{
	struct start_failure f = { .code = errno };

	(void)snprintf(f.step, sizeof(f.step), "%s", step);
	(void)!write(fd, &f, sizeof(f));
	_exit(127);
}

static bool is_kept(const struct proc_spec *spec, int fd)
{
	for (size_t i = 0; i < spec->keep_count; i++)
		if (spec->keep_fds[i] == fd)
			return true;
	return false;
}

/* Everything is opened O_CLOEXEC here; this guards against descriptors we inherited. */
static int child_fds(const struct proc_spec *spec)
{
	const int want[3] = { spec->stdin_fd, spec->stdout_fd, spec->stderr_fd };
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int moved[3];

	if (null_fd < 0)
		return -1;
	for (int i = 0; i < 3; i++) {
		moved[i] = fcntl(want[i] > 0 ? want[i] : null_fd, F_DUPFD_CLOEXEC, 3);
		if (moved[i] < 0)
			return -1;
	}
	for (int i = 0; i < 3; i++)
		if (dup2(moved[i], i) < 0)
			return -1;
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return -1;
	for (size_t i = 0; i < spec->keep_count; i++)
		if (fcntl(spec->keep_fds[i], F_SETFD, 0) < 0)
			return -1;
	return 0;
}

static int child_identity(const struct proc_spec *spec)
{
	if (!spec->uid)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(spec->gid, spec->gid, spec->gid) < 0)
		return -1;
	return setresuid(spec->uid, spec->uid, spec->uid);
}

static void child_exec(const struct proc_spec *spec, char *const *env, int report_fd, pid_t parent)
{
	const struct rlimit no_core = { 0, 0 };
	sigset_t none;

	(void)setsid();
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (setrlimit(RLIMIT_CORE, &no_core) < 0)
		child_fail(report_fd, "setrlimit");
	if (spec->cwd && chdir(spec->cwd) < 0)
		child_fail(report_fd, "chdir");
	if (child_fds(spec) < 0)
		child_fail(report_fd, "descriptors");
	if (child_identity(spec) < 0)
		child_fail(report_fd, "change user");
	/* A change of user clears it, so it comes last; the parent may be gone by then. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		child_fail(report_fd, "PR_SET_PDEATHSIG");
	(void)execvpe(spec->argv[0], spec->argv, env);
	child_fail(report_fd, "execve");
}

static int report_start(int fd, const struct proc_spec *spec, struct err *reterr)
{
	struct start_failure f;
	ssize_t n;

	do
		n = read(fd, &f, sizeof(f));
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return 0; /* execve closed it */
	if (n != (ssize_t)sizeof(f))
		return err_set(reterr, -EIO, "cannot start %s: the child gave no account",
			       spec->argv[0]);
	f.step[sizeof(f.step) - 1] = '\0';
	return err_errno(reterr, -f.code, "cannot start %s (%s)", spec->argv[0], f.step);
}

int proc_start(const struct proc_spec *spec, struct proc *ret, struct err *reterr)
{
	CLEANUP(strv_free) struct strv env = { 0 };
	CLEANUP(fd_closep) int report_rd = -1;
	CLEANUP(fd_closep) int report_wr = -1;
	struct proc p = { 0 };
	pid_t parent = getpid();
	int pipe_fd[2];
	int e;

	assert(spec->argv && spec->argv[0]);
	strv_add_all(&env, base_env);
	if (spec->env)
		strv_add_all(&env, (const char *const *)spec->env);
	if (strv_failed(&env))
		return err_set(reterr, -ENOMEM, "out of memory starting %s", spec->argv[0]);
	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return err_errno(reterr, -errno, "cannot start %s (pipe)", spec->argv[0]);
	report_rd = pipe_fd[0];
	/* Out of the way of any number that keep_fds names. */
	report_wr = pipe_fd[1];
	assert(!is_kept(spec, report_wr));
	p.pid = fork();
	if (p.pid < 0)
		return err_errno(reterr, -errno, "cannot start %s (fork)", spec->argv[0]);
	if (p.pid == 0)
		child_exec(spec, env.item, report_wr, parent);
	fd_closep(&report_wr);
	p.running = true;
	p.pidfd = (int)syscall(SYS_pidfd_open, p.pid, 0);
	e = p.pidfd < 0 ? err_errno(reterr, -errno, "cannot watch %s", spec->argv[0])
			: report_start(report_rd, spec, reterr);
	if (e < 0) {
		proc_kill(&p);
		return e;
	}
	*ret = p;
	return 0;
}

static void proc_reaped(struct proc *p, int status)
{
	p->running = false;
	p->status = status;
	fd_closep(&p->pidfd);
}

bool proc_alive(struct proc *p)
{
	int status;
	pid_t r;

	if (!p->running)
		return false;
	r = waitpid(p->pid, &status, WNOHANG);
	if (r == p->pid)
		proc_reaped(p, status);
	else if (r < 0 && errno == ECHILD)
		proc_reaped(p, 0);
	return p->running;
}

int proc_wait(struct proc *p, uint64_t deadline_ns)
{
	while (proc_alive(p)) {
		struct pollfd pfd = { .fd = p->pidfd, .events = POLLIN };
		int left = clock_left_ms(deadline_ns);

		if (left == 0)
			return -ETIMEDOUT;
		(void)poll(&pfd, 1, left);
	}
	return 0;
}

void proc_kill(struct proc *p)
{
	int status;
	pid_t r;

	if (!proc_alive(p))
		return;
	(void)kill(p->pid, SIGKILL);
	do
		r = waitpid(p->pid, &status, 0);
	while (r < 0 && errno == EINTR);
	proc_reaped(p, r == p->pid ? status : 0);
}

bool proc_end(struct proc *p, unsigned grace_ms)
{
	bool ended;

	if (!proc_alive(p))
		return true;
	(void)kill(p->pid, SIGTERM);
	ended = proc_wait(p, clock_deadline_ms(grace_ms)) == 0;
	proc_kill(p);
	return ended;
}

const char *proc_fate(struct proc *p, char *scratch, size_t size)
{
	if (!p->pid)
		(void)snprintf(scratch, size, "never started");
	else if (proc_alive(p))
		(void)snprintf(scratch, size, "alive");
	else if (WIFSIGNALED(p->status))
		(void)snprintf(scratch, size, "signal:%d", WTERMSIG(p->status));
	else
		(void)snprintf(scratch, size, "exited:%d", WEXITSTATUS(p->status));
	return scratch;
}

static int one_cpu_ns(pid_t pid, uint64_t *ret)
{
	struct timespec ts;
	clockid_t clock;
	int e = clock_getcpuclockid(pid, &clock);

	if (e != 0 || clock_gettime(clock, &ts) < 0)
		return -ESRCH;
	*ret = (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
	return 0;
}

/* A process and all that it has started. */
struct tree {
	uint64_t cpu_ns;
	bool look; /* at the state of each thread */
	bool awake;
};

/* The third word of stat; the second one is a name in brackets, which may hold anything. */
static bool task_sleeps(const char *task)
{
	char path[128];
	char text[256];
	const char *end;
	ssize_t n;
	CLEANUP(fd_closep) int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/stat", task);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	/* One that has just ended is none that could run. */
	if (n <= 0)
		return true;
	text[n] = '\0';
	end = strrchr(text, ')');
	return end && end[1] == ' ' && strchr("SZXI", end[2]);
}

static void add_children_of_task(const char *task, int depth, struct tree *t);

static void add_tree(pid_t pid, int depth, struct tree *t)
{
	CLEANUP(dir_closep) DIR *tasks = NULL;
	char path[32];
	uint64_t own;
	struct dirent *d;

	if (one_cpu_ns(pid, &own) < 0 || depth >= TREE_DEPTH_MAX)
		return;
	t->cpu_ns += own;
	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	while (tasks && (d = readdir(tasks)) != NULL) {
		char task[64];

		if (d->d_name[0] == '.')
			continue;
		(void)snprintf(task, sizeof(task), "%s/%.16s", path, d->d_name);
		if (t->look && !task_sleeps(task))
			t->awake = true;
		add_children_of_task(task, depth + 1, t);
	}
}

static void add_children_of_task(const char *task, int depth, struct tree *t)
{
	CLEANUP(file_closep) FILE *f = NULL;
	char path[128];
	int child;

	(void)snprintf(path, sizeof(path), "%s/children", task);
	f = fopen(path, "re");
	while (f && fscanf(f, "%d", &child) == 1)
		add_tree(child, depth, t);
}

int proc_cpu_ns(pid_t pid, uint64_t *ret_ns)
{
	struct tree t = { 0 };
	uint64_t own;

	if (one_cpu_ns(pid, &own) < 0)
		return -ESRCH;
	add_tree(pid, 0, &t);
	*ret_ns = t.cpu_ns;
	return 0;
}

int proc_sleeps(pid_t pid, uint64_t *ret_ns)
{
	struct tree t = { .look = true };
	uint64_t own;

	if (one_cpu_ns(pid, &own) < 0)
		return -ESRCH;
	add_tree(pid, 0, &t);
	*ret_ns = t.cpu_ns;
	return !t.awake;
}

void proc_output_free(struct proc_output *o)
{
	buf_free(&o->out);
	buf_free(&o->err);
}

/* Read what is there; 0 while open, 1 at end of file. */
static int drain(int fd, struct buf *b)
{
	char chunk[16 * KIB];
	ssize_t n = read(fd, chunk, sizeof(chunk));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : 1;
	return n == 0 || buf_add(b, chunk, (size_t)n) < 0;
}

static int collect(struct proc *p, int out_fd, int err_fd, uint64_t deadline_ns,
		   struct proc_output *o)
{
	struct pollfd pfd[3] = { { .fd = out_fd, .events = POLLIN },
				 { .fd = err_fd, .events = POLLIN },
				 { .fd = p->pidfd, .events = POLLIN } };

	while (pfd[0].fd >= 0 || pfd[1].fd >= 0) {
		int left = clock_left_ms(deadline_ns);

		if (left == 0)
			return -ETIMEDOUT;
		(void)poll(pfd, 3, left);
		if (pfd[0].fd >= 0 && pfd[0].revents && drain(out_fd, &o->out))
			pfd[0].fd = -1;
		if (pfd[1].fd >= 0 && pfd[1].revents && drain(err_fd, &o->err))
			pfd[1].fd = -1;
		/* A grandchild may hold the pipes open: once the command has ended, empty pipes are the end. */
		if (pfd[2].revents && !pfd[0].revents && !pfd[1].revents)
			break;
	}
	return proc_wait(p, deadline_ns);
}

int proc_run(const struct proc_spec *spec, size_t max, uint64_t deadline_ns,
	     struct proc_output *ret, struct err *reterr)
{
	CLEANUP(fd_closep) int out_rd = -1;
	CLEANUP(fd_closep) int err_rd = -1;
	CLEANUP(fd_closep) int out_wr = -1;
	CLEANUP(fd_closep) int err_wr = -1;
	struct proc_output o = { .out = { .max = max }, .err = { .max = max } };
	struct proc_spec s = *spec;
	struct proc p = { 0 };
	uint64_t start = clock_now_ns();
	int fds[4];
	int e;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(reterr, -errno, "cannot run %s (pipe)", spec->argv[0]);
	out_rd = fds[0];
	out_wr = fds[1];
	if (pipe2(fds + 2, O_CLOEXEC) < 0)
		return err_errno(reterr, -errno, "cannot run %s (pipe)", spec->argv[0]);
	err_rd = fds[2];
	err_wr = fds[3];
	s.stdout_fd = out_wr;
	s.stderr_fd = err_wr;
	e = proc_start(&s, &p, reterr);
	if (e < 0)
		return e;
	fd_closep(&out_wr);
	fd_closep(&err_wr);
	e = collect(&p, out_rd, err_rd, deadline_ns, &o);
	proc_kill(&p);
	o.status = p.status;
	o.run_ns = clock_now_ns() - start;
	if (e < 0) {
		proc_output_free(&o);
		return err_set(reterr, e, "%s did not end in time and was killed", spec->argv[0]);
	}
	*ret = o;
	return 0;
}
