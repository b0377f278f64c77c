// SPDX-License-Identifier: Apache-2.0
/* What the opcodes on open files do: no document says it, but each client counts on the host's own calls. */
#include "conformance/spec/rows.h"

/* clang-format off */
static const struct spec_row file_rows[] = {
	ROW("FUSE-FILE-001", DEFACTO, DEVICE, D, "FUSE 7.45, FUSE_OPEN; POSIX.1-2017, open()",
	    "OPEN and CREATE give a handle that can do what its flags ask for and not more; flags "
	    "of open(2) that Linux passes on do not make it fail.",
	    "A handle opened to read can be written; O_NOFOLLOW is taken literally",
	    .derived = true),
	ROW("FUSE-FILE-002", DEFACTO, DEVICE, D, "FUSE 7.45, FUSE_READ; POSIX.1-2017, read()",
	    "READ answers the bytes that the host's file has at that offset now; holes are zeros.",
	    "Old bytes; another offset", .derived = true),
	ROW("FUSE-FILE-003", DEFACTO, DEVICE, D, "FUSE 7.45, FUSE_WRITE; POSIX.1-2017, write()",
	    "WRITE changes the bytes that it names and no others, says how many it changed, and "
	    "hands on why it could not.",
	    "A part is told as the whole; ENOSPC is lost", .derived = true),
	ROW("FUSE-FILE-004", DEFACTO, DEVICE, D,
	    "FUSE 7.45, FUSE_FLUSH and FUSE_FSYNC; POSIX.1-2017, fsync()",
	    "FLUSH, FSYNC and FSYNCDIR answer what the host's call did, on any open handle.",
	    "Success without a call", .derived = true),
	ROW("FUSE-FILE-005", DEFACTO, DEVICE, D, "FUSE 7.45, FUSE_FALLOCATE; Linux, fallocate(2)",
	    "FALLOCATE does what its mode says, or fails and changes nothing.",
	    "The mode is ignored", .derived = true),
	ROW("FUSE-FILE-006", DEFACTO, DEVICE, D, "FUSE 7.45, FUSE_LSEEK; Linux, lseek(2)",
	    "LSEEK never skips data when it looks for data, nor finds a hole where there is data.",
	    "SEEK_DATA and SEEK_HOLE are exchanged", .derived = true),
	ROW("FUSE-FILE-007", DEFACTO, DEVICE, D,
	    "FUSE 7.45, FUSE_COPY_FILE_RANGE; Linux, copy_file_range(2)",
	    "COPY_FILE_RANGE copies as many bytes as it says, from and to where it was told.",
	    "The copy never happens", .derived = true),
	ROW("FUSE-FILE-008", DEFACTO, DEVICE, D, "FUSE 7.45, FUSE_STATFS; POSIX.1-2017, fstatvfs()",
	    "STATFS answers the figures of the host's file system.",
	    "Zeros: the guest believes that the disk is full", .derived = true),
	ROW("FUSE-FILE-009", DEFACTO, DEVICE, D,
	    "FUSE 7.45, FATTR_SIZE; POSIX.1-2017, ftruncate()",
	    "SETATTR with a size cuts or extends with zeros, and its answer has that size; where "
	    "it fails nothing changes.",
	    "The size stays", .derived = true),
	ROW("FUSE-FILE-010", DEFACTO, DEVICE, D, "FUSE 7.45, FUSE_RELEASE; POSIX.1-2017, unlink()",
	    "A handle works until its RELEASE whatever becomes of the name, and costs the host "
	    "nothing after it.",
	    "RELEASE keeps the descriptor", .derived = true),
};
/* clang-format on */

const struct spec_section spec_section_file = {
	.letter = "X",
	.prefix = "FUSE-FILE",
	.title = "operations on open files",
	.rows = file_rows,
	.count = ARRAY_SIZE(file_rows),
};
