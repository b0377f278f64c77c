// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/broker/node.h"

#include <assert.h>

#include "conformance/ref/broker/broker.h"

/* The number of the first slot: 1 is the root of a FUSE mount. */
#define FIRST_ID 2
#define BUCKETS	 4096

struct nodes {
	struct node slot[BROKER_FILES_MAX];
	uint32_t bucket[BUCKETS];
	uint32_t free;
};

struct nodes *nodes_new(void)
{
	struct nodes *all = calloc(1, sizeof(*all));

	for (uint32_t i = 0; all && i < BROKER_FILES_MAX; i++) {
		all->slot[i].next = all->free;
		all->free = i + 1;
	}
	return all;
}

static uint32_t *bucket_of(struct nodes *all, uint64_t dev, uint64_t ino)
{
	return &all->bucket[(ino ^ dev) % BUCKETS];
}

struct node *broker_node_find(struct nodes *all, uint64_t dev, uint64_t ino)
{
	for (uint32_t i = *bucket_of(all, dev, ino); i; i = all->slot[i - 1].next) {
		struct node *n = &all->slot[i - 1];

		if (n->dev == dev && n->ino == ino)
			return n;
	}
	return NULL;
}

struct node *broker_node_add(struct nodes *all, uint64_t dev, uint64_t ino, int32_t backing_id)
{
	uint32_t *bucket = bucket_of(all, dev, ino);
	uint32_t i = all->free;
	struct node *n;

	if (!i)
		return NULL;
	n = &all->slot[i - 1];
	all->free = n->next;
	*n = (struct node){ .dev = dev, .ino = ino, .backing_id = backing_id, .next = *bucket };
	*bucket = i;
	return n;
}

uint64_t broker_node_id(const struct nodes *all, const struct node *n)
{
	return (uint64_t)(n - all->slot) + FIRST_ID;
}

struct node *broker_node_by_id(struct nodes *all, uint64_t id)
{
	if (id < FIRST_ID || id - FIRST_ID >= BROKER_FILES_MAX)
		return NULL;
	return &all->slot[id - FIRST_ID];
}

static void unlink_node(struct nodes *all, const struct node *n, uint32_t index)
{
	uint32_t *link = bucket_of(all, n->dev, n->ino);

	while (*link != index)
		link = &all->slot[*link - 1].next;
	*link = n->next;
}

static void free_unused(struct nodes *all, struct node *n)
{
	if (n->opens || n->lookups)
		return;
	*n = (struct node){ .next = all->free };
	all->free = (uint32_t)(n - all->slot) + 1;
}

void broker_node_opened(struct node *n)
{
	n->opens++;
	n->lookups++;
}

int32_t broker_node_released(struct nodes *all, struct node *n)
{
	int32_t id = n->backing_id;

	if (!n->opens || --n->opens)
		return 0;
	/* Not found any more: with the id goes the pin on the host's file, and its number may be reused. */
	unlink_node(all, n, (uint32_t)(n - all->slot) + 1);
	n->backing_id = 0;
	free_unused(all, n);
	return id;
}

void broker_node_forgotten(struct nodes *all, struct node *n, uint64_t count)
{
	if (!n->lookups)
		return;
	n->lookups -= count < n->lookups ? count : n->lookups;
	free_unused(all, n);
}
