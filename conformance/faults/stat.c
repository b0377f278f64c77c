// SPDX-License-Identifier: Apache-2.0
/* Faults of the attributes that the host tells, by any of its calls. */
#include "conformance/faults/faults.h"

#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

/* struct stat or struct statx, whichever the call fills. */
struct filled {
	struct stat *stat;
	struct statx *statx;
};

static struct filled filled_by(const struct call *c)
{
	switch (c->nr) {
	case SYS_fstat: return (struct filled){ .stat = (struct stat *)c->a[1] };
	case SYS_newfstatat: return (struct filled){ .stat = (struct stat *)c->a[2] };
	default: return (struct filled){ .statx = (struct statx *)c->a[4] };
	}
}

bool is_stat(const struct call *c)
{
	return c->nr == SYS_fstat || c->nr == SYS_newfstatat || c->nr == SYS_statx;
}

/* Do the call; @stat or @statx is NULL. Both are if it failed. */
static struct filled fill(struct call *c, long *ret_result, bool *fired)
{
	*ret_result = call_do(c);
	*fired = *ret_result == 0;
	return *fired ? filled_by(c) : (struct filled){ 0 };
}

/* Add to one field of the two structures. */
#define ADD(f, field, n)                               \
	do {                                           \
		if ((f).stat)                          \
			(f).stat->st_##field += (n);   \
		if ((f).statx)                         \
			(f).statx->stx_##field += (n); \
	} while (0)

long stat_size(struct call *c, bool *fired)
{
	long r;
	struct filled f = fill(c, &r, fired);

	ADD(f, size, 1);
	return r;
}

long stat_nlink(struct call *c, bool *fired)
{
	long r;
	struct filled f = fill(c, &r, fired);

	ADD(f, nlink, 1);
	return r;
}

long stat_ino(struct call *c, bool *fired)
{
	static uint32_t calls;
	long r;
	struct filled f = fill(c, &r, fired);
	uint64_t more = (uint64_t)__atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) << 32;

	ADD(f, ino, more);
	return r;
}

long stat_owner(struct call *c, bool *fired)
{
	long r;
	struct filled f = fill(c, &r, fired);

	ADD(f, uid, 1);
	ADD(f, gid, 1);
	return r;
}

long stat_blocks(struct call *c, bool *fired)
{
	long r;
	struct filled f = fill(c, &r, fired);

	if (f.stat) {
		*fired = f.stat->st_blocks != 0;
		f.stat->st_blocks = 0;
	}
	if (f.statx) {
		*fired = f.statx->stx_blocks != 0;
		f.statx->stx_blocks = 0;
	}
	return r;
}

static mode_t other_mode(mode_t mode)
{
	mode_t type = mode & S_IFMT;

	if (type == S_IFREG || type == S_IFDIR || type == S_IFLNK)
		return mode ^ 0001;
	return S_IFREG | (mode & ~(mode_t)S_IFMT);
}

long stat_mode(struct call *c, bool *fired)
{
	long r;
	struct filled f = fill(c, &r, fired);

	if (f.stat)
		f.stat->st_mode = other_mode(f.stat->st_mode);
	if (f.statx)
		f.statx->stx_mode = (uint16_t)other_mode(f.statx->stx_mode);
	return r;
}

long stat_mtime(struct call *c, bool *fired)
{
	long r;
	struct filled f = fill(c, &r, fired);

	if (f.stat)
		f.stat->st_mtim.tv_sec++;
	if (f.statx)
		f.statx->stx_mtime.tv_sec++;
	return r;
}

long stat_nsec(struct call *c, bool *fired)
{
	long r;
	struct filled f = fill(c, &r, fired);

	*fired = false;
	if (f.stat) {
		*fired = f.stat->st_mtim.tv_nsec != 0 || f.stat->st_atim.tv_nsec != 0;
		f.stat->st_atim.tv_nsec = 0;
		f.stat->st_mtim.tv_nsec = 0;
		f.stat->st_ctim.tv_nsec = 0;
	}
	if (f.statx) {
		*fired = f.statx->stx_mtime.tv_nsec != 0 || f.statx->stx_atime.tv_nsec != 0;
		f.statx->stx_atime.tv_nsec = 0;
		f.statx->stx_mtime.tv_nsec = 0;
		f.statx->stx_ctime.tv_nsec = 0;
	}
	return r;
}

/* ---- attributes of the first call ---- */

#define STALE_FILES 256

/* What was told of each inode first: one kind of structure, as a daemon uses one for a purpose. */
static struct {
	uint64_t ino;
	uint64_t kind;
	struct stat stat;
	struct statx statx;
} first[STALE_FILES];
static uint32_t first_lock;

static void stale_stat(size_t i, struct filled f, uint64_t ino, bool *fired)
{
	bool known = first[i].ino == ino;

	first[i].ino = ino;
	if (f.stat && known && (first[i].kind & 1)) {
		*fired = memcmp(&first[i].stat, f.stat, sizeof(*f.stat)) != 0;
		*f.stat = first[i].stat;
	} else if (f.stat) {
		first[i].stat = *f.stat;
		first[i].kind |= 1;
	}
	if (f.statx && known && (first[i].kind & 2)) {
		*fired = memcmp(&first[i].statx, f.statx, sizeof(*f.statx)) != 0;
		*f.statx = first[i].statx;
	} else if (f.statx) {
		first[i].statx = *f.statx;
		first[i].kind |= 2;
	}
}

long stat_stale(struct call *c, bool *fired)
{
	long r;
	struct filled f = fill(c, &r, fired);
	uint64_t ino;

	*fired = false;
	if (f.stat)
		ino = (uint64_t)f.stat->st_ino;
	else if (f.statx)
		ino = f.statx->stx_ino;
	else
		return r;
	while (__atomic_exchange_n(&first_lock, 1, __ATOMIC_ACQUIRE))
		;
	for (size_t i = 0; i < STALE_FILES; i++)
		if (first[i].ino == 0 || first[i].ino == ino) {
			stale_stat(i, f, ino, fired);
			break;
		}
	__atomic_store_n(&first_lock, 0, __ATOMIC_RELEASE);
	return r;
}

/* ---- file systems ---- */

bool is_statfs(const struct call *c)
{
	return c->nr == SYS_fstatfs || c->nr == CALL_FSTATVFS;
}

long statfs_zero(struct call *c, bool *fired)
{
	long r = call_do(c);

	*fired = r == 0;
	if (r == 0 && c->nr == SYS_fstatfs) {
		struct statfs *s = (struct statfs *)c->a[1];

		s->f_blocks = s->f_bfree = s->f_bavail = s->f_files = s->f_ffree = 0;
	} else if (r == 0) {
		struct statvfs *s = (struct statvfs *)c->a[1];

		s->f_blocks = s->f_bfree = s->f_bavail = s->f_files = s->f_ffree = 0;
	}
	return r;
}
