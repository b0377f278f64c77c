// SPDX-License-Identifier: Apache-2.0
/* Does a file, or the kernel, refuse what a workload needs? One call, and the errno of it. */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int try_map(const char *path, int flags, int protection)
{
	int fd = open(path, flags | O_CLOEXEC);
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, 1, protection, MAP_SHARED, fd, 0);
	int e = p == MAP_FAILED ? errno : 0;

	if (fd >= 0)
		(void)close(fd);
	if (e == 0)
		(void)munmap(p, 1);
	return e;
}

static int try_mmap(const char *path)
{
	return try_map(path, O_RDONLY, PROT_READ);
}

static int try_mmap_write(const char *path)
{
	return try_map(path, O_RDWR, PROT_READ | PROT_WRITE);
}

static int try_direct(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);

	if (fd < 0)
		return errno;
	(void)close(fd);
	return 0;
}

static int try_io_uring(const char *path)
{
	struct io_uring_params p = { 0 };
	long fd = syscall(SYS_io_uring_setup, 1, &p);

	(void)path;
	if (fd < 0)
		return errno;
	(void)close((int)fd);
	return 0;
}

static const struct {
	const char *name;
	const char *call;
	int (*fn)(const char *path); /* 0 or a positive errno */
} tries[] = {
	{ "mmap", "mmap(MAP_SHARED)", try_mmap },
	{ "mmap-write", "mmap(MAP_SHARED, PROT_WRITE)", try_mmap_write },
	{ "direct", "open(O_DIRECT)", try_direct },
	{ "io-uring", "io_uring_setup()", try_io_uring },
};

int cmd_try(int argc, char **argv)
{
	int e;

	if (argc != 2)
		return 2;
	for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
		if (strcmp(tries[i].name, argv[0]) != 0)
			continue;
		e = tries[i].fn(argv[1]);
		json_open('{');
		json_key("call");
		json_string(tries[i].call);
		json_key("errno");
		json_i64(e);
		json_key("error");
		json_string(e ? strerror(e) : "");
		json_close('}');
		e = json_end();
		return e < 0 ? guest_fail(-e, "write to stdout") : 0;
	}
	return 2;
}
