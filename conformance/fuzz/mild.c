// SPDX-License-Identifier: Apache-2.0
/* Requests as a guest makes them: of nodes and handles that it has, with arguments that a device may refuse. */
#include "conformance/fuzz/generate.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/stat.h>

static const char *const names[] = { "a", "b", "c", "d", "l", "m", "n", "o", "a longer name", "z" };
static const char *const keys[] = {
	"user.a",    "user.b",	"user.long-name-of-an-attribute", "security.capability",
	"trusted.c", "nonsense"
};
static const uint64_t sizes[] = { 0, 1, 7, 100, 4095, 4096, 4097, 65536, 131072 };
static const uint64_t modes[] = { 0644, 0755, 0600, 0, 0777, 04755, 02755, 01777 };
static const uint64_t open_flags[] = { O_RDONLY, O_RDWR,	   O_RDWR,
				       O_WRONLY, O_RDWR | O_TRUNC, O_RDWR | O_APPEND };

static const char *name(struct gen *g)
{
	return PICK(g, names);
}

void mild_put_node(struct program_step *s, const char *field, const struct node *n)
{
	if (n)
		program_add_symbol(s, field, PROGRAM_NODE, n->symbol, 0);
	else
		program_add_number(s, field, FUSE_ROOT_ID);
}

/* A folder; NULL is the root. */
static const struct node *dir(struct gen *g)
{
	const struct node *n = g->node_count ? &g->node[rng_below(&g->rng, g->node_count)] : NULL;

	return n && n->dir ? n : NULL;
}

const struct node *mild_node(struct gen *g)
{
	return g->node_count && !one_in(g, 6) ? &g->node[rng_below(&g->rng, g->node_count)] : NULL;
}

/* A new symbol, or none when there are many: then its reply is not kept. */
static void keep_node(struct gen *g, struct program_step *s, bool is_dir)
{
	if (g->node_count == THINGS_MAX || g->nodes == PROGRAM_SYMBOLS_MAX - 1)
		return;
	g->nodes++;
	program_give(s, PROGRAM_NODE, g->nodes);
	g->node[g->node_count++] = (struct node){ g->nodes, is_dir };
}

static void keep_handle(struct gen *g, struct program_step *s, const struct node *n)
{
	static const struct node root = { 0, true };

	if (g->handle_count == THINGS_MAX || g->handles == PROGRAM_SYMBOLS_MAX - 1)
		return;
	g->handles++;
	program_give(s, PROGRAM_HANDLE, g->handles);
	g->handle[g->handle_count++] = (struct handle){ g->handles, n ? *n : root };
}

static struct program_step *on_dir(struct gen *g, const char *verb)
{
	struct program_step *s = program_add(g->p, verb);

	mild_put_node(s, "nodeid", dir(g));
	program_add_text(s, "name", name(g));
	return s;
}

static void lookup(struct gen *g)
{
	const char *what = name(g);
	struct program_step *s = program_add(g->p, "LOOKUP");

	mild_put_node(s, "nodeid", dir(g));
	program_add_text(s, "name", what);
	keep_node(g, s, strcmp(what, "d") == 0);
}

static void create(struct gen *g)
{
	struct program_step *s = on_dir(g, "CREATE");
	struct node n;

	program_add_number(s, "flags", PICK(g, open_flags));
	program_add_number(s, "mode", PICK(g, modes) | S_IFREG);
	keep_node(g, s, false);
	n = (struct node){ g->nodes, false };
	keep_handle(g, s, &n);
}

static void make_dir(struct gen *g)
{
	struct program_step *s = on_dir(g, "MKDIR");

	program_add_number(s, "mode", PICK(g, modes));
	keep_node(g, s, true);
}

static void make_node(struct gen *g)
{
	struct program_step *s = on_dir(g, "MKNOD");

	program_add_number(s, "mode", PICK(g, modes) | S_IFREG);
	keep_node(g, s, false);
}

static void make_link(struct gen *g)
{
	struct program_step *s = on_dir(g, "SYMLINK");

	program_add_text(s, "target", name(g));
	keep_node(g, s, false);
}

static void link_node(struct gen *g)
{
	struct program_step *s = on_dir(g, "LINK");

	mild_put_node(s, "oldnodeid", mild_node(g));
	keep_node(g, s, false);
}

static void remove_name(struct gen *g)
{
	(void)on_dir(g, one_in(g, 3) ? "RMDIR" : "UNLINK");
}

static void rename_node(struct gen *g)
{
	static const uint64_t flags[] = { 0, 1, 2 };
	bool two = one_in(g, 2);
	struct program_step *s = on_dir(g, two ? "RENAME2" : "RENAME");

	mild_put_node(s, "newdir", dir(g));
	program_add_text(s, "newname", name(g));
	if (two)
		program_add_number(s, "flags", PICK(g, flags));
}

static void get_attr(struct gen *g)
{
	mild_put_node(program_add(g->p, "GETATTR"), "nodeid", mild_node(g));
}

static void set_attr(struct gen *g)
{
	static const uint64_t valid[] = { FATTR_MODE,
					  FATTR_SIZE,
					  FATTR_UID | FATTR_GID,
					  FATTR_MTIME | FATTR_ATIME,
					  FATTR_ATIME_NOW | FATTR_ATIME,
					  FATTR_SIZE | FATTR_MODE };
	struct program_step *s = program_add(g->p, "SETATTR");

	mild_put_node(s, "nodeid", mild_node(g));
	program_add_number(s, "valid", PICK(g, valid));
	program_add_number(s, "size", PICK(g, sizes));
	program_add_number(s, "mode", PICK(g, modes));
	program_add_number(s, "mtime", rng_below(&g->rng, UINT32_MAX));
}

static void of_node(struct gen *g)
{
	static const char *const verbs[] = { "READLINK", "STATFS", "GETATTR" };

	mild_put_node(program_add(g->p, PICK(g, verbs)), "nodeid", mild_node(g));
}

static void access_node(struct gen *g)
{
	struct program_step *s = program_add(g->p, "ACCESS");

	mild_put_node(s, "nodeid", mild_node(g));
	program_add_number(s, "mask", rng_below(&g->rng, 8));
}

static void open_node(struct gen *g)
{
	const struct node *n = mild_node(g);
	bool is_dir = !n || n->dir;
	struct program_step *s = program_add(g->p, is_dir ? "OPENDIR" : "OPEN");

	mild_put_node(s, "nodeid", n);
	if (!is_dir)
		program_add_number(s, "flags", PICK(g, open_flags));
	keep_handle(g, s, n);
}

static void release(struct gen *g)
{
	size_t i = g->handle_count ? rng_below(&g->rng, g->handle_count) : 0;
	const struct handle *h = &g->handle[i];
	struct program_step *s;

	if (!g->handle_count)
		return;
	s = program_add(g->p, h->node.dir ? "RELEASEDIR" : "RELEASE");
	mild_put_node(s, "nodeid", h->node.symbol ? &h->node : NULL);
	program_add_symbol(s, "fh", PROGRAM_HANDLE, h->symbol, 0);
	g->handle[i] = g->handle[--g->handle_count];
}

static bool is_open(const struct gen *g, uint32_t symbol)
{
	for (size_t i = 0; i < g->handle_count; i++)
		if (g->handle[i].node.symbol == symbol)
			return true;
	return false;
}

/* Each reply counted one; a guest forgets what nothing of it is open any more. */
static void forget(struct gen *g)
{
	size_t i = g->node_count ? rng_below(&g->rng, g->node_count) : 0;
	struct program_step *s;

	if (!g->node_count || is_open(g, g->node[i].symbol))
		return;
	s = program_add(g->p, "FORGET");
	mild_put_node(s, "nodeid", &g->node[i]);
	program_add_number(s, "nlookup", 1);
	g->node[i] = g->node[--g->node_count];
}

static void set_xattr(struct gen *g)
{
	struct program_step *s = program_add(g->p, "SETXATTR");

	mild_put_node(s, "nodeid", mild_node(g));
	program_add_text(s, "name", PICK(g, keys));
	program_add_fill(s, "value", rng_below(&g->rng, 300), 1);
	program_add_number(s, "flags", rng_below(&g->rng, 3));
}

static void get_xattr(struct gen *g)
{
	bool list = one_in(g, 2);
	struct program_step *s = program_add(g->p, list ? "LISTXATTR" : "GETXATTR");

	mild_put_node(s, "nodeid", mild_node(g));
	program_add_number(s, "size", PICK(g, sizes));
	if (!list)
		program_add_text(s, "name", PICK(g, keys));
}

static void remove_xattr(struct gen *g)
{
	struct program_step *s = program_add(g->p, "REMOVEXATTR");

	mild_put_node(s, "nodeid", mild_node(g));
	program_add_text(s, "name", PICK(g, keys));
}

static void on_host(struct gen *g)
{
	static const char *const verbs[] = { "host-remove", "host-truncate", "host-file",
					     "host-mkdir" };
	struct program_step *s = program_add(g->p, PICK(g, verbs));

	program_add_text(s, "name", name(g));
}

static const struct {
	unsigned weight;
	void (*make)(struct gen *g);
} rows[] = {
	{ 12, lookup },	     { 8, create },	    { 5, make_dir },	    { 2, make_node },
	{ 3, make_link },    { 3, link_node },	    { 6, remove_name },	    { 6, rename_node },
	{ 4, get_attr },     { 6, set_attr },	    { 3, of_node },	    { 2, access_node },
	{ 10, open_node },   { 8, mild_read_file }, { 8, mild_write_file }, { 6, mild_read_dir },
	{ 3, mild_on_file }, { 4, mild_allocate },  { 3, mild_seek },	    { 3, mild_copy },
	{ 5, release },	     { 4, forget },	    { 3, set_xattr },	    { 3, get_xattr },
	{ 2, remove_xattr }, { 3, on_host },	    { 3, mild_map_file },   { 1, mild_unmap_file },
};

void generate_mild(struct gen *g)
{
	unsigned sum = 0;
	uint64_t at;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		sum += rows[i].weight;
	at = rng_below(&g->rng, sum);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (at < rows[i].weight) {
			rows[i].make(g);
			return;
		}
		at -= rows[i].weight;
	}
}
