// SPDX-License-Identifier: Apache-2.0
/* A run: run.json, and every cell that it lists. */
#include "report/load.h"

#include "report/shape.h"

#include <fcntl.h>
#include <string.h>

static int load_cells(struct run *r, struct err *reterr)
{
	json_t *list = json_object_get(r->root, "cells");
	json_auto_t *seen = json_object();
	size_t total = 0;
	const json_t *id;
	size_t i;
	int e;

	if (json_array_size(list) > RUN_CELLS_MAX)
		return err_set(reterr, -E2BIG, "run.json: more than %d cells", RUN_CELLS_MAX);
	r->cell = calloc(json_array_size(list) + 1, sizeof(*r->cell));
	if (!r->cell || !seen)
		return err_set(reterr, -ENOMEM, "out of memory");
	json_array_foreach(list, i, id) {
		struct cell *c = &r->cell[r->cell_count++];

		c->id = json_string_value(id);
		if (json_object_get(seen, c->id))
			return err_set(reterr, -EBADMSG, "run.json: cell %.200s is listed twice",
				       c->id);
		if (json_object_set_new(seen, c->id, json_true()) < 0)
			return err_set(reterr, -ENOMEM, "out of memory");
		e = load_cell(r, c, &total, reterr);
		if (e < 0)
			return e;
		r->status_count[c->status]++;
	}
	return 0;
}

static int load_notes(struct run *r, struct err *reterr)
{
	json_auto_t *numbers = json_object();

	r->note = calloc(r->status_count[CELL_NA] + 1, sizeof(*r->note));
	if (!r->note || !numbers)
		return err_set(reterr, -ENOMEM, "out of memory");
	for (size_t i = 0; i < r->cell_count; i++) {
		struct cell *c = &r->cell[i];

		if (c->status != CELL_NA)
			continue;
		c->note = (size_t)json_integer_value(json_object_get(numbers, c->reason));
		if (c->note == 0) {
			c->note = ++r->note_count;
			r->note[c->note - 1].reason = c->reason;
			if (json_object_set_new(numbers, c->reason,
						json_integer((json_int_t)c->note)) < 0)
				return err_set(reterr, -ENOMEM, "out of memory");
		}
		r->note[c->note - 1].cell_count++;
	}
	return 0;
}

/* Ids of a list must differ, or a cell could belong to two rows. */
static int check_ids(const json_t *list, const char *what, struct err *reterr)
{
	json_auto_t *seen = json_object();
	const json_t *o;
	size_t i;

	json_array_foreach((json_t *)list, i, o) {
		if (json_object_get(seen, load_text(o, "id")))
			return err_set(reterr, -EBADMSG, "run.json: %s %.200s is listed twice",
				       what, load_text(o, "id"));
		if (json_object_set_new(seen, load_text(o, "id"), json_true()) < 0)
			return err_set(reterr, -ENOMEM, "out of memory");
	}
	return 0;
}

static enum stack_kind kind_of(const char *word)
{
	unsigned int i = STACK_KIND_COUNT - 1;

	/* A virtio-fs device of the VMM itself: the same modes, and the same to its guest. */
	if (strcmp(word, "vmm-virtiofs") == 0)
		return STACK_VIRTIOFS;
	/* shape_check_run() accepted the word. */
	while (i > 0 && strcmp(word, stack_kind_names[i]) != 0)
		i--;
	return (enum stack_kind)i;
}

static int load_lists(struct run *r, struct err *reterr)
{
	json_t *stacks = json_object_get(r->root, "stacks");
	json_t *workloads = json_object_get(r->root, "workloads");
	const json_t *o;
	size_t i;
	int e = check_ids(stacks, "stack", reterr);

	if (e == 0)
		e = check_ids(workloads, "workload", reterr);
	if (e < 0)
		return e;
	r->stack = calloc(json_array_size(stacks) + 1, sizeof(*r->stack));
	r->workload = calloc(json_array_size(workloads) + 1, sizeof(*r->workload));
	if (!r->stack || !r->workload)
		return err_set(reterr, -ENOMEM, "out of memory");
	json_array_foreach(stacks, i, o)
		r->stack[r->stack_count++] = (struct stack_info){
			.id = load_text(o, "id"),
			.title = load_text(o, "title"),
			.set_up = load_text(o, "set_up"),
			.kind = kind_of(load_text(o, "kind")),
		};
	json_array_foreach(workloads, i, o)
		r->workload[r->workload_count++] = (struct workload_info){
			.id = load_text(o, "id"),
			.title = load_text(o, "title"),
			.question = load_text(o, "question"),
			.decides = load_text(o, "decides"),
			.headline = json_object_get(o, "headline"),
		};
	return 0;
}

static void judge_tcg(struct run *r)
{
	r->tcg = strcmp(json_str_at(r->root, "accelerator.used", ""), "tcg") == 0;
	for (size_t i = 0; i < r->cell_count; i++)
		r->tcg |= r->cell[i].vmm && strcmp(r->cell[i].accelerator, "tcg") == 0;
}

int run_load(const char *dir, struct run *ret, struct err *reterr)
{
	size_t size = 0;
	int e;

	ret->dir = dir;
	ret->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret->dir_fd < 0)
		return err_errno(reterr, -errno, "cannot open the run folder %s", dir);
	ret->real_dir = realpath(dir, NULL);
	e = load_json(ret, "run.json", "run.json", RUN_JSON_MAX, &size, &ret->root, reterr);
	if (e < 0)
		return err_prefix(reterr, e, "%s", dir);
	e = shape_check_run(ret->root, reterr);
	if (e < 0)
		return err_prefix(reterr, e, "%s/run.json is damaged", dir);
	e = load_lists(ret, reterr);
	if (e == 0)
		e = load_cells(ret, reterr);
	if (e == 0)
		e = load_notes(ret, reterr);
	if (e == 0)
		judge_tcg(ret);
	return e;
}

void run_free(struct run *r)
{
	for (size_t i = 0; i < r->cell_count; i++)
		load_cell_free(&r->cell[i]);
	free(r->cell);
	free(r->note);
	free(r->stack);
	free(r->workload);
	free(r->real_dir);
	json_decref(r->root);
	fd_closep(&r->dir_fd);
	*r = (struct run)RUN_INIT;
}
