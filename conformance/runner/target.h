/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUNNER_TARGET_H
#define VQ_RUNNER_TARGET_H

#include "base/err.h"
#include "base/strv.h"
#include "stack/stack.h"

/*
 * What is tested: a daemon of the stack table, one that the user gives a command line for, or one that
 * listens already. A target is started anew for each check, except for one that listens already.
 */

#define TARGET_WORDS_MAX 32

struct target {
	char id[192];	  /* of a row, or of a cell of the guest suite */
	const char *name; /* of the product, as the files of known deviations are called */
	char version[128];
	const struct stack *stack; /* a row, or */
	struct strv words;	   /* a command line with {socket} or {fd}, and {share}, or */
	const char *socket;	   /* a path where it listens */
	const char *share;	   /* of a daemon that listens: its folder, if it is known */
	struct strv more;	   /* words behind all others */
	struct strv env;	   /* "NAME=value" for the daemon */
	struct stack_paths paths;
	unsigned long nofile;
	uint32_t *
		arm; /* becomes 1 where a check itself begins, behind its start; NULL: nobody waits */
};

/** target_from_stack() - a row of the stack table: must be virtio-fs with a daemon. -EINVAL with what there is. */
int target_from_stack(const char *id, const struct stack_paths *paths, struct target *ret,
		      struct err *reterr) MUST_USE;
/** target_from_words() - @line is split as a shell splits words, without a shell. -EINVAL with what is wrong. */
int target_from_words(const char *line, struct target *ret, struct err *reterr) MUST_USE;
void target_from_socket(const char *path, const char *share, struct target *ret);
void target_free(struct target *t);

/** target_probe() - ask its program for its version. 0; -errno with what it said instead. */
int target_probe(struct target *t, struct err *reterr) MUST_USE;

/** target_options() - bits of enum check_option that it can be started with. */
unsigned target_options(const struct target *t);
/** target_has_words() - is @bit an option of its command line? */
bool target_has_words(const struct target *t, unsigned bit);
/** target_option_name() - the word for one bit; NULL: no such bit. */
const char *target_option_name(unsigned bit);

struct target_places {
	const char *share;
	const char *socket;   /* the daemon makes it if @listen_fd is -1 */
	const char *counters; /* a file that it may make */
	int listen_fd;
};
/** target_argv() - its command line; @options must be among target_options(). 0 or -ENOMEM. */
int target_argv(const struct target *t, unsigned options, const struct target_places *at,
		struct strv *ret) MUST_USE;
/** target_takes_fd() - is it told of a listening descriptor (true), or does it make its socket? */
bool target_takes_fd(const struct target *t);

/** split_words() - as a shell would, quotes and backslashes included; no expansion. -EINVAL: unfinished quote. */
int split_words(const char *line, struct strv *ret, struct err *reterr) MUST_USE;

#endif
