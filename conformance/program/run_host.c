// SPDX-License-Identifier: Apache-2.0
/*
 * What the host does in the share. Neither the program nor what the daemon made there is trusted: names are resolved
 * below the share and without links.
 */
#include "conformance/program/exec.h"

#include "conformance/front/host.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>

#define FILE_MAX (UINT64_C(1) << 40) /* of a size: holes cost nothing */

/* A folder of the share, and the last name in it. */
struct place {
	int dir;
	char path[PATH_MAX];
	const char *name;
};

static void place_close(struct place *p)
{
	fd_closep(&p->dir);
}

static int place_open(const struct program_run *r, const struct program_step *s, const char *field,
		      struct place *ret)
{
	CLEANUP(buf_free) struct buf b = { 0 };
	CLEANUP(fd_closep) int share = open(r->at->share, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	char *slash;

	if (share < 0)
		return -errno;
	if (program_bytes(r, program_get(s, field), &b) < 0)
		return -ENOMEM;
	if (b.size == 0 || b.size >= sizeof(ret->path) || memchr(b.data, '\0', b.size))
		return -EINVAL;
	memcpy(ret->path, b.data, b.size + 1);
	slash = strrchr(ret->path, '/');
	ret->name = slash ? slash + 1 : ret->path;
	if (slash)
		*slash = '\0';
	if (!*ret->name || strcmp(ret->name, ".") == 0 || strcmp(ret->name, "..") == 0)
		return -EINVAL;
	ret->dir = (int)syscall(SYS_openat2, share, slash ? ret->path : ".", &how, sizeof(how));
	return ret->dir < 0 ? -errno : 0;
}

static int open_in(const struct place *p, int flags, mode_t mode)
{
	/* Not a FIFO that nobody reads: it would block. */
	int fd = openat(p->dir, p->name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode);

	return fd < 0 ? -errno : fd;
}

static int write_at(const struct program_run *r, const struct program_step *s, int fd)
{
	CLEANUP(buf_free) struct buf b = { 0 };
	uint64_t offset = program_number(r, s, "offset", 0);
	ssize_t n;

	if (program_bytes(r, program_get(s, "bytes"), &b) < 0)
		return -ENOMEM;
	if (offset > FILE_MAX)
		return -EFBIG;
	n = b.size ? pwrite(fd, b.data, b.size, (off_t)offset) : 0;
	return n < 0 ? -errno : (size_t)n == b.size ? 0 : -EIO;
}

static int do_file(const struct program_run *r, const struct program_step *s, const struct place *p)
{
	bool makes = s->verb->act == ACT_HOST_FILE;
	mode_t mode = (mode_t)(program_number(r, s, "mode", 0644) & 07777);
	CLEANUP(fd_closep)
	int fd = open_in(p, O_WRONLY | (makes ? O_CREAT | O_TRUNC : 0), mode);

	if (fd < 0)
		return fd;
	/* Past the umask. */
	if (makes && fchmod(fd, mode) < 0)
		return -errno;
	return write_at(r, s, fd);
}

static int do_truncate(const struct program_run *r, const struct program_step *s,
		       const struct place *p)
{
	uint64_t size = program_number(r, s, "size", 0);
	CLEANUP(fd_closep) int fd = open_in(p, O_WRONLY, 0);

	if (fd < 0)
		return fd;
	return size > FILE_MAX ? -EFBIG : ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
}

static int do_symlink(const struct program_run *r, const struct program_step *s,
		      const struct place *p)
{
	CLEANUP(buf_free) struct buf b = { 0 };

	if (program_bytes(r, program_get(s, "target"), &b) < 0)
		return -ENOMEM;
	return symlinkat(buf_text(&b), p->dir, p->name) < 0 ? -errno : 0;
}

static int do_rename(const struct program_run *r, const struct program_step *s,
		     const struct place *p)
{
	CLEANUP(place_close) struct place to = { .dir = -1, .name = "" };
	int e = place_open(r, s, "newname", &to);

	if (e < 0)
		return e;
	return renameat(p->dir, p->name, to.dir, to.name) < 0 ? -errno : 0;
}

static int do_mkdir(const struct program_run *r, const struct program_step *s,
		    const struct place *p)
{
	mode_t mode = (mode_t)(program_number(r, s, "mode", 0755) & 07777);

	return mkdirat(p->dir, p->name, mode) < 0 ? -errno : 0;
}

static int do_remove(const struct place *p)
{
	if (unlinkat(p->dir, p->name, 0) == 0)
		return 0;
	return errno == EISDIR && unlinkat(p->dir, p->name, AT_REMOVEDIR) == 0 ? 0 : -errno;
}

void program_do_host(struct program_run *r, const struct program_step *s, struct program_answer *a)
{
	CLEANUP(place_close) struct place p = { .dir = -1, .name = "" };
	int e = r->at->share ? place_open(r, s, "name", &p) : -EOPNOTSUPP;

	if (e < 0) {
		program_tell_result(a, e);
		return;
	}
	switch (s->verb->act) {
	case ACT_HOST_FILE:
	case ACT_HOST_WRITE: e = do_file(r, s, &p); break;
	case ACT_HOST_TRUNCATE: e = do_truncate(r, s, &p); break;
	case ACT_HOST_MKDIR: e = do_mkdir(r, s, &p); break;
	case ACT_HOST_SYMLINK: e = do_symlink(r, s, &p); break;
	case ACT_HOST_RENAME: e = do_rename(r, s, &p); break;
	case ACT_HOST_REMOVE: e = do_remove(&p); break;
	default: break;
	}
	program_tell_result(a, e);
}
