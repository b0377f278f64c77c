// SPDX-License-Identifier: Apache-2.0
#include "real_guest.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/strv.h"
#include "run/lock.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* As in bench/run: the place of a run. */
#define PLACE	  "/run/virtiofs-qual"
#define BUSY_TEXT "another virtiofs-qual run is going on"
/* A driver that may not run says so at once; a loaded machine takes its time. */
#define REFUSE_MS 10000
#define RETRY_MS  500

void real_pause(void)
{
	(void)poll(NULL, 0, 3);
}

int real_dir(const char *name, char *ret, size_t size, struct err *reterr)
{
	CLEANUP(freep) char *dir = fs_path("%s/%s", REAL_FOLDER, name);
	char full[PATH_MAX];
	int e = dir ? fs_remove_tree(dir, reterr) : -ENOMEM;

	if (e == 0)
		e = fs_mkdirs(dir, 0755, reterr);
	if (e < 0)
		return e;
	if (!realpath(dir, full) || strlen(full) >= size)
		return err_errno(reterr, -ENAMETOOLONG, "%s", dir);
	memcpy(ret, full, strlen(full) + 1);
	return 0;
}

static int link_part(const char *dir, const char *part, struct err *reterr)
{
	CLEANUP(freep) char *full = realpath(part, NULL);
	CLEANUP(freep) char *to = fs_path("%s/%s", dir, part);

	if (!to || !full)
		return err_set(reterr, -ENOENT, "%s is not there (see: make image)", part);
	return symlink(full, to) == 0 ? 0 : err_errno(reterr, -errno, "cannot make %s", to);
}

int real_home(const char *dir, const char *without, struct err *reterr)
{
	static const char *const parts[] = { "bench",	    "workloads",   "guest-image",
					     "build/roots", "build/guest", "build/image" };
	CLEANUP(freep) char *build = fs_path("%s/build", dir);
	int e = build ? fs_mkdirs(build, 0755, reterr) : -ENOMEM;

	for (size_t i = 0; e == 0 && i < ARRAY_SIZE(parts); i++) {
		const char *name = strrchr(parts[i], '/');

		if (!without || strcmp(name ? name + 1 : parts[i], without) != 0)
			e = link_part(dir, parts[i], reterr);
	}
	return e;
}

int real_start(const char *const *args, const char *log, struct proc *ret, struct err *reterr)
{
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(fd_closep)
	int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	/* A name that no word of a report has by chance. */
	static char user[] = "USER=" REAL_USER;
	char *const env[] = { user, NULL };
	struct proc_spec spec = { .env = env, .stdout_fd = fd, .stderr_fd = fd };

	if (fd < 0)
		return err_errno(reterr, -errno, "cannot make %s", log);
	strv_add(&argv, REAL_DRIVER);
	strv_add_all(&argv, args);
	if (strv_failed(&argv))
		return err_set(reterr, -ENOMEM, "out of memory");
	spec.argv = argv.item;
	return proc_start(&spec, ret, reterr);
}

bool real_said(const char *log, const char *text)
{
	CLEANUP(buf_free) struct buf said = { 0 };

	return fs_read(log, 16 * MIB, &said, NULL) == 0 && strstr(buf_text(&said), text);
}

int real_status(const struct proc *p)
{
	return WIFSIGNALED(p->status) ? 128 + WTERMSIG(p->status) : WEXITSTATUS(p->status);
}

/* Wait until a driver has begun (its run.json is there) or ended. */
static int wait_begun(struct proc *p, const char *out, uint64_t deadline_ns)
{
	CLEANUP(freep) char *path = fs_path("%s/run.json", out);

	while (path && proc_alive(p) && !fs_exists(path)) {
		if (clock_left_ms(deadline_ns) == 0)
			return -ETIMEDOUT;
		real_pause();
	}
	return path ? 0 : -ENOMEM;
}

static void wait_for_lock(uint64_t deadline_ns)
{
	int fd;

	while ((fd = lock_take(NULL)) == -EBUSY && clock_left_ms(deadline_ns) > 0)
		(void)poll(NULL, 0, RETRY_MS);
	fd_closep(&fd);
}

int real_start_run(const char *const *args, const char *out, const char *log, struct proc *ret,
		   struct err *reterr)
{
	uint64_t give_up = clock_deadline_ms(REAL_LOCK_WAIT_MS);

	for (;;) {
		int e;

		wait_for_lock(give_up);
		e = real_start(args, log, ret, reterr);
		if (e < 0)
			return e;
		e = wait_begun(ret, out, clock_deadline_ms(REFUSE_MS));
		if (e == 0 && (proc_alive(ret) || !real_said(log, BUSY_TEXT)))
			return 0;
		proc_kill(ret);
		if (e < 0)
			return err_errno(reterr, e, "no run.json appeared in %s", out);
		if (clock_left_ms(give_up) == 0)
			return err_set(reterr, -EBUSY, "%s", BUSY_TEXT);
	}
}

int real_run(const char *const *args, const char *log, unsigned deadline_ms, int *ret_status,
	     struct err *reterr)
{
	uint64_t give_up = clock_deadline_ms(REAL_LOCK_WAIT_MS);

	for (;;) {
		struct proc p = { 0 };
		int e;

		wait_for_lock(give_up);
		e = real_start(args, log, &p, reterr);
		if (e < 0)
			return e;
		e = proc_wait(&p, clock_deadline_ms(deadline_ms));
		proc_kill(&p);
		if (e < 0)
			return err_errno(reterr, e, "the driver did not end in %u ms (see %s)",
					 deadline_ms, log);
		*ret_status = real_status(&p);
		if (*ret_status != 3 || !real_said(log, BUSY_TEXT))
			return 0;
		if (clock_left_ms(give_up) == 0)
			return err_set(reterr, -EBUSY, "%s", BUSY_TEXT);
	}
}

int real_lock(struct err *reterr)
{
	uint64_t give_up = clock_deadline_ms(REAL_LOCK_WAIT_MS);
	int fd;

	while ((fd = lock_take(reterr)) == -EBUSY && clock_left_ms(give_up) > 0)
		(void)poll(NULL, 0, RETRY_MS);
	return fd;
}

/* ---- what a driver has started ---- */

/* Start time and state of a process (fields 22 and 3 of /proc/PID/stat). */
static int read_stat(pid_t pid, unsigned long long *ret_start, char *ret_state)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	char path[64];
	const char *p;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (fs_read(path, 8 * KIB, &text, NULL) < 0)
		return -ESRCH;
	p = strrchr(buf_text(&text), ')');
	if (!p || p[1] != ' ')
		return -ESRCH;
	*ret_state = p[2];
	p += 2;
	for (int field = 3; p && field < 22; field++)
		p = (p = strchr(p, ' ')) ? p + 1 : NULL;
	if (!p)
		return -ESRCH;
	*ret_start = strtoull(p, NULL, 10);
	return 0;
}

static void add_process(struct real_tree *t, pid_t pid)
{
	unsigned long long start;
	char state;

	if (t->count == REAL_TREE_MAX || read_stat(pid, &start, &state) < 0)
		return;
	t->item[t->count].pid = pid;
	t->item[t->count++].start = start;
}

static void add_children(struct real_tree *t, pid_t pid)
{
	char path[64];
	CLEANUP(dir_closep) DIR *tasks = NULL;
	struct dirent *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	while (tasks && (d = readdir(tasks)) != NULL) {
		CLEANUP(buf_free) struct buf text = { 0 };
		CLEANUP(freep) char *children = fs_path("%s/%s/children", path, d->d_name);
		char *save = NULL;

		if (d->d_name[0] == '.' || !children ||
		    fs_read(children, 64 * KIB, &text, NULL) < 0 || !text.data)
			continue;
		for (char *w = strtok_r(text.data, " ", &save); w; w = strtok_r(NULL, " ", &save))
			add_process(t, (pid_t)strtol(w, NULL, 10));
	}
}

static void read_namespace(pid_t pid, char *ret, size_t size)
{
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	n = readlink(path, ret, size - 1);
	ret[n > 0 ? n : 0] = '\0';
}

/* Source of the mount at the share in that process's mount table, then what its loop device holds. */
static void read_loop_file(pid_t pid, char *ret, size_t size)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(buf_free) struct buf file = { 0 };
	char path[128];
	char loop[32];
	const char *p;

	ret[0] = '\0';
	(void)snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)pid);
	if (fs_read(path, MIB, &text, NULL) < 0)
		return;
	p = strstr(buf_text(&text), " " PLACE "/share ");
	p = p ? strstr(p, " /dev/loop") : NULL;
	if (!p)
		return;
	(void)snprintf(loop, sizeof(loop), "%.*s", (int)strcspn(p + 6, " "), p + 6);
	(void)snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file", loop);
	if (fs_read(path, 4 * KIB, &file, NULL) == 0)
		(void)snprintf(ret, size, "%.*s", (int)strcspn(buf_text(&file), "\n"),
			       buf_text(&file));
}

void real_tree_read(pid_t driver, struct real_tree *ret)
{
	char own[64];

	*ret = (struct real_tree){ 0 };
	add_process(ret, driver);
	for (size_t i = 0; i < ret->count; i++)
		add_children(ret, ret->item[i].pid);
	if (ret->count < 2)
		return;
	read_namespace(getpid(), own, sizeof(own));
	read_namespace(ret->item[1].pid, ret->namespace, sizeof(ret->namespace));
	if (strcmp(own, ret->namespace) == 0)
		ret->namespace[0] = '\0';
	read_loop_file(ret->item[1].pid, ret->loop_file, sizeof(ret->loop_file));
}

/* The command line with spaces between its words; "" for a process that is gone. */
static void read_command(pid_t pid, struct buf *ret)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	if (fs_read(path, 256 * KIB, ret, NULL) < 0)
		return;
	for (size_t i = 0; i < ret->size; i++)
		if (ret->data[i] == '\0')
			ret->data[i] = ' ';
}

size_t real_tree_find(const struct real_tree *t, const char *const *words, pid_t *ret, size_t max)
{
	size_t count = 0;

	for (size_t i = 0; i < t->count && count < max; i++) {
		CLEANUP(buf_free) struct buf command = { 0 };
		bool all = true;

		read_command(t->item[i].pid, &command);
		for (const char *const *w = words; *w; w++)
			all &= strstr(buf_text(&command), *w) != NULL;
		if (all)
			ret[count++] = t->item[i].pid;
	}
	return count;
}

struct findings {
	char *text;
	size_t size;
	size_t used;
	size_t count;
};

static void found(struct findings *f, const char *what, const char *which)
{
	int n = snprintf(f->text + f->used, f->size - f->used, "%s%s %s", f->count ? "; " : "",
			 what, which);

	f->used = f->used + (size_t)n < f->size ? f->used + (size_t)n : f->size - 1;
	f->count++;
}

static void find_processes(const struct real_tree *t, struct findings *f)
{
	CLEANUP(dir_closep) DIR *proc = opendir("/proc");
	struct dirent *d;

	for (size_t i = 0; i < t->count; i++) {
		CLEANUP(buf_free) struct buf command = { .max = 200 };
		unsigned long long start;
		char state;

		if (read_stat(t->item[i].pid, &start, &state) < 0 || start != t->item[i].start ||
		    state == 'Z' || state == 'X')
			continue;
		read_command(t->item[i].pid, &command);
		found(f, "process", buf_text(&command));
	}
	while (t->namespace[0] && proc && (d = readdir(proc)) != NULL) {
		pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);
		unsigned long long start;
		char name[64];
		char state;

		/* The host's init may be slow to reap; a zombie holds nothing. */
		if (!isdigit((unsigned char)d->d_name[0]) || read_stat(pid, &start, &state) < 0 ||
		    state == 'Z' || state == 'X')
			continue;
		read_namespace(pid, name, sizeof(name));
		if (strcmp(name, t->namespace) == 0)
			found(f, "process in the run's namespace", d->d_name);
	}
}

static void find_mounts(struct findings *f)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	const char *p;

	if (fs_read("/proc/self/mountinfo", 4 * MIB, &text, NULL) < 0)
		found(f, "unreadable", "/proc/self/mountinfo");
	p = strstr(buf_text(&text), " " PLACE);
	if (p)
		found(f, "mount in the host's table:", PLACE);
}

static void find_loops(const struct real_tree *t, const char *home, struct findings *f)
{
	CLEANUP(dir_closep) DIR *blocks = opendir("/sys/block");
	CLEANUP(freep) char *ours = home ? fs_path("%s/build/share/", home) : NULL;
	struct dirent *d;

	while (blocks && (d = readdir(blocks)) != NULL) {
		CLEANUP(buf_free) struct buf file = { 0 };
		CLEANUP(freep) char *path = fs_path("/sys/block/%s/loop/backing_file", d->d_name);

		if (strncmp(d->d_name, "loop", 4) != 0 || !path ||
		    fs_read(path, 4 * KIB, &file, NULL) < 0)
			continue;
		if ((t->loop_file[0] && strstr(buf_text(&file), t->loop_file)) ||
		    (ours && strstr(buf_text(&file), ours)))
			found(f, "loop device on", buf_text(&file));
	}
}

static void find_files(const char *home, struct findings *f)
{
	CLEANUP(freep) char *dir = home ? fs_path("%s/build/share", home) : NULL;
	CLEANUP(dir_closep) DIR *files = dir ? opendir(dir) : NULL;
	struct dirent *d;

	while (files && (d = readdir(files)) != NULL)
		if (d->d_name[0] != '.')
			found(f, "file in build/share:", d->d_name);
}

size_t real_left(const struct real_tree *t, const char *home, char *ret, size_t size)
{
	struct findings f = { .text = ret, .size = size };

	ret[0] = '\0';
	find_processes(t, &f);
	find_mounts(&f);
	find_loops(t, home, &f);
	find_files(home, &f);
	return f.count;
}

int real_wait_gone(const struct real_tree *t, const char *home, unsigned deadline_ms,
		   struct err *reterr)
{
	uint64_t deadline_ns = clock_deadline_ms(deadline_ms);
	char text[1024];

	while (real_left(t, home, text, sizeof(text)) > 0) {
		if (clock_left_ms(deadline_ns) == 0)
			return err_set(reterr, -ETIMEDOUT, "left after %u ms: %s", deadline_ms,
				       text);
		real_pause();
	}
	return 0;
}

unsigned long long real_rchar(pid_t pid)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	char path[64];
	const char *p;

	(void)snprintf(path, sizeof(path), "/proc/%d/io", (int)pid);
	if (fs_read(path, 4 * KIB, &text, NULL) < 0)
		return 0;
	p = strstr(buf_text(&text), "rchar: ");
	return p ? strtoull(p + 7, NULL, 10) : 0;
}

/* ---- results ---- */

const char *real_order(json_t *run, size_t index)
{
	const char *id = json_string_value(
		json_array_get(json_array_get(json_object_get(run, "order"), 0), index));

	return id ? id : "";
}

int real_cell(const char *out, const char *id, json_t **ret, struct err *reterr)
{
	CLEANUP(freep) char *path = fs_path("%s/cells/%s/cell.json", out, id);

	return path ? json_load_path(path, ret, reterr) : -ENOMEM;
}

bool real_root_absent(const char *root)
{
	CLEANUP(freep) char *dir = root ? fs_path("build/roots/%s", root) : NULL;
	CLEANUP(freep) char *note = root ? fs_path("build/roots/%s.absent", root) : NULL;

	return dir && note && !fs_exists(dir) && fs_exists(note);
}
