// SPDX-License-Identifier: Apache-2.0
/* What came of faults against checks: kept, printed, and compared with the kills that are required. */
#include "conformance/runner/prove.h"

#include "base/buf.h"
#include "base/fs.h"

#include <search.h>
#include <string.h>

#define FILE_MAX (64 * MIB)

static const char *const names[PROOF_VERDICTS] = {
	[PROOF_CAUGHT] = "caught",	     [PROOF_MISSED] = "missed",
	[PROOF_NOT_REACHED] = "not reached", [PROOF_LEFT_OUT] = "left out",
	[PROOF_BROKEN] = "broken",
};

const char *proof_verdict_name(enum proof_verdict v)
{
	return names[v];
}

/* ---- the table ---- */

/* What can be found out in a moment is not written down: another build may reach it. */
static bool is_kept(const struct proof_row *r)
{
	return r->verdict != PROOF_LEFT_OUT && r->verdict != PROOF_NOT_REACHED;
}

static int compare_rows(const void *a, const void *b)
{
	const struct proof_row *x = a;
	const struct proof_row *y = b;
	int order = strcmp(x->stack, y->stack);

	if (order == 0)
		order = strcmp(x->fault, y->fault);
	return order ? order : strcmp(x->check, y->check);
}

static int append(struct proof_table *t, const struct proof_row *r)
{
	CLEANUP(freep) struct proof_row *copy = malloc(sizeof(*copy));
	struct proof_row **at;

	if (t->count == t->room) {
		size_t room = t->room ? 2 * t->room : 1024;
		struct proof_row **more = reallocarray(t->row, room, sizeof(struct proof_row *));

		if (!more)
			return -ENOMEM;
		t->row = more;
		t->room = room;
	}
	if (!copy)
		return -ENOMEM;
	*copy = *r;
	at = tsearch(copy, &t->index, compare_rows);
	if (!at)
		return -ENOMEM;
	if (*at == copy)
		t->row[t->count++] = TAKE_PTR(copy);
	return 0;
}

int proof_add(struct proof_table *t, const struct proof_row *r)
{
	int e = append(t, r);

	if (e == 0 && t->resume && is_kept(r)) {
		(void)fprintf(t->resume, "%s\t%s\t%s\t%s\t%d\t%s\n", r->stack, r->fault, r->check,
			      names[r->verdict], r->claimed, r->seen);
		e = fflush(t->resume) == 0 ? 0 : -errno;
	}
	return e;
}

struct proof_row *proof_find(const struct proof_table *t, const char *stack, const char *fault,
			     const char *check)
{
	struct proof_row key;
	struct proof_row **at;

	(void)snprintf(key.stack, sizeof(key.stack), "%s", stack);
	(void)snprintf(key.fault, sizeof(key.fault), "%s", fault);
	(void)snprintf(key.check, sizeof(key.check), "%s", check);
	at = tfind(&key, &t->index, compare_rows);
	return at ? *at : NULL;
}

void proof_free(struct proof_table *t)
{
	tdestroy(t->index, free);
	free(t->row);
	file_closep(&t->resume);
	*t = (struct proof_table){ 0 };
}

/* Up to the next tab or the end, which is cut off. */
static bool field(char **at, char *ret, size_t size)
{
	char *text = strsep(at, "\t");

	return text && (size_t)snprintf(ret, size, "%s", text) < size;
}

static bool parse_row(char *line, struct proof_row *r)
{
	char verdict[32];
	char claimed[4];

	*r = (struct proof_row){ 0 };
	if (!field(&line, r->stack, sizeof(r->stack)) ||
	    !field(&line, r->fault, sizeof(r->fault)) ||
	    !field(&line, r->check, sizeof(r->check)) || !field(&line, verdict, sizeof(verdict)) ||
	    !field(&line, claimed, sizeof(claimed)) || !field(&line, r->seen, sizeof(r->seen)))
		return false;
	r->claimed = claimed[0] == '1';
	for (unsigned v = 0; v < PROOF_VERDICTS; v++)
		if (strcmp(names[v], verdict) == 0) {
			r->verdict = (enum proof_verdict)v;
			return true;
		}
	return false;
}

int proof_resume(struct proof_table *t, const char *path, struct err *reterr)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	struct proof_row row;
	char *at;
	int e = fs_exists(path) ? fs_read(path, FILE_MAX, &text, reterr) : 0;

	if (e < 0)
		return e;
	at = text.size ? (char *)buf_text(&text) : NULL;
	/* Behind the last newline is what a kill has left of a line. */
	while (e == 0 && at && strchr(at, '\n')) {
		char *line = strsep(&at, "\n");

		e = parse_row(line, &row)
			    ? append(t, &row)
			    : err_set(reterr, -EINVAL, "%s: not a file of prove", path);
	}
	if (e < 0)
		return e;
	t->resume = fopen(path, "ae");
	if (!t->resume)
		return err_errno(reterr, -errno, "cannot write %s", path);
	if (at && *at)
		(void)fputc('\n', t->resume);
	return 0;
}
