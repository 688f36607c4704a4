/* Covers invitation_text_read(), invitation_parse(), invitation_request_parse(), invitation_answer().
 * What is accepted must emit to the same bytes; no input is an answer of a node whose key it cannot have. */
#include <sodium.h>
#include <string.h>

#include "node/invitation_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
texts_check(struct span s)
{
	struct bytes out, text, again;
	int kind;

	bytes_init(&out);
	bytes_init(&text);
	bytes_init(&again);
	for (kind = INVITATION_INVITATION; kind <= INVITATION_ANSWER; kind++) {
		bytes_clear(&out);
		if (invitation_text_read((enum invitation_kind)kind, s, &out, NULL) != RC_OK)
			continue;
		bytes_clear(&text);
		bytes_clear(&again);
		invitation_text_write((enum invitation_kind)kind, span_bytes(&out), true, &text);
		INVARIANT(invitation_text_read((enum invitation_kind)kind, span_bytes(&text), &again, NULL) == RC_OK);
		INVARIANT(span_eq(span_bytes(&out), span_bytes(&again)));
	}
	bytes_free(&again);
	bytes_free(&text);
	bytes_free(&out);
}

/* The check at the end is a hash, so it is put right: else hardly an input would get past it.  What is an invitation
 * can be asked on. */
static void
invitation_check(struct span s)
{
	static const uint8_t seed[SEED_BYTES] = { 7 };
	uint8_t copy[1024], hash[crypto_generichash_BYTES_MIN];
	struct invitation_request q;
	struct invitation i;
	struct bytes again;

	if (s.n < 4 || s.n > sizeof(copy))
		return;
	memcpy(copy, s.p, s.n);
	(void)crypto_generichash(hash, sizeof(hash), copy, s.n - 4, NULL, 0);
	memcpy(copy + s.n - 4, hash, 4);
	if (invitation_parse(&i, span_of(copy, s.n), NULL) != RC_OK)
		return;
	bytes_init(&again);
	invitation_emit(&i, &again);
	INVARIANT(span_eq(span_bytes(&again), span_of(copy, s.n)));
	bytes_clear(&again);
	INVARIANT(invitation_request(&i, seed, span_str("x"), &again) == RC_OK);
	INVARIANT(invitation_request_parse(&q, span_bytes(&again), NULL) == RC_OK);
	INVARIANT(invitation_proof_ok(&q, i.secret));
	bytes_free(&again);
}

static void
answer_check(struct span s)
{
	static struct invitation_request q;
	struct credential chain[CREDENTIAL_CHAIN_MAX + 1];
	size_t count;

	/* A root key that signed nothing. */
	memset(q.body.root_pubkey, 3, PUBKEY_BYTES);
	if (s.n > 80)
		memcpy(q.pubkey, s.p + s.n % 48, PUBKEY_BYTES);
	INVARIANT(invitation_answer(&q, s, chain, &count, NULL) == RC_PEER && count == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of(data, size);
	struct invitation_request q;

	texts_check(s);
	invitation_check(s);
	(void)invitation_request_parse(&q, s, NULL);
	answer_check(s);
	return 0;
}
