// SPDX-License-Identifier: Apache-2.0
/* One program against one daemon, from its start to what became of it. */
#include "conformance/runner/trial.h"

#include "base/clock.h"
#include "conformance/check.h"
#include "conformance/runner/life.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* A daemon that does not answer a question by then hangs; a loaded machine needs some of it. */
#define PROBE_MS 10000
#define SOON_MS	 500
#define TRIAL_MS 120000

struct trial *trial_new(void)
{
	void *at = mmap(NULL, sizeof(struct trial), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

struct trial *trial_free(struct trial *t)
{
	if (t)
		(void)munmap(t, sizeof(*t));
	return NULL;
}

/* Bits for the words of a program; which of them this target has not is told. */
static bool options_of(const struct target *t, const struct program *p, unsigned *ret,
		       struct trial *trial)
{
	*ret = target_options(t) & CHECK_XATTR;
	for (size_t i = 0; i < p->option_count; i++) {
		unsigned bit = 0;

		while (bit < CHECK_OPTIONS &&
		       strcmp(target_option_name(1U << bit), p->option[i]) != 0)
			bit++;
		if (bit == CHECK_OPTIONS || !(target_options(t) & 1U << bit)) {
			(void)snprintf(trial->broken, sizeof(trial->broken),
				       "%s cannot be started with the option \"%s\"", t->id,
				       p->option[i]);
			return false;
		}
		*ret |= 1U << bit;
	}
	return true;
}

/* What a program of a memory-safe language, or of a checked one, says when it is surprised. */
static const char *confession(const char *log)
{
	static const struct {
		const char *text;
		const char *word;
	} rows[] = {
		{ "Sanitizer:", "sanitizer" },
		{ "runtime error:", "sanitizer" },
		{ "panicked at", "panic" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strstr(log, rows[i].text))
			return rows[i].word;
	return NULL;
}

/* Does it answer a question? One that has said why it does not is not waited for. */
static bool answers(const struct life *l, struct front *f)
{
	char log[TRIAL_LOG];
	uint64_t offered;

	f->channel.timeout_ms = SOON_MS;
	if (front_get_features(&f->channel, &offered) == 0)
		return true;
	life_log(l, log, sizeof(log));
	f->channel.timeout_ms = PROBE_MS;
	return front_is_alive(f) && !confession(log) &&
	       front_get_features(&f->channel, &offered) == 0;
}

static bool serves_next(const struct life *l)
{
	struct front_options o = { .path = l->socket, .timeout_ms = PROBE_MS };
	struct front *f = NULL;
	bool serves;

	if (front_open(&o, &f, NULL) < 0)
		return false;
	serves = answers(l, f);
	(void)front_free(f);
	return serves;
}

static void set_fate(struct trial *t, const char *fate)
{
	(void)snprintf(t->fate, sizeof(t->fate), "%s", fate);
}

/* It has closed the connection, or was left: it ends or serves the next one. */
static void fate_of_leaving(struct life *l, struct trial *t)
{
	char fate[32];

	set_fate(t, life_fate(l, true, fate, sizeof(fate)));
	if (strcmp(t->fate, "alive") == 0 && !serves_next(l))
		set_fate(t, "hung");
	/* Behind its front end it may end; before that it was well. */
	if (!t->result.left && strncmp(t->fate, "exited:", 7) == 0)
		set_fate(t, "alive");
}

/*
 * Behind a vhost-user message that may be half a one no question can be asked on that connection; behind all else a
 * daemon that lives answers one, whatever a guest did to its rings.
 */
static void find_fate(const struct program *p, struct life *l, struct front *f, struct trial *t)
{
	bool spoken = program_uses(p, ACT_MESSAGE);

	set_fate(t, "alive");
	if (!f || !l->started)
		return;
	if (!spoken && !t->result.left && !answers(l, f)) {
		t->result.left = !front_is_alive(f);
		if (!t->result.left)
			set_fate(t, "hung");
	}
	if (!t->result.left && !spoken)
		return;
	front_hang_up(f);
	fate_of_leaving(l, t);
}

/* A daemon that hangs up on a VMM that talks nonsense may end; whatever a guest does, it may not. */
static bool ended_badly(const struct program *p, const char *fate)
{
	if (strncmp(fate, "exited:", 7) == 0)
		return !program_uses(p, ACT_MESSAGE);
	return strcmp(fate, "alive") != 0;
}

#define FAULT(name) (UINT64_C(1) << FRONT_FAULT_##name)

static uint64_t counted_faults(const struct program *p, enum trial_oracle oracle)
{
	const uint64_t memory = FAULT(CANARY) | FAULT(READABLE_WRITTEN) | FAULT(USED_ID) |
				FAULT(USED_LEN) | FAULT(USED_INDEX) | FAULT(DESC_WRITTEN) |
				FAULT(AVAIL_WRITTEN);
	static const enum program_act raw[] = { ACT_POKE, ACT_DESCRIPTOR, ACT_OFFER, ACT_INDEX,
						ACT_MESSAGE };

	/* What virtio allows is no fault: bytes behind the used length. */
	if (oracle == TRIAL_MILD)
		return ~FAULT(BEHIND_USED);
	for (size_t i = 0; i < ARRAY_SIZE(raw); i++)
		if (program_uses(p, raw[i]))
			return 0;
	return oracle == TRIAL_HOSTILE ? memory : 0;
}

static void judge(const struct program *p, const struct trial_options *o, struct trial *t)
{
	uint64_t faults = t->result.violations & counted_faults(p, o->oracle);
	const char *said = confession(t->log);

	t->bad = true;
	if (said && !ended_badly(p, t->fate))
		set_fate(t, said);
	if (said || ended_badly(p, t->fate))
		(void)snprintf(t->what, sizeof(t->what), "%s", t->fate);
	else if (o->oracle == TRIAL_MILD && t->result.silent)
		(void)snprintf(t->what, sizeof(t->what), "no-answer");
	else if (faults)
		(void)snprintf(t->what, sizeof(t->what), "violation:%s",
			       front_faults[__builtin_ctzll(faults)].name);
	else
		t->bad = false;
}

static bool has_escaped(const struct life *l)
{
	uint64_t now = 0;

	return l->started && (host_digest(l->outside, &now) < 0 || now != l->outside_digest);
}

/* The daemon that is well until its front end leaves may still die of that, hang, or tell of a leak. */
static void leave(struct life *l, struct front *f, struct trial *t)
{
	bool told = !f || !f->negotiated; /* it was left already */

	(void)front_free(f);
	life_log(l, t->log, sizeof(t->log));
	if (told || !l->started || strcmp(t->fate, "alive") != 0 || confession(t->log))
		return;
	fate_of_leaving(l, t);
	life_log(l, t->log, sizeof(t->log));
}

static bool always(void *context)
{
	(void)context;
	return true;
}

static bool has_said_why(void *context)
{
	char log[TRIAL_LOG];

	life_log(context, log, sizeof(log));
	return confession(log);
}

static void run_in_child(const struct target *t, const struct program *p,
			 const struct trial_options *o, struct trial *ret)
{
	struct life l = { 0 };
	struct err err = { "" };
	struct program_at at = { .timeout_ms = o->timeout_ms,
				 .give_up = o->oracle == TRIAL_MILD ? always : has_said_why,
				 .context = &l };
	struct front *f;
	unsigned options;

	if (!options_of(t, p, &options, ret))
		return;
	if (life_start(&l, t, options, o->dir, &err) < 0 ||
	    host_write(l.outside, "secret", "secret", 6) < 0 ||
	    host_digest(l.outside, &l.outside_digest) < 0) {
		(void)snprintf(ret->broken, sizeof(ret->broken), "start of the daemon: %.400s",
			       err.text);
		life_end(&l);
		return;
	}
	at.socket = l.socket;
	at.share = t->socket ? t->share : l.share;
	f = program_run(p, &at, &ret->result);
	find_fate(p, &l, f, ret);
	leave(&l, f, ret);
	if (has_escaped(&l))
		set_fate(ret, "escaped");
	if (ret->result.started)
		judge(p, o, ret);
	else
		(void)snprintf(ret->broken, sizeof(ret->broken), "%s", ret->result.trouble);
	life_end(&l);
}

static int fork_child(const struct target *t, const struct program *p,
		      const struct trial_options *o, struct trial *ret)
{
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	if (pid != 0)
		return pid < 0 ? -errno : (int)pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	(void)signal(SIGPIPE, SIG_IGN);
	run_in_child(t, p, o, ret);
	_exit(0);
}

int trial_run(const struct target *t, const struct program *p, const struct trial_options *o,
	      struct trial *ret, struct err *reterr)
{
	uint64_t deadline = clock_deadline_ms(TRIAL_MS);
	CLEANUP(fd_closep) int pidfd = -1;
	struct pollfd pfd = { .events = POLLIN };
	int status = 0;
	int pid;

	memset(ret, 0, sizeof(*ret));
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid = fork_child(t, p, o, ret);
	if (pid < 0)
		return err_errno(reterr, pid, "cannot start a process");
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	pfd.fd = pidfd;
	while (pidfd >= 0 && clock_now_ns() < deadline &&
	       poll(&pfd, 1, clock_left_ms(deadline)) < 0 && errno == EINTR)
		;
	if (!pfd.revents) {
		(void)kill(pid, SIGKILL);
		(void)snprintf(ret->broken, sizeof(ret->broken), "the program did not end in time");
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pfd.revents && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		(void)snprintf(ret->broken, sizeof(ret->broken),
			       "the front end itself ended with status %#x: a defect of this tool",
			       (unsigned)status);
	reap_all(NULL, 0);
	life_sweep(o->dir);
	return 0;
}
