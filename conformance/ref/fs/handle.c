// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/handle.h"

#include "conformance/ref/fault/fault.h"

void handle_table_init(struct handle_table *t, uint32_t generation)
{
	for (unsigned i = 0; i < SLOT_SHARDS; i++)
		slot_shard_init(&t->shard[i], generation);
	t->next_shard = 0;
}

void handle_table_free(struct handle_table *t)
{
	for (unsigned i = 0; i < SLOT_SHARDS; i++) {
		struct slot_shard *s = &t->shard[i];

		for (uint32_t j = 0; j < s->count; j++) {
			if (s->slot[j].item)
				handle_put(s->slot[j].item);
		}
		slot_shard_free(s);
	}
}

void handle_put(struct handle *h)
{
	if (__atomic_sub_fetch(&h->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	(void)close(h->fd);
	node_put(h->node);
	(void)pthread_mutex_destroy(&h->dir_lock);
	free(h->dir);
	free(h);
}

int handle_add(struct handle_table *t, struct node *n, int take_fd, int flags, uint64_t *ret_id)
{
	unsigned number = __atomic_fetch_add(&t->next_shard, 1, __ATOMIC_RELAXED) % SLOT_SHARDS;
	struct slot_shard *s = &t->shard[number];
	struct handle *h = calloc(1, sizeof(*h));
	int e;

	if (!h) {
		(void)close(take_fd);
		return -ENOMEM;
	}
	*h = (struct handle){
		.nodeid = n->id,
		.refs = 1,
		.fd = take_fd,
		.flags = flags,
		.node = n,
	};
	(void)__atomic_add_fetch(&n->refs, 1, __ATOMIC_RELAXED);
	(void)pthread_mutex_init(&h->dir_lock, NULL);
	(void)pthread_mutex_lock(&s->lock);
	e = slot_add(s, number, h, &h->id);
	if (e == 0)
		*ret_id = h->id;
	(void)pthread_mutex_unlock(&s->lock);
	if (e < 0)
		handle_put(h);
	return e;
}

static struct handle *find(const struct slot_shard *s, uint64_t id, uint64_t nodeid)
{
	struct handle *h = slot_find(s, id);

	return h && (h->nodeid == nodeid || fault_at(FAULT_HANDLE_ANY)) ? h : NULL;
}

struct handle *handle_get(struct handle_table *t, uint64_t id, uint64_t nodeid)
{
	struct slot_shard *s = &t->shard[slot_shard_of(id)];
	struct handle *h;

	(void)pthread_mutex_lock(&s->lock);
	h = find(s, id, nodeid);
	if (h)
		(void)__atomic_add_fetch(&h->refs, 1, __ATOMIC_RELAXED);
	(void)pthread_mutex_unlock(&s->lock);
	return h;
}

int handle_drop(struct handle_table *t, uint64_t id, uint64_t nodeid)
{
	struct slot_shard *s = &t->shard[slot_shard_of(id)];
	struct handle *h;

	(void)pthread_mutex_lock(&s->lock);
	h = find(s, id, nodeid);
	if (h)
		slot_drop(s, id);
	(void)pthread_mutex_unlock(&s->lock);
	if (!h)
		return -EBADF;
	handle_put(h);
	return 0;
}
