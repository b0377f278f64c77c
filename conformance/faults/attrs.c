// SPDX-License-Identifier: Apache-2.0
/* Faults of attributes: mode, owner and times that are set. What is read back is in stat.c. */
#include "conformance/faults/faults.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* ---- mode ---- */

/* Which argument is the mode. */
static unsigned mode_index(const struct call *c)
{
	return c->nr == SYS_fchmod ? 1 : 2;
}

bool is_chmod(const struct call *c)
{
	return c->nr == SYS_fchmod || c->nr == SYS_fchmodat || c->nr == CALL_FCHMODAT;
}

bool is_chmod_special(const struct call *c)
{
	return is_chmod(c) && (c->a[mode_index(c)] & (S_ISUID | S_ISGID | S_ISVTX));
}

long chmod_special(struct call *c, bool *fired)
{
	unsigned at = mode_index(c);

	(void)fired;
	return call_do_at(c, at, c->a[at] & ~(long)(S_ISUID | S_ISGID | S_ISVTX));
}

/* ---- owner ---- */

static unsigned owner_index(const struct call *c)
{
	return c->nr == SYS_fchown ? 1 : 2;
}

bool is_chown(const struct call *c)
{
	return c->nr == SYS_fchown || c->nr == SYS_fchownat;
}

static bool is_kept(long id)
{
	return (unsigned)id == (unsigned)-1;
}

bool is_chown_one(const struct call *c)
{
	unsigned at = owner_index(c);

	return is_chown(c) && is_kept(c->a[at]) != is_kept(c->a[at + 1]);
}

long chown_both(struct call *c, bool *fired)
{
	unsigned at = owner_index(c);

	(void)fired;
	return call_do_at(c, is_kept(c->a[at]) ? at : at + 1, 0);
}

/* ---- times ---- */

bool is_utimens(const struct call *c)
{
	return c->nr == SYS_utimensat;
}

static const struct timespec *times_of(const struct call *c)
{
	return (const struct timespec *)c->a[2];
}

static bool is_time(const struct timespec *t)
{
	return t->tv_nsec != UTIME_NOW && t->tv_nsec != UTIME_OMIT;
}

/* Is there a time in it that somebody chose? */
bool is_utimens_set(const struct call *c)
{
	const struct timespec *t = times_of(c);

	return is_utimens(c) && t && (is_time(&t[0]) || is_time(&t[1]));
}

long utimens_now(struct call *c, bool *fired)
{
	(void)fired;
	return call_do_at(c, 2, 0);
}

long utimens_seconds(struct call *c, bool *fired)
{
	struct timespec t[2];

	memcpy(t, times_of(c), sizeof(t));
	*fired = false;
	for (unsigned i = 0; i < 2; i++)
		if (is_time(&t[i])) {
			*fired = *fired || t[i].tv_nsec != 0;
			t[i].tv_nsec = 0;
		}
	return call_do_at(c, 2, (long)t);
}

long utimens_swapped(struct call *c, bool *fired)
{
	const struct timespec *is = times_of(c);
	struct timespec t[2] = { is[1], is[0] };

	*fired = memcmp(&is[0], &is[1], sizeof(is[0])) != 0;
	return call_do_at(c, 2, (long)t);
}
