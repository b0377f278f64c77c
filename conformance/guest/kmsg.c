// SPDX-License-Identifier: Apache-2.0
#include "conformance/guest/kmsg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Records of one look: more than a kernel's buffer holds. */
#define RECORDS_MAX 65536

/* Parts of lines; of the kernel's own reports (lib/, mm/, kernel/panic.c, kernel/hung_task.c, kernel/locking). */
static const char *const complaints[] = {
	"BUG: ",
	"WARNING: ",
	"Oops",
	"general protection fault",
	"Kernel panic",
	"KASAN:",
	"UBSAN:",
	"KCSAN:",
	"kmemleak:",
	"refcount_t:",
	"list_add corruption",
	"list_del corruption",
	"bad page state",
	"Bad page map",
	"blocked for more than",
	"soft lockup",
	"rcu_sched self-detected",
	"rcu_preempt self-detected",
	"detected stalls on CPUs",
	"possible circular locking",
	"possible recursive locking",
	"inconsistent lock state",
	"VFS: Busy inodes after unmount",
	"Poison overwritten",
	"Redzone overwritten",
	"Object already free",
};

static int fd = -1;

int kmsg_open(void)
{
	fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 || lseek(fd, 0, SEEK_END) < 0 ? -errno : 0;
}

bool kmsg_is_complaint(const char *line)
{
	for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++)
		if (strstr(line, complaints[i]))
			return true;
	return false;
}

/* The end of the log is kept: it has the newest. */
static void keep(char *log, size_t size, const char *line)
{
	size_t used = strlen(log);
	size_t n = strlen(line);

	if (n + 2 > size)
		return;
	while (used + n + 2 > size) {
		char *next = strchr(log, '\n');
		size_t cut = next ? (size_t)(next - log) + 1 : used;

		memmove(log, log + cut, used - cut + 1);
		used -= cut;
	}
	(void)snprintf(log + used, size - used, "%s\n", line);
}

bool kmsg_look(char *ret_log, size_t log_size, char *ret_complaint, size_t complaint_size)
{
	char record[8192];
	bool found = false;

	ret_log[0] = '\0';
	ret_complaint[0] = '\0';
	for (unsigned i = 0; fd >= 0 && i < RECORDS_MAX; i++) {
		ssize_t n = read(fd, record, sizeof(record) - 1);
		char *text;

		if (n < 0 && errno == EPIPE)
			continue; /* some were overwritten before they were read */
		if (n <= 0)
			break;
		record[n] = '\0';
		record[strcspn(record, "\n")] = '\0';
		text = strchr(record, ';');
		if (!text)
			continue;
		keep(ret_log, log_size, text + 1);
		if (!found && kmsg_is_complaint(text + 1))
			(void)snprintf(ret_complaint, complaint_size, "%s", text + 1);
		found = ret_complaint[0] != '\0';
	}
	return found;
}
