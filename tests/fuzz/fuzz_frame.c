/* Covers frame_parse(), frame_emit(), frame_sort().
 * The input is a run of frames of one transfer, each behind its length.  What is accepted must emit to the same bytes,
 * and sorting must leave it as it is. */
#include <string.h>

#include "sync/cursor.h"
#include "sync/frame.h"

#define FRAMES_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* False: refused, and both tables of names are spent. */
static bool
frame_try(struct frame_names *in, struct frame_names *out, struct span s)
{
	struct bytes again;
	struct frame f;
	struct diag d;
	enum rc rc;

	diag_init(&d);
	if ((rc = frame_parse(in, s, &f, &d)) != RC_OK) {
		INVARIANT(rc == RC_PEER);
		INVARIANT(d.text[0] != '\0');
		return false;
	}
	bytes_init(&again);
	INVARIANT(frame_sort(out, &f.f, &d) == RC_OK);
	INVARIANT(frame_emit(out, &f.f, &again, &d) == RC_OK);
	INVARIANT(span_eq(span_bytes(&again), s));
	bytes_free(&again);
	frame_fini(&f);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame_names in = { 0 }, out = { 0 };
	struct rd r = rd_over(data, size);
	struct span s;

	for (int i = 0; i < FRAMES_MAX && rd_left(&r) > 0; i++) {
		s = rd_blob(&r, FRAME_BYTES_MAX);
		if (!rd_ok(&r) || !frame_try(&in, &out, s))
			break;
	}
	frame_names_fini(&in);
	frame_names_fini(&out);
	return 0;
}
