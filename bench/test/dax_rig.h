/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_DAX_RIG_H
#define VQ_TEST_DAX_RIG_H

#include "inside.h"

#include "run/session.h"

/*
 * A share that the reference device, in its default sandbox, serves to a real guest through a DAX window, and
 * both sides of its files: the guest's by `vq-guest`, the host's as this process sees them. It is a session of
 * the driver, without its proof of DAX. Nothing in here asserts; what went wrong is in inside.err.
 *
 * $VQ_DAX_WORDS is added to the words that the device is started with: `--fault=map-private` shows which tests
 * notice that fault.
 */
struct dax_rig_spec {
	const char *kernel;
	const char *variant; /* of the stack; NULL: none */
	enum dax_mode dax;
	enum cache_mode cache;
	unsigned window_mib;
	const char *const *words; /* for the device, besides those of the cell; NULL: none */
	bool own_socket;	  /* it makes its sockets itself: there are several */
};

struct dax_rig {
	struct inside *in;
	struct stack stack; /* refdev with further words */
	struct strv args;
	struct cell cell;
	struct pass_context ctx;
	struct session s;
	struct pass_result r;
	char dir[PATH_MAX];
	uint32_t holder;
	bool held;
	bool open;
};

/** dax_rig_open() - device, plug, mount. @serial: another one each time. Close it in any case. */
int dax_rig_open(struct dax_rig *r, struct inside *in, const struct dax_rig_spec *spec,
		 unsigned serial) MUST_USE;

/** dax_rig_unmount() - end the holder and unmount; then nothing may be mapped any more: -EBUSY. */
int dax_rig_unmount(struct dax_rig *r) MUST_USE;

/** dax_rig_close() - and take everything down. -EIO for a device, guest or VMM that did not end well. */
int dax_rig_close(struct dax_rig *r) MUST_USE;

/** dax_rig_counters() - what the device counts now. */
int dax_rig_counters(struct dax_rig *r, struct counters *ret) MUST_USE;

/** dax_rig_file() - make a file of the share on the host; its descriptor, for both. */
int dax_rig_file(struct dax_rig *r, const char *name, const void *data, size_t size) MUST_USE;

/** dax_rig_io() - `vq-guest io` on a file of the share. @ret: its list (new reference); -EREMOTEIO as guest_tool(). */
int dax_rig_io(struct dax_rig *r, const char *name, const char *const *operations, json_t **ret)
	MUST_USE;

/** dax_rig_ends_by() - the same, for operations that end their process: @ret_fate and its code. */
int dax_rig_ends_by(struct dax_rig *r, const char *name, const char *const *operations,
		    enum agent_fate *ret_fate, int *ret_code) MUST_USE;

/** dax_rig_remove() - the guest takes away the last name of a file. */
int dax_rig_remove(struct dax_rig *r, const char *name) MUST_USE;

/** dax_rig_hold() - start the one holder: it maps @bytes of a file (0: all of it, read-only). */
int dax_rig_hold(struct dax_rig *r, const char *name, uint64_t bytes) MUST_USE;
int dax_rig_let_go(struct dax_rig *r) MUST_USE;

/* No page is behind a place of the holder's mapping. Not an error of the rig. */
#define DAX_RIG_SIGBUS 1

/**
 * dax_rig_look() - what the holder sees at @offset, any number of bytes. Return: 0; DAX_RIG_SIGBUS; -errno.
 * dax_rig_poke() - it stores there, at most 256 bytes.
 */
int dax_rig_look(struct dax_rig *r, uint64_t offset, void *ret, size_t count) MUST_USE;
int dax_rig_poke(struct dax_rig *r, uint64_t offset, const void *bytes, size_t count) MUST_USE;

/* Bytes as the operations of `vq-guest io` take and give them. */
#define DAX_RIG_HEX_MAX 4096
void dax_rig_to_hex(const void *bytes, size_t count, char *ret, size_t size);
int dax_rig_of_hex(const char *text, void *ret, size_t count) MUST_USE;

/** dax_rig_hex_is() - the @index-th result of operations is exactly these bytes. */
bool dax_rig_hex_is(const json_t *list, size_t index, const void *bytes, size_t count);

#endif
