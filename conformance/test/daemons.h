/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_TEST_DAEMONS_H
#define VQ_CONFORMANCE_TEST_DAEMONS_H

/*
 * Real daemons for tests of the front end: a table, and the life of one in a private folder below $TMPDIR.
 * A new daemon is one more row. Include it after cmocka's headers.
 */

#include "base/clock.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/strv.h"
#include "conformance/front/fuse.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define LOADER "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
#define LIBS   "/usr/lib/x86_64-linux-gnu"
/* Words of a daemon's command line at most. */
#define WORDS_MAX 16
/* For a daemon that was told to end; a busy machine has nothing of it, a daemon that hangs needs all. */
#define END_MS 15000

/* A daemon of a stack root, or of this build. {fd}, {share} and {dir} are filled in. */
struct daemon_row {
	const char *id;
	const char *
		root; /* below build/roots; NULL: a program of this build, beside the test's folder */
	const char *program;
	const char *words[WORDS_MAX];
	uint64_t features; /* that it offers */
	uint64_t protocol;
	/* how the front end talks to it */
	bool packed;
	uint64_t features_off;
	unsigned queues;  /* 0: one */
	const char *disk; /* the share is a tmpfs of its own with these options; needs root */
	/* what it does that others do not */
	bool dies_of_interrupt; /* of an unknown unique, and then any request */
	bool silent_destroy;	/* DESTROY comes back used, with no reply in it */
};

#define RUST_WORDS                                                             \
	{                                                                      \
		"--fd={fd}", "--shared-dir={share}", "--cache=auto", "--xattr" \
	}

/* virtiofs-refdev: without a tag, a window and a privilege. */
#define REFDEV_FEATURES UINT64_C(0x570000000)
#define REFDEV_PROTOCOL UINT64_C(0x1a429)
#define REFDEV_WORDS	"--fd={fd}", "--shared-dir={share}", "--xattr"

#define NO_INDIRECT (UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC)
#define NO_EVENT    (UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX)

#define REFDEV(name, ring, off, count, ...)                                               \
	{                                                                                 \
		.id = name, .program = "virtiofs-refdev", .words = { __VA_ARGS__ },       \
		.features = REFDEV_FEATURES, .protocol = REFDEV_PROTOCOL, .packed = ring, \
		.features_off = off, .queues = count                                      \
	}
#define FOUR_QUEUES  "--queues=4"
#define FOUR_THREADS "--threads=4"

static const struct daemon_row daemons[] = {
	/* Of the five ways that it can be driven in, each pair in all four combinations. */
	REFDEV("refdev", false, 0, 1, REFDEV_WORDS),
	REFDEV("refdev-2", true, NO_EVENT, 4, REFDEV_WORDS, FOUR_QUEUES),
	REFDEV("refdev-3", false, NO_INDIRECT | NO_EVENT, 1, REFDEV_WORDS, FOUR_THREADS),
	REFDEV("refdev-4", true, NO_INDIRECT, 4, REFDEV_WORDS, FOUR_QUEUES, FOUR_THREADS),
	REFDEV("refdev-5", false, NO_EVENT, 4, REFDEV_WORDS, FOUR_QUEUES, FOUR_THREADS),
	REFDEV("refdev-6", true, NO_INDIRECT | NO_EVENT, 1, REFDEV_WORDS),
	REFDEV("refdev-7", true, 0, 1, REFDEV_WORDS, FOUR_THREADS),
	REFDEV("refdev-8", false, NO_INDIRECT, 4, REFDEV_WORDS, FOUR_QUEUES),
	{ .id = "c-bookworm",
	  .root = "bookworm",
	  .program = "/usr/lib/qemu/virtiofsd",
	  .words = { "--fd={fd}", "-o", "source={share}", "-o", "cache=auto,xattr,posix_lock" },
	  .features = UINT64_C(0x175000000),
	  .protocol = 0x8c2b,
	  .dies_of_interrupt = true },
	{ .id = "rust-trixie",
	  .root = "backports",
	  .program = "/usr/libexec/virtiofsd",
	  .words = RUST_WORDS,
	  .features = UINT64_C(0x174000000),
	  .protocol = 0x8a42b,
	  .silent_destroy = true },
	{ .id = "rust-sid",
	  .root = "sid",
	  .program = "/usr/libexec/virtiofsd",
	  .words = RUST_WORDS,
	  .features = UINT64_C(0x174000000),
	  .protocol = 0x8a42b,
	  .silent_destroy = true },
};

struct fixture {
	const struct daemon_row *row;
	char dir[64];
	char share[80];
	char socket[80];
	char log[80];
	struct proc daemon;
	struct front *f;
	struct err err;
};

static const char *tmp_dir(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir ? dir : "/tmp";
}

/* Of the flavour that the test is: a sanitizer's test starts a sanitizer's daemon. */
static char *program_of(const struct daemon_row *row)
{
	char self[256];
	ssize_t n;

	if (row->root)
		return fs_path("build/roots/%s%s", row->root, row->program);
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0)
		return NULL;
	self[n] = '\0';
	for (int i = 0; i < 2; i++) {
		char *slash = strrchr(self, '/');

		if (!slash)
			return NULL;
		*slash = '\0';
	}
	return fs_path("%s/%s", self, row->program);
}

/* The daemons of others are the same ones in every flavour: they belong to the first. */
static __attribute__((unused)) bool is_of_flavour(const struct daemon_row *row)
{
#ifdef __SANITIZE_ADDRESS__
	return !row->root;
#else
	(void)row;
	return true;
#endif
}

static bool is_here(const struct daemon_row *row)
{
	CLEANUP(freep) char *path = program_of(row);

	return path && fs_exists(path);
}

static int listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	CLEANUP(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 4) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static void add_words(struct strv *argv, const struct fixture *t, int fd)
{
	for (size_t i = 0; i < WORDS_MAX && t->row->words[i]; i++) {
		const char *w = t->row->words[i];
		const char *at;

		if ((at = strstr(w, "{fd}")))
			strv_addf(argv, "%.*s%d", (int)(at - w), w, fd);
		else if ((at = strstr(w, "{share}")))
			strv_addf(argv, "%.*s%s", (int)(at - w), w, t->share);
		else if ((at = strstr(w, "{dir}")))
			strv_addf(argv, "%.*s%s%s", (int)(at - w), w, t->dir, at + strlen("{dir}"));
		else
			strv_add(argv, w);
	}
}

static int start_daemon(struct fixture *t, int listen_fd)
{
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(freep) char *program = program_of(t->row);
	CLEANUP(fd_closep)
	int log = open(t->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	struct proc_spec spec = { .stdout_fd = log, .stderr_fd = log };

	if (t->row->root) {
		strv_addf(&argv, "build/roots/%s" LOADER, t->row->root);
		strv_add(&argv, "--library-path");
		strv_addf(&argv, "build/roots/%s" LIBS, t->row->root);
	}
	strv_add(&argv, program ? program : "");
	add_words(&argv, t, listen_fd);
	if (strv_failed(&argv))
		return -ENOMEM;
	spec.argv = argv.item;
	spec.keep_fds = &listen_fd;
	spec.keep_count = listen_fd >= 0;
	return proc_start(&spec, &t->daemon, &t->err);
}

/* A daemon that is told of no descriptor makes its socket itself, at {dir}/socket. */
static bool takes_fd(const struct daemon_row *row)
{
	for (size_t i = 0; i < WORDS_MAX && row->words[i]; i++)
		if (strstr(row->words[i], "{fd}"))
			return true;
	return false;
}

static int set_up(struct fixture *t, const struct daemon_row *row)
{
	CLEANUP(fd_closep) int fd = -1;

	*t = (struct fixture){ .row = row };
	(void)snprintf(t->dir, sizeof(t->dir), "%.40s/vq-device-XXXXXX", tmp_dir());
	if (!mkdtemp(t->dir))
		return -errno;
	(void)snprintf(t->share, sizeof(t->share), "%s/share", t->dir);
	(void)snprintf(t->socket, sizeof(t->socket), "%s/socket", t->dir);
	(void)snprintf(t->log, sizeof(t->log), "%s/log", t->dir);
	if (mkdir(t->share, 0755) < 0)
		return -errno;
	if (row->disk && mount("disk", t->share, "tmpfs", 0, row->disk) < 0)
		return -errno;
	if (!takes_fd(row))
		return start_daemon(t, -1);
	fd = listen_at(t->socket);
	return fd < 0 ? fd : start_daemon(t, fd);
}

/* How the row wants to be talked to, in what @options leave open. */
static struct front_options options_for(const struct fixture *t,
					const struct front_options *options)
{
	struct front_options o = *options;

	o.path = t->socket;
	o.packed |= t->row->packed;
	o.features_off |= t->row->features_off;
	o.queues = o.queues ? o.queues : t->row->queues;
	return o;
}

/* Its last queue is the one that operations go through. */
static int connect_front(struct fixture *t, const struct front_options *options)
{
	struct front_options o = options_for(t, options);
	int e = front_new(&o, &t->f, &t->err);

	if (e == 0)
		t->f->queue = t->f->options.queues;
	return e;
}

static void show(struct fixture *t)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	char fate[32];

	if (t->f)
		(void)front_evidence_text(t->f->evidence, true, &text);
	if (fs_read(t->log, 64 * KIB, &text, NULL) < 0)
		(void)buf_printf(&text, "(no log)");
	/* print_message() would cut it. */
	(void)printf("%s (%s): %s\n%s\n", t->row->id, proc_fate(&t->daemon, fate, sizeof(fate)),
		     t->err.text, buf_text(&text));
}

/*
 * A daemon of ours ends by itself or when it is asked to, with success: a sanitizer speaks by its exit code. What
 * has to go wrong (killed on purpose) is for the caller to have reaped.
 */
static int end_daemon(struct fixture *t)
{
	char fate[32];
	bool was_asked, ended;

	if (t->daemon.pid == 0 || (!t->daemon.running && t->daemon.status == SIGKILL))
		return 0;
	was_asked = proc_alive(&t->daemon);
	ended = proc_end(&t->daemon, END_MS);
	(void)proc_fate(&t->daemon, fate, sizeof(fate));
	if (t->row->root || strcmp(fate, "exited:0") == 0)
		return 0;
	/* By itself, at SIGTERM, or by our own hand: these are not the same news. */
	if (!ended)
		return err_set(&t->err, -EIO,
			       "the daemon did not end within %d ms of SIGTERM; killed", END_MS);
	return err_set(&t->err, -EIO, "the daemon ended %s: %s",
		       was_asked ? "at SIGTERM" : "before it was asked to", fate);
}

static int tear_down(struct fixture *t, int e)
{
	struct err err;
	int ended;

	if (e < 0)
		show(t);
	t->f = front_free(t->f);
	ended = end_daemon(t);
	if (e == 0 && ended < 0) {
		show(t);
		e = ended;
	}
	if (t->row->disk)
		(void)umount2(t->share, MNT_DETACH);
	if (fs_remove_tree(t->dir, &err) < 0)
		print_message("%s\n", err.text);
	return e;
}

/* A check that keeps the reason: asserts of cmocka would leave the daemon behind. */
#define CHECK(t, what)                                                           \
	do {                                                                     \
		if (!(what)) {                                                   \
			print_message("%s:%d: %s\n", __FILE__, __LINE__, #what); \
			return -1;                                               \
		}                                                                \
	} while (0)

__attribute__((unused)) static void on_each(int (*run)(struct fixture *t,
						       const struct front_options *options),
					    const struct front_options *options)
{
	unsigned tried = 0;

	for (size_t i = 0; i < ARRAY_SIZE(daemons); i++) {
		struct fixture t;
		int e;

		if (!is_of_flavour(&daemons[i]))
			continue;
		if (!is_here(&daemons[i])) {
			print_message("SKIP %s: there is no %s\n", daemons[i].id,
				      daemons[i].program);
			continue;
		}
		tried++;
		e = set_up(&t, &daemons[i]);
		if (e == 0)
			e = run(&t, options);
		assert_int_equal(tear_down(&t, e), 0);
	}
	if (tried == 0)
		skip();
}

#endif
