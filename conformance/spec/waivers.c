// SPDX-License-Identifier: Apache-2.0
/* What has no check, and why. At most 5 % of the rows with means D (README.md). */
#include "conformance/spec/rows.h"

#include <string.h>

/*
 * { .row = "VIRTIO-...", .means = D, .reason = "a sentence" }. A row whose every means is waived
 * is not checked at all; a check that comes later takes its waiver away.
 */
static const struct spec_waiver waivers[] = {};

const struct spec_waiver *spec_waivers(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(waivers);
	return waivers;
}

const char *spec_waived(const char *id, enum spec_means means)
{
	size_t count;
	const struct spec_waiver *w = spec_waivers(&count);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(w[i].row, id) == 0 && w[i].means & means)
			return w[i].reason;
	}
	return NULL;
}
