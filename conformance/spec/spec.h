/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_SPEC_SPEC_H
#define VQ_SPEC_SPEC_H

/*
 * The requirement catalogue: what virtio, vhost-user, FUSE and Linux ask of a virtio-fs device, its
 * driver and its VMM, as constant tables. Checks, faults and reports name its rows by id. All that
 * is returned is constant and lives as long as the program; nothing here allocates, prints or
 * fails. README.md says how to add a row.
 */

#include <stdbool.h>
#include <stddef.h>

/*
 * How binding a row is. A negative requirement (MUST NOT) is a MUST whose text says so. DEFACTO: no
 * normative text exists; others rely on what the Linux driver, the FUSE header or the daemons do.
 * INFO: reported, never failed.
 */
enum spec_level {
	SPEC_MUST,
	SPEC_SHOULD,
	SPEC_MAY,
	SPEC_DEFACTO,
	SPEC_INFO,
	SPEC_LEVELS,
};

/* How a row can be checked; a row may name several. */
enum spec_means {
	SPEC_D = 1 << 0,      /* at the device, by a front end without a guest */
	SPEC_R = 1 << 1,      /* seen by the reference device that serves a real guest */
	SPEC_G = 1 << 2,      /* inside a guest */
	SPEC_H = 1 << 3,      /* on the host */
	SPEC_REVIEW = 1 << 4, /* by a person: nothing can be run */
};
#define SPEC_MEANS_BITS 5

/* Whom a row binds; several bits where it takes more than one. */
enum spec_party {
	SPEC_DEVICE = 1 << 0,	/* the device as its driver sees it: back-end and VMM together */
	SPEC_DRIVER = 1 << 1,	/* any virtio driver */
	SPEC_VMM = 1 << 2,	/* the vhost-user front-end, owner of the window */
	SPEC_BACK_END = 1 << 3, /* the vhost-user back-end, in rows of that protocol only */
	SPEC_GUEST_KERNEL = 1 << 4, /* the FUSE client of a Linux guest */
	SPEC_HOST = 1 << 5,	    /* the host and who administers it */
};
#define SPEC_PARTY_BITS 6

/* One requirement. Ids are permanent: never changed, never used again. */
struct spec_row {
	const char *id;	    /* "VIRTIO-FS-CFG-001" */
	const char *source; /* "virtio 1.4, 5.11.4.2"; several are parted by "; " */
	const char *text;   /* what is required, in our own words */
	const char *fault;  /* what a check of it must notice; NULL: nothing to break */
	const char *how;    /* hint for whoever writes the check; may be NULL */
	enum spec_level level;
	unsigned party; /* enum spec_party */
	unsigned means; /* enum spec_means */
	bool derived;	/* our inference from its sources, not a statement of theirs */
	bool weak;	/* not read again in its source: verify before failing anyone for it */
};

/* A family of rows: one table. */
struct spec_section {
	const char *letter; /* "A" */
	const char *prefix; /* of its ids; several are parted by blanks */
	const char *title;
	const struct spec_row *rows;
	size_t count;
};

/** spec_section_at() - one of them, in the catalogue's order; NULL behind the last. */
const struct spec_section *spec_section_at(size_t index);
/** spec_count() - rows of all sections. */
size_t spec_count(void);
/** spec_row_at() - a row of all sections in order; NULL behind the last. */
const struct spec_row *spec_row_at(size_t index);
/** spec_find() - a row by its id; NULL: there is none. */
const struct spec_row *spec_find(const char *id);
/** spec_is_normative() - does a standard bind, and not only practice? */
bool spec_is_normative(const struct spec_row *row);

/** spec_level_name() - "MUST", "SHOULD", "MAY", "DEFACTO", "INFO". */
const char *spec_level_name(enum spec_level level);
/** spec_party_name() - of one bit: "device", "VMM", "guest kernel" ...; NULL: no such bit. */
const char *spec_party_name(unsigned bit);
/** spec_means_name() - of one bit: "D", "R", "G", "H", "review"; NULL: no such bit. */
const char *spec_means_name(unsigned bit);

/* The longest text of the next two, with its NUL. */
#define SPEC_SET_TEXT 64
/** spec_party_text() - a set of parties: "device, driver"; returns @scratch. */
const char *spec_party_text(unsigned party, char scratch[SPEC_SET_TEXT]);
/** spec_means_text() - a set of means: "D, R"; returns @scratch. */
const char *spec_means_text(unsigned means, char scratch[SPEC_SET_TEXT]);

/* A document that sources name; their texts begin with its name and a comma. */
struct spec_document {
	const char *name;    /* "virtio 1.4" */
	const char *title;   /* in full */
	const char *edition; /* what was read */
	bool normative;	     /* it has normative statements, and rows that follow from them bind */
};
const struct spec_document *spec_documents(size_t *ret_count);
/** spec_document_of() - the document that the text @source begins with; NULL: none. */
const struct spec_document *spec_document_of(const char *source);
/** spec_source_next() - the next source in a text with several; NULL: it was the last. */
const char *spec_source_next(const char *source);

/* ---- bugs.c: what went wrong before ---- */

/* Who can bring a bug about. */
enum spec_trigger {
	SPEC_BY_CLIENT = 1 << 0, /* requests and rings of a front end without a guest */
	SPEC_BY_GUEST = 1 << 1,	 /* ordinary use inside a guest */
	SPEC_BY_HOST = 1 << 2,	 /* the host: files of the share, options, signals */
	SPEC_BY_VMM = 1 << 3,	 /* the VMM: reset, migration, hot-plug, its own mapping code */
	SPEC_BY_DEVICE = 1 << 4, /* replies of a device that is broken or hostile */
};
#define SPEC_TRIGGER_BITS 5

/* A published bug; each becomes a check named after it, or a waiver. */
struct spec_bug {
	const char *id;	      /* "BUG-01" */
	const char *title;    /* the symptom */
	const char *text;     /* what brings it about */
	const char *affected; /* the program, and its versions as far as they are known */
	const char *fixed;    /* the commit or version; NULL: not known to us */
	const char *source;   /* public record */
	unsigned who;	      /* enum spec_trigger */
	unsigned means;	      /* how a regression check can run */
};
const struct spec_bug *spec_bugs(size_t *ret_count);
const struct spec_bug *spec_bug_find(const char *id);
/** spec_trigger_name() - of one bit: "client", "guest", "host" ...; NULL: no such bit. */
const char *spec_trigger_name(unsigned bit);
/** spec_trigger_text() - a set of them: "client, guest"; returns @scratch. */
const char *spec_trigger_text(unsigned who, char scratch[SPEC_SET_TEXT]);

/* ---- matrix.c: what one side sees of what the other did ---- */

enum spec_cache {
	SPEC_CACHE_NEVER,
	SPEC_CACHE_METADATA,
	SPEC_CACHE_AUTO,
	SPEC_CACHE_ALWAYS,
	SPEC_CACHES,
};
#define SPEC_MODES 16

/** spec_mode() - index of a cell in a row of the matrix. */
size_t spec_mode(enum spec_cache cache, bool writeback, bool dax);
/** spec_mode_name() - "auto", "never+wb", "always+wb+dax"; NULL: no such mode. */
const char *spec_mode_name(size_t mode);
/** spec_cache_timeout_s() - how long names and attributes are valid in a cache mode, in seconds. */
unsigned spec_cache_timeout_s(enum spec_cache cache);

/* A letter of the matrix. */
struct spec_visibility {
	char code;
	bool hard; /* a violation is a failure; otherwise a bound with slack, or safety only */
	const char *name;
	const char *text;
};
const struct spec_visibility *spec_visibilities(size_t *ret_count);
const struct spec_visibility *spec_visibility_find(char code);

/* One row of the matrix. */
struct spec_behaviour {
	const char *id;	     /* "B01" */
	const char *change;  /* what one side does */
	const char *observe; /* how the other side looks */
	const char *expect;  /* SPEC_MODES codes, by spec_mode() */
	const char *reason;
	bool never; /* N is a prohibition here: to be visible is a failure */
	bool weak;  /* as of a requirement */
};
const struct spec_behaviour *spec_behaviours(size_t *ret_count);
const struct spec_behaviour *spec_behaviour_find(const char *id);

/* ---- races.c: two actors at once ---- */

#define SPEC_RACE_ROWS 4

struct spec_race {
	const char *id; /* "RACE-01" */
	const char *title;
	const char *setup;		  /* who does what meanwhile */
	const char *invariant;		  /* what must hold, whoever wins */
	const char *how;		  /* what forces the order, what sees the result */
	unsigned means;			  /* enum spec_means */
	const char *rows[SPEC_RACE_ROWS]; /* requirements it rests on; NULL behind the last */
};
const struct spec_race *spec_races(size_t *ret_count);
const struct spec_race *spec_race_find(const char *id);

/* ---- sentences.c: the normative statements of the standard, without their words ---- */

#define SPEC_SENTENCE_ROWS 4

enum spec_role {
	SPEC_ROLE_DEVICE, /* in a list of device requirements */
	SPEC_ROLE_DRIVER, /* in a list of driver requirements */
	SPEC_ROLES,
};

/* One statement: where it stands, and the rows that cover it. */
struct spec_sentence {
	const char *document; /* "virtio 1.4" */
	const char *section;  /* "5.11.4.2" */
	enum spec_role role;
	unsigned ordinal;		      /* in that list, from 1 */
	enum spec_level level;		      /* the strongest key word of the sentence */
	const char *rows[SPEC_SENTENCE_ROWS]; /* at least one; NULL behind the last */
};
const struct spec_sentence *spec_sentences(size_t *ret_count);
/** spec_role_name() - "device", "driver". */
const char *spec_role_name(enum spec_role role);

/* ---- conflict.c: where two sources, or a source and practice, disagree ---- */

#define SPEC_CONFLICT_ROWS 6

/* One way to read; a profile of the suite takes one of the two. */
struct spec_reading {
	const char *profile; /* "spec-queues" */
	const char *text;
};

struct spec_conflict {
	const char *id; /* "queue-numbering" */
	const char *title;
	struct spec_reading strict;	      /* the words of the standard that says more */
	struct spec_reading practice;	      /* what Linux, QEMU or the other standard does */
	const char *rows[SPEC_CONFLICT_ROWS]; /* NULL behind the last */
};
const struct spec_conflict *spec_conflicts(size_t *ret_count);
const struct spec_conflict *spec_conflict_find(const char *id);

/* ---- waivers.c: what is not checked, and why ---- */

struct spec_waiver {
	const char *row;
	unsigned means; /* those of the row's means that have no check */
	const char *reason;
};
const struct spec_waiver *spec_waivers(size_t *ret_count);
/** spec_waived() - why @means of the row @id are not checked; NULL: they must be. */
const char *spec_waived(const char *id, enum spec_means means);

#endif
