// SPDX-License-Identifier: Apache-2.0
#include "run/cell.h"

#include <inttypes.h>
#include <string.h>

static void add_part(struct cell *c, char separator, const char *part)
{
	size_t used = strlen(c->id);

	if (part && part[0])
		(void)snprintf(c->id + used, sizeof(c->id) - used, "%c%s", separator, part);
}

void cell_name(struct cell *c)
{
	bool modes = stack_is_virtiofs(c->stack);
	char variant[64];
	char window[32] = "";

	if (c->window_bytes)
		(void)snprintf(window, sizeof(window), "%" PRIu64 "m", c->window_bytes / MIB);
	(void)snprintf(c->id, sizeof(c->id), "%s", c->stack->id);
	add_part(c, '+', stack_variant(c->stack, c->options, variant, sizeof(variant)));
	add_part(c, '.', c->vmm ? c->vmm->id : NULL);
	add_part(c, '.', cache_name(c->cache));
	add_part(c, '.', !modes ? NULL : c->writeback ? "wb" : "nowb");
	add_part(c, '.', dax_name(c->dax));
	add_part(c, '.', window);
	add_part(c, '.', c->kernel ? c->kernel->id : NULL);
	add_part(c, '.', c->workload->id);
}

const struct cell *cells_find(const struct cell_list *l, const char *id)
{
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->item[i].id, id) == 0)
			return &l->item[i];
	return NULL;
}

int cells_add(struct cell_list *l, const struct cell *c)
{
	struct cell *p;

	if (cells_find(l, c->id))
		return 0;
	p = reallocarray(l->item, l->count + 1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	l->item = p;
	l->item[l->count++] = *c;
	return 0;
}

void cells_free(struct cell_list *l)
{
	free(l->item);
	*l = (struct cell_list){ 0 };
}
