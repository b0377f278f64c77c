// SPDX-License-Identifier: Apache-2.0
/* Where front ends connect: stale, live and foreign sockets, ends by signal or by the last front end, --fd. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "conformance/test/test_ref_frontend.h"

static const struct ref_options plain = { .fd = -1, .queues = 1 };

struct fixture {
	char dir[64];
	char path[96];
	struct err err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	ref_log_set_level(REF_LOG_ERROR);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/vq-port-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	(void)snprintf(f->path, sizeof(f->path), "%s/socket", f->dir);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)unlink(f->path);
	(void)rmdir(f->dir);
	free(f);
	return 0;
}

static int listen_at(const char *path, int *ret)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	*ret = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return bind(*ret, (struct sockaddr *)&at, sizeof(at)) | listen(*ret, 1);
}

/* A socket that nobody holds is replaced; one that somebody holds is not even touched. */
static void test_stale_and_live(void **state)
{
	struct fixture *f = *state;
	struct vhost_port *p = NULL;
	struct stat st;
	int fd;

	assert_int_equal(listen_at(f->path, &fd), 0);
	assert_int_equal(vhost_port_open(&plain, f->path, &p, &f->err), -EADDRINUSE);
	assert_non_null(strstr(f->err.text, f->path));
	/* The one who listens has seen no connection. */
	assert_false(front_readable(fd, 20));
	(void)close(fd);
	assert_int_equal(vhost_port_open(&plain, f->path, &p, &f->err), 0);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0077, 0);
	p = vhost_port_close(p);
	assert_int_equal(stat(f->path, &st), -1);
}

static void test_no_socket_there(void **state)
{
	struct fixture *f = *state;
	struct vhost_port *p = NULL;
	char longer[200];
	FILE *file = fopen(f->path, "we");

	assert_non_null(file);
	(void)fclose(file);
	assert_int_equal(vhost_port_open(&plain, f->path, &p, &f->err), -EEXIST);
	assert_int_equal(vhost_port_open(&plain, "/nonexistent/socket", &p, &f->err), -ENOENT);
	(void)snprintf(longer, sizeof(longer), "%0150d", 0);
	assert_int_equal(vhost_port_open(&plain, longer, &p, &f->err), -ENAMETOOLONG);
	assert_null(p);
}

/* Somebody else's socket in our place is not ours to remove. */
static void test_removes_only_its_own(void **state)
{
	struct fixture *f = *state;
	struct vhost_port *p = NULL;
	struct stat st;
	int fd;

	assert_int_equal(vhost_port_open(&plain, f->path, &p, &f->err), 0);
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(listen_at(f->path, &fd), 0);
	p = vhost_port_close(p);
	assert_int_equal(stat(f->path, &st), 0);
	(void)close(fd);
}

static struct front *front_new(bool once)
{
	struct front *f = calloc(1, sizeof(*f));

	f->once = once;
	assert_int_equal(front_open(f, &plain), 0);
	return f;
}

static bool thread_ends(struct front *f, unsigned s)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += s;
	return pthread_timedjoin_np(f->thread, NULL, &at) == 0;
}

static void front_free(struct front *f)
{
	f->port = vhost_port_close(f->port);
	front_close(f);
	free(f);
}

/* virtiofsd's convention: the daemon leaves with its front end. */
static void test_once(void **state)
{
	struct front *f = front_new(true);

	(void)state;
	assert_int_equal(front_start(f, F_BASE, P(REPLY_ACK) | P(CONFIGURE_MEM_SLOTS), 16), 0);
	fd_closep(&f->fd);
	assert_true(thread_ends(f, 5));
	assert_int_equal(f->result, 0);
	front_free(f);
}

/* The end comes at once, whether somebody is connected or not, and also when a request is blocked. */
static void test_stop(void **state)
{
	const uint64_t one = 1;

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct front *f = front_new(false);
		uint64_t start;

		if (i > 0)
			assert_int_equal(
				front_start(f, F_BASE, P(REPLY_ACK) | P(CONFIGURE_MEM_SLOTS), 16),
				0);
		if (i > 1) {
			(void)front_request(f, 1, 0, OP_BLOCK, 1);
			assert_true(front_until(&f->fs.blocked, 1, WAIT_MS));
		}
		start = clock_now_ns();
		assert_int_equal(write(f->stop, &one, sizeof(one)), sizeof(one));
		assert_true(thread_ends(f, 5));
		assert_true(clock_now_ns() - start < 2 * NS_PER_S);
		assert_int_equal(f->fs.dropped, i == 1);
		/* What is blocked is left to the process: its memory stays, the socket goes. */
		f->port = vhost_port_close(f->port);
		assert_int_equal(access(f->path, F_OK), -1);
		if (i < 2)
			front_free(f);
	}
}

/* --fd: a socket that listens, or one that a front end is at already. */
static void test_passed_socket(void **state)
{
	struct fixture *t = *state;

	for (int i = 0; i < 2; i++) {
		struct ref_options o = plain;
		struct front f = {
			.once = true,
			.handler = { .request = fake_request, .drop = fake_drop, .context = &f.fs }
		};
		int pair[2] = { -1, -1 };

		f.stop = eventfd(0, EFD_CLOEXEC);
		if (i == 0) {
			(void)snprintf(f.path, sizeof(f.path), "%s", t->path);
			assert_int_equal(listen_at(t->path, &o.fd), 0);
		} else {
			assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair),
					 0);
			o.fd = pair[0];
		}
		assert_int_equal(vhost_port_open(&o, NULL, &f.port, &t->err), 0);
		assert_int_equal(pthread_create(&f.thread, NULL, front_port_thread, &f), 0);
		if (i == 0)
			assert_int_equal(front_connect(&f), 0);
		else
			f.fd = pair[1];
		assert_true(front_get_u64(&f, VHOST_USER_GET_FEATURES) > 0);
		fd_closep(&f.fd);
		assert_true(thread_ends(&f, 5));
		assert_int_equal(f.result, 0);
		f.port = vhost_port_close(f.port);
		fd_closep(&f.stop);
		assert_int_equal(access(t->path, F_OK), i == 0 ? 0 : -1);
		(void)unlink(t->path);
	}
}

static void test_passed_nonsense(void **state)
{
	struct fixture *t = *state;
	struct ref_options o = plain;
	struct vhost_port *p;

	o.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(vhost_port_open(&o, NULL, &p, &t->err), -ENOTSOCK);
	(void)close(o.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stale_and_live, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_socket_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removes_only_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(test_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_passed_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(test_passed_nonsense, setup, teardown),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
