/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_FS_SESSION_H
#define VQ_REF_FS_SESSION_H

#include "conformance/ref/dax/dax.h"
#include "conformance/ref/fs/fs.h"
#include "conformance/ref/fs/handle.h"
#include "conformance/ref/fs/mode.h"
#include "conformance/ref/fs/wait.h"

struct fuse_session;

/* The shared directory. */
struct ref_fs {
	const struct ref_options *o;
	const struct fs_mode *mode;
	int root_fd; /* O_PATH */
	int proc_fd; /* our own /proc/self/fd: the way from an O_PATH descriptor to one that reads or writes */
	struct dax_share *dax; /* NULL: nobody maps anything */
};

/*
 * What lies between one FUSE_INIT and the next. A request works on the one that was current when it came, however
 * long it takes; nodes and handles that it still makes vanish with that one.
 */
struct fs_conn {
	struct fs_conn *next; /* in the list of those that are over */
	struct fuse_session *library;
	uint64_t flags; /* agreed on: flags | flags2 << 32 */
	uint32_t minor;
	bool dax_always; /* the guest maps every regular file */
	bool dax_inode;	 /* it maps those that carry FUSE_ATTR_DAX */
	struct node_table nodes;
	struct handle_table handles;
};

struct ref_session {
	struct ref_fs *fs;
	struct dax_window *window;
	struct fs_conn *current; /* atomic; NULL before INIT and after DESTROY */
	unsigned in_flight;	 /* atomic: requests that may have seen an earlier `current` */
	pthread_mutex_t lock;	 /* of what follows */
	struct fs_conn *over;	 /* no longer current; freed as soon as nothing is in flight */
	uint32_t serial;
	/*
	 * Mappings are made and removed under the reading side, a session ends under the writing one: a mapping
	 * that was asked for in an old session is never made in the window of a new one.
	 */
	pthread_rwlock_t map_lock;
	struct fs_waits waits;
};

/** session_begin() - INIT: @take_conn (may be NULL: DESTROY) is current from now on; the one before it is over. */
void session_begin(struct ref_session *s, struct fs_conn *take_conn, bool window_gone);

/** conn_new() - without its library half. The caller fills in what was agreed on. */
int conn_new(struct ref_session *s, struct fs_conn **ret) MUST_USE;
struct fs_conn *conn_free(struct fs_conn *c);

#endif
