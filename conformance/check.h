/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_CHECK_H
#define VQ_CONFORMANCE_CHECK_H

#include "base/cleanup.h"
#include "conformance/front/fuse.h"
#include "conformance/front/host.h"

/*
 * The shape of a check, and the words it is written in. One check = one static function and one row;
 * one area = one file. A check says what it asks and what it wants; what it found out is the verdict:
 *
 *	static void lookup_missing(struct check_run *r)
 *	{
 *		struct fuse_entry_out entry;
 *
 *		WANT_ERROR(r, -ENOENT, "LOOKUP of a name that is not there",
 *			   front_lookup(r->f, FRONT_ROOT, "nothing", &entry));
 *	}
 *
 * A WANT_ that is not fulfilled returns from the function: the verdict is FAIL then, with what was wanted and
 * what was seen. A function that reaches its end has passed, provided that the daemon lives, nothing
 * appeared outside of the share, and the front end saw no violation that the check did not allow
 * (front_evidence_allow()).
 */

enum check_verdict {
	CHECK_UNSET, /* never said: itself BROKEN */
	CHECK_PASS,
	CHECK_FAIL,
	CHECK_SKIP,   /* something that it needs is not offered, never a product's name */
	CHECK_BROKEN, /* the check could not be done: our fault or the host's */
};

/* How far the harness goes before the check: each with all that stands below it. */
enum check_start {
	CHECK_SESSION,	  /* INIT is done: r->f takes requests */
	CHECK_RINGS,	  /* rings run, no FUSE session */
	CHECK_NEGOTIATED, /* features, owner; no memory */
	CHECK_CONNECTED,  /* the socket; nothing was sent */
	CHECK_DAEMON,	  /* a daemon that listens; r->f is NULL */
};

/* What a daemon can be started with; runner/target.c has the words of each daemon. */
enum check_option {
	CHECK_CACHE_NEVER = 1 << 0, /* the default is auto */
	CHECK_CACHE_METADATA = 1 << 1,
	CHECK_CACHE_ALWAYS = 1 << 2,
	CHECK_WRITEBACK = 1 << 3,
	CHECK_READONLY = 1 << 4, /* by its own option, or on a mount that is read-only */
	CHECK_XATTR = 1 << 5,	 /* given whenever a daemon has it */
	CHECK_POSIX_ACL = 1 << 6,
	CHECK_POSIX_LOCKS = 1 << 7,
	CHECK_FLOCK = 1 << 8,
	CHECK_SUBMOUNTS = 1 << 9,
	CHECK_KILLPRIV_V2 = 1 << 10,
	CHECK_DIRECT_IO = 1 << 11,
	CHECK_TAG = 1 << 12,	 /* "conform" */
	CHECK_QUEUES4 = 1 << 13, /* four request queues */
	CHECK_THREADS4 = 1 << 14,
	CHECK_HANDLES = 1 << 15,    /* inodes by file handle */
	CHECK_FEW_FILES = 1 << 16,  /* RLIMIT_NOFILE of 64 */
	CHECK_XATTR_MAP = 1 << 17,  /* all names prefixed by "user.virtiofs." on the host */
	CHECK_ID_MAP = 1 << 18,	    /* guest ids 0..999 are 1000..1999 of the host */
	CHECK_WINDOW = 1 << 19,	    /* a DAX window of 16 MiB */
	CHECK_SMALL_DISK = 1 << 20, /* the share is a file system of 1 MiB */
	CHECK_MOUNTED = 1 << 21,    /* another file system at "mounted" in the share */
	CHECK_TAG36 = 1 << 22,	    /* a tag that fills its 36 bytes: check_tag36 */
	CHECK_KEEP = 1 << 23,	    /* takes the next front end when one has left */
	CHECK_NO_XATTR = 1 << 24,   /* as it is started without that option */
	CHECK_DEFAULTS = 1 << 25,   /* started with words of ours: cache auto, and nothing else */
	CHECK_OPTIONS = 26,
};

extern const char check_tag36[];

struct check_run;

struct check {
	const char *id;	   /* permanent: never changed, never used again */
	const char *title; /* a sentence that is true of a good device */
	const char *
		rows; /* requirement rows, by blanks; clause, level and party are those of the first */
	const char *sends;   /* what it does to the device */
	const char *wants;   /* what must come of it */
	const char *catches; /* faults that it was shown to catch, by blanks */
	enum check_start start;
	unsigned options; /* enum check_option */
	unsigned wishes;  /* likewise, given where the daemon has them: its check asks the device */
	uint64_t
		features; /* bits that must be offered: virtio, vhost-user protocol; in addition, INIT */
	uint64_t protocol;
	uint64_t init; /* these are asked for as well, and must be accepted */
	const struct front_options *front;
	unsigned timeout_ms; /* of the whole check; default 20000 */
	bool should;	     /* the sentence that it checks says SHOULD, others of its row MUST */
	bool may_die;	     /* the daemon's end is no failure of this check */
	void (*run)(struct check_run *r);
};

struct check_area {
	const char *id; /* the ids of its checks begin with it and a '.' */
	const char *title;
	const struct check *checks;
	size_t count;
};

#define CHECK_TEXT 1024

/* One check that runs. */
struct check_run {
	const struct check *check;
	struct front *f;
	const char *socket;
	/* Folders of this check alone; NULL where the daemon was started by somebody else. */
	const char *share;
	const char *outside;	      /* beside the share: nothing may appear or change in it */
	struct front_options options; /* what r->f was made with: for another connection */
	uint64_t seed;
	void *life; /* of the runner */
	/* The verdict, so far. */
	enum check_verdict verdict;
	char expected[CHECK_TEXT];
	char seen[CHECK_TEXT];
};

/*
 * All return whether the check may go on; false: the verdict is set. The first that fails decides. @what
 * says in words what was done.
 */
bool check_ok(struct check_run *r, const char *what, int result);
bool check_error(struct check_run *r, int wanted, const char *what, int result);
/* @list: allowed results, 0 among them if success is. */
bool check_one_of(struct check_run *r, const int *list, size_t count, const char *what, int result);
bool check_same(struct check_run *r, uint64_t wanted, const char *what, uint64_t seen);
bool check_same_text(struct check_run *r, const char *wanted, const char *what, const char *seen);
bool check_same_bytes(struct check_run *r, const void *wanted, size_t wanted_size, const char *what,
		      const void *seen, size_t seen_size);
bool check_range(struct check_run *r, uint64_t least, uint64_t most, const char *what,
		 uint64_t seen);
bool check_that(struct check_run *r, bool is, const char *wanted, const char *seen, ...)
	PRINTF_LIKE(4, 5);
/** check_host() - something done on the host itself: BROKEN when @result is a negative errno. */
bool check_host(struct check_run *r, const char *what, int result);
/** check_has() - SKIP with "needs @what" unless @is. */
bool check_has(struct check_run *r, bool is, const char *what, ...) PRINTF_LIKE(3, 4);

/** check_alive() - is the daemon there after all that, and does it serve? A GETATTR of the root. */
bool check_alive(struct check_run *r);
/** check_daemon_pid() - of the daemon; 0 when it is not ours. */
int check_daemon_pid(const struct check_run *r);
/** check_daemon_ended() - wait until it has: true; false after @ms. The check must say may_die. */
bool check_daemon_ended(struct check_run *r, unsigned ms);
/**
 * check_left_cleanly() - the front end has left, or was sent away: the daemon ends by itself, and not of a
 * signal, or it serves whoever comes next. The check must say may_die; r->f is hung up.
 */
bool check_left_cleanly(struct check_run *r);
/**
 * check_connect() - one more front end, as r->options say (change them first). NULL is BROKEN or FAIL.
 * The caller's: front_free().
 */
struct front *check_connect(struct check_run *r);
/** check_session() - rings and INIT with @more flags on a front of check_connect(). As check_ok(). */
bool check_session(struct check_run *r, struct front *f, uint64_t more);

#define WANT(call)              \
	do {                    \
		if (!(call))    \
			return; \
	} while (0)
#define WANT_OK(r, what, result)	    WANT(check_ok(r, what, result))
#define WANT_ERROR(r, wanted, what, result) WANT(check_error(r, wanted, what, result))
#define WANT_ONE_OF(r, what, result, ...)                  \
	WANT(check_one_of(r, (const int[]){ __VA_ARGS__ }, \
			  ARRAY_SIZE(((const int[]){ __VA_ARGS__ })), what, result))
#define WANT_SAME(r, wanted, what, seen)       WANT(check_same(r, wanted, what, seen))
#define WANT_TEXT(r, wanted, what, seen)       WANT(check_same_text(r, wanted, what, seen))
#define WANT_RANGE(r, least, most, what, seen) WANT(check_range(r, least, most, what, seen))
#define WANT_THAT(r, is, wanted, ...)	       WANT(check_that(r, is, wanted, __VA_ARGS__))
/* A call of the host that returns -1 and errno. */
#define WANT_HOST(r, what, call) WANT(check_host(r, what, (call) < 0 ? -errno : 0))
#define NEED(r, is, ...)	 WANT(check_has(r, is, __VA_ARGS__))

#endif
