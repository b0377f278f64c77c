/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_VHOST_VHOST_H
#define VQ_REF_VHOST_VHOST_H

#include "base/cleanup.h"
#include "base/err.h"
#include "conformance/ref/options.h"
#include "conformance/ref/request.h"

struct vhost_port;

/**
 * vhost_port_open() - one socket that front ends connect to, one after the other.
 * @o: borrowed until vhost_port_close(); @path: of the socket, or NULL to take @o->fd.
 * Return: 0; -errno with text (a live socket at @path is refused, a dead one is replaced).
 */
int vhost_port_open(const struct ref_options *o, const char *path, struct vhost_port **ret,
		    struct err *reterr) MUST_USE;
struct vhost_port *vhost_port_close(struct vhost_port *p);

/* Remove the socket from the file system, if it is still ours: for a process that is about to end. NULL is fine. */
void vhost_port_unlink(struct vhost_port *p);

/* The socket's name is left to another process, which has @p as well; ours may not see it. NULL is fine. */
void vhost_port_disown(struct vhost_port *p);

/* The DAX window that the port offers; its bytes are 0 until shared memory was negotiated. Borrowed. */
const struct ref_window *vhost_port_window(struct vhost_port *p);

/**
 * vhost_port_run() - serve until @stop_fd is readable (an eventfd of the caller), or until the first front
 * end has left when @once. Blocks.
 * Return: 0; -errno with text when the socket itself broke. What a front end does wrong is logged, costs it
 * its connection at most, and is no error here.
 */
int vhost_port_run(struct vhost_port *p, const struct ref_handler *h, int stop_fd, bool once,
		   struct err *reterr) MUST_USE;

#endif
