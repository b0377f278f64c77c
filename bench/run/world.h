/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_WORLD_H
#define VQ_RUN_WORLD_H

#include "base/err.h"
#include "stack/stack.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * The folder that everything in a run sees, mounted privately at one fixed place. Command lines
 * therefore are the same on every machine and name nothing of it.
 */
#define WORLD	      "/run/virtiofs-qual"
#define WORLD_ROOTS   WORLD "/roots"	/* stack roots, read-only */
#define WORLD_IMAGE   WORLD "/image"	/* kernels, initramfs, root image, read-only */
#define WORLD_GUEST   WORLD "/guest"	/* static programs, read-only */
#define WORLD_JOBS    WORLD "/jobs"	/* fio job files, read-only */
#define WORLD_SHARE   WORLD "/share"	/* private on-disk file system */
#define WORLD_TMPFS   WORLD "/tmpfs"	/* the same on tmpfs */
#define WORLD_SOCKETS WORLD "/sockets"	/* owned by the VMM's user */
#define WORLD_ATTACH  WORLD "/attached" /* the mount that is measured, with --attach */
#define WORLD_OWN     WORLD "/own"	/* programs of this project that serve a share, read-only */
#define WORLD_CONF    WORLD "/conf"	/* programs of the host that conf files name, read-only */
#define WORLD_KERNEL  WORLD "/kernel"	/* kernels made for the run, read-only */
#define WORLD_9P      WORLD "/9p"	/* link to what the VMM's 9p device shares */

/* struct stack_paths of everything that is started. */
#define WORLD_PATHS                                             \
	{                                                       \
		WORLD_ROOTS, WORLD_IMAGE, WORLD_CONF, WORLD_OWN \
	}

/* User and group that VMMs run as: no account has it (above the range of systemd's dynamic users). */
#define WORLD_VMM_ID 65521

/* Room for the files of one pass and ext4's own; the backing file is sparse and has no name. */
#define WORLD_SHARE_MIB 2048

struct world_source {
	const char *home;   /* the project folder */
	const char *attach; /* mount to be measured: no guests, no share of our own; or NULL */
	const char
		*user_kernel; /* folder with kernels made for the run (vmlinux-ID ...), or NULL */
	bool strict;	      /* a part of the project that is missing is an error */
	bool checks_only;     /* no cells: neither guests nor a share */
	unsigned share_mib;   /* size of the private file system; 0: WORLD_SHARE_MIB */
};

struct world {
	char share_fs[320];   /* what the share lies on, as results record it */
	unsigned long nofile; /* descriptors a daemon may open */
	uid_t vmm_uid;	      /* 0: cannot change user here */
	gid_t vmm_gid;
	char attach_dir[96]; /* our folder on the attached mount; "" without one */
};

/** world_make() - inside the private mount namespace. Nothing of it outlives that namespace. */
int world_make(const struct world_source *src, struct world *ret, struct err *reterr) MUST_USE;

/** world_prepare() - outside, before: the mount point. */
int world_prepare(struct err *reterr) MUST_USE;

#endif
