/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_REF_FS_DAX_H
#define VQ_TEST_REF_FS_DAX_H

/* A fake of dax/: it remembers what it was asked, and answers as it was told. */

#include "conformance/ref/dax/dax.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct fake_dax {
	char log[4096];	  /* one word and its numbers per call, separated by "; " */
	int result;	  /* of map and unmap */
	bool mapped;	  /* the file is: no descriptor is needed */
	int map_fd_flags; /* -1: without a descriptor */
	struct fuse_setupmapping_in map;
	struct fuse_removemapping_one removed[256];
	unsigned removed_count;
	dev_t dev;
	ino_t ino;
};
static struct fake_dax fake;

static void fake_log(const char *word, uint64_t a, uint64_t b)
{
	size_t used = strlen(fake.log);

	(void)snprintf(fake.log + used, sizeof(fake.log) - used, "%s %llu %llu; ", word,
		       (unsigned long long)a, (unsigned long long)b);
}

#define FAKE_SHARE  ((struct dax_share *)(void *)&fake)
#define FAKE_WINDOW ((struct dax_window *)(void *)fake.log)

int dax_map(struct dax_window *w, const struct dax_file *f, const struct fuse_setupmapping_in *in)
{
	(void)w;
	if (f->fd < 0 && !fake.mapped)
		return -EBADF;
	fake_log("map", in->foffset, in->moffset);
	fake.map = *in;
	fake.map_fd_flags = f->fd < 0 ? -1 : fcntl(f->fd, F_GETFL);
	fake.dev = f->dev;
	fake.ino = f->ino;
	return fake.result;
}

int dax_unmap(struct dax_window *w, const struct fuse_removemapping_one *entries, unsigned count)
{
	(void)w;
	fake_log("unmap", count, count ? entries[0].moffset : 0);
	memcpy(fake.removed, entries, count * sizeof(*entries));
	fake.removed_count = count;
	return fake.result;
}

void dax_window_refit(struct dax_window *w)
{
	(void)w;
	fake_log("refit", 0, 0);
}

void dax_window_clear(struct dax_window *w, bool gone)
{
	(void)w;
	fake_log("clear", gone, 0);
}

void dax_before_shrink(struct dax_share *share, const struct dax_window *by, dev_t dev, ino_t ino,
		       uint64_t size, struct dax_shrink *ret)
{
	(void)share;
	(void)by;
	(void)ret;
	fake_log("before", size, 0);
	fake.dev = dev;
	fake.ino = ino;
}

void dax_after_resize(struct dax_share *share, const struct dax_file *f)
{
	struct stat st = { .st_size = -1 };

	(void)share;
	(void)fstat(f->fd, &st);
	fake_log("after", (uint64_t)st.st_size, 0);
	fake.dev = f->dev;
	fake.ino = f->ino;
}

void dax_after_shrink(struct dax_share *share, struct dax_shrink *shrink, const struct dax_file *f)
{
	(void)shrink;
	dax_after_resize(share, f);
}

int dax_sync(struct dax_share *share, dev_t dev, ino_t ino)
{
	(void)share;
	fake_log("sync", 0, 0);
	fake.dev = dev;
	fake.ino = ino;
	return fake.result;
}

int dax_sync_all(struct dax_share *share)
{
	(void)share;
	fake_log("syncall", 0, 0);
	return fake.result;
}

#endif
