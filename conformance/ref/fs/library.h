/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_FS_LIBRARY_H
#define VQ_REF_FS_LIBRARY_H

#include "conformance/ref/fs/call.h"

/*
 * libfuse3's low-level API with I/O of our own: it gets a request as bytes that were checked, calls back with
 * its arguments, and its reply comes back through writev, all in the thread that serves the request.
 */

/** library_open() - a session of libfuse that has seen its FUSE_INIT (ours; the guest never talks to it directly). */
int library_open(uint32_t minor, struct fuse_session **ret) MUST_USE;
void library_close(struct fuse_session *se);

/** library_run() - the `run` of opcodes that libfuse decodes. */
int library_run(struct fs_call *c);

#endif
