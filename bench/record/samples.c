// SPDX-License-Identifier: Apache-2.0
#include "record/samples.h"

#include "base/json.h"

#include <string.h>

/* A pass is over long before: a time beyond is nonsense, and would make an archive of nonsense. */
#define SPAN_MAX_NS (UINT64_C(86400) * NS_PER_S)

static void complain(struct record_samples *s, size_t line, const char *what)
{
	if (s->bad_lines++ == 0)
		(void)snprintf(s->complaint, sizeof(s->complaint), "line %zu: %s", line, what);
}

/* A number that is not negative, as text; "" for null. */
static int read_value(const json_t *v, char ret[RECORD_VALUE_SIZE])
{
	if (json_is_integer(v) && json_integer_value(v) >= 0)
		(void)snprintf(ret, RECORD_VALUE_SIZE, "%lld", (long long)json_integer_value(v));
	else if (json_is_real(v) && json_real_value(v) >= 0 && json_real_value(v) < 1e12)
		(void)snprintf(ret, RECORD_VALUE_SIZE, "%.6f", json_real_value(v));
	else if (json_is_null(v))
		ret[0] = '\0';
	else
		return -EINVAL;
	return 0;
}

static int grow(struct record_samples *s)
{
	size_t room = s->room ? 2 * s->room : 256;
	struct record_sample *more;

	if (s->count < s->room)
		return 0;
	more = reallocarray(s->item, room, sizeof(*more));
	if (!more)
		return -ENOMEM;
	s->item = more;
	s->room = room;
	return 0;
}

static bool time_fits(const struct record_samples *s, const json_t *t)
{
	uint64_t ns = (uint64_t)json_integer_value(t);

	if (!json_is_integer(t) || json_integer_value(t) < 0)
		return false;
	return s->count == 0 ||
	       (ns > s->item[s->count - 1].t_ns && ns - s->item[0].t_ns < SPAN_MAX_NS);
}

static int add_sample(struct record_samples *s, size_t line, json_t *t, json_t *values)
{
	struct record_sample sample = { .t_ns = (uint64_t)json_integer_value(t) };
	size_t i;
	json_t *v;

	if (!time_fits(s, t)) {
		complain(s, line, "its time is not after that of the line before");
		return 0;
	}
	if (json_array_size(values) != s->keys) {
		complain(s, line, "it does not have as many values as were asked for");
		return 0;
	}
	if (grow(s) < 0)
		return -ENOMEM;
	sample.value = calloc(s->keys + 1, sizeof(*sample.value));
	if (!sample.value)
		return -ENOMEM;
	json_array_foreach(values, i, v) {
		if (read_value(v, sample.value[i]) < 0) {
			free(sample.value);
			complain(s, line, "a value is not a number");
			return 0;
		}
	}
	s->item[s->count++] = sample;
	return 0;
}

static void read_end(struct record_samples *s, json_t *end)
{
	s->late = (uint64_t)json_integer_value(json_object_get(end, "late"));
	s->skipped = (uint64_t)json_integer_value(json_object_get(end, "skipped"));
	s->cpu_ns = (uint64_t)json_integer_value(json_object_get(end, "cpu_ns"));
	(void)snprintf(s->reason, sizeof(s->reason), "%.15s", json_str_at(end, "reason", ""));
}

static int parse_line(struct record_samples *s, size_t line, const char *text, size_t size)
{
	json_auto_t *j = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	json_t *values = json_object_get(j, "v");

	if (json_is_array(values))
		return add_sample(s, line, json_object_get(j, "t"), values);
	if (json_object_get(j, "end"))
		read_end(s, json_object_get(j, "end"));
	else if (!json_object_get(j, "start"))
		complain(s, line, "it is no sample");
	return 0;
}

int samples_parse(const char *text, size_t size, size_t keys, struct record_samples *ret,
		  struct err *reterr)
{
	struct record_samples s = { .keys = keys };
	size_t line = 0;
	int e = 0;

	while (e == 0 && size > 0) {
		const char *end = memchr(text, '\n', size);
		size_t n = end ? (size_t)(end - text) : size;

		line++;
		if (end)
			e = parse_line(&s, line, text, n);
		else
			complain(&s, line, "it is cut off");
		n += end != NULL;
		text += n;
		size -= n;
	}
	if (e < 0) {
		samples_free(&s);
		return err_set(reterr, e, "out of memory reading samples");
	}
	*ret = s;
	return 0;
}

uint64_t samples_longest_gap_ns(const struct record_samples *s, uint64_t limit_ns, size_t *ret_over)
{
	uint64_t longest = 0;

	*ret_over = 0;
	for (size_t i = 1; i < s->count; i++) {
		uint64_t gap = s->item[i].t_ns - s->item[i - 1].t_ns;

		*ret_over += gap > limit_ns;
		longest = gap > longest ? gap : longest;
	}
	return longest;
}

void samples_free(struct record_samples *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->item[i].value);
	free(s->item);
	*s = (struct record_samples){ 0 };
}
