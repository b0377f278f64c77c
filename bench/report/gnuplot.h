/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_GNUPLOT_H
#define VQ_REPORT_GNUPLOT_H

#include "base/proc.h"

#include "report/out.h"

/* Many plots by one gnuplot process: each is begun and ended with a tag, by which its SVG is found again. */

/** gnuplot_quoted() - text in single quotes: nothing is expanded there; what could end it is replaced. */
void gnuplot_quoted(struct out *o, const char *text);

/** gnuplot_begin() / gnuplot_end() - around the commands that draw one plot; @tag is any address of its own. */
void gnuplot_begin(struct out *o, const void *tag);
void gnuplot_end(struct out *o);

/** gnuplot_run() - @ret is zero-initialised and belongs to the caller; an error says what gnuplot said. */
int gnuplot_run(const struct out *script, struct proc_output *ret, struct err *reterr);

/**
 * gnuplot_take() - the SVG of one plot, fit to be inlined: no ids, no titles, text in the page's colour.
 * @why: the cause to give where there is none. Both results are owned; one of them is set. 0 or -ENOMEM.
 */
int gnuplot_take(const struct proc_output *out, const void *tag, const char *why, char **ret_svg,
		 char **ret_cause) MUST_USE;

#endif
