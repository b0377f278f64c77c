// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/ops.h"

#include "conformance/ref/fault/fault.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define ACL_ACCESS  "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"

/* Without --xattr the opcodes do not exist: the driver asks once and answers EOPNOTSUPP itself from then on. */
static int xattr_node(struct fs_call *c, uint64_t nodeid, struct node **ret)
{
	if (!c->fs->o->xattr && !c->fs->o->posix_acl)
		return fault_at(FAULT_XATTR_EPERM) ? -EPERM : -ENOSYS;
	return call_node(c, nodeid, ret);
}

/* An ACL that the guest does not enforce must not look as if it did. */
static bool hidden(const struct fs_call *c, const char *name)
{
	return !agreed(c, FUSE_POSIX_ACL) &&
	       (strcmp(name, ACL_ACCESS) == 0 || strcmp(name, ACL_DEFAULT) == 0) &&
	       !fault_at(FAULT_ACL_PASSED);
}

/* The driver asks for the size first, with room for none. */
static int reply_size(struct fs_call *c, ssize_t size)
{
	struct fuse_getxattr_out out = { .size = (uint32_t)size };

	return size < 0 ? -errno : reply_data(c, &out, sizeof(out));
}

int xattr_get(struct fs_call *c, uint64_t nodeid, const char *name, size_t size)
{
	CLEANUP(node_putp) struct node *n = NULL;
	struct worker_path scratch = { "" };
	const char *path;
	ssize_t got;
	int e = xattr_node(c, nodeid, &n);

	if (e < 0)
		return e;
	if (hidden(c, name))
		return -EOPNOTSUPP;
	path = worker_xattr_path(c->w, n->fd, &scratch);
	if (size == 0)
		return reply_size(c, getxattr(path, name, NULL, 0));
	if (size > sizeof(c->w->out))
		size = sizeof(c->w->out);
	got = getxattr(path, name, c->w->out,
		       fault_armed(FAULT_XATTR_CUT) ? sizeof(c->w->out) : size);
	if (got < 0)
		return -errno;
	if ((size_t)got > size && fault_at(FAULT_XATTR_CUT))
		got = (ssize_t)size;
	return (size_t)got > reply_room(c) ? -ERANGE : reply_data(c, c->w->out, (size_t)got);
}

/* Takes the hidden names out of a list. */
static size_t list_filter(const struct fs_call *c, char *list, size_t size)
{
	size_t kept = 0;

	for (size_t at = 0; at < size;) {
		size_t length = strnlen(list + at, size - at - 1) + 1;

		if (!hidden(c, list + at)) {
			memmove(list + kept, list + at, length);
			kept += length;
		}
		at += length;
	}
	return kept;
}

int xattr_list(struct fs_call *c, uint64_t nodeid, size_t size)
{
	CLEANUP(node_putp) struct node *n = NULL;
	struct worker_path scratch = { "" };
	char *list = (char *)c->w->out;
	ssize_t got;
	size_t kept;
	int e = xattr_node(c, nodeid, &n);

	if (e < 0)
		return e;
	got = listxattr(worker_xattr_path(c->w, n->fd, &scratch), list, sizeof(c->w->out));
	if (got < 0)
		return -errno;
	kept = list_filter(c, list, (size_t)got);
	if (kept > 0 && fault_at(FAULT_XATTR_LIST))
		kept = strnlen(list, kept - 1) + 1;
	if (size == 0)
		return reply_size(c, (ssize_t)kept);
	return kept > size || kept > reply_room(c) ? -ERANGE : reply_data(c, list, kept);
}

/* The kernel clears it only where its own idea of the caller's groups says so; the driver's is the one that counts. */
static int clear_sgid(struct fs_call *c, const struct node *n)
{
	char number[16];
	struct stat st;

	if (fstat(n->fd, &st) < 0)
		return -errno;
	if (!(st.st_mode & S_ISGID))
		return 0;
	(void)snprintf(number, sizeof(number), "%d", n->fd);
	return fchmodat(c->fs->proc_fd, number, st.st_mode & 07777 & ~(mode_t)S_ISGID, 0) < 0
		       ? -errno
		       : 0;
}

int op_setxattr(struct fs_call *c)
{
	CLEANUP(node_putp) struct node *n = NULL;
	struct worker_path scratch = { "" };
	struct fuse_setxattr_in in = { 0 };
	size_t head = agreed(c, FUSE_SETXATTR_EXT) ? sizeof(in) : FUSE_COMPAT_SETXATTR_IN_SIZE;
	const char *name;
	const char *nul;
	size_t left;
	int e = xattr_node(c, c->in.nodeid, &n);

	if (e < 0)
		return e;
	if (c->arg_bytes < head)
		return -EINVAL;
	memcpy(&in, c->arg, head);
	name = (const char *)c->arg + head;
	left = c->arg_bytes - head;
	nul = memchr(name, '\0', left);
	if (!nul || in.size != left - (size_t)(nul + 1 - name))
		return -EINVAL;
	if (hidden(c, name))
		return -EOPNOTSUPP;
	if (fault_at(FAULT_XATTR_LOST))
		return 0;
	if (setxattr(worker_xattr_path(c->w, n->fd, &scratch), name, nul + 1, in.size,
		     fault_at(FAULT_XATTR_FLAGS) ? 0 : (int)in.flags) < 0)
		return -errno;
	if ((in.setxattr_flags & FUSE_SETXATTR_ACL_KILL_SGID) && strcmp(name, ACL_ACCESS) == 0 &&
	    !fault_at(FAULT_ACL_SGID))
		return clear_sgid(c, n);
	return 0;
}

int xattr_remove(struct fs_call *c, uint64_t nodeid, const char *name)
{
	CLEANUP(node_putp) struct node *n = NULL;
	struct worker_path scratch = { "" };
	int e = xattr_node(c, nodeid, &n);

	if (e < 0)
		return e;
	if (hidden(c, name))
		return -EOPNOTSUPP;
	if (fault_at(FAULT_XATTR_KEPT))
		return 0;
	return removexattr(worker_xattr_path(c->w, n->fd, &scratch), name) < 0 ? -errno : 0;
}
