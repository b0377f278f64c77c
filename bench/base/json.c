// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include "base/fs.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

int json_load_path(const char *path, json_t **ret, struct err *reterr)
{
	json_error_t je;
	json_t *v = json_load_file(path, JSON_REJECT_DUPLICATES, &je);

	if (!v && json_error_code(&je) == json_error_cannot_open_file)
		return err_set(reterr, -ENOENT, "cannot open %s", path);
	if (!v)
		return err_set(reterr, -EBADMSG, "%s:%d: not valid JSON: %s", path, je.line,
			       je.text);
	*ret = v;
	return 0;
}

int json_save_atomic(const char *path, const json_t *value, struct err *reterr)
{
	CLEANUP(freep) char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	CLEANUP(freep) char *line = NULL;
	int n;

	if (!text)
		return err_set(reterr, -ENOMEM, "cannot serialise %s", path);
	n = asprintf(&line, "%s\n", text);
	if (n < 0) {
		line = NULL;
		return err_set(reterr, -ENOMEM, "cannot serialise %s", path);
	}
	return fs_write_atomic(path, line, (size_t)n, reterr);
}

/* Longest key of one path component; fio's and ours are far shorter. */
#define KEY_MAX 128

static json_t *step_bracket(json_t *v, const char **path)
{
	const char *end = strchr(*path, ']');
	char key[KEY_MAX];
	size_t n;
	char *rest;
	unsigned long index;

	if (!end || (n = (size_t)(end - *path)) == 0 || n >= sizeof(key))
		return NULL;
	memcpy(key, *path, n);
	key[n] = '\0';
	*path = end + 1;
	if (json_is_object(v))
		return json_object_get(v, key);
	index = strtoul(key, &rest, 10);
	return *rest ? NULL : json_array_get(v, index);
}

json_t *json_at(json_t *root, const char *path)
{
	json_t *v = root;

	while (v && *path) {
		if (*path == '[') {
			path++;
			v = step_bracket(v, &path);
		} else {
			size_t n;
			char key[KEY_MAX];

			path += *path == '.';
			n = strcspn(path, ".[");
			if (n == 0 || n >= sizeof(key))
				return NULL;
			memcpy(key, path, n);
			key[n] = '\0';
			path += n;
			v = json_object_get(v, key);
		}
	}
	return v;
}

int json_number_at(json_t *root, const char *path, double *ret)
{
	json_t *v = json_at(root, path);

	if (!v)
		return -ENOENT;
	if (!json_is_number(v))
		return -EINVAL;
	*ret = json_number_value(v);
	return 0;
}

const char *json_str_at(json_t *root, const char *path, const char *fallback)
{
	const char *s = json_string_value(json_at(root, path));

	return s ? s : fallback;
}

/* Every whole number up to 2^53 is exact in a double (IEEE 754 binary64). */
#define EXACT_MAX 9007199254740992.0

json_t *json_num(double value)
{
	if (!isfinite(value))
		return json_null();
	if (fabs(value) < EXACT_MAX && value == floor(value))
		return json_integer((json_int_t)value);
	return json_real(value);
}

json_t *json_argv(char *const *argv)
{
	json_t *a = json_array();

	for (size_t i = 0; a && argv[i]; i++)
		(void)json_array_append_new(a, json_string(argv[i]));
	return a;
}
