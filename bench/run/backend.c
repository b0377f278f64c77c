// SPDX-License-Identifier: Apache-2.0
/* What serves a share: the daemon of a pass, from its socket to its fate, and the relay before it. */
#include "run/backend.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/pump.h"
#include "relay/relay.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

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

static int listen_at(const char *path, struct err *reterr)
{
	CLEANUP(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1) < 0)
		return err_errno(reterr, -errno, "cannot listen on %s", path);
	return TAKE_FD(fd);
}

/* The listening socket is ours and inherited by the daemon: nobody waits for a path to appear. */
static int listen_for_vmm(struct pass_context *ctx, struct session *s, struct err *reterr)
{
	CLEANUP(fd_closep) int fd = -1;

	(void)snprintf(s->socket, sizeof(s->socket), "%s/fs.%u", WORLD_SOCKETS, ctx->serial);
	fd = listen_at(s->socket, reterr);
	if (fd >= 0 && ctx->world->vmm_uid &&
	    chown(s->socket, ctx->world->vmm_uid, ctx->world->vmm_gid) < 0)
		return err_errno(reterr, -errno, "cannot give %s to the VMM", s->socket);
	return TAKE_FD(fd);
}

static int start_daemon(struct pass_context *ctx, struct session *s, int listen_fd,
			struct pass_result *r, struct err *reterr)
{
	static const struct stack_paths roots = { WORLD_ROOTS, WORLD_IMAGE };
	CLEANUP(freep) char *log = fs_path("%s/daemon.log", s->dir);
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(fd_closep) int log_fd = -1;
	const struct daemon_config c = {
		.share = s->share.dir,
		.listen_fd = listen_fd,
		.cache = s->cell->cache,
		.writeback = s->cell->writeback,
		.options = s->cell->options,
		.nofile = ctx->world->nofile,
	};
	struct proc_spec spec = { .keep_fds = &listen_fd, .keep_count = 1 };
	int e;

	if (!log || stack_daemon_argv(s->cell->stack, &roots, &c, &argv) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	add_command(r, "daemon", argv.item);
	e = pump_start(log, &log_fd, &s->daemon_pump, reterr);
	if (e < 0)
		return e;
	spec.argv = argv.item;
	spec.stdout_fd = log_fd;
	spec.stderr_fd = log_fd;
	return proc_start(&spec, &s->daemon, reterr);
}

/* The daemon, and in an observed pass the relay that the VMM takes for it. */
static int start_served(struct pass_context *ctx, struct session *s, struct pass_result *r,
			struct err *reterr)
{
	CLEANUP(fd_closep) int vmm_fd = listen_for_vmm(ctx, s, reterr);
	CLEANUP(fd_closep) int daemon_fd = -1;
	const struct relay_config c = {
		.listen_fd = vmm_fd,
		.daemon_socket = s->daemon_socket,
		.uid = ctx->world->vmm_uid,
		.gid = ctx->world->vmm_gid,
	};
	int e;

	if (vmm_fd < 0 || !s->observed)
		return vmm_fd < 0 ? vmm_fd : start_daemon(ctx, s, vmm_fd, r, reterr);
	(void)snprintf(s->daemon_socket, sizeof(s->daemon_socket), "%s/daemon.%u", WORLD_SOCKETS,
		       ctx->serial);
	daemon_fd = listen_at(s->daemon_socket, reterr);
	if (daemon_fd < 0)
		return daemon_fd;
	e = start_daemon(ctx, s, daemon_fd, r, reterr);
	return e < 0 ? e : relay_start(&c, &s->relay, reterr);
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
