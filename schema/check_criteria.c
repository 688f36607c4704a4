#include <sqlite3.h>

#include "check.h"
#include "check_row.h"

static const char SQL_CRITERION[] =
    "SELECT s.status = 'published', s.set_id FROM criterion c JOIN criteria_set s ON s.set_id = c.criteria_set"
    " WHERE c.criterion_id = ?1";
static const char SQL_OPTION[] =
    "SELECT s.status = 'published', s.set_id FROM criterion_option o"
    " JOIN criterion c ON c.criterion_id = o.criterion JOIN criteria_set s ON s.set_id = c.criteria_set"
    " WHERE o.option_id = ?1";

/* Scores were given by the words that stood there: a change is a new set under a new version. */
static enum rc
published_check(struct sqlite3 *db, const char *sql, struct span key, bool is_insert, struct diag *d)
{
	struct sqlite3_stmt *stmt;
	enum rc rc;

	if (is_insert)
		return RC_OK;
	rc = check_row_read(db, sql, key, CHECK_KEY_TEXT, &stmt, d);
	if (rc == RC_OK && stmt != NULL && sqlite3_column_int(stmt, 0) != 0)
		rc = diag_fail(d, RC_CONFLICT, "%.*s: the criteria set %s is published and does not change; save "
		    "a set of a new version, or set its status to draft first", (int)key.n,
		    (const char *)key.p, (const char *)sqlite3_column_text(stmt, 1));
	sqlite3_finalize(stmt);
	return rc;
}

enum rc
check_criteria_criterion(struct sqlite3 *db, struct span key, bool is_insert, struct diag *d)
{
	return published_check(db, SQL_CRITERION, key, is_insert, d);
}

enum rc
check_criteria_option(struct sqlite3 *db, struct span key, bool is_insert, struct diag *d)
{
	return published_check(db, SQL_OPTION, key, is_insert, d);
}
