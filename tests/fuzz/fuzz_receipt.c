/* Covers receipt_read(), receipt_emit(), receipt_is_signed().
 * The input is what a record holds: receipts, one behind the other.  What is accepted must emit to the same bytes, and
 * no input carries our signature. */
#include <string.h>

#include "sync/credential.h"
#include "sync/cursor.h"
#include "sync/receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[SEED_BYTES] = { 7 };
	struct rd rd = rd_over(data, size);
	uint8_t pubkey[PUBKEY_BYTES];
	struct bytes again;
	struct receipt r;

	credential_keys(seed, pubkey);
	bytes_init(&again);
	while (rd_left(&rd) > 0) {
		receipt_read(&r, &rd);
		if (!rd_ok(&rd))
			break;
		bytes_clear(&again);
		receipt_emit(&r, &again);
		bytes_put(&again, r.whole.p + r.whole.n - SIGNATURE_BYTES, SIGNATURE_BYTES);
		INVARIANT(span_eq(span_bytes(&again), r.whole));
		INVARIANT(!receipt_is_signed(&r, pubkey));
		INVARIANT(receipt_stream_find(&r, r.streams[r.streams_count - 1].origin) ==
		    &r.streams[r.streams_count - 1]);
	}
	bytes_free(&again);
	return 0;
}
