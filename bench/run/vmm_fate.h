/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_VMM_FATE_H
#define VQ_RUN_VMM_FATE_H

#include "run/session.h"

/**
 * vmm_fate_append() - a guest was lost: add to the reason of @r what became of its VMM and what that printed last. A failure
 * that is known of the VMM (stack/vmm_failure.h) comes first, by its name, and becomes evidence.
 */
void vmm_fate_append(struct session *s, struct pass_result *r);

#endif
