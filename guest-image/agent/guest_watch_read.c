// SPDX-License-Identifier: Apache-2.0
/* The sources of "vq-guest watch". Each file is read once a sample, through one open descriptor. */
#include "guest_watch.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The interrupt line of /proc/stat grows with the machine. */
#define STAT_SIZE (256 * 1024)
#define TEXT_SIZE (32 * 1024)

static char meminfo_text[TEXT_SIZE];
static char vmstat_text[TEXT_SIZE];
static char stat_text[STAT_SIZE];
static char loadavg_text[128];
static char cpu_text[512];
static char memory_text[512];
static char io_text[512];

static struct source {
	enum watch_source source;
	const char *name; /* of a resource, for pressure */
	const char *path;
	char *text;
	size_t size;
	int fd;
} sources[] = {
	{ WATCH_MEMINFO, "", "/proc/meminfo", meminfo_text, sizeof(meminfo_text), -1 },
	{ WATCH_VMSTAT, "", "/proc/vmstat", vmstat_text, sizeof(vmstat_text), -1 },
	{ WATCH_STAT, "", "/proc/stat", stat_text, sizeof(stat_text), -1 },
	{ WATCH_LOADAVG, "", "/proc/loadavg", loadavg_text, sizeof(loadavg_text), -1 },
	{ WATCH_PRESSURE, "cpu", "/proc/pressure/cpu", cpu_text, sizeof(cpu_text), -1 },
	{ WATCH_PRESSURE, "memory", "/proc/pressure/memory", memory_text, sizeof(memory_text), -1 },
	{ WATCH_PRESSURE, "io", "/proc/pressure/io", io_text, sizeof(io_text), -1 },
};

static struct source *find_source(const struct watch_key *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		if (sources[i].source == key->source &&
		    (key->source != WATCH_PRESSURE || strcmp(sources[i].name, key->name) == 0))
			return &sources[i];
	return NULL;
}

void watch_open(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		sources[i].fd = open(sources[i].path, O_RDONLY | O_CLOEXEC);
}

static void read_source(struct source *s)
{
	size_t used = 0;
	ssize_t n = -1;

	while (s->fd >= 0 && used < s->size - 1 &&
	       (n = pread(s->fd, s->text + used, s->size - 1 - used, (off_t)used)) > 0)
		used += (size_t)n;
	s->text[used] = '\0';
}

/* Whether the last refresh was one for dear sources too. */
static bool dear_due;

void watch_refresh(const struct watch_key *keys, size_t count, bool dear)
{
	bool done[ARRAY_SIZE(sources)] = { false };
	pid_t last = 0;

	dear_due = dear;
	for (size_t i = 0; i < count; i++) {
		struct source *s = find_source(&keys[i]);

		if (s && !done[s - sources]) {
			done[s - sources] = true;
			read_source(s);
		}
		/* Keys of one tree stand together. */
		if (keys[i].source == WATCH_TREE && keys[i].pid != last) {
			last = keys[i].pid;
			tree_refresh(last, dear);
		}
	}
}

/* What follows NAME and one of the characters @ends at the start of a line. */
static const char *find_line(const char *text, const char *name, const char *ends)
{
	size_t length = strlen(name);

	while (*text) {
		if (strncmp(text, name, length) == 0 && text[length] && strchr(ends, text[length]))
			return text + length + 1;
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return NULL;
}

static const char *skip_columns(const char *at, unsigned columns)
{
	for (;;) {
		at += strspn(at, " ");
		if (columns-- == 0)
			return at;
		at += strcspn(at, " \n");
	}
}

/* Copy a number as it stands, if it is one that JSON takes; else "null". */
static void copy_number(const char *at, char ret[WATCH_VALUE_SIZE])
{
	size_t whole, n;

	(void)snprintf(ret, WATCH_VALUE_SIZE, "null");
	if (!at)
		return;
	at += strspn(at, " \t");
	whole = strspn(at, "0123456789");
	n = whole;
	if (at[n] == '.')
		n += 1 + strspn(at + n + 1, "0123456789");
	if (whole == 0 || at[n - 1] == '.' || n >= WATCH_VALUE_SIZE || (whole > 1 && at[0] == '0'))
		return;
	memcpy(ret, at, n);
	ret[n] = '\0';
}

static void stat_value(const struct watch_key *key, char ret[WATCH_VALUE_SIZE])
{
	const char *at = find_line(stat_text, key->name, " ");
	uint64_t ticks;

	copy_number(at ? skip_columns(at, key->column) : NULL, ret);
	/* Times are in clock ticks, which are the reader's business; milliseconds are not. */
	if (strcmp(key->name, "cpu") == 0 && guest_parse_u64(ret, &ticks) == 0)
		(void)snprintf(ret, WATCH_VALUE_SIZE, "%" PRIu64,
			       ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK));
}

/* Columns 3 and 4 are "running/existing". */
static void loadavg_value(const struct watch_key *key, char ret[WATCH_VALUE_SIZE])
{
	const char *at = skip_columns(loadavg_text, key->column < 3 ? key->column : 3);

	if (key->column == 4)
		at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL;
	copy_number(at, ret);
}

static void pressure_value(const struct watch_key *key, char ret[WATCH_VALUE_SIZE])
{
	const struct source *s = find_source(key);
	const char *at = s ? find_line(s->text, key->kind, " ") : NULL;
	const char *end = at ? at + strcspn(at, "\n") : NULL;

	at = at ? strstr(at, "total=") : NULL;
	copy_number(at && at < end ? at + strlen("total=") : NULL, ret);
}

static void resident_value(const struct watch_key *key, char ret[WATCH_VALUE_SIZE])
{
	int fd = dear_due ? open(key->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	uint64_t bytes;
	struct stat st;

	(void)snprintf(ret, WATCH_VALUE_SIZE, "null");
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && guest_count_resident(fd, (uint64_t)st.st_size, &bytes) == 0)
		(void)snprintf(ret, WATCH_VALUE_SIZE, "%" PRIu64, bytes);
	(void)close(fd);
}

void watch_value(const struct watch_key *key, char ret[WATCH_VALUE_SIZE])
{
	uint64_t value;

	switch (key->source) {
	case WATCH_MEMINFO: copy_number(find_line(meminfo_text, key->name, ":"), ret); break;
	case WATCH_VMSTAT: copy_number(find_line(vmstat_text, key->name, " "), ret); break;
	case WATCH_STAT: stat_value(key, ret); break;
	case WATCH_LOADAVG: loadavg_value(key, ret); break;
	case WATCH_PRESSURE: pressure_value(key, ret); break;
	case WATCH_RESIDENT: resident_value(key, ret); break;
	case WATCH_TREE:
		if (tree_value(key->pid, key->name, &value) == 0)
			(void)snprintf(ret, WATCH_VALUE_SIZE, "%" PRIu64, value);
		else
			(void)snprintf(ret, WATCH_VALUE_SIZE, "null");
		break;
	}
}
