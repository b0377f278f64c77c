/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_DEVICE_AREAS_H
#define VQ_DEVICE_AREAS_H

#include "conformance/check.h"

/* One for each file of this folder; areas.c lists them, and a test compares that list with the folder. */
extern const struct check_area area_config;
extern const struct check_area area_names;

#endif
