// SPDX-License-Identifier: Apache-2.0
/* FUSE messages: what is sent byte for byte, and that each wrong reply is seen. The device is a *fake*: this test. */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/clock.h"
#include "conformance/front/fuse.h"
#include "conformance/front/split.h"

#define PATIENCE_S 60
#define SHORT_MS   30
#define HEAD	   ((uint32_t)sizeof(struct fuse_out_header))

struct fixture {
	struct front *f;
	int peer;
	uint16_t seen[2];
};

static int set_up(void **state)
{
	struct fixture *t = calloc(1, sizeof(*t));
	struct front_options o = { .ring_size = 64, .timeout_ms = SHORT_MS };
	int pair[2];

	(void)alarm(PATIENCE_S);
	assert_non_null(t);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	o.fd = pair[0];
	t->peer = pair[1];
	assert_int_equal(front_open(&o, &t->f, NULL), 0);
	assert_int_equal(front_open_rings(t->f), 0);
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *t = *state;

	t->f = front_free(t->f);
	fd_closep(&t->peer);
	free(t);
	return 0;
}

/* The newest chain of a queue: bytes to read, and where the reply goes. */
struct chain {
	uint16_t head;
	uint8_t in[8192];
	size_t in_size;
	uint8_t *out[64];
	uint32_t out_size[64];
	unsigned out_count;
};

static void take(struct fixture *t, unsigned queue, struct chain *c)
{
	struct front_ring *r = &t->f->ring[queue];
	const struct vring_desc *d;
	uint16_t at;

	memset(c, 0, sizeof(*c));
	assert_int_not_equal(le16toh(front_split_avail(r)->idx), t->seen[queue]);
	at = le16toh(front_split_avail(r)->ring[t->seen[queue]++ & (r->size - 1)]);
	c->head = at;
	do {
		uint8_t *bytes;

		d = &front_split_desc(r)[at];
		bytes = front_guest_at(t->f->memory, le64toh(d->addr), le32toh(d->len));
		assert_non_null(bytes);
		if (le16toh(d->flags) & VRING_DESC_F_WRITE) {
			c->out[c->out_count] = bytes;
			c->out_size[c->out_count++] = le32toh(d->len);
		} else {
			assert_int_equal(c->out_count, 0);
			memcpy(c->in + c->in_size, bytes, le32toh(d->len));
			c->in_size += le32toh(d->len);
		}
		at = le16toh(d->next);
	} while (le16toh(d->flags) & VRING_DESC_F_NEXT);
}

static void give(struct fixture *t, unsigned queue, const struct chain *c, const void *bytes,
		 size_t size, uint32_t used, bool call)
{
	struct front_ring *r = &t->f->ring[queue];
	struct vring_used *u = front_split_used(r);
	const uint64_t one = 1;
	size_t done = 0;

	for (unsigned i = 0; i < c->out_count && done < size; i++) {
		size_t n = size - done < c->out_size[i] ? size - done : c->out_size[i];

		memcpy(c->out[i], (const uint8_t *)bytes + done, n);
		done += n;
	}
	u->ring[le16toh(u->idx) & (r->size - 1)] = (struct vring_used_elem){ htole32(c->head),
									     htole32(used) };
	__atomic_store_n(&u->idx, htole16((uint16_t)(le16toh(u->idx) + 1)), __ATOMIC_RELEASE);
	if (call)
		assert_int_equal(write(r->call_fd, &one, sizeof(one)), sizeof(one));
}

struct reply {
	struct fuse_out_header h;
	uint8_t payload[512];
};

static struct reply good_entry(uint64_t unique)
{
	struct reply r = { .h = { .len = HEAD + sizeof(struct fuse_entry_out), .unique = unique } };
	struct fuse_entry_out e = { .nodeid = 5, .attr = { .mode = S_IFREG | 0644, .size = 3 } };

	memcpy(r.payload, &e, sizeof(e));
	return r;
}

static void good(void **state)
{
	struct fixture *t = *state;
	struct front_op op = front_op_lookup(FRONT_ROOT, "name");
	struct fuse_in_header h;
	struct front_request *q;
	static struct chain c;
	struct reply r;

	assert_int_equal(front_prepare(t->f, &op, &q), 0);
	assert_int_equal(front_submit(q), 0);
	take(t, 1, &c);
	memcpy(&h, c.in, sizeof(h));
	assert_true(h.len == 45 && c.in_size == 45 && h.opcode == FUSE_LOOKUP && h.nodeid == 1 &&
		    h.unique != 0 && h.total_extlen == 0);
	assert_memory_equal(c.in + sizeof(h), "name", 5);
	assert_int_equal(c.out_count, 2);
	assert_true(c.out_size[0] == HEAD && c.out_size[1] == sizeof(struct fuse_entry_out));
	r = good_entry(h.unique);
	give(t, 1, &c, &r, r.h.len, r.h.len, true);
	assert_int_equal(front_wait(q, clock_deadline_ms(1000)), 0);
	assert_int_equal(q->payload_size, sizeof(struct fuse_entry_out));
	assert_memory_equal(q->payload, r.payload, q->payload_size);
	front_request_free(q);
	assert_int_equal(t->f->memory->live, 6);
	assert_int_equal(front_evidence_count(t->f->evidence), 0);
}

/* How a reply goes wrong, and what is to be seen. Offsets are into struct reply. */
struct wrong {
	const char *what;
	enum front_fault fault;
	int32_t error;
	int len_more;  /* of out.len */
	int used_more; /* of the used length */
	uint64_t unique_more;
	uint32_t mode; /* instead of a file's */
	uint32_t nsec;
	bool stray;    /* a byte behind the buffer */
	bool behind;   /* a byte behind the used length */
	bool readable; /* a byte of the request */
	int result;
};

static const struct wrong wrongs[] = {
	{ "short", FRONT_FAULT_SHORT_REPLY, .used_more = -(int)sizeof(struct fuse_entry_out) - 1,
	  .result = FRONT_BROKEN },
	{ "used of nothing", FRONT_FAULT_SHORT_REPLY,
	  .used_more = -(int)sizeof(struct fuse_entry_out) - 16, .result = FRONT_BROKEN },
	{ "len too large", FRONT_FAULT_OUT_LEN, .len_more = 8, .result = FRONT_BROKEN },
	{ "len without header", FRONT_FAULT_OUT_LEN, .len_more = -16, .result = FRONT_BROKEN },
	{ "used less", FRONT_FAULT_OUT_LEN, .used_more = -1, .behind = true,
	  .result = FRONT_BROKEN },
	{ "unique", FRONT_FAULT_UNIQUE, .unique_more = 2, .result = FRONT_BROKEN },
	{ "positive error", FRONT_FAULT_ERROR_RANGE, .error = 2, .result = FRONT_BROKEN },
	{ "far error", FRONT_FAULT_ERROR_RANGE, .error = -512, .result = FRONT_BROKEN },
	{ "error with payload", FRONT_FAULT_ERROR_BODY, .error = -2, .result = FRONT_BROKEN },
	{ "no payload", FRONT_FAULT_PAYLOAD, .len_more = -(int)sizeof(struct fuse_entry_out),
	  .used_more = -(int)sizeof(struct fuse_entry_out), .result = FRONT_BROKEN },
	{ "less payload", FRONT_FAULT_PAYLOAD, .len_more = -8, .used_more = -8,
	  .result = FRONT_BROKEN },
	{ "no type", FRONT_FAULT_FIELD, .mode = 0644, .result = 0 },
	{ "nanoseconds", FRONT_FAULT_FIELD, .nsec = 1000000000, .result = 0 },
	{ "more used than there is", FRONT_FAULT_USED_LEN, .used_more = 1, .result = 0 },
	{ "stray byte", FRONT_FAULT_CANARY, .stray = true, .result = 0 },
	{ "request written", FRONT_FAULT_READABLE_WRITTEN, .readable = true, .result = 0 },
};

static int provoke(struct fixture *t, const struct wrong *w)
{
	struct front_op op = front_op_lookup(FRONT_ROOT, "name");
	struct fuse_entry_out e = { .nodeid = 5, .attr.mode = S_IFREG };
	struct front_request *q;
	static struct chain c;
	struct reply r;
	int result;

	assert_int_equal(front_prepare(t->f, &op, &q), 0);
	assert_int_equal(front_submit(q), 0);
	take(t, 1, &c);
	r = good_entry(q->unique + w->unique_more);
	r.h.error = w->error;
	e.attr.mode = w->mode ? w->mode : S_IFREG;
	e.attr_valid_nsec = w->nsec;
	memcpy(r.payload, &e, sizeof(e));
	r.h.len = (uint32_t)((int)r.h.len + w->len_more);
	if (w->stray)
		c.out[1][c.out_size[1]] ^= 1;
	if (w->readable)
		q->piece[0]->at[1] ^= 1;
	{
		uint32_t full = HEAD + sizeof(e);
		uint32_t used = (uint32_t)((int)full + w->used_more);
		uint32_t written = w->behind || used > full ? full : used;

		give(t, 1, &c, &r, written, used, true);
	}
	result = front_wait(q, clock_deadline_ms(1000));
	front_request_free(q);
	return result;
}

static void wrong_replies(void **state)
{
	struct fixture *t = *state;

	for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
		struct front_evidence *e = t->f->evidence;
		int result;

		front_evidence_clear(e);
		result = provoke(t, &wrongs[i]);
		if (front_evidence_of(e, wrongs[i].fault) != 1)
			fail_msg("%s: not seen", wrongs[i].what);
		if (wrongs[i].behind != (front_evidence_of(e, FRONT_FAULT_BEHIND_USED) == 1))
			fail_msg("%s: bytes behind the used length", wrongs[i].what);
		if (front_evidence_count(e) != (wrongs[i].behind ? 2 : 1))
			fail_msg("%s: seen as more than it is", wrongs[i].what);
		if (result != wrongs[i].result)
			fail_msg("%s: result %d", wrongs[i].what, result);
	}
	/* And an honest error is none. */
	front_evidence_clear(t->f->evidence);
	{
		static const struct wrong enoent = {
			.error = -ENOENT,
			.len_more = -(int)sizeof(struct fuse_entry_out),
			.used_more = -(int)sizeof(struct fuse_entry_out)
		};

		assert_int_equal(provoke(t, &enoent), -ENOENT);
		assert_int_equal(front_evidence_count(t->f->evidence), 0);
	}
}

static void forget(void **state)
{
	struct fixture *t = *state;
	struct front_op op = front_op_forget(5, 3);
	struct fuse_out_header h = { .len = HEAD };
	static struct chain c;
	struct front_request *q;

	for (uint32_t used = 0; used <= HEAD; used += HEAD) {
		assert_int_equal(front_prepare(t->f, &op, &q), 0);
		assert_int_equal(q->out_size, 0);
		/* A device that replies needs room for it. */
		if (used)
			q->out_size = HEAD;
		assert_int_equal(front_submit(q), 0);
		take(t, 0, &c);
		assert_true(c.in_size == 48 && c.in[40] == 3);
		give(t, 0, &c, &h, used, used, true);
		assert_int_equal(front_wait(q, clock_deadline_ms(1000)), used ? FRONT_BROKEN : 0);
		front_request_free(q);
		assert_int_equal(front_evidence_of(t->f->evidence, FRONT_FAULT_UNASKED_REPLY),
				 used ? 1 : 0);
	}
}

static void late(void **state)
{
	struct fixture *t = *state;
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct front_request *q;
	static struct chain c;
	struct reply r;
	uint64_t live = t->f->memory->live;

	/* Never: a deadline, and the memory stays the device's. */
	assert_int_equal(front_prepare(t->f, &op, &q), 0);
	assert_int_equal(front_submit(q), 0);
	assert_int_equal(front_wait(q, clock_deadline_ms(SHORT_MS)), FRONT_TIMEOUT);
	assert_int_equal(front_evidence_of(t->f->evidence, FRONT_FAULT_NOT_USED), 1);
	front_request_free(q);
	assert_true(t->f->memory->live > live);
	/* It comes after all: still looked at, then all is free again. */
	take(t, 1, &c);
	r = good_entry(1);
	give(t, 1, &c, &r, HEAD, HEAD, false);
	assert_int_equal(front_poll(t->f), 1);
	assert_int_equal(front_evidence_of(t->f->evidence, FRONT_FAULT_UNIQUE), 1);
	assert_true(t->f->memory->live == live && !t->f->requests);
	/* The device leaves with one in flight. */
	assert_int_equal(front_prepare(t->f, &op, &q), 0);
	assert_int_equal(front_submit(q), 0);
	fd_closep(&t->peer);
	assert_int_equal(front_wait(q, clock_deadline_ms(1000)), FRONT_GONE);
	assert_int_equal(front_evidence_of(t->f->evidence, FRONT_FAULT_GONE), 1);
	front_request_free(q);
}

static bool is_asleep(void *context)
{
	unsigned *asked = context;

	return ++*asked >= 3;
}

/* One that will never answer, as somebody knows who can look at it, is not waited for until the deadline. */
static void stalled(void **state)
{
	struct fixture *t = *state;
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	uint64_t deadline_ns = clock_deadline_ms(PATIENCE_S * 500);
	unsigned asked = 0;
	struct front_request *q;

	t->f->pump.stalled = is_asleep;
	t->f->pump.stalled_context = &asked;
	assert_int_equal(front_prepare(t->f, &op, &q), 0);
	assert_int_equal(front_submit(q), 0);
	assert_int_equal(front_wait(q, deadline_ns), FRONT_TIMEOUT);
	assert_true(clock_now_ns() < deadline_ns);
	assert_int_equal(asked, 3);
	assert_int_equal(front_evidence_of(t->f->evidence, FRONT_FAULT_NOT_USED), 1);
	/* While the front end itself has something to do it is nobody's end. */
	t->f->pump.due_ns = deadline_ns;
	assert_false(front_is_stalled(t->f));
	t->f->pump.due_ns = 0;
	assert_true(front_is_stalled(t->f));
	front_request_free(q);
}

struct quiet_device {
	struct fixture *t;
	struct chain *c;
	struct reply r;
};

static void *use_quietly(void *context)
{
	struct quiet_device *q = context;

	(void)poll(NULL, 0, SHORT_MS / 3);
	give(q->t, 1, q->c, &q->r, HEAD, HEAD, false);
	return NULL;
}

/* Used in time, but nobody was told: the reply counts, and so does the silence. */
static void lost_call(void **state)
{
	struct fixture *t = *state;
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct front_request *q;
	static struct chain c;
	struct quiet_device quiet = { .t = t, .c = &c };
	pthread_t thread;

	assert_int_equal(front_prepare(t->f, &op, &q), 0);
	assert_int_equal(front_submit(q), 0);
	take(t, 1, &c);
	quiet.r.h = (struct fuse_out_header){ .len = HEAD, .unique = q->unique, .error = -EIO };
	assert_int_equal(pthread_create(&thread, NULL, use_quietly, &quiet), 0);
	assert_int_equal(front_wait(q, clock_deadline_ms(10UL * SHORT_MS)), -EIO);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(front_evidence_of(t->f->evidence, FRONT_FAULT_LOST_CALL), 1);
	front_request_free(q);
}

struct dax_device {
	struct fixture *t;
	struct chain *c;
	struct reply r;
	int backend;
	int file;
	uint64_t ack;
};

/* Maps, waits for the answer, and only then replies: as a device must. */
static void *map_then_reply(void *context)
{
	struct dax_device *d = context;
	struct vhost_user_mmap m = { .len = 4096, .shm_offset = 8192 };
	struct front_message msg = front_message_of(VHOST_USER_BACKEND_SHMEM_MAP, &m, sizeof(m));
	struct front_channel own;

	front_channel_init(&own, d->backend, "fake's own", NULL, NULL, 1000);
	msg.head.flags |= VHOST_USER_FLAG_NEED_REPLY;
	front_message_add_fd(&msg, d->file);
	if (front_send(&own, &msg) < 0 || front_recv(&own, &msg, clock_deadline_ms(1000)) < 0)
		return NULL;
	d->ack = msg.body.u64;
	give(d->t, 1, d->c, &d->r, HEAD, HEAD, true);
	return NULL;
}

/* A wait for a ring serves the window: else both sides would wait for each other. */
static void setupmapping(void **state)
{
	struct fixture *t = *state;
	struct front_op op = front_op_setupmapping(5, 0, 4096, FUSE_SETUPMAPPING_FLAG_READ, 8192);
	struct fuse_setupmapping_in in;
	struct front_request *q;
	static struct chain c;
	struct dax_device d = { .t = t, .c = &c, .ack = 99 };
	char text[6] = "";
	pthread_t thread;

	d.backend = TAKE_FD(t->f->window->device_fd);
	d.file = memfd_create("file", MFD_CLOEXEC);
	assert_int_equal(ftruncate(d.file, 4096), 0);
	assert_int_equal(pwrite(d.file, "hello", 5, 0), 5);
	assert_int_equal(front_window_reserve(t->f->window, 65536), 0);
	t->f->window->negotiated = true;
	t->f->window->rings_run = true;
	assert_int_equal(front_prepare(t->f, &op, &q), 0);
	assert_int_equal(front_submit(q), 0);
	take(t, 1, &c);
	assert_int_equal(c.in_size, 80);
	memcpy(&in, c.in + sizeof(struct fuse_in_header), sizeof(in));
	assert_true(in.fh == FRONT_NO_FH && in.len == 4096 && in.moffset == 8192 &&
		    in.flags == FUSE_SETUPMAPPING_FLAG_READ);
	d.r.h = (struct fuse_out_header){ .len = HEAD, .unique = q->unique };
	assert_int_equal(pthread_create(&thread, NULL, map_then_reply, &d), 0);
	assert_int_equal(front_wait(q, clock_deadline_ms(5000)), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(d.ack, 0);
	assert_true(front_window_event_at(t->f->window, 0)->answered_ns <= q->done_ns);
	assert_int_equal(front_window_read(t->f->window, 8192, text, 5), 0);
	assert_string_equal(text, "hello");
	assert_int_equal(front_evidence_count(t->f->evidence), 0);
	front_request_free(q);
	(void)close(d.backend);
	(void)close(d.file);
}

/* Two entries: 4 bytes of count, then 16 each, with nothing between. */
static void removemapping(void **state)
{
	struct fixture *t = *state;
	const struct fuse_removemapping_one list[] = { { 1, 2 }, { 3, 4 } };
	struct front_op op = front_op_removemapping(5, list, 2);
	struct front_request *q;
	static struct chain c;

	assert_int_equal(front_prepare(t->f, &op, &q), 0);
	assert_int_equal(front_submit(q), 0);
	take(t, 1, &c);
	assert_int_equal(c.in_size, 40 + 4 + 2 * 16);
	assert_true(c.in[40] == 2 && c.in[44] == 1 && c.in[52] == 2 && c.in[60] == 3);
	front_request_free(q);
}

/* Any byte can be made wrong before it is sent. */
static void raw(void **state)
{
	struct fixture *t = *state;
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	static const uint32_t cuts[] = { 3, 9 };
	struct front_request *q;
	static struct chain c;

	t->f->layout = (struct front_layout){ .in_cuts = cuts, .in_cut_count = 2, .out_every = 50 };
	assert_int_equal(front_prepare(t->f, &op, &q), 0);
	q->in[0] = 0xff;
	assert_int_equal(front_request_resize(q, 300), 0);
	q->in[299] = 0x77;
	q->out_size = 101;
	q->raw = true;
	assert_int_equal(front_submit(q), 0);
	take(t, 1, &c);
	assert_true(c.in_size == 300 && c.in[0] == 0xff && c.in[299] == 0x77 && c.in[298] == 0);
	assert_true(c.out_count == 3 && c.out_size[2] == 1);
	give(t, 1, &c, "", 0, 0, true);
	assert_int_equal(front_wait(q, clock_deadline_ms(1000)), FRONT_BROKEN);
	assert_int_equal(front_evidence_count(t->f->evidence), 0);
	front_request_free(q);
}

/* One entry, its name as given; the bytes that it takes. */
static size_t put_dirent(uint8_t *to, const char *name, uint32_t namelen)
{
	struct fuse_dirent d = { .ino = 1, .off = 2, .namelen = namelen, .type = 8 };

	memset(to, 0, FUSE_NAME_OFFSET + 8);
	memcpy(to, &d, FUSE_NAME_OFFSET);
	for (size_t i = 0; name[i]; i++)
		to[FUSE_NAME_OFFSET + i] = (uint8_t)name[i];
	return FUSE_NAME_OFFSET + 8;
}

static int first_of(const uint8_t *bytes, size_t size, bool plus, struct front_dirent *ret)
{
	struct front_dirents w;

	front_dirents_begin(&w, bytes, size, plus);
	return front_dirents_next(&w, ret);
}

static void dirents(void **state)
{
	static const uint32_t lengths[] = { 0, 6 + 3, 256, UINT32_MAX - 3 };
	uint8_t bytes[64];
	struct front_dirent seen;
	size_t size = put_dirent(bytes, "hello", 5);

	(void)state;
	assert_int_equal(first_of(bytes, size, false, &seen), 1);
	assert_string_equal(seen.name, "hello");
	assert_true(seen.ino == 1 && seen.off == 2 && seen.type == 8);
	assert_int_equal(first_of(bytes, 0, false, &seen), 0);
	for (size_t cut = 1; cut < size; cut++)
		assert_int_equal(first_of(bytes, cut, false, &seen), -1);
	assert_int_equal(first_of(bytes, size, true, &seen), -1);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		(void)put_dirent(bytes, "hello", lengths[i]);
		assert_int_equal(first_of(bytes, size, false, &seen), -1);
	}
	(void)put_dirent(bytes, "he/lo", 5);
	assert_int_equal(first_of(bytes, size, false, &seen), -1);
	(void)put_dirent(bytes, "hell", 5);
	assert_int_equal(first_of(bytes, size, false, &seen), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(good, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong_replies, set_up, tear_down),
		cmocka_unit_test_setup_teardown(forget, set_up, tear_down),
		cmocka_unit_test_setup_teardown(late, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stalled, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lost_call, set_up, tear_down),
		cmocka_unit_test_setup_teardown(setupmapping, set_up, tear_down),
		cmocka_unit_test_setup_teardown(removemapping, set_up, tear_down),
		cmocka_unit_test_setup_teardown(raw, set_up, tear_down),
		cmocka_unit_test(dirents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
