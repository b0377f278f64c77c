// SPDX-License-Identifier: Apache-2.0
#include "run/share.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/proc.h"
#include "run/dax.h"

#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

/* Room in an image beside the laid out files, for what a workload writes. */
#define IMAGE_ROOM (512 * MIB)
#define MKFS_MS	   60000
/* Descriptors that a walk may hold open. */
#define WALK_FDS 16

static int make_dir(const struct cell *c, struct share *s, struct err *reterr)
{
	if (mkdir(s->dir, 0755) < 0)
		return err_errno(reterr, -errno, "cannot make share %s", s->dir);
	return workload_lay_out(c->workload, WORLD_GUEST, s->dir, &s->data_bytes, reterr);
}

/* nftw() has no user pointer; one share is made at a time. */
static const struct world *walk_world;

static int own_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return lchown(path, walk_world->vmm_uid, walk_world->vmm_gid) < 0 ? -errno : 0;
}

/* The VMM itself serves this share: it must be allowed to write to it. */
static int give_to_vmm(const char *path, const struct world *w, struct err *reterr)
{
	int e;

	if (!w->vmm_uid)
		return 0;
	walk_world = w;
	e = nftw(path, own_entry, WALK_FDS, FTW_PHYS | FTW_MOUNT);
	return e < 0 ? err_errno(reterr, e, "cannot give %s to the VMM", path) : 0;
}

static int run_mkfs(const struct share *s, struct err *reterr)
{
	char *const argv[] = {
		(char *)(uintptr_t) "mkfs.ext4",
		(char *)(uintptr_t) "-Fq",
		(char *)(uintptr_t) "-b",
		(char *)(uintptr_t) "4096",
		(char *)(uintptr_t) "-E",
		(char *)(uintptr_t) "lazy_itable_init=0,lazy_journal_init=0,nodiscard,root_owner=0:0",
		(char *)(uintptr_t) "-d",
		(char *)(uintptr_t)s->dir,
		(char *)(uintptr_t)s->image,
		NULL
	};
	const struct proc_spec spec = { .argv = argv };
	struct proc_output out = { 0 };
	int e = proc_run(&spec, 64 * KIB, clock_deadline_ms(MKFS_MS), &out, reterr);

	if (e == 0 && out.status != 0)
		e = err_set(reterr, -EIO, "mkfs.ext4 failed: %s", buf_text(&out.err));
	proc_output_free(&out);
	return e;
}

static int make_image(const struct world *w, struct share *s, struct err *reterr)
{
	CLEANUP(fd_closep)
	int fd = open(s->image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	off_t size = (off_t)(s->data_bytes + IMAGE_ROOM);
	int e = 0;

	if (fd < 0 || ftruncate(fd, size) < 0)
		return err_errno(reterr, -errno, "cannot make image %s", s->image);
	e = run_mkfs(s, reterr);
	if (e == 0 && fsync(fd) < 0)
		e = err_errno(reterr, -errno, "cannot write image %s back", s->image);
	if (e == 0)
		e = fs_remove_tree(s->dir, reterr);
	if (e == 0)
		e = give_to_vmm(s->image, w, reterr);
	if (e == 0)
		s->dir[0] = '\0';
	return e;
}

int share_make(const struct cell *c, const struct world *w, unsigned serial, struct share *ret,
	       struct err *reterr)
{
	bool on_disk = c->stack->kind != STACK_HOST || c->stack->on_disk;
	int e;

	(void)snprintf(ret->dir, sizeof(ret->dir), "%s/p%u",
		       c->stack->kind == STACK_ATTACHED ? w->attach_dir
		       : on_disk			? WORLD_SHARE
							: WORLD_TMPFS,
		       serial);
	(void)snprintf(ret->data, sizeof(ret->data), "%s/" WORKLOAD_DATA, ret->dir);
	e = make_dir(c, ret, reterr);
	if (e == 0)
		e = dax_flag(c, ret, reterr);
	if (e == 0 && (c->stack->kind == STACK_9P || c->stack->kind == STACK_VMM_FS))
		e = give_to_vmm(ret->dir, w, reterr);
	if (e < 0 || c->stack->kind != STACK_BLK)
		return e;
	(void)snprintf(ret->image, sizeof(ret->image), "%s/p%u.img", WORLD_SHARE, serial);
	(void)snprintf(ret->data, sizeof(ret->data), "%s", ret->image);
	return make_image(w, ret, reterr);
}

void share_remove(struct share *s)
{
	if (s->dir[0])
		(void)!fs_remove_tree(s->dir, NULL);
	if (s->image[0])
		(void)unlink(s->image);
	*s = (struct share){ 0 };
}
