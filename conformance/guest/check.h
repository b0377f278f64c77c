/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CHECK_CHECK_H
#define VQ_CHECK_CHECK_H

#include "conformance/guest/host.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The shape of a check of the guest suite, and the words it is written in. One check = one static function and one row;
 * one area = one file. A check reads from top to bottom: what the guest does are system calls in its own, empty folder
 * (the working folder), what the host does are calls that return when the host has done it:
 *
 *	static void host_truncates(struct check_run *r)
 *	{
 *		int fd = make_file(r, "f", 8192, SEED);
 *
 *		HOST(r, host_truncate(r, "f", 100));
 *		WANT_OK(r, fstat(fd, &st));
 *		WANT_SAME(r, 100, "size of the file", st.st_size);
 *	}
 *
 * A WANT_ that is not fulfilled returns from the function: the verdict is FAIL then, with what was wanted and what was
 * seen. A function that reaches its end has passed, provided that the guest's kernel had nothing to complain of. Each
 * check is a process of its own, so nothing needs to be closed or freed. Nothing sleeps to wait for somebody.
 */

#define ARRAY_SIZE(a)	  (sizeof(a) / sizeof((a)[0]))
#define PRINTF_LIKE(f, v) __attribute__((format(printf, f, v)))
#define NS_PER_MS	  INT64_C(1000000)
#define NS_PER_S	  INT64_C(1000000000)
#define PAGE		  4096

enum check_verdict { CHECK_UNSET, CHECK_PASS, CHECK_FAIL, CHECK_SKIP, CHECK_BROKEN };

/* What must be there for a check to say anything. */
enum check_need {
	NEED_HOST =
		1
		<< 0, /* the files that the guest sees are files of the host: not on a block device */
	NEED_SHARED_MAP = 1 << 1, /* MAP_SHARED is not refused */
	NEED_DAX = 1 << 2,	  /* files of the mount are in the window */
};

struct check_run;

struct check {
	const char *id;	   /* permanent: never changed, never used again */
	const char *title; /* a sentence that is true of a good mount */
	/* Requirement rows, by blanks; clause, level and party are those of the first. */
	const char *rows;
	const char *does;  /* what it does, in guest and host */
	const char *wants; /* what must come of it */
	/* Faults of virtiofs-refdev that it was shown to catch, by blanks; before it MODE/ where that is not auto. */
	const char *catches; /* may be NULL */
	unsigned needs;	     /* enum check_need */
	/* Of the whole check; default 30000, and four times what the mode may keep stale besides. */
	unsigned timeout_ms;
	void (*run)(struct check_run *r);
};

struct check_area {
	const char *id; /* the ids of its checks begin with it and a '.' */
	const char *title;
	const struct check *checks;
	size_t count;
};

/* areas.c: the suite, in the order in which it is run and shown. */
const struct check_area *const *check_areas(size_t *ret_count);

#define CHECK_TEXT 1024
#define FIGURES	   8

struct figure {
	char name[32];
	int64_t value;
	char unit[8];
};

/* What came of a check: in memory shared with the process that runs it. */
struct check_result {
	enum check_verdict verdict;
	char row[32]; /* that was broken, where it is not the check's first */
	char expected[CHECK_TEXT];
	char seen[CHECK_TEXT];
	char note[CHECK_TEXT]; /* what was not asserted in this mode, and why */
	struct figure figure[FIGURES];
	unsigned figures;
	uint64_t asked; /* questions so far, of all checks */
};

/* How the mount under test is made: from the command line. */
struct check_env {
	const char *dir; /* of the mount */
	/* Its type, and its source: to mount it again. NULL: it cannot be. */
	const char *type;
	const char *source;
	const char *
		answers; /* folder in which answers appear; NULL: a control, which does the host's part itself */
	const char *expect; /* "B01=I B02=T ...": the oracle, for this mode */
	int64_t entry_ms;   /* how long a name may be kept, and attributes */
	int64_t attr_ms;
	unsigned has; /* enum check_need */
	bool kernel_log;
};

/* One check that runs. */
struct check_run {
	const struct check *check;
	const struct check_env *env;
	struct check_result *result;
	const char *party; /* who does what host_*() say next: "host", "peer" */
	char folder[32];   /* of the check, as others name it below the share */
};

/* ---- want.c: all return whether the check may go on; false: the verdict is set. The first that fails decides. ---- */

/** check_ok() - @result is of a call: -1 and errno is a failure. */
bool check_ok(struct check_run *r, const char *what, int64_t result);
bool check_error(struct check_run *r, int wanted, const char *what, int64_t result);
bool check_same(struct check_run *r, int64_t wanted, const char *what, int64_t seen);
bool check_range(struct check_run *r, int64_t least, int64_t most, const char *what, int64_t seen);
bool check_text(struct check_run *r, const char *wanted, const char *what, const char *seen);
bool check_bytes(struct check_run *r, const void *wanted, size_t wanted_size, const char *what,
		 const void *seen, size_t seen_size);
bool check_that(struct check_run *r, bool is, const char *wanted, const char *seen, ...)
	PRINTF_LIKE(4, 5);
/** check_host() - what another party did: BROKEN when @result is a negative errno. */
bool check_host(struct check_run *r, const char *what, int64_t result);
/** check_did() - what the check itself had to do first: BROKEN when a call failed. */
bool check_did(struct check_run *r, const char *what, int64_t result);
bool check_has(struct check_run *r, bool is, const char *what);
/** check_figure() - a number for the reader; never judged. */
void check_figure(struct check_run *r, const char *name, int64_t value, const char *unit);
/** check_note() - what could not be asserted. */
void check_note(struct check_run *r, const char *text, ...) PRINTF_LIKE(2, 3);

#define WANT(call)              \
	do {                    \
		if (!(call))    \
			return; \
	} while (0)
#define WANT_OK(r, call)	    WANT(check_ok(r, #call, call))
#define WANT_ERROR(r, wanted, call) WANT(check_error(r, wanted, #call, call))
#define WANT_SAME(r, wanted, what, seen) \
	WANT(check_same(r, (int64_t)(wanted), what, (int64_t)(seen)))
#define WANT_RANGE(r, least, most, what, seen) \
	WANT(check_range(r, (int64_t)(least), (int64_t)(most), what, (int64_t)(seen)))
#define WANT_TEXT(r, wanted, what, seen) WANT(check_text(r, wanted, what, seen))
#define WANT_BYTES(r, wanted, size, what, seen, seen_size) \
	WANT(check_bytes(r, wanted, size, what, seen, seen_size))
#define WANT_THAT(r, is, wanted, ...) WANT(check_that(r, is, wanted, __VA_ARGS__))
#define NEED(r, is, what)	      WANT(check_has(r, is, what))
/* What must be so before anything can be asked: otherwise the check is BROKEN. */
#define DO(r, call) WANT(check_did(r, #call, call))
#define HOST(r, call)                                            \
	do {                                                     \
		(r)->party = "host";                             \
		if (!check_host(r, "on the host: " #call, call)) \
			return;                                  \
	} while (0)
/* The same by another guest, on its own mount of the share. */
#define PEER(r, call)                                                 \
	do {                                                          \
		(r)->party = "peer";                                  \
		if (!check_host(r, "in another guest: " #call, call)) \
			return;                                       \
	} while (0)

/* ---- files.c: what many checks begin with ---- */

/** make_file() - a new file of @size bytes of act_byte(); its descriptor, for reading and writing. BROKEN and -1 otherwise. */
int make_file(struct check_run *r, const char *name, int64_t size, uint64_t seed);
/**
 * host_file() - a file that the host has made: @size bytes of act_byte(), and an old time of change, so that whatever the
 * host does to it next gives it another one. 0 or a negative errno.
 */
int64_t host_file(struct check_run *r, const char *name, int64_t size, uint64_t seed);
/** size_of(), mode_of() ... - of lstat(); -1 and errno when there is no such file. */
int64_t size_of(const char *name);
int64_t mode_of(const char *name);
int64_t links_of(const char *name);
/** is_there() - lstat() alone. */
int64_t is_there(const char *name);
/** names_in() - how many names a folder lists besides "." and ".."; -1 and errno. */
int64_t names_in(const char *dir);
/** as_user() - run a function in a process of user and group 1000 without other groups, in the same folder. Its result. */
int64_t as_user(int64_t (*call)(void));
/** same_file() - has the open file these bytes, from @offset on? A failure says where they end. */
bool same_file(struct check_run *r, const char *what, int fd, int64_t offset, size_t size,
	       uint64_t seed);
/** fill_bytes() - what a file that was filled with @seed has there. */
void fill_bytes(void *ret, size_t size, uint64_t seed, int64_t offset);
/** now_ns() - CLOCK_MONOTONIC. */
int64_t now_ns(void);

#endif
