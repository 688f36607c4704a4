#include "node/record.h"

#include <sqlite3.h>

#include "node/cell.h"

enum rc
record_sqlite_rc(struct engine *e, int code, struct diag *d)
{
	const char *what = sqlite3_errmsg(engine_db(e));

	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return RC_OK;
	case SQLITE_NOMEM:
		return RC_NOMEM;
	case SQLITE_FULL:
		return diag_fail(d, RC_FULL, "%s", what);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return diag_fail(d, RC_BUSY, "%s", what);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return diag_fail(d, RC_CORRUPT, "%s", what);
	case SQLITE_ERROR:
	case SQLITE_MISUSE:
		return diag_fail(d, RC_BUG, "%s", what);
	default:
		return diag_fail(d, RC_DISK, "%s", what);
	}
}

enum rc
record_prepare(struct engine *e, const struct catalogue_table *t, const char *tail, sqlite3_stmt **out,
    struct diag *d)
{
	struct bytes sql;
	enum rc rc;
	size_t i;

	*out = NULL;
	bytes_init(&sql);
	bytes_fmt(&sql, "SELECT \"%s\"", t->key_column);
	for (i = 0; i < t->columns_count; i++)
		bytes_fmt(&sql, ", \"%s\"", t->columns[i].name);
	bytes_fmt(&sql, ", \"_v\" FROM \"%s\" %s", t->name, tail);
	if (bytes_cstr(&sql) == NULL)
		rc = RC_NOMEM;
	else
		rc = record_sqlite_rc(e, sqlite3_prepare_v2(engine_db(e), (char *)sql.p, -1, out, NULL), d);
	bytes_free(&sql);
	return rc;
}

enum rc
record_next(struct engine *e, const struct catalogue_table *t, sqlite3_stmt *stmt, struct record *row, bool *is_row,
    struct diag *d)
{
	int code = sqlite3_step(stmt);
	size_t i;

	*is_row = code == SQLITE_ROW;
	if (!*is_row)
		return record_sqlite_rc(e, code, d);
	row->table = t;
	row->key = value_of_column(stmt, 0).s;
	for (i = 0; i < t->columns_count; i++)
		row->values[i] = value_of_column(stmt, (int)i + 1);
	row->version = (uint64_t)sqlite3_column_int64(stmt, (int)t->columns_count + 1);
	row->unit = cell_version_unit(e, (int64_t)row->version);
	return RC_OK;
}

enum rc
record_get(struct command_env *env, const struct catalogue_table *t, struct span key, struct record *row,
    struct diag *d)
{
	struct bytes tail, text;
	sqlite3_stmt *stmt = NULL;
	bool is_row = false;
	enum rc rc;
	size_t i;

	bytes_init(&tail);
	bytes_fmt(&tail, "WHERE \"%s\" = ?1", t->key_column);
	rc = bytes_cstr(&tail) == NULL ? RC_NOMEM : record_prepare(env->engine, t, (char *)tail.p, &stmt, d);
	bytes_free(&tail);
	if (rc == RC_OK)
		rc = record_sqlite_rc(env->engine,
		    value_bind(stmt, 1, t->has_text_key ? value_text(key) : value_blob(key)), d);
	if (rc == RC_OK)
		rc = record_next(env->engine, t, stmt, row, &is_row, d);
	if (rc == RC_OK && !is_row) {
		bytes_init(&text);
		cell_key_text(t, key, &text);
		rc = diag_fail(d, RC_NOTFOUND, command_message(env, MSG_ROW_NOT_FOUND), t->name, bytes_cstr(&text));
		bytes_free(&text);
	}
	if (rc == RC_OK) {
		row->key = arena_copy(&env->arena, key);
		for (i = 0; i < t->columns_count; i++) {
			if (row->values[i].type == VALUE_TEXT || row->values[i].type == VALUE_BLOB)
				row->values[i].s = arena_copy(&env->arena, row->values[i].s);
		}
		rc = env->arena.failed ? RC_NOMEM : RC_OK;
	}
	sqlite3_finalize(stmt);
	return rc;
}

void
record_json_members(struct engine *e, const struct record *row, struct json_write *w)
{
	const struct catalogue_table *t = row->table;
	size_t i;

	json_write_key(w, "table");
	json_write_cstr(w, t->name);
	cell_json_key("key", t, row->key, w);
	cell_json_unit("unit", e, row->unit, w);
	json_write_key(w, "set");
	json_write_object(w);
	for (i = 0; i < t->columns_count; i++) {
		json_write_key(w, t->columns[i].name);
		cell_json(e, &t->columns[i], row->values[i], w);
	}
	json_write_object_end(w);
}

void
record_json(struct engine *e, const struct record *row, struct json_write *w)
{
	json_write_object(w);
	record_json_members(e, row, w);
	json_write_object_end(w);
}
