// SPDX-License-Identifier: Apache-2.0
/*
 * The QMP client against a fake peer: a forked child at the other end of a socket pair that plays
 * a script. A child that hears what it did not expect ends with a status of its own.
 */
#include <errno.h>
#include <poll.h>
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
#include "base/json.h"
#include "guest/qmp.h"

#define PATIENCE_S  60
#define PATIENCE_MS 20000
#define SHORT_MS    50
/* Ends of a fake that did not get what its script says. */
#define FAKE_UNEXPECTED 9
#define FAKE_CLOSED	8

#define GREETING                                                                   \
	"{\"QMP\":{\"version\":{\"qemu\":{\"micro\":3,\"minor\":1,\"major\":11}}," \
	"\"capabilities\":[]}}"
/* Somebody else's, who speaks the same protocol. */
#define GREETING_BARE "{\"QMP\":{\"version\":{\"qemu\":{\"major\":\"x\"}},\"capabilities\":[]}}"

struct fake {
	int fd;
	FILE *in;
	int heard; /* commands so far, which is the id of the newest */
};

struct fixture {
	struct qmp *qmp;
	pid_t fake;
	json_t *reply;
	struct err err;
};

typedef void fake_script(struct fake *f);

/* --- the fake's side; no asserts here --- */

static void fake_send(struct fake *f, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = send(f->fd, text, size, MSG_NOSIGNAL);

		if (n <= 0)
			_exit(FAKE_CLOSED);
		text += n;
		size -= (size_t)n;
	}
}

/* Replies carry the id of the newest command, as QEMU's do; scripts leave it out. */
static void fake_say(struct fake *f, const char *text)
{
	char id[32];
	int n = snprintf(id, sizeof(id), "\"id\":%d,", f->heard);

	while (*text) {
		bool reply = strncmp(text, "{\"ret", 5) == 0 || strncmp(text, "{\"error\"", 8) == 0;
		size_t size = 1 + strcspn(text + 1, "{");

		if (reply) {
			fake_send(f, "{", 1);
			fake_send(f, id, (size_t)n);
			text++;
			size--;
		}
		fake_send(f, text, size);
		text += size;
	}
}

/* The next line, without its id, has to hold @part. */
static void fake_hear(struct fake *f, const char *part)
{
	char *line = NULL;
	size_t room = 0;
	char *id;

	if (getline(&line, &room, f->in) <= 0)
		_exit(FAKE_CLOSED);
	f->heard++;
	id = strstr(line, ",\"id\":");
	if (id) {
		char *end = id + 6 + strcspn(id + 6, ",}");

		memmove(id, end, strlen(end) + 1);
	}
	if (!strstr(line, part))
		_exit(FAKE_UNEXPECTED);
	free(line);
}

static void fake_greet(struct fake *f)
{
	fake_say(f, GREETING "\r\n");
	fake_hear(f, "{\"execute\":\"qmp_capabilities\"}\n");
	fake_say(f, "{\"return\":{}}\r\n");
}

static void fake_hear_end(struct fake *f)
{
	char c;

	if (fread(&c, 1, 1, f->in) != 0)
		_exit(FAKE_UNEXPECTED);
}

/* --- our side --- */

static uint64_t soon(void)
{
	return clock_deadline_ms(PATIENCE_MS);
}

static int start(struct fixture *f, fake_script *script, uint64_t deadline_ns)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	f->fake = fork();
	if (f->fake == 0) {
		struct fake fake = { .fd = fds[1] };

		(void)close(fds[0]);
		(void)alarm(PATIENCE_S);
		fake.in = fdopen(fds[1], "re");
		if (!fake.in)
			_exit(1);
		script(&fake);
		_exit(0);
	}
	assert_true(f->fake > 0);
	(void)close(fds[1]);
	return qmp_open(fds[0], deadline_ns, &f->qmp, &f->err);
}

/* The fake played its script to the end. */
static void assert_played(struct fixture *f)
{
	pid_t fake = f->fake;
	int status;

	f->qmp = qmp_close(f->qmp);
	f->fake = 0;
	assert_int_equal(waitpid(fake, &status, 0), fake);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void assert_says(const struct fixture *f, const char *part)
{
	if (!strstr(f->err.text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, f->err.text);
}

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)qmp_close(f->qmp);
	json_decref(f->reply);
	if (f->fake > 0) {
		(void)kill(f->fake, SIGKILL);
		(void)waitpid(f->fake, NULL, 0);
	}
	free(f);
	return 0;
}

static int command(struct fixture *f, const char *name)
{
	json_decref(f->reply);
	f->reply = NULL;
	return qmp_command(f->qmp, name, NULL, -1, soon(), &f->reply, &f->err);
}

/* --- tests --- */

static void fake_answers(struct fake *f)
{
	fake_greet(f);
	fake_hear(f, "{\"execute\":\"query-status\"}\n");
	fake_say(f, "{\"return\":{\"status\":\"running\"}}\n");
	fake_hear(f, "{\"execute\":\"device_add\",\"arguments\":{\"id\":\"a\\nb\"}}\n");
	fake_say(f, "{\"return\":{}}\n");
	fake_hear_end(f);
}

/* Goal: negotiation, a command, arguments. Method: the fake checks each line that it gets. */
static void commands_and_replies(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(start(f, fake_answers, soon()), 0);
	assert_int_equal(command(f, "query-status"), 0);
	assert_string_equal(json_str_at(f->reply, "status", ""), "running");
	assert_int_equal(qmp_command(f->qmp, "device_add", json_pack("{s:s}", "id", "a\nb"), -1,
				     soon(), NULL, &f->err),
			 0);
	assert_played(f);
}

static void fake_refuses(struct fake *f)
{
	fake_greet(f);
	fake_hear(f, "device_del");
	fake_say(f, "{\"error\":{\"class\":\"DeviceNotFound\",\"desc\":\"no fs0\"}}\n");
	fake_hear(f, "query-status");
	fake_say(f, "{\"error\":5}\n");
	fake_hear(f, "query-status");
	fake_say(f, "{\"return\":{}}\n");
	fake_hear_end(f);
}

/* Goal: QEMU's words reach the person, and the connection goes on. Method: two error replies. */
static void error_replies(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(start(f, fake_refuses, soon()), 0);
	assert_int_equal(command(f, "device_del"), -EREMOTEIO);
	assert_string_equal(f->err.text, "QMP device_del: QEMU answered DeviceNotFound: no fs0");
	assert_null(f->reply);
	assert_int_equal(command(f, "query-status"), -EREMOTEIO);
	assert_int_equal(command(f, "query-status"), 0);
	assert_played(f);
}

static void fake_events_first(struct fake *f)
{
	/* In pieces, and with an event before each reply. */
	fake_say(f, "{\"event\":\"EARLY\"}\n");
	fake_hear_end(f);
}

static void fake_events(struct fake *f)
{
	fake_say(f, GREETING "\n");
	fake_hear(f, "qmp_capabilities");
	fake_say(f, "{\"event\":\"EARLY\"}\n{\"ret");
	fake_say(f, "urn\":{}}\n");
	fake_hear(f, "device_del");
	fake_say(f, "{\"event\":\"DEVICE_DELETED\",\"data\":{\"path\":\"/x\"}}\n"
		    "{\"event\":\"DEVICE_DELETED\",\"data\":{\"device\":\"fs1\"}}\n"
		    "{\"event\":\"DEVICE_DELETED\",\"data\":{\"device\":\"fs0\"}}\n"
		    "{\"return\":{\"n\":1}}\n");
	fake_hear(f, "now");
	fake_say(f, "{\"return\":{\"n\":2}}\n{\"event\":\"OTHER\"}\n"
		    "{\"event\":\"LATE\",\"data\":{\"a\":\"b\"}}\n");
	fake_hear_end(f);
}

/*
 * Goal: events that come meanwhile are kept, found by name and by one of their fields, and given
 * once. Method: a reply behind three events, two events behind a reply.
 */
static void events_are_kept(void **state)
{
	struct fixture *f = *state;
	const uint64_t over = 0;

	assert_int_equal(start(f, fake_events, soon()), 0);
	assert_int_equal(command(f, "device_del"), 0);
	assert_int_equal(json_integer_value(json_object_get(f->reply, "n")), 1);
	/* Kept ones need no time. */
	assert_int_equal(qmp_wait_event(f->qmp, "DEVICE_DELETED", "device", "fs0", over, &f->err),
			 0);
	assert_int_equal(qmp_wait_event(f->qmp, "DEVICE_DELETED", "device", "fs0", over, &f->err),
			 -ETIMEDOUT);
	assert_says(f, "waiting for QMP event DEVICE_DELETED");
	assert_int_equal(qmp_wait_event(f->qmp, "DEVICE_DELETED", "device", "fs1", over, &f->err),
			 0);
	assert_int_equal(qmp_wait_event(f->qmp, "EARLY", NULL, NULL, over, &f->err), 0);
	assert_int_equal(qmp_wait_event(f->qmp, "DEVICE_DELETED", NULL, NULL, over, &f->err), 0);
	assert_int_equal(command(f, "now"), 0);
	assert_int_equal(json_integer_value(json_object_get(f->reply, "n")), 2);
	assert_int_equal(qmp_wait_event(f->qmp, "LATE", "a", "b", soon(), &f->err), 0);
	assert_int_equal(qmp_wait_event(f->qmp, "OTHER", NULL, NULL, over, &f->err), 0);
	assert_played(f);
}

static void fake_many_events(struct fake *f)
{
	fake_greet(f);
	fake_hear(f, "go");
	for (unsigned i = 0; i < QMP_EVENTS_MAX + 10; i++) {
		char line[64];

		(void)snprintf(line, sizeof(line), "{\"event\":\"E\",\"data\":{\"n\":\"%u\"}}\n",
			       i);
		fake_say(f, line);
	}
	fake_say(f, "{\"return\":{}}\n");
	fake_hear_end(f);
}

/* Goal: of too many events the newest are kept. Method: ten more than fit, then look for each. */
static void event_overflow(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(start(f, fake_many_events, soon()), 0);
	assert_int_equal(command(f, "go"), 0);
	for (unsigned i = 0; i < QMP_EVENTS_MAX + 10; i++) {
		char n[16];

		(void)snprintf(n, sizeof(n), "%u", i);
		assert_int_equal(qmp_wait_event(f->qmp, "E", "n", n, 0, &f->err),
				 i < 10 ? -ETIMEDOUT : 0);
	}
	assert_played(f);
}

static void fake_silent(struct fake *f)
{
	fake_greet(f);
	fake_hear(f, "query-status");
	fake_hear_end(f);
}

static void fake_mute(struct fake *f)
{
	fake_hear_end(f);
}

/* Goal: a peer that says nothing costs a deadline. Method: silence before and after the greeting. */
static void timeouts(void **state)
{
	struct fixture *f = *state;
	uint64_t before = clock_now_ns();

	assert_int_equal(start(f, fake_mute, clock_deadline_ms(SHORT_MS)), -ETIMEDOUT);
	assert_null(f->qmp);
	/* Our descriptor was closed: the fake hears the end. */
	assert_played(f);
	assert_int_equal(start(f, fake_silent, soon()), 0);
	assert_int_equal(qmp_command(f->qmp, "query-status", NULL, -1, clock_deadline_ms(SHORT_MS),
				     NULL, &f->err),
			 -ETIMEDOUT);
	assert_string_equal(f->err.text, "QMP query-status: QEMU did not answer over QMP in time");
	assert_in_range(clock_now_ns() - before, 2 * SHORT_MS * NS_PER_MS, PATIENCE_MS * NS_PER_MS);
	assert_played(f);
}

static void fake_ends(struct fake *f)
{
	fake_greet(f);
	fake_hear(f, "quit");
}

static void fake_ends_at_once(struct fake *f)
{
	(void)f;
}

static void fake_ends_in_a_line(struct fake *f)
{
	fake_greet(f);
	fake_hear(f, "quit");
	fake_say(f, "{\"return\":");
}

/* Goal: a peer that is gone is told from one that is slow. Method: it ends at three points. */
static void peer_ends(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(start(f, fake_ends_at_once, soon()), -ECONNRESET);
	assert_played(f);
	assert_int_equal(start(f, fake_ends, soon()), 0);
	assert_int_equal(command(f, "quit"), -ECONNRESET);
	assert_says(f, "it ended");
	/* and again, now that sending fails */
	assert_int_equal(command(f, "quit"), -ECONNRESET);
	assert_int_equal(qmp_wait_event(f->qmp, "X", NULL, NULL, soon(), &f->err), -ECONNRESET);
	assert_played(f);
	assert_int_equal(start(f, fake_ends_in_a_line, soon()), 0);
	assert_int_equal(command(f, "quit"), -ECONNRESET);
	assert_played(f);
}

static void fake_endless_line(struct fake *f)
{
	char chunk[4097];

	memset(chunk, ' ', sizeof(chunk) - 1);
	chunk[sizeof(chunk) - 1] = '\0';
	fake_greet(f);
	fake_hear(f, "go");
	/* Ends when the other side has had enough (FAKE_CLOSED), or after 64 MiB. */
	for (unsigned i = 0; i < 16384; i++)
		fake_say(f, chunk);
}

/* Goal: a line without end does not fill memory. Method: send one until we are cut off. */
static void line_limit(void **state)
{
	struct fixture *f = *state;
	int status;

	assert_int_equal(start(f, fake_endless_line, soon()), 0);
	assert_int_equal(command(f, "go"), -EPROTO);
	assert_says(f, "QMP line of more than 4 MiB");
	f->qmp = qmp_close(f->qmp);
	assert_int_equal(waitpid(f->fake, &status, 0), f->fake);
	f->fake = 0;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == FAKE_CLOSED);
}

static void fake_garbage(struct fake *f)
{
	static const char *const lines[] = { "hello\n",	       "[1]\n", "\n",
					     "{\"return\":\n", "5\n",	"{\"a\":\"\377\"}\n" };

	fake_greet(f);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		fake_hear(f, "go");
		fake_say(f, lines[i]);
	}
	fake_hear_end(f);
}

static void fake_shell(struct fake *f)
{
	fake_say(f, "{\"hello\":\"I am no QMP\"}\n");
	fake_hear_end(f);
}

static void fake_no_capabilities(struct fake *f)
{
	fake_say(f, GREETING "\n");
	fake_hear(f, "qmp_capabilities");
	fake_say(f, "{\"error\":{\"class\":\"GenericError\",\"desc\":\"no\"}}\n");
	fake_hear_end(f);
}

/* Goal: what is no QMP is refused with what it said. Method: six bad lines, three bad openings. */
static void garbage(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(start(f, fake_garbage, soon()), 0);
	assert_int_equal(command(f, "go"), -EPROTO);
	assert_string_equal(f->err.text, "QMP go: QMP sent what is no JSON object: hello");
	for (unsigned i = 1; i < 6; i++)
		assert_int_equal(command(f, "go"), -EPROTO);
	assert_played(f);
	assert_int_equal(start(f, fake_shell, soon()), -EPROTO);
	assert_says(f, "did not greet as QMP");
	assert_played(f);
	assert_int_equal(start(f, fake_events_first, soon()), -EPROTO);
	assert_played(f);
	assert_int_equal(start(f, fake_no_capabilities, soon()), -EREMOTEIO);
	assert_says(f, "qmp_capabilities");
	assert_played(f);
	assert_null(f->qmp);
}

static void fake_takes_fd(struct fake *f)
{
	char line[256] = { 0 };
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { .iov_base = line, .iov_len = sizeof(line) - 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	int fd;

	fake_greet(f);
	if (recvmsg(f->fd, &msg, 0) <= 0 || !strstr(line, "\"fdname\":\"state\""))
		_exit(FAKE_UNEXPECTED);
	f->heard++;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
		_exit(FAKE_UNEXPECTED);
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	if (write(fd, "through", 7) != 7)
		_exit(FAKE_UNEXPECTED);
	fake_say(f, "{\"return\":{}}\n");
	/* the next command brings none */
	msg.msg_controllen = sizeof(control);
	if (recvmsg(f->fd, &msg, 0) <= 0 || CMSG_FIRSTHDR(&msg))
		_exit(FAKE_UNEXPECTED);
	f->heard++;
	fake_say(f, "{\"return\":{}}\n");
	fake_hear_end(f);
}

/* Goal: a descriptor goes along with its command. Method: the fake writes into the one it got. */
static void passes_a_descriptor(void **state)
{
	struct fixture *f = *state;
	char seen[8] = { 0 };
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(start(f, fake_takes_fd, soon()), 0);
	assert_int_equal(qmp_command(f->qmp, "getfd", json_pack("{s:s}", "fdname", "state"), fds[1],
				     soon(), NULL, &f->err),
			 0);
	/* Borrowed: still open here. */
	assert_int_equal(close(fds[1]), 0);
	assert_int_equal(read(fds[0], seen, sizeof(seen)), 7);
	assert_string_equal(seen, "through");
	assert_int_equal(command(f, "query-status"), 0);
	assert_int_equal(close(fds[0]), 0);
	assert_played(f);
}

/* Goal: the log holds both directions. Method: log one command into memory. */
static void fake_late(struct fake *f)
{
	static const char both[] = "{\"id\":2,\"return\":{\"n\":1}}\n"
				   "{\"id\":3,\"return\":{\"n\":2}}\n";

	fake_greet(f);
	fake_hear(f, "\"slow\"");
	fake_hear(f, "\"quick\"");
	fake_send(f, both, strlen(both));
	fake_hear_end(f);
}

/* A reply to a command that was given up must not answer the next one. */
static void late_reply(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(start(f, fake_late, soon()), 0);
	assert_int_equal(
		qmp_command(f->qmp, "slow", NULL, -1, clock_deadline_ms(1), &f->reply, &f->err),
		-ETIMEDOUT);
	assert_int_equal(qmp_command(f->qmp, "quick", NULL, -1, soon(), &f->reply, &f->err), 0);
	assert_int_equal(json_integer_value(json_object_get(f->reply, "n")), 2);
	assert_played(f);
}

static void log_of_lines(void **state)
{
	struct fixture *f = *state;
	char *text = NULL;
	size_t size = 0;

	assert_int_equal(start(f, fake_answers, soon()), 0);
	qmp_set_log(f->qmp, open_memstream(&text, &size));
	assert_int_equal(command(f, "query-status"), 0);
	qmp_set_log(f->qmp, NULL);
	assert_string_equal(text, "> {\"execute\":\"query-status\",\"id\":2}\n"
				  "< {\"id\":2,\"return\":{\"status\":\"running\"}}\n");
	free(text);
}

/* Goal: closing nothing is fine. Method: close NULL. */
static void close_nothing(void **state)
{
	(void)state;
	assert_null(qmp_close(NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void script_bare(struct fake *f)
{
	fake_say(f, GREETING_BARE "\r\n");
	fake_hear(f, "{\"execute\":\"qmp_capabilities\"}\n");
	fake_say(f, "{\"return\":{}}\r\n");
}

/* Goal: the version is that of the greeting, and nothing where it has none. Method: two greetings. */
static void version(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(start(f, fake_greet, soon()), 0);
	assert_string_equal(qmp_version(f->qmp), "11.1.3");
	assert_played(f);
	assert_int_equal(start(f, script_bare, soon()), 0);
	assert_string_equal(qmp_version(f->qmp), "");
	assert_played(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(commands_and_replies),
		TEST(error_replies),
		TEST(events_are_kept),
		TEST(event_overflow),
		TEST(timeouts),
		TEST(peer_ends),
		TEST(line_limit),
		TEST(garbage),
		TEST(passes_a_descriptor),
		TEST(log_of_lines),
		TEST(close_nothing),
		TEST(late_reply),
		TEST(version),
	};

	(void)alarm(PATIENCE_S);
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
