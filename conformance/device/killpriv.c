// SPDX-License-Identifier: Apache-2.0
/* HANDLE_KILLPRIV_V2: who clears set-id bits and capabilities, and when. */
#include "conformance/device/areas.h"
#include "conformance/device/files.h"

#define BYTES 100

/* Modes before, and what is left where the driver wants set-id bits to be cleared. */
static const struct {
	mode_t before;
	mode_t after;
} modes[] = {
	{ 04755, 0755 },
	{ 06755, 0755 },
	{ 02755, 0755 },
	/* Without group execute that bit is no set-id. */
	{ 02745, 02745 },
	{ 06745, 02745 },
	{ 0755, 0755 },
};

static bool with_mode(struct check_run *r, mode_t mode, uint32_t flags, struct opened *ret)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/file", r->share);
	return files_have(r, BYTES, flags, ret) &&
	       check_host(r, "chmod", chmod(path, mode) < 0 ? -errno : 0);
}

static bool has_mode(struct check_run *r, mode_t before, mode_t wanted)
{
	struct say t;
	struct stat st;

	return check_host(r, "stat", host_stat(r->share, "file", &st)) &&
	       check_that(r, (st.st_mode & 07777) == wanted,
			  say(&t, "mode 0%o becomes 0%o", before, wanted), "mode 0%o",
			  st.st_mode & 07777);
}

typedef int change_fn(struct check_run *r, const struct opened *o, bool kill);

static int by_write(struct check_run *r, const struct opened *o, bool kill)
{
	return files_write_as(r, o, 0, "x", 1, O_RDWR, kill ? FUSE_WRITE_KILL_SUIDGID : 0);
}

static int by_open(struct check_run *r, const struct opened *o, bool kill)
{
	struct front_op op = front_op_open(o->nodeid, O_RDWR | O_TRUNC);
	struct fuse_open_in in;

	memcpy(&in, op.arg, sizeof(in));
	in.open_flags = kill ? FUSE_OPEN_KILL_SUIDGID : 0;
	memcpy(op.arg, &in, sizeof(in));
	return front_do(r->f, &op, NULL, 0, NULL);
}

static int by_size(struct check_run *r, const struct opened *o, bool kill)
{
	const struct fuse_setattr_in in = {
		.valid = FATTR_SIZE | (kill ? FATTR_KILL_SUIDGID : 0),
		.size = 10,
	};
	struct fuse_attr_out attr;

	return front_setattr(r->f, o->nodeid, &in, &attr);
}

static void changes(struct check_run *r, change_fn *change, bool kill)
{
	struct opened o;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		WANT(with_mode(r, modes[i].before, O_RDWR, &o));
		WANT_OK(r, "the change", change(r, &o, kill));
		WANT(has_mode(r, modes[i].before, kill ? modes[i].after : modes[i].before));
	}
}

static void write_kills(struct check_run *r)
{
	changes(r, by_write, true);
}

static void write_keeps(struct check_run *r)
{
	changes(r, by_write, false);
}

static void open_kills(struct check_run *r)
{
	changes(r, by_open, true);
}

static void open_keeps(struct check_run *r)
{
	changes(r, by_open, false);
}

static void size_kills(struct check_run *r)
{
	changes(r, by_size, true);
}

static void size_keeps(struct check_run *r)
{
	changes(r, by_size, false);
}

/* No flag says so: a new owner is reason enough. */
static int by_owner(struct check_run *r, const struct opened *o, bool kill)
{
	const struct fuse_setattr_in in = { .valid = FATTR_UID, .uid = 1234 };
	struct fuse_attr_out attr;

	(void)kill;
	return front_setattr(r->f, o->nodeid, &in, &attr);
}

static void owner_kills(struct check_run *r)
{
	NEED(r, geteuid() == 0, "a host where files can be given away");
	changes(r, by_owner, true);
}

/* VFS_CAP_REVISION_2, effective, CAP_NET_RAW. */
static const uint8_t capability[20] = { 1, 0, 0, 2, 0, 32 };

static void capability_gone(struct check_run *r)
{
	struct opened o;
	uint8_t seen[64];
	size_t size;

	WANT(files_have(r, BYTES, O_RDWR, &o));
	NEED(r,
	     host_set_xattr(r->share, "file", "security.capability", capability,
			    sizeof(capability)) == 0,
	     "a host where capabilities of files can be set");
	WANT_OK(r, "WRITE with WRITE_KILL_SUIDGID", by_write(r, &o, true));
	WANT_ERROR(
		r, -ENODATA, "security.capability of the host's file",
		host_get_xattr(r->share, "file", "security.capability", seen, sizeof(seen), &size));
}

#define V2(id_, title_, sends_, wants_, faults, run_)                                          \
	{                                                                                      \
		.id = "killpriv." id_, .title = (title_), .rows = "FUSE-KP-001 MODE-KILL-001", \
		.sends = (sends_), .wants = (wants_), .catches = (faults),                     \
		.options = CHECK_KILLPRIV_V2, .init = FUSE_HANDLE_KILLPRIV_V2, .run = (run_)   \
	}
#define MODES "modes 04755, 06755, 02755, 02745, 06745, 0755"
#define KILLS "set-user-ID is gone, set-group-ID where the group may execute"
#define KEEPS "the mode is as it was"

static const struct check checks[] = {
	V2("write-kills", "WRITE with WRITE_KILL_SUIDGID clears set-id bits",
	   "WRITE with the flag to files of " MODES, KILLS, "suid-kept:op=WRITE", write_kills),
	V2("write-keeps", "WRITE without WRITE_KILL_SUIDGID keeps set-id bits",
	   "WRITE without the flag to files of " MODES, KEEPS, "suid-cleared:op=WRITE",
	   write_keeps),
	V2("open-kills", "OPEN with O_TRUNC and OPEN_KILL_SUIDGID clears set-id bits",
	   "OPEN with O_TRUNC and the flag of files of " MODES, KILLS, "suid-kept:op=OPEN",
	   open_kills),
	V2("open-keeps", "OPEN with O_TRUNC without OPEN_KILL_SUIDGID keeps set-id bits",
	   "OPEN with O_TRUNC and without the flag of files of " MODES, KEEPS,
	   "suid-cleared:op=OPEN", open_keeps),
	V2("size-kills", "SETATTR of a size with FATTR_KILL_SUIDGID clears set-id bits",
	   "SETATTR of size 10 with the flag of files of " MODES, KILLS, "suid-kept:op=SETATTR",
	   size_kills),
	V2("size-keeps", "SETATTR of a size without FATTR_KILL_SUIDGID keeps set-id bits",
	   "SETATTR of size 10 without the flag of files of " MODES, KEEPS,
	   "suid-cleared:op=SETATTR", size_keeps),
	V2("owner-kills", "SETATTR of an owner clears set-id bits, whatever its flags say",
	   "SETATTR of uid 1234 without a flag of files of " MODES, KILLS,
	   "error:SETATTR:EPERM preload:chown-lost", owner_kills),
	V2("capability", "WRITE with WRITE_KILL_SUIDGID removes file capabilities",
	   "WRITE with the flag to a file with security.capability",
	   "the host's file has none any more", "write-lost", capability_gone),
};

const struct check_area area_killpriv = { "killpriv", "Set-id bits", checks, ARRAY_SIZE(checks) };
