// SPDX-License-Identifier: Apache-2.0
#include "run/probe.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "guest/accel.h"
#include "run/version.h"

#include <string.h>
#include <sys/utsname.h>

/* KVM boots the test guest in well under a second; the rest is a loaded host. */
#define KVM_PROBE_MS	 3000
#define PROBE_MEMORY_MIB 256

static const struct stack_paths roots = WORLD_PATHS;

/* Versions seen, and why what cannot be used cannot: both by id. */
struct versions {
	json_t *seen;
	json_t *broken;
};

static bool is_known(const struct versions *v, const char *id)
{
	return json_object_get(v->seen, id) != NULL;
}

/* @host_program: of a row of a conf file, which says no path of the machine in results; or NULL. */
static void add_version(struct versions *v, const char *id, const struct strv *argv,
			const char *wanted, const char *host_program)
{
	struct err why = { 0 };
	char seen[512] = "";

	if (host_program && !fs_exists(argv->item[0]))
		(void)json_object_set_new(
			v->broken, id,
			json_sprintf("program not found: there is no program '%s' that can be "
				     "executed where the conf file says",
				     strrchr(host_program, '/') + 1));
	else if (version_probe(argv, wanted, seen, sizeof(seen), &why) < 0)
		(void)json_object_set_new(v->broken, id, json_string(why.text));
	(void)json_object_set_new(v->seen, id, seen[0] ? json_string(seen) : json_null());
}

static void add_stack(struct versions *v, const struct stack *s)
{
	CLEANUP(strv_free) struct strv argv = { 0 };

	if (s->kind == STACK_VIRTIOFS && !is_known(v, s->id) &&
	    stack_probe_argv(s, &roots, &argv) == 0)
		add_version(v, s->id, &argv, s->version, s->host_program);
}

static void add_vmm(struct versions *v, const struct vmm *m)
{
	CLEANUP(strv_free) struct strv argv = { 0 };

	if (!is_known(v, m->id) && vmm_probe_argv(m, &roots, &argv) == 0)
		add_version(v, m->id, &argv, m->version, m->host_program);
}

static int check_image_file(const char *dir, const char *name, struct err *reterr)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", dir, name);

	if (!path || access(path, R_OK) < 0)
		return err_errno(reterr, path ? -errno : -ENOMEM,
				 "build/image/%s cannot be used (see: make image)", name);
	return 0;
}

/* The kernel's version is in the manifest of the image; what it is booted from must be there. */
static int find_kernel(const struct kernel *k, char *ret, size_t size, struct err *reterr)
{
	bool made = kernel_is_made(k);
	const char *id = kernel_files(k);
	const char *dir = made ? WORLD_KERNEL : WORLD_IMAGE;
	json_auto_t *manifest = NULL;
	struct err why = { 0 };
	char name[96];
	int e;

	(void)snprintf(name, sizeof(name), "%s.json", made ? id : "manifest");
	e = check_image_file(dir, name, reterr);
	if (e < 0)
		return e;
	(void)snprintf(name, sizeof(name), "%s/%s.json", dir, made ? id : "manifest");
	if (json_load_path(name, &manifest, &why) < 0)
		return err_set(
			reterr, -EBADMSG,
			"the guest image in build/image cannot be used (see: make image): %s",
			why.text);
	(void)snprintf(name, sizeof(name), made ? "version" : "kernels.%s.version", id);
	(void)snprintf(ret, size, "%s", json_str_at(manifest, name, ""));
	if (!ret[0])
		return err_set(
			reterr, -ENOENT,
			"the guest image in build/image has no kernel '%s' (see: make image)", id);
	e = check_image_file(WORLD_IMAGE, "root.erofs", reterr);
	(void)snprintf(name, sizeof(name), "vmlinux-%s", id);
	if (e == 0)
		e = check_image_file(dir, name, reterr);
	(void)snprintf(name, sizeof(name), "initramfs-%s.cpio", id);
	return e < 0 ? e : check_image_file(dir, name, reterr);
}

static void add_kernel(struct versions *v, const struct kernel *k)
{
	struct err why = { 0 };
	char seen[128] = "";
	char key[64];

	(void)snprintf(key, sizeof(key), "kernel %s", k->id);
	if (is_known(v, key))
		return;
	if (find_kernel(k, seen, sizeof(seen), &why) < 0)
		(void)json_object_set_new(v->broken, key, json_string(why.text));
	(void)json_object_set_new(v->seen, key, seen[0] ? json_string(seen) : json_null());
}

json_t *probe_versions(const struct plan *p, json_t **ret_broken)
{
	struct versions v = { json_object(), json_object() };

	for (size_t i = 0; plan_at(p, i); i++) {
		const struct cell *c = plan_at(p, i);

		add_stack(&v, c->stack);
		if (c->vmm)
			add_vmm(&v, c->vmm);
		if (c->kernel)
			add_kernel(&v, c->kernel);
	}
	for (size_t i = 0; i < p->daemon_count; i++)
		add_stack(&v, p->daemon[i]);
	*ret_broken = v.broken;
	return v.seen;
}

json_t *probe_conf_rows(json_t **ret_broken)
{
	struct versions all = { json_object(), json_object() };
	size_t stacks;
	size_t vmms;
	const struct stack *const *s = stack_list(&stacks);
	const struct vmm *const *v = vmm_list(&vmms);

	for (size_t i = 0; i < stacks; i++)
		if (s[i]->conf)
			add_stack(&all, s[i]);
	for (size_t i = 0; i < vmms; i++)
		if (v[i]->conf)
			add_vmm(&all, v[i]);
	*ret_broken = all.broken;
	return all.seen;
}

const char *probe_broken(json_t *broken, const struct cell *c)
{
	char key[64];
	const char *why = json_string_value(json_object_get(broken, c->stack->id));

	if (!why && c->vmm)
		why = json_string_value(json_object_get(broken, c->vmm->id));
	(void)snprintf(key, sizeof(key), "kernel %s", c->kernel ? c->kernel->id : "");
	return why ? why : json_string_value(json_object_get(broken, key));
}

static void read_cpu_model(char *ret, size_t size)
{
	CLEANUP(file_closep) FILE *f = fopen("/proc/cpuinfo", "re");
	char line[512];

	(void)snprintf(ret, size, "unknown");
	while (f && fgets(line, sizeof(line), f)) {
		const char *v = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || !v)
			continue;
		(void)snprintf(ret, size, "%.*s", (int)strcspn(v + 2, "\n"), v + 2);
		return;
	}
}

json_t *probe_host(const struct world *w)
{
	char cpu[256];
	struct utsname u;

	read_cpu_model(cpu, sizeof(cpu));
	(void)uname(&u);
	return json_pack("{s:s,s:s,s:I,s:I,s:s}", "kernel", u.release, "cpu_model", cpu, "cpus",
			 (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "memory_bytes",
			 (json_int_t)sysconf(_SC_PHYS_PAGES) * (json_int_t)sysconf(_SC_PAGESIZE),
			 "share_fs", w->share_fs);
}

json_t *probe_image(void)
{
	json_auto_t *manifest = NULL;
	json_t *image = json_object();

	if (json_load_path(WORLD_IMAGE "/manifest.json", &manifest, NULL) < 0)
		return image;
	(void)json_object_set(image, "root", json_object_get(manifest, "root"));
	(void)json_object_set(image, "kernels", json_object_get(manifest, "kernels"));
	(void)json_object_set(image, "programs", json_object_get(manifest, "programs"));
	(void)json_object_del(json_object_get(image, "root"), "packages");
	return image;
}

static int try_accelerator(const struct world *w, const char *name, unsigned deadline_ms,
			   struct accel_result *ret)
{
	const struct vmm *v = vmm_find_builtin("qemu-backports");
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(strv_free) struct strv env = { 0 };
	const struct vmm_config c = {
		.accelerator = name,
		.vcpus = 1,
		.memory_mib = PROBE_MEMORY_MIB,
		.kernel = WORLD_IMAGE "/vmlinux-bookworm",
		.initramfs = WORLD_IMAGE "/initramfs-bookworm.cpio",
		.cmdline = "console=ttyS0 quiet vq.probe=1",
		.probe_only = true,
		.sandbox = true,
	};
	const struct accel_probe p = { NULL, NULL, w->vmm_uid, w->vmm_gid, deadline_ms };
	struct accel_probe probe = p;

	if (!v || vmm_argv(v, &roots, &c, &argv) < 0 || vmm_env(v, &roots, &env) < 0)
		return -ENOMEM;
	probe.argv = argv.item;
	probe.env = env.item;
	accel_probe(&probe, ret);
	return 0;
}

int probe_accelerator(const struct world *w, const char *wanted, const char **ret_name,
		      json_t **ret_json, struct err *reterr)
{
	struct accel_result kvm = { 0 };
	json_t *evidence = json_array();
	const char *used = "tcg";

	if (strcmp(wanted, "tcg") != 0) {
		if (!fs_exists("/dev/kvm"))
			(void)snprintf(kvm.seen, sizeof(kvm.seen), "there is no /dev/kvm");
		else if (try_accelerator(w, "kvm", KVM_PROBE_MS, &kvm) < 0)
			(void)snprintf(kvm.seen, sizeof(kvm.seen), "out of memory");
		(void)json_array_append_new(evidence,
					    json_pack("{s:s,s:b,s:s}", "accelerator", "kvm", "ok",
						      kvm.ok, "seen", kvm.seen));
		if (kvm.ok)
			used = "kvm";
	}
	if (strcmp(wanted, "kvm") == 0 && !kvm.ok) {
		json_decref(evidence);
		return err_set(
			reterr, -ENODEV,
			"--accelerator kvm: KVM does not work here: %s (auto takes TCG instead)",
			kvm.seen);
	}
	*ret_name = used;
	*ret_json = json_pack("{s:s,s:s,s:o}", "used", used, "requested", wanted, "evidence",
			      evidence);
	return 0;
}

bool probe_absent(const struct cell *c, char *ret, size_t size)
{
	const struct stack *s = c->stack;
	CLEANUP(freep) char *root = fs_path(WORLD_ROOTS "/%s", s->root);
	CLEANUP(freep) char *note = fs_path(WORLD_ROOTS "/%s.absent", s->root);
	CLEANUP(buf_free) struct buf text = { 0 };

	if (s->kind != STACK_VIRTIOFS || !s->root || s->host_program || !root || !note ||
	    fs_exists(root) || fs_read(note, 64 * KIB, &text, NULL) < 0)
		return false;
	(void)snprintf(ret, size,
		       "stack root %s is not installed (see: make setup), which said: %.*s",
		       s->root, (int)strcspn(buf_text(&text), "\n"), buf_text(&text));
	return true;
}
