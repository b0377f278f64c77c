// SPDX-License-Identifier: Apache-2.0
#include "local_agent.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/rng.h"

static const char *agent_binary(void)
{
	const char *path = getenv("VQ_AGENT");

	return path ? path : "build/guest/vq-agent";
}

uint64_t local_soon(void)
{
	return clock_deadline_ms(LOCAL_SOON_MS);
}

int local_spawn(struct local_agent *f, int *ret_fd)
{
	int pair[2] = { -1, -1 };
	char number[16];

	if (ret_fd && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	f->pid = fork();
	if (f->pid == 0) {
		int null = open("/dev/null", O_RDWR);

		if (null < 0 || dup2(null, STDERR_FILENO) < 0)
			_exit(126);
		if (ret_fd) {
			(void)snprintf(number, sizeof(number), "%d", pair[1]);
			(void)fcntl(pair[1], F_SETFD, 0);
			execl(agent_binary(), "vq-agent", "--fd", number, NULL);
		} else {
			execl(agent_binary(), "vq-agent", "--socket", f->socket, NULL);
		}
		_exit(127);
	}
	if (pair[1] >= 0)
		(void)close(pair[1]);
	if (ret_fd)
		*ret_fd = pair[0];
	return f->pid < 0 ? -1 : 0;
}

static struct local_agent *fixture_new(void)
{
	struct local_agent *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->raw = -1;
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/vq-test-agent-XXXXXX");
	if (!mkdtemp(f->dir)) {
		free(f);
		return NULL;
	}
	(void)snprintf(f->socket, sizeof(f->socket), "%s/agent.sock", f->dir);
	return f;
}

int local_teardown(void **state)
{
	struct local_agent *f = *state;
	int e;

	f->a = agent_close(f->a);
	agent_result_free(&f->r);
	buf_free(&f->data);
	if (f->raw >= 0)
		(void)close(f->raw);
	if (f->pid > 0) {
		/* Only then: SIGCONT undoes the SIGSTOP by which LeakSanitizer looks at an exit. */
		if (f->stopped)
			(void)kill(f->pid, SIGCONT);
		(void)kill(f->pid, SIGTERM);
		(void)waitpid(f->pid, NULL, 0);
	}
	e = fs_remove_tree(f->dir, NULL);
	free(f);
	return e < 0 ? -1 : 0;
}

int local_setup_bare(void **state)
{
	*state = fixture_new();
	return *state ? 0 : -1;
}

int local_setup_pair(void **state)
{
	struct local_agent *f = fixture_new();
	int fd;

	*state = f;
	if (!f || local_spawn(f, &fd) < 0)
		return -1;
	if (agent_adopt_fd(fd, local_soon(), &f->a, &f->err) < 0) {
		(void)fprintf(stderr, "%s\n", f->err.text);
		return -1;
	}
	return 0;
}

int local_setup_socket(void **state)
{
	struct local_agent *f = fixture_new();

	*state = f;
	if (!f || local_spawn(f, NULL) < 0)
		return -1;
	if (agent_connect(f->socket, local_soon(), &f->a, &f->err) < 0) {
		(void)fprintf(stderr, "%s\n", f->err.text);
		return -1;
	}
	return 0;
}

int local_start_shell(struct local_agent *f, const char *script, uint32_t *ret_id)
{
	return agent_start(f->a,
			   &(struct agent_job){ .argv = ARGV("/bin/sh", "-c", script),
						.deadline_ms = LOCAL_SOON_MS,
						.stdout_max = 8 * MIB,
						.stderr_max = 8 * MIB },
			   ret_id, &f->err);
}

int local_run_shell(struct local_agent *f, const char *script)
{
	uint32_t id = 0;
	int e = local_start_shell(f, script, &id);

	agent_result_free(&f->r);
	return e < 0 ? e : agent_wait(f->a, id, &f->r, &f->err);
}

void local_fine(const struct local_agent *f, int e)
{
	if (e < 0)
		fail_msg("error %d: %s", e, f->err.text);
}

void local_make_file(struct local_agent *f, const char *name, size_t size)
{
	struct rng rng = { .state = LOCAL_SEED };
	char path[256];
	char *bytes = malloc(size ? size : 1);

	assert_non_null(bytes);
	rng_fill(&rng, bytes, size);
	buf_clear(&f->data);
	assert_int_equal(buf_add(&f->data, bytes, size), 0);
	free(bytes);
	(void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	assert_int_equal(fs_write_atomic(path, f->data.data, size, &f->err), 0);
}
