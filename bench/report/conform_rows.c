// SPDX-License-Identifier: Apache-2.0
/* Requirement -> checks -> result: what of the catalogue was looked at, and what came of it. */
#include "report/conform.h"

#include <string.h>

const char *conform_row_waiver(const struct conform *c, const struct spec_row *row)
{
	return c->suite->means == SPEC_D ? spec_waived(row->id, SPEC_D) : NULL;
}

bool conform_row_is_listed(const struct conform *c, const struct spec_row *row)
{
	return row->means & c->suite->means || conform_row_waiver(c, row);
}

/* @rows: ids by blanks. */
static bool names(const char *rows, const char *id)
{
	size_t n = strlen(id);

	for (const char *at = rows; at && *at; at += strcspn(at, " "), at += *at == ' ')
		if (strcspn(at, " ") == n && strncmp(at, id, n) == 0)
			return true;
	return false;
}

static bool is_always(const struct conform_daemon *d, const char *id)
{
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(d->root, "always"), i, item)
		if (strcmp(json_string_value(item), id) == 0)
			return true;
	return false;
}

char *conform_row_checks(const struct conform *c, const struct spec_row *row)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	const char *id;
	json_t *check;
	int e = 0;

	json_object_foreach(c->ids, id, check)
		if (e == 0 && names(conform_text(check, "rows"), row->id))
			e = buf_printf(&text, "%s%s", text.size ? ", " : "", id);
	for (size_t i = 0; e == 0 && i < c->count; i++)
		if (is_always(&c->daemon[i], row->id)) {
			e = buf_printf(&text, "%severy check", text.size ? ", " : "");
			break;
		}
	return e < 0 ? NULL : buf_take(&text);
}

/* Which of two results of one requirement says more about it. */
static enum conform_state worse(enum conform_state a, enum conform_state b)
{
	static const enum conform_state order[] = {
		CONFORM_FAILED, CONFORM_KNOWN,	CONFORM_NOTED,
		CONFORM_BROKEN, CONFORM_PASSED, CONFORM_SKIPPED
	};

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return CONFORM_ABSENT;
}

enum conform_state conform_row_state(const struct conform_daemon *d, const struct spec_row *row)
{
	enum conform_state state = CONFORM_ABSENT;
	const char *id;
	json_t *check;

	if (d->root && is_always(d, row->id) && json_object_size(d->checks) > 0)
		state = CONFORM_PASSED;
	json_object_foreach(d->checks, id, check) {
		const char *broken = conform_text(check, "broken_row");

		/* A check that saw another rule broken says nothing about its own. */
		if (broken ? strcmp(broken, row->id) == 0
			   : names(conform_text(check, "rows"), row->id))
			state = worse(state, conform_state(d, check));
	}
	return state;
}
