// SPDX-License-Identifier: Apache-2.0
#include "report/report.h"

#include "base/fs.h"

#include "report/against.h"
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

static int print_comparison(const struct run *base, const struct against *a, FILE *out, bool json)
{
	CLEANUP(out_free) struct out text = { 0 };
	json_auto_t *j = json ? against_json(base, a) : NULL;

	if (json)
		return j && json_dumpf(j, out, JSON_INDENT(1)) == 0 && fputs("\n", out) >= 0 ? 0
											     : -EIO;
	against_text(base, a, &text);
	if (text.error < 0)
		return text.error;
	return fwrite(buf_text(&text.text), 1, text.text.size, out) == text.text.size ? 0 : -EIO;
}

int report_compare(const char *base_dir, const char *new_dir, FILE *out, bool json,
		   size_t *ret_compared, struct err *reterr)
{
	CLEANUP(run_free) struct run base = RUN_INIT;
	CLEANUP(run_free) struct run new = RUN_INIT;
	CLEANUP(against_free) struct against a = { 0 };
	int e = run_load(base_dir, &base, reterr);

	if (e == 0)
		e = run_load(new_dir, &new, reterr);
	if (e < 0)
		return e;
	if (against_build(&base, &new, &a) < 0)
		return err_set(reterr, -ENOMEM, "out of memory comparing two runs");
	e = print_comparison(&base, &a, out, json);
	if (e < 0)
		return err_set(reterr, e, "cannot write the comparison");
	*ret_compared = a.compared;
	return 0;
}
