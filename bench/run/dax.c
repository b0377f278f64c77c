// SPDX-License-Identifier: Apache-2.0
#include "run/dax.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/rng.h"
#include "run/counters.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define PHASE	  "dax"
#define FILE_NAME "vq.dax-proof"
/* Two pieces that a guest's kernel maps, so that one of them is not the first. */
#define FILE_BYTES (4 * MIB)
/* The byte that the host changes: in the second piece, not at the start of a page. */
#define OFFSET (3 * MIB + 1234)
/* Without DAX all of the file would be in the guest's page cache. */
#define CACHED_MAX ((double)MIB)
#define HOLD_STEPS 4
#define WALK_FDS   16
/* How a file asks for DAX: virtiofs-refdev reads it where --dax=inode. */
#define FLAG_XATTR "user.virtiofs.dax"

enum dax_metric {
	PROOF_SEEN,
	PROOF_CACHED,
	PROOF_REQUESTS,
	PROOF_KICKS,
	PROOF_SETUPS,
	WORKLOAD_SETUPS,
	WORKLOAD_REMOVALS,
	WORKLOAD_UPGRADES,
	WORKLOAD_MAP_TIME,
	WORKLOAD_TOLD_TIME,
	WORKLOAD_DEVICE_TIME,
	WINDOW_HIGH_WATER,
	DAX_METRIC_COUNT,
};

static const struct metric_def metrics[DAX_METRIC_COUNT] = {
	[PROOF_SEEN] = {
		.name = "proof.seen",
		.title = "a byte that the host changed was seen through the guest's mapping",
		.unit = "1",
		.kind = KIND_COUNT,
	},
	[PROOF_CACHED] = {
		.name = "proof.cached",
		.title = "growth of the guest's page cache while 4 MiB were mapped and read",
		.unit = "B",
		.kind = KIND_MEMORY,
	},
	[PROOF_REQUESTS] = {
		.name = "proof.requests",
		.title = "FUSE requests between the host's change and the guest's look",
		.unit = "1",
		.kind = KIND_COUNT,
	},
	[PROOF_KICKS] = {
		.name = "proof.kicks",
		.title = "notifications of the device between the host's change and the guest's look",
		.unit = "1",
		.kind = KIND_COUNT,
	},
	[PROOF_SETUPS] = {
		.name = "proof.setups",
		.title = "mappings made for the proof",
		.unit = "1",
		.kind = KIND_COUNT,
	},
	[WORKLOAD_SETUPS] = {
		.name = "workload.setups",
		.title = "mappings made in the window by the workload",
		.unit = "1",
		.kind = KIND_TIMED_COUNT,
	},
	[WORKLOAD_REMOVALS] = {
		.name = "workload.removals",
		.title = "mappings removed from the window while the workload ran",
		.unit = "1",
		.kind = KIND_TIMED_COUNT,
	},
	[WORKLOAD_UPGRADES] = {
		.name = "workload.upgrades",
		.title = "mappings that became writable",
		.unit = "1",
		.kind = KIND_TIMED_COUNT,
	},
	[WORKLOAD_MAP_TIME] = {
		.name = "workload.map_time",
		.title = "time that the VMM took to map, summed",
		.unit = "s",
		.better = BETTER_LOWER,
		.kind = KIND_TIME,
	},
	[WORKLOAD_TOLD_TIME] = {
		.name = "workload.told_time",
		.title = "time from the VMM's reply until it had made the memory known, summed",
		.unit = "s",
		.better = BETTER_LOWER,
		.kind = KIND_TIME,
	},
	[WORKLOAD_DEVICE_TIME] = {
		.name = "workload.device_time",
		.title = "time that the device itself added to SETUPMAPPING, summed",
		.unit = "s",
		.better = BETTER_LOWER,
		.kind = KIND_TIME,
	},
	[WINDOW_HIGH_WATER] = {
		.name = "window.high_water",
		.title = "most bytes of the window that were mapped at once",
		.unit = "B",
		.kind = KIND_MEMORY,
	},
};

const struct metric_def *dax_metrics(size_t *ret_count)
{
	*ret_count = DAX_METRIC_COUNT;
	return metrics;
}

bool dax_uses(const struct cell *c)
{
	return c->window_bytes && (c->dax == DAX_ALWAYS || c->dax == DAX_INODE);
}

static int flag_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)at;
	if (type != FTW_F || !S_ISREG(st->st_mode))
		return 0;
	return setxattr(path, FLAG_XATTR, "1", 1, 0) < 0 ? -errno : 0;
}

int dax_flag(const struct cell *c, const struct share *share, struct err *reterr)
{
	int e;

	if (!c->window_bytes || c->dax != DAX_INODE)
		return 0;
	e = nftw(share->dir, flag_entry, WALK_FDS, FTW_PHYS | FTW_MOUNT);
	return e < 0 ? err_errno(reterr, e, "cannot mark the files of the share with " FLAG_XATTR)
		     : 0;
}

/* An observed pass is proved as well, but figures are of timed ones; a footprint has no other place. */
static void add(const struct session *s, struct pass_result *r, enum dax_metric m, double value)
{
	char field[96];

	if (s->observed && !s->lent)
		return;

	(void)snprintf(field, sizeof(field), "metrics[" DAX_PHASE ".%s]", metrics[m].name);
	if (pass_add_metric(r, DAX_PHASE, &metrics[m], value, "pass.json", field) < 0)
		pass_fail(r, "out of memory");
}

/* One proof under way. */
struct proof {
	struct session *s;
	struct pass_result *r;
	int fd;		/* of the file, on the host */
	uint8_t *data;	/* as written */
	char path[256]; /* where the guest sees it */
	uint32_t job;
	bool held;
	struct counters start; /* before the file is mapped */
};

static int make_file(struct proof *p, struct err *reterr)
{
	CLEANUP(freep) char *path = fs_path("%s/" FILE_NAME, p->s->share.dir);
	struct rng rng = { 1 };

	p->data = calloc(1, FILE_BYTES);
	if (!path || !p->data)
		return err_set(reterr, -ENOMEM, "out of memory");
	rng_fill(&rng, p->data, FILE_BYTES);
	p->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (p->fd < 0 || pwrite(p->fd, p->data, FILE_BYTES, 0) != (ssize_t)FILE_BYTES ||
	    fsync(p->fd) < 0)
		return err_errno(reterr, -errno, "cannot write %s", path);
	if (p->s->cell->dax == DAX_INODE && fsetxattr(p->fd, FLAG_XATTR, "1", 1, 0) < 0)
		return err_errno(reterr, -errno, "cannot set " FLAG_XATTR);
	return 0;
}

static int look(struct proof *p, uint8_t *ret, struct err *reterr)
{
	char offset[24];
	const char *const args[] = { "look", offset, NULL };
	json_auto_t *answer = NULL;
	double byte;
	int e;

	(void)snprintf(offset, sizeof(offset), "%" PRIu64, (uint64_t)OFFSET);
	e = guest_tool(p->s->place.agent, args, HOLD_STEPS * p->s->step_ms, &answer, reterr);
	if (e == 0 && json_number_at(answer, "byte", &byte) < 0)
		e = err_set(reterr, -EPROTO, "vq-guest look gave no byte");
	if (e == 0)
		*ret = (uint8_t)byte;
	return e;
}

static int hold(struct proof *p, struct err *reterr)
{
	CLEANUP(freep) char *tool = fs_path("%s/vq-guest", p->s->place.program_dir);
	const char *const argv[] = { tool, "hold", p->path, NULL };
	const struct agent_job job = { .argv = argv,
				       .deadline_ms = HOLD_STEPS * 2 * p->s->step_ms };
	int e = tool ? agent_start(p->s->place.agent, &job, &p->job, reterr) : -ENOMEM;

	p->held = e == 0;
	return e;
}

/* Ends the holder; what it had to say, if it ended by itself, is the cause. */
static void let_go(struct proof *p)
{
	struct agent_result a = { 0 };
	struct err err = { 0 };
	char fate[640];

	if (!p->held)
		return;
	p->held = false;
	if (agent_kill(p->s->place.agent, p->job, SIGKILL, &err) < 0 ||
	    agent_wait(p->s->place.agent, p->job, &a, &err) < 0) {
		pass_fail(p->r, "proof of DAX: cannot end the guest's mapping: %s", err.text);
		p->s->guest_lost = true;
		return;
	}
	if (a.fate == AGENT_EXITED)
		pass_fail(p->r, "proof of DAX: the guest's mapping %s: %.300s",
			  agent_fate_describe(&a, fate, sizeof(fate)), buf_text(&a.err));
	agent_result_free(&a);
}

/* The steps; what each has shown becomes a metric, and then a verdict. */
static int prove(struct proof *p, struct err *reterr)
{
	struct counters before = { 0 };
	struct counters after = { 0 };
	double cached[2];
	uint8_t byte = 0;
	uint8_t want = (uint8_t)~p->data[OFFSET];
	int e = place_cached(&p->s->place, &cached[0], reterr);

	if (e == 0)
		e = hold(p, reterr);
	if (e == 0)
		e = look(p, &byte, reterr);
	if (e == 0 && byte != p->data[OFFSET])
		return err_set(reterr, -EIO, "the guest's mapping shows %u, the file holds %u",
			       byte, p->data[OFFSET]);
	if (e == 0)
		e = place_cached(&p->s->place, &cached[1], reterr);
	if (e == 0)
		e = counters_read(p->s->counters, &before, reterr);
	if (e == 0 && pwrite(p->fd, &want, 1, OFFSET) != 1)
		e = err_errno(reterr, -errno, "cannot change the file");
	if (e == 0)
		e = look(p, &byte, reterr);
	if (e == 0)
		e = counters_read(p->s->counters, &after, reterr);
	if (e < 0)
		return e;
	add(p->s, p->r, PROOF_SEEN, byte == want);
	add(p->s, p->r, PROOF_CACHED, cached[1] - cached[0]);
	if (after.known) {
		add(p->s, p->r, PROOF_REQUESTS, (double)(after.requests - before.requests));
		add(p->s, p->r, PROOF_KICKS, (double)(after.kicks - before.kicks));
		add(p->s, p->r, PROOF_SETUPS, (double)(after.setups - p->start.setups));
	}
	if (byte != want)
		return err_set(reterr, -EIO,
			       "the host changed a byte to %u and the guest's mapping shows %u",
			       want, byte);
	if (cached[1] - cached[0] > CACHED_MAX)
		return err_set(reterr, -EIO,
			       "the guest's page cache grew by %.0f bytes while %" PRIu64
			       " were mapped and read",
			       cached[1] - cached[0], (uint64_t)FILE_BYTES);
	if (after.known && after.requests != before.requests)
		return err_set(reterr, -EIO,
			       "%" PRIu64 " FUSE requests came between the change and the look",
			       after.requests - before.requests);
	if (after.known && after.kicks != before.kicks)
		return err_set(reterr, -EIO,
			       "%" PRIu64 " kicks came between the change and the look",
			       after.kicks - before.kicks);
	if (after.known && after.setups == p->start.setups)
		return err_set(reterr, -EIO, "the device made no mapping");
	return 0;
}

/*
 * Phases start with an empty window. The guest removes the file: dropping caches would do too, but would also
 * drop what else the guest has cached, and a phase would find other memory than without DAX.
 */
static int empty_window(struct proof *p, struct err *reterr)
{
	const char *const args[] = { "remove", p->path, NULL };
	json_auto_t *answer = NULL;
	struct counters c = { 0 };
	int e = guest_tool(p->s->place.agent, args, HOLD_STEPS * p->s->step_ms, &answer, reterr);

	if (e == 0)
		e = counters_read(p->s->counters, &c, reterr);
	if (e == 0 && c.known && c.live != 0)
		e = err_set(reterr, -EBUSY,
			    "%" PRIu64 " mappings stay in the window after the proof", c.live);
	return e;
}

static void remove_file(struct proof *p)
{
	CLEANUP(freep) char *path = fs_path("%s/" FILE_NAME, p->s->share.dir);

	if (path)
		(void)unlink(path);
	fd_closep(&p->fd);
	free(p->data);
}

/* Coherence of a file's last page differs by how it is served: a result says how. */
static int note_tail(const struct session *s, struct pass_result *r, struct err *reterr)
{
	struct counters c = { 0 };
	int e = counters_read(s->counters, &c, reterr);

	if (e < 0 || !c.known)
		return e;
	if (r->tail && strcmp(r->tail, c.tail) != 0)
		return err_set(reterr, -EIO,
			       "tails are served by %s for one guest, by %s for another", r->tail,
			       c.tail);
	r->tail = c.tail;
	return 0;
}

int dax_prove(struct session *s, struct pass_result *r)
{
	struct proof p = { .s = s, .r = r, .fd = -1 };
	struct err err = { 0 };
	int e = 0;

	if (!s->cell->window_bytes)
		return 0;
	e = note_tail(s, r, &err);
	if (e == 0 && s->unproved)
		return 0;
	if (e == 0)
		e = counters_read(s->counters, &p.start, &err);
	if (e == 0 && !p.start.known)
		pass_add_evidence(r, "mappings and requests of the device",
				  "not counted: the daemon has no counters", NULL);
	if (e == 0 && dax_uses(s->cell)) {
		(void)snprintf(p.path, sizeof(p.path), "%s/" FILE_NAME, s->place.dir);
		e = make_file(&p, &err);
		if (e == 0)
			e = prove(&p, &err);
		let_go(&p);
		if (e == 0)
			e = empty_window(&p, &err);
		remove_file(&p);
	}
	if (e == 0)
		e = counters_read(s->counters, &s->counters_start, &err);
	if (e < 0)
		pass_fail(r, "proof of DAX: %s", err.text);
	return e;
}

/* What SETUPMAPPING took that was nobody else's. */
static uint64_t own_ns(const struct counters *c)
{
	return c->setup_ns - c->setup_wait_ns - c->setup_told_ns;
}

void dax_finish(struct session *s, struct pass_result *r)
{
	const struct counters *start = &s->counters_start;
	struct counters now = { 0 };
	struct err err = { 0 };
	uint64_t setups;

	if (!s->cell->window_bytes || r->status == PASS_FAILED || r->status == PASS_NA)
		return;
	if (counters_read(s->counters, &now, &err) < 0) {
		pass_fail(r, "%s", err.text);
		return;
	}
	if (!now.known)
		return;
	setups = now.setups - start->setups;
	add(s, r, WORKLOAD_SETUPS, (double)setups);
	add(s, r, WORKLOAD_REMOVALS, (double)(now.removals - start->removals));
	add(s, r, WORKLOAD_UPGRADES, (double)(now.upgrades - start->upgrades));
	add(s, r, WINDOW_HIGH_WATER, (double)now.live_bytes_max);
	add(s, r, WORKLOAD_MAP_TIME, clock_seconds(now.map_ns - start->map_ns));
	add(s, r, WORKLOAD_TOLD_TIME, clock_seconds(now.setup_told_ns - start->setup_told_ns));
	add(s, r, WORKLOAD_DEVICE_TIME, clock_seconds(own_ns(&now) - own_ns(start)));
	if (!dax_uses(s->cell) && setups > 0)
		pass_fail(r, "dax=%s, and the device made %" PRIu64 " mappings",
			  dax_name(s->cell->dax), setups);
	else if (dax_uses(s->cell) && !s->cell->workload->no_data && setups == 0)
		pass_fail(r,
			  "dax=%s, and the workload, which reads or writes files, made no mapping",
			  dax_name(s->cell->dax));
	else if (dax_uses(s->cell) && s->cell->workload->no_data && setups > 0)
		pass_fail(r,
			  "the workload touches no file's data, and the device made %" PRIu64
			  " mappings",
			  setups);
}
