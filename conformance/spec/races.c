// SPDX-License-Identifier: Apache-2.0
/* Two actors at once. */
#include "conformance/spec/rows.h"

#include <string.h>

/*
 * The idea: the reference device holds a chosen reply (SETATTR, OPEN, FALLOCATE, GETATTR, WRITE,
 * SETUPMAPPING, REMOVEMAPPING) while the other actor runs; the log of what was made available and
 * used, in order, is the oracle. RACE-32 to 34 need no guest.
 *
 * Where either may win, the oracle accepts every serial order of both. It fails on mixed bytes
 * (torn beyond page or word), bytes of another file, cut data that comes back, loss of data that
 * FSYNC acknowledged, a leaked range or descriptor, and a hang beyond the time limit.
 */

/* clang-format off */
static const struct spec_race races[] = {
	{ .id = "RACE-01",
	  .title = "truncation against a page fault",
	  .setup = "one vCPU does ftruncate(f, 0) while another one faults in page 5",
	  .invariant = "no DAX entry past the new size exists after truncate returned; the fault "
	               "gets SIGBUS, or a page from before the truncation and SIGBUS afterwards; "
	               "no SETUPMAPPING of the cut area is used between SETATTR and its reply",
	  .how = "reference device delays the reply to SETATTR; guest loops on the fault",
	  .means = R | G,
	  .rows = { "DAXK-019" } },
	{ .id = "RACE-02",
	  .title = "truncation against a DAX read(2)",
	  .setup = "the reader copies from the last 2 MiB",
	  .invariant = "the reader returns old bytes or fewer bytes; never bytes of another file, "
	               "never EIO, no SIGBUS in the kernel; a referenced range is not removed",
	  .how = "reference device delays; guest checks a pattern",
	  .means = R | G,
	  .rows = { "DAXK-012", "DAXK-019" } },
	{ .id = "RACE-03",
	  .title = "truncation against a DAX write(2) inside the old size",
	  .setup = "the writer holds the inode lock or waits for it",
	  .invariant = "the final state is that of one serial order: the new size, or the end of "
	               "the write with a hole of zeros before it; a later extension shows no old "
	               "bytes",
	  .how = "guest and host compare with the serial outcomes",
	  .means = G | H,
	  .rows = { "DAXK-015", "DAXK-019" } },
	{ .id = "RACE-04",
	  .title = "truncation against a page pinned at an offset above 0",
	  .setup = "O_DIRECT on a second file system from a buffer mapped by DAX, page 700",
	  .invariant = "truncate waits until the pin is gone; the pinned page is not used for "
	               "another file; kernels that pass (0, 0) fail",
	  .how = "reference device stalls the other I/O",
	  .means = R,
	  .rows = { "DAXK-020" } },
	{ .id = "RACE-05",
	  .title = "a signal while truncate waits for a pin",
	  .setup = "as RACE-04, and SIGKILL or SIGINT to the truncating task",
	  .invariant = "the caller gets an error, no SETATTR is sent, size and content are "
	               "unchanged on both sides",
	  .how = "log of the reference device; host stat",
	  .means = R | H,
	  .rows = { "DAXK-021" } },
	{ .id = "RACE-06",
	  .title = "growth against a store in the tail of the last page",
	  .setup = "a store past end of file in the last page, then growth",
	  .invariant = "bytes between old and new end of file read zero on host and guest after "
	               "the growth (or are the store, only if it came after the growth)",
	  .how = "guest and host compare",
	  .means = G | H,
	  .rows = { "FUSE-MAP-028", "DAXK-016" } },
	{ .id = "RACE-07",
	  .title = "open(O_TRUNC) against a store through another mapping",
	  .setup = "the device delays OPEN",
	  .invariant = "no acknowledged store survives in a page with old content: after open "
	               "size is 0, the mapping gives SIGBUS, a later extension shows zeros",
	  .how = "reference device delays OPEN",
	  .means = R,
	  .rows = { "DAXK-022" } },
	{ .id = "RACE-08",
	  .title = "a failing open(O_TRUNC) against a reader",
	  .setup = "OPEN is answered with an error (EACCES, ENOSPC, EINTR)",
	  .invariant = "size and data are unchanged, faults go on, and the lock-out of writers is "
	               "lifted (no hang)",
	  .how = "reference device injects the error",
	  .means = R,
	  .rows = { "DAXK-021", "DAXK-022" } },
	{ .id = "RACE-09",
	  .title = "two truncations of one file from two descriptors",
	  .setup = "sizes X < Y in any order",
	  .invariant = "final size in guest and host is the same, X or Y; no page beyond it; a "
	               "late reply with attributes does not override it",
	  .how = "reference device changes the order by delays",
	  .means = R,
	  .rows = { "FUSE-ATTR-003", "DAXK-044" } },
	{ .id = "RACE-10",
	  .title = "a reply to GETATTR that is older than a truncation",
	  .setup = "GETATTR is held across SETATTR",
	  .invariant = "the stale size is dropped",
	  .how = "reference device holds the reply",
	  .means = R,
	  .rows = { "FUSE-ATTR-003" } },
	{ .id = "RACE-11",
	  .title = "hole punch against a read fault in the hole",
	  .setup = "FALLOCATE is delayed",
	  .invariant = "after fallocate returned each load from the hole is 0; no fault completes "
	               "with old bytes after that",
	  .how = "reference device delays; guest loads",
	  .means = R | G,
	  .rows = { "DAXK-023" } },
	{ .id = "RACE-12",
	  .title = "hole punch against stores in the hole",
	  .setup = "a loop of stores",
	  .invariant = "each byte is 0 or a stored value, nothing else; later read(2), mapping "
	               "and host agree",
	  .how = "guest and host compare",
	  .means = G | H,
	  .rows = { "DAXK-023" } },
	{ .id = "RACE-13",
	  .title = "zero range against reclaim of the same 2 MiB",
	  .setup = "a small window, the worker is active",
	  .invariant = "zeros stay after the range was mapped again; no older content is written "
	               "back after FALLOCATE",
	  .how = "reference device puts REMOVEMAPPING behind FALLOCATE",
	  .means = R,
	  .rows = { "DAXK-011", "DAXK-023" } },
	{ .id = "RACE-14",
	  .title = "fallocate that extends against an O_APPEND write",
	  .setup = "FALLOCATE grows the file while the append picks its offset",
	  .invariant = "the appended record is whole at a consistent offset; size is the larger "
	               "one; no overlap",
	  .how = "guest and host compare",
	  .means = G | H,
	  .rows = { "DAXK-015", "DAXK-023" } },
	{ .id = "RACE-15",
	  .title = "reclaim against a fault on the same range",
	  .setup = "a window of one or two ranges, two files",
	  .invariant = "the fault sees bytes of its own file only; SETUPMAPPING for the new owner "
	               "is made available after REMOVEMAPPING of the old owner was used",
	  .how = "log of order at the reference device; a pattern per file",
	  .means = R,
	  .rows = { "DAXK-011", "FUSE-MAP-022" } },
	{ .id = "RACE-16",
	  .title = "reclaim against a read or write in progress",
	  .setup = "a copy runs in the range that the worker chooses",
	  .invariant = "a referenced range is skipped; no REMOVEMAPPING until the I/O ended",
	  .how = "reference device and guest",
	  .means = R | G,
	  .rows = { "DAXK-012" } },
	{ .id = "RACE-17",
	  .title = "reclaim against a dirty store",
	  .setup = "a store, no msync, forced reclaim, a new fault",
	  .invariant = "the store is visible after the new fault and on the host, always",
	  .how = "guest and host compare",
	  .means = G | H,
	  .rows = { "FUSE-MAP-023" } },
	{ .id = "RACE-18",
	  .title = "inline reclaim against the worker on one inode",
	  .setup = "a writer with an empty free list while the worker runs",
	  .invariant = "each range is removed once, the free count never exceeds the total, "
	               "nothing is inserted twice",
	  .how = "model of ranges at the reference device",
	  .means = R,
	  .rows = { "DAXK-005", "DAXK-006" } },
	{ .id = "RACE-19",
	  .title = "two tasks fault the same absent 2 MiB",
	  .setup = "start at a barrier, several vCPUs",
	  .invariant = "one SETUPMAPPING, both see data, the spare range is in the pool again",
	  .how = "the reference device counts",
	  .means = R,
	  .rows = { "DAXK-013" } },
	{ .id = "RACE-20",
	  .title = "upgrade to read-write against reclaim of that range",
	  .setup = "a read fault, then a store while the worker picks the range",
	  .invariant = "the store lands in the file: by an upgrade in place or a new read-write "
	               "mapping, never through a read-only or foreign one",
	  .how = "reference device, guest and host",
	  .means = R | G | H,
	  .rows = { "DAXK-014", "FUSE-MAP-014" } },
	{ .id = "RACE-21",
	  .title = "two concurrent upgrades of one range",
	  .setup = "two writers",
	  .invariant = "at most one upgrade is needed; a second one changes nothing; other "
	               "readers see no gap",
	  .how = "reference device and guest",
	  .means = R | G,
	  .rows = { "DAXK-014", "VIRTIO-FS-DAX-025", "VU-SHMEM-012" } },
	{ .id = "RACE-22",
	  .title = "a failing SETUPMAPPING against tasks that wait",
	  .setup = "the device fails with ENOMEM once",
	  .invariant = "the task that failed gets the error; one that waits is woken with the "
	               "returned range; nothing leaks",
	  .how = "reference device injects the error",
	  .means = R,
	  .rows = { "DAXK-004", "DAXK-008" } },
	{ .id = "RACE-23",
	  .title = "SIGKILL while waiting for a free range",
	  .setup = "the window is full of referenced ranges",
	  .invariant = "the task dies, no range is lost, later ones that wait make progress",
	  .how = "guest kills; model of ranges at the reference device",
	  .means = R | G,
	  .rows = { "DAXK-007" } },
	{ .id = "RACE-24",
	  .title = "eviction against reclaim and FORGET",
	  .setup = "unlink and close while the worker holds a range",
	  .invariant = "each range is removed once; all REMOVEMAPPINGs were used before FORGET is "
	               "made available",
	  .how = "reference device",
	  .means = R,
	  .rows = { "DAXK-025" } },
	{ .id = "RACE-25",
	  .title = "umount against the reclaim worker",
	  .setup = "umount during heavy reclaim",
	  .invariant = "no mapping request after DESTROY; no use after free; a new mount works "
	               "with the full window",
	  .how = "reference device; guest (KASAN where there is one)",
	  .means = R | G,
	  .rows = { "DAXK-026" } },
	{ .id = "RACE-26",
	  .title = "unlink of a mapped file, reclaim, a new fault",
	  .setup = "the last name is gone, descriptor and mapping live",
	  .invariant = "the new fault finds the same inode by nodeid; data is intact; space is "
	               "freed only at the end",
	  .how = "guest and host compare",
	  .means = G | H,
	  .rows = { "HTRUNC-010", "FUSE-MAP-010" } },
	{ .id = "RACE-27",
	  .title = "rename over a mapped file",
	  .setup = "another one renames a new file over the mapped name",
	  .invariant = "the old mapping stays with the old inode; a new open gets the new one; "
	               "never both in one 2 MiB range",
	  .how = "guest and host compare",
	  .means = G | H,
	  .rows = { "MULTI-010" } },
	{ .id = "RACE-28",
	  .title = "an extending write against a mapping of the new tail",
	  .setup = "FUSE_WRITE is delayed while another task faults at the new offset",
	  .invariant = "SIGBUS before i_size is updated, new bytes after it; never zeros that "
	               "later stay over the data",
	  .how = "reference device delays WRITE",
	  .means = R,
	  .rows = { "DAXK-015", "DAXK-016" } },
	{ .id = "RACE-29",
	  .title = "fsync against stores and reclaim",
	  .setup = "store S1, fsync, reclaim, store S2, power cut",
	  .invariant = "S1 is durable; S2 may be; an error of FSYNC at the device is not lost",
	  .how = "host with a model of power failure; reference device",
	  .means = R | H,
	  .rows = { "DAXK-028", "VIRTIO-FS-DAX-015" } },
	{ .id = "RACE-30",
	  .title = "truncation on the host against a guest fault",
	  .setup = "the host shrinks the file between SETUPMAPPING and the access",
	  .invariant = "only outcomes that HTRUNC-001 allows; clean SIGBUS or end of file after a "
	               "refresh of attributes; other files and guests unharmed",
	  .how = "host truncates; guest loads",
	  .means = G | H,
	  .rows = { "HTRUNC-001", "HTRUNC-002", "HTRUNC-003", "HTRUNC-004" } },
	{ .id = "RACE-31",
	  .title = "a private copy against truncation",
	  .setup = "a private dirty page at the cut offset, fork",
	  .invariant = "access past the new end of file gives SIGBUS for pages of the file, and "
	               "private copies behave as on Linux; nothing reaches the host",
	  .how = "guest and host compare",
	  .means = G | H,
	  .rows = { "DAXK-036" } },
	{ .id = "RACE-32",
	  .title = "device: SETUPMAPPING against REMOVEMAPPING at one moffset",
	  .setup = "both in flight on two queues",
	  .invariant = "the result is one of the two serial orders; table and real mapping agree",
	  .how = "front end without a guest",
	  .means = D,
	  .rows = { "FUSE-MAP-026" } },
	{ .id = "RACE-33",
	  .title = "device: reset or a second INIT against a SETUPMAPPING in flight",
	  .setup = "reset while the acknowledgement of MAP is pending",
	  .invariant = "the window is empty afterwards, no late MAP, nothing completes into the "
	               "old ring",
	  .how = "front end without a guest",
	  .means = D,
	  .rows = { "VU-SHMEM-014", "VIRTIO-FS-INIT-005" } },
	{ .id = "RACE-34",
	  .title = "device: LOOKUP on a request queue against FORGET on the high priority queue",
	  .setup = "many loops on one name",
	  .invariant = "the count is exact; the nodeid stays valid while it is above 0; nothing "
	               "is freed early",
	  .how = "front end without a guest",
	  .means = D,
	  .rows = { "VIRTIO-FS-HIPRIO-014" } },
	{ .id = "RACE-35",
	  .title = "copy_file_range against stores at the edge of its destination",
	  .setup = "partial pages",
	  .invariant = "each byte is the source's or a stored one; the loss that is documented "
	               "without DAX is allowed and reported apart",
	  .how = "guest and host compare",
	  .means = G | H,
	  .rows = { "DAXK-037" } },
};
/* clang-format on */

const struct spec_race *spec_races(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(races);
	return races;
}

const struct spec_race *spec_race_find(const char *id)
{
	for (size_t i = 0; i < ARRAY_SIZE(races); i++) {
		if (strcmp(races[i].id, id) == 0)
			return &races[i];
	}
	return NULL;
}
