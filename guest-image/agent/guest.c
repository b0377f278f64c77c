// SPDX-License-Identifier: Apache-2.0
/*
 * vq-guest - what a pass needs done in the guest, one round trip of the agent each.
 *
 * Every subcommand but dmesg prints one JSON object on stdout. Exit code 0, 1 for a failure (one
 * line on stderr says which, and the JSON has the details where the command knows more), 2 for
 * wrong usage.
 */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How much of a file is mapped at a time, which bounds the vector of mincore(). */
#define RESIDENT_WINDOW (UINT64_C(128) << 20)
#define PAGE_SIZE_MIN	4096
#define READ_SIZE	(128 * 1024)

uint64_t guest_now_ns(void)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

int guest_fail(int error, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "vq-guest: %s: %s\n", what, strerror(error));
	return 1;
}

int guest_read_text(const char *path, char *ret, size_t size)
{
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	ret[0] = '\0';
	if (fd < 0)
		return -errno;
	n = read(fd, ret, size - 1);
	(void)close(fd);
	if (n < 0)
		return -EIO;
	ret[n] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	return 0;
}

int guest_parse_u64(const char *text, uint64_t *ret)
{
	unsigned long long value;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0')
		return -EINVAL;
	*ret = value;
	return 0;
}

static int finish(void)
{
	int e;

	json_close('}');
	e = json_end();
	return e < 0 ? guest_fail(-e, "write to stdout") : 0;
}

static int cmd_meminfo(int argc, char **argv)
{
	static const char *const names[] = {
		"MemTotal",  "MemFree",	 "MemAvailable", "Buffers",   "Cached",	      "SwapCached",
		"Active",    "Inactive", "Shmem",	 "Slab",      "SReclaimable", "SUnreclaim",
		"AnonPages", "Mapped",	 "Dirty",	 "Writeback", "PageTables",
	};
	char line[128], name[64];
	unsigned long long kib;
	FILE *f;

	(void)argv;
	if (argc != 0)
		return 2;
	f = fopen("/proc/meminfo", "re");
	if (!f)
		return guest_fail(errno, "open /proc/meminfo");
	json_open('{');
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63[^:]: %llu kB", name, &kib) != 2)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
			if (strcmp(name, names[i]) != 0)
				continue;
			json_key(name);
			json_u64((uint64_t)kib * 1024);
		}
	}
	(void)fclose(f);
	return finish();
}

/* Resident bytes of [offset, offset + length). 0 or -errno. */
static int count_window(int fd, uint64_t offset, uint64_t length, uint64_t *ret_bytes)
{
	static unsigned char pages[RESIDENT_WINDOW / PAGE_SIZE_MIN];
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	void *map = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, (off_t)offset);
	uint64_t bytes = 0;
	int e = 0;

	if (map == MAP_FAILED)
		return -errno;
	if (mincore(map, length, pages) < 0)
		e = -errno;
	for (uint64_t at = 0; e == 0 && at < length; at += page)
		if (pages[at / page] & 1)
			bytes += length - at < page ? length - at : page;
	(void)munmap(map, length);
	*ret_bytes = bytes;
	return e;
}

/* Resident bytes of the whole file. 0 or -errno (-ENODEV: it cannot be mapped). */
static int count_resident(int fd, uint64_t size, uint64_t *ret_bytes)
{
	uint64_t total = 0, bytes = 0;
	int e = 0;

	/* An empty file has no pages, but whether it can be mapped is still a fact. */
	if (size == 0)
		e = count_window(fd, 0, 1, &bytes);
	for (uint64_t at = 0; e == 0 && at < size; at += RESIDENT_WINDOW) {
		uint64_t left = size - at;

		e = count_window(fd, at, left < RESIDENT_WINDOW ? left : RESIDENT_WINDOW, &bytes);
		total += e == 0 ? bytes : 0;
	}
	*ret_bytes = total;
	return e;
}

/*
 * Opening is not innocent: where the daemon does not answer with FOPEN_KEEP_CACHE (cache=auto of
 * both virtiofsd), the guest drops the file's pages at each open, and this reports 0. "read" counts
 * before it closes.
 */
static int cmd_resident(int argc, char **argv)
{
	uint64_t resident;
	struct stat st;
	int fd, e;

	if (argc != 1)
		return 2;
	fd = open(argv[0], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return guest_fail(errno, "open %s", argv[0]);
	e = count_resident(fd, (uint64_t)st.st_size, &resident);
	(void)close(fd);
	if (e < 0 && e != -ENODEV)
		return guest_fail(-e, "map %s", argv[0]);
	json_open('{');
	json_key("size");
	json_u64((uint64_t)st.st_size);
	json_key("mappable");
	json_bool(e == 0);
	if (e == 0) {
		json_key("resident_bytes");
		json_u64(resident);
	} else {
		json_key("errno");
		json_i64(-e);
		json_key("error");
		json_string(strerror(-e));
	}
	return finish();
}

static int cmd_read(int argc, char **argv)
{
	static char data[READ_SIZE];
	uint64_t left = UINT64_MAX, done = 0, resident = 0, start, end;
	struct stat st;
	int fd, e;

	if (argc != 2 || (strcmp(argv[1], "all") != 0 && guest_parse_u64(argv[1], &left) < 0))
		return 2;
	start = guest_now_ns();
	fd = open(argv[0], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return guest_fail(errno, "open %s", argv[0]);
	while (left > 0) {
		ssize_t n = read(fd, data, left < sizeof(data) ? left : sizeof(data));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return guest_fail(errno, "read %s", argv[0]);
		if (n == 0)
			break;
		left -= (uint64_t)n;
		done += (uint64_t)n;
	}
	end = guest_now_ns();
	e = fstat(fd, &st) < 0 ? -errno : count_resident(fd, (uint64_t)st.st_size, &resident);
	(void)close(fd);
	json_open('{');
	json_key("bytes");
	json_u64(done);
	json_key("ns");
	json_u64(end - start);
	/* Through the descriptor that read: see cmd_resident(). */
	json_key("resident_bytes");
	if (e == 0)
		json_u64(resident);
	else
		json_null();
	return finish();
}

static int cmd_drop_caches(int argc, char **argv)
{
	uint64_t start = guest_now_ns();
	int fd;

	(void)argv;
	if (argc != 0)
		return 2;
	sync();
	fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "3", 1) != 1)
		return guest_fail(errno, "write /proc/sys/vm/drop_caches");
	(void)close(fd);
	json_open('{');
	json_key("dropped");
	json_bool(true);
	json_key("ns");
	json_u64(guest_now_ns() - start);
	return finish();
}

static const struct command {
	const char *name;
	const char *usage;
	const char *help;
	int (*fn)(int argc,
		  char **argv); /* arguments only; returns the exit code, 2 = wrong usage */
} commands[] = {
	{ "mount", "TYPE SOURCE DIR OPTIONS WAIT_MS", "make DIR and mount, waiting for the device",
	  cmd_mount },
	{ "umount", "DIR", "unmount; when busy, say who holds it", cmd_umount },
	{ "meminfo", "", "lines of /proc/meminfo in bytes", cmd_meminfo },
	{ "resident", "FILE", "bytes of FILE in the page cache", cmd_resident },
	{ "read", "FILE BYTES|all", "read FILE from its start; what is then in the page cache",
	  cmd_read },
	{ "dmesg", "[--since SEQ] [--all]",
	  "kernel warnings and worse, as text; last line VQ-SEQ n", cmd_dmesg },
	{ "state", "", "what must be equal in a clean guest", cmd_state },
	{ "drop-caches", "", "sync and drop clean caches", cmd_drop_caches },
	{ "pci-caps", "", "virtio capabilities and shared memory regions of PCI devices",
	  cmd_pci_caps },
};

static void print_usage(FILE *to)
{
	(void)fprintf(to, "usage:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(to, "  vq-guest %-11s %-32s %s\n", commands[i].name,
			      commands[i].usage, commands[i].help);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		print_usage(stdout);
		return 0;
	}
	for (size_t i = 0; argc >= 2 && i < ARRAY_SIZE(commands); i++) {
		int code;

		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		code = commands[i].fn(argc - 2, argv + 2);
		if (code == 2)
			(void)fprintf(stderr, "usage: vq-guest %s %s\n", commands[i].name,
				      commands[i].usage);
		return code;
	}
	print_usage(stderr);
	return 2;
}
