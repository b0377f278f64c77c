// SPDX-License-Identifier: Apache-2.0
/* Which faults were asked for, when they fire, and how often they did. */
#include "conformance/ref/fault/fault.h"

#include "conformance/ref/fault/args.h"
#include "conformance/ref/log.h"
#include "conformance/ref/options.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdatomic.h>
#include <string.h>

struct armed {
	enum fault_id id;
	struct fault_args args;
	const char *text; /* borrowed from the command line */
	_Atomic uint64_t chances;
	_Atomic uint64_t fired;
};

struct fault_set fault_set;
__thread struct fault_serving fault_serving;

static struct armed armed[REF_FAULTS_MAX];
static size_t armed_count;

int fault_arm(const char *text, struct err *reterr)
{
	struct armed *a = &armed[armed_count];
	enum fault_id id;
	struct fault_args args;
	int e = fault_parse(text, &id, &args, reterr);

	if (e < 0)
		return e;
	if (armed_count == ARRAY_SIZE(armed))
		return err_set(reterr, -EINVAL, "--fault %s: at most %zu of them", text,
			       ARRAY_SIZE(armed));
	*a = (struct armed){ .id = id, .args = args, .text = text };
	armed_count++;
	fault_set.ids[id / 64] |= UINT64_C(1) << (id % 64);
	fault_set.hooks |= UINT64_C(1) << fault_rows[id].hook | UINT64_C(1) << FAULT_HOOK_REQUEST;
	return 0;
}

void fault_disarm(void)
{
	armed_count = 0;
	fault_set = (struct fault_set){ 0 };
}

/* The same numbers for the same seed, whatever the time. SplitMix64. */
static uint64_t mix(uint64_t n)
{
	n += UINT64_C(0x9e3779b97f4a7c15);
	n = (n ^ (n >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	n = (n ^ (n >> 27)) * UINT64_C(0x94d049bb133111eb);
	return n ^ (n >> 31);
}

static bool fires(struct armed *a)
{
	const struct fault_args *args = &a->args;
	uint64_t chance, fired;

	if (args->opcode != 0 && args->opcode != fault_serving.opcode)
		return false;
	chance = a->chances++;
	if (chance < args->after || mix(args->seed ^ mix(chance)) % 100 >= args->percent)
		return false;
	fired = a->fired;
	do {
		if (args->count != 0 && fired >= args->count)
			return false;
	} while (!atomic_compare_exchange_weak(&a->fired, &fired, fired + 1));
	if (fired == 0)
		ref_log(REF_LOG_INFO, "fault %s fires", a->text);
	return true;
}

bool fault_fires(enum fault_id id)
{
	for (size_t i = 0; i < armed_count; i++) {
		if (armed[i].id != id || !fires(&armed[i]))
			continue;
		fault_serving.ms = armed[i].args.ms;
		fault_serving.error = armed[i].args.error;
		return true;
	}
	return false;
}

uint64_t fault_number(enum fault_id id)
{
	for (size_t i = 0; i < armed_count; i++)
		if (armed[i].id == id)
			return armed[i].args.number;
	return 0;
}

bool fault_status(size_t index, struct fault_status *ret)
{
	if (index >= armed_count)
		return false;
	*ret = (struct fault_status){ .row = &fault_rows[armed[index].id],
				      .text = armed[index].text,
				      .fired = armed[index].fired };
	return true;
}

void fault_report(void)
{
	struct fault_status s;

	for (size_t i = 0; fault_status(i, &s); i++) {
		if (s.fired == 0)
			ref_log(REF_LOG_WARN, "fault %s never fired", s.text);
		else
			ref_log(REF_LOG_INFO, "fault %s fired %" PRIu64 " times", s.text, s.fired);
	}
}

static json_t *row_json(const struct fault_row *row)
{
	json_t *breaks = json_array();
	char scratch[32];

	for (const char *p = row->breaks; p && *p;) {
		size_t length = strcspn(p, " ");

		(void)json_array_append_new(breaks, json_stringn(p, length));
		p += length + strspn(p + length, " ");
	}
	return json_pack("{s:s,s:s,s:s,s:o}", "name", row->name, "args",
			 fault_takes(row, scratch, sizeof(scratch)), "help", row->help, "breaks",
			 breaks);
}

static void list_json(FILE *out)
{
	json_t *all = json_array();

	for (size_t i = 0; i < FAULT_COUNT; i++)
		(void)json_array_append_new(all, row_json(&fault_rows[i]));
	all = json_pack("{s:i,s:o}", "schema", 1, "faults", all);
	(void)json_dumpf(all, out, JSON_INDENT(1));
	(void)fputs("\n", out);
	json_decref(all);
}

void fault_list(FILE *out, bool json)
{
	if (json) {
		list_json(out);
		return;
	}
	(void)fputs("Any of them may be followed by :op=OPCODE, :after=N (times that it does not "
		    "fire first), :count=N,\n:percent=N and :seed=N. In brackets: the requirements "
		    "that it breaks.\n\n",
		    out);
	for (size_t i = 0; i < FAULT_COUNT; i++) {
		const struct fault_row *row = &fault_rows[i];
		char name[64], scratch[32];

		(void)fault_takes(row, scratch, sizeof(scratch));
		(void)snprintf(name, sizeof(name), "%s%s%s", row->name, *scratch ? ":" : "",
			       scratch);
		(void)fprintf(out, "%-26s %s [%s]\n", name, row->help,
			      row->breaks ? row->breaks : "none by itself");
	}
}
