// SPDX-License-Identifier: Apache-2.0
/* The DAX window at the device; security; migration. */
#include "conformance/spec/rows.h"

/* F. DAX window (device interface) */
/* clang-format off */
static const struct spec_row dax_rows[] = {
	ROW("VIRTIO-FS-DAX-001", MAY, DEVICE, D, "virtio 1.4, 5.11.6.4.1",
	    "The DAX window is optional.",
	    NULL),
	ROW("VIRTIO-FS-DAX-002", MUST, DEVICE, D | G, "virtio 1.4, 5.11.6.4.1",
	    "If present, it is shared memory region ID 0.",
	    "The window is shmid 1", .how = "GET_SHMEM_CONFIG index 0"),
	ROW("VIRTIO-FS-DAX-003", MUST, DEVICE, D | G, "virtio 1.4, 5.11.6.4.1",
	    "FUSE_READ/FUSE_WRITE work whether or not the window is used.",
	    "READ gives EIO while the range is mapped"),
	ROW("VIRTIO-FS-DAX-004", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.4",
	    "READ, WRITE and window accesses to the same bytes at the same time see one "
	    "content.",
	    "Device reads with O_DIRECT or from a private copy",
	    .how = "store in the window, READ; WRITE, load in the window"),
	ROW("VIRTIO-FS-DAX-005", MUST, DEVICE, D, "virtio 1.4, 5.11.6.4.1",
	    "Mappings that completely or partly overlap existing ones are accepted.",
	    "EEXIST or EINVAL on overlap"),
	ROW("VIRTIO-FS-DAX-006", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.4",
	    "Exact overlap replaces the old mapping.",
	    "The old file stays visible"),
	ROW("VIRTIO-FS-DAX-007", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.4",
	    "Partial overlap splits the old mapping into one or two smaller ones that stay "
	    "valid at their old offsets.",
	    "Drop the remainder; shift its offset",
	    .how = "pattern file; head/middle/tail overlap"),
	ROW("VIRTIO-FS-DAX-008", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.4",
	    "A partial REMOVEMAPPING splits likewise; the rest stays mapped.",
	    "Unmap the whole original mapping"),
	ROW("VIRTIO-FS-DAX-009", MUST, DEVICE, D, "virtio 1.4, 5.11.6.4.1",
	    "A SETUPMAPPING that reaches beyond the end of the window is rejected (moffset + "
	    "len == size is legal).",
	    "Accept one page too many; accept a 64-bit wrap",
	    .how = "end, end+1 page, 2^64 wrap"),
	ROW("VIRTIO-FS-DAX-010", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.4",
	    "Contents are undefined where no mapping exists.",
	    NULL, .how = "see VIRTIO-FS-DAX-011"),
	ROW("VIRTIO-FS-DAX-011", MUST, VMM, D | H, "virtio 1.4, 5.11.6.4",
	    "Unmapped pages of the window never expose unrelated host memory: the front-end "
	    "keeps an inaccessible or zero reservation there.",
	    "munmap() leaves a hole that the allocator takes",
	    .derived = true, .how = "/proc/PID/maps of front-end"),
	ROW("VIRTIO-FS-DAX-012", MUST, DRIVER, R, "virtio 1.4, 5.11.6.4.2",
	    "The driver does not touch parts of the window that are not mapped.",
	    "Access before SETUPMAPPING was used, or after REMOVEMAPPING",
	    .how = "window backed by PROT_NONE, fault log"),
	ROW("VIRTIO-FS-DAX-013", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.4",
	    "When resources run out, SETUPMAPPING fails, and succeeds again after "
	    "REMOVEMAPPING.",
	    "Device aborts, or resources never come back",
	    .how = "limit vm.max_map_count / fd"),
	ROW("VIRTIO-FS-DAX-014", MUST, DEVICE, D, "virtio 1.4, 5.11.6.4",
	    "Once SETUPMAPPING was used with success, the range is accessible at moffset.",
	    "Reply before the mapping is there", .how = "load immediately on completion"),
	ROW("VIRTIO-FS-DAX-015", MUST, DEVICE, D | H, "virtio 1.4, 5.11.6.4",
	    "Data is persistent only when an FSYNC that was made available after the write has "
	    "been used; FSYNC covers stores through the window.",
	    "FSYNC returns 0 without fsync(2), or syncs another file",
	    .how = "power-fail model: dm-log-writes / device-mapper"),
	ROW("VIRTIO-FS-DAX-016", SHOULD, DRIVER, R | G, "virtio 1.4, 5.11.6.4.2",
	    "The driver copes with the absence of region 0 and falls back to READ and WRITE.",
	    "Probe fails without a window"),
	ROW("VIRTIO-FS-DAX-017", MAY, DRIVER, R, "virtio 1.4, 5.11.6.4.2",
	    "The driver may use READ, WRITE and the window side by side.",
	    NULL),
	ROW("VIRTIO-FS-DAX-018", DEFACTO, DRIVER, R | G, "virtio 1.4, 5.11.6.4",
	    "The driver maps the window cached for write-back, like RAM.",
	    "Map it uncached or write-combining", .how = "page attributes"),
	ROW("VIRTIO-FS-DAX-019", MUST, DEVICE | DRIVER, D, "virtio 1.4, 2.10.1",
	    "moffset is relative to the start of the region.",
	    "Use a guest physical address"),
	ROW("VIRTIO-FS-DAX-020", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.4",
	    "Alignment constraints are those that INIT announced (map_alignment).",
	    "Enforce a stricter alignment than announced"),
	ROW("VIRTIO-FS-DAX-021", MUST, VMM | DEVICE, D,
	    "vhost-user, VHOST_USER_BACKEND_SHMEM_MAP; virtio 1.4, 2.4",
	    "Device reset removes all mappings.",
	    "A stale mapping survives the reset",
	    .derived = true, .how = "RESET_DEVICE then map same range"),
	ROW("VIRTIO-FS-DAX-022", DEFACTO, DEVICE, D | R,
	    "FUSE 7.45, FUSE_DESTROY; virtio 1.4, 5.11.6.1",
	    "DESTROY or a new INIT removes all mappings.",
	    "The window still shows files of the old session",
	    .derived = true, .how = "umount"),
	ROW("VIRTIO-FS-DAX-023", DEFACTO, DEVICE, D, "POSIX.1-2017, mmap()",
	    "A mapping stays valid after RELEASE of the handle it came from, and after UNLINK "
	    "and RENAME of the file.",
	    "The mapping goes with the descriptor", .derived = true),
	ROW("VIRTIO-FS-DAX-024", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.4",
	    "FORGET to zero of a node with live mappings does not corrupt other mappings; its "
	    "ranges can be removed or replaced later.",
	    "REMOVEMAPPING uses the freed inode", .derived = true),
	ROW("VIRTIO-FS-DAX-025", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.4",
	    "Replacement in place is atomic for a concurrent reader: old or new bytes, never a "
	    "fault or zeros.",
	    "munmap() and mmap() instead of MAP_FIXED",
	    .derived = true, .how = "a thread that hammers the range"),
	ROW("VIRTIO-FS-DAX-026", DEFACTO, GUEST, R, "Linux, fuse_dax_mem_range_init()",
	    "Linux uses whole 2 MiB ranges only; a smaller remainder of the window stays "
	    "untouched.",
	    "Use moffset 4 MiB with len 2 MiB in a window of 5 MiB", .how = "window = 5 MiB"),
	ROW("VIRTIO-FS-DAX-027", DEFACTO, GUEST, G, "Linux, fuse_dax_mem_range_init()",
	    "A window below 2 MiB has no range: reads of DAX files would wait for ever. The "
	    "suite calls that a hang and does not pass it.",
	    NULL, .derived = true, .how = "1 MiB window, 30 s; the row documents a hazard"),
};
/* clang-format on */

const struct spec_section spec_section_dax = {
	.letter = "F",
	.prefix = "VIRTIO-FS-DAX",
	.title = "DAX window (device interface)",
	.rows = dax_rows,
	.count = ARRAY_SIZE(dax_rows),
};

/* G. Security considerations */
/* clang-format off */
static const struct spec_row security_rows[] = {
	ROW("VIRTIO-FS-SEC-001", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.5",
	    "The device cannot tell users of a guest apart and takes uid and gid from the "
	    "request; the driver's side enforces permissions.",
	    "Ignore the uid of the header and create as root", .how = "create with uid X"),
	ROW("VIRTIO-FS-SEC-002", DEFACTO, GUEST, G, "Linux, virtio_fs_ctx_set_defaults()",
	    "virtiofs mounts enforce permissions in the guest's VFS.",
	    "An unprivileged user of the guest reads a 0600 file of root"),
	ROW("VIRTIO-FS-SEC-003", MAY, DEVICE, D, "virtio 1.4, 5.11.6.5",
	    "The device may map uids and gids or restrict them to a list.",
	    "Map ids of requests, but not of replies"),
	ROW("VIRTIO-FS-SEC-004", MAY, DEVICE, D, "virtio 1.4, 5.11.6.5",
	    "The device may refuse to create device nodes and setuid files.",
	    "MKNOD is refused, but SETATTR sets suid",
	    .how = "MKNOD, CREATE 04755, SETATTR 04755"),
	ROW("VIRTIO-FS-SEC-005", DEFACTO, VMM | HOST, H, "virtio 1.4, 5.11.6.5",
	    "Special files on a shared tree are a risk to other machines; mitigations are mount "
	    "options or refusal.",
	    NULL, .how = "checklist"),
	ROW("VIRTIO-FS-SEC-006", MUST, DEVICE, D | H, "virtio 1.4, 5.11.6.5; virtiofsd, --sandbox",
	    "Names with \"/\", \"..\" at the root, or symbolic links never lead outside the "
	    "shared directory.",
	    "openat() without O_NOFOLLOW; a path that is checked and then used",
	    .derived = true,
	    .how = "LOOKUP of \"../x\" and \"a/b\", symbolic links swapped meanwhile"),
	ROW("VIRTIO-FS-SEC-007", DEFACTO, ANYONE, REVIEW, "virtio 1.4, 5.11.6.5",
	    "Sharing with several machines means races on symbolic links, exhaustion of space, "
	    "and files overwritten or deleted by others; users have to trust each other.",
	    NULL),
	ROW("VIRTIO-FS-SEC-008", DEFACTO, ANYONE, D, "virtio 1.4, 5.11.6.5",
	    "Timing side channel: latency shows whether other machines used the same data; DAX "
	    "makes it easier, requests are affected too.",
	    NULL,
	    .how = "record, never fail: warm against cold latency of READ, SETUPMAPPING and "
	           "window loads"),
	ROW("VIRTIO-FS-SEC-009", SHOULD, HOST, REVIEW, "virtio 1.4, 5.11.6.5",
	    "A file system should not be shared between machines that do not trust each other.",
	    NULL),
	ROW("VIRTIO-FS-SEC-010", MUST, DEVICE, D, "virtio 1.4, 5.11.6.5",
	    "No malformed request of an untrusted driver crashes the device, touches memory "
	    "outside its chain or files outside the tree.",
	    "Trust lengths", .derived = true, .how = "structured fuzzing under ASan"),
	ROW("VIRTIO-FS-SEC-011", MUST, DEVICE, D, "FUSE 7.45, struct fuse_in_header",
	    "An unknown nodeid or fh gives ENOENT, EBADF or ESTALE; the fh of another nodeid is "
	    "rejected or ignored, always the same way.",
	    "Use fh as an index of an array", .derived = true),
	ROW("VIRTIO-FS-SEC-012", DEFACTO, GUEST, R,
	    "Linux, fuse_invalid_attr() and other checks of replies",
	    "The driver answers invalid replies (changed file type, size above LLONG_MAX, bad "
	    "directory entry) with EIO or a bad inode and does not corrupt itself.",
	    "An oops of the guest kernel", .how = "mutating reference device"),
	ROW("VIRTIO-FS-SEC-013", MUST, VMM, D, "own inference, from VHOST_USER_BACKEND_SHMEM_MAP",
	    "A SHMEM_MAP of a compromised back-end cannot map outside the window or over other "
	    "guest memory.",
	    "shm_offset + len is not checked",
	    .derived = true, .how = "front-end under test"),
	ROW("VIRTIO-FS-SEC-014", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.5; virtiofsd, is_safe_inode()",
	    "Nothing but regular files and folders of the share is ever opened: OPEN and CREATE of a "
	    "FIFO, a socket, a device node or a link are errors, and at once.",
	    "A FIFO blocks the device; a node opens the host's device", .derived = true),
};
/* clang-format on */

const struct spec_section spec_section_security = {
	.letter = "G",
	.prefix = "VIRTIO-FS-SEC",
	.title = "security considerations",
	.rows = security_rows,
	.count = ARRAY_SIZE(security_rows),
};

/* H. Live migration, suspend, reset notes */
/* clang-format off */
static const struct spec_row migration_rows[] = {
	ROW("VIRTIO-FS-MIG-001", DEFACTO, DEVICE, D | H, "virtio 1.4, 5.11.6.6",
	    "nodeid and fh values keep their meaning across migration.",
	    "The destination numbers nodes anew",
	    .how = "save and load through SET_DEVICE_STATE_FD"),
	ROW("VIRTIO-FS-MIG-002", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.6",
	    "What INIT negotiated is part of the migrated state; the driver sees no change of "
	    "protocol.",
	    "The destination takes its own defaults (drops WRITEBACK, say)"),
	ROW("VIRTIO-FS-MIG-003", DEFACTO, DEVICE, REVIEW, "virtio 1.4, 5.11.6.6",
	    "Transfer of state and forwarding of requests are both allowed and invisible at the "
	    "interface.",
	    NULL),
	ROW("VIRTIO-FS-MIG-004", DEFACTO, DEVICE | HOST, H, "virtiofsd, doc/migration",
	    "virtiofsd migrates references, never file data; the shared directory must match on "
	    "both sides.",
	    NULL),
	ROW("VIRTIO-FS-MIG-005", DEFACTO, DEVICE, D | H, "virtiofsd, doc/migration",
	    "Mode find-paths cannot carry files that are unlinked but open; "
	    "--migration-on-error decides between abort and errors in the guest.",
	    "Silent success with the wrong file"),
	ROW("VIRTIO-FS-MIG-006", DEFACTO, DEVICE, H, "virtiofsd, doc/migration",
	    "A file replaced on the host during a find-paths migration can be opened silently "
	    "as the old one (danger of corruption); the file-handles mode or verification "
	    "detects it.",
	    NULL),
	ROW("VIRTIO-FS-MIG-007", DEFACTO, VMM | DEVICE, D | H, "virtio 1.4, 5.11.6.6",
	    "DAX mappings are re-established (same moffset, foffset, len, flags) before the "
	    "guest resumes, or DAX blocks migration.",
	    "Guest loads undefined bytes after resume", .derived = true),
	ROW("VIRTIO-FS-MIG-008", DEFACTO, GUEST, G, "Linux, virtio_fs_freeze()",
	    "Linux virtiofs refuses suspend/hibernate with EOPNOTSUPP.",
	    "Suspend succeeds and requests are lost"),
	ROW("VIRTIO-FS-MIG-009", MUST, DEVICE, D, "vhost-user, suspended device state",
	    "With all rings stopped the device writes no guest memory, notifies no guest and "
	    "sends the front-end no message; it still answers messages.",
	    "A late completion writes the used ring"),
	ROW("VIRTIO-FS-MIG-010", MUST, DEVICE, D, "vhost-user, VHOST_USER_GET_VRING_BASE",
	    "GET_VRING_BASE stops the ring and returns the next available index (packed: "
	    "available and used index with wrap bits).",
	    "Return the used index; process after the stop"),
	ROW("VIRTIO-FS-MIG-011", MUST, DEVICE, D, "vhost-user, in-flight I/O tracking",
	    "On reconnect, requests in flight are submitted again in the order of their "
	    "counters.",
	    "A request that is not idempotent is lost or done twice"),
	ROW("VIRTIO-FS-MIG-012", MUST, DEVICE, D | R, "virtio 1.4, 3.4",
	    "On SUSPEND the device suspends or sets DEVICE_NEEDS_RESET; while suspended it "
	    "touches no virtqueue and notifies nobody; configuration changes are notified on "
	    "resume.",
	    "Completes requests while suspended"),
	ROW("VIRTIO-FS-MIG-013", MUST, DRIVER, R, "virtio 1.4, 3.4",
	    "After setting SUSPEND the driver adds no buffers and sends no notifications until "
	    "DRIVER_OK is back.",
	    "Kick while suspended"),
};
/* clang-format on */

const struct spec_section spec_section_migration = {
	.letter = "H",
	.prefix = "VIRTIO-FS-MIG",
	.title = "live migration, suspend, reset notes",
	.rows = migration_rows,
	.count = ARRAY_SIZE(migration_rows),
};
