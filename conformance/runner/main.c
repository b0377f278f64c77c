// SPDX-License-Identifier: Apache-2.0
/* virtiofs-conform: checks one virtio-fs daemon (or several, one after the other) without a guest. */
#include "conformance/runner/command.h"
#include "conformance/runner/fuzz.h"
#include "conformance/runner/prove.h"
#include "conformance/runner/replay.h"

#include "base/fs.h"
#include "base/isolate.h"
#include "base/json.h"
#include "base/version.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define STATUS_USAGE	   2
#define STATUS_BROKEN	   3
#define STATUS_INTERRUPTED 130

struct call {
	const struct conform_options *options;
	char home[PATH_MAX];
	char real_home[PATH_MAX]; /* as daemons and the kernel name it */
	char own[PATH_MAX];	  /* folder of our programs */
	char dir[128];		  /* of this run */
	struct proof_table *proofs;
};

static int complain(int status, const char *text)
{
	(void)fprintf(stderr, "virtiofs-conform: %s\n", text);
	return status;
}

/* Programs lie in build/ of the project, roots in build/roots. */
static int find_places(struct call *c)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	if (n < 0)
		return -errno;
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	if (!slash)
		return -EINVAL;
	*slash = '\0';
	(void)snprintf(c->own, sizeof(c->own), "%s", exe);
	slash = strrchr(exe, '/');
	if (slash)
		*slash = '\0';
	(void)snprintf(c->home, sizeof(c->home), "%s", c->options->home ? c->options->home : exe);
	return realpath(c->home, c->real_home) ? 0 : -errno;
}

/* The checks against the faults that they name: a daemon that can be made to do wrong. */
static int run_proof(const struct call *c, const struct target *t, const struct suite *s)
{
	CLEANUP(freep) char *library = fs_path("%s/libvqfaults.so", c->own);
	struct err err = { "" };

	if (!library || prove_run(t, library, s, c->dir, c->proofs, &err) < 0)
		return complain(STATUS_BROKEN, err.text);
	return 0;
}

/* All targets are done: what came of it. The exit status. */
static int end_proof(const struct call *c, FILE *out)
{
	const struct conform_options *o = c->options;
	json_auto_t *all = NULL;
	struct err err = { "" };
	size_t lost = 0;

	if (o->golden && prove_golden(c->proofs, o, o->golden, stderr, &lost, &err) < 0)
		return complain(STATUS_BROKEN, err.text);
	if (o->format == OUTPUT_JSON) {
		all = prove_json(c->proofs);
		(void)json_dumpf(all, out, JSON_INDENT(2));
		(void)fputc('\n', out);
	} else {
		prove_print(c->proofs, out);
	}
	return lost || prove_failures(c->proofs) ? 1 : 0;
}

/* Commands that meet a daemon, but are no checks. The exit status. */
static int run_programs(const struct call *c, const struct target *t)
{
	struct err err = { "" };
	int status = conform_is(c->options, "fuzz")
			     ? fuzz_run(c->options, t, c->dir, stdout, &err)
			     : replay_run(c->options, t, c->dir, stdout, &err);

	return err.text[0] ? complain(status, err.text) : status;
}

/* One target from its version to its files. The exit status. */
static int run_target(const struct call *c, struct target *t)
{
	struct suite s;
	struct err err = { "" };
	int status = STATUS_BROKEN;

	for (size_t i = 0; i < c->options->more.count; i++)
		strv_add(&t->more, c->options->more.item[i]);
	for (size_t i = 0; i < c->options->env.count; i++)
		strv_add(&t->env, c->options->env.item[i]);
	if (target_probe(t, &err) < 0)
		return complain(STATUS_BROKEN, err.text);
	if (c->options->operand_count > 0 && !conform_is_prove(c->options))
		return run_programs(c, t);
	if (suite_select(c->options, &s, &err) < 0)
		return complain(STATUS_USAGE, err.text);
	s.target = t;
	s.dir = c->dir;
	s.home = c->real_home;
	if (suite_load_known(&s, c->home, &err) < 0) {
		suite_free(&s);
		return complain(STATUS_USAGE, err.text);
	}
	if (conform_is_prove(c->options)) {
		status = run_proof(c, t, &s);
		suite_free(&s);
		return status;
	}
	if (c->options->format == OUTPUT_TEXT)
		output_begin(&s, stdout);
	if (suite_run(&s, c->dir, &err) < 0 || (c->options->out && suite_save(&s, &err) < 0))
		(void)complain(STATUS_BROKEN, err.text);
	else
		status = suite_status(&s);
	output_all(&s, stdout);
	suite_free(&s);
	return status;
}

/* The worst of several: broken, failed, all skipped only if all are. */
static int worse(int a, int b)
{
	static const int order[] = { STATUS_USAGE, STATUS_BROKEN, 1, 0, 77 };

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return STATUS_BROKEN;
}

static int run_targets(const struct call *c)
{
	const struct conform_options *o = c->options;
	CLEANUP(freep) char *roots = fs_path("%s/build/roots", c->home);
	struct stack_paths paths = { .roots = roots, .own = c->own };
	struct err err = { "" };
	int status = -1;

	if (o->daemon || o->socket) {
		struct target t;

		if (o->socket)
			target_from_socket(o->socket, o->share, &t);
		else if (target_from_words(o->daemon, &t, &err) < 0)
			return complain(STATUS_USAGE, err.text);
		status = run_target(c, &t);
		target_free(&t);
	}
	for (unsigned i = 0; i < o->stack_count; i++) {
		struct target t;
		int one;

		if (target_from_stack(o->stack[i], &paths, &t, &err) < 0)
			return complain(STATUS_USAGE, err.text);
		one = run_target(c, &t);
		target_free(&t);
		status = i == 0 ? one : worse(status, one);
	}
	return status;
}

static int run_all(void *arg)
{
	struct call *c = arg;
	struct proof_table proofs = { 0 };
	struct err err = { "" };
	int status;

	c->proofs = &proofs;
	if (c->options->resume && proof_resume(&proofs, c->options->resume, &err) < 0)
		return complain(STATUS_USAGE, err.text);
	status = run_targets(c);
	if (status == 0 && conform_is_prove(c->options))
		status = end_proof(c, stdout);
	proof_free(&proofs);
	return status;
}

static int run_isolated(struct call *c)
{
	const char *tmp = getenv("TMPDIR");
	struct isolate_result result = { 0 };
	struct err err = { "" };
	int e;

	/* Daemons have other working folders: a relative one would be another place to them. */
	(void)snprintf(c->dir, sizeof(c->dir), "%.80s/vq-conform-XXXXXX",
		       tmp && *tmp == '/' ? tmp : "/tmp");
	if (!mkdtemp(c->dir))
		return complain(STATUS_BROKEN,
				"cannot make a folder of this run: is TMPDIR right?");
	e = isolate_run(run_all, c, &result, &err);
	(void)!fs_remove_tree(c->dir, NULL);
	if (e < 0)
		return complain(STATUS_BROKEN, err.text);
	return result.interrupted ? STATUS_INTERRUPTED : result.status;
}

static int run_command(const struct conform_options *o)
{
	struct err err = { "" };
	int status = command_run(o, stdout, &err);

	return err.text[0] ? complain(status, err.text) : status;
}

int main(int argc, char **argv)
{
	struct conform_options o;
	struct call c = { .options = &o };
	struct err err = { "" };
	int status = 0;

	if (conform_options_parse(argc, argv, &o, &err) < 0)
		status = complain(STATUS_USAGE, err.text);
	else if (o.help)
		conform_options_help(stdout);
	else if (o.version)
		(void)puts("virtiofs-conform " VQ_VERSION);
	else if (o.list)
		status = output_list(&o, stdout) == 0 ? 0 : STATUS_USAGE;
	else if (!conform_meets_daemon(&o))
		status = run_command(&o);
	else if (find_places(&c) < 0)
		status = complain(STATUS_BROKEN, "cannot find the project's folder; give --home");
	else
		status = run_isolated(&c);
	conform_options_free(&o);
	return status;
}
