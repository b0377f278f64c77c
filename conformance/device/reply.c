// SPDX-License-Identifier: Apache-2.0
/* Headers of replies: length, unique, error, and what the ring says of them. */
#include "conformance/device/areas.h"
#include "conformance/device/opcodes.h"
#include "conformance/device/rawchain.h"

#define IN_FLIGHT 64
#define BLOCK	  512

static bool open_file(struct check_run *r, size_t bytes, struct fuse_entry_out *e,
		      struct fuse_open_out *o)
{
	return check_host(r, "make a file", host_fill(r->share, "file", bytes, RINGS_SEED)) &&
	       check_ok(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", e)) &&
	       check_ok(r, "OPEN", front_open_file(r->f, e->nodeid, O_RDWR, o));
}

/* Each READ has another place: a reply that belongs to another request has other bytes. */
static void unique_each(struct check_run *r)
{
	struct front_request *q[IN_FLIGHT];
	struct fuse_entry_out e;
	struct fuse_open_out o;
	uint8_t wanted[BLOCK];

	WANT(open_file(r, IN_FLIGHT * BLOCK, &e, &o));
	for (unsigned turn = 0; turn < 4; turn++) {
		for (unsigned i = 0; i < IN_FLIGHT; i++) {
			struct front_op op = front_op_read(e.nodeid, o.fh, i * BLOCK, BLOCK);

			WANT_OK(r, "prepare", front_prepare(r->f, &op, &q[i]));
			WANT_OK(r, "put into the ring", front_enqueue(q[i]));
		}
		front_kick(r->f, 1);
		for (unsigned i = 0; i < IN_FLIGHT; i++) {
			struct say t;

			WANT_OK(r, say(&t, "READ %u of 64 in flight", i),
				front_wait(q[i], front_deadline(r->f)));
			WANT_SAME(r, q[i]->unique, "unique", q[i]->head.unique);
			host_bytes(wanted, i * BLOCK, BLOCK, RINGS_SEED);
			WANT(check_same_bytes(r, wanted, BLOCK, t.text, q[i]->payload,
					      q[i]->payload_size));
			front_request_free(q[i]);
		}
	}
}

/* The front end looks at each of them; what it found is said here. */
static void lengths(struct check_run *r)
{
	WANT(opcodes_all(r, "all"));
	WANT_SAME(r, 0, "replies whose out.len is not the used length",
		  front_evidence_of(r->f->evidence, FRONT_FAULT_OUT_LEN));
	WANT_SAME(r, 0, "replies with a payload of a wrong size",
		  front_evidence_of(r->f->evidence, FRONT_FAULT_PAYLOAD));
}

static void written_is_used(struct check_run *r)
{
	WANT(opcodes_all(r, "all"));
	WANT_SAME(r, 0, "replies with bytes behind the used length",
		  front_evidence_of(r->f->evidence, FRONT_FAULT_BEHIND_USED));
}

static void writable_only(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct front_request *q;

	for (unsigned i = 0; i < 8; i++) {
		uint32_t used;

		WANT_OK(r, "submit GETATTR", rings_submit(r->f, &op, &q));
		WANT_OK(r, "GETATTR", front_wait(q, front_deadline(r->f)));
		used = q->used;
		front_request_free(q);
		WANT_SAME(r, RAW_OUT, "used length of GETATTR", used);
	}
	WANT_SAME(r, 0, "used lengths beyond what is writable",
		  front_evidence_of(r->f->evidence, FRONT_FAULT_USED_LEN));
}

/* The layout of a reply is that of the kernel's structures, with nothing between. */
static void layout(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct fuse_attr_out attr = { 0 };
	struct stat st;
	char why[128];
	const char *differs;
	struct front_request *q;
	size_t size;
	int e;

	WANT(check_host(r, "stat", host_stat(r->share, ".", &st)));
	WANT_OK(r, "prepare", front_prepare(r->f, &op, &q));
	/* Room for more, should there be more. */
	q->out_size += 64;
	WANT_OK(r, "submit GETATTR", front_submit(q));
	e = front_wait(q, front_deadline(r->f));
	size = q->payload_size;
	if (size >= sizeof(attr))
		memcpy(&attr, q->payload, sizeof(attr));
	front_request_free(q);
	WANT_OK(r, "GETATTR", e);
	WANT_SAME(r, sizeof(attr), "bytes of struct fuse_attr_out", size);
	differs = host_compare(&attr.attr, &st, true, why, sizeof(why));
	WANT_THAT(r, !differs, "the host's attributes at their places", "%s", differs);
	WANT_SAME(r, 0, "padding", attr.dummy);
}

static void errors(struct check_run *r)
{
	struct fuse_open_out o;
	struct fuse_entry_out e;
	struct fuse_attr_out a;
	char text[64];
	uint8_t data[64];
	size_t got;
	int seen[9];

	WANT(check_host(r, "make a file", host_write(r->share, "file", "x", 1)));
	seen[0] = front_lookup(r->f, FRONT_ROOT, "nothing", &e);
	seen[1] = front_mkdir(r->f, FRONT_ROOT, "file", 0755, &e);
	seen[2] = front_unlink(r->f, FRONT_ROOT, "nothing");
	seen[3] = front_rmdir(r->f, FRONT_ROOT, "file");
	seen[4] = front_readlink(r->f, FRONT_ROOT, text, sizeof(text));
	seen[5] = front_rename(r->f, FRONT_ROOT, "nothing", FRONT_ROOT, "new");
	seen[6] = front_read(r->f, FRONT_ROOT, 4711, 0, data, sizeof(data), &got);
	seen[7] = front_getattr(r->f, 4711, NULL, &a);
	seen[8] = front_open_file(r->f, 4711, O_RDONLY, &o);
	for (size_t i = 0; i < ARRAY_SIZE(seen); i++)
		WANT_THAT(r, seen[i] < 0 && seen[i] > FRONT_TIMEOUT,
			  "an error between -511 and -1 in a bare header", "request %zu: %d", i,
			  seen[i]);
	WANT_SAME(r, 0, "errors that are no errno of Linux",
		  front_evidence_of(r->f->evidence, FRONT_FAULT_ERROR_RANGE));
	WANT_SAME(r, 0, "errors with a payload",
		  front_evidence_of(r->f->evidence, FRONT_FAULT_ERROR_BODY));
}

static void unknown_opcodes(struct check_run *r)
{
	static const uint32_t opcodes[] = { 7,	  19,	61,    60,	   99,	      1000,
					    4095, 4097, 65535, 0x7fffffff, UINT32_MAX };
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(opcodes); i++) {
		struct say t;

		op.opcode = opcodes[i];
		WANT_ERROR(r, -ENOSYS, say(&t, "opcode %u", opcodes[i]),
			   rings_within(r->f, &op, MEANWHILE_MS));
	}
	WANT(check_alive(r));
}

static void reads(struct check_run *r)
{
	static const struct {
		uint64_t offset;
		uint32_t size, wanted;
	} list[] = { { 0, 4096, 4096 },	   { 1, 1000, 1000 }, { 4095, 4098, 4098 },
		     { 9000, 1000, 1000 }, { 9999, 1, 1 },    { 9990, 4096, 10 },
		     { 10000, 4096, 0 },   { 10001, 1, 0 },   { 1 << 20, 4096, 0 },
		     { 0, 65536, 10000 } };
	struct fuse_entry_out e;
	struct fuse_open_out o;
	uint8_t wanted[10000];
	uint8_t seen[65536];

	WANT(open_file(r, sizeof(wanted), &e, &o));
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		struct say t;
		size_t got = 0;

		WANT_OK(r,
			say(&t, "READ of %u bytes at %llu of 10000", list[i].size,
			    (unsigned long long)list[i].offset),
			front_read(r->f, e.nodeid, o.fh, list[i].offset, seen, list[i].size, &got));
		host_bytes(wanted, list[i].offset, list[i].wanted, RINGS_SEED);
		WANT(check_same_bytes(r, wanted, list[i].wanted, t.text, seen, got));
	}
}

static void writes(struct check_run *r)
{
	static const uint32_t sizes[] = { 1, 7, 4096, 10000, 65536 };
	CLEANUP(freep) uint8_t *data = calloc(1, 65536);
	struct fuse_entry_out e;
	struct fuse_open_out o;

	WANT(check_host(r, "memory", data ? 0 : -ENOMEM));
	WANT(open_file(r, 0, &e, &o));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct say t;
		uint32_t done = 0;

		WANT_OK(r, say(&t, "WRITE of %u bytes", sizes[i]),
			front_write(r->f, e.nodeid, o.fh, 0, data, sizes[i], &done));
		WANT_SAME(r, sizes[i], t.text, done);
	}
	WANT_SAME(r, 0, "replies that say more than was asked for",
		  front_evidence_of(r->f->evidence, FRONT_FAULT_FIELD));
}

/* A reply to INIT that Linux 7.1 does not like ends the whole mount. */
static void init_reply(struct check_run *r)
{
	struct fuse_init_out out;

	WANT_OK(r, "INIT", front_init(r->f, 0, &out));
	WANT_SAME(r, 7, "major", out.major);
	WANT(check_alive(r));
}

/* An error needs 16 bytes, whatever room there is. */
static void error_in_large_room(struct check_run *r)
{
	struct front_op op = front_op_read(FRONT_ROOT, 4711, 0, 65536);
	struct front_request *q;
	uint32_t used;
	int e;

	WANT_OK(r, "submit READ", rings_submit(r->f, &op, &q));
	e = front_wait(q, front_deadline(r->f));
	used = q->used;
	front_request_free(q);
	WANT_ONE_OF(r, "READ of a handle that was never given", e, -EBADF, -EINVAL, -EISDIR,
		    -ENOENT, -ESTALE);
	WANT_SAME(r, OUT_HEADER, "used length", used);
}

static const struct check checks[] = {
	{
		.id = "reply.unique",
		.title = "each reply has the unique and the data of its own request",
		.rows = "VIRTIO-FS-QUEUE-005",
		.sends = "64 READs of different places in flight, four times",
		.wants = "out.unique and bytes of the request in whose buffer they lie",
		.catches = "unique-wrong:op=READ unique-zero:op=READ unique-other",
		.run = unique_each,
	},
	{
		.id = "reply.out-len",
		.title = "out.len counts header and payload exactly, for every opcode",
		.rows = "VIRTIO-FS-QUEUE-004",
		.sends = "every opcode that a default session has",
		.wants = "out.len is the header and what the opcode answers",
		.catches = "out-len:op=GETATTR reply-padded",
		.run = lengths,
	},
	{
		.id = "reply.used-len",
		.title = "the used length is out.len, as Linux 7.1 demands",
		.rows = "VIRTIO-FS-QUEUE-023 BUG-52",
		.sends = "every opcode that a default session has",
		.wants = "a used length of at least 16 that equals out.len",
		.catches =
			"used-len-zero:op=GETATTR used-len-more:op=READ used-len-header:op=GETATTR header-short:op=GETATTR",
		.run = lengths,
	},
	{
		.id = "reply.behind-used",
		.title = "nothing is written behind the used length",
		.rows = "VIRTIO-FS-QUEUE-024 VIRTIO-VQ-021",
		.sends = "every opcode that a default session has",
		.wants = "what lies behind the used length is as the driver left it",
		.catches = "used-len-header:op=GETATTR",
		.run = written_is_used,
	},
	{
		.id = "reply.used-writable",
		.title = "the used length counts writable bytes only",
		.rows = "VIRTIO-FS-QUEUE-027",
		.sends = "GETATTR of 56 readable and 120 writable bytes",
		.wants = "a used length of 120",
		.catches = "used-len-readable",
		.run = writable_only,
	},
	{
		.id = "reply.layout",
		.title = "a reply has the layout of the kernel's structures",
		.rows = "VIRTIO-FS-QUEUE-003 VIRTIO-FS-QUEUE-001",
		.sends = "GETATTR of the root",
		.wants =
			"104 bytes of struct fuse_attr_out behind the header, as the host's stat has it",
		.catches = "reply-padded",
		.run = layout,
	},
	{
		.id = "reply.error-range",
		.title = "errors are negative errno numbers of Linux",
		.rows = "VIRTIO-FS-QUEUE-006",
		.sends = "nine requests that must fail, each in its own way",
		.wants = "out.error between -511 and -1",
		.catches = "error-positive error-huge",
		.run = errors,
	},
	{
		.id = "reply.error-bare",
		.title = "an error is a bare header",
		.rows = "VIRTIO-FS-QUEUE-007",
		.sends = "nine requests that must fail, each in its own way",
		.wants = "out.len 16",
		.catches = "error-body",
		.run = errors,
	},
	{
		.id = "reply.error-in-large-room",
		.title = "an error uses 16 bytes, whatever room there is",
		.rows = "VIRTIO-FS-QUEUE-007 VIRTIO-FS-QUEUE-023",
		.sends = "READ of 65536 bytes of a handle that was never given",
		.wants = "an error, used length 16",
		.catches = "error-body used-len-capacity",
		.run = error_in_large_room,
	},
	{
		.id = "reply.unknown-opcode",
		.title = "an unknown opcode is ENOSYS",
		.rows = "VIRTIO-FS-QUEUE-018",
		.sends = "opcodes 7, 19, 61, 60, 99, 1000, 4095, 4097, 65535, 2^31 - 1, 2^32 - 1",
		.wants = "ENOSYS each time",
		.catches = "opcode-einval",
		.run = unknown_opcodes,
	},
	{
		.id = "reply.read-size",
		.title =
			"READ answers all that was asked for up to the end of the file, and no more",
		.rows = "VIRTIO-FS-QUEUE-025",
		.sends = "ten READs within, across and beyond the end of a file of 10000 bytes",
		.wants = "exactly the bytes that are there",
		.catches = "read-short read-zeros",
		.run = reads,
	},
	{
		.id = "reply.write-size",
		.title = "WRITE never says more than it was given",
		.rows = "VIRTIO-FS-QUEUE-026",
		.sends = "WRITEs of 1, 7, 4096, 10000, 65536 bytes",
		.wants = "the size of each",
		.catches = "write-more",
		.run = writes,
	},
	{
		.id = "reply.init",
		.title = "the reply to INIT is one that Linux 7.1 takes",
		.rows = "VIRTIO-FS-QUEUE-023",
		.sends = "INIT of 7.38",
		.wants = "major 7, a used length that equals out.len, the request's unique",
		.catches = "used-len-zero:op=INIT unique-zero:op=INIT used-len-more:op=INIT",
		.start = CHECK_RINGS,
		.run = init_reply,
	},
};

const struct check_area area_reply = { "reply", "Headers of replies", checks, ARRAY_SIZE(checks) };
