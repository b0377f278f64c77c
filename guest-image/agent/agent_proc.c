// SPDX-License-Identifier: Apache-2.0
/* The process of a job: what EXEC says, fork and execute, and what it does when it hangs. */
#include "agent_int.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the child tells through a close-on-exec pipe when it cannot run the program. */
struct spawn_failure {
	int error;
	char what[VQP_TEXT_MAX - 64];
};

static char exec_strings[VQP_STRINGS_MAX];

/* Take @count strings off the front. */
static int split_strings(char **at, size_t *left, size_t count, char **ret)
{
	for (size_t i = 0; i < count; i++) {
		char *end = memchr(*at, '\0', *left);

		if (!end)
			return -EINVAL;
		ret[i] = *at;
		*left -= (size_t)(end - *at) + 1;
		*at = end + 1;
	}
	return 0;
}

int proc_parse(const struct vqp_frame *frame, struct exec_request *ret, const char **ret_why)
{
	char *at = exec_strings;
	char *cwd = NULL;
	size_t left, argc, envc;

	*ret_why = "malformed EXEC";
	if (frame->size < sizeof(ret->fixed) || frame->size > sizeof(ret->fixed) + VQP_STRINGS_MAX)
		return -EINVAL;
	memcpy(&ret->fixed, frame->payload, sizeof(ret->fixed));
	left = frame->size - sizeof(ret->fixed);
	memcpy(exec_strings, frame->payload + sizeof(ret->fixed), left);
	argc = vqp_get16(ret->fixed.argc);
	envc = vqp_get16(ret->fixed.envc);
	ret->keep_env = vqp_get32(ret->fixed.keep_env) == 1;
	if (argc > VQP_ARGV_MAX || envc > VQP_ENV_MAX) {
		*ret_why = "too many arguments or variables";
		return -E2BIG;
	}
	if (argc == 0 || (ret->keep_env && envc > 0) || vqp_get32(ret->fixed.keep_env) > 1 ||
	    split_strings(&at, &left, argc, ret->argv) < 0 ||
	    split_strings(&at, &left, envc, ret->env) < 0 ||
	    split_strings(&at, &left, 1, &cwd) < 0 || left > 0)
		return -EINVAL;
	ret->argv[argc] = NULL;
	ret->env[envc] = NULL;
	ret->cwd = cwd;
	*ret_why = "deadline and output limits must be within bounds, the job id not 0";
	if (vqp_get32(ret->fixed.deadline_ms) == 0 ||
	    vqp_get64(ret->fixed.stdout_max) > VQP_STREAM_MAX ||
	    vqp_get64(ret->fixed.stderr_max) > VQP_STREAM_MAX || frame->job == 0)
		return -EINVAL;
	return 0;
}

__attribute__((noreturn)) static void child_fail(int status_fd, const char *what, const char *name)
{
	struct spawn_failure f = { .error = errno };

	(void)snprintf(f.what, sizeof(f.what), "%s %.300s", what, name);
	if (write(status_fd, &f, sizeof(f)) != (ssize_t)sizeof(f))
		_exit(126);
	_exit(127);
}

__attribute__((noreturn)) static void child_run(const struct exec_request *r, int out, int err,
						int status_fd)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t none;

	(void)setsid();
	agent_set_oom_score("0");
	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* The agent opens 0, 1 and 2 at its start, so that none of these descriptors is one of
	 * them. */
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(err, STDERR_FILENO) < 0)
		child_fail(status_fd, "set up", "stdin, stdout and stderr");
	if (r->cwd[0] != '\0' && chdir(r->cwd) < 0)
		child_fail(status_fd, "change to folder", r->cwd);
	if (!r->keep_env)
		environ = (char **)r->env;
	(void)execvp(r->argv[0], r->argv);
	child_fail(status_fd, "execute", r->argv[0]);
}

static int open_pipes(int pipes[3][2])
{
	for (int i = 0; i < 3; i++)
		pipes[i][0] = pipes[i][1] = -1;
	for (int i = 0; i < 3; i++)
		if (pipe2(pipes[i], O_CLOEXEC) < 0)
			return -errno;
	for (int i = 0; i < 3; i++)
		if (fcntl(pipes[i][0], F_SETFL, O_NONBLOCK) < 0)
			return -errno;
	return 0;
}

static void close_pipes(int pipes[3][2], int end)
{
	for (int i = 0; i < 3; i++)
		agent_close_fd(&pipes[i][end]);
}

int proc_start(const struct exec_request *r, struct proc *ret)
{
	int pipes[3][2];
	uint64_t start_ns;
	int e = open_pipes(pipes);
	pid_t pid = -1;

	start_ns = now_ns();
	if (e == 0) {
		pid = fork();
		if (pid == 0)
			child_run(r, pipes[0][1], pipes[1][1], pipes[2][1]);
		if (pid < 0)
			e = -errno;
	}
	close_pipes(pipes, 1);
	if (e < 0) {
		close_pipes(pipes, 0);
		return e;
	}
	*ret = (struct proc){
		.pid = pid,
		.out_fd = pipes[0][0],
		.err_fd = pipes[1][0],
		.status_fd = pipes[2][0],
		.start_ns = start_ns,
	};
	return 0;
}

int proc_read_failure(int status_fd, int *ret_error, char *ret_note, size_t size)
{
	struct spawn_failure f;
	ssize_t n = read(status_fd, &f, sizeof(f));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (n != (ssize_t)sizeof(f))
		return 0;
	f.what[sizeof(f.what) - 1] = '\0';
	*ret_error = f.error;
	(void)snprintf(ret_note, size, "cannot %s: %s", f.what, strerror(f.error));
	return 1;
}

void proc_describe_stuck(pid_t pid, unsigned int waited_ms, char *ret, size_t size)
{
	char path[64], text[256];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/stack", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/wchan", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
	agent_close_fd(&fd);
	text[n > 0 ? n : 0] = '\0';
	for (char *p = text; *p; p++)
		if (*p == '\n')
			*p = ' ';
	(void)snprintf(ret, size, "process %d is alive %u ms after SIGKILL; kernel stack: %s",
		       (int)pid, waited_ms, text[0] ? text : "unknown");
}
