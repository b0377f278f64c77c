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

static void close_streams(struct job *j)
{
	agent_close_fd(&j->status_fd);
	agent_close_fd(&j->out[0].fd);
	agent_close_fd(&j->out[1].fd);
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

static int job_start(struct job *j, uint32_t id, const struct exec_request *r)
{
	struct proc p;
	int e = proc_start(r, &p);

	if (e < 0)
		return e;
	*j = (struct job){
		.used = true,
		.id = id,
		.pid = p.pid,
		.status_fd = p.status_fd,
		.out = { { .fd = p.out_fd, .max = vqp_get64(r->fixed.stdout_max) },
			 { .fd = p.err_fd, .max = vqp_get64(r->fixed.stderr_max) } },
		.start_ns = p.start_ns,
		.deadline_ns = p.start_ns + vqp_get32(r->fixed.deadline_ms) * NS_PER_MS,
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
	int e = proc_parse(frame, &request, &why);

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
	int failed = proc_read_failure(j->status_fd, &j->spawn_error, j->note, sizeof(j->note));

	if (failed < 0)
		return;
	if (failed)
		set_fate(j, VQP_FATE_SPAWN_FAILED);
	agent_close_fd(&j->status_fd);
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
			agent_close_fd(&s->fd);
		}
		return false;
	}
	if (n <= 0) {
		agent_close_fd(&s->fd);
		return false;
	}
	size = (size_t)n;
	if (size > s->max - s->sent) {
		size = (size_t)(s->max - s->sent);
		agent_close_fd(&s->fd);
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
		proc_describe_stuck(j->pid, KILL_GRACE_MS, j->note, sizeof(j->note));
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
