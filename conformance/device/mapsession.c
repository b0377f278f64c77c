// SPDX-License-Identifier: Apache-2.0
/* Mappings over the life of a session: its end, resets, many at once, any sequence of requests. */
#include "conformance/device/areas.h"
#include "conformance/device/map.h"

#include "base/rng.h"

#define HELD_NS (30 * NS_PER_MS)

static bool map_two(struct check_run *r, uint64_t unit, uint64_t *node)
{
	return unit && map_file(r, "file", 4 * unit + 10, 1, node) &&
	       check_ok(r, "SETUPMAPPING", map_both(r, *node, 0, MAP_RANGE, 0)) &&
	       check_ok(r, "SETUPMAPPING", map_both(r, *node, unit, unit, MAP_RANGE)) &&
	       map_shows(r, "the file", 0, 1, 0, 4 * unit + 10);
}

/* What was stored is not lost with the mapping. */
static void ends(struct check_run *r)
{
	uint64_t unit = map_unit(r);
	uint64_t node;

	for (unsigned i = 0; i < 2; i++) {
		WANT(map_two(r, unit, &node));
		WANT(map_store(r, 5, 0xa5) && map_store(r, 4 * unit + 5, 0xa6));
		if (i == 0)
			WANT_OK(r, "a second INIT", front_init(r->f, FUSE_MAP_ALIGNMENT, NULL));
		else
			WANT_OK(r, "DESTROY", front_destroy(r->f));
		WANT_SAME(r, 0, "mappings of a session that is over", r->f->window->count);
		WANT(map_host_byte(r, "file", 5, "what was stored", 0xa5));
		WANT(map_host_byte(r, "file", 4 * unit + 5, "what was stored", 0xa6));
	}
	WANT_OK(r, "INIT after DESTROY", front_init(r->f, FUSE_MAP_ALIGNMENT, NULL));
	WANT(map_two(r, unit, &node));
}

static bool reset(struct check_run *r)
{
	struct err err = { "" };
	uint64_t unmaps = r->f->window->unmaps;

	return check_ok(r, "reset of the device", front_reset(r->f, &err)) &&
	       check_ok(r, "start of the rings", front_start(r->f, &err)) &&
	       check_ok(r, "INIT", front_init(r->f, FUSE_MAP_ALIGNMENT, NULL)) &&
	       check_same(r, unmaps, "SHMEM_UNMAPs, as before the reset", r->f->window->unmaps);
}

static bool can_reset(struct check_run *r)
{
	return check_has(r,
			 front_has_protocol(r->f, VHOST_USER_PROTOCOL_F_STATUS) ||
				 front_has_protocol(r->f, VHOST_USER_PROTOCOL_F_RESET_DEVICE),
			 "STATUS or RESET_DEVICE");
}

/* The front end has dropped everything by itself. */
static void resets(struct check_run *r)
{
	uint64_t unit = map_unit(r);
	struct front_request *q;
	struct front_op op;
	uint64_t node;

	WANT(can_reset(r));
	for (unsigned i = 0; i < 5; i++) {
		WANT(map_two(r, unit, &node));
		WANT(map_store(r, 5, 0xa5));
		WANT(reset(r));
		WANT(map_host_byte(r, "file", 5, "what was stored", 0xa5));
	}
	/* And one that comes while the device waits for the front end. */
	WANT(map_two(r, unit, &node));
	op = front_op_setupmapping(node, 0, unit, MAP_BOTH, 2 * MAP_RANGE);
	front_window_delay(r->f->window, HELD_NS);
	WANT(map_submit(r, &op, &q) && map_held(r, q));
	WANT(reset(r));
	front_request_free(q);
	front_window_delay(r->f->window, 0);
	if (r->f->window->has_held)
		front_window_release(r->f->window);
	WANT(map_two(r, unit, &node));
	WANT_OK(r, "SETUPMAPPING of what the reset has interrupted",
		map_both(r, node, 0, unit, 2 * MAP_RANGE));
	WANT(map_shows(r, "the file", 2 * MAP_RANGE, 1, 0, unit));
}

#define AT_ONCE 8

/* All at once: @op was made for each. Their results. */
static bool race(struct check_run *r, const struct front_op *op, int *result)
{
	struct front_request *q[AT_ONCE];
	uint64_t end_ns;

	for (size_t i = 0; i < AT_ONCE; i++)
		if (!check_ok(r, "prepare", front_prepare(r->f, &op[i], &q[i])) ||
		    !check_ok(r, "enqueue", front_enqueue(q[i])))
			return false;
	front_kick(r->f, q[0]->queue);
	end_ns = front_deadline(r->f);
	for (size_t i = 0; i < AT_ONCE; i++) {
		result[i] = front_wait(q[i], end_ns);
		front_request_free(q[i]);
	}
	return true;
}

static void different_ranges(struct check_run *r)
{
	struct front_op op[AT_ONCE];
	int result[AT_ONCE];
	uint64_t unit = map_unit(r);
	uint64_t node;

	WANT(unit && map_file(r, "file", 2 * AT_ONCE * unit, 1, &node));
	for (uint64_t i = 0; i < AT_ONCE; i++)
		op[i] = front_op_setupmapping(node, i * unit, unit, MAP_BOTH, (20 - 2 * i) * unit);
	WANT(race(r, op, result));
	for (uint64_t i = 0; i < AT_ONCE; i++) {
		WANT_OK(r, "SETUPMAPPING, one of eight", result[i]);
		WANT(map_shows(r, "its part of the file", (20 - 2 * i) * unit, 1, i * unit, unit));
	}
}

/* Of two files, whole, or of a file and nothing. */
static void same_range(struct check_run *r)
{
	uint64_t unit = map_unit(r);
	const struct fuse_removemapping_one one = { .moffset = 0, .len = 4 * unit };
	struct front_op op[AT_ONCE];
	int result[AT_ONCE];
	uint64_t a, b;
	bool second;

	WANT(unit && map_file(r, "a", 4 * unit, 1, &a) && map_file(r, "b", 4 * unit, 2, &b));
	for (size_t i = 0; i < AT_ONCE; i++)
		op[i] = front_op_setupmapping(i % 2 ? a : b, 0, 4 * unit, MAP_BOTH, 0);
	WANT(race(r, op, result));
	for (size_t i = 0; i < AT_ONCE; i++)
		WANT_OK(r, "SETUPMAPPING, one of eight of the same range", result[i]);
	second = map_peek(r, 0) == host_byte(0, 2);
	WANT(map_shows(r, "one of two files, in whole", 0, second ? 2 : 1, 0, 4 * unit));
	for (size_t i = 0; i < AT_ONCE; i += 2)
		op[i] = front_op_removemapping(a, &one, 1);
	WANT(race(r, op, result));
	for (size_t i = 0; i < AT_ONCE; i++)
		WANT_OK(r, "SETUPMAPPING or REMOVEMAPPING, one of eight of the same range",
			result[i]);
	if (map_peek(r, 0) >= 0)
		WANT(map_shows(r, "the file, in whole", 0, 1, 0, 4 * unit));
	else
		WANT(map_nothing(r, "all of the range", 0, 4 * unit));
}

static void concurrent(struct check_run *r)
{
	MAP_PARTS(r, different_ranges, same_range);
}

/* What should lie in each unit of the window's beginning. */
#define UNITS 48
#define STEPS 150
struct model {
	unsigned seed[UNITS]; /* of a file; 0: nothing */
	uint64_t offset[UNITS];
	uint64_t node[2];
};

static bool random_step(struct check_run *r, struct rng *rng, struct model *m, uint64_t unit)
{
	uint64_t at = rng_below(rng, UNITS);
	uint64_t len = 1 + rng_below(rng, UNITS - at < 16 ? UNITS - at : 16);
	uint64_t from = rng_below(rng, UNITS - len + 1);
	unsigned seed = (unsigned)rng_below(rng, 3);
	int e = seed ? map_both(r, m->node[seed - 1], from * unit, len * unit, at * unit)
		     : map_remove(r, m->node[0], at * unit, len * unit);

	for (uint64_t i = 0; i < len; i++) {
		m->seed[at + i] = seed;
		m->offset[at + i] = (from + i) * unit;
	}
	return check_ok(r, seed ? "SETUPMAPPING" : "REMOVEMAPPING", e);
}

static bool is_model(struct check_run *r, const struct model *m, uint64_t unit, size_t bytes)
{
	for (uint64_t i = 0; i < UNITS; i++) {
		uint64_t at = i * unit;

		if (m->seed[i] ? !map_shows(r, "a unit of the window", at, m->seed[i], m->offset[i],
					    bytes)
			       : !map_nothing(r, "a unit of the window", at, MAP_PAGE))
			return false;
	}
	return true;
}

static void any_sequence(struct check_run *r)
{
	struct model m = { .node = { 0 } };
	uint64_t unit = map_unit(r);
	struct rng rng = { .state = r->seed };

	WANT(unit && map_file(r, "a", UNITS * unit, 1, &m.node[0]) &&
	     map_file(r, "b", UNITS * unit, 2, &m.node[1]));
	for (unsigned i = 0; i < STEPS; i++)
		WANT(random_step(r, &rng, &m, unit) && is_model(r, &m, unit, 16));
	WANT(is_model(r, &m, unit, unit));
	WANT_OK(r, "REMOVEMAPPING of all", map_remove(r, m.node[0], 0, r->f->window->bytes));
	WANT_SAME(r, 0, "live mappings", r->f->window->count);
	WANT_SAME(r, r->f->window->maps, "SHMEM_UNMAPs, as there were SHMEM_MAPs",
		  r->f->window->unmaps);
}

/* More than a device can keep open at once. */
#define FILES  56
#define CYCLES 60

/* File number @i, looked up and mapped. */
static int map_number(struct check_run *r, size_t i, uint64_t unit, uint64_t *ret_node)
{
	struct fuse_entry_out entry = { 0 };
	char name[32];
	int e;

	(void)snprintf(name, sizeof(name), "file%zu", i);
	e = front_lookup(r->f, FRONT_ROOT, name, &entry);
	*ret_node = entry.nodeid;
	return e == 0 ? map_setup(r, entry.nodeid, 0, unit, i * unit) : e;
}

static bool make_files(struct check_run *r, uint64_t unit)
{
	char name[32];

	for (uint32_t i = 0; unit && i < FILES; i++) {
		(void)snprintf(name, sizeof(name), "file%u", i);
		if (!check_host(r, "make a file", host_fill(r->share, name, unit, i + 1)))
			return false;
	}
	return unit != 0;
}

static void exhausted(struct check_run *r)
{
	uint64_t unit = map_unit(r);
	uint64_t node[FILES];
	size_t mapped = 0;
	int e = 0;

	WANT(make_files(r, unit));
	while (mapped < FILES && (e = map_number(r, mapped, unit, &node[mapped])) == 0)
		mapped++;
	/* As many as it can; for the next one an error, which takes nothing away. */
	if (e != 0)
		WANT(fails(r, "one mapping more than there are descriptors for", e));
	WANT_RANGE(r, 4, FILES, "files that could be mapped", mapped);
	for (size_t i = 0; i < mapped; i++) {
		WANT(map_shows(r, "what was mapped", i * unit, (uint32_t)i + 1, 0, unit));
		WANT_OK(r, "REMOVEMAPPING", map_remove(r, node[i], i * unit, unit));
		WANT_OK(r, "FORGET", front_forget(r->f, node[i], 1));
	}
	for (unsigned i = 0; i < CYCLES; i++) {
		WANT_OK(r, "SETUPMAPPING after REMOVEMAPPING", map_number(r, 0, unit, &node[0]));
		WANT_OK(r, "REMOVEMAPPING", map_remove(r, node[0], 0, unit));
		WANT_OK(r, "FORGET", front_forget(r->f, node[0], 1));
	}
	/* None of all that is still open. */
	for (size_t i = 0; i < mapped / 2; i++) {
		WANT_OK(r, "SETUPMAPPING of half as many files", map_number(r, i, unit, &node[i]));
		WANT(map_shows(r, "what is mapped again", i * unit, (uint32_t)i + 1, 0, unit));
	}
}

/*
 * By whatever policy the server decides: a guest that asks twice is told the same. A device without a window
 * may answer HAS_INODE_DAX, but what it flags could not be mapped.
 */
static void inode_flag(struct check_run *r)
{
	static const char *const names[] = { "folder", "file", "empty" };
	struct fuse_init_out init;
	uint64_t node;

	WANT_OK(r, "INIT with HAS_INODE_DAX",
		front_init(r->f, FUSE_MAP_ALIGNMENT | FUSE_HAS_INODE_DAX, &init));
	WANT(map_file(r, "file", 4 * MAP_PAGE, 1, &node));
	WANT(check_host(r, "make a folder", host_mkdir(r->share, "folder", 0755)));
	WANT(check_host(r, "make a file", host_write(r->share, "empty", "", 0)));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct fuse_entry_out e;
		struct fuse_attr_out a;
		uint32_t flag;

		WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, names[i], &e));
		flag = e.attr.flags & FUSE_ATTR_DAX;
		WANT_THAT(r, !flag || front_init_flags_of(&init) & FUSE_HAS_INODE_DAX,
			  "no FUSE_ATTR_DAX unless INIT's answer has HAS_INODE_DAX",
			  "LOOKUP of \"%s\" has it", names[i]);
		for (int j = 0; j < 3; j++) {
			WANT_OK(r, "GETATTR", front_getattr(r->f, e.nodeid, NULL, &a));
			WANT_SAME(r, flag, "FUSE_ATTR_DAX, as LOOKUP said",
				  a.attr.flags & FUSE_ATTR_DAX);
		}
		if (flag && S_ISREG(e.attr.mode))
			WANT_OK(r, "SETUPMAPPING of a file with FUSE_ATTR_DAX",
				map_setup(r, e.nodeid, 0, MAP_RANGE, 0));
	}
}

static const struct check checks[] = {
	{
		.id = "mapsession.ends",
		.title = "a session that ends takes its mappings along, and no stores",
		.rows = "VIRTIO-FS-DAX-022",
		.sends = "stores into mappings, then a second INIT; the same, then DESTROY",
		.wants = "nothing is mapped any more, the stores are in the file",
		.catches = "init-keeps-maps",
		MAP_NEEDS,
		.run = ends,
	},
	{
		.id = "mapsession.resets",
		.title =
			"after a reset the device has forgotten its mappings, and says nothing of it",
		.rows = "VIRTIO-FS-DAX-021 VU-SHMEM-014 BUG-26",
		.sends = "a reset with live mappings, five times; one with a map on its way",
		.wants = "no SHMEM_UNMAP; the same ranges can be mapped again",
		.catches = "reset-unmaps reset-keeps-maps",
		MAP_NEEDS,
		.run = resets,
	},
	{
		.id = "mapsession.concurrent",
		.title = "of requests at once all have their place, or one wins in whole",
		.rows = "FUSE-MAP-026",
		.sends =
			"eight SETUPMAPPINGs of different ranges at once, of two files for one range, "
			"and mixed with REMOVEMAPPING",
		.wants =
			"success; each range shows its file; the common one a file in whole, or nothing",
		.catches = "map-swapped map-over-live used-never:op=SETUPMAPPING:after=4",
		.options = CHECK_WINDOW | CHECK_THREADS4,
		.protocol = MAP_PROTOCOL,
		.init = FUSE_MAP_ALIGNMENT,
		.run = concurrent,
	},
	{
		.id = "mapsession.any-sequence",
		.title =
			"after any sequence of requests each page of the window is what it should be",
		.rows = "VU-SHMEM-011 VIRTIO-FS-DAX-007 VIRTIO-FS-DAX-008",
		.sends = "150 SETUPMAPPINGs and REMOVEMAPPINGs of two files, as the seed says",
		.wants = "every unit of the window after each; in the end as many unmaps as maps",
		.catches = "map-rest unmap-whole map-replace",
		MAP_NEEDS,
		.run = any_sequence,
	},
	{
		.id = "mapsession.exhausted",
		.title =
			"without descriptors SETUPMAPPING fails, and works again after REMOVEMAPPING",
		.rows = "VIRTIO-FS-DAX-013 VU-SHMEM-018",
		.sends =
			"SETUPMAPPING of 56 files while 64 descriptors are allowed, removal, 60 cycles of both",
		.wants =
			"success or an error, what is mapped stays right, and mapping works afterwards",
		.catches = "map-leaks",
		.options = CHECK_WINDOW | CHECK_FEW_FILES,
		.protocol = MAP_PROTOCOL,
		.init = FUSE_MAP_ALIGNMENT,
		.run = exhausted,
	},
	{
		.id = "mapsession.inode-flag",
		.title = "FUSE_ATTR_DAX does not change from one answer to the next",
		.rows = "DAXMOUNT-011 FUSE-ATTR-010",
		.sends =
			"HAS_INODE_DAX in INIT; LOOKUP and three GETATTRs of two files and a folder",
		.wants =
			"the same flag each time, and none that INIT did not agree on; what has it can be mapped",
		.catches = "attr-dax:after=2",
		.start = CHECK_RINGS,
		.wishes = CHECK_WINDOW,
		.run = inode_flag,
	},
};

const struct check_area area_mapsession = { "mapsession", "Mappings in a session's life", checks,
					    ARRAY_SIZE(checks) };
