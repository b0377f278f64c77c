// SPDX-License-Identifier: Apache-2.0
/* A mount namespace that holds the shared directory only. */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "conformance/ref/sandbox/sandbox.h"

/* A copy of the mounts at @dir_fd and, if @all, of those below, which is nowhere yet. */
static int copy_mount(int dir_fd, const char *path, bool all)
{
	return open_tree(dir_fd, path,
			 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
				 (all ? AT_RECURSIVE : 0));
}

/*
 * Only the folder of our own descriptors, which is the root of this mount: with user 0 of the host, which we
 * are, any other way into the host's /proc would be a way to write /proc/sys.
 */
static int take_proc(struct sandbox *ret, struct err *reterr)
{
	ret->proc_fd = copy_mount(AT_FDCWD, "/proc/self/fd", false);
	return ret->proc_fd < 0 ? err_errno(reterr, -errno, "cannot mount /proc/self/fd") : 0;
}

/* Nothing of the share is run or used as a device by us, whatever bits guests set in it. */
static int take_share(const struct sandbox_plan *p, int share_fd, int *ret, struct err *reterr)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					       (p->readonly ? MOUNT_ATTR_RDONLY : 0) };

	*ret = copy_mount(share_fd, "", true);
	if (*ret < 0)
		return err_errno(reterr, -errno, "cannot mount %s apart", p->shared_dir);
	if (mount_setattr(*ret, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return err_errno(reterr, -errno, "cannot limit the mount of %s", p->shared_dir);
	return 0;
}

/* The share's copy covers the share, becomes the root, and the old one, which then covers it, goes. */
static int change_root(int tree_fd, int share_fd)
{
	if (move_mount(tree_fd, "", share_fd, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ||
	    fchdir(tree_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

int mounts_enter(const struct sandbox_plan *p, struct sandbox *ret, struct err *reterr)
{
	CLEANUP(fd_closep) int share_fd = -1;
	CLEANUP(fd_closep) int tree_fd = -1;
	int e;

	if (unshare(CLONE_NEWNS) < 0)
		return err_errno(reterr, -errno, "cannot make a mount namespace");
	/* What the host mounts and unmounts below the share is still seen, nothing the other way. */
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return err_errno(reterr, -errno,
				 "cannot leave the host's mounts (is this a chroot?)");
	share_fd = open(p->shared_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (share_fd < 0)
		return err_errno(reterr, -errno, "cannot share %s", p->shared_dir);
	e = take_proc(ret, reterr);
	if (e == 0)
		e = take_share(p, share_fd, &tree_fd, reterr);
	if (e == 0) {
		e = change_root(tree_fd, share_fd);
		if (e < 0)
			(void)err_errno(reterr, e, "cannot make %s the root", p->shared_dir);
	}
	if (e < 0)
		return e;
	ret->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return ret->root_fd < 0 ? err_errno(reterr, -errno, "cannot open the root") : 0;
}
