// SPDX-License-Identifier: Apache-2.0
#include "conformance/spec/rows.h"

/*
 * Every normative statement about virtio-fs and shared memory regions, and the rows that cover it.
 * The standard's words are not stored: a statement is named by its place.
 *
 * How to count again: in the LaTeX source of the standard (virtio-fs.tex until 1.2, then
 * device-types/fs/description.tex; shared-mem.tex; transport-pci.tex; transport-mmio.tex) each list
 * of requirements begins with devicenormative or drivernormative. A statement is one grammatical
 * sentence with a key word of RFC 2119 in capitals (also "MUST not"), numbered from 1 in its list;
 * two sentences in one paragraph count as two, two key words in one sentence as one. Of 5.11 and
 * 2.10 all lists stand here; in 5.11 no key word stands outside of them. Of 4.1.4.1 and 4.2.3.1.1,
 * which are about every device, only those stand here that decide over shared memory capabilities
 * and registers, under their own numbers.
 */

#define SENTENCE(section_, role_, ordinal_, level_, ...)                                    \
	{                                                                                   \
		.document = "virtio 1.4", .section = (section_), .role = SPEC_ROLE_##role_, \
		.ordinal = (ordinal_), .level = SPEC_##level_, .rows = { __VA_ARGS__ },     \
	}

/* clang-format off */
static const struct spec_sentence sentences[] = {
	/* shared memory regions: the lists of 2.10, and of the transports that carry them */
	SENTENCE("2.10.2", DEVICE, 1, MUST, "VIRTIO-SHM-002"),
	SENTENCE("4.1.4.1", DRIVER, 1, MUST, "VIRTIO-SHM-012"),
	SENTENCE("4.1.4.1", DRIVER, 3, MUST, "VIRTIO-SHM-010"),
	SENTENCE("4.1.4.1", DRIVER, 4, MUST, "VIRTIO-SHM-012"),
	SENTENCE("4.1.4.7.1", DEVICE, 1, MUST, "VIRTIO-SHM-006", "VIRTIO-SHM-008"),
	SENTENCE("4.1.4.7.1", DEVICE, 2, MUST, "VIRTIO-SHM-007"),
	SENTENCE("4.2.3.1.1", DRIVER, 3, MUST, "VIRTIO-SHM-016"),
	/* device configuration layout */
	SENTENCE("5.11.4.1", DRIVER, 1, MUST, "VIRTIO-FS-CFG-011", "VIRTIO-FS-CFG-012"),
	SENTENCE("5.11.4.1", DRIVER, 2, MAY, "VIRTIO-FS-CFG-013", "VIRTIO-FS-QUEUE-022"),
	SENTENCE("5.11.4.2", DEVICE, 1, MUST, "VIRTIO-FS-CFG-006"),
	SENTENCE("5.11.4.2", DEVICE, 2, MUST, "VIRTIO-FS-CFG-010"),
	/* high priority queue */
	SENTENCE("5.11.6.2.1", DEVICE, 1, MUST, "VIRTIO-FS-HIPRIO-001"),
	SENTENCE("5.11.6.2.1", DEVICE, 2, MAY, "VIRTIO-FS-HIPRIO-002"),
	SENTENCE("5.11.6.2.2", DRIVER, 1, MUST, "VIRTIO-FS-HIPRIO-003", "VIRTIO-FS-QUEUE-011"),
	SENTENCE("5.11.6.2.2", DRIVER, 2, MUST, "VIRTIO-FS-HIPRIO-004", "VIRTIO-FS-INIT-010"),
	SENTENCE("5.11.6.2.2", DRIVER, 3, MUST, "VIRTIO-FS-HIPRIO-005", "VIRTIO-FS-HIPRIO-014"),
	/* notification queue */
	SENTENCE("5.11.6.3.1", DRIVER, 1, MUST, "VIRTIO-FS-NOTIF-008"),
	SENTENCE("5.11.6.3.1", DRIVER, 2, SHOULD, "VIRTIO-FS-NOTIF-009"),
	/* DAX window */
	SENTENCE("5.11.6.4.1", DEVICE, 1, MAY, "VIRTIO-FS-DAX-001"),
	SENTENCE("5.11.6.4.1", DEVICE, 2, MUST, "VIRTIO-FS-DAX-002", "VU-SHMEM-005"),
	SENTENCE("5.11.6.4.1", DEVICE, 3, MUST, "VIRTIO-FS-DAX-003"),
	SENTENCE("5.11.6.4.1", DEVICE, 4, MUST, "VIRTIO-FS-DAX-005", "VIRTIO-FS-DAX-006",
	    "VIRTIO-FS-DAX-007",
		 "VU-SHMEM-011"),
	SENTENCE("5.11.6.4.1", DEVICE, 5, MUST, "VIRTIO-FS-DAX-009", "FUSE-MAP-008"),
	SENTENCE("5.11.6.4.2", DRIVER, 1, SHOULD, "VIRTIO-FS-DAX-016", "DAXK-040"),
	SENTENCE("5.11.6.4.2", DRIVER, 2, MAY, "VIRTIO-FS-DAX-017"),
	SENTENCE("5.11.6.4.2", DRIVER, 3, MUST, "VIRTIO-FS-DAX-012"),
};
/* clang-format on */

const struct spec_sentence *spec_sentences(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(sentences);
	return sentences;
}

const char *spec_role_name(enum spec_role role)
{
	static const char *const names[SPEC_ROLES] = {
		[SPEC_ROLE_DEVICE] = "device",
		[SPEC_ROLE_DRIVER] = "driver",
	};

	return (unsigned)role < SPEC_ROLES ? names[role] : NULL;
}
