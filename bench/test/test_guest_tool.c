// SPDX-License-Identifier: Apache-2.0
/*
 * vq-guest, as far as it can run on this machine without a virtio-fs device and without changing
 * anything. Program: $VQ_GUEST, default build/guest/vq-guest. Its output is read by another JSON
 * parser than the one that wrote it.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"

#define OUTPUT_MAX (4 * MIB)

struct fixture {
	char dir[64];
	struct buf out;
	struct err err;
	json_t *json;
	int code;
};

static const char *guest_binary(void)
{
	const char *path = getenv("VQ_GUEST");

	return path ? path : "build/guest/vq-guest";
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/vq-test-guest-XXXXXX");
	return mkdtemp(f->dir) ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int e = fs_remove_tree(f->dir, NULL);

	buf_free(&f->out);
	json_decref(f->json);
	free(f);
	return e < 0 ? -1 : 0;
}

/* Run the tool; stdout and stderr go to files. f->code is the exit code, f->json the parsed stdout
 * or NULL. */
static void run(struct fixture *f, const char *const *args)
{
	char out[96], err[96];
	int status;
	pid_t pid;

	(void)snprintf(out, sizeof(out), "%s/stdout", f->dir);
	(void)snprintf(err, sizeof(err), "%s/stderr", f->dir);
	pid = fork();
	if (pid == 0) {
		const char *argv[24] = { "vq-guest" };

		for (size_t i = 0; args[i] && i < 22; i++)
			argv[i + 1] = args[i];
		if (!freopen(out, "w", stdout) || !freopen(err, "w", stderr))
			_exit(126);
		execv(guest_binary(), (char *const *)argv);
		_exit(127);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	f->code = WEXITSTATUS(status);
	buf_clear(&f->out);
	assert_int_equal(fs_read(out, OUTPUT_MAX, &f->out, &f->err), 0);
	json_decref(f->json);
	f->json = json_loadb(buf_text(&f->out), f->out.size, JSON_REJECT_DUPLICATES, NULL);
}

#define RUN(f, ...) run(f, (const char *const[]){ __VA_ARGS__, NULL })

static double number(const struct fixture *f, const char *path)
{
	double value = -1;

	if (json_number_at(f->json, path, &value) < 0)
		fail_msg("no number at %s in %s", path, buf_text(&f->out));
	return value;
}

/* stderr of the last run. */
static void assert_complaint(struct fixture *f, const char *text)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/stderr", f->dir);
	buf_clear(&f->out);
	assert_int_equal(fs_read(path, OUTPUT_MAX, &f->out, &f->err), 0);
	if (!strstr(buf_text(&f->out), text))
		fail_msg("\"%s\" is not in \"%s\"", text, buf_text(&f->out));
}

static void test_usage(void **state)
{
	static const char *const wrong[][4] = {
		{ "nonsense" },
		{ "mount", "virtiofs", "tag" },
		{ "umount" },
		{ "meminfo", "x" },
		{ "resident" },
		{ "read", "/etc/passwd" },
		{ "read", "/etc/passwd", "-1" },
		{ "read", "/etc/passwd", "1k" },
		{ "dmesg", "--since" },
		{ "dmesg", "--since", "x" },
		{ "state", "x" },
		{ "drop-caches", "x" },
		{ "pci-caps", "x" },
		{ "try", "mmap" },
		{ "try", "nonsense", "/etc/passwd" },
		{ "io", "/dev/null" },
		{ "io", "/dev/null", "nonsense" },
		{ "io", "/dev/null", "read", "0" },
		{ "io", "/dev/null", "truncate", "-1" },
		{ "hold", "/etc/passwd", "0" },
		{ "look", "0", "4097" },
		{ "poke", "0", "abc" },
		{ "poke", "0", "0g" },
	};
	struct fixture *f = *state;

	RUN(f, NULL);
	assert_int_equal(f->code, 2);
	assert_complaint(f, "usage:");
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		RUN(f, wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3]);
		assert_int_equal(f->code, 2);
		assert_complaint(f, "usage:");
	}
	RUN(f, "--help");
	assert_int_equal(f->code, 0);
	assert_non_null(strstr(buf_text(&f->out), "pci-caps"));
}

static void test_meminfo(void **state)
{
	static const char *const names[] = { "MemFree",	     "MemAvailable", "Buffers",
					     "Cached",	     "SwapCached",   "Active",
					     "Inactive",     "Shmem",	     "Slab",
					     "SReclaimable", "SUnreclaim",   "AnonPages",
					     "Mapped",	     "Dirty",	     "Writeback" };
	struct fixture *f = *state;

	RUN(f, "meminfo");
	assert_int_equal(f->code, 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_true(number(f, names[i]) >= 0);
	assert_true(number(f, "MemFree") > 4096);
	assert_true(number(f, "MemFree") <= number(f, "MemTotal"));
}

static void test_resident_and_read(void **state)
{
	struct fixture *f = *state;
	static char data[300000];
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/file", f->dir);
	assert_int_equal(fs_write_atomic(path, data, sizeof(data), &f->err), 0);
	RUN(f, "read", path, "all");
	assert_int_equal(f->code, 0);
	assert_int_equal(number(f, "bytes"), sizeof(data));
	assert_true(number(f, "ns") > 0);
	assert_int_equal(number(f, "resident_bytes"), sizeof(data));
	RUN(f, "read", path, "1000");
	assert_int_equal(number(f, "bytes"), 1000);
	RUN(f, "resident", path);
	assert_int_equal(f->code, 0);
	assert_int_equal(number(f, "size"), sizeof(data));
	assert_true(json_is_true(json_at(f->json, "mappable")));
	assert_int_equal(number(f, "resident_bytes"), sizeof(data));
	assert_int_equal(fs_write_atomic(path, data, 0, &f->err), 0);
	RUN(f, "resident", path);
	assert_int_equal(number(f, "resident_bytes"), 0);
	assert_int_equal(number(f, "size"), 0);
	/* A file that refuses mmap is a fact, not a failure. */
	RUN(f, "resident", "/proc/self/status");
	assert_true(f->code == 1 || json_is_false(json_at(f->json, "mappable")));
	(void)snprintf(path, sizeof(path), "%s/missing", f->dir);
	RUN(f, "resident", path);
	assert_int_equal(f->code, 1);
	assert_complaint(f, "missing: No such file or directory");
	RUN(f, "read", path, "all");
	assert_int_equal(f->code, 1);
	assert_complaint(f, "missing: No such file or directory");
}

/* A folder is read through, at every depth; links are not followed. */
static void test_read_folder(void **state)
{
	struct fixture *f = *state;
	static char data[9000];
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/tree/sub/deep", f->dir);
	assert_int_equal(fs_mkdirs(path, 0755, &f->err), 0);
	(void)snprintf(path, sizeof(path), "%s/tree/one", f->dir);
	assert_int_equal(fs_write_atomic(path, data, sizeof(data), &f->err), 0);
	(void)snprintf(path, sizeof(path), "%s/tree/sub/deep/two", f->dir);
	assert_int_equal(fs_write_atomic(path, data, 5, &f->err), 0);
	(void)snprintf(path, sizeof(path), "%s/tree/sub/link", f->dir);
	assert_int_equal(symlink("deep/two", path), 0);
	(void)snprintf(path, sizeof(path), "%s/tree", f->dir);
	RUN(f, "read", path, "all");
	assert_int_equal(f->code, 0);
	assert_int_equal(number(f, "files"), 2);
	assert_int_equal(number(f, "bytes"), sizeof(data) + 5);
	assert_int_equal(number(f, "resident_bytes"), sizeof(data) + 5);
}

static void test_try(void **state)
{
	struct fixture *f = *state;
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/file", f->dir);
	assert_int_equal(fs_write_atomic(path, "x", 1, &f->err), 0);
	RUN(f, "try", "mmap", path);
	assert_int_equal(f->code, 0);
	assert_int_equal(number(f, "errno"), 0);
	RUN(f, "try", "mmap-write", path);
	assert_int_equal(f->code, 0);
	assert_int_equal(number(f, "errno"), 0);
	RUN(f, "try", "mmap-write", "/proc/self/exe");
	assert_int_equal(number(f, "errno"), ETXTBSY);
	/* It refuses both on every Linux: a file of /proc. */
	RUN(f, "try", "direct", "/proc/self/status");
	assert_int_equal(f->code, 0);
	assert_int_equal(number(f, "errno"), EINVAL);
	RUN(f, "try", "mmap", "/proc/self/status");
	assert_true(number(f, "errno") == ENODEV || number(f, "errno") == EIO);
	RUN(f, "try", "direct", "/nosuch");
	assert_int_equal(number(f, "errno"), ENOENT);
	assert_string_equal(json_str_at(f->json, "call", ""), "open(O_DIRECT)");
	RUN(f, "try", "io-uring", path);
	assert_int_equal(f->code, 0);
	assert_true(number(f, "errno") == 0 || number(f, "errno") == ENOSYS ||
		    number(f, "errno") == EPERM);
}

static void test_state(void **state)
{
	struct fixture *f = *state;

	RUN(f, "state");
	assert_int_equal(f->code, 0);
	assert_true(json_is_array(json_at(f->json, "mounts")));
	assert_true(json_is_array(json_at(f->json, "virtio_devices")));
	assert_int_equal(number(f, "processes"),
			 json_array_size(json_at(f->json, "process_names")));
	assert_true(number(f, "cached") > 0);
	assert_true(number(f, "load") >= 0);
	assert_true(number(f, "tainted") >= 0);
	assert_true(number(f, "kmsg_seq") >= -1);
}

static void test_pci_caps(void **state)
{
	struct fixture *f = *state;
	json_t *device;
	size_t i;

	RUN(f, "pci-caps");
	assert_int_equal(f->code, 0);
	assert_true(json_is_array(json_at(f->json, "devices")));
	json_array_foreach(json_at(f->json, "devices"), i, device) {
		assert_true(json_is_array(json_object_get(device, "virtio_caps")));
		assert_true(json_is_array(json_object_get(device, "shm")));
	}
}

static void test_dmesg(void **state)
{
	struct fixture *f = *state;
	char seq[32];
	const char *last;

	RUN(f, "dmesg");
	if (f->code == 1) {
		assert_complaint(f, "/dev/kmsg");
		skip();
	}
	last = strstr(buf_text(&f->out), "VQ-SEQ ");
	assert_non_null(last);
	(void)snprintf(seq, sizeof(seq), "%.20s", last + 7);
	seq[strcspn(seq, "\n")] = '\0';
	assert_int_equal(last[7 + strlen(seq)], '\n');
	assert_int_equal(last[8 + strlen(seq)], '\0');
	/* Nothing is older than what was just seen, except what came meanwhile. */
	RUN(f, "dmesg", "--since", seq, "--all");
	assert_int_equal(f->code, 0);
	RUN(f, "dmesg", "--since", "999999999999");
	assert_string_equal(buf_text(&f->out), "VQ-SEQ 999999999999\n");
}

/* Names with quotes, backslashes, line ends and bytes above ASCII stay valid JSON. No device: mount
 * fails and says so. */
static void test_mount_failure_and_escape(void **state)
{
	struct fixture *f = *state;
	char dir[128];

	(void)snprintf(dir, sizeof(dir), "%s/a/\"q\\\n\xc3\xa4", f->dir);
	RUN(f, "mount", "vq-no-such-type", "tag", dir, "ro,foo", "0");
	assert_int_equal(f->code, 1);
	assert_non_null(f->json);
	assert_true(json_is_false(json_at(f->json, "mounted")));
	assert_true(json_is_false(json_at(f->json, "type_known")) || number(f, "errno") == EPERM);
	assert_true(number(f, "errno") == ENODEV || number(f, "errno") == EPERM);
	assert_true(json_is_array(json_at(f->json, "kernel_log")));
	assert_int_equal(number(f, "attempts"), 1);
	assert_complaint(f, "vq-guest: mount vq-no-such-type tag on ");
	assert_true(fs_exists(dir));
	RUN(f, "umount", dir);
	assert_int_equal(f->code, 1);
	assert_true(json_is_false(json_at(f->json, "umounted")));
	assert_true(json_is_array(json_at(f->json, "holders")));
}

/* The holders of a folder are listed with JSON escapes; this process stands in one with an odd
 * name. */
static void test_holders(void **state)
{
	struct fixture *f = *state;
	char dir[128], here[512];
	json_t *holder;
	bool found = false;
	size_t i;

	(void)snprintf(dir, sizeof(dir), "%s/x\"\x01\xff", f->dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_non_null(getcwd(here, sizeof(here)));
	/* A relative path to the program would not survive the change of folder. */
	if (guest_binary()[0] != '/') {
		char binary[1024];

		(void)snprintf(binary, sizeof(binary), "%s/%s", here, guest_binary());
		assert_int_equal(setenv("VQ_GUEST", binary, 1), 0);
	}
	assert_int_equal(chdir(dir), 0);
	RUN(f, "umount", dir);
	assert_int_equal(chdir(here), 0);
	assert_non_null(f->json);
	json_array_foreach(json_at(f->json, "holders"), i, holder)
		found |= json_integer_value(json_object_get(holder, "pid")) == getpid() &&
			 strcmp(json_string_value(json_object_get(holder, "what")), "cwd") == 0;
	assert_true(found);
}

/* ---- io ---- */

static void make_file(struct fixture *f, char *ret_path, size_t size, const char *text)
{
	(void)snprintf(ret_path, size, "%s/file", f->dir);
	assert_int_equal(fs_write_atomic(ret_path, text, strlen(text), &f->err), 0);
}

static const char *text_at(const struct fixture *f, const char *path)
{
	return json_str_at(f->json, path, "(no text)");
}

static void test_io(void **state)
{
	struct fixture *f = *state;
	char path[96];

	make_file(f, path, sizeof(path), "abcdef");
	RUN(f, "io", path, "size", "read", "1", "9", "load", "2", "3");
	assert_int_equal(f->code, 0);
	assert_int_equal(number(f, "[0]"), 6);
	assert_string_equal(text_at(f, "[1]"), "6263646566");
	assert_string_equal(text_at(f, "[2]"), "636465");
	RUN(f, "io", path, "write", "6", "00ff", "store", "1", "4d4e", "read", "0", "8");
	assert_int_equal(number(f, "[0]"), 2);
	assert_string_equal(text_at(f, "[2]"), "614d4e64656600ff");
	RUN(f, "io", path, "truncate", "2", "sync", "size", "truncate", "5", "read", "0", "5");
	assert_true(json_is_true(json_at(f->json, "[1]")));
	assert_int_equal(number(f, "[2]"), 2);
	assert_string_equal(text_at(f, "[4]"), "614d000000");
	RUN(f, "io", path, "resident");
	assert_int_equal(number(f, "[0]"), 5);
	/* A page of a mapping across whose start the bytes lie. */
	RUN(f, "io", path, "truncate", "5000", "store", "4094", "01020304", "read", "4094", "4");
	assert_string_equal(text_at(f, "[2]"), "01020304");
}

/* What fails leaves no list behind that could be taken for an answer. */
static void test_io_fails(void **state)
{
	struct fixture *f = *state;
	char path[96];

	make_file(f, path, sizeof(path), "a");
	RUN(f, "io", path, "size", "write", "4294967297", "00");
	assert_int_equal(f->code, 2);
	assert_null(f->json);
	RUN(f, "io", "/dev/null", "size", "truncate", "5");
	assert_int_equal(f->code, 1);
	assert_null(f->json);
	assert_complaint(f, "truncate /dev/null: Invalid argument");
	RUN(f, "io", f->dir, "size");
	assert_int_equal(f->code, 1);
	assert_complaint(f, "Is a directory");
}

/* Every block is visited, whatever the order; a wrong byte, or the words of another place, are noticed. */
static void test_fill_and_check(void **state)
{
	struct fixture *f = *state;
	char path[96];

	make_file(f, path, sizeof(path), "");
	RUN(f, "io", path, "truncate", "1048576", "fill", "7", "3", "1048576", "check", "7", "6",
	    "1048576", "check", "8", "3", "1048576");
	assert_int_equal(number(f, "[1]"), 0);
	assert_int_equal(number(f, "[2]"), 0);
	assert_int_equal(number(f, "[3]"), 16);
	RUN(f, "io", path, "store", "700001", "00ff", "check", "7", "1", "1048576");
	assert_int_equal(number(f, "[1]"), 1);
	RUN(f, "io", path, "fill", "7", "3", "1048575");
	assert_int_equal(f->code, 2);
	/* As the host computes it: SplitMix64. */
	RUN(f, "io", path, "fill", "0", "0", "65536", "load", "0", "8");
	assert_string_equal(text_at(f, "[1]"), "afcd1d7b39a820e2");
}

/* ---- hold ---- */

static void test_hold(void **state)
{
	struct fixture *f = *state;
	char path[96];
	pid_t pid;

	make_file(f, path, sizeof(path), "abcdef");
	pid = fork();
	if (pid == 0) {
		(void)execl(guest_binary(), "vq-guest", "hold", path, "8192", NULL);
		_exit(127);
	}
	RUN(f, "look", "2", "5");
	assert_string_equal(text_at(f, "hex"), "6364656600");
	assert_int_equal(number(f, "byte"), 'c');
	RUN(f, "poke", "1", "2b2c");
	assert_int_equal(number(f, "stored"), 2);
	RUN(f, "io", path, "read", "0", "6");
	assert_string_equal(text_at(f, "[0]"), "612b2c646566");
	/* No page: that is the answer, and there are further ones. */
	RUN(f, "look", "4095", "2");
	assert_string_equal(text_at(f, "signal"), "SIGBUS");
	assert_int_equal(number(f, "fault"), 4096);
	assert_null(json_at(f->json, "byte"));
	RUN(f, "poke", "4097", "00");
	assert_string_equal(text_at(f, "signal"), "SIGBUS");
	RUN(f, "look", "8192");
	assert_int_equal(f->code, 1);
	RUN(f, "look", "0");
	assert_int_equal(number(f, "byte"), 'a');
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_usage),
		TEST(test_meminfo),
		TEST(test_resident_and_read),
		TEST(test_read_folder),
		TEST(test_try),
		TEST(test_state),
		TEST(test_pci_caps),
		TEST(test_dmesg),
		TEST(test_holders),
		TEST(test_io),
		TEST(test_io_fails),
		TEST(test_fill_and_check),
		TEST(test_hold),
		TEST(test_mount_failure_and_escape),
	};

	/* The count of failures is no exit code: 256 of them would be 0. */
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
