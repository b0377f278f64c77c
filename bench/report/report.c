// SPDX-License-Identifier: Apache-2.0
#include "report/report.h"

#include "base/fs.h"

#include "report/csv.h"
#include "report/md.h"
#include "report/page.h"
#include "report/plot.h"
#include "report/repro.h"
#include "report/summary.h"

#include <sys/stat.h>

static int save(const char *dir, const char *name, const struct out *o, struct err *reterr)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", dir, name);

	if (!path || o->error < 0)
		return err_set(reterr, -ENOMEM, "out of memory writing %s", name);
	return fs_write_atomic(path, buf_text(&o->text), o->text.size, reterr);
}

static int save_page(const struct tables *t, struct err *reterr)
{
	CLEANUP(out_free) struct out o = { 0 };

	if (page_write(t, &o) < 0)
		return err_set(reterr, -ENOMEM, "out of memory writing report.html");
	return save(t->run->dir, "report.html", &o, reterr);
}

static int save_markdown(const struct tables *t, struct err *reterr)
{
	CLEANUP(out_free) struct out o = { 0 };

	if (md_write(t, &o) < 0)
		return err_set(reterr, -ENOMEM, "out of memory writing report.md");
	return save(t->run->dir, "report.md", &o, reterr);
}

static int save_csv(const struct run *r, struct err *reterr)
{
	CLEANUP(out_free) struct out o = { 0 };

	if (csv_write(r, &o) < 0)
		return err_set(reterr, -ENOMEM, "out of memory writing results.csv");
	return save(r->dir, "results.csv", &o, reterr);
}

static int save_repro(const struct run *r, struct err *reterr)
{
	CLEANUP(out_free) struct out o = { 0 };
	CLEANUP(freep) char *path = fs_path("%s/repro.sh", r->dir);
	int e;

	if (!path || repro_write(r, &o) < 0)
		return err_set(reterr, -ENOMEM, "out of memory writing repro.sh");
	e = save(r->dir, "repro.sh", &o, reterr);
	if (e == 0 && chmod(path, 0755) < 0)
		return err_errno(reterr, -errno, "cannot make %s executable", path);
	return e;
}

int report_write(const char *run_dir, struct err *reterr)
{
	CLEANUP(run_free) struct run run = RUN_INIT;
	CLEANUP(tables_free) struct tables tables = { 0 };
	int e = run_load(run_dir, &run, reterr);

	if (e == 0)
		e = tables_build(&run, &tables, reterr);
	if (e == 0 && plot_all(&tables) < 0)
		e = err_set(reterr, -ENOMEM, "out of memory drawing plots");
	/* The page links to the other three: they come first. */
	if (e == 0)
		e = save_markdown(&tables, reterr);
	if (e == 0)
		e = save_csv(&run, reterr);
	if (e == 0)
		e = save_repro(&run, reterr);
	if (e == 0)
		e = save_page(&tables, reterr);
	return e;
}

int report_summary(const char *run_dir, FILE *out, struct err *reterr)
{
	CLEANUP(run_free) struct run run = RUN_INIT;
	CLEANUP(tables_free) struct tables tables = { 0 };
	CLEANUP(out_free) struct out text = { 0 };
	int e = run_load(run_dir, &run, reterr);

	if (e == 0)
		e = tables_build(&run, &tables, reterr);
	if (e < 0)
		return e;
	if (summary_write(&tables, &text) < 0)
		return err_set(reterr, -ENOMEM, "out of memory writing the summary");
	if (fwrite(buf_text(&text.text), 1, text.text.size, out) != text.text.size)
		return err_set(reterr, -EIO, "cannot write the summary");
	return 0;
}
