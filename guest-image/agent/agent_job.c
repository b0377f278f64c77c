// SPDX-License-Identifier: Apache-2.0
/*
 * Jobs: programs run on behalf of the host.
 *
 * Each job leads its own session and process group. The group dies with its leader: what is to
 * live on must call setsid() and let go of stdout and stderr. The kernel's pipe is the job's
 * output buffer; it is read only while there is room in the queue to the host, so a host that
 * does not read (or is not there) makes the job block, and nothing is ever dropped here.
 */
#include "agent_int.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Between SIGTERM and SIGKILL at the deadline. */
#define TERM_GRACE_MS 500
/* After SIGKILL, before the job is reported as stuck. Freeing gigabytes under TCG takes a second or
 * two. */
#define KILL_GRACE_MS 5000
/* After the leader's death, for killed members of its group to let go of the pipes. */
#define DRAIN_MS 200

struct stream {
	int fd; /* -1: end of file, or closed by us */
	uint64_t sent;
	uint64_t max;
};

/* What the child tells through a close-on-exec pipe when it cannot run the program. */
struct spawn_failure {
	int error;
	char what[VQP_TEXT_MAX - 64];
};

struct job {
	bool used;
	uint32_t id;
	pid_t pid;     /* 0 once reaped */
	int status_fd; /* end of file when the program runs */
	struct stream out[2];
	uint64_t start_ns;
	uint64_t deadline_ns;
	uint64_t kill_ns;  /* when to send SIGKILL */
	uint64_t stuck_ns; /* when to give up */
	uint64_t drain_ns; /* when to stop waiting for other holders of the pipes */
	enum vqp_fate fate;
	bool fate_known;
	bool doomed;   /* killed by a reset: nobody is told */
	bool reported; /* EXIT was queued since the last attach */
	bool acked;
	bool stuck;
	bool held;
	uint64_t run_ns;
	int wait_status;
	int spawn_error;
	struct rusage usage;
	char note[VQP_TEXT_MAX];
};

static struct job jobs[VQP_JOBS_MAX];
static size_t next_turn; /* whose pipes are read first, so that one job cannot starve the others */

static struct job *job_find(uint32_t id)
{
	for (size_t i = 0; i < VQP_JOBS_MAX; i++)
		if (jobs[i].used && !jobs[i].doomed && jobs[i].id == id)
			return &jobs[i];
	return NULL;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void close_streams(struct job *j)
{
	close_fd(&j->status_fd);
	close_fd(&j->out[0].fd);
	close_fd(&j->out[1].fd);
}

/* The child may not have reached setsid() yet: then there is no group and it is signalled alone. */
static void job_signal(const struct job *j, int number)
{
	if (j->pid > 0 && kill(-j->pid, number) < 0)
		(void)kill(j->pid, number);
}

static void set_fate(struct job *j, enum vqp_fate fate)
{
	if (!j->fate_known)
		j->fate = fate;
	j->fate_known = true;
}

static void kill_hard(struct job *j)
{
	job_signal(j, SIGKILL);
	j->kill_ns = DEADLINE_NEVER;
	if (j->stuck_ns == DEADLINE_NEVER)
		j->stuck_ns = now_ns() + KILL_GRACE_MS * NS_PER_MS;
}

/* ---- start ---- */

struct exec_request {
	char *argv[VQP_ARGV_MAX + 1];
	char *env[VQP_ENV_MAX + 1];
	bool keep_env;
	const char *cwd;
	struct vqp_exec fixed;
};

static char exec_strings[VQP_STRINGS_MAX];

/* Take @count strings off the front. */
static int split_strings(char **at, size_t *left, size_t count, char **ret)
{
	for (size_t i = 0; i < count; i++) {
		char *end = memchr(*at, '\0', *left);

		if (!end)
			return -EINVAL;
		ret[i] = *at;
		*left -= (size_t)(end - *at) + 1;
		*at = end + 1;
	}
	return 0;
}

/* Returns 0 or -errno, with *ret_why saying what is wrong with the request. */
static int parse_exec(const struct vqp_frame *frame, struct exec_request *ret, const char **ret_why)
{
	char *at = exec_strings;
	char *cwd = NULL;
	size_t left, argc, envc;

	*ret_why = "malformed EXEC";
	if (frame->size < sizeof(ret->fixed) || frame->size > sizeof(ret->fixed) + VQP_STRINGS_MAX)
		return -EINVAL;
	memcpy(&ret->fixed, frame->payload, sizeof(ret->fixed));
	left = frame->size - sizeof(ret->fixed);
	memcpy(exec_strings, frame->payload + sizeof(ret->fixed), left);
	argc = vqp_get16(ret->fixed.argc);
	envc = vqp_get16(ret->fixed.envc);
	ret->keep_env = vqp_get32(ret->fixed.keep_env) == 1;
	if (argc > VQP_ARGV_MAX || envc > VQP_ENV_MAX) {
		*ret_why = "too many arguments or variables";
		return -E2BIG;
	}
	if (argc == 0 || (ret->keep_env && envc > 0) || vqp_get32(ret->fixed.keep_env) > 1 ||
	    split_strings(&at, &left, argc, ret->argv) < 0 ||
	    split_strings(&at, &left, envc, ret->env) < 0 ||
	    split_strings(&at, &left, 1, &cwd) < 0 || left > 0)
		return -EINVAL;
	ret->argv[argc] = NULL;
	ret->env[envc] = NULL;
	ret->cwd = cwd;
	*ret_why = "deadline and output limits must be within bounds, the job id not 0";
	if (vqp_get32(ret->fixed.deadline_ms) == 0 ||
	    vqp_get64(ret->fixed.stdout_max) > VQP_STREAM_MAX ||
	    vqp_get64(ret->fixed.stderr_max) > VQP_STREAM_MAX || frame->job == 0)
		return -EINVAL;
	return 0;
}

__attribute__((noreturn)) static void child_fail(int status_fd, const char *what, const char *name)
{
	struct spawn_failure f = { .error = errno };

	(void)snprintf(f.what, sizeof(f.what), "%s %.300s", what, name);
	if (write(status_fd, &f, sizeof(f)) != (ssize_t)sizeof(f))
		_exit(126);
	_exit(127);
}

__attribute__((noreturn)) static void child_run(const struct exec_request *r, int out, int err,
						int status_fd)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t none;

	(void)setsid();
	agent_set_oom_score("0");
	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* The agent opens 0, 1 and 2 at its start, so that none of these descriptors is one of
	 * them. */
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(err, STDERR_FILENO) < 0)
		child_fail(status_fd, "set up", "stdin, stdout and stderr");
	if (r->cwd[0] != '\0' && chdir(r->cwd) < 0)
		child_fail(status_fd, "change to folder", r->cwd);
	if (!r->keep_env)
		environ = (char **)r->env;
	(void)execvp(r->argv[0], r->argv);
	child_fail(status_fd, "execute", r->argv[0]);
}

static int open_pipes(int pipes[3][2])
{
	for (int i = 0; i < 3; i++)
		pipes[i][0] = pipes[i][1] = -1;
	for (int i = 0; i < 3; i++)
		if (pipe2(pipes[i], O_CLOEXEC) < 0)
			return -errno;
	for (int i = 0; i < 3; i++)
		if (fcntl(pipes[i][0], F_SETFL, O_NONBLOCK) < 0)
			return -errno;
	return 0;
}

static void close_pipes(int pipes[3][2], int end)
{
	for (int i = 0; i < 3; i++)
		close_fd(&pipes[i][end]);
}

static int job_start(struct job *j, uint32_t id, const struct exec_request *r)
{
	int pipes[3][2];
	uint64_t start_ns;
	int e = open_pipes(pipes);
	pid_t pid = -1;

	start_ns = now_ns();
	if (e == 0) {
		pid = fork();
		if (pid == 0)
			child_run(r, pipes[0][1], pipes[1][1], pipes[2][1]);
		if (pid < 0)
			e = -errno;
	}
	close_pipes(pipes, 1);
	if (e < 0) {
		close_pipes(pipes, 0);
		return e;
	}
	*j = (struct job){
		.used = true,
		.id = id,
		.pid = pid,
		.status_fd = pipes[2][0],
		.out = { { .fd = pipes[0][0], .max = vqp_get64(r->fixed.stdout_max) },
			 { .fd = pipes[1][0], .max = vqp_get64(r->fixed.stderr_max) } },
		.start_ns = start_ns,
		.deadline_ns = start_ns + vqp_get32(r->fixed.deadline_ms) * NS_PER_MS,
		.kill_ns = DEADLINE_NEVER,
		.stuck_ns = DEADLINE_NEVER,
		.drain_ns = DEADLINE_NEVER,
	};
	return 0;
}

void job_exec(const struct vqp_frame *frame)
{
	static struct exec_request request;
	struct job *free_job = NULL;
	const char *why;
	int e = parse_exec(frame, &request, &why);

	if (e < 0) {
		link_error(frame->job, -e, "EXEC: %s", why);
		return;
	}
	if (job_find(frame->job)) {
		link_error(frame->job, EEXIST, "EXEC: job %u exists", frame->job);
		return;
	}
	for (size_t i = 0; i < VQP_JOBS_MAX && !free_job; i++)
		if (!jobs[i].used)
			free_job = &jobs[i];
	if (!free_job) {
		link_error(frame->job, EAGAIN, "EXEC: %d jobs are running or not collected",
			   VQP_JOBS_MAX);
		return;
	}
	e = job_start(free_job, frame->job, &request);
	if (e < 0)
		link_error(frame->job, -e, "EXEC: cannot create a process: %s", strerror(-e));
}

void job_kill(const struct vqp_frame *frame)
{
	struct job *j = job_find(frame->job);
	struct vqp_kill k;
	uint32_t number;

	if (frame->size != sizeof(k)) {
		link_error(frame->job, EINVAL, "malformed KILL");
		return;
	}
	memcpy(&k, frame->payload, sizeof(k));
	number = vqp_get32(k.signal);
	if (number < 1 || number > (uint32_t)SIGRTMAX) {
		link_error(frame->job, EINVAL, "KILL: there is no signal %u", number);
		return;
	}
	/* A job that ended by itself meanwhile is no error: its EXIT is on the way. */
	if (j)
		job_signal(j, (int)number);
}

/* ---- end ---- */

static void job_free_if_over(struct job *j)
{
	if (j->pid > 0 || !(j->acked || j->doomed))
		return;
	close_streams(j);
	j->used = false;
}

void job_ack(const struct vqp_frame *frame)
{
	struct job *j = job_find(frame->job);

	/* Unknown ids are fine: an EXIT may have been sent twice, around a reconnect. */
	if (!j || !j->reported)
		return;
	j->acked = true;
	j->doomed = true; /* a stuck one keeps its slot until it dies, without a name */
	close_streams(j);
	job_free_if_over(j);
}

/* The zombie keeps the group's number from being used again until its other members were killed. */
static void reap_one(struct job *j)
{
	siginfo_t info = { 0 };

	if (waitid(P_PID, (id_t)j->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	    info.si_pid != j->pid)
		return;
	j->run_ns = now_ns() - j->start_ns;
	(void)kill(-j->pid, SIGKILL);
	(void)wait4(j->pid, &j->wait_status, 0, &j->usage);
	j->pid = 0;
	j->drain_ns = now_ns() + DRAIN_MS * NS_PER_MS;
	job_free_if_over(j);
}

void job_reap(void)
{
	for (size_t i = 0; i < VQP_JOBS_MAX; i++)
		if (jobs[i].used && jobs[i].pid > 0)
			reap_one(&jobs[i]);
}

static void read_status(struct job *j)
{
	struct spawn_failure f;
	ssize_t n = read(j->status_fd, &f, sizeof(f));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == (ssize_t)sizeof(f)) {
		f.what[sizeof(f.what) - 1] = '\0';
		set_fate(j, VQP_FATE_SPAWN_FAILED);
		j->spawn_error = f.error;
		(void)snprintf(j->note, sizeof(j->note), "cannot %s: %s", f.what,
			       strerror(f.error));
	}
	close_fd(&j->status_fd);
}

/* Returns whether a frame was queued. */
static bool read_stream(struct job *j, int which)
{
	struct stream *s = &j->out[which];
	struct vqp_stream head = { .offset = vqp_put64(s->sent) };
	unsigned char *payload = link_payload();
	ssize_t n = read(s->fd, payload + sizeof(head), VQP_CHUNK_MAX);
	size_t size;

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		if (j->pid == 0 && now_ns() >= j->drain_ns) {
			j->held = true;
			close_fd(&s->fd);
		}
		return false;
	}
	if (n <= 0) {
		close_fd(&s->fd);
		return false;
	}
	size = (size_t)n;
	if (size > s->max - s->sent) {
		size = (size_t)(s->max - s->sent);
		close_fd(&s->fd);
		set_fate(j, VQP_FATE_OUTPUT_LIMIT);
		kill_hard(j);
	}
	if (size == 0)
		return false;
	memcpy(payload, &head, sizeof(head));
	s->sent += size;
	link_commit(which == 0 ? VQP_STDOUT : VQP_STDERR, j->id, sizeof(head) + size);
	return true;
}

static uint64_t timeval_ns(struct timeval t)
{
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_usec * 1000;
}

static uint32_t exit_code(const struct job *j)
{
	if (j->fate == VQP_FATE_SPAWN_FAILED)
		return (uint32_t)j->spawn_error;
	if (j->pid > 0) /* stuck */
		return 0;
	if (j->fate == VQP_FATE_EXITED)
		return (uint32_t)WEXITSTATUS(j->wait_status);
	return WIFSIGNALED(j->wait_status) ? (uint32_t)WTERMSIG(j->wait_status) : 0;
}

static void send_exit(struct job *j)
{
	unsigned char *payload = link_payload();
	size_t note = strlen(j->note);
	struct vqp_exit x = {
		.fate = vqp_put32((uint32_t)j->fate),
		.code = vqp_put32(exit_code(j)),
		.flags = vqp_put32((j->stuck ? VQP_EXIT_STUCK : 0) | (j->held ? VQP_EXIT_HELD : 0)),
		.run_ns = vqp_put64(j->run_ns),
		.user_ns = vqp_put64(timeval_ns(j->usage.ru_utime)),
		.sys_ns = vqp_put64(timeval_ns(j->usage.ru_stime)),
		.maxrss_bytes = vqp_put64((uint64_t)j->usage.ru_maxrss * 1024),
		.stdout_total = vqp_put64(j->out[0].sent),
		.stderr_total = vqp_put64(j->out[1].sent),
	};

	memcpy(payload, &x, sizeof(x));
	memcpy(payload + sizeof(x), j->note, note);
	link_commit(VQP_EXIT, j->id, sizeof(x) + note);
	j->reported = true;
}

/* A process that SIGKILL does not end: say where it sleeps, that is what the reader wants to know.
 */
static void describe_stuck(struct job *j)
{
	char path[64], text[256];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/stack", (int)j->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/wchan", (int)j->pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
	close_fd(&fd);
	text[n > 0 ? n : 0] = '\0';
	for (char *p = text; *p; p++)
		if (*p == '\n')
			*p = ' ';
	(void)snprintf(j->note, sizeof(j->note),
		       "process %d is alive %d ms after SIGKILL; kernel stack: %s", (int)j->pid,
		       KILL_GRACE_MS, text[0] ? text : "unknown");
}

static void enforce_deadlines(struct job *j, uint64_t now)
{
	if (j->pid == 0)
		return;
	if (now >= j->deadline_ns) {
		j->deadline_ns = DEADLINE_NEVER;
		set_fate(j, VQP_FATE_DEADLINE);
		job_signal(j, SIGTERM);
		/* A stopped process takes SIGTERM only when it runs again. */
		job_signal(j, SIGCONT);
		j->kill_ns = now + TERM_GRACE_MS * NS_PER_MS;
	}
	if (now >= j->kill_ns)
		kill_hard(j);
	if (now >= j->stuck_ns && !j->stuck && !j->doomed) {
		j->stuck = true;
		j->run_ns = now - j->start_ns;
		describe_stuck(j);
		close_streams(j);
	}
}

static bool settle(struct job *j)
{
	if (j->reported || j->doomed || j->status_fd >= 0 || j->out[0].fd >= 0 || j->out[1].fd >= 0)
		return false;
	if ((j->pid > 0 && !j->stuck) || !link_can_reply())
		return false;
	set_fate(j, WIFSIGNALED(j->wait_status) ? VQP_FATE_SIGNALLED : VQP_FATE_EXITED);
	send_exit(j);
	return true;
}

bool job_step(void)
{
	uint64_t now = now_ns();
	bool worked = false;

	next_turn = (next_turn + 1) % VQP_JOBS_MAX;
	for (size_t n = 0; n < VQP_JOBS_MAX; n++) {
		struct job *j = &jobs[(next_turn + n) % VQP_JOBS_MAX];

		if (!j->used)
			continue;
		enforce_deadlines(j, now);
		if (j->status_fd >= 0)
			read_status(j);
		for (int which = 0; which < 2; which++)
			if (j->out[which].fd >= 0 && link_can_bulk())
				worked |= read_stream(j, which);
		worked |= settle(j);
	}
	return worked;
}

size_t job_poll(struct pollfd *set, size_t count)
{
	for (size_t i = 0; i < VQP_JOBS_MAX; i++) {
		struct job *j = &jobs[i];

		if (!j->used)
			continue;
		if (j->status_fd >= 0)
			set[count++] = (struct pollfd){ .fd = j->status_fd, .events = POLLIN };
		for (int which = 0; which < 2; which++)
			if (j->out[which].fd >= 0 && link_can_bulk())
				set[count++] = (struct pollfd){ .fd = j->out[which].fd,
								.events = POLLIN };
	}
	return count;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t job_deadline(void)
{
	uint64_t due = DEADLINE_NEVER;

	for (size_t i = 0; i < VQP_JOBS_MAX; i++) {
		struct job *j = &jobs[i];

		if (!j->used || j->doomed)
			continue;
		if (j->pid > 0) {
			due = earlier(due, earlier(j->deadline_ns, j->kill_ns));
			if (!j->stuck)
				due = earlier(due, j->stuck_ns);
		} else if ((j->out[0].fd >= 0 || j->out[1].fd >= 0) && link_can_bulk()) {
			due = earlier(due, j->drain_ns);
		}
	}
	return due;
}

void job_reset(void)
{
	for (size_t i = 0; i < VQP_JOBS_MAX; i++) {
		struct job *j = &jobs[i];

		if (!j->used)
			continue;
		job_signal(j, SIGKILL);
		j->doomed = true;
		close_streams(j);
		job_free_if_over(j);
	}
	job_reap();
}

void job_attach(void)
{
	for (size_t i = 0; i < VQP_JOBS_MAX; i++)
		jobs[i].reported = false;
}

size_t job_list(struct vqp_le32 *ret_ids)
{
	size_t count = 0;

	for (size_t i = 0; i < VQP_JOBS_MAX; i++)
		if (jobs[i].used && !jobs[i].doomed)
			ret_ids[count++] = vqp_put32(jobs[i].id);
	return count;
}

size_t job_doomed(void)
{
	size_t count = 0;

	for (size_t i = 0; i < VQP_JOBS_MAX; i++)
		count += jobs[i].used && jobs[i].doomed;
	return count;
}
