// SPDX-License-Identifier: Apache-2.0
#include "run/world.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/proc.h"
#include "run/attach.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define MKFS_MS 30000
/* What virtiofsd itself asks for when it may. */
#define NOFILE_WANTED 1000000UL

int world_prepare(struct err *reterr)
{
	return geteuid() == 0 ? fs_mkdirs(WORLD, 0755, reterr) : 0;
}

/* Who may not write to /run gets one of their own, in this namespace only. */
static int mount_world(struct err *reterr)
{
	if (!fs_exists(WORLD) &&
	    (mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0 ||
	     mkdir(WORLD, 0755) < 0))
		return err_errno(reterr, -errno, "cannot make %s", WORLD);
	if (mount("tmpfs", WORLD, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0711") < 0)
		return err_errno(reterr, -errno, "cannot mount a tmpfs at %s", WORLD);
	return 0;
}

static int bind_ro(const char *from, const char *to, struct err *reterr)
{
	if (mkdir(to, 0755) < 0 && errno != EEXIST)
		return err_errno(reterr, -errno, "cannot make %s", to);
	if (mount(from, to, NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) <
		    0)
		return err_errno(reterr, -errno,
				 "cannot mount %s at %s (is it there? see: make setup image)", from,
				 to);
	return 0;
}

static int attach_loop(int backing, char *ret_path, size_t size, bool *ret_direct)
{
	CLEANUP(fd_closep) int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	struct loop_config config = { .fd = (unsigned)backing };
	CLEANUP(fd_closep) int loop = -1;
	int n = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);

	if (n < 0)
		return -errno;
	(void)snprintf(ret_path, size, "/dev/loop%d", n);
	loop = open(ret_path, O_RDWR | O_CLOEXEC);
	if (loop < 0)
		return -errno;
	/* Direct, so that the backing file's own page cache does not turn "cold" into "warm". */
	config.block_size = 4096;
	config.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO;
	*ret_direct = true;
	if (ioctl(loop, LOOP_CONFIGURE, &config) < 0) {
		config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
		*ret_direct = false;
		if (ioctl(loop, LOOP_CONFIGURE, &config) < 0)
			return -errno;
	}
	/* The kernel may silently refuse direct I/O; a warm backing file would falsify cold cells. */
	if (*ret_direct && ioctl(loop, LOOP_SET_DIRECT_IO, 1UL) < 0)
		*ret_direct = false;
	return mount(ret_path, WORLD_SHARE, "ext4", MS_NOSUID | MS_NODEV | MS_NOATIME, NULL) < 0
		       ? -errno
		       : 0;
}

/* The file has no name, so that even a kill now leaves nothing: mkfs gets the descriptor. */
static int make_ext4(int fd, struct err *reterr)
{
	char path[32];
	char *const argv[] = {
		(char *)(uintptr_t) "mkfs.ext4", (char *)(uintptr_t) "-Fq",
		/* A small one would get smaller blocks than the loop device has, and not be mounted. */
		(char *)(uintptr_t) "-b", (char *)(uintptr_t) "4096", (char *)(uintptr_t) "-E",
		(char *)(uintptr_t) "lazy_itable_init=0,lazy_journal_init=0,nodiscard", path, NULL
	};
	const struct proc_spec spec = { .argv = argv, .keep_fds = &fd, .keep_count = 1 };
	struct proc_output out = { 0 };
	int e;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	e = proc_run(&spec, 64 * KIB, clock_deadline_ms(MKFS_MS), &out, reterr);
	if (e == 0 && out.status != 0)
		e = err_set(reterr, -EIO, "mkfs.ext4 failed: %s", buf_text(&out.err));
	proc_output_free(&out);
	return e;
}

static int open_nameless(const char *dir, struct err *reterr)
{
	CLEANUP(freep) char *path = fs_path("%s/share.XXXXXX", dir);
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	if (!path)
		return err_set(reterr, -ENOMEM, "out of memory making the share");
	fd = mkostemp(path, O_CLOEXEC); /* a file system without O_TMPFILE */
	if (fd < 0)
		return err_errno(reterr, -errno, "cannot make a file for the share in %s", dir);
	(void)unlink(path);
	return fd;
}

/* An ext4 of our own on a nameless file: full at its own limit, gone with the namespace. */
static int mount_loop_share(const char *dir, unsigned mib, struct world *w, struct err *reterr)
{
	CLEANUP(fd_closep) int fd = open_nameless(dir, reterr);
	char scratch[32];
	char loop[32];
	bool direct = false;
	int e;

	if (fd < 0)
		return fd;
	if (fallocate(fd, 0, 0, (off_t)(mib * MIB)) < 0 && ftruncate(fd, (off_t)(mib * MIB)) < 0)
		e = err_errno(reterr, -errno, "no room for a share of %u MiB in %s", mib, dir);
	else
		e = make_ext4(fd, reterr);
	if (e < 0)
		return e;
	e = attach_loop(fd, loop, sizeof(loop), &direct);
	if (e < 0)
		return err_errno(reterr, e, "cannot mount a private ext4 over a loop device");
	(void)snprintf(w->share_fs, sizeof(w->share_fs),
		       "ext4, loop device with%s direct I/O, on %s", direct ? "" : "out",
		       fs_type_name(dir, scratch, sizeof(scratch)));
	return 0;
}

/* Without loop devices: a folder of the host's disk, emptied by the next run if we are killed. */
static int mount_dir_share(const char *dir, const char *why, struct world *w, struct err *reterr)
{
	CLEANUP(freep) char *path = fs_path("%s/share", dir);
	char scratch[32];
	int e;

	if (!path)
		return err_set(reterr, -ENOMEM, "out of memory making the share");
	e = fs_remove_tree(path, reterr);
	if (e == 0)
		e = fs_mkdirs(path, 0700, reterr);
	if (e < 0)
		return e;
	if (mount(path, WORLD_SHARE, NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, WORLD_SHARE, NULL, MS_BIND | MS_REMOUNT | MS_NOSUID | MS_NODEV, NULL) < 0)
		return err_errno(reterr, -errno, "cannot mount %s at %s", path, WORLD_SHARE);
	(void)snprintf(w->share_fs, sizeof(w->share_fs),
		       "%s, a folder of the host's own (no private one: %.200s)",
		       fs_type_name(path, scratch, sizeof(scratch)), why);
	return 0;
}

static int mount_share(const struct world_source *src, struct world *w, struct err *reterr)
{
	CLEANUP(freep) char *dir = fs_path("%s/build/share", src->home);
	struct err why = { 0 };
	int e;

	if (!dir)
		return err_set(reterr, -ENOMEM, "out of memory making the share");
	e = fs_mkdirs(dir, 0700, reterr);
	if (e == 0 &&
	    mount_loop_share(dir, src->share_mib ? src->share_mib : WORLD_SHARE_MIB, w, &why) < 0)
		e = mount_dir_share(dir, why.text, w, reterr);
	return e;
}

static int add_user_kernel(const struct world_source *src, struct err *reterr)
{
	return src->user_kernel ? bind_ro(src->user_kernel, WORLD_KERNEL, reterr) : 0;
}

/* A program of the host under a name that says nothing of the host. One that is missing is the
 * fault of the cells that need it. */
static int bind_program(const char *dir, const char *program, struct err *reterr)
{
	CLEANUP(freep) char *path = program ? fs_path("%s%s", dir, strrchr(program, '/')) : NULL;
	CLEANUP(fd_closep) int fd = -1;
	int e;

	if (!program || access(program, X_OK) < 0)
		return 0;
	if (!dir || !path)
		return err_set(reterr, -ENOMEM, "out of memory");
	e = fs_mkdirs(dir, 0755, reterr);
	if (e < 0)
		return e;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || mount(program, path, NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) <
		    0)
		return err_errno(reterr, -errno, "cannot mount the program %s at %s", program,
				 path);
	return 0;
}

static int bind_of_conf(const char *id, const char *program, struct err *reterr)
{
	CLEANUP(freep) char *dir = fs_path(WORLD_CONF "/%s", id);

	return program ? bind_program(dir, program, reterr) : 0;
}

static int bind_own(const struct stack *s, const char *home, struct err *reterr)
{
	CLEANUP(freep) char *program = fs_path("%s/build%s", home, s->program);
	CLEANUP(freep) char *there = fs_path(WORLD_OWN "%s", s->program);

	/* A row of a conf file may be made of one of ours, and have the same program. */
	if (!s->own || s->host_program || (there && fs_exists(there)))
		return 0;
	return bind_program(WORLD_OWN, program, reterr);
}

static int bind_programs(const char *home, struct err *reterr)
{
	size_t stacks;
	size_t vmms;
	const struct stack *const *s = stack_list(&stacks);
	const struct vmm *const *v = vmm_list(&vmms);
	int e = 0;

	for (size_t i = 0; e == 0 && i < stacks; i++) {
		e = bind_of_conf(s[i]->id, s[i]->host_program, reterr);
		if (e == 0)
			e = bind_own(s[i], home, reterr);
	}
	for (size_t i = 0; e == 0 && i < vmms; i++)
		e = bind_of_conf(v[i]->id, v[i]->host_program, reterr);
	return e;
}

static void limits(struct world *w)
{
	struct rlimit r = { 0 };

	(void)getrlimit(RLIMIT_NOFILE, &r);
	w->nofile = r.rlim_max < NOFILE_WANTED ? (unsigned long)r.rlim_max : NOFILE_WANTED;
}

static int sockets_dir(struct world *w, struct err *reterr)
{
	if (mkdir(WORLD_SOCKETS, 0700) < 0)
		return err_errno(reterr, -errno, "cannot make %s", WORLD_SOCKETS);
	if (chown(WORLD_SOCKETS, WORLD_VMM_ID, WORLD_VMM_ID) == 0) {
		w->vmm_uid = WORLD_VMM_ID;
		w->vmm_gid = WORLD_VMM_ID;
	}
	return 0;
}

/*
 * The VMM's user may not open the host's /dev/kvm, so this namespace gets a node of its own at that
 * place. Where that cannot be made (a user namespace) the host's permissions decide.
 */
static void own_kvm(const struct world *w)
{
	struct stat st;

	if (!w->vmm_uid || stat("/dev/kvm", &st) < 0 || !S_ISCHR(st.st_mode))
		return;
	if (mkdir(WORLD "/dev", 0755) < 0 ||
	    mount("tmpfs", WORLD "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755") < 0)
		return;
	if (mknod(WORLD "/dev/kvm", S_IFCHR | 0600, st.st_rdev) == 0 &&
	    chown(WORLD "/dev/kvm", w->vmm_uid, w->vmm_gid) == 0)
		(void)mount(WORLD "/dev/kvm", "/dev/kvm", NULL, MS_BIND, NULL);
}

static int attach(const char *mount_point, struct world *w, struct err *reterr)
{
	char name[ATTACH_NAME_SIZE];
	int e = attach_folder_name(name, reterr);

	if (e == 0)
		e = fs_mkdirs(WORLD_ATTACH, 0700, reterr);
	if (e < 0)
		return e;
	if (mount(mount_point, WORLD_ATTACH, NULL, MS_BIND, NULL) < 0)
		return err_errno(reterr, -errno, "cannot bind --attach at %s", WORLD_ATTACH);
	(void)snprintf(w->attach_dir, sizeof(w->attach_dir), WORLD_ATTACH "/%s", name);
	(void)snprintf(w->share_fs, sizeof(w->share_fs), "the attached mount");
	e = fs_remove_tree(w->attach_dir, reterr);
	if (e == 0 && mkdir(w->attach_dir, 0700) < 0)
		e = err_errno(reterr, -errno, "cannot make a folder on the attached mount");
	return e;
}

/* What only runs with guests need. */
static int make_for_guests(const struct world_source *src, struct world *w, struct err *reterr)
{
	int e = add_user_kernel(src, reterr);

	if (e == 0)
		e = bind_programs(src->home, reterr);
	if (e == 0 && src->checks_only) {
		(void)snprintf(w->share_fs, sizeof(w->share_fs), "none: each check has its own");
		return 0;
	}
	if (e == 0)
		e = fs_mkdirs(WORLD_SHARE, 0700, reterr);
	if (e == 0)
		e = fs_mkdirs(WORLD_TMPFS, 0700, reterr);
	if (e == 0)
		e = mount_share(src, w, reterr);
	if (e == 0)
		e = sockets_dir(w, reterr);
	if (e == 0)
		own_kvm(w);
	return e;
}

int world_make(const struct world_source *src, struct world *ret, struct err *reterr)
{
	static const struct {
		const char *from;
		const char *to;
		bool for_guests;
	} binds[] = {
		{ "build/roots", WORLD_ROOTS, true },
		{ "build/image", WORLD_IMAGE, true },
		{ "build/guest", WORLD_GUEST, false },
		{ "workloads/fio", WORLD_JOBS, false },
	};
	struct world w = { 0 };
	int e = mount_world(reterr);

	for (size_t i = 0; e == 0 && i < ARRAY_SIZE(binds); i++) {
		CLEANUP(freep) char *from = fs_path("%s/%s", src->home, binds[i].from);

		if (src->attach && binds[i].for_guests)
			continue;
		/* What is missing fails the cells that need it, and tells them; the others run. */
		if (from && !src->strict && !fs_exists(from))
			e = fs_mkdirs(binds[i].to, 0755, reterr);
		else
			e = from ? bind_ro(from, binds[i].to, reterr) : -ENOMEM;
	}
	if (e == 0)
		e = src->attach ? attach(src->attach, &w, reterr)
				: make_for_guests(src, &w, reterr);
	if (e < 0)
		return e;
	limits(&w);
	*ret = w;
	return 0;
}
