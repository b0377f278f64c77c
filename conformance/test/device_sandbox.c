// SPDX-License-Identifier: Apache-2.0
/* virtiofs-refdev in its sandbox, seen from outside: what its parser can reach, what it cannot, how it ends. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conformance/test/sandboxed.h"

#define DAX WORDS("--dax=always")

static int read_proc(const struct fixture *t, const char *name, struct buf *ret)
{
	CLEANUP(freep) char *path = fs_path("/proc/%d/%s", t->parser, name);

	buf_clear(ret);
	CHECK(path && fs_read(path, MIB, ret, NULL) == 0);
	return 0;
}

/* A number of /proc/PID/status. */
static int status_of(const struct fixture *t, const char *name, int base, uint64_t *ret)
{
	CLEANUP(buf_free) struct buf b = { 0 };
	CLEANUP(freep) char *key = fs_path("\n%s:\t", name);
	const char *at;

	CHECK(key && read_proc(t, "status", &b) == 0);
	at = strstr(buf_text(&b), key);
	CHECK(at);
	*ret = strtoull(at + strlen(key), NULL, base);
	return 0;
}

/* Is its namespace of this kind ours? */
static int shares_namespace(const struct fixture *t, const char *kind, bool *ret)
{
	CLEANUP(freep) char *theirs = fs_path("/proc/%d/ns/%s", t->parser, kind);
	CLEANUP(freep) char *ours = fs_path("/proc/self/ns/%s", kind);
	struct stat a, b;

	CHECK(theirs && ours && stat(theirs, &a) == 0 && stat(ours, &b) == 0);
	*ret = a.st_ino == b.st_ino;
	return 0;
}

static int check_namespaces(const struct fixture *t, bool user_too)
{
	static const char *const kinds[] = { "mnt", "pid", "net", "ipc", "uts", "user" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const bool own = user_too || strcmp(kinds[i], "user") != 0;
		bool shared;

		CHECK(shares_namespace(t, kinds[i], &shared) == 0);
		CHECK(shared == !own);
	}
	return 0;
}

/* CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, SETGID, SETUID, MKNOD, SETFCAP. */
#define CAPS_OF_ROOT UINT64_C(0x880000df)

static int check_limits(const struct fixture *t, uint64_t caps)
{
	uint64_t n;

	CHECK(status_of(t, "Seccomp", 10, &n) == 0 && n == 2);
	CHECK(status_of(t, "NoNewPrivs", 10, &n) == 0 && n == 1);
	/* Of these, what the one who started it had. */
	CHECK(status_of(t, "CapPrm", 16, &n) == 0 && (n & ~caps) == 0);
	CHECK(caps == 0 || n != 0);
	CHECK(status_of(t, "CapBnd", 16, &n) == 0 && n == 0);
	CHECK(status_of(t, "CapAmb", 16, &n) == 0 && n == 0);
	return 0;
}

/* One mount, which is the share; no network but an own lo, which is down. */
static int check_reach(const struct fixture *t)
{
	CLEANUP(buf_free) struct buf b = { 0 };
	CLEANUP(freep) char *inside = fs_path("/proc/%d/root/inside", t->parser);
	CLEANUP(freep) char *outside = fs_path("/proc/%d/root/../../etc", t->parser);
	CLEANUP(freep) char *proc = fs_path("/proc/%d/root/proc", t->parser);
	const char *at;

	CHECK(inside && outside && proc);
	CHECK(fs_exists(inside) && !fs_exists(outside) && !fs_exists(proc));
	CHECK(read_proc(t, "mountinfo", &b) == 0);
	at = strchr(buf_text(&b), '\n');
	CHECK(at && at[1] == '\0' && strstr(buf_text(&b), " / rw,nosuid,nodev"));
	CHECK(read_proc(t, "net/dev", &b) == 0);
	at = strchr(buf_text(&b), '\n');
	at = at ? strchr(at + 1, '\n') : NULL;
	CHECK(at && strstr(at, "lo:"));
	at = strchr(at + 1, '\n');
	CHECK(at && at[1] == '\0');
	return 0;
}

/* No folder but the share and its own /proc/PID/fd, nothing but what it is for. */
static int check_descriptors(const struct fixture *t)
{
	CLEANUP(freep) char *path = fs_path("/proc/%d/fd", t->parser);
	CLEANUP(dir_closep) DIR *dir = path ? opendir(path) : NULL;
	unsigned folders = 0;
	struct dirent *d;
	struct stat st;

	CHECK(dir);
	while ((d = readdir(dir))) {
		if (*d->d_name == '.' || atoi(d->d_name) <= STDERR_FILENO)
			continue;
		CHECK(fstatat(dirfd(dir), d->d_name, &st, 0) == 0);
		folders += S_ISDIR(st.st_mode);
	}
	/* The share for the device and once more for its session. */
	CHECK(folders == 3);
	return 0;
}

/* Names that lead out, as far as a guest can say them. */
static int try_to_leave(struct fixture *t)
{
	static const char *const names[] = { "..", ".", "../x", "up/../..", "absolute/passwd" };
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	char target[64];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		CHECK(front_lookup(t->f, FRONT_ROOT, names[i], &entry) < 0);
	CHECK(front_symlink(t->f, FRONT_ROOT, "up", "../../..", &entry) == 0);
	CHECK(front_lookup(t->f, entry.nodeid, "etc", &entry) == -ENOTDIR);
	CHECK(front_symlink(t->f, FRONT_ROOT, "absolute", "/etc/passwd", &entry) == 0);
	CHECK(S_ISLNK(entry.attr.mode));
	CHECK(front_readlink(t->f, entry.nodeid, target, sizeof(target)) == 0);
	CHECK(strcmp(target, "/etc/passwd") == 0);
	CHECK(front_open_file(t->f, entry.nodeid, O_RDONLY, &open) < 0);
	return 0;
}

static int run_confined(struct fixture *t, const char *how, uid_t uid)
{
	CLEANUP(freep) char *inside = fs_path("%s/inside", t->share);
	const bool user_too = !how || strcmp(how, "privileged") != 0;

	CHECK(inside && fs_write_atomic(inside, "x", 1, &t->err) == 0);
	CHECK(start(t, uid, how, uid ? NULL : DAX) == 0 && connect_front(t, true) == 0);
	CHECK(check_namespaces(t, user_too) == 0);
	CHECK(check_limits(t, uid ? 0 : CAPS_OF_ROOT) == 0);
	CHECK(check_reach(t) == 0);
	CHECK(check_descriptors(t) == 0);
	CHECK(try_to_leave(t) == 0);
	return 0;
}

static bool is_root(void)
{
	if (geteuid() == 0)
		return true;
	print_message("this test needs root\n");
	return false;
}

static void confined(void **state)
{
	/* NULL: what is not said is safe. */
	static const char *const modes[] = { NULL, "namespace", "privileged" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct fixture t;
		int e = set_up(&t, 0);

		if (geteuid() != 0 && modes[i] && strcmp(modes[i], "privileged") == 0)
			e = tear_down(&t, e);
		else
			e = tear_down(&t, e < 0 ? e : run_confined(&t, modes[i], geteuid()));
		assert_int_equal(e, 0);
	}
}

static int run_unprivileged(struct fixture *t)
{
	const struct fuse_setattr_in in = { .valid = FATTR_UID, .uid = 1 };
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	struct fuse_attr_out out;

	CHECK(run_confined(t, NULL, NOBODY) == 0);
	CHECK(front_create(t->f, FRONT_ROOT, "made", O_RDWR, S_IFREG | 0640, &entry, &open) == 0);
	CHECK(entry.attr.uid == NOBODY && entry.attr.gid == NOBODY);
	CHECK(front_setxattr(t->f, entry.nodeid, "user.a", "b", 1, 0) == 0);
	/* User 0 of the guest, and nobody special here; the host has no other user for us. */
	CHECK(front_setattr(t->f, entry.nodeid, &in, &out) == -EINVAL);
	return 0;
}

static void unprivileged(void **state)
{
	struct fixture t;
	int e;

	(void)state;
	if (!is_root())
		skip();
	e = set_up(&t, NOBODY);
	assert_int_equal(tear_down(&t, e < 0 ? e : run_unprivileged(&t)), 0);
}

/* Whatever the parser believes. */
static int run_read_only(struct fixture *t)
{
	CLEANUP(buf_free) struct buf b = { 0 };
	struct fuse_entry_out entry;

	CHECK(start(t, 0, NULL, WORDS("--readonly")) == 0 && connect_front(t, true) == 0);
	CHECK(read_proc(t, "mountinfo", &b) == 0 && strstr(buf_text(&b), " / ro,"));
	CHECK(front_mkdir(t->f, FRONT_ROOT, "dir", 0755, &entry) == -EROFS);
	return 0;
}

static void read_only(void **state)
{
	struct fixture t;
	int e = set_up(&t, 0);

	(void)state;
	assert_int_equal(tear_down(&t, e < 0 ? e : run_read_only(&t)), 0);
}

static int run_not_confined(struct fixture *t)
{
	uint64_t n;

	CHECK(start(t, 0, "none", NULL) == 0 && connect_front(t, false) == 0);
	CHECK(status_of(t, "Seccomp", 10, &n) == 0 && n == 0);
	return 0;
}

static void not_confined(void **state)
{
	struct fixture t;
	int e = set_up(&t, 0);

	(void)state;
	assert_int_equal(tear_down(&t, e < 0 ? e : run_not_confined(&t)), 0);
}

/* Has all of it ended by then? */
static int await_end(struct fixture *t, unsigned ms)
{
	uint64_t deadline = clock_deadline_ms(ms);

	for (size_t i = 0; i < t->count; i++) {
		struct pollfd p = { .fd = t->pidfd[i], .events = POLLIN };

		CHECK(poll(&p, 1, clock_left_ms(deadline)) == 1);
	}
	return 0;
}

/* How to end it, what the one who started it is told, and whether the socket's name goes. */
struct ending {
	const char *what;
	int signal;  /* 0: its front end leaves */
	bool parser; /* sent to the parser, not to the process that was started */
	const char *fate;
	const char *says; /* in the log; NULL: nothing is wrong */
	bool name_stays;  /* nobody was left to remove it */
};

static const struct ending endings[] = {
	{ .what = "SIGTERM", .signal = SIGTERM, .fate = "exited:0" },
	{ .what = "SIGINT", .signal = SIGINT, .fate = "exited:0" },
	{ .what = "its front end left", .fate = "exited:0" },
	{ .what = "SIGTERM to the parser", .signal = SIGTERM, .parser = true, .fate = "exited:0" },
	{ .what = "parser killed",
	  .signal = SIGKILL,
	  .parser = true,
	  .fate = "signal:9",
	  .says = "error: the device, process %d, was killed by signal 9 (Killed)\n" },
	{ .what = "keeper killed", .signal = SIGKILL, .fate = "signal:9", .name_stays = true },
};

/* One line of the log says why, with the number of the process, or none says anything. */
static int check_words(const struct fixture *t, const char *says)
{
	CLEANUP(buf_free) struct buf log = { 0 };
	const char *number = says ? strstr(says, "%d") : NULL;
	CLEANUP(freep) char *line = NULL;

	CHECK(fs_read(t->log, 64 * KIB, &log, NULL) == 0);
	if (!number) {
		CHECK(!strstr(buf_text(&log), "error:"));
		return 0;
	}
	line = fs_path("%.*s%d%s", (int)(number - says), says, (int)t->parser, number + 2);
	CHECK(line && strstr(buf_text(&log), line));
	return 0;
}

static int run_ending(struct fixture *t, const struct ending *end, bool dax)
{
	char fate[32];

	CHECK(start(t, 0, NULL, dax ? DAX : NULL) == 0 && connect_front(t, true) == 0);
	if (end->signal == 0)
		front_hang_up(t->f);
	else
		CHECK(kill(end->parser ? t->parser : t->daemon.pid, end->signal) == 0);
	CHECK(proc_wait(&t->daemon, clock_deadline_ms(1000)) == 0);
	CHECK(strcmp(proc_fate(&t->daemon, fate, sizeof(fate)), end->fate) == 0);
	CHECK(await_end(t, 1000) == 0);
	CHECK(fs_exists(t->socket) == end->name_stays);
	return check_words(t, end->says);
}

static void ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(endings); i++) {
		struct fixture t;
		int e = set_up(&t, 0);

		e = tear_down(&t, e < 0 ? e : run_ending(&t, &endings[i / 2], i % 2));
		if (e < 0)
			fail_msg("%s", endings[i / 2].what);
	}
}

/* The socket's name can be seen from inside, and is the keeper's all the same. */
static int run_whole_root(struct fixture *t)
{
	(void)snprintf(t->share, sizeof(t->share), "/");
	return run_ending(t, &endings[0], false);
}

static void whole_root(void **state)
{
	struct fixture t;
	int e = set_up(&t, 0);

	(void)state;
	assert_int_equal(tear_down(&t, e < 0 ? e : run_whole_root(&t)), 0);
}

/* What makes it fail is told by the parser and passed on by the keeper. */
static int run_no_share(struct fixture *t)
{
	CLEANUP(buf_free) struct buf log = { 0 };
	char fate[32];

	CHECK(rmdir(t->share) == 0);
	/* The socket may be there for a moment. */
	(void)start(t, 0, NULL, NULL);
	CHECK(proc_wait(&t->daemon, clock_deadline_ms(1000)) == 0);
	CHECK(strcmp(proc_fate(&t->daemon, fate, sizeof(fate)), "exited:3") == 0);
	CHECK(!fs_exists(t->socket));
	CHECK(fs_read(t->log, 4096, &log, NULL) == 0);
	CHECK(strstr(buf_text(&log), "ended with status 3\n"));
	return 0;
}

static void no_share(void **state)
{
	struct fixture t;
	int e = set_up(&t, 0);

	(void)state;
	assert_int_equal(tear_down(&t, e < 0 ? e : run_no_share(&t)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(confined),	cmocka_unit_test(unprivileged),
		cmocka_unit_test(not_confined), cmocka_unit_test(read_only),
		cmocka_unit_test(ends),		cmocka_unit_test(no_share),
		cmocka_unit_test(whole_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
