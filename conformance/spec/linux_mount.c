// SPDX-License-Identifier: Apache-2.0
/* Mount options, and what each cache mode of the device means on the wire. */
#include "conformance/spec/rows.h"

/* S. Mount options and per-inode DAX */
/* clang-format off */
static const struct spec_row mount_rows[] = {
	ROW("DAXMOUNT-001", DEFACTO, GUEST, R | G, "Linux, Documentation/filesystems/dax.rst",
	    "The mount option dax means dax=always.",
	    "Taken for inode"),
	ROW("DAXMOUNT-002", DEFACTO, GUEST, G, "Linux, virtio_fs_fill_super()",
	    "dax=always without a window: the mount fails with EINVAL.",
	    "Fall back silently"),
	ROW("DAXMOUNT-003", DEFACTO, GUEST, G, "Linux, virtio_fs_fill_super()",
	    "dax=inode (or no option) without a window: the mount succeeds and acts as never.",
	    "The mount fails"),
	ROW("DAXMOUNT-004", DEFACTO, GUEST, G, "Linux, fuse_dax_mode()",
	    "No option means inode by default; shown options omit it.",
	    "always by default", .how = "/proc/mounts"),
	ROW("DAXMOUNT-005", DEFACTO, GUEST, R, "Linux, Documentation/filesystems/dax.rst",
	    "dax=never: no SETUPMAPPING at all, even with a window and ATTR_DAX.",
	    "SETUPMAPPING is sent"),
	ROW("DAXMOUNT-006", DEFACTO, GUEST, R, "Linux, fuse_should_enable_dax()",
	    "dax=inode needs HAS_INODE_DAX in the INIT reply and FUSE_ATTR_DAX on the inode.",
	    "DAX without negotiation"),
	ROW("DAXMOUNT-007", DEFACTO, GUEST, R, "Linux, fuse_should_enable_dax()",
	    "dax=always ignores FUSE_ATTR_DAX.",
	    "Only flagged files get DAX"),
	ROW("DAXMOUNT-008", DEFACTO, GUEST, R, "Linux, fuse_should_enable_dax()",
	    "Only regular files get DAX.",
	    "A directory is mapped", .how = "symlink, dir, fifo"),
	ROW("DAXMOUNT-009", DEFACTO, GUEST, G, "Linux, Documentation/filesystems/dax.rst",
	    "STATX_ATTR_DAX reports the state in effect.",
	    "Report the policy, not the state"),
	ROW("DAXMOUNT-010", DEFACTO, GUEST, R | G, "Linux, fuse_dax_dontcache()",
	    "A change of FUSE_ATTR_DAX does not switch a live inode; it is marked to be dropped "
	    "early, and the change takes effect after eviction and a new lookup.",
	    "Switch a live inode: page cache and DAX at once"),
	ROW("DAXMOUNT-011", DEFACTO, DEVICE, D, "Linux, Documentation/filesystems/dax.rst",
	    "The server decides FUSE_ATTR_DAX by a policy of its own (a size threshold, or "
	    "FS_XFLAG_DAX of the host); it may differ per file and change.",
	    "The flag changes with each GETATTR"),
	ROW("DAXMOUNT-012", DEFACTO, GUEST, G, "Linux, Documentation/filesystems/dax.rst",
	    "Setting FS_XFLAG_DAX in the guest need not change anything.",
	    NULL),
	ROW("DAXMOUNT-013", DEFACTO, GUEST, G, "Linux, Kconfig FUSE_DAX",
	    "Without CONFIG_FUSE_DAX the dax options are refused or ignored and no window is "
	    "claimed.",
	    NULL, .weak = true),
	ROW("DAXMOUNT-014", DEFACTO, GUEST, G, "Linux, dax enum of virtio_fs_parameters",
	    "An unknown value of dax= gives EINVAL.",
	    "Accept it"),
	ROW("DAXMOUNT-015", DEFACTO, GUEST, G, "Linux, virtio_fs_get_tree() (sget_fc)",
	    "A second mount of the same tag shares the superblock; the dax mode of the first "
	    "holds.",
	    "Two INITs on one device", .derived = true),
	ROW("DAXMOUNT-016", DEFACTO, GUEST, R | G,
	    "Linux, fuse_file_read_iter() (DAX is tested first)",
	    "DAX overrides the device's cache mode for file data (cache=never too), not for "
	    "attributes or names.",
	    "READ sent in mode never with DAX", .derived = true),
	ROW("DAXMOUNT-017", DEFACTO, GUEST, G, "Linux, virtio_fs has no reconfigure of dax",
	    "Remount cannot change dax mode.",
	    "The mode changes", .derived = true, .weak = true),
	ROW("DAXMOUNT-018", DEFACTO, GUEST, R, "Linux, fuse_get_tree_submount()",
	    "An automounted submount inherits connection and dax mode and shares the one "
	    "window.",
	    "A pool of ranges of its own", .derived = true),
};
/* clang-format on */

const struct spec_section spec_section_mount = {
	.letter = "S",
	.prefix = "DAXMOUNT",
	.title = "mount options and per-inode DAX",
	.rows = mount_rows,
	.count = ARRAY_SIZE(mount_rows),
};

/* T. Device cache policies (virtiofsd) and what each implies on the wire */
/* clang-format off */
static const struct spec_row mode_rows[] = {
	ROW("MODE-NEVER-001", DEFACTO, DEVICE, D, "virtiofsd, --cache=never",
	    "entry_valid = attr_valid = 0 in LOOKUP, CREATE, MKNOD, MKDIR, LINK, SYMLINK, "
	    "GETATTR and SETATTR.",
	    "1 s left in one opcode"),
	ROW("MODE-NEVER-002", DEFACTO, DEVICE, D, "virtiofsd, --cache=never",
	    "OPEN and CREATE of files return FOPEN_DIRECT_IO and no KEEP_CACHE.",
	    "The flag is missing in CREATE"),
	ROW("MODE-NEVER-003", DEFACTO, DEVICE, D, "virtiofsd, --cache=never",
	    "READDIRPLUS is not negotiated by default.",
	    "On: attributes are cached"),
	ROW("MODE-NEVER-004", INFO, DEVICE, H, "virtiofsd, --cache",
	    "\"none\" is an alias of never; metadata, auto and always are the other values "
	    "(spelt in several ways).",
	    NULL),
	ROW("MODE-NEVER-005", DEFACTO, GUEST, G, "Linux, fuse_file_mmap()",
	    "mmap(MAP_SHARED) of a DIRECT_IO file gives ENODEV unless DIRECT_IO_ALLOW_MMAP was "
	    "negotiated; MAP_PRIVATE works.",
	    "Allow a shared mapping"),
	ROW("MODE-META-001", DEFACTO, DEVICE, D, "virtiofsd, --cache=metadata",
	    "Timeouts are 86400 s; files have DIRECT_IO, directories CACHE_DIR and KEEP_CACHE.",
	    "KEEP_CACHE on files"),
	ROW("MODE-META-002", DEFACTO, DEVICE, R, "virtiofsd, --cache=metadata",
	    "Data reads always reach the device; names and attributes do not.",
	    "A READ served from the cache"),
	ROW("MODE-AUTO-001", DEFACTO, DEVICE, D, "virtiofsd, --cache=auto",
	    "Timeouts are 1 s; files have no FOPEN cache flags; this is the default mode.",
	    "Timeouts of 86400 s"),
	ROW("MODE-AUTO-002", DEFACTO, GUEST, R | G, "Linux, fuse_open()",
	    "open() drops the inode's cached pages: close-to-open coherence.",
	    "Stale data after a reopen"),
	ROW("MODE-AUTO-003", DEFACTO, GUEST, G, "FUSE 7.45, FUSE_AUTO_INVAL_DATA",
	    "Data read through an open descriptor follows a change of mtime or size by the host "
	    "after at most the attribute timeout (write-through).",
	    "Never follow"),
	ROW("MODE-ALWAYS-001", DEFACTO, DEVICE, D, "virtiofsd, --cache=always",
	    "Timeouts are 86400 s; files have KEEP_CACHE, directories CACHE_DIR (and "
	    "KEEP_CACHE).",
	    "Timeouts of 1 s"),
	ROW("MODE-ALWAYS-002", DEFACTO, DEVICE, G, "virtiofsd, README on --cache=always",
	    "The mode requires that the host modifies nothing; staleness there is not a fault.",
	    NULL),
	ROW("MODE-DEF-001", DEFACTO, DEVICE, D, "virtiofsd, reply to FUSE_INIT",
	    "The default reply to INIT has ASYNC_READ, BIG_WRITES, ATOMIC_O_TRUNC, "
	    "AUTO_INVAL_DATA, PARALLEL_DIROPS, ASYNC_DIO, MAX_PAGES, SUBMOUNTS (if announced), "
	    "and INIT_EXT when offered.",
	    "AUTO_INVAL_DATA is missing: mode auto is stale silently"),
	ROW("MODE-WB-001", DEFACTO, DEVICE, D, "virtiofsd, --writeback",
	    "WRITEBACK_CACHE is set only if requested and offered; it is safe only with "
	    "exclusive access.",
	    "On by default"),
	ROW("MODE-WB-002", DEFACTO, DEVICE, D, "virtiofsd, open_inode()",
	    "With writeback a file opened O_WRONLY is opened O_RDWR on the host.",
	    "EBADF on READ"),
	ROW("MODE-WB-003", DEFACTO, DEVICE, D | H, "virtiofsd, write path",
	    "O_APPEND is not kept on the host descriptor for delayed writes; appends that are "
	    "not delayed are appended one by one.",
	    "A WRITE at an offset lands at end of file"),
	ROW("MODE-WB-004", DEFACTO, GUEST, R, "virtio-fs project, design notes of 2019",
	    "Writeback has no influence on reads, writes and mmaps by DAX.",
	    "Dirty page cache of a DAX inode"),
	ROW("MODE-MMAP-001", DEFACTO, DEVICE, D | G, "virtiofsd, --allow-mmap",
	    "DIRECT_IO_ALLOW_MMAP is returned only when asked for; it is meant for never and "
	    "metadata with exclusive access.",
	    "Always returned"),
	ROW("MODE-KILL-001", DEFACTO, DEVICE, D | H, "virtiofsd, --killpriv-v2",
	    "Off by default; when on, the device clears suid, sgid and capabilities by the "
	    "flags of WRITE, OPEN and SETATTR.",
	    "suid survives a write"),
	ROW("MODE-SUB-001", DEFACTO, DEVICE, D | G | H, "virtiofsd, --announce-submounts",
	    "On by default; off gives duplicate inode numbers, and SYNCFS reaches the root file "
	    "system only.",
	    "SYNCFS skips the submount: data is lost"),
	ROW("MODE-DIO-001", DEFACTO, DEVICE, D | H, "virtiofsd, --allow-direct-io",
	    "The guest's O_DIRECT is passed to the host's open only if enabled, and stripped "
	    "otherwise.",
	    "Pass it always: EINVAL for what is not aligned",
	    .how = "/proc/PID/fdinfo flags"),
	ROW("MODE-XATTR-001", DEFACTO, DEVICE, D, "virtiofsd, --xattr",
	    "Extended attributes are off by default: their opcodes give ENOSYS and are never "
	    "sent again.",
	    "EPERM"),
	ROW("MODE-VER-001", INFO, DEVICE, R,
	    "virtio-fs project, RFC of 2018 with cache mode \"shared\"",
	    "A shared table of metadata versions (a second region that all guests read) was "
	    "proposed and never merged; the FUSE header knows only shared memory id 0.",
	    "Device exposes region 1 and expects its use", .how = "no id 1 use"),
	ROW("MODE-VER-002", INFO, DEVICE, R, "Linux, fs/fuse/virtio_fs.c",
	    "The host cannot invalidate what Linux virtio-fs caches: NOTIFY_INVAL_ messages "
	    "need the notification queue, which Linux does not implement.",
	    "Device waits for the acknowledgement of an invalidation"),
	ROW("MODE-VER-003", DEFACTO, DEVICE, D | G,
	    "FUSE 7.45, struct fuse_entry_out and fuse_attr_out",
	    "Timeouts of a reply are upper bounds of staleness that the suite's oracles use "
	    "(value + 1 jiffy + slack for scheduling).",
	    "Nanoseconds above 10^9", .derived = true),
};
/* clang-format on */

const struct spec_section spec_section_mode = {
	.letter = "T",
	.prefix = "MODE",
	.title = "device cache policies (virtiofsd) and what each implies on the wire",
	.rows = mode_rows,
	.count = ARRAY_SIZE(mode_rows),
};
