// SPDX-License-Identifier: Apache-2.0
#include "conformance/runner/record.h"

#include "base/fs.h"
#include "conformance/front/device.h"
#include "conformance/front/host.h"
#include "conformance/program/record.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>

/* Bytes of one step: what is longer makes no file that a person reads. */
#define BYTES_MAX 65536

struct record {
	const struct check *check;
	uint64_t seed;
	char daemon[64];
	struct program *program;
	struct program_record messages; /* into it */
	const char *share;
	struct host_watch host;
	struct front_watch front;
	const struct front *of;
	const struct front_request *asked; /* the one in flight */
	struct program_step *step;	   /* and its step */
	uint64_t requests;
	bool over;
	pthread_t thread;  /* of the check: what another one does at the same time is no step */
	_Atomic bool lost; /* something was done that is no step */
};

static bool is_laid_out(const struct front_layout *l)
{
	return l->in_cut_count || l->out_cut_count || l->in_every || l->out_every || l->kind ||
	       l->direct;
}

static void on_sent(void *context, const struct front_request *q)
{
	struct record *x = context;

	if (x->over || x->lost)
		return;
	if (!x->of)
		x->of = q->front;
	x->requests++;
	if (x->of != q->front || x->asked || q->in_size > BYTES_MAX || is_laid_out(&q->layout)) {
		x->lost = true;
		return;
	}
	x->step = program_record_request(&x->messages, q->in, q->in_size, q->queue,
					 (uint32_t)q->out_size);
	x->asked = q->no_reply ? NULL : q;
}

static void on_ended(void *context, const struct front_request *q)
{
	struct record *x = context;

	if (x->over || x->lost || x->asked != q)
		return;
	program_record_reply(&x->messages, x->step, q->result, q->payload, q->payload_size);
	x->asked = NULL;
}

/* ---- the host ---- */

static struct program_step *host_step(struct record *x, const char *verb, const char *dir,
				      const char *name)
{
	struct program_step *s;

	if (!pthread_equal(x->thread, pthread_self()))
		x->lost = true;
	if (x->over || x->lost || strcmp(dir, x->share) != 0)
		return NULL;
	s = program_add(x->program, verb);
	program_add_text(s, "name", name);
	return s;
}

static void on_file(void *context, const char *dir, const char *name, const void *data, size_t size)
{
	struct program_step *s = host_step(context, "host-file", dir, name);

	if (size > 0)
		program_add_hex(s, "bytes", data, size);
}

static void on_fill(void *context, const char *dir, const char *name, size_t size, uint32_t seed)
{
	struct program_step *s = host_step(context, "host-file", dir, name);

	if (size > 0)
		program_add_fill(s, "bytes", size, seed);
}

static void on_mkdir(void *context, const char *dir, const char *name, mode_t mode)
{
	program_add_number(host_step(context, "host-mkdir", dir, name), "mode", mode);
}

static void on_symlink(void *context, const char *dir, const char *name, const char *target)
{
	program_add_text(host_step(context, "host-symlink", dir, name), "target", target);
}

static void on_remove(void *context, const char *dir, const char *name)
{
	(void)host_step(context, "host-remove", dir, name);
}

static void on_other(void *context)
{
	struct record *x = context;

	x->lost = x->lost || !x->over;
}

/* ---- all of it ---- */

struct record *record_new(const struct check *c, const struct target *t, uint64_t seed)
{
	struct record *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->program = program_new();
	if (!x->program) {
		free(x);
		return NULL;
	}
	x->messages.p = x->program;
	x->check = c;
	x->seed = seed;
	(void)snprintf(x->daemon, sizeof(x->daemon), "%.63s", t->id);
	x->lost = c->start != CHECK_SESSION && c->start != CHECK_RINGS;
	return x;
}

struct record *record_free(struct record *x)
{
	if (!x)
		return NULL;
	host_watch(NULL);
	x->program = program_free(x->program);
	free(x);
	return NULL;
}

/* What of a check's front end a program can say; for all else it is recorded by name. */
static void set_front(struct record *x, const struct front_options *o)
{
	x->program->start = START_RINGS;
	x->program->queues = o->queues;
	x->program->ring = o->ring_size;
	x->program->packed = o->packed;
	x->program->window = o->window;
	if (o->features_off || o->features_more || o->protocol_off || o->protocol_more ||
	    o->busy_poll || o->memory_how || o->memory.regions)
		x->lost = true;
}

static void set_options(struct record *x)
{
	for (unsigned i = 0; i < CHECK_OPTIONS; i++)
		if (x->check->options & 1U << i && x->program->option_count < PROGRAM_OPTIONS_MAX)
			(void)snprintf(x->program->option[x->program->option_count++], PROGRAM_WORD,
				       "%s", target_option_name(1U << i));
}

void record_watch(struct record *x, struct front_options *o, const char *share)
{
	x->share = share;
	x->thread = pthread_self();
	x->front = (struct front_watch){ .context = x, .sent = on_sent, .ended = on_ended };
	x->host = (struct host_watch){ .context = x,
				       .file = on_file,
				       .fill = on_fill,
				       .mkdir = on_mkdir,
				       .symlink = on_symlink,
				       .remove = on_remove,
				       .other = on_other };
	set_front(x, o);
	set_options(x);
	o->watch = &x->front;
	host_watch(&x->host);
}

void record_end(struct record *x, const struct front *f)
{
	uint64_t chains = 0;

	x->over = true;
	for (unsigned i = 0; f && i < f->ring_count; i++)
		chains += f->ring[i].added;
	/* Chains that were no requests, rings that were emptied, another front end: not what was recorded. */
	x->lost = x->lost || f != x->of || chains != x->requests || x->asked;
}

struct program *record_name_only(const char *check, uint64_t seed, const char *daemon,
				 const char *shows)
{
	struct program *p = program_new();

	if (!p)
		return NULL;
	(void)snprintf(p->check, sizeof(p->check), "%s", check);
	(void)snprintf(p->daemon, sizeof(p->daemon), "%s", daemon);
	(void)snprintf(p->shows, sizeof(p->shows), "%s", shows);
	p->seed = seed;
	return p;
}

int record_write(struct record *x, const char *shows, const char *path, struct err *reterr)
{
	CLEANUP(buf_free) struct buf text = { .max = PROGRAM_TEXT_MAX };
	CLEANUP(program_freep)
	struct program *name = record_name_only(x->check->id, x->seed, x->daemon, shows);
	struct program *p = x->lost ? name : x->program;

	if (!name)
		return err_errno(reterr, -ENOMEM, "%s", path);
	memcpy(p->check, name->check, sizeof(p->check));
	memcpy(p->shows, name->shows, sizeof(p->shows));
	memcpy(p->daemon, name->daemon, sizeof(p->daemon));
	p->seed = name->seed;
	if (program_print(p, &text) < 0 || text.dropped) {
		buf_free(&text);
		text = (struct buf){ 0 };
		if (program_print(name, &text) < 0)
			return err_errno(reterr, -ENOMEM, "%s", path);
	}
	return fs_write_atomic(path, buf_text(&text), text.size, reterr);
}
