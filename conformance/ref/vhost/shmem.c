// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/vhost/shmem.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/clock.h"
#include "conformance/ref/fault/breaks.h"
#include "conformance/ref/ledger/ledger.h"
#include "conformance/ref/log.h"

/* A front end needs about a millisecond (one that emulates, more); beyond this it is stuck. */
#define REPLY_MS 5000

/*
 * How long ADD_MEM_REG may be behind the reply: of a front end that is known to send it, and of one of which
 * nothing is known yet. After so many maps without, it is not waited for until one is seen again.
 */
#define TOLD_MS	   1000
#define LEARN_MS   20
#define MISSED_MAX 3

/* For the replies that are late when the device is reset. */
#define FORGET_MS 50

int shmem_init(struct shmem *s)
{
	pthread_condattr_t attr;
	int e;

	memset(s, 0, sizeof(*s));
	s->fd = -1;
	(void)pthread_mutex_init(&s->call, NULL);
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	e = pthread_cond_init(&s->told, &attr);
	(void)pthread_condattr_destroy(&attr);
	s->hurry_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->hurry_fd < 0)
		return -errno;
	return -e;
}

static void drop_owed(struct shmem *s)
{
	for (unsigned i = 0; i < s->owed_count; i++)
		fd_closep(&s->owed[i].fd);
	s->owed_count = 0;
}

void shmem_destroy(struct shmem *s)
{
	msg_clear(&s->reply);
	fd_closep(&s->fd);
	fd_closep(&s->hurry_fd);
	drop_owed(s);
	free(s->owed);
	s->owed = NULL;
	(void)pthread_cond_destroy(&s->told);
	(void)pthread_mutex_destroy(&s->lock);
	(void)pthread_mutex_destroy(&s->call);
}

/* The channel is unusable: replies could not be matched any more. */
static int give_up_channel(struct shmem *s, const char *why)
{
	ref_log(REF_LOG_ERROR,
		"back-end channel: %s; nothing can be mapped before the front end connects again",
		why);
	msg_clear(&s->reply);
	fd_closep(&s->fd);
	s->late_count = 0;
	return -EIO;
}

/*
 * One reply. 0 with @ret_refused; -EINTR when it was not waited for any longer (it may still come);
 * another -errno: the channel is gone.
 */
static int receive(struct shmem *s, uint64_t deadline_ns, bool *ret_refused)
{
	struct err err;

	for (;;) {
		struct pollfd p[2] = { { .fd = s->fd, .events = POLLIN },
				       { .fd = s->hurry_fd, .events = POLLIN } };
		int n = msg_recv(s->fd, &s->reply, &err);

		if (n < 0)
			return give_up_channel(s, n == -ECONNRESET ? "the front end closed it"
								   : err.text);
		if (n == 1)
			break;
		if (atomic_load(&s->hurry) || clock_left_ms(deadline_ns) == 0)
			return -EINTR;
		(void)poll(p, 2, clock_left_ms(deadline_ns));
	}
	if (!(s->reply.head.flags & VHOST_USER_FLAG_REPLY) ||
	    s->reply.head.size != sizeof(s->reply.body.u64) || s->reply.fd_count > 0)
		return give_up_channel(s, "the front end sent something that is no reply");
	*ret_refused = s->reply.body.u64 != 0;
	msg_clear(&s->reply);
	return 0;
}

static int send_one(struct shmem *s, bool map, int fd, const struct vhost_user_mmap *m,
		    uint64_t deadline_ns)
{
	int e = msg_send(s->fd, map ? VHOST_USER_BACKEND_SHMEM_MAP : VHOST_USER_BACKEND_SHMEM_UNMAP,
			 VHOST_USER_FLAG_NEED_REPLY, m, sizeof(*m), fd, deadline_ns);

	if (e == 0 || e == -ETIMEDOUT)
		return e;
	return give_up_channel(s, e == -ECONNRESET ? "the front end closed it" : strerror(-e));
}

/* One round trip. 0; -EREMOTEIO when the front end refused; -EINTR when its reply is late; -errno. */
static int round_trip(struct shmem *s, bool map, int fd, const struct vhost_user_mmap *m)
{
	uint64_t deadline_ns = clock_deadline_ms(REPLY_MS);
	bool refused;
	int e;

	if (s->late_count == SHMEM_LATE_MAX)
		return -EIO;
	e = send_one(s, map, fd, m, deadline_ns);
	if (e < 0)
		return e;
	if (fault_at(map ? FAULT_MAP_EARLY : FAULT_UNMAP_EARLY)) {
		/* Its answer is waited for before the next one, and says nothing then. */
		s->late[s->late_count++] = (struct shmem_late){ false, m->shm_offset, m->len };
		return 0;
	}
	e = receive(s, deadline_ns, &refused);
	if (e == -EINTR)
		s->late[s->late_count++] = (struct shmem_late){ map, m->shm_offset, m->len };
	if (e < 0)
		return e;
	return refused ? -EREMOTEIO : 0;
}

static int recorded_trip(struct shmem *s, bool map, int fd, const struct vhost_user_mmap *m)
{
	struct ledger_event event = { .kind = map ? LEDGER_MAP : LEDGER_UNMAP,
				      .code = map ? VHOST_USER_BACKEND_SHMEM_MAP
						  : VHOST_USER_BACKEND_SHMEM_UNMAP,
				      .nodeid = m->shm_offset,
				      .bytes = (uint32_t)(m->len / 4096),
				      .start_ns = clock_now_ns() };

	event.result = round_trip(s, map, fd, m);
	event.end_ns = clock_now_ns();
	ledger_add(&event);
	return event.result;
}

/* Replies of calls that were given up come first. What was mapped for nobody is unmapped again. */
static int settle_late(struct shmem *s)
{
	uint64_t deadline_ns = clock_deadline_ms(REPLY_MS);

	while (s->late_count > 0) {
		struct shmem_late l = s->late[0];
		struct vhost_user_mmap m = { .shm_offset = l.offset, .len = l.len };
		bool refused;
		int e = receive(s, deadline_ns, &refused);

		if (e < 0)
			return e;
		s->late_count--;
		memmove(s->late, s->late + 1, s->late_count * sizeof(s->late[0]));
		ref_log(REF_LOG_DEBUG, "back-end channel: late reply to a %s at %#" PRIx64 ": %s",
			l.map ? "map" : "unmap", l.offset, refused ? "refused" : "done");
		if (!l.map || refused)
			continue;
		e = send_one(s, false, -1, &m, deadline_ns);
		if (e < 0)
			return e;
		s->late[s->late_count++] = (struct shmem_late){ false, l.offset, l.len };
	}
	return 0;
}

/* What had to wait while the guest was stopped, in order. An unmap that is refused means that it is gone already. */
static int settle_owed(struct shmem *s)
{
	int e = 0;

	while (s->owed_count > 0 && (e == 0 || e == -EREMOTEIO)) {
		struct shmem_owed o = s->owed[0];
		bool map = o.fd >= 0;

		s->owed_count--;
		memmove(s->owed, s->owed + 1, s->owed_count * sizeof(s->owed[0]));
		e = round_trip(s, map, o.fd, &o.m);
		if (map && e < 0)
			ref_log(REF_LOG_ERROR,
				"%#" PRIx64 " bytes at %#" PRIx64
				" of the window did not come back after a pause",
				o.m.len, o.m.shm_offset);
		fd_closep(&o.fd);
	}
	return e == -EREMOTEIO ? 0 : e;
}

/* Ready for the next request? The call lock is held. */
static int ready(struct shmem *s)
{
	int e;

	if (s->fd < 0)
		return -ENOTCONN;
	if (atomic_load(&s->suspended) || atomic_load(&s->hurry))
		return -EAGAIN;
	e = settle_late(s);
	return e < 0 ? e : settle_owed(s);
}

/*
 * Which file is it? Not by fstat(): what a front end maps is served by the broker, and each mmap() of it leaves a time
 * that fstat() would ask the broker for.
 */
static bool file_id(int fd, dev_t *dev, ino_t *ino)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &st) < 0)
		return false;
	*dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	*ino = st.stx_ino;
	return true;
}

static void expect(struct shmem *s, int fd, uint64_t fd_offset, uint64_t len)
{
	dev_t dev;
	ino_t ino;

	if (!file_id(fd, &dev, &ino))
		return;
	(void)pthread_mutex_lock(&s->lock);
	s->expecting = true;
	s->announced = false;
	s->expected.dev = dev;
	s->expected.ino = ino;
	s->expected.fd_offset = fd_offset;
	s->expected.len = len;
	(void)pthread_mutex_unlock(&s->lock);
}

/* The reply came: wait for the announcement if this front end may send one. See shmem.h. */
static void wait_until_told(struct shmem *s)
{
	uint64_t start_ns = clock_now_ns();
	uint64_t end_ns;
	uint64_t deadline_ns;
	struct timespec at;

	(void)pthread_mutex_lock(&s->lock);
	deadline_ns = clock_deadline_ms(s->announces ? TOLD_MS : LEARN_MS);
	at = (struct timespec){ (time_t)(deadline_ns / NS_PER_S), (long)(deadline_ns % NS_PER_S) };
	while (s->expecting && !s->announced && s->missed < MISSED_MAX && !atomic_load(&s->hurry))
		if (pthread_cond_timedwait(&s->told, &s->lock, &at) == ETIMEDOUT)
			break;
	if (s->expecting && !s->announced && s->missed < MISSED_MAX && ++s->missed == MISSED_MAX)
		s->announces = false;
	/* From there on it is our own time: the message had to be served, and this thread to wake. */
	end_ns = s->announced ? s->announced_ns : clock_now_ns();
	(void)pthread_mutex_unlock(&s->lock);
	ledger_told(end_ns > start_ns ? end_ns - start_ns : 0);
}

void shmem_announced(struct shmem *s, int fd, uint64_t fd_offset, uint64_t len, uint64_t at_ns)
{
	bool hit;
	dev_t dev;
	ino_t ino;

	(void)pthread_mutex_lock(&s->lock);
	hit = s->expecting && s->expected.fd_offset == fd_offset && s->expected.len == len &&
	      file_id(fd, &dev, &ino) && dev == s->expected.dev && ino == s->expected.ino;
	if (hit) {
		s->announced = true;
		s->announced_ns = at_ns;
		/* Also one that comes too late shows that this front end sends them. */
		s->announces = true;
		s->missed = 0;
	}
	(void)pthread_mutex_unlock(&s->lock);
	/* Behind the lock, which who wakes takes first. */
	if (hit)
		(void)pthread_cond_broadcast(&s->told);
}

/* The guest does not run: nothing of it can be touched before shmem_resume() sends this. @fd: -1 for an unmap. */
static int owe(struct shmem *s, int fd, const struct vhost_user_mmap *m)
{
	CLEANUP(fd_closep) int own = -1;

	if (s->owed_count == s->owed_room) {
		unsigned room = s->owed_room ? 2 * s->owed_room : 16;
		void *grown = realloc(s->owed, room * sizeof(*s->owed));

		if (!grown)
			return -ENOMEM;
		s->owed = grown;
		s->owed_room = room;
	}
	if (fd >= 0) {
		own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (own < 0)
			return -errno;
	}
	s->owed[s->owed_count++] = (struct shmem_owed){ .m = *m, .fd = TAKE_FD(own) };
	return 0;
}

/*
 * Will what can be mapped now still be there after the pause? A file that becomes shorter meanwhile would be refused;
 * so only one that claims a size beyond all sizes (passthrough), or that is sealed (a copied page).
 */
static bool can_wait(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	return (seals >= 0 && (seals & F_SEAL_SHRINK)) ||
	       (fstat(fd, &st) == 0 && st.st_size >= INT64_C(1) << 62);
}

int shmem_map(void *context, int fd, uint64_t fd_offset, uint64_t offset, uint64_t len,
	      bool writable)
{
	struct shmem *s = context;
	struct vhost_user_mmap m = {
		.fd_offset = fd_offset,
		.shm_offset = offset,
		.len = len,
		.flags = writable && !fault_at(FAULT_MAP_READ_ONLY) ? VHOST_USER_MMAP_FLAG_RW : 0,
	};
	int e;

	if (fault_hooked(FAULT_HOOK_MMAP))
		fault_mmap(&m);
	if (fault_at(FAULT_MAP_LEAKS))
		(void)!fcntl(fd, F_DUPFD_CLOEXEC, 0);

	(void)pthread_mutex_lock(&s->call);
	e = ready(s);
	if (e == -EAGAIN && atomic_load(&s->suspended) && can_wait(fd)) {
		e = owe(s, fd, &m);
	} else if (e == 0) {
		expect(s, fd, fd_offset, len);
		e = recorded_trip(s, true, fault_at(FAULT_MAP_NO_FD) ? -1 : fd, &m);
		if (e == 0)
			wait_until_told(s);
	}
	(void)pthread_mutex_unlock(&s->call);
	if (e == -EREMOTEIO)
		ref_log(REF_LOG_WARN,
			"the front end refused to map %#" PRIx64 " bytes at %#" PRIx64
			" of the window",
			len, offset);
	/* For the guest all of it is an I/O error. */
	return e < 0 && !fault_at(FAULT_MAP_NAK_HIDDEN) ? -EIO : 0;
}

static int unmap_locked(struct shmem *s, uint64_t offset, uint64_t len)
{
	struct vhost_user_mmap m = { .shm_offset = offset, .len = len };
	int e = ready(s);

	if (m.len > 4096 && fault_at(FAULT_UNMAP_PARTIAL))
		m.len = 4096;
	if (e == -EAGAIN && atomic_load(&s->suspended))
		return owe(s, -1, &m);
	if (e == 0)
		e = recorded_trip(s, false, -1, &m);
	if (e == -EREMOTEIO) {
		/*
		 * A front end refuses what it does not have. That is so after a reset that nobody
		 * told us of: it has dropped everything, and gone is what was wanted.
		 */
		ref_log(REF_LOG_DEBUG,
			"the front end has no mapping of %#" PRIx64 " bytes at %#" PRIx64, len,
			offset);
		e = 0;
	}
	return e;
}

int shmem_unmap(void *context, uint64_t offset, uint64_t len)
{
	struct shmem *s = context;
	int e;

	(void)pthread_mutex_lock(&s->call);
	e = unmap_locked(s, offset, len);
	(void)pthread_mutex_unlock(&s->call);
	return e < 0 ? -EIO : 0;
}

void shmem_fault(struct shmem *s)
{
	const struct vhost_user_mmap first = { .len = 4096 };

	if (fault_at(FAULT_MAP_DEAF)) {
		(void)pthread_mutex_lock(&s->call);
		(void)pthread_mutex_unlock(&s->call);
	}
	if (atomic_load(&s->suspended) && fault_at(FAULT_STOP_TALKS)) {
		(void)pthread_mutex_lock(&s->call);
		if (s->fd >= 0)
			(void)!round_trip(s, false, -1, &first);
		(void)pthread_mutex_unlock(&s->call);
	}
}

void shmem_hurry(struct shmem *s)
{
	const uint64_t one = 1;

	atomic_store(&s->hurry, true);
	(void)!write(s->hurry_fd, &one, sizeof(one));
	(void)pthread_mutex_lock(&s->lock);
	(void)pthread_cond_broadcast(&s->told);
	(void)pthread_mutex_unlock(&s->lock);
}

void shmem_calm(struct shmem *s)
{
	uint64_t count;

	(void)!read(s->hurry_fd, &count, sizeof(count));
	atomic_store(&s->hurry, false);
}

static void clear_locked(struct shmem *s)
{
	fd_closep(&s->fd);
	msg_clear(&s->reply);
	s->late_count = 0;
	drop_owed(s);
}

void shmem_attach(struct shmem *s, int take_fd)
{
	shmem_hurry(s);
	(void)pthread_mutex_lock(&s->call);
	clear_locked(s);
	s->fd = take_fd;
	(void)pthread_mutex_lock(&s->lock);
	s->announces = false;
	s->expecting = false;
	s->missed = 0;
	(void)pthread_mutex_unlock(&s->lock);
	(void)pthread_mutex_unlock(&s->call);
	shmem_calm(s);
}

void shmem_detach(struct shmem *s)
{
	shmem_attach(s, -1);
}

void shmem_suspend(struct shmem *s)
{
	atomic_store(&s->suspended, true);
}

bool shmem_resume(struct shmem *s)
{
	if (!atomic_exchange(&s->suspended, false))
		return false;
	(void)pthread_mutex_lock(&s->call);
	if (s->owed_count > 0 && ready(s) < 0)
		ref_log(REF_LOG_ERROR,
			"%u changes of mappings that waited while the guest was stopped are not made",
			s->owed_count);
	(void)pthread_mutex_unlock(&s->call);
	return true;
}

/*
 * A map that was given up may still have been made, and then it went with the reset; or it will be made
 * after the reset, by a front end that does not read this channel while it resets, and has to be undone then. Which
 * of the two is told by the reply: one of the first kind is here, or comes at once.
 */
void shmem_forget(struct shmem *s)
{
	bool refused;

	shmem_hurry(s);
	(void)pthread_mutex_lock(&s->call);
	drop_owed(s);
	shmem_calm(s);
	for (uint64_t end_ns = clock_deadline_ms(FORGET_MS); s->late_count > 0;) {
		if (receive(s, end_ns, &refused) < 0)
			break;
		s->late_count--;
		memmove(s->late, s->late + 1, s->late_count * sizeof(s->late[0]));
	}
	(void)pthread_mutex_unlock(&s->call);
}
