// SPDX-License-Identifier: Apache-2.0
/* The form of device.json and guest.json, as that of run.json in shape.c. */
#include "report/shape.h"

#include "report/shape_int.h"

static const char *const level_words[] = { "MUST", "SHOULD", "MAY", "DEFACTO", "INFO", NULL };
static const char *const verdict_words[] = { "PASS", "FAIL", "SKIP", "BROKEN", NULL };
static const char *const known_words[] = { "new", "known", "gone", NULL };

static const char *const suite_words[] = { "device", "guest", NULL };

static const struct field any_string[] = { { .types = T_STRING } };
static const struct field target_fields[] = {
	{ .key = "name", .types = T_STRING },
	{ .key = "version", .types = T_STRING },
};

static const struct field area_fields[] = {
	{ .key = "id", .types = T_STRING },
	{ .key = "title", .types = T_STRING },
};
static const struct field area_items[] = { { .types = T_OBJECT, INNER(area_fields) } };

static const struct field figure_fields[] = {
	{ .key = "name", .types = T_STRING },
	{ .key = "value", .types = T_INTEGER },
	{ .key = "unit", .types = T_STRING },
};
static const struct field figure_items[] = { { .types = T_OBJECT, INNER(figure_fields) } };

static const struct field result_fields[] = {
	{ .key = "id", .types = T_STRING },
	{ .key = "title", .types = T_STRING },
	{ .key = "level", .types = T_STRING, .words = level_words },
	{ .key = "clause", .types = T_STRING },
	{ .key = "rows", .types = T_STRING },
	{ .key = "normative", .types = T_BOOL },
	{ .key = "sends", .types = T_STRING },
	{ .key = "verdict", .types = T_STRING, .words = verdict_words },
	{ .key = "expected", .types = T_STRING | T_NULL },
	{ .key = "seen", .types = T_STRING | T_NULL },
	{ .key = "broken_row", .types = T_STRING | T_NULL },
	{ .key = "known", .types = T_STRING | T_NULL, .words = known_words },
	{ .key = "known_status", .types = T_STRING | T_NULL },
	{ .key = "known_reason", .types = T_STRING | T_NULL },
	{ .key = "fate", .types = T_STRING | T_NULL },
	{ .key = "repeat", .types = T_STRING },
	/* of the guest suite only */
	{ .key = "note", .types = T_STRING | T_NULL, .optional = true },
	{ .key = "figures", .types = T_ARRAY, .optional = true, INNER(figure_items) },
};
static const struct field result_items[] = { { .types = T_OBJECT, INNER(result_fields) } };

static const struct field device_fields[] = {
	{ .key = "schema", .types = T_INTEGER },
	{ .key = "suite", .types = T_STRING, .words = suite_words },
	{ .key = "target", .types = T_OBJECT, INNER(target_fields) },
	{ .key = "strict", .types = T_BOOL },
	{ .key = "areas", .types = T_ARRAY, INNER(area_items) },
	{ .key = "always", .types = T_ARRAY, INNER(any_string) },
	{ .key = "checks", .types = T_ARRAY, INNER(result_items) },
};

int shape_check_device(const json_t *root, struct err *reterr)
{
	return shape_check_document(device_fields, ARRAY_SIZE(device_fields), root, reterr);
}
