// SPDX-License-Identifier: Apache-2.0
#include "dax_rig.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* One operation; filling and checking 64 MiB under TCG takes seconds. */
#define STEP_MS 60000
/* The holder lives as long as a test does. */
#define HOLD_MS	   600000
#define POKE_MAX   256
#define CHUNK	   DAX_RIG_HEX_MAX
#define MORE_WORDS "VQ_DAX_WORDS"

void dax_rig_to_hex(const void *bytes, size_t count, char *ret, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = bytes;
	size_t n = 0;

	for (size_t i = 0; i < count && n + 2 < size; i++) {
		ret[n++] = digits[b[i] >> 4];
		ret[n++] = digits[b[i] & 15];
	}
	ret[n] = '\0';
}

int dax_rig_of_hex(const char *text, void *ret, size_t count)
{
	uint8_t *b = ret;

	if (strlen(text) != 2 * count)
		return -EPROTO;
	for (size_t i = 0; i < count; i++) {
		unsigned value;

		if (sscanf(text + 2 * i, "%2x", &value) != 1)
			return -EPROTO;
		b[i] = (uint8_t)value;
	}
	return 0;
}

bool dax_rig_hex_is(const json_t *list, size_t index, const void *bytes, size_t count)
{
	const char *text = json_string_value(json_array_get(list, index));
	char want[2 * DAX_RIG_HEX_MAX + 1];

	dax_rig_to_hex(bytes, count, want, sizeof(want));
	return text && count <= DAX_RIG_HEX_MAX && strcmp(text, want) == 0;
}

/* ---- the session ---- */

static int make_stack(struct dax_rig *r, const struct dax_rig_spec *spec)
{
	const char *more = getenv(MORE_WORDS);
	CLEANUP(freep) char *copy = more ? strdup(more) : NULL;
	char *save = NULL;

	r->stack = *stack_find("refdev");
	for (const char *const *a = r->stack.args; *a; a++)
		strv_add(&r->args, spec->own_socket && strcmp(*a, "--fd={fd}") == 0
					   ? "--socket-path={socket}"
					   : *a);
	if (spec->words)
		strv_add_all(&r->args, spec->words);
	for (char *w = copy ? strtok_r(copy, " ", &save) : NULL; w; w = strtok_r(NULL, " ", &save))
		strv_add(&r->args, w);
	if (strv_failed(&r->args) || (more && !copy))
		return err_set(&r->in->err, -ENOMEM, "out of memory");
	r->stack.args = (const char *const *)r->args.item;
	return 0;
}

static int make_cell(struct dax_rig *r, const struct dax_rig_spec *spec)
{
	int e = 0;

	r->cell = (struct cell){
		.stack = &r->stack,
		.vmm = vmm_find("qemu-backports"),
		.kernel = kernel_find(spec->kernel),
		.cache = spec->cache,
		.dax = spec->dax,
		.window_bytes = spec->window_mib * MIB,
		.workload = workload_find("metadata"), /* lays nothing out */
	};
	if (spec->variant)
		e = stack_variant_parse(&r->stack, spec->variant, &r->cell.options, &r->in->err);
	if (e == 0)
		cell_name(&r->cell);
	return e;
}

int dax_rig_open(struct dax_rig *r, struct inside *in, const struct dax_rig_spec *spec,
		 unsigned serial)
{
	int e;

	*r = (struct dax_rig){ .in = in };
	if (snprintf(r->dir, sizeof(r->dir), "%s/%u", in->dir, serial) >= (int)sizeof(r->dir))
		return err_set(&in->err, -ENAMETOOLONG, "%s", in->dir);
	e = make_stack(r, spec);
	if (e == 0)
		e = make_cell(r, spec);
	if (e == 0)
		e = fs_mkdirs(r->dir, 0755, &in->err);
	if (e < 0)
		return e;
	r->ctx =
		(struct pass_context){ .world = &in->world, .fleet = &in->fleet, .serial = serial };
	r->s = (struct session){ .cell = &r->cell, .dir = r->dir, .unproved = true };
	r->open = true;
	e = session_open(&r->ctx, &r->s, &r->r);
	return e < 0 ? err_set(&in->err, e, "%.900s", r->r.reason) : 0;
}

int dax_rig_counters(struct dax_rig *r, struct counters *ret)
{
	int e = counters_read(r->s.counters, ret, &r->in->err);

	if (e == 0 && !ret->known)
		e = err_set(&r->in->err, -ENOENT, "the device has no counters");
	return e;
}

int dax_rig_unmount(struct dax_rig *r)
{
	static const char *const args[] = { "umount", SESSION_MOUNT, NULL };
	json_auto_t *answer = NULL;
	struct counters c = { 0 };
	int e = dax_rig_let_go(r);

	if (e < 0 || !r->s.mounted)
		return e;
	e = guest_tool(r->s.place.agent, args, STEP_MS, &answer, &r->in->err);
	if (e == 0 && !json_object_get(answer, "umount_ns"))
		e = err_set(&r->in->err, -EBUSY, "cannot unmount");
	r->s.mounted = e < 0;
	if (e == 0)
		e = dax_rig_counters(r, &c);
	if (e == 0 && (c.live != 0 || c.setups != c.removals))
		e = err_set(&r->in->err, -EBUSY,
			    "after the unmount %llu mappings live: %llu were made, %llu removed",
			    (unsigned long long)c.live, (unsigned long long)c.setups,
			    (unsigned long long)c.removals);
	return e;
}

int dax_rig_close(struct dax_rig *r)
{
	int e;

	if (!r->open)
		return 0;
	e = dax_rig_unmount(r);
	session_close(&r->ctx, &r->s, &r->r);
	if (r->r.status == PASS_FAILED)
		e = err_set(&r->in->err, -EIO, "%.900s", r->r.reason);
	pass_result_free(&r->r);
	strv_free(&r->args);
	r->open = false;
	return e;
}

/* ---- files ---- */

int dax_rig_file(struct dax_rig *r, const char *name, const void *data, size_t size)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", r->s.share.dir, name);
	CLEANUP(fd_closep)
	int fd = path ? open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644) : -1;

	if (fd < 0 || (size && pwrite(fd, data, size, 0) != (ssize_t)size))
		return err_errno(&r->in->err, -errno, "cannot make %s", name);
	return TAKE_FD(fd);
}

/* ---- the guest's side ---- */

static void add_io(struct strv *v, const char *name, const char *const *operations)
{
	strv_add(v, "io");
	strv_addf(v, SESSION_MOUNT "/%s", name);
	strv_add_all(v, operations);
}

int dax_rig_io(struct dax_rig *r, const char *name, const char *const *operations, json_t **ret)
{
	CLEANUP(strv_free) struct strv args = { 0 };

	add_io(&args, name, operations);
	if (strv_failed(&args))
		return err_set(&r->in->err, -ENOMEM, "out of memory");
	return guest_tool(r->s.place.agent, (const char *const *)args.item, STEP_MS, ret,
			  &r->in->err);
}

int dax_rig_ends_by(struct dax_rig *r, const char *name, const char *const *operations,
		    enum agent_fate *ret_fate, int *ret_code)
{
	CLEANUP(strv_free) struct strv argv = { 0 };
	struct agent_job job = { .deadline_ms = STEP_MS };
	struct agent_result a = { 0 };
	int e;

	strv_add(&argv, "/usr/lib/vq/vq-guest");
	add_io(&argv, name, operations);
	if (strv_failed(&argv))
		return err_set(&r->in->err, -ENOMEM, "out of memory");
	job.argv = (const char *const *)argv.item;
	e = agent_run(r->s.place.agent, &job, &a, &r->in->err);
	if (e < 0)
		return e;
	*ret_fate = a.fate;
	*ret_code = a.code;
	agent_result_free(&a);
	return 0;
}

int dax_rig_remove(struct dax_rig *r, const char *name)
{
	char path[256];
	const char *const args[] = { "remove", path, NULL };
	json_auto_t *answer = NULL;

	(void)snprintf(path, sizeof(path), SESSION_MOUNT "/%s", name);
	return guest_tool(r->s.place.agent, args, STEP_MS, &answer, &r->in->err);
}

int dax_rig_hold(struct dax_rig *r, const char *name, uint64_t bytes)
{
	char path[256];
	char size[24];
	const char *const argv[] = { "/usr/lib/vq/vq-guest", "hold", path, bytes ? size : NULL,
				     NULL };
	const struct agent_job job = { .argv = argv, .deadline_ms = HOLD_MS };
	int e;

	(void)snprintf(path, sizeof(path), SESSION_MOUNT "/%s", name);
	(void)snprintf(size, sizeof(size), "%llu", (unsigned long long)bytes);
	e = agent_start(r->s.place.agent, &job, &r->holder, &r->in->err);
	r->held = e == 0;
	return e;
}

int dax_rig_let_go(struct dax_rig *r)
{
	struct agent_result a = { 0 };
	char fate[640];
	int e;

	if (!r->held)
		return 0;
	r->held = false;
	e = agent_kill(r->s.place.agent, r->holder, SIGKILL, &r->in->err);
	if (e == 0)
		e = agent_wait(r->s.place.agent, r->holder, &a, &r->in->err);
	if (e < 0)
		return e;
	if (a.fate != AGENT_SIGNALLED || a.code != SIGKILL)
		e = err_set(&r->in->err, -EIO, "the guest's holder: %s: %.300s",
			    agent_fate_describe(&a, fate, sizeof(fate)), buf_text(&a.err));
	agent_result_free(&a);
	return e;
}

/* @ret: the object that it answers. */
static int ask_holder(struct dax_rig *r, const char *what, uint64_t offset, const char *word,
		      json_t **ret)
{
	char at[24];
	const char *const args[] = { what, at, word, NULL };
	int e;

	(void)snprintf(at, sizeof(at), "%llu", (unsigned long long)offset);
	e = guest_tool(r->s.place.agent, args, STEP_MS, ret, &r->in->err);
	if (e < 0)
		return e;
	return strcmp(json_str_at(*ret, "signal", ""), "SIGBUS") == 0 ? DAX_RIG_SIGBUS : 0;
}

static int look_once(struct dax_rig *r, uint64_t offset, void *ret, size_t count)
{
	json_auto_t *answer = NULL;
	char word[24];
	int e;

	(void)snprintf(word, sizeof(word), "%zu", count);
	e = ask_holder(r, "look", offset, word, &answer);
	if (e != 0)
		return e;
	if (dax_rig_of_hex(json_str_at(answer, "hex", ""), ret, count) < 0)
		return err_set(&r->in->err, -EPROTO, "vq-guest look gave no %zu bytes", count);
	return 0;
}

int dax_rig_look(struct dax_rig *r, uint64_t offset, void *ret, size_t count)
{
	uint8_t *to = ret;
	int e = 0;

	while (e == 0 && count > 0) {
		size_t n = count < CHUNK ? count : CHUNK;

		e = look_once(r, offset, to, n);
		offset += n;
		to += n;
		count -= n;
	}
	return e;
}

int dax_rig_poke(struct dax_rig *r, uint64_t offset, const void *bytes, size_t count)
{
	json_auto_t *answer = NULL;
	char hex[2 * POKE_MAX + 1];
	double stored;
	int e;

	if (count > POKE_MAX)
		return err_set(&r->in->err, -E2BIG, "more than %d bytes at once", POKE_MAX);
	dax_rig_to_hex(bytes, count, hex, sizeof(hex));
	e = ask_holder(r, "poke", offset, hex, &answer);
	if (e == 0 && (json_number_at(answer, "stored", &stored) < 0 || stored != (double)count))
		e = err_set(&r->in->err, -EPROTO, "vq-guest poke stored no %zu bytes", count);
	return e;
}
