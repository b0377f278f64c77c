/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_TABLE_H
#define VQ_REPORT_TABLE_H

#include "report/model.h"
#include "report/pressure.h"
#include "report/text.h"

/*
 * The headline tables: for each workload a grid of rows (stack, VMM, kernel) and columns (modes),
 * for each of its headline metrics the figures in that grid. All output formats show the same.
 */

/* Bounds of one grid: beyond them no one could read it. */
#define TABLE_MODES_MAX 256
#define TABLE_SLOTS_MAX (1 << 20)

/* A mode of a share: one column, and one colour in the plots. Strings belong to the run. */
struct mode {
	const char *cache; /* NULL: none */
	const char *dax;
	int writeback;
	json_int_t window_bytes;
	bool name_window; /* other modes differ from it in the window only */
};

/* One row: what a guest and its share are made of, or a baseline. */
struct row {
	const struct stack_info *stack;
	const char *variant; /* NULL: none */
	const char *vmm;     /* NULL: on the host */
	const char *kernel;
	const char *accelerator;
	const struct cell *first;
	bool baseline; /* has one value, in column 0, and no modes */
};

enum figure_state {
	FIGURE_ABSENT, /* the plan has no such cell */
	FIGURE_VALUE,
	FIGURE_NO_VALUE, /* the cell is ok but this metric was not taken */
	FIGURE_NA,
	FIGURE_FAILED,
	FIGURE_PENDING,
};

/* How a figure compares to its base. Better and worse only where the spreads do not overlap. */
enum comparison {
	COMPARE_NONE,	/* no ratio: `why_not` */
	COMPARE_BASE,	/* this is the base */
	COMPARE_WITHIN, /* spreads overlap, or a side has one sample only */
	COMPARE_BETTER,
	COMPARE_WORSE,
};

struct ratio {
	enum comparison verdict;
	double value;
	const char *why_not; /* static text or NULL */
};

struct figure {
	enum figure_state state;
	const struct cell *cell;   /* NULL when absent */
	const struct value *value; /* only of FIGURE_VALUE */
	struct ratio mode;	   /* to the row's base mode; baselines: to the table's base */
	struct ratio stack;	   /* to the base row in the same column */
	size_t mark;		   /* number of the difference note of `stack`, from 1; 0: none */
};

/* One headline metric of one workload. */
struct grid {
	const char *metric;
	const char *title;
	const char *phase; /* owned: "cold", "warm", ... or "" */
	const char *unit;
	enum metric_better better;
	enum metric_kind kind;
	struct scale scale;
	size_t value_count;    /* figures that have a value */
	bool drawn;	       /* the plot has at least one bar */
	struct figure *figure; /* owned: rows x columns */
	char *svg;	       /* owned: the plot, or NULL */
	char *svg_error;       /* owned: why there is none, or NULL: nothing to plot */
};

struct table {
	const struct workload_info *workload;
	struct mode *mode; /* owned */
	size_t mode_count;
	struct row *row; /* owned; virtio-fs first, then baselines */
	size_t row_count;
	size_t column_count;	  /* modes, at least 1 */
	const struct cell **slot; /* owned: rows x columns */
	struct grid *grid;	  /* owned */
	size_t grid_count;
	char **difference; /* owned: notes on what else differs between compared rows */
	size_t difference_count;
};

struct tables {
	const struct run *run;
	struct table *table; /* owned; one per workload */
	size_t count;
	struct mode *mode; /* owned; every mode of the run, in the order of colours */
	size_t mode_count;
	struct pressure pressure; /* beside the tables: it is drawn with them */
};

/** tables_build() - @ret is zero-initialised and belongs to the caller in any case. */
int tables_build(const struct run *r, struct tables *ret, struct err *reterr) MUST_USE;
void tables_free(struct tables *t);

/** table_figure() - borrowed figure of a grid. */
const struct figure *table_figure(const struct table *t, const struct grid *g, size_t row,
				  size_t column);

/** tables_mode_index() - position of a mode in tables.mode: its colour. */
size_t tables_mode_index(const struct tables *t, const struct mode *m);

/** mode_name() - "cache=auto +wb dax=always 256 MiB", cleaned; owned, NULL: out of memory. */
char *mode_name(const struct mode *m) MUST_USE;

/** row_name() - "rust-trixie+pool4 / qemu-bookworm / bookworm" or "local / host", cleaned; owned. */
char *row_name(const struct row *r) MUST_USE;

/** row_on_host_under_tcg() - would this row compare the host's CPU with an emulated one? */
bool row_on_host_under_tcg(const struct run *run, const struct row *row, enum metric_kind kind);

/** table_compare_modes() - the order of presentation: from a guest that keeps nothing to all. */
int table_compare_modes(const struct mode *x, const struct mode *y);

/**
 * cell_compare_place() - order of presentation of two placed cells by kind of stack, stack, variant,
 * VMM, kernel, accelerator and mode; 0 when they differ in the workload at most.
 */
int cell_compare_place(const struct run *r, const struct cell *a, const struct cell *b);

/** cell_mode() - the modes that a cell names. */
struct mode cell_mode(const struct cell *c);

#endif
