// SPDX-License-Identifier: Apache-2.0
/* bench/base: processes and their logs. */
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/pump.h"

/* --- proc --- */

/* Goal: what cannot start says which step failed and leaves no child. Method: three bad commands. */
static void start_failures(void **state)
{
	static const struct {
		const char *program;
		const char *cwd;
		int code;
		const char *step;
	} rows[] = {
		{ "vq-no-such-program", NULL, -ENOENT, "(execve)" },
		{ "/etc/passwd", NULL, -EACCES, "(execve)" },
		{ "true", "/nonexistent/folder", -ENOENT, "(chdir)" },
	};
	struct scratch *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *argv[] = { (char *)(uintptr_t)rows[i].program, NULL };
		struct proc_spec spec = { .argv = argv, .cwd = rows[i].cwd };
		struct proc p = { .pid = -77 };

		assert_int_equal(proc_start(&spec, &p, &f->err), rows[i].code);
		scratch_says(f->err.text, rows[i].program);
		scratch_says(f->err.text, rows[i].step);
		assert_int_equal(p.pid, -77);
		scratch_no_children();
	}
}

/* Goal: a child gets the descriptors it was promised and no other. Method: it looks for three. */
static void only_kept_descriptors(void **state)
{
	struct scratch *f = *state;
	int kept = fcntl(0, F_DUPFD_CLOEXEC, 40);
	int inherited = fcntl(0, F_DUPFD, 50);
	char script[256];
	int e;

	(void)snprintf(script, sizeof(script),
		       "for n in %d %d; do [ -e /proc/$$/fd/$n ] && echo $n; done; readlink "
		       "/proc/$$/fd/0",
		       kept, inherited);
	e = scratch_run(f, script, (struct proc_spec){ .keep_fds = &kept, .keep_count = 1 });
	(void)close(kept);
	(void)close(inherited);
	assert_int_equal(e, 0);
	assert_string_equal(buf_text(&f->out.out), "40\n/dev/null\n");
}

/* Goal: nothing of our environment leaks. Method: a variable of ours, and what `env` prints. */
static void environment_is_minimal(void **state)
{
	static char extra[] = "VQ_EXTRA=1 2";
	char *env[] = { extra, NULL };
	struct scratch *f = *state;

	assert_int_equal(setenv("VQ_SECRET", "x", 1), 0);
	assert_int_equal(scratch_run(f, "exec env", (struct proc_spec){ .env = env }), 0);
	assert_int_equal(unsetenv("VQ_SECRET"), 0);
	assert_null(strstr(buf_text(&f->out.out), "VQ_SECRET"));
	scratch_says(buf_text(&f->out.out), "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:");
	scratch_says(buf_text(&f->out.out), "LANG=C.UTF-8\n");
	scratch_says(buf_text(&f->out.out), "HOME=/\n");
	scratch_says(buf_text(&f->out.out), "VQ_EXTRA=1 2\n");
}

/* Goal: a child dumps no core, whatever our limit is. Method: raise ours, ask the child. */
static void no_core(void **state)
{
	struct scratch *f = *state;
	struct rlimit old, high;

	assert_int_equal(getrlimit(RLIMIT_CORE, &old), 0);
	high = (struct rlimit){ old.rlim_max, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_CORE, &high), 0);
	assert_int_equal(scratch_run(f, "ulimit -Sc; ulimit -Hc", (struct proc_spec){ 0 }), 0);
	assert_int_equal(setrlimit(RLIMIT_CORE, &old), 0);
	assert_string_equal(buf_text(&f->out.out), "0\n0\n");
}

/* Goal: a child runs as another user, in its folder. Method: it prints who and where it is. */
static void user_and_folder(void **state)
{
	struct scratch *f = *state;
	struct proc_spec spec = { .cwd = "/", .uid = NOBODY, .gid = NOBODY };
	const gid_t more[] = { 4, 6 };
	gid_t old[64];
	int old_count;
	int e;

	if (geteuid() != 0) {
		print_message("SKIP: only root can change user\n");
		skip();
	}
	/* Groups of ours that it must not keep. */
	old_count = getgroups(ARRAY_SIZE(old), old);
	assert_true(old_count >= 0);
	assert_int_equal(setgroups(ARRAY_SIZE(more), more), 0);
	e = scratch_run(f, "id -u; id -G; pwd", spec);
	assert_int_equal(setgroups((size_t)old_count, old), 0);
	assert_int_equal(e, 0);
	assert_string_equal(buf_text(&f->out.out), "65534\n65534\n/\n");
}

/* A child that starts a grandchild through proc_start(), tells its pid and waits to be killed. */
static void child_with_grandchild(int wr)
{
	static char sleeper[] = "sleep", seconds[] = "300";
	char *argv[] = { sleeper, seconds, NULL };
	const struct proc_spec spec = { .argv = argv };
	struct proc p = { 0 };

	if (proc_start(&spec, &p, NULL) < 0 || write(wr, &p.pid, sizeof(p.pid)) != sizeof(p.pid))
		_exit(1);
	for (;;)
		(void)pause();
}

/* Goal: nothing outlives who started it. Method: kill -9 a child, wait for its own child's end. */
static void dies_with_parent(void **state)
{
	struct pollfd pfd = { .events = POLLIN };
	pid_t grandchild = 0;
	int fds[2];
	pid_t pid;
	int status;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		child_with_grandchild(fds[1]);
	assert_true(pid > 0);
	(void)close(fds[1]);
	assert_int_equal(read(fds[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	(void)close(fds[0]);
	/* We are the subreaper: its number cannot be used again before we wait for it. */
	pfd.fd = (int)syscall(SYS_pidfd_open, grandchild, 0);
	assert_true(pfd.fd >= 0);
	assert_int_equal(poll(&pfd, 1, 0), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	if (poll(&pfd, 1, SCRATCH_PATIENCE_MS) != 1) {
		(void)kill(grandchild, SIGKILL);
		fail_msg("the grandchild lives on");
	}
	(void)close(pfd.fd);
	assert_int_equal(waitpid(grandchild, &status, 0), grandchild);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Goal: a command is killed at its deadline. Method: one that would take minutes. */
static void run_deadline(void **state)
{
	static char sleeper[] = "sleep", seconds[] = "300";
	char *argv[] = { sleeper, seconds, NULL };
	const struct proc_spec spec = { .argv = argv };
	struct scratch *f = *state;
	uint64_t start = clock_now_ns();

	assert_int_equal(proc_run(&spec, 10, clock_deadline_ms(50), &f->out, &f->err), -ETIMEDOUT);
	assert_in_range(clock_now_ns() - start, 50 * NS_PER_MS, SCRATCH_PATIENCE_MS * NS_PER_MS);
	assert_string_equal(f->err.text, "sleep did not end in time and was killed");
	scratch_no_children();
}

/* Goal: output over the limit is counted, both streams apart. Method: two known amounts. */
static void run_output_limit(void **state)
{
	static char sh[] = "sh", c[] = "-c";
	static char script[] = "head -c 100000 /dev/zero; printf 123456 >&2; exit 5";
	char *argv[] = { sh, c, script, NULL };
	const struct proc_spec spec = { .argv = argv };
	struct scratch *f = *state;

	assert_int_equal(
		proc_run(&spec, 1000, clock_deadline_ms(SCRATCH_PATIENCE_MS), &f->out, &f->err), 0);
	assert_int_equal(f->out.out.size, 1000);
	assert_int_equal(f->out.out.dropped, 99000);
	assert_string_equal(buf_text(&f->out.err), "123456");
	assert_int_equal(f->out.err.dropped, 0);
	assert_true(WIFEXITED(f->out.status) && WEXITSTATUS(f->out.status) == 5);
	assert_true(f->out.run_ns > 0);
}

/* Goal: an orphan that holds the pipe does not hold us. Method: a command leaves a sleeper behind. */
static void run_with_orphan(void **state)
{
	struct scratch *f = *state;
	uint64_t start = clock_now_ns();
	int e = scratch_run(f, "sleep 300 & echo $!", (struct proc_spec){ 0 });
	pid_t orphan = (pid_t)atoi(buf_text(&f->out.out));
	uint64_t took = clock_now_ns() - start;

	/* We are the subreaper, so the number is still that of the orphan. */
	assert_true(orphan > 1);
	(void)kill(orphan, SIGKILL);
	assert_int_equal(waitpid(orphan, NULL, 0), orphan);
	assert_int_equal(e, 0);
	assert_true(took < SCRATCH_PATIENCE_MS * NS_PER_MS / 2);
}

/* Goal: the words that results use for an end. Method: one process of each kind. */
static void fates(void **state)
{
	static const struct {
		const char *script;
		const char *fate;
	} rows[] = { { "exit 3", "exited:3" }, { "kill -9 $$", "signal:9" }, { ":", "exited:0" } };
	static char sh[] = "sh", c[] = "-c", hang[] = "exec sleep 300";
	struct scratch *f = *state;
	char *argv[] = { sh, c, hang, NULL };
	struct proc_spec spec = { .argv = argv };
	struct proc p = { 0 };
	char word[32];

	assert_string_equal(proc_fate(&p, word, sizeof(word)), "never started");
	proc_kill(&p);
	assert_int_equal(proc_start(&spec, &p, &f->err), 0);
	assert_string_equal(proc_fate(&p, word, sizeof(word)), "alive");
	assert_int_equal(proc_wait(&p, clock_deadline_ms(20)), -ETIMEDOUT);
	assert_true(proc_alive(&p));
	proc_kill(&p);
	assert_string_equal(proc_fate(&p, word, sizeof(word)), "signal:9");
	proc_kill(&p);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		argv[2] = (char *)(uintptr_t)rows[i].script;
		assert_int_equal(proc_start(&spec, &p, &f->err), 0);
		assert_int_equal(proc_wait(&p, clock_deadline_ms(SCRATCH_PATIENCE_MS)), 0);
		assert_string_equal(proc_fate(&p, word, sizeof(word)), rows[i].fate);
	}
	scratch_no_children();
}

/* Goal: SIGTERM comes first, and SIGKILL behind it. Method: one that obeys, one that does not. */
static void ending_a_process(void **state)
{
	static char sh[] = "sh", c[] = "-c";
	static char obeys[] = "exec sleep 300";
	static char ignores[] = "trap '' TERM; echo ready; exec sleep 300";
	struct scratch *f = *state;
	char *argv[] = { sh, c, obeys, NULL };
	struct proc_spec spec = { .argv = argv };
	struct proc p = { 0 };
	char word[32];
	int fds[2];

	assert_true(proc_end(&p, 1));
	assert_int_equal(proc_start(&spec, &p, &f->err), 0);
	assert_true(proc_end(&p, SCRATCH_PATIENCE_MS));
	assert_string_equal(proc_fate(&p, word, sizeof(word)), "signal:15");
	assert_true(proc_end(&p, 1));
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	spec.stdout_fd = fds[1];
	argv[2] = ignores;
	assert_int_equal(proc_start(&spec, &p, &f->err), 0);
	(void)close(fds[1]);
	assert_int_equal(read(fds[0], word, sizeof(word)), 6);
	(void)close(fds[0]);
	assert_false(proc_end(&p, 50));
	assert_string_equal(proc_fate(&p, word, sizeof(word)), "signal:9");
	scratch_no_children();
}

static uint64_t own_cpu_ns(pid_t pid)
{
	clockid_t clock;
	struct timespec ts;

	assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
	assert_int_equal(clock_gettime(clock, &ts), 0);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* Goal: CPU time of a tree is the sum of its parts. Method: a shell whose child computed. */
static void cpu_of_a_tree(void **state)
{
	static char sh[] = "sh", c[] = "-c";
	static char script[] = "(i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; echo ready; "
			       "exec sleep 300) & echo $!; wait";
	char *argv[] = { sh, c, script, NULL };
	struct scratch *f = *state;
	struct proc_spec spec = { .argv = argv };
	struct proc p = { 0 };
	uint64_t low, high, child_ns, sum = 0;
	char line[32];
	FILE *in;
	int fds[2];
	pid_t child;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	spec.stdout_fd = fds[1];
	assert_int_equal(proc_start(&spec, &p, &f->err), 0);
	(void)close(fds[1]);
	in = fdopen(fds[0], "re");
	assert_non_null(fgets(line, sizeof(line), in));
	child = (pid_t)atoi(line);
	assert_non_null(fgets(line, sizeof(line), in));
	assert_string_equal(line, "ready\n");
	(void)fclose(in);
	child_ns = own_cpu_ns(child);
	low = own_cpu_ns(p.pid) + child_ns;
	assert_int_equal(proc_cpu_ns(p.pid, &sum), 0);
	high = own_cpu_ns(p.pid) + own_cpu_ns(child);
	proc_kill(&p);
	(void)kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_true(child_ns > 0);
	assert_in_range(sum, low, high);
	assert_int_equal(proc_cpu_ns(child, &sum), -ESRCH);
}

/* The one child of a shell, once it has one. */
static pid_t child_of(pid_t pid, uint64_t deadline)
{
	char path[64];
	int child = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	while (child == 0 && clock_now_ns() < deadline) {
		FILE *f = fopen(path, "re");

		assert_non_null(f);
		if (fscanf(f, "%d", &child) != 1)
			child = 0;
		(void)fclose(f);
	}
	return child;
}

/* Goal: a thread that could run is never taken for asleep, nor is a grandchild's; all that sleep are, once they do. */
static void sleeping_tree(void **state)
{
	/* The second one's child runs, whether it has a processor or waits for one. */
	char *const quiet[] = { (char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
				(char *)(uintptr_t) "sleep 1000 & wait", NULL };
	char *const busy[] = { (char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
			       (char *)(uintptr_t) "while :; do :; done & wait", NULL };
	const struct proc_spec spec[] = { { .argv = quiet }, { .argv = busy } };
	uint64_t deadline = clock_deadline_ms(SCRATCH_PATIENCE_MS);
	struct proc p[2];
	uint64_t before = 0;
	uint64_t now = 0;
	struct err err;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(proc_start(&spec[i], &p[i], &err), 0);
	/* Until its shell has come to its end; then it uses no more. */
	while (proc_sleeps(p[0].pid, &before) != 1 || before == now)
		assert_true(clock_now_ns() < deadline);
	do {
		before = now;
		assert_int_equal(proc_sleeps(p[0].pid, &now), 1);
		assert_true(clock_now_ns() < deadline);
	} while (now != before);
	/* It has begun to run when it has used more than its start; from then on it always could. */
	while (proc_sleeps(p[1].pid, &now) < 0 || now < 50 * NS_PER_MS)
		assert_true(clock_now_ns() < deadline);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(proc_sleeps(p[1].pid, &now), 0);
	for (size_t i = 0; i < 2; i++) {
		pid_t gone = p[i].pid;
		pid_t child = child_of(gone, deadline);

		assert_true(child > 0);
		proc_kill(&p[i]);
		(void)kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		assert_int_equal(proc_sleeps(gone, &now), -ESRCH);
	}
}

/* --- pump --- */

/* Until the pump has read what was written; only then is the next write a read of its own. */
static void wait_drained(int fd)
{
	uint64_t deadline = clock_deadline_ms(SCRATCH_PATIENCE_MS);
	int waiting = 1;

	while (waiting > 0 && clock_now_ns() < deadline) {
		assert_int_equal(ioctl(fd, FIONREAD, &waiting), 0);
		(void)sched_yield();
	}
	assert_int_equal(waiting, 0);
}

static void write_fully(int fd, char byte, size_t size)
{
	char chunk[4096];

	memset(chunk, byte, sizeof(chunk));
	while (size > 0) {
		ssize_t n = write(fd, chunk, size < sizeof(chunk) ? size : sizeof(chunk));

		assert_true(n > 0);
		size -= (size_t)n;
	}
}

/* Goal: a pump copies, ends with its last writer, names a bad path. Method: two writers. */
static void pump_copies(void **state)
{
	struct scratch *f = *state;
	struct proc pump = { 0 };
	char path[96];
	int wr = -1;
	int second;

	assert_int_equal(pump_start("/nonexistent/log", &wr, &pump, &f->err), -ENOENT);
	scratch_says(f->err.text, "/nonexistent/log");
	assert_int_equal(wr, -1);
	(void)scratch_path(f, "log", path, sizeof(path));
	assert_int_equal(pump_start(path, &wr, &pump, &f->err), 0);
	second = dup(wr);
	assert_int_equal(write(wr, "one\n", 4), 4);
	(void)close(wr);
	assert_int_equal(write(second, "two\n", 4), 4);
	wait_drained(second);
	assert_true(proc_alive(&pump));
	(void)close(second);
	assert_int_equal(proc_wait(&pump, clock_deadline_ms(SCRATCH_PATIENCE_MS)), 0);
	assert_int_equal(pump.status, 0);
	pump_finish(&pump);
	scratch_holds(f, path, "one\ntwo\n");
	scratch_no_children();
}

/*
 * Goal: a log stops at its limit, says so once at its end, and does not block the writer. Method:
 * write up to 100 bytes below, then more than fits, then little enough to fit again.
 */
static void pump_limit(void **state)
{
	static const char cut[] = "\n[log limit reached: the rest was discarded]\n";
	struct scratch *f = *state;
	struct proc pump = { 0 };
	char path[96];
	size_t kept;
	int wr = -1;

	(void)scratch_path(f, "log", path, sizeof(path));
	assert_int_equal(pump_start(path, &wr, &pump, &f->err), 0);
	write_fully(wr, 'A', PUMP_LOG_MAX - 100);
	wait_drained(wr);
	write_fully(wr, 'B', 4096);
	wait_drained(wr);
	write_fully(wr, 'X', 50);
	(void)close(wr);
	assert_int_equal(proc_wait(&pump, clock_deadline_ms(SCRATCH_PATIENCE_MS)), 0);
	assert_int_equal(fs_read(path, 2 * PUMP_LOG_MAX, &f->text, &f->err), 0);
	assert_null(strchr(buf_text(&f->text), 'X'));
	assert_in_range(f->text.size, PUMP_LOG_MAX - 100 + strlen(cut), PUMP_LOG_MAX + strlen(cut));
	kept = f->text.size - strlen(cut);
	assert_string_equal(f->text.data + kept, cut);
	assert_int_equal(strspn(f->text.data, "AB"), kept);
}

/* Goal: a writer left behind does not hold pump_finish(). Method: keep our end open. */
static void pump_finish_is_bounded(void **state)
{
	struct scratch *f = *state;
	struct proc pump = { 0 };
	uint64_t start;
	char path[96];
	int wr = -1;

	assert_int_equal(
		pump_start(scratch_path(f, "log", path, sizeof(path)), &wr, &pump, &f->err), 0);
	start = clock_now_ns();
	pump_finish(&pump);
	assert_true(clock_now_ns() - start < SCRATCH_PATIENCE_MS * NS_PER_MS);
	assert_false(proc_alive(&pump));
	(void)close(wr);
	scratch_no_children();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(start_failures),
		TEST(only_kept_descriptors),
		TEST(environment_is_minimal),
		TEST(no_core),
		TEST(user_and_folder),
		TEST(dies_with_parent),
		TEST(run_deadline),
		TEST(run_output_limit),
		TEST(run_with_orphan),
		TEST(fates),
		TEST(ending_a_process),
		TEST(cpu_of_a_tree),
		TEST(sleeping_tree),
		TEST(pump_copies),
		TEST(pump_limit),
		TEST(pump_finish_is_bounded),
	};

	(void)alarm(SCRATCH_PATIENCE_S);
	/* Orphans of tests come to us, so that their numbers stay theirs. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
