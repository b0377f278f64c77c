/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_PROGRAM_EXEC_H
#define VQ_PROGRAM_EXEC_H

#include "conformance/front/fuse.h"
#include "conformance/program/program.h"

/*
 * Programs at work: each step by the front end (conformance/front), there is no other client. What comes of a step is
 * a word (`=> ENOENT`) and a line for a person.
 */

#define PROGRAM_TOLD 160

struct program_answer {
	bool done;
	bool silent;		 /* a request was not answered */
	char seen[PROGRAM_WORD]; /* OK, an errno, gone, timeout, broken, failed, ... */
	char told[PROGRAM_TOLD]; /* fields of the reply; may be empty */
};

/* What came of all. Flat: it may lie in memory that processes share, and be read while it is filled. */
struct program_result {
	bool started;	     /* the front end came as far as the program's `front` says */
	char trouble[512];   /* if not: why */
	size_t done;	     /* steps that were begun */
	uint64_t violations; /* bits of enum front_fault */
	char violation[256]; /* the first, in words */
	bool left;	     /* the daemon closed the connection */
	bool silent;	     /* it was asked for a reply that it owes, and gave none */
	struct program_answer answer[PROGRAM_STEPS_MAX];
};

struct program_at {
	const char *socket;
	const char *share;   /* for steps of the host; NULL: they fail */
	unsigned timeout_ms; /* of each answer, where the program does not say */
	/* Asked behind a step that was not answered: is there any use in going on? NULL: yes. */
	bool (*give_up)(void *context);
	void *context;
};

/** program_run() - all steps, until the daemon has left. @ret: zero before. Its front, for questions; may be NULL. */
struct front *program_run(const struct program *p, const struct program_at *at,
			  struct program_result *ret) MUST_USE;

/** program_errno() - "OK", "ENOENT", "timeout", ... for a result of the front end. Static, or @scratch. */
const char *program_errno(int result, char *scratch, size_t size);

/* ---- for the files of steps ---- */

struct program_run {
	const struct program *p;
	const struct program_at *at;
	struct program_result *result;
	struct front *f;
	uint64_t symbol[PROGRAM_GIVEN][PROGRAM_SYMBOLS_MAX];
	bool given[PROGRAM_GIVEN][PROGRAM_SYMBOLS_MAX]; /* a reply brought it */
	struct front_buf *buffer[PROGRAM_SYMBOLS_MAX];
	struct front_request *later[PROGRAM_STEPS_MAX];
	size_t later_step[PROGRAM_STEPS_MAX];
	size_t later_count;
	bool dead
		[FRONT_QUEUES_MAX]; /* this queue has not answered: it is not waited for long again */
};

/** program_number() - of a field; @otherwise when it is not there. */
uint64_t program_number(const struct program_run *r, const struct program_step *s,
			const char *field, uint64_t otherwise);
/** program_bytes() - of a field, appended: "" when it is not there. 0 or -ENOMEM. */
int program_bytes(const struct program_run *r, const struct program_value *v, struct buf *ret)
	MUST_USE;
/** program_tell() - @seen: NULL keeps the word that is there. */
void program_tell(struct program_answer *a, const char *seen, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
void program_tell_result(struct program_answer *a, int result);

/* run_fuse.c, run_ring.c, run_message.c, run_host.c: one step each. */
void program_do_request(struct program_run *r, const struct program_step *s, size_t index,
			struct program_answer *a);
void program_do_wait(struct program_run *r, const struct program_step *s, struct program_answer *a);
void program_do_ring(struct program_run *r, const struct program_step *s, struct program_answer *a);
void program_do_message(struct program_run *r, const struct program_step *s,
			struct program_answer *a);
void program_do_host(struct program_run *r, const struct program_step *s, struct program_answer *a);

/* How long is looked for what a raw step does, and for what comes of a queue that did not answer before. */
#define PROGRAM_MOMENT_MS 20

#endif
