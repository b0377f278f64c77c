// SPDX-License-Identifier: Apache-2.0
/* Wrong FUSE messages. */
#include "conformance/ref/fault/breaks.h"

#include "base/clock.h"
#include "conformance/ref/log.h"
#include "conformance/wire/virtio_fs.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Far from what drivers count up to. */
#define UNIQUE_STRANGE (UINT64_C(1) << 62)
/* Beyond the last errno of Linux (MAX_ERRNO is 4095). */
#define ERROR_STRANGE (-4096)
#define PADDING_BYTES 8
#define DAY_S	      86400
#define NSEC_STRANGE  2000000000U
/* Places whose first value is remembered. */
#define PLACES 64

static void put(const struct ref_request *r, size_t offset, const void *data, size_t size)
{
	for (unsigned i = 0; i < r->out_count && size > 0; i++) {
		size_t room = r->out[i].iov_len;
		size_t part;

		if (offset >= room) {
			offset -= room;
			continue;
		}
		part = room - offset < size ? room - offset : size;
		memcpy((uint8_t *)r->out[i].iov_base + offset, data, part);
		data = (const uint8_t *)data + part;
		size -= part;
		offset = 0;
	}
}

static void get(const struct ref_request *r, size_t offset, void *ret, size_t size)
{
	for (unsigned i = 0; i < r->out_count && size > 0; i++) {
		size_t room = r->out[i].iov_len;
		size_t part;

		if (offset >= room) {
			offset -= room;
			continue;
		}
		part = room - offset < size ? room - offset : size;
		memcpy(ret, (const uint8_t *)r->out[i].iov_base + offset, part);
		ret = (uint8_t *)ret + part;
		size -= part;
		offset = 0;
	}
}

/* ---- before it is served ---- */

static int refuse_queue(const struct ref_request *r, const struct fuse_in_header *in)
{
	static _Atomic unsigned session_queue;

	if (in->opcode == FUSE_INIT) {
		if (r->queue != REF_HIPRIO + 1 && fault_at(FAULT_INIT_FIRST_QUEUE))
			return -EIO;
		session_queue = r->queue;
		return 0;
	}
	if (r->queue == REF_HIPRIO)
		return 0;
	if (r->queue != session_queue && fault_at(FAULT_INIT_ONE_QUEUE))
		return -EIO;
	if (r->queue > REF_HIPRIO + 1 && in->opcode != FUSE_READ && in->opcode != FUSE_WRITE &&
	    fault_at(FAULT_QUEUE_PARTIAL))
		return -ENOSYS;
	return 0;
}

/* INTERRUPT of one request, and the second one after it hears of it. */
static bool interrupted_other(const struct fuse_in_header *in)
{
	static _Atomic unsigned countdown;
	unsigned left = countdown;

	if (in->opcode == FUSE_INTERRUPT) {
		if (fault_at(FAULT_INTERRUPT_OTHER))
			countdown = 2;
		return false;
	}
	if (left == 0)
		return false;
	countdown = left - 1;
	return left == 1;
}

int fault_request(const struct ref_request *r, const struct fuse_in_header *in)
{
	int e;

	fault_serving.opcode = in->opcode;
	if (fault_at(FAULT_EXIT)) {
		ref_log(REF_LOG_ERROR, "ending, as --fault exit-at says");
		_exit(FAULT_EXIT_CODE);
	}
	if (fault_at(FAULT_DELAY))
		(void)poll(NULL, 0, (int)fault_serving.ms);
	if (fault_at(FAULT_ERROR))
		return fault_serving.error;
	e = refuse_queue(r, in);
	if (e < 0)
		return e;
	if (interrupted_other(in))
		return -EINTR;
	if (r->in[0].iov_len != sizeof(*in) && fault_at(FAULT_HEADER_SPLIT))
		return -EINVAL;
	if (in->opcode == FUSE_INIT && in->len < sizeof(*in) + sizeof(struct fuse_init_in) &&
	    fault_at(FAULT_INIT_SHORT))
		return -EINVAL;
	return 0;
}

/* ---- the finished reply ---- */

static void wrong_header(struct fuse_out_header *h)
{
	static _Atomic uint64_t before;
	uint64_t own = h->unique;

	if (fault_at(FAULT_UNIQUE_WRONG))
		h->unique ^= UNIQUE_STRANGE;
	if (fault_at(FAULT_UNIQUE_ZERO))
		h->unique = 0;
	if (before != 0 && fault_at(FAULT_UNIQUE_OTHER))
		h->unique = before;
	before = own;
	if (fault_at(FAULT_OUT_LEN))
		h->len -= (uint32_t)sizeof(*h);
	if (h->error < 0 && fault_at(FAULT_ERROR_POSITIVE))
		h->error = -h->error;
	if (h->error < 0 && fault_at(FAULT_ERROR_HUGE))
		h->error = ERROR_STRANGE;
}

/* Guest memory that follows a buffer may not be ours to touch: never across a page. */
static void overrun(const struct ref_request *r)
{
	const struct iovec *last = &r->out[r->out_count - 1];
	uint8_t *end = (uint8_t *)last->iov_base + last->iov_len;

	if ((uintptr_t)end % (uintptr_t)sysconf(_SC_PAGESIZE) != 0 && fault_at(FAULT_REPLY_OVERRUN))
		*end ^= 0xff;
}

static uint32_t pad(const struct ref_request *r, struct fuse_out_header *h, uint32_t used)
{
	static const uint8_t zero[PADDING_BYTES];
	uint8_t payload[256];
	size_t size = used - sizeof(*h);

	if (size > sizeof(payload) || used + PADDING_BYTES > r->out_bytes)
		return used;
	if (h->error < 0 && fault_at(FAULT_ERROR_BODY)) {
		put(r, used, zero, sizeof(zero));
	} else if (size > 0 && fault_at(FAULT_REPLY_PADDED)) {
		get(r, sizeof(*h), payload, size);
		put(r, sizeof(*h), zero, sizeof(zero));
		put(r, sizeof(*h) + sizeof(zero), payload, size);
	} else {
		return used;
	}
	h->len += PADDING_BYTES;
	return used + PADDING_BYTES;
}

uint32_t fault_reply(const struct ref_request *r, const struct fuse_in_header *in, uint32_t used)
{
	struct fuse_out_header h;

	if (fault_at(FAULT_REQUEST_WRITTEN))
		*(uint8_t *)r->in[0].iov_base ^= 0xff;
	if (used < sizeof(h) || in->opcode == FUSE_INIT_BSWAP_RESERVED)
		return used;
	get(r, 0, &h, sizeof(h));
	used = pad(r, &h, used);
	wrong_header(&h);
	put(r, 0, &h, sizeof(h));
	overrun(r);
	return fault_at(FAULT_HEADER_SHORT) ? sizeof(h) / 2 : used;
}

/* ---- INIT ---- */

void fault_init(struct fuse_init_out *out)
{
	if (fault_at(FAULT_INIT_MAJOR))
		out->major = (uint32_t)fault_number(FAULT_INIT_MAJOR);
	if (fault_at(FAULT_INIT_MINOR))
		out->minor = (uint32_t)fault_number(FAULT_INIT_MINOR);
	if (fault_at(FAULT_INIT_FLAGS_ALL)) {
		out->flags = INT32_MAX;
		out->flags2 = UINT32_MAX;
	}
	if (fault_at(FAULT_INIT_FLAGS_NONE))
		out->flags = out->flags2 = 0;
	if (fault_at(FAULT_INIT_FLAGS_MORE))
		out->flags |= FUSE_NO_OPENDIR_SUPPORT | FUSE_CACHE_SYMLINKS |
			      FUSE_EXPLICIT_INVAL_DATA;
	if (fault_at(FAULT_INIT_BIT_31))
		out->flags |= UINT32_C(1) << 31;
	if (fault_at(FAULT_INIT_WRITEBACK))
		out->flags |= FUSE_WRITEBACK_CACHE;
	if (fault_at(FAULT_INIT_PLUS))
		out->flags |= FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO;
	if (fault_at(FAULT_INIT_MMAP))
		out->flags2 |= (uint32_t)(FUSE_DIRECT_IO_ALLOW_MMAP >> 32);
	if (fault_at(FAULT_INIT_KILLPRIV))
		out->flags |= FUSE_HANDLE_KILLPRIV_V2;
	if (fault_at(FAULT_INIT_ALIGNMENT))
		out->map_alignment = (uint16_t)fault_number(FAULT_INIT_ALIGNMENT);
	if (fault_at(FAULT_INIT_MAX_WRITE))
		out->max_write = 0;
	if (fault_at(FAULT_INIT_MAX_PAGES))
		out->max_pages = 0;
	if (fault_at(FAULT_INIT_READAHEAD))
		out->max_readahead = UINT32_MAX;
	if (fault_at(FAULT_INIT_TIME_GRAN))
		out->time_gran = NSEC_STRANGE;
}

/* ---- entries and attributes ---- */

void fault_valid(uint64_t *seconds, uint32_t *nanoseconds, uint64_t *generation)
{
	static _Atomic uint64_t replies;

	if (fault_at(FAULT_VALID_ZERO))
		*seconds = 0;
	if (fault_at(FAULT_VALID_LONG))
		*seconds = DAY_S;
	if (fault_at(FAULT_VALID_NSEC))
		*nanoseconds = NSEC_STRANGE;
	if (generation && fault_at(FAULT_GENERATION))
		*generation = ++replies;
}

/* What is remembered of an inode, or of a place in it. */
struct place {
	bool there;
	uint64_t ino;
	uint64_t offset;
	size_t size;
	uint8_t data[4096];
	struct fuse_attr attr;
};

static pthread_mutex_t places_lock = PTHREAD_MUTEX_INITIALIZER;
static struct place places[PLACES];

/* Lock held. The one of that inode and offset, new or not. */
static struct place *place_of(uint64_t ino, uint64_t offset, bool *ret_new)
{
	struct place *p = &places[(ino * 31 + offset / 512) % PLACES];

	*ret_new = !p->there || p->ino != ino || p->offset != offset;
	if (*ret_new)
		*p = (struct place){ .there = true, .ino = ino, .offset = offset };
	return p;
}

static void remember_attr(struct fuse_attr *attr)
{
	struct place *p;
	bool fresh;

	if (!fault_armed(FAULT_ATTR_SIZE) && !fault_armed(FAULT_ATTR_MTIME))
		return;
	(void)pthread_mutex_lock(&places_lock);
	p = place_of(attr->ino, UINT64_MAX, &fresh);
	if (fresh)
		p->attr = *attr;
	if (attr->size != p->attr.size && fault_at(FAULT_ATTR_SIZE))
		attr->size = p->attr.size;
	if ((attr->mtime != p->attr.mtime || attr->mtimensec != p->attr.mtimensec) &&
	    fault_at(FAULT_ATTR_MTIME)) {
		attr->mtime = p->attr.mtime;
		attr->mtimensec = p->attr.mtimensec;
	}
	(void)pthread_mutex_unlock(&places_lock);
}

void fault_attr(struct fuse_attr *attr)
{
	remember_attr(attr);
	if (fault_at(FAULT_ATTR_NSEC))
		attr->atimensec = attr->mtimensec = attr->ctimensec = 0;
	if (fault_at(FAULT_ATTR_TYPE))
		attr->mode &= 07777;
	if (fault_at(FAULT_ATTR_SUBMOUNT))
		attr->flags |= FUSE_ATTR_SUBMOUNT;
	if (fault_at(FAULT_ATTR_DAX))
		attr->flags |= FUSE_ATTR_DAX;
}

uint32_t fault_open_flags(uint32_t flags)
{
	if (fault_at(FAULT_OPEN_KEEP_CACHE))
		flags |= FOPEN_KEEP_CACHE;
	if (fault_at(FAULT_OPEN_DIRECT_IO))
		flags |= FOPEN_DIRECT_IO;
	if (fault_at(FAULT_OPEN_NOT_DIRECT))
		flags &= ~(uint32_t)FOPEN_DIRECT_IO;
	return flags;
}

/* ---- data ---- */

static void stale(const struct ref_request *r, uint64_t ino, uint64_t offset, size_t done)
{
	struct place *p;
	bool fresh;

	(void)pthread_mutex_lock(&places_lock);
	p = place_of(ino, offset, &fresh);
	if (fresh) {
		p->size = done < sizeof(p->data) ? done : sizeof(p->data);
		get(r, sizeof(struct fuse_out_header), p->data, p->size);
	} else if (fault_at(FAULT_READ_STALE)) {
		put(r, sizeof(struct fuse_out_header), p->data, done < p->size ? done : p->size);
	}
	(void)pthread_mutex_unlock(&places_lock);
}

size_t fault_read(const struct ref_request *r, uint64_t ino, uint64_t offset, size_t size,
		  size_t done)
{
	static const uint8_t zero[512];

	if (fault_armed(FAULT_READ_STALE))
		stale(r, ino, offset, done);
	if (done == size && done > 1 && fault_at(FAULT_READ_SHORT))
		return done / 2;
	if (done == size || !fault_at(FAULT_READ_ZEROS))
		return done;
	while (done < size) {
		size_t part = size - done < sizeof(zero) ? size - done : sizeof(zero);

		put(r, sizeof(struct fuse_out_header) + done, zero, part);
		done += part;
	}
	return size;
}

int fault_private(int fd, uint64_t offset, uint64_t len)
{
	CLEANUP(fd_closep) int copy = memfd_create("private", MFD_CLOEXEC);
	uint8_t page[4096];

	if (copy < 0 || ftruncate(copy, (off_t)len) < 0)
		return -errno;
	for (uint64_t at = 0; at < len; at += sizeof(page)) {
		ssize_t n = pread(fd, page, sizeof(page), (off_t)(offset + at));

		if (n <= 0)
			break;
		if (pwrite(copy, page, (size_t)n, (off_t)at) != n)
			return -EIO;
	}
	return TAKE_FD(copy);
}

/* ---- nodes ---- */

static _Atomic bool root_forgotten;

bool fault_root_forgotten(void)
{
	return root_forgotten;
}

void fault_forget_root(void)
{
	root_forgotten = true;
}
