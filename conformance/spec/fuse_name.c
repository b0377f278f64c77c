// SPDX-License-Identifier: Apache-2.0
/* What opcodes do with names and folders: as POSIX has it, seen through a device. */
#include "conformance/spec/rows.h"

/* Z. Names and folders */
/* clang-format off */
static const struct spec_row name_rows[] = {
	ROW("FUSE-NAME-001", DEFACTO, DEVICE, D,
	    "FUSE 7.45, FUSE_LOOKUP and likewise; POSIX.1-2017, pathname resolution",
	    "A name is one component of a path, of any bytes but \"/\" and NUL, and as long as the "
	    "host has it. One that is empty or has a \"/\", and \".\" and \"..\" where something is "
	    "made, moved or removed, is an error, a longer one ENAMETOOLONG; nothing comes of it.",
	    "A path is walked; names are cut", .derived = true),
	ROW("FUSE-NAME-002", DEFACTO, DEVICE, D,
	    "FUSE 7.45, FUSE_MKDIR and likewise; POSIX.1-2017, mkdir(), mknod() and link()",
	    "CREATE, MKDIR, MKNOD, SYMLINK and LINK make what was asked for, under a free name of a "
	    "folder. A name that is there is EEXIST (of CREATE with O_EXCL), a parent that is no "
	    "folder ENOTDIR, and nothing changes.",
	    "Something is replaced; a FIFO becomes a file", .derived = true),
	ROW("FUSE-NAME-003", DEFACTO, DEVICE, D,
	    "FUSE 7.45, FUSE_UNLINK and FUSE_RMDIR; POSIX.1-2017, unlink() and rmdir()",
	    "UNLINK removes any name but a folder's, RMDIR an empty folder's, whether it was looked "
	    "up before or not. What is not there is ENOENT, what is of the other kind ENOTDIR, EISDIR "
	    "or EPERM, a full folder ENOTEMPTY or EEXIST.",
	    "EIO for what was not looked up; a full folder goes", .derived = true),
	ROW("FUSE-NAME-004", DEFACTO, DEVICE, D,
	    "FUSE 7.45, FUSE_RENAME and FUSE_RENAME2; POSIX.1-2017, rename(); Linux, rename(2)",
	    "RENAME and LINK do what the host's calls do, with their errors, whether the names were "
	    "looked up before or not; flags of RENAME2 hold, and those that do not exist or exclude "
	    "each other are EINVAL.",
	    "NOREPLACE replaces; unknown flags are passed over", .derived = true),
	ROW("FUSE-NAME-005", DEFACTO, DEVICE, D,
	    "FUSE 7.45, FUSE_SYMLINK and FUSE_READLINK; POSIX.1-2017, symlink() and readlink()",
	    "The target of a symbolic link is a text that is kept byte by byte. None at all, more "
	    "than PATH_MAX, and READLINK of what is no link are errors.",
	    "The last byte is lost", .derived = true),
	ROW("FUSE-NAME-006", DEFACTO, DEVICE, D, "FUSE 7.45, FUSE_READDIR; POSIX.1-2017, readdir()",
	    "A listing has each entry once, with the host's inode number and its type (or none), in "
	    "answers that are never larger than was asked for. It goes on behind the entry whose "
	    "offset is given, begins anew at 0, and each handle has a place of its own. What comes "
	    "and goes meanwhile may be in it; a removed folder is empty.",
	    "An entry is lost at the end of an answer; the offset is ignored", .derived = true),
	ROW("FUSE-NAME-007", SHOULD, DEVICE, D, "Linux, getdents(2)",
	    "READDIR and READDIRPLUS with less room than the next entry needs are EINVAL: an empty "
	    "answer would be the end of the folder.",
	    "An empty answer", .derived = true),
};
/* clang-format on */

const struct spec_section spec_section_name = {
	.letter = "Z",
	.prefix = "FUSE-NAME",
	.title = "names and folders",
	.rows = name_rows,
	.count = ARRAY_SIZE(name_rows),
};
