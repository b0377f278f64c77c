// SPDX-License-Identifier: Apache-2.0
/* Locks. */
#include "conformance/guest/areas.h"
#include "conformance/guest/oracle.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define SEED 7

static int64_t lock_all(int fd, short type)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_SETLK, &l);
}

static void of_guest_only(struct check_run *r)
{
	int fd = make_file(r, "f", 10, SEED);

	WANT(fd >= 0);
	WANT_OK(r, flock(fd, LOCK_EX | LOCK_NB));
	WANT_VISIBLE(r, "B37",
		     "the host takes the lock of a file that the guest has locked (flock)",
		     see_number(r, host_flock(r, "f", true), 0, -EAGAIN));
	WANT_OK(r, flock(fd, LOCK_UN));
	WANT_OK(r, lock_all(fd, F_WRLCK));
	WANT_VISIBLE(r, "B37",
		     "the host takes the lock of a file that the guest has locked (fcntl)",
		     see_number(r, host_lock(r, "f", true), 0, -EAGAIN));
}

static void between_processes(struct check_run *r)
{
	int a = make_file(r, "f", 10, SEED);
	int b = open("f", O_RDWR);

	WANT(a >= 0);
	DO(r, b);
	WANT_OK(r, flock(a, LOCK_EX | LOCK_NB));
	WANT_ERROR(r, EWOULDBLOCK, flock(b, LOCK_SH | LOCK_NB));
	WANT_OK(r, flock(a, LOCK_UN));
	WANT_OK(r, flock(b, LOCK_SH | LOCK_NB));
	WANT_OK(r, lock_all(a, F_WRLCK));
	WANT_ERROR(r, EAGAIN, lock_all(b, F_RDLCK));
	WANT_OK(r, close(a));
	WANT_OK(r, lock_all(b, F_RDLCK));
}

static const struct check checks[] = {
	{
		.id = "locks.guest-only",
		.title = "Locks of a guest do not reach the host",
		.rows = "B37 FUSE-LK-001",
		.does = "guest: flock; host: the same, without waiting; then both with fcntl",
		.wants = "the host gets the lock",
		.needs = NEED_HOST,
		.run = of_guest_only,
	},
	{
		.id = "locks.between-descriptors",
		.title = "Locks of two descriptors exclude each other in the guest",
		.rows = "FUSE-LK-001",
		.does = "guest: open a file twice, flock and fcntl on both",
		.wants = "the second one is refused until the first is free",
		.run = between_processes,
	},
};

const struct check_area area_locks = { "locks", "Locks", checks, ARRAY_SIZE(checks) };
