/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_FAULT_BREAKS_H
#define VQ_REF_FAULT_BREAKS_H

/*
 * Where a violation rewrites what the device was about to say. Called only behind fault_hooked() or
 * fault_at(): what is here may be slow.
 */

#include "conformance/ref/fault/fault.h"
#include "conformance/ref/request.h"
#include "conformance/wire/vhost_user.h"

#include <linux/fuse.h>

/* What a device that was told to die ends with. */
#define FAULT_EXIT_CODE 70

/* ---- breaks_vhost.c ---- */

/** fault_config() - the @size bytes of configuration space; @offset: from where a driver reads. */
void fault_config(uint8_t *space, size_t size, uint32_t *offset, bool features_set);
/** fault_config_write() - remember what a driver wrote for the next fault_config(). */
void fault_config_write(uint32_t offset, const void *data, size_t size);
/** fault_features() - what is offered. */
uint64_t fault_features(uint64_t features);
void fault_shmem_config(struct vhost_user_shmem_config *s);
/** fault_mmap() - SHMEM_MAP as it goes out; the payload only. */
void fault_mmap(struct vhost_user_mmap *m);

/* A used element that is about to be written. */
struct fault_element {
	uint16_t head;
	uint16_t slots;
	uint32_t used;
};
#define FAULT_ELEMENTS_MAX 2
/**
 * fault_used() - @e[0] is right when it is called.
 * Return: how many of @e are to be written instead, from 0 to FAULT_ELEMENTS_MAX.
 */
unsigned fault_used(const struct ref_request *r, struct fault_element e[FAULT_ELEMENTS_MAX]);
/** fault_exit() - the device is gone. */
void fault_exit(const char *why) __attribute__((noreturn));
/** fault_early_hide() - take the header out of the reply; fault_early_show() puts it back, too late. */
void fault_early_hide(const struct ref_request *r, struct fuse_out_header *ret);
void fault_early_show(const struct ref_request *r, const struct fuse_out_header *h);
/** fault_call() - is the driver to be told? */
bool fault_call(bool wanted);
/** fault_wait_alone() - until a counter of requests in flight says 1; bounded. */
void fault_wait_alone(const unsigned *in_flight);

/* ---- breaks_fuse.c ---- */

/** fault_request() - a request was taken from its ring. 0: go on; -errno: answer it with that. */
int fault_request(const struct ref_request *r, const struct fuse_in_header *in);
/** fault_reply() - what is in the writable part; returns the bytes used. */
uint32_t fault_reply(const struct ref_request *r, const struct fuse_in_header *in, uint32_t used);
void fault_init(struct fuse_init_out *out);
/** fault_valid() - how long something may be cached; @generation: may be NULL. */
void fault_valid(uint64_t *seconds, uint32_t *nanoseconds, uint64_t *generation);
void fault_attr(struct fuse_attr *attr);
uint32_t fault_open_flags(uint32_t flags);
/** fault_read() - @done of @size bytes of @ino from @offset on are in the writable part; returns how many to tell. */
size_t fault_read(const struct ref_request *r, uint64_t ino, uint64_t offset, size_t size,
		  size_t done);
/** fault_private() - a copy of a range of a file, as a new file that begins with it; -errno. */
int fault_private(int fd, uint64_t offset, uint64_t len);
/** fault_root_forgotten() - has FORGET of the root taken it away? */
bool fault_root_forgotten(void);
void fault_forget_root(void);

#endif
