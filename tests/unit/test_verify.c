/* Verify finds every kind of change made by hand, and nothing in a replica that was left alone. */
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

enum { PROVINCE, A1, A2 };

/* A province with a bit of everything: an open conflict, a deleted row, a row of two heads, a
 * quarantined commit. */
static int
setup(void **state)
{
	struct office *o = calloc(1, sizeof(*o));
	struct save_key open, gone, wide;

	office_init(o);
	assert_int_equal(office_join(o, OFFICE_A), A1);
	assert_int_equal(office_join(o, OFFICE_A), A2);
	open = office_item(o, A1, OFFICE_A, "open");
	gone = office_item(o, A1, OFFICE_A, "gone");
	wide = office_item(o, A1, OFFICE_A, "wide");
	office_sync(o);
	office_set(o, A1, &open, office_int("score", 90));
	office_set(o, A2, &open, office_int("score", 70));
	office_set(o, A1, &wide, office_int("score", 1));
	office_set(o, A2, &wide, office_text("kind", "food"));
	assert_int_equal(office_drop(o, A1, "item", &gone), RC_OK);
	office_sync(o);
	office_reopen(o, A1, office_catalogue_lax());
	office_set(o, A1, &open, office_text("stamp", "mine"));
	office_sync(o);
	assert_int_equal(conflict_count(o->nodes[PROVINCE].engine), 1);
	assert_int_equal(conflict_quarantine_count(o->nodes[PROVINCE].engine), 1);
	*state = o;
	return 0;
}

static int
teardown(void **state)
{
	office_fini(*state);
	free(*state);
	return 0;
}

static enum rc
verify(struct office *o, size_t n, struct verify_result *r)
{
	struct sqlite3 *scratch;
	enum rc rc;

	assert_int_equal(sqlite3_open(":memory:", &scratch), SQLITE_OK);
	diag_init(&o->diag);
	rc = verify_replica(o->nodes[n].engine, scratch, r, &o->diag);
	assert_int_equal(sqlite3_close(scratch), SQLITE_OK);
	return rc;
}

static void
on_check(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	(void)n;
	(void)v;
	sqlite3_result_int(ctx, 1);
}

/* Edit the province's database as a stranger would, who knows enough to get past the guards,
 * then verify. */
static void
edit_found(struct office *o, const char *sql, const char *why)
{
	struct sqlite3 *db = office_copy(o->nodes[PROVINCE].db);
	struct verify_result r;
	char *message = NULL;

	assert_int_equal(
	    sqlite3_create_function(db, "sync_check", 1, SQLITE_UTF8, NULL, on_check, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db, "PRAGMA ignore_check_constraints = 1", NULL, NULL, NULL), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
	assert_true(sqlite3_changes(db) > 0);
	assert_int_equal(
	    sqlite3_exec(db, "PRAGMA ignore_check_constraints = 0", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(
	    sqlite3_create_function(db, "sync_check", 1, SQLITE_UTF8, NULL, NULL, NULL, NULL),
	    SQLITE_OK);
	office_restore(o, PROVINCE, db);
	if (verify(o, PROVINCE, &r) != RC_DIFFER)
		fail_msg("not found: %s: %s", sql, o->diag.text);
	if (strstr(o->diag.text, why) == NULL)
		fail_msg("'%s' does not say '%s'", o->diag.text, why);
}

static void
test_untouched(void **state)
{
	struct office *o = *state;
	struct verify_result r;

	for (size_t n = 0; n < o->count; n += 2) {
		if (verify(o, n, &r) != RC_OK)
			fail_msg("node %zu: %s", n, o->diag.text);
		assert_true(r.streams >= 3);
		assert_true(r.seals >= 3);
		assert_int_equal(r.commits, office_number(o, n, "SELECT count(*) FROM sync_log"));
		assert_true(r.rows >= 9);
	}
}

static void
test_cell(void **state)
{
	edit_found(*state, "UPDATE item SET score = 100 WHERE name = 'wide'",
	    "differs from what its log says");
}

static void
test_version(void **state)
{
	edit_found(*state, "UPDATE item SET _v = _v - 1 WHERE name = 'open'",
	    "differs from what its log says");
}

static void
test_row_deleted(void **state)
{
	edit_found(*state, "DELETE FROM item WHERE name = 'wide'", "item");
}

static void
test_row_added(void **state)
{
	edit_found(*state,
	    "INSERT INTO item(id, unit, name, _v) SELECT zeroblob(16), unit, 'new', _v FROM item "
	    "LIMIT 1",
	    "item");
}

/* An entry that is gone would bring a deleted row back, settle a conflict, or forget a head. */
static void
test_entry_removed(void **state)
{
	edit_found(*state, "DELETE FROM sync_row WHERE flags = 1", "item");
}

static void
test_conflict_removed(void **state)
{
	edit_found(
	    *state, "DELETE FROM sync_row WHERE flags = 2", "differs from what its log says");
}

static void
test_head_removed(void **state)
{
	edit_found(
	    *state, "DELETE FROM sync_row WHERE flags = 0", "differs from what its log says");
}

static void
test_seal_signature(void **state)
{
	edit_found(*state,
	    "UPDATE sync_seal SET signature = zeroblob(64) WHERE v = (SELECT min(v) FROM "
	    "sync_seal)",
	    "the seal on commit");
}

/* Of an older seal: the newest one's hash is where the chain goes on from when the engine opens. */
static void
test_seal_hash(void **state)
{
	edit_found(*state,
	    "UPDATE sync_seal SET hash = zeroblob(32) WHERE v = (SELECT min(v) FROM sync_seal)",
	    "the seal on commit");
}

static void
test_seal_removed(void **state)
{
	edit_found(*state,
	    "DELETE FROM sync_seal WHERE v IN (SELECT max(v) FROM sync_seal GROUP BY v >> 24)",
	    "stream");
}

static void
test_quarantine_lifted(void **state)
{
	edit_found(*state, "DELETE FROM sync_quarantine", "should not be");
}

static void
test_quarantine_added(void **state)
{
	edit_found(*state,
	    "INSERT INTO sync_quarantine(v, reason, verdict) SELECT v, 'x', 1 FROM sync_log "
	    "WHERE v NOT IN (SELECT v FROM sync_quarantine) ORDER BY v DESC LIMIT 1",
	    "quarantined in the replica");
}

/* Any commit altered, in any byte that is looked at: the last byte of each. */
static void
test_log_body(void **state)
{
	struct office *o = *state;
	struct sqlite3 *whole = office_copy(o->nodes[PROVINCE].db);
	char sql[256];
	long long count = office_number(o, PROVINCE, "SELECT count(*) FROM sync_log");

	for (long long i = 0; i < count; i += 3) {
		(void)snprintf(sql, sizeof(sql),
		    "UPDATE sync_log SET body = CAST(substr(body, 1, length(body) - 1) || "
		    "'#' AS BLOB) WHERE v = (SELECT v FROM sync_log WHERE v < (SELECT max(v) >> 24 "
		    "<< 24 FROM sync_log) "
		    "ORDER BY v LIMIT 1 OFFSET %lld)",
		    i % 5);
		office_restore(o, PROVINCE, office_copy(whole));
		edit_found(o, sql, "stream");
	}
	assert_int_equal(sqlite3_close(whole), SQLITE_OK);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_untouched),
		TEST(test_cell),
		TEST(test_version),
		TEST(test_row_deleted),
		TEST(test_row_added),
		TEST(test_entry_removed),
		TEST(test_conflict_removed),
		TEST(test_head_removed),
		TEST(test_seal_signature),
		TEST(test_seal_hash),
		TEST(test_seal_removed),
		TEST(test_quarantine_lifted),
		TEST(test_quarantine_added),
		TEST(test_log_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
