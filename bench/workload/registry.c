// SPDX-License-Identifier: Apache-2.0
#include "workload/rows.h"

#include <assert.h>
#include <string.h>

#define WORKLOADS_MAX 128

const struct workload_phase workload_cold_warm[2] = {
	{ .name = "cold", .state = STATE_COLD },
	{ .name = "warm", .state = STATE_WARM, .repeat = true },
};

const struct workload_phase workload_cold_warm_once[2] = {
	{ .name = "cold", .state = STATE_COLD },
	{ .name = "warm", .state = STATE_WARM },
};

const struct workload_phase workload_guest_cold_warm[2] = {
	{ .name = "guest-cold", .state = STATE_GUEST_COLD },
	{ .name = "warm", .state = STATE_WARM },
};

const struct workload *const *workload_list(size_t *ret_count)
{
	static const struct workload_rows *const tables[] = { &workload_fio_rows,
							      &workload_program_rows,
							      &workload_window_rows,
							      &workload_footprint_rows };
	static const struct workload *list[WORKLOADS_MAX];
	size_t n = 0;

	/* Always the same pointers, so that calling it again changes nothing. */
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		for (size_t i = 0; i < tables[t]->count; i++) {
			assert(n < WORKLOADS_MAX);
			list[n++] = &tables[t]->row[i];
		}
	}
	*ret_count = n;
	return list;
}

const struct workload *workload_find(const char *id)
{
	size_t n;
	const struct workload *const *list = workload_list(&n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i]->id, id) == 0)
			return list[i];
	return NULL;
}
