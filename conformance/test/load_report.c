// SPDX-License-Identifier: Apache-2.0
#include "conformance/test/load.h"

#include "base/buf.h"
#include "stats/stats.h"

#include <math.h>

const unsigned load_depths[LOAD_DEPTHS] = { 1, 16 };

static double figure(const struct load_sample *s, bool cpu)
{
	return cpu ? s->cpu_ns : s->per_s;
}

int load_ratio(const struct load_series *a, const struct load_series *b, enum front_load_kind kind,
	       unsigned depth, bool cpu, double *ret)
{
	unsigned rounds = a->rounds < b->rounds ? a->rounds : b->rounds;
	double ratio[LOAD_ROUNDS_MAX];

	for (unsigned i = 0; i < rounds; i++) {
		double below = figure(&b->sample[kind][depth][i], cpu);

		if (!(below > 0))
			return -ENODATA;
		ratio[i] = figure(&a->sample[kind][depth][i], cpu) / below;
	}
	return stats_median(ratio, rounds, ret);
}

static const struct load_series *of_role(const struct load_table *t, enum load_role role)
{
	for (unsigned i = 0; i < t->count; i++)
		if (t->series[i]->role == role)
			return t->series[i];
	return NULL;
}

int load_against_best(const struct load_table *t, enum front_load_kind kind, unsigned depth,
		      bool cpu, double *ret)
{
	const struct load_series *own = of_role(t, LOAD_OWN);
	bool found = false;

	for (unsigned i = 0; own && i < t->count; i++) {
		double ratio;

		if (t->series[i]->role != LOAD_PACKAGED ||
		    load_ratio(own, t->series[i], kind, depth, cpu, &ratio) < 0)
			continue;
		/* More requests are better, and less CPU time is. */
		if (!found || (cpu ? ratio > *ret : ratio < *ret))
			*ret = ratio;
		found = true;
	}
	return found ? 0 : -ENODATA;
}

static double median_of(const struct load_series *s, enum front_load_kind kind, unsigned depth,
			double (*get)(const struct load_sample *))
{
	double v[LOAD_ROUNDS_MAX];
	double median = NAN;

	for (unsigned i = 0; i < s->rounds; i++)
		v[i] = get(&s->sample[kind][depth][i]);
	(void)!stats_median(v, s->rounds, &median);
	return median;
}

static double get_rate(const struct load_sample *s)
{
	return s->per_s;
}

static double get_cpu(const struct load_sample *s)
{
	return s->cpu_ns;
}

static double get_client(const struct load_sample *s)
{
	return s->client_ns;
}

static void print_head(const struct load_table *t, FILE *out)
{
	(void)fprintf(out, "%s: requests per second, CPU time of the device for each\n%-10s depth",
		      t->busy_poll ? "busy-polling" : "kicks and interrupts", "request");
	for (unsigned i = 0; i < t->count; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "%s%s", t->series[i]->id,
			       t->busy_poll && t->series[i]->cannot_poll ? " (*)" : "");
		(void)fprintf(out, " %18s", name);
	}
	(void)fprintf(out, "   refdev / best%s\n",
		      of_role(t, LOAD_BARE) ? "           ledger on / off" : "");
}

static bool print_row(const struct load_table *t, enum front_load_kind kind, unsigned depth,
		      FILE *out)
{
	const struct load_series *own = of_role(t, LOAD_OWN);
	const struct load_series *bare = of_role(t, LOAD_BARE);
	double rate = NAN;
	double cpu = NAN;
	bool behind;

	(void)fprintf(out, "%-10s %5u", front_load_name(kind), load_depths[depth]);
	for (unsigned i = 0; i < t->count; i++) {
		const struct load_series *s = t->series[i];
		bool client = s->role == LOAD_CLIENT;

		(void)fprintf(out, " %8.0f/s %5.2f us", median_of(s, kind, depth, get_rate),
			      median_of(s, kind, depth, client ? get_client : get_cpu) / 1000);
	}
	(void)!load_against_best(t, kind, depth, false, &rate);
	(void)!load_against_best(t, kind, depth, true, &cpu);
	/* Who polls burns CPU time on purpose. */
	behind = rate < 1 || (!t->busy_poll && cpu > 1);
	(void)fprintf(out, "   rate %.2f, CPU %.2f %s", rate, cpu, behind ? "(!)" : "   ");
	if (own && bare && load_ratio(own, bare, kind, depth, false, &rate) == 0 &&
	    load_ratio(own, bare, kind, depth, true, &cpu) == 0)
		(void)fprintf(out, "   rate %.2f, CPU %.2f", rate, cpu);
	(void)fprintf(out, "\n");
	return behind;
}

unsigned load_print(const struct load_table *t, FILE *out)
{
	unsigned behind = 0;
	unsigned rows = 0;

	print_head(t, out);
	for (unsigned kind = 0; kind < FRONT_LOAD_KINDS; kind++) {
		for (unsigned depth = 0; t->kinds[kind] && depth < LOAD_DEPTHS; depth++) {
			behind += print_row(t, (enum front_load_kind)kind, depth, out);
			rows++;
		}
	}
	if (t->busy_poll)
		(void)fprintf(out,
			      "(*) cannot poll: it has no such option, only the client polls\n");
	(void)fprintf(out, "%u of %u rows behind the best packaged daemon\n\n", behind, rows);
	return behind;
}

static void add_figure(json_t *list, const char *what, const char *name, unsigned depth,
		       double value, const char *target, bool ok)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "%s, %s depth %u", what, name, load_depths[depth]);
	(void)json_array_append_new(list,
				    json_pack("{s:s,s:o,s:s,s:s,s:b,s:s}", "name", text, "value",
					      json_num(value), "unit", "1", "target", target, "ok",
					      ok, "samples_file", LOAD_SAMPLES_FILE));
}

static void row_figures(const struct load_table *t, enum front_load_kind kind, unsigned depth,
			json_t *list)
{
	const struct load_series *own = of_role(t, LOAD_OWN);
	const struct load_series *bare = of_role(t, LOAD_BARE);
	const char *name = front_load_name(kind);
	double ratio;

	if (load_against_best(t, kind, depth, false, &ratio) == 0)
		add_figure(list,
			   t->busy_poll ? "busy-polling: rate, refdev / best packaged"
					: "rate, refdev / best packaged",
			   name, depth, ratio, ">= 1", ratio >= 1);
	if (!t->busy_poll && load_against_best(t, kind, depth, true, &ratio) == 0)
		add_figure(list, "CPU per request, refdev / best packaged", name, depth, ratio,
			   "< 1", ratio < 1);
	if (own && bare && load_ratio(own, bare, kind, depth, false, &ratio) == 0)
		add_figure(list, "rate, ledger on / off", name, depth, ratio, "measured", true);
	if (own && bare && load_ratio(own, bare, kind, depth, true, &ratio) == 0)
		add_figure(list, "CPU per request, ledger on / off", name, depth, ratio, "measured",
			   true);
}

void load_figures(const struct load_table *t, json_t *list)
{
	for (unsigned kind = 0; kind < FRONT_LOAD_KINDS; kind++)
		for (unsigned depth = 0; t->kinds[kind] && depth < LOAD_DEPTHS; depth++)
			row_figures(t, (enum front_load_kind)kind, depth, list);
}

static json_t *median_row(const struct load_table *t, const struct load_series *s,
			  enum front_load_kind kind, unsigned depth)
{
	bool client = s->role == LOAD_CLIENT;

	return json_pack("{s:s,s:s,s:i,s:b,s:o,s:o,s:o}", "device", s->id, "request",
			 front_load_name(kind), "depth", (int)load_depths[depth], "device_polls",
			 t->busy_poll && !s->cannot_poll, "per_s",
			 json_num(median_of(s, kind, depth, get_rate)), "device_cpu_ns",
			 client ? json_null() : json_num(median_of(s, kind, depth, get_cpu)),
			 "client_cpu_ns", json_num(median_of(s, kind, depth, get_client)));
}

static json_t *sample_row(const struct load_table *t, const struct load_series *s,
			  enum front_load_kind kind, unsigned depth)
{
	json_t *rate = json_array();
	json_t *cpu = json_array();
	json_t *client = json_array();

	(void)t;
	for (unsigned i = 0; i < s->rounds; i++) {
		const struct load_sample *one = &s->sample[kind][depth][i];

		(void)json_array_append_new(rate, json_num(one->per_s));
		(void)json_array_append_new(cpu, json_num(one->cpu_ns));
		(void)json_array_append_new(client, json_num(one->client_ns));
	}
	return json_pack("{s:s,s:s,s:i,s:o,s:o,s:o}", "device", s->id, "request",
			 front_load_name(kind), "depth", (int)load_depths[depth], "per_s", rate,
			 "device_cpu_ns", cpu, "client_cpu_ns", client);
}

typedef json_t *(*row_maker)(const struct load_table *, const struct load_series *,
			     enum front_load_kind, unsigned);

static json_t *table_json(const struct load_table *t, row_maker make)
{
	json_t *rows = json_array();

	for (unsigned kind = 0; kind < FRONT_LOAD_KINDS; kind++)
		for (unsigned depth = 0; t->kinds[kind] && depth < LOAD_DEPTHS; depth++)
			for (unsigned i = 0; i < t->count; i++)
				(void)json_array_append_new(
					rows,
					make(t, t->series[i], (enum front_load_kind)kind, depth));
	return json_pack("{s:b,s:o}", "busy_poll", t->busy_poll, "rows", rows);
}

json_t *load_medians(const struct load_table *t)
{
	return table_json(t, median_row);
}

json_t *load_samples(const struct load_table *t)
{
	return table_json(t, sample_row);
}
