#include <sqlite3.h>

#include "check.h"
#include "check_row.h"
#include "sync/statements.h"
#include "rules_stars.h"

/* Options are looked up by their keys, CRITERION/1, CRITERION/2 …: '0' is the character after '/'. */
static const char SQL_SCORE[] =
    "SELECT sc.points, sc.criterion, s.status IS 'locked', c.criterion_id IS NOT NULL, c.kind, c.max,"
    " EXISTS (SELECT 1 FROM criterion_option o WHERE o.option_id > c.criterion_id || '/'"
    "  AND o.option_id < c.criterion_id || '0' AND o.points = sc.points),"
    " sc.chosen_option, (SELECT o.points FROM criterion_option o"
    "  WHERE o.option_id = sc.chosen_option AND o.criterion = sc.criterion),"
    " s.member, sc.member, s.criteria_set, c.criteria_set"
    " FROM score sc LEFT JOIN score_sheet s ON s.id = sc.sheet"
    " LEFT JOIN criterion c ON c.criterion_id = sc.criterion WHERE sc.id = ?1";
static const char SQL_ALLOWED[] =
    "SELECT group_concat(points, ', ') FROM (SELECT DISTINCT o.points FROM score sc JOIN criterion_option o"
    " ON o.criterion = sc.criterion WHERE sc.id = ?1 ORDER BY o.points)";
static const char SQL_ANY_CRITERION[] = "SELECT 1 FROM score WHERE id = ?1 AND EXISTS (SELECT 1 FROM criterion)";
static const char SQL_RESULT[] =
    "SELECT decided_on, points_sum, sheets_count, band, gate, stars, is_eliminated FROM result WHERE id = ?1";

enum {
	SCORE_POINTS, SCORE_CRITERION, SCORE_LOCKED, SCORE_KNOWN, SCORE_KIND, SCORE_MAX, SCORE_IS_OPTION,
	SCORE_CHOSEN, SCORE_CHOSEN_POINTS, SCORE_SHEET_MEMBER, SCORE_MEMBER, SCORE_SHEET_SET, SCORE_SET
};
enum { RESULT_DATE, RESULT_SUM, RESULT_COUNT, RESULT_BAND, RESULT_GATE, RESULT_STARS, RESULT_ELIMINATED };

static const char *
text_or(struct sqlite3_stmt *stmt, int i, const char *otherwise)
{
	const char *s = (const char *)sqlite3_column_text(stmt, i);

	return s == NULL ? otherwise : s;
}

static enum rc
points_refuse(struct statements *rules, struct span key, const char *criterion, int64_t points, struct diag *d)
{
	struct sqlite3_stmt *stmt;
	enum rc rc = check_row_read(rules, SQL_ALLOWED, key, CHECK_KEY_BLOB, &stmt, d);

	if (rc == RC_OK)
		rc = diag_fail(d, RC_INPUT, "score.points: %s does not give %lld; choose one of: 0 (no option), %s",
		    criterion, (long long)points, stmt == NULL ? "" : text_or(stmt, 0, "nothing else"));
	statements_done(stmt);
	return rc;
}

static enum rc
points_check(struct statements *rules, struct span key, struct sqlite3_stmt *stmt, struct diag *d)
{
	const char *criterion = text_or(stmt, SCORE_CRITERION, "");
	struct span kind = check_row_text(stmt, SCORE_KIND);
	int64_t points = sqlite3_column_int64(stmt, SCORE_POINTS), max = sqlite3_column_int64(stmt, SCORE_MAX);

	if (span_eq(kind, span_str("group")))
		return diag_fail(d, RC_INPUT, "score.criterion: %s has parts and is not scored itself; score %s.1, "
		    "%s.2 …", criterion, criterion, criterion);
	if (!check_row_is_null(stmt, SCORE_CHOSEN) &&
	    (check_row_is_null(stmt, SCORE_CHOSEN_POINTS) ||
	    sqlite3_column_int64(stmt, SCORE_CHOSEN_POINTS) != points))
		return diag_fail(d, RC_INPUT, "score.chosen_option: %s is no option of %s with %lld points",
		    text_or(stmt, SCORE_CHOSEN, ""), criterion, (long long)points);
	if (points == 0)
		return RC_OK;
	if (span_eq(kind, span_str("points")))
		return points <= max ? RC_OK : diag_fail(d, RC_INPUT, "score.points: %s gives at most %lld",
		    criterion, (long long)max);
	if (span_eq(kind, span_str("yes_no")))
		return points == max ? RC_OK : diag_fail(d, RC_INPUT, "score.points: %s gives 0 (no) or %lld (yes)",
		    criterion, (long long)max);
	if (sqlite3_column_int(stmt, SCORE_IS_OPTION) == 0)
		return points_refuse(rules, key, criterion, points, d);
	return RC_OK;
}

/* Without any criteria loaded there is nothing to judge by; with some, an unknown one is a slip of the pen. */
static enum rc
unknown_check(struct statements *rules, struct span key, struct sqlite3_stmt *score, struct diag *d)
{
	struct sqlite3_stmt *stmt;
	enum rc rc = check_row_read(rules, SQL_ANY_CRITERION, key, CHECK_KEY_BLOB, &stmt, d);

	if (rc == RC_OK && stmt != NULL)
		rc = diag_fail(d, RC_INPUT, "score.criterion: there is no criterion %s; write it as in QD26-09/1.1, "
		    "or import its criteria set first", text_or(score, SCORE_CRITERION, ""));
	statements_done(stmt);
	return rc;
}

enum rc
check_councils_score(struct statements *rules, struct span key, bool is_insert, struct diag *d)
{
	struct sqlite3_stmt *stmt;
	enum rc rc = check_row_read(rules, SQL_SCORE, key, CHECK_KEY_BLOB, &stmt, d);

	(void)is_insert;
	if (rc != RC_OK || stmt == NULL)
		goto out;
	if (sqlite3_column_int(stmt, SCORE_LOCKED) != 0)
		rc = diag_fail(d, RC_CONFLICT, "score: the sheet is locked; its member opens it again before "
		    "scores change");
	else if (!check_row_is_null(stmt, SCORE_SHEET_MEMBER) && !check_row_is_null(stmt, SCORE_MEMBER) &&
	    !span_eq(check_row_text(stmt, SCORE_SHEET_MEMBER), check_row_text(stmt, SCORE_MEMBER)))
		rc = diag_fail(d, RC_DENIED, "score.member: the sheet is that of \"%s\"; score on your own sheet",
		    text_or(stmt, SCORE_SHEET_MEMBER, ""));
	else if (sqlite3_column_int(stmt, SCORE_KNOWN) == 0)
		rc = unknown_check(rules, key, stmt, d);
	else if (!check_row_is_null(stmt, SCORE_SHEET_SET) &&
	    !span_eq(check_row_text(stmt, SCORE_SHEET_SET), check_row_text(stmt, SCORE_SET)))
		rc = diag_fail(d, RC_INPUT, "score.criterion: %s is not of the sheet's form %s",
		    text_or(stmt, SCORE_CRITERION, ""), text_or(stmt, SCORE_SHEET_SET, ""));
	else
		rc = points_check(rules, key, stmt, d);
out:
	statements_done(stmt);
	return rc;
}

static enum rc
band_check(struct sqlite3_stmt *stmt, int64_t sum, int64_t count, struct diag *d)
{
	char average[RULES_AVERAGE_BYTES];
	int32_t band;

	if (count <= 0 || sum > 100 * count)
		return diag_fail(d, RC_INPUT, "result: %lld points on %lld sheets cannot be; a sheet has at most "
		    "100", (long long)sum, (long long)count);
	band = rules_band(sum, count);
	rules_average_text(sum, count, average);
	if (!check_row_is_null(stmt, RESULT_BAND) && sqlite3_column_int(stmt, RESULT_BAND) != band)
		return diag_fail(d, RC_INPUT, "result.band: an average of %s gives %d, not %d", average, (int)band,
		    sqlite3_column_int(stmt, RESULT_BAND));
	if (!check_row_is_null(stmt, RESULT_STARS) && sqlite3_column_int(stmt, RESULT_STARS) > band)
		return diag_fail(d, RC_INPUT, "result.stars: an average of %s gives at most %d", average, (int)band);
	return RC_OK;
}

enum rc
check_councils_result(struct statements *rules, struct span key, bool is_insert, struct diag *d)
{
	static const char *const dates[] = { "result.decided_on", NULL };
	struct sqlite3_stmt *stmt;
	enum rc rc = check_row_read(rules, SQL_RESULT, key, CHECK_KEY_BLOB, &stmt, d);

	(void)is_insert;
	if (rc != RC_OK || stmt == NULL)
		goto out;
	rc = check_row_dates(stmt, dates, d);
	if (rc == RC_OK && !check_row_is_null(stmt, RESULT_SUM) && !check_row_is_null(stmt, RESULT_COUNT))
		rc = band_check(stmt, sqlite3_column_int64(stmt, RESULT_SUM),
		    sqlite3_column_int64(stmt, RESULT_COUNT), d);
	if (rc == RC_OK && !check_row_is_null(stmt, RESULT_STARS) && !check_row_is_null(stmt, RESULT_GATE) &&
	    sqlite3_column_int(stmt, RESULT_STARS) > rules_stars(5, sqlite3_column_int(stmt, RESULT_GATE), false))
		rc = diag_fail(d, RC_INPUT, "result.stars: with gate %d there are at most %d",
		    sqlite3_column_int(stmt, RESULT_GATE),
		    (int)rules_stars(5, sqlite3_column_int(stmt, RESULT_GATE), false));
	if (rc == RC_OK && sqlite3_column_int(stmt, RESULT_ELIMINATED) != 0 &&
	    sqlite3_column_int(stmt, RESULT_STARS) != 0)
		rc = diag_fail(d, RC_INPUT, "result.stars: what is eliminated has none; leave it empty or 0");
out:
	statements_done(stmt);
	return rc;
}
