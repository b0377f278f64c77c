// SPDX-License-Identifier: Apache-2.0
#include "conformance/runner/life.h"

#include "base/clock.h"
#include "base/fs.h"
#include "conformance/check.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

/* How long a daemon whose socket is closed may take to end. */
#define LEAVING_MS 2000
/*
 * A daemon that is asleep for so long has nothing to do: whoever is told of something by a descriptor is about to run as
 * soon as it was written to, however busy the machine is. Longer than any timer that serves requests.
 */
#define STALL_MS     200
#define ASK_EVERY_MS 20
/* A look after a longer time says nothing of what was in between. */
#define ASK_GAP_MS 200
#define SMALL_DISK "size=1m,mode=755"

static int listen_at(const char *path, struct err *reterr)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	CLEANUP(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(at.sun_path))
		return err_set(reterr, -ENAMETOOLONG,
			       "%s: too long for a socket; set TMPDIR to a shorter folder", path);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%.*s", (int)sizeof(at.sun_path) - 1,
		       path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 4) < 0)
		return err_errno(reterr, -errno, "cannot listen at %s", path);
	return TAKE_FD(fd);
}

static int make_folders(struct life *l, struct err *reterr)
{
	(void)snprintf(l->share, sizeof(l->share), "%s/share", l->dir);
	(void)snprintf(l->outside, sizeof(l->outside), "%s/outside", l->dir);
	(void)snprintf(l->socket, sizeof(l->socket), "%s/socket", l->dir);
	(void)snprintf(l->log, sizeof(l->log), "%s/log", l->dir);
	(void)snprintf(l->counters, sizeof(l->counters), "%s/counters", l->dir);
	if (mkdir(l->dir, 0700) < 0 || mkdir(l->share, 0755) < 0 || mkdir(l->outside, 0755) < 0)
		return err_errno(reterr, -errno, "cannot make folders in %s", l->dir);
	return 0;
}

static int mount_at(const char *path, struct err *reterr)
{
	if (mount("conform", path, "tmpfs", MS_NOSUID | MS_NODEV, SMALL_DISK) < 0)
		return err_errno(reterr, -errno, "cannot mount a small disk at %s", path);
	return 0;
}

/* The same folder once more, where nothing can be written: what the daemon gets to see. */
static int mount_readonly(struct life *l, struct err *reterr)
{
	const unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV;
	char path[sizeof(l->readonly)];

	(void)snprintf(path, sizeof(path), "%s/readonly", l->dir);
	if (mkdir(path, 0755) < 0 || mount(l->share, path, NULL, MS_BIND, NULL) < 0)
		return err_errno(reterr, -errno, "cannot mount the share at %s", path);
	memcpy(l->readonly, path, sizeof(path));
	if (mount(NULL, path, NULL, flags, NULL) < 0)
		return err_errno(reterr, -errno, "cannot make %s read-only", path);
	return 0;
}

/* Before the daemon starts: what is mounted later is not seen in its own namespace. */
static int mount_disks(struct life *l, unsigned options, struct err *reterr)
{
	int e = 0;

	if (options & CHECK_SMALL_DISK) {
		e = mount_at(l->share, reterr);
		l->own_disk = e == 0;
	}
	if (e == 0 && (options & CHECK_MOUNTED)) {
		(void)snprintf(l->mounted, sizeof(l->mounted), "%s/mounted", l->share);
		e = mkdir(l->mounted, 0755) < 0 ? err_errno(reterr, -errno, "%s", l->mounted)
						: mount_at(l->mounted, reterr);
		if (e < 0)
			l->mounted[0] = '\0';
	}
	if (e == 0 && (options & CHECK_READONLY) && !target_has_words(l->target, CHECK_READONLY))
		e = mount_readonly(l, reterr);
	return e;
}

static int start_daemon(struct life *l, unsigned options, struct err *reterr)
{
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(fd_closep) int listen_fd = -1;
	CLEANUP(fd_closep)
	int log = open(l->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	struct proc_spec spec = { .stdout_fd = log, .stderr_fd = log };
	struct target_places at = { .share = l->readonly[0] ? l->readonly : l->share,
				    .socket = l->socket,
				    .counters = l->counters };
	int e;

	if (log < 0)
		return err_errno(reterr, -errno, "cannot make %s", l->log);
	if (target_takes_fd(l->target)) {
		listen_fd = listen_at(l->socket, reterr);
		if (listen_fd < 0)
			return listen_fd;
	}
	at.listen_fd = listen_fd;
	e = target_argv(l->target, options, &at, &argv);
	if (e < 0)
		return err_errno(reterr, e, "command line of daemon %s", l->target->id);
	spec.argv = argv.item;
	spec.env = l->target->env.item;
	spec.keep_fds = &listen_fd;
	spec.keep_count = listen_fd >= 0;
	e = proc_start(&spec, &l->daemon, reterr);
	l->started = e == 0;
	return e < 0 ? err_prefix(reterr, e, "daemon %s", l->target->id) : 0;
}

int life_start(struct life *l, const struct target *t, unsigned options, const char *dir,
	       struct err *reterr)
{
	int e;

	*l = (struct life){ .target = t };
	(void)snprintf(l->dir, sizeof(l->dir), "%s", dir);
	e = make_folders(l, reterr);
	if (e == 0)
		e = mount_disks(l, options, reterr);
	if (e < 0)
		return e;
	if (t->socket) {
		(void)snprintf(l->socket, sizeof(l->socket), "%s", t->socket);
		return 0;
	}
	return start_daemon(l, options, reterr);
}

const char *life_fate(struct life *l, bool leaving, char *scratch, size_t size)
{
	if (!l->started)
		return "";
	if (leaving)
		(void)proc_wait(&l->daemon, clock_deadline_ms(LEAVING_MS));
	(void)proc_alive(&l->daemon);
	return proc_fate(&l->daemon, scratch, size);
}

bool life_is_stalled(void *life)
{
	struct life *l = life;
	uint64_t now_ns = clock_now_ns();
	uint64_t cpu_ns = 0;
	int asleep;

	/* What a command line of somebody else starts may serve from a process that is no child of it. */
	if (!l->started || !l->target->stack || now_ns - l->asked_ns < ASK_EVERY_MS * NS_PER_MS)
		return false;
	asleep = proc_sleeps(l->daemon.pid, &cpu_ns);
	if (asleep != 1 || cpu_ns != l->cpu_ns || now_ns - l->asked_ns > ASK_GAP_MS * NS_PER_MS)
		l->asleep_ns = now_ns;
	l->asked_ns = now_ns;
	l->cpu_ns = cpu_ns;
	return asleep == 1 && now_ns - l->asleep_ns >= STALL_MS * NS_PER_MS;
}

void life_log(const struct life *l, char *ret, size_t size)
{
	CLEANUP(fd_closep) int fd = open(l->log, O_RDONLY | O_CLOEXEC);
	off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	off_t from = end > (off_t)size - 1 ? end - ((off_t)size - 1) : 0;
	ssize_t n = fd < 0 ? 0 : pread(fd, ret, size - 1, from);

	ret[n > 0 ? n : 0] = '\0';
}

void life_end(struct life *l)
{
	if (l->started)
		proc_kill(&l->daemon);
	reap_all(NULL, 0);
	if (l->readonly[0])
		(void)umount2(l->readonly, MNT_DETACH);
	if (l->mounted[0])
		(void)umount2(l->mounted, MNT_DETACH);
	if (l->own_disk)
		(void)umount2(l->share, MNT_DETACH);
	if (l->dir[0])
		(void)!fs_remove_tree(l->dir, NULL);
}

void life_sweep(const char *dir)
{
	static const char *const mounts[] = { "readonly", "share/mounted", "share" };
	char path[176];

	if (!fs_exists(dir))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, mounts[i]);
		(void)umount2(path, MNT_DETACH);
	}
	(void)!fs_remove_tree(dir, NULL);
}

static bool is_kept(pid_t pid, const pid_t *keep, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (keep[i] == pid)
			return true;
	return false;
}

/* Orphans come to us as we are their subreaper; what they have started comes when they are gone. */
void reap_all(const pid_t *keep, size_t count)
{
	for (unsigned turn = 0; turn < 100; turn++) {
		CLEANUP(file_closep) FILE *f = NULL;
		char path[64];
		int pid;
		bool found = false;

		(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)gettid());
		f = fopen(path, "re");
		while (f && fscanf(f, "%d", &pid) == 1) {
			if (is_kept(pid, keep, count))
				continue;
			found = true;
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, NULL, 0);
		}
		if (!found)
			return;
	}
}
