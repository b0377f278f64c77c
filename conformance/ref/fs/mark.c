// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/ops.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

/*
 * Which files a guest that decides by inode (mount -o dax=inode) maps. With --dax always every regular file that
 * can be written; with --dax inode those of them that carry the mark: the attribute user.virtiofs.dax with the
 * value 1, or the DAX flag of the host's file system (xfs_io -c 'chattr +x'). A mark counts from the next time the guest looks;
 * its kernel changes over when it forgets the inode.
 */
#define MARK_NAME "user.virtiofs.dax"

static bool has_mark(struct fs_call *c, const struct node *n)
{
	struct worker_path path = { "" };
	char value[2];

	return getxattr(worker_xattr_path(c->w, n->fd, &path), MARK_NAME, value, sizeof(value)) ==
		       1 &&
	       value[0] == '1';
}

static bool has_flag(struct fs_call *c, const struct node *n)
{
	/* Not waiting for whoever holds a lease. */
	CLEANUP(fd_closep) int fd = file_reopen(c, n, O_RDONLY | O_NONBLOCK);
	struct fsxattr x;

	return fd >= 0 && ioctl(fd, FS_IOC_FSGETXATTR, &x) == 0 && (x.fsx_xflags & FS_XFLAG_DAX);
}

/* The window maps for reading and writing, or not at all. */
static bool can_map(const struct node *n)
{
	return syscall(SYS_faccessat2, n->fd, "", R_OK | W_OK, AT_EMPTY_PATH | AT_EACCESS) == 0;
}

bool mark_dax(struct fs_call *c, struct node *n, const struct statx *st)
{
	/* Whatever decides changes the change time too; the low bit makes it differ from "never". */
	uint64_t stamp = ((uint64_t)st->stx_ctime.tv_sec * NS_PER_S + st->stx_ctime.tv_nsec) | 1;
	bool wanted;

	if (!c->conn->dax_inode || !S_ISREG(n->type))
		return false;
	if (__atomic_load_n(&n->dax_stamp, __ATOMIC_ACQUIRE) == stamp)
		return __atomic_load_n(&n->dax_wanted, __ATOMIC_RELAXED);
	wanted = can_map(n) &&
		 (c->fs->o->dax == REF_DAX_ALWAYS || has_mark(c, n) || has_flag(c, n));
	__atomic_store_n(&n->dax_wanted, wanted, __ATOMIC_RELAXED);
	__atomic_store_n(&n->dax_stamp, stamp, __ATOMIC_RELEASE);
	return wanted;
}

bool mark_mapped(struct fs_call *c, struct node *n, const struct statx *st)
{
	return S_ISREG(n->type) && (c->conn->dax_always || mark_dax(c, n, st));
}
