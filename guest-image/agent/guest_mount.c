// SPDX-License-Identifier: Apache-2.0
/* Mounting with patience for a device that is being plugged, and none for one that refuses. */
#include "guest.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define POLL_FIRST_MS 1
#define POLL_MAX_MS   32
/* A day: more would overflow nothing, but is a mistake. */
#define WAIT_MAX_MS 86400000
/* Kernel lines kept for a report of failure. */
#define LOG_LINES 16

/* Options that are flags of mount(2) and not text for the file system. */
static const struct {
	const char *name;
	unsigned long flag;
} mount_flags[] = {
	{ "ro", MS_RDONLY },
	{ "rw", 0 },
	{ "nosuid", MS_NOSUID },
	{ "nodev", MS_NODEV },
	{ "noexec", MS_NOEXEC },
	{ "sync", MS_SYNCHRONOUS },
	{ "noatime", MS_NOATIME },
	{ "relatime", MS_RELATIME },
	{ "nodiratime", MS_NODIRATIME },
	{ "strictatime", MS_STRICTATIME },
	{ "lazytime", MS_LAZYTIME },
};

/* The last lines that the kernel said about file systems since the mount began. */
struct log_lines {
	char text[LOG_LINES][256];
	size_t total;
	bool tag_not_found;
};

enum presence { ABSENT, PRESENT, UNKNOWN };

static void split_options(const char *options, unsigned long *ret_flags, char *ret_data,
			  size_t size)
{
	char copy[PATH_MAX];
	char *rest = copy, *word;
	size_t used = 0;

	*ret_flags = 0;
	ret_data[0] = '\0';
	(void)snprintf(copy, sizeof(copy), "%s", options);
	while ((word = strsep(&rest, ","))) {
		size_t i;

		for (i = 0; i < ARRAY_SIZE(mount_flags); i++)
			if (strcmp(word, mount_flags[i].name) == 0)
				break;
		if (i < ARRAY_SIZE(mount_flags))
			*ret_flags |= mount_flags[i].flag;
		else if (word[0] != '\0' && used < size)
			used += (size_t)snprintf(ret_data + used, size - used, "%s%s",
						 used ? "," : "", word);
	}
}

static int make_dirs(const char *dir)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s", dir) >= sizeof(path))
		return -ENAMETOOLONG;
	for (char *s = path + 1; path[0] && *s; s++) {
		if (*s != '/')
			continue;
		*s = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		*s = '/';
	}
	return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/*
 * Look for @value in the file @leaf of each entry of @folder whose name begins with @prefix;
 * without @leaf any such entry will do. UNKNOWN: the folder does not exist.
 */
static enum presence look(const char *folder, const char *prefix, const char *leaf,
			  const char *value)
{
	enum presence found = ABSENT;
	char path[PATH_MAX], text[128];
	struct dirent *entry;
	DIR *dir = opendir(folder);

	if (!dir)
		return UNKNOWN;
	while (found == ABSENT && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		if (!leaf) {
			found = PRESENT;
			break;
		}
		(void)snprintf(path, sizeof(path), "%s/%s/%s", folder, entry->d_name, leaf);
		if (guest_read_text(path, text, sizeof(text)) == 0 && strcmp(text, value) == 0)
			found = PRESENT;
	}
	(void)closedir(dir);
	return found;
}

#define BLK_PREFIX "virtio-blk:"

/* The block device whose serial number is @serial, as "/dev/NAME"; "" when there is none. */
static void find_block_device(const char *serial, char *ret, size_t size)
{
	char path[PATH_MAX], text[64];
	struct dirent *entry;
	DIR *dir = opendir("/sys/block");

	ret[0] = '\0';
	while (dir && !ret[0] && (entry = readdir(dir))) {
		(void)snprintf(path, sizeof(path), "/sys/block/%s/serial", entry->d_name);
		if (entry->d_name[0] != '.' && guest_read_text(path, text, sizeof(text)) == 0 &&
		    strcmp(text, serial) == 0)
			(void)snprintf(ret, size, "/dev/%s", entry->d_name);
	}
	if (dir)
		(void)closedir(dir);
}

/* Is the device behind @source there and bound to its driver? */
static enum presence device_presence(const char *type, const char *source)
{
	struct stat st;
	enum presence p;

	if (strcmp(type, "virtiofs") == 0) {
		/* Linux 6.9 and later list the tags. */
		p = look("/sys/fs/virtiofs", "", "tag", source);
		if (p != UNKNOWN)
			return p;
		p = look("/sys/bus/virtio/drivers/virtiofs", "virtio", NULL, NULL);
		/* A device of any tag: whether it is ours, only mount(2) and its log line can say.
		 */
		return p == PRESENT ? UNKNOWN : ABSENT;
	}
	if (strcmp(type, "9p") == 0)
		return look("/sys/bus/virtio/drivers/9pnet_virtio", "virtio", "mount_tag",
			    source) == PRESENT
			       ? PRESENT
			       : ABSENT;
	if (strncmp(source, BLK_PREFIX, strlen(BLK_PREFIX)) == 0) {
		char path[PATH_MAX];

		find_block_device(source + strlen(BLK_PREFIX), path, sizeof(path));
		return path[0] && stat(path, &st) == 0 ? PRESENT : ABSENT;
	}
	if (source[0] == '/')
		return stat(source, &st) == 0 ? PRESENT : ABSENT;
	return PRESENT;
}

/* How the device that driver @driver is bound to interrupts: "msix", "msi" or "intx". */
static void print_interrupts(const char *driver)
{
	char folder[PATH_MAX], path[PATH_MAX + 300], text[64] = "intx";
	struct dirent *entry;
	DIR *dir;

	(void)snprintf(folder, sizeof(folder), "/sys/bus/virtio/drivers/%s", driver);
	dir = opendir(folder);
	while (dir && (entry = readdir(dir)))
		if (strncmp(entry->d_name, "virtio", 6) == 0)
			break;
	if (dir && entry)
		(void)snprintf(folder, sizeof(folder),
			       "/sys/bus/virtio/drivers/%s/%.100s/../msi_irqs", driver,
			       entry->d_name);
	if (dir)
		(void)closedir(dir);
	dir = opendir(folder);
	while (dir && (entry = readdir(dir))) {
		(void)snprintf(path, sizeof(path), "%s/%.255s", folder, entry->d_name);
		if (entry->d_name[0] != '.' && guest_read_text(path, text, sizeof(text)) == 0)
			break;
	}
	if (dir)
		(void)closedir(dir);
	json_string(text);
}

static bool type_known(const char *type)
{
	char line[128];
	bool known = false;
	FILE *f = fopen("/proc/filesystems", "re");

	if (!f)
		return true;
	while (!known && fgets(line, sizeof(line), f)) {
		char *name = strrchr(line, '\t');

		line[strcspn(line, "\n")] = '\0';
		known = name && strcmp(name + 1, type) == 0;
	}
	(void)fclose(f);
	return known;
}

static void collect_log(int kmsg, const char *source, struct log_lines *log)
{
	static const char *const words[] = { "virtio", "fuse",	"dax",	"9p",	"ext4",
					     "xfs",    "erofs", "pmem", "mount" };
	struct kmsg_record record;
	char missing[160];

	if (kmsg < 0)
		return;
	(void)snprintf(missing, sizeof(missing), "tag <%.120s> not found", source);
	while (kmsg_next(kmsg, &record) == 1) {
		bool wanted = false;

		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			wanted |= strcasestr(record.text, words[i]) != NULL;
		if (strstr(record.text, missing))
			log->tag_not_found = true;
		if (wanted)
			(void)snprintf(log->text[log->total++ % LOG_LINES], sizeof(log->text[0]),
				       "%.255s", record.text);
	}
}

static void print_log(const struct log_lines *log)
{
	size_t first = log->total > LOG_LINES ? log->total - LOG_LINES : 0;

	json_open('[');
	for (size_t i = first; i < log->total; i++)
		json_string(log->text[i % LOG_LINES]);
	json_close(']');
}

/* The line of @dir in mountinfo; the last one, which is the topmost mount. */
static void print_mountinfo(const char *dir)
{
	char line[PATH_MAX], found[PATH_MAX] = "", point[PATH_MAX];
	FILE *f = fopen("/proc/self/mountinfo", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %*s %*s %*s %4095s", point) == 1 && strcmp(point, dir) == 0)
			memcpy(found, line, sizeof(found));
	if (f)
		(void)fclose(f);
	found[strcspn(found, "\n")] = '\0';
	if (found[0])
		json_string(found);
	else
		json_null();
}

static void sleep_ms(uint64_t ms)
{
	struct timespec ts = { .tv_sec = (time_t)(ms / 1000),
			       .tv_nsec = (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&ts, NULL);
}

struct attempt {
	int error; /* errno of the last mount(2), 0 when mounted */
	uint64_t count;
	uint64_t mount_ns; /* of the last mount(2) alone */
	uint64_t wait_ns;  /* from the start of the command to the start of the last mount(2) */
	enum presence presence;
};

/*
 * Wait until the device may be there, or until @end_ns. Each mount(2) that finds no tag leaves a
 * line in the kernel's log, so it is not tried again before something has changed.
 */
static void await_device(char **argv, uint64_t end_ns, uint64_t *pause_ms)
{
	do {
		sleep_ms(*pause_ms);
		if (*pause_ms < POLL_MAX_MS)
			*pause_ms *= 2;
	} while (guest_now_ns() < end_ns && device_presence(argv[0], argv[1]) == ABSENT);
}

/* What mount(2) is given: a block device may be named by its serial number. */
static void source_path(const char *source, char *ret, size_t size)
{
	if (strncmp(source, BLK_PREFIX, strlen(BLK_PREFIX)) == 0)
		find_block_device(source + strlen(BLK_PREFIX), ret, size);
	else
		(void)snprintf(ret, size, "%s", source);
}

/* Retry only while the device is not there; a device that is there and refuses is reported at once.
 */
static void try_mount(char **argv, uint64_t wait_ms, int kmsg, struct log_lines *log,
		      struct attempt *ret)
{
	uint64_t begin = guest_now_ns();
	uint64_t end_ns = begin + wait_ms * NS_PER_MS;
	uint64_t pause_ms = POLL_FIRST_MS;
	char data[PATH_MAX], source[PATH_MAX];
	unsigned long flags;

	split_options(argv[3], &flags, data, sizeof(data));
	for (;;) {
		uint64_t start;

		ret->presence = device_presence(argv[0], argv[1]);
		log->tag_not_found = false;
		source_path(argv[1], source, sizeof(source));
		start = guest_now_ns();
		ret->error = mount(source, argv[2], argv[0], flags, data[0] ? data : NULL) < 0
				     ? errno
				     : 0;
		ret->mount_ns = guest_now_ns() - start;
		ret->wait_ns = start - begin;
		ret->count++;
		if (ret->error == 0)
			return;
		collect_log(kmsg, argv[1], log);
		if (ret->presence == UNKNOWN)
			ret->presence = log->tag_not_found ? ABSENT : PRESENT;
		/* A 9p driver shows its tag a moment before it can be mounted (p9_virtio_probe). */
		if (strcmp(argv[0], "9p") == 0 && ret->error == ENOENT)
			ret->presence = ABSENT;
		if (ret->presence == PRESENT || (ret->error == ENODEV && !type_known(argv[0])))
			return;
		if (guest_now_ns() >= end_ns)
			return;
		await_device(argv, end_ns, &pause_ms);
	}
}

int cmd_mount(int argc, char **argv)
{
	static struct log_lines log;
	struct attempt a = { 0 };
	uint64_t wait_ms;
	int kmsg, e;

	if (argc != 5 || guest_parse_u64(argv[4], &wait_ms) < 0 || wait_ms > WAIT_MAX_MS)
		return 2;
	e = make_dirs(argv[2]);
	if (e < 0)
		return guest_fail(-e, "make %s", argv[2]);
	kmsg = kmsg_open(true);
	try_mount(argv, wait_ms, kmsg, &log, &a);
	if (kmsg >= 0)
		(void)close(kmsg);
	json_open('{');
	json_key("mounted");
	json_bool(a.error == 0);
	json_key("attempts");
	json_u64(a.count);
	json_key("mount_ns");
	json_u64(a.mount_ns);
	json_key("wait_ns");
	json_u64(a.wait_ns);
	if (a.error == 0) {
		json_key("options");
		print_mountinfo(argv[2]);
		if (strcmp(argv[0], "virtiofs") == 0) {
			json_key("interrupts");
			print_interrupts("virtiofs");
		}
	} else {
		json_key("errno");
		json_i64(a.error);
		json_key("error");
		json_string(strerror(a.error));
		json_key("type_known");
		json_bool(type_known(argv[0]));
		json_key("device_present");
		json_bool(a.presence == PRESENT);
		json_key("kernel_log");
		print_log(&log);
	}
	json_close('}');
	e = json_end();
	if (e < 0)
		return guest_fail(-e, "write to stdout");
	return a.error ? guest_fail(a.error, "mount %s %s on %s", argv[0], argv[1], argv[2]) : 0;
}

/* ---- who holds a mount ---- */

static bool inside(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static void print_holder(const char *pid, const char *what, const char *path)
{
	char file[64], comm[64];

	(void)snprintf(file, sizeof(file), "/proc/%.20s/comm", pid);
	(void)guest_read_text(file, comm, sizeof(comm));
	json_open('{');
	json_key("pid");
	json_raw(pid);
	json_key("comm");
	json_string(comm);
	json_key("what");
	json_string(what);
	json_key("path");
	json_string(path);
	json_close('}');
}

static void check_link(const char *pid, const char *leaf, const char *dir)
{
	char file[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	(void)snprintf(file, sizeof(file), "/proc/%.20s/%.255s", pid, leaf);
	n = readlink(file, target, sizeof(target) - 1);
	if (n < 0)
		return;
	target[n] = '\0';
	if (inside(target, dir))
		print_holder(pid, leaf, target);
}

static void check_maps(const char *pid, const char *dir)
{
	char file[64], line[PATH_MAX];
	FILE *f;

	(void)snprintf(file, sizeof(file), "/proc/%.20s/maps", pid);
	f = fopen(file, "re");
	while (f && fgets(line, sizeof(line), f)) {
		char *path = strchr(line, '/');

		line[strcspn(line, "\n")] = '\0';
		if (path && inside(path, dir)) {
			print_holder(pid, "map", path);
			break;
		}
	}
	if (f)
		(void)fclose(f);
}

static void check_process(const char *pid, const char *dir)
{
	char folder[64], leaf[300];
	struct dirent *entry;
	DIR *fds;

	check_link(pid, "cwd", dir);
	check_link(pid, "root", dir);
	check_link(pid, "exe", dir);
	(void)snprintf(folder, sizeof(folder), "/proc/%.20s/fd", pid);
	fds = opendir(folder);
	while (fds && (entry = readdir(fds))) {
		(void)snprintf(leaf, sizeof(leaf), "fd/%.255s", entry->d_name);
		if (entry->d_name[0] != '.')
			check_link(pid, leaf, dir);
	}
	if (fds)
		(void)closedir(fds);
	check_maps(pid, dir);
}

/* Reads only what /proc says of paths: touching the mount itself could hang. */
static void print_holders(const char *dir)
{
	struct dirent *entry;
	DIR *proc = opendir("/proc");

	json_open('[');
	while (proc && (entry = readdir(proc)))
		if (isdigit((unsigned char)entry->d_name[0]) &&
		    strtol(entry->d_name, NULL, 10) != getpid())
			check_process(entry->d_name, dir);
	if (proc)
		(void)closedir(proc);
	json_close(']');
}

int cmd_umount(int argc, char **argv)
{
	uint64_t start;
	int error, e;

	if (argc != 1)
		return 2;
	start = guest_now_ns();
	error = umount2(argv[0], UMOUNT_NOFOLLOW) < 0 ? errno : 0;
	json_open('{');
	json_key("umounted");
	json_bool(error == 0);
	json_key("umount_ns");
	json_u64(guest_now_ns() - start);
	if (error) {
		json_key("errno");
		json_i64(error);
		json_key("error");
		json_string(strerror(error));
		json_key("holders");
		print_holders(argv[0]);
	}
	json_close('}');
	e = json_end();
	if (e < 0)
		return guest_fail(-e, "write to stdout");
	return error ? guest_fail(error, "umount %s", argv[0]) : 0;
}
