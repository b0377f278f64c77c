/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_WORKLOAD_ROWS_H
#define VQ_WORKLOAD_ROWS_H

#include "workload/workload.h"

/* One table for each source file with rows; registry.c joins them. */
struct workload_rows {
	const struct workload *row;
	size_t count;
};

extern const struct workload_rows workload_fio_rows;
extern const struct workload_rows workload_program_rows;
extern const struct workload_rows workload_window_rows;
extern const struct workload_rows workload_footprint_rows;

extern const struct workload_phase workload_cold_warm[2];
extern const struct workload_phase workload_cold_warm_once[2];
extern const struct workload_phase workload_guest_cold_warm[2];

#define PHASES_COLD_WARM      .phases = workload_cold_warm, .phase_count = 2
#define PHASES_COLD_WARM_ONCE .phases = workload_cold_warm_once, .phase_count = 2
#define PHASES_GUEST_COLD     .phases = workload_guest_cold_warm, .phase_count = 2
#define PHASES_COLD	      .phases = workload_cold_warm, .phase_count = 1
#define METRICS(table)	      .metrics = (table), .metric_count = ARRAY_SIZE(table)
#define LIST(...)	      ((const char *const[]){ __VA_ARGS__, NULL })

#endif
