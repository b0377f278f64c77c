// SPDX-License-Identifier: Apache-2.0
#include "relay/fuse_names.h"

#include "base/cleanup.h"

#include <linux/fuse.h>

/* Opcodes of Linux 6.6 and 6.18 that the header of an older linux-libc-dev lacks. */
#define OPCODE_STATX		  52
#define OPCODE_COPY_FILE_RANGE_64 53

/*
 * Every opcode that a virtio-fs guest may send. Requests that the guest sends when it is short of
 * memory or interrupted depend on time; so do the sums that they are part of.
 */
#define OPCODES(X)                                           \
	X(LOOKUP, FUSE_LOOKUP, KIND_COUNT)                   \
	X(FORGET, FUSE_FORGET, KIND_TIMED_COUNT)             \
	X(GETATTR, FUSE_GETATTR, KIND_COUNT)                 \
	X(SETATTR, FUSE_SETATTR, KIND_COUNT)                 \
	X(READLINK, FUSE_READLINK, KIND_COUNT)               \
	X(SYMLINK, FUSE_SYMLINK, KIND_COUNT)                 \
	X(MKNOD, FUSE_MKNOD, KIND_COUNT)                     \
	X(MKDIR, FUSE_MKDIR, KIND_COUNT)                     \
	X(UNLINK, FUSE_UNLINK, KIND_COUNT)                   \
	X(RMDIR, FUSE_RMDIR, KIND_COUNT)                     \
	X(RENAME, FUSE_RENAME, KIND_COUNT)                   \
	X(LINK, FUSE_LINK, KIND_COUNT)                       \
	X(OPEN, FUSE_OPEN, KIND_COUNT)                       \
	X(READ, FUSE_READ, KIND_COUNT)                       \
	X(WRITE, FUSE_WRITE, KIND_COUNT)                     \
	X(STATFS, FUSE_STATFS, KIND_COUNT)                   \
	X(RELEASE, FUSE_RELEASE, KIND_COUNT)                 \
	X(FSYNC, FUSE_FSYNC, KIND_COUNT)                     \
	X(SETXATTR, FUSE_SETXATTR, KIND_COUNT)               \
	X(GETXATTR, FUSE_GETXATTR, KIND_COUNT)               \
	X(LISTXATTR, FUSE_LISTXATTR, KIND_COUNT)             \
	X(REMOVEXATTR, FUSE_REMOVEXATTR, KIND_COUNT)         \
	X(FLUSH, FUSE_FLUSH, KIND_COUNT)                     \
	X(INIT, FUSE_INIT, KIND_COUNT)                       \
	X(OPENDIR, FUSE_OPENDIR, KIND_COUNT)                 \
	X(READDIR, FUSE_READDIR, KIND_COUNT)                 \
	X(RELEASEDIR, FUSE_RELEASEDIR, KIND_COUNT)           \
	X(FSYNCDIR, FUSE_FSYNCDIR, KIND_COUNT)               \
	X(GETLK, FUSE_GETLK, KIND_COUNT)                     \
	X(SETLK, FUSE_SETLK, KIND_COUNT)                     \
	X(SETLKW, FUSE_SETLKW, KIND_COUNT)                   \
	X(ACCESS, FUSE_ACCESS, KIND_COUNT)                   \
	X(CREATE, FUSE_CREATE, KIND_COUNT)                   \
	X(INTERRUPT, FUSE_INTERRUPT, KIND_TIMED_COUNT)       \
	X(BMAP, FUSE_BMAP, KIND_COUNT)                       \
	X(DESTROY, FUSE_DESTROY, KIND_COUNT)                 \
	X(IOCTL, FUSE_IOCTL, KIND_COUNT)                     \
	X(POLL, FUSE_POLL, KIND_COUNT)                       \
	X(NOTIFY_REPLY, FUSE_NOTIFY_REPLY, KIND_COUNT)       \
	X(BATCH_FORGET, FUSE_BATCH_FORGET, KIND_TIMED_COUNT) \
	X(FALLOCATE, FUSE_FALLOCATE, KIND_COUNT)             \
	X(READDIRPLUS, FUSE_READDIRPLUS, KIND_COUNT)         \
	X(RENAME2, FUSE_RENAME2, KIND_COUNT)                 \
	X(LSEEK, FUSE_LSEEK, KIND_COUNT)                     \
	X(COPY_FILE_RANGE, FUSE_COPY_FILE_RANGE, KIND_COUNT) \
	X(SETUPMAPPING, FUSE_SETUPMAPPING, KIND_COUNT)       \
	X(REMOVEMAPPING, FUSE_REMOVEMAPPING, KIND_COUNT)     \
	X(SYNCFS, FUSE_SYNCFS, KIND_COUNT)                   \
	X(TMPFILE, FUSE_TMPFILE, KIND_COUNT)                 \
	X(STATX, OPCODE_STATX, KIND_COUNT)                   \
	X(COPY_FILE_RANGE_64, OPCODE_COPY_FILE_RANGE_64, KIND_COUNT)

#define NAME_ROW(text, opcode, how) [opcode] = #text,
static const char *const opcode_names[FUSE_OPCODES] = { OPCODES(NAME_ROW) };

#define METRIC_ROW(text, opcode, how)               \
	{                                           \
		.name = "ops." #text,               \
		.title = "FUSE " #text " requests", \
		.unit = "1",                        \
		.better = BETTER_LOWER,             \
		.kind = (how),                      \
		.path = "ops." #text,               \
	},
static const struct metric_def op_metrics[] = { OPCODES(METRIC_ROW) };

static const struct metric_def metrics[] = {
	[RELAY_OPS_ALL] = {
		.name = "ops.all",
		.title = "FUSE requests",
		.unit = "1",
		.better = BETTER_LOWER,
		.kind = KIND_TIMED_COUNT,
		.path = "requests",
	},
	[RELAY_BYTES_TO_DEVICE] = {
		.name = "bytes_to_device",
		.title = "bytes of FUSE requests",
		.unit = "B",
		.better = BETTER_LOWER,
		.kind = KIND_TIMED_COUNT,
		.path = "bytes_to_device",
	},
	[RELAY_BYTES_FROM_DEVICE] = {
		.name = "bytes_from_device",
		.title = "bytes of FUSE replies",
		.unit = "B",
		.better = BETTER_LOWER,
		.kind = KIND_COUNT,
		.path = "bytes_from_device",
	},
	[RELAY_KICKS] = {
		.name = "kicks",
		.title = "notifications from the guest",
		.unit = "1",
		.better = BETTER_LOWER,
		.kind = KIND_TIMED_COUNT,
		.path = "kicks",
	},
	[RELAY_INTERRUPTS] = {
		.name = "interrupts",
		.title = "interrupts to the guest",
		.unit = "1",
		.better = BETTER_LOWER,
		.kind = KIND_TIMED_COUNT,
		.path = "interrupts",
	},
};
_Static_assert(ARRAY_SIZE(metrics) == RELAY_METRIC_COUNT, "a row for each metric");

/*
 * Bits of FUSE_INIT's flags | flags2 << 32. The upper ones are younger than the header of the
 * oldest supported system, so that names are ours and numbers are Linux 6.16's.
 */
#define FLAG_ROW(bit, name) [bit] = #name
static const char *const flag_names[64] = {
	FLAG_ROW(0, ASYNC_READ),
	FLAG_ROW(1, POSIX_LOCKS),
	FLAG_ROW(2, FILE_OPS),
	FLAG_ROW(3, ATOMIC_O_TRUNC),
	FLAG_ROW(4, EXPORT_SUPPORT),
	FLAG_ROW(5, BIG_WRITES),
	FLAG_ROW(6, DONT_MASK),
	FLAG_ROW(7, SPLICE_WRITE),
	FLAG_ROW(8, SPLICE_MOVE),
	FLAG_ROW(9, SPLICE_READ),
	FLAG_ROW(10, FLOCK_LOCKS),
	FLAG_ROW(11, HAS_IOCTL_DIR),
	FLAG_ROW(12, AUTO_INVAL_DATA),
	FLAG_ROW(13, DO_READDIRPLUS),
	FLAG_ROW(14, READDIRPLUS_AUTO),
	FLAG_ROW(15, ASYNC_DIO),
	FLAG_ROW(16, WRITEBACK_CACHE),
	FLAG_ROW(17, NO_OPEN_SUPPORT),
	FLAG_ROW(18, PARALLEL_DIROPS),
	FLAG_ROW(19, HANDLE_KILLPRIV),
	FLAG_ROW(20, POSIX_ACL),
	FLAG_ROW(21, ABORT_ERROR),
	FLAG_ROW(22, MAX_PAGES),
	FLAG_ROW(23, CACHE_SYMLINKS),
	FLAG_ROW(24, NO_OPENDIR_SUPPORT),
	FLAG_ROW(25, EXPLICIT_INVAL_DATA),
	FLAG_ROW(26, MAP_ALIGNMENT),
	FLAG_ROW(27, SUBMOUNTS),
	FLAG_ROW(28, HANDLE_KILLPRIV_V2),
	FLAG_ROW(29, SETXATTR_EXT),
	FLAG_ROW(30, INIT_EXT),
	FLAG_ROW(31, INIT_RESERVED),
	FLAG_ROW(32, SECURITY_CTX),
	FLAG_ROW(33, HAS_INODE_DAX),
	FLAG_ROW(34, CREATE_SUPP_GROUP),
	FLAG_ROW(35, HAS_EXPIRE_ONLY),
	FLAG_ROW(36, DIRECT_IO_ALLOW_MMAP),
	FLAG_ROW(37, PASSTHROUGH),
	FLAG_ROW(38, NO_EXPORT_SUPPORT),
	FLAG_ROW(39, HAS_RESEND),
	FLAG_ROW(40, ALLOW_IDMAP),
	FLAG_ROW(41, OVER_IO_URING),
	FLAG_ROW(42, REQUEST_TIMEOUT),
};

const char *fuse_opcode_name(uint32_t opcode)
{
	return opcode < ARRAY_SIZE(opcode_names) ? opcode_names[opcode] : NULL;
}

const char *fuse_flag_name(unsigned bit)
{
	return bit < ARRAY_SIZE(flag_names) ? flag_names[bit] : NULL;
}

const struct metric_def *relay_metric(enum relay_metric m)
{
	return &metrics[m];
}

const struct metric_def *relay_op_metrics(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(op_metrics);
	return op_metrics;
}
