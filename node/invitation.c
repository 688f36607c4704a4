#include "node/invitation_impl.h"

#include <sodium.h>
#include <string.h>

#include "node/message.h"
#include "node/text.h"
#include "sync/cursor.h"

#define FORMAT 1
#define JOIN_PURPOSE "ocop join 1"
#define CHECK_BYTES 4

/* ---- pieces */

static void
fixed_parse(struct rd *r, uint8_t *out, size_t n)
{
	struct span s = rd_fixed(r, n);

	if (s.n == n)
		memcpy(out, s.p, n);
}

/* Text for people or programs, without control characters. */
static void
text_parse(struct rd *r, char *out, size_t bytes_max)
{
	struct span s = rd_blob(r, bytes_max);
	size_t i;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] < 0x20 || s.p[i] == 0x7f)
			rd_fail(r);
	}
	if (!text_utf8_check(s, NULL))
		rd_fail(r);
	if (s.n != 0)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
}

void
invitation_body_emit(const struct invitation *i, struct bytes *out)
{
	bytes_put(out, i->root_pubkey, PUBKEY_BYTES);
	bytes_put(out, i->inviter_pubkey, PUBKEY_BYTES);
	bytes_put(out, i->id, INVITATION_BYTES);
	wr_u32(out, i->expires_s);
	wr_blob(out, span_str(i->unit));
	wr_blob(out, span_str(i->url));
}

static void
body_parse(struct invitation *i, struct rd *r)
{
	memset(i, 0, sizeof(*i));
	fixed_parse(r, i->root_pubkey, PUBKEY_BYTES);
	fixed_parse(r, i->inviter_pubkey, PUBKEY_BYTES);
	fixed_parse(r, i->id, INVITATION_BYTES);
	i->expires_s = rd_u32(r);
	text_parse(r, i->unit, UNIT_BYTES_MAX);
	text_parse(r, i->url, INVITATION_URL_BYTES_MAX);
	if (i->unit[0] == '\0' || sodium_is_zero(i->id, INVITATION_BYTES))
		rd_fail(r);
}

uint64_t
invitation_expires_ms(const struct invitation *i)
{
	return (uint64_t)i->expires_s * 1000;
}

/* ---- the invitation */

static void
check_make(struct span s, uint8_t out[CHECK_BYTES])
{
	uint8_t hash[crypto_generichash_BYTES_MIN];

	(void)crypto_generichash(hash, sizeof(hash), s.p, s.n, NULL, 0);
	memcpy(out, hash, CHECK_BYTES);
}

void
invitation_emit(const struct invitation *i, struct bytes *out)
{
	uint8_t check[CHECK_BYTES];
	size_t from = out->n;

	wr_u8(out, FORMAT);
	invitation_body_emit(i, out);
	bytes_put(out, i->secret, INVITATION_SECRET_BYTES);
	if (out->failed)
		return;
	check_make(span_of(out->p + from, out->n - from), check);
	bytes_put(out, check, CHECK_BYTES);
}

enum rc
invitation_parse(struct invitation *i, struct span bytes, struct diag *d)
{
	struct rd r = rd_span(bytes);
	uint8_t check[CHECK_BYTES];
	struct span said;

	if (rd_u8(&r) != FORMAT)
		rd_fail(&r);
	body_parse(i, &r);
	fixed_parse(&r, i->secret, INVITATION_SECRET_BYTES);
	said = rd_fixed(&r, CHECK_BYTES);
	if (!rd_done(&r))
		return diag_fail(d, RC_INPUT, "%s", message(MSG_INVITATION_BAD));
	check_make(span_of(bytes.p, bytes.n - CHECK_BYTES), check);
	if (memcmp(check, said.p, CHECK_BYTES) != 0)
		return diag_fail(d, RC_INPUT, "%s", message(MSG_INVITATION_BAD));
	return RC_OK;
}

/* ---- the request */

static void
proof_make(const uint8_t secret[INVITATION_SECRET_BYTES], struct span s, uint8_t out[INVITATION_SECRET_BYTES])
{
	crypto_generichash_state state;

	(void)crypto_generichash_init(&state, secret, INVITATION_SECRET_BYTES, INVITATION_SECRET_BYTES);
	(void)crypto_generichash_update(&state, (const uint8_t *)JOIN_PURPOSE, sizeof(JOIN_PURPOSE) - 1);
	(void)crypto_generichash_update(&state, s.p, s.n);
	(void)crypto_generichash_final(&state, out, INVITATION_SECRET_BYTES);
}

bool
invitation_proof_ok(const struct invitation_request *q, const uint8_t secret[INVITATION_SECRET_BYTES])
{
	uint8_t proof[INVITATION_SECRET_BYTES];

	proof_make(secret, q->proved, proof);
	return sodium_memcmp(proof, q->proof, sizeof(proof)) == 0;
}

static void
statement_hash(struct span s, uint8_t out[HASH_BYTES])
{
	crypto_generichash_state state;

	(void)crypto_generichash_init(&state, NULL, 0, HASH_BYTES);
	(void)crypto_generichash_update(&state, (const uint8_t *)JOIN_PURPOSE, sizeof(JOIN_PURPOSE) - 1);
	(void)crypto_generichash_update(&state, s.p, s.n);
	(void)crypto_generichash_final(&state, out, HASH_BYTES);
}

enum rc
invitation_request(const struct invitation *i, const uint8_t seed[SEED_BYTES], struct span name, struct bytes *out)
{
	uint8_t pubkey[PUBKEY_BYTES], secret[crypto_sign_SECRETKEYBYTES], hash[HASH_BYTES];
	uint8_t proof[INVITATION_SECRET_BYTES], signature[SIGNATURE_BYTES];
	size_t from = out->n;

	(void)crypto_sign_seed_keypair(pubkey, secret, seed);
	wr_u8(out, FORMAT);
	invitation_body_emit(i, out);
	bytes_put(out, pubkey, PUBKEY_BYTES);
	wr_blob(out, name);
	if (!out->failed) {
		proof_make(i->secret, span_of(out->p + from, out->n - from), proof);
		bytes_put(out, proof, sizeof(proof));
	}
	if (!out->failed) {
		statement_hash(span_of(out->p + from, out->n - from), hash);
		(void)crypto_sign_detached(signature, NULL, hash, sizeof(hash), secret);
		bytes_put(out, signature, sizeof(signature));
	}
	sodium_memzero(secret, sizeof(secret));
	return bytes_rc(out);
}

enum rc
invitation_request_parse(struct invitation_request *q, struct span bytes, struct diag *d)
{
	char name[AUTHOR_BYTES_MAX + 1];
	struct rd r = rd_span(bytes), before;
	uint8_t hash[HASH_BYTES];

	memset(q, 0, sizeof(*q));
	if (rd_u8(&r) != FORMAT)
		rd_fail(&r);
	body_parse(&q->body, &r);
	fixed_parse(&r, q->pubkey, PUBKEY_BYTES);
	before = r;
	text_parse(&r, name, AUTHOR_BYTES_MAX);
	q->name = rd_blob(&before, AUTHOR_BYTES_MAX);
	fixed_parse(&r, q->proof, sizeof(q->proof));
	fixed_parse(&r, q->signature, sizeof(q->signature));
	if (!rd_done(&r))
		return diag_fail(d, RC_PEER, "%s", message(MSG_JOIN_REQUEST_BAD));
	q->signed_ = span_of(bytes.p, bytes.n - sizeof(q->signature));
	q->proved = span_of(bytes.p, q->signed_.n - sizeof(q->proof));
	statement_hash(q->signed_, hash);
	if (crypto_sign_verify_detached(q->signature, hash, sizeof(hash), q->pubkey) != 0)
		return diag_fail(d, RC_PEER, "%s", message(MSG_JOIN_REQUEST_BAD));
	return RC_OK;
}

/* ---- the answer */

void
invitation_answer_emit(const struct credential *chain, size_t count, struct bytes *out)
{
	struct bytes one;
	size_t i;

	wr_u8(out, FORMAT);
	wr_varint(out, count);
	bytes_init(&one);
	for (i = 0; i < count; i++) {
		bytes_clear(&one);
		credential_emit(&chain[i], &one);
		wr_blob(out, span_bytes(&one));
		if (one.failed)
			out->failed = true;
	}
	bytes_free(&one);
}

enum rc
invitation_answer(const struct invitation_request *q, struct span answer,
    struct credential chain[CREDENTIAL_CHAIN_MAX + 1], size_t *count, struct diag *d)
{
	struct rd r = rd_span(answer);
	size_t i, n;

	*count = 0;
	if (rd_u8(&r) != FORMAT)
		rd_fail(&r);
	n = (size_t)rd_varint_max(&r, CREDENTIAL_CHAIN_MAX + 1);
	for (i = 0; i < n; i++) {
		if (credential_parse(&chain[i], rd_blob(&r, INVITATION_CREDENTIAL_BYTES_MAX)) != RC_OK)
			rd_fail(&r);
	}
	if (!rd_done(&r) || n < 2)
		return diag_fail(d, RC_PEER, "%s", message(MSG_JOIN_ANSWER_BAD));
	if (memcmp(chain[0].pubkey, q->pubkey, PUBKEY_BYTES) != 0)
		return diag_fail(d, RC_PEER, "%s", message(MSG_JOIN_ANSWER_OTHER));
	if (strcmp(chain[0].unit, q->body.unit) != 0 ||
	    memcmp(chain[1].pubkey, q->body.inviter_pubkey, PUBKEY_BYTES) != 0 ||
	    credential_chain_check(&chain[0], chain + 1, n - 1, q->body.root_pubkey, NULL) != RC_OK)
		return diag_fail(d, RC_PEER, "%s", message(MSG_JOIN_ANSWER_BAD));
	*count = n;
	return RC_OK;
}
