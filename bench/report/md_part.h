/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_MD_PART_H
#define VQ_REPORT_MD_PART_H

#include "report/table.h"

/* The parts of report.md that are not headline tables. Each is bounded and says what it left out. */

/** md_text() - text as text: nothing in it becomes markup, also not inside a table (GFM). */
void md_text(struct out *o, const char *s);

void md_heat(const struct tables *t, struct out *o);
void md_footprint(const struct run *r, struct out *o);
void md_dax(const struct tables *t, struct out *o);
void md_counts(const struct run *r, struct out *o);
void md_conform(const struct run *r, struct out *o);
void md_negotiated(const struct run *r, struct out *o);

#endif
