// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/node.h"

#include "conformance/ref/fault/fault.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/sysmacros.h>

#define BUCKETS_FIRST 16

struct node_key {
	dev_t dev;
	ino_t ino;
	uint64_t mount;
};

static struct node_key key_of(const struct statx *st)
{
	return (struct node_key){
		.dev = makedev(st->stx_dev_major, st->stx_dev_minor),
		.ino = st->stx_ino,
		.mount = st->stx_mask & STATX_MNT_ID ? st->stx_mnt_id : 0,
	};
}

/* SplitMix64's finish: inode numbers are dense, and the low bits choose the shard. */
static uint64_t key_hash(const struct node_key *k)
{
	uint64_t h = k->ino + k->dev * UINT64_C(0x9e3779b97f4a7c15) + (k->mount << 32);

	h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
	return h ^ (h >> 31);
}

static bool key_is(const struct node *n, const struct node_key *k)
{
	return n->ino == k->ino && n->dev == k->dev && n->mount == k->mount;
}

static uint64_t node_hash(const struct node *n)
{
	struct node_key k = { .dev = n->dev, .ino = n->ino, .mount = n->mount };

	return key_hash(&k);
}

static struct node **bucket_of(struct node_shard *s, uint64_t hash)
{
	return &s->bucket[(hash >> SLOT_SHARD_BITS) & (s->bucket_count - 1)];
}

static struct node *shard_find(struct node_shard *s, const struct node_key *k, uint64_t hash)
{
	struct node *n = s->bucket_count ? *bucket_of(s, hash) : NULL;

	while (n && !key_is(n, k))
		n = n->next;
	return n;
}

/* Growing is a courtesy: without memory the chains get longer, unless there is no bucket at all. */
static int shard_grow(struct node_shard *s)
{
	uint32_t count = s->bucket_count ? s->bucket_count * 2 : BUCKETS_FIRST;
	struct node **old = s->bucket;
	uint32_t old_count = s->bucket_count;
	struct node **bucket = calloc(count, sizeof(struct node *));

	if (!bucket)
		return old ? 0 : -ENOMEM;
	s->bucket = bucket;
	s->bucket_count = count;
	for (uint32_t i = 0; i < old_count; i++) {
		while (old[i]) {
			struct node *n = old[i];
			struct node **to = bucket_of(s, node_hash(n));

			old[i] = n->next;
			n->next = *to;
			*to = n;
		}
	}
	free(old);
	return 0;
}

static void shard_unlink(struct node_shard *s, struct node *n)
{
	struct node **p = bucket_of(s, node_hash(n));

	while (*p != n)
		p = &(*p)->next;
	*p = n->next;
	s->node_count--;
	slot_drop(&s->slots, n->id);
}

void node_put(struct node *n)
{
	if (__atomic_sub_fetch(&n->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	(void)close(n->fd);
	free(n);
}

static void node_ref(struct node *n)
{
	(void)__atomic_add_fetch(&n->refs, 1, __ATOMIC_RELAXED);
}

static struct node *node_new(int fd, const struct statx *st)
{
	struct node_key k = key_of(st);
	struct node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->fd = fd;
	n->dev = k.dev;
	n->ino = k.ino;
	n->mount = k.mount;
	n->born = st->stx_btime;
	n->type = st->stx_mode & S_IFMT;
	n->refs = 1;
	return n;
}

int node_table_init(struct node_table *t, int root_fd, uint32_t generation)
{
	CLEANUP(fd_closep) int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
	struct statx st;

	for (unsigned i = 0; i < SLOT_SHARDS; i++) {
		t->shard[i] = (struct node_shard){ 0 };
		slot_shard_init(&t->shard[i].slots, generation);
	}
	t->root = NULL;
	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, NODE_STATX, &st) < 0)
		return -errno;
	t->root = node_new(fd, &st);
	if (!t->root)
		return -ENOMEM;
	(void)TAKE_FD(fd);
	t->root->id = FUSE_ROOT_ID;
	return 0;
}

void node_table_free(struct node_table *t)
{
	for (unsigned i = 0; i < SLOT_SHARDS; i++) {
		struct node_shard *s = &t->shard[i];

		for (uint32_t b = 0; b < s->bucket_count; b++) {
			while (s->bucket[b]) {
				struct node *n = s->bucket[b];

				s->bucket[b] = n->next;
				node_put(n);
			}
		}
		free(s->bucket);
		slot_shard_free(&s->slots);
	}
	if (t->root)
		node_put(t->root);
	t->root = NULL;
}

struct node *node_get(struct node_table *t, uint64_t id)
{
	struct node_shard *s = &t->shard[slot_shard_of(id)];
	struct node *n;

	if (id == FUSE_ROOT_ID) {
		node_ref(t->root);
		return t->root;
	}
	(void)pthread_mutex_lock(&s->slots.lock);
	n = slot_find(&s->slots, id);
	if (n)
		node_ref(n);
	(void)pthread_mutex_unlock(&s->slots.lock);
	return n;
}

static bool born_is(const struct node *n, const struct statx *st)
{
	return n->born.tv_sec == st->stx_btime.tv_sec && n->born.tv_nsec == st->stx_btime.tv_nsec &&
	       n->type == (st->stx_mode & S_IFMT);
}

/* The root can be met under a name as well: a bind mount of the share inside itself. */
static bool is_root(const struct node_table *t, const struct node_key *k)
{
	return key_is(t->root, k);
}

struct node *node_find(struct node_table *t, const struct statx *st)
{
	struct node_key k = key_of(st);
	uint64_t hash = key_hash(&k);
	struct node_shard *s = &t->shard[slot_shard_of(hash)];
	struct node *n;

	if (is_root(t, &k) || fault_at(FAULT_NODEID_FRESH))
		return NULL;
	(void)pthread_mutex_lock(&s->slots.lock);
	n = shard_find(s, &k, hash);
	if (n && born_is(n, st)) {
		n->lookups++;
		node_ref(n);
	} else {
		n = NULL;
	}
	(void)pthread_mutex_unlock(&s->slots.lock);
	return n;
}

/* With the lock held; @fresh becomes the node unless there is one. */
static int shard_add(struct node_shard *s, unsigned number, struct node **fresh, struct node **ret)
{
	struct node *n = *fresh;
	struct node_key k = { .dev = n->dev, .ino = n->ino, .mount = n->mount };
	uint64_t hash = key_hash(&k);
	struct node *old = shard_find(s, &k, hash);

	if (old && !fault_armed(FAULT_NODEID_FRESH)) {
		*ret = old;
		return 0;
	}
	if (s->node_count >= s->bucket_count && shard_grow(s) < 0)
		return -ENOMEM;
	if (slot_add(&s->slots, number, n, &n->id) < 0)
		return -ENOMEM;
	n->next = *bucket_of(s, hash);
	*bucket_of(s, hash) = n;
	s->node_count++;
	*ret = n;
	*fresh = NULL;
	return 0;
}

int node_add(struct node_table *t, int take_fd, const struct statx *st, struct node **ret)
{
	CLEANUP(fd_closep) int fd = take_fd;
	CLEANUP(node_putp) struct node *fresh = node_new(fd, st);
	struct node_key k = key_of(st);
	unsigned number = slot_shard_of(key_hash(&k));
	struct node_shard *s = &t->shard[number];
	struct node *n;
	int e;

	if (!fresh)
		return -ENOMEM;
	(void)TAKE_FD(fd);
	/* A directory cannot be its own descendant: only a mount can show the root here. */
	if (is_root(t, &k))
		return -ELOOP;
	(void)pthread_mutex_lock(&s->slots.lock);
	e = shard_add(s, number, &fresh, &n);
	if (e == 0) {
		n->lookups++;
		node_ref(n);
		*ret = n;
	}
	(void)pthread_mutex_unlock(&s->slots.lock);
	return e;
}

void node_forget(struct node_table *t, uint64_t id, uint64_t lookups)
{
	struct node_shard *s = &t->shard[slot_shard_of(id)];
	struct node *n;

	/* FUSE_ROOT_ID is no slot's number: the root stays. */
	(void)pthread_mutex_lock(&s->slots.lock);
	n = slot_find(&s->slots, id);
	if (n) {
		if (lookups > n->lookups && !fault_at(FAULT_FORGET_WRAPS))
			lookups = n->lookups;
		n->lookups -= lookups;
		if (n->lookups == 0)
			shard_unlink(s, n);
		else
			n = NULL;
	}
	(void)pthread_mutex_unlock(&s->slots.lock);
	/* The last close of a removed file may take long; nobody waits for it. */
	if (n)
		node_put(n);
}
