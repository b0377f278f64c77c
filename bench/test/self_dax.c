// SPDX-License-Identifier: Apache-2.0
/*
 * The figures of DAX, from the cells of self-dax.conf. Everything is compared within a round: its passes follow each
 * other, so that what the machine does hits both sides.
 */
#include "self_dax.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/json.h"

#include <errno.h>
#include <string.h>

#define MB 1e6
/* Of a file of 105 MB: what a page cache that keeps it all grows by. */
#define KEPT_MB 95.0

enum cell_index { FUSE_READ, DAX_READ, DAX_MAPPED, CELLS };

static const char *const ids[CELLS] = {
	[FUSE_READ] = "refdev.qemu-backports.auto.nowb.none.bookworm.seqread-100m",
	[DAX_READ] = "refdev.qemu-backports.auto.nowb.always.128m.bookworm.seqread-100m",
	[DAX_MAPPED] = "refdev.qemu-backports.auto.nowb.always.128m.bookworm.mapread-100m",
};

/* A sample of a round: @a by @b (and what is @more of it), or @a less @b. */
enum how { RATIO, LESS };

static const struct term {
	const char *name;
	enum how how;
	enum cell_index cell_a;
	const char *a;
	enum cell_index cell_b;
	const char *b;
	double unit;
	const char *more; /* or NULL */
} terms[] = {
	/* A VMM's work for a map ends when it has announced the memory, which QEMU does behind its reply. */
	{ "dax_device_added", RATIO, DAX_READ, "dax.workload.device_time", DAX_READ,
	  "dax.workload.map_time", 1, "dax.workload.told_time" },
	{ "dax_device_added", RATIO, DAX_MAPPED, "dax.workload.device_time", DAX_MAPPED,
	  "dax.workload.map_time", 1, "dax.workload.told_time" },
	{ "dax_by_reply", RATIO, DAX_READ, "dax.workload.device_time", DAX_READ,
	  "dax.workload.map_time", 1, NULL },
	{ "dax_by_reply", RATIO, DAX_MAPPED, "dax.workload.device_time", DAX_MAPPED,
	  "dax.workload.map_time", 1, NULL },
	{ "dax_mapped_read", RATIO, DAX_MAPPED, "warm.bw", FUSE_READ, "guest-cold.bw", 1, NULL },
	{ "dax_first_read", RATIO, DAX_MAPPED, "guest-cold.bw", FUSE_READ, "guest-cold.bw", 1,
	  NULL },
	{ "dax_cached", LESS, DAX_READ, "guest-cold.guest_cached_after", DAX_READ,
	  "guest-cold.guest_cached_before", MB, NULL },
	{ "dax_cached", LESS, DAX_MAPPED, "guest-cold.guest_cached_after", DAX_MAPPED,
	  "guest-cold.guest_cached_before", MB, NULL },
	{ "no_dax_cached", LESS, FUSE_READ, "guest-cold.guest_cached_after", FUSE_READ,
	  "guest-cold.guest_cached_before", MB, NULL },
};

static json_t *samples_of(json_t *cell, const char *name)
{
	json_t *m;
	size_t i;

	json_array_foreach(json_object_get(cell, "metrics"), i, m)
		if (strcmp(json_str_at(m, "name", ""), name) == 0)
			return json_object_get(m, "samples");
	return NULL;
}

static int take_term(struct figures *f, json_t *const cell[CELLS], const struct term *t,
		     struct err *reterr)
{
	json_t *a = samples_of(cell[t->cell_a], t->a);
	json_t *b = samples_of(cell[t->cell_b], t->b);
	json_t *more = t->more ? samples_of(cell[t->cell_b], t->more) : NULL;
	size_t n = json_array_size(a);

	if (n == 0 || json_array_size(b) != n || (t->more && json_array_size(more) != n))
		return err_set(reterr, -ENODATA, "%s of %zu rounds, %s of %zu", t->a, n, t->b,
			       json_array_size(b));
	for (size_t i = 0; i < n; i++) {
		double x = json_number_value(json_array_get(a, i));
		double y = json_number_value(json_array_get(b, i)) +
			   json_number_value(json_array_get(more, i));

		if (t->how == RATIO && y <= 0)
			return err_set(reterr, -ERANGE, "%s is %g", t->b, y);
		figures_sample(f, t->name, (t->how == RATIO ? x / y : x - y) / t->unit);
	}
	return 0;
}

int self_dax_take(struct figures *f, const char *run, struct err *reterr)
{
	json_t *cell[CELLS] = { NULL };
	int e = 0;

	for (size_t i = 0; e == 0 && i < CELLS; i++) {
		CLEANUP(freep) char *path = fs_path("%s/cells/%s/cell.json", run, ids[i]);

		e = path ? json_load_path(path, &cell[i], reterr) : -ENOMEM;
		if (e == 0 && strcmp(json_str_at(cell[i], "status", ""), "ok") != 0)
			e = err_set(reterr, -EIO, "%s: %s", ids[i],
				    json_str_at(cell[i], "reason", "not ok"));
	}
	for (size_t i = 0; e == 0 && i < ARRAY_SIZE(terms); i++)
		e = take_term(f, cell, &terms[i], reterr);
	for (size_t i = 0; i < CELLS; i++)
		json_decref(cell[i]);
	return e;
}

int self_dax_rows(struct figures *f)
{
	struct range added;
	struct range by_reply;
	struct range mapped;
	struct range first;
	struct range with;
	struct range without;
	bool shown;

	if (figures_range(f, "dax_device_added", &added) < 0 ||
	    figures_range(f, "dax_by_reply", &by_reply) < 0 ||
	    figures_range(f, "dax_mapped_read", &mapped) < 0 ||
	    figures_range(f, "dax_first_read", &first) < 0 ||
	    figures_range(f, "dax_cached", &with) < 0 ||
	    figures_range(f, "no_dax_cached", &without) < 0)
		return -ENOENT;
	figures_row(f, "SETUPMAPPING: device's own / VMM's map time", added.median, "1", "<= 0.10",
		    added.median <= 0.10);
	figures_note("its range", &added);
	figures_note("device's own / map time until the reply only", &by_reply);
	figures_row(f, "reads of mapped DAX / cold FUSE reads", mapped.median, "1", ">= 4",
		    mapped.median >= 4);
	figures_note("its range", &mapped);
	figures_note("first DAX reads, which map / the same", &first);
	/* The worst of all rounds; and nothing is shown by a count that cannot grow. */
	shown = without.min >= KEPT_MB;
	figures_row(f, "guest page cache by 105 MB, DAX", with.max, "MB", "< 1",
		    with.max < 1 && shown);
	figures_row(f, "guest page cache by 105 MB, no DAX", without.min, "MB", ">= 95", shown);
	return 0;
}
