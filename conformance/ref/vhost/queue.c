// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/vhost/queue.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "conformance/ref/fault/fault.h"
#include "conformance/ref/ledger/ledger.h"
#include "conformance/ref/log.h"
#include "conformance/ref/vhost/notify.h"

/* A ring without a kick descriptor is looked at so often. Source: none; vhost-user says "polling". */
#define LOOK_MS 1

/* Requests taken at once: enough to save locks, few enough that the first answer does not wait. */
#define BATCH_MAX 64

/* An idle queue looks for work in vain once in so many sleeps. */
#define IN_VAIN_MAX 255

/* What epoll says of wake_fd; of a kick it says kick_serial, which begins at 1. */
#define WAKE 0

int queue_init(struct queue *q, uint16_t index, unsigned workers, struct memory_now *memory,
	       const struct ref_handler *handler)
{
	struct epoll_event wake = { .events = EPOLLIN, .data.u64 = WAKE };
	int e = ring_init(&q->ring, index, memory);

	if (e < 0)
		return e;
	q->handler = handler;
	q->threads = workers + 1 < QUEUE_THREADS_MAX ? workers + 1 : QUEUE_THREADS_MAX;
	q->todo_end = &q->todo;
	(void)pthread_cond_init(&q->work, NULL);
	q->watch_fd = epoll_create1(EPOLL_CLOEXEC);
	q->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	q->ring.watch_fd = q->watch_fd;
	if (q->watch_fd >= 0 && q->wake_fd >= 0 &&
	    epoll_ctl(q->watch_fd, EPOLL_CTL_ADD, q->wake_fd, &wake) == 0)
		return 0;
	e = -errno;
	queue_destroy(q);
	return e;
}

void queue_wake(struct queue *q)
{
	const uint64_t one = 1;

	(void)!write(q->wake_fd, &one, sizeof(one));
}

/* Clears an eventfd. False when it is none, or none any more. */
static bool clear_fd(int fd)
{
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));

	return n == sizeof(count) || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* @events: of epoll. Only a descriptor in trouble is read here; see ring_set_kick(). */
static void take_kick(struct queue *q, uint32_t events)
{
	struct ring *r = &q->ring;

	if ((events & (EPOLLERR | EPOLLHUP)) && !clear_fd(r->kick_fd)) {
		ref_log(REF_LOG_ERROR,
			"queue %u: its kick descriptor is not usable, the queue is deaf", r->index);
		(void)!ring_set_kick(r, -1);
		return;
	}
	r->kicked = true;
	ledger_kick();
	if (fault_armed(FAULT_KICK_REPLAYS) && r->started && !ring_available(r) &&
	    fault_at(FAULT_KICK_REPLAYS))
		r->avail--;
}

/* Sleeps until there may be something to do. Lock held, given up meanwhile. */
static void sleep_until_kick(struct queue *q)
{
	struct ring *r = &q->ring;
	struct epoll_event e[2];
	int timeout = r->kick_always && !r->broken ? LOOK_MS : -1;
	int n;

	(void)pthread_mutex_unlock(&r->lock);
	n = epoll_wait(q->watch_fd, e, ARRAY_SIZE(e), timeout);
	(void)pthread_mutex_lock(&r->lock);
	for (int i = 0; i < n; i++) {
		if (e[i].data.u64 == WAKE)
			(void)clear_fd(q->wake_fd);
		else if (e[i].data.u64 == r->kick_serial) /* else it was replaced while we slept */
			take_kick(q, e[i].events);
	}
	if (r->kick_always)
		r->kicked = true;
}

/* Some hundred cycles without the lock: who waits for it gets it. */
static void relax(void)
{
	for (int i = 0; i < 16; i++) {
#if defined(__x86_64__) || defined(__i386__)
		__builtin_ia32_pause();
#else
		__asm__ volatile("" ::: "memory");
#endif
	}
}

/* Looks for work without sleeping, kicks switched off. Lock held, given up again and again. */
static bool busy_poll(struct queue *q, unsigned us)
{
	struct ring *r = &q->ring;
	uint64_t end = clock_now_ns() + us * UINT64_C(1000);

	while (!q->quit && r->started && !r->draining && !r->broken && r->enabled) {
		if (ring_available(r))
			return true;
		if (clock_now_ns() >= end)
			return false;
		(void)pthread_mutex_unlock(&r->lock);
		relax();
		(void)pthread_mutex_lock(&r->lock);
	}
	return false;
}

/*
 * A driver that keeps several requests in flight is about to refill the ring when the last of them is done, and to
 * sleep and be woken for that costs both sides more than to stay awake for so long. Tried only as often as it helps:
 * each time it was in vain, twice as many sleeps pass before the next try. So an idle queue does not burn.
 */
static bool linger(struct queue *q)
{
	if (q->linger_us == 0)
		return false;
	if (q->sleeps_until_try > 0) {
		q->sleeps_until_try--;
		return false;
	}
	if (busy_poll(q, q->linger_us)) {
		q->in_vain = 0;
		return true;
	}
	if (q->in_vain < IN_VAIN_MAX)
		q->in_vain = q->in_vain * 2 + 1;
	q->sleeps_until_try = q->in_vain;
	return false;
}

static void start(struct queue *q)
{
	struct ring *r = &q->ring;

	if (ring_start(r) < 0)
		return;
	if (q->on_start) {
		(void)pthread_mutex_unlock(&r->lock);
		q->on_start(q->on_start_context);
		(void)pthread_mutex_lock(&r->lock);
	}
	/* Not before: one of them may speak of a mapping that had to wait. */
	ring_push_held(r);
}

static void append(struct queue *q, struct ring_request *list)
{
	*q->todo_end = list;
	while (*q->todo_end)
		q->todo_end = &(*q->todo_end)->next;
}

/* Until something was taken or the queue ends. Lock held. */
static void lead(struct queue *q)
{
	struct ring *r = &q->ring;

	while (!q->quit && !q->todo) {
		struct ring_request *list;

		if (!r->started && !q->waits_all &&
		    (r->kicked || (r->addr_set && r->enabled && fault_at(FAULT_RING_UNKICKED))))
			start(q);
		if (q->keeps_buffers) {
			r->kicked = r->kicked && !r->started;
			sleep_until_kick(q);
			continue;
		}
		list = ring_pop(r, BATCH_MAX);
		if (list) {
			append(q, list);
			return;
		}
		ring_call(r);
		if (r->started && r->enabled)
			r->kicked = false;
		if ((q->poll_us > 0 ? busy_poll(q, q->poll_us) : linger(q)) || ring_rest(r))
			continue;
		sleep_until_kick(q);
	}
}

static struct ring_request *take(struct queue *q)
{
	struct ring_request *rr = q->todo;

	if (rr) {
		q->todo = rr->next;
		if (!q->todo)
			q->todo_end = &q->todo;
	}
	return rr;
}

static void wait_for_work(struct queue *q)
{
	q->waiting++;
	(void)pthread_cond_wait(&q->work, &q->ring.lock);
	q->waiting--;
}

static void serve(struct queue *q, struct ring_request *rr)
{
	struct fuse_in_header head;

	if (q->notify)
		notify_begin(q->notify, &rr->pub, &head);
	q->handler->request(q->handler->context, &rr->pub);
	if (q->notify)
		notify_end(q->notify, &head);
}

static void *queue_thread(void *arg)
{
	struct queue *q = arg;
	struct ring *r = &q->ring;

	ring_serving(r);
	(void)pthread_mutex_lock(&r->lock);
	while (!q->quit) {
		struct ring_request *rr = take(q);

		if (rr) {
			/* One for the rest of the list, or for the lead. */
			if (q->waiting > 0 && !q->led)
				(void)pthread_cond_signal(&q->work);
			/* What may wait for somebody is no reason to wait for what is finished. */
			if (r->pushed > 0 && !chain_is_quick(rr))
				ring_call(r);
			(void)pthread_mutex_unlock(&r->lock);
			serve(q, rr);
			(void)pthread_mutex_lock(&r->lock);
			continue;
		}
		if (q->led) {
			ring_call(r);
			wait_for_work(q);
			continue;
		}
		q->led = true;
		lead(q);
		q->led = false;
	}
	(void)pthread_mutex_unlock(&r->lock);
	return NULL;
}

int queue_run(struct queue *q)
{
	sigset_t all, before;
	int e = 0;

	/* Signals are the business of the thread that waits for them. */
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGBUS);
	(void)sigdelset(&all, SIGSEGV);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	while (q->thread_count < q->threads && e == 0) {
		e = pthread_create(&q->thread[q->thread_count], NULL, queue_thread, q);
		if (e == 0) {
			char name[16];

			(void)snprintf(name, sizeof(name), "queue-%u", q->ring.index);
			(void)pthread_setname_np(q->thread[q->thread_count], name);
			q->thread_count++;
		}
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	/* One is enough to go on. */
	return q->thread_count > 0 ? 0 : -e;
}

void queue_destroy(struct queue *q)
{
	(void)pthread_mutex_lock(&q->ring.lock);
	q->quit = true;
	(void)pthread_cond_broadcast(&q->work);
	(void)pthread_mutex_unlock(&q->ring.lock);
	if (q->wake_fd >= 0)
		queue_wake(q);
	for (unsigned i = 0; i < q->thread_count; i++)
		(void)pthread_join(q->thread[i], NULL);
	q->thread_count = 0;
	fd_closep(&q->wake_fd);
	fd_closep(&q->watch_fd);
	(void)pthread_cond_destroy(&q->work);
	ring_destroy(&q->ring);
}
