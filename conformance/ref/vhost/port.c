// SPDX-License-Identifier: Apache-2.0
/* The socket that front ends connect to, one after the other. */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "conformance/ref/log.h"
#include "conformance/ref/vhost/conn.h"
#include "conformance/ref/vhost/guard.h"
#include "conformance/ref/vhost/vhost.h"

struct vhost_port {
	const struct ref_options *options;
	int fd;
	bool listens; /* @fd is a listening socket, not a connection */
	bool stuck;   /* threads of ours are still in requests: nothing may be freed */
	char *path;   /* ours to remove */
	dev_t dev;
	ino_t ino;
	struct shmem shmem;
	struct ref_window window;
};

static int fill_address(const char *path, struct sockaddr_un *ret, struct err *reterr)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret->sun_path))
		return err_set(reterr, -ENAMETOOLONG,
			       "%s: the path of a socket has at most %zu bytes; use a shorter one",
			       path, sizeof(ret->sun_path) - 1);
	memcpy(ret->sun_path, path, strlen(path) + 1);
	return 0;
}

/*
 * Is somebody listening there? Connecting to find out would look like a front end that leaves again, and
 * end a daemon that serves one. A datagram socket never gets that far: the kernel says that the type is
 * wrong if the socket is alive, and refuses if nobody holds it any more.
 */
static int check_stale(const char *path, const struct sockaddr_un *at, struct err *reterr)
{
	struct stat st;
	CLEANUP(fd_closep) int fd = -1;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(reterr, -errno, "%s", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(reterr, -EEXIST,
			       "%s is there and no socket; remove it or choose another path", path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(reterr, -errno, "cannot make a socket");
	if (connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0 || errno != ECONNREFUSED)
		return err_set(reterr, -EADDRINUSE,
			       "%s is in use by a running program; end it or choose another path",
			       path);
	if (unlink(path) < 0)
		return err_errno(reterr, -errno, "cannot remove the stale socket %s", path);
	return 0;
}

static int listen_at(struct vhost_port *p, const char *path, struct err *reterr)
{
	struct sockaddr_un at;
	struct stat st;
	mode_t mask;
	int e = fill_address(path, &at, reterr);

	if (e == 0)
		e = check_stale(path, &at, reterr);
	if (e < 0)
		return e;
	p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		return err_errno(reterr, -errno, "cannot make a socket");
	/* Who can connect can read and write all of the share. */
	mask = umask(0077);
	e = bind(p->fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ? -errno : 0;
	(void)umask(mask);
	if (e < 0)
		return err_errno(reterr, e, "cannot make the socket %s", path);
	p->path = strdup(path);
	if (!p->path || lstat(path, &st) < 0 || listen(p->fd, 1) < 0)
		return err_errno(reterr, p->path ? -errno : -ENOMEM, "cannot listen at %s", path);
	p->dev = st.st_dev;
	p->ino = st.st_ino;
	p->listens = true;
	return 0;
}

/* Taken over from whoever started us: a listening socket, or one that a front end is already at. */
static int take_socket(struct vhost_port *p, int fd, struct err *reterr)
{
	int listens = 0, domain = 0;
	socklen_t size = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 || domain != AF_UNIX)
		return err_set(reterr, -ENOTSOCK,
			       "--fd %d is no Unix domain socket; pass one that listens", fd);
	size = sizeof(int);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0)
		return err_errno(reterr, -errno, "--fd %d", fd);
	p->fd = fd;
	p->listens = listens;
	return 0;
}

int vhost_port_open(const struct ref_options *o, const char *path, struct vhost_port **ret,
		    struct err *reterr)
{
	struct vhost_port *p = calloc(1, sizeof(*p));
	int e;

	if (!p)
		return err_set(reterr, -ENOMEM, "out of memory");
	p->options = o;
	p->fd = -1;
	e = shmem_init(&p->shmem);
	if (e == 0)
		e = guard_install();
	if (e < 0)
		(void)err_errno(reterr, e, "cannot begin");
	else
		e = path ? listen_at(p, path, reterr) : take_socket(p, o->fd, reterr);
	if (e < 0) {
		(void)vhost_port_close(p);
		return e;
	}
	p->window =
		(struct ref_window){ .map = shmem_map, .unmap = shmem_unmap, .context = &p->shmem };
	*ret = p;
	return 0;
}

/* Only what we made: somebody may have replaced it. */
void vhost_port_unlink(struct vhost_port *p)
{
	struct stat st;

	if (p && p->path && p->ino != 0 && lstat(p->path, &st) == 0 && st.st_dev == p->dev &&
	    st.st_ino == p->ino)
		(void)unlink(p->path);
}

void vhost_port_disown(struct vhost_port *p)
{
	if (!p)
		return;
	free(p->path);
	p->path = NULL;
}

struct vhost_port *vhost_port_close(struct vhost_port *p)
{
	if (!p)
		return NULL;
	vhost_port_unlink(p);
	fd_closep(&p->fd);
	if (p->stuck)
		return NULL;
	shmem_destroy(&p->shmem);
	free(p->path);
	free(p);
	return NULL;
}

const struct ref_window *vhost_port_window(struct vhost_port *p)
{
	return &p->window;
}

/* The next front end; -ECANCELED when the program is to end. */
static int next_front_end(struct vhost_port *p, int stop_fd, int *ret, struct err *reterr)
{
	for (;;) {
		struct pollfd w[2] = { { .fd = p->fd, .events = POLLIN },
				       { .fd = stop_fd, .events = POLLIN } };

		if (poll(w, 2, -1) < 0 && errno != EINTR)
			return err_errno(reterr, -errno, "cannot wait for a front end");
		if (w[1].revents)
			return -ECANCELED;
		if (!w[0].revents)
			continue;
		*ret = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC);
		if (*ret >= 0)
			return 0;
		/* It left before we looked, or we are short of descriptors for a moment. */
		if (errno == EINVAL || errno == EBADF || errno == ENOTSOCK)
			return err_errno(reterr, -errno, "the socket is broken");
		ref_log(REF_LOG_WARN, "cannot accept a front end: %s", strerror(errno));
		(void)poll(&w[1], 1, 100);
	}
}

static void serve(struct vhost_port *p, const struct ref_handler *h, int fd, int stop_fd)
{
	int e;

	ref_log(REF_LOG_INFO, "a front end has connected");
	e = conn_serve(p->options, h, &p->shmem, &p->window, fd, stop_fd);
	/* Only when we are told to end: the process takes them along. */
	if (e == -EBUSY)
		p->stuck = true;
	else if (e < 0)
		ref_log(REF_LOG_ERROR, "cannot serve a front end: %s", strerror(-e));
}

int vhost_port_run(struct vhost_port *p, const struct ref_handler *h, int stop_fd, bool once,
		   struct err *reterr)
{
	/* A connection that was passed to us is the only one. */
	if (!p->listens) {
		serve(p, h, p->fd, stop_fd);
		return 0;
	}
	for (;;) {
		CLEANUP(fd_closep) int fd = -1;
		int e = next_front_end(p, stop_fd, &fd, reterr);

		if (e == -ECANCELED)
			return 0;
		if (e < 0)
			return e;
		serve(p, h, fd, stop_fd);
		if (once || p->stuck)
			return 0;
	}
}
