/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_REAL_GUEST_H
#define VQ_TEST_REAL_GUEST_H

#include "base/err.h"
#include "base/proc.h"

#include <jansson.h>
#include <stdbool.h>

/*
 * What the real_* programs share: the real driver as a child process, and a look at everything
 * that it has started. All run from the project folder. Nothing in here asserts.
 */
#define REAL_FOLDER "build/test/real"
#define REAL_DRIVER "build/virtiofs-qual"
/* User name that the driver sees in its environment. */
#define REAL_USER "vq-user-of-this-machine"
/* Other lanes may be measuring: how long a test asks again for the machine-wide lock. */
#define REAL_LOCK_WAIT_MS 400000
/* Bound of anything that waits for a whole run of a few cells. */
#define REAL_RUN_MS 1500000

/** real_dir() - a fresh, empty folder REAL_FOLDER/@name as absolute path. */
int real_dir(const char *name, char *ret, size_t size, struct err *reterr) MUST_USE;

/**
 * real_home() - a project folder made of links to this one, so that what a run leaves in its home
 * is seen apart. @without: a part of build/ that is missing there ("image"), or NULL.
 */
int real_home(const char *dir, const char *without, struct err *reterr) MUST_USE;

/** real_start() - start the driver; both its streams go to the file @log. */
int real_start(const char *const *args, const char *log, struct proc *ret, struct err *reterr)
	MUST_USE;

/**
 * real_start_run() - start the driver with @args, which name @out, until it is the one that may
 * run: its run.json is there. Asks again while another run goes on.
 */
int real_start_run(const char *const *args, const char *out, const char *log, struct proc *ret,
		   struct err *reterr) MUST_USE;

/**
 * real_run() - start the driver and wait; asks again while another run goes on.
 * @ret_status: exit status, or 128 + signal.
 */
int real_run(const char *const *args, const char *log, unsigned deadline_ms, int *ret_status,
	     struct err *reterr) MUST_USE;

/** real_status() - exit status of an ended process, or 128 + signal. */
int real_status(const struct proc *p);

/** real_said() - does the file hold this text? */
bool real_said(const char *log, const char *text);

/** real_lock() - hold the machine-wide lock ourselves; its descriptor. */
int real_lock(struct err *reterr) MUST_USE;

/* Everything below a driver, as seen at one moment. */
#define REAL_TREE_MAX 512
struct real_tree {
	struct {
		pid_t pid;
		unsigned long long
			start; /* of the process, in clock ticks: a pid alone is reused */
	} item[REAL_TREE_MAX];
	size_t count;
	char namespace[64];  /* "pid:[...]" of its init; "" when it has none yet */
	char loop_file[512]; /* backing file of its share's loop device; "" */
};
void real_tree_read(pid_t driver, struct real_tree *ret);

/** real_tree_find() - processes of the tree whose command line holds all @words. Their number. */
size_t real_tree_find(const struct real_tree *t, const char *const *words, pid_t *ret, size_t max);

/**
 * real_left() - what of a tree, and of any run, is still there: processes, members of its PID
 * namespace, mounts at the driver's place, its loop device, files in @home's share folder.
 * Return: number of things; @ret says them.
 */
size_t real_left(const struct real_tree *t, const char *home, char *ret, size_t size);

/** real_wait_gone() - until real_left() is 0. 0 or -ETIMEDOUT with what is left in @reterr. */
int real_wait_gone(const struct real_tree *t, const char *home, unsigned deadline_ms,
		   struct err *reterr) MUST_USE;

/** real_rchar() - bytes that a process has read with system calls; 0 when it is gone. */
unsigned long long real_rchar(pid_t pid);

/** real_pause() - give others a moment between two looks at something that tells nobody. */
void real_pause(void);

/** real_root_absent() - is this an optional stack root that set-up left out? NULL: no. */
bool real_root_absent(const char *root);

/** real_order() - id of the @index-th pass of the first round of a run, borrowed from @run. */
const char *real_order(json_t *run, size_t index);

/** real_cell() - cell.json of a cell. New reference. */
int real_cell(const char *out, const char *id, json_t **ret, struct err *reterr) MUST_USE;

#endif
