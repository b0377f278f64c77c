// SPDX-License-Identifier: Apache-2.0
/*
 * Conf files with real guests: one run of stacks and VMMs that only conf files know, good and broken
 * ones side by side; then what it left is looked at. No cmocka assert runs while a CLEANUP variable
 * is live.
 */
#include "real_guest.h"

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define ROOT "/run/virtiofs-qual/roots/backports"
#define LIB  ROOT "/usr/lib/x86_64-linux-gnu"
/* What a daemon that never makes its socket may cost, plus a loaded machine. */
#define GIVE_UP_S 15.0
#define PATH_SIZE 1024

/* Programs at a path of the host: the file's name, and what it does. */
static const struct {
	const char *name;
	const char *text;
} programs[] = {
	{ "virtiofsd", "exec " LIB "/ld-linux-x86-64.so.2 --library-path " LIB " " ROOT
		       "/usr/libexec/virtiofsd \"$@\"\n" },
	{ "silent", "[ \"$1\" = --version ] && { echo silent 1; exit 0; }\nexec sleep 1000\n" },
	{ "dying", "[ \"$1\" = --version ] && { echo dying 1; exit 0; }\n"
		   "echo no machine here >&2\nexit 3\n" },
	{ "mute", "exit 1\n" },
};

/* %s: the folder of those programs. */
static const char rows[] =
	"stack \"silent\" { base = \"rust-trixie\" program = \"%1$s/silent\"\n"
	"  args = {\"{socket}\", \"{share}\"} }\n"
	"stack \"mute\" { base = \"rust-trixie\" program = \"%1$s/mute\" }\n"
	"stack \"missing\" { base = \"rust-trixie\" program = \"%1$s/nosuch\" }\n"
	"stack \"newer\" { base = \"rust-trixie\" program = \"%1$s/virtiofsd\" version = \"virtiofsd 99.*\" }\n"
	"stack \"rust-trixie\" { option \"pool4\" { with = {\"--thread-pool-size=2\"} } }\n"
	"vmm \"dying\" { base = \"qemu-without-qmp\" program = \"%1$s/dying\"\n"
	"  args = {\"{kernel}\", \"{agent_socket}\", \"{fs_socket}\"} }\n"
	"vmm \"serial\" { base = \"qemu-without-qmp\" agent = \"/dev/ttyS1\"\n"
	"  extra_args = {\"-chardev\", \"null,id=x\"} args = {%2$s} }\n"
	"kernel \"quieter\" { base = \"bookworm\" cmdline = {\"loglevel=1\"} }\n";

static const char plan[] =
	"rounds = 1\ntime_ms = 200\n"
	"cells \"booted\" { stacks = {\"rust-trixie\"} vmms = {\"qemu-without-qmp\"} kernels = {\"bookworm\"}\n"
	"  caches = {\"auto\"} workloads = {\"seqread-psync\"} }\n"
	"cells \"booted-c\" { stacks = {\"c-bookworm\"} vmms = {\"qemu-without-qmp\", \"dying\"}\n"
	"  kernels = {\"bookworm\"} caches = {\"none\"} workloads = {\"metadata\"} }\n"
	"cells \"serial\" { stacks = {\"own-virtiofsd\"} vmms = {\"serial\"} kernels = {\"quieter\"}\n"
	"  caches = {\"auto\"} workloads = {\"metadata\"} }\n"
	"cells \"hot-plug\" { stacks = {\"own-virtiofsd\", \"silent\", \"mute\", \"missing\", \"newer\"}\n"
	"  vmms = {\"qemu-backports\"} kernels = {\"bookworm\"} caches = {\"auto\"} workloads = {\"metadata\"} }\n"
	"cells \"option\" { stacks = {\"rust-trixie\"} variants = {\"pool4\"} vmms = {\"qemu-backports\"}\n"
	"  kernels = {\"bookworm\"} caches = {\"auto\"} workloads = {\"metadata\"} }\n";

/* The words of a VMM with a serial line, without QMP. */
#define SERIAL_ARGS                                                                              \
	"\"-L\", \"{root}/usr/share/qemu\", \"-L\", \"{root}/usr/share/seabios\", "              \
	"\"-nodefaults\", \"-no-reboot\", \"-display\", \"none\", "                              \
	"\"-machine\", \"q35,memory-backend=mem,hpet=off\", \"-accel\", \"{accelerator}\", "     \
	"\"-cpu\", \"{cpu}\", \"-smp\", \"{vcpus}\", \"-m\", \"{memory_mib}M\", "                \
	"\"-object\", \"memory-backend-memfd,id=mem,size={memory_mib}M,share=on\", "             \
	"\"-kernel\", \"{kernel}\", \"-initrd\", \"{initramfs}\", \"-append\", \"{cmdline}\", "  \
	"\"-drive\", \"if=virtio,format=raw,file={root_image},read-only=on,file.locking=off\", " \
	"\"-chardev\", \"stdio,id=console,signal=off\", \"-serial\", \"chardev:console\", "      \
	"\"-chardev\", \"socket,id=agent,path={agent_socket},server=on,wait=off\", "             \
	"\"-serial\", \"chardev:agent\", \"{device}\""

struct fixture {
	char dir[512];
	char conf[PATH_SIZE];
	char plan[PATH_SIZE];
	char out[PATH_SIZE];
	char out_observed[PATH_SIZE]; /* of the run with an observed pass */
	char log[PATH_SIZE];
	int status;
	json_t *run;
};

static struct fixture fx;

/* What a cell must have become. */
static const struct {
	const char *id;
	const char *status;
	const char *guest;
	const char *says; /* in its reason */
} wanted[] = {
	{ "c-bookworm.qemu-without-qmp.none.nowb.none.bookworm.metadata", "ok", "booted", "" },
	{ "c-bookworm.dying.none.nowb.none.bookworm.metadata", "failed", "none", "VMM exited:3" },
	{ "own-virtiofsd.serial.auto.nowb.none.quieter.metadata", "ok", "booted", "" },
	{ "own-virtiofsd.qemu-backports.auto.nowb.none.bookworm.metadata", "ok", "", "" },
	{ "silent.qemu-backports.auto.nowb.none.bookworm.metadata", "failed", "",
	  "the daemon made no socket within 5 s: there is nothing at {socket}" },
	{ "mute.qemu-backports.auto.nowb.none.bookworm.metadata", "failed", "none",
	  "/conf/mute/mute does not run: asked for its version it ended with exited:1" },
	{ "missing.qemu-backports.auto.nowb.none.bookworm.metadata", "failed", "none",
	  "program not found: there is no program 'nosuch'" },
	{ "newer.qemu-backports.auto.nowb.none.bookworm.metadata", "failed", "none",
	  "expected 'virtiofsd 99.*', seen 'virtiofsd 1." },
	{ "rust-trixie+pool4.qemu-backports.auto.nowb.none.bookworm.metadata", "ok", "", "" },
};

static int write_text(const char *path, mode_t mode, const char *text)
{
	if (fs_write_atomic(path, text, strlen(text), NULL) < 0)
		return -1;
	return chmod(path, mode);
}

static int write_programs(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		char path[PATH_SIZE + 64];
		char text[1024];

		(void)snprintf(path, sizeof(path), "%s/%s", fx.dir, programs[i].name);
		(void)snprintf(text, sizeof(text), "#!/bin/sh\n%s", programs[i].text);
		if (write_text(path, 0755, text) < 0)
			return -1;
	}
	return 0;
}

/* The shipped example, with the path of this machine's daemon. */
static int write_own(const char *path)
{
	static const char old[] = "/usr/local/libexec/virtiofsd";
	struct buf text = { 0 };
	struct buf out = { 0 };
	const char *at;
	int e = fs_read("bench/stacks/own-virtiofsd.conf", MIB, &text, NULL);

	at = e == 0 ? strstr(buf_text(&text), old) : NULL;
	if (at && buf_printf(&out, "%.*s%s/virtiofsd%s", (int)(at - buf_text(&text)),
			     buf_text(&text), fx.dir, at + strlen(old)) == 0)
		e = write_text(path, 0644, buf_text(&out));
	buf_free(&text);
	buf_free(&out);
	return at ? e : -1;
}

#define BOOTED_CELL "rust-trixie.qemu-without-qmp.auto.nowb.none.bookworm.seqread-psync"

static int run_plan(const char *own, const char *out, const char *observed, const char *cells,
		    int *ret_status, struct err *reterr)
{
	const char *const args[] = { "run",    "--conf", "bench/stacks/qemu-without-qmp.conf",
				     "--conf", own,	 "--conf",
				     fx.conf,  "--plan", fx.plan,
				     "--out",  out,	 "--observed",
				     observed, "--cell", cells,
				     NULL };

	return real_run(args, fx.log, REAL_RUN_MS, ret_status, reterr);
}

/* One cell with an observed pass, which boots again; all others once. */
static int run_both(const char *own, struct err *reterr)
{
	int status = -1;
	int e = run_plan(own, fx.out_observed, "1", BOOTED_CELL, &status, reterr);

	if (e == 0 && status != 0)
		return err_set(reterr, -EIO, "the observed run ended with %d, see %s", status,
			       fx.log);
	return e < 0 ? e : run_plan(own, fx.out, "0", "*.metadata", &fx.status, reterr);
}

static int set_up(void **state)
{
	char own[PATH_SIZE];
	char text[16384];
	struct err err = { 0 };

	(void)state;
	if (real_dir("conf", fx.dir, sizeof(fx.dir), &err) < 0)
		return -1;
	(void)snprintf(own, sizeof(own), "%s/own-virtiofsd.conf", fx.dir);
	(void)snprintf(fx.conf, sizeof(fx.conf), "%s/rows.conf", fx.dir);
	(void)snprintf(fx.plan, sizeof(fx.plan), "%s/plan.conf", fx.dir);
	(void)snprintf(fx.out, sizeof(fx.out), "%s/out", fx.dir);
	(void)snprintf(fx.out_observed, sizeof(fx.out_observed), "%s/out-observed", fx.dir);
	(void)snprintf(fx.log, sizeof(fx.log), "%s/log", fx.dir);
	(void)snprintf(text, sizeof(text), rows, fx.dir, SERIAL_ARGS);
	if (write_programs() < 0 || write_own(own) < 0 || write_text(fx.conf, 0644, text) < 0 ||
	    write_text(fx.plan, 0644, plan) < 0)
		return -1;
	if (run_both(own, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	(void)snprintf(text, sizeof(text), "%s/run.json", fx.out);
	if (json_load_path(text, &fx.run, &err) < 0) {
		(void)fprintf(stderr, "%s; see %s\n", err.text, fx.log);
		return -1;
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	json_decref(fx.run);
	return 0;
}

static void check_cell(size_t i, json_t *cell, char *ret, size_t size)
{
	const char *status = json_str_at(cell, "status", "?");
	const char *reason = json_str_at(cell, "reason", "");
	const char *guest = json_str_at(cell, "rounds[0].guest", "?");

	if (strcmp(status, wanted[i].status) != 0)
		(void)snprintf(ret, size, "is %s, not %s: %s", status, wanted[i].status, reason);
	else if (!strstr(reason, wanted[i].says))
		(void)snprintf(ret, size, "does not say '%s': %s", wanted[i].says, reason);
	else if (wanted[i].guest[0] && strcmp(guest, wanted[i].guest) != 0)
		(void)snprintf(ret, size, "its guest is %s, not %s", guest, wanted[i].guest);
	else if (strstr(reason, fx.dir))
		(void)snprintf(ret, size, "its reason names a path of the machine: %s", reason);
}

/* Goal: each row does what it should, and none hinders the others. Method: every cell's status. */
static void cells_are_as_wanted(void **state)
{
	size_t bad = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		char text[2600] = "";
		json_t *cell = NULL;
		struct err err = { 0 };

		if (real_cell(fx.out, wanted[i].id, &cell, &err) < 0)
			(void)snprintf(text, sizeof(text), "%s", err.text);
		else
			check_cell(i, cell, text, sizeof(text));
		json_decref(cell);
		if (text[0])
			(void)fprintf(stderr, "  %s: %s\n", wanted[i].id, text);
		bad += text[0] != '\0';
	}
	if (bad)
		fail_msg("%zu cells (above); the run is in %s", bad, fx.out);
	assert_int_equal(json_array_size(json_object_get(fx.run, "cells")), ARRAY_SIZE(wanted));
	assert_int_equal(fx.status, 3);
}

/* Goal: broken rows cost little. Method: wall time of their passes. */
static void failures_are_short(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		json_t *cell = NULL;
		double wall_s = 1e9;

		if (strcmp(wanted[i].status, "failed") != 0)
			continue;
		assert_int_equal(real_cell(fx.out, wanted[i].id, &cell, NULL), 0);
		(void)!json_number_at(cell, "rounds[0].wall_s", &wall_s);
		json_decref(cell);
		if (wall_s > GIVE_UP_S)
			fail_msg("%s: its pass took %.1f s", wanted[i].id, wall_s);
	}
}

/*
 * Goal: a VMM that is told nothing is started for each pass, the observed one too, whose operations
 * the relay counts. Method: starts, guests and metrics of the run with one timed and one observed pass.
 */
static void each_pass_is_a_boot(void **state)
{
	char path[PATH_SIZE + 64];
	json_t *run = NULL;
	json_t *cell = NULL;
	json_t *m;
	size_t i;
	bool counted = false;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/run.json", fx.out_observed);
	assert_int_equal(json_load_path(path, &run, NULL), 0);
	assert_int_equal(real_cell(fx.out_observed, BOOTED_CELL, &cell, NULL), 0);
	assert_string_equal(json_str_at(cell, "status", ""), "ok");
	assert_string_equal(json_str_at(cell, "rounds[0].guest", ""), "booted");
	assert_string_equal(json_str_at(cell, "rounds[1].guest", ""), "booted");
	assert_string_equal(json_str_at(cell, "rounds[1].kind", ""), "observed");
	assert_string_equal(json_str_at(cell, "evidence[0].seen", ""), "exited:0 after SIGTERM");
	assert_int_equal(json_integer_value(json_at(run, "guests[0].starts")), 2);
	json_array_foreach(json_object_get(cell, "metrics"), i, m)
		counted |= strcmp(json_str_at(m, "name", ""), "cold.ops.READ") == 0;
	assert_true(counted);
	json_decref(run);
	json_decref(cell);
}

static bool has_word(const char *id, const char *who, const char *word)
{
	json_t *cell = NULL;
	json_t *command;
	json_t *v;
	bool seen = false;
	size_t i;
	size_t j;

	if (real_cell(fx.out, id, &cell, NULL) < 0)
		return false;
	json_array_foreach(json_object_get(cell, "commands"), i, command)
		if (strcmp(json_str_at(command, "who", ""), who) == 0)
			json_array_foreach(json_object_get(command, "argv"), j, v)
				seen |= strcmp(json_string_value(v), word) == 0;
	json_decref(cell);
	return seen;
}

/* Goal: what was run is recorded, in words that are the same on every machine. */
static void words_are_recorded(void **state)
{
	char path[PATH_SIZE + 64];
	char *text = json_dumps(fx.run, JSON_COMPACT);
	bool names_machine = text && strstr(text, fx.dir);
	json_t *row;
	size_t i;
	bool origin = false;

	(void)state;
	free(text);
	assert_false(names_machine);
	assert_true(has_word(wanted[3].id, "daemon",
			     "/run/virtiofs-qual/conf/own-virtiofsd/virtiofsd"));
	assert_true(has_word(wanted[8].id, "daemon", "--thread-pool-size=2"));
	json_array_foreach(json_object_get(fx.run, "stacks"), i, row)
		origin |= strcmp(json_str_at(row, "id", ""), "rust-trixie") == 0 &&
			  strcmp(json_str_at(row, "origin", ""), "conf: rows.conf") == 0;
	assert_true(origin);
	(void)snprintf(path, sizeof(path), "%s/conf/3-rows.conf", fx.out);
	assert_true(fs_exists(path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_are_as_wanted),
		cmocka_unit_test(failures_are_short),
		cmocka_unit_test(each_pass_is_a_boot),
		cmocka_unit_test(words_are_recorded),
	};

	return cmocka_run_group_tests_name("conf files with real guests", tests, set_up, tear_down);
}
