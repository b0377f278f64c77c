// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/dax/share.h"

#include <assert.h>

int dax_share_open(const struct ref_options *o, struct dax_share **ret, struct err *reterr)
{
	struct dax_share *share = calloc(1, sizeof(*share));
	int e = 0;

	if (!share)
		return err_set(reterr, -ENOMEM, "out of memory for the DAX windows");
	dax_sources_init(&share->sources);
	(void)pthread_mutex_init(&share->lock, NULL);
	(void)pthread_cond_init(&share->unused, NULL);
	share->shadow_allowed = o->tail != REF_TAIL_PASSTHROUGH;
	if (o->tail == REF_TAIL_SHADOW)
		(void)err_set(&share->reason, 0, "--tail shadow");
	else
		e = dax_passthrough_open(o->shared_dir, &share->passthrough, &share->reason);
	if (e < 0 && !share->shadow_allowed) {
		if (reterr)
			*reterr = share->reason;
		(void)dax_share_close(share);
		return err_prefix(reterr, e, "--tail passthrough");
	}
	*ret = share;
	return 0;
}

struct dax_share *dax_share_close(struct dax_share *share)
{
	if (!share)
		return NULL;
	assert(!share->windows);
	share->passthrough = dax_passthrough_close(share->passthrough);
	dax_sources_destroy(&share->sources);
	(void)pthread_mutex_destroy(&share->lock);
	(void)pthread_cond_destroy(&share->unused);
	free(share);
	return NULL;
}

const char *dax_share_tail(const struct dax_share *share)
{
	if (!share->passthrough)
		return "shadow";
	return share->mixed ? "mixed" : "passthrough";
}

const char *dax_share_tail_reason(const struct dax_share *share)
{
	return share->reason.text;
}

/*
 * The window behind @before, or the first, with a user so that it stays; the user of @before is given
 * back. A window that came or went meanwhile is seen or not: it asks for the file's size itself.
 */
static struct dax_window *next_window(struct dax_share *share, struct dax_window *before)
{
	struct dax_window *w;

	(void)pthread_mutex_lock(&share->lock);
	w = before ? before->next : share->windows;
	if (w)
		w->users++;
	if (before && --before->users == 0)
		(void)pthread_cond_broadcast(&share->unused);
	(void)pthread_mutex_unlock(&share->lock);
	return w;
}

/* Change what @w maps of @s, group by group: what cannot be mapped becomes a hole, what must go goes. */
static void replan(struct dax_window *w, const struct dax_source *s, uint64_t size, bool cut)
{
	struct dax_plan plan;
	struct dax_extent x;

	dax_plan_init(&plan);
	(void)pthread_mutex_lock(&w->lock);
	/*
	 * The caller's size may be old by now, and what another thread has made of a newer one must not be
	 * taken back: a guest may know of that. Mappings of the private mount are never taken back here.
	 */
	x = cut || !s->shadow ? dax_extent_pages(size) : dax_extent_now(s);
	if (cut)
		dax_plan_cut(&plan, &w->table, s, x.file_end, dax_extent_now);
	else
		dax_plan_resize(&plan, &w->table, s, &x);
	(void)dax_window_carry_out(w, &plan, true);
	(void)pthread_mutex_unlock(&w->lock);
	dax_plan_free(&plan);
}

void dax_before_shrink(struct dax_share *share, const struct dax_window *by, dev_t dev, ino_t ino,
		       uint64_t size)
{
	struct dax_source *s = dax_sources_find(&share->sources, dev, ino);

	if (!s)
		return;
	for (struct dax_window *w = next_window(share, NULL); w; w = next_window(share, w))
		if (w != by)
			replan(w, s, size, true);
	dax_source_drop(&share->sources, s);
}

void dax_after_resize(struct dax_share *share, dev_t dev, ino_t ino, uint64_t size)
{
	struct dax_source *s = dax_sources_find(&share->sources, dev, ino);

	if (!s)
		return;
	(void)dax_tail_exchange(s);
	if (s->partial)
		for (struct dax_window *w = next_window(share, NULL); w; w = next_window(share, w))
			replan(w, s, size, false);
	dax_source_drop(&share->sources, s);
}

int dax_sync(struct dax_share *share, dev_t dev, ino_t ino)
{
	struct dax_source *s;
	int e;

	if (share->passthrough && !share->mixed)
		return 0;
	s = dax_sources_find(&share->sources, dev, ino);
	if (!s)
		return 0;
	e = dax_tail_exchange(s);
	dax_source_drop(&share->sources, s);
	return e;
}

int dax_sync_all(struct dax_share *share)
{
	struct dax_source *s = NULL;
	int first = 0;

	if (share->passthrough && !share->mixed)
		return 0;
	while ((s = dax_sources_next(&share->sources, s))) {
		int e = dax_tail_exchange(s);

		if (first == 0)
			first = e;
	}
	return first;
}
