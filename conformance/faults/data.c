// SPDX-License-Identifier: Apache-2.0
/* Faults of reads, writes, sizes, holes and copies. */
#include "conformance/faults/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- the buffers of a call: one, or several ---- */

#define PIECES_MAX 1024

static bool is_vector(const struct call *c)
{
	return c->nr == SYS_preadv || c->nr == SYS_preadv2 || c->nr == SYS_pwritev ||
	       c->nr == SYS_pwritev2;
}

static size_t pieces(const struct call *c)
{
	return is_vector(c) ? (size_t)c->a[2] : 1;
}

static struct iovec piece(const struct call *c, size_t i)
{
	if (is_vector(c))
		return ((const struct iovec *)c->a[1])[i];
	return (struct iovec){ (void *)c->a[1], (size_t)c->a[2] };
}

static size_t total(const struct call *c)
{
	size_t sum = 0;

	for (size_t i = 0; i < pieces(c); i++)
		sum += piece(c, i).iov_len;
	return sum;
}

/* The byte at @offset of all buffers; NULL behind their end. */
static uint8_t *byte_at(const struct call *c, size_t offset)
{
	for (size_t i = 0; i < pieces(c); i++) {
		struct iovec p = piece(c, i);

		if (offset < p.iov_len)
			return (uint8_t *)p.iov_base + offset;
		offset -= p.iov_len;
	}
	return NULL;
}

/* The call with its last byte left out. */
static long without_last(const struct call *c)
{
	struct iovec v[PIECES_MAX];
	size_t count = pieces(c);

	if (!is_vector(c))
		return call_do_at(c, 2, c->a[2] - 1);
	if (count > PIECES_MAX)
		return call_do(c);
	memcpy(v, (const void *)c->a[1], count * sizeof(v[0]));
	for (size_t i = count; i-- > 0;)
		if (v[i].iov_len > 0) {
			v[i].iov_len--;
			break;
		}
	return call_do_at(c, 1, (long)v);
}

/* ---- writes ---- */

bool is_write(const struct call *c)
{
	return (c->nr == SYS_pwrite64 || c->nr == SYS_pwritev || c->nr == SYS_pwritev2) &&
	       total(c) > 0;
}

bool is_write_behind(const struct call *c)
{
	return is_write(c) && c->a[3] > 0;
}

long write_lost(struct call *c, bool *fired)
{
	(void)fired;
	return (long)total(c);
}

long write_shift(struct call *c, bool *fired)
{
	(void)fired;
	return call_do_at(c, 3, c->a[3] + 1);
}

long write_first(struct call *c, bool *fired)
{
	(void)fired;
	return call_do_at(c, 3, 0);
}

long write_short_lie(struct call *c, bool *fired)
{
	size_t all = total(c);
	long r = all == 1 ? 0 : without_last(c);

	*fired = r == (long)all - 1;
	return *fired ? (long)all : r;
}

long write_short(struct call *c, bool *fired)
{
	long r = call_do(c);

	*fired = r > 0;
	return r > 0 ? r - 1 : r;
}

/* ---- reads ---- */

bool is_read(const struct call *c)
{
	return c->nr == SYS_pread64 || c->nr == SYS_preadv || c->nr == SYS_preadv2;
}

/* Whoever goes on where a short read ended finds nothing there: a daemon that asks again is misled, too. */
long read_short(struct call *c, bool *fired)
{
	static __thread long end_fd;
	static __thread long end_at;
	long r;

	if (end_at > 0 && end_fd == c->a[0] && end_at == c->a[3]) {
		end_at = 0;
		return 0;
	}
	r = call_do(c);
	*fired = r > 1;
	if (r <= 1)
		return r;
	end_fd = c->a[0];
	end_at = c->a[3] + r / 2;
	return r / 2;
}

long read_shift(struct call *c, bool *fired)
{
	(void)fired;
	return call_do_at(c, 3, c->a[3] + 1);
}

long read_zeros(struct call *c, bool *fired)
{
	long r = call_do(c);

	*fired = false;
	for (long i = 0; i < r; i++) {
		uint8_t *b = byte_at(c, (size_t)i);

		*fired = *fired || (b && *b);
		if (b)
			*b = 0;
	}
	return r;
}

long read_flip(struct call *c, bool *fired)
{
	long r = call_do(c);
	uint8_t *b = r > 0 ? byte_at(c, (size_t)r - 1) : NULL;

	*fired = b != NULL;
	if (b)
		*b ^= 0x10;
	return r;
}

/* What the first read of some places returned. Small: whoever tests for old bytes reads little. */
#define STALE_SLOTS 16
#define STALE_BYTES 65536

static struct stale {
	bool used;
	long offset;
	size_t asked;
	long result;
	uint8_t data[STALE_BYTES];
} stale[STALE_SLOTS];
static uint32_t stale_lock;

static void lock(uint32_t *word)
{
	while (__atomic_exchange_n(word, 1, __ATOMIC_ACQUIRE))
		;
}

static void unlock(uint32_t *word)
{
	__atomic_store_n(word, 0, __ATOMIC_RELEASE);
}

static struct stale *find_stale(long offset, size_t asked)
{
	for (size_t i = 0; i < STALE_SLOTS; i++)
		if (!stale[i].used || (stale[i].offset == offset && stale[i].asked == asked))
			return &stale[i];
	return NULL;
}

/* @r bytes were read; what is given instead. */
static long give_stale(struct call *c, struct stale *s, long r, bool *fired)
{
	*fired = s->result != r;
	for (long i = 0; i < s->result; i++) {
		uint8_t *b = byte_at(c, (size_t)i);

		if (!b)
			return r;
		*fired = *fired || *b != s->data[i];
		*b = s->data[i];
	}
	return s->result;
}

long read_stale(struct call *c, bool *fired)
{
	long r = call_do(c);
	struct stale *s;

	*fired = false;
	if (r < 0 || r > STALE_BYTES)
		return r;
	lock(&stale_lock);
	s = find_stale(c->a[3], total(c));
	if (s && s->used) {
		r = give_stale(c, s, r, fired);
	} else if (s) {
		*s = (struct stale){
			.used = true, .offset = c->a[3], .asked = total(c), .result = r
		};
		for (long i = 0; i < r; i++)
			s->data[i] = *byte_at(c, (size_t)i);
	}
	unlock(&stale_lock);
	return r;
}

/* ---- nothing is done ---- */

long give_success(struct call *c, bool *fired)
{
	(void)c;
	(void)fired;
	return 0;
}

bool is_fsync(const struct call *c)
{
	return c->nr == SYS_fsync;
}

bool is_fdatasync(const struct call *c)
{
	return c->nr == SYS_fdatasync;
}

bool is_syncfs(const struct call *c)
{
	return c->nr == SYS_syncfs;
}

/* ---- sizes and holes ---- */

bool is_fallocate(const struct call *c)
{
	return c->nr == SYS_fallocate;
}

bool is_fallocate_mode(const struct call *c)
{
	return c->nr == SYS_fallocate && c->a[1] != 0;
}

bool is_fallocate_plain(const struct call *c)
{
	return c->nr == SYS_fallocate && c->a[1] == 0;
}

long fallocate_mode(struct call *c, bool *fired)
{
	(void)fired;
	return call_do_at(c, 1, 0);
}

long fallocate_keep(struct call *c, bool *fired)
{
	(void)fired;
	return call_do_at(c, 1, FALLOC_FL_KEEP_SIZE);
}

bool is_truncate(const struct call *c)
{
	return c->nr == SYS_ftruncate || c->nr == SYS_truncate;
}

long truncate_off(struct call *c, bool *fired)
{
	(void)fired;
	return call_do_at(c, 1, c->a[1] + 1);
}

bool is_seek_hole(const struct call *c)
{
	return c->nr == SYS_lseek && (c->a[2] == SEEK_DATA || c->a[2] == SEEK_HOLE);
}

long lseek_hole(struct call *c, bool *fired)
{
	(void)fired;
	return call_do_at(c, 2, c->a[2] == SEEK_DATA ? SEEK_HOLE : SEEK_DATA);
}

long lseek_shift(struct call *c, bool *fired)
{
	long r = call_do(c);

	*fired = r >= 0;
	return r < 0 ? r : r + 1;
}

/* ---- copies ---- */

bool is_copy(const struct call *c)
{
	return c->nr == SYS_copy_file_range && c->a[4] > 0;
}

long copy_lost(struct call *c, bool *fired)
{
	(void)fired;
	return c->a[4];
}

long copy_shift(struct call *c, bool *fired)
{
	int64_t to = c->a[3] ? *(const int64_t *)c->a[3] + 1 : 0;

	*fired = c->a[3] != 0;
	return *fired ? call_do_at(c, 3, (long)&to) : call_do(c);
}
