// SPDX-License-Identifier: Apache-2.0
/* `fuzz`: generates, tries, makes small, says what fell over. */
#include "conformance/runner/fuzz_hits.h"

#include "base/clock.h"
#include "base/fs.h"
#include "conformance/check.h"
#include "conformance/fuzz/fuzz.h"

#include <inttypes.h>
#include <string.h>

#define STATUS_BROKEN 3
#define TIME_S	      60
#define MINIMISE_MAX  400 /* trials for one hit, and seconds: to see that one hangs takes long */
#define MINIMISE_S    60
#define BROKEN_IN_ROW 5 /* daemons that could not be started: it is of no use to go on */
/* Of an answer: a hostile program makes its own rings deaf. A mild one waits as long as a check. */
#define HOSTILE_MS 300

/*
 * Of what kind is the step that it fell over? A message that is wrong as such is so whatever it asks: its kind is in
 * what way it is wrong. Of all others it is what they do.
 */
static void kind_of(const struct program_step *s, char *ret, size_t size)
{
	static const char *const lies[] = { "cut",    "len",   "room",	 "unique",
					    "opcode", "queue", "pieces", "more" };
	size_t at = 0;

	(void)snprintf(ret, size, "%s", s->verb->name);
	for (size_t i = 0; s->verb->act == ACT_REQUEST && i < ARRAY_SIZE(lies); i++)
		if (program_get(s, lies[i]) && at < size)
			at += (size_t)snprintf(ret + at, size - at, "%s%s", at ? "+" : "", lies[i]);
}

static int try_one(struct fuzz *f, const struct program *p)
{
	int e = trial_run(f->t, p, &f->how, f->trial, f->reterr);

	f->trials++;
	return e;
}

/* ---- one hit ---- */

struct same {
	struct fuzz *f;
	uint64_t end_ns; /* no more questions then */
	char what[64];
};

static int shows_same(void *context, const struct program *p)
{
	struct same *s = context;

	if (clock_now_ns() >= s->end_ns)
		return -1;
	if (try_one(s->f, p) < 0)
		return -1;
	return s->f->trial->bad && strcmp(s->f->trial->what, s->what) == 0;
}

/* What of it counts is the last step; where that can be any request, the one before it. */
static void kind_of_all(struct same *s, struct program **p, char *ret, size_t size)
{
	static const char any[] = ", then any";
	size_t count = (*p)->count;
	struct program *other;
	struct program_step *last;
	bool shows;

	(void)snprintf(ret, size, "start");
	if (count)
		kind_of((*p)->step[count - 1], ret, size);
	if (count < 2 || (*p)->step[count - 1]->verb->act != ACT_REQUEST)
		return;
	other = program_clone(*p);
	if (!other)
		return;
	program_drop_step(other, count - 1);
	last = program_add(other, "STATFS");
	program_add_number(last, "nodeid", 1);
	shows = !other->failed && shows_same(s, other) > 0;
	if (shows) {
		(void)program_free(*p);
		*p = other;
		kind_of(other->step[count - 2], ret, size - strlen(any));
		(void)snprintf(ret + strlen(ret), size - strlen(ret), "%s", any);
		return;
	}
	(void)program_free(other);
}

static void repeat(struct fuzz *f, struct fuzz_hit *h)
{
	struct same s = { .f = f, .end_ns = UINT64_MAX };

	(void)snprintf(s.what, sizeof(s.what), "%s", h->what);
	for (unsigned i = 0; i < FUZZ_REPEATS; i++)
		h->repeated += shows_same(&s, h->program) > 0;
}

/* Its last lines, as one: what a daemon says when it falls. */
static void keep_words(const struct trial *t, char *ret, size_t size)
{
	size_t length = strlen(t->log);
	size_t from = length > size - 1 ? length - (size - 1) : 0;

	(void)snprintf(ret, size, "%s", t->log + from);
	for (char *c = ret; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = ' ';
}

static void annotate(struct fuzz *f, struct program *p, const struct trial *t)
{
	(void)snprintf(p->daemon, sizeof(p->daemon), "%.20s %.40s", f->t->id, f->t->version);
	(void)snprintf(p->fate, sizeof(p->fate), "%s", t->fate);
	/* How the others ended is not told by a violation alone. */
	if (strncmp(t->what, "violation:", 10) == 0)
		p->violations = t->result.violations;
}

static int write_hit(struct fuzz *f, struct fuzz_hit *h)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	char name[160];

	(void)snprintf(name, sizeof(name), "%s-%s-%" PRIu64 ".program", h->what, h->verb, h->index);
	for (char *c = name; *c; c++)
		if (strchr(":/, ", *c))
			*c = '-';
	h->path = fs_path("%s/%s", f->o->out, name);
	if (!h->path || program_print(h->program, &text) < 0)
		return -ENOMEM;
	return fs_write_atomic(h->path, text.data, text.size, f->reterr);
}

static struct fuzz_hit *find_hit(struct fuzz *f, const char *what, const char *verb)
{
	for (size_t i = 0; i < f->hit_count; i++)
		if (strcmp(f->hit[i].what, what) == 0 && strcmp(f->hit[i].verb, verb) == 0)
			return &f->hit[i];
	return NULL;
}

/* A new way, or a known one that only looked new while the program was large. */
static int new_hit(struct fuzz *f, struct program *take, uint64_t index, size_t *ret)
{
	struct same s = { .f = f, .end_ns = clock_deadline_ms(MINIMISE_S * UINT64_C(1000)) };
	struct fuzz_minimise how = { .shows = shows_same, .context = &s, .trials = MINIMISE_MAX };
	struct fuzz_hit *h = &f->hit[f->hit_count];
	char verb[PROGRAM_WORD];

	*h = (struct fuzz_hit){ .index = index, .times = 1 };
	(void)snprintf(s.what, sizeof(s.what), "%s", f->trial->what);
	(void)snprintf(h->what, sizeof(h->what), "%s", f->trial->what);
	annotate(f, take, f->trial);
	keep_words(f->trial, h->said, sizeof(h->said));
	h->trials = fuzz_minimise(&take, &how);
	h->program = take;
	kind_of_all(&s, &take, verb, sizeof(verb));
	h->program = take;
	if (find_hit(f, h->what, verb)) {
		struct fuzz_hit *known = find_hit(f, h->what, verb);

		known->times++;
		*ret = (size_t)(known - f->hit);
		h->program = program_free(take);
		return 0;
	}
	(void)snprintf(h->verb, sizeof(h->verb), "%s", verb);
	repeat(f, h);
	*ret = f->hit_count++;
	if (f->o->out && write_hit(f, h) < 0)
		return -EIO;
	fuzz_tell_hit(f, h);
	return 0;
}

static int fell_over(struct fuzz *f, struct program *take, uint64_t index)
{
	char kind[PROGRAM_WORD] = "start";
	char text[128];
	size_t hit = 0;
	int e;

	if (f->trial->result.done)
		kind_of(take->step[f->trial->result.done - 1], kind, sizeof(kind));
	(void)snprintf(text, sizeof(text), "%.60s by %s", f->trial->what, kind);
	for (size_t i = 0; i < f->key_count; i++)
		if (strcmp(f->key[i].text, text) == 0) {
			f->hit[f->key[i].hit].times++;
			(void)program_free(take);
			return 0;
		}
	if (f->hit_count == FUZZ_HITS_MAX || f->key_count == FUZZ_KEYS_MAX) {
		(void)program_free(take);
		return 0;
	}
	e = new_hit(f, take, index, &hit);
	(void)snprintf(f->key[f->key_count].text, sizeof(text), "%s", text);
	f->key[f->key_count++].hit = hit;
	return e;
}

/* ---- all of them ---- */

static bool is_over(const struct fuzz *f)
{
	uint64_t time_s = f->o->time_s ? f->o->time_s : TIME_S;

	if (f->o->count)
		return f->programs >= f->o->count;
	return clock_now_ns() - f->start_ns >= time_s * NS_PER_S;
}

static void add_option(const struct fuzz *f, struct program *p, unsigned bit)
{
	if (target_options(f->t) & bit)
		(void)snprintf(p->option[p->option_count++], PROGRAM_WORD, "%s",
			       target_option_name(bit));
}

static int one_program(struct fuzz *f, uint64_t index)
{
	struct program *p = fuzz_generate(f->o->seed, index, f->o->hostile);
	int e;

	if (!p)
		return err_set(f->reterr, -ENOMEM, "out of memory");
	/* What fills a disk fills its own. */
	add_option(f, p, CHECK_SMALL_DISK);
	if (p->window)
		add_option(f, p, CHECK_WINDOW);
	e = try_one(f, p);
	f->programs++;
	f->steps += f->trial->result.done;
	if (e < 0 || !f->trial->bad) {
		f->broken = f->trial->broken[0] ? f->broken + 1 : 0;
		f->not_tried += f->broken > 0;
		if (f->broken)
			(void)snprintf(f->why, sizeof(f->why), "%s", f->trial->broken);
		(void)program_free(p);
		return e;
	}
	f->broken = 0;
	return fell_over(f, p, index);
}

static int run_all(struct fuzz *f)
{
	for (uint64_t i = 0; !is_over(f); i++) {
		int e = one_program(f, i);

		if (e < 0)
			return e;
		if (f->broken >= BROKEN_IN_ROW)
			return err_set(f->reterr, -EIO,
				       "%d daemons in a row could not be tried: %s", BROKEN_IN_ROW,
				       f->trial->broken);
	}
	return 0;
}

static void fuzz_free(struct fuzz *f)
{
	for (size_t i = 0; i < f->hit_count; i++) {
		(void)program_free(f->hit[i].program);
		free(f->hit[i].path);
	}
	(void)trial_free(f->trial);
	free(f);
}

int fuzz_run(const struct conform_options *o, const struct target *t, const char *dir, FILE *out,
	     struct err *reterr)
{
	CLEANUP(freep) char *own = fs_path("%s/fuzz", dir);
	struct fuzz *f = calloc(1, sizeof(*f));
	double seconds;
	int e;

	if (o->hostile && !(target_options(t) & CHECK_SMALL_DISK)) {
		free(f);
		return err_set(
			reterr, STATUS_BROKEN,
			"--hostile: a daemon that is told to fill its disk needs a small one "
			"of its own, and only root can mount that");
	}
	if (!f || !own || (o->out && fs_mkdirs(o->out, 0755, reterr) < 0)) {
		free(f);
		return STATUS_BROKEN;
	}
	*f = (struct fuzz){ .o = o, .t = t, .out = out, .reterr = reterr };
	f->how = (struct trial_options){ .dir = own,
					 .timeout_ms = o->hostile ? HOSTILE_MS : o->timeout_ms,
					 .oracle = o->hostile ? TRIAL_HOSTILE : TRIAL_MILD };
	f->trial = trial_new();
	f->start_ns = clock_now_ns();
	e = f->trial ? run_all(f) : err_set(reterr, -ENOMEM, "out of memory");
	seconds = clock_seconds(clock_now_ns() - f->start_ns);
	if (o->format == OUTPUT_JSON)
		fuzz_print_json(f, seconds);
	else
		fuzz_print_summary(f, seconds);
	e = e < 0 ? STATUS_BROKEN : f->hit_count ? 1 : 0;
	fuzz_free(f);
	return e;
}
