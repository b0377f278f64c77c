// SPDX-License-Identifier: Apache-2.0
#include "run/columns.h"

#include "conformance/wire/refdev.h"
#include "relay/fuse_names.h"
#include "relay/relay.h"
#include "run/counters.h"

#include <stddef.h>
#include <string.h>

_Static_assert(FUSE_OPCODES == REFDEV_OPCODES, "one list of instances for both");

/* Where a column's value comes from. */
enum source_kind { SOURCE_RELAY, SOURCE_DEVICE, SOURCE_WINDOW };

struct column_source {
	enum source_kind kind;
	uint32_t opcode; /* SOURCE_RELAY */
	size_t offset;	 /* SOURCE_DEVICE: of an u64 in struct refdev_counters */
};

struct row {
	const char *metric;
	size_t offset;
};

#define OP(name, field)                                                            \
	{                                                                          \
		RECORD_DEVICE name, offsetof(struct refdev_opcode_counters, field) \
	}
#define WHOLE(name, field)                                                  \
	{                                                                   \
		RECORD_DEVICE name, offsetof(struct refdev_counters, field) \
	}

static const struct row by_opcode[] = {
	OP("ops", requests),	  OP("errors", errors),	      OP("time", ns),
	OP("bytes_in", bytes_in), OP("bytes_out", bytes_out),
};
_Static_assert(sizeof(struct refdev_opcode_counters) == ARRAY_SIZE(by_opcode) * sizeof(uint64_t),
	       "a row for each counter");

static const struct row whole[] = {
	WHOLE("payload.read", bytes_read),
	WHOLE("payload.written", bytes_written),
	WHOLE("kicks", kicks),
	WHOLE("interrupts", interrupts),
	WHOLE("window.setups", setups),
	WHOLE("window.removals", removals),
	WHOLE("window.upgrades", upgrades),
	WHOLE("window.refused", refused),
	WHOLE("window.mappings", live),
	WHOLE("window.mapped", live_bytes),
	WHOLE("window.mapped_max", live_bytes_max),
	WHOLE("window.map_time", map_ns),
	WHOLE("window.unmap_time", unmap_ns),
	WHOLE("window.setup_time", setup_ns),
	WHOLE("window.setup_wait_time", setup_wait_ns),
	WHOLE("window.setup_told_time", setup_told_ns),
	WHOLE("window.tail_shadow", tail_shadow),
};
_Static_assert(sizeof(struct refdev_counters) - offsetof(struct refdev_counters, bytes_read) ==
		       ARRAY_SIZE(whole) * sizeof(uint64_t),
	       "a row for each counter");

#define COLUMNS_MAX (FUSE_OPCODES * (1 + ARRAY_SIZE(by_opcode)) + ARRAY_SIZE(whole) + 1)

const char *column_opcode_name(uint32_t opcode)
{
	static char number[FUSE_OPCODES][16];
	const char *name = fuse_opcode_name(opcode);

	if (name || opcode >= FUSE_OPCODES)
		return name;
	if (opcode == 0)
		return "OTHER";
	(void)snprintf(number[opcode], sizeof(number[opcode]), "opcode_%u", opcode);
	return number[opcode];
}

static void add(struct columns *c, const char *metric, const char *instance, uint32_t id,
		struct column_source source)
{
	c->column[c->count] = (struct record_column){ record_metric_find(metric), instance,
						      (int)id };
	c->source[c->count++] = source;
}

static void add_opcodes(struct columns *c, const char *metric, enum source_kind kind, size_t offset)
{
	for (uint32_t op = 0; op < FUSE_OPCODES; op++)
		add(c, metric, column_opcode_name(op), op,
		    (struct column_source){ kind, op,
					    offset + offsetof(struct refdev_counters, op) +
						    op * sizeof(struct refdev_opcode_counters) });
}

static void add_device(struct columns *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(by_opcode); i++)
		add_opcodes(c, by_opcode[i].metric, SOURCE_DEVICE, by_opcode[i].offset);
	for (size_t i = 0; i < ARRAY_SIZE(whole); i++)
		add(c, whole[i].metric, NULL, 0,
		    (struct column_source){ SOURCE_DEVICE, 0, whole[i].offset });
	add(c, RECORD_DEVICE "window.size", NULL, 0,
	    (struct column_source){ .kind = SOURCE_WINDOW });
}

int columns_make(struct columns *ret, const struct relay *relay, const char *counters,
		 uint64_t window_bytes)
{
	*ret = (struct columns){
		.relay = relay,
		.counters = counters[0] ? counters : NULL,
		.window_bytes = window_bytes,
	};
	if (!relay && !ret->counters)
		return 0;
	ret->column = calloc(COLUMNS_MAX, sizeof(*ret->column));
	ret->source = calloc(COLUMNS_MAX, sizeof(*ret->source));
	if (!ret->column || !ret->source) {
		columns_free(ret);
		return -ENOMEM;
	}
	if (relay)
		add_opcodes(ret, RECORD_OPS, SOURCE_RELAY, 0);
	if (ret->counters)
		add_device(ret);
	return 0;
}

void columns_free(struct columns *c)
{
	free(c->column);
	free(c->source);
	*c = (struct columns){ 0 };
}

static uint64_t counter_at(const struct refdev_counters *c, size_t offset)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)c + offset, sizeof(value));
	return value;
}

/* Before the device has made its file, and when it is no such file, the device has no values. */
int columns_read(void *arg, uint64_t *ret, size_t count)
{
	const struct columns *c = arg;
	uint64_t ops[FUSE_OPCODES] = { 0 };
	struct refdev_counters device;
	bool known = c->counters && counters_load(c->counters, &device, NULL) == 0;

	if (c->relay)
		relay_ops(c->relay, ops, FUSE_OPCODES);
	for (size_t i = 0; i < count && i < c->count; i++) {
		const struct column_source *s = &c->source[i];

		ret[i] = RECORD_NO_VALUE;
		if (s->kind == SOURCE_RELAY)
			ret[i] = ops[s->opcode];
		else if (known && s->kind == SOURCE_DEVICE)
			ret[i] = counter_at(&device, s->offset);
		else if (known)
			ret[i] = c->window_bytes;
	}
	return 0;
}
