// SPDX-License-Identifier: Apache-2.0
/* One check: its folder, its process, its deadline, its verdict. */
#include "conformance/guest/run.h"

#include "conformance/guest/channel.h"
#include "conformance/guest/kmsg.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_MS 30000
/* Between SIGKILL and the end of a process that can end. */
#define KILL_MS	 5000
#define LOG_SIZE 4000

static struct check_result *shared; /* with the process of the check */

static const char *const verdict_names[] = {
	[CHECK_UNSET] = "UNSET", [CHECK_PASS] = "PASS",	    [CHECK_FAIL] = "FAIL",
	[CHECK_SKIP] = "SKIP",	 [CHECK_BROKEN] = "BROKEN",
};

int run_start(const struct check_env *env)
{
	int e = channel_open(env);

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return -errno;
	if (e == 0 && env->kernel_log)
		e = kmsg_open();
	return e;
}

/* ---- the process of the check ---- */

static const struct {
	unsigned bit;
	const char *text;
} needs[] = {
	{ NEED_HOST, "files that the host sees as the guest does" },
	{ NEED_SHARED_MAP, "a mode in which files can be mapped shared" },
	{ NEED_DAX, "files that are in the DAX window" },
};

static bool has_needs(struct check_run *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(needs); i++)
		if (r->check->needs & ~r->env->has & needs[i].bit)
			return check_has(r, false, needs[i].text);
	return true;
}

static _Noreturn void be_check(struct check_run *r)
{
	static const struct rlimit no_core = { 0, 0 };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)umask(0);
	if (chdir(r->env->dir) == 0 && chdir(r->folder) == 0) {
		if (has_needs(r))
			r->check->run(r);
		if (r->result->verdict == CHECK_UNSET)
			r->result->verdict = CHECK_PASS;
	}
	_exit(0);
}

/* ---- who waits for it ---- */

static void set(struct check_result *s, enum check_verdict v, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void set(struct check_result *s, enum check_verdict v, const char *fmt, ...)
{
	va_list ap;

	s->verdict = v;
	va_start(ap, fmt);
	(void)vsnprintf(s->seen, sizeof(s->seen), fmt, ap);
	va_end(ap);
}

/* Where a process that does not end is, as the kernel says: its stack on one line. */
static void where_is(pid_t pid, char *ret, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/stack", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, ret, size - 1);
	if (fd >= 0)
		(void)close(fd);
	ret[n > 0 ? n : 0] = '\0';
	for (char *p = ret; *p; p++)
		if (*p == '\n')
			*p = ' ';
}

static bool wait_ms(pid_t pid, int64_t ms, int *ret_status)
{
	int64_t deadline = now_ns() + ms * NS_PER_MS;
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int64_t left;

	while (pidfd >= 0 && (left = deadline - now_ns()) > 0)
		if (poll(&p, 1, (int)(left / NS_PER_MS) + 1) > 0)
			break;
	if (pidfd >= 0)
		(void)close(pidfd);
	return waitpid(pid, ret_status, WNOHANG) == pid;
}

static int64_t timeout_ms(const struct check_env *env, const struct check *c)
{
	int64_t stale = env->entry_ms > env->attr_ms ? env->entry_ms : env->attr_ms;

	/* Each look of a check may wait for that long. */
	return (c->timeout_ms ? c->timeout_ms : TIMEOUT_MS) + (stale <= 60000 ? 4 * stale : 0);
}

/* What a check that did not say its verdict, or not in time, leaves. Returns whether it cannot be ended. */
static bool collect(pid_t pid, int64_t ms, struct check_result *s)
{
	char stack[600];
	int status = 0;

	if (wait_ms(pid, ms, &status)) {
		if (WIFSIGNALED(status))
			set(s, CHECK_FAIL, "the process of the check was ended by signal %d (%s)",
			    WTERMSIG(status), strsignal(WTERMSIG(status)));
		else if (s->verdict == CHECK_UNSET)
			set(s, CHECK_BROKEN, "the check did not reach its folder");
		return false;
	}
	where_is(pid, stack, sizeof(stack));
	(void)kill(pid, SIGKILL);
	set(s, CHECK_FAIL, "the check did not end within %lld ms; it was in: %s", (long long)ms,
	    stack);
	(void)snprintf(s->expected, sizeof(s->expected), "each call comes back");
	return !wait_ms(pid, KILL_MS, &status);
}

static void judge_kernel(struct check_result *s, char *log)
{
	char complaint[512];

	if (!kmsg_look(log, LOG_SIZE, complaint, sizeof(complaint)))
		return;
	if (s->verdict != CHECK_PASS && s->verdict != CHECK_SKIP)
		return; /* the log has it */
	set(s, CHECK_FAIL, "the guest's kernel: %.900s", complaint);
	(void)snprintf(s->expected, sizeof(s->expected), "the guest's kernel complains of nothing");
}

/* ---- telling ---- */

static int say(const char *const *texts, size_t count)
{
	struct line w;
	int e = 0;

	line_clear(&w);
	for (size_t i = 0; e == 0 && i < count; i++)
		e = line_add_text(&w, texts[i]);
	return e < 0 ? e : channel_say(&w);
}

static int tell(const struct check *c, const struct check_result *s, int64_t us, const char *log)
{
	char number[24];
	int e = 0;

	for (unsigned i = 0; e == 0 && i < s->figures && i < FIGURES; i++) {
		const struct figure *f = &s->figure[i];
		char value[24];

		(void)snprintf(value, sizeof(value), "%lld", (long long)f->value);
		e = say((const char *const[]){ "figure", f->name, value, f->unit }, 4);
	}
	(void)snprintf(number, sizeof(number), "%lld", (long long)us);
	if (e == 0)
		e = say((const char *const[]){ "end", c->id, verdict_names[s->verdict], number,
					       s->row, s->expected, s->seen, s->note, log },
			9);
	return e;
}

int run_one(const struct check_env *env, const struct check *c, unsigned index,
	    struct run_totals *t)
{
	struct check_run r = { .check = c, .env = env, .result = shared, .party = "host" };
	uint64_t asked = shared->asked;
	int64_t start = now_ns();
	char path[PATH_MAX];
	char log[LOG_SIZE] = "";
	pid_t pid;
	int e;

	memset(shared, 0, sizeof(*shared));
	shared->asked = asked;
	(void)snprintf(r.folder, sizeof(r.folder), "c%u", index);
	(void)snprintf(path, sizeof(path), "%s/%s", env->dir, r.folder);
	e = say((const char *const[]){ "begin", c->id }, 2);
	if (e < 0)
		return e;
	if (mkdir(path, 0777) < 0) {
		set(shared, CHECK_FAIL, "%s", strerror(errno));
		(void)snprintf(shared->expected, sizeof(shared->expected),
			       "the folder of the check can be made");
	} else if ((pid = fork()) == 0) {
		be_check(&r);
	} else if (pid < 0) {
		set(shared, CHECK_BROKEN, "cannot start a process: %s", strerror(errno));
	} else {
		t->stuck = collect(pid, timeout_ms(env, c), shared);
	}
	if (env->kernel_log)
		judge_kernel(shared, log);
	t->of[shared->verdict]++;
	return tell(c, shared, (now_ns() - start) / 1000, log);
}
