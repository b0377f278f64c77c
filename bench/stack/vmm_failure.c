// SPDX-License-Identifier: Apache-2.0
#include "stack/vmm_failure.h"

#include "base/cleanup.h"

#include <signal.h>
#include <string.h>

#define QEMU_SEEN "11.1.3"

/*
 * Linux maps pieces of 2 MiB. Each is a region of memory of which QEMU takes 512, and with tails in shadow pages a
 * piece is two: 128 pieces leave room for everything else that a guest has.
 */
#define WINDOW_SAFE (256 * MIB)

enum failure {
	FAILURE_WINDOW_SIZE,
	FAILURE_SLOTS,
	FAILURE_SLOTS_OFF,
	FAILURE_RECONNECT,
	FAILURE_PIO_NOTIFY,
	FAILURE_RESET_MAPS,
	FAILURE_FILE_SHORTENED,
	FAILURE_COUNT,
};

/* Patterns have no line number: those move with every version. */
static const struct vmm_failure failures[FAILURE_COUNT] = {
	[FAILURE_WINDOW_SIZE] = {
		.id = "vmm.window-size",
		.title = "aborts when a device is plugged whose DAX window is not a power of two",
		.avoid = "plans and virtiofs-refdev take no other size",
		.todo = "give the daemon a window of 2, 4, 8 ... 256 MiB",
		.log = "Assertion `is_power_of_2(size)' failed",
		.signal = SIGABRT,
		.seen = QEMU_SEEN,
		.source = "a window of 96 MiB: pci_register_bar() asserts during device_add",
	},
	[FAILURE_SLOTS] = {
		.id = "vmm.slots",
		.title = "aborts at more than 512 regions of memory, and each mapping in a DAX window is one",
		.avoid = "windows of plans have 256 MiB at most",
		.todo = "give the daemon a window of 256 MiB or less",
		.log = "Assertion `dev->mem->nregions <= VHOST_USER_MAX_RAM_SLOTS' failed",
		.signal = SIGABRT,
		.window = true,
		.seen = QEMU_SEEN,
		.source = "a window of 2 GiB, one byte read of each 2 MiB of a file",
	},
	[FAILURE_SLOTS_OFF] = {
		.id = "vmm.slots-off",
		.title = "cannot start a device again after stop and cont, or a reset, with more than 7 mappings "
			 "when the daemon does not offer CONFIGURE_MEM_SLOTS",
		.avoid = "virtiofs-refdev offers it, and a run never stops a guest with a device plugged",
		.todo = "let the daemon offer the protocol feature CONFIGURE_MEM_SLOTS (bit 15)",
		.log = "Error starting vhost-user-base: 105",
		.window = true,
		.seen = QEMU_SEEN,
		.source = "the same device without bit 15, 32 mappings, stop and cont: the guest's requests hang",
	},
	[FAILURE_RECONNECT] = {
		.id = "vmm.reconnect",
		.title = "aborts when its socket finds a daemon again that was gone",
		.avoid = "sockets of a run do not connect again",
		.todo = "leave reconnect-ms out; after the end of its daemon a device is lost",
		.log = "vhost_dev_start: Assertion `hdev->vhost_ops' failed",
		.signal = SIGABRT,
		.seen = QEMU_SEEN,
		.source = "chardev with reconnect-ms=300, daemon killed and started anew at the same path",
	},
	[FAILURE_PIO_NOTIFY] = {
		.id = "vmm.pio-notify",
		.title = "aborts when a device with a DAX window is plugged with modern-pio-notify=on",
		.avoid = "nothing here sets that property",
		.todo = "leave modern-pio-notify out",
		.log = "pci_register_bar: Assertion `!r->size' failed",
		.signal = SIGABRT,
		.window = true,
		.seen = QEMU_SEEN,
		.source = "device_add with it: window and notifications want the same BAR",
	},
	[FAILURE_RESET_MAPS] = {
		.id = "vmm.reset-maps",
		.title = "dies of SIGSEGV when its guest is reset while files are mapped in a DAX window",
		.avoid = "guests of a run are started with -no-reboot: one that resets itself ends its VMM in order",
		.todo = "unmount before a reset",
		.signal = SIGSEGV,
		.reset = true,
		.window = true,
		.seen = QEMU_SEEN,
		.source = "32 mappings and system_reset, or reboot -f in the guest; without mappings it lives",
	},
	[FAILURE_FILE_SHORTENED] = {
		.id = "vmm.file-shortened",
		.title = "dies of SIGBUS when its guest touches a page of the DAX window that has no file behind it "
			 "any more, or no room on the disk",
		.avoid = "nothing but its guest changes the share of a pass",
		.todo = "do not shorten files that a guest has mapped; look for room on the disk of the share",
		.signal = SIGBUS,
		.window = true,
		.seen = QEMU_SEEN,
		.source = "a mapped file truncated to 0 on the host, then read by the guest",
	},
};

const struct vmm_failure *vmm_failure_list(size_t *ret_count)
{
	*ret_count = FAILURE_COUNT;
	return failures;
}

bool vmm_failure_is_certain(const struct vmm_failure *f)
{
	return f->log != NULL;
}

static bool fits(const struct vmm_failure *f, const struct vmm_evidence *seen)
{
	return f->signal == seen->signal && (!f->log || strstr(seen->log, f->log)) &&
	       (!f->reset || seen->reset) && (!f->window || seen->window_bytes);
}

const struct vmm_failure *vmm_failure_find(const struct vmm_evidence *seen)
{
	for (size_t i = 0; i < FAILURE_COUNT; i++)
		if (fits(&failures[i], seen))
			return &failures[i];
	return NULL;
}

const struct vmm_failure *vmm_window_failure(uint64_t window_bytes)
{
	if (window_bytes & (window_bytes - 1))
		return &failures[FAILURE_WINDOW_SIZE];
	return window_bytes > WINDOW_SAFE ? &failures[FAILURE_SLOTS] : NULL;
}
