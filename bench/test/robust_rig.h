/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_ROBUST_RIG_H
#define VQ_TEST_ROBUST_RIG_H

#include "real_guest.h"
#include "run/counters.h"
#include "run/session.h"

/*
 * One guest with a DAX device that a virtiofs-refdev of ours serves, in a private world: what real_dax_robust
 * does harm to. Nothing in here asserts; what went wrong is in rig.err.
 */
struct rig {
	struct world world;
	struct fleet fleet;
	struct vmm vmm; /* the QEMU of backports */
	struct fleet_guest *g;
	struct proc daemon;
	struct real_tree tree; /* the daemon and its children, when it was started */
	unsigned serial;
	uint64_t window_bytes;
	char share[96];
	char socket[108];
	char counters[96];
	char log[128]; /* of the daemon */
	json_t *note;  /* what the step under way has to say; borrowed */
	struct err err;
};

/* What a process tree holds. */
struct rig_holds {
	unsigned processes;
	unsigned fds;
	unsigned maps;
};

/* Fails the function with its place and what is in rig.err. */
#define NEED(rig, cond)                                                                       \
	do {                                                                                  \
		if (!(cond))                                                                  \
			return err_prefix(&(rig)->err, -EIO, "%s:%d: %s", __FILE__, __LINE__, \
					  #cond);                                             \
	} while (0)

/** rig_open() - inside isolate_run(): the world and an empty fleet. Logs go to @log_dir. */
int rig_open(struct rig *r, const char *home, const char *log_dir) MUST_USE;
void rig_close(struct rig *r);

/** rig_guest() - a running guest without a device: booted, or restored after the last one was dropped. */
int rig_guest(struct rig *r) MUST_USE;
/** rig_drop() - the guest ends, whatever state it is in. */
void rig_drop(struct rig *r);

/** rig_serve() - a daemon for the folder @share, which is made, with these further @words. */
int rig_serve(struct rig *r, const char *share, uint64_t window_bytes, const char *const *words)
	MUST_USE;
enum rig_socket { RIG_PLAIN, RIG_RECONNECTS };
/** rig_plug() - plug the device and mount it in the guest with dax=always. */
int rig_plug(struct rig *r, enum rig_socket how) MUST_USE;
/** rig_end_daemon() - SIGTERM; -ETIMEDOUT when that is not enough. */
int rig_end_daemon(struct rig *r) MUST_USE;

/** rig_shell() - a command in the guest that has to exit with 0; what it printed is noted as "said". */
int rig_shell(struct rig *r, const char *command, unsigned ms) MUST_USE;
/** rig_load() - reads, writes, mappings and names, in the guest and without end, until they are seen. */
int rig_load(struct rig *r, const char *dir) MUST_USE;
/** rig_hold() - map a file in the guest; rig_look() - a byte of it, or -errno. */
int rig_hold(struct rig *r, const char *path) MUST_USE;
int rig_look(struct rig *r, uint64_t offset) MUST_USE;

/** rig_file() - a file of the share: @bytes that are not zero, or a hole. */
int rig_file(struct rig *r, const char *name, uint64_t bytes, bool hole) MUST_USE;
/** rig_put() - change a byte of it on the host. */
int rig_put(struct rig *r, const char *name, uint64_t offset, uint8_t byte) MUST_USE;

int rig_qmp(struct rig *r, const char *command, json_t *take_args) MUST_USE;
int rig_counters(struct rig *r, struct counters *ret) MUST_USE;
/** rig_holds() - of the daemon and its children now. */
void rig_holds(const struct rig *r, struct rig_holds *ret);
/** rig_process() - that process of the daemon's tree; -1: none has that name. */
pid_t rig_process(const struct rig *r, const char *name);
/** rig_wait_log() - until the daemon's log holds @text @count times. */
int rig_wait_log(struct rig *r, const char *text, unsigned count) MUST_USE;
/** rig_wait_gone() - until nothing of the daemon's tree is left. */
int rig_wait_gone(struct rig *r, const struct real_tree *t) MUST_USE;

#endif
