/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every fault: name, when, act, what it does, system calls, requirement rows that it breaks. Included
 * several times, each time with another FAULT(): no guard.
 *
 * FAULT_ERRNO: a call that fails with one error says that it failed with another.
 */
/* clang-format off */

/* data */
FAULT("write-lost", is_write, write_lost, "a write says that it wrote, and has not",
      "pwrite64 pwritev pwritev2", "FUSE-FILE-003")
FAULT("write-shift", is_write, write_shift, "data is written one byte behind where it belongs",
      "pwrite64 pwritev pwritev2", "FUSE-FILE-003")
FAULT("write-short-lie", is_write, write_short_lie, "the last byte is not written, but counted",
      "pwrite64 pwritev pwritev2", "FUSE-FILE-003")
FAULT("write-short", is_write, write_short, "a write says one byte less than it wrote",
      "pwrite64 pwritev pwritev2", "FUSE-FILE-003")
FAULT("write-first", is_write_behind, write_first, "what belongs further on is written at the start",
      "pwrite64 pwritev pwritev2", "FUSE-FILE-003")
FAULT("read-short", is_read, read_short, "a read ends at half of what there is",
      "pread64 preadv preadv2", "FUSE-FILE-002")
FAULT("read-shift", is_read, read_shift, "a read begins one byte too far",
      "pread64 preadv preadv2", "FUSE-FILE-002")
FAULT("read-stale", is_read, read_stale, "the second read of a place returns what the first one did",
      "pread64 preadv preadv2", "FUSE-FILE-002")
FAULT("read-zeros", is_read, read_zeros, "zeros instead of the file's bytes",
      "pread64 preadv preadv2", "FUSE-FILE-002")
FAULT("read-flip", is_read, read_flip, "one bit of the last byte is wrong",
      "pread64 preadv preadv2", "FUSE-FILE-002")
FAULT("fsync-lost", is_fsync, give_success, "fsync does nothing", "fsync", "FUSE-FILE-004")
FAULT("fdatasync-lost", is_fdatasync, give_success, "fdatasync does nothing", "fdatasync",
      "FUSE-FILE-004")
FAULT("syncfs-lost", is_syncfs, give_success, "syncfs does nothing", "syncfs", "FUSE-WB-008")
FAULT("fallocate-lost", is_fallocate, give_success, "fallocate does nothing", "fallocate",
      "FUSE-FILE-005")
FAULT("fallocate-mode", is_fallocate_mode, fallocate_mode, "the mode is taken for 0", "fallocate",
      "FUSE-FILE-005")
FAULT("fallocate-keep", is_fallocate_plain, fallocate_keep, "the size stays, as if told so",
      "fallocate", "FUSE-FILE-005")
FAULT("truncate-lost", is_truncate, give_success, "a file keeps its size", "ftruncate truncate",
      "FUSE-FILE-009")
FAULT("truncate-off", is_truncate, truncate_off, "one byte more than was asked for",
      "ftruncate truncate", "FUSE-FILE-009")
FAULT("lseek-hole", is_seek_hole, lseek_hole, "SEEK_DATA and SEEK_HOLE are exchanged", "lseek",
      "FUSE-FILE-006")
FAULT("lseek-shift", is_seek_hole, lseek_shift, "data and holes begin one byte further on", "lseek",
      "FUSE-FILE-006")
FAULT("copy-range-lost", is_copy, copy_lost, "nothing is copied, and all is counted",
      "copy_file_range", "FUSE-FILE-007")
FAULT("copy-range-shift", is_copy, copy_shift, "the copy lands one byte further on",
      "copy_file_range", "FUSE-FILE-007")

/* open */
FAULT("open-no-trunc", is_open_trunc, open_no_trunc, "O_TRUNC is dropped", "openat openat2",
      "FUSE-OPEN-007")
FAULT("open-no-excl", is_open_excl, open_no_excl, "O_EXCL is dropped", "openat openat2",
      "FUSE-OPEN-009")
FAULT("open-no-append", is_open_append, open_no_append, "O_APPEND is dropped", "openat openat2",
      "FUSE-OPEN-010")
FAULT("open-no-direct", is_open_direct, open_no_direct, "O_DIRECT is dropped", "openat openat2",
      "MODE-DIO-001")
FAULT("open-follow", is_open_nofollow, open_follow, "a link is followed where a file is opened for data",
      "openat openat2", "VIRTIO-FS-SEC-006")
FAULT("openat-nofollow", is_path_nofollow, open_follow, "a link is followed where a name is looked up",
      "openat openat2", "VIRTIO-FS-SEC-006")
FAULT("open-rdwr", is_open_narrow, open_rdwr, "a file is opened to read and write whatever was asked for",
      "openat openat2", "FUSE-FILE-001")
FAULT("open-rdonly", is_open_wide, open_rdonly, "a file is opened to read only", "openat openat2",
      "FUSE-FILE-001")
FAULT("open-trunc", is_open_writable, open_trunc, "whoever opens to write truncates",
      "openat openat2", "FUSE-OPEN-007")
FAULT("create-mode", is_open_create, create_mode, "a new file can be executed", "openat openat2",
      "FUSE-META-007")
FAULT("close-lost", is_close, give_success, "a descriptor is never closed", "close", "FUSE-FILE-010")

/* names */
FAULT("rename-noflags", is_rename_flags, rename_noflags, "NOREPLACE and EXCHANGE are ignored",
      "renameat2", "VIRTIO-FS-QUEUE-006")
FAULT("rename-lost", is_rename, give_success, "nothing is renamed", "renameat renameat2",
      "VIRTIO-FS-QUEUE-006")
FAULT("unlink-lost", is_unlink, give_success, "the name stays", "unlinkat", "VIRTIO-FS-QUEUE-006")
FAULT("rmdir-lost", is_rmdir, give_success, "the folder stays", "unlinkat", "VIRTIO-FS-QUEUE-006")
FAULT("link-lost", is_link, give_success, "no link is made", "linkat", "VIRTIO-FS-QUEUE-006")
FAULT("symlink-lost", is_symlink, give_success, "no symbolic link is made", "symlinkat",
      "VIRTIO-FS-QUEUE-006")
FAULT("symlink-short", is_symlink, symlink_short, "a symbolic link lacks its last letter",
      "symlinkat", "VIRTIO-FS-QUEUE-006")
FAULT("readlink-short", is_readlink, readlink_short, "a link's target lacks its last letter",
      "readlinkat", "VIRTIO-FS-QUEUE-006")
FAULT("mkdir-lost", is_mkdir, give_success, "no folder is made", "mkdirat", "VIRTIO-FS-QUEUE-006")
FAULT("mkdir-mode", is_mkdir, mkdir_mode, "a folder is made that others can write", "mkdirat",
      "FUSE-META-007")
FAULT("mknod-lost", is_mknod, give_success, "no file is made", "mknodat", "VIRTIO-FS-QUEUE-006")
FAULT("mknod-mode", is_mknod, mknod_mode, "a file is made that can be executed", "mknodat",
      "FUSE-META-007")
FAULT("mknod-type", is_mknod_special, mknod_type, "a special file becomes a regular one", "mknodat",
      "VIRTIO-FS-QUEUE-006")

/* attributes */
FAULT("chmod-lost", is_chmod, give_success, "the mode stays", "fchmod fchmodat", "FUSE-META-001")
FAULT("chmod-special", is_chmod_special, chmod_special, "suid, sgid and sticky are not set",
      "fchmod fchmodat", "FUSE-META-001")
FAULT("chown-lost", is_chown, give_success, "the owner stays", "fchown fchownat", "FUSE-META-001")
FAULT("chown-both", is_chown_one, chown_both, "an id that was to stay becomes 0", "fchown fchownat",
      "FUSE-META-001")
FAULT("utimens-lost", is_utimens, give_success, "the times stay", "utimensat", "FUSE-META-002")
FAULT("utimens-now", is_utimens_set, utimens_now, "both times become the host's clock", "utimensat",
      "FUSE-META-002")
FAULT("utimens-seconds", is_utimens_set, utimens_seconds, "nanoseconds are dropped", "utimensat",
      "FUSE-META-002")
FAULT("utimens-swapped", is_utimens_set, utimens_swapped, "access and modification are exchanged",
      "utimensat", "FUSE-META-002")
FAULT("stat-size", is_stat, stat_size, "a size is one more", "newfstatat fstat statx", "FUSE-ATTR-011")
FAULT("stat-mode", is_stat, stat_mode,
      "others may or may not execute, the other way round; special files seem regular ones",
      "newfstatat fstat statx", "FUSE-ATTR-011")
FAULT("stat-mtime", is_stat, stat_mtime, "the modification is a second younger",
      "newfstatat fstat statx", "FUSE-ATTR-011")
FAULT("stat-nsec", is_stat, stat_nsec, "times have no nanoseconds", "newfstatat fstat statx",
      "FUSE-META-002")
FAULT("stat-nlink", is_stat, stat_nlink, "there is one link more", "newfstatat fstat statx",
      "FUSE-ATTR-011")
FAULT("stat-ino", is_stat, stat_ino, "a file has another inode number at each call",
      "newfstatat fstat statx", "FUSE-ENT-003")
FAULT("stat-uid", is_stat, stat_owner, "user and group are one more", "newfstatat fstat statx",
      "FUSE-ATTR-011")
FAULT("stat-blocks", is_stat, stat_blocks, "a file takes no room", "newfstatat fstat statx",
      "FUSE-ATTR-011")
FAULT("stat-stale", is_stat, stat_stale, "the attributes of a file are those of the first call",
      "newfstatat fstat statx", "FUSE-ATTR-011")
FAULT("statfs-zero", is_statfs, statfs_zero, "a file system of no size", "fstatfs, fstatvfs()",
      "FUSE-FILE-008")

/* extended attributes */
FAULT("getxattr-empty", is_getxattr, getxattr_empty, "a value is empty", "getxattr fgetxattr",
      "FUSE-META-008")
FAULT("getxattr-size", is_getxattr_size, getxattr_size, "who asks for the size gets one more",
      "getxattr fgetxattr", "FUSE-META-009")
FAULT("getxattr-flip", is_getxattr, getxattr_flip, "one bit of a value is wrong",
      "getxattr fgetxattr", "FUSE-META-008")
FAULT("setxattr-lost", is_setxattr, give_success, "no attribute is set", "setxattr fsetxattr",
      "FUSE-META-008")
FAULT("setxattr-noflags", is_setxattr_flags, setxattr_noflags, "CREATE and REPLACE are ignored",
      "setxattr fsetxattr", "FUSE-META-009")
FAULT("setxattr-short", is_setxattr, setxattr_short, "a value lacks its last byte",
      "setxattr fsetxattr", "FUSE-META-008")
FAULT("removexattr-lost", is_removexattr, give_success, "the attribute stays",
      "removexattr fremovexattr", "FUSE-META-008")
FAULT("listxattr-short", is_listxattr, listxattr_short, "the last name is missing",
      "listxattr flistxattr", "FUSE-META-008")
FAULT("listxattr-empty", is_listxattr, listxattr_empty, "no name is listed",
      "listxattr flistxattr", "FUSE-META-008")

/* folders */
FAULT("readdir-skip", is_readdir, readdir_skip, "the first entry is missing",
      "getdents64, readdir()", "FUSE-RDP-001")
FAULT("readdir-dup", is_readdir, readdir_dup, "an entry comes twice", "getdents64, readdir()",
      "FUSE-RDP-001")
FAULT("readdir-name", is_readdir, readdir_name, "names lack their last letter",
      "getdents64, readdir()", "FUSE-RDP-001")
FAULT("readdir-type", is_readdir, readdir_type, "all entries are FIFOs", "getdents64, readdir()",
      "FUSE-RDP-001")
FAULT("readdir-ino", is_readdir, readdir_ino, "inode numbers are one more", "getdents64, readdir()",
      "FUSE-RDP-001")
FAULT("readdir-offset", is_readdir, readdir_offset, "positions are those of the start",
      "getdents64, readdir()", "FUSE-RDP-001")

/* who the daemon is */
FAULT("setresuid-lost", is_setresuid, give_success, "the user stays the daemon's", "setresuid",
      "FUSE-META-006")
FAULT("setresgid-lost", is_setresgid, give_success, "the group stays the daemon's", "setresgid",
      "FUSE-META-006")
FAULT("setresuid-kept", is_setresuid_back, give_success, "the daemon stays the user that it became",
      "setresuid", "FUSE-META-006")
FAULT("setgroups-lost", is_setgroups, give_success, "supplementary groups stay",
      "setgroups, setgroups()", "FUSE-META-006")
FAULT("capset-lost", is_capset, give_success, "capabilities stay as they are", "capset",
      "FUSE-KP-001")
FAULT("umask-lost", is_umask, umask_lost, "the umask stays", "umask", "FUSE-META-007")
FAULT("flock-lost", is_flock, give_success, "a lock is granted that is none", "flock",
      "FUSE-META-012")
FAULT("lock-lost", is_setlk, give_success, "a lock is granted that is none", "fcntl",
      "FUSE-META-012")
FAULT("getlk-free", is_getlk, getlk_free, "no lock is ever in the way", "fcntl", "FUSE-META-012")

/* rings */
FAULT("eventfd-lost", is_notify, notify_lost, "one buffer is used without a call",
      "write, eventfd_write()", "VIRTIO-VQ-014")
FAULT("eventfd-double", is_notify, notify_double, "each call comes twice", "write, eventfd_write()",
      "VIRTIO-VQ-014")
FAULT("pipe-lost", is_pipe_write, pipe_lost, "what is written into a pipe is not there, and counted",
      "write", "VU-013")
FAULT("pipe-cut", is_pipe_read, pipe_cut, "of what a pipe has the second half is lost", "read",
      "VU-013")
FAULT("mmap-private", is_mmap_shared, mmap_private, "the driver's memory is mapped as a private copy",
      "mmap", "VU-003")

/* errors */
FAULT_ERRNO("errno-noent", ENOENT, EACCES, "ENOENT becomes EACCES", "all on files", "FUSE-ENT-005")
FAULT_ERRNO("errno-exist", EEXIST, EPERM, "EEXIST becomes EPERM", "all on files", "FUSE-OPEN-009")
FAULT_ERRNO("errno-notempty", ENOTEMPTY, EPERM, "ENOTEMPTY becomes EPERM", "all on files", "VIRTIO-FS-QUEUE-006")
FAULT_ERRNO("errno-nodata", ENODATA, EIO, "ENODATA becomes EIO", "all on files", "FUSE-META-009")
FAULT_ERRNO("errno-range", ERANGE, EIO, "ERANGE becomes EIO", "all on files", "FUSE-META-009")
FAULT_ERRNO("errno-again", EAGAIN, EIO, "EAGAIN of a lock becomes EIO", "all on files", "FUSE-META-012")
FAULT_ERRNO("errno-nospc", ENOSPC, EIO, "ENOSPC becomes EIO", "all on files", "FUSE-FILE-003")
FAULT_ERRNO("errno-access", EACCES, EIO, "EACCES becomes EIO", "all on files", "FUSE-META-006")
FAULT_ERRNO("errno-isdir", EISDIR, EIO, "EISDIR becomes EIO", "all on files", "FUSE-FILE-001")
FAULT_ERRNO("errno-notdir", ENOTDIR, EIO, "ENOTDIR becomes EIO", "all on files", "FUSE-ENT-005")
/* clang-format on */
