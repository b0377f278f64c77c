// SPDX-License-Identifier: Apache-2.0
/* The files of a run folder, and what can be asked of a run that was read. */
#include "report/model.h"

#include "report/load.h"
#include "report/text.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

const char *const cell_status_names[CELL_STATUS_COUNT] = {
	[CELL_OK] = "ok",
	[CELL_NA] = "n/a",
	[CELL_FAILED] = "failed",
	[CELL_PENDING] = "pending",
};

const char *const stack_kind_names[STACK_KIND_COUNT] = {
	[STACK_VIRTIOFS] = "virtiofs", [STACK_9P] = "9p",
	[STACK_BLK] = "blk",	       [STACK_ATTACHED] = "attached",
	[STACK_BASELINE] = "baseline",
};

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
int load_json(const struct run *r, const char *path, const char *name, size_t max, size_t *size,
	      json_t **ret, struct err *reterr)
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
		if (strcmp(load_text(m, "name"), name) == 0)
			return load_text(m, "title");
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

/* Passes have folders r1, r2, ... (timed) and o1, o2, ... (observed): "o1/" in a source. */
static const char *pass_folder(const char *s)
{
	const char *end = s + strcspn(s, "#");

	for (s = strchr(s, '/'); s && s < end; s = strchr(s + 1, '/')) {
		size_t digits = s[1] == 'r' || s[1] == 'o' ? strspn(s + 2, "0123456789") : 0;

		if (digits > 0 && s[2 + digits] == '/')
			return s + 1;
	}
	return NULL;
}

size_t value_round(const struct value *v, size_t i)
{
	const char *folder = pass_folder(v->source[i]);

	return folder ? strtoul(folder + 1, NULL, 10) : i + 1;
}

bool value_observed(const struct value *v, size_t i)
{
	const char *folder = pass_folder(v->source[i]);

	return folder && *folder == 'o';
}

size_t cell_rounds(const struct cell *c)
{
	json_t *r;
	size_t n = 0;
	size_t i;

	json_array_foreach(json_object_get(c->root, "rounds"), i, r)
		n += strcmp(json_str_at(r, "kind", "timed"), "timed") == 0;
	return n;
}
