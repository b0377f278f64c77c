// SPDX-License-Identifier: Apache-2.0
/* list: what there is. */
#include "commands.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/proc.h"
#include "metric/metric.h"
#include "run/describe.h"
#include "run/plan.h"

#include <dirent.h>
#include <string.h>

static json_t *list_stacks(void)
{
	size_t n;
	const struct stack *const *s = stack_list(&n);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *caches = json_array();

		for (unsigned m = CACHE_NONE; m < CACHE_COUNT; m++)
			if (s[i]->cache_mask & 1U << m)
				(void)json_array_append_new(
					caches, json_string(cache_name((enum cache_mode)m)));
		(void)json_array_append_new(list, json_pack("{s:s,s:s,s:o,s:s,s:s,s:o}", "id",
							    s[i]->id, "title", s[i]->title,
							    "caches", caches, "direct_io",
							    s[i]->direct_io, "source", s[i]->source,
							    "origin", describe_origin(s[i]->conf)));
	}
	return list;
}

static json_t *list_vmms(void)
{
	size_t n;
	const struct vmm *const *v = vmm_list(&n);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list,
					    json_pack("{s:s,s:s,s:s,s:o}", "id", v[i]->id, "title",
						      v[i]->title, "source", v[i]->source, "origin",
						      describe_origin(v[i]->conf)));
	return list;
}

static json_t *list_kernels(void)
{
	size_t n;
	const struct kernel *k = kernel_list(&n);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list,
					    json_pack("{s:s,s:s,s:s,s:o}", "id", k[i].id, "title",
						      k[i].title, "source", k[i].source, "origin",
						      describe_origin(k[i].conf)));
	return list;
}

static json_t *list_metrics(const struct workload *w)
{
	json_t *list = json_array();

	for (size_t i = 0; i < w->phase_count; i++)
		for (size_t j = 0; j < w->metric_count; j++)
			(void)json_array_append_new(
				list, json_pack("{s:o,s:s,s:s,s:s}", "name",
						json_sprintf("%s.%s", w->phases[i].name,
							     w->metrics[j].name),
						"unit", w->metrics[j].unit, "better",
						metric_better_name(w->metrics[j].better), "title",
						w->metrics[j].title));
	return list;
}

static json_t *list_workloads(void)
{
	size_t n;
	const struct workload *const *w = workload_list(&n);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(
			list, json_pack("{s:s,s:s,s:s,s:s,s:o}", "id", w[i]->id, "title",
					w[i]->title, "question", w[i]->question, "decides",
					w[i]->decides, "metrics", list_metrics(w[i])));
	return list;
}

static int is_conf(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 5 && strcmp(d->d_name + n - 5, ".conf") == 0;
}

static json_t *list_plans(const char *home)
{
	CLEANUP(freep) char *dir = fs_path("%s/bench/plans", home);
	json_t *list = json_array();
	struct dirent **names = NULL;
	int n = dir ? scandir(dir, &names, is_conf, alphasort) : -1;

	for (int i = 0; i < n; i++) {
		struct plan p = { 0 };

		names[i]->d_name[strlen(names[i]->d_name) - 5] = '\0';
		if (plan_load(dir, names[i]->d_name, &p, NULL) == 0) {
			(void)json_array_append_new(
				list,
				json_pack("{s:s,s:s,s:I,s:i,s:o}", "id", p.name, "title", p.title,
					  "cells", (json_int_t)p.cells.count, "rounds",
					  (int)p.rounds, "suites", suites_json(p.suites)));
			plan_free(&p);
		}
		free(names[i]);
	}
	free(names);
	return list;
}

static void print_metrics(json_t *metrics)
{
	size_t i;
	json_t *m;

	json_array_foreach(metrics, i, m)
		(void)printf("%s%s", i ? ", " : "metrics: ", json_str_at(m, "name", ""));
	(void)printf("\n");
}

#define LIST_MS	 10000
#define BUILT_IN "built-in"

static void print_group(const char *title, json_t *list)
{
	size_t i;
	json_t *item;

	(void)printf("%s\n", title);
	json_array_foreach(list, i, item) {
		const char *question = json_str_at(item, "question", NULL);

		const char *origin = json_str_at(item, "origin", BUILT_IN);
		bool built_in = strcmp(origin, BUILT_IN) == 0;

		(void)printf("  %-16s %s%s%s%s\n", json_str_at(item, "id", ""),
			     json_str_at(item, "title", ""), built_in ? "" : "  [",
			     built_in ? "" : origin, built_in ? "" : "]");
		if (!question)
			continue;
		(void)printf("  %-16s   %s\n  %-16s   decides: %s\n  %-16s   ", "", question, "",
			     json_str_at(item, "decides", ""), "");
		print_metrics(json_object_get(item, "metrics"));
	}
	(void)printf("\n");
}

/* The checks are rows of virtiofs-conform: it says them itself, in the form of any suite. */
static int list_checks(const struct command_call *c, const char *which)
{
	CLEANUP(freep) char *program = fs_path("%s/build/virtiofs-conform", c->home);
	char *argv[] = { program, (char *)(uintptr_t)which, (char *)(uintptr_t) "--format",
			 (char *)(uintptr_t)(opt_is_json(c->opts) ? "json" : "text"), NULL };
	const struct proc_spec spec = { .argv = argv };
	CLEANUP(proc_output_free) struct proc_output o = { 0 };
	struct err err = { 0 };

	if (!program)
		return EXIT_BROKEN;
	if (proc_run(&spec, 16 * MIB, clock_deadline_ms(LIST_MS), &o, &err) < 0)
		return command_error(EXIT_BROKEN, &err);
	(void)fputs(buf_text(&o.out), stdout);
	(void)fputs(buf_text(&o.err), stderr);
	return o.status == 0 ? EXIT_OK : EXIT_BROKEN;
}

static unsigned suites_of(const struct opts *o)
{
	return opt_given(o, OPT_SUITE) ? suites_parse(o->value[OPT_SUITE].text) : PLAN_BENCH;
}

static int list_bench(const struct command_call *c)
{
	json_auto_t *all = json_pack("{s:i,s:s,s:o,s:o,s:o,s:o,s:o}", "schema", 1, "suite", "bench",
				     "stacks", list_stacks(), "vmms", list_vmms(), "kernels",
				     list_kernels(), "workloads", list_workloads(), "plans",
				     list_plans(c->home));

	if (opt_is_json(c->opts)) {
		(void)json_dumpf(all, stdout, JSON_INDENT(2));
		(void)printf("\n");
		return EXIT_OK;
	}
	print_group("stacks", json_object_get(all, "stacks"));
	print_group("VMMs", json_object_get(all, "vmms"));
	print_group("kernels", json_object_get(all, "kernels"));
	print_group("workloads", json_object_get(all, "workloads"));
	print_group("plans", json_object_get(all, "plans"));
	return EXIT_OK;
}

int command_list(const struct command_call *c)
{
	switch (suites_of(c->opts)) {
	case PLAN_DEVICE: return list_checks(c, "--list");
	case PLAN_GUEST: return list_checks(c, "guest-checks");
	default: return list_bench(c);
	}
}
