// SPDX-License-Identifier: Apache-2.0
/* doctor: check-host's rows, and those that only the driver can try. Changes nothing. */
#include "commands.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/isolate.h"
#include "base/json.h"
#include "base/proc.h"
#include "run/probe.h"

#include <fcntl.h>
#include <string.h>

#define CHECK_MS 60000
#define OUT_MAX	 (256 * KIB)

/* The isolated half tells its rows through a pipe; they fit into its buffer. */
struct doctor {
	const struct command_call *call;
	int rows_fd;
};

static void add_row(json_t *rows, const char *id, const char *status, const char *seen,
		    const char *todo)
{
	(void)json_array_append_new(rows, json_pack("{s:s,s:s,s:s,s:s}", "id", id, "status", status,
						    "seen", seen, "todo", todo));
}

/* Programs that conf files name. */
static void probe_conf(json_t *rows)
{
	json_auto_t *faults = NULL;
	json_auto_t *versions = probe_conf_rows(&faults);
	const char *id;
	json_t *version;

	json_object_foreach(versions, id, version) {
		const char *why = json_string_value(json_object_get(faults, id));

		add_row(rows, id, why ? "missing" : "ok", why ? why : json_string_value(version),
			why ? "look at program, probe and version of its row" : "");
	}
}

static void probe(const struct doctor *d, json_t *rows)
{
	const struct world_source src = { .home = d->call->home, .strict = true };
	const char *wanted = d->call->opts->value[OPT_ACCELERATOR].text;
	struct world w = { 0 };
	struct err err = { 0 };
	const char *used = "none";
	json_auto_t *accel = NULL;
	CLEANUP(freep) char *seen = NULL;
	const char *kvm;

	if (world_make(&src, &w, &err) < 0) {
		add_row(rows, "world", "missing", err.text, "make setup image");
		return;
	}
	add_row(rows, "share", "ok", w.share_fs, "");
	probe_conf(rows);
	if (probe_accelerator(&w, wanted, &used, &accel, &err) < 0) {
		add_row(rows, "accelerator", "missing", err.text, "");
		return;
	}
	kvm = json_str_at(accel, "evidence[0].seen", NULL);
	seen = fs_path("%s%s%s", used, kvm ? "; kvm: " : "", kvm ? kvm : "");
	add_row(rows, "accelerator", "ok", seen ? seen : used, "");
}

static int doctor_inner(void *arg)
{
	const struct doctor *d = arg;
	json_auto_t *rows = json_array();

	probe(d, rows);
	return json_dumpfd(rows, d->rows_fd, JSON_COMPACT) < 0;
}

static int run_check_host(const char *home, json_t **ret, struct err *reterr)
{
	CLEANUP(freep) char *script = fs_path("%s/host-setup/check-host", home);
	char *argv[] = { script, (char *)(uintptr_t) "--format", (char *)(uintptr_t) "json", NULL };
	const struct proc_spec spec = { .argv = argv };
	struct proc_output o = { 0 };
	json_error_t je;
	int e;

	if (!script)
		return err_set(reterr, -ENOMEM, "out of memory");
	e = proc_run(&spec, OUT_MAX, clock_deadline_ms(CHECK_MS), &o, reterr);
	if (e < 0)
		return e;
	*ret = json_loads(buf_text(&o.out), 0, &je);
	if (!json_is_array(json_object_get(*ret, "rows")))
		e = err_set(reterr, -EIO, "host-setup/check-host gave no rows: %.500s",
			    buf_text(&o.err));
	proc_output_free(&o);
	return e;
}

static int probe_isolated(const struct command_call *c, json_t *rows, struct err *reterr)
{
	CLEANUP(fd_closep) int rd = -1;
	CLEANUP(fd_closep) int wr = -1;
	struct isolate_result how = { 0 };
	struct doctor d = { .call = c };
	json_auto_t *more = NULL;
	int fds[2];
	int e = world_prepare(reterr);

	if (e < 0)
		return e;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(reterr, -errno, "cannot make a pipe");
	rd = fds[0];
	wr = fds[1];
	d.rows_fd = wr;
	e = isolate_run(doctor_inner, &d, &how, reterr);
	if (e < 0)
		return e;
	fd_closep(&wr);
	more = json_loadfd(rd, 0, NULL);
	if (how.interrupted || !json_is_array(more))
		return err_set(reterr, how.interrupted ? -EINTR : -EIO, "the probe did not finish");
	return json_array_extend(rows, more);
}

static bool print_rows(json_t *rows, bool text)
{
	bool ready = true;
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row) {
		const char *status = json_str_at(row, "status", "");
		const char *todo = json_str_at(row, "todo", "");

		ready &= strcmp(status, "missing") != 0;
		if (!text)
			continue;
		(void)printf("%-8s %-18s %s\n", status, json_str_at(row, "id", ""),
			     json_str_at(row, "seen", ""));
		if (*todo)
			(void)printf("%-8s %-18s to do: %s\n", "", "", todo);
	}
	return ready;
}

int command_doctor(const struct command_call *c)
{
	CLEANUP(freep) char *manifest = fs_path("%s/build/image/manifest.json", c->home);
	json_auto_t *all = NULL;
	struct err err = { 0 };
	json_t *rows;
	bool ready;
	int e = manifest ? run_check_host(c->home, &all, &err) : -ENOMEM;

	if (e < 0)
		return command_error(EXIT_BROKEN, &err);
	rows = json_object_get(all, "rows");
	if (fs_exists(manifest))
		e = probe_isolated(c, rows, &err);
	else
		add_row(rows, "image", "missing", "not built; accelerator not probed",
			"make image");
	if (e == -EINTR)
		return EXIT_INTERRUPTED;
	if (e < 0)
		add_row(rows, "isolation", "missing", err.text, "");
	ready = print_rows(rows, !opt_is_json(c->opts));
	(void)json_object_set_new(all, "ready", json_boolean(ready));
	if (opt_is_json(c->opts))
		(void)json_dumpf(all, stdout, JSON_INDENT(2));
	else
		(void)printf("%s", ready ? "ready" : "not ready: see the rows that are missing");
	(void)printf("\n");
	return ready ? EXIT_OK : EXIT_FAIL;
}
