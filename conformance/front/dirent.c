// SPDX-License-Identifier: Apache-2.0
#include "conformance/front/dirent.h"

#include <string.h>

void front_dirents_begin(struct front_dirents *d, const void *data, size_t size, bool plus)
{
	*d = (struct front_dirents){ .data = data, .size = size, .plus = plus };
}

static int wrong(struct front_dirents *d, const char *why)
{
	d->wrong = why;
	return -1;
}

int front_dirents_next(struct front_dirents *d, struct front_dirent *ret)
{
	size_t fixed = d->plus ? FUSE_NAME_OFFSET_DIRENTPLUS : FUSE_NAME_OFFSET;
	size_t left = d->size - d->at;
	const uint8_t *at = d->data + d->at;
	struct fuse_dirent h;

	if (left == 0)
		return 0;
	if (left < fixed)
		return wrong(d, "a torn entry");
	memcpy(&h, at + fixed - FUSE_NAME_OFFSET, FUSE_NAME_OFFSET);
	if (h.namelen == 0 || h.namelen >= sizeof(ret->name))
		return wrong(d, "a name of no length or too long");
	if (FUSE_DIRENT_ALIGN(fixed + h.namelen) > left)
		return wrong(d, "an entry longer than the reply");
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->name, at + fixed, h.namelen);
	if (memchr(ret->name, '/', h.namelen) || memchr(ret->name, '\0', h.namelen))
		return wrong(d, "a name with '/' or NUL");
	ret->ino = h.ino;
	ret->off = h.off;
	ret->type = h.type;
	if (d->plus)
		memcpy(&ret->entry, at, sizeof(ret->entry));
	d->at += FUSE_DIRENT_ALIGN(fixed + h.namelen);
	return 1;
}
