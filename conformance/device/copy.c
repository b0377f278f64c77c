// SPDX-License-Identifier: Apache-2.0
/* COPY_FILE_RANGE. */
#include "conformance/device/areas.h"
#include "conformance/device/files.h"

#define BYTES 20000
#define SEED  5

/* "file" to read and "to" to write, of BYTES each. */
static bool pair(struct check_run *r, struct opened *ret_from, struct opened *ret_to)
{
	return files_have(r, BYTES, O_RDONLY, ret_from) &&
	       check_host(r, "make a file", host_fill(r->share, "to", BYTES, SEED)) &&
	       check_ok(r, "OPEN", files_open(r, "to", O_RDWR, ret_to));
}

static int copy(struct check_run *r, const struct opened *from, uint64_t at,
		const struct opened *to, uint64_t to_at, uint64_t length, uint64_t flags,
		uint32_t *ret_size)
{
	const struct fuse_copy_file_range_in in = {
		.fh_in = from->fh,
		.off_in = at,
		.nodeid_out = to->nodeid,
		.fh_out = to->fh,
		.off_out = to_at,
		.len = length,
		.flags = flags,
	};

	return front_copy_file_range(r->f, from->nodeid, &in, ret_size);
}

/* As many bytes as it says are there, and the rest is as it was. */
static bool copied(struct check_run *r, uint8_t *model, uint64_t at, uint64_t to_at,
		   uint64_t length, const struct opened *from, const struct opened *to)
{
	uint32_t done = 0;
	int e = copy(r, from, at, to, to_at, length, 0, &done);
	struct say t;

	(void)say(&t, "COPY_FILE_RANGE of %llu bytes from %llu to %llu", (unsigned long long)length,
		  (unsigned long long)at, (unsigned long long)to_at);
	if (!check_has(r, e != -ENOSYS && e != -EOPNOTSUPP, "COPY_FILE_RANGE") ||
	    !check_ok(r, t.text, e) ||
	    !check_range(r, 1, length < BYTES - at ? length : BYTES - at, t.text, done))
		return false;
	host_bytes(model + to_at, at, done, FILES_SEED);
	return files_hold(r, "to", model, BYTES);
}

static void places(struct check_run *r)
{
	uint8_t model[BYTES];
	struct opened from, to;

	WANT(pair(r, &from, &to));
	host_bytes(model, 0, sizeof(model), SEED);
	WANT(copied(r, model, 0, 0, 4096, &from, &to));
	WANT(copied(r, model, 1, 5000, 777, &from, &to));
	WANT(copied(r, model, 12345, 6789, 4000, &from, &to));
	WANT(copied(r, model, BYTES - 10, 100, 10, &from, &to));
	WANT(files_keep(r, BYTES));
}

/* What is asked for behind the end is not there: fewer bytes, or none. */
static void past_end(struct check_run *r)
{
	static const uint64_t offsets[] = { BYTES, BYTES + 1, UINT64_C(1) << 40 };
	uint8_t model[BYTES];
	struct opened from, to;

	WANT(pair(r, &from, &to));
	host_bytes(model, 0, sizeof(model), SEED);
	WANT(copied(r, model, BYTES - 10, 100, 4096, &from, &to));
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		uint32_t done = 0;

		WANT_OK(r, "COPY_FILE_RANGE from behind the end",
			copy(r, &from, offsets[i], &to, 0, 4096, 0, &done));
		WANT_SAME(r, 0, "bytes copied from behind the end", done);
	}
	WANT(files_hold(r, "to", model, sizeof(model)));
}

/* Of sizes that do not fit 32 bits the lower half is something else. */
static void huge(struct check_run *r)
{
	static const uint64_t sizes[] = { UINT64_C(1) << 32, (UINT64_C(1) << 32) + 1,
					  (UINT64_C(1) << 40) + 10 };
	uint8_t model[BYTES];
	struct opened from, to;

	WANT(pair(r, &from, &to));
	host_bytes(model, 0, sizeof(model), SEED);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		WANT(copied(r, model, 0, 0, sizes[i], &from, &to));
		host_bytes(model, 0, sizeof(model), FILES_SEED);
		WANT(files_hold(r, "to", model, sizeof(model)));
		WANT(check_host(r, "fill again", host_fill(r->share, "to", BYTES, SEED)));
		host_bytes(model, 0, sizeof(model), SEED);
	}
}

static void same_file(struct check_run *r)
{
	uint8_t model[BYTES];
	struct opened from, to;
	uint32_t done = 0;
	int e;

	WANT(pair(r, &to, &from));
	host_bytes(model, 0, sizeof(model), SEED);
	e = copy(r, &from, 0, &from, 10000, 3000, 0, &done);
	NEED(r, e != -ENOSYS && e != -EOPNOTSUPP, "COPY_FILE_RANGE");
	WANT_OK(r, "COPY_FILE_RANGE inside a file", e);
	WANT_RANGE(r, 1, 3000, "COPY_FILE_RANGE inside a file", done);
	memmove(model + 10000, model, done);
	WANT(files_hold(r, "to", model, sizeof(model)));
	WANT_ERROR(r, -EINVAL, "COPY_FILE_RANGE of ranges that overlap",
		   copy(r, &from, 0, &from, 100, 3000, 0, &done));
	WANT(files_hold(r, "to", model, sizeof(model)));
}

static void refused(struct check_run *r)
{
	uint8_t model[BYTES];
	struct opened from, to, bad;
	uint32_t done;
	int e;

	WANT(pair(r, &from, &to));
	host_bytes(model, 0, sizeof(model), SEED);
	e = copy(r, &from, 0, &to, 0, 100, 1, &done);
	NEED(r, e != -ENOSYS, "COPY_FILE_RANGE");
	WANT_ERROR(r, -EINVAL, "COPY_FILE_RANGE with flags", e);
	WANT_ERROR(r, -EBADF, "COPY_FILE_RANGE to an O_RDONLY handle",
		   copy(r, &to, 0, &from, 0, 100, 0, &done));
	WANT_ONE_OF(r, "COPY_FILE_RANGE to offset 2^63",
		    copy(r, &from, 0, &to, UINT64_C(1) << 63, 100, 0, &done), -EINVAL, -EFBIG,
		    -EOVERFLOW);
	bad = to;
	bad.fh = UINT64_C(0x7ffffffffffffff0);
	WANT_ONE_OF(r, "COPY_FILE_RANGE to an unknown handle",
		    copy(r, &from, 0, &bad, 0, 100, 0, &done), NOT_KNOWN);
	bad.nodeid = from.nodeid;
	WANT_ONE_OF(r, "COPY_FILE_RANGE from an unknown handle",
		    copy(r, &bad, 0, &to, 0, 100, 0, &done), NOT_KNOWN);
	WANT(files_hold(r, "to", model, sizeof(model)));
	WANT(files_keep(r, BYTES));
	WANT(check_alive(r));
}

/* clang-format off */
static const struct check checks[] = {
	{ "copy.places", "COPY_FILE_RANGE copies what it says, from and to where it was told",
	  "FUSE-FILE-007", "COPY_FILE_RANGE of 10 to 4096 bytes at four pairs of offsets",
	  "as many bytes as the answer says are copied; all else is as it was",
	  "copy-lost preload:copy-range-lost", .run = places },
	{ "copy.past-end", "COPY_FILE_RANGE copies nothing from behind the end", "FUSE-FILE-007",
	  "COPY_FILE_RANGE over the end of the source, from its end, behind it",
	  "what there is; then success with 0 bytes", "copy-lost error:COPY_FILE_RANGE:EINVAL:after=1",
	  .run = past_end },
	{ "copy.huge", "COPY_FILE_RANGE of more than 32 bits copies what there is", "FUSE-FILE-007",
	  "COPY_FILE_RANGE of 2^32, 2^32 + 1, 2^40 + 10 bytes from a file of 20000",
	  "20000 bytes, in the answer and in the file", "copy-lost preload:copy-range-lost",
	  .run = huge },
	{ "copy.same-file", "COPY_FILE_RANGE inside a file works, unless the ranges overlap",
	  "FUSE-FILE-007", "COPY_FILE_RANGE of 3000 bytes by one handle, apart and overlapping",
	  "success; EINVAL and no change", "copy-lost preload:copy-range-lost", .run = same_file },
	{ "copy.refused", "a COPY_FILE_RANGE that cannot be done changes nothing",
	  "FUSE-FILE-007 VIRTIO-FS-SEC-011",
	  "COPY_FILE_RANGE with a flag, to an O_RDONLY handle, to offset 2^63, with unknown handles",
	  "EINVAL; EBADF; EINVAL, EFBIG or EOVERFLOW; EBADF, ENOENT or ESTALE; both files are as they were",
	  "access-ignored exit-at:COPY_FILE_RANGE copy-lost", .run = refused },
};
/* clang-format on */

const struct check_area area_copy = { "copy", "Copying", checks, ARRAY_SIZE(checks) };
