// SPDX-License-Identifier: Apache-2.0
/* Statistics against values computed by hand; the arithmetic stands beside each. */
#include "stats/stats.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Tolerance: a few units in the last place of a double. */
#define NEAR(a, b) assert_true(near_enough(a, b))

static bool near_enough(double a, double b)
{
	return fabs(a - b) <= 1e-12 * fmax(1, fabs(b));
}

static const struct stats_bootstrap how95 = { .level = 0.95, .resamples = 2000, .seed = 7 };

static void quantile_type7(void **state)
{
	static const double v[] = { 40, 10, 30, 20 };
	double q;

	(void)state;
	/* h = 3 p: 0.25 -> 0.75 -> 10 + 0.75 * 10; 0.9 -> 2.7 -> 30 + 0.7 * 10 */
	assert_int_equal(stats_quantile(v, 4, 0, &q), 0);
	NEAR(q, 10);
	assert_int_equal(stats_quantile(v, 4, 0.25, &q), 0);
	NEAR(q, 17.5);
	assert_int_equal(stats_quantile(v, 4, 0.9, &q), 0);
	NEAR(q, 37);
	assert_int_equal(stats_quantile(v, 4, 1, &q), 0);
	NEAR(q, 40);
	NEAR(v[0], 40);
}

static void median_odd_even_one(void **state)
{
	static const double v[] = { 5, 1, 3, 9 };
	double m;

	(void)state;
	assert_int_equal(stats_median(v, 3, &m), 0);
	NEAR(m, 3);
	assert_int_equal(stats_median(v, 4, &m), 0);
	NEAR(m, 4);
	assert_int_equal(stats_median(v, 1, &m), 0);
	NEAR(m, 5);
	assert_int_equal(stats_median((const double[]){ DBL_MAX, DBL_MAX }, 2, &m), 0);
	assert_true(m == DBL_MAX);
}

static void mad_by_hand(void **state)
{
	/* median 3; deviations 2 1 0 1 97; sorted 0 1 1 2 97 */
	static const double v[] = { 1, 2, 3, 4, 100 };
	static const double same[] = { 7, 7, 7, 7 };
	/* more than half alike: MAD is 0 though one value differs */
	static const double mostly[] = { 7, 7, 7, 100 };
	double m;

	(void)state;
	assert_int_equal(stats_mad(v, 5, &m), 0);
	NEAR(m, 1);
	assert_int_equal(stats_mad(same, 4, &m), 0);
	assert_true(m == 0);
	assert_int_equal(stats_mad(mostly, 4, &m), 0);
	assert_true(m == 0);
	assert_int_equal(stats_mad(v, 1, &m), 0);
	assert_true(m == 0);
	m = 42;
	assert_int_equal(stats_mad((const double[]){ -DBL_MAX, DBL_MAX, DBL_MAX }, 3, &m), -ERANGE);
	assert_true(m == 42);
}

static void range_mean_geomean(void **state)
{
	static const double v[] = { 3, -1, 4 };
	static const double r[] = { 2, 0.5, 8 };
	double low;
	double high;
	double m;

	(void)state;
	assert_int_equal(stats_range(v, 3, &low, &high), 0);
	NEAR(low, -1);
	NEAR(high, 4);
	assert_int_equal(stats_mean(v, 3, &m), 0);
	NEAR(m, 2);
	/* 1e16 + 1 loses the 1 in a plain sum */
	assert_int_equal(stats_mean((const double[]){ 1e16, 1, -1e16, 3 }, 4, &m), 0);
	NEAR(m, 1);
	/* (2 * 1/2 * 8)^(1/3) = 2 */
	assert_int_equal(stats_geomean(r, 3, &m), 0);
	NEAR(m, 2);
	assert_int_equal(stats_geomean(v, 3, &m), -EINVAL);
	assert_int_equal(stats_geomean((const double[]){ 0 }, 1, &m), -EINVAL);
	assert_int_equal(stats_mean((const double[]){ DBL_MAX, DBL_MAX }, 2, &m), -ERANGE);
}

static void refuses_what_is_no_number(void **state)
{
	static const double bad[] = { 1, NAN, 3 };
	static const double endless[] = { 1, INFINITY, 3 };
	static const double good[] = { 1, 2, 3 };
	struct stats_interval ci;
	double x = 42;
	double y = 42;

	(void)state;
	assert_int_equal(stats_quantile(bad, 3, 0.5, &x), -EINVAL);
	assert_int_equal(stats_median(endless, 3, &x), -EINVAL);
	assert_int_equal(stats_mad(bad, 3, &x), -EINVAL);
	assert_int_equal(stats_range(bad, 3, &x, &y), -EINVAL);
	assert_int_equal(stats_mean(bad, 3, &x), -EINVAL);
	assert_int_equal(stats_geomean(bad, 3, &x), -EINVAL);
	assert_int_equal(stats_ci_median(bad, 3, &how95, &ci), -EINVAL);
	assert_int_equal(stats_ci_ratio(good, 3, bad, 3, &how95, &ci), -EINVAL);
	assert_int_equal(stats_ci_ratio(endless, 3, good, 3, &how95, &ci), -EINVAL);
	assert_int_equal(stats_quantile(good, 3, -0.1, &x), -EINVAL);
	assert_int_equal(stats_quantile(good, 3, 1.1, &x), -EINVAL);
	assert_int_equal(stats_quantile(good, 3, NAN, &x), -EINVAL);
	assert_true(x == 42 && y == 42);
}

static void nothing_in_nothing_out(void **state)
{
	struct stats_interval ci;
	double x = 42;
	double y = 42;

	(void)state;
	assert_int_equal(stats_quantile(NULL, 0, 0.5, &x), -ENODATA);
	assert_int_equal(stats_median(NULL, 0, &x), -ENODATA);
	assert_int_equal(stats_mad(NULL, 0, &x), -ENODATA);
	assert_int_equal(stats_range(NULL, 0, &x, &y), -ENODATA);
	assert_int_equal(stats_mean(NULL, 0, &x), -ENODATA);
	assert_int_equal(stats_geomean(NULL, 0, &x), -ENODATA);
	assert_int_equal(stats_ci_median(NULL, 0, &how95, &ci), -ENODATA);
	assert_true(x == 42 && y == 42);
}

static void interval_of_median(void **state)
{
	static const double same[] = { 5, 5, 5 };
	static const double two[] = { 5, 6 };
	/* n = 3: P(median = min) = P(at least 2 of 3 draws are it) = 7/27 > 2.5 % on each side */
	static const double three[] = { 12, 10, 11 };
	struct stats_interval ci;
	struct stats_interval again;

	(void)state;
	assert_int_equal(stats_ci_median(same, 3, &how95, &ci), 0);
	assert_true(ci.known && ci.low == 5 && ci.high == 5);
	assert_int_equal(stats_ci_median(two, 2, &how95, &ci), 0);
	assert_false(ci.known);
	assert_string_equal(ci.why_not, "fewer than 3 samples");
	assert_int_equal(stats_ci_median(three, 3, &how95, &ci), 0);
	assert_true(ci.known && ci.why_not == NULL);
	NEAR(ci.low, 10);
	NEAR(ci.high, 12);
	assert_int_equal(stats_ci_median(three, 3, &how95, &again), 0);
	assert_true(ci.low == again.low && ci.high == again.high);
}

/* With 45 values 1..45 and 95 %, order statistics 16 and 30 bracket the median (binomial). */
static void interval_has_the_right_width(void **state)
{
	double v[45];
	struct stats_interval ci;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		v[i] = (double)(i + 1);
	assert_int_equal(stats_ci_median(v, ARRAY_SIZE(v), &how95, &ci), 0);
	assert_true(ci.known);
	assert_true(ci.low >= 14 && ci.low <= 18);
	assert_true(ci.high >= 28 && ci.high <= 32);
}

static void interval_of_ratio(void **state)
{
	static const double a[] = { 20, 22, 21 };
	static const double b[] = { 10, 10, 10 };
	static const double zero[] = { 0, 1, 2 };
	struct stats_interval ci;

	(void)state;
	assert_int_equal(stats_ci_ratio(a, 3, b, 3, &how95, &ci), 0);
	assert_true(ci.known);
	NEAR(ci.low, 2);
	NEAR(ci.high, 2.2);
	assert_int_equal(stats_ci_ratio(a, 3, b, 2, &how95, &ci), 0);
	assert_false(ci.known);
	assert_int_equal(stats_ci_ratio(a, 3, zero, 3, &how95, &ci), 0);
	assert_false(ci.known);
	assert_string_equal(ci.why_not, "a value of the base is not above zero");
}

static void interval_arguments(void **state)
{
	static const double v[] = { 1, 2, 3 };
	static const struct stats_bootstrap bad[] = {
		{ .level = 0, .resamples = 10 },
		{ .level = 1, .resamples = 10 },
		{ .level = NAN, .resamples = 10 },
		{ .level = 0.95, .resamples = 0 },
	};
	struct stats_interval ci;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(stats_ci_median(v, 3, &bad[i], &ci), -EINVAL);
		assert_int_equal(stats_ci_ratio(v, 3, v, 3, &bad[i], &ci), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantile_type7),
		cmocka_unit_test(median_odd_even_one),
		cmocka_unit_test(mad_by_hand),
		cmocka_unit_test(range_mean_geomean),
		cmocka_unit_test(refuses_what_is_no_number),
		cmocka_unit_test(nothing_in_nothing_out),
		cmocka_unit_test(interval_of_median),
		cmocka_unit_test(interval_has_the_right_width),
		cmocka_unit_test(interval_of_ratio),
		cmocka_unit_test(interval_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
