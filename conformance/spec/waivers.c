// SPDX-License-Identifier: Apache-2.0
/* What has no check, and why. At most 5 % of the rows with means D (README.md). */
#include "conformance/spec/rows.h"

#include <string.h>

/*
 * { .row = "VIRTIO-...", .means = D, .reason = "a sentence" }. A row whose every means is waived
 * is not checked at all; a bug may stand here as well; a check that comes later takes its waiver away.
 */
#define OF_DRIVER \
	"binds the driver: no client without a guest can see it, and the suite of drivers is not there yet"
#define OF_VMM "is of the PCI function, which the VMM makes: the suite of VMMs is not there yet"

#define OF_FRONT_END \
	"binds the VMM: here the front end plays it, and would be judging itself; the suite of VMMs is not there yet"

/* clang-format off */
static const struct spec_waiver waivers[] = {
	{ .row = "VIRTIO-FS-NOTIF-006", .means = D,
	  .reason = "FUSE_NOTIFY_LOCK has no number in the kernel's header (VIRTIO-FS-NOTIF-011), so no client "
		    "can be told of one, and for other messages what happens without buffers is left open" },
	{ .row = "VIRTIO-FS-DAX-010", .means = D,
	  .reason = "permits everything: whatever a load returns there is right; what it must not is "
		    "VIRTIO-FS-DAX-011" },
	{ .row = "VIRTIO-FS-DAX-011", .means = D | H, .reason = OF_FRONT_END },
	{ .row = "VIRTIO-FS-SEC-008", .means = D,
	  .reason = "says what latency tells about others, which no device can avoid: nothing that a check "
		    "could fail; build/conformance/load measures latency" },
	{ .row = "VIRTIO-FS-SEC-013", .means = D, .reason = OF_FRONT_END },
	{ .row = "MULTI-012", .means = D | H, .reason = OF_FRONT_END },
	{ .row = "PMEM-005", .means = D,
	  .reason = "is of the request queue of virtio-pmem, which no file system daemon has" },
	{ .row = "VIRTIO-SHM-006", .means = R | G, .reason = OF_VMM },
	{ .row = "VIRTIO-SHM-007", .means = R | G, .reason = OF_VMM },
	{ .row = "VIRTIO-SHM-010", .means = R | G, .reason = OF_DRIVER },
	{ .row = "VIRTIO-SHM-012", .means = R | G, .reason = OF_DRIVER },
	{ .row = "VIRTIO-SHM-016", .means = R, .reason = OF_DRIVER },
	{ .row = "VIRTIO-FS-HIPRIO-003", .means = R, .reason = OF_DRIVER },
	{ .row = "VIRTIO-FS-NOTIF-008", .means = R, .reason = OF_DRIVER },
	{ .row = "VIRTIO-FS-NOTIF-009", .means = R, .reason = OF_DRIVER },
	{ .row = "VIRTIO-FS-DAX-012", .means = R, .reason = OF_DRIVER },
	{ .row = "VIRTIO-FS-DAX-016", .means = R | G, .reason = OF_DRIVER },
	{ .row = "VIRTIO-FS-DAX-017", .means = R, .reason = OF_DRIVER },
};
/* clang-format on */

const struct spec_waiver *spec_waivers(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(waivers);
	return waivers;
}

const char *spec_waived(const char *id, enum spec_means means)
{
	size_t count;
	const struct spec_waiver *w = spec_waivers(&count);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(w[i].row, id) == 0 && w[i].means & means)
			return w[i].reason;
	}
	return NULL;
}
