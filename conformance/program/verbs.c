// SPDX-License-Identifier: Apache-2.0
/* The verbs: one row for each opcode of FUSE, with the fields of its message, and one for all else that is done. */
#include "conformance/program/program.h"

#include "conformance/wire/virtio_fs.h"

#include <string.h>

#define AT(type, field, name_, base_)                                                 \
	{                                                                             \
		.name = (name_), .place = PLACE_ARG, .offset = offsetof(type, field), \
		.width = sizeof(((type *)0)->field), .base = (base_)                  \
	}
#define DEC(type, field) AT(type, field, #field, BASE_DEC)
#define HEX(type, field) AT(type, field, #field, BASE_HEX)
#define OCT(type, field) AT(type, field, #field, BASE_OCT)
#define SIZE_OF_TAIL(type, field)                                                    \
	{                                                                            \
		.name = #field, .place = PLACE_ARG, .offset = offsetof(type, field), \
		.width = sizeof(((type *)0)->field), .size_of_tail = true            \
	}
#define NAME(name_)                                                        \
	{                                                                  \
		.name = (name_), .takes = TAKES_BYTES, .place = PLACE_NAME \
	}
#define TAIL(name_)                                                        \
	{                                                                  \
		.name = (name_), .takes = TAKES_BYTES, .place = PLACE_TAIL \
	}
#define HOW(name_)                          \
	{                                   \
		.name = (name_), .width = 8 \
	}
#define HOW_HEX(name_)                                        \
	{                                                     \
		.name = (name_), .width = 8, .base = BASE_HEX \
	}
#define HOW_BYTES(name_)                              \
	{                                             \
		.name = (name_), .takes = TAKES_BYTES \
	}
#define HOW_WORDS(name_, words_)                                                                 \
	{                                                                                        \
		.name = (name_), .width = 8, .words = (words_), .word_count = ARRAY_SIZE(words_) \
	}
#define IN_HEADER(field, base_)                                                       \
	{                                                                             \
		.name = #field, .place = PLACE_HEADER,                                \
		.offset = offsetof(struct fuse_in_header, field),                     \
		.width = sizeof(((struct fuse_in_header *)0)->field), .base = (base_) \
	}

static const char *const chain_words[] = { "auto", "direct", "indirect" };
static const char *const fd_words[] = { "none", "event", "memory", "socket", "null" };
static const char *const request_words[] = {
	[1] = "GET_FEATURES",
	[2] = "SET_FEATURES",
	[3] = "SET_OWNER",
	[4] = "RESET_OWNER",
	[5] = "SET_MEM_TABLE",
	[6] = "SET_LOG_BASE",
	[7] = "SET_LOG_FD",
	[8] = "SET_VRING_NUM",
	[9] = "SET_VRING_ADDR",
	[10] = "SET_VRING_BASE",
	[11] = "GET_VRING_BASE",
	[12] = "SET_VRING_KICK",
	[13] = "SET_VRING_CALL",
	[14] = "SET_VRING_ERR",
	[15] = "GET_PROTOCOL_FEATURES",
	[16] = "SET_PROTOCOL_FEATURES",
	[17] = "GET_QUEUE_NUM",
	[18] = "SET_VRING_ENABLE",
	[21] = "SET_BACKEND_REQ_FD",
	[24] = "GET_CONFIG",
	[25] = "SET_CONFIG",
	[31] = "GET_INFLIGHT_FD",
	[32] = "SET_INFLIGHT_FD",
	[34] = "RESET_DEVICE",
	[36] = "GET_MAX_MEM_SLOTS",
	[37] = "ADD_MEM_REG",
	[38] = "REM_MEM_REG",
	[39] = "SET_STATUS",
	[40] = "GET_STATUS",
	[42] = "SET_DEVICE_STATE_FD",
	[43] = "CHECK_DEVICE_STATE",
	[44] = "GET_SHMEM_CONFIG",
};

/* Of every request. */
static const struct program_param common[] = {
	IN_HEADER(nodeid, BASE_DEC),
	IN_HEADER(uid, BASE_DEC),
	IN_HEADER(gid, BASE_DEC),
	IN_HEADER(pid, BASE_DEC),
	IN_HEADER(len, BASE_DEC),
	IN_HEADER(opcode, BASE_DEC),
	IN_HEADER(unique, BASE_DEC),
	HOW("queue"),
	HOW("room"),
	HOW("cut"),
	HOW("pieces"),
	HOW("out_pieces"),
	HOW("later"),
	HOW_WORDS("chain", chain_words),
	TAIL("more"),
};

#define P(id, ...) static const struct program_param params_##id[] = { __VA_ARGS__ }

P(name, NAME("name"));
P(forget, DEC(struct fuse_forget_in, nlookup));
P(batch, DEC(struct fuse_batch_forget_in, count), TAIL("list"));
P(getattr, HEX(struct fuse_getattr_in, getattr_flags), DEC(struct fuse_getattr_in, fh));
P(setattr, HEX(struct fuse_setattr_in, valid), DEC(struct fuse_setattr_in, fh),
  DEC(struct fuse_setattr_in, size), DEC(struct fuse_setattr_in, lock_owner),
  DEC(struct fuse_setattr_in, atime), DEC(struct fuse_setattr_in, mtime),
  DEC(struct fuse_setattr_in, ctime), DEC(struct fuse_setattr_in, atimensec),
  DEC(struct fuse_setattr_in, mtimensec), DEC(struct fuse_setattr_in, ctimensec),
  OCT(struct fuse_setattr_in, mode), AT(struct fuse_setattr_in, uid, "owner", BASE_DEC),
  AT(struct fuse_setattr_in, gid, "group", BASE_DEC));
P(symlink, NAME("name"), NAME("target"));
P(mknod, OCT(struct fuse_mknod_in, mode), HEX(struct fuse_mknod_in, rdev),
  OCT(struct fuse_mknod_in, umask), NAME("name"));
P(mkdir, OCT(struct fuse_mkdir_in, mode), OCT(struct fuse_mkdir_in, umask), NAME("name"));
P(rename, DEC(struct fuse_rename_in, newdir), NAME("name"), NAME("newname"));
P(rename2, DEC(struct fuse_rename2_in, newdir), HEX(struct fuse_rename2_in, flags), NAME("name"),
  NAME("newname"));
P(link, DEC(struct fuse_link_in, oldnodeid), NAME("name"));
P(open, HEX(struct fuse_open_in, flags), HEX(struct fuse_open_in, open_flags));
P(create, HEX(struct fuse_create_in, flags), OCT(struct fuse_create_in, mode),
  OCT(struct fuse_create_in, umask), HEX(struct fuse_create_in, open_flags), NAME("name"));
P(read, DEC(struct fuse_read_in, fh), DEC(struct fuse_read_in, offset),
  DEC(struct fuse_read_in, size), HEX(struct fuse_read_in, read_flags),
  DEC(struct fuse_read_in, lock_owner), HEX(struct fuse_read_in, flags));
P(write, DEC(struct fuse_write_in, fh), DEC(struct fuse_write_in, offset),
  SIZE_OF_TAIL(struct fuse_write_in, size), HEX(struct fuse_write_in, write_flags),
  DEC(struct fuse_write_in, lock_owner), HEX(struct fuse_write_in, flags), TAIL("data"));
P(release, DEC(struct fuse_release_in, fh), HEX(struct fuse_release_in, flags),
  HEX(struct fuse_release_in, release_flags), DEC(struct fuse_release_in, lock_owner));
P(flush, DEC(struct fuse_flush_in, fh), DEC(struct fuse_flush_in, lock_owner));
P(fsync, DEC(struct fuse_fsync_in, fh), HEX(struct fuse_fsync_in, fsync_flags));
P(setxattr, SIZE_OF_TAIL(struct fuse_setxattr_in, size), HEX(struct fuse_setxattr_in, flags),
  NAME("name"), TAIL("value"));
P(getxattr, DEC(struct fuse_getxattr_in, size), NAME("name"));
P(listxattr, DEC(struct fuse_getxattr_in, size));
P(lock, DEC(struct fuse_lk_in, fh), DEC(struct fuse_lk_in, owner),
  AT(struct fuse_lk_in, lk.start, "from", BASE_DEC), AT(struct fuse_lk_in, lk.end, "to", BASE_DEC),
  AT(struct fuse_lk_in, lk.type, "type", BASE_DEC), AT(struct fuse_lk_in, lk.pid, "by", BASE_DEC),
  HEX(struct fuse_lk_in, lk_flags));
P(access, HEX(struct fuse_access_in, mask));
P(init, DEC(struct fuse_init_in, major), DEC(struct fuse_init_in, minor),
  DEC(struct fuse_init_in, max_readahead), HEX(struct fuse_init_in, flags),
  HEX(struct fuse_init_in, flags2));
P(interrupt, AT(struct fuse_interrupt_in, unique, "whose", BASE_DEC));
P(bmap, DEC(struct fuse_bmap_in, block), DEC(struct fuse_bmap_in, blocksize));
P(ioctl, DEC(struct fuse_ioctl_in, fh), HEX(struct fuse_ioctl_in, flags),
  HEX(struct fuse_ioctl_in, cmd), DEC(struct fuse_ioctl_in, arg),
  DEC(struct fuse_ioctl_in, in_size), DEC(struct fuse_ioctl_in, out_size), TAIL("data"));
P(poll, DEC(struct fuse_poll_in, fh), DEC(struct fuse_poll_in, kh), HEX(struct fuse_poll_in, flags),
  HEX(struct fuse_poll_in, events));
P(fallocate, DEC(struct fuse_fallocate_in, fh), DEC(struct fuse_fallocate_in, offset),
  DEC(struct fuse_fallocate_in, length), HEX(struct fuse_fallocate_in, mode));
P(lseek, DEC(struct fuse_lseek_in, fh), DEC(struct fuse_lseek_in, offset),
  DEC(struct fuse_lseek_in, whence));
P(copy, DEC(struct fuse_copy_file_range_in, fh_in), DEC(struct fuse_copy_file_range_in, off_in),
  DEC(struct fuse_copy_file_range_in, nodeid_out), DEC(struct fuse_copy_file_range_in, fh_out),
  DEC(struct fuse_copy_file_range_in, off_out),
  AT(struct fuse_copy_file_range_in, len, "bytes", BASE_DEC),
  HEX(struct fuse_copy_file_range_in, flags));
P(setupmapping, DEC(struct fuse_setupmapping_in, fh), DEC(struct fuse_setupmapping_in, foffset),
  AT(struct fuse_setupmapping_in, len, "bytes", BASE_DEC), HEX(struct fuse_setupmapping_in, flags),
  DEC(struct fuse_setupmapping_in, moffset));
P(removemapping, DEC(struct fuse_removemapping_in, count), TAIL("list"));
P(statx, HEX(struct fuse_statx_request, getattr_flags), DEC(struct fuse_statx_request, fh),
  HEX(struct fuse_statx_request, sx_flags), HEX(struct fuse_statx_request, sx_mask));

P(bytes, HOW_BYTES("bytes"), HOW("queue"), HOW("room"), HOW("pieces"), HOW("out_pieces"),
  HOW_WORDS("chain", chain_words), HOW("later"));
P(memory, HOW("buffer"), HOW("size"), HOW_BYTES("bytes"));
P(poke, HOW_HEX("at"), HOW_BYTES("bytes"));
P(descriptor, HOW("queue"), HOW("index"), HOW_HEX("addr"), HOW("len"), HOW_HEX("flags"),
  HOW("next"));
P(offer, HOW("queue"), HOW("head"));
P(index, HOW("queue"), HOW("plus"), HOW("value"));
P(queue, HOW("queue"));
P(message, HOW_WORDS("request", request_words), HOW_HEX("flags"), HOW("size"), HOW_BYTES("bytes"),
  HOW_WORDS("fd", fd_words), HOW("fds"));
P(wait, HOW("ms"));
P(host_file, HOW_BYTES("name"), HOW_BYTES("bytes"),
  { .name = "mode", .width = 8, .base = BASE_OCT });
P(host_write, HOW_BYTES("name"), HOW("offset"), HOW_BYTES("bytes"));
P(host_truncate, HOW_BYTES("name"), HOW("size"));
P(host_mkdir, HOW_BYTES("name"), { .name = "mode", .width = 8, .base = BASE_OCT });
P(host_symlink, HOW_BYTES("name"), HOW_BYTES("target"));
P(host_rename, HOW_BYTES("name"), HOW_BYTES("newname"));
P(host_remove, HOW_BYTES("name"));

#define ENTRY	sizeof(struct fuse_entry_out)
#define ATTR	sizeof(struct fuse_attr_out)
#define OPENED	sizeof(struct fuse_open_out)
#define WRITTEN sizeof(struct fuse_write_out)
#define GIVES_N (1 << PROGRAM_NODE)
#define GIVES_F (1 << PROGRAM_HANDLE)
#define TARGET	4096 /* PATH_MAX of Linux */

#define WITH(id) .param = params_##id, .param_count = ARRAY_SIZE(params_##id)
#define OP(name_, arg_, out_, ...)                                                         \
	{                                                                                  \
		.name = #name_, .opcode = FUSE_##name_, .arg_size = (arg_), .out = (out_), \
		__VA_ARGS__                                                                \
	}
#define SIZED .out_is_size = true
#define DO(name_, act_, id, help_)                                        \
	{                                                                 \
		.name = (name_), .act = (act_), .help = (help_), WITH(id) \
	}
#define DO_PLAIN(name_, act_, help_)                            \
	{                                                       \
		.name = (name_), .act = (act_), .help = (help_) \
	}

static const struct program_verb verbs[] = {
	OP(LOOKUP, 0, ENTRY, .gives = GIVES_N, WITH(name)),
	OP(FORGET, sizeof(struct fuse_forget_in), 0, .no_reply = true, WITH(forget)),
	OP(GETATTR, sizeof(struct fuse_getattr_in), ATTR, WITH(getattr)),
	OP(SETATTR, sizeof(struct fuse_setattr_in), ATTR, WITH(setattr)),
	OP(READLINK, 0, TARGET),
	OP(SYMLINK, 0, ENTRY, .gives = GIVES_N, WITH(symlink)),
	OP(MKNOD, sizeof(struct fuse_mknod_in), ENTRY, .gives = GIVES_N, WITH(mknod)),
	OP(MKDIR, sizeof(struct fuse_mkdir_in), ENTRY, .gives = GIVES_N, WITH(mkdir)),
	OP(UNLINK, 0, 0, WITH(name)),
	OP(RMDIR, 0, 0, WITH(name)),
	OP(RENAME, sizeof(struct fuse_rename_in), 0, WITH(rename)),
	OP(LINK, sizeof(struct fuse_link_in), ENTRY, .gives = GIVES_N, WITH(link)),
	OP(OPEN, sizeof(struct fuse_open_in), OPENED, .gives = GIVES_F, WITH(open)),
	OP(READ, sizeof(struct fuse_read_in), 0, SIZED, WITH(read)),
	OP(WRITE, sizeof(struct fuse_write_in), WRITTEN, WITH(write)),
	OP(STATFS, 0, sizeof(struct fuse_statfs_out)),
	OP(RELEASE, sizeof(struct fuse_release_in), 0, WITH(release)),
	OP(FSYNC, sizeof(struct fuse_fsync_in), 0, WITH(fsync)),
	/* Without SETXATTR_EXT. */
	OP(SETXATTR, FUSE_COMPAT_SETXATTR_IN_SIZE, 0, WITH(setxattr)),
	OP(GETXATTR, sizeof(struct fuse_getxattr_in), sizeof(struct fuse_getxattr_out), SIZED,
	   WITH(getxattr)),
	OP(LISTXATTR, sizeof(struct fuse_getxattr_in), sizeof(struct fuse_getxattr_out), SIZED,
	   WITH(listxattr)),
	OP(REMOVEXATTR, 0, 0, WITH(name)),
	OP(FLUSH, sizeof(struct fuse_flush_in), 0, WITH(flush)),
	OP(INIT, sizeof(struct fuse_init_in), sizeof(struct fuse_init_out), WITH(init)),
	OP(OPENDIR, sizeof(struct fuse_open_in), OPENED, .gives = GIVES_F, WITH(open)),
	OP(READDIR, sizeof(struct fuse_read_in), 0, SIZED, WITH(read)),
	OP(RELEASEDIR, sizeof(struct fuse_release_in), 0, WITH(release)),
	OP(FSYNCDIR, sizeof(struct fuse_fsync_in), 0, WITH(fsync)),
	OP(GETLK, sizeof(struct fuse_lk_in), sizeof(struct fuse_lk_out), WITH(lock)),
	OP(SETLK, sizeof(struct fuse_lk_in), 0, WITH(lock)),
	OP(SETLKW, sizeof(struct fuse_lk_in), 0, WITH(lock)),
	OP(ACCESS, sizeof(struct fuse_access_in), 0, WITH(access)),
	OP(CREATE, sizeof(struct fuse_create_in), ENTRY + OPENED, .gives = GIVES_N | GIVES_F,
	   WITH(create)),
	OP(INTERRUPT, sizeof(struct fuse_interrupt_in), 0, WITH(interrupt)),
	OP(BMAP, sizeof(struct fuse_bmap_in), sizeof(struct fuse_bmap_out), WITH(bmap)),
	OP(DESTROY, 0, 0),
	OP(IOCTL, sizeof(struct fuse_ioctl_in), sizeof(struct fuse_ioctl_out), WITH(ioctl)),
	OP(POLL, sizeof(struct fuse_poll_in), sizeof(struct fuse_poll_out), WITH(poll)),
	OP(BATCH_FORGET, sizeof(struct fuse_batch_forget_in), 0, .no_reply = true, WITH(batch)),
	OP(FALLOCATE, sizeof(struct fuse_fallocate_in), 0, WITH(fallocate)),
	OP(READDIRPLUS, sizeof(struct fuse_read_in), 0, SIZED, WITH(read)),
	OP(RENAME2, sizeof(struct fuse_rename2_in), 0, WITH(rename2)),
	OP(LSEEK, sizeof(struct fuse_lseek_in), sizeof(struct fuse_lseek_out), WITH(lseek)),
	OP(COPY_FILE_RANGE, sizeof(struct fuse_copy_file_range_in), WRITTEN, WITH(copy)),
	OP(SETUPMAPPING, sizeof(struct fuse_setupmapping_in), 0, WITH(setupmapping)),
	OP(REMOVEMAPPING, sizeof(struct fuse_removemapping_in), 0, WITH(removemapping)),
	OP(SYNCFS, sizeof(struct fuse_syncfs_in), 0),
	OP(TMPFILE, sizeof(struct fuse_create_in), ENTRY + OPENED, .gives = GIVES_N | GIVES_F,
	   WITH(create)),
	{ .name = "STATX",
	  .opcode = FUSE_OP_STATX,
	  .arg_size = sizeof(struct fuse_statx_request),
	  .out = sizeof(struct fuse_statx_reply),
	  WITH(statx) },
	DO("request", ACT_BYTES, bytes, "a message of FUSE as bytes, its header included"),
	DO("memory", ACT_MEMORY, memory,
	   "buffer bN of the guest's memory, with canaries around it"),
	DO("poke", ACT_POKE, poke, "write guest memory, rings included"),
	DO("descriptor", ACT_DESCRIPTOR, descriptor,
	   "write a descriptor of a ring; packed: next is its id"),
	DO("offer", ACT_OFFER, offer, "put a head into the available ring"),
	DO("index", ACT_INDEX, index,
	   "available index of a split ring: to a value, or forward by `plus`"),
	DO("kick", ACT_KICK, queue, "publish, kick, and look for a moment what comes of it"),
	DO("message", ACT_MESSAGE, message, "a vhost-user message; `size` may say anything"),
	DO("wait", ACT_WAIT, wait, "for requests that were sent with later=1, or for so many ms"),
	DO_PLAIN("stop", ACT_STOP, "GET_VRING_BASE of each ring"),
	DO_PLAIN("start", ACT_START, "memory, rings, enable; goes on where they were stopped"),
	DO_PLAIN("reset", ACT_RESET, "by SET_STATUS or RESET_DEVICE"),
	DO_PLAIN("reconnect", ACT_RECONNECT, "hang up, connect, negotiate, start"),
	DO("host-file", ACT_HOST_FILE, host_file, "the host makes a file in the share"),
	DO("host-write", ACT_HOST_WRITE, host_write, "the host writes into one"),
	DO("host-truncate", ACT_HOST_TRUNCATE, host_truncate, "the host changes its size"),
	DO("host-mkdir", ACT_HOST_MKDIR, host_mkdir, "the host makes a folder"),
	DO("host-symlink", ACT_HOST_SYMLINK, host_symlink, "the host makes a symbolic link"),
	DO("host-rename", ACT_HOST_RENAME, host_rename, "the host renames"),
	DO("host-remove", ACT_HOST_REMOVE, host_remove,
	   "the host removes a file, or a folder that is empty"),
};

const struct program_verb *program_verbs(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(verbs);
	return verbs;
}

static bool is_named(const char *name, const char *text, size_t size)
{
	return strlen(name) == size && memcmp(name, text, size) == 0;
}

const struct program_verb *program_verb_find(const char *name, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (is_named(verbs[i].name, name, size))
			return &verbs[i];
	return NULL;
}

const struct program_verb *program_verb_of_opcode(uint32_t opcode)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (verbs[i].act == ACT_REQUEST && verbs[i].opcode == opcode)
			return &verbs[i];
	return NULL;
}

static const struct program_param *find(const struct program_param *list, size_t count,
					const char *name, size_t size)
{
	for (size_t i = 0; i < count; i++)
		if (is_named(list[i].name, name, size))
			return &list[i];
	return NULL;
}

const struct program_param *program_param_find(const struct program_verb *v, const char *name,
					       size_t size)
{
	const struct program_param *p = find(v->param, v->param_count, name, size);

	return p || v->act != ACT_REQUEST ? p : find(common, ARRAY_SIZE(common), name, size);
}
