// SPDX-License-Identifier: Apache-2.0
#include "conformance/runner/claims.h"

#include "conformance/runner/areas.h"

#include <string.h>

static bool claims(const struct check *c, const char *name)
{
	size_t length = strlen(name);
	char word[64];

	for (const char *at = c->catches; (at = words_next(at, word, sizeof(word)));)
		if (strncmp(word, name, length) == 0 &&
		    (word[length] == '\0' || word[length] == ':'))
			return true;
	return false;
}

bool check_claims_fault(const char *name)
{
	size_t count;
	const struct check_area *const *area = device_areas(&count);

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < area[i]->count; j++)
			if (claims(&area[i]->checks[j], name))
				return true;
	return false;
}
