/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_RUNNER_CLAIMS_H
#define VQ_CONFORMANCE_RUNNER_CLAIMS_H

#include <stdbool.h>

/* Apart from the tables of checks, for those who have no use for their words. */

/** check_claims_fault() - does any check name this fault of virtiofs-refdev among those that it catches? */
bool check_claims_fault(const char *name);

#endif
