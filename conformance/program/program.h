/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_PROGRAM_PROGRAM_H
#define VQ_PROGRAM_PROGRAM_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A program: all that was sent to a daemon, as one small text file that a person can read and change; README.md
 * has the grammar. Here is what one consists of, how it is read, written and built. exec.h runs one.
 *
 * Building one, such as from a check that failed:
 *
 *	struct program *p = program_new();
 *	struct program_step *s = program_add(p, "LOOKUP");		  // any verb of verbs.c
 *
 *	program_add_symbol(s, "nodeid", PROGRAM_NODE, 1, 0);		  // nodeid=n1, given by an earlier step
 *	program_add_text(s, "name", "file");
 *	program_give(s, PROGRAM_NODE, 2);				  // -> n2
 *	program_seen(s, "ENOENT");					  // => ENOENT
 *	s = program_add_bytes(p, request, size, queue, room);		  // what no verb can say, as it was sent
 *	e = program_print(p, &text);					  // -ENOMEM also if any step above had no room
 *
 * Additions to a step that is NULL do nothing, and a program that is short of memory says so once, when it is printed:
 * a builder needs one test at its end.
 */

#define PROGRAM_VERSION	    1
#define PROGRAM_TEXT_MAX    (1 << 20) /* bytes of a file */
#define PROGRAM_STEPS_MAX   512
#define PROGRAM_FIELDS_MAX  24	      /* of a step */
#define PROGRAM_PARTS_MAX   4096      /* of a value */
#define PROGRAM_BYTES_MAX   (1 << 20) /* of a value, as sent */
#define PROGRAM_SYMBOLS_MAX 256	      /* n0 to n255, ... */
#define PROGRAM_OPTIONS_MAX 16
#define PROGRAM_WORD	    48

/* What a name such as n1 stands for. Of the first three a step says that it gives one; the others are there. */
enum program_family {
	PROGRAM_NODE,	/* nN: a node id that a reply brought */
	PROGRAM_HANDLE, /* fN: a file handle that a reply brought */
	PROGRAM_UNIQUE, /* uN: the unique of a request */
	PROGRAM_BUFFER, /* bN: guest address of a buffer of `memory` */
	PROGRAM_DESC,	/* descN, availN, usedN: guest addresses of the parts of ring N */
	PROGRAM_AVAIL,
	PROGRAM_USED,
	PROGRAM_REGION,	 /* regionN: guest address of memory region N */
	PROGRAM_VBUFFER, /* vbN, vdescN, ...: the same as user addresses, as vhost-user has them */
	PROGRAM_VDESC,
	PROGRAM_VAVAIL,
	PROGRAM_VUSED,
	PROGRAM_VREGION,
	PROGRAM_NOWHERE, /* nowhere0: a guest address in no region */
	PROGRAM_FAMILIES,
};
#define PROGRAM_GIVEN 3 /* families that steps give */

enum program_part_kind { PART_NUMBER, PART_SYMBOL, PART_TEXT, PART_HEX, PART_FILL };

struct program_part {
	enum program_part_kind kind;
	uint8_t width; /* of a number or symbol among bytes: 1, 2, 4 or 8, little endian */
	enum program_family family;
	uint32_t index;	 /* of a symbol; seed of a fill */
	uint64_t number; /* what is added to a symbol; size of a fill */
	uint8_t *data;	 /* owned: text, hex */
	size_t size;
};

struct program_value {
	struct program_part *part;
	size_t count;
};

enum program_takes { TAKES_NUMBER, TAKES_BYTES };
enum program_place { PLACE_HOW, PLACE_HEADER, PLACE_ARG, PLACE_TAIL, PLACE_NAME };
enum program_base { BASE_DEC, BASE_HEX, BASE_OCT };

/* A field that a verb may have. */
struct program_param {
	const char *name;
	enum program_takes takes;
	enum program_place place; /* of requests: where it goes */
	uint8_t width;
	uint16_t offset;
	enum program_base base;	  /* how it is printed */
	bool size_of_tail;	  /* as many bytes as the tail has, unless it is given */
	const char *const *words; /* names of its values */
	size_t word_count;
};

enum program_act {
	ACT_REQUEST,
	ACT_BYTES,
	ACT_MEMORY,
	ACT_POKE,
	ACT_DESCRIPTOR,
	ACT_OFFER,
	ACT_INDEX,
	ACT_KICK,
	ACT_MESSAGE,
	ACT_WAIT,
	ACT_STOP,
	ACT_START,
	ACT_RESET,
	ACT_RECONNECT,
	ACT_HOST_FILE,
	ACT_HOST_WRITE,
	ACT_HOST_TRUNCATE,
	ACT_HOST_MKDIR,
	ACT_HOST_SYMLINK,
	ACT_HOST_RENAME,
	ACT_HOST_REMOVE,
	ACTS,
};

struct program_verb {
	const char *name;
	enum program_act act;
	const char *help;
	uint32_t opcode;
	uint16_t arg_size;
	uint32_t out;	  /* payload of a good reply; */
	bool out_is_size; /* or as many bytes as its field `size` says, at most */
	bool no_reply;
	uint8_t gives; /* bits of families */
	const struct program_param *param;
	size_t param_count;
};

struct program_field {
	const struct program_param *param;
	struct program_value value;
};

struct program_step {
	const struct program_verb *verb;
	struct program_field field[PROGRAM_FIELDS_MAX];
	size_t field_count;
	uint32_t give[PROGRAM_GIVEN]; /* index + 1 of the symbol; 0: none */
	char seen[PROGRAM_WORD];      /* ""; else what came of it: OK, ENOENT, gone, ... */
	unsigned line;
	bool failed; /* out of memory while it was built */
};

enum program_start { START_SESSION, START_RINGS, START_NEGOTIATED, START_CONNECTED, STARTS };

struct program {
	char check
		[64]; /* of the device suite, with this seed: what decides, also where steps are shown */
	uint64_t seed;
	char shows[256]; /* what it is there for, for a person */
	char daemon[64]; /* where it was seen: a stack, a version */
	char option[PROGRAM_OPTIONS_MAX]
		   [PROGRAM_WORD]; /* that the daemon is started with, as --verbose names them */
	size_t option_count;
	/* the front end */
	enum program_start start;
	unsigned queues, ring, regions; /* 0: the default */
	bool packed, no_indirect, no_event, window;
	unsigned timeout_ms; /* of each answer; 0: as the command line says */
	/* what is done */
	struct program_step **step; /* owned */
	size_t count;
	size_t room;
	/* what it came to; "" and 0: nothing is said */
	char fate[32];
	uint64_t violations; /* bits of enum front_fault */
	bool failed;
};

struct program *program_new(void) MUST_USE;
struct program *program_free(struct program *p);
void program_freep(struct program **p);
struct program *program_clone(const struct program *p) MUST_USE;

/** program_parse() - @text is untrusted. 0; -EINVAL with line, cause and what to do; -ENOMEM. */
int program_parse(const char *text, size_t size, struct program **ret, struct err *reterr) MUST_USE;
/** program_load() - a file; as program_parse() with its name. */
int program_load(const char *path, struct program **ret, struct err *reterr) MUST_USE;
/** program_print() - as program_parse() reads it back. 0 or -ENOMEM. */
int program_print(const struct program *p, struct buf *ret) MUST_USE;
int program_print_step(const struct program_step *s, struct buf *ret) MUST_USE;

/* ---- builder ---- */

/** program_add() - one more step; NULL when out of memory or full: then @p->failed. @verb must exist. */
struct program_step *program_add(struct program *p, const char *verb);
/** program_add_bytes() - a message of FUSE as it was sent: header, arguments, all. */
struct program_step *program_add_bytes(struct program *p, const void *data, size_t size,
				       unsigned queue, uint32_t room);
void program_add_number(struct program_step *s, const char *field, uint64_t number);
void program_add_symbol(struct program_step *s, const char *field, enum program_family family,
			uint32_t index, uint64_t plus);
/** program_add_text() - with its NUL where the field is a name. */
void program_add_text(struct program_step *s, const char *field, const char *text);
/** program_add_hex() - any bytes, and nothing behind them. */
void program_add_hex(struct program_step *s, const char *field, const void *data, size_t size);
void program_add_fill(struct program_step *s, const char *field, size_t size, uint32_t seed);
/** program_add_u() - a number of @width bytes behind what the field has: messages from words. */
void program_add_u(struct program_step *s, const char *field, uint64_t number, unsigned width);
void program_add_u_symbol(struct program_step *s, const char *field, enum program_family family,
			  uint32_t index, uint64_t plus);
void program_give(struct program_step *s, enum program_family family, uint32_t index);
void program_seen(struct program_step *s, const char *what);

/* ---- looking at it ---- */

const struct program_verb *program_verb_find(const char *name, size_t size);
const struct program_verb *program_verb_of_opcode(uint32_t opcode);
const struct program_verb *program_verbs(size_t *ret_count);
const struct program_param *program_param_find(const struct program_verb *v, const char *name,
					       size_t size);
const struct program_value *program_get(const struct program_step *s, const char *field);
bool program_uses(const struct program *p, enum program_act act);
const char *program_family_name(enum program_family family);

/** program_drop_step() - remove it; what it gave is 0 from then on. */
void program_drop_step(struct program *p, size_t index);
void program_drop_field(struct program_step *s, size_t index);
void program_value_free(struct program_value *v);
int program_value_copy(struct program_value *to, const struct program_value *from) MUST_USE;

/** program_step_free() - one that is no longer in a program; NULL is fine. */
void program_step_free(struct program_step *s);
/* For value.c and program.c: one more part of a value; NULL: out of memory or too many. */
struct program_part *program_value_part(struct program_value *v);

#endif
