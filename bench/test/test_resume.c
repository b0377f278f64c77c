// SPDX-License-Identifier: Apache-2.0
/* Going on with a run: what is kept of it, what is forgotten, and what refuses to be mixed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"
#include "run/lock.h"
#include "run/resume.h"

#define ROUNDS	3
#define TURN(n) ((struct turn){ PASS_TIMED, n })

struct fixture {
	char dir[64];
	char out[96];
	struct err err;
	struct store store;
	struct plan plan;
};

static const struct metric_def speed = {
	.name = "bw", .unit = "B/s", .better = BETTER_HIGHER, .kind = KIND_TIME
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct cell a = { .stack = stack_find("null"), .workload = workload_find("metadata") };
	struct cell b = { .stack = stack_find("local"), .workload = workload_find("metadata") };

	*state = f;
	if (!f)
		return -1;
	cell_name(&a);
	cell_name(&b);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/vq-test-resume-XXXXXX");
	if (!mkdtemp(f->dir) || cells_add(&f->plan.cells, &a) < 0 ||
	    cells_add(&f->plan.cells, &b) < 0)
		return -1;
	f->plan.rounds = ROUNDS;
	f->plan.seed = 7;
	(void)snprintf(f->out, sizeof(f->out), "%s/out", f->dir);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int e = fs_remove_tree(f->dir, NULL);

	store_free(&f->store);
	plan_free(&f->plan);
	free(f);
	return e < 0 ? -1 : 0;
}

static void good(const struct fixture *f, int e)
{
	if (e < 0)
		fail_msg("%s", f->err.text);
}

static void says(const struct fixture *f, const char *part)
{
	if (!strstr(f->err.text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, f->err.text);
}

static const struct cell *first(const struct fixture *f)
{
	return &f->plan.cells.item[0];
}

/* The lists of run.json that say what belongs to the run. */
static void describe(struct fixture *f)
{
	json_t *cells = json_array();
	json_t *order = json_array();

	for (size_t i = 0; i < f->plan.cells.count; i++)
		(void)json_array_append_new(cells, json_string(f->plan.cells.item[i].id));
	for (unsigned round = 1; round <= f->plan.rounds + f->plan.observed; round++) {
		size_t *index = plan_order(&f->plan, round);
		json_t *list = json_array();

		for (size_t i = 0; i < f->plan.cells.count; i++)
			(void)json_array_append_new(list,
						    json_string(f->plan.cells.item[index[i]].id));
		(void)json_array_append_new(order, list);
		free(index);
	}
	(void)json_object_set_new(f->store.run, "cells", cells);
	(void)json_object_set_new(f->store.run, "order", order);
	(void)json_object_set_new(f->store.run, "options", json_array());
}

static void begin(struct fixture *f)
{
	good(f, store_create(f->out, true, "p", &f->store, &f->err));
	describe(f);
	good(f, store_save_run(&f->store, &f->err));
	good(f, store_add_cells(&f->store, &f->plan.cells, "none", &f->err));
}

static void commit_turn(struct fixture *f, const struct cell *c, struct turn turn, unsigned total,
			enum pass_status status)
{
	struct pass_result r = { .status = status, .guest = "none" };
	char *dir = NULL;
	char *log;

	good(f, store_pass_begin(&f->store, c, turn, &dir, &f->err));
	log = fs_path("%s/log", dir);
	good(f, fs_write_atomic(log, "x", 1, &f->err));
	r.states = json_pack("[{s:s}]", "phase", "cold");
	(void)snprintf(r.reason, sizeof(r.reason), "%s", status == PASS_OK ? "" : "because");
	pass_add_evidence(&r, "seen", status == PASS_OK ? "good" : "bad", NULL);
	assert_int_equal(pass_add_metric(&r, "cold", &speed, turn.number * 10, "log", "x"), 0);
	good(f, store_pass_commit(&f->store, c, turn, total, &r, &f->err));
	pass_result_free(&r);
	free(log);
	free(dir);
}

static void commit(struct fixture *f, const struct cell *c, unsigned round, enum pass_status status)
{
	commit_turn(f, c, TURN(round), ROUNDS, status);
}

/* As resume does; the number of passes kept. */
static size_t reopen(struct fixture *f, bool retry_failed)
{
	size_t kept = 99;

	store_free(&f->store);
	good(f, store_open(f->out, &f->store, &f->err));
	good(f, resume_check_plan(f->store.run, &f->plan, &f->err));
	good(f, store_load_cells(&f->store, &f->plan, retry_failed, &kept, &f->err));
	good(f, store_tidy(&f->store, &f->plan.cells, &f->err));
	good(f, store_add_cells(&f->store, &f->plan.cells, "none", &f->err));
	return kept;
}

static bool there(const struct fixture *f, const char *name)
{
	char path[400];

	(void)snprintf(path, sizeof(path), "%s/cells/%s/%s", f->out, first(f)->id, name);
	return access(path, F_OK) == 0;
}

static void make_folder(struct fixture *f, const char *name)
{
	char path[400];

	(void)snprintf(path, sizeof(path), "%s/cells/%s/%s/deep", f->out, first(f)->id, name);
	good(f, fs_mkdirs(path, 0755, &f->err));
}

static json_t *cell(struct fixture *f)
{
	return json_object_get(f->store.cells, first(f)->id);
}

/* Goal: what is complete is kept as it is. Method: two passes of three; all of cell.json equal. */
static void complete_passes_are_kept(void **state)
{
	struct fixture *f = *state;
	json_t *before;

	begin(f);
	commit(f, first(f), 1, PASS_OK);
	commit(f, first(f), 2, PASS_FAILED);
	before = json_deep_copy(cell(f));
	assert_int_equal(reopen(f, false), 2);
	assert_true(json_equal(before, cell(f)));
	json_decref(before);
	assert_true(store_has_pass(&f->store, first(f), TURN(1)));
	assert_true(store_has_pass(&f->store, first(f), TURN(2)));
	assert_false(store_has_pass(&f->store, first(f), TURN(3)));
	assert_int_equal(resume_pending(&f->store, &f->plan), 4);
	/* and the rest can be done */
	commit(f, first(f), 3, PASS_OK);
	assert_string_equal(store_cell_status(&f->store, first(f)), "failed");
}

/* Goal: a pass that a kill hit is done again. Method: the three moments that a kill can choose. */
static void hit_passes_are_redone(void **state)
{
	struct fixture *f = *state;

	begin(f);
	commit(f, first(f), 1, PASS_OK);
	make_folder(f, "r2.part");
	make_folder(f, "r3"); /* renamed, not yet named by cell.json */
	assert_int_equal(reopen(f, false), 1);
	assert_true(there(f, "r1/pass.json"));
	assert_false(there(f, "r2.part"));
	assert_false(there(f, "r3"));
	commit(f, first(f), 2, PASS_OK);
	commit(f, first(f), 3, PASS_OK);
	assert_string_equal(store_cell_status(&f->store, first(f)), "ok");
}

/* Goal: a pass whose folder is damaged is forgotten whole. Method: its pass.json is cut off. */
static void damaged_pass_is_forgotten(void **state)
{
	struct fixture *f = *state;
	char path[400];

	begin(f);
	for (unsigned round = 1; round <= ROUNDS; round++)
		commit(f, first(f), round, PASS_OK);
	(void)snprintf(path, sizeof(path), "%s/cells/%s/r2/pass.json", f->out, first(f)->id);
	assert_int_equal(truncate(path, 20), 0);
	assert_int_equal(reopen(f, false), 2);
	assert_false(there(f, "r2"));
	assert_string_equal(store_cell_status(&f->store, first(f)), "pending");
	assert_int_equal(json_array_size(json_at(cell(f), "metrics[0].samples")), 2);
	assert_true(json_number_value(json_at(cell(f), "metrics[0].samples[1]")) == 30);
	assert_true(json_number_value(json_at(cell(f), "metrics[0].median")) == 20);
	assert_int_equal(json_array_size(json_at(cell(f), "metrics[0].sources")), 2);
	assert_int_equal(json_array_size(json_at(cell(f), "states")), 2);
	assert_int_equal(json_integer_value(json_at(cell(f), "states[1].round")), 3);
	assert_int_equal(json_array_size(json_at(cell(f), "evidence")), 2);
}

/* Goal: a damaged cell.json costs that cell and no other. Method: cut it, empty it, another's. */
static void damaged_cell_is_made_anew(void **state)
{
	struct fixture *f = *state;
	const struct cell *other = &f->plan.cells.item[1];
	char path[400];

	begin(f);
	commit(f, other, 1, PASS_OK);
	(void)snprintf(path, sizeof(path), "%s/cells/%s/cell.json", f->out, first(f)->id);
	for (unsigned i = 0; i < 3; i++) {
		static const char *const text[] = { "{\"schema\": 1, \"id", "",
						    "{\"id\": \"null.metadata\", \"rounds\": 5}" };

		commit(f, first(f), 1, PASS_OK);
		good(f, fs_write_atomic(path, text[i], strlen(text[i]), &f->err));
		assert_int_equal(reopen(f, false), 1);
		assert_string_equal(store_cell_status(&f->store, first(f)), "pending");
		assert_false(there(f, "r1"));
	}
}

/* Goal: failed passes are run again when asked for, n/a ones never. Method: one of each. */
static void failed_passes_can_be_retried(void **state)
{
	struct fixture *f = *state;

	begin(f);
	commit(f, first(f), 1, PASS_OK);
	commit(f, first(f), 2, PASS_FAILED);
	commit(f, &f->plan.cells.item[1], 1, PASS_NA);
	assert_int_equal(reopen(f, true), 2);
	assert_false(there(f, "r2"));
	assert_string_equal(store_cell_status(&f->store, first(f)), "pending");
	assert_true(json_is_null(json_object_get(cell(f), "reason")));
	assert_int_equal(json_array_size(json_at(cell(f), "evidence")), 1);
	assert_string_equal(json_str_at(cell(f), "evidence[0].seen", ""), "good");
	assert_string_equal(store_cell_status(&f->store, &f->plan.cells.item[1]), "n/a");
	assert_int_equal(resume_pending(&f->store, &f->plan), 2);
}

/* Goal: reading changes nothing on disk. Method: load without tidying, then look. */
static void looking_changes_nothing(void **state)
{
	struct fixture *f = *state;
	size_t kept = 0;

	begin(f);
	commit(f, first(f), 1, PASS_FAILED);
	make_folder(f, "r2.part");
	store_free(&f->store);
	good(f, store_open(f->out, &f->store, &f->err));
	good(f, store_load_cells(&f->store, &f->plan, true, &kept, &f->err));
	assert_int_equal(kept, 0);
	assert_true(there(f, "r1/pass.json"));
	assert_true(there(f, "r2.part"));
	assert_int_equal(reopen(f, false), 1);
}

/*
 * Goal: a cell with fewer observed passes than its plan is complete with those. Method: a footprint
 * cell, which has one, in a plan with two; all its rounds, read again, then the one.
 */
static void fewer_observed_passes_complete_a_cell(void **state)
{
	struct fixture *f = *state;
	struct cell *c = &f->plan.cells.item[0];

	c->workload = workload_find("footprint-1");
	cell_name(c);
	f->plan.cells.count = 1;
	f->plan.observed = 2;
	begin(f);
	for (unsigned round = 1; round <= ROUNDS; round++)
		commit(f, c, round, PASS_OK);
	assert_int_equal(reopen(f, false), ROUNDS);
	assert_int_equal(resume_pending(&f->store, &f->plan), 1);
	commit_turn(f, c, (struct turn){ PASS_OBSERVED, 1 }, ROUNDS + 1, PASS_OK);
	assert_int_equal(reopen(f, false), ROUNDS + 1);
	assert_string_equal(store_cell_status(&f->store, c), "ok");
	assert_int_equal(resume_pending(&f->store, &f->plan), 0);
}

/* Goal: what is no run is told, and left alone. Method: no folder, an empty one, damaged files. */
static void no_run(void **state)
{
	struct fixture *f = *state;
	char path[128];

	assert_int_equal(store_open("/nonexistent", &f->store, &f->err), -ENOENT);
	says(f, "/nonexistent is not the folder of a run");
	assert_int_equal(store_open(f->dir, &f->store, &f->err), -ENOENT);
	begin(f);
	store_free(&f->store);
	(void)snprintf(path, sizeof(path), "%s/run.json", f->out);
	assert_int_equal(truncate(path, 30), 0);
	assert_int_equal(store_open(f->out, &f->store, &f->err), -EBADMSG);
	says(f, path);
	good(f, fs_write_atomic(path, "{}", 2, &f->err));
	assert_int_equal(store_open(f->out, &f->store, &f->err), -EBADMSG);
	says(f, "lacks cells, order or options");
	assert_null(f->store.dir);
}

/* Goal: another plan is not mixed in. Method: another seed, number of rounds, cell. */
static void another_plan(void **state)
{
	struct fixture *f = *state;

	begin(f);
	good(f, resume_check_plan(f->store.run, &f->plan, &f->err));
	f->plan.rounds++;
	assert_int_equal(resume_check_plan(f->store.run, &f->plan, &f->err), -EINVAL);
	says(f, "plan.conf");
	f->plan.rounds = ROUNDS;
	/* two cells have two orders: some seed gives another one in some round */
	for (f->plan.seed = 8; f->plan.seed < 40; f->plan.seed++)
		if (resume_check_plan(f->store.run, &f->plan, &f->err) < 0)
			break;
	assert_true(f->plan.seed < 40);
	f->plan.seed = 7;
	(void)snprintf(f->plan.cells.item[1].id, CELL_ID_SIZE, "other");
	assert_int_equal(resume_check_plan(f->store.run, &f->plan, &f->err), -EINVAL);
}

static json_t *machine(const char *kernel, const char *daemon, int image)
{
	return json_pack("{s:{s:s,s:i,s:i},s:{s:s},s:{s:s},s:{s:i}}", "host", "kernel", kernel,
			 "cpus", 2, "memory_bytes", image, "accelerator", "used", "tcg", "versions",
			 "rust-sid", daemon, "image", "root", image);
}

/* Goal: each difference that would mix results is told, and no other. Method: one machine a row. */
static void differences(void **state)
{
	static const struct {
		const char *kernel, *daemon;
		int image;
		size_t count;
		const char *says;
	} rows[] = {
		{ "6.1", "1.14", 3, 0, "" },
		{ "6.2", "1.14", 3, 1, "host kernel: was \"6.1\", is \"6.2\"" },
		{ "6.1", "1.15", 3, 1, "version of rust-sid: was \"1.14\", is \"1.15\"" },
		{ "6.1", "1.14", 4, 1, "guest image" },
		{ "6.2", "1.15", 4, 3, "version of rust-sid" },
	};
	struct fixture *f = *state;
	json_t *was = machine("6.1", "1.14", 3);
	json_t *empty = json_pack("{s:{},s:{s:s},s:{},s:{}}", "host", "accelerator", "used", "tcg",
				  "versions", "image");
	json_t *list;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *now = machine(rows[i].kernel, rows[i].daemon, rows[i].image);

		list = resume_differences(was, now);
		assert_int_equal(json_array_size(list), rows[i].count);
		assert_int_equal(resume_refuse(list, &f->err), -ESTALE);
		says(f, rows[i].says);
		says(f, "--force");
		json_decref(list);
		/* a run that was killed before it had looked has nothing to compare */
		list = resume_differences(empty, now);
		assert_int_equal(json_array_size(list), 0);
		json_decref(list);
		json_decref(now);
	}
	json_decref(empty);
	json_decref(was);
}

/* Goal: run.json tells each resumption. Method: two, the second forced. */
static void recorded(void **state)
{
	json_t *run = json_object();
	json_t *none = json_array();
	json_t *one = json_pack("[s]", "x");

	(void)state;
	resume_record(run, json_string("now"), 3, none);
	resume_record(run, json_string("then"), 5, one);
	assert_int_equal(json_array_size(json_object_get(run, "resumptions")), 2);
	assert_int_equal(json_integer_value(json_at(run, "resumptions[0].passes_before")), 3);
	assert_int_equal(json_array_size(json_at(run, "resumptions[0].forced")), 0);
	assert_string_equal(json_str_at(run, "resumptions[1].forced[0]", ""), "x");
	json_decref(run);
	json_decref(none);
	json_decref(one);
}

/* Goal: one lock for everybody, with its holder's name, gone with it. Method: take it twice. */
static void lock(void **state)
{
	struct fixture *f = *state;
	char who[32];
	int fd = lock_take(&f->err);
	int again;

	if (fd == -EBUSY)
		skip(); /* somebody measures */
	good(f, fd);
	(void)snprintf(who, sizeof(who), "(process %d)", (int)getpid());
	again = lock_take(&f->err);
	if (again >= 0)
		(void)close(again);
	(void)close(fd);
	assert_int_equal(again, -EBUSY);
	says(f, "another virtiofs-qual run is going on");
	says(f, who);
	says(f, "--wait");
	fd = lock_take(&f->err);
	assert_true(fd >= 0 || fd == -EBUSY);
	(void)close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(complete_passes_are_kept),
		TEST(hit_passes_are_redone),
		TEST(damaged_pass_is_forgotten),
		TEST(damaged_cell_is_made_anew),
		TEST(failed_passes_can_be_retried),
		TEST(looking_changes_nothing),
		TEST(fewer_observed_passes_complete_a_cell),
		TEST(no_run),
		TEST(another_plan),
		TEST(differences),
		TEST(recorded),
		TEST(lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
