// SPDX-License-Identifier: Apache-2.0
#include "report_fixture.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/proc.h"

#include "report/csv.h"
#include "report/md.h"
#include "report/page.h"
#include "report/report.h"
#include "report/summary.h"
#include "report/table.h"

#include <string.h>
#include <sys/stat.h>

#define FILE_MAX (64 * MIB)

char fixture_dir[64];
char fixture_run[96];

static int command(char *const *argv)
{
	CLEANUP(proc_output_free) struct proc_output out = { 0 };
	const struct proc_spec spec = { .argv = argv };
	struct err err;
	int e = proc_run(&spec, 64 * KIB, clock_deadline_ms(60000), &out, &err);

	return e < 0 ? e : out.status;
}

int fixture_copy(const char *from)
{
	struct err err;
	char *argv[] = { (char *)(uintptr_t) "cp", (char *)(uintptr_t) "-r",
			 (char *)(uintptr_t)from, fixture_run, NULL };

	if (fs_remove_tree(fixture_run, &err) < 0)
		return -1;
	return command(argv) == 0 ? 0 : -1;
}

int fixture_fresh(void **state)
{
	(void)state;
	return fixture_copy(GOLDEN "/run");
}

int fixture_setup(void **state)
{
	(void)state;
	(void)snprintf(fixture_dir, sizeof(fixture_dir), "/tmp/vq-report-XXXXXX");
	if (!mkdtemp(fixture_dir))
		return -1;
	(void)snprintf(fixture_run, sizeof(fixture_run), "%s/run", fixture_dir);
	return 0;
}

int fixture_teardown(void **state)
{
	struct err err;

	(void)state;
	return fs_remove_tree(fixture_dir, &err);
}

/* A file of the run folder as an owned string; "" when it is not there. */
char *fixture_read(const char *dir, const char *name)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", dir, name);
	CLEANUP(buf_free) struct buf b = { 0 };
	struct err err;

	if (!path || fs_read(path, FILE_MAX, &b, &err) < 0)
		return strdup("");
	return buf_take(&b);
}

int fixture_write(const char *name, const char *text, size_t size)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", fixture_run, name);
	CLEANUP(file_closep) FILE *f = path ? fopen(path, "we") : NULL;

	return f && fwrite(text, 1, size, f) == size ? 0 : -1;
}

bool fixture_contains(const char *name, const char *what)
{
	CLEANUP(freep) char *text = fixture_read(fixture_run, name);

	return text && strstr(text, what) != NULL;
}

/* Everything that a report consists of, in memory and without plots. */
int fixture_render(size_t *ret_failed, size_t *ret_cells)
{
	CLEANUP(run_free) struct run run = RUN_INIT;
	CLEANUP(tables_free) struct tables tables = { 0 };
	CLEANUP(out_free) struct out o = { 0 };
	struct err err;
	int e = run_load(fixture_run, &run, &err);

	if (e == 0)
		e = tables_build(&run, &tables, &err);
	if (e == 0)
		e = page_write(&tables, &o);
	if (e == 0)
		e = md_write(&tables, &o);
	if (e == 0)
		e = csv_write(&run, &o);
	if (e == 0)
		e = summary_write(&tables, &o);
	*ret_failed = run.status_count[CELL_FAILED];
	*ret_cells = run.cell_count;
	return e;
}

int fixture_save(const char *name, const json_t *v)
{
	CLEANUP(freep) char *text = json_dumps(v, 0);

	return text ? fixture_write(name, text, strlen(text)) : -1;
}

json_t *fixture_load(const char *dir, const char *name)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", dir, name);
	struct err err;
	json_t *v = NULL;

	return path && json_load_path(path, &v, &err) == 0 ? v : NULL;
}
