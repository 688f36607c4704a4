/* Statements prepared once. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sync/statements.h"

static size_t
statements(struct sqlite3 *db)
{
	struct sqlite3_stmt *stmt = NULL;
	size_t n = 0;

	while ((stmt = sqlite3_next_stmt(db, stmt)) != NULL)
		n++;
	return n;
}

static void
test_once(void **state)
{
	static const char *const sql[] = { "SELECT 1, ?1", "SELECT 2", "SELECT 3", "SELECT 4",
		"SELECT 5", "SELECT 6", "SELECT 7", "SELECT 8", "SELECT 9", "SELECT 10" };
	struct sqlite3 *db;
	struct sqlite3_stmt *stmt, *first;
	struct statements r;
	struct diag d;

	(void)state;
	diag_init(&d);
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	statements_init(&r, db);
	assert_int_equal(statements_get(&r, sql[0], &first, &d), RC_OK);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < 10; i++) {
			assert_int_equal(statements_get(&r, sql[i], &stmt, &d), RC_OK);
			if (i == 0)
				assert_int_equal(sqlite3_bind_int(stmt, 1, 7), SQLITE_OK);
			assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
			assert_int_equal(sqlite3_column_int(stmt, 0), i + 1);
			statements_done(stmt);
		}
	}
	assert_int_equal(statements(db), 10);
	assert_int_equal(statements_get(&r, sql[0], &stmt, &d), RC_OK);
	assert_ptr_equal(stmt, first);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_column_type(stmt, 1), SQLITE_NULL); /* nothing of before */
	statements_done(stmt);
	statements_done(NULL);
	assert_int_equal(statements_get(&r, "SELECT nothing", &stmt, &d), RC_DISK);
	assert_non_null(strstr(d.text, "nothing"));
	statements_fini(&r);
	assert_int_equal(statements(db), 0);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
