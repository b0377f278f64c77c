// SPDX-License-Identifier: Apache-2.0
/*
 * Known failures of VMMs: what QEMU 11.1.3 printed when each was provoked with a guest is found again, and nothing
 * else is. No cmocka assert runs while a CLEANUP variable is live.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "run/vmm_fate.h"
#include "scratch.h"
#include "stack/vmm_failure.h"

#define QEMU   "qemu-system-x86_64: "
#define WINDOW (64 * MIB)

/* What is left of a daemon that went away while its device was plugged; QEMU goes on. */
#define DAEMON_GONE                                                              \
	QEMU "Unexpected end-of-file before all data were read\n" QEMU           \
	     "Failed to set msg fds.\n" QEMU "Failed to set msg fds.\n" QEMU     \
	     "vhost VQ 0 ring restore failed: -22: Invalid argument (22)\n" QEMU \
	     "Failed to set msg fds.\n" QEMU                                     \
	     "vhost VQ 1 ring restore failed: -22: Invalid argument (22)\n"
#define NO_ROOM                                                    \
	QEMU "Failed preparing vhost-user memory table msg\n" QEMU \
	     "vhost_set_mem_table failed: No buffer space available (105)\n"

/* Recorded: the end of vmm.log, and how the VMM ended. */
static const struct recorded_failure {
	const char *id; /* NULL: none that is known */
	struct vmm_evidence seen;
} recorded[] = {
	{ "vmm.window-size",
	  { QEMU "hw/pci/pci.c:1515: pci_register_bar: Assertion `is_power_of_2(size)' failed.\n",
	    SIGABRT, false, 96 * MIB } },
	{ "vmm.slots",
	  { QEMU "hw/virtio/vhost-user.c:950: vhost_user_add_remove_regions: Assertion "
		 "`dev->mem->nregions <= VHOST_USER_MAX_RAM_SLOTS' failed.\n",
	    SIGABRT, false, 2048 * MIB } },
	{ "vmm.slots-off",
	  { NO_ROOM NO_ROOM NO_ROOM QEMU "Error starting vhost-user-base: 105\n", 0, false,
	    WINDOW } },
	{ "vmm.reconnect",
	  { DAEMON_GONE QEMU
	    "Unable to connect character device cc: Failed to connect to "
	    "'/run/virtiofs-qual/sockets/r7': Connection refused\n" QEMU
	    "hw/virtio/vhost.c:2197: vhost_dev_start: Assertion `hdev->vhost_ops' failed.\n",
	    SIGABRT, false, WINDOW } },
	{ "vmm.pio-notify",
	  { QEMU "hw/pci/pci.c:1523: pci_register_bar: Assertion `!r->size' failed.\n", SIGABRT,
	    false, WINDOW } },
	{ "vmm.reset-maps", { "", SIGSEGV, true, WINDOW } },
	{ "vmm.file-shortened", { "", SIGBUS, false, WINDOW } },

	/* The same words of a VMM that lives on, or ended otherwise; the same end without what belongs to it. */
	{ NULL, { DAEMON_GONE, 0, false, WINDOW } },
	{ NULL, { NO_ROOM NO_ROOM, 0, false, WINDOW } },
	{ NULL, { "", 0, false, WINDOW } },
	{ NULL, { "", SIGSEGV, false, WINDOW } },
	{ NULL, { "", SIGSEGV, true, 0 } },
	{ NULL, { "", SIGBUS, false, 0 } },
	{ NULL, { "", SIGABRT, true, WINDOW } },
	{ NULL, { "", SIGKILL, true, WINDOW } },
	{ NULL,
	  { QEMU "hw/virtio/virtio.c:1: virtio_reset: Assertion `x' failed.\n", SIGABRT, false,
	    WINDOW } },
};

/* Goal: each record leads to its row alone. Method: the table above. */
static void recorded_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(recorded); i++) {
		const struct vmm_failure *f = vmm_failure_find(&recorded[i].seen);

		if (!f && recorded[i].id)
			fail_msg("record %zu: %s is not found", i, recorded[i].id);
		if (f && (!recorded[i].id || strcmp(f->id, recorded[i].id) != 0))
			fail_msg("record %zu: %s is found", i, f->id);
	}
}

/* Goal: every row is complete, asks for something that not every failed pass has, and was recorded. */
static void table_is_whole(void **state)
{
	size_t count;
	const struct vmm_failure *f = vmm_failure_list(&count);

	(void)state;
	assert_true(count > 0);
	for (size_t i = 0; i < count; i++) {
		bool found = false;

		assert_int_equal(strncmp(f[i].id, "vmm.", 4), 0);
		assert_true(f[i].title[0] && f[i].avoid[0] && f[i].todo[0] && f[i].source[0] &&
			    f[i].seen[0]);
		assert_true(f[i].log || (f[i].signal && f[i].window));
		for (size_t j = i + 1; j < count; j++)
			assert_string_not_equal(f[i].id, f[j].id);
		for (size_t j = 0; j < ARRAY_SIZE(recorded); j++)
			found |= recorded[j].id && strcmp(recorded[j].id, f[i].id) == 0;
		if (!found)
			fail_msg("%s has no record here", f[i].id);
	}
}

/* Goal: sizes that QEMU cannot take are known before it is started. */
static void windows_are_judged(void **state)
{
	(void)state;
	assert_string_equal(vmm_window_failure(96 * MIB)->id, "vmm.window-size");
	assert_string_equal(vmm_window_failure(2 * MIB + 1)->id, "vmm.window-size");
	assert_string_equal(vmm_window_failure(512 * MIB)->id, "vmm.slots");
	assert_null(vmm_window_failure(256 * MIB));
	assert_null(vmm_window_failure(2 * MIB));
}

/* ---- what a failed pass says ---- */

static const struct vmm fake_vmm = { .id = "fake", .title = "a fake VMM" };

/* A guest whose VMM is this script; its log is what was recorded. */
static int lost_guest(const char *script, const char *log, const char *path, uint64_t window_bytes,
		      struct pass_result *ret)
{
	char *const argv[] = { (char *)(uintptr_t) "/bin/sh", (char *)(uintptr_t) "-c",
			       (char *)(uintptr_t)script, NULL };
	const struct proc_spec spec = { .argv = argv };
	const struct cell c = { .vmm = &fake_vmm, .window_bytes = window_bytes };
	struct fleet_guest g = { .guest.vmm_log = (char *)(uintptr_t)path };
	struct session s = { .cell = &c, .guest = &g };
	struct err err = { 0 };
	int e = fs_write_atomic(path, log, strlen(log), &err);

	if (e == 0)
		e = proc_start(&spec, &g.guest.vmm, &err);
	if (e == 0)
		e = proc_wait(&g.guest.vmm, clock_deadline_ms(20000));
	pass_fail(ret, "read: the guest does not answer");
	if (e == 0)
		vmm_fate_append(&s, ret);
	proc_kill(&g.guest.vmm);
	return e;
}

/* Goal: the name stands first, what to do is evidence, and what was seen is kept. Method: a recorded end. */
static void reason_names_it(void **state)
{
	struct pass_result r = { 0 };
	char path[256];

	(void)scratch_path(*state, "vmm.log", path, sizeof(path));
	assert_int_equal(lost_guest("kill -ABRT $$", recorded[1].seen.log, path, 2048 * MIB, &r),
			 0);
	assert_int_equal(r.status, PASS_FAILED);
	assert_int_equal(strncmp(r.reason, "a fake VMM: aborts at more than 512 regions", 43), 0);
	assert_non_null(strstr(
		r.reason, "(known failure of the VMM: vmm.slots); "
			  "read: the guest does not answer; VMM signal:6, its log ends: qemu"));
	assert_string_equal(json_str_at(r.evidence, "[0].seen", ""), "vmm.slots");
	assert_non_null(strstr(json_str_at(r.evidence, "[1].seen", ""), "256 MiB or less"));
	pass_result_free(&r);
}

/* Goal: nothing is named that was not seen, and the VMM's last words are shown all the same. */
static void reason_names_nothing(void **state)
{
	struct pass_result r = { 0 };
	char path[256];

	(void)scratch_path(*state, "vmm.log", path, sizeof(path));
	assert_int_equal(lost_guest("kill -ABRT $$", "Assertion `x' failed.\n", path, WINDOW, &r),
			 0);
	assert_string_equal(r.reason,
			    "read: the guest does not answer; VMM signal:6, its log ends: "
			    "Assertion `x' failed.\n");
	assert_null(r.evidence);
	pass_result_free(&r);
	assert_int_equal(lost_guest("exit 0", recorded[1].seen.log, path, WINDOW, &r), 0);
	assert_string_equal(r.reason, "read: the guest does not answer; VMM exited:0");
	pass_result_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recorded_are_found),
		cmocka_unit_test(table_is_whole),
		cmocka_unit_test(windows_are_judged),
		cmocka_unit_test_setup_teardown(reason_names_it, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(reason_names_nothing, scratch_setup,
						scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
