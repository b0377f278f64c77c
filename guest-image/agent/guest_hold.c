// SPDX-License-Identifier: Apache-2.0
/*
 * A mapping that stays: "hold" maps a file and reads a byte of each page; at each "look" it does so again and
 * answers with what lies at an offset at that moment. The reader neither opens the file again nor calls
 * read(): what it sees is what the mapping shows. The two meet at an abstract socket, so that nothing sleeps.
 */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
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

static socklen_t address(struct sockaddr_un *a)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	/* Abstract: the first byte of the path is NUL. */
	memcpy(a->sun_path + 1, SOCKET_NAME, sizeof(SOCKET_NAME) - 1);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof(SOCKET_NAME));
}

static int map_file(const char *path, const volatile uint8_t **ret, size_t *ret_size)
{
	struct stat st;
	void *p;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > HOLD_BYTES_MAX) {
		(void)close(fd);
		return -EFBIG;
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (p == MAP_FAILED)
		return -errno;
	*ret = p;
	*ret_size = (size_t)st.st_size;
	return 0;
}

static void touch(const volatile uint8_t *map, size_t size)
{
	for (size_t i = 0; i < size; i += PAGE)
		(void)map[i];
}

/* One offset, one byte, after a walk over all pages; whoever asks beyond the mapping gets none. */
static void answer(int fd, const volatile uint8_t *map, size_t size)
{
	uint64_t offset;
	uint8_t byte;

	if (recv(fd, &offset, sizeof(offset), 0) == (ssize_t)sizeof(offset) && offset < size) {
		touch(map, size);
		byte = map[offset];
		(void)!send(fd, &byte, 1, MSG_NOSIGNAL);
	}
	(void)close(fd);
}

/* Ends with its job: the agent kills it. */
int cmd_hold(int argc, char **argv)
{
	const volatile uint8_t *map = NULL;
	struct sockaddr_un a;
	size_t size = 0;
	int e;
	int s;

	if (argc != 1)
		return 2;
	e = map_file(argv[0], &map, &size);
	if (e < 0)
		return guest_fail(-e, "map %s", argv[0]);
	touch(map, size);
	s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (s < 0 || bind(s, (struct sockaddr *)&a, address(&a)) < 0 || listen(s, 4) < 0)
		return guest_fail(errno, "listen for look");
	for (;;) {
		int fd = accept4(s, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			answer(fd, map, size);
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

int cmd_look(int argc, char **argv)
{
	uint64_t offset;
	uint8_t byte;
	int s;

	if (argc != 1 || guest_parse_u64(argv[0], &offset) < 0)
		return 2;
	s = reach_holder();
	if (s < 0)
		return guest_fail(-s, "reach the holder of a mapping");
	if (send(s, &offset, sizeof(offset), MSG_NOSIGNAL) != (ssize_t)sizeof(offset) ||
	    recv(s, &byte, 1, 0) != 1)
		return guest_fail(EIO, "look at offset %s", argv[0]);
	(void)close(s);
	json_open('{');
	json_key("byte");
	json_u64(byte);
	json_close('}');
	return json_end() < 0 ? 1 : 0;
}
