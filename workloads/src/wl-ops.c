// SPDX-License-Identifier: Apache-2.0
/*
 * wl-ops DIR MIB READS STATS - a fixed number of system calls, so that the requests of a mount can
 * be counted: the first MIB MiB of the data file below DIR are read READS times, each time opened,
 * read in 128 KiB blocks and closed; then DIR is asked for once and the file STATS times, by name.
 * Prints one JSON object with a checksum of what was read, which must be the same each time.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../wl.h"

#define PROGRAM	  "wl-ops"
#define DATA_FILE "vq.data" /* as bench/workload lays it out */
#define BLOCK	  (128 * 1024)
#define TIMES_MAX 1000UL
#define SIZE_STEP (1024 * 1024)

/* FNV-1a, 64 bit: enough to see a wrong byte, nothing to keep secrets with. */
#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static uint8_t block[BLOCK];

static uint64_t add_sum(uint64_t sum, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum = (sum ^ data[i]) * FNV_PRIME;
	return sum;
}

/* Reads @size bytes and not one call more: a read at the end of file would be a request as well. */
static uint64_t read_through(const char *path, uint64_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t sum = FNV_START;

	if (fd < 0)
		wl_die(PROGRAM, "open");
	for (uint64_t done = 0; done < size;) {
		ssize_t n = read(fd, block, sizeof(block));

		if (n < 0)
			wl_die(PROGRAM, "read");
		if (n == 0) {
			(void)fprintf(stderr, PROGRAM ": the file ends at %llu of %llu bytes\n",
				      (unsigned long long)done, (unsigned long long)size);
			exit(1);
		}
		sum = add_sum(sum, block, (size_t)n);
		done += (uint64_t)n;
	}
	if (close(fd) < 0)
		wl_die(PROGRAM, "close");
	return sum;
}

int main(int argc, char **argv)
{
	unsigned long mib;
	unsigned long reads;
	unsigned long stats;
	uint64_t sum = 0;
	uint64_t start;
	uint64_t read_ns;
	struct stat st;
	char path[4096];

	if (argc != 5) {
		(void)fprintf(stderr, "usage: " PROGRAM " DIR MIB READS STATS\n");
		return 2;
	}
	mib = wl_number(PROGRAM, argv[2], 1, TIMES_MAX);
	reads = wl_number(PROGRAM, argv[3], 1, TIMES_MAX);
	stats = wl_number(PROGRAM, argv[4], 1, TIMES_MAX);
	(void)snprintf(path, sizeof(path), "%s/" DATA_FILE, argv[1]);
	start = wl_now_ns();
	for (unsigned long i = 0; i < reads; i++) {
		uint64_t again = read_through(path, (uint64_t)mib * SIZE_STEP);

		if (i > 0 && again != sum) {
			(void)fprintf(stderr, PROGRAM ": read %lu differs from the first\n", i + 1);
			return 1;
		}
		sum = again;
	}
	read_ns = wl_now_ns() - start;
	if (stat(argv[1], &st) < 0)
		wl_die(PROGRAM, argv[1]);
	for (unsigned long i = 0; i < stats; i++) {
		if (stat(path, &st) < 0)
			wl_die(PROGRAM, "stat");
	}
	(void)printf("{\"bytes\": %llu, \"reads\": %lu, \"stats\": %lu, \"read_ns\": %llu, "
		     "\"read_rate\": %.3f, \"sum\": \"%016llx\"}\n",
		     (unsigned long long)mib * SIZE_STEP * reads, reads, stats,
		     (unsigned long long)read_ns,
		     read_ns ? (double)mib * SIZE_STEP * (double)reads * 1e9 / (double)read_ns : 0,
		     (unsigned long long)sum);
	return fflush(stdout) == 0 ? 0 : 1;
}
