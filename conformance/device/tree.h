/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_DEVICE_TREE_H
#define VQ_DEVICE_TREE_H

/* What the areas about names and folders share: the host's side of a tree, and whole listings. */

#include "conformance/device/words.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#define HOST(r, what, call) WANT(check_host(r, what, call))
#define TREE_PATH	    1024
/* 255 bytes, what Linux and its file systems allow for one name. */
#define TREE_NAME_MAX 255

/** tree_path() - one path of both; what does not fit is empty, so that the call fails. */
static inline const char *tree_path(char ret[TREE_PATH], const char *dir, const char *name)
{
	if (snprintf(ret, TREE_PATH, "%s/%s", dir, name) >= TREE_PATH)
		ret[0] = '\0';
	return ret;
}

static inline int tree_move(const char *dir, const char *name, const char *new_dir,
			    const char *new_name)
{
	char from[TREE_PATH], to[TREE_PATH];

	return rename(tree_path(from, dir, name), tree_path(to, new_dir, new_name)) < 0 ? -errno
											: 0;
}

static inline int tree_link(const char *dir, const char *name, const char *new_name)
{
	char from[TREE_PATH], to[TREE_PATH];

	return link(tree_path(from, dir, name), tree_path(to, dir, new_name)) < 0 ? -errno : 0;
}

static inline int tree_node(const char *dir, const char *name, mode_t mode, dev_t dev)
{
	char path[TREE_PATH];

	return mknod(tree_path(path, dir, name), mode, dev) < 0 ? -errno : 0;
}

/** tree_target() - where a link of the host points to; "" when it cannot be read. */
static inline const char *tree_target(const char *dir, const char *name, char *ret, size_t size)
{
	char path[TREE_PATH];
	ssize_t n = readlink(tree_path(path, dir, name), ret, size - 1);

	ret[n > 0 ? n : 0] = '\0';
	return ret;
}

/** tree_same() - the host's files are still what they were when @before was taken. */
static inline bool tree_same(struct check_run *r, uint64_t before, const char *what)
{
	uint64_t now = 0;

	return check_host(r, "digest of the share", host_digest(r->share, &now)) &&
	       check_that(r, now == before, "nothing in the share changes", "%s: it has changed",
			  what);
}

/**
 * tree_look() - a LOOKUP, as Linux makes it before it removes or renames a name: some devices know no others.
 * What comes of it does not matter.
 */
static inline void tree_look(struct front *f, uint64_t parent, const char *name)
{
	struct fuse_entry_out e;

	(void)!front_lookup(f, parent, name, &e);
}

static inline int tree_unlink(struct front *f, uint64_t parent, const char *name)
{
	tree_look(f, parent, name);
	return front_unlink(f, parent, name);
}

static inline int tree_rmdir(struct front *f, uint64_t parent, const char *name)
{
	tree_look(f, parent, name);
	return front_rmdir(f, parent, name);
}

static inline int tree_rename(struct front *f, uint64_t parent, const char *name,
			      uint64_t new_parent, const char *new_name)
{
	tree_look(f, parent, name);
	tree_look(f, new_parent, new_name);
	return front_rename(f, parent, name, new_parent, new_name);
}

static inline int tree_rename2(struct front *f, const char *name, const char *new_name,
			       uint32_t flags)
{
	tree_look(f, FRONT_ROOT, name);
	tree_look(f, FRONT_ROOT, new_name);
	return front_rename2(f, FRONT_ROOT, name, FRONT_ROOT, new_name, flags);
}

/** tree_reads() - OPEN, READ, RELEASE: at most @size bytes, with a NUL behind them. */
static inline int tree_reads(struct front *f, uint64_t nodeid, char *ret, size_t size)
{
	struct fuse_open_out open;
	size_t got = 0;
	int e = front_open_file(f, nodeid, O_RDONLY, &open);
	int end;

	if (e != 0)
		return e;
	e = front_read(f, nodeid, open.fh, 0, ret, (uint32_t)size - 1, &got);
	end = front_release(f, nodeid, open.fh, 0);
	ret[e == 0 ? got : 0] = '\0';
	return e ? e : end;
}

/* A whole listing, in order. */
struct tree_list {
	struct front_dirent *item;
	unsigned count;
	unsigned replies;
	bool endless; /* more than was room for */
};

static inline void tree_list_free(struct tree_list *l)
{
	free(l->item);
	*l = (struct tree_list){ 0 };
}

/** tree_list_more() - one reply's entries, appended; the offset to go on at. 0; result of the request. */
static inline int tree_list_more(struct front *f, uint64_t nodeid, uint64_t fh, uint64_t *offset,
				 bool plus, uint32_t size, struct tree_list *l, unsigned max)
{
	CLEANUP(freep) uint8_t *bytes = malloc(size ? size : 1);
	struct front_dirents d;
	size_t got = 0;
	int e = !bytes ? FRONT_FAILED
		: plus ? front_readdirplus(f, nodeid, fh, *offset, bytes, size, &got)
		       : front_readdir(f, nodeid, fh, *offset, bytes, size, &got);

	if (!l->item)
		l->item = calloc(max + 1, sizeof(*l->item));
	if (e != 0 || !l->item)
		return e ? e : FRONT_FAILED;
	l->replies++;
	front_dirents_begin(&d, bytes, got, plus);
	while (l->count <= max && front_dirents_next(&d, &l->item[l->count]) > 0)
		*offset = l->item[l->count++].off;
	l->endless = l->count > max;
	return got > 0 && !l->endless && !d.wrong ? 1 : 0;
}

/** tree_list() - until the end. More than @max entries: endless, without an error. */
static inline int tree_list(struct front *f, uint64_t nodeid, bool plus, uint32_t size,
			    unsigned max, struct tree_list *ret)
{
	struct fuse_open_out open;
	uint64_t offset = 0;
	int e = front_opendir(f, nodeid, &open);
	int end;

	if (e != 0)
		return e;
	do
		e = tree_list_more(f, nodeid, open.fh, &offset, plus, size, ret, max);
	while (e > 0);
	end = front_releasedir(f, nodeid, open.fh);
	return e ? e : end;
}

/** tree_listed() - how often @name is in it; the last of them, or an empty one, in @ret unless that is NULL. */
static inline unsigned tree_listed(const struct tree_list *l, const char *name,
				   const struct front_dirent **ret)
{
	static const struct front_dirent none;
	unsigned count = 0;

	if (ret)
		*ret = &none;
	for (unsigned i = 0; i < l->count; i++) {
		if (strcmp(l->item[i].name, name) != 0)
			continue;
		count++;
		if (ret)
			*ret = &l->item[i];
	}
	return count;
}

static inline bool tree_is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/** tree_many() - @count empty files of the host's, "f-0" and so on; @pad makes their names longer. */
static inline int tree_many(const char *dir, unsigned count, int pad)
{
	int e = 0;

	for (unsigned i = 0; i < count && e == 0; i++) {
		char name[TREE_NAME_MAX + 1];

		(void)snprintf(name, sizeof(name), "f-%0*u", pad, i);
		e = host_write(dir, name, "", 0);
	}
	return e;
}

/** tree_each_once() - the dots and tree_many()'s files, each exactly once. */
static inline bool tree_each_once(struct check_run *r, const struct tree_list *l, unsigned count,
				  int pad)
{
	CLEANUP(freep) uint8_t *seen = calloc(count + 1, 1);

	for (unsigned i = 0; seen && i < l->count; i++) {
		unsigned number;
		char name[TREE_NAME_MAX + 1];

		if (tree_is_dots(l->item[i].name))
			continue;
		number = (unsigned)strtoul(l->item[i].name + strspn(l->item[i].name, "f-"), NULL,
					   10);
		(void)snprintf(name, sizeof(name), "f-%0*u", pad, number);
		if (number >= count || strcmp(name, l->item[i].name) != 0)
			return check_that(r, false, "names that exist", "\"%.100s\" is listed",
					  l->item[i].name);
		if (seen[number]++)
			return check_that(r, false, "each name once", "\"%.100s\" is listed twice",
					  name);
	}
	for (unsigned i = 0; seen && i < count; i++)
		if (!seen[i])
			return check_that(r, false, "all names", "number %u of %u is not listed", i,
					  count);
	return check_that(r, tree_listed(l, ".", NULL) <= 1 && tree_listed(l, "..", NULL) <= 1,
			  "\".\" and \"..\" once at most", "they come more often") &&
	       check_that(r, !l->endless, "a listing that ends", "it goes on after all names");
}

#endif
