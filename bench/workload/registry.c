// SPDX-License-Identifier: Apache-2.0
#include "workload/rows.h"

#include <string.h>

static const struct workload *const workloads[] = {
	&workload_seqread_psync,  &workload_seqread_mmap, &workload_randread_psync,
	&workload_seqwrite_psync, &workload_metadata,	  &workload_ops_reference,
};

const struct workload *const *workload_list(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(workloads);
	return workloads;
}

const struct workload *workload_find(const char *id)
{
	for (size_t i = 0; i < ARRAY_SIZE(workloads); i++)
		if (strcmp(workloads[i]->id, id) == 0)
			return workloads[i];
	return NULL;
}

static void fio_command(const struct workload *w, const struct workload_phase *phase,
			const struct workload_run *r, struct strv *argv, struct strv *env)
{
	strv_add(argv, "fio");
	strv_add(argv, "--output-format=json");
	strv_addf(argv, "--output=%s", r->out_path);
	strv_add(argv, r->job_path);
	/* What a job file takes from here; a person can set the same and run it by hand. */
	strv_addf(env, "VQ_DIR=%s", r->dir);
	strv_addf(env, "VQ_SIZE=%llu", (unsigned long long)w->file_bytes);
	strv_addf(env, "VQ_TIME=%ums", r->time_ms);
	strv_addf(env, "VQ_REPEAT=%d", phase->repeat);
}

static void program_command(const struct workload *w, const struct workload_run *r,
			    struct strv *argv)
{
	strv_addf(argv, "%s/%s", r->program_dir, w->job);
	strv_add(argv, r->dir);
	if (w->args)
		strv_add_all(argv, w->args);
}

int workload_command(const struct workload *w, const struct workload_phase *phase,
		     const struct workload_run *r, struct strv *ret_argv, struct strv *ret_env)
{
	strv_add(ret_env, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	if (w->tool == TOOL_FIO)
		fio_command(w, phase, r, ret_argv, ret_env);
	else
		program_command(w, r, ret_argv);
	return strv_failed(ret_argv) || strv_failed(ret_env) ? -ENOMEM : 0;
}
