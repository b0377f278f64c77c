// SPDX-License-Identifier: Apache-2.0
#include "record/convert.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/proc.h"
#include "record/archive.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* A day of samples takes some seconds. */
#define CONVERT_MS 60000

static const char *const suffixes[] = { "0", "index", "meta" };

/* Three lists in order of time; the next record is the earliest head. */
struct merge {
	const struct convert_input *in;
	struct archive archive;
	struct convert_result *r;
	struct err *err;
	size_t sample;
	size_t fed;
	size_t mark;
	bool defined[256];
	bool phase_defined;
	bool *write; /* by column of the feed: is it written? */
};

static uint64_t at(uint64_t t_ns, int64_t offset_ns)
{
	return (uint64_t)((int64_t)t_ns + offset_ns);
}

/* A metric without values in this archive is not named in it either. */
static int define(struct merge *m, size_t row)
{
	const struct record_metric *metric = m->in->rows[row];
	bool known = false;
	int e = 0;

	if (m->defined[row])
		return 0;
	for (size_t i = 0; i < m->in->samples->keys; i++)
		known |= m->defined[i] && strcmp(m->in->rows[i]->name, metric->name) == 0;
	m->defined[row] = true;
	m->r->seen[row] = true;
	if (!known)
		e = archive_define(&m->archive, metric, m->err);
	if (e == 0 && metric->instance)
		e = archive_define_instance(&m->archive, metric, metric->instance,
					    metric->instance_id, m->err);
	return e;
}

static int write_record(struct merge *m, uint64_t real_ns)
{
	m->r->records++;
	return archive_write(&m->archive, real_ns, m->err);
}

static int add_sample(struct merge *m)
{
	const struct record_samples *s = m->in->samples;
	const struct record_sample *item = &s->item[m->sample++];
	size_t before = m->r->values;
	int e = 0;

	if (m->in->gap_ns && item > s->item && item->t_ns - item[-1].t_ns > m->in->gap_ns) {
		m->r->gaps++;
		e = archive_gap(&m->archive, m->err);
	}
	for (size_t i = 0; e == 0 && i < s->keys; i++) {
		const struct record_metric *row = m->in->rows[i];

		if (!item->value[i][0])
			continue;
		m->r->values++;
		e = define(m, i);
		if (e == 0)
			e = archive_put(&m->archive, row, row->instance, item->value[i], m->err);
	}
	if (e < 0 || m->r->values == before)
		return e;
	return write_record(m, at(item->t_ns, m->in->offset_ns));
}

/* Was there any value, and any but 0? */
static void look_through(const struct record_samples *s, size_t column, bool *ret_any,
			 bool *ret_moved)
{
	*ret_any = *ret_moved = false;
	for (size_t i = 0; i < s->count && !*ret_moved; i++) {
		const char *v = s->item[i].value[column];

		*ret_any |= v[0] != '\0';
		*ret_moved = v[0] && strcmp(v, "0") != 0;
	}
}

static bool same_instance(const struct record_column *a, const struct record_column *b)
{
	return a->instance && b->instance && a->metric->domain == b->metric->domain &&
	       a->metric->indom == b->metric->indom && a->instance_id == b->instance_id;
}

/*
 * What of the feed is written. An instance whose values are 0 in all of its metrics is left out: most
 * opcodes never come, in most passes.
 */
static int choose_columns(struct merge *m)
{
	const struct convert_input *in = m->in;
	size_t keys = in->fed ? in->fed->keys : 0;

	m->write = calloc(keys + 1, sizeof(*m->write));
	if (!m->write)
		return err_set(m->err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < keys; i++) {
		bool any, moved;

		look_through(in->fed, i, &any, &moved);
		m->write[i] |= any && (moved || !in->columns[i].instance);
		for (size_t k = 0; moved && k < keys; k++)
			m->write[k] |= same_instance(&in->columns[i], &in->columns[k]);
	}
	return 0;
}

static int define_column(struct merge *m, size_t column)
{
	const struct record_column *c = &m->in->columns[column];
	bool metric_known = false;
	bool instance_known = false;
	int e = 0;

	for (size_t i = 0; i < column; i++) {
		if (!m->write[i])
			continue;
		metric_known |= m->in->columns[i].metric == c->metric;
		instance_known |= same_instance(&m->in->columns[i], c);
	}
	if (!metric_known)
		e = archive_define(&m->archive, c->metric, m->err);
	if (e == 0 && c->instance && !instance_known)
		e = archive_define_instance(&m->archive, c->metric, c->instance, c->instance_id,
					    m->err);
	return e;
}

static int define_columns(struct merge *m)
{
	int e = choose_columns(m);

	for (size_t i = 0; e == 0 && m->in->fed && i < m->in->fed->keys; i++)
		if (m->write[i])
			e = define_column(m, i);
	return e;
}

static int add_fed(struct merge *m)
{
	const struct record_sample *item = &m->in->fed->item[m->fed++];
	size_t before = m->r->values;
	int e = 0;

	for (size_t i = 0; e == 0 && i < m->in->fed->keys; i++) {
		const struct record_column *c = &m->in->columns[i];

		if (!item->value[i][0] || !m->write[i])
			continue;
		m->r->values++;
		e = archive_put(&m->archive, c->metric, c->instance, item->value[i], m->err);
	}
	if (e < 0 || m->r->values == before)
		return e;
	return write_record(m, at(item->t_ns, m->in->fed_offset_ns));
}

static int add_mark(struct merge *m)
{
	const struct record_metric *row = record_metric_find(RECORD_PHASE);
	const struct record_mark *mark = &m->in->marks[m->mark++];
	int e = m->phase_defined ? 0 : archive_define(&m->archive, row, m->err);

	m->phase_defined = true;
	m->r->values++;
	if (e == 0)
		e = archive_put(&m->archive, row, NULL, mark->name, m->err);
	return e < 0 ? e : write_record(m, mark->real_ns);
}

static int add_all(struct merge *m)
{
	const struct convert_input *in = m->in;
	int e = 0;

	while (e == 0) {
		bool more_samples = m->sample < in->samples->count;
		bool more_fed = in->fed && m->fed < in->fed->count;
		bool more_marks = m->mark < in->mark_count;
		uint64_t sample = more_samples
					  ? at(in->samples->item[m->sample].t_ns, in->offset_ns)
					  : UINT64_MAX;
		uint64_t fed = more_fed ? at(in->fed->item[m->fed].t_ns, in->fed_offset_ns)
					: UINT64_MAX;
		uint64_t mark = more_marks ? in->marks[m->mark].real_ns : UINT64_MAX;

		if (!more_samples && !more_fed && !more_marks)
			break;
		if (mark <= sample && mark <= fed)
			e = add_mark(m);
		else if (fed <= sample)
			e = add_fed(m);
		else
			e = add_sample(m);
	}
	return e;
}

static int write_archive(const struct convert_input *in, struct convert_result *r, struct err *err)
{
	struct merge m = { .in = in, .r = r, .err = err };
	int e = archive_open(&m.archive, in->base, in->hostname, err);
	int e2;

	if (e == 0)
		e = define_columns(&m);
	if (e == 0)
		e = add_all(&m);
	free(m.write);
	e2 = archive_close(&m.archive, e < 0 ? NULL : err);
	return e < 0 ? e : e2;
}

/* What the child hands back, in memory that both see. */
struct shared {
	int result;
	struct err err;
	struct convert_result r;
};

/* The library prints its complaints: they go to a file in memory, and from there into the error. */
static void add_words(int fd, struct err *reterr)
{
	char text[512];
	ssize_t n = fd < 0 ? 0 : pread(fd, text, sizeof(text) - 1, 0);
	size_t used = strlen(reterr->text);

	if (n <= 0)
		return;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	(void)snprintf(reterr->text + used, sizeof(reterr->text) - used, " (%s)", text);
}

static void child(const struct convert_input *in, struct shared *shared, int words, pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent ||
	    (words >= 0 && dup2(words, STDERR_FILENO) < 0))
		_exit(1);
	shared->result = write_archive(in, &shared->r, &shared->err);
	_exit(0);
}

static int run_child(const struct convert_input *in, struct shared *shared, struct err *reterr)
{
	CLEANUP(fd_closep) int words = memfd_create("pcp-words", MFD_CLOEXEC);
	struct proc p = { .pidfd = -1 };
	pid_t parent = getpid();
	char fate[32];

	shared->result = -EIO;
	p.pid = fork();
	if (p.pid < 0)
		return err_errno(reterr, -errno, "cannot start the conversion of %s", in->base);
	if (p.pid == 0)
		child(in, shared, words, parent);
	p.running = true;
	p.pidfd = (int)syscall(SYS_pidfd_open, p.pid, 0);
	if (proc_wait(&p, clock_deadline_ms(CONVERT_MS)) < 0) {
		proc_kill(&p);
		return err_set(reterr, -ETIMEDOUT, "the conversion to %s took more than %d s",
			       in->base, CONVERT_MS / 1000);
	}
	if (p.status == 0 && shared->result == 0)
		return 0;
	if (p.status == 0)
		*reterr = shared->err;
	else
		(void)err_set(reterr, -EIO, "the conversion to %s ended with %s", in->base,
			      proc_fate(&p, fate, sizeof(fate)));
	add_words(words, reterr);
	return -EIO;
}

static int remove_old(const char *base, struct err *reterr)
{
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		CLEANUP(freep) char *path = fs_path("%s.%s", base, suffixes[i]);

		if (!path || (unlink(path) < 0 && errno != ENOENT))
			return err_errno(reterr, path ? -errno : -ENOMEM, "cannot replace %s.%s",
					 base, suffixes[i]);
	}
	return 0;
}

static int measure(const char *base, struct convert_result *r, struct err *reterr)
{
	r->bytes = 0;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		CLEANUP(freep) char *path = fs_path("%s.%s", base, suffixes[i]);
		struct stat st;

		if (!path || stat(path, &st) < 0)
			return err_errno(reterr, path ? -errno : -ENOMEM, "no %s.%s was written",
					 base, suffixes[i]);
		r->bytes += (uint64_t)st.st_size;
	}
	return 0;
}

int convert(const struct convert_input *in, struct convert_result *ret, struct err *reterr)
{
	struct shared *shared;
	struct err scratch = { 0 };
	int e;

	reterr = reterr ? reterr : &scratch;
	if (in->samples->keys > ARRAY_SIZE(ret->seen))
		return err_set(reterr, -E2BIG, "too many metrics");
	if (in->samples->count == 0 && in->mark_count == 0)
		return err_set(reterr, -ENODATA, "there are no samples for %s", in->base);
	e = remove_old(in->base, reterr);
	if (e < 0)
		return e;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return err_errno(reterr, -errno, "cannot share memory with the conversion");
	e = run_child(in, shared, reterr);
	if (e == 0)
		e = measure(in->base, &shared->r, reterr);
	if (e == 0)
		*ret = shared->r;
	(void)munmap(shared, sizeof(*shared));
	return e;
}
