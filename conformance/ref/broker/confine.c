// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/broker/confine.h"

#include <assert.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0 /* not known to us: no limit, so no broker */
#endif

/* Numbers from here on are the x32 calls of x86_64, which reach the same kernel functions. */
#define X32_CALLS 0x40000000

#define FILTER_MAX 128

int confine_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	/* Ends with EINVAL behind the last capability that the kernel knows. */
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	data[0].permitted = data[0].effective = (uint32_t)keep;
	data[1].permitted = data[1].effective = (uint32_t)(keep >> 32);
	if (syscall(SYS_capset, &header, data) < 0)
		return -errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

struct filter {
	struct sock_filter code[FILTER_MAX];
	unsigned short count;
};

static void emit(struct filter *f, uint16_t code, uint8_t jump_true, uint8_t jump_false, uint32_t k)
{
	assert(f->count < FILTER_MAX);
	f->code[f->count++] = (struct sock_filter)BPF_JUMP(code, k, jump_true, jump_false);
}

static void emit_load(struct filter *f, size_t offset)
{
	emit(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void emit_return(struct filter *f, uint32_t action)
{
	emit(f, BPF_RET | BPF_K, 0, 0, action);
}

/* Return @action when the loaded word is @k. */
static void emit_case(struct filter *f, uint32_t k, uint32_t action)
{
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, k);
	emit_return(f, action);
}

static void emit_call(struct filter *f, const struct confine_call *c)
{
	/* Words of a 64-bit argument are in the order of the host; commands are 32 bits wide. */
	const size_t second = offsetof(struct seccomp_data, args[1]);

	if (!c->command_count) {
		emit_case(f, (uint32_t)c->number, SECCOMP_RET_ALLOW);
		return;
	}
	/* Over the load, a case of two for each command, and the last word. */
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(2 + 2 * c->command_count),
	     (uint32_t)c->number);
	emit_load(f, second);
	for (size_t i = 0; i < c->command_count; i++)
		emit_case(f, c->commands[i], SECCOMP_RET_ALLOW);
	emit_return(f, SECCOMP_RET_KILL_PROCESS);
}

int confine_calls(const struct confine_call *call, size_t count)
{
	struct filter f = { .count = 0 };
	struct sock_fprog program = { .filter = f.code };

	if (!ARCH)
		return -ENOSYS;
	emit_load(&f, offsetof(struct seccomp_data, arch));
	emit(&f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCH);
	emit_return(&f, SECCOMP_RET_KILL_PROCESS);
	emit_load(&f, offsetof(struct seccomp_data, nr));
	emit(&f, BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32_CALLS);
	emit_return(&f, SECCOMP_RET_KILL_PROCESS);
	for (size_t i = 0; i < count; i++)
		emit_call(&f, &call[i]);
	emit_return(&f, SECCOMP_RET_KILL_PROCESS);
	program.len = f.count;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0 ? -errno : 0;
}
