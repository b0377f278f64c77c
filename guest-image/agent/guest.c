// SPDX-License-Identifier: Apache-2.0
/*
 * vq-guest - what a pass needs done in the guest, one round trip of the agent each.
 *
 * Every subcommand but dmesg, hold and watch prints one JSON object (io: a list) on stdout. Exit code 0, 1 for a failure (one
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
#include <time.h>
#include <unistd.h>

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
	{ "read", "FILE BYTES|all",
	  "read FILE from its start, or all files below a folder; what is then in the page cache",
	  cmd_read },
	{ "try", "mmap|mmap-write|direct|io-uring FILE", "is it refused, and with which errno?",
	  cmd_try },
	{ "io", "FILE OPERATION...",
	  "do what follows to one open file (see below); a list of results", cmd_io },
	{ "hold", "FILE [BYTES]",
	  "map FILE, read a byte of each page (or BYTES of it, for writing, and touch nothing), and answer until killed",
	  cmd_hold },
	{ "look", "OFFSET [COUNT]",
	  "the bytes that the mapping of hold shows now; if it touched all pages, they are all read again first",
	  cmd_look },
	{ "poke", "OFFSET HEX", "store these bytes through the mapping of hold", cmd_poke },
	{ "remove", "FILE", "unlink FILE", cmd_remove },
	{ "dmesg", "[--since SEQ] [--all]",
	  "kernel warnings and worse, as text; last line VQ-SEQ n", cmd_dmesg },
	{ "state", "", "what must be equal in a clean guest", cmd_state },
	{ "drop-caches", "", "sync and drop clean caches", cmd_drop_caches },
	{ "pci-caps", "", "virtio capabilities and shared memory regions of PCI devices",
	  cmd_pci_caps },
	{ "watch", "INTERVAL_MS MAX_BYTES KEY...",
	  "sample counters until SIGTERM, one JSON object a line", cmd_watch },
};

static void print_usage(FILE *to)
{
	(void)fprintf(to, "usage:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(to, "  vq-guest %-11s %-32s %s\n", commands[i].name,
			      commands[i].usage, commands[i].help);
	guest_io_usage(to);
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
