// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/dax/source.h"

#include <assert.h>

#include "conformance/ref/dax/dax.h"

/* Spreads inode numbers that follow each other: 2^64 divided by the golden ratio. */
#define HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)

static struct dax_source **bucket_of(struct dax_sources *all, dev_t dev, ino_t ino)
{
	uint64_t hash = ((uint64_t)ino ^ ((uint64_t)dev << 32)) * HASH_FACTOR;

	return &all->bucket[hash >> 54];
}
_Static_assert(DAX_SOURCE_BUCKETS == 1 << (64 - 54), "bucket_of() takes the top bits");

void dax_sources_init(struct dax_sources *all)
{
	(void)pthread_mutex_init(&all->lock, NULL);
}

static struct dax_source *find_locked(struct dax_sources *all, dev_t dev, ino_t ino)
{
	struct dax_source *s = *bucket_of(all, dev, ino);

	while (s && (s->dev != dev || s->ino != ino))
		s = s->next;
	if (s)
		s->refs++;
	return s;
}

struct dax_source *dax_sources_find(struct dax_sources *all, dev_t dev, ino_t ino)
{
	struct dax_source *s;

	(void)pthread_mutex_lock(&all->lock);
	s = find_locked(all, dev, ino);
	(void)pthread_mutex_unlock(&all->lock);
	return s;
}

struct dax_source *dax_sources_add(struct dax_sources *all, dev_t dev, ino_t ino, int take_fd,
				   bool shadow)
{
	CLEANUP(fd_closep) int fd = take_fd;
	CLEANUP(freep) struct dax_source *new = calloc(1, sizeof(*new));
	struct dax_source **bucket = bucket_of(all, dev, ino);
	struct dax_source *s;

	if (!new)
		return NULL;
	*new = (struct dax_source){
		.all = all, .dev = dev, .ino = ino, .refs = 1, .shadow = shadow, .fd = -1
	};
	(void)pthread_mutex_init(&new->lock, NULL);
	(void)pthread_mutex_lock(&all->lock);
	s = find_locked(all, dev, ino);
	if (!s) {
		s = TAKE_PTR(new);
		s->fd = TAKE_FD(fd);
		s->next = *bucket;
		*bucket = s;
	}
	(void)pthread_mutex_unlock(&all->lock);
	return s;
}

void dax_source_hold(struct dax_sources *all, struct dax_source *s)
{
	(void)pthread_mutex_lock(&all->lock);
	assert(s->refs);
	s->refs++;
	(void)pthread_mutex_unlock(&all->lock);
}

static void forget_locked(struct dax_sources *all, struct dax_source *s)
{
	struct dax_source **link = bucket_of(all, s->dev, s->ino);

	while (*link != s)
		link = &(*link)->next;
	*link = s->next;
}

void dax_source_drop(struct dax_sources *all, struct dax_source *s)
{
	bool last;

	(void)pthread_mutex_lock(&all->lock);
	assert(s->refs);
	last = --s->refs == 0;
	if (last)
		forget_locked(all, s);
	(void)pthread_mutex_unlock(&all->lock);
	if (!last)
		return;
	assert(!s->tails && !s->partial);
	(void)close(s->fd);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

struct dax_source *dax_sources_next(struct dax_sources *all, struct dax_source *before)
{
	struct dax_source **end = all->bucket + DAX_SOURCE_BUCKETS;
	struct dax_source **bucket = before ? bucket_of(all, before->dev, before->ino)
					    : all->bucket;
	struct dax_source *s;

	(void)pthread_mutex_lock(&all->lock);
	s = before ? before->next : *bucket;
	while (!s && ++bucket < end)
		s = *bucket;
	if (s)
		s->refs++;
	(void)pthread_mutex_unlock(&all->lock);
	if (before)
		dax_source_drop(all, before);
	return s;
}

void dax_sources_shrink(struct dax_sources *all, struct dax_shrink *begun)
{
	(void)pthread_mutex_lock(&all->lock);
	begun->next = all->shrinks;
	all->shrinks = begun;
	all->shrink_count++;
	(void)pthread_mutex_unlock(&all->lock);
}

void dax_sources_shrunk(struct dax_sources *all, struct dax_shrink *ended)
{
	struct dax_shrink **link = &all->shrinks;

	(void)pthread_mutex_lock(&all->lock);
	while (*link && *link != ended)
		link = &(*link)->next;
	if (*link) {
		*link = ended->next;
		all->shrink_count--;
	}
	(void)pthread_mutex_unlock(&all->lock);
}

uint64_t dax_source_limit(const struct dax_source *s)
{
	uint64_t limit = UINT64_MAX;

	if (s->all->shrink_count == 0)
		return limit;
	(void)pthread_mutex_lock(&s->all->lock);
	for (const struct dax_shrink *c = s->all->shrinks; c; c = c->next)
		if (c->dev == s->dev && c->ino == s->ino && c->size < limit)
			limit = c->size;
	(void)pthread_mutex_unlock(&s->all->lock);
	return limit;
}

void dax_sources_destroy(struct dax_sources *all)
{
	for (size_t i = 0; i < DAX_SOURCE_BUCKETS; i++)
		assert(!all->bucket[i]);
	(void)pthread_mutex_destroy(&all->lock);
}
