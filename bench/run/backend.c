// SPDX-License-Identifier: Apache-2.0
/* What serves a share: the daemon of a pass, from its socket to its fate, and the relay before it. */
#include "run/backend.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/pump.h"
#include "relay/relay.h"
#include "run/socket.h"

#include <string.h>

#define LOG_EXCERPT 600
/* How long a daemon may take to find out that it does not know a mode. */
#define DAEMON_REFUSAL_MS 1000

static void add_command(struct pass_result *r, const char *who, char *const *argv)
{
	if (!r->commands)
		r->commands = json_array();
	(void)json_array_append_new(r->commands,
				    json_pack("{s:s,s:o}", "who", who, "argv", json_argv(argv)));
}

/* The one that the daemon serves: behind the relay when there is one. */
static const char *daemon_socket(const struct session *s)
{
	return s->observed ? s->daemon_socket : s->socket;
}

const char *backend_vmm_socket(const struct session *s)
{
	return s->cell->stack->kind == STACK_VIRTIOFS ? s->socket : NULL;
}

/* A listening socket of ours that the daemon inherits, or none and a look at where it makes one. */
static int open_socket(const struct session *s, int *ret_listen, int *ret_watch, struct err *reterr)
{
	int fd = stack_makes_socket(s->cell->stack) ? socket_watch(reterr)
						    : socket_listen(daemon_socket(s), reterr);

	if (fd < 0)
		return fd;
	*(stack_makes_socket(s->cell->stack) ? ret_watch : ret_listen) = fd;
	return 0;
}

static int start_daemon(struct pass_context *ctx, struct session *s, struct pass_result *r,
			struct err *reterr)
{
	static const struct stack_paths roots = WORLD_PATHS;
	CLEANUP(freep) char *log = fs_path("%s/daemon.log", s->dir);
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(fd_closep) int listen_fd = -1;
	CLEANUP(fd_closep) int watch_fd = -1;
	CLEANUP(fd_closep) int log_fd = -1;
	struct daemon_config c = {
		.share = s->share.dir,
		.socket = daemon_socket(s),
		.tag = SESSION_TAG,
		.cache = s->cell->cache,
		.writeback = s->cell->writeback,
		.options = s->cell->options,
		.dax = s->cell->dax,
		.window_bytes = s->cell->window_bytes,
		.counters = s->counters,
		.nofile = ctx->world->nofile,
	};
	struct proc_spec spec = { .keep_fds = &listen_fd };
	int e = log ? open_socket(s, &listen_fd, &watch_fd, reterr)
		    : err_set(reterr, -ENOMEM, "out of memory");

	if (e < 0)
		return e;
	if (stack_counts(s->cell->stack))
		(void)snprintf(s->counters, sizeof(s->counters), WORLD "/counters.%u", ctx->serial);
	c.listen_fd = listen_fd;
	spec.keep_count = listen_fd >= 0;
	e = stack_daemon_argv(s->cell->stack, &roots, &c, &argv);
	if (e < 0)
		return err_errno(reterr, e, "cannot make the command line of stack %s",
				 s->cell->stack->id);
	add_command(r, "daemon", argv.item);
	e = pump_start(log, &log_fd, &s->daemon_pump, reterr);
	if (e < 0)
		return e;
	spec.argv = argv.item;
	spec.stdout_fd = log_fd;
	spec.stderr_fd = log_fd;
	e = proc_start(&spec, &s->daemon, reterr);
	if (e == 0 && watch_fd >= 0)
		e = socket_await(daemon_socket(s), &s->daemon, watch_fd, reterr);
	/* One that does not know the cell's mode: see backend_refuses(). */
	return e == -EOWNERDEAD && session_beyond_stack(s->cell) ? 0 : e;
}

/* The relay that the VMM takes for the daemon in an observed pass. */
static int start_relay(struct pass_context *ctx, struct session *s, struct err *reterr)
{
	CLEANUP(fd_closep) int vmm_fd = socket_listen(s->socket, reterr);
	const struct relay_config c = {
		.listen_fd = vmm_fd,
		.daemon_socket = s->daemon_socket,
		.uid = ctx->world->vmm_uid,
		.gid = ctx->world->vmm_gid,
	};

	return vmm_fd < 0 ? vmm_fd : relay_start(&c, &s->relay, reterr);
}

/* The daemon, and what stands between it and the VMM. */
static int start_served(struct pass_context *ctx, struct session *s, struct pass_result *r,
			struct err *reterr)
{
	int e;

	if (s->observed)
		(void)snprintf(s->daemon_socket, sizeof(s->daemon_socket), "%s/daemon.%u",
			       WORLD_SOCKETS, ctx->serial);
	e = start_daemon(ctx, s, r, reterr);
	if (e == 0 && s->observed)
		e = start_relay(ctx, s, reterr);
	if (e < 0 || !fs_exists(s->socket))
		return e;
	return socket_give(s->socket, ctx->world, reterr);
}

/* The letter that the kernel gives a process's state; '?' when there is none. */
static char process_state(pid_t pid)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	char path[64];
	const char *end;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (fs_read(path, 4 * KIB, &text, NULL) < 0)
		return '?';
	end = strrchr(buf_text(&text), ')'); /* a name may hold anything */
	return end && end[1] == ' ' && end[2] ? end[2] : '?';
}

const char *backend_fate(struct proc *p, char *scratch, size_t size)
{
	if (!proc_alive(p))
		return proc_fate(p, scratch, size);
	(void)snprintf(scratch, size, "alive%s",
		       process_state(p->pid) == 'T' ? ", but stopped (state T)" : "");
	return scratch;
}

/* Says what became of the daemon and what it printed last, for an error that it may have caused. */
void backend_append(struct session *s, struct pass_result *r)
{
	CLEANUP(freep) char *log = fs_path("%s/daemon.log", s->dir);
	CLEANUP(buf_free) struct buf text = { .max = PUMP_LOG_MAX };
	char fate[64];
	size_t used = strlen(r->reason);
	const char *tail;

	if (s->daemon_told || !s->daemon.pid)
		return;
	s->daemon_told = true;
	/* It may be about to leave: that is the news. */
	(void)proc_wait(&s->daemon, clock_deadline_ms(200));
	(void)backend_fate(&s->daemon, fate, sizeof(fate));
	if (!proc_alive(&s->daemon))
		pump_finish(&s->daemon_pump);
	if (log)
		(void)!fs_read(log, 2 * PUMP_LOG_MAX, &text, NULL);
	tail = text.size > LOG_EXCERPT ? text.data + text.size - LOG_EXCERPT : buf_text(&text);
	(void)snprintf(r->reason + used, sizeof(r->reason) - used, "; daemon %s%s%s", fate,
		       *tail ? ", its log (daemon.log) ends: " : ", its log (daemon.log) is empty",
		       tail);
}

/* A daemon that does not know the cell's mode leaves at once: its words are the answer. */
bool backend_refuses(struct session *s, struct pass_result *r)
{
	char fate[32];
	size_t used;

	if (!session_beyond_stack(s->cell) ||
	    proc_wait(&s->daemon, clock_deadline_ms(DAEMON_REFUSAL_MS)) < 0)
		return false;
	(void)proc_fate(&s->daemon, fate, sizeof(fate));
	if (strncmp(fate, "exited:", 7) != 0 || strcmp(fate, "exited:0") == 0)
		return false;
	r->status = PASS_NA;
	(void)snprintf(r->reason, sizeof(r->reason), "the daemon refuses cache=%s",
		       cache_name(s->cell->cache));
	used = strlen(r->reason);
	backend_append(s, r);
	if (strlen(r->reason) > used)
		pass_add_evidence(r, "what the daemon printed", r->reason + used, "daemon.log");
	return true;
}

static int link_9p(struct session *s, struct err *reterr)
{
	(void)unlink(WORLD_9P);
	return symlink(s->share.dir, WORLD_9P) < 0
		       ? err_errno(reterr, -errno, "cannot make the link %s", WORLD_9P)
		       : 0;
}

/* What serves the share: a daemon of ours, or the VMM itself. */
int backend_start(struct pass_context *ctx, struct session *s, struct pass_result *r,
		  struct err *reterr)
{
	int e = 0;

	(void)snprintf(s->socket, sizeof(s->socket), "%s/fs.%u", WORLD_SOCKETS, ctx->serial);
	if (s->cell->stack->kind == STACK_VIRTIOFS)
		e = start_served(ctx, s, r, reterr);
	else if (s->cell->stack->kind == STACK_9P)
		e = link_9p(s, reterr);
	return e;
}

/* A relay that fell over has taken the device with it: its words are the cause, or a part of it. */
static void stop_relay(struct session *s, struct pass_result *r)
{
	size_t used = strlen(r->reason);
	struct err err = { 0 };

	if (relay_stop(TAKE_PTR(s->relay), &err) == 0 || r->status == PASS_NA)
		return;
	if (used)
		(void)snprintf(r->reason + used, sizeof(r->reason) - used, "; relay: %s", err.text);
	else
		pass_fail(r, "the relay stopped: %s", err.text);
}

/*
 * The fate is taken before the harness stops it. A daemon that crashes or hangs once its device is
 * gone has measured well and is broken all the same: nobody would look into the log of an ok cell.
 */
void backend_stop(struct session *s, struct pass_result *r, bool should_leave)
{
	char fate[32];

	stop_relay(s, r);

	if (!s->daemon.pid)
		return;
	/* It leaves by itself when its front end has gone; longer is "hung". */
	if (should_leave && proc_wait(&s->daemon, clock_deadline_ms(s->step_ms)) < 0)
		pass_fail(r, "the daemon is hung: still there %u ms after its device was unplugged",
			  s->step_ms);
	(void)proc_fate(&s->daemon, fate, sizeof(fate));
	if (should_leave && strcmp(fate, "exited:0") != 0)
		pass_fail(r, "the daemon ended with %s after its device was unplugged", fate);
	if (r->status == PASS_FAILED)
		backend_append(s, r);
	proc_kill(&s->daemon);
	pump_finish(&s->daemon_pump);
}
