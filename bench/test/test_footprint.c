// SPDX-License-Identifier: Apache-2.0
/* Memory footprint: reading /proc, disjoint terms and their sum, and guest RAM given back. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"
#include "guest/trim.h"
#include "metric/footprint.h"
#include "run/footprint_judge.h"

#define RAM_NAME "memory-backend-memfd"
#define PAGE	 4096

struct fixture {
	char proc[64];
	struct footprint_sample before;
	struct footprint_sample after;
	int64_t terms[FOOTPRINT_TERM_COUNT];
	struct err err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	(void)snprintf(f->proc, sizeof(f->proc), "build/vq-test-footprint-XXXXXX");
	return mkdtemp(f->proc) ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int e = fs_remove_tree(f->proc, NULL);

	footprint_sample_free(&f->before);
	footprint_sample_free(&f->after);
	free(f);
	return e < 0 ? -1 : 0;
}

static void put(const struct fixture *f, const char *name, const char *text)
{
	char path[256];
	char *slash;

	(void)snprintf(path, sizeof(path), "%s/%s", f->proc, name);
	slash = strrchr(path, '/');
	*slash = '\0';
	assert_int_equal(fs_mkdirs(path, 0755, NULL), 0);
	*slash = '/';
	assert_int_equal(fs_write_atomic(path, text, strlen(text), NULL), 0);
}

/* As Linux 6.x prints them. All figures differ, so that no mistaken field goes unseen. */
static const char vmm_rollup[] = "55e0-7ffd ---p 00000000 00:00 0                  [rollup]\n"
				 "Rss:              190000 kB\nPss:              120000 kB\n"
				 "Pss_Dirty:         70001 kB\nPss_Anon:          40100 kB\n"
				 "Pss_File:          30002 kB\nPss_Shmem:         50003 kB\n"
				 "Anonymous:         40100 kB\n";
static const char vmm_smaps[] =
	/* translated code of one vCPU, then a guard page and the next part */
	"7f0000000000-7f0008000000 rwxp 00000000 00:00 0 \n"
	"Size:             131072 kB\nRss:               16384 kB\nAnonymous:         16384 kB\n"
	"AnonHugePages:     16384 kB\nVmFlags: rd wr ex\n"
	"7f0008000000-7f0008001000 ---p 00000000 00:00 0 \nAnonymous:             0 kB\n"
	"7f0008001000-7f0010000000 rwxp 00000000 00:00 0 \nAnonymous:          4096 kB\n"
	/* none of these is: heap, an executable's text, one with a file, shared memory */
	"5500000000-5500100000 rw-p 00000000 00:00 0                             [heap]\n"
	"Anonymous:         19620 kB\n"
	"7f1000000000-7f1000100000 r-xp 00001000 fe:01 77       /usr/bin/vmm\n"
	"Anonymous:             4 kB\n"
	"7f1000200000-7f1000300000 rwxp 00001000 fe:01 78       /usr/lib/odd.so\n"
	"Anonymous:             8 kB\n"
	"7f2000000000-7f2020000000 rw-s 00000000 00:01 99       /memfd:memory-backend-memfd (deleted)\n"
	"Rss:              524288 kB\nAnonymous:             0 kB\n";

static void put_vmm(const struct fixture *f)
{
	put(f, "100/smaps_rollup", vmm_rollup);
	put(f, "100/smaps", vmm_smaps);
	put(f, "100/status", "Name:\tvmm\nVmPeak:\t   77 kB\nVmPTE:\t     1400 kB\n");
	put(f, "100/comm", "vmm\n");
	put(f, "100/task/100/children", "");
	put(f, "100/task/101/children", "");
}

static void put_daemon(const struct fixture *f, int pid, const char *children, int anon, int pte)
{
	char name[64];
	char text[128];

	(void)snprintf(name, sizeof(name), "%d/smaps_rollup", pid);
	(void)snprintf(text, sizeof(text), "Pss:     9999 kB\nPss_Anon:     %d kB\n", anon);
	put(f, name, text);
	(void)snprintf(name, sizeof(name), "%d/smaps", pid);
	put(f, name, "5500000000-5500100000 rw-p 00000000 00:00 0  [heap]\nAnonymous:    100 kB\n");
	(void)snprintf(name, sizeof(name), "%d/status", pid);
	(void)snprintf(text, sizeof(text), "VmPTE:\t%d kB\n", pte);
	put(f, name, text);
	(void)snprintf(name, sizeof(name), "%d/comm", pid);
	put(f, name, "fsd\n");
	(void)snprintf(name, sizeof(name), "%d/task/%d/children", pid, pid);
	put(f, name, children);
}

static void put_host(const struct fixture *f, int free_kib, int slab_kib, int stack_kib, int ready)
{
	char text[1024];

	(void)snprintf(
		text, sizeof(text),
		"MemTotal:       8000000 kB\nMemFree:        %d kB\n"
		"MemAvailable:   7000000 kB\nBuffers:           1000 kB\n"
		"Cached:          500000 kB\nSwapCached:          13 kB\n"
		"AnonPages:        20208 kB\nShmem:           200000 kB\n"
		"KReclaimable:    128528 kB\nSlab:            %d kB\nSReclaimable:    17 kB\n"
		"KernelStack:       %d kB\nPageTables:        1976 kB\n",
		free_kib, slab_kib, stack_kib);
	put(f, "meminfo", text);
	(void)snprintf(
		text, sizeof(text),
		"Node 0, zone    DMA32\n  pages free     1000\n        boost    0\n"
		"  pagesets\n    cpu: 0\n              count:    %d\n              high:     9\n"
		"    cpu: 1\n              count:    2\n  vm stats threshold: 30\n"
		"Node 0, zone   Normal\n  pagesets\n    cpu: 0\n              count:    3\n",
		ready);
	put(f, "zoneinfo", text);
}

/* ---- canned ---- */

/* Goal: each figure is that of its own line. Method: a /proc whose figures all differ. */
static void canned_processes(void **state)
{
	struct fixture *f = *state;
	struct footprint_sample *s = &f->after;

	put_vmm(f);
	put_daemon(f, 200, "201 202 ", 300, 50);
	put_daemon(f, 201, "", 400, 60);
	put_daemon(f, 202, "203", 500, 70);
	put_daemon(f, 203, "", 600, 80);
	assert_int_equal(footprint_add_tree(s, f->proc, 100, FOOTPRINT_VMM, 1, &f->err), 0);
	assert_int_equal(footprint_add_tree(s, f->proc, 200, FOOTPRINT_DAEMON, 1, &f->err), 0);
	assert_int_equal(s->process_count, 5);
	assert_string_equal(s->process[0].name, "vmm");
	assert_int_equal(s->process[0].anon, 40100 * KIB);
	assert_int_equal(s->process[0].tcg_buffer, 20480 * KIB);
	assert_int_equal(s->process[0].page_tables, 1400 * KIB);
	footprint_terms(&f->before, s, f->terms);
	assert_int_equal(f->terms[FOOTPRINT_VMM_ANON], (40100 - 20480) * KIB);
	assert_int_equal(f->terms[FOOTPRINT_TCG_BUFFER], 20480 * KIB);
	assert_int_equal(f->terms[FOOTPRINT_DAEMON_ANON], (300 + 400 + 500 + 600) * KIB);
	assert_int_equal(f->terms[FOOTPRINT_PAGE_TABLES], (1400 + 50 + 60 + 70 + 80) * KIB);
	assert_int_equal(f->terms[FOOTPRINT_GUEST_RAM], 0);
	assert_int_equal(footprint_total(f->terms), (40100 + 1800 + 1400 + 260) * KIB);
}

/* Goal: a process that is gone, or a line that is not there, is told. Method: leave each out. */
static void canned_gaps(void **state)
{
	struct fixture *f = *state;
	struct footprint_process p = { .anon = 7 };
	struct footprint_host host;

	assert_int_equal(footprint_read_process(f->proc, 100, &p, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, "process 100"));
	put_vmm(f);
	put(f, "100/smaps_rollup", "Pss:  5 kB\nPss_AnonHuge:   6 kB\n");
	assert_int_equal(footprint_read_process(f->proc, 100, &p, &f->err), -ENODATA);
	assert_non_null(strstr(f->err.text, "Pss_Anon"));
	put(f, "100/smaps_rollup", vmm_rollup);
	put(f, "100/status", "VmPTEs: 4 kB\n");
	assert_int_equal(footprint_read_process(f->proc, 100, &p, &f->err), -ENODATA);
	assert_non_null(strstr(f->err.text, "VmPTE"));
	assert_int_equal(p.anon, 7);
	put_host(f, 1, 2, 3, 4);
	put(f, "meminfo", "MemTotal:       8000000 kB\nMemFree: 5 kB\nMemAvailable:   9 MB\n");
	assert_int_equal(footprint_read_host(f->proc, &host, &f->err), -ENODATA);
	assert_non_null(strstr(f->err.text, "MemAvailable"));
}

/* Goal: free pages of each CPU count as free, stacks as slab. Method: two readings of a host. */
static void canned_host(void **state)
{
	struct fixture *f = *state;
	struct footprint_host *b = &f->before.host;
	struct footprint_host *a = &f->after.host;

	put_host(f, 4000000, 150000, 1500, 7);
	assert_int_equal(footprint_read_host(f->proc, b, &f->err), 0);
	assert_int_equal(b->free, 4000000 * KIB + (7 + 2 + 3) * PAGE);
	assert_int_equal(b->slab, 151500 * KIB);
	assert_int_equal(b->cached, (500000 + 1000 - 200000) * KIB);
	put_host(f, 3900000, 150100, 1600, 107);
	assert_int_equal(footprint_read_host(f->proc, a, &f->err), 0);
	assert_int_equal(footprint_host_change(b, a), 100000 * (int64_t)KIB - 100 * PAGE);
	assert_int_equal(footprint_host_change(a, b), 100 * PAGE - 100000 * (int64_t)KIB);
	f->before.share_cache = 5;
	f->after.share_cache = 64 * MIB + 5;
	f->before.other_files = 9;
	footprint_terms(&f->before, &f->after, f->terms);
	assert_int_equal(f->terms[FOOTPRINT_SLAB], 200 * KIB);
	assert_int_equal(f->terms[FOOTPRINT_SHARE_CACHE], 64 * MIB);
	assert_int_equal(f->terms[FOOTPRINT_OTHER_FILES], -9);
	assert_int_equal(footprint_total(f->terms), 64 * MIB + 200 * KIB - 9);
	/* a balloon that takes memory from the host is no use of it */
	a->total -= 50 * MIB;
	a->free = b->free - 50 * MIB;
	assert_int_equal(footprint_host_change(b, a), 0);
}

/* Goal: RAM is counted once per file, whoever holds it. Method: holders of one and of two files. */
static void ram_once(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint64_t inode[4];
		uint64_t sum;
	} rows[] = {
		{ { 5, 5, 5, 5 }, 100 },
		{ { 5, 5, 6, 6 }, 200 },
		{ { 5, 6, 5, 6 }, 200 },
		{ { 5, 6, 7, 8 }, 400 },
	};

	f->after.process = calloc(4, sizeof(f->after.process[0]));
	assert_non_null(f->after.process);
	f->after.process_count = 4;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t j = 0; j < 4; j++) {
			f->after.process[j].ram = 100;
			f->after.process[j].ram_inode = rows[i].inode[j];
		}
		footprint_terms(&f->before, &f->after, f->terms);
		assert_int_equal(f->terms[FOOTPRINT_GUEST_RAM], rows[i].sum);
		assert_int_equal(footprint_total(f->terms), rows[i].sum);
	}
}

/*
 * Goal: at most 5 % may stay unexplained, on either side, and what the host did beside is told apart.
 * Method: one guest of 100 MiB, and a host that has a little more and a little less.
 */
static void tolerance(void **state)
{
	static const struct {
		int64_t beside_kib;
		bool explained;
	} rows[] = {
		{ 0, true },	  { 5300, true },   { -4800, true },	{ 5500, false },
		{ -5000, false }, { 65536, false }, { -102400, false },
	};
	struct fixture *f = *state;
	struct footprint_process p = { .ram = 60 * MIB, .ram_inode = 1, .anon = 40 * MIB };
	struct footprint_outcome o = { 0 };
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t beside = rows[i].beside_kib * (int64_t)KIB;
		struct footprint_sample before = { .host = { .total = 900 * MIB,
							     .free = 500 * MIB } };
		struct footprint_sample after = before;

		after.process = &p;
		after.process_count = 1;
		after.host.free -= (uint64_t)(100 * (int64_t)MIB + beside);
		after.host.anon = 40 * MIB + (uint64_t)beside;
		after.host.shmem = 61 * MIB;
		footprint_judge(&before, &after, 1, &o);
		assert_int_equal(o.total, 100 * MIB);
		assert_int_equal(o.unexplained, beside);
		assert_int_equal(o.explained, rows[i].explained);
		assert_int_equal(o.beside.anon, beside);
		assert_int_equal(o.beside.shmem, MIB);
		assert_int_equal(o.beside.cached, 0);
	}
	assert_non_null(strstr(footprint_describe(&o, text, sizeof(text)),
			       "host_change 0, total 104857600"));
	(void)f;
}

/* ---- real processes ---- */

static void touch(char *map, size_t size)
{
	for (size_t i = 0; map != MAP_FAILED && i < size; i += PAGE)
		map[i] = 1;
}

/* Stands for a VMM: RAM in a file of that name, heap, translated code. Then it rests. */
static void pretend(int ram, size_t anon, size_t code, int ready)
{
	const int private = MAP_PRIVATE | MAP_ANONYMOUS;

	touch(mmap(NULL, anon, PROT_READ | PROT_WRITE, private, -1, 0), anon);
	if (code)
		touch(mmap(NULL, code, PROT_READ | PROT_WRITE | PROT_EXEC, private, -1, 0), code);
	touch(mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, ram, 0), 8 * MIB);
	(void)!write(ready, "x", 1);
	(void)pause();
	_exit(0);
}

static pid_t start_pretender(int ram, size_t anon, size_t code)
{
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		pretend(ram, anon, code, ready[1]);
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
	return pid;
}

/* Allocator, stack and copies of a forked test beside what is touched on purpose; a sanitizer's own pages. */
#ifdef __SANITIZE_ADDRESS__
#define SLACK (3 * MIB)
#else
#define SLACK (512 * KIB)
#endif

static void assert_about(int64_t have, int64_t want, int processes)
{
	if (have < want || have > want + processes * (int64_t)SLACK)
		fail_msg("%lld is not %lld", (long long)have, (long long)want);
}

/*
 * Goal: no page is in two terms and none is missing. Method: two real processes that share RAM, with
 * known amounts of everything; each term and the sum must be those amounts.
 */
static void terms_are_disjoint(void **state)
{
	struct fixture *f = *state;
	int ram = memfd_create(RAM_NAME, MFD_CLOEXEC);
	struct footprint_sample *s = &f->after;
	pid_t pid[2];
	int e[2];

	assert_true(ram >= 0);
	assert_int_equal(ftruncate(ram, 32 * MIB), 0);
	pid[0] = start_pretender(ram, 6 * MIB, 4 * MIB);
	pid[1] = start_pretender(ram, 3 * MIB, 0);
	e[0] = footprint_add_tree(s, "/proc", pid[0], FOOTPRINT_VMM, 1, &f->err);
	e[1] = footprint_add_tree(s, "/proc", pid[1], FOOTPRINT_DAEMON, 1, &f->err);
	for (int i = 0; i < 2; i++) {
		(void)kill(pid[i], SIGKILL);
		(void)waitpid(pid[i], NULL, 0);
	}
	(void)close(ram);
	assert_int_equal(e[0], 0);
	assert_int_equal(e[1], 0);
	footprint_terms(&f->before, s, f->terms);
	assert_int_equal(f->terms[FOOTPRINT_GUEST_RAM], 8 * MIB);
	assert_int_equal(f->terms[FOOTPRINT_TCG_BUFFER], 4 * MIB);
	assert_about(f->terms[FOOTPRINT_VMM_ANON], 6 * MIB, 1);
	assert_about(f->terms[FOOTPRINT_DAEMON_ANON], 3 * MIB, 1);
	assert_about(footprint_total(f->terms) - f->terms[FOOTPRINT_PAGE_TABLES], 21 * MIB, 2);
	assert_true(f->terms[FOOTPRINT_PAGE_TABLES] > 0);
}

/* Goal: zero pages are given back, all others stay as they are. Method: both, at every boundary. */
static void trim(void **state)
{
	/* Pages that hold something: beside a chunk's end, in its middle, by their last byte only. */
	static const size_t used[] = { 1, 2, 63, 64, 100, 511, 640 };
	int fd = memfd_create("x", MFD_CLOEXEC);
	const size_t pages = 700;
	struct stat st;
	char page[PAGE];
	char *map;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)(pages * PAGE)), 0);
	map = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	/* The pages behind 650 are never touched. */
	for (size_t i = 0; i < 650; i++)
		map[i * PAGE] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(used); i++)
		map[used[i] * PAGE + (i % 2 ? 0 : PAGE - 1)] = (char)(i + 1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_blocks * 512, 650 * PAGE);
	assert_int_equal(trim_zero_pages(fd), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_blocks * 512, ARRAY_SIZE(used) * PAGE);
	assert_int_equal(st.st_size, pages * PAGE);
	for (size_t i = 0; i < ARRAY_SIZE(used); i++) {
		assert_int_equal(pread(fd, page, PAGE, (off_t)(used[i] * PAGE)), PAGE);
		assert_int_equal(page[i % 2 ? 0 : PAGE - 1], i + 1);
	}
	assert_int_equal(munmap(map, pages * PAGE), 0);
	(void)close(fd);
	assert_int_equal(trim_zero_pages(-1), -EBADF);
}

/* Goal: names of terms are those of results. Method: each one, unique. */
static void names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FOOTPRINT_TERM_COUNT; i++) {
		const char *name = footprint_term_name((enum footprint_term)i);

		assert_non_null(name);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(name, footprint_term_name((enum footprint_term)j));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(canned_processes), TEST(canned_gaps),	 TEST(canned_host),
		TEST(ram_once),		TEST(tolerance),	 TEST(terms_are_disjoint),
		cmocka_unit_test(trim), cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
