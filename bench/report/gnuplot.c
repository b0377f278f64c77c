// SPDX-License-Identifier: Apache-2.0
#include "report/gnuplot.h"

#include "base/clock.h"

#include "report/text.h"

#include <string.h>
#include <sys/mman.h>

/* A report of 20 workloads takes about 2 s; a hung gnuplot must not hang the run's end. */
#define GNUPLOT_MS	   60000
#define GNUPLOT_OUTPUT_MAX (256 * MIB)

void gnuplot_quoted(struct out *o, const char *text)
{
	CLEANUP(out_free) struct out clean = { 0 };
	const char *s;

	text_clean(&clean, text, strlen(text), TEXT_ONE_LINE);
	out_str(o, "'");
	for (s = buf_text(&clean.text); *s; s++)
		out_bytes(o, strchr("'\\`\"@", *s) ? "_" : s, 1);
	out_str(o, "'");
	if (clean.error < 0)
		o->error = clean.error;
}

void gnuplot_begin(struct out *o, const void *tag)
{
	out_fmt(o, "print '@@%p'\n", tag);
}

void gnuplot_end(struct out *o)
{
	out_str(o, "\nset output\nprint '@@'\n");
}

/* Add `s` without what would clash when many plots share a page: ids, tooltips, fixed black. */
static void add_line(struct out *o, const char *s, size_t size)
{
	static const struct {
		const char *from;
		const char *to;
	} changes[] = {
		{ "\"black\"", "\"currentColor\"" },
		{ "'black'", "'currentColor'" },
		{ "rgb(  0,   0,   0)", "currentColor" },
	};
	const char *end = s + size;

	while (s < end) {
		size_t skip = 0;

		for (size_t i = 0; i < ARRAY_SIZE(changes) && skip == 0; i++) {
			size_t n = strlen(changes[i].from);

			if ((size_t)(end - s) >= n && memcmp(s, changes[i].from, n) == 0) {
				out_str(o, changes[i].to);
				skip = n;
			}
		}
		if (skip == 0) {
			out_bytes(o, s, 1);
			skip = 1;
		}
		s += skip;
	}
}

static bool has(const char *line, size_t size, const char *what)
{
	return memmem(line, size, what, strlen(what)) != NULL;
}

/* From the text of one plot to markup that can be inlined; NULL with a cause otherwise. */
static char *inline_svg(const char *s, size_t size, const char **ret_cause)
{
	CLEANUP(out_free) struct out o = { 0 };
	const char *end = s + size;
	bool in_defs = false;

	*ret_cause = "gnuplot's output is not the SVG that was expected";
	if (!has(s, size, "<svg") || !has(s, size, "</svg>") || has(s, size, "<script") ||
	    has(s, size, "<foreignObject") || has(s, size, "<image"))
		return NULL;
	while (s < end) {
		const char *stop = memchr(s, '\n', (size_t)(end - s));
		size_t n = stop ? (size_t)(stop - s) + 1 : (size_t)(end - s);

		in_defs |= has(s, n, "<defs>");
		if (has(s, n, "<g id=\""))
			out_str(&o, "<g>\n");
		else if (!in_defs && n > 1 && !has(s, n, "<?xml") && !has(s, n, "<use ") &&
			 !has(s, n, "<title>") && !has(s, n, "<desc>") && !has(s, n, "xmlns:xlink"))
			add_line(&o, s, n);
		in_defs &= !has(s, n, "</defs>");
		s += n;
	}
	if (o.error < 0) {
		*ret_cause = "out of memory";
		return NULL;
	}
	return buf_take(&o.text);
}

int gnuplot_take(const struct proc_output *out, const void *tag, const char *why, char **ret_svg,
		 char **ret_cause)
{
	CLEANUP(freep) char *mark = NULL;
	const char *from;
	const char *to = NULL;
	const char *cause;

	if (asprintf(&mark, "@@%p\n", tag) < 0) {
		mark = NULL;
		return -ENOMEM;
	}
	from = strstr(buf_text(&out->out), mark);
	if (from) {
		from += strlen(mark);
		to = strstr(from, "\n@@\n");
	}
	if (to)
		*ret_svg = inline_svg(from, (size_t)(to - from), &cause);
	else
		cause = why;
	if (!*ret_svg)
		*ret_cause = strdup(cause);
	return *ret_svg || *ret_cause ? 0 : -ENOMEM;
}

int gnuplot_run(const struct out *script, struct proc_output *out, struct err *err)
{
	static const char *const argv[] = { "gnuplot", "-d", "-", NULL };
	CLEANUP(fd_closep) int fd = memfd_create("gnuplot script", MFD_CLOEXEC);
	struct proc_spec spec = { .argv = (char *const *)argv, .stdin_fd = fd };
	int e;

	if (fd < 0)
		return err_errno(err, -errno, "cannot make room for the gnuplot script");
	for (size_t done = 0; done < script->text.size;) {
		ssize_t n = pwrite(fd, script->text.data + done, script->text.size - done,
				   (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, -errno, "cannot write the gnuplot script");
		done += (size_t)n;
	}
	e = proc_run(&spec, GNUPLOT_OUTPUT_MAX, clock_deadline_ms(GNUPLOT_MS), out, err);
	if (e < 0)
		return err_prefix(err, e, "gnuplot");
	if (out->status != 0)
		return err_set(err, -EIO, "gnuplot failed: %.600s", buf_text(&out->err));
	return 0;
}
