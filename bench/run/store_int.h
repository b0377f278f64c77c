/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_STORE_INT_H
#define VQ_RUN_STORE_INT_H

#include "run/store.h"

/* What the files that implement the store share. */

/** store_letter() - what the names of a kind's pass folders begin with. */
char store_letter(enum pass_kind kind);
int store_save_cell(struct store *s, const char *id, struct err *reterr) MUST_USE;
/** store_add_evidence() - append to the cell's, its files made relative to the run folder. */
void store_add_evidence(json_t *cell, json_t *evidence, const char *dir);
void store_set_median(json_t *owner, const char *key, json_t *samples);
/** store_set_status() - status and reason from the cell's rounds. */
void store_set_status(json_t *cell, unsigned rounds);
void store_set_overhead(json_t *cell);

#endif
