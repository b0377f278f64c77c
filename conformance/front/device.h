/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FRONT_DEVICE_H
#define VQ_FRONT_DEVICE_H

#include "conformance/front/evidence.h"
#include "conformance/front/memory.h"
#include "conformance/front/request.h"
#include "conformance/front/ring.h"
#include "conformance/front/vhost.h"
#include "conformance/front/window.h"

/*
 * A VMM and a guest's driver in one: struct front is one connection to one device. Polite by default, and
 * in the order of QEMU; every step can be taken alone, left out, or done by hand on the channel and rings.
 * One thread.
 */

/* Queues with hiprio at most. */
#define FRONT_QUEUES_MAX 64
#define FRONT_TIMEOUT_MS 5000

enum front_memory_how { FRONT_MEMORY_AUTO, FRONT_MEMORY_TABLE, FRONT_MEMORY_SLOTS };

/* Zero: the default. */
struct front_options {
	const char *path;	/* of the device's socket */
	int fd;			/* instead: a connected socket, taken; 0 is none */
	unsigned queues;	/* request queues; default 1 */
	unsigned ring_size;	/* default 128 */
	bool packed;		/* RING_PACKED, if it is offered */
	bool busy_poll;		/* look at the used rings instead of waiting to be called */
	uint64_t features_off;	/* virtio features not to be acknowledged */
	uint64_t features_more; /* to be, if offered, beside the usual ones */
	uint64_t protocol_off;
	uint64_t protocol_more;
	enum front_memory_how memory_how; /* AUTO: ADD_MEM_REG where negotiated */
	struct front_memory_options memory;
	bool window; /* SHMEM, if it is offered */
	struct front_window_options window_options;
	unsigned timeout_ms;		/* of each message and request; default 5000 */
	size_t events;			/* of evidence kept; default 256 */
	bool traffic;			/* messages and requests are evidence too */
	bool (*stalled)(void *context); /* see struct front_pump; NULL: deadlines are waited for */
	void *stalled_context;
	const struct front_watch *watch; /* or NULL */
};

struct front {
	struct front_options options;
	struct front_evidence *evidence;
	struct front_pump pump;
	struct front_channel channel;
	struct front_memory *memory;
	struct front_window *window;
	struct front_ring ring[FRONT_QUEUES_MAX];
	unsigned ring_count;
	/* what the device offered and what was agreed */
	uint64_t offered;
	uint64_t features;
	uint64_t protocol_offered;
	uint64_t protocol;
	uint64_t queue_num;
	uint64_t mem_slots;
	uint8_t config[VIRTIO_FS_CONFIG_BYTES];
	bool has_config;
	struct vhost_user_shmem_config shmem;
	uint32_t base[FRONT_QUEUES_MAX]; /* what GET_VRING_BASE said */
	bool negotiated;
	bool mapped; /* the device was told of the memory */
	bool started;
	bool kept; /* the rings go on where they were stopped */
	/* the session */
	uint64_t next_unique;
	struct fuse_init_out init;
	struct front_layout layout; /* of requests that are prepared from now on */
	unsigned queue;		    /* request queue of operations without one; 1 */
	struct front_request *requests;
};

/** front_open() - connect, make memory and rings; nothing is sent. 0; -errno with text. */
int front_open(const struct front_options *o, struct front **ret, struct err *reterr) MUST_USE;

/** front_negotiate() - features, owner, descriptors of calls, window, SET_FEATURES. 0; -errno with text. */
int front_negotiate(struct front *f, struct err *reterr) MUST_USE;

/** front_start() - memory, rings, enable. After front_stop() the rings go on. 0; -errno with text. */
int front_start(struct front *f, struct err *reterr) MUST_USE;

/** front_new() - all three. */
int front_new(const struct front_options *o, struct front **ret, struct err *reterr) MUST_USE;

/** front_stop() - GET_VRING_BASE of each ring; @f->base has the answers. Requests stay in flight. */
int front_stop(struct front *f, struct err *reterr) MUST_USE;

/** front_reset() - by STATUS or RESET_DEVICE, whichever was negotiated: rings and window are empty again. */
int front_reset(struct front *f, struct err *reterr) MUST_USE;

/** front_hang_up() - close the sockets, as a VMM that dies; requests in flight are lost. */
void front_hang_up(struct front *f);

/** front_reconnect() - hang up if need be, connect to the same path, negotiate, start. */
int front_reconnect(struct front *f, struct err *reterr) MUST_USE;

/** front_free() - hangs up and releases all; NULL is fine. Canaries are verified before. */
struct front *front_free(struct front *f);

/** front_verify() - canaries of all that is out, now. 0 or -EBADMSG with evidence. */
int front_verify(struct front *f);

bool front_has(const struct front *f, unsigned virtio_feature_bit);
bool front_has_protocol(const struct front *f, unsigned bit);
bool front_is_alive(struct front *f);
/** front_is_stalled() - will nothing ever come of what it was told? False when nobody knows. */
bool front_is_stalled(const struct front *f);
uint64_t front_deadline(const struct front *f);

/** front_open_rings() - as the features say that were agreed; kept where they fit. 0 or -errno. */
int front_open_rings(struct front *f) MUST_USE;
/** front_map_memory() - the regions, in the way that was chosen. 0 or -errno as vhost.h. */
int front_map_memory(struct front *f) MUST_USE;
/** front_start_ring() - NUM, BASE, ADDR, KICK, CALL of one queue. */
int front_start_ring(struct front *f, unsigned queue, uint32_t base) MUST_USE;

#endif
