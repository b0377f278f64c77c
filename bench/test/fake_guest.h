/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_FAKE_GUEST_H
#define VQ_TEST_FAKE_GUEST_H

#include "relay/ring.h"

#include <stdint.h>

/*
 * What the test_relay* programs share: a fake guest with two regions of memory, a hole between
 * them and a ring of 8 in the first, and a queue of the relay that serves this ring.
 */
#define RING_SIZE 8
#define LOW	  UINT64_C(0)
#define HIGH	  UINT64_C(0x40000)
#define REGION	  UINT64_C(0x10000)
#define USER(a)	  (UINT64_C(0x7f0000000000) + (a))
#define DESC_AT	  UINT64_C(0x0)
#define AVAIL_AT  UINT64_C(0x400)
#define USED_AT	  UINT64_C(0x800)
#define DATA_AT	  UINT64_C(0x1000)
#define IN_SIZE	  ((uint32_t)sizeof(struct fuse_in_header))
#define OUT_SIZE  ((uint32_t)sizeof(struct fuse_out_header))

struct fake_guest {
	int fd[2]; /* of the two regions */
	uint8_t *ram[2];
	struct memory memory;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	void *shadow;
	struct queue *q;
	struct init_seen init;
	int call;
	struct err err;
};

/** fake_open() - memory, and a queue that runs. 0 or -1. @f is zeroed by the caller. */
int fake_open(struct fake_guest *f);
void fake_close(struct fake_guest *f);

/* setup and teardown of a test whose state is a struct fake_guest. */
int fake_setup(void **state);
int fake_teardown(void **state);

/** fake_region() - the @i-th region, as a VMM announces it. */
struct vhost_user_mem_region fake_region(int i);

/** fake_at() - memory at an address of the guest. */
void *fake_at(struct fake_guest *f, uint64_t addr);

void fake_put_desc(struct vring_desc *d, uint64_t addr, uint32_t len, uint16_t flags,
		   uint16_t next);
void fake_put_header(struct fake_guest *f, uint64_t addr, uint32_t opcode, uint32_t len);

/** fake_offer() - make a chain available. */
void fake_offer(struct fake_guest *f, uint16_t head);

/** fake_offer_request() - a request of two descriptors: header in, @room bytes out. */
void fake_offer_request(struct fake_guest *f, uint16_t head, uint32_t opcode, uint32_t room);

/** fake_serve_head() - the fake daemon's answer to @head through the shadow ring. */
void fake_serve_head(struct fake_guest *f, uint16_t head, int32_t error, uint32_t len);

#endif
