// SPDX-License-Identifier: Apache-2.0
/* Names: what one side sees of names that the other one made, moved or took away. */
#include "conformance/guest/areas.h"
#include "conformance/guest/oracle.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OLD_SEED 1
#define NEW_SEED 2

static int64_t stat_of(const char *name)
{
	struct stat st;

	return lstat(name, &st);
}

/* B01 */
static void host_creates(struct check_run *r)
{
	int fd;

	/* The guest has looked for it before: what it may remember must not hide the file. */
	WANT_ERROR(r, ENOENT, stat_of("f"));
	HOST(r, host_create(r, "f", 0640));
	WANT_NAME_VISIBLE(r, "B01", "stat of a file that the host has made",
			  see_error(r, stat_of("f"), ENOENT, 0));
	WANT_OK(r, fd = open("f", O_RDONLY));
}

static const struct check checks[] = {
	{
		.id = "names.host-creates",
		.title = "A file that the host makes can be used by its name",
		.rows = "B01",
		.does = "guest: stat (ENOENT); host: create; guest: stat, open",
		.wants = "both find it, at once in every mode",
		.catches = "negative-cached",
		.needs = NEED_HOST,
		.run = host_creates,
	},
};

const struct check_area area_names = { "names", "Names that the other side changes", checks,
				       ARRAY_SIZE(checks) };
