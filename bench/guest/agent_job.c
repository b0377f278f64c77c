// SPDX-License-Identifier: Apache-2.0
/* Jobs: the host's record of each, from EXEC until its result is collected. */
#include "guest/agent_int.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* Time for a request that has no deadline of its own (EXEC, KILL) to leave the host. */
#define SEND_DEADLINE_MS 10000

_Static_assert((int)AGENT_EXITED == VQP_FATE_EXITED && (int)AGENT_SIGNALLED == VQP_FATE_SIGNALLED &&
		       (int)AGENT_DEADLINE == VQP_FATE_DEADLINE &&
		       (int)AGENT_OUTPUT_LIMIT == VQP_FATE_OUTPUT_LIMIT &&
		       (int)AGENT_SPAWN_FAILED == VQP_FATE_SPAWN_FAILED,
	       "fates are sent as numbers");

struct host_job *agent_job_find(struct agent *a, uint32_t id)
{
	for (size_t i = 0; i < VQP_JOBS_MAX; i++)
		if (a->jobs[i].used && a->jobs[i].id == id)
			return &a->jobs[i];
	return NULL;
}

void agent_job_break(struct host_job *j, int error, const char *text)
{
	if (j->done)
		return;
	j->done = true;
	j->error = error;
	(void)snprintf(j->error_text, sizeof(j->error_text), "%s", text);
}

void agent_job_free(struct host_job *j)
{
	buf_free(&j->stream[0].data);
	buf_free(&j->stream[1].data);
	*j = (struct host_job){ 0 };
}

/* ---- frames in ---- */

void agent_job_output(struct agent *a, const struct vqp_frame *f)
{
	struct host_job *j = agent_job_find(a, f->job);
	struct host_stream *s;
	struct vqp_stream head;
	size_t size, skip = 0;
	uint64_t offset;

	/* Of a job that was given up: it is being killed. */
	if (!j || j->done || f->size < sizeof(head))
		return;
	s = &j->stream[f->type == VQP_STDOUT ? 0 : 1];
	memcpy(&head, f->payload, sizeof(head));
	offset = vqp_get64(head.offset);
	size = f->size - sizeof(head);
	if (offset > VQP_STREAM_MAX || offset + size > VQP_STREAM_MAX) {
		agent_job_break(j, -EPROTO, "the agent sent an impossible stream offset");
		return;
	}
	if (offset > s->next)
		s->lost += offset - s->next;
	else
		skip = s->next - offset < size ? (size_t)(s->next - offset) : size;
	if (buf_add(&s->data, f->payload + sizeof(head) + skip, size - skip) < 0)
		agent_job_break(j, -ENOMEM, "out of memory for its output");
	else if (s->data.dropped > 0)
		agent_job_break(j, -EPROTO,
				"the agent sent more output than the limit it was given");
	if (offset + size > s->next)
		s->next = offset + size;
}

void agent_job_exit(struct agent *a, const struct vqp_frame *f)
{
	struct host_job *j = agent_job_find(a, f->job);
	struct vqp_exit x;
	uint64_t total[2];

	/* Also of unknown jobs, so that the agent can forget them. Lost for want of room: it comes
	 * again. */
	(void)agent_link_put(a, VQP_EXIT_ACK, f->job, NULL, 0, NULL, 0);
	if (!j || j->done)
		return;
	if (f->size < sizeof(x)) {
		agent_job_break(j, -EPROTO, "the agent sent a malformed EXIT");
		return;
	}
	memcpy(&x, f->payload, sizeof(x));
	total[0] = vqp_get64(x.stdout_total);
	total[1] = vqp_get64(x.stderr_total);
	if (vqp_get32(x.fate) >= VQP_FATE_COUNT || total[0] > VQP_STREAM_MAX ||
	    total[1] > VQP_STREAM_MAX) {
		agent_job_break(j, -EPROTO, "the agent sent an EXIT that cannot be right");
		return;
	}
	for (int i = 0; i < 2; i++)
		if (total[i] > j->stream[i].next)
			j->stream[i].lost += total[i] - j->stream[i].next;
	j->done = true;
	j->result.fate = (enum agent_fate)vqp_get32(x.fate);
	j->result.code = (int)vqp_get32(x.code);
	j->result.run_ns = vqp_get64(x.run_ns);
	j->result.user_ns = vqp_get64(x.user_ns);
	j->result.sys_ns = vqp_get64(x.sys_ns);
	j->result.maxrss_bytes = vqp_get64(x.maxrss_bytes);
	j->result.stuck = vqp_get32(x.flags) & VQP_EXIT_STUCK;
	j->result.held = vqp_get32(x.flags) & VQP_EXIT_HELD;
	agent_copy_text(j->result.note, sizeof(j->result.note), f->payload + sizeof(x),
			f->size - sizeof(x));
}

/* ---- start ---- */

/* Add a NULL-terminated list to the strings of EXEC. */
static int add_strings(struct buf *b, const char *const *list, size_t max, uint16_t *ret_count)
{
	size_t count = 0;

	for (; list && list[count]; count++)
		if (count == max || buf_add(b, list[count], strlen(list[count]) + 1) < 0)
			return -E2BIG;
	*ret_count = (uint16_t)count;
	return 0;
}

static int pack_exec(const struct agent_job *job, const size_t max[2], struct vqp_exec *ret_head,
		     struct buf *ret_strings, struct err *reterr)
{
	uint16_t argc = 0, envc = 0;
	const char *cwd = job->cwd ? job->cwd : "";

	if (!job->argv || !job->argv[0] || job->deadline_ms == 0)
		return err_set(reterr, -EINVAL, "a job needs a program and a deadline");
	if (max[0] > VQP_STREAM_MAX || max[1] > VQP_STREAM_MAX)
		return err_set(reterr, -EINVAL,
			       "%s: output limits end at %" PRIu64
			       " bytes (write to a file and pull it)",
			       job->argv[0], VQP_STREAM_MAX);
	if (add_strings(ret_strings, job->argv, VQP_ARGV_MAX, &argc) < 0 ||
	    add_strings(ret_strings, job->env, VQP_ENV_MAX, &envc) < 0 ||
	    buf_add(ret_strings, cwd, strlen(cwd) + 1) < 0 || ret_strings->size > VQP_STRINGS_MAX)
		return err_set(reterr, -E2BIG,
			       "%.100s: arguments and environment are limited to %d items each and "
			       "%d bytes together (push "
			       "a file instead)",
			       job->argv[0], VQP_ARGV_MAX, VQP_STRINGS_MAX);
	*ret_head = (struct vqp_exec){
		.stdout_max = vqp_put64(max[0]),
		.stderr_max = vqp_put64(max[1]),
		.deadline_ms = vqp_put32(job->deadline_ms),
		.argc = vqp_put16(argc),
		.envc = vqp_put16(envc),
		.keep_env = vqp_put32(job->env ? 0 : 1),
	};
	return 0;
}

static void name_job(struct host_job *j, const char *const *argv)
{
	size_t used = 0;

	for (size_t i = 0; argv[i] && used < sizeof(j->name); i++)
		used += (size_t)snprintf(j->name + used, sizeof(j->name) - used, "%s%s",
					 i ? " " : "", argv[i]);
}

int agent_start(struct agent *a, const struct agent_job *job, uint32_t *ret_id, struct err *reterr)
{
	size_t max[2] = { job->stdout_max ? job->stdout_max : AGENT_OUTPUT_DEFAULT,
			  job->stderr_max ? job->stderr_max : AGENT_OUTPUT_DEFAULT };
	CLEANUP(buf_free) struct buf strings = { 0 };
	uint64_t start_ns = clock_now_ns();
	struct host_job *j = NULL;
	struct vqp_exec head;
	int e = pack_exec(job, max, &head, &strings, reterr);

	if (e < 0)
		return e;
	for (size_t i = 0; i < VQP_JOBS_MAX && !j; i++)
		if (!a->jobs[i].used)
			j = &a->jobs[i];
	if (!j)
		return err_set(
			reterr, -EAGAIN,
			"%d jobs are already running in the guest: collect one with agent_wait()",
			VQP_JOBS_MAX);
	*j = (struct host_job){ .used = true,
				.id = agent_new_id(a),
				.deadline_ms = job->deadline_ms };
	j->stream[0].data.max = max[0];
	j->stream[1].data.max = max[1];
	j->give_up_ns = start_ns + (job->deadline_ms + (uint64_t)a->grace_ms) * NS_PER_MS;
	j->result.deadline_ms = job->deadline_ms;
	name_job(j, job->argv);
	e = agent_link_send(a, VQP_EXEC, j->id, &head, sizeof(head), strings.data, strings.size,
			    clock_deadline_ms(SEND_DEADLINE_MS));
	if (e < 0) {
		e = agent_link_error(a, e, j->name, start_ns, reterr);
		agent_job_free(j);
		return e;
	}
	*ret_id = j->id;
	return 0;
}

/* ---- end ---- */

/* Move what is known of a finished job to the caller. */
static int job_collect(struct host_job *j, struct agent_result *ret, struct err *reterr)
{
	uint64_t lost[2] = { j->stream[0].lost, j->stream[1].lost };
	int e = j->error;

	if (e < 0) {
		(void)err_set(reterr, e, "cannot run \"%s\" in the guest: %s", j->name,
			      j->error_text);
		agent_job_free(j);
		return e;
	}
	*ret = j->result;
	ret->out = j->stream[0].data;
	ret->err = j->stream[1].data;
	ret->out_lost = lost[0];
	ret->err_lost = lost[1];
	if (lost[0] || lost[1])
		e = err_set(
			reterr, -EIO,
			"%" PRIu64 " bytes of stdout and %" PRIu64
			" bytes of stderr of \"%s\" were lost when the "
			"connection to the guest broke (run it again, with its output in a file)",
			lost[0], lost[1], j->name);
	*j = (struct host_job){ 0 };
	return e;
}

int agent_wait(struct agent *a, uint32_t id, struct agent_result *ret, struct err *reterr)
{
	struct host_job *j = agent_job_find(a, id);
	uint64_t since_ns = clock_now_ns();
	uint64_t deadline_ns;
	char what[160];
	int e = 0;

	if (!j)
		return err_set(reterr, -EINVAL, "there is no job %" PRIu32 " to wait for", id);
	/* Nothing was read while the caller was elsewhere: the guest gets its grace from now on. */
	deadline_ns = since_ns + a->grace_ms * NS_PER_MS;
	if (j->give_up_ns > deadline_ns)
		deadline_ns = j->give_up_ns;
	(void)snprintf(what, sizeof(what), "\"%s\"", j->name);
	while (e == 0 && !j->done)
		e = agent_link_pump(a, deadline_ns);
	if (j->done) {
		/* The acknowledgement. If it does not leave now, it leaves with the next request.
		 */
		if (a->fd >= 0)
			(void)agent_link_flush(a);
		return job_collect(j, ret, reterr);
	}
	e = agent_link_error(a, e, what, since_ns, reterr);
	if (e == -ECONNRESET)
		return e;
	if (e == -ETIMEDOUT || e == -EOWNERDEAD) {
		struct vqp_kill k = { .signal = vqp_put32(SIGKILL) };

		(void)agent_link_put(a, VQP_KILL, id, &k, sizeof(k), NULL, 0);
		(void)agent_link_flush(a);
	}
	agent_job_free(j);
	return e;
}

int agent_output(struct agent *a, uint32_t id, size_t have, uint64_t deadline_ns, const char **ret,
		 size_t *ret_size, bool *ret_ended, struct err *reterr)
{
	struct host_job *j = agent_job_find(a, id);
	uint64_t since_ns = clock_now_ns();
	int e = 0;

	if (!j)
		return err_set(reterr, -EINVAL, "there is no job %" PRIu32 " to listen to", id);
	while (e == 0 && !j->done && j->stream[0].data.size <= have)
		e = agent_link_pump(a, deadline_ns);
	if (e < 0)
		return agent_link_error(a, e, j->name, since_ns, reterr);
	*ret = buf_text(&j->stream[0].data);
	*ret_size = j->stream[0].data.size;
	*ret_ended = j->done;
	return 0;
}

int agent_run(struct agent *a, const struct agent_job *job, struct agent_result *ret,
	      struct err *reterr)
{
	uint32_t id = 0;
	int e = agent_start(a, job, &id, reterr);

	if (e < 0)
		return e;
	e = agent_wait(a, id, ret, reterr);
	/* The caller has no id to come back with. */
	if (e == -ECONNRESET && agent_job_find(a, id))
		agent_job_free(agent_job_find(a, id));
	return e;
}

int agent_kill(struct agent *a, uint32_t id, int signal, struct err *reterr)
{
	struct vqp_kill k = { .signal = vqp_put32((uint32_t)signal) };
	uint64_t deadline_ns = clock_deadline_ms(SEND_DEADLINE_MS);
	uint64_t since_ns = clock_now_ns();
	int e;

	if (!agent_job_find(a, id))
		return err_set(reterr, -EINVAL, "there is no job %" PRIu32 " to kill", id);
	if (signal < 1 || signal > SIGRTMAX)
		return err_set(reterr, -EINVAL, "there is no signal %d", signal);
	e = agent_link_send(a, VQP_KILL, id, &k, sizeof(k), NULL, 0, deadline_ns);
	if (e == 0)
		e = agent_link_drain(a, deadline_ns);
	return e < 0 ? agent_link_error(a, e, "KILL", since_ns, reterr) : 0;
}

void agent_result_free(struct agent_result *r)
{
	buf_free(&r->out);
	buf_free(&r->err);
}

const char *agent_fate_describe(const struct agent_result *r, char *scratch, size_t size)
{
	const char *stuck = r->stuck ? "; " : "";
	const char *note = r->stuck ? r->note : "";

	switch (r->fate) {
	case AGENT_EXITED: (void)snprintf(scratch, size, "exited %d", r->code); break;
	case AGENT_SIGNALLED:
		(void)snprintf(scratch, size, "signal %d (%s)%s%s", r->code, strsignal(r->code),
			       stuck, note);
		break;
	case AGENT_DEADLINE:
		(void)snprintf(scratch, size, "deadline of %" PRIu32 " ms passed%s%s",
			       r->deadline_ms, stuck, note);
		break;
	case AGENT_OUTPUT_LIMIT:
		(void)snprintf(
			scratch, size,
			"killed for too much output (%zu bytes of stdout, %zu of stderr came)%s%s",
			r->out.size, r->err.size, stuck, note);
		break;
	case AGENT_SPAWN_FAILED: (void)snprintf(scratch, size, "%s", r->note); break;
	}
	return scratch;
}
