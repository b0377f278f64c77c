// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#include "conformance/ref/sandbox/confine.h"
#include "conformance/ref/sandbox/sandbox.h"

#define CAP(name) (UINT64_C(1) << (name))

/* What acting for the users of a guest takes. CAP_MKNOD counts only over the host's own user namespace. */
#define CAPS_KEPT                                                                              \
	(CAP(CAP_CHOWN) | CAP(CAP_DAC_OVERRIDE) | CAP(CAP_DAC_READ_SEARCH) | CAP(CAP_FOWNER) | \
	 CAP(CAP_FSETID) | CAP(CAP_SETGID) | CAP(CAP_SETUID) | CAP(CAP_SETFCAP) | CAP(CAP_MKNOD))

/* Of the parser; it takes its mounts apart when these are there. */
#define NAMESPACES (CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

static const char *advice(enum ref_sandbox how)
{
	return how == REF_SANDBOX_PRIVILEGED
		       ? "--sandbox privileged needs CAP_SYS_ADMIN; --sandbox none runs without one"
		       : "if this host does not let anybody have namespaces, use --sandbox privileged "
			 "(as root) or --sandbox none";
}

/* The parser ends with its keeper: @go_fd ends if that was too early to be told. */
static int tie_to_keeper(int go_fd)
{
	char go;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	return read(go_fd, &go, 1) == 1 ? 0 : -ESRCH;
}

static int enter_parser(const struct sandbox_plan *p, int go_fd, struct sandbox *ret,
			struct err *reterr)
{
	int e = tie_to_keeper(go_fd);

	if (e < 0)
		return err_errno(reterr, e, "the process that started the device has gone");
	if (unshare(NAMESPACES) < 0)
		return err_errno(reterr, -errno, "cannot make network, IPC and UTS namespaces");
	return mounts_enter(p, ret, reterr);
}

static int split(const struct sandbox_plan *p, struct sandbox *ret, struct err *reterr)
{
	CLEANUP(fd_closep) int go_read = -1;
	CLEANUP(fd_closep) int go_write = -1;
	int pair[2];
	pid_t parser;

	if (unshare(CLONE_NEWPID) < 0)
		return err_errno(reterr, -errno, "cannot make a process namespace");
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_errno(reterr, -errno, "pipe");
	go_read = pair[0];
	go_write = pair[1];
	parser = fork();
	if (parser < 0)
		return err_errno(reterr, -errno, "fork");
	if (parser > 0) {
		(void)!write(go_write, "", 1);
		keeper_main(parser, p);
	}
	fd_closep(&go_write);
	return enter_parser(p, go_read, ret, reterr);
}

int sandbox_enter(const struct sandbox_plan *p, struct sandbox *ret, struct err *reterr)
{
	struct err what = { "" };
	struct sandbox s = { .root_fd = -1, .proc_fd = -1, .keep = confine_held() & CAPS_KEPT };
	int e = 0;

	if (p->how == REF_SANDBOX_NAMESPACE)
		e = user_namespace_enter(&what);
	if (e == 0)
		e = split(p, &s, &what);
	if (e < 0) {
		fd_closep(&s.root_fd);
		fd_closep(&s.proc_fd);
		return err_set(reterr, e, "sandbox: %.1024s; %s", what.text, advice(p->how));
	}
	*ret = s;
	return 0;
}

int sandbox_lock(const struct sandbox *s, struct err *reterr)
{
	int e = confine_capabilities(s->keep);

	if (e < 0)
		return err_errno(reterr, e, "sandbox: cannot drop capabilities");
	e = sandbox_calls();
	return e < 0 ? err_errno(reterr, e, "sandbox: cannot limit system calls (seccomp)") : 0;
}
