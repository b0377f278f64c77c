// SPDX-License-Identifier: Apache-2.0
/* Messages between the device and its broker, when the kernel has no room for their descriptors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conformance/ref/broker/message.h"

#define NOBODY	  65534
#define FEW	  16
#define CROWD	  200
#define RELIEF_US 200000

static int crowd[2]; /* a pair whose reader does not read */

/* Descriptors that nobody takes, until the kernel has enough of them. True when it had. */
static bool fill(int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec io = { .iov_base = control, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &io,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	*(int *)(void *)CMSG_DATA(c) = fd;
	for (int i = 0; i < CROWD; i++)
		if (sendmsg(crowd[0], &m, MSG_DONTWAIT) < 0)
			return errno == ETOOMANYREFS;
	return false;
}

static void *relieve(void *arg)
{
	(void)usleep(RELIEF_US);
	(void)close(crowd[0]);
	(void)close(crowd[1]);
	return arg;
}

/* A step's number, or 0: an assert of a child is nobody's. */
static int send_in_a_crowd(bool relieved)
{
	const struct rlimit few = { FEW, FEW };
	int pair[2];
	int got = -1;
	char byte = 'x';
	int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pthread_t thread;

	if (setrlimit(RLIMIT_NOFILE, &few) < 0 || (geteuid() == 0 && setuid(NOBODY) < 0))
		return 1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0 ||
	    socketpair(AF_UNIX, SOCK_DGRAM, 0, crowd) < 0 || file < 0)
		return 2;
	if (!fill(file))
		return 3;
	if (relieved && pthread_create(&thread, NULL, relieve, NULL) != 0)
		return 4;
	if (message_send(pair[0], &byte, 1, file, 0) != (relieved ? 0 : -ETOOMANYREFS))
		return 5;
	if (relieved && (message_receive(pair[1], &byte, 1, &got) != 0 || got < 0))
		return 6;
	return 0;
}

static int in_a_child(bool relieved)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(send_in_a_crowd(relieved));
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Goal: what others have in flight ends no device. Method: more in flight than allowed; soon they are gone. */
static void a_crowd_is_waited_for(void **state)
{
	(void)state;
	assert_int_equal(in_a_child(true), 0);
}

/* Goal: but not for ever. */
static void a_crowd_that_stays_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(in_a_child(false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crowd_is_waited_for),
		cmocka_unit_test(a_crowd_that_stays_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
