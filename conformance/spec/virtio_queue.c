// SPDX-License-Identifier: Apache-2.0
/* Split and packed virtqueues, as virtio-fs exercises them. */
#include "conformance/spec/rows.h"

/* K. Split virtqueue statements exercised through fs */
/* clang-format off */
static const struct spec_row split_rows[] = {
	ROW("VIRTIO-VQ-001", MUST, DRIVER, R, "virtio 1.4, 2.7.0.1",
	    "Parts of a split ring are aligned to 16, 2 and 4 bytes.",
	    "Misaligned used ring"),
	ROW("VIRTIO-VQ-002", MUST, DEVICE, D, "virtio 1.4, 2.7.4.1",
	    "The device must not assume a layout of descriptors; it may limit the number of "
	    "descriptors per chain.",
	    "Demand a layout of four descriptors"),
	ROW("VIRTIO-VQ-003", MUST, DRIVER, R, "virtio 1.4, 2.7.4.2",
	    "Writable elements come after readable ones.",
	    "Mix readable and writable elements"),
	ROW("VIRTIO-VQ-004", DEFACTO, DEVICE, D, "virtio 1.4, 2.7.4",
	    "A chain with readable elements behind writable ones is served or fails, without "
	    "corruption of memory.",
	    "Go by position in the chain", .derived = true),
	ROW("VIRTIO-VQ-005", MUST, DEVICE, D, "virtio 1.4, 2.7.5.1",
	    "The device never writes readable buffers and should not read writable ones.",
	    "Swap the bytes of a request in place", .how = "mprotect / canary"),
	ROW("VIRTIO-VQ-006", MUST, DEVICE, D, "virtio 1.4, 2.7.5.1",
	    "The device never writes an entry of the descriptor table.",
	    "Use desc.next as a scratch field", .how = "RO mapping of table"),
	ROW("VIRTIO-VQ-007", MUST, DRIVER, R, "virtio 1.4, 2.7.5.2",
	    "A chain holds at most 2^32 bytes and has no loop.",
	    "A chain with a loop"),
	ROW("VIRTIO-VQ-008", DEFACTO, DEVICE, D, "virtio 1.4, 2.7.5.2",
	    "A loop, or a head or next out of range, is not followed for ever and does no harm: the "
	    "device survives.",
	    "Follow the loop for ever", .derived = true),
	ROW("VIRTIO-VQ-009", MUST, DRIVER, R, "virtio 1.4, 2.7.5.3.1",
	    "INDIRECT only if negotiated, not nested, not together with NEXT; the chain is no "
	    "longer than the queue size.",
	    "A nested table"),
	ROW("VIRTIO-VQ-010", MUST, DEVICE, D, "virtio 1.4, 2.7.5.3.2",
	    "The device ignores the WRITE flag of a descriptor that refers to an indirect "
	    "table.",
	    "Take the table for a writable buffer"),
	ROW("VIRTIO-VQ-011", MUST, DEVICE, D, "virtio 1.4, 2.7.5.3.2",
	    "The device handles zero or more direct descriptors followed by one INDIRECT "
	    "descriptor.",
	    "Accept only chains that are wholly indirect",
	    .how = "header direct, data indirect"),
	ROW("VIRTIO-VQ-012", DEFACTO, DEVICE, D, "virtio 1.4, 2.7.5.3",
	    "An indirect table of length 0 or not a multiple of 16, or a nested one, fails its "
	    "request or does no harm: the device survives.",
	    "Divide without looking", .derived = true),
	ROW("VIRTIO-VQ-013", MUST, DRIVER, D | R, "virtio 1.4, 2.7.6.1 and 2.7.13.3",
	    "avail.idx never decreases; it wraps at 65536.",
	    "Device compares idx without wrapping",
	    .how = "at the device: more than 65536 requests"),
	ROW("VIRTIO-VQ-014", MUST, DEVICE, D, "virtio 1.4, 2.7.7.2",
	    "Without EVENT_IDX: flags 0 means notify after each write of the used ring; with "
	    "flags 1 the device should not notify; used_event is ignored.",
	    "Never notify; or use used_event all the same", .how = "call eventfd count"),
	ROW("VIRTIO-VQ-015", MUST, DEVICE, D, "virtio 1.4, 2.7.7.2",
	    "With EVENT_IDX the device notifies when the index it just filled equals "
	    "used_event, and ignores bit 0 of flags.",
	    "Compare with the next index: an interrupt is lost",
	    .how = "used_event at each value, across 65535 to 0"),
	ROW("VIRTIO-VQ-016", MUST, DEVICE, D, "virtio 1.4, 2.7.10.2",
	    "used.flags is 0 or 1 without EVENT_IDX, and 0 with it.",
	    "flags is 2"),
	ROW("VIRTIO-VQ-017", MUST, DEVICE, D, "virtio 1.4, 2.7.10.2",
	    "Spurious kicks are harmless.",
	    "Process the last chain again"),
	ROW("VIRTIO-VQ-018", MUST, DRIVER, R, "virtio 1.4, 2.7.10.1",
	    "The driver kicks when flags is 0 (or when idx equals avail_event) and should not "
	    "otherwise.",
	    "A missed kick: both sides wait"),
	ROW("VIRTIO-VQ-019", MUST, DRIVER, R, "virtio 1.4, 2.7.7.1",
	    "The driver copes with spurious interrupts.",
	    NULL),
	ROW("VIRTIO-VQ-020", MUST, DEVICE, D, "virtio 1.4, 2.7.8.2",
	    "len of the used element is set, and that many bytes are written from the first "
	    "writable byte on, before used.idx is updated.",
	    "idx goes up before the data is there", .how = "poll idx from another core"),
	ROW("VIRTIO-VQ-021", MAY, DEVICE, D, "virtio 1.4, 2.7.8.2",
	    "More than len bytes may have been written.",
	    NULL, .how = "information only"),
	ROW("VIRTIO-VQ-022", MUST, DRIVER, R, "virtio 1.4, 2.7.8.3",
	    "The driver assumes nothing about bytes beyond len (the rest of a page after a "
	    "short READ is zeroed by the driver itself).",
	    "Guest shows an uninitialised tail",
	    .how = "poison tail; look for poison in guest file data"),
	ROW("VIRTIO-VQ-023", MUST, DRIVER, R, "virtio 1.4, 2.7.13.3.1 and 2.7.13.4.1",
	    "The driver uses barriers before it updates idx and before it reads the suppression "
	    "state.",
	    "A missed notification"),
	ROW("VIRTIO-VQ-024", MUST, DEVICE, D, "virtio 1.4, 2.7",
	    "The queue size is a power of two up to 32768; sizes from 8 to 32768 work.",
	    "Take only 128 or 1024", .derived = true),
	ROW("VIRTIO-VQ-025", DEFACTO, DEVICE, D, "virtio 1.4, 2.7.4; QEMU, virtqueue_map_desc()",
	    "A descriptor of no bytes, which nothing forbids and nobody needs, is passed over or "
	    "fails its request: the device survives.",
	    "Abort", .derived = true),
};
/* clang-format on */

const struct spec_section spec_section_split = {
	.letter = "K",
	.prefix = "VIRTIO-VQ",
	.title = "split virtqueue statements exercised through fs",
	.rows = split_rows,
	.count = ARRAY_SIZE(split_rows),
};

/* L. Packed virtqueue */
/* clang-format off */
static const struct spec_row packed_rows[] = {
	ROW("VIRTIO-VQP-001", MUST, DEVICE, D, "virtio 1.4, 2.8",
	    "With RING_PACKED negotiated, the high priority queue and all request queues use "
	    "the packed format.",
	    "The high priority queue stays split"),
	ROW("VIRTIO-VQP-002", MUST, DEVICE, D, "virtio 1.4, 2.8.1",
	    "Wrap counters start at 1 and toggle at ring end.",
	    "Start at 0", .how = "at least 3 wraps"),
	ROW("VIRTIO-VQP-003", MUST, DEVICE, D, "virtio 1.4, 2.8.15",
	    "The device uses no descriptor unless its AVAIL bit changed, and never changes it "
	    "after it set USED.",
	    "Consume a stale descriptor after a wrap"),
	ROW("VIRTIO-VQP-004", MUST, DEVICE, D, "virtio 1.4, 2.8.12.2",
	    "Processing starts in ring order; used descriptors are written in order of "
	    "completion.",
	    "Write used into the slot of the descriptor itself"),
	ROW("VIRTIO-VQP-005", MUST, DEVICE, D, "virtio 1.4, 2.8.6",
	    "One used descriptor per chain, with its buffer id, and the next one as many slots "
	    "further as the chain was long.",
	    "One used entry per descriptor"),
	ROW("VIRTIO-VQP-006", DEFACTO, DEVICE, D, "virtio 1.4, 2.8.3 and 2.8.4",
	    "The WRITE flag of a used descriptor says that data was written; its length counts "
	    "only then (FORGET: no WRITE).",
	    "WRITE set with len 0 for FORGET"),
	ROW("VIRTIO-VQP-007", DEFACTO, DEVICE, D, "virtio 1.4, 2.8.7",
	    "In indirect tables only WRITE has a meaning; id and other flags are ignored.",
	    "Follow NEXT inside a table", .how = "garbage flags"),
	ROW("VIRTIO-VQP-008", MUST, DEVICE, D, "virtio 1.4, 2.8.10",
	    "Event suppression ENABLE, DISABLE and DESC are honoured; 3 is reserved.",
	    "Ignore offset and wrap of DESC"),
	ROW("VIRTIO-VQP-009", DEFACTO, DEVICE, D, "virtio 1.4, 2.8.10.1",
	    "Queue size need not be a power of two.",
	    "Take the index modulo a power of two", .how = "size 100"),
	ROW("VIRTIO-VQP-010", MUST, DRIVER, R, "virtio 1.4, 2.8.17",
	    "The first descriptor of a list is made available last.",
	    "Half a chain is visible"),
	ROW("VIRTIO-VQP-011", MUST, DEVICE, D,
	    "vhost-user, vring descriptor indices for packed virtqueues",
	    "SET_VRING_BASE and GET_VRING_BASE carry available index (bits 0 to 14), its wrap "
	    "counter (15), used index (16 to 30) and its wrap counter (31).",
	    "Use the encoding of split rings"),
};
/* clang-format on */

const struct spec_section spec_section_packed = {
	.letter = "L",
	.prefix = "VIRTIO-VQP",
	.title = "packed virtqueue",
	.rows = packed_rows,
	.count = ARRAY_SIZE(packed_rows),
};
