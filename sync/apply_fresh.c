#include "apply_fresh.h"

#include "apply_impl.h"
#include "credential.h"

#include <string.h>

void
apply_fresh_fini(struct apply_fresh *f)
{
	mem_free(f->at);
	memset(f, 0, sizeof(*f));
}

enum rc
apply_fresh_collect(struct apply_fresh *f, const struct commit *c)
{
	struct credential *grown;
	size_t i;

	for (i = 0; i < c->ops_count; i++) {
		if (c->ops[i].table != credential_table.number || c->ops[i].kind != COMMIT_INSERT)
			continue;
		grown = mem_grow(f->at, f->count + 1, sizeof(*grown));
		if (grown == NULL)
			return RC_NOMEM;
		f->at = grown;
		if (credential_of_op(&c->ops[i], &f->at[f->count]) == RC_OK)
			f->count++;
	}
	return RC_OK;
}

static const struct credential *
fresh_find(const struct apply_fresh *f, const uint8_t *origin)
{
	size_t i;

	for (i = 0; i < f->count; i++)
		if (memcmp(f->at[i].origin, origin, ORIGIN_BYTES) == 0)
			return &f->at[i];
	return NULL;
}

enum rc
apply_fresh_key(const struct engine *e, const struct apply_fresh *f, const uint8_t origin[ORIGIN_BYTES],
    uint8_t pubkey[PUBKEY_BYTES], struct diag *d)
{
	static const uint8_t none[ORIGIN_BYTES];
	const struct origin_entry *known = origin_find(e, origin);
	const struct credential *c, *issuer;
	unsigned depth;

	if (known != NULL) {
		memcpy(pubkey, known->pubkey, PUBKEY_BYTES);
		return RC_OK;
	}
	c = fresh_find(f, origin);
	if (c == NULL)
		return diag_fail(d, RC_GAP, "a stream's author has no credential that is known here");
	memcpy(pubkey, c->pubkey, PUBKEY_BYTES);
	for (depth = 0; depth < CREDENTIAL_CHAIN_MAX; depth++) {
		if (memcmp(c->issuer, none, ORIGIN_BYTES) == 0)
			return credential_proof_ok(c, e->self.root_pubkey) ? RC_OK
			    : diag_fail(d, RC_PEER, "a credential is not signed by the root key of this tree");
		known = origin_find(e, c->issuer);
		if (known != NULL)
			return credential_proof_ok(c, known->pubkey) ? RC_OK
			    : diag_fail(d, RC_PEER, "a credential's signature does not check");
		issuer = fresh_find(f, c->issuer);
		if (issuer == NULL)
			return diag_fail(d, RC_GAP, "a credential's issuer is not known here");
		if (!credential_proof_ok(c, issuer->pubkey))
			return diag_fail(d, RC_PEER, "a credential's signature does not check");
		c = issuer;
	}
	return diag_fail(d, RC_PEER, "a chain of more than %d credentials", CREDENTIAL_CHAIN_MAX);
}

void
apply_fresh_introduce(struct engine *e, const struct apply_fresh *f, uint64_t seq, struct stream *s)
{
	const struct credential *c = fresh_find(f, s->origin), *issuer;
	const struct origin_entry *base;

	if (c == NULL || seq != 1 || s->unit != e->root_unit || s->reach != REACH_DOWN)
		return;
	base = origin_find(e, c->issuer);
	issuer = base == NULL ? fresh_find(f, c->issuer) : NULL;	/* judged at the end of the frame (C4) */
	if (issuer != NULL && memcmp(issuer->pubkey, c->pubkey, PUBKEY_BYTES) == 0 && c->incarnation != 0 &&
	    strcmp(issuer->unit, c->unit) == 0 && c->level <= issuer->level &&
	    credential_proof_ok(c, issuer->pubkey)) {
		s->level = issuer->level;
		s->origin_unit = unit_intern(e, span_str(issuer->unit));
	}
	if (base == NULL || !credential_is_renewal(e, c))
		return;
	s->level = base->level;
	s->origin_unit = base->unit;
}
