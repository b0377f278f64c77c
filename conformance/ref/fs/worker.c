// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/worker.h"

#include "conformance/ref/fault/fault.h"
#include "conformance/ref/log.h"

#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>

static __thread struct worker *self;
static pthread_key_t self_key;
static pthread_once_t self_once = PTHREAD_ONCE_INIT;
static bool told; /* atomic: who has no privilege says so once */

#define CAP_BIT(cap) (UINT32_C(1) << (cap))
/* What acting for others takes. All are below 32. */
#define CAPS_PRIVILEGED (CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETGID) | CAP_BIT(CAP_CHOWN))

struct caps {
	struct __user_cap_header_struct head;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
};

/* Of this thread; glibc has no wrapper, and one that spans threads would be wrong here. */
static int caps_get(struct caps *c)
{
	*c = (struct caps){ .head.version = _LINUX_CAPABILITY_VERSION_3 };
	return (int)syscall(SYS_capget, &c->head, c->data);
}

static void worker_free(void *p)
{
	self = NULL;
	free(p);
}

static void make_key(void)
{
	(void)pthread_key_create(&self_key, worker_free);
}

struct worker *worker_peek(void)
{
	return self;
}

static void find_privilege(struct worker *w)
{
	struct caps c;

	w->uid = geteuid();
	w->gid = getegid();
	if (caps_get(&c) == 0) {
		w->privileged = (c.data[0].effective & CAPS_PRIVILEGED) == CAPS_PRIVILEGED;
		w->fsetid = c.data[0].effective & CAP_BIT(CAP_FSETID);
	}
	/* Groups of ours must not help a guest's user. The system call: glibc's would change every thread. */
	if (w->privileged && syscall(SYS_setgroups, (size_t)0, NULL) < 0)
		w->privileged = false;
	if (!w->privileged && !__atomic_exchange_n(&told, true, __ATOMIC_RELAXED))
		ref_log(REF_LOG_INFO,
			"not privileged: whatever guests make belongs to user %u, group %u", w->uid,
			w->gid);
}

struct worker *worker_self(int proc_fd)
{
	struct worker *w = self;

	if (w)
		return w;
	(void)pthread_once(&self_once, make_key);
	w = calloc(1, sizeof(*w));
	if (!w || pthread_setspecific(self_key, w) != 0) {
		free(w);
		return NULL;
	}
	self = w;
	find_privilege(w);
	w->own_cwd = unshare(CLONE_FS) == 0 && fchdir(proc_fd) == 0;
	return w;
}

const char *worker_xattr_path(const struct worker *w, int fd, struct worker_path *scratch)
{
	(void)snprintf(scratch->text, sizeof(scratch->text), "%s%d",
		       w->own_cwd ? "" : "/proc/self/fd/", fd);
	return scratch->text;
}

int worker_become(struct worker *w, uid_t uid, gid_t gid, const gid_t *groups, unsigned count)
{
	if (uid == (uid_t)-1 || gid == (gid_t)-1)
		return -EINVAL;
	if (!w->privileged || (uid == w->uid && gid == w->gid))
		return 0;
	if (count > 0 && syscall(SYS_setgroups, (size_t)count, groups) < 0)
		return -errno;
	w->other = true;
	w->other_uid = uid != w->uid;
	w->other_groups = count > 0;
	/* They tell no error, only what is: asked with an id that is none. The group comes first, it needs our privilege. */
	(void)setfsgid(gid);
	(void)setfsuid(uid);
	if (setfsgid((gid_t)-1) == (int)gid && setfsuid((uid_t)-1) == (int)uid)
		return 0;
	worker_return(w);
	return -EPERM;
}

void worker_return(struct worker *w)
{
	if (!w->other || fault_at(FAULT_SENDER_STICKS))
		return;
	w->other = false;
	(void)setfsuid(w->uid);
	(void)setfsgid(w->gid);
	if (w->other_groups)
		(void)syscall(SYS_setgroups, (size_t)0, NULL);
	/* A file system user that becomes root again gets the file system capabilities back, this one among them. */
	if (w->uid == 0 && w->other_uid)
		w->fsetid = true;
}

void worker_fsetid(struct worker *w, bool on)
{
	struct caps c;

	if (!w->privileged || w->fsetid == on || caps_get(&c) < 0)
		return;
	if (on)
		c.data[0].effective |= CAP_BIT(CAP_FSETID) & c.data[0].permitted;
	else
		c.data[0].effective &= ~CAP_BIT(CAP_FSETID);
	if (syscall(SYS_capset, &c.head, c.data) == 0)
		w->fsetid = on;
}
