/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest thing that guest-image/vmlinux takes for a kernel: an ELF file with a PVH note and a version. */
	.section .note.Xen, "a", @note
	.long 4, 4, 18		/* sizes of name and value, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long 0x1000000
	.text
	.globl _start
_start:	nop
	.section .rodata
	.asciz "Linux version 6.1.0-test (nobody) #1"
	.fill 65536, 1, 0x5a
