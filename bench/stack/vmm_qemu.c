// SPDX-License-Identifier: Apache-2.0
/* QEMU: one command line for every version here; a row says what differs. */
#include "stack/rows.h"
#include "stack/vmm_words.h"

#include <string.h>

const struct vmm vmm_qemu_bookworm = {
	.id = "qemu-bookworm",
	.title = "QEMU of Debian bookworm",
	.root = "bookworm",
	.program = "/usr/bin/qemu-system-x86_64",
	.cpu_tcg = "qemu64",
	.cpu_kvm = "host",
	.device = "vhost-user-fs-pci",
	.source = "Debian 12 qemu-system-x86",
};

const struct vmm vmm_qemu_backports = {
	.id = "qemu-backports",
	.title = "QEMU of Debian trixie-backports",
	.root = "backports",
	.program = "/usr/bin/qemu-system-x86_64",
	/*
	 * As an AMD CPU of 40 bits the guest's kernel keeps bridge windows out of the range below 1 TiB,
	 * and a DAX window of the device cannot be placed.
	 */
	.cpu_tcg = "qemu64,phys-bits=39",
	.cpu_kvm = "host",
	.device = "vhost-user-fs-pci",
	.generic_device = "vhost-user-test-device-pci",
	.saves_by_path = true,
	.source = "Debian 13 backports qemu-system-x86",
};

const char *vmm_cpu_model(const struct vmm *v, const struct vmm_config *c)
{
	if (c->cpu_model)
		return c->cpu_model;
	if (v->args && !words_use(v->args, "cpu"))
		return NULL;
	return strcmp(c->accelerator, "kvm") == 0 ? v->cpu_kvm : v->cpu_tcg;
}

static void add_program(const struct vmm *v, const struct stack_paths *p, struct strv *ret)
{
	program_argv(p, v->id, v->host_program, v->root, v->program, ret);
	if (!v->root)
		return; /* a QEMU of the host finds its own, or is told with extra_args */
	strv_add(ret, "-L");
	strv_addf(ret, "%s/%s/usr/share/qemu", p->roots, v->root);
	strv_add(ret, "-L");
	strv_addf(ret, "%s/%s/usr/share/seabios", p->roots, v->root);
}

/* The default size depends on the host's memory: a fixed one is the same for everybody. */
static void add_accelerator(const struct vmm_config *c, struct strv *ret)
{
	strv_add(ret, "-accel");
	if (strcmp(c->accelerator, "tcg") == 0)
		strv_addf(ret, "tcg,thread=multi,tb-size=%d", VMM_TCG_BUFFER_MIB);
	else
		strv_add(ret, c->accelerator);
}

static void add_machine(const struct vmm *v, const struct vmm_config *c, struct strv *ret)
{
	strv_add(ret, "-nodefaults");
	strv_add(ret, "-no-user-config");
	strv_add(ret, "-no-reboot");
	strv_add(ret, "-display");
	strv_add(ret, "none");
	strv_add(ret, "-machine");
	/* Devices that no check needs cost boot time under TCG. */
	strv_add(ret, "q35,memory-backend=mem,hpet=off,vmport=off,smbus=off,sata=off,usb=off");
	add_accelerator(c, ret);
	strv_add(ret, "-cpu");
	strv_add(ret, vmm_cpu_model(v, c));
	strv_add(ret, "-smp");
	strv_addf(ret, "%u", c->vcpus);
	/* vhost-user needs guest memory that can be shared with the daemon. */
	strv_add(ret, "-m");
	strv_addf(ret, "%uM", c->memory_mib);
	strv_add(ret, "-object");
	strv_addf(ret, "memory-backend-memfd,id=mem,size=%uM,share=on", c->memory_mib);
}

static void add_kernel(const struct vmm_config *c, struct strv *ret)
{
	strv_add(ret, "-kernel");
	strv_add(ret, c->kernel);
	strv_add(ret, "-initrd");
	strv_add(ret, c->initramfs);
	strv_add(ret, "-append");
	strv_addf(ret, "%s", c->cmdline);
}

static void add_devices(const struct vmm_config *c, struct strv *ret)
{
	strv_add(ret, "-blockdev");
	strv_addf(ret, "driver=file,node-name=root,filename=%s,read-only=on,locking=off",
		  c->root_image);
	strv_add(ret, "-device");
	strv_add(ret, "virtio-blk-pci,drive=root");
	strv_add(ret, "-device");
	strv_add(ret, "virtio-serial-pci,id=serial,max_ports=2");
	strv_add(ret, "-chardev");
	strv_addf(ret, "socket,id=agent,path=%s,server=on,wait=off", c->agent_socket);
	strv_add(ret, "-device");
	strv_add(ret, "virtserialport,bus=serial.0,chardev=agent,name=vq.agent");
	/* QEMU cannot add an fsdev later: the folder is chosen before a device is plugged. */
	if (c->share_9p) {
		strv_add(ret, "-fsdev");
		strv_addf(ret, "local,id=vqfs9p,path=%s,security_model=none", c->share_9p);
	}
	/* Where file system devices are hot-plugged; a DAX window must find room behind the port. */
	strv_add(ret, "-device");
	strv_add(ret, "pcie-root-port,id=plug0,chassis=1,slot=1,pref64-reserve=512M");
	strv_add(ret, "-chardev");
	strv_addf(ret, "socket,id=qmp,fd=%d", c->qmp_fd);
	strv_add(ret, "-qmp");
	strv_add(ret, "chardev:qmp");
	if (c->incoming) {
		strv_add(ret, "-incoming");
		strv_add(ret, "defer");
	}
}

int vmm_argv(const struct vmm *v, const struct stack_paths *p, const struct vmm_config *c,
	     struct strv *ret)
{
	if (v->args)
		return vmm_words_argv(v, p, c, ret);
	add_program(v, p, ret);
	add_machine(v, c, ret);
	add_kernel(c, ret);
	strv_add(ret, "-chardev");
	strv_add(ret, "stdio,id=console,signal=off");
	strv_add(ret, "-serial");
	strv_add(ret, "chardev:console");
	if (!c->probe_only)
		add_devices(c, ret);
	if (c->sandbox) {
		strv_add(ret, "-sandbox");
		strv_add(ret, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,"
			      "resourcecontrol=deny");
	}
	return vmm_words_extra(v, p, c, ret);
}

int vmm_env(const struct vmm *v, const struct stack_paths *p, struct strv *ret)
{
	/* A QEMU of the host knows its own; an empty list is not a failed one. */
	if (!v->root)
		return 0;
	strv_addf(ret, "QEMU_MODULE_DIR=%s/%s/usr/lib/x86_64-linux-gnu/qemu", p->roots, v->root);
	return strv_failed(ret) ? -ENOMEM : 0;
}

int vmm_probe_argv(const struct vmm *v, const struct stack_paths *p, struct strv *ret)
{
	program_argv(p, v->id, v->host_program, v->root, v->program, ret);
	if (v->probe)
		strv_add_all(ret, v->probe);
	else
		strv_add(ret, "--version");
	return strv_failed(ret) ? -ENOMEM : 0;
}
