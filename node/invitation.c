#include "node/invitation.h"

#include <sodium.h>
#include <string.h>

#include "node/message.h"
#include "node/text.h"
#include "sync/cursor.h"
#include "sync/unit.h"

#define TEXT_PREFIX "ocop-invitation-1 "
#define PURPOSE "ocop invitation 1"
#define JOIN_PURPOSE "ocop join 1"
#define BASE64 sodium_base64_VARIANT_URLSAFE_NO_PADDING

static void
chain_emit(const struct credential *chain, size_t count, struct bytes *out)
{
	struct bytes one;
	size_t i;

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

static void
chain_parse(struct rd *r, struct credential chain[CREDENTIAL_CHAIN_MAX + 1], size_t *count)
{
	size_t i, n = (size_t)rd_varint_max(r, CREDENTIAL_CHAIN_MAX + 1);

	for (i = 0; i < n; i++) {
		if (credential_parse(&chain[i], rd_blob(r, INVITATION_CREDENTIAL_BYTES_MAX)) != RC_OK)
			rd_fail(r);
	}
	if (n == 0)
		rd_fail(r);
	*count = rd_ok(r) ? n : 0;
}

/* Does every credential of @chain prove itself by the next one, and the last by the root key? */
static bool
chain_ok(const struct credential *chain, size_t count, const uint8_t root_pubkey[PUBKEY_BYTES])
{
	static const uint8_t root[ORIGIN_BYTES];
	size_t i;

	for (i = 0; i + 1 < count; i++) {
		if (memcmp(chain[i].issuer, chain[i + 1].origin, ORIGIN_BYTES) != 0 ||
		    !credential_proof_ok(&chain[i], chain[i + 1].pubkey))
			return false;
	}
	return count != 0 && memcmp(chain[count - 1].issuer, root, ORIGIN_BYTES) == 0 &&
	    credential_proof_ok(&chain[count - 1], root_pubkey);
}

/* All but the signature. */
static void
statement_emit(const struct invitation *i, struct bytes *out)
{
	bytes_put(out, i->root_pubkey, PUBKEY_BYTES);
	wr_blob(out, span_str(i->root_unit));
	wr_blob(out, span_str(i->unit));
	wr_u64(out, i->expires_ms);
	bytes_put(out, i->id, INVITATION_BYTES);
	wr_blob(out, span_str(i->url));
	chain_emit(i->chain, i->chain_count, out);
}

static void
text_parse(struct rd *r, char *out, size_t bytes_max)
{
	struct span s = rd_blob(r, bytes_max);

	if (s.n != 0 && memchr(s.p, 0, s.n) != NULL)
		rd_fail(r);
	else if (s.n != 0)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
}

static void
fixed_parse(struct rd *r, uint8_t *out, size_t n)
{
	struct span s = rd_fixed(r, n);

	if (s.n == n)
		memcpy(out, s.p, n);
}

static enum rc
bytes_parse(struct invitation *i, struct span bytes, struct diag *d)
{
	struct rd r = rd_span(bytes);

	memset(i, 0, sizeof(*i));
	fixed_parse(&r, i->root_pubkey, PUBKEY_BYTES);
	text_parse(&r, i->root_unit, UNIT_BYTES_MAX);
	text_parse(&r, i->unit, UNIT_BYTES_MAX);
	i->expires_ms = rd_u64(&r);
	fixed_parse(&r, i->id, INVITATION_BYTES);
	text_parse(&r, i->url, INVITATION_URL_BYTES_MAX);
	chain_parse(&r, i->chain, &i->chain_count);
	fixed_parse(&r, i->signature, SIGNATURE_BYTES);
	if (!rd_done(&r) || i->unit[0] == '\0' || i->root_unit[0] == '\0')
		return diag_fail(d, RC_INPUT, "%s", message(MSG_INVITATION_BAD));
	if (!chain_ok(i->chain, i->chain_count, i->root_pubkey) ||
	    !credential_verify(i->chain[0].pubkey, span_str(PURPOSE),
	        span_of(bytes.p, bytes.n - SIGNATURE_BYTES), i->signature))
		return diag_fail(d, RC_PEER, "%s", message(MSG_INVITATION_FORGED));
	return RC_OK;
}

enum rc
invitation_issue(struct engine *e, struct invitation *i, struct bytes *out, struct diag *d)
{
	const struct engine_identity *self = engine_self(e);
	struct bytes b;
	size_t n;
	char *room;
	enum rc rc;

	memcpy(i->root_pubkey, self->root_pubkey, PUBKEY_BYTES);
	memcpy(i->root_unit, self->root_unit, sizeof(i->root_unit));
	if ((rc = credential_get(e, self->origin, &i->chain[0])) != RC_OK)
		return diag_fail(d, rc, "%s", rc_name(rc));
	if ((rc = credential_chain(e, self->origin, i->chain + 1, &i->chain_count, d)) != RC_OK)
		return rc;
	i->chain_count++;
	bytes_init(&b);
	statement_emit(i, &b);
	credential_sign(e, span_str(PURPOSE), span_bytes(&b), i->signature);
	bytes_put(&b, i->signature, SIGNATURE_BYTES);
	n = sodium_base64_ENCODED_LEN(b.n, BASE64);
	bytes_str(out, TEXT_PREFIX);
	if ((room = (char *)bytes_room(out, n)) != NULL) {
		sodium_bin2base64(room, n, b.p, b.n, BASE64);
		out->n += n - 1;
	}
	bytes_byte(out, '\n');
	rc = b.failed ? RC_NOMEM : bytes_rc(out);
	bytes_free(&b);
	return rc;
}

/* The bytes that an invitation's text stands for. */
static enum rc
text_decode(struct span text, uint8_t out[INVITATION_TEXT_BYTES_MAX], size_t *n, struct diag *d)
{
	const size_t prefix = sizeof(TEXT_PREFIX) - 1;
	const char *end;

	text = text_trim(text);
	if (text.n <= prefix || text.n > INVITATION_TEXT_BYTES_MAX || memcmp(text.p, TEXT_PREFIX, prefix) != 0)
		return diag_fail(d, RC_INPUT, "%s", message(MSG_INVITATION_BAD));
	if (sodium_base642bin(out, INVITATION_TEXT_BYTES_MAX, (const char *)text.p + prefix, text.n - prefix,
	        "\r\n ", n, &end, BASE64) != 0 || end != (const char *)text.p + text.n)
		return diag_fail(d, RC_INPUT, "%s", message(MSG_INVITATION_BAD));
	return RC_OK;
}

enum rc
invitation_read(struct invitation *i, struct span text, struct diag *d)
{
	uint8_t room[INVITATION_TEXT_BYTES_MAX];
	size_t n = 0;
	enum rc rc;

	if ((rc = text_decode(text, room, &n, d)) != RC_OK)
		return rc;
	return bytes_parse(i, span_of(room, n), d);
}

/* What the key of whoever asks signs. */
static void
join_sign(const uint8_t secret[crypto_sign_SECRETKEYBYTES], struct span bytes, uint8_t out[SIGNATURE_BYTES])
{
	uint8_t hash[HASH_BYTES];
	crypto_generichash_state state;

	(void)crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	(void)crypto_generichash_update(&state, (const uint8_t *)JOIN_PURPOSE, sizeof(JOIN_PURPOSE));
	(void)crypto_generichash_update(&state, bytes.p, bytes.n);
	(void)crypto_generichash_final(&state, hash, sizeof(hash));
	(void)crypto_sign_detached(out, NULL, hash, sizeof(hash), secret);
}

static bool
join_signature_ok(const uint8_t pubkey[PUBKEY_BYTES], struct span bytes, const uint8_t signature[SIGNATURE_BYTES])
{
	uint8_t hash[HASH_BYTES];
	crypto_generichash_state state;

	(void)crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	(void)crypto_generichash_update(&state, (const uint8_t *)JOIN_PURPOSE, sizeof(JOIN_PURPOSE));
	(void)crypto_generichash_update(&state, bytes.p, bytes.n);
	(void)crypto_generichash_final(&state, hash, sizeof(hash));
	return crypto_sign_verify_detached(signature, hash, sizeof(hash), pubkey) == 0;
}

enum rc
invitation_request(const struct invitation *i, const uint8_t seed[SEED_BYTES], struct span name, struct bytes *out)
{
	uint8_t pubkey[PUBKEY_BYTES], secret[crypto_sign_SECRETKEYBYTES], signature[SIGNATURE_BYTES];
	struct bytes b;
	size_t from = out->n;

	bytes_init(&b);
	statement_emit(i, &b);
	bytes_put(&b, i->signature, SIGNATURE_BYTES);
	(void)crypto_sign_seed_keypair(pubkey, secret, seed);
	wr_u8(out, 1);
	wr_blob(out, span_bytes(&b));
	bytes_put(out, pubkey, PUBKEY_BYTES);
	wr_blob(out, name);
	if (!out->failed) {
		join_sign(secret, span_of(out->p + from, out->n - from), signature);
		bytes_put(out, signature, SIGNATURE_BYTES);
	}
	sodium_memzero(secret, sizeof(secret));
	if (b.failed)
		out->failed = true;
	bytes_free(&b);
	return bytes_rc(out);
}

/* Finds who came in with an invitation. */
struct used_search {
	const uint8_t *id;
	struct credential found;
	bool is_found;
};

static enum rc
on_credential(void *ctx, const struct credential *c)
{
	struct used_search *s = ctx;

	if (memcmp(c->invitation, s->id, INVITATION_BYTES) == 0) {
		s->found = *c;
		s->is_found = true;
	}
	return RC_OK;
}

/* May we let anybody in on this invitation?  The inviter must be known here by the same key, serve the invited unit or
 * one above it, and belong to our tree. */
static enum rc
admission_check(struct engine *e, const struct invitation *i, uint64_t now_ms, struct diag *d)
{
	const struct engine_identity *self = engine_self(e);
	struct credential inviter;
	unit_id unit, from;

	if (memcmp(i->root_pubkey, self->root_pubkey, PUBKEY_BYTES) != 0)
		return diag_fail(d, RC_DENIED, "%s", message(MSG_INVITATION_OTHER_TREE));
	if (credential_get(e, i->chain[0].origin, &inviter) != RC_OK ||
	    memcmp(inviter.pubkey, i->chain[0].pubkey, PUBKEY_BYTES) != 0)
		return diag_fail(d, RC_DENIED, "%s", message(MSG_INVITATION_UNKNOWN_INVITER));
	if (now_ms > i->expires_ms)
		return diag_fail(d, RC_DENIED, "%s", message(MSG_INVITATION_EXPIRED));
	unit = unit_find(e, span_str(i->unit));
	from = unit_find(e, span_str(inviter.unit));
	if (unit == UNIT_NONE || !unit_is_known(e, unit))
		return diag_fail(d, RC_DENIED, message(MSG_UNIT_NOT_FOUND), i->unit);
	if (from == UNIT_NONE || !unit_is_within(e, unit, from))
		return diag_fail(d, RC_DENIED, "%s", message(MSG_INVITATION_NO_RIGHT));
	return RC_OK;
}

static enum rc
credential_grant(struct engine *e, const struct invitation *i, const uint8_t *pubkey, struct span name,
    struct credential *out, struct diag *d)
{
	struct used_search used = { .id = i->id };
	enum rc rc;

	if ((rc = credential_each(e, on_credential, &used)) != RC_OK)
		return diag_fail(d, rc, "%s", rc_name(rc));
	if (used.is_found && memcmp(used.found.pubkey, pubkey, PUBKEY_BYTES) != 0)
		return diag_fail(d, RC_DENIED, "%s", message(MSG_INVITATION_USED));
	if (used.is_found) {	/* the answer was lost on its way: the same again */
		*out = used.found;
		return RC_OK;
	}
	memset(out, 0, sizeof(*out));
	memcpy(out->pubkey, pubkey, PUBKEY_BYTES);
	credential_origin(out->pubkey, out->incarnation, out->origin);
	memcpy(out->unit, i->unit, sizeof(out->unit));
	out->level = unit_level(e, unit_find(e, span_str(i->unit)));
	memcpy(out->invitation, i->id, INVITATION_BYTES);
	if (name.n != 0)
		memcpy(out->name, name.p, name.n);
	if ((rc = credential_issue(e, out, d)) != RC_OK)
		return rc;
	rc = credential_save(e, out, d);
	return rc == RC_CONFLICT ? RC_DENIED : rc;
}

enum rc
invitation_admit(struct engine *e, struct span request, uint64_t now_ms, struct bytes *out, struct diag *d)
{
	struct credential chain[CREDENTIAL_CHAIN_MAX + 2];
	struct rd r = rd_span(request);
	struct span bytes, pubkey, name, signature;
	struct invitation i;
	size_t count;
	enum rc rc;

	if (rd_u8(&r) != 1)
		rd_fail(&r);
	bytes = rd_blob(&r, INVITATION_TEXT_BYTES_MAX);
	pubkey = rd_fixed(&r, PUBKEY_BYTES);
	name = rd_blob(&r, AUTHOR_BYTES_MAX);
	signature = rd_fixed(&r, SIGNATURE_BYTES);
	if (!rd_done(&r) || !text_utf8_check(name, NULL) || (name.n != 0 && memchr(name.p, 0, name.n) != NULL) ||
	    !join_signature_ok(pubkey.p, span_of(request.p, request.n - SIGNATURE_BYTES), signature.p))
		return diag_fail(d, RC_PEER, "%s", message(MSG_JOIN_REQUEST_BAD));
	if (bytes_parse(&i, bytes, d) != RC_OK)
		return RC_PEER;
	if ((rc = admission_check(e, &i, now_ms, d)) != RC_OK ||
	    (rc = credential_grant(e, &i, pubkey.p, name, &chain[0], d)) != RC_OK ||
	    (rc = credential_chain(e, chain[0].origin, chain + 1, &count, d)) != RC_OK)
		return rc;
	if (count + 1 > CREDENTIAL_CHAIN_MAX + 1)
		return diag_fail(d, RC_LIMIT, "%s", rc_name(RC_LIMIT));
	wr_u8(out, 1);
	chain_emit(chain, count + 1, out);
	return bytes_rc(out);
}

enum rc
invitation_answer(const struct invitation *i, const uint8_t seed[SEED_BYTES], struct span answer,
    struct credential chain[CREDENTIAL_CHAIN_MAX + 1], size_t *count, struct diag *d)
{
	uint8_t pubkey[PUBKEY_BYTES];
	struct rd r = rd_span(answer);

	if (rd_u8(&r) != 1)
		rd_fail(&r);
	chain_parse(&r, chain, count);
	credential_keys(seed, pubkey);
	if (!rd_done(&r) || memcmp(chain[0].pubkey, pubkey, PUBKEY_BYTES) != 0 || strcmp(chain[0].unit, i->unit) != 0 ||
	    *count < 2 || !chain_ok(chain, *count, i->root_pubkey))
		return diag_fail(d, RC_PEER, "%s", message(MSG_JOIN_ANSWER_BAD));
	return RC_OK;
}
