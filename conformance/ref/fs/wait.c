// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/wait.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* How often a lease is looked at: late by half of this on average, and nothing that costs. */
#define LOOK_MS 5

void waits_init(struct fs_waits *all)
{
	pthread_condattr_t attr;

	memset(all, 0, sizeof(*all));
	(void)pthread_mutex_init(&all->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&all->told, &attr);
	(void)pthread_condattr_destroy(&attr);
}

void waits_destroy(struct fs_waits *all)
{
	(void)pthread_cond_destroy(&all->told);
	(void)pthread_mutex_destroy(&all->lock);
}

void wait_begin(struct fs_waits *all, struct fs_wait *w, uint64_t unique)
{
	*w = (struct fs_wait){ .unique = unique };
	(void)pthread_mutex_lock(&all->lock);
	for (unsigned i = 0; i < WAITS_EARLY; i++) {
		/* 0 is no request's, and what was taken is taken. */
		if (unique == 0 || all->early[i] != unique)
			continue;
		all->early[i] = 0;
		w->over = true;
	}
	w->next = all->first;
	all->first = w;
	(void)pthread_mutex_unlock(&all->lock);
}

bool wait_again(struct fs_waits *all, struct fs_wait *w)
{
	const uint64_t end_ns = clock_deadline_ms(LOOK_MS);
	const struct timespec at = { (time_t)(end_ns / NS_PER_S), (long)(end_ns % NS_PER_S) };
	bool over;

	(void)pthread_mutex_lock(&all->lock);
	while (!w->over)
		if (pthread_cond_timedwait(&all->told, &all->lock, &at) == ETIMEDOUT)
			break;
	over = w->over;
	(void)pthread_mutex_unlock(&all->lock);
	return !over;
}

void wait_end(struct fs_waits *all, struct fs_wait *w)
{
	struct fs_wait **link = &all->first;

	(void)pthread_mutex_lock(&all->lock);
	while (*link != w)
		link = &(*link)->next;
	*link = w->next;
	(void)pthread_mutex_unlock(&all->lock);
}

void waits_interrupt(struct fs_waits *all, uint64_t unique)
{
	bool found = false;

	(void)pthread_mutex_lock(&all->lock);
	for (struct fs_wait *w = all->first; w; w = w->next) {
		if (w->unique == unique)
			w->over = found = true;
	}
	if (!found)
		all->early[all->early_next++ % WAITS_EARLY] = unique;
	(void)pthread_cond_broadcast(&all->told);
	(void)pthread_mutex_unlock(&all->lock);
}

void waits_interrupt_all(struct fs_waits *all)
{
	(void)pthread_mutex_lock(&all->lock);
	for (struct fs_wait *w = all->first; w; w = w->next)
		w->over = true;
	(void)pthread_cond_broadcast(&all->told);
	(void)pthread_mutex_unlock(&all->lock);
}

void waits_forget(struct fs_waits *all)
{
	(void)pthread_mutex_lock(&all->lock);
	memset(all->early, 0, sizeof(all->early));
	(void)pthread_mutex_unlock(&all->lock);
}
