// SPDX-License-Identifier: Apache-2.0
#include "guest/guest.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/pump.h"

#include <fcntl.h>
#include <linux/virtio_fs.h>
#include <linux/virtio_ids.h>
#include <string.h>
#include <time.h>

/* Commands that QEMU answers from its main loop; 5 s is far beyond what a loaded host needs. */
#define QMP_MS 5000
/* A VMM that is told to end has nothing to save. */
#define END_MS 5000
/* Ids of the one hot-plugged device. */
#define DEVICE_ID  "vqfs"
#define BACKEND_ID "vqfs-backend"
#define PLUG_BUS   "plug0"
/* Of the fsdev on the VMM's command line (bench/stack/vmm_qemu.c). */
#define GUEST_FSDEV_ID "vqfs9p"

static FILE *open_log(const char *dir, const char *name)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", dir, name);

	return path ? fopen(path, "we") : NULL;
}

static int start_vmm(struct guest_launch *l, struct guest *g, struct err *reterr)
{
	CLEANUP(freep) char *console = fs_path("%s/console.log", l->log_dir);
	CLEANUP(freep) char *vmm_log = fs_path("%s/vmm.log", l->log_dir);
	CLEANUP(fd_closep) int console_fd = -1;
	CLEANUP(fd_closep) int vmm_fd = -1;
	struct proc_spec spec = {
		.argv = l->argv,
		.env = l->env,
		.keep_fds = &l->vmm_qmp_fd,
		.keep_count = l->vmm_qmp_fd >= 0,
		.uid = l->uid,
		.gid = l->gid,
	};
	int e;

	if (!console || !vmm_log)
		return err_set(reterr, -ENOMEM, "out of memory starting a guest");
	e = pump_start(console, &console_fd, &g->console_pump, reterr);
	if (e == 0)
		e = pump_start(vmm_log, &vmm_fd, &g->vmm_pump, reterr);
	if (e < 0)
		return e;
	g->vmm_log = TAKE_PTR(vmm_log);
	spec.stdout_fd = console_fd;
	spec.stderr_fd = vmm_fd;
	e = proc_start(&spec, &g->vmm, reterr);
	/* Only the VMM holds its end now: when it dies we read the end of the stream. */
	fd_closep(&l->vmm_qmp_fd);
	return e;
}

static int migration_events(struct guest *g, uint64_t deadline_ns, struct err *reterr)
{
	return qmp_command(
		g->qmp, "migrate-set-capabilities",
		json_pack("{s:[{s:s,s:b}]}", "capabilities", "capability", "events", "state", 1),
		-1, deadline_ns, NULL, reterr);
}

/* The "uri" argument of a migration from or to a file; hands the file over where that is needed. */
static int state_uri(struct guest *g, const struct guest_state *state, int flags,
		     uint64_t deadline_ns, json_t **ret, struct err *reterr)
{
	CLEANUP(fd_closep) int fd = -1;
	int e;

	if (state->by_path) {
		*ret = json_pack("{s:o}", "uri", json_sprintf("file:%s", state->path));
		return 0;
	}
	fd = open(state->path, flags | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(reterr, -errno, "cannot open %s", state->path);
	e = qmp_command(g->qmp, "getfd", json_pack("{s:s}", "fdname", "state"), fd, deadline_ns,
			NULL, reterr);
	*ret = json_pack("{s:s}", "uri", "fd:state");
	return e;
}

/* 0 when the migration is complete, -EAGAIN while it goes on. */
static int migration_state(struct guest *g, struct err *reterr)
{
	json_auto_t *info = NULL;
	const char *status;
	int e = qmp_command(g->qmp, "query-migrate", NULL, -1, clock_deadline_ms(QMP_MS), &info,
			    reterr);

	if (e < 0)
		return e;
	status = json_str_at(info, "status", "none");
	if (strcmp(status, "completed") == 0)
		return 0;
	if (strcmp(status, "failed") == 0 || strcmp(status, "cancelled") == 0)
		return err_set(reterr, -EREMOTEIO, "QEMU could not save or restore the guest: %s",
			       json_str_at(info, "error-desc", status));
	return -EAGAIN;
}

static int wait_migrated(struct guest *g, uint64_t deadline_ns, struct err *reterr)
{
	int e;

	while ((e = migration_state(g, reterr)) == -EAGAIN) {
		e = qmp_wait_event(g->qmp, "MIGRATION", NULL, NULL, deadline_ns, reterr);
		if (e < 0)
			break;
	}
	return e;
}

/* A guest that was saved while paused stays paused after it was restored. */
static int restore(struct guest *g, const struct guest_state *from, uint64_t deadline_ns,
		   struct err *reterr)
{
	json_t *uri = NULL;
	int e = migration_events(g, deadline_ns, reterr);

	if (e == 0)
		e = state_uri(g, from, O_RDONLY, deadline_ns, &uri, reterr);
	if (e == 0)
		e = qmp_command(g->qmp, "migrate-incoming", uri, -1, deadline_ns, NULL, reterr);
	if (e == 0)
		e = wait_migrated(g, deadline_ns, reterr);
	if (e < 0)
		return e;
	g->paused = true;
	return guest_resume(g, reterr);
}

static int connect_agent(struct guest_launch *l, struct guest *g, struct err *reterr)
{
	return l->agent_console ? agent_connect_console(l->agent_socket, g->vmm.pidfd,
							l->deadline_ns, &g->agent, reterr)
				: agent_connect_while(l->agent_socket, g->vmm.pidfd, l->deadline_ns,
						      &g->agent, reterr);
}

static int attach(struct guest_launch *l, struct guest *g, struct err *reterr)
{
	int e;

	if (l->qmp_fd < 0)
		return connect_agent(l, g, reterr);
	e = qmp_open(TAKE_FD(l->qmp_fd), l->deadline_ns, &g->qmp, reterr);

	if (e < 0)
		return e;
	qmp_set_log(g->qmp, open_log(l->log_dir, "qmp.log"));
	if (l->restore)
		e = restore(g, l->restore, l->deadline_ns, reterr);
	return e < 0 ? e : connect_agent(l, g, reterr);
}

int guest_start(struct guest_launch *l, struct guest *ret, struct err *reterr)
{
	struct guest g = { 0 };
	uint64_t start = clock_now_ns();
	int e = start_vmm(l, &g, reterr);

	if (e == 0)
		e = attach(l, &g, reterr);
	if (e < 0) {
		char fate[32];
		/* A guest that gave up powers off a moment after it said why. */
		(void)proc_wait(&g.vmm, clock_deadline_ms(300));
		(void)proc_fate(&g.vmm, fate, sizeof(fate));
		guest_stop(&g);
		return err_prefix(reterr, e,
				  "guest did not start (VMM %s; see console.log and vmm.log in %s)",
				  fate, l->log_dir);
	}
	g.start_ns = clock_now_ns() - start;
	*ret = g;
	return 0;
}

void guest_stop(struct guest *g)
{
	g->agent = agent_close(g->agent);
	proc_kill(&g->vmm);
	g->qmp = qmp_close(g->qmp);
	pump_finish(&g->console_pump);
	pump_finish(&g->vmm_pump);
	free(g->vmm_log);
	g->vmm_log = NULL;
}

const char *guest_end(struct guest *g, char *scratch, size_t size)
{
	bool alive = proc_alive(&g->vmm);
	bool ended;
	char fate[32];

	g->agent = agent_close(g->agent);
	ended = proc_end(&g->vmm, END_MS);
	(void)snprintf(scratch, size, "%s%s", proc_fate(&g->vmm, fate, sizeof(fate)),
		       !alive  ? ", before it was told to"
		       : ended ? " after SIGTERM"
			       : ", SIGTERM did not end it");
	guest_stop(g);
	return scratch;
}

int guest_pause(struct guest *g, struct err *reterr)
{
	int e;

	if (g->paused)
		return 0;
	e = qmp_command(g->qmp, "stop", NULL, -1, clock_deadline_ms(QMP_MS), NULL, reterr);
	g->paused = e == 0;
	return e;
}

int guest_resume(struct guest *g, struct err *reterr)
{
	int e;

	if (!g->paused)
		return 0;
	e = qmp_command(g->qmp, "cont", NULL, -1, clock_deadline_ms(QMP_MS), NULL, reterr);
	g->paused = e != 0;
	return e;
}

/* QEMU reports "completed" a moment before the guest may run again. */
static int wait_finalized(struct guest *g, uint64_t deadline_ns, struct err *reterr)
{
	const struct timespec step = { .tv_nsec = 2000000 };

	for (;;) {
		json_auto_t *status = NULL;
		int e = qmp_command(g->qmp, "query-status", NULL, -1, deadline_ns, &status, reterr);

		if (e < 0 || strcmp(json_str_at(status, "status", ""), "postmigrate") == 0)
			return e;
		if (clock_left_ms(deadline_ns) == 0)
			return err_set(reterr, -ETIMEDOUT, "QEMU did not finish saving the guest");
		(void)nanosleep(&step, NULL); /* no event tells */
	}
}

int guest_save(struct guest *g, const struct guest_state *to, uint64_t deadline_ns,
	       struct err *reterr)
{
	json_t *uri = NULL;
	int e = migration_events(g, deadline_ns, reterr);

	/* The default limit is that of a network. */
	if (e == 0)
		e = qmp_command(g->qmp, "migrate-set-parameters",
				json_pack("{s:I}", "max-bandwidth", (json_int_t)1 << 40), -1,
				deadline_ns, NULL, reterr);
	if (e == 0)
		e = state_uri(g, to, O_WRONLY | O_CREAT | O_TRUNC, deadline_ns, &uri, reterr);
	if (e == 0)
		e = qmp_command(g->qmp, "migrate", uri, -1, deadline_ns, NULL, reterr);
	if (e == 0)
		e = wait_migrated(g, deadline_ns, reterr);
	return e < 0 ? e : wait_finalized(g, deadline_ns, reterr);
}

/* What vhost-user-fs-pci has by itself: hiprio and one request queue, of the same size. */
#define GENERIC_QUEUES	   2
#define GENERIC_QUEUE_SIZE 128

/* What a device needs before it can be added, and what is left of it afterwards. */
static int add_backend(struct guest *g, const struct guest_device *d, uint64_t deadline_ns,
		       struct err *reterr)
{
	switch (d->kind) {
	case GUEST_VHOST_USER_FS:
	case GUEST_VHOST_USER:
		return qmp_command(g->qmp, "chardev-add",
				   json_pack("{s:s,s:{s:s,s:{s:{s:s,s:{s:s}},s:b}}}", "id",
					     BACKEND_ID, "backend", "type", "socket", "data",
					     "addr", "type", "unix", "data", "path", d->backend,
					     "server", 0),
				   -1, deadline_ns, NULL, reterr);
	case GUEST_BLK:
		return qmp_command(g->qmp, "blockdev-add",
				   json_pack("{s:s,s:s,s:s,s:s,s:{s:b},s:s}", "driver", "file",
					     "node-name", BACKEND_ID, "filename", d->backend, "aio",
					     "threads", "cache", "direct", d->direct, "locking",
					     "off"),
				   -1, deadline_ns, NULL, reterr);
	case GUEST_9P: break;
	}
	return 0;
}

static int remove_backend(struct guest *g, uint64_t deadline_ns, struct err *reterr)
{
	switch (g->plugged) {
	case GUEST_VHOST_USER_FS:
	case GUEST_VHOST_USER:
		return qmp_command(g->qmp, "chardev-remove", json_pack("{s:s}", "id", BACKEND_ID),
				   -1, deadline_ns, NULL, reterr);
	case GUEST_BLK:
		return qmp_command(g->qmp, "blockdev-del",
				   json_pack("{s:s}", "node-name", BACKEND_ID), -1, deadline_ns,
				   NULL, reterr);
	case GUEST_9P: break;
	}
	return 0;
}

static json_t *device_words(const struct guest_device *d)
{
	switch (d->kind) {
	case GUEST_VHOST_USER_FS:
		return json_pack("{s:s,s:s,s:s,s:s,s:s}", "driver", d->driver, "id", DEVICE_ID,
				 "chardev", BACKEND_ID, "tag", d->tag, "bus", PLUG_BUS);
	case GUEST_VHOST_USER:
		return json_pack("{s:s,s:s,s:s,s:i,s:i,s:i,s:i,s:s}", "driver", d->driver, "id",
				 DEVICE_ID, "chardev", BACKEND_ID, "virtio-id", VIRTIO_ID_FS,
				 "num_vqs", GENERIC_QUEUES, "vq_size", GENERIC_QUEUE_SIZE,
				 "config_size", (int)sizeof(struct virtio_fs_config), "bus",
				 PLUG_BUS);
	case GUEST_BLK:
		return json_pack("{s:s,s:s,s:s,s:s,s:s}", "driver", "virtio-blk-pci", "id",
				 DEVICE_ID, "drive", BACKEND_ID, "serial", d->tag, "bus", PLUG_BUS);
	case GUEST_9P:
		return json_pack("{s:s,s:s,s:s,s:s,s:s}", "driver", "virtio-9p-pci", "id",
				 DEVICE_ID, "fsdev", GUEST_FSDEV_ID, "mount_tag", d->tag, "bus",
				 PLUG_BUS);
	}
	return NULL;
}

int guest_plug(struct guest *g, const struct guest_device *d, uint64_t deadline_ns,
	       struct err *reterr)
{
	int e = add_backend(g, d, deadline_ns, reterr);

	if (e < 0)
		return e;
	g->plugged = d->kind;
	return qmp_command(g->qmp, "device_add", device_words(d), -1, deadline_ns, NULL, reterr);
}

int guest_unplug(struct guest *g, uint64_t deadline_ns, struct err *reterr)
{
	int e = qmp_command(g->qmp, "device_del", json_pack("{s:s}", "id", DEVICE_ID), -1,
			    deadline_ns, NULL, reterr);

	if (e == 0)
		e = qmp_wait_event(g->qmp, "DEVICE_DELETED", "device", DEVICE_ID, deadline_ns,
				   reterr);
	return e < 0 ? e : remove_backend(g, deadline_ns, reterr);
}
