// SPDX-License-Identifier: Apache-2.0
#include "report/csv.h"

#include "report/text.h"

#include <string.h>

static void field(struct out *o, const char *text)
{
	CLEANUP(out_free) struct out clean = { 0 };
	const char *s;

	if (!text)
		return;
	text_clean(&clean, text, strlen(text), TEXT_MANY_LINES);
	if (clean.error < 0)
		o->error = clean.error;
	s = buf_text(&clean.text);
	if (!s[strcspn(s, ",\"\r\n")]) {
		out_str(o, s);
		return;
	}
	out_str(o, "\"");
	for (; *s; s++)
		out_bytes(o, *s == '"' ? "\"\"" : s, *s == '"' ? 2 : 1);
	out_str(o, "\"");
}

/* The fields that all lines of a cell share. */
static void cell_fields(struct out *o, const struct cell *c)
{
	char window[24] = "";
	const char *const fields[] = {
		c->id,
		c->stack,
		c->variant,
		c->vmm,
		c->kernel,
		c->cache,
		c->writeback < 0 ? NULL
		: c->writeback	 ? "true"
				 : "false",
		c->dax,
		window,
		c->tail,
		c->workload,
		c->accelerator,
		cell_status_names[c->status],
		c->reason,
	};

	if (c->window_bytes >= 0)
		(void)snprintf(window, sizeof(window), "%" JSON_INTEGER_FORMAT, c->window_bytes);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		field(o, fields[i]);
		out_str(o, ",");
	}
}

static void sample_fields(struct out *o, const struct value *v, size_t i)
{
	char number[NUMBER_SIZE];

	field(o, v->name);
	out_str(o, ",");
	field(o, v->unit);
	out_fmt(o, ",%s,%s,%s,%zu,%s,", metric_better_name(v->better), metric_kind_name(v->kind),
		value_observed(v, i) ? "observed" : "timed", value_round(v, i),
		text_exact(v->sample[i], number));
	field(o, v->source[i]);
	out_str(o, "\n");
}

int csv_write(const struct run *r, struct out *ret)
{
	out_str(ret,
		"cell,stack,variant,vmm,kernel,cache,writeback,dax,window_bytes,dax_tail,workload,accelerator,status,reason,"
		"metric,unit,better,kind,pass,round,value,source\n");
	for (size_t i = 0; i < r->cell_count; i++) {
		const struct cell *c = &r->cell[i];
		CLEANUP(out_free) struct out shared = { 0 };

		cell_fields(&shared, c);
		if (shared.error < 0)
			return shared.error;
		if (c->value_count == 0)
			out_fmt(ret, "%s,,,,,,,\n", buf_text(&shared.text));
		for (size_t j = 0; j < c->value_count; j++) {
			for (size_t k = 0; k < c->value[j].sample_count; k++) {
				out_bytes(ret, buf_text(&shared.text), shared.text.size);
				sample_fields(ret, &c->value[j], k);
			}
		}
	}
	return ret->error;
}
