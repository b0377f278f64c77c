// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/options.h"

#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/version.h"
#include "conformance/ref/log.h"

/* Largest and smallest window. Below 2 MiB Linux has no range to map; beyond, see the note of --window. */
#define WINDOW_MIN (2 * MIB)
#define WINDOW_MAX (UINT64_C(1) << 40)
/* Beyond this QEMU 11.1 may need more regions than it has, and aborts. */
#define WINDOW_SAFE (256 * MIB)

enum kind { FLAG, NO_FLAG, TEXT, CHOICE, NUMBER, SIZE, SOCKET, FAULT, COMMAND };

struct row {
	const char *name;
	enum kind kind;
	size_t offset;		    /* of the field; of a COMMAND its value */
	const char *value;	    /* how --help calls it */
	const char *const *choices; /* in the order of the enum, ended by NULL */
	uint64_t min;
	uint64_t max;
	const char *help; /* one line; the default is in it where there is one */
};

static const char *const cache_names[] = { "never", "metadata", "auto", "always", NULL };
static const char *const dax_names[] = { "none", "inode", "always", NULL };
static const char *const tail_names[] = { "auto", "passthrough", "shadow", NULL };
static const char *const format_names[] = { "text", "json", NULL };
static const char *const sandbox_names[] = { "namespace", "privileged", "none", NULL };
static const char *const log_names[] = { "error", "warn", "info", "debug", NULL };

#define AT(field) offsetof(struct ref_options, field)

static const struct row rows[] = {
	{ "socket-path", SOCKET, AT(socket_path), "PATH", NULL, 0, 0,
	  "socket to listen at; may be given 8 times, one guest each" },
	{ "fd", NUMBER, AT(fd), "N", NULL, 0, INT_MAX,
	  "use this socket, which was passed on by who started us, instead of a path" },
	{ "keep", FLAG, AT(keep), NULL, NULL, 0, 0,
	  "wait for the next front end when one has left (default: end; kept with several sockets)" },
	{ "shared-dir", TEXT, AT(shared_dir), "DIR", NULL, 0, 0, "directory that guests see" },
	{ "tag", TEXT, AT(tag), "TAG", NULL, 0, 0,
	  "name that guests mount; at most 36 bytes (default: the front end has it)" },
	{ "cache", CHOICE, AT(cache), "MODE", cache_names, 0, 0,
	  "what guests may cache (default: auto)" },
	{ "writeback", FLAG, AT(writeback), NULL, NULL, 0, 0, "guests may delay writes" },
	{ "readonly", FLAG, AT(readonly), NULL, NULL, 0, 0, "guests may not change anything" },
	{ "xattr", FLAG, AT(xattr), NULL, NULL, 0, 0, "extended attributes" },
	{ "posix-acl", FLAG, AT(posix_acl), NULL, NULL, 0, 0,
	  "access control lists; needs --xattr" },
	{ "allow-direct-io", FLAG, AT(allow_direct_io), NULL, NULL, 0, 0,
	  "pass O_DIRECT of guests on to the host" },
	{ "allow-mmap", FLAG, AT(allow_mmap), NULL, NULL, 0, 0,
	  "shared mappings also with --cache never or metadata, if the guest can" },
	{ "killpriv-v2", FLAG, AT(killpriv_v2), NULL, NULL, 0, 0,
	  "the device clears suid bits, not the guest (default)" },
	{ "no-killpriv-v2", NO_FLAG, AT(killpriv_v2), NULL, NULL, 0, 0, "the guest does" },
	{ "announce-submounts", FLAG, AT(announce_submounts), NULL, NULL, 0, 0,
	  "guests see mount points below the directory as such" },
	{ "dax", CHOICE, AT(dax), "WHICH", dax_names, 0, 0,
	  "a window, and which files may be mapped (default: none)" },
	{ "window", SIZE, AT(window_bytes), "SIZE", NULL, WINDOW_MIN, WINDOW_MAX,
	  "of the window, a power of two (default: 64M; at most 256M with QEMU 11.1)" },
	{ "tail", CHOICE, AT(tail), "HOW", tail_names, 0, 0,
	  "how the last page of a mapped file is served (default: auto)" },
	{ "queues", NUMBER, AT(queues), "N", NULL, 1, 63, "request queues (default: 1)" },
	{ "threads", NUMBER, AT(threads), "N", NULL, 0, 64,
	  "more threads for each request queue (default: 0)" },
	{ "thread-pool-size", NUMBER, AT(threads), "N", NULL, 0, 64, "the same" },
	{ "poll", NUMBER, AT(poll_us), "US", NULL, 0, 1000000,
	  "microseconds to look for requests before sleeping (default: 0)" },
	{ "linger", NUMBER, AT(linger_us), "US", NULL, 0, 1000,
	  "the same, but no more often than it finds some (default: 10)" },
	{ "rlimit-nofile", NUMBER, AT(rlimit_nofile), "N", NULL, 0, 1 << 30,
	  "open files at most (default: 0, as many as allowed)" },
	{ "sandbox", CHOICE, AT(sandbox), "HOW", sandbox_names, 0, 0,
	  "how the device is locked in; see README (default: namespace)" },
	{ "counters", TEXT, AT(counters), "FILE", NULL, 0, 0,
	  "count operations, bytes and mappings in this new file, for others to read; see README" },
	{ "show-counters", COMMAND, REF_SHOW_COUNTERS, NULL, NULL, 0, 0,
	  "say what --counters FILE of a device that runs holds, for PCP or Prometheus, and end" },
	{ "ledger", TEXT, AT(ledger), "FILE", NULL, 0, 0,
	  "write what was seen to this new file as JSON lines, at SIGUSR1 and at the end" },
	{ "ledger-size", NUMBER, AT(ledger_size), "N", NULL, 0, 16777216,
	  "events that are kept for it (default: 65536; 0: counters only)" },
	{ "no-ledger", FLAG, AT(no_ledger), NULL, NULL, 0, 0,
	  "count nothing and keep no events: to measure what they cost" },
	{ "fault", FAULT, AT(faults), "NAME[:ARG]", NULL, 0, 0,
	  "do wrong what NAME says, on purpose; may be given 32 times" },
	{ "list-faults", COMMAND, REF_LIST_FAULTS, NULL, NULL, 0, 0,
	  "say what each fault does and which requirements it breaks, and end" },
	{ "format", CHOICE, AT(list_json), "HOW", format_names, 0, 0,
	  "of that list (default: text)" },
	{ "log-level", CHOICE, AT(log_level), "LEVEL", log_names, 0, 0,
	  "what goes to standard error (default: info)" },
	{ "print-capabilities", COMMAND, REF_CAPABILITIES, NULL, NULL, 0, 0,
	  "say as JSON what this back end is, and end" },
	{ "help", COMMAND, REF_HELP, NULL, NULL, 0, 0, "this text" },
	{ "version", COMMAND, REF_VERSION, NULL, NULL, 0, 0, "the version" },
};

static const struct ref_options defaults = {
	.fd = -1,
	.cache = REF_CACHE_AUTO,
	.killpriv_v2 = true,
	.window_bytes = 64 * MIB,
	.queues = 1,
	.linger_us = 10,
	.ledger_size = 65536,
	.log_level = "info",
};

/* "12", "0x10", "64M"; nothing before, between or behind. */
static int parse_number(const char *text, bool units, uint64_t *ret)
{
	static const char letters[] = "KMGT";
	const char *unit;
	char *end;
	unsigned shift = 0;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*ret = strtoull(text, &end, 0);
	if (errno != 0)
		return -ERANGE;
	unit = *end ? strchr(letters, *end & ~0x20) : NULL;
	if (units && unit) {
		shift = 10 * (unsigned)(unit - letters + 1);
		end++;
	}
	if (*end != '\0')
		return -EINVAL;
	if (*ret > UINT64_MAX >> shift)
		return -ERANGE;
	*ret <<= shift;
	return 0;
}

static int set_number(const struct row *row, const char *text, struct ref_options *o,
		      struct err *reterr)
{
	void *at = (char *)o + row->offset;
	uint64_t n;

	if (parse_number(text, row->kind == SIZE, &n) < 0 || n < row->min || n > row->max)
		return err_set(reterr, -EINVAL,
			       "--%s %s: give a number from %" PRIu64 " to %" PRIu64 "%s",
			       row->name, text, row->min, row->max,
			       row->kind == SIZE ? " (K, M and G work)" : "");
	if (row->offset == AT(window_bytes) || row->offset == AT(rlimit_nofile))
		*(uint64_t *)at = n;
	else
		*(unsigned *)at = (unsigned)n;
	return 0;
}

static int set_choice(const struct row *row, const char *text, struct ref_options *o,
		      struct err *reterr)
{
	char list[128] = "";

	for (size_t i = 0; row->choices[i]; i++) {
		size_t used = strlen(list);

		(void)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
			       row->choices[i]);
		if (strcmp(text, row->choices[i]) != 0)
			continue;
		if (row->choices == log_names)
			o->log_level = row->choices[i];
		else if (row->choices == format_names)
			o->list_json = i == 1;
		else
			*(unsigned *)((char *)o + row->offset) = (unsigned)i;
		return 0;
	}
	return err_set(reterr, -EINVAL, "--%s %s: choose one of %s", row->name, text, list);
}

static int add_socket(const char *path, struct ref_options *o, struct err *reterr)
{
	for (unsigned i = 0; i < o->socket_count; i++)
		if (strcmp(path, ref_options_socket(o, i)) == 0)
			return err_set(reterr, -EINVAL, "--socket-path %s is given twice", path);
	if (o->socket_count == REF_SOCKETS_MAX)
		return err_set(reterr, -EINVAL, "--socket-path %s: at most %d sockets", path,
			       REF_SOCKETS_MAX);
	if (o->socket_count == 0)
		o->socket_path = path;
	else
		o->more_sockets[o->socket_count - 1] = path;
	o->socket_count++;
	return 0;
}

static int add_fault(const char *text, struct ref_options *o, struct err *reterr)
{
	if (o->fault_count == REF_FAULTS_MAX)
		return err_set(reterr, -EINVAL, "--fault %s: at most %d of them", text,
			       REF_FAULTS_MAX);
	o->faults[o->fault_count++] = text;
	return 0;
}

static int set(const struct row *row, const char *text, struct ref_options *o,
	       enum ref_command *ret_command, struct err *reterr)
{
	void *at = (char *)o + row->offset;

	switch (row->kind) {
	case FLAG:
	case NO_FLAG: *(bool *)at = row->kind == FLAG; return 0;
	case TEXT:
		if (*text == '\0')
			return err_set(reterr, -EINVAL, "--%s is empty", row->name);
		*(const char **)at = text;
		return 0;
	case CHOICE: return set_choice(row, text, o, reterr);
	case NUMBER:
	case SIZE: return set_number(row, text, o, reterr);
	case SOCKET: return add_socket(text, o, reterr);
	case FAULT: return add_fault(text, o, reterr);
	case COMMAND: *ret_command = (enum ref_command)row->offset; return 0;
	}
	return -EINVAL;
}

const char *ref_options_socket(const struct ref_options *o, unsigned index)
{
	if (index >= o->socket_count)
		return NULL;
	return index == 0 ? o->socket_path : o->more_sockets[index - 1];
}

static int check_sockets(const struct ref_options *o, struct err *reterr)
{
	if (o->socket_count == 0 && o->fd < 0)
		return err_set(reterr, -EINVAL,
			       "where to listen is missing: give --socket-path PATH or --fd N");
	if (o->socket_count > 0 && o->fd >= 0)
		return err_set(reterr, -EINVAL, "--socket-path and --fd exclude each other");
	if (!o->shared_dir)
		return err_set(reterr, -EINVAL, "what to share is missing: give --shared-dir DIR");
	return 0;
}

/* Values that are right one by one, together. */
static int check(const struct ref_options *o, struct err *reterr)
{
	int e = check_sockets(o, reterr);

	if (e < 0)
		return e;
	if (o->tag && (strlen(o->tag) > 36 || strchr(o->tag, '\n')))
		return err_set(reterr, -EINVAL, "--tag %s: at most 36 bytes, and no line break",
			       o->tag);
	if (o->no_ledger && (o->ledger || o->counters))
		return err_set(reterr, -EINVAL,
			       "--no-ledger excludes --ledger FILE and --counters FILE");
	if (o->posix_acl && !o->xattr)
		return err_set(reterr, -EINVAL, "--posix-acl needs --xattr");
	if (o->window_bytes & (o->window_bytes - 1))
		return err_set(reterr, -EINVAL,
			       "--window %" PRIu64 ": a window is a power of two, as 64M",
			       o->window_bytes);
	/* Linux maps whole files read-write: there is no read-only mapping that a VMM would take. */
	if (o->dax != REF_DAX_NONE && o->readonly)
		return err_set(
			reterr, -EINVAL,
			"--dax and --readonly exclude each other: a mapped file can be written");
	if (o->writeback && o->readonly)
		return err_set(reterr, -EINVAL, "--writeback and --readonly exclude each other");
	if (o->dax != REF_DAX_NONE && o->window_bytes > WINDOW_SAFE)
		ref_log(REF_LOG_WARN,
			"--window %" PRIu64
			" MiB: QEMU 11.1 aborts when it has more than 512 regions of memory",
			o->window_bytes / MIB);
	return 0;
}

static void fill_long_options(struct option *list)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		list[i] = (struct option){
			.name = rows[i].name,
			.has_arg = rows[i].value || rows[i].choices ? required_argument
								    : no_argument,
			.val = (int)i,
		};
}

int ref_options_parse(int argc, char **argv, struct ref_options *ret, enum ref_command *ret_command,
		      struct err *reterr)
{
	struct option list[ARRAY_SIZE(rows) + 1] = { 0 };
	int n;

	fill_long_options(list);
	*ret = defaults;
	*ret_command = REF_RUN;
	opterr = 0;
	optind = 0;
	while ((n = getopt_long(argc, argv, ":", list, NULL)) != -1) {
		int e;

		if (n == '?')
			return err_set(reterr, -EINVAL, "unknown option %s; see --help",
				       argv[optind - 1]);
		if (n == ':')
			return err_set(reterr, -EINVAL, "%s needs a value; see --help",
				       argv[optind - 1]);
		e = set(&rows[n], optarg, ret, ret_command, reterr);
		if (e < 0)
			return e;
		/* The others do not matter any more, but for what belongs to a command. */
		if (*ret_command != REF_RUN && *ret_command != REF_LIST_FAULTS &&
		    *ret_command != REF_SHOW_COUNTERS)
			return 0;
	}
	if (optind < argc)
		return err_set(reterr, -EINVAL, "%s: only options are taken; see --help",
			       argv[optind]);
	if (*ret_command == REF_SHOW_COUNTERS && !ret->counters)
		return err_set(reterr, -EINVAL,
			       "--show-counters needs --counters FILE; see --help");
	return *ret_command == REF_RUN ? check(ret, reterr) : 0;
}

void ref_options_help(FILE *out)
{
	(void)fputs("usage: virtiofs-refdev --socket-path PATH --shared-dir DIR [OPTION]...\n\n"
		    "Serves a directory to virtual machines as a virtio-fs device (vhost-user), "
		    "with a DAX window.\n\n",
		    out);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "--%s%s%s", rows[i].name,
			       rows[i].value ? " " : "", rows[i].value ? rows[i].value : "");
		(void)fprintf(out, "  %-24s %s\n", name, rows[i].help);
		for (size_t j = 0; rows[i].choices && rows[i].choices[j]; j++)
			(void)fprintf(out, "%s%s%s", j ? ", " : "                           ",
				      rows[i].choices[j], rows[i].choices[j + 1] ? "" : "\n");
	}
}

void ref_options_version(const char *library, FILE *out)
{
	(void)fprintf(out, "virtiofs-refdev %s (libfuse %s)\n", VQ_VERSION, library);
}

void ref_options_capabilities(FILE *out)
{
	(void)fputs("{\n  \"type\": \"fs\",\n  \"features\": []\n}\n", out);
}
