// SPDX-License-Identifier: Apache-2.0
/* The ledger as JSON lines. */
#include "conformance/ref/ledger/ledger.h"

#include "base/buf.h"
#include "conformance/ref/fault/fault.h"
#include "conformance/ref/ledger/place.h"

#include <jansson.h>
#include <linux/fuse.h>
#include <string.h>
#include <unistd.h>

static const char *const kinds[LEDGER_KIND_COUNT] = { "request", "message", "map", "unmap" };

/* Names as in <linux/fuse.h>, without the prefix. */
static const char *const opcodes[REFDEV_OPCODES] = {
	[0] = "OTHER",
	[FUSE_LOOKUP] = "LOOKUP",
	[FUSE_FORGET] = "FORGET",
	[FUSE_GETATTR] = "GETATTR",
	[FUSE_SETATTR] = "SETATTR",
	[FUSE_READLINK] = "READLINK",
	[FUSE_SYMLINK] = "SYMLINK",
	[FUSE_MKNOD] = "MKNOD",
	[FUSE_MKDIR] = "MKDIR",
	[FUSE_UNLINK] = "UNLINK",
	[FUSE_RMDIR] = "RMDIR",
	[FUSE_RENAME] = "RENAME",
	[FUSE_LINK] = "LINK",
	[FUSE_OPEN] = "OPEN",
	[FUSE_READ] = "READ",
	[FUSE_WRITE] = "WRITE",
	[FUSE_STATFS] = "STATFS",
	[FUSE_RELEASE] = "RELEASE",
	[FUSE_FSYNC] = "FSYNC",
	[FUSE_SETXATTR] = "SETXATTR",
	[FUSE_GETXATTR] = "GETXATTR",
	[FUSE_LISTXATTR] = "LISTXATTR",
	[FUSE_REMOVEXATTR] = "REMOVEXATTR",
	[FUSE_FLUSH] = "FLUSH",
	[FUSE_INIT] = "INIT",
	[FUSE_OPENDIR] = "OPENDIR",
	[FUSE_READDIR] = "READDIR",
	[FUSE_RELEASEDIR] = "RELEASEDIR",
	[FUSE_FSYNCDIR] = "FSYNCDIR",
	[FUSE_GETLK] = "GETLK",
	[FUSE_SETLK] = "SETLK",
	[FUSE_SETLKW] = "SETLKW",
	[FUSE_ACCESS] = "ACCESS",
	[FUSE_CREATE] = "CREATE",
	[FUSE_INTERRUPT] = "INTERRUPT",
	[FUSE_BMAP] = "BMAP",
	[FUSE_DESTROY] = "DESTROY",
	[FUSE_IOCTL] = "IOCTL",
	[FUSE_POLL] = "POLL",
	[FUSE_BATCH_FORGET] = "BATCH_FORGET",
	[FUSE_FALLOCATE] = "FALLOCATE",
	[FUSE_READDIRPLUS] = "READDIRPLUS",
	[FUSE_RENAME2] = "RENAME2",
	[FUSE_LSEEK] = "LSEEK",
	[FUSE_COPY_FILE_RANGE] = "COPY_FILE_RANGE",
	[FUSE_SETUPMAPPING] = "SETUPMAPPING",
	[FUSE_REMOVEMAPPING] = "REMOVEMAPPING",
	[FUSE_SYNCFS] = "SYNCFS",
	[FUSE_TMPFILE] = "TMPFILE",
	[52] = "STATX",
};

const char *ledger_opcode_name(uint32_t opcode)
{
	return opcode < REFDEV_OPCODES ? opcodes[opcode] : NULL;
}

int ledger_opcode_from(const char *name, uint32_t *ret)
{
	for (uint32_t i = 1; i < REFDEV_OPCODES; i++) {
		if (!opcodes[i] || strcmp(opcodes[i], name) != 0)
			continue;
		*ret = i;
		return 0;
	}
	return -EINVAL;
}

static json_t *u64(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *ops_json(const struct refdev_counters *c)
{
	json_t *ops = json_object();
	char number[16];

	for (unsigned i = 0; i < REFDEV_OPCODES; i++) {
		if (c->op[i].requests == 0)
			continue;
		(void)snprintf(number, sizeof(number), "%u", i);
		(void)json_object_set_new(ops, opcodes[i] ? opcodes[i] : number,
					  json_pack("{s:o,s:o,s:o,s:o,s:o}", "requests",
						    u64(c->op[i].requests), "errors",
						    u64(c->op[i].errors), "ns", u64(c->op[i].ns),
						    "bytes_in", u64(c->op[i].bytes_in), "bytes_out",
						    u64(c->op[i].bytes_out)));
	}
	return ops;
}

/* How often each --fault did what it says: one that never fired has shown nothing. */
static json_t *faults_json(void)
{
	json_t *faults = json_array();
	struct fault_status s;

	for (size_t i = 0; fault_status(i, &s); i++)
		(void)json_array_append_new(faults,
					    json_pack("{s:s,s:s,s:o}", "name", s.row->name, "fault",
						      s.text, "fired", u64(s.fired)));
	return faults;
}

static json_t *summary(const struct refdev_counters *c)
{
	return json_pack(
		"{s:s,s:o,s:o,s:o,s:o,s:o,s:{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:b},s:{s:o,s:o,s:o,s:o,s:o},s:o}",
		"kind", "summary", "ops", ops_json(c), "bytes_read", u64(c->bytes_read),
		"bytes_written", u64(c->bytes_written), "kicks", u64(c->kicks), "interrupts",
		u64(c->interrupts), "mappings", "setups", u64(c->setups), "removals",
		u64(c->removals), "live", u64(c->live), "live_bytes", u64(c->live_bytes),
		"live_bytes_max", u64(c->live_bytes_max), "upgrades", u64(c->upgrades), "refused",
		u64(c->refused), "balanced", c->setups == c->removals + c->live, "latency_ns",
		"map", u64(c->map_ns), "unmap", u64(c->unmap_ns), "setup", u64(c->setup_ns),
		"setup_wait", u64(c->setup_wait_ns), "setup_told", u64(c->setup_told_ns), "faults",
		faults_json());
}

static json_t *event_json(uint64_t n, const struct ledger_event *e)
{
	json_t *j = json_pack("{s:s,s:o,s:o,s:o,s:i}", "kind", kinds[e->kind], "n", u64(n),
			      "start_ns", u64(e->start_ns), "end_ns", u64(e->end_ns), "result",
			      e->result);

	if (e->kind == LEDGER_REQUEST) {
		(void)json_object_set_new(j, "op",
					  e->code < REFDEV_OPCODES && opcodes[e->code]
						  ? json_string(opcodes[e->code])
						  : json_integer(e->code));
		(void)json_object_set_new(j, "queue", json_integer(e->queue));
		(void)json_object_set_new(j, "unique", u64(e->unique));
		(void)json_object_set_new(j, "nodeid", u64(e->nodeid));
		(void)json_object_set_new(j, "bytes", json_integer(e->bytes));
		(void)json_object_set_new(j, "used", json_integer(e->used));
	} else if (e->kind == LEDGER_MESSAGE) {
		(void)json_object_set_new(j, "message", json_integer(e->code));
	} else {
		(void)json_object_set_new(j, "offset", u64(e->nodeid));
		(void)json_object_set_new(j, "pages", json_integer(e->bytes));
	}
	return j;
}

static int write_line(int fd, json_t *line, struct err *reterr)
{
	CLEANUP(freep) char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
	size_t size = text ? strlen(text) : 0;
	size_t done = 0;

	json_decref(line);
	if (!text)
		return err_set(reterr, -ENOMEM, "no memory for a line of the ledger");
	text[size++] = '\n'; /* in the place of the terminator */
	while (done < size) {
		ssize_t n = write(fd, text + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_errno(reterr, n < 0 ? -errno : -EIO, "cannot write the ledger");
		done += (size_t)n;
	}
	return 0;
}

int ledger_write(int fd, struct err *reterr)
{
	struct refdev_counters c;
	uint64_t end;
	uint64_t n = ledger_first(&end);
	int e;

	ledger_counters(&c);
	e = write_line(fd, summary(&c), reterr);
	for (; e == 0 && n < end; n++) {
		struct ledger_event event;

		if (ledger_copy(n, &event))
			e = write_line(fd, event_json(n, &event), reterr);
	}
	return e;
}
