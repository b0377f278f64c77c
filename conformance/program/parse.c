// SPDX-License-Identifier: Apache-2.0
/* A program from text that anybody may have written: every line is bounded and checked, and errors name it. */
#include "conformance/program/cursor.h"

#include "base/fs.h"
#include "conformance/front/device.h"

#include <string.h>

struct parser {
	struct cursor c;
	struct program *p;
	bool has_version;
	bool has_end;
	bool given[PROGRAM_GIVEN][PROGRAM_SYMBOLS_MAX];
	bool buffer[PROGRAM_SYMBOLS_MAX];
};

static bool is_word(const char *word, size_t size, const char *wanted)
{
	return strlen(wanted) == size && memcmp(word, wanted, size) == 0;
}

/* ---- the header ---- */

static int header_text(struct parser *p, const char *word, char *ret, size_t room)
{
	CLEANUP(buf_free) struct buf b = { 0 };
	int e;

	(void)cursor_skip(&p->c);
	e = cursor_text(&p->c, &b);
	if (e < 0)
		return e;
	if (b.size >= room)
		return cursor_fail(&p->c, "%s: at most %zu bytes", word, room - 1);
	if (b.size && memchr(b.data, '\0', b.size))
		return cursor_fail(&p->c, "%s: no \\x00 in it", word);
	(void)snprintf(ret, room, "%s", buf_text(&b));
	return 0;
}

static int parse_version(struct parser *p)
{
	uint64_t version;
	int e;

	(void)cursor_skip(&p->c);
	e = cursor_number(&p->c, UINT32_MAX, &version);
	if (e == 0 && version != PROGRAM_VERSION)
		return cursor_fail(&p->c, "format %u is not known here: this program reads %d",
				   (unsigned)version, PROGRAM_VERSION);
	p->has_version = e == 0;
	return e;
}

static int parse_seed(struct parser *p)
{
	(void)cursor_skip(&p->c);
	return cursor_number(&p->c, UINT64_MAX, &p->p->seed);
}

static int parse_option(struct parser *p)
{
	if (p->p->option_count == PROGRAM_OPTIONS_MAX)
		return cursor_fail(&p->c, "at most %d options", PROGRAM_OPTIONS_MAX);
	return header_text(p, "option", p->p->option[p->p->option_count++], PROGRAM_WORD);
}

static int parse_start(struct parser *p)
{
	static const char *const starts[STARTS] = { "session", "rings", "negotiated", "connected" };
	const char *word;
	size_t size = cursor_word(&p->c, &word);

	for (unsigned i = 0; i < STARTS; i++)
		if (is_word(word, size, starts[i])) {
			p->p->start = (enum program_start)i;
			return 0;
		}
	return cursor_fail(&p->c, "start= is session, rings, negotiated or connected");
}

/* Bounds are those of the front end. */
static int parse_front_word(struct parser *p, const char *word, size_t size)
{
	const struct {
		const char *name;
		uint64_t most;
		unsigned *number;
		bool *yes;
	} rows[] = {
		{ "queues", FRONT_QUEUES_MAX - 1, &p->p->queues, NULL },
		{ "ring", 1024, &p->p->ring, NULL },
		{ "regions", VHOST_USER_MEM_REGIONS_MAX, &p->p->regions, NULL },
		{ "timeout", 60000, &p->p->timeout_ms, NULL },
		{ "packed", 1, NULL, &p->p->packed },
		{ "no-indirect", 1, NULL, &p->p->no_indirect },
		{ "no-event", 1, NULL, &p->p->no_event },
		{ "window", 1, NULL, &p->p->window },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t n = 0;
		int e;

		if (!is_word(word, size, rows[i].name))
			continue;
		e = cursor_number(&p->c, rows[i].most, &n);
		if (rows[i].number)
			*rows[i].number = (unsigned)n;
		else if (rows[i].yes)
			*rows[i].yes = n != 0;
		return e;
	}
	return cursor_fail(
		&p->c,
		"front has no '%.*s': start, queues, ring, regions, packed, no-indirect, "
		"no-event, window, timeout",
		(int)(size < 40 ? size : 40), word);
}

static int parse_front(struct parser *p)
{
	while (cursor_skip(&p->c)) {
		const char *word;
		size_t size = cursor_word(&p->c, &word);
		int e = 0;

		if (!cursor_take(&p->c, '='))
			return cursor_fail(&p->c, "front wants NAME=VALUE");
		e = is_word(word, size, "start") ? parse_start(p) : parse_front_word(p, word, size);
		if (e < 0)
			return e;
	}
	/* A split ring is a power of two; so is ours always. */
	if (p->p->ring & (p->p->ring - 1))
		return cursor_fail(&p->c, "ring= is a power of two");
	return 0;
}

static int parse_violation(struct parser *p, const char *word, size_t size)
{
	for (unsigned i = 0; i < FRONT_FAULT_COUNT; i++)
		if (is_word(word, size, front_faults[i].name)) {
			p->p->violations |= UINT64_C(1) << i;
			return 0;
		}
	return cursor_fail(&p->c, "there is no violation '%.*s'", (int)(size < 40 ? size : 40),
			   word);
}

static int parse_end(struct parser *p)
{
	p->has_end = true;
	while (cursor_skip(&p->c)) {
		const char *name;
		const char *word;
		size_t size = cursor_word(&p->c, &name);
		size_t value;
		int e = 0;

		if (!cursor_take(&p->c, '='))
			return cursor_fail(&p->c, "end wants fate=... or violation=...");
		value = cursor_word(&p->c, &word);
		if (is_word(name, size, "violation"))
			e = parse_violation(p, word, value);
		else if (!is_word(name, size, "fate") || value == 0 || value >= sizeof(p->p->fate))
			e = cursor_fail(&p->c, "end wants fate=alive, exited:N, signal:N or hung");
		else
			(void)snprintf(p->p->fate, sizeof(p->p->fate), "%.*s", (int)value, word);
		if (e < 0)
			return e;
	}
	return 0;
}

/* ---- a step ---- */

/* What a symbol stands for must be there by then. */
static int check_symbols(struct parser *p, const struct program_value *v)
{
	for (size_t i = 0; i < v->count; i++) {
		const struct program_part *part = &v->part[i];
		bool there = true;

		if (part->kind != PART_SYMBOL)
			continue;
		if ((unsigned)part->family < PROGRAM_GIVEN)
			there = p->given[part->family][part->index];
		else if (part->family == PROGRAM_BUFFER || part->family == PROGRAM_VBUFFER)
			there = p->buffer[part->index];
		if (!there)
			return cursor_fail(
				&p->c, "%s%u: no line above gives it%s",
				program_family_name(part->family), part->index,
				part->family == PROGRAM_NODE ? " (`LOOKUP ... -> n1` would)" : "");
	}
	return 0;
}

static int parse_field(struct parser *p, struct program_step *s, const char *name, size_t size)
{
	const struct program_param *param = program_param_find(s->verb, name, size);
	struct program_field *f = &s->field[s->field_count];
	int e;

	if (!param)
		return cursor_fail(&p->c, "%s has no field '%.*s'", s->verb->name,
				   (int)(size < 40 ? size : 40), name);
	if (!cursor_take(&p->c, '='))
		return cursor_fail(&p->c, "%s wants a '=' and a value behind it", param->name);
	for (size_t i = 0; i < s->field_count; i++)
		if (s->field[i].param == param)
			return cursor_fail(&p->c, "%s is given twice", param->name);
	if (s->field_count == PROGRAM_FIELDS_MAX)
		return cursor_fail(&p->c, "at most %d fields", PROGRAM_FIELDS_MAX);
	*f = (struct program_field){ .param = param };
	s->field_count++;
	e = cursor_value(&p->c, param, &f->value);
	return e < 0 ? e : check_symbols(p, &f->value);
}

static int parse_gives(struct parser *p, struct program_step *s)
{
	while (cursor_skip(&p->c) && *p->c.at != '=') {
		enum program_family family = PROGRAM_FAMILIES;
		uint32_t index = 0;
		int e = cursor_symbol(&p->c, &family, &index);
		bool can = (unsigned)family < PROGRAM_GIVEN &&
			   (s->verb->gives >> family & 1 || family == PROGRAM_UNIQUE) &&
			   (s->verb->act == ACT_REQUEST);

		if (e < 0)
			return e;
		if (e == 0 || !can)
			return cursor_fail(
				&p->c,
				"behind -> comes what the reply of %s brings: n1 for a node "
				"id, f1 for a file handle, u1 for the request's unique",
				s->verb->name);
		s->give[family] = index + 1;
		p->given[family][index] = true;
	}
	return 0;
}

static int parse_seen(struct parser *p, struct program_step *s)
{
	const char *word;
	size_t size;

	(void)cursor_skip(&p->c);
	size = cursor_word(&p->c, &word);
	if (size == 0 || size >= sizeof(s->seen))
		return cursor_fail(&p->c, "behind => comes what was seen: OK, ENOENT, gone, ...");
	(void)snprintf(s->seen, sizeof(s->seen), "%.*s", (int)size, word);
	return 0;
}

static bool take_arrow(struct cursor *c, const char *arrow)
{
	if (c->end - c->at < 2 || memcmp(c->at, arrow, 2) != 0)
		return false;
	c->at += 2;
	return true;
}

static int parse_rest(struct parser *p, struct program_step *s)
{
	while (cursor_skip(&p->c)) {
		const char *name;
		size_t size;
		int e;

		if (take_arrow(&p->c, "->"))
			e = parse_gives(p, s);
		else if (take_arrow(&p->c, "=>"))
			e = parse_seen(p, s);
		else if ((size = cursor_word(&p->c, &name)) == 0)
			e = cursor_fail(&p->c, "'%c' is not expected here: NAME=VALUE, -> or => is",
					*p->c.at);
		else
			e = parse_field(p, s, name, size);
		if (e < 0)
			return e;
	}
	return 0;
}

static int parse_step(struct parser *p, const char *word, size_t size)
{
	const struct program_verb *v = program_verb_find(word, size);
	const struct program_value *buffer;
	struct program_step *s;
	int e;

	if (!v)
		return cursor_fail(&p->c,
				   "there is no '%.*s': an opcode of FUSE such as LOOKUP is "
				   "wanted, or request, message, memory, ... (program/README.md)",
				   (int)(size < 40 ? size : 40), word);
	if (p->has_end)
		return cursor_fail(&p->c, "nothing comes behind `end`");
	if (p->p->count == PROGRAM_STEPS_MAX)
		return cursor_fail(&p->c, "at most %d steps", PROGRAM_STEPS_MAX);
	s = program_add(p->p, v->name);
	if (!s)
		return -ENOMEM;
	s->line = p->c.line;
	e = parse_rest(p, s);
	if (e < 0 || v->act != ACT_MEMORY)
		return e;
	buffer = program_get(s, "buffer");
	if (!buffer || buffer->part[0].kind != PART_NUMBER ||
	    buffer->part[0].number >= PROGRAM_SYMBOLS_MAX)
		return cursor_fail(&p->c, "memory wants buffer=N, N below %d", PROGRAM_SYMBOLS_MAX);
	p->buffer[buffer->part[0].number] = true;
	return 0;
}

static int parse_line(struct parser *p)
{
	const char *word;
	size_t size;

	if (!cursor_skip(&p->c))
		return 0;
	size = cursor_word(&p->c, &word);
	if (is_word(word, size, "virtiofs-program"))
		return parse_version(p);
	if (!p->has_version)
		return cursor_fail(&p->c, "a program begins with `virtiofs-program %d`",
				   PROGRAM_VERSION);
	if (is_word(word, size, "shows"))
		return header_text(p, "shows", p->p->shows, sizeof(p->p->shows));
	if (is_word(word, size, "daemon"))
		return header_text(p, "daemon", p->p->daemon, sizeof(p->p->daemon));
	if (is_word(word, size, "option"))
		return parse_option(p);
	if (is_word(word, size, "check"))
		return header_text(p, "check", p->p->check, sizeof(p->p->check));
	if (is_word(word, size, "seed"))
		return parse_seed(p);
	if (is_word(word, size, "front"))
		return parse_front(p);
	if (is_word(word, size, "end"))
		return parse_end(p);
	return parse_step(p, word, size);
}

static int parse_lines(struct parser *p, const char *text, size_t size)
{
	const char *end = text + size;
	int e = 0;

	while (e == 0 && text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));

		p->c.at = text;
		p->c.end = newline ? newline : end;
		p->c.line++;
		e = parse_line(p);
		if (e == 0 && cursor_skip(&p->c))
			e = cursor_fail(&p->c, "'%c' is not expected at the end of the line",
					*p->c.at);
		text = p->c.end + 1;
	}
	if (e == 0 && !p->has_version)
		e = cursor_fail(&p->c,
				"there is nothing: a program begins with `virtiofs-program %d`",
				PROGRAM_VERSION);
	return e;
}

int program_parse(const char *text, size_t size, struct program **ret, struct err *reterr)
{
	CLEANUP(freep) struct parser *p = calloc(1, sizeof(*p));
	CLEANUP(program_freep) struct program *made = program_new();
	int e;

	if (!p || !made)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (size > PROGRAM_TEXT_MAX)
		return err_set(reterr, -EINVAL, "a program has at most %d bytes", PROGRAM_TEXT_MAX);
	p->p = made;
	p->c.reterr = reterr;
	e = parse_lines(p, text, size);
	if (e == -ENOMEM)
		return err_set(reterr, e, "out of memory");
	if (e == 0)
		*ret = TAKE_PTR(made);
	return e;
}

int program_load(const char *path, struct program **ret, struct err *reterr)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	int e = fs_read(path, PROGRAM_TEXT_MAX, &text, reterr);

	if (e < 0)
		return e;
	e = program_parse(buf_text(&text), text.size, ret, reterr);
	return e < 0 ? err_prefix(reterr, e, "%s", path) : 0;
}
