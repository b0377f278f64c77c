// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/session.h"

#include "base/clock.h"
#include "conformance/ref/fault/breaks.h"
#include "conformance/ref/fs/call.h"
#include "conformance/ref/fs/library.h"
#include "conformance/ref/ledger/ledger.h"

#include <fcntl.h>
#include <sys/stat.h>

int ref_fs_open_at(const struct ref_options *o, int take_root_fd, int take_proc_fd,
		   struct ref_fs **ret, struct err *reterr)
{
	struct ref_fs *fs = calloc(1, sizeof(*fs));

	if (!fs) {
		fd_closep(&take_root_fd);
		fd_closep(&take_proc_fd);
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	fs->o = o;
	fs->mode = fs_mode(o->cache);
	fs->root_fd = take_root_fd;
	fs->proc_fd = take_proc_fd;
	(void)umask(0);
	*ret = fs;
	return 0;
}

int ref_fs_open(const struct ref_options *o, struct ref_fs **ret, struct err *reterr)
{
	CLEANUP(fd_closep) int root_fd = open(o->shared_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(fd_closep) int proc_fd = -1;

	if (root_fd < 0)
		return err_errno(reterr, -errno, "cannot share %s", o->shared_dir);
	proc_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0)
		return err_errno(reterr, -errno, "cannot open /proc/self/fd (is /proc mounted?)");
	return ref_fs_open_at(o, TAKE_FD(root_fd), TAKE_FD(proc_fd), ret, reterr);
}

struct ref_fs *ref_fs_close(struct ref_fs *fs)
{
	if (!fs)
		return NULL;
	fd_closep(&fs->root_fd);
	fd_closep(&fs->proc_fd);
	free(fs);
	return NULL;
}

void ref_fs_set_dax(struct ref_fs *fs, struct dax_share *share)
{
	fs->dax = share;
}

int conn_new(struct ref_session *s, struct fs_conn **ret)
{
	struct fs_conn *c = calloc(1, sizeof(*c));
	uint32_t generation;
	int e;

	if (!c)
		return -ENOMEM;
	/* Far apart, so that numbers of an earlier session are not met again by chance. */
	generation = __atomic_add_fetch(&s->serial, 1, __ATOMIC_RELAXED) * UINT32_C(0x9e3779b1);
	handle_table_init(&c->handles, generation);
	e = node_table_init(&c->nodes, s->fs->root_fd, generation);
	if (e < 0) {
		(void)conn_free(c);
		return e;
	}
	*ret = c;
	return 0;
}

struct fs_conn *conn_free(struct fs_conn *c)
{
	if (!c)
		return NULL;
	library_close(c->library);
	handle_table_free(&c->handles);
	node_table_free(&c->nodes);
	free(c);
	return NULL;
}

/* Frees what is over, unless a request may still work on it: then that one will, when it leaves. */
static void reap(struct ref_session *s)
{
	struct fs_conn *c = NULL;

	(void)pthread_mutex_lock(&s->lock);
	/* Who comes after this look finds the new `current`, for the old one was taken away before. */
	if (__atomic_load_n(&s->in_flight, __ATOMIC_SEQ_CST) == 0) {
		c = s->over;
		__atomic_store_n(&s->over, NULL, __ATOMIC_RELAXED);
	}
	(void)pthread_mutex_unlock(&s->lock);
	while (c) {
		struct fs_conn *next = c->next;

		(void)conn_free(c);
		c = next;
	}
}

void session_begin(struct ref_session *s, struct fs_conn *take_conn, bool window_gone)
{
	struct fs_conn *old;

	(void)pthread_rwlock_wrlock(&s->map_lock);
	old = __atomic_exchange_n(&s->current, take_conn, __ATOMIC_SEQ_CST);
	if (s->window && (old || window_gone) &&
	    !fault_at(window_gone ? FAULT_RESET_KEEPS_MAPS : FAULT_INIT_KEEPS_MAPS))
		dax_window_clear(s->window, window_gone);
	(void)pthread_rwlock_unlock(&s->map_lock);
	waits_forget(&s->waits);
	if (!old)
		return;
	(void)pthread_mutex_lock(&s->lock);
	old->next = s->over;
	__atomic_store_n(&s->over, old, __ATOMIC_RELAXED);
	(void)pthread_mutex_unlock(&s->lock);
}

/* Before it is given back: who reads the counters when a driver has its answer finds it counted. */
static void record(const struct fs_call *c)
{
	const struct ledger_event event = {
		.kind = LEDGER_REQUEST,
		.code = c->in.opcode,
		.start_ns = c->r->popped_ns,
		.end_ns = c->r->done_ns,
		.unique = c->in.unique,
		.nodeid = c->in.nodeid,
		.bytes = (uint32_t)c->r->in_bytes,
		.used = c->used,
		.result = c->error,
		.queue = c->r->queue,
	};

	ledger_add(&event);
}

static void session_request(void *context, struct ref_request *r)
{
	struct ref_session *s = context;
	struct fs_call c = { .r = r, .session = s, .fs = s->fs };

	(void)__atomic_add_fetch(&s->in_flight, 1, __ATOMIC_SEQ_CST);
	c.conn = __atomic_load_n(&s->current, __ATOMIC_SEQ_CST);
	if (r->queue == REF_HIPRIO && fault_at(FAULT_HIPRIO_WAITS))
		fault_wait_alone(&s->in_flight);
	if (r->queue != REF_HIPRIO && fault_at(FAULT_QUEUES_WAIT))
		fault_wait_alone(&s->in_flight);
	call_serve(&c);
	if (fault_hooked(FAULT_HOOK_REPLY))
		c.used = fault_reply(r, &c.in, c.used);
	r->done_ns = clock_now_ns();
	record(&c);
	if (__atomic_sub_fetch(&s->in_flight, 1, __ATOMIC_SEQ_CST) == 0 &&
	    __atomic_load_n(&s->over, __ATOMIC_RELAXED))
		reap(s);
	ref_request_done(r, c.used);
}

static void session_drop(void *context, bool window_gone)
{
	struct ref_session *s = context;

	session_begin(s, NULL, window_gone);
	reap(s);
}

static void session_interrupt(void *context)
{
	struct ref_session *s = context;

	waits_interrupt_all(&s->waits);
}

static void session_resumed(void *context)
{
	struct ref_session *s = context;

	(void)pthread_rwlock_rdlock(&s->map_lock);
	if (s->window)
		dax_window_refit(s->window);
	(void)pthread_rwlock_unlock(&s->map_lock);
}

int ref_session_new(struct ref_fs *fs, struct dax_window *window, struct ref_session **ret,
		    struct ref_handler *ret_handler, struct err *reterr)
{
	struct ref_session *s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(reterr, -ENOMEM, "out of memory");
	s->fs = fs;
	s->window = window;
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_rwlock_init(&s->map_lock, NULL);
	waits_init(&s->waits);
	*ret_handler = (struct ref_handler){
		.request = session_request,
		.drop = session_drop,
		.interrupt = session_interrupt,
		.resumed = session_resumed,
		.context = s,
	};
	*ret = s;
	return 0;
}

struct ref_session *ref_session_free(struct ref_session *s)
{
	if (!s)
		return NULL;
	session_drop(s, false);
	(void)pthread_mutex_destroy(&s->lock);
	(void)pthread_rwlock_destroy(&s->map_lock);
	waits_destroy(&s->waits);
	free(s);
	return NULL;
}
