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
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define LOADER "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
#define LIBS   "/usr/lib/x86_64-linux-gnu"
/* Words of a daemon's command line at most. */
#define WORDS_MAX 8

/* A daemon of a stack root. {fd} and {share} are filled in. */
struct daemon_row {
	const char *id;
	const char *root; /* below build/roots; NULL: a program of this build */
	const char *program;
	const char *words[WORDS_MAX];
	uint64_t features; /* that it offers */
	uint64_t protocol;
	bool dies_of_interrupt; /* of an unknown unique, and then any request */
	bool silent_destroy;	/* DESTROY comes back used, with no reply in it */
};

#define RUST_WORDS                                                             \
	{                                                                      \
		"--fd={fd}", "--shared-dir={share}", "--cache=auto", "--xattr" \
	}

static const struct daemon_row daemons[] = {
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

static bool is_here(const struct daemon_row *row)
{
	CLEANUP(freep) char *path = fs_path("build/roots/%s%s", row->root, row->program);

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

static void add_words(struct strv *argv, const struct daemon_row *row, int fd, const char *share)
{
	for (size_t i = 0; i < WORDS_MAX && row->words[i]; i++) {
		const char *w = row->words[i];
		const char *at;

		if ((at = strstr(w, "{fd}")))
			strv_addf(argv, "%.*s%d", (int)(at - w), w, fd);
		else if ((at = strstr(w, "{share}")))
			strv_addf(argv, "%.*s%s", (int)(at - w), w, share);
		else
			strv_add(argv, w);
	}
}

static int start_daemon(struct fixture *t, int listen_fd)
{
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(fd_closep)
	int log = open(t->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct proc_spec spec = { .stdout_fd = log, .stderr_fd = log };

	strv_addf(&argv, "build/roots/%s" LOADER, t->row->root);
	strv_add(&argv, "--library-path");
	strv_addf(&argv, "build/roots/%s" LIBS, t->row->root);
	strv_addf(&argv, "build/roots/%s%s", t->row->root, t->row->program);
	add_words(&argv, t->row, listen_fd, t->share);
	if (strv_failed(&argv))
		return -ENOMEM;
	spec.argv = argv.item;
	spec.keep_fds = &listen_fd;
	spec.keep_count = 1;
	return proc_start(&spec, &t->daemon, &t->err);
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
	fd = listen_at(t->socket);
	return fd < 0 ? fd : start_daemon(t, fd);
}

static void show(struct fixture *t)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	if (t->f)
		(void)front_evidence_text(t->f->evidence, true, &text);
	if (fs_read(t->log, 64 * KIB, &text, NULL) < 0)
		(void)buf_printf(&text, "(no log)");
	/* print_message() would cut it. */
	(void)printf("%s: %s\n%s\n", t->row->id, t->err.text, buf_text(&text));
}

static void tear_down(struct fixture *t)
{
	t->f = front_free(t->f);
	(void)proc_end(&t->daemon, 2000);
	if (fs_remove_tree(t->dir, &t->err) < 0)
		print_message("%s\n", t->err.text);
}

/* A check that keeps the reason: asserts of cmocka would leave the daemon behind. */
#define CHECK(t, what)                                                           \
	do {                                                                     \
		if (!(what)) {                                                   \
			print_message("%s:%d: %s\n", __FILE__, __LINE__, #what); \
			return -1;                                               \
		}                                                                \
	} while (0)

static void on_each(int (*run)(struct fixture *t, const struct front_options *options),
		    const struct front_options *options)
{
	unsigned tried = 0;

	for (size_t i = 0; i < ARRAY_SIZE(daemons); i++) {
		struct fixture t;
		int e;

		if (!is_here(&daemons[i])) {
			print_message("SKIP %s: there is no build/roots/%s%s\n", daemons[i].id,
				      daemons[i].root, daemons[i].program);
			continue;
		}
		tried++;
		e = set_up(&t, &daemons[i]);
		if (e == 0)
			e = run(&t, options);
		if (e < 0)
			show(&t);
		tear_down(&t);
		assert_int_equal(e, 0);
	}
	if (tried == 0)
		skip();
}

#endif
