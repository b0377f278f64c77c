/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_GUEST_H
#define VQ_GUEST_H

/*
 * What the parts of vq-guest share. Each subcommand is one function {argc, argv without the
 * program and subcommand names} that returns an exit code; guest.c has the table.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define NS_PER_MS     UINT64_C(1000000)
#define NS_PER_S      UINT64_C(1000000000)

/* ---- guest.c ---- */

/** guest_now_ns() - CLOCK_MONOTONIC. */
uint64_t guest_now_ns(void);

/** guest_fail() - one line "vq-guest: what: strerror" on stderr. @error: errno, positive. Returns
 * 1, the exit code. */
__attribute__((format(printf, 2, 3))) int guest_fail(int error, const char *fmt, ...);

/** guest_read_text() - the start of a small file without its last line end; "" when it cannot be
 * read. 0 or -errno. */
int guest_read_text(const char *path, char *ret, size_t size);

/** guest_parse_u64() - a decimal number and nothing else; 0 or -EINVAL. */
int guest_parse_u64(const char *text, uint64_t *ret);

/* ---- guest_json.c: writes one object on stdout; commas are kept track of ---- */

void json_open(char bracket);  /* '{' or '[' as a value */
void json_close(char bracket); /* '}' or ']' */
void json_key(const char *name);
/** json_string() - bytes outside ASCII become \u00XX: file names are bytes, and JSON must stay
 * valid. */
void json_string(const char *text);
void json_u64(uint64_t value);
void json_i64(int64_t value);
void json_bool(bool value);
void json_null(void);
/** json_raw() - text that is known to be a JSON value. */
void json_raw(const char *text);
/** json_end() - line end and flush; 0, or -errno when stdout could not take it all. */
int json_end(void);

/* ---- guest_kmsg.c ---- */

struct kmsg_record {
	int level;
	int64_t seq;
	uint64_t time_us;
	char text[1024];
};

/** kmsg_open() - @from_now: only records that come later. Descriptor or -errno. */
int kmsg_open(bool from_now);
/** kmsg_next() - 1 and a record, 0 when there is none now, or -errno. Overwritten records are
 * skipped. */
int kmsg_next(int fd, struct kmsg_record *ret);
/** kmsg_last_seq() - number of the newest record, -1 when there is none. */
int64_t kmsg_last_seq(void);

int cmd_dmesg(int argc, char **argv);

/* ---- guest_mount.c, guest_state.c, guest_pci.c, guest_try.c, guest_read.c, guest_hold.c,
 * guest_io.c, guest_watch.c ---- */

int cmd_mount(int argc, char **argv);
int cmd_umount(int argc, char **argv);
int cmd_state(int argc, char **argv);
int cmd_pci_caps(int argc, char **argv);
int cmd_try(int argc, char **argv);
int cmd_resident(int argc, char **argv);
int cmd_read(int argc, char **argv);
int cmd_hold(int argc, char **argv);
int cmd_look(int argc, char **argv);
int cmd_poke(int argc, char **argv);
int cmd_io(int argc, char **argv);
int cmd_remove(int argc, char **argv);
int cmd_watch(int argc, char **argv);

/** guest_count_resident() - bytes of a file of @size bytes in the page cache. 0 or -errno (-ENODEV:
 * it cannot be mapped). */
int guest_count_resident(int fd, uint64_t size, uint64_t *ret_bytes);

/* Bytes that one operation of io, look or poke moves. */
#define GUEST_BYTES_MAX 4096

/** guest_parse_hex() - at least one byte, two lower-case digits each; 0 or -EINVAL. */
int guest_parse_hex(const char *text, uint8_t *ret, size_t max, size_t *ret_count);
/** guest_print_hex() - as a JSON string; at most GUEST_BYTES_MAX bytes. */
void guest_print_hex(const uint8_t *bytes, size_t count);
/** guest_io_usage() - the operations of io. */
void guest_io_usage(FILE *to);

#endif
