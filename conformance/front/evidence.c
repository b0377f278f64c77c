// SPDX-License-Identifier: Apache-2.0
#include "conformance/front/evidence.h"

#include "base/clock.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#define HEX_COLUMNS 16

#define ROW(id, name_, requirement_, text_) \
	[id] = { .name = (name_), .requirement = (requirement_), .text = (text_) }

const struct front_fault_row front_faults[FRONT_FAULT_COUNT] = {
	ROW(FRONT_FAULT_HEADER, "vu.header", "VU-007", "a message header that cannot be"),
	ROW(FRONT_FAULT_REPLY, "vu.reply", "VU-007", "a message that nobody asked for"),
	ROW(FRONT_FAULT_REPLY_SIZE, "vu.reply-size", "VU-010", "a reply of another size"),
	ROW(FRONT_FAULT_REPLY_FDS, "vu.reply-fds", "VU-012", "descriptors where none belong"),
	ROW(FRONT_FAULT_GONE, "vu.gone", "VU-017", "the device closed the connection"),
	ROW(FRONT_FAULT_SILENT, "vu.silent", "VU-017", "no answer before the deadline"),
	ROW(FRONT_FAULT_USED_INDEX, "vq.used-index", "VIRTIO-FS-QUEUE-028",
	    "the used ring ran ahead or back"),
	ROW(FRONT_FAULT_USED_ID, "vq.used-id", "VIRTIO-FS-QUEUE-028",
	    "a used element for what is not in flight"),
	ROW(FRONT_FAULT_USED_LEN, "vq.used-len", "VIRTIO-FS-QUEUE-027",
	    "more used than is writable"),
	ROW(FRONT_FAULT_USED_FLAGS, "vq.used-flags", "VIRTIO-VQ-016", "flags that do not exist"),
	ROW(FRONT_FAULT_DESC_WRITTEN, "vq.desc-written", "VIRTIO-VQ-006",
	    "a descriptor was written"),
	ROW(FRONT_FAULT_AVAIL_WRITTEN, "vq.avail-written", "VIRTIO-VQ-006",
	    "the driver's own part of a ring was written"),
	ROW(FRONT_FAULT_LOST_CALL, "vq.lost-call", "VIRTIO-VQ-014",
	    "used, but the driver was not told"),
	ROW(FRONT_FAULT_NOT_USED, "vq.not-used", "VIRTIO-FS-QUEUE-028",
	    "a request did not come back before the deadline"),
	ROW(FRONT_FAULT_CANARY, "mem.canary", "VIRTIO-FS-QUEUE-016",
	    "bytes beside a buffer were written"),
	ROW(FRONT_FAULT_READABLE_WRITTEN, "mem.readable-written", "VIRTIO-VQ-005",
	    "a readable buffer was written"),
	ROW(FRONT_FAULT_BEHIND_USED, "mem.behind-used", "VIRTIO-FS-QUEUE-024",
	    "bytes behind the used length were written"),
	ROW(FRONT_FAULT_SHORT_REPLY, "fuse.short-reply", "VIRTIO-FS-QUEUE-023",
	    "no whole header in the reply"),
	ROW(FRONT_FAULT_OUT_LEN, "fuse.out-len", "VIRTIO-FS-QUEUE-023",
	    "out.len is not the used length"),
	ROW(FRONT_FAULT_UNIQUE, "fuse.unique", "VIRTIO-FS-QUEUE-005",
	    "out.unique of another request"),
	ROW(FRONT_FAULT_ERROR_RANGE, "fuse.error-range", "VIRTIO-FS-QUEUE-006",
	    "out.error is no Linux errno"),
	ROW(FRONT_FAULT_ERROR_BODY, "fuse.error-body", "VIRTIO-FS-QUEUE-007",
	    "an error with a payload"),
	ROW(FRONT_FAULT_PAYLOAD, "fuse.payload", "VIRTIO-FS-QUEUE-004",
	    "a payload of a wrong size"),
	ROW(FRONT_FAULT_UNASKED_REPLY, "fuse.unasked-reply", "VIRTIO-FS-QUEUE-013",
	    "a reply to what has none"),
	ROW(FRONT_FAULT_FIELD, "fuse.field", "FUSE-ATTR-011", "a field with an impossible value"),
	ROW(FRONT_FAULT_DIRENT, "fuse.dirent", "VIRTIO-FS-QUEUE-003",
	    "folder entries that do not parse"),
	ROW(FRONT_FAULT_BACKEND_MESSAGE, "shmem.message", "VU-SHMEM-001",
	    "a request of the back-end that was not negotiated or is unknown"),
	ROW(FRONT_FAULT_MAP_PAYLOAD, "shmem.payload", "VU-SHMEM-007",
	    "a payload of a wrong size, or padding that is not zero"),
	ROW(FRONT_FAULT_MAP_FDS, "shmem.fds", "VU-SHMEM-007", "not exactly one descriptor"),
	ROW(FRONT_FAULT_MAP_SHMID, "shmem.shmid", "VU-SHMEM-005", "a region that does not exist"),
	ROW(FRONT_FAULT_MAP_BOUNDS, "shmem.bounds", "VU-SHMEM-017",
	    "outside the window, empty, or wrapped"),
	ROW(FRONT_FAULT_MAP_ALIGN, "shmem.align", "VU-SHMEM-017", "not aligned to pages"),
	ROW(FRONT_FAULT_MAP_OVERLAP, "shmem.overlap", "VU-SHMEM-009", "over a live mapping"),
	ROW(FRONT_FAULT_MAP_FLAGS, "shmem.flags", "VU-SHMEM-016", "unknown flags"),
	ROW(FRONT_FAULT_MAP_FILE, "shmem.file", "VU-SHMEM-013",
	    "a descriptor that a VMM cannot map (end of file, access, type)"),
	ROW(FRONT_FAULT_MAP_STOPPED, "shmem.stopped", "VU-SHMEM-020",
	    "a request while all rings are stopped"),
	ROW(FRONT_FAULT_UNMAP_OTHER, "shmem.unmap", "VU-SHMEM-010",
	    "not exactly one earlier mapping"),
};

struct front_evidence *front_evidence_new(size_t events)
{
	struct front_evidence *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->room = events ? events : 1;
	e->event = calloc(e->room, sizeof(*e->event));
	e->start_ns = clock_now_ns();
	return e->event ? e : front_evidence_free(e);
}

struct front_evidence *front_evidence_free(struct front_evidence *e)
{
	if (e)
		free(e->event);
	free(e);
	return NULL;
}

/* The event to be filled next; the oldest one makes room. */
static struct front_event *next_event(struct front_evidence *e, int fault)
{
	struct front_event *v = &e->event[e->total++ % e->room];

	v->ns = clock_now_ns();
	v->fault = fault;
	v->size = 0;
	return v;
}

void front_fault(struct front_evidence *e, enum front_fault kind, const char *fmt, ...)
{
	struct front_event *v;
	va_list args;

	assert((unsigned)kind < FRONT_FAULT_COUNT);
	if (!e)
		return;
	v = next_event(e, (int)kind);
	va_start(args, fmt);
	(void)vsnprintf(v->text, sizeof(v->text), fmt, args);
	va_end(args);
	e->by_kind[kind]++;
	if (e->allowed[kind])
		return;
	e->count++;
	if (e->kept < FRONT_FAULTS_KEPT)
		e->fault[e->kept++] = *v;
}

void front_note(struct front_evidence *e, const void *data, size_t size, const char *fmt, ...)
{
	struct front_event *v;
	va_list args;

	if (!e || !e->traffic)
		return;
	v = next_event(e, -1);
	va_start(args, fmt);
	(void)vsnprintf(v->text, sizeof(v->text), fmt, args);
	va_end(args);
	if (!data)
		return;
	v->size = size;
	memcpy(v->data, data, size < sizeof(v->data) ? size : sizeof(v->data));
}

unsigned front_evidence_count(const struct front_evidence *e)
{
	return e->count;
}

unsigned front_evidence_of(const struct front_evidence *e, enum front_fault kind)
{
	assert((unsigned)kind < FRONT_FAULT_COUNT);
	return e->by_kind[kind];
}

void front_evidence_allow(struct front_evidence *e, enum front_fault kind)
{
	assert((unsigned)kind < FRONT_FAULT_COUNT);
	e->allowed[kind] = true;
}

void front_evidence_clear(struct front_evidence *e)
{
	e->total = 0;
	e->count = 0;
	e->kept = 0;
	memset(e->by_kind, 0, sizeof(e->by_kind));
	memset(e->allowed, 0, sizeof(e->allowed));
}

static int hex_line(struct buf *b, const uint8_t *data, size_t at, size_t size)
{
	int e = buf_printf(b, "    %04zx ", at);

	for (size_t i = 0; e == 0 && i < HEX_COLUMNS; i++)
		e = at + i < size ? buf_printf(b, " %02x", data[at + i]) : buf_printf(b, "   ");
	if (e == 0)
		e = buf_add(b, "  ", 2);
	for (size_t i = 0; e == 0 && i < HEX_COLUMNS && at + i < size; i++)
		e = buf_printf(b, "%c", isprint(data[at + i]) ? data[at + i] : '.');
	return e < 0 ? e : buf_add(b, "\n", 1);
}

static int event_text(const struct front_evidence *e, const struct front_event *v, bool hexdump,
		      struct buf *b)
{
	size_t size = v->size < sizeof(v->data) ? v->size : sizeof(v->data);
	int r = buf_printf(b, "%12.6f %s%s%s\n", clock_seconds(v->ns - e->start_ns),
			   v->fault < 0 ? "" : front_faults[v->fault].name,
			   v->fault < 0 ? "" : ": ", v->text);

	for (size_t at = 0; r == 0 && hexdump && at < size; at += HEX_COLUMNS)
		r = hex_line(b, v->data, at, size);
	if (r == 0 && hexdump && v->size > size)
		r = buf_printf(b, "    ... %zu bytes in all\n", v->size);
	return r;
}

int front_evidence_text(const struct front_evidence *e, bool hexdump, struct buf *ret)
{
	uint64_t first = e->total > e->room ? e->total - e->room : 0;
	int r = buf_printf(ret, "%u violations\n", e->count);

	for (unsigned i = 0; r == 0 && i < e->kept; i++) {
		const struct front_fault_row *row = &front_faults[e->fault[i].fault];

		r = buf_printf(ret, "  %s (%s, %s): %s\n", row->name, row->requirement, row->text,
			       e->fault[i].text);
	}
	if (r == 0 && first > 0)
		r = buf_printf(ret, "%llu older events are not shown\n", (unsigned long long)first);
	for (uint64_t i = first; r == 0 && i < e->total; i++)
		r = event_text(e, &e->event[i % e->room], hexdump, ret);
	return r;
}
