// SPDX-License-Identifier: Apache-2.0
/* Kernel messages, one record per read() of /dev/kmsg (Documentation/ABI/testing/dev-kmsg of
 * Linux). */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* KERN_WARNING: what counts as a complaint. */
#define LEVEL_WARNING 4
/* Longest record that the kernel hands out (PRINTK_MESSAGE_MAX), with room to spare. */
#define RECORD_MAX 8192

int kmsg_open(bool from_now)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (lseek(fd, 0, from_now ? SEEK_END : SEEK_SET) < 0) {
		int e = -errno;

		(void)close(fd);
		return e;
	}
	return fd;
}

int kmsg_next(int fd, struct kmsg_record *ret)
{
	char raw[RECORD_MAX];
	unsigned priority;
	char *text;
	ssize_t n;

	do
		n = read(fd, raw, sizeof(raw) - 1);
	while (n < 0 && (errno == EPIPE || errno == EINTR)); /* EPIPE: records were overwritten */
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n == 0)
		return 0;
	raw[n] = '\0';
	text = strchr(raw, ';');
	if (!text ||
	    sscanf(raw, "%u,%" SCNd64 ",%" SCNu64, &priority, &ret->seq, &ret->time_us) != 3)
		return -EPROTO;
	text++;
	/* Lines after the first are the device dictionary. */
	text[strcspn(text, "\n")] = '\0';
	ret->level = (int)(priority & 7);
	(void)snprintf(ret->text, sizeof(ret->text), "%s", text);
	return 1;
}

int64_t kmsg_last_seq(void)
{
	struct kmsg_record record = { 0 };
	int64_t last = -1;
	int fd = kmsg_open(false);

	if (fd < 0)
		return -1;
	while (kmsg_next(fd, &record) == 1)
		last = record.seq;
	(void)close(fd);
	return last;
}

int cmd_dmesg(int argc, char **argv)
{
	struct kmsg_record record = { 0 };
	int64_t since = -1, last;
	bool all = false;
	int fd, n;

	for (int i = 0; i < argc; i++) {
		uint64_t value;

		if (strcmp(argv[i], "--all") == 0) {
			all = true;
		} else if (strcmp(argv[i], "--since") == 0 && i + 1 < argc) {
			i++;
			if (strcmp(argv[i], "-1") == 0)
				continue;
			if (guest_parse_u64(argv[i], &value) < 0 || value > INT64_MAX)
				return 2;
			since = (int64_t)value;
		} else {
			return 2;
		}
	}
	fd = kmsg_open(false);
	if (fd < 0)
		return guest_fail(-fd, "open /dev/kmsg");
	last = since;
	while ((n = kmsg_next(fd, &record)) == 1) {
		if (record.seq > last)
			last = record.seq;
		if (record.seq <= since || (!all && record.level > LEVEL_WARNING))
			continue;
		(void)printf("<%d>[%5" PRIu64 ".%06" PRIu64 "] %s\n", record.level,
			     record.time_us / 1000000, record.time_us % 1000000, record.text);
	}
	(void)close(fd);
	if (n < 0)
		return guest_fail(-n, "read /dev/kmsg");
	(void)printf("VQ-SEQ %" PRId64 "\n", last);
	return 0;
}
