// SPDX-License-Identifier: Apache-2.0
#include "stats/stats.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

static int check_values(const double *values, size_t count)
{
	if (count == 0)
		return -ENODATA;
	for (size_t i = 0; i < count; i++)
		if (!isfinite(values[i]))
			return -EINVAL;
	return 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static int sorted_copy(const double *values, size_t count, double **ret)
{
	int e = check_values(values, count);
	double *copy;

	if (e < 0)
		return e;
	copy = reallocarray(NULL, count, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	memcpy(copy, values, count * sizeof(*copy));
	qsort(copy, count, sizeof(*copy), by_value);
	*ret = copy;
	return 0;
}

/* Both factors are scaled, not the difference: it may overflow where the result does not. */
static double between(double low, double high, double part)
{
	if (low == high)
		return low;
	return low * (1 - part) + high * part;
}

static double sorted_quantile(const double *sorted, size_t count, double p)
{
	double at = (double)(count - 1) * p;
	size_t low = (size_t)floor(at);

	if (low + 1 >= count)
		return sorted[count - 1];
	return between(sorted[low], sorted[low + 1], at - (double)low);
}

int stats_quantile(const double *values, size_t count, double p, double *ret)
{
	CLEANUP(freep) double *sorted = NULL;
	int e;

	if (!(p >= 0 && p <= 1))
		return -EINVAL;
	e = sorted_copy(values, count, &sorted);
	if (e < 0)
		return e;
	*ret = sorted_quantile(sorted, count, p);
	return 0;
}

int stats_median(const double *values, size_t count, double *ret)
{
	return stats_quantile(values, count, 0.5, ret);
}

int stats_mad(const double *values, size_t count, double *ret)
{
	CLEANUP(freep) double *deviation = NULL;
	double median;
	int e = sorted_copy(values, count, &deviation);

	if (e < 0)
		return e;
	median = sorted_quantile(deviation, count, 0.5);
	for (size_t i = 0; i < count; i++) {
		deviation[i] = fabs(deviation[i] - median);
		if (!isfinite(deviation[i]))
			return -ERANGE;
	}
	return stats_median(deviation, count, ret);
}

int stats_range(const double *values, size_t count, double *ret_min, double *ret_max)
{
	int e = check_values(values, count);
	double low;
	double high;

	if (e < 0)
		return e;
	low = high = values[0];
	for (size_t i = 1; i < count; i++) {
		low = fmin(low, values[i]);
		high = fmax(high, values[i]);
	}
	*ret_min = low;
	*ret_max = high;
	return 0;
}

/* Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", 1974. */
int stats_mean(const double *values, size_t count, double *ret)
{
	int e = check_values(values, count);
	double sum = 0;
	double lost = 0;

	if (e < 0)
		return e;
	for (size_t i = 0; i < count; i++) {
		double next = sum + values[i];

		if (fabs(sum) >= fabs(values[i]))
			lost += (sum - next) + values[i];
		else
			lost += (values[i] - next) + sum;
		sum = next;
	}
	sum = (sum + lost) / (double)count;
	if (!isfinite(sum))
		return -ERANGE;
	*ret = sum;
	return 0;
}

int stats_geomean(const double *ratios, size_t count, double *ret)
{
	int e = check_values(ratios, count);
	double logs = 0;

	if (e < 0)
		return e;
	for (size_t i = 0; i < count; i++) {
		if (ratios[i] <= 0)
			return -EINVAL;
		logs += log(ratios[i]);
	}
	*ret = exp(logs / (double)count);
	return 0;
}

/* One side of a bootstrap: the sorted sample and, per value, how often it was drawn. */
struct resampled {
	double *sorted;
	size_t *drawn;
	size_t count;
};

static void resampled_free(struct resampled *s)
{
	free(s->sorted);
	free(s->drawn);
}

static int resampled_init(struct resampled *s, const double *values, size_t count)
{
	int e = sorted_copy(values, count, &s->sorted);

	if (e < 0)
		return e;
	s->count = count;
	s->drawn = calloc(count, sizeof(*s->drawn));
	return s->drawn ? 0 : -ENOMEM;
}

/* The value at @rank of the drawn sample: values are sorted, so it is enough to count. */
static double drawn_at(const struct resampled *s, size_t rank)
{
	size_t seen = 0;
	size_t i = 0;

	while (i + 1 < s->count && seen + s->drawn[i] <= rank)
		seen += s->drawn[i++];
	return s->sorted[i];
}

static double draw_median(struct resampled *s, struct rng *rng)
{
	memset(s->drawn, 0, s->count * sizeof(*s->drawn));
	for (size_t i = 0; i < s->count; i++)
		s->drawn[rng_below(rng, s->count)]++;
	return between(drawn_at(s, (s->count - 1) / 2), drawn_at(s, s->count / 2), 0.5);
}

static int check_how(const struct stats_bootstrap *how)
{
	if (!(how->level > 0 && how->level < 1) || how->resamples < 1)
		return -EINVAL;
	return 0;
}

static int interval_from(double *statistics, const struct stats_bootstrap *how,
			 struct stats_interval *ret)
{
	double tail = (1 - how->level) / 2;

	if (check_values(statistics, how->resamples) < 0)
		return -ERANGE;
	qsort(statistics, how->resamples, sizeof(*statistics), by_value);
	*ret = (struct stats_interval){
		.known = true,
		.low = sorted_quantile(statistics, how->resamples, tail),
		.high = sorted_quantile(statistics, how->resamples, 1 - tail),
	};
	return 0;
}

static const char too_few[] = "fewer than 3 samples";

int stats_ci_median(const double *values, size_t count, const struct stats_bootstrap *how,
		    struct stats_interval *ret)
{
	CLEANUP(resampled_free) struct resampled side = { 0 };
	CLEANUP(freep) double *statistics = NULL;
	struct rng rng = { .state = how->seed };
	int e = check_how(how);

	if (e == 0)
		e = check_values(values, count);
	if (e < 0)
		return e;
	if (count < STATS_INTERVAL_SAMPLES_MIN) {
		*ret = (struct stats_interval){ .why_not = too_few };
		return 0;
	}
	statistics = reallocarray(NULL, how->resamples, sizeof(*statistics));
	if (!statistics)
		return -ENOMEM;
	e = resampled_init(&side, values, count);
	if (e < 0)
		return e;
	for (size_t i = 0; i < how->resamples; i++)
		statistics[i] = draw_median(&side, &rng);
	return interval_from(statistics, how, ret);
}

static const char *no_ratio(size_t a_count, const double *b, size_t b_count)
{
	if (a_count < STATS_INTERVAL_SAMPLES_MIN || b_count < STATS_INTERVAL_SAMPLES_MIN)
		return too_few;
	for (size_t i = 0; i < b_count; i++)
		if (b[i] <= 0)
			return "a value of the base is not above zero";
	return NULL;
}

int stats_ci_ratio(const double *a, size_t a_count, const double *b, size_t b_count,
		   const struct stats_bootstrap *how, struct stats_interval *ret)
{
	CLEANUP(resampled_free) struct resampled over = { 0 };
	CLEANUP(resampled_free) struct resampled under = { 0 };
	CLEANUP(freep) double *statistics = NULL;
	struct rng rng = { .state = how->seed };
	const char *why_not;
	int e = check_how(how);

	if (e == 0)
		e = check_values(a, a_count);
	if (e == 0)
		e = check_values(b, b_count);
	if (e < 0)
		return e;
	why_not = no_ratio(a_count, b, b_count);
	if (why_not) {
		*ret = (struct stats_interval){ .why_not = why_not };
		return 0;
	}
	statistics = reallocarray(NULL, how->resamples, sizeof(*statistics));
	if (!statistics)
		return -ENOMEM;
	e = resampled_init(&over, a, a_count);
	if (e == 0)
		e = resampled_init(&under, b, b_count);
	if (e < 0)
		return e;
	for (size_t i = 0; i < how->resamples; i++) {
		double top = draw_median(&over, &rng);

		statistics[i] = top / draw_median(&under, &rng);
	}
	return interval_from(statistics, how, ret);
}
