// SPDX-License-Identifier: Apache-2.0
/* Each fault of virtiofs-refdev does on the wire what it says, and a device without it does not. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "conformance/runner/claims.h"
#include "conformance/test/device_fault_data.h"
#include "conformance/test/device_fault_file.h"
#include "conformance/test/device_fault_fuse.h"
#include "conformance/test/device_fault_map.h"
#include "conformance/test/device_fault_meta.h"
#include "conformance/test/device_fault_name.h"
#include "conformance/test/device_fault_queue.h"
#include "conformance/test/device_fault_ring.h"

/* What was promised of the table. */
#define FAULTS_MIN	 60
#define REQUIREMENTS_MIN 45

static const struct {
	const struct fault_case *row;
	size_t count;
} all[] = {
	{ ring_cases, ARRAY_SIZE(ring_cases) },	  { fuse_cases, ARRAY_SIZE(fuse_cases) },
	{ file_cases, ARRAY_SIZE(file_cases) },	  { data_cases, ARRAY_SIZE(data_cases) },
	{ map_cases, ARRAY_SIZE(map_cases) },	  { name_cases, ARRAY_SIZE(name_cases) },
	{ meta_cases, ARRAY_SIZE(meta_cases) },	  { ring_cases, ARRAY_SIZE(ring_cases) },
	{ queue_cases, ARRAY_SIZE(queue_cases) }, { fuse_cases, ARRAY_SIZE(fuse_cases) },
	{ file_cases, ARRAY_SIZE(file_cases) },	  { ring_cases, ARRAY_SIZE(ring_cases) },
	{ queue_cases, ARRAY_SIZE(queue_cases) }, { fuse_cases, ARRAY_SIZE(fuse_cases) },
	{ file_cases, ARRAY_SIZE(file_cases) },	  { map_cases, ARRAY_SIZE(map_cases) },
};

/* VQ_FAULT=NAME tries only what begins so. */
static bool chosen(const struct fault_case *row)
{
	const char *only = getenv("VQ_FAULT");

	return !only || strncmp(row->fault, only, strlen(only)) == 0;
}

static void run_cases(const struct fault_case *rows, size_t count)
{
	unsigned failed = 0;

	for (size_t i = 0; i < count; i++) {
		int e;

		if (!chosen(&rows[i]))
			continue;
		e = run_once(&rows[i], false);
		if (e == SKIPPED) {
			print_message("SKIP %s: not here\n", rows[i].fault);
			continue;
		}
		failed += e < 0;
		failed += run_once(&rows[i], true) < 0;
	}
	assert_int_equal(failed, 0);
}

static void rings(void **state)
{
	(void)state;
	run_cases(ring_cases, ARRAY_SIZE(ring_cases));
}

static void queues(void **state)
{
	(void)state;
	run_cases(queue_cases, ARRAY_SIZE(queue_cases));
}

static void messages(void **state)
{
	(void)state;
	run_cases(fuse_cases, ARRAY_SIZE(fuse_cases));
}

static void files(void **state)
{
	(void)state;
	run_cases(file_cases, ARRAY_SIZE(file_cases));
}

static void open_files(void **state)
{
	(void)state;
	run_cases(data_cases, ARRAY_SIZE(data_cases));
}

static void names(void **state)
{
	(void)state;
	run_cases(name_cases, ARRAY_SIZE(name_cases));
}

static void attributes(void **state)
{
	(void)state;
	run_cases(meta_cases, ARRAY_SIZE(meta_cases));
}

static void windows(void **state)
{
	(void)state;
	run_cases(map_cases, ARRAY_SIZE(map_cases));
}

/* ---- the table, as --list-faults tells it ---- */

static bool has_case(const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		for (size_t j = 0; j < all[i].count; j++) {
			const char *fault = all[i].row[j].fault;

			if (strncmp(fault, name, length) == 0 &&
			    (fault[length] == '\0' || fault[length] == ':'))
				return true;
		}
	/* A check of the device suite shows it as well: `virtiofs-conform prove` runs these. */
	return check_claims_fault(name);
}

/* Words of capitals and digits joined by "-", and a number of three digits. */
static bool is_requirement(const char *id)
{
	size_t length = strlen(id);

	for (const char *p = id; *p; p++)
		if (!isupper((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '-')
			return false;
	return length > 4 && isupper((unsigned char)id[0]) && id[length - 4] == '-' &&
	       isdigit((unsigned char)id[length - 3]) && isdigit((unsigned char)id[length - 2]) &&
	       isdigit((unsigned char)id[length - 1]);
}

static void check_row(const json_t *row, json_t *names, json_t *requirements)
{
	const char *name = json_string_value(json_object_get(row, "name"));
	const json_t *breaks = json_object_get(row, "breaks");

	assert_non_null(name);
	assert_true(strlen(json_string_value(json_object_get(row, "help"))) > 0);
	if (!has_case(name) || json_object_get(names, name))
		fail_msg("%s has no test, or is there twice", name);
	assert_int_equal(json_object_set_new(names, name, json_true()), 0);
	for (size_t i = 0; i < json_array_size(breaks); i++) {
		const char *id = json_string_value(json_array_get(breaks, i));

		if (!is_requirement(id))
			fail_msg("%s breaks %s", name, id);
		assert_int_equal(json_object_set_new(requirements, id, json_true()), 0);
	}
}

static void table(void **state)
{
	json_t *list = list_faults();
	const json_t *faults = json_object_get(list, "faults");
	json_t *names = json_object();
	json_t *requirements = json_object();

	(void)state;
	assert_non_null(list);
	for (size_t i = 0; i < json_array_size(faults); i++)
		check_row(json_array_get(faults, i), names, requirements);
	print_message("%zu faults break %zu requirements\n", json_object_size(names),
		      json_object_size(requirements));
	assert_true(json_object_size(names) >= FAULTS_MIN);
	assert_true(json_object_size(requirements) >= REQUIREMENTS_MIN);
	json_decref(names);
	json_decref(requirements);
	json_decref(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),      cmocka_unit_test(rings),
		cmocka_unit_test(messages),   cmocka_unit_test(files),
		cmocka_unit_test(open_files), cmocka_unit_test(names),
		cmocka_unit_test(attributes), cmocka_unit_test(windows),
		cmocka_unit_test(table),      cmocka_unit_test(rings),
		cmocka_unit_test(queues),     cmocka_unit_test(messages),
		cmocka_unit_test(files),      cmocka_unit_test(windows),
		cmocka_unit_test(table),      cmocka_unit_test(rings),
		cmocka_unit_test(queues),     cmocka_unit_test(messages),
		cmocka_unit_test(files),      cmocka_unit_test(windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
