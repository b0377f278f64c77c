// SPDX-License-Identifier: Apache-2.0
#include "conformance/runner/target.h"

#include "base/clock.h"
#include "base/proc.h"
#include "conformance/check.h"
#include "stack/words.h"

#include <string.h>

#define PROBE_TIMEOUT_MS 10000
#define FEW_FILES	 64
#define MANY_FILES	 8192
#define WINDOW_BYTES	 (16 * MIB)

#define TAG36 "conform-abcdefghijklmnopqrstuvwxyz-0"
const char check_tag36[] = TAG36;
_Static_assert(sizeof(TAG36) - 1 == 36, "fills the field");

/* Words of each daemon for what a check can ask for; the id of a stack begins with `stack`. */
struct option_words {
	const char *stack;
	unsigned option;
	const char *words[4];
};

static const struct option_words option_words[] = {
	{ "c-", CHECK_XATTR, { "-o", "xattr" } },
	{ "c-", CHECK_POSIX_ACL, { "-o", "posix_acl" } },
	{ "c-", CHECK_POSIX_LOCKS, { "-o", "posix_lock" } },
	{ "c-", CHECK_FLOCK, { "-o", "flock" } },
	{ "c-", CHECK_SUBMOUNTS, { "-o", "announce_submounts" } },
	{ "c-", CHECK_KILLPRIV_V2, { "-o", "killpriv_v2" } },
	{ "c-", CHECK_DIRECT_IO, { "-o", "allow_direct_io" } },
	{ "c-", CHECK_THREADS4, { "--thread-pool-size=4" } },
	{ "c-", CHECK_XATTR_MAP, { "-o", "xattrmap=:map::user.virtiofs.:" } },
	{ "rust-", CHECK_READONLY, { "--readonly" } },
	{ "rust-", CHECK_XATTR, { "--xattr" } },
	{ "rust-", CHECK_POSIX_ACL, { "--posix-acl" } },
	{ "rust-", CHECK_SUBMOUNTS, { "--announce-submounts" } },
	{ "rust-", CHECK_KILLPRIV_V2, { "--killpriv-v2" } },
	{ "rust-", CHECK_DIRECT_IO, { "--allow-direct-io" } },
	{ "rust-", CHECK_TAG, { "--tag=conform" } },
	{ "rust-", CHECK_TAG36, { "--tag=" TAG36 } },
	{ "rust-", CHECK_THREADS4, { "--thread-pool-size=4" } },
	{ "rust-",
	  CHECK_HANDLES,
	  { "--inode-file-handles=mandatory", "--modcaps=+dac_read_search" } },
	{ "rust-", CHECK_XATTR_MAP, { "--xattrmap=:map::user.virtiofs.:" } },
	{ "rust-",
	  CHECK_ID_MAP,
	  { "--translate-uid=map:0:1000:1000", "--translate-gid=map:0:1000:1000" } },
	{ "refdev", CHECK_READONLY, { "--readonly" } },
	{ "refdev", CHECK_XATTR, { "--xattr" } },
	{ "refdev", CHECK_POSIX_ACL, { "--posix-acl" } },
	{ "refdev", CHECK_SUBMOUNTS, { "--announce-submounts" } },
	/* In a user namespace the kernel always clears what set-id bits a write meets. */
	{ "refdev", CHECK_KILLPRIV_V2, { "--killpriv-v2", "--sandbox=privileged" } },
	{ "refdev", CHECK_DIRECT_IO, { "--allow-direct-io" } },
	{ "refdev", CHECK_TAG, { "--tag=conform" } },
	{ "refdev", CHECK_TAG36, { "--tag=" TAG36 } },
	{ "refdev", CHECK_KEEP, { "--keep" } },
	{ "refdev", CHECK_QUEUES4, { "--queues=4" } },
	{ "refdev", CHECK_THREADS4, { "--threads=4" } },
	{ "refdev", CHECK_WINDOW, { NULL } },
	/* It has none: a fault that says it has must be noticed. */
	{ "refdev", CHECK_POSIX_LOCKS, { NULL } },
};

/* In the order of enum check_option. */
static const char *const option_names[CHECK_OPTIONS] = {
	"cache=never",
	"cache=metadata",
	"cache=always",
	"writeback",
	"readonly",
	"xattr",
	"posix-acl",
	"posix-locks",
	"flock",
	"announce-submounts",
	"killpriv-v2",
	"direct-io",
	"tag",
	"4 queues",
	"4 threads",
	"file handles",
	"few descriptors",
	"xattr-map",
	"id-map",
	"DAX window",
	"small disk",
	"mounted folder",
	"tag of 36 bytes",
	"next front end",
	"no xattr",
	"known defaults",
};

const char *target_option_name(unsigned bit)
{
	for (unsigned i = 0; i < CHECK_OPTIONS; i++)
		if (bit == 1U << i)
			return option_names[i];
	return NULL;
}

static bool is_for(const struct option_words *w, const struct target *t)
{
	return t->stack && strncmp(t->stack->id, w->stack, strlen(w->stack)) == 0;
}

bool target_has_words(const struct target *t, unsigned bit)
{
	for (size_t i = 0; i < ARRAY_SIZE(option_words); i++)
		if (is_for(&option_words[i], t) && option_words[i].option & bit)
			return true;
	return false;
}

static unsigned cache_options(const struct stack *s)
{
	unsigned options = 0;

	if (s->cache_mask & (1U << CACHE_NEVER | 1U << CACHE_NONE))
		options |= CHECK_CACHE_NEVER;
	if (s->cache_mask & 1U << CACHE_METADATA)
		options |= CHECK_CACHE_METADATA;
	if (s->cache_mask & 1U << CACHE_ALWAYS)
		options |= CHECK_CACHE_ALWAYS;
	return options | (s->writeback ? CHECK_WRITEBACK : 0) | CHECK_FEW_FILES;
}

unsigned target_options(const struct target *t)
{
	/* Whose command line is not ours may have a window: the checks ask the device. */
	unsigned options = t->stack ? cache_options(t->stack) | CHECK_NO_XATTR | CHECK_DEFAULTS
				    : CHECK_WINDOW;

	/* For any daemon that we start its share can be another mount. */
	if (t->stack || t->words.count)
		options |= geteuid() == 0 ? CHECK_SMALL_DISK | CHECK_READONLY : 0;
	options |= geteuid() == 0 ? CHECK_SMALL_DISK | CHECK_MOUNTED : 0;
	for (size_t i = 0; i < ARRAY_SIZE(option_words); i++)
		if (is_for(&option_words[i], t))
			options |= option_words[i].option;
	return options;
}

/* Stacks name where a program comes from; what is known of it belongs to the program. */
static const char *product_of(const struct stack *s)
{
	static const struct {
		const char *stack;
		const char *product;
	} products[] = {
		{ "c-", "virtiofsd-c" },
		{ "rust-", "virtiofsd-rust" },
		{ "refdev", "virtiofs-refdev" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(products); i++)
		if (strncmp(s->id, products[i].stack, strlen(products[i].stack)) == 0)
			return products[i].product;
	return s->id;
}

int target_from_stack(const char *id, const struct stack_paths *paths, struct target *ret,
		      struct err *reterr)
{
	const struct stack *s = stack_find(id);
	CLEANUP(buf_free) struct buf known = { 0 };
	const struct stack *const *list;
	size_t count;

	if (s && s->kind == STACK_VIRTIOFS && !stack_makes_socket(s)) {
		*ret = (struct target){ .stack = s, .paths = *paths, .name = product_of(s) };
		(void)snprintf(ret->id, sizeof(ret->id), "%s", id);
		return 0;
	}
	list = stack_list(&count);
	for (size_t i = 0; i < count; i++)
		if (list[i]->kind == STACK_VIRTIOFS && !stack_makes_socket(list[i]))
			(void)buf_printf(&known, "%s%s", known.size ? ", " : "", list[i]->id);
	return err_set(reterr, -EINVAL,
		       "there is no daemon '%s' in the stack table; it has %s (or give --daemon or "
		       "--socket)",
		       id, buf_text(&known));
}

int target_from_words(const char *line, struct target *ret, struct err *reterr)
{
	bool share = false;
	bool socket = false;
	int e;

	*ret = (struct target){ .id = "daemon", .name = "daemon" };
	e = split_words(line, &ret->words, reterr);
	if (e == 0 && strv_failed(&ret->words))
		e = -ENOMEM;
	for (size_t i = 0; e == 0 && i < ret->words.count; i++) {
		share = share || strstr(ret->words.item[i], "{share}");
		socket = socket || strstr(ret->words.item[i], "{socket}") ||
			 strstr(ret->words.item[i], "{fd}");
	}
	if (e == 0 && (!share || !socket))
		e = err_set(reterr, -EINVAL,
			    "--daemon '%s': must hold {share} and {socket} (or {fd}): the folder "
			    "that it shares and where it listens",
			    line);
	if (e < 0)
		target_free(ret);
	return e;
}

void target_from_socket(const char *path, const char *share, struct target *ret)
{
	*ret = (struct target){ .id = "socket", .name = "socket", .socket = path, .share = share };
	(void)snprintf(ret->version, sizeof(ret->version), "unknown");
}

void target_free(struct target *t)
{
	strv_free(&t->words);
	strv_free(&t->more);
	strv_free(&t->env);
}

bool target_takes_fd(const struct target *t)
{
	if (t->stack)
		return true;
	for (size_t i = 0; i < t->words.count; i++)
		if (strstr(t->words.item[i], "{fd}"))
			return true;
	return false;
}

/* First line of what a program prints of itself. */
static void first_line(const struct buf *text, char *ret, size_t size)
{
	const char *t = buf_text(text);

	(void)snprintf(ret, size, "%.*s", (int)strcspn(t, "\n"), t);
}

int target_probe(struct target *t, struct err *reterr)
{
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(proc_output_free) struct proc_output out = { 0 };
	struct proc_spec spec = { 0 };
	int e;

	(void)snprintf(t->version, sizeof(t->version), "unknown");
	if (!t->stack)
		return 0;
	e = stack_probe_argv(t->stack, &t->paths, &argv);
	if (e < 0)
		return e;
	spec.argv = argv.item;
	e = proc_run(&spec, 64 * KIB, clock_deadline_ms(PROBE_TIMEOUT_MS), &out, reterr);
	if (e < 0)
		return err_prefix(reterr, e, "daemon %s", t->id);
	if (out.status != 0)
		return err_set(reterr, -EIO, "daemon %s: %s ended with status %d: %s", t->id,
			       argv.item[0], out.status, buf_text(&out.err));
	first_line(out.out.size ? &out.out : &out.err, t->version, sizeof(t->version));
	return 0;
}

static enum cache_mode cache_of(const struct stack *s, unsigned options)
{
	if (options & CHECK_CACHE_NEVER)
		return s->cache_mask & 1U << CACHE_NEVER ? CACHE_NEVER : CACHE_NONE;
	if (options & CHECK_CACHE_METADATA)
		return CACHE_METADATA;
	return options & CHECK_CACHE_ALWAYS ? CACHE_ALWAYS : CACHE_AUTO;
}

static int stack_argv(const struct target *t, unsigned options, const struct target_places *at,
		      struct strv *ret)
{
	struct daemon_config c = {
		.share = at->share,
		.listen_fd = at->listen_fd,
		.counters = at->counters,
		.tag = "conform",
		.cache = cache_of(t->stack, options),
		.writeback = options & CHECK_WRITEBACK,
		.nofile = options & CHECK_FEW_FILES ? FEW_FILES : MANY_FILES,
	};
	int e;

	if (options & CHECK_WINDOW) {
		c.dax = DAX_ALWAYS;
		c.window_bytes = WINDOW_BYTES;
	}
	e = stack_daemon_argv(t->stack, &t->paths, &c, ret);
	if (e < 0)
		return e;
	for (size_t i = 0; i < ARRAY_SIZE(option_words); i++)
		if (option_words[i].option & options && is_for(&option_words[i], t))
			strv_add_all(ret, option_words[i].words);
	return 0;
}

int target_argv(const struct target *t, unsigned options, const struct target_places *at,
		struct strv *ret)
{
	char fd[16];
	const struct word_value values[] = {
		{ "share", at->share },
		{ "socket", at->socket },
		{ "fd", fd },
	};
	struct err err;
	int e;

	(void)snprintf(fd, sizeof(fd), "%d", at->listen_fd);
	if (t->stack)
		e = stack_argv(t, options, at, ret);
	else
		e = words_add(ret, (const char *const *)t->words.item, values, ARRAY_SIZE(values),
			      &err);
	if (t->more.item)
		strv_add_all(ret, (const char *const *)t->more.item);
	return e < 0 ? e : strv_failed(ret) ? -ENOMEM : 0;
}

int split_words(const char *line, struct strv *ret, struct err *reterr)
{
	CLEANUP(buf_free) struct buf word = { 0 };
	bool has = false;
	char quote = 0;

	for (const char *at = line;; at++) {
		if (!*at && quote)
			return err_set(reterr, -EINVAL, "'%s': the quote %c is not closed", line,
				       quote);
		if (!quote && (!*at || strchr(" \t\n", *at))) {
			if (has)
				strv_add(ret, buf_text(&word));
			buf_clear(&word);
			has = false;
			if (!*at)
				return strv_failed(ret) ? -ENOMEM : 0;
			continue;
		}
		has = true;
		if (*at == quote && quote) {
			quote = 0;
			continue;
		}
		if (!quote && (*at == '\'' || *at == '"')) {
			quote = *at;
			continue;
		}
		if (*at == '\\' && quote != '\'' && at[1])
			at++;
		if (buf_add(&word, at, 1) < 0)
			return -ENOMEM;
	}
}
