/* The SQL made from a catalogue, and the check of a catalogue itself. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "office.h"
#include "schema/schema.h"

/* A catalogue that a test may spoil. */
struct spoilt {
	struct catalogue_column columns[3];
	struct catalogue_table table, units;
	struct catalogue_column unit_columns[2];
	const struct catalogue_table *tables[2];
	struct catalogue catalogue;
};

static void
spoilt_init(struct spoilt *s)
{
	memset(s, 0, sizeof(*s));
	s->columns[0] = (struct catalogue_column){
		.number = 1, .name = "unit", .type = COLUMN_UNIT, .policy = POLICY_APPEND
	};
	s->columns[1] = (struct catalogue_column){
		.number = 2, .name = "text", .type = COLUMN_TEXT, .policy = POLICY_REVIEW
	};
	s->columns[2] = (struct catalogue_column){
		.number = 3, .name = "n", .type = COLUMN_INTEGER, .policy = POLICY_COUNTER
	};
	s->unit_columns[0] = (struct catalogue_column){
		.number = 1, .name = "parent", .type = COLUMN_UNIT, .policy = POLICY_REVIEW
	};
	s->unit_columns[1] = (struct catalogue_column){
		.number = 2, .name = "level", .type = COLUMN_TEXT, .policy = POLICY_REVIEW
	};
	s->table = (struct catalogue_table){ .number = 2,
		.name = "thing",
		.key_column = "id",
		.scope = SCOPE_COLUMN,
		.scope_column = "unit",
		.columns = s->columns,
		.columns_count = 3 };
	s->units = (struct catalogue_table){ .number = 1,
		.name = "unit",
		.key_column = "id",
		.has_text_key = true,
		.scope = SCOPE_ROOT,
		.reach = REACH_DOWN,
		.columns = s->unit_columns,
		.columns_count = 2 };
	s->tables[0] = &s->units;
	s->tables[1] = &s->table;
	s->catalogue = (struct catalogue){ .version = 1,
		.tables = s->tables,
		.tables_count = 2,
		.unit_table = "unit",
		.unit_parent_column = "parent",
		.unit_level_column = "level" };
}

static void
spoilt_refused(const struct spoilt *s, const char *why)
{
	struct diag d;

	diag_init(&d);
	assert_int_equal(catalogue_sanity(&s->catalogue, &d), RC_BUG);
	if (strstr(d.text, why) == NULL)
		fail_msg("'%s' does not say '%s'", d.text, why);
}

static void
test_ddl(void **state)
{
	struct spoilt s;
	struct bytes sql;

	(void)state;
	spoilt_init(&s);
	bytes_init(&sql);
	catalogue_ddl(&s.table, &sql);
	assert_non_null(bytes_cstr(&sql));
	assert_string_equal((char *)sql.p,
	    "CREATE TABLE \"thing\"(\n  \"id\" BLOB NOT NULL PRIMARY KEY,\n"
	    "  \"unit\" TEXT,\n  \"text\" TEXT,\n  \"n\" INTEGER,\n  _v INTEGER NOT NULL,\n"
	    "  CHECK(sync_check(_v) OR (\"unit\" IS NULL AND \"text\" IS NULL AND \"n\" IS NULL "
	    "AND _v IS NULL))\n"
	    ") STRICT, WITHOUT ROWID;\n"
	    "CREATE TRIGGER \"thing_guard\" BEFORE DELETE ON \"thing\" BEGIN "
	    "SELECT RAISE(ABORT, 'rows are deleted through the program only') "
	    "WHERE NOT sync_check(NULL); END;\n");
	bytes_free(&sql);
}

static void
on_check(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	(void)n;
	(void)v;
	sqlite3_result_int(ctx, 1);
}

/* A foreign writer is refused on every column of every table of the programme. */
static void
test_every_column_is_guarded(void **state)
{
	const struct catalogue *c = schema_catalogue();
	struct sqlite3 *db;
	struct bytes sql;

	(void)state;
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	/* Known while the tables are made, unknown afterwards. */
	assert_int_equal(
	    sqlite3_create_function(db, "sync_check", 1, SQLITE_UTF8, NULL, on_check, NULL, NULL),
	    SQLITE_OK);
	bytes_init(&sql);
	for (size_t i = 0; i < c->tables_count; i++)
		catalogue_ddl(c->tables[i], &sql);
	assert_int_equal(sqlite3_exec(db, bytes_cstr(&sql), NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(
	    sqlite3_create_function(db, "sync_check", 1, SQLITE_UTF8, NULL, NULL, NULL, NULL),
	    SQLITE_OK);
	for (size_t i = 0; i < c->tables_count; i++)
		for (size_t j = 0; j < c->tables[i]->columns_count; j++) {
			sqlite3_stmt *stmt;

			bytes_clear(&sql);
			bytes_fmt(&sql, "UPDATE \"%s\" SET \"%s\" = NULL", c->tables[i]->name,
			    c->tables[i]->columns[j].name);
			assert_int_equal(sqlite3_prepare_v2(db, bytes_cstr(&sql), -1, &stmt, NULL),
			    SQLITE_ERROR);
			assert_non_null(strstr(sqlite3_errmsg(db), "sync_check"));
		}
	bytes_free(&sql);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
test_sound(void **state)
{
	struct spoilt s;
	struct diag d;

	(void)state;
	spoilt_init(&s);
	diag_init(&d);
	assert_int_equal(catalogue_sanity(&s.catalogue, &d), RC_OK);
	assert_int_equal(catalogue_sanity(office_catalogue(), &d), RC_OK);
	assert_int_equal(catalogue_sanity(office_catalogue_lax(), &d), RC_OK);
}

static void
test_names(void **state)
{
	static const char *const bad[] = { "", "Name", "1a", "a b", "a\"b", "a;b", "_v",
		"a123456789012345678901234567890123456789012345678" };
	static const char *const good[] = { "a", "a_1",
		"a12345678901234567890123456789012345678901234567" };
	struct spoilt s;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(catalogue_ident_ok(bad[i]));
		spoilt_init(&s);
		s.columns[1].name = bad[i];
		spoilt_refused(&s, "bad name or number");
		spoilt_init(&s);
		s.table.name = bad[i];
		spoilt_refused(&s, "bad name or number");
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(catalogue_ident_ok(good[i]));
}

static void
test_columns(void **state)
{
	struct spoilt s;

	(void)state;
	spoilt_init(&s);
	s.columns[1].number = 1;
	spoilt_refused(&s, "thing.text stands twice");
	spoilt_init(&s);
	s.columns[1].number = 256;
	spoilt_refused(&s, "bad name or number");
	spoilt_init(&s);
	s.columns[1].name = "id";
	spoilt_refused(&s, "thing.id is the key");
	spoilt_init(&s);
	s.columns[1].policy = 0;
	spoilt_refused(&s, "no policy or type");
	spoilt_init(&s);
	s.columns[1].policy = POLICY_COUNTER;
	spoilt_refused(&s, "a counter is an INTEGER");
	spoilt_init(&s);
	s.columns[1].policy = POLICY_OWNER;
	spoilt_refused(&s, "names no owner");
	spoilt_init(&s);
	s.columns[1].ref = "nothing";
	spoilt_refused(&s, "refers to no table");
	spoilt_init(&s);
	s.table.is_insert_only = true;
	spoilt_refused(&s, "insert-only");
}

static void
test_tables(void **state)
{
	static const char *const unique[] = { "nothing", NULL };
	struct spoilt s;

	(void)state;
	spoilt_init(&s);
	s.table.number = 1;
	spoilt_refused(&s, "table thing stands twice");
	spoilt_init(&s);
	s.table.scope_column = "text";
	spoilt_refused(&s, "bad scope");
	spoilt_init(&s);
	s.table.scope = SCOPE_PARENT;
	spoilt_refused(&s, "bad scope");
	spoilt_init(&s);
	s.table.owner = OWNER_AUTHOR;
	spoilt_refused(&s, "bad owner column");
	spoilt_init(&s);
	s.table.unique = unique;
	spoilt_refused(&s, "unique names no column");
	spoilt_init(&s);
	s.table.columns_count = 0;
	spoilt_refused(&s, "0 columns");
	spoilt_init(&s);
	s.catalogue.unit_table = "thing";
	spoilt_refused(&s, "the unit table is not as declared");
	spoilt_init(&s);
	s.catalogue.unit_level_column = "nothing";
	spoilt_refused(&s, "the unit table is not as declared");
	spoilt_init(&s);
	s.catalogue.tables_count = 0;
	spoilt_refused(&s, "0 tables");
}

static void
test_find(void **state)
{
	const struct catalogue *c = office_catalogue();
	const struct catalogue_table *t = catalogue_table_find(c, span_str("item"));

	(void)state;
	assert_non_null(t);
	assert_ptr_equal(catalogue_table_numbered(c, OFFICE_ITEM), t);
	assert_null(catalogue_table_find(c, span_str("ite")));
	assert_null(catalogue_table_numbered(c, 77));
	assert_int_equal(catalogue_column_find(t, span_str("name")), 0);
	assert_int_equal(catalogue_column_numbered(t, ITEM_UNIT), 1);
	assert_int_equal(catalogue_column_find(t, span_str("nam")), -1);
	assert_int_equal(catalogue_column_numbered(t, 77), -1);
	assert_int_equal(catalogue_level(span_str("district")), LEVEL_DISTRICT);
	assert_int_equal(catalogue_level(span_str("")), LEVEL_NONE);
	assert_string_equal(catalogue_level_name(LEVEL_PROVINCE), "province");
	assert_string_equal(catalogue_level_name((enum level)77), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ddl),
		cmocka_unit_test(test_every_column_is_guarded),
		cmocka_unit_test(test_sound),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
