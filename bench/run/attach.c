// SPDX-License-Identifier: Apache-2.0
#include "run/attach.h"

#include "base/fs.h"
#include "run/world.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* Everything that DESIGN asks of a cell and that cannot be known or done from inside a guest. */
static const char *const missing[] = {
	"versions, options and command lines of the daemon, the VMM and its devices",
	"the host: its page cache (cold means cold in this guest only), CPU time of daemon and VMM",
	"a fresh daemon, device and mount for each pass: passes share one mount",
	"cache mode, writeback and negotiated features, except what the mount shows",
	"operation counts, memory footprint of the host, several guests",
	"proof that DAX was used",
	"how times compare with other runs: the guest's clock and CPU are what somebody else made them",
};

int attach_plan(struct plan *p, struct err *reterr)
{
	struct cell_list kept = { 0 };
	int e = 0;

	for (size_t i = 0; e == 0 && i < p->cells.count; i++) {
		struct cell c = { .stack = stack_find("attached"),
				  .workload = p->cells.item[i].workload };

		/* There is one guest, and it is not ours to start more. */
		if (c.workload->tool == TOOL_FOOTPRINT)
			continue;
		cell_name(&c);
		e = cells_add(&kept, &c);
	}
	if (e < 0) {
		cells_free(&kept);
		return err_set(reterr, e, "out of memory");
	}
	cells_free(&p->cells);
	p->cells = kept;
	return 0;
}

int attach_check(const char *mount, struct err *reterr)
{
	CLEANUP(freep) char *path = realpath(mount, NULL);
	struct statvfs fs;
	struct stat st;

	if (!path || stat(path, &st) < 0)
		return err_errno(reterr, -errno, "--attach %s", mount);
	if (!S_ISDIR(st.st_mode))
		return err_set(reterr, -ENOTDIR,
			       "--attach %s: give the folder that the share is mounted on", mount);
	if (strncmp(path, WORLD, strlen(WORLD)) == 0)
		return err_set(reterr, -EINVAL,
			       "--attach %s: a run hides %s; mount the share somewhere else", mount,
			       WORLD);
	if (statvfs(path, &fs) < 0)
		return err_errno(reterr, -errno, "--attach %s", mount);
	if (fs.f_flag & ST_RDONLY || access(path, W_OK) < 0)
		return err_set(reterr, -EROFS,
			       "--attach %s: the workloads need a share that they may write to",
			       mount);
	return 0;
}

int attach_folder_name(char ret[ATTACH_NAME_SIZE], struct err *reterr)
{
	CLEANUP(buf_free) struct buf boot = { 0 };
	int e = fs_read("/proc/sys/kernel/random/boot_id", 4 * KIB, &boot, reterr);

	if (e == 0)
		(void)snprintf(ret, ATTACH_NAME_SIZE, ".virtiofs-qual-%.8s", buf_text(&boot));
	return e;
}

void attach_clean(const char *mount)
{
	CLEANUP(freep) char *path = NULL;
	char name[ATTACH_NAME_SIZE];

	if (attach_folder_name(name, NULL) == 0 && (path = fs_path("%s/%s", mount, name)))
		(void)!fs_remove_tree(path, NULL);
}

/* Undo the octal escapes of /proc/self/mountinfo in place. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *p = text; *p; p++) {
		if (p[0] == '\\' && p[1] && p[2] && p[3]) {
			*to++ = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			p += 3;
		} else {
			*to++ = *p;
		}
	}
	*to = '\0';
}

/* One line of mountinfo: where, and behind the '-' file system type, source and its options. */
static bool parse_line(char *line, char **ret_point, char **ret_type, char **ret_source,
		       char **ret_options)
{
	char *save = NULL;
	char *behind = strstr(line, " - ");

	if (!behind)
		return false;
	*behind = '\0';
	behind += 3;
	*ret_point = strtok_r(line, " ", &save);
	for (int i = 0; *ret_point && i < 4; i++)
		*ret_point = strtok_r(NULL, " ", &save);
	*ret_type = strtok_r(behind, " \n", &save);
	*ret_source = *ret_type ? strtok_r(NULL, " \n", &save) : NULL;
	*ret_options = *ret_source ? strtok_r(NULL, " \n", &save) : NULL;
	return *ret_point && *ret_options;
}

/* Does @path lie on the mount at @point? The longest, and the last of those, is the one. */
static size_t covers(const char *point, const char *path)
{
	size_t n = strlen(point);

	if (strcmp(point, "/") == 0)
		return 1;
	return strncmp(point, path, n) == 0 && (path[n] == '\0' || path[n] == '/') ? n : 0;
}

static json_t *describe_mount(const char *path)
{
	CLEANUP(file_closep) FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[PATH_MAX + 1024];
	json_t *best = NULL;
	size_t length = 0;

	while (f && path && fgets(line, sizeof(line), f)) {
		char *point;
		char *type;
		char *source;
		char *options;

		if (!parse_line(line, &point, &type, &source, &options))
			continue;
		unescape(point);
		if (covers(point, path) < length || covers(point, path) == 0)
			continue;
		length = covers(point, path);
		json_decref(best);
		/* The source of a virtio-fs mount is its tag; that of others may be a path. */
		best = json_pack("{s:s,s:s,s:s}", "fs_type", type, "source",
				 source[0] == '/' ? "(a device)" : source, "options", options);
	}
	return best ? best
		    : json_pack("{s:s,s:s,s:s}", "fs_type", "unknown", "source", "", "options", "");
}

json_t *attach_describe(const char *mount)
{
	CLEANUP(freep) char *path = realpath(mount, NULL);
	json_t *j = describe_mount(path);
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(missing); i++)
		(void)json_array_append_new(list, json_string(missing[i]));
	(void)json_object_set_new(j, "missing", list);
	return j;
}

void attach_explain(FILE *out)
{
	(void)fprintf(out, "attached: not seen from inside a guest are\n");
	for (size_t i = 0; i < ARRAY_SIZE(missing); i++)
		(void)fprintf(out, "  - %s\n", missing[i]);
	(void)fprintf(out, "\n");
}
