// SPDX-License-Identifier: Apache-2.0
/* What the parser may do, tried in children: one call each that must end it, and what must go on working. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fs.h"
#include "conformance/ref/sandbox/confine.h"
#include "conformance/ref/sandbox/sandbox.h"

#define NOBODY 65534

/* Exit code of a child in which something was not as it must be; the line is in the next one. */
#define CHILD_CHECK(what)                                                                       \
	do {                                                                                    \
		if (!(what)) {                                                                  \
			(void)dprintf(STDERR_FILENO, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
			return 1;                                                               \
		}                                                                               \
	} while (0)

/* Wait status of a child that runs @body. No core, no leak check. */
static int in_child(int (*body)(const void *arg), const void *arg)
{
	const struct rlimit no_core = { 0, 0 };
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		int code;

		(void)setrlimit(RLIMIT_CORE, &no_core);
		code = body(arg);
		for (;;)
			(void)syscall(SYS_exit_group, code);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

struct call {
	const char *what;
	long number;
	unsigned long arg[6];
};

static char text[] = "x";
#define TEXT ((unsigned long)(uintptr_t)text)

/* Source: the x86-64 ABI of Linux; no number of another architecture is as large. */
#define X32_BIT 0x40000000L

static const struct call forbidden[] = {
	{ "a program", SYS_execve, { 0 } },
	{ "a program at a descriptor", SYS_execveat, { 0 } },
	{ "a process", SYS_clone, { SIGCHLD } },
	{ "a thread in a user namespace", SYS_clone, { CLONE_THREAD | CLONE_NEWUSER } },
	{ "a socket", SYS_socket, { 1, 1 } },
	{ "a connection", SYS_connect, { 0 } },
	{ "tracing", SYS_ptrace, { 0 } },
	{ "another's memory", SYS_process_vm_readv, { 1 } },
	{ "another's descriptor", SYS_pidfd_getfd, { 0 } },
	{ "a signal to init", SYS_kill, { 1 } },
	{ "a signal to a thread of another", SYS_tgkill, { 2, 2, SIGTERM } },
	{ "a mount", SYS_mount, { 0 } },
	{ "a mount by its new call", SYS_move_mount, { 0 } },
	{ "a copy of a mount", SYS_open_tree, { 0 } },
	{ "another root", SYS_chroot, { 0 } },
	{ "a namespace", SYS_unshare, { CLONE_NEWUSER } },
	{ "a namespace beside the own folder", SYS_unshare, { CLONE_FS | CLONE_NEWNS } },
	{ "another's namespace", SYS_setns, { 0 } },
	{ "a file by its handle", SYS_open_by_handle_at, { 0 } },
	{ "another user", SYS_setresuid, { 0 } },
	{ "a program of the kernel", SYS_bpf, { 0 } },
	{ "calls that no filter sees", SYS_io_uring_setup, { 0 } },
	{ "keys", SYS_keyctl, { 0 } },
	{ "performance counters", SYS_perf_event_open, { 0 } },
	{ "faults in user space", SYS_userfaultfd, { 0 } },
	{ "code", SYS_mmap, { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1UL } },
	{ "data as code", SYS_mprotect, { 0, 4096, PROT_EXEC } },
	{ "typing on a terminal", SYS_ioctl, { 0, 0x5412, TEXT } },
	{ "marking files", SYS_ioctl, { 0, 0x40086602, 0 } },
	{ "locks that last", SYS_fcntl, { 0, F_SETLEASE, F_WRLCK } },
	{ "its own limits", SYS_prctl, { PR_SET_DUMPABLE, 1 } },
	{ "limits of others", SYS_prlimit64, { 1, RLIMIT_NOFILE, TEXT } },
	{ "a module", SYS_finit_module, { 0 } },
	{ "the host's name", SYS_sethostname, { TEXT, 1 } },
	{ "the clock", SYS_clock_settime, { 0 } },
	{ "another end for such a call", SYS_rt_sigaction, { SIGSYS, 0, 0, 8 } },
	{ "the same in more bits", SYS_rt_sigaction, { (1UL << 32) | SIGSYS, 0, 0, 8 } },
#ifdef __x86_64__
	{ "a process by the old call", SYS_fork, { 0 } },
	{ "a call of the x32 kind", X32_BIT | SYS_getpid, { 0 } },
#endif
};

/* Where a child's words go, and whether it has SIGSYS blocked. */
static int report_fd;
static bool block_first;

static int do_call(const void *arg)
{
	const struct call *c = arg;
	const unsigned long *a = c->arg;
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGSYS);
	CHILD_CHECK(dup2(report_fd, STDERR_FILENO) == STDERR_FILENO);
	CHILD_CHECK(confine_capabilities(0) == 0);
	CHILD_CHECK(sandbox_calls() == 0);
	CHILD_CHECK(!block_first || sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	(void)syscall(c->number, a[0], a[1], a[2], a[3], a[4], a[5]);
	return 0;
}

static void test_forbidden(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(forbidden); i++) {
		const struct call *c = &forbidden[i / 2];
		char words[256] = "";
		char expected[64];
		int status;

		report_fd = memfd_create("report", MFD_CLOEXEC);
		block_first = i % 2;
		status = in_child(do_call, c);
		assert_true(pread(report_fd, words, sizeof(words) - 1, 0) >= 0);
		(void)close(report_fd);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("%s: ended with 0x%x", c->what, (unsigned)status);
		/*
		 * Who has blocked it, or calls in the manner of another architecture, is ended by the kernel at
		 * once, which has the number in its audit log.
		 */
		(void)snprintf(expected, sizeof(expected), "system call %ld is forbidden",
			       c->number);
		if (!strstr(words, expected) != (block_first || c->number >= X32_BIT))
			fail_msg("%s: said \"%s\"", c->what, words);
	}
}

static void *thread(void *arg)
{
	*(int *)arg = unshare(CLONE_FS) == 0;
	(void)pthread_setname_np(pthread_self(), "worker");
	free(malloc(300000));
	return NULL;
}

/* What is not there is answered so that callers go on without it. */
static int do_usual(const void *arg)
{
	pthread_t t;
	int done = 0;
	siginfo_t info;
	void *p;

	(void)arg;
	CHILD_CHECK(sandbox_calls() == 0);
	CHILD_CHECK(pthread_create(&t, NULL, thread, &done) == 0);
	CHILD_CHECK(pthread_join(t, NULL) == 0 && done);
	p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHILD_CHECK(p != MAP_FAILED && munmap(p, 1 << 20) == 0);
	CHILD_CHECK(waitid(P_ALL, 0, &info, WEXITED) < 0 && errno == ECHILD);
	CHILD_CHECK(syscall(SYS_pidfd_send_signal, 0, 0, NULL, 0) < 0 && errno == EPERM);
	CHILD_CHECK(open("/nonexistent", O_RDONLY) < 0 && errno == ENOENT);
	return 0;
}

static void test_usual(void **state)
{
	(void)state;
	assert_int_equal(in_child(do_usual, NULL), 0);
}

static int do_drop(const void *arg)
{
	const uint64_t keep = UINT64_C(1) << CAP_CHOWN;

	(void)arg;
	CHILD_CHECK(confine_capabilities(keep) == 0);
	CHILD_CHECK(confine_held() == keep);
	CHILD_CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		CHILD_CHECK(prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 0);
	/* And what was not held cannot be kept. */
	CHILD_CHECK(confine_capabilities(keep | UINT64_C(1) << CAP_SYS_ADMIN) == -EPERM);
	return 0;
}

static bool is_root(void)
{
	if (geteuid() == 0)
		return true;
	print_message("this test needs root\n");
	return false;
}

static void test_capabilities(void **state)
{
	(void)state;
	if (!is_root())
		skip();
	assert_int_equal(in_child(do_drop, NULL), 0);
}

static int read_map(const char *path, unsigned ret[3])
{
	CLEANUP(file_closep) FILE *f = fopen(path, "re");

	CHILD_CHECK(f && fscanf(f, "%u %u %u", &ret[0], &ret[1], &ret[2]) == 3);
	return 0;
}

/* As root, everybody; else only oneself. In both, nothing over the namespace that we come from. */
static int do_user(const void *arg)
{
	const bool root = arg != NULL;
	const uid_t uid = root ? 0 : NOBODY;
	unsigned map[3];
	struct stat before, after;
	struct err err = { "" };

	CHILD_CHECK(stat("/proc/self/ns/user", &before) == 0);
	if (!root && geteuid() == 0)
		CHILD_CHECK(setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0 &&
			    prctl(PR_SET_DUMPABLE, 1) == 0);
	CHILD_CHECK(user_namespace_enter(&err) == 0);
	CHILD_CHECK(read_map("/proc/self/uid_map", map) == 0);
	CHILD_CHECK(map[0] == map[1] && map[0] == geteuid());
	CHILD_CHECK(root ? map[2] > 1 : map[2] == 1);
	CHILD_CHECK(read_map("/proc/self/gid_map", map) == 0);
	CHILD_CHECK(map[0] == map[1] && map[0] == getegid());
	/* Everything inside, which is another namespace. */
	CHILD_CHECK(confine_held() & UINT64_C(1) << CAP_SYS_ADMIN);
	CHILD_CHECK(stat("/proc/self/ns/user", &after) == 0 && after.st_ino != before.st_ino);
	return 0;
}

static void test_user_namespace(void **state)
{
	(void)state;
	if (is_root())
		assert_int_equal(in_child(do_user, "root"), 0);
	assert_int_equal(in_child(do_user, NULL), 0);
}

/* A plain chroot has no user namespaces: the error says so and what to do, and nothing runs unlocked. */
static int do_chroot(const void *arg)
{
	const struct sandbox_plan plan = { .how = REF_SANDBOX_NAMESPACE,
					   .shared_dir = "/",
					   .signal_fd = -1 };
	const char *dir = arg;
	struct sandbox s;
	struct err err = { "" };

	CHILD_CHECK(unshare(CLONE_NEWNS) == 0 &&
		    mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) == 0);
	CHILD_CHECK(mount("/", dir, NULL, MS_BIND | MS_REC, NULL) == 0 && chroot(dir) == 0);
	CHILD_CHECK(sandbox_enter(&plan, &s, &err) == -EPERM);
	CHILD_CHECK(strstr(err.text, "user namespace") && strstr(err.text, "--sandbox none"));
	return 0;
}

static void test_not_allowed(void **state)
{
	char dir[] = "/tmp/vq-sandbox-XXXXXX";
	int status;

	(void)state;
	if (!is_root())
		skip();
	assert_non_null(mkdtemp(dir));
	status = in_child(do_chroot, dir);
	(void)rmdir(dir);
	assert_int_equal(status, 0);
}

#ifdef __SANITIZE_ADDRESS__
static int do_overflow(const void *arg)
{
	volatile size_t size = 16;
	volatile char *p = malloc(size);

	CHILD_CHECK(dup2(*(const int *)arg, STDERR_FILENO) >= 0 && sandbox_calls() == 0);
	p[size] = 1;
	return 0;
}

static int do_wrap(const void *arg)
{
	volatile int n = INT32_MAX;

	CHILD_CHECK(dup2(*(const int *)arg, STDERR_FILENO) >= 0 && sandbox_calls() == 0);
	n = n + 1;
	return 0;
}

/* What a sanitizer finds in the parser is said, and ends it with a code of its own, not for a forbidden call. */
static void test_reports(void **state)
{
	static const struct {
		int (*body)(const void *arg);
		const char *says[3];
	} rows[] = {
		{ do_overflow, { "heap-buffer-overflow", "do_overflow", "allocated by" } },
		{ do_wrap, { "signed integer overflow", "test_ref_sandbox.c", "int" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char name[] = "/tmp/vq-report-XXXXXX";
		char report[16384] = "";
		int fd = mkstemp(name);

		assert_true(fd >= 0 && unlink(name) == 0);
		assert_int_equal(in_child(rows[i].body, &fd), W_EXITCODE(1, 0));
		assert_true(pread(fd, report, sizeof(report) - 1, 0) > 0);
		for (size_t j = 0; j < ARRAY_SIZE(rows[i].says); j++)
			assert_non_null(strstr(report, rows[i].says[j]));
		(void)close(fd);
	}
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef __SANITIZE_ADDRESS__
		cmocka_unit_test(test_reports),
#endif
		cmocka_unit_test(test_forbidden),    cmocka_unit_test(test_usual),
		cmocka_unit_test(test_capabilities), cmocka_unit_test(test_user_namespace),
		cmocka_unit_test(test_not_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
