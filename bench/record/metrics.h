/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RECORD_METRICS_H
#define VQ_RECORD_METRICS_H

#include <stddef.h>

/* Whose archive a metric is in. */
enum record_side { RECORD_HOST = 1, RECORD_GUEST = 2, RECORD_BOTH = 3 };

enum record_type { RECORD_U32, RECORD_U64, RECORD_FLOAT, RECORD_STRING };
enum record_sem { RECORD_COUNTER, RECORD_INSTANT, RECORD_DISCRETE };
enum record_unit { UNIT_NONE, UNIT_COUNT, UNIT_BYTE, UNIT_KBYTE, UNIT_NSEC, UNIT_USEC, UNIT_MSEC };

/* PCP's number of the agent whose names we use where the meaning is the same, and of our own names
 * (the one that PCP keeps for imported data). */
#define RECORD_DOMAIN_LINUX 60
#define RECORD_DOMAIN_OURS  245
/* No instance domain: one value. */
#define RECORD_SINGULAR (-1)

/* One value of an archive. Rows of the same name are instances of one metric. */
struct record_metric {
	const char *name; /* as PCP knows it */
	/*
	 * What "vq-guest watch" reads for it; "vmm:FIELD" and "daemon:FIELD" become the trees of
	 * those processes, "share" the data file. NULL: not sampled (see record.h).
	 */
	const char *key;
	int domain, cluster, item; /* PMID; never changes, never reused */
	int indom;		   /* serial of the instance domain, or RECORD_SINGULAR */
	const char *instance;
	int instance_id;
	enum record_type type;
	enum record_sem sem;
	enum record_unit unit;
	enum record_side side;
	const char *help; /* one line */
};

const struct record_metric *record_metrics(size_t *ret_count);

/*
 * Rows that are not sampled by "vq-guest watch": phases are marked as they begin (record.h); the others
 * are columns that the driver feeds. Those of virtiofs-refdev are "virtiofs_qual.device.*".
 */
#define RECORD_PHASE  "virtiofs_qual.phase"
#define RECORD_OPS    "virtiofs_qual.fuse.ops"
#define RECORD_DEVICE "virtiofs_qual.device."

/* What one value of a feed is: a metric, or one instance of it. All borrowed. */
struct record_column {
	const struct record_metric *metric;
	const char *instance; /* NULL: the metric has one value */
	int instance_id; /* the same instance has the same number in all metrics of its domain */
};

/** record_metric_find() - the first row of this name; NULL when there is none. */
const struct record_metric *record_metric_find(const char *name);

#endif
