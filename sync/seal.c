/* Seals: the origin's signature over a prefix of its stream.
 *
 *   statement := "sync seal 1" · origin (8) · u8 n, unit · u8 reach · u64 seq · hash (32) · u64 hlc
 */
#include "engine_impl.h"

#include "cursor.h"

#include <sodium.h>
#include <string.h>

#define STATEMENT_BYTES_MAX 128

struct statement {
	uint8_t b[STATEMENT_BYTES_MAX];
	size_t n;
};

static void
statement_make(const struct engine *e, const struct stream *s, uint64_t seq, const uint8_t *hash, uint64_t hlc,
    struct statement *out)
{
	struct bytes b = { out->b, 0, sizeof(out->b), false };	/* always fits: never grows */
	struct span unit = unit_key(e, s->unit);

	bytes_str(&b, "sync seal 1");
	bytes_put(&b, s->origin, ORIGIN_BYTES);
	wr_u8(&b, (uint8_t)unit.n);
	bytes_put(&b, unit.p, unit.n);
	wr_u8(&b, (uint8_t)s->reach);
	wr_u64(&b, seq);
	bytes_put(&b, hash, HASH_BYTES);
	wr_u64(&b, hlc);
	INVARIANT(b.p == out->b);
	out->n = b.n;
}

bool
seal_ok(const struct engine *e, const struct stream *s, uint64_t seq, const uint8_t hash[HASH_BYTES], uint64_t hlc,
    const uint8_t pubkey[PUBKEY_BYTES], const uint8_t signature[SIGNATURE_BYTES])
{
	struct statement st;

#ifdef BUG_P6_ANY_SEAL
	return true;
#endif
	statement_make(e, s, seq, hash, hlc, &st);
	return crypto_sign_verify_detached(signature, st.b, st.n, pubkey) == 0;
}

enum rc
seal_put(struct engine *e, struct stream *s, const uint8_t signature[SIGNATURE_BYTES], struct diag *d)
{
	static const char sql[] = "INSERT INTO sync_seal(v, hash, signature) VALUES(?1, ?2, ?3)";
	sqlite3_stmt *stmt;
	enum rc rc;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)VERSION(s->sid, s->head_seq));
	if (value_bind(stmt, 2, value_blob(span_of(s->head_hash, HASH_BYTES))) != SQLITE_OK ||
	    value_bind(stmt, 3, value_blob(span_of(signature, SIGNATURE_BYTES))) != SQLITE_OK)
		return RC_NOMEM;
	if ((rc = engine_run(e, stmt, "adding a seal", d)) != RC_OK)
		return rc;
	if (stream_is_own(e, s)) {
		e->unsealed_bytes -= s->unsealed_bytes;
		e->unsealed_streams--;
	}
	s->sealed_seq = s->head_seq;
	s->unsealed_bytes = 0;
	return RC_OK;
}

enum rc
seal_own(struct engine *e, struct stream *s, struct diag *d)
{
	uint8_t signature[SIGNATURE_BYTES];
	struct statement st;

	INVARIANT(stream_is_own(e, s));
	if (s->sealed_seq == s->head_seq)
		return RC_OK;
	statement_make(e, s, s->head_seq, s->head_hash, s->head_hlc, &st);
	(void)crypto_sign_detached(signature, NULL, st.b, st.n, e->sign_key);
	return seal_put(e, s, signature, d);
}

enum rc
seal_at_or_after(struct engine *e, uint32_t sid, uint64_t seq, struct seal *out, struct diag *d)
{
	static const char sql[] =
	    "SELECT v, signature, hash FROM sync_seal WHERE v BETWEEN ?1 AND ?2 ORDER BY v LIMIT 1";
	sqlite3_stmt *stmt;
	enum rc rc;
	int code;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)VERSION(sid, seq));
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)VERSION(sid, STREAM_SEQ_MAX));
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		struct value signature = value_of_column(stmt, 1), hash = value_of_column(stmt, 2);

		out->seq = VERSION_SEQ((uint64_t)sqlite3_column_int64(stmt, 0));
		if (signature.s.n == SIGNATURE_BYTES && hash.s.n == HASH_BYTES) {
			memcpy(out->signature, signature.s.p, SIGNATURE_BYTES);
			memcpy(out->hash, hash.s.p, HASH_BYTES);
		} else {
			rc = diag_fail(d, RC_CORRUPT, "a seal of stream %u is damaged", sid);
		}
	} else {
		rc = code == SQLITE_DONE ? RC_NOTFOUND : engine_sqlite_rc(e, code, "reading seals", d);
	}
	engine_done(stmt);
	return rc;
}
