// SPDX-License-Identifier: Apache-2.0
/*
 * The byte stream to the host and its queues.
 *
 * A virtio-serial port differs from a socket in one thing that matters: while no host is connected
 * poll() reports POLLHUP at once and read() returns 0, again and again, and later the same
 * descriptor works again. So a port without a host is left out of the poll set; SIGIO tells
 * when the host comes (drivers/char/virtio_console.c sends it on PORT_OPEN), and a slow poll
 * stands in for a signal that was missed.
 *
 * A terminal (a serial line or virtio console, for VMMs without named ports) never says whether a
 * host is there; it only moves bytes, once it is told to leave them alone.
 */
#include "agent_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* Frames to the host that wait. A job whose output finds no slot blocks in its pipe. */
#define SLOTS 8
/* Slots that stream data leaves free, so that EXIT, ERROR and PONG are never stuck behind output.
 */
#define SLOTS_RESERVED 3
/* How often a link without a host is looked at when no signal comes. */
#define AWAY_POLL_MS 200
/* Longest pause between two looks for the port when no uevent arrives. */
#define PORT_POLL_MS 50

struct slot {
	size_t size;
	size_t sent;
	unsigned char bytes[VQP_FRAME_MAX];
};

static struct {
	enum link_kind kind;
	const char *target;
	int fd;	       /* -1: none at present */
	int listen_fd; /* LINK_LISTEN */
	bool away;     /* the port has no host */
	bool attached;
	bool suspended; /* was attached when the host seemed to leave, and no HELLO has come since
			 */
	bool over;

	unsigned char in[2 * VQP_FRAME_MAX];
	size_t in_start;
	size_t in_size;	  /* bytes from in_start on */
	uint64_t garbage; /* non-zero bytes skipped since the last frame */

	size_t pad;	   /* zeros to send before anything else */
	struct slot hello; /* goes before the queue; size 0 = none */
	struct slot queue[SLOTS];
	size_t first;
	size_t count;
} wire = { .fd = -1, .listen_fd = -1 };

uint64_t now_ns(void)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* ---- opening ---- */

/* Is the port in sysfs folder @entry the one called @name? */
static bool port_is(const char *entry, const char *name)
{
	char path[300], text[128];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/sys/class/virtio-ports/%.255s/name", entry);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return strcmp(text, name) == 0;
}

/* Open the port by name: its number changes when devices are added. -ENOENT when it is not there.
 */
static int port_try_open(const char *name)
{
	char path[300] = "";
	struct dirent *entry;
	DIR *dir = opendir("/sys/class/virtio-ports");
	int fd;

	if (!dir)
		return -ENOENT;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] != '.' && port_is(entry->d_name, name)) {
			(void)snprintf(path, sizeof(path), "/dev/%.255s", entry->d_name);
			break;
		}
	}
	(void)closedir(dir);
	if (path[0] == '\0')
		return -ENOENT;
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	(void)fcntl(fd, F_SETOWN, getpid());
	return fd;
}

/* Open a terminal as a plain byte stream: no echo, no line editing, no signals, no flow control. */
static int tty_try_open(const char *path)
{
	struct termios t;
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	if (tcgetattr(fd, &t) == 0) {
		cfmakeraw(&t);
		t.c_cflag |= CLOCAL | CREAD;
		t.c_cflag &= ~(tcflag_t)(HUPCL | CRTSCTS);
		t.c_iflag &= ~(tcflag_t)(IXOFF | IXANY);
		t.c_cc[VMIN] = 1;
		t.c_cc[VTIME] = 0;
		(void)cfsetspeed(&t, B115200);
		if (tcsetattr(fd, TCSANOW, &t) == 0)
			return fd;
	}
	/* A console whose device is still being set up has no settings yet either. */
	(void)close(fd);
	return -ENOENT;
}

static int try_open(enum link_kind kind, const char *target)
{
	return kind == LINK_TTY ? tty_try_open(target) : port_try_open(target);
}

/* Uevents only shorten the wait: without the socket, or when one is lost, the next look finds the
 * port. */
static int port_open(enum link_kind kind, const char *target, uint64_t deadline_ns)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int events = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			    NETLINK_KOBJECT_UEVENT);
	char event[4096];
	int fd;

	if (events >= 0 && bind(events, (struct sockaddr *)&address, sizeof(address)) < 0) {
		(void)close(events);
		events = -1;
	}
	for (;;) {
		struct pollfd wait = { .fd = events, .events = POLLIN };

		fd = try_open(kind, target);
		if (fd >= 0 || now_ns() >= deadline_ns)
			break;
		(void)poll(&wait, 1, PORT_POLL_MS);
		while (events >= 0 && recv(events, event, sizeof(event), 0) > 0)
			;
	}
	if (events >= 0)
		(void)close(events);
	return fd;
}

static int socket_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	(void)unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0) {
		int e = -errno;

		(void)close(fd);
		return e;
	}
	return fd;
}

int link_open(enum link_kind kind, const char *target, int fd, uint64_t deadline_ns)
{
	int flags;

	wire.kind = kind;
	wire.target = target;
	switch (kind) {
	case LINK_PORT:
	case LINK_TTY:
		wire.fd = port_open(kind, target, deadline_ns);
		return wire.fd < 0 ? wire.fd : 0;
	case LINK_LISTEN:
		wire.listen_fd = socket_listen(target);
		return wire.listen_fd < 0 ? wire.listen_fd : 0;
	case LINK_FD:
		flags = fcntl(fd, F_GETFL);
		if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
		    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
			return -errno;
		wire.fd = fd;
		return 0;
	}
	return -EINVAL;
}

/* ---- loss and return of the host ---- */

static void set_sigio(bool on)
{
	int flags = fcntl(wire.fd, F_GETFL);

	if (flags >= 0)
		(void)fcntl(wire.fd, F_SETFL, on ? flags | O_ASYNC : flags & ~O_ASYNC);
}

/* The frame that was being sent was received in part at most: it is sent whole to the next host. */
static void rewind_output(void)
{
	wire.hello.size = 0;
	wire.pad = 0;
	if (wire.count > 0)
		wire.queue[wire.first].sent = 0;
}

/*
 * A port also looks deserted while PORT_OPEN, which comes over another queue, is still on its way:
 * a host that is quick has then said HELLO and more already. So nothing received is dropped here,
 * and a frame that is no HELLO shows that it is still the same host (link_resume).
 */
static void host_lost(void)
{
	wire.suspended |= wire.attached;
	wire.attached = false;
	rewind_output();
	switch (wire.kind) {
	case LINK_PORT:
		wire.away = true;
		set_sigio(true);
		break;
	case LINK_LISTEN:
		(void)close(wire.fd);
		wire.fd = -1;
		/* A new connection is a new host. */
		wire.in_size = 0;
		wire.garbage = 0;
		wire.suspended = false;
		break;
	case LINK_TTY:
		(void)close(wire.fd);
		wire.fd = -1;
		wire.away = true;
		break;
	case LINK_FD: wire.over = true; break;
	}
}

/* The port device itself is gone (unplugged): look for it again at leisure. */
static void port_gone(void)
{
	host_lost();
	(void)close(wire.fd);
	wire.fd = -1;
}

static void look_for_host(void)
{
	struct pollfd p = { .fd = wire.fd, .events = POLLIN };

	if (wire.kind == LINK_LISTEN && wire.fd < 0) {
		wire.fd = accept4(wire.listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		return;
	}
	if (wire.kind == LINK_TTY && wire.away) {
		wire.fd = tty_try_open(wire.target);
		wire.away = wire.fd < 0;
		return;
	}
	if (wire.kind != LINK_PORT || !wire.away)
		return;
	if (wire.fd < 0) {
		wire.fd = port_try_open(wire.target);
		if (wire.fd < 0)
			return;
		set_sigio(true);
		p.fd = wire.fd;
	}
	if (poll(&p, 1, 0) >= 0 && !(p.revents & (POLLHUP | POLLERR))) {
		wire.away = false;
		set_sigio(false);
	}
}

/* ---- bytes ---- */

/* Returns 1 when all was written, 0 when the stream is full or the host is gone. */
static int write_some(const unsigned char *data, size_t size, size_t *ret_written)
{
	ssize_t n = write(wire.fd, data, size);

	*ret_written = n > 0 ? (size_t)n : 0;
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		if (wire.kind == LINK_PORT && errno == ENODEV)
			port_gone();
		else
			host_lost();
	}
	return n >= 0 && (size_t)n == size;
}

static bool send_slot(struct slot *s)
{
	size_t n;
	int whole = write_some(s->bytes + s->sent, s->size - s->sent, &n);

	if (n == 0)
		return false;
	s->sent += n;
	return whole;
}

bool link_flush(void)
{
	static const unsigned char zeros[4096];
	size_t before = wire.count;
	size_t n;

	while (wire.pad > 0 && wire.fd >= 0 && !wire.away) {
		(void)write_some(zeros, wire.pad < sizeof(zeros) ? wire.pad : sizeof(zeros), &n);
		if (n == 0)
			return false;
		wire.pad -= n;
	}
	if (wire.hello.size > 0 && wire.fd >= 0 && !wire.away) {
		if (!send_slot(&wire.hello))
			return false;
		wire.hello.size = 0;
	}
	while (wire.attached && wire.count > 0 && wire.fd >= 0 && !wire.away) {
		if (!send_slot(&wire.queue[wire.first]))
			break;
		wire.first = (wire.first + 1) % SLOTS;
		wire.count--;
	}
	return wire.count < before || wire.over;
}

static void fill_input(void)
{
	bool fresh = false;

	memmove(wire.in, wire.in + wire.in_start, wire.in_size);
	wire.in_start = 0;
	while (wire.fd >= 0 && !wire.away && wire.in_size < sizeof(wire.in)) {
		ssize_t n = read(wire.fd, wire.in + wire.in_size, sizeof(wire.in) - wire.in_size);

		if (n > 0) {
			wire.in_size += (size_t)n;
			fresh = true;
			continue;
		}
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		/* The last frames of a host that left are handled before the loss: next time, then.
		 */
		if (n == 0 && fresh)
			return;
		if (n < 0 && errno == ENODEV && wire.kind == LINK_PORT)
			port_gone();
		else
			host_lost();
		return;
	}
}

size_t link_poll(struct pollfd *set, size_t count, bool want_input)
{
	bool output = wire.pad > 0 || wire.hello.size > 0 || (wire.attached && wire.count > 0);
	short events = 0;

	if (wire.listen_fd >= 0 && wire.fd < 0)
		set[count++] = (struct pollfd){ .fd = wire.listen_fd, .events = POLLIN };
	if (wire.fd < 0 || wire.away)
		return count;
	if (want_input && wire.in_size < sizeof(wire.in))
		events |= POLLIN;
	if (output)
		events |= POLLOUT;
	set[count++] = (struct pollfd){ .fd = wire.fd, .events = events };
	return count;
}

uint64_t link_deadline(void)
{
	return wire.away ? now_ns() + AWAY_POLL_MS * NS_PER_MS : DEADLINE_NEVER;
}

int link_step(void)
{
	struct pollfd p;

	look_for_host();
	(void)link_flush();
	p = (struct pollfd){ .fd = wire.fd, .events = POLLIN };
	if (wire.fd >= 0 && !wire.away && poll(&p, 1, 0) > 0) {
		bool room = wire.in_size < sizeof(wire.in);

		/* What an old host still sent is worth reading; read() itself then says that it is
		 * gone. */
		if ((p.revents & POLLIN) && room)
			fill_input();
		else if (p.revents & (POLLHUP | POLLERR))
			host_lost();
	}
	return wire.over ? -EPIPE : 0;
}

/* ---- frames ---- */

bool link_attached(void)
{
	return wire.attached;
}

bool link_next(struct vqp_frame *ret)
{
	for (;;) {
		enum vqp_scan found;
		size_t used;

		/* Both the frame and what is said of the garbage before it may need an answer. */
		if (wire.attached && wire.count + 2 > SLOTS)
			return false;
		found = vqp_scan(wire.in + wire.in_start, wire.in_size, &used, ret);
		wire.in_start += used;
		wire.in_size -= used;
		switch (found) {
		case VQP_SCAN_MORE: return false;
		case VQP_SCAN_FRAME:
			if (wire.garbage > 0 && wire.attached)
				link_error(0, EBADMSG, "%llu bytes before this were no frame",
					   (unsigned long long)wire.garbage);
			wire.garbage = 0;
			return true;
		case VQP_SCAN_BAD:
			if (wire.attached)
				link_error(ret->job, EBADMSG,
					   "a frame of type %u has a bad checksum", ret->type);
			break;
		case VQP_SCAN_SKIP:
			for (size_t i = wire.in_start - used; i < wire.in_start; i++)
				wire.garbage += wire.in[i] != 0;
			break;
		}
	}
}

bool link_can_reply(void)
{
	return wire.attached && wire.count < SLOTS;
}

bool link_can_bulk(void)
{
	return wire.attached && wire.count + SLOTS_RESERVED < SLOTS;
}

unsigned char *link_payload(void)
{
	return wire.queue[(wire.first + wire.count) % SLOTS].bytes + VQP_HEADER_SIZE;
}

void link_commit(enum vqp_type type, uint32_t job, size_t size)
{
	struct slot *s = &wire.queue[(wire.first + wire.count) % SLOTS];

	vqp_seal(s->bytes, type, job, size);
	s->size = VQP_HEADER_SIZE + size;
	s->sent = 0;
	wire.count++;
}

void link_send(enum vqp_type type, uint32_t job, const void *payload, size_t size)
{
	if (!link_can_reply())
		return;
	if (size > 0)
		memcpy(link_payload(), payload, size);
	link_commit(type, job, size);
}

void link_error(uint32_t job, int error, const char *fmt, ...)
{
	unsigned char payload[sizeof(struct vqp_error) + VQP_TEXT_MAX];
	struct vqp_error e = { .error = vqp_put32((uint32_t)error) };
	va_list ap;
	int n;

	memcpy(payload, &e, sizeof(e));
	va_start(ap, fmt);
	n = vsnprintf((char *)payload + sizeof(e), VQP_TEXT_MAX, fmt, ap);
	va_end(ap);
	if (n < 0)
		n = 0;
	if (n >= VQP_TEXT_MAX)
		n = VQP_TEXT_MAX - 1;
	link_send(VQP_ERROR, job, payload, sizeof(e) + (size_t)n);
}

bool link_resume(void)
{
	wire.attached |= wire.suspended;
	wire.suspended = false;
	return wire.attached;
}

void link_detach(bool drop)
{
	wire.attached = false;
	wire.suspended = false;
	/* Complete the length of a frame that is partly out, so that the host finds the next
	 * boundary. */
	if (wire.hello.size > 0 && wire.hello.sent > 0)
		wire.pad += wire.hello.size - wire.hello.sent;
	wire.hello.size = 0;
	if (wire.count > 0 && wire.queue[wire.first].sent > 0) {
		wire.pad += wire.queue[wire.first].size - wire.queue[wire.first].sent;
		wire.queue[wire.first].sent = 0;
	}
	if (drop)
		wire.count = 0;
}

static void set_hello(enum vqp_type type, const void *payload, size_t size)
{
	if (size > 0)
		memcpy(wire.hello.bytes + VQP_HEADER_SIZE, payload, size);
	vqp_seal(wire.hello.bytes, type, 0, size);
	wire.hello.size = VQP_HEADER_SIZE + size;
	wire.hello.sent = 0;
}

void link_greet(const struct vqp_hello_reply *reply)
{
	set_hello(VQP_HELLO_REPLY, reply, sizeof(*reply));
	wire.attached = true;
}

void link_announce(void)
{
	set_hello(VQP_STARTED, NULL, 0);
}
