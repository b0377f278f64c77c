/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_AGREE_H
#define VQ_RUN_AGREE_H

#include "conformance/wire/refdev.h"
#include "run/session.h"

/*
 * Two that count the same requests, and know nothing of each other: the relay, by what passes through the
 * rings, and a device that keeps counters (conformance/wire/refdev.h), by what it serves. Both begin with
 * the device's first request, so that at any moment without a request under way they must be equal, opcode
 * by opcode: mount, proof of DAX, what the driver does between phases, all included. In no moment may they
 * differ; that is why nothing is allowed for.
 */

/**
 * agree_snapshot() - a snapshot of the relay at a moment when nothing was under way, and what the device had
 * counted at that moment. Looks again while the guest is busy.
 * Return: 0; -EBUSY when the guest did not rest before @deadline_ns; what relay_snapshot() and counters_load()
 * return.
 */
int agree_snapshot(const struct session *s, uint64_t deadline_ns, json_t **ret_relay,
		   struct refdev_counters *ret_device, struct err *reterr) MUST_USE;

/**
 * agree_compare() - are they equal? Requests by opcode; replies with an error and bytes of replies in sum.
 * @relay: "total" of a snapshot. Return: 0; -EBADMSG with all that differ in @reterr.
 */
int agree_compare(json_t *relay, const struct refdev_counters *device, struct err *reterr) MUST_USE;

/** agree_json() - what the device has counted: {requests, ops: {READ: n}, errors, bytes_from_device}. New reference. */
json_t *agree_json(const struct refdev_counters *device);

#endif
