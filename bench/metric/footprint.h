/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_METRIC_FOOTPRINT_H
#define VQ_METRIC_FOOTPRINT_H

#include "base/err.h"

#include <jansson.h>
#include <sys/types.h>

/*
 * The memory of guests as a sum of disjoint terms: every page belongs to at most one of them. The
 * sum is checked against what the host itself has less of.
 *
 * Everything is read below a folder that is /proc, or in tests one that looks like it.
 */
enum footprint_term {
	FOOTPRINT_GUEST_RAM,   /* allocated blocks of the guests' RAM, whoever maps it */
	FOOTPRINT_SHARE_CACHE, /* host page cache of the shared trees, each counted once */
	FOOTPRINT_OTHER_FILES, /* host page cache of programs, libraries and guest images */
	FOOTPRINT_VMM_ANON,    /* anonymous memory of VMMs without the translation buffer */
	FOOTPRINT_DAEMON_ANON, /* anonymous memory of daemons, all their processes */
	FOOTPRINT_PAGE_TABLES, /* of VMMs and daemons */
	FOOTPRINT_SLAB,	       /* what the kernel's slab and stacks grew by */
	FOOTPRINT_TCG_BUFFER,  /* what is touched of QEMU's buffer for translated code */
	FOOTPRINT_TERM_COUNT,
};

/** footprint_term_name() - the name in results ("guest_ram"). Static. */
const char *footprint_term_name(enum footprint_term t);

enum footprint_role { FOOTPRINT_VMM, FOOTPRINT_DAEMON };

/* One process. Bytes; `anon` includes `tcg_buffer`. */
struct footprint_process {
	pid_t pid;
	enum footprint_role role;
	unsigned guest; /* number of the guest that it serves */
	char name[32];
	uint64_t anon;
	uint64_t tcg_buffer;
	uint64_t page_tables;
	uint64_t ram;	    /* of the guest-RAM file that it holds open */
	uint64_t ram_inode; /* 0: none. Who holds the same file holds the same memory */
};

/* The host as a whole, bytes. */
struct footprint_host {
	uint64_t free;	    /* MemFree, and the free pages that lie ready for each CPU */
	uint64_t total;	    /* MemTotal: a balloon changes it */
	uint64_t slab;	    /* Slab and KernelStack */
	uint64_t available; /* MemAvailable */
	uint64_t anon;	    /* the next four only say what a host did that was not quiet */
	uint64_t cached;    /* Cached and Buffers, without Shmem */
	uint64_t shmem;
	uint64_t page_tables;
};

struct footprint_sample {
	struct footprint_host host;
	uint64_t share_cache;
	uint64_t other_files;
	struct footprint_process *process;
	size_t process_count;
};

/** footprint_read_process() - everything but role and guest. -ESRCH when it has ended. */
int footprint_read_process(const char *proc, pid_t pid, struct footprint_process *ret,
			   struct err *reterr) MUST_USE;

/**
 * footprint_add_tree() - add a process and all its living descendants to the sample.
 * A sandboxed daemon is more than one process.
 */
int footprint_add_tree(struct footprint_sample *s, const char *proc, pid_t pid,
		       enum footprint_role role, unsigned guest, struct err *reterr) MUST_USE;

int footprint_read_host(const char *proc, struct footprint_host *ret, struct err *reterr) MUST_USE;

/** footprint_terms() - what each term grew by between two samples. */
void footprint_terms(const struct footprint_sample *before, const struct footprint_sample *after,
		     int64_t ret[FOOTPRINT_TERM_COUNT]);

/** footprint_total() - the sum. */
int64_t footprint_total(const int64_t terms[FOOTPRINT_TERM_COUNT]);

/** footprint_host_change() - what the host has less of. */
int64_t footprint_host_change(const struct footprint_host *before,
			      const struct footprint_host *after);

/** footprint_sample_json() - everything that was read. New reference. */
json_t *footprint_sample_json(const struct footprint_sample *s);

void footprint_sample_free(struct footprint_sample *s);

#endif
