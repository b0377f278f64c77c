/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_FLEET_H
#define VQ_RUN_FLEET_H

#include "guest/guest.h"
#include "run/world.h"

#include <jansson.h>

/* Far beyond what a boot takes under TCG on a loaded host (about 3 s). */
#define FLEET_BOOT_MS 60000

/*
 * The guests of a run: one per (VMM, kernel), booted and saved once. While one works the others
 * are paused. A guest that is no longer clean is dropped; the next use restores it from its file.
 * A VMM that cannot be told anything (VMM_CONTROL_NONE) is booted for each pass instead.
 */
struct fleet_options {
	const char *accelerator;
	unsigned vcpus;
	unsigned memory_mib;
	unsigned boot_ms;	  /* how long a guest may take to boot; 0: FLEET_BOOT_MS */
	const char *cmdline_path; /* file with the kernel's words (guest-image/cmdline) */
	const char *log_dir;	  /* folder for the guests' logs */
	const struct world *world;
};

/* What a guest that nothing was done to looks like; see fleet_clean(). */
struct fleet_baseline {
	double processes;
	double tainted;
};

struct fleet_guest {
	const struct vmm *vmm;
	const struct kernel *kernel;
	struct guest guest;
	char state[128]; /* file with the saved guest; "": none */
	struct fleet_baseline baseline;
	const struct vmm_device *device; /* of fleet_boot(), while it runs; borrowed */
	const char *origin; /* of the running guest: "booted" | "reused" | "restored" */
	unsigned starts;
	unsigned extra; /* number of an extra guest, counted from 1; 0: the group's own */
	uint64_t cold_start_ns;
	uint64_t restore_ns; /* of the newest restore, 0: none */
	uint64_t saved_bytes;
	char cpu_model[64];
	json_t *argv;	    /* of the newest start */
	char failure[2048]; /* why it cannot be started; "" when it can */
};

struct fleet {
	struct fleet_options opt;
	struct fleet_guest *item;
	size_t count;
	unsigned extras; /* extra guests so far; names their logs and sockets */
};

void fleet_init(struct fleet *f, const struct fleet_options *opt);

/**
 * fleet_get() - a running, clean guest of this kind; all others are paused.
 * A kind that failed to boot twice is not tried again in this run.
 */
int fleet_get(struct fleet *f, const struct vmm *vmm, const struct kernel *kernel,
	      struct fleet_guest **ret, struct err *reterr) MUST_USE;

/**
 * fleet_extra() - one more guest of this kind, newly restored, beside the group's own; for passes
 * that need several guests, or one that nothing was done in. The group's own guest must have been
 * got before: its saved state is what is restored.
 * @ret: owned; fleet_extra_free().
 */
int fleet_extra(struct fleet *f, const struct fleet_guest *own, struct fleet_guest **ret,
		struct err *reterr) MUST_USE;
/** fleet_extra_free() - end it. Accepts NULL; returns NULL. */
struct fleet_guest *fleet_extra_free(struct fleet_guest *g);

/**
 * fleet_boot() - a newly booted guest of a VMM_CONTROL_NONE, with its device; all others are paused.
 * Only one of a kind at a time; fleet_drop() or fleet_end() it.
 */
int fleet_boot(struct fleet *f, const struct vmm *vmm, const struct kernel *kernel,
	       const struct vmm_device *device, struct fleet_guest **ret, struct err *reterr)
	MUST_USE;

/** fleet_end() - end such a guest; its VMM's fate in @scratch. */
const char *fleet_end(struct fleet_guest *g, char *scratch, size_t size);

/** fleet_drop() - end a guest that is no longer clean. */
void fleet_drop(struct fleet_guest *g);

/**
 * fleet_clean() - is nothing left in the guest of what a pass did? (mounts, processes, taint)
 * Return: 0; -EUCLEAN with what is left.
 */
int fleet_clean(struct fleet_guest *g, struct err *reterr) MUST_USE;

/** fleet_describe() - the "guests" array of run.json. New reference. */
json_t *fleet_describe(const struct fleet *f);

void fleet_free(struct fleet *f);

/** guest_tool() - run vq-guest with these arguments in the guest; its JSON answer (new reference). */
int guest_tool(struct agent *a, const char *const *args, unsigned deadline_ms, json_t **ret,
	       struct err *reterr) MUST_USE;

#endif
