#include "fork.h"

#include "apply_impl.h"
#include "control.h"
#include "credential.h"
#include "exchange_impl.h"
#include "merge.h"
#include "settle.h"

#include <stdlib.h>
#include <string.h>

enum { SIDE_OURS = 0, SIDE_THEIRS = 1 };

const char *
fork_tables_ddl(void)
{
	return "CREATE TABLE sync_evidence(\n"
	    "\tsid INTEGER NOT NULL,     -- stream that forked\n"
	    "\tside INTEGER NOT NULL,    -- 0: stood here and yielded, 1: another node's\n"
	    "\tseq INTEGER NOT NULL,\n"
	    "\tbody BLOB NOT NULL,       -- the commit\n"
	    "\tsignature BLOB,           -- the seal on it, if it has one\n"
	    "\tagain INTEGER,            -- version under which we wrote it again; or NULL\n"
	    "\tPRIMARY KEY(sid, side, seq)\n"
	    ") STRICT;\n"
	    "CREATE TABLE sync_fork(\n"
	    "\tsid INTEGER NOT NULL PRIMARY KEY,\n"
	    "\tseq INTEGER NOT NULL,     -- first number under which there are two commits\n"
	    "\tfound_ms INTEGER NOT NULL,\n"
	    "\thas_yielded INTEGER NOT NULL\n"
	    ") STRICT;\n";
}

enum rc
fork_note(struct engine *e, const struct stream *s, uint64_t from, bool has_yielded, struct diag *d)
{
	static const char sql[] = "INSERT INTO sync_fork(sid, seq, found_ms, has_yielded) VALUES(?1, ?2, ?3, ?4) "
	    "ON CONFLICT(sid) DO UPDATE SET seq = min(seq, excluded.seq), "
	    "has_yielded = max(has_yielded, excluded.has_yielded)";
	sqlite3_stmt *stmt;
	enum rc rc;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, s->sid);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)from);
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)engine_now_ms(e));
	(void)sqlite3_bind_int(stmt, 4, has_yielded ? 1 : 0);
	return engine_run(e, stmt, "noting a fork", d);
}

enum rc
fork_keep(struct engine *e, const struct stream *s, uint64_t seq, struct span body, const uint8_t *signature,
    struct diag *d)
{
	static const char sql[] = "INSERT INTO sync_evidence(sid, side, seq, body, signature) "
	    "VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(sid, side, seq) DO NOTHING";
	sqlite3_stmt *stmt;
	enum rc rc;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, s->sid);
	(void)sqlite3_bind_int(stmt, 2, SIDE_THEIRS);
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)seq);
	if (value_bind(stmt, 4, value_blob(body)) != SQLITE_OK ||
	    value_bind(stmt, 5, signature == NULL ? value_null() :
	    value_blob(span_of(signature, SIGNATURE_BYTES))) != SQLITE_OK)
		return RC_NOMEM;
	return engine_run(e, stmt, "keeping evidence", d);
}

/* ---- yielding */

/* Run @sql on the versions @from to @to. */
static enum rc
range_run(struct engine *e, const char *sql, uint64_t from, uint64_t to, struct diag *d)
{
	sqlite3_stmt *stmt;
	enum rc rc = engine_stmt(e, sql, &stmt, d);

	if (rc != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)from);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)to);
	return engine_run(e, stmt, "moving a branch", d);
}

/* The versions that @op of @c had replaced and that are still held.  After the branch is gone, nothing else may lead to
 * them.  *@out: mem_free. */
static enum rc
replaced_find(struct engine *e, const struct stream *s, const struct commit *c, const struct commit_op *op,
    uint64_t **out, size_t *count, struct diag *d)
{
	size_t i;
	uint64_t v;

	*count = 0;
	if ((*out = mem_array(op->prevs_count + 1, sizeof(**out))) == NULL)
		return RC_NOMEM;
	for (i = 0; i < op->prevs_count; i++)
		if (merge_prev_version(e, s, c, &op->prevs[i], &v, d) == RC_OK && VERSION_SEQ(v) > 0 &&
		    VERSION_SEQ(v) <= stream_at(e, VERSION_SID(v))->head_seq)
			(*out)[(*count)++] = v;
	return RC_OK;
}

static enum rc
row_settle_again(struct engine *e, const struct stream *s, const struct commit *c, const struct commit_op *op,
    struct table_plan *p, struct diag *d)
{
	struct settle_counts counts = { 0, 0 };
	uint64_t *more;
	size_t count;
	enum rc rc = replaced_find(e, s, c, op, &more, &count, d);

	if (rc == RC_OK)
		rc = settle_row(e, p, op->key, more, count, &counts, d);
	mem_free(more);
	return rc;
}

/* The rows of one commit are settled as if it had never taken effect.  (@is_held: it stands in the quarantine by now;
 * else it is out of the log.) */
static enum rc
rows_settle(struct engine *e, const struct stream *s, uint64_t seq, struct span body, bool is_held, struct diag *d)
{
	const struct catalogue_table *t;
	struct table_plan *p;
	struct commit c;
	enum rc rc;
	size_t i;

	if ((rc = commit_parse_copy(&c, body, s->origin, seq, d)) != RC_OK)
		return rc;
	if (is_held)
		rc = settle_commit(e, &c, VERSION(s->sid, seq), d);
	for (i = 0; i < c.ops_count && rc == RC_OK && !is_held; i++) {
		t = catalogue_table_numbered(&e->catalogue, c.ops[i].table);
		if (t == NULL || t->has_text_key != c.ops[i].has_text_key)
			continue;	/* it never took effect */
		if ((rc = row_plan_of(e, t, &p, d)) == RC_OK)
			rc = row_settle_again(e, s, &c, &c.ops[i], p, d);
	}
	commit_free(&c);
	return rc;
}

/* Newest first: what is settled for an older commit no longer sees the newer ones. */
static enum rc
branch_settle(struct engine *e, const struct stream *s, uint64_t from, struct diag *d)
{
	struct bytes body;
	uint64_t seq;
	enum rc rc = RC_OK;

	bytes_init(&body);
	for (seq = s->head_seq; seq >= from && rc == RC_OK; seq--) {
		bytes_clear(&body);
		if ((rc = log_body(e, VERSION(s->sid, seq), &body, d)) == RC_OK)
			rc = rows_settle(e, s, seq, span_bytes(&body), true, d);
	}
	bytes_free(&body);
	return rc;
}

/* Now that the branch is out of the log: whoever had replaced what it wrote no longer names it (C12), here as at those
 * who never held it. */
static enum rc
branch_settle_again(struct engine *e, const struct stream *s, uint64_t from, uint64_t to, struct diag *d)
{
	static const char sql[] = "SELECT body FROM sync_evidence WHERE sid = ?1 AND side = 0 AND seq = ?2";
	sqlite3_stmt *stmt;
	struct bytes body;
	uint64_t seq;
	enum rc rc = RC_OK;

	bytes_init(&body);
	for (seq = from; seq <= to && rc == RC_OK; seq++) {
		if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
			break;
		(void)sqlite3_bind_int64(stmt, 1, s->sid);
		(void)sqlite3_bind_int64(stmt, 2, (int64_t)seq);
		bytes_clear(&body);
		if (sqlite3_step(stmt) == SQLITE_ROW) {
			struct value v = value_of_column(stmt, 0);

			bytes_put(&body, v.s.p, v.s.n);
		}
		engine_done(stmt);
		if ((rc = bytes_rc(&body)) == RC_OK && body.n > 0)
			rc = rows_settle(e, s, seq, span_bytes(&body), false, d);
	}
	bytes_free(&body);
	return rc;
}

/* What was told or believed of the stream beyond its new head is forgotten. */
static enum rc
numbers_forget(struct engine *e, const struct stream *s, uint64_t last, struct diag *d)
{
	static const char told_sql[] = "UPDATE sync_frontier SET seq = min(seq, ?2) WHERE s = ?1";
	static const char belief_sql[] = "UPDATE sync_belief SET seq = min(seq, ?2) WHERE sid = ?1";
	enum rc rc = range_run(e, told_sql, s->sid, last, d);

	if (rc == RC_OK)
		rc = range_run(e, belief_sql, s->sid, last, d);
	if (rc == RC_OK)
		rc = receipt_forget(e, s->sid, last, d);
	if (rc == RC_OK)
		peer_forget_all(e, s->sid, last);
	return rc;
}

enum rc
fork_yield(struct engine *e, struct stream *s, uint64_t from, struct diag *d)
{
	static const char doubt_sql[] = "INSERT INTO sync_quarantine(v, reason, verdict) "
	    "SELECT v, 'yielded', 4 FROM sync_log WHERE v BETWEEN ?1 AND ?2 ON CONFLICT(v) DO NOTHING";
	static const char keep_sql[] = "INSERT OR IGNORE INTO sync_evidence(sid, side, seq, body, signature) "
	    "SELECT l.v >> 24, 0, l.v & 16777215, l.body, "
	    "(SELECT signature FROM sync_seal s WHERE s.v = l.v) FROM sync_log l WHERE l.v BETWEEN ?1 AND ?2";
	static const char *const drop_sql[] = {
		"DELETE FROM sync_quarantine WHERE v BETWEEN ?1 AND ?2",
		"DELETE FROM sync_seal WHERE v BETWEEN ?1 AND ?2",
		"DELETE FROM sync_log WHERE v BETWEEN ?1 AND ?2",
	};
	uint64_t first = VERSION(s->sid, from), last = VERSION(s->sid, s->head_seq);
	enum rc rc;
	size_t i;

	_Static_assert(STREAM_SEQ_BITS == 24, "the SQL above takes versions apart");
	INVARIANT(from >= 1);
	INVARIANT(!stream_is_own(e, s));
	if ((rc = range_run(e, doubt_sql, first, last, d)) != RC_OK ||
	    (rc = branch_settle(e, s, from, d)) != RC_OK ||
	    (rc = range_run(e, keep_sql, first, last, d)) != RC_OK)
		return rc;
	for (i = 0; i < sizeof(drop_sql) / sizeof(drop_sql[0]) && rc == RC_OK; i++)
		rc = range_run(e, drop_sql[i], first, last, d);
	if (rc == RC_OK)
		rc = control_forget(e, first, last, d);
	if (rc == RC_OK)
		rc = numbers_forget(e, s, from - 1, d);
	if (rc == RC_OK)
		rc = stream_head_reload(e, s, d);
	if (rc == RC_OK)
		rc = branch_settle_again(e, s, from, VERSION_SEQ(last), d);
	/* Units and credentials may have been among the rows. */
	if (rc == RC_OK && s->unit == e->root_unit && s->reach == REACH_DOWN && (rc = unit_reload(e, d)) == RC_OK)
		rc = origin_reload(e, d);
	return rc == RC_OK ? fork_note(e, s, from, true, d) : rc;
}

/* ---- for people */

enum rc
fork_each(struct engine *e, fork_fn fn, void *ctx, struct diag *d)
{
	static const char sql[] = "SELECT f.sid, f.seq, f.found_ms, f.has_yielded, "
	    "(SELECT count(*) FROM sync_evidence v WHERE v.sid = f.sid AND v.side = 0), "
	    "(SELECT count(*) FROM sync_evidence v WHERE v.sid = f.sid AND v.side = 1), "
	    "s.origin, s.unit, s.reach FROM sync_fork f JOIN sync_stream s ON s.sid = f.sid ORDER BY f.sid";
	sqlite3_stmt *stmt;
	enum rc rc;
	int code = SQLITE_DONE;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	while (rc == RC_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct value origin = value_of_column(stmt, 6);
		struct fork f = {
			.from = (uint64_t)sqlite3_column_int64(stmt, 1),
			.found_ms = (uint64_t)sqlite3_column_int64(stmt, 2),
			.has_yielded = sqlite3_column_int(stmt, 3) != 0,
			.commits_ours = (uint64_t)sqlite3_column_int64(stmt, 4),
			.commits_theirs = (uint64_t)sqlite3_column_int64(stmt, 5),
			.unit = value_of_column(stmt, 7).s,
			.reach = (enum reach)sqlite3_column_int(stmt, 8),
		};

		if (origin.s.n != ORIGIN_BYTES)
			rc = diag_fail(d, RC_CORRUPT, "the list of streams is damaged");
		else
			memcpy(f.origin, origin.s.p, ORIGIN_BYTES);
		if (rc == RC_OK)
			rc = fn(ctx, &f);
	}
	engine_done(stmt);
	return rc == RC_OK && code != SQLITE_DONE ? engine_sqlite_rc(e, code, "reading forks", d) : rc;
}
