/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_FS_FS_H
#define VQ_REF_FS_FS_H

#include "base/cleanup.h"
#include "base/err.h"
#include "conformance/ref/options.h"
#include "conformance/ref/request.h"

struct dax_share;
struct dax_window;
struct ref_fs;
struct ref_session;

/**
 * ref_fs_open() - open the shared directory; one per process, shared by all sessions.
 * @o: borrowed until ref_fs_close().
 * Return: 0; -errno with text.
 *
 * To be called in the process that serves, after it has entered its sandbox (/proc must still be mounted, it may go
 * away later). Sets the umask of the process to 0: modes are what guests ask for. Each thread that
 * serves gets a working directory and umask of its own (CLONE_FS).
 */
int ref_fs_open(const struct ref_options *o, struct ref_fs **ret, struct err *reterr) MUST_USE;
/** ref_fs_open_at() - the same with the directory and /proc/self/fd of the process (O_PATH). */
int ref_fs_open_at(const struct ref_options *o, int take_root_fd, int take_proc_fd,
		   struct ref_fs **ret, struct err *reterr) MUST_USE;
struct ref_fs *ref_fs_close(struct ref_fs *fs);

/**
 * ref_fs_set_dax() - whom to tell before a file shrinks and after it was resized; before the first session.
 * @share: borrowed, or NULL: nobody maps anything, and the mapping requests are unknown.
 */
void ref_fs_set_dax(struct ref_fs *fs, struct dax_share *share);

/**
 * ref_session_new() - what one front end will talk to; the FUSE session itself starts at FUSE_INIT.
 * @window:      its DAX window, borrowed, or NULL.
 * @ret_handler: what vhost/ is to call, valid until ref_session_free().
 */
int ref_session_new(struct ref_fs *fs, struct dax_window *window, struct ref_session **ret,
		    struct ref_handler *ret_handler, struct err *reterr) MUST_USE;
struct ref_session *ref_session_free(struct ref_session *s);

/* ref_fs_library() - the version of libfuse that runs here, which may be newer than the one that was compiled with. */
const char *ref_fs_library(void);

#endif
