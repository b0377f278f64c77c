// SPDX-License-Identifier: Apache-2.0
/* Locks: refused, or real. */
#include "conformance/device/areas.h"
#include "conformance/device/meta.h"

#include <sys/file.h>

#define ANN 0x1111
#define BOB 0x2222
/* OFFSET_MAX: to the end of any file. */
#define END_OF_ALL ((uint64_t)INT64_MAX)

/* "file", opened twice. */
struct pair {
	uint64_t nodeid;
	uint64_t a, b;
};

static bool open_pair(struct check_run *r, struct pair *ret)
{
	struct fuse_open_out open;

	if (!meta_file(r, "file", &ret->nodeid) ||
	    !check_ok(r, "OPEN", front_open_file(r->f, ret->nodeid, O_RDWR, &open)))
		return false;
	ret->a = open.fh;
	if (!check_ok(r, "OPEN", front_open_file(r->f, ret->nodeid, O_RDWR, &open)))
		return false;
	ret->b = open.fh;
	return true;
}

static struct fuse_lk_in lock_of(uint64_t fh, uint64_t owner, uint32_t type, uint64_t start,
				 uint64_t end)
{
	return (struct fuse_lk_in){ .fh = fh,
				    .owner = owner,
				    .lk = { .start = start, .end = end, .type = type } };
}

static int set(struct check_run *r, const struct pair *p, uint64_t fh, uint64_t owner,
	       uint32_t type, uint64_t start, uint64_t end)
{
	const struct fuse_lk_in in = lock_of(fh, owner, type, start, end);

	return front_lock(r->f, FUSE_SETLK, p->nodeid, &in, NULL);
}

static int flock_of(struct check_run *r, const struct pair *p, uint64_t fh, uint32_t type)
{
	struct fuse_lk_in in = lock_of(fh, fh, type, 0, END_OF_ALL);

	in.lk_flags = FUSE_LK_FLOCK;
	return front_lock(r->f, FUSE_SETLK, p->nodeid, &in, NULL);
}

/* Would the host be granted a write lock of these bytes? */
static bool host_may_lock(struct check_run *r, off_t start, off_t bytes, bool *ret)
{
	CLEANUP(fd_closep) int fd = host_open(r->share, "file", O_RDWR, 0);
	struct flock l = { .l_type = F_WRLCK, .l_start = start, .l_len = bytes };

	if (!check_host(r, "open", fd) ||
	    !check_host(r, "F_OFD_GETLK", fcntl(fd, F_OFD_GETLK, &l) < 0 ? -errno : 0))
		return false;
	*ret = l.l_type == F_UNLCK;
	return true;
}

static void refused(struct check_run *r)
{
	static const uint32_t opcodes[] = { FUSE_SETLK, FUSE_SETLKW };
	struct fuse_lk_in in;
	struct fuse_lk_out out;
	struct pair p;
	bool may = false;

	NEED(r, !(r->f->init.flags & FUSE_POSIX_LOCKS), "locks that were not agreed on");
	WANT(open_pair(r, &p));
	in = lock_of(p.a, ANN, F_WRLCK, 0, 9);
	WANT_ONE_OF(r, "GETLK", front_lock(r->f, FUSE_GETLK, p.nodeid, &in, &out), -ENOSYS,
		    -EOPNOTSUPP);
	for (size_t i = 0; i < ARRAY_SIZE(opcodes); i++)
		WANT_ONE_OF(r, "SETLK and SETLKW",
			    front_lock(r->f, opcodes[i], p.nodeid, &in, NULL), -ENOSYS,
			    -EOPNOTSUPP);
	WANT(host_may_lock(r, 0, 10, &may));
	WANT_THAT(r, may, "a file that nobody has locked", "it is locked");
}

static void flock_unagreed(struct check_run *r)
{
	CLEANUP(fd_closep) int fd = -1;
	struct pair p;
	int e;

	NEED(r, !(r->f->init.flags & FUSE_FLOCK_LOCKS), "locks that were not agreed on");
	WANT(open_pair(r, &p));
	e = flock_of(r, &p, p.a, F_WRLCK);
	WANT_ONE_OF(r, "SETLK with LK_FLOCK", e, 0, -ENOSYS, -EOPNOTSUPP);
	fd = host_open(r->share, "file", O_RDWR, 0);
	WANT(check_host(r, "open", fd));
	WANT_THAT(r, (flock(fd, LOCK_EX | LOCK_NB) == 0) == (e != 0),
		  "a lock on the host where it was granted, none where it was refused",
		  "SETLK: result %d", e);
}

static void between_owners(struct check_run *r)
{
	struct fuse_lk_in in;
	struct fuse_lk_out out;
	struct pair p;

	WANT(open_pair(r, &p));
	WANT_OK(r, "SETLK to write bytes 10 to 19, by one", set(r, &p, p.a, ANN, F_WRLCK, 10, 19));
	WANT_ERROR(r, -EAGAIN, "SETLK to read byte 19, by another",
		   set(r, &p, p.b, BOB, F_RDLCK, 19, 19));
	WANT_OK(r, "SETLK to write bytes 20 to 29, by another",
		set(r, &p, p.b, BOB, F_WRLCK, 20, 29));
	in = lock_of(p.b, BOB, F_WRLCK, 0, 15);
	WANT_OK(r, "GETLK", front_lock(r->f, FUSE_GETLK, p.nodeid, &in, &out));
	WANT_SAME(r, F_WRLCK, "type of the lock in the way", out.lk.type);
	WANT_SAME(r, 10, "its first byte", out.lk.start);
	WANT_SAME(r, 19, "its last byte", out.lk.end);
	WANT_OK(r, "SETLK to unlock, by one", set(r, &p, p.a, ANN, F_UNLCK, 10, 19));
	WANT_OK(r, "SETLK to write bytes 10 to 19, by another",
		set(r, &p, p.b, BOB, F_WRLCK, 10, 19));
	in = lock_of(p.a, ANN, F_WRLCK, 0, 5);
	WANT_OK(r, "GETLK", front_lock(r->f, FUSE_GETLK, p.nodeid, &in, &out));
	WANT_SAME(r, F_UNLCK, "type of the answer where nothing is in the way", out.lk.type);
}

static void against_host(struct check_run *r)
{
	CLEANUP(fd_closep) int fd = -1;
	struct flock l = { .l_type = F_WRLCK, .l_start = 100, .l_len = 10 };
	struct pair p;
	bool may = true;

	WANT(open_pair(r, &p));
	WANT_OK(r, "SETLK to write bytes 10 to 19", set(r, &p, p.a, ANN, F_WRLCK, 10, 19));
	WANT(host_may_lock(r, 15, 1, &may));
	WANT_THAT(r, !may, "a lock that the host sees", "the host may lock byte 15");
	fd = host_open(r->share, "file", O_RDWR, 0);
	WANT(check_host(r, "open", fd));
	WANT_HOST(r, "lock", fcntl(fd, F_OFD_SETLK, &l));
	WANT_ERROR(r, -EAGAIN, "SETLK of what the host has locked",
		   set(r, &p, p.a, ANN, F_WRLCK, 105, 105));
}

static void flush_unlocks(struct check_run *r)
{
	struct pair p;
	bool may = false;

	WANT(open_pair(r, &p));
	WANT_OK(r, "SETLK", set(r, &p, p.a, ANN, F_WRLCK, 0, 9));
	WANT_OK(r, "FLUSH by another owner", front_flush(r->f, p.nodeid, p.b, BOB));
	WANT_ERROR(r, -EAGAIN, "SETLK by another owner after it",
		   set(r, &p, p.b, BOB, F_WRLCK, 0, 9));
	WANT(host_may_lock(r, 0, 10, &may));
	WANT_THAT(r, !may, "a lock that its owner has still", "the host may lock");
	WANT_OK(r, "FLUSH by its owner", front_flush(r->f, p.nodeid, p.a, ANN));
	WANT(host_may_lock(r, 0, 10, &may));
	WANT_THAT(r, may, "no lock after FLUSH", "the host may not lock");
	WANT_OK(r, "SETLK by another owner after it", set(r, &p, p.b, BOB, F_WRLCK, 0, 9));
}

static void init_unlocks(struct check_run *r)
{
	struct pair p;
	bool may = false;

	WANT(open_pair(r, &p));
	WANT_OK(r, "SETLK", set(r, &p, p.a, ANN, F_WRLCK, 0, 9));
	WANT_OK(r, "a second INIT", front_init(r->f, 0, NULL));
	WANT(host_may_lock(r, 0, 10, &may));
	WANT_THAT(r, may, "no lock of a session that is over", "the host may not lock");
}

static void flocks(struct check_run *r)
{
	CLEANUP(fd_closep) int fd = -1;
	struct pair p;

	WANT(open_pair(r, &p));
	fd = host_open(r->share, "file", O_RDWR, 0);
	WANT(check_host(r, "open", fd));
	WANT_OK(r, "SETLK with LK_FLOCK, exclusive", flock_of(r, &p, p.a, F_WRLCK));
	WANT_ERROR(r, -EAGAIN, "SETLK with LK_FLOCK by the other handle",
		   flock_of(r, &p, p.b, F_RDLCK));
	WANT_THAT(r, flock(fd, LOCK_SH | LOCK_NB) < 0, "a lock that the host sees",
		  "the host may lock");
	WANT_OK(r, "RELEASE", front_release(r->f, p.nodeid, p.a, 0));
	WANT_THAT(r, flock(fd, LOCK_EX | LOCK_NB) == 0, "no lock after RELEASE",
		  "the host may not lock");
	WANT_ERROR(r, -EAGAIN, "SETLK with LK_FLOCK of what the host has locked",
		   flock_of(r, &p, p.b, F_WRLCK));
}

/* Who agrees on POSIX_LOCKS has all three opcodes: no driver could wait in its place. */
static void waiting(struct check_run *r)
{
	struct front_request *q;
	struct fuse_lk_in in;
	struct front_op op;
	struct pair p;
	int unlocked;
	int e;

	WANT(open_pair(r, &p));
	WANT_OK(r, "SETLK", set(r, &p, p.a, ANN, F_WRLCK, 0, 9));
	in = lock_of(p.b, BOB, F_WRLCK, 0, 9);
	op = front_op_lock(FUSE_SETLKW, p.nodeid, &in);
	WANT_OK(r, "request", front_prepare(r->f, &op, &q));
	e = front_submit(q);
	unlocked = set(r, &p, p.a, ANN, F_UNLCK, 0, 9);
	if (e == 0)
		e = front_wait(q, front_deadline(r->f));
	front_request_free(q);
	WANT_OK(r, "SETLK to unlock, while another waits", unlocked);
	WANT_OK(r, "SETLKW of what another has", e);
	WANT_ERROR(r, -EAGAIN, "SETLK of what has been waited for",
		   set(r, &p, p.a, ANN, F_WRLCK, 0, 9));
}

/* More owners than a device with 64 descriptors can have one for. */
#define OWNERS 150

/*
 * Who waits for FUSE_NOTIFY_LOCK must be told ENOLCK; without a notification queue it is left open which error says so.
 * What was locked before stays, and what is unlocked can be locked again.
 */
static void exhausted(struct check_run *r)
{
	struct pair p;
	uint64_t owned = 0;
	bool may = true;
	int e = 0;

	WANT(open_pair(r, &p));
	while (owned < OWNERS && (e = set(r, &p, p.a, ANN + owned, F_WRLCK, owned, owned)) == 0)
		owned++;
	if (e != 0)
		WANT_ONE_OF(r, "SETLK by one owner too many", e, -ENOLCK, -ENOMEM, -EMFILE,
			    -ENFILE);
	WANT_RANGE(r, 1, OWNERS, "owners that got their lock", owned);
	WANT(host_may_lock(r, 0, 1, &may));
	WANT_THAT(r, !may, "locks of before that are held still", "the host may lock the first");
	for (uint64_t i = 0; i < owned; i++)
		WANT_OK(r, "FLUSH by an owner", front_flush(r->f, p.nodeid, p.a, ANN + i));
	WANT_OK(r, "SETLK of all bytes, once nobody has them",
		set(r, &p, p.a, ANN, F_WRLCK, 0, OWNERS));
	WANT(check_alive(r));
}

static const struct check checks[] = {
	{
		.id = "locks.refused",
		.title = "locks that were not agreed on are refused",
		.rows = "FUSE-META-012",
		.sends = "GETLK, SETLK, SETLKW without POSIX_LOCKS",
		.wants = "ENOSYS or EOPNOTSUPP, and nothing is locked on the host",
		.catches = "error:SETLK:EAGAIN error:GETLK:EIO",
		.run = refused,
	},
	{
		.id = "locks.flock-not-agreed",
		.title = "LK_FLOCK that was not agreed on is refused, or a lock of the host",
		.rows = "FUSE-META-012",
		.sends = "SETLK with LK_FLOCK without FLOCK_LOCKS; flock() of the host",
		.wants = "ENOSYS or EOPNOTSUPP and no lock; or success and one",
		.catches = "error:SETLK:EAGAIN",
		.run = flock_unagreed,
	},
	{
		.id = "locks.between-owners",
		.title = "owners do not get what another has",
		.rows = "FUSE-META-012",
		.sends = "POSIX_LOCKS; SETLK, GETLK and unlocking by two owners",
		.wants =
			"EAGAIN for what overlaps, GETLK tells its range; success for the rest and after unlocking",
		.catches = "preload:lock-lost",
		.options = CHECK_POSIX_LOCKS,
		.init = FUSE_POSIX_LOCKS,
		.run = between_owners,
	},
	{
		.id = "locks.against-host",
		.title = "locks hold against the host, both ways",
		.rows = "FUSE-META-012",
		.sends =
			"POSIX_LOCKS; SETLK, F_OFD_GETLK of the host; F_OFD_SETLK of the host, SETLK",
		.wants = "each sees the other's lock",
		.catches = "preload:lock-lost",
		.options = CHECK_POSIX_LOCKS,
		.init = FUSE_POSIX_LOCKS,
		.run = against_host,
	},
	{
		.id = "locks.flush",
		.title = "FLUSH ends the locks of its owner alone",
		.rows = "FUSE-META-012 FUSE-FILE-004",
		.sends =
			"POSIX_LOCKS; SETLK, FLUSH by another owner, FLUSH by its own, SETLK by the other",
		.wants =
			"the lock is there after the first and gone after the second, for host and guest",
		.catches = "preload:lock-lost preload:close-lost",
		.options = CHECK_POSIX_LOCKS,
		.init = FUSE_POSIX_LOCKS,
		.run = flush_unlocks,
	},
	{
		.id = "locks.second-init",
		.title = "a second INIT ends all locks",
		.rows = "VIRTIO-FS-INIT-006",
		.sends = "POSIX_LOCKS; SETLK, INIT",
		.wants = "the host may lock",
		.catches = "preload:close-lost",
		.options = CHECK_POSIX_LOCKS,
		.init = FUSE_POSIX_LOCKS,
		.run = init_unlocks,
	},
	{
		.id = "locks.flock",
		.title = "FLOCK_LOCKS hold between handles and against the host, until RELEASE",
		.rows = "FUSE-META-012",
		.sends =
			"FLOCK_LOCKS; SETLK with LK_FLOCK by two handles, flock() of the host, RELEASE",
		.wants = "EAGAIN for the other handle and the host; success after RELEASE",
		.catches = "preload:flock-lost",
		.options = CHECK_FLOCK,
		.init = FUSE_FLOCK_LOCKS,
		.run = flocks,
	},
	{
		.id = "locks.waiting",
		.title = "SETLKW waits until it has the lock",
		.rows = "FUSE-META-012",
		.sends = "POSIX_LOCKS; SETLKW of what another has, who unlocks then",
		.wants = "success and the lock",
		.catches = "init-flags-all",
		.options = CHECK_POSIX_LOCKS,
		.init = FUSE_POSIX_LOCKS,
		.run = waiting,
	},
	{
		.id = "locks.exhausted",
		.title =
			"where nothing is left for one lock more, it is refused, and others are not lost",
		.rows = "VIRTIO-FS-NOTIF-007",
		.sends =
			"POSIX_LOCKS; SETLK by 150 owners while 64 descriptors are allowed, FLUSH by each, SETLK",
		.wants =
			"success, then ENOLCK, ENOMEM, EMFILE or ENFILE; success once all are gone",
		.catches = "preload:lock-lost",
		.options = CHECK_POSIX_LOCKS | CHECK_FEW_FILES,
		.init = FUSE_POSIX_LOCKS,
		.run = exhausted,
	},
};

const struct check_area area_locks = { "locks", "Locks", checks, ARRAY_SIZE(checks) };
