// SPDX-License-Identifier: Apache-2.0
#include "conformance/runner/pool.h"

#include "base/clock.h"
#include "conformance/runner/life.h"
#include "conformance/runner/one.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define DEADLINE_MS 20000

struct slot {
	pid_t pid; /* 0: idle */
	int pidfd;
	size_t index;
	uint64_t deadline_ns;
	struct check_result *shared;
};

struct pool {
	const struct pool_work *work;
	struct check_result *result;
	bool *ended;
	size_t next; /* to be started */
	size_t told; /* to be told of */
	struct slot slot[POOL_JOBS_MAX];
};

static void slot_dir(const struct pool *p, const struct slot *s, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s/%zu", p->work->dir, s->index);
}

static int start_slot(struct pool *p, struct slot *s, struct err *reterr)
{
	const struct pool_work *w = p->work;
	const struct check *c = w->checks[p->next];
	char dir[128];
	struct one_options o = { .dir = dir,
				 .seed = w->seed + p->next,
				 .timeout_ms = w->timeout_ms,
				 .programs = w->programs };

	s->index = p->next++;
	slot_dir(p, s, dir, sizeof(dir));
	memset(s->shared, 0, sizeof(*s->shared));
	s->deadline_ns = clock_deadline_ms(c->timeout_ms ? c->timeout_ms : DEADLINE_MS);
	(void)fflush(NULL);
	s->pid = fork();
	if (s->pid < 0) {
		s->pid = 0;
		return err_errno(reterr, -errno, "cannot start a process");
	}
	if (s->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
		(void)signal(SIGPIPE, SIG_IGN);
		one_check(w->targets ? w->targets[s->index] : w->target, c, &o, s->shared);
		_exit(0);
	}
	s->pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0);
	return s->pidfd < 0 ? err_errno(reterr, -errno, "pidfd_open") : 0;
}

static void tell(struct pool *p)
{
	while (p->told < p->work->count && p->ended[p->told]) {
		if (p->work->done)
			p->work->done(p->work->context, p->told, &p->result[p->told]);
		p->told++;
	}
}

/* What a check that did not say its verdict leaves. */
static void judge_death(struct check_result *r, int status, bool late)
{
	if (!late && WIFEXITED(status) && WEXITSTATUS(status) == 0 && r->verdict != CHECK_UNSET)
		return;
	r->verdict = CHECK_BROKEN;
	if (late)
		(void)snprintf(r->seen, sizeof(r->seen), "the check did not end in time");
	else if (WIFSIGNALED(status))
		(void)snprintf(r->seen, sizeof(r->seen), "the check died of signal %d",
			       WTERMSIG(status));
	else
		(void)snprintf(r->seen, sizeof(r->seen), "the check ended without a verdict");
}

/* Folders of a check that was killed, and the disk that it may have mounted. */
static void remove_left(const struct pool *p, const struct slot *s)
{
	char dir[128];

	slot_dir(p, s, dir, sizeof(dir));
	life_sweep(dir);
}

static void end_slot(struct pool *p, struct slot *s, bool late)
{
	pid_t keep[POOL_JOBS_MAX];
	size_t count = 0;
	int status = 0;

	if (late)
		(void)kill(s->pid, SIGKILL);
	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		;
	fd_closep(&s->pidfd);
	s->pid = 0;
	judge_death(s->shared, status, late);
	p->result[s->index] = *s->shared;
	p->ended[s->index] = true;
	for (unsigned i = 0; i < p->work->jobs; i++)
		if (p->slot[i].pid)
			keep[count++] = p->slot[i].pid;
	reap_all(keep, count);
	remove_left(p, s);
	tell(p);
}

static int wait_slots(struct pool *p)
{
	struct pollfd pfd[POOL_JOBS_MAX];
	struct slot *of[POOL_JOBS_MAX];
	uint64_t deadline = UINT64_MAX;
	nfds_t count = 0;

	for (unsigned i = 0; i < p->work->jobs; i++) {
		struct slot *s = &p->slot[i];

		if (!s->pid)
			continue;
		of[count] = s;
		pfd[count++] = (struct pollfd){ .fd = s->pidfd, .events = POLLIN };
		if (s->deadline_ns < deadline)
			deadline = s->deadline_ns;
	}
	if (poll(pfd, count, clock_left_ms(deadline)) < 0 && errno != EINTR)
		return -errno;
	for (nfds_t i = 0; i < count; i++) {
		bool ended = pfd[i].revents != 0;

		if (ended || clock_now_ns() >= of[i]->deadline_ns)
			end_slot(p, of[i], !ended);
	}
	return 0;
}

static unsigned busy(const struct pool *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->work->jobs; i++)
		n += p->slot[i].pid != 0;
	return n;
}

static int run(struct pool *p, struct err *reterr)
{
	for (;;) {
		int e = 0;

		for (unsigned i = 0; e == 0 && i < p->work->jobs; i++)
			if (!p->slot[i].pid && p->next < p->work->count)
				e = start_slot(p, &p->slot[i], reterr);
		if (e == 0 && busy(p) == 0)
			return 0;
		if (e == 0)
			e = wait_slots(p);
		if (e < 0)
			return e;
	}
}

static void end_all(struct pool *p)
{
	for (unsigned i = 0; i < p->work->jobs; i++)
		if (p->slot[i].pid)
			end_slot(p, &p->slot[i], true);
}

int pool_run(const struct pool_work *w, struct check_result *ret, struct err *reterr)
{
	struct pool p = { .work = w, .result = ret };
	size_t size = w->jobs * sizeof(struct check_result);
	struct check_result *shared = mmap(NULL, size, PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int e;

	p.ended = calloc(w->count + 1, sizeof(*p.ended));
	if (shared == MAP_FAILED || !p.ended) {
		free(p.ended);
		return err_errno(reterr, -ENOMEM, "checks");
	}
	for (unsigned i = 0; i < w->jobs; i++)
		p.slot[i].shared = &shared[i];
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	e = run(&p, reterr);
	end_all(&p);
	(void)munmap(shared, size);
	free(p.ended);
	return e;
}
