// SPDX-License-Identifier: Apache-2.0
/*
 * The forms of run.json and cell.json as tables (results/README.md; results/schema/ says the same
 * as JSON schemas). Keys are required unless marked optional, unknown keys are ignored. Only what
 * the forms cannot say (references between documents, medians) is left to load.c.
 */
#include "report/shape.h"

#include "report/shape_int.h"

#include <stdbool.h>
#include <string.h>

static const char *const type_words[] = {
	"text", "integer", "number", "true/false", "null", "list", "object",
};

static const char *const run_status_words[] = { "running", "complete", "interrupted", NULL };
static const char *const cell_status_words[] = { "ok", "n/a", "failed", "pending", NULL };
static const char *const better_words[] = { "higher", "lower", "none", NULL };
static const char *const kind_words[] = { "time", "count", "timed-count", "memory", NULL };
static const char *const stack_kind_words[] = { "virtiofs", "9p",	    "blk", "attached",
						"baseline", "vmm-virtiofs", NULL };
static const char *const tail_words[] = { "passthrough", "shadow", NULL };
static const char *const round_kind_words[] = { "timed", "observed", NULL };
static const char *const who_words[] = { "vmm", "daemon", "guest", "host", NULL };

static const struct field any_string[] = { { .types = T_STRING } };
static const struct field any_text[] = { { .types = T_STRING | T_NULL } };
static const struct field any_number[] = { { .types = T_NUMBER } };
static const struct field any_strings[] = { { .types = T_ARRAY, INNER(any_string) } };

static const struct field name_version[] = {
	{ .key = "name", .types = T_STRING },
	{ .key = "version", .types = T_STRING },
};

static const struct field plan_fields[] = {
	{ .key = "name", .types = T_STRING },
	{ .key = "title", .types = T_STRING },
	{ .key = "rounds", .types = T_INTEGER },
};

static const struct field option_fields[] = {
	{ .key = "name", .types = T_STRING },
	{ .key = "value", .types = T_SCALAR | T_ARRAY },
	{ .key = "origin", .types = T_STRING },
};
static const struct field options_items[] = { { .types = T_OBJECT, INNER(option_fields) } };

/* Empty in a run that was stopped before it had looked at its host. */
static const struct field host_fields[] = {
	{ .key = "kernel", .types = T_STRING | T_NULL, .optional = true },
	{ .key = "cpu_model", .types = T_STRING | T_NULL, .optional = true },
	{ .key = "cpus", .types = T_INTEGER | T_NULL, .optional = true },
	{ .key = "memory_bytes", .types = T_INTEGER | T_NULL, .optional = true },
	{ .key = "share_fs", .types = T_STRING | T_NULL, .optional = true },
};

static const struct field probe_fields[] = {
	{ .key = "accelerator", .types = T_STRING },
	{ .key = "ok", .types = T_BOOL },
	{ .key = "seen", .types = T_STRING | T_NULL },
};
static const struct field probe_items[] = { { .types = T_OBJECT, INNER(probe_fields) } };

static const struct field accelerator_fields[] = {
	{ .key = "used", .types = T_STRING },
	{ .key = "requested", .types = T_STRING | T_NULL },
	{ .key = "evidence", .types = T_ARRAY, INNER(probe_items) },
};

static const struct field guest_fields[] = {
	{ .key = "vmm", .types = T_STRING },
	{ .key = "kernel", .types = T_STRING },
	{ .key = "cold_start_s", .types = T_NUMBER | T_NULL },
	{ .key = "restore_s", .types = T_NUMBER | T_NULL },
	{ .key = "snapshot_bytes", .types = T_INTEGER | T_NULL },
	{ .key = "argv", .types = T_ARRAY, INNER(any_string) },
};
static const struct field guest_items[] = { { .types = T_OBJECT, INNER(guest_fields) } };

static const struct field stack_fields[] = {
	{ .key = "id", .types = T_STRING },
	{ .key = "title", .types = T_STRING },
	{ .key = "kind", .types = T_STRING, .words = stack_kind_words },
	{ .key = "set_up", .types = T_STRING | T_NULL, .optional = true },
};
static const struct field stack_items[] = { { .types = T_OBJECT, INNER(stack_fields) } };

static const struct field workload_fields[] = {
	{ .key = "id", .types = T_STRING },
	{ .key = "title", .types = T_STRING },
	{ .key = "question", .types = T_STRING },
	{ .key = "decides", .types = T_STRING },
	{ .key = "headline", .types = T_ARRAY, INNER(any_string) },
};
static const struct field workload_items[] = { { .types = T_OBJECT, INNER(workload_fields) } };

static const struct field metric_info_fields[] = {
	{ .key = "name", .types = T_STRING },
	{ .key = "title", .types = T_STRING },
	{ .key = "unit", .types = T_STRING },
	{ .key = "better", .types = T_STRING, .words = better_words },
	{ .key = "kind", .types = T_STRING, .words = kind_words },
};
static const struct field metric_info_items[] = {
	{ .types = T_OBJECT, INNER(metric_info_fields) },
};

static const struct field attached_fields[] = {
	{ .key = "fs_type", .types = T_STRING },
	{ .key = "source", .types = T_STRING },
	{ .key = "options", .types = T_STRING },
	{ .key = "missing", .types = T_ARRAY, INNER(any_string) },
};

static const char *const suite_words[] = { "device", "guest", NULL };
static const char *const conform_status_words[] = { "passed", "failed",	 "broken",
						    "n/a",    "pending", NULL };
static const struct field conform_fields[] = {
	{ .key = "suite", .types = T_STRING, .words = suite_words },
	{ .key = "stack", .types = T_STRING },
	{ .key = "status", .types = T_STRING, .words = conform_status_words },
	{ .key = "reason", .types = T_STRING | T_NULL },
	{ .key = "version", .types = T_STRING },
	{ .key = "dir", .types = T_STRING },
};
static const struct field conform_items[] = { { .types = T_OBJECT, INNER(conform_fields) } };

static const struct field run_fields[] = {
	{ .key = "schema", .types = T_INTEGER },
	{ .key = "program", .types = T_OBJECT, INNER(name_version) },
	{ .key = "plan", .types = T_OBJECT, INNER(plan_fields) },
	{ .key = "seed", .types = T_INTEGER },
	{ .key = "started", .types = T_STRING },
	{ .key = "finished", .types = T_STRING | T_NULL },
	{ .key = "status", .types = T_STRING, .words = run_status_words },
	{ .key = "options", .types = T_ARRAY, INNER(options_items) },
	{ .key = "host", .types = T_OBJECT, INNER(host_fields) },
	{ .key = "accelerator", .types = T_OBJECT, INNER(accelerator_fields) },
	{ .key = "versions", .types = T_OBJECT, INNER(any_text) },
	{ .key = "image", .types = T_OBJECT },
	{ .key = "attached", .types = T_OBJECT, .optional = true, INNER(attached_fields) },
	{ .key = "guests", .types = T_ARRAY, INNER(guest_items) },
	{ .key = "stacks", .types = T_ARRAY, INNER(stack_items) },
	/* Not in runs of before there were suites. */
	{ .key = "conformance", .types = T_ARRAY, .optional = true, INNER(conform_items) },
	{ .key = "workloads", .types = T_ARRAY, INNER(workload_items) },
	{ .key = "metrics", .types = T_ARRAY, INNER(metric_info_items) },
	{ .key = "cells", .types = T_ARRAY, INNER(any_string) },
	{ .key = "order", .types = T_ARRAY, INNER(any_strings) },
};

static const struct field evidence_fields[] = {
	{ .key = "what", .types = T_STRING },
	{ .key = "seen", .types = T_STRING | T_NULL },
	{ .key = "file", .types = T_STRING | T_NULL },
};
static const struct field evidence_items[] = { { .types = T_OBJECT, INNER(evidence_fields) } };

static const struct field round_fields[] = {
	{ .key = "round", .types = T_INTEGER },
	/* Runs of before there were observed passes have none. */
	{ .key = "kind", .types = T_STRING, .optional = true, .words = round_kind_words },
	{ .key = "status", .types = T_STRING, .words = cell_status_words },
	{ .key = "reason", .types = T_STRING | T_NULL },
	{ .key = "dir", .types = T_STRING },
	{ .key = "wall_s", .types = T_NUMBER | T_NULL },
	{ .key = "overhead_s", .types = T_NUMBER | T_NULL },
};
static const struct field round_items[] = { { .types = T_OBJECT, INNER(round_fields) } };

static const struct field metric_fields[] = {
	{ .key = "name", .types = T_STRING },
	{ .key = "unit", .types = T_STRING },
	{ .key = "better", .types = T_STRING, .words = better_words },
	{ .key = "kind", .types = T_STRING, .words = kind_words },
	{ .key = "samples", .types = T_ARRAY, INNER(any_number) },
	{ .key = "median", .types = T_NUMBER | T_NULL },
	{ .key = "sources", .types = T_ARRAY, INNER(any_string) },
};
static const struct field metric_items[] = { { .types = T_OBJECT, INNER(metric_fields) } };

static const struct field state_fields[] = {
	{ .key = "round", .types = T_INTEGER },
	{ .key = "phase", .types = T_STRING },
	{ .key = "expected", .types = T_STRING | T_NULL },
	{ .key = "host_cached_bytes", .types = T_INTEGER | T_NULL },
	{ .key = "guest_cached_delta_bytes", .types = T_INTEGER | T_NULL },
	{ .key = "file_bytes", .types = T_INTEGER | T_NULL },
	{ .key = "reached", .types = T_BOOL | T_NULL },
};
static const struct field state_items[] = { { .types = T_OBJECT, INNER(state_fields) } };

/* A baseline on the host has none of them. */
static const struct field cell_version_fields[] = {
	{ .key = "vmm", .types = T_STRING | T_NULL, .optional = true },
	{ .key = "daemon", .types = T_STRING | T_NULL, .optional = true },
	{ .key = "kernel", .types = T_STRING | T_NULL, .optional = true },
};

static const struct field command_fields[] = {
	{ .key = "who", .types = T_STRING, .words = who_words },
	{ .key = "argv", .types = T_ARRAY, INNER(any_string) },
};
static const struct field command_items[] = { { .types = T_OBJECT, INNER(command_fields) } };

/* What was seen of INIT and of the vhost-user session; a daemon may not have got that far. */
static const struct field negotiated_fields[] = {
	{ .key = "init_flags_offered", .types = T_STRING | T_NULL, .optional = true },
	{ .key = "fuse", .types = T_STRING | T_NULL, .optional = true },
	{ .key = "init_flags", .types = T_STRING | T_NULL, .optional = true },
	{ .key = "init_flag_names", .types = T_ARRAY, .optional = true, INNER(any_string) },
	{ .key = "max_write", .types = T_INTEGER | T_NULL, .optional = true },
	{ .key = "max_pages", .types = T_INTEGER | T_NULL, .optional = true },
	{ .key = "max_readahead", .types = T_INTEGER | T_NULL, .optional = true },
	{ .key = "max_background", .types = T_INTEGER | T_NULL, .optional = true },
	{ .key = "map_alignment", .types = T_INTEGER | T_NULL, .optional = true },
	{ .key = "time_gran", .types = T_INTEGER | T_NULL, .optional = true },
	{ .key = "virtio_features", .types = T_STRING | T_NULL, .optional = true },
	{ .key = "protocol_features", .types = T_STRING | T_NULL, .optional = true },
	{ .key = "queues", .types = T_INTEGER | T_NULL, .optional = true },
	{ .key = "queue_size", .types = T_INTEGER | T_NULL, .optional = true },
};

static const struct field machine_fields[] = {
	{ .key = "interrupts", .types = T_STRING | T_NULL, .optional = true },
};

static const struct field cell_fields[] = {
	{ .key = "schema", .types = T_INTEGER },
	{ .key = "id", .types = T_STRING },
	{ .key = "stack", .types = T_STRING },
	/* This and the three below came later: old runs lack them. */
	{ .key = "variant", .types = T_STRING | T_NULL, .optional = true },
	{ .key = "negotiated",
	  .types = T_OBJECT | T_NULL,
	  .optional = true,
	  INNER(negotiated_fields) },
	{ .key = "machine", .types = T_OBJECT, .optional = true, INNER(machine_fields) },
	{ .key = "dax_tail", .types = T_STRING | T_NULL, .optional = true, .words = tail_words },
	{ .key = "workload", .types = T_STRING },
	{ .key = "accelerator", .types = T_STRING },
	{ .key = "vmm", .types = T_STRING | T_NULL },
	{ .key = "kernel", .types = T_STRING | T_NULL },
	{ .key = "cache", .types = T_STRING | T_NULL },
	{ .key = "dax", .types = T_STRING | T_NULL },
	{ .key = "writeback", .types = T_BOOL | T_NULL },
	{ .key = "window_bytes", .types = T_INTEGER | T_NULL },
	{ .key = "status", .types = T_STRING, .words = cell_status_words },
	{ .key = "reason", .types = T_STRING | T_NULL },
	{ .key = "evidence", .types = T_ARRAY, INNER(evidence_items) },
	{ .key = "rounds", .types = T_ARRAY, INNER(round_items) },
	{ .key = "metrics", .types = T_ARRAY, INNER(metric_items) },
	{ .key = "states", .types = T_ARRAY, INNER(state_items) },
	{ .key = "overhead_s", .types = T_NUMBER | T_NULL },
	{ .key = "versions", .types = T_OBJECT, INNER(cell_version_fields) },
	{ .key = "commands", .types = T_ARRAY, INNER(command_items) },
};

static unsigned int type_of(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_STRING: return T_STRING;
	case JSON_INTEGER: return T_INTEGER | T_NUMBER;
	case JSON_REAL: return T_NUMBER;
	case JSON_TRUE:
	case JSON_FALSE: return T_BOOL;
	case JSON_NULL: return T_NULL;
	case JSON_ARRAY: return T_ARRAY;
	default: return T_OBJECT;
	}
}

static int wrong_type(const char *where, unsigned int types, struct err *reterr)
{
	char words[128] = "";
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_SIZE(type_words); i++) {
		if (!(types & 1U << i))
			continue;
		used += (size_t)snprintf(words + used, sizeof(words) - used, "%s%s",
					 used ? " or " : "", type_words[i]);
	}
	return err_set(reterr, -EBADMSG, "%s is not %s", where, words);
}

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

/* Room for "metrics[123].samples[45]": the path of a value in the message. */
#define WHERE_SIZE 160

static int check_value(const struct field *f, const json_t *v, const char *where,
		       struct err *reterr);

static int check_items(const struct field *f, const json_t *v, const char *where,
		       struct err *reterr)
{
	char inner[WHERE_SIZE];
	const json_t *item;
	size_t i;
	int e;

	json_array_foreach((json_t *)v, i, item) {
		(void)snprintf(inner, sizeof(inner), "%s[%zu]", where, i);
		e = check_value(&f->inner[0], item, inner, reterr);
		if (e < 0)
			return e;
	}
	return 0;
}

static int check_free_keys(const struct field *f, const json_t *v, const char *where,
			   struct err *reterr)
{
	char inner[WHERE_SIZE];
	const char *key;
	json_t *item;
	int e;

	json_object_foreach((json_t *)v, key, item) {
		(void)snprintf(inner, sizeof(inner), "%s[%.80s]", where, key);
		e = check_value(&f->inner[0], item, inner, reterr);
		if (e < 0)
			return e;
	}
	return 0;
}

static int check_keys(const struct field *f, size_t count, const json_t *v, const char *where,
		      struct err *reterr)
{
	char inner[WHERE_SIZE];
	int e;

	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_object_get(v, f[i].key);

		(void)snprintf(inner, sizeof(inner), "%s%s%s", where, *where ? "." : "", f[i].key);
		if (!item && f[i].optional)
			continue;
		if (!item)
			return err_set(reterr, -EBADMSG, "%s is missing", inner);
		e = check_value(&f[i], item, inner, reterr);
		if (e < 0)
			return e;
	}
	return 0;
}

/* The depth of the calls is that of the tables above, not that of the data. */
static int check_value(const struct field *f, const json_t *v, const char *where,
		       struct err *reterr)
{
	if (!(type_of(v) & f->types))
		return wrong_type(where, f->types, reterr);
	if (f->words && json_is_string(v) && !is_one_of(json_string_value(v), f->words))
		return err_set(reterr, -EBADMSG, "%s is \"%.40s\", which is none of its words",
			       where, json_string_value(v));
	if (f->inner_count == 0)
		return 0;
	if (json_is_array(v))
		return check_items(f, v, where, reterr);
	if (json_is_object(v) && !f->inner[0].key)
		return check_free_keys(f, v, where, reterr);
	return json_is_object(v) ? check_keys(f->inner, f->inner_count, v, where, reterr) : 0;
}

/* The schema number that this program reads. */
#define SCHEMA 1

int shape_check_document(const struct field *f, size_t count, const json_t *root,
			 struct err *reterr)
{
	int e;

	if (!json_is_object(root))
		return err_set(reterr, -EBADMSG, "the document is not an object");
	e = check_keys(f, count, root, "", reterr);
	if (e < 0)
		return e;
	if (json_integer_value(json_object_get(root, "schema")) != SCHEMA)
		return err_set(reterr, -EBADMSG,
			       "schema is %" JSON_INTEGER_FORMAT "; this program reads %d",
			       json_integer_value(json_object_get(root, "schema")), SCHEMA);
	return 0;
}

int shape_check_run(const json_t *root, struct err *reterr)
{
	return shape_check_document(run_fields, ARRAY_SIZE(run_fields), root, reterr);
}

int shape_check_cell(const json_t *root, struct err *reterr)
{
	return shape_check_document(cell_fields, ARRAY_SIZE(cell_fields), root, reterr);
}
