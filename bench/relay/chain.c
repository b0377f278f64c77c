// SPDX-License-Identifier: Apache-2.0
#include "relay/chain.h"

#include <endian.h>
#include <string.h>

static void add_readable(struct chain *c, const struct memory *m, uint64_t addr, uint32_t size)
{
	size_t n = CHAIN_IN - c->in_size;

	if (c->writable) {
		c->bad = true; /* "readable descriptors come first" */
		return;
	}
	n = n < size ? n : size;
	if (n > 0 && memory_read(m, addr, c->in + c->in_size, n) < 0)
		c->bad = true;
	c->in_size += n;
	c->readable += size;
}

static void add_writable(struct chain *c, uint64_t addr, uint32_t size)
{
	size_t n = CHAIN_OUT - c->out_size;

	n = n < size ? n : size;
	if (n > 0 && c->out_count < CHAIN_SPANS) {
		c->out[c->out_count++] = (struct span){ addr, (uint32_t)n };
		c->out_size += n;
	}
	c->writable += size;
}

static void add_buffer(struct chain *c, const struct memory *m, const struct vring_desc *d)
{
	uint64_t addr = le64toh(d->addr);
	uint32_t size = le32toh(d->len);

	if (++c->count > CHAIN_MAX || !memory_holds(m, addr, size))
		c->bad = true;
	else if (le16toh(d->flags) & VRING_DESC_F_WRITE)
		add_writable(c, addr, size);
	else
		add_readable(c, m, addr, size);
}

/* The table stays where it is, in guest memory; each entry is copied once and then judged. */
static void add_indirect(struct chain *c, const struct memory *m, const struct vring_desc *d)
{
	uint64_t table = le64toh(d->addr);
	uint32_t size = le32toh(d->len);
	uint32_t entries = size / (uint32_t)sizeof(struct vring_desc);
	uint32_t at = 0;

	if (size % sizeof(struct vring_desc) != 0 || entries == 0 ||
	    le16toh(d->flags) & VRING_DESC_F_NEXT)
		c->bad = true;
	/* A loop among the entries ends at CHAIN_MAX. */
	while (!c->bad) {
		struct vring_desc e;

		if (at >= entries ||
		    memory_read(m, table + (uint64_t)at * sizeof(e), &e, sizeof(e)) < 0 ||
		    le16toh(e.flags) & VRING_DESC_F_INDIRECT) {
			c->bad = true;
			return;
		}
		add_buffer(c, m, &e);
		if (!(le16toh(e.flags) & VRING_DESC_F_NEXT))
			return;
		at = le16toh(e.next);
	}
}

void chain_add(struct chain *c, const struct memory *m, const struct vring_desc *d)
{
	if (c->bad)
		return;
	if (le16toh(d->flags) & VRING_DESC_F_INDIRECT)
		add_indirect(c, m, d);
	else
		add_buffer(c, m, d);
}

bool chain_request(const struct chain *c, struct fuse_in_header *ret)
{
	if (c->bad || c->in_size < sizeof(*ret))
		return false;
	memcpy(ret, c->in, sizeof(*ret));
	return ret->len >= sizeof(*ret) && ret->len <= c->readable;
}

int spans_read(const struct span *s, size_t count, const struct memory *m, void *ret, size_t size)
{
	uint8_t *to = ret;

	for (size_t i = 0; i < count && size > 0; i++) {
		size_t n = s[i].size < size ? s[i].size : size;

		if (memory_read(m, s[i].addr, to, n) < 0)
			return -EFAULT;
		to += n;
		size -= n;
	}
	return size == 0 ? 0 : -EFAULT;
}
