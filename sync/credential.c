#include "credential.h"

#include "commit.h"
#include "cursor.h"
#include "engine_impl.h"
#include "save.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* The row of a credential: its key is the origin in hex; what has to be proved stands in `credential`, whole, the other
 * columns repeat it for people and queries. */
enum { NODE_CREDENTIAL = 1, NODE_UNIT = 2, NODE_NAME = 3, NODE_INVITATION = 4 };

static const struct catalogue_column g_node_columns[] = {
	{ .number = NODE_CREDENTIAL, .name = "credential", .type = COLUMN_BLOB, .policy = POLICY_APPEND, .max = 512,
	  .required = true, .note = "canonical bytes with the issuer's signature" },
	{ .number = NODE_UNIT, .name = "unit", .type = COLUMN_UNIT, .policy = POLICY_APPEND, .required = true,
	  .note = "the unit that the node serves" },
	{ .number = NODE_NAME, .name = "name", .type = COLUMN_TEXT, .policy = POLICY_APPEND, .max = AUTHOR_BYTES_MAX,
	  .note = "for people" },
	{ .number = NODE_INVITATION, .name = "invitation", .type = COLUMN_BLOB, .policy = POLICY_APPEND, .max = 16,
	  .note = "the invitation it came with; each is good for one node" },
};

const struct catalogue_table credential_table = {
	.number = 1000,
	.name = "node",
	.key_column = "origin",
	.has_text_key = true,
	.scope = SCOPE_ROOT,
	.reach = REACH_DOWN,
	.is_insert_only = true,
	.columns = g_node_columns,
	.columns_count = sizeof(g_node_columns) / sizeof(g_node_columns[0]),
	.note = "nodes and their credentials",
};

static void
hex_write(const uint8_t *p, size_t n, char *out)
{
	(void)sodium_bin2hex(out, 2 * n + 1, p, n);
}

void
credential_keys(const uint8_t seed[SEED_BYTES], uint8_t pubkey[PUBKEY_BYTES])
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES];

	(void)crypto_sign_seed_keypair(pubkey, secret, seed);
	sodium_memzero(secret, sizeof(secret));
}

void
credential_origin(const uint8_t pubkey[PUBKEY_BYTES], uint32_t incarnation, uint8_t out[ORIGIN_BYTES])
{
	uint8_t hash[crypto_generichash_BYTES_MIN], number[4];
	crypto_generichash_state state;

	number[0] = (uint8_t)(incarnation >> 24);
	number[1] = (uint8_t)(incarnation >> 16);
	number[2] = (uint8_t)(incarnation >> 8);
	number[3] = (uint8_t)incarnation;
	(void)crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	(void)crypto_generichash_update(&state, (const uint8_t *)"sync origin 1", 13);
	(void)crypto_generichash_update(&state, pubkey, PUBKEY_BYTES);
	(void)crypto_generichash_update(&state, number, sizeof(number));
	(void)crypto_generichash_final(&state, hash, sizeof(hash));
	memcpy(out, hash, ORIGIN_BYTES);
}

/* --- bytes: u8 format (1) · origin · pubkey · incarnation · blob unit · u8 level · issuer · invitation · blob name ·
 *     proof.  The proof signs all before it. ----------------------------------------------------------------------- */

#define STATEMENT_BYTES_MAX 256

static void
statement_emit(const struct credential *c, struct bytes *out)
{
	wr_u8(out, 1);
	bytes_put(out, c->origin, ORIGIN_BYTES);
	bytes_put(out, c->pubkey, PUBKEY_BYTES);
	wr_varint(out, c->incarnation);
	wr_blob(out, span_str(c->unit));
	wr_u8(out, (uint8_t)c->level);
	bytes_put(out, c->issuer, ORIGIN_BYTES);
	bytes_put(out, c->invitation, INVITATION_BYTES);
	wr_blob(out, span_str(c->name));
}

void
credential_emit(const struct credential *c, struct bytes *out)
{
	statement_emit(c, out);
	bytes_put(out, c->proof, SIGNATURE_BYTES);
}

static void
fixed_read(struct rd *r, uint8_t *out, size_t n)
{
	struct span s = rd_fixed(r, n);

	if (s.n == n)
		memcpy(out, s.p, n);
}

static void
text_read(struct rd *r, char *out, size_t bytes_max)
{
	struct span s = rd_blob(r, bytes_max);

	if (s.n > 0 && memchr(s.p, 0, s.n) != NULL)
		rd_fail(r);
	else if (s.n > 0)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
}

void
credential_read(struct credential *c, struct rd *r)
{
	uint8_t origin[ORIGIN_BYTES];

	memset(c, 0, sizeof(*c));
	if (rd_u8(r) != 1)
		rd_fail(r);
	fixed_read(r, c->origin, ORIGIN_BYTES);
	fixed_read(r, c->pubkey, PUBKEY_BYTES);
	c->incarnation = (uint32_t)rd_varint_max(r, UINT32_MAX);
	text_read(r, c->unit, UNIT_BYTES_MAX);
	c->level = (enum level)rd_u8(r);
	fixed_read(r, c->issuer, ORIGIN_BYTES);
	fixed_read(r, c->invitation, INVITATION_BYTES);
	text_read(r, c->name, AUTHOR_BYTES_MAX);
	fixed_read(r, c->proof, SIGNATURE_BYTES);
	credential_origin(c->pubkey, c->incarnation, origin);
	if (c->unit[0] == '\0' || (unsigned)c->level > LEVEL_MAX || memcmp(origin, c->origin, ORIGIN_BYTES) != 0)
		rd_fail(r);
}

enum rc
credential_parse(struct credential *c, struct span s)
{
	struct rd r = rd_span(s);

	credential_read(c, &r);
	return rd_done(&r) ? RC_OK : RC_PEER;
}

enum rc
credential_of_op(const struct commit_op *op, struct credential *out)
{
	const struct value *v = commit_op_value(op, NODE_CREDENTIAL), *unit = commit_op_value(op, NODE_UNIT);
	char hex[2 * ORIGIN_BYTES + 1];

	if (v == NULL || v->type != VALUE_BLOB || credential_parse(out, v->s) != RC_OK)
		return RC_PEER;
	hex_write(out->origin, ORIGIN_BYTES, hex);
	if (!span_eq(op->key, span_str(hex)) || unit == NULL || !span_eq(unit->s, span_str(out->unit)))
		return RC_PEER;
	return RC_OK;
}

/* --- proofs ----------------------------------------------------------------------------------- */

static void
proof_make(struct credential *c, const uint8_t secret[crypto_sign_SECRETKEYBYTES])
{
	uint8_t store[STATEMENT_BYTES_MAX];
	struct bytes b = { store, 0, sizeof(store), false };	/* always fits: never grows */

	statement_emit(c, &b);
	INVARIANT(b.p == store);
	(void)crypto_sign_detached(c->proof, NULL, b.p, b.n, secret);
}

bool
credential_proof_ok(const struct credential *c, const uint8_t issuer_pubkey[PUBKEY_BYTES])
{
	uint8_t store[STATEMENT_BYTES_MAX];
	struct bytes b = { store, 0, sizeof(store), false };	/* no memory to run out of: a verdict is no accident */

	statement_emit(c, &b);
	INVARIANT(b.p == store);
	return crypto_sign_verify_detached(c->proof, b.p, b.n, issuer_pubkey) == 0;
}

void
credential_root(const struct engine_founding *f, uint8_t root_pubkey[PUBKEY_BYTES], struct credential *out)
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES];

	memset(out, 0, sizeof(*out));
	credential_keys(f->node_seed, out->pubkey);
	credential_origin(out->pubkey, 0, out->origin);
	memcpy(out->unit, f->unit.p, f->unit.n);
	if (f->name.n > 0)
		memcpy(out->name, f->name.p, f->name.n);
	out->level = LEVEL_PROVINCE;
	(void)crypto_sign_seed_keypair(root_pubkey, secret, f->root_seed);
	proof_make(out, secret);
	sodium_memzero(secret, sizeof(secret));
}

enum rc
credential_chain_check(const struct credential *self, const struct credential *chain, size_t count,
    const uint8_t root_pubkey[PUBKEY_BYTES], struct diag *d)
{
	static const uint8_t none[ORIGIN_BYTES];
	size_t i;

	for (i = 0; i <= count; i++) {
		const struct credential *c = i == 0 ? self : &chain[i - 1];
		bool is_last = i == count;

		if (is_last ? memcmp(c->issuer, none, ORIGIN_BYTES) != 0
		    : memcmp(c->issuer, chain[i].origin, ORIGIN_BYTES) != 0)
			return diag_fail(d, RC_PEER, "a credential's issuer is missing from its chain");
		if (!credential_proof_ok(c, is_last ? root_pubkey : chain[i].pubkey))
			return diag_fail(d, RC_PEER, "a credential's signature does not check");
		if (!is_last && c->level > chain[i].level)
			return diag_fail(d, RC_PEER, "a credential ranks above its issuer's");
	}
	return RC_OK;
}

enum rc
credential_issue(struct engine *e, struct credential *c, struct diag *d)
{
	unit_id u = unit_resolve(e, span_str(c->unit));

	if (u == UNIT_NONE || !span_eq(unit_key(e, u), span_str(c->unit)))
		return diag_fail(d, RC_INPUT, "unit %s is not in the list of units", c->unit);
	if (!unit_is_within(e, u, e->self_unit))
		return diag_fail(d, RC_DENIED, "unit %s is not below this node's unit %s", c->unit, e->self.unit);
	c->level = unit_level(e, u);
	if (c->level > e->self.level)
		return diag_fail(d, RC_DENIED, "unit %s ranks above this node", c->unit);
	credential_origin(c->pubkey, c->incarnation, c->origin);
	memcpy(c->issuer, e->self.origin, ORIGIN_BYTES);
	proof_make(c, e->sign_key);
	return RC_OK;
}

enum rc
credential_renew(struct engine *e, struct credential *c, const struct credential *base)
{
	credential_origin(c->pubkey, c->incarnation, c->origin);
	memcpy(c->issuer, base->origin, ORIGIN_BYTES);
	proof_make(c, e->sign_key);
	return memcmp(c->pubkey, e->self.pubkey, PUBKEY_BYTES) == 0 ? RC_OK : RC_BUG;
}

bool
credential_is_renewal(const struct engine *e, const struct credential *c)
{
	const struct origin_entry *base = origin_find(e, c->issuer);

	return base != NULL && memcmp(base->pubkey, c->pubkey, PUBKEY_BYTES) == 0 && c->incarnation != 0 &&
	    span_eq(unit_key(e, base->unit), span_str(c->unit)) && c->level <= base->level &&
	    credential_proof_ok(c, base->pubkey);
}

/* --- the table -------------------------------------------------------------------------------- */

static enum rc
invitation_is_free(struct engine *e, const struct credential *c, struct diag *d)
{
	static const char sql[] = "SELECT 1 FROM node WHERE invitation = ?1";
	static const uint8_t none[INVITATION_BYTES];
	sqlite3_stmt *stmt;
	enum rc rc;
	int code;

	if (memcmp(c->invitation, none, INVITATION_BYTES) == 0)
		return RC_OK;
	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_blob(stmt, 1, c->invitation, INVITATION_BYTES, SQLITE_STATIC);
	code = sqlite3_step(stmt);
	engine_done(stmt);
	if (code == SQLITE_ROW)
		return diag_fail(d, RC_CONFLICT, "this invitation has been used; ask for a new one");
	return code == SQLITE_DONE ? RC_OK : engine_sqlite_rc(e, code, "reading nodes", d);
}

enum rc
credential_row(struct save *s, const struct credential *c, struct diag *d)
{
	struct save_cell cells[] = {
		{ span_str("credential"), value_null(), false, false },
		{ span_str("unit"), value_text(span_str(c->unit)), false, false },
		{ span_str("name"), value_text(span_str(c->name)), false, false },
		{ span_str("invitation"), value_blob(span_of(c->invitation, INVITATION_BYTES)), false, false },
	};
	struct bytes whole;
	char key[2 * ORIGIN_BYTES + 1];
	enum rc rc;

	bytes_init(&whole);
	credential_emit(c, &whole);
	cells[0].value = value_blob(span_bytes(&whole));
	hex_write(c->origin, ORIGIN_BYTES, key);
	if ((rc = bytes_rc(&whole)) == RC_OK)
		rc = save_row(s, span_str("node"), span_str(key), cells, sizeof(cells) / sizeof(cells[0]), NULL, d);
	bytes_free(&whole);
	return rc;
}

enum rc
credential_save(struct engine *e, const struct credential *c, struct diag *d)
{
	struct save_options o = { .is_bulk = false };
	struct save_result result;
	struct save *s;
	enum rc rc;

	if ((rc = invitation_is_free(e, c, d)) != RC_OK || (rc = save_begin(e, &o, &s, d)) != RC_OK)
		return rc;
	if ((rc = credential_row(s, c, d)) == RC_OK)
		return save_commit(s, &result, d);
	save_abandon(s);
	return rc;
}

enum rc
credential_save_own(struct engine *e, struct diag *d)
{
	static const char sql[] = "SELECT 1 FROM node LIMIT 1";
	static const uint8_t none[ORIGIN_BYTES];
	struct credential self;
	struct bytes chain;
	struct rd r;
	sqlite3_stmt *stmt;
	enum rc rc;
	int code;

	if (memcmp(e->self.parent, none, ORIGIN_BYTES) != 0)
		return RC_OK;		/* a joiner's credential is in its issuer's log */
	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	code = sqlite3_step(stmt);
	engine_done(stmt);
	if (code != SQLITE_DONE)
		return code == SQLITE_ROW ? RC_OK : engine_sqlite_rc(e, code, "reading nodes", d);
	bytes_init(&chain);
	if ((rc = engine_meta_get(e, "chain", &chain, d)) == RC_OK) {
		r = rd_span(span_bytes(&chain));
		credential_read(&self, &r);
		rc = rd_ok(&r) ? credential_save(e, &self, d) : RC_CORRUPT;
	}
	bytes_free(&chain);
	return rc;
}

/* --- what is known here ----------------------------------------------------------------------- */

struct get_search {
	const uint8_t *origin;
	struct credential *out;
	bool is_found;
};

static enum rc
get_step(void *ctx, const struct credential *c)
{
	struct get_search *g = ctx;

	if (memcmp(c->origin, g->origin, ORIGIN_BYTES) == 0) {
		*g->out = *c;
		g->is_found = true;
	}
	return RC_OK;
}

enum rc
credential_each(struct engine *e, credential_fn fn, void *ctx)
{
	static const char sql[] = "SELECT credential FROM node ORDER BY origin";
	struct credential c;
	struct bytes chain;
	sqlite3_stmt *stmt = NULL;
	bool is_any = false;
	struct rd r;
	enum rc rc = RC_OK;

	if (sqlite3_prepare_v2(e->db, sql, -1, &stmt, NULL) != SQLITE_OK)
		return RC_DISK;
	while (rc == RC_OK && sqlite3_step(stmt) == SQLITE_ROW) {
		is_any = true;
		rc = credential_parse(&c, value_of_column(stmt, 0).s);
		if (rc == RC_OK)
			rc = fn(ctx, &c);
	}
	sqlite3_finalize(stmt);
	if (rc != RC_OK || is_any)
		return rc;
	/* A node that has just joined and holds nothing yet knows its own chain. */
	bytes_init(&chain);
	if ((rc = engine_meta_get(e, "chain", &chain, NULL)) == RC_OK) {
		for (r = rd_span(span_bytes(&chain)); rc == RC_OK && rd_left(&r) > 0;) {
			credential_read(&c, &r);
			rc = rd_ok(&r) ? fn(ctx, &c) : RC_CORRUPT;
		}
	}
	bytes_free(&chain);
	return rc;
}

enum rc
credential_own(struct engine *e, const uint8_t origin[ORIGIN_BYTES], struct credential *out)
{
	struct bytes chain;
	struct rd r;
	enum rc rc;

	bytes_init(&chain);
	if ((rc = engine_meta_get(e, "chain", &chain, NULL)) == RC_OK) {
		r = rd_span(span_bytes(&chain));
		for (rc = RC_NOTFOUND; rc == RC_NOTFOUND && rd_left(&r) > 0;) {
			credential_read(out, &r);
			if (!rd_ok(&r))
				rc = RC_CORRUPT;
			else if (memcmp(out->origin, origin, ORIGIN_BYTES) == 0)
				rc = RC_OK;
		}
	}
	bytes_free(&chain);
	return rc;
}

enum rc
credential_get(struct engine *e, const uint8_t origin[ORIGIN_BYTES], struct credential *out)
{
	struct get_search g = { origin, out, false };
	enum rc rc = credential_each(e, get_step, &g);

	return rc == RC_OK && !g.is_found ? RC_NOTFOUND : rc;
}

enum rc
credential_chain(struct engine *e, const uint8_t origin[ORIGIN_BYTES], struct credential *chain, size_t *count,
    struct diag *d)
{
	static const uint8_t none[ORIGIN_BYTES];
	struct credential c;
	enum rc rc = credential_get(e, origin, &c);

	*count = 0;
	while (rc == RC_OK && memcmp(c.issuer, none, ORIGIN_BYTES) != 0) {
		if (*count == CREDENTIAL_CHAIN_MAX)
			return diag_fail(d, RC_LIMIT, "a chain of more than %d credentials", CREDENTIAL_CHAIN_MAX);
		rc = credential_get(e, c.issuer, &chain[*count]);
		if (rc == RC_OK)
			c = chain[(*count)++];
	}
	return rc == RC_OK ? RC_OK : diag_fail(d, rc, "a credential's issuer is not known here");
}

/* --- statements of the node layer --------------------------------------------------------------------------------- */

static void
purpose_hash(struct span purpose, struct span bytes, uint8_t out[HASH_BYTES])
{
	crypto_generichash_state state;
	uint8_t n = (uint8_t)purpose.n;

	(void)crypto_generichash_init(&state, NULL, 0, HASH_BYTES);
	(void)crypto_generichash_update(&state, &n, 1);
	(void)crypto_generichash_update(&state, purpose.p, purpose.n);
	(void)crypto_generichash_update(&state, bytes.p, bytes.n);
	(void)crypto_generichash_final(&state, out, HASH_BYTES);
}

void
credential_sign(struct engine *e, struct span purpose, struct span bytes, uint8_t out[SIGNATURE_BYTES])
{
	uint8_t hash[HASH_BYTES];

	INVARIANT(purpose.n < 256);
	purpose_hash(purpose, bytes, hash);
	(void)crypto_sign_detached(out, NULL, hash, sizeof(hash), e->sign_key);
}

bool
credential_verify(const uint8_t pubkey[PUBKEY_BYTES], struct span purpose, struct span bytes,
    const uint8_t signature[SIGNATURE_BYTES])
{
	uint8_t hash[HASH_BYTES];

	purpose_hash(purpose, bytes, hash);
	return crypto_sign_verify_detached(signature, hash, sizeof(hash), pubkey) == 0;
}

enum rc
credential_shared_key(struct engine *e, const uint8_t peer_pubkey[PUBKEY_BYTES], uint8_t out[32])
{
	uint8_t ours[crypto_scalarmult_SCALARBYTES], theirs[crypto_scalarmult_BYTES], shared[crypto_scalarmult_BYTES];
	enum rc rc = RC_PEER;

	if (crypto_sign_ed25519_sk_to_curve25519(ours, e->sign_key) == 0 &&
	    crypto_sign_ed25519_pk_to_curve25519(theirs, peer_pubkey) == 0 &&
	    crypto_scalarmult(shared, ours, theirs) == 0) {
		(void)crypto_generichash(out, 32, shared, sizeof(shared), (const uint8_t *)"sync shared key 1", 17);
		rc = RC_OK;
	}
	sodium_memzero(ours, sizeof(ours));
	sodium_memzero(shared, sizeof(shared));
	return rc;
}
