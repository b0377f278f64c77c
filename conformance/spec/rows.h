/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_SPEC_ROWS_H
#define VQ_SPEC_ROWS_H

/* What the tables of this folder share. For them only: elsewhere the short names would collide. */

#include "conformance/spec/spec.h"

#include "base/cleanup.h"

enum {
	DEVICE = SPEC_DEVICE,
	DRIVER = SPEC_DRIVER,
	VMM = SPEC_VMM,
	BACK_END = SPEC_BACK_END,
	GUEST = SPEC_GUEST_KERNEL,
	HOST = SPEC_HOST,
	ANYONE = (1 << SPEC_PARTY_BITS) - 1,
};

enum {
	D = SPEC_D,
	R = SPEC_R,
	G = SPEC_G,
	H = SPEC_H,
	REVIEW = SPEC_REVIEW,
};

#define ROW(id_, level_, party_, means_, source_, text_, fault_, ...)                     \
	{                                                                                 \
		.id = (id_), .source = (source_), .text = (text_), .fault = (fault_),     \
		.level = SPEC_##level_, .party = (party_), .means = (means_), __VA_ARGS__ \
	}

extern const struct spec_section spec_section_config, spec_section_init, spec_section_queue,
	spec_section_hiprio, spec_section_notif, spec_section_dax;
extern const struct spec_section spec_section_security, spec_section_migration, spec_section_shm,
	spec_section_device, spec_section_split, spec_section_packed;
extern const struct spec_section spec_section_negotiation, spec_section_cache, spec_section_map,
	spec_section_vhost, spec_section_window, spec_section_daxk;
extern const struct spec_section spec_section_mount, spec_section_mode, spec_section_multi,
	spec_section_htrunc, spec_section_pmem, spec_section_file, spec_section_meta,
	spec_section_name;

#endif
