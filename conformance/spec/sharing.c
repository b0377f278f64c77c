// SPDX-License-Identifier: Apache-2.0
/* Several guests and host writers on one tree; files cut under a mapping; virtio-pmem. */
#include "conformance/spec/rows.h"

/* U. Several guests / host writers on one tree */
/* clang-format off */
static const struct spec_row multi_rows[] = {
	ROW("MULTI-001", DEFACTO, ANYONE, G,
	    "Linux, Documentation/filesystems/dax.rst and virtiofs.rst",
	    "Two DAX guests with MAP_SHARED of one file share the host's pages: a store is "
	    "visible to the other at once.",
	    "A private mapping", .derived = true, .how = "two guests"),
	ROW("MULTI-002", DEFACTO, ANYONE, G,
	    "own inference, from CPU cache coherence on shared pages",
	    "Atomic read-modify-write works across DAX guests; futex wait and wake do not cross "
	    "guests.",
	    "Increments are lost", .derived = true, .weak = true, .how = "two guests"),
	ROW("MULTI-003", DEFACTO, ANYONE, G, "own inference, from the cache modes",
	    "DAX writer and non-DAX reader: the reader sees data as its cache mode says.",
	    NULL, .derived = true, .how = "two guests"),
	ROW("MULTI-004", DEFACTO, GUEST, G, "Linux, i_size of each guest",
	    "Size is not shared: growth by A is usable in B only after B refreshed attributes.",
	    "B reads beyond its size", .how = "two guests"),
	ROW("MULTI-005", DEFACTO, ANYONE, G, "own inference, from HTRUNC-001",
	    "Truncate by A is a host truncation for B.",
	    NULL, .derived = true, .how = "two guests; outcomes of HTRUNC-001"),
	ROW("MULTI-006", DEFACTO, DEVICE, G, "virtiofsd, locks are local",
	    "flock and fcntl locks do not exclude other guests unless remote locks are offered.",
	    NULL, .how = "two guests"),
	ROW("MULTI-007", DEFACTO, DEVICE, G | H,
	    "virtiofsd, write path (RWF_APPEND); Linux, file_extending_write()",
	    "O_APPEND from two guests in write-through: no overlap, no lost record; not "
	    "guaranteed with writeback.",
	    "Both write at one offset", .how = "two guests"),
	ROW("MULTI-008", DEFACTO, GUEST, G, "FUSE 7.45, struct fuse_entry_out",
	    "Rename or unlink by B is seen by A after the entry timeout; A's open handles and "
	    "mappings persist.",
	    "ESTALE on open fd", .how = "two guests"),
	ROW("MULTI-009", MUST, DEVICE, D | G, "FUSE 7.45, FUSE_CREATE",
	    "CREATE with O_EXCL from two guests: exactly one success.",
	    "Both succeed", .how = "two guests, or two clients"),
	ROW("MULTI-010", MUST, DEVICE, D | G | H, "POSIX.1-2017, rename()",
	    "rename over an existing name is atomic for all observers: old or new, never ENOENT "
	    "(but for effects of the entry timeout).",
	    "unlink and link", .derived = true, .how = "two guests"),
	ROW("MULTI-011", MUST, DEVICE, D | H, "own inference, from reuse of inode numbers",
	    "After unlink and reuse of the host's inode number, the old nodeid never resolves "
	    "to the new file.",
	    "nodeid is st_ino", .derived = true),
	ROW("MULTI-012", MUST, VMM, D | H, "own inference, from isolation of guests",
	    "The window of one guest, its content and mappings, is never reachable from another "
	    "guest.",
	    "One reservation for both", .derived = true),
};
/* clang-format on */

const struct spec_section spec_section_multi = {
	.letter = "U",
	.prefix = "MULTI",
	.title = "several guests / host writers on one tree",
	.rows = multi_rows,
	.count = ARRAY_SIZE(multi_rows),
};

/* V. Host shrinks or punches a file under a live mapping */
/* clang-format off */
static const struct spec_row htrunc_rows[] = {
	ROW("HTRUNC-001", DEFACTO, VMM, R | G | H,
	    "Linux, KVM page faults beyond host end of file (RFC of 2020, not merged)",
	    "Guest access to a page now past host end of file. Allowed: that access stalls, the "
	    "VM stops with an error, or SIGBUS in the guest. Not allowed: silently wrong data, "
	    "a crash of the host, harm to other guests.",
	    "A zero page is served silently; SIGBUS kills the VMM"),
	ROW("HTRUNC-002", MUST, VMM, D | H, "own inference, from POSIX mmap() and SIGBUS",
	    "A thread of VMM or daemon that touches the mapping survives SIGBUS.",
	    "The process dies", .derived = true),
	ROW("HTRUNC-003", DEFACTO, GUEST, G, "Linux, fuse_change_attributes()",
	    "After a refresh of attributes the guest drops entries past the new size: read "
	    "gives end of file, a mapping gives SIGBUS.",
	    "A stale DAX entry is kept"),
	ROW("HTRUNC-004", INFO, GUEST, R | G,
	    "Linux, fuse_change_attributes() (takes no invalidate lock)",
	    "Truncation by the server is not serialised against faults as one by the guest is; "
	    "a fault may install a page again until the next refresh.",
	    NULL),
	ROW("HTRUNC-005", DEFACTO, ANYONE, D | G | H, "POSIX.1-2017, ftruncate()",
	    "File shrunk and grown again on the host: pages read zeros or new bytes, never old "
	    "ones.",
	    "Old data comes back", .weak = true),
	ROW("HTRUNC-006", DEFACTO, ANYONE, D | G, "Linux, fallocate() with FALLOC_FL_PUNCH_HOLE",
	    "Hole punched on the host: its zeros are visible at once through DAX.",
	    "The old page is pinned", .weak = true),
	ROW("HTRUNC-007", DEFACTO, DEVICE, D, "own inference, from FUSE-MAP-009",
	    "SETUPMAPPING after a shrink on the host succeeds (or gives an errno) and cannot "
	    "kill the device.",
	    "An assertion on st_size", .derived = true),
	ROW("HTRUNC-008", DEFACTO, GUEST, R | G, "Linux, fuse_short_read()",
	    "Without DAX a short READ lowers i_size if attributes did not change meanwhile "
	    "(write-through).",
	    "A tail of zeros is returned as data"),
	ROW("HTRUNC-009", DEFACTO, GUEST, G | H, "own inference, from HTRUNC-001",
	    "A stalled access of a vCPU goes on after the host grew the file again.",
	    "Stall for ever", .derived = true),
	ROW("HTRUNC-010", DEFACTO, DEVICE, G | H, "POSIX.1-2017, unlink()",
	    "Host unlink of a mapped file: mapping and open descriptor keep working; space is "
	    "freed after REMOVEMAPPING, FORGET and RELEASE.",
	    "A leaked descriptor keeps the space", .weak = true, .how = "df"),
};
/* clang-format on */

const struct spec_section spec_section_htrunc = {
	.letter = "V",
	.prefix = "HTRUNC",
	.title = "host shrinks or punches a file under a live mapping",
	.rows = htrunc_rows,
	.count = ARRAY_SIZE(htrunc_rows),
};

/* W. Virtio-pmem (comparison device for persistence semantics) */
/* clang-format off */
static const struct spec_row pmem_rows[] = {
	ROW("PMEM-001", MUST, DEVICE, R | G, "virtio 1.4, 5.19.1",
	    "Device ID is 27; there is one request queue.",
	    NULL),
	ROW("PMEM-002", MUST, DEVICE, R | G, "virtio 1.4, 5.19.4",
	    "le64 start and le64 size of the configuration space describe the physical range "
	    "when SHMEM_REGION is not negotiated.",
	    "Swap the two"),
	ROW("PMEM-003", MUST, DEVICE, R | G, "virtio 1.4, 5.19.3",
	    "With feature bit 0 the range is shared memory region 0; start and size should be "
	    "zero.",
	    "Use region 1"),
	ROW("PMEM-004", MUST, DEVICE, H, "virtio 1.4, 5.19.7.1",
	    "A flush completes only when all writes that completed before it was made available "
	    "would survive reset and power loss.",
	    "Complete before fsync", .how = "power-fail model"),
	ROW("PMEM-005", MUST, DEVICE, D, "virtio 1.4, 5.19.7.3",
	    "Response: le32 ret, 0 for success, -1 for failure; request: le32 type 0.",
	    "Return errno values; always 0"),
	ROW("PMEM-006", DEFACTO, GUEST, R | G, "Linux, drivers/nvdimm/nd_virtio.c",
	    "A failed flush gives EIO to fsync.",
	    "The error is swallowed"),
	ROW("PMEM-007", DEFACTO, GUEST, R, "Linux, drivers/nvdimm/nd_virtio.c",
	    "When the request queue is full the caller waits and is woken in order; no wake-up "
	    "is lost.",
	    "Hang"),
	ROW("PMEM-008", DEFACTO, GUEST, R, "Linux, drivers/nvdimm/nd_virtio.c",
	    "A device that needs a reset gives EIO, and no request is sent to it.",
	    "Send a request to the broken device"),
	ROW("PMEM-009", DEFACTO, GUEST, R, "Linux, virtio_pmem_validate()",
	    "SHMEM_REGION offered but the region missing: the feature is cleared and the "
	    "configuration fields are used.",
	    "Probe with start 0 and size 0"),
	ROW("PMEM-010", DEFACTO, GUEST, G, "Linux, ND_REGION_ASYNC of virtio_pmem",
	    "mmap with MAP_SYNC on a file system over virtio-pmem is refused with EOPNOTSUPP.",
	    "Accept it: durability by a CPU flush only", .how = "ext4/xfs -o dax"),
	ROW("PMEM-011", DEFACTO, GUEST, R, "Linux, drivers/nvdimm/nd_virtio.c",
	    "fsync and msync on a file system over virtio-pmem send a flush request.",
	    "Send no request"),
	ROW("PMEM-012", SHOULD, DEVICE, H, "virtio 1.4, 5.19",
	    "A backing file should not be shared between guests (page-cache side channel, "
	    "eviction).",
	    "A shared backing file"),
	ROW("PMEM-013", DEFACTO, DEVICE, R | H, "own inference, from virtio 1.4, 5.19.7.1",
	    "Concurrent flushes may be merged, but each completes only after its own preceding "
	    "writes are durable.",
	    "The second one completes early", .derived = true),
	ROW("PMEM-014", INFO, ANYONE, G, "virtio 1.4, 5.11.6.4 and 5.19.7",
	    "virtio-fs DAX and virtio-pmem share one rule: a store is visible at once, "
	    "durability needs a virtio request (FSYNC or FLUSH); both are right to refuse "
	    "MAP_SYNC.",
	    NULL),
};
/* clang-format on */

const struct spec_section spec_section_pmem = {
	.letter = "W",
	.prefix = "PMEM",
	.title = "virtio-pmem (comparison device for persistence semantics)",
	.rows = pmem_rows,
	.count = ARRAY_SIZE(pmem_rows),
};
