// SPDX-License-Identifier: Apache-2.0
/* Guest memory: how it is told, where buffers may lie, and regions that make no sense. */
#include "conformance/device/areas.h"
#include "conformance/device/raw.h"

#include <sys/mman.h>

#define REGION_BYTES (UINT64_C(1) << 20)
#define PAGE	     UINT64_C(4096)
/* Regions that are told at most: more prove nothing. */
#define SLOTS_MAX 60
/* How often a region comes and goes: a leak of one descriptor each shows. */
#define AGAIN 30

/* Regions of small memory beside the front end's own; guest addresses far from those. */
struct extra {
	int fd;
	uint8_t *at;
	struct vhost_user_mem_region wire;
};

#define EXTRA_GUEST UINT64_C(0x100000000000)
#define EXTRA_USER  UINT64_C(0x200000000000)

static bool extra_open(struct check_run *r, struct extra *x, uint64_t guest, uint64_t offset)
{
	*x = (struct extra){ .fd = memfd_create("extra-memory", MFD_CLOEXEC),
			     .wire = { .guest_addr = guest,
				       .size = REGION_BYTES,
				       .user_addr = EXTRA_USER + (guest - EXTRA_GUEST),
				       .mmap_offset = offset } };
	if (!check_host(r, "memfd_create", x->fd < 0 ? -errno : 0) ||
	    !check_host(r, "ftruncate",
			ftruncate(x->fd, (off_t)(offset + REGION_BYTES)) < 0 ? -errno : 0))
		return false;
	x->at = mmap(NULL, REGION_BYTES + offset, PROT_READ | PROT_WRITE, MAP_SHARED, x->fd, 0);
	if (x->at == MAP_FAILED)
		return check_host(r, "mmap", -errno);
	x->at += offset;
	return true;
}

static void extra_close(struct extra *x)
{
	if (x->at && x->at != MAP_FAILED)
		(void)munmap(x->at - x->wire.mmap_offset, REGION_BYTES + x->wire.mmap_offset);
	fd_closep(&x->fd);
}

static struct raw raw_in_extra(struct check_run *r, struct extra *x)
{
	return raw_getattr(r, x->wire.guest_addr + 64, x->at + 64, x->wire.guest_addr + 8192,
			   x->at + 8192);
}

/* Both buffers in the region: served with the right answer. */
static bool extra_serves(struct check_run *r, struct extra *x, const char *when)
{
	struct raw q = raw_in_extra(r, x);

	return raw_submit(r, &q) && raw_answered(r, &q, when);
}

static void added(struct check_run *r)
{
	struct extra x;

	WANT(extra_open(r, &x, EXTRA_GUEST, 0));
	WANT_OK(r, "ADD_MEM_REG while rings run", front_add_mem_reg(&r->f->channel, &x.wire, x.fd));
	WANT(extra_serves(r, &x, "in memory that was added"));
	extra_close(&x);
}

static void offset_odd(struct check_run *r)
{
	struct extra x;

	WANT(extra_open(r, &x, EXTRA_GUEST, 5 * PAGE));
	WANT_OK(r, "ADD_MEM_REG with an offset of 5 pages",
		front_add_mem_reg(&r->f->channel, &x.wire, x.fd));
	WANT(extra_serves(r, &x, "in memory at an offset of its file"));
	extra_close(&x);
}

static void added_again(struct check_run *r)
{
	struct extra x, y;

	WANT(extra_open(r, &x, EXTRA_GUEST, 0));
	WANT(extra_open(r, &y, EXTRA_GUEST, 0));
	WANT_OK(r, "ADD_MEM_REG", front_add_mem_reg(&r->f->channel, &x.wire, x.fd));
	WANT(extra_serves(r, &x, "in memory that was added"));
	WANT_OK(r, "REM_MEM_REG", front_rem_mem_reg(&r->f->channel, &x.wire));
	WANT_OK(r, "ADD_MEM_REG of another file at the same address",
		front_add_mem_reg(&r->f->channel, &y.wire, y.fd));
	WANT(extra_serves(r, &y, "in memory that took the place of what was removed"));
	extra_close(&x);
	extra_close(&y);
}

static void removed(struct check_run *r)
{
	struct extra x;
	struct raw q;

	WANT(extra_open(r, &x, EXTRA_GUEST, 0));
	WANT_OK(r, "ADD_MEM_REG", front_add_mem_reg(&r->f->channel, &x.wire, x.fd));
	WANT_OK(r, "REM_MEM_REG", front_rem_mem_reg(&r->f->channel, &x.wire));
	q = raw_in_extra(r, &x);
	WANT(raw_submit(r, &q));
	raw_refused_somehow(r, &q, SOON_MS / 10);
	WANT_THAT(r, !raw_touched(&q), "nothing is written to memory that was removed",
		  "the reply lies there");
	WANT(check_sound(r, "a request in memory that was removed"));
	extra_close(&x);
}

static void remove_closes(struct check_run *r)
{
	struct vhost_user_mem_reg reg;
	struct extra x;
	unsigned before;

	NEED(r, check_daemon_pid(r), "a daemon of our own");
	WANT(extra_open(r, &x, EXTRA_GUEST, 0));
	reg = (struct vhost_user_mem_reg){ .region = x.wire };
	before = daemon_fds(r);
	for (int i = 0; i < AGAIN; i++) {
		struct front_message m = front_message_of(VHOST_USER_REM_MEM_REG, &reg,
							  sizeof(reg));

		WANT_OK(r, "ADD_MEM_REG", front_add_mem_reg(&r->f->channel, &x.wire, x.fd));
		WANT_OK(r, "REM_MEM_REG", front_tell(&r->f->channel, &m));
	}
	WANT(check_fds(r, before, "30 times ADD_MEM_REG and REM_MEM_REG"));
	WANT(check_alive(r));
	extra_close(&x);
}

/* Old front ends send the descriptor with this message as well: taken or not, it is not kept. */
static void remove_with_fd(struct check_run *r)
{
	struct vhost_user_mem_reg reg;
	struct front_message m;
	struct extra x;
	unsigned before;

	NEED(r, check_daemon_pid(r), "a daemon of our own");
	WANT(extra_open(r, &x, EXTRA_GUEST, 0));
	reg = (struct vhost_user_mem_reg){ .region = x.wire };
	before = daemon_fds(r);
	WANT_OK(r, "ADD_MEM_REG", front_add_mem_reg(&r->f->channel, &x.wire, x.fd));
	m = front_message_of(VHOST_USER_REM_MEM_REG, &reg, sizeof(reg));
	front_message_add_fd(&m, x.fd);
	allow_refusal(r);
	(void)answer_to(r, &m);
	extra_close(&x);
	if (!goes_on(r)) {
		WANT(check_left_cleanly(r));
		return;
	}
	WANT(check_fds(r, before, "REM_MEM_REG with a descriptor"));
	WANT(check_alive(r));
}

static void remove_unknown(struct check_run *r)
{
	const struct vhost_user_mem_reg reg = {
		.region = { .guest_addr = EXTRA_GUEST, .size = PAGE, .user_addr = EXTRA_USER }
	};
	const struct front_message m = front_message_of(VHOST_USER_REM_MEM_REG, &reg, sizeof(reg));

	refuse_all(r, &m, 1, "of a region that was never added");
	if (r->verdict == CHECK_UNSET && goes_on(r))
		WANT(check_alive(r));
}

static void slots(struct check_run *r)
{
	uint64_t room = r->f->mem_slots - r->f->memory->count;
	struct extra x[SLOTS_MAX];
	unsigned count = room < SLOTS_MAX ? (unsigned)room : SLOTS_MAX;

	WANT_RANGE(r, r->f->memory->count, UINT64_MAX, "GET_MAX_MEM_SLOTS", r->f->mem_slots);
	for (unsigned i = 0; i < count; i++) {
		WANT(extra_open(r, &x[i], EXTRA_GUEST + i * 2 * REGION_BYTES, 0));
		WANT_OK(r, "ADD_MEM_REG, as many as GET_MAX_MEM_SLOTS says",
			front_add_mem_reg(&r->f->channel, &x[i].wire, x[i].fd));
	}
	for (unsigned i = 0; i < count; i += count / 4 + 1)
		WANT(extra_serves(r, &x[i], "in one of many regions"));
	for (unsigned i = 0; i < count; i++)
		extra_close(&x[i]);
}

static void table_replaced(struct check_run *r)
{
	struct vhost_user_mem_table table;
	int fds[VHOST_USER_MEM_REGIONS_MAX];
	struct extra x, y;

	WANT(extra_open(r, &x, EXTRA_GUEST, 0));
	WANT(extra_open(r, &y, EXTRA_GUEST, 0));
	front_memory_table(r->f->memory, &table, fds);
	table.region[table.count] = x.wire;
	fds[table.count++] = x.fd;
	WANT_OK(r, "SET_MEM_TABLE while rings run",
		front_set_mem_table(&r->f->channel, &table, fds));
	WANT(extra_serves(r, &x, "in memory of a new table"));
	fds[table.count - 1] = y.fd;
	WANT_OK(r, "SET_MEM_TABLE with another file at the same address",
		front_set_mem_table(&r->f->channel, &table, fds));
	WANT(extra_serves(r, &y, "in memory that the newest table has"));
	WANT(check_alive(r));
	extra_close(&x);
	extra_close(&y);
}

static void table_closes(struct check_run *r)
{
	struct vhost_user_mem_table table;
	int fds[VHOST_USER_MEM_REGIONS_MAX];
	unsigned before;

	NEED(r, check_daemon_pid(r), "a daemon of our own");
	front_memory_table(r->f->memory, &table, fds);
	before = daemon_fds(r);
	for (int i = 0; i < AGAIN; i++)
		WANT_OK(r, "SET_MEM_TABLE again", front_set_mem_table(&r->f->channel, &table, fds));
	WANT(check_fds(r, before, "30 times SET_MEM_TABLE"));
	WANT(check_alive(r));
}

static const struct front_options as_table = { .memory_how = FRONT_MEMORY_TABLE,
					       .protocol_off = PROTOCOL(CONFIGURE_MEM_SLOTS) };

#define SLOTS PROTOCOL(CONFIGURE_MEM_SLOTS)

static const struct check checks[] = {
	{
		.id = "memory.added",
		.title = "memory that is added while rings run is there for the next request",
		.rows = "VU-005",
		.sends = "ADD_MEM_REG in a session, GETATTR with both buffers in the new region",
		.wants = "its answer, in the new region",
		.catches = "used-never:after=1",
		.protocol = SLOTS,
		.run = added,
	},
	{
		.id = "memory.file-offset",
		.title = "a region begins at its offset in the file",
		.rows = "VU-005",
		.sends = "ADD_MEM_REG with an mmap_offset of 5 pages, GETATTR there",
		.wants = "its answer, at the right place of the file",
		.catches = "mem-offset:after=2",
		.protocol = SLOTS,
		.run = offset_odd,
	},
	{
		.id = "memory.added-again",
		.title = "a region may take the place of one that was removed",
		.rows = "VU-005",
		.sends = "ADD_MEM_REG, REM_MEM_REG, ADD_MEM_REG of another file at the same "
			 "addresses, GETATTR there",
		.wants = "the answer in the new file",
		.catches = "mem-remove",
		.protocol = SLOTS,
		.run = added_again,
	},
	{
		.id = "memory.removed",
		.title = "memory that was removed is not touched any more",
		.rows = "VU-006 VU-005",
		.sends = "GETATTR with buffers in a region that was removed",
		.wants = "nothing is written there; the daemon goes on",
		.catches = "mem-remove mem-nowhere",
		.protocol = SLOTS,
		.run = removed,
	},
	{
		.id = "memory.remove-closes",
		.title = "regions that come and go leave no descriptor behind",
		.rows = "VU-005 VU-012",
		.sends = "30 times ADD_MEM_REG and REM_MEM_REG",
		.wants = "as many descriptors in /proc/PID/fd as before",
		.catches = "message-fd-leak",
		.protocol = SLOTS,
		.run = remove_closes,
	},
	{
		.id = "memory.remove-with-descriptor",
		.title = "a descriptor that comes with REM_MEM_REG is not kept",
		.rows = "VU-005 VU-012",
		.sends = "ADD_MEM_REG, REM_MEM_REG with a descriptor",
		.wants = "as many descriptors as before, or the connection closed",
		.catches = "message-fd-leak",
		.protocol = SLOTS | PROTOCOL(REPLY_ACK),
		.may_die = true,
		.run = remove_with_fd,
	},
	{
		.id = "memory.remove-unknown",
		.title = "a region that is not there cannot be removed",
		.rows = "VU-007 VU-005",
		.sends = "REM_MEM_REG of an address that was never added",
		.wants = "a failure is acknowledged, or the connection closed; no crash",
		.catches = "ack-success message-abort",
		.protocol = SLOTS | PROTOCOL(REPLY_ACK),
		.may_die = true,
		.run = remove_unknown,
	},
	{
		.id = "memory.slots",
		.title = "as many regions as GET_MAX_MEM_SLOTS says can be added",
		.rows = "VU-005",
		.sends = "ADD_MEM_REG up to GET_MAX_MEM_SLOTS, 62 at most; GETATTR in some",
		.wants = "success and answers in each",
		.catches = "mem-slots",
		.protocol = SLOTS,
		.run = slots,
	},
	{
		.id = "memory.table-replaced",
		.title = "a new table counts for all later requests",
		.rows = "VU-005",
		.sends = "SET_MEM_TABLE twice while rings run, a region of the second in another "
			 "file at the same address; GETATTR there after each",
		.wants = "the answer in the file of the newest table",
		.catches = "mem-table-once",
		.front = &as_table,
		.run = table_replaced,
	},
	{
		.id = "memory.table-closes",
		.title = "tables that are replaced leave no descriptor behind",
		.rows = "VU-012 VU-005",
		.sends = "30 times the same SET_MEM_TABLE",
		.wants = "as many descriptors in /proc/PID/fd as before",
		.catches = "message-fd-leak",
		.front = &as_table,
		.run = table_closes,
	},
};

const struct check_area area_memory = { "memory", "Guest memory", checks, ARRAY_SIZE(checks) };
