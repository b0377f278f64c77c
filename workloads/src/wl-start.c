// SPDX-License-Identifier: Apache-2.0
/*
 * wl-start DIR COUNT - run the programs DIR/vq.data/pNNN/hello, one after the other, and compare
 * what each prints with the configuration that lies beside it. Each once; with VQ_REPEAT=1
 * again and again until there are enough starts for a median, or the time (VQ_TIME, "500ms") is
 * over. Prints one JSON object.
 */
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../wl.h"

#define PROGRAM	      "wl-start"
#define COUNT_MAX     999UL
#define STARTS_WANTED 200UL /* a median needs 100 samples beyond it */
#define TEXT_SIZE     256

static char *const no_environment[] = { NULL };

static void __attribute__((noreturn)) wrong(const char *path, const char *what)
{
	(void)fprintf(stderr, PROGRAM ": %s: %s\n", path, what);
	exit(1);
}

/* One start; @ret_said is what the program printed. */
static uint64_t start_one(const char *path, char *ret_said)
{
	char *argv[] = { (char *)(uintptr_t)path, NULL };
	posix_spawn_file_actions_t actions;
	size_t said = 0;
	int status = 0;
	int fds[2];
	pid_t pid;
	uint64_t start = wl_now_ns();
	ssize_t n;

	if (pipe2(fds, O_CLOEXEC) < 0 || posix_spawn_file_actions_init(&actions) != 0 ||
	    posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO) != 0)
		wl_die(PROGRAM, "pipe");
	errno = posix_spawn(&pid, path, &actions, NULL, argv, no_environment);
	if (errno)
		wl_die(PROGRAM, path);
	(void)close(fds[1]);
	while ((n = read(fds[0], ret_said + said, TEXT_SIZE - 1 - said)) > 0)
		said += (size_t)n;
	(void)close(fds[0]);
	if (n < 0 || waitpid(pid, &status, 0) != pid)
		wl_die(PROGRAM, "wait");
	ret_said[said] = '\0';
	(void)posix_spawn_file_actions_destroy(&actions);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		wrong(path, "did not end with 0");
	return wl_now_ns() - start;
}

int main(int argc, char **argv)
{
	struct wl_samples samples;
	unsigned long count;
	unsigned long wanted;
	uint64_t ns = 0;

	if (argc != 3) {
		(void)fprintf(stderr, "usage: " PROGRAM " DIR COUNT\n");
		return 2;
	}
	count = wl_number(PROGRAM, argv[2], 1, COUNT_MAX);
	wanted = wl_repeat_ns() && count < STARTS_WANTED ? STARTS_WANTED : count;
	wl_samples_room(PROGRAM, &samples, wanted);
	/* Each at least once. */
	for (unsigned long i = 0; i < wanted && (i < count || ns < wl_repeat_ns()); i++) {
		char path[4096];
		char want[TEXT_SIZE];
		char said[TEXT_SIZE];

		if ((size_t)snprintf(path, sizeof(path), "%s/vq.data/p%03lu/hello", argv[1],
				     i % count) >= sizeof(path))
			wrong(argv[1], "the path is too long");
		samples.ns[samples.n] = start_one(path, said);
		ns += samples.ns[samples.n++];
		(void)snprintf(want, sizeof(want), "answer-%03lu\n", i % count);
		if (strcmp(said, want) != 0)
			wrong(path, "printed something else than its configuration says");
	}
	(void)printf("{\"programs\": %lu, \"starts\": %zu, \"ns\": %llu, \"rate\": %.3f, "
		     "\"lat_ns\": ",
		     count, samples.n, (unsigned long long)ns, wl_rate((double)samples.n, ns));
	wl_samples_print(&samples);
	(void)printf("}\n");
	return fflush(stdout) == 0 ? 0 : 1;
}
