// SPDX-License-Identifier: Apache-2.0
/*
 * wl-window DIR seq|rand read|write - go round a shared mapping of DIR/vq.data, page by page, in order or
 * at random, reading or writing each page whole. With DAX and a file larger than the window each
 * 2 MiB piece must be taken from another one: what that costs is the question. The first turn is not
 * timed. Prints one JSON object; where mmap() itself is refused it holds "error" and "call", exit status 1.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../wl.h"

#define PROGRAM "wl-window"
#define PAGE	4096UL
#define WORDS	(PAGE / sizeof(uint64_t))
/* A turn at random touches so many pages at most: one of them may cost a mapping. */
#define RANDOM_TURN 2048UL
#define PIECE	    (2UL << 20)

static volatile uint64_t sink;

struct walk {
	volatile uint64_t *base;
	size_t pages;
	int random;
	int write;
	uint64_t x; /* state of the random order */
	uint64_t touched;
};

static void touch(struct walk *w, size_t page)
{
	volatile uint64_t *p = w->base + page * WORDS;
	uint64_t sum = 0;

	for (size_t i = 0; i < WORDS; i++) {
		if (w->write)
			p[i] = w->touched + i;
		else
			sum += p[i];
	}
	sink += sum;
	w->touched++;
}

static size_t at_random(struct walk *w)
{
	w->x = w->x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (size_t)((w->x >> 33) % w->pages);
}

static void turn(struct walk *w)
{
	size_t n = w->random && w->pages > RANDOM_TURN ? RANDOM_TURN : w->pages;

	for (size_t i = 0; i < n; i++)
		touch(w, w->random ? at_random(w) : i);
}

static int map(const char *dir, struct walk *w)
{
	char path[4096];
	struct stat st;
	void *p;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/vq.data", dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		wl_die(PROGRAM, path);
	w->pages = (size_t)st.st_size / PAGE;
	if (w->pages == 0) {
		errno = EINVAL;
		wl_die(PROGRAM, "the file has no page");
	}
	p = mmap(NULL, w->pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		(void)printf("{\"error\": %d, \"call\": \"mmap\"}\n", errno);
		return -1;
	}
	w->base = p;
	(void)close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	struct walk w = { .x = 1 };
	uint64_t limit = wl_repeat_ns();
	unsigned turns = 0;
	uint64_t start;
	uint64_t ns;

	if (argc != 4 || (strcmp(argv[2], "seq") != 0 && strcmp(argv[2], "rand") != 0) ||
	    (strcmp(argv[3], "read") != 0 && strcmp(argv[3], "write") != 0)) {
		(void)fprintf(stderr, "usage: " PROGRAM " DIR seq|rand read|write\n");
		return 2;
	}
	w.random = argv[2][0] == 'r';
	w.write = argv[3][0] == 'w';
	if (map(argv[1], &w) < 0)
		return 1;
	/* What is mapped first is not what is asked for: one touch of each piece. */
	for (size_t i = 0; i < w.pages; i += PIECE / PAGE)
		touch(&w, i);
	w.touched = 0;
	start = wl_now_ns();
	do {
		turn(&w);
		turns++;
		ns = wl_now_ns() - start;
	} while (ns < limit);
	(void)printf("{\"touched_bytes\": %llu, \"ns\": %llu, \"rate\": %.1f, \"turns\": %u}\n",
		     (unsigned long long)w.touched * PAGE, (unsigned long long)ns,
		     wl_rate((double)(w.touched * PAGE), ns), turns);
	return fflush(stdout) == 0 ? 0 : 1;
}
