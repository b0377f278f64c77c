// SPDX-License-Identifier: Apache-2.0
#include "run/checks_serve.h"

#include "base/json.h"

#include "conformance/guest/act.h"

#include <string.h>

#define FIGURES_MAX 16
#define TEXT_MAX    4096
/* A check reports whole microseconds. */
#define US_PER_MS 1000.0

void checks_serve_free(struct checks_serve *s)
{
	json_decref(s->results);
	json_decref(s->figures);
	s->results = NULL;
	s->figures = NULL;
}

static json_t *find(const struct checks_serve *s, const char *id)
{
	json_t *one;
	size_t i;

	json_array_foreach(s->list, i, one)
		if (strcmp(json_str_at(one, "id", ""), id) == 0)
			return one;
	return NULL;
}

/* Text of the guest: bounded, and nothing in it that a terminal obeys. */
static json_t *text_json(const char *text, size_t size)
{
	char clean[TEXT_MAX + 1];
	size_t n = size < TEXT_MAX ? size : TEXT_MAX;

	if (size == 0)
		return json_null();
	for (size_t i = 0; i < n; i++)
		clean[i] = text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~') ? text[i] : '?';
	clean[n] = '\0';
	return json_string(clean);
}

static json_t *word_json(const struct line *w, unsigned index)
{
	return text_json(line_at(w, index), line_size(w, index));
}

static int refuse(struct err *reterr, const char *what, const struct line *w, unsigned index)
{
	json_t *text = word_json(w, index);
	int e = err_set(reterr, -EPROTO, "vq-check says %s '%.80s'", what,
			json_is_string(text) ? json_string_value(text) : "");

	json_decref(text);
	return e;
}

static int begin(struct checks_serve *s, const struct line *w, struct err *reterr)
{
	if (s->running[0] || !find(s, line_at(w, 1)) || json_object_get(s->results, line_at(w, 1)))
		return refuse(reterr, "that it begins", w, 1);
	(void)snprintf(s->running, sizeof(s->running), "%s", line_at(w, 1));
	json_decref(s->figures);
	s->figures = json_array();
	return s->figures ? 0 : -ENOMEM;
}

static int figure(struct checks_serve *s, const struct line *w, struct err *reterr)
{
	int64_t value;

	if (!s->running[0] || line_number(w, 2, &value) < 0 ||
	    json_array_size(s->figures) >= FIGURES_MAX)
		return refuse(reterr, "the figure", w, 1);
	return json_array_append_new(s->figures,
				     json_pack("{s:o,s:I,s:o}", "name", word_json(w, 1), "value",
					       (json_int_t)value, "unit", word_json(w, 3))) < 0
		       ? -ENOMEM
		       : 0;
}

static bool is_verdict(const char *word)
{
	static const char *const verdicts[] = { "PASS", "FAIL", "SKIP", "BROKEN" };

	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++)
		if (strcmp(word, verdicts[i]) == 0)
			return true;
	return false;
}

static int keep(struct checks_serve *s, json_t *result)
{
	int e = result ? json_object_set_new(s->results, s->running, result) : -1;

	s->running[0] = '\0';
	s->figures = NULL;
	return e < 0 ? -ENOMEM : 0;
}

static int end(struct checks_serve *s, const struct line *w, struct err *reterr)
{
	int64_t us;

	if (!s->running[0] || strcmp(line_at(w, 1), s->running) != 0)
		return refuse(reterr, "that it ends", w, 1);
	if (!is_verdict(line_at(w, 2)) || line_number(w, 3, &us) < 0 || us < 0)
		return refuse(reterr, "the verdict", w, 2);
	return keep(s, json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:s,s:o}", "verdict", line_at(w, 2),
				 "duration_ms", json_num((double)us / US_PER_MS), "row",
				 word_json(w, 4), "expected", word_json(w, 5), "seen",
				 word_json(w, 6), "note", word_json(w, 7), "log", word_json(w, 8),
				 "fate", s->fate ? s->fate : "", "figures", s->figures));
}

static int stuck(struct checks_serve *s, const struct line *w, struct err *reterr)
{
	(void)w;
	(void)reterr;
	s->stuck = true;
	return 0;
}

static int done(struct checks_serve *s, const struct line *w, struct err *reterr)
{
	if (s->running[0])
		return refuse(reterr, "before the check has ended", w, 0);
	s->done = true;
	return 0;
}

/* What a line may say besides questions. */
static const struct {
	const char *word;
	unsigned words; /* that it has */
	int (*take)(struct checks_serve *s, const struct line *w, struct err *reterr);
} lines[] = {
	{ "begin", 2, begin }, { "figure", 4, figure }, { "end", 9, end },
	{ "stuck", 1, stuck }, { "done", 1, done },
};

/* ask N PARTY VERB ARGUMENT... */
static int ask(struct checks_serve *s, const struct line *w, int64_t *ret_number,
	       struct line *ret_answer, struct err *reterr)
{
	int64_t number;

	if (w->count < 4 || line_number(w, 1, &number) < 0 || number < 0 || !s->running[0])
		return refuse(reterr, "a question that is none:", w, 3);
	*ret_number = number;
	if (strcmp(line_at(w, 2), "host") == 0 && s->root >= 0) {
		act_do(s->root, w, 3, ret_answer);
		return 0;
	}
	line_clear(ret_answer);
	return line_add_number(ret_answer, -EOPNOTSUPP);
}

int checks_serve_line(struct checks_serve *s, const char *line, size_t size, int64_t *ret_number,
		      struct line *ret_answer, struct err *reterr)
{
	struct line w;

	*ret_number = -1;
	if (!s->results && !(s->results = json_object()))
		return err_set(reterr, -ENOMEM, "out of memory");
	if (s->done || s->stuck)
		return err_set(reterr, -EPROTO, "vq-check goes on behind its end");
	if (line_parse(&w, line, size) < 0)
		return err_set(reterr, -EPROTO, "vq-check sent a line that is none");
	if (strcmp(line_at(&w, 0), "ask") == 0)
		return ask(s, &w, ret_number, ret_answer, reterr);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (strcmp(line_at(&w, 0), lines[i].word) == 0 && w.count == lines[i].words)
			return lines[i].take(s, &w, reterr);
	return refuse(reterr, "what nobody understands:", &w, 0);
}

int checks_serve_lost(struct checks_serve *s, const char *fate, const char *seen, const char *log)
{
	if (!s->running[0])
		return 0;
	return keep(s, json_pack("{s:s,s:o,s:n,s:s,s:o,s:n,s:o,s:s,s:o}", "verdict", "FAIL",
				 "duration_ms", json_num(0), "row", "expected",
				 "the guest, and what serves its share, survive the check", "seen",
				 text_json(seen, strlen(seen)), "note", "log",
				 text_json(log, strlen(log)), "fate", fate, "figures", s->figures));
}

unsigned checks_serve_next(const struct checks_serve *s)
{
	unsigned next = 0;
	json_t *one;
	size_t i;

	json_array_foreach(s->list, i, one)
		if (json_object_get(s->results, json_str_at(one, "id", "")))
			next = (unsigned)i + 1;
	return next;
}
