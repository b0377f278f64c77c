// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/dax/passthrough.h"

int dax_passthrough_open(const char *shared_dir, struct dax_passthrough **ret, struct err *reterr)
{
	(void)shared_dir;
	(void)ret;
	return err_set(reterr, -EOPNOTSUPP, "not built in");
}

struct dax_passthrough *dax_passthrough_close(struct dax_passthrough *p)
{
	(void)p;
	return NULL;
}

int dax_passthrough_file(struct dax_passthrough *p, const struct dax_file *f, int *ret_fd)
{
	(void)p;
	(void)f;
	(void)ret_fd;
	return -ENOTCONN;
}
