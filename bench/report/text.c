// SPDX-License-Identifier: Apache-2.0
#include "report/text.h"

#include <math.h>
#include <string.h>

#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define ESCAPE		 0x1b		/* starts terminal sequences (ECMA-48) */

/* Smallest code point that a sequence of this length may encode (RFC 3629, section 3). */
static const unsigned int utf8_min[] = { 0, 0, 0x80, 0x800, 0x10000 };

static size_t utf8_length(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

/* Bytes of the character at @s, or 0 when there is none that is valid. */
static size_t utf8_decode(const char *s, size_t size, unsigned int *ret)
{
	static const unsigned char lead_mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	size_t length = utf8_length((unsigned char)*s);
	unsigned int code;

	if (length == 0 || length > size)
		return 0;
	code = (unsigned char)*s & lead_mask[length];
	for (size_t i = 1; i < length; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | ((unsigned char)s[i] & 0x3f);
	}
	if (code < utf8_min[length] || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff)
		return 0;
	*ret = code;
	return length;
}

/* Unicode 15, general category Cc, and Bidi_Control, line separators and noncharacters. */
static bool is_unwanted(unsigned int code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x061c ||
	       (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069) || code == 0xfeff ||
	       (code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) == 0xfffe;
}

/* Length of a CSI sequence behind ESC: "[", parameters and one final byte (ECMA-48, 5.4). */
static size_t csi_length(const char *s, size_t size)
{
	size_t n = 1;

	if (size == 0 || *s != '[')
		return 0;
	while (n < size && s[n] >= 0x20 && s[n] <= 0x3f)
		n++;
	return n < size ? n + 1 : n;
}

void text_clean(struct out *o, const char *s, size_t size, enum text_lines lines)
{
	unsigned int code = 0;

	while (size > 0) {
		size_t n = utf8_decode(s, size, &code);
		bool space = *s == '\n' || *s == '\t';

		if (n == 0) {
			out_str(o, UTF8_REPLACEMENT);
			n = 1;
		} else if (space) {
			out_bytes(o, lines == TEXT_MANY_LINES ? s : " ", 1);
		} else if (code == ESCAPE) {
			n += csi_length(s + 1, size - 1);
		} else if (!is_unwanted(code)) {
			out_bytes(o, s, n);
		}
		s += n;
		size -= n;
	}
}

char *text_clean_str(const char *s)
{
	CLEANUP(out_free) struct out o = { 0 };

	text_clean(&o, s, strlen(s), TEXT_ONE_LINE);
	return o.error < 0 ? NULL : buf_take(&o.text);
}

size_t text_columns(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

bool text_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

const char *text_dash(const char *s)
{
	return s && *s ? s : "\xe2\x80\x93";
}

struct scale_step {
	double divide;
	const char *unit;
};

struct scale_family {
	const char *names[4];		/* spellings of the unit in cell.json */
	double factor;			/* of the steps' smallest unit */
	const struct scale_step *steps; /* smallest first */
	size_t step_count;
};

static const struct scale_step byte_rate_steps[] = {
	{ 1, "B/s" },
	{ 1024.0, "KiB/s" },
	{ 1048576.0, "MiB/s" },
	{ 1073741824.0, "GiB/s" },
};

static const struct scale_step byte_steps[] = {
	{ 1, "B" },
	{ 1024.0, "KiB" },
	{ 1048576.0, "MiB" },
	{ 1073741824.0, "GiB" },
};

static const struct scale_step time_steps[] = {
	{ 1, "ns" },
	{ 1e3, "\xc2\xb5s" },
	{ 1e6, "ms" },
	{ 1e9, "s" },
};

static const struct scale_step iops_steps[] = {
	{ 1, "IOPS" },
	{ 1e3, "kIOPS" },
	{ 1e6, "MIOPS" },
};

static const struct scale_step rate_steps[] = {
	{ 1, "ops/s" },
	{ 1e3, "kops/s" },
	{ 1e6, "Mops/s" },
};

#define FAMILY(f, table) .factor = (f), .steps = (table), .step_count = ARRAY_SIZE(table)

static const struct scale_family families[] = {
	{ .names = { "B/s", "bytes/s" }, FAMILY(1, byte_rate_steps) },
	{ .names = { "KiB/s" }, FAMILY(1024.0, byte_rate_steps) },
	{ .names = { "MiB/s" }, FAMILY(1048576.0, byte_rate_steps) },
	{ .names = { "B", "bytes", "byte" }, FAMILY(1, byte_steps) },
	{ .names = { "KiB" }, FAMILY(1024.0, byte_steps) },
	{ .names = { "MiB" }, FAMILY(1048576.0, byte_steps) },
	{ .names = { "ns" }, FAMILY(1, time_steps) },
	{ .names = { "us", "\xc2\xb5s" }, FAMILY(1e3, time_steps) },
	{ .names = { "ms" }, FAMILY(1e6, time_steps) },
	{ .names = { "s" }, FAMILY(1e9, time_steps) },
	{ .names = { "iops", "IOPS", "io/s" }, FAMILY(1, iops_steps) },
	{ .names = { "1/s", "ops/s", "/s" }, FAMILY(1, rate_steps) },
};

static const struct scale_family *family_of(const char *unit)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		for (size_t j = 0; j < ARRAY_SIZE(families[i].names); j++)
			if (families[i].names[j] && strcmp(families[i].names[j], unit) == 0)
				return &families[i];
	return NULL;
}

struct scale scale_pick(const char *unit, const char *metric, double typical)
{
	const struct scale_family *f;
	const struct scale_step *step;

	if (strcmp(unit, "count") == 0 || strcmp(unit, "1") == 0 || *unit == '\0')
		return (struct scale){ .divide = 1, .unit = "", .whole = true };
	if (strcmp(unit, "1/s") == 0 && strstr(metric, "iops"))
		unit = "iops";
	f = family_of(unit);
	if (!f)
		return (struct scale){ .divide = 1, .unit = unit };
	step = &f->steps[0];
	for (size_t i = 1; i < f->step_count; i++)
		if (fabs(typical) * f->factor >= f->steps[i].divide)
			step = &f->steps[i];
	return (struct scale){ .divide = step->divide / f->factor, .unit = step->unit };
}

const char *scale_number(const struct scale *s, double value, char ret[NUMBER_SIZE])
{
	double v = value / s->divide;
	double size = fabs(v);
	int decimals = size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3;

	if (size >= 1e15 || (v != 0 && size < 0.0005))
		(void)snprintf(ret, NUMBER_SIZE, "%.3g", v);
	else if (v == 0 || (s->whole && v == floor(v)))
		(void)snprintf(ret, NUMBER_SIZE, "%.0f", fabs(v) == 0 ? 0 : v);
	else
		(void)snprintf(ret, NUMBER_SIZE, "%.*f", s->whole && size >= 10 ? 1 : decimals, v);
	return ret;
}

const char *text_ratio(double ratio, char ret[NUMBER_SIZE])
{
	if (ratio != 0 && (ratio < 0.0995 || ratio >= 1e6))
		(void)snprintf(ret, NUMBER_SIZE, "%.2g", ratio);
	else
		(void)snprintf(ret, NUMBER_SIZE, ratio >= 99.95 ? "%.0f" : "%.2f", ratio);
	return ret;
}

const char *text_exact(double value, char ret[NUMBER_SIZE])
{
	/* 17 significant digits always read back (IEEE 754 binary64); fewer are nicer. */
	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(ret, NUMBER_SIZE, "%.*g", digits, value);
		if (strtod(ret, NULL) == value)
			break;
	}
	return ret;
}
