// SPDX-License-Identifier: Apache-2.0
/* FUSE_SETUPMAPPING and FUSE_REMOVEMAPPING. */
#include "conformance/spec/rows.h"

/* O. FUSE_SETUPMAPPING / FUSE_REMOVEMAPPING */
/* clang-format off */
static const struct spec_row map_rows[] = {
	ROW("FUSE-MAP-001", MUST, DEVICE | DRIVER, D | R, "FUSE 7.45, since 7.31",
	    "SETUPMAPPING (48) carries {fh, foffset, len, flags, moffset}, all u64; the whole "
	    "request has 80 bytes.",
	    "Swap foffset and moffset"),
	ROW("FUSE-MAP-002", MUST, DEVICE, D, "FUSE 7.45, FUSE_SETUPMAPPING",
	    "A successful reply has no payload (out.len 16).",
	    "Extra bytes"),
	ROW("FUSE-MAP-003", MUST, DEVICE, D,
	    "FUSE 7.45, FUSE_SETUPMAPPING_FLAG_ bits; vhost-user, VHOST_USER_FLAG_MAP_RW",
	    "READ without WRITE gives a read-only mapping; WRITE gives read-write.",
	    "Always read-write; always read-only",
	    .how = "SHMEM_MAP flags; store must fault on RO"),
	ROW("FUSE-MAP-004", DEFACTO, DEVICE, D, "FUSE 7.45, FUSE_SETUPMAPPING_FLAG_ bits",
	    "Unknown flag bits, or flags 0, are refused with EINVAL.",
	    "Accept silently", .derived = true),
	ROW("FUSE-MAP-005", MUST, DEVICE, D, "FUSE 7.45, struct fuse_init_out",
	    "foffset and moffset that are not aligned to 1 << map_alignment are refused; "
	    "aligned ones are accepted.",
	    "Round down silently: wrong bytes are visible"),
	ROW("FUSE-MAP-006", DEFACTO, DEVICE, D, "FUSE 7.45, FUSE_MAP_ALIGNMENT",
	    "The alignment rule does not name len: the suite only asserts that a multiple of "
	    "the page size works, and that an odd len is right or EINVAL.",
	    "Map less than len", .derived = true),
	ROW("FUSE-MAP-007", DEFACTO, DEVICE, D,
	    "own inference, an empty mapping has no meaning; rust-vmm, vhost package",
	    "len 0 is refused without a change of state.",
	    "Map the whole file", .derived = true),
	ROW("FUSE-MAP-008", MUST, DEVICE, D, "own inference, from unsigned arithmetic on offsets",
	    "An overflow of foffset + len or moffset + len is refused.",
	    "Wrap into the start of the window", .derived = true),
	ROW("FUSE-MAP-009", MUST, DEVICE, D | R, "Linux, fuse_setup_one_mapping()",
	    "A range that reaches past end of file is accepted (Linux always asks for 2 MiB, "
	    "but for no range that starts beyond it); bytes in the last page are the file's, "
	    "then zeros.",
	    "EINVAL when foffset + len > st_size"),
	ROW("FUSE-MAP-010", MUST, DEVICE, D | R, "Linux, fuse_setup_one_mapping()",
	    "With fh of all ones the file is found by nodeid.",
	    "EBADF"),
	ROW("FUSE-MAP-011", DEFACTO, DEVICE, D, "FUSE 7.45, struct fuse_setupmapping_in",
	    "A valid fh may be used instead of the nodeid; the mapping outlives RELEASE of it.",
	    "The mapping goes with fh"),
	ROW("FUSE-MAP-012", DEFACTO, DEVICE, D, "own inference, from POSIX mmap()",
	    "A nodeid that is no regular file is refused (EISDIR, EINVAL or ENODEV).",
	    "mmap of a directory reported as success", .derived = true),
	ROW("FUSE-MAP-013", DEFACTO, DEVICE, D, "own inference, from POSIX open() and mmap()",
	    "WRITE on a read-only file or export is refused (EACCES, EROFS or EPERM).",
	    "A writable mapping of a read-only file", .derived = true),
	ROW("FUSE-MAP-014", MUST, DEVICE, D | R,
	    "Linux, fuse_upgrade_dax_mapping(); virtio 1.4, 5.11.6.4",
	    "The same (foffset, moffset, len) again with WRITE upgrades in place; content and "
	    "dirty data are kept.",
	    "EEXIST; map again from offset 0"),
	ROW("FUSE-MAP-015", MUST, DEVICE, D, "virtio 1.4, 5.11.6.4",
	    "Another file at the same moffset replaces the mapping; later stores reach only the "
	    "new file.",
	    "A store lands in the old file"),
	ROW("FUSE-MAP-016", MUST, DEVICE, D | H, "FUSE 7.45, FUSE_SETUPMAPPING",
	    "The mapping is shared: stores show in READ and on the host; it is not "
	    "copy-on-write.",
	    "MAP_PRIVATE"),
	ROW("FUSE-MAP-017", MUST, DEVICE | DRIVER, D | R, "FUSE 7.45, struct fuse_removemapping_in",
	    "REMOVEMAPPING (49) carries u32 count, directly followed by count times {moffset, "
	    "len}: entries start at byte 44, unaligned; 60 bytes for one entry.",
	    "Expect count padded to 8 bytes; trap on the unaligned load"),
	ROW("FUSE-MAP-018", MUST, DEVICE, D | R, "FUSE 7.45, FUSE_REMOVEMAPPING_MAX_ENTRY",
	    "A request holds up to PAGE_SIZE / 16 entries (256 with pages of 4 KiB).",
	    "An array of 8 or 16 entries", .how = "256 entries; eviction of a large file"),
	ROW("FUSE-MAP-019", DEFACTO, DEVICE, D, "own inference, from the size of the request",
	    "A count larger than the payload gives EINVAL without over-read; count 0 gives "
	    "success or EINVAL.",
	    "Read out of bounds", .derived = true),
	ROW("FUSE-MAP-020", MUST, DEVICE, D, "virtio 1.4, 5.11.6.4",
	    "An entry may cover several mappings, or part of one.",
	    "ENOENT"),
	ROW("FUSE-MAP-021", DEFACTO, DEVICE, D, "own inference, the standard is silent",
	    "Removing a range that is not mapped is harmless (success or error) and the device "
	    "stays usable.",
	    "Abort", .derived = true),
	ROW("FUSE-MAP-022", MUST, DEVICE, D | H, "own inference, from reuse of ranges by Linux",
	    "Once REMOVEMAPPING was used, no access through that range reaches the old file any "
	    "more.",
	    "Unmap later; stale bytes after moffset is used again",
	    .derived = true, .how = "/proc/PID/maps, SHMEM_UNMAP acked before reply"),
	ROW("FUSE-MAP-023", MUST, DEVICE, D | H,
	    "own inference, from shared mappings of the page cache",
	    "Unmapping loses no stored data (the page cache keeps it; visibility needs no "
	    "FSYNC).",
	    "Discard a private copy", .derived = true),
	ROW("FUSE-MAP-024", DEFACTO, DEVICE, D,
	    "Linux, fs/fuse/dax.c (ranges belong to the window)",
	    "A range is identified by its offset in the window; removal does not depend on the "
	    "state of nodes, not even of the one in the header.",
	    "ENOENT when the node was forgotten before"),
	ROW("FUSE-MAP-025", INFO, DRIVER, R, "Linux, fuse_set_zero_arg0()",
	    "Newer kernels add a first argument of length zero; the bytes on the wire are "
	    "unchanged.",
	    NULL),
	ROW("FUSE-MAP-026", MUST, DEVICE, D,
	    "own inference, from concurrent requests of virtio 1.4, 5.11.6.1",
	    "Concurrent SETUPMAPPINGs of different ranges all succeed; of the same range one "
	    "consistent winner remains.",
	    "Half of each mapping; an unmap is lost", .derived = true),
	ROW("FUSE-MAP-027", DEFACTO, DEVICE, R | G,
	    "Linux, fs/fuse/dax.c (no fallback per request)",
	    "A device with region 0 implements both opcodes: ENOSYS at run time reaches the "
	    "application as an error, for there is no fallback per request.",
	    "A window without opcodes"),
	ROW("FUSE-MAP-028", DEFACTO, DEVICE, D, "POSIX.1-2017, mmap()",
	    "After a file shrank and grew again, pages of a live mapping are readable and read "
	    "zeros.",
	    "SIGBUS stays, or old bytes come back", .derived = true),
	ROW("FUSE-MAP-029", MUST, DEVICE, D, "vhost-user, VHOST_USER_BACKEND_SHMEM_MAP",
	    "When the VMM fails to map (non-zero acknowledgement), SETUPMAPPING gives an errno, "
	    "and no half of a mapping stays.",
	    "Report success", .derived = true, .how = "the front-end refuses"),
};
/* clang-format on */

const struct spec_section spec_section_map = {
	.letter = "O",
	.prefix = "FUSE-MAP",
	.title = "FUSE_SETUPMAPPING / FUSE_REMOVEMAPPING",
	.rows = map_rows,
	.count = ARRAY_SIZE(map_rows),
};
