// SPDX-License-Identifier: Apache-2.0
/* The relay of observed passes between VMM and daemon: messages of either. */
#include "conformance/decoders/fuzz.h"

#include "relay/message.h"

#include <fcntl.h>

int fuzz_target(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct channel c = { .who = "VMM" };
	struct err err;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int kinds[4] = { null, null, null, null };
	int pair[2];
	int e;

	if (null < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	c.fd = pair[0];
	fuzz_feed(pair[1], &in, kinds);
	do {
		e = channel_recv(&c, &err);
		if (e == 1)
			channel_next(&c);
	} while (e > 0);
	channel_close(&c);
	(void)close(pair[1]);
	(void)close(null);
	return 0;
}
