// SPDX-License-Identifier: Apache-2.0
/* Configuration space, feature bits, start of a session. */
#include "conformance/spec/rows.h"

/* A. Device identity, feature bits, configuration space */
/* clang-format off */
static const struct spec_row config_rows[] = {
	ROW("VIRTIO-FS-CFG-001", MUST, DEVICE, R | G, "virtio 1.4, 5.11.1",
	    "Device type ID is 26, so the modern PCI device ID is 0x1040 + 26.",
	    "Advertise 27 (pmem) or 9 (9p)",
	    .how = "enumeration; not visible on a bare vhost-user socket"),
	ROW("VIRTIO-FS-CFG-002", MUST, DEVICE, D | R, "virtio 1.4, 5.11.4",
	    "Layout of the configuration space: tag[36] at offset 0, le32 num_request_queues at "
	    "36, le32 notify_buf_size at 40.",
	    "Shift num_request_queues by 4; swap the two le32 fields", .how = "GET_CONFIG"),
	ROW("VIRTIO-FS-CFG-003", MUST, DEVICE, D, "virtio 1.4, 5.11.4",
	    "tag is UTF-8, and the unused tail of its 36 bytes is NUL.",
	    "Leave stack garbage or spaces after the name"),
	ROW("VIRTIO-FS-CFG-004", MUST, DEVICE, D | G, "virtio 1.4, 5.11.4",
	    "A tag whose encoding is exactly 36 bytes is legal and then carries no terminator.",
	    "Cut to 35 bytes and a NUL", .how = "mount by that tag"),
	ROW("VIRTIO-FS-CFG-005", MUST, DRIVER, R | G, "virtio 1.4, 5.11.4",
	    "The driver bounds the tag at 36 bytes when it finds no NUL.",
	    "strlen() over the configuration struct",
	    .how = "36-byte tag, poison bytes after"),
	ROW("VIRTIO-FS-CFG-006", MUST, DEVICE, D, "virtio 1.4, 5.11.4.2",
	    "num_request_queues >= 1.",
	    "Return 0"),
	ROW("VIRTIO-FS-CFG-007", DEFACTO, GUEST, R | G, "Linux, virtio_fs_setup_vqs()",
	    "Linux fails probe with EINVAL when num_request_queues is 0 (no tag is published).",
	    "Divide or index by num_request_queues without looking"),
	ROW("VIRTIO-FS-CFG-008", MUST, DEVICE, D, "virtio 1.4, 5.11.4",
	    "tag and num_request_queues are readable whatever features are (not) negotiated.",
	    "Gate them on DRIVER_OK or on F_NOTIFICATION"),
	ROW("VIRTIO-FS-CFG-009", MUST, DEVICE, D, "virtio 1.4, 5.11.4 and 2.5.2",
	    "If F_NOTIFICATION is offered, notify_buf_size is readable even before FEATURES_OK; "
	    "if it is not offered, the field does not exist.",
	    "Return 0 until it is negotiated; crash on a read of bytes 40 to 43"),
	ROW("VIRTIO-FS-CFG-010", MUST, DEVICE, D, "virtio 1.4, 5.11.4.2",
	    "notify_buf_size covers the largest notify message that the device ever emits, its "
	    "16-byte header included.",
	    "Report 16 and emit messages of 40 bytes",
	    .how = "compare with the largest used.len seen"),
	ROW("VIRTIO-FS-CFG-011", MUST, DRIVER, R, "virtio 1.4, 5.11.4.1",
	    "The driver never writes a field of the device configuration.",
	    "Driver writes notify_buf_size", .how = "log SET_CONFIG / config writes"),
	ROW("VIRTIO-FS-CFG-012", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.4.1",
	    "A configuration write of a broken driver changes nothing visible and crashes "
	    "nothing.",
	    "Honour the write: tag changes under other users",
	    .derived = true, .how = "SET_CONFIG then GET_CONFIG"),
	ROW("VIRTIO-FS-CFG-013", MAY, DRIVER, D | R, "virtio 1.4, 5.11.4.1",
	    "The driver may use any number of request queues from 1 to num_request_queues.",
	    "Device waits until all N queues are enabled",
	    .how = "enable only one queue of N"),
	ROW("VIRTIO-FS-CFG-014", MUST, DEVICE, D | R, "virtio 1.4, 2.5",
	    "Configuration fields of several bytes are little-endian whatever the byte order of "
	    "the FUSE session.",
	    "Swap the configuration after a big-endian INIT"),
	ROW("VIRTIO-FS-CFG-015", MUST, DRIVER, R | G, "virtio 1.4, 2.5.1",
	    "The driver must not require an exact size: a longer configuration space is "
	    "accepted.",
	    "Driver rejects a size that is not 44", .how = "append 64 bytes"),
	ROW("VIRTIO-FS-CFG-016", DEFACTO, DEVICE, D,
	    "virtio 1.4, 2.5; vhost-user, VHOST_USER_GET_CONFIG",
	    "Any (offset, size) inside the space reads the same bytes as a full read; requests "
	    "outside fail or read zeros and never over-read.",
	    "Always return bytes from offset 0; read out of bounds",
	    .how = "all offsets and widths"),
	ROW("VIRTIO-FS-CFG-017", MUST, DEVICE, D, "virtio 1.4, 5.11.3 and 2.2.2",
	    "Only device feature bit 0 is defined; the device must not offer another bit of the "
	    "device-specific ranges (0 to 23, 50 to 127).",
	    "Offer bit 1", .how = "GET_FEATURES mask"),
	ROW("VIRTIO-FS-CFG-018", DEFACTO, GUEST, R | G, "Linux, virtio_fs_read_tag()",
	    "Linux refuses an empty tag and (6.9+) a tag containing a newline with EINVAL.",
	    "Publish an instance with tag \"\""),
	ROW("VIRTIO-FS-CFG-019", DEFACTO, GUEST, R | G, "Linux, virtio_fs_add_instance()",
	    "Two devices with the same tag: the second probe fails with EEXIST; the first "
	    "remains usable.",
	    "Second device hijacks the tag"),
	ROW("VIRTIO-FS-CFG-020", DEFACTO, VMM | BACK_END, D | H, "virtiofsd, --tag",
	    "virtiofsd offers VHOST_USER_PROTOCOL_F_CONFIG only when --tag is given; otherwise "
	    "the VMM owns tag and num_request_queues.",
	    "Front-end reads configuration from a back-end that did not offer CONFIG"),
};
/* clang-format on */

const struct spec_section spec_section_config = {
	.letter = "A",
	.prefix = "VIRTIO-FS-CFG",
	.title = "device identity, feature bits, configuration space",
	.rows = config_rows,
	.count = ARRAY_SIZE(config_rows),
};

/* B. Initialisation and session */
/* clang-format off */
static const struct spec_row init_rows[] = {
	ROW("VIRTIO-FS-INIT-001", DEFACTO, DRIVER, R, "virtio 1.4, 5.11.5",
	    "The driver first discovers virtqueues, then fills the notification queue (if "
	    "negotiated), then starts the session.",
	    "INIT before virtqueues are discovered"),
	ROW("VIRTIO-FS-INIT-002", DEFACTO, DRIVER, R, "virtio 1.4, 5.11.5",
	    "The session starts with one FUSE_INIT on one request queue.",
	    "One INIT per queue", .how = "exactly one INIT per mount, not on queue 0"),
	ROW("VIRTIO-FS-INIT-003", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.5",
	    "All queues give access to the same session; one INIT suffices for N queues.",
	    "A session per queue: other queues answer EIO",
	    .how = "INIT on one queue, LOOKUP on another, FORGET on the high priority queue"),
	ROW("VIRTIO-FS-INIT-004", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.5",
	    "INIT is accepted on any request queue, not only the first.",
	    "Accept INIT only on the first request queue", .derived = true),
	ROW("VIRTIO-FS-INIT-005", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.1",
	    "A further FUSE_INIT terminates the running session and starts a new one.",
	    "Answer EIO or EALREADY, or keep old nodeids alive",
	    .how = "old nodeid and fh must be unknown afterwards"),
	ROW("VIRTIO-FS-INIT-006", DEFACTO, DEVICE, D | H, "virtio 1.4, 5.11.6.1",
	    "Session restart releases nodeids, file handles, locks and DAX mappings of the "
	    "previous session.",
	    "Leak descriptors, or leave ranges mapped",
	    .derived = true,
	    .how = "SHMEM_UNMAP is sent; on the host: count of descriptors, /proc/PID/maps"),
	ROW("VIRTIO-FS-INIT-007", DEFACTO, DEVICE, D,
	    "virtio 1.4, 5.11.6.1; FUSE 7.45, FUSE_INIT_BSWAP_RESERVED",
	    "The driver chooses the byte order of the session; it shows in in.opcode of "
	    "FUSE_INIT (26, or 26 << 24, which is FUSE_INIT_BSWAP_RESERVED).",
	    "Treat a swapped INIT as an unknown opcode and hang",
	    .how = "byte-swapped session"),
	ROW("VIRTIO-FS-INIT-008", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.1",
	    "A new INIT may change the endianness of the session.",
	    "Keep the byte order of the first INIT",
	    .how = "little-endian, then big-endian, then little-endian"),
	ROW("VIRTIO-FS-INIT-009", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.1",
	    "Any request before INIT is answered with an error: no crash, no effect on the file "
	    "system.",
	    "Serve LOOKUP with default options", .derived = true),
	ROW("VIRTIO-FS-INIT-010", MUST, DRIVER, D | R, "virtio 1.4, 5.11.6.2",
	    "INIT never travels on the high priority queue.",
	    "Driver takes queue 0", .how = "at the device: it tolerates it"),
};
/* clang-format on */

const struct spec_section spec_section_init = {
	.letter = "B",
	.prefix = "VIRTIO-FS-INIT",
	.title = "initialisation and session",
	.rows = init_rows,
	.count = ARRAY_SIZE(init_rows),
};
