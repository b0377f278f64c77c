/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CHECK_ACT_H
#define VQ_CHECK_ACT_H

#include "conformance/guest/line.h"

#include <stdbool.h>

/*
 * What another party does to the share while a check waits: one action, done and answered before the check goes on.
 * The driver does it on the host, in the folder that is shared; a control does it in the folder of the check itself;
 * another guest can do it on its own mount.
 *
 * Whoever asks is not trusted: names are relative, and resolved below the folder without following a symbolic link;
 * nothing is done to anything but what is named; sizes and counts are bounded; a call never waits.
 */

/* Bytes of one write, append or read. */
#define ACT_BYTES 4096
/* Bytes that one fill or match goes over. */
#define ACT_FILL (16 << 20)
/* The largest offset and size. */
#define ACT_SIZE_MAX (INT64_C(1) << 40)

/* What stat answers, in this order. */
enum act_stat {
	ACT_STAT_MODE,
	ACT_STAT_UID,
	ACT_STAT_GID,
	ACT_STAT_SIZE,
	ACT_STAT_NLINK,
	ACT_STAT_INO,
	ACT_STAT_BLOCKS,
	ACT_STAT_MTIME, /* ns since the epoch */
	ACT_STAT_CTIME,
	ACT_STAT_COUNT,
};

/** act_byte() - the byte at an offset of a file that was filled with a seed; never 0, as a hole is. */
uint8_t act_byte(uint64_t seed, uint64_t offset);

/**
 * act_do() - do what the words from @first on say, and answer.
 * @root: descriptor of the folder.
 * @ret:  result (0, a count, a negative errno; -EBADMSG: no such verb, or not its arguments) and its words.
 */
void act_do(int root, const struct line *ask, unsigned first, struct line *ret);

/** act_usage() - verb @index and its arguments, "write PATH NUMBER BYTES"; NULL behind the last. */
const char *act_usage(unsigned index);

#endif
