#include <sqlite3.h>

#include "check.h"
#include "check_row.h"
#include "sync/statements.h"
#include "rules_code.h"
#include "rules_dates.h"

static const char SQL_CODE[] = "SELECT allocated_on, code, kind IS 'alias' FROM product_code WHERE id = ?1";
static const char SQL_PERIOD[] = "SELECT closed_on, period FROM period_report WHERE id = ?1";
static const char SQL_CYCLE[] =
    "SELECT step1_from, step1_to, step2_from, step2_to, step3_from, step3_to, step4_from, step4_to,"
    " step5_from, step5_to, step6_from, step6_to, step7_from, step7_to, step8_from, step8_to"
    " FROM cycle WHERE id = ?1";
static const char SQL_ROUND[] = "SELECT opens_on, dossiers_by, evaluate_before FROM round WHERE id = ?1";
static const char SQL_EVENT[] = "SELECT starts_on, ends_on FROM event WHERE id = ?1";
static const char SQL_DOSSIER[] = "SELECT submitted_on, due_on, registered_on FROM dossier WHERE id = ?1";
static const char SQL_SNAPSHOT[] =
    "SELECT s.taken_on, s.version, EXISTS (SELECT 1 FROM dossier_snapshot o WHERE o.dossier = s.dossier"
    " AND o.version = s.version AND o.id <> s.id) FROM dossier_snapshot s WHERE s.id = ?1";
static const char SQL_ASSESSMENT[] =
    "SELECT met_on, signed_on, origin IS NULL OR labour IS NULL OR idea IS NULL OR identity IS NULL"
    " FROM commune_assessment WHERE id = ?1";
static const char SQL_RECEIPT[] = "SELECT received_on, due_on FROM receipt_slip WHERE id = ?1";
static const char SQL_BATCH[] =
    "SELECT b.issued_on, b.serial_from, b.serial_to, (SELECT o.serial_from FROM stamp_batch o"
    " WHERE o.series IS b.series AND o.id <> b.id AND o.serial_from <= b.serial_to"
    " AND o.serial_to >= b.serial_from LIMIT 1) FROM stamp_batch b WHERE b.id = ?1";

enum rc
check_records_product_code(struct statements *rules, struct span key, bool is_insert, struct diag *d)
{
	static const char *const names[] = { "product_code.allocated_on", NULL };
	struct sqlite3_stmt *stmt;
	struct rules_code code;
	struct span text;
	enum rc rc = check_row_read(rules, SQL_CODE, key, CHECK_KEY_BLOB, &stmt, d);

	(void)is_insert;
	if (rc == RC_OK && stmt != NULL)
		rc = check_row_dates(stmt, names, d);
	if (rc == RC_OK && stmt != NULL) {
		text = check_row_text(stmt, 1);
		if (!rules_code_parse(text, &code) &&
		    (sqlite3_column_int(stmt, 2) == 0 || !rules_code_is_legacy(text)))
			rc = diag_fail(d, RC_INPUT, "product_code.code: \"%.*s\" is not province-commune-number-year, "
			    "as in 42-18538-7-2026 (no zeros before the number); older codes take kind=alias",
			    (int)text.n, (const char *)text.p);
	}
	statements_done(stmt);
	return rc;
}

enum rc
check_records_period_report(struct statements *rules, struct span key, bool is_insert, struct diag *d)
{
	static const char *const names[] = { "period_report.closed_on", NULL };
	struct sqlite3_stmt *stmt;
	enum rc rc = check_row_read(rules, SQL_PERIOD, key, CHECK_KEY_BLOB, &stmt, d);

	(void)is_insert;
	if (rc == RC_OK && stmt != NULL)
		rc = check_row_dates(stmt, names, d);
	if (rc == RC_OK && stmt != NULL && !rules_period_is_ok(check_row_text(stmt, 1)))
		rc = diag_fail(d, RC_INPUT, "period_report.period: \"%s\" is no period; write 2026, 2026-H1, "
		    "2026-Q3 or 2026-07", (const char *)sqlite3_column_text(stmt, 1));
	statements_done(stmt);
	return rc;
}

enum rc
check_records_cycle(struct statements *rules, struct span key, bool is_insert, struct diag *d)
{
	static const char *const names[] = {
		"cycle.step1_from", "cycle.step1_to", "cycle.step2_from", "cycle.step2_to",
		"cycle.step3_from", "cycle.step3_to", "cycle.step4_from", "cycle.step4_to",
		"cycle.step5_from", "cycle.step5_to", "cycle.step6_from", "cycle.step6_to",
		"cycle.step7_from", "cycle.step7_to", "cycle.step8_from", "cycle.step8_to", NULL
	};

	(void)is_insert;
	return check_row_calendar(rules, SQL_CYCLE, key, names, true, d);
}

enum rc
check_records_round(struct statements *rules, struct span key, bool is_insert, struct diag *d)
{
	static const char *const names[] = {
		"round.opens_on", "round.dossiers_by", "round.evaluate_before", NULL
	};

	(void)is_insert;
	return check_row_calendar(rules, SQL_ROUND, key, names, true, d);
}

enum rc
check_records_event(struct statements *rules, struct span key, bool is_insert, struct diag *d)
{
	static const char *const names[] = { "event.starts_on", "event.ends_on", NULL };

	(void)is_insert;
	return check_row_calendar(rules, SQL_EVENT, key, names, true, d);
}

enum rc
check_records_dossier(struct statements *rules, struct span key, bool is_insert, struct diag *d)
{
	static const char *const names[] = {
		"dossier.submitted_on", "dossier.due_on", "dossier.registered_on", NULL
	};

	(void)is_insert;
	return check_row_calendar(rules, SQL_DOSSIER, key, names, true, d);
}

enum rc
check_records_snapshot(struct statements *rules, struct span key, bool is_insert, struct diag *d)
{
	static const char *const names[] = { "dossier_snapshot.taken_on", NULL };
	struct sqlite3_stmt *stmt;
	enum rc rc = check_row_read(rules, SQL_SNAPSHOT, key, CHECK_KEY_BLOB, &stmt, d);

	(void)is_insert;
	if (rc == RC_OK && stmt != NULL)
		rc = check_row_dates(stmt, names, d);
	if (rc == RC_OK && stmt != NULL && sqlite3_column_int(stmt, 2) != 0)
		rc = diag_fail(d, RC_CONFLICT, "dossier_snapshot.version: version %d of this dossier is frozen "
		    "already; what was changed since is version %d", sqlite3_column_int(stmt, 1),
		    sqlite3_column_int(stmt, 1) + 1);
	statements_done(stmt);
	return rc;
}

enum rc
check_records_assessment(struct statements *rules, struct span key, bool is_insert, struct diag *d)
{
	static const char *const names[] = { "commune_assessment.met_on", "commune_assessment.signed_on", NULL };
	struct sqlite3_stmt *stmt;
	enum rc rc = check_row_read(rules, SQL_ASSESSMENT, key, CHECK_KEY_BLOB, &stmt, d);

	(void)is_insert;
	if (rc == RC_OK && stmt != NULL)
		rc = check_row_dates(stmt, names, d);
	if (rc == RC_OK && stmt != NULL)
		rc = check_row_order(stmt, names, 0, 1, d);
	if (rc == RC_OK && stmt != NULL && !check_row_is_null(stmt, 1) && sqlite3_column_int(stmt, 2) != 0)
		rc = diag_fail(d, RC_INPUT, "commune_assessment.signed_on: a report is signed with all four "
		    "findings; fill in origin, labour, idea and identity first");
	statements_done(stmt);
	return rc;
}

enum rc
check_records_receipt(struct statements *rules, struct span key, bool is_insert, struct diag *d)
{
	static const char *const names[] = { "receipt_slip.received_on", "receipt_slip.due_on", NULL };

	(void)is_insert;
	return check_row_calendar(rules, SQL_RECEIPT, key, names, true, d);
}

enum rc
check_records_stamp_batch(struct statements *rules, struct span key, bool is_insert, struct diag *d)
{
	static const char *const names[] = { "stamp_batch.issued_on", NULL };
	struct sqlite3_stmt *stmt;
	enum rc rc = check_row_read(rules, SQL_BATCH, key, CHECK_KEY_BLOB, &stmt, d);

	(void)is_insert;
	if (rc == RC_OK && stmt != NULL)
		rc = check_row_dates(stmt, names, d);
	if (rc == RC_OK && stmt != NULL && sqlite3_column_int64(stmt, 1) > sqlite3_column_int64(stmt, 2))
		rc = diag_fail(d, RC_INPUT, "stamp_batch: serial_from is above serial_to; swap them");
	if (rc == RC_OK && stmt != NULL && !check_row_is_null(stmt, 3))
		rc = diag_fail(d, RC_CONFLICT, "stamp_batch.serial_from: some of these numbers belong to the batch "
		    "that begins at %lld; begin after it", (long long)sqlite3_column_int64(stmt, 3));
	statements_done(stmt);
	return rc;
}
