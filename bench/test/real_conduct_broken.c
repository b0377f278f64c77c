// SPDX-License-Identifier: Apache-2.0
/*
 * Broken parts, each in a real run: daemons that leave, hang or crash at every stage, guests that
 * panic or flood, full disks, programs and images that are missing. The cell that is hit is
 * `failed` with its cause, the others are ok, the driver ends with 3. Parts are broken in a private
 * home (links to this project). No cmocka assert runs while a CLEANUP variable is live.
 */
#include "broken_home.h"
#include "problems.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/pump.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cmocka.h>

/* Room on the small disk of results: enough for a few passes, not for a pass once it is filled. */
#define SMALL_DISK "size=64m"

static struct conduct fx;

static void fine(int e)
{
	if (e < 0)
		fail_msg("error %d: %s", e, fx.err.text);
}

/* ---- one run and what it has to say ---- */

struct verdict {
	const char *status;
	const char *words[3]; /* that the reason must hold */
};

static int run_plan(const char *home, const char *plan_name, const char *plan, int *ret_status)
{
	char path[PATH_MAX + 64];
	int e;

	conduct_next(&fx);
	e = conduct_write(&fx, plan_name, plan, path, sizeof(path));
	return e < 0 ? e
		     : real_run(ARGS("run", "--plan", path, "--accelerator", "tcg", "--home", home,
				     "--out", fx.out),
				fx.log, REAL_RUN_MS, ret_status, &fx.err);
}

static void check_cell(const char *what, const char *id, const struct verdict *v,
		       struct problems *wrong)
{
	json_auto_t *cell = NULL;
	struct err err = { 0 };
	const char *reason;
	double wall = 0;

	if (real_cell(fx.out, id, &cell, &err) < 0) {
		problem(wrong, "%s", err.text);
		return;
	}
	reason = json_str_at(cell, "reason", "");
	(void)!json_number_at(cell, "rounds[0].wall_s", &wall);
	(void)printf("figure: %s: %s, %.1f s%s%.300s\n", what, json_str_at(cell, "status", "?"),
		     wall, *reason ? ": " : "", reason);
	if (strcmp(json_str_at(cell, "status", "?"), v->status) != 0)
		problem(wrong, "%s (%s): %s, not %s: %s", what, id,
			json_str_at(cell, "status", "?"), v->status, reason);
	for (size_t w = 0; w < ARRAY_SIZE(v->words); w++)
		if (v->words[w] && !strstr(reason, v->words[w]))
			problem(wrong, "%s (%s): the reason lacks '%s': %s", what, id, v->words[w],
				reason);
}

static void judge(struct problems *wrong)
{
	if (problems_tell(wrong))
		fail_msg("not told as it should be (above); see %s", fx.out);
	fx.tree = (struct real_tree){ 0 };
	fine(real_wait_gone(&fx.tree, NULL, GONE_MS, &fx.err));
	fine(conduct_check_json(&fx));
}

/* ---- (a) daemons ---- */

/* By pass, in the order of the run; see fakes/broken-loader. */
static const struct {
	const char *what;
	struct verdict verdict;
} daemons[] = {
	{ "exits-at-once", { "failed", { "cannot plug", "daemon exited:7", "leaving at once" } } },
	{ "hangs-before-plug", { "failed", { "cannot plug", "daemon alive", "daemon.log" } } },
	{ "hangs-at-plug", { "failed", { "daemon", "stopped at 'Client connected'" } } },
	{ "hangs-at-mount", { "failed", { "daemon", "stopped at 'Init'" } } },
	{ "nothing", { "ok", { NULL } } },
	{ "crashes-after",
	  { "failed", { "signal:11", "after its device was unplugged", "crashing" } } },
	{ "hangs-after", { "failed", { "the daemon is hung", "unplugged", "hanging after" } } },
	{ "nothing", { "ok", { NULL } } },
};

static const char daemon_plan[] =
	"title = \"broken daemons\"\nrounds = 1\nobserved = 0\ntime_ms = 50\ngrace_ms = 5000\nstep_ms = 5000\n"
	"cells \"Rust\" {\n\tstacks = {\"rust-trixie\"}\n"
	"\tvmms = {\"qemu-backports\"}\n\tkernels = {\"bookworm\"}\n"
	"\tcaches = {\"never\", \"metadata\", \"auto\", \"always\"}\n"
	"\twriteback = {\"off\", \"on\"}\n\tworkloads = {\"metadata\"}\n}\n";

static void check_daemons(struct problems *wrong)
{
	CLEANUP(freep) char *path = fs_path("%s/run.json", fx.out);
	json_auto_t *run = NULL;
	struct err err = { 0 };

	if (!path || json_load_path(path, &run, &err) < 0)
		problem(wrong, "%s", err.text);
	for (size_t i = 0; run && i < ARRAY_SIZE(daemons); i++)
		check_cell(daemons[i].what, real_order(run, i), &daemons[i].verdict, wrong);
}

static void test_daemons(void **state)
{
	char home[PATH_MAX + 64];
	char behaviour[512] = "";
	struct problems wrong = { 0 };
	int status = -1;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(daemons); i++) {
		size_t used = strlen(behaviour);

		(void)snprintf(behaviour + used, sizeof(behaviour) - used, "p%zu %s\n", i + 1,
			       daemons[i].what);
	}
	fine(broken_home_loader(&fx, "home-daemons", behaviour, home, sizeof(home)));
	fine(run_plan(home, "daemons.conf", daemon_plan, &status));
	check_daemons(&wrong);
	judge(&wrong);
	assert_int_equal(status, 3);
}

/* ---- (b) programs that do not run, or not as they should ---- */

#define HOST_CELL "cells \"H\" {\n\tstacks = {\"null\"}\n\tworkloads = {\"metadata\"}\n}\n"

static const char program_plan[] =
	"title = \"programs\"\nrounds = 1\nobserved = 0\ntime_ms = 50\n"
	"cells \"A\" {\n\tstacks = {\"rust-trixie\", \"c-bookworm\"}\n\tvmms = {\"qemu-backports\"}\n"
	"\tkernels = {\"bookworm\"}\n\tcaches = {\"auto\"}\n\tworkloads = {\"metadata\"}\n}\n" HOST_CELL;

#define RUST_CELL "rust-trixie.qemu-backports.auto.nowb.none.bookworm.metadata"
#define C_CELL	  "c-bookworm.qemu-backports.auto.nowb.none.bookworm.metadata"

static int note_absent(const char *home, const char *said)
{
	char path[PATH_MAX + 128];

	(void)snprintf(path, sizeof(path), "%s/build/roots/bookworm.absent", home);
	return said ? fs_write_atomic(path, said, strlen(said), &fx.err) : 0;
}

static void test_programs(void **state)
{
	static const struct verdict ok = { "ok", { NULL } };
	static const struct {
		const char *what;
		const char *behaviour;
		const char *
			absent; /* what set-up noted of the root that is not in this home; NULL: nothing */
		struct verdict rust;
		struct verdict c;
	} rows[] = {
		/* the root of bookworm is not in this home at all */
		{ "version fails",
		  "version-virtiofsd fails\n",
		  NULL,
		  { "failed", { "virtiofsd does not run", "exited:3", "broken-loader: no" } },
		  { "failed", { "virtiofsd does not run", "No such file", "make setup" } } },
		{ "version is silent",
		  "version-qemu-system-x86_64 silent\n",
		  NULL,
		  { "failed", { "qemu-system-x86_64 was asked for its version", "nothing" } },
		  { "failed", { NULL } } },
		/* what set-up itself says of an optional root is an answer of this host */
		{ "an optional root is absent",
		  "version-virtiofsd fails\n",
		  "E: the Release file is expired",
		  { "failed", { "exited:3" } },
		  { "n/a",
		    { "stack root bookworm is not installed", "make setup", "is expired" } } },
	};
	char home[PATH_MAX + 64];
	struct problems wrong = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char name[32];
		int status = -1;

		(void)snprintf(name, sizeof(name), "home-programs%zu", i);
		fine(broken_home_loader(&fx, name, rows[i].behaviour, home, sizeof(home)));
		fine(note_absent(home, rows[i].absent));
		fine(run_plan(home, "programs.conf", program_plan, &status));
		check_cell(rows[i].what, RUST_CELL, &rows[i].rust, &wrong);
		check_cell(rows[i].what, C_CELL, &rows[i].c, &wrong);
		check_cell(rows[i].what, "null.metadata", &ok, &wrong);
		judge(&wrong);
		assert_int_equal(status, 3);
	}
}

/* ---- (c) an image that is missing in part: only the cells that need it fail ---- */

static const char kernel_plan[] =
	"title = \"kernels\"\nrounds = 1\nobserved = 0\ntime_ms = 50\n"
	"cells \"A\" {\n\tstacks = {\"rust-trixie\"}\n\tvmms = {\"qemu-backports\"}\n"
	"\tkernels = {\"bookworm\", \"backports\"}\n\tcaches = {\"auto\"}\n"
	"\tworkloads = {\"metadata\"}\n}\n" HOST_CELL;

/* Failed passes are kept, and run again once that is asked for; the part is there by then. */
static void repaired(const char *home, const char *path)
{
	int status = -1;

	fine(broken_home_command(&fx, ARGS("cp", "build/image/vmlinux-backports", path)));
	fine(real_run(ARGS("resume", fx.out, "--home", home), fx.log, REAL_RUN_MS, &status,
		      &fx.err));
	assert_int_equal(status, 3);
	assert_true(real_said(fx.log, "is complete: there is nothing to do"));
	fine(real_run(ARGS("resume", "--retry-failed", fx.out, "--home", home), fx.log, REAL_RUN_MS,
		      &status, &fx.err));
	assert_int_equal(status, 0);
	fine(conduct_all_ok(&fx));
}

static void test_missing_kernel(void **state)
{
	static const struct verdict ok = { "ok", { NULL } };
	static const struct verdict missing = {
		"failed", { "build/image/vmlinux-backports", "No such file", "make image" }
	};
	char home[PATH_MAX + 64];
	char path[PATH_MAX + 128];
	struct problems wrong = { 0 };
	int status = -1;

	(void)state;
	fine(broken_home_copy(&fx, "home-kernel", "build/image", ".", home, sizeof(home)));
	(void)snprintf(path, sizeof(path), "%s/build/image/vmlinux-backports", home);
	assert_int_equal(unlink(path), 0);
	fine(run_plan(home, "kernels.conf", kernel_plan, &status));
	check_cell("kernel missing", "rust-trixie.qemu-backports.auto.nowb.none.backports.metadata",
		   &missing, &wrong);
	check_cell("the other kernel", RUST_CELL, &ok, &wrong);
	check_cell("the host", "null.metadata", &ok, &wrong);
	judge(&wrong);
	assert_int_equal(status, 3);
	repaired(home, path);
}

/* ---- (d) guests ---- */

/*
 * What fio's job does in the guest before its work, by what the row asks for. fio takes no ';' and
 * redirects the last command of the line, which therefore is another one.
 */
static const char prerun[] =
	"\nexec_prerun=(test ${VQ_RW}${VQ_ENGINE} = randreadpsync && echo c > /proc/sysrq-trigger)"
	" || (test ${VQ_RW}${VQ_ENGINE} = readpsync && yes a flood of lines)"
	" || (test ${VQ_RW}${VQ_ENGINE} = readmmap"
	" && yes a flood of lines | head -c 600000 > /dev/console)"
	" || (test ${VQ_RW}${VQ_ENGINE} = writepsync && : > ${VQ_DIR}/vq.data"
	" && dd if=/dev/zero of=${VQ_DIR}/fill bs=1M)"
	" || true\n";

static int home_with_job(char *home, size_t size)
{
	int e = broken_home_copy(&fx, "home-jobs", "workloads", ".", home, size);
	CLEANUP(freep) char *path = fs_path("%s/workloads/fio/io.fio", home);
	CLEANUP(buf_free) struct buf text = { 0 };

	if (e == 0)
		e = path ? fs_read(path, MIB, &text, &fx.err) : -ENOMEM;
	if (e == 0)
		e = buf_add(&text, prerun, strlen(prerun));
	/* A new file: the old one may be a hard link to the project's own. */
	return e < 0 ? e : fs_write_atomic(path, buf_text(&text), text.size, &fx.err);
}

static const char guest_plan[] =
	"title = \"guests\"\nrounds = 1\nobserved = 0\ntime_ms = 50\ngrace_ms = 20000\nstep_ms = 2500\n"
	"share_mib = 48\n"
	"cells \"A\" {\n\tstacks = {\"rust-trixie\"}\n\tvmms = {\"qemu-backports\"}\n"
	"\tkernels = {\"bookworm\"}\n\tcaches = {\"auto\"}\n"
	"\tworkloads = {\"randread-psync\", \"seqread-psync\", \"seqread-mmap\", "
	"\"seqwrite-psync\", \"metadata\"}\n}\n" HOST_CELL;

#define GUEST_CELL(workload) "rust-trixie.qemu-backports.auto.nowb.none.bookworm." workload

/* The flood of 600 KB is in a log, and no log is larger than logs may be. */
static void check_consoles(struct problems *wrong)
{
	CLEANUP(freep) char *dir = fs_path("%s/guests", fx.out);
	CLEANUP(dir_closep) DIR *d = dir ? opendir(dir) : NULL;
	struct dirent *e;
	off_t largest = 0;

	while (d && (e = readdir(d)) != NULL) {
		CLEANUP(freep) char *path = fs_path("%s/%s/console.log", dir, e->d_name);
		struct stat st;

		if (e->d_name[0] != '.' && path && stat(path, &st) == 0 && st.st_size > largest)
			largest = st.st_size;
	}
	(void)printf("figure: the largest console.log has %lld bytes\n", (long long)largest);
	if (largest < 300000 || largest > (off_t)(2 * PUMP_LOG_MAX))
		problem(wrong, "the largest console.log has %lld bytes", (long long)largest);
}

static void test_guests(void **state)
{
	static const struct {
		const char *what;
		const char *id;
		struct verdict verdict;
	} rows[] = {
		{ "guest panics", GUEST_CELL("randread-psync"), { "failed", { "VMM", "cold" } } },
		{ "guest floods stdout", GUEST_CELL("seqread-psync"), { "failed", { "cold" } } },
		/* fio puts words about the job's prerun before its JSON; what counts is what follows */
		{ "guest floods its console",
		  GUEST_CELL("seqread-mmap"),
		  { "failed", { "fio-cold.json" } } },
		{ "the workload fills the share",
		  GUEST_CELL("seqwrite-psync"),
		  { "failed", { "No space left on device" } } },
		{ "a good cell between", GUEST_CELL("metadata"), { "ok", { NULL } } },
		{ "the host", "null.metadata", { "ok", { NULL } } },
	};
	char home[PATH_MAX + 64];
	struct problems wrong = { 0 };
	int status = -1;

	(void)state;
	fine(home_with_job(home, sizeof(home)));
	fine(run_plan(home, "guests.conf", guest_plan, &status));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_cell(rows[i].what, rows[i].id, &rows[i].verdict, &wrong);
	check_consoles(&wrong);
	judge(&wrong);
	assert_int_equal(status, 3);
}

/* ---- (e) a share without room for what belongs in it ---- */

static const char full_plan[] =
	"title = \"full\"\nrounds = 1\nobserved = 0\ntime_ms = 50\nshare_mib = 16\n"
	"cells \"A\" {\n\tstacks = {\"rust-trixie\"}\n\tvmms = {\"qemu-backports\"}\n"
	"\tkernels = {\"bookworm\"}\n\tcaches = {\"auto\"}\n"
	"\tworkloads = {\"seqwrite-psync\", \"metadata\"}\n}\n"
	"cells \"L\" {\n\tstacks = {\"local\"}\n\tworkloads = {\"seqwrite-psync\", "
	"\"metadata\"}\n}\n";

static void test_share_is_full(void **state)
{
	static const struct verdict full = { "failed", { "No space left on device" } };
	static const struct verdict ok = { "ok", { NULL } };
	struct problems wrong = { 0 };
	int status = -1;

	(void)state;
	fine(run_plan(fx.home, "full.conf", full_plan, &status));
	check_cell("share is full", GUEST_CELL("seqwrite-psync"), &full, &wrong);
	check_cell("the host's share is full", "local.seqwrite-psync", &full, &wrong);
	check_cell("a cell that needs less", GUEST_CELL("metadata"), &ok, &wrong);
	check_cell("one on the host", "local.metadata", &ok, &wrong);
	judge(&wrong);
	assert_int_equal(status, 3);
}

/* ---- (f) guests that do not come up ---- */

static const char boot_plan[] =
	"title = \"boots\"\nrounds = 1\nobserved = 0\ntime_ms = 50\nboot_ms = 6000\n"
	"cells \"A\" {\n\tstacks = {\"rust-trixie\"}\n\tvmms = {\"qemu-backports\"}\n"
	"\tkernels = {\"bookworm\"}\n\tcaches = {\"auto\"}\n\twriteback = {\"off\", \"on\"}\n"
	"\tworkloads = {\"metadata\"}\n}\n" HOST_CELL;

static void test_guest_panics_at_boot(void **state)
{
	static const struct verdict ok = { "ok", { NULL } };
	static const struct verdict panics = { "failed", { "no guest", "console.log" } };
	char home[PATH_MAX + 64];
	char path[PATH_MAX + 128];
	struct problems wrong = { 0 };
	int status = -1;

	(void)state;
	fine(broken_home_copy(&fx, "home-boot", "guest-image", ".", home, sizeof(home)));
	(void)snprintf(path, sizeof(path), "%s/guest-image/cmdline", home);
	fine(fs_write_atomic(path, "console=ttyS0\npanic=-1\nrdinit=/nonexistent\nroot=nowhere\n",
			     57, &fx.err));
	fine(run_plan(home, "boots.conf", boot_plan, &status));
	check_cell("panic at boot", RUST_CELL, &panics, &wrong);
	check_cell("the host", "null.metadata", &ok, &wrong);
	judge(&wrong);
	assert_int_equal(status, 3);
}

/* The VMM of a guest that is booting is stopped: no answer will ever come from it. */
static void test_guest_never_answers(void **state)
{
	static const struct verdict hung = { "failed", { "no guest" } };
	static const struct verdict ok = { "ok", { NULL } };
	const char *first;
	char path[PATH_MAX + 64];
	struct problems wrong = { 0 };
	json_t *run = NULL;
	pid_t vmm[2] = { 0 };
	uint64_t deadline_ns = clock_deadline_ms(REACH_MS);

	(void)state;
	conduct_next(&fx);
	fine(conduct_write(&fx, "boots.conf", boot_plan, path, sizeof(path)));
	fine(real_start_run(ARGS("run", "--plan", path, "--cell", "rust-*", "--accelerator", "tcg",
				 "--home", fx.home, "--out", fx.out),
			    fx.out, fx.log, &fx.driver, &fx.err));
	while (!vmm[0] && proc_alive(&fx.driver) && clock_left_ms(deadline_ns) > 0) {
		real_tree_read(fx.driver.pid, &fx.tree);
		(void)real_tree_find(&fx.tree, ARGS("qemu-system", "agent"), vmm, ARRAY_SIZE(vmm));
	}
	assert_true(vmm[0] > 0);
	assert_int_equal(kill(vmm[0], SIGSTOP), 0);
	if (proc_wait(&fx.driver, clock_deadline_ms(REACH_MS)) < 0)
		fail_msg("the run does not end, see %s", fx.log);
	(void)snprintf(path, sizeof(path), "%s/run.json", fx.out);
	fine(json_load_path(path, &run, &fx.err));
	first = real_order(run, 0);
	check_cell("never answers", first, &hung, &wrong);
	check_cell("the next one", real_order(run, 1), &ok, &wrong);
	json_decref(run);
	judge(&wrong);
	assert_int_equal(real_status(&fx.driver), 3);
}

/* ---- (g) no room for results ---- */

static int fill_disk(const char *dir, const char *file)
{
	struct statvfs v;
	CLEANUP(file_closep) FILE *f = NULL;
	int e;

	if (statvfs(dir, &v) < 0)
		return -errno;
	f = fopen(file, "we");
	e = f ? posix_fallocate(fileno(f), 0, (off_t)((v.f_bavail - 256) * v.f_frsize)) : errno;
	return e ? err_errno(&fx.err, -e, "cannot fill %s", dir) : 0;
}

static void small_disk_run(const char *disk, const char *filler)
{
	char plan[PATH_MAX + 32];
	uint64_t deadline_ns = clock_deadline_ms(REACH_MS + REAL_LOCK_WAIT_MS);
	int status = -1;
	size_t kept;

	fine(conduct_write(&fx, "kill.conf", conduct_plan, plan, sizeof(plan)));
	fine(real_start_run(ARGS("run", "--plan", plan, "--accelerator", "tcg", "--home", fx.home,
				 "--out", fx.out),
			    fx.out, fx.log, &fx.driver, &fx.err));
	while (proc_alive(&fx.driver) && conduct_passes(fx.out) == 0 &&
	       clock_left_ms(deadline_ns) > 0)
		real_pause();
	fine(fill_disk(disk, filler));
	if (proc_wait(&fx.driver, clock_deadline_ms(REACH_MS)) < 0)
		fail_msg("the run does not end, see %s", fx.log);
	assert_int_equal(real_status(&fx.driver), 3);
	if (!real_said(fx.log, "the disk of the results is full") ||
	    !real_said(fx.log, "virtiofs-qual resume"))
		fail_msg("the cause is not told, see %s", fx.log);
	fine(conduct_check_json(&fx));
	kept = conduct_passes(fx.out);
	assert_true(kept >= 1 && kept < 6);
	(void)printf("figure: results disk full: stopped, %zu passes kept\n", kept);
	assert_int_equal(unlink(filler), 0);
	fine(conduct_resume(&fx, NULL, &status));
	assert_int_equal(status, 0);
	fine(conduct_all_ok(&fx));
}

static void test_no_room_for_results(void **state)
{
	char disk[PATH_MAX + 32];
	char filler[PATH_MAX + 64];

	(void)state;
	(void)snprintf(disk, sizeof(disk), "%s/small-disk", fx.dir);
	(void)snprintf(filler, sizeof(filler), "%s/filler", disk);
	conduct_next(&fx);
	(void)snprintf(fx.out, sizeof(fx.out), "%s/small-disk/run", fx.dir);
	fine(fs_mkdirs(disk, 0755, &fx.err));
	assert_int_equal(mount("tmpfs", disk, "tmpfs", MS_NOSUID | MS_NODEV, SMALL_DISK), 0);
	small_disk_run(disk, filler);
}

/* ---- */

static int setup(void **state)
{
	int e = conduct_open(&fx, "conduct-broken");

	(void)state;
	if (e < 0)
		(void)fprintf(stderr, "%s\n", fx.err.text);
	return e < 0 ? -1 : 0;
}

/* Whatever a test did, neither driver nor mount outlives it. */
static int end_test(void **state)
{
	char disk[PATH_MAX + 32];

	(void)state;
	conduct_stop(&fx);
	(void)snprintf(disk, sizeof(disk), "%s/small-disk", fx.dir);
	(void)umount2(disk, MNT_DETACH);
	fx.err.text[0] = '\0';
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_programs, end_test),
		cmocka_unit_test_teardown(test_missing_kernel, end_test),
		cmocka_unit_test_teardown(test_daemons, end_test),
		cmocka_unit_test_teardown(test_guests, end_test),
		cmocka_unit_test_teardown(test_share_is_full, end_test),
		cmocka_unit_test_teardown(test_guest_panics_at_boot, end_test),
		cmocka_unit_test_teardown(test_guest_never_answers, end_test),
		cmocka_unit_test_teardown(test_no_room_for_results, end_test),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("real_conduct_broken", tests, setup, NULL) ? 1 : 0;
}
