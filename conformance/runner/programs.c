// SPDX-License-Identifier: Apache-2.0
#include "conformance/runner/programs.h"

#include "base/fs.h"
#include "conformance/runner/record.h"
#include "conformance/runner/replay.h"

#include <string.h>

char *programs_dir(const struct suite *s)
{
	char *path = s->options->out ? fs_path("%s/%s/programs", s->options->out, s->target->id)
				     : NULL;

	if (path && fs_mkdirs(path, 0755, NULL) == 0)
		return path;
	free(path);
	return NULL;
}

static int name_only(const struct program *p, const char *check, uint64_t seed, const char *path,
		     struct err *reterr)
{
	CLEANUP(program_freep)
	struct program *name = record_name_only(check, seed, p->daemon, p->shows);
	CLEANUP(buf_free) struct buf text = { 0 };

	if (!name || program_print(name, &text) < 0)
		return err_errno(reterr, -ENOMEM, "%s", path);
	return fs_write_atomic(path, buf_text(&text), text.size, reterr);
}

static int verify(const struct suite *s, size_t index, const char *dir, struct trial *trial,
		  struct err *reterr)
{
	CLEANUP(freep) char *folder = programs_dir(s);
	CLEANUP(freep) char *own = fs_path("%s/again", dir);
	CLEANUP(freep)
	char *path = fs_path("%s/%s.program", folder ? folder : "", s->check[index]->id);
	CLEANUP(program_freep) struct program *p = NULL;
	struct trial_options how = { .dir = own, .timeout_ms = s->options->timeout_ms };
	char why[160];
	int e;

	if (!folder || !own || !path)
		return err_errno(reterr, -ENOMEM, "programs");
	if (!fs_exists(path))
		return 0;
	e = program_load(path, &p, reterr);
	if (e < 0 || p->count == 0)
		return e;
	memset(trial, 0, sizeof(*trial));
	e = trial_run(s->target, p, &how, trial, reterr);
	if (e < 0)
		return e;
	return trial->broken[0] || replay_differs(p, trial, why, sizeof(why))
		       ? name_only(p, s->check[index]->id, s->options->seed + index, path, reterr)
		       : 0;
}

int programs_verify(const struct suite *s, const char *dir, struct err *reterr)
{
	struct trial *trial = trial_new();
	int e = 0;

	if (!trial)
		return err_errno(reterr, -ENOMEM, "programs");
	for (size_t i = 0; e == 0 && i < s->count; i++)
		if (s->result[i].verdict == CHECK_FAIL)
			e = verify(s, i, dir, trial, reterr);
	(void)trial_free(trial);
	return e;
}
