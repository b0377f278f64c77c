// SPDX-License-Identifier: Apache-2.0
#include "guest/accel.h"

#include "base/clock.h"
#include "base/proc.h"

#include <string.h>

#define OUTPUT_MAX (256 * KIB)

/* The last line that says something, as evidence. */
static void last_line(const struct buf *b, char *ret, size_t size)
{
	const char *text = buf_text(b);
	size_t end = b->size;
	size_t start;

	while (end > 0 && strchr("\r\n \t", text[end - 1]))
		end--;
	start = end;
	while (start > 0 && text[start - 1] != '\n')
		start--;
	(void)snprintf(ret, size, "%.*s", (int)(end - start > 300 ? 300 : end - start),
		       text + start);
}

void accel_probe(const struct accel_probe *p, struct accel_result *ret)
{
	const struct proc_spec spec = {
		.argv = p->argv, .env = p->env, .uid = p->uid, .gid = p->gid
	};
	struct proc_output o = { 0 };
	struct err err = { 0 };
	uint64_t start = clock_now_ns();
	char line[320];
	char fate[32];
	int e = proc_run(&spec, OUTPUT_MAX, clock_deadline_ms(p->deadline_ms), &o, &err);

	*ret = (struct accel_result){ 0 };
	if (e == -ETIMEDOUT) {
		(void)snprintf(ret->seen, sizeof(ret->seen),
			       "a test guest did not get to its init within %u ms", p->deadline_ms);
		return;
	}
	if (e < 0) {
		(void)snprintf(ret->seen, sizeof(ret->seen), "%.500s", err.text);
		return;
	}
	/* Firmware may print NUL bytes before. */
	ret->ok = memmem(buf_text(&o.out), o.out.size, ACCEL_HELLO, strlen(ACCEL_HELLO)) != NULL;
	if (ret->ok) {
		(void)snprintf(ret->seen, sizeof(ret->seen), "a test guest said hello after %.1f s",
			       clock_seconds(clock_now_ns() - start));
	} else {
		struct proc ended = { .pid = 1, .status = o.status };

		last_line(o.err.size ? &o.err : &o.out, line, sizeof(line));
		(void)snprintf(ret->seen, sizeof(ret->seen),
			       "a test guest did not get to its init: VMM %s: %s",
			       proc_fate(&ended, fate, sizeof(fate)), line);
	}
	proc_output_free(&o);
}
