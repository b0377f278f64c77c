/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FRONT_WINDOW_H
#define VQ_FRONT_WINDOW_H

#include "conformance/front/vhost.h"

#include <sys/types.h>

/*
 * The VMM's side of the back-end's own requests: the DAX window, into which the device has files mapped.
 * A request that breaks a rule is evidence, is refused, and changes nothing. Served in the waits of the
 * front end (pump.h says why). Source: QEMU's vhost-user text, VHOST_USER_BACKEND_SHMEM_MAP, _UNMAP.
 */

/* Where the guest sees the window: no memory of the guest is near. */
#define FRONT_WINDOW_GUEST UINT64_C(0x4000000000)

/* Requests that the log keeps. */
#define FRONT_WINDOW_LOG 1024

/* Zero: as strict as QEMU 11.1, without its memory regions. */
struct front_window_options {
	bool lax;     /* a VMM that maps past the end of files, and what is open for reading only */
	bool mem_reg; /* tell each map and unmap on the main socket before the answer, as QEMU does */
};

/* A live mapping. */
struct front_mapping {
	uint64_t offset; /* in the window */
	uint64_t len;
	uint64_t fd_offset;
	bool writable;
	dev_t dev; /* of the file */
	ino_t ino;
	bool told; /* by ADD_MEM_REG */
};

struct front_window_event {
	uint64_t received_ns;
	uint64_t mapped_ns; /* the memory was changed */
	uint64_t answered_ns;
	uint32_t request;
	struct vhost_user_mmap mmap;
	dev_t dev;
	ino_t ino;
	bool stopped; /* no ring ran when it came */
	bool asked;   /* was an answer asked for? */
	uint64_t ack; /* 0: done */
};

struct front_window {
	struct front_window_options options;
	struct front_evidence *evidence;
	struct front_pump *pump;
	struct front_channel *main; /* for memory regions */
	struct front_channel channel;
	int device_fd; /* the device's end, until it was sent */
	bool negotiated;
	bool rings_run; /* some ring is started: requests are allowed */
	uint64_t bytes;
	uint8_t *at; /* PROT_NONE where nothing is mapped */
	struct front_mapping *mapping;
	size_t count;
	size_t room;
	/* counters since the start */
	uint64_t maps;
	uint64_t unmaps;
	uint64_t refused;
	uint64_t config_changes;
	uint64_t failed; /* messages to the device that it did not take, or refused */
	/* on demand */
	unsigned nak_after; /* requests to be served first */
	unsigned nak_count; /* then so many are refused */
	uint64_t nak_value;
	uint64_t delay_ns; /* before each request is served */
	bool hold;	   /* serve nothing until front_window_release() */
	bool has_held;
	struct front_message held;
	struct front_window_event held_event;
	uint64_t total; /* event i of the log is log[i % FRONT_WINDOW_LOG] */
	struct front_window_event log[FRONT_WINDOW_LOG];
};

/** front_window_new() - sockets and pump; no window yet. 0; -errno with text. */
int front_window_new(const struct front_window_options *o, struct front_evidence *evidence,
		     struct front_pump *pump, struct front_channel *main, struct front_window **ret,
		     struct err *reterr) MUST_USE;
struct front_window *front_window_free(struct front_window *w);

/** front_window_reserve() - the size that GET_SHMEM_CONFIG told. 0; -errno. */
int front_window_reserve(struct front_window *w, uint64_t bytes) MUST_USE;

/** front_window_drop() - all mappings are gone, without a word to the device: a reset. */
void front_window_drop(struct front_window *w);

/** front_window_nak() - after @after more requests, refuse @count with @value (not 0). */
void front_window_nak(struct front_window *w, unsigned after, unsigned count, uint64_t value);
/** front_window_delay() - serve each request only @ns after it came; 0: at once. */
void front_window_delay(struct front_window *w, uint64_t ns);
/** front_window_hold() - from now on requests wait; @w->has_held says that one does. */
void front_window_hold(struct front_window *w);
void front_window_release(struct front_window *w);

/** front_window_find() - the live mapping that holds @offset, or NULL. Borrowed until the next wait. */
const struct front_mapping *front_window_find(const struct front_window *w, uint64_t offset);

/**
 * front_window_read() - as a guest's load would see it, without dying of it.
 * Return: 0; -EFAULT where nothing is mapped or the file has no such page.
 */
int front_window_read(const struct front_window *w, uint64_t offset, void *ret, size_t size)
	MUST_USE;
/** front_window_write() - likewise a store; -EFAULT also where the mapping is read-only. */
int front_window_write(struct front_window *w, uint64_t offset, const void *data, size_t size)
	MUST_USE;

/** front_window_event_at() - the newest (0), the one before it (1) ... or NULL. */
const struct front_window_event *front_window_event_at(const struct front_window *w, uint64_t back);

/* shmem.c: one request, its answer included. */
void front_window_handle(struct front_window *w, struct front_message *m,
			 struct front_window_event *v);

#endif
