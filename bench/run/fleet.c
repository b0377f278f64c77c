// SPDX-License-Identifier: Apache-2.0
#include "run/fleet.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define SAVE_MS	   30000
#define TOOL_MS	   10000
#define STARTS_MAX 2
/* An answer of vq-guest is a few hundred bytes. */
#define TOOL_OUT_MAX (256 * KIB)
/* fio starts in a fraction of a second, under TCG too. */
#define WARM_UP_MS 60000
/* Longest kernel command line that x86 takes. */
#define CMDLINE_MAX 2048

void fleet_init(struct fleet *f, const struct fleet_options *opt)
{
	*f = (struct fleet){ .opt = *opt };
	if (!f->opt.boot_ms)
		f->opt.boot_ms = FLEET_BOOT_MS;
}

int guest_tool(struct agent *a, const char *const *args, unsigned deadline_ms, json_t **ret,
	       struct err *reterr)
{
	CLEANUP(strv_free) struct strv argv = { 0 };
	struct agent_job job = { .deadline_ms = deadline_ms,
				 .stdout_max = TOOL_OUT_MAX,
				 .stderr_max = TOOL_OUT_MAX };
	struct agent_result r = { 0 };
	json_error_t je;
	char fate[640];
	json_t *v;
	int e;

	strv_add(&argv, "/usr/lib/vq/vq-guest");
	strv_add_all(&argv, args);
	if (strv_failed(&argv))
		return err_set(reterr, -ENOMEM, "out of memory");
	job.argv = (const char *const *)argv.item;
	e = agent_run(a, &job, &r, reterr);
	if (e < 0)
		return err_prefix(reterr, e, "vq-guest %s", args[0]);
	v = json_loadb(buf_text(&r.out), r.out.size, 0, &je);
	if (!v)
		e = err_set(reterr, -EREMOTEIO, "vq-guest %s: %s: %.500s", args[0],
			    agent_fate_describe(&r, fate, sizeof(fate)), buf_text(&r.err));
	else
		*ret = v;
	agent_result_free(&r);
	return e;
}

static int add_word(struct buf *to, const char *prefix, const char *word)
{
	return buf_printf(to, "%s%s%s", to->size ? " " : "", prefix, word);
}

/* What a VMM and a kernel of a conf file need besides the words of the image. */
static int add_own_words(const struct fleet_guest *g, struct buf *ret)
{
	int e = 0;

	if (g->vmm->console)
		e = add_word(ret, "console=", g->vmm->console);
	if (e == 0 && g->vmm->agent_tty)
		e = add_word(ret, "vq.agent=", g->vmm->agent_tty);
	for (size_t i = 0; e == 0 && g->kernel->cmdline && g->kernel->cmdline[i]; i++)
		e = add_word(ret, "", g->kernel->cmdline[i]);
	return e;
}

/* The recommended words of the image, one per line, '#' starts a reason. */
static int read_cmdline(const char *path, const struct fleet_guest *g, struct buf *ret,
			struct err *reterr)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	char *save = NULL;
	int e = fs_read(path, 64 * KIB, &text, reterr);

	if (e < 0)
		return e;
	for (char *line = strtok_r(text.data, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		line[strcspn(line, "# \t")] = '\0';
		if (g->vmm->console && strncmp(line, "console=", 8) == 0)
			continue;
		if (*line && add_word(ret, "", line) < 0)
			return err_set(reterr, -ENOMEM, "out of memory");
	}
	if (add_own_words(g, ret) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (ret->size >= CMDLINE_MAX)
		return err_set(reterr, -EINVAL, "the kernel command line is longer than %d bytes",
			       CMDLINE_MAX);
	return 0;
}

struct start_paths {
	char kernel[128];
	char initramfs[128];
	char socket[108];
	char *log_dir;
};

static int make_paths(struct fleet *f, struct fleet_guest *g, struct start_paths *p,
		      struct err *reterr)
{
	const char *dir = kernel_is_made(g->kernel) ? WORLD_KERNEL : WORLD_IMAGE;
	const char *files = kernel_files(g->kernel);
	const char *kind = g->extra ? "x" : "";
	unsigned n = g->extra ? g->extra : g->starts;

	(void)snprintf(p->kernel, sizeof(p->kernel), "%s/vmlinux-%s", dir, files);
	(void)snprintf(p->initramfs, sizeof(p->initramfs), "%s/initramfs-%s.cpio", dir, files);
	(void)snprintf(p->socket, sizeof(p->socket), "%s/%s.%s.%s%u", WORLD_SOCKETS, g->vmm->id,
		       g->kernel->id, kind, n);
	p->log_dir = fs_path("%s/%s.%s.%s%u", f->opt.log_dir, g->vmm->id, g->kernel->id, kind, n);
	if (!p->log_dir)
		return err_set(reterr, -ENOMEM, "out of memory");
	return fs_mkdirs(p->log_dir, 0755, reterr);
}

static int build_command(struct fleet *f, struct fleet_guest *g, const struct start_paths *p,
			 int qmp_fd, struct strv *argv, struct strv *env, struct err *reterr)
{
	static const struct stack_paths roots = WORLD_PATHS;
	CLEANUP(buf_free) struct buf cmdline = { 0 };
	int e = read_cmdline(f->opt.cmdline_path, g, &cmdline, reterr);
	const char *cpu;
	struct vmm_config c = {
		.accelerator = f->opt.accelerator,
		.vcpus = f->opt.vcpus,
		.memory_mib = f->opt.memory_mib,
		.kernel = p->kernel,
		.initramfs = p->initramfs,
		.root_image = WORLD_IMAGE "/root.erofs",
		.qmp_fd = qmp_fd,
		.share_9p = WORLD_9P,
		.agent_socket = p->socket,
		.incoming = g->state[0] != '\0',
		.sandbox = true,
		.device = g->device,
	};

	if (e < 0)
		return e;
	c.cmdline = buf_text(&cmdline);
	e = vmm_argv(g->vmm, &roots, &c, argv);
	if (e == 0)
		e = vmm_env(g->vmm, &roots, env);
	if (e < 0)
		return err_errno(reterr, e, "cannot make the command line of VMM %s", g->vmm->id);
	cpu = vmm_cpu_model(g->vmm, &c);
	(void)snprintf(g->cpu_model, sizeof(g->cpu_model), "%s", cpu ? cpu : "the VMM's default");
	json_decref(g->argv);
	g->argv = json_argv(argv->item);
	return 0;
}

/* Both ends of a QMP connection; a VMM without one gets none. */
static int make_qmp(const struct vmm *v, int *ret_ours, int *ret_theirs, struct err *reterr)
{
	int pair[2];

	if (v->control == VMM_CONTROL_NONE)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(reterr, -errno, "cannot make a socket pair");
	*ret_ours = pair[0];
	*ret_theirs = pair[1];
	return 0;
}

static int start_guest(struct fleet *f, struct fleet_guest *g, struct err *reterr)
{
	struct start_paths p = { 0 };
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(strv_free) struct strv env = { 0 };
	CLEANUP(fd_closep) int ours = -1;
	CLEANUP(fd_closep) int theirs = -1;
	const struct guest_state state = { g->state, g->vmm->saves_by_path };
	struct guest_launch l = {
		.restore = g->state[0] ? &state : NULL,
		.agent_console = g->vmm->agent_tty != NULL,
		.uid = f->opt.world->vmm_uid,
		.gid = f->opt.world->vmm_gid,
		.deadline_ns = clock_deadline_ms(f->opt.boot_ms),
	};
	int e;

	g->starts++;
	e = make_qmp(g->vmm, &ours, &theirs, reterr);
	if (e == 0)
		e = make_paths(f, g, &p, reterr);
	if (e == 0)
		e = build_command(f, g, &p, theirs, &argv, &env, reterr);
	if (e == 0) {
		l.argv = argv.item;
		l.env = env.item;
		l.qmp_fd = TAKE_FD(ours);
		l.vmm_qmp_fd = TAKE_FD(theirs);
		l.agent_socket = p.socket;
		l.log_dir = p.log_dir;
		e = guest_start(&l, &g->guest, reterr);
	}
	free(p.log_dir);
	return e;
}

static int read_state(struct fleet_guest *g, json_t **ret, struct err *reterr)
{
	static const char *const args[] = { "state", NULL };

	return guest_tool(g->guest.agent, args, TOOL_MS, ret, reterr);
}

static int take_baseline(struct fleet_guest *g, struct err *reterr)
{
	json_auto_t *state = NULL;
	int e = read_state(g, &state, reterr);

	if (e < 0)
		return e;
	if (json_number_at(state, "processes", &g->baseline.processes) < 0 ||
	    json_number_at(state, "tainted", &g->baseline.tainted) < 0)
		return err_set(reterr, -EPROTO, "vq-guest state lacks processes or tainted");
	return 0;
}

/*
 * The guest's "Cached" counts pages of programs too. The largest that passes use is started before
 * the guest is saved, so that a pass on a fresh guest does not seem to cache more than others.
 */
static int warm_up(struct fleet_guest *g, struct err *reterr)
{
	static const char *const argv[] = { "fio",
					    "--output-format=json",
					    "--output=/dev/null",
					    "--directory=/run",
					    "--filename=vq-warm-up",
					    "--unlink=1",
					    "--size=64k",
					    "--rw=randrw",
					    "--name=psync",
					    "--ioengine=psync",
					    "--name=mmap",
					    "--stonewall",
					    "--ioengine=mmap",
					    NULL };
	const struct agent_job job = { .argv = argv, .deadline_ms = WARM_UP_MS };
	struct agent_result r = { 0 };
	char fate[640];
	int e = agent_run(g->guest.agent, &job, &r, reterr);

	if (e < 0)
		return err_prefix(reterr, e, "warming up the guest");
	if (r.fate != AGENT_EXITED || r.code != 0)
		e = err_set(reterr, -EREMOTEIO, "warming up the guest: fio %s: %.500s",
			    agent_fate_describe(&r, fate, sizeof(fate)), buf_text(&r.err));
	agent_result_free(&r);
	return e;
}

static int save_guest(struct fleet_guest *g, struct err *reterr)
{
	const struct guest_state to = { g->state, g->vmm->saves_by_path };
	struct stat st;
	int e = guest_pause(&g->guest, reterr);

	(void)snprintf(g->state, sizeof(g->state), "%s/%s.%s.state", WORLD_SOCKETS, g->vmm->id,
		       g->kernel->id);
	if (e == 0)
		e = guest_save(&g->guest, &to, clock_deadline_ms(SAVE_MS), reterr);
	if (e < 0) {
		g->state[0] = '\0';
		return err_prefix(reterr, e, "saving the guest");
	}
	if (stat(g->state, &st) == 0)
		g->saved_bytes = (uint64_t)st.st_size;
	return guest_resume(&g->guest, reterr);
}

static int boot(struct fleet *f, struct fleet_guest *g, struct err *reterr)
{
	int e = start_guest(f, g, reterr);

	if (e < 0)
		return e;
	g->cold_start_ns = g->guest.start_ns;
	g->origin = "booted";
	e = warm_up(g, reterr);
	if (e == 0)
		e = take_baseline(g, reterr);
	if (e == 0)
		e = save_guest(g, reterr);
	if (e < 0)
		fleet_drop(g);
	return e;
}

static int restore(struct fleet *f, struct fleet_guest *g, struct err *reterr)
{
	int e = start_guest(f, g, reterr);

	if (e < 0)
		return e;
	g->restore_ns = g->guest.start_ns;
	g->origin = "restored";
	return 0;
}

int fleet_extra(struct fleet *f, const struct fleet_guest *own, struct fleet_guest **ret,
		struct err *reterr)
{
	struct fleet_guest *g = calloc(1, sizeof(*g));
	int e;

	if (!g)
		return err_set(reterr, -ENOMEM, "out of memory");
	g->vmm = own->vmm;
	g->kernel = own->kernel;
	g->baseline = own->baseline;
	g->extra = ++f->extras;
	(void)snprintf(g->state, sizeof(g->state), "%s", own->state);
	e = g->state[0] ? restore(f, g, reterr)
			: err_set(reterr, -ENOTSUP, "the guest %s.%s has no saved state to restore",
				  own->vmm->id, own->kernel->id);
	if (e < 0)
		(void)fleet_extra_free(g);
	else
		*ret = g;
	return e;
}

struct fleet_guest *fleet_extra_free(struct fleet_guest *g)
{
	if (!g)
		return NULL;
	fleet_drop(g);
	json_decref(g->argv);
	free(g);
	return NULL;
}

static struct fleet_guest *find(struct fleet *f, const struct vmm *vmm, const struct kernel *kernel)
{
	struct fleet_guest *p;

	for (size_t i = 0; i < f->count; i++)
		if (f->item[i].vmm == vmm && f->item[i].kernel == kernel)
			return &f->item[i];
	p = reallocarray(f->item, f->count + 1, sizeof(*p));
	if (!p)
		return NULL;
	f->item = p;
	p += f->count++;
	*p = (struct fleet_guest){ .vmm = vmm, .kernel = kernel };
	return p;
}

static int pause_others(struct fleet *f, const struct fleet_guest *but)
{
	for (size_t i = 0; i < f->count; i++) {
		struct fleet_guest *g = &f->item[i];

		if (g == but || !g->guest.qmp)
			continue;
		/* One that cannot be paused would steal time from the measurement. */
		if (guest_pause(&g->guest, NULL) < 0)
			fleet_drop(g);
	}
	return 0;
}

/* A VMM that just died closes its sockets before it can be reaped: only an answer proves life. */
static bool answers(struct fleet_guest *g)
{
	return proc_alive(&g->guest.vmm) && guest_resume(&g->guest, NULL) == 0 &&
	       agent_ping(g->guest.agent, clock_deadline_ms(TOOL_MS), NULL, NULL) == 0;
}

int fleet_get(struct fleet *f, const struct vmm *vmm, const struct kernel *kernel,
	      struct fleet_guest **ret, struct err *reterr)
{
	struct fleet_guest *g = find(f, vmm, kernel);
	int e = 0;

	if (vmm->control == VMM_CONTROL_NONE)
		return err_set(
			reterr, -ENOTSUP,
			"VMM %s has no saved state to restore a guest from (control = \"none\")",
			vmm->id);
	if (!g)
		return err_set(reterr, -ENOMEM, "out of memory");
	(void)pause_others(f, g);
	if (g->failure[0])
		return err_set(reterr, -EHOSTDOWN, "%s", g->failure);
	if (g->guest.qmp && !answers(g))
		fleet_drop(g);
	if (!g->guest.qmp && g->state[0]) {
		e = restore(f, g, reterr);
	} else if (!g->guest.qmp) {
		e = boot(f, g, reterr);
		if (e < 0 && g->starts >= STARTS_MAX)
			(void)snprintf(g->failure, sizeof(g->failure), "%s", reterr->text);
	}
	if (e < 0) {
		fleet_drop(g);
		return e;
	}
	*ret = g;
	return 0;
}

int fleet_boot(struct fleet *f, const struct vmm *vmm, const struct kernel *kernel,
	       const struct vmm_device *device, struct fleet_guest **ret, struct err *reterr)
{
	struct fleet_guest *g = find(f, vmm, kernel);
	int e;

	if (!g)
		return err_set(reterr, -ENOMEM, "out of memory");
	(void)pause_others(f, g);
	g->device = device;
	e = start_guest(f, g, reterr);
	if (e < 0) {
		fleet_drop(g);
		return e;
	}
	g->cold_start_ns = g->guest.start_ns;
	g->origin = "booted";
	*ret = g;
	e = warm_up(g, reterr);
	return e < 0 ? e : take_baseline(g, reterr);
}

const char *fleet_end(struct fleet_guest *g, char *scratch, size_t size)
{
	(void)guest_end(&g->guest, scratch, size);
	fleet_drop(g);
	return scratch;
}

void fleet_drop(struct fleet_guest *g)
{
	guest_stop(&g->guest);
	g->guest = (struct guest){ 0 };
	g->device = NULL;
}

int fleet_clean(struct fleet_guest *g, struct err *reterr)
{
	json_auto_t *state = NULL;
	double processes;
	double tainted;
	int e = read_state(g, &state, reterr);

	if (e < 0)
		return e;
	if (json_number_at(state, "processes", &processes) < 0 ||
	    json_number_at(state, "tainted", &tainted) < 0)
		return err_set(reterr, -EPROTO, "vq-guest state lacks processes or tainted");
	if (tainted != g->baseline.tainted)
		return err_set(
			reterr, -EUCLEAN,
			"the guest kernel is tainted (%.0f): it warned or oopsed; see dmesg.txt",
			tainted);
	if (processes != g->baseline.processes)
		return err_set(reterr, -EUCLEAN,
			       "the guest has %.0f processes, %.0f before the pass", processes,
			       g->baseline.processes);
	if (json_array_size(json_object_get(state, "mounts")) != 0)
		return err_set(reterr, -EUCLEAN, "the guest still has a file system mounted");
	g->origin = "reused";
	return 0;
}

static json_t *seconds_or_null(uint64_t ns)
{
	return ns ? json_num(clock_seconds(ns)) : json_null();
}

json_t *fleet_describe(const struct fleet *f)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->count; i++) {
		const struct fleet_guest *g = &f->item[i];
		json_t *j = json_pack("{s:s,s:s,s:s,s:i,s:i,s:i,s:O*}", "vmm", g->vmm->id, "kernel",
				      g->kernel->id, "cpu_model", g->cpu_model, "vcpus",
				      (int)f->opt.vcpus, "memory_mib", (int)f->opt.memory_mib,
				      "starts", (int)g->starts, "argv", g->argv);

		/* Its command line could not even be made. */
		if (!g->argv)
			(void)json_object_set_new(j, "argv", json_array());
		(void)json_object_set_new(j, "cold_start_s", seconds_or_null(g->cold_start_ns));
		(void)json_object_set_new(j, "restore_s", seconds_or_null(g->restore_ns));
		(void)json_object_set_new(j, "snapshot_bytes",
					  g->saved_bytes ? json_integer((json_int_t)g->saved_bytes)
							 : json_null());
		(void)json_array_append_new(list, j);
	}
	return list;
}

void fleet_free(struct fleet *f)
{
	for (size_t i = 0; i < f->count; i++) {
		fleet_drop(&f->item[i]);
		json_decref(f->item[i].argv);
	}
	free(f->item);
	*f = (struct fleet){ 0 };
}
