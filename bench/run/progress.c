// SPDX-License-Identifier: Apache-2.0
#include "run/progress.h"

#include "base/clock.h"

#include <string.h>

void progress_start(struct progress *p, size_t total)
{
	*p = (struct progress){ .total = total,
				.start_ns = clock_now_ns(),
				.terminal = isatty(STDERR_FILENO) };
}

void progress_pass(struct progress *p, const struct cell *c, struct turn turn)
{
	p->cell = c->id;
	p->turn = turn;
}

/* Time left, from the mean of what is done; nothing is known before the first pass. */
static void time_left(const struct progress *p, char *ret, size_t size)
{
	double each;
	unsigned left;

	if (p->done == 0) {
		(void)snprintf(ret, size, "-:--");
		return;
	}
	each = clock_seconds(clock_now_ns() - p->start_ns) / (double)p->done;
	left = (unsigned)(each * (double)(p->total - p->done) + 0.5);
	(void)snprintf(ret, size, "%u:%02u", left / 60, left % 60);
}

static const char *turn_word(const struct progress *p)
{
	return p->turn.kind == PASS_OBSERVED ? "observed" : "round";
}

void progress_stage(void *progress, const char *what)
{
	struct progress *p = progress;
	char left[32];

	if (!p->terminal)
		return;
	time_left(p, left, sizeof(left));
	(void)fprintf(stderr, "\r\033[K[%zu/%zu] %s  %s %u  %s  left %s", p->done + 1, p->total,
		      p->cell, turn_word(p), p->turn.number, what, left);
	(void)fflush(stderr);
}

void progress_done(struct progress *p, const struct pass_result *r)
{
	static const char *const word[] = {
		[PASS_OK] = "ok", [PASS_NA] = "n/a", [PASS_FAILED] = "FAILED"
	};
	char left[32];

	p->done++;
	time_left(p, left, sizeof(left));
	if (p->terminal && r->status != PASS_FAILED)
		return;
	(void)fprintf(stderr, "%s[%zu/%zu] %s  %s %u  %s  %.1f s  left %s%s%.300s\n",
		      p->terminal ? "\r\033[K" : "", p->done, p->total, p->cell, turn_word(p),
		      p->turn.number, word[r->status], clock_seconds(r->wall_ns), left,
		      r->status == PASS_OK ? "" : "\n    ", r->status == PASS_OK ? "" : r->reason);
}

void progress_end(struct progress *p)
{
	if (p->terminal)
		(void)fprintf(stderr, "\r\033[K");
	(void)fprintf(stderr, "%zu passes in %.0f s\n", p->done,
		      clock_seconds(clock_now_ns() - p->start_ns));
}
