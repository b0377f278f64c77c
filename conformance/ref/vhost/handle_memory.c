// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>

#include "conformance/ref/fault/fault.h"
#include "conformance/ref/vhost/conn.h"

/* The whole table is replaced; on an error the old one stays. */
int conn_set_mem_table(struct conn *c, struct msg *m, struct err *reterr)
{
	const struct vhost_user_mem_table *t = &m->body.table;
	struct memory *table;

	if (t->count > VHOST_USER_MEM_REGIONS_MAX || t->count != m->fd_count ||
	    m->head.size < offsetof(struct vhost_user_mem_table, region) +
				   t->count * sizeof(t->region[0])) {
		(void)err_set(reterr, -EPROTO, "%u regions, %zu descriptors, %u bytes", t->count,
			      m->fd_count, m->head.size);
		return -EINVAL;
	}
	if (memory_count(c->memory.table) > 0 && fault_at(FAULT_MEM_TABLE_ONCE))
		return 0;
	table = memory_new();
	if (!table)
		return err_set(reterr, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < t->count; i++) {
		struct memory *next;
		int e = memory_add(table, &t->region[i], m->fd[i], &next, reterr);

		(void)memory_unref(table);
		if (e < 0)
			return e;
		table = next;
	}
	conn_memory_set(c, table);
	return 0;
}

/*
 * The guest must find its new memory known here when it is told of a mapping. A thread that waits to tell it need not
 * wait for our own mmap(), though: whoever looks for memory from now on sees another generation, and waits at the lock.
 */
int conn_add_mem_reg(struct conn *c, struct msg *m, struct err *reterr)
{
	const struct vhost_user_mem_region *r = &m->body.reg.region;
	struct memory *old = NULL;
	struct memory *next;
	int e;

	(void)pthread_mutex_lock(&c->memory.lock);
	atomic_fetch_add_explicit(&c->memory.generation, 1, memory_order_release);
	shmem_announced(c->shmem, m->fd[0], r->mmap_offset, r->size, c->received_ns);
	e = memory_add(c->memory.table, r, m->fd[0], &next, reterr);
	if (e == 0) {
		old = c->memory.table;
		c->memory.table = next;
	}
	(void)pthread_mutex_unlock(&c->memory.lock);
	if (e < 0)
		return e;
	(void)memory_unref(old);
	conn_memory_changed(c);
	return 0;
}

int conn_rem_mem_reg(struct conn *c, struct msg *m, struct err *reterr)
{
	struct memory *next;
	int e = memory_remove(c->memory.table, &m->body.reg.region, &next, reterr);

	if (e < 0)
		return e;
	conn_memory_set(c, next);
	return 0;
}
