/* Covers commit_parse(), commit_check_canonical(), commit_emit(), commit_hlc(). What is accepted
 * and canonical must emit to the same bytes; what is refused leaves nothing behind. */
#include <string.h>

#include "sync/commit.h"

#define SEQ 90

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t origin[ORIGIN_BYTES] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct span body = span_of(data, size);
	struct bytes again;
	struct commit c;
	struct diag d;
	uint64_t hlc;
	enum rc rc;

	diag_init(&d);
	if ((rc = commit_parse(&c, body, origin, SEQ, &d)) != RC_OK) {
		INVARIANT(rc == RC_PEER);
		INVARIANT(d.text[0] != '\0');
		INVARIANT(c.ops == NULL);
		return 0;
	}
	INVARIANT(commit_hlc(body, &hlc) == RC_OK);
	INVARIANT(hlc == c.hlc);
	rc = commit_check_canonical(&c, body, origin, SEQ);
	INVARIANT(rc == RC_OK || rc == RC_PEER);
	bytes_init(&again);
	if (rc == RC_OK) {
		INVARIANT(commit_emit(&c, origin, SEQ, &again, &d) == RC_OK);
		INVARIANT(span_eq(span_bytes(&again), body));
	}
	bytes_free(&again);
	commit_free(&c);
	return 0;
}
