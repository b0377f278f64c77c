// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/ops.h"

#include "conformance/ref/fault/fault.h"

#include <fcntl.h>
#include <string.h>

/* What is made belongs to who asked for it, and the host refuses what he may not do there. */

struct making {
	const char *name;
	mode_t mode;
	dev_t rdev;
	const char *target;
};

typedef int make_fn(int parent_fd, const struct making *m);

static int call_mknod(int parent_fd, const struct making *m)
{
	return mknodat(parent_fd, m->name, m->mode, m->rdev);
}

static int call_mkdir(int parent_fd, const struct making *m)
{
	return mkdirat(parent_fd, m->name, m->mode);
}

static int call_symlink(int parent_fd, const struct making *m)
{
	return symlinkat(m->target, parent_fd, m->name);
}

static int make(struct fs_call *c, uint64_t parent_id, make_fn *fn, struct making *m, mode_t mask)
{
	CLEANUP(node_putp) struct node *parent = NULL;
	int e = call_node(c, parent_id, &parent);

	if (e == 0)
		e = call_become(c);
	if (e < 0)
		return e;
	if (!m->target && fault_at(FAULT_MODE_IGNORED))
		m->mode = (m->mode & S_IFMT) | 0711;
	m->mode = call_masked(c, m->mode, mask);
	e = fn(parent->fd, m) < 0 ? -errno : 0;
	call_unmask(c);
	worker_return(c->w);
	return e < 0 ? e : entry_reply(c, parent, m->name);
}

int make_node(struct fs_call *c, uint64_t parent, const char *name, mode_t mode, dev_t rdev,
	      mode_t mask)
{
	struct making m = { .name = name, .mode = mode, .rdev = rdev };

	if (fault_at(FAULT_TYPE_IGNORED))
		m.mode = S_IFREG | (mode & 07777);
	return make(c, parent, call_mknod, &m, mask);
}

int make_dir(struct fs_call *c, uint64_t parent, const char *name, mode_t mode, mode_t mask)
{
	struct making m = { .name = name, .mode = mode };

	return make(c, parent, call_mkdir, &m, mask);
}

int make_symlink(struct fs_call *c, uint64_t parent, const char *name, const char *target)
{
	struct making m = { .name = name, .target = target };
	char cut[PATH_MAX];

	if (strlen(target) > 1 && fault_at(FAULT_TARGET_CUT)) {
		(void)snprintf(cut, sizeof(cut), "%.*s", (int)strlen(target) - 1, target);
		m.target = cut;
	}
	return make(c, parent, call_symlink, &m, 0);
}

/* Through /proc: linking a bare descriptor takes a capability, and this works for nameless files too. */
int make_link(struct fs_call *c, uint64_t nodeid, uint64_t parent_id, const char *name)
{
	CLEANUP(node_putp) struct node *n = NULL;
	CLEANUP(node_putp) struct node *parent = NULL;
	char number[16];
	int e = call_node(c, nodeid, &n);

	if (e == 0)
		e = call_node(c, parent_id, &parent);
	if (!parent)
		return e;
	(void)snprintf(number, sizeof(number), "%d", n->fd);
	if (linkat(c->fs->proc_fd, number, parent->fd, name, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	return entry_reply(c, parent, name);
}
