// SPDX-License-Identifier: Apache-2.0
#include "cell_check.h"

#include "real_guest.h"

#include "base/fs.h"
#include "base/json.h"
#include "run/dax.h"

#include <string.h>

/* Of the file: what a guest's Cached may differ by and still be "all" or "nothing". */
#define CACHED_TOLERANCE 0.05

/* --allow-mmap needs a guest kernel that knows DIRECT_IO_ALLOW_MMAP, which 6.1 does not. */
static bool allows_mmap(const struct cell *c)
{
	char variant[64];

	return cache_keeps(c->cache) != KEEPS_NOTHING || c->stack->kind != STACK_VIRTIOFS ||
	       (strstr(stack_variant(c->stack, c->options, variant, sizeof(variant)), "mmap") &&
		strcmp(c->kernel->id, "bookworm") != 0);
}

bool cell_check_must_be_na(const struct cell *c)
{
	if (!c->vmm)
		return false;
	if (real_root_absent(c->stack->root))
		return true;
	return (c->cache != CACHE_UNSET && !(c->stack->cache_mask & 1U << c->cache)) ||
	       (c->dax > DAX_NONE && !c->window_bytes) ||
	       ((c->workload->needs & NEED_MAP_SHARED) && !allows_mmap(c) && !dax_uses(c));
}

static json_t *find_metric(json_t *cell, const char *name)
{
	size_t i;
	json_t *m;

	json_array_foreach(json_object_get(cell, "metrics"), i, m)
		if (strcmp(json_str_at(m, "name", ""), name) == 0)
			return m;
	return NULL;
}

static double median(json_t *cell, const char *name)
{
	double v;

	return json_number_at(find_metric(cell, name), "median", &v) == 0 ? v : -1;
}

double cell_check_number(json_t *root, const char *path)
{
	double v;

	return json_number_at(root, path, &v) == 0 ? v : -1;
}

void cell_check_status(const struct plan_left *left, const struct cell *c, json_t *cell,
		       struct problems *p)
{
	const char *want = cell_check_must_be_na(c) ? "n/a" : "ok";
	const char *status = json_str_at(cell, "status", "(none)");

	if (strcmp(json_str_at(cell, "id", ""), c->id) != 0)
		problem(p, "%s: cell.json names '%s'", c->id, json_str_at(cell, "id", ""));
	if (strcmp(status, want) != 0)
		problem(p, "%s is %s, not %s: %s", c->id, status, want,
			json_str_at(cell, "reason", "no reason"));
	/* What is n/a in its first pass is not asked again. */
	if (json_array_size(json_object_get(cell, "rounds")) !=
	    (cell_check_must_be_na(c) ? 1 : left->plan.rounds + plan_observed(&left->plan, c)))
		problem(p, "%s has not %u timed and %u observed passes", c->id, left->plan.rounds,
			plan_observed(&left->plan, c));
}

bool plan_left_says(const struct plan_left *left, const char *relative, const char *word)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", left->out, relative);
	CLEANUP(buf_free) struct buf text = { 0 };

	return path && fs_read(path, 16 * MIB, &text, NULL) == 0 &&
	       strstr(buf_text(&text), word) != NULL;
}

/* Why a cell is n/a, and where the words that this rests on must be. */
struct na_kind {
	const char *reason[2];
	const char *file; /* in the folder of the pass; NULL: the evidence itself */
	const char *says;
};

static const struct na_kind *na_kind(const struct cell *c)
{
	static const struct na_kind daemon = { { "the daemon refuses cache=", "exited:" },
					       "daemon.log",
					       "unknown option" };
	static const struct na_kind mode_9p = { { "mount -o cache=", "errno 22" },
						NULL,
						"Unknown Cache mode" };
	/* roots.tsv calls it optional, and set-up could not build it here. */
	static const struct na_kind absent = { { "stack root", "is not installed" },
					       NULL,
					       "make setup" };
	/* Mounts without a window too, and says nothing: the device is asked instead. */
	static const struct na_kind silent = { { "no shared memory capability", "" },
					       NULL,
					       "0x105a" };
	static const struct na_kind dax = { { "dax=always", "errno" },
					    "dmesg.txt",
					    "dax can't be enabled" };
	static const struct na_kind mapping = { { "mmap(MAP_SHARED)", "errno" },
						"workload.err",
						"\"error\" : 19" };
	static const struct na_kind own_mapping = { { "mmap(MAP_SHARED)", "wl-mmap: error 19" },
						    "workload.err",
						    "\"error\": 19" };

	if (real_root_absent(c->stack->root))
		return &absent;
	if (c->dax == DAX_NEVER || c->dax == DAX_INODE)
		return &silent;
	if (c->dax == DAX_ALWAYS)
		return &dax;
	if (c->stack->cache_mask & 1U << c->cache)
		return c->workload->tool == TOOL_FIO ? &mapping : &own_mapping;
	return c->stack->kind == STACK_9P ? &mode_9p : &daemon;
}

static bool evidence_says(json_t *cell, const char *word)
{
	size_t i;
	json_t *e;

	json_array_foreach(json_object_get(cell, "evidence"), i, e)
		if (strstr(json_str_at(e, "seen", ""), word))
			return true;
	return false;
}

/* The reason is in words of this very pass. */
void cell_check_na(const struct plan_left *left, const struct cell *c, json_t *cell,
		   struct problems *p)
{
	const char *reason = json_str_at(cell, "reason", "");
	const struct na_kind *k = na_kind(c);
	CLEANUP(freep)
	char *file = fs_path("%s/%s", json_str_at(cell, "rounds[0].dir", "?"), k->file);
	size_t i;
	json_t *e;

	if (!cell_check_must_be_na(c))
		return;
	if (!strstr(reason, k->reason[0]) || !strstr(reason, k->reason[1]))
		problem(p, "%s: another reason: %s", c->id, reason);
	if (k->file ? !file || !plan_left_says(left, file, k->says) : !evidence_says(cell, k->says))
		problem(p, "%s: '%s' is not in %s", c->id, k->says,
			k->file ? file : "the evidence");
	if (json_array_size(json_object_get(cell, "evidence")) == 0)
		problem(p, "%s: no evidence", c->id);
	json_array_foreach(json_object_get(cell, "evidence"), i, e) {
		const char *name = json_str_at(e, "file", NULL);

		if (!*json_str_at(e, "seen", ""))
			problem(p, "%s: evidence '%s' saw nothing", c->id,
				json_str_at(e, "what", ""));
		if (name && !plan_left_says(left, name, ""))
			problem(p, "%s: evidence names %s, which is not there", c->id, name);
	}
	if (json_array_size(json_object_get(cell, "metrics")) != 0)
		problem(p, "%s is n/a and has metrics", c->id);
	if (!json_is_null(json_object_get(cell, "negotiated")))
		problem(p, "%s is n/a and was observed", c->id);
}

static void check_source(const struct plan_left *left, const struct cell *c, json_t *m, size_t i,
			 struct problems *p)
{
	const char *name = json_str_at(m, "name", "?");
	const char *source = json_string_value(json_array_get(json_object_get(m, "sources"), i));
	const char *field = source ? strchr(source, '#') : NULL;
	double sample = json_number_value(json_array_get(json_object_get(m, "samples"), i));
	CLEANUP(freep) char *path = NULL;
	json_auto_t *raw = NULL;
	struct err err = { 0 };
	double value;

	if (!field) {
		problem(p, "%s: %s: no source", c->id, name);
		return;
	}
	path = fs_path("%s/%.*s", left->out, (int)(field - source), source);
	if (!path || json_load_path(path, &raw, &err) < 0)
		problem(p, "%s: %s: %s", c->id, name, err.text);
	else if (json_number_at(raw, field + 1, &value) < 0)
		problem(p, "%s: %s: no number at %s", c->id, name, source);
	else if (value < sample || value > sample)
		problem(p, "%s: %s is %.17g, but %.17g in %s", c->id, name, sample, value, source);
}

void cell_check_metrics(const struct plan_left *left, const struct cell *c, json_t *cell,
			struct problems *p)
{
	size_t i;
	json_t *m;

	if (cell_check_must_be_na(c))
		return;
	for (const char *const *h = c->workload->headline; *h; h++)
		/* only a relay counts operations */
		if ((c->stack->kind == STACK_VIRTIOFS || !strstr(*h, ".ops.")) &&
		    !(median(cell, *h) > 0))
			problem(p, "%s: headline %s is not above 0", c->id, *h);
	json_array_foreach(json_object_get(cell, "metrics"), i, m) {
		size_t samples = json_array_size(json_object_get(m, "samples"));
		bool observed = strstr(json_str_at(m, "sources[0]", ""), "/o1/");

		if (samples != (observed ? left->plan.observed : left->plan.rounds) ||
		    json_array_size(json_object_get(m, "sources")) != samples)
			problem(p, "%s: %s has %zu samples, or not one source for each", c->id,
				json_str_at(m, "name", "?"), samples);
		if (observed && strcmp(json_str_at(m, "kind", ""), "time") == 0)
			problem(p, "%s: %s is a time of an observed pass", c->id,
				json_str_at(m, "name", "?"));
		for (size_t j = 0; j < samples; j++)
			check_source(left, c, m, j, p);
	}
}

void cell_check_states(const struct plan_left *left, const struct cell *c, json_t *cell,
		       struct problems *p)
{
	bool states = c->workload->layout != LAYOUT_NONE && c->workload->tool != TOOL_FOOTPRINT;
	size_t want = states ? c->workload->phase_count * (left->plan.rounds + left->plan.observed)
			     : 0;
	size_t i;
	json_t *s;

	if (!cell_check_must_be_na(c) && json_array_size(json_object_get(cell, "states")) != want)
		problem(p, "%s has not %zu states", c->id, want);
	json_array_foreach(json_object_get(cell, "states"), i, s)
		if (!json_is_true(json_object_get(s, "reached")))
			problem(p, "%s: state of %s not reached", c->id,
				json_str_at(s, "phase", "?"));
}

/*
 * What the daemon was told shows in the guest: after the whole file was read (the warm state) its
 * page cache holds all of it, or nothing; and the cold phase cached as much as fio read.
 */
void cell_check_cached(const struct plan_left *left, const struct cell *c, json_t *cell,
		       struct problems *p)
{
	double file = (double)c->workload->file_bytes;
	double slack = CACHED_TOLERANCE * file;
	double moved = median(cell, "cold.io_bytes");
	double grown = median(cell, "cold.guest_cached_after") -
		       median(cell, "cold.guest_cached_before");
	double warm = cell_check_number(cell, "states[1].guest_cached_delta_bytes");

	(void)left;
	if (!c->vmm || cell_check_must_be_na(c) || strcmp(c->workload->id, "seqread-psync") != 0)
		return;
	if (!(moved > 0))
		problem(p, "%s: fio read nothing", c->id);
	if (cache_keeps(c->cache) == KEEPS_MAYBE)
		return;
	if (cache_keeps(c->cache) == KEEPS_DATA) {
		if (grown < moved - slack || warm < file - slack)
			problem(p, "%s: %.0f bytes read, Cached grew by %.0f; file read, %.0f",
				c->id, moved, grown, warm);
	} else if (grown > slack || warm > slack) {
		problem(p, "%s keeps no data, but Cached grew by %.0f and %.0f bytes", c->id, grown,
			warm);
	}
}

static bool daemon_was_told(json_t *cell, const char *word)
{
	size_t i;
	size_t j;
	json_t *command;
	json_t *arg;

	json_array_foreach(json_object_get(cell, "commands"), i, command) {
		if (strcmp(json_str_at(command, "who", ""), "daemon") != 0)
			continue;
		json_array_foreach(json_object_get(command, "argv"), j, arg) {
			const char *text = json_string_value(arg);

			text += text && strncmp(text, "--", 2) == 0 ? 2 : 0;
			if (text && strcmp(text, word) == 0)
				return true;
		}
	}
	return false;
}

/* A device with a window says how it serves tails; one that was told, does as it was told. */
static void check_tail(const struct cell *c, json_t *cell, struct problems *p)
{
	const char *tail = json_str_at(cell, "dax_tail", NULL);

	if (!c->window_bytes || !c->stack->own)
		return;
	if (!tail)
		problem(p, "%s: dax_tail is not told", c->id);
	else if (daemon_was_told(cell, "tail=shadow") && strcmp(tail, "shadow") != 0)
		problem(p, "%s: dax_tail is %s, not shadow", c->id, tail);
}

/* auto and always, and writeback, do not show in how much a guest caches: at least they were asked for. */
void cell_check_told(const struct plan_left *left, const struct cell *c, json_t *cell,
		     struct problems *p)
{
	char cache[32];

	(void)left;
	if (c->stack->kind != STACK_VIRTIOFS || real_root_absent(c->stack->root))
		return;
	(void)snprintf(cache, sizeof(cache), "cache=%s", cache_name(c->cache));
	if (!daemon_was_told(cell, cache))
		problem(p, "%s: no %s in the daemon's command line", c->id, cache);
	if (daemon_was_told(cell, "writeback") != c->writeback)
		problem(p, "%s: the daemon's command line has another writeback", c->id);
	check_tail(c, cell, p);
}
