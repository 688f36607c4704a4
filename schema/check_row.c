#include "check_row.h"

#include <sqlite3.h>

#include "rules_dates.h"
#include "sync/statements.h"

enum rc
check_row_read(struct statements *rules, const char *sql, struct span key, enum check_key type,
    struct sqlite3_stmt **out, struct diag *d)
{
	enum rc rc = statements_get(rules, sql, out, d);
	int code;

	if (rc != RC_OK)
		return rc;
	if (type == CHECK_KEY_TEXT)
		code = sqlite3_bind_text(*out, 1, (const char *)key.p, (int)key.n, SQLITE_STATIC);
	else
		code = sqlite3_bind_blob(*out, 1, key.p, (int)key.n, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_step(*out);
	if (code == SQLITE_ROW)
		return RC_OK;
	if (code != SQLITE_DONE)
		return diag_fail(d, code == SQLITE_NOMEM ? RC_NOMEM : RC_DISK, "a rule cannot be checked: %s",
		    sqlite3_errmsg(rules->db));
	statements_done(*out);
	*out = NULL;
	return RC_OK;
}

struct span
check_row_text(struct sqlite3_stmt *stmt, int i)
{
	const unsigned char *p = sqlite3_column_text(stmt, i);

	return p == NULL ? span_of("", 0) : span_of(p, (size_t)sqlite3_column_bytes(stmt, i));
}

bool
check_row_is_null(struct sqlite3_stmt *stmt, int i)
{
	return sqlite3_column_type(stmt, i) == SQLITE_NULL;
}

enum rc
check_row_dates(struct sqlite3_stmt *stmt, const char *const *names, struct diag *d)
{
	for (int i = 0; names[i] != NULL; i++) {
		struct span text = check_row_text(stmt, i);
		int32_t day;

		if (check_row_is_null(stmt, i) || rules_day_parse(text, &day))
			continue;
		return diag_fail(d, RC_INPUT, "%s: \"%.*s\" is no day of the calendar; write year-month-day, "
		    "as in 2026-07-31", names[i], (int)text.n, (const char *)text.p);
	}
	return RC_OK;
}

enum rc
check_row_order(struct sqlite3_stmt *stmt, const char *const *names, int earlier, int later, struct diag *d)
{
	struct span a = check_row_text(stmt, earlier), b = check_row_text(stmt, later);
	int32_t day_a, day_b;

	if (!rules_day_parse(a, &day_a) || !rules_day_parse(b, &day_b) || day_a <= day_b)
		return RC_OK;
	return diag_fail(d, RC_INPUT, "%s (%.*s) lies before %s (%.*s); correct one of them", names[later],
	    (int)b.n, (const char *)b.p, names[earlier], (int)a.n, (const char *)a.p);
}

enum rc
check_row_calendar(struct statements *rules, const char *sql, struct span key, const char *const *names,
    bool is_paired, struct diag *d)
{
	struct sqlite3_stmt *stmt;
	enum rc rc = check_row_read(rules, sql, key, CHECK_KEY_BLOB, &stmt, d);

	if (rc == RC_OK && stmt != NULL)
		rc = check_row_dates(stmt, names, d);
	for (int i = 0; rc == RC_OK && stmt != NULL && is_paired && names[i] != NULL && names[i + 1] != NULL;
	    i += 2)
		rc = check_row_order(stmt, names, i, i + 1, d);
	statements_done(stmt);
	return rc;
}
