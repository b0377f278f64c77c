// SPDX-License-Identifier: Apache-2.0
#include "metric/footprint.h"

#include "base/json.h"

#include <assert.h>
#include <string.h>

static const char *const term_names[FOOTPRINT_TERM_COUNT] = {
	[FOOTPRINT_GUEST_RAM] = "guest_ram",
	[FOOTPRINT_SHARE_CACHE] = "share_cache",
	[FOOTPRINT_OTHER_FILES] = "other_files",
	[FOOTPRINT_VMM_ANON] = "vmm_anon",
	[FOOTPRINT_DAEMON_ANON] = "daemon_anon",
	[FOOTPRINT_PAGE_TABLES] = "page_tables",
	[FOOTPRINT_SLAB] = "slab",
	[FOOTPRINT_TCG_BUFFER] = "tcg_buffer",
};

const char *footprint_term_name(enum footprint_term t)
{
	assert(t < FOOTPRINT_TERM_COUNT);
	return term_names[t];
}

/* A RAM file that several processes hold is that of the first who does. */
static uint64_t ram_of(const struct footprint_sample *s, size_t index)
{
	const struct footprint_process *p = &s->process[index];

	for (size_t i = 0; i < index; i++)
		if (p->ram_inode && s->process[i].ram_inode == p->ram_inode)
			return 0;
	return p->ram;
}

static void add_process(const struct footprint_sample *s, size_t index, int sign, int64_t *terms)
{
	const struct footprint_process *p = &s->process[index];
	enum footprint_term anon = p->role == FOOTPRINT_VMM ? FOOTPRINT_VMM_ANON
							    : FOOTPRINT_DAEMON_ANON;

	terms[FOOTPRINT_GUEST_RAM] += sign * (int64_t)ram_of(s, index);
	terms[FOOTPRINT_TCG_BUFFER] += sign * (int64_t)p->tcg_buffer;
	terms[anon] += sign * ((int64_t)p->anon - (int64_t)p->tcg_buffer);
	terms[FOOTPRINT_PAGE_TABLES] += sign * (int64_t)p->page_tables;
}

static void add_sample(const struct footprint_sample *s, int sign, int64_t *terms)
{
	terms[FOOTPRINT_SHARE_CACHE] += sign * (int64_t)s->share_cache;
	terms[FOOTPRINT_OTHER_FILES] += sign * (int64_t)s->other_files;
	terms[FOOTPRINT_SLAB] += sign * (int64_t)s->host.slab;
	for (size_t i = 0; i < s->process_count; i++)
		add_process(s, i, sign, terms);
}

void footprint_terms(const struct footprint_sample *before, const struct footprint_sample *after,
		     int64_t ret[FOOTPRINT_TERM_COUNT])
{
	memset(ret, 0, FOOTPRINT_TERM_COUNT * sizeof(ret[0]));
	add_sample(before, -1, ret);
	add_sample(after, 1, ret);
}

int64_t footprint_total(const int64_t terms[FOOTPRINT_TERM_COUNT])
{
	int64_t sum = 0;

	for (size_t i = 0; i < FOOTPRINT_TERM_COUNT; i++)
		sum += terms[i];
	return sum;
}

int64_t footprint_host_change(const struct footprint_host *before,
			      const struct footprint_host *after)
{
	return (int64_t)(after->total - after->free) - (int64_t)(before->total - before->free);
}

static json_t *process_json(const struct footprint_process *p)
{
	return json_pack("{s:s,s:s,s:i,s:I,s:I,s:I,s:I,s:I}", "role",
			 p->role == FOOTPRINT_VMM ? "vmm" : "daemon", "name", p->name, "guest",
			 (int)p->guest, "anon", (json_int_t)p->anon, "tcg_buffer",
			 (json_int_t)p->tcg_buffer, "page_tables", (json_int_t)p->page_tables,
			 "ram", (json_int_t)p->ram, "ram_inode", (json_int_t)p->ram_inode);
}

static json_t *host_json(const struct footprint_host *h)
{
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "total", (json_int_t)h->total, "free",
			 (json_int_t)h->free, "slab", (json_int_t)h->slab, "available",
			 (json_int_t)h->available, "anon", (json_int_t)h->anon, "cached",
			 (json_int_t)h->cached, "shmem", (json_int_t)h->shmem, "page_tables",
			 (json_int_t)h->page_tables);
}

json_t *footprint_sample_json(const struct footprint_sample *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->process_count; i++)
		(void)json_array_append_new(list, process_json(&s->process[i]));
	return json_pack("{s:o,s:I,s:I,s:o}", "host", host_json(&s->host), "share_cache",
			 (json_int_t)s->share_cache, "other_files", (json_int_t)s->other_files,
			 "processes", list);
}

void footprint_sample_free(struct footprint_sample *s)
{
	free(s->process);
	*s = (struct footprint_sample){ 0 };
}
