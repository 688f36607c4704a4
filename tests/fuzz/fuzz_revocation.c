/* Covers revocation_cut_next(), revocation_cut_emit(), revocation_cut_ok(), revocation_form().
 * What is accepted must emit to the same bytes. */
#include <string.h>

#include "sync/revocation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t columns[] = { 1, 2 }, pubkey[PUBKEY_BYTES] = { 1 };
	struct value values[] = { value_blob(span_of(pubkey, PUBKEY_BYTES)), value_blob(span_of(data, size)) };
	struct commit_op op = { .table = 1001, .kind = COMMIT_INSERT, .columns = columns, .values = values,
		.columns_count = 2 };
	struct cut_entry entry, before;
	struct span rest = span_of(data, size);
	struct bytes again;
	struct diag why;
	bool is_ok, is_first = true;

	bytes_init(&again);
	diag_init(&why);
	while (revocation_cut_next(&rest, is_first ? NULL : &before, &entry, &is_ok)) {
		revocation_cut_emit(&entry, &again);
		before = entry;
		is_first = false;
	}
	INVARIANT(is_ok == revocation_cut_ok(span_of(data, size)));
	if (is_ok)
		INVARIANT(span_eq(span_bytes(&again), span_of(data, size)));
	INVARIANT((revocation_form(&op, &why) == RC_OK) == (is_ok && size <= CUT_BYTES_MAX));
	bytes_free(&again);
	return 0;
}
