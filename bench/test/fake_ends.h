/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_FAKE_ENDS_H
#define VQ_TEST_FAKE_ENDS_H

#include "fake_guest.h"

#include "relay/message.h"
#include "relay/relay.h"
#include "relay/serve.h"

/*
 * What tests of the relay as a process share: a *fake* VMM and a *fake* daemon (both are this process) at
 * its sockets. All of these assert.
 */
#define WAIT_MS 5000

/* A fake guest whose ring is served by a relay process between two sockets. */
struct fake_ends {
	struct fake_guest g;
	void *rings; /* the relay's shadow rings, as a daemon maps them */
	char dir[64];
	char vmm_path[80];
	char daemon_path[80];
	struct relay *relay;
	struct channel vmm;
	struct channel daemon;
	int daemon_listen;
	struct message last;
	struct err err;
};

/* setup and teardown of a test whose state is a struct fake_ends. */
int ends_setup(void **state);
int ends_teardown(void **state);

/** ends_start() - the sockets, a relay between them, and both ends connected. */
void ends_start(struct fake_ends *f);

/** ends_get() - the next message at one end, which must be @request; its descriptors are the fixture's
 * until the next call. */
struct message *ends_get(struct fake_ends *f, struct channel *c, uint32_t request);

void ends_put(struct fake_ends *f, const struct channel *c, uint32_t request, uint32_t flags,
	      const void *body, uint32_t size, const int *fds, size_t fd_count);
void ends_put_u64(struct fake_ends *f, const struct channel *c, uint32_t request, uint32_t flags,
		  uint64_t value);

/** ends_ask() - the VMM asks, the daemon answers @value; what the VMM gets. */
uint64_t ends_ask(struct fake_ends *f, uint32_t request, uint64_t value);
/** ends_told() - the VMM says @value; what the daemon gets. */
uint64_t ends_told(struct fake_ends *f, uint32_t request, uint64_t value);

/** ends_silent(), ends_closed() - nothing comes; the other side has closed. */
bool ends_silent(const struct channel *c);
bool ends_closed(const struct channel *c);

#endif
