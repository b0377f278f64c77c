// SPDX-License-Identifier: Apache-2.0
#include "record/metrics.h"

#include "base/cleanup.h"

#include <string.h>

/* Names, PMIDs, types, semantics and units of PCP's own agent for Linux (PMDA 60), checked against it
 * by bench/test/real_record.c; the words are ours. */
#define LINUX(name_, cluster_, item_, type_, sem_, unit_, key_, help_)                           \
	{                                                                                        \
		.name = (name_), .domain = RECORD_DOMAIN_LINUX, .cluster = (cluster_),           \
		.item = (item_), .type = (type_), .sem = (sem_), .unit = (unit_), .key = (key_), \
		.help = (help_), .indom = RECORD_SINGULAR, .side = RECORD_BOTH,                  \
	}
#define MEMINFO(name_, item_, line_, help_)                                        \
	LINUX("mem.util." name_, 1, item_, RECORD_U64, RECORD_INSTANT, UNIT_KBYTE, \
	      "meminfo:" line_, help_)
#define VMSTAT(name_, item_, help_)                                                   \
	LINUX("mem.vmstat." name_, 28, item_, RECORD_U64, RECORD_COUNTER, UNIT_COUNT, \
	      "vmstat:" name_, help_)
#define CPU(name_, item_, column_, help_)                                               \
	LINUX("kernel.all.cpu." name_, 0, item_, RECORD_U64, RECORD_COUNTER, UNIT_MSEC, \
	      "stat:cpu:" column_, help_)
#define PRESSURE(name_, cluster_, item_, key_, help_)                                             \
	LINUX("kernel.all.pressure." name_ ".total", cluster_, item_, RECORD_U64, RECORD_COUNTER, \
	      UNIT_USEC, "pressure:" key_, help_)
/* kernel.all.load: instance domain 60.2, its instances are numbered by their minutes. */
#define LOAD(minutes_, column_)                                                                    \
	{                                                                                          \
		.name = "kernel.all.load", .domain = RECORD_DOMAIN_LINUX, .cluster = 2, .item = 0, \
		.indom = 2, .instance = #minutes_ " minute", .instance_id = (minutes_),            \
		.type = RECORD_FLOAT, .sem = RECORD_INSTANT, .unit = UNIT_NONE,                    \
		.key = "loadavg:" column_, .side = RECORD_BOTH,                                    \
		.help = "load average over 1, 5 and 15 minutes",                                   \
	}
#define OURS(name_, item_, type_, sem_, unit_, side_, key_, help_)                               \
	{                                                                                        \
		.name = "virtiofs_qual." name_, .domain = RECORD_DOMAIN_OURS, .cluster = 0,      \
		.item = (item_), .type = (type_), .sem = (sem_), .unit = (unit_), .key = (key_), \
		.help = (help_), .indom = RECORD_SINGULAR, .side = (side_),                      \
	}
#define TREE(name_, item_, sem_, unit_, key_, help_) \
	OURS(name_, item_, RECORD_U64, sem_, unit_, RECORD_HOST, key_, help_)
/* What the driver feeds; instance domain 245.1 are FUSE opcodes by their number, 0 is "OTHER". */
#define BY_OPCODE(name_, item_, unit_, help_)                                                 \
	{                                                                                     \
		.name = (name_), .domain = RECORD_DOMAIN_OURS, .cluster = 0, .item = (item_), \
		.indom = 1, .type = RECORD_U64, .sem = RECORD_COUNTER, .unit = (unit_),       \
		.side = RECORD_HOST, .help = (help_),                                         \
	}
#define DEVICE_OP(name_, item_, unit_, help_) BY_OPCODE(RECORD_DEVICE name_, item_, unit_, help_)
#define DEVICE(name_, item_, sem_, unit_, help_) \
	OURS("device." name_, item_, RECORD_U64, sem_, unit_, RECORD_HOST, NULL, help_)

static const struct record_metric metrics[] = {
	LINUX("mem.physmem", 1, 0, RECORD_U64, RECORD_DISCRETE, UNIT_KBYTE, "meminfo:MemTotal",
	      "memory that the kernel has"),
	MEMINFO("free", 2, "MemFree", "memory that nobody uses"),
	MEMINFO("bufmem", 4, "Buffers", "page cache of block devices"),
	MEMINFO("cached", 5, "Cached", "page cache of files, shared memory included"),
	MEMINFO("active", 14, "Active", "memory on the active lists"),
	MEMINFO("inactive", 15, "Inactive", "memory on the inactive lists"),
	MEMINFO("dirty", 22, "Dirty", "memory that waits to be written back"),
	MEMINFO("writeback", 23, "Writeback", "memory that is being written back"),
	MEMINFO("mapped", 24, "Mapped", "page cache that is mapped by processes"),
	MEMINFO("slab", 25, "Slab", "memory of the kernel's own objects"),
	MEMINFO("committed_AS", 26, "Committed_AS", "memory that was promised"),
	MEMINFO("pageTables", 27, "PageTables", "memory of page tables"),
	MEMINFO("anonpages", 30, "AnonPages", "anonymous memory in page tables"),
	MEMINFO("slabReclaimable", 34, "SReclaimable",
		"slab that can be reclaimed: dentries, inodes"),
	MEMINFO("slabUnreclaimable", 35, "SUnreclaim", "slab that cannot be reclaimed"),
	MEMINFO("shmem", 42, "Shmem", "shared memory and tmpfs: on the host, a guest's RAM"),
	MEMINFO("kernelStack", 43, "KernelStack", "memory of kernel stacks"),
	MEMINFO("anonhugepages", 56, "AnonHugePages", "anonymous memory in huge pages"),
	MEMINFO("available", 58, "MemAvailable", "memory that could be had without swapping"),
	VMSTAT("pgpgin", 6, "KiB read from block devices"),
	VMSTAT("pgpgout", 7, "KiB written to block devices"),
	VMSTAT("pswpin", 8, "pages swapped in"),
	VMSTAT("pswpout", 9, "pages swapped out"),
	VMSTAT("pgfree", 13, "pages freed"),
	VMSTAT("pgactivate", 14, "pages moved to the active lists"),
	VMSTAT("pgfault", 16, "page faults, minor ones included"),
	VMSTAT("pgmajfault", 17, "page faults that had to wait for a device or a daemon"),
	VMSTAT("thp_fault_alloc", 73, "huge pages given to page faults"),
	VMSTAT("nr_dirtied", 91, "pages that became dirty"),
	VMSTAT("nr_written", 94, "pages that were written back"),
	VMSTAT("drop_pagecache", 109, "times that somebody dropped the page cache"),
	VMSTAT("pgscan_direct", 146, "pages looked at by processes short of memory"),
	VMSTAT("pgscan_kswapd", 148, "pages looked at by kswapd"),
	VMSTAT("pgsteal_direct", 149, "pages reclaimed by processes short of memory"),
	VMSTAT("pgsteal_kswapd", 150, "pages reclaimed by kswapd"),
	CPU("user", 20, "0", "time in programs, that of guests under KVM included"),
	CPU("nice", 21, "1", "time in programs of low priority"),
	CPU("sys", 22, "2", "time in the kernel"),
	CPU("idle", 23, "3", "time with nothing to do"),
	CPU("wait.total", 35, "4", "idle time while input or output was waited for"),
	CPU("irq.hard", 54, "5", "time in interrupts"),
	CPU("irq.soft", 53, "6", "time in soft interrupts"),
	CPU("steal", 55, "7", "time that the host gave to others"),
	CPU("guest", 60, "8", "time of guests under KVM, also counted in user"),
	CPU("guest_nice", 81, "9", "time of low-priority guests under KVM, also counted in nice"),
	LINUX("kernel.all.intr", 0, 12, RECORD_U64, RECORD_COUNTER, UNIT_COUNT, "stat:intr:0",
	      "interrupts"),
	LINUX("kernel.all.pswitch", 0, 13, RECORD_U64, RECORD_COUNTER, UNIT_COUNT, "stat:ctxt:0",
	      "context switches"),
	LINUX("kernel.all.sysfork", 0, 14, RECORD_U64, RECORD_COUNTER, UNIT_COUNT,
	      "stat:processes:0", "processes and threads started"),
	LINUX("kernel.all.running", 0, 15, RECORD_U64, RECORD_INSTANT, UNIT_NONE,
	      "stat:procs_running:0", "processes that run or could"),
	LINUX("kernel.all.blocked", 0, 16, RECORD_U64, RECORD_INSTANT, UNIT_NONE,
	      "stat:procs_blocked:0", "processes that wait for input or output"),
	LOAD(1, "0"),
	LOAD(5, "1"),
	LOAD(15, "2"),
	LINUX("kernel.all.runnable", 2, 2, RECORD_U32, RECORD_INSTANT, UNIT_NONE, "loadavg:3",
	      "threads in run queues"),
	LINUX("kernel.all.nprocs", 2, 3, RECORD_U32, RECORD_INSTANT, UNIT_NONE, "loadavg:4",
	      "threads that exist"),
	PRESSURE("cpu.some", 83, 1, "cpu:some", "time in which something waited for a CPU"),
	PRESSURE("memory.some", 84, 1, "memory:some", "time in which something waited for memory"),
	PRESSURE("memory.full", 84, 3, "memory:full", "time in which everything waited for memory"),
	PRESSURE("io.some", 85, 1, "io:some", "time in which something waited for a device"),
	PRESSURE("io.full", 85, 3, "io:full", "time in which everything waited for a device"),
	OURS("phase", 1, RECORD_STRING, RECORD_DISCRETE, UNIT_NONE, RECORD_BOTH, NULL,
	     "phase of the pass that began here; \"end\" when it was over"),
	TREE("vmm.cpu", 2, RECORD_COUNTER, UNIT_NSEC, "vmm:cpu", "CPU time of the VMM"),
	TREE("vmm.anon", 3, RECORD_INSTANT, UNIT_KBYTE, "vmm:anon",
	     "anonymous memory of the VMM, shared pages by their share (Pss_Anon)"),
	TREE("vmm.pss", 4, RECORD_INSTANT, UNIT_KBYTE, "vmm:pss",
	     "memory of the VMM, shared pages by their share: holds part of the guest's RAM"),
	TREE("vmm.threads", 5, RECORD_INSTANT, UNIT_NONE, "vmm:threads", "threads of the VMM"),
	TREE("daemon.cpu", 6, RECORD_COUNTER, UNIT_NSEC, "daemon:cpu",
	     "CPU time of the daemon and its living children"),
	TREE("daemon.anon", 7, RECORD_INSTANT, UNIT_KBYTE, "daemon:anon",
	     "anonymous memory of the daemon and its children (Pss_Anon)"),
	TREE("daemon.pss", 8, RECORD_INSTANT, UNIT_KBYTE, "daemon:pss",
	     "memory of the daemon and its children, shared pages by their share"),
	TREE("daemon.read_bytes", 9, RECORD_COUNTER, UNIT_BYTE, "daemon:read_bytes",
	     "bytes that the daemon and its children had fetched from devices"),
	TREE("daemon.write_bytes", 10, RECORD_COUNTER, UNIT_BYTE, "daemon:write_bytes",
	     "bytes that the daemon and its children caused to be written to devices"),
	TREE("daemon.fds", 11, RECORD_INSTANT, UNIT_NONE, "daemon:fds",
	     "open descriptors of the daemon and its children"),
	TREE("daemon.threads", 12, RECORD_INSTANT, UNIT_NONE, "daemon:threads",
	     "threads of the daemon and its children"),
	TREE("share.cached_bytes", 13, RECORD_INSTANT, UNIT_BYTE, "share",
	     "bytes of the share's data file in the host's page cache"),
	BY_OPCODE(RECORD_OPS, 14, UNIT_COUNT, "requests that the device has taken, by FUSE opcode"),
	DEVICE_OP("ops", 15, UNIT_COUNT,
		  "requests that virtiofs-refdev says it has served, by FUSE opcode"),
	DEVICE_OP("errors", 16, UNIT_COUNT, "of these, answered with an error"),
	DEVICE_OP("time", 17, UNIT_NSEC,
		  "time from taken off the ring to given back, summed: over ops, the latency"),
	DEVICE_OP("bytes_in", 18, UNIT_BYTE,
		  "bytes of requests: headers, arguments, data to be written"),
	DEVICE_OP("bytes_out", 19, UNIT_BYTE, "bytes of replies: headers, results, data read"),
	DEVICE("payload.read", 20, RECORD_COUNTER, UNIT_BYTE, "data of READ, without headers"),
	DEVICE("payload.written", 21, RECORD_COUNTER, UNIT_BYTE, "data of WRITE, without headers"),
	DEVICE("kicks", 22, RECORD_COUNTER, UNIT_COUNT,
	       "notifications that the device has got: the relay's, in an observed pass"),
	DEVICE("interrupts", 23, RECORD_COUNTER, UNIT_COUNT, "notifications that it has given"),
	DEVICE("window.size", 24, RECORD_DISCRETE, UNIT_BYTE,
	       "size of the DAX window; 0: the device has none"),
	DEVICE("window.setups", 25, RECORD_COUNTER, UNIT_COUNT, "mappings made in the window"),
	DEVICE("window.removals", 26, RECORD_COUNTER, UNIT_COUNT,
	       "mappings taken out of it: setups - mappings"),
	DEVICE("window.upgrades", 27, RECORD_COUNTER, UNIT_COUNT,
	       "SETUPMAPPING that made a mapping writable"),
	DEVICE("window.refused", 28, RECORD_COUNTER, UNIT_COUNT,
	       "maps and unmaps that the VMM refused"),
	DEVICE("window.mappings", 29, RECORD_INSTANT, UNIT_NONE, "mappings that are live"),
	DEVICE("window.mapped", 30, RECORD_INSTANT, UNIT_BYTE,
	       "bytes of the window that are mapped: over window.size, its occupancy"),
	DEVICE("window.mapped_max", 31, RECORD_INSTANT, UNIT_BYTE,
	       "most bytes that were mapped at once, so far"),
	DEVICE("window.map_time", 32, RECORD_COUNTER, UNIT_NSEC,
	       "time that SHMEM_MAP took, there and back, summed"),
	DEVICE("window.unmap_time", 33, RECORD_COUNTER, UNIT_NSEC,
	       "time that SHMEM_UNMAP took, there and back, summed"),
	DEVICE("window.setup_time", 34, RECORD_COUNTER, UNIT_NSEC,
	       "time that SETUPMAPPING took, map_time included, summed"),
	DEVICE("window.setup_wait_time", 36, RECORD_COUNTER, UNIT_NSEC,
	       "time of it until the VMM had replied, summed"),
	DEVICE("window.setup_told_time", 37, RECORD_COUNTER, UNIT_NSEC,
	       "time of it from then until the VMM had announced the memory, summed"),
	DEVICE("window.tail_shadow", 35, RECORD_DISCRETE, UNIT_NONE,
	       "1: last pages of files are shadow copies; 0: they are the files' own"),
};

const struct record_metric *record_metrics(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(metrics);
	return metrics;
}

const struct record_metric *record_metric_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++)
		if (strcmp(metrics[i].name, name) == 0)
			return &metrics[i];
	return NULL;
}
