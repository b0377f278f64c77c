/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_REPORT_BIG_H
#define VQ_TEST_REPORT_BIG_H

#include <stddef.h>

/**
 * report_big_write() - make a run folder of the size of a full plan: every stack and mode with
 * made-up figures that depend on nothing but their place, some cells n/a, failed and pending.
 * @rounds: timed rounds of each cell. Return: number of cells, or -errno.
 */
int report_big_write(const char *dir, size_t workloads, size_t rounds);

#endif
