/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_REF_DAX_FAKE_H
#define VQ_TEST_REF_DAX_FAKE_H

/*
 * A fake front end: a real window of memory, real mmap, and the rules that vhost-user and QEMU apply. What
 * breaks a rule is counted and refused; tests want 0.
 */

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/rng.h"
#include "conformance/ref/request.h"

#define FAKE_PAGE     UINT64_C(4096)
#define FAKE_MAPS_MAX 16384

struct fake_map {
	uint64_t offset;
	uint64_t len;
};

struct fake_front {
	struct ref_window window;
	uint8_t *base;
	pthread_mutex_t lock;
	struct fake_map map[FAKE_MAPS_MAX];
	unsigned count;
	unsigned *owner; /* of each page: 0, or number of its mapping */
	unsigned next_owner;
	unsigned maps; /* accepted */
	unsigned unmaps;
	unsigned violations;
	char first_violation[200];
	struct rng rng;
	unsigned nak_percent;	 /* refuse that many at random, without a reason */
	unsigned nak_after;	 /* refuse the n-th map from now on; 0: none */
	unsigned keep;		 /* refuse that many unmaps */
	unsigned keep_after_map; /* the same, once a map has been accepted */
	unsigned delay_us;	 /* of each round trip */
	_Atomic unsigned calls;
	bool lenient_size; /* a file that is too short now is refused, but is no violation */
	unsigned maps_max; /* memory slots; 0: no limit */
};

static inline int __attribute__((format(printf, 2, 3)))
fake_violation(struct fake_front *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (!f->violations++)
		(void)vsnprintf(f->first_violation, sizeof(f->first_violation), fmt, args);
	va_end(args);
	return -EINVAL;
}

static inline bool fake_naks(struct fake_front *f)
{
	return f->nak_percent && rng_below(&f->rng, 100) < f->nak_percent;
}

static inline void fake_round_trip(struct fake_front *f)
{
	struct timespec t = { .tv_nsec = (long)f->delay_us * 1000 };

	f->calls++;
	if (f->delay_us)
		(void)nanosleep(&t, NULL);
}

static inline int fake_check(struct fake_front *f, int fd, uint64_t fd_offset, uint64_t offset,
			     uint64_t len, bool writable)
{
	struct stat st;

	if (!writable)
		return fake_violation(f, "a read-only mapping");
	if (!len || (offset | len | fd_offset) % FAKE_PAGE || offset > f->window.bytes ||
	    len > f->window.bytes - offset)
		return fake_violation(f, "bad range 0x%llx + 0x%llx", (unsigned long long)offset,
				      (unsigned long long)len);
	if (fstat(fd, &st) < 0 || (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR)
		return fake_violation(f, "a descriptor that is not O_RDWR");
	if (st.st_size == 0)
		return fake_violation(f, "an empty file");
	if ((uint64_t)st.st_size < fd_offset + len && f->lenient_size)
		return -EINVAL;
	if ((uint64_t)st.st_size < fd_offset + len)
		return fake_violation(f, "backing store of %lld too small for 0x%llx + 0x%llx",
				      (long long)st.st_size, (unsigned long long)fd_offset,
				      (unsigned long long)len);
	for (uint64_t p = offset / FAKE_PAGE; p < (offset + len) / FAKE_PAGE; p++)
		if (f->owner[p])
			return fake_violation(f, "overlap at page %llu", (unsigned long long)p);
	return f->count < FAKE_MAPS_MAX ? 0 : -ENOSPC;
}

static inline int fake_map_locked(struct fake_front *f, int fd, uint64_t fd_offset, uint64_t offset,
				  uint64_t len, bool writable)
{
	int e = fake_check(f, fd, fd_offset, offset, len, writable);

	if (e < 0)
		return e;
	if (f->maps_max && f->count >= f->maps_max)
		return -ENOSPC;
	if (fake_naks(f) || (f->nak_after && --f->nak_after == 0))
		return -ENOSPC;
	if (mmap(f->base + offset, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		 (off_t)fd_offset) == MAP_FAILED)
		return fake_violation(f, "mmap: errno %d", errno);
	f->map[f->count++] = (struct fake_map){ .offset = offset, .len = len };
	f->next_owner++;
	for (uint64_t p = offset / FAKE_PAGE; p < (offset + len) / FAKE_PAGE; p++)
		f->owner[p] = f->next_owner;
	f->maps++;
	f->keep += f->keep_after_map;
	f->keep_after_map = 0;
	return 0;
}

static inline int fake_map(void *context, int fd, uint64_t fd_offset, uint64_t offset, uint64_t len,
			   bool writable)
{
	struct fake_front *f = context;
	int e;

	fake_round_trip(f);
	(void)pthread_mutex_lock(&f->lock);
	e = fake_map_locked(f, fd, fd_offset, offset, len, writable);
	(void)pthread_mutex_unlock(&f->lock);
	return e;
}

static inline int fake_unmap_locked(struct fake_front *f, uint64_t offset, uint64_t len)
{
	unsigned i;

	if (f->keep) {
		f->keep--;
		return -EIO;
	}
	for (i = 0; i < f->count; i++)
		if (f->map[i].offset == offset && f->map[i].len == len)
			break;
	if (i == f->count)
		return fake_violation(f, "unmap of 0x%llx + 0x%llx, which was never mapped",
				      (unsigned long long)offset, (unsigned long long)len);
	if (mmap(f->base + offset, len, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED)
		return fake_violation(f, "munmap: errno %d", errno);
	f->map[i] = f->map[--f->count];
	for (uint64_t p = offset / FAKE_PAGE; p < (offset + len) / FAKE_PAGE; p++)
		f->owner[p] = 0;
	f->unmaps++;
	return 0;
}

static inline int fake_unmap(void *context, uint64_t offset, uint64_t len)
{
	struct fake_front *f = context;
	int e;

	fake_round_trip(f);
	(void)pthread_mutex_lock(&f->lock);
	e = fake_unmap_locked(f, offset, len);
	(void)pthread_mutex_unlock(&f->lock);
	return e;
}

/* The front end resets: everything goes without a message. */
static inline void fake_drop_all(struct fake_front *f)
{
	(void)pthread_mutex_lock(&f->lock);
	while (f->count)
		(void)fake_unmap_locked(f, f->map[0].offset, f->map[0].len);
	(void)pthread_mutex_unlock(&f->lock);
}

static inline struct fake_front *fake_open(uint64_t bytes)
{
	struct fake_front *f = calloc(1, sizeof(*f));
	void *base = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			  0);

	if (!f || base == MAP_FAILED)
		abort();
	f->base = base;
	f->owner = calloc(bytes / FAKE_PAGE, sizeof(*f->owner));
	if (!f->owner)
		abort();
	(void)pthread_mutex_init(&f->lock, NULL);
	f->rng.state = 1;
	f->window = (struct ref_window){
		.bytes = bytes, .map = fake_map, .unmap = fake_unmap, .context = f
	};
	return f;
}

static inline void fake_close(struct fake_front *f)
{
	(void)munmap(f->base, f->window.bytes);
	free(f->owner);
	free(f);
}

static inline bool fake_live(const struct fake_front *f, uint64_t offset)
{
	return f->owner[offset / FAKE_PAGE] != 0;
}

#endif
