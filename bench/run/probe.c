// SPDX-License-Identifier: Apache-2.0
#include "run/probe.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/proc.h"
#include "guest/accel.h"

#include <string.h>
#include <sys/utsname.h>

#define VERSION_MS 20000
/* KVM boots the test guest in well under a second; the rest is a loaded host. */
#define KVM_PROBE_MS	 3000
#define PROBE_MEMORY_MIB 256

static const struct stack_paths roots = { WORLD_ROOTS, WORLD_IMAGE };

/* Programs say their version on stdout or stderr. */
static json_t *version_of(const struct strv *argv)
{
	const struct proc_spec spec = { .argv = argv->item };
	struct proc_output o = { 0 };
	struct err err = { 0 };
	const char *text;
	json_t *v;

	if (proc_run(&spec, 64 * KIB, clock_deadline_ms(VERSION_MS), &o, &err) < 0)
		return json_sprintf("unknown: %s", err.text);
	text = o.out.size ? buf_text(&o.out) : buf_text(&o.err);
	v = json_stringn(text, strcspn(text, "\n"));
	proc_output_free(&o);
	return v ? v : json_string("unknown: no text");
}

static void add_stack(json_t *all, const struct stack *s)
{
	CLEANUP(strv_free) struct strv argv = { 0 };

	if (s->kind == STACK_VIRTIOFS && !json_object_get(all, s->id) &&
	    stack_probe_argv(s, &roots, &argv) == 0)
		(void)json_object_set_new(all, s->id, version_of(&argv));
}

static void add_vmm(json_t *all, const struct vmm *v)
{
	CLEANUP(strv_free) struct strv argv = { 0 };

	if (!json_object_get(all, v->id) && vmm_probe_argv(v, &roots, &argv) == 0)
		(void)json_object_set_new(all, v->id, version_of(&argv));
}

/* The kernel's version is in the manifest of the image. */
static void add_kernel(json_t *all, const struct kernel *k)
{
	bool user = strcmp(k->id, "user") == 0;
	json_auto_t *manifest = NULL;
	char key[64];
	char path[96];

	(void)snprintf(key, sizeof(key), "kernel %s", k->id);
	if (json_object_get(all, key))
		return;
	if (json_load_path(user ? WORLD "/kernel/user.json" : WORLD_IMAGE "/manifest.json",
			   &manifest, NULL) < 0)
		return;
	(void)snprintf(path, sizeof(path), user ? "version" : "kernels.%s.version", k->id);
	(void)json_object_set_new(all, key, json_string(json_str_at(manifest, path, "unknown")));
}

json_t *probe_versions(const struct plan *p)
{
	json_t *all = json_object();

	for (size_t i = 0; i < p->cells.count; i++) {
		const struct cell *c = &p->cells.item[i];

		add_stack(all, c->stack);
		if (c->vmm)
			add_vmm(all, c->vmm);
		if (c->kernel)
			add_kernel(all, c->kernel);
	}
	return all;
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
	const struct vmm *v = vmm_find("qemu-backports");
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
