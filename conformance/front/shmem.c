// SPDX-License-Identifier: Apache-2.0
/* Requests of the back-end: checked, done or refused, answered. */
#include "conformance/front/window.h"

#include "base/clock.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* What is answered to a request that breaks a rule: any value but 0 will do. */
#define REFUSED UINT64_C(1)

/* A VMM's own mapping of it. */
#define WINDOW_USER UINT64_C(0x7c0000000000)

static int refuse(struct front_window *w, enum front_fault kind, const struct vhost_user_mmap *m,
		  const char *what)
{
	front_fault(
		w->evidence, kind,
		"%s: shmid %u, file offset %#llx, window offset %#llx, length %#llx, flags %#llx",
		what, m->shmid, (unsigned long long)m->fd_offset, (unsigned long long)m->shm_offset,
		(unsigned long long)m->len, (unsigned long long)m->flags);
	return -EINVAL;
}

/* What holds for both requests. */
static int check_form(struct front_window *w, const struct front_message *msg)
{
	static const uint8_t zero[sizeof(msg->body.mmap.padding)];
	const struct vhost_user_mmap *m = &msg->body.mmap;
	bool map = msg->head.request == VHOST_USER_BACKEND_SHMEM_MAP;

	if (msg->head.size != sizeof(*m)) {
		front_fault(w->evidence, FRONT_FAULT_MAP_PAYLOAD, "%u bytes", msg->head.size);
		return -EINVAL;
	}
	if (memcmp(m->padding, zero, sizeof(zero)) != 0)
		return refuse(w, FRONT_FAULT_MAP_PAYLOAD, m, "padding");
	if (msg->fd_count != (map ? 1 : 0))
		return refuse(w, FRONT_FAULT_MAP_FDS, m, map ? "map" : "unmap");
	if (m->shmid != 0)
		return refuse(w, FRONT_FAULT_MAP_SHMID, m, "region");
	if (m->len == 0 || m->shm_offset > w->bytes || m->len > w->bytes - m->shm_offset)
		return refuse(w, FRONT_FAULT_MAP_BOUNDS, m, "window");
	return 0;
}

static int check_map(struct front_window *w, const struct vhost_user_mmap *m)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t end;

	if (m->flags & ~VHOST_USER_MMAP_FLAG_RW)
		return refuse(w, FRONT_FAULT_MAP_FLAGS, m, "flags");
	if ((m->fd_offset | m->shm_offset | m->len) % page != 0)
		return refuse(w, FRONT_FAULT_MAP_ALIGN, m, "pages");
	if (__builtin_add_overflow(m->fd_offset, m->len, &end) || end > INT64_MAX)
		return refuse(w, FRONT_FAULT_MAP_BOUNDS, m, "file");
	for (size_t i = 0; i < w->count; i++) {
		const struct front_mapping *other = &w->mapping[i];

		if (m->shm_offset < other->offset + other->len &&
		    other->offset < m->shm_offset + m->len)
			return refuse(w, FRONT_FAULT_MAP_OVERLAP, m, "a live mapping");
	}
	return 0;
}

/* What QEMU 11.1 can map: not beyond the end (of an empty file that is all), and only what is open for both. */
static int check_file(struct front_window *w, const struct vhost_user_mmap *m, int fd,
		      struct stat *ret)
{
	int flags = fcntl(fd, F_GETFL);

	if (fstat(fd, ret) < 0 || flags < 0)
		return refuse(w, FRONT_FAULT_MAP_FILE, m, "no file");
	if (w->options.lax)
		return 0;
	if (!S_ISREG(ret->st_mode))
		return refuse(w, FRONT_FAULT_MAP_FILE, m, "not a regular file");
	if ((flags & O_ACCMODE) != O_RDWR)
		return refuse(w, FRONT_FAULT_MAP_FILE, m, "not open for reading and writing");
	if (m->fd_offset + m->len > (uint64_t)ret->st_size)
		return refuse(w, FRONT_FAULT_MAP_FILE, m, "past the end of the file");
	return 0;
}

static struct vhost_user_mem_region region_of(const struct front_mapping *m)
{
	return (struct vhost_user_mem_region){ .guest_addr = FRONT_WINDOW_GUEST + m->offset,
					       .size = m->len,
					       .user_addr = WINDOW_USER + m->offset,
					       .mmap_offset = m->fd_offset };
}

static struct front_mapping *new_mapping(struct front_window *w)
{
	if (w->count == w->room) {
		size_t room = w->room ? 2 * w->room : 64;
		struct front_mapping *more = realloc(w->mapping, room * sizeof(*more));

		if (!more)
			return NULL;
		w->mapping = more;
		w->room = room;
	}
	return &w->mapping[w->count];
}

static int do_map(struct front_window *w, const struct front_message *msg,
		  struct front_window_event *v)
{
	const struct vhost_user_mmap *m = &msg->body.mmap;
	struct front_mapping *map;
	struct stat st = { 0 };
	int prot = PROT_READ | (m->flags & VHOST_USER_MMAP_FLAG_RW ? PROT_WRITE : 0);
	int e = check_map(w, m);

	if (e == 0)
		e = check_file(w, m, msg->fd[0], &st);
	if (e < 0)
		return e;
	map = new_mapping(w);
	if (!map)
		return -ENOMEM;
	if (mmap(w->at + m->shm_offset, m->len, prot, MAP_SHARED | MAP_FIXED, msg->fd[0],
		 (off_t)m->fd_offset) == MAP_FAILED)
		return refuse(w, FRONT_FAULT_MAP_FILE, m, strerror(errno));
	*map = (struct front_mapping){ .offset = m->shm_offset,
				       .len = m->len,
				       .fd_offset = m->fd_offset,
				       .writable = prot & PROT_WRITE,
				       .dev = st.st_dev,
				       .ino = st.st_ino };
	v->dev = st.st_dev;
	v->ino = st.st_ino;
	w->count++;
	w->maps++;
	if (w->options.mem_reg) {
		struct vhost_user_mem_region r = region_of(map);

		map->told = front_add_mem_reg(w->main, &r, msg->fd[0]) == 0;
		w->failed += !map->told;
	}
	return 0;
}

static int do_unmap(struct front_window *w, const struct vhost_user_mmap *m)
{
	for (size_t i = 0; i < w->count; i++) {
		struct front_mapping gone = w->mapping[i];

		if (gone.offset != m->shm_offset || gone.len != m->len)
			continue;
		if (mmap(w->at + gone.offset, gone.len, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
			 0) == MAP_FAILED)
			return -errno;
		w->mapping[i] = w->mapping[--w->count];
		w->unmaps++;
		if (gone.told) {
			struct vhost_user_mem_region r = region_of(&gone);

			w->failed += front_rem_mem_reg(w->main, &r) < 0;
		}
		return 0;
	}
	return refuse(w, FRONT_FAULT_UNMAP_OTHER, m, "unmap");
}

static bool is_nak(struct front_window *w)
{
	if (w->nak_count == 0)
		return false;
	if (w->nak_after > 0) {
		w->nak_after--;
		return false;
	}
	w->nak_count--;
	return true;
}

static uint64_t shmem(struct front_window *w, struct front_message *m, struct front_window_event *v)
{
	int e;

	v->mmap = m->body.mmap;
	if (!w->negotiated) {
		front_fault(w->evidence, FRONT_FAULT_BACKEND_MESSAGE,
			    "message %u without SHMEM or BACKEND_SEND_FD", m->head.request);
		return REFUSED;
	}
	if (v->stopped)
		front_fault(w->evidence, FRONT_FAULT_MAP_STOPPED, "message %u", m->head.request);
	e = check_form(w, m);
	if (e < 0)
		return REFUSED;
	if (is_nak(w))
		return w->nak_value;
	e = m->head.request == VHOST_USER_BACKEND_SHMEM_MAP ? do_map(w, m, v)
							    : do_unmap(w, &m->body.mmap);
	return e == 0 ? 0 : REFUSED;
}

static uint64_t serve_request(struct front_window *w, struct front_message *m,
			      struct front_window_event *v)
{
	if ((m->head.flags & VHOST_USER_FLAG_REPLY) ||
	    (m->head.flags & ~(VHOST_USER_VERSION_MASK | VHOST_USER_FLAG_NEED_REPLY)))
		front_fault(w->evidence, FRONT_FAULT_HEADER, "back-end's request %u has flags %#x",
			    m->head.request, m->head.flags);
	switch (m->head.request) {
	case VHOST_USER_BACKEND_SHMEM_MAP:
	case VHOST_USER_BACKEND_SHMEM_UNMAP: return shmem(w, m, v);
	case VHOST_USER_BACKEND_CONFIG_CHANGE_MSG: w->config_changes++; return 0;
	default:
		front_fault(w->evidence, FRONT_FAULT_BACKEND_MESSAGE, "unknown message %u",
			    m->head.request);
		return REFUSED;
	}
}

void front_window_handle(struct front_window *w, struct front_message *m,
			 struct front_window_event *v)
{
	v->ack = serve_request(w, m, v);
	v->mapped_ns = clock_now_ns();
	v->asked = m->head.flags & VHOST_USER_FLAG_NEED_REPLY;
	w->refused += v->ack != 0;
	front_message_close(m);
	if (v->asked) {
		struct front_message reply = front_message_of(m->head.request, &v->ack,
							      sizeof(v->ack));

		reply.head.flags |= VHOST_USER_FLAG_REPLY;
		w->failed += front_send(&w->channel, &reply) < 0;
	}
	v->answered_ns = clock_now_ns();
}
