// SPDX-License-Identifier: Apache-2.0
/*
 * Every input of the committed corpus through its target: a test without a fuzzer, for any compiler. The program is
 * called as its target is. Run from the top of the checkout; a file as operand is run alone.
 */
#include "conformance/decoders/fuzz.h"

#include "base/buf.h"
#include "base/fs.h"

#include <dirent.h>
#include <sys/stat.h>

#define CORPUS	  "conformance/decoders/corpus"
#define INPUT_MAX (64 * KIB)

/* A program that dies in it has said before in which. */
static bool run_file(const char *path)
{
	CLEANUP(buf_free) struct buf input = { 0 };
	CLEANUP(freep) uint8_t *exact = NULL;
	struct err err = { "" };

	(void)printf("%s\n", path);
	(void)fflush(stdout);
	if (fs_read(path, INPUT_MAX, &input, &err) < 0) {
		(void)printf("FAIL %s\n", err.text);
		return false;
	}
	/* No byte behind its end belongs to it: sanitizers see who reads there. */
	exact = malloc(input.size);
	if (input.size > 0 && !exact)
		return false;
	if (input.size > 0)
		memcpy(exact, input.data, input.size);
	return fuzz_target(exact, input.size) == 0;
}

static int is_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	CLEANUP(freep) char *dir = fs_path(CORPUS "/%s", slash ? slash + 1 : argv[0]);
	struct dirent **names = NULL;
	unsigned passed = 0;
	unsigned failed = 0;
	int count;

	if (argc > 1)
		return run_file(argv[1]) ? 0 : 1;
	count = dir ? scandir(dir, &names, is_visible, alphasort) : -1;
	for (int i = 0; i < count; i++) {
		CLEANUP(freep) char *path = fs_path("%s/%s", dir, names[i]->d_name);
		bool good = path && run_file(path);

		passed += good;
		failed += !good;
		free(names[i]);
	}
	free(names);
	if (count <= 0)
		(void)printf("FAIL %s: no input\n", dir ? dir : CORPUS);
	(void)printf("%u passed, %u failed\n", passed, failed + (count <= 0));
	return count > 0 && failed == 0 ? 0 : 1;
}
