// SPDX-License-Identifier: Apache-2.0
/* Mappings: what is seen through them, and what of them. */
#include "conformance/guest/areas.h"
#include "conformance/guest/oracle.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define OLD_SEED 1
#define NEW_SEED 2
#define SIZE	 (2 * PAGE)

static sigjmp_buf on_bus;

static void bus(int number)
{
	(void)number;
	siglongjmp(on_bus, 1);
}

/* Copy what a mapping shows; false: SIGBUS. */
static bool load(void *ret, const volatile void *from, size_t size)
{
	const volatile uint8_t *bytes = from;
	uint8_t *to = ret;

	(void)signal(SIGBUS, bus);
	if (sigsetjmp(on_bus, 1))
		return false;
	for (size_t i = 0; i < size; i++)
		to[i] = bytes[i];
	return true;
}

static void *map(int fd, int protection, int flags)
{
	return mmap(NULL, SIZE, protection, flags, fd, 0);
}

/* A file of the host, mapped; NULL: the check is over. In modes that refuse, being refused is what it wants. */
static uint8_t *mapped(struct check_run *r, const char *row, int flags, int *ret_fd)
{
	uint8_t *at;

	if (!check_host(r, "on the host: make a file", host_file(r, "f", SIZE, OLD_SEED)))
		return NULL;
	*ret_fd = open("f", O_RDWR);
	if (!check_ok(r, "open", *ret_fd))
		return NULL;
	at = map(*ret_fd, PROT_READ | PROT_WRITE, flags);
	if (oracle_letter(r, row) == 'E') {
		(void)check_error(r, ENODEV, "mmap(MAP_SHARED) in a mode without it",
				  at == MAP_FAILED ? -1 : 0);
		return NULL;
	}
	return check_ok(r, "mmap", at == MAP_FAILED ? -1 : 0) ? at : NULL;
}

static enum seen see_mapped(struct check_run *r, const uint8_t *at, int64_t offset,
			    uint64_t new_seed)
{
	uint8_t bytes[PAGE];

	if (!load(bytes, at + offset, PAGE))
		return new_seed == 0 ? SEEN_NEW : SEEN_WRONG;
	return see_bytes(r, bytes, PAGE, offset, PAGE, OLD_SEED, new_seed);
}

static void host_truncates(struct check_run *r)
{
	uint8_t *at;
	int fd;

	NEED(r, oracle_letter(r, "B12") != 'U',
	     "a mode in which the guest survives it: suite races");
	at = mapped(r, "B12", MAP_SHARED, &fd);
	WANT(at != NULL);
	WANT_SAME(r, SEEN_OLD, "all pages before", see_mapped(r, at, PAGE, NEW_SEED));
	HOST(r, host_truncate(r, "f", PAGE));
	/* SIGBUS is the new state here. */
	WANT_VISIBLE(r, "B12", "load of a page that the host has cut off",
		     see_mapped(r, at, PAGE, 0));
}

static void store_before_msync(struct check_run *r)
{
	int fd;
	uint8_t *at = mapped(r, "B25", MAP_SHARED, &fd);

	WANT(at != NULL);
	fill_bytes(at, PAGE, NEW_SEED, 0);
	WANT_VISIBLE(r, "B25", "the host reads what the guest has stored, before msync",
		     see_host(r, "f", 0, PAGE, OLD_SEED, NEW_SEED));
	WANT_OK(r, msync(at, SIZE, MS_SYNC));
	WANT_VISIBLE(r, "B26", "the host reads what the guest has stored, behind msync",
		     see_host(r, "f", 0, PAGE, OLD_SEED, NEW_SEED));
	WANT(same_file(r, "read of what was stored", fd, 0, PAGE, NEW_SEED));
}

static void store_before_munmap(struct check_run *r)
{
	int fd;
	uint8_t *at = mapped(r, "B26", MAP_SHARED, &fd);

	WANT(at != NULL);
	fill_bytes(at + PAGE, PAGE, NEW_SEED, PAGE);
	WANT_OK(r, munmap(at, SIZE));
	WANT_OK(r, close(fd));
	WANT_VISIBLE(r, "B26", "the host reads what the guest has stored, behind munmap and close",
		     see_host(r, "f", PAGE, PAGE, OLD_SEED, NEW_SEED));
}

static void host_writes(struct check_run *r)
{
	int fd;
	uint8_t *at = mapped(r, "B27", MAP_SHARED, &fd);

	WANT(at != NULL);
	WANT_SAME(r, SEEN_OLD, "the page before", see_mapped(r, at, 0, NEW_SEED));
	HOST(r, host_fill(r, "f", 0, PAGE, NEW_SEED));
	WANT_VISIBLE(r, "B27", "load of a page that the host has written over",
		     see_mapped(r, at, 0, NEW_SEED));
}

static void private_stays(struct check_run *r)
{
	int fd;
	uint8_t *at = mapped(r, "B28", MAP_PRIVATE, &fd);

	WANT(at != NULL);
	fill_bytes(at, SIZE, NEW_SEED, 0);
	WANT_OK(r, msync(at, SIZE, MS_SYNC));
	WANT_OK(r, fsync(fd));
	WANT_VISIBLE(r, "B28", "the host reads where the guest has stored privately",
		     see_host(r, "f", 0, PAGE, OLD_SEED, NEW_SEED));
	WANT(same_file(r, "read beside a private store", fd, 0, PAGE, OLD_SEED));
	WANT_SAME(r, SEEN_NEW, "the private page itself", see_mapped(r, at, 0, NEW_SEED));
}

static void behind_the_end(struct check_run *r)
{
	uint8_t bytes[PAGE];
	uint8_t *at;
	int fd = make_file(r, "f", 100, OLD_SEED);

	WANT(fd >= 0);
	at = map(fd, PROT_READ, MAP_PRIVATE);
	WANT_OK(r, at == MAP_FAILED ? -1 : 0);
	WANT_THAT(r, load(bytes, at, PAGE), "the last page of the file can be read", "SIGBUS");
	for (size_t i = 100; i < PAGE; i++)
		WANT_SAME(r, 0, "a byte of the last page behind the end", bytes[i]);
	WANT_THAT(r, !load(bytes, at + PAGE, 1), "SIGBUS behind the last page", "a byte was read");
}

static void cut_by_itself(struct check_run *r)
{
	uint8_t bytes[PAGE];
	int fd;
	uint8_t *at = mapped(r, "B26", MAP_SHARED, &fd);

	WANT(at != NULL);
	fill_bytes(at + PAGE, PAGE, NEW_SEED, PAGE);
	WANT_OK(r, ftruncate(fd, PAGE));
	WANT_THAT(r, !load(bytes, at + PAGE, 1), "SIGBUS on a page that was cut off",
		  "a byte was read");
	WANT_OK(r, ftruncate(fd, SIZE));
	WANT_SAME(r, SEEN_NEW, "the page is zeros when the file has grown again",
		  see_mapped(r, at, PAGE, 0));
	WANT_THAT(r, load(bytes, at + PAGE, 1), "the page can be read", "SIGBUS");
}

static void write_seen_mapped(struct check_run *r)
{
	static uint8_t bytes[PAGE];
	int fd;
	uint8_t *at = mapped(r, "B26", MAP_SHARED, &fd);

	WANT(at != NULL);
	WANT_SAME(r, SEEN_OLD, "the page before", see_mapped(r, at, 0, NEW_SEED));
	fill_bytes(bytes, PAGE, NEW_SEED, 0);
	WANT_SAME(r, PAGE, "bytes written", pwrite(fd, bytes, PAGE, 0));
	WANT_SAME(r, SEEN_NEW, "the page behind write(2)", see_mapped(r, at, 0, NEW_SEED));
}

static void dax_in_effect(struct check_run *r)
{
	struct statx st = { 0 };

	DO(r, make_file(r, "f", SIZE, OLD_SEED));
	WANT_OK(r, statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &st));
	WANT_THAT(r, st.stx_attributes_mask & STATX_ATTR_DAX, "statx knows STATX_ATTR_DAX",
		  "its mask is %llx", (unsigned long long)st.stx_attributes_mask);
	WANT_THAT(r, st.stx_attributes & STATX_ATTR_DAX, "a file of this mount is in the window",
		  "its attributes are %llx", (unsigned long long)st.stx_attributes);
}

#ifndef MAP_SYNC
#define MAP_SYNC 0x80000 /* <asm-generic/mman.h> */
#endif

static void sync_refused(struct check_run *r)
{
	int fd = make_file(r, "f", SIZE, OLD_SEED);

	WANT(fd >= 0);
	WANT_ERROR(r, EOPNOTSUPP,
		   map(fd, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC) == MAP_FAILED
			   ? -1
			   : 0);
}

static const struct check checks[] = {
	{
		.id = "maps.host-truncates",
		.title = "A page of a mapping that the host cuts off is as it was, or SIGBUS",
		.rows = "B12 MODE-NEVER-005",
		.does = "guest: map shared, load; host: truncate; guest: load",
		.wants = "the old bytes or SIGBUS; ENODEV at the mmap in modes without it",
		.catches = "open-direct-io never/open-not-direct",
		.needs = NEED_HOST,
		.run = host_truncates,
	},
	{
		.id = "maps.store-msync",
		.title = "What is stored through a shared mapping is on the host behind msync",
		.rows = "B25 B26",
		.does = "guest: map shared, store; host: read; guest: msync; host: read",
		.wants = "the new bytes behind msync, with DAX at once; ENODEV in modes without it",
		.catches = "write-lost write-shifted dax/map-private",
		.needs = NEED_HOST,
		.run = store_before_msync,
	},
	{
		.id = "maps.store-close",
		.title =
			"What is stored through a shared mapping is on the host behind munmap and close",
		.rows = "B26",
		.does = "guest: map shared, store, munmap, close; host: read",
		.wants = "the new bytes; ENODEV in modes without it",
		.catches = "write-lost write-shifted dax/map-private",
		.needs = NEED_HOST,
		.run = store_before_munmap,
	},
	{
		.id = "maps.host-writes",
		.title =
			"What the host writes is seen through a shared mapping with DAX, and need not be without",
		.rows = "B27 MULTI-001",
		.does = "guest: map shared, load; host: write; guest: load",
		.wants =
			"with DAX the new bytes at once; else old or new; ENODEV in modes without it",
		.catches = "open-direct-io dax/map-private",
		.needs = NEED_HOST,
		.run = host_writes,
	},
	{
		.id = "maps.private",
		.title = "What is stored through a private mapping never leaves the guest",
		.rows = "B28 DAXK-036",
		.does = "guest: map private, store, msync, fsync; host: read; guest: read",
		.wants = "both read what the file held; the mapping shows what was stored",
		.catches = "read-short",
		.needs = NEED_HOST,
		.run = private_stays,
	},
	{
		.id = "maps.behind-the-end",
		.title =
			"Behind the end of a file there are zeros up to the page's end, then SIGBUS",
		.rows = "DAXK-018",
		.does = "guest: map a file of 100 bytes over two pages, load both",
		.wants = "zeros behind the end; SIGBUS on the second page",
		.catches = "error:READ:EIO",
		.run = behind_the_end,
	},
	{
		.id = "maps.cut",
		.title =
			"A page that the guest itself cuts off gives SIGBUS, and comes back as zeros",
		.rows = "DAXK-019 FUSE-FILE-009",
		.does = "guest: map shared, store, ftruncate, load, ftruncate back, load",
		.wants = "SIGBUS, then zeros",
		.catches = "size-lost",
		.needs = NEED_SHARED_MAP | NEED_HOST,
		.run = cut_by_itself,
	},
	{
		.id = "maps.write-seen",
		.title = "A shared mapping shows what write(2) has written",
		.rows = "FUSE-MAP-003 DAXK-016",
		.does = "guest: map shared, load, pwrite, load",
		.wants = "the new bytes",
		.catches = "error:WRITE:EIO",
		.needs = NEED_SHARED_MAP | NEED_HOST,
		.run = write_seen_mapped,
	},
	{
		.id = "maps.dax-in-effect",
		.title = "statx says that files are in the DAX window",
		.rows = "DAXMOUNT-009 DAXMOUNT-016",
		.does = "guest: make a file, statx",
		.wants = "STATX_ATTR_DAX",
		.needs = NEED_DAX,
		.run = dax_in_effect,
	},
	{
		.id = "maps.sync-refused",
		.title = "MAP_SYNC is refused",
		.rows = "DAXK-035",
		.does = "guest: mmap with MAP_SHARED_VALIDATE and MAP_SYNC",
		.wants = "EOPNOTSUPP",
		.needs = NEED_SHARED_MAP,
		.run = sync_refused,
	},
};

const struct check_area area_maps = { "maps", "Mappings", checks, ARRAY_SIZE(checks) };
