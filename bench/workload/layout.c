// SPDX-License-Identifier: Apache-2.0
#include "workload/workload.h"

#include "base/fs.h"
#include "base/rng.h"

#include <fcntl.h>

/* Incompressible and the same in every run: nothing of a result depends on the content. */
#define CONTENT_SEED UINT64_C(0x7669727469666673)
#define CHUNK_BYTES  (1 * MIB)

static int write_content(int fd, uint64_t size)
{
	CLEANUP(freep) char *chunk = malloc(CHUNK_BYTES);
	struct rng rng = { CONTENT_SEED };

	if (!chunk)
		return -ENOMEM;
	while (size > 0) {
		size_t n = size < CHUNK_BYTES ? (size_t)size : CHUNK_BYTES;

		rng_fill(&rng, chunk, n);
		for (size_t done = 0; done < n;) {
			ssize_t w = write(fd, chunk + done, n - done);

			if (w < 0 && errno != EINTR)
				return -errno;
			done += w > 0 ? (size_t)w : 0;
		}
		size -= n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int workload_layout(const struct workload *w, const char *dir, struct err *reterr)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", dir, WORKLOAD_FILE);
	CLEANUP(fd_closep) int fd = -1;
	int e;

	if (w->file_bytes == 0)
		return 0;
	if (!path)
		return err_set(reterr, -ENOMEM, "out of memory laying out files");
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_errno(reterr, -errno, "cannot make the data file of %s", w->id);
	e = write_content(fd, w->file_bytes);
	if (e < 0)
		return err_errno(reterr, e, "cannot write the data file of %s (%llu bytes)", w->id,
				 (unsigned long long)w->file_bytes);
	return 0;
}
