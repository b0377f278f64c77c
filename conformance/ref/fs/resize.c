// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/ops.h"

#include <fcntl.h>

int window_sync(struct fs_call *c, const struct node *n)
{
	return c->fs->dax && S_ISREG(n->type) ? dax_sync(c->fs->dax, n->dev, n->ino) : 0;
}

int window_sync_all(struct fs_call *c)
{
	return c->fs->dax ? dax_sync_all(c->fs->dax) : 0;
}

/* What a guest has stored behind the end so far must not turn up in a file that grows over it: first of all, sync. */
void resize_before(struct fs_call *c, const struct node *n, uint64_t size)
{
	(void)window_sync(c, n);
	if (c->fs->dax)
		dax_before_shrink(c->fs->dax, c->session->window, n->dev, n->ino, size);
}

void resize_seen(struct fs_call *c, const struct node *n, uint64_t size)
{
	if (c->fs->dax && S_ISREG(n->type))
		dax_after_resize(c->fs->dax, n->dev, n->ino, size);
}

/* The size is asked for: who else writes may have changed it meanwhile, and that is what mappings shall show. */
void resize_after(struct fs_call *c, const struct node *n)
{
	struct statx st;

	if (c->fs->dax && statx(n->fd, "", AT_EMPTY_PATH, STATX_SIZE, &st) == 0)
		resize_seen(c, n, st.stx_size);
}
