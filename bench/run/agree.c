// SPDX-License-Identifier: Apache-2.0
#include "run/agree.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "relay/relay.h"
#include "run/columns.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

/* A guest that is busy is looked at again after this. */
#define AGAIN_MS 5
#define OTHER	 "other"

struct sums {
	uint64_t requests;
	uint64_t errors;
	uint64_t bytes_out;
};

static struct sums sums_of(const struct refdev_counters *c)
{
	struct sums s = { 0 };

	for (size_t i = 0; i < REFDEV_OPCODES; i++) {
		s.requests += c->op[i].requests;
		s.errors += c->op[i].errors;
		s.bytes_out += c->op[i].bytes_out;
	}
	return s;
}

/* As the relay names them: 0 is where the device counts opcodes that nobody knows. */
static const char *name_of(uint32_t opcode)
{
	return opcode ? column_opcode_name(opcode) : OTHER;
}

static uint64_t number(const json_t *j, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(j, key));
}

static uint64_t relay_op(const json_t *ops, uint32_t opcode)
{
	uint64_t n = number(ops, name_of(opcode));

	return opcode ? n : n + number(ops, "opcode_0");
}

static uint64_t relay_errors(const json_t *relay)
{
	json_t *errors = json_object_get(relay, "errors");
	uint64_t sum = 0;
	const char *name;
	json_t *n;

	json_object_foreach(errors, name, n)
		sum += (uint64_t)json_integer_value(n);
	return sum;
}

static int differ(struct buf *text, const char *what, uint64_t relay, uint64_t device)
{
	if (relay == device)
		return 0;
	(void)buf_printf(text, "%s%s: the relay %" PRIu64 ", the device %" PRIu64,
			 text->size ? "; " : "", what, relay, device);
	return 1;
}

int agree_compare(json_t *relay, const struct refdev_counters *device, struct err *reterr)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	json_t *ops = json_object_get(relay, "ops");
	struct sums s = sums_of(device);
	int count = 0;

	for (uint32_t op = 0; op < REFDEV_OPCODES; op++)
		count += differ(&text, name_of(op), relay_op(ops, op), device->op[op].requests);
	count += differ(&text, "all requests", number(relay, "requests"), s.requests);
	count += differ(&text, "errors", relay_errors(relay), s.errors);
	count += differ(&text, "bytes of replies", number(relay, "bytes_from_device"), s.bytes_out);
	return count ? err_set(reterr, -EBADMSG,
			       "relay and device have not counted the same: %.1000s",
			       buf_text(&text))
		     : 0;
}

static bool same(const struct refdev_counters *a, const struct refdev_counters *b)
{
	return memcmp(a->op, b->op, sizeof(a->op)) == 0;
}

static void rest(void)
{
	const struct timespec ts = { .tv_nsec = AGAIN_MS * (long)NS_PER_MS };

	(void)nanosleep(&ts, NULL);
}

/*
 * The device counts before it answers, and the relay when it takes: what the relay says with nothing in flight
 * was all counted by the device. Had the device counted more than that, then after the relay had looked, and so
 * between our own two looks at its counters.
 */
int agree_snapshot(const struct session *s, uint64_t deadline_ns, json_t **ret_relay,
		   struct refdev_counters *ret_device, struct err *reterr)
{
	for (;;) {
		struct refdev_counters before;
		json_auto_t *relay = NULL;
		double in_flight = 0;
		int e = counters_load(s->counters, &before, reterr);

		if (e == 0)
			e = relay_snapshot(s->relay, deadline_ns, &relay, reterr);
		if (e == 0)
			e = counters_load(s->counters, ret_device, reterr);
		if (e == 0)
			e = json_number_at(relay, "total.in_flight", &in_flight);
		if (e < 0)
			return e;
		if (in_flight == 0 && same(&before, ret_device)) {
			*ret_relay = json_incref(relay);
			return 0;
		}
		if (clock_left_ms(deadline_ns) == 0)
			return err_set(reterr, -EBUSY,
				       "the guest does not rest (%.0f requests under way): relay "
				       "and device cannot be compared",
				       in_flight);
		rest();
	}
}

json_t *agree_json(const struct refdev_counters *device)
{
	struct sums s = sums_of(device);
	json_t *ops = json_object();

	for (uint32_t op = 0; op < REFDEV_OPCODES; op++)
		if (device->op[op].requests)
			(void)json_object_set_new(
				ops, name_of(op),
				json_integer((json_int_t)device->op[op].requests));
	return json_pack("{s:I,s:o,s:I,s:I}", "requests", (json_int_t)s.requests, "ops", ops,
			 "errors", (json_int_t)s.errors, "bytes_from_device",
			 (json_int_t)s.bytes_out);
}
