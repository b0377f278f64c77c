// SPDX-License-Identifier: Apache-2.0
#include "run/session.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "run/backend.h"
#include "run/dax.h"
#include "run/mount.h"
#include "run/observe.h"
#include "run/recording.h"
#include "run/vmm_fate.h"

#include <string.h>

#define GUEST_TMP "/run"
/* What a pass may take besides its phases: plug, mount, states. */
#define RECORD_EXTRA_MS 120000

static void stage(struct pass_context *ctx, const char *what)
{
	if (ctx->stage)
		ctx->stage(ctx->stage_arg, what);
}

/* How a device of each kind of stack is plugged. */
static const enum guest_device_kind devices[STACK_KIND_COUNT] = {
	[STACK_VIRTIOFS] = GUEST_VHOST_USER_FS,
	[STACK_9P] = GUEST_9P,
	[STACK_BLK] = GUEST_BLK,
};

/* A guest was lost: what became of the two processes that it lives on, before we end them. */
static void append_fates(struct session *s, struct pass_result *r)
{
	vmm_fate_append(s, r);
	backend_append(s, r);
}

static int plug(struct session *s, struct err *reterr)
{
	const struct stack *stack = s->cell->stack;
	struct guest_device d = {
		.kind = devices[stack->kind],
		.tag = SESSION_TAG,
		.driver = s->cell->vmm->device,
		.backend = stack->kind == STACK_BLK ? s->share.image : backend_vmm_socket(s),
	};
	int e;

	if (stack_generic_device(stack, s->cell->options)) {
		d.kind = GUEST_VHOST_USER;
		d.driver = s->cell->vmm->generic_device;
	}
	for (size_t i = 0; i < stack->option_count; i++)
		d.direct |= s->cell->options & 1U << i && stack->options[i].host_direct;
	e = guest_plug(&s->guest->guest, &d, clock_deadline_ms(s->step_ms), reterr);
	s->plugged = e == 0;
	/* Without its daemon requests of the guest wait for ever. */
	if (e == 0 && s->daemon.pid)
		agent_watch(s->place.agent, s->daemon.pidfd);
	return e;
}

/* Host and guest are sampled from before the device is there. */
static int record(struct pass_context *ctx, struct session *s, struct pass_result *r)
{
	/* Phases of an observed pass end when their data does, or are given up after their bound. */
	unsigned phase_ms = ctx->time_ms + ctx->grace_ms;
	unsigned deadline_ms = RECORD_EXTRA_MS +
			       (unsigned)s->cell->workload->phase_count * phase_ms;
	struct err err = { 0 };
	int e;

	if (!s->recording)
		return 0;
	e = recording_start(s->recording, s, 0, deadline_ms, &err);
	if (e == 0)
		e = recording_phase(s->recording, OBSERVE_MOUNT, &err);
	if (e < 0)
		pass_fail(r, "cannot record host and guest: %s", err.text);
	return e;
}

static void use_guest(struct session *s, struct pass_result *r)
{
	r->guest = s->guest->origin;
	s->place = (struct place){ s->guest->guest.agent, SESSION_MOUNT, GUEST_TMP, "/usr/lib/vq",
				   s->step_ms };
}

/* Without hot-plug the daemon comes first, and the guest is booted with the device. */
static int open_booted(struct pass_context *ctx, struct session *s, struct pass_result *r)
{
	const struct cell *c = s->cell;
	struct err err = { 0 };
	int e;

	s->device = (struct vmm_device){
		.stack = c->stack,
		.socket = s->socket,
		.share = s->share.dir,
		.tag = SESSION_TAG,
		.cache = c->cache,
		.options = c->options,
		.writeback = c->writeback,
	};
	stage(ctx, "daemon");
	e = backend_start(ctx, s, r, &err);
	s->device.socket = backend_vmm_socket(s);
	if (e == 0 && s->daemon.pid && backend_refuses(s, r))
		return -ENOTSUP;
	stage(ctx, "boot");
	if (e == 0)
		e = fleet_boot(ctx->fleet, c->vmm, c->kernel, &s->device, &s->guest, &err);
	if (e < 0) {
		pass_fail(r, "no guest: %s", err.text);
		backend_append(s, r);
		s->guest_lost = true;
		return e;
	}
	use_guest(s, r);
	s->plugged = true;
	if (s->daemon.pid)
		agent_watch(s->place.agent, s->daemon.pidfd);
	e = record(ctx, s, r);
	return e < 0 ? e : mount_share(s, r);
}

static int open_guest(struct pass_context *ctx, struct session *s, struct pass_result *r)
{
	struct err err = { 0 };
	int e;

	if (s->cell->vmm->control == VMM_CONTROL_NONE)
		return open_booted(ctx, s, r);
	stage(ctx, "guest");
	e = s->lent ? 0 : fleet_get(ctx->fleet, s->cell->vmm, s->cell->kernel, &s->guest, &err);
	if (e < 0) {
		s->guest = NULL;
		pass_fail(r, "no guest: %s", err.text);
		return e;
	}
	use_guest(s, r);
	stage(ctx, "plug");
	e = backend_start(ctx, s, r, &err);
	if (e == 0 && s->daemon.pid && backend_refuses(s, r))
		return -ENOTSUP;
	if (e == 0 && (e = record(ctx, s, r)) < 0)
		return e;
	if (e == 0)
		e = plug(s, &err);
	if (e < 0) {
		pass_fail(r, "cannot plug the device: %s", err.text);
		backend_append(s, r);
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
	s->step_ms = ctx->step_ms ? ctx->step_ms : PASS_STEP_MS;
	stage(ctx, "share");
	e = s->lent ? 0 : share_make(s->cell, ctx->world, ctx->serial, &s->share, &err);
	if (e < 0) {
		pass_fail(r, "%s", err.text);
		return e;
	}
	if (stack_is_guest(s->cell->stack)) {
		e = open_guest(ctx, s, r);
	} else {
		s->place = (struct place){ NULL, s->share.dir, WORLD, WORLD_GUEST, s->step_ms };
		e = record(ctx, s, r);
	}
	if (e < 0)
		return e;
	e = dax_prove(s, r);
	if (e < 0)
		return e;
	e = place_cached(&s->place, &s->cached_at_mount, &err);
	if (e < 0)
		pass_fail(r, "%s", err.text);
	return e;
}

static void save_dmesg(struct session *s)
{
	static const char *const argv[] = { "/usr/lib/vq/vq-guest", "dmesg", "--all", NULL };
	const struct agent_job job = { .argv = argv,
				       .deadline_ms = SESSION_TOOL_STEPS * s->step_ms,
				       .stdout_max = MIB,
				       .stderr_max = MIB };
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
	static const char *const args[] = { "umount", SESSION_MOUNT, NULL };
	json_auto_t *answer = NULL;
	struct err err = { 0 };

	if (!s->mounted)
		return;
	if (guest_tool(s->place.agent, args, SESSION_TOOL_STEPS * s->step_ms, &answer, &err) < 0 ||
	    !json_object_get(answer, "umount_ns")) {
		CLEANUP(freep) char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;

		pass_fail(r, "cannot unmount: %s", text ? text : err.text);
		s->guest_lost = true;
	}
}

/* The device leaves its guest: by hot-unplug, or with it. */
static void take_device(struct session *s, struct pass_result *r)
{
	bool booted = s->cell->vmm->control == VMM_CONTROL_NONE;
	struct err err = { 0 };

	if (!booted && s->plugged &&
	    guest_unplug(&s->guest->guest, clock_deadline_ms(s->step_ms), &err) < 0) {
		pass_fail(r, "cannot unplug the device: %s", err.text);
		s->guest_lost = true;
		return;
	}
	if (fleet_clean(s->guest, &err) < 0) {
		pass_fail(r, "the guest is not clean after the pass and was dropped: %s", err.text);
		s->guest_lost = true;
	}
}

/* How a VMM that is told nothing ended: on signals alone. */
static void end_booted(struct session *s, struct pass_result *r)
{
	char fate[96];

	pass_add_evidence(r, "end of the VMM", fleet_end(s->guest, fate, sizeof(fate)), NULL);
}

static void close_guest(struct session *s, struct pass_result *r)
{
	if (s->plugged && s->daemon.pid && !proc_alive(&s->daemon)) {
		pass_fail(r, "the daemon ended during the pass");
		s->guest_lost = true;
	}
	/* One that does not answer any more would keep each of the next steps waiting. */
	if (r->status == PASS_FAILED && !s->guest_lost && s->place.agent)
		s->guest_lost = agent_ping(s->place.agent, clock_deadline_ms(s->step_ms), NULL,
					   NULL) < 0;
	if (!s->guest_lost && s->place.agent) {
		unmount(s, r);
		save_dmesg(s);
	}
	if (s->place.agent)
		agent_watch(s->place.agent, -1); /* it leaves when its device does */
	if (!s->guest_lost)
		take_device(s, r);
	if (r->status == PASS_FAILED && s->guest_lost)
		append_fates(s, r);
	if (s->guest_lost)
		fleet_drop(s->guest);
	else if (s->cell->vmm->control == VMM_CONTROL_NONE)
		end_booted(s, r);
}

void session_close(struct pass_context *ctx, struct session *s, struct pass_result *r)
{
	stage(ctx, "clean up");
	if (s->guest)
		close_guest(s, r);
	backend_stop(s, r, s->plugged);
	if (s->socket[0])
		(void)unlink(s->socket);
	if (s->daemon_socket[0])
		(void)unlink(s->daemon_socket);
	if (s->counters[0])
		(void)unlink(s->counters);
	if (!s->lent)
		share_remove(&s->share);
}
