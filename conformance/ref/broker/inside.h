/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_BROKER_INSIDE_H
#define VQ_REF_BROKER_INSIDE_H

/* Parts of the broker's own processes. */

#include <stdbool.h>
#include <sys/types.h>

#include "base/cleanup.h"

/* What set-up was doing when it failed, for the first reply. */
struct setup {
	const char *step;
	int fuse_fd;  /* /dev/fuse, of the private mount, non-blocking */
	int mount_fd; /* its root; only the opener keeps it */
};

/* mount_private() - make the mount; nobody serves it yet. 0; -errno, and @s->step says at what. */
int mount_private(struct setup *s) MUST_USE;

/* opener_main() - body of the opener: reports on @socket if it cannot start; ends with the server. */
_Noreturn void opener_main(int mount_fd, int socket);

/* server_main() - body of the server, which made the mount and is the parent of @opener. */
_Noreturn void server_main(int fuse_fd, int socket, pid_t opener);

/*
 * leave_process() - _exit() of a process whose system calls are limited. Not declared noreturn: sanitizers put
 * system calls of their own before such functions.
 */
void leave_process(int code);

struct broker;
/* The parser's end of the socket, for tests that say what no parser says. */
int broker_socket(const struct broker *b);

/* Tell the parser that set-up failed, or that it is done (@error 0). */
void report(int socket, int error, const char *step);

#endif
