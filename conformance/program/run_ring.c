// SPDX-License-Identifier: Apache-2.0
/* Steps on guest memory and rings, one descriptor at a time. What the front end asserts is asked here before. */
#include "conformance/program/exec.h"

#include "base/clock.h"
#include "conformance/front/packed.h"
#include "conformance/front/split.h"

#include <string.h>

#define BUFFER_MAX (1U << 20)

static bool is_split(const struct front_ring *ring)
{
	return ring->ops == &front_split_ops;
}

static struct front_ring *ring_of(const struct program_run *r, const struct program_step *s)
{
	uint64_t queue = program_number(r, s, "queue", 1);

	return queue < r->f->ring_count ? &r->f->ring[queue] : NULL;
}

static const char *do_memory(struct program_run *r, const struct program_step *s)
{
	CLEANUP(buf_free) struct buf b = { 0 };
	uint64_t index = program_number(r, s, "buffer", 0);
	uint64_t size;

	if (program_bytes(r, program_get(s, "bytes"), &b) < 0)
		return "out of memory";
	size = program_number(r, s, "size", b.size);
	if (index >= PROGRAM_SYMBOLS_MAX || size == 0 || size > BUFFER_MAX || size < b.size)
		return "a buffer has 1 byte to 1 MiB, and room for its bytes";
	r->buffer[index] = front_buf_new(r->f->memory, size);
	if (!r->buffer[index])
		return "the guest has no memory left";
	front_buf_poison(r->buffer[index]);
	if (b.size)
		memcpy(r->buffer[index]->at, b.data, b.size);
	return NULL;
}

static const char *do_poke(struct program_run *r, const struct program_step *s)
{
	CLEANUP(buf_free) struct buf b = { 0 };
	uint8_t *at;

	if (program_bytes(r, program_get(s, "bytes"), &b) < 0)
		return "out of memory";
	at = front_guest_at(r->f->memory, program_number(r, s, "at", 0), b.size);
	if (!at || b.size == 0)
		return "not all of it is guest memory";
	memcpy(at, b.data, b.size);
	return NULL;
}

static const char *do_descriptor(struct program_run *r, const struct program_step *s,
				 struct front_ring *ring)
{
	uint64_t index = program_number(r, s, "index", is_split(ring) ? 0 : ring->next_slot);
	uint64_t addr = program_number(r, s, "addr", 0);
	uint32_t len = (uint32_t)program_number(r, s, "len", 0);
	uint16_t flags = (uint16_t)program_number(r, s, "flags", 0);
	uint16_t next = (uint16_t)program_number(r, s, "next", 0);

	if (index >= ring->size)
		return "the ring has no such descriptor";
	if (is_split(ring))
		front_split_write(ring, (uint16_t)index, addr, len, flags, next);
	else
		front_packed_write(ring, (uint16_t)index, addr, len, next, flags);
	return NULL;
}

static const char *do_offer(struct program_run *r, const struct program_step *s,
			    struct front_ring *ring)
{
	uint16_t head = (uint16_t)program_number(r, s, "head", 0);

	if (!is_split(ring))
		return "a packed ring has no available ring: write a descriptor";
	front_split_offer(ring, head);
	/* No descriptor was taken for it, so none comes back with it. */
	if (head < ring->size && !ring->chain[head].busy)
		front_ring_expect(ring, head, 0, UINT64_MAX, NULL);
	return NULL;
}

static const char *do_index(struct program_run *r, const struct program_step *s,
			    struct front_ring *ring)
{
	uint64_t plus = program_number(r, s, "plus", 0);
	uint64_t value = program_number(r, s, "value", ring->avail_idx + plus);

	if (!is_split(ring))
		return "a packed ring has no available index";
	front_split_set_index(ring, (uint16_t)value);
	return NULL;
}

static void do_kick(struct program_run *r, struct front_ring *ring, struct program_answer *a)
{
	uint64_t deadline = clock_deadline_ms(PROGRAM_MOMENT_MS);
	uint64_t popped = ring->popped;
	uint64_t errors = ring->errors;

	front_ring_publish(ring);
	front_ring_kick_anyway(ring);
	for (;;) {
		struct pollfd pfd[] = { { .fd = r->f->channel.fd, .events = POLLIN },
					{ .fd = ring->call_fd, .events = POLLIN },
					{ .fd = ring->err_fd, .events = POLLIN } };

		(void)front_ring_arm(ring);
		(void)front_poll(r->f);
		if (ring->popped != popped) {
			program_tell(a, "used", "%u", (unsigned)(ring->popped - popped));
			return;
		}
		if (!front_is_alive(r->f)) {
			program_tell(a, "gone", "the connection was closed");
			return;
		}
		if (ring->errors != errors || clock_now_ns() >= deadline)
			break;
		(void)front_pump_wait(&r->f->pump, pfd, ARRAY_SIZE(pfd), deadline);
		(void)front_ring_take_calls(ring);
	}
	/* It may be broken, or not: requests on it are not waited for long. */
	r->dead[ring->index] = true;
	a->silent = true;
	program_tell(a, ring->errors != errors ? "error" : "silent", "nothing was used");
}

void program_do_ring(struct program_run *r, const struct program_step *s, struct program_answer *a)
{
	enum program_act act = s->verb->act;
	struct front_ring *ring = NULL;
	const char *wrong = NULL;

	if (act != ACT_MEMORY && act != ACT_POKE) {
		ring = ring_of(r, s);
		if (!ring || !ring->ops) {
			program_tell(a, "failed", "there is no such queue");
			return;
		}
	}
	switch (act) {
	case ACT_MEMORY: wrong = do_memory(r, s); break;
	case ACT_POKE: wrong = do_poke(r, s); break;
	case ACT_DESCRIPTOR: wrong = do_descriptor(r, s, ring); break;
	case ACT_OFFER: wrong = do_offer(r, s, ring); break;
	case ACT_INDEX: wrong = do_index(r, s, ring); break;
	case ACT_KICK: do_kick(r, ring, a); return;
	default: break;
	}
	program_tell(a, wrong ? "failed" : "OK", "%s", wrong ? wrong : "");
}
