// SPDX-License-Identifier: Apache-2.0
/* What each opcode asks: open files and folders, data, locks, mappings. */
#include "conformance/front/fuse.h"
#include "conformance/front/fuse_build.h"

#include <string.h>

#define CREATED (sizeof(struct fuse_entry_out) + sizeof(struct fuse_open_out))

static struct front_op open_op(uint32_t opcode, uint64_t nodeid, uint32_t flags)
{
	struct fuse_open_in in = { .flags = flags };

	return front_build(opcode, nodeid, &in, sizeof(in), sizeof(struct fuse_open_out));
}

struct front_op front_op_open(uint64_t nodeid, uint32_t flags)
{
	return open_op(FUSE_OPEN, nodeid, flags);
}

struct front_op front_op_opendir(uint64_t nodeid, uint32_t flags)
{
	return open_op(FUSE_OPENDIR, nodeid, flags);
}

static struct front_op create_op(uint32_t opcode, uint64_t parent, const char *name, uint32_t flags,
				 uint32_t mode)
{
	struct fuse_create_in in = { .flags = flags, .mode = mode };
	struct front_op op = front_build(opcode, parent, &in, sizeof(in), CREATED);

	front_build_tail(&op, name, strlen(name) + 1);
	return op;
}

struct front_op front_op_create(uint64_t parent, const char *name, uint32_t flags, uint32_t mode)
{
	return create_op(FUSE_CREATE, parent, name, flags, mode);
}

/* Linux sends a name along that is never looked at. */
struct front_op front_op_tmpfile(uint64_t parent, uint32_t flags, uint32_t mode)
{
	return create_op(FUSE_TMPFILE, parent, "#", flags, mode);
}

static struct front_op read_op(uint32_t opcode, uint64_t nodeid, uint64_t fh, uint64_t offset,
			       uint32_t size)
{
	struct fuse_read_in in = { .fh = fh, .offset = offset, .size = size };
	struct front_op op = front_build(opcode, nodeid, &in, sizeof(in), size);

	op.out_min = 0;
	return op;
}

struct front_op front_op_read(uint64_t nodeid, uint64_t fh, uint64_t offset, uint32_t size)
{
	return read_op(FUSE_READ, nodeid, fh, offset, size);
}

struct front_op front_op_readdir(uint64_t nodeid, uint64_t fh, uint64_t offset, uint32_t size)
{
	return read_op(FUSE_READDIR, nodeid, fh, offset, size);
}

struct front_op front_op_readdirplus(uint64_t nodeid, uint64_t fh, uint64_t offset, uint32_t size)
{
	return read_op(FUSE_READDIRPLUS, nodeid, fh, offset, size);
}

struct front_op front_op_write(uint64_t nodeid, uint64_t fh, uint64_t offset, const void *data,
			       uint32_t size)
{
	struct fuse_write_in in = { .fh = fh, .offset = offset, .size = size };
	struct front_op op = front_build(FUSE_WRITE, nodeid, &in, sizeof(in),
					 sizeof(struct fuse_write_out));

	front_build_tail(&op, data, size);
	return op;
}

struct front_op front_op_release(uint64_t nodeid, uint64_t fh, uint32_t flags)
{
	struct fuse_release_in in = { .fh = fh, .flags = flags };

	return front_build(FUSE_RELEASE, nodeid, &in, sizeof(in), 0);
}

struct front_op front_op_releasedir(uint64_t nodeid, uint64_t fh)
{
	struct fuse_release_in in = { .fh = fh };

	return front_build(FUSE_RELEASEDIR, nodeid, &in, sizeof(in), 0);
}

struct front_op front_op_flush(uint64_t nodeid, uint64_t fh, uint64_t lock_owner)
{
	struct fuse_flush_in in = { .fh = fh, .lock_owner = lock_owner };

	return front_build(FUSE_FLUSH, nodeid, &in, sizeof(in), 0);
}

static struct front_op fsync_op(uint32_t opcode, uint64_t nodeid, uint64_t fh, bool data_only)
{
	struct fuse_fsync_in in = { .fh = fh, .fsync_flags = data_only ? FUSE_FSYNC_FDATASYNC : 0 };

	return front_build(opcode, nodeid, &in, sizeof(in), 0);
}

struct front_op front_op_fsync(uint64_t nodeid, uint64_t fh, bool data_only)
{
	return fsync_op(FUSE_FSYNC, nodeid, fh, data_only);
}

struct front_op front_op_fsyncdir(uint64_t nodeid, uint64_t fh, bool data_only)
{
	return fsync_op(FUSE_FSYNCDIR, nodeid, fh, data_only);
}

struct front_op front_op_lock(uint32_t opcode, uint64_t nodeid, const struct fuse_lk_in *in)
{
	return front_build(opcode, nodeid, in, sizeof(*in),
			   opcode == FUSE_GETLK ? sizeof(struct fuse_lk_out) : 0);
}

struct front_op front_op_fallocate(uint64_t nodeid, uint64_t fh, uint64_t offset, uint64_t length,
				   uint32_t mode)
{
	struct fuse_fallocate_in in = {
		.fh = fh, .offset = offset, .length = length, .mode = mode
	};

	return front_build(FUSE_FALLOCATE, nodeid, &in, sizeof(in), 0);
}

struct front_op front_op_lseek(uint64_t nodeid, uint64_t fh, uint64_t offset, uint32_t whence)
{
	struct fuse_lseek_in in = { .fh = fh, .offset = offset, .whence = whence };

	return front_build(FUSE_LSEEK, nodeid, &in, sizeof(in), sizeof(struct fuse_lseek_out));
}

struct front_op front_op_copy_file_range(uint64_t nodeid, const struct fuse_copy_file_range_in *in)
{
	return front_build(FUSE_COPY_FILE_RANGE, nodeid, in, sizeof(*in),
			   sizeof(struct fuse_write_out));
}

struct front_op front_op_setupmapping(uint64_t nodeid, uint64_t foffset, uint64_t len,
				      uint64_t flags, uint64_t moffset)
{
	struct fuse_setupmapping_in in = { .fh = FRONT_NO_FH,
					   .foffset = foffset,
					   .len = len,
					   .flags = flags,
					   .moffset = moffset };

	return front_build(FUSE_SETUPMAPPING, nodeid, &in, sizeof(in), 0);
}

struct front_op front_op_removemapping(uint64_t nodeid, const struct fuse_removemapping_one *list,
				       uint32_t count)
{
	struct fuse_removemapping_in in = { .count = count };
	struct front_op op = front_build(FUSE_REMOVEMAPPING, nodeid, &in, sizeof(in), 0);

	front_build_tail(&op, list, count * sizeof(*list));
	return op;
}
