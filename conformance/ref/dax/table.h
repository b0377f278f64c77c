/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_DAX_TABLE_H
#define VQ_REF_DAX_TABLE_H

/*
 * What lies where in one DAX window, and the steps that lead from one state to the next. Pure logic: no
 * descriptor, lock or message. A plan is carried out one step at a time, and the table changes with each, so
 * that it always says what the front end has.
 *
 * A step never gives the front end a range that is live and never takes away a part of a mapping
 * (vhost-user, SHMEM_MAP and SHMEM_UNMAP); a driver may do both (virtio 5.11.6.4). What is mapped right is left
 * alone: between UNMAP and MAP another processor of the guest would read wrong bytes.
 */

#include <linux/fuse.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/* The unit of everything here: what INIT announces as map_alignment, a page of the host. */
#define DAX_PAGE_BYTES UINT64_C(4096)

/* Largest file offset that may be mapped: what a passthrough descriptor claims as its size. */
#define DAX_FILE_END_MAX (UINT64_C(1) << 62)

/* Fragments of one window; a front end gives up long before (its memory slots, vm.max_map_count). */
#define DAX_FRAGMENTS_MAX 8192

struct dax_source;
struct dax_tail;

enum dax_kind {
	DAX_FILE, /* mapped from the descriptor of the source */
	DAX_TAIL, /* one page, mapped from a copy of the last page of the file */
	DAX_HOLE, /* asked for by the driver, but beyond the end of the file: the front end has nothing here */
};

struct dax_fragment {
	uint64_t offset; /* in the window */
	uint64_t len;
	uint64_t file_offset;
	struct dax_source *source; /* the file; compared, never looked into */
	struct dax_tail *tail;	   /* of a DAX_TAIL in the table; not part of its identity */
	enum dax_kind kind;
	bool writable; /* the driver has asked for write access to it */
};

/* Sorted by offset, without overlap. */
struct dax_table {
	struct dax_fragment *at;
	size_t count;
	size_t room;
};

/* How far a file can be mapped: [0, file_end) directly, the page at tail_at from a copy, no more. */
struct dax_extent {
	uint64_t file_end; /* in whole pages */
	uint64_t tail_at;  /* UINT64_MAX: no such page */
};

/* How far fragments of a file can be mapped at this moment. */
typedef struct dax_extent dax_extent_of_source(const struct dax_source *s);

/* One message to the front end, or none when the fragment is a DAX_HOLE. */
struct dax_step {
	bool add;
	struct dax_fragment f;
};

/* Each step that removes is followed by those that put pieces of the same range back; additions end a plan. */
struct dax_plan {
	struct dax_step *step;
	size_t count;
	size_t room;
	size_t adds;
	int error; /* -ENOMEM, sticky */
	struct dax_step few[8];
};

/**
 * dax_check_map() - may this SETUPMAPPING be carried out in a window of @window_bytes?
 * Return: 0; -EINVAL for an empty, misaligned, overflowing or too long range, or flags that are 0 or
 * unknown. Source: FUSE-MAP-004 to -008, VIRTIO-FS-DAX-009.
 */
int dax_check_map(const struct fuse_setupmapping_in *in, uint64_t window_bytes) MUST_USE;
int dax_check_unmap(const struct fuse_removemapping_one *one, uint64_t window_bytes) MUST_USE;

/* All that a descriptor which claims a huge size can serve, and what one of the real file can. */
struct dax_extent dax_extent_all(void);
struct dax_extent dax_extent_pages(uint64_t file_size);
struct dax_extent dax_extent_shadow(uint64_t file_size);

void dax_plan_init(struct dax_plan *p);
void dax_plan_free(struct dax_plan *p);
/* dax_plan_pieces() - additions that make @f, cut by kind; at most DAX_PIECES_MAX: file, hole, tail, hole. */
#define DAX_PIECES_MAX 4
void dax_plan_pieces(struct dax_plan *p, const struct dax_fragment *f, const struct dax_extent *x);

/**
 * dax_plan_map() - steps that make @want live; its kind is ignored.
 * @fresh: for what is not mapped yet; @known: for the holes and tails of the same file that are there;
 * @extent: for what is left of mappings of other files.
 */
void dax_plan_map(struct dax_plan *p, const struct dax_table *t, const struct dax_fragment *want,
		  const struct dax_extent *fresh, const struct dax_extent *known,
		  dax_extent_of_source *extent);
void dax_plan_unmap(struct dax_plan *p, const struct dax_table *t, uint64_t offset, uint64_t len,
		    dax_extent_of_source *extent);
/* The file has another size: holes and tails become what @x says. What is mapped directly stays. */
void dax_plan_resize(struct dax_plan *p, const struct dax_table *t, const struct dax_source *s,
		     const struct dax_extent *x);
/* Nothing of @s from the file offset @end (whole pages) on may stay mapped; it becomes a hole. */
void dax_plan_cut(struct dax_plan *p, const struct dax_table *t, const struct dax_source *s,
		  uint64_t end, dax_extent_of_source *extent);

/* dax_table_reserve() - room for @p and for undoing it, so that no step can fail here. 0; -ENOMEM. */
int dax_table_reserve(struct dax_table *t, const struct dax_plan *p) MUST_USE;
void dax_table_insert(struct dax_table *t, const struct dax_fragment *f);
/* dax_table_remove() - take out the fragment that begins at @offset; it must be there. */
struct dax_fragment dax_table_remove(struct dax_table *t, uint64_t offset);
/* Index of the first fragment that ends behind @offset; count when there is none. */
size_t dax_table_find(const struct dax_table *t, uint64_t offset);
void dax_table_free(struct dax_table *t);

#endif
