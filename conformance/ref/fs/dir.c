// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/ops.h"

#include "conformance/ref/fault/fault.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

struct listing {
	struct fs_call *c;
	struct handle *h;
	bool plus;
	uint8_t *out;
	size_t room;
	size_t used;
};

int dir_open(struct fs_call *c, uint64_t nodeid)
{
	CLEANUP(node_putp) struct node *n = NULL;
	struct fuse_open_out out = { 0 };
	int e = call_node(c, nodeid, &n);
	int fd;

	if (e < 0)
		return e;
	if (!S_ISDIR(n->type))
		return -ENOTDIR;
	fd = openat(n->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	e = handle_add(&c->conn->handles, n, fd, O_RDONLY, &out.fh);
	if (e < 0)
		return e;
	out.open_flags = fault_at(FAULT_OPENDIR_FLAGS) ? 0 : c->fs->mode->dir_flags;
	return reply_data(c, &out, sizeof(out));
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* What lies above the share is nobody's business, its inode number neither. */
static uint64_t entry_ino(const struct listing *l, const struct dirent64 *d)
{
	bool above = l->h->nodeid == FUSE_ROOT_ID && strcmp(d->d_name, "..") == 0;

	if (fault_at(FAULT_DIRENT_INO))
		return 1;
	return above ? l->h->node->ino : d->d_ino;
}

/* A name that has no node (it went away, or there are no descriptors left) is listed without: nodeid 0. */
static void fill_plus(struct listing *l, const struct dirent64 *d, struct fuse_entry_out *ret)
{
	CLEANUP(node_putp) struct node *n = NULL;
	struct statx st;

	*ret = (struct fuse_entry_out){
		.attr.ino = entry_ino(l, d),
		.attr.mode = DTTOIF(d->d_type),
	};
	if (!is_dots(d->d_name) && entry_find(l->c, l->h->node, d->d_name, &st, &n) == 0) {
		entry_fill(l->c, l->h->node, n, &st, ret);
		if (fault_at(FAULT_PLUS_UNCOUNTED))
			node_forget(&l->c->conn->nodes, n->id, 1);
	}
	if (is_dots(d->d_name) && fault_at(FAULT_PLUS_DOTS))
		ret->nodeid = FUSE_ROOT_ID;
}

/* False when it does not fit: then it was not looked up either. */
static bool list_entry(struct listing *l, const struct dirent64 *d)
{
	size_t length = strlen(d->d_name);
	size_t head = l->plus ? sizeof(struct fuse_entry_out) : 0;
	size_t size = FUSE_REC_ALIGN(head + FUSE_NAME_OFFSET + length);
	uint8_t *p = l->out + l->used;
	struct fuse_dirent entry = {
		.ino = entry_ino(l, d),
		.off = (uint64_t)d->d_off,
		.namelen = (uint32_t)length,
		.type = fault_at(FAULT_DIRENT_TYPE) ? DT_CHR : d->d_type,
	};

	if (size > l->room - l->used)
		return false;
	memset(p + size - 8, 0, 8);
	if (l->plus) {
		struct fuse_entry_out out;

		fill_plus(l, d, &out);
		memcpy(p, &out, sizeof(out));
	}
	memcpy(p + head, &entry, FUSE_NAME_OFFSET);
	memcpy(p + head + FUSE_NAME_OFFSET, d->d_name, length);
	l->used += size;
	return true;
}

/* The next entries of the host. How many bytes, 0 at the end, -errno. */
static ssize_t refill(const struct handle *h)
{
	struct handle_dir *dir = h->dir;
	ssize_t n = getdents64(h->fd, dir->entries, sizeof(dir->entries));

	dir->at = 0;
	dir->end = n > 0 ? (size_t)n : 0;
	return n < 0 ? -errno : n;
}

static int seek(struct handle *h, uint64_t offset)
{
	if (!h->dir)
		h->dir = calloc(1, sizeof(*h->dir));
	if (!h->dir)
		return -ENOMEM;
	if (h->dir->position == offset || (h->dir->position != 0 && fault_at(FAULT_READDIR_OFFSET)))
		return 0;
	if (lseek(h->fd, (off_t)offset, SEEK_SET) < 0)
		return -errno;
	h->dir->position = offset;
	h->dir->at = 0;
	h->dir->end = 0;
	return 0;
}

static int list_from(struct listing *l, uint64_t offset)
{
	int e = seek(l->h, offset);
	struct handle_dir *dir = l->h->dir;

	if (!dir || e < 0)
		return e;
	for (;;) {
		const struct dirent64 *d;

		if (dir->at == dir->end) {
			ssize_t n = refill(l->h);

			/* What was listed already was looked up, and must arrive. */
			if (n <= 0)
				return n < 0 && l->used == 0 ? (int)n : 0;
		}
		d = (const struct dirent64 *)(const void *)(dir->entries + dir->at);
		if (!list_entry(l, d)) {
			if (l->used > 0 && fault_at(FAULT_READDIR_LOST))
				dir->at += d->d_reclen;
			return l->used > 0 || fault_at(FAULT_READDIR_ENDS) ? 0 : -EINVAL;
		}
		if (fault_at(FAULT_READDIR_TWICE))
			(void)list_entry(l, d);
		dir->at += d->d_reclen;
		dir->position = (uint64_t)d->d_off;
	}
}

int dir_read(struct fs_call *c, uint64_t fh, size_t size, uint64_t offset, bool plus)
{
	CLEANUP(handle_putp) struct handle *h = NULL;
	struct listing l = {
		.c = c,
		.plus = plus,
		.out = (uint8_t *)c->w->out,
		.room = sizeof(c->w->out),
	};
	int e = call_handle(c, fh, &h);

	if (e < 0)
		return e;
	if (!S_ISDIR(h->node->type))
		return -ENOTDIR;
	if (offset > INT64_MAX)
		return -EINVAL;
	l.h = h;
	if (l.room > size && !fault_at(FAULT_READDIR_OVERFULL))
		l.room = size;
	if (l.room > reply_room(c))
		l.room = reply_room(c);
	(void)pthread_mutex_lock(&h->dir_lock);
	e = list_from(&l, offset);
	(void)pthread_mutex_unlock(&h->dir_lock);
	return e < 0 ? e : reply_data(c, l.out, l.used);
}
