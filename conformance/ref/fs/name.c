// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/ops.h"

#include "conformance/ref/fault/fault.h"

#include <fcntl.h>
#include <poll.h>

/* The driver has checked who may do this (default_permissions): sticky folders and all. */

int name_remove(struct fs_call *c, uint64_t parent_id, const char *name, int flags)
{
	CLEANUP(node_putp) struct node *parent = NULL;
	int e = call_node(c, parent_id, &parent);

	if (e < 0)
		return e;
	return unlinkat(parent->fd, name, flags) < 0 ? -errno : 0;
}

int name_rename(struct fs_call *c, uint64_t parent_id, const char *name, uint64_t new_parent_id,
		const char *new_name, unsigned flags)
{
	CLEANUP(node_putp) struct node *parent = NULL;
	CLEANUP(node_putp) struct node *new_parent = NULL;
	const unsigned known = RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT;
	int e = call_node(c, parent_id, &parent);

	if (e == 0)
		e = call_node(c, new_parent_id, &new_parent);
	if (!new_parent)
		return e;
	if (flags & ~known) {
		if (!fault_at(FAULT_RENAME_ANY))
			return -EINVAL;
		flags &= known;
	}
	if (flags != 0 && fault_at(FAULT_RENAME_FLAGS))
		flags = 0;
	if (fault_at(FAULT_RENAME_GAP)) {
		(void)unlinkat(new_parent->fd, new_name, 0);
		(void)poll(NULL, 0, 200);
	}
	return renameat2(parent->fd, name, new_parent->fd, new_name, flags) < 0 ? -errno : 0;
}

int name_readlink(struct fs_call *c, uint64_t nodeid)
{
	CLEANUP(node_putp) struct node *n = NULL;
	ssize_t size;
	int e = call_node(c, nodeid, &n);

	if (e < 0)
		return e;
	if (!S_ISLNK(n->type))
		return -EINVAL;
	size = readlinkat(n->fd, "", (char *)c->w->out, PATH_MAX);
	if (size < 0)
		return -errno;
	if (size == PATH_MAX)
		return -ENAMETOOLONG;
	size -= size > 1 && fault_at(FAULT_TARGET_CUT);
	return reply_data(c, c->w->out, (size_t)size);
}
