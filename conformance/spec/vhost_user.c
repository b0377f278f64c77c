// SPDX-License-Identifier: Apache-2.0
/* What vhost-user asks of a back-end, and how it carries the DAX window. */
#include "conformance/spec/rows.h"

/* P. Vhost-user transport obligations of an fs back-end */
/* clang-format off */
static const struct spec_row vhost_rows[] = {
	ROW("VU-001", MUST, BACK_END, D, "vhost-user, feature negotiation",
	    "GET_PROTOCOL_FEATURES and SET_PROTOCOL_FEATURES are honoured once feature bit 30 "
	    "is offered, even before SET_FEATURES; if bit 30 is not acknowledged all rings "
	    "start enabled.",
	    "Wait for SET_FEATURES first; rings stay disabled without bit 30"),
	ROW("VU-002", MUST, BACK_END, D, "vhost-user, VHOST_USER_PROTOCOL_F_MQ",
	    "GET_QUEUE_NUM returns the maximum number of queues; with MQ, rings that are not "
	    "asked for stay unused without harm.",
	    "Return num_request_queues without the high priority queue"),
	ROW("VU-003", MUST, BACK_END, D, "vhost-user, ring states",
	    "A ring begins stopped and disabled; it starts on a kick (or on SET_VRING_KICK "
	    "without a descriptor) and stops on GET_VRING_BASE; a stopped ring is not touched.",
	    "Process a ring before its kick; write a used ring after GET_VRING_BASE"),
	ROW("VU-004", MUST, BACK_END, D, "vhost-user, VHOST_USER_SET_VRING_ENABLE",
	    "A started but disabled ring has no side effects until it is enabled.",
	    "Ignore the enable flag", .how = "kick while disabled, expect no FUSE effect"),
	ROW("VU-005", MUST, BACK_END, D,
	    "vhost-user, VHOST_USER_SET_MEM_TABLE, _ADD_MEM_REG and _REM_MEM_REG",
	    "Descriptor addresses are guest addresses, vring addresses are user addresses; a "
	    "replaced table counts for later requests; descriptors passed with REM_MEM_REG are "
	    "closed.",
	    "Use user addresses for descriptors; leak descriptors of files",
	    .how = "different guest/user bases; add, remove, re-add"),
	ROW("VU-006", MUST, BACK_END, D, "own inference, from VHOST_USER_SET_MEM_TABLE",
	    "An address outside the table, or a buffer across two regions, is handled or fails "
	    "that request; the daemon survives.",
	    "Panic, or read out of a region", .derived = true),
	ROW("VU-007", MUST, BACK_END, D, "vhost-user, VHOST_USER_PROTOCOL_F_REPLY_ACK",
	    "With REPLY_ACK each message with need_reply gets a u64, 0 for success; none is "
	    "sent when need_reply is clear.",
	    "Always 0; two acknowledgements for GET messages"),
	ROW("VU-008", MUST, VMM | BACK_END, D,
	    "vhost-user, VHOST_USER_PROTOCOL_F_BACKEND_REQ and _BACKEND_SEND_FD",
	    "Messages with descriptors on the back-end channel are sent only if BACKEND_REQ "
	    "(bit 5) and BACKEND_SEND_FD (bit 10) are both negotiated.",
	    "Send all the same", .how = "withhold bit 10: no SHMEM_MAP"),
	ROW("VU-009", MUST, BACK_END, D,
	    "vhost-user, VHOST_USER_RESET_DEVICE and VHOST_USER_SET_STATUS",
	    "RESET_DEVICE (or status 0) stops all rings and returns to the initial state.",
	    "Serve a ring after it"),
	ROW("VU-010", MUST, BACK_END, D, "vhost-user, VHOST_USER_PROTOCOL_F_CONFIG",
	    "GET_CONFIG serves the whole configuration space of virtio-fs where CONFIG is "
	    "negotiated; a request that it cannot serve gets a reply of size zero, not silence.",
	    "Count offsets from elsewhere"),
	ROW("VU-011", MUST, BACK_END, H, "vhost-user, back-end program conventions",
	    "SIGTERM ends the process quickly; --socket-path, --fd and --print-capabilities "
	    "follow the convention; the socket is owned and closed cleanly.",
	    "A zombie; ignore SIGTERM during blocked I/O"),
	ROW("VU-012", MUST, VMM | BACK_END, D, "vhost-user, message specification",
	    "File descriptors come with the header of their message; too many or too few are an "
	    "error, and none leaks.",
	    "Leak a descriptor, or take descriptor 0", .derived = true,
	    .how = "0, 1 and 9 descriptors"),
	ROW("VU-013", MUST, BACK_END, D,
	    "vhost-user, VHOST_USER_SET_DEVICE_STATE_FD and VHOST_USER_CHECK_DEVICE_STATE",
	    "Of the reply to SET_DEVICE_STATE_FD (42) bits 0 to 7 are an error and bit 8 says "
	    "that no descriptor is returned; CHECK_DEVICE_STATE (43) reports success only when "
	    "the whole state was consumed or produced.",
	    "Report 0 for truncated state", .how = "truncate stream, expect failure"),
	ROW("VU-014", DEFACTO, BACK_END, D, "vhost-user, VHOST_USER_PROTOCOL_F_DEVICE_STATE",
	    "State is transferred while the device is suspended (all rings stopped); its bytes "
	    "do not change meanwhile.",
	    "Serve requests during transfer"),
	ROW("VU-015", MUST, BACK_END, D, "vhost-user, VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD",
	    "In-flight tracking records each taken descriptor before it is processed and clears "
	    "it after its used element; after a reconnect exactly the unfinished ones are done "
	    "again.",
	    "A request is lost, or a WRITE done twice", .how = "kill -9 daemon between"),
	ROW("VU-016", MUST, BACK_END, D,
	    "vhost-user, VHOST_F_LOG_ALL and VHOST_USER_PROTOCOL_F_LOG_SHMFD",
	    "While logging, each page that the device writes (data, used ring) is marked; a "
	    "guest's stores through the DAX window are not guest RAM and need no mark.",
	    "Miss the page of the used ring", .weak = true, .how = "bitmap compare"),
	ROW("VU-017", DEFACTO, BACK_END, D, "vhost-user, handling of unknown messages",
	    "A message that is unknown, not of the form of its kind, or asks for what cannot be is "
	    "answered with non-zero where need_reply is set; without it the connection stays usable "
	    "or closes cleanly.",
	    "Wait for a payload for ever", .weak = true),
	ROW("VU-018", DEFACTO, BACK_END, D | H, "vhost-user, reconnecting",
	    "When the front-end goes away all guest mappings, descriptors and nodeids are "
	    "released; a restart on the same socket is a new session.",
	    "Leak a descriptor per reconnect", .weak = true, .how = "fd count"),
	ROW("VU-019", DEFACTO, BACK_END, D, "vhost-user, VHOST_USER_GET_STATUS and _SET_STATUS",
	    "GET_STATUS answers what SET_STATUS said.",
	    "Always 0", .derived = true),
	ROW("VU-020", DEFACTO, BACK_END, D, "vhost-user, VHOST_USER_GET_FEATURES and _SET_FEATURES",
	    "GET_FEATURES answers what the back-end has, whatever was acknowledged; SET_FEATURES may "
	    "come again.",
	    "Offer only what was acknowledged; fail a second SET_FEATURES", .derived = true),
	ROW("VU-021", DEFACTO, BACK_END, D, "vhost-user, feature negotiation",
	    "A front-end may acknowledge any part of the features and protocol features, or none; "
	    "bits that were not offered are refused or ignored.",
	    "Need REPLY_ACK; abort on a reserved bit", .derived = true),
	ROW("VU-022", SHOULD, BACK_END, D, "vhost-user, VHOST_USER_RESET_OWNER",
	    "RESET_OWNER, which nobody sends any more, is ignored or disables all rings: the session "
	    "stays.",
	    "End the session"),
	ROW("VU-023", DEFACTO, BACK_END, D, "vhost-user, VHOST_USER_SET_VRING_KICK and _CALL",
	    "A descriptor of kicks or calls takes the place of the one before; without one for calls "
	    "the driver looks by itself.",
	    "Go on with the first one", .derived = true),
	ROW("VU-024", MAY, BACK_END, D, "vhost-user, ring states",
	    "A back-end may leave a ring alone until its first kick, or look at it from SET_VRING_KICK "
	    "on.",
	    NULL, .how = "see the conflict ring-start"),
};
/* clang-format on */

const struct spec_section spec_section_vhost = {
	.letter = "P",
	.prefix = "VU",
	.title = "vhost-user transport obligations of an fs back-end",
	.rows = vhost_rows,
	.count = ARRAY_SIZE(vhost_rows),
};

/* Q. Vhost-user shared memory regions (DAX window over vhost-user) */
/* clang-format off */
static const struct spec_row window_rows[] = {
	ROW("VU-SHMEM-001", MUST, VMM | BACK_END, D, "vhost-user, VHOST_USER_PROTOCOL_F_SHMEM",
	    "SHMEM messages are used only when VHOST_USER_PROTOCOL_F_SHMEM (bit 22 as QEMU "
	    "ships it) is negotiated.",
	    "MAP without negotiation"),
	ROW("VU-SHMEM-002", MUST, BACK_END, D, "vhost-user, VHOST_USER_GET_SHMEM_CONFIG",
	    "The reply to GET_SHMEM_CONFIG (44) is {u32 num_regions, u32 padding, u64 "
	    "sizes[256]}; the index is the shmid; num_regions is the number of sizes that are "
	    "not zero.",
	    "An array without gaps instead of one by shmid; a wrong number"),
	ROW("VU-SHMEM-003", MUST, BACK_END, D, "vhost-user, VHOST_USER_GET_SHMEM_CONFIG",
	    "The answer does not change during a connection.",
	    "The size grows after INIT", .how = "repeat"),
	ROW("VU-SHMEM-004", MUST, BACK_END, D, "vhost-user, VHOST_USER_GET_SHMEM_CONFIG",
	    "Each size is a multiple of the mmap page size.",
	    "2 MiB + 1"),
	ROW("VU-SHMEM-005", DEFACTO, BACK_END, D | G,
	    "vhost-user, VHOST_USER_GET_SHMEM_CONFIG; virtio 1.4, 5.11.6.4",
	    "The DAX window is shmid 0; size 0 means that it is absent, and the front-end then "
	    "exposes no region.",
	    "The window is shmid 1"),
	ROW("VU-SHMEM-006", SHOULD, BACK_END, D | G, "Linux, FUSE_DAX_SZ (2 MiB ranges)",
	    "The window has at least 2 MiB and is a multiple of that; the rest of a partial "
	    "range is unusable for Linux.",
	    "1 MiB window: no range, DAX I/O stalls", .derived = true),
	ROW("VU-SHMEM-007", MUST, BACK_END, D, "vhost-user, VHOST_USER_BACKEND_SHMEM_MAP",
	    "SHMEM_MAP (back-end request 9) carries {u8 shmid, 7 bytes of padding, u64 "
	    "fd_offset, u64 shm_offset, u64 len, u64 flags} and exactly one descriptor.",
	    "Padding that is not zero; no descriptor"),
	ROW("VU-SHMEM-008", MUST, VMM, R, "vhost-user, VHOST_USER_BACKEND_SHMEM_MAP",
	    "The front-end maps the descriptor at shm_offset and acknowledges with 0 or "
	    "non-zero when need_reply is set.",
	    "Acknowledge before the mapping is there", .how = "fake back-end"),
	ROW("VU-SHMEM-009", MUST, BACK_END, D | R, "vhost-user, VHOST_USER_BACKEND_SHMEM_MAP",
	    "A mapping must not overlap a live one, and the front-end fails such a request: the "
	    "opposite of what virtio-fs asks of the device.",
	    "MAP over a live mapping; a front-end that replaces silently",
	    .how = "strict front-end refuses"),
	ROW("VU-SHMEM-010", MUST, BACK_END, D, "vhost-user, VHOST_USER_BACKEND_SHMEM_UNMAP",
	    "SHMEM_UNMAP (back-end request 10) covers exactly one whole earlier mapping (equal "
	    "shm_offset and len).",
	    "Send UNMAP of a part", .how = "strict front-end"),
	ROW("VU-SHMEM-011", MUST, BACK_END, D,
	    "vhost-user, VHOST_USER_BACKEND_SHMEM_MAP; virtio 1.4, 5.11.6.4",
	    "To satisfy both documents the back-end turns overlap and partial removal into "
	    "UNMAP of the whole old mapping and MAP of each remaining fragment.",
	    "A fragment is lost or shifted", .derived = true),
	ROW("VU-SHMEM-012", INFO, VMM | BACK_END, D | R,
	    "vhost-user, VHOST_USER_BACKEND_SHMEM_MAP; virtio 1.4, 5.11.6.4",
	    "As a replacement needs UNMAP and then MAP, it has a gap over vhost-user in which "
	    "another vCPU may fault. The suite reports its length instead of asserting "
	    "VIRTIO-FS-DAX-025 there; Linux replaces only with the same content, so the gap "
	    "shows only as a retried or failed access.",
	    "The gap shows as zeros or SIGBUS",
	    .derived = true, .how = "a thread that hammers the range"),
	ROW("VU-SHMEM-013", MAY, VMM, D, "vhost-user, VHOST_USER_BACKEND_SHMEM_MAP",
	    "The front-end may refuse for lack of resources; the back-end then answers "
	    "SETUPMAPPING with an errno and stays consistent.",
	    "Reply success", .how = "refuse the n-th mapping"),
	ROW("VU-SHMEM-014", MUST, VMM | BACK_END, D,
	    "vhost-user, VHOST_USER_BACKEND_SHMEM_MAP (device reset)",
	    "On reset the front-end drops all mappings by itself; the back-end forgets its "
	    "table and never sends UNMAP for them.",
	    "A stale UNMAP after the reset; the next MAP is refused as overlap"),
	ROW("VU-SHMEM-015", MUST, VMM, G | H, "vhost-user, shared memory regions",
	    "Unmapped parts keep an inaccessible reservation, so that nothing else is ever "
	    "mapped there.",
	    "munmap() leaves a hole", .how = "/proc/PID/maps read hole"),
	ROW("VU-SHMEM-016", DEFACTO, VMM | BACK_END, D,
	    "vhost-user, VHOST_USER_FLAG_MAP_RW; rust-vmm, vhost package",
	    "Bit 0 of flags is read-write; unset means read-only; other bits are invalid.",
	    "Copy the flags of FUSE as they are (READ is 2)"),
	ROW("VU-SHMEM-017", MUST, VMM, R,
	    "vhost-user, VHOST_USER_BACKEND_SHMEM_MAP; rust-vmm, vhost package",
	    "shm_offset + len lies in the region without a 64-bit wrap, len > 0, aligned to "
	    "pages; anything else gets a non-zero acknowledgement.",
	    "Map outside the reservation", .how = "hostile back-end"),
	ROW("VU-SHMEM-018", MUST, VMM | BACK_END, D | H,
	    "own inference, from mmap() semantics of descriptors",
	    "Neither side needs the passed descriptor after the acknowledgement; 100,000 cycles "
	    "of map and unmap leak none.",
	    "Descriptors run out", .derived = true),
	ROW("VU-SHMEM-019", MUST, VMM | BACK_END, D,
	    "vhost-user, shared memory regions; QEMU, hw/virtio/vhost-user.c",
	    "A front-end that waits for a reply of the back-end still serves SHMEM_MAP; neither "
	    "side deadlocks.",
	    "Each waits for the other",
	    .how = "GET_VRING_BASE while the back-end awaits the acknowledgement of MAP"),
	ROW("VU-SHMEM-020", MUST, BACK_END, D, "vhost-user, suspended device state",
	    "No MAP and no UNMAP while all rings are stopped.",
	    "A late UNMAP after GET_VRING_BASE"),
	ROW("VU-SHMEM-021", MUST, BACK_END, D,
	    "own inference, from the order of replies on both channels",
	    "SETUPMAPPING is used only after MAP was acknowledged, REMOVEMAPPING only after "
	    "UNMAP was.",
	    "Reply early", .derived = true, .how = "front-end delays ack"),
	ROW("VU-SHMEM-022", INFO, BACK_END, D, "QEMU, virtio-fs development branch, never merged",
	    "FS_MAP, FS_UNMAP, FS_SYNC and FS_IO (requests 6 to 9 of a development branch) were "
	    "never merged; 9 collides with SHMEM_MAP.",
	    "An old daemon sends FS_IO as request 9"),
	ROW("VU-SHMEM-023", INFO, BACK_END, D | R, "vhost-user, shared memory regions",
	    "The back-end has no defined way to reach buffers inside the window; O_DIRECT with "
	    "a buffer mapped by DAX must fail cleanly or be handled by the front-end.",
	    "Crash (see VIRTIO-FS-QUEUE-030)"),
	ROW("VU-SHMEM-024", INFO, BACK_END, D, "virtiofsd, snapshot f05db29 of May 2026",
	    "The Rust virtiofsd that was read answers ENOSYS to both mapping opcodes and "
	    "map_alignment 0: no DAX. The suite needs a reference device of its own.",
	    NULL),
	ROW("VU-SHMEM-025", DEFACTO, VMM, R | G,
	    "virtio 1.4, 2.10; vhost-user, VHOST_USER_GET_SHMEM_CONFIG",
	    "The length that PCI or MMIO shows to the guest equals sizes[0] (the BAR may be "
	    "larger).",
	    "Show the size of the BAR"),
};
/* clang-format on */

const struct spec_section spec_section_window = {
	.letter = "Q",
	.prefix = "VU-SHMEM",
	.title = "vhost-user shared memory regions (DAX window over vhost-user)",
	.rows = window_rows,
	.count = ARRAY_SIZE(window_rows),
};
