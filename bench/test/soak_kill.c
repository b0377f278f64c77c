// SPDX-License-Identifier: Apache-2.0
/*
 * soak_kill [N] - kill -9 the driver at seeded moments spread over the whole life of a small run,
 * set-up and report included, look at what is left, and resume the run. N kills (default: until
 * all are done); the next call goes on. Figures: results/baselines/kill.md. Run by `make soak-kill`.
 */
#include "conduct.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/rng.h"

#include <string.h>

#define KILLS	  100
#define SEED	  20261122
#define STATE	  "build/soak-kill.json"
#define TABLE	  "results/baselines/kill.md"
#define SET_UP_MS 120
/* Prime to KILLS: whoever stops early has moments all over the life too. */
#define STRIDE 37

struct soak {
	struct conduct c;
	char plan[PATH_MAX + 32];
	json_t *state; /* {commit, life_ms, kills: [...]} */
};

/* One whole life, not killed. */
static int measure_life(struct soak *s)
{
	uint64_t begun;
	int e = conduct_start(&s->c, s->plan);

	begun = clock_now_ns();
	if (e == 0)
		e = proc_wait(&s->c.driver, clock_deadline_ms(REAL_RUN_MS));
	if (e == 0 && real_status(&s->c.driver) != 0)
		e = err_set(&s->c.err, -EIO, "a run that was not killed ended with %d, see %s",
			    real_status(&s->c.driver), s->c.log);
	if (e == 0)
		e = conduct_all_ok(&s->c);
	conduct_stop(&s->c);
	(void)json_object_set_new(s->state, "life_ms",
				  json_integer((json_int_t)((clock_now_ns() - begun) / NS_PER_MS)));
	return e;
}

/* Most moments are spread evenly; some are aimed at the short set-up and at the report. */
static uint64_t moment_of(const struct soak *s, size_t n)
{
	double life = (double)json_integer_value(json_object_get(s->state, "life_ms"));
	struct rng rng = { SEED + n };
	double part = (double)rng_below(&rng, 1000) / 1000.0;

	if (n % 10 == 0)
		return (uint64_t)(part * SET_UP_MS);
	if (n % 10 == 5)
		return CONDUCT_IN_REPORT;
	return (uint64_t)(life * ((double)(n * STRIDE % KILLS) + part) / KILLS);
}

static void read_commit(char *ret, size_t size)
{
	char *const argv[] = { (char *)(uintptr_t) "git", (char *)(uintptr_t) "rev-parse",
			       (char *)(uintptr_t) "--short", (char *)(uintptr_t) "HEAD", NULL };
	const struct proc_spec spec = { .argv = argv };
	struct proc_output o = { 0 };

	(void)snprintf(ret, size, "unknown");
	if (proc_run(&spec, KIB, clock_deadline_ms(REACH_MS), &o, NULL) == 0 && o.status == 0)
		(void)snprintf(ret, size, "%.*s", (int)strcspn(buf_text(&o.out), "\n"),
			       buf_text(&o.out));
	proc_output_free(&o);
}

/* State of an earlier call, unless the commit is another one. */
static int load_state(struct soak *s)
{
	char commit[64];

	read_commit(commit, sizeof(commit));
	if (fs_exists(STATE) && json_load_path(STATE, &s->state, NULL) == 0 &&
	    strcmp(json_str_at(s->state, "commit", ""), commit) == 0)
		return 0;
	json_decref(s->state);
	s->state = json_pack("{s:s,s:[]}", "commit", commit, "kills");
	return s->state ? 0 : -ENOMEM;
}

struct sums {
	size_t count, failed, lost, most_lost, ended;
	json_int_t gone_max;
	double gone_sum;
};

static void add_line(struct sums *u, json_t *line)
{
	json_int_t gone = json_integer_value(json_object_get(line, "gone_ms"));
	size_t lost = (size_t)json_integer_value(json_object_get(line, "lost"));

	u->count++;
	u->failed += json_object_get(line, "error") != NULL;
	u->ended += json_is_true(json_object_get(line, "ended_before"));
	u->lost += lost;
	u->most_lost = lost > u->most_lost ? lost : u->most_lost;
	u->gone_max = gone > u->gone_max ? gone : u->gone_max;
	u->gone_sum += (double)gone;
}

static void write_stages(struct buf *b, json_t *kills)
{
	static const char *const stages[] = { "before run.json", "set-up", "passes",
					      "passes, guest running", "report" };

	(void)buf_printf(b, "\n| killed in | times | longest until all gone, ms | passes lost |\n"
			    "|---|---:|---:|---:|\n");
	for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
		struct sums u = { 0 };
		size_t j;
		json_t *line;

		json_array_foreach(kills, j, line)
			if (strcmp(json_str_at(line, "stage", ""), stages[i]) == 0)
				add_line(&u, line);
		(void)buf_printf(b, "| %s | %zu | %lld | %zu |\n", stages[i], u.count,
				 (long long)u.gone_max, u.lost);
	}
}

static int write_table(struct soak *s)
{
	CLEANUP(buf_free) struct buf b = { 0 };
	json_t *kills = json_object_get(s->state, "kills");
	struct sums u = { 0 };
	char stamp[32];
	size_t i;
	json_t *line;

	json_array_foreach(kills, i, line)
		add_line(&u, line);
	clock_utc_stamp(stamp, sizeof(stamp));
	(void)buf_printf(
		&b,
		"# kill -9 of the driver\n\n"
		"Command `make soak-kill`, commit %s, %s, TCG. A run of 2 guest cells and 1 host "
		"cell, 2 rounds, that takes\n%lld ms, is killed at seeded moments spread over its "
		"whole life; then nothing of it may be left (processes,\nmounts, loop devices, "
		"files), and `resume` must complete it with every cell ok.\n\n"
		"| figure | value |\n|---|---:|\n"
		"| kills | %zu of %d |\n| kills after which something was wrong | %zu |\n"
		"| most passes lost by one kill | %zu |\n"
		"| time until all was gone: mean, longest | %.0f ms, %lld ms |\n"
		"| kills that came after the driver's own end | %zu |\n",
		json_str_at(s->state, "commit", "?"), stamp,
		(long long)json_integer_value(json_object_get(s->state, "life_ms")), u.count, KILLS,
		u.failed, u.most_lost, u.count ? u.gone_sum / (double)u.count : 0,
		(long long)u.gone_max, u.ended);
	write_stages(&b, kills);
	return fs_write_atomic(TABLE, buf_text(&b), b.size, &s->c.err);
}

static int one_kill(struct soak *s)
{
	json_t *kills = json_object_get(s->state, "kills");
	size_t n = json_array_size(kills);
	json_t *line = json_object();
	int e = conduct_kill(&s->c, s->plan, moment_of(s, n), line);

	if (e < 0)
		(void)json_object_set_new(line, "error", json_string(s->c.err.text));
	(void)printf("kill %zu after %lld ms (%s): %lld processes gone after %lld ms, %lld kept, "
		     "%lld lost%s%s\n",
		     n + 1, (long long)json_integer_value(json_object_get(line, "moment_ms")),
		     json_str_at(line, "stage", "?"),
		     (long long)json_integer_value(json_object_get(line, "processes")),
		     (long long)json_integer_value(json_object_get(line, "gone_ms")),
		     (long long)json_integer_value(json_object_get(line, "kept")),
		     (long long)json_integer_value(json_object_get(line, "lost")),
		     e < 0 ? ": WRONG: " : "", e < 0 ? s->c.err.text : "");
	(void)fflush(stdout);
	conduct_stop(&s->c);
	(void)json_array_append_new(kills, line);
	(void)!json_save_atomic(STATE, s->state, &s->c.err);
	if (write_table(s) < 0)
		e = -EIO;
	/* What is good is not kept: a hundred runs would fill the disk. */
	return e < 0 ? e : fs_remove_tree(s->c.out, &s->c.err);
}

int main(int argc, char **argv)
{
	struct soak s = { 0 };
	size_t more = argc > 1 ? strtoul(argv[1], NULL, 10) : KILLS;
	size_t failed = 0;
	int e = load_state(&s);

	if (e == 0)
		e = conduct_open(&s.c, "soak-kill");
	if (e == 0)
		e = conduct_write(&s.c, "kill.conf", conduct_plan, s.plan, sizeof(s.plan));
	if (e == 0 && !json_object_get(s.state, "life_ms"))
		e = measure_life(&s);
	for (size_t i = 0; e == 0 && i < more; i++) {
		if (json_array_size(json_object_get(s.state, "kills")) >= KILLS)
			break;
		failed += one_kill(&s) < 0;
	}
	if (e == 0)
		e = write_table(&s);
	if (e < 0)
		(void)fprintf(stderr, "%s\n", s.c.err.text);
	json_decref(s.state);
	return e < 0 ? 3 : failed > 0;
}
