// SPDX-License-Identifier: Apache-2.0
/* virtiofs-refdev: the reference device. Joins the virtqueues, the file system and the window. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "base/clock.h"
#include "conformance/ref/dax/dax.h"
#include "conformance/ref/fault/fault.h"
#include "conformance/ref/fs/fs.h"
#include "conformance/ref/ledger/ledger.h"
#include "conformance/ref/log.h"
#include "conformance/ref/options.h"
#include "conformance/ref/sandbox/sandbox.h"
#include "conformance/ref/vhost/vhost.h"

#define EXIT_USAGE  2
#define EXIT_BROKEN 3

/* After SIGTERM: what does not end by itself in this time ends with the process. */
#define END_MS 1500

/* One socket, its guest, and the thread that serves it. */
struct guest {
	struct vhost_port *port;
	struct dax_window *window;
	struct ref_session *session;
	struct ref_handler handler;
	pthread_t thread;
	bool runs;
	struct device *device;
};

struct device {
	struct ref_options options;
	struct dax_share *share;
	struct ref_fs *fs;
	struct guest guest[REF_SOCKETS_MAX];
	unsigned guest_count;
	bool once;
	int ledger_fd; /* -1: nobody asked for it */
	int stop_fd;   /* readable: end */
	int ended_fd;  /* counts guests whose thread has ended */
	unsigned running;
	atomic_int broken;
};

/* A folder that somebody left open for us by mistake would be a way out of the sandbox. */
static void close_inherited(int keep)
{
	if (keep > STDERR_FILENO + 1)
		(void)close_range(STDERR_FILENO + 1, (unsigned)keep - 1, 0);
	(void)close_range((unsigned)(keep > STDERR_FILENO ? keep : STDERR_FILENO) + 1, ~0U, 0);
}

static void raise_files_limit(uint64_t wanted)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return;
	if (wanted > r.rlim_max)
		ref_log(REF_LOG_WARN, "--rlimit-nofile: no more than %llu open files are allowed",
			(unsigned long long)r.rlim_max);
	r.rlim_cur = wanted == 0 || wanted > r.rlim_max ? r.rlim_max : wanted;
	if (setrlimit(RLIMIT_NOFILE, &r) < 0)
		ref_log(REF_LOG_WARN, "cannot set the limit of open files: %s", strerror(errno));
}

static int open_port(struct device *d, const char *path, struct err *reterr)
{
	struct guest *g = &d->guest[d->guest_count++];

	g->device = d;
	return vhost_port_open(&d->options, path, &g->port, reterr);
}

static int open_ports(struct device *d, struct err *reterr)
{
	const char *path = ref_options_socket(&d->options, 0);
	int e = 0;

	if (!path)
		return open_port(d, NULL, reterr);
	for (unsigned i = 0; e == 0 && (path = ref_options_socket(&d->options, i)); i++)
		e = open_port(d, path, reterr);
	return e;
}

/* What takes paths and privileges of the host. */
static int open_outside(struct device *d, struct err *reterr)
{
	int e = 0;

	d->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	d->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->stop_fd < 0 || d->ended_fd < 0)
		return err_errno(reterr, -errno, "cannot make an eventfd");
	if (d->options.dax != REF_DAX_NONE)
		e = dax_share_open(&d->options, &d->share, reterr);
	if (e == 0 && d->share && d->options.tail == REF_TAIL_AUTO &&
	    *dax_share_tail_reason(d->share))
		ref_log(REF_LOG_WARN, "tails of files are served by copies: %s",
			dax_share_tail_reason(d->share));
	if (e == 0 && d->share)
		ledger_tail(strcmp(dax_share_tail(d->share), "shadow") == 0);
	return e < 0 ? e : open_ports(d, reterr);
}

static void remove_sockets(void *context)
{
	struct device *d = context;

	for (unsigned i = 0; i < d->guest_count; i++)
		vhost_port_unlink(d->guest[i].port);
}

/* From here on this is another process, which sees nothing but the share. */
static int enter_sandbox(struct device *d, int signal_fd, struct sandbox *ret, struct err *reterr)
{
	const struct sandbox_plan plan = {
		.how = d->options.sandbox,
		.shared_dir = d->options.shared_dir,
		.readonly = d->options.readonly,
		.signal_fd = signal_fd,
		.ended = remove_sockets,
		.context = d,
	};
	int e = sandbox_enter(&plan, ret, reterr);

	if (e < 0)
		return e;
	for (unsigned i = 0; i < d->guest_count; i++)
		vhost_port_disown(d->guest[i].port);
	return ref_fs_open_at(&d->options, ret->root_fd, ret->proc_fd, &d->fs, reterr);
}

static int open_sessions(struct device *d, struct err *reterr)
{
	int e = 0;

	ref_fs_set_dax(d->fs, d->share);
	for (struct guest *g = d->guest; e == 0 && g < d->guest + d->guest_count; g++) {
		if (d->share)
			e = dax_window_new(d->share, vhost_port_window(g->port), &g->window,
					   reterr);
		if (e == 0)
			e = ref_session_new(d->fs, g->window, &g->session, &g->handler, reterr);
	}
	return e;
}

static int open_all(struct device *d, int signal_fd, struct err *reterr)
{
	const bool sandboxed = d->options.sandbox != REF_SANDBOX_NONE;
	struct sandbox sandbox;
	int e = open_outside(d, reterr);

	if (e == 0)
		e = sandboxed ? enter_sandbox(d, signal_fd, &sandbox, reterr)
			      : ref_fs_open(&d->options, &d->fs, reterr);
	if (e == 0)
		e = open_sessions(d, reterr);
	if (e == 0 && sandboxed)
		e = sandbox_lock(&sandbox, reterr);
	return e;
}

static void close_all(struct device *d)
{
	for (unsigned i = 0; i < d->guest_count; i++) {
		d->guest[i].session = ref_session_free(d->guest[i].session);
		d->guest[i].window = dax_window_free(d->guest[i].window);
		d->guest[i].port = vhost_port_close(d->guest[i].port);
	}
	d->fs = ref_fs_close(d->fs);
	d->share = dax_share_close(d->share);
	fd_closep(&d->stop_fd);
	fd_closep(&d->ended_fd);
}

static void *guest_thread(void *arg)
{
	struct guest *g = arg;
	const uint64_t one = 1;
	struct err err;

	if (vhost_port_run(g->port, &g->handler, g->device->stop_fd, g->device->once, &err) < 0) {
		ref_log(REF_LOG_ERROR, "%s", err.text);
		atomic_store(&g->device->broken, 1);
	}
	(void)!write(g->device->ended_fd, &one, sizeof(one));
	return NULL;
}

static int start_all(struct device *d, struct err *reterr)
{
	for (unsigned i = 0; i < d->guest_count; i++) {
		int e = pthread_create(&d->guest[i].thread, NULL, guest_thread, &d->guest[i]);

		if (e != 0)
			return err_errno(reterr, -e, "cannot start a thread");
		d->guest[i].runs = true;
		d->running++;
	}
	return 0;
}

/* Each time from the start: a reader finds one ledger, the newest. */
static void write_ledger(const struct device *d)
{
	struct err err;

	if (d->ledger_fd < 0)
		return;
	if (lseek(d->ledger_fd, 0, SEEK_SET) < 0 || ftruncate(d->ledger_fd, 0) < 0 ||
	    ledger_write(d->ledger_fd, &err) < 0)
		ref_log(REF_LOG_ERROR, "the ledger could not be written");
}

static bool is_for_ledger(const struct device *d, int signal_fd)
{
	struct signalfd_siginfo info;

	if (read(signal_fd, &info, sizeof(info)) != sizeof(info))
		return true; /* nothing came after all */
	if (info.ssi_signo != SIGUSR1)
		return false;
	write_ledger(d);
	return true;
}

/* Opened before anything is locked away. */
static int open_ledger(struct device *d, struct err *reterr)
{
	const struct ref_options *o = &d->options;
	int e = o->no_ledger ? 0
			     : ledger_start(o->counters, o->ledger ? o->ledger_size : 0, reterr);

	if (e < 0 || !o->ledger)
		return e;
	d->ledger_fd = open(o->ledger, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return d->ledger_fd < 0 ? err_errno(reterr, -errno, "cannot make the ledger %s", o->ledger)
				: 0;
}

/* Until all guests have ended, a signal comes, or @deadline_ns (0: none). True when all have ended. */
static bool wait_all(struct device *d, int signal_fd, uint64_t deadline_ns)
{
	while (d->running > 0) {
		struct pollfd p[2] = { { .fd = d->ended_fd, .events = POLLIN },
				       { .fd = signal_fd, .events = POLLIN } };
		uint64_t n;

		if (deadline_ns != 0 && clock_left_ms(deadline_ns) == 0)
			return false;
		(void)poll(p, 2, deadline_ns != 0 ? clock_left_ms(deadline_ns) : -1);
		if (read(d->ended_fd, &n, sizeof(n)) == sizeof(n))
			d->running -= (unsigned)n;
		if (p[1].revents && !is_for_ledger(d, signal_fd))
			return d->running == 0;
	}
	return true;
}

static int run(struct device *d, int signal_fd, struct err *reterr)
{
	const uint64_t one = 1;
	int e = start_all(d, reterr);

	if (e == 0)
		(void)wait_all(d, signal_fd, 0);
	(void)!write(d->stop_fd, &one, sizeof(one));
	if (!wait_all(d, -1, clock_deadline_ms(END_MS))) {
		/*
		 * Something is blocked in the host: a lock, a lease, a dead disk. Nothing of it can be
		 * freed; the kernel does that. The sockets go, so that nobody finds them stale.
		 */
		for (unsigned i = 0; i < d->guest_count; i++)
			vhost_port_unlink(d->guest[i].port);
		_exit(e < 0 ? EXIT_BROKEN : EXIT_SUCCESS);
	}
	for (unsigned i = 0; i < d->guest_count; i++)
		if (d->guest[i].runs)
			(void)pthread_join(d->guest[i].thread, NULL);
	return e;
}

/* Before the first thread, so that all of them inherit it: signals come through a descriptor. */
static int catch_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGUSR1);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	/* A limit of file sizes is the WRITE's error, not our end. */
	(void)signal(SIGXFSZ, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int serve(const struct ref_options *o)
{
	static struct device d;
	CLEANUP(fd_closep) int signal_fd = -1;
	enum ref_log_level level;
	struct err err = { "" };
	int e;

	if (o->sandbox != REF_SANDBOX_NONE)
		close_inherited(o->fd);
	signal_fd = catch_signals();
	if (ref_log_level_from(o->log_level, &level) == 0)
		ref_log_set_level(level);
	d.options = *o;
	d.stop_fd = d.ended_fd = d.ledger_fd = -1;
	/*
	 * As virtiofsd: a daemon belongs to one device, and leaves when that is unplugged. One that
	 * serves several guests cannot know when the last of them has come and gone.
	 */
	d.once = !o->keep && o->socket_count <= 1;
	raise_files_limit(o->rlimit_nofile);
	e = signal_fd < 0 ? err_errno(&err, -errno, "cannot catch signals") : open_ledger(&d, &err);
	if (e == 0)
		e = open_all(&d, signal_fd, &err);
	if (e == 0) {
		ref_log(REF_LOG_INFO, "serving %s to %u guest%s%s%s", o->shared_dir, d.guest_count,
			d.guest_count == 1 ? "" : "s", d.share ? ", tails " : "",
			d.share ? dax_share_tail(d.share) : "");
		e = run(&d, signal_fd, &err);
	}
	if (e < 0)
		(void)fprintf(stderr, "virtiofs-refdev: %s\n", err.text);
	fault_report();
	write_ledger(&d);
	close_all(&d);
	ledger_stop();
	fd_closep(&d.ledger_fd);
	return e < 0 || atomic_load(&d.broken) ? EXIT_BROKEN : EXIT_SUCCESS;
}

static int arm_faults(const struct ref_options *o, struct err *reterr)
{
	int e = 0;

	for (unsigned i = 0; e == 0 && i < o->fault_count; i++)
		e = fault_arm(o->faults[i], reterr);
	return e;
}

static int show_counters(const struct ref_options *o)
{
	struct err err = { "" };

	if (ledger_show(o->counters, stdout, &err) == 0)
		return EXIT_SUCCESS;
	(void)fprintf(stderr, "virtiofs-refdev: %s\n", err.text);
	return EXIT_BROKEN;
}

int main(int argc, char **argv)
{
	struct ref_options o;
	enum ref_command command;
	struct err err = { "" };

	if (ref_options_parse(argc, argv, &o, &command, &err) < 0 || arm_faults(&o, &err) < 0) {
		(void)fprintf(stderr, "virtiofs-refdev: %s\n", err.text);
		return EXIT_USAGE;
	}
	switch (command) {
	case REF_HELP: ref_options_help(stdout); return EXIT_SUCCESS;
	case REF_CAPABILITIES: ref_options_capabilities(stdout); return EXIT_SUCCESS;
	case REF_VERSION: ref_options_version(ref_fs_library(), stdout); return EXIT_SUCCESS;
	case REF_LIST_FAULTS: fault_list(stdout, o.list_json); return EXIT_SUCCESS;
	case REF_SHOW_COUNTERS: return show_counters(&o);
	case REF_RUN: break;
	}
	return serve(&o);
}
