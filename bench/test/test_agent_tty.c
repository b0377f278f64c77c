// SPDX-License-Identifier: Apache-2.0
/*
 * The host's agent client against the real vq-agent on a terminal, as with a VMM that has no named
 * ports: a pseudo-terminal and a bridge from it to the socket that such a VMM would listen on.
 */
#include "guest/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/rng.h"
#include "guest-image/agent/agent_proto.h"

/* Of everything that should take milliseconds; far away, for a loaded machine under sanitizers. */
#define SOON_MS	  20000
#define DATA_SIZE 100000
/* More than the padding of one HELLO, so that the HELLO itself is cut. */
#define LOST_BYTES (VQP_PAD_SIZE + 10)
/* Long enough for HELLO to be said three times. */
#define BOOT_MS 2500

struct fixture {
	char dir[64];
	char socket[96];
	char tty[64];
	pid_t agent;
	pid_t bridge;
	struct agent *a;
	struct agent_result r;
	struct buf data;
	struct err err;
};

static const char *agent_binary(void)
{
	const char *path = getenv("VQ_AGENT");

	return path ? path : "build/guest/vq-agent";
}

static uint64_t soon(void)
{
	return clock_deadline_ms(SOON_MS);
}

/* Copy what is there from @from to @to; the first *lose bytes go nowhere. False at the end. */
static bool copy_some(int from, int to, size_t *lose)
{
	unsigned char bytes[512]; /* below what a terminal takes at once */
	ssize_t n = read(from, bytes, sizeof(bytes));
	size_t skip;
	size_t done;

	if (n <= 0)
		return n < 0 && (errno == EINTR || errno == EAGAIN);
	skip = *lose < (size_t)n ? *lose : (size_t)n;
	*lose -= skip;
	for (done = skip; done < (size_t)n;) {
		ssize_t w = write(to, bytes + done, (size_t)n - done);

		if (w < 0 && errno != EINTR)
			return false;
		done += w > 0 ? (size_t)w : 0;
	}
	return true;
}

/* What a line does to its first bytes from the host. */
struct line {
	size_t lose;
	int delay_ms; /* a guest that is still booting */
};

static void bridge(int listen_fd, int master, struct line line)
{
	size_t lose = line.lose;
	size_t none = 0;
	int fd = accept(listen_fd, NULL, NULL);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)poll(NULL, 0, line.delay_ms);
	for (;;) {
		struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
				       { .fd = master, .events = POLLIN } };

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			_exit(1);
		if (p[0].revents && !copy_some(fd, master, &lose))
			_exit(0);
		if ((p[1].revents & POLLIN) && !copy_some(master, fd, &none))
			_exit(0);
	}
}

static int start_bridge(struct fixture *f, int master, struct line line)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int e;

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", f->socket);
	if (fd < 0)
		return -1;
	e = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1) < 0 ? -1 : 0;
	if (e == 0)
		f->bridge = fork();
	if (e == 0 && f->bridge == 0)
		bridge(fd, master, line);
	(void)close(fd);
	return e < 0 || f->bridge < 0 ? -1 : 0;
}

static int start_agent(struct fixture *f)
{
	f->agent = fork();
	if (f->agent != 0)
		return f->agent < 0 ? -1 : 0;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	execl(agent_binary(), "vq-agent", f->tty, NULL);
	_exit(127);
}

static int set_up(void **state, struct line line)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	int e;

	*state = f;
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/vq-test-tty-XXXXXX");
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 || !mkdtemp(f->dir))
		return -1;
	(void)snprintf(f->socket, sizeof(f->socket), "%s/vmm.sock", f->dir);
	(void)snprintf(f->tty, sizeof(f->tty), "%s", ptsname(master));
	e = start_agent(f);
	if (e == 0)
		e = start_bridge(f, master, line);
	(void)close(master);
	return e;
}

static int set_up_whole(void **state)
{
	return set_up(state, (struct line){ 0 });
}

static int set_up_lossy(void **state)
{
	return set_up(state, (struct line){ .lose = LOST_BYTES });
}

static int set_up_late(void **state)
{
	return set_up(state, (struct line){ .delay_ms = BOOT_MS });
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	const pid_t pids[] = { f->agent, f->bridge };

	f->a = agent_close(f->a);
	agent_result_free(&f->r);
	buf_free(&f->data);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		if (pids[i] <= 0)
			continue;
		(void)kill(pids[i], SIGKILL);
		(void)waitpid(pids[i], NULL, 0);
	}
	(void)!fs_remove_tree(f->dir, NULL);
	free(f);
	return 0;
}

/* Goal: a terminal moves every byte both ways. Method: random data there and back, a job's output. */
static void bytes_pass(void **state)
{
	static const char *const argv[] = { "printf", "\\003\\021\\023\\r\\n\\004\\177x\\n", NULL };
	const struct agent_job job = { .argv = argv, .deadline_ms = SOON_MS };
	struct fixture *f = *state;
	struct rng rng = { 20261122 };
	char *sent = malloc(DATA_SIZE);
	char path[128];
	bool same;

	assert_non_null(sent);
	for (size_t i = 0; i < DATA_SIZE; i++)
		sent[i] = (char)rng_next(&rng);
	(void)snprintf(path, sizeof(path), "%s/data", f->dir);
	if (agent_connect_console(f->socket, -1, soon(), &f->a, &f->err) < 0 ||
	    agent_push(f->a, sent, DATA_SIZE, path, 0644, soon(), &f->err) < 0 ||
	    agent_pull(f->a, path, DATA_SIZE, soon(), &f->data, &f->err) < 0 ||
	    agent_run(f->a, &job, &f->r, &f->err) < 0) {
		free(sent);
		fail_msg("%s", f->err.text);
	}
	same = f->data.size == DATA_SIZE && memcmp(f->data.data, sent, DATA_SIZE) == 0;
	free(sent);
	assert_true(same);
	assert_int_equal(f->r.out.size, 9);
	assert_memory_equal(f->r.out.data, "\003\021\023\r\n\004\177x\n", 9);
}

/* Goal: a HELLO that was lost is said again. Method: the line loses the first bytes. */
static void lost_hello_is_repeated(void **state)
{
	struct fixture *f = *state;

	if (agent_connect_console(f->socket, -1, soon(), &f->a, &f->err) < 0)
		fail_msg("%s", f->err.text);
	assert_int_equal(agent_ping(f->a, soon(), NULL, &f->err), 0);
}

/* Goal: a guest that boots slowly hears several HELLOs, and nothing behind them is lost. */
static void late_guest_loses_nothing(void **state)
{
	static const char *const argv[] = { "true", NULL };
	const struct agent_job job = { .argv = argv, .deadline_ms = 2000 };
	struct fixture *f = *state;

	if (agent_connect_console(f->socket, -1, soon(), &f->a, &f->err) < 0 ||
	    agent_run(f->a, &job, &f->r, &f->err) < 0)
		fail_msg("%s", f->err.text);
	assert_int_equal(f->r.fate, AGENT_EXITED);
}

/* Goal: only a console is asked again: elsewhere nothing is lost. Method: the same line, once. */
static void others_are_asked_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(agent_connect(f->socket, clock_deadline_ms(1500), &f->a, &f->err),
			 -ETIMEDOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bytes_pass, set_up_whole, tear_down),
		cmocka_unit_test_setup_teardown(lost_hello_is_repeated, set_up_lossy, tear_down),
		cmocka_unit_test_setup_teardown(late_guest_loses_nothing, set_up_late, tear_down),
		cmocka_unit_test_setup_teardown(others_are_asked_once, set_up_lossy, tear_down),
	};

	return cmocka_run_group_tests_name("agent on a terminal", tests, NULL, NULL);
}
