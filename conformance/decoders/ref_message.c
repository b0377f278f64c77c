// SPDX-License-Identifier: Apache-2.0
/* The device's side of vhost-user: a whole connection, its rings and threads included, with whatever a front end sends. */
#include "conformance/decoders/fuzz.h"

#include "conformance/ref/log.h"
#include "conformance/ref/vhost/conn.h"
#include "conformance/ref/vhost/guard.h"

#include <fcntl.h>
#include <sys/eventfd.h>

#define MEMORY_BYTES (64 * KIB)

/* Guest memory, an eventfd, what can only be read, what is no file at all. */
static int kinds[4] = { -1, -1, -1, -1 };
static uint8_t *ram;

static void prepare(void)
{
	int pair[2];

	if (ram)
		return;
	kinds[0] = memfd_create("ram", MFD_CLOEXEC);
	kinds[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	kinds[2] = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (kinds[0] < 0 || kinds[1] < 0 || kinds[2] < 0 || pipe2(pair, O_CLOEXEC) < 0 ||
	    ftruncate(kinds[0], (off_t)MEMORY_BYTES) < 0 || guard_install() < 0)
		abort();
	kinds[3] = pair[1];
	ram = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, kinds[0], 0);
	if (ram == MAP_FAILED)
		abort();
	ref_log_set_level(REF_LOG_ERROR);
}

/* A file system that reads some of what it is given and writes some of what it may. */
static void serve(void *context, struct ref_request *r)
{
	uint8_t sum = 0;

	(void)context;
	for (unsigned i = 0; i < r->in_count; i++)
		sum ^= *(volatile uint8_t *)r->in[i].iov_base;
	for (unsigned i = 0; i < r->out_count; i++)
		*(volatile uint8_t *)r->out[i].iov_base = sum;
	ref_request_done(r, (uint32_t)r->out_bytes);
}

static void drop(void *context, bool window_gone)
{
	(void)context;
	(void)window_gone;
}

int fuzz_target(const uint8_t *data, size_t size)
{
	static const struct ref_options o = {
		.queues = 2, .tag = "fuzz", .dax = REF_DAX_ALWAYS, .window_bytes = 2 * MIB
	};
	static const struct ref_handler h = { .request = serve, .drop = drop };
	struct fuzz_in in = { data, size };
	struct shmem shmem;
	struct ref_window window = { .map = shmem_map, .unmap = shmem_unmap, .context = &shmem };
	int stop = eventfd(0, EFD_CLOEXEC);
	int pair[2];

	prepare();
	memset(ram, 0, MEMORY_BYTES);
	(void)fuzz_copy(&in, ram, (size_t)fuzz_number(&in, 2));
	if (stop < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
	    shmem_init(&shmem) < 0)
		abort();
	fuzz_feed(pair[1], &in, kinds);
	if (conn_serve(&o, &h, &shmem, &window, pair[0], stop) < 0)
		abort();
	shmem_destroy(&shmem);
	(void)close(pair[0]);
	(void)close(pair[1]);
	(void)close(stop);
	return 0;
}
