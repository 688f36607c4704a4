#include "node/local.h"

#include <sqlite3.h>
#include <stdio.h>

#include "node/text.h"

static enum rc
local_rc(sqlite3 *db, int code, struct diag *d)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return RC_OK;
	case SQLITE_NOMEM:
		return RC_NOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return diag_fail(d, RC_BUSY, "%s", sqlite3_errmsg(db));
	case SQLITE_FULL:
		return diag_fail(d, RC_FULL, "%s", sqlite3_errmsg(db));
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return diag_fail(d, RC_CORRUPT, "%s", sqlite3_errmsg(db));
	default:
		return diag_fail(d, RC_DISK, "%s", sqlite3_errmsg(db));
	}
}

enum rc
local_create(sqlite3 *db, struct diag *d)
{
	/* name: what it is; value: text. */
	return local_rc(db, sqlite3_exec(db, "CREATE TABLE IF NOT EXISTS node_local("
	    "name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID", NULL, NULL, NULL), d);
}

enum rc
local_get(sqlite3 *db, const char *name, struct bytes *out, struct diag *d)
{
	sqlite3_stmt *stmt = NULL;
	enum rc rc;
	int code;

	code = sqlite3_prepare_v2(db, "SELECT value FROM node_local WHERE name = ?1", -1, &stmt, NULL);
	if (code == SQLITE_OK && (code = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC)) == SQLITE_OK &&
	    (code = sqlite3_step(stmt)) == SQLITE_ROW)
		bytes_put(out, sqlite3_column_text(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0));
	rc = local_rc(db, code, d);
	sqlite3_finalize(stmt);
	return rc == RC_OK ? bytes_rc(out) : rc;
}

enum rc
local_set(sqlite3 *db, const char *name, const char *value, struct diag *d)
{
	sqlite3_stmt *stmt = NULL;
	enum rc rc;
	int code;

	code = sqlite3_prepare_v2(db, "INSERT INTO node_local(name, value) VALUES (?1, ?2) "
	    "ON CONFLICT(name) DO UPDATE SET value = excluded.value WHERE value <> excluded.value", -1, &stmt, NULL);
	if (code == SQLITE_OK && (code = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC)) == SQLITE_OK &&
	    (code = sqlite3_bind_text(stmt, 2, value, -1, SQLITE_STATIC)) == SQLITE_OK)
		code = sqlite3_step(stmt);
	rc = local_rc(db, code, d);
	sqlite3_finalize(stmt);
	return rc;
}

uint64_t
local_get_ms(sqlite3 *db, const char *name)
{
	struct bytes text;
	int64_t v = 0;

	bytes_init(&text);
	if (local_get(db, name, &text, NULL) != RC_OK || !text_int64(span_bytes(&text), &v) || v < 0)
		v = 0;
	bytes_free(&text);
	return (uint64_t)v;
}
