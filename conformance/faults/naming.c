// SPDX-License-Identifier: Apache-2.0
/* Faults of names: what is made, linked, renamed and removed. */
#include "conformance/faults/faults.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* ---- rename, remove ---- */

bool is_rename(const struct call *c)
{
	return c->nr == SYS_renameat || c->nr == SYS_renameat2;
}

bool is_rename_flags(const struct call *c)
{
	return c->nr == SYS_renameat2 && c->a[4] != 0;
}

bool is_unlink(const struct call *c)
{
	return c->nr == SYS_unlinkat && !(c->a[2] & AT_REMOVEDIR);
}

bool is_rmdir(const struct call *c)
{
	return c->nr == SYS_unlinkat && (c->a[2] & AT_REMOVEDIR);
}

long rename_noflags(struct call *c, bool *fired)
{
	(void)fired;
	return call_do_at(c, 4, 0);
}

/* ---- links ---- */

bool is_link(const struct call *c)
{
	return c->nr == SYS_linkat;
}

bool is_symlink(const struct call *c)
{
	return c->nr == SYS_symlinkat;
}

bool is_readlink(const struct call *c)
{
	return c->nr == SYS_readlinkat;
}

long symlink_short(struct call *c, bool *fired)
{
	char target[PATH_MAX];
	size_t length = strlen((const char *)c->a[0]);

	*fired = length > 1 && length < sizeof(target);
	if (!*fired)
		return call_do(c);
	memcpy(target, (const char *)c->a[0], length - 1);
	target[length - 1] = '\0';
	return call_do_at(c, 0, (long)target);
}

long readlink_short(struct call *c, bool *fired)
{
	long r = call_do(c);

	*fired = r > 0;
	return r > 0 ? r - 1 : r;
}

/* ---- folders and special files ---- */

bool is_mkdir(const struct call *c)
{
	return c->nr == SYS_mkdirat;
}

bool is_mknod(const struct call *c)
{
	return c->nr == SYS_mknodat;
}

bool is_mknod_special(const struct call *c)
{
	mode_t type = (mode_t)c->a[2] & S_IFMT;

	return is_mknod(c) && type != 0 && type != S_IFREG;
}

long mkdir_mode(struct call *c, bool *fired)
{
	(void)fired;
	return call_do_at(c, 2, c->a[2] ^ 0022);
}

long mknod_mode(struct call *c, bool *fired)
{
	(void)fired;
	return call_do_at(c, 2, c->a[2] ^ 0111);
}

long mknod_type(struct call *c, bool *fired)
{
	(void)fired;
	return call_do_at(c, 2, (c->a[2] & ~(long)S_IFMT) | S_IFREG);
}
