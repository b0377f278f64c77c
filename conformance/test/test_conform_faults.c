// SPDX-License-Identifier: Apache-2.0
/* The library of system-call faults: each does to a small program what its row says, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/proc.h"
#include "conformance/runner/preload.h"
#include "conformance/spec/spec.h"
#include "conformance/test/fault_words.h"

#define TIMEOUT_MS 20000

struct rig {
	char build[512]; /* folder of our programs */
	char dir[64];
};

static void find_build(struct rig *r)
{
	ssize_t n = readlink("/proc/self/exe", r->build, sizeof(r->build) - 1);

	assert_true(n > 0);
	r->build[n] = '\0';
	for (unsigned i = 0; i < 2; i++)
		*strrchr(r->build, '/') = '\0';
}

/* What the program says in an empty folder; its exit status. @fault: NULL for none; @counts: NULL for none. */
static int probe(const struct rig *r, const char *fault, const char *words,
		 struct preload_file *counts, struct proc_output *out)
{
	char program[600];
	char library[600];
	char name[96];
	char path[200];
	char scenario[64];
	char *space;
	char *argv[] = { program, scenario, NULL, NULL };
	char *env[] = { library, name, counts ? path : NULL, NULL };
	char *none[] = { NULL };
	struct proc_spec spec = { .argv = argv, .env = fault ? env : none, .cwd = r->dir };

	(void)!fs_remove_tree(r->dir, NULL);
	assert_int_equal(fs_mkdirs(r->dir, 0700, NULL), 0);
	(void)snprintf(program, sizeof(program), "%s/faults/probe", r->build);
	(void)snprintf(library, sizeof(library), "LD_PRELOAD=%s/libvqfaults.so", r->build);
	(void)snprintf(name, sizeof(name), FAULTS_ENV_NAME "=%s", fault ? fault : "");
	if (counts)
		(void)snprintf(path, sizeof(path), FAULTS_ENV_COUNT "=%s", counts->path);
	(void)snprintf(scenario, sizeof(scenario), "%s", words);
	space = strchr(scenario, ' ');
	if (space) {
		*space = '\0';
		argv[2] = space + 1;
	}
	assert_int_equal(proc_run(&spec, 4096, clock_deadline_ms(TIMEOUT_MS), out, NULL), 0);
	return WIFEXITED(out->status) ? WEXITSTATUS(out->status) : -1;
}

static unsigned mismatches;

static void expect(const struct rig *r, const char *fault, const char *words, const char *wanted,
		   struct preload_file *counts)
{
	struct proc_output out = { 0 };
	int status = probe(r, fault, words, counts, &out);
	char text[256];

	(void)snprintf(text, sizeof(text), "%.*s", (int)strcspn(buf_text(&out.out), "\n"),
		       buf_text(&out.out));
	while (strlen(text) > 0 && text[strlen(text) - 1] == ' ')
		text[strlen(text) - 1] = '\0';
	proc_output_free(&out);
	if (status == 0 && strcmp(text, wanted) == 0)
		return;
	mismatches++;
	print_error("%s, %s: \"%s\" is wanted, it says \"%s\" (status %d)\n",
		    fault ? fault : "no fault", words, wanted, text, status);
}

static struct rig rig;

static int set_up(void **state)
{
	(void)state;
	find_build(&rig);
	(void)snprintf(rig.dir, sizeof(rig.dir), "build/probe.%d", (int)getpid());
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return fs_remove_tree(rig.dir, NULL);
}

static void each_does_what_it_says(void **state)
{
	unsigned skipped = 0;

	(void)state;
	mismatches = 0;
	for (size_t i = 0; i < ARRAY_SIZE(fault_words); i++) {
		const struct fault_words *w = &fault_words[i];

		if (w->root && geteuid() != 0) {
			skipped++;
			continue;
		}
		expect(&rig, NULL, w->scenario, w->without, NULL);
		expect(&rig, FAULTS_TRACE, w->scenario, w->without, NULL);
		expect(&rig, w->fault, w->scenario, w->with, NULL);
	}
	assert_int_equal(mismatches, 0);
	if (skipped)
		print_message("not tried: %u scenarios that need root\n", skipped);
}

static void each_is_tried(void **state)
{
	size_t count;
	const struct preload_row *row = preload_rows(&count);

	(void)state;
	assert_true(count >= 40);
	for (size_t i = 0; i < count; i++) {
		bool tried = false;

		for (size_t j = 0; j < ARRAY_SIZE(fault_words) && !tried; j++)
			tried = preload_find(fault_words[j].fault) == (int)i;
		if (!tried)
			fail_msg("%s: nobody tries it", row[i].name);
		assert_int_equal(preload_find(row[i].name), i);
		assert_true(strlen(row[i].what) > 8 && strlen(row[i].calls) > 3);
	}
}

/* A section that is not in the catalogue yet comes with the area that checks it. */
static bool has_section(const char *row)
{
	char first[64];

	(void)snprintf(first, sizeof(first), "%.*s-001", (int)(strrchr(row, '-') - row), row);
	return spec_find(first) != NULL;
}

static void each_breaks_a_requirement(void **state)
{
	size_t count;
	const struct preload_row *row = preload_rows(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		bool later = strncmp(row[i].rows, "FUSE-META-", 10) == 0 &&
			     !has_section(row[i].rows);

		if (!later && !spec_find(row[i].rows))
			fail_msg("%s: there is no row %s", row[i].name, row[i].rows);
	}
}

static void new_counts(struct preload_file *f, bool armed)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "/tmp/vq-faults.%d", (int)getpid());
	(void)unlink(path);
	assert_int_equal(preload_file_new(path, f, NULL), 0);
	f->shared->armed = armed;
}

static void firings_are_counted(void **state)
{
	struct preload_file f;

	(void)state;
	new_counts(&f, true);
	mismatches = 0;
	expect(&rig, "fsync-lost:after=1:count=2", "syncs", "EBADF 0 0 EBADF", &f);
	assert_int_equal(mismatches, 0);
	assert_int_equal(f.shared->loaded, 1);
	assert_int_equal(f.shared->chances, 4);
	assert_int_equal(f.shared->fired, 2);
	preload_file_free(&f);
}

/* A call with nothing to be changed in it is no firing. */
static void what_changes_nothing_is_not_counted(void **state)
{
	struct preload_file f;

	(void)state;
	new_counts(&f, true);
	mismatches = 0;
	expect(&rig, "errno-noent", "syncs", "EBADF EBADF EBADF EBADF", &f);
	assert_int_equal(mismatches, 0);
	assert_int_equal(f.shared->chances, 4);
	assert_int_equal(f.shared->fired, 0);
	preload_file_free(&f);
}

static void faults_wait_until_they_are_armed(void **state)
{
	struct preload_file f;

	(void)state;
	new_counts(&f, false);
	mismatches = 0;
	expect(&rig, "fsync-lost", "syncs", "EBADF EBADF EBADF EBADF", &f);
	assert_int_equal(mismatches, 0);
	assert_int_equal(f.shared->loaded, 1);
	assert_int_equal(f.shared->chances, 0);
	preload_file_free(&f);
}

static void a_trace_counts_what_could_fire(void **state)
{
	struct preload_file f;

	(void)state;
	new_counts(&f, true);
	mismatches = 0;
	expect(&rig, FAULTS_TRACE, "sync", "EBADF EBADF EBADF", &f);
	assert_int_equal(mismatches, 0);
	assert_int_equal(f.shared->would[preload_find("fsync-lost")], 1);
	assert_int_equal(f.shared->would[preload_find("syncfs-lost")], 1);
	assert_int_equal(f.shared->would[preload_find("write-lost")], 0);
	assert_int_equal(f.shared->would[preload_find("errno-noent")], 0);
	assert_int_equal(f.shared->fired, 0);
	preload_file_free(&f);
}

/* A name with a mistake in it must not look like a fault that nobody notices. */
static void mistakes_are_refused(void **state)
{
	static const char *const wrong[] = { "fsync-lots", "fsync-lost:x=1",
					     "fsync-lost:after=", "fsync-lost:count=1x",
					     "fsync-lost:after=99999999999999999999" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct proc_output out = { 0 };
		int status = probe(&rig, wrong[i], "sync", NULL, &out);
		bool told = strstr(buf_text(&out.err), "libvqfaults.so: ") != NULL;

		proc_output_free(&out);
		assert_int_equal(status, 127);
		assert_true(told);
	}
}

/* Daemons run with the C library of their own root: of bookworm at the least. */
static void an_old_libc_is_enough(void **state)
{
	static const char prefix[] = "GLIBC_2.";
	struct buf file = { 0 };
	char path[600];
	const char *at;
	unsigned versions = 0;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/libvqfaults.so", rig.build);
	assert_int_equal(fs_read(path, 4 * MIB, &file, NULL), 0);
	at = buf_text(&file);
	for (size_t left = file.size; (at = memmem(at, left, prefix, sizeof(prefix) - 1));) {
		unsigned long minor = strtoul(at + sizeof(prefix) - 1, NULL, 10);

		versions++;
		if (minor > 36)
			fail_msg("%s wants %s%lu", path, prefix, minor);
		at++;
		left = file.size - (size_t)(at - (const char *)buf_text(&file));
	}
	buf_free(&file);
	assert_true(versions > 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_does_what_it_says),
		cmocka_unit_test(each_is_tried),
		cmocka_unit_test(each_breaks_a_requirement),
		cmocka_unit_test(firings_are_counted),
		cmocka_unit_test(what_changes_nothing_is_not_counted),
		cmocka_unit_test(faults_wait_until_they_are_armed),
		cmocka_unit_test(a_trace_counts_what_could_fire),
		cmocka_unit_test(mistakes_are_refused),
		cmocka_unit_test(an_old_libc_is_enough),
	};

	return cmocka_run_group_tests_name("conform_faults", tests, set_up, tear_down);
}
