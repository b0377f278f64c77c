/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_PROBE_H
#define VQ_RUN_PROBE_H

#include "run/plan.h"
#include "run/world.h"

#include <jansson.h>

/**
 * probe_versions() - {id: first line of --version} of every program that the plan uses. New
 * reference. @ret_broken: {id: why} of those that cannot be used: they do not run, say no version
 * or another than their row expects, or their image is not there. New reference.
 */
json_t *probe_versions(const struct plan *p, json_t **ret_broken);

/**
 * probe_absent() - is the cell's daemon in an optional stack root that set-up could not build? Then
 * @ret says what set-up was told, and the cell is n/a.
 */
bool probe_absent(const struct cell *c, char *ret, size_t size);

/** probe_broken() - why a cell cannot be run at all, from @broken; NULL when it can. Borrowed. */
const char *probe_broken(json_t *broken, const struct cell *c);

/** probe_conf_rows() - {id: version} of every program that a conf file names; faults as above. New references. */
json_t *probe_conf_rows(json_t **ret_faults);

/** probe_host() - the "host" object of run.json. New reference. */
json_t *probe_host(const struct world *w);

/** probe_image() - the "image" object of run.json, from the image's manifest. New reference. */
json_t *probe_image(void);

/**
 * probe_accelerator() - "kvm" or "tcg".
 * @wanted: auto, kvm or tcg.
 * @ret_json: the "accelerator" object of run.json. New reference.
 * Return: 0; -ENODEV when one that was asked for does not work.
 */
int probe_accelerator(const struct world *w, const char *wanted, const char **ret_name,
		      json_t **ret_json, struct err *reterr) MUST_USE;

#endif
