// SPDX-License-Identifier: Apache-2.0
/* Bugs that were published: each becomes a check named after it, or a waiver. */
#include "conformance/spec/rows.h"

#include <string.h>

/*
 * Sources are named as the public record names them; `fixed` holds what that record says and
 * NULL where we know of no statement, which does not mean that the bug is there still. Verify both
 * before citing them. Not a virtio-fs bug, though it is called one: CVE-2020-35506 (a SCSI
 * adapter). None found: fork with DAX; MAP_SYNC on virtio-fs or virtio-pmem.
 */

enum {
	CLIENT = SPEC_BY_CLIENT,
	IN_GUEST = SPEC_BY_GUEST,
	ON_HOST = SPEC_BY_HOST,
	BY_VMM = SPEC_BY_VMM,
	BY_DEVICE = SPEC_BY_DEVICE,
};

#define BUG(number_, who_, means_, title_, text_, affected_, fixed_, source_)                      \
	{                                                                                          \
		.id = "BUG-" number_, .title = (title_), .text = (text_), .affected = (affected_), \
		.fixed = (fixed_), .source = (source_), .who = (who_), .means = (means_),          \
	}

/* clang-format off */
static const struct spec_bug bugs[] = {
	/* security */
	BUG("01", CLIENT | IN_GUEST, D | G, "file descriptors of the host run out",
	    "a guest opens as many files as it can",
	    "C virtiofsd, QEMU 5.0 and later", NULL, "CVE-2020-10717"),
	BUG("02", CLIENT, D, "access to devices of the host",
	    "MKNOD of a device node, then OPEN of it",
	    "C virtiofsd", NULL, "CVE-2020-35517"),
	BUG("03", CLIENT | IN_GUEST, D | G, "security.capability is kept after a write",
	    "an xattrmap renames that attribute, so the host's kernel does not drop it",
	    "C virtiofsd", NULL, "CVE-2021-20263"),
	BUG("04", CLIENT | IN_GUEST, D | G, "a new file in an SGID directory gets the wrong group",
	    "a user who is no member of the group creates it; supplementary groups of the daemon "
	    "are kept",
	    "C and Rust virtiofsd", "virtiofsd 20f40ae", "CVE-2022-0358, GHSA-mv2v-9q68-4c8h"),
	BUG("05", CLIENT, D, "out-of-bounds access in vmm-sys-util",
	    "a dependency of virtiofsd deserialises a length that it does not check",
	    "vmm-sys-util, in Rust virtiofsd", NULL, "CVE-2023-50711 (SLE virtiofsd.changes)"),
	BUG("06", CLIENT, D, "a symbolic link is made outside the share",
	    "a raw FUSE_SYMLINK with an absolute name, sandbox none",
	    "kata-containers runtime-rs: Rust virtiofsd as root with --sandbox none",
	    "kata-containers 3.31.0 (ffa59ce3aa78)",
	    "CVE-2026-47243, GHSA-2gv2-cffp-j227 (golang/vulndb issue 5042)"),
	BUG("07", ON_HOST, H, "the host's root is served",
	    "arguments that someone injects hold -o source=/",
	    "not known to us: any that lets others add words to the daemon's command line", NULL,
	    "GHSA-rr59-xxvx-96qr"),
	BUG("08", BY_VMM, R | G, "memory leaks in probe",
	    "two devices with the same tag",
	    "Linux guest", NULL, "CVE-2021-46956"),
	BUG("09", IN_GUEST, R | G, "insmod hangs for ever",
	    "the kernel reads a file of 10 MB into its own memory, cache none",
	    "Linux guest", NULL, "CVE-2024-53219"),
	BUG("10", IN_GUEST, R | G, "use after free, oops",
	    "umount of a submount while a RELEASE is pending",
	    "Linux guest", NULL, "CVE-2026-53381"),
	BUG("11", IN_GUEST, R | G, "warning in truncate_folio_batch_exceptionals",
	    "DAX entries are left when an inode is evicted",
	    "Linux guest", NULL, "CVE-2025-38357"),
	BUG("12", IN_GUEST, G, "a DAX entry is skipped after a wait",
	    "entries are scanned while some are locked",
	    "Linux guest", NULL, "CVE-2025-38276"),
	BUG("13", BY_DEVICE, R, "24 bytes are written past a page",
	    "the server sends a directory entry with namelen 4095",
	    "Linux guest", NULL, "CVE-2026-31694"),
	BUG("14", BY_DEVICE, R, "forged length or unique is accepted",
	    "a hostile server replies with lengths or unique values of its choice",
	    "Linux guest", "Linux 68b69fa0edb2", "kernel 68b69fa0edb2"),
	BUG("15", CLIENT, D, "use of a freed inode in the daemon",
	    "FORGET with counts that the guest makes up, while another thread uses the inode",
	    "C virtiofsd, before release", "QEMU c241aa9457d8", "qemu c241aa9457d8"),

	/* DAX */
	BUG("16", IN_GUEST, R | G, "a fault races a truncation",
	    "hole punch against mmap", "Linux guest", "Linux 6ae330cad6ef", "kernel 6ae330cad6ef"),
	BUG("17", ON_HOST, R | G | H, "a vCPU loops for ever",
	    "the host truncates a file that a guest has mapped", "KVM and QEMU", NULL,
	    "LKML, March 2020, message 09162"),
	BUG("18", IN_GUEST, G, "hang", "read of zero bytes, or at end of file, with DAX",
	    "Linux guest 5.15", NULL, "libkrun PR 55, kata-containers issue 4230"),
	BUG("19", IN_GUEST, G, "ptrace is broken",
	    "a debugger writes to program text that is mapped by DAX",
	    "Linux guest", NULL, "libkrun PR 55"),
	BUG("20", IN_GUEST, R | G, "a worker waits for itself",
	    "the last close of a file issues REMOVEMAPPING", "Linux guest", "Linux 42fbb31310b2",
	    "kernel 42fbb31310b2"),
	BUG("21", IN_GUEST, R | G, "later faults stall", "a signal during open(O_TRUNC)",
	    "Linux guest", "Linux a927f18 (7288c279ddbd)", "kernel a927f18"),
	BUG("22", IN_GUEST, R | G, "open(O_TRUNC) deadlocks", "against invalidation of pages",
	    "Linux guest", "Linux 2fdbb8d", "kernel 2fdbb8d"),
	BUG("23", IN_GUEST, G, "oops in dax_to_folio", "any DAX fault",
	    "Linux guest 6.17-rc", "Linux e1bf212d0604", "kernel e1bf212d0604"),
	BUG("24", IN_GUEST, R | G, "layouts are not broken as they should",
	    "truncation or hole punch while pages are pinned", "Linux guest", "Linux 7851bf649d42",
	    "kernel 7851bf649d42"),
	BUG("25", IN_GUEST, G, "a mount with dax succeeds without DAX", "the device has no window",
	    "Linux guest", "Linux 3f9b9efd82a8", "kernel 3f9b9efd82a8"),
	BUG("26", BY_VMM, D | H, "VMM and daemon deadlock",
	    "reset while mappings are live; fewer than 5 reboots before the fix, more than 1500 "
	    "after it",
	    "QEMU and C virtiofsd with DAX", NULL, "vhost-user series of G. Kurz, version 3"),
	BUG("27", BY_VMM, D | G, "SETUPMAPPING fails with EINVAL",
	    "the daemon lacks a change of the protocol that the VMM expects",
	    "kata-containers runtime with cloud-hypervisor", NULL,
	    "kata-containers runtime issue 2307"),
	BUG("28", CLIENT | IN_GUEST, D | R, "the daemon panics",
	    "the buffer of an I/O request lies in the DAX window",
	    "cloud-hypervisor with Rust virtiofsd", NULL, "cloud-hypervisor issue 3869"),
	BUG("29", IN_GUEST, G | H, "KVM_RUN fails with EFAULT", "mappings under load",
	    "cloud-hypervisor with nydus", NULL, "nydus issue 810"),
	BUG("30", BY_VMM, G | H, "the VMM crashes", "hot-plug of a VFIO device with DAX in use",
	    "kata-containers", NULL, "kata-containers issue 862"),
	BUG("31", CLIENT, D, "mappings outside the window or over others are accepted",
	    "a bad moffset",
	    "arcbox", NULL, "arcbox issue 217"),
	BUG("32", CLIENT, D, "removal of a part drops the whole mapping",
	    "the length of REMOVEMAPPING is ignored",
	    "arcbox", NULL, "arcbox issue 218"),
	BUG("33", BY_VMM, D | G, "all shares end up in the first one's window",
	    "devices share one base address",
	    "arcbox", NULL, "arcbox issue 253"),
	BUG("34", CLIENT, D, "removal of everything misses mappings",
	    "length of all ones with an offset other than 0",
	    "cloud-hypervisor", "cloud-hypervisor PR 5235", "cloud-hypervisor PR 5235"),
	BUG("35", CLIENT | IN_GUEST, D | G, "wrong bytes",
	    "the last range reaches past end of file; a stale host address is used (on Windows "
	    "hosts)",
	    "smolvm", "smolvm PR 1184", "smolvm PR 1184"),
	BUG("36", CLIENT | IN_GUEST, D | G, "the daemon crashes",
	    "mount with dax, daemon with cache=none",
	    "kata-containers runtime", NULL, "kata-containers runtime PR 1924"),

	/* everything else */
	BUG("37", IN_GUEST, R | G, "deadlock on bg_lock", "the request queue is full",
	    "Linux guest", "Linux a9bfd9dd3417", "kernel a9bfd9dd3417"),
	BUG("38", IN_GUEST, G, "deadlock on asynchronous replies",
	    "generic/503 of xfstests with TEST_DIR = SCRATCH_MNT",
	    "Linux guest", "Linux bb737bbe48be", "kernel bb737bbe48be"),
	BUG("39", IN_GUEST, R | G, "a request is queued again for ever",
	    "it needs more descriptors than the virtqueue has",
	    "Linux guest", "Linux a7f0d7aab0b4", "kernel a7f0d7aab0b4"),
	BUG("40", ON_HOST, G | H, "the mount hangs", "the daemon dies",
	    "kata-containers runtime", NULL, "kata-containers runtime issue 2315"),
	BUG("41", IN_GUEST, G, "blogbench hangs", "any cache mode but none",
	    "kata-containers", NULL, "kata-containers tests issue 2717, runtime issue 2797"),
	BUG("42", CLIENT | IN_GUEST, D | G, "a file grows",
	    "a descriptor with O_APPEND together with a shared mapping: written back at end of "
	    "file",
	    "Rust virtiofsd", "virtiofsd c76fa40", "kata-containers issue 5634"),
	BUG("43", IN_GUEST, G, "ENODEV", "MAP_SHARED with cache=never",
	    "virtiofsd; by design without DIRECT_IO_ALLOW_MMAP", NULL,
	    "cargo issue 13570, bcvk PR 201"),
	BUG("44", ON_HOST | IN_GUEST, D | G, "ESTALE", "git commit; the host replaces a file",
	    "Rust virtiofsd", NULL, "virtiofsd issue 206, virtme-ng issue 187"),
	BUG("45", ON_HOST, G, "stale names or data", "the host deletes or updates a file, cache on",
	    "kata-containers runtime", NULL, "kata-containers runtime issues 2770 and 1902"),
	BUG("46", CLIENT | IN_GUEST, D | G, "EMFILE, and the share is unusable from then on",
	    "find on a large tree",
	    "libkrun", NULL, "libkrun issue 505"),
	BUG("47", BY_VMM, G | H, "an idle mount hangs", "upgrade from the C to the Rust daemon",
	    "Rust virtiofsd", NULL, "virtiofsd issue 133"),
	BUG("48", BY_VMM, D, "the second migration fails", "LOG_ALL is lost when state is restored",
	    "cloud-hypervisor", NULL, "cloud-hypervisor issue 8918"),
	BUG("49", BY_VMM | ON_HOST, D | H, "the wrong file after migration",
	    "it was replaced meanwhile",
	    "Rust virtiofsd, mode find-paths", NULL, "kubevirt PR 16088"),
	BUG("50", BY_VMM, D | G, "probe is refused",
	    "a TDX guest needs ACCESS_PLATFORM, which is not offered",
	    "kata-containers", NULL, "kata-containers PR 3811"),
	BUG("51", CLIENT | IN_GUEST, D | G, "fallocate shrinks a file",
	    "i_size is larger than the allocated end",
	    "libkrun", "libkrun ddbd2fd4", "libkrun ddbd2fd4"),
	BUG("52", CLIENT, D, "corrupt directory entries; wrong used length",
	    "padding of entries; length in the used ring",
	    "libkrun", "libkrun 73d104c8 and 3231515b", "libkrun 73d104c8, 3231515b"),
	BUG("53", IN_GUEST, G, "overlayfs is refused, or its copy-up fails",
	    "upper or lower layer on virtio-fs",
	    "kata-containers runtime, libkrun", NULL,
	    "kata-containers runtime issue 1888, libkrun issue 867"),
	BUG("54", IN_GUEST, R | G, "the driver crashes above 2 MB",
	    "default queue size, Windows guest",
	    "virtio-win", NULL, "kvm-guest-drivers-windows issue 760"),
	BUG("55", IN_GUEST, G, "I/O takes longer", "guest kernel 6.12 against 6.18 (not resolved)",
	    "Linux guest 6.18", NULL, "nixpkgs issue 495198"),
};
/* clang-format on */

const struct spec_bug *spec_bugs(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(bugs);
	return bugs;
}

const struct spec_bug *spec_bug_find(const char *id)
{
	for (size_t i = 0; i < ARRAY_SIZE(bugs); i++) {
		if (strcmp(bugs[i].id, id) == 0)
			return &bugs[i];
	}
	return NULL;
}
