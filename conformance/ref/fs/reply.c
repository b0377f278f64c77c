// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/call.h"
#include "conformance/ref/fs/iov.h"

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 12)
#include <fuse3/fuse_lowlevel.h>

void reply_pieces(struct fs_call *c, const struct iovec *iov, int count)
{
	struct ref_request *r = c->r;
	size_t total = 0;

	if (c->replied)
		return;
	for (int i = 0; i < count; i++)
		total += iov[i].iov_len;
	if (total > r->out_bytes) {
		reply_error(c, -EIO);
		return;
	}
	/* The header last: a driver that looks too early finds no reply rather than half of one. */
	total = 0;
	for (int i = 0; i < count; i++) {
		if (i > 0)
			(void)iov_put(r->out, r->out_count, total, iov[i].iov_base, iov[i].iov_len);
		total += iov[i].iov_len;
	}
	(void)iov_put(r->out, r->out_count, 0, iov[0].iov_base, iov[0].iov_len);
	c->error = ((const struct fuse_out_header *)iov[0].iov_base)->error;
	c->used = (uint32_t)total;
	c->replied = true;
}

int reply_placed(struct fs_call *c, size_t size)
{
	struct fuse_out_header h = {
		.len = (uint32_t)(sizeof(h) + size),
		.unique = c->in.unique,
	};

	(void)iov_put(c->r->out, c->r->out_count, 0, &h, sizeof(h));
	c->used = h.len;
	c->replied = true;
	return 0;
}

int reply_data(struct fs_call *c, const void *data, size_t size)
{
	if (c->library) {
		(void)fuse_reply_buf(c->library, data, size);
		c->library = NULL;
		return 0;
	}
	if (size > reply_room(c))
		return -EIO;
	(void)iov_put(c->r->out, c->r->out_count, sizeof(struct fuse_out_header), data, size);
	return reply_placed(c, size);
}

void reply_error(struct fs_call *c, int error)
{
	struct fuse_out_header h = {
		.len = sizeof(h),
		.error = error,
		.unique = c->in.unique,
	};

	c->error = error;
	(void)iov_put(c->r->out, c->r->out_count, 0, &h, sizeof(h));
	c->used = sizeof(h);
	c->replied = true;
}
