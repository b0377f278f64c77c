/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_CHECKS_TALK_H
#define VQ_RUN_CHECKS_TALK_H

#include "run/cell.h"
#include "run/checks_serve.h"

struct session;

/* Room for a letter of each row of the matrix. */
#define CHECKS_EXPECT 512

/* A conversation with vq-check, over all the guests that it takes. */
struct checks_talk {
	struct checks_serve serve;
	struct session *session; /* that is open now */
	const struct cell *cell;
	const char *only; /* globs of ids, by ","; NULL: all */
	char expect[CHECKS_EXPECT];
	char kernel[96]; /* of the guest; "" without one */
	char fate[32];	 /* of the daemon, as of now */
};

/**
 * checks_talk_guest() - run vq-check in the guest of the open session, and answer it, until it has done all, or the guest
 * is of no use any more.
 * Return: 0; -ERESTART: what a check has brought down must be replaced before the rest can go on; -errno with text.
 */
int checks_talk_guest(struct checks_talk *t, struct err *reterr) MUST_USE;

/** checks_talk_control() - run it on the host, where it does everything itself. */
int checks_talk_control(struct checks_talk *t, struct err *reterr) MUST_USE;

/** checks_talk_words() - the words behind its command and folders, which say how the cell is made. */
void checks_talk_words(const struct checks_talk *t, struct strv *argv);

#endif
