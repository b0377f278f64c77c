/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RELAY_SERVE_H
#define VQ_RELAY_SERVE_H

#include "relay/message.h"
#include "relay/ring.h"

/* Queues of a device: the priority queue and its request queues. */
#define QUEUES_MAX  16
#define SHADOW_SIZE (QUEUES_MAX * SHADOW_RING_SIZE)
/* Requests whose reply is outstanding: the VMM's and at most one of ours before it. */
#define EXPECT_MAX 4

/* A snapshot waits this long for requests in flight to be answered. */
#define SETTLE_MS 2000
/* Largest answer on the control socket. */
#define CONTROL_MAX (128 * KIB)

/* What was offered and what was agreed on, and what the relay took away from the offer. */
struct negotiation {
	uint64_t features;
	uint64_t protocol;
	uint64_t protocol_offered; /* to the VMM */
	uint64_t features_masked;
	uint64_t protocol_masked;
	unsigned queues; /* that were started */
	uint16_t queue_size;
};

struct message_rule;

struct expect {
	const struct message_rule *rule; /* NULL: a message of our own, whose reply we keep */
	bool swallow;			 /* the VMM did not ask for this reply */
	struct vhost_user_vring_state state;
};

/* One relay at work, inside its own process. */
struct serve {
	int listen_fd;
	int control;
	struct channel vmm;
	struct channel daemon;
	struct memory memory;
	int shadow_fd;
	uint8_t *shadow;
	bool shadow_given; /* with ADD_MEM_REG; a table carries it each time */
	struct queue queue[QUEUES_MAX];
	struct negotiation n;
	struct init_seen init;
	struct expect expect[EXPECT_MAX];
	size_t expect_count;
	uint64_t snapshot_due_ns; /* 0: none was asked for */
};

/** serve_init() - make the shadow rings. Descriptors are owned from here on. 0 or -errno. */
int serve_init(struct serve *s, int listen_fd, int daemon_fd, int control, struct err *reterr)
	MUST_USE;
void serve_free(struct serve *s);

/** serve_run() - until the VMM has left (0) or something went wrong (-errno, text). */
int serve_run(struct serve *s, struct err *reterr) MUST_USE;

/** serve_from_vmm() / serve_from_daemon() - one complete message has arrived in the channel. */
int serve_from_vmm(struct serve *s, struct err *reterr) MUST_USE;
int serve_from_daemon(struct serve *s, struct err *reterr) MUST_USE;

/** serve_json() - {negotiated, masked, queues, total}: a snapshot. New reference. */
json_t *serve_json(const struct serve *s);

#endif
