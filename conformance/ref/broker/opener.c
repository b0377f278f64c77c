// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "conformance/ref/broker/inside.h"
#include "conformance/ref/broker/message.h"
#include "conformance/ref/sandbox/confine.h"

static const struct confine_call calls[] = {
	{ .number = SYS_openat },	   { .number = SYS_sendmsg },
	{ .number = SYS_close },	   { .number = SYS_exit_group },
	{ .number = SYS_rt_sigreturn },	   { .number = SYS_restart_syscall },
	{ .number = SYS_clock_nanosleep },
};

/* Its root is the private mount, where no path leads anywhere. */
static int enter(int mount_fd, const char **step)
{
	int e;

	*step = "let the opener end with the server";
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	*step = "make the private mount the opener's root";
	if (fchdir(mount_fd) < 0 || chroot(".") < 0)
		return -errno;
	*step = "drop the opener's capabilities";
	e = confine_capabilities(0);
	if (e < 0)
		return e;
	*step = "limit the opener's system calls";
	return confine_calls(calls, ARRAY_SIZE(calls), NULL, 0, false);
}

/* The server ended, and with it the mount? */
static bool is_over(int error)
{
	return error == ENOTCONN || error == ECONNABORTED || error == ENODEV;
}

void opener_main(int mount_fd, int socket)
{
	const char *step;
	int e = enter(mount_fd, &step);

	if (e < 0) {
		report(socket, e, step);
		leave_process(1);
	}
	for (;;) {
		struct broker_reply reply = { .error = 0 };
		int fd = openat(mount_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

		if (fd < 0 && (errno == EINTR || errno == EAGAIN))
			continue; /* stopped and continued, or traced */
		if (fd < 0 && is_over(errno))
			leave_process(0);
		if (fd < 0)
			reply.error = -errno;
		if (message_send(socket, &reply, sizeof(reply), fd, 0) < 0)
			leave_process(0);
		fd_closep(&fd);
	}
}
