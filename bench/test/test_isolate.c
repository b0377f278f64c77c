// SPDX-License-Identifier: Apache-2.0
/*
 * The private namespaces of a run: how a body's end is told, and that nothing outlives it. A
 * "marker" is a process with an argument that no other process has, holding the write end of a
 * pipe: end of file on the read end proves that all holders are gone.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/isolate.h"

#define PATIENCE_S  60
#define PATIENCE_MS 20000
/* Statuses that only our own children give. */
#define WAS_INTERRUPTED 42
#define WAS_NOT		43
#define BODY_FAILED	99
#define NOBODY		65534

struct fixture {
	char dir[64];
	char marker[64];
	int rd, wr;
	struct isolate_result result;
	struct err err;
};

static int body_return_0(void *arg)
{
	(void)arg;
	return 0;
}

static bool can_isolate;

/* Asked without the code under test, whose refusal would otherwise skip its own tests. */
static bool host_allows_namespaces(void)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWNS | CLONE_NEWPID | (geteuid() ? CLONE_NEWUSER : 0)) < 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int setup(void **state)
{
	static unsigned number;
	struct fixture *f = calloc(1, sizeof(*f));
	int fds[2];

	*state = f;
	if (!f || pipe(fds) < 0)
		return -1;
	f->rd = fds[0];
	f->wr = fds[1];
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/vq-test-isolate-XXXXXX");
	(void)snprintf(f->marker, sizeof(f->marker), "vq-marker-%d-%u", (int)getpid(), number++);
	return mkdtemp(f->dir) ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int e = fs_remove_tree(f->dir, NULL);

	(void)close(f->rd);
	if (f->wr >= 0)
		(void)close(f->wr);
	free(f);
	return e < 0 ? -1 : 0;
}

static void need_namespaces(void)
{
	if (can_isolate)
		return;
	print_message("SKIP: this host lets us make no namespaces; run as root\n");
	skip();
}

static int isolate(struct fixture *f, isolate_body *body)
{
	return isolate_run(body, f, &f->result, &f->err);
}

/* --- bodies: they run inside and call no assert --- */

/* Leave a marker behind that no ordinary signal ends; it says "r" once it runs. */
static void start_marker(const struct fixture *f)
{
	char script[256];

	/* The argument stays with it as $0; the shell waits for ever in `read`. */
	(void)snprintf(script, sizeof(script),
		       "trap '' TERM INT HUP; echo r >&%d; while :; do sleep 300; done", f->wr);
	if (fork() == 0) {
		(void)setsid();
		if (fork() == 0) {
			(void)execlp("sh", "sh", "-c", script, f->marker, (char *)NULL);
			_exit(BODY_FAILED);
		}
		_exit(0);
	}
}

static int body_return_7(void *arg)
{
	(void)arg;
	return 7;
}

static int body_return_126(void *arg)
{
	(void)arg;
	return 126; /* the status of an init that failed; here it is the body's own */
}

static int body_dies(void *arg)
{
	(void)arg;
	(void)signal(SIGUSR1, SIG_DFL);
	(void)raise(SIGUSR1);
	return 0;
}

/* Wait in the body until the marker runs; its "r" then stays for the test. */
static int body_leaves_marker(void *arg)
{
	const struct fixture *f = arg;
	struct pollfd pfd = { .fd = f->rd, .events = POLLIN };

	start_marker(f);
	return poll(&pfd, 1, PATIENCE_MS) == 1 ? 5 : BODY_FAILED;
}

static int body_stays(void *arg)
{
	start_marker(arg);
	while (pause() < 0)
		;
	return 0;
}

static int body_mounts(void *arg)
{
	const struct fixture *f = arg;
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/inside", f->dir);
	if (mount("none", f->dir, "tmpfs", 0, "size=64k") < 0 || mkdir(path, 0755) < 0)
		return BODY_FAILED;
	return access(path, F_OK) == 0 ? 0 : BODY_FAILED;
}

/* Inside, we are no child of anybody outside, see no process but ours, and get all signals. */
static int body_looks_around(void *arg)
{
	DIR *proc = opendir("/proc");
	sigset_t blocked;
	unsigned processes = 0;
	struct dirent *d;

	(void)arg;
	while (proc && (d = readdir(proc)) != NULL)
		processes += isdigit((unsigned char)d->d_name[0]) != 0;
	(void)sigprocmask(SIG_SETMASK, NULL, &blocked);
	if (proc)
		(void)closedir(proc);
	if (getppid() != 1 || processes != 2)
		return 1;
	return sigismember(&blocked, SIGTERM) || sigismember(&blocked, SIGINT) ? 2 : 0;
}

/* --- what is left --- */

static bool marker_runs(const struct fixture *f)
{
	DIR *proc = opendir("/proc");
	bool found = false;
	struct dirent *d;

	assert_non_null(proc);
	while ((d = readdir(proc)) != NULL) {
		struct buf text = { .max = 64 * KIB };
		char path[300];

		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/cmdline", d->d_name);
		if (fs_read(path, MIB, &text, NULL) == 0 && text.size)
			found |= memmem(text.data, text.size, f->marker, strlen(f->marker)) != NULL;
		buf_free(&text);
	}
	(void)closedir(proc);
	return found;
}

/* The marker said that it runs. */
static void wait_marker(struct fixture *f)
{
	struct pollfd pfd = { .fd = f->rd, .events = POLLIN };
	char c = 0;

	assert_int_equal(poll(&pfd, 1, PATIENCE_MS), 1);
	assert_int_equal(read(f->rd, &c, 1), 1);
	assert_int_equal(c, 'r');
	assert_int_equal(read(f->rd, &c, 1), 1);
	assert_int_equal(c, '\n');
}

/* Everything that had the pipe is gone. */
static void assert_nothing_left(struct fixture *f)
{
	struct pollfd pfd = { .fd = f->rd, .events = POLLIN };
	char c;

	(void)close(f->wr);
	f->wr = -1;
	assert_int_equal(poll(&pfd, 1, PATIENCE_MS), 1);
	assert_int_equal(read(f->rd, &c, 1), 0);
	assert_false(marker_runs(f));
}

/* --- tests --- */

/* Goal: the body's status is ours. Method: two statuses, one of them that of a failed init. */
static void statuses(void **state)
{
	struct fixture *f = *state;

	need_namespaces();
	assert_int_equal(isolate(f, body_return_7), 0);
	assert_int_equal(f->result.status, 7);
	assert_false(f->result.interrupted);
	assert_int_equal(isolate(f, body_return_0), 0);
	assert_int_equal(f->result.status, 0);
	assert_int_equal(isolate(f, body_return_126), 0);
	assert_int_equal(f->result.status, 126);
}

/* Goal: a body that dies is told by 128 + signal. Method: a body that kills itself. */
static void signal_death(void **state)
{
	struct fixture *f = *state;

	need_namespaces();
	assert_int_equal(isolate(f, body_dies), 0);
	assert_int_equal(f->result.status, 128 + SIGUSR1);
	assert_false(f->result.interrupted);
}

/* Goal: inside there is only the run. Method: the body looks at /proc, its parent, its signals. */
static void private_processes(void **state)
{
	struct fixture *f = *state;

	need_namespaces();
	assert_int_equal(isolate(f, body_looks_around), 0);
	assert_int_equal(f->result.status, 0);
}

/* Goal: what a body leaves behind ends with it. Method: a daemonised marker that ignores signals. */
static void left_behind(void **state)
{
	struct fixture *f = *state;

	need_namespaces();
	assert_int_equal(isolate(f, body_leaves_marker), 0);
	assert_int_equal(f->result.status, 5);
	assert_false(marker_runs(f));
	wait_marker(f);
	assert_nothing_left(f);
}

/* Goal: mounts of a run are gone after it, and never seen outside. Method: a tmpfs with a folder. */
static void mounts(void **state)
{
	struct fixture *f = *state;
	struct buf text = { 0 };
	char path[96];

	need_namespaces();
	assert_int_equal(isolate(f, body_mounts), 0);
	assert_int_equal(f->result.status, 0);
	(void)snprintf(path, sizeof(path), "%s/inside", f->dir);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(fs_read("/proc/self/mountinfo", 4 * MIB, &text, &f->err), 0);
	assert_null(strstr(buf_text(&text), f->dir));
	buf_free(&text);
}

/* A driver in a process of its own, which says how its isolate_run() ended. */
static pid_t start_driver(struct fixture *f)
{
	pid_t pid = fork();

	if (pid == 0) {
		int e;

		(void)alarm(PATIENCE_S);
		e = isolate(f, body_stays);
		_exit(e < 0 ? BODY_FAILED : f->result.interrupted ? WAS_INTERRUPTED : WAS_NOT);
	}
	assert_true(pid > 0);
	return pid;
}

/* Goal: a signal that ends runs ends all of this one. Method: each of three signals to the driver. */
static void interrupted(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	struct fixture *f = *state;
	int status;
	pid_t pid;

	need_namespaces();
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		pid = start_driver(f);
		wait_marker(f);
		assert_true(marker_runs(f));
		assert_int_equal(kill(pid, signals[i]), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), WAS_INTERRUPTED);
		assert_false(marker_runs(f));
	}
	assert_nothing_left(f);
}

/* Goal: kill -9 of the driver leaves nothing. Method: the marker's pipe ends, no process has it. */
static void killed(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid;

	need_namespaces();
	pid = start_driver(f);
	wait_marker(f);
	assert_true(marker_runs(f));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_nothing_left(f);
}

/* Goal: afterwards signals are handled as before. Method: a mask with one of its signals. */
static void signal_mask_is_restored(void **state)
{
	struct fixture *f = *state;
	sigset_t before, after, old;

	need_namespaces();
	(void)sigemptyset(&before);
	(void)sigaddset(&before, SIGINT);
	assert_int_equal(sigprocmask(SIG_SETMASK, &before, &old), 0);
	assert_int_equal(isolate(f, body_return_0), 0);
	assert_int_equal(sigprocmask(SIG_SETMASK, &old, &after), 0);
	for (int s = 1; s < NSIG; s++)
		assert_int_equal(sigismember(&before, s), sigismember(&after, s));
}

/*
 * Goal: without root it works in a user namespace, or says what to do. Method: a driver as nobody;
 * 7 is the body's status, 1 the refusal with advice.
 */
static void as_nobody(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid;

	if (geteuid() != 0) {
		print_message("SKIP: we are no root: the other tests are this test\n");
		skip();
	}
	pid = fork();
	if (pid == 0) {
		int e;

		if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
			_exit(2);
		/* A change of user makes /proc/self root's own; execve would undo that. */
		(void)prctl(PR_SET_DUMPABLE, 1);
		e = isolate(f, body_return_7);
		if (e == 0)
			_exit(f->result.status);
		_exit(e == -EPERM && strstr(f->err.text, "root") ? 1 : 3);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 1) {
		print_message(
			"not tried: this host has no user namespaces for users; the refusal is right\n");
		return;
	}
	assert_int_equal(WEXITSTATUS(status), 7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(statuses),	   TEST(signal_death), TEST(private_processes),
		TEST(left_behind), TEST(mounts),       TEST(interrupted),
		TEST(killed),	   TEST(as_nobody),    TEST(signal_mask_is_restored),
	};

	(void)alarm(PATIENCE_S);
	can_isolate = host_allows_namespaces();
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
