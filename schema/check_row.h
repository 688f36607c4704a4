/* schema/check_row.h - reading the row that a save_check judges.  Internal to schema/. */
#ifndef SCHEMA_CHECK_ROW_H
#define SCHEMA_CHECK_ROW_H

#include "sync/mem.h"

struct statements;
struct sqlite3_stmt;

enum check_key {
	CHECK_KEY_BLOB,
	CHECK_KEY_TEXT,
};

/* Run @sql (a static string), whose parameter ?1 is @key, up to its first row.  *@out is for statements_done(), on
 * failure too; it is NULL when there is no row, because a later step of the same save took it away. */
RC_CHECK enum rc check_row_read(struct statements *rules, const char *sql, struct span key, enum check_key type,
    struct sqlite3_stmt **out, struct diag *d);

/* Column @i; empty for NULL.  Borrowed until the statement moves. */
struct span check_row_text(struct sqlite3_stmt *stmt, int i);
bool check_row_is_null(struct sqlite3_stmt *stmt, int i);

/* Refuse when one of the first columns of @stmt, named by @names (NULL at the end), is neither NULL nor a real date. */
RC_CHECK enum rc check_row_dates(struct sqlite3_stmt *stmt, const char *const *names, struct diag *d);

/* Refuse when both columns hold dates and that of @later lies before that of @earlier. */
RC_CHECK enum rc check_row_order(struct sqlite3_stmt *stmt, const char *const *names, int earlier, int later,
    struct diag *d);

/* The same for a whole row: run @sql as above, check every column as a date and, for i even, that the pair
 * (i, i + 1) is in order when @is_paired. */
RC_CHECK enum rc check_row_calendar(struct statements *rules, const char *sql, struct span key,
    const char *const *names, bool is_paired, struct diag *d);

#endif
