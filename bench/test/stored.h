/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_STORED_H
#define VQ_TEST_STORED_H

#include "run/store.h"

#include <jansson.h>

/* What the test_store* programs share: the folder of a run with two cells, and a look into it. */
struct stored {
	char dir[64];
	char out[96]; /* the run's; made by the test */
	struct err err;
	struct store store;
	struct cell_list cells; /* one with a guest, one without */
	struct pass_result pass;
	json_t *json; /* the file that was looked at last */
};

extern const struct metric_def stored_speed;

/* setup and teardown of a test; its state is a struct stored. */
int stored_setup(void **state);
int stored_teardown(void **state);

/** stored_good() - fail the test with the error's text if @e says that there is one. */
void stored_good(const struct stored *f, int e);

/** stored_guest() - the cell that has a guest. */
const struct cell *stored_guest(const struct stored *f);

/** stored_turn() - the timed pass of that round. */
struct turn stored_turn(unsigned round);

/** stored_file() - content of a file of the run; valid until the next call. */
json_t *stored_file(struct stored *f, const char *path);

/** stored_cell() - the same of a cell.json. */
json_t *stored_cell(struct stored *f, const struct cell *c);

#endif
