// SPDX-License-Identifier: Apache-2.0
/* The broker of the passthrough mount: what it hands out, what it refuses, and how it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fs.h"
#include "conformance/ref/broker/broker.h"
#include "conformance/ref/broker/inside.h"
#include "conformance/ref/broker/message.h"

#define MAP_BYTES   (2 * MIB)
#define PAGE	    4096
#define DEADLINE_MS 20000

static struct broker *broker; /* of the test that runs */

static int setup(void **state)
{
	struct err err;

	(void)state;
	broker = NULL;
	if (geteuid() != 0)
		return 0;
	if (broker_start(&broker, &err) < 0) {
		print_message("%s\n", err.text);
		return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	broker = broker_stop(broker);
	while (waitpid(-1, NULL, 0) > 0) /* what tests have orphaned */
		;
	return 0;
}

static void need_root(void)
{
	if (broker)
		return;
	print_message("the broker needs root\n");
	skip();
}

static int new_file(size_t size)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static int pass(int file, int *ret)
{
	struct stat st;

	assert_int_equal(fstat(file, &st), 0);
	return broker_file(broker, st.st_dev, st.st_ino, file, ret);
}

/* The same for a regular file, by a description of its own, so that assert_only_ours() sees who keeps it. */
static int pass_anew(int file, int *ret)
{
	char path[64];
	int own, e;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	own = open(path, O_RDWR | O_CLOEXEC);
	assert_true(own >= 0);
	e = pass(own, ret);
	assert_int_equal(close(own), 0);
	return e;
}

static uint8_t *map_of(int fd)
{
	void *map = mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	assert_true(map != MAP_FAILED);
	return map;
}

static unsigned count_fds(pid_t pid)
{
	char path[64];
	unsigned count = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count;
}

static pid_t opener_of(pid_t server)
{
	char path[80];
	struct buf text = { 0 };
	pid_t pid;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)server, (int)server);
	assert_int_equal(fs_read(path, 100, &text, NULL), 0);
	pid = (pid_t)atoi(buf_text(&text));
	buf_free(&text);
	assert_true(pid > 0);
	return pid;
}

/* Gone, or a zombie that only its parent keeps. */
static bool has_ended(pid_t pid)
{
	char path[64];
	struct buf text = { 0 };
	bool ended;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	ended = fs_read(path, 4096, &text, NULL) < 0 || strstr(buf_text(&text), ") Z ") ||
		strstr(buf_text(&text), ") X ");
	buf_free(&text);
	return ended;
}

static void await_end(pid_t pid)
{
	uint64_t deadline = clock_deadline_ms(DEADLINE_MS);

	while (!has_ended(pid)) {
		assert_true(clock_now_ns() < deadline);
		(void)usleep(1000);
	}
}

/* Nobody else has it open: only then may it be leased for writing. The kernel lets go asynchronously. */
static void assert_only_ours(int file)
{
	uint64_t deadline = clock_deadline_ms(DEADLINE_MS);

	while (fcntl(file, F_SETLEASE, F_WRLCK) < 0) {
		assert_int_equal(errno, EAGAIN);
		assert_true(clock_now_ns() < deadline);
		(void)usleep(1000);
	}
	assert_int_equal(fcntl(file, F_SETLEASE, F_UNLCK), 0);
}

static void test_coherent(void **state)
{
	int file, fd = -1;
	uint8_t *map;
	uint8_t byte;

	(void)state;
	need_root();
	file = new_file(100);
	assert_int_equal(pass_anew(file, &fd), 0);
	map = map_of(fd);
	for (unsigned i = 0; i < 100; i++)
		map[i] = (uint8_t)(i + 1);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(pread(file, &byte, 1, i), 1);
		assert_int_equal(byte, i + 1);
		byte = (uint8_t)~i;
		assert_int_equal(pwrite(file, &byte, 1, i), 1);
		assert_int_equal(map[i], byte);
	}
	/* Behind the last page, after growth; and the last byte of the map. */
	assert_int_equal(pwrite(file, "x", 1, 5 * PAGE + 3), 1);
	assert_int_equal(map[5 * PAGE + 3], 'x');
	assert_int_equal(pwrite(file, "y", 1, MAP_BYTES - 1), 1);
	assert_int_equal(map[MAP_BYTES - 1], 'y');
	map[MAP_BYTES - 2] = 'z';
	assert_int_equal(pread(file, &byte, 1, MAP_BYTES - 2), 1);
	assert_int_equal(byte, 'z');
	/* Neither descriptor is needed by a map. */
	assert_int_equal(close(fd), 0);
	assert_int_equal(pwrite(file, "w", 1, 7), 1);
	assert_int_equal(map[7], 'w');
	assert_int_equal(munmap(map, MAP_BYTES), 0);
	assert_only_ours(file);
	assert_int_equal(close(file), 0);
}

/* Signal that a touch of @at ends a child with; 0: none. */
static int touch_signal(const uint8_t *at)
{
	const struct rlimit no_core = { 0, 0 };
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		(void)setrlimit(RLIMIT_CORE, &no_core);
		(void)signal(SIGBUS, SIG_DFL);
		_exit(*(const volatile uint8_t *)at);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void test_sigbus_behind_the_last_page_only(void **state)
{
	int file, fd = -1;
	uint8_t *map;

	(void)state;
	need_root();
	file = new_file(PAGE + 1);
	assert_int_equal(pass_anew(file, &fd), 0);
	map = map_of(fd);
	assert_int_equal(touch_signal(map + 2 * PAGE - 1), 0);
	assert_int_equal(touch_signal(map + 2 * PAGE), SIGBUS);
	assert_int_equal(ftruncate(file, 2 * PAGE + 1), 0);
	assert_int_equal(touch_signal(map + 2 * PAGE), 0);
	assert_int_equal(ftruncate(file, 0), 0);
	assert_int_equal(touch_signal(map), SIGBUS);
	assert_int_equal(munmap(map, MAP_BYTES), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(close(file), 0);
}

/* What a front end that runs as somebody else does with a descriptor before it maps it. */
static void test_other_user(void **state)
{
	int file, fd = -1;
	struct statfs fs;
	struct stat st;
	int status;
	pid_t pid;

	(void)state;
	need_root();
	file = new_file(1);
	assert_int_equal(pass_anew(file, &fd), 0);
	pid = fork();
	if (pid == 0) {
		if (setresuid(65534, 65534, 65534) < 0)
			_exit(1);
		if (fstat(fd, &st) < 0 || st.st_size != BROKER_FILE_BYTES || !S_ISREG(st.st_mode))
			_exit(2);
		if (lseek(fd, 0, SEEK_END) != BROKER_FILE_BYTES)
			_exit(3);
		if (fstatfs(fd, &fs) < 0 || fs.f_bsize != PAGE)
			_exit(4);
		if (mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED)
			_exit(5);
		_exit((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR && ftruncate(fd, 1) < 0 ? 0 : 6);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(close(fd), 0);
	assert_int_equal(close(file), 0);
}

static int raw(const void *data, size_t size, int fd, int *ret_error)
{
	struct broker_reply reply;
	int got = -1;
	int e = message_send(broker_socket(broker), data, size, fd, 0);

	if (e == 0)
		e = message_receive(broker_socket(broker), &reply, sizeof(reply), &got);
	if (e == 0)
		*ret_error = reply.error;
	fd_closep(&got);
	return e;
}

static void refused(int fd, int expected)
{
	int got = -1;

	assert_int_equal(pass(fd, &got), expected);
	assert_int_equal(got, -1);
}

static void test_refuses(void **state)
{
	struct broker_request q[2] = { { 0 } };
	char path[64];
	struct stat st;
	int file, other, error = 0, fd = -1, pair[2];

	(void)state;
	need_root();
	file = new_file(10);
	assert_int_equal(fstat(file, &st), 0);
	q[0] = (struct broker_request){ .dev = st.st_dev, .ino = st.st_ino };
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	other = open(path, O_RDONLY | O_CLOEXEC);
	refused(other, -EACCES);
	assert_int_equal(close(other), 0);
	other = open(path, O_WRONLY | O_CLOEXEC);
	refused(other, -EACCES);
	assert_int_equal(close(other), 0);
	other = open(path, O_PATH | O_CLOEXEC);
	refused(other, -EACCES);
	assert_int_equal(close(other), 0);
	other = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	refused(other, -EACCES);
	assert_int_equal(close(other), 0);
	assert_int_equal(pipe(pair), 0);
	refused(pair[0], -EACCES);
	assert_int_equal(close(pair[0]) + close(pair[1]), 0);
	other = open("/dev/null", O_RDWR | O_CLOEXEC);
	refused(other, -EACCES);
	assert_int_equal(close(other), 0);
	/* Another file than the one that is named. */
	assert_int_equal(broker_file(broker, st.st_dev, st.st_ino + 1, file, &fd), -ESTALE);
	assert_int_equal(broker_file(broker, st.st_dev + 1, st.st_ino, file, &fd), -ESTALE);
	/* No descriptor; too much; too little; and it still serves. */
	assert_int_equal(raw(q, sizeof(q[0]), -1, &error), 0);
	assert_int_equal(error, -EPROTO);
	assert_int_equal(raw(q, sizeof(q), file, &error), 0);
	assert_int_equal(error, -EPROTO);
	assert_int_equal(raw(q, 1, file, &error), 0);
	assert_int_equal(error, -EPROTO);
	assert_int_equal(pass_anew(file, &fd), 0);
	/* A file of the private mount itself: no chain of them. */
	refused(fd, -ELOOP);
	assert_int_equal(close(fd), 0);
	assert_only_ours(file);
	assert_int_equal(close(file), 0);
}

static void test_cycles_leak_nothing(void **state)
{
	unsigned before[3];
	int file[3], fd[4];
	pid_t server;

	(void)state;
	need_root();
	server = broker_pid(broker);
	for (unsigned i = 0; i < ARRAY_SIZE(file); i++)
		file[i] = new_file(i + 1);
	before[0] = count_fds(getpid());
	before[1] = count_fds(server);
	before[2] = count_fds(opener_of(server));
	for (unsigned i = 0; i < 5000; i++) {
		for (unsigned k = 0; k < ARRAY_SIZE(fd); k++)
			assert_int_equal(pass_anew(file[(i + k) % ARRAY_SIZE(file)], &fd[k]), 0);
		for (unsigned k = 0; k < ARRAY_SIZE(fd); k++)
			assert_int_equal(close(fd[k]), 0);
	}
	assert_int_equal(count_fds(getpid()), before[0]);
	/* Files come and go by themselves there; a leak would be of thousands. */
	assert_in_range(count_fds(server), before[1] - 2, before[1] + 2);
	/* Its last file may be on its way out. */
	assert_in_range(count_fds(opener_of(server)), before[2], before[2] + 1);
	for (unsigned i = 0; i < ARRAY_SIZE(file); i++) {
		assert_only_ours(file[i]);
		assert_int_equal(close(file[i]), 0);
	}
}

static void test_bounded(void **state)
{
	struct rlimit limit;
	static int fd[BROKER_FILES_MAX];
	int file, last = -1, extra = -1;
	uint64_t deadline = clock_deadline_ms(DEADLINE_MS);

	(void)state;
	need_root();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < BROKER_FILES_MAX + 100)
		skip();
	for (unsigned i = 0; i < ARRAY_SIZE(fd); i++) {
		file = new_file(1);
		assert_int_equal(pass(file, &fd[i]), 0);
		fd_closep(&last);
		last = file;
	}
	file = new_file(1);
	refused(file, -ENFILE);
	/* One that is open already takes no more room. */
	assert_int_equal(pass(last, &extra), 0);
	assert_int_equal(close(extra), 0);
	assert_int_equal(close(last), 0);
	extra = -1;
	assert_int_equal(close(fd[0]), 0);
	while (pass(file, &extra) < 0)
		assert_true(clock_now_ns() < deadline);
	fd[0] = extra;
	for (unsigned i = 0; i < ARRAY_SIZE(fd); i++)
		assert_int_equal(close(fd[i]), 0);
	assert_only_ours(file);
	assert_int_equal(close(file), 0);
}

/* The broker's own capabilities, as /proc shows them. */
static uint64_t status_hex(pid_t pid, const char *key)
{
	char path[64];
	struct buf text = { 0 };
	const char *at;
	uint64_t value;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	assert_int_equal(fs_read(path, 65536, &text, NULL), 0);
	at = strstr(buf_text(&text), key);
	assert_non_null(at);
	value = strtoull(at + strlen(key), NULL, 16);
	buf_free(&text);
	return value;
}

static void test_confined(void **state)
{
	pid_t pid[2];

	(void)state;
	need_root();
	pid[0] = broker_pid(broker);
	pid[1] = opener_of(pid[0]);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t keep = i == 0 ? UINT64_C(1) << 21 : 0; /* CAP_SYS_ADMIN */

		assert_int_equal(status_hex(pid[i], "CapEff:"), keep);
		assert_int_equal(status_hex(pid[i], "CapPrm:"), keep);
		assert_int_equal(status_hex(pid[i], "CapBnd:"), 0);
		assert_int_equal(status_hex(pid[i], "CapInh:"), 0);
		assert_int_equal(status_hex(pid[i], "CapAmb:"), 0);
		assert_int_equal(status_hex(pid[i], "NoNewPrivs:"), 1);
		assert_int_equal(status_hex(pid[i], "Seccomp:"), 2);
	}
	/* /dev/null three times, the socket, and what each one is for: two more each, and "." and "..". */
	assert_int_equal(count_fds(pid[0]), 2 + 3 + 1 + 2);
	assert_int_equal(count_fds(pid[1]), 2 + 3 + 1 + 1);
}

static void test_server_killed(void **state)
{
	int file, fd = -1, more = -1;
	pid_t server, opener;
	struct stat st;
	uint8_t *map;

	(void)state;
	need_root();
	file = new_file(10);
	server = broker_pid(broker);
	opener = opener_of(server);
	assert_int_equal(pass_anew(file, &fd), 0);
	map = map_of(fd);
	assert_int_equal(kill(server, SIGKILL), 0);
	await_end(server);
	await_end(opener);
	assert_int_equal(pass(file, &more), -ENOTCONN);
	assert_int_equal(pass(file, &more), -ENOTCONN);
	/* What is mapped stays; the descriptor answers at once, and closes. */
	map[3] = 'q';
	assert_int_equal(pwrite(file, "r", 1, 4), 1);
	assert_int_equal(map[4], 'r');
	(void)fstat(fd, &st);
	assert_int_equal(close(fd), 0);
	assert_int_equal(munmap(map, MAP_BYTES), 0);
	assert_only_ours(file);
	assert_int_equal(close(file), 0);
}

static void test_opener_killed(void **state)
{
	int file, fd = -1;
	pid_t server;

	(void)state;
	need_root();
	file = new_file(10);
	server = broker_pid(broker);
	assert_int_equal(kill(opener_of(server), SIGKILL), 0);
	await_end(server);
	assert_int_equal(pass_anew(file, &fd), -ENOTCONN);
	assert_int_equal(close(file), 0);
}

/* A signal that stops it breaks the open it waits in; it must ask again. */
static void test_opener_stopped(void **state)
{
	int file, fd = -1;
	pid_t opener;

	(void)state;
	need_root();
	file = new_file(10);
	opener = opener_of(broker_pid(broker));
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(kill(opener, SIGSTOP), 0);
		assert_int_equal(kill(opener, SIGCONT), 0);
		assert_int_equal(kill(broker_pid(broker), SIGTERM), 0);
		assert_int_equal(pass_anew(file, &fd), 0);
		assert_int_equal(close(fd), 0);
	}
	assert_only_ours(file);
	assert_int_equal(close(file), 0);
}

/* The parser dies without a word, with a file mapped. */
static void test_parser_killed(void **state)
{
	pid_t pid[2], parser;
	int report[2];
	int status;

	(void)state;
	need_root();
	assert_int_equal(pipe(report), 0);
	parser = fork();
	if (parser == 0) {
		struct broker *own = NULL;
		pid_t mine[2];

		if (broker_start(&own, NULL) < 0)
			_exit(1);
		mine[0] = broker_pid(own);
		mine[1] = opener_of(mine[0]);
		if (write(report[1], mine, sizeof(mine)) != sizeof(mine))
			_exit(2);
		(void)pause();
	}
	assert_int_equal(read(report[0], pid, sizeof(pid)), sizeof(pid));
	assert_int_equal(kill(parser, SIGKILL), 0);
	assert_int_equal(waitpid(parser, &status, 0), parser);
	await_end(pid[0]);
	await_end(pid[1]);
	assert_int_equal(close(report[0]) + close(report[1]), 0);
}

static void test_stop_leaves_nothing(void **state)
{
	pid_t server, opener;

	(void)state;
	need_root();
	server = broker_pid(broker);
	opener = opener_of(server);
	broker = broker_stop(broker);
	assert_int_equal(kill(server, 0), -1);
	assert_int_equal(kill(opener, 0), -1);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_coherent),
		TEST(test_sigbus_behind_the_last_page_only),
		TEST(test_other_user),
		TEST(test_refuses),
		TEST(test_cycles_leak_nothing),
		TEST(test_bounded),
		TEST(test_confined),
		TEST(test_server_killed),
		TEST(test_opener_killed),
		TEST(test_opener_stopped),
		TEST(test_parser_killed),
		TEST(test_stop_leaves_nothing),
	};

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
