/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_SUMMARY_H
#define VQ_REPORT_SUMMARY_H

#include "report/table.h"

/** summary_write() - the text of report_summary(). 0 or -ENOMEM. */
int summary_write(const struct tables *t, struct out *ret) MUST_USE;

#endif
