// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/dax/passthrough.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "conformance/ref/broker/broker.h"
#include "conformance/ref/dax/table.h"

/* What a guest maps at a time; a file that ends in its first page is the case in question. */
#define PROBE_MAP_BYTES	 (2 * MIB)
#define PROBE_FILE_BYTES 100
#define PROBE_GROWN_AT	 (DAX_PAGE_BYTES + 17)

_Static_assert(DAX_FILE_END_MAX == (uint64_t)BROKER_FILE_BYTES, "what the files claim");

struct dax_passthrough {
	struct broker *broker;
};

/* A file that has no name, on the file system of the share where that can do it. */
static int probe_file(const char *shared_dir)
{
	int fd = shared_dir ? open(shared_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;

	return fd >= 0 ? fd : memfd_create("dax-probe", MFD_CLOEXEC);
}

/* Does each side see what the other writes, in the last page and in one that comes later? */
static int try_map(int file, volatile uint8_t *map, struct err *reterr)
{
	uint8_t byte = 0;

	if (map[0] != 'a' || map[PROBE_FILE_BYTES] != 0)
		return err_set(reterr, -EIO, "a passthrough mapping does not show the file");
	map[1] = 'b';
	if (pread(file, &byte, 1, 1) != 1 || byte != 'b')
		return err_set(reterr, -EIO, "a store through passthrough does not reach the file");
	if (pwrite(file, "c", 1, PROBE_GROWN_AT) != 1)
		return err_errno(reterr, -errno, "write to the probe file");
	if (map[PROBE_GROWN_AT] != 'c')
		return err_set(reterr, -EIO, "a passthrough mapping does not grow with the file");
	return 0;
}

static int probe(struct broker *b, const char *shared_dir, struct err *reterr)
{
	CLEANUP(fd_closep) int file = probe_file(shared_dir);
	CLEANUP(fd_closep) int fd = -1;
	struct stat st;
	void *map;
	int e;

	if (file < 0 || ftruncate(file, PROBE_FILE_BYTES) < 0 || pwrite(file, "a", 1, 0) != 1 ||
	    fstat(file, &st) < 0)
		return err_errno(reterr, -errno, "make a file to try passthrough with");
	e = broker_file(b, st.st_dev, st.st_ino, file, &fd);
	if (e < 0)
		return err_errno(reterr, e, "FUSE passthrough of a file of the share");
	if (fstat(fd, &st) < 0 || st.st_size != BROKER_FILE_BYTES)
		return err_set(reterr, -EIO, "a passthrough file has the wrong size");
	map = mmap(NULL, PROBE_MAP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return err_errno(reterr, -errno, "map a passthrough file");
	e = try_map(file, map, reterr);
	(void)munmap(map, PROBE_MAP_BYTES);
	return e;
}

int dax_passthrough_open(const char *shared_dir, struct dax_passthrough **ret, struct err *reterr)
{
	struct dax_passthrough *p = calloc(1, sizeof(*p));
	int e;

	if (!p)
		return err_set(reterr, -ENOMEM, "out of memory for passthrough");
	e = broker_start(&p->broker, reterr);
	if (e == 0)
		e = probe(p->broker, shared_dir, reterr);
	if (e < 0)
		(void)dax_passthrough_close(p);
	else
		*ret = p;
	return e;
}

struct dax_passthrough *dax_passthrough_close(struct dax_passthrough *p)
{
	if (!p)
		return NULL;
	p->broker = broker_stop(p->broker);
	free(p);
	return NULL;
}

int dax_passthrough_file(struct dax_passthrough *p, const struct dax_file *f, int *ret_fd)
{
	return broker_file(p->broker, f->dev, f->ino, f->fd, ret_fd);
}
