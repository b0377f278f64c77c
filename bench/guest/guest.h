/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_GUEST_GUEST_H
#define VQ_GUEST_GUEST_H

#include "base/proc.h"
#include "guest/agent.h"
#include "guest/qmp.h"

/*
 * One guest: a VMM process, its QMP socket, the agent inside. It is booted once, saved to a file
 * before any device is plugged, and from then on either used again (after it was shown to be
 * clean) or restored from that file.
 */

/* Where a saved guest lies, and how its VMM wants to be told. */
struct guest_state {
	const char *path;
	bool by_path; /* "file:PATH", opened by the VMM; else "fd:", opened here */
};

struct guest_launch {
	char *const *argv; /* complete command line of the VMM */
	char *const *env;
	int qmp_fd;	/* our end of its QMP socket; owned by guest_start(); -1: it has none */
	int vmm_qmp_fd; /* the VMM's end, which argv names; owned by guest_start() */
	const char *agent_socket;
	bool agent_console;  /* a serial line or console of the guest, not a named port */
	const char *log_dir; /* console.log, vmm.log, qmp.log are written here */
	uid_t uid;
	gid_t gid;
	const struct guest_state *restore; /* NULL: boot; else what guest_save() wrote */
	uint64_t deadline_ns;
};

enum guest_device_kind {
	GUEST_VHOST_USER_FS, /* served by a daemon at a socket */
	GUEST_VHOST_USER,    /* the same through a device that is told its type */
	GUEST_9P,	     /* the folder that the VMM was started with */
	GUEST_BLK,	     /* a raw image */
};

struct guest {
	struct proc vmm;
	struct proc console_pump;
	struct proc vmm_pump;
	struct qmp *qmp;
	struct agent *agent;
	uint64_t start_ns; /* from starting the VMM to the agent's first answer */
	char *vmm_log;	   /* file that what the VMM prints goes to; owned */
	bool paused;
	enum guest_device_kind plugged; /* of the device that guest_unplug() takes out */
};

/** guest_start() - start the VMM and wait for the agent. On failure everything is stopped again. */
int guest_start(struct guest_launch *l, struct guest *ret, struct err *reterr) MUST_USE;

/** guest_stop() - end the VMM and its logs. Accepts a zero struct. */
void guest_stop(struct guest *g);

/**
 * guest_end() - end a VMM that has no QMP: SIGTERM, then SIGKILL; the rest as guest_stop().
 * Returns its fate and what was needed for it; in @scratch.
 */
const char *guest_end(struct guest *g, char *scratch, size_t size);

/** guest_pause() / guest_resume() - a paused guest uses no CPU while others are measured. */
int guest_pause(struct guest *g, struct err *reterr) MUST_USE;
int guest_resume(struct guest *g, struct err *reterr) MUST_USE;

/** guest_save() - write the paused guest's state. The guest stays paused. */
int guest_save(struct guest *g, const struct guest_state *to, uint64_t deadline_ns,
	       struct err *reterr) MUST_USE;

struct guest_device {
	enum guest_device_kind kind;
	const char *driver;  /* GUEST_VHOST_USER*: QEMU's name of the device */
	const char *backend; /* socket or image; GUEST_9P: unused */
	const char *tag;     /* what the guest finds it by; GUEST_BLK: its serial number;
			      * GUEST_VHOST_USER: unused, the daemon tells it */
	bool direct;	     /* GUEST_BLK: the image bypasses the host's page cache */
};

/** guest_plug() - hot-plug the one file system device of a guest. */
int guest_plug(struct guest *g, const struct guest_device *d, uint64_t deadline_ns,
	       struct err *reterr) MUST_USE;

/** guest_unplug() - remove it and wait until the guest and QEMU have let it go. */
int guest_unplug(struct guest *g, uint64_t deadline_ns, struct err *reterr) MUST_USE;

#endif
