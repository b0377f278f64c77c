// SPDX-License-Identifier: Apache-2.0
/* The text of a --fault. */
#include "conformance/ref/fault/args.h"

#include "base/cleanup.h"
#include "conformance/ref/ledger/ledger.h"

#include <string.h>

/* The longest text that makes sense is far shorter. */
#define TEXT_MAX 160
/* Linux errors end below; strerrorname_np() knows them all. */
#define ERRNO_END 512
/* A delay beyond an hour is a mistake. */
#define MS_MAX UINT64_C(3600000)

static int set_number(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*ret = strtoull(text, &end, 0);
	return errno != 0 || *end != '\0' || *ret > max ? -EINVAL : 0;
}

static int set_opcode(const char *text, uint32_t *ret)
{
	uint64_t number;

	if (strcmp(text, "*") == 0) {
		*ret = 0;
		return 0;
	}
	if (ledger_opcode_from(text, ret) == 0)
		return 0;
	if (set_number(text, UINT32_MAX, &number) < 0)
		return -EINVAL;
	*ret = (uint32_t)number;
	return 0;
}

static int set_errno(const char *text, int *ret)
{
	for (int i = 1; i < ERRNO_END; i++) {
		const char *name = strerrorname_np(i);

		if (!name || strcmp(name, text) != 0)
			continue;
		*ret = -i;
		return 0;
	}
	return -EINVAL;
}

static int find(const char *name, enum fault_id *ret)
{
	for (unsigned i = 0; i < FAULT_COUNT; i++) {
		if (strcmp(fault_rows[i].name, name) != 0)
			continue;
		*ret = (enum fault_id)i;
		return 0;
	}
	return -EINVAL;
}

/* One without "=": the next that the row takes. */
static int set_positional(unsigned *takes, const char *text, struct fault_args *a)
{
	if (*takes & FAULT_TAKES_OPCODE) {
		*takes &= ~(unsigned)FAULT_TAKES_OPCODE;
		return set_opcode(text, &a->opcode);
	}
	if (*takes & FAULT_TAKES_MS) {
		*takes &= ~(unsigned)FAULT_TAKES_MS;
		return set_number(text, MS_MAX, &a->ms);
	}
	if (*takes & FAULT_TAKES_ERRNO) {
		*takes &= ~(unsigned)FAULT_TAKES_ERRNO;
		return set_errno(text, &a->error);
	}
	if (*takes & FAULT_TAKES_NUMBER) {
		*takes &= ~(unsigned)FAULT_TAKES_NUMBER;
		return set_number(text, UINT64_MAX, &a->number);
	}
	return -EINVAL;
}

/* When it fires: the same for every fault. */
static int set_named(const char *name, const char *value, struct fault_args *a)
{
	if (strcmp(name, "op") == 0)
		return set_opcode(value, &a->opcode);
	if (strcmp(name, "after") == 0)
		return set_number(value, UINT64_MAX, &a->after);
	if (strcmp(name, "count") == 0)
		return set_number(value, UINT64_MAX, &a->count);
	if (strcmp(name, "percent") == 0)
		return set_number(value, 100, &a->percent);
	if (strcmp(name, "seed") == 0)
		return set_number(value, UINT64_MAX, &a->seed);
	return -EINVAL;
}

const char *fault_takes(const struct fault_row *row, char *scratch, size_t size)
{
	static const char *const names[] = { "OPCODE", "MS", "ERRNO", "N" };
	size_t used = 0;

	scratch[0] = '\0';
	for (unsigned i = 0; i < ARRAY_SIZE(names) && used < size; i++)
		if (row->takes & (1U << i))
			used += (size_t)snprintf(scratch + used, size - used, "%s%s",
						 used ? ":" : "", names[i]);
	return scratch;
}

static int parse_args(char *rest, const struct fault_row *row, const char *text,
		      struct fault_args *a, struct err *reterr)
{
	unsigned takes = row->takes;
	char scratch[32];
	char *save = NULL;

	for (char *p = strtok_r(rest, ":", &save); p; p = strtok_r(NULL, ":", &save)) {
		char *value = strpbrk(p, "= ");
		int e;

		if (value) {
			*value = '\0';
			e = set_named(p, value + 1, a);
		} else {
			e = set_positional(&takes, p, a);
		}
		if (e < 0)
			return err_set(
				reterr, -EINVAL,
				"--fault %s: %s%s%s is not understood; %s takes %s, then any of "
				"op=OPCODE, after=N, count=N, percent=N, seed=N",
				text, p, value ? "=" : "", value ? value + 1 : "", row->name,
				row->takes ? fault_takes(row, scratch, sizeof(scratch))
					   : "nothing");
	}
	if (row->number != 0)
		takes &= ~(unsigned)FAULT_TAKES_NUMBER;
	if (takes != 0)
		return err_set(reterr, -EINVAL, "--fault %s: give it as %s:%s", text, row->name,
			       fault_takes(row, scratch, sizeof(scratch)));
	return 0;
}

int fault_parse(const char *text, enum fault_id *ret, struct fault_args *ret_args,
		struct err *reterr)
{
	struct fault_args a = { .percent = 100 };
	char copy[TEXT_MAX];
	char *rest;
	int e;

	if (strlen(text) >= sizeof(copy))
		return err_set(reterr, -EINVAL, "--fault with %zu bytes: at most %zu", strlen(text),
			       sizeof(copy) - 1);
	memcpy(copy, text, strlen(text) + 1);
	rest = strchr(copy, ':');
	if (rest)
		*rest++ = '\0';
	if (find(copy, ret) < 0)
		return err_set(reterr, -EINVAL,
			       "--fault %s: there is no such fault; see --list-faults", copy);
	a.number = fault_rows[*ret].number;
	e = parse_args(rest ? rest : copy + strlen(copy), &fault_rows[*ret], text, &a, reterr);
	if (e == 0)
		*ret_args = a;
	return e;
}
