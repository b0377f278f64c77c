/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_DAX_BOTH_H
#define VQ_TEST_DAX_BOTH_H

#include "dax_rig.h"

#include "base/rng.h"

/*
 * One file from both sides, against what it should hold: the model. For tests: everything in here fails the
 * running cmocka test, which must have no CLEANUP variable then.
 */

#define PAGE	  ((size_t)4096)
#define RANGE	  ((size_t)(2 * MIB)) /* that a guest kernel maps at a time */
#define MODEL_MAX (2 * RANGE)
#define OPS(...)  ((const char *const[]){ __VA_ARGS__, NULL })

struct dax_both {
	struct dax_rig rig;
	json_t *list;  /* of the newest operations of the guest */
	int fd;	       /* the file on the host */
	uint8_t *host; /* the host's mapping of it, made before all else */
	uint8_t model[MODEL_MAX];
	size_t size; /* what of the model the file holds; behind it are zeros */
	uint8_t seen[MODEL_MAX];
	struct rng rng;
};

extern struct inside in;
extern struct dax_both fx;

/* Fails the test for a negative errno, with the text of in.err. */
void fine(int e);

struct counters counters(void);

/* Random bytes at a place of the model, which they may lengthen. Borrowed. */
const uint8_t *change(size_t offset, size_t count);

/* A file of random bytes, made on the host; it replaces the one before. */
void make_file(const char *name, size_t size);
/* Forget it: close and unmap. */
void forget_file(void);

/* By read and by a mapping that is as old as the file; the size too. */
void host_sees_model(void);
void host_writes(size_t offset, size_t count);
void host_stores(size_t offset, size_t count);
/* The first @bytes of the file, as `vq-guest io` fills and checks them: make, or check every word. */
void host_words(uint64_t seed, uint64_t bytes, bool make);

/* Through the mapping of its holder. guest_sees_model(): zeros up to the end of the last page included. */
void guest_sees(size_t offset, size_t count);
void guest_sees_model(void);
void guest_gets_sigbus(size_t offset);
void guest_stores(size_t offset, size_t count);

/* Operations of `vq-guest io`, and their results. */
void guest_does(const char *name, const char *const *operations);
void rig_does(struct dax_rig *r, const char *name, const char *const *operations);
double result(size_t index);
void guest_writes(const char *name, size_t offset, size_t count);
void guest_reads_model(const char *name);
/* It asks the device how long the file is. */
void guest_learns_size(const char *name);
void guest_truncates(const char *name, size_t size);

#endif
