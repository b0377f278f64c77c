// SPDX-License-Identifier: Apache-2.0
/* The same requests in any cut: no rule of a device may depend on the bounds of descriptors. */
#include "conformance/device/areas.h"
#include "conformance/device/rawchain.h"

#define VECTORS	   10
#define REPLY_MAX  8192
#define FILE_BYTES 5000
#define READ_BYTES 3000
/* Descriptors of one direction at most: queues have 256. */
#define PIECES_MAX 120

/* A request, and what was answered when it was cut as Linux does. */
struct vector {
	const char *name;
	struct front_op op;
	uint8_t reply[REPLY_MAX];
	size_t size;
};

struct set {
	struct vector v[VECTORS];
	unsigned count;
	uint8_t data[500];
};

static void add(struct set *s, const char *name, struct front_op op)
{
	if (s->count < VECTORS)
		s->v[s->count++] = (struct vector){ .name = name, .op = op };
}

/* With its unique as 0: that differs each time. Nothing else may. */
static int ask(struct check_run *r, struct vector *v, const struct front_layout *l, size_t extra,
	       uint8_t reply[REPLY_MAX], size_t *ret_size)
{
	struct front_request *q = NULL;
	int e = front_prepare(r->f, &v->op, &q);

	if (e < 0)
		return e;
	q->layout = *l;
	q->out_size += extra;
	if (l->in_every && q->in_size / l->in_every >= PIECES_MAX)
		q->layout.in_every = (uint32_t)(q->in_size / PIECES_MAX + 1);
	if (l->out_every && q->out_size / l->out_every >= PIECES_MAX)
		q->layout.out_every = (uint32_t)(q->out_size / PIECES_MAX + 1);
	e = front_submit(q);
	if (e == 0)
		e = front_wait(q, clock_deadline_ms(MEANWHILE_MS));
	*ret_size = 0;
	if (e > FRONT_TIMEOUT && q->used <= REPLY_MAX) {
		struct fuse_out_header h = { 0 };

		memcpy(reply, q->out, q->used);
		*ret_size = q->used;
		if (q->used >= sizeof(h)) {
			memcpy(&h, reply, sizeof(h));
			h.unique = 0;
			memcpy(reply, &h, sizeof(h));
		}
	}
	front_request_free(q);
	return e > FRONT_TIMEOUT ? 0 : e;
}

/* Every request in that cut: the same bytes, the same used length. */
static bool all_same(struct check_run *r, struct set *s, const struct front_layout *l, size_t extra,
		     const char *cut)
{
	uint8_t reply[REPLY_MAX];

	for (unsigned i = 0; i < s->count; i++) {
		struct say t;
		size_t size;

		(void)say(&t, "%s, %s", s->v[i].name, cut);
		if (!check_ok(r, t.text, ask(r, &s->v[i], l, extra, reply, &size)) ||
		    !check_same_bytes(r, s->v[i].reply, s->v[i].size, t.text, reply, size))
			return false;
	}
	return true;
}

static bool make_files(struct check_run *r)
{
	return check_host(r, "make a folder", host_mkdir(r->share, "dir", 0755)) &&
	       check_host(r, "make a file", host_fill(r->share, "file", FILE_BYTES, RINGS_SEED)) &&
	       check_host(r, "make a file", host_write(r->share, "target", "", 0)) &&
	       check_host(r, "make a file", host_write(r->share, "dir/one", "1", 1)) &&
	       check_host(r, "make a file", host_write(r->share, "dir/another", "2", 1)) &&
	       check_host(r, "make a link", host_symlink(r->share, "link", "where/it/points"));
}

static bool begin(struct check_run *r, struct set *s)
{
	static const struct front_layout usual;
	struct fuse_entry_out file, target, dir, link;
	struct fuse_open_out in, out, list;

	*s = (struct set){ 0 };
	memset(s->data, 0x5a, sizeof(s->data));
	if (!make_files(r) ||
	    !check_ok(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &file)) ||
	    !check_ok(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "target", &target)) ||
	    !check_ok(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "dir", &dir)) ||
	    !check_ok(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "link", &link)) ||
	    !check_ok(r, "OPEN", front_open_file(r->f, file.nodeid, O_RDONLY, &in)) ||
	    !check_ok(r, "OPEN", front_open_file(r->f, target.nodeid, O_RDWR, &out)) ||
	    !check_ok(r, "OPENDIR", front_opendir(r->f, dir.nodeid, &list)))
		return false;
	add(s, "READ", front_op_read(file.nodeid, in.fh, 100, READ_BYTES));
	add(s, "READDIR", front_op_readdir(dir.nodeid, list.fh, 0, 2000));
	add(s, "LOOKUP", front_op_lookup(FRONT_ROOT, "file"));
	add(s, "GETATTR", front_op_getattr(file.nodeid, NULL));
	add(s, "READLINK", front_op_readlink(link.nodeid));
	add(s, "WRITE", front_op_write(target.nodeid, out.fh, 7, s->data, sizeof(s->data)));
	add(s, "ACCESS", front_op_access(FRONT_ROOT, 4));
	add(s, "LOOKUP of nothing", front_op_lookup(FRONT_ROOT, "nothing"));
	add(s, "FSYNC", front_op_fsync(file.nodeid, in.fh, true));
	/* Twice: what the first does to access times is over then. */
	for (unsigned i = 0; i < 2 * s->count; i++) {
		struct vector *v = &s->v[i % s->count];

		if (!check_ok(r, v->name, ask(r, v, &usual, 0, v->reply, &v->size)))
			return false;
	}
	return true;
}

/* What was written in whatever cut must be there. */
static bool written(struct check_run *r, const struct set *s)
{
	CLEANUP(buf_free) struct buf seen = { 0 };
	uint8_t wanted[507] = { 0 };

	memcpy(wanted + 7, s->data, sizeof(s->data));
	return check_host(r, "read the file", host_read(r->share, "target", 4096, &seen)) &&
	       check_same_bytes(r, wanted, sizeof(wanted), "the host's file", seen.data, seen.size);
}

static void header_split(struct check_run *r)
{
	struct set s;

	WANT(begin(r, &s));
	for (uint32_t at = 1; at < IN_HEADER; at++) {
		struct front_layout l = { .in_cuts = &at, .in_cut_count = 1 };
		struct say t;

		WANT(all_same(r, &s, &l, 0, say(&t, "header cut at byte %u", at)));
	}
	WANT(written(r, &s));
}

static void arguments_split(struct check_run *r)
{
	struct set s;

	WANT(begin(r, &s));
	for (uint32_t at = IN_HEADER; at < IN_HEADER + 60; at += 3) {
		struct front_layout l = { .in_cuts = &at, .in_cut_count = 1 };
		struct say t;

		WANT(all_same(r, &s, &l, 0, say(&t, "request cut at byte %u", at)));
	}
	WANT(written(r, &s));
}

static void in_pieces(struct check_run *r)
{
	static const uint32_t every[] = { 1, 2, 3, 7, 8, 13, 16, 39, 41, 100, 4096 };
	struct set s;

	WANT(begin(r, &s));
	for (size_t i = 0; i < ARRAY_SIZE(every); i++) {
		struct front_layout l = { .in_every = every[i] };
		struct say t;

		WANT(all_same(r, &s, &l, 0, say(&t, "request in pieces of %u", every[i])));
		l.kind = FRONT_CHAIN_DIRECT;
		WANT(all_same(r, &s, &l, 0, say(&t, "request in direct pieces of %u", every[i])));
	}
	WANT(written(r, &s));
}

static void reply_split(struct check_run *r)
{
	struct set s;

	WANT(begin(r, &s));
	for (uint32_t at = 1; at < OUT_HEADER + 30; at++) {
		struct front_layout l = { .out_cuts = &at, .out_cut_count = 1 };
		struct say t;

		WANT(all_same(r, &s, &l, 0, say(&t, "reply cut at byte %u", at)));
	}
}

static void reply_pieces(struct check_run *r)
{
	static const uint32_t every[] = { 1, 2, 3, 7, 8, 13, 15, 17, 100, 1000, 4096 };
	struct set s;

	WANT(begin(r, &s));
	for (size_t i = 0; i < ARRAY_SIZE(every); i++) {
		struct front_layout l = { .out_every = every[i] };
		struct say t;

		WANT(all_same(r, &s, &l, 0, say(&t, "reply in pieces of %u", every[i])));
		l.kind = FRONT_CHAIN_DIRECT;
		WANT(all_same(r, &s, &l, 0, say(&t, "reply in direct pieces of %u", every[i])));
	}
}

static void one_each(struct check_run *r)
{
	struct front_layout l = { .in_every = UINT32_MAX, .out_every = UINT32_MAX };
	struct set s;

	WANT(begin(r, &s));
	WANT(all_same(r, &s, &l, 0, "one readable and one writable descriptor"));
	l.kind = FRONT_CHAIN_DIRECT;
	WANT(all_same(r, &s, &l, 0, "one readable and one writable direct descriptor"));
	WANT(written(r, &s));
}

static void more_room(struct check_run *r)
{
	static const size_t extra[] = { 1, 7, 16, 4096, 65536 };
	static const struct front_layout cuts[] = { { .kind = FRONT_CHAIN_AUTO },
						    { .out_every = 1000 },
						    { .out_every = UINT32_MAX } };
	bool read = strcmp(r->check->id, "framing.more-room-read") == 0;
	struct set s;

	WANT(begin(r, &s));
	/* READ is the first; what it does with the room has a rule of its own. */
	if (read)
		s.count = 1;
	else
		s.v[0] = s.v[--s.count];
	for (size_t i = 0; i < ARRAY_SIZE(extra); i++)
		for (size_t j = 0; j < ARRAY_SIZE(cuts); j++) {
			struct say t;

			WANT(all_same(r, &s, &cuts[j], extra[i],
				      say(&t, "%zu bytes more room than needed", extra[i])));
		}
}

/* Linux makes none, QEMU refuses them, the standard is silent: passed over or refused, and no more than that. */
static void empty_pieces(struct check_run *r)
{
	static const uint32_t in[] = { 0, 40, 0, 0, 8 };
	static const uint32_t out[] = { 0, 16, 0, 0 };
	const struct front_layout l = { .in_cuts = in,
					.in_cut_count = ARRAY_SIZE(in),
					.out_cuts = out,
					.out_cut_count = ARRAY_SIZE(out) };
	uint8_t reply[REPLY_MAX];
	struct fuse_out_header h = { 0 };
	struct set s;
	size_t size;
	int e;

	WANT(begin(r, &s));
	e = ask(r, &s.v[0], &l, 0, reply, &size);
	if (e == 0 && size >= sizeof(h))
		memcpy(&h, reply, sizeof(h));
	if (e == 0 && h.error == 0) {
		WANT(all_same(r, &s, &l, 0, "with descriptors of no bytes between"));
		WANT(written(r, &s));
		return;
	}
	front_evidence_allow(r->f->evidence, FRONT_FAULT_NOT_USED);
	WANT(raw_survived(r, !front_is_alive(r->f) ? RAW_GONE : e == 0 ? RAW_USED : RAW_SILENT));
}

static void at_random(struct check_run *r)
{
	uint64_t state = r->seed * 6364136223846793005U + 1442695040888963407U;
	struct set s;

	WANT(begin(r, &s));
	for (unsigned turn = 0; turn < 60; turn++) {
		uint32_t in[12], out[12];
		struct front_layout l = { .in_cuts = in,
					  .in_cut_count = ARRAY_SIZE(in),
					  .out_cuts = out,
					  .out_cut_count = ARRAY_SIZE(out),
					  .kind = turn % 4,
					  .direct = 1 + turn % 3 };
		struct say t;

		/* Not every device takes a table behind direct descriptors: indirect.mixed. */
		if (l.kind == FRONT_CHAIN_MIXED || (l.kind == FRONT_CHAIN_INDIRECT &&
						    !front_has(r->f, VIRTIO_RING_F_INDIRECT_DESC)))
			l.kind = FRONT_CHAIN_DIRECT;
		for (size_t i = 0; i < ARRAY_SIZE(in); i++) {
			state = state * 6364136223846793005U + 1442695040888963407U;
			in[i] = 1 + (state >> 33) % 20;
			out[i] = 1 + (state >> 45) % 400;
		}
		WANT(all_same(r, &s, &l, 0, say(&t, "random cut %u", turn)));
	}
	WANT(written(r, &s));
}

/* ---- larger data ---- */

#define LARGE 65536

static void pages(struct check_run *r)
{
	static const uint32_t every[] = { 4096, 1000, 513, 8192, 65535 };
	CLEANUP(freep) uint8_t *wanted = malloc(LARGE);
	CLEANUP(freep) uint8_t *seen = malloc(LARGE);
	struct fuse_entry_out e;
	struct fuse_open_out o;

	WANT(check_host(r, "memory", wanted && seen ? 0 : -ENOMEM));
	WANT_OK(r, "CREATE",
		front_create(r->f, FRONT_ROOT, "large", O_RDWR, S_IFREG | 0644, &e, &o));
	for (size_t i = 0; i < ARRAY_SIZE(every); i++) {
		struct say t;
		uint32_t done = 0;
		size_t got = 0;

		host_bytes(wanted, i, LARGE, RINGS_SEED);
		r->f->layout = (struct front_layout){ .in_every = every[i], .out_every = every[i] };
		WANT_OK(r, say(&t, "WRITE of 64 KiB in pieces of %u", every[i]),
			front_write(r->f, e.nodeid, o.fh, 0, wanted, LARGE, &done));
		WANT_SAME(r, LARGE, t.text, done);
		WANT_OK(r, say(&t, "READ of 64 KiB in pieces of %u", every[i]),
			front_read(r->f, e.nodeid, o.fh, 0, seen, LARGE, &got));
		WANT(check_same_bytes(r, wanted, LARGE, t.text, seen, got));
	}
}

static const struct front_options big = { .ring_size = 256 };

#define SAME \
	"the same reply and used length as in Linux's own cut, byte for byte; WRITE's data is there"
#define FRAME_BY(rows_, id_, title_, sends_, wants_, catches_, run_)                       \
	{                                                                                  \
		.id = "framing." id_, .title = (title_), .rows = (rows_), .sends = sends_, \
		.wants = wants_, .catches = (catches_), .front = &big, .run = (run_),      \
	}
#define FRAME(id_, title_, sends_, catches_, run_)                                             \
	FRAME_BY("VIRTIO-FS-QUEUE-002 VIRTIO-VQ-002 VIRTIO-FS-QUEUE-001", id_, title_, sends_, \
		 SAME, catches_, run_)
#define WHAT "READ, READDIR, LOOKUP, GETATTR, READLINK, WRITE, ACCESS, FSYNC, an error: "

static const struct check checks[] = {
	FRAME("header-split", "the request's header may be split anywhere",
	      WHAT "header cut at bytes 1 to 39", "header-split", header_split),
	FRAME("arguments-split", "the arguments may be split anywhere",
	      WHAT "cut at every third byte from 40 to 97", "error:LOOKUP:EIO:after=30",
	      arguments_split),
	FRAME("request-pieces", "a request may come in pieces of any size",
	      WHAT "pieces of 1 to 4096 bytes, direct and by table", "header-split", in_pieces),
	FRAME("reply-split", "a reply may be split anywhere", WHAT "reply cut at bytes 1 to 45",
	      "reply-overrun error:GETATTR:EIO:after=20", reply_split),
	FRAME("reply-pieces", "a reply may have room in pieces of any size",
	      WHAT "pieces of 1 to 4096 bytes, direct and by table",
	      "reply-overrun error:READ:EIO:after=9", reply_pieces),
	FRAME("one-each", "a request and a reply may be one descriptor each",
	      WHAT "one readable, one writable descriptor", "header-split", one_each),
	FRAME_BY("VIRTIO-FS-QUEUE-004 VIRTIO-FS-QUEUE-002", "more-room",
		 "more room than a reply needs changes nothing",
		 WHAT "1, 7, 16, 4096, 65536 writable bytes more", SAME, "used-len-capacity",
		 more_room),
	FRAME_BY("VIRTIO-FS-QUEUE-025 VIRTIO-FS-QUEUE-002", "more-room-read",
		 "READ answers what was asked for, not what there is room for",
		 "READ of 3000 bytes with 1, 7, 16, 4096, 65536 writable bytes more",
		 "the same 3000 bytes", "used-len-capacity read-short", more_room),
	FRAME_BY("VIRTIO-VQ-025", "empty-pieces",
		 "a descriptor of no bytes is passed over or refused, and kills nobody",
		 WHAT "descriptors of length 0 before, between and behind header and arguments",
		 SAME "; or an error, or nothing, and hiprio and a new session work",
		 "empty-piece-exits", empty_pieces),
	FRAME("at-random", "no cut changes anything", WHAT "60 random cuts (by --seed)",
	      "header-split", at_random),
	FRAME("pages", "data may lie in pieces of any size",
	      "WRITE and READ of 64 KiB in pieces of 4096, 1000, 513, 8192, 65535 bytes",
	      "write-shifted read-short write-lost", pages),
};

const struct check_area area_framing = { "framing", "Cuts of requests", checks,
					 ARRAY_SIZE(checks) };
