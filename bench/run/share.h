/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_SHARE_H
#define VQ_RUN_SHARE_H

#include "run/cell.h"
#include "run/world.h"

/*
 * What a pass shares: a new folder with the workload's files, on the disk or the tmpfs of the run's
 * world. A block device gets an ext4 image made of that folder instead.
 */
struct share {
	char dir[128];	 /* folder on the host; "" for an image */
	char image[128]; /* "" for a folder */
	/* File or folder whose residency in the host's page cache is that of the data. */
	char data[160];
	uint64_t data_bytes; /* as laid out */
};

/**
 * share_make() - lay it out, on disk (fsync), readable by whoever serves it.
 * @serial: names it; unique in a run.
 * What was made until a failure is in @ret too.
 */
int share_make(const struct cell *c, const struct world *w, unsigned serial, struct share *ret,
	       struct err *reterr) MUST_USE;

/** share_remove() - accepts a zero struct. */
void share_remove(struct share *s);

#endif
