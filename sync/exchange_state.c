/* Asking and answering whether the same rows came of the same commits (W23, W24). */
#include "exchange_state.h"

#include "engine_impl.h"
#include "envelope.h"

#include <sodium.h>
#include <string.h>

_Static_assert(sizeof(((struct exchange_state_asking *)0)->nonce) == ENVELOPE_NONCE_BYTES, "a request's nonce");
_Static_assert(sizeof(((struct exchange_state_asking *)0)->key) == PEER_KEY_BYTES, "the key of two nodes");
_Static_assert(sizeof(((struct exchange_state_asked *)0)->nonce) == ENVELOPE_NONCE_BYTES, "a request's nonce");
_Static_assert(sizeof(((struct exchange_state_asked *)0)->key) == PEER_KEY_BYTES, "the key of two nodes");
_Static_assert((int)EXCHANGE_OTHER_SCHEMA == (int)ENVELOPE_VERDICT_MAX, "every verdict has a number on the wire");

/* W23: rows are compared with a node of the same unit or of one above. */
static enum rc
pair_check(const struct engine *e, unit_id below, unit_id above, struct diag *d)
{
	if (below != UNIT_NONE && unit_is_within(e, below, above))
		return RC_OK;
	return diag_fail(d, RC_DENIED, "only a node of the same unit or of one above can compare its rows");
}

static enum rc
state_of(struct engine *e, const struct peer *p, unit_id unit, struct exchange_state *out, struct diag *d)
{
	out->schema = e->catalogue.version;
	peer_digest(e, p, out->heads);
	return digest_rows(e, unit_key(e, unit), out->rows, d);
}

/* ---- the asking side */

enum rc
exchange_state_heads(struct engine *e, const uint8_t peer[ORIGIN_BYTES], uint8_t out[DIGEST_HEADS_BYTES],
    struct diag *d)
{
	struct peer *p;
	enum rc rc;

	if ((rc = peer_get(e, peer, &p, d)) != RC_OK || (rc = pair_check(e, e->self_unit, p->unit, d)) != RC_OK)
		return rc;
	peer_digest(e, p, out);
	return RC_OK;
}

enum rc
exchange_state_look(struct engine *e, const uint8_t peer[ORIGIN_BYTES], struct exchange_state *out, struct diag *d)
{
	struct peer *p;
	enum rc rc;

	if ((rc = peer_get(e, peer, &p, d)) != RC_OK || (rc = pair_check(e, e->self_unit, p->unit, d)) != RC_OK)
		return rc;
	return state_of(e, p, e->self_unit, out, d);
}

enum rc
exchange_state_request(struct engine *e, const uint8_t peer[ORIGIN_BYTES], const struct exchange_state *state,
    struct exchange_state_asking *a, struct bytes *out, struct diag *d)
{
	struct state_request q;
	struct peer *p;
	enum rc rc;

	if ((rc = peer_get(e, peer, &p, d)) != RC_OK)
		return rc;
	memcpy(a->from, peer_self(e, p), ORIGIN_BYTES);
	memcpy(a->peer, peer, ORIGIN_BYTES);
	engine_random(e, a->nonce, sizeof(a->nonce));
	memcpy(a->key, p->key, sizeof(a->key));
	memcpy(q.from, a->from, ORIGIN_BYTES);
	memcpy(q.to, peer, ENVELOPE_TO_BYTES);
	memcpy(q.nonce, a->nonce, sizeof(q.nonce));
	q.schema = state->schema;
	memcpy(q.digest, state->heads, sizeof(q.digest));
	memcpy(q.state, state->rows, sizeof(q.state));
	envelope_state_emit(&q, &(struct envelope_ends){ a->key, a->from, a->peer, NULL }, out);
	return bytes_rc(out);
}

enum rc
exchange_state_verdict(struct exchange_state_asking *a, struct span body, enum exchange_verdict *out, struct diag *d)
{
	uint8_t verdict;
	bool is_ok = envelope_verdict_parse(&verdict, body) == RC_OK &&
	    envelope_mac_ok(body, &(struct envelope_ends){ a->key, a->peer, a->from, a->nonce });

	sodium_memzero(a->key, sizeof(a->key));
	if (!is_ok)
		return diag_fail(d, RC_PEER, "broken answer to a state request");
	*out = (enum exchange_verdict)verdict;
	return RC_OK;
}

/* ---- the answering side */

/* W24: what needs no look at the rows. */
static enum exchange_verdict
verdict_early(struct engine *e, const struct peer *p, const struct exchange_state *theirs)
{
	uint8_t heads[DIGEST_HEADS_BYTES];

	if (theirs->schema != e->catalogue.version)
		return EXCHANGE_OTHER_SCHEMA;
	peer_digest(e, p, heads);
	return memcmp(heads, theirs->heads, sizeof(heads)) != 0 ? EXCHANGE_OTHER_HEADS : EXCHANGE_VERDICT_NONE;
}

enum rc
exchange_state_open(struct engine *e, struct span body, struct exchange_state_asked *a, struct diag *d)
{
	uint8_t self[ORIGIN_BYTES];
	struct state_request q;
	struct peer *p;
	enum rc rc;

	memset(a, 0, sizeof(*a));
	if (envelope_state_parse(&q, body) != RC_OK)
		return diag_fail(d, RC_PEER, "broken state request");
	if ((rc = peer_addressed(e, q.to, self, d)) != RC_OK || (rc = peer_get(e, q.from, &p, d)) != RC_OK)
		return rc;
	if (!envelope_mac_ok(body, &(struct envelope_ends){ p->key, q.from, self, NULL }))
		return diag_fail(d, RC_DENIED, "the request does not prove who sent it");
	if ((rc = peer_welcome(e, p, d)) != RC_OK)
		return rc;
	if ((rc = pair_check(e, p->unit, e->self_unit, d)) != RC_OK)
		return rc;
	memcpy(a->self, self, ORIGIN_BYTES);
	memcpy(a->peer, q.from, ORIGIN_BYTES);
	memcpy(a->nonce, q.nonce, sizeof(a->nonce));
	memcpy(a->key, p->key, sizeof(a->key));
	a->theirs.schema = q.schema;
	memcpy(a->theirs.heads, q.digest, sizeof(a->theirs.heads));
	memcpy(a->theirs.rows, q.state, sizeof(a->theirs.rows));
	a->verdict = verdict_early(e, p, &a->theirs);
	return RC_OK;
}

enum rc
exchange_state_compare(struct engine *e, struct exchange_state_asked *a, struct diag *d)
{
	struct exchange_state ours;
	struct peer *p;
	enum rc rc;

	if ((rc = peer_get(e, a->peer, &p, d)) != RC_OK || (rc = pair_check(e, p->unit, e->self_unit, d)) != RC_OK)
		return rc;
	if ((a->verdict = verdict_early(e, p, &a->theirs)) != EXCHANGE_VERDICT_NONE)
		return RC_OK;
	if ((rc = state_of(e, p, p->unit, &ours, d)) != RC_OK)
		return rc;
	a->verdict = memcmp(ours.rows, a->theirs.rows, sizeof(ours.rows)) == 0 ? EXCHANGE_SAME : EXCHANGE_DIFFERS;
	return RC_OK;
}

enum rc
exchange_state_reply(struct exchange_state_asked *a, struct bytes *out)
{
	INVARIANT(a->verdict != EXCHANGE_VERDICT_NONE);
	envelope_verdict_emit((uint8_t)a->verdict, &(struct envelope_ends){ a->key, a->self, a->peer, a->nonce }, out);
	sodium_memzero(a->key, sizeof(a->key));
	return bytes_rc(out);
}
