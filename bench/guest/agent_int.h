/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_GUEST_AGENT_INT_H
#define VQ_GUEST_AGENT_INT_H

/*
 * What the parts of the host's end know of each other: the link (agent_link.c) moves frames, the
 * jobs (agent_job.c) and the files (agent_file.c) produce and consume them, agent.c has the
 * session, the requests and the way of a frame to its consumer.
 */

#include "guest/agent.h"

#include "guest-image/agent/agent_proto.h"

/* Longest pause between two attempts to connect. */
#define CONNECT_POLL_MAX_MS 20

struct host_stream {
	struct buf data;
	uint64_t next; /* offset of the next byte in the guest's stream */
	uint64_t lost;
};

struct host_job {
	bool used;
	bool done;
	uint32_t id;
	uint64_t give_up_ns;
	uint32_t deadline_ms;
	int error; /* negative errno: the agent refused it, or broke the protocol */
	char error_text[VQP_TEXT_MAX];
	char name[128]; /* start of the command, for messages */
	struct host_stream stream[2];
	struct agent_result result; /* without out and err */
};

/* The one synchronous request that may be under way. */
struct request {
	uint32_t id;
	uint64_t since_ns;
	enum vqp_type want; /* the answer that completes it */
	bool done;
	int error;
	char text[VQP_TEXT_MAX];
	struct vqp_info info;
	struct buf *pull;
	size_t pull_max;
	uint64_t pull_next;
};

struct agent {
	int fd;
	int watch_fd;
	uint32_t grace_ms;
	uint32_t next_id;
	uint32_t stuck_count;
	uint32_t repeat_ms; /* HELLO is said again after so long without an answer; 0: once */
	bool in_session;    /* HELLO was answered */
	bool restarted;
	uint64_t nonce;	 /* of the newest HELLO; those of one session follow each other */
	uint32_t hellos; /* HELLOs of this session so far */
	bool heard;	 /* an older one of them was answered */
	uint64_t garbage;
	char link_note[VQP_TEXT_MAX]; /* last complaint of the agent about the link itself */
	struct host_job jobs[VQP_JOBS_MAX];
	struct request request;
	struct vqp_hello_reply hello;
	size_t in_size;
	size_t out_start;
	size_t out_size;
	unsigned char in[2 * VQP_FRAME_MAX];
	unsigned char out[VQP_PAD_SIZE + 2 * VQP_FRAME_MAX];
};

/* ---- agent_link.c ---- */

/** agent_link_connect() - connect to the VMM's socket, retrying until @deadline_ns; -EOWNERDEAD
 * once @watch_fd (may be -1) becomes readable. */
int agent_link_connect(const char *path, int watch_fd, uint64_t deadline_ns, int *ret_fd,
		       struct err *reterr) MUST_USE;

/** agent_link_put() - queue a frame; -ENOBUFS without room. agent_link_flush() sends it. */
int agent_link_put(struct agent *a, enum vqp_type type, uint32_t job, const void *head,
		   size_t head_size, const void *body, size_t body_size);

/** agent_link_flush() - send what the socket takes now; 0 or -ECONNRESET. */
int agent_link_flush(struct agent *a);

/** agent_link_drain() - wait until all that was queued has left. */
int agent_link_drain(struct agent *a, uint64_t deadline_ns) MUST_USE;

/** agent_link_send() - wait for room, queue a frame and begin to send it. */
int agent_link_send(struct agent *a, enum vqp_type type, uint32_t job, const void *head,
		    size_t head_size, const void *body, size_t body_size, uint64_t deadline_ns)
	MUST_USE;

/** agent_link_pump() - one turn of input and output; frames go to agent_dispatch(). */
int agent_link_pump(struct agent *a, uint64_t deadline_ns) MUST_USE;

/** agent_link_error() - say what @e, of the functions above, did to @what; returns @e. */
int agent_link_error(const struct agent *a, int e, const char *what, uint64_t since_ns,
		     struct err *reterr);

/* ---- agent_job.c ---- */

/** agent_job_find() - the job of that id, or NULL. */
struct host_job *agent_job_find(struct agent *a, uint32_t id);

/** agent_job_break() - end a job with an error of the protocol, unless it is over. */
void agent_job_break(struct host_job *j, int error, const char *text);

/** agent_job_free() - release a job's output and its slot. */
void agent_job_free(struct host_job *j);

/** agent_job_output() - handle STDOUT and STDERR. */
void agent_job_output(struct agent *a, const struct vqp_frame *f);

/** agent_job_exit() - handle EXIT. */
void agent_job_exit(struct agent *a, const struct vqp_frame *f);

/* ---- agent_file.c ---- */

/** agent_file_data() - handle PULL_DATA. */
void agent_file_data(struct agent *a, const struct vqp_frame *f);

/* ---- agent.c ---- */

/** agent_dispatch() - give a frame of the guest to whom it is for. */
void agent_dispatch(struct agent *a, const struct vqp_frame *f);

/** agent_copy_text() - copy text of the guest: bounded, and printable whatever it was. */
void agent_copy_text(char *ret, size_t size, const unsigned char *text, size_t length);

/** agent_new_id() - an id that no job and no request has. */
uint32_t agent_new_id(struct agent *a);

/** agent_request_begin() - make room for a request that @want will answer. */
void agent_request_begin(struct agent *a, enum vqp_type want);

/** agent_request_break() - end the request under way with an error of the protocol. */
void agent_request_break(struct request *r, int error, const char *text);

/** agent_request_finish() - wait for its answer, if @e (of sending it) is 0. @what names it. */
int agent_request_finish(struct agent *a, int e, uint64_t deadline_ns, const char *what,
			 struct err *reterr) MUST_USE;

#endif
