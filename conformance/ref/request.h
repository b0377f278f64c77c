/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_REQUEST_H
#define VQ_REF_REQUEST_H

/*
 * The border between the virtqueues (vhost/) and the file system (fs/): one FUSE message as the device
 * sees it, and what the file system may ask of the front end. Neither side knows more of the other.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Index of the high priority queue; the request queues follow it. Source: virtio 5.11.2. */
#define REF_HIPRIO 0

/**
 * struct ref_request - one chain of descriptors, translated and bounded.
 * @in:        what the driver wrote for the device, in order; never written by the device.
 * @out:       where the device may write, in order.
 * @in_bytes:  sum of @in; @out_bytes: sum of @out. Both were checked against overflow.
 * @queue:     REF_HIPRIO or the number of the request queue.
 * @head:      index (split) or buffer id (packed) that the used element carries.
 * @popped_ns: when it was taken from the ring, CLOCK_MONOTONIC.
 * @done_ns:   when it was served; whoever serves it may leave it as it is, @popped_ns.
 *
 * Guest memory can change at any moment: what is validated is copied first. It stays mapped until
 * ref_request_done(), whatever the front end does to its memory table.
 */
struct ref_request {
	struct iovec *in;
	struct iovec *out;
	unsigned in_count;
	unsigned out_count;
	size_t in_bytes;
	size_t out_bytes;
	uint16_t queue;
	uint16_t head;
	uint64_t popped_ns;
	uint64_t done_ns;
};

/**
 * ref_request_done() - give a request back to its ring; belongs to vhost/.
 * @used: bytes written from the start of @out, what the used element says; 0 for a message without reply.
 *
 * Called exactly once for each request, from any thread; the request must not be touched afterwards.
 * The guest is told soon if the calling thread is one that serves the ring (see ring.c), else at once.
 */
void ref_request_done(struct ref_request *r, uint32_t used);

/**
 * struct ref_handler - what vhost/ calls; fs/ implements it.
 * @request: serve one message; returns when it is done or handed on. Several threads may call it.
 * @drop:    the session is over (device reset, front end gone): no node, handle, lock or mapping of it
 *           survives. @window_gone: the front end has already dropped what was in the DAX window, so no
 *           message about it may be sent. No request is in flight when it is called.
 * @interrupt: requests that wait for somebody on the host end soon, with EINTR; others go on. NULL: none ever waits. To be
 *           called again and again by who waits for all to end: one may be about to wait. Any thread, any locks of vhost/.
 * @resumed: the guest runs again after a pause, in which its window could not be changed: what could not be mapped can be now.
 *           Before the first request is served; blocks. NULL: nothing is to be done.
 */
struct ref_handler {
	void (*request)(void *context, struct ref_request *r);
	void (*drop)(void *context, bool window_gone);
	void (*interrupt)(void *context);
	void (*resumed)(void *context);
	void *context;
};

/**
 * struct ref_window - the DAX window of one front end; vhost/ implements it with SHMEM_MAP and SHMEM_UNMAP.
 * @bytes: size, a power of two; 0 when the front end did not negotiate shared memory: then no call is made.
 * @map:   map @len bytes of @fd from @fd_offset at @offset of the window; returns after the front end has
 *         confirmed it: 0, or -errno and nothing is mapped. The descriptor stays the caller's.
 *         A live range is never given again: vhost-user forbids overlap.
 * @unmap: exactly one earlier mapping, whole. 0, or -errno.
 *
 * Both block for one round trip and may be called from several workers; calls are served one by one.
 * Source: QEMU's vhost-user text, VHOST_USER_BACKEND_SHMEM_MAP and _UNMAP.
 */
struct ref_window {
	uint64_t bytes;
	int (*map)(void *context, int fd, uint64_t fd_offset, uint64_t offset, uint64_t len,
		   bool writable);
	int (*unmap)(void *context, uint64_t offset, uint64_t len);
	void *context;
};

#endif
