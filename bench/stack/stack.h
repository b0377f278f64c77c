/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_STACK_STACK_H
#define VQ_STACK_STACK_H

#include "base/err.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A stack is a daemon (or none) whose share a guest mounts; a VMM is the program that runs the
 * guest. Both are rows of a table; a cell combines one of each with modes. Ids name the source of
 * a program, never its version: suites move, versions are probed and recorded.
 */

/* How a stack lets guests cache; DESIGN "Words". CACHE_UNSET belongs to baselines. */
enum cache_mode {
	CACHE_UNSET,
	CACHE_NONE,
	CACHE_NEVER,
	CACHE_METADATA,
	CACHE_AUTO,
	CACHE_ALWAYS,
	CACHE_MMAP,  /* 9p */
	CACHE_LOOSE, /* 9p */
	CACHE_COUNT,
};

/* Does a guest keep file data in its page cache when nobody has the file open? */
enum cache_keeps {
	KEEPS_NOTHING,
	KEEPS_DATA,
	KEEPS_MAYBE, /* depends on the guest's kernel */
};

/* `none` is a device without a window; the others are mount options on a device with one. */
enum dax_mode {
	DAX_UNSET,
	DAX_NONE,
	DAX_NEVER,
	DAX_INODE,
	DAX_ALWAYS,
	DAX_COUNT,
};

/** cache_name() / dax_name() - the word used in options and results; NULL for UNSET. Static. */
const char *cache_name(enum cache_mode m);
const char *dax_name(enum dax_mode m);
/** cache_parse() / dax_parse() - 0 or -EINVAL. */
int cache_parse(const char *word, enum cache_mode *ret) MUST_USE;
int dax_parse(const char *word, enum dax_mode *ret) MUST_USE;
/** cache_keeps() - what a guest keeps in this mode; CACHE_UNSET: a local file system, which keeps data. */
enum cache_keeps cache_keeps(enum cache_mode m);

/* Where the pieces of a run are found; every path below is inside the run's private mounts. */
struct stack_paths {
	const char *roots; /* folder of stack roots (host-setup) */
	const char *image; /* folder of guest images */
	const char *conf;  /* ID/NAME in it: programs of the host that conf files name */
	const char *own;   /* folder of this project's own programs */
};

/* Everything a daemon is started with. */
struct daemon_config {
	const char *share;  /* folder to be shared */
	int listen_fd;	    /* bound and listening vhost-user socket, inherited */
	const char *socket; /* instead: where a daemon that stack_makes_socket() is to make it */
	const char *tag;
	enum cache_mode cache;
	bool writeback;
	unsigned options; /* bits of the stack's options */
	enum dax_mode dax;
	uint64_t window_bytes; /* of the DAX window; 0: none */
	const char *counters;  /* file that a daemon which stack_counts() is to make */
	unsigned long nofile;  /* descriptors that the daemon may open */
};

enum stack_kind {
	STACK_VIRTIOFS, /* vhost-user-fs device served by a daemon */
	STACK_9P,	/* virtio-9p device of the VMM */
	STACK_BLK,	/* virtio-blk device of the VMM, ext4 on an image file */
	STACK_HOST,	/* no guest: the workload runs on the host (baselines) */
	STACK_ATTACHED, /* a mount of the guest that the driver itself runs in */
	STACK_VMM_FS,	/* virtio-fs device of the VMM itself: no daemon */
	STACK_KIND_COUNT,
};

/** stack_kind_name() - the word used in results: "virtiofs", "9p", "blk", "baseline", "attached",
 * "vmm-virtiofs". Static. */
const char *stack_kind_name(enum stack_kind k);

/* One thing that a cell may switch on; the options of a cell are its variant ("pool4+direct-io"). */
struct stack_option {
	const char *id;
	const char *title;
	const char *const *with;    /* daemon's words with the option; NULL: none */
	const char *const *without; /* and without it */
	const char *mount;	    /* word for the guest's mount; NULL: none */
	bool host_direct;	    /* STACK_BLK: the image is opened with O_DIRECT */
	bool fs_device; /* the VMM's own vhost-user-fs device, where the stack has the generic one */
};

#define STACK_OPTIONS_MAX 8

/*
 * Words of a daemon's command line may hold {fd} (listening socket) or {socket} (path where it makes
 * one), {share}, {cache}, {nofile}, {tag}, {dax}, {window} (bytes) and {counters} (a file that it counts in: conformance/wire/refdev.h); those of STACK_VMM_FS what a VMM's may hold, and {cache};
 * those of mount options {cache}.
 */
struct stack {
	const char *id;
	const char *title;
	enum stack_kind kind;
	const char *root;	  /* stack root that holds the program */
	const char *program;	  /* inside the root */
	bool own;		  /* no root: a program of this project */
	const char *host_program; /* or a path of the host; conf rows only */
	const char *version;	  /* glob that the line it prints must match; NULL: any line */
	const char *conf; /* name of the conf file that made or changed the row; NULL: none */
	const char *const *probe; /* arguments that make it print its version */
	const char *const *args;
	const char *const *writeback;	 /* daemon's words with writeback; NULL: it has none */
	const char *const *no_writeback; /* and without */
	const char *const *window;	 /* daemon's words for a DAX window; NULL: it has none */
	bool generic_device; /* plugged as the VMM's generic vhost-user device: the one with windows */
	const char *mount_options; /* of the guest's mount; NULL: none */
	const struct stack_option *options;
	size_t option_count;
	unsigned cache_mask;   /* bits of enum cache_mode that it is known to mount with */
	bool on_disk;	       /* STACK_HOST: the share's disk (true) or a tmpfs (false) */
	const char *direct_io; /* what becomes of a guest's O_DIRECT on the host */
	const char *set_up;    /* baselines: how it is set up, where that decides its figures */
	const char *source;
};

const struct stack *const *stack_list(size_t *ret_count);
const struct stack *stack_find(const char *id);

/** stack_daemon_argv() - the daemon's command line. 0 or -ENOMEM. */
int stack_daemon_argv(const struct stack *s, const struct stack_paths *p,
		      const struct daemon_config *c, struct strv *ret) MUST_USE;
/** stack_mount_options() - what the guest's mount is given besides dax=. Options are bits as in a cell. */
int stack_mount_options(const struct stack *s, enum cache_mode cache, unsigned options, char *ret,
			size_t size) MUST_USE;

/** stack_variant() - the options as a word, "" for none; in @ret. */
const char *stack_variant(const struct stack *s, unsigned options, char *ret, size_t size);
/** stack_variant_parse() - "default" or options joined by '+'. 0; -EINVAL with what the stack has. */
int stack_variant_parse(const struct stack *s, const char *word, unsigned *ret, struct err *reterr)
	MUST_USE;
/** stack_is_virtiofs() - does the guest mount it as virtiofs, with the modes of that? */
bool stack_is_virtiofs(const struct stack *s);
/** stack_has_window() - can its device have a DAX window, with these options? */
bool stack_has_window(const struct stack *s, unsigned options);
/** stack_generic_device() - is it plugged as the VMM's generic vhost-user device, with these options? */
bool stack_generic_device(const struct stack *s, unsigned options);
/** stack_counts() - does its daemon count what it does, in a file? */
bool stack_counts(const struct stack *s);
/** stack_makes_socket() - does its daemon make the socket itself? */
bool stack_makes_socket(const struct stack *s);
/** stack_has_cache() - do its cells have a cache mode? stack_is_guest() - do they run in a guest? */
bool stack_has_cache(const struct stack *s);
bool stack_is_guest(const struct stack *s);

/** stack_probe_argv() - the command that prints the daemon's version. 0 or -ENOMEM. */
int stack_probe_argv(const struct stack *s, const struct stack_paths *p, struct strv *ret) MUST_USE;

/** stack_words() - its words for a cell: args, options, writeback. As words_add(). */
struct word_value;
int stack_words(const struct stack *s, unsigned options, bool writeback,
		const struct word_value *values, size_t count, struct strv *ret) MUST_USE;

/**
 * root_program_argv() - start a command line for a program of a stack root: through the root's
 * own dynamic loader, so that it needs nothing of the host's libraries and no chroot.
 */
void root_program_argv(const struct stack_paths *p, const char *root, const char *program,
		       struct strv *ret);

/* A file system device that is there from the start: VMMs without hot-plug. */
struct vmm_device {
	const struct stack *stack;
	const char *socket; /* STACK_VIRTIOFS: vhost-user socket of the daemon */
	const char *share;  /* STACK_VMM_FS: folder that the VMM itself serves */
	const char *tag;
	enum cache_mode cache;
	unsigned options;
	bool writeback;
};

/* Everything a guest is started with. */
struct vmm_config {
	const char *accelerator; /* "kvm" or "tcg" */
	const char *cpu_model;	 /* NULL: the VMM row's default for the accelerator */
	unsigned vcpus;
	unsigned memory_mib;
	const char *kernel; /* uncompressed ELF kernel with a PVH entry */
	const char *initramfs;
	const char *root_image;	  /* erofs image */
	const char *cmdline;	  /* extra kernel words, may be "" */
	int qmp_fd;		  /* connected socket, inherited */
	const char *agent_socket; /* path; QEMU listens */
	const char *share_9p;	  /* path of the folder that a 9p device would share; NULL: none */
	bool incoming;		  /* started to be restored from a saved state (told over QMP) */
	bool probe_only;	  /* accelerator probe: no devices, no QMP, console on stdout */
	bool sandbox;
	const struct vmm_device *device; /* VMM_CONTROL_NONE */
};

/*
 * TCG's buffer for translated code (QEMU's unit: MiB). Far beyond what a guest of a pass fills, so
 * that it is never flushed; memory is only used as far as code was translated.
 */
#define VMM_TCG_BUFFER_MIB 256

/* How a VMM is told to plug, pause and save. */
enum vmm_control {
	VMM_CONTROL_QMP,
	VMM_CONTROL_NONE, /* not at all: a guest is booted for each pass, with its device */
};

/*
 * Words of a VMM's command line may hold {kernel}, {initramfs}, {root_image}, {cmdline}, {vcpus},
 * {memory_mib}, {accelerator}, {cpu}, {agent_socket}, {root} (folder of its stack root), {qmp_fd},
 * {fs_socket}, {share}, {tag}. The word {device} alone stands for the words of the device: those of
 * `device_args`, or of the stack if that is a STACK_VMM_FS.
 */
struct vmm {
	const char *id;
	const char *title;
	const char *root;
	const char *program;
	const char *host_program; /* as of a stack, like the next three */
	const char *version;
	const char *conf;
	const char *const *probe; /* NULL: --version */
	const char *cpu_tcg;
	const char *cpu_kvm;
	const char *device; /* vhost-user file system device */
	const char
		*generic_device; /* vhost-user device of any type, with shared memory; NULL: none */
	bool saves_by_path; /* saves a guest to "file:PATH" (since 9.0 not to a file's "fd:") */
	enum vmm_control control;
	const char *const *args;	/* the whole command line; NULL: QEMU's */
	const char *const *extra_args;	/* behind it */
	const char *const *device_args; /* vhost-user-fs device that is there from the start */
	const char *agent_tty; /* guest's terminal of the agent; NULL: virtio-serial port */
	const char *console;   /* guest's console=; NULL: as the image has it */
	const char *source;
};

const struct vmm *const *vmm_list(size_t *ret_count);
const struct vmm *vmm_find(const char *id);
/** vmm_argv() / vmm_env() - how to start a guest. 0 or -ENOMEM. */
int vmm_argv(const struct vmm *v, const struct stack_paths *p, const struct vmm_config *c,
	     struct strv *ret) MUST_USE;
int vmm_env(const struct vmm *v, const struct stack_paths *p, struct strv *ret) MUST_USE;
int vmm_probe_argv(const struct vmm *v, const struct stack_paths *p, struct strv *ret) MUST_USE;
/** vmm_cpu_model() - NULL when the VMM is not told one. */
const char *vmm_cpu_model(const struct vmm *v, const struct vmm_config *c);
/** vmm_find_builtin() - the row as it is without conf files. */
const struct vmm *vmm_find_builtin(const char *id);
/** vmm_serves() - can a cell join these? -EINVAL with why not. */
int vmm_serves(const struct vmm *v, const struct stack *s, unsigned options, struct err *reterr)
	MUST_USE;

/* Kernels that the guest image is built with; `--kernel` adds "user", conf files add theirs. */
struct kernel {
	const char *id;
	const char *title;
	const char *files;   /* id of the files it is started from; NULL: its own */
	const char *file;    /* kernel on the host that those are made of; NULL: the image's */
	const char *modules; /* its lib/modules/VERSION; NULL: none */
	const char *const *cmdline; /* further words; NULL: none */
	const char *conf;
	const char *source;
};
const struct kernel *kernel_list(size_t *ret_count);
const struct kernel *kernel_find(const char *id);
/** kernel_files() - id of its files; kernel_is_made() - are they made for the run, not the image's? */
const char *kernel_files(const struct kernel *k);
bool kernel_is_made(const struct kernel *k);

#endif
