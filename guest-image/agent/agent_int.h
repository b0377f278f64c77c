/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_AGENT_INT_H
#define VQ_AGENT_INT_H

/*
 * What the parts of vq-agent know of each other: the link (agent_link.c) moves frames, the jobs
 * (agent_job.c; their processes: agent_proc.c) and the files (agent_file.c) produce and consume
 * them, agent.c has the loop.
 * Everything is static and bounded: the agent allocates nothing, so a guest under memory pressure
 * can still be asked what is wrong. One thread.
 */

#include "agent_proto.h"

#include <poll.h>
#include <sys/types.h>
#include <unistd.h>

#define ARRAY_SIZE(a)  (sizeof(a) / sizeof((a)[0]))
#define NS_PER_MS      UINT64_C(1000000)
#define NS_PER_S       UINT64_C(1000000000)
#define DEADLINE_NEVER UINT64_MAX

/* poll() entries: signals, link, uevents or listener, and three descriptors per job. */
#define POLL_MAX (3 + 3 * VQP_JOBS_MAX)

/** now_ns() - CLOCK_MONOTONIC. */
uint64_t now_ns(void);

/** agent_set_oom_score() - make this process the last (-1000) or an ordinary (0) victim of the OOM
 * killer, if allowed. */
void agent_set_oom_score(const char *text);

/** agent_close_fd() - close a descriptor unless it is -1, which it then becomes. */
static inline void agent_close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* ---- agent_link.c ---- */

enum link_kind { LINK_PORT, LINK_TTY, LINK_FD, LINK_LISTEN };

/**
 * link_open() - open the byte stream to the host.
 * @target:      port name, or path of a terminal, or of a socket to listen on; borrowed, must stay
 *               valid.
 * @fd:          descriptor of LINK_FD, which is then owned by the link.
 * @deadline_ns: for a port or terminal that does not exist yet.
 * Return: 0 or -errno.
 */
int link_open(enum link_kind kind, const char *target, int fd, uint64_t deadline_ns);

/** link_poll() - add the link's descriptors to a poll set; returns the new count. */
size_t link_poll(struct pollfd *set, size_t count, bool want_input);

/** link_deadline() - when link_step() is due even if no descriptor is ready. */
uint64_t link_deadline(void);

/**
 * link_step() - move bytes in and out as far as possible without blocking, notice loss and return
 * of the host. Return: 0; -EPIPE when a link of kind LINK_FD is over for good.
 */
int link_step(void);

/**
 * link_flush() - send what can be sent, without looking at the input.
 * Return: true when room came free or the link ended, so that another turn is due before poll().
 */
bool link_flush(void);

/**
 * link_next() - the next frame from the host. It is valid until link_next() is called again.
 * Return: true and *ret, false when there is none yet.
 */
bool link_next(struct vqp_frame *ret);

/** link_attached() - has the present host said HELLO and been answered? */
bool link_attached(void);
/** link_resume() - a frame that is no HELLO came: a host that seemed to have left is still there.
 * Is one attached? */
bool link_resume(void);

/** link_can_reply() - is there room for a short frame; link_can_bulk() - and for stream data? */
bool link_can_reply(void);
bool link_can_bulk(void);

/**
 * link_payload() - where the payload of the next frame is to be written (VQP_PAYLOAD_MAX bytes).
 * Only after link_can_reply() or link_can_bulk() said yes. link_commit() queues it.
 */
unsigned char *link_payload(void);
void link_commit(enum vqp_type type, uint32_t job, size_t size);

/** link_send() - queue a frame; dropped when there is no room (callers check link_can_reply()). */
void link_send(enum vqp_type type, uint32_t job, const void *payload, size_t size);

/** link_error() - queue an ERROR. @error: errno, positive. */
__attribute__((format(printf, 3, 4))) void link_error(uint32_t job, int error, const char *fmt,
						      ...);

/** link_detach() - send nothing more until link_greet(). @drop: forget what is queued. */
void link_detach(bool drop);

/** link_greet() - put the HELLO_REPLY before everything else and go on with the queue. */
void link_greet(const struct vqp_hello_reply *reply);

/** link_announce() - send STARTED if a host is there. */
void link_announce(void);

/* ---- agent_job.c ---- */

/** job_exec(), job_kill(), job_ack() - handle the frame of that name; errors are sent to the host.
 */
void job_exec(const struct vqp_frame *frame);
void job_kill(const struct vqp_frame *frame);
void job_ack(const struct vqp_frame *frame);

size_t job_poll(struct pollfd *set, size_t count);
uint64_t job_deadline(void);

/** job_step() - read pipes, enforce deadlines, queue EXITs. Returns whether something was done. */
bool job_step(void);

/** job_reap() - after SIGCHLD. */
void job_reap(void);

/** job_reset() - kill everything and forget it; slots become free as the processes die. */
void job_reset(void);

/** job_attach() - a new host: EXITs that nobody acknowledged are sent again. */
void job_attach(void);

/** job_list() - ids of the jobs that the host may still ask about; returns how many. */
size_t job_list(struct vqp_le32 *ret_ids);

/** job_doomed() - processes of a reset that have not died yet. */
size_t job_doomed(void);

/* ---- agent_proc.c ---- */

/* What EXEC asks for. Its strings are valid until proc_parse() is called again. */
struct exec_request {
	char *argv[VQP_ARGV_MAX + 1];
	char *env[VQP_ENV_MAX + 1];
	bool keep_env;
	const char *cwd;
	struct vqp_exec fixed;
};

/* A process and our ends of its pipes. */
struct proc {
	pid_t pid;
	int out_fd;
	int err_fd;
	int status_fd; /* end of file when the program runs */
	uint64_t start_ns;
};

/** proc_parse() - read EXEC; 0 or -errno, with *ret_why saying what is wrong with the request. */
int proc_parse(const struct vqp_frame *frame, struct exec_request *ret, const char **ret_why);

/** proc_start() - fork and execute; 0 or -errno. Descriptors of @ret do not block, the caller
 * closes them. */
int proc_start(const struct exec_request *r, struct proc *ret);

/**
 * proc_read_failure() - could the child execute the program?
 * @ret_error: errno, positive; @ret_note: what failed. Both only of a child that could not.
 * Return: 1 it could not; 0 it could, or died before; -EAGAIN not known yet.
 */
int proc_read_failure(int status_fd, int *ret_error, char *ret_note, size_t size);

/** proc_describe_stuck() - say where a process sleeps that SIGKILL did not end in @waited_ms. */
void proc_describe_stuck(pid_t pid, unsigned int waited_ms, char *ret, size_t size);

/* ---- agent_file.c ---- */

void file_push_open(const struct vqp_frame *frame);
void file_push_data(const struct vqp_frame *frame);
void file_push_end(const struct vqp_frame *frame);
void file_pull(const struct vqp_frame *frame);

/** file_step() - send the next piece of a pull; returns whether something was done. */
bool file_step(void);

/** file_reset() - give up what is under way; a half pushed file is removed. */
void file_reset(void);

#endif
