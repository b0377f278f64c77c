// SPDX-License-Identifier: Apache-2.0
#include "conduct.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"

#include <ctype.h>
#include <signal.h>
#include <string.h>

int conduct_open(struct conduct *c, const char *name)
{
	int e = real_dir(name, c->dir, sizeof(c->dir), &c->err);

	(void)snprintf(c->home, sizeof(c->home), "%s/home", c->dir);
	return e < 0 ? e : real_home(c->home, NULL, &c->err);
}

void conduct_next(struct conduct *c)
{
	c->serial++;
	(void)snprintf(c->out, sizeof(c->out), "%s/run%u", c->dir, c->serial);
	(void)snprintf(c->log, sizeof(c->log), "%s/run%u.log", c->dir, c->serial);
}

void conduct_stop(struct conduct *c)
{
	if (proc_alive(&c->driver))
		(void)kill(c->driver.pid, SIGKILL);
	proc_kill(&c->driver);
	c->driver = (struct proc){ 0 };
}

int conduct_write(struct conduct *c, const char *name, const char *text, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s/%s", c->dir, name);
	return fs_write_atomic(ret, text, strlen(text), &c->err);
}

int conduct_check_json(struct conduct *c)
{
	CLEANUP(freep) char *path = fs_path("%s/run.json", c->out);
	json_auto_t *run = NULL;
	size_t i;
	json_t *id;
	int e = path ? json_load_path(path, &run, &c->err) : -ENOMEM;

	json_array_foreach(json_object_get(run, "cells"), i, id) {
		json_auto_t *cell = NULL;

		/* Cells are made once versions are known: none, or one that can be read. */
		CLEANUP(freep)
		char *file = fs_path("%s/cells/%s/cell.json", c->out, json_string_value(id));

		if (e == 0 && file && fs_exists(file))
			e = json_load_path(file, &cell, &c->err);
	}
	return e;
}

static size_t count_passes(const char *out, json_t *cell)
{
	size_t done = 0;
	size_t i;
	json_t *r;

	json_array_foreach(json_object_get(cell, "rounds"), i, r) {
		CLEANUP(freep)
		char *path = fs_path("%s/%s/pass.json", out, json_str_at(r, "dir", "?"));
		json_auto_t *pass = NULL;

		done += path && json_load_path(path, &pass, NULL) == 0 &&
			strcmp(json_str_at(pass, "status", ""), "ok") == 0;
	}
	return done;
}

size_t conduct_passes(const char *out)
{
	CLEANUP(freep) char *path = fs_path("%s/run.json", out);
	json_auto_t *run = NULL;
	size_t done = 0;
	size_t i;
	json_t *id;

	if (!path || json_load_path(path, &run, NULL) < 0)
		return 0;
	json_array_foreach(json_object_get(run, "cells"), i, id) {
		json_auto_t *cell = NULL;

		if (real_cell(out, json_string_value(id), &cell, NULL) == 0)
			done += count_passes(out, cell);
	}
	return done;
}

/* r1, o2, r3.part */
static bool is_pass_folder(const char *name)
{
	return (name[0] == 'r' || name[0] == 'o') && isdigit((unsigned char)name[1]);
}

static size_t count_folders(const char *dir)
{
	CLEANUP(dir_closep) DIR *d = opendir(dir);
	struct dirent *e;
	size_t n = 0;

	while (d && (e = readdir(d)) != NULL)
		n += is_pass_folder(e->d_name);
	return n;
}

size_t conduct_folders(const char *out)
{
	CLEANUP(freep) char *path = fs_path("%s/cells", out);
	CLEANUP(dir_closep) DIR *d = path ? opendir(path) : NULL;
	struct dirent *e;
	size_t n = 0;

	while (d && (e = readdir(d)) != NULL) {
		CLEANUP(freep) char *dir = fs_path("%s/%s", path, e->d_name);

		if (dir && e->d_name[0] != '.')
			n += count_folders(dir);
	}
	return n;
}

static int check_cell(struct conduct *c, const char *id, json_int_t rounds)
{
	json_auto_t *cell = NULL;
	int e = real_cell(c->out, id, &cell, &c->err);

	if (e < 0)
		return e;
	if (strcmp(json_str_at(cell, "status", ""), "ok") != 0)
		return err_set(&c->err, -EIO, "%s is %s: %.500s", id,
			       json_str_at(cell, "status", "?"), json_str_at(cell, "reason", ""));
	if ((json_int_t)count_passes(c->out, cell) < rounds)
		return err_set(&c->err, -EIO, "%s is ok with %zu of %lld rounds", id,
			       count_passes(c->out, cell), (long long)rounds);
	return 0;
}

int conduct_all_ok(struct conduct *c)
{
	CLEANUP(freep) char *path = fs_path("%s/run.json", c->out);
	CLEANUP(freep) char *report = fs_path("%s/report.html", c->out);
	json_auto_t *run = NULL;
	size_t i;
	json_t *id;
	int e = path && report ? json_load_path(path, &run, &c->err) : -ENOMEM;

	if (e == 0 && strcmp(json_str_at(run, "status", ""), "complete") != 0)
		e = err_set(&c->err, -EIO, "%s says %s", path, json_str_at(run, "status", "?"));
	if (e == 0 && !fs_exists(report))
		e = err_set(&c->err, -ENOENT, "there is no %s", report);
	json_array_foreach(json_object_get(run, "cells"), i, id)
		if (e == 0)
			e = check_cell(c, json_string_value(id),
				       json_integer_value(json_at(run, "plan.rounds")));
	return e;
}

int conduct_resume(struct conduct *c, const char *option, int *ret_status)
{
	return real_run(ARGS("resume", c->out, "--home", c->home, option), c->log, REAL_RUN_MS,
			ret_status, &c->err);
}

const char conduct_plan[] =
	"title = \"kill\"\nrounds = 2\nobserved = 0\ntime_ms = 50\nseed = 3\n"
	"cells \"guest\" {\n\tstacks = {\"rust-trixie\"}\n\tvmms = {\"qemu-backports\"}\n"
	"\tkernels = {\"bookworm\"}\n\tcaches = {\"auto\"}\n\twriteback = {\"off\", \"on\"}\n"
	"\tworkloads = {\"seqread-psync\"}\n}\n"
	"cells \"host\" {\n\tstacks = {\"null\"}\n\tworkloads = {\"metadata\"}\n}\n";

int conduct_start(struct conduct *c, const char *plan)
{
	int lock;

	conduct_next(c);
	/* The moments count from the start: nobody else may be running then. */
	lock = real_lock(&c->err);
	if (lock < 0)
		return lock;
	fd_closep(&lock);
	return real_start(ARGS("run", "--plan", plan, "--accelerator", "tcg", "--home", c->home,
			       "--out", c->out),
			  c->log, &c->driver, &c->err);
}

static size_t lines_done(const char *log)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	size_t n = 0;

	if (fs_read(log, MIB, &text, NULL) < 0)
		return 0;
	for (const char *p = buf_text(&text); (p = strstr(p, "  ok  ")) != NULL; p++)
		n++;
	return n;
}

static const char *stage_of(struct conduct *c)
{
	CLEANUP(freep) char *run = fs_path("%s/run.json", c->out);
	json_auto_t *j = NULL;

	if (!run || json_load_path(run, &j, NULL) < 0)
		return "before run.json";
	if (strcmp(json_str_at(j, "status", ""), "complete") == 0)
		return "report";
	if (conduct_folders(c->out) == 0)
		return "set-up";
	return c->tree.count > 4 ? "passes, guest running" : "passes";
}

/* Complete what the kill left, and see that no more than one pass was lost. */
static int complete(struct conduct *c, const char *plan, json_t *line)
{
	CLEANUP(freep) char *path = fs_path("%s/run.json", c->out);
	size_t folders = conduct_folders(c->out);
	size_t said = lines_done(c->log);
	size_t kept = conduct_passes(c->out);
	int status = -1;
	int e;

	(void)json_object_set_new(line, "kept", json_integer((json_int_t)kept));
	(void)json_object_set_new(line, "lost", json_integer((json_int_t)(folders - kept)));
	if (folders > kept + 1 || said > kept)
		return err_set(&c->err, -EIO, "%zu passes begun, %zu told as done, %zu kept",
			       folders, said, kept);
	if (path && fs_exists(path))
		e = conduct_resume(c, NULL, &status);
	else /* nothing was begun: there is nothing to resume */
		e = real_run(ARGS("run", "--plan", plan, "--accelerator", "tcg", "--home", c->home,
				  "--out", c->out),
			     c->log, REAL_RUN_MS, &status, &c->err);
	if (e == 0 && status != 0)
		e = err_set(&c->err, -EIO, "resume ended with %d, see %s", status, c->log);
	if (e == 0)
		e = conduct_all_ok(c);
	if (e == 0 && conduct_folders(c->out) != conduct_passes(c->out))
		e = err_set(&c->err, -EIO, "folders of lost passes are left in %s", c->out);
	return e;
}

static void wait_for_report(struct conduct *c)
{
	CLEANUP(freep) char *run = fs_path("%s/run.json", c->out);

	while (run && proc_alive(&c->driver) && !real_said(run, "\"status\": \"complete\""))
		(void)usleep(500);
}

int conduct_kill(struct conduct *c, const char *plan, uint64_t moment_ms, json_t *line)
{
	uint64_t begun;
	int e = conduct_start(c, plan);

	if (e < 0)
		return e;
	begun = clock_now_ns();
	if (moment_ms == CONDUCT_IN_REPORT)
		wait_for_report(c);
	else
		(void)proc_wait(&c->driver, clock_deadline_ms(moment_ms));
	moment_ms = (clock_now_ns() - begun) / NS_PER_MS;
	real_tree_read(c->driver.pid, &c->tree);
	(void)json_object_set_new(line, "moment_ms", json_integer((json_int_t)moment_ms));
	(void)json_object_set_new(line, "ended_before", json_boolean(!proc_alive(&c->driver)));
	begun = clock_now_ns();
	conduct_stop(c);
	e = real_wait_gone(&c->tree, c->home, GONE_MS, &c->err);
	(void)json_object_set_new(line, "gone_ms",
				  json_integer((json_int_t)((clock_now_ns() - begun) / NS_PER_MS)));
	(void)json_object_set_new(line, "processes", json_integer((json_int_t)c->tree.count));
	(void)json_object_set_new(line, "stage", json_string(stage_of(c)));
	return e < 0 ? e : complete(c, plan, line);
}
