// SPDX-License-Identifier: Apache-2.0
/*
 * vq-agent - runs programs in the guest for the host, over a virtio-serial port or a terminal.
 *
 *   vq-agent [NAME | PATH | --port NAME | --tty PATH | --fd N | --socket PATH]
 *
 * --port (also as plain argument, which is how init passes it) names the virtio-serial port,
 * default vq.agent; --tty (also as plain argument that begins with '/') a serial line or virtio
 * console, for VMMs without named ports; --fd takes a connected socket and ends with it; --socket listens on a path and
 * serves one host after the other, which is how the tests play a reconnect without a VM. Prints
 * VQ-AGENT-READY on stderr once the port is open.
 */
#include "agent_int.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_PORT "vq.agent"
/* How long the port may take to appear: 100 times what TCG needs on a loaded two-core host. */
#define PORT_DEADLINE_MS 20000
/* How long HELLO RESET waits for killed processes to be gone. */
#define RESET_DEADLINE_MS 1000

/* A HELLO that is answered when the reset is through. */
static struct {
	bool pending;
	uint64_t nonce;
	uint64_t deadline_ns;
} hello;

void agent_set_oom_score(const char *text)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		errno = 0; /* not allowed: then the OOM killer may pick anyone */
	(void)close(fd);
}

static void on_hello(const struct vqp_frame *frame)
{
	struct vqp_hello h;
	uint32_t flags;

	if (frame->size != sizeof(h)) {
		link_error(0, EINVAL, "malformed HELLO");
		return;
	}
	memcpy(&h, frame->payload, sizeof(h));
	flags = vqp_get32(h.flags);
	if (flags != VQP_HELLO_RESET && flags != VQP_HELLO_ATTACH) {
		link_error(0, EINVAL, "HELLO: either RESET or ATTACH");
		return;
	}
	file_reset();
	link_detach(flags == VQP_HELLO_RESET);
	if (flags == VQP_HELLO_RESET)
		job_reset();
	else
		job_attach();
	hello.pending = true;
	hello.nonce = vqp_get64(h.nonce);
	hello.deadline_ns = now_ns() + RESET_DEADLINE_MS * NS_PER_MS;
	if (flags == VQP_HELLO_ATTACH)
		hello.deadline_ns = 0; /* what an older reset left over is not waited for */
}

/* Returns whether the session began: what waited for it can go now. */
static bool answer_hello(void)
{
	struct vqp_hello_reply reply = { .nonce = vqp_put64(hello.nonce),
					 .version = vqp_put32(VQP_VERSION) };

	if (!hello.pending || (job_doomed() > 0 && now_ns() < hello.deadline_ns))
		return false;
	reply.job_count = vqp_put32((uint32_t)job_list(reply.jobs));
	reply.stuck_count = vqp_put32((uint32_t)job_doomed());
	link_greet(&reply);
	hello.pending = false;
	return true;
}

static void on_info(const struct vqp_frame *frame)
{
	struct vqp_info info = { 0 };
	struct timespec up = { 0 };
	struct utsname name;
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (f) {
		if (fgets(info.boot_id, sizeof(info.boot_id), f))
			info.boot_id[strcspn(info.boot_id, "\n")] = '\0';
		(void)fclose(f);
	}
	if (uname(&name) == 0)
		(void)snprintf(info.kernel, sizeof(info.kernel), "%.31s %.63s", name.sysname,
			       name.release);
	(void)clock_gettime(CLOCK_BOOTTIME, &up);
	info.uptime_ns = vqp_put64((uint64_t)up.tv_sec * NS_PER_S + (uint64_t)up.tv_nsec);
	link_send(VQP_INFO_REPLY, frame->job, &info, sizeof(info));
}

static void on_ping(const struct vqp_frame *frame)
{
	if (frame->size != sizeof(struct vqp_ping))
		link_error(frame->job, EINVAL, "malformed PING");
	else
		link_send(VQP_PONG, frame->job, frame->payload, frame->size);
}

/* One row per message that a host may send. */
static const struct {
	enum vqp_type type;
	void (*handle)(const struct vqp_frame *frame);
} handlers[] = {
	{ VQP_EXEC, job_exec },
	{ VQP_KILL, job_kill },
	{ VQP_EXIT_ACK, job_ack },
	{ VQP_PUSH_OPEN, file_push_open },
	{ VQP_PUSH_DATA, file_push_data },
	{ VQP_PUSH_END, file_push_end },
	{ VQP_PULL, file_pull },
	{ VQP_PING, on_ping },
	{ VQP_INFO, on_info },
};

static void dispatch(const struct vqp_frame *frame)
{
	if (frame->type == VQP_HELLO) {
		on_hello(frame);
		return;
	}
	/* Not from the present host, or from one that does not know the rules. */
	if (!link_resume())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++) {
		if (handlers[i].type == frame->type) {
			handlers[i].handle(frame);
			return;
		}
	}
	link_error(frame->job, ENOSYS, "message type %u is not known", frame->type);
}

/* Frames per turn: a flood from the host must not keep the jobs from their deadlines. */
#define FRAMES_PER_TURN 64

static bool take_frames(void)
{
	struct vqp_frame frame;

	for (int i = 0; i < FRAMES_PER_TURN; i++) {
		if (!link_next(&frame))
			return false;
		dispatch(&frame);
	}
	return true;
}

static int open_signals(void)
{
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGIO);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* Returns false when the agent was asked to end. */
static bool take_signals(int fd)
{
	struct signalfd_siginfo info;
	bool go_on = true;

	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			go_on = false;
	job_reap();
	return go_on;
}

static int timeout_ms(bool busy)
{
	uint64_t due = link_deadline();
	uint64_t now = now_ns();

	if (busy)
		return 0;
	if (job_deadline() < due)
		due = job_deadline();
	if (hello.pending && hello.deadline_ns < due)
		due = hello.deadline_ns;
	if (due == DEADLINE_NEVER)
		return -1;
	if (due <= now)
		return 0;
	due = (due - now + NS_PER_MS - 1) / NS_PER_MS;
	return due > 60000 ? 60000 : (int)due;
}

static int serve(int signals)
{
	struct pollfd set[POLL_MAX];

	for (;;) {
		size_t count = 1;
		bool busy;

		if (link_step() < 0)
			break;
		busy = take_frames();
		busy |= job_step();
		busy |= file_step();
		busy |= answer_hello();
		busy |= link_flush();
		set[0] = (struct pollfd){ .fd = signals, .events = POLLIN };
		count = link_poll(set, count, link_can_reply() || !link_attached());
		count = job_poll(set, count);
		if (poll(set, count, timeout_ms(busy)) < 0 && errno != EINTR)
			return -errno;
		if ((set[0].revents & POLLIN) && !take_signals(signals))
			break;
	}
	job_reset();
	file_reset();
	return 0;
}

struct options {
	enum link_kind kind;
	const char *target;
	int fd;
};

static int usage(void)
{
	(void)fprintf(
		stderr,
		"usage: vq-agent [NAME | PATH | --port NAME | --tty PATH | --fd N | --socket PATH]\n");
	return 2;
}

static int parse_options(int argc, char **argv, struct options *ret)
{
	char *end;
	long fd;

	*ret = (struct options){ .kind = LINK_PORT, .target = DEFAULT_PORT, .fd = -1 };
	if (argc == 1)
		return 0;
	if (argc == 2 && argv[1][0] != '-') {
		ret->target = argv[1];
		ret->kind = argv[1][0] == '/' ? LINK_TTY : LINK_PORT;
		return 0;
	}
	if (argc != 3)
		return -EINVAL;
	ret->target = argv[2];
	if (strcmp(argv[1], "--port") == 0)
		return 0;
	if (strcmp(argv[1], "--tty") == 0) {
		ret->kind = LINK_TTY;
		return 0;
	}
	if (strcmp(argv[1], "--socket") == 0) {
		ret->kind = LINK_LISTEN;
		return 0;
	}
	if (strcmp(argv[1], "--fd") != 0)
		return -EINVAL;
	errno = 0;
	fd = strtol(argv[2], &end, 10);
	if (errno != 0 || *end != '\0' || end == argv[2] || fd < 0 || fd > 1 << 20)
		return -EINVAL;
	ret->kind = LINK_FD;
	ret->fd = (int)fd;
	return 0;
}

int main(int argc, char **argv)
{
	struct options options;
	int signals, e;

	if (parse_options(argc, argv, &options) < 0)
		return usage();
	/* Descriptors 0 to 2 must exist: a pipe with one of these numbers would be overwritten in a
	 * child. */
	do
		e = open("/dev/null", O_RDWR);
	while (e >= 0 && e <= STDERR_FILENO);
	if (e >= 0)
		(void)close(e);
	signals = open_signals();
	if (signals < 0) {
		(void)fprintf(stderr, "vq-agent: signals: %s\n", strerror(errno));
		return 1;
	}
	e = link_open(options.kind, options.target, options.fd,
		      now_ns() + PORT_DEADLINE_MS * NS_PER_MS);
	if (e < 0) {
		(void)fprintf(
			stderr, "vq-agent: open %s: %s (does the VMM have a %s of that name?)\n",
			options.target, strerror(-e),
			options.kind == LINK_TTY ? "serial line or console" : "virtserialport");
		return 1;
	}
	agent_set_oom_score("-1000");
	link_announce();
	(void)fprintf(stderr, "VQ-AGENT-READY\n");
	e = serve(signals);
	if (e < 0)
		(void)fprintf(stderr, "vq-agent: poll: %s\n", strerror(-e));
	return e < 0;
}
