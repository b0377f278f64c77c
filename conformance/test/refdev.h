/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_TEST_REFDEV_H
#define VQ_CONFORMANCE_TEST_REFDEV_H

/*
 * virtiofs-refdev as a process, with a window, driven by one front end or two: what tests of DAX and of hard times share.
 * Include it after cmocka's headers. Checks return -1 with their place (CHECK of daemons.h); the daemon, its log
 * and the evidence are then shown.
 */

#include "conformance/test/daemons.h"
#include "conformance/test/processes.h"
#include "conformance/wire/refdev.h"

#include <dirent.h>
#include <sys/mman.h>
#include <time.h>

#define UNUSED	  __attribute__((unused))
#define PAGE	  UINT64_C(4096)
#define WINDOW	  (16 * MIB)
#define MAP_READ  ((uint64_t)FUSE_SETUPMAPPING_FLAG_READ)
#define MAP_WRITE ((uint64_t)FUSE_SETUPMAPPING_FLAG_WRITE)
#define MAP_BOTH  (MAP_READ | MAP_WRITE)
/* As a Linux guest offers that is mounted with -o dax=inode. */
#define DAX_FLAGS (FUSE_MAP_ALIGNMENT | FUSE_HAS_INODE_DAX)
#define WINDOW_WORDS                                                                        \
	"--socket-path={dir}/socket", "--socket-path={dir}/second", "--shared-dir={share}", \
		"--xattr", "--window=16M", "--counters={dir}/counters"

struct rig {
	struct fixture t;
	struct front *f; /* the first guest; t.f */
	struct front *g; /* the second one, once second_guest() has made it */
	bool shadow;
	const struct refdev_counters *counters;
};

static const struct daemon_row tail_rows[] = {
	{ .id = "passthrough",
	  .program = "virtiofs-refdev",
	  .words = { WINDOW_WORDS, "--dax=always", "--tail=passthrough" } },
	{ .id = "shadow",
	  .program = "virtiofs-refdev",
	  .words = { WINDOW_WORDS, "--dax=always", "--tail=shadow" } },
	/* Two requests of one guest at a time, in both. */
	{ .id = "passthrough, threads",
	  .program = "virtiofs-refdev",
	  .words = { WINDOW_WORDS, "--dax=always", "--tail=passthrough", "--threads=4" } },
	/* Without a sandbox, so that a sanitizer can look for leaks. */
	{ .id = "shadow, threads, no sandbox",
	  .program = "virtiofs-refdev",
	  .words = { WINDOW_WORDS, "--dax=always", "--tail=shadow", "--threads=4",
		     "--sandbox=none" },
	  .packed = true },
};

/* ---- life ---- */

static UNUSED int map_counters(struct rig *r)
{
	CLEANUP(freep) char *path = fs_path("%s/counters", r->t.dir);
	CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *at;

	if (fd < 0)
		return -errno;
	at = mmap(NULL, sizeof(*r->counters), PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	r->counters = at;
	return 0;
}

static UNUSED int rig_open(struct rig *r, const struct daemon_row *row,
			   const struct front_options *options)
{
	int e;

	*r = (struct rig){ .shadow = strncmp(row->id, "shadow", 6) == 0 };
	e = set_up(&r->t, row);
	if (e == 0)
		e = connect_front(&r->t, options);
	r->f = r->t.f;
	if (e == 0)
		e = map_counters(r);
	return e == 0 ? front_init(r->f, DAX_FLAGS, NULL) : e;
}

static UNUSED int second_guest(struct rig *r)
{
	CLEANUP(freep) char *path = fs_path("%s/second", r->t.dir);
	struct front_options o = r->f->options;

	o.path = path;
	CHECK(&r->t, front_new(&o, &r->g, &r->t.err) == 0);
	r->g->options.path = NULL;
	CHECK(&r->t, front_init(r->g, DAX_FLAGS, NULL) == 0);
	return 0;
}

/* The books are right, and nobody has seen a rule broken. */
static UNUSED int rig_check(struct rig *r)
{
	const struct refdev_counters *c = r->counters;

	if (front_is_alive(r->f))
		CHECK(&r->t, front_verify(r->f) == 0);
	CHECK(&r->t, front_evidence_count(r->f->evidence) == 0);
	CHECK(&r->t, !r->g || front_evidence_count(r->g->evidence) == 0);
	CHECK(&r->t, c->magic == REFDEV_COUNTERS_MAGIC);
	CHECK(&r->t, c->setups == c->removals + c->live);
	CHECK(&r->t, r->g || !front_is_alive(r->f) || c->live == r->f->window->count);
	return 0;
}

static UNUSED int rig_close(struct rig *r, int e)
{
	if (e == 0)
		e = rig_check(r);
	if (e < 0 && r->g) {
		CLEANUP(buf_free) struct buf text = { 0 };

		(void)front_evidence_text(r->g->evidence, false, &text);
		(void)printf("the second guest: %s\n", buf_text(&text));
	}
	r->g = front_free(r->g);
	if (r->counters)
		(void)munmap((void *)r->counters, sizeof(*r->counters));
	return tear_down(&r->t, e);
}

/* Linux before 6.9, or without the right to mount: said, not passed over. */
static UNUSED bool cannot_pass_through(const struct rig *r)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	return fs_read(r->t.log, 64 * KIB, &text, NULL) == 0 &&
	       strstr(buf_text(&text), "--tail passthrough:");
}

static UNUSED void on_rows(int (*run)(struct rig *r), const struct daemon_row *rows, size_t count)
{
	static const struct front_options o = { .window = true, .traffic = true };

	for (size_t i = 0; i < count; i++) {
		struct rig r;
		int e = rig_open(&r, &rows[i], &o);

		if (e < 0 && cannot_pass_through(&r)) {
			print_message("SKIP %s: this host cannot\n", rows[i].id);
			show(&r.t);
			proc_kill(&r.t.daemon);
			(void)tear_down(&r.t, 0);
			continue;
		}
		if (e == 0)
			e = run(&r);
		assert_int_equal(rig_close(&r, e), 0);
	}
}

static UNUSED void on_tails(int (*run)(struct rig *r))
{
	on_rows(run, tail_rows, ARRAY_SIZE(tail_rows));
}

/* ---- the host ---- */

static UNUSED int host_open(const struct rig *r, const char *name)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", r->t.share, name);

	return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
}

static UNUSED uint64_t host_size(const struct rig *r, const char *name)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", r->t.share, name);
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_size : UINT64_MAX;
}

/* No page is like another, and no byte 0. */
static UNUSED uint8_t byte_at(uint64_t seed, uint64_t offset)
{
	return (uint8_t)((offset + offset / PAGE * 7 + seed * 13) % 251 + 1);
}

static UNUSED void fill(uint8_t *ret, size_t size, uint64_t seed, uint64_t offset)
{
	for (size_t i = 0; i < size; i++)
		ret[i] = byte_at(seed, offset + i);
}

static UNUSED int host_make(const struct rig *r, const char *name, uint64_t seed, uint64_t size)
{
	CLEANUP(fd_closep) int fd = host_open(r, name);
	CLEANUP(freep) uint8_t *data = malloc(size + 1);

	if (fd < 0 || !data || ftruncate(fd, 0) < 0)
		return -EIO;
	fill(data, size, seed, 0);
	return pwrite(fd, data, size, 0) == (ssize_t)size ? 0 : -EIO;
}

static UNUSED int host_byte(const struct rig *r, const char *name, uint64_t offset)
{
	CLEANUP(fd_closep) int fd = host_open(r, name);
	uint8_t byte;

	return pread(fd, &byte, 1, (off_t)offset) == 1 ? byte : -1;
}

static UNUSED int host_put(const struct rig *r, const char *name, uint64_t offset, uint8_t byte)
{
	CLEANUP(fd_closep) int fd = host_open(r, name);

	return pwrite(fd, &byte, 1, (off_t)offset) == 1 ? 0 : -EIO;
}

/* ---- guests ---- */

static UNUSED int node_of(struct front *f, const char *name, uint64_t *ret)
{
	struct fuse_entry_out e;
	int r = front_lookup(f, FRONT_ROOT, name, &e);

	if (r == 0)
		*ret = e.nodeid;
	return r;
}

static UNUSED int set_size(struct front *f, uint64_t node, uint64_t size)
{
	struct fuse_setattr_in in = { .valid = FATTR_SIZE, .size = size };
	struct fuse_attr_out out;
	int e = front_setattr(f, node, &in, &out);

	return e == 0 && out.attr.size != size ? -EIO : e;
}

static UNUSED int unmap(struct front *f, uint64_t offset, uint64_t len)
{
	struct fuse_removemapping_one one = { .moffset = offset, .len = len };

	return front_removemapping(f, FRONT_ROOT, &one, 1);
}

static UNUSED int peek(struct front *f, uint64_t offset)
{
	uint8_t byte;
	int e = front_window_read(f->window, offset, &byte, 1);

	return e < 0 ? e : byte;
}

static UNUSED int poke(struct front *f, uint64_t offset, uint8_t byte)
{
	return front_window_write(f->window, offset, &byte, 1);
}

/* Does the window at @at show @size bytes of the file of @seed, from @offset of it on? */
static UNUSED bool shows(struct front *f, uint64_t at, uint64_t seed, uint64_t offset, size_t size)
{
	CLEANUP(freep) uint8_t *is = malloc(size + 1);
	CLEANUP(freep) uint8_t *should = malloc(size + 1);

	fill(should, size, seed, offset);
	return size == 0 ||
	       (front_window_read(f->window, at, is, size) == 0 && memcmp(is, should, size) == 0);
}

static UNUSED bool shows_zeros(struct front *f, uint64_t at, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (peek(f, at + i) != 0)
			return false;
	return true;
}

static UNUSED bool shows_nothing(struct front *f, uint64_t at, uint64_t size)
{
	for (uint64_t i = 0; i < size; i += PAGE)
		if (peek(f, at + i) != -EFAULT)
			return false;
	return true;
}

/* Wait for @q of one guest while both are served: the device may have something to ask of either. */
static UNUSED int wait_both(struct rig *r, struct front_request *q)
{
	uint64_t deadline = clock_deadline_ms(5000);

	while (q->state == FRONT_IN_FLIGHT && clock_now_ns() < deadline) {
		struct timespec nap = { .tv_nsec = 100000 };

		front_pump_once(&r->f->pump);
		if (r->g)
			front_pump_once(&r->g->pump);
		if (front_poll(q->front) == 0)
			(void)nanosleep(&nap, NULL);
	}
	return q->state == FRONT_IN_FLIGHT ? FRONT_TIMEOUT : q->result;
}

static UNUSED int submit(struct front *f, const struct front_op *op, struct front_request **ret)
{
	int e = front_prepare(f, op, ret);

	return e == 0 ? front_submit(*ret) : e;
}

/* As front_do(), with both guests served. */
static UNUSED int do_both(struct rig *r, struct front *f, const struct front_op *op)
{
	struct front_request *q;
	int e = submit(f, op, &q);

	if (e < 0)
		return e;
	e = wait_both(r, q);
	front_request_free(q);
	return e;
}

/* ---- the daemon ---- */

/* A file of /proc of the process that serves: the one that was started does nothing but wait for it. */
static UNUSED char *parser_path(const struct rig *r, const char *name)
{
	return fs_path("/proc/%d/%s", (int)process_parser(r->t.daemon.pid), name);
}

static UNUSED int count_entries(const struct rig *r, const char *name)
{
	CLEANUP(freep) char *path = parser_path(r, name);
	DIR *dir = opendir(path ? path : "");
	int count = 0;

	if (!dir)
		return -errno;
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count;
}

/* What a daemon that leaks has more of. */
struct held {
	int fds;
	int threads;
	int maps;      /* of files and shared memory: guest memory, copied pages, counters */
	int anonymous; /* other memory: rings, stacks, the allocator */
};

/* An arena of the allocator; a sanitizer's grows as it likes, and its flavour compares the others only. */
#ifdef __SANITIZE_ADDRESS__
#define ANONYMOUS_SLACK 1000
#else
#define ANONYMOUS_SLACK 6
#endif

static UNUSED struct held held_by(const struct rig *r)
{
	struct held h = { .fds = count_entries(r, "fd"), .threads = count_entries(r, "task") };
	CLEANUP(freep) char *path = parser_path(r, "maps");
	CLEANUP(buf_free) struct buf text = { 0 };

	if (!path || fs_read(path, 4 * MIB, &text, NULL) < 0 || text.size == 0)
		return h;
	for (char *line = strtok(text.data, "\n"); line; line = strtok(NULL, "\n")) {
		unsigned long inode = 0;

		if (sscanf(line, "%*s %*s %*s %*s %lu", &inode) == 1)
			*(inode ? &h.maps : &h.anonymous) += 1;
	}
	return h;
}

static UNUSED bool holds(const struct rig *r, const struct held *before)
{
	const struct held now = held_by(r);

	return now.fds > 0 && now.fds == before->fds && now.threads > 0 &&
	       now.threads == before->threads && now.maps > 0 && now.maps == before->maps &&
	       now.anonymous <= before->anonymous + ANONYMOUS_SLACK;
}

static UNUSED bool log_has(const struct rig *r, const char *text)
{
	CLEANUP(buf_free) struct buf log = { 0 };

	return fs_read(r->t.log, 256 * KIB, &log, NULL) == 0 && strstr(buf_text(&log), text);
}

/* What another thread of the daemon does about now. */
#define SOON(what)                                                              \
	__extension__({                                                         \
		uint64_t soon_ = clock_deadline_ms(3000);                       \
		while (!(what) && clock_now_ns() < soon_)                       \
			(void)nanosleep(&(struct timespec){ 0, 500000 }, NULL); \
		(what);                                                         \
	})

#endif
