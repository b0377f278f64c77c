// SPDX-License-Identifier: Apache-2.0
#include "report/pressure.h"

#include "report/dax.h"
#include "report/table.h"

#include <math.h>
#include <string.h>

#define PREFIX "window-"
#define MIB_D  1048576.0
/* Of the best throughput: below it a curve has bent. */
#define HALF 0.5

/* "window-seq-read-16m": the name between, and the bytes. */
static bool parse_name(const char *id, size_t *ret_size, double *ret_bytes)
{
	const char *name = id + strlen(PREFIX);
	const char *last;
	unsigned mib;
	char unit;

	if (strncmp(id, PREFIX, strlen(PREFIX)) != 0)
		return false;
	last = strrchr(name, '-');
	if (!last || last == name || sscanf(last + 1, "%u%c", &mib, &unit) != 2 || unit != 'm')
		return false;
	*ret_size = (size_t)(last - name);
	*ret_bytes = mib * MIB_D;
	return true;
}

static size_t name_size(const struct pressure_point *p)
{
	size_t size = 0;
	double bytes;

	(void)parse_name(p->on->workload, &size, &bytes);
	return size;
}

static double median_of(const struct cell *c, const char *name)
{
	const struct value *v = c ? cell_value(c, name) : NULL;

	return v ? v->median : (double)NAN;
}

static void add_point(struct pressure *p, const struct dax_line *l)
{
	struct pressure_point *n = &p->point[p->point_count];
	double mib = median_of(l->on, PRESSURE_TOUCHED) / MIB_D;
	size_t size;

	*n = (struct pressure_point){ .on = l->on, .off = l->off };
	n->rate = median_of(l->on, PRESSURE_RATE);
	if (!parse_name(l->on->workload, &size, &n->working_set) || !(n->rate > 0))
		return;
	n->ratio = n->working_set / (double)l->on->window_bytes;
	n->rate_off = median_of(l->off, PRESSURE_RATE);
	n->mappings = mib > 0 ? median_of(l->on, DAX_SETUPS) / mib : (double)NAN;
	n->reclaims = mib > 0 ? median_of(l->on, DAX_REMOVALS) / mib : (double)NAN;
	p->point_count++;
}

static int compare_series(const void *run, const struct pressure_point *x,
			  const struct pressure_point *y)
{
	size_t nx = name_size(x);
	size_t ny = name_size(y);
	int order = cell_compare_place(run, x->on, y->on);

	if (order == 0)
		order = strncmp(x->on->workload, y->on->workload,
				strlen(PREFIX) + (nx < ny ? nx : ny));
	return order ? order : (nx > ny) - (nx < ny);
}

static int compare_points(const void *a, const void *b, void *run)
{
	const struct pressure_point *x = a;
	const struct pressure_point *y = b;
	int order = compare_series(run, x, y);

	return order ? order
		     : (x->working_set > y->working_set) - (x->working_set < y->working_set);
}

enum knee pressure_knee(const double *rate, size_t count, size_t *ret_last)
{
	size_t best = 0;

	if (count < KNEE_POINTS)
		return KNEE_FEW_POINTS;
	for (size_t i = 1; i < count; i++)
		best = rate[i] > rate[best] ? i : best;
	for (size_t i = best + 1; i < count; i++) {
		if (rate[i] >= HALF * rate[best])
			continue;
		*ret_last = i - 1;
		return KNEE_FOUND;
	}
	return KNEE_NONE;
}

static int find_knee(const struct pressure *p, struct pressure_curve *c)
{
	CLEANUP(freep) double *rate = calloc(c->count + 1, sizeof(*rate));
	size_t last = 0;

	if (!rate)
		return -ENOMEM;
	for (size_t i = 0; i < c->count; i++) {
		const struct pressure_point *n = &p->point[c->first + i];

		rate[i] = n->rate;
		c->best = fmax(c->best, n->rate);
		c->best_off = fmax(c->best_off,
				   n->rate_off); /* of a NAN and a number: the number */
	}
	c->knee = pressure_knee(rate, c->count, &last);
	c->knee_at = c->first + last;
	return 0;
}

static void begin_curve(const struct run *r, struct pressure *p, size_t point)
{
	struct pressure_curve *c = &p->curve[p->curve_count++];
	const struct pressure_point *n = &p->point[point];

	*c = (struct pressure_curve){ .name = n->on->workload + strlen(PREFIX),
				      .name_size = name_size(n),
				      .first = point };
	if (point == 0 || cell_compare_place(r, p->point[point - 1].on, n->on) != 0)
		p->figure[p->figure_count++].first = p->curve_count - 1;
	p->figure[p->figure_count - 1].count++;
}

int pressure_build(const struct run *r, struct pressure *ret)
{
	int e = 0;

	ret->point = calloc(r->cell_count + 1, sizeof(*ret->point));
	ret->curve = calloc(r->cell_count + 1, sizeof(*ret->curve));
	ret->figure = calloc(r->cell_count + 1, sizeof(*ret->figure));
	if (!ret->point || !ret->curve || !ret->figure)
		return -ENOMEM;
	for (size_t i = 0; i < r->cell_count; i++) {
		const struct cell *c = &r->cell[i];

		if (dax_maps(c) && strncmp(c->workload, PREFIX, strlen(PREFIX)) == 0) {
			const struct dax_line l = dax_line_of(r, c);

			add_point(ret, &l);
		}
	}
	qsort_r(ret->point, ret->point_count, sizeof(*ret->point), compare_points, (void *)r);
	for (size_t i = 0; i < ret->point_count; i++) {
		if (i == 0 || compare_series(r, &ret->point[i - 1], &ret->point[i]) != 0)
			begin_curve(r, ret, i);
		ret->curve[ret->curve_count - 1].count++;
	}
	for (size_t i = 0; e == 0 && i < ret->curve_count; i++)
		e = find_knee(ret, &ret->curve[i]);
	return e;
}

void pressure_free(struct pressure *p)
{
	for (size_t i = 0; i < p->figure_count; i++) {
		free(p->figure[i].svg);
		free(p->figure[i].svg_error);
	}
	free(p->point);
	free(p->curve);
	free(p->figure);
	*p = (struct pressure){ 0 };
}

const char *pressure_knee_text(const struct pressure *p, const struct pressure_curve *c,
			       char ret[KNEE_TEXT_SIZE])
{
	switch (c->knee) {
	case KNEE_FEW_POINTS:
		(void)snprintf(ret, KNEE_TEXT_SIZE, "not enough points for a knee (%zu of %d)",
			       c->count, KNEE_POINTS);
		break;
	case KNEE_NONE:
		(void)snprintf(ret, KNEE_TEXT_SIZE, "no knee up to %.3g times the window",
			       p->point[c->first + c->count - 1].ratio);
		break;
	case KNEE_FOUND:
		(void)snprintf(ret, KNEE_TEXT_SIZE,
			       "knee at %.3g times the window (%.3g is below half)",
			       p->point[c->knee_at].ratio, p->point[c->knee_at + 1].ratio);
		break;
	}
	return ret;
}
