/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CHECK_LINE_H
#define VQ_CHECK_LINE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Lines of words: how vq-check and whoever drives it talk. Words are parted by one blank. A word is any bytes: what is
 * not a printable character of ASCII, and '%', is written as %XX; a word without bytes is a lone '%'. Neither side
 * trusts the other: line_parse() takes what line_format() writes, and nothing else.
 *
 * From vq-check, on its standard output:
 *	begin CHECK			it is about to be run, in the folder cN of the share, N its number from 0
 *	ask N PARTY VERB ARGUMENT...	act.h; the answer is wanted as the file N of the folder of answers
 *	figure NAME VALUE UNIT		of the check that runs; VALUE is a whole number
 *	end CHECK VERDICT MICROSECONDS ROW EXPECTED SEEN NOTE LOG
 *	stuck				a process of the check outlives SIGKILL: nothing more can be done on this mount
 *	done				all that was asked for
 * An answer is one line: a result (0, a count, or a negative errno) and the words that belong to it.
 */
#define LINE_WORDS 16
/* All bytes of a line's words, each with a NUL behind it. */
#define LINE_ROOM 16384
/* The longest line, with its end. */
#define LINE_SIZE (3 * LINE_ROOM)

struct line {
	unsigned count;
	size_t used;
	size_t start[LINE_WORDS + 1];
	char text[LINE_ROOM];
};

void line_clear(struct line *w);
/** line_add() - 0; -E2BIG when there is no room: @w is as it was. */
int line_add(struct line *w, const void *bytes, size_t size);
int line_add_text(struct line *w, const char *text);
int line_add_number(struct line *w, int64_t number);

/** line_at() - the bytes of a word and a NUL behind them; "" when there is no such word. */
const char *line_at(const struct line *w, unsigned index);
/** line_size() - how many; 0 when there is no such word. */
size_t line_size(const struct line *w, unsigned index);
/** line_number() - a decimal number of at most INT64_MAX, perhaps negative, and nothing else. 0; -EINVAL. */
int line_number(const struct line *w, unsigned index, int64_t *ret);

/** line_parse() - one line without its end. 0; -EBADMSG; -E2BIG. @w is undefined on failure. */
int line_parse(struct line *w, const char *line, size_t size);
/** line_format() - the line with its end, into LINE_SIZE bytes. Returns its length. */
size_t line_format(const struct line *w, char *ret);

#endif
