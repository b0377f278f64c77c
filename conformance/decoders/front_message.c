// SPDX-License-Identifier: Apache-2.0
/* The front end's side of vhost-user: replies on the main socket, and the back-end's own requests for the window. */
#include "conformance/decoders/fuzz.h"

#include "conformance/front/vhost.h"
#include "conformance/front/window.h"

#include "base/clock.h"

#include <fcntl.h>
#include <sys/eventfd.h>

#define TURNS	     16
#define TIMEOUT_MS   1000
#define WINDOW_BYTES (1 * MIB)
#define FILE_BYTES   (64 * KIB)

/* A file for the window, an eventfd, what can only be read, what is no file at all. */
static int kinds[4] = { -1, -1, -1, -1 };

static void prepare(void)
{
	int pair[2];

	if (kinds[0] >= 0)
		return;
	kinds[0] = memfd_create("file", MFD_CLOEXEC);
	kinds[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	kinds[2] = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (kinds[0] < 0 || kinds[1] < 0 || kinds[2] < 0 || pipe2(pair, O_CLOEXEC) < 0 ||
	    ftruncate(kinds[0], (off_t)FILE_BYTES) < 0)
		abort();
	kinds[3] = pair[1];
}

/* One question of each kind, again and again, as the input says. */
static void ask(struct front_channel *c, unsigned which)
{
	struct vhost_user_shmem_config shmem;
	struct front_inflight area;
	struct front_message m;
	uint8_t config[256];
	uint64_t value;
	uint32_t base;
	int fd = -1;

	switch (which % 8) {
	case 0: (void)!front_get_u64(c, VHOST_USER_GET_FEATURES, &value); break;
	case 1: (void)!front_set_u64(c, VHOST_USER_SET_FEATURES, 1); break;
	case 2: (void)!front_get_vring_base(c, 1, &base); break;
	case 3: (void)!front_get_config(c, 0, config, which & 8 ? sizeof(config) : 40); break;
	case 4: (void)!front_get_shmem_config(c, &shmem); break;
	case 5:
		(void)!front_get_inflight_fd(c, 2, 128, &area, &fd);
		fd_closep(&fd);
		break;
	case 6:
		if (front_recv(c, &m, clock_deadline_ms(TIMEOUT_MS)) == 0)
			front_message_close(&m);
		break;
	default: (void)front_channel_alive(c); break;
	}
}

int fuzz_target(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	unsigned what = (unsigned)fuzz_number(&in, 1);
	uint64_t order = fuzz_number(&in, 8);
	const struct front_window_options o = { .lax = what & 1, .mem_reg = what & 2 };
	struct fuzz_in requests = { NULL, 0 };
	struct front_evidence *e = front_evidence_new(16);
	struct front_pump pump = { .fd = -1 };
	struct front_channel c;
	struct front_window *w = NULL;
	struct err err;
	int pair[2];

	prepare();
	requests.at = fuzz_bytes(&in, (size_t)fuzz_number(&in, 2), &requests.left);
	if (!e || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	e->traffic = true;
	front_channel_init(&c, pair[0], "device", e, &pump, TIMEOUT_MS);
	c.reply_ack = what & 4;
	if (front_window_new(&o, e, &pump, &c, &w, &err) < 0 ||
	    front_window_reserve(w, WINDOW_BYTES) < 0)
		abort();
	w->negotiated = !(what & 8);
	w->rings_run = !(what & 16);
	fuzz_feed(pair[1], &in, kinds);
	fuzz_feed(w->device_fd, &requests, kinds);
	for (unsigned i = 0; i < TURNS; i++) {
		ask(&c, (unsigned)(order >> 4 * i));
		front_pump_once(&pump);
	}
	w = front_window_free(w);
	front_channel_close(&c);
	(void)close(pair[1]);
	(void)front_evidence_free(e);
	return 0;
}
