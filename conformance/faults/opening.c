// SPDX-License-Identifier: Apache-2.0
/* Faults of open and close: flags that are lost or added. */
#include "conformance/faults/faults.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>

#define ACCESS_MASK (O_RDONLY | O_WRONLY | O_RDWR)
/* O_TMPFILE holds O_DIRECTORY. */
#define IS_FOLDER(flags) (((flags)&O_DIRECTORY) != 0)

/* Of openat and openat2; false for other calls. */
static bool flags_of(const struct call *c, long *ret)
{
	if (c->nr == SYS_openat)
		*ret = c->a[2];
	else if (c->nr == SYS_openat2 && (size_t)c->a[3] >= sizeof(struct open_how))
		*ret = (long)((const struct open_how *)c->a[2])->flags;
	else
		return false;
	return true;
}

/* The call with flags @clear taken away and @set added. */
static long with_flags(struct call *c, long clear, long set)
{
	struct open_how how;

	if (c->nr == SYS_openat)
		return call_do_at(c, 2, (c->a[2] & ~clear) | set);
	memcpy(&how, (const void *)c->a[2], sizeof(how));
	how.flags = (how.flags & ~(unsigned long)clear) | (unsigned long)set;
	if (clear & O_NOFOLLOW)
		how.resolve &= ~(unsigned long)(RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
						RESOLVE_BENEATH | RESOLVE_IN_ROOT);
	return call_do_at(c, 2, (long)&how);
}

/* Is data of a file to be reached: neither a folder nor a place only? */
static bool is_data(long flags)
{
	return !(flags & O_PATH) && !IS_FOLDER(flags);
}

static bool has_flag(const struct call *c, long flag)
{
	long flags;

	return flags_of(c, &flags) && is_data(flags) && (flags & flag) == flag;
}

bool is_open_trunc(const struct call *c)
{
	return has_flag(c, O_TRUNC);
}

bool is_open_excl(const struct call *c)
{
	return has_flag(c, O_EXCL | O_CREAT);
}

bool is_open_append(const struct call *c)
{
	return has_flag(c, O_APPEND);
}

bool is_open_direct(const struct call *c)
{
	return has_flag(c, O_DIRECT);
}

/* O_EXCL follows no link either: without the flag it is the same call. */
bool is_open_nofollow(const struct call *c)
{
	return has_flag(c, O_NOFOLLOW) && !has_flag(c, O_CREAT | O_EXCL);
}

bool is_open_create(const struct call *c)
{
	return has_flag(c, O_CREAT);
}

bool is_path_nofollow(const struct call *c)
{
	long flags;

	return flags_of(c, &flags) && (flags & O_PATH) && (flags & O_NOFOLLOW);
}

bool is_open_narrow(const struct call *c)
{
	long flags;

	return flags_of(c, &flags) && is_data(flags) && (flags & ACCESS_MASK) != O_RDWR;
}

bool is_open_wide(const struct call *c)
{
	long flags;

	return flags_of(c, &flags) && is_data(flags) && (flags & ACCESS_MASK) == O_RDWR;
}

bool is_open_writable(const struct call *c)
{
	long flags;

	return flags_of(c, &flags) && is_data(flags) && (flags & ACCESS_MASK) != O_RDONLY &&
	       !(flags & O_TRUNC);
}

bool is_close(const struct call *c)
{
	return c->nr == SYS_close;
}

long open_no_trunc(struct call *c, bool *fired)
{
	(void)fired;
	return with_flags(c, O_TRUNC, 0);
}

long open_no_excl(struct call *c, bool *fired)
{
	(void)fired;
	return with_flags(c, O_EXCL, 0);
}

long open_no_append(struct call *c, bool *fired)
{
	(void)fired;
	return with_flags(c, O_APPEND, 0);
}

long open_no_direct(struct call *c, bool *fired)
{
	(void)fired;
	return with_flags(c, O_DIRECT, 0);
}

long open_follow(struct call *c, bool *fired)
{
	(void)fired;
	return with_flags(c, O_NOFOLLOW, 0);
}

long open_rdwr(struct call *c, bool *fired)
{
	long r = with_flags(c, ACCESS_MASK, O_RDWR);

	/* A file that cannot be written, or a folder: as it was asked for. */
	*fired = r >= 0;
	return r >= 0 ? r : call_do(c);
}

long open_rdonly(struct call *c, bool *fired)
{
	(void)fired;
	return with_flags(c, ACCESS_MASK, O_RDONLY);
}

long open_trunc(struct call *c, bool *fired)
{
	(void)fired;
	return with_flags(c, 0, O_TRUNC);
}

long create_mode(struct call *c, bool *fired)
{
	struct open_how how;

	(void)fired;
	if (c->nr == SYS_openat)
		return call_do_at(c, 3, c->a[3] | 0111);
	memcpy(&how, (const void *)c->a[2], sizeof(how));
	how.mode |= 0111;
	return call_do_at(c, 2, (long)&how);
}
