/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_DAX_SHARE_H
#define VQ_REF_DAX_SHARE_H

/*
 * Inside of dax/. Locks, outermost first; none is taken while one further down is held:
 *
 *   window.lock      table and front end of one window; held across round trips to that front end
 *   passthrough.lock one conversation with the broker (never together with a window's)
 *   share.lock, sources.lock, source.lock, window.count_lock: leaves, held for a few instructions (the
 *                    source's for a page of I/O)
 *
 * No thread ever holds two window locks: whoever changes several windows (shrink, resize) takes them one after
 * the other, and no caller of dax.h holds one. So two guests that shrink each other's files at once wait for
 * each other's round trips, never for each other's locks. Between two windows others may come in: each
 * window is right by itself, and the file's size is asked for again under its lock.
 */

#include <pthread.h>

#include "conformance/ref/dax/dax.h"
#include "conformance/ref/dax/passthrough.h"
#include "conformance/ref/dax/source.h"
#include "conformance/ref/dax/table.h"

struct dax_window {
	struct dax_share *share;
	const struct ref_window *front;
	pthread_mutex_t lock;
	struct dax_table table;
	pthread_mutex_t count_lock;
	struct dax_counts counts;
	struct dax_window *next; /* with users under share.lock */
	unsigned users;		 /* threads that work on it for another window */
};

struct dax_share {
	struct dax_sources sources;
	struct dax_passthrough *passthrough; /* NULL: every tail is a copy */
	bool shadow_allowed;		     /* for a file that the private mount cannot take */
	_Atomic bool mixed;
	struct err reason;
	pthread_mutex_t lock;
	pthread_cond_t unused; /* a window lost its last user */
	struct dax_window *windows;
};

/**
 * dax_window_carry_out() - do what @p says; the window's lock is held.
 * @go_on: false: the first refusal undoes all before it. True: each group goes as far as it can, and
 * what cannot be mapped becomes a hole.
 * Return: 0; the first -errno.
 */
int dax_window_carry_out(struct dax_window *w, const struct dax_plan *p, bool go_on);

/* dax_extent_now() - how far mappings of @s that were there can be mapped again. */
struct dax_extent dax_extent_now(const struct dax_source *s);

#endif
