// SPDX-License-Identifier: Apache-2.0
#include "conformance/device/areas.h"

#include "conformance/runner/areas.h"

#include <string.h>

/* One for each line, so that additions do not meet. */
/* clang-format off */
static const struct check_area *const areas[] = {
	&area_acl,
	&area_append,
	&area_attrfh,
	&area_attrs,
	&area_byteorder,
	&area_cachemode,
	&area_calls,
	&area_chains,
	&area_claims,
	&area_coherence,
	&area_config,
	&area_connection,
	&area_copy,
	&area_create,
	&area_cut,
	&area_disk,
	&area_escape,
	&area_flags,
	&area_folders,
	&area_forget,
	&area_framing,
	&area_groups,
	&area_handshake,
	&area_hiprio,
	&area_hostile,
	&area_idmap,
	&area_ids,
	&area_indirect,
	&area_init,
	&area_killpriv,
	&area_life,
	&area_links,
	&area_listing,
	&area_locks,
	&area_malformed,
	&area_mapping,
	&area_maprefused,
	&area_mapsession,
	&area_memory,
	&area_messages,
	&area_migration,
	&area_modes,
	&area_mounts,
	&area_multiqueue,
	&area_names,
	&area_nodes,
	&area_notify,
	&area_nowindow,
	&area_open,
	&area_packed,
	&area_plus,
	&area_privs,
	&area_queues,
	&area_races,
	&area_read,
	&area_readonly,
	&area_regions,
	&area_rename,
	&area_reply,
	&area_ringlife,
	&area_ringset,
	&area_seek,
	&area_session,
	&area_shm,
	&area_shmem,
	&area_space,
	&area_special,
	&area_split,
	&area_statx,
	&area_sync,
	&area_times,
	&area_truncate,
	&area_unmapping,
	&area_window,
	&area_write,
	&area_xattr,
	&area_xattrns,
};
/* clang-format on */

const struct check_area *const *device_areas(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(areas);
	return areas;
}

const struct check *check_find(const char *id)
{
	for (size_t i = 0; i < ARRAY_SIZE(areas); i++)
		for (size_t j = 0; j < areas[i]->count; j++)
			if (strcmp(areas[i]->checks[j].id, id) == 0)
				return &areas[i]->checks[j];
	return NULL;
}

const char *words_next(const char *list, char *word, size_t size)
{
	size_t n;

	list += strspn(list, " ");
	n = strcspn(list, " ");
	if (n == 0)
		return NULL;
	(void)snprintf(word, size, "%.*s", (int)n, list);
	return list + n;
}

const struct spec_row *check_row(const struct check *c)
{
	/* Its rows have a letter for each mode, and no clause of their own. */
	static const struct spec_row matrix = {
		.id = "matrix",
		.source = "Linux, behaviour matrix",
		.text = "what one side sees of what the other one did, by mode",
		.level = SPEC_DEFACTO,
		.party = SPEC_GUEST_KERNEL | SPEC_DEVICE,
		.means = SPEC_G,
	};
	char word[64];

	if (!words_next(c->rows, word, sizeof(word)))
		return NULL;
	return spec_behaviour_find(word) ? &matrix : spec_find(word);
}

enum spec_level check_level(const struct check *c)
{
	const struct spec_row *row = check_row(c);

	if (!row)
		return SPEC_INFO;
	if (c->should && row->level == SPEC_MUST)
		return SPEC_SHOULD;
	/* A MUST of FUSE or of ours breaks every client, but no standard. */
	return row->level == SPEC_MUST && !spec_is_normative(row) ? SPEC_DEFACTO : row->level;
}
