/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_DAX_PAIR_H
#define VQ_TEST_DAX_PAIR_H

#include "dax_rig.h"

/*
 * A second guest with a window of its own on the same device process and share: restored from what the first one
 * was saved as, and used by the functions of dax_rig.h that work in a guest. The device then has two sockets and
 * stays when a guest leaves, so that it has to be ended.
 */
struct dax_pair {
	struct dax_rig *first;
	struct dax_rig second; /* its session has the other guest's agent */
	struct fleet_guest *guest;
	bool plugged;
};

/* What the first guest's device is started with (dax_rig_spec.words). */
extern const char *const dax_pair_words[];

/** dax_pair_open() - start, plug and mount. Close it in any case, before @first. */
int dax_pair_open(struct dax_pair *p, struct dax_rig *first) MUST_USE;

/** dax_pair_kill() - the second guest's VMM dies; close does not expect it any more. */
void dax_pair_kill(struct dax_pair *p);

/** dax_pair_alive() - has the second guest's VMM not ended? */
bool dax_pair_alive(struct dax_pair *p);

/**
 * dax_pair_close() - unmount both, unplug both, show that nothing is mapped and that the device ends by SIGTERM.
 * Accepts a zero struct.
 */
int dax_pair_close(struct dax_pair *p) MUST_USE;

#endif
