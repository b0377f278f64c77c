// SPDX-License-Identifier: Apache-2.0
#include "conformance/guest/areas.h"

static const struct check_area *const areas[] = {
	&area_names,
};

const struct check_area *const *check_areas(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(areas);
	return areas;
}
