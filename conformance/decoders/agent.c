// SPDX-License-Identifier: Apache-2.0
/* Frames that a guest's agent may send to the host: of a job, of a file that is pulled, of nobody. */
#include "conformance/decoders/fuzz.h"

#include "guest/agent_int.h"

#include "base/clock.h"

#define JOB	  1
#define PULL	  2
#define BYTES_MAX 4096

/* The first byte of a record says whether what follows is sealed as a frame, or sent as it is. */
static void feed(int to, struct fuzz_in *in)
{
	static unsigned char frame[VQP_FRAME_MAX];

	while (in->left > 0) {
		bool raw = fuzz_number(in, 1) & 1;
		enum vqp_type type = (enum vqp_type)fuzz_number(in, 1);
		uint32_t job = (uint32_t)fuzz_number(in, 1);
		size_t want = (size_t)fuzz_number(in, 2) % BYTES_MAX;
		size_t size = fuzz_copy(in, frame + VQP_HEADER_SIZE, want);

		if (!raw)
			vqp_seal(frame, type, job, size);
		if (send(to, raw ? frame + VQP_HEADER_SIZE : frame,
			 raw ? size : VQP_HEADER_SIZE + size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
	}
	(void)shutdown(to, SHUT_WR);
}

int fuzz_target(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	CLEANUP(buf_free) struct buf pulled = { .max = BYTES_MAX };
	struct agent *a = calloc(1, sizeof(*a));
	unsigned what = (unsigned)fuzz_number(&in, 1);
	int pair[2];

	if (!a || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	a->fd = pair[0];
	a->watch_fd = -1;
	a->in_session = what & 1;
	a->jobs[0] = (struct host_job){ .used = true, .id = JOB };
	a->jobs[0].stream[0].data.max = a->jobs[0].stream[1].data.max = BYTES_MAX;
	agent_request_begin(a, what & 2 ? VQP_INFO_REPLY : VQP_PULL_END);
	a->request.id = PULL;
	a->request.pull = &pulled;
	a->request.pull_max = BYTES_MAX;
	feed(pair[1], &in);
	while (agent_link_pump(a, clock_deadline_ms(NS_PER_MS)) == 0)
		continue;
	(void)agent_close(a);
	(void)close(pair[1]);
	return 0;
}
