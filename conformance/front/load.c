// SPDX-License-Identifier: Apache-2.0
#include "conformance/front/load.h"

#include "base/clock.h"

#include <assert.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#define PIECES_MAX 5
/* Looks at the ring between two looks at the clock, when busy-polling. */
#define SPINS 1024

static const struct {
	const char *name;
	uint32_t opcode;
	uint32_t block;
} kinds[FRONT_LOAD_KINDS] = {
	[FRONT_LOAD_GETATTR] = { "getattr", FUSE_GETATTR, 0 },
	[FRONT_LOAD_LOOKUP] = { "lookup", FUSE_LOOKUP, 0 },
	[FRONT_LOAD_READ_4K] = { "read-4k", FUSE_READ, 4 * KIB },
	[FRONT_LOAD_READ_128K] = { "read-128k", FUSE_READ, 128 * KIB },
	[FRONT_LOAD_WRITE_4K] = { "write-4k", FUSE_WRITE, 4 * KIB },
	[FRONT_LOAD_WRITE_128K] = { "write-128k", FUSE_WRITE, 128 * KIB },
};

/* One request that goes round and round. */
struct slot {
	struct front_buf *in;  /* header and arguments */
	struct front_buf *out; /* header and what is not file data */
	struct front_buf *data;
	struct front_buf *table;
	struct front_span span[PIECES_MAX];
	unsigned count;
	uint64_t writable;
	uint64_t unique;
	uint64_t submit_ns;
};

struct load {
	struct front *f;
	const struct front_load_options *o;
	struct front_ring *ring;
	bool indirect;
	int epoll_fd; /* calls, and the socket of one that leaves */
	struct slot slot[FRONT_LOAD_DEPTH_MAX];
	uint64_t next_offset;
	uint64_t submitted;
	uint64_t limit;
	uint64_t end_ns;
	uint64_t last_ns; /* when something came back */
	uint64_t now_ns;
	struct front_load_result result;
};

const char *front_load_name(enum front_load_kind kind)
{
	return kinds[kind].name;
}

uint32_t front_load_block(enum front_load_kind kind)
{
	return kinds[kind].block;
}

static struct front_op op_of(const struct front_load_options *o)
{
	uint32_t block = kinds[o->kind].block;

	switch (kinds[o->kind].opcode) {
	case FUSE_LOOKUP: return front_op_lookup(o->nodeid, o->name);
	case FUSE_READ: return front_op_read(o->nodeid, o->fh, 0, block);
	case FUSE_WRITE: return front_op_write(o->nodeid, o->fh, 0, NULL, block);
	default: return front_op_getattr(o->nodeid, NULL);
	}
}

static void add_span(struct slot *s, const struct front_buf *b, size_t from, size_t size,
		     uint16_t flags)
{
	if (size == 0)
		return;
	s->span[s->count++] = (struct front_span){ b->guest + from, (uint32_t)size, flags };
	if (flags & VRING_DESC_F_WRITE)
		s->writable += size;
}

/* Cut as Linux does: header, arguments, data; header, reply. */
static void cut(struct slot *s, const struct front_op *op, size_t in_size, size_t out_size)
{
	const size_t in_head = sizeof(struct fuse_in_header);
	const size_t out_head = sizeof(struct fuse_out_header);

	add_span(s, s->in, 0, in_head, 0);
	add_span(s, s->in, in_head, in_size - in_head, 0);
	if (s->data && op->opcode == FUSE_WRITE)
		add_span(s, s->data, 0, s->data->size, 0);
	add_span(s, s->out, 0, out_head, VRING_DESC_F_WRITE);
	add_span(s, s->out, out_head, out_size - out_head, VRING_DESC_F_WRITE);
	if (s->data && op->opcode == FUSE_READ)
		add_span(s, s->data, 0, s->data->size, VRING_DESC_F_WRITE);
}

static int make_table(struct load *l, struct slot *s)
{
	struct vring_desc *d;

	s->table = front_buf_new(l->f->memory, s->count * sizeof(*d));
	if (!s->table)
		return -ENOMEM;
	d = (struct vring_desc *)(void *)s->table->at;
	for (unsigned i = 0; i < s->count; i++)
		front_ring_table_entry(l->ring, &d[i], &s->span[i], i + 1 < s->count ? i + 1 : 0);
	return 0;
}

static int make_slot(struct load *l, struct slot *s)
{
	struct front_op op = op_of(l->o);
	uint32_t block = kinds[l->o->kind].block;
	bool write = op.opcode == FUSE_WRITE;
	size_t name = op.opcode == FUSE_LOOKUP ? op.tail[0].iov_len : 0;
	size_t in_size = sizeof(struct fuse_in_header) + op.arg_size + name;
	size_t out_size = sizeof(struct fuse_out_header) + (block && !write ? 0 : op.out_max);
	struct fuse_in_header h = { .len = (uint32_t)(in_size + (write ? block : 0)),
				    .opcode = op.opcode,
				    .nodeid = op.nodeid };

	s->in = front_buf_new(l->f->memory, in_size);
	s->out = front_buf_new(l->f->memory, out_size);
	if (block)
		s->data = front_buf_new(l->f->memory, block);
	if (!s->in || !s->out || (block && !s->data))
		return -ENOMEM;
	memcpy(s->in->at, &h, sizeof(h));
	memcpy(s->in->at + sizeof(h), op.arg, op.arg_size);
	if (name)
		memcpy(s->in->at + sizeof(h) + op.arg_size, op.tail[0].iov_base, name);
	/* File data that does not compress and is no row of zeroes. */
	if (write)
		front_buf_poison(s->data);
	cut(s, &op, in_size, out_size);
	return l->indirect ? make_table(l, s) : 0;
}

static void free_slots(struct load *l)
{
	for (unsigned i = 0; i < FRONT_LOAD_DEPTH_MAX; i++) {
		struct slot *s = &l->slot[i];

		front_buf_free(l->f->memory, s->in);
		front_buf_free(l->f->memory, s->out);
		front_buf_free(l->f->memory, s->data);
		front_buf_free(l->f->memory, s->table);
	}
}

static int submit(struct load *l, struct slot *s)
{
	struct fuse_in_header *h = (struct fuse_in_header *)(void *)s->in->at;
	uint32_t block = kinds[l->o->kind].block;

	l->f->next_unique += 2;
	s->unique = h->unique = l->f->next_unique;
	/* The offset is the second field of both fuse_read_in and fuse_write_in. */
	if (block) {
		((struct fuse_read_in *)(void *)(h + 1))->offset = l->next_offset;
		l->next_offset += block;
		if (l->next_offset + block > l->o->file_size)
			l->next_offset = 0;
	}
	s->submit_ns = l->now_ns;
	l->submitted++;
	if (l->indirect)
		return front_ring_add_table(l->ring, s->table, s->writable, s, NULL);
	return front_ring_add(l->ring, s->span, s->count, NULL, 0, s, NULL);
}

static void finish(struct load *l, const struct slot *s, uint32_t used)
{
	struct fuse_out_header h;
	size_t at = (size_t)l->result.requests++;

	memcpy(&h, s->out->at, sizeof(h));
	/* Every reply of these kinds fills its room: a short READ is an error here. */
	if (used != s->writable || h.unique != s->unique || h.error != 0 || h.len != used)
		l->result.errors++;
	else if (l->o->kind == FRONT_LOAD_LOOKUP)
		l->result.looked_up++;
	if (at < l->o->latency_room)
		l->o->latency_ns[at] = (uint32_t)(l->now_ns - s->submit_ns);
}

/* Take what is used, refill, tell the device once. How many came back; -errno. */
static int turn(struct load *l)
{
	struct front_used used;
	int ended = 0;
	int e;

	while ((e = front_ring_pop(l->ring, &used)) != 0) {
		struct slot *s = e > 0 ? used.cookie : NULL;

		if (!s)
			return -EPROTO;
		if (ended++ == 0)
			l->last_ns = l->now_ns = clock_now_ns();
		finish(l, s, used.len);
		if (l->submitted >= l->limit || l->now_ns >= l->end_ns)
			continue;
		e = submit(l, s);
		if (e < 0)
			return e;
	}
	if (ended > 0)
		(void)front_ring_kick(l->ring);
	return ended;
}

static int check_late(struct load *l)
{
	if (!front_is_alive(l->f))
		return -ECONNRESET;
	return clock_now_ns() - l->last_ns > l->f->options.timeout_ms * NS_PER_MS ? -ETIMEDOUT : 0;
}

static int rest(struct load *l)
{
	struct epoll_event events[2];
	int n;

	if (l->o->busy_poll) {
		for (unsigned i = 0; i < SPINS; i++)
			if (front_ring_arm(l->ring))
				return 0;
		return check_late(l);
	}
	if (front_ring_arm(l->ring))
		return 0;
	l->result.sleeps++;
	n = epoll_wait(l->epoll_fd, events, ARRAY_SIZE(events), (int)l->f->options.timeout_ms);
	for (int i = 0; i < n; i++)
		if (events[i].data.fd == l->ring->call_fd)
			return 0;
	return check_late(l);
}

/* Each call is an edge, which need not be read to see the next: they are counted when the run is over. */
static int watch(struct load *l)
{
	struct epoll_event call = { .events = EPOLLIN | EPOLLET, .data.fd = l->ring->call_fd };
	struct epoll_event left = { .events = EPOLLIN, .data.fd = l->f->channel.fd };

	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0 || epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->ring->call_fd, &call) < 0 ||
	    epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->f->channel.fd, &left) < 0)
		return -errno;
	return 0;
}

static int run(struct load *l)
{
	int e = 0;

	l->now_ns = l->last_ns = clock_now_ns();
	for (unsigned i = 0; e == 0 && i < l->o->depth && l->submitted < l->limit; i++)
		e = submit(l, &l->slot[i]);
	if (e < 0)
		return e;
	(void)front_ring_kick(l->ring);
	while (l->ring->in_flight > 0) {
		e = turn(l);
		if (e == 0)
			e = rest(l);
		if (e < 0)
			return e;
	}
	return 0;
}

static uint64_t thread_cpu_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts) < 0)
		return 0;
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void measure(struct load *l, int *ret)
{
	uint64_t cpu_ns = thread_cpu_ns();
	uint64_t kicks = l->ring->kicks;
	uint64_t calls = l->ring->calls;
	uint64_t start_ns = clock_now_ns();

	l->end_ns = l->o->ns ? start_ns + l->o->ns : UINT64_MAX;
	*ret = run(l);
	l->result.ns = clock_now_ns() - start_ns;
	l->result.cpu_ns = thread_cpu_ns() - cpu_ns;
	(void)front_ring_take_calls(l->ring);
	l->result.kicks = l->ring->kicks - kicks;
	l->result.calls = l->ring->calls - calls;
	l->result.per_s = l->result.ns ? (double)l->result.requests / clock_seconds(l->result.ns)
				       : 0;
}

/* What LOOKUP counted is given back, so that a run leaves no node behind. */
static void forget(struct load *l)
{
	struct fuse_entry_out entry;

	if (l->result.looked_up == 0)
		return;
	memcpy(&entry, l->slot[0].out->at + sizeof(struct fuse_out_header), sizeof(entry));
	l->result.nodeid = entry.nodeid;
	if (entry.nodeid > FRONT_ROOT && front_forget(l->f, entry.nodeid, l->result.looked_up) == 0)
		l->result.looked_up = 0;
}

int front_load_run(struct front *f, const struct front_load_options *o,
		   struct front_load_result *ret, struct err *reterr)
{
	struct load *l = calloc(1, sizeof(*l));
	int e = 0;

	assert(o->depth >= 1 && o->depth <= FRONT_LOAD_DEPTH_MAX && (o->count || o->ns));
	assert(!front_load_block(o->kind) || o->file_size >= front_load_block(o->kind));
	if (!l)
		return err_set(reterr, -ENOMEM, "out of memory");
	l->f = f;
	l->o = o;
	l->ring = &f->ring[o->queue ? o->queue : 1];
	l->indirect = front_has(f, VIRTIO_RING_F_INDIRECT_DESC);
	l->limit = o->count ? o->count : UINT64_MAX;
	assert(l->ring->in_flight == 0);
	e = watch(l);
	for (unsigned i = 0; e == 0 && i < o->depth; i++)
		e = make_slot(l, &l->slot[i]);
	if (e == 0) {
		l->ring->light = true;
		if (o->busy_poll)
			front_ring_quiet(l->ring);
		measure(l, &e);
		l->ring->light = false;
	}
	if (e == 0) {
		forget(l);
		*ret = l->result;
		free_slots(l);
	}
	/* After a failure the device may still write: the buffers are never used again. */
	fd_closep(&l->epoll_fd);
	free(l);
	return e < 0 ? err_errno(reterr, e, "load of %s at depth %u", front_load_name(o->kind),
				 o->depth)
		     : 0;
}
