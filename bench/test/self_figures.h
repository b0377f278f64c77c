/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_SELF_FIGURES_H
#define VQ_TEST_SELF_FIGURES_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

/*
 * The project's own figures: samples by name, and the rows of build/bench-self.json that are made of them,
 * {name, value, unit, target, ok, samples_file} each.
 */
struct figures {
	json_t *samples; /* {name: [number, ...]} */
	json_t *rows;
	const char *samples_file; /* named in each row */
};

struct range {
	double min, median, max;
};

void figures_sample(struct figures *f, const char *name, double value);

/** figures_range() - of the samples of @name. 0, or -ENOENT when there are none. */
int figures_range(const struct figures *f, const char *name, struct range *ret) MUST_USE;

/** figures_row() - add a row, and print it. */
void figures_row(struct figures *f, const char *name, double value, const char *unit,
		 const char *target, bool ok);

/** figures_note() - print what explains the row above and is no figure of its own. */
void figures_note(const char *what, const struct range *r);

/**
 * figures_merge() - add the rows of @from ({figures: [...]}) to the file @into, where they replace those that came from
 * the same samples file. @into need not be there; on an error it is as it was.
 * Return: 0; -EPROTO when @from holds no rows, or one that is none; -errno.
 */
int figures_merge(const char *into, const char *from, struct err *reterr) MUST_USE;

#endif
