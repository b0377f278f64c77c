/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_HTML_H
#define VQ_REPORT_HTML_H

#include "report/out.h"

/*
 * An HTML writer. Every text and every attribute value is cleaned and escaped; only html_raw()
 * is not, and it is for constants of this program and for plots that were checked. Elements that
 * are opened are closed in order: a mistake is an assertion, not a broken page.
 */

#define HTML_DEPTH 32

struct html {
	struct out out;
	const char *open[HTML_DEPTH];
	size_t depth;
};

/**
 * html_open() - start an element.
 * @...: pairs of attribute name and value, ended by NULL. A pair whose value is NULL ends the
 *       list too, so that an optional attribute comes last.
 */
void html_open(struct html *h, const char *name, ...) __attribute__((sentinel));

/** html_close() - end the element opened last, which must be @name. */
void html_close(struct html *h, const char *name);

/** html_text() - character data. */
void html_text(struct html *h, const char *text);
void html_textf(struct html *h, const char *fmt, ...) PRINTF_LIKE(2, 3);

/** html_elem() - a whole element: @name with class @css (NULL for none) around @text. */
void html_elem(struct html *h, const char *name, const char *css, const char *text);

/** html_elemf() - the same with formatted text. */
void html_elemf(struct html *h, const char *name, const char *css, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/** html_link() - a link to a file of the run folder: @path is percent-encoded, never a scheme. */
void html_link(struct html *h, const char *path, const char *css, const char *text);

/** html_raw() - markup as it is. */
void html_raw(struct html *h, const char *markup);

/** html_newline() - a line end in the source, to keep the file readable. */
void html_newline(struct html *h);

void html_free(struct html *h);

#endif
