/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_CHECKS_SERVE_H
#define VQ_RUN_CHECKS_SERVE_H

#include "base/err.h"

#include "conformance/guest/line.h"

#include <jansson.h>
#include <stdbool.h>

/*
 * The driver's end of vq-check (conformance/guest/line.h): does what checks ask for on the host, and keeps what came of
 * them. Every byte is of the guest: only checks that were asked for have results, a result is kept once, texts are
 * bounded and printable, and an action touches nothing outside of the share.
 */
struct checks_serve {
	int root;	  /* the share on the host; -1: nothing can be done there */
	json_t *list;	  /* borrowed: what `vq-check list` says of each check, in order */
	const char *fate; /* of what serves the share, now; "" when nobody does */
	json_t *results; /* owned: id -> {verdict, duration_ms, row, expected, seen, note, log, fate, figures} */
	json_t *figures;  /* owned: of the check that runs */
	char running[96]; /* its id; "" between checks */
	bool done;
	bool stuck;
};

void checks_serve_free(struct checks_serve *s);

/**
 * checks_serve_line() - one line of vq-check, without its end.
 * @ret_number: of the question whose answer is in @ret_answer; -1: it was none.
 * Return: 0; -EPROTO: not what vq-check says, with why; -ENOMEM.
 */
int checks_serve_line(struct checks_serve *s, const char *line, size_t size, int64_t *ret_number,
		      struct line *ret_answer, struct err *reterr) MUST_USE;

/** checks_serve_lost() - the check that runs, if any, has brought everything down: a FAIL with @seen and @log. */
int checks_serve_lost(struct checks_serve *s, const char *fate, const char *seen, const char *log)
	MUST_USE;

/** checks_serve_next() - the number of the check behind the last one that has a result. */
unsigned checks_serve_next(const struct checks_serve *s);

#endif
