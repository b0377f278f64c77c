// SPDX-License-Identifier: Apache-2.0
#include "run/observe.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "relay/fuse_names.h"
#include "relay/relay.h"
#include "run/agree.h"

#include <string.h>

#define RAW	    "ops.json"
#define SNAPSHOT_MS 10000

static void subtract(json_t *result, const char *key, json_t *value, json_t *before)
{
	json_int_t old = json_integer_value(json_object_get(before, key));

	if (json_is_integer(value))
		(void)json_object_set_new(result, key,
					  json_integer(json_integer_value(value) - old));
}

/* Numbers, and objects of numbers ("ops", "errors"); what did not change stays, as 0. */
json_t *observe_difference(json_t *after, json_t *before)
{
	json_t *result = json_object();
	const char *key;
	json_t *value;

	json_object_foreach(after, key, value) {
		json_t *inner = json_is_object(value) ? json_object() : NULL;
		json_t *old = json_object_get(before, key);
		const char *name;
		json_t *number;

		subtract(result, key, value, before);
		json_object_foreach(value, name, number)
			subtract(inner, name, number, old);
		if (inner)
			(void)json_object_set_new(result, key, inner);
	}
	return result;
}

/* Of a device that counts: a snapshot at a moment of rest, and its counters must say the same. */
static int compare(struct observation *o, const struct session *s, uint64_t deadline_ns,
		   json_t **ret_relay, struct err *reterr)
{
	struct refdev_counters device;
	int e = agree_snapshot(s, deadline_ns, ret_relay, &device, reterr);

	if (e < 0)
		return e;
	json_decref(o->device);
	o->device = agree_json(&device);
	e = agree_compare(json_object_get(*ret_relay, "total"), &device, reterr);
	o->compared += e == 0;
	return e;
}

static int snapshot(struct observation *o, const struct session *s, struct pass_result *r,
		    const char *phase)
{
	uint64_t deadline_ns = clock_deadline_ms(SNAPSHOT_MS);
	json_t *now = NULL;
	struct err err = { 0 };
	int e = s->counters[0] ? compare(o, s, deadline_ns, &now, &err)
			       : relay_snapshot(s->relay, deadline_ns, &now, &err);

	if (e < 0)
		pass_fail(r, "%s: %s%s", phase,
			  e == -EBADMSG ? "" : "operations are not counted: ", err.text);
	if (!now)
		return e;
	if (!o->phases)
		o->phases = json_object();
	(void)json_object_set_new(o->phases, phase,
				  observe_difference(json_object_get(now, "total"),
						     json_object_get(o->last, "total")));
	json_decref(o->last);
	o->last = now;
	return e;
}

int observe_before(struct observation *o, const struct session *s, struct pass_result *r)
{
	int e;

	if (!s->relay)
		return 0;
	if (!o->last)
		return snapshot(o, s, r, OBSERVE_MOUNT);
	/* Between two phases: taken as a phase, and dropped. */
	e = snapshot(o, s, r, "between");
	(void)json_object_del(o->phases, "between");
	return e;
}

int observe_after(struct observation *o, const struct session *s, const char *phase,
		  struct pass_result *r)
{
	return s->relay ? snapshot(o, s, r, phase) : 0;
}

static void add(struct pass_result *r, const char *phase, const struct metric_def *m, json_t *seen)
{
	char field[160];
	double value = 0;

	(void)snprintf(field, sizeof(field), "phases.%s.%s", phase, m->path);
	/* An operation that other phases had and this one had not is a 0, not a gap. */
	if (json_number_at(seen, m->path, &value) == -EINVAL ||
	    pass_add_metric(r, phase, m, value, RAW, field) < 0)
		pass_fail(r, RAW ": %s is no number", field);
}

static void add_phase(struct observation *o, const char *phase, json_t *seen, struct pass_result *r)
{
	size_t count;
	const struct metric_def *op = relay_op_metrics(&count);
	json_t *all = json_object_get(json_object_get(o->last, "total"), "ops");

	for (size_t i = 0; i < count; i++) {
		const char *name = strchr(op[i].name, '.') + 1;
		json_t *ops = json_object_get(seen, "ops");

		if (!json_object_get(all, name))
			continue;
		if (!json_object_get(ops, name))
			(void)json_object_set_new(ops, name, json_integer(0));
		add(r, phase, &op[i], seen);
	}
	for (size_t i = 0; i < RELAY_METRIC_COUNT; i++)
		add(r, phase, relay_metric((enum relay_metric)i), seen);
}

/* A request that the relay could not read is not counted by its name: that is no count at all. */
static void check_counted(const struct observation *o, struct pass_result *r)
{
	double malformed = 0;

	if (json_number_at(o->last, "total.malformed", &malformed) == 0 && malformed > 0)
		pass_fail(r, "the guest sent %.0f requests that the relay could not read (" RAW ")",
			  malformed);
}

/* That two have counted the same is what makes either of them worth believing. */
static void add_comparison(const struct observation *o, json_t *raw, struct pass_result *r)
{
	char seen[160];

	if (!o->device)
		return;
	(void)json_object_set(raw, "device", o->device);
	(void)json_object_set_new(raw, "compared", json_integer(o->compared));
	if (o->compared == 0)
		return;
	(void)snprintf(seen, sizeof(seen),
		       "equal at %u borders of phases; in the end %lld requests of %zu opcodes",
		       o->compared,
		       (long long)json_integer_value(json_object_get(o->device, "requests")),
		       json_object_size(json_object_get(o->device, "ops")));
	if (r->status != PASS_FAILED)
		pass_add_evidence(r, "requests by opcode: the relay's counts and the device's own",
				  seen, RAW);
}

void observe_finish(struct observation *o, const struct session *s, struct pass_result *r)
{
	CLEANUP(freep) char *path = fs_path("%s/" RAW, s->dir);
	json_auto_t *raw = NULL;
	const char *phase;
	json_t *seen;
	struct err err = { 0 };

	if (o->last) {
		check_counted(o, r);
		json_object_foreach(o->phases, phase, seen)
			add_phase(o, phase, seen, r);
		raw = json_copy(o->last);
		(void)json_object_set(raw, "phases", o->phases);
		add_comparison(o, raw, r);
		if (!path || json_save_atomic(path, raw, &err) < 0)
			pass_fail(r, "%s", err.text);
		r->negotiated = json_incref(json_object_get(o->last, "negotiated"));
	}
	json_decref(o->last);
	json_decref(o->phases);
	json_decref(o->device);
	*o = (struct observation){ 0 };
}
