// SPDX-License-Identifier: Apache-2.0
#include "record/record.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "record/convert.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>

/* A pass has a handful. */
#define MARKS_MAX 64
#define STOP_MS	  2000

/* Which rows a side samples, in the order of their values. */
struct side {
	const struct record_metric **rows;
	size_t count;
	struct strv command;
};

struct record {
	struct record_config c;
	char *host_file; /* output of the host's sampler */
	char *fed_file;
	struct proc sampler;
	struct proc feed;
	struct side host;
	struct side guest;
	struct record_mark marks[MARKS_MAX];
	size_t mark_count;
	int64_t real_offset_ns; /* real time = our monotonic time + this */
	bool clock_known;
	int64_t guest_offset_ns; /* our monotonic time = the guest's + this */
	uint64_t clock_error_ns; /* at most */
};

/* Real time minus monotonic time, once for both archives: a step of the host's clock in between
 * cannot tear them apart. */
static int64_t real_offset(void)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)((uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec - clock_now_ns());
}

/* "vmm:FIELD" and "daemon:FIELD" name a process; 0 for any other key. */
static pid_t root_of(const struct record_config *c, const char *key, bool *ret_is_tree)
{
	bool vmm = strncmp(key, "vmm:", strlen("vmm:")) == 0;
	bool daemon = strncmp(key, "daemon:", strlen("daemon:")) == 0;

	*ret_is_tree = vmm || daemon;
	if (vmm)
		return c->vmm;
	return daemon ? c->daemon : 0;
}

/* The key of a row for the watch command; false when there is nothing to sample. */
static bool key_of(const struct record_config *c, const struct record_metric *m,
		   enum record_side side, char *ret, size_t size)
{
	bool is_tree;
	pid_t pid;

	if (!m->key || !(m->side & side))
		return false;
	if (strcmp(m->key, "share") == 0) {
		(void)snprintf(ret, size, "resident:%s", c->data_file ? c->data_file : "");
		return c->data_file != NULL;
	}
	pid = root_of(c, m->key, &is_tree);
	if (is_tree)
		(void)snprintf(ret, size, "tree:%d%s", (int)pid, strchr(m->key, ':'));
	else
		(void)snprintf(ret, size, "%s", m->key);
	return !is_tree || pid > 0;
}

static int choose_rows(struct record *r, enum record_side which, struct side *ret)
{
	size_t count;
	const struct record_metric *all = record_metrics(&count);
	char key[256];

	ret->rows = calloc(count, sizeof(*ret->rows));
	if (!ret->rows)
		return -ENOMEM;
	strv_addf(&ret->command, "watch");
	strv_addf(&ret->command, "%u", r->c.interval_ms);
	strv_addf(&ret->command, "%llu", (unsigned long long)RECORD_OUTPUT_MAX);
	for (size_t i = 0; i < count; i++) {
		if (!key_of(&r->c, &all[i], which, key, sizeof(key)))
			continue;
		ret->rows[ret->count++] = &all[i];
		strv_add(&ret->command, key);
	}
	return strv_failed(&ret->command) ? -ENOMEM : 0;
}

static int start_sampler(struct record *r, struct err *reterr)
{
	CLEANUP(fd_closep)
	int fd = open(r->host_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	CLEANUP(strv_free) struct strv argv = { 0 };
	struct proc_spec spec = { .stdout_fd = fd };

	if (fd < 0)
		return err_errno(reterr, -errno, "cannot make %s", r->host_file);
	strv_add(&argv, r->c.tool);
	strv_add_all(&argv, (const char *const *)r->host.command.item);
	if (strv_failed(&argv))
		return err_set(reterr, -ENOMEM, "out of memory");
	spec.argv = argv.item;
	return proc_start(&spec, &r->sampler, reterr);
}

static int start_all(struct record *r, struct err *reterr)
{
	struct feed f = { .read = r->c.read,
			  .arg = r->c.read_arg,
			  .count = r->c.column_count,
			  .interval_ms = r->c.interval_ms };
	int e;

	r->host_file = fs_path("%s/pcp-host.samples", r->c.dir);
	r->fed_file = fs_path("%s/pcp-fed.samples", r->c.dir);
	if (!r->host_file || !r->fed_file || choose_rows(r, RECORD_HOST, &r->host) < 0 ||
	    choose_rows(r, RECORD_GUEST, &r->guest) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	f.path = r->fed_file;
	e = start_sampler(r, reterr);
	return e == 0 && f.read ? feed_start(&f, &r->feed, reterr) : e;
}

int record_start(const struct record_config *c, struct record **ret, struct err *reterr)
{
	struct record *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return err_set(reterr, -ENOMEM, "out of memory");
	r->c = *c;
	if (!r->c.interval_ms)
		r->c.interval_ms = RECORD_INTERVAL_MS;
	r->real_offset_ns = real_offset();
	e = start_all(r, reterr);
	if (e < 0) {
		(void)record_free(r);
		return e;
	}
	*ret = r;
	return 0;
}

int record_phase(struct record *r, const char *name)
{
	struct record_mark *m = &r->marks[r->mark_count];

	if (r->mark_count == MARKS_MAX)
		return -ENOMEM;
	m->real_ns = (uint64_t)((int64_t)clock_now_ns() + r->real_offset_ns);
	(void)snprintf(m->name, sizeof(m->name), "%s", name);
	r->mark_count++;
	return 0;
}

int record_watch_command(const struct record *r, const char *tool, struct strv *ret)
{
	strv_add(ret, tool);
	strv_add_all(ret, (const char *const *)r->guest.command.item);
	return strv_failed(ret) ? -ENOMEM : 0;
}

void record_guest_clock(struct record *r, uint64_t guest_ns, uint64_t before_ns, uint64_t after_ns)
{
	uint64_t error = (after_ns - before_ns) / 2;

	if (r->clock_known && error >= r->clock_error_ns)
		return;
	r->clock_known = true;
	r->clock_error_ns = error;
	r->guest_offset_ns = (int64_t)(before_ns + error) - (int64_t)guest_ns;
}

static void stop_sampler(struct record *r)
{
	if (r->sampler.running && kill(r->sampler.pid, SIGTERM) == 0)
		(void)proc_wait(&r->sampler, clock_deadline_ms(STOP_MS));
	proc_kill(&r->sampler);
	feed_stop(&r->feed);
}

static int load_samples(const char *path, size_t keys, struct record_samples *ret,
			struct err *reterr)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	int e = fs_read(path, RECORD_OUTPUT_MAX, &text, reterr);

	return e < 0 ? e : samples_parse(buf_text(&text), text.size, keys, ret, reterr);
}

static json_t *missing(const struct side *side, const struct convert_result *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < side->count; i++)
		if (!c->seen[i] &&
		    (i == 0 || strcmp(side->rows[i]->name, side->rows[i - 1]->name) != 0))
			(void)json_array_append_new(list, json_string(side->rows[i]->name));
	return list;
}

/* What record.json says of one archive. */
static json_t *describe(const struct record *r, const struct side *side,
			const struct record_samples *s, const struct convert_result *c)
{
	uint64_t interval_ns = r->c.interval_ms * NS_PER_MS;
	size_t over;
	uint64_t gap = samples_longest_gap_ns(s, RECORD_GAP_INTERVALS * interval_ns, &over);
	json_t *j = json_pack("{s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:I,s:I}", "samples",
			      (json_int_t)s->count, "late", (json_int_t)s->late, "skipped",
			      (json_int_t)s->skipped, "gaps", (json_int_t)over, "bad_lines",
			      (json_int_t)s->bad_lines, "longest_gap_ms",
			      json_num((double)gap / (double)NS_PER_MS), "sampler_cpu_s",
			      json_num(clock_seconds(s->cpu_ns)), "records", (json_int_t)c->records,
			      "bytes", (json_int_t)c->bytes);

	(void)json_object_set_new(j, "ended",
				  json_string(s->reason[0] ? s->reason : "without a last line"));
	(void)json_object_set_new(j, "without_values", missing(side, c));
	if (s->bad_lines)
		(void)json_object_set_new(j, "complaint", json_string(s->complaint));
	return j;
}

static bool has_values(const struct record *r, const struct record_samples *s, const char *metric)
{
	for (size_t i = 0; i < s->count; i++)
		for (size_t k = 0; k < s->keys; k++)
			if (s->item[i].value[k][0] &&
			    strcmp(r->c.columns[k].metric->name, metric) == 0)
				return true;
	return false;
}

/* What record.json says of the feed, whose values are in the host's archive. */
static json_t *describe_fed(const struct record *r, const struct record_samples *s)
{
	uint64_t interval_ns = r->c.interval_ms * NS_PER_MS;
	json_t *list = json_array();
	const char *last = "";
	size_t over;
	uint64_t gap = samples_longest_gap_ns(s, RECORD_GAP_INTERVALS * interval_ns, &over);

	for (size_t i = 0; i < r->c.column_count; i++) {
		const char *name = r->c.columns[i].metric->name;

		if (strcmp(name, last) != 0 && !has_values(r, s, name))
			(void)json_array_append_new(list, json_string(name));
		last = name;
	}
	return json_pack("{s:I,s:I,s:I,s:o,s:o}", "samples", (json_int_t)s->count, "gaps",
			 (json_int_t)over, "bad_lines", (json_int_t)s->bad_lines, "longest_gap_ms",
			 json_num((double)gap / (double)NS_PER_MS), "without_values", list);
}

static int write_side(struct record *r, struct convert_input *in, const char *name,
		      const struct side *side, json_t *out, struct err *reterr)
{
	CLEANUP(freep) char *base = fs_path("%s/pcp-%s", r->c.dir, name);
	struct convert_result c = { 0 };
	int e;

	if (!base)
		return err_set(reterr, -ENOMEM, "out of memory");
	in->base = base;
	in->hostname = name;
	in->rows = side->rows;
	in->marks = r->marks;
	in->mark_count = r->mark_count;
	in->gap_ns = RECORD_GAP_INTERVALS * r->c.interval_ms * NS_PER_MS;
	e = convert(in, &c, reterr);
	if (e == 0)
		(void)json_object_set_new(out, name, describe(r, side, in->samples, &c));
	return e;
}

static int write_host(struct record *r, json_t *out, struct err *reterr)
{
	struct record_samples samples = { 0 };
	struct record_samples fed = { 0 };
	struct convert_input in = { .samples = &samples, .offset_ns = r->real_offset_ns };
	int e = load_samples(r->host_file, r->host.count, &samples, reterr);
	char fate[32];

	if (e == 0 && samples.count == 0)
		e = err_set(reterr, -ENODATA, "the host's sampler took no sample (%s)",
			    proc_fate(&r->sampler, fate, sizeof(fate)));
	if (e == 0 && r->c.read) {
		e = load_samples(r->fed_file, r->c.column_count, &fed, reterr);
		in.fed = &fed;
		in.columns = r->c.columns;
		in.fed_offset_ns = r->real_offset_ns;
	}
	if (e == 0)
		e = write_side(r, &in, "host", &r->host, out, reterr);
	if (e == 0 && in.fed)
		(void)json_object_set_new(out, "fed", describe_fed(r, &fed));
	if (e == 0) {
		(void)unlink(r->host_file);
		(void)unlink(r->fed_file);
	}
	samples_free(&samples);
	samples_free(&fed);
	return e;
}

static int keep_guest_output(struct record *r, const struct buf *guest, struct err *reterr)
{
	CLEANUP(freep) char *path = fs_path("%s/pcp-guest.samples", r->c.dir);

	return path ? fs_write_atomic(path, buf_text(guest), guest->size, reterr) : -ENOMEM;
}

static int write_guest(struct record *r, const struct buf *guest, json_t *out, struct err *reterr)
{
	struct record_samples samples = { 0 };
	struct convert_input in = { .samples = &samples,
				    .offset_ns = r->real_offset_ns + r->guest_offset_ns };
	int e = samples_parse(buf_text(guest), guest->size, r->guest.count, &samples, reterr);

	if (e == 0 && !r->clock_known)
		e = err_set(reterr, -ENODATA, "the guest's clock was never read");
	if (e == 0)
		e = write_side(r, &in, "guest", &r->guest, out, reterr);
	if (e == 0)
		(void)json_object_set_new(json_object_get(out, "guest"), "clock_error_ms",
					  json_num((double)r->clock_error_ns / (double)NS_PER_MS));
	else
		(void)!keep_guest_output(r, guest, NULL);
	samples_free(&samples);
	return e;
}

int record_stop(struct record *r, const struct buf *guest, const char *note, json_t **ret,
		struct err *reterr)
{
	CLEANUP(freep) char *path = fs_path("%s/record.json", r->c.dir);
	json_auto_t *out = json_pack("{s:i,s:i}", "schema", 1, "interval_ms",
				     (int)r->c.interval_ms);
	int e = path && out && record_phase(r, "end") == 0 ? 0 : -ENOMEM;

	stop_sampler(r);
	if (e < 0)
		return err_set(reterr, e, "out of memory, or too many phases");
	e = write_host(r, out, reterr);
	if (e == 0 && guest && guest->size > 0)
		e = write_guest(r, guest, out, reterr);
	if (note)
		(void)json_object_set_new(out, "guest_note", json_string(note));
	if (e == 0)
		e = json_save_atomic(path, out, reterr);
	if (e == 0 && ret)
		*ret = json_incref(out);
	return e;
}

static void side_free(struct side *s)
{
	free(s->rows);
	strv_free(&s->command);
}

struct record *record_free(struct record *r)
{
	if (!r)
		return NULL;
	stop_sampler(r);
	free(r->host_file);
	free(r->fed_file);
	side_free(&r->host);
	side_free(&r->guest);
	free(r);
	return NULL;
}
