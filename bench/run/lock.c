// SPDX-License-Identifier: Apache-2.0
#include "run/lock.h"

#include <fcntl.h>
#include <sys/file.h>

/* /run is there on every system; only root may write to it. */
#define PATH_ROOT "/run/virtiofs-qual.lock"
#define PATH_USER "/tmp/virtiofs-qual.lock"

int lock_take(struct err *reterr)
{
	const char *path = geteuid() == 0 ? PATH_ROOT : PATH_USER;
	CLEANUP(fd_closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_errno(reterr, -errno, "cannot open %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(reterr, -EBUSY,
			       "another virtiofs-qual run is going on on this machine; two at once "
			       "would falsify each other's times. Wait for it, or end it.");
	return TAKE_FD(fd);
}
