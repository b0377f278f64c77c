/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_MD_H
#define VQ_REPORT_MD_H

#include "report/table.h"

/** md_write() - report.md: headline tables, reasons and versions, fit for a mail. 0 or -ENOMEM. */
int md_write(const struct tables *t, struct out *ret) MUST_USE;

#endif
