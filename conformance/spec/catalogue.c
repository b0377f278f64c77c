// SPDX-License-Identifier: Apache-2.0
/* The catalogue as one: sections, documents, looking rows up, names of levels, parties, means. */
#include "conformance/spec/rows.h"

#include <stdio.h>
#include <string.h>

static const struct spec_section *const sections[] = {
	&spec_section_config,	   &spec_section_init,	    &spec_section_queue,
	&spec_section_hiprio,	   &spec_section_notif,	    &spec_section_dax,
	&spec_section_security,	   &spec_section_migration, &spec_section_shm,
	&spec_section_device,	   &spec_section_split,	    &spec_section_packed,
	&spec_section_negotiation, &spec_section_cache,	    &spec_section_map,
	&spec_section_vhost,	   &spec_section_window,    &spec_section_daxk,
	&spec_section_mount,	   &spec_section_mode,	    &spec_section_multi,
	&spec_section_htrunc,	   &spec_section_pmem,	    &spec_section_file,
	&spec_section_meta,	   &spec_section_name,
};

/* clang-format off */
static const struct spec_document documents[] = {
	{ "virtio 1.4", "OASIS, Virtual I/O Device (VIRTIO)",
	  "committee specification 01 of 2026-04-08; 5.11 and 2.10 are the same in 1.2, 1.3, and "
	  "not yet in 1.1", true },
	{ "vhost-user", "QEMU, docs/interop/vhost-user.rst",
	  "development branch of early 2026, with SHMEM; numbers as QEMU 11.1.3 ships them", true },
	{ "FUSE 7.45", "Linux, include/uapi/linux/fuse.h", "protocol 7.45, 2026-08-17", false },
	{ "Linux", "Linux: fs/fuse, mm, drivers, Documentation",
	  "single files, not one commit and not the newest of each; a version stands where "
	  "behaviour changed", false },
	{ "virtiofsd", "Rust virtiofsd: README, documentation and source", "a fork of May 2026",
	  false },
	{ "POSIX.1-2017", "IEEE Std 1003.1-2017", "2018 edition", false },
	{ "QEMU", "QEMU: source", "development branch of early 2026", false },
	{ "rust-vmm", "rust-vmm: vhost package", "2026-05-13", false },
	{ "libfuse", "libfuse: documentation", "2026", false },
	{ "virtio-fs project", "virtio-fs mailing list and design notes", "2018 and 2019", false },
	{ "own inference", "This suite: what follows from the rest, though no source says so",
	  "written for this suite", false },
};
/* clang-format on */

const struct spec_section *spec_section_at(size_t index)
{
	return index < ARRAY_SIZE(sections) ? sections[index] : NULL;
}

size_t spec_count(void)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		n += sections[i]->count;
	return n;
}

const struct spec_row *spec_row_at(size_t index)
{
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		if (index < sections[i]->count)
			return &sections[i]->rows[index];
		index -= sections[i]->count;
	}
	return NULL;
}

const struct spec_row *spec_find(const char *id)
{
	const struct spec_row *row;

	for (size_t i = 0; (row = spec_row_at(i)); i++) {
		if (strcmp(row->id, id) == 0)
			return row;
	}
	return NULL;
}

const struct spec_document *spec_documents(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(documents);
	return documents;
}

const struct spec_document *spec_document_of(const char *source)
{
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		size_t n = strlen(documents[i].name);

		if (strncmp(source, documents[i].name, n) == 0 && source[n] == ',')
			return &documents[i];
	}
	return NULL;
}

const char *spec_source_next(const char *source)
{
	const char *next = strstr(source, "; ");

	return next ? next + strlen("; ") : NULL;
}

bool spec_is_normative(const struct spec_row *row)
{
	if (row->derived || row->level == SPEC_DEFACTO || row->level == SPEC_INFO)
		return false;
	for (const char *s = row->source; s; s = spec_source_next(s)) {
		const struct spec_document *d = spec_document_of(s);

		if (d && d->normative)
			return true;
	}
	return false;
}

const char *spec_level_name(enum spec_level level)
{
	static const char *const names[SPEC_LEVELS] = {
		[SPEC_MUST] = "MUST",	    [SPEC_SHOULD] = "SHOULD", [SPEC_MAY] = "MAY",
		[SPEC_DEFACTO] = "DEFACTO", [SPEC_INFO] = "INFO",
	};

	return (unsigned)level < SPEC_LEVELS ? names[level] : NULL;
}

/* Names of bits, from bit 0 on. */
static const char *const party_names[SPEC_PARTY_BITS] = { "device",   "driver",	      "VMM",
							  "back-end", "guest kernel", "host" };
static const char *const means_names[SPEC_MEANS_BITS] = { "D", "R", "G", "H", "review" };
static const char *const trigger_names[SPEC_TRIGGER_BITS] = { "client", "guest", "host", "VMM",
							      "device" };

static const char *bit_name(const char *const *names, unsigned count, unsigned bit)
{
	for (unsigned i = 0; i < count; i++) {
		if (bit == 1U << i)
			return names[i];
	}
	return NULL;
}

static const char *set_text(const char *const *names, unsigned count, unsigned set,
			    char scratch[SPEC_SET_TEXT])
{
	size_t used = 0;

	scratch[0] = '\0';
	for (unsigned i = 0; i < count; i++) {
		if (!(set & 1U << i))
			continue;
		(void)snprintf(scratch + used, SPEC_SET_TEXT - used, "%s%s", used ? ", " : "",
			       names[i]);
		used = strlen(scratch);
	}
	return scratch;
}

const char *spec_party_name(unsigned bit)
{
	return bit_name(party_names, SPEC_PARTY_BITS, bit);
}

const char *spec_means_name(unsigned bit)
{
	return bit_name(means_names, SPEC_MEANS_BITS, bit);
}

const char *spec_trigger_name(unsigned bit)
{
	return bit_name(trigger_names, SPEC_TRIGGER_BITS, bit);
}

const char *spec_party_text(unsigned party, char scratch[SPEC_SET_TEXT])
{
	return set_text(party_names, SPEC_PARTY_BITS, party, scratch);
}

const char *spec_means_text(unsigned means, char scratch[SPEC_SET_TEXT])
{
	return set_text(means_names, SPEC_MEANS_BITS, means, scratch);
}

const char *spec_trigger_text(unsigned who, char scratch[SPEC_SET_TEXT])
{
	return set_text(trigger_names, SPEC_TRIGGER_BITS, who, scratch);
}
