/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_BROKER_BROKER_H
#define VQ_REF_BROKER_BROKER_H

/*
 * A private FUSE mount whose files hand mmap on to files of the host (FUSE passthrough, Linux 6.9), kept by
 * processes of their own, because handing a file to the kernel takes CAP_SYS_ADMIN at each call and the
 * process that parses what guests write must not have it.
 *
 *   parser --- file ---> server --- FUSE ---> kernel ---> opener --- file of the private mount ---> parser
 *
 * The server reads /dev/fuse and keeps CAP_SYS_ADMIN, and can do nothing but FUSE and two ioctls. The opener
 * has no capability; its root is the private mount, where nothing has a name, and it always waits inside
 * open(O_TMPFILE), which the server answers when the parser sends a file. Neither accepts a path, a flag or a
 * size.
 *
 * The mount has no mount point: it is made by fsmount() and seen in no mount namespace, so none can be left
 * behind. Two processes, because a process that serves the file system it waits for can end up unkillable:
 * here the end of the server closes the only descriptor of /dev/fuse, which ends every wait, of the opener and
 * of front ends. The parser's end closes the socket, which ends the server. What a front end has mapped
 * stays mapped: it refers to the host's file.
 */

#include <sys/types.h>

#include "base/cleanup.h"
#include "base/err.h"

/* What the files of the private mount say about their size; mmap, and checks against a size, accept it. */
#define BROKER_FILE_BYTES (INT64_C(1) << 62)

/* Files that can be open at a time. */
#define BROKER_FILES_MAX 16384

struct broker;

/**
 * broker_start() - fork the broker; before threads exist and privileges are dropped.
 * Return: 0 when it serves; -errno with what this host lacks.
 */
int broker_start(struct broker **ret, struct err *reterr) MUST_USE;

/* broker_stop() - ends within seconds; accepts NULL. The caller may be a child of who started it. */
struct broker *broker_stop(struct broker *b);

/**
 * broker_file() - a file of the private mount that is the regular file @fd (O_RDWR); any thread.
 * @dev, @ino: which file the caller believes @fd to be; the broker looks itself.
 * Return: 0; -errno of the broker, of which -ELOOP and -EOPNOTSUPP mean that the kernel cannot do it for this
 * file; -EMFILE; -ENOTCONN when the broker is gone or silent, and for ever after.
 */
int broker_file(struct broker *b, dev_t dev, ino_t ino, int fd, int *ret_fd) MUST_USE;

/* Process ids, for tests and ledgers: the server, and its child, the opener. */
pid_t broker_pid(const struct broker *b);

#endif
