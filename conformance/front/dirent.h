/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FRONT_DIRENT_H
#define VQ_FRONT_DIRENT_H

#include "conformance/wire/virtio_fs.h"

#include <stdbool.h>
#include <stddef.h>

/* Walk over what READDIR or READDIRPLUS gave. Every length is checked: the bytes come from the device. */
struct front_dirents {
	const uint8_t *data;
	size_t size;
	size_t at;
	bool plus;
	const char *wrong; /* why front_dirents_next() said -1 */
};

struct front_dirent {
	uint64_t ino;
	uint64_t off;
	uint32_t type; /* DT_ */
	char name[256];
	struct fuse_entry_out entry; /* READDIRPLUS; nodeid 0: not looked up */
};

void front_dirents_begin(struct front_dirents *d, const void *data, size_t size, bool plus);
/** front_dirents_next() - 1 with @ret; 0 at the end; -1 for what does not parse. */
int front_dirents_next(struct front_dirents *d, struct front_dirent *ret);

#endif
