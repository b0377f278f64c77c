// SPDX-License-Identifier: Apache-2.0
/*
 * load [--request NAME] [--seconds N] - requests per second and CPU time per request of the reference device
 * beside the packaged daemons: all of them run at once and take turns, round by round, so that what the machine
 * does hits all alike. Two tables, one where both sides sleep and one where they busy-poll; and the device with
 * its ledger beside itself without. The last column is a device that does nothing: the client's own ceiling. And how
 * much more than a bare ping-pong a round trip to that one costs (--request ping: only that).
 * Prints the tables; writes build/bench-load.json. `make bench-self` runs it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conformance/test/daemons.h"
#include "conformance/test/load.h"
#include "conformance/test/load_ping.h"

#include "base/rng.h"

#include <getopt.h>
#include <sched.h>

#define OUT	   "build/bench-load.json"
#define FILE_BYTES (16 * MIB)
/* Long enough for some hundred of the slowest requests, short enough that a row is over within a second. */
#define TURN_NS	   (40 * NS_PER_MS)
#define SECONDS	   90
#define ROUNDS_MIN 3
/* The client's ceiling is for information: one round in so many. */
#define CLIENT_EVERY 4
/* The request that is none of the tables'. */
#define PING "ping"

enum { SLEEPING, POLLING, TABLES };

static const struct load_row {
	struct daemon_row daemon;
	enum load_role role;
	bool cannot_poll;
	bool in[TABLES];
} rows[] = {
	{ .daemon = { .id = "c-bookworm",
		      .root = "bookworm",
		      .program = "/usr/lib/qemu/virtiofsd",
		      .words = { "--fd={fd}", "-o", "source={share}", "-o", "cache=auto" } },
	  .cannot_poll = true,
	  .in = { true, true } },
	{ .daemon = { .id = "rust-trixie",
		      .root = "backports",
		      .program = "/usr/libexec/virtiofsd",
		      .words = { "--fd={fd}", "--shared-dir={share}", "--cache=auto" } },
	  .cannot_poll = true,
	  .in = { true, true } },
	{ .daemon = { .id = "rust-sid",
		      .root = "sid",
		      .program = "/usr/libexec/virtiofsd",
		      .words = { "--fd={fd}", "--shared-dir={share}", "--cache=auto" } },
	  .cannot_poll = true,
	  .in = { true, true } },
	{ .daemon = { .id = "refdev",
		      .program = "virtiofs-refdev",
		      .words = { "--fd={fd}", "--shared-dir={share}", "--cache=auto",
				 "--ledger={dir}/ledger" } },
	  .role = LOAD_OWN,
	  .in = { [SLEEPING] = true } },
	{ .daemon = { .id = "without ledger",
		      .program = "virtiofs-refdev",
		      .words = { "--fd={fd}", "--shared-dir={share}", "--cache=auto",
				 "--no-ledger" } },
	  .role = LOAD_BARE,
	  .in = { [SLEEPING] = true } },
	{ .daemon = { .id = "refdev",
		      .program = "virtiofs-refdev",
		      .words = { "--fd={fd}", "--shared-dir={share}", "--cache=auto",
				 "--ledger={dir}/ledger", "--poll=100" } },
	  .role = LOAD_OWN,
	  .in = { [POLLING] = true } },
	{ .daemon = { .id = "client alone" }, .role = LOAD_CLIENT, .in = { true, true } },
};

struct device {
	const struct load_row *row;
	bool here;
	struct fixture t; /* but for the client's ceiling */
	struct front *f;
	struct front_null *null;
	uint64_t nodeid;
	uint64_t fh;
	struct load_series series[TABLES];
};

static struct device devices[ARRAY_SIZE(rows)];
static struct load_table tables[TABLES];
static struct load_ping ping;

/*
 * One file for all, by hard links: how the host keeps it (the sizes of its folios are what memory had left when it
 * was written) is part of what READ and WRITE cost, and would else be another one for each daemon.
 */
static int lay_out(const char *path, struct err *reterr)
{
	CLEANUP(freep) uint8_t *data = malloc(FILE_BYTES);
	CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	struct rng rng = { 1 };

	if (!data)
		return err_set(reterr, -ENOMEM, "out of memory");
	rng_fill(&rng, data, FILE_BYTES);
	if (fd < 0 || write(fd, data, FILE_BYTES) != (ssize_t)FILE_BYTES)
		return err_errno(reterr, -errno, "cannot write %s", path);
	return 0;
}

/*
 * Where threads run is not left to chance, because it is worth more than all that is to be compared: waking a CPU that
 * sleeps costs as much as serving a request, several times that where the host is itself a guest. All devices have one CPU.
 * The client has another; but when it waits for each single answer, asleep, both never run at the same time, and it
 * joins them.
 */
static int device_cpu = -1;
static int client_cpu = -1;

static void choose_cpus(void)
{
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return;
	for (int i = 0; i < CPU_SETSIZE && client_cpu < 0; i++) {
		if (!CPU_ISSET(i, &allowed))
			continue;
		if (device_cpu < 0)
			device_cpu = i;
		else
			client_cpu = i;
	}
}

/* This thread, and what it starts from now on. */
static void run_on(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static int start_session(struct device *d, const char *file, struct err *reterr)
{
	static const struct front_options o = { .ring_size = 128 };
	CLEANUP(freep) char *link_path = NULL;
	struct fuse_entry_out entry = { 0 };
	struct fuse_open_out open_out = { 0 };
	int e = set_up(&d->t, &d->row->daemon);

	link_path = fs_path("%s/file", d->t.share);
	if (e == 0 && (!link_path || link(file, link_path) < 0))
		e = -errno;
	if (e == 0)
		e = connect_front(&d->t, &o);
	d->f = d->t.f;
	if (e == 0 && (front_init(d->f, 0, NULL) != 0 ||
		       front_lookup(d->f, FRONT_ROOT, "file", &entry) != 0 ||
		       front_open_file(d->f, entry.nodeid, O_RDWR, &open_out) != 0))
		e = -EIO;
	if (e < 0)
		return err_errno(reterr, e, "%s: no session: %s", d->row->daemon.id, d->t.err.text);
	d->nodeid = entry.nodeid;
	d->fh = open_out.fh;
	return 0;
}

static int start(struct device *d, const struct load_row *row, const char *file, struct err *reterr)
{
	static const struct front_options o = { .ring_size = 128 };

	d->row = row;
	d->here = row->role == LOAD_CLIENT || is_here(&row->daemon);
	if (!d->here) {
		(void)printf("not tried: %s is not there\n", row->daemon.id);
		return 0;
	}
	for (unsigned i = 0; i < TABLES; i++) {
		struct load_table *t = &tables[i];

		d->series[i].id = row->daemon.id;
		d->series[i].role = row->role;
		d->series[i].cannot_poll = row->cannot_poll;
		if (row->in[i])
			t->series[t->count++] = &d->series[i];
	}
	return row->role == LOAD_CLIENT ? front_null_open(&o, &d->f, &d->null, reterr)
					: start_session(d, file, reterr);
}

static int turn(struct device *d, unsigned table, enum front_load_kind kind, unsigned depth,
		struct err *reterr)
{
	const struct front_load_options o = {
		.kind = kind,
		.depth = load_depths[depth],
		.ns = TURN_NS,
		.busy_poll = table == POLLING,
		.nodeid = kind == FRONT_LOAD_LOOKUP ? FRONT_ROOT : d->nodeid,
		.fh = d->fh,
		.name = "file",
		.file_size = FILE_BYTES,
	};
	struct load_series *s = &d->series[table];
	struct front_load_result r;
	uint64_t before = 0;
	uint64_t after = 0;
	int e;

	run_on(table == SLEEPING && o.depth == 1 ? device_cpu : client_cpu);
	if (!d->null)
		(void)!proc_cpu_ns(d->t.daemon.pid, &before);
	e = front_load_run(d->f, &o, &r, reterr);
	if (e == 0 && !d->null)
		(void)!proc_cpu_ns(d->t.daemon.pid, &after);
	if (e == 0 && (r.errors > 0 || r.requests == 0))
		e = err_set(reterr, -EIO, "%s, %s: %llu of %llu requests were errors", s->id,
			    front_load_name(kind), (unsigned long long)r.errors,
			    (unsigned long long)r.requests);
	if (e < 0)
		return e;
	s->sample[kind][depth][s->rounds] = (struct load_sample){
		.per_s = r.per_s,
		.cpu_ns = (double)(after - before) / (double)r.requests,
		.client_ns = (double)r.cpu_ns / (double)r.requests,
	};
	return 0;
}

/* Each row is over for all devices within a second, and who goes first alternates. */
static int run_round(unsigned table, unsigned round, struct err *reterr)
{
	const size_t n = ARRAY_SIZE(devices);
	bool with_client = round % CLIENT_EVERY == 0;
	int e = 0;

	for (unsigned k = 0; e == 0 && k < FRONT_LOAD_KINDS * LOAD_DEPTHS; k++) {
		for (size_t i = 0; tables[table].kinds[k / LOAD_DEPTHS] && e == 0 && i < n; i++) {
			struct device *d = &devices[round % 2 == 0 ? i : n - 1 - i];

			if (d->here && d->row->in[table] && (with_client || !d->null))
				e = turn(d, table, (enum front_load_kind)(k / LOAD_DEPTHS),
					 k % LOAD_DEPTHS, reterr);
		}
	}
	for (size_t i = 0; e == 0 && i < n; i++)
		if (devices[i].here && rows[i].in[table] && (with_client || !devices[i].null))
			devices[i].series[table].rounds++;
	return e;
}

static int measure_tables(const char *file, uint64_t ns, struct err *reterr)
{
	uint64_t start_ns = clock_now_ns();
	int e = lay_out(file, reterr);

	for (size_t i = 0; e == 0 && i < ARRAY_SIZE(rows); i++)
		e = start(&devices[i], &rows[i], file, reterr);
	for (unsigned round = 0; e == 0 && round < LOAD_ROUNDS_MAX; round++) {
		if (round >= ROUNDS_MIN && clock_now_ns() - start_ns > ns)
			break;
		for (unsigned table = 0; e == 0 && table < TABLES; table++)
			e = run_round(table, round, reterr);
	}
	return e;
}

static int measure(const char *request, const char *file, uint64_t ns, struct err *reterr)
{
	int e = 0;

	choose_cpus();
	run_on(device_cpu);
	if (!request || strcmp(request, PING) == 0)
		e = load_ping_run(&ping, reterr);
	if (e == 0 && (!request || strcmp(request, PING) != 0))
		e = measure_tables(file, ns, reterr);
	return e;
}

static void stop_all(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		if (devices[i].null)
			devices[i].null = front_null_close(devices[i].null);
		else if (devices[i].t.row)
			(void)tear_down(&devices[i].t, 0);
	}
}

static int save(struct err *reterr)
{
	json_auto_t *out = json_pack("{s:[],s:[]}", "figures", "tables");
	json_auto_t *samples = json_array();
	int e;

	load_ping_figures(&ping, json_object_get(out, "figures"));
	(void)json_array_append_new(samples, load_ping_samples(&ping));
	if (!out || !samples)
		return err_set(reterr, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < TABLES; i++) {
		load_figures(&tables[i], json_object_get(out, "figures"));
		(void)json_array_append_new(json_object_get(out, "tables"),
					    load_medians(&tables[i]));
		(void)json_array_append_new(samples, load_samples(&tables[i]));
	}
	e = json_save_atomic(LOAD_SAMPLES_FILE, samples, reterr);
	return e < 0 ? e : json_save_atomic(OUT, out, reterr);
}

static int choose(const char *name)
{
	bool found = name && strcmp(name, PING) == 0;

	for (unsigned i = 0; i < TABLES; i++) {
		tables[i].busy_poll = i == POLLING;
		for (unsigned kind = 0; kind < FRONT_LOAD_KINDS; kind++) {
			bool is = !name ||
				  strcmp(name, front_load_name((enum front_load_kind)kind)) == 0;

			tables[i].kinds[kind] = is;
			found = found || is;
		}
	}
	return found ? 0 : -EINVAL;
}

static int usage(void)
{
	(void)fprintf(stderr,
		      "usage: load [--request ping|getattr|lookup|read-4k|...] [--seconds N]\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "request", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 's' },
		{ 0 },
	};
	const char *request = NULL;
	char file[64];
	long seconds = SECONDS;
	struct err err = { "" };
	int option;
	int e;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'r')
			request = optarg;
		else if (option == 's')
			seconds = strtol(optarg, NULL, 10);
		else
			return usage();
	}
	if (optind < argc || seconds < 1 || seconds > 3600 || choose(request) < 0)
		return usage();
	(void)snprintf(file, sizeof(file), "%.40s/vq-load-%d", tmp_dir(), (int)getpid());
	e = measure(request, file, (uint64_t)seconds * NS_PER_S, &err);
	(void)unlink(file);
	if (e == 0 && ping.rounds > 0)
		load_ping_print(&ping, stdout);
	for (unsigned i = 0; e == 0 && i < TABLES; i++)
		if (!request || strcmp(request, PING) != 0)
			(void)load_print(&tables[i], stdout);
	if (e == 0)
		e = save(&err);
	stop_all();
	if (e < 0)
		(void)fprintf(stderr, "load: %s\n", err.text);
	return e < 0 ? 3 : 0;
}
