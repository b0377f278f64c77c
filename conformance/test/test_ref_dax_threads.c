// SPDX-License-Identifier: Apache-2.0
/* Several workers and several guests at once. A deadlock ends the program by its alarm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "conformance/test/test_ref_dax_rig.h"

#define P	 FAKE_PAGE
#define R	 FUSE_SETUPMAPPING_FLAG_READ
#define WORKERS	 4
#define ROUNDS	 400
#define PATIENCE 60 /* s */

struct worker {
	pthread_t thread;
	struct rig *r;
	struct dax_file *file;
	unsigned index;
	unsigned errors;
};

static void run_workers(struct rig *r, struct dax_file *file, unsigned count, void *(*body)(void *),
			bool same_file)
{
	struct worker worker[WORKERS];

	for (unsigned i = 0; i < count; i++) {
		worker[i] = (struct worker){ .r = r, .index = i, .file = &file[same_file ? 0 : i] };
		assert_int_equal(pthread_create(&worker[i].thread, NULL, body, &worker[i]), 0);
	}
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(pthread_join(worker[i].thread, NULL), 0);
		assert_int_equal(worker[i].errors, 0);
	}
}

static void open_files(struct dax_file *file, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint8_t page[FAKE_PAGE];

		file[i] = rig_file(4 * P + 100);
		for (unsigned k = 0; k < 4; k++) {
			memset(page, (int)(1 + i * 16 + k), sizeof(page));
			assert_int_equal(pwrite(file[i].fd, page, sizeof(page), (off_t)(k * P)),
					 sizeof(page));
		}
	}
}

static void close_files(struct dax_file *file, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(close(file[i].fd), 0);
}

/* Its own range of window 0, again and again; what it has mapped it must see. */
static void *own_range(void *argument)
{
	struct worker *w = argument;
	uint64_t at = w->index * RIG_RANGE;

	for (unsigned i = 0; i < ROUNDS; i++) {
		const volatile uint8_t *seen = w->r->front[0]->base + at;

		if (rig_map(w->r, 0, w->file, i % 3 * P, at, RIG_RANGE, R) < 0 ||
		    *seen != 1 + w->index * 16 + i % 3)
			w->errors++;
		if (i % 2 && rig_unmap(w->r, 0, at, RIG_RANGE) < 0)
			w->errors++;
	}
	return NULL;
}

static void different_ranges(enum ref_tail tail)
{
	struct dax_file file[WORKERS];
	struct rig r;

	rig_open_as(&r, tail);
	open_files(file, WORKERS);
	r.front[0]->delay_us = 20;
	run_workers(&r, file, WORKERS, own_range, false);
	rig_check(&r);
	rig_close(&r);
	close_files(file, WORKERS);
}

static void test_different_ranges(void **state)
{
	(void)state;
	different_ranges(REF_TAIL_SHADOW);
	different_ranges(REF_TAIL_PASSTHROUGH);
}

/* All want the same range with different files: each request succeeds, one of them remains whole. */
static void *one_range(void *argument)
{
	struct worker *w = argument;

	for (unsigned i = 0; i < ROUNDS; i++)
		if (rig_map(w->r, 0, w->file, 0, i % 2 * P, 4 * P, R) < 0)
			w->errors++;
	return NULL;
}

static void test_same_range(void **state)
{
	struct dax_file file[WORKERS];
	const uint8_t *base;
	struct rig r;

	(void)state;
	rig_open_as(&r, REF_TAIL_SHADOW);
	open_files(file, WORKERS);
	run_workers(&r, file, WORKERS, one_range, false);
	rig_check(&r);
	base = r.front[0]->base + P;
	for (unsigned k = 1; k < 4; k++)
		assert_int_equal(base[k * P], base[0] + k);
	rig_close(&r);
	close_files(file, WORKERS);
}

/*
 * Guest n maps file 1 - n and changes the size of file n, which the other guest has mapped: so each works on
 * the other's window while the other works on its.
 */
static void *shrink_the_other(void *argument)
{
	struct worker *w = argument;
	const struct dax_file *mine = &w->file[w->index];
	const struct dax_file *theirs = &w->file[1 - w->index];

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t size = (1 + i % 4) * P + 50;
		struct dax_shrink shrink;

		if (rig_map(w->r, w->index, theirs, 0, 0, RIG_RANGE, R) < 0)
			w->errors += w->r->passthrough;
		dax_before_shrink(w->r->share, w->r->window[w->index], mine->dev, mine->ino, size,
				  &shrink);
		if (ftruncate(mine->fd, (off_t)size) < 0)
			w->errors++;
		dax_after_shrink(w->r->share, &shrink, mine);
		dax_sync(w->r->share, theirs->dev, theirs->ino);
		if (i % 8 == 7)
			dax_window_clear(w->r->window[w->index], false);
	}
	return NULL;
}

static void shrink_each_other(enum ref_tail tail)
{
	struct dax_file file[2];
	struct rig r;

	rig_open_as(&r, tail);
	open_files(file, 2);
	for (unsigned i = 0; i < 2; i++) {
		r.front[i]->delay_us = 20;
		/* The size may change between the look at it and the map: a refusal is right then. */
		r.front[i]->lenient_size = tail == REF_TAIL_SHADOW;
	}
	run_workers(&r, file, 2, shrink_the_other, true);
	rig_check(&r);
	rig_close(&r);
	close_files(file, 2);
}

static void test_shrink_each_other(void **state)
{
	(void)state;
	shrink_each_other(REF_TAIL_SHADOW);
	shrink_each_other(REF_TAIL_PASSTHROUGH);
}

static void *map_once(void *argument)
{
	struct worker *w = argument;

	w->errors = rig_map(w->r, 0, w->file, 0, 0, 4 * P, R) < 0;
	return NULL;
}

/* While one front end does not answer, counts are read and the other window works. */
static void test_others_go_on(void **state)
{
	struct dax_counts c;
	struct dax_file file[1];
	struct worker worker;
	struct rig r;

	(void)state;
	rig_open_as(&r, REF_TAIL_SHADOW);
	open_files(file, 1);
	(void)pthread_mutex_lock(&r.front[0]->lock); /* it hangs */
	worker = (struct worker){ .r = &r, .file = file };
	assert_int_equal(pthread_create(&worker.thread, NULL, map_once, &worker), 0);
	while (!r.front[0]->calls)
		(void)usleep(100);
	for (unsigned i = 0; i < 100; i++) {
		dax_window_counts(r.window[0], &c);
		assert_int_equal(c.setups, 0);
		assert_int_equal(rig_map(&r, 1, &file[0], 0, 0, 4 * P, R), 0);
		assert_int_equal(rig_unmap(&r, 1, 0, 4 * P), 0);
	}
	dax_window_counts(r.window[1], &c);
	assert_int_equal(c.setups, 100);
	(void)pthread_mutex_unlock(&r.front[0]->lock);
	assert_int_equal(pthread_join(worker.thread, NULL), 0);
	assert_int_equal(worker.errors, 0);
	rig_close(&r);
	close_files(file, 1);
}

/* Windows come and go while another guest changes sizes of what they map. */
static void *come_and_go(void *argument)
{
	struct worker *w = argument;
	struct fake_front *front = fake_open(RIG_RANGE);

	for (unsigned i = 0; i < ROUNDS; i++) {
		const struct fuse_setupmapping_in in = { .len = RIG_RANGE, .flags = R };
		struct dax_window *window;

		if (dax_window_new(w->r->share, &front->window, &window, NULL) < 0 ||
		    dax_map(window, w->file, &in) < 0)
			w->errors++;
		if (i % 2)
			dax_window_clear(window, false);
		window = dax_window_free(window);
		fake_drop_all(front);
	}
	w->errors += front->violations;
	fake_close(front);
	return NULL;
}

static void *change_sizes(void *argument)
{
	struct worker *w = argument;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t size = (1 + i % 4) * P + 50;
		struct dax_shrink shrink;

		dax_before_shrink(w->r->share, NULL, w->file->dev, w->file->ino, size, &shrink);
		if (ftruncate(w->file->fd, (off_t)size) < 0)
			w->errors++;
		dax_after_shrink(w->r->share, &shrink, w->file);
	}
	return NULL;
}

static void *come_go_and_change(void *argument)
{
	const struct worker *w = argument;

	return w->index % 2 ? change_sizes(argument) : come_and_go(argument);
}

static void test_windows_come_and_go(void **state)
{
	struct dax_file file[1];
	struct rig r;

	(void)state;
	rig_open_as(&r, REF_TAIL_PASSTHROUGH);
	open_files(file, 1);
	run_workers(&r, file, WORKERS, come_go_and_change, true);
	rig_close(&r);
	close_files(file, 1);
}

/* setups = removals + live at every moment, not only when nothing happens. */
static void *watch_counts(void *argument)
{
	struct worker *w = argument;

	if (w->index)
		return own_range(argument);
	for (unsigned i = 0; i < 20 * ROUNDS; i++) {
		struct dax_counts c;

		dax_window_counts(w->r->window[0], &c);
		w->errors += c.setups != c.removals + c.live;
		w->errors += (c.live == 0) != (c.live_bytes == 0);
	}
	return NULL;
}

static void test_counts_at_every_moment(void **state)
{
	struct dax_file file[WORKERS];
	struct rig r;

	(void)state;
	rig_open_as(&r, REF_TAIL_SHADOW);
	open_files(file, WORKERS);
	run_workers(&r, file, WORKERS, watch_counts, false);
	rig_close(&r);
	close_files(file, WORKERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_different_ranges),
		cmocka_unit_test(test_same_range),
		cmocka_unit_test(test_shrink_each_other),
		cmocka_unit_test(test_others_go_on),
		cmocka_unit_test(test_windows_come_and_go),
		cmocka_unit_test(test_counts_at_every_moment),
	};

	(void)alarm(PATIENCE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
