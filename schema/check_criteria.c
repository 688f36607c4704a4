#include <sqlite3.h>

#include "check.h"
#include "check_row.h"
#include "sync/statements.h"

static const char SQL_CRITERION[] =
    "SELECT s.status = 'published', s.set_id FROM criterion c JOIN criteria_set s ON s.set_id = c.criteria_set"
    " WHERE c.criterion_id = ?1";
static const char SQL_OPTION[] =
    "SELECT s.status = 'published', s.set_id FROM criterion_option o"
    " JOIN criterion c ON c.criterion_id = o.criterion JOIN criteria_set s ON s.set_id = c.criteria_set"
    " WHERE o.option_id = ?1";

/* Scores were given by the words that stood there: a change is a new set under a new version. */
static enum rc
published_check(struct statements *rules, const char *sql, struct span key, bool is_insert, struct diag *d)
{
	struct sqlite3_stmt *stmt;
	enum rc rc;

	if (is_insert)
		return RC_OK;
	rc = check_row_read(rules, sql, key, CHECK_KEY_TEXT, &stmt, d);
	if (rc == RC_OK && stmt != NULL && sqlite3_column_int(stmt, 0) != 0)
		rc = diag_fail(d, RC_CONFLICT, "%.*s: the criteria set %s is published and does not change; save "
		    "a set of a new version, or set its status to draft first", (int)key.n,
		    (const char *)key.p, (const char *)sqlite3_column_text(stmt, 1));
	statements_done(stmt);
	return rc;
}

enum rc
check_criteria_criterion(struct statements *rules, struct span key, bool is_insert, struct diag *d)
{
	return published_check(rules, SQL_CRITERION, key, is_insert, d);
}

enum rc
check_criteria_option(struct statements *rules, struct span key, bool is_insert, struct diag *d)
{
	return published_check(rules, SQL_OPTION, key, is_insert, d);
}
