// SPDX-License-Identifier: Apache-2.0
/*
 * FUSE requests as a guest may send them, through the device's decoder, libfuse and the file system, on a share of
 * their own: where that is allowed, a small file system without device nodes, in a mount namespace of this process.
 */
#include "conformance/decoders/fuzz.h"

#include "base/fs.h"
#include "conformance/ref/fs/fs.h"
#include "conformance/ref/log.h"
#include "conformance/wire/virtio_fs.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define MESSAGE_MAX 4096
#define ROOM_MAX    8192
#define KNOWN	    8
#define REQUESTS    32
/* No file grows beyond it, wherever the share lies. */
#define FILE_BYTES (1 * MIB)

/* What one input is run with; the thread that serves it knows whom it acts for, and ends with it. */
struct run {
	struct fuzz_in in;
	struct ref_handler h;
	uint64_t node[KNOWN]; /* numbers that the device gave: inputs name them by their place */
	uint64_t fh[KNOWN];
	unsigned nodes;
	unsigned fhs;
	uint8_t message[MESSAGE_MAX];
	uint8_t room[ROOM_MAX];
	bool done;
	uint32_t used;
};

static char top[] = "/tmp/vq-fuzz-XXXXXX";
static char share[64];
static struct run *running;

void ref_request_done(struct ref_request *r, uint32_t used)
{
	(void)r;
	if (running->done || used > r->out_bytes)
		abort();
	running->done = true;
	running->used = used;
}

static void remove_share(void)
{
	(void)umount2(top, MNT_DETACH);
	(void)!fs_remove_tree(top, NULL);
}

static void prepare(void)
{
	const struct rlimit limit = { FILE_BYTES, FILE_BYTES };

	if (share[0])
		return;
	ref_log_set_level(REF_LOG_ERROR);
	(void)signal(SIGXFSZ, SIG_IGN);
	if (!mkdtemp(top) || setrlimit(RLIMIT_FSIZE, &limit) < 0)
		abort();
	if (unshare(CLONE_NEWNS) == 0) {
		(void)mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
		(void)mount("fuzz", top, "tmpfs", MS_NOSUID | MS_NODEV, "size=16m,nr_inodes=4096");
	}
	(void)atexit(remove_share);
	(void)snprintf(share, sizeof(share), "%s/share", top);
}

/* The same each time: two files, a folder with one in it, a link. */
static void fill_share(void)
{
	static const char *const files[] = { "a", "b", "d/c" };
	CLEANUP(freep) char *folder = fs_path("%s/d", share);
	CLEANUP(freep) char *link_path = fs_path("%s/l", share);

	(void)!fs_remove_tree(share, NULL);
	if (mkdir(share, 0777) < 0 || mkdir(folder, 0755) < 0)
		abort();
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		CLEANUP(freep) char *path = fs_path("%s/%s", share, files[i]);
		int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

		if (fd < 0 || write(fd, path, strlen(path)) < 0)
			abort();
		(void)close(fd);
	}
	if (symlink("d/c", link_path) < 0)
		abort();
}

/* Small numbers are places in what was learnt. */
static void name_known(struct run *r, size_t size)
{
	struct fuse_in_header *h = (void *)r->message;
	uint64_t fh;

	if (size < sizeof(*h))
		return;
	if (h->nodeid > FUSE_ROOT_ID && h->nodeid - 2 < r->nodes)
		h->nodeid = r->node[h->nodeid - 2];
	if (size < sizeof(*h) + sizeof(fh))
		return;
	memcpy(&fh, r->message + sizeof(*h), sizeof(fh));
	if (fh < r->fhs)
		memcpy(r->message + sizeof(*h), &r->fh[fh], sizeof(fh));
}

static void learn(struct run *r, uint32_t opcode)
{
	const uint8_t *body = r->room + sizeof(struct fuse_out_header);
	size_t size = r->used > sizeof(struct fuse_out_header)
			      ? r->used - sizeof(struct fuse_out_header)
			      : 0;
	struct fuse_entry_out entry;
	struct fuse_open_out opened;

	if (size >= sizeof(entry) && r->nodes < KNOWN &&
	    (opcode == FUSE_LOOKUP || opcode == FUSE_CREATE || opcode == FUSE_MKDIR ||
	     opcode == FUSE_MKNOD || opcode == FUSE_SYMLINK)) {
		memcpy(&entry, body, sizeof(entry));
		r->node[r->nodes++] = entry.nodeid;
	}
	if (opcode == FUSE_CREATE && size >= sizeof(entry) + sizeof(opened))
		body += sizeof(entry);
	else if ((opcode != FUSE_OPEN && opcode != FUSE_OPENDIR) || size < sizeof(opened))
		return;
	memcpy(&opened, body, sizeof(opened));
	if (r->fhs < KNOWN)
		r->fh[r->fhs++] = opened.fh;
}

/* In two pieces each, cut where the input says. */
static void submit(struct run *r, size_t size, size_t room, size_t cut)
{
	size_t in_cut = cut < size ? cut : size;
	size_t out_cut = cut < room ? cut : room;
	struct iovec in[2] = { { r->message, in_cut }, { r->message + in_cut, size - in_cut } };
	struct iovec out[2] = { { r->room, out_cut }, { r->room + out_cut, room - out_cut } };
	struct ref_request q = { .in = in_cut ? in : in + 1,
				 .out = out_cut ? out : out + 1,
				 .in_count = (in_cut > 0) + (size > in_cut),
				 .out_count = (out_cut > 0) + (room > out_cut),
				 .in_bytes = size,
				 .out_bytes = room,
				 .queue = 1 };

	r->done = false;
	r->h.request(r->h.context, &q);
	if (!r->done)
		abort();
}

static void *serve(void *arg)
{
	struct run *r = arg;

	for (unsigned i = 0; i < REQUESTS && r->in.left > 0; i++) {
		size_t want = (size_t)fuzz_number(&r->in, 2) % MESSAGE_MAX;
		size_t room = (size_t)fuzz_number(&r->in, 2) % ROOM_MAX;
		unsigned what = (unsigned)fuzz_number(&r->in, 1);
		struct fuse_in_header *h = (void *)r->message;
		size_t size;

		memset(r->message, 0, sizeof(r->message));
		size = fuzz_copy(&r->in, r->message, want);
		/* Most inputs shall come further than to the comparison of lengths. */
		if (what & 1 && size >= sizeof(*h))
			h->len = (uint32_t)size;
		if (what & 2 && size >= sizeof(*h))
			h->uid = h->gid = 0;
		if (what & 4)
			name_known(r, size);
		submit(r, size, room, what >> 3 << 2);
		learn(r, size >= sizeof(*h) ? h->opcode : 0);
	}
	return NULL;
}

int fuzz_target(const uint8_t *data, size_t size)
{
	static const struct ref_options o = { .shared_dir = share,
					      .cache = REF_CACHE_AUTO,
					      .xattr = true,
					      .posix_acl = true,
					      .killpriv_v2 = true };
	CLEANUP(freep) struct run *r = calloc(1, sizeof(*r));
	struct ref_session *session;
	struct ref_fs *fs;
	struct err err;
	pthread_t thread;

	prepare();
	fill_share();
	if (!r || ref_fs_open(&o, &fs, &err) < 0 ||
	    ref_session_new(fs, NULL, &session, &r->h, &err) < 0)
		abort();
	r->in = (struct fuzz_in){ data, size };
	running = r;
	if (pthread_create(&thread, NULL, serve, r) != 0)
		abort();
	(void)pthread_join(thread, NULL);
	(void)ref_session_free(session);
	(void)ref_fs_close(fs);
	return 0;
}
