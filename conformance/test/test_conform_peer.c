// SPDX-License-Identifier: Apache-2.0
/*
 * Bad input to virtiofs-conform: peers that are no daemon (fakes, in processes of their own), programs that end at
 * once, wrong words. Each is a clear BROKEN or an error that says what to do; never a hang, a crash or a PASS.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "conformance/test/conform_cli.h"

#define USAGE  2
#define BROKEN 3
#define CHECK  "names.lookup-found"

/* ---- fakes: what is at the other end of the socket ---- */

static void fake_silent(int fd)
{
	char byte;

	while (read(fd, &byte, 1) > 0)
		;
}

static void fake_leaving(int fd)
{
	(void)fd;
}

static void fake_nonsense(int fd)
{
	char noise[4096];

	memset(noise, 0x5a, sizeof(noise));
	(void)!write(fd, noise, sizeof(noise));
	fake_silent(fd);
}

/* Replies of the right form, twenty to each message. */
static void fake_chatty(int fd)
{
	uint8_t message[12 + 8] = { 0 };
	uint8_t got[4096];
	ssize_t n;

	while ((n = read(fd, got, sizeof(got))) > 0) {
		memcpy(message, got, 4);
		message[4] = 5; /* version 1, reply */
		message[8] = 8;
		for (unsigned i = 0; i < 20; i++)
			(void)!write(fd, message, sizeof(message));
	}
}

/* A header that promises more than there ever can be. */
static void fake_huge(int fd)
{
	uint8_t header[12] = { 1, 0, 0, 0, 5, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f };

	(void)!write(fd, header, sizeof(header));
	fake_silent(fd);
}

static void against(void (*fake)(int fd))
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/vq-test-peer-XXXXXX";
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct outcome o;
	pid_t pid;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/s", dir);
	assert_return_code(bind(s, (struct sockaddr *)&at, sizeof(at)), errno);
	assert_return_code(listen(s, 4), errno);
	pid = fork();
	if (pid == 0) {
		(void)signal(SIGPIPE, SIG_IGN);
		for (;;) {
			int fd = accept(s, NULL, NULL);

			fake(fd);
			(void)close(fd);
		}
	}
	CONFORM(&o, "--socket", at.sun_path, "--timeout", "300", "--only", CHECK);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	(void)close(s);
	(void)unlink(at.sun_path);
	(void)rmdir(dir);
	expect(&o, BROKEN, "BROKEN " CHECK);
}

static void peers(void **state)
{
	static void (*const fakes[])(int fd) = { fake_silent, fake_leaving, fake_nonsense,
						 fake_chatty, fake_huge };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fakes); i++)
		against(fakes[i]);
}

static void programs(void **state)
{
	struct outcome o;

	(void)state;
	CONFORM(&o, "--daemon", "/bin/false {share} {fd}", "--only", CHECK, "--timeout", "300");
	expect(&o, BROKEN, "exited:1");
	CONFORM(&o, "--daemon", "/no/such/daemon {share} {fd}", "--only", CHECK);
	expect(&o, BROKEN, "No such file");
	CONFORM(&o, "--daemon", "/bin/sleep 100 {share} {socket}", "--only", CHECK, "--timeout",
		"300");
	expect(&o, BROKEN, "BROKEN " CHECK);
	CONFORM(&o, "--socket", "/no/such/socket", "--only", CHECK, "--timeout", "300");
	expect(&o, BROKEN, "/no/such/socket");
}

static void words(void **state)
{
	struct outcome o;

	(void)state;
	CONFORM(&o, "--only", CHECK);
	expect(&o, USAGE, "--stack");
	CONFORM(&o, "--stack", "nothing");
	expect(&o, USAGE, "refdev");
	CONFORM(&o, "--daemon", "/bin/false");
	expect(&o, USAGE, "{share}");
	CONFORM(&o, "--daemon", "/bin/false 'x {share}");
	expect(&o, USAGE, "quote");
	CONFORM(&o, "--socket", "/x", "--only", "nothing.*");
	expect(&o, USAGE, "--list");
	CONFORM(&o, "--socket", "/x", "--jobs", "0");
	expect(&o, USAGE, "--jobs");
	CONFORM(&o, "--socket", "/x", "--format", "xml");
	expect(&o, USAGE, "junit");
	CONFORM(&o, "--level", "OUGHT", "--socket", "/x");
	expect(&o, USAGE, "DEFACTO");
	CONFORM(&o, "explain", "nothing");
	expect(&o, USAGE, "no such check");
	CONFORM(&o, "--nonsense");
	expect(&o, USAGE, "--nonsense");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(peers),
		cmocka_unit_test(programs),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests_name("conform_peer", tests, NULL, NULL);
}
