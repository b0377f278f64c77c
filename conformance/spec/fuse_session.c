// SPDX-License-Identifier: Apache-2.0
/* Negotiation, and what entries, attributes, opens and writes promise about caches. */
#include "conformance/spec/rows.h"

/* M. Negotiation */
/* clang-format off */
static const struct spec_row negotiation_rows[] = {
	ROW("FUSE-INIT-001", MUST, DEVICE, D, "FUSE 7.45, notes on version negotiation",
	    "A lower major than the device's own: fall back to it; a higher one: answer the own "
	    "major and wait for a new INIT.",
	    "EPROTO on major 8", .how = "major 6 and 8"),
	ROW("FUSE-INIT-002", MUST, DEVICE | DRIVER, D, "FUSE 7.45, notes on version negotiation",
	    "Same major: both use the smaller minor.",
	    "Use structures of the own minor with an old client",
	    .how = "minor 12, 27, 31, 36, 45, 99"),
	ROW("FUSE-INIT-003", MUST, DEVICE, D, "FUSE 7.45, struct fuse_init_out",
	    "The flags of the reply are a subset of the offered ones.",
	    "Set WRITEBACK_CACHE unasked", .derived = true),
	ROW("FUSE-INIT-004", MUST, DEVICE, D, "FUSE 7.45, since 7.36",
	    "flags2 and bits from 32 on count only when FUSE_INIT_EXT is set in both "
	    "directions; fuse_init_in may be 16 or 64 bytes long.",
	    "Require 64 bytes; read flags2 from a short INIT"),
	ROW("FUSE-INIT-005", MUST, DEVICE, D, "FUSE 7.45, since 7.36",
	    "Bit 31 is reserved and not set.",
	    "Set bit 31"),
	ROW("FUSE-INIT-006", DEFACTO, GUEST, D | R, "Linux, process_init_reply()",
	    "max_write below 4096 is raised to 4096, so the device must accept writes of 4096 "
	    "bytes.",
	    "max_write 512, and EINVAL for 4096 bytes"),
	ROW("FUSE-INIT-007", DEFACTO, DEVICE | DRIVER, R,
	    "FUSE 7.45, since 7.28; Linux, process_init_reply()",
	    "FUSE_MAX_PAGES and max_pages bound the size of requests; the driver also bounds it "
	    "by the ring size.",
	    "Accept INIT, but fail above 32 pages", .how = "largest WRITE seen"),
	ROW("FUSE-INIT-008", DEFACTO, GUEST, R,
	    "FUSE 7.45, since 7.31; Linux, fuse_dax_check_alignment()",
	    "map_alignment is log2 of bytes; with DAX active a value above 21 (2 MiB) makes the "
	    "connection fail.",
	    "Take it for bytes; accept 22",
	    .how = "0, 12, 16, 21 work; 22, 63, 65535 are refused"),
	ROW("FUSE-INIT-009", DEFACTO, GUEST, R, "Linux, process_init_reply()",
	    "map_alignment is checked only when FUSE_MAP_ALIGNMENT is in the reply and DAX is "
	    "in use.",
	    "Refuse mounts without DAX"),
	ROW("FUSE-INIT-010", DEFACTO, GUEST, R, "Linux, fuse_send_init()",
	    "FUSE_MAP_ALIGNMENT is offered only when the connection has a DAX device.",
	    "Offered with dax=never"),
	ROW("FUSE-INIT-011", DEFACTO, GUEST, R, "Linux, fuse_send_init()",
	    "FUSE_HAS_INODE_DAX is offered only in mode dax=inode (explicit or default).",
	    "Offered with dax=always"),
	ROW("FUSE-INIT-012", DEFACTO, GUEST, R | G, "Linux, process_init_reply()",
	    "After a failed INIT (error, wrong major, bad alignment) later operations fail with "
	    "ECONNREFUSED; the mount itself may have returned before.",
	    "The guest hangs"),
	ROW("FUSE-INIT-013", DEFACTO, GUEST, R, "Linux, process_init_reply()",
	    "A shorter init_out (8, 24 or 64 bytes) is accepted; missing fields read as zero.",
	    "Read on into an old buffer"),
	ROW("FUSE-INIT-014", DEFACTO, GUEST, R, "Linux, virtio_fs_ctx_set_defaults()",
	    "Unmount sends FUSE_DESTROY after forgets stop and queues drain.",
	    "FORGET after DESTROY"),
	ROW("FUSE-INIT-015", MUST, DEVICE, D, "FUSE 7.45, FUSE_DESTROY",
	    "After DESTROY the device keeps no nodeids and no handles and accepts a new INIT.",
	    "The daemon has to be restarted",
	    .how = "1000 mounts and unmounts, count of descriptors"),
	ROW("FUSE-INIT-016", MUST, DEVICE, D, "FUSE 7.45, notes of versions 7.28 to 7.45",
	    "Features are not used below their minor: 28 max_pages and CACHE_DIR, 30 "
	    "EXPLICIT_INVAL, 31 mappings, 32 SUBMOUNTS, 33 KILLPRIV_V2, 34 SYNCFS, 35 NOFLUSH, "
	    "36 INIT_EXT and INODE_DAX, 38 EXPIRE_ONLY, 39 DIRECT_IO_ALLOW_MMAP and STATX, 40 "
	    "PASSTHROUGH and RESEND, 41 IDMAP, 42 io_uring, 43 REQUEST_TIMEOUT, 44 INC_EPOCH, "
	    "45 COPY_FILE_RANGE_64 and PRUNE.",
	    "Attribute flags set for minor 31", .how = "every minor"),
	ROW("FUSE-INIT-017", DEFACTO, GUEST, R, "Linux, process_init_reply()",
	    "AUTO_INVAL_DATA wins over EXPLICIT_INVAL_DATA when both are returned.",
	    NULL),
};
/* clang-format on */

const struct spec_section spec_section_negotiation = {
	.letter = "M",
	.prefix = "FUSE-INIT",
	.title = "negotiation",
	.rows = negotiation_rows,
	.count = ARRAY_SIZE(negotiation_rows),
};

/* N. Cache-coherence semantics */
/* clang-format off */
static const struct spec_row cache_rows[] = {
	ROW("FUSE-ENT-001", DEFACTO, GUEST, R,
	    "FUSE 7.45, struct fuse_entry_out; Linux, fuse_dentry_revalidate()",
	    "Within entry_valid a path walk sends no LOOKUP; after expiry the next walk "
	    "revalidates.",
	    "Ignore nanoseconds; take 0 for infinite",
	    .how = "count LOOKUPs with timeouts 0, 0.3 s, 1 s, 86400 s"),
	ROW("FUSE-ENT-002", DEFACTO, GUEST, R, "Linux, fuse_dentry_delete()",
	    "entry_valid 0: every walk sends LOOKUP.",
	    "One LOOKUP for ten opens"),
	ROW("FUSE-ENT-003", MUST, DEVICE, D, "FUSE 7.45, struct fuse_entry_out",
	    "The same inode has the same nodeid; (nodeid, generation) is unique in a session; "
	    "hard links share a nodeid.",
	    "A new nodeid per LOOKUP"),
	ROW("FUSE-ENT-004", MUST, DEVICE, D, "FUSE 7.45, struct fuse_entry_out",
	    "Each successful entry reply (LOOKUP, CREATE, MKNOD, MKDIR, SYMLINK, LINK, "
	    "READDIRPLUS entry) counts one lookup.",
	    "READDIRPLUS is not counted: the node is freed early"),
	ROW("FUSE-ENT-005", DEFACTO, DEVICE | GUEST, D | R, "FUSE 7.45, struct fuse_entry_out",
	    "nodeid 0 with entry_valid > 0 is a negative entry that may be cached; an ENOENT "
	    "error is not cached.",
	    "Cache ENOENT: a file that the host creates stays invisible"),
	ROW("FUSE-ENT-006", DEFACTO, GUEST, R, "Linux, fuse_dentry_revalidate()",
	    "Exclusive create and rename targets are revalidated even inside the timeout.",
	    "EEXIST for a file the host removed"),
	ROW("FUSE-ENT-007", DEFACTO, GUEST, R, "Linux, fuse_dentry_revalidate()",
	    "Revalidation returning another nodeid or type invalidates the dentry and forgets "
	    "the new one.",
	    "Old inode kept under the name"),
	ROW("FUSE-ATTR-001", DEFACTO, GUEST, R, "FUSE 7.45, struct fuse_attr_out",
	    "Within attr_valid stat() is served locally; after it GETATTR (or STATX) is sent.",
	    "Never refresh"),
	ROW("FUSE-ATTR-002", DEFACTO, GUEST, R, "Linux, fuse_invalidate_attr_mask()",
	    "Own writes, truncates and fallocates mark size, mtime, ctime and blocks stale, so "
	    "that the next stat asks again.",
	    "A stale mtime after write"),
	ROW("FUSE-ATTR-003", DEFACTO, GUEST, R, "Linux, attr_version and FUSE_I_SIZE_UNSTABLE",
	    "A GETATTR reply that started before a local size change is not applied.",
	    "i_size jumps back", .how = "delay GETATTR reply across truncate"),
	ROW("FUSE-ATTR-004", DEFACTO, GUEST, R | G, "Linux, fuse_change_attributes()",
	    "A change of size at the server trims the page cache and, unless "
	    "EXPLICIT_INVAL_DATA is set, also drops the remaining pages.",
	    "A stale tail can be read"),
	ROW("FUSE-ATTR-005", DEFACTO, GUEST, R | G, "Linux, fuse_change_attributes()",
	    "With AUTO_INVAL_DATA a change of mtime drops cached pages.",
	    "Compare seconds only: a change of nanoseconds is missed"),
	ROW("FUSE-ATTR-006", DEFACTO, GUEST, R | G, "Linux, fuse_change_attributes()",
	    "With EXPLICIT_INVAL_DATA (and not AUTO) a change of mtime keeps pages.",
	    "Pages are dropped"),
	ROW("FUSE-ATTR-007", DEFACTO, GUEST, R, "Linux, fuse_cache_read_iter()",
	    "read(2) refreshes expired attributes with AUTO_INVAL_DATA, or when the read passes "
	    "end of file.",
	    "read(2) never refreshes"),
	ROW("FUSE-ATTR-008", DEFACTO, GUEST, R | G, "Linux, fuse_get_cache_mask()",
	    "With WRITEBACK_CACHE the server's size, mtime and ctime of regular files are "
	    "ignored while the inode is cached.",
	    "The size of dirty local data is overwritten",
	    .how = "host append never seen by fstat"),
	ROW("FUSE-ATTR-009", DEFACTO, DEVICE | GUEST, D | G, "FUSE 7.45, FUSE_SUBMOUNTS",
	    "FUSE_ATTR_SUBMOUNT appears only if negotiated and only on directories; the client "
	    "mounts it by itself with an own st_dev.",
	    "The same pair of st_ino and st_dev twice"),
	ROW("FUSE-ATTR-010", DEFACTO, DEVICE, D | R, "FUSE 7.45, FUSE_ATTR_DAX",
	    "FUSE_ATTR_DAX is meaningful only after HAS_INODE_DAX was negotiated.",
	    "The flag is set for an old client"),
	ROW("FUSE-ATTR-011", MUST, DEVICE, D, "FUSE 7.45, struct fuse_attr",
	    "size, blocks and mtime of attr are the host's at some instant between request and "
	    "reply: the device caches no attributes beyond announced timeouts.",
	    "Device caches stat for 1 s in mode never", .how = "host write then GETATTR"),
	ROW("FUSE-OPEN-001", DEFACTO, GUEST, R | G, "FUSE 7.45, FOPEN_ flags; Linux, fuse_open()",
	    "An open without KEEP_CACHE drops the inode's cached pages (close-to-open).",
	    "Old pages survive a reopen"),
	ROW("FUSE-OPEN-002", DEFACTO, GUEST, R | G, "FUSE 7.45, FOPEN_KEEP_CACHE",
	    "KEEP_CACHE keeps pages across opens.",
	    "READ again each time", .how = "no READ after reopen"),
	ROW("FUSE-OPEN-003", DEFACTO, GUEST, R | G,
	    "FUSE 7.45, FOPEN_DIRECT_IO; Linux, Documentation/filesystems/fuse-io.rst",
	    "DIRECT_IO: reads and writes bypass the page cache, without read-ahead; mmap with "
	    "MAP_SHARED fails with ENODEV.",
	    "mmap succeeds and goes stale"),
	ROW("FUSE-OPEN-004", DEFACTO, GUEST, R | G, "FUSE 7.45, since 7.39",
	    "DIRECT_IO_ALLOW_MMAP permits MAP_SHARED; direct I/O then flushes the range and, "
	    "for writes, drops it.",
	    "read(2) misses own stores through a mapping"),
	ROW("FUSE-OPEN-005", DEFACTO, GUEST, R | G,
	    "FUSE 7.45, FOPEN_CACHE_DIR; Linux, fuse_readdir_cached()",
	    "CACHE_DIR lets directory contents be cached; the cache is reset at position 0 when "
	    "the (known) mtime or iversion changed.",
	    "A stale listing although mtime was refreshed"),
	ROW("FUSE-OPEN-006", DEFACTO, GUEST, R, "FUSE 7.45, since 7.35",
	    "NOFLUSH suppresses FLUSH on close unless writeback is on.",
	    "Dirty data is lost with writeback"),
	ROW("FUSE-OPEN-007", MUST, DEVICE, D | R, "FUSE 7.45, FUSE_ATOMIC_O_TRUNC",
	    "If accepted, OPEN and CREATE with O_TRUNC truncate; if not, the client sends "
	    "SETATTR(size=0).",
	    "The flag is accepted, but O_TRUNC is ignored"),
	ROW("FUSE-OPEN-008", DEFACTO, GUEST, R | G, "FUSE 7.45, since 7.38",
	    "PARALLEL_DIRECT_WRITES allows concurrent direct writes that do not extend the "
	    "file.",
	    "Extending writes run in parallel"),
	ROW("FUSE-OPEN-009", MUST, DEVICE, D, "FUSE 7.45, FUSE_CREATE",
	    "CREATE returns entry and open in one reply and counts one lookup; O_EXCL is "
	    "atomic.",
	    "Two winners", .how = "two clients"),
	ROW("FUSE-OPEN-010", DEFACTO, DEVICE, D, "virtiofsd, write path",
	    "O_APPEND is applied by each WRITE, and not to delayed (writeback) ones.",
	    "Descriptor opened with O_APPEND: offsets of writeback are ignored",
	    .how = "WRITE flags O_APPEND, offset stale"),
	ROW("FUSE-WB-001", DEFACTO, GUEST, R | H, "Linux, Documentation/filesystems/fuse-io.rst",
	    "Write-through: each write(2) is sent as one or more WRITEs before it returns.",
	    "The host reads old bytes after write(2) returned"),
	ROW("FUSE-WB-002", DEFACTO, GUEST, R | H, "Linux, Documentation/filesystems/fuse-io.rst",
	    "Writeback: write(2) may complete in the cache; it is flushed in the background, at "
	    "close, fsync and the last unmap.",
	    "Not flushed at close"),
	ROW("FUSE-WB-003", MUST, DEVICE, D,
	    "Linux, Documentation/filesystems/fuse-io.rst; virtiofsd, open_inode()",
	    "With writeback the device serves READ on O_WRONLY handles.",
	    "EBADF"),
	ROW("FUSE-WB-004", DEFACTO, DEVICE, D | R, "FUSE 7.45, FUSE_WRITE_CACHE",
	    "Delayed writes carry WRITE_CACHE with a guessed fh; uid and gid may be absent.",
	    "Check permissions by the uid of the header"),
	ROW("FUSE-WB-005", DEFACTO, GUEST, R | H, "Linux, fuse_send_writepage()",
	    "Queued writeback is cropped to the current size: truncated data never comes back.",
	    "A late WRITE extends the file again"),
	ROW("FUSE-WB-006", DEFACTO, GUEST, R, "Linux, fuse_fsync()",
	    "FSYNC is made available only after all WRITEs of the inode are used.",
	    "FSYNC races a WRITE", .how = "log of order"),
	ROW("FUSE-WB-007", DEFACTO, GUEST, R, "Linux, fuse_flush() and fuse_release()",
	    "close(2) writes dirty pages, then sends FLUSH; RELEASE is synchronous on virtiofs "
	    "(destroy mode).",
	    "RELEASE before the last WRITE"),
	ROW("FUSE-WB-008", MUST, DEVICE, D | R | H,
	    "FUSE 7.45, since 7.34; Linux, sync_fs of struct fuse_conn",
	    "SYNCFS makes the whole submount durable; one SYNCFS is sent per submount.",
	    "Do nothing; sync the root only"),
	ROW("FUSE-WB-009", DEFACTO, GUEST, R, "Linux, fuse_do_setattr()",
	    "With writeback chmod, chown and utimes flush data first; mtime and ctime that the "
	    "guest holds are pushed by SETATTR.",
	    "mtime is lost"),
	ROW("FUSE-RDP-001", MUST, DEVICE, D,
	    "FUSE 7.45, FUSE_DO_READDIRPLUS and FUSE_READDIRPLUS_AUTO",
	    "READDIRPLUS entries carry entry_out, aligned to 8; \".\" and \"..\" have nodeid 0; "
	    "every other entry counts a lookup.",
	    "The lookup of \"..\" is counted"),
	ROW("FUSE-RDP-002", DEFACTO, GUEST, R, "FUSE 7.45, FUSE_READDIRPLUS_AUTO",
	    "AUTO mode alternates READDIR and READDIRPLUS; both give the same set.",
	    "An entry is lost at the end of a buffer"),
	ROW("FUSE-KP-001", MUST, DEVICE, D, "FUSE 7.45, FUSE_HANDLE_KILLPRIV_V2",
	    "suid, sgid and capabilities are cleared on chown always, on write and truncate "
	    "only with the kill flag; sgid only with group execute permission.",
	    "suid survives; sgid without group execute is cleared",
	    .how = "WRITE_KILL_SUIDGID, OPEN_KILL_SUIDGID, FATTR_KILL_SUIDGID"),
	ROW("FUSE-KP-002", DEFACTO, GUEST, R, "Linux, SB_NOSEC",
	    "With KILLPRIV_V2 the client skips the lookup of security.capability before each "
	    "write.",
	    "GETXATTR before every write"),
	ROW("FUSE-LK-001", DEFACTO, GUEST, R | G | H,
	    "Linux, no_lock and no_flock of struct fuse_conn; virtiofsd, locks are local",
	    "Without POSIX_LOCKS and FLOCK_LOCKS locks are local to the guest: host and other "
	    "guests do not see them.",
	    NULL),
	ROW("FUSE-DIO-001", DEFACTO, GUEST, R | G, "Linux, fuse_direct_IO()",
	    "O_DIRECT on a file in cached mode bypasses the guest's cache and first flushes "
	    "dirty pages of the range.",
	    "A stale read"),
	ROW("FUSE-DIO-002", DEFACTO, DEVICE, D | H, "virtiofsd, --allow-direct-io",
	    "virtiofsd strips O_DIRECT from the host's open unless allowed; the bytes that the "
	    "guest sees are the same.",
	    "EINVAL for the host's alignment reaches the guest"),
};
/* clang-format on */

const struct spec_section spec_section_cache = {
	.letter = "N",
	.prefix = "FUSE-ENT FUSE-ATTR FUSE-OPEN FUSE-WB FUSE-RDP FUSE-KP FUSE-LK FUSE-DIO",
	.title = "cache-coherence semantics",
	.rows = cache_rows,
	.count = ARRAY_SIZE(cache_rows),
};
