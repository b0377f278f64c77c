// SPDX-License-Identifier: Apache-2.0
/* What a VMM says on its control socket: greeting, answers, events. */
#include "conformance/decoders/fuzz.h"

#include "base/clock.h"
#include "guest/qmp.h"

#define TIMEOUT_MS 1000

int fuzz_target(const uint8_t *data, size_t size)
{
	struct qmp *q = NULL;
	json_t *answer = NULL;
	struct err err;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	if (size > 0)
		(void)!send(pair[1], data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)shutdown(pair[1], SHUT_WR);
	if (qmp_open(pair[0], clock_deadline_ms(TIMEOUT_MS), &q, &err) == 0) {
		if (qmp_command(q, "query-status", NULL, -1, clock_deadline_ms(TIMEOUT_MS), &answer,
				&err) == 0)
			json_decref(answer);
		(void)!qmp_wait_event(q, "RESET", "guest", "1", clock_deadline_ms(TIMEOUT_MS),
				      &err);
	}
	(void)qmp_close(q);
	(void)close(pair[1]);
	return 0;
}
