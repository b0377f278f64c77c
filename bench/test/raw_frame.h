/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_RAW_FRAME_H
#define VQ_TEST_RAW_FRAME_H

#include <stddef.h>
#include <stdint.h>

/* The agent's wire without the host's client: frames and bytes as the test says. */

/** raw_connect() - connect to a socket that comes to listen soon. Descriptor or -1. */
int raw_connect(const char *path);

/** raw_send_all() - send bytes. 0 or -1. */
int raw_send_all(int fd, const void *data, size_t size);

/** raw_send() - send a good frame. 0 or -1. */
int raw_send(int fd, unsigned type, uint32_t job, const void *payload, size_t size);

/** raw_receive() - the next frame of any kind. Its type; 0 on failure. @ret_error: of VQP_ERROR. */
unsigned raw_receive(int fd, uint32_t *ret_job, uint32_t *ret_error);

/** raw_greet() - say HELLO and read up to its answer; fails the test when none comes. */
void raw_greet(int fd, uint32_t flags);

#endif
