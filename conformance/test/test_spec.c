// SPDX-License-Identifier: Apache-2.0
/* The requirement catalogue: complete, unique, well formed; names of rows elsewhere exist. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "conformance/front/evidence.h"
#include "conformance/spec/spec.h"
#include "conformance/test/fault_list.h"

/* What the catalogue held when it was taken over; a row that is added changes them, knowingly. */
#define SENTENCES     26
#define BUGS	      55
#define BEHAVIOURS    37
#define RACES	      35
#define CONFLICTS     7
#define UNSEEN_ROWS   5 /* nothing can be run for them */
#define WEAK_ROWS     11
#define WAIVED_DEVICE 20 /* of 100: 5 % */

static const struct {
	const char *letter;
	size_t count;
} sections[] = {
	{ "A", 20 }, { "B", 10 }, { "C", 30 }, { "D", 14 }, { "E", 14 }, { "F", 27 }, { "G", 14 },
	{ "H", 13 }, { "I", 20 }, { "J", 17 }, { "K", 25 }, { "L", 11 }, { "M", 17 }, { "N", 44 },
	{ "O", 29 }, { "P", 24 }, { "Q", 25 }, { "R", 44 }, { "S", 18 }, { "T", 25 }, { "U", 12 },
	{ "V", 10 }, { "W", 14 }, { "X", 10 }, { "Y", 20 }, { "Z", 7 },
};

static const size_t levels[SPEC_LEVELS] = {
	[SPEC_MUST] = 192,    [SPEC_SHOULD] = 13, [SPEC_MAY] = 10,
	[SPEC_DEFACTO] = 283, [SPEC_INFO] = 16,
};

static const size_t means[SPEC_MEANS_BITS] = { 301, 186, 119, 46, UNSEEN_ROWS };

/* ---- forms ---- */

/* No blank at an end or twice, and printable ASCII, so that it can go to any terminal and file. */
static bool is_text(const char *s)
{
	size_t length = s ? strlen(s) : 0;

	if (length == 0 || s[0] == ' ' || s[length - 1] == ' ')
		return false;
	for (size_t i = 0; i < length; i++) {
		if (s[i] < ' ' || s[i] > '~' || (s[i] == ' ' && s[i + 1] == ' '))
			return false;
	}
	return true;
}

/* Words of capitals and digits joined by "-", and a number of three digits. */
static bool is_row_id(const char *id)
{
	size_t length = strlen(id);

	for (const char *p = id; *p; p++) {
		if (!isupper((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '-')
			return false;
	}
	return length > 4 && isupper((unsigned char)id[0]) && id[length - 4] == '-' &&
	       strspn(id + length - 3, "0123456789") == 3;
}

static bool has_prefix(const char *id, const char *prefixes)
{
	while (*prefixes) {
		size_t n = strcspn(prefixes, " ");

		if (strncmp(id, prefixes, n) == 0 && id[n] == '-')
			return true;
		prefixes += n;
		prefixes += strspn(prefixes, " ");
	}
	return false;
}

/* "virtio 1.4, SECTION": numbers with dots; several are joined by " and ". */
static bool is_section(const char *s, size_t length)
{
	size_t i = 0;

	while (i < length) {
		size_t n = strspn(s + i, "0123456789.");

		if (n == 0 || !isdigit((unsigned char)s[i]) || s[i + n - 1] == '.')
			return false;
		i += n;
		if (i >= length)
			return i == length;
		if (strncmp(s + i, " and ", 5) != 0)
			return false;
		i += 5;
	}
	return false;
}

static bool is_source(const char *source)
{
	for (const char *s = source; s; s = spec_source_next(s)) {
		const struct spec_document *d = spec_document_of(s);
		const char *next = spec_source_next(s);
		size_t length = next ? (size_t)(next - s) - 2 : strlen(s);
		size_t name = d ? strlen(d->name) + 2 : 0;

		if (!d || length <= name || s[name - 1] != ' ')
			return false;
		if (strcmp(d->name, "virtio 1.4") == 0 && !is_section(s + name, length - name))
			return false;
	}
	return true;
}

static void forms(void **state)
{
	(void)state;
	assert_true(is_source("virtio 1.4, 5.11.4 and 2.5.2; Linux, fuse_open()"));
	assert_false(is_source("virtio 1.4"));
	assert_false(is_source("virtio 1.4, "));
	assert_false(is_source("virtio 1.4, 5.11."));
	assert_false(is_source("virtio 1.4, High Priority Queue"));
	assert_false(is_source("virtio 1.4, 5.11; nobody, 7"));
	assert_false(is_source("Linux; virtio 1.4, 2"));
	assert_false(is_text("two  blanks"));
	assert_false(is_text("end "));
	assert_false(is_text("caf\xc3\xa9"));
	assert_true(is_row_id("VU-SHMEM-001"));
	assert_false(is_row_id("VU-SHMEM-01"));
}

/* ---- requirements ---- */

static void rows(void **state)
{
	const struct spec_row *r;

	(void)state;
	for (size_t i = 0; (r = spec_row_at(i)); i++) {
		if (!is_row_id(r->id) || !is_text(r->text) || !is_text(r->source) ||
		    !is_source(r->source) || (r->fault && !is_text(r->fault)) ||
		    (r->how && !is_text(r->how)) || (unsigned)r->level >= SPEC_LEVELS ||
		    r->text[strlen(r->text) - 1] != '.')
			fail_msg("%s is not well formed: %s", r->id, r->source);
		if (r->means == 0 || r->means >> SPEC_MEANS_BITS || r->party == 0 ||
		    r->party >> SPEC_PARTY_BITS)
			fail_msg("%s: means %x, party %x", r->id, r->means, r->party);
		/* A person reads what nothing can be run for, and nothing else. */
		if (r->means & SPEC_REVIEW && r->means != SPEC_REVIEW)
			fail_msg("%s: means %x", r->id, r->means);
		/* What has no source but us is ours, and says so. */
		if (strstr(r->source, "own inference") == r->source && !r->derived)
			fail_msg("%s has no source, but is not derived", r->id);
		/* Finds the first of its id: itself, unless there are two. */
		if (spec_find(r->id) != r)
			fail_msg("%s stands twice", r->id);
	}
	assert_null(spec_find("VIRTIO-FS-CFG-999"));
	assert_null(spec_find(""));
}

static void counts(void **state)
{
	size_t by_level[SPEC_LEVELS] = { 0 };
	size_t by_means[SPEC_MEANS_BITS] = { 0 };
	const struct spec_row *r;
	size_t total = 0;
	size_t weak = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		const struct spec_section *s = spec_section_at(i);

		assert_non_null(s);
		assert_string_equal(s->letter, sections[i].letter);
		assert_int_equal(s->count, sections[i].count);
		assert_true(is_text(s->title));
		for (size_t j = 0; j < s->count; j++) {
			if (!has_prefix(s->rows[j].id, s->prefix))
				fail_msg("%s does not belong to %s", s->rows[j].id, s->prefix);
		}
		total += s->count;
	}
	assert_null(spec_section_at(ARRAY_SIZE(sections)));
	assert_int_equal(total, 514);
	assert_int_equal(spec_count(), total);
	for (size_t i = 0; (r = spec_row_at(i)); i++) {
		by_level[r->level]++;
		weak += r->weak;
		for (size_t bit = 0; bit < SPEC_MEANS_BITS; bit++)
			by_means[bit] += r->means >> bit & 1;
	}
	assert_memory_equal(by_level, levels, sizeof(levels));
	assert_memory_equal(by_means, means, sizeof(means));
	assert_int_equal(weak, WEAK_ROWS);
}

/* A conformance failure needs a standard that says so. */
static void normative(void **state)
{
	(void)state;
	assert_true(spec_is_normative(spec_find("VIRTIO-FS-CFG-006")));
	assert_true(spec_is_normative(spec_find("VU-SHMEM-002")));
	assert_false(spec_is_normative(spec_find("FUSE-MAP-002")));	 /* only the FUSE header */
	assert_false(spec_is_normative(spec_find("VIRTIO-FS-CFG-007"))); /* only Linux */
	assert_false(spec_is_normative(spec_find("VIRTIO-FS-DAX-021"))); /* derived */
	assert_false(spec_is_normative(spec_find("VIRTIO-FS-QUEUE-024"))); /* information */
}

static void documents(void **state)
{
	size_t count;
	const struct spec_document *d = spec_documents(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		const struct spec_row *r = NULL;
		bool used = false;
		char text[128];

		assert_true(is_text(d[i].name) && is_text(d[i].title) && is_text(d[i].edition));
		(void)snprintf(text, sizeof(text), "%s, x", d[i].name);
		assert_ptr_equal(spec_document_of(text), &d[i]);
		for (size_t j = 0; !used && (r = spec_row_at(j)); j++) {
			for (const char *s = r->source; s; s = spec_source_next(s))
				used |= spec_document_of(s) == &d[i];
		}
		if (!used)
			fail_msg("no row names %s", d[i].name);
	}
}

static void names(void **state)
{
	char text[SPEC_SET_TEXT];

	(void)state;
	for (int i = 0; i < SPEC_LEVELS; i++)
		assert_true(is_text(spec_level_name((enum spec_level)i)));
	assert_null(spec_level_name(SPEC_LEVELS));
	for (unsigned i = 0; i < SPEC_PARTY_BITS; i++)
		assert_true(is_text(spec_party_name(1U << i)));
	assert_null(spec_party_name(1U << SPEC_PARTY_BITS));
	assert_null(spec_party_name(SPEC_DEVICE | SPEC_DRIVER));
	assert_string_equal(spec_means_name(SPEC_G), "G");
	assert_string_equal(spec_means_text(SPEC_D | SPEC_H, text), "D, H");
	assert_string_equal(spec_means_text(0, text), "");
	assert_string_equal(spec_trigger_text(SPEC_BY_CLIENT | SPEC_BY_VMM, text), "client, VMM");
	/* The longest text fits: its last word is whole. */
	(void)spec_party_text((1U << SPEC_PARTY_BITS) - 1, text);
	assert_string_equal(text + strlen(text) - strlen("host"), "host");
}

/* ---- what rests on requirements ---- */

/* @rows: names, NULL behind the last. At least one, all of them exist, none is named twice. */
static void check_rows(const char *who, const char *const *named, size_t room)
{
	if (!named[0])
		fail_msg("%s names no row", who);
	for (size_t i = 0; i < room && named[i]; i++) {
		if (!spec_find(named[i]))
			fail_msg("%s names %s, which does not exist", who, named[i]);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(named[j], named[i]);
	}
}

static void sentences(void **state)
{
	size_t count;
	const struct spec_sentence *s = spec_sentences(&count);

	(void)state;
	assert_int_equal(count, SENTENCES);
	for (size_t i = 0; i < count; i++) {
		const struct spec_row *first;
		char place[64];

		(void)snprintf(place, sizeof(place), "%s, %s", s[i].document, s[i].section);
		assert_true(is_source(place) && spec_document_of(place)->normative);
		assert_non_null(spec_role_name(s[i].role));
		assert_true(s[i].ordinal > 0 && s[i].level <= SPEC_MAY);
		check_rows(place, s[i].rows, SPEC_SENTENCE_ROWS);
		/* The first row is the sentence's own: as binding, and from its place. */
		first = spec_find(s[i].rows[0]);
		if (first->level != s[i].level || !strstr(first->source, s[i].section))
			fail_msg("%s %u is not what %s says", place, s[i].ordinal, first->id);
		for (size_t j = 0; j < i; j++)
			assert_false(strcmp(s[i].section, s[j].section) == 0 &&
				     s[i].role == s[j].role && s[i].ordinal == s[j].ordinal);
	}
}

/* Lists that stand in full have no gap: ordinals from 1 to what the standard has. */
static void sentences_complete(void **state)
{
	static const struct {
		const char *section;
		enum spec_role role;
		unsigned count;
	} lists[] = {
		{ "2.10.2", SPEC_ROLE_DEVICE, 1 },     { "4.1.4.7.1", SPEC_ROLE_DEVICE, 2 },
		{ "5.11.4.1", SPEC_ROLE_DRIVER, 2 },   { "5.11.4.2", SPEC_ROLE_DEVICE, 2 },
		{ "5.11.6.2.1", SPEC_ROLE_DEVICE, 2 }, { "5.11.6.2.2", SPEC_ROLE_DRIVER, 3 },
		{ "5.11.6.3.1", SPEC_ROLE_DRIVER, 2 }, { "5.11.6.4.1", SPEC_ROLE_DEVICE, 5 },
		{ "5.11.6.4.2", SPEC_ROLE_DRIVER, 3 },
	};
	size_t count;
	const struct spec_sentence *s = spec_sentences(&count);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		unsigned seen = 0;

		for (size_t j = 0; j < count; j++) {
			if (strcmp(s[j].section, lists[i].section) != 0 ||
			    s[j].role != lists[i].role)
				continue;
			seen++;
			assert_in_range(s[j].ordinal, 1, lists[i].count);
		}
		assert_int_equal(seen, lists[i].count);
	}
}

static void bugs(void **state)
{
	size_t count;
	const struct spec_bug *b = spec_bugs(&count);

	(void)state;
	assert_int_equal(count, BUGS);
	for (size_t i = 0; i < count; i++) {
		char id[32];

		(void)snprintf(id, sizeof(id), "BUG-%02zu", i + 1);
		assert_string_equal(b[i].id, id);
		assert_ptr_equal(spec_bug_find(id), &b[i]);
		assert_true(is_text(b[i].title) && is_text(b[i].text) && is_text(b[i].affected) &&
			    is_text(b[i].source) && (!b[i].fixed || is_text(b[i].fixed)));
		assert_true(b[i].who > 0 && b[i].who >> SPEC_TRIGGER_BITS == 0);
		assert_true(b[i].means > 0 && b[i].means < SPEC_REVIEW);
		/* A client without a guest is what a check at the device is. */
		if (b[i].who & SPEC_BY_CLIENT && !(b[i].means & SPEC_D))
			fail_msg("%s: a client can trigger it, but not means D", b[i].id);
	}
	assert_null(spec_bug_find("BUG-56"));
}

static void matrix(void **state)
{
	size_t count;
	const struct spec_behaviour *b = spec_behaviours(&count);

	(void)state;
	assert_int_equal(count, BEHAVIOURS);
	for (size_t i = 0; i < count; i++) {
		char id[32];

		(void)snprintf(id, sizeof(id), "B%02zu", i + 1);
		assert_string_equal(b[i].id, id);
		assert_ptr_equal(spec_behaviour_find(id), &b[i]);
		assert_true(is_text(b[i].change) && is_text(b[i].observe) && is_text(b[i].reason));
		assert_int_equal(strlen(b[i].expect), SPEC_MODES);
		for (size_t j = 0; j < SPEC_MODES; j++)
			assert_non_null(spec_visibility_find(b[i].expect[j]));
		/* What must never be seen is N in every mode. */
		if (b[i].never)
			assert_int_equal(strspn(b[i].expect, "N"), SPEC_MODES);
	}
	assert_null(spec_visibility_find('X'));
}

/* Cells that are well known, read through the index function: a column that moved would show. */
static void matrix_modes(void **state)
{
	static const struct {
		const char *row;
		enum spec_cache cache;
		bool writeback, dax;
		char code;
	} cells[] = {
		{ "B27", SPEC_CACHE_AUTO, false, false, 'N' },
		{ "B27", SPEC_CACHE_AUTO, false, true, 'I' },
		{ "B27", SPEC_CACHE_NEVER, true, false, 'E' },
		{ "B19", SPEC_CACHE_AUTO, true, false, 'C' },
		{ "B19", SPEC_CACHE_METADATA, true, false, 'I' },
		{ "B10", SPEC_CACHE_ALWAYS, false, true, 'S' },
		{ "B10", SPEC_CACHE_ALWAYS, true, true, 'N' },
		{ "B08", SPEC_CACHE_AUTO, false, false, 'O' },
		{ "B02", SPEC_CACHE_METADATA, false, false, 'T' },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
		const struct spec_behaviour *b = spec_behaviour_find(cells[i].row);
		size_t mode = spec_mode(cells[i].cache, cells[i].writeback, cells[i].dax);

		assert_non_null(b);
		assert_in_range(mode, 0, SPEC_MODES - 1);
		if (b->expect[mode] != cells[i].code)
			fail_msg("%s in %s is %c", b->id, spec_mode_name(mode), b->expect[mode]);
		assert_int_equal(strstr(spec_mode_name(mode), "+wb") != NULL, cells[i].writeback);
		assert_int_equal(strstr(spec_mode_name(mode), "+dax") != NULL, cells[i].dax);
	}
	assert_null(spec_mode_name(SPEC_MODES));
	assert_int_equal(spec_cache_timeout_s(SPEC_CACHE_AUTO), 1);
	assert_string_equal(spec_mode_name(spec_mode(SPEC_CACHE_ALWAYS, true, true)),
			    "always+wb+dax");
}

static void races(void **state)
{
	size_t count;
	const struct spec_race *r = spec_races(&count);

	(void)state;
	assert_int_equal(count, RACES);
	for (size_t i = 0; i < count; i++) {
		char id[32];

		(void)snprintf(id, sizeof(id), "RACE-%02zu", i + 1);
		assert_string_equal(r[i].id, id);
		assert_ptr_equal(spec_race_find(id), &r[i]);
		assert_true(is_text(r[i].title) && is_text(r[i].setup) && is_text(r[i].invariant) &&
			    is_text(r[i].how));
		assert_true(r[i].means > 0 && r[i].means < SPEC_REVIEW);
		check_rows(id, r[i].rows, SPEC_RACE_ROWS);
	}
}

static void conflicts(void **state)
{
	size_t count;
	const struct spec_conflict *c = spec_conflicts(&count);

	(void)state;
	assert_int_equal(count, CONFLICTS);
	for (size_t i = 0; i < count; i++) {
		assert_ptr_equal(spec_conflict_find(c[i].id), &c[i]);
		assert_true(is_text(c[i].title) && is_text(c[i].strict.text) &&
			    is_text(c[i].practice.text));
		assert_string_not_equal(c[i].strict.profile, c[i].practice.profile);
		check_rows(c[i].id, c[i].rows, SPEC_CONFLICT_ROWS);
	}
}

static void waivers(void **state)
{
	size_t count;
	const struct spec_waiver *w = spec_waivers(&count);
	size_t device = 0;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		const struct spec_row *r = spec_find(w[i].row);
		const struct spec_bug *b = spec_bug_find(w[i].row);
		unsigned of = r ? r->means : b ? b->means : 0;

		if (!w[i].means || (w[i].means & ~of) || !is_text(w[i].reason))
			fail_msg("the waiver of %s is not right", w[i].row);
		device += r && w[i].means & SPEC_D;
	}
	assert_true(device * WAIVED_DEVICE <= means[0]);
	assert_null(spec_waived("VIRTIO-FS-CFG-999", SPEC_D));
}

/* ---- what names requirements elsewhere ---- */

static void front_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < FRONT_FAULT_COUNT; i++) {
		if (!spec_find(front_faults[i].requirement))
			fail_msg("%s names %s", front_faults[i].name, front_faults[i].requirement);
	}
}

/* What a fault of the device breaks exists; NULL, or the first that does not. */
static const char *unknown_break(const json_t *faults, size_t *ret_named)
{
	size_t i;
	size_t j;
	json_t *fault;
	json_t *id;

	json_array_foreach(faults, i, fault) {
		json_array_foreach(json_object_get(fault, "breaks"), j, id) {
			if (!spec_find(json_string_value(id)))
				return json_string_value(id);
			++*ret_named;
		}
	}
	return NULL;
}

static void device_names(void **state)
{
	json_t *list = list_faults();
	size_t named = 0;
	char unknown[64] = "";
	const char *id;

	(void)state;
	assert_non_null(list);
	id = unknown_break(json_object_get(list, "faults"), &named);
	(void)snprintf(unknown, sizeof(unknown), "%s", id ? id : "");
	json_decref(list);
	assert_string_equal(unknown, "");
	assert_true(named > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),	cmocka_unit_test(rows),
		cmocka_unit_test(counts),	cmocka_unit_test(normative),
		cmocka_unit_test(documents),	cmocka_unit_test(names),
		cmocka_unit_test(sentences),	cmocka_unit_test(sentences_complete),
		cmocka_unit_test(bugs),		cmocka_unit_test(matrix),
		cmocka_unit_test(matrix_modes), cmocka_unit_test(races),
		cmocka_unit_test(conflicts),	cmocka_unit_test(waivers),
		cmocka_unit_test(front_names),	cmocka_unit_test(device_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
