// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fault/breaks.h"
#include "conformance/ref/fs/iov.h"
#include "conformance/ref/fs/ops.h"
#include "conformance/ref/ledger/ledger.h"

#include <fcntl.h>
#include <string.h>

/* READ and WRITE: between the file and guest memory, without a copy of ours. */

/* Offsets of files are signed. @size bytes from @offset on exist as numbers. */
static bool range_ok(uint64_t offset, size_t size)
{
	uint64_t end;

	return !__builtin_add_overflow(offset, size, &end) && end <= INT64_MAX;
}

/* Drivers ask with the header in a piece of its own and exactly the room they need: then nothing is cut. */
static unsigned data_pieces(struct fs_call *c, const struct iovec *iov, unsigned count, size_t skip,
			    size_t total, size_t done, size_t size, const struct iovec **ret,
			    size_t *ret_size)
{
	if (done == 0 && count > 1 && count <= IOV_MAX && iov[0].iov_len == skip &&
	    total == skip + size) {
		*ret = iov + 1;
		*ret_size = size;
		return count - 1;
	}
	*ret = c->w->iov;
	return iov_slice(iov, count, skip + done, size - done, c->w->iov, IOV_MAX, ret_size);
}

/* --fault: is anything mapped, by any guest? */
static bool mapped_fault(void)
{
	struct refdev_counters counters;

	ledger_counters(&counters);
	return counters.live > 0 && fault_at(FAULT_READ_MAPPED);
}

int op_read(struct fs_call *c)
{
	CLEANUP(handle_putp) struct handle *h = NULL;
	const struct ref_request *r = c->r;
	struct fuse_read_in in;
	size_t done = 0;
	int e;

	memcpy(&in, c->arg, sizeof(in));
	/* Fewer bytes would mean end of file, so that a buffer that is too small cannot be filled instead. */
	if (!range_ok(in.offset, in.size) || in.size > reply_room(c))
		return -EINVAL;
	e = call_handle(c, in.fh, &h);
	if (e < 0)
		return e;
	if (!S_ISREG(h->node->type))
		return -EISDIR;
	if (fault_armed(FAULT_READ_MAPPED) && mapped_fault())
		return -EIO;
	(void)window_sync(c, h->node);
	while (done < in.size) {
		const struct iovec *iov;
		size_t part;
		unsigned count = data_pieces(c, r->out, r->out_count,
					     sizeof(struct fuse_out_header), r->out_bytes, done,
					     in.size, &iov, &part);
		ssize_t n = preadv(h->fd, iov, (int)count, (off_t)(in.offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && done == 0)
			return -errno;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (fault_hooked(FAULT_HOOK_READ))
		done = fault_read(r, h->node->ino, in.offset, in.size, done);
	ledger_bytes(done, 0);
	return reply_placed(c, done);
}

static int write_flags(const struct fuse_write_in *in)
{
	/* Delayed data of a cache has its place; only what an application appends goes where the end is now. */
	bool delayed = (in->write_flags & FUSE_WRITE_CACHE) && !fault_at(FAULT_APPEND_DELAYED);
	bool appends = !delayed && (in->flags & O_APPEND);

	return appends && !fault_at(FAULT_APPEND_IGNORED) ? RWF_APPEND : 0;
}

/* Returns how much was written, or -errno when nothing was. */
static ssize_t write_all(struct fs_call *c, const struct handle *h, const struct fuse_write_in *in)
{
	const struct ref_request *r = c->r;
	size_t done = 0;

	while (done < in->size) {
		const struct iovec *iov;
		size_t part;
		unsigned count = data_pieces(c, r->in, r->in_count, sizeof(c->in) + sizeof(*in),
					     r->in_bytes, done, in->size, &iov, &part);
		ssize_t n = pwritev2(h->fd, iov, (int)count, (off_t)(in->offset + done),
				     write_flags(in));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && done == 0)
			return -errno;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int op_write(struct fs_call *c)
{
	CLEANUP(handle_putp) struct handle *h = NULL;
	struct fuse_write_in in;
	struct fuse_write_out out = { 0 };
	ssize_t n;
	int e;

	memcpy(&in, c->arg, sizeof(in));
	if (in.size != c->in.len - sizeof(c->in) - sizeof(in))
		return -EINVAL;
	if (!range_ok(in.offset, in.size))
		return -EFBIG;
	e = call_handle(c, in.fh, &h);
	if (e < 0)
		return e;
	if (!S_ISREG(h->node->type))
		return -EBADF;
	worker_fsetid(c->w,
		      (!(in.write_flags & FUSE_WRITE_KILL_SUIDGID) || fault_at(FAULT_SUID_KEPT)) &&
			      !fault_at(FAULT_SUID_CLEARED));
	(void)window_sync(c, h->node); /* earlier stores of the guest are older than this */
	in.offset += fault_at(FAULT_WRITE_SHIFTED);
	n = fault_at(FAULT_WRITE_LOST) ? (ssize_t)in.size : write_all(c, h, &in);
	if (n < 0)
		return (int)n;
	resize_after(c, h->node);
	ledger_bytes(0, (uint64_t)n);
	out.size = (uint32_t)n + fault_at(FAULT_WRITE_MORE);
	if (out.size < in.size && fault_at(FAULT_WRITE_WHOLE))
		out.size = in.size;
	return reply_data(c, &out, sizeof(out));
}
