// SPDX-License-Identifier: Apache-2.0
/* The front end against real daemons, without a guest: one session each, from handshake to DESTROY. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/rng.h"
#include "base/strv.h"
#include "conformance/front/load.h"

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
	uint64_t features; /* what FACTS of the handshake say is offered */
	uint64_t protocol;
	bool silent_destroy; /* DESTROY comes back used, with no reply in it */
};

#define RUST_WORDS                                                  \
	{                                                           \
		"--fd={fd}", "--shared-dir={share}", "--cache=auto" \
	}

static const struct daemon_row daemons[] = {
	{ .id = "c-bookworm",
	  .root = "bookworm",
	  .program = "/usr/lib/qemu/virtiofsd",
	  .words = { "--fd={fd}", "-o", "source={share}", "-o", "cache=auto" },
	  .features = UINT64_C(0x175000000),
	  .protocol = 0x8c2b },
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
	(void)snprintf(t->dir, sizeof(t->dir), "%.40s/vq-front-XXXXXX", tmp_dir());
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

#define DATA_SIZE 5000

static int write_and_read(struct fixture *t, uint64_t nodeid, uint64_t fh)
{
	struct rng rng = { 7 };
	uint8_t data[DATA_SIZE];
	uint8_t back[DATA_SIZE + 100];
	CLEANUP(buf_free) struct buf host = { 0 };
	CLEANUP(freep) char *path = fs_path("%s/file", t->share);
	uint32_t written = 0;
	size_t size = 0;

	rng_fill(&rng, data, sizeof(data));
	CHECK(t, front_write(t->f, nodeid, fh, 0, data, sizeof(data), &written) == 0);
	CHECK(t, written == sizeof(data));
	CHECK(t, front_read(t->f, nodeid, fh, 0, back, sizeof(back), &size) == 0);
	CHECK(t, size == sizeof(data) && memcmp(back, data, size) == 0);
	CHECK(t, fs_read(path, MIB, &host, &t->err) == 0);
	CHECK(t, host.size == sizeof(data) && memcmp(host.data, data, sizeof(data)) == 0);
	return 0;
}

static int list(struct fixture *t)
{
	struct fuse_open_out dir;
	struct front_dirents d;
	struct front_dirent entry;
	uint8_t bytes[4096];
	size_t size = 0;
	bool seen = false;
	uint64_t nodeid = 0;

	CHECK(t, front_opendir(t->f, FRONT_ROOT, &dir) == 0);
	CHECK(t, front_readdirplus(t->f, FRONT_ROOT, dir.fh, 0, bytes, sizeof(bytes), &size) == 0);
	front_dirents_begin(&d, bytes, size, true);
	while (front_dirents_next(&d, &entry) > 0) {
		if (strcmp(entry.name, "file") != 0)
			continue;
		seen = true;
		nodeid = entry.entry.nodeid;
	}
	CHECK(t, seen && nodeid > FRONT_ROOT);
	/* READDIRPLUS has counted a lookup. */
	CHECK(t, front_forget(t->f, nodeid, 1) == 0);
	CHECK(t, front_releasedir(t->f, FRONT_ROOT, dir.fh) == 0);
	return 0;
}

/* A strict client sees that Rust virtiofsd returns DESTROY without a reply. */
static int destroy(struct fixture *t)
{
	struct front_evidence *e = t->f->evidence;
	int wanted = t->row->silent_destroy ? FRONT_BROKEN : 0;

	CHECK(t, front_evidence_count(e) == 0);
	if (t->row->silent_destroy)
		front_evidence_allow(e, FRONT_FAULT_SHORT_REPLY);
	CHECK(t, front_destroy(t->f) == wanted);
	CHECK(t, front_evidence_of(e, FRONT_FAULT_SHORT_REPLY) == t->row->silent_destroy);
	return 0;
}

static int session(struct fixture *t)
{
	struct fuse_entry_out entry;
	struct fuse_entry_out again;
	struct fuse_open_out open;
	struct fuse_attr_out attr;

	CHECK(t, front_init(t->f, 0, NULL) == 0);
	CHECK(t, t->f->init.major == FUSE_KERNEL_VERSION && t->f->init.max_write >= 4096);
	CHECK(t, front_lookup(t->f, FRONT_ROOT, "file", &entry) == -ENOENT);
	CHECK(t,
	      front_create(t->f, FRONT_ROOT, "file", O_RDWR, S_IFREG | 0640, &entry, &open) == 0);
	CHECK(t, write_and_read(t, entry.nodeid, open.fh) == 0);
	CHECK(t, front_lookup(t->f, FRONT_ROOT, "file", &again) == 0);
	CHECK(t, again.nodeid == entry.nodeid && again.attr.size == DATA_SIZE);
	CHECK(t, front_getattr(t->f, entry.nodeid, NULL, &attr) == 0);
	CHECK(t, (attr.attr.mode & 07777) == 0640);
	CHECK(t, list(t) == 0);
	CHECK(t, front_release(t->f, entry.nodeid, open.fh, O_RDWR) == 0);
	CHECK(t, front_forget(t->f, entry.nodeid, 2) == 0);
	CHECK(t, destroy(t) == 0);
	return 0;
}

static int handshake(struct fixture *t, const struct front_options *options)
{
	struct front_options o = *options;

	o.path = t->socket;
	CHECK(t, front_new(&o, &t->f, &t->err) == 0);
	CHECK(t, t->f->offered == t->row->features);
	CHECK(t, t->f->protocol_offered == t->row->protocol);
	CHECK(t, t->f->queue_num >= 2);
	/* None of the packaged daemons has a window. */
	CHECK(t, t->f->window->bytes == 0 && !t->f->window->negotiated);
	return 0;
}

static int run_session(struct fixture *t, const struct front_options *options)
{
	CHECK(t, handshake(t, options) == 0);
	CHECK(t, session(t) == 0);
	CHECK(t, front_verify(t->f) == 0);
	CHECK(t, front_evidence_count(t->f->evidence) == 0);
	CHECK(t, front_stop(t->f, &t->err) == 0);
	return 0;
}

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

static void session_usual(void **state)
{
	static const struct front_options o = { .window = true, .traffic = true };

	(void)state;
	on_each(run_session, &o);
}

/* A table of memory instead of slots, no EVENT_IDX, no indirect descriptors, no acknowledgements. */
static void session_plain(void **state)
{
	static const struct front_options o = {
		.features_off = UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX |
				UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC,
		.protocol_off = UINT64_C(1) << VHOST_USER_PROTOCOL_F_REPLY_ACK,
		.memory_how = FRONT_MEMORY_TABLE,
		.memory = { .regions = 4 },
		.ring_size = 64,
		.traffic = true,
	};

	(void)state;
	on_each(run_session, &o);
}

static void session_polling(void **state)
{
	static const struct front_options o = { .busy_poll = true, .traffic = true };

	(void)state;
	on_each(run_session, &o);
}

static int run_fragmented(struct fixture *t, const struct front_options *options)
{
	static const uint32_t in_cuts[] = { 1, 20, 30 };
	static const uint32_t out_cuts[] = { 5, 100 };
	static const struct front_layout layouts[] = {
		{ .in_every = 7, .out_every = 3000, .kind = FRONT_CHAIN_INDIRECT },
		{ .in_every = 3000, .out_every = 9, .kind = FRONT_CHAIN_INDIRECT },
		{ .in_cuts = in_cuts,
		  .in_cut_count = ARRAY_SIZE(in_cuts),
		  .out_cuts = out_cuts,
		  .out_cut_count = ARRAY_SIZE(out_cuts),
		  .kind = FRONT_CHAIN_DIRECT },
	};

	CHECK(t, handshake(t, options) == 0);
	CHECK(t, front_init(t->f, 0, NULL) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct fuse_entry_out entry;
		struct fuse_open_out open;

		t->f->layout = layouts[i];
		CHECK(t, front_create(t->f, FRONT_ROOT, "file", O_RDWR, S_IFREG | 0640, &entry,
				      &open) == 0);
		CHECK(t, write_and_read(t, entry.nodeid, open.fh) == 0);
		CHECK(t, front_release(t->f, entry.nodeid, open.fh, 0) == 0);
		CHECK(t, front_unlink(t->f, FRONT_ROOT, "file") == 0);
		CHECK(t, front_forget(t->f, entry.nodeid, 1) == 0);
	}
	CHECK(t, front_evidence_count(t->f->evidence) == 0);
	return 0;
}

static void fragmented(void **state)
{
	static const struct front_options o = { .ring_size = 1024 };

	(void)state;
	on_each(run_fragmented, &o);
}

#define MANY 200

/* More in flight than were waited for one by one; then stop, and go on where it was. */
static int run_in_flight(struct fixture *t, const struct front_options *options)
{
	struct front_request *r[16];
	struct fuse_attr_out attr;

	CHECK(t, handshake(t, options) == 0);
	CHECK(t, front_init(t->f, 0, NULL) == 0);
	for (unsigned round = 0; round < MANY; round++) {
		struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

		for (size_t i = 0; i < ARRAY_SIZE(r); i++) {
			CHECK(t, front_prepare(t->f, &op, &r[i]) == 0);
			CHECK(t, front_enqueue(r[i]) == 0);
		}
		front_kick(t->f, 1);
		for (size_t i = 0; i < ARRAY_SIZE(r); i++)
			CHECK(t, front_wait(r[i], front_deadline(t->f)) == 0);
		for (size_t i = 0; i < ARRAY_SIZE(r); i++)
			front_request_free(r[i]);
		if (round != MANY / 2)
			continue;
		CHECK(t, front_stop(t->f, &t->err) == 0);
		CHECK(t, t->f->base[1] == t->f->ring[1].used_idx);
		CHECK(t, front_start(t->f, &t->err) == 0);
	}
	CHECK(t, front_getattr(t->f, FRONT_ROOT, NULL, &attr) == 0);
	CHECK(t, front_evidence_count(t->f->evidence) == 0);
	return 0;
}

static void in_flight(void **state)
{
	static const struct front_options o = { .ring_size = 128 };

	(void)state;
	on_each(run_in_flight, &o);
}

/* RESET_DEVICE, where it is offered: the rings are empty, and a new session begins. */
static int run_reset(struct fixture *t, const struct front_options *options)
{
	struct fuse_attr_out attr;
	int e;

	CHECK(t, handshake(t, options) == 0);
	for (int round = 0; round < 3; round++) {
		CHECK(t, front_init(t->f, 0, NULL) == 0);
		CHECK(t, front_getattr(t->f, FRONT_ROOT, NULL, &attr) == 0);
		e = front_reset(t->f, &t->err);
		if (!front_has_protocol(t->f, VHOST_USER_PROTOCOL_F_RESET_DEVICE)) {
			CHECK(t, e == -EOPNOTSUPP);
			return 0;
		}
		CHECK(t, e == 0);
		CHECK(t, front_start(t->f, &t->err) == 0);
	}
	CHECK(t, front_evidence_count(t->f->evidence) == 0);
	return 0;
}

static void reset(void **state)
{
	static const struct front_options o = { .ring_size = 128, .traffic = true };

	(void)state;
	on_each(run_reset, &o);
}

/* A VMM that dies with requests in flight: nothing of ours is left, and these daemons end. */
static int run_hang_up(struct fixture *t, const struct front_options *options)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct front_request *r[8];

	CHECK(t, handshake(t, options) == 0);
	CHECK(t, front_init(t->f, 0, NULL) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(r); i++) {
		CHECK(t, front_prepare(t->f, &op, &r[i]) == 0);
		CHECK(t, front_submit(r[i]) == 0);
	}
	front_request_free(r[0]);
	front_hang_up(t->f);
	for (size_t i = 1; i < ARRAY_SIZE(r); i++) {
		CHECK(t, r[i]->state == FRONT_LOST || r[i]->state == FRONT_DONE);
		front_request_free(r[i]);
	}
	CHECK(t, !t->f->requests && !front_is_alive(t->f));
	CHECK(t, proc_wait(&t->daemon, clock_deadline_ms(5000)) == 0);
	return 0;
}

static void hang_up(void **state)
{
	static const struct front_options o = { .ring_size = 128 };

	(void)state;
	on_each(run_hang_up, &o);
}

#define LOAD_FILE (4 * MIB)
#define LOAD_NS	  (50 * NS_PER_MS)

static int load_one(struct fixture *t, enum front_load_kind kind, unsigned depth, uint64_t nodeid,
		    uint64_t fh)
{
	struct front_load_result r;
	struct front_load_options o = { .kind = kind,
					.depth = depth,
					.ns = LOAD_NS,
					.nodeid = kind == FRONT_LOAD_LOOKUP ? FRONT_ROOT : nodeid,
					.fh = fh,
					.name = "file",
					.file_size = LOAD_FILE };

	CHECK(t, front_load_run(t->f, &o, &r, &t->err) == 0);
	CHECK(t, r.requests >= depth && r.errors == 0 && r.looked_up == 0);
	(void)printf("%-11s %-10s depth %2u: %8.0f/s, client %5.2f us, %.2f kicks each\n",
		     t->row->id, front_load_name(kind), depth, r.per_s,
		     (double)r.cpu_ns / 1000.0 / (double)r.requests,
		     (double)r.kicks / (double)r.requests);
	return 0;
}

static int run_load(struct fixture *t, const struct front_options *options)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;

	CHECK(t, handshake(t, options) == 0);
	CHECK(t, front_init(t->f, 0, NULL) == 0);
	CHECK(t,
	      front_create(t->f, FRONT_ROOT, "file", O_RDWR, S_IFREG | 0640, &entry, &open) == 0);
	CHECK(t, front_fallocate(t->f, entry.nodeid, open.fh, 0, LOAD_FILE, 0) == 0);
	for (int kind = 0; kind < FRONT_LOAD_KINDS; kind++) {
		CHECK(t, load_one(t, (enum front_load_kind)kind, 1, entry.nodeid, open.fh) == 0);
		CHECK(t, load_one(t, (enum front_load_kind)kind, 16, entry.nodeid, open.fh) == 0);
	}
	CHECK(t, front_release(t->f, entry.nodeid, open.fh, 0) == 0);
	CHECK(t, front_evidence_count(t->f->evidence) == 0);
	return 0;
}

static void load(void **state)
{
	static const struct front_options o = { .ring_size = 128 };

	(void)state;
	on_each(run_load, &o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session_usual),   cmocka_unit_test(session_plain),
		cmocka_unit_test(session_polling), cmocka_unit_test(fragmented),
		cmocka_unit_test(in_flight),	   cmocka_unit_test(load),
		cmocka_unit_test(reset),	   cmocka_unit_test(hang_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
