// SPDX-License-Identifier: Apache-2.0
#include "conformance/runner/doc.h"

#include "base/fs.h"
#include "base/json.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#define SCHEMA	     1
#define DOC_SIZE_MAX (256 * MIB)

const char *doc_text(json_t *check, const char *key)
{
	const char *text = json_string_value(json_object_get(check, key));

	return text ? text : "";
}

bool doc_is(json_t *check, const char *verdict)
{
	return check && strcmp(doc_text(check, "verdict"), verdict) == 0;
}

bool doc_ended(json_t *check)
{
	const char *fate = doc_text(check, "fate");

	return *fate && strcmp(fate, "alive") != 0;
}

bool doc_binds(const struct doc *d, json_t *check)
{
	const char *level = doc_text(check, "level");

	return strcmp(level, "MUST") == 0 || strcmp(level, "DEFACTO") == 0 ||
	       (strcmp(level, "SHOULD") == 0 && json_is_true(json_object_get(d->root, "strict")));
}

static unsigned rank(json_t *check)
{
	static const char *const order[] = { "PASS", "SKIP", "BROKEN", "FAIL" };

	for (unsigned i = 0; i < ARRAY_SIZE(order); i++)
		if (doc_is(check, order[i]))
			return i + 1;
	return 0;
}

static int add_check(struct doc *d, json_t *check, size_t index, struct err *reterr)
{
	static const char *const texts[] = { "id", "title", "level", "clause", "verdict" };
	json_t *before;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (!json_is_string(json_object_get(check, texts[i])))
			return err_set(reterr, -EBADMSG, "check %zu has no text '%s'", index,
				       texts[i]);
	if (rank(check) == 0)
		return err_set(reterr, -EBADMSG, "check %zu has the verdict '%.40s'", index,
			       doc_text(check, "verdict"));
	before = json_object_get(d->checks, doc_text(check, "id"));
	if (before && rank(before) >= rank(check))
		return 0;
	return json_object_set(d->checks, doc_text(check, "id"), check) < 0 ? -ENOMEM : 0;
}

static int read_doc(struct doc *d, struct err *reterr)
{
	json_t *list = json_object_get(d->root, "checks");
	json_t *check;
	size_t i;
	int e = 0;

	d->suite = json_str_at(d->root, "suite", "");
	if (json_integer_value(json_object_get(d->root, "schema")) != SCHEMA ||
	    (strcmp(d->suite, "device") != 0 && strcmp(d->suite, "guest") != 0) ||
	    !json_is_array(list))
		return err_set(reterr, -EBADMSG,
			       "no result of the suite 'device' or 'guest', schema %d", SCHEMA);
	d->name = json_str_at(d->root, "target.name", NULL);
	d->version = json_str_at(d->root, "target.version", NULL);
	d->checks = json_object();
	if (!d->name || !d->version)
		return err_set(reterr, -EBADMSG, "it does not name its target");
	json_array_foreach(list, i, check)
		if (e == 0)
			e = add_check(d, check, i, reterr);
	return d->checks ? e : -ENOMEM;
}

int doc_load(const char *path, struct doc *ret, struct err *reterr)
{
	struct doc d = { 0 };
	struct stat st;
	int e;

	if (stat(path, &st) < 0)
		return err_errno(reterr, -errno, "%s", path);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > DOC_SIZE_MAX)
		return err_set(reterr, -EBADMSG, "%s: no file, or too large", path);
	e = json_load_path(path, &d.root, reterr);
	if (e < 0)
		return e;
	e = read_doc(&d, reterr);
	if (e < 0) {
		doc_free(&d);
		return err_prefix(reterr, e, "%s", path);
	}
	*ret = d;
	return 0;
}

void doc_free(struct doc *d)
{
	json_decref(d->checks);
	json_decref(d->root);
	*d = (struct doc){ 0 };
}

static int add_file(const char *dir, const char *name, struct docs *d, struct err *reterr)
{
	CLEANUP(freep) char *path = fs_path("%s/%s/device.json", dir, name);
	int e;

	if (!path)
		return -ENOMEM;
	if (!fs_exists(path))
		return 0;
	if (d->count == DOCS_MAX)
		return err_set(reterr, -E2BIG, "more than %d results", DOCS_MAX);
	e = doc_load(path, &d->item[d->count], reterr);
	d->count += e == 0;
	return e;
}

static int is_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int add_folders(const char *dir, struct docs *d, struct err *reterr)
{
	struct dirent **names = NULL;
	int count = scandir(dir, &names, is_visible, alphasort);
	int e = 0;

	for (int i = 0; i < count; i++) {
		if (e == 0)
			e = add_file(dir, names[i]->d_name, d, reterr);
		free(names[i]);
	}
	free(names);
	return e;
}

int docs_add(const char *dir, struct docs *d, struct err *reterr)
{
	CLEANUP(freep) char *of_run = fs_path("%s/conformance", dir);
	size_t before = d->count;
	int e = of_run ? add_file(dir, ".", d, reterr) : -ENOMEM;

	if (e == 0)
		e = add_folders(dir, d, reterr);
	if (e == 0)
		e = add_folders(of_run, d, reterr);
	if (e == 0 && d->count == before)
		e = err_set(reterr, -ENOENT,
			    "%s: no device.json in it; give the folder of a run, or of --out", dir);
	return e;
}

void docs_free(struct docs *d)
{
	for (size_t i = 0; i < d->count; i++)
		doc_free(&d->item[i]);
	d->count = 0;
}
