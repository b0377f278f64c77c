/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_REPORT_FIXTURE_H
#define VQ_TEST_REPORT_FIXTURE_H

#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>

/* What the test_report* programs share. All run from the top of the checkout; nothing asserts. */
#define GOLDEN	  "bench/test/golden/report"
#define GOOD_CELL "rust-trixie.qemu-bookworm.auto.nowb.none.bookworm.metadata"

extern char fixture_dir[64]; /* folder of this process */
extern char fixture_run[96]; /* a fresh copy of the canned run for each test */

int fixture_setup(void **state);
int fixture_teardown(void **state);

/** fixture_copy() - make fixture_run a copy of a folder. 0 or -1. */
int fixture_copy(const char *from);

/** fixture_fresh() - make fixture_run a copy of the canned run. */
int fixture_fresh(void **state);

/** fixture_read() - a file as an owned string; "" when it is not there. */
char *fixture_read(const char *dir, const char *name);

/** fixture_write() / fixture_save() - a file of fixture_run. 0 or -1. */
int fixture_write(const char *name, const char *text, size_t size);
int fixture_save(const char *name, const json_t *v);

/** fixture_load() - a JSON file; NULL when it is not there or damaged. */
json_t *fixture_load(const char *dir, const char *name);

/** fixture_contains() - does a file of fixture_run have this text in it? */
bool fixture_contains(const char *name, const char *what);

/** fixture_render() - everything that a report of fixture_run consists of, without plots. */
int fixture_render(size_t *ret_failed, size_t *ret_cells);

#endif
