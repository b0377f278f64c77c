// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/ops.h"

#include <fcntl.h>

void resize_before(struct fs_call *c, const struct node *n, uint64_t size)
{
	if (c->fs->dax)
		dax_before_shrink(c->fs->dax, c->session->window, n->dev, n->ino, size);
}

/* The size is asked for: who else writes may have changed it meanwhile, and that is what mappings shall show. */
void resize_after(struct fs_call *c, const struct node *n)
{
	struct statx st;

	if (c->fs->dax && statx(n->fd, "", AT_EMPTY_PATH, STATX_SIZE, &st) == 0)
		dax_after_resize(c->fs->dax, n->dev, n->ino, st.stx_size);
}
