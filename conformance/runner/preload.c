// SPDX-License-Identifier: Apache-2.0
#include "conformance/runner/preload.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FAULT(name_, when, act, what_, calls_, rows_) \
	{ .name = (name_), .what = (what_), .calls = (calls_), .rows = (rows_) },
#define FAULT_ERRNO(name_, from, to, what_, calls_, rows_) \
	{ .name = (name_), .what = (what_), .calls = (calls_), .rows = (rows_) },
static const struct preload_row rows[] = {
#include "conformance/faults/list.h"
};
#undef FAULT
#undef FAULT_ERRNO

_Static_assert(ARRAY_SIZE(rows) <= FAULTS_MAX, "the file has no room for all faults");

const struct preload_row *preload_rows(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(rows);
	return rows;
}

int preload_find(const char *text)
{
	size_t length = strcspn(text, ":");

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strlen(rows[i].name) == length && strncmp(rows[i].name, text, length) == 0)
			return (int)i;
	return -ENOENT;
}

int preload_file_new(const char *path, struct preload_file *ret, struct err *reterr)
{
	CLEANUP(fd_closep) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct faults_shared *s;

	if (fd < 0 || ftruncate(fd, sizeof(*s)) < 0)
		return err_errno(reterr, -errno, "cannot make %s", path);
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (s == MAP_FAILED)
		return err_errno(reterr, -errno, "cannot map %s", path);
	s->magic = FAULTS_MAGIC;
	ret->shared = s;
	(void)snprintf(ret->path, sizeof(ret->path), "%s", path);
	return 0;
}

void preload_file_free(struct preload_file *f)
{
	if (!f->shared)
		return;
	(void)munmap(f->shared, sizeof(*f->shared));
	(void)unlink(f->path);
	f->shared = NULL;
}

int preload_env(const char *library, const char *fault, const struct preload_file *f,
		struct strv *env, struct err *reterr)
{
	if (strpbrk(library, " :"))
		return err_set(reterr, -EINVAL,
			       "%s: a dynamic loader splits this path at blanks and colons; build "
			       "the project elsewhere",
			       library);
	if (access(library, R_OK) < 0)
		return err_errno(reterr, -errno, "%s: is it built?", library);
	strv_addf(env, "LD_PRELOAD=%s", library);
	strv_addf(env, FAULTS_ENV_NAME "=%s", fault);
	strv_addf(env, FAULTS_ENV_COUNT "=%s", f->path);
	return strv_failed(env) ? -ENOMEM : 0;
}
