/* The log: commit bodies, verbatim, by version; and the seals over it.  Rows are only ever added. */
#include "commit.h"
#include "engine_impl.h"

#include <sodium.h>
#include <string.h>

enum rc
log_body(struct engine *e, uint64_t version, struct bytes *out, struct diag *d)
{
	static const char sql[] = "SELECT body FROM sync_log WHERE v = ?1";
	sqlite3_stmt *stmt;
	enum rc rc;
	int code;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)version);
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		struct value body = value_of_column(stmt, 0);

		bytes_put(out, body.s.p, body.s.n);
		rc = bytes_rc(out);
	} else if (code == SQLITE_DONE) {
		rc = RC_NOTFOUND;
	} else {
		rc = engine_sqlite_rc(e, code, "reading the log", d);
	}
	engine_done(stmt);
	return rc;
}

enum rc
log_each(struct engine *e, uint32_t sid, uint64_t from, uint64_t to, log_fn fn, void *ctx, struct diag *d)
{
	/* Prepared for each walk: walks may nest. */
	static const char sql[] = "SELECT v, body FROM sync_log WHERE v BETWEEN ?1 AND ?2 ORDER BY v";
	sqlite3_stmt *stmt = NULL;
	enum rc rc = RC_OK;
	int code = sqlite3_prepare_v2(e->db, sql, -1, &stmt, NULL);

	if (code != SQLITE_OK)
		return engine_sqlite_rc(e, code, "reading the log", d);
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)VERSION(sid, from));
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)VERSION(sid, to > STREAM_SEQ_MAX ? STREAM_SEQ_MAX : to));
	while (rc == RC_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct value body = value_of_column(stmt, 1);

		rc = fn(ctx, VERSION_SEQ((uint64_t)sqlite3_column_int64(stmt, 0)), body.s);
	}
	if (rc == RC_OK && code != SQLITE_DONE)
		rc = engine_sqlite_rc(e, code, "reading the log", d);
	sqlite3_finalize(stmt);
	return rc;
}

/* Read back what was just stored and compare: a commit is never left behind that could not be read again. */
static enum rc
log_read_back(struct engine *e, uint64_t version, struct span body, struct diag *d)
{
	static const char sql[] = "SELECT body FROM sync_log WHERE v = ?1";
	sqlite3_stmt *stmt;
	enum rc rc;
	int code;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)version);
	code = sqlite3_step(stmt);
	if (code != SQLITE_ROW)
		rc = engine_sqlite_rc(e, code == SQLITE_DONE ? SQLITE_CORRUPT : code, "reading back a commit", d);
	else if (!span_eq(value_of_column(stmt, 0).s, body))
		rc = engine_sqlite_rc(e, SQLITE_CORRUPT, "a commit reads back differently from what was written", d);
	engine_done(stmt);
	return rc;
}

/* A run of commits up to a seal travels whole, with what it depends on: so a stream is sealed every SEAL_BYTES_MAX, and
 * when SEAL_EPOCH_BYTES or SEAL_EPOCH_STREAMS have gathered in all own streams together, all of them are. */
static enum rc
own_seal_when_due(struct engine *e, struct stream *s, struct diag *d)
{
	uint32_t sid;
	enum rc rc = RC_OK;

	if (e->unsealed_bytes >= SEAL_EPOCH_BYTES || e->unsealed_streams >= SEAL_EPOCH_STREAMS) {
		for (sid = 1; sid <= stream_count(e) && rc == RC_OK; sid++)
			if (stream_is_own(e, stream_at(e, sid)))
				rc = seal_own(e, stream_at(e, sid), d);
		return rc;
	}
	return s->unsealed_bytes >= SEAL_BYTES_MAX ? seal_own(e, s, d) : RC_OK;
}

enum rc
log_append(struct engine *e, struct stream *s, uint64_t hlc, struct span body, struct diag *d)
{
	static const char sql[] = "INSERT INTO sync_log(v, body) VALUES(?1, ?2)";
	uint8_t hash[HASH_BYTES];
	sqlite3_stmt *stmt;
	enum rc rc;

	if (s->head_seq >= STREAM_SEQ_MAX)
		return diag_fail(d, RC_LIMIT, "this node has written %llu commits into one scope, which is all it may: "
		    "replace it by a new node", (unsigned long long)STREAM_SEQ_MAX);
	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)VERSION(s->sid, s->head_seq + 1));
	if (value_bind(stmt, 2, value_blob(body)) != SQLITE_OK)
		return RC_NOMEM;
	if ((rc = engine_run(e, stmt, "adding to the log", d)) != RC_OK ||
	    (rc = log_read_back(e, VERSION(s->sid, s->head_seq + 1), body, d)) != RC_OK)
		return rc;
	stream_hash_next(s->head_hash, body, hash);
	memcpy(s->head_hash, hash, HASH_BYTES);
	if (stream_is_own(e, s)) {
		e->unsealed_bytes += body.n;
		e->unsealed_streams += s->sealed_seq == s->head_seq ? 1 : 0;
	}
	s->head_seq++;
	s->head_hlc = hlc;
	s->unsealed_bytes += body.n;
	s->changed = ++e->change_tick;
	clock_witness(e, s, hlc);
	return stream_is_own(e, s) ? own_seal_when_due(e, s, d) : RC_OK;
}
