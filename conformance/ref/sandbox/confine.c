// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/sandbox/confine.h"

#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

uint64_t confine_held(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, data) < 0)
		return 0;
	return (uint64_t)data[1].effective << 32 | data[0].effective;
}

int confine_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	int kept;

	/* Ends with EINVAL behind the last capability that the kernel knows. */
	for (int cap = 0; (kept = prctl(PR_CAPBSET_READ, cap, 0, 0, 0)) >= 0; cap++)
		if (kept && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	data[0].permitted = data[0].effective = (uint32_t)keep;
	data[1].permitted = data[1].effective = (uint32_t)(keep >> 32);
	if (syscall(SYS_capset, &header, data) < 0)
		return -errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int add_call(scmp_filter_ctx filter, const struct confine_call *c)
{
	const uint32_t action = c->error ? SCMP_ACT_ERRNO((uint32_t)c->error) : SCMP_ACT_ALLOW;
	int e = 0;

	if (c->value_count == 0)
		return seccomp_rule_add(filter, action, c->number, 0);
	for (size_t i = 0; e == 0 && i < c->value_count; i++) {
		const struct scmp_arg_cmp is = SCMP_CMP64(c->arg, SCMP_CMP_MASKED_EQ, c->mask,
							  c->values[i]);

		e = seccomp_rule_add_array(filter, action, c->number, 1, &is);
	}
	return e;
}

static int add_calls(scmp_filter_ctx filter, const struct confine_call *call, size_t count)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < count; i++)
		e = add_call(filter, &call[i]);
	return e;
}

/* Runs in a signal handler. Only what both lists always have is called; nothing is formatted by the C library. */
static void on_forbidden(int number, siginfo_t *info, void *context)
{
	static const char before[] = "virtiofs-refdev: error: system call ";
	static const char after[] = " is forbidden by the sandbox\n";
	unsigned n = (unsigned)info->si_syscall;
	char line[sizeof(before) + sizeof(after) + 10];
	char digits[10];
	size_t size = sizeof(before) - 1;
	size_t count = 0;

	(void)number;
	(void)context;
	memcpy(line, before, size);
	do
		digits[count++] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	while (count > 0)
		line[size++] = digits[--count];
	memcpy(line + size, after, sizeof(after) - 1);
	(void)!write(STDERR_FILENO, line, size + sizeof(after) - 1);
	/* Again, while SIGSYS is blocked: now the kernel ends the process with it, process 1 of a namespace too. */
	for (;;)
		(void)syscall(SYS_ptrace, 0, 0, 0, 0);
}

static int catch_forbidden(void)
{
	struct sigaction a = { .sa_sigaction = on_forbidden, .sa_flags = SA_SIGINFO };

	(void)sigfillset(&a.sa_mask);
	return sigaction(SIGSYS, &a, NULL) < 0 ? -errno : 0;
}

int confine_calls(const struct confine_call *call, size_t count, const struct confine_call *more,
		  size_t more_count, bool tell)
{
	scmp_filter_ctx filter;
	int e = tell ? catch_forbidden() : 0;

	if (e < 0)
		return e;
	filter = seccomp_init(tell ? SCMP_ACT_TRAP : SCMP_ACT_KILL_PROCESS);
	if (!filter)
		return -ENOSYS;
	/* Calls in the manner of another architecture, such as 32-bit ones, have other numbers. */
	e = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (e == 0)
		e = add_calls(filter, call, count);
	if (e == 0)
		e = add_calls(filter, more, more_count);
	if (e == 0)
		e = seccomp_load(filter);
	seccomp_release(filter);
	return e;
}
