// SPDX-License-Identifier: Apache-2.0
/* Request queues, the high priority queue, the notification queue. */
#include "conformance/spec/rows.h"

/* C. Request queues */
/* clang-format off */
static const struct spec_row queue_rows[] = {
	ROW("VIRTIO-FS-QUEUE-001", MUST, DEVICE | DRIVER, D | R, "virtio 1.4, 5.11.6.1",
	    "A request is device-readable {fuse_in_header, datain}, then device-writable "
	    "{fuse_out_header, dataout}.",
	    "Put the out header before the data; expect the in header in the writable part"),
	ROW("VIRTIO-FS-QUEUE-002", MUST, DEVICE, D, "virtio 1.4, 2.7.4.1",
	    "The device assumes nothing about descriptor boundaries: a header may be split "
	    "anywhere, all may lie in one descriptor, or each byte in its own.",
	    "Take the first descriptor for a fuse_in_header of exactly 40 bytes",
	    .how = "fragmentation fuzz with byte-identical results"),
	ROW("VIRTIO-FS-QUEUE-003", MUST, DEVICE, D, "virtio 1.4, 5.11.6.1",
	    "datain and dataout are byte for byte what a FUSE daemon reads from and writes to "
	    "/dev/fuse.",
	    "Extra padding between header and args",
	    .how = "golden vectors recorded from /dev/fuse"),
	ROW("VIRTIO-FS-QUEUE-004", MUST, DEVICE, D,
	    "virtio 1.4, 5.11.6.1; FUSE 7.45, struct fuse_out_header",
	    "out.len counts the header and dataout exactly.",
	    "out.len without the 16-byte header; out.len is the capacity of the buffer",
	    .how = "every opcode"),
	ROW("VIRTIO-FS-QUEUE-005", MUST, DEVICE, D, "FUSE 7.45, struct fuse_out_header",
	    "out.unique equals in.unique of the same chain.",
	    "Echo the unique of another request in flight; set it to 0",
	    .how = "concurrency 64"),
	ROW("VIRTIO-FS-QUEUE-006", MUST, DEVICE, D,
	    "FUSE 7.45, struct fuse_out_header; virtio 1.4, 5.11",
	    "out.error is 0 or the negative of a Linux errno: not of the host's own numbering, "
	    "not positive.",
	    "A positive errno; the number that BSD gives to EOPNOTSUPP"),
	ROW("VIRTIO-FS-QUEUE-007", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.1",
	    "An error reply is the bare 16-byte header.",
	    "Append fuse_entry_out to an error"),
	ROW("VIRTIO-FS-QUEUE-008", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.4 and 5.11.6.1",
	    "There is no order between queues: requests may be processed in any order.",
	    "One order for all queues",
	    .how = "a slow operation on one queue must not be needed by another"),
	ROW("VIRTIO-FS-QUEUE-009", MUST, DRIVER, R, "virtio 1.4, 5.11.6.1",
	    "The driver makes a dependent request available only after its prerequisite was "
	    "used.",
	    "Send FSYNC behind an unfinished WRITE",
	    .how = "log of order: WRITE used before FSYNC is available; OPEN before READ"),
	ROW("VIRTIO-FS-QUEUE-010", MUST, DEVICE, D, "virtio 1.4, 5.11.4",
	    "Every request queue offers identical functionality.",
	    "The second queue knows only READ and WRITE",
	    .how = "full opcode matrix on each queue"),
	ROW("VIRTIO-FS-QUEUE-011", MUST, DRIVER, R, "virtio 1.4, 5.11.6.1",
	    "High-priority requests are never placed on request queues.",
	    "FORGET on a request queue"),
	ROW("VIRTIO-FS-QUEUE-012", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.1",
	    "A FORGET wrongly placed on a request queue neither crashes nor hangs the device; "
	    "its buffer is returned.",
	    "An assertion; the buffer is never used", .derived = true),
	ROW("VIRTIO-FS-QUEUE-013", MUST, DEVICE, D, "FUSE 7.45, FUSE_FORGET and FUSE_BATCH_FORGET",
	    "Requests without reply (FORGET, BATCH_FORGET) are returned with used length 0 and "
	    "nothing written.",
	    "Write a 16-byte header past the chain; never return the buffer"),
	ROW("VIRTIO-FS-QUEUE-014", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.1",
	    "When the readable part is shorter than 40 bytes, the buffer is returned and the "
	    "device stays usable.",
	    "Out-of-bounds read", .derived = true),
	ROW("VIRTIO-FS-QUEUE-015", SHOULD, DEVICE, D, "FUSE 7.45, struct fuse_in_header",
	    "An in.len that is larger or smaller than the readable bytes is an error and never "
	    "read beyond the chain.",
	    "Trust in.len", .derived = true),
	ROW("VIRTIO-FS-QUEUE-016", MUST, DEVICE, D, "virtio 1.4, 2.7.5.1",
	    "A reply that is larger than the writable area is never written past it.",
	    "Copy out.len bytes whatever the room",
	    .derived = true, .how = "guard pages after buffer"),
	ROW("VIRTIO-FS-QUEUE-017", DEFACTO, DEVICE, D, "virtio 1.4, 2.7.5.1",
	    "A request that needs a reply and has no writable part, or too small a one, is returned: "
	    "with an error, or with used length 0.",
	    "Follow a null pointer", .derived = true),
	ROW("VIRTIO-FS-QUEUE-018", DEFACTO, DEVICE, D,
	    "FUSE 7.45, opcodes; Linux, no_ flags of struct fuse_conn",
	    "An unknown or unsupported opcode gives ENOSYS, so that the client can stop using "
	    "it.",
	    "EINVAL (the client tries for ever), or the request is dropped"),
	ROW("VIRTIO-FS-QUEUE-019", MUST, DRIVER, R,
	    "Linux, virtio_fs_get_tree(); virtio 1.4, 2.7.5.3.1",
	    "A chain never exceeds the queue size; Linux limits max_pages to queue size - 4 for "
	    "that.",
	    "Remove the limit: chains longer than the queue",
	    .how = "queue sizes 8, 16, 64; longest chain seen"),
	ROW("VIRTIO-FS-QUEUE-020", DEFACTO, GUEST, R | G, "Linux, virtio_fs_get_tree()",
	    "A request queue of 4 entries or fewer makes the mount fail (EIO).",
	    "The mount succeeds and deadlocks"),
	ROW("VIRTIO-FS-QUEUE-021", DEFACTO, GUEST, R | G, "Linux, virtio_fs_enqueue_req()",
	    "When a queue is full, requests are parked and submitted again; none is lost or "
	    "sent twice.",
	    "Drop a request on ENOSPC; submit it twice",
	    .how = "16-entry queue, 256 threads"),
	ROW("VIRTIO-FS-QUEUE-022", DEFACTO, GUEST, R, "Linux, virtio_fs_map_queues() since 6.10",
	    "CPUs are mapped to request queues; as many queues are used as the smaller of "
	    "num_request_queues and nr_cpu_ids.",
	    "Everything on one queue; an index beyond the queues",
	    .how = "per-queue counters with pinned tasks"),
	ROW("VIRTIO-FS-QUEUE-023", DEFACTO, DEVICE | GUEST, D | R | G,
	    "Linux, virtio_fs_verify_response() since 7.1",
	    "used.len >= 16, out.len == used.len and out.unique matches, or Linux 7.1 and later "
	    "completes the request with EIO; a bad INIT reply makes the whole mount fail with "
	    "ECONNREFUSED.",
	    "used.len 0 (a real bug of a shipping VMM); used.len is the writable capacity",
	    .how = "used.len == out.len for every opcode"),
	ROW("VIRTIO-FS-QUEUE-024", INFO, DEVICE, D,
	    "virtio 1.4, 2.7.8.2; Linux, virtio_fs_verify_response() since 7.1",
	    "The standard lets used.len report too little; Linux 7.1 and later does not "
	    "tolerate it. The suite asserts equality and says \"legal, but fatal with Linux\" "
	    "where only Linux objects.",
	    "used.len is 16 always"),
	ROW("VIRTIO-FS-QUEUE-025", MUST, DEVICE, D | G,
	    "FUSE 7.45, FUSE_READ; Linux, fuse_short_read()",
	    "READ returns at most size bytes; a short count means end of file (the client then "
	    "lowers i_size unless in writeback mode).",
	    "A short count in mid-file; zeros past end of file"),
	ROW("VIRTIO-FS-QUEUE-026", MUST, DEVICE, D,
	    "FUSE 7.45, struct fuse_write_out; Linux, fuse_send_write_pages()",
	    "write_out.size never exceeds the requested size (the client would return EIO).",
	    "Return size + 1"),
	ROW("VIRTIO-FS-QUEUE-027", MUST, DEVICE, D, "virtio 1.4, 2.7.8.2",
	    "used.len counts bytes of the device-writable part only.",
	    "Count readable bytes too"),
	ROW("VIRTIO-FS-QUEUE-028", MUST, DEVICE, D, "virtio 1.4, 2.7.8",
	    "Each available head is returned exactly once, with the head index of its chain.",
	    "Return the index of the second descriptor; complete twice",
	    .how = "100,000 requests, random order of completion"),
	ROW("VIRTIO-FS-QUEUE-029", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.1",
	    "One slow or blocked request does not keep unrelated requests of the same queue "
	    "from completing at last, once resources allow; no order is promised.",
	    "One thread that deadlocks on SETLKW against the unlock",
	    .how = "measure how long the head of the line blocks"),
	ROW("VIRTIO-FS-QUEUE-030", DEFACTO, DEVICE, D | R, "virtio 1.4, 5.11.6.4",
	    "Descriptors that point outside the memory table (into the DAX window, say) fail "
	    "that request with an error and never kill the device.",
	    "Panic in address translation (a real bug)",
	    .derived = true, .how = "guest O_DIRECT read into a DAX-mmapped buffer"),
};
/* clang-format on */

const struct spec_section spec_section_queue = {
	.letter = "C",
	.prefix = "VIRTIO-FS-QUEUE",
	.title = "request queues",
	.rows = queue_rows,
	.count = ARRAY_SIZE(queue_rows),
};

/* D. High priority queue */
/* clang-format off */
static const struct spec_row hiprio_rows[] = {
	ROW("VIRTIO-FS-HIPRIO-001", MUST, DEVICE, D, "virtio 1.4, 5.11.6.2.1",
	    "Processing of the high priority queue never pauses because of activity on request "
	    "queues.",
	    "One worker for all queues; a global lock held across I/O",
	    .how = "block all request workers (SETLKW, open of a FIFO, write lease), measure "
	           "FORGET"),
	ROW("VIRTIO-FS-HIPRIO-002", MAY, DEVICE, D, "virtio 1.4, 5.11.6.2.1",
	    "Request queues may run concurrently with the high priority queue.",
	    NULL, .how = "only what a driver assumes can be tested"),
	ROW("VIRTIO-FS-HIPRIO-003", MUST, DRIVER, R, "virtio 1.4, 5.11.6.2.2",
	    "INTERRUPT, FORGET and BATCH_FORGET are submitted solely on the high priority "
	    "queue.",
	    "FORGET on queue 1"),
	ROW("VIRTIO-FS-HIPRIO-004", MUST, DRIVER, R, "virtio 1.4, 5.11.6.2.2",
	    "No normal request goes to the high priority queue.",
	    "RELEASE on queue 0"),
	ROW("VIRTIO-FS-HIPRIO-005", MUST, DRIVER, R, "virtio 1.4, 5.11.6.2.2",
	    "The driver tolerates that the high priority queue and request queues are processed "
	    "concurrently.",
	    "FORGET with a wrong count sent while a LOOKUP of the node is in flight",
	    .how = "device delays LOOKUP while draining FORGETs"),
	ROW("VIRTIO-FS-HIPRIO-006", MUST, DEVICE, D, "virtio 1.4, 5.11.6.2",
	    "The high priority queue uses the same request format, whatever the framing.",
	    "Require FORGET in a single descriptor"),
	ROW("VIRTIO-FS-HIPRIO-007", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.2",
	    "A normal request on the high priority queue is served or answered with an error; "
	    "it never hangs or crashes the device.",
	    "An assertion on the opcode", .derived = true),
	ROW("VIRTIO-FS-HIPRIO-008", MUST, DEVICE, D, "FUSE 7.45, FUSE_FORGET",
	    "nlookup is lowered by the given amount; the node goes only at zero; underflow is "
	    "clamped.",
	    "Drop the node at the first FORGET (ESTALE afterwards); wrap to 2^64 - 1"),
	ROW("VIRTIO-FS-HIPRIO-009", MUST, DEVICE, D, "FUSE 7.45, FUSE_FORGET",
	    "FORGET of nodeid 1 (the root) or of an unknown nodeid is harmless.",
	    "The root disappears"),
	ROW("VIRTIO-FS-HIPRIO-010", MUST, DEVICE, D, "FUSE 7.45, FUSE_BATCH_FORGET",
	    "All count entries of a BATCH_FORGET are applied; a count that contradicts the "
	    "payload is handled without over-read.",
	    "Miss the last entry; trust count"),
	ROW("VIRTIO-FS-HIPRIO-011", DEFACTO, DEVICE, D, "FUSE 7.45, FUSE_INTERRUPT",
	    "INTERRUPT of a request in flight may make it end with EINTR; INTERRUPT of an "
	    "unknown unique is ignored or answered with EAGAIN.",
	    "Abort a different request"),
	ROW("VIRTIO-FS-HIPRIO-012", DEFACTO, GUEST, R, "Linux, virtio_fs_send_interrupt()",
	    "Linux virtiofs sends only single FORGETs (56 readable bytes, none writable); it "
	    "never sends INTERRUPT, so tests must not wait for one.",
	    NULL),
	ROW("VIRTIO-FS-HIPRIO-013", DEFACTO, GUEST, R, "Linux, send_forget_request()",
	    "When the high priority queue is full, FORGETs are queued and sent later, not lost.",
	    "Drop a FORGET: the node leaks on the host",
	    .how = "tiny queue and drop_caches; the sum of nlookup is conserved"),
	ROW("VIRTIO-FS-HIPRIO-014", MUST, DEVICE, D,
	    "virtio 1.4, 5.11.6.2.2; FUSE 7.45, FUSE_FORGET",
	    "A LOOKUP (request queue) that races a FORGET (high priority queue) of one node "
	    "leaves nlookup exact.",
	    "A count that is not atomic: the node is freed while the client holds it",
	    .derived = true, .how = "race loop, then FORGET of the whole count"),
};
/* clang-format on */

const struct spec_section spec_section_hiprio = {
	.letter = "D",
	.prefix = "VIRTIO-FS-HIPRIO",
	.title = "high priority queue",
	.rows = hiprio_rows,
	.count = ARRAY_SIZE(hiprio_rows),
};

/* E. Notification queue */
/* clang-format off */
static const struct spec_row notif_rows[] = {
	ROW("VIRTIO-FS-NOTIF-001", MUST, DEVICE, D, "virtio 1.4, 5.11.2",
	    "The notification queue exists only with VIRTIO_FS_F_NOTIFICATION.",
	    "The number of queues includes it always"),
	ROW("VIRTIO-FS-NOTIF-002", MUST, DEVICE | DRIVER, D | R, "virtio 1.4, 5.11.2 and 5.11.3",
	    "With the feature, virtqueue 1 is the notification queue and request queues start "
	    "at 2.",
	    "The notification queue is the last one"),
	ROW("VIRTIO-FS-NOTIF-003", INFO, DEVICE | DRIVER, D | R, "virtio 1.4, 5.11.2",
	    "Without the feature the standard's table still numbers request queues from 2, but "
	    "Linux, virtiofsd and QEMU use 1; the suite takes a profile and reports which "
	    "numbering it found.",
	    "Number request queues from 2: unusable with Linux"),
	ROW("VIRTIO-FS-NOTIF-004", MUST, DEVICE, D, "virtio 1.4, 5.11.6.3",
	    "A message is fuse_out_header and payload in one writable buffer of the driver.",
	    "Split one message over two buffers"),
	ROW("VIRTIO-FS-NOTIF-005", MUST, DEVICE, D, "FUSE 7.45, enum fuse_notify_code",
	    "In a notification unique is 0 and error carries the notify code.",
	    "Use the unique of the last request"),
	ROW("VIRTIO-FS-NOTIF-006", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.3",
	    "What happens without buffers depends on the message type; FUSE_NOTIFY_LOCK is kept "
	    "and delivered when buffers are back.",
	    "Drop the message", .how = "remove buffers, trigger, re-add"),
	ROW("VIRTIO-FS-NOTIF-007", DEFACTO, DEVICE, D, "virtio 1.4, 5.11.6.3",
	    "When lock resources are exhausted new lock requests fail with ENOLCK.",
	    "Block or crash"),
	ROW("VIRTIO-FS-NOTIF-008", MUST, DRIVER, R, "virtio 1.4, 5.11.6.3.1",
	    "Buffers are at least notify_buf_size bytes.",
	    "Buffers of 16 bytes"),
	ROW("VIRTIO-FS-NOTIF-009", SHOULD, DRIVER, R, "virtio 1.4, 5.11.6.3.1",
	    "The driver replenishes buffers so that normally at least one is available.",
	    "Driver never adds buffers again"),
	ROW("VIRTIO-FS-NOTIF-010", MUST, DEVICE, D, "virtio 1.4, 2.7.8.2",
	    "A buffer that is too small is never overflowed.",
	    "Copy the whole message", .derived = true),
	ROW("VIRTIO-FS-NOTIF-011", INFO, DEVICE, D, "FUSE 7.45, enum fuse_notify_code",
	    "FUSE_NOTIFY_LOCK has no number in the mainline header (its codes 1 to 9 are POLL, "
	    "INVAL_INODE, INVAL_ENTRY, STORE, RETRIEVE, DELETE, RESEND, INC_EPOCH, PRUNE); "
	    "checks of it are \"not testable against mainline\".",
	    NULL),
	ROW("VIRTIO-FS-NOTIF-012", DEFACTO, GUEST, R | G,
	    "Linux, empty feature_table of fs/fuse/virtio_fs.c",
	    "Mainline virtiofs negotiates no fs feature bit; hence the host has no way to "
	    "invalidate what a guest caches.",
	    NULL),
	ROW("VIRTIO-FS-NOTIF-013", INFO, DEVICE | DRIVER, REVIEW, "virtio 1.4, 7",
	    "The device's conformance clauses name configuration layout, high priority queue "
	    "and DAX window; the driver's add the notification queue. No device clause binds "
	    "that queue.",
	    NULL),
	ROW("VIRTIO-FS-NOTIF-014", DEFACTO, DEVICE, D, "libfuse, README on notifications",
	    "Notifications are not issued from inside the handling of a request (deadlock "
	    "risk).",
	    "INVAL_INODE sent while a READ of that inode is answered",
	    .how = "lock-order trace"),
};
/* clang-format on */

const struct spec_section spec_section_notif = {
	.letter = "E",
	.prefix = "VIRTIO-FS-NOTIF",
	.title = "notification queue",
	.rows = notif_rows,
	.count = ARRAY_SIZE(notif_rows),
};
