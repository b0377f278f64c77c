// SPDX-License-Identifier: Apache-2.0
/* Going on with a run that was begun earlier: what of it is good, and what has to go. */
#include "run/store.h"

#include "run/store_int.h"

#include "base/fs.h"
#include "base/json.h"

#include <dirent.h>
#include <string.h>

int store_open(const char *dir, struct store *ret, struct err *reterr)
{
	struct store s = { .dir = strdup(dir), .cells = json_object() };
	CLEANUP(freep) char *path = fs_path("%s/run.json", dir);
	struct err cause = { 0 };
	int e = s.dir && s.cells && path ? 0 : err_set(reterr, -ENOMEM, "out of memory");

	if (e == 0 && !fs_exists(path))
		e = err_set(reterr, -ENOENT, "%s is not the folder of a run: it has no run.json",
			    dir);
	else if (e == 0 && json_load_path(path, &s.run, &cause) < 0)
		e = err_set(reterr, -EBADMSG, "the run cannot go on, its run.json is damaged: %s",
			    cause.text);
	else if (e == 0 && (!json_is_array(json_object_get(s.run, "cells")) ||
			    !json_is_array(json_object_get(s.run, "order")) ||
			    !json_is_array(json_object_get(s.run, "options"))))
		e = err_set(reterr, -EBADMSG,
			    "the run cannot go on, its run.json lacks cells, order or options: %s",
			    path);
	if (e < 0) {
		store_free(&s);
		return e;
	}
	*ret = s;
	return 0;
}

static bool starts_with(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* Samples are told apart by their source, which begins with the folder of their pass. */
static void forget_samples(json_t *cell, const char *dir)
{
	json_t *metrics = json_object_get(cell, "metrics");
	CLEANUP(freep) char *prefix = fs_path("%s/", dir);

	for (size_t i = json_array_size(metrics); prefix && i-- > 0;) {
		json_t *m = json_array_get(metrics, i);
		json_t *samples = json_object_get(m, "samples");
		json_t *sources = json_object_get(m, "sources");

		for (size_t j = json_array_size(sources); j-- > 0;) {
			const char *source = json_string_value(json_array_get(sources, j));

			if (!source || !starts_with(source, prefix))
				continue;
			(void)json_array_remove(samples, j);
			(void)json_array_remove(sources, j);
		}
		store_set_median(m, "median", samples);
		if (json_array_size(samples) == 0)
			(void)json_array_remove(metrics, i);
	}
}

static void forget_states(json_t *cell, json_t *entry)
{
	json_t *states = json_object_get(cell, "states");

	for (size_t i = json_array_size(states); i-- > 0;) {
		json_t *state = json_array_get(states, i);

		if (json_equal(json_object_get(state, "round"), json_object_get(entry, "round")) &&
		    strcmp(json_str_at(state, "kind", ""), json_str_at(entry, "kind", "")) == 0)
			(void)json_array_remove(states, i);
	}
}

static json_t *load_pass(const struct store *s, const char *dir)
{
	CLEANUP(freep) char *path = fs_path("%s/%s/pass.json", s->dir, dir);
	json_t *pass = NULL;

	return path && json_load_path(path, &pass, NULL) == 0 ? pass : NULL;
}

/* Evidence does not always name a file, so that it cannot be told apart: it is collected again. */
static void collect_evidence(const struct store *s, json_t *cell)
{
	size_t i;
	json_t *entry;

	(void)json_object_set_new(cell, "evidence", json_array());
	json_array_foreach(json_object_get(cell, "rounds"), i, entry) {
		const char *dir = json_str_at(entry, "dir", "");
		json_auto_t *pass = load_pass(s, dir);

		store_add_evidence(cell, json_object_get(pass, "evidence"), dir);
	}
}

static bool keep_pass(const struct store *s, json_t *entry, bool retry_failed)
{
	json_auto_t *pass = load_pass(s, json_str_at(entry, "dir", ""));
	const char *status = json_str_at(entry, "status", "");

	return pass && strcmp(json_str_at(pass, "status", "?"), status) == 0 &&
	       !(retry_failed && strcmp(status, "failed") == 0);
}

static size_t keep_passes(const struct store *s, json_t *cell, unsigned passes, bool retry_failed)
{
	json_t *list = json_object_get(cell, "rounds");
	bool forgot = false;

	for (size_t i = json_array_size(list); i-- > 0;) {
		json_t *entry = json_array_get(list, i);

		if (keep_pass(s, entry, retry_failed))
			continue;
		forget_samples(cell, json_str_at(entry, "dir", "?"));
		forget_states(cell, entry);
		(void)json_array_remove(list, i);
		forgot = true;
	}
	if (json_array_size(list) == 0)
		(void)json_object_set_new(cell, "dax_tail", json_null());
	if (forgot) {
		collect_evidence(s, cell);
		store_set_status(cell, passes);
		store_set_overhead(cell);
	}
	return json_array_size(list);
}

/* Is it what this version writes, of that cell? Anything else is made anew. */
static bool is_cell(json_t *j, const struct cell *c)
{
	return strcmp(json_str_at(j, "id", ""), c->id) == 0 &&
	       json_is_array(json_object_get(j, "rounds")) &&
	       json_is_array(json_object_get(j, "metrics")) &&
	       json_is_array(json_object_get(j, "states")) && json_str_at(j, "status", NULL);
}

int store_load_cells(struct store *s, const struct plan *p, bool retry_failed, size_t *ret_kept,
		     struct err *reterr)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->cells.count; i++) {
		const struct cell *c = &p->cells.item[i];
		CLEANUP(freep) char *path = fs_path("%s/cells/%s/cell.json", s->dir, c->id);
		json_auto_t *j = NULL;

		if (!path)
			return err_set(reterr, -ENOMEM, "out of memory reading cell %s", c->id);
		if (json_load_path(path, &j, NULL) < 0 || !is_cell(j, c))
			continue;
		kept += keep_passes(s, j, p->rounds + plan_observed(p, c), retry_failed);
		if (json_object_set(s->cells, c->id, j) < 0)
			return err_set(reterr, -ENOMEM, "out of memory reading cell %s", c->id);
	}
	*ret_kept = kept;
	return 0;
}

static json_t *find_entry(json_t *cell, const char *id, const char *folder)
{
	CLEANUP(freep) char *dir = fs_path("cells/%s/%s", id, folder);
	size_t i;
	json_t *entry;

	json_array_foreach(json_object_get(cell, "rounds"), i, entry)
		if (dir && strcmp(json_str_at(entry, "dir", ""), dir) == 0)
			return entry;
	return NULL;
}

static int tidy_cell(const struct store *s, const char *id, struct err *reterr)
{
	json_t *cell = json_object_get(s->cells, id);
	CLEANUP(freep) char *dir = fs_path("%s/cells/%s", s->dir, id);
	CLEANUP(dir_closep) DIR *d = dir ? opendir(dir) : NULL;
	struct dirent *e;

	while (d && (e = readdir(d)) != NULL) {
		CLEANUP(freep) char *path = NULL;
		int r;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    strcmp(e->d_name, "cell.json") == 0 || find_entry(cell, id, e->d_name))
			continue;
		path = fs_path("%s/%s", dir, e->d_name);
		r = path ? fs_remove_tree(path, reterr) : -ENOMEM;
		if (r < 0)
			return r;
	}
	return dir ? 0 : err_set(reterr, -ENOMEM, "out of memory");
}

int store_tidy(struct store *s, const struct cell_list *l, struct err *reterr)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < l->count; i++) {
		const char *id = l->item[i].id;

		if (json_object_get(s->cells, id))
			e = store_save_cell(s, id, reterr);
		if (e == 0)
			e = tidy_cell(s, id, reterr);
	}
	return e;
}

bool store_has_pass(const struct store *s, const struct cell *c, struct turn turn)
{
	char folder[24];

	(void)snprintf(folder, sizeof(folder), "%c%u", store_letter(turn.kind), turn.number);
	return find_entry(json_object_get(s->cells, c->id), c->id, folder) != NULL;
}
