// SPDX-License-Identifier: Apache-2.0
#include "run/place.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/proc.h"
#include "guest/agent.h"
#include "metric/residency.h"
#include "run/fleet.h"

#include <string.h>
#include <sys/wait.h>

/* fio's JSON is about 20 KiB; what a program prints beyond this is cut and counted. */
#define OUT_MAX (4 * MIB)
/* An answer may itself wait for a step; reading a whole file takes longer. */
#define TOOL_STEPS 2
#define READ_STEPS 4

void place_result_free(struct place_result *r)
{
	buf_free(&r->out);
	buf_free(&r->err);
	*r = (struct place_result){ 0 };
}

static int run_guest(const struct place *p, const struct strv *argv, const struct strv *env,
		     unsigned deadline_ms, struct place_result *ret, struct err *reterr)
{
	const struct agent_job job = {
		.argv = (const char *const *)argv->item,
		.env = (const char *const *)env->item,
		.cwd = "/",
		.deadline_ms = deadline_ms,
		.stdout_max = OUT_MAX,
		.stderr_max = OUT_MAX,
	};
	struct agent_result r = { 0 };
	int e = agent_run(p->agent, &job, &r, reterr);

	if (e < 0) {
		ret->lost = true;
		return e;
	}
	ret->ok = r.fate == AGENT_EXITED && r.code == 0;
	(void)agent_fate_describe(&r, ret->fate, sizeof(ret->fate));
	ret->lost = r.stuck; /* it cannot be unmounted either */
	ret->run_ns = r.run_ns;
	ret->out = r.out;
	ret->err = r.err;
	r.out = (struct buf){ 0 };
	r.err = (struct buf){ 0 };
	agent_result_free(&r);
	return 0;
}

static int run_host(const struct strv *argv, const struct strv *env, unsigned deadline_ms,
		    struct place_result *ret, struct err *reterr)
{
	const struct proc_spec spec = { .argv = argv->item, .env = env->item, .cwd = "/" };
	struct proc_output o = { 0 };
	struct proc ended;
	int e = proc_run(&spec, OUT_MAX, clock_deadline_ms(deadline_ms), &o, reterr);

	if (e == -ETIMEDOUT) {
		(void)snprintf(ret->fate, sizeof(ret->fate), "deadline of %u ms passed",
			       deadline_ms);
		return 0;
	}
	if (e < 0)
		return e;
	ended = (struct proc){ .pid = 1, .status = o.status };
	(void)proc_fate(&ended, ret->fate, sizeof(ret->fate));
	ret->ok = WIFEXITED(o.status) && WEXITSTATUS(o.status) == 0;
	ret->run_ns = o.run_ns;
	ret->out = o.out;
	ret->err = o.err;
	return 0;
}

int place_run(const struct place *p, const struct strv *argv, const struct strv *env,
	      unsigned deadline_ms, struct place_result *ret, struct err *reterr)
{
	*ret = (struct place_result){ 0 };
	return p->agent ? run_guest(p, argv, env, deadline_ms, ret, reterr)
			: run_host(argv, env, deadline_ms, ret, reterr);
}

int place_put(const struct place *p, const char *host_path, const char *path, struct err *reterr)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	int e = fs_read(host_path, OUT_MAX, &text, reterr);

	if (e < 0)
		return e;
	if (!p->agent)
		return fs_write_atomic(path, buf_text(&text), text.size, reterr);
	return agent_push(p->agent, buf_text(&text), text.size, path, 0644,
			  clock_deadline_ms(TOOL_STEPS * p->step_ms), reterr);
}

int place_get(const struct place *p, const char *path, struct buf *ret, struct err *reterr)
{
	if (!p->agent)
		return fs_read(path, OUT_MAX, ret, reterr);
	return agent_pull(p->agent, path, OUT_MAX, clock_deadline_ms(TOOL_STEPS * p->step_ms), ret,
			  reterr);
}

static int host_cached(double *ret, struct err *reterr)
{
	CLEANUP(file_closep) FILE *f = fopen("/proc/meminfo", "re");
	char line[256];
	unsigned long kib;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Cached: %lu kB", &kib) == 1) {
			*ret = (double)kib * (double)KIB;
			return 0;
		}
	}
	return err_set(reterr, -ENOENT, "no Cached in /proc/meminfo");
}

int place_cached(const struct place *p, double *ret, struct err *reterr)
{
	static const char *const args[] = { "meminfo", NULL };
	json_auto_t *info = NULL;
	int e;

	if (!p->agent)
		return host_cached(ret, reterr);
	e = guest_tool(p->agent, args, TOOL_STEPS * p->step_ms, &info, reterr);
	if (e < 0)
		return e;
	return json_number_at(info, "Cached", ret) < 0
		       ? err_set(reterr, -EPROTO, "vq-guest meminfo lacks Cached")
		       : 0;
}

int place_read(const struct place *p, const char *path, struct err *reterr)
{
	const char *const args[] = { "read", path, "all", NULL };
	json_auto_t *answer = NULL;

	if (!p->agent)
		return residency_fill(path, reterr);
	return guest_tool(p->agent, args, READ_STEPS * p->step_ms, &answer, reterr);
}

int place_try(const struct place *p, const char *what, const char *path, json_t **ret,
	      struct err *reterr)
{
	const char *const args[] = { "try", what, path, NULL };
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(strv_free) struct strv env = { 0 };
	struct place_result r = { 0 };
	json_error_t je;
	int e;

	if (p->agent)
		return guest_tool(p->agent, args, TOOL_STEPS * p->step_ms, ret, reterr);
	strv_addf(&argv, "%s/vq-guest", p->program_dir);
	strv_add_all(&argv, args);
	strv_add(&env, "PATH=/usr/bin:/bin");
	if (strv_failed(&argv) || strv_failed(&env))
		return err_set(reterr, -ENOMEM, "out of memory");
	e = run_host(&argv, &env, TOOL_STEPS * p->step_ms, &r, reterr);
	if (e == 0 && !r.ok)
		e = err_set(reterr, -EIO, "vq-guest try %s: %s: %s", what, r.fate,
			    buf_text(&r.err));
	if (e == 0 && !(*ret = json_loadb(buf_text(&r.out), r.out.size, 0, &je)))
		e = err_set(reterr, -EBADMSG, "vq-guest try %s: %s", what, je.text);
	place_result_free(&r);
	return e;
}
