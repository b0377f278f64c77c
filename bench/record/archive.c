// SPDX-License-Identifier: Apache-2.0
#include "record/archive.h"

/* pmapi.h has the types that import.h uses without naming it. */
#include <pcp/pmapi.h>

#include <pcp/import.h>

/* Version 2 is what all releases of PCP read. */
#define ARCHIVE_VERSION 2
#define US_PER_S	1000000
#define NS_PER_US	1000
/* What the library adds for a mark. */
#define MARK_US 1000

static const int types[] = {
	[RECORD_U32] = PM_TYPE_U32,
	[RECORD_U64] = PM_TYPE_U64,
	[RECORD_FLOAT] = PM_TYPE_FLOAT,
	[RECORD_STRING] = PM_TYPE_STRING,
};

static const int sems[] = {
	[RECORD_COUNTER] = PM_SEM_COUNTER,
	[RECORD_INSTANT] = PM_SEM_INSTANT,
	[RECORD_DISCRETE] = PM_SEM_DISCRETE,
};

static pmUnits units_of(enum record_unit unit)
{
	switch (unit) {
	case UNIT_COUNT: return pmiUnits(0, 0, 1, 0, 0, PM_COUNT_ONE);
	case UNIT_BYTE: return pmiUnits(1, 0, 0, PM_SPACE_BYTE, 0, 0);
	case UNIT_KBYTE: return pmiUnits(1, 0, 0, PM_SPACE_KBYTE, 0, 0);
	case UNIT_NSEC: return pmiUnits(0, 1, 0, 0, PM_TIME_NSEC, 0);
	case UNIT_USEC: return pmiUnits(0, 1, 0, 0, PM_TIME_USEC, 0);
	case UNIT_MSEC: return pmiUnits(0, 1, 0, 0, PM_TIME_MSEC, 0);
	case UNIT_NONE: break;
	}
	return pmiUnits(0, 0, 0, 0, 0, 0);
}

static int check(int status, struct err *reterr, const char *what, const char *name)
{
	char text[PMI_MAXERRMSGLEN];

	if (status >= 0)
		return 0;
	return err_set(reterr, -EIO, "PCP archive: %s %s: %s (error %d)", what, name,
		       pmiErrStr_r(status, text, sizeof(text)), status);
}

int archive_open(struct archive *a, const char *base, const char *hostname, struct err *reterr)
{
	int e;

	*a = (struct archive){ .context = pmiStart(base, 0) };
	e = check(a->context, reterr, "cannot begin", base);
	if (e == 0)
		e = check(pmiSetVersion(ARCHIVE_VERSION), reterr, "cannot set the version of",
			  base);
	if (e == 0)
		e = check(pmiSetHostname(hostname), reterr, "cannot name the host of", base);
	if (e == 0)
		e = check(pmiSetTimezone("UTC"), reterr, "cannot set the time zone of", base);
	a->open = e == 0;
	return e;
}

static int use(struct archive *a, struct err *reterr)
{
	if (!a->open)
		return err_set(reterr, -EINVAL, "the PCP archive is not open");
	return check(pmiUseContext(a->context), reterr, "cannot use", "context");
}

static pmInDom indom_of(const struct record_metric *m)
{
	return m->indom == RECORD_SINGULAR ? PM_INDOM_NULL : pmiInDom(m->domain, m->indom);
}

int archive_define(struct archive *a, const struct record_metric *m, struct err *reterr)
{
	pmID id = pmiID(m->domain, m->cluster, m->item);
	int e = use(a, reterr);

	if (e == 0)
		e = check(pmiAddMetric(m->name, id, types[m->type], indom_of(m), sems[m->sem],
				       units_of(m->unit)),
			  reterr, "cannot add metric", m->name);
	if (e == 0)
		e = check(pmiPutText(PM_TEXT_PMID, PM_TEXT_ONELINE, id, m->help), reterr,
			  "cannot add the text of", m->name);
	return e;
}

int archive_define_instance(struct archive *a, const struct record_metric *m, const char *instance,
			    int id, struct err *reterr)
{
	int e = use(a, reterr);

	return e < 0 ? e
		     : check(pmiAddInstance(indom_of(m), instance, id), reterr,
			     "cannot add instance", instance);
}

int archive_put(struct archive *a, const struct record_metric *m, const char *instance,
		const char *value, struct err *reterr)
{
	int e = use(a, reterr);

	return e < 0 ? e
		     : check(pmiPutValue(m->name, instance, value), reterr, "cannot put a value of",
			     m->name);
}

int archive_write(struct archive *a, uint64_t real_ns, struct err *reterr)
{
	int64_t us = (int64_t)(real_ns / NS_PER_US);
	int e = use(a, reterr);

	if (e < 0)
		return e;
	/* Two records must not have one time: tools would see only one of them. */
	if (us <= a->last_us)
		us = a->last_us + 1;
	a->last_us = us;
	return check(pmiWrite((int)(us / US_PER_S), (int)(us % US_PER_S)), reterr, "cannot write",
		     "a record");
}

int archive_gap(struct archive *a, struct err *reterr)
{
	int e = use(a, reterr);

	a->last_us += MARK_US;
	return e < 0 ? e : check(pmiPutMark(), reterr, "cannot write", "a mark");
}

int archive_close(struct archive *a, struct err *reterr)
{
	int e;

	if (!a->open)
		return 0;
	e = use(a, reterr);
	a->open = false;
	return e < 0 ? e : check(pmiEnd(), reterr, "cannot complete", "the files");
}
