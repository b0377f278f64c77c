// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/ops.h"

#include "conformance/ref/fault/fault.h"

#include <fcntl.h>
#include <string.h>

#define MAP_FLAGS (FUSE_SETUPMAPPING_FLAG_READ | FUSE_SETUPMAPPING_FLAG_WRITE)
#define NO_HANDLE UINT64_MAX
/* FUSE_REMOVEMAPPING_MAX_ENTRY of drivers with pages of 4 KiB. */
#define ENTRIES_MAX 256

/* Without a window the opcodes do not exist. */
static bool can_map(const struct fs_call *c)
{
	return c->session->window && c->fs->dax && c->fs->o->dax != REF_DAX_NONE &&
	       !c->fs->o->readonly;
}

#define PAGE_MASK (((uint64_t)1 << DAX_ALIGNMENT_LOG2) - 1)

/* --fault: what the request is taken for. 1: success without doing it; 0: go on; -errno. */
static int range_fault(struct fuse_setupmapping_in *in)
{
	uint64_t end;

	if (fault_at(FAULT_MAP_ENOSYS))
		return -ENOSYS;
	if (fault_at(FAULT_MAP_SWAPPED)) {
		uint64_t offset = in->foffset;

		in->foffset = in->moffset;
		in->moffset = offset;
	}
	if (((in->foffset | in->moffset) & PAGE_MASK) && fault_at(FAULT_MAP_ROUNDED)) {
		in->foffset &= ~PAGE_MASK;
		in->moffset &= ~PAGE_MASK;
	}
	if ((in->foffset | in->moffset) % (2 * MIB) != 0 && fault_at(FAULT_MAP_STRICT))
		return -EINVAL;
	if ((in->flags == 0 || (in->flags & ~MAP_FLAGS)) && fault_at(FAULT_MAP_ANY_FLAGS))
		in->flags = FUSE_SETUPMAPPING_FLAG_READ;
	if (in->len == 0 && fault_at(FAULT_MAP_EMPTY))
		return 1;
	if ((in->len & PAGE_MASK) && fault_at(FAULT_MAP_SHORT))
		in->len &= ~PAGE_MASK;
	if ((__builtin_add_overflow(in->foffset, in->len, &end) ||
	     __builtin_add_overflow(in->moffset, in->len, &end)) &&
	    fault_at(FAULT_MAP_WRAPS))
		return 1;
	return in->fh == NO_HANDLE && fault_at(FAULT_MAP_NEEDS_HANDLE) ? -EBADF : 0;
}

static int check_range(const struct fuse_setupmapping_in *in)
{
	uint64_t mask = PAGE_MASK;
	uint64_t end;

	if (in->len == 0 || in->flags == 0 || (in->flags & ~MAP_FLAGS))
		return -EINVAL;
	if ((in->foffset & mask) || (in->moffset & mask))
		return -EINVAL;
	if (__builtin_add_overflow(in->foffset, in->len, &end) || end > INT64_MAX)
		return -EINVAL;
	return __builtin_add_overflow(in->moffset, in->len, &end) ? -EINVAL : 0;
}

/* In the session that asked, or not at all. */
static int map_here(struct fs_call *c, const struct dax_file *f,
		    const struct fuse_setupmapping_in *in)
{
	struct ref_session *s = c->session;
	int e = -EIO;

	(void)pthread_rwlock_rdlock(&s->map_lock);
	if (__atomic_load_n(&s->current, __ATOMIC_SEQ_CST) == c->conn)
		e = dax_map(s->window, f, in);
	(void)pthread_rwlock_unlock(&s->map_lock);
	return e;
}

int op_setupmapping(struct fs_call *c)
{
	CLEANUP(handle_putp) struct handle *h = NULL;
	CLEANUP(node_putp) struct node *n = NULL;
	CLEANUP(fd_closep) int own = -1;
	struct fuse_setupmapping_in in;
	struct dax_file f;
	int e;

	if (!can_map(c))
		return fault_at(FAULT_MAP_NO_WINDOW) ? 0 : -ENOSYS;
	memcpy(&in, c->arg, sizeof(in));
	e = fault_hooked(FAULT_HOOK_REQUEST) ? range_fault(&in) : 0;
	if (e > 0)
		return 0;
	if (e == 0)
		e = check_range(&in);
	if (e == 0)
		e = call_node(c, c->in.nodeid, &n);
	if (e == 0 && S_ISDIR(n->type) && fault_at(FAULT_MAP_FOLDER))
		return 0;
	if (e == 0 && in.fh != NO_HANDLE)
		e = call_handle(c, in.fh, &h);
	if (e != 0)
		return e;
	f = (struct dax_file){
		.dev = n->dev,
		.ino = n->ino,
		.fd = h && (h->flags & (O_ACCMODE | O_DIRECT)) == O_RDWR ? h->fd : -1,
	};
	/* A file that is mapped already is open where it has to be. */
	if (S_ISREG(n->type) && (f.fd >= 0 || !fault_hooked(FAULT_HOOK_REQUEST))) {
		e = map_here(c, &f, &in);
		if (e != -EBADF || f.fd >= 0)
			return e;
	}
	/*
	 * Read-write even for reading: front ends map nothing less, and a later upgrade is then no work. Not
	 * O_DIRECT: the last page is read and written a byte at a time.
	 */
	own = file_reopen(c, n, O_RDWR);
	f.fd = own;
	if (f.fd < 0)
		return S_ISREG(n->type) && fault_at(FAULT_MAP_OPEN_HIDDEN) ? 0 : f.fd;
	return map_here(c, &f, &in);
}

/* --fault: what a list of ranges is taken for. -ENOENT: its node is asked for. */
static int entries_fault(struct fs_call *c, struct fuse_removemapping_in *in)
{
	CLEANUP(node_putp) struct node *n = NULL;
	uint64_t have = c->data_bytes / sizeof(struct fuse_removemapping_one);

	if (in->count > have && fault_at(FAULT_UNMAP_OVERREAD))
		in->count = (uint32_t)have;
	if (call_node(c, c->in.nodeid, &n) < 0 && fault_at(FAULT_UNMAP_NEEDS_NODE))
		return -ENOENT;
	return 0;
}

int op_removemapping(struct fs_call *c)
{
	struct fuse_removemapping_one entries[ENTRIES_MAX];
	struct fuse_removemapping_in in;
	struct ref_session *s = c->session;
	int e = -EIO;

	if (!can_map(c))
		return -ENOSYS;
	memcpy(&in, c->arg, sizeof(in));
	if (fault_hooked(FAULT_HOOK_REQUEST) && entries_fault(c, &in) < 0)
		return -ENOENT;
	if (in.count > ENTRIES_MAX || in.count > c->data_bytes / sizeof(entries[0]) ||
	    (in.count > 8 && fault_at(FAULT_UNMAP_FEW)) || fault_at(FAULT_UNMAP_PADDED))
		return -EINVAL;
	if (fault_at(FAULT_UNMAP_MISSING))
		return 0;
	/* They follow a 32-bit count directly, and are not aligned there. */
	memcpy(entries, c->data, in.count * sizeof(entries[0]));
	(void)pthread_rwlock_rdlock(&s->map_lock);
	if (__atomic_load_n(&s->current, __ATOMIC_SEQ_CST) == c->conn)
		e = dax_unmap(s->window, entries, in.count);
	(void)pthread_rwlock_unlock(&s->map_lock);
	return e;
}

void map_release(struct fs_call *c, uint64_t nodeid)
{
	CLEANUP(node_putp) struct node *n = node_get(&c->conn->nodes, nodeid);

	if (n && c->fs->dax && fault_at(FAULT_MAP_DIES))
		dax_before_shrink(c->fs->dax, NULL, n->dev, n->ino, 0, NULL);
}
