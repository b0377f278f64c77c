// SPDX-License-Identifier: Apache-2.0
/* The text of programs: what is read, what is refused and with which words, and that it is written as it is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "conformance/front/fuse.h"
#include "conformance/fuzz/fuzz.h"
#include "conformance/program/record.h"

#define HEAD "virtiofs-program 1\n"

static const char all_of_it[] =
	"# every form that a value has\n"
	"virtiofs-program 1\n"
	"shows \"a \\\"quoted\\\" text\"   # and a comment\n"
	"daemon \"refdev 0.1\"\n"
	"option \"small disk\"\r\n"
	"option \"xattr\"\n"
	"front start=rings queues=2 ring=64 regions=4 packed=1 no-indirect=1 no-event=1 window=1 timeout=77\n"
	"\n"
	"\thost-file name=\"a\" bytes=fill:5000:1 mode=0600 # the host does that\n"
	"LOOKUP nodeid=root name=\"a\" -> n1 u1 => OK\n"
	"CREATE nodeid=1 name=\"\\x00\\xff#\" flags=0x2 mode=0100644 -> n2 f0\n"
	"LINK nodeid=n1+7 name=hex:6100ff oldnodeid=n2\n"
	"memory buffer=5 size=100 bytes=n1,n2\n"
	"request bytes=hex:00,\"text\",fill:3:4,7,u32:8,u16:0x9,u8:1,n1,b5,vused1,nowhere0 queue=1 room=200\n"
	"INTERRUPT whose=u1 => ENOENT\n"
	"poke at=b5+4 bytes=desc0,avail1,used1,region0,vb5,vdesc1,vavail1,vregion1\n"
	"descriptor queue=1 index=3 addr=b5 len=56 flags=0x1 next=4\n"
	"offer queue=1 head=3\nindex queue=1 plus=70\nkick queue=1 => silent\n"
	"message request=SET_VRING_NUM flags=0x9 size=99 bytes=u32:1,u32:128 fd=event fds=2\n"
	"message request=999\n"
	"GETATTR nodeid=18446744073709551615 chain=indirect pieces=1 cut=3 len=0xffffffff\n"
	"wait ms=1\nstop\nstart\nreset\nreconnect\n"
	"end fate=signal:11 violation=fuse.unique violation=mem.canary\n";

static struct program *parse(const char *text)
{
	struct program *p = NULL;
	struct err err = { "" };

	if (program_parse(text, strlen(text), &p, &err) < 0)
		fail_msg("%s", err.text);
	return p;
}

static char *print(const struct program *p)
{
	struct buf b = { 0 };

	assert_int_equal(program_print(p, &b), 0);
	return buf_take(&b);
}

/* What is printed is read as the same: its print is the same again. */
static char *round_trip(const struct program *p)
{
	char *once = print(p);
	struct program *again = parse(once);
	char *twice = print(again);

	assert_string_equal(once, twice);
	assert_int_equal(again->count, p->count);
	free(twice);
	(void)program_free(again);
	return once;
}

static void good(void **state)
{
	struct program *p = parse(all_of_it);
	char *text = round_trip(p);

	(void)state;
	assert_string_equal(p->shows, "a \"quoted\" text");
	assert_int_equal(p->option_count, 2);
	assert_int_equal(p->start, START_RINGS);
	assert_true(p->packed && p->no_indirect && p->no_event && p->window);
	assert_int_equal(p->timeout_ms, 77);
	assert_int_equal(p->count, 20);
	assert_int_equal(p->step[1]->line, 10);
	assert_string_equal(p->step[1]->seen, "OK");
	assert_string_equal(p->fate, "signal:11");
	assert_int_equal(p->violations,
			 UINT64_C(1) << FRONT_FAULT_UNIQUE | UINT64_C(1) << FRONT_FAULT_CANARY);
	assert_non_null(strstr(text, "name=\"\\x00\\xff#\" "));
	assert_non_null(
		strstr(text, "bytes=hex:00,\"text\",fill:3:4,7,u32:0x8,u16:0x9,u8:0x1,n1,b5,"));
	assert_non_null(strstr(text, "LINK nodeid=n1+7 name=hex:6100ff oldnodeid=n2\n"));
	assert_non_null(strstr(text, "request=SET_VRING_NUM flags=0x9"));
	assert_non_null(
		strstr(text, "\nend fate=signal:11 violation=mem.canary violation=fuse.unique\n"));
	free(text);
	(void)program_free(p);
}

static const struct {
	const char *text;
	const char *wanted; /* in the error */
} bad[] = {
	{ "", "a program begins with `virtiofs-program 1`" },
	{ "LOOKUP\n", "line 1: a program begins with" },
	{ "virtiofs-program 2\n", "format 2 is not known" },
	{ "virtiofs-program x\n", "no number" },
	{ HEAD "NONSENSE nodeid=1\n", "line 2: there is no 'NONSENSE'" },
	{ HEAD "\n\n\nLOOKUP parent=1\n", "line 5: LOOKUP has no field 'parent'" },
	{ HEAD "LOOKUP nodeid\n", "nodeid wants a '='" },
	{ HEAD "LOOKUP nodeid=\n", "no number" },
	{ HEAD "LOOKUP nodeid=-1\n", "no number" },
	{ HEAD "LOOKUP nodeid=99999999999999999999\n", "no number" },
	{ HEAD "LOOKUP nodeid=1 nodeid=2\n", "nodeid is given twice" },
	{ HEAD "LOOKUP name=\"a\n", "the text is not closed" },
	{ HEAD "LOOKUP name=\"\\n\"\n", "behind \\ in a text" },
	{ HEAD "LOOKUP name=\"\\xg0\"\n", "two hexadecimal digits" },
	{ HEAD "LOOKUP name=hex:012\n", "pairs of hexadecimal digits" },
	{ HEAD "LOOKUP name=fill:1\n", "fill:BYTES:SEED" },
	{ HEAD "LOOKUP name=fill:2000000:1\n", "at most 1048576 bytes" },
	{ HEAD "LOOKUP name=fill:1000000:1,fill:1000000:1\n", "name: at most 1048576 bytes" },
	{ HEAD "LOOKUP name=u16:65536\n", "too large: at most 65535" },
	{ HEAD "LOOKUP nodeid=n1\n", "n1: no line above gives it" },
	{ HEAD "LOOKUP nodeid=1 -> n1\nOPEN nodeid=n2\n", "line 3: n2: no line above" },
	{ HEAD "LOOKUP nodeid=1 -> n256\n", "too large: at most 255" },
	{ HEAD "LOOKUP nodeid=1 -> f1\n", "what the reply of LOOKUP brings" },
	{ HEAD "LOOKUP nodeid=1 -> b1\n", "what the reply of LOOKUP brings" },
	{ HEAD "kick queue=1 -> u1\n", "what the reply of kick brings" },
	{ HEAD "poke at=b1\n", "b1: no line above gives it" },
	{ HEAD "memory size=1\n", "memory wants buffer=N" },
	{ HEAD "memory buffer=256\n", "memory wants buffer=N" },
	{ HEAD "LOOKUP nodeid=1 =>\n", "behind => comes what was seen" },
	{ HEAD "LOOKUP nodeid=1 ;\n", "';' is not expected here" },
	{ HEAD "front start=middle\n", "session, rings, negotiated or connected" },
	{ HEAD "front colour=1\n", "front has no 'colour'" },
	{ HEAD "front ring=100\n", "power of two" },
	{ HEAD "front ring=65536\n", "too large: at most 1024" },
	{ HEAD "front queues=64\n", "too large: at most 63" },
	{ HEAD "end fate=alive\nLOOKUP\n", "nothing comes behind `end`" },
	{ HEAD "end violation=nothing\n", "no violation 'nothing'" },
	{ HEAD "end colour=red\n", "end wants fate=" },
	{ HEAD "option small\n", "double quotes" },
	{ HEAD "option \"a word that is longer than an option of a daemon can ever be\"\n",
	  "option: at most 47 bytes" },
	{ HEAD "shows \"a\" b\n", "not expected at the end" },
};

static void refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct program *p = NULL;
		struct err err = { "" };
		int e = program_parse(bad[i].text, strlen(bad[i].text), &p, &err);

		if (e != -EINVAL || p || !strstr(err.text, bad[i].wanted))
			fail_msg("'%s' gave %d and '%s'", bad[i].text, e, err.text);
	}
}

/* Many of everything, and every prefix of a good text: never more than an error. */
static void bounds(void **state)
{
	struct buf b = { 0 };
	struct err err = { "" };
	struct program *p = NULL;

	(void)state;
	assert_int_equal(buf_printf(&b, HEAD), 0);
	for (unsigned i = 0; i < PROGRAM_STEPS_MAX; i++)
		assert_int_equal(buf_printf(&b, "stop\n"), 0);
	assert_int_equal(program_parse(b.data, b.size, &p, &err), 0);
	p = program_free(p);
	assert_int_equal(buf_printf(&b, "stop\n"), 0);
	assert_int_equal(program_parse(b.data, b.size, &p, &err), -EINVAL);
	assert_non_null(strstr(err.text, "line 514: at most 512 steps"));
	buf_clear(&b);
	assert_int_equal(buf_printf(&b, HEAD "LOOKUP name=1"), 0);
	for (unsigned i = 0; i < PROGRAM_PARTS_MAX; i++)
		assert_int_equal(buf_printf(&b, ",1"), 0);
	assert_int_equal(program_parse(b.data, b.size, &p, &err), -EINVAL);
	assert_non_null(strstr(err.text, "at most 4096 parts"));
	while (b.size <= PROGRAM_TEXT_MAX)
		assert_int_equal(buf_printf(&b, "# %064u\n", 0), 0);
	assert_int_equal(program_parse(b.data, b.size, &p, &err), -EINVAL);
	assert_non_null(strstr(err.text, "at most 1048576 bytes"));
	buf_free(&b);
	for (size_t size = 0; size < strlen(all_of_it); size++) {
		/* Its own memory, so that a sanitizer sees a byte too far. */
		char *copy = malloc(size + 1);

		assert_non_null(copy);
		memcpy(copy, all_of_it, size);
		copy[size] = '\n';
		(void)!program_parse(copy, size, &p, &err);
		p = program_free(p);
		free(copy);
	}
}

static void noise(void **state)
{
	struct rng rng = { .state = 7 };
	struct err err = { "" };

	(void)state;
	/* A good text with a byte that is any other, here and there. */
	for (unsigned i = 0; i < 3000; i++) {
		char *copy = strdup(all_of_it);
		struct program *p = NULL;

		assert_non_null(copy);
		for (unsigned k = 0; k < 3; k++)
			copy[rng_below(&rng, sizeof(all_of_it) - 1)] = (char)rng_below(&rng, 256);
		if (program_parse(copy, sizeof(all_of_it) - 1, &p, &err) == 0)
			free(round_trip(p));
		(void)program_free(p);
		free(copy);
	}
}

static void builder(void **state)
{
	struct program *p = program_new();
	struct program_step *s = program_add(p, "LOOKUP");
	char *text;

	(void)state;
	program_add_number(s, "nodeid", 1);
	program_add_text(s, "name", "file");
	program_give(s, PROGRAM_NODE, 2);
	program_seen(s, "OK");
	s = program_add(p, "OPEN");
	program_add_symbol(s, "nodeid", PROGRAM_NODE, 2, 0);
	program_add_number(s, "flags", 2);
	program_add_number(s, "flags", 3);
	program_give(s, PROGRAM_HANDLE, 0);
	(void)program_add_bytes(p, "\1\2", 2, 1, 16);
	text = round_trip(p);
	assert_string_equal(text, HEAD "front start=session\n"
				       "LOOKUP nodeid=1 name=\"file\" -> n2 => OK\n"
				       "OPEN nodeid=n2 flags=0x3 -> f0\n"
				       "request bytes=hex:0102 queue=1 room=16\n");
	free(text);
	/* What gave n2 is gone: it is a number from there on. */
	program_drop_step(p, 0);
	text = round_trip(p);
	assert_non_null(strstr(text, "\nOPEN nodeid=0 flags"));
	free(text);
	/* More steps than there can be: nothing is added, and that is said. */
	for (unsigned i = 0; i < PROGRAM_STEPS_MAX; i++)
		(void)program_add(p, "stop");
	assert_null(program_add(p, "stop"));
	program_add_number(NULL, "nodeid", 1);
	assert_true(p->failed);
	(void)program_free(p);
}

/* Each row can be built: its arguments lie in the opcode's structure, its tails fit a request. */
static void table(void **state)
{
	size_t count;
	const struct program_verb *verbs = program_verbs(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		const struct program_verb *v = &verbs[i];
		unsigned tails = 1; /* `more` */

		assert_ptr_equal(program_verb_find(v->name, strlen(v->name)), v);
		assert_true(v->act == ACT_REQUEST || (v->help && strlen(v->help)));
		assert_true(v->act != ACT_REQUEST || program_verb_of_opcode(v->opcode) == v);
		assert_true(v->arg_size <= FRONT_ARG_MAX);
		for (size_t k = 0; k < v->param_count; k++) {
			const struct program_param *p = &v->param[k];

			assert_ptr_equal(program_param_find(v, p->name, strlen(p->name)), p);
			tails += v->act == ACT_REQUEST && p->takes == TAKES_BYTES;
			if (p->place == PLACE_ARG)
				assert_true(p->width && p->offset + p->width <= v->arg_size);
		}
		assert_true(v->act != ACT_REQUEST || tails <= FRONT_TAILS_MAX);
		if (v->act == ACT_REQUEST) {
			char scratch[32];

			assert_string_equal(front_op_name(v->opcode, scratch, sizeof(scratch)),
					    v->name);
		}
	}
}

/* ---- messages that went by ---- */

/* The bytes of an operation, as the front end sends them. */
static size_t bytes_of(const struct front_op *op, uint64_t unique, uint8_t *ret)
{
	struct fuse_in_header h = { .opcode = op->opcode, .unique = unique, .nodeid = op->nodeid };
	size_t at = sizeof(h);

	memcpy(ret + at, op->arg, op->arg_size);
	at += op->arg_size;
	for (unsigned i = 0; i < op->tail_count; i++) {
		memcpy(ret + at, op->tail[i].iov_base, op->tail[i].iov_len);
		at += op->tail[i].iov_len;
	}
	h.len = (uint32_t)at;
	memcpy(ret, &h, sizeof(h));
	return at;
}

/* One message and its answer; @room: writable bytes behind the header of the reply. */
static void went_by(struct program_record *r, struct front_op op, uint64_t unique, int error,
		    const void *payload, size_t size)
{
	uint8_t bytes[4096];
	size_t length = bytes_of(&op, unique, bytes);
	uint32_t room = op.no_reply ? 0 : (uint32_t)(sizeof(struct fuse_out_header) + op.out_max);
	struct program_step *s = program_record_request(r, bytes, length, op.no_reply ? 0 : 1,
							room);

	program_record_reply(r, s, error, payload, size);
}

static void recorded(void **state)
{
	static const struct fuse_forget_one list[] = { { 77, 1 }, { 78, 2 } };
	static const uint8_t odd[] = { 1, 2, 3 };
	struct fuse_entry_out entry = { .nodeid = 77 };
	struct fuse_open_out open = { .fh = 5 };
	struct program_record *r = calloc(1, sizeof(*r));
	struct front_op op;
	uint8_t bytes[512];
	size_t size;
	char *text;

	(void)state;
	assert_non_null(r);
	r->p = program_new();
	went_by(r, front_op_lookup(1, "a b"), 2, 0, &entry, sizeof(entry));
	went_by(r, front_op_lookup(77, "x"), 4, -ENOENT, NULL, 0);
	went_by(r, front_op_open(77, 2), 6, 0, &open, sizeof(open));
	went_by(r, front_op_write(77, 5, 10, "data", 4), 8, 0, NULL, 0);
	went_by(r, front_op_read(77, 5, 0, 100), 10, 0, NULL, 0);
	went_by(r, front_op_setxattr(77, "user.x", "v", 1, 0), 12, -EOPNOTSUPP, NULL, 0);
	went_by(r, front_op_batch_forget(list, 2), 14, 0, NULL, 0);
	op = front_op_interrupt(10);
	op.no_reply = true; /* on queue 0 */
	went_by(r, op, 17, 0, NULL, 0);
	/* What no verb says: half a message, a wrong length, padding that is not zero, a name without its end. */
	(void)program_record_request(r, odd, sizeof(odd), 1, 16);
	op = front_op_getattr(77, NULL);
	size = bytes_of(&op, 20, bytes);
	bytes[0]++;
	(void)program_record_request(r, bytes, size, 1, 120);
	bytes[0]--;
	bytes[44] = 1;
	(void)program_record_request(r, bytes, size, 1, 120);
	op = front_op_lookup(1, "abc");
	size = bytes_of(&op, 22, bytes) - 1;
	bytes[0] = (uint8_t)size;
	(void)program_record_request(r, bytes, size, 1, 144);
	text = round_trip(r->p);
	assert_string_equal(text, HEAD
			    "front start=session\n"
			    "LOOKUP nodeid=1 name=\"a b\" -> n1 => OK\n"
			    "LOOKUP nodeid=n1 name=\"x\" => ENOENT\n"
			    "OPEN nodeid=n1 flags=0x2 -> f1 => OK\n"
			    "WRITE nodeid=n1 fh=f1 offset=10 data=hex:64617461 => OK\n"
			    "READ nodeid=n1 fh=f1 size=100 -> u1 => OK\n"
			    "SETXATTR nodeid=n1 name=\"user.x\" value=hex:76 => EOPNOTSUPP\n"
			    "BATCH_FORGET count=2 list=n1,1,78,2 => OK\n"
			    "INTERRUPT whose=u1 room=0 => OK\n"
			    "request bytes=hex:010203 queue=1 room=16\n"
			    "request bytes=hex:39000000030000001400000000000000,n1,"
			    "hex:00000000000000000000000000000000"
			    "00000000000000000000000000000000 queue=1 room=120\n"
			    "request bytes=hex:38000000030000001400000000000000,n1,"
			    "hex:00000000000000000000000000000000"
			    "00000000010000000000000000000000 queue=1 room=120\n"
			    "request bytes=hex:2b0000000100000016000000000000000100000000000000"
			    "00000000000000000000000000000000616263 queue=1 room=144\n");
	free(text);
	(void)program_free(r->p);
	free(r);
}

/* ---- programs that nobody wrote ---- */

static void same_seed(void **state)
{
	(void)state;
	for (unsigned hostile = 0; hostile < 2; hostile++)
		for (uint64_t i = 0; i < 300; i++) {
			struct program *p = fuzz_generate(9, i, hostile);
			struct program *q = fuzz_generate(9, i, hostile);
			struct program *other = i % 2 ? fuzz_generate(10, i, hostile)
						      : fuzz_generate(9, i + 1, hostile);
			char *text = round_trip(p);
			char *again = print(q);
			char *different = print(other);

			assert_string_equal(text, again);
			/* `shows` tells them apart anyway: what they do must differ. */
			assert_string_not_equal(strstr(text, "\nhost-"),
						strstr(different, "\nhost-"));
			free(text);
			free(again);
			free(different);
			(void)program_free(p);
			(void)program_free(q);
			(void)program_free(other);
		}
}

/* "It shows" where both an UNLINK of "b" and, behind it, a READ of more than 100 bytes are. */
static int shows_pair(void *context, const struct program *p)
{
	bool unlinked = false;

	(*(unsigned *)context)++;
	for (size_t i = 0; i < p->count; i++) {
		const struct program_step *s = p->step[i];
		const struct program_value *v = program_get(s, "name");
		const struct program_value *size = program_get(s, "size");

		if (strcmp(s->verb->name, "UNLINK") == 0 && v && v->part[0].size == 1 &&
		    v->part[0].data[0] == 'b')
			unlinked = true;
		if (unlinked && strcmp(s->verb->name, "READ") == 0 && size &&
		    size->part[0].number > 100)
			return 1;
	}
	return 0;
}

static void becomes_small(void **state)
{
	unsigned asked = 0;
	struct fuzz_minimise how = { .shows = shows_pair, .context = &asked, .trials = 1000 };
	struct program *p = NULL;
	unsigned trials;
	char *text;

	(void)state;
	for (uint64_t i = 0; !p || !shows_pair(&asked, p); i++) {
		(void)program_free(p);
		p = fuzz_generate(3, i, false);
		assert_true(i < 100000);
	}
	assert_true(p->count > 10);
	asked = 0;
	trials = fuzz_minimise(&p, &how);
	assert_int_equal(asked, trials);
	assert_true(trials < 400);
	text = round_trip(p);
	assert_int_equal(p->count, 2);
	assert_int_equal(p->step[0]->field_count, 1);
	assert_int_equal(p->step[1]->field_count, 1);
	assert_non_null(strstr(text, "front start=session\nUNLINK name=\"b\"\nREAD size="));
	free(text);
	/* No more trials than are allowed. */
	how.trials = 0;
	assert_int_equal(fuzz_minimise(&p, &how), 0);
	(void)program_free(p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),		 cmocka_unit_test(refused),
		cmocka_unit_test(bounds),	 cmocka_unit_test(noise),
		cmocka_unit_test(builder),	 cmocka_unit_test(table),
		cmocka_unit_test(recorded),	 cmocka_unit_test(same_seed),
		cmocka_unit_test(becomes_small),
	};

	return cmocka_run_group_tests_name("conform_program", tests, NULL, NULL);
}
