/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_STACK_VMM_WORDS_H
#define VQ_STACK_VMM_WORDS_H

#include "stack/registry.h"
#include "stack/words.h"

/* Command lines of VMMs that conf files describe, as words. */

/** The {names} that a VMM's words may hold, {cache} (of STACK_VMM_FS) among them. */
extern const char *const vmm_word_names[];
extern const size_t vmm_word_name_count;

/* The word that stands for those of the file system device. */
#define VMM_DEVICE_WORD "{device}"

/** vmm_words_argv() - the whole command line of a VMM with `args`. 0, -EINVAL or -ENOMEM. */
int vmm_words_argv(const struct vmm *v, const struct stack_paths *p, const struct vmm_config *c,
		   struct strv *ret) MUST_USE;

/** vmm_words_extra() - append its `extra_args`. */
int vmm_words_extra(const struct vmm *v, const struct stack_paths *p, const struct vmm_config *c,
		    struct strv *ret) MUST_USE;

/** vmm_words_has_device() - does {device} stand among the words? */
bool vmm_words_has_device(const char *const *words);

#endif
