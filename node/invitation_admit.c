#include <sodium.h>
#include <string.h>

#include "node/invitation_impl.h"
#include "node/message.h"
#include "sync/unit.h"

#define KEY_PURPOSE "ocop invitation key 1"
#define SECRET_PURPOSE "ocop invitation 1"

/* The secret of @i, which only the node can make whose engine this is.  RC_NOMEM. */
static enum rc
secret_make(struct engine *e, const struct invitation *i, uint8_t out[INVITATION_SECRET_BYTES])
{
	uint8_t signature[SIGNATURE_BYTES], key[crypto_generichash_KEYBYTES];
	struct bytes b;
	enum rc rc;

	bytes_init(&b);
	bytes_str(&b, SECRET_PURPOSE);
	invitation_body_emit(i, &b);
	if ((rc = bytes_rc(&b)) == RC_OK) {
		credential_sign(e, span_str(KEY_PURPOSE), span_of(NULL, 0), signature);
		(void)crypto_generichash(key, sizeof(key), signature, sizeof(signature), NULL, 0);
		(void)crypto_generichash(out, INVITATION_SECRET_BYTES, b.p, b.n, key, sizeof(key));
		sodium_memzero(key, sizeof(key));
		sodium_memzero(signature, sizeof(signature));
	}
	bytes_free(&b);
	return rc;
}

enum rc
invitation_issue(struct engine *e, struct invitation *i)
{
	const struct engine_identity *self = engine_self(e);

	memcpy(i->root_pubkey, self->root_pubkey, PUBKEY_BYTES);
	memcpy(i->inviter_pubkey, self->pubkey, PUBKEY_BYTES);
	return secret_make(e, i, i->secret);
}

/* Finds who came in with an invitation, or with a key. */
struct used_search {
	const struct invitation_request *q;
	struct credential by_key;
	bool is_key_known, is_used;
};

static enum rc
on_credential(void *ctx, const struct credential *c)
{
	struct used_search *s = ctx;

	if (memcmp(c->pubkey, s->q->pubkey, PUBKEY_BYTES) == 0 && c->incarnation == 0) {
		s->by_key = *c;
		s->is_key_known = true;
	}
	if (memcmp(c->invitation, s->q->body.id, INVITATION_BYTES) == 0)
		s->is_used = true;
	return RC_OK;
}

/* Is @q on an invitation of ours, and did its author see that? */
static enum rc
origin_check(struct engine *e, const struct invitation_request *q, struct diag *d)
{
	const struct engine_identity *self = engine_self(e);
	uint8_t secret[INVITATION_SECRET_BYTES];
	enum rc rc;

	if (memcmp(q->body.root_pubkey, self->root_pubkey, PUBKEY_BYTES) != 0)
		return diag_fail(d, RC_DENIED, "%s", message(MSG_INVITATION_OTHER_TREE));
	if (memcmp(q->body.inviter_pubkey, self->pubkey, PUBKEY_BYTES) != 0)
		return diag_fail(d, RC_DENIED, "%s", message(MSG_INVITATION_OTHER_NODE));
	if ((rc = secret_make(e, &q->body, secret)) != RC_OK)
		return rc;
	if (!invitation_proof_ok(q, secret))
		rc = diag_fail(d, RC_PEER, "%s", message(MSG_INVITATION_FORGED));
	sodium_memzero(secret, sizeof(secret));
	return rc;
}

/* May we let @q in now? */
static enum rc
admission_check(struct engine *e, const struct invitation_request *q, uint64_t now_ms, struct diag *d)
{
	unit_id unit = unit_find(e, span_str(q->body.unit)), own = unit_find(e, span_str(engine_self(e)->unit));

	if (now_ms > invitation_expires_ms(&q->body))
		return diag_fail(d, RC_DENIED, "%s", message(MSG_INVITATION_EXPIRED));
	if (unit == UNIT_NONE || !unit_is_known(e, unit))
		return diag_fail(d, RC_DENIED, message(MSG_UNIT_NOT_FOUND), q->body.unit);
	if (own == UNIT_NONE || !unit_is_within(e, unit, own))
		return diag_fail(d, RC_DENIED, message(MSG_INVITE_NOT_BELOW), q->body.unit);
	return RC_OK;
}

/* Did we sign @c, in whatever incarnation? */
static bool
is_of_ours(struct engine *e, const struct credential *c)
{
	struct credential issuer;

	return credential_get(e, c->issuer, &issuer) == RC_OK &&
	    memcmp(issuer.pubkey, engine_self(e)->pubkey, PUBKEY_BYTES) == 0;
}

static enum rc
credential_grant(struct engine *e, const struct invitation_request *q, uint64_t now_ms, struct credential *out,
    struct diag *d)
{
	struct used_search used = { .q = q };
	enum rc rc;

	if ((rc = credential_each(e, on_credential, &used)) != RC_OK)
		return diag_fail(d, rc, "%s", rc_name(rc));
	if (used.is_key_known && strcmp(used.by_key.unit, q->body.unit) == 0 && is_of_ours(e, &used.by_key)) {
		*out = used.by_key;	/* the answer was lost on its way: the same again */
		return RC_OK;
	}
	if (used.is_key_known)
		return diag_fail(d, RC_DENIED, "%s", message(MSG_JOIN_KEY_KNOWN));
	if (used.is_used)
		return diag_fail(d, RC_DENIED, "%s", message(MSG_INVITATION_USED));
	if ((rc = admission_check(e, q, now_ms, d)) != RC_OK)
		return rc;
	memset(out, 0, sizeof(*out));
	memcpy(out->pubkey, q->pubkey, PUBKEY_BYTES);
	credential_origin(out->pubkey, out->incarnation, out->origin);
	memcpy(out->unit, q->body.unit, sizeof(out->unit));
	memcpy(out->invitation, q->body.id, INVITATION_BYTES);
	if (q->name.n != 0)
		memcpy(out->name, q->name.p, q->name.n);
	if ((rc = credential_issue(e, out, d)) != RC_OK)
		return rc;
	rc = credential_save(e, out, d);
	return rc == RC_CONFLICT ? RC_DENIED : rc;
}

enum rc
invitation_admit(struct engine *e, struct span request, uint64_t now_ms, struct bytes *out, struct credential *self,
    struct diag *d)
{
	struct credential chain[CREDENTIAL_CHAIN_MAX + 1];
	struct invitation_request q;
	size_t count;
	enum rc rc;

	if ((rc = invitation_request_parse(&q, request, d)) != RC_OK || (rc = origin_check(e, &q, d)) != RC_OK ||
	    (rc = credential_grant(e, &q, now_ms, &chain[0], d)) != RC_OK ||
	    (rc = credential_chain(e, chain[0].origin, chain + 1, &count, d)) != RC_OK)
		return rc;
	if (self != NULL)
		*self = chain[0];
	invitation_answer_emit(chain, count + 1, out);
	return bytes_rc(out);
}
