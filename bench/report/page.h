/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_PAGE_H
#define VQ_REPORT_PAGE_H

#include "report/html.h"
#include "report/table.h"

/* The parts of report.html, one file each; html_page.c puts them in order. */

struct page {
	struct html html;
	const struct run *run;
	const struct tables *tables;
};

/** page_write() - the whole document; @ret is appended to. 0 or -ENOMEM. */
int page_write(const struct tables *t, struct out *ret) MUST_USE;

/** page_style() - the style sheet, a constant. */
const char *page_style(void);

/* Parts, in the order in which they are read. */
void page_head(struct page *p);
void page_glance(struct page *p);
void page_heat(struct page *p); /* inside the section of page_glance() */
void page_reasons(struct page *p);
void page_tables(struct page *p);
void page_footprint(struct page *p);
void page_dax(struct page *p);
void page_pressure(struct page *p); /* both inside the section of page_dax() */
void page_kernels(struct page *p);
void page_counts(struct page *p);
void page_conform(struct page *p);
void page_guest(struct page *p);
void page_negotiated(struct page *p);
void page_memory(struct page *p);
void page_method(struct page *p);

/* Runs with more cells than this start folded and leave out what is in the files anyway. */
#define PAGE_SMALL_RUN 60

/* Pieces that parts share. */

/** page_number() - sample @at of a value as a link to the file it was read from. */
void page_number(struct page *p, const struct value *v, size_t at, const struct scale *s,
		 const char *css);
/** page_median() - the median; its link leads to the sample that is it, or nearest to it. */
void page_median(struct page *p, const struct value *v, const struct scale *s, const char *css);
/** page_spread() - min-max over rounds, or "n=1". */
void page_spread(struct page *p, const struct value *v, const struct scale *s);
/** page_looks_spread() - do the rounds differ in the digits that are shown? */
bool page_looks_spread(const struct value *v, const struct scale *s);
/** page_file() - a link to a file of the run, or its name where it is not there. */
void page_file(struct page *p, const char *path, const char *text);
/** page_fold() - open a <details> with a summary; close it with html_close(). */
void page_fold(struct page *p, const char *id, const char *title, bool open);
/** page_cell_name() - row and mode of a cell as text. */
void page_cell_name(struct page *p, const struct cell *c);
/** page_section() - open a section with a heading; close it with html_close(). */
void page_section(struct page *p, const char *id, const char *title);
/** page_table_open() / page_table_close() - a table in a container that scrolls. */
void page_table_open(struct page *p, const char *css);
void page_table_close(struct page *p);

#endif
