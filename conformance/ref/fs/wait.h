/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_FS_WAIT_H
#define VQ_REF_FS_WAIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Requests that wait for somebody on the host, which is for the end of a lease: the one thing that a guest's request can
 * wait for without an end that is known. They look again and again instead of blocking in the kernel, so that they can be
 * told to give up: by an INTERRUPT of the guest, or because the ring or the session ends.
 */

/* INTERRUPTs of requests that do not wait (yet): so many are remembered. Another queue may bring them first. */
#define WAITS_EARLY 16

struct fs_wait {
	struct fs_wait *next;
	uint64_t unique;
	bool over;
};

struct fs_waits {
	pthread_mutex_t lock;
	pthread_cond_t told;
	struct fs_wait *first;
	uint64_t early[WAITS_EARLY];
	unsigned early_next;
};

void waits_init(struct fs_waits *all);
void waits_destroy(struct fs_waits *all);

/** wait_begin() - of request @unique; @w lies in the caller's frame until wait_end(). */
void wait_begin(struct fs_waits *all, struct fs_wait *w, uint64_t unique);
/** wait_again() - some ms later: true to look again, false to give up (EINTR). */
bool wait_again(struct fs_waits *all, struct fs_wait *w);
void wait_end(struct fs_waits *all, struct fs_wait *w);

/** waits_interrupt() - request @unique gives up, or will when it is about to wait. */
void waits_interrupt(struct fs_waits *all, uint64_t unique);
/** waits_interrupt_all() - all that wait now give up. */
void waits_interrupt_all(struct fs_waits *all);
/** waits_forget() - a new session: its requests may have the numbers of old ones. */
void waits_forget(struct fs_waits *all);

#endif
