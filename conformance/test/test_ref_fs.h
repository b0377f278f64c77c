/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_REF_FS_H
#define VQ_TEST_REF_FS_H

/*
 * A ring, a driver and a share for the tests of fs/: requests go in as pieces of memory cut in several ways,
 * and each answer is checked against the rules that hold for all of them before a test sees it.
 */

#include "base/fs.h"
#include "conformance/ref/dax/dax.h"
#include "conformance/ref/fs/fs.h"
#include "conformance/ref/fs/more.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define UNUSED __attribute__((unused))
#define CANARY 0xa5

/* How a message is cut into descriptors; a device must not care. */
enum cut { CUT_NONE, CUT_DRIVER, CUT_ODD, CUT_BYTES, CUT_COUNT };

struct ring_slot {
	struct ref_request r; /* first: what ref_request_done() gets */
	unsigned done;
	uint32_t used;
};

/* The border to vhost/, as a ring that remembers. */
void ref_request_done(struct ref_request *r, uint32_t used)
{
	struct ring_slot *slot = (struct ring_slot *)r;

	slot->used = used;
	slot->done++;
}

/* A guest. One thread uses it. */
struct guest {
	struct ref_handler h;
	struct ref_session *s;
	enum cut cut;
	uint32_t uid;
	uint32_t gid;
	uint16_t queue;
	uint64_t unique;
	uint64_t offered; /* what INIT offers */
	struct fuse_init_out init;
	uint8_t *in; /* the message being built; room for MESSAGE_MAX */
	size_t in_size;
	uint8_t *out;
	struct iovec *iov;
	const uint8_t *data; /* of the last reply, behind its header */
	size_t size;
	bool silent; /* the last one was used with 0 bytes */
};

struct kit {
	char share[64];
	struct ref_options o;
	struct ref_fs *fs;
	struct guest g;
};

#define MESSAGE_MAX (2 * MIB)
#define REPLY_ROOM  (64 * KIB)

/* ---- building ---- */

static UNUSED void msg(struct guest *g, uint32_t opcode, uint64_t nodeid)
{
	struct fuse_in_header h = {
		.opcode = opcode,
		.unique = ++g->unique * 2,
		.nodeid = nodeid,
		.uid = g->uid,
		.gid = g->gid,
		.pid = 1,
	};

	memcpy(g->in, &h, sizeof(h));
	g->in_size = sizeof(h);
}

static UNUSED void msg_add(struct guest *g, const void *data, size_t size)
{
	assert_true(g->in_size + size <= MESSAGE_MAX);
	memcpy(g->in + g->in_size, data, size);
	g->in_size += size;
}

#define MSG_ADD(g, ...)                                         \
	do {                                                    \
		__typeof__(__VA_ARGS__) msg_add_ = __VA_ARGS__; \
		msg_add(g, &msg_add_, sizeof(msg_add_));        \
	} while (0)

static UNUSED void msg_text(struct guest *g, const char *text)
{
	msg_add(g, text, strlen(text) + 1);
}

static UNUSED struct fuse_in_header *msg_head(struct guest *g)
{
	return (struct fuse_in_header *)(void *)g->in;
}

/* ---- sending ---- */

static UNUSED unsigned cut_up(enum cut cut, size_t head, uint8_t *p, size_t size, struct iovec *ret)
{
	static const size_t odd[] = { 3, 7, 30, 1, 11, 64, 5, 4093 };
	unsigned n = 0;

	for (size_t at = 0; at < size; n++) {
		size_t part = size - at;

		if (cut == CUT_DRIVER && n < 2 && part > head)
			part = head; /* header, arguments, data */
		if (cut == CUT_ODD && part > odd[n % ARRAY_SIZE(odd)])
			part = odd[n % ARRAY_SIZE(odd)];
		if (cut == CUT_BYTES && at < 4096)
			part = 1;
		ret[n] = (struct iovec){ .iov_base = p + at, .iov_len = part };
		at += part;
	}
	return n;
}

/* Sends what was built just as it is. Returns used. */
static UNUSED uint32_t send_raw(struct guest *g, size_t room)
{
	struct ring_slot slot = { 0 };
	struct iovec *in = g->iov;
	struct iovec *out = g->iov + MESSAGE_MAX / 64;

	memset(g->out, CANARY, room + 64);
	slot.r.in = in;
	slot.r.out = out;
	slot.r.in_count = cut_up(g->cut, sizeof(struct fuse_in_header), g->in, g->in_size, in);
	slot.r.out_count = cut_up(g->cut, sizeof(struct fuse_out_header), g->out, room, out);
	slot.r.in_bytes = g->in_size;
	slot.r.out_bytes = room;
	slot.r.queue = g->queue;
	g->h.request(g->h.context, &slot.r);
	assert_int_equal(slot.done, 1);
	assert_true(slot.used <= room);
	return slot.used;
}

/* What holds for each reply, whatever was asked. Returns its error. */
static UNUSED int check_reply(struct guest *g, uint32_t used, size_t room)
{
	struct fuse_out_header h;
	size_t touched = 0;

	for (size_t i = used; i < room + 64; i++)
		touched += g->out[i] != CANARY;
	assert_int_equal(touched, 0);
	g->silent = used == 0;
	g->size = 0;
	if (g->silent)
		return 0;
	assert_true(used >= sizeof(h));
	memcpy(&h, g->out, sizeof(h));
	assert_int_equal(h.len, used);
	assert_true(h.unique == msg_head(g)->unique);
	assert_true(h.error <= 0 && h.error > -512);
	if (h.error != 0)
		assert_int_equal(used, sizeof(h));
	g->data = g->out + sizeof(h);
	g->size = used - sizeof(h);
	return h.error;
}

/* A request with room for @room bytes in all. Returns the error of its reply. */
static UNUSED int send_room(struct guest *g, size_t room)
{
	msg_head(g)->len = (uint32_t)g->in_size;
	return check_reply(g, send_raw(g, room), room);
}

static UNUSED int send(struct guest *g)
{
	return send_room(g, REPLY_ROOM);
}

/* For one that must have worked; its data as a structure. */
#define REPLY(g, type)                                       \
	({                                                   \
		struct type reply_;                          \
		assert_int_equal((g)->size, sizeof(reply_)); \
		memcpy(&reply_, (g)->data, sizeof(reply_));  \
		reply_;                                      \
	})

/* ---- the usual requests; each returns the error ---- */

static UNUSED int do_init_as(struct guest *g, uint32_t major, uint32_t minor)
{
	int e;

	msg(g, FUSE_INIT, 0);
	MSG_ADD(g, (struct fuse_init_in){
			   .major = major,
			   .minor = minor,
			   .max_readahead = 131072,
			   .flags = (uint32_t)g->offered,
			   .flags2 = (uint32_t)(g->offered >> 32),
		   });
	e = send(g);
	if (e == 0)
		g->init = REPLY(g, fuse_init_out);
	return e;
}

static UNUSED int do_init(struct guest *g)
{
	return do_init_as(g, 7, 38);
}

static UNUSED uint64_t agreed_flags(const struct guest *g)
{
	return g->init.flags | (uint64_t)g->init.flags2 << 32;
}

static UNUSED int do_lookup(struct guest *g, uint64_t parent, const char *name,
			    struct fuse_entry_out *ret)
{
	int e;

	*ret = (struct fuse_entry_out){ 0 };
	msg(g, FUSE_LOOKUP, parent);
	msg_text(g, name);
	e = send(g);
	if (e == 0)
		*ret = REPLY(g, fuse_entry_out);
	return e;
}

/* The node of a name that must be there. */
static UNUSED uint64_t node_of(struct guest *g, uint64_t parent, const char *name)
{
	struct fuse_entry_out e = { 0 };

	assert_int_equal(do_lookup(g, parent, name, &e), 0);
	assert_true(e.nodeid != 0);
	return e.nodeid;
}

static UNUSED int do_getattr(struct guest *g, uint64_t node, struct fuse_attr *ret)
{
	int e;

	*ret = (struct fuse_attr){ 0 };
	msg(g, FUSE_GETATTR, node);
	MSG_ADD(g, (struct fuse_getattr_in){ 0 });
	e = send(g);
	if (e == 0)
		*ret = REPLY(g, fuse_attr_out).attr;
	return e;
}

static UNUSED int do_open_as(struct guest *g, uint32_t opcode, uint64_t node, uint32_t flags,
			     uint32_t open_flags, struct fuse_open_out *ret)
{
	int e;

	*ret = (struct fuse_open_out){ 0 };
	msg(g, opcode, node);
	MSG_ADD(g, (struct fuse_open_in){ .flags = flags, .open_flags = open_flags });
	e = send(g);
	if (e == 0)
		*ret = REPLY(g, fuse_open_out);
	return e;
}

static UNUSED uint64_t open_of(struct guest *g, uint64_t node, uint32_t flags)
{
	struct fuse_open_out out = { 0 };

	assert_int_equal(do_open_as(g, FUSE_OPEN, node, flags, 0, &out), 0);
	return out.fh;
}

static UNUSED int do_create(struct guest *g, uint64_t parent, const char *name, uint32_t flags,
			    uint32_t mode, struct fuse_entry_out *ret,
			    struct fuse_open_out *ret_open)
{
	int e;

	*ret = (struct fuse_entry_out){ 0 };
	*ret_open = (struct fuse_open_out){ 0 };
	msg(g, FUSE_CREATE, parent);
	MSG_ADD(g, (struct fuse_create_in){ .flags = flags, .mode = S_IFREG | mode, .umask = 022 });
	msg_text(g, name);
	e = send(g);
	if (e < 0)
		return e;
	assert_int_equal(g->size, sizeof(*ret) + sizeof(*ret_open));
	memcpy(ret, g->data, sizeof(*ret));
	memcpy(ret_open, g->data + sizeof(*ret), sizeof(*ret_open));
	return 0;
}

static UNUSED int do_read(struct guest *g, uint64_t node, uint64_t fh, uint64_t offset,
			  uint32_t size)
{
	msg(g, FUSE_READ, node);
	MSG_ADD(g, (struct fuse_read_in){ .fh = fh, .offset = offset, .size = size });
	return send_room(g, sizeof(struct fuse_out_header) + size);
}

static UNUSED int do_write_as(struct guest *g, uint64_t node, struct fuse_write_in in,
			      const void *data, uint32_t *ret)
{
	int e;

	msg(g, FUSE_WRITE, node);
	MSG_ADD(g, in);
	msg_add(g, data, in.size);
	e = send_room(g, sizeof(struct fuse_out_header) + sizeof(struct fuse_write_out));
	if (e == 0)
		*ret = REPLY(g, fuse_write_out).size;
	return e;
}

static UNUSED int do_write(struct guest *g, uint64_t node, uint64_t fh, uint64_t offset,
			   const void *data, uint32_t size)
{
	uint32_t done = 0;
	int e = do_write_as(g, node,
			    (struct fuse_write_in){ .fh = fh, .offset = offset, .size = size },
			    data, &done);

	if (e == 0)
		assert_int_equal(done, size);
	return e;
}

static UNUSED int do_release_as(struct guest *g, uint32_t opcode, uint64_t node, uint64_t fh)
{
	msg(g, opcode, node);
	MSG_ADD(g, (struct fuse_release_in){ .fh = fh });
	return send(g);
}

static UNUSED int do_release(struct guest *g, uint64_t node, uint64_t fh)
{
	return do_release_as(g, FUSE_RELEASE, node, fh);
}

static UNUSED void do_forget(struct guest *g, uint64_t node, uint64_t lookups)
{
	msg(g, FUSE_FORGET, node);
	MSG_ADD(g, (struct fuse_forget_in){ .nlookup = lookups });
	(void)send_room(g, 0);
	assert_true(g->silent);
}

/* A request that is a node and at most one structure. */
#define DO(g, opcode, node, ...)         \
	({                               \
		msg(g, opcode, node);    \
		MSG_ADD(g, __VA_ARGS__); \
		send(g);                 \
	})

static UNUSED int do_name(struct guest *g, uint32_t opcode, uint64_t parent, const char *name)
{
	msg(g, opcode, parent);
	msg_text(g, name);
	return send(g);
}

/* ---- the share ---- */

#define OFFER_ALL (~(UINT64_C(1) << 31))

static UNUSED void guest_buffers(struct guest *g)
{
	*g = (struct guest){ .queue = 1, .offered = OFFER_ALL, .uid = geteuid(), .gid = getegid() };
	g->in = malloc(MESSAGE_MAX);
	g->out = malloc(MESSAGE_MAX);
	g->iov = calloc(MESSAGE_MAX / 32, sizeof(*g->iov));
	assert_non_null(g->in);
	assert_non_null(g->out);
	assert_non_null(g->iov);
}

static UNUSED void guest_open(struct guest *g, struct kit *k, struct dax_window *window)
{
	struct err err;

	guest_buffers(g);
	assert_int_equal(ref_session_new(k->fs, window, &g->s, &g->h, &err), 0);
}

/* Another CPU of the same guest. */
static UNUSED void guest_join(struct guest *g, const struct guest *first)
{
	guest_buffers(g);
	g->h = first->h;
	g->init = first->init;
}

static UNUSED void guest_close(struct guest *g)
{
	g->s = ref_session_free(g->s);
	free(g->in);
	free(g->out);
	free(g->iov);
}

/* Options are set in k->o before; a zero one is cache=never, no DAX. */
static UNUSED void kit_open(struct kit *k)
{
	struct err err;

	(void)snprintf(k->share, sizeof(k->share), "/tmp/vq-ref-fs-XXXXXX");
	assert_non_null(mkdtemp(k->share));
	assert_int_equal(chmod(k->share, 0777), 0);
	k->o.shared_dir = k->share;
	assert_int_equal(ref_fs_open(&k->o, &k->fs, &err), 0);
	guest_open(&k->g, k, NULL);
	assert_int_equal(do_init(&k->g), 0);
}

static UNUSED void kit_close(struct kit *k)
{
	struct err err;

	guest_close(&k->g);
	k->fs = ref_fs_close(k->fs);
	assert_int_equal(fs_remove_tree(k->share, &err), 0);
}

/* A path on the host; valid until the third call after. */
static UNUSED const char *host(const struct kit *k, const char *name)
{
	static __thread char path[3][512];
	static __thread unsigned next;
	char *p = path[next++ % 3];

	(void)snprintf(p, sizeof(path[0]), "%s/%s", k->share, name);
	return p;
}

static UNUSED void host_write(const struct kit *k, const char *name, const char *text)
{
	int fd = open(host(k, name), O_WRONLY | O_CREAT | O_TRUNC, 0666);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
}

static UNUSED struct stat host_stat(const struct kit *k, const char *name)
{
	struct stat st = { 0 };

	assert_int_equal(lstat(host(k, name), &st), 0);
	return st;
}

static UNUSED unsigned open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

/*
 * The tests as they are called, and before that as a user without privileges in a child: a thread that has
 * served a request knows who it is and must not be taken along.
 */
static UNUSED int run_as_both(int (*tests)(void))
{
	int status = 0;
	pid_t pid = -1;

	if (geteuid() == 0) {
		pid = fork();
		if (pid < 0)
			return 1;
	}
	if (pid == 0) {
		if (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
		    setresuid(65534, 65534, 65534) < 0)
			_exit(99);
		exit(tests());
	}
	if (pid > 0 && (waitpid(pid, &status, 0) != pid || status != 0))
		return 1;
	return tests();
}

#endif
