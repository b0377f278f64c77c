// SPDX-License-Identifier: Apache-2.0
#include "run/version.h"

#include "base/clock.h"
#include "base/proc.h"

#include <fnmatch.h>
#include <string.h>

#define VERSION_MS  20000
#define VERSION_MAX (64 * KIB)

static void first_line(const struct buf *b, char *ret, size_t size)
{
	const char *text = buf_text(b);

	(void)snprintf(ret, size, "%.*s", (int)strcspn(text, "\n"), text);
	/* It goes into JSON and into terminals. */
	for (char *p = ret; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
			*p = '?';
}

static int judge(const struct proc_output *o, const char *program, const char *wanted,
		 const char *seen, struct err *reterr)
{
	struct proc ended = { .pid = 1, .status = o->status };
	char fate[32];

	if (o->status != 0)
		return err_set(reterr, -EIO,
			       "%s does not run: asked for its version it ended with %s: %.300s",
			       program, proc_fate(&ended, fate, sizeof(fate)),
			       o->err.size ? buf_text(&o->err) : buf_text(&o->out));
	if (!seen[0])
		return err_set(reterr, -ENODATA, "%s was asked for its version and printed nothing",
			       program);
	if (wanted && fnmatch(wanted, seen, 0) != 0)
		return err_set(
			reterr, -ENOTUNIQ,
			"the version of %s is not the expected one: expected '%s', seen '%s'",
			program, wanted, seen);
	return 0;
}

int version_probe(const struct strv *argv, const char *wanted, char *ret, size_t size,
		  struct err *reterr)
{
	const struct proc_spec spec = { .argv = argv->item };
	struct proc_output o = { 0 };
	/* Through a root's own loader the program is its third argument. */
	const char *program = argv->count > 3 && strcmp(argv->item[1], "--library-path") == 0
				      ? argv->item[3]
				      : argv->item[0];
	int e = proc_run(&spec, VERSION_MAX, clock_deadline_ms(VERSION_MS), &o, reterr);

	if (e < 0)
		return err_prefix(reterr, e, "%s does not run (see: make setup)", program);
	first_line(o.out.size ? &o.out : &o.err, ret, size);
	e = judge(&o, program, wanted, ret, reterr);
	proc_output_free(&o);
	return e;
}
