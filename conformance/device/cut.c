// SPDX-License-Identifier: Apache-2.0
/* Messages whose names are cut off, or hold what no name can. */
#include "conformance/device/areas.h"
#include "conformance/device/carriers.h"

/* A message without its last @cut bytes. */
static int ask_cut(struct check_run *r, const struct front_op *op, size_t cut)
{
	struct front_request *q = NULL;
	uint32_t size;
	int e = front_prepare(r->f, op, &q);

	if (e != 0)
		return e;
	e = front_request_resize(q, q->in_size - cut);
	size = (uint32_t)q->in_size;
	memcpy(q->in, &size, sizeof(size));
	/* Every answer is fine that has a header. */
	q->out_min = 0;
	q->out_max = UINT32_MAX;
	if (e == 0)
		e = front_submit(q);
	if (e == 0)
		e = front_wait(q, front_deadline(r->f));
	front_request_free(q);
	return e;
}

static void no_nul(struct check_run *r)
{
	struct escape e;

	WANT(begin(r, &e));
	for (size_t i = 0; i < ARRAY_SIZE(carriers); i++) {
		struct front_op op = carriers[i].op(FRONT_ROOT, e.file, "unended");
		char what[80];

		(void)snprintf(what, sizeof(what), "%s whose last name has no NUL",
			       carriers[i].name);
		WANT_ONE_OF(r, what, ask_cut(r, &op, 1), -EINVAL, -EIO, -EPROTO, -ENOENT);
		WANT(tree_same(r, e.before, what));
	}
	WANT(check_alive(r));
}

static void second_missing(struct check_run *r)
{
	struct front_op ops[] = {
		front_op_rename(FRONT_ROOT, "file", FRONT_ROOT, "new"),
		front_op_rename2(FRONT_ROOT, "file", FRONT_ROOT, "new", 0),
		front_op_symlink(FRONT_ROOT, "new", "abc"),
	};
	struct escape e;

	WANT(begin(r, &e));
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		WANT_ONE_OF(r, "RENAME, RENAME2, SYMLINK with one name instead of two",
			    ask_cut(r, &ops[i], 4), -EINVAL, -EIO, -EPROTO, -ENOENT);
		WANT(tree_same(r, e.before, "a request with one name instead of two"));
	}
	WANT(check_alive(r));
}

static void no_name(struct check_run *r)
{
	struct escape e;

	WANT(begin(r, &e));
	for (size_t i = 0; i < ARRAY_SIZE(carriers); i++) {
		struct front_op op = carriers[i].op(FRONT_ROOT, e.file, "x");
		size_t names = 0;
		char what[64];

		for (unsigned n = 0; n < op.tail_count; n++)
			names += op.tail[n].iov_len;
		(void)snprintf(what, sizeof(what), "%s without any name", carriers[i].name);
		WANT_ONE_OF(r, what, ask_cut(r, &op, names), -EINVAL, -EIO, -EPROTO, -ENOENT);
		WANT(tree_same(r, e.before, what));
	}
	WANT(check_alive(r));
}

/* A name ends at its NUL: what follows is refused, or not looked at. */
static void nul_inside(struct check_run *r)
{
	static const char name[] = "made\0../x";
	struct front_op op = front_op_mkdir(FRONT_ROOT, "", 0755);
	struct front_op look = front_op_lookup(FRONT_ROOT, "");
	CLEANUP(tree_list_free) struct tree_list l = { 0 };
	int e;

	op.tail[0] = (struct iovec){ (void *)name, sizeof(name) };
	look.tail[0] = (struct iovec){ (void *)name, sizeof(name) };
	e = ask(r, &op);
	WANT_ONE_OF(r, "MKDIR of \"made\\0../x\"", e, 0, -EINVAL, -ENOENT);
	WANT_SAME(r, e == 0, "whether \"made\" is there", host_exists(r->share, "made"));
	WANT_ONE_OF(r, "LOOKUP of \"made\\0../x\"", ask(r, &look), 0, -EINVAL, -ENOENT);
	WANT_OK(r, "the listing", tree_list(r->f, FRONT_ROOT, false, 4096, 20, &l));
	for (unsigned i = 0; i < l.count; i++)
		WANT_THAT(r, tree_is_dots(l.item[i].name) || strcmp(l.item[i].name, "made") == 0,
			  "no other name", "\"%.100s\"", l.item[i].name);
}

/* A device that went silent is known after a second. */
static const struct front_options impatient = { .timeout_ms = 1000 };

static const struct check checks[] = {
	{
		.id = "cut.no-nul",
		.title = "a name without its NUL is refused",
		.rows = "VIRTIO-FS-SEC-010",
		.sends = "all opcodes with a name, the message one byte shorter",
		.wants = "EINVAL, EIO, EPROTO or ENOENT; nothing changes; the device serves on",
		.catches = "name-unended",
		.front = &impatient,
		.run = no_nul,
	},
	{
		.id = "cut.one-of-two",
		.title = "RENAME and SYMLINK with one name are refused",
		.rows = "VIRTIO-FS-SEC-010",
		.sends = "RENAME, RENAME2, SYMLINK, their second name left out",
		.wants = "EINVAL, EIO, EPROTO or ENOENT; nothing changes; the device serves on",
		.catches = "lost:op=RENAME lost:op=RENAME2 exit-at:SYMLINK",
		.front = &impatient,
		.run = second_missing,
	},
	{
		.id = "cut.no-name",
		.title = "a request without any name is refused",
		.rows = "VIRTIO-FS-SEC-010",
		.sends = "all opcodes with a name, none in the message",
		.wants = "EINVAL, EIO, EPROTO or ENOENT; nothing changes; the device serves on",
		.catches = "lost:op=UNLINK lost:op=RENAME",
		.front = &impatient,
		.run = no_name,
	},
	{
		.id = "cut.nul-inside",
		.title = "a name ends at its first NUL",
		.rows = "VIRTIO-FS-SEC-010 VIRTIO-FS-SEC-006",
		.sends = "MKDIR and LOOKUP of \"made\\0../x\"",
		.wants = "\"made\" and nothing else, or EINVAL or ENOENT and nothing at all",
		.catches = "lost:op=MKDIR",
		.front = &impatient,
		.run = nul_inside,
	},
};

const struct check_area area_cut = { "cut", "Names that are cut off", checks, ARRAY_SIZE(checks) };
