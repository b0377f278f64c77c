// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/vhost/guard.h"

#include "conformance/ref/fault/fault.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>

/* Ranges of all front ends together: 8 sockets with as many regions as each may have. */
#define RANGES_MAX 8192

struct range {
	_Atomic uintptr_t base; /* 0: free */
	_Atomic size_t size;
};

static struct range range[RANGES_MAX];
static _Atomic int range_end; /* none is used from here on */
static atomic_ulong hits;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uintptr_t page_bytes;

/* Runs in a signal handler: atomics and system calls only. */
static const struct range *find(uintptr_t at)
{
	int end = atomic_load_explicit(&range_end, memory_order_acquire);

	for (int i = 0; i < end; i++) {
		uintptr_t base = atomic_load_explicit(&range[i].base, memory_order_acquire);

		if (base != 0 && at >= base &&
		    at - base < atomic_load_explicit(&range[i].size, memory_order_relaxed))
			return &range[i];
	}
	return NULL;
}

static bool fill(void *at, size_t size)
{
	return mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		    0) != MAP_FAILED;
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr;
	const struct range *r = find(at);
	int saved = errno;

	(void)context;
	/* Huge pages cannot be replaced one by one: then all of the range is. */
	if (r && (fill((void *)(at & ~(page_bytes - 1)), page_bytes) ||
		  fill((void *)atomic_load(&r->base), atomic_load(&r->size)))) {
		atomic_fetch_add(&hits, 1);
		errno = saved;
		return;
	}
	/* Not ours: the same access again, now with the usual end. */
	(void)signal(number, SIG_DFL);
}

int guard_install(void)
{
	struct sigaction a = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_NODEFER };

	page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
	(void)sigemptyset(&a.sa_mask);
	return sigaction(SIGBUS, &a, NULL) < 0 ? -errno : 0;
}

int guard_add(const void *base, size_t size)
{
	int found = -ENOSPC;

	if (fault_at(FAULT_GUARD_OFF))
		return -ENOSPC;
	(void)pthread_mutex_lock(&lock);
	for (int i = 0; i < RANGES_MAX; i++) {
		if (atomic_load_explicit(&range[i].base, memory_order_relaxed) != 0)
			continue;
		atomic_store_explicit(&range[i].size, size, memory_order_relaxed);
		atomic_store_explicit(&range[i].base, (uintptr_t)base, memory_order_release);
		if (i >= atomic_load(&range_end))
			atomic_store_explicit(&range_end, i + 1, memory_order_release);
		found = i;
		break;
	}
	(void)pthread_mutex_unlock(&lock);
	return found;
}

void guard_remove(int ticket)
{
	if (ticket >= 0)
		atomic_store_explicit(&range[ticket].base, 0, memory_order_release);
}

unsigned long guard_hits(void)
{
	return atomic_load(&hits);
}
