// SPDX-License-Identifier: Apache-2.0
/* What fuzz tells: each hit as it comes, all of them at the end. */
#include "conformance/runner/fuzz_hits.h"

#include "base/json.h"

#include <inttypes.h>

#define SCHEMA 1

void fuzz_tell_hit(const struct fuzz *f, const struct fuzz_hit *h)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	if (f->o->format != OUTPUT_TEXT)
		return;
	(void)fprintf(f->out,
		      "\nHIT %s by %s, program %" PRIu64 ": %zu steps left, %u of %d times\n",
		      h->what, h->verb, h->index, h->program->count, h->repeated, FUZZ_REPEATS);
	if (h->path)
		(void)fprintf(f->out, "  repeat: virtiofs-conform replay %s --stack %s\n", h->path,
			      f->t->id);
	if (program_print(h->program, &text) == 0)
		(void)fprintf(f->out, "%s", buf_text(&text));
	(void)fprintf(f->out, "  it said: %s\n", h->said);
	(void)fflush(f->out);
}

static json_t *hit_json(const struct fuzz_hit *h)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	(void)!program_print(h->program, &text);
	return json_pack("{s:s, s:s, s:I, s:I, s:i, s:i, s:i, s:i, s:s?, s:s, s:s}", "what",
			 h->what, "verb", h->verb, "program", (json_int_t)h->index, "times",
			 (json_int_t)h->times, "repeated", (int)h->repeated, "of", FUZZ_REPEATS,
			 "trials", (int)h->trials, "steps", (int)h->program->count, "file", h->path,
			 "text", buf_text(&text), "said", h->said);
}

void fuzz_print_json(const struct fuzz *f, double seconds)
{
	json_t *hits = json_array();
	json_auto_t *all = NULL;

	for (size_t i = 0; i < f->hit_count; i++)
		(void)json_array_append_new(hits, hit_json(&f->hit[i]));
	all = json_pack("{s:i, s:{s:s, s:s}, s:I, s:b, s:I, s:I, s:I, s:I, s:f, s:o}", "schema",
			SCHEMA, "target", "name", f->t->id, "version", f->t->version, "seed",
			(json_int_t)f->o->seed, "hostile", f->o->hostile, "programs",
			(json_int_t)f->programs, "steps", (json_int_t)f->steps, "trials",
			(json_int_t)f->trials, "not_tried", (json_int_t)f->not_tried, "seconds",
			seconds, "hits", hits);
	(void)json_dumpf(all, f->out, JSON_INDENT(2));
	(void)fputc('\n', f->out);
}

void fuzz_print_summary(const struct fuzz *f, double seconds)
{
	(void)fprintf(f->out,
		      "\n%s (%s): %s, seed %" PRIu64 ", %" PRIu64 " programs with %" PRIu64
		      " steps in %.0f s: %zu %s\n",
		      f->t->id, f->t->version, f->o->hostile ? "hostile" : "mild", f->o->seed,
		      f->programs, f->steps, seconds, f->hit_count,
		      f->hit_count == 1 ? "hit" : "hits");
	if (f->not_tried)
		(void)fprintf(f->out, "  %" PRIu64 " could not be tried; the last: %s\n",
			      f->not_tried, f->why);
	for (size_t i = 0; i < f->hit_count; i++) {
		const struct fuzz_hit *h = &f->hit[i];

		(void)fprintf(f->out, "  %-24s by %-18s %4zu programs, %u of %d times, %zu steps\n",
			      h->what, h->verb, h->times, h->repeated, FUZZ_REPEATS,
			      h->program->count);
	}
}
