// SPDX-License-Identifier: Apache-2.0
/* Several workers at once, a host that renames meanwhile, a request that blocks, and the way out of the share. */
#include "conformance/test/test_ref_fs.h"

#include "base/clock.h"
#include "conformance/test/test_ref_fs_dax.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#define RACE_MS 300

/* cmocka's checks leave by longjmp and belong to the main thread: others count what they see. */
struct cpu {
	struct guest g;
	struct kit *k;
	pthread_t thread;
	uint64_t deadline;
	unsigned number;
	unsigned done;
	unsigned bad;
	uint64_t node;
	int error;
	pid_t tid; /* atomic */
	bool over; /* atomic */
};

static void cpu_start_at(struct cpu *c, struct kit *k, uint64_t node, unsigned number,
			 void *(*run)(void *))
{
	*c = (struct cpu){
		.k = k,
		.number = number,
		.node = node,
		.deadline = clock_deadline_ms(RACE_MS),
	};
	guest_join(&c->g, &k->g);
	assert_int_equal(pthread_create(&c->thread, NULL, run, c), 0);
}

static void cpu_start(struct cpu *c, struct kit *k, unsigned number, void *(*run)(void *))
{
	cpu_start_at(c, k, 0, number, run);
}

static void cpu_end(struct cpu *c)
{
	assert_int_equal(pthread_join(c->thread, NULL), 0);
	guest_close(&c->g);
}

static bool cpu_goes_on(const struct cpu *c)
{
	return clock_now_ns() < c->deadline;
}

/* ---- the way out ---- */

static void write_at(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

static void *swap(void *arg)
{
	struct cpu *c = arg;
	char a[512], b[512];

	(void)snprintf(a, sizeof(a), "%s/here", c->k->share);
	(void)snprintf(b, sizeof(b), "%s/there", c->k->share);
	for (; cpu_goes_on(c); c->done++)
		c->bad += renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) < 0;
	return NULL;
}

/* Whatever the host does to the names: what a guest reads is from inside. */
static void *walk(void *arg)
{
	struct cpu *c = arg;

	while (cpu_goes_on(c)) {
		struct fuse_entry_out dir, file;
		struct fuse_open_out o;

		if (do_lookup(&c->g, 1, "here", &dir) < 0)
			continue;
		if (do_lookup(&c->g, dir.nodeid, "secret", &file) == 0) {
			if (do_open_as(&c->g, FUSE_OPEN, file.nodeid, O_RDONLY, 0, &o) == 0) {
				c->bad += do_read(&c->g, file.nodeid, o.fh, 0, 100) < 0;
				c->bad += c->g.size != 6 || memcmp(c->g.data, "inside", 6) != 0;
				(void)do_release(&c->g, file.nodeid, o.fh);
				c->done++;
			}
			do_forget(&c->g, file.nodeid, 1);
		}
		/* What is made there is made inside as well. */
		if (do_create(&c->g, dir.nodeid, "made", O_RDWR, 0600, &file, &o) == 0) {
			(void)do_release(&c->g, file.nodeid, o.fh);
			do_forget(&c->g, file.nodeid, 1);
			(void)do_name(&c->g, FUSE_UNLINK, dir.nodeid, "made");
		}
		do_forget(&c->g, dir.nodeid, 1);
	}
	return NULL;
}

static void test_way_out(void **state)
{
	struct kit k = { 0 };
	struct cpu host_cpu, guest_cpu[2];
	char outside[] = "/tmp/vq-ref-fs-out-XXXXXX";
	char path[512];
	struct err err;

	(void)state;
	kit_open(&k);
	assert_non_null(mkdtemp(outside));
	(void)snprintf(path, sizeof(path), "%s/secret", outside);
	write_at(path, "outside");
	assert_int_equal(mkdir(host(&k, "here"), 0700), 0);
	host_write(&k, "here/secret", "inside");
	assert_int_equal(symlink(outside, host(&k, "there")), 0);
	cpu_start(&host_cpu, &k, 0, swap);
	for (unsigned i = 0; i < ARRAY_SIZE(guest_cpu); i++)
		cpu_start(&guest_cpu[i], &k, i, walk);
	cpu_end(&host_cpu);
	for (unsigned i = 0; i < ARRAY_SIZE(guest_cpu); i++) {
		cpu_end(&guest_cpu[i]);
		assert_int_equal(guest_cpu[i].bad, 0);
		assert_true(guest_cpu[i].done > 0);
	}
	assert_true(host_cpu.done > 10 && host_cpu.bad == 0);
	(void)snprintf(path, sizeof(path), "%s/made", outside);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(fs_remove_tree(outside, &err), 0);
	kit_close(&k);
}

/* A link is a link, also a magic one; a folder that was moved away is where it is, and ".." is nowhere. */
static void test_links(void **state)
{
	static const char *const targets[] = { "/etc", "..", "../..", "/proc/self/root", "here" };
	struct kit k = { 0 };
	struct guest *g = &k.g;
	struct fuse_entry_out e;

	(void)state;
	kit_open(&k);
	assert_int_equal(mkdir(host(&k, "here"), 0700), 0);
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		uint64_t node;

		assert_int_equal(symlink(targets[i], host(&k, "l")), 0);
		node = node_of(g, 1, "l");
		assert_int_equal(do_lookup(g, node, "passwd", &e), -ENOTDIR);
		assert_int_equal(do_lookup(g, node, "here", &e), -ENOTDIR);
		assert_int_equal(
			do_open_as(g, FUSE_OPENDIR, node, 0, 0, &(struct fuse_open_out){ 0 }),
			-ENOTDIR);
		assert_int_equal(do_name(g, FUSE_RMDIR, node, "x"), -ENOTDIR);
		assert_int_equal(unlink(host(&k, "l")), 0);
	}
	kit_close(&k);
}

/* ---- counting ---- */

static void *look_and_forget(void *arg)
{
	struct cpu *c = arg;

	for (; cpu_goes_on(c); c->done++) {
		struct fuse_entry_out e = { 0 };
		struct fuse_attr a;
		unsigned n = c->done % 3 + 1;

		for (unsigned i = 0; i < n; i++)
			c->bad += do_lookup(&c->g, 1, "f", &e) != 0;
		/* Who holds a lookup has a node, whatever the others forget. */
		c->bad += do_getattr(&c->g, e.nodeid, &a) != 0;
		do_forget(&c->g, e.nodeid, n);
	}
	return NULL;
}

static void test_counts(void **state)
{
	struct kit k = { 0 };
	struct cpu cpu[4];
	unsigned before;

	(void)state;
	kit_open(&k);
	host_write(&k, "f", "x");
	before = open_fds();
	for (unsigned i = 0; i < ARRAY_SIZE(cpu); i++)
		cpu_start(&cpu[i], &k, i, look_and_forget);
	for (unsigned i = 0; i < ARRAY_SIZE(cpu); i++) {
		cpu_end(&cpu[i]);
		assert_int_equal(cpu[i].bad, 0);
		assert_true(cpu[i].done > 10);
	}
	/* Everything was given back. */
	assert_int_equal(open_fds(), before);
	kit_close(&k);
}

/* ---- sessions that end under way ---- */

static void *work(void *arg)
{
	struct cpu *c = arg;
	char name[16];

	(void)snprintf(name, sizeof(name), "f%u", c->number);
	for (; cpu_goes_on(c); c->done++) {
		struct fuse_entry_out e;
		struct fuse_open_out o;

		/* Any of it may find its session gone; none may find anything else. */
		if (do_create(&c->g, 1, name, O_RDWR, 0600, &e, &o) < 0)
			continue;
		(void)do_write(&c->g, e.nodeid, o.fh, 0, "0123456789", 10);
		if (do_read(&c->g, e.nodeid, o.fh, 0, 10) == 0)
			c->bad += c->g.size != 10 || memcmp(c->g.data, "0123456789", 10) != 0;
		(void)do_lookup(&c->g, 1, name, &e);
		(void)do_release(&c->g, e.nodeid, o.fh);
		do_forget(&c->g, e.nodeid, 2);
	}
	return NULL;
}

static void *start_over(void *arg)
{
	struct cpu *c = arg;

	for (; cpu_goes_on(c); c->done++) {
		if (c->done % 5 == 0)
			c->bad += do_name(&c->g, FUSE_DESTROY, 0, "") != 0;
		c->bad += do_init(&c->g) != 0;
		(void)usleep(500);
	}
	return NULL;
}

static void test_sessions(void **state)
{
	struct kit k = { 0 };
	struct cpu cpu[3];
	unsigned before;

	(void)state;
	kit_open(&k);
	before = open_fds();
	cpu_start(&cpu[0], &k, 0, work);
	cpu_start(&cpu[1], &k, 1, work);
	cpu_start(&cpu[2], &k, 2, start_over);
	for (unsigned i = 0; i < ARRAY_SIZE(cpu); i++)
		cpu_end(&cpu[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(cpu); i++) {
		assert_int_equal(cpu[i].bad, 0);
		assert_true(cpu[i].done > 5);
	}
	assert_int_equal(do_init(&k.g), 0);
	assert_int_equal(open_fds(), before);
	kit_close(&k);
}

/* ---- one that blocks ---- */

static void *open_leased(void *arg)
{
	struct cpu *c = arg;
	struct fuse_open_out o = { 0 };

	__atomic_store_n(&c->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	c->error = do_open_as(&c->g, FUSE_OPEN, c->node, O_RDWR, 0, &o);
	__atomic_store_n(&c->over, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Until the thread waits for the lease, as the kernel says of it. */
static bool wait_asleep(struct cpu *c)
{
	uint64_t deadline = clock_deadline_ms(5000);
	char path[64];

	while (__atomic_load_n(&c->tid, __ATOMIC_ACQUIRE) == 0 && clock_now_ns() < deadline)
		(void)usleep(1000);
	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", c->tid);
	while (clock_now_ns() < deadline) {
		struct buf text = { 0 };
		struct err err;
		bool asleep = fs_read(path, 4096, &text, &err) == 0 &&
			      strstr(buf_text(&text), ") S ") != NULL;

		buf_free(&text);
		if (asleep)
			return true;
		(void)usleep(1000);
	}
	return false;
}

static void test_blocked(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;
	struct cpu cpu;
	struct fuse_attr a;
	uint64_t node, other;
	int lease;

	(void)state;
	kit_open(&k);
	(void)signal(SIGIO, SIG_IGN);
	host_write(&k, "f", "x");
	host_write(&k, "other", "x");
	node = node_of(g, 1, "f");
	other = node_of(g, 1, "other");
	lease = open(host(&k, "f"), O_RDWR);
	assert_int_equal(fcntl(lease, F_SETLEASE, F_WRLCK), 0);
	cpu_start_at(&cpu, &k, node, 0, open_leased);
	assert_true(wait_asleep(&cpu));
	/* Everything else goes on, the end of the session too. */
	do_forget(g, other, 1);
	assert_int_equal(do_getattr(g, other, &a), -ESTALE);
	assert_int_equal(do_getattr(g, node, &a), 0);
	do_forget(g, node, 1);
	assert_int_equal(do_init(g), 0);
	assert_int_equal(do_getattr(g, node, &a), -ESTALE);
	assert_false(__atomic_load_n(&cpu.over, __ATOMIC_ACQUIRE));
	assert_int_equal(fcntl(lease, F_SETLEASE, F_UNLCK), 0);
	cpu_end(&cpu);
	assert_int_equal(cpu.error, 0);
	(void)close(lease);
	kit_close(&k);
}

static void *map_leased(void *arg)
{
	struct cpu *c = arg;

	__atomic_store_n(&c->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	c->error = DO(&c->g, FUSE_SETUPMAPPING, c->node,
		      (struct fuse_setupmapping_in){ .fh = UINT64_MAX,
						     .len = 4096,
						     .flags = FUSE_SETUPMAPPING_FLAG_READ });
	return NULL;
}

/* A mapping that was asked for in a session that is over by now is not made in the window of the next. */
static void test_late_mapping(void **state)
{
	struct kit k = { .o.dax = REF_DAX_ALWAYS };
	struct guest first;
	struct cpu cpu;
	uint64_t node;
	int lease;

	(void)state;
	memset(&fake, 0, sizeof(fake));
	kit_open(&k);
	(void)signal(SIGIO, SIG_IGN);
	ref_fs_set_dax(k.fs, FAKE_SHARE);
	first = k.g;
	guest_open(&k.g, &k, FAKE_WINDOW);
	assert_int_equal(do_init(&k.g), 0);
	host_write(&k, "f", "x");
	node = node_of(&k.g, 1, "f");
	fake.log[0] = '\0';
	lease = open(host(&k, "f"), O_RDWR);
	assert_int_equal(fcntl(lease, F_SETLEASE, F_WRLCK), 0);
	cpu_start_at(&cpu, &k, node, 0, map_leased);
	assert_true(wait_asleep(&cpu));
	assert_int_equal(do_init(&k.g), 0);
	assert_int_equal(fcntl(lease, F_SETLEASE, F_UNLCK), 0);
	cpu_end(&cpu);
	assert_int_equal(cpu.error, -EIO);
	assert_string_equal(fake.log, "clear 0 0; ");
	(void)close(lease);
	guest_close(&k.g);
	k.g = first;
	kit_close(&k);
}

static int tests(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test(test_way_out), cmocka_unit_test(test_links),
		cmocka_unit_test(test_counts),	cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_blocked), cmocka_unit_test(test_late_mapping),
	};

	return cmocka_run_group_tests_name("ref_fs_race", list, NULL, NULL);
}

int main(void)
{
	return run_as_both(tests);
}
