/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CHECK_AREAS_H
#define VQ_CHECK_AREAS_H

#include "conformance/guest/check.h"

/* Each in the file of its name. */
extern const struct check_area area_names;

#endif
