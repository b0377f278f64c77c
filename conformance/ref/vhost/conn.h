/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_VHOST_CONN_H
#define VQ_REF_VHOST_CONN_H

#include <stdbool.h>

#include "conformance/ref/options.h"
#include "conformance/ref/vhost/message.h"
#include "conformance/ref/vhost/queue.h"
#include "conformance/ref/vhost/shmem.h"

/* Queues that one device may have; the index of a kick descriptor has 8 bits. */
#define CONN_QUEUES_MAX 64

/* Bytes of configuration space that are answered; what lies behind the device's is 0. QEMU asks for 256 at most. */
#define CONN_CONFIG_MAX 256

/* One front end, from accept() until it leaves. Only the connection thread touches it. */
struct conn {
	const struct ref_options *options;
	const struct ref_handler *handler;
	pthread_mutex_t resume_lock; /* of a ring that starts; see on_ring_start() */
	struct shmem *shmem;	     /* of the port, like the next */
	struct ref_window *window;
	int fd;
	int stop_fd;
	struct msg in;
	uint64_t received_ns; /* when it had come */
	uint64_t features;    /* acknowledged */
	uint64_t protocol;
	bool features_set;
	uint64_t status;
	struct memory_now memory;
	struct queue queue[CONN_QUEUES_MAX];
	unsigned queue_count;
	bool used; /* a ring has run: there may be a session */
};

/**
 * conn_serve() - talk to the front end at @fd (borrowed) until it leaves, does what cannot be answered, or
 * @stop_fd is readable. Then everything of it is gone but what is told here.
 * Return: 0; -EBUSY when requests are in flight that do not end and @stop_fd is readable: nothing was freed;
 * -errno when not even that could be begun.
 */
int conn_serve(const struct ref_options *o, const struct ref_handler *h, struct shmem *shmem,
	       struct ref_window *window, int fd, int stop_fd) MUST_USE;

/* What is offered. */
uint64_t conn_features(void);
uint64_t conn_protocol(const struct ref_options *o);

/** conn_session_over() - wait for what is in flight, then the handler drops the session. False: stopped meanwhile. */
bool conn_session_over(struct conn *c, const char *why) MUST_USE;

/** conn_interrupt() - what waits for somebody on the host gives up; see struct ref_handler. */
static inline void conn_interrupt(const struct conn *c)
{
	if (c->handler->interrupt)
		c->handler->interrupt(c->handler->context);
}

/** conn_memory_set() - publish a new table, taking the reference. */
void conn_memory_set(struct conn *c, struct memory *take_table);
/** conn_memory_changed() - tell the rings. */
void conn_memory_changed(struct conn *c);

/*
 * One kind of front-end message. @run: 0, a positive number of bytes of @m->body that are the reply, or
 * -errno: what was asked could not be done, and the front end hears of it if it wants to. CONN_LOST: the
 * connection cannot go on.
 */
#define CONN_LOST INT32_MIN
struct conn_rule {
	uint32_t request;
	const char *name;
	uint32_t size_min;
	uint32_t size_max;
	uint8_t fds_min;
	uint8_t fds_max;
	bool replies;	   /* has a reply of its own */
	uint64_t protocol; /* features without which it is unknown */
	int (*run)(struct conn *c, struct msg *m, struct err *reterr);
};
const struct conn_rule *conn_rule(uint32_t request);

/* handle_*.c */
int conn_set_vring_num(struct conn *c, struct msg *m, struct err *reterr);
int conn_set_vring_addr(struct conn *c, struct msg *m, struct err *reterr);
int conn_set_vring_base(struct conn *c, struct msg *m, struct err *reterr);
int conn_get_vring_base(struct conn *c, struct msg *m, struct err *reterr);
int conn_set_vring_kick(struct conn *c, struct msg *m, struct err *reterr);
int conn_set_vring_call(struct conn *c, struct msg *m, struct err *reterr);
int conn_set_vring_err(struct conn *c, struct msg *m, struct err *reterr);
int conn_set_vring_enable(struct conn *c, struct msg *m, struct err *reterr);
int conn_reset_device(struct conn *c, struct msg *m, struct err *reterr);
int conn_set_status(struct conn *c, struct msg *m, struct err *reterr);
int conn_set_mem_table(struct conn *c, struct msg *m, struct err *reterr);
int conn_add_mem_reg(struct conn *c, struct msg *m, struct err *reterr);
int conn_rem_mem_reg(struct conn *c, struct msg *m, struct err *reterr);

#endif
