// SPDX-License-Identifier: Apache-2.0
/*
 * vq-check - the guest suite: checks of a mounted file system.
 *
 *	vq-check list					the checks, one JSON object a line
 *	vq-check run --dir MOUNT --answers DIR ...	as the driver of a guest starts it (line.h)
 *	vq-check control --dir DIR ...			on a local folder, doing the host's part itself
 *
 * Exit status: 0 all that was asked for was done, 1 not, 2 wrong usage. What came of checks is in the lines; control also
 * says it in words, and ends with 1 when a check did not pass.
 */
#include "conformance/guest/run.h"

#include "conformance/guest/channel.h"

#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ONLY_MAX 64

struct call {
	struct check_env env;
	const char *only[ONLY_MAX];
	unsigned only_count;
	unsigned from; /* number of the first check */
};

/* ---- list ---- */

static void print_text(const char *key, const char *text, const char *end)
{
	(void)printf("\"%s\": ", key);
	if (!text) {
		(void)printf("null%s", end);
		return;
	}
	(void)putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			(void)putchar('\\');
		(void)putchar(*text);
	}
	(void)printf("\"%s", end);
}

static int list(void)
{
	size_t count;
	const struct check_area *const *area = check_areas(&count);

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < area[i]->count; j++) {
			const struct check *c = &area[i]->checks[j];

			(void)putchar('{');
			print_text("area", area[i]->id, ", ");
			print_text("area_title", area[i]->title, ", ");
			print_text("id", c->id, ", ");
			print_text("title", c->title, ", ");
			print_text("rows", c->rows, ", ");
			print_text("does", c->does, ", ");
			print_text("wants", c->wants, ", ");
			print_text("catches", c->catches, "}\n");
		}
	return fflush(stdout) == 0 ? 0 : 1;
}

/* ---- run ---- */

static bool is_chosen(const struct call *c, const char *id)
{
	for (unsigned i = 0; i < c->only_count; i++)
		if (fnmatch(c->only[i], id, 0) == 0)
			return true;
	return c->only_count == 0;
}

static int run_chosen(const struct call *c, struct run_totals *t)
{
	size_t count;
	const struct check_area *const *area = check_areas(&count);
	unsigned index = 0;
	int e = 0;

	for (size_t i = 0; e == 0 && i < count; i++)
		for (size_t j = 0; e == 0 && !t->stuck && j < area[i]->count; j++, index++)
			if (index >= c->from && is_chosen(c, area[i]->checks[j].id))
				e = run_one(&c->env, &area[i]->checks[j], index, t);
	return e;
}

static int say_word(const char *word)
{
	struct line w;

	line_clear(&w);
	(void)line_add_text(&w, word);
	return channel_say(&w);
}

static int complain(const char *what, int error)
{
	(void)fprintf(stderr, "vq-check: %s: %s\n", what, strerror(error));
	return 1;
}

static int run(const struct call *c)
{
	struct run_totals t = { 0 };
	int e = run_start(&c->env);

	if (e < 0)
		return complain("start", -e);
	e = run_chosen(c, &t);
	if (e == 0)
		e = say_word(t.stuck ? "stuck" : "done");
	return e < 0 ? complain("the way to the driver", -e) : 0;
}

/* The lines go to a file, and what is in them is said in words. */
static int control(const struct call *c)
{
	struct run_totals t = { 0 };
	char line[LINE_SIZE];
	struct line w;
	FILE *f;
	int to = dup(STDOUT_FILENO);
	int file = memfd_create("lines", MFD_CLOEXEC);
	int e = run_start(&c->env);

	if (e < 0 || to < 0 || file < 0 || dup2(file, STDOUT_FILENO) < 0)
		return complain("start", e < 0 ? -e : errno);
	e = run_chosen(c, &t);
	f = fdopen(file, "r");
	(void)dup2(to, STDOUT_FILENO);
	if (e < 0 || !f)
		return complain("run", e < 0 ? -e : errno);
	rewind(f);
	while (fgets(line, sizeof(line), f)) {
		bool is_end = line_parse(&w, line, strcspn(line, "\n")) == 0 &&
			      strcmp(line_at(&w, 0), "end") == 0;

		if (is_end && line_at(&w, 6)[0])
			(void)printf("%s %s: %s; seen: %s\n", line_at(&w, 2), line_at(&w, 1),
				     line_at(&w, 5), line_at(&w, 6));
		else if (is_end)
			(void)printf("%s %s\n", line_at(&w, 2), line_at(&w, 1));
	}
	(void)fclose(f);
	(void)printf("%u passed, %u failed, %u skipped, %u broken\n", t.of[CHECK_PASS],
		     t.of[CHECK_FAIL], t.of[CHECK_SKIP], t.of[CHECK_BROKEN]);
	return t.stuck || t.of[CHECK_FAIL] || t.of[CHECK_BROKEN] || t.of[CHECK_UNSET] ? 1 : 0;
}

/* ---- command line ---- */

static const struct {
	const char *word;
	unsigned bit;
} has_words[] = {
	{ "host", NEED_HOST },
	{ "map", NEED_SHARED_MAP },
	{ "dax", NEED_DAX },
};

static unsigned parse_has(const char *text)
{
	unsigned bits = 0;

	for (size_t i = 0; i < ARRAY_SIZE(has_words); i++)
		if (strstr(text, has_words[i].word))
			bits |= has_words[i].bit;
	return bits;
}

static const struct option options[] = {
	{ "dir", required_argument, NULL, 'd' },     { "answers", required_argument, NULL, 'a' },
	{ "type", required_argument, NULL, 'y' },    { "source", required_argument, NULL, 's' },
	{ "expect", required_argument, NULL, 'x' },  { "entry-ms", required_argument, NULL, 'e' },
	{ "attr-ms", required_argument, NULL, 't' }, { "has", required_argument, NULL, 'h' },
	{ "kernel-log", no_argument, NULL, 'k' },    { "only", required_argument, NULL, 'o' },
	{ "from", required_argument, NULL, 'f' },    { 0 },
};

static bool parse(int argc, char **argv, struct call *c)
{
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) >= 0)
		switch (o) {
		case 'd': c->env.dir = optarg; break;
		case 'a': c->env.answers = optarg; break;
		case 'y': c->env.type = optarg; break;
		case 's': c->env.source = optarg; break;
		case 'x': c->env.expect = optarg; break;
		case 'e': c->env.entry_ms = atoll(optarg); break;
		case 't': c->env.attr_ms = atoll(optarg); break;
		case 'h': c->env.has = parse_has(optarg); break;
		case 'k': c->env.kernel_log = true; break;
		case 'f': c->from = (unsigned)atoi(optarg); break;
		case 'o':
			if (c->only_count == ONLY_MAX)
				return false;
			c->only[c->only_count++] = optarg;
			break;
		default: return false;
		}
	return optind == argc;
}

int main(int argc, char **argv)
{
	/* Without a word about it: one file system, where all is seen at once but what is private. */
	struct call c = { .env = { .has = NEED_HOST | NEED_SHARED_MAP, .expect = "B28=X" } };
	const char *command = argc > 1 ? argv[1] : "";

	if (argc > 1 && parse(argc - 1, argv + 1, &c)) {
		if (strcmp(command, "list") == 0)
			return list();
		if (strcmp(command, "run") == 0 && c.env.dir)
			return run(&c);
		if (strcmp(command, "control") == 0 && c.env.dir && !c.env.answers)
			return control(&c);
	}
	(void)fprintf(
		stderr,
		"usage: vq-check list\n"
		"       vq-check run --dir MOUNT [--answers DIR] [--type FS --source TAG] [--expect 'B01=I ...'] [--entry-ms N] "
		"[--attr-ms N]\n"
		"                    [--has host,map,dax] [--kernel-log] [--only GLOB] [--from N]\n"
		"       vq-check control --dir DIR [--only GLOB]\n");
	return 2;
}
