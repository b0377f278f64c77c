// SPDX-License-Identifier: Apache-2.0
/* Modes and rows: their order, their names. */
#include "report/table.h"

#include <string.h>

static int compare_text(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

/* Order of presentation: from the guest that keeps nothing to the one that keeps all. */
static const char *const cache_order[] = { "none", "never", "metadata", "mmap",
					   "auto", "loose", "always" };
static const char *const dax_order[] = { "none", "never", "inode", "always" };

static size_t rank_of(const char *word, const char *const *order, size_t count)
{
	size_t i = 0;

	if (!word)
		return 0;
	while (i < count && strcmp(order[i], word) != 0)
		i++;
	return i + 1;
}

static int compare_ranked(const char *a, const char *b, const char *const *order, size_t count)
{
	size_t x = rank_of(a, order, count);
	size_t y = rank_of(b, order, count);

	return x != y ? (x > y) - (x < y) : compare_text(a, b);
}

int table_compare_modes(const struct mode *x, const struct mode *y)
{
	int d = compare_ranked(x->cache, y->cache, cache_order, ARRAY_SIZE(cache_order));

	if (d == 0)
		d = x->writeback - y->writeback;
	if (d == 0)
		d = compare_ranked(x->dax, y->dax, dax_order, ARRAY_SIZE(dax_order));
	if (d == 0)
		d = (x->window_bytes > y->window_bytes) - (x->window_bytes < y->window_bytes);
	return d;
}

struct mode cell_mode(const struct cell *c)
{
	/* 9p has neither write-back nor DAX: its modes stand beside those that use neither. */
	return (struct mode){ .cache = c->cache,
			      .dax = c->cache && !c->dax ? "none" : c->dax,
			      .writeback = c->cache && c->writeback < 0 ? 0 : c->writeback,
			      .window_bytes = c->window_bytes };
}

int cell_compare_place(const struct run *r, const struct cell *a, const struct cell *b)
{
	struct mode x = cell_mode(a);
	struct mode y = cell_mode(b);
	int d = (int)r->stack[a->stack_index].kind - (int)r->stack[b->stack_index].kind;

	if (d == 0)
		d = (a->stack_index > b->stack_index) - (a->stack_index < b->stack_index);
	if (d == 0)
		d = compare_text(a->variant, b->variant);
	if (d == 0)
		d = compare_text(a->vmm, b->vmm);
	if (d == 0)
		d = compare_text(a->kernel, b->kernel);
	if (d == 0)
		d = compare_text(a->accelerator, b->accelerator);
	return d ? d : table_compare_modes(&x, &y);
}

char *mode_name(const struct mode *m)
{
	static const struct scale mib = { .divide = 1048576, .unit = "MiB", .whole = true };
	CLEANUP(out_free) struct out o = { 0 };
	char number[NUMBER_SIZE];

	if (m->cache)
		out_fmt(&o, "cache=%s", m->cache);
	if (m->writeback > 0)
		out_str(&o, " +wb");
	if (m->dax && strcmp(m->dax, "none") != 0)
		out_fmt(&o, " dax=%s", m->dax);
	if (m->name_window && m->window_bytes >= 0)
		out_fmt(&o, " window %s MiB", scale_number(&mib, (double)m->window_bytes, number));
	else if (m->name_window)
		out_str(&o, " no window");
	return o.error < 0 ? NULL : text_clean_str(buf_text(&o.text));
}

char *row_name(const struct row *r)
{
	CLEANUP(out_free) struct out o = { 0 };

	out_fmt(&o, "%s%s%s / %s", r->stack->id, r->variant ? "+" : "",
		r->variant ? r->variant : "", r->vmm ? r->vmm : "host");
	if (r->kernel)
		out_fmt(&o, " / %s", r->kernel);
	return o.error < 0 ? NULL : text_clean_str(buf_text(&o.text));
}
