// SPDX-License-Identifier: Apache-2.0
/*
 * The plan `test` on real guests, once; then everything that it left on disk is looked at. A check
 * collects what is wrong and asserts at its end: no cmocka assert runs while a CLEANUP variable is
 * live.
 */
#include "real_guest.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "run/plan.h"

#include <limits.h>
#include <pwd.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* A name that no word of a report has by chance. */
#define HOST_NAME "vq-name-of-this-machine"
/* Of the file: what a guest's Cached may differ by and still be "all" or "nothing". */
#define CACHED_TOLERANCE 0.05
/* sh -n reads a few hundred bytes. */
#define SHELL_MS 20000

struct fixture {
	char out[PATH_MAX];
	char log[PATH_MAX + 8];
	char checkout[PATH_MAX];
	struct plan plan;
	json_t *run;
	int run_status;
	int report_status;
};

static struct fixture fx;

/* What a check found wrong. */
struct problems {
	struct buf text;
	size_t count;
};

static void problem(struct problems *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void problem(struct problems *p, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	(void)buf_printf(&p->text, "  %s\n", line);
	p->count++;
}

static void settle(struct problems *p, size_t looked_at, size_t wanted)
{
	size_t count = p->count;

	(void)fprintf(stderr, "%s", buf_text(&p->text));
	buf_free(&p->text);
	if (count)
		fail_msg("%zu problems (above); the run is in %s", count, fx.out);
	if (looked_at < wanted)
		fail_msg("only %zu things to look at, not %zu", looked_at, wanted);
}

/* --allow-mmap needs a guest kernel that knows DIRECT_IO_ALLOW_MMAP, which 6.1 does not. */
static bool allows_mmap(const struct cell *c)
{
	char variant[64];

	return cache_keeps(c->cache) != KEEPS_NOTHING || c->stack->kind != STACK_VIRTIOFS ||
	       (strstr(stack_variant(c->stack, c->options, variant, sizeof(variant)), "mmap") &&
		strcmp(c->kernel->id, "bookworm") != 0);
}

/* A mode that the stack does not have, DAX without a window, a mapping that the mode refuses. */
static bool must_be_na(const struct cell *c)
{
	if (!c->vmm)
		return false;
	if (real_root_absent(c->stack->root))
		return true;
	return (c->cache != CACHE_UNSET && !(c->stack->cache_mask & 1U << c->cache)) ||
	       c->dax > DAX_NONE || ((c->workload->needs & NEED_MAP_SHARED) && !allows_mmap(c));
}

typedef void cell_check(const struct cell *c, json_t *cell, struct problems *p);

static void each_cell(cell_check *check, struct problems *p)
{
	for (size_t i = 0; i < fx.plan.cells.count; i++) {
		const struct cell *c = &fx.plan.cells.item[i];
		json_auto_t *cell = NULL;
		struct err err = { 0 };

		if (real_cell(fx.out, c->id, &cell, &err) < 0)
			problem(p, "%s: %s", c->id, err.text);
		else
			check(c, cell, p);
	}
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

/* ---- checks ---- */

static void test_exit_status(void **state)
{
	(void)state;
	if (fx.run_status != 0)
		fail_msg("the run ended with %d, see %s", fx.run_status, fx.log);
	assert_string_equal(json_str_at(fx.run, "status", ""), "complete");
	assert_int_equal(json_array_size(json_object_get(fx.run, "cells")), fx.plan.cells.count);
}

static void check_status(const struct cell *c, json_t *cell, struct problems *p)
{
	const char *want = must_be_na(c) ? "n/a" : "ok";
	const char *status = json_str_at(cell, "status", "(none)");

	if (strcmp(json_str_at(cell, "id", ""), c->id) != 0)
		problem(p, "%s: cell.json names '%s'", c->id, json_str_at(cell, "id", ""));
	if (strcmp(status, want) != 0)
		problem(p, "%s is %s, not %s: %s", c->id, status, want,
			json_str_at(cell, "reason", "no reason"));
	/* What is n/a in its first pass is not asked again. */
	if (json_array_size(json_object_get(cell, "rounds")) !=
	    (must_be_na(c) ? 1 : fx.plan.rounds + plan_observed(&fx.plan, c)))
		problem(p, "%s has not %u timed and %u observed passes", c->id, fx.plan.rounds,
			plan_observed(&fx.plan, c));
}

/* Goal: the time that is shown beforehand is of use. Method: against the true one, within 2. */
static void test_estimate_is_honest(void **state)
{
	double expected = 0;
	double elapsed = 0;

	(void)state;
	assert_int_equal(json_number_at(fx.run, "expected_s", &expected), 0);
	assert_int_equal(json_number_at(fx.run, "elapsed_s", &elapsed), 0);
	(void)printf("figure: expected %.0f s, took %.0f s\n", expected, elapsed);
	if (elapsed > 2 * expected || elapsed < expected / 2)
		fail_msg("expected %.0f s, took %.0f s: see the table in bench/run/estimate.c",
			 expected, elapsed);
}

static void test_every_cell_has_its_status(void **state)
{
	struct problems p = { 0 };

	(void)state;
	each_cell(check_status, &p);
	settle(&p, fx.plan.cells.count, 30);
}

static bool file_says(const char *relative, const char *word)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", fx.out, relative);
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
static void check_na(const struct cell *c, json_t *cell, struct problems *p)
{
	const char *reason = json_str_at(cell, "reason", "");
	const struct na_kind *k = na_kind(c);
	CLEANUP(freep)
	char *file = fs_path("%s/%s", json_str_at(cell, "rounds[0].dir", "?"), k->file);
	size_t i;
	json_t *e;

	if (!must_be_na(c))
		return;
	if (!strstr(reason, k->reason[0]) || !strstr(reason, k->reason[1]))
		problem(p, "%s: another reason: %s", c->id, reason);
	if (k->file ? !file || !file_says(file, k->says) : !evidence_says(cell, k->says))
		problem(p, "%s: '%s' is not in %s", c->id, k->says,
			k->file ? file : "the evidence");
	if (json_array_size(json_object_get(cell, "evidence")) == 0)
		problem(p, "%s: no evidence", c->id);
	json_array_foreach(json_object_get(cell, "evidence"), i, e) {
		const char *name = json_str_at(e, "file", NULL);

		if (!*json_str_at(e, "seen", ""))
			problem(p, "%s: evidence '%s' saw nothing", c->id,
				json_str_at(e, "what", ""));
		if (name && !file_says(name, ""))
			problem(p, "%s: evidence names %s, which is not there", c->id, name);
	}
	if (json_array_size(json_object_get(cell, "metrics")) != 0)
		problem(p, "%s is n/a and has metrics", c->id);
	if (!json_is_null(json_object_get(cell, "negotiated")))
		problem(p, "%s is n/a and was observed", c->id);
}

static void test_na_has_reason_and_evidence(void **state)
{
	struct problems p = { 0 };
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < fx.plan.cells.count; i++)
		count += must_be_na(&fx.plan.cells.item[i]);
	each_cell(check_na, &p);
	settle(&p, count, 4);
}

static void check_source(const struct cell *c, json_t *m, size_t i, struct problems *p)
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
	path = fs_path("%s/%.*s", fx.out, (int)(field - source), source);
	if (!path || json_load_path(path, &raw, &err) < 0)
		problem(p, "%s: %s: %s", c->id, name, err.text);
	else if (json_number_at(raw, field + 1, &value) < 0)
		problem(p, "%s: %s: no number at %s", c->id, name, source);
	else if (value < sample || value > sample)
		problem(p, "%s: %s is %.17g, but %.17g in %s", c->id, name, sample, value, source);
}

static void check_metrics(const struct cell *c, json_t *cell, struct problems *p)
{
	size_t i;
	json_t *m;

	if (must_be_na(c))
		return;
	for (const char *const *h = c->workload->headline; *h; h++)
		/* only a relay counts operations */
		if ((c->stack->kind == STACK_VIRTIOFS || !strstr(*h, ".ops.")) &&
		    !(median(cell, *h) > 0))
			problem(p, "%s: headline %s is not above 0", c->id, *h);
	json_array_foreach(json_object_get(cell, "metrics"), i, m) {
		size_t samples = json_array_size(json_object_get(m, "samples"));
		bool observed = strstr(json_str_at(m, "sources[0]", ""), "/o1/");

		if (samples != (observed ? fx.plan.observed : fx.plan.rounds) ||
		    json_array_size(json_object_get(m, "sources")) != samples)
			problem(p, "%s: %s has %zu samples, or not one source for each", c->id,
				json_str_at(m, "name", "?"), samples);
		if (observed && strcmp(json_str_at(m, "kind", ""), "time") == 0)
			problem(p, "%s: %s is a time of an observed pass", c->id,
				json_str_at(m, "name", "?"));
		for (size_t j = 0; j < samples; j++)
			check_source(c, m, j, p);
	}
}

static void test_metrics_are_what_the_raw_files_hold(void **state)
{
	struct problems p = { 0 };

	(void)state;
	each_cell(check_metrics, &p);
	settle(&p, 1, 1);
}

static void check_states(const struct cell *c, json_t *cell, struct problems *p)
{
	bool states = c->workload->layout != LAYOUT_NONE && c->workload->tool != TOOL_FOOTPRINT;
	size_t want = states ? c->workload->phase_count * (fx.plan.rounds + fx.plan.observed) : 0;
	size_t i;
	json_t *s;

	if (!must_be_na(c) && json_array_size(json_object_get(cell, "states")) != want)
		problem(p, "%s has not %zu states", c->id, want);
	json_array_foreach(json_object_get(cell, "states"), i, s)
		if (!json_is_true(json_object_get(s, "reached")))
			problem(p, "%s: state of %s not reached", c->id,
				json_str_at(s, "phase", "?"));
}

static void test_states_were_reached(void **state)
{
	struct problems p = { 0 };

	(void)state;
	each_cell(check_states, &p);
	settle(&p, 1, 1);
}

static double number(json_t *root, const char *path)
{
	double v;

	return json_number_at(root, path, &v) == 0 ? v : -1;
}

/*
 * What the daemon was told shows in the guest: after the whole file was read (the warm state) its
 * page cache holds all of it, or nothing; and the cold phase cached as much as fio read.
 */
static void check_cached(const struct cell *c, json_t *cell, struct problems *p)
{
	double file = (double)c->workload->file_bytes;
	double slack = CACHED_TOLERANCE * file;
	double moved = median(cell, "cold.io_bytes");
	double grown = median(cell, "cold.guest_cached_after") -
		       median(cell, "cold.guest_cached_before");
	double warm = number(cell, "states[1].guest_cached_delta_bytes");

	if (!c->vmm || must_be_na(c) || strcmp(c->workload->id, "seqread-psync") != 0)
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

/* auto and always, and writeback, do not show in how much a guest caches: at least they were asked for. */
static void check_told(const struct cell *c, json_t *cell, struct problems *p)
{
	char cache[32];

	if (c->stack->kind != STACK_VIRTIOFS || real_root_absent(c->stack->root))
		return;
	(void)snprintf(cache, sizeof(cache), "cache=%s", cache_name(c->cache));
	if (!daemon_was_told(cell, cache))
		problem(p, "%s: no %s in the daemon's command line", c->id, cache);
	if (daemon_was_told(cell, "writeback") != c->writeback)
		problem(p, "%s: the daemon's command line has another writeback", c->id);
}

static void test_daemons_were_told_their_mode(void **state)
{
	struct problems p = { 0 };

	(void)state;
	each_cell(check_told, &p);
	settle(&p, 1, 1);
}

static void test_cache_modes_differ_in_the_guest(void **state)
{
	struct problems p = { 0 };
	unsigned modes[16][CACHE_COUNT] = { 0 };
	size_t stacks;
	const struct stack *const *all = stack_list(&stacks);
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < fx.plan.cells.count; i++) {
		const struct cell *c = &fx.plan.cells.item[i];

		for (size_t j = 0; j < stacks && j < ARRAY_SIZE(modes); j++)
			if (c->vmm && c->stack == all[j] && !must_be_na(c) &&
			    strcmp(c->workload->id, "seqread-psync") == 0)
				count += !modes[j][c->cache]++;
	}
	each_cell(check_cached, &p);
	/* modes: three of C, four of each Rust, three of 9p, blk has one */
	settle(&p, count, real_root_absent("sid") ? 11 : 15);
}

/* Is each option of each stack switched on in a cell? */
static void check_options(const struct stack *s, struct problems *p)
{
	unsigned used = 0;

	for (size_t i = 0; i < fx.plan.cells.count; i++)
		if (fx.plan.cells.item[i].stack == s)
			used |= fx.plan.cells.item[i].options;
	for (size_t i = 0; i < s->option_count; i++)
		if (!(used & 1U << i))
			problem(p, "%s+%s is not planned", s->id, s->options[i].id);
}

/* Every stack in each cache mode that its row names, with writeback off and on, and each option. */
static void test_plan_is_complete(void **state)
{
	struct problems p = { 0 };
	size_t count;
	size_t seen = 0;
	const struct stack *const *all = stack_list(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		check_options(all[i], &p);
		for (unsigned mode = CACHE_NONE; mode < CACHE_COUNT; mode++) {
			unsigned found = 0;

			for (size_t j = 0; j < fx.plan.cells.count; j++) {
				const struct cell *c = &fx.plan.cells.item[j];

				if (c->stack == all[i] && c->cache == mode && c->dax <= DAX_NONE)
					found |= 1U << c->writeback;
			}
			seen += found != 0;
			if (all[i]->cache_mask & 1U << mode && found != (all[i]->writeback ? 3 : 1))
				problem(&p, "%s %s is not planned with writeback off and on",
					all[i]->id, cache_name((enum cache_mode)mode));
		}
	}
	settle(&p, seen, 14);
}

static bool plan_uses(const char *what, const char *id)
{
	for (size_t i = 0; i < fx.plan.cells.count; i++) {
		const struct cell *c = &fx.plan.cells.item[i];
		const char *have = strcmp(what, "workload") == 0 ? c->workload->id
				   : strcmp(what, "stack") == 0	 ? c->stack->id
				   : !c->vmm			 ? ""
				   : strcmp(what, "vmm") == 0	 ? c->vmm->id
								 : c->kernel->id;

		if (strcmp(have, id) == 0)
			return true;
	}
	return false;
}

static void test_plan_uses_every_row(void **state)
{
	struct problems p = { 0 };
	size_t n;

	(void)state;
	for (size_t i = 0; i < (stack_list(&n), n); i++)
		/* --attach makes its cells (real_attach) */
		if (stack_list(&n)[i]->kind != STACK_ATTACHED &&
		    !plan_uses("stack", stack_list(&n)[i]->id))
			problem(&p, "stack %s is not in the plan", stack_list(&n)[i]->id);
	for (size_t i = 0; i < (workload_list(&n), n); i++)
		/* More guests than one are real_memory.c's. */
		if (workload_list(&n)[i]->guests < 2 &&
		    !plan_uses("workload", workload_list(&n)[i]->id))
			problem(&p, "workload %s is not in the plan", workload_list(&n)[i]->id);
	for (size_t i = 0; i < (vmm_list(&n), n); i++)
		if (!plan_uses("vmm", vmm_list(&n)[i]->id))
			problem(&p, "VMM %s is not in the plan", vmm_list(&n)[i]->id);
	for (size_t i = 0; i < (kernel_list(&n), n); i++)
		if (strcmp(kernel_list(&n)[i].id, "user") != 0 &&
		    !plan_uses("kernel", kernel_list(&n)[i].id))
			problem(&p, "kernel %s is not in the plan", kernel_list(&n)[i].id);
	settle(&p, 1, 1);
}

/* One guest of the run: how its passes got it. */
static void count_guest(json_t *guest, struct problems *p)
{
	const char *vmm = json_str_at(guest, "vmm", "?");
	const char *kernel = json_str_at(guest, "kernel", "?");
	unsigned booted = 0;
	unsigned reused = 0;
	unsigned other = 0;

	for (size_t i = 0; i < fx.plan.cells.count; i++) {
		const struct cell *c = &fx.plan.cells.item[i];
		json_auto_t *cell = NULL;
		const char *how;

		/* A footprint has newly restored guests of its own. */
		if (!c->vmm || c->workload->tool == TOOL_FOOTPRINT ||
		    strcmp(c->vmm->id, vmm) != 0 || strcmp(c->kernel->id, kernel) != 0 ||
		    real_cell(fx.out, c->id, &cell, NULL) < 0)
			continue;
		if (real_root_absent(c->stack->root))
			continue;
		how = json_str_at(cell, "rounds[0].guest", "?");
		booted += strcmp(how, "booted") == 0;
		reused += strcmp(how, "reused") == 0;
		other += strcmp(how, "booted") != 0 && strcmp(how, "reused") != 0;
	}
	if (number(guest, "starts") != 1 || booted != 1 || other != 0 || reused == 0)
		problem(p,
			"guest %s, %s: started %.0f times; booted for %u passes, reused for %u, other %u",
			vmm, kernel, number(guest, "starts"), booted, reused, other);
	(void)printf(
		"figure: guest %s, kernel %s: boot to first answer %.2f s, then reused %u times\n",
		vmm, kernel, number(guest, "cold_start_s"), reused);
}

static void test_guests_were_reused(void **state)
{
	struct problems p = { 0 };
	json_t *guests = json_object_get(fx.run, "guests");
	size_t i;
	json_t *g;

	(void)state;
	json_array_foreach(guests, i, g)
		count_guest(g, &p);
	settle(&p, json_array_size(guests), 3);
}

/* ---- what is published ---- */

static void search_file(const char *path, const char *const *words, struct problems *p)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	struct err err = { 0 };

	if (fs_read(path, 64 * MIB, &text, &err) < 0) {
		problem(p, "%s", err.text);
		return;
	}
	for (; *words; words++) {
		const char *at = text.size ? memmem(text.data, text.size, *words, strlen(*words))
					   : NULL;

		if (at)
			problem(p, "%s holds '%s': ...%.80s", path, *words, at);
	}
}

static void search_named(const char *dir, const char *name, const char *const *words,
			 struct problems *p, size_t *count)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", dir, name);

	if (!path || !fs_exists(path))
		return;
	search_file(path, words, p);
	(*count)++;
}

static void search_all(const char *const *words, struct problems *p, size_t *count)
{
	static const char *const top[] = { "report.html", "report.md", "results.csv", "run.json",
					   "repro.sh" };

	for (size_t i = 0; i < ARRAY_SIZE(top); i++)
		search_named(fx.out, top[i], words, p, count);
	for (size_t i = 0; i < fx.plan.cells.count; i++) {
		CLEANUP(freep)
		char *dir = fs_path("%s/cells/%s", fx.out, fx.plan.cells.item[i].id);

		if (!dir)
			continue;
		search_named(dir, "cell.json", words, p, count);
		search_named(dir, "r1/pass.json", words, p, count);
	}
}

static bool is_trivial(const char *word)
{
	static const char *const words[] = { "root", "/root", "/", "vm", "localhost", "debian" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return strlen(word) < 4;
}

static void test_nothing_of_this_machine_is_published(void **state)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *words[8] = { fx.checkout, REAL_FOLDER "/run", HOST_NAME, REAL_USER };
	struct problems p = { 0 };
	size_t n = 4;
	size_t count = 0;

	(void)state;
	if (getenv("HOME") && !is_trivial(getenv("HOME")))
		words[n++] = getenv("HOME");
	if (getenv("USER") && !is_trivial(getenv("USER")))
		words[n++] = getenv("USER");
	if (pw && !is_trivial(pw->pw_name))
		words[n++] = pw->pw_name;
	search_all(words, &p, &count);
	settle(&p, count, 5 + 2 * fx.plan.cells.count);
}

static void test_report_is_written(void **state)
{
	static const char *const names[] = { "report.html", "report.md", "results.csv" };

	(void)state;
	assert_int_equal(fx.report_status, 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!file_says(names[i], "rust-trixie"))
			fail_msg("%s does not name a stack of the run", names[i]);
}

static int run_tool(char *const *argv, struct err *reterr)
{
	const struct proc_spec spec = { .argv = argv };
	struct proc_output o = { 0 };
	int e = proc_run(&spec, 64 * KIB, clock_deadline_ms(SHELL_MS), &o, reterr);

	if (e == 0 && o.status != 0)
		e = err_set(reterr, -EINVAL, "%s: %.600s%.400s", argv[0], buf_text(&o.out),
			    buf_text(&o.err));
	proc_output_free(&o);
	return e;
}

static void test_repro_is_a_shell_script(void **state)
{
	static char sh[] = "sh";
	static char n[] = "-n";
	static char path[PATH_MAX + 16];
	char *const argv[] = { sh, n, path, NULL };
	struct err err = { 0 };

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/repro.sh", fx.out);
	if (run_tool(argv, &err) < 0)
		fail_msg("%s: %s", path, err.text);
	assert_true(file_says("repro.sh", "virtiofs-qual run --plan test"));
}

static void test_results_match_their_schemas(void **state)
{
	static char schema[] = "bench/test/schema";
	char *const argv[] = { schema, fx.out, NULL };
	struct err err = { 0 };

	(void)state;
	if (run_tool(argv, &err) < 0)
		fail_msg("%s", err.text);
}

/* ---- the run ---- */

static int setup(void **state)
{
	const char *const args[] = { "run", "--plan", "test", "--out", fx.out, NULL };
	const char *const report[] = { "report", fx.out, NULL };
	char report_log[PATH_MAX + 16];
	char run_json[PATH_MAX + 16];
	struct err err = { 0 };
	uint64_t start;
	int e;

	(void)state;
	e = real_dir("run", fx.out, sizeof(fx.out), &err);
	(void)snprintf(fx.log, sizeof(fx.log), "%s.log", fx.out);
	(void)snprintf(report_log, sizeof(report_log), "%s-report.log", fx.out);
	(void)snprintf(run_json, sizeof(run_json), "%s/run.json", fx.out);
	if (e == 0 && !realpath(".", fx.checkout))
		e = -errno;
	if (e == 0)
		e = plan_load("bench/plans", "test", &fx.plan, &err);
	start = clock_now_ns();
	if (e == 0)
		e = real_run(args, fx.log, REAL_RUN_MS, &fx.run_status, &err);
	(void)printf("figure: plan test, waiting for other runs included: %.0f s\n",
		     clock_seconds(clock_now_ns() - start));
	start = clock_now_ns();
	if (e == 0)
		e = real_run(report, report_log, REAL_RUN_MS, &fx.report_status, &err);
	if (e == 0)
		(void)printf("figure: report of %zu cells in %.2f s\n", fx.plan.cells.count,
			     clock_seconds(clock_now_ns() - start));
	if (e == 0)
		e = json_load_path(run_json, &fx.run, &err);
	if (e < 0)
		(void)fprintf(stderr, "%s\n", err.text);
	return e < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	json_decref(fx.run);
	plan_free(&fx.plan);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plan_is_complete),
		cmocka_unit_test(test_plan_uses_every_row),
		cmocka_unit_test(test_exit_status),
		cmocka_unit_test(test_estimate_is_honest),
		cmocka_unit_test(test_every_cell_has_its_status),
		cmocka_unit_test(test_na_has_reason_and_evidence),
		cmocka_unit_test(test_metrics_are_what_the_raw_files_hold),
		cmocka_unit_test(test_states_were_reached),
		cmocka_unit_test(test_cache_modes_differ_in_the_guest),
		cmocka_unit_test(test_daemons_were_told_their_mode),
		cmocka_unit_test(test_guests_were_reused),
		cmocka_unit_test(test_report_is_written),
		cmocka_unit_test(test_nothing_of_this_machine_is_published),
		cmocka_unit_test(test_repro_is_a_shell_script),
		cmocka_unit_test(test_results_match_their_schemas),
	};

	/* Where that is allowed the machine gets a name that would be noticed in a report. */
	if (unshare(CLONE_NEWUTS) == 0)
		(void)!sethostname(HOST_NAME, strlen(HOST_NAME));
	return cmocka_run_group_tests_name("real_run", tests, setup, teardown) ? 1 : 0;
}
