// SPDX-License-Identifier: Apache-2.0
#include "conformance/runner/known.h"

#include "base/fs.h"

#include <fnmatch.h>
#include <string.h>

#define FILE_MAX (4 * MIB)
#define COLUMNS	 4

static const char *const statuses[] = { "seen", "reported", "accepted", "disputed" };

void known_free(struct known_list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		free(l->row[i].check);
		free(l->row[i].version);
		free(l->row[i].status);
		free(l->row[i].reason);
	}
	free(l->row);
	*l = (struct known_list){ 0 };
}

static bool is_status(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (strcmp(word, statuses[i]) == 0)
			return true;
	return false;
}

static int add(struct known_list *l, char *const *column)
{
	struct known_row *more = realloc(l->row, (l->count + 1) * sizeof(*more));
	struct known_row *r;

	if (!more)
		return -ENOMEM;
	l->row = more;
	r = &l->row[l->count++];
	*r = (struct known_row){ strdup(column[0]), strdup(column[1]), strdup(column[2]),
				 strdup(column[3]) };
	return r->check && r->version && r->status && r->reason ? 0 : -ENOMEM;
}

/* "check TAB version TAB status TAB reason"; lines of comment begin with '#'. */
static int read_line(struct known_list *l, char *line, const char *path, unsigned number,
		     struct err *reterr)
{
	char *column[COLUMNS];
	size_t count = 0;
	char *save = NULL;

	if (!*line || *line == '#')
		return 0;
	for (char *c = strtok_r(line, "\t", &save); c; c = strtok_r(NULL, "\t", &save)) {
		if (count == COLUMNS)
			return err_set(reterr, -EINVAL, "%s:%u: more than %d columns", path, number,
				       COLUMNS);
		column[count++] = c;
	}
	if (count != COLUMNS)
		return err_set(reterr, -EINVAL,
			       "%s:%u: %zu columns; check, version, status and reason are wanted, "
			       "parted by tabs",
			       path, number, count);
	if (!is_status(column[2]))
		return err_set(reterr, -EINVAL,
			       "%s:%u: status '%s'; seen, reported, accepted or disputed is wanted",
			       path, number, column[2]);
	return add(l, column);
}

int known_load(const char *path, struct known_list *ret, struct err *reterr)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	struct known_list l = { 0 };
	unsigned number = 0;
	int e;

	*ret = l;
	if (!fs_exists(path))
		return 0;
	e = fs_read(path, FILE_MAX, &text, reterr);
	for (char *at = text.data; e == 0 && at && *at;) {
		size_t n = strcspn(at, "\n");
		bool more = at[n] == '\n';

		at[n] = '\0';
		e = read_line(&l, at, path, ++number, reterr);
		at += n + more;
	}
	if (e < 0)
		known_free(&l);
	else
		*ret = l;
	return e;
}

const struct known_row *known_find(const struct known_list *l, const char *check,
				   const char *version)
{
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->row[i].check, check) == 0 &&
		    fnmatch(l->row[i].version, version, 0) == 0)
			return &l->row[i];
	return NULL;
}

enum known known_of(const struct known_row *row, bool failed, bool passed)
{
	if (failed)
		return row ? KNOWN_KNOWN : KNOWN_NEW;
	return row && passed ? KNOWN_GONE : KNOWN_NONE;
}

const char *known_name(enum known k)
{
	static const char *const names[] = {
		[KNOWN_NEW] = "new",
		[KNOWN_KNOWN] = "known",
		[KNOWN_GONE] = "gone",
	};

	return names[k];
}
