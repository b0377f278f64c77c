// SPDX-License-Identifier: Apache-2.0
/*
 * DAX between a real guest and the reference device in its default sandbox: what either side does to a file,
 * byte by byte on the other, in two kernels. Each test has a device and a mount of its own; at its end nothing may
 * be mapped, and the guest must be clean. Behind each test stand faults of the device that make it fail:
 *
 *     VQ_DAX_WORDS=--fault=map-private build/test/real_dax
 *
 * No cmocka assert runs while a CLEANUP variable is live.
 */
#include "dax_both.h"
#include "dax_pair.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cmocka.h>

/* A size whose last page is partly filled, and whose last word is too. */
#define ODD_SIZE ((size_t)10007)

static unsigned serial;
static struct dax_pair pair;

/* ---- tests ---- */

/*
 * Goal: what a guest stores or writes is in the file at once. Method: the host looks after each, without any
 * flush. Faults: map-private; write-shifted for what is written behind the end.
 */
static void test_guest_writes_are_the_hosts(void **state)
{
	static const struct {
		size_t offset, count;
	} stores[] = {
		{ 0, 16 }, { PAGE - 6, 12 }, { 2 * PAGE, 1 }, { ODD_SIZE - 7, 7 }, { 5000, 200 },
	};

	(void)state;
	make_file("f", ODD_SIZE);
	fine(dax_rig_hold(&fx.rig, "f", 3 * PAGE));
	guest_sees_model();
	for (size_t i = 0; i < ARRAY_SIZE(stores); i++) {
		guest_stores(stores[i].offset, stores[i].count);
		host_sees_model();
	}
	guest_writes("f", 4000, 300);
	host_sees_model();
	/* So far all went through the window. */
	assert_int_equal(counters().bytes_written, 0);
	guest_writes("f", ODD_SIZE - 3, 100);
	host_sees_model();
	assert_int_equal(counters().bytes_written, 100);
	guest_stores(ODD_SIZE + 90, 7);
	host_sees_model();
	guest_sees_model();
}

/*
 * Goal: what the host writes or stores is in the guest's mapping at once. Method: no request may come between the
 * change and the look. Faults: map-private; read-stale is not noticed, because no READ comes.
 */
static void test_host_writes_are_the_guests(void **state)
{
	struct counters before;

	(void)state;
	make_file("f", ODD_SIZE);
	fine(dax_rig_hold(&fx.rig, "f", 3 * PAGE));
	guest_sees_model();
	before = counters();
	host_writes(0, 1);
	host_writes(PAGE - 3, 6);
	host_writes(2 * PAGE + 100, 1000);
	host_writes(ODD_SIZE - 1, 1);
	guest_sees_model();
	host_stores(1, 1);
	host_stores(2 * PAGE - 1, 2);
	host_stores(ODD_SIZE - 9, 9);
	guest_sees_model();
	assert_int_equal(counters().requests, before.requests);
	guest_reads_model("f");
	/* Those reads went through the window as well. */
	assert_int_equal(counters().bytes_read, 0);
	assert_int_equal(counters().setups, 1);
}

/*
 * Goal: a mapping serves a file that grows, by whoever. Method: bytes behind the old end, in its page, behind that
 * page, in the next range; what is mapped already is not mapped again. Faults: attr-size, map-private.
 */
static void test_growth(void **state)
{
	(void)state;
	make_file("f", ODD_SIZE);
	fine(dax_rig_hold(&fx.rig, "f", MODEL_MAX));
	guest_sees_model();
	host_writes(ODD_SIZE, 2286); /* 5 bytes into the next page */
	guest_learns_size("f");
	guest_sees_model();
	guest_gets_sigbus(4 * PAGE);
	guest_writes("f", fx.size, 1000);
	host_sees_model();
	guest_sees_model();
	assert_int_equal(counters().setups, 1);
	assert_int_equal(ftruncate(fx.fd, (off_t)(RANGE + ODD_SIZE)), 0);
	fx.size = RANGE + ODD_SIZE;
	host_stores(RANGE + 100, 10);
	guest_learns_size("f");
	guest_sees(RANGE, 3 * PAGE);
	assert_int_equal(counters().setups, 2);
	assert_int_equal(counters().live, 2);
	guest_truncates("f", RANGE + ODD_SIZE + 50);
	guest_stores(RANGE + ODD_SIZE + 43, 7);
	host_sees_model();
	guest_gets_sigbus(RANGE + 3 * PAGE);
}

/* Goal: an empty file can be mapped before it has a byte, and grows. Faults: attr-size, map-private. */
static void test_empty_file_grows(void **state)
{
	(void)state;
	make_file("f", 0);
	fine(dax_rig_hold(&fx.rig, "f", 2 * PAGE));
	guest_gets_sigbus(0);
	/* QEMU would lengthen the file. */
	assert_int_equal(counters().setups, 0);
	host_sees_model();
	host_writes(0, 5);
	guest_learns_size("f");
	guest_sees_model();
	guest_gets_sigbus(PAGE);
	guest_stores(3, 2);
	host_sees_model();
	guest_writes("f", 5, PAGE);
	host_sees_model();
	guest_sees_model();
	host_stores(PAGE + 4, 1);
	guest_sees_model();
	make_file("g", 0);
	guest_writes("g", 0, 1);
	guest_writes("g", 1, 10);
	host_sees_model();
}

/* Goal: who touches what is no longer there gets SIGBUS, nobody else. Another process of the guest has shortened
 * the file; what comes back is zero. Faults: attr-size, map-private, error:SETATTR:EIO. */
static void test_truncate(void **state)
{
	enum agent_fate fate;
	int code;

	(void)state;
	make_file("f", 3 * PAGE + 100);
	fine(dax_rig_hold(&fx.rig, "f", 4 * PAGE));
	guest_sees_model();
	guest_truncates("f", PAGE + 904);
	host_sees_model();
	guest_sees_model();
	guest_gets_sigbus(2 * PAGE);
	guest_gets_sigbus(4 * PAGE - 1);
	fine(dax_rig_ends_by(&fx.rig, "f", OPS("load", "8192", "1"), &fate, &code));
	assert_int_equal(fate, AGENT_SIGNALLED);
	assert_int_equal(code, SIGBUS);
	/* The holder has the same mapping and goes on. */
	guest_stores(PAGE, 10);
	host_sees_model();
	guest_truncates("f", 4 * PAGE - 1);
	host_sees_model();
	guest_sees_model();
	guest_stores(3 * PAGE, 4);
	host_writes(2 * PAGE, 4);
	host_sees_model();
	guest_sees_model();
	guest_truncates("f", 0);
	guest_gets_sigbus(0);
	guest_truncates("f", 2 * PAGE);
	host_sees_model();
	guest_sees_model();
}

/* ---- more than fits ---- */

#define BIG_BYTES  (64 * MIB)
#define BIG_WORD   "67108864"
#define BIG_SEED   20261122
#define BIG_RANGES (BIG_BYTES / RANGE)

/*
 * Goal: a window that is far too small loses and mixes up nothing. Method: 64 MiB through 16, each word tells its
 * place, in two orders; the host looks at every one. Faults: map-private, map-swapped.
 */
static void test_reclaim(void **state)
{
	struct counters c;

	(void)state;
	make_file("f", 0);
	assert_int_equal(ftruncate(fx.fd, BIG_BYTES), 0);
	host_words(BIG_SEED, BIG_BYTES, true);
	guest_does("f", OPS("check", "20261122", "7", BIG_WORD));
	assert_int_equal(result(0), 0);
	/* Holes now: what the guest stores is all that can come out. */
	assert_int_equal(ftruncate(fx.fd, 0), 0);
	assert_int_equal(ftruncate(fx.fd, BIG_BYTES), 0);
	guest_does("f",
		   OPS("fill", "20261122", "3", BIG_WORD, "check", "20261122", "77", BIG_WORD));
	assert_int_equal(result(0), 0);
	assert_int_equal(result(1), 0);
	host_words(BIG_SEED, BIG_BYTES, false);
	c = counters();
	(void)printf("figure: 64 MiB through a window of 16 MiB three times: %" PRIu64
		     " mappings made, %" PRIu64 " removed, %" PRIu64 " live\n",
		     c.setups, c.removals, c.live);
	assert_int_equal(c.setups, c.removals + c.live);
	assert_true(c.setups > 3 * BIG_RANGES);
	assert_true(c.live_bytes_max <= 16 * MIB);
	/* How much went through requests instead: nothing. */
	assert_int_equal(c.bytes_read + c.bytes_written, 0);
}

/* ---- which files ---- */

/* What reading a file of two pages, by load and by read, has cost. */
static void use(const char *name, struct counters *ret_cost)
{
	struct counters before = counters();
	struct counters after;

	guest_does(name, OPS("load", "10", "20", "read", "4090", "12", "resident"));
	if (!dax_rig_hex_is(fx.list, 0, fx.model + 10, 20) ||
	    !dax_rig_hex_is(fx.list, 1, fx.model + 4090, 12))
		fail_msg("%s: the guest sees other bytes", name);
	after = counters();
	ret_cost->setups = after.setups - before.setups;
	ret_cost->bytes_read = after.bytes_read - before.bytes_read;
}

static void assert_use(const char *name, bool mapped)
{
	struct counters cost;

	use(name, &cost);
	if (cost.setups != mapped || cost.bytes_read != (mapped ? 0 : 2 * PAGE) ||
	    result(2) != (mapped ? 0 : 2.0 * PAGE))
		fail_msg("%s: %" PRIu64 " mappings, %" PRIu64
			 " bytes by READ, %.0f in the page cache",
			 name, cost.setups, cost.bytes_read, result(2));
}

/* Goal: with dax=inode the mark of a file decides. Faults: attr-dax (all are mapped), map-enosys (none). */
static void test_marked_files(void **state)
{
	struct fsxattr x = { 0 };

	(void)state;
	make_file("plain", 2 * PAGE);
	assert_use("plain", false);
	make_file("marked", 2 * PAGE);
	assert_int_equal(fsetxattr(fx.fd, "user.virtiofs.dax", "1", 1, 0), 0);
	assert_use("marked", true);
	make_file("not marked", 2 * PAGE);
	assert_int_equal(fsetxattr(fx.fd, "user.virtiofs.dax", "0", 1, 0), 0);
	assert_use("not marked", false);
	make_file("flagged", 2 * PAGE);
	assert_int_equal(ioctl(fx.fd, FS_IOC_FSGETXATTR, &x), 0);
	x.fsx_xflags |= FS_XFLAG_DAX;
	if (ioctl(fx.fd, FS_IOC_FSSETXATTR, &x) == 0)
		assert_use("flagged", true);
	else
		(void)printf(
			"not tried: FS_XFLAG_DAX, which the file system of the share refuses\n");
	/* One mount: what is mapped takes nothing from what is not. */
	make_file("late", 2 * PAGE);
	assert_use("late", false);
}

/* ---- proof ---- */

#define PROOF_BYTES MODEL_MAX
/* What a guest's page cache may grow by while it maps and reads 4 MiB: its own libraries, say. */
#define PROOF_CACHED MIB

struct proof {
	bool seen;
	uint64_t requests; /* between the host's change and the look */
	uint64_t setups;
	double cached; /* growth of the guest's page cache */
};

static void prove(struct proof *ret)
{
	double cached[2];
	struct counters before;
	uint8_t byte;

	make_file("f", PROOF_BYTES);
	fine(place_cached(&fx.rig.s.place, &cached[0], &in.err));
	fine(dax_rig_hold(&fx.rig, "f", 0)); /* reads a byte of each page */
	assert_int_equal(dax_rig_look(&fx.rig, 12345, &byte, 1), 0);
	assert_int_equal(byte, fx.model[12345]);
	fine(place_cached(&fx.rig.s.place, &cached[1], &in.err));
	before = counters();
	fx.host[12345] = (uint8_t)~byte;
	fine(dax_rig_look(&fx.rig, 12345, &byte, 1));
	ret->seen = byte == fx.host[12345];
	ret->requests = counters().requests - before.requests;
	ret->setups = before.setups;
	ret->cached = cached[1] - cached[0];
}

/* Goal: the proof of DAX that DESIGN demands of every cell. Faults: map-private, map-enosys, unmap-missing. */
static void test_proof(void **state)
{
	struct proof p;

	(void)state;
	prove(&p);
	assert_true(p.seen);
	assert_int_equal(p.requests, 0);
	assert_int_equal(p.setups, PROOF_BYTES / RANGE);
	if (p.cached > PROOF_CACHED)
		fail_msg("the guest's page cache grew by %.0f bytes", p.cached);
	/* With its last name the file leaves the window, while the mount stays. */
	assert_int_equal(counters().live, p.setups);
	fine(dax_rig_let_go(&fx.rig));
	fine(dax_rig_remove(&fx.rig, "f"));
	assert_int_equal(counters().live, 0);
}

/* Goal: none of it holds by itself. Method: the same with a window that the mount does not use. */
static void test_proof_fails_without_dax(void **state)
{
	struct proof p;

	(void)state;
	prove(&p);
	assert_false(p.seen);
	assert_int_equal(p.setups, 0);
	/* Other pages may have had to go. */
	if (p.cached < (double)PROOF_BYTES / 2)
		fail_msg("the guest's page cache grew by %.0f bytes", p.cached);
}

/* ---- two guests ---- */

static void other_sees(size_t offset, size_t count)
{
	fine(dax_rig_look(&pair.second, offset, fx.seen, count));
	assert_memory_equal(fx.seen, fx.model + offset, count);
}

/*
 * Goal: a guest that shortens a file takes nobody down who maps it too. Method: a second guest, which knows nothing
 * of it, touches what is gone; then it asks, and the file grows again. In the end its VMM dies. Seen to fail without
 * dax_before_shrink(): the second guest's VMM dies of SIGBUS at the first touch. Faults: map-private, attr-size.
 */
static void test_two_guests(void **state)
{
	const size_t shorter = RANGE / 2 + 100;
	uint8_t byte;

	(void)state;
	fine(dax_pair_open(&pair, &fx.rig));
	make_file("f", MODEL_MAX);
	fine(dax_rig_hold(&fx.rig, "f", MODEL_MAX));
	fine(dax_rig_hold(&pair.second, "f", MODEL_MAX));
	guest_sees(RANGE - 8, 16);
	other_sees(RANGE - 8, 16);
	other_sees(RANGE + PAGE, 16);
	guest_stores(RANGE + PAGE, 16);
	other_sees(RANGE + PAGE, 16);
	assert_int_equal(dax_rig_poke(&pair.second, 5, change(5, 9), 9), 0);
	guest_sees(0, 16);
	host_sees_model();
	assert_int_equal(counters().live, 4);
	guest_truncates("f", shorter);
	/* Whatever it reads there: its VMM must live, and what is left must be right. */
	fine(dax_rig_look(&pair.second, RANGE + PAGE, &byte, 1));
	fine(dax_rig_look(&pair.second, RANGE - 8, &byte, 1));
	assert_true(dax_pair_alive(&pair));
	other_sees(shorter - 100, 100);
	rig_does(&pair.second, "f", OPS("size"));
	assert_int_equal(result(0), shorter);
	assert_int_equal(dax_rig_look(&pair.second, RANGE + PAGE, &byte, 1), DAX_RIG_SIGBUS);
	guest_truncates("f", MODEL_MAX);
	host_sees_model();
	rig_does(&pair.second, "f", OPS("size"));
	other_sees(RANGE + PAGE, 16);
	other_sees(RANGE - 8, 16);
	assert_int_equal(dax_rig_poke(&pair.second, RANGE - 4, change(RANGE - 4, 8), 8), 0);
	host_sees_model();
	guest_sees(RANGE - 8, 16);
	/* One that dies with its mappings leaves the other's alone. */
	dax_pair_kill(&pair);
	guest_stores(RANGE - 4, 8);
	guest_truncates("f", shorter);
	host_sees_model();
}

/* ---- a copy of the last page ---- */

/*
 * Goal: without passthrough whole pages are coherent all the same, and the last one at fsync() and close(), when
 * the size is asked for, and when the mapping goes. Seen to fail without dax_tail_exchange() in dax_sync(). Faults:
 * map-private, attr-size.
 */
static void test_shadow(void **state)
{
	(void)state;
	assert_true(counters().shadow);
	make_file("f", ODD_SIZE);
	fine(dax_rig_hold(&fx.rig, "f", 4 * PAGE));
	guest_sees_model();
	/* Whole pages: at once. */
	guest_stores(PAGE - 6, 12);
	host_sees_model();
	host_stores(PAGE + 10, 20);
	guest_sees_model();
	/* The last one: both sides change it, and then meet. */
	guest_stores(2 * PAGE + 1, 50);
	host_writes(2 * PAGE + 100, 50);
	guest_does("f", OPS("sync"));
	host_sees_model();
	guest_sees_model();
	/* Growth by the host, then by the guest; the old last page is a whole one now. */
	host_writes(ODD_SIZE, 3000);
	guest_learns_size("f");
	guest_sees_model();
	guest_stores(2 * PAGE + 5, 7);
	host_sees_model();
	guest_writes("f", fx.size, 100);
	host_sees_model();
	guest_sees_model();
	guest_truncates("f", PAGE + 11);
	guest_gets_sigbus(2 * PAGE);
	guest_truncates("f", 3 * PAGE + 1);
	host_sees_model();
	guest_sees_model();
	/* No fsync(): the mapping's end is enough. */
	guest_stores(3 * PAGE, 1);
	fine(dax_rig_unmount(&fx.rig));
	host_sees_model();
}

#define ALWAYS(...)                                                                   \
	{                                                                             \
		.dax = DAX_ALWAYS, .cache = CACHE_AUTO, .window_mib = 16, __VA_ARGS__ \
	}

static const struct row {
	const char *name;
	void (*fn)(void **state);
	struct dax_rig_spec spec;
	bool exact; /* only with a passthrough tail */
} rows[] = {
	{ "guest writes are the host's", test_guest_writes_are_the_hosts, ALWAYS(), true },
	{ "host writes are the guest's", test_host_writes_are_the_guests, ALWAYS(), true },
	{ "growth", test_growth, ALWAYS(), true },
	{ "an empty file grows", test_empty_file_grows, ALWAYS(), true },
	{ "truncate", test_truncate, ALWAYS(), true },
	{ "reclaim", test_reclaim, ALWAYS(), false },
	{ "proof", test_proof, ALWAYS(), false },
	{ "no proof without DAX",
	  test_proof_fails_without_dax,
	  { .dax = DAX_NEVER, .cache = CACHE_AUTO, .window_mib = 16 },
	  false },
	{ "marked files",
	  test_marked_files,
	  { .dax = DAX_INODE, .cache = CACHE_AUTO, .window_mib = 16 },
	  false },
	{ "shadow", test_shadow, ALWAYS(.variant = "shadow"), false },
	{ "two guests", test_two_guests, ALWAYS(.words = dax_pair_words, .own_socket = true),
	  true },
};

/* ---- the world ---- */

static const char *const kernels[] = { "backports", "bookworm" };

struct test_case {
	const struct row *row;
	const char *kernel;
	char name[96];
};

static struct test_case cases[ARRAY_SIZE(rows) * ARRAY_SIZE(kernels)];
static struct CMUnitTest tests[ARRAY_SIZE(cases)];

static int setup(void **state)
{
	const struct test_case *c = *state;
	struct dax_rig_spec spec = c->row->spec;

	in.err.text[0] = '\0';
	spec.kernel = c->kernel;
	fx.rng.state = ++serial;
	if (dax_rig_open(&fx.rig, &in, &spec, serial) == 0)
		return 0;
	(void)fprintf(stderr, "%s: %s\n", c->name, in.err.text);
	if (dax_rig_close(&fx.rig) < 0)
		(void)fprintf(stderr, "%s: and then: %s\n", c->name, in.err.text);
	return -1;
}

static int teardown(void **state)
{
	const struct test_case *c = *state;
	int e;

	in.err.text[0] = '\0';
	forget_file();
	json_decref(fx.list);
	fx.list = NULL;
	e = dax_pair_close(&pair);
	if (e < 0)
		(void)fprintf(stderr, "%s: two guests: %s\n", c->name, in.err.text);
	if (dax_rig_close(&fx.rig) < 0) {
		(void)fprintf(stderr, "%s: %s\n", c->name, in.err.text);
		e = -1;
	}
	return e < 0 ? -1 : 0;
}

/* Without passthrough the last page is a copy, for which other things hold: see test_shadow(). */
static void run_case(void **state)
{
	const struct test_case *c = *state;

	if (c->row->exact && counters().shadow) {
		(void)printf("not tried: this host has no FUSE passthrough (see daemon.log)\n");
		skip();
	}
	c->row->fn(state);
}

/* One kernel after the other, so that each guest is booted once and used again. */
static size_t make_cases(void)
{
	size_t n = 0;

	for (size_t k = 0; k < ARRAY_SIZE(kernels); k++)
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			struct test_case *c = &cases[n];

			*c = (struct test_case){ .row = &rows[i], .kernel = kernels[k] };
			(void)snprintf(c->name, sizeof(c->name), "%s: %s", c->kernel, rows[i].name);
			tests[n++] = (struct CMUnitTest){ .name = c->name,
							  .test_func = run_case,
							  .setup_func = setup,
							  .teardown_func = teardown,
							  .initial_state = c };
		}
	return n;
}

static int end(void **state)
{
	(void)state;
	fleet_free(&in.fleet);
	return 0;
}

static int inner(void *arg)
{
	(void)arg;
	if (inside_open(&in) < 0)
		return 1;
	inside_fleet(&in);
	return _cmocka_run_group_tests("real_dax", tests, make_cases(), NULL, end) ? 1 : 0;
}

/* An argument is a pattern of tests: 'backports: *'. */
int main(int argc, char **argv)
{
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return inside_run(&in, "dax", inner);
}
