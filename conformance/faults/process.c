// SPDX-License-Identifier: Apache-2.0
/* Faults of who the daemon is, of locks, of rings, and of errors. */
#include "conformance/faults/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* ---- ids ---- */

static bool is_root_or_kept(long id)
{
	return (unsigned)id == 0 || (unsigned)id == (unsigned)-1;
}

/* Does it become somebody else? */
bool is_setresuid(const struct call *c)
{
	return c->nr == SYS_setresuid && !is_root_or_kept(c->a[1]);
}

bool is_setresgid(const struct call *c)
{
	return c->nr == SYS_setresgid && !is_root_or_kept(c->a[1]);
}

bool is_setresuid_back(const struct call *c)
{
	return c->nr == SYS_setresuid && (unsigned)c->a[1] == 0;
}

bool is_setgroups(const struct call *c)
{
	return c->nr == SYS_setgroups || c->nr == CALL_SETGROUPS;
}

bool is_capset(const struct call *c)
{
	return c->nr == SYS_capset;
}

bool is_umask(const struct call *c)
{
	return c->nr == SYS_umask;
}

long umask_lost(struct call *c, bool *fired)
{
	long was = call_do(c);

	*fired = was != (c->a[0] & 0777);
	if (*fired)
		(void)call_do_at(c, 0, was);
	return was;
}

/* ---- locks ---- */

bool is_flock(const struct call *c)
{
	return c->nr == SYS_flock && (c->a[1] & ~LOCK_NB) != LOCK_UN;
}

static const struct flock *lock_of(const struct call *c)
{
	return (const struct flock *)c->a[2];
}

bool is_setlk(const struct call *c)
{
	return c->nr == SYS_fcntl &&
	       (c->a[1] == F_SETLK || c->a[1] == F_SETLKW || c->a[1] == F_OFD_SETLK ||
		c->a[1] == F_OFD_SETLKW) &&
	       lock_of(c)->l_type != F_UNLCK;
}

bool is_getlk(const struct call *c)
{
	return c->nr == SYS_fcntl && (c->a[1] == F_GETLK || c->a[1] == F_OFD_GETLK);
}

long getlk_free(struct call *c, bool *fired)
{
	long r = call_do(c);
	struct flock *l = (struct flock *)c->a[2];

	*fired = r == 0 && l->l_type != F_UNLCK;
	if (*fired)
		l->l_type = F_UNLCK;
	return r;
}

/* ---- rings ---- */

/* Descriptors that the daemon made with eventfd() are its own; those that it was sent are the driver's. */
#define OWN_MAX 1024
static uint8_t is_own[OWN_MAX];

void faults_own_eventfd(int fd);

void faults_own_eventfd(int fd)
{
	if (fd >= 0 && fd < OWN_MAX)
		__atomic_store_n(&is_own[fd], 1, __ATOMIC_RELAXED);
}

/* What an eventfd takes is 8 bytes; all that is data goes by pwrite. */
bool is_notify(const struct call *c)
{
	struct call look = { SYS_fstat, { c->a[0], 0 } };
	struct stat st = { 0 };

	if (c->nr != SYS_write || c->a[2] != 8 || *(const uint64_t *)c->a[1] != 1)
		return false;
	if (c->a[0] >= 0 && c->a[0] < OWN_MAX &&
	    __atomic_load_n(&is_own[c->a[0]], __ATOMIC_RELAXED))
		return false;
	look.a[1] = (long)&st;
	/* An anonymous inode has no type. */
	return call_do(&look) == 0 && (st.st_mode & S_IFMT) == 0;
}

/* One is enough: whoever waits for each in vain waits for minutes. */
long notify_lost(struct call *c, bool *fired)
{
	static uint8_t done;

	*fired = !__atomic_exchange_n(&done, 1, __ATOMIC_RELAXED);
	return *fired ? c->a[2] : call_do(c);
}

long notify_double(struct call *c, bool *fired)
{
	(void)fired;
	(void)call_do(c);
	return call_do(c);
}

/* The state of a device goes through one. */
static bool is_pipe(long fd)
{
	struct stat st = { 0 };
	struct call look = { SYS_fstat, { fd, (long)&st } };

	return call_do(&look) == 0 && S_ISFIFO(st.st_mode);
}

bool is_pipe_write(const struct call *c)
{
	return c->nr == SYS_write && c->a[2] > 0 && is_pipe(c->a[0]);
}

long pipe_lost(struct call *c, bool *fired)
{
	(void)fired;
	return c->a[2];
}

bool is_pipe_read(const struct call *c)
{
	return c->nr == SYS_read && is_pipe(c->a[0]);
}

long pipe_cut(struct call *c, bool *fired)
{
	long n = call_do(c);

	*fired = n > 1;
	return *fired ? n / 2 : n;
}

bool is_mmap_shared(const struct call *c)
{
	return c->nr == SYS_mmap && (c->a[3] & MAP_SHARED) && !(c->a[3] & MAP_ANONYMOUS) &&
	       (int)c->a[4] >= 0;
}

long mmap_private(struct call *c, bool *fired)
{
	(void)fired;
	return call_do_at(c, 3, (c->a[3] & ~(long)MAP_TYPE) | MAP_PRIVATE);
}

/* ---- errors ---- */

bool is_file_call(const struct call *c)
{
	static const long calls[] = {
		SYS_openat,	SYS_openat2,	 SYS_pread64,	   SYS_preadv,
		SYS_preadv2,	SYS_pwrite64,	 SYS_pwritev,	   SYS_pwritev2,
		SYS_fsync,	SYS_fdatasync,	 SYS_syncfs,	   SYS_ftruncate,
		SYS_truncate,	SYS_fallocate,	 SYS_lseek,	   SYS_copy_file_range,
		SYS_mkdirat,	SYS_mknodat,	 SYS_symlinkat,	   SYS_linkat,
		SYS_unlinkat,	SYS_renameat,	 SYS_renameat2,	   SYS_readlinkat,
		SYS_fchmod,	SYS_fchmodat,	 CALL_FCHMODAT,	   SYS_fchown,
		SYS_fchownat,	SYS_utimensat,	 SYS_fstat,	   SYS_newfstatat,
		SYS_statx,	SYS_getxattr,	 SYS_fgetxattr,	   SYS_setxattr,
		SYS_fsetxattr,	SYS_removexattr, SYS_fremovexattr, SYS_listxattr,
		SYS_flistxattr, SYS_flock,	 SYS_fcntl,
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (c->nr == calls[i])
			return true;
	return false;
}

long errno_other(struct call *c, bool *fired)
{
	const struct fault *f = faults_active();
	long r = call_do(c);

	*fired = r == -f->from;
	return *fired ? -f->to : r;
}
