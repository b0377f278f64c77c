// SPDX-License-Identifier: Apache-2.0
#include "conformance/guest/act.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define NS_PER_S      INT64_C(1000000000)
#define ARGUMENTS     4

/* One action that is being done. */
struct call {
	int root;
	const struct line *ask;
	unsigned first;		   /* word of the first argument */
	int64_t number[ARGUMENTS]; /* by argument */
	struct line *ret;
};

/* The folder that a path lies in, and its last name there. */
struct spot {
	int dir;
	const char *name;
};

uint8_t act_byte(uint64_t seed, uint64_t offset)
{
	uint8_t b = (uint8_t)(seed * 97 + offset * 31 + (offset >> 8) * 7 + (offset >> 16) * 3);

	return b ? b : 0xa5;
}

static const char *text_of(const struct call *c, unsigned argument)
{
	return line_at(c->ask, c->first + argument);
}

static int open_beneath(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

/* The caller closes ret->dir. */
static int find_spot(const struct call *c, unsigned argument, struct spot *ret)
{
	const char *path = text_of(c, argument);
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];

	ret->name = slash ? slash + 1 : path;
	if (!*ret->name || strcmp(ret->name, ".") == 0 || strcmp(ret->name, "..") == 0)
		return -EINVAL;
	(void)snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - path) : 1,
		       slash ? path : ".");
	ret->dir = open_beneath(c->root, parent, O_PATH | O_DIRECTORY);
	return ret->dir < 0 ? ret->dir : 0;
}

/* Only a regular file; what is no file is not waited for. */
static int open_file(const struct call *c, int flags, mode_t mode)
{
	struct spot s;
	struct stat st;
	int fd;
	int e = find_spot(c, 0, &s);

	if (e < 0)
		return e;
	fd = openat(s.dir, s.name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, mode);
	e = fd < 0 ? -errno : fd;
	(void)close(s.dir);
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		(void)close(fd);
		return -EINVAL;
	}
	return e;
}

/* The result of a call that returns -1 and errno, on a descriptor that is not needed any more. */
static int finish(int fd, int64_t result)
{
	int e = result < 0 ? -errno : (int)result;

	(void)close(fd);
	return e;
}

static int do_create(struct call *c)
{
	int fd = open_file(c, O_WRONLY | O_CREAT | O_EXCL, 0600);

	return fd < 0 ? fd : finish(fd, fchmod(fd, (mode_t)(c->number[1] & 07777)));
}

static int do_write(struct call *c)
{
	int fd = open_file(c, O_WRONLY, 0);

	return fd < 0 ? fd
		      : finish(fd, pwrite(fd, text_of(c, 2), line_size(c->ask, c->first + 2),
					  c->number[1]));
}

static int do_append(struct call *c)
{
	int fd = open_file(c, O_WRONLY | O_APPEND, 0);

	return fd < 0 ? fd : finish(fd, write(fd, text_of(c, 1), line_size(c->ask, c->first + 1)));
}

/* PATH OFFSET COUNT SEED */
static int do_fill(struct call *c)
{
	int64_t at = c->number[1];
	int64_t end = at + c->number[2];
	uint8_t bytes[ACT_BYTES];
	int64_t written = 1;
	int fd;

	if (c->number[2] > ACT_FILL)
		return -EFBIG;
	fd = open_file(c, O_WRONLY, 0);
	while (fd >= 0 && at < end && written > 0) {
		size_t n = end - at < ACT_BYTES ? (size_t)(end - at) : ACT_BYTES;

		for (size_t i = 0; i < n; i++)
			bytes[i] = act_byte((uint64_t)c->number[3], (uint64_t)at + i);
		written = pwrite(fd, bytes, n, at);
		at += written > 0 ? written : 0;
	}
	return fd < 0 ? fd : finish(fd, at < end ? -1 : 0);
}

static int do_read(struct call *c)
{
	char bytes[ACT_BYTES];
	int64_t n;
	int fd;

	if (c->number[2] > ACT_BYTES)
		return -EFBIG;
	fd = open_file(c, O_RDONLY, 0);
	if (fd < 0)
		return fd;
	n = pread(fd, bytes, (size_t)c->number[2], c->number[1]);
	if (n > 0 && line_add(c->ret, bytes, (size_t)n) < 0)
		errno = EFBIG, n = -1;
	return finish(fd, n);
}

/* PATH OFFSET COUNT SEED: how many bytes are as fill wrote them, up to the first that is not. */
static int do_match(struct call *c)
{
	uint8_t bytes[ACT_BYTES];
	int64_t same = 0;
	int64_t n = 1;
	int fd;

	if (c->number[2] > ACT_FILL)
		return -EFBIG;
	fd = open_file(c, O_RDONLY, 0);
	while (fd >= 0 && same < c->number[2] && n > 0) {
		int64_t at = c->number[1] + same;
		int64_t left = c->number[2] - same;
		int64_t i = 0;

		n = pread(fd, bytes, left < ACT_BYTES ? (size_t)left : ACT_BYTES, at);
		while (i < n && bytes[i] == act_byte((uint64_t)c->number[3], (uint64_t)(at + i)))
			i++;
		same += i;
		if (i < n)
			break;
	}
	return fd < 0 ? fd : finish(fd, n < 0 ? -1 : same);
}

static int do_truncate(struct call *c)
{
	int fd = open_file(c, O_WRONLY, 0);

	return fd < 0 ? fd : finish(fd, ftruncate(fd, c->number[1]));
}

/* PATH MODE OFFSET COUNT */
static int do_fallocate(struct call *c)
{
	int fd;

	if (c->number[3] > ACT_FILL)
		return -EFBIG;
	fd = open_file(c, O_WRONLY, 0);
	return fd < 0 ? fd
		      : finish(fd, fallocate(fd, (int)(c->number[1] & INT_MAX), c->number[2],
					     c->number[3]));
}

static int do_fsync(struct call *c)
{
	int fd = open_file(c, O_RDONLY, 0);

	return fd < 0 ? fd : finish(fd, fsync(fd));
}

static int64_t time_ns(struct timespec t)
{
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int do_stat(struct call *c)
{
	struct spot s;
	struct stat st;
	int e = find_spot(c, 0, &s);

	if (e < 0)
		return e;
	e = finish(s.dir, fstatat(s.dir, s.name, &st, AT_SYMLINK_NOFOLLOW));
	if (e < 0)
		return e;
	const int64_t values[ACT_STAT_COUNT] = {
		[ACT_STAT_MODE] = st.st_mode,
		[ACT_STAT_UID] = st.st_uid,
		[ACT_STAT_GID] = st.st_gid,
		[ACT_STAT_SIZE] = st.st_size,
		[ACT_STAT_NLINK] = (int64_t)st.st_nlink,
		[ACT_STAT_INO] = (int64_t)st.st_ino,
		[ACT_STAT_BLOCKS] = st.st_blocks,
		[ACT_STAT_MTIME] = time_ns(st.st_mtim),
		[ACT_STAT_CTIME] = time_ns(st.st_ctim),
	};
	for (unsigned i = 0; i < ACT_STAT_COUNT; i++)
		e = line_add_number(c->ret, values[i]) < 0 ? -E2BIG : e;
	return e;
}

static int do_chmod(struct call *c)
{
	int fd = open_file(c, O_RDONLY, 0);

	return fd < 0 ? fd : finish(fd, fchmod(fd, (mode_t)(c->number[1] & 07777)));
}

static int do_chown(struct call *c)
{
	struct spot s;
	int e = find_spot(c, 0, &s);

	return e < 0 ? e
		     : finish(s.dir, fchownat(s.dir, s.name, (uid_t)c->number[1],
					      (gid_t)c->number[2], AT_SYMLINK_NOFOLLOW));
}

/* PATH NANOSECONDS, for the time of access and of change. */
static int do_utime(struct call *c)
{
	const struct timespec t = { .tv_sec = c->number[1] / NS_PER_S,
				    .tv_nsec = c->number[1] % NS_PER_S };
	const struct timespec both[2] = { t, t };
	struct spot s;
	int e = find_spot(c, 0, &s);

	return e < 0 ? e : finish(s.dir, utimensat(s.dir, s.name, both, AT_SYMLINK_NOFOLLOW));
}

static int do_unlink(struct call *c)
{
	struct spot s;
	int e = find_spot(c, 0, &s);

	return e < 0 ? e : finish(s.dir, unlinkat(s.dir, s.name, 0));
}

static int do_rmdir(struct call *c)
{
	struct spot s;
	int e = find_spot(c, 0, &s);

	return e < 0 ? e : finish(s.dir, unlinkat(s.dir, s.name, AT_REMOVEDIR));
}

static int do_mkdir(struct call *c)
{
	struct spot s;
	int e = find_spot(c, 0, &s);

	return e < 0 ? e : finish(s.dir, mkdirat(s.dir, s.name, (mode_t)(c->number[1] & 0777)));
}

/* Two paths: FROM TO. */
static int on_two(struct call *c, int (*call)(const struct spot *from, const struct spot *to))
{
	struct spot from;
	struct spot to;
	int e = find_spot(c, 0, &from);

	if (e < 0)
		return e;
	e = find_spot(c, 1, &to);
	if (e == 0)
		e = finish(to.dir, call(&from, &to));
	(void)close(from.dir);
	return e;
}

static int rename_spot(const struct spot *from, const struct spot *to)
{
	return renameat(from->dir, from->name, to->dir, to->name);
}

static int link_spot(const struct spot *from, const struct spot *to)
{
	return linkat(from->dir, from->name, to->dir, to->name, 0);
}

static int do_rename(struct call *c)
{
	return on_two(c, rename_spot);
}

static int do_link(struct call *c)
{
	return on_two(c, link_spot);
}

/* PATH TARGET: the target may be any text; nothing here ever follows it. */
static int do_symlink(struct call *c)
{
	struct spot s;
	int e = find_spot(c, 0, &s);

	return e < 0 ? e : finish(s.dir, symlinkat(text_of(c, 1), s.dir, s.name));
}

static int do_readlink(struct call *c)
{
	char target[PATH_MAX];
	struct spot s;
	int64_t n;
	int e = find_spot(c, 0, &s);

	if (e < 0)
		return e;
	n = readlinkat(s.dir, s.name, target, sizeof(target));
	if (n > 0 && line_add(c->ret, target, (size_t)n) < 0)
		errno = EFBIG, n = -1;
	return finish(s.dir, n);
}

/* Only names of users: others mean something to the host. */
static bool is_user_name(const char *name)
{
	return strncmp(name, "user.", 5) == 0;
}

static int do_setxattr(struct call *c)
{
	int fd = is_user_name(text_of(c, 1)) ? open_file(c, O_RDONLY, 0) : -EPERM;

	return fd < 0 ? fd
		      : finish(fd, fsetxattr(fd, text_of(c, 1), text_of(c, 2),
					     line_size(c->ask, c->first + 2), 0));
}

static int do_getxattr(struct call *c)
{
	char value[ACT_BYTES];
	int64_t n;
	int fd = is_user_name(text_of(c, 1)) ? open_file(c, O_RDONLY, 0) : -EPERM;

	if (fd < 0)
		return fd;
	n = fgetxattr(fd, text_of(c, 1), value, sizeof(value));
	if (n > 0 && line_add(c->ret, value, (size_t)n) < 0)
		errno = EFBIG, n = -1;
	return finish(fd, n);
}

/* PATH HOW: could somebody take this lock now? It is given back at once. */
static int do_flock(struct call *c)
{
	int fd = open_file(c, O_RDWR, 0);

	return fd < 0 ? fd : finish(fd, flock(fd, (c->number[1] ? LOCK_EX : LOCK_SH) | LOCK_NB));
}

static int do_lock(struct call *c)
{
	struct flock l = { .l_type = c->number[1] ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET };
	int fd = open_file(c, O_RDWR, 0);

	return fd < 0 ? fd : finish(fd, fcntl(fd, F_OFD_SETLK, &l));
}

/* A letter for each argument: p path, n number, l number of any size, b bytes, t text. */
static const struct act {
	const char *usage; /* its name comes first */
	const char *arguments;
	int (*run)(struct call *c);
} acts[] = {
	{ "create PATH MODE", "pn", do_create },
	{ "write PATH OFFSET BYTES", "pnb", do_write },
	{ "append PATH BYTES", "pb", do_append },
	{ "fill PATH OFFSET COUNT SEED", "pnnn", do_fill },
	{ "read PATH OFFSET COUNT", "pnn", do_read },
	{ "match PATH OFFSET COUNT SEED", "pnnn", do_match },
	{ "truncate PATH SIZE", "pn", do_truncate },
	{ "fallocate PATH MODE OFFSET COUNT", "pnnn", do_fallocate },
	{ "fsync PATH", "p", do_fsync },
	{ "stat PATH", "p", do_stat },
	{ "chmod PATH MODE", "pn", do_chmod },
	{ "chown PATH UID GID", "pnn", do_chown },
	{ "utime PATH NANOSECONDS", "pl", do_utime },
	{ "unlink PATH", "p", do_unlink },
	{ "mkdir PATH MODE", "pn", do_mkdir },
	{ "rmdir PATH", "p", do_rmdir },
	{ "rename PATH PATH", "pp", do_rename },
	{ "link PATH PATH", "pp", do_link },
	{ "symlink PATH TARGET", "pt", do_symlink },
	{ "readlink PATH", "p", do_readlink },
	{ "setxattr PATH NAME BYTES", "ptb", do_setxattr },
	{ "getxattr PATH NAME", "pt", do_getxattr },
	{ "flock PATH EXCLUSIVE", "pn", do_flock },
	{ "lock PATH EXCLUSIVE", "pn", do_lock },
};

const char *act_usage(unsigned index)
{
	return index < ARRAY_SIZE(acts) ? acts[index].usage : NULL;
}

static const struct act *find(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(acts); i++)
		if (strncmp(acts[i].usage, name, n) == 0 && acts[i].usage[n] == ' ')
			return &acts[i];
	return NULL;
}

/* Is the argument of that kind, and within its bounds? */
static bool is_good(struct call *c, unsigned argument, char kind)
{
	const char *text = text_of(c, argument);
	size_t size = line_size(c->ask, c->first + argument);

	switch (kind) {
	case 'n':
		return line_number(c->ask, c->first + argument, &c->number[argument]) == 0 &&
		       c->number[argument] >= 0 && c->number[argument] <= ACT_SIZE_MAX;
	case 'l':
		return line_number(c->ask, c->first + argument, &c->number[argument]) == 0 &&
		       c->number[argument] >= 0;
	case 'b': return size <= ACT_BYTES;
	case 'p':
	case 't': return size > 0 && size < PATH_MAX && strlen(text) == size;
	default: return false;
	}
}

static int run(struct call *c)
{
	const struct act *a = c->first <= c->ask->count ? find(line_at(c->ask, c->first - 1))
							: NULL;
	unsigned count = a ? (unsigned)strlen(a->arguments) : 0;

	if (!a || c->ask->count - c->first != count)
		return -EBADMSG;
	for (unsigned i = 0; i < count; i++)
		if (!is_good(c, i, a->arguments[i]))
			return -EBADMSG;
	return a->run(c);
}

void act_do(int root, const struct line *ask, unsigned first, struct line *ret)
{
	struct line out;
	struct call c = { .root = root, .ask = ask, .first = first + 1, .ret = &out };
	int result;

	line_clear(&out);
	result = run(&c);
	line_clear(ret);
	(void)line_add_number(ret, result);
	for (unsigned i = 0; i < out.count; i++)
		(void)line_add(ret, line_at(&out, i), line_size(&out, i));
}
