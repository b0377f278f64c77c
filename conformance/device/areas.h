/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_DEVICE_AREAS_H
#define VQ_DEVICE_AREAS_H

#include "conformance/check.h"

/* One for each file of this folder; areas.c lists them, and a test compares that list with the folder. */
extern const struct check_area area_acl;
extern const struct check_area area_append;
extern const struct check_area area_attrfh;
extern const struct check_area area_attrs;
extern const struct check_area area_byteorder;
extern const struct check_area area_cachemode;
extern const struct check_area area_calls;
extern const struct check_area area_chains;
extern const struct check_area area_claims;
extern const struct check_area area_coherence;
extern const struct check_area area_config;
extern const struct check_area area_connection;
extern const struct check_area area_copy;
extern const struct check_area area_create;
extern const struct check_area area_cut;
extern const struct check_area area_disk;
extern const struct check_area area_escape;
extern const struct check_area area_flags;
extern const struct check_area area_folders;
extern const struct check_area area_forget;
extern const struct check_area area_framing;
extern const struct check_area area_groups;
extern const struct check_area area_handshake;
extern const struct check_area area_hiprio;
extern const struct check_area area_hostile;
extern const struct check_area area_idmap;
extern const struct check_area area_ids;
extern const struct check_area area_indirect;
extern const struct check_area area_init;
extern const struct check_area area_killpriv;
extern const struct check_area area_life;
extern const struct check_area area_links;
extern const struct check_area area_listing;
extern const struct check_area area_locks;
extern const struct check_area area_malformed;
extern const struct check_area area_mapping;
extern const struct check_area area_maprefused;
extern const struct check_area area_mapsession;
extern const struct check_area area_memory;
extern const struct check_area area_messages;
extern const struct check_area area_migration;
extern const struct check_area area_modes;
extern const struct check_area area_mounts;
extern const struct check_area area_multiqueue;
extern const struct check_area area_names;
extern const struct check_area area_nodes;
extern const struct check_area area_notify;
extern const struct check_area area_nowindow;
extern const struct check_area area_open;
extern const struct check_area area_packed;
extern const struct check_area area_plus;
extern const struct check_area area_privs;
extern const struct check_area area_queues;
extern const struct check_area area_races;
extern const struct check_area area_read;
extern const struct check_area area_readonly;
extern const struct check_area area_regions;
extern const struct check_area area_rename;
extern const struct check_area area_reply;
extern const struct check_area area_ringlife;
extern const struct check_area area_ringset;
extern const struct check_area area_seek;
extern const struct check_area area_session;
extern const struct check_area area_shm;
extern const struct check_area area_shmem;
extern const struct check_area area_space;
extern const struct check_area area_special;
extern const struct check_area area_split;
extern const struct check_area area_statx;
extern const struct check_area area_sync;
extern const struct check_area area_times;
extern const struct check_area area_truncate;
extern const struct check_area area_unmapping;
extern const struct check_area area_window;
extern const struct check_area area_write;
extern const struct check_area area_xattr;
extern const struct check_area area_xattrns;

#endif
