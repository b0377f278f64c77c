// SPDX-License-Identifier: Apache-2.0
/*
 * load [--poll] - requests per second and CPU time per request of the reference device beside the packaged
 * daemons: all of them run at once, each on its own folder, and take turns round by round, so that what the
 * machine does hits all alike. The last row is a device that does nothing: the client's own ceiling.
 * Prints a table; writes build/bench-load.json. `make bench-self` runs it.
 */
#include "conformance/front/load.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/rng.h"
#include "base/strv.h"

#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define OUT	   "build/bench-load.json"
#define LOADER	   "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
#define LIBS	   "/usr/lib/x86_64-linux-gnu"
#define FILE_BYTES (16 * MIB)
#define TURN_NS	   (150 * NS_PER_MS)
#define ROUNDS	   7
#define DEPTHS	   2
#define WORDS_MAX  6

static const unsigned depths[DEPTHS] = { 1, 16 };

/* The last of them is compared with the best of the others. */
static const struct daemon_row {
	const char *id;
	const char *root; /* below build/roots; NULL: a program of this build */
	const char *program;
	const char *words[WORDS_MAX];
} rows[] = {
	{ "c-bookworm",
	  "bookworm",
	  "/usr/lib/qemu/virtiofsd",
	  { "--fd=%d", "-o", "source=%s", "-o", "cache=auto" } },
	{ "rust-trixie",
	  "backports",
	  "/usr/libexec/virtiofsd",
	  { "--fd=%d", "--shared-dir=%s", "--cache=auto" } },
	{ "rust-sid",
	  "sid",
	  "/usr/libexec/virtiofsd",
	  { "--fd=%d", "--shared-dir=%s", "--cache=auto" } },
	{ "refdev",
	  NULL,
	  "build/virtiofs-refdev",
	  { "--fd=%d", "--shared-dir=%s", "--cache=auto", "--ledger=%s/../ledger" } },
};
#define REFDEV	    (ARRAY_SIZE(rows) - 1)
#define NULL_DEVICE ARRAY_SIZE(rows)

struct sample {
	double per_s[ROUNDS];
	double cpu_ns[ROUNDS]; /* of the device, each request */
	double client_ns[ROUNDS];
};

struct device {
	const char *id;
	bool here;
	char dir[128];
	struct proc daemon;
	struct front *f;
	struct front_null *null;
	uint64_t nodeid;
	uint64_t fh;
	struct sample sample[FRONT_LOAD_KINDS][DEPTHS];
};

static struct device devices[ARRAY_SIZE(rows) + 1];
static char base[96];
static bool poll_ring;

static int lay_out(const char *dir, struct err *reterr)
{
	CLEANUP(freep) char *path = fs_path("%s/share/file", dir);
	CLEANUP(freep) uint8_t *data = malloc(FILE_BYTES);
	CLEANUP(fd_closep) int fd = -1;
	struct rng rng = { 1 };

	if (!path || !data)
		return -ENOMEM;
	rng_fill(&rng, data, FILE_BYTES);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, data, FILE_BYTES) != (ssize_t)FILE_BYTES)
		return err_errno(reterr, -errno, "cannot write %s", path);
	return 0;
}

static void add_word(struct strv *argv, const char *word, int fd, const char *share)
{
	const char *at = strchr(word, '%');

	if (!at)
		strv_add(argv, word);
	else if (at[1] == 'd')
		strv_addf(argv, "%.*s%d", (int)(at - word), word, fd);
	else
		strv_addf(argv, "%.*s%s%s", (int)(at - word), word, share, at + 2);
}

static int start(struct device *d, const struct daemon_row *row, int fd, struct err *reterr)
{
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(freep) char *share = fs_path("%s/share", d->dir);
	CLEANUP(freep) char *log_path = fs_path("%s/log", d->dir);
	CLEANUP(fd_closep)
	int log = log_path ? open(log_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
	struct proc_spec spec = {
		.stdout_fd = log, .stderr_fd = log, .keep_fds = &fd, .keep_count = 1
	};

	if (row->root) {
		strv_addf(&argv, "build/roots/%s" LOADER, row->root);
		strv_add(&argv, "--library-path");
		strv_addf(&argv, "build/roots/%s" LIBS, row->root);
		strv_addf(&argv, "build/roots/%s%s", row->root, row->program);
	} else {
		strv_add(&argv, row->program);
	}
	for (size_t i = 0; i < WORDS_MAX && row->words[i]; i++)
		add_word(&argv, row->words[i], fd, share);
	if (poll_ring && !row->root)
		strv_add(&argv, "--poll=100");
	if (!share || log < 0 || strv_failed(&argv))
		return err_set(reterr, -ENOMEM, "out of memory");
	spec.argv = argv.item;
	return proc_start(&spec, &d->daemon, reterr);
}

static int listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	CLEANUP(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 1) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int open_device(struct device *d, const struct daemon_row *row, struct err *reterr)
{
	CLEANUP(freep) char *socket_path = NULL;
	CLEANUP(freep) char *share = NULL;
	CLEANUP(fd_closep) int fd = -1;
	struct front_options o = { .ring_size = 128 };
	struct fuse_entry_out entry;
	struct fuse_open_out open_out;
	int e;

	(void)snprintf(d->dir, sizeof(d->dir), "%s/%s", base, row->id);
	socket_path = fs_path("%s/socket", d->dir);
	share = fs_path("%s/share", d->dir);
	e = socket_path && share ? fs_mkdirs(share, 0755, reterr) : -ENOMEM;
	if (e == 0)
		e = lay_out(d->dir, reterr);
	if (e < 0)
		return e;
	fd = listen_at(socket_path);
	if (fd < 0)
		return err_errno(reterr, fd, "cannot listen at %s", socket_path);
	e = start(d, row, fd, reterr);
	o.path = socket_path;
	if (e == 0)
		e = front_new(&o, &d->f, reterr);
	if (e == 0 && (front_init(d->f, 0, NULL) != 0 ||
		       front_lookup(d->f, FRONT_ROOT, "file", &entry) != 0 ||
		       front_open_file(d->f, entry.nodeid, O_RDWR, &open_out) != 0))
		e = err_set(reterr, -EIO, "%s: no session", row->id);
	if (e == 0) {
		d->nodeid = entry.nodeid;
		d->fh = open_out.fh;
	}
	return e;
}

static int measure(struct device *d, enum front_load_kind kind, unsigned depth, unsigned round,
		   struct err *reterr)
{
	const struct front_load_options o = {
		.kind = kind,
		.depth = depths[depth],
		.ns = TURN_NS,
		.busy_poll = poll_ring,
		.nodeid = kind == FRONT_LOAD_LOOKUP ? FRONT_ROOT : d->nodeid,
		.fh = d->fh,
		.name = "file",
		.file_size = FILE_BYTES,
	};
	struct sample *s = &d->sample[kind][depth];
	struct front_load_result r;
	uint64_t before = 0;
	uint64_t after = 0;
	int e;

	if (d->daemon.pid)
		(void)!proc_cpu_ns(d->daemon.pid, &before);
	e = front_load_run(d->f, &o, &r, reterr);
	if (e == 0 && d->daemon.pid)
		(void)!proc_cpu_ns(d->daemon.pid, &after);
	if (e == 0 && (r.errors > 0 || r.requests == 0))
		e = err_set(reterr, -EIO, "%s, %s: %llu of %llu requests were errors", d->id,
			    front_load_name(kind), (unsigned long long)r.errors,
			    (unsigned long long)r.requests);
	if (e < 0)
		return e;
	s->per_s[round] = r.per_s;
	s->cpu_ns[round] = (double)(after - before) / (double)r.requests;
	s->client_ns[round] = (double)r.cpu_ns / (double)r.requests;
	return 0;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *v)
{
	double sorted[ROUNDS];

	memcpy(sorted, v, sizeof(sorted));
	qsort(sorted, ROUNDS, sizeof(*sorted), compare_doubles);
	return sorted[ROUNDS / 2];
}

/* Of the packaged ones: the most requests, and the least CPU time. */
static void best_of(unsigned kind, unsigned depth, double *ret_rate, double *ret_cpu)
{
	*ret_rate = 0;
	*ret_cpu = INFINITY;
	for (size_t i = 0; i < REFDEV; i++) {
		if (!devices[i].here)
			continue;
		*ret_rate = fmax(*ret_rate, median(devices[i].sample[kind][depth].per_s));
		*ret_cpu = fmin(*ret_cpu, median(devices[i].sample[kind][depth].cpu_ns));
	}
}

static json_t *report(unsigned *ret_short)
{
	json_t *list = json_array();

	(void)printf("%-11s depth", "request");
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		(void)printf(" %18s", devices[i].id);
	(void)printf("   refdev / best\n");
	for (unsigned k = 0; k < FRONT_LOAD_KINDS * DEPTHS; k++) {
		unsigned kind = k / DEPTHS;
		unsigned depth = k % DEPTHS;
		double rate;
		double cpu;
		double own = median(devices[REFDEV].sample[kind][depth].per_s);
		double own_cpu = median(devices[REFDEV].sample[kind][depth].cpu_ns);

		best_of(kind, depth, &rate, &cpu);
		(void)printf("%-11s %5u", front_load_name((enum front_load_kind)kind),
			     depths[depth]);
		for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
			const struct sample *s = &devices[i].sample[kind][depth];

			(void)printf(" %8.0f/s %5.2f us", median(s->per_s),
				     i == NULL_DEVICE ? median(s->client_ns) / 1000
						      : median(s->cpu_ns) / 1000);
			(void)json_array_append_new(
				list,
				json_pack("{s:s,s:s,s:i,s:f,s:f,s:f}", "device", devices[i].id,
					  "request", front_load_name((enum front_load_kind)kind),
					  "depth", (int)depths[depth], "per_s", median(s->per_s),
					  "device_cpu_ns", median(s->cpu_ns), "client_cpu_ns",
					  median(s->client_ns)));
		}
		(void)printf("   rate %.2f, CPU %.2f%s\n", own / rate, own_cpu / cpu,
			     own < rate || own_cpu > cpu ? "  (!)" : "");
		*ret_short += own < rate || own_cpu > cpu;
	}
	return list;
}

static int run(struct err *reterr)
{
	struct front_options null_options = { .ring_size = 128 };
	int e = 0;

	for (size_t i = 0; e == 0 && i < ARRAY_SIZE(rows); i++) {
		CLEANUP(freep)
		char *program = rows[i].root
					? fs_path("build/roots/%s%s", rows[i].root, rows[i].program)
					: fs_path("%s", rows[i].program);

		devices[i].id = rows[i].id;
		devices[i].here = program && fs_exists(program);
		if (!devices[i].here)
			(void)printf("not tried: %s is not there\n", rows[i].id);
		else
			e = open_device(&devices[i], &rows[i], reterr);
	}
	devices[NULL_DEVICE].id = "client alone";
	devices[NULL_DEVICE].here = true;
	if (e == 0)
		e = front_null_open(&null_options, &devices[NULL_DEVICE].f,
				    &devices[NULL_DEVICE].null, reterr);
	for (unsigned round = 0; e == 0 && round < ROUNDS; round++)
		for (unsigned k = 0; e == 0 && k < FRONT_LOAD_KINDS * DEPTHS; k++)
			for (size_t i = 0; e == 0 && i < ARRAY_SIZE(devices); i++)
				if (devices[i].here)
					e = measure(&devices[i], (enum front_load_kind)(k / DEPTHS),
						    k % DEPTHS, round, reterr);
	return e;
}

static void close_all(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		if (devices[i].null)
			devices[i].null = front_null_close(devices[i].null);
		else
			devices[i].f = front_free(devices[i].f);
		if (devices[i].daemon.pid)
			(void)proc_end(&devices[i].daemon, 2000);
	}
	(void)!fs_remove_tree(base, NULL);
}

int main(int argc, char **argv)
{
	const char *tmp = getenv("TMPDIR");
	unsigned too_slow = 0;
	struct err err = { "" };
	int e;

	poll_ring = argc == 2 && strcmp(argv[1], "--poll") == 0;
	if (argc > 1 && !poll_ring) {
		(void)fprintf(stderr, "usage: load [--poll]\n");
		return 2;
	}
	(void)snprintf(base, sizeof(base), "%.60s/vq-load-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(base)) {
		perror("load: mkdtemp");
		return 3;
	}
	e = run(&err);
	if (e == 0) {
		json_auto_t *j = json_pack("{s:b,s:o}", "busy_poll", poll_ring, "rows",
					   report(&too_slow));

		e = j ? json_save_atomic(OUT, j, &err) : -ENOMEM;
		(void)printf("%u of %d rows behind the best packaged daemon\n", too_slow,
			     FRONT_LOAD_KINDS * DEPTHS);
	}
	close_all();
	if (e < 0)
		(void)fprintf(stderr, "load: %s\n", err.text);
	return e < 0 ? 3 : 0;
}
