// SPDX-License-Identifier: Apache-2.0
#include "pcp_tool.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/strv.h"
#include "run/world.h"

#include <stdlib.h>
#include <string.h>

#define STEP_MS	 60000
#define TEXT_MAX (16 * MIB)

static int unpack(const char *root, struct err *reterr)
{
	CLEANUP(freep) char *to = fs_path("--extract=%s", root);
	char *argv[] = { (char *)(uintptr_t) "fsck.erofs", to,
			 (char *)(uintptr_t)(WORLD_IMAGE "/root.erofs"), NULL };
	const struct proc_spec spec = { .argv = argv };
	struct proc_output o = { 0 };
	int e = to ? proc_run(&spec, MIB, clock_deadline_ms(STEP_MS), &o, reterr) : -ENOMEM;

	if (e == 0 && o.status != 0)
		e = err_set(reterr, -EIO, "fsck.erofs: %.300s", buf_text(&o.err));
	proc_output_free(&o);
	return e;
}

int pcp_tool_open(struct pcp_tool *p, const char *dir, struct err *reterr)
{
	p->dir = dir;
	(void)snprintf(p->root, sizeof(p->root), "%s/root", dir);
	return unpack(p->root, reterr);
}

int pcp_tool_close(struct pcp_tool *p)
{
	proc_output_free(&p->o);
	return fs_remove_tree(p->root, NULL);
}

int pcp_tool_run(struct pcp_tool *p, const char *name, const char *const *options,
		 const char *archive, const char *const *metrics, struct err *reterr)
{
	static char utc[] = "TZ=UTC";
	char *env[] = { utc, NULL };
	CLEANUP(strv_free) struct strv argv = { 0 };
	struct proc_spec spec = { .env = env };

	proc_output_free(&p->o);
	p->o = (struct proc_output){ 0 };
	strv_addf(&argv, "%s/usr/lib64/ld-linux-x86-64.so.2", p->root);
	strv_add(&argv, "--library-path");
	strv_addf(&argv, "%s/usr/lib/x86_64-linux-gnu:%s/usr/lib", p->root, p->root);
	strv_addf(&argv, "%s/usr/bin/%s", p->root, name);
	strv_add_all(&argv, options);
	strv_addf(&argv, "%s/%s", p->dir, archive);
	strv_add_all(&argv, metrics);
	if (strv_failed(&argv))
		return err_set(reterr, -ENOMEM, "out of memory");
	spec.argv = argv.item;
	return proc_run(&spec, TEXT_MAX, clock_deadline_ms(STEP_MS), &p->o, reterr);
}

/* Numbers that stand behind each @word. */
static struct pcp_values values_behind(const char *text, const char *word)
{
	struct pcp_values v = { 0 };

	for (const char *at = text; (at = strstr(at, word)); at++) {
		double n = strtod(at + strlen(word), NULL);

		if (v.count++ == 0)
			v.first = v.lowest = v.highest = n;
		v.last = n;
		v.lowest = n < v.lowest ? n : v.lowest;
		v.highest = n > v.highest ? n : v.highest;
	}
	return v;
}

struct pcp_values pcp_values_of(const char *text)
{
	return values_behind(text, "value ");
}

struct pcp_values pcp_instance_of(const char *text, const char *instance)
{
	char word[96];

	(void)snprintf(word, sizeof(word), "\"%s\"] value ", instance);
	return values_behind(text, word);
}

/* From its name to the next. */
const char *pcp_block_of(const char *text, const char *name, size_t *ret_size)
{
	size_t length = strlen(name);
	const char *at = text;

	while ((at = strstr(at, name))) {
		bool start = at == text || at[-1] == '\n' || at[-1] == '(';
		char end = at[length];

		if (start && (end == '\n' || end == ' ' || end == ')')) {
			const char *stop = strstr(at, "\n\n");
			const char *next = strstr(at, "\nPMID:");

			if (next && (!stop || next < stop))
				stop = next;
			*ret_size = stop ? (size_t)(stop - at) : strlen(at);
			return at;
		}
		at += length;
	}
	return NULL;
}

bool pcp_same_line(const char *a, size_t a_size, const char *b, size_t b_size, const char *word)
{
	const char *la = memmem(a, a_size, word, strlen(word));
	const char *lb = memmem(b, b_size, word, strlen(word));
	size_t n = la ? strcspn(la, "\n") : 0;

	return la && lb && strncmp(la, lb, n) == 0 && (lb[n] == '\n' || lb[n] == '\0');
}
