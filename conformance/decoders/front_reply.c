// SPDX-License-Identifier: Apache-2.0
/* FUSE replies as a device may write them: header, payload of each opcode, folder entries. */
#include "conformance/decoders/fuzz.h"

#include "base/buf.h"
#include "conformance/front/evidence.h"
#include "conformance/front/request.h"

#define REPLY_MAX 4096

int fuzz_target(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	CLEANUP(buf_free) struct buf text = { 0 };
	struct front_evidence *e = front_evidence_new(8);
	struct front_request r = { .opcode = (uint32_t)fuzz_number(&in, 1) };
	unsigned what = (unsigned)fuzz_number(&in, 1);
	uint8_t request[128];

	r.raw = what & 1;
	r.no_reply = what & 2;
	r.maybe_no_reply = what & 4;
	r.out_min = (size_t)fuzz_number(&in, 2);
	r.out_max = (size_t)fuzz_number(&in, 2);
	r.unique = fuzz_number(&in, 1);
	memset(request, (int)r.unique, sizeof(request));
	r.in = request;
	r.in_size = (size_t)fuzz_number(&in, 1) % (sizeof(request) + 1);
	/* As much as was written, and one byte that the front end adds. */
	r.used = (uint32_t)(in.left < REPLY_MAX ? in.left : REPLY_MAX);
	r.out_size = r.used;
	r.out = calloc(1, r.used + 1);
	if (!e || !r.out)
		abort();
	(void)fuzz_copy(&in, r.out, r.used);
	(void)front_decode(e, &r);
	(void)!front_evidence_text(e, true, &text);
	free(r.out);
	(void)front_evidence_free(e);
	return 0;
}
