// SPDX-License-Identifier: Apache-2.0
#include "run/store.h"

#include "run/store_int.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "stats/stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define SCHEMA 1
/* Raw output and logs of a pass are bounded; most need a tenth of this. */
#define PASS_ROOM (8 * MIB)

static const char *const kind_name[] = { [PASS_TIMED] = "timed", [PASS_OBSERVED] = "observed" };

/* Folder of a pass inside its cell's. */
static const char turn_letter[] = { [PASS_TIMED] = 'r', [PASS_OBSERVED] = 'o' };

char store_letter(enum pass_kind kind)
{
	return turn_letter[kind];
}

static const char *const status_name[] = {
	[PASS_OK] = "ok", [PASS_NA] = "n/a", [PASS_FAILED] = "failed"
};

void pass_result_free(struct pass_result *r)
{
	json_decref(r->evidence);
	json_decref(r->states);
	json_decref(r->commands);
	json_decref(r->negotiated);
	free(r->metric);
	*r = (struct pass_result){ 0 };
}

void pass_fail(struct pass_result *r, const char *fmt, ...)
{
	va_list ap;

	if (r->status == PASS_FAILED)
		return;
	r->status = PASS_FAILED;
	va_start(ap, fmt);
	(void)vsnprintf(r->reason, sizeof(r->reason), fmt, ap);
	va_end(ap);
}

int pass_add_metric(struct pass_result *r, const char *phase, const struct metric_def *def,
		    double value, const char *file, const char *field)
{
	struct pass_metric *p;

	if (!isfinite(value))
		return -EINVAL;
	p = reallocarray(r->metric, r->metric_count + 1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	r->metric = p;
	p += r->metric_count++;
	(void)snprintf(p->name, sizeof(p->name), "%s.%s", phase, def->name);
	p->def = def;
	p->value = value;
	(void)snprintf(p->source, sizeof(p->source), "%s#%s", file, field);
	return 0;
}

/* Text of guests and daemons may be no UTF-8; jansson would refuse all of it. */
static json_t *any_text(const char *text)
{
	json_t *v = json_string(text);
	CLEANUP(freep) char *copy = NULL;

	if (v)
		return v;
	copy = strdup(text);
	for (char *p = copy; p && *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	return copy ? json_string(copy) : NULL;
}

void pass_add_evidence(struct pass_result *r, const char *what, const char *seen, const char *file)
{
	json_t *item = json_object();

	if (!r->evidence)
		r->evidence = json_array();
	(void)json_object_set_new(item, "what", any_text(what));
	(void)json_object_set_new(item, "seen", any_text(seen));
	(void)json_object_set_new(item, "file", file ? json_string(file) : json_null());
	(void)json_array_append_new(r->evidence, item);
}

static int link_latest(const char *base, const char *name, struct err *reterr)
{
	CLEANUP(freep) char *link_path = fs_path("%s/../latest", base);
	CLEANUP(freep) char *part = fs_path("%s/../latest.part", base);
	CLEANUP(freep) char *target = fs_path("runs/%s", name);

	if (!link_path || !part || !target)
		return err_set(reterr, -ENOMEM, "out of memory making results folder");
	(void)unlink(part);
	if (symlink(target, part) < 0 || rename(part, link_path) < 0)
		return err_errno(reterr, -errno, "cannot make %s", link_path);
	return 0;
}

/* Two runs may start within one second: the later one gets a number. */
static int make_run_dir(const char *base, const char *plan, char **ret_dir, struct err *reterr)
{
	char stamp[32];

	clock_utc_stamp(stamp, sizeof(stamp));
	for (unsigned n = 1; n < 100; n++) {
		CLEANUP(freep)
		char *dir = n == 1 ? fs_path("%s/%s-%s", base, stamp, plan)
				   : fs_path("%s/%s-%s.%u", base, stamp, plan, n);

		if (!dir)
			return err_set(reterr, -ENOMEM, "out of memory making results folder");
		if (mkdir(dir, 0755) == 0) {
			*ret_dir = TAKE_PTR(dir);
			return link_latest(base, strrchr(*ret_dir, '/') + 1, reterr);
		}
		if (errno != EEXIST)
			return err_errno(reterr, -errno, "cannot make %s", dir);
	}
	return err_set(reterr, -EEXIST, "too many runs in one second in %s", base);
}

int store_create(const char *base, bool exact, const char *plan, struct store *ret,
		 struct err *reterr)
{
	struct store s = { .run = json_object(), .cells = json_object() };
	CLEANUP(freep) char *run_json = fs_path("%s/run.json", base);
	int e = s.run && s.cells && run_json ? 0 : err_set(reterr, -ENOMEM, "out of memory");

	if (e == 0)
		e = fs_mkdirs(base, 0755, reterr);
	if (e == 0 && exact && fs_exists(run_json))
		e = err_set(reterr, -EEXIST,
			    "%s already holds a run; give another folder with --out", base);
	else if (e == 0 && exact)
		e = (s.dir = strdup(base)) ? 0 : err_set(reterr, -ENOMEM, "out of memory");
	else if (e == 0)
		e = make_run_dir(base, plan, &s.dir, reterr);
	if (e < 0) {
		store_free(&s);
		return e;
	}
	*ret = s;
	return 0;
}

void store_free(struct store *s)
{
	free(s->dir);
	json_decref(s->run);
	json_decref(s->cells);
	*s = (struct store){ 0 };
}

static json_t *str_or_null(const char *s)
{
	return s ? json_string(s) : json_null();
}

static json_t *new_cell(const struct cell *c, const char *accelerator)
{
	char variant[64];
	json_t *j = json_pack("{s:i,s:s,s:s,s:s,s:s}", "schema", SCHEMA, "id", c->id, "stack",
			      c->stack->id, "workload", c->workload->id, "accelerator",
			      c->vmm ? accelerator : "none");

	if (!j)
		return NULL;
	(void)json_object_set_new(j, "vmm", str_or_null(c->vmm ? c->vmm->id : NULL));
	(void)json_object_set_new(j, "kernel", str_or_null(c->kernel ? c->kernel->id : NULL));
	stack_variant(c->stack, c->options, variant, sizeof(variant));
	(void)json_object_set_new(j, "variant", str_or_null(variant[0] ? variant : NULL));
	(void)json_object_set_new(j, "cache", str_or_null(cache_name(c->cache)));
	(void)json_object_set_new(j, "dax", str_or_null(dax_name(c->dax)));
	(void)json_object_set_new(j, "writeback",
				  stack_is_virtiofs(c->stack) ? json_boolean(c->writeback)
							      : json_null());
	(void)json_object_set_new(j, "window_bytes",
				  c->window_bytes ? json_integer((json_int_t)c->window_bytes)
						  : json_null());
	(void)json_object_set_new(j, "dax_tail", json_null());
	(void)json_object_set_new(j, "status", json_string("pending"));
	(void)json_object_set_new(j, "reason", json_null());
	(void)json_object_set_new(j, "overhead_s", json_null());
	(void)json_object_set_new(j, "versions", json_object());
	(void)json_object_set_new(j, "machine", json_object());
	(void)json_object_set_new(j, "negotiated", json_null());
	(void)json_object_set_new(j, "evidence", json_array());
	(void)json_object_set_new(j, "rounds", json_array());
	(void)json_object_set_new(j, "states", json_array());
	(void)json_object_set_new(j, "metrics", json_array());
	(void)json_object_set_new(j, "commands", json_array());
	return j;
}

int store_save_cell(struct store *s, const char *id, struct err *reterr)
{
	CLEANUP(freep) char *path = fs_path("%s/cells/%s/cell.json", s->dir, id);

	if (!path)
		return err_set(reterr, -ENOMEM, "out of memory saving cell %s", id);
	return json_save_atomic(path, json_object_get(s->cells, id), reterr);
}

static void set_versions(struct store *s, json_t *cell, const struct cell *c)
{
	json_t *all = json_object_get(s->run, "versions");
	json_t *v = json_object_get(cell, "versions");
	char kernel[64];

	if (!c->vmm)
		return;
	(void)snprintf(kernel, sizeof(kernel), "kernel %s", c->kernel->id);
	(void)json_object_set(v, "vmm", json_object_get(all, c->vmm->id));
	if (c->stack->kind == STACK_VIRTIOFS)
		(void)json_object_set(v, "daemon", json_object_get(all, c->stack->id));
	(void)json_object_set(v, "kernel", json_object_get(all, kernel));
}

int store_add_cells(struct store *s, const struct cell_list *l, const char *accelerator,
		    struct err *reterr)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < l->count; i++) {
		const struct cell *c = &l->item[i];
		CLEANUP(freep) char *dir = fs_path("%s/cells/%s", s->dir, c->id);
		json_t *j;

		if (json_object_get(s->cells, c->id))
			continue; /* of a run that goes on */
		j = new_cell(c, accelerator);
		if (!dir || !j || json_object_set_new(s->cells, c->id, j) < 0)
			return err_set(reterr, -ENOMEM, "out of memory for cell %s", c->id);
		set_versions(s, j, c);
		e = fs_mkdirs(dir, 0755, reterr);
		if (e == 0)
			e = store_save_cell(s, c->id, reterr);
	}
	return e;
}

int store_save_run(struct store *s, struct err *reterr)
{
	CLEANUP(freep) char *path = fs_path("%s/run.json", s->dir);

	if (!path)
		return err_set(reterr, -ENOMEM, "out of memory saving run.json");
	return json_save_atomic(path, s->run, reterr);
}

int store_check_room(const struct store *s, struct err *reterr)
{
	struct statvfs v;
	uint64_t room;

	if (statvfs(s->dir, &v) < 0)
		return err_errno(reterr, -errno, "cannot look at %s", s->dir);
	room = (uint64_t)v.f_bavail * v.f_frsize;
	if (room >= PASS_ROOM)
		return 0;
	return err_set(reterr, -ENOSPC,
		       "the disk of the results is full: %llu KiB are left, a pass "
		       "needs up to %llu; make room",
		       (unsigned long long)(room / KIB), (unsigned long long)(PASS_ROOM / KIB));
}

int store_pass_begin(struct store *s, const struct cell *c, struct turn turn, char **ret_dir,
		     struct err *reterr)
{
	CLEANUP(freep)
	char *dir = fs_path("%s/cells/%s/%c%u.part", s->dir, c->id, turn_letter[turn.kind],
			    turn.number);
	int e;

	if (!dir)
		return err_set(reterr, -ENOMEM, "out of memory for a pass of %s", c->id);
	e = fs_remove_tree(dir, reterr);
	if (e == 0)
		e = fs_mkdirs(dir, 0755, reterr);
	if (e == 0)
		*ret_dir = TAKE_PTR(dir);
	return e;
}

/* Move evidence to the cell; its files become relative to the run folder. */
void store_add_evidence(json_t *cell, json_t *evidence, const char *dir)
{
	size_t i;
	json_t *item;

	json_array_foreach(evidence, i, item) {
		const char *file = json_str_at(item, "file", NULL);
		json_t *copy = json_copy(item);

		if (file)
			(void)json_object_set_new(copy, "file", json_sprintf("%s/%s", dir, file));
		(void)json_array_append_new(json_object_get(cell, "evidence"), copy);
	}
}

static void add_states(json_t *cell, json_t *states, struct turn turn)
{
	size_t i;
	json_t *item;

	json_array_foreach(states, i, item) {
		json_t *copy = json_pack("{s:i,s:s}", "round", (int)turn.number, "kind",
					 kind_name[turn.kind]);

		(void)json_object_update(copy, item);
		(void)json_array_append_new(json_object_get(cell, "states"), copy);
	}
}

static json_t *find_metric(json_t *metrics, const char *name)
{
	size_t i;
	json_t *m;

	json_array_foreach(metrics, i, m)
		if (strcmp(json_str_at(m, "name", ""), name) == 0)
			return m;
	return NULL;
}

void store_set_median(json_t *owner, const char *key, json_t *samples)
{
	size_t n = json_array_size(samples);
	CLEANUP(freep) double *v = calloc(n ? n : 1, sizeof(*v));
	double median;

	for (size_t i = 0; v && i < n; i++)
		v[i] = json_number_value(json_array_get(samples, i));
	if (v && n && stats_median(v, n, &median) == 0)
		(void)json_object_set_new(owner, key, json_num(median));
}

static void add_metric(json_t *cell, const struct pass_metric *m, const char *dir)
{
	json_t *metrics = json_object_get(cell, "metrics");
	json_t *j = find_metric(metrics, m->name);

	if (!j) {
		j = json_pack("{s:s,s:s,s:s,s:s,s:[],s:n,s:[]}", "name", m->name, "unit",
			      m->def->unit, "better", metric_better_name(m->def->better), "kind",
			      metric_kind_name(m->def->kind), "samples", "median", "sources");
		(void)json_array_append_new(metrics, j);
	}
	(void)json_array_append_new(json_object_get(j, "samples"), json_num(m->value));
	(void)json_array_append_new(json_object_get(j, "sources"),
				    json_sprintf("%s/%s", dir, m->source));
	store_set_median(j, "median", json_object_get(j, "samples"));
}

/* A cell failed if a pass did; it is n/a if a pass said so; it is ok once all its passes are. */
void store_set_status(json_t *cell, unsigned passes)
{
	json_t *list = json_object_get(cell, "rounds");
	const char *status = json_array_size(list) >= passes ? "ok" : "pending";
	json_t *reason = NULL;
	size_t i;
	json_t *r;

	json_array_foreach(list, i, r) {
		const char *s = json_str_at(r, "status", "");

		if (strcmp(s, "ok") == 0 || strcmp(status, "failed") == 0)
			continue;
		status = s;
		reason = json_object_get(r, "reason");
	}
	(void)json_object_set_new(cell, "status", json_string(status));
	if (reason)
		(void)json_object_set(cell, "reason", reason);
	else
		(void)json_object_set_new(cell, "reason", json_null());
}

void store_set_overhead(json_t *cell)
{
	json_auto_t *samples = json_array();
	size_t i;
	json_t *r;

	json_array_foreach(json_object_get(cell, "rounds"), i, r)
		if (strcmp(json_str_at(r, "status", ""), "ok") == 0 &&
		    strcmp(json_str_at(r, "kind", ""), kind_name[PASS_TIMED]) == 0)
			(void)json_array_append(samples, json_object_get(r, "overhead_s"));
	store_set_median(cell, "overhead_s", samples);
}

static json_t *round_entry(const struct pass_result *r, struct turn turn, const char *dir)
{
	double overhead = clock_seconds(r->wall_ns > r->work_ns ? r->wall_ns - r->work_ns : 0);

	return json_pack("{s:i,s:s,s:s,s:o,s:s,s:s,s:o,s:o}", "round", (int)turn.number, "kind",
			 kind_name[turn.kind], "status", status_name[r->status], "reason",
			 r->reason[0] ? any_text(r->reason) : json_null(), "guest",
			 r->guest ? r->guest : "none", "dir", dir, "wall_s",
			 json_num(clock_seconds(r->wall_ns)), "overhead_s", json_num(overhead));
}

/* Logs were written by other processes: a pass is on disk before cell.json names it. */
static int sync_files(const char *dir)
{
	CLEANUP(dir_closep) DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)) != NULL) {
		CLEANUP(fd_closep) int fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC);

		if (fd < 0 || fsync(fd) < 0)
			return -errno;
	}
	return d ? 0 : -errno;
}

static int save_pass(const struct store *s, const char *dir, const struct cell *c, json_t *entry,
		     struct pass_result *r, struct err *reterr)
{
	CLEANUP(freep) char *part = fs_path("%s/%s.part", s->dir, dir);
	CLEANUP(freep) char *final = fs_path("%s/%s", s->dir, dir);
	CLEANUP(freep) char *file = part ? fs_path("%s/pass.json", part) : NULL;
	json_auto_t *j = json_deep_copy(entry);
	json_t *metrics = json_object();
	int e;

	if (!part || !final || !file || !j || !metrics)
		return err_set(reterr, -ENOMEM, "out of memory saving a pass of %s", c->id);
	for (size_t i = 0; i < r->metric_count; i++)
		(void)json_object_set_new(metrics, r->metric[i].name, json_num(r->metric[i].value));
	(void)json_object_set_new(j, "metrics", metrics);
	if (r->states)
		(void)json_object_set(j, "states", r->states);
	if (r->evidence)
		(void)json_object_set(j, "evidence", r->evidence);
	if (r->commands)
		(void)json_object_set(j, "commands", r->commands);
	if (r->negotiated)
		(void)json_object_set(j, "negotiated", r->negotiated);
	e = json_save_atomic(file, j, reterr);
	if (e == 0 && sync_files(part) < 0)
		e = err_errno(reterr, -errno, "cannot write %s back", part);
	if (e == 0 && rename(part, final) < 0)
		e = err_errno(reterr, -errno, "cannot complete %s", final);
	return e;
}

/* A result names files relative to its run folder; where that lies is nobody's business. */
void store_hide_dir(char *text, const char *dir)
{
	size_t n = strlen(dir);

	for (char *at = strstr(text, dir); n && at; at = strstr(at, dir)) {
		char *rest = at + n + (at[n] == '/');

		memmove(at, rest, strlen(rest) + 1);
	}
}

/* Passes that were served in two ways are no samples of one thing. */
static void set_tail(json_t *cell, struct pass_result *r)
{
	const char *before = json_str_at(cell, "dax_tail", NULL);

	if (!r->tail)
		return;
	if (!before)
		(void)json_object_set_new(cell, "dax_tail", json_string(r->tail));
	else if (strcmp(before, r->tail) != 0)
		pass_fail(r,
			  "DAX tails were served by %s, and by %s in earlier passes of this cell",
			  r->tail, before);
}

int store_pass_commit(struct store *s, const struct cell *c, struct turn turn, unsigned passes,
		      struct pass_result *r, struct err *reterr)
{
	json_t *cell = json_object_get(s->cells, c->id);
	CLEANUP(freep)
	char *dir = fs_path("cells/%s/%c%u", c->id, turn_letter[turn.kind], turn.number);
	json_auto_t *entry = NULL;
	int e;

	set_tail(cell, r);
	store_hide_dir(r->reason, s->dir);
	entry = dir ? round_entry(r, turn, dir) : NULL;
	if (!entry)
		return err_set(reterr, -ENOMEM, "out of memory saving a pass of %s", c->id);
	e = save_pass(s, dir, c, entry, r, reterr);
	if (e < 0)
		return e;
	(void)json_array_append(json_object_get(cell, "rounds"), entry);
	store_add_evidence(cell, r->evidence, dir);
	add_states(cell, r->states, turn);
	/* Numbers of a pass that failed are in its pass.json; a result is made of good ones only. */
	for (size_t i = 0; r->status == PASS_OK && i < r->metric_count; i++)
		add_metric(cell, &r->metric[i], dir);
	if (r->interrupts[0])
		(void)json_object_set_new(json_object_get(cell, "machine"), "interrupts",
					  json_string(r->interrupts));
	if (json_array_size(r->commands) && !json_array_size(json_object_get(cell, "commands")))
		(void)json_object_set(cell, "commands", r->commands);
	if (r->negotiated)
		(void)json_object_set(cell, "negotiated", r->negotiated);
	store_set_status(cell, passes);
	store_set_overhead(cell);
	return store_save_cell(s, c->id, reterr);
}

const char *store_cell_status(const struct store *s, const struct cell *c)
{
	return json_str_at(json_object_get(s->cells, c->id), "status", "pending");
}
