// SPDX-License-Identifier: Apache-2.0
#include "stored.h"

#include "base/fs.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

const struct metric_def stored_speed = {
	.name = "bw", .unit = "B/s", .better = BETTER_HIGHER, .kind = KIND_TIME
};

/* One cell with a guest, one without. */
static int add_cells(struct cell_list *l)
{
	struct cell guest = { .stack = stack_find("c-bookworm"),
			      .vmm = vmm_find("qemu-bookworm"),
			      .kernel = kernel_find("bookworm"),
			      .cache = CACHE_AUTO,
			      .writeback = true,
			      .dax = DAX_NONE,
			      .workload = workload_find("seqread-psync") };
	struct cell host = { .stack = stack_find("null"), .workload = workload_find("metadata") };

	cell_name(&guest);
	cell_name(&host);
	return cells_add(l, &guest) < 0 || cells_add(l, &host) < 0 ? -1 : 0;
}

int stored_setup(void **state)
{
	struct stored *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/vq-test-store-XXXXXX");
	if (!mkdtemp(f->dir) || add_cells(&f->cells) < 0)
		return -1;
	(void)snprintf(f->out, sizeof(f->out), "%s/out", f->dir);
	return 0;
}

int stored_teardown(void **state)
{
	struct stored *f = *state;
	int e = fs_remove_tree(f->dir, NULL);

	store_free(&f->store);
	cells_free(&f->cells);
	pass_result_free(&f->pass);
	json_decref(f->json);
	free(f);
	return e < 0 ? -1 : 0;
}

void stored_good(const struct stored *f, int e)
{
	if (e < 0)
		fail_msg("%s", f->err.text);
}

const struct cell *stored_guest(const struct stored *f)
{
	return &f->cells.item[0];
}

json_t *stored_file(struct stored *f, const char *path)
{
	char full[512];

	(void)snprintf(full, sizeof(full), "%s/%s", f->store.dir, path);
	json_decref(f->json);
	f->json = NULL;
	stored_good(f, json_load_path(full, &f->json, &f->err));
	return f->json;
}

json_t *stored_cell(struct stored *f, const struct cell *c)
{
	char path[320];

	(void)snprintf(path, sizeof(path), "cells/%s/cell.json", c->id);
	return stored_file(f, path);
}

struct turn stored_turn(unsigned round)
{
	return (struct turn){ PASS_TIMED, round };
}
