// SPDX-License-Identifier: Apache-2.0
/*
 * A mapping that stays: "hold" maps a file, then answers "look" with what lies at an offset at that moment, and
 * stores what "poke" says. It neither opens the file again nor calls read() or write(): what it sees and does
 * is what the mapping shows and takes. They meet at an abstract socket, so that nothing sleeps. A place
 * without a page behind it is an answer too: SIGBUS, and the holder goes on.
 */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SOCKET_NAME    "vq-hold"
#define PAGE	       4096
#define LOOK_WAIT_MS   10000
#define LOOK_STEP_NS   (5 * NS_PER_MS)
#define HOLD_BYTES_MAX ((off_t)1 << 30)

struct mapping {
	volatile uint8_t *at;
	size_t size;
	bool touched; /* all its pages were read at the start, and are again before each look */
};

/* One message each way; both ends are this program. */
struct ask {
	uint64_t offset;
	uint32_t count;
	bool store;
	uint8_t bytes[GUEST_BYTES_MAX];
};

struct told {
	int32_t signal; /* SIGBUS, or 0 */
	uint64_t fault; /* offset that was touched then */
	uint8_t bytes[GUEST_BYTES_MAX];
};

static socklen_t address(struct sockaddr_un *a)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	/* Abstract: the first byte of the path is NUL. */
	memcpy(a->sun_path + 1, SOCKET_NAME, sizeof(SOCKET_NAME) - 1);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof(SOCKET_NAME));
}

/* @bytes: of a mapping for writing; 0: all of the file, for reading. */
static int map_file(const char *path, uint64_t bytes, struct mapping *ret)
{
	struct stat st;
	void *p = NULL;
	int fd = open(path, (bytes ? O_RDWR : O_RDONLY) | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || (!bytes && st.st_size <= 0) || st.st_size > HOLD_BYTES_MAX) {
		(void)close(fd);
		return -EFBIG;
	}
	ret->size = bytes ? (size_t)bytes : (size_t)st.st_size;
	p = mmap(NULL, ret->size, bytes ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (p == MAP_FAILED)
		return -errno;
	ret->at = p;
	ret->touched = !bytes;
	return 0;
}

static void touch(const struct mapping *m)
{
	for (size_t i = 0; i < m->size; i += PAGE)
		(void)m->at[i];
}

static sigjmp_buf escape;
static uint8_t *volatile fault_address;

static void on_bus_error(int signal, siginfo_t *info, void *context)
{
	(void)context;
	fault_address = info->si_addr;
	siglongjmp(escape, signal);
}

/* The touches of a mapping; nothing else in this program is to survive a SIGBUS. */
static void copy(const struct mapping *m, const struct ask *a, struct told *t)
{
	static const struct sigaction dies = { .sa_handler = SIG_DFL };
	const struct sigaction catches = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };

	t->signal = sigsetjmp(escape, 1);
	if (t->signal) {
		t->fault = (uint64_t)(fault_address - m->at);
	} else {
		(void)sigaction(SIGBUS, &catches, NULL);
		if (m->touched && !a->store)
			touch(m);
		for (size_t i = 0; i < a->count; i++)
			if (a->store)
				m->at[a->offset + i] = a->bytes[i];
			else
				t->bytes[i] = m->at[a->offset + i];
	}
	(void)sigaction(SIGBUS, &dies, NULL);
}

/* Whoever asks beyond the mapping gets no answer. */
static void answer(int fd, const struct mapping *m)
{
	static struct ask a;
	static struct told t;

	if (recv(fd, &a, sizeof(a), 0) == (ssize_t)sizeof(a) && a.count <= GUEST_BYTES_MAX &&
	    a.offset <= m->size && a.count <= m->size - a.offset) {
		t = (struct told){ 0 };
		copy(m, &a, &t);
		(void)!send(fd, &t, sizeof(t), MSG_NOSIGNAL);
	}
	(void)close(fd);
}

/* Ends with its job: the agent kills it. */
int cmd_hold(int argc, char **argv)
{
	struct mapping m = { 0 };
	uint64_t bytes = 0;
	struct sockaddr_un a;
	int e;
	int s;

	if (argc < 1 || argc > 2 ||
	    (argc == 2 && (guest_parse_u64(argv[1], &bytes) < 0 || bytes == 0 ||
			   bytes > (uint64_t)HOLD_BYTES_MAX)))
		return 2;
	e = map_file(argv[0], bytes, &m);
	if (e < 0 || !m.at)
		return guest_fail(-e, "map %s", argv[0]);
	if (m.touched)
		touch(&m);
	s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (s < 0 || bind(s, (struct sockaddr *)&a, address(&a)) < 0 || listen(s, 4) < 0)
		return guest_fail(errno, "listen for look");
	for (;;) {
		int fd = accept4(s, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			answer(fd, &m);
		else if (errno != EINTR)
			return guest_fail(errno, "accept");
	}
}

/* With the last name of a file its inode goes, and with that whatever maps it in a DAX window. */
int cmd_remove(int argc, char **argv)
{
	if (argc != 1)
		return 2;
	if (unlink(argv[0]) < 0)
		return guest_fail(errno, "remove %s", argv[0]);
	json_open('{');
	json_key("removed");
	json_bool(true);
	json_close('}');
	return json_end() < 0 ? 1 : 0;
}

/* The holder may still be reading its pages. */
static int reach_holder(void)
{
	const struct timespec step = { .tv_nsec = LOOK_STEP_NS };
	uint64_t end = guest_now_ns() + LOOK_WAIT_MS * NS_PER_MS;
	struct sockaddr_un a;
	socklen_t size = address(&a);
	int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (s < 0)
		return -errno;
	while (connect(s, (struct sockaddr *)&a, size) < 0) {
		int e = errno;

		if (e != ECONNREFUSED || guest_now_ns() > end) {
			(void)close(s);
			return -e;
		}
		(void)nanosleep(&step, NULL); /* nothing tells when a socket appears */
	}
	return s;
}

static int ask_holder(const struct ask *a, struct told *ret)
{
	int s = reach_holder();
	bool answered;

	if (s < 0)
		return guest_fail(-s, "reach the holder of a mapping");
	answered = send(s, a, sizeof(*a), MSG_NOSIGNAL) == (ssize_t)sizeof(*a) &&
		   recv(s, ret, sizeof(*ret), 0) == (ssize_t)sizeof(*ret);
	(void)close(s);
	return answered ? 0
			: guest_fail(EIO, "ask for %u bytes at offset %llu", a->count,
				     (unsigned long long)a->offset);
}

/* Where the holder met no page; false: it met all of them. */
static bool print_fault(const struct told *t)
{
	if (!t->signal)
		return false;
	json_key("signal");
	json_string(t->signal == SIGBUS ? "SIGBUS" : "?");
	json_key("fault");
	json_u64(t->fault);
	return true;
}

int cmd_look(int argc, char **argv)
{
	static struct ask a;
	static struct told t;
	uint64_t count = 1;

	if (argc < 1 || argc > 2 || guest_parse_u64(argv[0], &a.offset) < 0 ||
	    (argc == 2 && guest_parse_u64(argv[1], &count) < 0) || count == 0 ||
	    count > GUEST_BYTES_MAX)
		return 2;
	a.count = (uint32_t)count;
	if (ask_holder(&a, &t))
		return 1;
	json_open('{');
	if (!print_fault(&t)) {
		json_key("byte");
		json_u64(t.bytes[0]);
		json_key("hex");
		guest_print_hex(t.bytes, a.count);
	}
	json_close('}');
	return json_end() < 0 ? 1 : 0;
}

int cmd_poke(int argc, char **argv)
{
	static struct ask a = { .store = true };
	static struct told t;
	size_t count;

	if (argc != 2 || guest_parse_u64(argv[0], &a.offset) < 0 ||
	    guest_parse_hex(argv[1], a.bytes, sizeof(a.bytes), &count) < 0)
		return 2;
	a.count = (uint32_t)count;
	if (ask_holder(&a, &t))
		return 1;
	json_open('{');
	if (!print_fault(&t)) {
		json_key("stored");
		json_u64(a.count);
	}
	json_close('}');
	return json_end() < 0 ? 1 : 0;
}
