// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fault/breaks.h"
#include "conformance/ref/fs/iov.h"
#include "conformance/ref/fs/ops.h"

#include <fcntl.h>
#include <string.h>

/* @take_fd: O_PATH; consumed. */
static int entry_add(struct fs_call *c, int take_fd, struct statx *ret_st, struct node **ret)
{
	CLEANUP(fd_closep) int fd = take_fd;

	if (statx(fd, "", AT_EMPTY_PATH, NODE_STATX, ret_st) < 0)
		return -errno;
	return node_add(&c->conn->nodes, TAKE_FD(fd), ret_st, ret);
}

int entry_find(struct fs_call *c, const struct node *parent, const char *name, struct statx *ret_st,
	       struct node **ret)
{
	bool follow = fault_at(FAULT_LINK_FOLLOWED);
	int flags = (follow ? 0 : AT_SYMLINK_NOFOLLOW) |
		    (*name == '\0' && fault_armed(FAULT_NAME_EMPTY) ? AT_EMPTY_PATH : 0);
	int fd;

	/* A name is one component, and a link at its end is not followed: there is no way out of the folder. */
	if (statx(parent->fd, name, flags, NODE_STATX, ret_st) < 0)
		return -errno;
	*ret = node_find(&c->conn->nodes, ret_st);
	if (*ret)
		return 0;
	fd = openat(parent->fd, name, O_PATH | (follow ? 0 : O_NOFOLLOW) | O_CLOEXEC);
	return fd < 0 ? -errno : entry_add(c, fd, ret_st, ret);
}

int entry_of_fd(struct fs_call *c, int fd, struct statx *ret_st, struct node **ret)
{
	char number[16];
	int path_fd;

	(void)snprintf(number, sizeof(number), "%d", fd);
	path_fd = openat(c->fs->proc_fd, number, O_PATH | O_CLOEXEC);
	return path_fd < 0 ? -errno : entry_add(c, path_fd, ret_st, ret);
}

void entry_fill(struct fs_call *c, const struct node *parent, struct node *n,
		const struct statx *st, struct fuse_entry_out *ret)
{
	*ret = (struct fuse_entry_out){
		.nodeid = n->id, /* its generation is part of it */
		.entry_valid = c->fs->mode->valid_s,
		.attr_valid = c->fs->mode->valid_s,
	};
	attr_fill(c, n, st, &ret->attr);
	if (agreed(c, FUSE_SUBMOUNTS) && S_ISDIR(n->type) && n->mount != parent->mount &&
	    !fault_at(FAULT_SUBMOUNT_SILENT))
		ret->attr.flags |= FUSE_ATTR_SUBMOUNT;
	if (fault_hooked(FAULT_HOOK_VALID)) {
		fault_valid(&ret->entry_valid, &ret->entry_valid_nsec, &ret->generation);
		fault_valid(&ret->attr_valid, &ret->attr_valid_nsec, NULL);
	}
}

int entry_reply(struct fs_call *c, const struct node *parent, const char *name)
{
	CLEANUP(node_putp) struct node *n = NULL;
	struct fuse_entry_out out;
	struct statx st;
	int e = entry_find(c, parent, name, &st, &n);

	if (!n)
		return e;
	entry_fill(c, parent, n, &st, &out);
	if (c->in.opcode != FUSE_LOOKUP && fault_at(FAULT_MAKE_UNCOUNTED))
		node_forget(&c->conn->nodes, n->id, 1);
	return reply_data(c, &out, sizeof(out));
}

/* For --fault lookup-first. */
static int reply_first(struct fs_call *c, const struct node *parent)
{
	static _Atomic uint64_t first;
	CLEANUP(node_putp) struct node *known = first ? node_get(&c->conn->nodes, first) : NULL;
	CLEANUP(node_putp) struct node *n = NULL;
	struct fuse_entry_out out;
	struct statx st;

	/* node_find() counts the lookup. */
	if (known && statx(known->fd, "", AT_EMPTY_PATH, NODE_STATX, &st) == 0)
		n = node_find(&c->conn->nodes, &st);
	if (!n) {
		int e = entry_find(c, parent, c->name[0], &st, &n);

		if (!n)
			return e;
		first = n->id;
	}
	entry_fill(c, parent, n, &st, &out);
	return reply_data(c, &out, sizeof(out));
}

int op_lookup(struct fs_call *c)
{
	CLEANUP(node_putp) struct node *parent = NULL;
	static const struct fuse_entry_out missing = { .entry_valid = 86400 };
	int e = call_node(c, c->in.nodeid, &parent);

	if (e == 0)
		e = fault_at(FAULT_LOOKUP_FIRST) ? reply_first(c, parent)
						 : entry_reply(c, parent, c->name[0]);
	if (e == -ENOENT && fault_at(FAULT_NEGATIVE_CACHED))
		return reply_data(c, &missing, sizeof(missing));
	return e;
}

int op_forget(struct fs_call *c)
{
	struct fuse_forget_in in;

	memcpy(&in, c->arg, sizeof(in));
	if (c->in.nodeid == FUSE_ROOT_ID && fault_at(FAULT_FORGET_ROOT))
		fault_forget_root();
	if (fault_at(FAULT_FORGET_DROPS))
		in.nlookup = UINT64_MAX;
	node_forget(&c->conn->nodes, c->in.nodeid, in.nlookup);
	return 0;
}

/* Its list may be as long as the driver's memory: it is read where it lies, and ends where the message does. */
int op_batch_forget(struct fs_call *c)
{
	struct fuse_batch_forget_in in;
	struct fuse_forget_one one[64];
	size_t offset = sizeof(c->in) + sizeof(in);
	size_t left;

	memcpy(&in, c->arg, sizeof(in));
	left = (c->in.len - offset) / sizeof(one[0]);
	if (left > in.count)
		left = in.count;
	if (left > 0)
		left -= fault_at(FAULT_BATCH_FORGET);
	while (left > 0) {
		size_t n = left < ARRAY_SIZE(one) ? left : ARRAY_SIZE(one);

		if (iov_get(c->r->in, c->r->in_count, offset, one, n * sizeof(one[0])) !=
		    n * sizeof(one[0]))
			break;
		for (size_t i = 0; i < n; i++)
			node_forget(&c->conn->nodes, one[i].nodeid, one[i].nlookup);
		offset += n * sizeof(one[0]);
		left -= n;
	}
	return 0;
}
