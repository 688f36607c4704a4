/* Writers that are no saves: programs without the engine, and statements outside a save. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "office.h"

/* A node whose database another connection can open: a file that both share. */
struct shared {
	struct office o;
	struct sqlite3 *other;
	char path[64];
};

static int
setup(void **state)
{
	struct shared *x = calloc(1, sizeof(*x));
	struct sqlite3 *copy, *file;
	sqlite3_backup *backup;

	office_init(&x->o);
	(void)office_item(&x->o, 0, OFFICE_A, "tea");
	(void)snprintf(
	    x->path, sizeof(x->path), "file:capture%p?mode=memory&cache=shared", (void *)x);
	assert_int_equal(sqlite3_open_v2(x->path, &file,
			     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI, NULL),
	    SQLITE_OK);
	copy = x->o.nodes[0].db;
	assert_non_null(backup = sqlite3_backup_init(file, "main", copy, "main"));
	assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
	assert_int_equal(sqlite3_backup_finish(backup), SQLITE_OK);
	office_restore(&x->o, 0, file);
	assert_int_equal(
	    sqlite3_open_v2(x->path, &x->other, SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI, NULL),
	    SQLITE_OK);
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct shared *x = *state;

	assert_int_equal(sqlite3_close(x->other), SQLITE_OK);
	office_fini(&x->o);
	free(x);
	return 0;
}

/* A foreign program reads as it likes, and writes nothing. */
static void
test_foreign_writer(void **state)
{
	static const char *const writes[] = {
		"INSERT INTO item(id, name, _v) VALUES(zeroblob(16), 'bad', 1)",
		"UPDATE item SET name = 'bad'",
		"UPDATE item SET name = 'bad', _v = 1",
		"DELETE FROM item",
		"INSERT INTO item(id, name, _v) SELECT zeroblob(16), name, _v FROM item",
	};
	struct shared *x = *state;
	sqlite3_stmt *stmt;

	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++)
		if (sqlite3_exec(x->other, writes[i], NULL, NULL, NULL) == SQLITE_OK)
			fail_msg("went through: %s", writes[i]);
	assert_int_equal(sqlite3_prepare_v2(x->other,
			     "SELECT name FROM item WHERE unit = '" OFFICE_A "'", -1, &stmt, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "tea");
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
}

/* On the engine's own connection, a change outside a save does not become durable. */
static void
test_stray_write(void **state)
{
	static const char *const writes[] = {
		"UPDATE item SET name = 'bad'",
		"DELETE FROM item",
		"INSERT INTO item(id, name, _v) VALUES(zeroblob(16), 'bad', 1)",
		"BEGIN; UPDATE item SET name = 'bad'; COMMIT",
	};
	struct shared *x = *state;

	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		assert_int_equal(sqlite3_exec(x->o.nodes[0].db, writes[i], NULL, NULL, NULL) & 0xFF,
		    SQLITE_CONSTRAINT);
		if (!sqlite3_get_autocommit(x->o.nodes[0].db))
			assert_int_equal(
			    sqlite3_exec(x->o.nodes[0].db, "ROLLBACK", NULL, NULL, NULL),
			    SQLITE_OK);
	}
	assert_int_equal(
	    office_number(&x->o, 0, "SELECT count(*) FROM item WHERE name = 'tea'"), 1);
	assert_int_equal(office_number(&x->o, 0, "SELECT count(*) FROM item"), 1);
}

/* A stray change that its own transaction took back is no reason to refuse the next save. */
static void
test_stray_write_taken_back(void **state)
{
	struct shared *x = *state;
	struct save_key key;

	assert_int_equal(sqlite3_exec(x->o.nodes[0].db,
			     "BEGIN; UPDATE item SET name = 'bad'; ROLLBACK", NULL, NULL, NULL),
	    SQLITE_OK);
	key = office_item(&x->o, 0, OFFICE_A, "good");
	assert_string_equal(office_cell(&x->o, 0, "item", &key, "name"), "good");
}

/* What the statements of a save call is of no use to anybody else, inside a save either. */
static void
test_functions_elsewhere(void **state)
{
	static const char *const writes[] = {
		"UPDATE item SET name = sync_cell(0, name), _v = sync_v() WHERE sync_take(id, _v, name)",
		"UPDATE item SET name = 'bad', _v = sync_v()",
		"SELECT sync_take(id, _v) FROM item",
		"SELECT sync_cell(1000000, 1)",
	};
	struct shared *x = *state;
	struct save_cell cell = office_text("name", "coffee");
	struct save_key key = office_item(&x->o, 0, OFFICE_A, "cake");
	struct save *s = office_begin(&x->o, 0, "an");

	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++)
		if (sqlite3_exec(x->o.nodes[0].db, writes[i], NULL, NULL, NULL) == SQLITE_OK)
			fail_msg("went through: %s", writes[i]);
	assert_int_equal(
	    save_row(s, span_str("item"), office_span(&key), &cell, 1, NULL, &x->o.diag), RC_OK);
	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++)
		if (sqlite3_exec(x->o.nodes[0].db, writes[i], NULL, NULL, NULL) == SQLITE_OK)
			fail_msg("went through: %s", writes[i]);
	assert_int_equal(save_commit(s, &x->o.result, &x->o.diag), RC_OK);
	assert_int_equal(
	    office_number(&x->o, 0, "SELECT count(*) FROM item WHERE name = 'tea'"), 1);
	assert_string_equal(office_cell(&x->o, 0, "item", &key, "name"), "coffee");
	engine_sanity(x->o.nodes[0].engine);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_foreign_writer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stray_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stray_write_taken_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_functions_elsewhere, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
