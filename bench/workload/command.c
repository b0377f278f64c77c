// SPDX-License-Identifier: Apache-2.0
#include "workload/workload.h"

#include <assert.h>

/* One turn of the job over its file, and how often it syncs. */
struct turn {
	uint64_t bytes;
	uint64_t fsync;
	bool fixed; /* time does not cut it */
};

static struct turn turn_of(const struct workload *w)
{
	const struct workload_fio *f = &w->fio;
	struct turn t = { .bytes = w->file_bytes };

	/*
	 * fio measures an fsync only when another write follows it, so there is one write more
	 * than blocks. One of end_fsync is in the run time too, but nothing says how long it took.
	 */
	if (f->fsync == FSYNC_EACH)
		t = (struct turn){ w->file_bytes + f->block, 1, false };
	if (f->fsync == FSYNC_LAST)
		t = (struct turn){ w->file_bytes + f->block, w->file_bytes / f->block, true };
	return t;
}

/* An open loop runs until it has its number of samples, or for the time given when that is more. */
static unsigned fio_ms(const struct workload *w, const struct turn *t, unsigned time_ms)
{
	unsigned need = w->fio.rate ? w->fio.rate_n * 1000 / w->fio.rate : 0;

	if (t->fixed || time_ms == 0)
		return 0;
	return time_ms > need ? time_ms : need;
}

static void fio_command(const struct workload *w, const struct workload_phase *phase,
			const struct workload_run *r, struct strv *argv, struct strv *env)
{
	const struct workload_fio *f = &w->fio;
	struct turn t = turn_of(w);
	bool repeat = r->time_ms > 0 && (phase->repeat || f->rate);

	strv_add(argv, "fio");
	strv_add(argv, "--output-format=json");
	strv_addf(argv, "--output=%s", r->out_path);
	strv_add(argv, r->job_path);
	if (f->rate && !repeat)
		t.bytes = (uint64_t)f->rate_n * f->block;
	/* What a job file takes from here; a person can set the same and run it by hand. */
	strv_addf(env, "VQ_DIR=%s", r->dir);
	strv_addf(env, "VQ_FILE=%s", w->file_count > 1 ? WORKLOAD_DATA "/$jobnum" : WORKLOAD_DATA);
	strv_addf(env, "VQ_JOBS=%u", w->file_count);
	strv_addf(env, "VQ_SIZE=%llu", (unsigned long long)w->file_bytes);
	strv_addf(env, "VQ_IO=%llu", (unsigned long long)t.bytes);
	strv_addf(env, "VQ_TIME=%ums", fio_ms(w, &t, r->time_ms));
	strv_addf(env, "VQ_REPEAT=%d", repeat);
	strv_addf(env, "VQ_RW=%s", f->rw);
	strv_addf(env, "VQ_BS=%u", f->block);
	strv_addf(env, "VQ_ENGINE=%s", f->engine);
	strv_addf(env, "VQ_DEPTH=%u", f->depth);
	strv_addf(env, "VQ_DIRECT=%d", f->direct);
	strv_addf(env, "VQ_FSYNC=%llu", (unsigned long long)t.fsync);
	strv_addf(env, "VQ_END_FSYNC=%d", f->fsync == FSYNC_END);
	if (f->rate)
		strv_addf(env, "VQ_RATE=%u", f->rate);
}

static int program_command(const struct workload *w, const struct workload_phase *phase,
			   const struct workload_run *r, struct strv *argv, struct strv *env)
{
	struct workload_tree t;
	int e = 0;

	strv_addf(argv, "%s/%s", r->program_dir, w->job);
	strv_add(argv, r->dir);
	if (w->args)
		strv_add_all(argv, w->args);
	if (w->layout == LAYOUT_PROGRAMS)
		strv_addf(argv, "%u", w->file_count);
	/* What the program must find: it exits with an error when it does not. */
	if (w->layout == LAYOUT_TREE) {
		e = workload_tree_make(NULL, &t, NULL);
		if (e < 0)
			return e;
		strv_addf(argv, "%llu", (unsigned long long)t.files);
		strv_addf(argv, "%llu", (unsigned long long)t.bytes);
		strv_addf(argv, "%llu", (unsigned long long)t.matches);
	}
	strv_addf(env, "VQ_TIME=%ums", r->time_ms);
	strv_addf(env, "VQ_REPEAT=%d", phase->repeat && r->time_ms > 0);
	return 0;
}

int workload_command(const struct workload *w, const struct workload_phase *phase,
		     const struct workload_run *r, struct strv *ret_argv, struct strv *ret_env)
{
	int e = 0;

	strv_add(ret_env, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	assert(w->job); /* a footprint has no command */
	if (w->tool == TOOL_FIO)
		fio_command(w, phase, r, ret_argv, ret_env);
	else
		e = program_command(w, phase, r, ret_argv, ret_env);
	if (e < 0)
		return e;
	return strv_failed(ret_argv) || strv_failed(ret_env) ? -ENOMEM : 0;
}

/* What each need is refused with, and the word of `vq-guest try` for it. */
static const struct {
	enum workload_need need;
	int errors[2];
	const char *what;
	const char *try;
} refusals[] = {
	/* A mode that bypasses the guest's page cache has no pages to map. */
	{ NEED_MAP_SHARED, { ENODEV, 0 }, "mmap(MAP_SHARED)", "mmap" },
	/* 9p without a cache maps shared files, but read-only. */
	{ NEED_MAP_WRITE, { EINVAL, 0 }, "mmap(MAP_SHARED, PROT_WRITE)", "mmap-write" },
	{ NEED_DIRECT, { EINVAL, 0 }, "open(O_DIRECT)", "direct" },
	/* A kernel without it, and one where it is forbidden. */
	{ NEED_IO_URING, { ENOSYS, EPERM }, "io_uring_setup()", "io-uring" },
};

const char *workload_refusal(const struct workload *w, int error, const char **ret_try)
{
	for (size_t i = 0; error && i < ARRAY_SIZE(refusals); i++) {
		if (!(w->needs & (unsigned)refusals[i].need) ||
		    (error != refusals[i].errors[0] && error != refusals[i].errors[1]))
			continue;
		*ret_try = refusals[i].try;
		return refusals[i].what;
	}
	return NULL;
}
