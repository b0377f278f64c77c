// SPDX-License-Identifier: Apache-2.0
/* The load generator against the null device: what it counts, and that wrong replies are counted as such. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "conformance/front/load.h"

#define PATIENCE_S 60
#define COUNT	   2000

static void counts(void **state)
{
	static const uint64_t off[] = { 0, UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC,
					UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(off); i++) {
		struct front_options options = { .ring_size = 512, .features_off = off[i] };
		struct front_null *n;
		struct front *f;
		uint64_t live;

		assert_int_equal(front_null_open(&options, &f, &n, NULL), 0);
		live = f->memory->live;
		for (int kind = 0; kind < FRONT_LOAD_KINDS; kind++) {
			for (unsigned depth = 1; depth <= FRONT_LOAD_DEPTH_MAX; depth *= 8) {
				uint32_t latency[COUNT] = { 0 };
				struct front_load_result r;
				struct front_load_options o = { .kind = (enum front_load_kind)kind,
								.depth = depth,
								.count = COUNT,
								.nodeid = FRONT_ROOT,
								.name = "x",
								.file_size = MIB,
								.busy_poll = kind & 1,
								.latency_ns = latency,
								.latency_room = COUNT };

				assert_int_equal(front_load_run(f, &o, &r, NULL), 0);
				assert_int_equal(r.requests, COUNT);
				assert_int_equal(r.errors, 0);
				assert_true(r.per_s > 0 && r.cpu_ns > 0 && r.kicks <= COUNT);
				for (size_t k = 0; k < COUNT; k++)
					assert_true(latency[k] > 0);
				assert_int_equal(f->ring[1].in_flight, 0);
				assert_true(f->memory->live == live);
			}
		}
		assert_int_equal(front_evidence_count(f->evidence), 0);
		(void)front_null_close(n);
	}
}

/* The client's own ceiling: said, never judged. */
static void ceiling(void **state)
{
	static const unsigned depths[] = { 1, 16 };
	struct front_options options = { .ring_size = 128 };
	struct front_null *n;
	struct front *f;

	(void)state;
	assert_int_equal(front_null_open(&options, &f, &n, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(depths); i++) {
		struct front_load_result r;
		struct front_load_options o = { .kind = FRONT_LOAD_GETATTR,
						.depth = depths[i],
						.ns = 50 * NS_PER_MS,
						.nodeid = FRONT_ROOT };

		assert_int_equal(front_load_run(f, &o, &r, NULL), 0);
		(void)printf("null device, depth %2u: %9.0f/s, client %.2f us each\n", depths[i],
			     r.per_s, (double)r.cpu_ns / 1000.0 / (double)r.requests);
	}
	(void)front_null_close(n);
}

/* Nobody answers; then the device leaves. */
static void silence(void **state)
{
	struct front_options options = { .timeout_ms = 50 };
	struct front_load_options o = { .depth = 4, .count = 8, .nodeid = FRONT_ROOT, .queue = 1 };
	struct front_load_result r;
	struct err err;

	(void)state;
	for (int gone = 0; gone < 2; gone++) {
		struct front *f;
		int pair[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		options.fd = pair[0];
		assert_int_equal(front_open(&options, &f, NULL), 0);
		assert_int_equal(front_open_rings(f), 0);
		if (gone)
			(void)close(pair[1]);
		assert_int_equal(front_load_run(f, &o, &r, &err), gone ? -ECONNRESET : -ETIMEDOUT);
		assert_non_null(strstr(err.text, "getattr at depth 4"));
		(void)front_free(f);
		if (!gone)
			(void)close(pair[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts),
		cmocka_unit_test(ceiling),
		cmocka_unit_test(silence),
	};

	(void)alarm(PATIENCE_S);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
