/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_TEST_DEVICE_FAULT_MAP_H
#define VQ_CONFORMANCE_TEST_DEVICE_FAULT_MAP_H

/* The DAX window. Files end at a page, so that all of them is mapped from the file itself. */

#include "conformance/test/device_fault.h"

#include <dirent.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#define RANGE (2 * MIB)
#define RO    FUSE_SETUPMAPPING_FLAG_READ
#define RW    (FUSE_SETUPMAPPING_FLAG_READ | FUSE_SETUPMAPPING_FLAG_WRITE)

static int map_named(struct fixture *t, const char *name, uint64_t foffset, uint64_t len,
		     uint64_t flags, uint64_t moffset)
{
	struct fuse_entry_out entry;
	int e = front_lookup(t->f, FRONT_ROOT, name, &entry);

	return e < 0 ? e : front_setupmapping(t->f, entry.nodeid, foffset, len, flags, moffset);
}

static int map_file(struct fixture *t)
{
	return map_named(t, "file", 0, RANGE, RW, 0);
}

static int unmap(struct fixture *t, uint64_t offset, uint64_t len)
{
	const struct fuse_removemapping_one one = { offset, len };

	return front_removemapping(t->f, FRONT_ROOT, &one, 1);
}

/* The byte at @offset of the window, or -errno. */
static int byte_at(const struct fixture *t, uint64_t offset)
{
	uint8_t byte;
	int e = front_window_read(t->f->window, offset, &byte, 1);

	return e < 0 ? e : byte;
}

/* ---- what the front end is told ---- */

static int shmem_id(struct fixture *t)
{
	return seen_if(t->f->shmem.sizes[0] == 0 && t->f->shmem.sizes[1] > 0);
}

static int shmem_count(struct fixture *t)
{
	return seen_if(t->f->shmem.region_count == 2);
}

static int shmem_grows(struct fixture *t)
{
	struct vhost_user_shmem_config again;

	TRY(front_get_shmem_config(&t->f->channel, &again));
	return seen_if(again.sizes[0] > t->f->shmem.sizes[0]);
}

static int shmem_negotiate(struct fixture *t)
{
	TRY(open_front(t));
	(void)!front_negotiate(t->f, &t->err);
	return CLEAN;
}

static int shmem_small(struct fixture *t)
{
	return seen_if(t->f->shmem.sizes[0] == MIB);
}

/* The evidence is in the message. */
static int map_seen(struct fixture *t)
{
	(void)map_file(t);
	return CLEAN;
}

static int map_read_only(struct fixture *t)
{
	TRY(map_file(t));
	return seen_if(!front_window_find(t->f->window, 0)->writable);
}

/* A request whose message to the front end is not answered yet. */
static int done_while_held(struct fixture *t, const struct front_op *op)
{
	uint64_t end_ns = clock_deadline_ms(t->with ? LONG_MS : SHORT_MS);
	struct front_request *r;
	bool early;

	front_window_hold(t->f->window);
	TRY(submit(t, op, &r));
	while (r->state == FRONT_IN_FLIGHT && clock_now_ns() < end_ns)
		(void)!front_wait_any(t->f, clock_deadline_ms(20));
	/* It may overtake the message that it did not wait for. */
	while (!t->f->window->has_held && clock_now_ns() < end_ns)
		front_pump_once(&t->f->pump);
	early = r->state == FRONT_DONE && t->f->window->has_held;
	front_window_release(t->f->window);
	TRY(front_wait(r, front_deadline(t->f)));
	front_request_free(r);
	return seen_if(early);
}

static int map_early(struct fixture *t)
{
	struct fuse_entry_out entry;
	struct front_op op;

	TRY(front_lookup(t->f, FRONT_ROOT, "file", &entry));
	op = front_op_setupmapping(entry.nodeid, 0, RANGE, RW, 0);
	return done_while_held(t, &op);
}

static int unmap_early(struct fixture *t)
{
	const struct fuse_removemapping_one one = { 0, RANGE };
	struct front_op op = front_op_removemapping(FRONT_ROOT, &one, 1);

	TRY(map_file(t));
	return done_while_held(t, &op);
}

static int map_nak_hidden(struct fixture *t)
{
	front_window_nak(t->f->window, 0, 1, 5);
	return seen_if(map_file(t) == 0);
}

static int map_private(struct fixture *t)
{
	CLEANUP(freep) char *path = host_path(t, "file");
	CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CLOEXEC);

	TRY(map_file(t));
	TRY(byte_at(t, 0) != 'f');
	TRY(pwrite(fd, "N", 1, 0) != 1);
	return seen_if(byte_at(t, 0) == 'f');
}

static int map_two(struct fixture *t)
{
	TRY(map_file(t));
	(void)map_named(t, "other", 0, RANGE, RW, 0);
	return CLEAN;
}

/* ---- what SETUPMAPPING takes ---- */

static int map_enosys(struct fixture *t)
{
	return seen_if(map_file(t) == -ENOSYS);
}

static int map_swapped(struct fixture *t)
{
	TRY(map_named(t, "file", 0, RANGE, RW, RANGE));
	return seen_if(!front_window_find(t->f->window, RANGE) &&
		       front_window_find(t->f->window, 0));
}

static int map_rounded(struct fixture *t)
{
	return seen_if(map_named(t, "file", 512, RANGE, RW, 0) == 0);
}

static int map_strict(struct fixture *t)
{
	return seen_if(t->f->init.map_alignment == 12 &&
		       map_named(t, "file", 4096, RANGE, RW, 0) == -EINVAL);
}

static int map_any_flags(struct fixture *t)
{
	return seen_if(map_named(t, "file", 0, RANGE, 8, 0) == 0);
}

static int map_empty(struct fixture *t)
{
	return seen_if(map_named(t, "file", 0, 0, RW, 0) == 0);
}

static int map_wraps(struct fixture *t)
{
	return seen_if(map_named(t, "file", 0, 8192, RW, UINT64_MAX - 4095) == 0);
}

static int map_past_window(struct fixture *t)
{
	(void)map_named(t, "file", 0, 8192, RW, t->f->window->bytes - 4096);
	return CLEAN;
}

static int map_past_eof(struct fixture *t)
{
	return seen_if(map_named(t, "file", MAP_BYTES - RANGE / 2, RANGE, RW, 0) == -EINVAL);
}

static int map_needs_handle(struct fixture *t)
{
	return seen_if(map_file(t) == -EBADF);
}

static int map_dies(struct fixture *t)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;

	TRY(map_file(t));
	TRY(front_lookup(t->f, FRONT_ROOT, "file", &entry));
	TRY(front_open_file(t->f, entry.nodeid, O_RDWR, &open));
	TRY(front_release(t->f, entry.nodeid, open.fh, O_RDWR));
	return seen_if(t->f->window->count == 0);
}

static int map_folder(struct fixture *t)
{
	return seen_if(front_setupmapping(t->f, FRONT_ROOT, 0, RANGE, RW, 0) == 0);
}

/* ---- over, into and beside what is mapped ---- */

static int map_overlap(struct fixture *t)
{
	TRY(map_file(t));
	return seen_if(map_named(t, "other", 0, RANGE, RW, RANGE / 2) == -EEXIST);
}

static int map_replace(struct fixture *t)
{
	TRY(map_file(t));
	TRY(map_named(t, "other", 0, RANGE, RW, 0));
	return seen_if(byte_at(t, 0) == 'f');
}

static int map_rest(struct fixture *t)
{
	TRY(map_file(t));
	TRY(map_named(t, "other", 0, RANGE / 2, RW, 0));
	return seen_if(byte_at(t, 0) == 'o' && byte_at(t, RANGE / 2) < 0);
}

static int map_upgrade(struct fixture *t)
{
	TRY(map_named(t, "file", 0, RANGE, RO, 0));
	return seen_if(map_file(t) == -EEXIST);
}

static int read_mapped(struct fixture *t)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	uint8_t byte;

	TRY(map_file(t));
	TRY(front_lookup(t->f, FRONT_ROOT, "file", &entry));
	TRY(front_open_file(t->f, entry.nodeid, O_RDWR, &open));
	return seen_if(front_read(t->f, entry.nodeid, open.fh, 0, &byte, 1, NULL) == -EIO);
}

/* ---- REMOVEMAPPING, and the end of a session ---- */

static int unmap_missing(struct fixture *t)
{
	TRY(map_file(t));
	TRY(unmap(t, 0, RANGE));
	return seen_if(t->f->window->count > 0);
}

static int unmap_whole(struct fixture *t)
{
	TRY(map_file(t));
	TRY(unmap(t, 0, RANGE / 2));
	return seen_if(byte_at(t, RANGE / 2) < 0);
}

static int unmap_seen(struct fixture *t)
{
	TRY(map_file(t));
	(void)unmap(t, 0, RANGE);
	return CLEAN;
}

static int unmap_exact(struct fixture *t)
{
	TRY(map_file(t));
	return seen_if(unmap(t, 0, RANGE / 2) == -ENOENT);
}

static int unmap_few(struct fixture *t)
{
	struct fuse_removemapping_one many[9];

	for (unsigned i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct fuse_removemapping_one){ i * 4096, 4096 };
	TRY(map_file(t));
	TRY(front_removemapping(t->f, FRONT_ROOT, many, 8));
	return seen_if(front_removemapping(t->f, FRONT_ROOT, many, 9) == -EINVAL);
}

static int unmap_padded(struct fixture *t)
{
	TRY(map_file(t));
	return seen_if(unmap(t, 0, RANGE) == -EINVAL);
}

static int init_keeps_maps(struct fixture *t)
{
	TRY(map_file(t));
	TRY(front_init(t->f, FUSE_MAP_ALIGNMENT, NULL));
	return seen_if(t->f->window->count > 0);
}

static int reset_unmaps(struct fixture *t)
{
	TRY(map_file(t));
	TRY(front_reset(t->f, &t->err));
	return seen_if(t->f->window->unmaps > 0);
}

/* What was mapped before the reset, again: the device believes that it is there. */
static int reset_keeps_maps(struct fixture *t)
{
	TRY(map_file(t));
	TRY(front_reset(t->f, &t->err));
	TRY(front_start(t->f, &t->err));
	TRY(front_init(t->f, FUSE_MAP_ALIGNMENT, NULL));
	TRY(map_file(t));
	return seen_if(byte_at(t, 0) < 0);
}

/* ---- what only the device suite had asked for ---- */

static int shmem_alone(struct fixture *t)
{
	return seen_if(!front_has_protocol(t->f, VHOST_USER_PROTOCOL_F_REPLY_ACK));
}

static int map_short(struct fixture *t)
{
	return seen_if(map_named(t, "file", 0, 4096 + 100, RW, 0) == 0 && byte_at(t, 4096) < 0);
}

static int map_no_window(struct fixture *t)
{
	return seen_if(map_file(t) == 0);
}

static int set_immutable(const struct fixture *t, bool on)
{
	CLEANUP(freep) char *path = host_path(t, "file");
	CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	int flags = 0;

	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return -errno;
	flags = on ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static int map_open_hidden(struct fixture *t)
{
	int e;

	/* A file that nobody may open for writing, root included; not every host has such files. */
	if (set_immutable(t, true) < 0)
		return SKIPPED;
	e = map_file(t);
	TRY(set_immutable(t, false));
	return seen_if(e == 0);
}

static int count_open(const struct fixture *t)
{
	CLEANUP(freep) char *path = fs_path("/proc/%d/fd", (int)t->daemon.pid);
	DIR *d = opendir(path);
	int count = 0;

	while (d && readdir(d))
		count++;
	if (d)
		(void)closedir(d);
	return count;
}

static int map_leaks(struct fixture *t)
{
	int before;

	TRY(map_file(t));
	TRY(unmap(t, 0, RANGE));
	before = count_open(t);
	for (int i = 0; i < 4; i++) {
		TRY(map_file(t));
		TRY(unmap(t, 0, RANGE));
	}
	return seen_if(count_open(t) >= before + 4);
}

static int map_deaf(struct fixture *t)
{
	(void)map_file(t);
	return seen_if(t->f->window->failed > 0);
}

static int upgrade_gap(struct fixture *t)
{
	TRY(map_file(t));
	TRY(map_file(t));
	return seen_if(t->f->window->unmaps > 0);
}

static int unmap_overread(struct fixture *t)
{
	const struct fuse_removemapping_one one = { 0, RANGE };
	struct front_op op = front_op_removemapping(FRONT_ROOT, &one, 1);
	const uint32_t count = 2;

	TRY(map_file(t));
	memcpy(op.arg, &count, sizeof(count));
	return seen_if(front_do(t->f, &op, NULL, 0, NULL) == 0);
}

static int unmap_needs_node(struct fixture *t)
{
	const struct fuse_removemapping_one one = { 0, RANGE };
	struct fuse_entry_out entry;

	TRY(front_lookup(t->f, FRONT_ROOT, "file", &entry));
	TRY(front_setupmapping(t->f, entry.nodeid, 0, RANGE, RW, 0));
	TRY(front_forget(t->f, entry.nodeid, 1));
	return seen_if(front_removemapping(t->f, entry.nodeid, &one, 1) == -ENOENT);
}

static int stop_talks(struct fixture *t)
{
	uint64_t features;

	TRY(map_file(t));
	TRY(front_stop(t->f, &t->err));
	TRY(front_get_features(&t->f->channel, &features));
	return CLEAN;
}

#define WINDOW .words = "--dax=always --window=8M --tail=shadow", .big = true, .front.window = true

static const struct fault_case map_cases[] = {
	CASE("shmem-id", shmem_id, WINDOW),
	CASE("shmem-count", shmem_count, WINDOW),
	CASE("shmem-grows", shmem_grows, WINDOW),
	SHOWS("shmem-odd", shmem_negotiate, MAP_ALIGN, .by_hand = true, WINDOW),
	CASE("shmem-small", shmem_small, WINDOW),
	SHOWS("shmem-unasked", map_seen, BACKEND_MESSAGE, WINDOW,
	      .front.protocol_off = BIT(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD)),
	SHOWS("map-padding", map_seen, MAP_PAYLOAD, WINDOW),
	SHOWS("map-no-fd", map_seen, MAP_FDS, WINDOW),
	SHOWS("map-flags", map_seen, MAP_FLAGS, WINDOW),
	CASE("map-read-only", map_read_only, WINDOW),
	CASE("map-early", map_early, WINDOW),
	CASE("map-nak-hidden", map_nak_hidden, WINDOW),
	CASE("map-private", map_private, WINDOW),
	SHOWS("map-over-live", map_two, MAP_OVERLAP, WINDOW),
	CASE("map-enosys", map_enosys, WINDOW),
	CASE("map-swapped", map_swapped, WINDOW),
	CASE("map-rounded", map_rounded, WINDOW),
	CASE("map-strict", map_strict, WINDOW),
	CASE("map-any-flags", map_any_flags, WINDOW),
	CASE("map-empty", map_empty, WINDOW),
	CASE("map-wraps", map_wraps, WINDOW),
	SHOWS("map-past-window", map_past_window, MAP_BOUNDS, WINDOW),
	CASE("map-past-eof", map_past_eof, WINDOW),
	CASE("map-needs-handle", map_needs_handle, WINDOW),
	CASE("map-dies", map_dies, WINDOW),
	CASE("map-folder", map_folder, WINDOW),
	CASE("map-overlap", map_overlap, WINDOW),
	CASE("map-replace", map_replace, WINDOW),
	CASE("map-rest", map_rest, WINDOW),
	CASE("map-upgrade", map_upgrade, WINDOW),
	CASE("read-mapped", read_mapped, WINDOW),
	CASE("unmap-missing", unmap_missing, WINDOW),
	CASE("unmap-early", unmap_early, WINDOW),
	CASE("unmap-whole", unmap_whole, WINDOW),
	SHOWS("unmap-partial", unmap_seen, UNMAP_OTHER, WINDOW),
	CASE("unmap-exact", unmap_exact, WINDOW),
	CASE("unmap-few", unmap_few, WINDOW),
	CASE("unmap-padded", unmap_padded, WINDOW),
	CASE("init-keeps-maps", init_keeps_maps, WINDOW),
	CASE("reset-unmaps", reset_unmaps, WINDOW),
	CASE("reset-keeps-maps", reset_keeps_maps, WINDOW),
	CASE("shmem-alone", shmem_alone, WINDOW),
	CASE("map-short", map_short, WINDOW),
	CASE("map-no-window", map_no_window),
	CASE("map-open-hidden", map_open_hidden, WINDOW),
	CASE("map-leaks", map_leaks, WINDOW),
	CASE("map-deaf", map_deaf, WINDOW, .waits = true, .front.window_options.mem_reg = true),
	CASE("upgrade-gap", upgrade_gap, WINDOW),
	CASE("unmap-overread", unmap_overread, WINDOW),
	CASE("unmap-needs-node", unmap_needs_node, WINDOW),
	SHOWS("stop-talks", stop_talks, MAP_STOPPED, WINDOW),
};

#endif
