// SPDX-License-Identifier: Apache-2.0
#include "run/lock.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/*
 * A name that no file stands behind: the same for root and for users, nothing to clean up, and the
 * kernel gives it back when the last process that holds it has gone.
 */
#define NAME "virtiofs-qual"

static socklen_t name_address(struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret->sun_path + 1, NAME, sizeof(NAME) - 1);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof(NAME));
}

pid_t lock_holder(void)
{
	struct sockaddr_un addr;
	socklen_t size = name_address(&addr);
	/* Nobody answers: a full queue must not keep us. */
	CLEANUP(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred who = { 0 };
	socklen_t who_size = sizeof(who);

	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, size) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &who_size) < 0)
		return 0;
	return who.pid;
}

static int refuse(struct err *reterr)
{
	pid_t pid = lock_holder();
	char who[48] = "";

	if (pid > 0)
		(void)snprintf(who, sizeof(who), " (process %d)", (int)pid);
	return err_set(reterr, -EBUSY,
		       "another virtiofs-qual run is going on on this machine%s; two at once would "
		       "falsify each other's times. Wait for it (--wait does), or end it.",
		       who);
}

int lock_take(struct err *reterr)
{
	struct sockaddr_un addr;
	socklen_t size = name_address(&addr);
	CLEANUP(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_errno(reterr, -errno, "cannot make the socket of the lock");
	if (bind(fd, (struct sockaddr *)&addr, size) < 0)
		return errno == EADDRINUSE ? refuse(reterr)
					   : err_errno(reterr, -errno, "cannot take the lock");
	/* Only so that another driver can ask who holds it. */
	if (listen(fd, 64) < 0)
		return err_errno(reterr, -errno, "cannot take the lock");
	return TAKE_FD(fd);
}
