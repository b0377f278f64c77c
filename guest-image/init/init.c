// SPDX-License-Identifier: Apache-2.0
/*
 * init - process 1 of the guest, in both of its lives.
 *
 * As /init of the initramfs it loads the modules, puts a tmpfs over the read-only erofs of the root disk and changes into
 * that; then it executes itself from there as /usr/lib/vq/init, where it sets up what a program expects to find, starts the
 * agent and reaps processes. One static program, because every fork and every dynamic link is slow under TCG.
 *
 * The host waits for this program with a deadline. So nothing fails silently: a failure is one line on the console,
 * "VQ-INIT-FAILED: what: why", and the machine powers off at once.
 *
 * Kernel command line words:
 *   vq.probe=1        print VQ-PROBE-OK and power off, before anything else (the accelerator probe of the driver)
 *   vq.agent=NAME     virtio-serial port of the agent, or its terminal (/dev/hvc0, /dev/ttyS1); handed to it as its argument
 *   vq.root=DEVICE    block device of the root, without /dev/; default vda
 *   vq.timing=1       print the time of each stage on the console
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/random.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define REAL_INIT   "/usr/lib/vq/init"
#define AGENT	    "/usr/lib/vq/vq-agent"
#define MODULE_LIST "/modules.order"

/* Largest kernel command line on x86 (COMMAND_LINE_SIZE in arch/x86/include/asm/setup.h). */
#define COMMAND_LINE_MAX 2048
/* How long the root disk may take to appear: 100 times what TCG needs on a loaded two-core host. */
#define ROOT_DISK_DEADLINE_MS 20000
/* Longest pause between two looks at /dev when no uevent arrives. */
#define ROOT_DISK_POLL_MAX_MS 32
/* An agent that dies more often than this has a fault that a restart does not cure. */
#define AGENT_STARTS_MAX 4

struct options {
	bool probe;
	bool timing;
	char agent_port[64];
	char root_device[32];
};

static struct options options = { .root_device = "vda" };

static void timespec_now_ms(uint64_t *ret_ms)
{
	struct timespec now;

	/* CLOCK_BOOTTIME counts from the kernel's start, which is what a boot time is measured from. */
	if (clock_gettime(CLOCK_BOOTTIME, &now) < 0) {
		*ret_ms = 0;
		return;
	}
	*ret_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/*
 * Write one line to the console and to the kernel log, where it stays readable through the agent. The kernel log entry
 * has priority 6 so that a "quiet" kernel does not print the line a second time.
 */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char line[512] = "<6>";
	va_list arguments;
	int length, kmsg;

	va_start(arguments, format);
	length = vsnprintf(line + 3, sizeof(line) - 4, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	length = (int)strlen(line);
	line[length++] = '\n';
	/* Standard error is the console. Its write cannot be repaired if it fails, and the kernel log has the line too. */
	if (write(STDERR_FILENO, line + 3, (size_t)length - 3) < 0)
		errno = 0;
	kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (kmsg >= 0) {
		if (write(kmsg, line, (size_t)length) < 0)
			errno = 0;
		(void)close(kmsg);
	}
}

__attribute__((noreturn)) static void power_off(void)
{
	sync();
	(void)reboot(RB_POWER_OFF);
	/* Without ACPI there is no power switch; a halt at least stops the guest from using the host's processor. */
	(void)reboot(RB_HALT_SYSTEM);
	for (;;)
		(void)pause();
}

__attribute__((noreturn, format(printf, 2, 3))) static void fail(int error, const char *format, ...)
{
	char what[384];
	va_list arguments;

	va_start(arguments, format);
	if (vsnprintf(what, sizeof(what), format, arguments) < 0)
		what[0] = '\0';
	va_end(arguments);
	say("VQ-INIT-FAILED: %s: %s", what, strerror(error));
	/* The 16550 has a FIFO that power-off does not wait for. */
	(void)tcdrain(STDERR_FILENO);
	power_off();
}

static void mark(const char *stage)
{
	uint64_t now_ms;

	if (!options.timing)
		return;
	timespec_now_ms(&now_ms);
	say("VQ-TIME %llu ms %s", (unsigned long long)now_ms, stage);
}

struct mount_row {
	const char *type;
	const char *target;
	unsigned long flags;
	const char *data;
	bool optional; /* a kernel without this file system still makes a usable guest */
};

static void mount_rows(const struct mount_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct mount_row *row = &rows[i];

		if (mkdir(row->target, 0755) < 0 && errno != EEXIST && !row->optional)
			fail(errno, "create the mount point %s", row->target);
		/* EBUSY: already there, as /dev is where the kernel mounts devtmpfs itself. */
		if (mount(row->type, row->target, row->type, row->flags, row->data) < 0 &&
		    errno != EBUSY && !row->optional)
			fail(errno, "mount %s on %s", row->type, row->target);
	}
}

/* The kernel opens /dev/console for the first process only if the node is in the initramfs. */
static void open_console(void)
{
	int console = open("/dev/console", O_RDWR | O_NOCTTY);

	if (console < 0)
		return; /* a kernel without a console can still run the agent */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (dup2(console, fd) < 0)
			fail(errno, "open the console as descriptor %d", fd);
	if (console > STDERR_FILENO)
		(void)close(console);
}

static void copy_value(char *target, size_t size, const char *word, const char *value)
{
	if ((size_t)snprintf(target, size, "%s", value) >= size)
		fail(ENAMETOOLONG, "kernel command line word %s", word);
}

static void read_options(void)
{
	char line[COMMAND_LINE_MAX + 1];
	char *rest = line, *word;
	ssize_t length;
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail(errno, "open /proc/cmdline");
	length = read(fd, line, sizeof(line) - 1);
	if (length < 0)
		fail(errno, "read /proc/cmdline");
	(void)close(fd);
	line[length] = '\0';
	while ((word = strsep(&rest, " \n"))) {
		if (strcmp(word, "vq.probe=1") == 0)
			options.probe = true;
		else if (strcmp(word, "vq.timing=1") == 0)
			options.timing = true;
		else if (strncmp(word, "vq.agent=", 9) == 0)
			copy_value(options.agent_port, sizeof(options.agent_port), word, word + 9);
		else if (strncmp(word, "vq.root=", 8) == 0)
			copy_value(options.root_device, sizeof(options.root_device), word,
				   word + 8);
	}
}

static void load_module(const char *path, bool optional)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail(errno, "open the module %s", path);
	/* glibc has no wrapper. EEXIST: already loaded, or built in. */
	if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST) {
		if (!optional)
			fail(errno, "load the module %s", path);
		say("VQ-INIT: the optional module %s does not load: %s", path, strerror(errno));
	}
	(void)close(fd);
}

/*
 * One path per line, in the order of dependency; a leading "-" marks a module whose failure is only noted. What is loaded
 * is removed: a file of the initramfs is guest memory, which the suite measures.
 */
static void load_modules(void)
{
	char line[256];
	FILE *list = fopen(MODULE_LIST, "re");

	if (!list)
		fail(errno, "open %s", MODULE_LIST);
	while (fgets(line, sizeof(line), list)) {
		bool optional = line[0] == '-';

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '\0')
			continue;
		load_module(line + optional, optional);
		(void)unlink(line + optional);
		if (options.timing)
			mark(line);
	}
	if (ferror(list))
		fail(errno, "read %s", MODULE_LIST);
	(void)fclose(list);
}

/* A kernel without networking has no uevent socket; then -1, and the disk is found by looking again. */
static int open_uevents(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_KOBJECT_UEVENT);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

/* A lost event (the socket's buffer is finite) costs at most ROOT_DISK_POLL_MAX_MS, because each turn looks again. */
static void wait_for_disk(int uevents, const char *path)
{
	uint64_t start_ms, now_ms;
	int pause_ms = 1;

	timespec_now_ms(&start_ms);
	for (;;) {
		struct pollfd wait = { .fd = uevents, .events = POLLIN };
		struct stat status;
		char event[4096];

		if (stat(path, &status) == 0 && S_ISBLK(status.st_mode))
			return;
		timespec_now_ms(&now_ms);
		if (now_ms - start_ms > ROOT_DISK_DEADLINE_MS)
			fail(ENODEV,
			     "root disk %s (attach root.erofs as virtio-blk, or name the disk with vq.root=)",
			     path);
		if (poll(&wait, 1, pause_ms) < 0 && errno != EINTR)
			fail(errno, "wait for the root disk");
		while (uevents >= 0 && recv(uevents, event, sizeof(event), 0) > 0)
			;
		if (pause_ms < ROOT_DISK_POLL_MAX_MS)
			pause_ms *= 2;
	}
}

static void mount_root(const char *disk)
{
	static const char *const directories[] = { "/lower", "/upper", "/newroot" };

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		if (mkdir(directories[i], 0755) < 0 && errno != EEXIST)
			fail(errno, "create %s", directories[i]);
	if (mount(disk, "/lower", "erofs", MS_RDONLY, NULL) < 0)
		fail(errno, "mount the erofs of %s", disk);
	if (mount("tmpfs", "/upper", "tmpfs", 0, "mode=755") < 0)
		fail(errno, "mount a tmpfs over the root");
	if (mkdir("/upper/data", 0755) < 0 || mkdir("/upper/work", 0755) < 0)
		fail(errno, "create the directories of the overlay");
	if (mount("overlay", "/newroot", "overlay", 0,
		  "lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work") < 0)
		fail(errno, "mount the overlay");
	/* The overlay holds its layers by itself. */
	if (umount2("/lower", MNT_DETACH) < 0 || umount2("/upper", MNT_DETACH) < 0)
		fail(errno, "hide the layers of the overlay");
}

/*
 * The modules for later use stay where they are, in the initramfs; the root shows them where modprobe looks. A bind mount
 * needs no copying.
 */
static void keep_modules(void)
{
	if (mount("/modules", "/newroot/usr/lib/modules", NULL, MS_BIND, NULL) < 0)
		fail(errno, "bind the modules into the root");
}

static void switch_root(void)
{
	static const char *const moved[] = { "/dev", "/proc", "/sys" };
	char *const arguments[] = { (char *)REAL_INIT, NULL };
	char target[32];

	for (size_t i = 0; i < ARRAY_SIZE(moved); i++) {
		(void)snprintf(target, sizeof(target), "/newroot%s", moved[i]);
		if (mount(moved[i], target, NULL, MS_MOVE, NULL) < 0)
			fail(errno, "move %s to %s", moved[i], target);
	}
	(void)unlink("/init");
	(void)unlink(MODULE_LIST);
	(void)rmdir("/boot");
	if (chdir("/newroot") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
	    chdir("/") < 0)
		fail(errno, "change into the root");
	(void)execv(REAL_INIT, arguments);
	fail(errno, "execute %s", REAL_INIT);
}

static void run_initramfs(void)
{
	static const struct mount_row rows[] = {
		{ .type = "proc", .target = "/proc", .flags = MS_NOSUID | MS_NODEV | MS_NOEXEC },
		{ .type = "devtmpfs", .target = "/dev", .flags = MS_NOSUID, .data = "mode=755" },
		{ .type = "sysfs", .target = "/sys", .flags = MS_NOSUID | MS_NODEV | MS_NOEXEC },
	};
	char disk[sizeof("/dev/") + sizeof(options.root_device)];
	int uevents;

	mount_rows(rows, ARRAY_SIZE(rows));
	open_console();
	read_options();
	if (options.probe) {
		say("VQ-PROBE-OK");
		(void)tcdrain(STDERR_FILENO);
		power_off();
	}
	mark("initramfs started");
	(void)snprintf(disk, sizeof(disk), "/dev/%s", options.root_device);
	uevents = open_uevents();
	load_modules();
	mark("modules loaded");
	wait_for_disk(uevents, disk);
	if (uevents >= 0)
		(void)close(uevents);
	mount_root(disk);
	keep_modules();
	mark("root mounted");
	switch_root();
}

static void set_up_network(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd;

	if (sethostname("vq-guest", 8) < 0)
		fail(errno, "set the host name");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return; /* a kernel without IPv4 */
	if (ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
		request.ifr_flags |= IFF_UP;
		if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
			fail(errno, "bring up the loopback interface");
	}
	(void)close(fd);
}

/*
 * The first getrandom() of a guest without RDRAND (the CPU model qemu64) waits for a second, in the middle of whatever is
 * measured then. These guests live for minutes and have no secrets, so the generator is declared to be initialised.
 */
static void credit_random(void)
{
	int bits =
		256; /* what the kernel wants to have seen: POOL_READY_BITS in drivers/char/random.c */
	int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	if (ioctl(fd, RNDADDTOENTCNT, &bits) < 0)
		say("VQ-INIT: the random number generator stays uninitialised: %s",
		    strerror(errno));
	(void)close(fd);
}

static void set_up_root(void)
{
	static const struct mount_row rows[] = {
		{ .type = "tmpfs",
		  .target = "/run",
		  .flags = MS_NOSUID | MS_NODEV,
		  .data = "mode=755" },
		{ .type = "tmpfs",
		  .target = "/tmp",
		  .flags = MS_NOSUID | MS_NODEV,
		  .data = "mode=1777" },
		{ .type = "devpts",
		  .target = "/dev/pts",
		  .flags = MS_NOSUID | MS_NOEXEC,
		  .data = "mode=620,ptmxmode=666",
		  .optional = true },
		{ .type = "tmpfs",
		  .target = "/dev/shm",
		  .flags = MS_NOSUID | MS_NODEV,
		  .data = "mode=1777" },
		{ .type = "debugfs",
		  .target = "/sys/kernel/debug",
		  .data = "mode=700",
		  .optional = true },
		{ .type = "tracefs",
		  .target = "/sys/kernel/tracing",
		  .data = "mode=700",
		  .optional = true },
		{ .type = "fusectl", .target = "/sys/fs/fuse/connections", .optional = true },
	};

	mount_rows(rows, ARRAY_SIZE(rows));
	set_up_network();
	credit_random();
}

static pid_t start_agent(void)
{
	char *const arguments[] = { (char *)AGENT,
				    options.agent_port[0] ? options.agent_port : NULL, NULL };
	char *const environment[] = { (char *)"PATH=/usr/lib/vq:/usr/sbin:/usr/bin:/sbin:/bin",
				      (char *)"HOME=/root", (char *)"LANG=C.UTF-8",
				      (char *)"TERM=dumb", NULL };
	uint64_t now_ms;
	sigset_t none;
	pid_t pid = fork();

	if (pid < 0)
		fail(errno, "fork for the agent");
	if (pid > 0) {
		timespec_now_ms(&now_ms);
		say("VQ-AGENT-STARTED %llu ms after kernel start", (unsigned long long)now_ms);
		return pid;
	}
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	(void)execve(AGENT, arguments, environment);
	say("VQ-INIT: execute %s: %s", AGENT, strerror(errno));
	_exit(127);
}

/* Returns true when the agent was among the dead; its wait status is then in *ret_status. */
static bool reap(pid_t agent, int *ret_status)
{
	bool agent_died = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == agent) {
			agent_died = true;
			*ret_status = status;
		}
	}
	return agent_died;
}

static void say_agent_died(int status)
{
	if (WIFSIGNALED(status))
		say("VQ-AGENT-DIED signal:%d", WTERMSIG(status));
	else
		say("VQ-AGENT-DIED exited:%d", WEXITSTATUS(status));
}

static void run_root(void)
{
	sigset_t awaited;
	int status, starts = 0;
	pid_t agent;

	read_options();
	mark("root entered");
	set_up_root();
	(void)sigemptyset(&awaited);
	(void)sigaddset(&awaited, SIGCHLD);
	(void)sigaddset(&awaited, SIGTERM);
	(void)sigaddset(&awaited, SIGINT);
	if (sigprocmask(SIG_BLOCK, &awaited, NULL) < 0)
		fail(errno, "block the signals");
	/* Ctrl-Alt-Del becomes a SIGINT, hence an orderly power-off. */
	(void)reboot(RB_DISABLE_CAD);
	agent = start_agent();
	starts++;
	for (;;) {
		int number = sigwaitinfo(&awaited, NULL);

		if (number == SIGTERM || number == SIGINT) {
			say("VQ-INIT: powering off on request");
			power_off();
		}
		if (!reap(agent, &status))
			continue;
		say_agent_died(status);
		if (starts == AGENT_STARTS_MAX)
			fail(ECHILD, "the agent died %d times", starts);
		agent = start_agent();
		starts++;
	}
}

int main(int argc, char **argv)
{
	(void)argc;
	if (getpid() != 1) {
		(void)fprintf(
			stderr,
			"vq-init: this is process 1 of the virtiofs-qual guest and nothing else; "
			"build an image with it: guest-image/build\n");
		return 2;
	}
	if (argv[0] && strcmp(argv[0], REAL_INIT) == 0)
		run_root();
	else
		run_initramfs();
	return 1;
}
