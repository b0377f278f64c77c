// SPDX-License-Identifier: Apache-2.0
/*
 * A few operations on one open file, in one process: what a test has a guest do to a file whose bytes it
 * looks at from the host. Bytes go in and come out as hexadecimal digits. The file stays open from the first
 * operation to the last, so that nothing is flushed, dropped or asked for between them.
 *
 * A load or store of a mapping that has no page behind it ends the process with SIGBUS, as in any program.
 */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE UINT64_C(4096)
/* What is filled and checked at a time: small beside a range of a DAX window (2 MiB), so that the order in
 * which blocks are visited takes ranges away and brings them back. */
#define BLOCK_BYTES (64 * 1024)
#define BLOCK_WORDS (BLOCK_BYTES / sizeof(uint64_t))
/* No test's file is larger; the sum of offset and length below cannot wrap. */
#define FILE_BYTES_MAX (UINT64_C(1) << 32)

struct file {
	int fd;
	const char *path;
};

/* ---- hexadecimal ---- */

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

int guest_parse_hex(const char *text, uint8_t *ret, size_t max, size_t *ret_count)
{
	size_t length = strlen(text);

	if (length == 0 || length % 2 || length / 2 > max)
		return -EINVAL;
	for (size_t i = 0; i < length; i += 2) {
		int high = digit(text[i]);
		int low = digit(text[i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		ret[i / 2] = (uint8_t)(high << 4 | low);
	}
	*ret_count = length / 2;
	return 0;
}

void guest_print_hex(const uint8_t *bytes, size_t count)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * GUEST_BYTES_MAX + 1];

	for (size_t i = 0; i < count && i < GUEST_BYTES_MAX; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * (count < GUEST_BYTES_MAX ? count : GUEST_BYTES_MAX)] = '\0';
	json_string(text);
}

/* ---- operations: 0, or the exit code after guest_fail(), or 2 for wrong words ---- */

static int parse_place(char **arg, uint64_t *ret_offset, uint64_t *ret_second, uint64_t max)
{
	return guest_parse_u64(arg[0], ret_offset) < 0 || *ret_offset > FILE_BYTES_MAX ||
			       guest_parse_u64(arg[1], ret_second) < 0 || *ret_second == 0 ||
			       *ret_second > max
		       ? -EINVAL
		       : 0;
}

static int op_size(const struct file *f, char **arg)
{
	struct statx x;

	(void)arg;
	/* Whatever the guest believes: the device is asked. */
	if (statx(f->fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_SIZE, &x) < 0)
		return guest_fail(errno, "statx %s", f->path);
	json_u64(x.stx_size);
	return 0;
}

static int op_read(const struct file *f, char **arg)
{
	uint8_t data[GUEST_BYTES_MAX] = { 0 };
	uint64_t offset, count;
	ssize_t n;

	if (parse_place(arg, &offset, &count, sizeof(data)) < 0)
		return 2;
	n = pread(f->fd, data, count, (off_t)offset);
	if (n < 0)
		return guest_fail(errno, "read %s", f->path);
	guest_print_hex(data, (size_t)n);
	return 0;
}

static int op_write(const struct file *f, char **arg)
{
	uint8_t data[GUEST_BYTES_MAX];
	uint64_t offset;
	size_t count;
	ssize_t n;

	if (guest_parse_u64(arg[0], &offset) < 0 || offset > FILE_BYTES_MAX ||
	    guest_parse_hex(arg[1], data, sizeof(data), &count) < 0)
		return 2;
	n = pwrite(f->fd, data, count, (off_t)offset);
	if (n != (ssize_t)count)
		return guest_fail(n < 0 ? errno : EIO, "write %s", f->path);
	json_u64(count);
	return 0;
}

/* Through a mapping of the pages that hold [offset, offset + count). Nothing is flushed: what others see after a
 * store is what the store itself did. */
static int move_mapped(const struct file *f, uint64_t offset, uint8_t *bytes, uint64_t count,
		       bool store)
{
	uint64_t start = offset - offset % PAGE;
	size_t size = offset + count - start;
	void *map = mmap(NULL, size, store ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, f->fd,
			 (off_t)start);
	uint8_t *at = map;

	if (map == MAP_FAILED)
		return guest_fail(errno, "map %s", f->path);
	at += offset - start;
	memcpy(store ? at : bytes, store ? bytes : at, count);
	(void)munmap(map, size);
	return 0;
}

static int op_load(const struct file *f, char **arg)
{
	uint8_t data[GUEST_BYTES_MAX] = { 0 };
	uint64_t offset, count;
	int code;

	if (parse_place(arg, &offset, &count, sizeof(data)) < 0)
		return 2;
	code = move_mapped(f, offset, data, count, false);
	if (code == 0)
		guest_print_hex(data, count);
	return code;
}

static int op_store(const struct file *f, char **arg)
{
	uint8_t data[GUEST_BYTES_MAX];
	uint64_t offset;
	size_t count;
	int code;

	if (guest_parse_u64(arg[0], &offset) < 0 || offset > FILE_BYTES_MAX ||
	    guest_parse_hex(arg[1], data, sizeof(data), &count) < 0)
		return 2;
	code = move_mapped(f, offset, data, count, true);
	if (code == 0)
		json_u64(count);
	return code;
}

static int op_truncate(const struct file *f, char **arg)
{
	uint64_t size;

	if (guest_parse_u64(arg[0], &size) < 0 || size > FILE_BYTES_MAX)
		return 2;
	if (ftruncate(f->fd, (off_t)size) < 0)
		return guest_fail(errno, "truncate %s", f->path);
	json_u64(size);
	return 0;
}

static int op_sync(const struct file *f, char **arg)
{
	(void)arg;
	if (fsync(f->fd) < 0)
		return guest_fail(errno, "sync %s", f->path);
	json_bool(true);
	return 0;
}

static int op_resident(const struct file *f, char **arg)
{
	uint64_t bytes = 0;
	struct stat st;
	int e;

	(void)arg;
	e = fstat(f->fd, &st) < 0 ? -errno
				  : guest_count_resident(f->fd, (uint64_t)st.st_size, &bytes);
	if (e < 0)
		return guest_fail(-e, "count what is resident of %s", f->path);
	json_u64(bytes);
	return 0;
}

/* ---- content that says where it belongs ---- */

/* SplitMix64: no two words of a file are equal, and those of two seeds have nothing in common. */
static uint64_t word_at(uint64_t seed, uint64_t index)
{
	uint64_t z = seed + index + UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Blocks that a visit found to be other than they should. */
typedef unsigned visit_fn(uint64_t *words, uint64_t seed, uint64_t first);

static unsigned fill_block(uint64_t *words, uint64_t seed, uint64_t first)
{
	for (size_t i = 0; i < BLOCK_WORDS; i++)
		words[i] = word_at(seed, first + i);
	return 0;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): one type of function for both */
static unsigned check_block(uint64_t *words, uint64_t seed, uint64_t first)
{
	for (size_t i = 0; i < BLOCK_WORDS; i++)
		if (words[i] != word_at(seed, first + i))
			return 1;
	return 0;
}

/*
 * Every block once, in an order that depends on @order: a linear congruential generator whose modulus is the
 * number of blocks, a power of two, has that period with such a multiplier and an odd increment.
 */
static uint64_t visit_all(uint8_t *map, uint64_t blocks, uint64_t seed, uint64_t order,
			  visit_fn *visit)
{
	uint64_t block = order % blocks;
	uint64_t bad = 0;

	for (uint64_t i = 0; i < blocks; i++) {
		uint64_t at = block * BLOCK_BYTES;

		bad += visit((uint64_t *)(void *)(map + at), seed, at / sizeof(uint64_t));
		block = (block * 2891336453u + (order | 1)) % blocks;
	}
	return bad;
}

static int visit_file(const struct file *f, char **arg, int prot, visit_fn *visit)
{
	uint64_t seed, order, bytes, bad;
	void *map;

	if (guest_parse_u64(arg[0], &seed) < 0 || guest_parse_u64(arg[1], &order) < 0 ||
	    guest_parse_u64(arg[2], &bytes) < 0 || bytes < BLOCK_BYTES || bytes > FILE_BYTES_MAX ||
	    bytes & (bytes - 1))
		return 2;
	map = mmap(NULL, bytes, prot, MAP_SHARED, f->fd, 0);
	if (map == MAP_FAILED)
		return guest_fail(errno, "map %s", f->path);
	bad = visit_all(map, bytes / BLOCK_BYTES, seed, order, visit);
	(void)munmap(map, bytes);
	json_u64(bad);
	return 0;
}

static int op_fill(const struct file *f, char **arg)
{
	return visit_file(f, arg, PROT_READ | PROT_WRITE, fill_block);
}

static int op_check(const struct file *f, char **arg)
{
	return visit_file(f, arg, PROT_READ, check_block);
}

static const struct op {
	const char *name;
	const char *usage;
	const char *help;
	int args;
	int (*fn)(const struct file *f, char **arg); /* prints one JSON value */
} ops[] = {
	{ "size", "", "bytes, as the device says now", 0, op_size },
	{ "read", "OFFSET COUNT", "bytes by pread()", 2, op_read },
	{ "write", "OFFSET HEX", "by pwrite()", 2, op_write },
	{ "load", "OFFSET COUNT", "bytes by a mapping", 2, op_load },
	{ "store", "OFFSET HEX", "by a mapping", 2, op_store },
	{ "truncate", "SIZE", "make it so long", 1, op_truncate },
	{ "sync", "", "fsync()", 0, op_sync },
	{ "resident", "", "bytes in the page cache", 0, op_resident },
	{ "fill", "SEED ORDER BYTES", "store words that tell their place, 64 KiB at a time", 3,
	  op_fill },
	{ "check", "SEED ORDER BYTES", "how many blocks of 64 KiB do not hold them?", 3, op_check },
};

void guest_io_usage(FILE *to)
{
	(void)fprintf(to, "operations of vq-guest io, in the order given:\n");
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		(void)fprintf(to, "  %-11s %-32s %s\n", ops[i].name, ops[i].usage, ops[i].help);
}

/* @ret_used: words of the command line that belong to the operation. */
static int run_op(const struct file *f, int argc, char **argv, int *ret_used)
{
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		if (strcmp(ops[i].name, argv[0]) != 0)
			continue;
		*ret_used = 1 + ops[i].args;
		return ops[i].args < argc ? ops[i].fn(f, argv + 1) : 2;
	}
	return 2;
}

int cmd_io(int argc, char **argv)
{
	struct file f = { -1, argc ? argv[0] : NULL };
	int code = 0;
	int used;

	if (argc < 2)
		return 2;
	f.fd = open(f.path, O_RDWR | O_CLOEXEC);
	if (f.fd < 0)
		return guest_fail(errno, "open %s", f.path);
	json_open('[');
	for (int i = 1; code == 0 && i < argc; i += used)
		code = run_op(&f, argc - i, argv + i, &used);
	(void)close(f.fd);
	/* A list that stays open is nobody's answer. */
	if (code == 0)
		json_close(']');
	if (json_end() < 0 && code == 0)
		code = guest_fail(EIO, "write to stdout");
	return code;
}
