// SPDX-License-Identifier: Apache-2.0
/* Files: pushed to the guest and pulled from it, one at a time. */
#include "guest/agent_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int check_path(const char *path, struct err *reterr)
{
	if (path[0] != '/')
		return err_set(reterr, -EINVAL, "the guest path \"%.200s\" is not absolute", path);
	if (strlen(path) >= VQP_PATH_MAX)
		return err_set(reterr, -ENAMETOOLONG, "the guest path \"%.200s...\" is too long",
			       path);
	return 0;
}

int agent_push(struct agent *a, const void *data, size_t size, const char *guest_path,
	       unsigned mode, uint64_t deadline_ns, struct err *reterr)
{
	struct vqp_push_open o = { .size = vqp_put64(size), .mode = vqp_put32(mode) };
	char what[256];
	int e = check_path(guest_path, reterr);

	if (e < 0)
		return e;
	if (size > VQP_FILE_MAX)
		return err_set(reterr, -EFBIG, "cannot push %zu bytes to %s: the limit is %" PRIu64,
			       size, guest_path, VQP_FILE_MAX);
	(void)snprintf(what, sizeof(what), "pushing %.200s", guest_path);
	agent_request_begin(a, VQP_PUSH_DONE);
	e = agent_link_send(a, VQP_PUSH_OPEN, a->request.id, &o, sizeof(o), guest_path,
			    strlen(guest_path), deadline_ns);
	/* An ERROR may come at any time and ends the transfer. */
	for (size_t done = 0; e == 0 && done < size && !a->request.done;) {
		struct vqp_stream head = { .offset = vqp_put64(done) };
		size_t n = size - done < VQP_CHUNK_MAX ? size - done : VQP_CHUNK_MAX;

		e = agent_link_send(a, VQP_PUSH_DATA, a->request.id, &head, sizeof(head),
				    (const char *)data + done, n, deadline_ns);
		done += n;
	}
	if (e == 0 && !a->request.done)
		e = agent_link_send(a, VQP_PUSH_END, a->request.id, NULL, 0, NULL, 0, deadline_ns);
	return agent_request_finish(a, e, deadline_ns, what, reterr);
}

void agent_file_data(struct agent *a, const struct vqp_frame *f)
{
	struct request *r = &a->request;
	struct vqp_stream head;
	size_t size;

	if (r->done || r->id != f->job || !r->pull || f->size < sizeof(head))
		return;
	memcpy(&head, f->payload, sizeof(head));
	size = f->size - sizeof(head);
	if (vqp_get64(head.offset) != r->pull_next || size > r->pull_max - r->pull_next)
		agent_request_break(r, -EPROTO, "the agent sent data that was not asked for");
	else if (buf_add(r->pull, f->payload + sizeof(head), size) < 0)
		agent_request_break(r, -ENOMEM, "out of memory for the file");
	else
		r->pull_next += size;
}

int agent_pull(struct agent *a, const char *guest_path, size_t max, uint64_t deadline_ns,
	       struct buf *ret, struct err *reterr)
{
	struct vqp_pull p = { .max = vqp_put64(max) };
	struct buf data = { 0 };
	char what[256];
	int e = check_path(guest_path, reterr);

	if (e < 0)
		return e;
	(void)snprintf(what, sizeof(what), "pulling %.200s", guest_path);
	agent_request_begin(a, VQP_PULL_END);
	a->request.pull = &data;
	a->request.pull_max = max;
	e = agent_link_send(a, VQP_PULL, a->request.id, &p, sizeof(p), guest_path,
			    strlen(guest_path), deadline_ns);
	e = agent_request_finish(a, e, deadline_ns, what, reterr);
	a->request.pull = NULL;
	if (e == 0 && buf_add(ret, data.data, data.size) < 0)
		e = err_set(reterr, -ENOMEM, "out of memory %s", what);
	buf_free(&data);
	return e;
}
