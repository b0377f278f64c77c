// SPDX-License-Identifier: Apache-2.0
/* Faults of extended attributes. */
#include "conformance/faults/faults.h"

#include <stdint.h>
#include <string.h>

bool is_getxattr(const struct call *c)
{
	return c->nr == SYS_getxattr || c->nr == SYS_fgetxattr || c->nr == SYS_lgetxattr;
}

bool is_getxattr_size(const struct call *c)
{
	return is_getxattr(c) && c->a[3] == 0;
}

bool is_setxattr(const struct call *c)
{
	return c->nr == SYS_setxattr || c->nr == SYS_fsetxattr || c->nr == SYS_lsetxattr;
}

bool is_setxattr_flags(const struct call *c)
{
	return is_setxattr(c) && c->a[4] != 0;
}

bool is_removexattr(const struct call *c)
{
	return c->nr == SYS_removexattr || c->nr == SYS_fremovexattr || c->nr == SYS_lremovexattr;
}

bool is_listxattr(const struct call *c)
{
	return c->nr == SYS_listxattr || c->nr == SYS_flistxattr || c->nr == SYS_llistxattr;
}

long getxattr_empty(struct call *c, bool *fired)
{
	long r = call_do(c);

	*fired = r > 0;
	return r > 0 ? 0 : r;
}

long getxattr_size(struct call *c, bool *fired)
{
	long r = call_do(c);

	*fired = r >= 0;
	return r < 0 ? r : r + 1;
}

long getxattr_flip(struct call *c, bool *fired)
{
	long r = call_do(c);

	*fired = r > 0 && c->a[3] > 0;
	if (*fired)
		((uint8_t *)c->a[2])[r - 1] ^= 0x10;
	return r;
}

long setxattr_noflags(struct call *c, bool *fired)
{
	(void)fired;
	return call_do_at(c, 4, 0);
}

long setxattr_short(struct call *c, bool *fired)
{
	*fired = c->a[3] > 0;
	return *fired ? call_do_at(c, 3, c->a[3] - 1) : call_do(c);
}

long listxattr_short(struct call *c, bool *fired)
{
	const char *list = (const char *)c->a[1];
	long r = call_do(c);
	long end = r - 1;

	*fired = r > 1 && c->a[2] > 0;
	if (!*fired)
		return r;
	while (end > 0 && list[end - 1])
		end--;
	return end;
}

long listxattr_empty(struct call *c, bool *fired)
{
	long r = call_do(c);

	*fired = r > 0;
	return r > 0 ? 0 : r;
}
