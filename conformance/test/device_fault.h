/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_TEST_DEVICE_FAULT_H
#define VQ_CONFORMANCE_TEST_DEVICE_FAULT_H

/*
 * One virtiofs-refdev with one --fault, seen by the front end; and the same without, which must not show it.
 * Each fault has a row: how to provoke it, and what then is on the wire.
 */

#include "base/clock.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/strv.h"
#include "conformance/front/fuse.h"
#include "conformance/test/fault_list.h"

#include <fcntl.h>
#include <jansson.h>
#include <linux/virtio_config.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define BIT(n) (UINT64_C(1) << (n))

/* What a provocation saw. Negative: it could not be done. */
enum { CLEAN = 0, SEEN = 1, SKIPPED = 2 };

/* With a fault that leaves something out, this is how long it is waited for. */
#define SHORT_MS 300
/* Without: as long as a machine with other things to do may need. */
#define LONG_MS 10000

/* Files of the share, made anew for each session: "file" is of 'f', "other" of 'o'. */
#define FILE_BYTES (8 * KIB)
#define MAP_BYTES  (4 * MIB)

struct fixture;

struct fault_case {
	const char *fault; /* as --fault takes it */
	int (*provoke)(struct fixture *t);
	int evidence; /* of this kind and 1 more, and CLEAN from the provocation says nothing; 0: none */
	const char *words; /* further options of the device, in both runs */
	struct front_options front;
	bool by_hand; /* the provocation connects by itself */
	bool no_init;
	bool waits; /* something does not come: SHORT_MS */
	bool big;   /* files of MAP_BYTES */
};
/* A row whose provocation sees it, and one of which evidence of that kind is left. */
#define CASE(fault_, provoke_, ...)                                   \
	{                                                             \
		.fault = (fault_), .provoke = (provoke_), __VA_ARGS__ \
	}
#define SHOWS(fault_, provoke_, kind, ...) \
	CASE(fault_, provoke_, .evidence = (int)FRONT_FAULT_##kind + 1, __VA_ARGS__)

struct fixture {
	const struct fault_case *row;
	bool with; /* the fault */
	char dir[64];
	char share[80];
	char log[80];
	char ledger[80];
	char socket[80];
	struct proc daemon;
	struct front *f;
	struct err err;
};

static const char *tmp_dir(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir ? dir : "/tmp";
}

/* ---- the host's side of the share ---- */

static char *host_path(const struct fixture *t, const char *name)
{
	return fs_path("%s/%s", t->share, name);
}

static int host_fill(const struct fixture *t, const char *name, char c, size_t size)
{
	CLEANUP(freep) char *path = host_path(t, name);
	CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	static char page[4096];

	memset(page, c, sizeof(page));
	for (size_t at = 0; fd >= 0 && at < size; at += sizeof(page))
		if (write(fd, page, sizeof(page)) != (ssize_t)sizeof(page))
			return -EIO;
	return fd < 0 ? -errno : 0;
}

static int host_stat(const struct fixture *t, const char *name, struct stat *ret)
{
	CLEANUP(freep) char *path = host_path(t, name);

	return lstat(path, ret) < 0 ? -errno : 0;
}

static int host_bytes(const struct fixture *t, const char *name, off_t at, void *ret, size_t size)
{
	CLEANUP(freep) char *path = host_path(t, name);
	CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 || pread(fd, ret, size, at) != (ssize_t)size ? -EIO : 0;
}

static int fill_share(struct fixture *t)
{
	size_t size = t->row->big ? MAP_BYTES : FILE_BYTES;
	CLEANUP(freep) char *sub = host_path(t, "sub");
	int e = host_fill(t, "file", 'f', size);

	if (e == 0)
		e = host_fill(t, "other", 'o', size);
	return e == 0 && mkdir(sub, 0755) < 0 ? -errno : e;
}

/* ---- a device ---- */

static int listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	CLEANUP(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 4) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* Options of the row, a second fault among them, go to both runs. */
static void add_options(struct strv *argv, const struct fixture *t)
{
	CLEANUP(freep) char *words = t->row->words ? strdup(t->row->words) : NULL;
	char *save = NULL;

	for (char *w = words ? strtok_r(words, " ", &save) : NULL; w;
	     w = strtok_r(NULL, " ", &save))
		strv_add(argv, w);
	if (!t->row->words || !strstr(t->row->words, "--tag"))
		strv_add(argv, "--tag=vq");
	if (t->with)
		strv_addf(argv, "--fault=%s", t->row->fault);
}

static int start_device(struct fixture *t, int listen_fd)
{
	CLEANUP(freep) char *device = device_path();
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(fd_closep)
	int log = open(t->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct proc_spec spec = {
		.stdout_fd = log, .stderr_fd = log, .keep_fds = &listen_fd, .keep_count = 1
	};

	strv_add(&argv, device);
	strv_addf(&argv, "--fd=%d", listen_fd);
	strv_addf(&argv, "--shared-dir=%s", t->share);
	strv_addf(&argv, "--ledger=%s", t->ledger);
	strv_add(&argv, "--ledger-size=0");
	/* What some faults do is looked for in the process itself, and set-id bits do not survive a sandbox. */
	strv_add(&argv, "--sandbox=none");
	add_options(&argv, t);
	if (strv_failed(&argv))
		return -ENOMEM;
	spec.argv = argv.item;
	return proc_start(&spec, &t->daemon, &t->err);
}

static int set_up(struct fixture *t, const struct fault_case *row, bool with)
{
	CLEANUP(fd_closep) int fd = -1;
	int e;

	*t = (struct fixture){ .row = row, .with = with };
	(void)snprintf(t->dir, sizeof(t->dir), "%.40s/vq-fault-XXXXXX", tmp_dir());
	if (!mkdtemp(t->dir))
		return -errno;
	(void)snprintf(t->share, sizeof(t->share), "%s/share", t->dir);
	(void)snprintf(t->socket, sizeof(t->socket), "%s/socket", t->dir);
	(void)snprintf(t->log, sizeof(t->log), "%s/log", t->dir);
	(void)snprintf(t->ledger, sizeof(t->ledger), "%s/ledger", t->dir);
	if (mkdir(t->share, 0755) < 0)
		return -errno;
	e = fill_share(t);
	if (e < 0)
		return e;
	fd = listen_at(t->socket);
	return fd < 0 ? fd : start_device(t, fd);
}

static void show(struct fixture *t, const char *what)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	if (t->f)
		(void)front_evidence_text(t->f->evidence, false, &text);
	(void)!fs_read(t->log, 64 * KIB, &text, NULL);
	/* print_message() would cut it. */
	(void)printf("%s, %s the fault: %s; %s\n%s\n", t->row->fault, t->with ? "with" : "without",
		     what, t->err.text, buf_text(&text));
}

static int open_front(struct fixture *t)
{
	struct front_options o = t->row->front;

	o.path = t->socket;
	o.traffic = true;
	o.timeout_ms = t->with && t->row->waits ? SHORT_MS : LONG_MS;
	return front_open(&o, &t->f, &t->err);
}

static int connect_front(struct fixture *t)
{
	uint64_t more = t->row->front.window ? FUSE_MAP_ALIGNMENT : 0;
	int e = open_front(t);

	if (e == 0)
		e = front_negotiate(t->f, &t->err);
	if (e == 0)
		e = front_start(t->f, &t->err);
	if (e == 0 && !t->row->no_init)
		e = front_init(t->f, more, NULL);
	return e;
}

/* ---- what became of it ---- */

/* Violations may come after the answer that was waited for. */
static bool has_evidence(struct fixture *t)
{
	enum front_fault kind = (enum front_fault)(t->row->evidence - 1);
	uint64_t end_ns = clock_deadline_ms(t->with ? 2000 : 0);

	while (t->f && front_evidence_of(t->f->evidence, kind) == 0) {
		if (clock_now_ns() >= end_ns)
			return false;
		(void)front_poll(t->f);
		(void)front_verify(t->f);
		(void)poll(NULL, 0, 1);
	}
	return t->f != NULL;
}

/* From the ledger's summary; a device that was told to end says it in its log only. */
static json_int_t firings(struct fixture *t)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(buf_free) struct buf log = { 0 };
	json_int_t fired = -1;
	json_t *summary;

	if (fs_read(t->ledger, MIB, &text, NULL) < 0 || fs_read(t->log, MIB, &log, NULL) < 0)
		return -1;
	if (text.size == 0)
		return strstr(buf_text(&log), "fires\n") != NULL;
	summary = json_loads(buf_text(&text), JSON_DISABLE_EOF_CHECK, NULL);
	for (size_t i = 0; i < json_array_size(json_object_get(summary, "faults")); i++) {
		const json_t *j = json_array_get(json_object_get(summary, "faults"), i);

		if (strcmp(json_string_value(json_object_get(j, "fault")), t->row->fault) == 0)
			fired = json_integer_value(json_object_get(j, "fired"));
	}
	json_decref(summary);
	return fired;
}

static int judge(struct fixture *t, int seen)
{
	if (seen == SKIPPED)
		return SKIPPED;
	if (t->row->evidence)
		seen = has_evidence(t) ? SEEN : CLEAN;
	if (seen != (t->with ? SEEN : CLEAN)) {
		show(t, seen < 0 ? "it could not be provoked"
			: seen	 ? "it is seen"
				 : "it is not seen");
		return -1;
	}
	if (!t->with && t->f && front_evidence_count(t->f->evidence) > 0) {
		show(t, "a device without fault did wrong");
		return -1;
	}
	return 0;
}

/* Doing wrong on purpose is no reason to crash or to leak. */
static bool ended_well(struct fixture *t)
{
	bool told = t->with && (strncmp(t->row->fault, "exit-at", 7) == 0 ||
				strstr(t->row->fault, "-exits") != NULL);
	char scratch[32];

	(void)proc_end(&t->daemon, 5000);
	return strcmp(proc_fate(&t->daemon, scratch, sizeof(scratch)),
		      told ? "exited:70" : "exited:0") == 0;
}

/* One run. 0; SKIPPED; -1 when it was told why not. */
static int run_once(const struct fault_case *row, bool with)
{
	struct fixture t;
	int e = set_up(&t, row, with);

	if (e == 0 && !row->by_hand)
		e = connect_front(&t);
	if (e < 0) {
		show(&t, "it could not begin");
		e = -1;
	} else {
		e = judge(&t, row->provoke(&t));
	}
	t.f = front_free(t.f);
	if (!ended_well(&t)) {
		show(&t, "the device did not end well");
		e = -1;
	}
	if (e == 0 && with && firings(&t) <= 0) {
		show(&t, "it was not counted");
		e = -1;
	}
	if (fs_remove_tree(t.dir, &t.err) < 0)
		(void)printf("%s\n", t.err.text);
	return e;
}

/* ---- what many provocations need ---- */

#define TRY(what)                                                               \
	do {                                                                    \
		int try_ = (what);                                              \
		if (try_ != 0) {                                                \
			(void)err_set(&t->err, -EPROTO, "%s: %d", #what, try_); \
			return -EPROTO;                                         \
		}                                                               \
	} while (0)

static inline int seen_if(bool seen)
{
	return seen ? SEEN : CLEAN;
}

/* The violation is in the evidence. */
static int getattr_root(struct fixture *t)
{
	struct fuse_attr_out out;

	(void)!front_getattr(t->f, FRONT_ROOT, NULL, &out);
	return CLEAN;
}

static int submit(struct fixture *t, const struct front_op *op, struct front_request **ret)
{
	int e = front_prepare(t->f, op, ret);

	return e == 0 ? front_submit(*ret) : e;
}

/* The same within @ms, when it may be that nothing comes. */
static int do_within(struct fixture *t, const struct front_op *op, uint64_t ms)
{
	struct front_request *r;
	int e;

	front_evidence_allow(t->f->evidence, FRONT_FAULT_NOT_USED);
	if (submit(t, op, &r) < 0)
		return FRONT_FAILED;
	e = front_wait(r, clock_deadline_ms(ms));
	front_request_free(r);
	return e;
}

#endif
