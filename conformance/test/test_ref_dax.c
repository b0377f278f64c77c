// SPDX-License-Identifier: Apache-2.0
/* Requests that a driver may make of a DAX window, and what becomes of the front end's mappings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/wait.h>

#include "conformance/ref/broker/broker.h"
#include "conformance/ref/dax/table.h"
#include "conformance/test/test_ref_dax_rig.h"

#define P FAKE_PAGE
#define R FUSE_SETUPMAPPING_FLAG_READ
#define W FUSE_SETUPMAPPING_FLAG_WRITE

/* Page @n of a file that fill_pages() has filled. */
static void fill_pages(const struct dax_file *f, unsigned pages, uint8_t mark)
{
	uint8_t page[FAKE_PAGE];

	for (unsigned i = 0; i < pages; i++) {
		memset(page, (int)(mark + i), sizeof(page));
		assert_int_equal(pwrite(f->fd, page, sizeof(page), (off_t)(i * P)), sizeof(page));
	}
}

/* One byte for each page of the window from the first on: its content, or '.' where nothing is. */
static void shows(const struct rig *r, const char *expected)
{
	char seen[64] = "";

	for (unsigned i = 0; expected[i]; i++)
		seen[i] = fake_live(r->front[0], i * P) ? (char)r->front[0]->base[i * P] : '.';
	assert_string_equal(seen, expected);
}

struct two {
	struct rig r;
	struct dax_file a; /* pages A B C D E F G H */
	struct dax_file b; /* pages a b c d e f g h */
};

static void open_two(struct two *t, enum ref_tail tail)
{
	rig_open_as(&t->r, tail);
	t->a = rig_file(8 * P);
	t->b = rig_file(8 * P);
	fill_pages(&t->a, 8, 'A');
	fill_pages(&t->b, 8, 'a');
}

static void close_two(struct two *t)
{
	rig_close(&t->r);
	assert_int_equal(close(t->a.fd) + close(t->b.fd), 0);
}

static unsigned messages(const struct rig *r)
{
	return r->front[0]->maps + r->front[0]->unmaps;
}

static void test_overlap(void **state)
{
	struct two t;

	(void)state;
	open_two(&t, REF_TAIL_SHADOW);
	assert_int_equal(rig_map(&t.r, 0, &t.a, 0, 0, 8 * P, R), 0);
	shows(&t.r, "ABCDEFGH.");
	/* Middle, head and tail of what is there; the rest stays at its place. */
	assert_int_equal(rig_map(&t.r, 0, &t.b, 0, 2 * P, 2 * P, R), 0);
	shows(&t.r, "ABabEFGH.");
	assert_int_equal(rig_map(&t.r, 0, &t.b, 4 * P, 0, P, R), 0);
	shows(&t.r, "eBabEFGH.");
	assert_int_equal(rig_map(&t.r, 0, &t.b, 6 * P, 7 * P, 2 * P, R), 0);
	shows(&t.r, "eBabEFGgh");
	/* The same file at another distance replaces too. */
	assert_int_equal(rig_map(&t.r, 0, &t.a, 0, 3 * P, 3 * P, R), 0);
	shows(&t.r, "eBaABCGgh");
	/* Over everything. */
	assert_int_equal(rig_map(&t.r, 0, &t.b, 0, 0, 8 * P, W), 0);
	shows(&t.r, "abcdefghh");
	assert_int_equal(t.r.front[0]->count, 2);
	/* Stores reach the new file only. */
	t.r.front[0]->base[0] = '!';
	{
		char seen[2];

		assert_int_equal(pread(t.a.fd, seen, 1, 0) + pread(t.b.fd, seen + 1, 1, 0), 2);
		assert_memory_equal(seen, "A!", 2);
	}
	close_two(&t);
}

static void test_removal(void **state)
{
	struct two t;

	(void)state;
	open_two(&t, REF_TAIL_SHADOW);
	assert_int_equal(rig_unmap(&t.r, 0, 0, RIG_WINDOW_BYTES), 0); /* of nothing */
	assert_int_equal(dax_unmap(t.r.window[0], NULL, 0), 0);
	assert_int_equal(messages(&t.r), 0);
	assert_int_equal(rig_map(&t.r, 0, &t.a, 0, 0, 8 * P, R), 0);
	assert_int_equal(rig_unmap(&t.r, 0, 3 * P, P), 0);
	shows(&t.r, "ABC.EFGH");
	assert_int_equal(rig_unmap(&t.r, 0, 0, P), 0);
	shows(&t.r, ".BC.EFGH");
	assert_int_equal(rig_unmap(&t.r, 0, 2 * P, 3 * P), 0);
	shows(&t.r, ".B...FGH");
	assert_int_equal(rig_unmap(&t.r, 0, 7 * P, 8 * P), 0);
	shows(&t.r, ".B...FG.");
	assert_int_equal(rig_unmap(&t.r, 0, 0, RIG_WINDOW_BYTES), 0);
	shows(&t.r, "........");
	rig_check(&t.r);
	close_two(&t);
}

/* What is there already is not touched: 0 messages, also for write access; only the missing part is mapped. */
static void test_same_again(void **state)
{
	struct two t;
	struct dax_counts c;

	(void)state;
	open_two(&t, REF_TAIL_SHADOW);
	assert_int_equal(rig_map(&t.r, 0, &t.a, 2 * P, 2 * P, 2 * P, R), 0);
	assert_int_equal(messages(&t.r), 1);
	assert_int_equal(rig_map(&t.r, 0, &t.a, 2 * P, 2 * P, 2 * P, R), 0);
	dax_window_counts(t.r.window[0], &c);
	assert_int_equal(c.upgrades, 0);
	assert_int_equal(rig_map(&t.r, 0, &t.a, 2 * P, 2 * P, 2 * P, R | W), 0);
	assert_int_equal(rig_map(&t.r, 0, &t.a, 2 * P, 2 * P, 2 * P, R | W), 0);
	assert_int_equal(rig_map(&t.r, 0, &t.a, 3 * P, 3 * P, P, W), 0);
	dax_window_counts(t.r.window[0], &c);
	assert_int_equal(c.upgrades, 1);
	assert_int_equal(messages(&t.r), 1);
	assert_int_equal(rig_map(&t.r, 0, &t.a, 0, 0, 6 * P, R), 0);
	shows(&t.r, "ABCDEF.");
	assert_int_equal(t.r.front[0]->maps, 3);
	assert_int_equal(t.r.front[0]->unmaps, 0);
	/* It was writable from the start. */
	t.r.front[0]->base[2 * P] = 'x';
	close_two(&t);
}

static void test_refused_without_change(void **state)
{
	const uint64_t window = RIG_WINDOW_BYTES;
	const struct fuse_setupmapping_in bad[] = {
		{ .foffset = 0, .moffset = 0, .len = 0, .flags = R },
		{ .foffset = 0, .moffset = 0, .len = P, .flags = 0 },
		{ .foffset = 0, .moffset = 0, .len = P, .flags = 4 },
		{ .foffset = 0, .moffset = 0, .len = P, .flags = R | UINT64_C(1) << 63 },
		{ .foffset = 1, .moffset = 0, .len = P, .flags = R },
		{ .foffset = 2048, .moffset = 0, .len = P, .flags = R },
		{ .foffset = 0, .moffset = 2048, .len = P, .flags = R },
		{ .foffset = 0, .moffset = 0, .len = P + 1, .flags = R },
		{ .foffset = 0, .moffset = 0, .len = P - 1, .flags = R },
		{ .foffset = 0, .moffset = window, .len = P, .flags = R },
		{ .foffset = 0, .moffset = window - P, .len = 2 * P, .flags = R },
		{ .foffset = 0, .moffset = 0, .len = window + P, .flags = R },
		{ .foffset = 0, .moffset = UINT64_MAX - P + 1, .len = P, .flags = R },
		{ .foffset = 0, .moffset = UINT64_MAX - P + 1, .len = 2 * P, .flags = R },
		{ .foffset = UINT64_MAX - P + 1, .moffset = 0, .len = P, .flags = R },
		{ .foffset = UINT64_MAX - P + 1, .moffset = 0, .len = 2 * P, .flags = R },
		{ .foffset = INT64_MAX - P + 1, .moffset = 0, .len = P, .flags = R },
		{ .foffset = 0, .moffset = P, .len = UINT64_MAX - P + 1, .flags = R },
	};
	struct fuse_removemapping_one two[2] = { { .moffset = 0, .len = P } };
	struct two t;
	unsigned before;

	(void)state;
	open_two(&t, REF_TAIL_SHADOW);
	assert_int_equal(rig_map(&t.r, 0, &t.a, 0, 0, 4 * P, R), 0);
	before = messages(&t.r);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(dax_map(t.r.window[0], &t.b, &bad[i]), -EINVAL);
		two[1] = (struct fuse_removemapping_one){ .moffset = bad[i].moffset,
							  .len = bad[i].len };
		/* The good entry before a bad one is not carried out either. */
		if (dax_check_unmap(&two[1], window) < 0)
			assert_int_equal(dax_unmap(t.r.window[0], two, 2), -EINVAL);
	}
	assert_int_equal(messages(&t.r), before);
	shows(&t.r, "ABCD.");
	/* To the very end is right. */
	assert_int_equal(rig_map(&t.r, 0, &t.b, 0, window - P, P, R), 0);
	assert_int_equal(t.r.front[0]->base[window - P], 'a');
	close_two(&t);
}

static void test_wrong_files(void **state)
{
	struct two t;
	struct dax_file wrong;
	int pair[2];
	char path[64];

	(void)state;
	open_two(&t, REF_TAIL_SHADOW);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", t.a.fd);
	wrong = t.a;
	wrong.fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(rig_map(&t.r, 0, &wrong, 0, 0, P, R), -EACCES);
	assert_int_equal(close(wrong.fd), 0);
	wrong.fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
	assert_int_equal(rig_map(&t.r, 0, &wrong, 0, 0, P, R), -EACCES);
	assert_int_equal(close(wrong.fd), 0);
	wrong.fd = t.b.fd;
	assert_int_equal(rig_map(&t.r, 0, &wrong, 0, 0, P, R), -EINVAL);
	wrong.fd = -1;
	assert_int_equal(rig_map(&t.r, 0, &wrong, 0, 0, P, R), -EBADF);
	assert_int_equal(pipe(pair), 0);
	wrong.fd = pair[0];
	assert_int_equal(rig_map(&t.r, 0, &wrong, 0, 0, P, R), -EINVAL);
	assert_int_equal(close(pair[0]) + close(pair[1]), 0);
	/* No window, no mapping. */
	t.r.front[0]->window.bytes = 0;
	assert_int_equal(rig_map(&t.r, 0, &t.a, 0, 0, P, R), -ENOSYS);
	assert_int_equal(rig_unmap(&t.r, 0, 0, P), -ENOSYS);
	t.r.front[0]->window.bytes = RIG_WINDOW_BYTES;
	assert_int_equal(messages(&t.r), 0);
	close_two(&t);
}

/* The front end refuses the n-th map of a request: an error, and all is as it was. */
static void test_nak_restores(void **state)
{
	struct two t;
	struct dax_counts c;

	(void)state;
	open_two(&t, REF_TAIL_SHADOW);
	assert_int_equal(rig_map(&t.r, 0, &t.a, 0, 0, 3 * P, R), 0);
	assert_int_equal(rig_map(&t.r, 0, &t.a, 5 * P, 5 * P, 3 * P, R), 0);
	shows(&t.r, "ABC..FGH");
	/* Head, tail and the new one make three maps. */
	for (unsigned n = 1; n <= 3; n++) {
		t.r.front[0]->nak_after = n;
		assert_int_equal(rig_map(&t.r, 0, &t.b, 0, P, 6 * P, R), -ENOSPC);
		shows(&t.r, "ABC..FGH");
		rig_check(&t.r);
	}
	/* One for the head, one for the tail that a removal leaves. */
	for (unsigned n = 1; n <= 2; n++) {
		t.r.front[0]->nak_after = n;
		assert_int_equal(rig_unmap(&t.r, 0, P, P), -ENOSPC);
		shows(&t.r, "ABC..FGH");
	}
	dax_window_counts(t.r.window[0], &c);
	assert_int_equal(c.refused, 5);
	assert_int_equal(rig_map(&t.r, 0, &t.b, 0, P, 6 * P, R), 0);
	shows(&t.r, "AabcdefH");
	close_two(&t);
}

/* Everything is refused from some moment on: what could not be put back is gone, and the table knows. */
static void test_nak_for_good(void **state)
{
	struct two t;

	(void)state;
	open_two(&t, REF_TAIL_SHADOW);
	assert_int_equal(rig_map(&t.r, 0, &t.a, 0, 0, 3 * P, R), 0);
	t.r.front[0]->nak_percent = 100;
	assert_int_equal(rig_map(&t.r, 0, &t.b, 0, P, P, R), -ENOSPC);
	shows(&t.r, "...");
	t.r.front[0]->nak_percent = 0;
	rig_check(&t.r);
	assert_int_equal(rig_map(&t.r, 0, &t.b, 0, 0, 3 * P, R), 0);
	shows(&t.r, "abc");
	close_two(&t);
}

/* An unmap is refused: what the front end keeps stays known, so that its range is never given to it again. */
static void test_unmap_refused(void **state)
{
	struct two t;

	(void)state;
	open_two(&t, REF_TAIL_SHADOW);
	assert_int_equal(rig_map(&t.r, 0, &t.a, 0, 0, 3 * P, R), 0);
	t.r.front[0]->keep = 1;
	assert_int_equal(rig_map(&t.r, 0, &t.b, 0, P, P, R), -EIO);
	shows(&t.r, "ABC");
	t.r.front[0]->keep = 1;
	assert_int_equal(rig_unmap(&t.r, 0, 0, P), -EIO);
	shows(&t.r, "ABC");
	/* Out, head in, tail refused, and the head cannot be taken back. */
	t.r.front[0]->nak_after = 2;
	assert_int_equal(rig_map(&t.r, 0, &t.b, 0, P, P, R), -ENOSPC);
	shows(&t.r, "ABC");
	t.r.front[0]->nak_after = 2;
	t.r.front[0]->keep_after_map = 1;
	assert_int_equal(rig_map(&t.r, 0, &t.b, 0, P, P, R), -ENOSPC);
	shows(&t.r, "A..");
	rig_check(&t.r);
	/* A shrink by the other guest that meets a refusal leaves the rest to be tried again. */
	assert_int_equal(rig_map(&t.r, 0, &t.a, 0, 0, 3 * P, R), 0);
	t.r.front[0]->keep = 1;
	dax_before_shrink(t.r.share, t.r.window[1], t.a.dev, t.a.ino, 0, NULL);
	rig_check(&t.r);
	dax_before_shrink(t.r.share, t.r.window[1], t.a.dev, t.a.ino, 0, NULL);
	shows(&t.r, "...");
	close_two(&t);
}

static void test_too_many_fragments(void **state)
{
	static struct fake_front *front;
	struct two t;
	struct dax_window *w;
	struct fuse_setupmapping_in in = { .len = P, .flags = R };
	struct fuse_removemapping_one one = { .len = P };

	(void)state;
	open_two(&t, REF_TAIL_SHADOW);
	front = fake_open(2 * (DAX_FRAGMENTS_MAX + 2) * P);
	assert_int_equal(dax_window_new(t.r.share, &front->window, &w, NULL), 0);
	for (unsigned i = 0; i < DAX_FRAGMENTS_MAX; i++) {
		in.moffset = 2 * i * P;
		assert_int_equal(dax_map(w, &t.a, &in), 0);
	}
	in.moffset += 2 * P;
	assert_int_equal(dax_map(w, &t.a, &in), -ENOMEM);
	assert_int_equal(dax_unmap(w, &one, 1), 0);
	assert_int_equal(dax_map(w, &t.a, &in), 0);
	dax_window_clear(w, false);
	assert_int_equal(front->count, 0);
	assert_int_equal(front->violations, 0);
	w = dax_window_free(w);
	fake_close(front);
	close_two(&t);
}

static void test_clear(void **state)
{
	struct two t;
	struct dax_counts c;

	(void)state;
	open_two(&t, REF_TAIL_SHADOW);
	assert_int_equal(rig_map(&t.r, 0, &t.a, 0, 0, 3 * P, R), 0);
	assert_int_equal(rig_map(&t.r, 0, &t.b, 0, 3 * P, 3 * P, R), 0);
	dax_window_clear(t.r.window[0], false);
	shows(&t.r, "......");
	assert_int_equal(t.r.front[0]->unmaps, 2);
	/* The front end has reset: not one message, and the range is free. */
	assert_int_equal(rig_map(&t.r, 0, &t.a, 0, 0, 3 * P, R), 0);
	fake_drop_all(t.r.front[0]);
	{
		unsigned before = messages(&t.r);

		dax_window_clear(t.r.window[0], true);
		assert_int_equal(messages(&t.r), before);
	}
	assert_int_equal(rig_map(&t.r, 0, &t.b, 0, 0, 3 * P, R), 0);
	shows(&t.r, "abc");
	dax_window_counts(t.r.window[0], &c);
	assert_int_equal(c.live_bytes, 3 * P);
	assert_int_equal(c.live_bytes_max, 6 * P);
	close_two(&t);
}

/* A front end with few memory slots; a file that grows page by page under a mapping of the shadow kind. */
static void test_growth_with_few_slots(void **state)
{
	struct two t;
	uint8_t page[FAKE_PAGE];

	(void)state;
	open_two(&t, REF_TAIL_SHADOW);
	t.r.front[0]->maps_max = 8;
	assert_int_equal(rig_map(&t.r, 0, &t.a, 0, 0, RIG_RANGE, R), 0);
	for (unsigned i = 8; i < 200; i++) {
		memset(page, (int)i, sizeof(page));
		rig_write(&t.r, &t.a, i * P, page, i % 3 ? sizeof(page) : 100);
		assert_true(fake_live(t.r.front[0], i * P));
		for (unsigned k = 8; k <= i; k++)
			assert_int_equal(t.r.front[0]->base[k * P], k);
		rig_check(&t.r);
	}
	close_two(&t);
}

static unsigned count_fds(pid_t pid)
{
	char path[64];
	unsigned count = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir && readdir(dir))
		count++;
	if (dir)
		(void)closedir(dir);
	return count;
}

/* The child of @pid, or 0. */
static pid_t child_of(pid_t pid)
{
	char path[80];
	char text[32] = "";
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	f = fopen(path, "re");
	if (f) {
		if (!fgets(text, sizeof(text), f))
			text[0] = '\0';
		(void)fclose(f);
	}
	return (pid_t)atoi(text);
}

/* This process and the server of the broker. */
static unsigned count_both_fds(void)
{
	pid_t server = child_of(getpid());

	return count_fds(getpid()) + (server ? count_fds(server) : 0);
}

static void cycles(enum ref_tail tail)
{
	struct two t;
	unsigned before;

	open_two(&t, tail);
	before = count_both_fds();
	for (unsigned i = 0; i < 100000; i++) {
		const struct dax_file *f = i & 1 ? &t.a : &t.b;

		assert_int_equal(rig_map(&t.r, 0, f, 0, i % 3 * P, RIG_RANGE, R), 0);
		if (i % 4 == 3)
			assert_int_equal(rig_unmap(&t.r, 0, 0, RIG_WINDOW_BYTES), 0);
	}
	/* The broker lets go by itself, a little later; a leak would be of thousands. */
	assert_in_range(count_both_fds(), before - 2, before + 2);
	rig_check(&t.r);
	close_two(&t);
}

static void test_cycles_shadow(void **state)
{
	(void)state;
	cycles(REF_TAIL_SHADOW);
}

static void test_cycles_passthrough(void **state)
{
	(void)state;
	cycles(REF_TAIL_PASSTHROUGH);
}

/* A file that is mapped needs no descriptor for more of it, unless its size has to be looked at. */
static void more_of_it(enum ref_tail tail)
{
	struct two t;
	struct dax_file shut;

	open_two(&t, tail);
	shut = t.a;
	shut.fd = -1;
	assert_int_equal(rig_map(&t.r, 0, &shut, 0, 0, P, R), -EBADF);
	assert_int_equal(messages(&t.r), 0);
	assert_int_equal(rig_map(&t.r, 0, &t.a, 0, 0, P, R), 0);
	assert_int_equal(rig_map(&t.r, 0, &shut, 2 * P, P, P, R),
			 tail == REF_TAIL_SHADOW ? -EBADF : 0);
	shows(&t.r, tail == REF_TAIL_SHADOW ? "A.." : "AC.");
	shut.ino = t.b.ino;
	assert_int_equal(rig_map(&t.r, 0, &shut, 0, 3 * P, P, R), -EBADF);
	close_two(&t);
}

static void test_more_shadow(void **state)
{
	(void)state;
	more_of_it(REF_TAIL_SHADOW);
}

static void test_more_passthrough(void **state)
{
	(void)state;
	more_of_it(REF_TAIL_PASSTHROUGH);
}

/*
 * A file that cannot be passed through, here one of another private mount: a copy for its tail where that is
 * allowed, and the share says so.
 */
static void test_mixed(void **state)
{
	const struct ref_options o = { .tail = REF_TAIL_AUTO, .shared_dir = "/tmp" };
	struct broker *other = NULL;
	struct two t;
	struct dax_file odd = { .fd = -1 };
	struct dax_window *w;
	struct dax_share *share;
	struct stat st;

	(void)state;
	open_two(&t, REF_TAIL_PASSTHROUGH);
	assert_string_equal(dax_share_tail(t.r.share), "passthrough");
	assert_string_equal(dax_share_tail_reason(t.r.share), "");
	assert_int_equal(broker_start(&other, NULL), 0);
	assert_int_equal(broker_file(other, t.a.dev, t.a.ino, t.a.fd, &odd.fd), 0);
	assert_int_equal(fstat(odd.fd, &st), 0);
	odd.dev = st.st_dev;
	odd.ino = st.st_ino;
	assert_int_equal(rig_map(&t.r, 0, &odd, 0, 0, P, R), -ELOOP);
	assert_int_equal(messages(&t.r), 0);

	assert_int_equal(dax_share_open(&o, &share, NULL), 0);
	assert_int_equal(dax_window_new(share, &t.r.front[1]->window, &w, NULL), 0);
	assert_string_equal(dax_share_tail(share), "passthrough");
	assert_int_equal(dax_map(w, &odd, &(struct fuse_setupmapping_in){ .len = P, .flags = R }),
			 0);
	assert_string_equal(dax_share_tail(share), "mixed");
	assert_int_equal(t.r.front[1]->base[0], 'A');
	dax_window_clear(w, false);
	w = dax_window_free(w);
	share = dax_share_close(share);
	assert_int_equal(close(odd.fd), 0);
	other = broker_stop(other);
	close_two(&t);
}

/* Without privileges there is no passthrough: auto says why, and being told to use it is an error. */
static void test_no_privileges(void **state)
{
	struct ref_options o = { .tail = REF_TAIL_AUTO, .shared_dir = "/tmp" };
	struct dax_share *share = NULL;
	struct err err = { .text = "" };
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
			_exit(1);
		if (dax_share_open(&o, &share, &err) < 0 ||
		    strcmp(dax_share_tail(share), "shadow") != 0)
			_exit(2);
		if (!strstr(dax_share_tail_reason(share), "Operation not permitted") &&
		    !strstr(dax_share_tail_reason(share), "Permission denied"))
			_exit(3);
		share = dax_share_close(share);
		o.tail = REF_TAIL_PASSTHROUGH;
		if (dax_share_open(&o, &share, &err) >= 0 || !strstr(err.text, "--tail"))
			_exit(4);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_removal),
		cmocka_unit_test(test_same_again),
		cmocka_unit_test(test_refused_without_change),
		cmocka_unit_test(test_wrong_files),
		cmocka_unit_test(test_nak_restores),
		cmocka_unit_test(test_nak_for_good),
		cmocka_unit_test(test_unmap_refused),
		cmocka_unit_test(test_too_many_fragments),
		cmocka_unit_test(test_clear),
		cmocka_unit_test(test_growth_with_few_slots),
		cmocka_unit_test(test_more_shadow),
		cmocka_unit_test(test_more_passthrough),
		cmocka_unit_test(test_cycles_shadow),
		cmocka_unit_test(test_cycles_passthrough),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_no_privileges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
