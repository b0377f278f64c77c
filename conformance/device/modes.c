// SPDX-License-Identifier: Apache-2.0
/* Permissions of what is made, and the masks that count. */
#include "conformance/device/making.h"

#include "conformance/device/areas.h"

/* Each message has its umask at another place. */
static void set_umask(struct front_op *op, enum maker m, uint32_t umask)
{
	size_t at = m == BY_CREATE  ? offsetof(struct fuse_create_in, umask)
		    : m == BY_MKDIR ? offsetof(struct fuse_mkdir_in, umask)
				    : offsetof(struct fuse_mknod_in, umask);

	memcpy(op->arg + at, &umask, sizeof(umask));
}

static bool makes(struct check_run *r, uint64_t dir, uint32_t permissions, uint32_t umask,
		  uint32_t wanted)
{
	char name[64];

	for (unsigned m = 0; m < BY_SYMLINK; m++) {
		struct front_op op = making_op(m, dir, permissions);
		struct say t;
		struct stat st;

		set_umask(&op, m, umask);
		(void)snprintf(name, sizeof(name), "dir/%s", maker_names[m]);
		(void)say(&t, "\"%s\" of mode 0%o with umask 0%o", maker_names[m], permissions,
			  umask);
		if (!check_ok(r, t.text, meta_as(r, op, META_UID, META_GID, NULL, 0)) ||
		    !meta_stat(r, name, &st) ||
		    !check_same(r, wanted, t.text, st.st_mode & 07777) ||
		    !check_host(r, "remove", host_unlink(r->share, name)))
			return false;
	}
	return true;
}

static void exact(struct check_run *r)
{
	static const uint32_t modes[] = { 0777, 0666, 0, 0400, 01777, 0755 };
	uint64_t dir;

	WANT(making_folder(r, 0, 0, 0777, &dir));
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		WANT(makes(r, dir, modes[i], 0, modes[i]));
}

/* Without DONT_MASK a driver has masked the mode itself, and says again with what. */
static void masked_before(struct check_run *r)
{
	uint64_t dir;

	WANT(making_folder(r, 0, 0, 0777, &dir));
	WANT(makes(r, dir, 0777 & ~002U, 002, 0777 & ~002U));
	WANT(makes(r, dir, 0666 & ~077U, 077, 0666 & ~077U));
}

static void masked_by_device(struct check_run *r)
{
	uint64_t dir;

	WANT(making_folder(r, 0, 0, 0777, &dir));
	WANT(makes(r, dir, 0777, 027, 0777 & ~027U));
	WANT(makes(r, dir, 0666, 077, 0666 & ~077U));
	WANT(makes(r, dir, 0777, 0, 0777));
}

static const struct check checks[] = {
	{
		.id = "modes.exact",
		.title = "what is made has the mode that was asked for",
		.rows = "FUSE-META-007",
		.sends = "CREATE, MKNOD and MKDIR of 6 modes with umask 0",
		.wants = "that mode: no umask of the device",
		.catches = "umask-own",
		.run = exact,
	},
	{
		.id = "modes.masked-before",
		.title = "without DONT_MASK the mode is not masked further",
		.rows = "FUSE-META-007",
		.sends = "CREATE, MKNOD and MKDIR with a mode that is masked already",
		.wants = "that mode",
		.catches = "umask-own",
		.run = masked_before,
	},
	{
		.id = "modes.masked-by-device",
		.title = "with DONT_MASK the device applies the umask of the request",
		.rows = "FUSE-META-007",
		.sends =
			"DONT_MASK and POSIX_ACL; CREATE, MKNOD and MKDIR of 0777 and 0666 with umask 027, 077, 0",
		.wants = "the mode less the umask",
		.catches = "umask-ignored",
		.options = CHECK_POSIX_ACL,
		.init = FUSE_POSIX_ACL | FUSE_DONT_MASK | FUSE_SETXATTR_EXT,
		.run = masked_by_device,
	},
};

const struct check_area area_modes = { "modes", "Permissions of what is made", checks,
				       ARRAY_SIZE(checks) };
