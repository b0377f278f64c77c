/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_VHOST_QUEUE_H
#define VQ_REF_VHOST_QUEUE_H

#include "conformance/ref/vhost/ring.h"

/* Threads of one ring: its own and its workers. */
#define QUEUE_THREADS_MAX 65

/*
 * A ring and the threads that serve it. One of them leads: it sleeps on the kick, takes what is there and
 * puts it on the list; all of them, the leader as well, serve from the list. Who starts to serve gives the
 * lead away, so that a request which blocks holds back nothing while another thread is free.
 */
struct queue {
	struct ring ring;
	unsigned kick_messages;
	bool waits_all; /* --fault: for the others to be started; under the ring's lock */
	/* --fault, see notify.h. */
	bool keeps_buffers;   /* it is the notification queue: what is in it are no requests */
	struct queue *notify; /* that queue, where its requests are told of; NULL: there is none */
	const struct ref_handler *handler;
	unsigned poll_us;   /* 0: sleep as soon as there is nothing to do, or after: */
	unsigned linger_us; /* as long as that helps */
	unsigned in_vain;   /* sleeps to pass after the next try to linger that finds nothing */
	unsigned sleeps_until_try;
	pthread_t thread[QUEUE_THREADS_MAX];
	unsigned thread_count; /* running */
	unsigned threads;      /* wanted */
	pthread_cond_t work;
	struct ring_request *todo; /* under the ring's lock, like all below */
	struct ring_request **todo_end;
	unsigned waiting; /* threads that wait for work */
	bool led;
	bool quit;
	int wake_fd;
	int watch_fd;			 /* epoll: wake_fd, and the ring's kicks */
	void (*on_start)(void *context); /* the ring runs now; called without locks */
	void *on_start_context;
};

/** queue_init() - no thread yet. @workers: beside the queue's own thread. How it waits is the caller's to set. */
int queue_init(struct queue *q, uint16_t index, unsigned workers, struct memory_now *memory,
	       const struct ref_handler *handler) MUST_USE;

/** queue_run() - start the threads, if they do not run yet. 0 or -errno. */
int queue_run(struct queue *q) MUST_USE;

/** queue_wake() - something about the ring has changed: look again. */
void queue_wake(struct queue *q);

/** queue_destroy() - ends the threads; nothing may be in flight. */
void queue_destroy(struct queue *q);

#endif
