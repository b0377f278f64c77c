// SPDX-License-Identifier: Apache-2.0
/* Attributes, owners, extended attributes and locks: no document says it, but each client counts on the host's own calls. */
#include "conformance/spec/rows.h"

/* clang-format off */
static const struct spec_row meta_rows[] = {
	ROW("FUSE-META-001", DEFACTO, DEVICE, D,
	    "FUSE 7.45, FUSE_SETATTR; POSIX.1-2017, chmod() and chown()",
	    "SETATTR sets what `valid` names and nothing else, on files of every type and on a "
	    "link itself; its answer and the host agree afterwards.",
	    "Of several only the first is set", .derived = true),
	ROW("FUSE-META-002", DEFACTO, DEVICE, D, "FUSE 7.45, struct fuse_setattr_in; POSIX.1-2017, futimens()",
	    "Times are signed seconds with nanoseconds, and are set as far as the host's file "
	    "system can hold them.",
	    "Nanoseconds are lost; a time before 1970 becomes another", .derived = true),
	ROW("FUSE-META-003", DEFACTO, DEVICE, D, "FUSE 7.45, FATTR_ATIME_NOW and FATTR_MTIME_NOW",
	    "_NOW is the host's clock, whatever time the request carries; a time that is not named "
	    "stays.",
	    "The time in the request is taken", .derived = true),
	ROW("FUSE-META-004", DEFACTO, DEVICE, D, "FUSE 7.45, FUSE_GETATTR_FH and FATTR_FH",
	    "With a handle the attributes are those of the open file, also when it has no name "
	    "any more.",
	    "ENOENT after UNLINK", .derived = true),
	ROW("FUSE-META-005", DEFACTO, DEVICE, D, "FUSE 7.45, FUSE_ACCESS; POSIX.1-2017, access()",
	    "ACCESS answers what the host would answer the caller, or does not exist (ENOSYS).",
	    "All is granted", .derived = true),
	ROW("FUSE-META-006", DEFACTO, DEVICE, D, "FUSE 7.45, struct fuse_in_header; POSIX.1-2017, open()",
	    "What the caller makes is made as his user and with his groups, and the next caller "
	    "is himself again; where his groups come along (CREATE_SUPP_GROUP) they and no others "
	    "help him. A folder with set-group-id hands its group on.",
	    "The device stays another user", .derived = true),
	ROW("FUSE-META-007", DEFACTO, DEVICE, D, "FUSE 7.45, FUSE_DONT_MASK; POSIX.1-2017, umask()",
	    "What is made has the mode that was asked for, less the request's umask if DONT_MASK "
	    "was agreed on; the device's own umask never counts.",
	    "The umask of the daemon", .derived = true),
	ROW("FUSE-META-008", DEFACTO, DEVICE, D, "FUSE 7.45, FUSE_SETXATTR and likewise; Linux, xattr(7)",
	    "Extended attributes that the host allows are set, read, listed and removed byte by "
	    "byte.",
	    "A value is cut; a name is not listed", .derived = true),
	ROW("FUSE-META-009", DEFACTO, DEVICE, D, "FUSE 7.45, FUSE_SETXATTR and likewise; Linux, xattr(7)",
	    "A size of 0 asks for the size; too small a one is ERANGE, a missing attribute "
	    "ENODATA; XATTR_CREATE and XATTR_REPLACE hold.",
	    "The value is cut to the size", .derived = true),
	ROW("FUSE-META-010", DEFACTO, DEVICE, D, "virtiofsd, xattr-mapping.md",
	    "With a map, names go through it both ways, and what it hides is not listed.",
	    "Names are mapped, lists are not", .derived = true),
	ROW("FUSE-META-011", DEFACTO, DEVICE, D, "FUSE 7.45, FUSE_POSIX_ACL; Linux, acl(5)",
	    "Where POSIX_ACL was agreed on, ACLs are the host's, with its rules for mode and "
	    "default ACL; ACL_KILL_SGID takes set-group-id away.",
	    "Set-group-id stays", .derived = true),
	ROW("FUSE-META-012", DEFACTO, DEVICE, D, "FUSE 7.45, FUSE_POSIX_LOCKS and FUSE_FLOCK_LOCKS",
	    "Locks that were agreed on hold between owners and against the host, and end with "
	    "FLUSH or RELEASE; others are refused, never granted in appearance.",
	    "Success without a lock", .derived = true),
	ROW("FUSE-META-013", DEFACTO, DEVICE, D, "POSIX.1-2017, EROFS",
	    "On a share that is read-only each change is EROFS and nothing changes; the rest works.",
	    "EACCES; times change", .derived = true),
	ROW("FUSE-META-014", DEFACTO, DEVICE, D, "FUSE 7.45, FUSE_STATX",
	    "STATX answers what the host's statx() does, or does not exist (ENOSYS).",
	    "A mask that names what is not there", .derived = true),
	ROW("FUSE-META-015", DEFACTO, DEVICE, D, "FUSE 7.45, struct fuse_init_out; Linux, process_init_reply()",
	    "The numbers of INIT's answer can be worked with: max_readahead not above what was "
	    "asked, max_pages not 0 where MAX_PAGES is answered, time_gran at most a second, what "
	    "is unused zero.",
	    "max_readahead is the device's own", .derived = true),
	ROW("FUSE-META-016", MAY, DEVICE, D, "virtio 1.4, 5.11.6.5; POSIX.1-2017, open()",
	    "Permissions are the driver's to check; a device may refuse as well what the host "
	    "would refuse the caller.",
	    "The device's own capabilities help him", .derived = true),
	ROW("FUSE-META-017", SHOULD, DEVICE, D, "FUSE 7.45, FUSE_POSIX_ACL; Linux, fuse_get_acl()",
	    "Where POSIX_ACL was not agreed on, no ACL is set or shown: the driver would not "
	    "enforce it.",
	    "An ACL that nobody enforces", .derived = true),
	ROW("FUSE-META-018", SHOULD, DEVICE, D, "Linux, fuse_get_req()",
	    "What is to be made by user or group -1, who is nobody, is not made. Linux sends no such "
	    "request, and to the host -1 means: as I am.",
	    "It is made as the device's own user", .derived = true),
	ROW("FUSE-META-019", DEFACTO, DEVICE, D,
	    "virtiofsd, --translate-uid and --translate-gid; virtio 1.4, 5.11.6.5",
	    "A device that maps ids does so in requests and replies alike: the host sees mapped ids, "
	    "the guest its own.",
	    "Ids of requests are mapped, those of replies are not", .derived = true),
	ROW("FUSE-META-020", DEFACTO, DEVICE, D, "Linux, capabilities(7)",
	    "Where HANDLE_KILLPRIV_V2 was not agreed on the host's own rules hold: who writes to a file "
	    "or cuts it takes its capabilities away, who sets mode or times does not.",
	    "A changed program keeps its capabilities", .derived = true),
};
/* clang-format on */

const struct spec_section spec_section_meta = {
	.letter = "Y",
	.prefix = "FUSE-META",
	.title = "attributes, owners, locks",
	.rows = meta_rows,
	.count = ARRAY_SIZE(meta_rows),
};
