// SPDX-License-Identifier: Apache-2.0
#include "report/footprint.h"

#include "report/table.h"

#include <math.h>
#include <string.h>

#define PREFIX "footprint."

const struct footprint_info footprint_infos[FOOT_TERM_COUNT] = {
	[FOOT_GUEST_RAM] = { PREFIX "guest_ram", "guest RAM" },
	[FOOT_SHARE_CACHE] = { PREFIX "share_cache", "cache of the share" },
	[FOOT_OTHER_FILES] = { PREFIX "other_files", "other files" },
	[FOOT_VMM_ANON] = { PREFIX "vmm_anon", "VMM" },
	[FOOT_DAEMON_ANON] = { PREFIX "daemon_anon", "daemon" },
	[FOOT_PAGE_TABLES] = { PREFIX "page_tables", "page tables" },
	[FOOT_SLAB] = { PREFIX "slab", "slab" },
	[FOOT_TCG_BUFFER] = { PREFIX "tcg_buffer", "TCG buffer" },
	[FOOT_TOTAL] = { PREFIX "total", "total" },
	[FOOT_HOST_CHANGE] = { PREFIX "host_change", "host change" },
	[FOOT_UNEXPLAINED] = { PREFIX "unexplained", "unexplained" },
	[FOOT_GUEST_CACHED] = { PREFIX "guest_cached", "guest Cached" },
};

bool footprint_is_term(const char *metric)
{
	return strncmp(metric, PREFIX, strlen(PREFIX)) == 0;
}

static bool ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s);
	size_t m = strlen(tail);

	return n >= m && strcmp(s + n - m, tail) == 0;
}

static bool read_line(const struct cell *c, struct footprint_line *ret)
{
	const struct value *guests = cell_value(c, PREFIX "guests");

	*ret = (struct footprint_line){ .cell = c,
					.guests = guests ? guests->median : NAN,
					.private_trees = ends_with(c->workload, "-private") };
	for (size_t i = 0; i < FOOT_TERM_COUNT; i++)
		ret->term[i] = cell_value(c, footprint_infos[i].metric);
	return c->placed && ret->term[FOOT_TOTAL] && guests;
}

static int compare_lines(const void *a, const void *b, void *run)
{
	const struct footprint_line *x = a;
	const struct footprint_line *y = b;
	int d = cell_compare_place(run, x->cell, y->cell);

	if (d == 0)
		d = x->private_trees - y->private_trees;
	return d ? d : (x->guests > y->guests) - (x->guests < y->guests);
}

bool footprint_slope(const double *x, const double *y, size_t count, double *ret)
{
	double mean_x = 0;
	double mean_y = 0;
	double above = 0;
	double below = 0;

	for (size_t i = 0; i < count; i++) {
		mean_x += x[i] / (double)count;
		mean_y += y[i] / (double)count;
	}
	for (size_t i = 0; i < count; i++) {
		above += (x[i] - mean_x) * (y[i] - mean_y);
		below += (x[i] - mean_x) * (x[i] - mean_x);
	}
	if (!(below > 0))
		return false;
	*ret = above / below;
	return true;
}

bool footprint_unexplained(const struct footprint_line *l, double *ret)
{
	const struct value *part = l->term[FOOT_UNEXPLAINED];
	const struct value *all = l->term[FOOT_HOST_CHANGE];

	if (!part || !all || !(fabs(all->median) > 0))
		return false;
	*ret = part->median / fabs(all->median);
	return true;
}

/* The line of shared trees with as many guests as @l; NULL: none. */
static const struct footprint_line *shared_line(const struct footprint *f,
						const struct footprint_group *g,
						const struct footprint_line *l)
{
	for (size_t i = g->first; i < g->first + g->count; i++)
		if (!f->line[i].private_trees && f->line[i].guests == l->guests)
			return &f->line[i];
	return NULL;
}

static int derive(const struct footprint *f, struct footprint_group *g)
{
	CLEANUP(freep) double *guests = calloc(g->count + 1, sizeof(*guests));
	CLEANUP(freep) double *total = calloc(g->count + 1, sizeof(*total));
	size_t n = 0;

	if (!guests || !total)
		return -ENOMEM;
	for (size_t i = g->first; i < g->first + g->count; i++) {
		const struct footprint_line *l = &f->line[i];
		const struct footprint_line *shared = shared_line(f, g, l);
		double all = l->term[FOOT_TOTAL]->median;

		if (!l->private_trees) {
			guests[n] = l->guests;
			total[n++] = all;
		} else if (shared && all > 0) {
			g->has_saving = true;
			g->saving_guests = l->guests;
			g->saving = all - shared->term[FOOT_TOTAL]->median;
			g->saving_part = g->saving / all;
		}
	}
	g->has_slope = footprint_slope(guests, total, n, &g->slope);
	return 0;
}

int footprint_build(const struct run *r, struct footprint *ret)
{
	ret->line = calloc(r->cell_count + 1, sizeof(*ret->line));
	ret->group = calloc(r->cell_count + 1, sizeof(*ret->group));
	if (!ret->line || !ret->group)
		return -ENOMEM;
	for (size_t i = 0; i < r->cell_count; i++)
		ret->line_count += read_line(&r->cell[i], &ret->line[ret->line_count]);
	qsort_r(ret->line, ret->line_count, sizeof(*ret->line), compare_lines, (void *)r);
	for (size_t i = 0; i < ret->line_count; i++) {
		if (i == 0 || cell_compare_place(r, ret->line[i - 1].cell, ret->line[i].cell) != 0)
			ret->group[ret->group_count++].first = i;
		ret->group[ret->group_count - 1].count++;
	}
	for (size_t i = 0; i < ret->group_count; i++)
		if (derive(ret, &ret->group[i]) < 0)
			return -ENOMEM;
	return 0;
}

void footprint_free(struct footprint *f)
{
	free(f->line);
	free(f->group);
	*f = (struct footprint){ 0 };
}
