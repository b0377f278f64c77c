// SPDX-License-Identifier: Apache-2.0
#include "run/socket.h"

#include "base/clock.h"
#include "base/fs.h"

#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>

/* How long a daemon that makes its socket may take: virtiofsd needs milliseconds. */
#define SOCKET_MS      5000
#define LISTEN_POLL_MS 2
/* __SO_ACCEPTCON in a line of /proc/net/unix. */
#define SO_ACCEPTING 0x10000U

int socket_listen(const char *path, struct err *reterr)
{
	CLEANUP(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1) < 0)
		return err_errno(reterr, -errno, "cannot listen on %s", path);
	return TAKE_FD(fd);
}

int socket_give(const char *path, const struct world *w, struct err *reterr)
{
	if (w->vmm_uid && chown(path, w->vmm_uid, w->vmm_gid) < 0)
		return err_errno(reterr, -errno, "cannot give %s to the VMM", path);
	return 0;
}

int socket_watch(struct err *reterr)
{
	CLEANUP(fd_closep) int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd < 0 || inotify_add_watch(fd, WORLD_SOCKETS, IN_CREATE | IN_MOVED_TO) < 0)
		return err_errno(reterr, -errno, "cannot watch %s", WORLD_SOCKETS);
	return TAKE_FD(fd);
}

/*
 * Does anybody listen there? To connect would be no question but the one connection that a daemon
 * serves; so the kernel's table is asked, in the daemon's network namespace if it has its own.
 */
static bool is_listening(const char *socket_path, pid_t daemon)
{
	const pid_t whose[] = { getpid(), daemon };

	for (size_t i = 0; i < ARRAY_SIZE(whose); i++) {
		CLEANUP(file_closep) FILE *f = NULL;
		char path[64];
		char line[512];

		(void)snprintf(path, sizeof(path), "/proc/%d/net/unix", (int)whose[i]);
		f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f)) {
			char name[128] = "";
			unsigned flags = 0;

			/* Num: RefCount Protocol Flags Type St Inode Path */
			if (sscanf(line, "%*s %*s %*s %x %*s %*s %*s %127s", &flags, name) == 2 &&
			    flags & SO_ACCEPTING && strcmp(name, socket_path) == 0)
				return true;
		}
	}
	return false;
}

int socket_await(const char *path, const struct proc *daemon, int watch_fd, struct err *reterr)
{
	uint64_t deadline_ns = clock_deadline_ms(SOCKET_MS);
	struct pollfd p[2] = { { .fd = watch_fd, .events = POLLIN },
			       { .fd = daemon->pidfd, .events = POLLIN } };
	char events[4096];

	while (!is_listening(path, daemon->pid)) {
		int left_ms = clock_left_ms(deadline_ns);
		bool there = fs_exists(path);

		if (left_ms == 0)
			return err_set(reterr, -ETIMEDOUT,
				       "the daemon made no socket within %d s: %s",
				       SOCKET_MS / 1000,
				       there ? "there is one at {socket}, but nobody listens on it"
					     : "there is nothing at {socket}");
		/* Between bind() and listen() nothing is told. */
		if (poll(p, ARRAY_SIZE(p),
			 there && left_ms > LISTEN_POLL_MS ? LISTEN_POLL_MS : left_ms) > 0 &&
		    p[1].revents)
			return err_set(reterr, -EOWNERDEAD,
				       "the daemon ended before it made its socket");
		while (read(watch_fd, events, sizeof(events)) > 0)
			;
	}
	return 0;
}
