// SPDX-License-Identifier: Apache-2.0
#include "dax_both.h"

#include "base/json.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cmocka.h>

struct inside in;
struct dax_both fx = { .fd = -1 };

void fine(int e)
{
	if (e < 0)
		fail_msg("error %d: %s", e, in.err.text);
}

struct counters counters(void)
{
	struct counters c;

	fine(dax_rig_counters(&fx.rig, &c));
	return c;
}

/* ---- the model, the host, the guest ---- */

/* Random bytes at a place of the model; @offset + @count is at most MODEL_MAX. */
const uint8_t *change(size_t offset, size_t count)
{
	assert_true(offset + count <= MODEL_MAX);
	rng_fill(&fx.rng, fx.model + offset, count);
	if (offset + count > fx.size)
		fx.size = offset + count;
	return fx.model + offset;
}

void forget_file(void)
{
	if (fx.host)
		(void)munmap(fx.host, MODEL_MAX);
	fx.host = NULL;
	fd_closep(&fx.fd);
}

void make_file(const char *name, size_t size)
{
	void *p;

	forget_file();
	memset(fx.model, 0, sizeof(fx.model));
	fx.size = 0;
	if (size)
		(void)change(0, size);
	fx.fd = dax_rig_file(&fx.rig, name, fx.model, size);
	fine(fx.fd);
	p = mmap(NULL, MODEL_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, fx.fd, 0);
	assert_true(p != MAP_FAILED);
	fx.host = p;
}

static void differs(const char *who, size_t from, const uint8_t *seen, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (seen[i] != fx.model[from + i])
			fail_msg("%s: byte %zu of %zu is %02x, not %02x", who, from + i, fx.size,
				 seen[i], fx.model[from + i]);
}

/* The host's view, by read and by a mapping that is as old as the file. */
void host_sees_model(void)
{
	struct stat st;

	assert_int_equal(fstat(fx.fd, &st), 0);
	assert_int_equal(st.st_size, fx.size);
	assert_int_equal(pread(fx.fd, fx.seen, fx.size, 0), fx.size);
	differs("the host's read", 0, fx.seen, fx.size);
	differs("the host's mapping", 0, fx.host, fx.size);
}

void host_writes(size_t offset, size_t count)
{
	const uint8_t *bytes = change(offset, count);

	assert_int_equal(pwrite(fx.fd, bytes, count, (off_t)offset), count);
}

void host_stores(size_t offset, size_t count)
{
	assert_true(offset + count <= fx.size);
	memcpy(fx.host + offset, change(offset, count), count);
}

void host_words(uint64_t seed, uint64_t bytes, bool make)
{
	uint64_t *w = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fx.fd, 0);
	uint64_t count = bytes / sizeof(*w);
	uint64_t i;

	assert_true(w != MAP_FAILED);
	for (i = 0; i < count; i++) {
		struct rng r = { seed + i };
		uint64_t word = rng_next(&r);

		if (make)
			w[i] = word;
		else if (w[i] != word)
			break;
	}
	(void)munmap(w, bytes);
	if (i < count)
		fail_msg("the host finds another word at %" PRIu64, i * sizeof(*w));
}

void guest_sees(size_t offset, size_t count)
{
	int e = dax_rig_look(&fx.rig, offset, fx.seen, count);

	fine(e);
	if (e == DAX_RIG_SIGBUS)
		fail_msg("SIGBUS at bytes %zu to %zu of %zu", offset, offset + count, fx.size);
	differs("the guest's mapping", offset, fx.seen, count);
}

/* The whole file, and zeros up to the end of its last page. */
void guest_sees_model(void)
{
	guest_sees(0, (fx.size + PAGE - 1) / PAGE * PAGE);
}

void guest_gets_sigbus(size_t offset)
{
	uint8_t byte;
	int e = dax_rig_look(&fx.rig, offset, &byte, 1);

	fine(e);
	if (e != DAX_RIG_SIGBUS)
		fail_msg("the guest sees %02x at %zu, beyond the %zu bytes of the file", byte,
			 offset, fx.size);
}

void guest_stores(size_t offset, size_t count)
{
	int e;

	assert_true(offset + count <= fx.size);
	e = dax_rig_poke(&fx.rig, offset, change(offset, count), count);
	fine(e);
	assert_int_equal(e, 0);
}

void rig_does(struct dax_rig *r, const char *name, const char *const *operations)
{
	json_decref(fx.list);
	fx.list = NULL;
	fine(dax_rig_io(r, name, operations, &fx.list));
}

void guest_does(const char *name, const char *const *operations)
{
	rig_does(&fx.rig, name, operations);
}

double result(size_t index)
{
	const json_t *v = json_array_get(fx.list, index);

	if (!json_is_number(v))
		fail_msg("result %zu of the guest is no number", index);
	return json_number_value(v);
}

void guest_writes(const char *name, size_t offset, size_t count)
{
	char hex[2 * DAX_RIG_HEX_MAX + 1];
	char at[24];

	dax_rig_to_hex(change(offset, count), count, hex, sizeof(hex));
	(void)snprintf(at, sizeof(at), "%zu", offset);
	guest_does(name, OPS("write", at, hex));
	assert_int_equal(result(0), count);
}

void guest_reads_model(const char *name)
{
	char at[24];
	char count[24];

	for (size_t i = 0; i < fx.size; i += DAX_RIG_HEX_MAX) {
		size_t n = fx.size - i < DAX_RIG_HEX_MAX ? fx.size - i : DAX_RIG_HEX_MAX;

		(void)snprintf(at, sizeof(at), "%zu", i);
		(void)snprintf(count, sizeof(count), "%zu", n);
		guest_does(name, OPS("read", at, count));
		if (!dax_rig_hex_is(fx.list, 0, fx.model + i, n))
			fail_msg("the guest reads other bytes at %zu to %zu", i, i + n);
	}
}

void guest_learns_size(const char *name)
{
	guest_does(name, OPS("size"));
	assert_int_equal(result(0), fx.size);
}

void guest_truncates(const char *name, size_t size)
{
	char word[24];

	(void)snprintf(word, sizeof(word), "%zu", size);
	if (size < fx.size)
		memset(fx.model + size, 0, fx.size - size);
	fx.size = size;
	guest_does(name, OPS("truncate", word));
}
