/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_DEVICE_MAP_H
#define VQ_DEVICE_MAP_H

/*
 * What the areas of the DAX window share. They count in units: what INIT announced as map_alignment, a page at
 * least, so that a device that asks for more than a page is asked for nothing it may refuse.
 */

#include "base/clock.h"
#include "conformance/device/words.h"

#include <fcntl.h>

#define MAP_PAGE  UINT64_C(4096)
#define MAP_READ  ((uint64_t)FUSE_SETUPMAPPING_FLAG_READ)
#define MAP_WRITE ((uint64_t)FUSE_SETUPMAPPING_FLAG_WRITE)
#define MAP_BOTH  (MAP_READ | MAP_WRITE)
/* What Linux asks for, always, in the file and in the window. */
#define MAP_RANGE (2 * MIB)
/* Beyond this the files of the checks would be large; Linux takes up to 2 MiB. */
#define MAP_UNIT_MAX   (64 * KIB)
#define MAP_WINDOW_MIN (8 * MIB)

#define MAP_PROTOCOL (UINT64_C(1) << VHOST_USER_PROTOCOL_F_SHMEM)
/* In the rows of checks that need a window. */
#define MAP_NEEDS_WINDOW .options = CHECK_WINDOW, .protocol = MAP_PROTOCOL
#define MAP_NEEDS	 MAP_NEEDS_WINDOW, .init = FUSE_MAP_ALIGNMENT

#define MAP_HELPER __attribute__((unused)) static

/* The unit; 0: the verdict is set. */
MAP_HELPER uint64_t map_unit(struct check_run *r)
{
	unsigned shift = r->f->init.map_alignment;
	uint64_t unit = shift < 64 ? UINT64_C(1) << shift : UINT64_MAX;

	if (unit < MAP_PAGE)
		unit = MAP_PAGE;
	if (!check_has(r, r->f->window->bytes >= MAP_WINDOW_MIN, "a window of 8 MiB") ||
	    !check_has(r, unit <= MAP_UNIT_MAX, "mappings of 64 KiB"))
		return 0;
	return unit;
}

/* A file with the bytes of @seed, as the host makes it, and its nodeid. */
MAP_HELPER bool map_file(struct check_run *r, const char *name, uint64_t size, uint32_t seed,
			 uint64_t *ret)
{
	return check_host(r, "make a file", host_fill(r->share, name, size, seed)) &&
	       node_of(r, name, ret);
}

MAP_HELPER int map_setup(struct check_run *r, uint64_t node, uint64_t foffset, uint64_t len,
			 uint64_t at)
{
	return front_setupmapping(r->f, node, foffset, len, MAP_READ, at);
}

MAP_HELPER int map_both(struct check_run *r, uint64_t node, uint64_t foffset, uint64_t len,
			uint64_t at)
{
	return front_setupmapping(r->f, node, foffset, len, MAP_BOTH, at);
}

MAP_HELPER int map_remove(struct check_run *r, uint64_t node, uint64_t at, uint64_t len)
{
	const struct fuse_removemapping_one one = { .moffset = at, .len = len };

	return front_removemapping(r->f, node, &one, 1);
}

MAP_HELPER int map_size(struct check_run *r, uint64_t node, uint64_t size)
{
	struct fuse_setattr_in in = { .valid = FATTR_SIZE, .size = size };
	struct fuse_attr_out out;

	return front_setattr(r->f, node, &in, &out);
}

MAP_HELPER bool map_refresh(struct check_run *r, uint64_t node)
{
	struct fuse_attr_out out;

	return check_ok(r, "GETATTR", front_getattr(r->f, node, NULL, &out));
}

MAP_HELPER int map_load(struct check_run *r, uint64_t at, void *ret, size_t size)
{
	const struct front_window *w = r->f->window;

	if (at > w->bytes || size > w->bytes - at)
		return -EFAULT;
	return front_window_read(w, at, ret, size);
}

/* The byte at @at, or -errno. */
MAP_HELPER int map_peek(struct check_run *r, uint64_t at)
{
	uint8_t byte;
	int e = map_load(r, at, &byte, 1);

	return e < 0 ? e : byte;
}

MAP_HELPER int map_poke(struct check_run *r, uint64_t at, uint8_t byte)
{
	return at < r->f->window->bytes ? front_window_write(r->f->window, at, &byte, 1) : -EFAULT;
}

/* A store as a guest makes it: it must not fault. */
MAP_HELPER bool map_store(struct check_run *r, uint64_t at, uint8_t byte)
{
	int e = map_poke(r, at, byte);

	return check_that(r, e == 0, "a store that the window takes",
			  "a store at window offset %#llx faults", (unsigned long long)at);
}

/* @seed 0: zeros. */
MAP_HELPER bool map_shows(struct check_run *r, const char *what, uint64_t at, uint32_t seed,
			  uint64_t offset, size_t size)
{
	CLEANUP(freep) uint8_t *is = calloc(1, size ? size : 1);
	CLEANUP(freep) uint8_t *should = calloc(1, size ? size : 1);

	if (!is || !should)
		return check_host(r, "memory", -ENOMEM);
	if (seed)
		host_bytes(should, offset, size, seed);
	if (size > 0 && map_load(r, at, is, size) < 0)
		return check_that(r, false, "a range of the window that can be read",
				  "%s: a load from %#llx to %#llx faults", what,
				  (unsigned long long)at, (unsigned long long)(at + size));
	return check_same_bytes(r, should, size, what, is, size);
}

/* No page of it can be read. */
MAP_HELPER bool map_nothing(struct check_run *r, const char *what, uint64_t at, uint64_t len)
{
	for (uint64_t i = 0; i < len; i += MAP_PAGE)
		if (map_peek(r, at + i) >= 0)
			return check_that(r, false, "nothing is mapped there",
					  "%s: window offset %#llx can be read", what,
					  (unsigned long long)(at + i));
	return true;
}

/* The file itself, as the host has it: one byte of it. */
MAP_HELPER bool map_host_byte(struct check_run *r, const char *name, uint64_t offset,
			      const char *what, uint8_t wanted)
{
	CLEANUP(fd_closep) int fd = host_open(r->share, name, O_RDONLY, 0);
	uint8_t byte = 0;
	ssize_t n = fd < 0 ? -1 : pread(fd, &byte, 1, (off_t)offset);

	if (!check_host(r, "read a byte", n == 1 ? 0 : -EIO))
		return false;
	return check_same(r, wanted, what, byte);
}

MAP_HELPER bool map_host_put(struct check_run *r, const char *name, uint64_t offset, uint8_t byte)
{
	CLEANUP(fd_closep) int fd = host_open(r->share, name, O_WRONLY, 0);
	ssize_t n = fd < 0 ? -1 : pwrite(fd, &byte, 1, (off_t)offset);

	return check_host(r, "write a byte", n == 1 ? 0 : -EIO);
}

MAP_HELPER bool map_submit(struct check_run *r, const struct front_op *op,
			   struct front_request **ret)
{
	int e = front_prepare(r->f, op, ret);

	return check_ok(r, "submit", e == 0 ? front_submit(*ret) : e);
}

/* Wait, take the result, free. */
MAP_HELPER int map_end(struct check_run *r, struct front_request *q)
{
	int e = front_wait(q, front_deadline(r->f));

	front_request_free(q);
	return e;
}

/* Until the device has asked the (holding) front end for something, or has ended @q without. */
MAP_HELPER bool map_held(struct check_run *r, const struct front_request *q)
{
	const struct front_window *w = r->f->window;
	uint64_t end_ns = front_deadline(r->f);

	while (!w->has_held && q->state == FRONT_IN_FLIGHT && clock_now_ns() < end_ns)
		(void)!front_wait_any(r->f, clock_deadline_ms(10));
	return check_that(r, w->has_held, "the device asks the front end to map", "it does not");
}

/* For @ms nothing ends. */
MAP_HELPER bool map_quiet(struct check_run *r, const struct front_request *q, const char *what,
			  unsigned ms)
{
	uint64_t end_ns = clock_deadline_ms(ms);

	while (q->state == FRONT_IN_FLIGHT && clock_now_ns() < end_ns)
		(void)!front_wait_any(r->f, end_ns);
	return check_that(r, q->state == FRONT_IN_FLIGHT, "it waits for the front end's answer",
			  "%s is answered before", what);
}

/* One check of several parts: each begins with an empty window. */
MAP_HELPER void map_parts(struct check_run *r, void (*const *part)(struct check_run *r),
			  size_t count)
{
	for (size_t i = 0; i < count && r->verdict == CHECK_UNSET; i++) {
		part[i](r);
		if (r->verdict == CHECK_UNSET && r->f->window->count > 0)
			(void)check_ok(r, "REMOVEMAPPING of the whole window",
				       map_remove(r, FRONT_ROOT, 0, r->f->window->bytes));
	}
}
#define MAP_PARTS(r, ...)                                                  \
	map_parts(r, (void (*const[])(struct check_run *)){ __VA_ARGS__ }, \
		  ARRAY_SIZE(((void (*const[])(struct check_run *)){ __VA_ARGS__ })))

#endif
