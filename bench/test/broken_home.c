// SPDX-License-Identifier: Apache-2.0
#include "broken_home.h"

#include "base/clock.h"
#include "base/fs.h"

#include <string.h>
#include <unistd.h>

#define LOADER "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"

int broken_home_command(struct conduct *c, const char *const *argv)
{
	const struct proc_spec spec = { .argv = (char *const *)(uintptr_t)argv };
	struct proc_output o = { 0 };
	int e = proc_run(&spec, MIB, clock_deadline_ms(REACH_MS), &o, &c->err);

	if (e == 0 && o.status != 0)
		e = err_set(&c->err, -EIO, "%s: %s", argv[0], buf_text(&o.err));
	proc_output_free(&o);
	return e;
}

/* A home of links, but for @part, which is an own, empty folder. */
static int home_without(struct conduct *c, const char *name, const char *part, char *ret,
			size_t size)
{
	CLEANUP(freep) char *own = NULL;
	int e;

	(void)snprintf(ret, size, "%s/%s", c->dir, name);
	e = real_home(ret, strrchr(part, '/') ? strrchr(part, '/') + 1 : part, &c->err);
	own = fs_path("%s/%s", ret, part);
	if (e == 0)
		e = own ? fs_mkdirs(own, 0755, &c->err) : -ENOMEM;
	return e;
}

int broken_home_copy(struct conduct *c, const char *name, const char *part, const char *what,
		     char *ret, size_t size)
{
	CLEANUP(freep) char *from = fs_path("%s/%s/.", part, what);
	CLEANUP(freep) char *to = NULL;
	int e = home_without(c, name, part, ret, size);

	to = fs_path("%s/%s/%s", ret, part, what);
	if (e < 0 || !from || !to)
		return e < 0 ? e : -ENOMEM;
	e = fs_mkdirs(to, 0755, &c->err);
	if (e == 0 && broken_home_command(c, ARGS("cp", "-al", from, to)) < 0)
		e = broken_home_command(c, ARGS("cp", "-a", from, to));
	return e;
}

int broken_home_loader(struct conduct *c, const char *name, const char *behaviour, char *ret,
		       size_t size)
{
	CLEANUP(freep) char *loader = NULL;
	CLEANUP(freep) char *real = NULL;
	CLEANUP(freep) char *text = NULL;
	int e = broken_home_copy(c, name, "build/roots", "backports", ret, size);

	loader = fs_path("%s/build/roots/backports/" LOADER, ret);
	real = loader ? fs_path("%s.real", loader) : NULL;
	text = fs_path("%s/build/roots/backports/usr/lib/x86_64-linux-gnu/behaviour", ret);
	if (e < 0 || !loader || !real || !text)
		return e < 0 ? e : -ENOMEM;
	/* In Debian it is a link; a copy of what it points to can be called another name. */
	e = broken_home_command(c, ARGS("cp", "-L", loader, real));
	if (e == 0 && unlink(loader) < 0)
		e = err_errno(&c->err, -errno, "cannot remove %s", loader);
	if (e == 0)
		e = broken_home_command(c, ARGS("cp", "bench/test/fakes/broken-loader", loader));
	return e < 0 ? e : fs_write_atomic(text, behaviour, strlen(behaviour), &c->err);
}
