// SPDX-License-Identifier: Apache-2.0
/*
 * The counters file of a device that runs, as text: the exposition format of Prometheus, with lines in front
 * of each metric by which PCP's openmetrics agent knows type, semantics and units. Names are those of the
 * suite's archives (results/README.md), which bench/test/real_device.c compares.
 */
#include "conformance/ref/ledger/ledger.h"

#include "base/buf.h"
#include "base/fs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum sem { COUNTER, INSTANT, DISCRETE };
enum unit { NONE, COUNT, BYTE, NANOSEC };

/* As PCP writes them; Prometheus has "counter" and calls all else "gauge". */
static const char *const sems[] = { "counter", "instant", "discrete" };
static const char *const units[] = { "none", "count", "byte", "nanosec" };

struct row {
	const char *name;
	size_t offset;
	enum sem sem;
	enum unit unit;
	const char *help;
};

#define OP(field)  offsetof(struct refdev_opcode_counters, field)
#define ALL(field) offsetof(struct refdev_counters, field)

static const struct row by_opcode[] = {
	{ "ops", OP(requests), COUNTER, COUNT, "requests served" },
	{ "errors", OP(errors), COUNTER, COUNT, "of these, answered with an error" },
	{ "time", OP(ns), COUNTER, NANOSEC, "from taken off the ring to given back, summed" },
	{ "bytes_in", OP(bytes_in), COUNTER, BYTE, "of requests: headers, arguments, data" },
	{ "bytes_out", OP(bytes_out), COUNTER, BYTE, "of replies: headers, results, data" },
};

static const struct row whole[] = {
	{ "payload.read", ALL(bytes_read), COUNTER, BYTE, "data of READ, without headers" },
	{ "payload.written", ALL(bytes_written), COUNTER, BYTE, "data of WRITE, without headers" },
	{ "kicks", ALL(kicks), COUNTER, COUNT, "notifications of the driver" },
	{ "interrupts", ALL(interrupts), COUNTER, COUNT, "notifications to the driver" },
	{ "window.setups", ALL(setups), COUNTER, COUNT, "mappings made in the DAX window" },
	{ "window.removals", ALL(removals), COUNTER, COUNT, "mappings taken out of it" },
	{ "window.upgrades", ALL(upgrades), COUNTER, COUNT, "mappings that became writable" },
	{ "window.refused", ALL(refused), COUNTER, COUNT, "maps and unmaps that the VMM refused" },
	{ "window.mappings", ALL(live), INSTANT, NONE, "mappings that are live" },
	{ "window.mapped", ALL(live_bytes), INSTANT, BYTE, "bytes of the window that are mapped" },
	{ "window.mapped_max", ALL(live_bytes_max), INSTANT, BYTE, "most that ever were" },
	{ "window.map_time", ALL(map_ns), COUNTER, NANOSEC, "time that the VMM took to map" },
	{ "window.unmap_time", ALL(unmap_ns), COUNTER, NANOSEC, "time that it took to unmap" },
	{ "window.setup_time", ALL(setup_ns), COUNTER, NANOSEC,
	  "time of SETUPMAPPING, map_time included" },
	{ "window.setup_wait_time", ALL(setup_wait_ns), COUNTER, NANOSEC,
	  "time of it until the VMM had replied" },
	{ "window.setup_told_time", ALL(setup_told_ns), COUNTER, NANOSEC,
	  "time of it from then until the VMM had announced the memory" },
	{ "window.tail_shadow", ALL(tail_shadow), DISCRETE, NONE,
	  "1: last pages of files are shadow copies" },
};

static int load(const char *path, struct refdev_counters *ret, struct err *reterr)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	int e = fs_read(path, sizeof(*ret), &text, reterr);

	if (e < 0)
		return e;
	if (text.size == sizeof(*ret))
		memcpy(ret, buf_text(&text), sizeof(*ret));
	if (text.size != sizeof(*ret) || ret->magic != REFDEV_COUNTERS_MAGIC ||
	    ret->version != REFDEV_COUNTERS_VERSION)
		return err_set(reterr, -EPROTO, "%s is no counters file of version %d", path,
			       REFDEV_COUNTERS_VERSION);
	return 0;
}

static uint64_t at(const struct refdev_counters *c, size_t offset)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)c + offset, sizeof(value));
	return value;
}

/* Prometheus knows no dots. */
static void write_name(FILE *out, const char *name)
{
	(void)fputs("refdev_", out);
	for (; *name; name++)
		(void)fputc(*name == '.' ? '_' : *name, out);
}

static void write_head(FILE *out, const struct row *row)
{
	(void)fputs("# HELP ", out);
	write_name(out, row->name);
	(void)fprintf(out, " %s\n# TYPE ", row->help);
	write_name(out, row->name);
	/* The third word is a PMID, which the agent chooses itself. */
	(void)fprintf(out, " %s\n# PCP5 %s 0.0.0 u64 PM_INDOM_NULL %s %s\n",
		      row->sem == COUNTER ? "counter" : "gauge", row->name, sems[row->sem],
		      units[row->unit]);
}

static void write_opcodes(FILE *out, const struct refdev_counters *c, const struct row *row)
{
	for (uint32_t op = 0; op < REFDEV_OPCODES; op++) {
		const char *name = ledger_opcode_name(op);
		char number[16];

		if (c->op[op].requests == 0)
			continue;
		(void)snprintf(number, sizeof(number), "opcode_%" PRIu32, op);
		write_name(out, row->name);
		(void)fprintf(out, "{opcode=\"%s\"} %" PRIu64 "\n", name ? name : number,
			      at(c, ALL(op) + op * sizeof(c->op[0]) + row->offset));
	}
}

int ledger_show(const char *path, FILE *out, struct err *reterr)
{
	struct refdev_counters c = { 0 };
	int e = load(path, &c, reterr);

	if (e < 0)
		return e;
	for (size_t i = 0; i < ARRAY_SIZE(by_opcode); i++) {
		write_head(out, &by_opcode[i]);
		write_opcodes(out, &c, &by_opcode[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(whole); i++) {
		write_head(out, &whole[i]);
		write_name(out, whole[i].name);
		(void)fprintf(out, " %" PRIu64 "\n", at(&c, whole[i].offset));
	}
	return fflush(out) == 0 ? 0 : err_errno(reterr, -errno, "cannot write");
}
