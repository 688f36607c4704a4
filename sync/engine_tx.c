/* Errors and transactions of an engine, and its prepared statements.
 *
 * After RC_DISK or RC_CORRUPT of a write the engine is broken for good: nothing is written any more, and the
 * database is recovered by opening it anew. */
#include "engine_impl.h"

enum rc
engine_sqlite_rc(struct engine *e, int code, const char *what, struct diag *d)
{
	const char *text = sqlite3_errmsg(e->db);

	switch (code & 0xFF) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return RC_OK;
	case SQLITE_NOMEM:
		return diag_fail(d, RC_NOMEM, "%s: out of memory", what);
	case SQLITE_FULL:
		return diag_fail(d, RC_FULL, "%s: the disk is full; free some space and try again", what);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return diag_fail(d, RC_BUSY, "%s: the database is locked by another program", what);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		e->is_broken = true;
		return diag_fail(d, RC_CORRUPT, "%s: the database is damaged: %s", what, text);
	case SQLITE_AUTH:
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
	case SQLITE_ERROR:
		return diag_fail(d, RC_INPUT, "%s: %s", what, text);
	case SQLITE_MISUSE:
		return diag_fail(d, RC_BUG, "%s: %s", what, text);
	default:
		if (code == SQLITE_IOERR_NOMEM)
			return diag_fail(d, RC_NOMEM, "%s: out of memory", what);
		e->is_broken = true;
		return diag_fail(d, RC_DISK, "%s: %s", what, text);
	}
}

enum rc
engine_exec(struct engine *e, const char *sql, struct diag *d)
{
	int code = sqlite3_exec(e->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? RC_OK : engine_sqlite_rc(e, code, "writing", d);
}

enum rc
engine_begin(struct engine *e, struct diag *d)
{
	static const char begin_sql[] = "BEGIN IMMEDIATE";
	sqlite3_stmt *stmt;
	enum rc rc;

	INVARIANT(!e->is_in_tx);
	INVARIANT(e->is_writer);
	if (e->is_broken)
		return diag_fail(d, RC_DISK, "the database failed earlier; restart the program to recover it");
	if ((rc = engine_stmt(e, begin_sql, &stmt, d)) != RC_OK ||
	    (rc = engine_run(e, stmt, "beginning to save", d)) != RC_OK)
		return rc;
	e->is_in_tx = true;
	e->units_begun = e->units_count;
	e->is_stray = false;	/* a stray write before this was rolled back, or there could be no BEGIN */
	return RC_OK;
}

enum rc
engine_commit_tx(struct engine *e, struct diag *d)
{
	static const char commit_sql[] = "COMMIT";
	sqlite3_stmt *stmt;
	int code = SQLITE_NOMEM;

	INVARIANT(e->is_in_tx);
	if (engine_stmt(e, commit_sql, &stmt, d) == RC_OK) {
		code = sqlite3_step(stmt);
		(void)sqlite3_reset(stmt);
	}
	if (code == SQLITE_DONE) {
		e->is_in_tx = false;
		return RC_OK;
	}
	/* Whatever COMMIT said, whether it reached the disk is not known: only a new start may tell.  A full disk is
	 * told before anything is synced, so that one may be rolled back and gone on from. */
	if ((code & 0xFF) != SQLITE_FULL && (code & 0xFF) != SQLITE_CONSTRAINT && (code & 0xFF) != SQLITE_BUSY)
		e->is_broken = true;
	if (engine_sqlite_rc(e, code, "saving", d) == RC_CORRUPT)
		e->is_broken = true;
	engine_rollback(e);
	return (code & 0xFF) == SQLITE_FULL ? RC_FULL : (code & 0xFF) == SQLITE_CONSTRAINT ? RC_BUG : RC_DISK;
}

void
engine_rollback(struct engine *e)
{
	struct diag d;

	if (!e->is_in_tx)
		return;
	e->is_in_tx = false;
	e->is_stray = false;
	e->is_control_due = false;
	e->v_now = 0;
	if (!sqlite3_get_autocommit(e->db))
		(void)sqlite3_exec(e->db, "ROLLBACK", NULL, NULL, NULL);
	diag_init(&d);
	if (e->is_broken)
		return;
	if (stream_reload(e, &d) == RC_OK)
		unit_forget(e, e->units_begun);		/* no stream names them any more */
	else
		e->is_broken = true;
	if (unit_reload(e, &d) != RC_OK || origin_reload(e, &d) != RC_OK || clock_load(e, &d) != RC_OK)
		e->is_broken = true;
	if (e->exchange_reset != NULL && e->exchange != NULL)
		e->exchange_reset(e->exchange);
}

enum rc
engine_stmt(struct engine *e, const char *sql, sqlite3_stmt **out, struct diag *d)
{
	size_t i;
	int code;

	for (i = 0; i < e->stmts_count; i++)
		if (e->stmts[i].sql == sql) {
			*out = e->stmts[i].stmt;
			return RC_OK;
		}
	INVARIANT(e->stmts_count < STMT_CACHE_MAX);
	code = sqlite3_prepare_v3(e->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
	if (code != SQLITE_OK)
		return engine_sqlite_rc(e, code, "preparing a statement", d);
	e->stmts[e->stmts_count++] = (struct stmt_entry){ sql, *out };
	return RC_OK;
}

void
engine_done(sqlite3_stmt *stmt)
{
	(void)sqlite3_reset(stmt);
}

enum rc
engine_run(struct engine *e, sqlite3_stmt *stmt, const char *what, struct diag *d)
{
	int code = sqlite3_step(stmt);
	enum rc rc = RC_OK;

	if (code != SQLITE_DONE && code != SQLITE_ROW)
		rc = engine_sqlite_rc(e, code, what, d);
	(void)sqlite3_reset(stmt);
	return rc;
}
