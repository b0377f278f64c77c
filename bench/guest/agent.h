/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_GUEST_AGENT_H
#define VQ_GUEST_AGENT_H

/*
 * The host's end of vq-agent: run programs in a guest and move files, over the socket that the
 * VMM connects to the guest's virtio-serial port. Protocol and what survives a reconnect:
 * guest-image/agent/agent_proto.h.
 *
 * One thread. All waits end at an absolute deadline (CLOCK_MONOTONIC, clock.h). Nothing is
 * allocated on the word of the guest beyond the limits that the caller gave. While no function of
 * this module is running nothing is read, and jobs with output block: that is the back-pressure.
 *
 * Errors of all functions, besides their own:
 *   -ETIMEDOUT   the guest did not answer in time (hung, paused, or far too slow)
 *   -ECONNRESET  the VMM closed the port, or the agent was restarted; agent_reattach() may help
 *   -EOWNERDEAD  what agent_watch() watches has ended
 *   -EPROTO      more than 1 MiB of bytes that are no frame, or a message that cannot be right
 */

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct agent;

/** agent_connect() - connect to the VMM's socket, retrying until @deadline_ns, and reset the agent:
 * jobs of an earlier host die. */
int agent_connect(const char *socket_path, uint64_t deadline_ns, struct agent **ret,
		  struct err *reterr) MUST_USE;

/** agent_connect_while() - the same, but -EOWNERDEAD once @watch_fd, the pidfd of the VMM, becomes
 * readable: a guest that dies at its boot is not waited for until the deadline. */
int agent_connect_while(const char *socket_path, int watch_fd, uint64_t deadline_ns,
			struct agent **ret, struct err *reterr) MUST_USE;

/** agent_connect_console() - the same over a serial line or console of the guest: what is sent there
 * before the agent listens may be lost in part, so HELLO is said again until it is answered. */
int agent_connect_console(const char *socket_path, int watch_fd, uint64_t deadline_ns,
			  struct agent **ret, struct err *reterr) MUST_USE;

/** agent_adopt_fd() - as agent_connect(), on a connected stream socket. @take_fd is closed on
 * failure too. */
int agent_adopt_fd(int take_fd, uint64_t deadline_ns, struct agent **ret, struct err *reterr)
	MUST_USE;

/** agent_reattach() - after a lost connection: connect again and keep the jobs. Jobs that the agent
 * no longer knows make their agent_wait() return -ECONNRESET. */
int agent_reattach(struct agent *a, const char *socket_path, uint64_t deadline_ns,
		   struct err *reterr) MUST_USE;
int agent_reattach_fd(struct agent *a, int take_fd, uint64_t deadline_ns, struct err *reterr)
	MUST_USE;

/** agent_close() - close and free; jobs go on in the guest until their deadline or the next
 * agent_connect(). NULL is fine; returns NULL. */
struct agent *agent_close(struct agent *a);

static inline void agent_closep(struct agent **a)
{
	*a = agent_close(*a);
}

/** agent_set_grace_ms() - how long past a job's deadline the guest may take to report it; default
 * 10 s (TCG on a busy host). */
void agent_set_grace_ms(struct agent *a, uint32_t grace_ms);

/**
 * agent_watch() - give up all waits at once when this descriptor becomes readable.
 * @fd: of something that jobs need on the host, such as the pidfd of the daemon that serves their
 *      file system; borrowed. -1: nothing (the default).
 * Functions then return -EOWNERDEAD unless an answer is already there.
 */
void agent_watch(struct agent *a, int fd);

/** agent_stuck_count() - processes that outlived the SIGKILL of the last agent_connect(): the guest
 * is not clean. */
uint32_t agent_stuck_count(const struct agent *a);

struct agent_info {
	char boot_id[40];
	char kernel[96]; /* "Linux 6.1.0-40-amd64" */
	uint64_t uptime_ns;
};

int agent_info(struct agent *a, uint64_t deadline_ns, struct agent_info *ret, struct err *reterr)
	MUST_USE;

/** agent_ping() - one round trip; its time in *ret_ns (may be NULL). */
int agent_ping(struct agent *a, uint64_t deadline_ns, uint64_t *ret_ns, struct err *reterr)
	MUST_USE;

enum agent_fate {
	AGENT_EXITED,	    /* code: exit status */
	AGENT_SIGNALLED,    /* code: signal */
	AGENT_DEADLINE,	    /* code: signal that ended it, 0 if it exited or is stuck */
	AGENT_OUTPUT_LIMIT, /* code: as above */
	AGENT_SPAWN_FAILED, /* code: errno; note says what failed */
};

/* When neither stdout_max nor stderr_max is given. */
#define AGENT_OUTPUT_DEFAULT (1 * MIB)

struct agent_job {
	const char *const *argv; /* NULL-terminated, 1 to 256 items; argv[0] is looked up in PATH */
	const char *const *env;	 /* NULL-terminated; NULL = the agent's environment. All strings
				    together: 24 KiB */
	const char *cwd;	 /* NULL = as the agent */
	uint32_t deadline_ms;	 /* > 0; then SIGTERM to the group, 500 ms later SIGKILL */
	size_t stdout_max;	 /* 0 = AGENT_OUTPUT_DEFAULT; more output kills the job */
	size_t stderr_max;
};

struct agent_result {
	enum agent_fate fate;
	int code;
	uint64_t run_ns; /* in the guest: before fork to after the wait */
	uint64_t user_ns;
	uint64_t sys_ns;
	uint64_t maxrss_bytes;
	struct buf out; /* what came, up to the limit, in every fate */
	struct buf err;
	uint64_t out_lost; /* bytes that a reconnect lost; not 0 only with -EIO */
	uint64_t err_lost;
	uint32_t deadline_ms; /* of the job, for agent_fate_describe() */
	bool stuck;	      /* alive after SIGKILL; note has its kernel stack */
	bool held;	      /* a process that left the job's group still holds its output open */
	char note[512];
};

/**
 * agent_run() - run a program in the guest and wait for it.
 * @ret: filled and to be released with agent_result_free() when 0 or -EIO is returned.
 * Return: 0 when the guest reported a fate, whatever it is; -EIO when output was lost in a
 * reconnect ("N bytes of stdout lost"); -EINVAL or -E2BIG for a job beyond the limits.
 */
int agent_run(struct agent *a, const struct agent_job *job, struct agent_result *ret,
	      struct err *reterr) MUST_USE;
void agent_result_free(struct agent_result *r);

/** agent_start() - start a job, up to 16 at once (-EAGAIN beyond). Success means only that it was
 * sent. */
int agent_start(struct agent *a, const struct agent_job *job, uint32_t *ret_id, struct err *reterr)
	MUST_USE;

/**
 * agent_wait() - collect a job, as agent_run() does. The id is released, except after -ECONNRESET
 * when the job may still be alive: then agent_wait() can be repeated after agent_reattach().
 * -ETIMEDOUT and -EOWNERDEAD also try to kill it.
 */
int agent_wait(struct agent *a, uint32_t id, struct agent_result *ret, struct err *reterr) MUST_USE;

/**
 * agent_output() - wait until a job has said more than @have bytes on its standard output, or has ended; its result is
 * still to be collected.
 * @ret: all that it has said so far, borrowed until the next call of this module.
 * Return: 0; -ETIMEDOUT, -EOWNERDEAD, -ECONNRESET: as the others, but the job stays.
 */
int agent_output(struct agent *a, uint32_t id, size_t have, uint64_t deadline_ns, const char **ret,
		 size_t *ret_size, bool *ret_ended, struct err *reterr) MUST_USE;

/** agent_kill() - send @signal to the job's process group. It is still to be collected. */
int agent_kill(struct agent *a, uint32_t id, int signal, struct err *reterr) MUST_USE;

/** agent_push() - create a guest file; parent folders are made, it appears under its name by rename
 * when complete. */
int agent_push(struct agent *a, const void *data, size_t size, const char *guest_path,
	       unsigned mode, uint64_t deadline_ns, struct err *reterr) MUST_USE;

/** agent_pull() - append a guest file to @ret. -ENOENT, -EFBIG (more than @max) ... as the guest
 * says; @ret is then as before. */
int agent_pull(struct agent *a, const char *guest_path, size_t max, uint64_t deadline_ns,
	       struct buf *ret, struct err *reterr) MUST_USE;

/** agent_fate_describe() - "exited 0", "signal 9 (Killed)", "deadline of 5000 ms passed" ...; in
 * @scratch. */
const char *agent_fate_describe(const struct agent_result *r, char *scratch, size_t size);

#endif
