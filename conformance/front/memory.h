/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FRONT_MEMORY_H
#define VQ_FRONT_MEMORY_H

#include "base/err.h"
#include "conformance/front/evidence.h"
#include "conformance/wire/vhost_user.h"

/*
 * Guest memory: regions of shared memory whose guest address, user address, offset in the file and
 * address in this process all differ, so that a device that mixes two of them up is found out.
 *
 * Buffers are taken from it with canaries on both sides. Book-keeping lies outside of guest memory: a
 * device can write all of that.
 */

/* Bytes of canary before and behind each buffer, at least; buffers are aligned to it. */
#define FRONT_CANARY 64

struct front_region {
	int fd;
	uint8_t *at; /* in this process */
	struct vhost_user_mem_region wire;
	uint8_t *file_at; /* the whole file: what lies before mmap_offset is canary too */
	uint64_t next;	  /* bytes that the allocator has handed out, from the start */
	uint64_t edge;	  /* and up to where: buffers at the very end lie behind it */
};

/* Zero: the default. */
struct front_memory_options {
	unsigned regions;	  /* default 2, at most 8 */
	uint64_t region_bytes[8]; /* default 2 MiB for the first (rings), 64 MiB for the others */
	bool adjacent; /* guest addresses follow one another without a hole (user addresses never do) */
};

/* A piece of guest memory. */
struct front_buf {
	uint8_t *at; /* in this process */
	uint64_t guest;
	size_t size;
	/* private */
	size_t room; /* with canaries */
	unsigned region;
	bool edge;
	struct front_buf *next;
	struct front_buf *older; /* of all that were made */
};

#define FRONT_ROOM_CLASSES 40

struct front_memory {
	unsigned count;
	struct front_region region[VHOST_USER_MEM_REGIONS_MAX];
	struct front_evidence *evidence;
	struct front_buf *spare[FRONT_ROOM_CLASSES]; /* returned, by log2 of their room */
	struct front_buf *newest;
	uint64_t live; /* buffers that are out */
};

/** front_memory_new() - @o may be NULL. 0; -errno with text. */
int front_memory_new(const struct front_memory_options *o, struct front_evidence *evidence,
		     struct front_memory **ret, struct err *reterr) MUST_USE;
struct front_memory *front_memory_free(struct front_memory *m);

/** front_memory_table() - all regions as SET_MEM_TABLE carries them; @fds (8 at least) are borrowed. */
void front_memory_table(const struct front_memory *m, struct vhost_user_mem_table *ret, int *fds);

/**
 * front_buf_new() - @size bytes in the last region (or the first: @ring), canaries around.
 * @align: a power of two, at least FRONT_CANARY is taken. NULL when there is no room.
 */
struct front_buf *front_buf_new(struct front_memory *m, size_t size) MUST_USE;
struct front_buf *front_buf_new_ring(struct front_memory *m, size_t size, size_t align) MUST_USE;

/**
 * front_buf_new_edge() - its last byte is the last of region @region: one byte on, the guest has nothing
 * (or with `adjacent`, the next region). Canary before it only. Taken once per region.
 */
struct front_buf *front_buf_new_edge(struct front_memory *m, unsigned region, size_t size) MUST_USE;

/** front_buf_free() - check the canaries and give back; accepts NULL. */
void front_buf_free(struct front_memory *m, struct front_buf *b);

/** front_buf_check() - are the canaries whole? -EBADMSG and evidence otherwise; they are then renewed. */
int front_buf_check(struct front_memory *m, struct front_buf *b, const char *what);

/** front_buf_poison() - fill with bytes that depend on the address; front_buf_untouched() knows them. */
void front_buf_poison(struct front_buf *b);
/** front_buf_untouched() - index of the first byte from @from on that is not poison; size when all are. */
size_t front_buf_untouched(const struct front_buf *b, size_t from);

/** front_memory_check() - is what lies in the files before the regions whole? As front_buf_check(). */
int front_memory_check(struct front_memory *m);

/** front_guest_at() - where a guest address lies in this process; NULL when not all of it is in one region. */
uint8_t *front_guest_at(const struct front_memory *m, uint64_t guest, uint64_t size);
/** front_guest_to_user() - as ring addresses are given; the address must lie in a region. */
uint64_t front_guest_to_user(const struct front_memory *m, uint64_t guest);
/** front_guest_nowhere() - an address of the guest that no region holds, nor the 1 MiB behind it. */
uint64_t front_guest_nowhere(const struct front_memory *m);

#endif
