// SPDX-License-Identifier: Apache-2.0
#include "raw_frame.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "guest-image/agent/agent_proto.h"
#include "local_agent.h"

int raw_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path));
	for (uint64_t end = local_soon(); fd >= 0 && clock_now_ns() < end; (void)poll(NULL, 0, 2))
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

int raw_send_all(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size > 0) {
		ssize_t n = send(fd, p, size, MSG_NOSIGNAL);

		if (n <= 0)
			return -1;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

int raw_send(int fd, unsigned type, uint32_t job, const void *payload, size_t size)
{
	static unsigned char frame[VQP_FRAME_MAX];

	if (size)
		memcpy(frame + VQP_HEADER_SIZE, payload, size);
	vqp_seal(frame, (enum vqp_type)type, job, size);
	return raw_send_all(fd, frame, VQP_HEADER_SIZE + size);
}

unsigned raw_receive(int fd, uint32_t *ret_job, uint32_t *ret_error)
{
	static unsigned char in[2 * VQP_FRAME_MAX];
	static size_t size;
	static int last_fd = -1;
	struct vqp_frame frame;

	if (fd != last_fd)
		size = 0;
	last_fd = fd;
	for (;;) {
		size_t used;
		enum vqp_scan found = vqp_scan(in, size, &used, &frame);
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (found == VQP_SCAN_FRAME) {
			*ret_job = frame.job;
			*ret_error = 0;
			if (frame.type == VQP_ERROR && frame.size >= 4)
				*ret_error = frame.payload[0] | (uint32_t)frame.payload[1] << 8;
		}
		size -= used;
		memmove(in, in + used, size);
		if (found == VQP_SCAN_FRAME)
			return frame.type;
		if (found != VQP_SCAN_MORE)
			continue;
		if (poll(&p, 1, LOCAL_SOON_MS) <= 0)
			return 0;
		n = read(fd, in + size, sizeof(in) - size);
		if (n <= 0)
			return 0;
		size += (size_t)n;
	}
}

void raw_greet(int fd, uint32_t flags)
{
	static const unsigned char zeros[VQP_PAD_SIZE];
	struct vqp_hello h = { .nonce = vqp_put64(42),
			       .flags = vqp_put32(flags),
			       .version = vqp_put32(VQP_VERSION) };
	uint32_t job, error;
	unsigned type;

	assert_int_equal(raw_send_all(fd, zeros, sizeof(zeros)), 0);
	assert_int_equal(raw_send(fd, VQP_HELLO, 0, &h, sizeof(h)), 0);
	do
		type = raw_receive(fd, &job, &error);
	while (type != 0 && type != VQP_HELLO_REPLY);
	assert_int_equal(type, VQP_HELLO_REPLY);
}
