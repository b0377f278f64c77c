// SPDX-License-Identifier: Apache-2.0
/*
 * The same file system under the FUSE client of this machine's kernel: a private mount whose requests are handed
 * over as a ring would. Needs root and /dev/fuse, else it is skipped. The mount lives in a namespace of its own,
 * and who serves it in a process of its own: when that one is killed, every request ends.
 */
#include "conformance/test/test_ref_fs.h"

#include "conformance/test/test_ref_fs_dax.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/xattr.h>

#define SERVERS	   3
#define DEADLINE_S 60

static struct ref_handler handler;
static int fuse_fd;

static void *serve(void *arg)
{
	uint8_t *in = malloc(MESSAGE_MAX);
	uint8_t *out = malloc(MESSAGE_MAX);

	while (in && out) {
		ssize_t n = read(fuse_fd, in, MESSAGE_MAX);
		struct iovec from = { .iov_base = in, .iov_len = (size_t)n };
		struct iovec to = { .iov_base = out, .iov_len = MESSAGE_MAX };
		struct ring_slot slot = {
			.r = { .in = &from,
			       .out = &to,
			       .in_count = 1,
			       .out_count = 1,
			       .in_bytes = (size_t)n,
			       .out_bytes = MESSAGE_MAX,
			       .queue = 1 },
		};

		/* EPERM: not mounted yet. */
		if (n < 0 &&
		    (errno == EPERM || errno == EINTR || errno == ENOENT || errno == EAGAIN))
			continue;
		if (n < 0)
			break;
		handler.request(handler.context, &slot.r);
		if (slot.used > 0 && write(fuse_fd, out, slot.used) < 0 && errno != ENOENT)
			_exit(3);
	}
	free(in);
	free(out);
	return arg;
}

static void __attribute__((noreturn)) server(const struct ref_options *o)
{
	struct ref_fs *fs;
	struct ref_session *s;
	struct err err;
	pthread_t thread[SERVERS];

	if (ref_fs_open(o, &fs, &err) < 0 || ref_session_new(fs, NULL, &s, &handler, &err) < 0)
		_exit(1);
	for (unsigned i = 0; i < SERVERS; i++)
		(void)pthread_create(&thread[i], NULL, serve, NULL);
	for (unsigned i = 0; i < SERVERS; i++)
		(void)pthread_join(thread[i], NULL);
	(void)ref_session_free(s);
	(void)ref_fs_close(fs);
	_exit(0);
}

/* ---- what an application does; in a process of its own, its exit status is the line that failed ---- */

#define MUST(x)                          \
	do {                             \
		if (!(x))                \
			return __LINE__; \
	} while (0)

static int app_files(void)
{
	char text[64] = "";
	int fd = open("f", O_RDWR | O_CREAT | O_EXCL, 0640);
	struct stat st;

	MUST(fd >= 0 && write(fd, "hello, host", 11) == 11);
	MUST(pread(fd, text, sizeof(text), 7) == 4 && memcmp(text, "host", 4) == 0);
	MUST(open("f", O_RDWR | O_CREAT | O_EXCL, 0640) < 0 && errno == EEXIST);
	MUST(fsync(fd) == 0 && ftruncate(fd, 5) == 0 && fstat(fd, &st) == 0 && st.st_size == 5);
	MUST(link("f", "g") == 0 && rename("g", "h") == 0 && unlink("f") == 0);
	MUST(fstat(fd, &st) == 0 && st.st_nlink == 1);
	MUST(unlink("h") == 0 && pread(fd, text, 5, 0) == 5 && close(fd) == 0);
	MUST(symlink("h", "l") == 0 && readlink("l", text, sizeof(text)) == 1);
	fd = open(".", O_TMPFILE | O_RDWR, 0600);
	MUST(fd >= 0 && write(fd, "x", 1) == 1);
	(void)snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
	MUST(linkat(AT_FDCWD, text, AT_FDCWD, "kept", AT_SYMLINK_FOLLOW) == 0);
	MUST(stat("kept", &st) == 0 && st.st_size == 1 && close(fd) == 0);
	fd = open("a", O_WRONLY | O_CREAT | O_APPEND, 0600);
	MUST(write(fd, "1", 1) == 1 && write(fd, "2", 1) == 1 && lseek(fd, 0, SEEK_CUR) == 2);
	MUST(setxattr("a", "user.x", "value", 5, 0) == 0 || errno == EOPNOTSUPP);
	MUST(close(fd) == 0);
	return 0;
}

static int app_folder(void)
{
	char name[32];
	unsigned n = 0;
	DIR *d;

	MUST(mkdir("d", 0755) == 0);
	for (unsigned i = 0; i < 700; i++) {
		(void)snprintf(name, sizeof(name), "d/file-%u", i);
		MUST(close(open(name, O_WRONLY | O_CREAT, 0600)) == 0);
	}
	for (int round = 0; round < 2; round++) {
		struct dirent *e;
		struct stat st;

		n = 0;
		d = opendir("d");
		MUST(d != NULL);
		while ((e = readdir(d))) {
			MUST(fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0);
			MUST(st.st_ino == e->d_ino || strcmp(e->d_name, "..") == 0);
			n++;
		}
		MUST(n == 702 && closedir(d) == 0);
	}
	for (unsigned i = 0; i < 700; i++) {
		(void)snprintf(name, sizeof(name), "d/file-%u", i);
		MUST(unlink(name) == 0);
	}
	MUST(rmdir("d") == 0);
	return 0;
}

static int app_user(void)
{
	struct stat st;

	MUST(chmod(".", 01777) == 0 && mkdir("g", 0) == 0);
	MUST(chown("g", 0, 4010) == 0 && chmod("g", 02770) == 0);
	MUST(setgroups(1, (gid_t[]){ 4010 }) == 0 && setresgid(4002, 4002, 4002) == 0);
	MUST(setresuid(4001, 4001, 4001) == 0);
	MUST(mkdir("mine", 0777) == 0 && stat("mine", &st) == 0);
	MUST(st.st_uid == 4001 && st.st_gid == 4002);
	MUST(rmdir("kept") < 0 && unlink("kept") < 0 && errno == EPERM);
	/* Only as a member of a group that is not his first; a kernel before 6.3 has no way to say so. */
	if (mkdir("g/x", 0777) == 0) {
		MUST(stat("g/x", &st) == 0 && st.st_gid == 4010 && (st.st_mode & S_ISGID));
	}
	return 0;
}

static int app_map(void)
{
	int fd = open("m", O_RDWR | O_CREAT, 0600);
	char *p, text[4];

	MUST(fd >= 0 && ftruncate(fd, 8192) == 0);
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(p != MAP_FAILED);
	memcpy(p + 4096, "here", 4);
	MUST(msync(p, 8192, MS_SYNC) == 0 && munmap(p, 8192) == 0);
	MUST(pread(fd, text, 4, 4096) == 4 && memcmp(text, "here", 4) == 0 && close(fd) == 0);
	return 0;
}

static int run_app(const char *mount_point, int (*app)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		int line;

		(void)alarm(DEADLINE_S);
		if (chdir(mount_point) < 0)
			_exit(255);
		line = app();
		if (line)
			(void)fprintf(stderr, "line %d: %s\n", line, strerror(errno));
		_exit(line != 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

static bool mount_here(const char *mount_point)
{
	char options[128];

	(void)snprintf(options, sizeof(options),
		       "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions",
		       fuse_fd);
	return mount("refdev", mount_point, "fuse", MS_NOSUID | MS_NODEV, options) == 0;
}

/* In a process that has left our mount namespace. Returns its exit status: 77 is a machine that cannot do it. */
static int in_namespace(const struct ref_options *o, const char *mount_point)
{
	static int (*const apps[])(void) = { app_files, app_folder, app_user, app_map };
	bool maps = o->cache == REF_CACHE_AUTO || o->cache == REF_CACHE_ALWAYS;
	int bad = 0;
	pid_t pid;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 77;
	fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fuse_fd < 0)
		return 77;
	pid = fork();
	if (pid == 0)
		server(o);
	if (!mount_here(mount_point))
		bad = 77;
	(void)close(fuse_fd);
	for (size_t i = 0; i < ARRAY_SIZE(apps) && !bad; i++) {
		if (apps[i] != app_map || maps)
			bad |= run_app(mount_point, apps[i]) != 0;
	}
	(void)umount2(mount_point, MNT_DETACH);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return bad;
}

static void check_mount(struct ref_options o)
{
	char share[] = "/tmp/vq-ref-fs-k-XXXXXX";
	char mount_point[] = "/tmp/vq-ref-fs-m-XXXXXX";
	int status = 0;
	struct err err;
	pid_t pid;

	assert_non_null(mkdtemp(share));
	assert_non_null(mkdtemp(mount_point));
	assert_int_equal(chmod(mount_point, 0755), 0);
	o.shared_dir = share;
	pid = fork();
	if (pid == 0)
		_exit(in_namespace(&o, mount_point));
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	assert_int_equal(rmdir(mount_point), 0);
	assert_int_equal(fs_remove_tree(share, &err), 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

#define MOUNT_TEST(name, ...)                                     \
	static void name(void **state)                            \
	{                                                         \
		(void)state;                                      \
		check_mount((struct ref_options){ __VA_ARGS__ }); \
	}

MOUNT_TEST(test_never, .cache = REF_CACHE_NEVER, .xattr = true)
MOUNT_TEST(test_metadata, .cache = REF_CACHE_METADATA)
MOUNT_TEST(test_auto, .cache = REF_CACHE_AUTO, .xattr = true, .killpriv_v2 = true)
MOUNT_TEST(test_always, .cache = REF_CACHE_ALWAYS, .posix_acl = true)
MOUNT_TEST(test_writeback, .cache = REF_CACHE_AUTO, .writeback = true)

int main(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test(test_never),	  cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_auto),	  cmocka_unit_test(test_always),
		cmocka_unit_test(test_writeback),
	};

	return cmocka_run_group_tests_name("ref_fs_kernel", list, NULL, NULL);
}
