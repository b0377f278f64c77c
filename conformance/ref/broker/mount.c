// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "conformance/ref/broker/inside.h"

static int set_string(int fs, const char *key, const char *value)
{
	return fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0);
}

/* allow_other: a front end runs as another user and asks the files for their size. */
static int configure(int fs, int fuse_fd)
{
	char number[16];

	(void)snprintf(number, sizeof(number), "%d", fuse_fd);
	if (set_string(fs, "source", "virtiofs-refdev") < 0 || set_string(fs, "fd", number) < 0 ||
	    set_string(fs, "rootmode", "40000") < 0)
		return -1;
	(void)snprintf(number, sizeof(number), "%u", (unsigned)getuid());
	if (set_string(fs, "user_id", number) < 0)
		return -1;
	(void)snprintf(number, sizeof(number), "%u", (unsigned)getgid());
	if (set_string(fs, "group_id", number) < 0)
		return -1;
	if (fsconfig(fs, FSCONFIG_SET_FLAG, "allow_other", NULL, 0) < 0)
		return -1;
	return fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

int mount_private(struct setup *s)
{
	CLEANUP(fd_closep) int fuse_fd = -1;
	CLEANUP(fd_closep) int fs = -1;

	s->step = "open /dev/fuse";
	fuse_fd = open("/dev/fuse", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fuse_fd < 0)
		return -errno;
	s->step = "make a FUSE mount (fsopen; needs CAP_SYS_ADMIN)";
	fs = fsopen("fuse", FSOPEN_CLOEXEC);
	if (fs < 0)
		return -errno;
	s->step = "make a FUSE mount (fsconfig)";
	if (configure(fs, fuse_fd) < 0)
		return -errno;
	s->step = "make a FUSE mount (fsmount)";
	s->mount_fd = fsmount(fs, FSMOUNT_CLOEXEC,
			      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (s->mount_fd < 0)
		return -errno;
	s->fuse_fd = TAKE_FD(fuse_fd);
	return 0;
}
