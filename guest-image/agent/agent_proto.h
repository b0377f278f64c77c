/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_AGENT_PROTO_H
#define VQ_AGENT_PROTO_H

/*
 * Wire protocol between the host (bench/guest/agent.c) and the agent in the guest, over a byte
 * stream that either end may lose and regain at any time: a virtio-serial port, or a socket.
 *
 * Everything is a frame: a 24-byte header and at most 32 KiB of payload, both with a CRC. All
 * fields are little-endian and held in byte-array structs, so that arithmetic on raw wire data
 * does not compile and no alignment is needed.
 *
 * Finding the frames again. A stream that is taken up in its middle is synchronised like this:
 *  - The host first sends VQP_PAD_SIZE zero bytes, then HELLO with a random nonce. Whatever frame
 *    the agent was in the middle of is completed by zeros, fails its CRC and is dropped; the rest
 *    of the zeros is skipped because no header begins with one; HELLO is then at a boundary.
 *  - The host throws away everything up to the HELLO_REPLY that carries its nonce. If the agent
 *    was in the middle of a frame, it completes that frame's length with zeros first and sends
 *    the same frame again, whole, behind the reply.
 *  - Bytes at a frame boundary that are no valid header are skipped one by one.
 * The agent sends nothing but STARTED and HELLO_REPLY between the loss of the host and the next
 * HELLO, so output that was not yet written to the port is not spent on a host that is not there.
 *
 * What is kept over a reconnect with ATTACH: running jobs, output not yet written to the port,
 * and each EXIT until the host acknowledges it with EXIT_ACK. Output that was written and never
 * read by a host is lost, and every STDOUT and STDERR frame carries its offset in the stream and
 * EXIT the totals, so that the host can say how much.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* "VqA1" in wire order. The first byte is not zero: padding never looks like a header. */
#define VQP_MAGIC	UINT32_C(0x31417156)
#define VQP_MAGIC_FIRST 'V'
#define VQP_HEADER_SIZE 24
/* A header's last field is the CRC of the bytes before it. */
#define VQP_HEADER_SUMMED 20
#define VQP_PAYLOAD_MAX	  (32 * 1024)
#define VQP_FRAME_MAX	  (VQP_HEADER_SIZE + VQP_PAYLOAD_MAX)
#define VQP_PAD_SIZE	  VQP_FRAME_MAX
#define VQP_VERSION	  1

/* Limits of EXEC, checked on both sides. */
#define VQP_ARGV_MAX	256
#define VQP_ENV_MAX	256
#define VQP_STRINGS_MAX (24 * 1024)
#define VQP_JOBS_MAX	16
#define VQP_PATH_MAX	4096
/* Largest stdout or stderr of one job, and largest pushed or pulled file. */
#define VQP_STREAM_MAX (UINT64_C(256) << 20)
#define VQP_FILE_MAX   (UINT64_C(256) << 20)
/* Text in EXIT and ERROR. */
#define VQP_TEXT_MAX 512

struct vqp_le16 {
	uint8_t b[2];
};
struct vqp_le32 {
	uint8_t b[4];
};
struct vqp_le64 {
	uint8_t b[8];
};

/* The number of the sender is in brackets: H host, A agent. */
enum vqp_type {
	VQP_HELLO = 1,	     /* [H] vqp_hello; job 0 */
	VQP_HELLO_REPLY = 2, /* [A] vqp_hello_reply; the session begins here */
	VQP_STARTED = 3,     /* [A] once per life of the agent: a session before it is over */
	VQP_EXEC = 4,	     /* [H] vqp_exec + strings; job = id chosen by the host, not 0 */
	VQP_KILL = 5,	     /* [H] vqp_kill */
	VQP_STDOUT = 6,	     /* [A] vqp_stream + bytes */
	VQP_STDERR = 7,	     /* [A] vqp_stream + bytes */
	VQP_EXIT = 8,	     /* [A] vqp_exit + text; repeated after ATTACH until acknowledged */
	VQP_EXIT_ACK = 9,    /* [H] empty */
	VQP_PUSH_OPEN = 10,  /* [H] vqp_push_open + path; job = transfer id */
	VQP_PUSH_DATA = 11,  /* [H] vqp_stream + bytes */
	VQP_PUSH_END = 12,   /* [H] empty */
	VQP_PUSH_DONE = 13,  /* [A] empty: renamed into place */
	VQP_PULL = 14,	     /* [H] vqp_pull + path; job = transfer id */
	VQP_PULL_DATA = 15,  /* [A] vqp_stream + bytes */
	VQP_PULL_END = 16,   /* [A] vqp_pull_end */
	VQP_ERROR = 17, /* [A] vqp_error + text; job = what it is about, 0 for the link itself */
	VQP_PING = 18,	/* [H] vqp_ping */
	VQP_PONG = 19,	/* [A] vqp_ping, the same token */
	VQP_INFO = 20,	/* [H] empty */
	VQP_INFO_REPLY = 21, /* [A] vqp_info */
	VQP_TYPE_COUNT
};

enum vqp_fate {
	VQP_FATE_EXITED = 0,	   /* code: exit status */
	VQP_FATE_SIGNALLED = 1,	   /* code: signal */
	VQP_FATE_DEADLINE = 2,	   /* code: signal that ended it, 0 if it exited */
	VQP_FATE_OUTPUT_LIMIT = 3, /* code: as above */
	VQP_FATE_SPAWN_FAILED = 4, /* code: errno */
	VQP_FATE_COUNT
};

#define VQP_HELLO_RESET	 1U /* kill all jobs, forget everything, then answer */
#define VQP_HELLO_ATTACH 2U /* keep jobs and unsent output */

/* SIGKILL was sent and the process is still there (it sleeps uninterruptibly); text has its state.
 */
#define VQP_EXIT_STUCK 1U
/* A process that left the job's group still holds stdout or stderr open; what it writes is not
 * read. */
#define VQP_EXIT_HELD 2U

struct vqp_header {
	struct vqp_le32 magic;
	struct vqp_le16 type;
	struct vqp_le16 flags; /* 0 */
	struct vqp_le32 job;
	struct vqp_le32 payload_size;
	struct vqp_le32 payload_crc;
	struct vqp_le32 header_crc;
};

struct vqp_hello {
	struct vqp_le64 nonce;
	struct vqp_le32 flags;
	struct vqp_le32 version;
};

struct vqp_hello_reply {
	struct vqp_le64 nonce;
	struct vqp_le32 version;
	struct vqp_le32 job_count;   /* entries of jobs[]: what the agent still knows */
	struct vqp_le32 stuck_count; /* processes that outlived the SIGKILL of a RESET */
	struct vqp_le32 jobs[VQP_JOBS_MAX];
};

/* Behind it: argc + envc strings and the working folder ("" = as is), each ended by NUL. */
struct vqp_exec {
	struct vqp_le64 stdout_max;
	struct vqp_le64 stderr_max;
	struct vqp_le32 deadline_ms; /* > 0 */
	struct vqp_le16 argc;
	struct vqp_le16 envc;
	struct vqp_le32 keep_env; /* 1: the agent's own environment, and envc is 0 */
};

struct vqp_kill {
	struct vqp_le32 signal;
};

struct vqp_stream {
	struct vqp_le64 offset;
};

struct vqp_exit {
	struct vqp_le32 fate;
	struct vqp_le32 code;
	struct vqp_le32 flags;
	struct vqp_le32 reserved;
	struct vqp_le64 run_ns; /* CLOCK_MONOTONIC, before fork to after the wait */
	struct vqp_le64 user_ns;
	struct vqp_le64 sys_ns;
	struct vqp_le64 maxrss_bytes;
	struct vqp_le64 stdout_total; /* bytes that were put into STDOUT frames */
	struct vqp_le64 stderr_total;
};

struct vqp_push_open {
	struct vqp_le64 size;
	struct vqp_le32 mode;
};

struct vqp_pull {
	struct vqp_le64 max;
};

struct vqp_pull_end {
	struct vqp_le64 size;
};

struct vqp_error {
	struct vqp_le32 error; /* errno, positive */
};

struct vqp_ping {
	struct vqp_le64 token;
};

struct vqp_info {
	struct vqp_le64 uptime_ns;
	char boot_id[40]; /* NUL-terminated */
	char kernel[96];  /* NUL-terminated */
};

_Static_assert(sizeof(struct vqp_header) == VQP_HEADER_SIZE, "wire size");
_Static_assert(offsetof(struct vqp_header, header_crc) == VQP_HEADER_SUMMED, "wire size");
_Static_assert(sizeof(struct vqp_hello) == 16, "wire size");
_Static_assert(sizeof(struct vqp_hello_reply) == 20 + 4 * VQP_JOBS_MAX, "wire size");
_Static_assert(sizeof(struct vqp_exec) == 28, "wire size");
_Static_assert(sizeof(struct vqp_kill) == 4, "wire size");
_Static_assert(sizeof(struct vqp_stream) == 8, "wire size");
_Static_assert(sizeof(struct vqp_exit) == 64, "wire size");
_Static_assert(sizeof(struct vqp_push_open) == 12, "wire size");
_Static_assert(sizeof(struct vqp_pull) == 8, "wire size");
_Static_assert(sizeof(struct vqp_pull_end) == 8, "wire size");
_Static_assert(sizeof(struct vqp_error) == 4, "wire size");
_Static_assert(sizeof(struct vqp_ping) == 8, "wire size");
_Static_assert(sizeof(struct vqp_info) == 144, "wire size");
_Static_assert(sizeof(struct vqp_exec) + VQP_STRINGS_MAX <= VQP_PAYLOAD_MAX, "EXEC fits a frame");
_Static_assert(VQP_TYPE_COUNT == 22 && VQP_FATE_COUNT == 5, "numbers on the wire never change");

/* Most bytes of stream data in one frame. */
#define VQP_CHUNK_MAX (VQP_PAYLOAD_MAX - (int)sizeof(struct vqp_stream))

static inline uint16_t vqp_get16(struct vqp_le16 v)
{
	return (uint16_t)(v.b[0] | v.b[1] << 8);
}

static inline uint32_t vqp_get32(struct vqp_le32 v)
{
	return v.b[0] | (uint32_t)v.b[1] << 8 | (uint32_t)v.b[2] << 16 | (uint32_t)v.b[3] << 24;
}

static inline uint64_t vqp_get64(struct vqp_le64 v)
{
	uint64_t value = 0;

	for (int i = 7; i >= 0; i--)
		value = value << 8 | v.b[i];
	return value;
}

static inline struct vqp_le16 vqp_put16(uint16_t value)
{
	return (struct vqp_le16){ { (uint8_t)value, (uint8_t)(value >> 8) } };
}

static inline struct vqp_le32 vqp_put32(uint32_t value)
{
	return (struct vqp_le32){ { (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
				    (uint8_t)(value >> 24) } };
}

static inline struct vqp_le64 vqp_put64(uint64_t value)
{
	struct vqp_le64 v;

	for (int i = 0; i < 8; i++)
		v.b[i] = (uint8_t)(value >> 8 * i);
	return v;
}

/** vqp_crc32() - CRC-32 as in IEEE 802.3 (reflected polynomial 0xedb88320), four bits at a time. */
static inline uint32_t vqp_crc32(const void *data, size_t size)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	const uint8_t *p = data;
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < size; i++) {
		crc ^= p[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

/** vqp_seal() - fill in the header of a frame whose @size bytes of payload are already behind it.
 */
static inline void vqp_seal(unsigned char *frame, enum vqp_type type, uint32_t job, size_t size)
{
	struct vqp_header h = {
		.magic = vqp_put32(VQP_MAGIC),
		.type = vqp_put16((uint16_t)type),
		.job = vqp_put32(job),
		.payload_size = vqp_put32((uint32_t)size),
		.payload_crc = vqp_put32(vqp_crc32(frame + VQP_HEADER_SIZE, size)),
	};

	h.header_crc = vqp_put32(vqp_crc32(&h, VQP_HEADER_SUMMED));
	memcpy(frame, &h, sizeof(h));
}

/* A received frame; the payload lies in the receiver's buffer. */
struct vqp_frame {
	unsigned type; /* unchecked: may be none of enum vqp_type */
	uint32_t job;
	const unsigned char *payload;
	size_t size;
};

enum vqp_scan {
	VQP_SCAN_MORE,	/* nothing can be said before more bytes come */
	VQP_SCAN_FRAME, /* *ret is a frame */
	VQP_SCAN_SKIP,	/* bytes that are no frame */
	VQP_SCAN_BAD /* a frame whose payload does not match its CRC; only its job is filled in */
};

/**
 * vqp_scan() - look at the bytes at a frame boundary.
 * @data:     received bytes; a buffer of VQP_FRAME_MAX always suffices to make progress.
 * @ret_used: bytes to remove from the front once the frame was handled; 0 with VQP_SCAN_MORE.
 */
static inline enum vqp_scan vqp_scan(const unsigned char *data, size_t size, size_t *ret_used,
				     struct vqp_frame *ret)
{
	const unsigned char *next;
	struct vqp_header h;
	size_t payload_size;

	*ret_used = 0;
	if (size == 0)
		return VQP_SCAN_MORE;
	if (data[0] == VQP_MAGIC_FIRST && size < VQP_HEADER_SIZE)
		return VQP_SCAN_MORE;
	if (data[0] == VQP_MAGIC_FIRST) {
		memcpy(&h, data, sizeof(h));
		payload_size = vqp_get32(h.payload_size);
		if (vqp_get32(h.magic) == VQP_MAGIC && payload_size <= VQP_PAYLOAD_MAX &&
		    vqp_get32(h.header_crc) == vqp_crc32(data, VQP_HEADER_SUMMED)) {
			if (size < VQP_HEADER_SIZE + payload_size)
				return VQP_SCAN_MORE;
			*ret_used = VQP_HEADER_SIZE + payload_size;
			*ret = (struct vqp_frame){ .type = vqp_get16(h.type),
						   .job = vqp_get32(h.job),
						   .payload = data + VQP_HEADER_SIZE,
						   .size = payload_size };
			return vqp_crc32(ret->payload, payload_size) == vqp_get32(h.payload_crc)
				       ? VQP_SCAN_FRAME
				       : VQP_SCAN_BAD;
		}
	}
	next = size > 1 ? memchr(data + 1, VQP_MAGIC_FIRST, size - 1) : NULL;
	*ret_used = next ? (size_t)(next - data) : size;
	return VQP_SCAN_SKIP;
}

#endif
