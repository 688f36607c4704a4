#include <sqlite3.h>

#include "check.h"
#include "check_row.h"
#include "sync/statements.h"
#include "rules_stars.h"

static const char SQL_RECOGNITION[] =
    "SELECT r.decided_on, r.valid_from, r.expires_on, r.stars, r.authority, g.regime_id,"
    " CASE r.stars WHEN 3 THEN g.recognise_3 WHEN 4 THEN g.recognise_4 ELSE g.recognise_5 END,"
    " r.kind IS 'imported' FROM recognition r LEFT JOIN regime g ON g.regime_id = r.regime WHERE r.id = ?1";
static const char SQL_REVOCATION[] =
    "SELECT concluded_on, decided_on, effective_from FROM revocation WHERE id = ?1";
static const char SQL_INSPECTION[] = "SELECT inspected_on FROM inspection WHERE id = ?1";

enum {
	RECOGNITION_STARS = 3, RECOGNITION_AUTHORITY, RECOGNITION_REGIME, RECOGNITION_LAWFUL, RECOGNITION_IMPORTED
};

enum rc
check_decisions_recognition(struct statements *rules, struct span key, bool is_insert, struct diag *d)
{
	static const char *const names[] = {
		"recognition.decided_on", "recognition.valid_from", "recognition.expires_on", NULL
	};
	struct sqlite3_stmt *stmt;
	int stars;
	enum rc rc = check_row_read(rules, SQL_RECOGNITION, key, CHECK_KEY_BLOB, &stmt, d);

	(void)is_insert;
	if (rc != RC_OK || stmt == NULL)
		goto out;
	if ((rc = check_row_dates(stmt, names, d)) != RC_OK ||
	    (rc = check_row_order(stmt, names, 0, 2, d)) != RC_OK ||
	    (rc = check_row_order(stmt, names, 1, 2, d)) != RC_OK)
		goto out;
	stars = sqlite3_column_int(stmt, RECOGNITION_STARS);
	if (stars < RULES_STARS_CERTIFIED || stars > 5)
		rc = diag_fail(d, RC_INPUT, "recognition.stars: %d stars are not recognised; a decision and a "
		    "certificate are for 3, 4 and 5", stars);
	else if (!check_row_is_null(stmt, RECOGNITION_AUTHORITY) && !check_row_is_null(stmt, RECOGNITION_LAWFUL) &&
	    sqlite3_column_int(stmt, RECOGNITION_IMPORTED) == 0 &&
	    !span_eq(check_row_text(stmt, RECOGNITION_AUTHORITY), check_row_text(stmt, RECOGNITION_LAWFUL)))
		rc = diag_fail(d, RC_INPUT, "recognition.authority: under %s %d stars are given at level %s, not %s",
		    (const char *)sqlite3_column_text(stmt, RECOGNITION_REGIME), stars,
		    (const char *)sqlite3_column_text(stmt, RECOGNITION_LAWFUL),
		    (const char *)sqlite3_column_text(stmt, RECOGNITION_AUTHORITY));
out:
	statements_done(stmt);
	return rc;
}

enum rc
check_decisions_revocation(struct statements *rules, struct span key, bool is_insert, struct diag *d)
{
	static const char *const names[] = {
		"revocation.concluded_on", "revocation.decided_on", "revocation.effective_from", NULL
	};

	(void)is_insert;
	return check_row_calendar(rules, SQL_REVOCATION, key, names, true, d);
}

enum rc
check_decisions_inspection(struct statements *rules, struct span key, bool is_insert, struct diag *d)
{
	static const char *const names[] = { "inspection.inspected_on", NULL };

	(void)is_insert;
	return check_row_calendar(rules, SQL_INSPECTION, key, names, false, d);
}
