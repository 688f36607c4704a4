#include <sqlite3.h>

#include "check.h"
#include "check_row.h"
#include "sync/statements.h"

static const char SQL_UNIT[] =
    "SELECT valid_from, valid_to, unit_id = code || '@' || valid_from, code || '@' || valid_from,"
    " level = 'province' OR parent IS NOT NULL, parent IS unit_id"
    " FROM unit WHERE unit_id = ?1";

enum rc
check_units_unit(struct statements *rules, struct span key, bool is_insert, struct diag *d)
{
	static const char *const names[] = { "unit.valid_from", "unit.valid_to", NULL };
	struct sqlite3_stmt *stmt;
	enum rc rc = check_row_read(rules, SQL_UNIT, key, CHECK_KEY_TEXT, &stmt, d);

	(void)is_insert;
	if (rc == RC_OK && stmt != NULL)
		rc = check_row_dates(stmt, names, d);
	if (rc == RC_OK && stmt != NULL)
		rc = check_row_order(stmt, names, 0, 1, d);
	if (rc == RC_OK && stmt != NULL && sqlite3_column_int(stmt, 2) == 0)
		rc = diag_fail(d, RC_INPUT, "unit %.*s: its code and valid_from make the key %s; save it under "
		    "that key", (int)key.n, (const char *)key.p, (const char *)sqlite3_column_text(stmt, 3));
	if (rc == RC_OK && stmt != NULL &&
	    (sqlite3_column_int(stmt, 4) == 0 || sqlite3_column_int(stmt, 5) != 0))
		rc = diag_fail(d, RC_INPUT, "unit %.*s: only a province stands alone; name the unit above it in "
		    "parent", (int)key.n, (const char *)key.p);
	statements_done(stmt);
	return rc;
}
