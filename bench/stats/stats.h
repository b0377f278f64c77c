/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_STATS_STATS_H
#define VQ_STATS_STATS_H

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Small-sample statistics of measured values. Every function borrows its input and leaves it
 * unchanged, and refuses values that are not finite with -EINVAL, so that a damaged sample
 * never turns into a figure. All return 0 or a negative errno:
 *   -ENODATA  no values
 *   -EINVAL   a NaN or infinite value, or an argument outside its range
 *   -ERANGE   the result is not a finite number (sums of values near DBL_MAX)
 *   -ENOMEM
 * Outputs are untouched on failure.
 */

/**
 * stats_quantile() - sample quantile, type 7 (linear between order statistics at (n - 1) p).
 * @p: 0 to 1.
 * Source: Hyndman and Fan, "Sample Quantiles in Statistical Packages", The American
 * Statistician 50(4), 1996, definition 7; the default of R and NumPy.
 */
int stats_quantile(const double *values, size_t count, double p, double *ret) MUST_USE;

/** stats_median() - the type 7 quantile at 1/2: middle value, or mean of the two middle ones. */
int stats_median(const double *values, size_t count, double *ret) MUST_USE;

/**
 * stats_mad() - median absolute deviation from the median, in the unit of the values.
 * Not multiplied by 1.4826: no normal distribution is assumed.
 * Source: Hampel, "The Influence Curve and its Role in Robust Estimation", JASA 69, 1974.
 */
int stats_mad(const double *values, size_t count, double *ret) MUST_USE;

/** stats_range() - smallest and largest value. */
int stats_range(const double *values, size_t count, double *ret_min, double *ret_max) MUST_USE;

/** stats_mean() - arithmetic mean (compensated sum). */
int stats_mean(const double *values, size_t count, double *ret) MUST_USE;

/**
 * stats_geomean() - geometric mean of ratios; each must be above zero (-EINVAL).
 * Source: Fleming and Wallace, "How not to lie with statistics", CACM 29(3), 1986: the only
 * mean of normalised figures that does not depend on what they were normalised to.
 */
int stats_geomean(const double *ratios, size_t count, double *ret) MUST_USE;

/* A confidence interval, or the reason why there is none. */
struct stats_interval {
	bool known;
	double low;	     /* 0 when not known */
	double high;	     /* 0 when not known */
	const char *why_not; /* NULL when known; static text otherwise */
};

/* How an interval is computed: the same seed gives the same interval on every machine. */
struct stats_bootstrap {
	double level;	  /* of confidence, above 0 and below 1 */
	size_t resamples; /* at least 1 */
	uint64_t seed;
};

/* Fewer samples than this have no interval. */
#define STATS_INTERVAL_SAMPLES_MIN 3

/**
 * stats_ci_median() - percentile bootstrap interval of the median.
 * With fewer than STATS_INTERVAL_SAMPLES_MIN values the call succeeds and @ret says why there is
 * no interval. With n below about 6 the interval is the whole range of the values.
 * Source: Efron, "Bootstrap Methods: Another Look at the Jackknife", Ann. Statist. 7(1), 1979;
 * Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3.
 */
int stats_ci_median(const double *values, size_t count, const struct stats_bootstrap *how,
		    struct stats_interval *ret) MUST_USE;

/**
 * stats_ci_ratio() - percentile bootstrap interval of median(a) / median(b).
 * Both sides are resampled independently. Not known when either side has too few values or a
 * value of @b is not above zero (a resampled median could then be zero).
 */
int stats_ci_ratio(const double *a, size_t a_count, const double *b, size_t b_count,
		   const struct stats_bootstrap *how, struct stats_interval *ret) MUST_USE;

#endif
