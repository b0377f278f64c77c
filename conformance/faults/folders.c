// SPDX-License-Identifier: Apache-2.0
/* Faults of reading folders: by getdents64, a buffer of entries at a time, or by readdir(), one by one. */
#include "conformance/faults/faults.h"

#include <dirent.h>
#include <stdint.h>
#include <string.h>

/* What getdents64 fills is laid out as libc's struct dirent of 64-bit systems. */
_Static_assert(offsetof(struct dirent, d_name) == 19, "struct dirent is the kernel's");

bool is_readdir(const struct call *c)
{
	return c->nr == SYS_getdents64 || c->nr == CALL_READDIR;
}

static bool is_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0;
}

/* The entry at @at of @size bytes; NULL at their end. */
static struct dirent *entry_at(const struct call *c, long at, long size)
{
	struct dirent *d = (struct dirent *)(c->a[1] + at);

	if (at + (long)offsetof(struct dirent, d_name) >= size || d->d_reclen == 0)
		return NULL;
	return d;
}

/* Apply @change to each entry that is neither "." nor "..". */
static long change_all(struct call *c, bool (*change)(struct dirent *d), bool *fired)
{
	long r = call_do(c);
	struct dirent *d;

	*fired = false;
	if (c->nr == CALL_READDIR) {
		d = (struct dirent *)r;
		if (d && !is_dots(d))
			*fired = change(d);
		return r;
	}
	for (long at = 0; (d = entry_at(c, at, r)); at += d->d_reclen)
		if (!is_dots(d) && change(d))
			*fired = true;
	return r;
}

static bool cut_name(struct dirent *d)
{
	size_t length = strlen(d->d_name);

	if (length < 2)
		return false;
	d->d_name[length - 1] = '\0';
	return true;
}

static bool make_fifo(struct dirent *d)
{
	d->d_type = DT_FIFO;
	return true;
}

static bool next_ino(struct dirent *d)
{
	d->d_ino++;
	return true;
}

static bool start_offset(struct dirent *d)
{
	d->d_off = 0;
	return true;
}

long readdir_name(struct call *c, bool *fired)
{
	return change_all(c, cut_name, fired);
}

long readdir_type(struct call *c, bool *fired)
{
	return change_all(c, make_fifo, fired);
}

long readdir_ino(struct call *c, bool *fired)
{
	return change_all(c, next_ino, fired);
}

long readdir_offset(struct call *c, bool *fired)
{
	return change_all(c, start_offset, fired);
}

/* ---- an entry less, an entry more ---- */

/* The stream in which readdir() has had its one wrong entry; its end is a new chance. */
static __thread long done_with;

static long skip_one(struct call *c, bool *fired)
{
	struct dirent *d = (struct dirent *)call_do(c);

	*fired = false;
	if (!d) {
		done_with = 0;
	} else if (!is_dots(d) && done_with != c->a[0]) {
		done_with = c->a[0];
		*fired = true;
		d = (struct dirent *)call_do(c);
	}
	return (long)d;
}

static long skip_first(struct call *c, bool *fired)
{
	long r = call_do(c);
	struct dirent *d;

	*fired = false;
	for (long at = 0; (d = entry_at(c, at, r)); at += d->d_reclen) {
		long next = at + d->d_reclen;

		if (is_dots(d))
			continue;
		*fired = true;
		r -= d->d_reclen;
		memmove(d, (const char *)c->a[1] + next, (size_t)(r - at));
		/* A buffer of nothing is the end of the folder. */
		return r > 0 ? r : call_do(c);
	}
	return r;
}

long readdir_skip(struct call *c, bool *fired)
{
	return c->nr == CALL_READDIR ? skip_one(c, fired) : skip_first(c, fired);
}

static long repeat_one(struct call *c, bool *fired)
{
	static __thread struct dirent kept;
	static __thread bool again;
	struct dirent *d;

	*fired = false;
	if (again && done_with == c->a[0]) {
		again = false;
		*fired = true;
		return (long)&kept;
	}
	d = (struct dirent *)call_do(c);
	if (!d) {
		done_with = 0;
	} else if (!is_dots(d) && done_with != c->a[0]) {
		memcpy(&kept, d, d->d_reclen < sizeof(kept) ? d->d_reclen : sizeof(kept));
		done_with = c->a[0];
		again = true;
	}
	return (long)d;
}

/* The last entry once more, where the buffer has room for it. */
static long repeat_last(struct call *c, bool *fired)
{
	long r = call_do(c);
	struct dirent *last = NULL;
	struct dirent *d;

	for (long at = 0; (d = entry_at(c, at, r)); at += d->d_reclen)
		last = is_dots(d) ? last : d;
	*fired = last && r + last->d_reclen <= c->a[2];
	if (!*fired)
		return r;
	memmove((char *)c->a[1] + r, last, last->d_reclen);
	return r + last->d_reclen;
}

long readdir_dup(struct call *c, bool *fired)
{
	return c->nr == CALL_READDIR ? repeat_one(c, fired) : repeat_last(c, fired);
}
