// SPDX-License-Identifier: Apache-2.0
#include "conformance/test/load_ping.h"

#include "base/clock.h"
#include "conformance/front/load.h"
#include "conformance/test/load.h"
#include "stats/stats.h"

#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>

/* Some thousand round trips. */
#define TURN_NS	    (20 * NS_PER_MS)
#define TARGET	    1.2
#define TARGET_TEXT "<= 1.2"

/* ---- the least that can be done ---- */

/* Two counters as rings have them, and who is told of them. */
struct bare {
	int kick_fd;
	int call_fd;
	uint16_t avail;
	uint16_t used;
	bool end;
	pthread_t thread;
};

static void *answer(void *context)
{
	struct bare *b = context;
	const uint64_t one = 1;
	uint64_t count;

	while (read(b->kick_fd, &count, sizeof(count)) == sizeof(count) &&
	       !__atomic_load_n(&b->end, __ATOMIC_ACQUIRE)) {
		uint16_t avail = __atomic_load_n(&b->avail, __ATOMIC_ACQUIRE);

		__atomic_store_n(&b->used, avail, __ATOMIC_RELEASE);
		(void)!write(b->call_fd, &one, sizeof(one));
	}
	return NULL;
}

static int bare_open(struct bare *b)
{
	*b = (struct bare){ .kick_fd = eventfd(0, EFD_CLOEXEC),
			    .call_fd = eventfd(0, EFD_CLOEXEC) };
	if (b->kick_fd < 0 || b->call_fd < 0)
		return -errno;
	return -pthread_create(&b->thread, NULL, answer, b);
}

static void bare_close(struct bare *b)
{
	const uint64_t one = 1;

	__atomic_store_n(&b->end, true, __ATOMIC_RELEASE);
	(void)!write(b->kick_fd, &one, sizeof(one));
	(void)pthread_join(b->thread, NULL);
	fd_closep(&b->kick_fd);
	fd_closep(&b->call_fd);
}

static int bare_turn(struct bare *b, double *ret_ns)
{
	uint64_t start_ns = clock_now_ns();
	const uint64_t one = 1;
	uint64_t now_ns = start_ns;
	uint64_t calls;
	uint64_t done = 0;

	for (; now_ns - start_ns < TURN_NS; done++) {
		uint16_t next = (uint16_t)(b->avail + 1);

		__atomic_store_n(&b->avail, next, __ATOMIC_RELEASE);
		if (write(b->kick_fd, &one, sizeof(one)) < 0 ||
		    read(b->call_fd, &calls, sizeof(calls)) < 0 ||
		    __atomic_load_n(&b->used, __ATOMIC_ACQUIRE) != next)
			return -EIO;
		/* Whoever measures latency looks at the clock each time. */
		now_ns = clock_now_ns();
	}
	*ret_ns = (double)(now_ns - start_ns) / (double)done;
	return 0;
}

/* ---- the front end ---- */

static int load_turn(struct front *f, double *ret_ns, struct err *reterr)
{
	const struct front_load_options o = {
		.kind = FRONT_LOAD_GETATTR, .depth = 1, .ns = TURN_NS, .nodeid = FRONT_ROOT
	};
	struct front_load_result r;
	int e = front_load_run(f, &o, &r, reterr);

	if (e < 0)
		return e;
	if (r.errors > 0 || r.requests == 0)
		return err_set(reterr, -EIO, "%llu errors", (unsigned long long)r.errors);
	*ret_ns = (double)r.ns / (double)r.requests;
	return 0;
}

static int check_turn(struct front *f, double *ret_ns)
{
	uint64_t start_ns = clock_now_ns();
	uint64_t now_ns = start_ns;
	uint64_t done = 0;

	for (; now_ns - start_ns < TURN_NS; done++) {
		struct fuse_attr_out attr;

		if (front_getattr(f, FRONT_ROOT, NULL, &attr) != 0)
			return -EIO;
		now_ns = clock_now_ns();
	}
	*ret_ns = (double)(now_ns - start_ns) / (double)done;
	return 0;
}

static int turn(struct bare *b, struct front *f, enum load_ping_side side, double *ret,
		struct err *reterr)
{
	int e = -EINVAL;

	switch (side) {
	case PING_BARE: e = bare_turn(b, ret); break;
	case PING_LOAD: return load_turn(f, ret, reterr);
	case PING_CHECK: e = check_turn(f, ret); break;
	case PING_SIDES: break;
	}
	return e < 0 ? err_errno(reterr, e, "ping-pong %d", (int)side) : 0;
}

int load_ping_run(struct load_ping *ret, struct err *reterr)
{
	static const struct front_options o = { .ring_size = 128 };
	struct front_null *null = NULL;
	struct front *f = NULL;
	struct bare b;
	int e = bare_open(&b);

	*ret = (struct load_ping){ 0 };
	if (e < 0)
		return err_errno(reterr, e, "ping-pong");
	e = front_null_open(&o, &f, &null, reterr);
	/* Who goes first alternates; the first round warms up. */
	for (unsigned round = 0; e == 0 && round <= PING_ROUNDS; round++) {
		for (unsigned i = 0; e == 0 && i < PING_SIDES; i++) {
			unsigned side = round % 2 ? i : PING_SIDES - 1 - i;

			e = turn(&b, f, (enum load_ping_side)side,
				 &ret->ns[side][round ? round - 1 : 0], reterr);
		}
		ret->rounds = round;
	}
	(void)front_null_close(null);
	bare_close(&b);
	return e;
}

/* ---- what comes of it ---- */

static int median(const struct load_ping *p, enum load_ping_side side, double *ret)
{
	return stats_median(p->ns[side], p->rounds, ret);
}

int load_ping_ratio(const struct load_ping *p, enum load_ping_side side, double *ret)
{
	double bare;
	double own;

	if (median(p, PING_BARE, &bare) < 0 || median(p, side, &own) < 0 || !(bare > 0))
		return -ENODATA;
	*ret = own / bare;
	return 0;
}

static const struct {
	const char *name;
	const char *figure;
	const char *target; /* NULL: for information */
} sides[PING_SIDES] = {
	[PING_BARE] = { "two eventfds and indexes", NULL, NULL },
	[PING_LOAD] = { "a request of the load generator",
			"front end: round trip to a null device / bare ping-pong", TARGET_TEXT },
	[PING_CHECK] = { "a request of a check, verified",
			 "front end: round trip of a check / bare ping-pong", NULL },
};

void load_ping_print(const struct load_ping *p, FILE *out)
{
	(void)fprintf(out, "round trips between two threads of one CPU, medians of %u turns:\n",
		      p->rounds);
	for (unsigned i = 0; i < PING_SIDES; i++) {
		double ns;
		double ratio;

		if (median(p, (enum load_ping_side)i, &ns) < 0 ||
		    load_ping_ratio(p, (enum load_ping_side)i, &ratio) < 0)
			continue;
		(void)fprintf(out, "  %-34s %8.2f us  %5.2f%s%s\n", sides[i].name, ns / 1000, ratio,
			      sides[i].target ? "  wanted " : "",
			      sides[i].target ? sides[i].target : "");
	}
	(void)fprintf(out, "\n");
}

void load_ping_figures(const struct load_ping *p, json_t *list)
{
	for (unsigned i = 0; i < PING_SIDES; i++) {
		double ratio;

		if (!sides[i].figure || load_ping_ratio(p, (enum load_ping_side)i, &ratio) < 0)
			continue;
		(void)json_array_append_new(
			list, json_pack("{s:s,s:o,s:s,s:s,s:b,s:s}", "name", sides[i].figure,
					"value", json_num(ratio), "unit", "1", "target",
					sides[i].target ? sides[i].target : "measured", "ok",
					!sides[i].target || ratio <= TARGET, "samples_file",
					LOAD_SAMPLES_FILE));
	}
}

json_t *load_ping_samples(const struct load_ping *p)
{
	json_t *all = json_object();

	for (unsigned i = 0; i < PING_SIDES; i++) {
		json_t *list = json_array();

		for (unsigned j = 0; j < p->rounds; j++)
			(void)json_array_append_new(list, json_num(p->ns[i][j]));
		(void)json_object_set_new(all, sides[i].name, list);
	}
	return all;
}
