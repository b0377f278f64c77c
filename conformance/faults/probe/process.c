// SPDX-License-Identifier: Apache-2.0
/* Ids, locks, rings. */
#include "conformance/faults/probe/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OTHER 12345

/* All but the locks and rings want root. */
static void ids(const char *variant)
{
	(void)variant;
	say(syscall(SYS_setresgid, -1, OTHER, -1));
	(void)printf("%u ", getegid());
	say(syscall(SYS_setresuid, -1, OTHER, -1));
	(void)printf("%u ", geteuid());
	say(syscall(SYS_setresuid, -1, 0, -1));
	(void)printf("%u ", geteuid());
}

static void denied(const char *variant)
{
	(void)variant;
	(void)make("file", "");
	(void)chmod(".", 0755);
	(void)syscall(SYS_setresuid, -1, OTHER, -1);
	say(openat(AT_FDCWD, "file", O_RDONLY) < 0 ? -1 : 0);
}

static void groups(const char *variant)
{
	gid_t five = 5;

	say(syscall(SYS_setgroups, 1, &five) < 0 ? -1 : 0);
	say(is(variant, "syscall") ? syscall(SYS_setgroups, 0, NULL) : setgroups(0, NULL));
	say(getgroups(0, NULL));
}

int capset(void *header, const void *data);

static void capabilities(const char *variant)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { 0 } };

	(void)variant;
	(void)syscall(SYS_capget, &h, d);
	d[0].effective = d[1].effective = 0;
	say(capset(&h, d));
	(void)syscall(SYS_capget, &h, d);
	(void)printf("%s ", d[0].effective ? "some" : "none");
}

static void mask(const char *variant)
{
	(void)variant;
	(void)printf("%o ", umask(027));
	(void)printf("%o ", umask(077));
}

/* ---- locks ---- */

static void locks(const char *variant)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct flock look = l;
	int one = make("file", "");
	int two = open("file", O_RDWR);

	(void)variant;
	say(flock(one, LOCK_EX | LOCK_NB));
	say(flock(two, LOCK_EX | LOCK_NB));
	say(fcntl(one, F_OFD_SETLK, &l));
	say(fcntl64(two, F_OFD_SETLK, &l));
	say(fcntl(two, F_OFD_GETLK, &look));
	(void)printf("%s ", look.l_type == F_UNLCK ? "free" : "locked");
}

/* ---- rings ---- */

/* A descriptor that eventfd() did not make is like one that somebody sent. */
static void call(const char *variant)
{
	int fd = (int)syscall(SYS_eventfd2, 0, EFD_NONBLOCK);
	int own = eventfd(0, EFD_NONBLOCK);
	uint64_t one = 1;
	uint64_t seen = 0;

	if (is(variant, "eventfd_write"))
		say(eventfd_write(fd, 1));
	else
		say(write(fd, &one, sizeof(one)));
	say(read(fd, &seen, sizeof(seen)));
	(void)printf("%u ", (unsigned)seen);
	seen = 0;
	say(write(own, &one, sizeof(one)));
	say(read(own, &seen, sizeof(seen)));
	(void)printf("%u ", (unsigned)seen);
}

static void memory(const char *variant)
{
	int fd = memfd_create("probe", 0);
	char seen = '-';
	char *at;

	(void)!ftruncate(fd, 4096);
	at = is(variant, "mmap64") ? mmap64(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
				   : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return;
	at[0] = 'x';
	(void)!pread(fd, &seen, 1, 0);
	(void)printf("%s ", seen == 'x' ? "shared" : "private");
}

static void stream(const char *variant)
{
	char seen[4];
	int ends[2];
	ssize_t n;

	(void)variant;
	if (pipe(ends) < 0)
		return;
	say(write(ends[1], "abcd", 4));
	(void)close(ends[1]);
	n = read(ends[0], seen, sizeof(seen));
	say(n);
	(void)printf("%.*s", n > 0 ? (int)n : 0, seen);
}

const struct scenario process_scenarios[] = {
	{ "ids", ids },	      { "denied", denied },
	{ "groups", groups }, { "capabilities", capabilities },
	{ "umask", mask },    { "locks", locks },
	{ "call", call },     { "memory", memory },
	{ "stream", stream },
};
const size_t process_scenario_count = sizeof(process_scenarios) / sizeof(process_scenarios[0]);
