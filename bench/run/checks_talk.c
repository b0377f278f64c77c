// SPDX-License-Identifier: Apache-2.0
#include "run/checks_talk.h"

#include "base/clock.h"
#include "base/fs.h"
#include "run/backend.h"
#include "run/checks.h"
#include "run/dax.h"
#include "run/session.h"

#include "conformance/spec/spec.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM	    "/run/vq/vq-check"
#define ANSWERS	    "/run/vq/answers"
#define PROGRAM_MAX (16 * MIB)
/* Nothing for longer than a check may take, its own deadline and the slack of a look included: the guest hangs. */
#define SILENCE_MS 120000
#define JOB_MS	   7200000
#define OUTPUT_MAX (32 * MIB)
#define PUSH_MS	   60000
#define LOG_MAX	   4000

/* ---- the oracle ---- */

static enum spec_cache matrix_cache(enum cache_mode m)
{
	switch (m) {
	case CACHE_METADATA: return SPEC_CACHE_METADATA;
	case CACHE_AUTO: return SPEC_CACHE_AUTO;
	case CACHE_ALWAYS: return SPEC_CACHE_ALWAYS;
	case CACHE_UNSET:
	case CACHE_NONE:
	case CACHE_NEVER:
	case CACHE_MMAP:
	case CACHE_LOOSE:
	case CACHE_COUNT: break;
	}
	return SPEC_CACHE_NEVER;
}

static bool is_dax(const struct cell *c)
{
	return c->dax == DAX_ALWAYS && dax_uses(c);
}

/* What is never to be seen is X; 9p with a cache keeps what it likes; one file system alone has no old state. */
static char letter(const struct cell *c, const struct spec_behaviour *b)
{
	size_t mode = spec_mode(matrix_cache(c->cache), c->writeback, is_dax(c));
	char code = b->expect[mode];

	if (stack_is_virtiofs(c->stack))
		return code == 'N' && b->never ? 'X' : code;
	if (strcmp(b->id, "B28") == 0)
		return 'X';
	return c->stack->kind == STACK_9P && cache_keeps(c->cache) != KEEPS_NOTHING ? 'U' : 'I';
}

void checks_expect(const struct cell *c, char *ret, size_t size)
{
	size_t count;
	const struct spec_behaviour *b = spec_behaviours(&count);
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(ret + used, size - used, "%s%s=%c", i ? " " : "", b[i].id,
					 letter(c, &b[i]));
}

static unsigned kept_ms(const struct cell *c)
{
	return stack_is_virtiofs(c->stack) ? spec_cache_timeout_s(matrix_cache(c->cache)) * 1000
					   : 0;
}

void checks_talk_words(const struct checks_talk *t, struct strv *argv)
{
	const struct cell *c = t->cell;
	bool keeps = cache_keeps(c->cache) != KEEPS_NOTHING;
	bool maps = keeps || is_dax(c) || !stack_is_virtiofs(c->stack);

	strv_addf(argv, "--expect=%s", t->expect);
	strv_addf(argv, "--entry-ms=%u", kept_ms(c));
	strv_addf(argv, "--attr-ms=%u", kept_ms(c));
	if (stack_is_virtiofs(c->stack)) {
		strv_add(argv, "--type=virtiofs");
		strv_add(argv, "--source=" SESSION_TAG);
	}
	strv_addf(argv, "--has=%s%s%s", c->stack->kind != STACK_BLK ? "host," : "",
		  maps ? "map," : "", is_dax(c) ? "dax" : "");
	strv_addf(argv, "--from=%u", checks_serve_next(&t->serve));
	for (const char *at = t->only; at && *at; at += strcspn(at, ","), at += *at == ',')
		strv_addf(argv, "--only=%.*s", (int)strcspn(at, ","), at);
}

/* ---- what became of whom ---- */

static const char *daemon_fate(struct checks_talk *t)
{
	struct session *s = t->session;

	t->fate[0] = '\0';
	if (s->daemon.pid)
		(void)proc_fate(&s->daemon, t->fate, sizeof(t->fate));
	return t->fate;
}

/* The end of what the guest's console said, where a panic is. */
static void console_end(const struct session *s, char *ret, size_t size)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(freep) char *path = NULL;
	const char *slash = s->guest->guest.vmm_log ? strrchr(s->guest->guest.vmm_log, '/') : NULL;

	ret[0] = '\0';
	if (!slash)
		return;
	path = fs_path("%.*s/console.log", (int)(slash - s->guest->guest.vmm_log),
		       s->guest->guest.vmm_log);
	if (path && fs_read(path, OUTPUT_MAX, &text, NULL) == 0)
		(void)snprintf(ret, size, "%s",
			       text.size < size ? buf_text(&text)
						: text.data + text.size - size + 1);
}

/* A check has taken the guest, the VMM or the daemon with it. */
static int lost(struct checks_talk *t, const struct err *why, struct err *reterr)
{
	struct session *s = t->session;
	char log[LOG_MAX];
	char vmm[64];
	char seen[1024];

	if (!t->serve.running[0])
		return err_set(reterr, -EIO, "between two checks: %.500s", why->text);
	console_end(s, log, sizeof(log));
	(void)snprintf(seen, sizeof(seen), "%.500s; VMM %s; daemon %s", why->text,
		       backend_fate(&s->guest->guest.vmm, vmm, sizeof(vmm)),
		       t->serve.fate[0] ? daemon_fate(t) : "none");
	return checks_serve_lost(&t->serve, daemon_fate(t), seen, log) < 0 ? -ENOMEM : -ERESTART;
}

/* ---- in a guest ---- */

static int put_program(struct agent *a, struct err *reterr)
{
	CLEANUP(buf_free) struct buf program = { 0 };
	int e = fs_read(WORLD_GUEST "/vq-check", PROGRAM_MAX, &program, reterr);

	if (e == 0)
		e = agent_push(a, buf_text(&program), program.size, PROGRAM, 0755,
			       clock_deadline_ms(PUSH_MS), reterr);
	/* Makes the folder of answers. */
	return e < 0 ? e
		     : agent_push(a, "", 0, ANSWERS "/.made", 0644, clock_deadline_ms(PUSH_MS),
				  reterr);
}

static int start(struct checks_talk *t, struct agent *a, uint32_t *ret_job, struct err *reterr)
{
	CLEANUP(strv_free) struct strv argv = { 0 };
	struct agent_job job = { .deadline_ms = JOB_MS, .stdout_max = OUTPUT_MAX };

	strv_add(&argv, PROGRAM);
	strv_add(&argv, "run");
	strv_add(&argv, "--kernel-log");
	strv_addf(&argv, "--dir=%s", SESSION_MOUNT);
	strv_add(&argv, "--answers=" ANSWERS);
	checks_talk_words(t, &argv);
	if (strv_failed(&argv))
		return err_set(reterr, -ENOMEM, "out of memory");
	job.argv = (const char *const *)argv.item;
	return agent_start(a, &job, ret_job, reterr);
}

static int answer(struct agent *a, int64_t number, const struct line *w, struct err *reterr)
{
	CLEANUP(freep) char *line = malloc(LINE_SIZE);
	char path[64];

	if (!line)
		return err_set(reterr, -ENOMEM, "out of memory");
	(void)snprintf(path, sizeof(path), ANSWERS "/%lld", (long long)number);
	return agent_push(a, line, line_format(w, line), path, 0644, clock_deadline_ms(PUSH_MS),
			  reterr);
}

/* Whole lines from @from on, up to a question. Returns where what was not taken begins; -errno. */
static ssize_t take_lines(struct checks_talk *t, const char *text, size_t size, size_t from,
			  int64_t *ret_number, struct line *w, struct err *reterr)
{
	const char *nl;

	*ret_number = -1;
	while (*ret_number < 0 && (nl = memchr(text + from, '\n', size - from))) {
		size_t n = (size_t)(nl - text) - from;
		int e;

		t->serve.fate = daemon_fate(t);
		e = checks_serve_line(&t->serve, text + from, n, ret_number, w, reterr);
		if (e < 0)
			return e;
		from += n + 1;
	}
	return (ssize_t)from;
}

/* -EREMOTEIO: the conversation is over although vq-check is not done. */
static int converse(struct checks_talk *t, struct agent *a, uint32_t job, struct err *reterr)
{
	struct line w;
	size_t have = 0; /* wait for more than this */
	size_t at = 0;	 /* up to where lines were taken */

	while (!t->serve.done && !t->serve.stuck) {
		const char *text = "";
		size_t size = 0;
		bool ended = false;
		int64_t number = -1;
		ssize_t next;

		if (agent_output(a, job, have, clock_deadline_ms(SILENCE_MS), &text, &size, &ended,
				 reterr) < 0)
			return -EREMOTEIO;
		next = take_lines(t, text, size, at, &number, &w, reterr);
		if (next < 0)
			return (int)next;
		if (number >= 0 && answer(a, number, &w, reterr) < 0)
			return -EREMOTEIO;
		if (number < 0 && size - (size_t)next >= LINE_SIZE)
			return err_set(reterr, -EPROTO, "vq-check sent a line that does not end");
		if (number < 0 && ended && !t->serve.done && !t->serve.stuck)
			return err_set(reterr, -EREMOTEIO, "vq-check ended before it was done");
		at = (size_t)next;
		have = number >= 0 ? at : size;
	}
	return 0;
}

int checks_talk_guest(struct checks_talk *t, struct err *reterr)
{
	struct session *s = t->session;
	struct agent *a = s->place.agent;
	struct agent_result result = { 0 };
	struct agent_info info;
	struct err why = { 0 };
	uint32_t job = 0;
	int e = put_program(a, reterr);

	if (e == 0)
		e = agent_info(a, clock_deadline_ms(PUSH_MS), &info, reterr);
	if (e < 0)
		return e;
	(void)snprintf(t->kernel, sizeof(t->kernel), "%s", info.kernel);
	t->serve.root = s->cell->stack->kind == STACK_BLK
				? -1
				: open(s->share.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	t->serve.stuck = false;
	e = start(t, a, &job, reterr);
	if (e == 0)
		e = converse(t, a, job, &why);
	fd_closep(&t->serve.root);
	if (e == -EREMOTEIO)
		return lost(t, &why, reterr);
	if (e < 0)
		return err_set(reterr, e, "%s", why.text[0] ? why.text : reterr->text);
	if (t->serve.stuck)
		return -ERESTART;
	e = agent_wait(a, job, &result, reterr);
	agent_result_free(&result);
	return e;
}

/* ---- on the host ---- */

int checks_talk_control(struct checks_talk *t, struct err *reterr)
{
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(proc_output_free) struct proc_output o = { 0 };
	struct proc_spec spec = { 0 };
	int64_t number = -1;
	struct line w;
	ssize_t at = 0;
	int e;

	strv_add(&argv, WORLD_GUEST "/vq-check");
	strv_add(&argv, "run");
	strv_addf(&argv, "--dir=%s", t->session->share.dir);
	checks_talk_words(t, &argv);
	if (strv_failed(&argv))
		return err_set(reterr, -ENOMEM, "out of memory");
	spec.argv = argv.item;
	e = proc_run(&spec, OUTPUT_MAX, clock_deadline_ms(JOB_MS), &o, reterr);
	if (e == 0)
		at = take_lines(t, buf_text(&o.out), o.out.size, 0, &number, &w, reterr);
	if (e < 0 || at < 0)
		return e < 0 ? e : (int)at;
	return t->serve.done
		       ? 0
		       : err_set(reterr, -EREMOTEIO, "vq-check ended before it was done: %.300s",
				 buf_text(&o.err));
}
