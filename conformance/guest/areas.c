// SPDX-License-Identifier: Apache-2.0
#include "conformance/guest/areas.h"

static const struct check_area *const areas[] = {
	&area_names, &area_attrs,   &area_data,	 &area_maps,  &area_open,   &area_space,
	&area_io,    &area_folders, &area_links, &area_locks, &area_mounts,
};

const struct check_area *const *check_areas(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(areas);
	return areas;
}
