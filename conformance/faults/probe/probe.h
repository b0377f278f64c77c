/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FAULTS_PROBE_H
#define VQ_FAULTS_PROBE_H

/*
 * A program to try faults on: each scenario makes some calls in an empty folder and says in a few words what
 * came of them. Its test compares these words with and without a fault.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct scenario {
	const char *name;
	void (*run)(const char *variant); /* by which of libc's names; "" where there is one */
};

extern const struct scenario file_scenarios[];
extern const size_t file_scenario_count;
extern const struct scenario name_scenarios[];
extern const size_t name_scenario_count;
extern const struct scenario process_scenarios[];
extern const size_t process_scenario_count;

/** say() - a word: "ok" or the number for a result that is none below 0, else the name of errno. */
void say(long result);
/** say_content() - all bytes of a file, zeros as dots. */
void say_content(const char *path);
/** make() - a file of the bytes @text, open for both. */
int make(const char *path, const char *text);
void say_size(const char *path);
bool is(const char *variant, const char *name);

#endif
