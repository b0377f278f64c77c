// SPDX-License-Identifier: Apache-2.0
/* Where two sources, or a source and practice, disagree: a profile takes one of two readings. */
#include "conformance/spec/rows.h"

#include <string.h>

/* clang-format off */
static const struct spec_conflict conflicts[] = {
	{ .id = "queue-numbering",
	  .title = "the number of the first request queue, without a notification queue",
	  .strict = { "requests-from-2",
		      "the table of virtqueues numbers request queues from 2 in any case" },
	  .practice = { "requests-from-1", "Linux, QEMU and all known daemons use virtqueue 1" },
	  .rows = { "VIRTIO-FS-NOTIF-003", "VIRTIO-FS-NOTIF-002" } },
	{ .id = "overlap",
	  .title = "mappings that overlap a live one, and removal of a part",
	  .strict = { "overlap-accepted",
		      "virtio-fs: the device accepts both and splits what was there" },
	  .practice = { "overlap-refused",
		      "vhost-user: no message may overlap a live mapping or remove a part of one" },
	  .rows = { "VIRTIO-FS-DAX-005", "VIRTIO-FS-DAX-007", "VIRTIO-FS-DAX-008", "VU-SHMEM-009",
		    "VU-SHMEM-010", "VU-SHMEM-011" } },
	{ .id = "used-length",
	  .title = "a used length below what was written",
	  .strict = { "used-at-least", "virtio: the device may have written more than it reports" },
	  .practice = { "used-exact",
		      "Linux 7.1 and later fails a request whose used length is not out.len" },
	  .rows = { "VIRTIO-FS-QUEUE-023", "VIRTIO-FS-QUEUE-024", "VIRTIO-VQ-021" } },
	{ .id = "shm-capability-length",
	  .title = "a PCI shared memory capability that is longer than defined",
	  .strict = { "length-at-least", "virtio: the driver accepts a longer capability" },
	  .practice = { "length-exact", "Linux skips it unless it has 24 bytes, and has no DAX" },
	  .rows = { "VIRTIO-SHM-010" } },
	{ .id = "small-window",
	  .title = "a DAX window below 2 MiB",
	  .strict = { "window-any-size", "virtio: nothing forbids it" },
	  .practice = { "window-2-mib", "Linux finds no range in it, and DAX I/O waits for ever" },
	  .rows = { "VIRTIO-FS-DAX-027", "VU-SHMEM-006", "DAXK-041" } },
	{ .id = "notify-lock",
	  .title = "the notification that a lock was granted",
	  .strict = { "notify-lock", "virtio: FUSE_NOTIFY_LOCK is kept and delivered" },
	  .practice = { "no-notify-lock",
		      "the mainline header has no number for it, nor Linux a notification queue" },
	  .rows = { "VIRTIO-FS-NOTIF-011", "VIRTIO-FS-NOTIF-006", "VIRTIO-FS-NOTIF-012" } },
	{ .id = "ring-start",
	  .title = "when a ring starts",
	  .strict = { "ring-starts-by-kick",
		      "vhost-user, as it stood in early 2026: when a kick comes" },
	  .practice = { "ring-starts-by-message",
			"QEMU, crosvm, rust-vmm, DPDK, and a change of vhost-user that was proposed in "
			"April 2026: with SET_VRING_KICK" },
	  .rows = { "VU-003", "VU-024" } },
};
/* clang-format on */

const struct spec_conflict *spec_conflicts(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(conflicts);
	return conflicts;
}

const struct spec_conflict *spec_conflict_find(const char *id)
{
	for (size_t i = 0; i < ARRAY_SIZE(conflicts); i++) {
		if (strcmp(conflicts[i].id, id) == 0)
			return &conflicts[i];
	}
	return NULL;
}
