/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_TEST_DEVICE_FAULT_DATA_H
#define VQ_CONFORMANCE_TEST_DEVICE_FAULT_DATA_H

/* What opcodes on open files do. */

#include "conformance/test/device_fault_file.h"

#include <sys/resource.h>

static int access_ignored(struct fixture *t)
{
	return seen_if(write_with(t, O_RDONLY, O_RDONLY, 0) == 0);
}

static int nofollow_passed(struct fixture *t)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;

	return seen_if(open_file_as(t, O_RDONLY | O_NOFOLLOW, &entry, &open) == -ELOOP);
}

static int append_delayed(struct fixture *t)
{
	struct stat st;

	TRY(write_with(t, O_RDWR, O_RDWR | O_APPEND, FUSE_WRITE_CACHE));
	TRY(host_stat(t, "file", &st));
	return seen_if(st.st_size != FILE_BYTES);
}

static int release_keeps(struct fixture *t)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	uint8_t byte;

	TRY(open_file_as(t, O_RDONLY, &entry, &open));
	TRY(front_release(t->f, entry.nodeid, open.fh, O_RDONLY));
	return seen_if(front_read(t->f, entry.nodeid, open.fh, 0, &byte, 1, NULL) == 0);
}

/* A limit of file sizes has room for a part. */
static int write_whole(struct fixture *t)
{
	static const uint8_t data[4096];
	const struct rlimit limit = { FILE_BYTES + 1000, FILE_BYTES + 1000 };
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	uint32_t size = 0;

	TRY(open_file_as(t, O_RDWR, &entry, &open));
	TRY(prlimit(t->daemon.pid, RLIMIT_FSIZE, &limit, NULL));
	TRY(front_write(t->f, entry.nodeid, open.fh, FILE_BYTES, data, sizeof(data), &size));
	return seen_if(size != 1000);
}

static int allocated(struct fixture *t, uint64_t length, uint32_t mode)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	struct stat st;

	TRY(open_file_as(t, O_RDWR, &entry, &open));
	TRY(front_fallocate(t->f, entry.nodeid, open.fh, 0, length, mode));
	TRY(host_stat(t, "file", &st));
	return seen_if(st.st_size != FILE_BYTES);
}

static int fallocate_mode(struct fixture *t)
{
	return allocated(t, 4 * FILE_BYTES, FALLOC_FL_KEEP_SIZE);
}

static int fallocate_shrinks(struct fixture *t)
{
	return allocated(t, 10, 0);
}

static int seek_swapped(struct fixture *t)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	uint64_t at = 0;

	TRY(open_file_as(t, O_RDONLY, &entry, &open));
	TRY(front_lseek(t->f, entry.nodeid, open.fh, 0, SEEK_DATA, &at));
	return seen_if(at == FILE_BYTES);
}

static int copy_lost(struct fixture *t)
{
	struct fuse_copy_file_range_in in = { .len = 100 };
	struct fuse_entry_out from, to;
	struct fuse_open_out open;
	uint32_t size = 0;
	char byte;

	TRY(open_file_as(t, O_RDWR, &to, &open));
	in.nodeid_out = to.nodeid;
	in.fh_out = open.fh;
	TRY(front_lookup(t->f, FRONT_ROOT, "other", &from));
	TRY(front_open_file(t->f, from.nodeid, O_RDONLY, &open));
	in.fh_in = open.fh;
	TRY(front_copy_file_range(t->f, from.nodeid, &in, &size));
	TRY(host_bytes(t, "file", 0, &byte, 1));
	return seen_if(size == 100 && byte == 'f');
}

static int statfs_zero(struct fixture *t)
{
	struct fuse_statfs_out out;

	TRY(front_statfs(t->f, FRONT_ROOT, &out));
	return seen_if(out.st.blocks == 0 && out.st.bsize == 0);
}

static int size_lost(struct fixture *t)
{
	const struct fuse_setattr_in in = { .valid = FATTR_SIZE };
	struct fuse_entry_out entry;
	struct fuse_attr_out attr;
	struct stat st;

	TRY(file_entry(t, &entry));
	TRY(front_setattr(t->f, entry.nodeid, &in, &attr));
	TRY(host_stat(t, "file", &st));
	return seen_if(st.st_size == FILE_BYTES);
}

static int suid_cleared(struct fixture *t)
{
	CLEANUP(freep) char *path = host_path(t, "file");
	struct stat st;

	if (geteuid() != 0)
		return SKIPPED;
	TRY(chmod(path, 04755));
	TRY(write_with(t, O_RDWR, O_RDWR, 0));
	TRY(host_stat(t, "file", &st));
	return seen_if(!(st.st_mode & S_ISUID));
}

static int init_killpriv(struct fixture *t)
{
	struct fuse_init_out out;

	TRY(front_init_with(t->f, FUSE_KERNEL_VERSION, 38,
			    front_init_flags & ~(uint64_t)FUSE_HANDLE_KILLPRIV_V2, &out));
	return seen_if(out.flags & FUSE_HANDLE_KILLPRIV_V2);
}

static const struct fault_case data_cases[] = {
	CASE("access-ignored", access_ignored),
	CASE("nofollow-passed", nofollow_passed),
	CASE("append-delayed", append_delayed),
	CASE("release-keeps", release_keeps),
	CASE("write-whole", write_whole),
	CASE("fallocate-mode", fallocate_mode),
	CASE("fallocate-shrinks", fallocate_shrinks),
	CASE("seek-swapped", seek_swapped),
	CASE("copy-lost", copy_lost),
	CASE("statfs-zero", statfs_zero),
	CASE("size-lost", size_lost),
	CASE("suid-cleared", suid_cleared),
	CASE("init-killpriv", init_killpriv, .no_init = true),
};

#endif
