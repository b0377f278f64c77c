/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_REF_DAX_RIG_H
#define VQ_TEST_REF_DAX_RIG_H

/* A share, two fake front ends and a file, once with each kind of tail. Needs cmocka.h before it. */

#include "conformance/ref/dax/dax.h"
#include "conformance/test/test_ref_dax_fake.h"

#define RIG_WINDOW_BYTES (8 * MIB)
#define RIG_RANGE	 (2 * MIB)

struct rig {
	bool passthrough;
	struct dax_share *share;
	struct fake_front *front[2];
	struct dax_window *window[2];
};

static inline void rig_open_as(struct rig *r, enum ref_tail tail)
{
	const struct ref_options o = { .tail = tail, .shared_dir = "/tmp" };
	struct err err;

	*r = (struct rig){ .passthrough = tail == REF_TAIL_PASSTHROUGH };
	if (r->passthrough && geteuid() != 0) {
		print_message("passthrough needs root\n");
		skip();
	}
	if (dax_share_open(&o, &r->share, &err) < 0)
		fail_msg("%s", err.text);
	for (unsigned i = 0; i < 2; i++) {
		r->front[i] = fake_open(RIG_WINDOW_BYTES);
		assert_int_equal(
			dax_window_new(r->share, &r->front[i]->window, &r->window[i], NULL), 0);
	}
}

/* The books agree with each other and with the front end, and it has nothing to complain of. */
static inline void rig_check(const struct rig *r)
{
	for (unsigned i = 0; i < 2; i++) {
		struct dax_counts c;

		if (r->front[i]->violations)
			fail_msg("window %u: %s", i, r->front[i]->first_violation);
		dax_window_counts(r->window[i], &c);
		assert_int_equal(c.setups, c.removals + c.live);
		assert_int_equal(c.live, r->front[i]->count);
		assert_true(c.live_bytes <= c.live_bytes_max);
	}
}

static inline void rig_close(struct rig *r)
{
	rig_check(r);
	for (unsigned i = 0; i < 2; i++) {
		r->window[i] = dax_window_free(r->window[i]);
		fake_close(r->front[i]);
	}
	r->share = dax_share_close(r->share);
}

static inline struct dax_file rig_file(uint64_t size)
{
	struct dax_file f = { .fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) };
	struct stat st;

	assert_true(f.fd >= 0);
	assert_int_equal(ftruncate(f.fd, (off_t)size), 0);
	assert_int_equal(fstat(f.fd, &st), 0);
	f.dev = st.st_dev;
	f.ino = st.st_ino;
	return f;
}

static inline int rig_map(const struct rig *r, unsigned window, const struct dax_file *f,
			  uint64_t foffset, uint64_t moffset, uint64_t len, uint64_t flags)
{
	const struct fuse_setupmapping_in in = {
		.foffset = foffset, .moffset = moffset, .len = len, .flags = flags
	};

	return dax_map(r->window[window], f, &in);
}

static inline int rig_unmap(const struct rig *r, unsigned window, uint64_t moffset, uint64_t len)
{
	const struct fuse_removemapping_one one = { .moffset = moffset, .len = len };

	return dax_unmap(r->window[window], &one, 1);
}

/* What a device does for a guest that changes the size of a file. */
static inline void rig_truncate(const struct rig *r, unsigned by, const struct dax_file *f,
				uint64_t size)
{
	struct dax_shrink shrink;

	dax_before_shrink(r->share, r->window[by], f->dev, f->ino, size, &shrink);
	assert_int_equal(ftruncate(f->fd, (off_t)size), 0);
	dax_after_shrink(r->share, &shrink, f);
}

/* What a device does for a WRITE of a guest. */
static inline void rig_write(const struct rig *r, const struct dax_file *f, uint64_t at,
			     const void *data, size_t size)
{
	assert_int_equal(pwrite(f->fd, data, size, (off_t)at), size);
	dax_sync(r->share, f->dev, f->ino);
	dax_after_resize(r->share, f);
}

#endif
