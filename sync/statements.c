#include "statements.h"

#include <sqlite3.h>

struct statement {
	const char *sql;
	struct sqlite3_stmt *stmt;
};

void
statements_init(struct statements *r, struct sqlite3 *db)
{
	*r = (struct statements){ .db = db };
}

void
statements_fini(struct statements *r)
{
	size_t i;

	for (i = 0; i < r->count; i++)
		sqlite3_finalize(r->stmts[i].stmt);
	mem_free(r->stmts);
	statements_init(r, r->db);
}

enum rc
statements_get(struct statements *r, const char *sql, struct sqlite3_stmt **out, struct diag *d)
{
	struct statement *grown;
	size_t i;
	int code;

	*out = NULL;
	for (i = 0; i < r->count; i++)
		if (r->stmts[i].sql == sql) {
			*out = r->stmts[i].stmt;
			return RC_OK;
		}
	if (r->count == r->cap) {
		if ((grown = mem_grow(r->stmts, r->cap + 8, sizeof(*grown))) == NULL)
			return diag_fail(d, RC_NOMEM, "no memory for a rule");
		r->stmts = grown;
		r->cap += 8;
	}
	code = sqlite3_prepare_v3(r->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
	if (code != SQLITE_OK)
		return diag_fail(d, code == SQLITE_NOMEM ? RC_NOMEM : RC_DISK, "a rule cannot be checked: %s",
		    sqlite3_errmsg(r->db));
	r->stmts[r->count++] = (struct statement){ sql, *out };
	return RC_OK;
}

void
statements_done(struct sqlite3_stmt *stmt)
{
	if (stmt == NULL)
		return;
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
}
