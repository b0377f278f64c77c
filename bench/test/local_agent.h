/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_LOCAL_AGENT_H
#define VQ_TEST_LOCAL_AGENT_H

#include "guest/agent.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * What the test_agent* programs share: the real vq-agent, run on this machine over a socket, with
 * the host's client at its other end. Program: $VQ_AGENT, default build/guest/vq-agent.
 */

/* Deadline of everything that should take milliseconds; far away, for a loaded machine under
 * sanitizers. */
#define LOCAL_SOON_MS 20000
#define LOCAL_SEED    20261122

struct local_agent {
	pid_t pid;    /* the agent */
	bool stopped; /* by SIGSTOP */
	struct agent *a;
	char dir[64];
	char socket[96];
	struct agent_result r;
	struct err err;
	struct buf data; /* scratch of a test */
	int raw;	 /* a bare connection to the agent */
};

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })

/*
 * Setups of a test, whose state is a struct local_agent: an agent on a socketpair, one that listens
 * on f->socket (the client is connected in both), or none.
 */
int local_setup_pair(void **state);
int local_setup_socket(void **state);
int local_setup_bare(void **state);
int local_teardown(void **state);

/** local_soon() - the deadline LOCAL_SOON_MS from now. */
uint64_t local_soon(void);

/**
 * local_spawn() - start the agent; on a socketpair (*ret_fd is the host's end) or, without @ret_fd,
 * listening on f->socket. 0 or -1.
 */
int local_spawn(struct local_agent *f, int *ret_fd);

/** local_start_shell() - start a shell script in the agent. As agent_start(). */
int local_start_shell(struct local_agent *f, const char *script, uint32_t *ret_id);

/** local_run_shell() - the same until its end; its result is f->r. As agent_wait(). */
int local_run_shell(struct local_agent *f, const char *script);

/** local_fine() - fail the test with the error's text if @e says that there is one. */
void local_fine(const struct local_agent *f, int e);

/** local_make_file() - fill f->data with reproducible bytes and put them into a file of f->dir. */
void local_make_file(struct local_agent *f, const char *name, size_t size);

#endif
