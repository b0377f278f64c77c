// SPDX-License-Identifier: Apache-2.0
#include "run/recording.h"

#include "base/clock.h"
#include "record/samples.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#define CLOCK_LOOKS 5
#define ANSWER_MS   10000
/* The sampler ends itself at RECORD_OUTPUT_MAX, long before the agent would have to. */
#define OUTPUT_SLACK (64 * KIB)

static void note(struct recording *r, const char *what, const struct err *e)
{
	if (!r->note[0])
		(void)snprintf(r->note, sizeof(r->note), "%s: %.800s", what, e->text);
}

/* The agent tells its CLOCK_BOOTTIME: a guest that never sleeps has the same as CLOCK_MONOTONIC. */
static int look_at_clock(struct recording *r, struct err *reterr)
{
	int e = 0;

	for (int i = 0; e == 0 && i < CLOCK_LOOKS; i++) {
		struct agent_info info;
		uint64_t before = clock_now_ns();

		e = agent_info(r->agent, clock_deadline_ms(ANSWER_MS), &info, reterr);
		if (e == 0)
			record_guest_clock(r->record, info.uptime_ns, before, clock_now_ns());
	}
	return e;
}

static void start_watch(struct recording *r, const struct session *s, unsigned deadline_ms)
{
	CLEANUP(freep) char *tool = NULL;
	CLEANUP(strv_free) struct strv argv = { 0 };
	struct agent_job job = { .deadline_ms = deadline_ms,
				 .stdout_max = RECORD_OUTPUT_MAX + OUTPUT_SLACK };
	struct err err = { 0 };
	int e = look_at_clock(r, &err);

	if (e == 0 && asprintf(&tool, "%s/vq-guest", s->place.program_dir) < 0)
		tool = NULL;
	if (e == 0 && (!tool || record_watch_command(r->record, tool, &argv) < 0))
		e = err_set(&err, -ENOMEM, "out of memory");
	job.argv = (const char *const *)argv.item;
	if (e == 0)
		e = agent_start(r->agent, &job, &r->job, &err);
	r->watching = e == 0;
	if (e < 0)
		note(r, "the guest was not sampled", &err);
}

/* What relay and device count, if there are any. */
static int add_columns(struct recording *r, const struct session *s, struct record_config *c,
		       struct err *reterr)
{
	if (columns_make(&r->columns, s->relay, s->counters, s->cell->window_bytes) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	c->read = r->columns.count ? columns_read : NULL;
	c->read_arg = &r->columns;
	c->columns = r->columns.column;
	c->column_count = r->columns.count;
	return 0;
}

int recording_start(struct recording *r, const struct session *s, unsigned interval_ms,
		    unsigned deadline_ms, struct err *reterr)
{
	struct stat st;
	/* A folder of many files would take longer to look through than an interval. */
	bool data = stat(s->share.data, &st) == 0 && S_ISREG(st.st_mode);
	struct record_config c = {
		.dir = s->dir,
		.tool = WORLD_GUEST "/vq-guest",
		.interval_ms = interval_ms,
		.vmm = s->guest ? s->guest->guest.vmm.pid : 0,
		.daemon = s->daemon.pid,
		.data_file = data ? s->share.data : NULL,
	};
	int e;

	*r = (struct recording){ .agent = s->place.agent,
				 .daemon_pidfd = s->daemon.pid ? s->daemon.pidfd : -1 };
	e = add_columns(r, s, &c, reterr);
	if (e == 0)
		e = record_start(&c, &r->record, reterr);
	if (e < 0)
		columns_free(&r->columns);
	else if (r->agent)
		start_watch(r, s, deadline_ms);
	return e;
}

int recording_phase(struct recording *r, const char *name, struct err *reterr)
{
	if (!r->record || record_phase(r->record, name) == 0)
		return 0;
	return err_set(reterr, -ENOMEM, "too many phases to record");
}

/* What the guest's sampler wrote, as far as it came. */
static void collect_watch(struct recording *r, struct buf *ret)
{
	struct agent_result a = { 0 };
	struct err err = { 0 };
	char fate[640];
	int e;

	/* A daemon that died is no reason to lose the samples that show it. */
	agent_watch(r->agent, -1);
	e = agent_ping(r->agent, clock_deadline_ms(ANSWER_MS), NULL, &err);
	if (e == 0)
		e = agent_kill(r->agent, r->job, SIGTERM, &err);
	if (e == 0)
		e = agent_wait(r->agent, r->job, &a, &err);
	agent_watch(r->agent, r->daemon_pidfd);
	if (e == 0 && (a.fate != AGENT_EXITED || a.code != 0))
		e = err_set(&err, -EIO, "%s %.300s", agent_fate_describe(&a, fate, sizeof(fate)),
			    buf_text(&a.err));
	if (e < 0)
		note(r, "the guest's sampler", &err);
	*ret = a.out;
	a.out = (struct buf){ 0 };
	agent_result_free(&a);
}

int recording_stop(struct recording *r, bool guest_lost, json_t **ret, struct err *reterr)
{
	CLEANUP(buf_free) struct buf guest = { 0 };
	const struct err lost = { "the guest was lost" };
	int e;

	if (!r->record)
		return 0;
	if (r->watching && !guest_lost)
		collect_watch(r, &guest);
	else if (r->watching)
		note(r, "its samples are missing", &lost);
	e = record_stop(r->record, &guest, r->note[0] ? r->note : NULL, ret, reterr);
	r->record = record_free(r->record);
	columns_free(&r->columns);
	r->watching = false;
	return e;
}
