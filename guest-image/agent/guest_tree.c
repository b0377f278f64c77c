// SPDX-License-Identifier: Apache-2.0
/* Figures of a process and all that it has started: daemons put their work into sandboxed children. */
#include "guest_watch.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* More processes than any daemon or VMM has; the rest is left out. */
#define TREE_MAX  64
#define ROOTS_MAX 2

struct tree {
	pid_t pid[TREE_MAX]; /* the root first */
	size_t count;
	uint64_t threads;
	bool memory; /* anon and pss are known */
	uint64_t anon;
	uint64_t pss;
};

static struct tree trees[ROOTS_MAX];

/* The slot of a root: its own, else a free one. */
static struct tree *tree_of(pid_t pid)
{
	for (size_t i = 0; i < ROOTS_MAX; i++)
		if (trees[i].count == 0 || trees[i].pid[0] == pid)
			return &trees[i];
	return NULL;
}

static void add_children(struct tree *t, pid_t pid, const char *task)
{
	char path[64];
	FILE *f;
	int child;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%.20s/children", (int)pid, task);
	f = fopen(path, "re");
	while (f && t->count < TREE_MAX && fscanf(f, "%d", &child) == 1)
		t->pid[t->count++] = child;
	if (f)
		(void)fclose(f);
}

static int read_cpu(pid_t pid, const char *unused, uint64_t *ret)
{
	struct timespec ts;
	clockid_t clock;

	(void)unused;
	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &ts) < 0)
		return -ENOENT;
	*ret = (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
	return 0;
}

/* The number behind "NAME:" in a file of the process. */
static int read_line(pid_t pid, const char *file, const char *name, uint64_t *ret)
{
	char path[64], line[256];
	unsigned long long value = 0;
	size_t length = strlen(name);
	int e = -ENOENT;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	f = fopen(path, "re");
	while (f && e < 0 && fgets(line, sizeof(line), f))
		if (strncmp(line, name, length) == 0 && line[length] == ':' &&
		    sscanf(line + length + 1, "%llu", &value) == 1)
			e = 0;
	if (f)
		(void)fclose(f);
	*ret = value;
	return e;
}

static int read_io(pid_t pid, const char *name, uint64_t *ret)
{
	return read_line(pid, "io", name, ret);
}

static int read_fds(pid_t pid, const char *unused, uint64_t *ret)
{
	struct dirent *entry;
	uint64_t count = 0;
	char path[64];
	DIR *dir;

	(void)unused;
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return -ENOENT;
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	(void)closedir(dir);
	*ret = count;
	return 0;
}

/* Both figures at one look: the kernel walks all page tables for it. */
static void add_memory(struct tree *t, pid_t pid)
{
	char path[64], line[256];
	unsigned long long value;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Pss_Anon: %llu", &value) == 1)
			t->anon += value;
		else if (sscanf(line, "Pss: %llu", &value) == 1) {
			t->pss += value;
			t->memory = true;
		}
	}
	if (f)
		(void)fclose(f);
}

static void add_tasks(struct tree *t, pid_t pid)
{
	struct dirent *entry;
	char path[64];
	DIR *tasks;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		t->threads++;
		add_children(t, pid, entry->d_name);
	}
	if (tasks)
		(void)closedir(tasks);
}

void tree_refresh(pid_t pid, bool memory)
{
	struct tree *t = tree_of(pid);

	if (!t)
		return;
	*t = (struct tree){ .pid = { pid }, .count = 1 };
	for (size_t i = 0; i < t->count; i++) {
		add_tasks(t, t->pid[i]);
		/* A child may go at any time; without the root there is no value. */
		if (memory && (i == 0 || t->memory))
			add_memory(t, t->pid[i]);
	}
}

static const struct field {
	const char *name;
	int (*read)(pid_t pid, const char *line, uint64_t *ret); /* NULL: in struct tree */
	const char *line;
} fields[] = {
	{ "cpu", read_cpu, NULL },
	{ "anon", NULL, NULL },
	{ "pss", NULL, NULL },
	{ "read_bytes", read_io, "read_bytes" },
	{ "write_bytes", read_io, "write_bytes" },
	{ "fds", read_fds, NULL },
	{ "threads", NULL, NULL },
};

bool tree_field_known(const char *field)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (strcmp(fields[i].name, field) == 0)
			return true;
	return false;
}

static int known_value(const struct tree *t, const char *field, uint64_t *ret)
{
	bool memory = strcmp(field, "threads") != 0;

	if (memory && !t->memory)
		return -ENOENT;
	*ret = t->threads;
	if (memory)
		*ret = strcmp(field, "anon") == 0 ? t->anon : t->pss;
	return 0;
}

int tree_value(pid_t pid, const char *field, uint64_t *ret)
{
	const struct tree *t = tree_of(pid);
	const struct field *f = fields;
	uint64_t sum = 0;

	while (f < fields + ARRAY_SIZE(fields) && strcmp(f->name, field) != 0)
		f++;
	if (f == fields + ARRAY_SIZE(fields) || !t || t->count == 0 || t->threads == 0)
		return -ENOENT;
	if (!f->read)
		return known_value(t, field, ret);
	for (size_t i = 0; i < t->count; i++) {
		uint64_t value = 0;
		int e = f->read(t->pid[i], f->line, &value);

		if (e < 0 && i == 0)
			return e;
		sum += e == 0 ? value : 0;
	}
	*ret = sum;
	return 0;
}
