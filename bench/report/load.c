// SPDX-License-Identifier: Apache-2.0
#include "report/model.h"

#include "report/shape.h"
#include "report/text.h"

#include "stats/stats.h"

#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

const char *const cell_status_names[CELL_STATUS_COUNT] = {
	[CELL_OK] = "ok",
	[CELL_NA] = "n/a",
	[CELL_FAILED] = "failed",
	[CELL_PENDING] = "pending",
};

/* The words below were accepted by shape_check_*(); the first one stands for any other. */
static enum cell_status status_of(const char *word)
{
	unsigned int i = CELL_STATUS_COUNT - 1;

	while (i > 0 && strcmp(word, cell_status_names[i]) != 0)
		i--;
	return (enum cell_status)i;
}

static enum metric_better better_of(const char *word)
{
	unsigned int i = BETTER_LOWER;

	while (i > 0 && strcmp(word, metric_better_name((enum metric_better)i)) != 0)
		i--;
	return (enum metric_better)i;
}

static enum metric_kind kind_of(const char *word)
{
	unsigned int i = KIND_MEMORY;

	while (i > 0 && strcmp(word, metric_kind_name((enum metric_kind)i)) != 0)
		i--;
	return (enum metric_kind)i;
}

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

/* Relative, without empty, "." or ".." components: a run may have come from someone else. */
static bool path_is_safe(const char *path)
{
	if (*path == '\0' || strlen(path) >= PATH_MAX)
		return false;
	for (;;) {
		size_t n = strcspn(path, "/");

		if (n == 0 || (n == 1 && path[0] == '.') || (n == 2 && !strncmp(path, "..", 2)))
			return false;
		if (path[n] == '\0')
			return true;
		path += n + 1;
	}
}

int run_open(const struct run *r, const char *path)
{
	CLEANUP(fd_closep) int fd = -1;
	struct stat st;

	if (!path_is_safe(path))
		return -EINVAL;
	/* Without O_NONBLOCK a FIFO would wait for a writer. */
	fd = openat(r->dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return TAKE_FD(fd);
}

bool run_has_file(const struct run *r, const char *path)
{
	return path_is_safe(path) && faccessat(r->dir_fd, path, F_OK, 0) == 0;
}

/* fs_read() names the whole path in its errors and would wait for a FIFO; this does neither. */
static int read_file(const struct run *r, const char *path, const char *name, size_t max,
		     struct buf *ret, struct err *reterr)
{
	CLEANUP(fd_closep) int fd = run_open(r, path);
	char chunk[16 * KIB];
	ssize_t n;

	if (fd < 0)
		return err_errno(reterr, fd, "%s cannot be opened", name);
	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(reterr, -errno, "%s cannot be read", name);
		if (ret->size + (size_t)n > max)
			return err_set(reterr, -EFBIG, "%s is larger than %zu bytes", name, max);
		if (buf_add(ret, chunk, (size_t)n) < 0)
			return err_set(reterr, -ENOMEM, "out of memory reading %s", name);
	}
	return 0;
}

/* @path is that of the file, @name what messages call it. */
static int read_json(const struct run *r, const char *path, const char *name, size_t max,
		     size_t *size, json_t **ret, struct err *reterr)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	json_error_t je;
	int e = read_file(r, path, name, max, &text, reterr);

	if (e < 0)
		return e;
	*size += text.size;
	*ret = json_loadb(buf_text(&text), text.size, JSON_REJECT_DUPLICATES, &je);
	if (!*ret)
		return err_set(reterr, -EBADMSG, "%s:%d: not valid JSON: %s", name, je.line,
			       je.text);
	return 0;
}

void run_excerpt(const struct run *r, const char *path, struct out *ret)
{
	enum { LINES = 20, BYTES = 8192 };
	CLEANUP(fd_closep) int fd = run_open(r, path);
	CLEANUP(out_free) struct out text = { 0 };
	char tail[BYTES];
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	ssize_t n = size <= 0 ? 0 : pread(fd, tail, BYTES, size > BYTES ? size - BYTES : 0);
	size_t from = n < 0 ? 0 : (size_t)n;
	size_t dir_size = r->real_dir ? strlen(r->real_dir) : 0;
	unsigned int lines = 0;

	if (n <= 0)
		return;
	while (from > 0 && lines <= LINES)
		lines += tail[--from] == '\n' && from + 1 < (size_t)n;
	from += lines > LINES;
	for (size_t i = from; i < (size_t)n;) {
		const char *hit = dir_size > 1
					  ? memmem(tail + i, (size_t)n - i, r->real_dir, dir_size)
					  : NULL;
		size_t end = hit ? (size_t)(hit - tail) : (size_t)n;

		out_bytes(&text, tail + i, end - i);
		if (hit)
			out_str(&text, ".");
		i = end + (hit ? dir_size : 0);
	}
	if (text.error == 0)
		text_clean(ret, buf_text(&text.text), text.text.size, TEXT_MANY_LINES);
}

const char *run_metric_title(const struct run *r, const char *name)
{
	json_t *metrics = json_object_get(r->root, "metrics");
	const json_t *m;
	size_t i;

	json_array_foreach(metrics, i, m)
		if (strcmp(text_of(m, "name"), name) == 0)
			return text_of(m, "title");
	return name;
}

const struct value *cell_value(const struct cell *c, const char *name)
{
	for (size_t i = 0; i < c->value_count; i++)
		if (strcmp(c->value[i].name, name) == 0)
			return &c->value[i];
	return NULL;
}

char *source_path(const char *source)
{
	return strndup(source, strcspn(source, "#"));
}

char *cell_json_path(const struct cell *c)
{
	char *p = NULL;

	return asprintf(&p, "cells/%s/cell.json", c->id) < 0 ? NULL : p;
}

/* Rounds have folders r1, r2, ...; a sample says in its source which one it came from. */
size_t value_round(const struct value *v, size_t i)
{
	const char *s = v->source[i];
	const char *end = s + strcspn(s, "#");
	char *rest;
	unsigned long n;

	for (s = strchr(s, '/'); s && s < end; s = strchr(s + 1, '/')) {
		if (s[1] != 'r' || s[2] < '0' || s[2] > '9')
			continue;
		n = strtoul(s + 2, &rest, 10);
		if (*rest == '/')
			return n;
	}
	return i + 1;
}

/* How far a stored median may be from that of its samples: decimals of the writer. */
#define MEDIAN_TOLERANCE 1e-6

static int check_median(struct value *v, const json_t *o, struct err *reterr)
{
	const json_t *stored = json_object_get(o, "median");
	double low;
	double high;

	if (stats_median(v->sample, v->sample_count, &v->median) < 0 ||
	    stats_range(v->sample, v->sample_count, &low, &high) < 0)
		return err_set(reterr, -EBADMSG, "metric %.80s has no median", v->name);
	if (!json_is_number(stored) ||
	    fabs(json_number_value(stored) - v->median) > MEDIAN_TOLERANCE * fabs(v->median))
		return err_set(reterr, -EBADMSG,
			       "metric %.80s: the stored median is not that of its samples",
			       v->name);
	for (size_t i = 0; i < v->sample_count; i++) {
		if (fabs(v->sample[i] - v->median) < fabs(v->sample[v->at_median] - v->median))
			v->at_median = i;
		if (v->sample[i] < v->sample[v->at_min])
			v->at_min = i;
		if (v->sample[i] > v->sample[v->at_max])
			v->at_max = i;
	}
	return 0;
}

static int read_value(struct value *v, const json_t *o, struct err *reterr)
{
	const json_t *samples = json_object_get(o, "samples");
	const json_t *sources = json_object_get(o, "sources");

	v->name = text_of(o, "name");
	v->unit = text_of(o, "unit");
	v->better = better_of(text_of(o, "better"));
	v->kind = kind_of(text_of(o, "kind"));
	v->sample_count = json_array_size(samples);
	if (json_array_size(sources) != v->sample_count)
		return err_set(reterr, -EBADMSG, "metric %.80s has %zu samples but %zu sources",
			       v->name, v->sample_count, json_array_size(sources));
	v->sample = calloc(v->sample_count, sizeof(*v->sample));
	v->source = calloc(v->sample_count, sizeof(*v->source));
	if (!v->sample || !v->source)
		return err_set(reterr, -ENOMEM, "out of memory");
	for (size_t i = 0; i < v->sample_count; i++) {
		v->sample[i] = json_number_value(json_array_get(samples, i));
		v->source[i] = json_string_value(json_array_get(sources, i));
	}
	return check_median(v, o, reterr);
}

static int read_values(struct cell *c, struct err *reterr)
{
	json_t *metrics = json_object_get(c->root, "metrics");
	const json_t *o;
	size_t i;
	int e;

	if (json_array_size(metrics) == 0)
		return 0;
	c->value = calloc(json_array_size(metrics), sizeof(*c->value));
	if (!c->value)
		return err_set(reterr, -ENOMEM, "out of memory");
	json_array_foreach(metrics, i, o) {
		/* A metric that no round could take is listed without samples. */
		if (json_array_size(json_object_get(o, "samples")) == 0)
			continue;
		e = read_value(&c->value[c->value_count++], o, reterr);
		if (e < 0)
			return e;
	}
	return 0;
}

static int read_dimensions(struct cell *c, struct err *reterr)
{
	const json_t *o = c->root;
	const json_t *window = json_object_get(o, "window_bytes");
	const json_t *writeback = json_object_get(o, "writeback");

	if (strcmp(text_of(o, "id"), c->id) != 0)
		return err_set(reterr, -EBADMSG, "it is of cell \"%.200s\"", text_of(o, "id"));
	c->stack = text_of(o, "stack");
	c->workload = text_of(o, "workload");
	c->accelerator = text_of(o, "accelerator");
	c->vmm = text_of(o, "vmm");
	c->kernel = text_of(o, "kernel");
	c->cache = text_of(o, "cache");
	c->dax = text_of(o, "dax");
	c->writeback = json_is_null(writeback) ? -1 : json_is_true(writeback);
	c->window_bytes = json_is_null(window) ? -1 : json_integer_value(window);
	c->status = status_of(text_of(o, "status"));
	c->reason = text_of(o, "reason");
	if ((c->status == CELL_NA || c->status == CELL_FAILED) && !c->reason)
		return err_set(reterr, -EBADMSG, "status is %s without a reason",
			       cell_status_names[c->status]);
	return 0;
}

static void drop_values(struct cell *c)
{
	for (size_t i = 0; i < c->value_count; i++) {
		free(c->value[i].sample);
		free(c->value[i].source);
	}
	free(c->value);
	c->value = NULL;
	c->value_count = 0;
}

static void cell_release(struct cell *c)
{
	drop_values(c);
	json_decref(c->root);
	free(c->own_reason);
	free(c->own_id);
}

static bool find_places(const struct run *r, struct cell *c)
{
	size_t s = 0;
	size_t w = 0;

	while (s < r->stack_count && strcmp(r->stack[s].id, c->stack) != 0)
		s++;
	while (w < r->workload_count && strcmp(r->workload[w].id, c->workload) != 0)
		w++;
	if (s == r->stack_count || w == r->workload_count)
		return false;
	c->stack_index = s;
	c->workload_index = w;
	c->placed = true;
	return true;
}

static const char *null_word(const char *s)
{
	return strcmp(s, "none") == 0 || strcmp(s, "-") == 0 || *s == '\0' ? NULL : s;
}

/*
 * A cell without a readable cell.json still has its id: STACK.VMM.CACHE.WB.DAX.KERNEL.WORKLOAD.
 * Baselines have fewer parts. Ids of another form leave the cell without a place in the tables;
 * it is in the list of failed cells in any case.
 */
static int place_by_id(const struct run *r, struct cell *c)
{
	enum { STACK, VMM, CACHE, WB, DAX, KERNEL, WORKLOAD, PARTS };
	const char *part[PARTS + 1];
	size_t count = 0;
	char *s = strdup(c->id);

	if (!s)
		return -ENOMEM;
	c->own_id = s;
	while (s && count <= PARTS)
		part[count++] = strsep(&s, ".");
	c->vmm = c->kernel = c->cache = c->dax = NULL;
	c->writeback = -1;
	c->window_bytes = -1;
	if (count < 2 || count > PARTS)
		return 0;
	c->stack = part[STACK];
	c->workload = part[count - 1];
	if (!find_places(r, c))
		c->stack = c->workload = "";
	if (!c->placed || count != PARTS)
		return 0;
	c->accelerator = json_str_at(r->root, "accelerator.used", "");
	c->vmm = null_word(part[VMM]);
	c->kernel = null_word(part[KERNEL]);
	if (!r->stack[c->stack_index].baseline) {
		c->cache = part[CACHE];
		c->dax = part[DAX];
		c->writeback = strcmp(part[WB], "wb") == 0;
	}
	return 0;
}

/* Forget what was read: the cell is reported by its id, with @err as the cause. */
static int cell_damage(const struct run *r, struct cell *c, const struct err *err)
{
	const char *id = c->id;

	cell_release(c);
	*c = (struct cell){ .id = id,
			    .damaged = true,
			    .status = CELL_FAILED,
			    .window_bytes = -1,
			    .writeback = -1,
			    .stack = "",
			    .workload = "",
			    .accelerator = "" };
	c->own_reason = strdup(err->text);
	c->reason = c->own_reason;
	return c->reason ? place_by_id(r, c) : -ENOMEM;
}

static bool id_is_file_name(const char *id)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._+=@,";

	return *id && *id != '.' && strlen(id) <= NAME_MAX && id[strspn(id, plain)] == '\0';
}

static int read_cell(const struct run *r, struct cell *c, size_t *total, struct err *reterr)
{
	CLEANUP(freep) char *path = cell_json_path(c);
	int e;

	if (!path)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (!id_is_file_name(c->id))
		return err_set(reterr, -EINVAL, "the cell's id is not fit for a file name");
	if (*total > CELLS_JSON_MAX)
		return err_set(reterr, -EFBIG,
			       "cell.json was not read: the cells before it hold more than %u MiB",
			       (unsigned int)(CELLS_JSON_MAX / MIB));
	e = read_json(r, path, "cell.json", CELL_JSON_MAX, total, &c->root, reterr);
	if (e < 0)
		return e;
	e = shape_check_cell(c->root, reterr);
	if (e == 0)
		e = read_dimensions(c, reterr);
	if (e == 0)
		e = read_values(c, reterr);
	if (e == 0 && !find_places(r, c))
		e = err_set(reterr, -EBADMSG, "run.json does not list its stack or its workload");
	return e < 0 && e != -ENOMEM ? err_prefix(reterr, e, "cell.json is damaged") : e;
}

static int load_cell(const struct run *r, struct cell *c, size_t *total, struct err *reterr)
{
	struct err err = { 0 };
	int e = read_cell(r, c, total, &err);

	if (e == -ENOMEM)
		return err_set(reterr, e, "out of memory");
	if (e == 0)
		return 0;
	return cell_damage(r, c, &err) < 0 ? err_set(reterr, -ENOMEM, "out of memory") : 0;
}

static int load_cells(struct run *r, struct err *reterr)
{
	json_t *list = json_object_get(r->root, "cells");
	json_auto_t *seen = json_object();
	size_t total = 0;
	const json_t *id;
	size_t i;
	int e;

	if (json_array_size(list) > RUN_CELLS_MAX)
		return err_set(reterr, -E2BIG, "run.json: more than %d cells", RUN_CELLS_MAX);
	r->cell = calloc(json_array_size(list) + 1, sizeof(*r->cell));
	if (!r->cell || !seen)
		return err_set(reterr, -ENOMEM, "out of memory");
	json_array_foreach(list, i, id) {
		struct cell *c = &r->cell[r->cell_count++];

		c->id = json_string_value(id);
		if (json_object_get(seen, c->id))
			return err_set(reterr, -EBADMSG, "run.json: cell %.200s is listed twice",
				       c->id);
		if (json_object_set_new(seen, c->id, json_true()) < 0)
			return err_set(reterr, -ENOMEM, "out of memory");
		e = load_cell(r, c, &total, reterr);
		if (e < 0)
			return e;
		r->status_count[c->status]++;
	}
	return 0;
}

static int load_notes(struct run *r, struct err *reterr)
{
	json_auto_t *numbers = json_object();

	r->note = calloc(r->status_count[CELL_NA] + 1, sizeof(*r->note));
	if (!r->note || !numbers)
		return err_set(reterr, -ENOMEM, "out of memory");
	for (size_t i = 0; i < r->cell_count; i++) {
		struct cell *c = &r->cell[i];

		if (c->status != CELL_NA)
			continue;
		c->note = (size_t)json_integer_value(json_object_get(numbers, c->reason));
		if (c->note == 0) {
			c->note = ++r->note_count;
			r->note[c->note - 1].reason = c->reason;
			if (json_object_set_new(numbers, c->reason,
						json_integer((json_int_t)c->note)) < 0)
				return err_set(reterr, -ENOMEM, "out of memory");
		}
		r->note[c->note - 1].cell_count++;
	}
	return 0;
}

/* Ids of a list must differ, or a cell could belong to two rows. */
static int check_ids(const json_t *list, const char *what, struct err *reterr)
{
	json_auto_t *seen = json_object();
	const json_t *o;
	size_t i;

	json_array_foreach((json_t *)list, i, o) {
		if (json_object_get(seen, text_of(o, "id")))
			return err_set(reterr, -EBADMSG, "run.json: %s %.200s is listed twice",
				       what, text_of(o, "id"));
		if (json_object_set_new(seen, text_of(o, "id"), json_true()) < 0)
			return err_set(reterr, -ENOMEM, "out of memory");
	}
	return 0;
}

static int load_lists(struct run *r, struct err *reterr)
{
	json_t *stacks = json_object_get(r->root, "stacks");
	json_t *workloads = json_object_get(r->root, "workloads");
	const json_t *o;
	size_t i;
	int e = check_ids(stacks, "stack", reterr);

	if (e == 0)
		e = check_ids(workloads, "workload", reterr);
	if (e < 0)
		return e;
	r->stack = calloc(json_array_size(stacks) + 1, sizeof(*r->stack));
	r->workload = calloc(json_array_size(workloads) + 1, sizeof(*r->workload));
	if (!r->stack || !r->workload)
		return err_set(reterr, -ENOMEM, "out of memory");
	json_array_foreach(stacks, i, o)
		r->stack[r->stack_count++] = (struct stack_info){
			.id = text_of(o, "id"),
			.title = text_of(o, "title"),
			.baseline = strcmp(text_of(o, "kind"), "baseline") == 0,
		};
	json_array_foreach(workloads, i, o)
		r->workload[r->workload_count++] = (struct workload_info){
			.id = text_of(o, "id"),
			.title = text_of(o, "title"),
			.question = text_of(o, "question"),
			.decides = text_of(o, "decides"),
			.headline = json_object_get(o, "headline"),
		};
	return 0;
}

static void judge_tcg(struct run *r)
{
	r->tcg = strcmp(json_str_at(r->root, "accelerator.used", ""), "tcg") == 0;
	for (size_t i = 0; i < r->cell_count; i++)
		r->tcg |= r->cell[i].vmm && strcmp(r->cell[i].accelerator, "tcg") == 0;
}

int run_load(const char *dir, struct run *ret, struct err *reterr)
{
	size_t size = 0;
	int e;

	ret->dir = dir;
	ret->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret->dir_fd < 0)
		return err_errno(reterr, -errno, "cannot open the run folder %s", dir);
	ret->real_dir = realpath(dir, NULL);
	e = read_json(ret, "run.json", "run.json", RUN_JSON_MAX, &size, &ret->root, reterr);
	if (e < 0)
		return err_prefix(reterr, e, "%s", dir);
	e = shape_check_run(ret->root, reterr);
	if (e < 0)
		return err_prefix(reterr, e, "%s/run.json is damaged", dir);
	e = load_lists(ret, reterr);
	if (e == 0)
		e = load_cells(ret, reterr);
	if (e == 0)
		e = load_notes(ret, reterr);
	if (e == 0)
		judge_tcg(ret);
	return e;
}

void run_free(struct run *r)
{
	for (size_t i = 0; i < r->cell_count; i++)
		cell_release(&r->cell[i]);
	free(r->cell);
	free(r->note);
	free(r->stack);
	free(r->workload);
	free(r->real_dir);
	json_decref(r->root);
	fd_closep(&r->dir_fd);
	*r = (struct run)RUN_INIT;
}
