/* Receipts in the database, and those of others, taken as they prove themselves (W31).
 *
 * Which of two receipts of one holder for one unit stands: the one that names more of some stream and less of none,
 * whatever the clocks say; else the later one; so a holder's clock that is put right does no harm. */
#include "receipt_impl.h"

#include "cursor.h"
#include "engine_impl.h"
#include "exchange_impl.h"
#include "incarnation.h"
#include "revocation.h"

#include <string.h>

const char *
receipt_tables_ddl(void)
{
	return "CREATE TABLE sync_receipt(\n"
	    "\tholder BLOB NOT NULL,     -- origin that signed\n"
	    "\tunit TEXT NOT NULL,       -- it speaks of the streams addressed to, reach up\n"
	    "\tn INTEGER NOT NULL UNIQUE, -- grows with each one kept\n"
	    "\tms INTEGER NOT NULL,      -- when it was signed, by the holder's clock\n"
	    "\tgot_ms INTEGER NOT NULL,  -- when it came, by ours\n"
	    "\tis_fork INTEGER NOT NULL, -- it names another commit than ours under the same number\n"
	    "\tbytes BLOB NOT NULL,\n"
	    "\tPRIMARY KEY(holder, unit)\n"
	    ") STRICT, WITHOUT ROWID;\n"
	    "CREATE TABLE sync_receipt_mark(\n"
	    "\tholder BLOB NOT NULL,\n"
	    "\tsid INTEGER NOT NULL,     -- local number of a stream\n"
	    "\tseq INTEGER NOT NULL,     -- it holds that stream up to here\n"
	    "\tms INTEGER NOT NULL,      -- since then, by its clock\n"
	    "\tPRIMARY KEY(sid, holder, seq)\n"
	    ") STRICT, WITHOUT ROWID;\n";
}

uint64_t
receipt_newest(const struct engine *e)
{
	const struct exchange *x = e->exchange;

	return x == NULL ? 0 : x->receipts.newest;
}

enum rc
receipt_kept(struct engine *e, const struct receipt *r, struct bytes *bytes, struct receipt *out, bool *is_there,
    struct diag *d)
{
	static const char sql[] = "SELECT bytes FROM sync_receipt WHERE holder = ?1 AND unit = ?2";
	sqlite3_stmt *stmt;
	struct rd rd;
	enum rc rc;
	int code;

	*is_there = false;
	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	if (value_bind(stmt, 1, value_blob(span_of(r->holder, ORIGIN_BYTES))) != SQLITE_OK ||
	    value_bind(stmt, 2, value_text(r->unit)) != SQLITE_OK)
		return RC_NOMEM;
	bytes_clear(bytes);
	if ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct span s = value_of_column(stmt, 0).s;

		bytes_put(bytes, s.p, s.n);
	}
	rc = engine_sqlite_rc(e, code, "reading receipts", d);
	engine_done(stmt);
	if (rc != RC_OK || code != SQLITE_ROW)
		return rc;
	if ((rc = bytes_rc(bytes)) != RC_OK)
		return rc;
	rd = rd_span(span_bytes(bytes));
	receipt_read(out, &rd);
	*is_there = rd_done(&rd);
	return RC_OK;
}

bool
receipt_is_newer(const struct receipt *r, const struct receipt *old)
{
	bool is_higher = false, is_lower = false;
	size_t i;

	for (i = 0; i < r->streams_count; i++) {
		const struct receipt_stream *before = receipt_stream_find(old, r->streams[i].origin);
		uint64_t seq = before == NULL ? 0 : before->seq;

		is_higher = is_higher || r->streams[i].seq > seq;
		is_lower = is_lower || r->streams[i].seq < seq;
	}
	if (is_higher && !is_lower)
		return true;
	return r->ms != old->ms ? r->ms > old->ms : span_cmp(r->whole, old->whole) > 0;
}

/* A statement about one stream at one holder: ?1, ?2, and ?3. */
static enum rc
mark_run(struct engine *e, const char *sql, const struct receipt *r, uint32_t sid, uint64_t third, struct diag *d)
{
	sqlite3_stmt *stmt;
	enum rc rc;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	if (value_bind(stmt, 1, value_blob(span_of(r->holder, ORIGIN_BYTES))) != SQLITE_OK)
		return RC_NOMEM;
	(void)sqlite3_bind_int64(stmt, 2, sid);
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)third);
	if (sqlite3_bind_parameter_count(stmt) > 3)
		(void)sqlite3_bind_int64(stmt, 4, (int64_t)r->ms);
	return engine_run(e, stmt, "noting since when a stream is held", d);
}

/* From @r on its holder has stream @sid up to @seq, and had it up to @before.  With more than RECEIPT_MARKS_MAX marks
 * the two that are nearest in time become the later one: a time told is never too early, and of old ones a little
 * late. */
static enum rc
mark_move(struct engine *e, const struct receipt *r, uint32_t sid, uint64_t seq, uint64_t before, struct diag *d)
{
	static const char sql_add[] = "INSERT OR IGNORE INTO sync_receipt_mark(holder, sid, seq, ms) "
	    "VALUES(?1, ?2, ?3, ?4)";
	static const char sql_trim[] = "DELETE FROM sync_receipt_mark WHERE holder = ?1 AND sid = ?2 AND "
	    "(SELECT count(*) FROM sync_receipt_mark WHERE holder = ?1 AND sid = ?2) > ?3 AND seq = "
	    "(SELECT seq FROM (SELECT seq, lead(ms) OVER (ORDER BY seq) - ms AS gap FROM sync_receipt_mark "
	    "WHERE holder = ?1 AND sid = ?2) WHERE gap IS NOT NULL ORDER BY gap, seq LIMIT 1)";
	static const char sql_lower[] = "INSERT OR IGNORE INTO sync_receipt_mark(holder, sid, seq, ms) "
	    "SELECT ?1, ?2, ?3, ms FROM sync_receipt_mark WHERE holder = ?1 AND sid = ?2 AND seq > ?3 "
	    "ORDER BY seq LIMIT 1";
	static const char sql_drop[] = "DELETE FROM sync_receipt_mark WHERE holder = ?1 AND sid = ?2 AND seq > ?3";
	enum rc rc;

	if (seq >= before) {	/* the same number: perhaps the stream was not known here before */
		rc = mark_run(e, sql_add, r, sid, seq, d);
		return rc == RC_OK ? mark_run(e, sql_trim, r, sid, RECEIPT_MARKS_MAX, d) : rc;
	}
	rc = mark_run(e, sql_lower, r, sid, seq, d);
	return rc == RC_OK ? mark_run(e, sql_drop, r, sid, seq, d) : rc;
}

/* Does another commit than ours stand at the number that @at names?  Where we have no hash at hand we cannot tell. */
static enum rc
is_other(struct engine *e, const struct stream *s, const struct receipt_stream *at, bool *out, struct diag *d)
{
	static const char sql[] = "SELECT hash FROM sync_seal WHERE v = ?1";
	sqlite3_stmt *stmt;
	enum rc rc;
	int code;

	*out = false;
	if (at->seq > s->head_seq)
		return RC_OK;
	if (at->seq == s->head_seq) {
		*out = memcmp(at->hash, s->head_hash, RECEIPT_HASH_BYTES) != 0;
		return RC_OK;
	}
	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)VERSION(s->sid, at->seq));
	if ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct span hash = value_of_column(stmt, 0).s;

		*out = hash.n == HASH_BYTES && memcmp(at->hash, hash.p, RECEIPT_HASH_BYTES) != 0;
	}
	rc = engine_sqlite_rc(e, code, "reading seals", d);
	engine_done(stmt);
	return rc;
}

static enum rc
marks_move(struct engine *e, unit_id u, const struct receipt *r, const struct receipt *old, uint64_t *forks,
    struct diag *d)
{
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && i < r->streams_count; i++) {
		const struct receipt_stream *at = &r->streams[i];
		const struct receipt_stream *before = old == NULL ? NULL : receipt_stream_find(old, at->origin);
		const struct stream *s = stream_find(e, at->origin, u, REACH_UP);
		bool differs = false;

		if (s == NULL || !s->is_stored || (rc = is_other(e, s, at, &differs, d)) != RC_OK)
			continue;
		*forks += differs;
		if (!differs)
			rc = mark_move(e, r, s->sid, at->seq, before == NULL ? 0 : before->seq, d);
	}
	return rc;
}

enum rc
receipt_keep(struct engine *e, struct receipt_state *s, const struct receipt *r, const struct receipt *old,
    uint64_t *forks, struct diag *d)
{
	static const char sql[] = "INSERT OR REPLACE INTO sync_receipt(holder, unit, n, ms, got_ms, is_fork, bytes) "
	    "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)";
	uint64_t differing = 0;
	sqlite3_stmt *stmt;
	enum rc rc;

	if ((rc = marks_move(e, unit_find(e, r->unit), r, old, &differing, d)) != RC_OK ||
	    (rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	if (value_bind(stmt, 1, value_blob(span_of(r->holder, ORIGIN_BYTES))) != SQLITE_OK ||
	    value_bind(stmt, 2, value_text(r->unit)) != SQLITE_OK ||
	    value_bind(stmt, 7, value_blob(r->whole)) != SQLITE_OK)
		return RC_NOMEM;
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)++s->newest);
	(void)sqlite3_bind_int64(stmt, 4, (int64_t)r->ms);
	(void)sqlite3_bind_int64(stmt, 5, (int64_t)engine_now_ms(e));
	(void)sqlite3_bind_int(stmt, 6, differing != 0);
	*forks += differing;
	return engine_run(e, stmt, "keeping a receipt", d);
}

enum rc
receipt_forget(struct engine *e, uint32_t sid, uint64_t last, struct diag *d)
{
	static const char sql[] = "DELETE FROM sync_receipt_mark WHERE sid = ?1 AND seq > ?2";
	struct exchange *x = e->exchange;
	sqlite3_stmt *stmt;
	enum rc rc;

	if (x != NULL && sid < x->receipts.told_count)
		x->receipts.told[sid].seq = 0;
	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, sid);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)last);
	return engine_run(e, stmt, "forgetting since when a branch was held", d);
}

/* ---- those of others */

/* Is it for us to keep: by a known node that stands above the unit, of a unit that we hold? */
static bool
is_ours_to_keep(struct engine *e, const struct receipt *r)
{
	const struct origin_entry *holder = origin_find(e, r->holder);
	unit_id u = unit_find(e, r->unit);

	return holder != NULL && u != UNIT_NONE && !incarnation_is_ours(e, r->holder) &&
	    revocation_of(e, holder->pubkey) == NULL && unit_holds(e, e->self_unit, u, REACH_UP) &&
	    unit_was_within(e, u, holder->unit);
}

static enum rc
receipt_take_one(struct engine *e, const struct receipt *r, uint64_t *count, uint64_t *forks, struct diag *d)
{
	const struct origin_entry *holder = origin_find(e, r->holder);
	struct receipt_state *state;
	struct receipt old;
	struct bytes was;
	bool has_old = false;
	enum rc rc;

	if (!is_ours_to_keep(e, r))
		return RC_OK;
	bytes_init(&was);
	if ((rc = receipt_state_load(e, &state, d)) == RC_OK)
		rc = receipt_kept(e, r, &was, &old, &has_old, d);
	if (rc == RC_OK && (!has_old || receipt_is_newer(r, &old)) && receipt_is_signed(r, holder->pubkey)) {
		rc = receipt_keep(e, state, r, has_old ? &old : NULL, forks, d);
		(*count)++;
	}
	bytes_free(&was);
	return rc;
}

enum rc
receipt_take(struct engine *e, struct span content, uint64_t *count, uint64_t *forks, struct diag *d)
{
	struct rd rd = rd_span(content);
	struct receipt r;
	size_t n = 0;
	enum rc rc;

	while (rd_ok(&rd) && rd_left(&rd) > 0 && n++ <= RECEIPTS_TAKEN_MAX)
		receipt_read(&r, &rd);
	if (!rd_done(&rd) || n == 0 || n > RECEIPTS_TAKEN_MAX)
		return diag_fail(d, RC_PEER, "the other side sent a broken receipt");
	if ((rc = engine_begin(e, d)) != RC_OK)
		return rc;
	for (rd = rd_span(content); rc == RC_OK && rd_left(&rd) > 0;) {
		receipt_read(&r, &rd);
		rc = receipt_take_one(e, &r, count, forks, d);
	}
	if (rc == RC_OK)
		rc = engine_commit_tx(e, d);
	if (rc != RC_OK)
		engine_rollback(e);
	return rc;
}
