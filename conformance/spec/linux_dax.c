// SPDX-License-Identifier: Apache-2.0
/* DAX in a Linux guest: ranges, faults, truncation, reclaim. */
#include "conformance/spec/rows.h"

/* R. Linux guest DAX design (fs/fuse/dax.c) */
/* clang-format off */
static const struct spec_row daxk_rows[] = {
	ROW("DAXK-001", DEFACTO, GUEST, R, "Linux, fuse_dax_mem_range_init()",
	    "The window is cut into ranges of 2 MiB; the offset of a range is its index times 2 "
	    "MiB; all begin on the free list.",
	    "An offset beyond the window for the partial tail",
	    .how = "moffset is a multiple of 2 MiB and inside the window"),
	ROW("DAXK-002", DEFACTO, GUEST, R, "Linux, interval tree of struct fuse_inode_dax",
	    "At most one range lives per (inode, 2 MiB index in the file).",
	    "Two mappings of the same file range", .how = "model of live maps"),
	ROW("DAXK-003", DEFACTO, GUEST, R, "Linux, fuse_setup_one_mapping()",
	    "SETUPMAPPING has foffset, moffset and len in multiples of 2 MiB, len = 2 MiB, fh "
	    "of all ones, READ always, WRITE only for write access.",
	    "WRITE on a read fault"),
	ROW("DAXK-004", DEFACTO, GUEST, R, "Linux, fuse_setup_one_mapping()",
	    "A range goes from free to mapped only after a successful reply; on error it "
	    "returns to the free list and the errno reaches the caller.",
	    "A range leaks: the free count falls", .how = "inject ENOMEM/EIO"),
	ROW("DAXK-005", DEFACTO, GUEST, R, "Linux, busy_ranges of fs/fuse/dax.c",
	    "Mapped ranges stand on a global list in order of use; reclaim takes from its head, "
	    "and skipped ones move to its tail.",
	    "The same range is tried for ever", .how = "order of removal"),
	ROW("DAXK-006", DEFACTO, GUEST, R, "Linux, alloc_dax_mapping_reclaim()",
	    "read and write take a free range, else reclaim an idle range of the same inode, "
	    "else (the inode has none) wait for a free one.",
	    "Deadlock with one range", .how = "windows of one range and of several"),
	ROW("DAXK-007", DEFACTO, GUEST, R | G, "Linux, alloc_dax_mapping_reclaim()",
	    "The wait can be killed: a fatal signal gives EINTR and no range leaks.",
	    "A task that cannot be killed"),
	ROW("DAXK-008", DEFACTO, GUEST, R | G, "Linux, __fuse_dax_fault()",
	    "A page fault never reclaims by itself; without a free range it drops the "
	    "invalidate lock, waits for one and tries again.",
	    "Deadlock with the reclaim worker", .how = "window smaller than working set"),
	ROW("DAXK-009", DEFACTO, GUEST, R, "Linux, FUSE_DAX_RECLAIM_THRESHOLD",
	    "The worker is kicked when fewer than 20 % of the ranges, or than 1, are free.",
	    "Never kicked", .how = "REMOVEMAPPING starts at that level"),
	ROW("DAXK-010", DEFACTO, GUEST, R, "Linux, FUSE_DAX_RECLAIM_CHUNK",
	    "The worker frees 10 ranges at a time and queues itself again (after about 1 ms) "
	    "while below the threshold.",
	    "Empty the whole window"),
	ROW("DAXK-011", DEFACTO, GUEST, R, "Linux, reclaim_one_dmap_locked()",
	    "Reclaim of a range takes the invalidate lock exclusively, waits for pinned pages, "
	    "takes the inode's DAX lock for write, needs a reference count of 1, writes back "
	    "and drops DAX entries, takes the range out of the tree, sends REMOVEMAPPING, and "
	    "only then frees it.",
	    "Reuse before the removal is done", .how = "no reuse before REMOVEMAPPING used"),
	ROW("DAXK-012", DEFACTO, GUEST, R | G, "Linux, reclaim_one_dmap_locked()",
	    "A range with more references (I/O in progress) is skipped, not waited for.",
	    "The range is unmapped under a copy"),
	ROW("DAXK-013", DEFACTO, GUEST, R, "Linux, fuse_setup_new_dax_mapping()",
	    "Concurrent users of one absent range: the tree is looked at again under the "
	    "exclusive lock, the spare range returns to the pool, one SETUPMAPPING is sent.",
	    "Two SETUPMAPPINGs for one range"),
	ROW("DAXK-014", DEFACTO, GUEST, R, "Linux, fuse_upgrade_dax_mapping()",
	    "The first write to a read-only range sends SETUPMAPPING again with WRITE at the "
	    "same foffset and moffset.",
	    "REMOVEMAPPING and SETUPMAPPING instead, or a store to the read-only mapping"),
	ROW("DAXK-015", DEFACTO, GUEST, R | H, "Linux, file_extending_write()",
	    "If pos >= i_size or pos + len > i_size the whole write goes as FUSE_WRITE (under "
	    "the exclusive inode lock), not through the window.",
	    "Copy past end of file: data is lost", .how = "WRITE seen"),
	ROW("DAXK-016", DEFACTO, GUEST, G | H, "Linux, fuse_dax_direct_write()",
	    "After an extending write i_size and attributes are updated; later bytes in the "
	    "range use the mapping and see the same content.",
	    "Stale zeros in the mapped tail page"),
	ROW("DAXK-017", DEFACTO, GUEST, R | G, "Linux, fuse_fill_iomap_hole()",
	    "A read at or beyond end of file sets up no mapping and returns 0.",
	    "SETUPMAPPING beyond end of file"),
	ROW("DAXK-018", DEFACTO, GUEST, G, "Linux, fs/dax.c and mm",
	    "A fault beyond the last page of i_size gives SIGBUS in the guest.",
	    "Access to foreign memory"),
	ROW("DAXK-019", DEFACTO, GUEST, R | G, "Linux, fuse_do_setattr()",
	    "Truncation of a DAX inode: invalidate lock held, layouts broken over the whole "
	    "file, SETATTR, truncation of page cache and DAX entries; faults wait all along.",
	    "A fault maps a page that is being cut", .how = "no fault SETUPMAPPING between"),
	ROW("DAXK-020", DEFACTO, GUEST, G,
	    "Linux, fix of the DAX truncate and punch-hole fault paths, about 6.15",
	    "The range of break-layout is (0, -1); kernels that passed (0, 0) look only at page "
	    "0 and let pinned pages elsewhere survive a truncate.",
	    "Use (0, 0)", .how = "pin page at offset > 0, truncate"),
	ROW("DAXK-021", DEFACTO, GUEST, R | G, "Linux, fuse_dax_break_layouts()",
	    "An interrupted wait returns an error before SETATTR, FALLOCATE or OPEN is sent; "
	    "nothing has changed on the host.",
	    "The request is sent all the same"),
	ROW("DAXK-022", DEFACTO, GUEST, R | G, "Linux, fuse_open()",
	    "open(O_TRUNC) with atomic O_TRUNC takes inode lock and invalidate lock and breaks "
	    "layouts before OPEN, then zeroes i_size.",
	    "OPEN is sent without the locks"),
	ROW("DAXK-023", DEFACTO, GUEST, R | G, "Linux, fuse_file_fallocate()",
	    "Faults are blocked and layouts broken for changes of size, PUNCH_HOLE and "
	    "ZERO_RANGE; modes other than KEEP_SIZE, PUNCH_HOLE and ZERO_RANGE give EOPNOTSUPP.",
	    "COLLAPSE_RANGE is passed on"),
	ROW("DAXK-024", DEFACTO, GUEST, R, "Linux, fuse_do_setattr()",
	    "Truncation itself frees no range: ranges past the new size live until reclaim or "
	    "eviction.",
	    NULL, .how = "guards against an oracle that is too strict"),
	ROW("DAXK-025", DEFACTO, GUEST, R, "Linux, fuse_evict_inode()",
	    "Eviction drops DAX entries, removes all ranges by REMOVEMAPPING (up to 256 at a "
	    "time), then sends FORGET.",
	    "FORGET before REMOVEMAPPING"),
	ROW("DAXK-026", DEFACTO, GUEST, R, "Linux, virtio_kill_sb() and fuse_dax_cancel_work()",
	    "Unmount stops the reclaim worker, evicts inodes, drains, sends DESTROY; no mapping "
	    "request comes after DESTROY.",
	    "The worker uses a freed connection"),
	ROW("DAXK-027", DEFACTO, GUEST, R,
	    "Linux, fuse_dax_writepages() (a no-op since about 6.13)",
	    "Older kernels flush CPU caches of dirty DAX entries on writeback, newer ones do "
	    "nothing; in both, durability comes only from FSYNC at the device.",
	    "msync returns without FSYNC", .how = "FSYNC on fsync and msync"),
	ROW("DAXK-028", MUST, GUEST, R, "Linux, fuse_fsync(); virtio 1.4, 5.11.6.4",
	    "fsync, fdatasync and msync(MS_SYNC) of a file that DAX made dirty each send FSYNC "
	    "and wait.",
	    "Skipped because no page is dirty"),
	ROW("DAXK-029", DEFACTO, GUEST, G | H,
	    "Linux, fuse_dax_write_iter() and fuse_dax_read_iter()",
	    "DAX reads and writes do not update atime and mtime in the guest; mtime after a "
	    "write that does not extend is the host's and may lag until host writeback or a "
	    "refresh of attributes.",
	    NULL, .how = "do not require mtime at once"),
	ROW("DAXK-030", DEFACTO, GUEST, G, "Linux, fuse_dax_read_iter()",
	    "A DAX read does not refresh i_size; data appended by the host appears only after "
	    "stat, open or lookup refreshed it (or SEEK_END).",
	    NULL, .how = "a documented limitation"),
	ROW("DAXK-031", DEFACTO, GUEST, G, "Linux, fuse_dax_huge_fault()",
	    "Mappings aligned to 2 MiB may be installed as PMD; truncate and reclaim remove the "
	    "whole PMD.",
	    "A part of the PMD stays", .how = "THP-aligned mmap"),
	ROW("DAXK-032", DEFACTO, GUEST, G, "Linux, regression of 5.15 reported in libkrun PR 55",
	    "A read or write of length zero returns 0 and does not hang.",
	    "Loop for ever"),
	ROW("DAXK-033", DEFACTO, GUEST, G, "Linux, fuse_dax_read_iter()",
	    "IOCB_NOWAIT gives EAGAIN where a lock would block.",
	    "Block", .how = "preadv2 RWF_NOWAIT"),
	ROW("DAXK-034", DEFACTO, GUEST, G, "Linux, mm (FOLL_LONGTERM and fs-dax)",
	    "A long-term pin (FOLL_LONGTERM: io_uring fixed buffers, RDMA) of DAX pages is "
	    "refused.",
	    "The pin blocks reclaim for ever", .weak = true),
	ROW("DAXK-035", DEFACTO, GUEST, G, "Linux, mm (MAP_SYNC needs mmap_supported_flags)",
	    "mmap with MAP_SHARED_VALIDATE | MAP_SYNC on virtiofs fails with EOPNOTSUPP.",
	    "Accept it: durability that is none"),
	ROW("DAXK-036", DEFACTO, GUEST, G | H, "Linux, fs/dax.c",
	    "MAP_PRIVATE on DAX: reads see the shared page, writes copy; the host never sees "
	    "them.",
	    "A store leaks to the host", .weak = true),
	ROW("DAXK-037", INFO, GUEST, G, "Linux, fuse_copy_file_range()",
	    "copy_file_range against concurrent stores through a mapping may lose data of a "
	    "partial page without DAX; the suite accepts either outcome.",
	    NULL),
	ROW("DAXK-038", DEFACTO, GUEST, R, "Linux, fuse_file_read_iter()",
	    "DAX is tested before FOPEN_DIRECT_IO: neither that flag nor O_DIRECT has an effect "
	    "on a DAX inode.",
	    "READ and WRITE go around the window", .how = "no READ for O_DIRECT read"),
	ROW("DAXK-039", DEFACTO, GUEST, R | G, "Linux, fuse_setup_one_mapping() and mmap()",
	    "A read-only open with a PROT_READ mapping never sets the WRITE flag; a PROT_WRITE "
	    "shared mapping of an O_RDONLY descriptor gives EACCES.",
	    "A read-only file mapped read-write"),
	ROW("DAXK-040", DEFACTO, GUEST, G, "Linux, virtio_fs_setup_dax()",
	    "Region 0 absent or of length 0: no DAX device, and a mount without dax works.",
	    "Probe fails"),
	ROW("DAXK-041", INFO, GUEST, G, "Linux, fuse_dax_mem_range_init() and allocation of ranges",
	    "A window below 2 MiB has no range; as the code was read, DAX I/O then waits "
	    "(killably) for one that never comes. The suite sets a time limit and reports.",
	    NULL,
	    .derived = true, .how = "1 MiB window; see VIRTIO-FS-DAX-027 and VU-SHMEM-006"),
	ROW("DAXK-042", DEFACTO, GUEST, G, "Linux, virtio_fs_direct_access()",
	    "An access is bounded by the length of the window; a request past its end returns "
	    "only the remaining pages.",
	    "Go past the end", .how = "kunit"),
	ROW("DAXK-043", DEFACTO, GUEST, G, "Linux, mm and fs/dax.c",
	    "The DAX window takes no page cache of the guest: reading a big file leaves Cached "
	    "nearly unchanged.",
	    "Fall back to the page cache silently", .derived = true, .how = "/proc/meminfo"),
	ROW("DAXK-044", DEFACTO, GUEST, R, "Linux, FUSE_I_SIZE_UNSTABLE",
	    "During a truncate by the guest the server's attributes are not applied to its "
	    "size; afterwards it equals the requested one.",
	    "The size jumps", .how = "delayed GETATTR"),
};
/* clang-format on */

const struct spec_section spec_section_daxk = {
	.letter = "R",
	.prefix = "DAXK",
	.title = "Linux guest DAX design (fs/fuse/dax.c)",
	.rows = daxk_rows,
	.count = ARRAY_SIZE(daxk_rows),
};
