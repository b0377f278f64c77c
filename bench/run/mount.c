// SPDX-License-Identifier: Apache-2.0
/* The guest mounts the share; what its answer means for the cell. */
#include "run/mount.h"

#include "base/json.h"
#include "run/backend.h"

#include <inttypes.h>
#include <string.h>

/* What the guest mounts, by kind of stack. */
static const struct {
	const char *fs_type;
	const char *source;
} kinds[STACK_KIND_COUNT] = {
	[STACK_VIRTIOFS] = { "virtiofs", SESSION_TAG },
	[STACK_VMM_FS] = { "virtiofs", SESSION_TAG },
	[STACK_9P] = { "9p", SESSION_TAG },
	[STACK_BLK] = { "ext4", "virtio-blk:" SESSION_TAG },
};

static int mount_options(const struct cell *c, char *ret, size_t size)
{
	if (c->dax != DAX_NONE && c->dax != DAX_UNSET) {
		(void)snprintf(ret, size, "dax=%s", dax_name(c->dax));
		return 0;
	}
	return stack_mount_options(c->stack, c->cache, c->options, ret, size);
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
	int e = guest_tool(s->place.agent, args, SESSION_TOOL_STEPS * s->step_ms, ret_caps, reterr);

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
static void add_answer(json_t *answer, struct pass_result *r)
{
	CLEANUP(freep) char *said = json_dumps(answer, JSON_COMPACT);

	if (said)
		pass_add_evidence(r, "answer to the mount", said, NULL);
}

/* A window was asked for: where it has vanished from the VMM, the cell fails with what the guest sees. */
static int judge_window(struct session *s, bool window, json_t *answer, struct pass_result *r)
{
	if (window && s->mounted)
		return 0;
	if (!window)
		pass_fail(r,
			  "%s was asked for a DAX window of %" PRIu64
			  " MiB, and the guest sees no shared memory capability on the device",
			  s->cell->vmm->id, s->cell->window_bytes / MIB);
	else
		pass_fail(r, "mount -o dax=%s: %s; guest kernel: %.400s", dax_name(s->cell->dax),
			  json_str_at(answer, "error", "?"), last_log_line(answer));
	backend_append(s, r);
	return -EIO;
}

static int judge_dax(struct session *s, json_t *answer, struct pass_result *r)
{
	CLEANUP(freep) char *caps_text = NULL;
	json_auto_t *caps = NULL;
	struct err err = { 0 };
	bool window = false;
	int e = has_window(s, &caps, &window, &err);

	add_answer(answer, r);
	caps_text = caps ? json_dumps(caps, JSON_COMPACT) : NULL;
	if (caps_text)
		pass_add_evidence(r, "virtio PCI capabilities that the guest sees", caps_text,
				  NULL);
	if (e < 0)
		pass_fail(r, "cannot look for a DAX window: %s", err.text);
	else if (s->cell->window_bytes)
		return judge_window(s, window, answer, r);
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

bool session_beyond_stack(const struct cell *c)
{
	return c->cache != CACHE_UNSET && !(c->stack->cache_mask & 1U << c->cache);
}

static int judge_mount(struct session *s, json_t *answer, struct pass_result *r)
{
	int error = (int)json_integer_value(json_object_get(answer, "errno"));

	if (s->cell->dax > DAX_NONE && (!s->daemon.pid || proc_alive(&s->daemon)) &&
	    (s->mounted || json_is_true(json_object_get(answer, "device_present"))))
		return judge_dax(s, answer, r);
	if (s->mounted)
		return 0;
	if (session_beyond_stack(s->cell) && s->cell->stack->kind == STACK_9P && error == EINVAL) {
		r->status = PASS_NA;
		(void)snprintf(r->reason, sizeof(r->reason),
			       "mount -o cache=%s: %s (errno %d); guest kernel: %.800s",
			       cache_name(s->cell->cache), json_str_at(answer, "error", "?"), error,
			       last_log_line(answer));
		add_answer(answer, r);
		return -ENOTSUP;
	}
	pass_fail(r, "the guest cannot mount the share: %s; guest kernel: %.400s",
		  json_str_at(answer, "error", "?"), last_log_line(answer));
	backend_append(s, r);
	return -EIO;
}

int mount_share(struct session *s, struct pass_result *r)
{
	enum stack_kind kind = s->cell->stack->kind;
	char options[128];
	char wait_ms[16];
	const char *const args[] = {
		"mount", kinds[kind].fs_type, kinds[kind].source, SESSION_MOUNT, options, wait_ms,
		NULL
	};
	json_auto_t *answer = NULL;
	struct err err = { 0 };

	if (mount_options(s->cell, options, sizeof(options)) < 0) {
		pass_fail(r, "the mount options of %s are too long", s->cell->stack->id);
		return -EINVAL;
	}
	(void)snprintf(wait_ms, sizeof(wait_ms), "%u", s->step_ms);
	if (guest_tool(s->place.agent, args, SESSION_TOOL_STEPS * s->step_ms, &answer, &err) < 0) {
		s->guest_lost = true;
		pass_fail(r, "%s", err.text);
		backend_append(s, r);
		return -EIO;
	}
	s->mounted = json_is_true(json_object_get(answer, "mounted"));
	(void)snprintf(r->interrupts, sizeof(r->interrupts), "%s",
		       json_str_at(answer, "interrupts", ""));
	return judge_mount(s, answer, r);
}
