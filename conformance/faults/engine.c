// SPDX-License-Identifier: Apache-2.0
/* Which fault is on, whether a call gets it, and the calls themselves. */
#include "conformance/faults/faults.h"

#include "conformance/faults/shared.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FAULT(name_, when_, act_, what, calls, rows) \
	{ .name = (name_), .when = (when_), .act = (act_) },
#define FAULT_ERRNO(name_, from_, to_, what, calls, rows) \
	{ .name = (name_), .when = is_file_call, .act = errno_other, .from = (from_), .to = (to_) },
static const struct fault faults[] = {
#include "conformance/faults/list.h"
};
#undef FAULT
#undef FAULT_ERRNO

#define FAULT_COUNT (sizeof(faults) / sizeof(faults[0]))
_Static_assert(FAULT_COUNT <= FAULTS_MAX, "the file has no room for all faults");

/* Set once, before main(). */
static const struct fault *active;
static bool tracing;
static uint64_t after;
static uint64_t most = UINT64_MAX;
/* Where nobody gave a file. */
static struct faults_shared own = { .magic = FAULTS_MAGIC, .armed = 1 };
static struct faults_shared *shared = &own;

const struct fault *faults_active(void)
{
	return active;
}

/* ---- the call itself ---- */

/* Of libc, behind ours. Looked up once; two threads that do it at once find the same. */
static void *next(const char *name, void **cache)
{
	void *f = __atomic_load_n(cache, __ATOMIC_ACQUIRE);

	if (f)
		return f;
	f = dlsym(RTLD_NEXT, name);
	if (!f)
		_exit(127);
	__atomic_store_n(cache, f, __ATOMIC_RELEASE);
	return f;
}

/* A function that says its error by -1 and errno. */
static long to_result(long r)
{
	return r == -1 ? -errno : r;
}

static long do_readdir(const struct call *c)
{
	static void *cache;
	void *(*f)(void *);

	*(void **)&f = next("readdir64", &cache);
	return (long)f((void *)c->a[0]);
}

static long do_fstatvfs(const struct call *c)
{
	static void *cache;
	int (*f)(int, void *);

	*(void **)&f = next("fstatvfs64", &cache);
	return to_result(f((int)c->a[0], (void *)c->a[1]));
}

static long do_fchmodat(const struct call *c)
{
	static void *cache;
	int (*f)(int, const char *, mode_t, int);

	*(void **)&f = next("fchmodat", &cache);
	return to_result(f((int)c->a[0], (const char *)c->a[1], (mode_t)c->a[2], (int)c->a[3]));
}

static long do_setgroups(const struct call *c)
{
	static void *cache;
	int (*f)(size_t, const gid_t *);

	*(void **)&f = next("setgroups", &cache);
	return to_result(f((size_t)c->a[0], (const gid_t *)c->a[1]));
}

static long do_syscall(const struct call *c)
{
	static void *cache;
	long (*f)(long, ...);

	*(void **)&f = next("syscall", &cache);
	return to_result(f(c->nr, c->a[0], c->a[1], c->a[2], c->a[3], c->a[4], c->a[5]));
}

long call_do(const struct call *c)
{
	int kept = errno;
	long r;

	switch (c->nr) {
	/* NULL with errno is an end, too: the daemon looks at errno itself. */
	case CALL_READDIR: return do_readdir(c);
	case CALL_FSTATVFS: r = do_fstatvfs(c); break;
	case CALL_FCHMODAT: r = do_fchmodat(c); break;
	case CALL_SETGROUPS: r = do_setgroups(c); break;
	default: r = do_syscall(c); break;
	}
	errno = kept;
	return r;
}

long call_do_at(const struct call *c, unsigned index, long value)
{
	struct call changed = *c;

	changed.a[index] = value;
	return call_do(&changed);
}

long faults_result(long result)
{
	if (result >= 0 || result < -4095)
		return result;
	errno = (int)-result;
	return -1;
}

/* ---- the fault ---- */

static void add(uint64_t *counter)
{
	(void)__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* Whether an error would become another one is known behind the call only. */
static long trace(const struct call *c)
{
	long r;

	for (size_t i = 0; i < FAULT_COUNT; i++)
		if (!faults[i].from && faults[i].when(c))
			add(&shared->would[i]);
	r = call_do(c);
	for (size_t i = 0; i < FAULT_COUNT; i++)
		if (faults[i].from && r == -faults[i].from && faults[i].when(c))
			add(&shared->would[i]);
	return r;
}

long faults_pass(struct call *c)
{
	bool fired = true;
	uint64_t chance;
	long r;

	if ((!active && !tracing) || !__atomic_load_n(&shared->armed, __ATOMIC_ACQUIRE))
		return call_do(c);
	if (tracing)
		return trace(c);
	if (!active->when(c))
		return call_do(c);
	chance = __atomic_fetch_add(&shared->chances, 1, __ATOMIC_RELAXED);
	if (chance < after || chance - after >= most)
		return call_do(c);
	r = active->act(c, &fired);
	if (fired)
		add(&shared->fired);
	return r;
}

/* ---- the environment ---- */

/* A mistake here must not look like a daemon without a fault. */
static void refuse(const char *text)
{
	static const char name[] = "libvqfaults.so: ";

	(void)!write(STDERR_FILENO, name, sizeof(name) - 1);
	(void)!write(STDERR_FILENO, text, strlen(text));
	(void)!write(STDERR_FILENO, "\n", 1);
	_exit(127);
}

/* strtoul() has another name in each libc. Up to @end, which is returned. */
static const char *number(const char *at, uint64_t *ret)
{
	uint64_t n = 0;

	if (*at < '0' || *at > '9')
		refuse("a number is wanted behind after= and count=");
	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*at - '0'), &n))
			refuse("a number is too large");
	*ret = n;
	return at;
}

static void modifiers(const char *at)
{
	while (*at) {
		if (strncmp(at, ":after=", 7) == 0)
			at = number(at + 7, &after);
		else if (strncmp(at, ":count=", 7) == 0)
			at = number(at + 7, &most);
		else
			refuse(FAULTS_ENV_NAME ": NAME[:after=N][:count=N] is wanted");
	}
}

static void choose(const char *text)
{
	size_t length = strcspn(text, ":");

	if (strcmp(text, FAULTS_TRACE) == 0) {
		tracing = true;
		return;
	}
	for (size_t i = 0; i < FAULT_COUNT; i++)
		if (strlen(faults[i].name) == length && strncmp(faults[i].name, text, length) == 0)
			active = &faults[i];
	if (!active)
		refuse(FAULTS_ENV_NAME ": there is no fault of this name");
	modifiers(text + length);
}

static void map_file(const char *path)
{
	struct call at = { SYS_openat,
			   { AT_FDCWD, (long)path, O_RDWR | O_CREAT | O_CLOEXEC, 0600 } };
	int fd = (int)call_do(&at);
	struct faults_shared *s;

	if (fd < 0 || ftruncate(fd, sizeof(*s)) < 0)
		refuse(FAULTS_ENV_COUNT ": cannot make the file");
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (s == MAP_FAILED)
		refuse(FAULTS_ENV_COUNT ": cannot map the file");
	(void)close(fd);
	if (s->magic == 0) {
		s->armed = 1;
		s->magic = FAULTS_MAGIC;
	}
	if (s->magic != FAULTS_MAGIC)
		refuse(FAULTS_ENV_COUNT ": not a file of ours");
	(void)__atomic_fetch_add(&s->loaded, 1, __ATOMIC_RELAXED);
	shared = s;
}

static __attribute__((constructor)) void load(void)
{
	const char *name = getenv(FAULTS_ENV_NAME);
	const char *path = getenv(FAULTS_ENV_COUNT);

	if (path && *path)
		map_file(path);
	if (name && *name)
		choose(name);
}
