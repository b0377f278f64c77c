// SPDX-License-Identifier: Apache-2.0
#include "base/conf.h"

#include "base/fs.h"

#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

enum token {
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_ASSIGN,
	TOKEN_APPEND,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_COMMA
};

struct scan {
	struct conf *conf;
	const char *at;
	unsigned line;
	unsigned word_line; /* of the newest word's first letter */
	char word[CONF_TOKEN_MAX + 1];
	struct err *reterr;
};

void conf_free(struct conf *c)
{
	for (size_t i = 0; i < c->section_count; i++) {
		free(c->section[i].name);
		free(c->section[i].title);
	}
	for (size_t i = 0; i < c->item_count; i++) {
		free(c->item[i].key);
		free(c->item[i].word_line);
	}
	free(c->section);
	free(c->item);
	free(c->file);
	free(c->text);
	*c = (struct conf){ 0 };
}

static int wrong(const struct scan *s, const char *what)
{
	return err_set(s->reterr, -EINVAL, "%s:%u: %s", s->conf->file, s->line, what);
}

static int no_memory(const struct scan *s)
{
	return err_set(s->reterr, -ENOMEM, "out of memory reading %s", s->conf->file);
}

/* ---- tokens ---- */

static int skip_comment(struct scan *s)
{
	unsigned begun = s->line;
	const char *end;

	if (s->at[0] == '#' || s->at[1] == '/') {
		s->at += strcspn(s->at, "\n");
		return 0;
	}
	end = strstr(s->at + 2, "*/");
	if (!end) {
		s->line = begun;
		return wrong(s, "this comment has no end");
	}
	for (; s->at < end; s->at++)
		s->line += *s->at == '\n';
	s->at = end + 2;
	return 0;
}

static int skip_space(struct scan *s)
{
	int e = 0;

	while (e == 0 && *s->at) {
		if (strchr(" \t\r\n", *s->at)) {
			s->line += *s->at == '\n';
			s->at++;
		} else if (*s->at == '#' ||
			   (*s->at == '/' && (s->at[1] == '/' || s->at[1] == '*'))) {
			e = skip_comment(s);
		} else {
			break;
		}
	}
	return e;
}

static int take(struct scan *s, size_t size)
{
	if (size > CONF_TOKEN_MAX)
		return wrong(s, "this word is too long");
	memcpy(s->word, s->at, size);
	s->word[size] = '\0';
	s->at += size;
	return TOKEN_WORD;
}

static int quoted(struct scan *s)
{
	char quote = *s->at++;
	unsigned begun = s->line;
	size_t size = 0;
	int e;

	while (s->at[size] && s->at[size] != quote) {
		size += s->at[size] == '\\' && s->at[size + 1];
		s->line += s->at[size] == '\n';
		size++;
	}
	if (!s->at[size]) {
		s->line = begun;
		return wrong(s, "this text has no closing quote");
	}
	e = take(s, size);
	s->at += e >= 0;
	return e;
}

/* The next token, or -errno. */
static int next(struct scan *s)
{
	static const char marks[] = "={},";
	static const enum token mark_token[] = { TOKEN_ASSIGN, TOKEN_OPEN, TOKEN_CLOSE,
						 TOKEN_COMMA };
	const char *mark;
	int e = skip_space(s);

	if (e < 0)
		return e;
	s->word_line = s->line;
	if (!*s->at)
		return TOKEN_END;
	if (s->at[0] == '+' && s->at[1] == '=') {
		s->at += 2;
		return TOKEN_APPEND;
	}
	mark = strchr(marks, *s->at);
	if (mark) {
		s->at++;
		return (int)mark_token[mark - marks];
	}
	if (*s->at == '"' || *s->at == '\'')
		return quoted(s);
	if (strchr("()+", *s->at))
		return wrong(s, "this is neither a key, a value nor a brace");
	return take(s, strcspn(s->at, " \t\r\n=+{},()\"'#"));
}

/* ---- what they make ---- */

static int add_section(struct scan *s, const char *name, const char *title, unsigned line,
		       size_t parent)
{
	struct conf *c = s->conf;
	struct conf_section *p = reallocarray(c->section, c->section_count + 1, sizeof(*p));

	if (!p)
		return no_memory(s);
	c->section = p;
	p += c->section_count++;
	*p = (struct conf_section){ strdup(name), strdup(title), line, parent };
	return p->name && p->title ? 0 : no_memory(s);
}

static struct conf_item *find_item(const struct conf *c, size_t section, const char *key)
{
	for (size_t i = 0; i < c->item_count; i++)
		if (c->item[i].section == section && strcmp(c->item[i].key, key) == 0)
			return &c->item[i];
	return NULL;
}

static int add_item(struct scan *s, size_t section, const char *key, unsigned line, bool append,
		    size_t *ret)
{
	struct conf *c = s->conf;
	struct conf_item *p = find_item(c, section, key);

	if (p && append) {
		*ret = (size_t)(p - c->item);
		return 0;
	}
	if (p)
		return err_set(s->reterr, -EINVAL,
			       "%s:%u: '%s' is given a second time (first in line %u)", c->file,
			       line, key, p->line);
	p = reallocarray(c->item, c->item_count + 1, sizeof(*p));
	if (!p)
		return no_memory(s);
	c->item = p;
	*ret = c->item_count++;
	p[*ret] = (struct conf_item){ .key = strdup(key), .section = section, .line = line };
	return p[*ret].key ? 0 : no_memory(s);
}

static int add_word(struct scan *s, size_t item)
{
	struct conf_item *p = &s->conf->item[item];
	unsigned *lines = reallocarray(p->word_line, p->word_count + 1, sizeof(*lines));

	if (!lines)
		return no_memory(s);
	p->word_line = lines;
	lines[p->word_count++] = s->word_line;
	return 0;
}

/* { word, word } or one word. */
static int read_value(struct scan *s, size_t item)
{
	int t = next(s);
	int e = 0;

	if (t < 0)
		return t;
	if (t == TOKEN_WORD)
		return add_word(s, item);
	if (t != TOKEN_OPEN)
		return wrong(s, "there is no value behind '='");
	while (e == 0 && (t = next(s)) != TOKEN_CLOSE) {
		if (t < 0)
			return t;
		if (t == TOKEN_WORD)
			e = add_word(s, item);
		else if (t != TOKEN_COMMA)
			return wrong(s, "this list has no '}'");
	}
	return e;
}

struct position {
	size_t section[CONF_DEPTH_MAX + 1];
	size_t depth;
};

static int open_section(struct scan *s, struct position *p, const char *name, const char *title,
			unsigned line)
{
	int e;

	if (p->depth == CONF_DEPTH_MAX)
		return wrong(s, "sections are nested too deeply");
	e = add_section(s, name, title, line, p->section[p->depth]);
	p->section[++p->depth] = s->conf->section_count - 1;
	return e;
}

/* What begins with a word: a key with its value, or a section. */
static int read_entry(struct scan *s, struct position *p)
{
	char name[CONF_TOKEN_MAX + 1];
	unsigned line = s->word_line;
	size_t item = 0;
	int e;
	int t;

	memcpy(name, s->word, sizeof(name));
	t = next(s);
	if (t == TOKEN_OPEN)
		return open_section(s, p, name, "", line);
	if (t == TOKEN_WORD) {
		char title[CONF_TOKEN_MAX + 1];

		memcpy(title, s->word, sizeof(title));
		t = next(s);
		if (t == TOKEN_OPEN)
			return open_section(s, p, name, title, line);
		if (t >= 0)
			t = TOKEN_END; /* two words in a row that begin no section */
	}
	if (t < 0)
		return t;
	if (t != TOKEN_ASSIGN && t != TOKEN_APPEND)
		return err_set(s->reterr, -EINVAL,
			       "%s:%u: behind '%.64s' there is neither '=' nor '{'", s->conf->file,
			       line, name);
	e = add_item(s, p->section[p->depth], name, line, t == TOKEN_APPEND, &item);
	return e < 0 ? e : read_value(s, item);
}

static int scan_all(struct scan *s)
{
	struct position p = { .depth = 0 };
	int e = add_section(s, "", "", 1, 0);

	while (e == 0) {
		int t = next(s);

		if (t < 0)
			return t;
		if (t == TOKEN_WORD)
			e = read_entry(s, &p);
		else if (t == TOKEN_CLOSE && p.depth > 0)
			p.depth--;
		else if (t == TOKEN_END && p.depth == 0)
			return 0;
		else if (t == TOKEN_END)
			return err_set(s->reterr, -EINVAL,
				       "%s:%u: section '%s' that begins here has no '}'",
				       s->conf->file, s->conf->section[p.section[p.depth]].line,
				       s->conf->section[p.section[p.depth]].name);
		else
			e = wrong(s, "a key or a section should begin here");
	}
	return e;
}

/* Bytes that no text holds: the library's scanner was not made for them. */
static int check_bytes(const struct conf *c, size_t size, struct err *reterr)
{
	unsigned line = 1;
	json_t *text;

	for (size_t i = 0; i < size; i++) {
		unsigned char b = (unsigned char)c->text[i];

		if ((b < ' ' && !strchr("\t\r\n", b)) || b == '\0' || b == 0x7f)
			return err_set(reterr, -EINVAL, "%s:%u: this is no text (byte 0x%02x)",
				       c->file, line, b);
		line += b == '\n';
	}
	text = json_stringn(c->text, size);
	json_decref(text);
	return text ? 0 : err_set(reterr, -EINVAL, "%s is not UTF-8 text", c->file);
}

int conf_read(const char *path, struct conf *ret, struct err *reterr)
{
	CLEANUP(conf_free) struct conf c = { .file = strdup(path) };
	struct scan *s = calloc(1, sizeof(*s));
	struct buf text = { 0 };
	struct stat st;
	size_t size;
	int e;

	if (!c.file || !s || stat(path, &st) < 0 || !S_ISREG(st.st_mode)) {
		e = c.file && s ? -ENOENT : -ENOMEM;
		free(s);
		return err_set(reterr, e, "there is no file %s", path);
	}
	e = fs_read(path, CONF_BYTES_MAX, &text, reterr);
	size = text.size;
	c.text = buf_take(&text);
	if (!c.text) {
		free(s);
		return e < 0 ? e : err_set(reterr, -ENOMEM, "out of memory reading %s", path);
	}
	if (e == 0)
		e = check_bytes(&c, size, reterr);
	if (e == 0) {
		s->conf = &c;
		s->at = c.text;
		s->line = 1;
		s->reterr = reterr;
		e = scan_all(s);
	}
	free(s);
	if (e < 0)
		return e;
	*ret = c;
	c = (struct conf){ 0 };
	return 0;
}

/* ---- questions ---- */

size_t conf_section(const struct conf *c, const char *name, const char *title)
{
	for (size_t i = 1; i < c->section_count; i++)
		if (strcmp(c->section[i].name, name) == 0 &&
		    strcmp(c->section[i].title, title ? title : "") == 0)
			return i;
	return 0;
}

unsigned conf_line(const struct conf *c, size_t section, const char *key, size_t index)
{
	const struct conf_item *p = key ? find_item(c, section, key) : NULL;

	if (p && index < p->word_count)
		return p->word_line[index];
	return p ? p->line : c->section[section].line;
}
