/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_DAX_SOURCE_H
#define VQ_REF_DAX_SOURCE_H

/*
 * A file that is mapped somewhere, once for the whole process: the descriptor that front ends get, and, where
 * its last page is served from a copy, that copy. It lives as long as a fragment or a call refers to it.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "conformance/ref/dax/table.h"

struct dax_sources;
struct dax_shrink;

struct dax_source {
	struct dax_sources *all;
	struct dax_source *next; /* in its bucket; with refs under the lock of the table */
	dev_t dev;
	ino_t ino;
	unsigned refs;
	int fd;	     /* what a front end maps: of the private mount, or of the file itself */
	bool shadow; /* fd is the file itself, so nothing beyond its end can be mapped */
	/* Fragments of other kinds than DAX_FILE in all windows: none means that a new size changes nothing. */
	_Atomic unsigned partial;
	pthread_mutex_t lock; /* of the tails; a leaf */
	struct dax_tail *tails;
};

/*
 * The last, partly filled page of a file as a page of memory. Windows map it; what the guest stores there and
 * what changes in the file are exchanged byte by byte, at the moments dax.h names.
 */
struct dax_tail {
	struct dax_tail *next;
	uint64_t page; /* file offset */
	unsigned refs;
	int fd; /* memfd of one page */
	uint8_t *shared;
	uint8_t base[DAX_PAGE_BYTES]; /* what file and copy agreed on last */
};

/**
 * dax_tail_get() - the copy of the page at @page, up to date. @ret is released with dax_tail_put(), before
 * which dax_tail_exchange() brings the last stores into the file.
 */
int dax_tail_get(struct dax_source *s, uint64_t page, struct dax_tail **ret) MUST_USE;
void dax_tail_put(struct dax_source *s, struct dax_tail *t);
/* dax_tail_exchange() - bring every copy and the file together. 0, or why a store is not in the file. */
int dax_tail_exchange(struct dax_source *s);

/* All sources of a process by device and inode number. */
#define DAX_SOURCE_BUCKETS 1024
struct dax_sources {
	pthread_mutex_t lock; /* a leaf */
	struct dax_source *bucket[DAX_SOURCE_BUCKETS];
	_Atomic unsigned shrink_count;
	struct dax_shrink *
		shrinks; /* that have begun, of any files, also of those that are mapped nowhere yet */
};

void dax_sources_init(struct dax_sources *all);
/* dax_sources_find() - with a reference; NULL when nothing of the file is mapped. */
struct dax_source *dax_sources_find(struct dax_sources *all, dev_t dev, ino_t ino);
/**
 * dax_sources_add() - a source of @take_fd, with a reference; or the one that another thread has just added,
 * and @take_fd is closed. NULL: out of memory, @take_fd is closed too.
 */
struct dax_source *dax_sources_add(struct dax_sources *all, dev_t dev, ino_t ino, int take_fd,
				   bool shadow);
/* dax_sources_next() - the one behind @before (its reference is given back), or the first; NULL at the end. */
struct dax_source *dax_sources_next(struct dax_sources *all, struct dax_source *before);
void dax_source_hold(struct dax_sources *all, struct dax_source *s);
void dax_source_drop(struct dax_sources *all, struct dax_source *s);
void dax_sources_shrink(struct dax_sources *all, struct dax_shrink *begun);
void dax_sources_shrunk(struct dax_sources *all, struct dax_shrink *ended);
/**
 * dax_source_limit() - where the file will end when the shrinks that have begun are done; UINT64_MAX without one. Under the
 * lock of a window, and before the file is asked for its size: then either this or that is what will be, or who shrinks
 * waits for that lock.
 */
uint64_t dax_source_limit(const struct dax_source *s);
void dax_sources_destroy(struct dax_sources *all);

#endif
