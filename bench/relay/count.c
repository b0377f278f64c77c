// SPDX-License-Identifier: Apache-2.0
#include "relay/count.h"

#include <inttypes.h>
#include <string.h>

static uint64_t *op_slot(struct counts *c, uint32_t opcode)
{
	return opcode < FUSE_OPCODES ? &c->op[opcode] : &c->op_other;
}

void count_request(struct counts *c, uint32_t opcode, uint32_t bytes)
{
	(*op_slot(c, opcode))++;
	c->requests++;
	c->bytes_to_device += bytes;
}

void count_undo(struct counts *c, uint32_t opcode, uint32_t bytes)
{
	(*op_slot(c, opcode))--;
	c->requests--;
	c->bytes_to_device -= bytes;
}

void count_reply(struct counts *c, int32_t error, uint32_t bytes)
{
	c->bytes_from_device += bytes;
	if (error != 0)
		c->error[error < 0 && error > -COUNT_ERRNOS ? -error : 0]++;
}

void counts_add(struct counts *to, const struct counts *from)
{
	to->requests += from->requests;
	for (size_t i = 0; i < FUSE_OPCODES; i++)
		to->op[i] += from->op[i];
	to->op_other += from->op_other;
	to->bytes_to_device += from->bytes_to_device;
	to->bytes_from_device += from->bytes_from_device;
	to->kicks += from->kicks;
	to->interrupts += from->interrupts;
	for (size_t i = 0; i < COUNT_ERRNOS; i++)
		to->error[i] += from->error[i];
	to->malformed += from->malformed;
	to->in_flight += from->in_flight;
}

static void put(json_t *to, const char *name, uint64_t value)
{
	(void)json_object_set_new(to, name, json_integer((json_int_t)value));
}

static json_t *ops_json(const struct counts *c)
{
	json_t *ops = json_object();

	for (uint32_t i = 0; i < FUSE_OPCODES; i++) {
		const char *name = fuse_opcode_name(i);
		char number[24];

		if (c->op[i] == 0)
			continue;
		(void)snprintf(number, sizeof(number), "opcode_%" PRIu32, i);
		put(ops, name ? name : number, c->op[i]);
	}
	if (c->op_other)
		put(ops, "other", c->op_other);
	return ops;
}

static json_t *errors_json(const struct counts *c)
{
	json_t *errors = json_object();

	for (int i = 0; i < COUNT_ERRNOS; i++) {
		const char *name = i ? strerrorname_np(i) : "other";
		char number[24];

		if (c->error[i] == 0)
			continue;
		(void)snprintf(number, sizeof(number), "errno_%d", i);
		put(errors, name ? name : number, c->error[i]);
	}
	return errors;
}

json_t *counts_json(const struct counts *c)
{
	json_t *j = json_object();

	put(j, "requests", c->requests);
	(void)json_object_set_new(j, "ops", ops_json(c));
	put(j, "bytes_to_device", c->bytes_to_device);
	put(j, "bytes_from_device", c->bytes_from_device);
	put(j, "kicks", c->kicks);
	put(j, "interrupts", c->interrupts);
	(void)json_object_set_new(j, "errors", errors_json(c));
	put(j, "malformed", c->malformed);
	put(j, "in_flight", c->in_flight);
	return j;
}

static uint64_t all_flags(uint32_t flags, uint32_t flags2)
{
	return flags | (flags & FUSE_INIT_EXT ? (uint64_t)flags2 << 32 : 0);
}

static json_t *flag_names_json(uint64_t flags)
{
	json_t *names = json_array();

	for (unsigned bit = 0; bit < 64; bit++) {
		const char *name = fuse_flag_name(bit);

		if (!(flags >> bit & 1))
			continue;
		(void)json_array_append_new(names,
					    name ? json_string(name) : json_sprintf("bit%u", bit));
	}
	return names;
}

void init_json(const struct init_seen *s, json_t *to)
{
	const struct fuse_init_out *o = &s->out;
	uint64_t flags = all_flags(o->flags, o->flags2);

	if (s->asked)
		(void)json_object_set_new(
			to, "init_flags_offered",
			json_sprintf("0x%" PRIx64, all_flags(s->in.flags, s->in.flags2)));
	if (!s->answered)
		return;
	(void)json_object_set_new(to, "fuse", json_sprintf("%u.%u", o->major, o->minor));
	(void)json_object_set_new(to, "init_flags", json_sprintf("0x%" PRIx64, flags));
	(void)json_object_set_new(to, "init_flag_names", flag_names_json(flags));
	put(to, "max_write", o->max_write);
	put(to, "max_pages", o->max_pages);
	put(to, "max_readahead", o->max_readahead);
	put(to, "max_background", o->max_background);
	put(to, "map_alignment", o->map_alignment);
	put(to, "time_gran", o->time_gran);
}
