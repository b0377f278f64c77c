// SPDX-License-Identifier: Apache-2.0
#include "robust_rig.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/strv.h"

#include <fcntl.h>
#include <linux/virtio_fs.h>
#include <linux/virtio_ids.h>
#include <string.h>
#include <sys/stat.h>

/* Far beyond what any of it takes under TCG on a loaded host. */
#define STEP_MS 15000

int rig_open(struct rig *r, const char *home, const char *log_dir)
{
	const struct world_source src = { .home = home };
	struct fleet_options o = { .accelerator = "tcg",
				   .vcpus = 1,
				   .memory_mib = 512,
				   .cmdline_path = "guest-image/cmdline",
				   .log_dir = log_dir,
				   .world = &r->world };
	int e = world_make(&src, &r->world, &r->err);

	r->vmm = *vmm_find("qemu-backports");
	fleet_init(&r->fleet, &o);
	return e;
}

void rig_close(struct rig *r)
{
	rig_drop(r);
	proc_kill(&r->daemon);
	fleet_free(&r->fleet);
}

int rig_guest(struct rig *r)
{
	return fleet_get(&r->fleet, &r->vmm, kernel_find("backports"), &r->g, &r->err);
}

void rig_drop(struct rig *r)
{
	if (r->g)
		fleet_drop(r->g);
	r->g = NULL;
}

static int add_words(struct rig *r, const char *const *words, struct strv *argv)
{
	strv_add(argv, WORLD_OWN "/virtiofs-refdev");
	strv_addf(argv, "--socket-path=%s", r->socket);
	strv_addf(argv, "--shared-dir=%s", r->share);
	strv_addf(argv, "--counters=%s", r->counters);
	strv_addf(argv, "--window=%luM", (unsigned long)(r->window_bytes / MIB));
	strv_add(argv, "--tag=" SESSION_TAG);
	strv_add(argv, "--dax=always");
	strv_add_all(argv, words);
	return strv_failed(argv) ? err_set(&r->err, -ENOMEM, "out of memory") : 0;
}

int rig_serve(struct rig *r, const char *share, uint64_t window_bytes, const char *const *words)
{
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(fd_closep) int fd = -1;
	uint64_t deadline_ns = clock_deadline_ms(STEP_MS);
	struct proc_spec spec = { 0 };
	int e = fs_mkdirs(share, 0755, &r->err);

	r->serial++;
	r->window_bytes = window_bytes;
	(void)snprintf(r->share, sizeof(r->share), "%s", share);
	(void)snprintf(r->socket, sizeof(r->socket), WORLD_SOCKETS "/rig.%u", r->serial);
	(void)snprintf(r->counters, sizeof(r->counters), WORLD "/rig.counters.%u", r->serial);
	(void)snprintf(r->log, sizeof(r->log), "%s/refdev.%u.log", r->fleet.opt.log_dir, r->serial);
	(void)unlink(r->counters);
	fd = open(r->log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (e == 0 && fd < 0)
		e = err_errno(&r->err, -errno, "%s", r->log);
	if (e == 0)
		e = add_words(r, words, &argv);
	spec.argv = argv.item;
	spec.stdout_fd = fd;
	spec.stderr_fd = fd;
	if (e == 0)
		e = proc_start(&spec, &r->daemon, &r->err);
	while (e == 0 && !real_said(r->log, "serving")) {
		if (!proc_alive(&r->daemon) || clock_left_ms(deadline_ns) == 0)
			return err_set(&r->err, -EIO, "the daemon does not serve: see %s", r->log);
		real_pause();
	}
	real_tree_read(r->daemon.pid, &r->tree);
	if (e == 0 && chown(r->socket, r->world.vmm_uid, r->world.vmm_gid) < 0)
		e = err_errno(&r->err, -errno, "%s", r->socket);
	return e;
}

/* What the harness never asks for: a socket that connects again. */
static int plug_reconnecting(struct rig *r)
{
	int e = rig_qmp(r, "chardev-add",
			json_pack("{s:s,s:{s:s,s:{s:{s:s,s:{s:s}},s:b,s:i}}}", "id", "back",
				  "backend", "type", "socket", "data", "addr", "type", "unix",
				  "data", "path", r->socket, "server", 0, "reconnect-ms", 200));

	/* Such a socket connects in the background, and once more when a device wants it before that. */
	if (e == 0)
		e = rig_wait_log(r, "a front end has connected", 1);
	return e < 0 ? e
		     : rig_qmp(r, "device_add",
			       json_pack("{s:s,s:s,s:s,s:i,s:i,s:i,s:i,s:s}", "driver",
					 r->vmm.generic_device, "id", "back", "chardev", "back",
					 "virtio-id", VIRTIO_ID_FS, "num_vqs", 2, "vq_size", 128,
					 "config_size", (int)sizeof(struct virtio_fs_config), "bus",
					 "plug0"));
}

int rig_plug(struct rig *r, enum rig_socket how)
{
	static const char *const args[] = { "mount",	  "virtiofs", SESSION_TAG, SESSION_MOUNT,
					    "dax=always", "10000",    NULL };
	const struct guest_device d = { .kind = GUEST_VHOST_USER,
					.driver = r->vmm.generic_device,
					.backend = r->socket };
	json_auto_t *answer = NULL;
	int e = how == RIG_RECONNECTS
			? plug_reconnecting(r)
			: guest_plug(&r->g->guest, &d, clock_deadline_ms(STEP_MS), &r->err);

	if (e == 0)
		e = guest_tool(r->g->guest.agent, args, 2 * STEP_MS, &answer, &r->err);
	if (e == 0 && !json_is_true(json_object_get(answer, "mounted")))
		e = err_set(&r->err, -EIO, "the guest cannot mount: %s",
			    json_str_at(answer, "error", "?"));
	return e;
}

int rig_end_daemon(struct rig *r)
{
	return proc_end(&r->daemon, STEP_MS)
		       ? 0
		       : err_set(&r->err, -ETIMEDOUT, "SIGTERM did not end the daemon");
}

static int start_job(struct rig *r, const char *const *argv)
{
	const struct agent_job job = { .argv = argv, .deadline_ms = 120000 };
	uint32_t id;

	return agent_start(r->g->guest.agent, &job, &id, &r->err);
}

int rig_shell(struct rig *r, const char *command, unsigned ms)
{
	const char *const argv[] = { "sh", "-c", command, NULL };
	const struct agent_job job = { .argv = argv, .deadline_ms = ms };
	struct agent_result a = { 0 };
	char fate[640];
	int e = agent_run(r->g->guest.agent, &job, &a, &r->err);

	if (e < 0)
		return e;
	(void)json_object_set_new(
		r->note, "said",
		json_sprintf("%.2000s%.2000s", buf_text(&a.out), buf_text(&a.err)));
	if (a.fate != AGENT_EXITED || a.code != 0)
		e = err_set(&r->err, -EREMOTEIO, "%s: %s: %.300s", command,
			    agent_fate_describe(&a, fate, sizeof(fate)), buf_text(&a.err));
	agent_result_free(&a);
	return e;
}

/* Names ask the daemon, reads and writes of a mapped file do not: both kinds have to be under way. */
static const char load_names[] = "cd %s && while :; do echo x >n && cat n >m && rm n; done";
static const char load_data[] =
	"exec fio --name=load --filename=%s/load --size=24m --rw=randrw --bs=16k "
	"--ioengine=%s --time_based --runtime=100 --output=/dev/null";

int rig_load(struct rig *r, const char *dir)
{
	uint64_t deadline_ns = clock_deadline_ms(STEP_MS);
	struct counters start = { 0 };
	struct counters now = { 0 };
	char command[3][256];
	int e = rig_counters(r, &start);

	(void)snprintf(command[0], sizeof(command[0]), load_names, dir);
	(void)snprintf(command[1], sizeof(command[1]), load_data, dir, "psync");
	(void)snprintf(command[2], sizeof(command[2]), load_data, dir, "mmap");
	for (size_t i = 0; e == 0 && i < ARRAY_SIZE(command); i++)
		e = start_job(r, (const char *const[]){ "sh", "-c", command[i], NULL });
	while (e == 0 && (now.setups < start.setups + 8 || now.requests < start.requests + 100)) {
		e = rig_counters(r, &now);
		if (e == 0 && clock_left_ms(deadline_ns) == 0)
			e = err_set(&r->err, -ETIMEDOUT, "the load has not begun");
		real_pause();
	}
	return e;
}

int rig_hold(struct rig *r, const char *path)
{
	return start_job(r, (const char *const[]){ "/usr/lib/vq/vq-guest", "hold", path, NULL });
}

int rig_look(struct rig *r, uint64_t offset)
{
	char at[24];
	const char *const args[] = { "look", at, NULL };
	json_auto_t *answer = NULL;
	double byte = 0;
	int e;

	(void)snprintf(at, sizeof(at), "%lu", (unsigned long)offset);
	e = guest_tool(r->g->guest.agent, args, STEP_MS, &answer, &r->err);
	if (e == 0 && json_number_at(answer, "byte", &byte) < 0)
		e = err_set(&r->err, -EPROTO, "vq-guest look gave no byte");
	return e < 0 ? e : (int)byte;
}

static int file_open(struct rig *r, const char *name, int flags)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", r->share, name);
	int fd = path ? open(path, flags | O_RDWR | O_CLOEXEC, 0644) : -ENOMEM;

	return fd < 0 ? err_errno(&r->err, -errno, "%s", name) : fd;
}

int rig_file(struct rig *r, const char *name, uint64_t bytes, bool hole)
{
	CLEANUP(freep) uint8_t *data = malloc(MIB);
	CLEANUP(fd_closep) int fd = file_open(r, name, O_CREAT | O_TRUNC);

	if (fd < 0 || !data || ftruncate(fd, (off_t)bytes) < 0)
		return -EIO;
	memset(data, 0x5a, MIB);
	for (uint64_t at = 0; !hole && at < bytes; at += MIB)
		if (pwrite(fd, data, MIB, (off_t)at) != (ssize_t)MIB)
			return err_errno(&r->err, -errno, "%s", name);
	return fsync(fd) < 0 ? err_errno(&r->err, -errno, "%s", name) : 0;
}

int rig_put(struct rig *r, const char *name, uint64_t offset, uint8_t byte)
{
	CLEANUP(fd_closep) int fd = file_open(r, name, 0);

	return fd >= 0 && pwrite(fd, &byte, 1, (off_t)offset) == 1 ? 0 : -EIO;
}

int rig_qmp(struct rig *r, const char *command, json_t *take_args)
{
	return qmp_command(r->g->guest.qmp, command, take_args, -1, clock_deadline_ms(STEP_MS),
			   NULL, &r->err);
}

int rig_counters(struct rig *r, struct counters *ret)
{
	int e = counters_read(r->counters, ret, &r->err);

	return e == 0 && !ret->known ? err_set(&r->err, -ENOENT, "no counters") : e;
}

static unsigned count_names(const char *path)
{
	CLEANUP(dir_closep) DIR *d = opendir(path);
	unsigned n = 0;

	while (d && readdir(d))
		n++;
	return n > 2 ? n - 2 : 0;
}

static unsigned count_text(const char *path, const char *text)
{
	CLEANUP(buf_free) struct buf b = { 0 };
	unsigned n = 0;

	if (fs_read(path, 16 * MIB, &b, NULL) < 0)
		return 0;
	for (const char *p = buf_text(&b); (p = strstr(p, text)) != NULL; p += strlen(text))
		n++;
	return n;
}

void rig_holds(const struct rig *r, struct rig_holds *ret)
{
	struct real_tree t;

	real_tree_read(r->daemon.pid, &t);
	*ret = (struct rig_holds){ .processes = (unsigned)t.count };
	for (size_t i = 0; i < t.count; i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)t.item[i].pid);
		ret->fds += count_names(path);
		(void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)t.item[i].pid);
		ret->maps += count_text(path, "\n");
	}
}

pid_t rig_process(const struct rig *r, const char *name)
{
	for (size_t i = 0; i < r->tree.count; i++) {
		CLEANUP(buf_free) struct buf comm = { 0 };
		char path[64];
		size_t n = strlen(name);

		(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)r->tree.item[i].pid);
		if (fs_read(path, KIB, &comm, NULL) == 0 &&
		    strncmp(buf_text(&comm), name, n) == 0 && buf_text(&comm)[n] == '\n')
			return r->tree.item[i].pid;
	}
	return -1;
}

int rig_wait_log(struct rig *r, const char *text, unsigned count)
{
	uint64_t deadline_ns = clock_deadline_ms(STEP_MS);

	while (count_text(r->log, text) < count) {
		if (clock_left_ms(deadline_ns) == 0)
			return err_set(&r->err, -ETIMEDOUT, "\"%s\" is not in the daemon's log",
				       text);
		real_pause();
	}
	return count_text(r->log, text) == count
		       ? 0
		       : err_set(&r->err, -EIO, "\"%s\" is too often in the daemon's log", text);
}

int rig_wait_gone(struct rig *r, const struct real_tree *t)
{
	uint64_t deadline_ns = clock_deadline_ms(STEP_MS);

	for (size_t i = 0; i < t->count; i++) {
		char path[64];
		char program[256];

		/* A zombie has none any more. */
		(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)t->item[i].pid);
		while (readlink(path, program, sizeof(program)) > 0) {
			if (clock_left_ms(deadline_ns) == 0)
				return err_set(&r->err, -ETIMEDOUT, "process %zu of %zu is left", i,
					       t->count);
			real_pause();
		}
	}
	return 0;
}
