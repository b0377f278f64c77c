// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/dax/source.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/*
 * Bytes of the page that the file has now; the rest of @page is zero, as in any mapping of a last page.
 * A file that cannot be read leaves everything as it is.
 */
static ssize_t read_page(const struct dax_source *s, uint64_t at, uint8_t *page)
{
	ssize_t n;

	memset(page, 0, DAX_PAGE_BYTES);
	do
		n = pread(s->fd, page, DAX_PAGE_BYTES, (off_t)at);
	while (n < 0 && errno == EINTR);
	return n;
}

/* Bytes that the guest has stored since the last exchange go into the file, never beyond its end. */
static int push_stores(const struct dax_source *s, const struct dax_tail *t, const uint8_t *seen,
		       uint8_t *now, size_t size)
{
	size_t i = 0;

	while (i < size) {
		size_t start = i;
		ssize_t n;

		while (i < size && seen[i] != t->base[i])
			i++;
		if (i == start) {
			i++;
			continue;
		}
		/* The host may have changed the same byte: one of two unordered writers wins, the guest. */
		n = pwrite(s->fd, seen + start, i - start, (off_t)(t->page + start));
		if (n != (ssize_t)(i - start))
			return n < 0 ? -errno : -ENOSPC;
		memcpy(now + start, seen + start, i - start);
	}
	return 0;
}

/* What the file has beyond that comes into the copy, unless the guest stores there at this very moment. */
static void pull_changes(struct dax_tail *t, const uint8_t *seen, const uint8_t *now)
{
	for (size_t i = 0; i < DAX_PAGE_BYTES; i++) {
		uint8_t expected = seen[i];

		if (now[i] != seen[i])
			(void)__atomic_compare_exchange_n(&t->shared[i], &expected, now[i], false,
							  __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	}
	memcpy(t->base, now, DAX_PAGE_BYTES);
}

/* 0, or why a store of a guest could not go into the file. */
static int exchange(const struct dax_source *s, struct dax_tail *t)
{
	uint8_t seen[DAX_PAGE_BYTES];
	uint8_t now[DAX_PAGE_BYTES];
	ssize_t size = read_page(s, t->page, now);

	int e = 0;

	if (size < 0)
		return -EIO;
	memcpy(seen, t->shared, sizeof(seen)); /* guest memory: looked at once */
	/* A store that the file does not take (disk full) stays a difference and is tried again. */
	if (memcmp(seen, t->base, sizeof(seen)) != 0)
		e = push_stores(s, t, seen, now, (size_t)size);
	if (e == 0)
		pull_changes(t, seen, now);
	return e;
}

/* NULL with errno. */
static struct dax_tail *new_tail(uint64_t page)
{
	CLEANUP(fd_closep)
	int fd = memfd_create("dax-tail", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	CLEANUP(freep) struct dax_tail *t = calloc(1, sizeof(*t));

	/* Whoever gets the descriptor cannot take the page from under us. */
	if (fd < 0 || !t || ftruncate(fd, DAX_PAGE_BYTES) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return NULL;
	t->shared = mmap(NULL, DAX_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (t->shared == MAP_FAILED)
		return NULL;
	t->page = page;
	t->fd = TAKE_FD(fd);
	return TAKE_PTR(t);
}

static struct dax_tail *find_tail(const struct dax_source *s, uint64_t page)
{
	struct dax_tail *t = s->tails;

	while (t && t->page != page)
		t = t->next;
	return t;
}

int dax_tail_get(struct dax_source *s, uint64_t page, struct dax_tail **ret)
{
	struct dax_tail *t;
	int e = 0;

	(void)pthread_mutex_lock(&s->lock);
	t = find_tail(s, page);
	if (!t) {
		t = new_tail(page);
		e = t ? 0 : -errno;
		if (t) {
			t->next = s->tails;
			s->tails = t;
		}
	}
	if (t) {
		t->refs++;
		(void)exchange(s, t);
		*ret = t;
	}
	(void)pthread_mutex_unlock(&s->lock);
	return e;
}

void dax_tail_put(struct dax_source *s, struct dax_tail *t)
{
	struct dax_tail **link = &s->tails;

	(void)pthread_mutex_lock(&s->lock);
	if (--t->refs == 0) {
		while (*link != t)
			link = &(*link)->next;
		*link = t->next;
		(void)munmap(t->shared, DAX_PAGE_BYTES);
		(void)close(t->fd);
		free(t);
	}
	(void)pthread_mutex_unlock(&s->lock);
}

int dax_tail_exchange(struct dax_source *s)
{
	int first = 0;

	(void)pthread_mutex_lock(&s->lock);
	for (struct dax_tail *t = s->tails; t; t = t->next) {
		int e = exchange(s, t);

		if (first == 0)
			first = e;
	}
	(void)pthread_mutex_unlock(&s->lock);
	return first;
}
