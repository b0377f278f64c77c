// SPDX-License-Identifier: Apache-2.0
/* bench/base: buffers, lists, order, errors and clocks. Files and processes: test_base_*.c. */
#include "scratch.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/strv.h"

/* --- buf --- */

/* Goal: a limit keeps the first bytes and counts the others. Method: add across the limit. */
static void buf_limit(void **state)
{
	struct scratch *f = *state;

	f->text.max = 10;
	assert_int_equal(buf_add(&f->text, "12345678", 8), 0);
	assert_int_equal(f->text.dropped, 0);
	assert_int_equal(buf_add(&f->text, "abcde", 5), 0);
	assert_string_equal(buf_text(&f->text), "12345678ab");
	assert_int_equal(f->text.dropped, 3);
	assert_int_equal(buf_printf(&f->text, "%s", "xyz"), 0);
	assert_int_equal(f->text.size, 10);
	assert_int_equal(f->text.dropped, 6);
	buf_clear(&f->text);
	assert_string_equal(buf_text(&f->text), "");
	assert_int_equal(f->text.dropped, 0);
	assert_int_equal(f->text.max, 10);
}

/* Goal: growth keeps content, bytes may be NUL, taking empties. Method: 100000 bytes in odd steps. */
static void buf_growth_and_take(void **state)
{
	struct scratch *f = *state;
	char step[37];
	char *taken;

	assert_string_equal(buf_text(&f->text), "");
	for (size_t i = 0; i < sizeof(step); i++)
		step[i] = (char)i;
	for (unsigned i = 0; i < 3000; i++)
		assert_int_equal(buf_add(&f->text, step, sizeof(step)), 0);
	assert_int_equal(f->text.size, 3000 * sizeof(step));
	assert_memory_equal(f->text.data + 2999 * sizeof(step), step, sizeof(step));
	assert_int_equal(f->text.data[f->text.size], 0);
	taken = buf_take(&f->text);
	assert_memory_equal(taken, step, sizeof(step));
	free(taken);
	assert_int_equal(f->text.size, 0);
	taken = buf_take(&f->text);
	assert_string_equal(taken, "");
	free(taken);
}

/* --- strv --- */

/* Goal: a shell reads a quoted line back as it was. Method: sh prints each argument with a NUL. */
static void quoting_read_back(void **state)
{
	static const char *const words[] = {
		"plain", "",	     "a b", "it's", "'",     "''",  "$HOME", "`id`",   "\\",
		"\n",	 "a\nb",     "*",   "?",    "[a]",   "~",   "~/x",   "a;b",    "#no",
		"{a,b}", "\"",	     "\t",  "!",    "a&b",   "a|b", ">x",    "$(x)",   "-n",
		"--a=b", "\303\251", "\\'", "a%b",  "x,y:z", "()",  " lead", "trail ", NULL,
	};
	struct scratch *f = *state;
	struct strv v = { 0 };
	struct strv script = { 0 };

	strv_add_all(&v, words);
	assert_int_equal(strv_failed(&v), 0);
	assert_int_equal(v.count, ARRAY_SIZE(words) - 1);
	f->joined = strv_join_quoted(v.item);
	assert_non_null(f->joined);
	strv_addf(&script, "printf '%%s\\0' %s", f->joined);
	for (size_t i = 0; words[i]; i++)
		assert_int_equal(buf_add(&f->text, words[i], strlen(words[i]) + 1), 0);
	assert_int_equal(scratch_run(f, script.item[0], (struct proc_spec){ 0 }), 0);
	assert_int_equal(f->out.out.size, f->text.size);
	assert_memory_equal(f->out.out.data, f->text.data, f->text.size);
	strv_free(&v);
	strv_free(&script);
}

/* Goal: harmless words stay readable. Method: compare with the line that is expected. */
static void quoting_only_where_needed(void **state)
{
	char *argv[] = { (char *)(uintptr_t) "/usr/bin/x", (char *)(uintptr_t) "--a=b,c:d",
			 (char *)(uintptr_t) "two words", (char *)(uintptr_t) "", NULL };
	struct scratch *f = *state;

	f->joined = strv_join_quoted(argv);
	assert_string_equal(f->joined, "/usr/bin/x --a=b,c:d 'two words' ''");
}

/* Goal: a list that nothing was added to is an error. Method: ask. */
static void empty_list_fails(void **state)
{
	struct strv v = { 0 };

	(void)state;
	assert_true(strv_failed(&v));
	strv_free(&v);
}

/* --- rng --- */

/*
 * Goal: an order is the same on every machine. Method: the reference values of SplitMix64 for
 * seed 1234567 (as published by Vigna), and a shuffle computed by a second implementation.
 */
static void rng_pinned(void **state)
{
	static const uint64_t reference[] = {
		UINT64_C(6457827717110365317),	UINT64_C(3203168211198807973),
		UINT64_C(9817491932198370423),	UINT64_C(4593380528125082431),
		UINT64_C(16408922859458223821),
	};
	static const size_t shuffled[] = { 0, 9, 5, 8, 6, 4, 7, 2, 1, 3 };
	struct rng r = { 1234567 };
	size_t index[ARRAY_SIZE(shuffled)];
	unsigned char bytes[11];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(reference); i++)
		assert_true(rng_next(&r) == reference[i]);
	for (size_t i = 0; i < ARRAY_SIZE(index); i++)
		index[i] = i;
	r.state = 42;
	rng_shuffle(&r, index, ARRAY_SIZE(index));
	assert_memory_equal(index, shuffled, sizeof(index));
	r.state = 1234567;
	rng_fill(&r, bytes, sizeof(bytes));
	assert_memory_equal(bytes, reference, 8);
	assert_memory_equal(bytes + 8, &reference[1], 3);
}

/* Goal: rng_below() stays below, reaches every value, evenly. Method: many draws, also of odd n. */
static void rng_below_bounds(void **state)
{
	static const uint64_t bounds[] = { 1, 2, 3, 7, 10 };
	struct rng r = { 5 };

	(void)state;
	for (size_t b = 0; b < ARRAY_SIZE(bounds); b++) {
		unsigned seen[10] = { 0 };

		for (unsigned i = 0; i < 10000; i++) {
			uint64_t v = rng_below(&r, bounds[b]);

			assert_true(v < bounds[b]);
			seen[v]++;
		}
		/* Expected 10000/n each; 20 % off is more than six standard deviations. */
		for (uint64_t v = 0; v < bounds[b]; v++)
			assert_in_range(seen[v], 8000 / bounds[b], 12000 / bounds[b]);
	}
	for (unsigned i = 0; i < 100; i++)
		assert_true(rng_below(&r, UINT64_MAX / 2 + 2) <= UINT64_MAX / 2 + 1);
}

/* Goal: a shuffle loses and doubles nothing. Method: count every index, for sizes from 0. */
static void shuffle_is_a_permutation(void **state)
{
	(void)state;
	for (size_t n = 0; n < 60; n++) {
		struct rng r = { n };
		size_t index[60];
		unsigned seen[60] = { 0 };

		for (size_t i = 0; i < n; i++)
			index[i] = i;
		rng_shuffle(&r, index, n);
		for (size_t i = 0; i < n; i++) {
			assert_true(index[i] < n);
			seen[index[i]]++;
		}
		for (size_t i = 0; i < n; i++)
			assert_int_equal(seen[i], 1);
	}
}

/* Goal: a shuffle makes every order. Method: all six of three items, over a few seeds. */
static void shuffle_reaches_every_order(void **state)
{
	unsigned seen[3][3] = { { 0 } };

	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct rng r = { seed };
		size_t index[] = { 0, 1, 2 };

		rng_shuffle(&r, index, ARRAY_SIZE(index));
		seen[index[0]][index[1]]++;
	}
	/* Of 100 each order has 16.7 expected: fewer than 4 has a chance below 1 in 10000. */
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < 3; j++)
			assert_in_range(seen[i][j], i == j ? 0 : 4, i == j ? 0 : 40);
}

/* --- err --- */

/* Goal: context is put before, causes behind, and nothing overflows. Method: long texts. */
static void error_texts(void **state)
{
	struct scratch *f = *state;
	char longer[3000];

	assert_int_equal(err_errno(&f->err, -ENOENT, "open %s", "x"), -ENOENT);
	assert_string_equal(f->err.text, "open x: No such file or directory");
	assert_int_equal(err_prefix(&f->err, -EIO, "while %d", 5), -EIO);
	assert_string_equal(f->err.text, "while 5: open x: No such file or directory");
	memset(longer, 'y', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(err_errno(&f->err, -EIO, "%s", longer), -EIO);
	assert_int_equal(strlen(f->err.text), sizeof(f->err.text) - 1);
	assert_int_equal(err_prefix(&f->err, -EIO, "z"), -EIO);
	assert_memory_equal(f->err.text, "z: yyy", 6);
	assert_int_equal(strlen(f->err.text), sizeof(f->err.text) - 1);
	assert_int_equal(err_set(NULL, -EPERM, "dropped"), -EPERM);
	assert_int_equal(err_prefix(NULL, -EPERM, "dropped"), -EPERM);
}

/* --- clock --- */

static uint64_t ceil_ms(uint64_t ns)
{
	return (ns + NS_PER_MS - 1) / NS_PER_MS;
}

/* Goal: time left is rounded up, so that poll() never spins. Method: bounds by the clock around. */
static void left_rounds_up(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 200; i++) {
		uint64_t before = clock_now_ns();
		uint64_t deadline = before + 10 * NS_PER_MS + i * 7919;
		uint64_t left = (uint64_t)clock_left_ms(deadline);
		uint64_t after = clock_now_ns();

		assert_true(left <= ceil_ms(deadline - before));
		if (after < deadline)
			assert_true(left >= ceil_ms(deadline - after));
	}
	assert_int_equal(clock_left_ms(0), 0);
	assert_int_equal(clock_left_ms(clock_now_ns()), 0);
	assert_int_equal(clock_left_ms(UINT64_MAX - NS_PER_S), INT_MAX);
	assert_in_range(clock_left_ms(clock_deadline_ms(5000)), 1, 5000);
}

/* Goal: a stamp sorts by time and names no zone but UTC. Method: its form, and the day by gmtime. */
static void utc_stamp(void **state)
{
	char stamp[17], day[9];
	time_t before = time(NULL);
	time_t after;
	struct tm tm;

	(void)state;
	clock_utc_stamp(stamp, sizeof(stamp));
	after = time(NULL);
	assert_int_equal(strlen(stamp), 16);
	assert_int_equal(strspn(stamp, "0123456789"), 8);
	assert_int_equal(stamp[8], 'T');
	assert_int_equal(strspn(stamp + 9, "0123456789"), 6);
	assert_int_equal(stamp[15], 'Z');
	(void)strftime(day, sizeof(day), "%Y%m%d", gmtime_r(&before, &tm));
	if (memcmp(stamp, day, 8) != 0)
		(void)strftime(day, sizeof(day), "%Y%m%d", gmtime_r(&after, &tm));
	assert_memory_equal(stamp, day, 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(buf_limit),
		TEST(buf_growth_and_take),
		TEST(quoting_read_back),
		TEST(quoting_only_where_needed),
		TEST(empty_list_fails),
		TEST(rng_pinned),
		TEST(rng_below_bounds),
		TEST(shuffle_is_a_permutation),
		TEST(shuffle_reaches_every_order),
		TEST(error_texts),
		TEST(left_rounds_up),
		TEST(utc_stamp),
	};

	(void)alarm(SCRATCH_PATIENCE_S);
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
