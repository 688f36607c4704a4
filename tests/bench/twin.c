#include "twin.h"

#include "figure.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *
type_name(enum column_type type)
{
	return type == COLUMN_INTEGER                   ? "INTEGER"
	    : type == COLUMN_BLOB || type == COLUMN_KEY ? "BLOB"
							: "TEXT";
}

/* As catalogue_ddl() makes it, less `_v` and the guards. */
static void
table_create(struct twin *t, const struct catalogue_table *table)
{
	struct bytes sql;
	size_t i;

	bytes_init(&sql);
	bytes_fmt(&sql, "CREATE TABLE \"%s\"(\"%s\" %s NOT NULL PRIMARY KEY", table->name,
	    table->key_column, table->has_text_key ? "TEXT" : "BLOB");
	for (i = 0; i < table->columns_count; i++)
		bytes_fmt(
		    &sql, ", \"%s\" %s", table->columns[i].name, type_name(table->columns[i].type));
	bytes_str(&sql, ") STRICT, WITHOUT ROWID");
	figure_check(bytes_cstr(&sql) != NULL, "no memory");
	scene_exec(t->db, (const char *)sql.p);
	bytes_free(&sql);
}

/* What shall be unique by the catalogue, ours looks up at each save; the twin has a UNIQUE index. */
static void
index_create(struct twin *t, const char *sql)
{
	static const char plain[] = "CREATE INDEX ";
	const struct catalogue_table *table;
	struct bytes tail, unique;
	size_t i, j;

	bytes_init(&tail);
	bytes_init(&unique);
	for (i = 0; i < t->catalogue->tables_count; i++) {
		table = t->catalogue->tables[i];
		if (table->unique == NULL)
			continue;
		bytes_clear(&tail);
		bytes_fmt(&tail, " ON %s(", table->name);
		for (j = 0; table->unique[j] != NULL; j++)
			bytes_fmt(&tail, "%s%s", j == 0 ? "" : ", ", table->unique[j]);
		bytes_str(&tail, ")");
		figure_check(bytes_cstr(&tail) != NULL, "no memory");
		if (strncmp(sql, plain, strlen(plain)) != 0 ||
		    strstr(sql, (const char *)tail.p) == NULL)
			continue;
		bytes_fmt(&unique, "CREATE UNIQUE INDEX %s", sql + strlen(plain));
		figure_check(bytes_cstr(&unique) != NULL, "no memory");
		sql = (const char *)unique.p;
	}
	scene_exec(t->db, sql);
	bytes_free(&tail);
	bytes_free(&unique);
}

static sqlite3_stmt *
prepare(struct twin *t, const char *sql)
{
	sqlite3_stmt *stmt;

	if (sqlite3_prepare_v3(t->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK)
		figure_fail("%s: %s", sql, sqlite3_errmsg(t->db));
	return stmt;
}

void
twin_init(struct twin *t, struct scene *s, const char *name)
{
	size_t i;

	memset(t, 0, sizeof(*t));
	t->catalogue = s->catalogue;
	scene_path(s, name, t->path);
	t->db = scene_open(s, t->path);
	for (i = 0; i < s->catalogue->tables_count; i++)
		table_create(t, s->catalogue->tables[i]);
	for (i = 0; s->catalogue->ddl_extra[i] != NULL; i++)
		index_create(t, s->catalogue->ddl_extra[i]);
	t->begin = prepare(t, "BEGIN IMMEDIATE");
	t->commit = prepare(t, "COMMIT");
}

void
twin_fini(struct twin *t)
{
	char name[520];

	while (t->count > 0)
		(void)sqlite3_finalize(t->statements[--t->count].stmt);
	(void)sqlite3_finalize(t->begin);
	(void)sqlite3_finalize(t->commit);
	figure_check(sqlite3_close(t->db) == SQLITE_OK, "the twin cannot be closed");
	(void)unlink(t->path);
	(void)snprintf(name, sizeof(name), "%s-wal", t->path);
	(void)unlink(name);
}

static void
step(struct twin *t, sqlite3_stmt *stmt)
{
	if (sqlite3_step(stmt) != SQLITE_DONE)
		figure_fail("the twin: %s", sqlite3_errmsg(t->db));
	(void)sqlite3_reset(stmt);
}

void
twin_begin(struct twin *t)
{
	step(t, t->begin);
}

void
twin_commit(struct twin *t)
{
	step(t, t->commit);
}

/* ---- statements: ?1 is the key, ?2 … the columns of the catalogue in order */

static sqlite3_stmt *
statement_make(
    struct twin *t, const struct catalogue_table *table, uint64_t columns, bool is_insert)
{
	sqlite3_stmt *stmt;
	struct bytes sql;
	bool is_first = true;
	size_t i;

	bytes_init(&sql);
	bytes_fmt(
	    &sql, is_insert ? "INSERT INTO \"%s\" VALUES(?1" : "UPDATE \"%s\" SET ", table->name);
	for (i = 0; i < table->columns_count; i++) {
		if (is_insert) {
			bytes_fmt(&sql, ",?%zu", i + 2);
		} else if ((columns >> i & 1) != 0) {
			bytes_fmt(&sql, "%s\"%s\"=?%zu", is_first ? "" : ",",
			    table->columns[i].name, i + 2);
			is_first = false;
		}
	}
	if (is_insert)
		bytes_str(&sql, ")");
	else
		bytes_fmt(&sql, " WHERE \"%s\"=?1", table->key_column);
	figure_check(bytes_cstr(&sql) != NULL, "no memory");
	stmt = prepare(t, (const char *)sql.p);
	bytes_free(&sql);
	return stmt;
}

static sqlite3_stmt *
statement_of(struct twin *t, const struct catalogue_table *table, uint64_t columns, bool is_insert)
{
	size_t i;

	for (i = 0; i < t->count; i++)
		if (t->statements[i].table == table->name &&
		    t->statements[i].is_insert == is_insert &&
		    (is_insert || t->statements[i].columns == columns))
			return t->statements[i].stmt;
	figure_check(t->count < TWIN_STATEMENTS_MAX, "the twin has too many statements");
	t->statements[t->count++] = (struct twin_statement){ table->name, columns, is_insert,
		statement_make(t, table, columns, is_insert) };
	return t->statements[t->count - 1].stmt;
}

void
twin_write_make(struct twin *t, const struct rows_row *row, const struct save_key *key,
    bool is_insert, struct twin_write *w)
{
	const struct catalogue_table *table =
	    catalogue_table_find(t->catalogue, span_str(row->table));
	size_t i;

	w->columns = 0;
	w->columns_count = table->columns_count;
	w->key = *key;
	for (i = 0; i < table->columns_count; i++)
		w->values[i] = value_null();
	for (i = 0; i < row->count; i++) {
		int at = catalogue_column_find(table, row->cells[i].column);

		w->values[at] = row->cells[i].value;
		w->columns |= UINT64_C(1) << at;
	}
	if (is_insert)
		w->columns = UINT64_MAX;
	w->stmt = statement_of(t, table, w->columns, is_insert);
}

void
twin_write_run(struct twin *t, const struct twin_write *w)
{
	int code = value_bind(w->stmt, 1, value_blob(span_of(w->key.b, w->key.n)));
	size_t i;

	for (i = 0; i < w->columns_count && code == SQLITE_OK; i++)
		if ((w->columns >> i & 1) != 0)
			code = value_bind(w->stmt, (int)i + 2, w->values[i]);
	figure_check(code == SQLITE_OK, "the twin cannot bind");
	step(t, w->stmt);
}

void
twin_save(struct twin *t, const struct twin_write *writes, size_t count)
{
	size_t i;

	twin_begin(t);
	for (i = 0; i < count; i++)
		twin_write_run(t, &writes[i]);
	twin_commit(t);
}

/* ---- are they the same? */

void
twin_compare(struct twin *t, struct sqlite3 *ours, const char *table)
{
	const struct catalogue_table *c = catalogue_table_find(t->catalogue, span_str(table));
	sqlite3_stmt *a, *b;
	struct bytes sql;
	int code_a, code_b, i;

	bytes_init(&sql);
	bytes_fmt(&sql, "SELECT \"%s\"", c->key_column);
	for (i = 0; i < (int)c->columns_count; i++)
		bytes_fmt(&sql, ",\"%s\"", c->columns[i].name);
	bytes_fmt(&sql, " FROM \"%s\" ORDER BY 1", table);
	figure_check(bytes_cstr(&sql) != NULL, "no memory");
	if (sqlite3_prepare_v2(ours, (const char *)sql.p, -1, &a, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(t->db, (const char *)sql.p, -1, &b, NULL) != SQLITE_OK)
		figure_fail("%s: %s", (const char *)sql.p, sqlite3_errmsg(ours));
	do {
		code_a = sqlite3_step(a);
		code_b = sqlite3_step(b);
		for (i = 0;
		     code_a == SQLITE_ROW && code_b == SQLITE_ROW && i <= (int)c->columns_count;
		     i++)
			if (!value_eq(value_of_column(a, i), value_of_column(b, i)))
				figure_fail("%s: the twin holds something else", table);
	} while (code_a == SQLITE_ROW && code_b == SQLITE_ROW);
	figure_check(
	    code_a == SQLITE_DONE && code_b == SQLITE_DONE, "the twin holds more or fewer rows");
	(void)sqlite3_finalize(a);
	(void)sqlite3_finalize(b);
	bytes_free(&sql);
}
