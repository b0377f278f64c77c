/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_PROGRESS_H
#define VQ_RUN_PROGRESS_H

#include "run/store.h"

/* One line that follows the run on a terminal; plain lines, one per pass, elsewhere. To stderr. */
struct progress {
	size_t done;
	size_t total;
	uint64_t start_ns;
	const char *cell;
	struct turn turn;
	bool terminal;
};

void progress_start(struct progress *p, size_t total);
void progress_pass(struct progress *p, const struct cell *c, struct turn turn);
/** progress_stage() - fits pass_context.stage. */
void progress_stage(void *progress, const char *what);
void progress_done(struct progress *p, const struct pass_result *r);
/** progress_end() - leave a clean line behind. */
void progress_end(struct progress *p);

#endif
