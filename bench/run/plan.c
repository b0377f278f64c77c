// SPDX-License-Identifier: Apache-2.0
#include "run/plan.h"

#include "base/conf.h"
#include "base/fs.h"
#include "base/rng.h"
#include "run/checks.h"
#include "run/suites.h"
#include "stack/vmm_failure.h"

#include <confuse.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

/* Bounds of a plan: beyond them it is a mistake, not a plan. */
#define ROUNDS_MAX  1000
#define TIME_MS_MAX 3600000
#define CELLS_MAX   20000
/* The smallest ext4 with room for a workload's file; as large as a small disk allows. */
#define SHARE_MIB_MIN 8
#define SHARE_MIB_MAX 1048576

/* libconfuse wants writable defaults. */
static char off_default[] = "{off}";
static char none_default[] = "{none}";
static char default_default[] = "{default}";
static char window_default[] = "{64m}";
static char suites_default[] = "{bench}";

/* A guest's kernel maps pieces of 2 MiB; no number beyond the largest is a size. */
#define WINDOW_MIB_MIN	2
#define WINDOW_MIB_READ (1UL << 20)

static cfg_opt_t cells_opts[] = {
	CFG_STR_LIST("stacks", NULL, CFGF_NONE),
	CFG_STR_LIST("variants", default_default, CFGF_NONE),
	CFG_STR_LIST("vmms", NULL, CFGF_NONE),
	CFG_STR_LIST("kernels", NULL, CFGF_NONE),
	CFG_STR_LIST("caches", NULL, CFGF_NONE),
	CFG_STR_LIST("writeback", off_default, CFGF_NONE),
	CFG_STR_LIST("dax", none_default, CFGF_NONE),
	CFG_STR_LIST("windows", window_default, CFGF_NONE),
	CFG_STR_LIST("workloads", NULL, CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t plan_opts[] = {
	CFG_STR("title", "", CFGF_NONE),
	CFG_INT("rounds", 1, CFGF_NONE),
	CFG_INT("observed", 1, CFGF_NONE),
	CFG_INT("time_ms", 700, CFGF_NONE),
	CFG_INT("grace_ms", 60000, CFGF_NONE),
	CFG_INT("boot_ms", 60000, CFGF_NONE),
	CFG_INT("step_ms", 10000, CFGF_NONE),
	CFG_INT("share_mib", 2048, CFGF_NONE),
	CFG_INT("seed", 1, CFGF_NONE),
	CFG_STR_LIST("suites", suites_default, CFGF_NONE),
	CFG_SEC("cells", cells_opts, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	CFG_END(),
};

/* libconfuse reports through a callback without a user pointer; one plan is read at a time. */
static struct err *parse_err;
static const char *parse_file;

static void PRINTF_LIKE(2, 0) on_parse_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	char text[512];

	if (parse_err && parse_err->text[0])
		return; /* the first one is the cause */
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	(void)err_set(parse_err, 0, "%s:%d: %s", parse_file, cfg ? cfg->line : 0, text);
}

static void cfg_freep(cfg_t **cfg)
{
	if (*cfg)
		(void)cfg_free(*cfg);
	*cfg = NULL;
}

/* One dimension of a section, read word by word. */
struct section {
	cfg_t *cfg;
	const struct conf *conf;
	struct err *reterr;
	unsigned suites; /* of the plan */
};

static unsigned line_of(const struct section *s, const char *key, size_t index)
{
	return conf_line(s->conf, conf_section(s->conf, "cells", cfg_title(s->cfg)), key, index);
}

static int bad_word(const struct section *s, const char *key, unsigned index, const char *hint)
{
	return err_set(s->reterr, -EINVAL,
		       "%s:%u: cells \"%s\": '%s' is no known word of '%s' (%s)", s->conf->file,
		       line_of(s, key, index), cfg_title(s->cfg), cfg_getnstr(s->cfg, key, index),
		       key, hint);
}

static int parse_switch(const char *word, bool *ret)
{
	if (strcmp(word, "on") != 0 && strcmp(word, "off") != 0)
		return -EINVAL;
	*ret = strcmp(word, "on") == 0;
	return 0;
}

/* "64m"; the same form stands in the ids of cells. @ret: 0 for what is no size at all. */
static int parse_window(const char *word, uint64_t *ret)
{
	char *end;
	unsigned long mib = strtoul(word, &end, 10);

	*ret = 0;
	if (*word < '1' || *word > '9' || strcmp(end, "m") != 0 || mib > WINDOW_MIB_READ)
		return -EINVAL;
	*ret = mib * MIB;
	return mib < WINDOW_MIB_MIN || vmm_window_failure(*ret) ? -EINVAL : 0;
}

static int check_footprint(const struct section *s, const struct cell *c, unsigned index)
{
	const struct workload *w = c->workload;

	if (!c->vmm)
		return err_set(
			s->reterr, -EINVAL,
			"%s:%u: cells \"%s\": workload %s counts the memory of guests, and stack %s "
			"has none: name it in another section",
			s->conf->file, line_of(s, "workloads", index), cfg_title(s->cfg), w->id,
			c->stack->id);
	if (c->stack->kind == STACK_BLK && w->guests > 1 && !w->private_trees)
		return err_set(
			s->reterr, -EINVAL,
			"%s:%u: cells \"%s\": workload %s gives one tree to %u guests, which would "
			"all write to one file system of stack %s: take %s-private",
			s->conf->file, line_of(s, "workloads", index), cfg_title(s->cfg), w->id,
			w->guests, c->stack->id, w->id);
	return 0;
}

static int add_workloads(const struct section *s, struct cell c, struct cell_list *l)
{
	unsigned n = cfg_size(s->cfg, "workloads");

	/* The guest suite has modes, and nothing that runs in them. */
	if (n == 0 && s->suites & PLAN_GUEST) {
		c.workload = &checks_workload;
		cell_name(&c);
		return cells_add(l, &c);
	}
	if (n == 0)
		return err_set(s->reterr, -EINVAL, "%s:%u: cells \"%s\" names no 'workloads'",
			       s->conf->file, line_of(s, NULL, 0), cfg_title(s->cfg));
	for (unsigned i = 0; i < n; i++) {
		const char *word = cfg_getnstr(s->cfg, "workloads", i);

		c.workload = workload_find(word);
		if (!c.workload)
			return bad_word(s, "workloads", i, "see: virtiofs-qual list");
		if (c.workload->tool == TOOL_FOOTPRINT && check_footprint(s, &c, i) < 0)
			return -EINVAL;
		cell_name(&c);
		if (l->count >= CELLS_MAX || cells_add(l, &c) < 0)
			return err_set(s->reterr, -ENOMEM, "%s: more than %d cells", s->conf->file,
				       CELLS_MAX);
	}
	return 0;
}

/* Whoever has no writeback and no DAX may stand in a list with those who have. */
static int check_modeless(const struct section *s, const struct cell *c)
{
	static const struct {
		const char *key;
		const char *plain;
	} keys[] = { { "writeback", "off" }, { "dax", "none" } };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		bool plain = false;

		for (unsigned j = 0; j < cfg_size(s->cfg, keys[i].key); j++)
			plain |= strcmp(cfg_getnstr(s->cfg, keys[i].key, j), keys[i].plain) == 0;
		if (!plain)
			return err_set(
				s->reterr, -EINVAL,
				"%s:%u: cells \"%s\": stack %s knows no '%s'; leave it out or "
				"add \"%s\"",
				s->conf->file, line_of(s, keys[i].key, 0), cfg_title(s->cfg),
				c->stack->id, keys[i].key, keys[i].plain);
	}
	return 0;
}

/* A size that is a number is refused for what the VMM would do with it. */
static int bad_window(const struct section *s, unsigned index, uint64_t bytes)
{
	const struct vmm_failure *why = bytes ? vmm_window_failure(bytes) : NULL;
	char hint[320];

	(void)snprintf(hint, sizeof(hint), "%s%s%s%s%s",
		       "a power of two in MiB from 2m to 256m, as 64m", why ? "; " : "",
		       why ? why->id : "", why ? ": QEMU " : "", why ? why->title : "");
	return bad_word(s, "windows", index, hint);
}

/* Only a device that can have a window is crossed with sizes; others say themselves that they have none. */
static int add_windows(const struct section *s, struct cell c, struct cell_list *l)
{
	bool window = c.dax != DAX_NONE && stack_has_window(c.stack, c.options) && c.vmm &&
		      c.vmm->generic_device;
	int e = 0;

	c.window_bytes = 0;
	if (!window)
		return add_workloads(s, c, l);
	for (unsigned i = 0; e == 0 && i < cfg_size(s->cfg, "windows"); i++) {
		if (parse_window(cfg_getnstr(s->cfg, "windows", i), &c.window_bytes) < 0)
			return bad_window(s, i, c.window_bytes);
		e = add_workloads(s, c, l);
	}
	return e;
}

static int add_modes(const struct section *s, struct cell c, struct cell_list *l)
{
	int e = 0;

	/* An empty list would drop the section without a word. */
	if (cfg_size(s->cfg, "writeback") == 0 || cfg_size(s->cfg, "dax") == 0 ||
	    cfg_size(s->cfg, "windows") == 0)
		return err_set(
			s->reterr, -EINVAL,
			"%s:%u: cells \"%s\": 'writeback', 'dax' and 'windows' cannot be empty",
			s->conf->file, line_of(s, NULL, 0), cfg_title(s->cfg));
	for (unsigned i = 0; e == 0 && i < cfg_size(s->cfg, "writeback"); i++) {
		const char *word = cfg_getnstr(s->cfg, "writeback", i);

		if (parse_switch(word, &c.writeback) < 0)
			return bad_word(s, "writeback", i, "on or off");
		for (unsigned j = 0; e == 0 && j < cfg_size(s->cfg, "dax"); j++) {
			word = cfg_getnstr(s->cfg, "dax", j);
			if (dax_parse(word, &c.dax) < 0)
				return bad_word(s, "dax", j, "none, never, inode or always");
			e = add_windows(s, c, l);
		}
	}
	return e;
}

static int add_caches(const struct section *s, struct cell c, struct cell_list *l)
{
	unsigned n = cfg_size(s->cfg, "caches");
	bool modes = stack_is_virtiofs(c.stack);
	int e = modes ? 0 : check_modeless(s, &c);

	if (e == 0 && !stack_has_cache(c.stack))
		return add_workloads(s, c, l);
	if (e == 0 && n == 0)
		return err_set(s->reterr, -EINVAL, "%s:%u: cells \"%s\": stack %s needs 'caches'",
			       s->conf->file, line_of(s, NULL, 0), cfg_title(s->cfg), c.stack->id);
	for (unsigned i = 0; e == 0 && i < n; i++) {
		const char *word = cfg_getnstr(s->cfg, "caches", i);

		if (cache_parse(word, &c.cache) < 0)
			return bad_word(
				s, "caches", i,
				"none, never, metadata, auto, always; 9p: none, mmap, loose");
		e = modes ? add_modes(s, c, l) : add_workloads(s, c, l);
	}
	return e;
}

static int add_guests(const struct section *s, struct cell c, struct cell_list *l)
{
	unsigned vmms = cfg_size(s->cfg, "vmms");
	unsigned kernels = cfg_size(s->cfg, "kernels");
	int e = 0;

	if (vmms == 0 || kernels == 0)
		return err_set(s->reterr, -EINVAL,
			       "%s:%u: cells \"%s\": stack %s needs 'vmms' and 'kernels'",
			       s->conf->file, line_of(s, NULL, 0), cfg_title(s->cfg), c.stack->id);
	for (unsigned i = 0; e == 0 && i < vmms; i++) {
		c.vmm = vmm_find(cfg_getnstr(s->cfg, "vmms", i));
		if (!c.vmm)
			return bad_word(s, "vmms", i, "see: virtiofs-qual list");
		e = vmm_serves(c.vmm, c.stack, c.options, s->reterr);
		if (e < 0)
			return err_prefix(s->reterr, e, "%s:%u: cells \"%s\"", s->conf->file,
					  line_of(s, "vmms", i), cfg_title(s->cfg));
		for (unsigned j = 0; e == 0 && j < kernels; j++) {
			c.kernel = kernel_find(cfg_getnstr(s->cfg, "kernels", j));
			if (!c.kernel)
				return bad_word(s, "kernels", j, "see: virtiofs-qual list");
			e = add_caches(s, c, l);
		}
	}
	return e;
}

static int add_variants(const struct section *s, struct cell c, struct cell_list *l)
{
	unsigned n = cfg_size(s->cfg, "variants");
	int e = 0;

	if (n == 0)
		return err_set(s->reterr, -EINVAL,
			       "%s:%u: cells \"%s\": 'variants' cannot be empty", s->conf->file,
			       line_of(s, "variants", 0), cfg_title(s->cfg));
	for (unsigned i = 0; e == 0 && i < n; i++) {
		e = stack_variant_parse(c.stack, cfg_getnstr(s->cfg, "variants", i), &c.options,
					s->reterr);
		if (e < 0)
			return err_prefix(s->reterr, e, "%s:%u: cells \"%s\"", s->conf->file,
					  line_of(s, "variants", i), cfg_title(s->cfg));
		e = stack_is_guest(c.stack) ? add_guests(s, c, l) : add_workloads(s, c, l);
	}
	return e;
}

static int add_section(const struct section *s, struct cell_list *l)
{
	unsigned n = cfg_size(s->cfg, "stacks");
	int e = 0;

	if (n == 0)
		return err_set(s->reterr, -EINVAL, "%s:%u: cells \"%s\" names no 'stacks'",
			       s->conf->file, line_of(s, NULL, 0), cfg_title(s->cfg));
	for (unsigned i = 0; e == 0 && i < n; i++) {
		struct cell c = { .stack = stack_find(cfg_getnstr(s->cfg, "stacks", i)) };

		if (!c.stack || c.stack->kind == STACK_ATTACHED)
			return bad_word(s, "stacks", i, "see: virtiofs-qual list");
		e = add_variants(s, c, l);
	}
	return e;
}

static int get_bounded(cfg_t *cfg, const struct conf *conf, const char *key, long min, long max,
		       long *ret, struct err *reterr)
{
	long v = cfg_getint(cfg, key);

	if (v < min || v > max)
		return err_set(reterr, -EINVAL, "%s:%u: %s = %ld is not from %ld to %ld",
			       conf->file, conf_line(conf, 0, key, 0), key, v, min, max);
	*ret = v;
	return 0;
}

/* Numbers of a plan with their bounds. */
static const struct {
	const char *key;
	long min, max;
	size_t offset; /* of an unsigned in struct plan */
} numbers[] = {
	{ "rounds", 1, ROUNDS_MAX, offsetof(struct plan, rounds) },
	{ "observed", 0, ROUNDS_MAX, offsetof(struct plan, observed) },
	{ "time_ms", 10, TIME_MS_MAX, offsetof(struct plan, time_ms) },
	{ "grace_ms", 1000, TIME_MS_MAX, offsetof(struct plan, grace_ms) },
	{ "boot_ms", 1000, TIME_MS_MAX, offsetof(struct plan, boot_ms) },
	{ "step_ms", 1000, TIME_MS_MAX, offsetof(struct plan, step_ms) },
	{ "share_mib", SHARE_MIB_MIN, SHARE_MIB_MAX, offsetof(struct plan, share_mib) },
};

static int fill_suites(cfg_t *cfg, const struct conf *conf, struct plan *p, struct err *reterr)
{
	unsigned n = cfg_size(cfg, "suites");

	if (n == 0)
		return err_set(reterr, -EINVAL, "%s:%u: 'suites' cannot be empty", conf->file,
			       conf_line(conf, 0, "suites", 0));
	for (unsigned i = 0; i < n; i++) {
		unsigned one = suites_parse(cfg_getnstr(cfg, "suites", i));

		if (!one)
			return err_set(reterr, -EINVAL,
				       "%s:%u: there is no suite '%s' (bench, device, guest)",
				       conf->file, conf_line(conf, 0, "suites", i),
				       cfg_getnstr(cfg, "suites", i));
		p->suites |= one;
	}
	return 0;
}

static int fill_plan(cfg_t *cfg, const struct conf *conf, struct plan *p, struct err *reterr)
{
	long seed = 0;
	int e = fill_suites(cfg, conf, p, reterr);

	if (e == 0)
		e = get_bounded(cfg, conf, "seed", 0, INT32_MAX, &seed, reterr);

	for (size_t i = 0; e == 0 && i < ARRAY_SIZE(numbers); i++) {
		long v = 0;

		e = get_bounded(cfg, conf, numbers[i].key, numbers[i].min, numbers[i].max, &v,
				reterr);
		*(unsigned *)(void *)((char *)p + numbers[i].offset) = (unsigned)v;
	}
	if (e < 0)
		return e;
	p->seed = (uint64_t)seed;
	p->title = strdup(cfg_getstr(cfg, "title"));
	if (!p->title)
		return err_set(reterr, -ENOMEM, "out of memory reading %s", conf->file);
	for (unsigned i = 0; e == 0 && i < cfg_size(cfg, "cells"); i++) {
		struct section s = { cfg_getnsec(cfg, "cells", i), conf, reterr, p->suites };

		e = add_section(&s, &p->cells);
	}
	if (e == 0 && p->cells.count == 0 && p->suites & PLAN_BENCH)
		e = err_set(reterr, -EINVAL, "%s has no cells", conf->file);
	return e;
}

static char *plan_file(const char *plan_dir, const char *name)
{
	size_t n = strlen(name);

	if (strchr(name, '/') || (n > 5 && strcmp(name + n - 5, ".conf") == 0))
		return strdup(name);
	return fs_path("%s/%s.conf", plan_dir, name);
}

static char *plan_name(const char *file)
{
	const char *base = strrchr(file, '/');
	size_t n;

	base = base ? base + 1 : file;
	n = strlen(base);
	return strndup(base, n > 5 && strcmp(base + n - 5, ".conf") == 0 ? n - 5 : n);
}

void plan_free(struct plan *p)
{
	free(p->name);
	free(p->title);
	free(p->text);
	cells_free(&p->cells);
	cells_free(&p->checks);
	free(p->daemon);
	*p = (struct plan){ 0 };
}

static int parse(cfg_t *cfg, const struct conf *conf, struct err *reterr)
{
	int e;

	if (reterr)
		reterr->text[0] = '\0';
	parse_err = reterr;
	parse_file = conf->file;
	(void)cfg_set_error_function(cfg, on_parse_error);
	e = cfg_parse_buf(cfg, conf->text);
	parse_err = NULL;
	parse_file = NULL;
	if (e == CFG_SUCCESS)
		return 0;
	if (reterr && !reterr->text[0])
		(void)err_set(reterr, 0, "cannot read plan %s", conf->file);
	return -EINVAL;
}

int plan_load(const char *plan_dir, const char *name, struct plan *ret, struct err *reterr)
{
	CLEANUP(freep) char *file = plan_file(plan_dir, name);
	CLEANUP(cfg_freep) cfg_t *cfg = cfg_init(plan_opts, CFGF_NONE);
	CLEANUP(plan_free) struct plan p = { 0 };
	CLEANUP(conf_free) struct conf conf = { 0 };
	int e;

	if (!file || !cfg || !(p.name = plan_name(file)))
		return err_set(reterr, -ENOMEM, "out of memory reading plan %s", name);
	e = conf_read(file, &conf, reterr);
	if (e == -ENOENT)
		return err_prefix(reterr, e, "no plan '%s'", name);
	if (e == 0)
		e = parse(cfg, &conf, reterr);
	if (e == 0)
		e = fill_plan(cfg, &conf, &p, reterr);
	if (e < 0)
		return e;
	p.text = TAKE_PTR(conf.text);
	*ret = p;
	p = (struct plan){ 0 };
	return 0;
}

static bool keeps(const char *glob, const char *text)
{
	return !glob || fnmatch(glob, text, 0) == 0;
}

static int select_daemons(struct plan *p, const struct plan_filter *f)
{
	if (f->suites)
		p->suites = f->suites;
	else if (f->workload_glob || f->cell_glob)
		p->suites &= ~(unsigned)(PLAN_DEVICE | PLAN_GUEST);
	free(p->daemon);
	p->daemon = NULL;
	p->daemon_count = 0;
	return p->suites & PLAN_DEVICE
		       ? suites_daemons(p, f->stack_glob, &p->daemon, &p->daemon_count)
		       : 0;
}

/* One cell of the plan for each suite that wants it. */
static int select_cell(struct plan *p, const struct plan_filter *f, struct cell c,
		       struct cell_list *kept, struct cell_list *checks)
{
	bool only_checks = c.workload == &checks_workload;
	int e = 0;

	if (f->kernel && c.kernel) {
		c.kernel = kernel_find(f->kernel);
		cell_name(&c);
	}
	if (!keeps(f->stack_glob, c.stack->id))
		return 0;
	if (p->suites & PLAN_BENCH && !only_checks && keeps(f->workload_glob, c.workload->id) &&
	    keeps(f->cell_glob, c.id))
		e = cells_add(kept, &c);
	if (e < 0 || !(p->suites & PLAN_GUEST) || !checks_fit(c.stack))
		return e;
	c.workload = &checks_workload;
	cell_name(&c);
	return keeps(f->cell_glob, c.id) ? cells_add(checks, &c) : 0;
}

int plan_select(struct plan *p, const struct plan_filter *f, struct err *reterr)
{
	struct cell_list kept = { 0 };
	struct cell_list checks = { 0 };
	int e = select_daemons(p, f);

	for (size_t i = 0; e == 0 && i < p->cells.count; i++)
		e = select_cell(p, f, p->cells.item[i], &kept, &checks);
	if (e == 0 && kept.count == 0 && checks.count == 0 && p->daemon_count == 0)
		e = err_set(reterr, -ENOENT, "nothing selected: no %s of plan %s matches",
			    p->suites & (PLAN_BENCH | PLAN_GUEST) ? "cell" : "virtio-fs daemon",
			    p->name);
	if (e < 0) {
		cells_free(&kept);
		cells_free(&checks);
		return e;
	}
	cells_free(&p->cells);
	cells_free(&p->checks);
	p->cells = kept;
	p->checks = checks;
	return 0;
}

const struct cell *plan_at(const struct plan *p, size_t index)
{
	if (index < p->cells.count)
		return &p->cells.item[index];
	index -= p->cells.count;
	return index < p->checks.count ? &p->checks.item[index] : NULL;
}

unsigned plan_observed(const struct plan *p, const struct cell *c)
{
	return c->workload->tool == TOOL_FOOTPRINT && p->observed > 1 ? 1 : p->observed;
}

size_t *plan_order(const struct plan *p, unsigned round)
{
	size_t *index = calloc(p->cells.count, sizeof(*index));
	struct rng rng = { p->seed * UINT64_C(1000003) + round };

	for (size_t i = 0; index && i < p->cells.count; i++)
		index[i] = i;
	if (index)
		rng_shuffle(&rng, index, p->cells.count);
	return index;
}
