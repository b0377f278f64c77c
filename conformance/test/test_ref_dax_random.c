// SPDX-License-Identifier: Apache-2.0
/* Random mappings, removals and sizes against a page-per-page model, with a front end that refuses at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "conformance/ref/dax/dax.h"
#include "conformance/test/test_ref_dax_fake.h"

#define FILES	   4
#define FILE_PAGES 48 /* beyond it nothing is mapped */
#define WINDOWS	   2
#define PAGES	   64 /* of each window */
#define OPERATIONS 100000

struct page {
	int file; /* -1: the driver has nothing here */
	unsigned file_page;
	bool weak; /* a refusal may have left a hole here */
};

struct world {
	struct dax_share *share;
	struct fake_front *front[WINDOWS];
	struct dax_window *window[WINDOWS];
	struct page model[WINDOWS][PAGES];
	struct dax_file file[FILES];
	uint64_t size[FILES];
	bool passthrough;
	bool naks;
	struct rng rng;
	uint64_t refused; /* operations that failed as a whole */
	uint64_t compared;
};

static uint64_t below(struct world *w, uint64_t n)
{
	return rng_below(&w->rng, n);
}

static void write_page(struct world *w, unsigned file, unsigned page)
{
	uint8_t bytes[FAKE_PAGE];
	uint64_t at = page * FAKE_PAGE;
	uint64_t left = at < w->size[file] ? w->size[file] - at : 0;

	rng_fill(&w->rng, bytes, sizeof(bytes));
	if (left > sizeof(bytes))
		left = sizeof(bytes);
	if (left)
		assert_int_equal(pwrite(w->file[file].fd, bytes, left, (off_t)at), left);
}

static void open_world(struct world *w, enum ref_tail tail, unsigned nak_percent)
{
	const struct ref_options o = { .tail = tail, .shared_dir = "/tmp" };
	struct err err;

	memset(w, 0, sizeof(*w));
	w->rng.state = 7;
	w->naks = nak_percent;
	w->passthrough = tail == REF_TAIL_PASSTHROUGH;
	if (dax_share_open(&o, &w->share, &err) < 0)
		fail_msg("%s", err.text);
	for (unsigned i = 0; i < FILES; i++) {
		struct stat st;

		w->file[i].fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		assert_int_equal(fstat(w->file[i].fd, &st), 0);
		w->file[i].dev = st.st_dev;
		w->file[i].ino = st.st_ino;
	}
	for (unsigned i = 0; i < WINDOWS; i++) {
		w->front[i] = fake_open(PAGES * FAKE_PAGE);
		w->front[i]->nak_percent = nak_percent;
		assert_int_equal(
			dax_window_new(w->share, &w->front[i]->window, &w->window[i], NULL), 0);
		for (unsigned p = 0; p < PAGES; p++)
			w->model[i][p].file = -1;
	}
}

static void check_counts(struct world *w, unsigned window)
{
	struct dax_counts c;

	dax_window_counts(w->window[window], &c);
	assert_int_equal(c.setups, c.removals + c.live);
	assert_int_equal(c.live, w->front[window]->count);
	assert_int_equal(c.setups, w->front[window]->maps);
}

/* Does the window show what the model says? */
static void check_page(struct world *w, unsigned window, unsigned p)
{
	const struct page *m = &w->model[window][p];
	bool live = fake_live(w->front[window], p * FAKE_PAGE);
	uint64_t at = m->file_page * FAKE_PAGE;
	uint8_t want[FAKE_PAGE] = { 0 };

	if (m->file < 0) {
		assert_false(live);
		return;
	}
	if (at >= w->size[m->file])
		return; /* beyond the end: mapped or not, nobody may touch it */
	if (!live && m->weak)
		return;
	assert_true(live);
	assert_true(pread(w->file[m->file].fd, want, sizeof(want), (off_t)at) > 0);
	assert_memory_equal(w->front[window]->base + p * FAKE_PAGE, want, sizeof(want));
	w->compared++;
}

static void check_world(struct world *w, bool pages)
{
	for (unsigned i = 0; i < WINDOWS; i++) {
		if (w->front[i]->violations)
			fail_msg("%s", w->front[i]->first_violation);
		check_counts(w, i);
		for (unsigned p = 0; pages && p < PAGES; p++)
			check_page(w, i, p);
	}
}

/* After a refusal: what was there is there, or nothing, and a later change may bring it back. */
static void settle(struct world *w, unsigned window)
{
	w->refused++;
	for (unsigned p = 0; p < PAGES; p++)
		if (!fake_live(w->front[window], p * FAKE_PAGE))
			w->model[window][p].weak = true;
}

static void do_map(struct world *w)
{
	unsigned window = (unsigned)below(w, WINDOWS);
	unsigned file = (unsigned)below(w, FILES);
	unsigned at = (unsigned)below(w, PAGES);
	unsigned pages = 1 + (unsigned)below(w, below(w, 4) ? 8 : PAGES);
	unsigned from = (unsigned)below(w, FILE_PAGES);
	struct fuse_setupmapping_in in = { .flags = 1 + below(w, 3) };
	int e;

	if (pages > PAGES - at)
		pages = PAGES - at;
	if (below(w, 2)) /* often at the same distance, so that mappings agree with each other */
		from = at;
	in.moffset = at * FAKE_PAGE;
	in.len = pages * FAKE_PAGE;
	in.foffset = from * FAKE_PAGE;
	e = dax_map(w->window[window], &w->file[file], &in);
	if (e < 0) {
		assert_true(w->naks);
		settle(w, window);
		return;
	}
	for (unsigned p = at; p < at + pages; p++)
		w->model[window][p] = (struct page){ .file = (int)file,
						     .file_page = from + p - at };
}

static void do_unmap(struct world *w)
{
	struct fuse_removemapping_one one[3];
	unsigned window = (unsigned)below(w, WINDOWS);
	unsigned count = (unsigned)below(w, ARRAY_SIZE(one) + 1);
	int e;

	for (unsigned i = 0; i < count; i++) {
		one[i].moffset = below(w, PAGES) * FAKE_PAGE;
		one[i].len = (1 + below(w, PAGES - one[i].moffset / FAKE_PAGE)) * FAKE_PAGE;
		if (below(w, 2) && one[i].len > 4 * FAKE_PAGE)
			one[i].len = 4 * FAKE_PAGE;
	}
	e = dax_unmap(w->window[window], one, count);
	assert_true(e == 0 || w->naks);
	for (unsigned i = 0; e == 0 && i < count; i++)
		for (uint64_t p = 0; p < one[i].len / FAKE_PAGE; p++)
			w->model[window][one[i].moffset / FAKE_PAGE + p].file = -1;
	if (e < 0)
		settle(w, window);
}

static void do_resize(struct world *w)
{
	unsigned by = (unsigned)below(w, WINDOWS);
	unsigned file = (unsigned)below(w, FILES);
	uint64_t size = below(w, FILE_PAGES * FAKE_PAGE);
	const struct dax_file *f = &w->file[file];
	uint64_t old = w->size[file];
	struct dax_shrink shrink = { .next = NULL };

	if (below(w, 3) == 0)
		size = size / FAKE_PAGE * FAKE_PAGE;
	if (size < old)
		dax_before_shrink(w->share, w->window[by], f->dev, f->ino, size, &shrink);
	for (unsigned p = 0; size < old && p < PAGES; p++) {
		const struct page *m = &w->model[!by][p];

		if (m->file == (int)file && m->file_page * FAKE_PAGE >= size)
			assert_false(fake_live(w->front[!by], p * FAKE_PAGE));
	}
	assert_int_equal(ftruncate(f->fd, (off_t)size), 0);
	w->size[file] = size;
	if (size > old)
		write_page(w, file, (unsigned)(old / FAKE_PAGE));
	dax_after_shrink(w->share, &shrink, f);
	for (unsigned i = 0; w->naks && i < WINDOWS; i++)
		for (unsigned p = 0; p < PAGES; p++)
			if (w->model[i][p].file == (int)file &&
			    !fake_live(w->front[i], p * FAKE_PAGE))
				w->model[i][p].weak = true;
}

/* A store of the guest and one of the host, then both sides agree. */
static void do_store(struct world *w)
{
	unsigned window = (unsigned)below(w, WINDOWS);
	unsigned p = (unsigned)below(w, PAGES);
	const struct page *m = &w->model[window][p];
	uint64_t at = m->file_page * FAKE_PAGE + below(w, FAKE_PAGE);
	uint8_t byte = (uint8_t)below(w, 256);

	if (m->file < 0 || at >= w->size[m->file] || !fake_live(w->front[window], p * FAKE_PAGE))
		return;
	w->front[window]->base[p * FAKE_PAGE + at % FAKE_PAGE] = byte;
	dax_sync(w->share, w->file[m->file].dev, w->file[m->file].ino);
	write_page(w, (unsigned)m->file, (unsigned)below(w, FILE_PAGES));
	dax_sync(w->share, w->file[m->file].dev, w->file[m->file].ino);
}

static void do_clear(struct world *w)
{
	unsigned window = (unsigned)below(w, WINDOWS);
	bool gone = below(w, 2);

	if (below(w, 50))
		return;
	if (gone)
		fake_drop_all(w->front[window]);
	dax_window_clear(w->window[window], gone);
	for (unsigned p = 0; p < PAGES; p++)
		w->model[window][p].file = -1;
	fake_drop_all(w->front[window]); /* the front end may have refused an unmap */
}

static void run_random(enum ref_tail tail, unsigned nak_percent)
{
	static void (*const operation[])(struct world *) = { do_map,	do_map,	  do_map,
							     do_map,	do_unmap, do_unmap,
							     do_resize, do_store, do_clear };
	static struct world w;

	open_world(&w, tail, nak_percent);
	for (unsigned i = 0; i < OPERATIONS; i++) {
		operation[below(&w, ARRAY_SIZE(operation))](&w);
		if (getenv("DBG"))
			fprintf(stderr, "%u\n", i);
		check_world(&w, i % 8 == 0);
	}
	print_message("%llu pages compared, %llu operations refused\n",
		      (unsigned long long)w.compared, (unsigned long long)w.refused);
	assert_true(w.compared > OPERATIONS);
	assert_true(!nak_percent == !w.refused);
	for (unsigned i = 0; i < WINDOWS; i++) {
		w.window[i] = dax_window_free(w.window[i]);
		fake_close(w.front[i]);
	}
	for (unsigned i = 0; i < FILES; i++)
		assert_int_equal(close(w.file[i].fd), 0);
	w.share = dax_share_close(w.share);
}

static void test_random_shadow(void **state)
{
	(void)state;
	run_random(REF_TAIL_SHADOW, 0);
}

static void test_random_shadow_naks(void **state)
{
	(void)state;
	run_random(REF_TAIL_SHADOW, 10);
}

static void test_random_passthrough(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("passthrough needs root\n");
		skip();
	}
	run_random(REF_TAIL_PASSTHROUGH, 0);
}

static void test_random_passthrough_naks(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("passthrough needs root\n");
		skip();
	}
	run_random(REF_TAIL_PASSTHROUGH, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_shadow),
		cmocka_unit_test(test_random_shadow_naks),
		cmocka_unit_test(test_random_passthrough),
		cmocka_unit_test(test_random_passthrough_naks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
