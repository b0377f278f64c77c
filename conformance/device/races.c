// SPDX-License-Identifier: Apache-2.0
/*
 * Names that the host changes while the device walks. Each loop is bounded, and what may come of it is a
 * set: no verdict depends on who is faster.
 */
#include "conformance/device/areas.h"
#include "conformance/device/tree.h"

#include <pthread.h>
#include <sched.h>

#define LOOPS 150

/* A thread of the host that does one thing over and over. */
struct host_loop {
	const char *share;
	void (*turn)(struct host_loop *h, unsigned n);
	_Atomic bool stop;
	_Atomic unsigned turns;
	pthread_t thread;
};

static void *host_runs(void *data)
{
	struct host_loop *h = data;

	while (!h->stop) {
		h->turn(h, h->turns);
		h->turns++;
	}
	return NULL;
}

static bool start(struct check_run *r, struct host_loop *h)
{
	h->share = r->share;
	return check_host(r, "start a thread", -pthread_create(&h->thread, NULL, host_runs, h));
}

/* Whoever holds the processor: the other side gets a turn now and then. */
static void let_run(struct host_loop *h, unsigned i)
{
	unsigned before = h->turns;

	for (unsigned n = 0; i % 8 == 0 && h->turns == before && n < 1000; n++)
		(void)sched_yield();
}

static void end(struct host_loop *h)
{
	h->stop = true;
	(void)pthread_join(h->thread, NULL);
}

static void swap(struct host_loop *h, unsigned n)
{
	char a[TREE_PATH], b[TREE_PATH];

	(void)n;
	(void)!renameat2(AT_FDCWD, tree_path(a, h->share, "x"), AT_FDCWD,
			 tree_path(b, h->share, "y"), RENAME_EXCHANGE);
}

#define IS_ONE_OF(e, ...) is_one_of(e, (const int[]){ __VA_ARGS__, 1 })

/* The list ends with 1, which is no result. */
static bool is_one_of(int e, const int *list)
{
	while (*list != 1)
		if (e == *list++)
			return true;
	return false;
}

/* Folder and link to a folder outside change places: the link must never be walked. */
static const char *walk_folder(struct check_run *r, unsigned i, int *ret)
{
	struct fuse_entry_out dir, e;
	struct fuse_open_out open;
	char name[16];

	*ret = front_lookup(r->f, FRONT_ROOT, "x", &dir);
	if (*ret != 0)
		return IS_ONE_OF(*ret, -ENOENT, -ESTALE, -EAGAIN) ? NULL : "LOOKUP of the name";
	*ret = front_lookup(r->f, dir.nodeid, "secret", &e);
	if (!IS_ONE_OF(*ret, -ENOENT, -ENOTDIR, -ESTALE, -ELOOP))
		return "LOOKUP of a file that is outside only";
	(void)snprintf(name, sizeof(name), "made-%u", i);
	*ret = front_create(r->f, dir.nodeid, name, O_RDWR | O_CREAT, 0644, &e, &open);
	if (*ret == 0)
		*ret = front_release(r->f, e.nodeid, open.fh, 0);
	if (!IS_ONE_OF(*ret, 0, -ENOENT, -ENOTDIR, -ESTALE, -ELOOP))
		return "CREATE in the folder";
	*ret = front_forget(r->f, dir.nodeid, 1);
	return *ret ? "FORGET" : NULL;
}

static void swapped_folder(struct check_run *r)
{
	struct host_loop h = { .turn = swap };
	const char *wrong = NULL;
	int e = 0;

	NEED(r, r->outside, "a folder beside the share");
	HOST(r, "make a folder", host_mkdir(r->share, "x", 0755));
	HOST(r, "make a link", host_symlink(r->share, "y", r->outside));
	WANT(start(r, &h));
	for (unsigned i = 0; i < LOOPS && !wrong; i++) {
		wrong = walk_folder(r, i, &e);
		let_run(&h, i);
	}
	end(&h);
	WANT_THAT(r, !wrong, "the folder inside, or an error", "%s: result %d", wrong, e);
	WANT(check_alive(r));
}

/* The same with a file and a link to one: whatever is read must be the one inside. */
static const char *walk_file(struct check_run *r, char *text, size_t size, int *ret)
{
	struct fuse_setattr_in in = { .valid = FATTR_MODE, .mode = S_IFREG | 0606 };
	struct fuse_attr_out attr;
	struct fuse_entry_out e;

	*ret = front_lookup(r->f, FRONT_ROOT, "x", &e);
	if (*ret != 0)
		return IS_ONE_OF(*ret, -ENOENT, -ESTALE, -EAGAIN) ? NULL : "LOOKUP of the name";
	*ret = tree_reads(r->f, e.nodeid, text, size);
	if (*ret == 0 && strcmp(text, "inside") != 0)
		return "READ of something else";
	if (!IS_ONE_OF(*ret, 0, -ELOOP, -ENXIO, NOT_KNOWN, -EPERM, -EACCES))
		return "OPEN and READ";
	*ret = front_setattr(r->f, e.nodeid, &in, &attr);
	if (!IS_ONE_OF(*ret, 0, -ELOOP, -EOPNOTSUPP, -EINVAL, -ENOENT, -ESTALE, -EPERM, -ENOSYS))
		return "SETATTR";
	*ret = front_forget(r->f, e.nodeid, 1);
	return *ret ? "FORGET" : NULL;
}

static void swapped_file(struct check_run *r)
{
	struct host_loop h = { .turn = swap };
	char path[TREE_PATH], text[16] = "";
	const char *wrong = NULL;
	int e = 0;

	NEED(r, r->outside, "a folder beside the share");
	HOST(r, "make a file", host_write(r->share, "x", "inside", 6));
	HOST(r, "make a link", host_symlink(r->share, "y", tree_path(path, r->outside, "secret")));
	WANT(start(r, &h));
	for (unsigned i = 0; i < LOOPS && !wrong; i++) {
		wrong = walk_file(r, text, sizeof(text), &e);
		let_run(&h, i);
	}
	end(&h);
	WANT_THAT(r, !wrong, "the file inside, or an error", "%s: result %d, \"%s\"", wrong, e,
		  text);
	WANT(check_alive(r));
}

static void replace(struct host_loop *h, unsigned n)
{
	char text[16];

	/* Eight bytes of one digit: a mixture would show. */
	memset(text, '0' + (int)(n % 10), 8);
	if (host_write(h->share, "tmp", text, 8) == 0)
		(void)!tree_move(h->share, "tmp", h->share, "x");
}

static void replaced_file(struct check_run *r)
{
	struct host_loop h = { .turn = replace };
	char text[16] = "";
	const char *wrong = NULL;
	int e = 0;

	HOST(r, "make a file", host_write(r->share, "x", "00000000", 8));
	WANT(start(r, &h));
	for (unsigned i = 0; i < LOOPS && !wrong; i++) {
		struct fuse_entry_out entry;

		/* A replaced name is there all the time; a device that looks twice may say so. */
		e = front_lookup(r->f, FRONT_ROOT, "x", &entry);
		if (IS_ONE_OF(e, -ESTALE, -EAGAIN))
			continue;
		wrong = e ? "LOOKUP of the name" : NULL;
		if (e == 0)
			e = tree_reads(r->f, entry.nodeid, text, sizeof(text));
		if (!wrong && e == 0 &&
		    (strlen(text) != 8 || strspn(text, (char[]){ text[0], '\0' }) != 8))
			wrong = "READ of one file";
		/* What a file that is just going away is answered with differs from run to run. */
		if (!wrong && (e > 0 || e <= FRONT_TIMEOUT))
			wrong = "OPEN and READ";
		if (!wrong && front_forget(r->f, entry.nodeid, 1) != 0)
			wrong = "FORGET";
		let_run(&h, i);
	}
	end(&h);
	WANT_THAT(r, !wrong, "one of the files that had the name", "%s: result %d, \"%s\"", wrong,
		  e, text);
}

static void come_and_go(struct host_loop *h, unsigned n)
{
	if (n % 2)
		(void)!host_unlink(h->share, "x");
	else
		(void)!host_write(h->share, "x", "", 0);
}

/* Each opcode meets a name that is there or not. */
static int meet(struct check_run *r, unsigned i)
{
	uint32_t excl = i % 5 ? O_EXCL : 0;
	struct fuse_entry_out e;
	struct fuse_open_out open;
	int result;

	switch (i % 5) {
	case 0:
	case 1:
		result = front_create(r->f, FRONT_ROOT, "x", O_RDWR | O_CREAT | excl, 0644, &e,
				      &open);
		return result ? result : front_release(r->f, e.nodeid, open.fh, 0);
	case 2: return tree_unlink(r->f, FRONT_ROOT, "x");
	case 3: return front_mknod(r->f, FRONT_ROOT, "x", S_IFREG | 0644, 0, &e);
	default: return tree_rename(r->f, FRONT_ROOT, "x", FRONT_ROOT, "z");
	}
}

static void coming_and_going(struct check_run *r)
{
	struct host_loop h = { .turn = come_and_go };
	bool answered = true;
	int e = 0;

	WANT(start(r, &h));
	for (unsigned i = 0; i < LOOPS && answered; i++) {
		/* Which error fits depends on what the device had seen when the name went. */
		e = meet(r, i);
		answered = e <= 0 && e > FRONT_TIMEOUT;
		let_run(&h, i);
	}
	end(&h);
	WANT_THAT(r, answered, "success or an error", "%s",
		  e == FRONT_TIMEOUT ? "no answer"
		  : e == FRONT_GONE  ? "the device hung up"
				     : "a reply that breaks a rule");
	WANT(check_alive(r));
}

static void others(struct host_loop *h, unsigned n)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "other-%u", n % 20);
	if (n % 40 < 20)
		(void)!host_write(h->share, name, "", 0);
	else
		(void)!host_unlink(h->share, name);
}

static void listing(struct check_run *r)
{
	struct host_loop h = { .turn = others };
	const char *wrong = NULL;
	unsigned times = 1;

	HOST(r, "make 20 files", tree_many(r->share, 20, 4));
	WANT(start(r, &h));
	for (unsigned i = 0; i < 40 && !wrong; i++) {
		CLEANUP(tree_list_free) struct tree_list l = { 0 };

		if (tree_list(r->f, FRONT_ROOT, false, 300, 1000, &l) != 0)
			wrong = "the listing fails";
		for (unsigned n = 0; n < 20 && !wrong; n++) {
			char name[16];

			(void)snprintf(name, sizeof(name), "f-%04u", n);
			times = tree_listed(&l, name, NULL);
			wrong = times != 1 ? "a name that stays is not listed once" : NULL;
		}
		let_run(&h, i);
	}
	end(&h);
	WANT_THAT(r, !wrong, "each name that stays, once in each listing", "%s: %u times", wrong,
		  times);
}

static void move_folder(struct host_loop *h, unsigned n)
{
	(void)!tree_move(h->share, n % 2 ? "b/dir" : "a/dir", h->share, n % 2 ? "a/dir" : "b/dir");
}

static void moved_folder(struct check_run *r)
{
	struct host_loop h = { .turn = move_folder };
	struct fuse_entry_out a, dir, e;
	char text[8] = "";
	const char *wrong = NULL;
	int result = 0;

	HOST(r, "make a folder", host_mkdir(r->share, "a", 0755));
	HOST(r, "make a folder", host_mkdir(r->share, "b", 0755));
	HOST(r, "make a folder", host_mkdir(r->share, "a/dir", 0755));
	HOST(r, "make a file", host_write(r->share, "a/dir/file", "abc", 3));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "a", &a));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, a.nodeid, "dir", &dir));
	WANT(start(r, &h));
	/* By its nodeid the folder is the same wherever it is. */
	for (unsigned i = 0; i < LOOPS && !wrong; i++) {
		result = front_lookup(r->f, dir.nodeid, "file", &e);
		wrong = result ? "LOOKUP in the folder" : NULL;
		if (!wrong)
			result = tree_reads(r->f, e.nodeid, text, sizeof(text));
		if (!wrong && (result || strcmp(text, "abc") != 0))
			wrong = "OPEN and READ";
		let_run(&h, i);
	}
	end(&h);
	WANT_THAT(r, !wrong, "the file, wherever its folder is", "%s: result %d, \"%s\"", wrong,
		  result, text);
}

static const struct check checks[] = {
	{
		.id = "races.swapped-folder",
		.title = "a folder that is swapped with a link to outside is never left",
		.rows = "VIRTIO-FS-SEC-006",
		.sends =
			"150 times LOOKUP, LOOKUP and CREATE below; a thread of the host exchanges the "
			"folder and a link to a folder outside",
		.wants = "success inside or an error; nothing is found or made outside",
		.catches = "lookup-first",
		.run = swapped_folder,
	},
	{
		.id = "races.swapped-file",
		.title =
			"a file that is swapped with a link to outside is read and changed inside only",
		.rows = "VIRTIO-FS-SEC-006",
		.sends =
			"150 times LOOKUP, OPEN, READ, SETATTR; a thread of the host exchanges the file "
			"and a link to a file outside",
		.wants = "the content inside or an error; nothing changes outside",
		.catches = "error:LOOKUP:EIO:after=50",
		.run = swapped_file,
	},
	{
		.id = "races.replaced",
		.title = "a name that the host replaces all the time is always found, and one file",
		.rows = "MULTI-010 BUG-44",
		.sends =
			"150 times LOOKUP, OPEN, READ; a thread of the host renames new files over it",
		.wants = "LOOKUP finds it; the content of one file, or an error of OPEN",
		.catches = "error:LOOKUP:ENOENT:after=100",
		.run = replaced_file,
	},
	{
		.id = "races.come-and-go",
		.title = "a name that comes and goes does no harm",
		.rows = "VIRTIO-FS-SEC-010",
		.sends =
			"CREATE with and without O_EXCL, UNLINK, MKNOD, RENAME in turns, 150 in all; a "
			"thread of the host makes and removes the name",
		.wants = "success or any error; the device serves on",
		.catches = "exit-at:CREATE:after=20 exit-at:UNLINK:after=10",
		.run = coming_and_going,
	},
	{
		.id = "races.listing",
		.title = "names that stay are listed once, however many others come and go",
		.rows = "FUSE-NAME-006",
		.sends =
			"40 listings in pieces of 300 bytes; a thread of the host makes and removes "
			"other files",
		.wants = "each of the 20 names that stay exactly once",
		.catches = "readdir-lost readdir-twice",
		.run = listing,
	},
	{
		.id = "races.moved-folder",
		.title = "a nodeid of a folder works wherever the host moves it",
		.rows = "FUSE-ENT-003",
		.sends =
			"150 times LOOKUP in it, OPEN, READ; a thread of the host moves the folder",
		.wants = "success, with the right content",
		.catches = "lookup-first error:LOOKUP:ENOENT:after=100",
		.run = moved_folder,
	},
};

const struct check_area area_races = { "races", "Names that the host changes", checks,
				       ARRAY_SIZE(checks) };
