// SPDX-License-Identifier: Apache-2.0
#include "report_big.h"

#include "base/fs.h"
#include "base/json.h"
#include "base/rng.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct big_stack {
	const char *id;
	const char *kind;
	const char *variants[3]; /* ended by NULL; "" for none */
	const char *caches[5];	 /* "" for a stack without modes */
	const char *kernels[3];
	const char *daxes[3];
	bool writeback; /* both */
};

/* clang-format off */
static const struct big_stack stacks[] = {
	{ "c-bookworm", "virtiofs", { "" }, { "none", "auto", "always" }, { "bookworm" }, { "none" },
	  true },
	{ "rust-trixie", "virtiofs", { "", "pool4" }, { "never", "metadata", "auto", "always" },
	  { "bookworm" }, { "none" }, true },
	{ "rust-sid", "virtiofs", { "" }, { "never", "auto", "always" }, { "bookworm", "backports" },
	  { "none" }, true },
	{ "refdev", "virtiofs", { "" }, { "auto" }, { "bookworm" }, { "never", "always" }, false },
	{ "9p", "9p", { "", "msize1m" }, { "none", "mmap", "loose" }, { "bookworm" }, { "" }, false },
	{ "blk", "blk", { "" }, { "" }, { "bookworm" }, { "" }, false },
	{ "local", "baseline", { "" }, { "" }, { "" }, { "" }, false },
};
/* clang-format on */

static const char *const opcodes[] = {
	"LOOKUP", "GETATTR", "OPEN", "READ", "WRITE", "RELEASE", "FLUSH", "READDIRPLUS",
};

struct big {
	const char *dir;
	size_t rounds;
	json_t *run;
	struct rng rng;
	json_t *cell; /* the one being made */
	const char *id;
	double speed;
	int error;
};

static json_t *text_or_null(const char *s)
{
	return *s ? json_string(s) : json_null();
}

static void metric(struct big *b, const char *name, const char *unit, const char *better,
		   const char *kind, double value, double noise)
{
	bool observed = strstr(name, ".ops.") || strstr(name, "bytes_") || strstr(name, "kicks") ||
			strstr(name, "interrupts");
	size_t count = observed ? 1 : b->rounds;
	json_t *samples = json_array();
	json_t *sources = json_array();

	for (size_t i = 0; i < count; i++) {
		double v = value * (1 + noise * (double)i / (double)b->rounds);

		(void)json_array_append_new(samples, json_integer((json_int_t)v));
		(void)json_array_append_new(sources,
					    json_sprintf("cells/%s/%c%zu/%s.json#jobs[0].read.%s",
							 b->id, observed ? 'o' : 'r', i + 1,
							 observed ? "ops" : "fio-cold", name));
	}
	(void)json_array_append_new(json_object_get(b->cell, "metrics"),
				    json_pack("{s:s,s:s,s:s,s:s,s:o,s:O,s:o}", "name", name, "unit",
					      unit, "better", better, "kind", kind, "samples",
					      samples, "median", json_array_get(samples, count / 2),
					      "sources", sources));
}

static void phase_metrics(struct big *b, const char *phase)
{
	static const struct {
		const char *name;
		const char *unit;
		const char *better;
		const char *kind;
		double size;
	} rows[] = {
		{ "bw", "B/s", "higher", "time", 3e8 },
		{ "iops", "1/s", "higher", "time", 40000 },
		{ "clat_p50", "ns", "lower", "time", 90000 },
		{ "clat_p99", "ns", "lower", "time", 900000 },
		{ "vmm_cpu", "s", "lower", "time", 7 },
		{ "daemon_cpu", "s", "lower", "time", 3 },
		{ "run_time", "s", "none", "time", 9 },
		{ "io_bytes", "B", "none", "count", 67108864 },
		{ "guest_cached_before", "B", "none", "memory", 8192 },
		{ "guest_cached_after", "B", "none", "memory", 67108864 },
		{ "host_cached_before", "B", "none", "memory", 0 },
		{ "host_cached_after", "B", "none", "memory", 67108864 },
		{ "ops.all", "1", "lower", "count", 9000 },
		{ "bytes_to_device", "B", "lower", "count", 900000 },
		{ "bytes_from_device", "B", "lower", "count", 67900000 },
		{ "kicks", "1", "lower", "timed-count", 8000 },
		{ "interrupts", "1", "lower", "timed-count", 7000 },
	};
	char name[64];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool faster = strcmp(rows[i].better, "higher") == 0;

		(void)snprintf(name, sizeof(name), "%s.%s", phase, rows[i].name);
		metric(b, name, rows[i].unit, rows[i].better, rows[i].kind,
		       rows[i].size * (faster ? b->speed : 1 / b->speed),
		       strcmp(rows[i].kind, "time") == 0 ? 0.08 : 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(opcodes); i++) {
		(void)snprintf(name, sizeof(name), "%s.ops.%s", phase, opcodes[i]);
		metric(b, name, "1", "lower", "count", (double)(1 + rng_below(&b->rng, 4000)), 0);
	}
}

static void footprint_metrics(struct big *b, size_t guests, bool tree_each)
{
	static const struct {
		const char *name;
		double once;
		double each;
	} rows[] = {
		{ "guest_ram", 0, 190e6 },   { "share_cache", 64e6, 0 },
		{ "vmm_anon", 0, 40e6 },     { "daemon_anon", 0, 6e6 },
		{ "page_tables", 0, 2e6 },   { "slab", 5e6, 1e6 },
		{ "tcg_buffer", 0, 32e6 },   { "host_change", 70e6, 272e6 },
		{ "unexplained", 1e6, 1e6 }, { "guest_cached", 0, 80e6 },
	};
	double total = 0;
	char name[64];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		double once = rows[i].once * (tree_each ? (double)guests : 1);
		double v = once + rows[i].each * (double)guests;

		total += i < 7 ? v : 0;
		(void)snprintf(name, sizeof(name), "footprint.%s", rows[i].name);
		metric(b, name, "B", "lower", "memory", v, 0.01);
	}
	metric(b, "footprint.total", "B", "lower", "memory", total, 0.01);
	metric(b, "footprint.guests", "1", "none", "count", (double)guests, 0);
}

static void rounds(struct big *b)
{
	for (size_t i = 0; i <= b->rounds; i++) {
		bool observed = i == b->rounds;

		(void)json_array_append_new(
			json_object_get(b->cell, "rounds"),
			json_pack("{s:I,s:s,s:s,s:n,s:s,s:o,s:f,s:f}", "round",
				  (json_int_t)(observed ? 1 : i + 1), "kind",
				  observed ? "observed" : "timed", "status", "ok", "reason",
				  "guest", "restored", "dir",
				  json_sprintf("cells/%s/%c%zu", b->id, observed ? 'o' : 'r',
					       observed ? 1 : i + 1),
				  "wall_s", 4.5, "overhead_s", 1.5));
		if (observed)
			continue;
		(void)json_array_append_new(
			json_object_get(b->cell, "states"),
			json_pack("{s:I,s:s,s:s,s:i,s:i,s:i,s:b}", "round", (json_int_t)i + 1,
				  "phase", "cold", "expected", "host-cold guest-cold",
				  "host_cached_bytes", 0, "guest_cached_delta_bytes", 0,
				  "file_bytes", 67108864, "reached", 1));
	}
}

static json_t *negotiated(const struct big_stack *s)
{
	if (strcmp(s->kind, "virtiofs") != 0)
		return json_null();
	return json_pack("{s:s,s:s,s:[s,s,s],s:i,s:i,s:i,s:i,s:i,s:i,s:s,s:s,s:i,s:i}", "fuse",
			 "7.38", "init_flags", "0x7", "init_flag_names", "ASYNC_READ", "BIG_WRITES",
			 *s->id == 'c' ? "POSIX_LOCKS" : "MAX_PAGES", "max_write", 1048576,
			 "max_pages", 256, "max_readahead", 131072, "max_background", 12,
			 "map_alignment", 0, "time_gran", 1, "virtio_features", "0x150000000",
			 "protocol_features", "0x9", "queues", 1, "queue_size", 1024);
}

static json_t *commands(void)
{
	return json_pack("[{s:s,s:[s,s,s,s]},{s:s,s:[s,s,s]}]", "who", "daemon", "argv",
			 "/usr/libexec/virtiofsd", "--fd=3", "--shared-dir=/share", "--cache=auto",
			 "who", "guest", "argv", "fio", "--output-format=json+",
			 "/usr/share/vq/seqread-psync.fio");
}

/* Every 40th cell failed, every 25th is n/a, every 90th is not finished. */
static void finish(struct big *b, size_t number)
{
	const char *status = number % 40 == 7	? "failed"
			     : number % 25 == 3 ? "n/a"
			     : number % 90 == 5 ? "pending"
						: "ok";

	(void)json_object_set_new(b->cell, "status", json_string(status));
	if (strcmp(status, "failed") == 0)
		(void)json_object_set_new(b->cell, "reason",
					  json_string("fio exited with 1: Input/output error"));
	if (strcmp(status, "n/a") == 0)
		(void)json_object_set_new(b->cell, "reason",
					  json_sprintf("mount: unknown option (%zu)", number % 3));
	if (strcmp(status, "ok") != 0)
		(void)json_array_clear(json_object_get(b->cell, "metrics"));
}

/* The files that samples come from are there, or every number would be marked. */
static void touch(struct big *b, char kind, size_t round, const char *name)
{
	CLEANUP(freep) char *folder = fs_path("%s/cells/%s/%c%zu", b->dir, b->id, kind, round);
	CLEANUP(freep)
	char *path = fs_path("%s/cells/%s/%c%zu/%s", b->dir, b->id, kind, round, name);
	CLEANUP(file_closep) FILE *f = NULL;
	struct err err;

	if (folder && path && fs_mkdirs(folder, 0755, &err) == 0)
		f = fopen(path, "we");
	if (!f || fputs("{}\n", f) < 0)
		b->error = -EIO;
}

static void save(struct big *b)
{
	CLEANUP(freep) char *folder = fs_path("%s/cells/%s", b->dir, b->id);
	CLEANUP(freep) char *path = fs_path("%s/cells/%s/cell.json", b->dir, b->id);
	struct err err;

	if (!folder || !path || fs_mkdirs(folder, 0755, &err) < 0 ||
	    json_dump_file(b->cell, path, JSON_INDENT(1)) < 0)
		b->error = -EIO;
	for (size_t i = 1; i <= b->rounds; i++)
		touch(b, 'r', i, "fio-cold.json");
	touch(b, 'o', 1, "ops.json");
	touch(b, 'o', 1, "pcp-host.meta");
}

/* One place of the matrix; NULL and -1 as in cell.json. */
struct place {
	const struct big_stack *stack;
	const char *variant;
	const char *cache;
	const char *kernel;
	const char *dax;
	int writeback;
	const char *workload;
	size_t workload_index;
};

static json_t *cell_head(const struct place *p, const char *id)
{
	bool guest = *p->kernel != '\0';

	return json_pack("{s:i,s:s,s:s,s:o,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:n,s:n,s:f,s:{},s:{},s:o,"
			 "s:[],s:[],s:[],s:[],s:o}",
			 "schema", 1, "id", id, "stack", p->stack->id, "variant",
			 text_or_null(p->variant), "workload", p->workload, "accelerator",
			 guest ? "tcg" : "none", "vmm",
			 guest ? json_string("qemu-backports") : json_null(), "kernel",
			 text_or_null(p->kernel), "cache", text_or_null(p->cache), "dax",
			 text_or_null(p->dax), "writeback",
			 p->writeback < 0 ? json_null() : json_boolean(p->writeback),
			 "window_bytes", "reason", "overhead_s", 1.5, "versions", "machine",
			 "negotiated", negotiated(p->stack), "evidence", "rounds", "states",
			 "metrics", "commands", commands());
}

static char *cell_id(const struct place *p)
{
	const char *wb = p->writeback < 0 ? "" : p->writeback ? ".wb" : ".nowb";
	char *id;

	if (asprintf(&id, "%s%s%s%s%s%s%s%s%s%s%s%s.%s", p->stack->id, *p->variant ? "+" : "",
		     p->variant, *p->kernel ? ".qemu-backports" : "", *p->cache ? "." : "",
		     p->cache, wb, *p->dax ? "." : "", p->dax, *p->kernel ? "." : "", p->kernel, "",
		     p->workload) < 0)
		return NULL;
	return id;
}

static void one_cell(struct big *b, const struct place *p)
{
	CLEANUP(freep) char *id = cell_id(p);
	size_t number = json_array_size(json_object_get(b->run, "cells"));
	size_t guests;

	if (!id) {
		b->error = -ENOMEM;
		return;
	}
	b->id = id;
	b->cell = cell_head(p, id);
	b->speed = 0.2 + (double)rng_below(&b->rng, 1000) / 200 *
				 (strcmp(p->cache, "never") == 0 || strcmp(p->cache, "none") == 0
					  ? 0.2
					  : 1);
	rounds(b);
	if (sscanf(p->workload, "footprint-%zu", &guests) == 1) {
		footprint_metrics(b, guests, strstr(p->workload, "-private") != NULL);
	} else {
		phase_metrics(b, "cold");
		phase_metrics(b, "warm");
	}
	finish(b, number);
	save(b);
	(void)json_array_append_new(json_object_get(b->run, "cells"), json_string(id));
	json_decref(b->cell);
	b->cell = NULL;
}

static void cells_of_stack(struct big *b, struct place *p)
{
	const struct big_stack *s = p->stack;

	for (const char *const *v = s->variants; *v; v++)
		for (const char *const *k = s->kernels; *k; k++)
			for (const char *const *c = s->caches; *c; c++)
				for (const char *const *d = s->daxes; *d; d++)
					for (int wb = **d ? 0 : -1; wb <= (s->writeback ? 1
									   : **d	? 0
											: -1);
					     wb++) {
						p->variant = *v;
						p->kernel = *k;
						p->cache = *c;
						p->dax = *d;
						p->writeback = wb;
						one_cell(b, p);
					}
}

static const char *const footprints[] = {
	"footprint-1",
	"footprint-2",
	"footprint-3",
	"footprint-3-private",
};

static void add_workload(struct big *b, const char *id, bool footprint)
{
	(void)json_array_append_new(
		json_object_get(b->run, "workloads"),
		json_pack("{s:s,s:o,s:s,s:s,s:o}", "id", id, "title",
			  json_sprintf("Made-up workload %s", id), "question",
			  "What does this cost?", "decides", "whether this mode is usable",
			  "headline",
			  footprint ? json_pack("[s]", "footprint.total")
				    : json_pack("[s,s]", "cold.bw", "warm.clat_p99")));
}

static json_t *empty_run(size_t rounds_count)
{
	return json_pack(
		"{s:i,s:{s:s,s:s},s:{s:s,s:s,s:I},s:i,s:s,s:s,s:s,s:[],s:{},s:{s:s,s:s,s:[]},s:{},"
		"s:{},s:[],s:[],s:[],s:[],s:[],s:[]}",
		"schema", 1, "program", "name", "virtiofs-qual", "version", "0", "plan", "name",
		"full", "title", "A made-up run of the size of the full plan", "rounds",
		(json_int_t)rounds_count, "seed", 1, "started", "2026-11-22T10:00:00Z", "finished",
		"2026-11-22T12:00:00Z", "status", "complete", "options", "host", "accelerator",
		"used", "tcg", "requested", "auto", "evidence", "versions", "image", "guests",
		"stacks", "workloads", "metrics", "cells", "order");
}

int report_big_write(const char *dir, size_t workloads, size_t rounds_count)
{
	struct big b = { .dir = dir, .rounds = rounds_count, .rng = { .state = 1 } };
	CLEANUP(freep) char *path = fs_path("%s/run.json", dir);
	size_t count;

	b.run = empty_run(rounds_count);
	for (size_t s = 0; s < ARRAY_SIZE(stacks); s++)
		(void)json_array_append_new(json_object_get(b.run, "stacks"),
					    json_pack("{s:s,s:s,s:s}", "id", stacks[s].id, "title",
						      stacks[s].id, "kind", stacks[s].kind));
	for (size_t w = 0; w < workloads; w++) {
		bool footprint = w < ARRAY_SIZE(footprints);
		char id[32];

		(void)snprintf(id, sizeof(id), "%s%02zu", w % 3 ? "fio-job-" : "metadata-", w);
		add_workload(&b, footprint ? footprints[w] : id, footprint);
		for (size_t s = 0; s < ARRAY_SIZE(stacks); s++) {
			struct place p = { .stack = &stacks[s],
					   .workload = footprint ? footprints[w] : id };

			cells_of_stack(&b, &p);
		}
	}
	count = json_array_size(json_object_get(b.run, "cells"));
	if (!path || json_dump_file(b.run, path, JSON_INDENT(1)) < 0)
		b.error = -EIO;
	json_decref(b.run);
	return b.error < 0 ? b.error : (int)count;
}
