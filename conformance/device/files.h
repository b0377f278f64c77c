/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_DEVICE_FILES_H
#define VQ_CONFORMANCE_DEVICE_FILES_H

/* What the areas of open files share. Those that return bool are words of checks: false, and the verdict is set. */

#include "conformance/device/words.h"

#include <fcntl.h>

/* Content of files is host_bytes() of this, unless a check says otherwise. */
#define FILES_SEED 1

/* A file that the device has open. */
struct opened {
	uint64_t nodeid;
	uint64_t fh;
	uint32_t flags; /* FOPEN_ */
};

/** files_open() - LOOKUP in the root, and OPEN. As front_open_file(). */
static inline int files_open(struct check_run *r, const char *name, uint32_t flags,
			     struct opened *ret)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	int e = front_lookup(r->f, FRONT_ROOT, name, &entry);

	*ret = (struct opened){ 0 };
	if (e == 0)
		e = front_open_file(r->f, entry.nodeid, flags, &open);
	if (e == 0)
		*ret = (struct opened){ entry.nodeid, open.fh, open.open_flags };
	return e;
}

/** files_create() - CREATE in the root. As front_create(). */
static inline int files_create(struct check_run *r, const char *name, uint32_t flags,
			       struct opened *ret)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	int e = front_create(r->f, FRONT_ROOT, name, flags, S_IFREG | 0644, &entry, &open);

	*ret = (struct opened){ 0 };
	if (e == 0)
		*ret = (struct opened){ entry.nodeid, open.fh, open.open_flags };
	return e;
}

/** files_have() - the host makes "file" of @size bytes, the device opens it. */
static inline bool files_have(struct check_run *r, size_t size, uint32_t flags, struct opened *ret)
{
	*ret = (struct opened){ 0 };
	return check_host(r, "make a file", host_fill(r->share, "file", size, FILES_SEED)) &&
	       check_ok(r, "LOOKUP and OPEN", files_open(r, "file", flags, ret));
}

/** files_hold_after() - the host's @name has exactly these bytes; @what was done to it. */
static inline bool files_hold_after(struct check_run *r, const char *what, const char *name,
				    const void *wanted, size_t size)
{
	CLEANUP(buf_free) struct buf seen = { 0 };
	struct say t;

	(void)say(&t, "the host's \"%s\" after %s", name, what);
	return check_host(r, "read the file", host_read(r->share, name, 64 * MIB, &seen)) &&
	       check_same_bytes(r, wanted, size, t.text, seen.data, seen.size);
}

/** files_hold() - likewise, where it is clear what was done. */
static inline bool files_hold(struct check_run *r, const char *name, const void *wanted,
			      size_t size)
{
	return files_hold_after(r, "that", name, wanted, size);
}

/** files_keep() - "file" has still the @size bytes that files_have() gave it. */
static inline bool files_keep(struct check_run *r, size_t size)
{
	CLEANUP(freep) uint8_t *wanted = malloc(size + 1);

	if (!check_host(r, "memory", wanted ? 0 : -ENOMEM))
		return false;
	host_bytes(wanted, 0, size, FILES_SEED);
	return files_hold(r, "file", wanted, size);
}

/** files_size() - the host's @name is that long. */
static inline bool files_size(struct check_run *r, const char *name, uint64_t wanted)
{
	struct stat st;

	return check_host(r, "stat", host_stat(r->share, name, &st)) &&
	       check_same(r, wanted, "size of the host's file", (uint64_t)st.st_size);
}

/** files_read() - READ answers exactly these bytes. */
static inline bool files_read(struct check_run *r, const struct opened *o, uint64_t offset,
			      uint32_t size, const void *wanted, size_t wanted_size)
{
	CLEANUP(freep) uint8_t *seen = malloc((size_t)size + 1);
	struct say t;
	size_t got = 0;

	if (!check_host(r, "memory", seen ? 0 : -ENOMEM))
		return false;
	(void)say(&t, "READ of %u bytes at %llu", size, (unsigned long long)offset);
	return check_ok(r, t.text, front_read(r->f, o->nodeid, o->fh, offset, seen, size, &got)) &&
	       check_same_bytes(r, wanted, wanted_size, t.text, seen, got);
}

/** files_write() - WRITE takes all of it. */
static inline bool files_write(struct check_run *r, const struct opened *o, uint64_t offset,
			       const void *data, uint32_t size)
{
	struct say t;
	uint32_t done = 0;

	(void)say(&t, "WRITE of %u bytes at %llu", size, (unsigned long long)offset);
	return check_ok(r, t.text,
			front_write(r->f, o->nodeid, o->fh, offset, data, size, &done)) &&
	       check_same(r, size, t.text, done);
}

/** files_write_as() - a WRITE with flags of open(2) and FUSE_WRITE_. As front_write(). */
static inline int files_write_as(struct check_run *r, const struct opened *o, uint64_t offset,
				 const void *data, uint32_t size, uint32_t flags,
				 uint32_t write_flags)
{
	struct front_op op = front_op_write(o->nodeid, o->fh, offset, data, size);
	struct fuse_write_in in;

	memcpy(&in, op.arg, sizeof(in));
	in.flags = flags;
	in.write_flags = write_flags;
	memcpy(op.arg, &in, sizeof(in));
	return front_do(r->f, &op, NULL, 0, NULL);
}

/** files_release() - RELEASE says success. */
static inline bool files_release(struct check_run *r, const struct opened *o)
{
	return check_ok(r, "RELEASE", front_release(r->f, o->nodeid, o->fh, O_RDONLY));
}

/** files_fd() - a descriptor of the host's for @name, to do the same there; BROKEN when there is none. */
static inline int files_fd(struct check_run *r, const char *name, int flags)
{
	int fd = host_open(r->share, name, flags, 0644);

	(void)check_host(r, "open on the host", fd);
	return fd;
}

#endif
