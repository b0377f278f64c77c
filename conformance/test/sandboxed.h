/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_TEST_SANDBOXED_H
#define VQ_CONFORMANCE_TEST_SANDBOXED_H

/* virtiofs-refdev as it is started by people, in a folder of its own, and the processes it consists of. */

#include "base/clock.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/strv.h"
#include "conformance/front/fuse.h"
#include "conformance/test/processes.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define NOBODY 65534
/* Keeper, parser, broker, opener. */
#define PROCESSES_MAX 4
#define START_MS      5000

/* More words of a command line. */
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

struct fixture {
	char dir[64];
	char share[80];
	char socket[80];
	char log[80];
	struct proc daemon;
	pid_t parser;
	int pidfd[PROCESSES_MAX]; /* of all its processes */
	size_t count;
	struct front *f;
	struct err err;
};

/* A check that keeps the reason: asserts of cmocka would leave the daemon behind. */
#define CHECK(what)                                                              \
	do {                                                                     \
		if (!(what)) {                                                   \
			print_message("%s:%d: %s\n", __FILE__, __LINE__, #what); \
			return -1;                                               \
		}                                                                \
	} while (0)

/* Of the flavour that the test is. */
static char *program_path(void)
{
	char self[256];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return NULL;
	self[n] = '\0';
	for (int i = 0; i < 2; i++) {
		char *slash = strrchr(self, '/');

		if (!slash)
			return NULL;
		*slash = '\0';
	}
	return fs_path("%s/virtiofs-refdev", self);
}

static int start(struct fixture *t, uid_t uid, const char *sandbox, const char *const *more)
{
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(freep) char *program = program_path();
	CLEANUP(fd_closep) int log = open(t->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	CLEANUP(fd_closep) int leak = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Whoever starts it may be careless, too. */
	struct proc_spec spec = { .stdout_fd = log,
				  .stderr_fd = log,
				  .uid = uid,
				  .gid = uid,
				  .keep_fds = &leak,
				  .keep_count = 1 };
	uint64_t deadline = clock_deadline_ms(START_MS);

	strv_add(&argv, program ? program : "");
	strv_addf(&argv, "--socket-path=%s", t->socket);
	strv_addf(&argv, "--shared-dir=%s", t->share);
	strv_add(&argv, "--xattr");
	if (sandbox)
		strv_addf(&argv, "--sandbox=%s", sandbox);
	for (; more && *more; more++)
		strv_add(&argv, *more);
	if (strv_failed(&argv))
		return -ENOMEM;
	spec.argv = argv.item;
	CHECK(proc_start(&spec, &t->daemon, &t->err) == 0);
	while (!fs_exists(t->socket)) {
		CHECK(proc_alive(&t->daemon) && clock_left_ms(deadline) > 0);
		(void)poll(NULL, 0, 5);
	}
	return 0;
}

static int add_process(struct fixture *t, pid_t pid)
{
	CHECK(t->count < PROCESSES_MAX);
	t->pidfd[t->count] = (int)syscall(SYS_pidfd_open, pid, 0);
	CHECK(t->pidfd[t->count] >= 0);
	t->count++;
	return 0;
}

static int add_below(void *context, pid_t child)
{
	struct fixture *t = context;
	char name[32];

	CHECK(add_process(t, child) == 0 && process_name(child, name, sizeof(name)) == 0);
	/* One more below it opens files for it. */
	return strcmp(name, "refdev-broker") == 0 ? process_children(child, add_below, t) : 0;
}

/* Connected: then all of it is there. */
static int connect_front(struct fixture *t, bool sandboxed)
{
	const struct front_options o = { .path = t->socket, .window = true };

	CHECK(front_new(&o, &t->f, &t->err) == 0);
	CHECK(front_init(t->f, 0, NULL) == 0);
	t->parser = process_parser(t->daemon.pid);
	CHECK(t->parser > 0 && add_process(t, t->daemon.pid) == 0);
	CHECK(process_children(t->daemon.pid, add_below, t) == 0);
	CHECK((t->parser != t->daemon.pid) == sandboxed);
	return 0;
}

static int set_up(struct fixture *t, uid_t uid)
{
	const char *tmp = getenv("TMPDIR");

	*t = (struct fixture){ .count = 0 };
	(void)snprintf(t->dir, sizeof(t->dir), "%.40s/vq-sandbox-XXXXXX",
		       tmp && *tmp ? tmp : "/tmp");
	CHECK(mkdtemp(t->dir));
	(void)snprintf(t->share, sizeof(t->share), "%s/share", t->dir);
	(void)snprintf(t->socket, sizeof(t->socket), "%s/socket", t->dir);
	(void)snprintf(t->log, sizeof(t->log), "%s/log", t->dir);
	CHECK(mkdir(t->share, 0755) == 0);
	if (uid != 0)
		CHECK(chown(t->dir, uid, uid) == 0 && chown(t->share, uid, uid) == 0);
	return 0;
}

static int tear_down(struct fixture *t, int e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	char fate[32];

	t->f = front_free(t->f);
	if (e == 0 && t->daemon.running) {
		/* When it is asked to: with success, as a sanitizer speaks by its exit code. */
		(void)proc_end(&t->daemon, 3000);
		if (strcmp(proc_fate(&t->daemon, fate, sizeof(fate)), "exited:0") != 0) {
			(void)err_set(&t->err, -EIO, "the daemon: %s", fate);
			e = -EIO;
		}
	}
	if (e < 0 && fs_read(t->log, 64 * KIB, &text, NULL) == 0)
		(void)printf("%s\n%s\n", t->err.text, buf_text(&text));
	(void)proc_end(&t->daemon, 3000);
	/* What a broken device left. */
	for (size_t i = 0; i < t->count; i++) {
		(void)syscall(SYS_pidfd_send_signal, t->pidfd[i], SIGKILL, NULL, 0);
		fd_closep(&t->pidfd[i]);
	}
	if (fs_remove_tree(t->dir, &t->err) < 0)
		print_message("%s\n", t->err.text);
	return e;
}

#endif
