/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CHECK_AREAS_H
#define VQ_CHECK_AREAS_H

#include "conformance/guest/check.h"

/* Each in the file of its name. */
extern const struct check_area area_names;
extern const struct check_area area_attrs;
extern const struct check_area area_data;
extern const struct check_area area_maps;
extern const struct check_area area_open;
extern const struct check_area area_space;
extern const struct check_area area_io;
extern const struct check_area area_folders;
extern const struct check_area area_links;
extern const struct check_area area_locks;
extern const struct check_area area_mounts;

#endif
