/* Covers credential_parse(), credential_emit(), credential_proof_ok(), credential_chain_check().
 * What is accepted must emit to the same bytes, and no input carries the root's signature. */
#include <string.h>

#include "sync/credential.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[SEED_BYTES] = { 7 };
	static const uint8_t none[ORIGIN_BYTES];
	struct span s = span_of(data, size);
	uint8_t root[PUBKEY_BYTES];
	struct credential c;
	struct bytes again;
	struct diag d;

	/* An origin is a hash: let the input leave it out, else hardly one would get past it. */
	if (credential_parse(&c, s) != RC_OK) {
		uint8_t copy[512];
		uint8_t origin[ORIGIN_BYTES];

		if (size < 1 + ORIGIN_BYTES + PUBKEY_BYTES + 1 || size > sizeof(copy))
			return 0;
		memcpy(copy, data, size);
		credential_origin(
		    copy + 1 + ORIGIN_BYTES, copy[1 + ORIGIN_BYTES + PUBKEY_BYTES], origin);
		memcpy(copy + 1, origin, ORIGIN_BYTES);
		if (credential_parse(&c, span_of(copy, size)) != RC_OK)
			return 0;
		bytes_init(&again);
		credential_emit(&c, &again);
		INVARIANT(span_eq(span_bytes(&again), span_of(copy, size)));
		bytes_free(&again);
	} else {
		bytes_init(&again);
		credential_emit(&c, &again);
		INVARIANT(span_eq(span_bytes(&again), s));
		bytes_free(&again);
	}
	diag_init(&d);
	credential_keys(seed, root);
	INVARIANT(!credential_proof_ok(&c, root));
	memcpy(c.issuer, none, ORIGIN_BYTES);
	INVARIANT(credential_chain_check(&c, NULL, 0, root, &d) == RC_PEER);
	return 0;
}
