// SPDX-License-Identifier: Apache-2.0
#include "inside.h"

#include "real_guest.h"

#include "base/isolate.h"
#include "run/probe.h"

#include <stdlib.h>
#include <unistd.h>

void inside_fleet(struct inside *in)
{
	const struct fleet_options o = {
		.accelerator = in->accelerator,
		.vcpus = 1,
		.memory_mib = INSIDE_MEMORY_MIB,
		.cmdline_path = in->cmdline,
		.log_dir = in->dir,
		.world = &in->world,
	};

	fleet_init(&in->fleet, &o);
}

int inside_open(struct inside *in)
{
	const struct world_source src = { .home = in->home };
	json_t *accelerator = NULL;

	if (world_make(&src, &in->world, &in->err) < 0 ||
	    probe_accelerator(&in->world, "auto", &in->accelerator, &accelerator, &in->err) < 0) {
		(void)fprintf(stderr, "%s\n", in->err.text);
		return -1;
	}
	json_decref(accelerator);
	return 0;
}

int inside_run(struct inside *in, const char *name, int (*body)(void *))
{
	struct isolate_result how = { 0 };
	int lock = real_lock(&in->err);
	int e = lock < 0 ? lock : real_dir(name, in->dir, sizeof(in->dir), &in->err);

	if (e == 0 && !realpath(".", in->home))
		e = err_errno(&in->err, -errno, "realpath");
	(void)snprintf(in->cmdline, sizeof(in->cmdline), "%s/guest-image/cmdline", in->home);
	if (e == 0)
		e = world_prepare(&in->err);
	if (e == 0)
		e = isolate_run(body, NULL, &how, &in->err);
	if (e < 0)
		(void)fprintf(stderr, "%s\n", in->err.text);
	if (lock >= 0)
		(void)close(lock);
	return e < 0 || how.interrupted || how.status ? 1 : 0;
}
