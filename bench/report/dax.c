// SPDX-License-Identifier: Apache-2.0
#include "report/dax.h"

#include "report/table.h"

#include <string.h>

#define PREFIX	 "dax."
#define PRESSURE "window-"
#define MIB_D	 1048576.0
#define KNEE	 0.5

static bool maps(const struct cell *c)
{
	return c->placed && c->status == CELL_OK && c->window_bytes > 0 && c->dax &&
	       (strcmp(c->dax, "always") == 0 || strcmp(c->dax, "inode") == 0);
}

bool dax_any(const struct run *r)
{
	for (size_t i = 0; i < r->cell_count; i++)
		if (maps(&r->cell[i]))
			return true;
	return false;
}

/* The same in everything but that the guest does not map. */
static const struct cell *find_off(const struct run *r, const struct cell *on)
{
	for (size_t i = 0; i < r->cell_count; i++) {
		const struct cell *c = &r->cell[i];

		if (c->placed && c->status == CELL_OK && c->dax && strcmp(c->dax, "never") == 0 &&
		    c->window_bytes == on->window_bytes && c->writeback == on->writeback &&
		    text_same(c->stack, on->stack) && text_same(c->variant, on->variant) &&
		    text_same(c->workload, on->workload) && text_same(c->vmm, on->vmm) &&
		    text_same(c->kernel, on->kernel) && text_same(c->cache, on->cache) &&
		    text_same(c->accelerator, on->accelerator))
			return c;
	}
	return NULL;
}

/* "window-seq-read-16m": the name between, and the bytes. */
static bool parse_pressure(const char *id, size_t *ret_size, double *ret_bytes)
{
	const char *name = id + strlen(PRESSURE);
	const char *last;
	unsigned mib;
	char unit;

	if (strncmp(id, PRESSURE, strlen(PRESSURE)) != 0)
		return false;
	last = strrchr(name, '-');
	if (!last || last == name || sscanf(last + 1, "%u%c", &mib, &unit) != 2 || unit != 'm')
		return false;
	*ret_size = (size_t)(last - name);
	*ret_bytes = mib * MIB_D;
	return true;
}

static void add_point(struct dax *d, const struct dax_line *l)
{
	const struct value *touched = cell_value(l->on, DAX_PRESSURE_TOUCHED);
	const struct value *setups = cell_value(l->on, PREFIX "workload.setups");
	struct dax_point p = { .on = l->on, .off = l->off };
	size_t size;

	if (!parse_pressure(l->on->workload, &size, &p.working_set) ||
	    !cell_value(l->on, DAX_PRESSURE_RATE))
		return;
	if (touched && setups && touched->median > 0) {
		p.has_mappings = true;
		p.mappings_per_mib = setups->median / (touched->median / MIB_D);
	}
	d->point[d->point_count++] = p;
}

static int compare_points(const void *a, const void *b, void *run)
{
	const struct dax_point *x = a;
	const struct dax_point *y = b;
	size_t nx = 0;
	size_t ny = 0;
	double bytes;
	int order = cell_compare_place(run, x->on, y->on);

	if (order)
		return order;
	(void)parse_pressure(x->on->workload, &nx, &bytes);
	(void)parse_pressure(y->on->workload, &ny, &bytes);
	order = strncmp(x->on->workload, y->on->workload, strlen(PRESSURE) + (nx > ny ? nx : ny));
	if (order)
		return order;
	return (x->working_set > y->working_set) - (x->working_set < y->working_set);
}

static bool same_curve(const struct run *r, const struct dax_point *a, const struct dax_point *b)
{
	size_t na = 0;
	size_t nb = 0;
	double bytes;

	(void)parse_pressure(a->on->workload, &na, &bytes);
	(void)parse_pressure(b->on->workload, &nb, &bytes);
	return cell_compare_place(r, a->on, b->on) == 0 && na == nb &&
	       strncmp(a->on->workload, b->on->workload, strlen(PRESSURE) + na) == 0;
}

static void find_knee(const struct dax *d, struct dax_curve *c)
{
	double best = 0;

	for (size_t i = 0; i < c->count; i++) {
		double rate = cell_value(d->point[c->first + i].on, DAX_PRESSURE_RATE)->median;

		best = rate > best ? rate : best;
	}
	for (size_t i = 0; i < c->count; i++) {
		const struct dax_point *p = &d->point[c->first + i];

		if (cell_value(p->on, DAX_PRESSURE_RATE)->median < KNEE * best)
			break;
		c->has_knee = true;
		c->knee = p->working_set / (double)p->on->window_bytes;
	}
}

static void build_curves(const struct run *r, struct dax *d)
{
	for (size_t i = 0; i < d->point_count; i++) {
		struct dax_curve *c;
		double bytes;

		if (i == 0 || !same_curve(r, &d->point[i - 1], &d->point[i])) {
			c = &d->curve[d->curve_count++];
			c->first = i;
			c->name = d->point[i].on->workload + strlen(PRESSURE);
			(void)parse_pressure(d->point[i].on->workload, &c->name_size, &bytes);
		}
		d->curve[d->curve_count - 1].count++;
	}
	for (size_t i = 0; i < d->curve_count; i++)
		find_knee(d, &d->curve[i]);
}

static int compare_lines(const void *a, const void *b, void *run)
{
	const struct dax_line *x = a;
	const struct dax_line *y = b;
	int order = cell_compare_place(run, x->on, y->on);

	if (order)
		return order;
	return (x->on->workload_index > y->on->workload_index) -
	       (x->on->workload_index < y->on->workload_index);
}

int dax_build(const struct run *r, struct dax *ret)
{
	ret->line = calloc(r->cell_count + 1, sizeof(*ret->line));
	ret->point = calloc(r->cell_count + 1, sizeof(*ret->point));
	ret->curve = calloc(r->cell_count + 1, sizeof(*ret->curve));
	if (!ret->line || !ret->point || !ret->curve)
		return -ENOMEM;
	for (size_t i = 0; i < r->cell_count; i++) {
		struct dax_line l = { .on = &r->cell[i] };

		if (!maps(l.on))
			continue;
		l.off = find_off(r, l.on);
		ret->line[ret->line_count++] = l;
		add_point(ret, &l);
	}
	qsort_r(ret->line, ret->line_count, sizeof(*ret->line), compare_lines, (void *)r);
	qsort_r(ret->point, ret->point_count, sizeof(*ret->point), compare_points, (void *)r);
	build_curves(r, ret);
	return 0;
}

void dax_free(struct dax *d)
{
	free(d->line);
	free(d->point);
	free(d->curve);
	*d = (struct dax){ 0 };
}

/* After the last phase that says what the guest has cached. */
static const struct value *cached(const struct cell *c)
{
	static const char tail[] = ".guest_cached_after";
	const struct value *last = NULL;

	for (size_t i = 0; i < c->value_count; i++) {
		const char *name = c->value[i].name;
		size_t n = strlen(name);

		if (n > strlen(tail) && strcmp(name + n - strlen(tail), tail) == 0)
			last = &c->value[i];
	}
	return last ? last : cell_value(c, "footprint.guest_cached");
}

bool dax_saved(const struct dax_line *l, double *ret_cached, double *ret_net)
{
	const struct value *on = cached(l->on);
	const struct value *off = l->off ? cached(l->off) : NULL;

	if (!on || !off)
		return false;
	*ret_cached = off->median - on->median;
	*ret_net = *ret_cached - (double)l->on->window_bytes * DAX_MEMMAP_PART;
	return true;
}
