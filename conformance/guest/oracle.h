/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CHECK_ORACLE_H
#define VQ_CHECK_ORACLE_H

#include "conformance/guest/check.h"

/*
 * What a mode allows. The behaviour matrix (conformance/spec/matrix.c) has a letter for each row and mode; the driver
 * gives those of the mode under test. A look is one observation:
 *
 *	WANT_VISIBLE(r, "B09", "size of the file", see_number(r, st_size("f"), OLD_SIZE, NEW_SIZE));
 *
 * asks until the letter is content, and no longer than it allows:
 *	I O A	the first look must show the new state
 *	T	a later one, within the time that names or attributes may be kept and some slack; how long it took becomes
 *		a figure. A day is not waited for: then the look must show the old or the new state, and a note says so
 *	X	only the old state: it must never be seen
 *	others	the old or the new state
 * In each of them a look that shows neither fails: what is neither was never in the file.
 */

enum seen { SEEN_NEW, SEEN_OLD, SEEN_WRONG };

/** oracle_letter() - what is allowed in this mode; 'I' for a row that nothing was said of. */
char oracle_letter(const struct check_run *r, const char *row);

struct oracle {
	struct check_run *r;
	const char *row;
	const char *what;
	char letter;
	int64_t may_last_ms;
	int64_t start_ns;
	bool over;
};
enum oracle_of { ORACLE_NAMES, ORACLE_ATTRIBUTES };

struct oracle oracle_begin(struct check_run *r, char letter, const char *row, enum oracle_of of,
			   const char *what);
/** oracle_again() - judge a look; true: look again. */
bool oracle_again(struct oracle *o, enum seen look);

#define WANT_LETTER(r, letter, row, of, what, look)                             \
	do {                                                                    \
		struct oracle oracle_ = oracle_begin(r, letter, row, of, what); \
		while (oracle_again(&oracle_, look))                            \
			;                                                       \
		if ((r)->result->verdict != CHECK_UNSET)                        \
			return;                                                 \
	} while (0)
/* Of attributes and data; of names. */
#define WANT_VISIBLE(r, row, what, look) \
	WANT_LETTER(r, oracle_letter(r, row), row, ORACLE_ATTRIBUTES, what, look)
#define WANT_NAME_VISIBLE(r, row, what, look) \
	WANT_LETTER(r, oracle_letter(r, row), row, ORACLE_NAMES, what, look)

/* Looks. What was seen is remembered for the text of a failure. */
enum seen see_number(struct check_run *r, int64_t seen, int64_t old, int64_t new_one);
/** see_error() - @result is of a call: 0 when it succeeded, else errno. */
enum seen see_error(struct check_run *r, int64_t result, int old, int new_one);
enum seen see_text(struct check_run *r, const char *seen, const char *old, const char *new_one);
/** see_filled() - @size bytes at @offset of an open file, by pread(): of one seed or of the other, no mixture. */
enum seen see_filled(struct check_run *r, int fd, int64_t offset, size_t size, uint64_t old,
		     uint64_t new_one);
/** see_bytes() - the same of bytes in memory; @count of @size were there. Seed 0 stands for zeros. */
enum seen see_bytes(struct check_run *r, const uint8_t *bytes, int64_t count, int64_t offset,
		    size_t size, uint64_t old, uint64_t new_one);
/** see_host() - what the host has there: at most 4096 bytes. */
enum seen see_host(struct check_run *r, const char *name, int64_t offset, int64_t size,
		   uint64_t old, uint64_t new_one);

#endif
