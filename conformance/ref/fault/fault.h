/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_FAULT_FAULT_H
#define VQ_REF_FAULT_FAULT_H

/*
 * Faults on demand (--fault): named violations of the specifications, delays and errors, so that whoever
 * checks devices can show that a check fails when it has to. One row of table.c for each.
 *
 * The device asks at each place that a driver or front end can see: fault_at() where a violation is one
 * decision, fault_hooked() and then a function of breaks.h where something is rewritten. Without --fault
 * each is a test of one bit of a word that never changes.
 */

#include "base/cleanup.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_id {
	/* configuration space */
	FAULT_CFG_ZERO_QUEUES,
	FAULT_CFG_SWAPPED,
	FAULT_CFG_BIG_ENDIAN,
	FAULT_CFG_TAG_PADDING,
	FAULT_CFG_TAG_CUT,
	FAULT_CFG_OFFSET,
	FAULT_CFG_LATE,
	FAULT_CFG_WRITTEN,
	FAULT_CFG_OVERREAD,
	/* features */
	FAULT_FEATURE_UNKNOWN,
	FAULT_FEATURE_LEGACY,
	FAULT_FEATURE_IN_ORDER,
	FAULT_FEATURE_ONCE,
	FAULT_FEATURE_FADES,
	FAULT_PROTOCOL_LATE,
	FAULT_PROTOCOL_DISABLED,
	FAULT_EVENT_IDX_ALWAYS,
	FAULT_FEATURE_NOTIFICATION,
	/* vhost-user messages */
	FAULT_ACK_SUCCESS,
	FAULT_ACK_FAILURE,
	FAULT_ACK_MISSING,
	FAULT_ACK_TWICE,
	FAULT_QUEUE_NUM,
	FAULT_UNKNOWN_SILENT,
	FAULT_ACK_UNASKED,
	FAULT_ACK_GET,
	FAULT_MESSAGE_ABORT,
	FAULT_MESSAGE_WHOLE,
	FAULT_MESSAGE_FD_LEAK,
	FAULT_OWNER_DROPS,
	FAULT_STATUS_LOST,
	FAULT_LEAVING_HANGS,
	/* guest memory */
	FAULT_MEM_USER,
	FAULT_MEM_EDGE,
	FAULT_MEM_NOWHERE,
	FAULT_MEM_REMOVE,
	FAULT_MEM_TABLE_ONCE,
	FAULT_MEM_SLOTS,
	FAULT_MEM_OFFSET,
	FAULT_MEM_CROSS,
	FAULT_BASE_WRONG,
	FAULT_QUEUE_SIZE,
	FAULT_RESET_KEEPS_SESSION,
	FAULT_RESET_KEEPS_RINGS,
	/* rings */
	FAULT_RING_UNKICKED,
	FAULT_RING_DISABLED,
	FAULT_RING_STUCK,
	FAULT_RING_STOPS_NOT,
	FAULT_RING_WAITS_ALL,
	FAULT_BASE_IGNORED,
	FAULT_KICK_KEPT,
	FAULT_KICK_NONE,
	FAULT_CALL_KEPT,
	FAULT_RING_FLAGS,
	FAULT_DESC_WRITTEN,
	FAULT_INDIRECT_MIXED,
	FAULT_KICK_REPLAYS,
	FAULT_CALL_LOST,
	FAULT_CALL_SPURIOUS,
	FAULT_USED_HEAD,
	FAULT_USED_TWICE,
	FAULT_USED_NEVER,
	FAULT_USED_REORDERED,
	FAULT_USED_AFTER_STOP,
	FAULT_USED_LEN_ZERO,
	FAULT_USED_LEN_HEADER,
	FAULT_USED_LEN_CAPACITY,
	FAULT_USED_LEN_READABLE,
	FAULT_USED_LEN_MORE,
	FAULT_PACKED_HIPRIO,
	FAULT_PACKED_SLOTS,
	FAULT_PACKED_WRAP,
	FAULT_PACKED_WRITE_FLAG,
	FAULT_PACKED_TABLE_FLAGS,
	FAULT_PACKED_POWER,
	FAULT_AVAIL_NO_WRAP,
	FAULT_NEXT_UNFLAGGED,
	FAULT_INDIRECT_WRITE,
	FAULT_INDIRECT_IN_ORDER,
	FAULT_EVENT_UNASKED,
	FAULT_EVENT_LATE,
	FAULT_EVENT_FLAGS,
	FAULT_USED_EARLY,
	FAULT_BAD_CHAIN_EXITS,
	FAULT_BAD_CHAIN_STOPS,
	FAULT_BAD_RING_EXITS,
	FAULT_EMPTY_PIECE_EXITS,
	/* FUSE framing */
	FAULT_UNIQUE_WRONG,
	FAULT_UNIQUE_ZERO,
	FAULT_UNIQUE_OTHER,
	FAULT_OUT_LEN,
	FAULT_ERROR_POSITIVE,
	FAULT_ERROR_HUGE,
	FAULT_ERROR_BODY,
	FAULT_HEADER_SHORT,
	FAULT_REPLY_PADDED,
	FAULT_REPLY_OVERRUN,
	FAULT_REQUEST_WRITTEN,
	FAULT_HEADER_SPLIT,
	FAULT_OPCODE_EINVAL,
	FAULT_QUEUE_PARTIAL,
	FAULT_NO_ROOM_HANGS,
	FAULT_BAD_REQUEST_EXITS,
	FAULT_IN_LEN_IGNORED,
	FAULT_QUEUES_WAIT,
	/* the high priority queue */
	FAULT_FORGET_ANSWERED,
	FAULT_FORGET_HANGS,
	FAULT_HIPRIO_WAITS,
	FAULT_HIPRIO_HANGS,
	FAULT_FORGET_DROPS,
	FAULT_FORGET_WRAPS,
	FAULT_FORGET_ROOT,
	FAULT_BATCH_FORGET,
	FAULT_FORGET_PIECEMEAL,
	FAULT_INTERRUPT_OTHER,
	/* INIT */
	FAULT_INIT_MAJOR,
	FAULT_INIT_NEWER,
	FAULT_INIT_OLDER,
	FAULT_INIT_MINOR,
	FAULT_INIT_SHORT,
	FAULT_INIT_FLAGS_MORE,
	FAULT_INIT_FLAGS_ALL,
	FAULT_INIT_FLAGS_NONE,
	FAULT_INIT_FLAGS_EARLY,
	FAULT_INIT_BIT_31,
	FAULT_INIT_WRITEBACK,
	FAULT_INIT_PLUS,
	FAULT_INIT_MMAP,
	FAULT_INIT_KILLPRIV,
	FAULT_INIT_ALIGNMENT,
	FAULT_INIT_MAX_WRITE,
	FAULT_INIT_MAX_PAGES,
	FAULT_INIT_READAHEAD,
	FAULT_INIT_TIME_GRAN,
	FAULT_INIT_ONCE,
	FAULT_INIT_KEEPS_SESSION,
	FAULT_INIT_KEEPS_MAPS,
	FAULT_INIT_FIRST_QUEUE,
	FAULT_INIT_ONE_QUEUE,
	FAULT_INIT_NOT_NEEDED,
	FAULT_INIT_SWAPPED_HANGS,
	FAULT_DESTROY_KEEPS_SESSION,
	/* entries and attributes */
	FAULT_NODEID_FRESH,
	FAULT_NODEID_REUSED,
	FAULT_GENERATION,
	FAULT_NEGATIVE_CACHED,
	FAULT_PLUS_UNCOUNTED,
	FAULT_PLUS_DOTS,
	FAULT_VALID_ZERO,
	FAULT_VALID_LONG,
	FAULT_VALID_NSEC,
	FAULT_ATTR_SIZE,
	FAULT_ATTR_MTIME,
	FAULT_ATTR_NSEC,
	FAULT_ATTR_TYPE,
	FAULT_ATTR_SUBMOUNT,
	FAULT_ATTR_DAX,
	/* opening, names, owners */
	FAULT_OPEN_KEEP_CACHE,
	FAULT_OPEN_DIRECT_IO,
	FAULT_OPEN_NOT_DIRECT,
	FAULT_OPENDIR_FLAGS,
	FAULT_ACCESS_IGNORED,
	FAULT_NOFOLLOW_PASSED,
	FAULT_TRUNC_IGNORED,
	FAULT_EXCL_IGNORED,
	FAULT_APPEND_IGNORED,
	FAULT_APPEND_DELAYED,
	FAULT_WRONLY_UNREADABLE,
	FAULT_DIRECT_PASSED,
	FAULT_HANDLE_ANY,
	FAULT_RELEASE_KEEPS,
	FAULT_SENDER_IGNORED,
	FAULT_NAME_SLASH,
	FAULT_RENAME_FLAGS,
	FAULT_RENAME_GAP,
	FAULT_XATTR_EPERM,
	FAULT_READDIR_LOST,
	FAULT_READDIR_TWICE,
	/* names and folders */
	FAULT_READDIR_ENDS,
	FAULT_READDIR_OVERFULL,
	FAULT_READDIR_OFFSET,
	FAULT_DIRENT_TYPE,
	FAULT_DIRENT_INO,
	FAULT_LOOKUP_FIRST,
	FAULT_LINK_FOLLOWED,
	FAULT_NAME_EMPTY,
	FAULT_NAME_DOTS,
	FAULT_NAME_CUT,
	FAULT_NAME_UNENDED,
	FAULT_NODEID_ANY,
	FAULT_HANDLE_FOUND,
	FAULT_REMOVED_STALE,
	FAULT_MODE_IGNORED,
	FAULT_TYPE_IGNORED,
	FAULT_MAKE_UNCOUNTED,
	FAULT_TARGET_CUT,
	FAULT_RENAME_ANY,
	FAULT_SPECIAL_OPENED,
	FAULT_SUBMOUNT_SILENT,
	/* attributes that are set, owners, extended attributes */
	FAULT_SETATTR_LOST,
	FAULT_SETATTR_FIRST,
	FAULT_TIME_SECONDS,
	FAULT_TIME_UNSIGNED,
	FAULT_TIME_BOTH,
	FAULT_NOW_IGNORED,
	FAULT_STATX_MASK,
	FAULT_ACCESS_GRANTED,
	FAULT_SENDER_STICKS,
	FAULT_GROUPS_IGNORED,
	FAULT_UMASK_IGNORED,
	FAULT_UMASK_OWN,
	FAULT_XATTR_LOST,
	FAULT_XATTR_FLAGS,
	FAULT_XATTR_CUT,
	FAULT_XATTR_LIST,
	FAULT_XATTR_KEPT,
	FAULT_ACL_PASSED,
	FAULT_ACL_SGID,
	FAULT_READONLY_ERROR,
	/* data */
	FAULT_READ_SHORT,
	FAULT_READ_ZEROS,
	FAULT_READ_STALE,
	FAULT_READ_MAPPED,
	FAULT_WRITE_MORE,
	FAULT_WRITE_WHOLE,
	FAULT_WRITE_LOST,
	FAULT_WRITE_SHIFTED,
	FAULT_FSYNC_LOST,
	FAULT_SYNCFS_LOST,
	FAULT_FALLOCATE_LOST,
	FAULT_FALLOCATE_MODE,
	FAULT_FALLOCATE_SHRINKS,
	FAULT_SEEK_SWAPPED,
	FAULT_COPY_LOST,
	FAULT_STATFS_ZERO,
	FAULT_SIZE_LOST,
	FAULT_SUID_KEPT,
	FAULT_SUID_CLEARED,
	/* the DAX window */
	FAULT_SHMEM_ID,
	FAULT_SHMEM_COUNT,
	FAULT_SHMEM_GROWS,
	FAULT_SHMEM_ODD,
	FAULT_SHMEM_SMALL,
	FAULT_SHMEM_UNASKED,
	FAULT_MAP_PADDING,
	FAULT_MAP_NO_FD,
	FAULT_MAP_FLAGS,
	FAULT_MAP_READ_ONLY,
	FAULT_MAP_EARLY,
	FAULT_MAP_NAK_HIDDEN,
	FAULT_MAP_PRIVATE,
	FAULT_MAP_OVER_LIVE,
	FAULT_MAP_ENOSYS,
	FAULT_MAP_SWAPPED,
	FAULT_MAP_ROUNDED,
	FAULT_MAP_STRICT,
	FAULT_MAP_ANY_FLAGS,
	FAULT_MAP_EMPTY,
	FAULT_MAP_WRAPS,
	FAULT_MAP_PAST_WINDOW,
	FAULT_MAP_PAST_EOF,
	FAULT_MAP_NEEDS_HANDLE,
	FAULT_MAP_DIES,
	FAULT_MAP_FOLDER,
	FAULT_MAP_OVERLAP,
	FAULT_MAP_REPLACE,
	FAULT_MAP_REST,
	FAULT_MAP_UPGRADE,
	FAULT_UNMAP_MISSING,
	FAULT_UNMAP_EARLY,
	FAULT_UNMAP_WHOLE,
	FAULT_UNMAP_PARTIAL,
	FAULT_UNMAP_EXACT,
	FAULT_UNMAP_FEW,
	FAULT_UNMAP_PADDED,
	FAULT_RESET_UNMAPS,
	FAULT_RESET_KEEPS_MAPS,
	FAULT_MAP_SHORT,
	FAULT_MAP_NO_WINDOW,
	FAULT_MAP_OPEN_HIDDEN,
	FAULT_MAP_LEAKS,
	FAULT_MAP_DEAF,
	FAULT_UPGRADE_GAP,
	FAULT_UNMAP_OVERREAD,
	FAULT_UNMAP_NEEDS_NODE,
	FAULT_STOP_TALKS,
	FAULT_SHMEM_ALONE,
	/* no rule is broken by these alone */
	FAULT_DELAY,
	FAULT_ERROR,
	FAULT_LOST,
	FAULT_EXIT,
	FAULT_COUNT
};

/* Where something is rewritten; HERE: the place asks for the fault by name. */
enum fault_hook {
	FAULT_HOOK_HERE,
	FAULT_HOOK_CONFIG,
	FAULT_HOOK_FEATURES,
	FAULT_HOOK_SHMEM,
	FAULT_HOOK_CALL,
	FAULT_HOOK_USED,
	FAULT_HOOK_REQUEST, /* set with any fault */
	FAULT_HOOK_REPLY,
	FAULT_HOOK_INIT,
	FAULT_HOOK_VALID,
	FAULT_HOOK_ATTR,
	FAULT_HOOK_OPEN,
	FAULT_HOOK_READ,
	FAULT_HOOK_MMAP,
	FAULT_HOOK_COUNT
};

/* What a fault must be given behind its name, in this order. */
enum {
	FAULT_TAKES_OPCODE = 1 << 0,
	FAULT_TAKES_MS = 1 << 1,
	FAULT_TAKES_ERRNO = 1 << 2,
	FAULT_TAKES_NUMBER = 1 << 3, /* may be left out where the row has a default */
};

struct fault_row {
	const char *name;
	const char *breaks; /* requirements, with blanks between them; NULL: none by itself */
	const char *help;
	enum fault_hook hook;
	unsigned takes;
	uint64_t number; /* default of FAULT_TAKES_NUMBER; 0: must be given */
};
extern const struct fault_row fault_rows[FAULT_COUNT];

#define FAULT_WORDS ((FAULT_COUNT + 63) / 64)
/* What was asked for: set before the first thread, and never changed. In a cache line that nobody writes. */
struct fault_set {
	uint64_t hooks;
	uint64_t ids[FAULT_WORDS];
} __attribute__((aligned(64)));
extern struct fault_set fault_set;

/** fault_arm() - one --fault: NAME[:ARG...][:op=OPCODE][:after=N][:count=N][:percent=N][:seed=N]. -EINVAL with text. */
int fault_arm(const char *text, struct err *reterr) MUST_USE;
/** fault_disarm() - none any more; for tests. */
void fault_disarm(void);

/* The slow halves: may it fire now, and if so it is counted. */
bool fault_fires(enum fault_id id);
/** fault_number() - the number that @id was given. */
uint64_t fault_number(enum fault_id id);

/* Was it asked for? Does not count. */
static inline bool fault_armed(enum fault_id id)
{
	return __builtin_expect((fault_set.ids[id / 64] >> (id % 64) & 1) != 0, 0);
}

/** fault_at() - shall this place do wrong now? */
static inline bool fault_at(enum fault_id id)
{
	return fault_armed(id) && fault_fires(id);
}

/** fault_hooked() - is any fault of this place asked for? */
static inline bool fault_hooked(enum fault_hook hook)
{
	return __builtin_expect((fault_set.hooks >> hook & 1) != 0, 0);
}

/* One --fault and what became of it. */
struct fault_status {
	const struct fault_row *row;
	const char *text; /* as it was given */
	uint64_t fired;
};
/** fault_status() - the one given as @index-th; false behind the last. */
bool fault_status(size_t index, struct fault_status *ret);

/** fault_report() - log how often each has fired; one that never did is a warning. */
void fault_report(void);

/** fault_list() - every row, as text or JSON. */
void fault_list(FILE *out, bool json);

/* fault.c and breaks_*.c: what is being served by this thread. */
struct fault_serving {
	uint32_t opcode;
	uint64_t ms; /* of the delay that has just fired, and likewise */
	int error;
};
extern __thread struct fault_serving fault_serving;

#endif
