// SPDX-License-Identifier: Apache-2.0
#include "dax_pair.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "run/socket.h"

#include <string.h>

#define SOCKET WORLD_SOCKETS "/second"
/* Plug, mount and so on, each, under TCG. */
#define STEP_MS	 20000
#define STEP	 "20000"
#define GRACE_MS 5000
/* Bit 9 of /proc/sys/kernel/tainted. */
#define TAINT_WARN 512

const char *const dax_pair_words[] = { "--socket-path=" SOCKET, NULL };

static struct agent *agent(struct dax_pair *p)
{
	return p->guest->guest.agent;
}

static int plug_and_mount(struct dax_pair *p)
{
	static const char *const mount[] = { "mount",	   "virtiofs", SESSION_TAG, SESSION_MOUNT,
					     "dax=always", STEP,       NULL };
	const struct guest_device d = { .kind = GUEST_VHOST_USER,
					.driver = p->guest->vmm->generic_device,
					.backend = SOCKET };
	struct err *err = &p->first->in->err;
	json_auto_t *answer = NULL;
	int e = socket_give(SOCKET, &p->first->in->world, err);

	if (e == 0)
		e = guest_plug(&p->guest->guest, &d, clock_deadline_ms(STEP_MS), err);
	p->plugged = e == 0;
	if (e == 0)
		e = guest_tool(agent(p), mount, 2 * STEP_MS, &answer, err);
	p->second.s.mounted = e == 0 && json_is_true(json_object_get(answer, "mounted"));
	if (e == 0 && !p->second.s.mounted)
		e = err_set(err, -EIO, "the second guest cannot mount the share: %s",
			    json_str_at(answer, "error", "?"));
	return e;
}

int dax_pair_open(struct dax_pair *p, struct dax_rig *first)
{
	int e;

	*p = (struct dax_pair){ .first = first };
	e = fleet_extra(&first->in->fleet, first->s.guest, &p->guest, &first->in->err);
	if (e < 0)
		return e;
	p->second.in = first->in;
	p->second.s.place = first->s.place;
	p->second.s.place.agent = agent(p);
	memcpy(p->second.s.counters, first->s.counters, sizeof(p->second.s.counters));
	return plug_and_mount(p);
}

void dax_pair_kill(struct dax_pair *p)
{
	proc_kill(&p->guest->guest.vmm);
	p->guest = fleet_extra_free(p->guest);
}

bool dax_pair_alive(struct dax_pair *p)
{
	return proc_alive(&p->guest->guest.vmm);
}

/* The first guest leaves by hand too: its session expects a device that ends with it. */
static int leave_first(struct dax_rig *r)
{
	struct err *err = &r->in->err;
	char fate[32];
	int e = dax_rig_unmount(r);

	if (e == 0 && r->s.plugged)
		e = guest_unplug(&r->s.guest->guest, clock_deadline_ms(STEP_MS), err);
	r->s.plugged = e < 0;
	agent_watch(r->s.place.agent, -1);
	if (e == 0 && !proc_end(&r->s.daemon, GRACE_MS))
		e = err_set(err, -EIO, "the device did not end by SIGTERM");
	if (e == 0 && strcmp(proc_fate(&r->s.daemon, fate, sizeof(fate)), "exited:0") != 0)
		e = err_set(err, -EIO, "the device ended with %s", fate);
	return e;
}

/*
 * Linux since 6.15 warns, once, when it learns from attributes that somebody else has shortened a file that it maps
 * through DAX (fuse_change_attributes_i() truncates without breaking the layout first). No device can avoid it, and
 * nothing else comes of it; any other warning is a failure.
 */
#define KNOWN_WARNING "truncate_folio_batch_exceptionals"

static bool only_known_warning(const char *dmesg)
{
	const char *first = strstr(dmesg, "WARNING:");
	const char *end = first ? strchr(first, '\n') : NULL;
	const char *known = first ? strstr(first, KNOWN_WARNING) : NULL;

	return end && known && known < end && !strstr(end, "WARNING:") && !strstr(dmesg, "BUG:") &&
	       !strstr(dmesg, "Oops");
}

/* What its kernel has said goes beside what the session saves of the first one's. */
static int check_clean(struct dax_pair *p)
{
	static const char *const argv[] = { "/usr/lib/vq/vq-guest", "dmesg", "--all", NULL };
	const struct agent_job job = { .argv = argv, .deadline_ms = STEP_MS, .stdout_max = MIB };
	CLEANUP(freep) char *path = fs_path("%s/dmesg-second.txt", p->first->dir);
	struct err *err = &p->first->in->err;
	struct agent_result a = { 0 };
	int e = path ? agent_run(agent(p), &job, &a, err) : -ENOMEM;

	if (e < 0)
		return e;
	e = fs_write_atomic(path, buf_text(&a.out), a.out.size, err);
	if (e == 0)
		e = fleet_clean(p->guest, err);
	if (e == -EUCLEAN && only_known_warning(buf_text(&a.out))) {
		(void)printf("known: the guest's kernel warned in " KNOWN_WARNING "()\n");
		p->guest->baseline.tainted = TAINT_WARN;
		e = fleet_clean(p->guest, err);
	}
	agent_result_free(&a);
	return e;
}

/* Mappings of the first guest are still counted: they are no business of this unmount. */
static int leave_second(struct dax_pair *p)
{
	static const char *const umount[] = { "umount", SESSION_MOUNT, NULL };
	struct err *err = &p->first->in->err;
	json_auto_t *answer = NULL;
	int e = dax_rig_let_go(&p->second);

	if (e == 0 && p->second.s.mounted)
		e = guest_tool(agent(p), umount, STEP_MS, &answer, err);
	if (e == 0 && p->plugged)
		e = guest_unplug(&p->guest->guest, clock_deadline_ms(STEP_MS), err);
	return e < 0 ? e : check_clean(p);
}

int dax_pair_close(struct dax_pair *p)
{
	int e = 0;
	int e2;

	if (!p->first)
		return 0;
	if (p->guest)
		e = dax_pair_alive(p)
			    ? leave_second(p)
			    : err_set(&p->first->in->err, -EIO, "the second guest's VMM has ended");
	p->guest = fleet_extra_free(p->guest);
	e2 = leave_first(p->first);
	*p = (struct dax_pair){ 0 };
	return e < 0 ? e : e2;
}
