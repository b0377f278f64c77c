// SPDX-License-Identifier: Apache-2.0
/* What a kill leaves of the folder of a run: everything but the pass that it hits. */
#include "stored.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/rng.h"

#define PATIENCE_S 100
#define KILLS	   30
#define KILL_SEED  UINT64_C(20261122)

/* A driver: commits passes for ever and tells each of its steps with a byte. Never returns. */
static void child_driver(struct stored *f, int wr)
{
	static char large[20000];

	memset(large, 'x', sizeof(large) - 1);
	if (store_create(f->out, true, "p", &f->store, NULL) < 0 ||
	    store_save_run(&f->store, NULL) < 0 ||
	    store_add_cells(&f->store, &f->cells, "tcg", NULL) < 0)
		_exit(1);
	for (unsigned round = 1;; round++) {
		for (size_t i = 0; i < f->cells.count; i++) {
			const struct cell *c = &f->cells.item[i];
			struct pass_result r = { .guest = "reused" };
			char *dir = NULL;
			char *raw;
			int e;

			if (write(wr, "b", 1) != 1 ||
			    store_pass_begin(&f->store, c, stored_turn(round), &dir, NULL) < 0)
				_exit(1);
			raw = fs_path("%s/raw.json", dir);
			/* cell.json grows beyond one page: a write of it can be caught half-way */
			pass_add_evidence(&r, "log", large, "raw.json");
			e = fs_write_atomic(raw, "{}", 2, NULL);
			if (e < 0 ||
			    pass_add_metric(&r, "cold", &stored_speed, round, "raw.json", "x") <
				    0 ||
			    write(wr, "c", 1) != 1 ||
			    store_pass_commit(&f->store, c, stored_turn(round), 100000, &r, NULL) <
				    0 ||
			    store_save_run(&f->store, NULL) < 0)
				_exit(1);
			free(raw);
			free(dir);
			pass_result_free(&r);
		}
	}
}

/* Kill a driver @steps steps and some time into its work. */
static void run_and_kill(struct stored *f, struct rng *rng)
{
	uint64_t steps = 1 + rng_below(rng, 16);
	uint64_t extra_ns = rng_below(rng, 3 * NS_PER_MS);
	uint64_t until;
	int fds[2];
	int status;
	pid_t pid;
	char c;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		(void)close(fds[0]);
		(void)alarm(PATIENCE_S);
		child_driver(f, fds[1]);
	}
	assert_true(pid > 0);
	(void)close(fds[1]);
	for (uint64_t i = 0; i < steps; i++)
		assert_int_equal(read(fds[0], &c, 1), 1);
	/* Not to wait for something: to hit any moment of a step. */
	until = clock_now_ns() + extra_ns;
	while (clock_now_ns() < until)
		;
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(fds[0]);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* What cell.json names is there and complete. Returns how many passes it names. */
static size_t check_cell(struct stored *f, const struct cell *c)
{
	json_t *cell = json_incref(stored_cell(f, c));
	json_t *rounds = json_object_get(cell, "rounds");
	size_t count = json_array_size(rounds);
	size_t i;
	json_t *r;

	assert_string_equal(json_str_at(cell, "id", ""), c->id);
	json_array_foreach(rounds, i, r) {
		char path[400];

		(void)snprintf(path, sizeof(path), "%s/pass.json", json_str_at(r, "dir", "?"));
		assert_string_equal(json_str_at(stored_file(f, path), "status", ""), "ok");
		assert_int_equal(json_array_size(json_object_get(f->json, "evidence")), 1);
		(void)snprintf(path, sizeof(path), "%s/raw.json", json_str_at(r, "dir", "?"));
		(void)stored_file(f, path);
	}
	assert_int_equal(json_array_size(json_at(cell, "metrics[0].samples")), count);
	assert_int_equal(json_array_size(json_at(cell, "metrics[0].sources")), count);
	json_decref(cell);
	return count;
}

/* Every rN (no .part) of the cell's folder, named in cell.json or not, is complete. */
static size_t check_folders(struct stored *f, const struct cell *c)
{
	char path[400];
	size_t count = 0;
	struct dirent *d;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/cells/%s", f->store.dir, c->id);
	dir = opendir(path);
	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL) {
		if (d->d_name[0] != 'r' || strchr(d->d_name, '.'))
			continue;
		(void)snprintf(path, sizeof(path), "cells/%.192s/%.32s/pass.json", c->id,
			       d->d_name);
		(void)stored_file(f, path);
		count++;
	}
	(void)closedir(dir);
	return count;
}

/*
 * Goal: a kill loses at most the pass that it hits. Method: kill -9 a driver at 30 seeded moments;
 * then every file parses, and what cell.json names is complete.
 */
static void kills(void **state)
{
	struct stored *f = *state;
	struct rng rng = { KILL_SEED };
	size_t passes = 0;

	for (unsigned i = 0; i < KILLS; i++) {
		run_and_kill(f, &rng);
		f->store.dir = f->out;
		(void)stored_file(f, "run.json");
		for (size_t j = 0; j < f->cells.count; j++) {
			size_t named = check_cell(f, &f->cells.item[j]);

			assert_in_range(check_folders(f, &f->cells.item[j]), named, named + 1);
			passes += named;
		}
		f->store.dir = NULL;
		stored_good(f, fs_remove_tree(f->out, &f->err));
	}
	/* 30 kills after 8.5 steps of half a pass each: a driver that does nothing would show. */
	assert_true(passes > KILLS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stored_setup, stored_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kills),
	};

	(void)alarm(PATIENCE_S);
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
