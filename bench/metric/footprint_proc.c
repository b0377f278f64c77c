// SPDX-License-Identifier: Apache-2.0
/* Reads /proc for footprint.c. Source of the fields: Linux, Documentation/filesystems/proc.rst. */
#include "base/fs.h"
#include "metric/footprint.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* smaps of a VMM is about 200 KiB. */
#define FILE_MAX (16 * MIB)
/* Processes of one daemon or VMM; more is a mistake. */
#define TREE_MAX 64
/* How QEMU names the file of memory-backend-memfd. */
#define RAM_LINK  "/memfd:memory-backend-memfd"
#define BLOCK_LEN 512 /* unit of st_blocks */

static int read_text(const char *proc, pid_t pid, const char *name, struct buf *ret,
		     struct err *reterr)
{
	CLEANUP(freep)
	char *path = pid ? fs_path("%s/%d/%s", proc, (int)pid, name) : fs_path("%s/%s", proc, name);

	if (!path)
		return err_set(reterr, -ENOMEM, "out of memory reading %s", name);
	return fs_read(path, FILE_MAX, ret, reterr);
}

/* A "Name:   123 kB" at the beginning of a line. -ENODATA when there is none. */
static int find_kib(const struct buf *text, const char *name, uint64_t *ret)
{
	const size_t n = strlen(name);

	for (const char *line = buf_text(text); line; line = strchr(line, '\n')) {
		unsigned long long kib;
		int end = 0;

		line += *line == '\n';
		if (strncmp(line, name, n) != 0 || line[n] != ':')
			continue;
		if (sscanf(line + n + 1, "%llu kB%n", &kib, &end) != 1 || end == 0)
			return -ENODATA;
		*ret = kib * KIB;
		return 0;
	}
	return -ENODATA;
}

static int need_kib(const struct buf *text, const char *file, const char *name, uint64_t *ret,
		    struct err *reterr)
{
	int e = find_kib(text, name, ret);

	return e == 0 ? 0 : err_set(reterr, e, "%s has no line '%s: N kB'", file, name);
}

/*
 * Translated code lies in the only private mapping without a file that is readable, writable and
 * executable at once (one part for each vCPU). Its resident pages are anonymous ones.
 */
static uint64_t executable_anon(const struct buf *smaps)
{
	uint64_t sum = 0;
	bool inside = false;

	for (const char *line = buf_text(smaps); line; line = strchr(line, '\n')) {
		unsigned long long from, to, inode;
		unsigned long long kib;
		char perms[8];

		line += *line == '\n';
		if (sscanf(line, "%llx-%llx %7s %*x %*x:%*x %llu", &from, &to, perms, &inode) == 4)
			inside = strcmp(perms, "rwxp") == 0 && inode == 0;
		else if (inside && sscanf(line, "Anonymous: %llu kB", &kib) == 1)
			sum += kib * KIB;
	}
	return sum;
}

/* Blocks of the RAM file: pages that nobody maps at the moment are memory too. */
static void read_ram(const char *proc, pid_t pid, struct footprint_process *ret)
{
	CLEANUP(freep) char *path = fs_path("%s/%d/fd", proc, (int)pid);
	CLEANUP(dir_closep) DIR *dir = path ? opendir(path) : NULL;
	const struct dirent *d;

	while (dir && (d = readdir(dir)) != NULL) {
		char target[256];
		ssize_t n = readlinkat(dirfd(dir), d->d_name, target, sizeof(target) - 1);
		struct stat st;

		if (n < 0)
			continue;
		target[n] = '\0';
		if (strncmp(target, RAM_LINK, strlen(RAM_LINK)) != 0 ||
		    fstatat(dirfd(dir), d->d_name, &st, 0) < 0)
			continue;
		ret->ram = (uint64_t)st.st_blocks * BLOCK_LEN;
		ret->ram_inode = (uint64_t)st.st_ino;
		return;
	}
}

static int read_memory(const char *proc, pid_t pid, struct footprint_process *p, struct err *reterr)
{
	CLEANUP(buf_free) struct buf rollup = { 0 };
	CLEANUP(buf_free) struct buf smaps = { 0 };
	CLEANUP(buf_free) struct buf status = { 0 };
	CLEANUP(buf_free) struct buf name = { 0 };
	int e = read_text(proc, pid, "smaps_rollup", &rollup, reterr);

	if (e == 0)
		e = read_text(proc, pid, "smaps", &smaps, reterr);
	if (e == 0)
		e = read_text(proc, pid, "status", &status, reterr);
	if (e == 0)
		e = read_text(proc, pid, "comm", &name, reterr);
	if (e < 0)
		return e;
	(void)snprintf(p->name, sizeof(p->name), "%.*s", (int)strcspn(buf_text(&name), "\n"),
		       buf_text(&name));
	p->tcg_buffer = executable_anon(&smaps);
	e = need_kib(&rollup, "smaps_rollup", "Pss_Anon", &p->anon, reterr);
	return e < 0 ? e : need_kib(&status, "status", "VmPTE", &p->page_tables, reterr);
}

int footprint_read_process(const char *proc, pid_t pid, struct footprint_process *ret,
			   struct err *reterr)
{
	struct footprint_process p = { .pid = pid };
	int e = read_memory(proc, pid, &p, reterr);

	if (e < 0)
		return err_prefix(reterr, e, "memory of process %d", (int)pid);
	read_ram(proc, pid, &p);
	*ret = p;
	return 0;
}

static int add_one(struct footprint_sample *s, const char *proc, pid_t pid,
		   enum footprint_role role, unsigned guest, struct err *reterr)
{
	struct footprint_process *p = reallocarray(s->process, s->process_count + 1, sizeof(*p));
	int e;

	if (!p)
		return err_set(reterr, -ENOMEM, "out of memory");
	s->process = p;
	p += s->process_count;
	e = footprint_read_process(proc, pid, p, reterr);
	if (e < 0)
		return e;
	p->role = role;
	p->guest = guest;
	s->process_count++;
	return 0;
}

struct pid_list {
	pid_t item[TREE_MAX];
	size_t count;
};

static int add_children(const char *proc, pid_t pid, struct pid_list *list)
{
	CLEANUP(freep) char *path = fs_path("%s/%d/task", proc, (int)pid);
	CLEANUP(dir_closep) DIR *tasks = path ? opendir(path) : NULL;
	const struct dirent *d;

	while (tasks && (d = readdir(tasks)) != NULL) {
		CLEANUP(freep) char *file = fs_path("%s/%s/children", path, d->d_name);
		CLEANUP(buf_free) struct buf text = { 0 };
		char *save = NULL;

		if (d->d_name[0] == '.' || !file || fs_read(file, FILE_MAX, &text, NULL) < 0 ||
		    !text.data)
			continue;
		for (char *w = strtok_r(text.data, " \n", &save); w;
		     w = strtok_r(NULL, " \n", &save)) {
			if (list->count == TREE_MAX)
				return -E2BIG;
			list->item[list->count++] = (pid_t)strtol(w, NULL, 10);
		}
	}
	return 0;
}

int footprint_add_tree(struct footprint_sample *s, const char *proc, pid_t pid,
		       enum footprint_role role, unsigned guest, struct err *reterr)
{
	struct pid_list list = { .item = { pid }, .count = 1 };
	int e = 0;

	for (size_t i = 0; e == 0 && i < list.count; i++) {
		e = add_children(proc, list.item[i], &list);
		if (e < 0)
			return err_set(reterr, e, "process %d has more than %d descendants",
				       (int)pid, TREE_MAX);
		e = add_one(s, proc, list.item[i], role, guest, reterr);
	}
	return e;
}

/* Free pages that each CPU keeps ready are not in MemFree: "count:" of all pagesets. */
static int read_cpu_lists(const char *proc, uint64_t *ret, struct err *reterr)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t sum = 0;
	int e = read_text(proc, 0, "zoneinfo", &text, reterr);

	if (e < 0)
		return e;
	for (const char *line = buf_text(&text); line; line = strchr(line, '\n')) {
		unsigned long long pages;

		line += *line == '\n';
		if (sscanf(line, " count: %llu", &pages) == 1)
			sum += pages * page;
	}
	*ret = sum;
	return 0;
}

/* Counters are kept per CPU and folded now and then; root may ask for it. */
static void fold_counters(const char *proc)
{
	CLEANUP(freep) char *path = fs_path("%s/sys/vm/stat_refresh", proc);
	CLEANUP(fd_closep) int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	char nothing[1];

	if (fd >= 0)
		(void)!read(fd, nothing, sizeof(nothing));
}

int footprint_read_host(const char *proc, struct footprint_host *ret, struct err *reterr)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	struct footprint_host h = { 0 };
	uint64_t ready = 0, stacks = 0, buffers = 0;
	const struct {
		const char *name;
		uint64_t *to;
	} fields[] = {
		{ "MemTotal", &h.total },
		{ "MemFree", &h.free },
		{ "MemAvailable", &h.available },
		{ "Slab", &h.slab },
		{ "KernelStack", &stacks },
		{ "AnonPages", &h.anon },
		{ "Cached", &h.cached },
		{ "Buffers", &buffers },
		{ "Shmem", &h.shmem },
		{ "PageTables", &h.page_tables },
	};
	int e;

	fold_counters(proc);
	e = read_text(proc, 0, "meminfo", &text, reterr);
	for (size_t i = 0; e == 0 && i < ARRAY_SIZE(fields); i++)
		e = need_kib(&text, "meminfo", fields[i].name, fields[i].to, reterr);
	if (e == 0)
		e = read_cpu_lists(proc, &ready, reterr);
	if (e < 0)
		return e;
	h.free += ready;
	h.slab += stacks;
	h.cached += buffers - h.shmem;
	*ret = h;
	return 0;
}
