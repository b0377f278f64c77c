// SPDX-License-Identifier: Apache-2.0
/* What the parser may ask of the kernel. No process, no program, no socket, no signal to others, no code. */
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "conformance/ref/sandbox/confine.h"
#include "conformance/ref/sandbox/sandbox.h"

/* Linux 6.6; newer C libraries try it first. The same on all architectures. */
#define FCHMODAT2 452

/* The parser in its process namespace. */
#define OWN_PID 1

/* A thread, with no namespace of its own. */
#define CLONE_LOOKED_AT                                                                            \
	(CLONE_THREAD | CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | \
	 CLONE_NEWUTS | CLONE_NEWCGROUP)

static const uint64_t zero[] = { 0 };
static const uint64_t thread_flag[] = { CLONE_THREAD };
static const uint64_t own_cwd[] = { CLONE_FS };
static const uint64_t own_pid[] = { OWN_PID };
/* Of guest memory that goes; of abort(); the C library's own two. */
static const uint64_t signals[] = { SIGBUS, SIGABRT, 32, 33 };
/* The C library asks whether the log goes to a terminal. */
static const uint64_t ioctls[] = { FS_IOC_FSGETXATTR, TCGETS };
static const uint64_t fcntls[] = { F_GETFL,	    F_SETFL,	 F_GETFD,
				   F_DUPFD_CLOEXEC, F_ADD_SEALS, F_GET_SEALS };
/* Names of threads, also of mappings where malloc gives them. */
static const uint64_t prctls[] = { PR_SET_NAME, 0x53564d41 /* PR_SET_VMA, Linux 5.17 */ };

#define ONLY(n, bits, list) \
	.arg = (n), .mask = (bits), .values = (list), .value_count = ARRAY_SIZE(list)

static const struct confine_call calls[] = {
	/* rings, front ends, the broker */
	{ .number = SYS_read },
	{ .number = SYS_write },
	{ .number = SYS_readv },
	{ .number = SYS_writev },
	{ .number = SYS_recvmsg },
	{ .number = SYS_sendmsg },
	{ .number = SYS_accept4 },
	{ .number = SYS_ppoll },
	{ .number = SYS_eventfd2 },
	{ .number = SYS_epoll_create1 },
	{ .number = SYS_epoll_ctl },
	{ .number = SYS_epoll_pwait },
	{ .number = SYS_futex },
	/* what is in files */
	{ .number = SYS_pread64 },
	{ .number = SYS_pwrite64 },
	{ .number = SYS_preadv },
	{ .number = SYS_pwritev },
	{ .number = SYS_preadv2 },
	{ .number = SYS_pwritev2 },
	{ .number = SYS_lseek },
	{ .number = SYS_ftruncate },
	{ .number = SYS_fallocate },
	{ .number = SYS_copy_file_range },
	{ .number = SYS_fsync },
	{ .number = SYS_fdatasync },
	{ .number = SYS_syncfs },
	{ .number = SYS_getdents64 },
	/* files */
	{ .number = SYS_openat },
	{ .number = SYS_openat2 },
	{ .number = SYS_close },
	{ .number = SYS_fcntl, ONLY(1, CONFINE_INT, fcntls) },
	{ .number = SYS_ioctl, ONLY(1, CONFINE_INT, ioctls) },
	{ .number = SYS_newfstatat },
	{ .number = SYS_fstat },
	{ .number = SYS_statx },
	{ .number = SYS_fstatfs },
	{ .number = SYS_readlinkat },
	{ .number = SYS_mkdirat },
	{ .number = SYS_mknodat },
	{ .number = SYS_symlinkat },
	{ .number = SYS_linkat },
	{ .number = SYS_unlinkat },
	{ .number = SYS_renameat2 },
#ifdef SYS_renameat
	{ .number = SYS_renameat }, /* the C library's, when there are no flags */
#endif
	{ .number = SYS_fchmod },
	{ .number = SYS_fchmodat },
	{ .number = FCHMODAT2 },
	{ .number = SYS_fchown },
	{ .number = SYS_fchownat },
	{ .number = SYS_utimensat },
	{ .number = SYS_faccessat2 },
	{ .number = SYS_getxattr },
	{ .number = SYS_setxattr },
	{ .number = SYS_listxattr },
	{ .number = SYS_removexattr },
	{ .number = SYS_fgetxattr },
	{ .number = SYS_fsetxattr },
	{ .number = SYS_flistxattr },
	{ .number = SYS_fremovexattr },
	/* for whom */
	{ .number = SYS_setfsuid },
	{ .number = SYS_setfsgid },
	{ .number = SYS_setgroups },
	{ .number = SYS_capget },
	{ .number = SYS_capset },
	{ .number = SYS_getuid },
	{ .number = SYS_geteuid },
	{ .number = SYS_getgid },
	{ .number = SYS_getegid },
	{ .number = SYS_umask },
	{ .number = SYS_fchdir },
	{ .number = SYS_unshare, ONLY(0, ~UINT64_C(0), own_cwd) },
	/* memory: nothing that could be run */
	{ .number = SYS_mmap, ONLY(2, PROT_EXEC, zero) },
	{ .number = SYS_mprotect, ONLY(2, PROT_EXEC, zero) },
	{ .number = SYS_munmap },
	{ .number = SYS_mremap },
	{ .number = SYS_madvise },
	{ .number = SYS_brk },
	{ .number = SYS_memfd_create },
	/* threads; flags of clone3() lie in memory, and the C library then takes clone() */
	{ .number = SYS_clone, ONLY(0, CLONE_LOOKED_AT, thread_flag) },
	{ .number = SYS_clone3, .error = ENOSYS },
	{ .number = SYS_set_robust_list },
	{ .number = SYS_rseq },
	{ .number = SYS_gettid },
	{ .number = SYS_getpid },
	{ .number = SYS_sched_yield },
	{ .number = SYS_sched_getaffinity },
	{ .number = SYS_prctl, ONLY(0, CONFINE_INT, prctls) },
	/* Never of SIGSYS: see confine_calls(). */
	{ .number = SYS_rt_sigaction, ONLY(0, CONFINE_INT, signals) },
	{ .number = SYS_rt_sigprocmask },
	{ .number = SYS_rt_sigreturn },
	{ .number = SYS_sigaltstack },
	{ .number = SYS_restart_syscall },
	{ .number = SYS_tgkill, ONLY(0, CONFINE_INT, own_pid) }, /* abort() */
	{ .number = SYS_exit },
	{ .number = SYS_exit_group },
	/* the C library and the kernel's clock where there is no vDSO */
	{ .number = SYS_clock_gettime },
	{ .number = SYS_clock_nanosleep },
	{ .number = SYS_gettimeofday },
	{ .number = SYS_getrandom },
	{ .number = SYS_prlimit64, ONLY(2, ~UINT64_C(0), zero) },
#ifdef SYS_epoll_wait
	{ .number = SYS_epoll_wait },
#endif
#ifdef SYS_poll
	{ .number = SYS_poll },
#endif
	/* The broker is not ours to wait for or to end: its parent is the keeper. */
	{ .number = SYS_waitid, .error = ECHILD },
	{ .number = SYS_pidfd_send_signal, .error = EPERM },
};

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>

static bool locked;

/* Looking for leaks takes a process that traces this one. */
int __lsan_is_turned_off(void)
{
	return locked;
}

static const uint64_t set_fd[] = { F_SETFD };

/* Only of this flavour: reports of the sanitizers. They try addresses with a pipe, and read debug information. */
static const struct confine_call more[] = {
	{ .number = SYS_sysinfo },  { .number = SYS_getcwd },
	{ .number = SYS_pipe2 },    { .number = SYS_fcntl, ONLY(1, CONFINE_INT, set_fd) },
#ifdef SYS_readlink
	{ .number = SYS_readlink }, { .number = SYS_open },
#endif
};
#endif

int sandbox_calls(void)
{
#ifdef __SANITIZE_ADDRESS__
	locked = true;
	return confine_calls(calls, ARRAY_SIZE(calls), more, ARRAY_SIZE(more), true);
#else
	return confine_calls(calls, ARRAY_SIZE(calls), NULL, 0, true);
#endif
}
