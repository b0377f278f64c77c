// SPDX-License-Identifier: Apache-2.0
/*
 * wl-mmap DIR shared|private - what a mapping of DIR/vq.data costs: the first touch of each page (the
 * first half in order, the second in random order), loads, the first store to each page, stores,
 * and for a shared mapping msync(). Prints one JSON object; where mmap() itself is refused it holds
 * "error" (the errno) and "call", and the exit status is 1.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../wl.h"

#define PROGRAM	     "wl-mmap"
#define PAGE	     4096UL
#define PAGES_MIN    512UL
#define TURNS	     4	/* over the mapped file, for the rates */
#define MSYNC_PAGES  64 /* dirtied before each msync() */
#define MSYNC_ROUNDS 32

struct mapping {
	volatile unsigned char *base;
	size_t pages;
	int fd;
	int shared;
};

static volatile uint64_t sink;

static void touch(volatile unsigned char *page, int store, struct wl_samples *s)
{
	uint64_t start = wl_now_ns();

	/* A store must change nothing of the byte that the check at the end looks at. */
	if (store)
		page[8] = (unsigned char)(page[8] + 1);
	else
		sink += page[0];
	s->ns[s->n++] = wl_now_ns() - start;
}

static void print_samples(const char *name, struct wl_samples *s)
{
	(void)printf("\"%s\": ", name);
	wl_samples_print(s);
	(void)printf(", ");
}

static void touch_in_order(const struct mapping *m)
{
	struct wl_samples s;

	wl_samples_room(PROGRAM, &s, m->pages);
	for (size_t i = 0; i < m->pages / 2; i++)
		touch(m->base + i * PAGE, 0, &s);
	print_samples("seq_touch", &s);
}

static void touch_at_random(const struct mapping *m)
{
	size_t first = m->pages / 2;
	size_t n = m->pages - first;
	size_t *order = calloc(n, sizeof(*order));
	uint64_t x = 1;
	struct wl_samples s;

	if (!order)
		wl_die(PROGRAM, "memory for an order");
	for (size_t i = 0; i < n; i++) {
		size_t j;

		x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		j = (size_t)((x >> 33) % (i + 1));
		order[i] = order[j];
		order[j] = first + i;
	}
	wl_samples_room(PROGRAM, &s, n);
	for (size_t i = 0; i < n; i++)
		touch(m->base + order[i] * PAGE, 0, &s);
	print_samples("rand_touch", &s);
	free(order);
}

static void touch_for_writing(const struct mapping *m)
{
	struct wl_samples s;

	wl_samples_room(PROGRAM, &s, m->pages);
	for (size_t i = 0; i < m->pages; i++)
		touch(m->base + i * PAGE, 1, &s);
	print_samples("write_touch", &s);
}

/* @store: 0 loads; else what is stored, which no earlier run has stored. */
static void rate_of(const struct mapping *m, const char *name, uint64_t store)
{
	volatile uint64_t *word = (volatile uint64_t *)(uintptr_t)m->base;
	size_t n = m->pages * PAGE / sizeof(*word);
	uint64_t start = wl_now_ns();
	uint64_t sum = 0;

	for (int turn = 0; turn < TURNS; turn++)
		for (size_t i = 0; i < n; i++) {
			if (store)
				word[i] = i + store;
			else
				sum += word[i];
		}
	sink += sum;
	(void)printf("\"%s\": %.1f, ", name,
		     wl_rate((double)TURNS * (double)(m->pages * PAGE), wl_now_ns() - start));
}

static void measure_msync(const struct mapping *m)
{
	uint64_t total = 0;
	struct wl_samples s;

	/* What the stores have left is not part of it. */
	if (msync((void *)(uintptr_t)m->base, m->pages * PAGE, MS_SYNC) < 0)
		wl_die(PROGRAM, "msync");
	wl_samples_room(PROGRAM, &s, MSYNC_ROUNDS);
	for (size_t r = 0; r < MSYNC_ROUNDS; r++) {
		size_t first = r * (m->pages - MSYNC_PAGES) / MSYNC_ROUNDS;
		uint64_t start = wl_now_ns();

		for (size_t i = first; i < first + MSYNC_PAGES; i++)
			m->base[i * PAGE + 8] = (unsigned char)(r + 1);
		if (msync((void *)(uintptr_t)(m->base + first * PAGE), MSYNC_PAGES * PAGE,
			  MS_SYNC) < 0)
			wl_die(PROGRAM, "msync");
		s.ns[s.n] = wl_now_ns() - start;
		total += s.ns[s.n++];
	}
	print_samples("msync", &s);
	(void)printf("\"msync_rate\": %.3f, ", wl_rate(MSYNC_ROUNDS * MSYNC_PAGES, total));
}

/* The file must hold what was stored through a shared mapping, and nothing of a private one. */
static void check(const struct mapping *m, const unsigned char *before)
{
	unsigned char now[PAGE];
	size_t last = (m->pages - 1) * PAGE;
	int same;

	if (pread(m->fd, now, sizeof(now), (off_t)last) != (ssize_t)sizeof(now))
		wl_die(PROGRAM, "read back");
	same = m->shared ? memcmp(now, (const void *)(uintptr_t)(m->base + last), PAGE) == 0 &&
				   memcmp(now, before, PAGE) != 0
			 : memcmp(now, before, PAGE) == 0;
	if (!same) {
		(void)fprintf(stderr, PROGRAM ": the file %s\n",
			      m->shared ? "does not hold what was stored through the mapping"
					: "was changed through a private mapping");
		exit(1);
	}
}

static void open_mapping(const char *dir, int shared, struct mapping *ret)
{
	char path[4096];
	struct stat st;
	void *base;

	(void)snprintf(path, sizeof(path), "%s/vq.data", dir);
	ret->shared = shared;
	ret->fd = open(path, O_RDWR | O_CLOEXEC);
	if (ret->fd < 0 || fstat(ret->fd, &st) < 0)
		wl_die(PROGRAM, path);
	ret->pages = (size_t)st.st_size / PAGE;
	if (ret->pages < PAGES_MIN) {
		(void)fprintf(stderr, PROGRAM ": %s has %zu pages, fewer than %lu\n", path,
			      ret->pages, PAGES_MIN);
		exit(1);
	}
	base = mmap(NULL, ret->pages * PAGE, PROT_READ | PROT_WRITE,
		    shared ? MAP_SHARED : MAP_PRIVATE, ret->fd, 0);
	if (base == MAP_FAILED) {
		(void)printf("{\"error\": %d, \"call\": \"mmap\"}\n", errno);
		(void)fflush(stdout);
		wl_die(PROGRAM, "mmap");
	}
	ret->base = base;
}

int main(int argc, char **argv)
{
	unsigned char before[PAGE];
	struct mapping m = { 0 };
	struct rusage usage;
	uint64_t store;

	if (argc != 3 || (strcmp(argv[2], "shared") != 0 && strcmp(argv[2], "private") != 0)) {
		(void)fprintf(stderr, "usage: " PROGRAM " DIR shared|private\n");
		return 2;
	}
	open_mapping(argv[1], strcmp(argv[2], "shared") == 0, &m);
	(void)printf("{\"pages\": %zu, ", m.pages);
	touch_in_order(&m);
	touch_at_random(&m);
	memcpy(before, (const void *)(uintptr_t)(m.base + (m.pages - 1) * PAGE), PAGE);
	rate_of(&m, "load_rate", 0);
	touch_for_writing(&m);
	memcpy(&store, before, sizeof(store));
	rate_of(&m, "store_rate", store + 1 ? store + 1 : 1);
	if (m.shared)
		measure_msync(&m);
	check(&m, before);
	(void)getrusage(RUSAGE_SELF, &usage);
	(void)printf("\"minor_faults\": %ld, \"major_faults\": %ld}\n", usage.ru_minflt,
		     usage.ru_majflt);
	return fflush(stdout) == 0 ? 0 : 1;
}
