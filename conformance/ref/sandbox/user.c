// SPDX-License-Identifier: Apache-2.0
/* A user namespace: capabilities inside are none over the host. */
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/fs.h"
#include "conformance/ref/sandbox/confine.h"
#include "conformance/ref/sandbox/sandbox.h"

#define CAP(name) (UINT64_C(1) << (name))
/* What writing a map of many ids takes. */
#define MAP_CAPS (CAP(CAP_SETUID) | CAP(CAP_SETGID))
/* The kernel takes no longer map. */
#define MAP_BYTES_MAX 4096

struct maps {
	bool all;
	struct buf uid;
	struct buf gid;
};

static void maps_free(struct maps *m)
{
	buf_free(&m->uid);
	buf_free(&m->gid);
}

/* Every id that exists here, as itself: "inside outside count" of ours becomes "inside inside count". */
static int map_all(const char *path, struct buf *ret, struct err *reterr)
{
	CLEANUP(buf_free) struct buf own = { 0 };
	unsigned inside, outside, count;
	int used = 0;
	int e = fs_read(path, MAP_BYTES_MAX * 4, &own, reterr);

	if (e < 0)
		return err_prefix(reterr, e, "is /proc mounted?");
	for (const char *at = buf_text(&own);
	     e == 0 && sscanf(at, "%u %u %u %n", &inside, &outside, &count, &used) == 3; at += used)
		e = buf_printf(ret, "%u %u %u\n", inside, inside, count);
	return e < 0 ? err_errno(reterr, e, "%s", path) : 0;
}

static int maps_make(struct maps *m, struct err *reterr)
{
	int e;

	m->all = (confine_held() & MAP_CAPS) == MAP_CAPS;
	if (m->all) {
		e = map_all("/proc/self/uid_map", &m->uid, reterr);
		return e < 0 ? e : map_all("/proc/self/gid_map", &m->gid, reterr);
	}
	e = buf_printf(&m->uid, "%u %u 1\n", geteuid(), geteuid());
	if (e == 0)
		e = buf_printf(&m->gid, "%u %u 1\n", getegid(), getegid());
	return e < 0 ? err_errno(reterr, e, "maps of ids") : 0;
}

static int write_at(int proc_fd, const char *name, const void *data, size_t size)
{
	CLEANUP(fd_closep) int fd = openat(proc_fd, name, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	/* One write; the kernel takes no second one. */
	return write(fd, data, size) == (ssize_t)size ? 0 : -errno;
}

/* In a process that stays outside: who has entered may not say who he is. */
static int maps_write(const struct maps *m, int proc_fd)
{
	static const char deny[] = "deny";
	int e = 0;

	if (!m->all)
		e = write_at(proc_fd, "setgroups", deny, strlen(deny));
	if (e == 0)
		e = write_at(proc_fd, "gid_map", m->gid.data, m->gid.size);
	return e < 0 ? e : write_at(proc_fd, "uid_map", m->uid.data, m->uid.size);
}

static int await_helper(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

static int enter(const struct maps *m, int proc_fd, struct err *reterr)
{
	int pair[2];
	pid_t helper;
	char go = 0;
	int e = 0;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_errno(reterr, -errno, "pipe");
	helper = fork();
	if (helper == 0) {
		(void)close(pair[1]);
		/* Nothing comes when the namespace could not be made. */
		_exit(read(pair[0], &go, 1) == 1 ? -maps_write(m, proc_fd) : 0);
	}
	if (helper < 0) {
		e = err_errno(reterr, -errno, "fork");
	} else if (unshare(CLONE_NEWUSER) < 0) {
		e = err_errno(reterr, -errno, "cannot make a user namespace");
	} else if (write(pair[1], &go, 1) != 1) {
		e = err_errno(reterr, -errno, "pipe");
	}
	(void)close(pair[0]);
	(void)close(pair[1]);
	if (helper > 0) {
		int mapped = await_helper(helper);

		if (e == 0 && mapped < 0)
			e = err_errno(reterr, mapped, "cannot map ids into a user namespace");
	}
	return e;
}

int user_namespace_enter(struct err *reterr)
{
	CLEANUP(maps_free) struct maps m = { 0 };
	CLEANUP(fd_closep) int proc_fd = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int e;

	if (proc_fd < 0)
		return err_errno(reterr, -errno, "cannot open /proc/self (is /proc mounted?)");
	e = maps_make(&m, reterr);
	return e < 0 ? e : enter(&m, proc_fd, reterr);
}
