// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/library.h"

#include "conformance/ref/fault/fault.h"
#include "conformance/ref/fs/fs.h"
#include "conformance/ref/fs/ops.h"
#include "conformance/ref/log.h"

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 12)
#include <fcntl.h>
#include <fuse3/fuse_lowlevel.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>

static struct fs_call *call_of(fuse_req_t req)
{
	struct fs_call *c = worker_peek()->call;

	c->library = req;
	return c;
}

/* Every callback ends here. @e: as fs_op's run() returns it. */
static void end(struct fs_call *c, int e)
{
	fuse_req_t req = c->library;

	if (!req)
		return;
	c->library = NULL;
	(void)fuse_reply_err(req, -e);
}

/* FUSE arguments go to the handlers as libfuse decoded them; see ops.h for what they are. */

static void lib_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
			struct fuse_file_info *fi)
{
	struct fs_call *c = call_of(req);

	(void)attr;
	(void)to_set; /* both lose FATTR_KILL_SUIDGID and nanoseconds out of range: the message is read itself */
	end(c, attr_set(c, ino, fi ? &fi->fh : NULL));
}

static void lib_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct fs_call *c = call_of(req);

	end(c, name_readlink(c, ino));
}

static void lib_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct fs_call *c = call_of(req);

	end(c, make_node(c, parent, name, mode, rdev, fuse_req_ctx(req)->umask));
}

static void lib_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct fs_call *c = call_of(req);

	end(c, make_dir(c, parent, name, mode, fuse_req_ctx(req)->umask));
}

static void lib_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct fs_call *c = call_of(req);

	end(c, make_symlink(c, parent, name, target));
}

static void lib_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct fs_call *c = call_of(req);

	end(c, make_link(c, ino, parent, name));
}

static void lib_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs_call *c = call_of(req);

	end(c, name_remove(c, parent, name, 0));
}

static void lib_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs_call *c = call_of(req);

	end(c, name_remove(c, parent, name, AT_REMOVEDIR));
}

static void lib_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		       const char *new_name, unsigned flags)
{
	struct fs_call *c = call_of(req);

	end(c, name_rename(c, parent, name, new_parent, new_name, flags));
}

static void lib_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs_call *c = call_of(req);

	end(c, file_open(c, ino, fi->flags));
}

static void lib_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		       struct fuse_file_info *fi)
{
	struct fs_call *c = call_of(req);

	end(c, file_create(c, parent, name, mode, fuse_req_ctx(req)->umask, fi->flags));
}

static void lib_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs_call *c = call_of(req);

	if (fault_armed(FAULT_MAP_DIES))
		map_release(c, ino);
	if (fault_at(FAULT_RELEASE_KEEPS))
		end(c, 0);
	else
		end(c, handle_drop(&c->conn->handles, fi->fh, ino));
}

static void lib_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs_call *c = call_of(req);

	(void)ino;
	end(c, file_flush(c, fi->fh));
}

static void lib_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct fs_call *c = call_of(req);

	(void)ino;
	end(c, file_sync(c, fi->fh, datasync));
}

static void lib_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
			  struct fuse_file_info *fi)
{
	struct fs_call *c = call_of(req);

	(void)ino;
	end(c, file_allocate(c, fi->fh, mode, offset, length));
}

static void lib_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence,
		      struct fuse_file_info *fi)
{
	struct fs_call *c = call_of(req);

	(void)ino;
	end(c, file_seek(c, fi->fh, offset, whence));
}

static void lib_copy(fuse_req_t req, fuse_ino_t ino, off_t offset, struct fuse_file_info *fi,
		     fuse_ino_t ino_out, off_t offset_out, struct fuse_file_info *fi_out,
		     size_t size, int flags)
{
	struct fs_call *c = call_of(req);

	(void)ino;
	end(c, file_copy(c, fi->fh, offset, ino_out, fi_out->fh, offset_out, size, flags));
}

static void lib_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct fs_call *c = call_of(req);

	end(c, fs_statfs(c, ino));
}

static void lib_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	struct fs_call *c = call_of(req);

	end(c, attr_access(c, ino, mask));
}

static void lib_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs_call *c = call_of(req);

	(void)fi;
	end(c, dir_open(c, ino));
}

static void lib_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
			struct fuse_file_info *fi)
{
	struct fs_call *c = call_of(req);

	(void)ino;
	end(c, dir_read(c, fi->fh, size, (uint64_t)offset, false));
}

static void lib_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
			    struct fuse_file_info *fi)
{
	struct fs_call *c = call_of(req);

	(void)ino;
	end(c, dir_read(c, fi->fh, size, (uint64_t)offset, true));
}

static void lib_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct fs_call *c = call_of(req);

	end(c, xattr_get(c, ino, name, size));
}

static void lib_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct fs_call *c = call_of(req);

	end(c, xattr_list(c, ino, size));
}

static void lib_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct fs_call *c = call_of(req);

	end(c, xattr_remove(c, ino, name));
}

static const struct fuse_lowlevel_ops lib_ops = {
	.setattr = lib_setattr,
	.readlink = lib_readlink,
	.mknod = lib_mknod,
	.mkdir = lib_mkdir,
	.unlink = lib_unlink,
	.rmdir = lib_rmdir,
	.symlink = lib_symlink,
	.rename = lib_rename,
	.link = lib_link,
	.open = lib_open,
	.release = lib_release,
	.flush = lib_flush,
	.fsync = lib_fsync,
	.opendir = lib_opendir,
	.readdir = lib_readdir,
	.releasedir = lib_release,
	.fsyncdir = lib_fsync,
	.statfs = lib_statfs,
	.getxattr = lib_getxattr,
	.listxattr = lib_listxattr,
	.removexattr = lib_removexattr,
	.access = lib_access,
	.create = lib_create,
	.fallocate = lib_fallocate,
	.readdirplus = lib_readdirplus,
	.copy_file_range = lib_copy,
	.lseek = lib_lseek,
};

/* libfuse's reply. A negative result would make it print; what is wrong becomes an error of the call instead. */
static ssize_t lib_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct worker *w = worker_peek();
	struct fs_call *c = w ? w->call : NULL;
	struct fuse_out_header h = { 0 };
	size_t total = 0;

	(void)fd;
	(void)userdata;
	for (int i = 0; i < count; i++)
		total += iov[i].iov_len;
	if (count > 0 && iov[0].iov_len == sizeof(h))
		h = *(const struct fuse_out_header *)iov[0].iov_base;
	if (c && h.unique == c->in.unique && h.len == total)
		reply_pieces(c, iov, count);
	return (ssize_t)total;
}

/* Requests are handed over, never fetched. */
static ssize_t lib_read(int fd, void *data, size_t size, void *userdata)
{
	(void)fd;
	(void)data;
	(void)size;
	(void)userdata;
	errno = ENOTSUP;
	return -1;
}

static void PRINTF_LIKE(2, 0) lib_log(enum fuse_log_level level, const char *fmt, va_list args)
{
	char text[256];

	(void)vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\n")] = '\0';
	ref_log(level <= FUSE_LOG_ERR ? REF_LOG_WARN : REF_LOG_DEBUG, "libfuse: %s", text);
}

static void set_log(void)
{
	fuse_set_log_func(lib_log);
}

int library_run(struct fs_call *c)
{
	struct fuse_buf buf = {
		.size = c->in.len,
		.mem = c->w->in,
	};

	fuse_session_process_buf(c->conn->library, &buf);
	return c->replied ? 0 : -EIO;
}

/* It wants to see an INIT; what is agreed with the guest is none of its business, so nothing is offered to it. */
static void feed_init(struct fuse_session *se, uint32_t minor)
{
	struct {
		struct fuse_in_header head;
		struct fuse_init_in init;
	} m = {
		.head.len = sizeof(m),
		.head.opcode = FUSE_INIT,
		.head.unique = 1,
		.init.major = FUSE_KERNEL_VERSION,
		.init.minor = minor < FUSE_KERNEL_MINOR_VERSION ? minor : FUSE_KERNEL_MINOR_VERSION,
	};
	struct fuse_buf buf = {
		.size = sizeof(m),
		.mem = &m,
	};

	fuse_session_process_buf(se, &buf);
}

int library_open(uint32_t minor, struct fuse_session **ret)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	static const struct fuse_custom_io io = {
		.writev = lib_writev,
		.read = lib_read,
	};
	char name[] = "virtiofs-refdev";
	char *argv[] = { name, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct worker *w = worker_peek();
	struct fs_call *call = w->call;
	struct fuse_session *se;
	int fd;

	(void)pthread_once(&once, set_log);
	se = fuse_session_new(&args, &lib_ops, sizeof(lib_ops), NULL);
	fuse_opt_free_args(&args);
	if (!se)
		return -ENOMEM;
	/* It insists on a descriptor, and closes it in the end. Nothing is ever read from or written to it. */
	fd = eventfd(0, EFD_CLOEXEC);
	if (fd < 0 || fuse_session_custom_io(se, &io, fd) != 0) {
		fd_closep(&fd);
		fuse_session_destroy(se);
		return -EMFILE;
	}
	w->call = NULL; /* that reply is nobody's */
	feed_init(se, minor);
	w->call = call;
	*ret = se;
	return 0;
}

const char *ref_fs_library(void)
{
	return fuse_pkgversion();
}

void library_close(struct fuse_session *se)
{
	if (se)
		fuse_session_destroy(se);
}
