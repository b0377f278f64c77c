/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_MOUNT_H
#define VQ_RUN_MOUNT_H

#include "run/session.h"

/**
 * mount_share() - mount the plugged device in the guest.
 * Return: 0; -ENOTSUP: @r is n/a with what was answered; else @r is failed.
 */
int mount_share(struct session *s, struct pass_result *r) MUST_USE;

#endif
