// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/ops.h"

int window_sync(struct fs_call *c, const struct node *n)
{
	return c->fs->dax && S_ISREG(n->type) ? dax_sync(c->fs->dax, n->dev, n->ino) : 0;
}

int window_sync_all(struct fs_call *c)
{
	return c->fs->dax ? dax_sync_all(c->fs->dax) : 0;
}

static struct dax_file file_of(const struct node *n)
{
	return (struct dax_file){ .dev = n->dev, .ino = n->ino, .fd = n->fd };
}

/* What a guest has stored behind the end so far must not turn up in a file that grows over it: first of all, sync. */
void resize_before(struct fs_call *c, const struct node *n, uint64_t size, struct dax_shrink *ret)
{
	*ret = (struct dax_shrink){ .next = NULL };
	(void)window_sync(c, n);
	if (c->fs->dax)
		dax_before_shrink(c->fs->dax, c->session->window, n->dev, n->ino, size, ret);
}

void resize_shrunk(struct fs_call *c, const struct node *n, struct dax_shrink *begun)
{
	const struct dax_file f = file_of(n);

	if (c->fs->dax)
		dax_after_shrink(c->fs->dax, begun, &f);
}

void resize_after(struct fs_call *c, const struct node *n)
{
	const struct dax_file f = file_of(n);

	if (c->fs->dax && S_ISREG(n->type))
		dax_after_resize(c->fs->dax, &f);
}
