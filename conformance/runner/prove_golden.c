// SPDX-License-Identifier: Apache-2.0
/* The kills that are required: a list of fault and check that is under version control. */
#include "conformance/runner/prove.h"

#include "base/fs.h"

#include <fnmatch.h>
#include <string.h>

#define FILE_MAX (4 * MIB)

static const char head[] =
	"# Faults that must be caught, and the check that catches each. VQ_GOLDEN_UPDATE=1 with\n"
	"# `virtiofs-conform prove --golden` writes this file; a line that goes has to be explained.\n";

static bool is_preload(const char *fault)
{
	return strncmp(fault, PROVE_PRELOAD, strlen(PROVE_PRELOAD)) == 0;
}

/* Was any daemon of the run one that takes this kind of fault? */
static bool has_stack_for(const struct proof_table *t, const char *fault)
{
	for (size_t i = 0; i < t->count; i++)
		if (is_preload(t->row[i]->fault) == is_preload(fault))
			return true;
	return false;
}

/* Could this run show the kill? */
static bool is_asked(const struct proof_table *t, const struct conform_options *o, const char *line)
{
	const char *check = strchr(line, '\t') + 1;
	bool match = o->only.count == 0;

	for (size_t i = 0; i < o->only.count && !match; i++)
		match = fnmatch(o->only.item[i], check, 0) == 0;
	return match && has_stack_for(t, line);
}

static bool is_shown(const struct proof_table *t, const char *line)
{
	size_t fault = strcspn(line, "\t");

	for (size_t i = 0; i < t->count; i++) {
		const struct proof_row *r = t->row[i];

		if (r->verdict == PROOF_CAUGHT && strlen(r->fault) == fault &&
		    strncmp(r->fault, line, fault) == 0 && strcmp(r->check, line + fault + 1) == 0)
			return true;
	}
	return false;
}

static int load(const char *path, struct strv *ret, struct err *reterr)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(freep) char *copy = NULL;
	char *save = NULL;
	unsigned number = 0;
	int e = fs_read(path, FILE_MAX, &text, reterr);

	if (e == -ENOENT)
		return 0;
	if (e < 0)
		return e;
	copy = strdup(buf_text(&text));
	if (!copy)
		return -ENOMEM;
	for (char *l = strtok_r(copy, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		number++;
		if (*l == '#')
			continue;
		if (!strchr(l, '\t') || strchr(l, '\t') != strrchr(l, '\t'))
			return err_set(reterr, -EINVAL,
				       "%s: line %u: \"fault TAB check\" is wanted", path, number);
		strv_add(ret, l);
	}
	return ret->failed ? -ENOMEM : 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What this run could not show stays; what it caught is in. */
static int update(const struct proof_table *t, const struct conform_options *o,
		  const struct strv *old, const char *path, struct err *reterr)
{
	CLEANUP(strv_free) struct strv lines = { 0 };
	CLEANUP(buf_free) struct buf text = { 0 };

	for (size_t i = 0; i < old->count; i++)
		if (!is_asked(t, o, old->item[i]))
			strv_add(&lines, old->item[i]);
	for (size_t i = 0; i < t->count; i++)
		if (t->row[i]->verdict == PROOF_CAUGHT && t->row[i]->claimed)
			strv_addf(&lines, "%s\t%s", t->row[i]->fault, t->row[i]->check);
	if (lines.failed)
		return -ENOMEM;
	if (lines.count)
		qsort(lines.item, lines.count, sizeof(char *), compare);
	(void)buf_printf(&text, "%s", head);
	for (size_t i = 0; i < lines.count; i++)
		if (i == 0 || strcmp(lines.item[i], lines.item[i - 1]) != 0)
			(void)buf_printf(&text, "%s\n", lines.item[i]);
	return fs_write_atomic(path, buf_text(&text), text.size, reterr);
}

static size_t count_new(const struct proof_table *t, const struct strv *old)
{
	size_t count = 0;

	for (size_t i = 0; i < t->count; i++) {
		const struct proof_row *r = t->row[i];
		char line[2 * PROOF_WORD];
		bool is_old = r->verdict != PROOF_CAUGHT || !r->claimed;

		(void)snprintf(line, sizeof(line), "%s\t%s", r->fault, r->check);
		for (size_t j = 0; j < old->count && !is_old; j++)
			is_old = strcmp(old->item[j], line) == 0;
		count += !is_old;
	}
	return count;
}

int prove_golden(const struct proof_table *t, const struct conform_options *o, const char *path,
		 FILE *out, size_t *ret_lost, struct err *reterr)
{
	CLEANUP(strv_free) struct strv kills = { 0 };
	size_t asked = 0;
	size_t fresh;
	int e = load(path, &kills, reterr);

	*ret_lost = 0;
	if (e < 0)
		return e;
	if (getenv("VQ_GOLDEN_UPDATE"))
		return update(t, o, &kills, path, reterr);
	for (size_t i = 0; i < kills.count; i++) {
		if (!is_asked(t, o, kills.item[i]))
			continue;
		asked++;
		if (is_shown(t, kills.item[i]))
			continue;
		++*ret_lost;
		(void)fprintf(out, "NOT CAUGHT any more: %s\n", kills.item[i]);
	}
	fresh = count_new(t, &kills);
	(void)fprintf(out, "%zu of %zu required kills seen; %zu are not in the list\n",
		      asked - *ret_lost, asked, fresh);
	return 0;
}
