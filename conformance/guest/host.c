// SPDX-License-Identifier: Apache-2.0
/* Questions to the other party, as line.h says them. */
#include "conformance/guest/host.h"

#include "conformance/guest/act.h"
#include "conformance/guest/channel.h"
#include "conformance/guest/check.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A name of the check's folder, as others see it. */
static int add_path(struct check_run *r, struct line *w, const char *name)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", r->folder, name);
	return line_add_text(w, path);
}

/*
 * @kinds: a letter for each argument: p name, n number (int64_t), t text. @ret: the words of the answer behind its
 * result; NULL: there are none.
 */
static int64_t ask(struct check_run *r, struct line *ret, const char *verb, const char *kinds, ...)
{
	struct line w;
	struct line answer;
	int64_t result = -EPROTO;
	va_list ap;
	int e;

	line_clear(&w);
	e = line_add_text(&w, r->party);
	if (e == 0)
		e = line_add_text(&w, verb);
	va_start(ap, kinds);
	for (const char *k = kinds; e == 0 && *k; k++)
		switch (*k) {
		case 'p': e = add_path(r, &w, va_arg(ap, const char *)); break;
		case 'n': e = line_add_number(&w, va_arg(ap, int64_t)); break;
		default: e = line_add_text(&w, va_arg(ap, const char *)); break;
		}
	va_end(ap);
	if (e == 0)
		e = channel_ask(r, &w, ret ? ret : &answer);
	if (e == 0)
		e = line_number(ret ? ret : &answer, 0, &result);
	return e < 0 ? e : result;
}

/* The bytes of an answer, as far as they have room. */
static int64_t take(const struct line *answer, int64_t result, void *ret, size_t size)
{
	size_t n = line_size(answer, 1);

	if (result < 0)
		return result;
	if (n != (uint64_t)result || n > size)
		return -EPROTO;
	memcpy(ret, line_at(answer, 1), n);
	return result;
}

int64_t host_create(struct check_run *r, const char *name, unsigned mode)
{
	return ask(r, NULL, "create", "pn", name, (int64_t)mode);
}

int64_t host_write(struct check_run *r, const char *name, int64_t offset, const char *text)
{
	return ask(r, NULL, "write", "pnt", name, offset, text);
}

int64_t host_append(struct check_run *r, const char *name, const char *text)
{
	return ask(r, NULL, "append", "pt", name, text);
}

int64_t host_fill(struct check_run *r, const char *name, int64_t offset, int64_t count,
		  uint64_t seed)
{
	return ask(r, NULL, "fill", "pnnn", name, offset, count, (int64_t)seed);
}

int64_t host_read(struct check_run *r, const char *name, int64_t offset, void *ret, size_t size)
{
	struct line answer;
	int64_t n = ask(r, &answer, "read", "pnn", name, offset, (int64_t)size);

	return take(&answer, n, ret, size);
}

int64_t host_match(struct check_run *r, const char *name, int64_t offset, int64_t count,
		   uint64_t seed)
{
	return ask(r, NULL, "match", "pnnn", name, offset, count, (int64_t)seed);
}

int64_t host_truncate(struct check_run *r, const char *name, int64_t size)
{
	return ask(r, NULL, "truncate", "pn", name, size);
}

int64_t host_fallocate(struct check_run *r, const char *name, int mode, int64_t offset,
		       int64_t count)
{
	return ask(r, NULL, "fallocate", "pnnn", name, (int64_t)mode, offset, count);
}

int64_t host_fsync(struct check_run *r, const char *name)
{
	return ask(r, NULL, "fsync", "p", name);
}

int64_t host_stat(struct check_run *r, const char *name, struct host_stat *ret)
{
	int64_t *const at[ACT_STAT_COUNT] = {
		[ACT_STAT_MODE] = &ret->mode,	   [ACT_STAT_UID] = &ret->uid,
		[ACT_STAT_GID] = &ret->gid,	   [ACT_STAT_SIZE] = &ret->size,
		[ACT_STAT_NLINK] = &ret->nlink,	   [ACT_STAT_INO] = &ret->ino,
		[ACT_STAT_BLOCKS] = &ret->blocks,  [ACT_STAT_MTIME] = &ret->mtime_ns,
		[ACT_STAT_CTIME] = &ret->ctime_ns,
	};
	struct line answer;
	int64_t n = ask(r, &answer, "stat", "p", name);

	for (unsigned i = 0; n >= 0 && i < ACT_STAT_COUNT; i++)
		if (line_number(&answer, i + 1, at[i]) < 0)
			n = -EPROTO;
	return n;
}

int64_t host_chmod(struct check_run *r, const char *name, unsigned mode)
{
	return ask(r, NULL, "chmod", "pn", name, (int64_t)mode);
}

int64_t host_chown(struct check_run *r, const char *name, unsigned uid, unsigned gid)
{
	return ask(r, NULL, "chown", "pnn", name, (int64_t)uid, (int64_t)gid);
}

int64_t host_utime(struct check_run *r, const char *name, int64_t ns)
{
	return ask(r, NULL, "utime", "pn", name, ns);
}

int64_t host_unlink(struct check_run *r, const char *name)
{
	return ask(r, NULL, "unlink", "p", name);
}

int64_t host_mkdir(struct check_run *r, const char *name, unsigned mode)
{
	return ask(r, NULL, "mkdir", "pn", name, (int64_t)mode);
}

int64_t host_rmdir(struct check_run *r, const char *name)
{
	return ask(r, NULL, "rmdir", "p", name);
}

int64_t host_rename(struct check_run *r, const char *from, const char *to)
{
	return ask(r, NULL, "rename", "pp", from, to);
}

int64_t host_link(struct check_run *r, const char *from, const char *to)
{
	return ask(r, NULL, "link", "pp", from, to);
}

int64_t host_symlink(struct check_run *r, const char *name, const char *target)
{
	return ask(r, NULL, "symlink", "pt", name, target);
}

int64_t host_readlink(struct check_run *r, const char *name, char *ret, size_t size)
{
	struct line answer;
	int64_t n = take(&answer, ask(r, &answer, "readlink", "p", name), ret, size - 1);

	ret[n > 0 ? n : 0] = '\0';
	return n;
}

int64_t host_setxattr(struct check_run *r, const char *name, const char *attr, const char *value)
{
	return ask(r, NULL, "setxattr", "ptt", name, attr, value);
}

int64_t host_getxattr(struct check_run *r, const char *name, const char *attr, char *ret,
		      size_t size)
{
	struct line answer;
	int64_t n = take(&answer, ask(r, &answer, "getxattr", "pt", name, attr), ret, size - 1);

	ret[n > 0 ? n : 0] = '\0';
	return n;
}

int64_t host_flock(struct check_run *r, const char *name, bool exclusive)
{
	return ask(r, NULL, "flock", "pn", name, (int64_t)exclusive);
}

int64_t host_lock(struct check_run *r, const char *name, bool exclusive)
{
	return ask(r, NULL, "lock", "pn", name, (int64_t)exclusive);
}
