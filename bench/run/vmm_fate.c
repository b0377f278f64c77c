// SPDX-License-Identifier: Apache-2.0
#include "run/vmm_fate.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/pump.h"
#include "run/backend.h"
#include "stack/vmm_failure.h"

#include <string.h>
#include <sys/wait.h>

/* One that just died closes its sockets before it can be reaped. */
#define LAST_BREATH_MS 300
/* What it sent before it died is there already. */
#define LAST_WORDS_MS 100
/* Of its log: what is searched, and what a reason holds. */
#define LOG_TAIL    (64 * KIB)
#define LOG_EXCERPT 400

#define KNOWN "known failure of the VMM"

static void append(struct pass_result *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void append(struct pass_result *r, const char *fmt, ...)
{
	size_t used = strlen(r->reason);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(r->reason + used, sizeof(r->reason) - used, fmt, ap);
	va_end(ap);
}

static const char *tail_of(const struct buf *log, size_t max)
{
	return log->size > max ? log->data + log->size - max : buf_text(log);
}

static const char *named(const struct guest *g, const struct vmm *v, char *scratch, size_t size)
{
	const char *version = g->qmp ? qmp_version(g->qmp) : "";

	if (!version[0])
		return v->title;
	(void)snprintf(scratch, size, "QEMU %s", version);
	return scratch;
}

/* The name goes first: whoever reads only the beginning reads that. */
static void name_failure(const struct session *s, const struct vmm_failure *f,
			 struct pass_result *r)
{
	char was[sizeof(r->reason)];
	char scratch[64];
	const char *who = named(&s->guest->guest, s->cell->vmm, scratch, sizeof(scratch));
	const char *fits = vmm_failure_is_certain(f) ? "" : "fits the ";

	(void)snprintf(was, sizeof(was), "%s", r->reason);
	(void)snprintf(r->reason, sizeof(r->reason), "%s: %s (%s" KNOWN ": %s); ", who, f->title,
		       fits, f->id);
	append(r, "%s", was);
	pass_add_evidence(r, KNOWN, f->id, NULL);
	pass_add_evidence(r, "what to do", f->todo, NULL);
}

void vmm_fate_append(struct session *s, struct pass_result *r)
{
	struct guest *g = &s->guest->guest;
	CLEANUP(buf_free) struct buf log = { .max = PUMP_LOG_MAX };
	struct vmm_evidence seen = { .window_bytes = s->cell->window_bytes };
	const struct vmm_failure *known;
	char fate[64];

	(void)proc_wait(&g->vmm, clock_deadline_ms(LAST_BREATH_MS));
	append(r, "; VMM %s", backend_fate(&g->vmm, fate, sizeof(fate)));
	if (g->vmm.pid && !proc_alive(&g->vmm)) {
		seen.signal = WIFSIGNALED(g->vmm.status) ? WTERMSIG(g->vmm.status) : 0;
		seen.reset = g->qmp && qmp_wait_event(g->qmp, "RESET", NULL, NULL,
						      clock_deadline_ms(LAST_WORDS_MS), NULL) == 0;
		pump_finish(&g->vmm_pump);
	}
	if (g->vmm_log)
		(void)!fs_read(g->vmm_log, 2 * PUMP_LOG_MAX, &log, NULL);
	seen.log = tail_of(&log, LOG_TAIL);
	if (seen.signal && log.size)
		append(r, ", its log ends: %s", tail_of(&log, LOG_EXCERPT));
	known = vmm_failure_find(&seen);
	if (known)
		name_failure(s, known, r);
}
