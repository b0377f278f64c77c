// SPDX-License-Identifier: Apache-2.0
#include "run/session.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/pump.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define TAG	    "vq"
#define GUEST_MOUNT "/mnt/vq"
#define GUEST_TMP   "/run"
#define PLUG_MS	    10000
/* How long the guest's driver may take to bind the new device. */
#define MOUNT_WAIT_MS 10000
#define TOOL_MS	      20000
/* A daemon leaves by itself when its front end has gone; longer is "hung". */
#define DAEMON_EXIT_MS 5000
#define LOG_EXCERPT    600

static void stage(struct pass_context *ctx, const char *what)
{
	if (ctx->stage)
		ctx->stage(ctx->stage_arg, what);
}

static void add_command(struct pass_result *r, const char *who, char *const *argv)
{
	if (!r->commands)
		r->commands = json_array();
	(void)json_array_append_new(r->commands,
				    json_pack("{s:s,s:o}", "who", who, "argv", json_argv(argv)));
}

static int make_share(struct pass_context *ctx, struct session *s, struct err *reterr)
{
	bool on_disk = s->cell->stack->kind != STACK_HOST || s->cell->stack->on_disk;

	(void)snprintf(s->share, sizeof(s->share), "%s/p%u", on_disk ? WORLD_SHARE : WORLD_TMPFS,
		       ctx->serial);
	(void)snprintf(s->data_file, sizeof(s->data_file), "%s/" WORKLOAD_FILE, s->share);
	if (mkdir(s->share, 0755) < 0)
		return err_errno(reterr, -errno, "cannot make share %s", s->share);
	return workload_layout(s->cell->workload, s->share, reterr);
}

/* The listening socket is ours and inherited by the daemon: nobody waits for a path to appear. */
static int listen_for_vmm(struct pass_context *ctx, struct session *s, struct err *reterr)
{
	CLEANUP(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	(void)snprintf(s->socket, sizeof(s->socket), "%s/fs.%u", WORLD_SOCKETS, ctx->serial);
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", s->socket);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1) < 0)
		return err_errno(reterr, -errno, "cannot listen on %s", s->socket);
	if (ctx->world->vmm_uid && chown(s->socket, ctx->world->vmm_uid, ctx->world->vmm_gid) < 0)
		return err_errno(reterr, -errno, "cannot give %s to the VMM", s->socket);
	return TAKE_FD(fd);
}

static int start_daemon(struct pass_context *ctx, struct session *s, struct pass_result *r,
			struct err *reterr)
{
	static const struct stack_paths roots = { WORLD_ROOTS, WORLD_IMAGE };
	CLEANUP(freep) char *log = fs_path("%s/daemon.log", s->dir);
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(fd_closep) int listen_fd = listen_for_vmm(ctx, s, reterr);
	CLEANUP(fd_closep) int log_fd = -1;
	const struct daemon_config c = {
		.share = s->share,
		.listen_fd = listen_fd,
		.cache = s->cell->cache,
		.writeback = s->cell->writeback,
		.nofile = ctx->world->nofile,
	};
	struct proc_spec spec = { .keep_fds = &listen_fd, .keep_count = 1 };
	int e;

	if (listen_fd < 0)
		return listen_fd;
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

static const char *fate_in_words(struct proc *p, char *scratch, size_t size)
{
	if (!proc_alive(p))
		return proc_fate(p, scratch, size);
	(void)snprintf(scratch, size, "alive%s",
		       process_state(p->pid) == 'T' ? ", but stopped (state T)" : "");
	return scratch;
}

/* Says what became of the daemon and what it printed last, for an error that it may have caused. */
static void append_daemon(struct session *s, struct pass_result *r)
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
	(void)fate_in_words(&s->daemon, fate, sizeof(fate));
	if (!proc_alive(&s->daemon))
		pump_finish(&s->daemon_pump);
	if (log)
		(void)!fs_read(log, 2 * PUMP_LOG_MAX, &text, NULL);
	tail = text.size > LOG_EXCERPT ? text.data + text.size - LOG_EXCERPT : buf_text(&text);
	(void)snprintf(r->reason + used, sizeof(r->reason) - used, "; daemon %s%s%s", fate,
		       *tail ? ", its log (daemon.log) ends: " : ", its log (daemon.log) is empty",
		       tail);
}

/* A guest was lost: what became of the two processes that it lives on, before we end them. */
static void append_fates(struct session *s, struct pass_result *r)
{
	char fate[64];
	size_t used = strlen(r->reason);

	/* One that just died closes its sockets before it can be reaped. */
	(void)proc_wait(&s->guest->guest.vmm, clock_deadline_ms(300));
	(void)snprintf(r->reason + used, sizeof(r->reason) - used, "; VMM %s",
		       fate_in_words(&s->guest->guest.vmm, fate, sizeof(fate)));
	append_daemon(s, r);
}

static void mount_options(const struct cell *c, char *ret, size_t size)
{
	ret[0] = '\0';
	if (c->dax != DAX_NONE)
		(void)snprintf(ret, size, "dax=%s", dax_name(c->dax));
}

static const char *last_log_line(json_t *answer)
{
	json_t *log = json_object_get(answer, "kernel_log");
	const char *line = json_string_value(json_array_get(log, json_array_size(log) - 1));

	return line ? line : "no kernel message";
}

/* Virtio device id 26 as modern PCI device id (virtio 1.4, "PCI Device Discovery": 0x1040 + id). */
#define PCI_DEVICE_FS "0x105a"

/*
 * Does the guest see a shared memory capability on the file system device? A device that it does
 * not see at all is an error: no answer can be read from it.
 */
static int has_window(struct session *s, json_t **ret_caps, bool *ret, struct err *reterr)
{
	static const char *const args[] = { "pci-caps", NULL };
	json_t *devices;
	json_t *device;
	size_t i;
	int e = guest_tool(s->place.agent, args, TOOL_MS, ret_caps, reterr);

	if (e < 0)
		return e;
	devices = json_object_get(*ret_caps, "devices");
	json_array_foreach(devices, i, device) {
		if (strcmp(json_str_at(device, "device", ""), PCI_DEVICE_FS) != 0)
			continue;
		*ret = json_array_size(json_object_get(device, "shm")) > 0;
		return 0;
	}
	return err_set(reterr, -ENODEV, "the guest sees no PCI device " PCI_DEVICE_FS);
}

static void say_na(struct session *s, json_t *answer, struct pass_result *r)
{
	const char *mode = dax_name(s->cell->dax);

	r->status = PASS_NA;
	if (s->mounted)
		(void)snprintf(r->reason, sizeof(r->reason),
			       "the device has no DAX window: the guest sees no shared memory "
			       "capability on it, so dax=%s mounts but cannot map",
			       mode);
	else
		(void)snprintf(r->reason, sizeof(r->reason),
			       "mount -o dax=%s: %s (errno %lld); guest kernel: %.800s", mode,
			       json_str_at(answer, "error", "?"),
			       (long long)json_integer_value(json_object_get(answer, "errno")),
			       last_log_line(answer));
}

/*
 * A DAX cell on a device without a window is n/a. Anything else is a failure: a mount that fails
 * for another reason, or a window where no proof of DAX is defined for the stack.
 */
static int judge_dax(struct session *s, json_t *answer, struct pass_result *r)
{
	CLEANUP(freep) char *said = json_dumps(answer, JSON_COMPACT);
	CLEANUP(freep) char *caps_text = NULL;
	json_auto_t *caps = NULL;
	struct err err = { 0 };
	bool window = false;
	int e = has_window(s, &caps, &window, &err);

	if (said)
		pass_add_evidence(r, "answer to the mount", said, NULL);
	caps_text = caps ? json_dumps(caps, JSON_COMPACT) : NULL;
	if (caps_text)
		pass_add_evidence(r, "virtio PCI capabilities that the guest sees", caps_text,
				  NULL);
	if (e < 0)
		pass_fail(r, "cannot look for a DAX window: %s", err.text);
	else if (window)
		pass_fail(r, "the device has a DAX window, but this stack is not known to have "
			     "one: no proof of DAX is defined for it");
	else if (!s->mounted && json_integer_value(json_object_get(answer, "errno")) != EINVAL)
		pass_fail(r, "the guest cannot mount the share: %s; guest kernel: %.400s",
			  json_str_at(answer, "error", "?"), last_log_line(answer));
	else
		say_na(s, answer, r);
	return -ENOTSUP;
}

static int mount_share(struct session *s, struct pass_result *r)
{
	char options[32];
	char wait_ms[16];
	const char *const args[] = {
		"mount", "virtiofs", TAG, GUEST_MOUNT, options, wait_ms, NULL
	};
	json_auto_t *answer = NULL;
	struct err err = { 0 };

	mount_options(s->cell, options, sizeof(options));
	(void)snprintf(wait_ms, sizeof(wait_ms), "%d", MOUNT_WAIT_MS);
	if (guest_tool(s->place.agent, args, TOOL_MS, &answer, &err) < 0) {
		s->guest_lost = true;
		pass_fail(r, "%s", err.text);
		append_daemon(s, r);
		return -EIO;
	}
	s->mounted = json_is_true(json_object_get(answer, "mounted"));
	(void)snprintf(r->interrupts, sizeof(r->interrupts), "%s",
		       json_str_at(answer, "interrupts", ""));
	if (s->cell->dax != DAX_NONE && proc_alive(&s->daemon) &&
	    (s->mounted || json_is_true(json_object_get(answer, "device_present"))))
		return judge_dax(s, answer, r);
	if (s->mounted)
		return 0;
	pass_fail(r, "the guest cannot mount the share: %s; guest kernel: %.400s",
		  json_str_at(answer, "error", "?"), last_log_line(answer));
	append_daemon(s, r);
	return -EIO;
}

static int open_guest(struct pass_context *ctx, struct session *s, struct pass_result *r)
{
	struct err err = { 0 };
	int e;

	stage(ctx, "guest");
	e = fleet_get(ctx->fleet, s->cell->vmm, s->cell->kernel, &s->guest, &err);
	if (e < 0) {
		s->guest = NULL;
		pass_fail(r, "no guest: %s", err.text);
		return e;
	}
	r->guest = s->guest->origin;
	s->place = (struct place){ s->guest->guest.agent, GUEST_MOUNT, GUEST_TMP, "/usr/lib/vq" };
	stage(ctx, "plug");
	e = start_daemon(ctx, s, r, &err);
	if (e == 0)
		e = guest_plug(&s->guest->guest, s->cell->vmm->device, s->socket, TAG,
			       clock_deadline_ms(PLUG_MS), &err);
	s->plugged = e == 0;
	/* Without it requests of the guest wait for ever. */
	if (e == 0)
		agent_watch(s->place.agent, s->daemon.pidfd);
	if (e < 0) {
		pass_fail(r, "cannot plug the device: %s", err.text);
		append_daemon(s, r);
		s->guest_lost = true; /* half-plugged: do not use it again */
		return e;
	}
	return mount_share(s, r);
}

int session_open(struct pass_context *ctx, struct session *s, struct pass_result *r)
{
	struct err err = { 0 };
	int e;

	r->guest = "none";
	stage(ctx, "share");
	e = make_share(ctx, s, &err);
	if (e < 0) {
		pass_fail(r, "%s", err.text);
		return e;
	}
	if (s->cell->stack->kind == STACK_HOST)
		s->place = (struct place){ NULL, s->share, WORLD, WORLD_GUEST };
	else if ((e = open_guest(ctx, s, r)) < 0)
		return e;
	e = place_cached(&s->place, &s->cached_at_mount, &err);
	if (e < 0)
		pass_fail(r, "%s", err.text);
	return e;
}

static void save_dmesg(struct session *s)
{
	static const char *const argv[] = { "/usr/lib/vq/vq-guest", "dmesg", "--all", NULL };
	const struct agent_job job = {
		.argv = argv, .deadline_ms = TOOL_MS, .stdout_max = MIB, .stderr_max = MIB
	};
	CLEANUP(freep) char *path = fs_path("%s/dmesg.txt", s->dir);
	CLEANUP(file_closep) FILE *f = path ? fopen(path, "we") : NULL;
	struct agent_result a = { 0 };

	if (!f || agent_run(s->place.agent, &job, &a, NULL) < 0)
		return;
	(void)fwrite(buf_text(&a.out), 1, a.out.size, f);
	agent_result_free(&a);
}

static void unmount(struct session *s, struct pass_result *r)
{
	static const char *const args[] = { "umount", GUEST_MOUNT, NULL };
	json_auto_t *answer = NULL;
	struct err err = { 0 };

	if (!s->mounted)
		return;
	if (guest_tool(s->place.agent, args, TOOL_MS, &answer, &err) < 0 ||
	    !json_object_get(answer, "umount_ns")) {
		CLEANUP(freep) char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;

		pass_fail(r, "cannot unmount: %s", text ? text : err.text);
		s->guest_lost = true;
	}
}

/*
 * The fate is taken before the harness stops it. A daemon that crashes or hangs once its device is
 * gone has measured well and is broken all the same: nobody would look into the log of an ok cell.
 */
static void stop_daemon(struct session *s, struct pass_result *r, bool should_leave)
{
	char fate[32];

	if (!s->daemon.pid)
		return;
	if (should_leave && proc_wait(&s->daemon, clock_deadline_ms(DAEMON_EXIT_MS)) < 0)
		pass_fail(r, "the daemon is hung: still there %d s after its device was unplugged",
			  DAEMON_EXIT_MS / 1000);
	(void)proc_fate(&s->daemon, fate, sizeof(fate));
	if (should_leave && strcmp(fate, "exited:0") != 0)
		pass_fail(r, "the daemon ended with %s after its device was unplugged", fate);
	if (r->status == PASS_FAILED)
		append_daemon(s, r);
	proc_kill(&s->daemon);
	pump_finish(&s->daemon_pump);
}

static void close_guest(struct session *s, struct pass_result *r)
{
	struct err err = { 0 };

	if (s->plugged && !proc_alive(&s->daemon)) {
		pass_fail(r, "the daemon ended during the pass");
		s->guest_lost = true;
	}
	if (!s->guest_lost && s->place.agent) {
		unmount(s, r);
		save_dmesg(s);
	}
	if (s->place.agent)
		agent_watch(s->place.agent, -1); /* it leaves when its device does */
	if (s->plugged && !s->guest_lost &&
	    guest_unplug(&s->guest->guest, clock_deadline_ms(PLUG_MS), &err) < 0) {
		pass_fail(r, "cannot unplug the device: %s", err.text);
		s->guest_lost = true;
	}
	if (!s->guest_lost && fleet_clean(s->guest, &err) < 0) {
		pass_fail(r, "the guest is not clean after the pass and was dropped: %s", err.text);
		s->guest_lost = true;
	}
	if (r->status == PASS_FAILED && s->guest_lost)
		append_fates(s, r);
	if (s->guest_lost)
		fleet_drop(s->guest);
}

void session_close(struct pass_context *ctx, struct session *s, struct pass_result *r)
{
	stage(ctx, "clean up");
	if (s->guest)
		close_guest(s, r);
	stop_daemon(s, r, s->plugged);
	if (s->socket[0])
		(void)unlink(s->socket);
	if (s->share[0])
		(void)!fs_remove_tree(s->share, NULL);
}
