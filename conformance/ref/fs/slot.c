// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/slot.h"

#include "conformance/ref/fault/fault.h"

#include <assert.h>

#define SLOT_NONE	UINT32_MAX
#define GENERATION_MASK UINT32_C(0x7fffffff)
/* Index bits that an id has beside its shard. */
#define SLOT_INDEX_MAX ((UINT32_C(1) << (32 - SLOT_SHARD_BITS)) - 1)

void slot_shard_init(struct slot_shard *s, uint32_t generation)
{
	*s = (struct slot_shard){ .free_head = SLOT_NONE };
	s->first_generation = generation & GENERATION_MASK;
	if (s->first_generation == 0)
		s->first_generation = 1;
	(void)pthread_mutex_init(&s->lock, NULL);
}

void slot_shard_free(struct slot_shard *s)
{
	free(s->slot);
	s->slot = NULL;
	(void)pthread_mutex_destroy(&s->lock);
}

static int slot_grow(struct slot_shard *s)
{
	uint32_t room = s->room ? s->room * 2 : 16;
	struct slot *slot;

	if (s->count >= SLOT_INDEX_MAX)
		return -ENOMEM;
	slot = realloc(s->slot, (size_t)room * sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	s->slot = slot;
	s->room = room;
	return 0;
}

int slot_add(struct slot_shard *s, unsigned shard, void *item, uint64_t *ret_id)
{
	uint32_t index = s->free_head;

	if (index == SLOT_NONE) {
		if (s->count == s->room && slot_grow(s) < 0)
			return -ENOMEM;
		index = s->count++;
		s->slot[index].generation = s->first_generation;
	} else {
		s->free_head = s->slot[index].next_free;
	}
	s->slot[index].item = item;
	*ret_id = (uint64_t)s->slot[index].generation << 32 | (uint64_t)index << SLOT_SHARD_BITS |
		  shard;
	return 0;
}

static struct slot *slot_of(const struct slot_shard *s, uint64_t id)
{
	uint32_t index = (uint32_t)id >> SLOT_SHARD_BITS;

	if (index >= s->count || s->slot[index].generation != id >> 32)
		return NULL;
	return &s->slot[index];
}

void *slot_find(const struct slot_shard *s, uint64_t id)
{
	struct slot *slot = slot_of(s, id);

	return slot ? slot->item : NULL;
}

void slot_drop(struct slot_shard *s, uint64_t id)
{
	struct slot *slot = slot_of(s, id);

	assert(slot && slot->item);
	slot->item = NULL;
	if (!fault_at(FAULT_NODEID_REUSED))
		slot->generation = (slot->generation + 1) & GENERATION_MASK;
	if (slot->generation == 0)
		slot->generation = 1;
	slot->next_free = s->free_head;
	s->free_head = (uint32_t)id >> SLOT_SHARD_BITS;
}
