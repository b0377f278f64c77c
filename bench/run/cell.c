// SPDX-License-Identifier: Apache-2.0
#include "run/cell.h"

#include <string.h>

void cell_name(struct cell *c)
{
	if (!c->vmm) {
		(void)snprintf(c->id, sizeof(c->id), "%s.%s", c->stack->id, c->workload->id);
		return;
	}
	(void)snprintf(c->id, sizeof(c->id), "%s.%s.%s.%s.%s.%s.%s", c->stack->id, c->vmm->id,
		       cache_name(c->cache), c->writeback ? "wb" : "nowb", dax_name(c->dax),
		       c->kernel->id, c->workload->id);
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
