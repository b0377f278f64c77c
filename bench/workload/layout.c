// SPDX-License-Identifier: Apache-2.0
#include "workload/workload.h"

#include "base/fs.h"
#include "base/rng.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Incompressible and the same in every run: nothing of a result depends on the content. */
#define CONTENT_SEED UINT64_C(0x7669727469666673)
#define CHUNK_BYTES  (1 * MIB)
#define PROGRAM_MAX  (16 * MIB)

static int write_all(int fd, const char *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t w = write(fd, data + done, size - done);

		if (w < 0 && errno != EINTR)
			return -errno;
		done += w > 0 ? (size_t)w : 0;
	}
	return 0;
}

static int write_content(int fd, uint64_t seed, uint64_t size)
{
	CLEANUP(freep) char *chunk = malloc(CHUNK_BYTES);
	struct rng rng = { seed };
	int e = chunk ? 0 : -ENOMEM;

	while (e == 0 && size > 0) {
		size_t n = size < CHUNK_BYTES ? (size_t)size : CHUNK_BYTES;

		rng_fill(&rng, chunk, n);
		e = write_all(fd, chunk, n);
		size -= n;
	}
	return e;
}

int workload_write(const char *path, const void *data, size_t size, mode_t mode, struct err *reterr)
{
	CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	int e = fd < 0 ? -errno : write_all(fd, data, size);

	return e < 0 ? err_errno(reterr, e, "cannot write %s (%zu bytes)", path, size) : 0;
}

static int lay_file(const struct workload *w, const char *path, unsigned index, struct err *reterr)
{
	CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int e;

	if (fd < 0)
		return err_errno(reterr, -errno, "cannot make the data file of %s", w->id);
	e = write_content(fd, CONTENT_SEED + index, w->file_bytes);
	if (e < 0)
		return err_errno(reterr, e, "cannot write the data file of %s (%llu bytes)", w->id,
				 (unsigned long long)w->file_bytes);
	return 0;
}

static int lay_files(const struct workload *w, const char *path, struct err *reterr)
{
	int e = 0;

	if (w->file_count == 1)
		return lay_file(w, path, 0, reterr);
	if (mkdir(path, 0755) < 0)
		return err_errno(reterr, -errno, "cannot make the data folder of %s", w->id);
	for (unsigned i = 0; e == 0 && i < w->file_count; i++) {
		CLEANUP(freep) char *file = fs_path("%s/%u", path, i);

		e = file ? lay_file(w, file, i, reterr) : -ENOMEM;
	}
	return e;
}

static int lay_program(const char *dir, unsigned index, const struct buf *text, uint64_t *bytes,
		       struct err *reterr)
{
	CLEANUP(freep) char *folder = fs_path("%s/p%03u", dir, index);
	CLEANUP(freep) char *program = fs_path("%s/p%03u/hello", dir, index);
	CLEANUP(freep) char *conf = fs_path("%s/p%03u/hello.conf", dir, index);
	char answer[32];
	int n = snprintf(answer, sizeof(answer), "answer-%03u\n", index);
	int e;

	if (!folder || !program || !conf)
		return err_set(reterr, -ENOMEM, "out of memory laying out programs");
	if (mkdir(folder, 0755) < 0)
		return err_errno(reterr, -errno, "cannot make %s", folder);
	*bytes += text->size + (size_t)n;
	e = workload_write(program, buf_text(text), text->size, 0755, reterr);
	return e < 0 ? e : workload_write(conf, answer, (size_t)n, 0644, reterr);
}

int workload_programs(const char *programs, const char *dir, unsigned count, uint64_t *ret_bytes,
		      struct err *reterr)
{
	CLEANUP(freep) char *from = fs_path("%s/wl-hello", programs);
	CLEANUP(buf_free) struct buf text = { 0 };
	uint64_t bytes = 0;
	int e = from ? fs_read(from, PROGRAM_MAX, &text, reterr) : -ENOMEM;

	if (e == 0 && mkdir(dir, 0755) < 0)
		e = err_errno(reterr, -errno, "cannot make %s", dir);
	for (unsigned i = 0; e == 0 && i < count; i++)
		e = lay_program(dir, i, &text, &bytes, reterr);
	if (e == 0)
		*ret_bytes = bytes;
	return e;
}

/* One call for all files: an fsync of each would take longer than the workload. */
static int sync_all(const char *dir, struct err *reterr)
{
	CLEANUP(fd_closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || syncfs(fd) < 0 ? err_errno(reterr, -errno, "cannot sync %s", dir) : 0;
}

int workload_lay_out(const struct workload *w, const char *programs, const char *dir,
		     uint64_t *ret_bytes, struct err *reterr)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", dir, WORKLOAD_DATA);
	uint64_t bytes = workload_bytes(w);
	struct workload_tree tree;
	int e = 0;

	if (!path)
		return err_set(reterr, -ENOMEM, "out of memory laying out files");
	switch (w->layout) {
	case LAYOUT_NONE: return 0;
	case LAYOUT_FILES: e = lay_files(w, path, reterr); break;
	case LAYOUT_TREE: e = workload_tree_make(path, &tree, reterr); break;
	case LAYOUT_PROGRAMS:
		e = workload_programs(programs, path, w->file_count, &bytes, reterr);
		break;
	}
	if (e == 0)
		e = sync_all(dir, reterr);
	if (e == 0)
		*ret_bytes = bytes;
	return e;
}

uint64_t workload_bytes(const struct workload *w)
{
	struct workload_tree tree;

	if (w->layout == LAYOUT_FILES)
		return w->file_count * w->file_bytes;
	return w->layout == LAYOUT_TREE && workload_tree_make(NULL, &tree, NULL) == 0 ? tree.bytes
										      : 0;
}
