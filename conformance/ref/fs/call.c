// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/call.h"

#include "conformance/ref/fault/breaks.h"
#include "conformance/ref/fs/iov.h"
#include "conformance/ref/fs/ops.h"
#include "conformance/ref/log.h"

#include <byteswap.h>
#include <string.h>
#include <sys/stat.h>

/* What --fault name-cut leaves of a name. */
#define CUT_NAME_BYTES 200

static bool entry_name_ok(const char *name, size_t length)
{
	if (length == 0)
		return fault_at(FAULT_NAME_EMPTY);
	if (memchr(name, '/', length))
		return !strstr(name, "..") && *name != '/' && fault_at(FAULT_NAME_SLASH);
	return (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) || fault_at(FAULT_NAME_DOTS);
}

/* Where the name at @p ends; NULL: nowhere in the message. */
static char *name_end(const struct fs_call *c, char *p, char *stop, enum fs_name kind)
{
	char *nul = memchr(p, '\0', (size_t)(stop - p));
	const char *room = (const char *)c->w->in + sizeof(c->w->in);

	if (!nul && stop < room && fault_at(FAULT_NAME_UNENDED)) {
		*stop = '\0';
		nul = stop;
	}
	if (nul && kind == NAME_ENTRY && nul - p > CUT_NAME_BYTES && fault_at(FAULT_NAME_CUT))
		p[CUT_NAME_BYTES] = '\0';
	return nul;
}

/* Texts behind the fixed part, each with its NUL, then data, then extensions at the very end. */
static int call_split(struct fs_call *c)
{
	/* The worker's own buffer. */
	char *p = (char *)c->w->in + sizeof(c->in);
	char *stop = p + c->arg_bytes;
	size_t extension = (size_t)c->in.total_extlen * 8;

	p += c->op->in;
	if (c->op->names[0] != NAME_NONE && extension > 0) {
		if (extension > (size_t)(stop - p))
			return -EINVAL;
		stop -= extension;
		c->extension = (const uint8_t *)stop;
		c->extension_bytes = extension;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(c->name) && c->op->names[i] != NAME_NONE; i++) {
		char *nul = name_end(c, p, stop, c->op->names[i]);
		size_t length = nul ? strlen(p) : 0;

		if (!nul)
			return -EINVAL;
		if (c->op->names[i] == NAME_ENTRY && length > NAME_MAX)
			return -ENAMETOOLONG;
		if (c->op->names[i] == NAME_ENTRY && !entry_name_ok(p, length))
			return -EINVAL;
		c->name[i] = p;
		p = nul < stop ? nul + 1 : stop;
	}
	if (c->op->flags & OP_DATA) {
		c->data = (const uint8_t *)p;
		c->data_bytes = (size_t)(stop - p);
	}
	return 0;
}

/* The message into the worker's buffer. Its header was read before and is not read again. */
static int call_gather(struct fs_call *c)
{
	size_t size = c->op->flags & OP_STREAM ? sizeof(c->in) + c->op->in : c->in.len;

	if (size > sizeof(c->w->in))
		return -E2BIG;
	if (size > c->in.len || size < sizeof(c->in) + c->op->in)
		return -EINVAL;
	memcpy(c->w->in, &c->in, sizeof(c->in));
	c->arg = (const uint8_t *)c->w->in + sizeof(c->in);
	c->arg_bytes = size - sizeof(c->in);
	(void)iov_get(c->r->in, c->r->in_count, sizeof(c->in), (uint8_t *)c->w->in + sizeof(c->in),
		      c->arg_bytes);
	return call_split(c);
}

static int call_run(struct fs_call *c)
{
	int e;

	if (c->in.len != c->r->in_bytes) {
		if (fault_at(FAULT_BAD_REQUEST_EXITS))
			fault_exit("in.len is not that of the readable part");
		if (!fault_at(FAULT_IN_LEN_IGNORED))
			return -EINVAL;
		c->in.len = (uint32_t)c->r->in_bytes;
	}
	if (!c->op)
		return !c->conn ? -EIO : fault_at(FAULT_OPCODE_EINVAL) ? -EINVAL : -ENOSYS;
	if (!c->conn && !(c->op->flags & OP_EARLY) &&
	    !(fault_at(FAULT_INIT_NOT_NEEDED) && init_unasked(c) == 0))
		return -EIO;
	if (c->fs->o->readonly && (c->op->flags & OP_CHANGES))
		return fault_at(FAULT_READONLY_ERROR) ? -EACCES : -EROFS;
	if (!(c->op->flags & OP_NO_REPLY) && reply_room(c) < c->op->out) {
		if (fault_at(FAULT_BAD_REQUEST_EXITS))
			fault_exit("no room for the reply");
		return -EINVAL;
	}
	c->w = worker_self(c->fs->proc_fd);
	if (!c->w)
		return -ENOMEM;
	e = call_gather(c);
	if (e < 0)
		return e;
	/* A WRITE says itself whether set-id bits shall survive; whatever else changes something keeps them. */
	if ((c->op->flags & (OP_CHANGES | OP_STREAM)) == OP_CHANGES)
		worker_fsetid(c->w, true);
	c->w->call = c;
	e = c->op->run(c);
	c->w->call = NULL;
	return e;
}

/* A driver of the other byte order hears in its own that it is not understood. */
static void refuse_swapped(struct fs_call *c)
{
	struct fuse_out_header h = {
		.len = bswap_32(sizeof(h)),
		.error = (int32_t)bswap_32((uint32_t)-EPROTO),
		.unique = c->in.unique,
	};

	(void)iov_put(c->r->out, c->r->out_count, 0, &h, sizeof(h));
	c->used = sizeof(h);
}

/* What the guest hears as an error of its own is trouble of the host's: whoever runs the device is told. */
static void tell_trouble(const struct fs_call *c)
{
	struct stat st;

	switch (-c->error) {
	case EMFILE:
		ref_log(REF_LOG_WARN, "%s: no more files can be open: see --rlimit-nofile",
			c->op->name);
		break;
	case ENFILE:
		ref_log(REF_LOG_WARN, "%s: the host has too many open files", c->op->name);
		break;
	case ENOSPC:
	case EDQUOT:
		ref_log(REF_LOG_WARN, "%s: the host's disk, or a quota, is full", c->op->name);
		break;
	case ENOENT:
		if (c->in.nodeid == FUSE_ROOT_ID && fstat(c->fs->root_fd, &st) == 0 &&
		    st.st_nlink == 0)
			ref_log(REF_LOG_WARN, "the shared folder was removed");
		break;
	default: break;
	}
}

void call_serve(struct fs_call *c)
{
	const struct ref_request *r = c->r;
	bool silent;
	int e;

	if (iov_get(r->in, r->in_count, 0, &c->in, sizeof(c->in)) < sizeof(c->in)) {
		if (fault_at(FAULT_BAD_REQUEST_EXITS))
			fault_exit("no whole header");
		return;
	}
	c->op = fs_op(c->in.opcode);
	silent = c->op && (c->op->flags & OP_NO_REPLY);
	/* Without room for an answer nothing is done either. */
	if (!silent && r->out_bytes < sizeof(struct fuse_out_header)) {
		if (fault_at(FAULT_BAD_REQUEST_EXITS))
			fault_exit("no room for a header");
		return;
	}
	if (silent && r->in[0].iov_len < sizeof(c->in) && fault_at(FAULT_FORGET_PIECEMEAL))
		return;
	if (c->in.opcode == FUSE_INIT_BSWAP_RESERVED) {
		refuse_swapped(c);
		return;
	}
	e = fault_hooked(FAULT_HOOK_REQUEST) ? fault_request(r, &c->in) : 0;
	if (e == 0 && !fault_at(FAULT_LOST))
		e = call_run(c);
	if (!silent && !c->replied)
		reply_error(c, e);
	if (c->error < 0 && c->op)
		tell_trouble(c);
}

/* For --fault removed-stale. */
static bool has_no_name(const struct node *n)
{
	struct stat st;

	return fstat(n->fd, &st) == 0 && st.st_nlink == 0 && fault_at(FAULT_REMOVED_STALE);
}

int call_node(struct fs_call *c, uint64_t nodeid, struct node **ret)
{
	if (nodeid == FUSE_ROOT_ID && fault_armed(FAULT_FORGET_ROOT) && fault_root_forgotten()) {
		*ret = NULL;
		return -ESTALE;
	}
	*ret = node_get(&c->conn->nodes, nodeid);
	if (!*ret && fault_at(FAULT_NODEID_ANY))
		*ret = node_get(&c->conn->nodes, FUSE_ROOT_ID);
	if (*ret && fault_armed(FAULT_REMOVED_STALE) && has_no_name(*ret)) {
		node_put(*ret);
		*ret = NULL;
	}
	return *ret ? 0 : -ESTALE;
}

int call_handle(struct fs_call *c, uint64_t fh, struct handle **ret)
{
	/* For --fault handle-found. */
	static _Atomic uint64_t last_fh, last_nodeid;

	*ret = handle_get(&c->conn->handles, fh, c->in.nodeid);
	if (!*ret && fault_at(FAULT_HANDLE_FOUND))
		*ret = handle_get(&c->conn->handles, last_fh, last_nodeid);
	if (*ret && fault_armed(FAULT_HANDLE_FOUND)) {
		last_fh = (*ret)->id;
		last_nodeid = (*ret)->nodeid;
	}
	if (*ret && fault_armed(FAULT_REMOVED_STALE) && has_no_name((*ret)->node)) {
		handle_put(*ret);
		*ret = NULL;
		return -ESTALE;
	}
	return *ret ? 0 : -EBADF;
}

/* The groups that come as an extension; others (a security context that was never agreed on) are passed over. */
static int call_groups(const struct fs_call *c, const gid_t **ret, unsigned *ret_count)
{
	const uint8_t *p = c->extension;
	size_t left = c->extension_bytes;

	*ret_count = 0;
	while (left >= sizeof(struct fuse_ext_header)) {
		struct fuse_ext_header h;
		uint32_t count;

		memcpy(&h, p, sizeof(h));
		if (h.size < sizeof(h) || h.size > left)
			return -EINVAL;
		if (h.type == FUSE_EXTENSION_GROUPS) {
			if (h.size < sizeof(h) + sizeof(count))
				return -EINVAL;
			memcpy(&count, p + sizeof(h), sizeof(count));
			if (count > (h.size - sizeof(h) - sizeof(count)) / sizeof(gid_t))
				return -EINVAL;
			*ret = (const gid_t *)(const void *)(p + sizeof(h) + sizeof(count));
			*ret_count = count;
		}
		p += h.size;
		left -= h.size;
	}
	return 0;
}

int call_become(struct fs_call *c)
{
	const gid_t *groups = NULL;
	unsigned count;
	int e = call_groups(c, &groups, &count);

	if (fault_at(FAULT_SENDER_IGNORED))
		return 0;
	if (count > 0 && fault_at(FAULT_GROUPS_IGNORED))
		count = 0;
	return e < 0 ? e : worker_become(c->w, c->in.uid, c->in.gid, groups, count);
}

mode_t call_masked(struct fs_call *c, mode_t mode, uint32_t mask)
{
	mask &= 0777;
	if (fault_at(FAULT_UMASK_OWN))
		mode &= ~(mode_t)022;
	if (!agreed(c, FUSE_DONT_MASK) || mask == 0 || fault_at(FAULT_UMASK_IGNORED))
		return mode;
	/* Without a umask of its own the thread would change everybody's. */
	if (!c->w->own_cwd)
		return mode & ~mask;
	(void)umask(mask);
	return mode;
}

void call_unmask(struct fs_call *c)
{
	if (agreed(c, FUSE_DONT_MASK) && c->w->own_cwd)
		(void)umask(0);
}
