// SPDX-License-Identifier: Apache-2.0
/* What a --fault may say, when it fires, and what is told of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>
#include <linux/fuse.h>
#include <sys/mman.h>

#include "conformance/ref/fault/args.h"
#include "conformance/ref/fault/fault.h"
#include "conformance/ref/ledger/ledger.h"

static int setup(void **state)
{
	(void)state;
	fault_disarm();
	fault_serving.opcode = 0;
	return 0;
}

static void arm(const char *text)
{
	struct err err = { "" };

	if (fault_arm(text, &err) < 0)
		fail_msg("%s", err.text);
}

static void none(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FAULT_COUNT; i++)
		assert_false(fault_at((enum fault_id)i));
	for (unsigned i = 0; i < FAULT_HOOK_COUNT; i++)
		assert_false(fault_hooked((enum fault_hook)i));
}

static void rows_are_whole(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FAULT_COUNT; i++) {
		const struct fault_row *row = &fault_rows[i];

		if (!row->name || !row->help || strlen(row->name) == 0 || strlen(row->help) == 0) {
			fail_msg("row %u is not whole", i);
			return;
		}
		assert_true(row->hook < FAULT_HOOK_COUNT);
		assert_true(strspn(row->name, "abcdefghijklmnopqrstuvwxyz0123456789-") ==
			    strlen(row->name));
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(row->name, fault_rows[j].name);
	}
}

static void arguments(void **state)
{
	struct fault_args a;
	enum fault_id id;
	struct err err;

	(void)state;
	assert_int_equal(fault_parse("delay:READ:20", &id, &a, &err), 0);
	assert_true(id == FAULT_DELAY && a.opcode == FUSE_READ && a.ms == 20 && a.percent == 100);
	assert_int_equal(fault_parse("error:*:ENOSPC:after 3:count=2", &id, &a, &err), 0);
	assert_true(id == FAULT_ERROR && a.opcode == 0 && a.error == -ENOSPC && a.after == 3 &&
		    a.count == 2);
	assert_int_equal(fault_parse("error:4000:EIO", &id, &a, &err), 0);
	assert_int_equal(a.opcode, 4000);
	assert_int_equal(fault_parse("init-map-alignment", &id, &a, &err), 0);
	assert_int_equal(a.number, 22);
	assert_int_equal(fault_parse("init-map-alignment:63", &id, &a, &err), 0);
	assert_int_equal(a.number, 63);
	assert_int_equal(fault_parse("out-len:op=WRITE:percent=5:seed=9", &id, &a, &err), 0);
	assert_true(a.opcode == FUSE_WRITE && a.percent == 5 && a.seed == 9);
}

static void wrong(void **state)
{
	static const struct {
		const char *text;
		const char *said;
	} rows[] = {
		{ "", "no such fault" },
		{ "out-lens", "no such fault" },
		{ "out-len:3", "3 is not understood; out-len takes nothing" },
		{ "out-len:op", "op is not understood" },
		{ "out-len:op=REID", "op=REID is not understood" },
		{ "out-len:after=", "after= is not understood" },
		{ "out-len:after=-1", "after=-1 is not understood" },
		{ "out-len:percent=101", "percent=101" },
		{ "out-len:often=1", "often=1" },
		{ "delay", "give it as delay:OPCODE:MS" },
		{ "delay:READ", "give it as delay:OPCODE:MS" },
		{ "delay:READ:4000000", "4000000 is not understood" },
		{ "error:READ:EWRONG", "EWRONG is not understood" },
		{ "ring-stuck", "give it as ring-stuck:N" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = { "" };

		assert_int_equal(fault_arm(rows[i].text, &err), -EINVAL);
		if (!strstr(err.text, rows[i].said))
			fail_msg("\"%s\": %s", rows[i].text, err.text);
	}
}

/* Bit i: did it fire the i-th time? */
static unsigned pattern(enum fault_id id, unsigned times)
{
	unsigned bits = 0;

	for (unsigned i = 0; i < times; i++)
		bits |= (unsigned)fault_at(id) << i;
	return bits;
}

static void triggers(void **state)
{
	unsigned first;

	(void)state;
	arm("out-len:after=2:count=3");
	assert_int_equal(pattern(FAULT_OUT_LEN, 8), 0x1c);
	assert_false(fault_at(FAULT_UNIQUE_ZERO));
	fault_disarm();
	arm("out-len:op=READ");
	assert_int_equal(pattern(FAULT_OUT_LEN, 2), 0);
	fault_serving.opcode = FUSE_READ;
	assert_int_equal(pattern(FAULT_OUT_LEN, 2), 3);
	fault_disarm();
	arm("out-len:percent=50:seed=1");
	first = pattern(FAULT_OUT_LEN, 32);
	assert_in_range(__builtin_popcount(first), 6, 26);
	fault_disarm();
	arm("out-len:percent=50:seed=1");
	assert_int_equal(pattern(FAULT_OUT_LEN, 32), first);
	fault_disarm();
	arm("out-len:percent=50:seed=2");
	assert_int_not_equal(pattern(FAULT_OUT_LEN, 32), first);
}

/* The same fault twice: each has arguments and a count of its own. */
static void twice(void **state)
{
	struct fault_status s;

	(void)state;
	arm("error:READ:EIO:count=1");
	arm("error:WRITE:ENOSPC");
	fault_serving.opcode = FUSE_WRITE;
	assert_true(fault_at(FAULT_ERROR));
	assert_int_equal(fault_serving.error, -ENOSPC);
	fault_serving.opcode = FUSE_READ;
	assert_true(fault_at(FAULT_ERROR));
	assert_int_equal(fault_serving.error, -EIO);
	assert_false(fault_at(FAULT_ERROR));
	assert_true(fault_status(0, &s));
	assert_string_equal(s.text, "error:READ:EIO:count=1");
	assert_int_equal(s.fired, 1);
	assert_true(fault_status(1, &s));
	assert_int_equal(s.fired, 1);
	assert_false(fault_status(2, &s));
}

/* The ledger's first line tells of those that fired and of those that did not. */
static void in_ledger(void **state)
{
	int fd = memfd_create("ledger", MFD_CLOEXEC);
	static char text[MIB];
	struct err err;
	json_t *summary;
	const json_t *faults;

	(void)state;
	arm("out-len");
	arm("unique-zero:after=9");
	(void)fault_at(FAULT_OUT_LEN);
	(void)fault_at(FAULT_OUT_LEN);
	(void)fault_at(FAULT_UNIQUE_ZERO);
	assert_int_equal(ledger_start(NULL, 0, &err), 0);
	assert_int_equal(ledger_write(fd, &err), 0);
	ledger_stop();
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	(void)close(fd);
	summary = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);
	faults = json_object_get(summary, "faults");
	assert_int_equal(json_array_size(faults), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(faults, 0), "fired")),
			 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(faults, 1), "name")),
			    "unique-zero");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(faults, 1), "fired")),
			 0);
	json_decref(summary);
}

static void many(void **state)
{
	struct err err;
	unsigned count = 0;

	(void)state;
	while (fault_arm("out-len", &err) == 0)
		count++;
	assert_int_equal(count, 32);
	assert_non_null(strstr(err.text, "at most 32"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(none, setup),
		cmocka_unit_test_setup(rows_are_whole, setup),
		cmocka_unit_test_setup(arguments, setup),
		cmocka_unit_test_setup(wrong, setup),
		cmocka_unit_test_setup(triggers, setup),
		cmocka_unit_test_setup(twice, setup),
		cmocka_unit_test_setup(in_ledger, setup),
		cmocka_unit_test_setup(many, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
