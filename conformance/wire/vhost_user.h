/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_WIRE_VHOST_USER_H
#define VQ_WIRE_VHOST_USER_H

/*
 * The vhost-user protocol as bytes on a socket: numbers and layouts only, no logic. Integers are
 * in the byte order of the host.
 * Source: QEMU's "Vhost-user Protocol" (docs/interop/vhost-user); the name in a comment is the one
 * that text uses.
 */

#include <stdint.h>

/* Bits of the header's flags. */
#define VHOST_USER_VERSION	   UINT32_C(0x1)
#define VHOST_USER_VERSION_MASK	   UINT32_C(0x3)
#define VHOST_USER_FLAG_REPLY	   UINT32_C(0x4)
#define VHOST_USER_FLAG_NEED_REPLY UINT32_C(0x8)

/* "Front-end message types". */
enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_LOG_BASE = 6,
	VHOST_USER_SET_LOG_FD = 7,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_SET_BACKEND_REQ_FD = 21,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_GET_INFLIGHT_FD = 31,
	VHOST_USER_SET_INFLIGHT_FD = 32,
	VHOST_USER_RESET_DEVICE = 34,
	VHOST_USER_GET_MAX_MEM_SLOTS = 36,
	VHOST_USER_ADD_MEM_REG = 37,
	VHOST_USER_REM_MEM_REG = 38,
	VHOST_USER_SET_STATUS = 39,
	VHOST_USER_GET_STATUS = 40,
	VHOST_USER_SET_DEVICE_STATE_FD = 42,
	VHOST_USER_CHECK_DEVICE_STATE = 43,
	VHOST_USER_GET_SHMEM_CONFIG = 44,
};

/* "Back-end message types", on the socket that SET_BACKEND_REQ_FD brings. */
enum vhost_user_backend_request {
	VHOST_USER_BACKEND_CONFIG_CHANGE_MSG = 2,
	VHOST_USER_BACKEND_SHMEM_MAP = 9,
	VHOST_USER_BACKEND_SHMEM_UNMAP = 10,
};

/* Bit of the virtio feature words: protocol features exist ("VHOST_USER_F_PROTOCOL_FEATURES"). */
#define VHOST_USER_F_PROTOCOL_FEATURES 30
/* Bit of the virtio feature words: dirty pages can be logged ("VHOST_F_LOG_ALL"). */
#define VHOST_USER_F_LOG_ALL 26

/* Bit numbers of "Protocol features". */
enum vhost_user_protocol_feature {
	VHOST_USER_PROTOCOL_F_MQ = 0,
	VHOST_USER_PROTOCOL_F_LOG_SHMFD = 1,
	VHOST_USER_PROTOCOL_F_RARP = 2,
	VHOST_USER_PROTOCOL_F_REPLY_ACK = 3,
	VHOST_USER_PROTOCOL_F_MTU = 4,
	VHOST_USER_PROTOCOL_F_BACKEND_REQ = 5,
	VHOST_USER_PROTOCOL_F_CROSS_ENDIAN = 6,
	VHOST_USER_PROTOCOL_F_CRYPTO_SESSION = 7,
	VHOST_USER_PROTOCOL_F_PAGEFAULT = 8,
	VHOST_USER_PROTOCOL_F_CONFIG = 9,
	VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD = 10,
	VHOST_USER_PROTOCOL_F_HOST_NOTIFIER = 11,
	VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD = 12,
	VHOST_USER_PROTOCOL_F_RESET_DEVICE = 13,
	VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS = 14,
	VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS = 15,
	VHOST_USER_PROTOCOL_F_STATUS = 16,
	VHOST_USER_PROTOCOL_F_XEN_MMAP = 17,
	VHOST_USER_PROTOCOL_F_SHARED_OBJECT = 18,
	VHOST_USER_PROTOCOL_F_DEVICE_STATE = 19,
	VHOST_USER_PROTOCOL_F_SHMEM = 22,
};

/* "Header". */
struct vhost_user_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* of the payload behind it */
};
_Static_assert(sizeof(struct vhost_user_header) == 12, "wire size");

/* Regions that SET_MEM_TABLE can carry. */
#define VHOST_USER_MEM_REGIONS_MAX 8

/* "Memory region description". */
struct vhost_user_mem_region {
	uint64_t guest_addr;
	uint64_t size;
	uint64_t user_addr; /* in the front end; ring addresses are given in these */
	uint64_t mmap_offset;
};
_Static_assert(sizeof(struct vhost_user_mem_region) == 32, "wire size");

/* "Multiple Memory regions description". */
struct vhost_user_mem_table {
	uint32_t count;
	uint32_t padding;
	struct vhost_user_mem_region region[VHOST_USER_MEM_REGIONS_MAX];
};
_Static_assert(sizeof(struct vhost_user_mem_table) == 8 + 8 * 32, "wire size");

/* "Single memory region description". */
struct vhost_user_mem_reg {
	uint64_t padding;
	struct vhost_user_mem_region region;
};
_Static_assert(sizeof(struct vhost_user_mem_reg) == 40, "wire size");

/* "A vring state description". */
struct vhost_user_vring_state {
	uint32_t index;
	uint32_t num;
};
_Static_assert(sizeof(struct vhost_user_vring_state) == 8, "wire size");

/* "A vring address description". */
struct vhost_user_vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc_user_addr;
	uint64_t used_user_addr;
	uint64_t avail_user_addr;
	uint64_t log_guest_addr;
};
_Static_assert(sizeof(struct vhost_user_vring_addr) == 40, "wire size");

/* Bits of vring_addr's flags: what is written into the used ring is logged, at log_guest_addr. */
#define VHOST_USER_VRING_F_LOG UINT32_C(1)

/* "Log description": of SET_LOG_BASE, with the descriptor of the bitmap. */
struct vhost_user_log {
	uint64_t mmap_size;
	uint64_t mmap_offset;
};
_Static_assert(sizeof(struct vhost_user_log) == 16, "wire size");
/* Bytes of guest memory for each bit of the log ("VHOST_LOG_PAGE"). */
#define VHOST_USER_LOG_PAGE 4096

/* "Device state transfer parameters": of SET_DEVICE_STATE_FD, with the descriptor of a pipe. */
struct vhost_user_device_state {
	uint32_t direction;
	uint32_t phase;
};
_Static_assert(sizeof(struct vhost_user_device_state) == 8, "wire size");
#define VHOST_USER_STATE_SAVE	 UINT32_C(0)
#define VHOST_USER_STATE_LOAD	 UINT32_C(1)
#define VHOST_USER_STATE_STOPPED UINT32_C(0)
/* Of the reply: an error, and "no descriptor comes back". */
#define VHOST_USER_STATE_ERROR UINT64_C(0xff)
#define VHOST_USER_STATE_NOFD  UINT64_C(0x100)

/* Bits of the u64 that comes with a kick, call or error descriptor. */
#define VHOST_USER_VRING_INDEX_MASK UINT64_C(0xff)
#define VHOST_USER_VRING_NOFD	    UINT64_C(0x100)

/* "Virtio device config space": the header; the bytes follow. */
struct vhost_user_config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
};
_Static_assert(sizeof(struct vhost_user_config) == 12, "wire size");

/* "VIRTIO Shared Memory Region configuration": sizes are indexed by shmid. */
#define VHOST_USER_SHMEM_REGIONS_MAX 256
struct vhost_user_shmem_config {
	uint32_t region_count;
	uint32_t padding;
	uint64_t sizes[VHOST_USER_SHMEM_REGIONS_MAX];
};
_Static_assert(sizeof(struct vhost_user_shmem_config) == 2056, "wire size");

/* Payload of SHMEM_MAP (with one descriptor) and SHMEM_UNMAP (without). */
struct vhost_user_mmap {
	uint8_t shmid;
	uint8_t padding[7];
	uint64_t fd_offset;
	uint64_t shm_offset;
	uint64_t len;
	uint64_t flags;
};
_Static_assert(sizeof(struct vhost_user_mmap) == 40, "wire size");
#define VHOST_USER_MMAP_FLAG_RW UINT64_C(1)

/* Payload that any message may carry at most: a device's configuration space and its header fit. */
#define VHOST_USER_PAYLOAD_MAX 4096

#endif
