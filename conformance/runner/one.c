// SPDX-License-Identifier: Apache-2.0
/* One check from its daemon's start to its verdict. */
#include "conformance/runner/one.h"

#include "base/clock.h"
#include "base/fs.h"
#include "conformance/runner/life.h"
#include "conformance/runner/record.h"

#include <inttypes.h>
#include <string.h>

/* Nobody has such a node. */
#define NO_NODE 4711
/* One that serves answers a FORGET at once, if the machine lets it. */
#define SILENT_MS 1000

static struct life *life_of(const struct check_run *r)
{
	return r->life;
}

static void broken(struct check_run *r, const char *where, const char *text)
{
	if (r->verdict != CHECK_UNSET)
		return;
	r->verdict = CHECK_BROKEN;
	(void)snprintf(r->seen, sizeof(r->seen), "%s: %.900s", where, text);
}

/* ---- what checks ask of the harness ---- */

struct front *check_connect(struct check_run *r)
{
	struct front *f = NULL;
	struct err err = { "" };

	if (front_open(&r->options, &f, &err) < 0)
		broken(r, "connect", err.text);
	return f;
}

static bool has_all(struct check_run *r, const char *what, uint64_t wanted, uint64_t offered)
{
	for (unsigned bit = 0; bit < 64; bit++)
		if (wanted & ~offered & UINT64_C(1) << bit)
			return check_has(r, false, "%s bit %u", what, bit);
	return true;
}

static bool negotiate(struct check_run *r, struct front *f)
{
	struct err err = { "" };

	if (front_negotiate(f, &err) < 0) {
		broken(r, "handshake", err.text);
		return false;
	}
	return has_all(r, "virtio feature", r->check->features, f->offered) &&
	       has_all(r, "vhost-user protocol feature", r->check->protocol, f->protocol_offered);
}

static bool start_rings(struct check_run *r, struct front *f)
{
	struct err err = { "" };

	if (!negotiate(r, f))
		return false;
	if (front_start(f, &err) < 0)
		broken(r, "start of the rings", err.text);
	return r->verdict == CHECK_UNSET;
}

bool check_session(struct check_run *r, struct front *f, uint64_t more)
{
	int e;

	if (!f->started && !start_rings(r, f))
		return false;
	e = front_init(f, more, NULL);
	if (e != 0) {
		char text[64];

		(void)snprintf(text, sizeof(text), "result %d", e);
		broken(r, "FUSE_INIT", text);
		return false;
	}
	return has_all(r, "FUSE_INIT flag", more, front_init_flags_of(&f->init));
}

bool check_alive(struct check_run *r)
{
	struct fuse_attr_out attr;

	return check_ok(r, "GETATTR of the root, to see that the device still serves",
			front_getattr(r->f, FRONT_ROOT, NULL, &attr));
}

int check_daemon_pid(const struct check_run *r)
{
	return life_of(r)->started ? (int)life_of(r)->daemon.pid : 0;
}

bool check_daemon_ended(struct check_run *r, unsigned ms)
{
	return life_of(r)->started && proc_wait(&life_of(r)->daemon, clock_deadline_ms(ms)) == 0;
}

static bool serves_next(struct check_run *r)
{
	struct front *f = check_connect(r);
	uint64_t offered;
	int e = f ? front_get_features(&f->channel, &offered) : -ECONNREFUSED;

	(void)front_free(f);
	return check_that(r, e == 0, "the daemon ends, or serves the next front end",
			  "it lives, and GET_FEATURES of the next one: %s", strerror(-e));
}

bool check_left_cleanly(struct check_run *r)
{
	struct life *l = life_of(r);
	char fate[32];

	if (r->f)
		front_hang_up(r->f);
	if (!l->started || r->check->options & CHECK_KEEP)
		return serves_next(r);
	(void)life_fate(l, true, fate, sizeof(fate));
	if (strcmp(fate, "alive") == 0)
		return serves_next(r);
	return check_that(r, strncmp(fate, "exited:", 7) == 0,
			  "the daemon ends by itself when its front end has left", "the daemon: %s",
			  fate);
}

/* ---- before and after the check ---- */

static bool reach(struct check_run *r, enum check_start start)
{
	if (start == CHECK_DAEMON)
		return true;
	r->f = check_connect(r);
	if (!r->f)
		return false;
	switch (start) {
	case CHECK_CONNECTED:
	case CHECK_DAEMON: return true;
	case CHECK_NEGOTIATED: return negotiate(r, r->f);
	case CHECK_RINGS: return start_rings(r, r->f);
	case CHECK_SESSION: return check_session(r, r->f, r->check->init);
	}
	return false;
}

static bool has_options(struct check_run *r, const struct target *t)
{
	unsigned missing = r->check->options & ~target_options(t);

	for (unsigned i = 0; i < CHECK_OPTIONS; i++)
		if (missing & 1U << i)
			return check_has(r, false, "a daemon with the option: %s",
					 target_option_name(1U << i));
	return true;
}

/* The first violation that counts decides; all are in the evidence. */
static void judge_evidence(struct check_run *r, struct check_result *ret)
{
	const struct front_evidence *e = r->f ? r->f->evidence : NULL;

	if (!e || r->verdict != CHECK_PASS || front_evidence_count(e) == 0)
		return;
	for (unsigned i = 0; i < e->kept; i++) {
		const struct front_event *v = &e->fault[i];

		if (e->allowed[v->fault])
			continue;
		r->verdict = CHECK_FAIL;
		(void)snprintf(r->expected, sizeof(r->expected), "not: %s",
			       front_faults[v->fault].text);
		(void)snprintf(r->seen, sizeof(r->seen), "%s: %s", front_faults[v->fault].name,
			       v->text);
		(void)snprintf(ret->row, sizeof(ret->row), "%s",
			       front_faults[v->fault].requirement);
		return;
	}
}

static void judge_outside(struct check_run *r)
{
	uint64_t now = 0;

	if (r->verdict != CHECK_PASS || !r->outside)
		return;
	if (host_digest(r->outside, &now) == 0 && now == life_of(r)->outside_digest)
		return;
	r->verdict = CHECK_FAIL;
	(void)snprintf(r->expected, sizeof(r->expected), "nothing changes outside of the share");
	(void)snprintf(r->seen, sizeof(r->seen), "the folder beside the share has changed");
}

/*
 * After a failure: does it serve at all? The high priority queue is asked, which has nothing to do with what a check did to
 * the others. A FORGET of what is not there changes nothing.
 */
static bool is_silent(struct check_run *r)
{
	struct front_op op = front_op_forget(NO_NODE, 1);
	struct front_request *q = NULL;
	int e;

	if (r->f && front_evidence_of(r->f->evidence, FRONT_FAULT_NOT_USED))
		return true;
	if (r->verdict != CHECK_FAIL || !r->f || !front_is_alive(r->f) || !r->f->started ||
	    r->f->init.major == 0 || front_prepare(r->f, &op, &q) != 0)
		return false;
	e = front_submit(q);
	if (e == 0)
		e = front_wait(q, clock_deadline_ms(SILENT_MS));
	front_request_free(q);
	return e == FRONT_TIMEOUT;
}

static void judge_fate(struct check_run *r, struct check_result *ret)
{
	bool silent = is_silent(r);
	bool left = r->f && !front_is_alive(r->f);

	(void)life_fate(life_of(r), left, ret->fate, sizeof(ret->fate));
	if (silent && strcmp(ret->fate, "alive") == 0)
		(void)snprintf(ret->fate, sizeof(ret->fate), "hung");
	if (r->verdict != CHECK_PASS || r->check->may_die || !life_of(r)->started ||
	    strcmp(ret->fate, "alive") == 0)
		return;
	r->verdict = CHECK_FAIL;
	(void)snprintf(r->expected, sizeof(r->expected), "the daemon goes on");
	(void)snprintf(r->seen, sizeof(r->seen), "the daemon: %s", ret->fate);
}

static void keep_evidence(struct check_run *r, struct check_result *ret)
{
	CLEANUP(buf_free) struct buf text = { .max = RESULT_EVIDENCE - 1 };

	if (r->f && front_evidence_text(r->f->evidence, true, &text) == 0)
		(void)snprintf(ret->evidence, sizeof(ret->evidence), "%s", buf_text(&text));
	life_log(life_of(r), ret->log, sizeof(ret->log));
}

static void publish(const struct check_run *r, struct check_result *ret)
{
	(void)snprintf(ret->expected, sizeof(ret->expected), "%s", r->expected);
	(void)snprintf(ret->seen, sizeof(ret->seen), "%s", r->seen);
	ret->verdict = r->verdict == CHECK_UNSET ? CHECK_BROKEN : r->verdict;
}

static void run_check(struct check_run *r, struct record *record, struct check_result *ret)
{
	if (!reach(r, r->check->start)) {
		judge_fate(r, ret);
		return;
	}
	if (life_of(r)->target->arm)
		__atomic_store_n(life_of(r)->target->arm, 1, __ATOMIC_RELEASE);
	r->check->run(r);
	if (record)
		record_end(record, r->f);
	if (r->verdict == CHECK_UNSET)
		r->verdict = CHECK_PASS;
	judge_fate(r, ret);
	if (r->f)
		(void)front_verify(r->f);
	if (r->check->may_die && r->f) {
		front_evidence_allow(r->f->evidence, FRONT_FAULT_GONE);
		front_evidence_allow(r->f->evidence, FRONT_FAULT_SILENT);
	}
	judge_evidence(r, ret);
	judge_outside(r);
}

static void prepare(struct check_run *r, const struct target *t, struct life *l,
		    unsigned timeout_ms)
{
	static const struct front_options none;
	const struct check *c = r->check;

	r->life = l;
	r->socket = l->socket;
	r->share = t->socket ? t->share : l->share;
	r->outside = t->socket ? NULL : l->outside;
	r->options = c->front ? *c->front : none;
	r->options.path = r->socket;
	r->options.traffic = true;
	if (!r->options.timeout_ms)
		r->options.timeout_ms = timeout_ms;
	if ((c->options | c->wishes) & CHECK_WINDOW)
		r->options.window = true;
	r->options.stalled = life_is_stalled;
	r->options.stalled_context = l;
	if (r->outside && (host_write(r->outside, "secret", "secret", 6) < 0 ||
			   host_digest(r->outside, &l->outside_digest) < 0))
		broken(r, "folder beside the share", strerror(errno));
}

static struct record *start_record(struct check_run *r, const struct target *t,
				   const struct one_options *o)
{
	struct record *x = o->programs ? record_new(r->check, t, o->seed) : NULL;

	if (x)
		record_watch(x, &r->options, r->share);
	return x;
}

/* A deviation is worth a file; that it could not be written is no verdict. */
static void write_record(const struct check_run *r, struct record *x, const struct one_options *o)
{
	CLEANUP(freep) char *path = fs_path("%s/%s.program", o->programs, r->check->id);
	char shows[256];

	(void)snprintf(shows, sizeof(shows), "%s: expected %.80s; seen %.80s", r->check->id,
		       r->expected, r->seen);
	for (char *at = shows; (at = strpbrk(at, "\t\n"));)
		*at = ' ';
	if (path)
		(void)!record_write(x, shows, path, NULL);
}

void one_check(const struct target *t, const struct check *c, const struct one_options *o,
	       struct check_result *ret)
{
	struct check_run r = { .check = c, .seed = o->seed };
	unsigned given = c->wishes | (c->options & CHECK_NO_XATTR ? 0 : CHECK_XATTR);
	unsigned options = c->options | (target_options(t) & given);
	struct life l = { 0 };
	struct record *record = NULL;
	struct err err = { "" };
	uint64_t start = clock_now_ns();

	if (has_options(&r, t)) {
		if (life_start(&l, t, options, o->dir, &err) < 0)
			broken(&r, "start", err.text);
		prepare(&r, t, &l, o->timeout_ms);
		record = start_record(&r, t, o);
		if (r.verdict == CHECK_UNSET)
			run_check(&r, record, ret);
		if (record && r.verdict == CHECK_FAIL)
			write_record(&r, record, o);
		keep_evidence(&r, ret);
	}
	publish(&r, ret);
	r.f = front_free(r.f);
	(void)record_free(record);
	life_end(&l);
	ret->duration_ns = clock_now_ns() - start;
}
