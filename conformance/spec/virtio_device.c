// SPDX-License-Identifier: Apache-2.0
/* Shared memory regions, and what every virtio device and driver keeps to. */
#include "conformance/spec/rows.h"

/* I. Shared memory regions (basic, PCI, MMIO, CCW) */
/* clang-format off */
static const struct spec_row shm_rows[] = {
	ROW("VIRTIO-SHM-001", DEFACTO, DEVICE, D | R, "virtio 1.4, 2.10",
	    "Regions are allocated by the device and identified by a device-specific shmid.",
	    NULL),
	ROW("VIRTIO-SHM-002", MUST, DEVICE, D | R, "virtio 1.4, 2.10.2",
	    "Regions hold no structures that control the device and are not used to stream "
	    "data.",
	    "A doorbell in the window", .how = "review"),
	ROW("VIRTIO-SHM-003", MUST, DEVICE | DRIVER, D, "virtio 1.4, 2.10.1",
	    "References into a region are offsets from its start.",
	    "Absolute addresses"),
	ROW("VIRTIO-SHM-004", DEFACTO, DEVICE, G, "virtio 1.4, 2.10 and 5.11.6.4",
	    "Consistency rules are the device's own; for virtio-fs the window is ordinary, "
	    "coherent write-back RAM.",
	    "A window that is emulated by traps", .how = "multi-vCPU litmus on window"),
	ROW("VIRTIO-SHM-005", MUST, DEVICE, R | G, "virtio 1.4, 4.1.4.7",
	    "PCI: one VIRTIO_PCI_CAP_SHARED_MEMORY_CFG (type 8) capability per region, a struct "
	    "virtio_pci_cap64 with the shmid in cap.id.",
	    "cfg_type 6; the id in the padding", .how = "config space dump"),
	ROW("VIRTIO-SHM-006", MUST, DEVICE, R | G, "virtio 1.4, 4.1.4.7.1",
	    "The region (64-bit offset and length) lies inside its BAR.",
	    "length is the size of the BAR and offset above 0"),
	ROW("VIRTIO-SHM-007", MUST, DEVICE, R | G, "virtio 1.4, 4.1.4.7.1",
	    "cap.id is unique within a device instance.",
	    "Two capabilities with id 0"),
	ROW("VIRTIO-SHM-008", MUST, DEVICE | DRIVER, R | G, "virtio 1.4, 4.1.4",
	    "offset_hi and length_hi hold the upper 32 bits; regions above 4 GiB work.",
	    "Ignore the upper halves: the window is cut", .how = "window of 8 GiB"),
	ROW("VIRTIO-SHM-009", DEFACTO, DRIVER, G, "virtio 1.4, 4.1.4.7",
	    "cap.id says which region it is, not an order of preference.",
	    "Driver takes the first capability", .how = "id 0 listed after id 5"),
	ROW("VIRTIO-SHM-010", MUST, DRIVER, R | G,
	    "virtio 1.4, 4.1.4.1; Linux, virtio_pci_find_shm_cap()",
	    "The standard makes the driver accept a cap_len larger than defined; Linux skips a "
	    "shared memory capability whose cap_len is not 24, hence no DAX. A known deviation "
	    "to report.",
	    NULL, .how = "cap_len 28"),
	ROW("VIRTIO-SHM-011", DEFACTO, GUEST, R | G, "Linux, vp_get_shm_region()",
	    "Linux rejects offset+length overflow and regions larger than the BAR.",
	    "Map beyond the BAR"),
	ROW("VIRTIO-SHM-012", MUST, DRIVER, R | G, "virtio 1.4, 4.1.4.1",
	    "Capabilities with a reserved bar (above 5) or a reserved cfg_type are ignored.",
	    "Use BAR 7"),
	ROW("VIRTIO-SHM-013", MUST, DEVICE, R | G, "virtio 1.4, 4.2.2",
	    "MMIO: SHMSel at 0x0ac (write), SHMLenLow and High at 0x0b0 and 0x0b4, SHMBaseLow "
	    "and High at 0x0b8 and 0x0bc (read).",
	    "Swap length and base"),
	ROW("VIRTIO-SHM-014", MUST, DEVICE, R, "virtio 1.4, 4.2.2",
	    "MMIO: an unknown id reads length -1 (both halves all ones) and base "
	    "0xffffffffffffffff.",
	    "Return 0, which Linux takes for an empty region"),
	ROW("VIRTIO-SHM-015", MUST, DEVICE, R, "virtio 1.4, 4.2.2",
	    "MMIO: values follow the last SHMSel write.",
	    "Keep the first selection", .how = "alternate ids"),
	ROW("VIRTIO-SHM-016", MUST, DRIVER, R, "virtio 1.4, 4.2.3.1.1",
	    "Drivers not expecting shared memory do not touch SHM registers.",
	    "Probe reads all registers"),
	ROW("VIRTIO-SHM-017", DEFACTO, VMM | DEVICE, R | G, "virtio 1.4, 4.2.2",
	    "The MMIO base is a guest-physical address that device or VMM choose, full 64 bits.",
	    "Cut to 32 bits"),
	ROW("VIRTIO-SHM-018", DEFACTO, DEVICE, REVIEW, "virtio 1.4, 4.3",
	    "Shared memory regions are not supported over channel I/O: no DAX there.",
	    "Offer a window on channel I/O"),
	ROW("VIRTIO-SHM-019", DEFACTO, DEVICE, D,
	    "vhost-user, VHOST_USER_GET_SHMEM_CONFIG; virtio 1.4, 2.10",
	    "The set of regions does not change during a connection.",
	    "A region appears after DRIVER_OK"),
	ROW("VIRTIO-SHM-020", DEFACTO, GUEST, R | G, "Linux, virtio_fs_setup_dax()",
	    "Only shmid 0 is used; other regions are ignored; failure to reserve region 0 fails "
	    "probe (EBUSY).",
	    "Driver picks region 1"),
};
/* clang-format on */

const struct spec_section spec_section_shm = {
	.letter = "I",
	.prefix = "VIRTIO-SHM",
	.title = "shared memory regions (basic, PCI, MMIO, CCW)",
	.rows = shm_rows,
	.count = ARRAY_SIZE(shm_rows),
};

/* J. Common device/driver statements that matter to fs */
/* clang-format off */
static const struct spec_row device_rows[] = {
	ROW("VIRTIO-DEV-001", MUST, DEVICE, D | R, "virtio 1.4, 2.1.2",
	    "No buffer is consumed and no used notification sent before DRIVER_OK.",
	    "Process the ring on the first kick, before start"),
	ROW("VIRTIO-DEV-002", SHOULD, DEVICE, R, "virtio 1.4, 2.1.2",
	    "On an unrecoverable error the device should set DEVICE_NEEDS_RESET, and must then "
	    "notify a configuration change if DRIVER_OK was set.",
	    "Stall silently"),
	ROW("VIRTIO-DEV-003", MUST, DEVICE, D, "virtio 1.4, 6",
	    "The device offers VIRTIO_F_VERSION_1.",
	    "Legacy only"),
	ROW("VIRTIO-DEV-004", MUST, DEVICE, D, "virtio 1.4, 2.2.2",
	    "The device offers no feature that it does not support or that depends on one it "
	    "does not offer; it accepts any valid subset or refuses FEATURES_OK.",
	    "Offer EVENT_IDX and ignore it", .how = "every subset of features"),
	ROW("VIRTIO-DEV-005", SHOULD, DEVICE, D, "virtio 1.4, 2.2.2",
	    "Negotiating the same set again after a reset should not fail.",
	    "A device that can be initialised once"),
	ROW("VIRTIO-DEV-006", MUST, DRIVER, R, "virtio 1.4, 2.2.1",
	    "The driver never accepts features that were not offered, or unknown bits.",
	    "Driver writes bit 63"),
	ROW("VIRTIO-DEV-007", MUST, DEVICE, D | R, "virtio 1.4, 2.4.1",
	    "Reset clears status to 0; afterwards the device notifies nobody and touches no "
	    "queue until it is initialised again.",
	    "A late completion after the reset"),
	ROW("VIRTIO-DEV-008", DEFACTO, DEVICE, D | H, "virtio 1.4, 2.4 and 5.11",
	    "Reset ends the FUSE session: nodeids, handles, locks and mappings are released.",
	    "Descriptors leak across a reset", .derived = true),
	ROW("VIRTIO-DEV-009", MUST, DEVICE, D, "virtio 1.4, 2.5.2",
	    "The configuration space is readable before FEATURES_OK.",
	    "Return zeros until DRIVER_OK"),
	ROW("VIRTIO-DEV-010", MUST, DRIVER, R, "virtio 1.4, 3.1.1",
	    "The driver resets, sets ACKNOWLEDGE and DRIVER, writes features, sets FEATURES_OK "
	    "and reads it back, sets up queues, sets DRIVER_OK, in that order; no kick before "
	    "DRIVER_OK.",
	    "Kick early"),
	ROW("VIRTIO-DEV-011", MUST, DRIVER, R, "virtio 1.4, 3.3.1",
	    "The driver does not alter exposed buffers of a live queue; it makes the queue not "
	    "live before it removes them (umount, unbind, shutdown).",
	    "Free the memory of a request in flight",
	    .how = "write-watch on exposed buffers; unbind under load"),
	ROW("VIRTIO-DEV-012", MUST, DEVICE, D | R, "virtio 1.4, 2.6.1.1.1",
	    "RING_RESET: after a queue reset no request of that queue is executed and its state "
	    "is back at its defaults.",
	    "Complete old requests"),
	ROW("VIRTIO-DEV-013", MUST, DEVICE, D | R, "virtio 1.4, 2.6.1.2",
	    "Enabling a reset queue again honours changed parameters.",
	    "Use the old size"),
	ROW("VIRTIO-DEV-014", MUST, DEVICE, D, "virtio 1.4, 6",
	    "With IN_ORDER negotiated, buffers are used in the order they were made available; "
	    "a device that completes out of order must not offer it.",
	    "Offer IN_ORDER with several threads"),
	ROW("VIRTIO-DEV-015", SHOULD, DEVICE | DRIVER, D, "virtio 1.4, 6",
	    "With ACCESS_PLATFORM addresses are bus addresses (IOVA); without it they are "
	    "physical. A device that sits behind an IOMMU should offer it.",
	    "Bypass the IOTLB", .how = "IOTLB messages"),
	ROW("VIRTIO-DEV-016", MUST, DRIVER, G, "virtio 1.4, 6",
	    "With ORDER_PLATFORM negotiated the driver uses barriers fit for real devices.",
	    NULL, .how = "code/weak-memory test"),
	ROW("VIRTIO-DEV-017", MUST, DRIVER, R, "virtio 1.4, 2.1.1",
	    "The driver only adds status bits; after FAILED it resets before it tries again.",
	    "Clear DRIVER_OK without reset"),
};
/* clang-format on */

const struct spec_section spec_section_device = {
	.letter = "J",
	.prefix = "VIRTIO-DEV",
	.title = "common device/driver statements that matter to fs",
	.rows = device_rows,
	.count = ARRAY_SIZE(device_rows),
};
