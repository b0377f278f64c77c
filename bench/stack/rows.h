/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_STACK_ROWS_H
#define VQ_STACK_ROWS_H

#include "stack/stack.h"

/* One declaration per row; registry.c lists them, a test compares that list with the sources. */
extern const struct stack stack_c_bookworm;
extern const struct stack stack_rust_trixie;
extern const struct stack stack_rust_sid;
extern const struct stack stack_refdev;
extern const struct stack stack_9p;
extern const struct stack stack_blk;
extern const struct stack stack_local;
extern const struct stack stack_null;
extern const struct stack stack_attached;

extern const struct vmm vmm_qemu_bookworm;
extern const struct vmm vmm_qemu_backports;

#endif
