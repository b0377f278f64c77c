// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/ops.h"

#include "conformance/ref/fs/library.h"

#include <string.h>

static int op_nothing(struct fs_call *c)
{
	(void)c;
	return 0;
}

/* The guest wants @unique of it to end. */
static int op_interrupt(struct fs_call *c)
{
	struct fuse_interrupt_in in;

	memcpy(&in, c->arg, sizeof(in));
	waits_interrupt(&c->session->waits, in.unique);
	return 0;
}

/* clang-format off */
#define IN(type)  .in = sizeof(struct type)
#define OUT(type) .out = sizeof(struct type)
/* CREATE and TMPFILE answer with both. */
#define OUT_CREATED .out = sizeof(struct fuse_entry_out) + sizeof(struct fuse_open_out)

/*
 * What is missing is answered with ENOSYS, and the driver does it itself or does without: locks stay in the guest,
 * ioctl, poll and bmap do not exist. INTERRUPT ends a request that waits for somebody on the host (wait.h); others cannot
 * be stopped half-way, and end by themselves.
 */
static const struct fs_op ops[] = {
	[FUSE_LOOKUP] = { "LOOKUP", op_lookup, OUT(fuse_entry_out), .names = { NAME_ENTRY } },
	[FUSE_FORGET] = { "FORGET", op_forget, IN(fuse_forget_in), .flags = OP_NO_REPLY },
	[FUSE_GETATTR] = { "GETATTR", op_getattr, IN(fuse_getattr_in), OUT(fuse_attr_out) },
	[FUSE_SETATTR] = { "SETATTR", library_run, IN(fuse_setattr_in), OUT(fuse_attr_out), .flags = OP_CHANGES },
	[FUSE_READLINK] = { "READLINK", library_run, .in = 0 },
	[FUSE_SYMLINK] = { "SYMLINK", library_run, OUT(fuse_entry_out), .names = { NAME_ENTRY, NAME_TEXT }, .flags = OP_CHANGES },
	[FUSE_MKNOD] = { "MKNOD", library_run, IN(fuse_mknod_in), OUT(fuse_entry_out), .names = { NAME_ENTRY }, .flags = OP_CHANGES },
	[FUSE_MKDIR] = { "MKDIR", library_run, IN(fuse_mkdir_in), OUT(fuse_entry_out), .names = { NAME_ENTRY }, .flags = OP_CHANGES },
	[FUSE_UNLINK] = { "UNLINK", library_run, .names = { NAME_ENTRY }, .flags = OP_CHANGES },
	[FUSE_RMDIR] = { "RMDIR", library_run, .names = { NAME_ENTRY }, .flags = OP_CHANGES },
	[FUSE_RENAME] = { "RENAME", library_run, IN(fuse_rename_in), .names = { NAME_ENTRY, NAME_ENTRY }, .flags = OP_CHANGES },
	[FUSE_LINK] = { "LINK", library_run, IN(fuse_link_in), OUT(fuse_entry_out), .names = { NAME_ENTRY }, .flags = OP_CHANGES },
	[FUSE_OPEN] = { "OPEN", library_run, IN(fuse_open_in), OUT(fuse_open_out) },
	[FUSE_READ] = { "READ", op_read, IN(fuse_read_in), .flags = OP_STREAM },
	[FUSE_WRITE] = { "WRITE", op_write, IN(fuse_write_in), OUT(fuse_write_out), .flags = OP_STREAM | OP_CHANGES },
	[FUSE_STATFS] = { "STATFS", library_run, OUT(fuse_statfs_out) },
	[FUSE_RELEASE] = { "RELEASE", library_run, IN(fuse_release_in) },
	[FUSE_FSYNC] = { "FSYNC", library_run, IN(fuse_fsync_in) },
	[FUSE_SETXATTR] = { "SETXATTR", op_setxattr, .in = FUSE_COMPAT_SETXATTR_IN_SIZE, .flags = OP_DATA | OP_CHANGES },
	[FUSE_GETXATTR] = { "GETXATTR", library_run, IN(fuse_getxattr_in), .names = { NAME_TEXT } },
	[FUSE_LISTXATTR] = { "LISTXATTR", library_run, IN(fuse_getxattr_in) },
	[FUSE_REMOVEXATTR] = { "REMOVEXATTR", library_run, .names = { NAME_TEXT }, .flags = OP_CHANGES },
	[FUSE_FLUSH] = { "FLUSH", library_run, IN(fuse_flush_in) },
	[FUSE_INIT] = { "INIT", op_init, .in = 16, .out = FUSE_COMPAT_INIT_OUT_SIZE, .flags = OP_EARLY },
	[FUSE_OPENDIR] = { "OPENDIR", library_run, IN(fuse_open_in), OUT(fuse_open_out) },
	[FUSE_READDIR] = { "READDIR", library_run, IN(fuse_read_in) },
	[FUSE_RELEASEDIR] = { "RELEASEDIR", library_run, IN(fuse_release_in) },
	[FUSE_FSYNCDIR] = { "FSYNCDIR", library_run, IN(fuse_fsync_in) },
	[FUSE_ACCESS] = { "ACCESS", library_run, IN(fuse_access_in) },
	[FUSE_CREATE] = { "CREATE", library_run, IN(fuse_create_in), OUT_CREATED, .names = { NAME_ENTRY }, .flags = OP_CHANGES },
	[FUSE_INTERRUPT] = { "INTERRUPT", op_interrupt, IN(fuse_interrupt_in), .flags = OP_NO_REPLY | OP_EARLY },
	[FUSE_DESTROY] = { "DESTROY", op_destroy, .flags = OP_EARLY },
	[FUSE_NOTIFY_REPLY] = { "NOTIFY_REPLY", op_nothing, .flags = OP_NO_REPLY | OP_EARLY | OP_STREAM },
	[FUSE_BATCH_FORGET] = { "BATCH_FORGET", op_batch_forget, IN(fuse_batch_forget_in), .flags = OP_NO_REPLY | OP_STREAM },
	[FUSE_FALLOCATE] = { "FALLOCATE", library_run, IN(fuse_fallocate_in), .flags = OP_CHANGES },
	[FUSE_READDIRPLUS] = { "READDIRPLUS", library_run, IN(fuse_read_in) },
	[FUSE_RENAME2] = { "RENAME2", library_run, IN(fuse_rename2_in), .names = { NAME_ENTRY, NAME_ENTRY }, .flags = OP_CHANGES },
	[FUSE_LSEEK] = { "LSEEK", library_run, IN(fuse_lseek_in), OUT(fuse_lseek_out) },
	[FUSE_COPY_FILE_RANGE] = { "COPY_FILE_RANGE", library_run, IN(fuse_copy_file_range_in), OUT(fuse_write_out), .flags = OP_CHANGES },
	[FUSE_SETUPMAPPING] = { "SETUPMAPPING", op_setupmapping, IN(fuse_setupmapping_in) },
	[FUSE_REMOVEMAPPING] = { "REMOVEMAPPING", op_removemapping, IN(fuse_removemapping_in), .flags = OP_DATA },
	[FUSE_SYNCFS] = { "SYNCFS", op_syncfs, .in = 0 },
	[FUSE_TMPFILE] = { "TMPFILE", op_tmpfile, IN(fuse_create_in), OUT_CREATED, .names = { NAME_TEXT }, .flags = OP_CHANGES },
	[FUSE_OP_STATX] = { "STATX", op_statx, IN(fuse_statx_request), OUT(fuse_statx_reply) },
};
/* clang-format on */

const struct fs_op *fs_op(uint32_t opcode)
{
	return opcode < ARRAY_SIZE(ops) && ops[opcode].run ? &ops[opcode] : NULL;
}
