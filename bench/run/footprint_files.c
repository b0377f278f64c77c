// SPDX-License-Identifier: Apache-2.0
#include "run/footprint_files.h"

#include "base/clock.h"
#include "base/fs.h"
#include "metric/residency.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MAPS_MAX (4 * MIB)
/* The loader lists libraries in milliseconds. */
#define LOADER_MS 20000

static bool is_known(const struct footprint_files *f, const char *path)
{
	for (size_t i = 0; i < f->path.count; i++)
		if (strcmp(f->path.item[i], path) == 0)
			return true;
	return false;
}

/* Shares have their own term; what lies on tmpfs was there before. */
static void add_file(struct footprint_files *f, const char *word)
{
	static const char *const not_these[] = { WORLD_SHARE "/", WORLD_SOCKETS "/", "/dev/",
						 "/proc/", "/sys/" };
	char path[PATH_MAX];
	struct stat st;

	if (word[0] != '/' || !realpath(word, path) || stat(path, &st) < 0 ||
	    !S_ISREG(st.st_mode) || st.st_size == 0 || is_known(f, path))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(not_these); i++)
		if (strncmp(path, not_these[i], strlen(not_these[i])) == 0)
			return;
	strv_add(&f->path, path);
}

/* Every word of the text that is the path of a file. */
static void add_words(struct footprint_files *f, char *text)
{
	char *save = NULL;

	for (char *w = text ? strtok_r(text, " \t\n", &save) : NULL; w;
	     w = strtok_r(NULL, " \t\n", &save))
		add_file(f, w);
}

static int add_process(struct footprint_files *f, pid_t pid, struct err *reterr)
{
	CLEANUP(freep) char *maps = fs_path("/proc/%d/maps", (int)pid);
	CLEANUP(freep) char *fds = fs_path("/proc/%d/fd", (int)pid);
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(dir_closep) DIR *dir = fds ? opendir(fds) : NULL;
	const struct dirent *d;
	int e = maps && dir ? fs_read(maps, MAPS_MAX, &text, reterr)
			    : err_set(reterr, -ESRCH, "cannot look at process %d", (int)pid);

	if (e < 0)
		return e;
	add_words(f, text.data);
	while (dir && (d = readdir(dir)) != NULL) {
		char target[PATH_MAX];
		ssize_t n = readlinkat(dirfd(dir), d->d_name, target, sizeof(target) - 1);

		if (n < 0)
			continue;
		target[n] = '\0';
		/* Logs and the like are written, not read. */
		if (strstr(target, WORLD) == target)
			add_file(f, target);
	}
	return 0;
}

/* Asked for so, the loader prints what it would load and starts nothing. */
static int add_command(struct footprint_files *f, const struct strv *argv, struct err *reterr)
{
	static char trace[] = "LD_TRACE_LOADED_OBJECTS=1";
	char *const env[] = { trace, NULL };
	const struct proc_spec spec = { .argv = argv->item, .env = env };
	struct proc_output out = { 0 };
	int e = proc_run(&spec, MAPS_MAX, clock_deadline_ms(LOADER_MS), &out, reterr);

	for (size_t i = 0; e == 0 && i < argv->count; i++)
		add_file(f, argv->item[i]);
	if (e == 0)
		add_words(f, out.out.data);
	proc_output_free(&out);
	return e;
}

int footprint_files_find(struct footprint_files *ret, const struct stack *stack,
			 const struct fleet_guest *guest, struct err *reterr)
{
	static const struct stack_paths roots = WORLD_PATHS;
	CLEANUP(strv_free) struct strv daemon = { 0 };
	struct footprint_files f = { 0 };
	size_t i;
	json_t *word;
	int e = add_process(&f, guest->guest.vmm.pid, reterr);

	json_array_foreach(guest->argv, i, word)
		add_file(&f, json_string_value(word));
	if (e == 0 && (stack->program || stack->host_program)) {
		e = stack_probe_argv(stack, &roots, &daemon);
		if (e == 0)
			e = add_command(&f, &daemon, reterr);
	}
	if (e == 0 && strv_failed(&f.path))
		e = err_set(reterr, -ENOMEM, "out of memory");
	if (e < 0)
		footprint_files_free(&f);
	else
		*ret = f;
	return e;
}

static int hold_one(const char *path, struct footprint_hold *ret, struct err *reterr)
{
	CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *map;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(reterr, -errno, "cannot open %s", path);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return err_errno(reterr, -errno, "cannot map %s", path);
	(void)mlock(map, (size_t)st.st_size);
	*ret = (struct footprint_hold){ map, (size_t)st.st_size };
	return 0;
}

int footprint_files_hold(struct footprint_files *f, struct err *reterr)
{
	int e = 0;

	footprint_files_release(f);
	f->hold = calloc(f->path.count, sizeof(*f->hold));
	if (!f->hold)
		return err_set(reterr, -ENOMEM, "out of memory");
	for (size_t i = 0; e == 0 && i < f->path.count; i++) {
		e = residency_fill(f->path.item[i], reterr);
		if (e == 0)
			e = hold_one(f->path.item[i], &f->hold[i], reterr);
		f->hold_count += e == 0;
	}
	return e;
}

void footprint_files_release(struct footprint_files *f)
{
	for (size_t i = 0; i < f->hold_count; i++)
		(void)munmap(f->hold[i].map, f->hold[i].size);
	free(f->hold);
	f->hold = NULL;
	f->hold_count = 0;
}

int footprint_files_cached(const struct footprint_files *f, uint64_t *ret, struct err *reterr)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < f->path.count; i++) {
		struct residency r = { 0 };
		int e = residency_read(f->path.item[i], &r, reterr);

		if (e < 0)
			return e;
		sum += r.cached_bytes;
	}
	*ret = sum;
	return 0;
}

void footprint_files_free(struct footprint_files *f)
{
	footprint_files_release(f);
	strv_free(&f->path);
}
