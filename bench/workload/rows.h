/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_WORKLOAD_ROWS_H
#define VQ_WORKLOAD_ROWS_H

#include "workload/workload.h"

/* One declaration per row; registry.c lists them, a test compares that list with the sources. */
extern const struct workload workload_seqread_psync;
extern const struct workload workload_seqread_mmap;
extern const struct workload workload_randread_psync;
extern const struct workload workload_seqwrite_psync;
extern const struct workload workload_metadata;
extern const struct workload workload_ops_reference;

#endif
