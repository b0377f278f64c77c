// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "conformance/ref/broker/broker.h"
#include "conformance/ref/broker/inside.h"
#include "conformance/ref/broker/message.h"
#include "conformance/ref/broker/node.h"
#include "conformance/ref/sandbox/confine.h"
#include "conformance/wire/virtio_fs.h"

/* Large enough for any request of a mount with this limit; the kernel refuses smaller reads. */
#define MAX_WRITE	  4096
#define REQUEST_BYTES_MAX (FUSE_MIN_READ_BUFFER + MAX_WRITE)

/* How long the kernel may believe a size, in s; all files have the same for ever. */
#define ATTR_VALID_S 86400

/* File systems below ours that themselves lie on others: one, such as overlayfs. Source: linux/fs.h,
 * FILESYSTEM_MAX_STACK_DEPTH 2, of which our mount takes one. */
#define STACK_DEPTH 2

static const uint64_t backing_commands[] = {
	(uint32_t)FUSE_DEV_IOC_BACKING_OPEN,
	(uint32_t)FUSE_DEV_IOC_BACKING_CLOSE,
};

static const struct confine_call calls[] = {
	{ .number = SYS_read },
	{ .number = SYS_writev },
#ifdef SYS_poll
	{ .number = SYS_poll },
#endif
	{ .number = SYS_ppoll },
	{ .number = SYS_recvmsg },
	{ .number = SYS_sendmsg },
	{ .number = SYS_fstat },
	{ .number = SYS_newfstatat },
	{ .number = SYS_fcntl },
	{ .number = SYS_close },
	{ .number = SYS_ioctl,
	  .arg = 1,
	  .mask = CONFINE_INT,
	  .values = backing_commands,
	  .value_count = ARRAY_SIZE(backing_commands) },
	{ .number = SYS_waitid },
	{ .number = SYS_exit_group },
	{ .number = SYS_rt_sigreturn },
	{ .number = SYS_restart_syscall },
};

struct server {
	int fuse_fd;
	int socket;
	pid_t opener;
	int opener_fd; /* pidfd */
	struct nodes *nodes;
	uint64_t waiting; /* unique of the open that the opener waits in; 0: none */
	bool serving;	  /* the parser was told so */
};

/* Ends every wait on the mount, takes the opener along, and does not return. */
static void end(struct server *s, int code)
{
	siginfo_t info;

	fd_closep(&s->fuse_fd);
	fd_closep(&s->socket);
	while (waitid(P_PID, (id_t)s->opener, &info, WEXITED) < 0 && errno == EINTR)
		;
	leave_process(code);
}

static int answer(struct server *s, uint64_t unique, int error, const void *a, size_t a_size,
		  const void *b, size_t b_size)
{
	struct fuse_out_header h = { .len = (uint32_t)(sizeof(h) + a_size + b_size),
				     .error = error,
				     .unique = unique };
	struct iovec io[] = { { .iov_base = &h, .iov_len = sizeof(h) },
			      { .iov_base = (void *)a, .iov_len = a_size },
			      { .iov_base = (void *)b, .iov_len = b_size } };

	/* ENOENT: whoever asked has been killed. */
	return writev(s->fuse_fd, io, ARRAY_SIZE(io)) < 0 ? -errno : 0;
}

static void answer_error(struct server *s, uint64_t unique, int error)
{
	(void)answer(s, unique, error, NULL, 0, NULL, 0);
}

static struct fuse_attr file_attr(const struct node *n)
{
	return (struct fuse_attr){
		.ino = n->ino,
		.size = (uint64_t)BROKER_FILE_BYTES,
		.mode = S_IFREG | S_IRUSR | S_IWUSR,
		.nlink = 1,
		.blksize = 4096,
	};
}

static void serve_init(struct server *s, const struct fuse_in_header *h, const void *body)
{
	const struct fuse_init_in *in = body;
	const uint32_t depth = STACK_DEPTH;
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_PASSTHROUGH_MINOR,
		.flags = FUSE_INIT_EXT,
		.flags2 = (uint32_t)(FUSE_PASSTHROUGH >> 32),
		.max_write = MAX_WRITE,
		.time_gran = 1,
	};

	if (in->major != FUSE_KERNEL_VERSION || in->minor < FUSE_PASSTHROUGH_MINOR ||
	    !(in->flags & FUSE_INIT_EXT) || !(in->flags2 & out.flags2)) {
		report(s->socket, -EOPNOTSUPP, "use FUSE passthrough (Linux 6.9)");
		end(s, 1);
	}
	memcpy((uint8_t *)&out + FUSE_INIT_OUT_STACK_DEPTH_OFFSET, &depth, sizeof(depth));
	(void)answer(s, h->unique, 0, &out, sizeof(out), NULL, 0);
}

static void serve_getattr(struct server *s, const struct fuse_in_header *h, const void *body)
{
	const struct node *n = broker_node_by_id(s->nodes, h->nodeid);
	struct fuse_attr_out out = { .attr_valid = ATTR_VALID_S };

	(void)body;
	if (n)
		out.attr = file_attr(n);
	else
		out.attr = (struct fuse_attr){ .ino = FUSE_ROOT_ID, .mode = S_IFDIR, .nlink = 2 };
	(void)answer(s, h->unique, 0, &out, sizeof(out), NULL, 0);
}

static void serve_statfs(struct server *s, const struct fuse_in_header *h, const void *body)
{
	const struct fuse_statfs_out out = { .st = { .bsize = 4096, .frsize = 4096 } };

	(void)body;
	(void)answer(s, h->unique, 0, &out, sizeof(out), NULL, 0);
}

/* The opener waits for a file: the first time, everything works. */
static void serve_tmpfile(struct server *s, const struct fuse_in_header *h, const void *body)
{
	(void)body;
	if (s->waiting) {
		answer_error(s, h->unique, -EBUSY);
		return;
	}
	s->waiting = h->unique;
	if (!s->serving)
		report(s->socket, 0, "");
	s->serving = true;
}

static void close_backing(struct server *s, int32_t id)
{
	uint32_t number = (uint32_t)id;

	if (id)
		(void)ioctl(s->fuse_fd, FUSE_DEV_IOC_BACKING_CLOSE, &number);
}

static void serve_release(struct server *s, const struct fuse_in_header *h, const void *body)
{
	struct node *n = broker_node_by_id(s->nodes, h->nodeid);

	(void)body;
	if (n)
		close_backing(s, broker_node_released(s->nodes, n));
	answer_error(s, h->unique, 0);
}

static void serve_forget(struct server *s, const struct fuse_in_header *h, const void *body)
{
	const struct fuse_forget_in *in = body;
	struct node *n = broker_node_by_id(s->nodes, h->nodeid);

	if (n)
		broker_node_forgotten(s->nodes, n, in->nlookup);
}

static void serve_batch_forget(struct server *s, const struct fuse_in_header *h, const void *body)
{
	const struct fuse_batch_forget_in *in = body;
	const struct fuse_forget_one *one = (const void *)(in + 1);
	size_t room = (h->len - sizeof(*h) - sizeof(*in)) / sizeof(*one);

	for (size_t i = 0; i < in->count && i < room; i++) {
		struct node *n = broker_node_by_id(s->nodes, one[i].nodeid);

		if (n)
			broker_node_forgotten(s->nodes, n, one[i].nlookup);
	}
}

/* The opener was signalled: it asks again, or is gone. No reply of its own. */
static void serve_interrupt(struct server *s, const struct fuse_in_header *h, const void *body)
{
	const struct fuse_interrupt_in *in = body;

	(void)h;
	if (in->unique != s->waiting)
		return;
	answer_error(s, s->waiting, -EINTR);
	s->waiting = 0;
}

static void serve_lookup(struct server *s, const struct fuse_in_header *h, const void *body)
{
	(void)body;
	answer_error(s, h->unique, -ENOENT);
}

static void serve_setattr(struct server *s, const struct fuse_in_header *h, const void *body)
{
	(void)body;
	answer_error(s, h->unique, -EPERM);
}

struct operation {
	void (*serve)(struct server *s, const struct fuse_in_header *h, const void *body);
	size_t body_bytes; /* at least */
};

/* All else is not there (ENOSYS): data and mmap go past us. */
static const struct operation operations[] = {
	[FUSE_LOOKUP] = { .serve = serve_lookup },
	[FUSE_FORGET] = { .serve = serve_forget, .body_bytes = sizeof(struct fuse_forget_in) },
	[FUSE_GETATTR] = { .serve = serve_getattr },
	[FUSE_SETATTR] = { .serve = serve_setattr },
	[FUSE_STATFS] = { .serve = serve_statfs },
	[FUSE_RELEASE] = { .serve = serve_release },
	[FUSE_INIT] = { .serve = serve_init, .body_bytes = sizeof(struct fuse_init_in) },
	[FUSE_INTERRUPT] = { .serve = serve_interrupt,
			     .body_bytes = sizeof(struct fuse_interrupt_in) },
	[FUSE_BATCH_FORGET] = { .serve = serve_batch_forget,
				.body_bytes = sizeof(struct fuse_batch_forget_in) },
	[FUSE_TMPFILE] = { .serve = serve_tmpfile },
};

static void serve_fuse(struct server *s)
{
	static _Alignas(uint64_t) uint8_t request[REQUEST_BYTES_MAX];
	const struct fuse_in_header *h = (const void *)request;
	ssize_t n = read(s->fuse_fd, request, sizeof(request));
	const struct operation *o;

	if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
		return;
	if (n < (ssize_t)sizeof(*h) || h->len != (size_t)n)
		end(s, 0); /* ENODEV: the mount is gone */
	o = h->opcode < ARRAY_SIZE(operations) ? &operations[h->opcode] : NULL;
	if (!o || !o->serve || (size_t)n < sizeof(*h) + o->body_bytes)
		answer_error(s, h->unique, -ENOSYS);
	else
		o->serve(s, h, h + 1);
}

/* A regular file that is open for reading and writing, and the one that the parser says. */
static int check_file(const struct broker_request *q, int fd)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (flags < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (flags & O_ACCMODE) != O_RDWR || flags & O_PATH)
		return -EACCES;
	return st.st_dev == q->dev && st.st_ino == q->ino ? 0 : -ESTALE;
}

static int broker_node_for(struct server *s, const struct broker_request *q, int fd,
			   struct node **ret)
{
	struct fuse_backing_map map = { .fd = fd };
	int e = check_file(q, fd);
	int id;

	if (e < 0)
		return e;
	*ret = broker_node_find(s->nodes, q->dev, q->ino);
	if (*ret)
		return 0;
	id = ioctl(s->fuse_fd, FUSE_DEV_IOC_BACKING_OPEN, &map);
	if (id < 0)
		return -errno;
	*ret = broker_node_add(s->nodes, q->dev, q->ino, id);
	if (!*ret) {
		close_backing(s, id);
		return -ENFILE;
	}
	return 0;
}

/* Answer the waiting open with the file; it then reaches the parser through the opener. */
static int hand_out(struct server *s, struct node *n)
{
	struct fuse_entry_out entry = { .nodeid = broker_node_id(s->nodes, n),
					.attr_valid = ATTR_VALID_S,
					.attr = file_attr(n) };
	struct fuse_open_out open_out = { .open_flags = FOPEN_PASSTHROUGH | FOPEN_NOFLUSH };
	int e;

	memcpy((uint8_t *)&open_out + FUSE_OPEN_OUT_BACKING_ID_OFFSET, &n->backing_id,
	       sizeof(n->backing_id));
	broker_node_opened(n);
	e = answer(s, s->waiting, 0, &entry, sizeof(entry), &open_out, sizeof(open_out));
	s->waiting = 0;
	if (e < 0) {
		close_backing(s, broker_node_released(s->nodes, n));
		broker_node_forgotten(s->nodes, n, 1);
	}
	return e;
}

static void serve_parser(struct server *s)
{
	CLEANUP(fd_closep) int fd = -1;
	struct broker_request q;
	struct node *n = NULL;
	int e = message_receive(s->socket, &q, sizeof(q), &fd);

	if (e == -ENOTCONN)
		end(s, 0);
	if (e == 0 && fd < 0)
		e = -EPROTO;
	if (e == 0)
		e = broker_node_for(s, &q, fd, &n);
	if (e == 0)
		e = hand_out(s, n);
	if (e < 0)
		report(s->socket, e, "");
}

void report(int socket, int error, const char *step)
{
	struct broker_reply reply = { .error = error };

	strncpy(reply.step, step, sizeof(reply.step) - 1);
	/* A parser that does not read its replies gets none. */
	(void)message_send(socket, &reply, sizeof(reply), -1, MSG_DONTWAIT);
}

static void loop(struct server *s)
{
	struct pollfd fds[] = { { .fd = s->fuse_fd, .events = POLLIN },
				{ .fd = s->opener_fd, .events = POLLIN },
				{ .fd = s->socket } };

	for (;;) {
		/* A request is taken only when the opener can carry its file. */
		fds[2].events = s->waiting ? POLLIN : 0;
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0) {
			if (errno == EINTR)
				continue;
			end(s, 1);
		}
		if (fds[0].revents)
			serve_fuse(s);
		if (fds[1].revents)
			end(s, 1);
		/* An interrupt may just have taken the opener away from us. */
		if (fds[2].revents & POLLIN && s->waiting)
			serve_parser(s);
		else if (fds[2].revents & ~POLLIN)
			end(s, 0);
	}
}

void server_main(int fuse_fd, int socket, pid_t opener)
{
	struct server s = { .fuse_fd = fuse_fd, .socket = socket, .opener = opener };
	const char *step = "make room for its files";
	int e;

	s.opener_fd = (int)syscall(SYS_pidfd_open, opener, 0);
	s.nodes = nodes_new();
	e = s.opener_fd < 0 ? -errno : s.nodes ? 0 : -ENOMEM;
	if (e == 0) {
		step = "drop the server's capabilities";
		e = confine_capabilities(UINT64_C(1) << CAP_SYS_ADMIN);
	}
	if (e == 0) {
		step = "limit the server's system calls";
		e = confine_calls(calls, ARRAY_SIZE(calls), NULL, 0, false);
	}
	if (e < 0) {
		report(socket, e, step);
		end(&s, 1);
	}
	for (;;)
		loop(&s);
}
