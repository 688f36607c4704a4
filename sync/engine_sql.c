/* What the engine adds to a connection: the functions that the tables' guards call, the commit hook, its own tables. */
#include "engine_impl.h"

#include "row_sweep.h"

/* A change of a replicated table outside a save must not become durable. */
static int
on_commit(void *ctx)
{
	struct engine *e = ctx;
	bool is_refused = e->is_stray;

	e->is_stray = false;
	return is_refused ? 1 : 0;
}

/* sync_check(v): does the row being written carry the version under way?  Yes for whoever only reads; no inside a save
 * for a statement that the save does not know of.  A deletion asks with NULL. */
static void
fn_check(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	struct engine *e = sqlite3_user_data(ctx);

	(void)n;
	if (e->v_now == 0)
		sqlite3_result_int(ctx, e->save == NULL);
	else
		sqlite3_result_int(ctx, sqlite3_value_type(v[0]) == SQLITE_NULL ||
		    (uint64_t)sqlite3_value_int64(v[0]) == e->v_now);
}

enum rc
engine_functions(struct engine *e, struct diag *d)
{
	int code = sqlite3_create_function_v2(e->db, "sync_check", 1, SQLITE_UTF8 | SQLITE_INNOCUOUS, e, fn_check, NULL,
	    NULL, NULL);
	enum rc rc = code == SQLITE_OK ? row_sweep_functions(e, d) :
	    engine_sqlite_rc(e, code, "registering functions", d);

	if (rc != RC_OK)
		return rc;
	if (e->is_writer)
		(void)sqlite3_commit_hook(e->db, on_commit, e);
	save_guard(e, true);
	return RC_OK;
}

const char *
engine_ddl(void)
{
	return
	    "CREATE TABLE sync_meta(name TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;\n"
	    "CREATE TABLE sync_stream(sid INTEGER PRIMARY KEY, origin BLOB NOT NULL, unit TEXT NOT NULL,"
	    " reach INTEGER NOT NULL, UNIQUE(origin, unit, reach)) STRICT;\n"
	    "CREATE TABLE sync_log(v INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;\n"
	    "CREATE TABLE sync_seal(v INTEGER PRIMARY KEY, hash BLOB NOT NULL, signature BLOB NOT NULL) STRICT;\n"
	    "CREATE TABLE sync_row(tbl INTEGER NOT NULL, key BLOB NOT NULL, heads BLOB NOT NULL,"
	    " flags INTEGER NOT NULL, PRIMARY KEY(tbl, key)) STRICT, WITHOUT ROWID;\n"
	    "CREATE TABLE sync_frontier(t INTEGER NOT NULL, s INTEGER NOT NULL, seq INTEGER NOT NULL,"
	    " PRIMARY KEY(t, s)) STRICT, WITHOUT ROWID;\n"
	    "CREATE TABLE sync_control(v INTEGER PRIMARY KEY) STRICT;\n"
	    "CREATE TABLE sync_quarantine(v INTEGER PRIMARY KEY, reason TEXT NOT NULL, verdict INTEGER NOT NULL)"
	    " STRICT;\n";
}
