// SPDX-License-Identifier: Apache-2.0
/* What is left of one suite: its files, and what it says when it is over. */
#include "conformance/runner/suite.h"

#include "base/fs.h"
#include "base/json.h"

#include <string.h>

static int write_file(const char *dir, const char *name, const struct suite *s,
		      void (*print)(const struct suite *s, FILE *out), struct err *reterr)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", dir, name);
	CLEANUP(freep) char *text = NULL;
	CLEANUP(file_closep) FILE *f = NULL;
	size_t size = 0;

	f = open_memstream(&text, &size);
	if (!path || !f)
		return err_errno(reterr, -ENOMEM, "%s", name);
	print(s, f);
	file_closep(&f);
	return fs_write_atomic(path, text, size, reterr);
}

int suite_save(const struct suite *s, struct err *reterr)
{
	json_auto_t *all = output_json(s);
	CLEANUP(freep) char *dir = fs_path("%s/%s", s->options->out, s->target->id);
	CLEANUP(freep) char *path = fs_path("%s/%s.json", dir ? dir : "", s->name);
	int e = dir && path && all ? fs_mkdirs(dir, 0755, reterr) : -ENOMEM;

	if (e == 0)
		e = json_save_atomic(path, all, reterr);
	if (e == 0)
		e = write_file(dir, "results.tap", s, output_tap, reterr);
	return e < 0 ? e : write_file(dir, "junit.xml", s, output_junit, reterr);
}

void output_all(const struct suite *s, FILE *out)
{
	json_auto_t *all = NULL;

	switch (s->options->format) {
	case OUTPUT_TEXT: output_end(s, out); break;
	case OUTPUT_JSON:
		all = output_json(s);
		(void)json_dumpf(all, out, JSON_INDENT(2));
		(void)fputc('\n', out);
		break;
	case OUTPUT_TAP: output_tap(s, out); break;
	case OUTPUT_JUNIT: output_junit(s, out); break;
	case OUTPUT_FORMATS: break;
	}
}

/* --known, or the file of the product in the project; what guests do wrong is in one file, by version. */
int suite_load_known(struct suite *s, const char *home, struct err *reterr)
{
	CLEANUP(freep)
	char *path = s->options->known ? strdup(s->options->known)
				       : fs_path("%s/conformance/known/%s.tsv", home,
						 s->areas ? s->name : s->target->name);

	return path ? known_load(path, &s->known, reterr) : -ENOMEM;
}
