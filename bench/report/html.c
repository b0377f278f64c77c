// SPDX-License-Identifier: Apache-2.0
#include "report/html.h"

#include "report/text.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

static const char *entity_of(char c)
{
	switch (c) {
	case '&': return "&amp;";
	case '<': return "&lt;";
	case '>': return "&gt;";
	case '"': return "&quot;";
	case '\'': return "&#39;";
	default: return NULL;
	}
}

static void escape(struct html *h, const char *text)
{
	CLEANUP(out_free) struct out clean = { 0 };
	const char *s;

	text_clean(&clean, text, strlen(text), TEXT_MANY_LINES);
	if (clean.error < 0) {
		h->out.error = clean.error;
		return;
	}
	s = buf_text(&clean.text);
	while (*s) {
		size_t n = strcspn(s, "&<>\"'");

		out_bytes(&h->out, s, n);
		s += n;
		if (*s)
			out_str(&h->out, entity_of(*s++));
	}
}

void html_open(struct html *h, const char *name, ...)
{
	const char *key;
	va_list ap;

	assert(h->depth < HTML_DEPTH);
	h->open[h->depth++] = name;
	out_fmt(&h->out, "<%s", name);
	va_start(ap, name);
	while ((key = va_arg(ap, const char *))) {
		const char *value = va_arg(ap, const char *);

		if (!value)
			break;
		out_fmt(&h->out, " %s=\"", key);
		escape(h, value);
		out_str(&h->out, "\"");
	}
	va_end(ap);
	out_str(&h->out, ">");
}

void html_close(struct html *h, const char *name)
{
	assert(h->depth > 0 && strcmp(h->open[h->depth - 1], name) == 0);
	h->depth--;
	out_fmt(&h->out, "</%s>", name);
}

void html_text(struct html *h, const char *text)
{
	escape(h, text);
}

static void PRINTF_LIKE(2, 0) text_va(struct html *h, const char *fmt, va_list ap)
{
	CLEANUP(freep) char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0) {
		text = NULL;
		h->out.error = -ENOMEM;
		return;
	}
	escape(h, text);
}

void html_textf(struct html *h, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_va(h, fmt, ap);
	va_end(ap);
}

void html_elem(struct html *h, const char *name, const char *css, const char *text)
{
	html_open(h, name, "class", css, NULL);
	escape(h, text);
	html_close(h, name);
}

void html_elemf(struct html *h, const char *name, const char *css, const char *fmt, ...)
{
	va_list ap;

	html_open(h, name, "class", css, NULL);
	va_start(ap, fmt);
	text_va(h, fmt, ap);
	va_end(ap);
	html_close(h, name);
}

/* RFC 3986: unreserved characters and the separator of path segments stay. */
static void encode_path(struct out *o, const char *path)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";

	for (; *path; path++) {
		if (strchr(plain, *path))
			out_bytes(o, path, 1);
		else
			out_fmt(o, "%%%02X", (unsigned int)(unsigned char)*path);
	}
}

void html_link(struct html *h, const char *path, const char *css, const char *text)
{
	CLEANUP(out_free) struct out href = { 0 };

	encode_path(&href, path);
	if (href.error < 0)
		h->out.error = href.error;
	html_open(h, "a", "href", buf_text(&href.text), "class", css, NULL);
	escape(h, text);
	html_close(h, "a");
}

void html_raw(struct html *h, const char *markup)
{
	out_str(&h->out, markup);
}

void html_newline(struct html *h)
{
	out_str(&h->out, "\n");
}

void html_free(struct html *h)
{
	out_free(&h->out);
}
