// SPDX-License-Identifier: Apache-2.0
/* From descriptors to a request: bounds, translation, and the answer to a chain that cannot be served. */
#include <string.h>

#include "conformance/ref/fault/breaks.h"
#include "conformance/ref/fault/fault.h"
#include "conformance/ref/vhost/ring.h"
#include "conformance/wire/virtio_fs.h"

void chain_begin(struct ring *r, struct ring_request *rr, uint16_t head)
{
	rr->bad = NULL;
	rr->slots = 1;
	rr->pub = (struct ref_request){
		.in = rr->iov,
		.out = rr->iov,
		.queue = r->index,
		.head = head,
		.popped_ns = rr->pub.popped_ns,
	};
}

void chain_bad(struct ring_request *rr, const char *why)
{
	if (!rr->bad)
		rr->bad = why;
}

static void add_part(struct ring *r, struct ring_request *rr, void *at, uint64_t size, bool write)
{
	unsigned n = rr->pub.in_count + rr->pub.out_count;

	if (n >= r->iov_max) {
		chain_bad(rr, "it has too many parts");
		return;
	}
	rr->iov[n] = (struct iovec){ at, size };
	if (write) {
		rr->pub.out_count++;
		rr->pub.out_bytes += size;
	} else {
		rr->pub.in_count++;
		rr->pub.in_bytes += size;
	}
}

/*
 * What lies before the first fault is kept, because an answer can be built from it. Sums cannot overflow:
 * a chain has fewer than 2^16 descriptors of less than 2^32 bytes; more than 2^32 in all is forbidden
 * (virtio 2.7.5.2), and the used element could not say it.
 */
void chain_add(struct ring *r, struct ring_request *rr, const struct chain_desc *d)
{
	uint64_t addr = d->addr, left = d->len;

	if (left == 0 && fault_at(FAULT_EMPTY_PIECE_EXITS))
		fault_exit("a descriptor of no bytes");
	if (!d->write && rr->pub.out_count > 0)
		chain_bad(rr, "a readable descriptor follows a writable one");
	while (left > 0 && !rr->bad) {
		uint64_t part;
		void *at = memory_at(r->view->memory, addr, d->write, &r->hint, &part);

		if (!at && fault_at(FAULT_MEM_NOWHERE))
			abort();
		if (!at) {
			chain_bad(rr, d->write ? "it writes where there is no guest memory"
					       : "it reads where there is no guest memory");
			return;
		}
		if (part > left)
			part = left;
		add_part(r, rr, at, part, d->write);
		if (part < left && fault_at(FAULT_MEM_CROSS)) {
			add_part(r, rr, (uint8_t *)at - (left - part), left - part, d->write);
			return;
		}
		addr += part;
		left -= part;
	}
	if (rr->pub.in_bytes > UINT32_MAX || rr->pub.out_bytes > UINT32_MAX)
		chain_bad(rr, "it is longer than 4 GiB");
}

unsigned chain_table(struct ring *r, struct ring_request *rr, uint64_t addr, uint32_t len)
{
	unsigned count = len / sizeof(struct vring_desc);

	if (!r->indirect)
		chain_bad(rr, "indirect descriptors were not negotiated");
	else if (len == 0 || len % sizeof(struct vring_desc) != 0)
		chain_bad(rr, "its indirect table has no whole number of descriptors");
	else if (count > r->size || count > CHAIN_MAX)
		chain_bad(rr, "its indirect table is longer than the queue");
	else if (memory_read(r->view->memory, addr, r->table, len, &r->hint) < 0 &&
		 fault_at(FAULT_MEM_NOWHERE))
		abort();
	else if (memory_read(r->view->memory, addr, r->table, len, &r->hint) < 0)
		chain_bad(rr, "its indirect table is not in guest memory");
	return rr->bad ? 0 : count;
}

void chain_end(struct ring *r, struct ring_request *rr)
{
	rr->pub.out = rr->iov + rr->pub.in_count;
	rr->view = r->view;
}

static size_t copy_in(const struct ref_request *q, void *ret, size_t size)
{
	size_t have = 0;

	for (unsigned i = 0; i < q->in_count && have < size; i++) {
		size_t part = q->in[i].iov_len;

		if (part > size - have)
			part = size - have;
		memcpy((uint8_t *)ret + have, q->in[i].iov_base, part);
		have += part;
	}
	return have;
}

static size_t copy_out(const struct ref_request *q, const void *from, size_t size)
{
	size_t done = 0;

	for (unsigned i = 0; i < q->out_count && done < size; i++) {
		size_t part = q->out[i].iov_len;

		if (part > size - done)
			part = size - done;
		memcpy(q->out[i].iov_base, (const uint8_t *)from + done, part);
		done += part;
	}
	return done;
}

/*
 * A driver that finds no header in its buffer may take what was there before for an answer (Linux before
 * 7.1 does). So one is written if the request's own header can be read and there is room. This happens to
 * honest guests: a read with O_DIRECT into memory of another device's window.
 */
uint32_t chain_refuse(struct ring_request *rr)
{
	struct fuse_in_header in;
	struct fuse_out_header out = { .len = sizeof(out), .error = -EFAULT };

	if (rr->pub.out_bytes < sizeof(out) || copy_in(&rr->pub, &in, sizeof(in)) < sizeof(in))
		return 0;
	out.unique = in.unique;
	return (uint32_t)copy_out(&rr->pub, &out, sizeof(out));
}

/*
 * Messages that do not wait for anybody else: no lock, no lease, no other guest, no front end. Between two
 * of them an interrupt may be saved; before any other the driver hears of what is finished, because what
 * follows may take for ever.
 */
bool chain_is_quick(const struct ring_request *rr)
{
	struct fuse_in_header in;

	if (copy_in(&rr->pub, &in, sizeof(in)) < sizeof(in))
		return true;
	switch (in.opcode) {
	case FUSE_LOOKUP:
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_GETATTR:
	case FUSE_READLINK:
	case FUSE_READ:
	case FUSE_WRITE:
	case FUSE_STATFS:
	case FUSE_RELEASE:
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
	case FUSE_OPENDIR:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
	case FUSE_RELEASEDIR:
	case FUSE_ACCESS:
	case FUSE_LSEEK:
	case FUSE_OP_STATX: return true;
	default: return false;
	}
}
