/* What a new process should know of the link to one peer after a cut: how far the upload got, and how much goes
 * through at once (W22).  Soft: without it the upload starts over at the last frame that was acknowledged. */
#include "engine_impl.h"
#include "exchange_impl.h"
#include "transfer.h"

#include <string.h>

static enum rc
link_read(struct engine *e, struct peer *p, struct diag *d)
{
	static const char sql[] = "SELECT transfer, acked, bounds, is_uncertain, piece_bytes, want_bytes "
	    "FROM sync_link WHERE peer = ?1";
	sqlite3_stmt *stmt;
	struct value id, bounds;
	enum rc rc;
	int code;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	if (value_bind(stmt, 1, value_blob(span_of(p->origin, ORIGIN_BYTES))) != SQLITE_OK)
		return RC_NOMEM;
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		id = value_of_column(stmt, 0);
		if (id.s.n == TRANSFER_ID_BYTES)
			memcpy(p->kept.id, id.s.p, TRANSFER_ID_BYTES);
		p->kept.acked = (uint64_t)sqlite3_column_int64(stmt, 1);
		bounds = value_of_column(stmt, 2);
		bytes_put(&p->kept.bounds, bounds.s.p, bounds.s.n);
		p->kept.is_uncertain = sqlite3_column_int(stmt, 3) != 0;
		p->kept.is_there = true;
		p->piece_bytes = (uint64_t)sqlite3_column_int64(stmt, 4);
		p->want_bytes = (uint64_t)sqlite3_column_int64(stmt, 5);
		peer_piece_clamp(&p->piece_bytes);
		peer_piece_clamp(&p->want_bytes);
		rc = bytes_rc(&p->kept.bounds);
	} else if (code != SQLITE_DONE) {
		rc = engine_sqlite_rc(e, code, "reading what a link carried", d);
	}
	engine_done(stmt);
	return rc;
}

enum rc
peer_link_load(struct engine *e, struct peer *p, struct diag *d)
{
	enum rc rc;

	if (p->is_link_loaded)
		return RC_OK;
	if ((rc = link_read(e, p, d)) != RC_OK)
		return rc;
	p->is_link_loaded = true;
	if (!p->kept.is_there || p->out != NULL)
		return RC_OK;
	rc = transfer_again(e, p, span_bytes(&p->kept.bounds), p->kept.id, &p->out, d);
	bytes_free(&p->kept.bounds);
	if (rc != RC_OK || p->out == NULL)
		return rc;
	if (!transfer_ack(p->out, &p->belief, p->kept.acked, NULL) || p->out->acked == p->out->content.n) {
		transfer_free(p->out);
		p->out = NULL;
		return RC_OK;
	}
	p->is_uncertain = p->kept.is_uncertain;
	return RC_OK;
}

static enum rc
link_write(struct engine *e, struct peer *p, struct diag *d)
{
	static const char sql_put[] = "INSERT OR REPLACE INTO sync_link(peer, transfer, acked, bounds, "
	    "is_uncertain, piece_bytes, want_bytes) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)";
	static const char sql_drop[] = "DELETE FROM sync_link WHERE peer = ?1";
	const struct transfer *t = p->out;
	sqlite3_stmt *stmt;
	enum rc rc;

	if ((rc = engine_stmt(e, t != NULL ? sql_put : sql_drop, &stmt, d)) != RC_OK)
		return rc;
	if (value_bind(stmt, 1, value_blob(span_of(p->origin, ORIGIN_BYTES))) != SQLITE_OK)
		return RC_NOMEM;
	if (t != NULL) {
		if (value_bind(stmt, 2, value_blob(span_of(t->id, TRANSFER_ID_BYTES))) != SQLITE_OK ||
		    value_bind(stmt, 4, value_blob(span_bytes(&t->bounds))) != SQLITE_OK)
			return RC_NOMEM;
		(void)sqlite3_bind_int64(stmt, 3, (int64_t)t->acked);
		(void)sqlite3_bind_int64(stmt, 5, p->is_uncertain);
		(void)sqlite3_bind_int64(stmt, 6, (int64_t)p->piece_bytes);
		(void)sqlite3_bind_int64(stmt, 7, (int64_t)p->want_bytes);
	}
	return engine_run(e, stmt, "noting what a link carried", d);
}

enum rc
peer_link_save(struct engine *e, struct peer *p, struct diag *d)
{
	enum rc rc;

	if (p->out == NULL && !p->kept.is_there)
		return RC_OK;
	if ((rc = engine_begin(e, d)) != RC_OK)
		return rc;
	if ((rc = link_write(e, p, d)) == RC_OK)
		rc = engine_commit_tx(e, d);
	if (rc != RC_OK) {
		engine_rollback(e);
		return rc;
	}
	p->kept.is_there = p->out != NULL;
	return RC_OK;
}
