// SPDX-License-Identifier: Apache-2.0
#include "run/counters.h"

#include "base/buf.h"
#include "base/fs.h"
#include "conformance/wire/refdev.h"

#include <string.h>

int counters_load(const char *path, struct refdev_counters *ret, struct err *reterr)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	struct refdev_counters c;
	int e = fs_read(path, sizeof(c), &text, reterr);

	if (e < 0)
		return e;
	if (text.size != sizeof(c))
		return err_set(reterr, -EPROTO, "the device's counters have %zu bytes, not %zu",
			       text.size, sizeof(c));
	memcpy(&c, buf_text(&text), sizeof(c));
	if (c.magic != REFDEV_COUNTERS_MAGIC || c.version != REFDEV_COUNTERS_VERSION)
		return err_set(reterr, -EPROTO,
			       "the device's counters are not of version %d: build it again",
			       REFDEV_COUNTERS_VERSION);
	*ret = c;
	return 0;
}

int counters_read(const char *path, struct counters *ret, struct err *reterr)
{
	struct refdev_counters c = { 0 };
	int e;

	*ret = (struct counters){ 0 };
	if (!path[0])
		return 0;
	e = counters_load(path, &c, reterr);
	if (e < 0)
		return e;
	for (unsigned i = 0; i < REFDEV_OPCODES; i++)
		ret->requests += c.op[i].requests;
	ret->known = true;
	ret->tail = c.tail_shadow ? "shadow" : "passthrough";
	ret->kicks = c.kicks;
	ret->setups = c.setups;
	ret->removals = c.removals;
	ret->upgrades = c.upgrades;
	ret->live = c.live;
	ret->live_bytes_max = c.live_bytes_max;
	ret->map_ns = c.map_ns;
	ret->bytes_read = c.bytes_read;
	ret->bytes_written = c.bytes_written;
	ret->shadow = c.tail_shadow != 0;
	ret->setup_ns = c.setup_ns;
	ret->setup_wait_ns = c.setup_wait_ns;
	ret->setup_told_ns = c.setup_told_ns;
	return 0;
}
