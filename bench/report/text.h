/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_TEXT_H
#define VQ_REPORT_TEXT_H

#include "report/out.h"

#include <stdbool.h>
#include <stddef.h>

/* Text that came from a run, and numbers for people. */

/* What a receiver of cleaned text does with line ends and tabs. */
enum text_lines {
	TEXT_ONE_LINE,	 /* line ends and tabs become spaces */
	TEXT_MANY_LINES, /* line ends and tabs stay, carriage returns go */
};

/**
 * text_clean() - add @s as valid UTF-8 that can harm no terminal and no page.
 * Bytes that are no UTF-8 become U+FFFD; control characters, terminal escape sequences and
 * characters that change the writing direction are removed.
 */
void text_clean(struct out *o, const char *s, size_t size, enum text_lines lines);

/** text_clean_str() - the same as an owned one-line string; NULL when out of memory. */
char *text_clean_str(const char *s) MUST_USE;

/** text_columns() - how many columns cleaned text takes in a terminal (one per character). */
size_t text_columns(const char *s);

/** text_same() - are both NULL, or equal? */
bool text_same(const char *a, const char *b);

/** text_dash() - @s, or an en dash where there is none. */
const char *text_dash(const char *s);

/* How values of one table are shown: divided by one factor, with one unit. */
struct scale {
	double divide;
	const char *unit; /* "" for a plain number; borrowed from the metric or static */
	bool whole;	  /* counts: whole numbers are shown in full */
};

/** scale_pick() - the unit in which @typical is between 1 and the next larger unit. */
struct scale scale_pick(const char *unit, const char *metric, double typical);

#define NUMBER_SIZE 48

/** scale_number() - @value in the scale's unit, three significant digits or more. Returns @ret. */
const char *scale_number(const struct scale *s, double value, char ret[NUMBER_SIZE]);

/** text_ratio() - a ratio such as "1.04" or "0.037". */
const char *text_ratio(double ratio, char ret[NUMBER_SIZE]);

/** text_exact() - the shortest decimal that reads back as the same double. */
const char *text_exact(double value, char ret[NUMBER_SIZE]);

#endif
