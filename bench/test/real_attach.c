// SPDX-License-Identifier: Apache-2.0
/*
 * `run --attach MOUNT` inside a guest. The guest here plays one that somebody else runs: it knows
 * nothing but a mounted share, on which this project lies with the libraries that the driver needs.
 * The pass's own agent only types the command. No cmocka assert runs while a CLEANUP is live.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/isolate.h"
#include "base/json.h"
#include "real_guest.h"
#include "run/session.h"

#define LOG_DIR "build/test/real/attach"
#define RUN_MS	120000

/* What the inner process, which alone sees the share, hands to the tests. */
#define RUN_JSON LOG_DIR "/run.json"
#define SAID	 LOG_DIR "/said.txt"
#define LEFT	 LOG_DIR "/left.txt"

static int copy_file(const char *from, const char *to, mode_t mode, struct err *reterr)
{
	CLEANUP(buf_free) struct buf data = { 0 };
	int e = fs_read(from, 64 * MIB, &data, reterr);

	if (e == 0)
		e = fs_write_atomic(to, buf_text(&data), data.size, reterr);
	if (e == 0 && chmod(to, mode) < 0)
		e = err_errno(reterr, -errno, "%s", to);
	return e;
}

#define LOADER "/lib64/ld-linux-x86-64.so.2"

/* The libraries that the driver is linked with, as the loader itself lists them. */
static int copy_libraries(const char *to, struct err *reterr)
{
	char *const argv[] = { (char *)(uintptr_t)LOADER, (char *)(uintptr_t) "--list",
			       (char *)(uintptr_t)REAL_DRIVER, NULL };
	const struct proc_spec spec = { .argv = argv };
	CLEANUP(freep) char *loader = fs_path("%s/loader", to);
	struct proc_output o = { 0 };
	char *save = NULL;
	int e = proc_run(&spec, 64 * KIB, clock_deadline_ms(10000), &o, reterr);

	for (char *line = e == 0 && o.out.size ? strtok_r(o.out.data, "\n", &save) : NULL;
	     e == 0 && line; line = strtok_r(NULL, "\n", &save)) {
		char *path = strstr(line, "=> /");
		CLEANUP(freep) char *dest = NULL;

		if (!path)
			continue;
		path += 3;
		path[strcspn(path, " ")] = '\0';
		dest = fs_path("%s/%s", to, strrchr(path, '/') + 1);
		e = dest ? copy_file(path, dest, 0755, reterr) : -ENOMEM;
	}
	proc_output_free(&o);
	return e == 0 && loader ? copy_file(LOADER, loader, 0755, reterr) : e;
}

static int copy_folder(const char *from, const char *to, mode_t mode, struct err *reterr)
{
	CLEANUP(dir_closep) DIR *d = opendir(from);
	struct dirent *entry;
	int e = d ? fs_mkdirs(to, 0755, reterr) : err_errno(reterr, -errno, "%s", from);

	while (e == 0 && (entry = readdir(d)) != NULL) {
		CLEANUP(freep) char *a = fs_path("%s/%s", from, entry->d_name);
		CLEANUP(freep) char *b = fs_path("%s/%s", to, entry->d_name);
		struct stat st;

		if (a && b && stat(a, &st) == 0 && S_ISREG(st.st_mode))
			e = copy_file(a, b, mode, reterr);
	}
	return e;
}

static int lay_out_home(const char *share, struct err *reterr)
{
	static const char *const parts[][2] = {
		{ "build/guest", "home/build/guest" },
		{ "workloads/fio", "home/workloads/fio" },
		{ "bench/plans", "home/bench/plans" },
	};
	CLEANUP(freep) char *lib = fs_path("%s/home/lib", share);
	CLEANUP(freep) char *driver = fs_path("%s/home/build/virtiofs-qual", share);
	int e = 0;

	for (size_t i = 0; e == 0 && i < ARRAY_SIZE(parts); i++) {
		CLEANUP(freep) char *to = fs_path("%s/%s", share, parts[i][1]);

		e = to ? copy_folder(parts[i][0], to, 0755, reterr) : -ENOMEM;
	}
	if (e == 0)
		e = lib && driver ? fs_mkdirs(lib, 0755, reterr) : -ENOMEM;
	if (e == 0)
		e = copy_libraries(lib, reterr);
	return e < 0 ? e : copy_file("build/virtiofs-qual", driver, 0755, reterr);
}

static int drive(struct session *s, struct err *reterr)
{
	static const char *const words[] = { SESSION_MOUNT "/home/lib/loader",
					     "--library-path",
					     SESSION_MOUNT "/home/lib",
					     SESSION_MOUNT "/home/build/virtiofs-qual",
					     "run",
					     "--home",
					     SESSION_MOUNT "/home",
					     "--attach",
					     SESSION_MOUNT,
					     "--plan",
					     "smoke",
					     "--workload",
					     "se[q]read-*",
					     "--time",
					     "0.2",
					     "--out",
					     SESSION_MOUNT "/out",
					     NULL };
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(strv_free) struct strv env = { 0 };
	CLEANUP(buf_free) struct buf said = { 0 };
	struct place_result r = { 0 };
	int e;

	strv_add_all(&argv, words);
	strv_add(&env, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	e = place_run(&s->place, &argv, &env, RUN_MS, &r, reterr);
	if (e == 0) {
		(void)buf_printf(&said, "%s\n%s%s", r.fate, buf_text(&r.out), buf_text(&r.err));
		e = fs_write_atomic(SAID, buf_text(&said), said.size, reterr);
	}
	place_result_free(&r);
	return e;
}

/* What the host sees of the run once it is over. */
static int collect(const char *share, struct err *reterr)
{
	CLEANUP(freep) char *run = fs_path("%s/out/run.json", share);
	CLEANUP(dir_closep) DIR *d = opendir(share);
	CLEANUP(buf_free) struct buf left = { 0 };
	struct dirent *entry;

	while (d && (entry = readdir(d)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			(void)buf_printf(&left, "%s\n", entry->d_name);
	if (fs_write_atomic(LEFT, buf_text(&left), left.size, reterr) < 0)
		return -EIO;
	return run ? copy_file(run, RUN_JSON, 0644, reterr) : -ENOMEM;
}

static int inner(void *arg)
{
	const struct world_source src = { .home = arg };
	struct world w = { 0 };
	struct fleet_options o = { .accelerator = "tcg",
				   .vcpus = 1,
				   .memory_mib = 512,
				   .cmdline_path = "guest-image/cmdline",
				   .log_dir = LOG_DIR,
				   .world = &w };
	struct fleet f;
	struct cell c = {
		.stack = stack_find("rust-trixie"),
		.vmm = vmm_find("qemu-backports"),
		.kernel = kernel_find("backports"),
		.cache = CACHE_AUTO,
		.dax = DAX_NONE,
		.workload = workload_find("metadata"),
	};
	struct pass_context ctx = { .world = &w, .fleet = &f, .serial = 1 };
	struct session s = { .cell = &c, .dir = LOG_DIR };
	struct pass_result r = { 0 };
	struct err err = { 0 };
	int e = world_make(&src, &w, &err);

	fleet_init(&f, &o);
	cell_name(&c);
	if (e == 0 && (e = session_open(&ctx, &s, &r)) < 0)
		(void)err_set(&err, e, "%s", r.reason);
	if (e == 0)
		e = lay_out_home(s.share.dir, &err);
	if (e == 0)
		e = drive(&s, &err);
	if (e == 0)
		e = collect(s.share.dir, &err);
	session_close(&ctx, &s, &r);
	if (e == 0 && r.status != PASS_OK)
		e = err_set(&err, -EIO, "%s", r.reason);
	pass_result_free(&r);
	fleet_free(&f);
	if (e < 0)
		(void)fprintf(stderr, "%s\n", err.text);
	return e < 0;
}

static json_t *run_json;

static int set_up(void **state)
{
	static char home[4096];
	struct isolate_result how = { 0 };
	struct err err = { 0 };
	char dir[4096];
	int lock = real_lock(&err);
	int e = lock < 0 ? lock : real_dir("attach", dir, sizeof(dir), &err);

	(void)state;
	if (e == 0 && realpath(".", home))
		e = world_prepare(&err);
	if (e == 0)
		e = isolate_run(inner, home, &how, &err);
	if (lock >= 0)
		(void)close(lock);
	if (e == 0 && how.status == 0)
		e = json_load_path(RUN_JSON, &run_json, &err);
	if (e < 0 || how.status != 0) {
		(void)fprintf(stderr, "set up: %s\n", err.text);
		return -1;
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	json_decref(run_json);
	return 0;
}

/* Goal: the run in the guest is complete and says where it was. Method: its run.json. */
static void test_run_is_complete(void **state)
{
	(void)state;
	assert_true(real_said(SAID, "exited 0"));
	assert_string_equal(json_str_at(run_json, "status", ""), "complete");
	assert_string_equal(json_str_at(run_json, "accelerator.used", ""), "none");
	assert_string_equal(json_str_at(run_json, "stacks[0].kind", ""), "attached");
	assert_string_equal(json_str_at(run_json, "cells[0]", ""), "attached.seqread-psync");
	assert_int_equal(json_array_size(json_object_get(run_json, "cells")), 2);
}

/* Goal: what the mount shows is recorded, and what is missing is said. Method: the same file. */
static void test_says_what_is_missing(void **state)
{
	(void)state;
	assert_string_equal(json_str_at(run_json, "attached.fs_type", ""), "virtiofs");
	assert_string_equal(json_str_at(run_json, "attached.source", ""), SESSION_TAG);
	assert_true(json_array_size(json_at(run_json, "attached.missing")) >= 5);
	assert_true(real_said(SAID, "not seen from inside"));
}

/* Goal: nothing stays on somebody else's share but what was asked for. Method: list it. */
static void test_nothing_is_left_on_the_share(void **state)
{
	(void)state;
	assert_true(real_said(LEFT, "out\n"));
	assert_true(real_said(LEFT, "home\n"));
	assert_false(real_said(LEFT, ".virtiofs-qual"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run_is_complete),
		cmocka_unit_test(test_says_what_is_missing),
		cmocka_unit_test(test_nothing_is_left_on_the_share),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down) ? 1 : 0;
}
