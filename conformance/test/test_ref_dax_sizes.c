// SPDX-License-Identifier: Apache-2.0
/* Files of all kinds of sizes, seen through a window with real bytes: both ways, growth, truncation, names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "conformance/test/test_ref_dax_rig.h"

static const uint64_t sizes[] = {
	1, 100, 4095, 4096, 4097, RIG_RANGE - 1, RIG_RANGE, RIG_RANGE + 1, 5 * MIB,
};

static uint8_t content_at(uint64_t i)
{
	return (uint8_t)(i * 31 + (i >> 12) * 7 + 1);
}

static void fill(const struct dax_file *f, uint64_t size)
{
	uint8_t *data = malloc(size);

	assert_non_null(data);
	for (uint64_t i = 0; i < size; i++)
		data[i] = content_at(i);
	assert_int_equal(pwrite(f->fd, data, size, 0), size);
	free(data);
}

static void map_ranges(const struct rig *r, unsigned window, const struct dax_file *f,
		       uint64_t size)
{
	for (uint64_t at = 0; at < size; at += RIG_RANGE)
		assert_int_equal(
			rig_map(r, window, f, at, at, RIG_RANGE, FUSE_SETUPMAPPING_FLAG_READ), 0);
}

/* The window shows the file, and zeros behind its end in the last page. */
static void same(const struct rig *r, unsigned window, const struct dax_file *f)
{
	const uint8_t *base = r->front[window]->base;
	struct stat st;
	uint64_t size, rounded;
	uint8_t *data;

	assert_int_equal(fstat(f->fd, &st), 0);
	size = (uint64_t)st.st_size;
	rounded = (size + FAKE_PAGE - 1) / FAKE_PAGE * FAKE_PAGE;
	data = calloc(1, rounded + 1);
	assert_non_null(data);
	assert_int_equal(pread(f->fd, data, size, 0), size);
	for (uint64_t p = 0; p < rounded; p += FAKE_PAGE)
		assert_true(fake_live(r->front[window], p));
	assert_memory_equal(base, data, rounded);
	free(data);
}

static void sync_both(const struct rig *r, const struct dax_file *f)
{
	if (!r->passthrough)
		dax_sync(r->share, f->dev, f->ino);
}

static void store_and_see(const struct rig *r, const struct dax_file *f, uint64_t at)
{
	volatile uint8_t *base = r->front[0]->base;
	uint8_t byte = (uint8_t)~base[at];
	uint8_t seen = 0;

	base[at] = byte;
	sync_both(r, f);
	assert_int_equal(pread(f->fd, &seen, 1, (off_t)at), 1);
	assert_int_equal(seen, byte);
	byte = (uint8_t)(byte * 3 + 1);
	assert_int_equal(pwrite(f->fd, &byte, 1, (off_t)at), 1);
	sync_both(r, f);
	assert_int_equal(base[at], byte);
	assert_int_equal(r->front[1]->base[at], byte);
}

static void both_ways(const struct rig *r, const struct dax_file *f, uint64_t size)
{
	const uint64_t places[] = { 0, size / 2, size - 1, size / FAKE_PAGE * FAKE_PAGE,
				    (size - 1) / FAKE_PAGE * FAKE_PAGE };

	for (unsigned i = 0; i < ARRAY_SIZE(places); i++)
		if (places[i] < size)
			store_and_see(r, f, places[i]);
	same(r, 0, f);
	same(r, 1, f);
}

/* By a few bytes, over a page, to the end of the range: at once in what is mapped already. */
static void grow(const struct rig *r, const struct dax_file *f, uint64_t size)
{
	const uint64_t end = (size + RIG_RANGE - 1) / RIG_RANGE * RIG_RANGE;
	const uint64_t steps[] = { 3, 100, 4096, 8192 };
	unsigned setups = r->front[0]->maps;

	for (unsigned i = 0; i < ARRAY_SIZE(steps) && size + steps[i] <= end; i++) {
		uint8_t data[8192];

		memset(data, 0xa0 + (int)i, sizeof(data));
		rig_write(r, f, size, data, steps[i]);
		size += steps[i];
		same(r, 0, f);
		same(r, 1, f);
	}
	if (size < end) {
		rig_write(r, f, end - 1, "e", 1);
		same(r, 0, f);
	}
	if (r->passthrough) /* no message at all */
		assert_int_equal(r->front[0]->maps, setups);
}

static void shrink_and_regrow(const struct rig *r, const struct dax_file *f, uint64_t size)
{
	const uint64_t to[] = { size / 2, size / 3 / FAKE_PAGE * FAKE_PAGE, 1, 0 };

	for (unsigned i = 0; i < ARRAY_SIZE(to); i++) {
		rig_truncate(r, 0, f, to[i]);
		/* The guest that did not ask has nothing behind the end that could kill its VMM. */
		for (uint64_t p = (to[i] + FAKE_PAGE - 1) / FAKE_PAGE; p < RIG_RANGE / FAKE_PAGE;
		     p++)
			assert_false(fake_live(r->front[1], p * FAKE_PAGE));
		same(r, 0, f);
		same(r, 1, f);
		rig_truncate(r, 0, f, size);
		same(r, 0, f); /* zeros, never old bytes: same() compares with the file */
		same(r, 1, f);
		fill(f, size);
		sync_both(r, f);
		same(r, 0, f);
	}
}

static void one_size(enum ref_tail tail, uint64_t size)
{
	struct rig r;
	struct dax_file f;

	rig_open_as(&r, tail);
	f = rig_file(size);
	fill(&f, size);
	map_ranges(&r, 0, &f, size);
	map_ranges(&r, 1, &f, size);
	same(&r, 0, &f);
	same(&r, 1, &f);
	both_ways(&r, &f, size);
	grow(&r, &f, size);
	shrink_and_regrow(&r, &f, size);
	rig_check(&r);
	/* Stores reach the file when the mapping goes, without any sync. */
	r.front[0]->base[size - 1] = 0x5a;
	dax_window_clear(r.window[0], false);
	assert_int_equal(r.front[0]->count, 0);
	{
		uint8_t seen;

		assert_int_equal(pread(f.fd, &seen, 1, (off_t)size - 1), 1);
		assert_int_equal(seen, 0x5a);
	}
	rig_close(&r);
	assert_int_equal(close(f.fd), 0);
}

static void test_sizes_passthrough(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		one_size(REF_TAIL_PASSTHROUGH, sizes[i]);
}

static void test_sizes_shadow(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		one_size(REF_TAIL_SHADOW, sizes[i]);
}

/* An empty file: mapped before it has a byte, right once it has some. */
static void empty_file(enum ref_tail tail)
{
	struct rig r;
	struct dax_file f;

	rig_open_as(&r, tail);
	f = rig_file(0);
	map_ranges(&r, 0, &f, 1);
	if (tail == REF_TAIL_SHADOW)
		assert_int_equal(r.front[0]->maps, 0); /* an empty file is never passed */
	rig_write(&r, &f, 0, "hello", 5);
	same(&r, 0, &f);
	r.front[0]->base[4] = 'u';
	rig_write(&r, &f, 5000, "x", 1);
	same(&r, 0, &f);
	assert_int_equal(r.front[0]->base[4], 'u');
	rig_close(&r);
	assert_int_equal(close(f.fd), 0);
}

static void test_empty_file(void **state)
{
	(void)state;
	empty_file(REF_TAIL_SHADOW);
	empty_file(REF_TAIL_PASSTHROUGH);
}

/* A mapping does not care what happens to the name. */
static void names(enum ref_tail tail)
{
	char path[] = "/tmp/vq-dax-XXXXXX";
	char other[sizeof(path) + 2];
	struct rig r;
	struct dax_file f;
	struct stat st;

	rig_open_as(&r, tail);
	f.fd = mkostemp(path, O_CLOEXEC);
	(void)snprintf(other, sizeof(other), "%s-2", path);
	assert_true(f.fd >= 0);
	fill(&f, 5000);
	assert_int_equal(fstat(f.fd, &st), 0);
	f.dev = st.st_dev;
	f.ino = st.st_ino;
	map_ranges(&r, 0, &f, 5000);
	map_ranges(&r, 1, &f, 5000);
	assert_int_equal(rename(path, other), 0);
	both_ways(&r, &f, 5000);
	assert_int_equal(unlink(other), 0);
	both_ways(&r, &f, 5000);
	/* Nor about the handle that it was made with. */
	{
		int again = dup(f.fd);

		assert_int_equal(close(f.fd), 0);
		f.fd = again;
	}
	both_ways(&r, &f, 5000);
	rig_close(&r);
	assert_int_equal(close(f.fd), 0);
}

static void test_names(void **state)
{
	(void)state;
	names(REF_TAIL_SHADOW);
	names(REF_TAIL_PASSTHROUGH);
}

/* Growth by the host, of which the device hears nothing: passthrough shows it at once. */
static void test_host_grows(void **state)
{
	struct rig r;
	struct dax_file f;

	(void)state;
	rig_open_as(&r, REF_TAIL_PASSTHROUGH);
	f = rig_file(10);
	map_ranges(&r, 0, &f, 1);
	assert_int_equal(pwrite(f.fd, "far", 3, RIG_RANGE - 3), 3);
	assert_memory_equal(r.front[0]->base + RIG_RANGE - 3, "far", 3);
	r.front[0]->base[8191] = 'g';
	same(&r, 0, &f);
	rig_close(&r);
	assert_int_equal(close(f.fd), 0);
}

/* What the shadow promises of its page: each side's own bytes survive, the guest's win, none appear behind. */
static void test_shadow_merges(void **state)
{
	uint8_t seen[12];
	struct rig r;
	struct dax_file f;
	volatile uint8_t *base;

	(void)state;
	rig_open_as(&r, REF_TAIL_SHADOW);
	f = rig_file(0);
	assert_int_equal(pwrite(f.fd, "0123456789", 10, 0), 10);
	map_ranges(&r, 0, &f, 1);
	base = r.front[0]->base;
	assert_int_equal(base[9], '9');
	base[0] = 'G';
	base[5] = 'G';
	base[100] = 'G'; /* behind the end: lost, as in any mapping */
	assert_int_equal(pwrite(f.fd, "H", 1, 1), 1);
	assert_int_equal(pwrite(f.fd, "H", 1, 5), 1);
	dax_sync(r.share, f.dev, f.ino);
	assert_int_equal(pread(f.fd, seen, sizeof(seen), 0), 10);
	assert_memory_equal(seen, "GH234G6789", 10);
	assert_memory_equal((const void *)base, "GH234G6789", 10);
	assert_int_equal(base[100], 0);
	/* A sync without a change writes nothing: time stamps tell. */
	{
		struct stat before, after;

		assert_int_equal(fstat(f.fd, &before), 0);
		(void)usleep(20000);
		dax_sync(r.share, f.dev, f.ino);
		assert_int_equal(fstat(f.fd, &after), 0);
		assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
	}
	rig_close(&r);
	assert_int_equal(close(f.fd), 0);
}

/* Of the range in window 0 that begins at @at, @bytes are there, and nothing behind them. */
static void assert_ends(const struct rig *r, uint64_t at, uint64_t bytes)
{
	for (uint64_t p = 0; p < RIG_RANGE; p += FAKE_PAGE)
		assert_int_equal(fake_live(r->front[0], at + p), p < bytes);
}

#define CUT_TO (FAKE_PAGE + 50)
#define KEPT   (2 * FAKE_PAGE)

/*
 * Guest 1 cuts a file, and has not come to ftruncate() yet. Whatever guest 0 asks for until then (attributes, with the
 * size that the file still has; another mapping; an unmap that leaves a part) maps nothing of what is about to go.
 */
static void under_way(enum ref_tail tail, bool fails)
{
	struct dax_shrink shrink, none = { .next = NULL };
	struct dax_file f, g;
	struct rig r;

	rig_open_as(&r, tail);
	f = rig_file(RIG_RANGE);
	g = rig_file(FAKE_PAGE);
	fill(&f, RIG_RANGE);
	assert_int_equal(rig_map(&r, 0, &f, 0, 0, RIG_RANGE, FUSE_SETUPMAPPING_FLAG_READ), 0);
	assert_ends(&r, 0, RIG_RANGE);
	dax_before_shrink(r.share, r.window[1], f.dev, f.ino, CUT_TO, &shrink);
	assert_ends(&r, 0, KEPT);
	dax_after_resize(r.share, &f);
	assert_ends(&r, 0, KEPT);
	assert_int_equal(rig_map(&r, 0, &f, 0, RIG_RANGE, RIG_RANGE, FUSE_SETUPMAPPING_FLAG_READ),
			 0);
	assert_ends(&r, RIG_RANGE, KEPT);
	assert_int_equal(rig_map(&r, 0, &g, 0, RIG_RANGE, FAKE_PAGE, FUSE_SETUPMAPPING_FLAG_READ),
			 0);
	assert_ends(&r, RIG_RANGE, KEPT);
	/* Another file's is nobody's business here, nor is one that never began. */
	dax_after_shrink(r.share, &none, &g);
	dax_after_resize(r.share, &f);
	assert_ends(&r, 0, KEPT);
	if (!fails)
		assert_int_equal(ftruncate(f.fd, CUT_TO), 0);
	dax_after_resize(r.share, &f);
	assert_ends(&r, 0, KEPT);
	dax_after_shrink(r.share, &shrink, &f);
	assert_ends(&r, 0, fails ? RIG_RANGE : KEPT);
	/* Then sizes count again. */
	assert_int_equal(ftruncate(f.fd, RIG_RANGE), 0);
	dax_after_resize(r.share, &f);
	assert_ends(&r, 0, RIG_RANGE);
	same(&r, 0, &f);
	rig_close(&r);
	assert_int_equal(close(f.fd), 0);
	assert_int_equal(close(g.fd), 0);
}

/* Nobody had the file mapped when it began, and of two that are under way the shorter one counts. */
static void under_way_unmapped(enum ref_tail tail)
{
	struct dax_shrink a, b;
	struct dax_file f;
	struct rig r;

	rig_open_as(&r, tail);
	f = rig_file(RIG_RANGE);
	dax_before_shrink(r.share, r.window[1], f.dev, f.ino, CUT_TO, &a);
	dax_before_shrink(r.share, r.window[1], f.dev, f.ino, 5 * FAKE_PAGE, &b);
	assert_int_equal(rig_map(&r, 0, &f, 0, 0, RIG_RANGE, FUSE_SETUPMAPPING_FLAG_READ), 0);
	assert_ends(&r, 0, KEPT);
	assert_int_equal(ftruncate(f.fd, CUT_TO), 0);
	dax_after_shrink(r.share, &a, &f);
	assert_ends(&r, 0, KEPT);
	assert_int_equal(ftruncate(f.fd, 5 * FAKE_PAGE), 0);
	dax_after_shrink(r.share, &b, &f);
	assert_ends(&r, 0, 5 * FAKE_PAGE);
	rig_close(&r);
	assert_int_equal(close(f.fd), 0);
}

static void test_shrink_under_way(void **state)
{
	(void)state;
	for (int fails = 0; fails < 2; fails++)
		under_way(REF_TAIL_SHADOW, fails);
	under_way_unmapped(REF_TAIL_SHADOW);
	for (int fails = 0; fails < 2; fails++)
		under_way(REF_TAIL_PASSTHROUGH, fails);
	under_way_unmapped(REF_TAIL_PASSTHROUGH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes_shadow),	 cmocka_unit_test(test_sizes_passthrough),
		cmocka_unit_test(test_empty_file),	 cmocka_unit_test(test_names),
		cmocka_unit_test(test_host_grows),	 cmocka_unit_test(test_shadow_merges),
		cmocka_unit_test(test_shrink_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
