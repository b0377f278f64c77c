// SPDX-License-Identifier: Apache-2.0
/* compare: two runs side by side; reads their folders and writes nothing. */
#include "commands.h"

#include "report/report.h"

int command_compare(const struct command_call *c)
{
	size_t compared = 0;
	struct err err = { 0 };
	int e = report_compare(c->opts->operands[0], c->opts->operands[1], stdout,
			       opt_is_json(c->opts), &compared, &err);

	if (e == -ENOENT || e == -EBADMSG)
		return command_error(EXIT_USAGE, &err);
	if (e < 0)
		return command_error(EXIT_BROKEN, &err);
	return compared > 0 ? EXIT_OK : EXIT_USAGE;
}
