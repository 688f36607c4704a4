#include "schema_db.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "node/csv.h"
#include "schema/criteria.h"
#include "schema/schema.h"
#include "sync/statements.h"

#define FILE_BYTES_MAX ((size_t)4 << 20)

/* The engine's own function; here everybody may write. */
static void
on_sync_check(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	(void)argc;
	(void)argv;
	sqlite3_result_int(ctx, 1);
}

void
schema_db_exec(struct sqlite3 *db, const char *sql)
{
	char *why = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", why, sql);
}

struct sqlite3 *
schema_db_open(void)
{
	const struct catalogue *c = schema_catalogue();
	struct sqlite3 *db;
	struct bytes ddl;

	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_int_equal(sqlite3_create_function(db, "sync_check", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
	    on_sync_check, NULL, NULL), SQLITE_OK);
	bytes_init(&ddl);
	for (size_t i = 0; i < c->tables_count; i++)
		catalogue_ddl(c->tables[i], &ddl);
	for (size_t i = 0; c->ddl_extra != NULL && c->ddl_extra[i] != NULL; i++)
		bytes_fmt(&ddl, "%s;\n", c->ddl_extra[i]);
	assert_non_null(bytes_cstr(&ddl));
	schema_db_exec(db, (const char *)ddl.p);
	bytes_free(&ddl);
	return db;
}

void
schema_db_close(struct sqlite3 *db)
{
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

long long
schema_db_int(struct sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;
	long long v;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sqlite3_errmsg(db), sql);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	v = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return v;
}

static void
file_read(const char *path, struct bytes *out)
{
	FILE *f = fopen(path, "rb");
	uint8_t *p;

	if (f == NULL)
		fail_msg("%s cannot be opened; run from the top of the tree", path);
	bytes_init(out);
	p = bytes_room(out, FILE_BYTES_MAX);
	assert_non_null(p);
	out->n = fread(p, 1, FILE_BYTES_MAX, f);
	assert_true(feof(f));
	fclose(f);
}

static void
row_load(sqlite3_stmt *stmt, const struct csv *c, const struct catalogue_table *t, const int *columns)
{
	for (size_t i = 0; i < c->column_count; i++) {
		struct span v = csv_field(c, i);
		int at = (int)i + 1;

		if (i == 0 || v.n == 0 || t->columns[columns[i]].type != COLUMN_INTEGER) {
			if (v.n != 0)
				sqlite3_bind_text(stmt, at, (const char *)v.p, (int)v.n, SQLITE_TRANSIENT);
			else
				sqlite3_bind_null(stmt, at);
			continue;
		}
		char number[32];
		long long n = 0;

		snprintf(number, sizeof(number), "%.*s", (int)v.n, (const char *)v.p);
		assert_int_equal(sscanf(number, "%lld", &n), 1);
		sqlite3_bind_int64(stmt, at, n);
	}
	assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	sqlite3_reset(stmt);
}

void
schema_db_load(struct sqlite3 *db, const char *path, const char *table)
{
	const struct catalogue_table *t = catalogue_table_find(schema_catalogue(), span_str(table));
	int columns[CSV_FIELDS_MAX];
	struct bytes file, sql;
	struct csv c;
	struct diag d;
	sqlite3_stmt *stmt;
	bool is_row;

	assert_non_null(t);
	diag_init(&d);
	file_read(path, &file);
	assert_int_equal(csv_init(&c, span_bytes(&file), path, &d), RC_OK);
	assert_int_equal(csv_header(&c, NULL, 0, &d), RC_OK);
	bytes_init(&sql);
	bytes_fmt(&sql, "INSERT INTO \"%s\" VALUES (", table);
	assert_true(span_eq(csv_title(&c, 0), span_str(t->key_column)));
	assert_int_equal(c.column_count, t->columns_count + 1);
	for (size_t i = 0; i < c.column_count; i++) {
		columns[i] = i == 0 ? -1 : catalogue_column_find(t, csv_title(&c, i));
		assert_int_equal(columns[i], (int)i - 1);
		bytes_str(&sql, "?,");
	}
	bytes_str(&sql, "1)");
	assert_int_equal(sqlite3_prepare_v2(db, bytes_cstr(&sql), -1, &stmt, NULL), SQLITE_OK);
	while (csv_next(&c, &is_row, &d) == RC_OK && is_row)
		row_load(stmt, &c, t, columns);
	assert_string_equal(d.text, "");
	sqlite3_finalize(stmt);
	csv_fini(&c);
	bytes_free(&sql);
	bytes_free(&file);
}

void
schema_db_load_criteria(struct sqlite3 *db)
{
	size_t count;
	const struct criteria_file *f = criteria_files(&count);
	char path[256];

	schema_db_exec(db, "BEGIN");
	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "schema/%s", f[i].name);
		schema_db_load(db, path, f[i].table);
	}
	schema_db_exec(db, "COMMIT");
}

enum rc
schema_db_check(struct sqlite3 *db, const char *table, const char *key, bool is_insert, struct diag *d)
{
	const struct catalogue_table *t = catalogue_table_find(schema_catalogue(), span_str(table));
	struct statements rules;
	enum rc rc;

	assert_non_null(t);
	assert_non_null(t->save_check);
	diag_init(d);
	statements_init(&rules, db);
	rc = t->save_check(&rules, span_str(key), is_insert, d);
	statements_fini(&rules);
	return rc;
}
