// SPDX-License-Identifier: Apache-2.0
/* A tree that looks like source code: 300 files of 0.5 to 60 KiB in 40 folders, made of words. */
#include "workload/workload.h"

#include "base/fs.h"
#include "base/rng.h"

#include <string.h>
#include <sys/stat.h>

#define TREE_SEED  UINT64_C(0x736f757263652d74)
#define TREE_FILES 300
#define TREE_TOPS  8
#define TREE_SUBS  4 /* folders in each of them */
#define SIZE_MIN   512
#define SIZE_TOP   (60 * KIB)
/* Small files are the many: each class is twice as large as the one before, and as likely. */
#define SIZE_CLASSES 7
#define LINE_WORDS   12
/* One line in so many holds the needle. */
#define NEEDLE_EVERY 97

static const char *const words[] = {
	"static", "int",  "return", "struct", "if",   "else",	"for",	 "while",   "const", "char",
	"size",	  "name", "value",  "index",  "list", "buffer", "count", "pointer", "error", "next",
};

static size_t file_size(struct rng *r)
{
	uint64_t base = (uint64_t)SIZE_MIN << rng_below(r, SIZE_CLASSES);
	uint64_t size = base + rng_below(r, base);

	return (size_t)(size < SIZE_TOP ? size : SIZE_TOP);
}

static int fill(struct rng *r, size_t size, struct buf *ret)
{
	int e = 0;

	buf_clear(ret);
	while (e == 0 && ret->size < size) {
		uint64_t n = 1 + rng_below(r, LINE_WORDS);

		if (rng_below(r, NEEDLE_EVERY) == 0)
			e = buf_printf(ret, "%s ", WORKLOAD_NEEDLE);
		for (uint64_t i = 0; e == 0 && i < n; i++)
			e = buf_printf(ret, "%s%c", words[rng_below(r, ARRAY_SIZE(words))],
				       i + 1 < n ? ' ' : '\n');
	}
	return e;
}

static uint64_t count_matches(const char *text, size_t size)
{
	const char *end = text + size;
	uint64_t n = 0;

	while (text < end) {
		const char *line = memchr(text, '\n', (size_t)(end - text));
		const char *next = line ? line + 1 : end;

		n += memmem(text, (size_t)(next - text), WORKLOAD_NEEDLE,
			    sizeof(WORKLOAD_NEEDLE) - 1) != NULL;
		text = next;
	}
	return n;
}

static int make_folders(const char *dir, uint64_t *ret_count, struct err *reterr)
{
	if (dir && mkdir(dir, 0755) < 0)
		return err_errno(reterr, -errno, "cannot make %s", dir);
	for (unsigned i = 0; i < TREE_TOPS * (TREE_SUBS + 1); i++) {
		unsigned sub = i % (TREE_SUBS + 1);
		CLEANUP(freep)
		char *path = sub ? fs_path("%s/part%u/sub%u", dir ? dir : "", i / (TREE_SUBS + 1),
					   sub)
				 : fs_path("%s/part%u", dir ? dir : "", i / (TREE_SUBS + 1));

		if (!path)
			return err_set(reterr, -ENOMEM, "out of memory making a tree");
		if (dir && mkdir(path, 0755) < 0)
			return err_errno(reterr, -errno, "cannot make %s", path);
		++*ret_count;
	}
	return 0;
}

static int make_file(const char *dir, struct rng *r, unsigned index, const struct buf *text,
		     struct err *reterr)
{
	uint64_t folder = rng_below(r, TREE_TOPS);
	uint64_t sub = rng_below(r, TREE_SUBS + 1);
	CLEANUP(freep) char *path = NULL;

	if (!dir)
		return 0;
	path = sub ? fs_path("%s/part%u/sub%u/file%03u.c", dir, (unsigned)folder, (unsigned)sub,
			     index)
		   : fs_path("%s/part%u/file%03u.c", dir, (unsigned)folder, index);
	return path ? workload_write(path, buf_text(text), text->size, 0644, reterr)
		    : err_set(reterr, -ENOMEM, "out of memory making a tree");
}

int workload_tree_make(const char *dir, struct workload_tree *ret, struct err *reterr)
{
	struct workload_tree t = { .files = TREE_FILES };
	CLEANUP(buf_free) struct buf text = { 0 };
	struct rng r = { TREE_SEED };
	int e = make_folders(dir, &t.folders, reterr);

	for (unsigned i = 0; e == 0 && i < TREE_FILES; i++) {
		size_t size = file_size(&r);

		if (fill(&r, size, &text) < 0)
			return err_set(reterr, -ENOMEM, "out of memory making a tree");
		text.size = size; /* the last line may be cut */
		t.bytes += size;
		t.matches += count_matches(buf_text(&text), size);
		e = make_file(dir, &r, i, &text, reterr);
	}
	if (e == 0)
		*ret = t;
	return e;
}
