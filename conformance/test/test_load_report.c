// SPDX-License-Identifier: Apache-2.0
/* What the load program makes of its samples: pairs of one round, the hardest of several daemons, figures, tables. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conformance/test/load.h"
#include "conformance/test/load_ping.h"

#define ROUNDS 5
#define KIND   FRONT_LOAD_READ_4K

static struct load_series slow, quick, own, bare, client;

/* The machine is twice as fast in every other round: only pairs tell who is better. */
static void fill(struct load_series *s, const char *id, enum load_role role, double per_s,
		 double cpu_ns)
{
	*s = (struct load_series){ .id = id, .role = role, .rounds = ROUNDS };
	for (unsigned kind = 0; kind < FRONT_LOAD_KINDS; kind++) {
		for (unsigned depth = 0; depth < LOAD_DEPTHS; depth++) {
			for (unsigned i = 0; i < ROUNDS; i++) {
				double weather = i % 2 ? 2 : 1;

				s->sample[kind][depth][i] = (struct load_sample){
					.per_s = per_s * weather,
					.cpu_ns = cpu_ns / weather,
					.client_ns = 500,
				};
			}
		}
	}
}

static struct load_table table(bool busy_poll)
{
	struct load_table t = { .busy_poll = busy_poll, .count = 5 };
	struct load_series *const all[] = { &slow, &quick, &own, &bare, &client };

	fill(&slow, "slow", LOAD_PACKAGED, 1000, 4000);
	fill(&quick, "quick", LOAD_PACKAGED, 2000, 5000);
	fill(&own, "refdev", LOAD_OWN, 2200, 4400);
	fill(&bare, "without ledger", LOAD_BARE, 2750, 4000);
	fill(&client, "client alone", LOAD_CLIENT, 9000, 0);
	slow.cannot_poll = true;
	client.rounds = 1;
	memcpy(t.series, all, sizeof(all));
	t.kinds[KIND] = true;
	return t;
}

static bool near(double a, double b)
{
	return a > b - 1e-9 && a < b + 1e-9;
}

static void ratios(void **state)
{
	struct load_table t = table(false);
	double r = 0;

	(void)state;
	assert_int_equal(load_ratio(&own, &bare, KIND, 0, false, &r), 0);
	assert_true(near(r, 0.8));
	/* One round that went wrong for one side alone moves nothing. */
	own.sample[KIND][1][2].per_s = 1;
	assert_int_equal(load_ratio(&own, &bare, KIND, 1, false, &r), 0);
	assert_true(near(r, 0.8));
	/* Requests against the daemon that serves most, CPU time against the one that takes least. */
	assert_int_equal(load_against_best(&t, KIND, 0, false, &r), 0);
	assert_true(near(r, 1.1));
	assert_int_equal(load_against_best(&t, KIND, 0, true, &r), 0);
	assert_true(near(r, 1.1));
}

static void nothing_to_compare(void **state)
{
	struct load_table t = table(false);
	double r = -1;

	(void)state;
	assert_int_equal(load_ratio(&own, &client, KIND, 0, true, &r), -ENODATA);
	own.rounds = 0;
	assert_int_equal(load_against_best(&t, KIND, 0, false, &r), -ENODATA);
	slow.role = quick.role = LOAD_BARE;
	own.rounds = ROUNDS;
	assert_int_equal(load_against_best(&t, KIND, 0, false, &r), -ENODATA);
	t.count = 2;
	assert_int_equal(load_against_best(&t, KIND, 0, false, &r), -ENODATA);
	assert_true(near(r, -1));
}

static json_t *figure(json_t *list, const char *name)
{
	size_t i;
	json_t *row;

	json_array_foreach(list, i, row) {
		if (strcmp(json_str_at(row, "name", ""), name) == 0)
			return row;
	}
	return NULL;
}

static void figures(void **state)
{
	struct load_table sleeping = table(false);
	struct load_table polling = table(true);
	json_auto_t *list = json_array();
	json_t *row;
	double value;

	(void)state;
	load_figures(&sleeping, list);
	assert_int_equal(json_array_size(list), 4 * LOAD_DEPTHS);
	row = figure(list, "rate, refdev / best packaged, read-4k depth 16");
	assert_non_null(row);
	assert_int_equal(json_number_at(row, "value", &value), 0);
	assert_true(near(value, 1.1));
	assert_true(json_is_true(json_object_get(row, "ok")));
	assert_string_equal(json_str_at(row, "unit", ""), "1");
	assert_string_equal(json_str_at(row, "target", ""), ">= 1");
	assert_string_equal(json_str_at(row, "samples_file", ""), LOAD_SAMPLES_FILE);
	row = figure(list, "CPU per request, refdev / best packaged, read-4k depth 1");
	assert_true(json_is_false(json_object_get(row, "ok")));
	row = figure(list, "CPU per request, ledger on / off, read-4k depth 1");
	assert_int_equal(json_number_at(row, "value", &value), 0);
	assert_true(near(value, 1.1));

	(void)json_array_clear(list);
	load_figures(&polling, list);
	assert_non_null(
		figure(list, "busy-polling: rate, refdev / best packaged, read-4k depth 1"));
	/* Who polls burns CPU time on purpose: that is no figure. */
	assert_int_equal(json_array_size(list), 3 * LOAD_DEPTHS);
}

static void printed(void **state)
{
	struct load_table t = table(true);
	CLEANUP(freep) char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(load_print(&t, out), 0);
	t.busy_poll = false;
	assert_int_equal(load_print(&t, out), 2);
	(void)fclose(out);
	assert_non_null(strstr(text, "busy-polling: "));
	assert_non_null(strstr(text, "slow (*)"));
	assert_non_null(strstr(text, "(*) cannot poll"));
	assert_non_null(strstr(text, "rate 1.10, CPU 1.10 (!)   rate 0.80, CPU 1.10"));
	assert_non_null(strstr(text, "9000/s  0.50 us"));
	assert_non_null(strstr(text, "2 of 2 rows behind"));
	assert_null(strstr(text, "getattr"));
}

static void as_json(void **state)
{
	struct load_table t = table(true);
	json_auto_t *medians = load_medians(&t);
	json_auto_t *samples = load_samples(&t);
	double value;

	(void)state;
	assert_int_equal(json_array_size(json_object_get(medians, "rows")), 5 * LOAD_DEPTHS);
	assert_true(json_is_false(json_at(medians, "rows[0].device_polls")));
	assert_true(json_is_true(json_at(medians, "rows[2].device_polls")));
	assert_int_equal(json_number_at(medians, "rows[2].per_s", &value), 0);
	assert_true(near(value, 2200));
	assert_true(json_is_null(json_at(medians, "rows[4].device_cpu_ns")));
	assert_int_equal(json_array_size(json_at(samples, "rows[2].per_s")), ROUNDS);
	assert_int_equal(json_array_size(json_at(samples, "rows[4].per_s")), 1);
}

/* Ratios of medians: one slow round of either side decides nothing. */
static void ping_pong(void **state)
{
	struct load_ping p = { .rounds = 3,
			       .ns = { [PING_BARE] = { 1000, 900000, 1000 },
				       [PING_LOAD] = { 1100, 1100, 500000 },
				       [PING_CHECK] = { 1500, 1500, 1500 } } };
	json_auto_t *list = json_array();
	json_auto_t *samples = load_ping_samples(&p);
	double value;

	(void)state;
	assert_int_equal(load_ping_ratio(&p, PING_LOAD, &value), 0);
	assert_true(near(value, 1.1));
	load_ping_figures(&p, list);
	p.ns[PING_LOAD][0] = 1300;
	p.ns[PING_LOAD][1] = 1300;
	load_ping_figures(&p, list);
	assert_int_equal(json_array_size(list), 4);
	assert_true(json_is_true(json_at(list, "[0].ok")));
	assert_true(json_is_false(json_at(list, "[2].ok")));
	/* Of a check it is for information. */
	assert_int_equal(json_number_at(list, "[1].value", &value), 0);
	assert_true(near(value, 1.5));
	assert_true(json_is_true(json_at(list, "[1].ok")));
	assert_int_equal(json_object_size(samples), PING_SIDES);
	p.rounds = 0;
	assert_int_equal(load_ping_ratio(&p, PING_LOAD, &value), -ENODATA);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ratios),  cmocka_unit_test(nothing_to_compare),
		cmocka_unit_test(figures), cmocka_unit_test(printed),
		cmocka_unit_test(as_json), cmocka_unit_test(ping_pong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
