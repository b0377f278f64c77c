// SPDX-License-Identifier: Apache-2.0
/* What the host compares to show that a guest is as clean as after its boot. */
#include "guest.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool shared_type(const char *type)
{
	return strcmp(type, "virtiofs") == 0 || strcmp(type, "9p") == 0 ||
	       strncmp(type, "fuse", 4) == 0;
}

static void print_mounts(void)
{
	char line[PATH_MAX], source[512], dir[PATH_MAX], type[64];
	FILE *f = fopen("/proc/self/mounts", "re");

	json_key("mounts");
	json_open('[');
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%511s %4095s %63s", source, dir, type) != 3 ||
		    !shared_type(type) || strcmp(type, "fusectl") == 0)
			continue;
		json_open('{');
		json_key("dir");
		json_string(dir);
		json_key("type");
		json_string(type);
		json_key("source");
		json_string(source);
		json_close('}');
	}
	if (f)
		(void)fclose(f);
	json_close(']');
}

/* Kernel threads have no program; PID 1, the agent (our parent) and we ourselves do not count. */
static bool is_extra_process(const char *pid)
{
	char path[64], target[8];
	long number = strtol(pid, NULL, 10);

	if (number == 1 || number == getpid() || number == getppid())
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%ld/exe", number);
	return readlink(path, target, sizeof(target)) >= 0;
}

static void print_processes(void)
{
	char path[64], comm[64];
	struct dirent *entry;
	uint64_t count = 0;
	DIR *proc = opendir("/proc");

	json_key("process_names");
	json_open('[');
	while (proc && (entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0]) || !is_extra_process(entry->d_name))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%.20s/comm", entry->d_name);
		(void)guest_read_text(path, comm, sizeof(comm));
		json_string(comm);
		count++;
	}
	if (proc)
		(void)closedir(proc);
	json_close(']');
	json_key("processes");
	json_u64(count);
}

static void print_virtio_device(const char *name)
{
	char path[PATH_MAX], text[128], target[PATH_MAX];
	ssize_t n;

	json_open('{');
	json_key("name");
	json_string(name);
	(void)snprintf(path, sizeof(path), "/sys/bus/virtio/devices/%s/device", name);
	(void)guest_read_text(path, text, sizeof(text));
	json_key("type");
	json_u64(strtoul(text, NULL, 16));
	(void)snprintf(path, sizeof(path), "/sys/bus/virtio/devices/%s/driver", name);
	n = readlink(path, target, sizeof(target) - 1);
	json_key("driver");
	if (n > 0) {
		const char *slash;

		target[n] = '\0';
		slash = strrchr(target, '/');
		json_string(slash ? slash + 1 : target);
	} else {
		json_null();
	}
	(void)snprintf(path, sizeof(path), "/sys/bus/virtio/devices/%s/features", name);
	(void)guest_read_text(path, text, sizeof(text));
	json_key("features");
	json_string(text);
	json_close('}');
}

static void print_virtio_devices(void)
{
	struct dirent *entry;
	DIR *dir = opendir("/sys/bus/virtio/devices");

	json_key("virtio_devices");
	json_open('[');
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			print_virtio_device(entry->d_name);
	if (dir)
		(void)closedir(dir);
	json_close(']');
}

static uint64_t cached_bytes(void)
{
	char line[128];
	unsigned long long kib = 0;
	FILE *f = fopen("/proc/meminfo", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Cached: %llu kB", &kib) == 1)
			break;
	if (f)
		(void)fclose(f);
	return kib * 1024;
}

int cmd_state(int argc, char **argv)
{
	char text[128];
	int e;

	(void)argv;
	if (argc != 0)
		return 2;
	json_open('{');
	print_mounts();
	print_processes();
	json_key("tainted");
	(void)guest_read_text("/proc/sys/kernel/tainted", text, sizeof(text));
	json_u64(strtoull(text, NULL, 10));
	json_key("kmsg_seq");
	json_i64(kmsg_last_seq());
	print_virtio_devices();
	json_key("cached");
	json_u64(cached_bytes());
	json_key("load");
	/* The first figure is already a JSON number. */
	if (guest_read_text("/proc/loadavg", text, sizeof(text)) == 0 &&
	    isdigit((unsigned char)text[0])) {
		text[strcspn(text, " ")] = '\0';
		json_raw(text);
	} else {
		json_null();
	}
	json_close('}');
	e = json_end();
	return e < 0 ? guest_fail(-e, "write to stdout") : 0;
}
