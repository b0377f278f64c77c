// SPDX-License-Identifier: Apache-2.0
/* What a device wrote, against what was asked. Copied out of guest memory before. */
#include "conformance/front/dirent.h"
#include "conformance/front/request.h"

#include <string.h>
#include <sys/stat.h>

/* Errors beyond that are not Linux's: the kernel refuses such a reply. Source: fs/fuse/dev.c. */
#define ERRNO_MAX 511
#define NSEC_MAX  1000000000U

struct opcode_row {
	const char *name;
	size_t size; /* what verify() reads of the payload, whatever a check may have asked for */
	void (*verify)(struct front_evidence *e, const struct front_request *r);
};

static void field(struct front_evidence *e, const struct front_request *r, const char *what,
		  uint64_t value)
{
	char scratch[32];

	front_fault(e, FRONT_FAULT_FIELD, "%s, unique %llu: %s is %llu",
		    front_op_name(r->opcode, scratch, sizeof(scratch)),
		    (unsigned long long)r->unique, what, (unsigned long long)value);
}

static void verify_attr_of(struct front_evidence *e, const struct front_request *r,
			   const struct fuse_attr *a, uint32_t valid_nsec)
{
	static const mode_t types[] = { S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR,
					S_IFBLK, S_IFIFO, S_IFSOCK };
	bool known = false;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		known |= (a->mode & S_IFMT) == types[i];
	if (!known)
		field(e, r, "attr.mode", a->mode);
	if (a->size > INT64_MAX)
		field(e, r, "attr.size", a->size);
	if (a->atimensec >= NSEC_MAX || a->mtimensec >= NSEC_MAX || a->ctimensec >= NSEC_MAX)
		field(e, r, "a time's nanoseconds", a->atimensec | a->mtimensec | a->ctimensec);
	if (valid_nsec >= NSEC_MAX)
		field(e, r, "attr_valid_nsec", valid_nsec);
}

static void verify_attr(struct front_evidence *e, const struct front_request *r)
{
	struct fuse_attr_out out;

	memcpy(&out, r->payload, sizeof(out));
	verify_attr_of(e, r, &out.attr, out.attr_valid_nsec);
}

/* nodeid 0 is a name that may be remembered as missing: only its time counts. */
static void verify_entry(struct front_evidence *e, const struct front_request *r)
{
	struct fuse_entry_out out;

	memcpy(&out, r->payload, sizeof(out));
	if (out.entry_valid_nsec >= NSEC_MAX)
		field(e, r, "entry_valid_nsec", out.entry_valid_nsec);
	if (out.nodeid == 0 && r->opcode != FUSE_LOOKUP)
		field(e, r, "nodeid", 0);
	if (out.nodeid != 0)
		verify_attr_of(e, r, &out.attr, out.attr_valid_nsec);
}

static void verify_write(struct front_evidence *e, const struct front_request *r)
{
	struct fuse_write_out out;
	struct fuse_write_in in;

	memcpy(&out, r->payload, sizeof(out));
	if (r->in_size < sizeof(struct fuse_in_header) + sizeof(in))
		return;
	memcpy(&in, r->in + sizeof(struct fuse_in_header), sizeof(in));
	if (out.size > in.size)
		field(e, r, "size written", out.size);
}

static void verify_copy(struct front_evidence *e, const struct front_request *r)
{
	struct fuse_write_out out;
	struct fuse_copy_file_range_in in;

	memcpy(&out, r->payload, sizeof(out));
	if (r->in_size < sizeof(struct fuse_in_header) + sizeof(in))
		return;
	memcpy(&in, r->in + sizeof(struct fuse_in_header), sizeof(in));
	if (out.size > in.len)
		field(e, r, "size copied", out.size);
}

static void verify_dirents(struct front_evidence *e, const struct front_request *r)
{
	struct front_dirents d;
	struct front_dirent entry;
	int more;

	front_dirents_begin(&d, r->payload, r->payload_size, r->opcode == FUSE_READDIRPLUS);
	while ((more = front_dirents_next(&d, &entry)) > 0)
		continue;
	if (more < 0)
		front_fault(e, FRONT_FAULT_DIRENT, "unique %llu: %s at byte %zu",
			    (unsigned long long)r->unique, d.wrong, d.at);
}

/* Sizes that INIT's reply had over time: 7.4, 7.22, and since 7.23. */
static void verify_init(struct front_evidence *e, const struct front_request *r)
{
	if (r->payload_size != FUSE_COMPAT_INIT_OUT_SIZE &&
	    r->payload_size != FUSE_COMPAT_22_INIT_OUT_SIZE &&
	    r->payload_size != sizeof(struct fuse_init_out))
		front_fault(e, FRONT_FAULT_PAYLOAD, "INIT: %zu bytes", r->payload_size);
}

#define OP(name)		   [FUSE_##name] = { #name, 0, NULL }
#define OP_VERIFY(name, size, how) [FUSE_##name] = { #name, size, how }
#define ENTRY			   sizeof(struct fuse_entry_out)
#define ATTR			   sizeof(struct fuse_attr_out)
#define WRITTEN			   sizeof(struct fuse_write_out)

static const struct opcode_row opcodes[] = {
	OP_VERIFY(LOOKUP, ENTRY, verify_entry),
	OP(FORGET),
	OP_VERIFY(GETATTR, ATTR, verify_attr),
	OP_VERIFY(SETATTR, ATTR, verify_attr),
	OP(READLINK),
	OP_VERIFY(SYMLINK, ENTRY, verify_entry),
	OP_VERIFY(MKNOD, ENTRY, verify_entry),
	OP_VERIFY(MKDIR, ENTRY, verify_entry),
	OP(UNLINK),
	OP(RMDIR),
	OP(RENAME),
	OP_VERIFY(LINK, ENTRY, verify_entry),
	OP(OPEN),
	OP(READ),
	OP_VERIFY(WRITE, WRITTEN, verify_write),
	OP(STATFS),
	OP(RELEASE),
	OP(FSYNC),
	OP(SETXATTR),
	OP(GETXATTR),
	OP(LISTXATTR),
	OP(REMOVEXATTR),
	OP(FLUSH),
	OP_VERIFY(INIT, 0, verify_init),
	OP(OPENDIR),
	OP_VERIFY(READDIR, 0, verify_dirents),
	OP(RELEASEDIR),
	OP(FSYNCDIR),
	OP(GETLK),
	OP(SETLK),
	OP(SETLKW),
	OP(ACCESS),
	OP_VERIFY(CREATE, ENTRY, verify_entry),
	OP(INTERRUPT),
	OP(BMAP),
	OP(DESTROY),
	OP(IOCTL),
	OP(POLL),
	OP(NOTIFY_REPLY),
	OP(BATCH_FORGET),
	OP(FALLOCATE),
	OP_VERIFY(READDIRPLUS, 0, verify_dirents),
	OP(RENAME2),
	OP(LSEEK),
	OP_VERIFY(COPY_FILE_RANGE, WRITTEN, verify_copy),
	OP(SETUPMAPPING),
	OP(REMOVEMAPPING),
	OP(SYNCFS),
	OP_VERIFY(TMPFILE, ENTRY, verify_entry),
	[FUSE_OP_STATX] = { "STATX", 0, NULL },
};

const char *front_op_name(uint32_t opcode, char *scratch, size_t size)
{
	if (opcode < ARRAY_SIZE(opcodes) && opcodes[opcode].name)
		return opcodes[opcode].name;
	(void)snprintf(scratch, size, "opcode %u", opcode);
	return scratch;
}

/* Is the header one that Linux takes? Source: fs/fuse/virtio_fs.c, virtio_fs_verify_response(). */
static int check_header(struct front_evidence *e, const struct front_request *r)
{
	const struct fuse_out_header *h = &r->head;
	unsigned long long unique = r->unique;
	bool in_range = h->error <= 0 && h->error >= -ERRNO_MAX;
	bool bare = h->error == 0 || r->used == sizeof(*h);

	if (h->len != r->used)
		front_fault(e, FRONT_FAULT_OUT_LEN, "unique %llu: out.len %u, used %u", unique,
			    h->len, r->used);
	if (h->unique != r->unique)
		front_fault(e, FRONT_FAULT_UNIQUE, "%llu instead of %llu",
			    (unsigned long long)h->unique, unique);
	if (!in_range)
		front_fault(e, FRONT_FAULT_ERROR_RANGE, "unique %llu: %d", unique, h->error);
	else if (!bare)
		front_fault(e, FRONT_FAULT_ERROR_BODY, "unique %llu: error %d with %u bytes",
			    unique, h->error, r->used);
	return h->len == r->used && h->unique == r->unique && in_range && bare ? 0 : FRONT_BROKEN;
}

static int check_payload(struct front_evidence *e, struct front_request *r)
{
	char scratch[32];

	if (r->payload_size < r->out_min || r->payload_size > r->out_max) {
		front_fault(e, FRONT_FAULT_PAYLOAD, "%s, unique %llu: %zu bytes, not %zu to %zu",
			    front_op_name(r->opcode, scratch, sizeof(scratch)),
			    (unsigned long long)r->unique, r->payload_size, r->out_min, r->out_max);
		return FRONT_BROKEN;
	}
	if (r->opcode < ARRAY_SIZE(opcodes) && opcodes[r->opcode].verify &&
	    r->payload_size >= opcodes[r->opcode].size)
		opcodes[r->opcode].verify(e, r);
	return 0;
}

static int decode_unasked(struct front_evidence *e, const struct front_request *r)
{
	if (r->used == 0)
		return 0;
	front_fault(e, FRONT_FAULT_UNASKED_REPLY, "unique %llu: %u bytes used",
		    (unsigned long long)r->unique, r->used);
	return FRONT_BROKEN;
}

int front_decode(struct front_evidence *e, struct front_request *r)
{
	int result;

	if (r->used >= sizeof(r->head)) {
		memcpy(&r->head, r->out, sizeof(r->head));
		r->payload = r->out + sizeof(r->head);
		r->payload_size = r->used - sizeof(r->head);
	}
	if (r->raw)
		return r->used >= sizeof(r->head) ? r->head.error : FRONT_BROKEN;
	if (r->no_reply || (r->maybe_no_reply && r->used == 0))
		return decode_unasked(e, r);
	if (r->used < sizeof(r->head)) {
		front_fault(e, FRONT_FAULT_SHORT_REPLY, "unique %llu: %u bytes used",
			    (unsigned long long)r->unique, r->used);
		return FRONT_BROKEN;
	}
	result = check_header(e, r);
	if (result == 0)
		result = r->head.error;
	return result == 0 ? check_payload(e, r) : result;
}
