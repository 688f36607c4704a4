/* node/record.h - reading rows of catalogue tables by SQL, for whoever shows them.
 *
 * Column names are those of the catalogue, which stand in SQL as quoted identifiers.
 * A row borrows from its statement: it lives until the next step or reset.
 */
#ifndef NODE_RECORD_H
#define NODE_RECORD_H

#include "node/command.h"

struct sqlite3_stmt;

struct record {
	const struct catalogue_table *table;
	struct span key;
	struct value values[COLUMNS_MAX];	/* table->columns_count of them */
	struct span unit;			/* it is addressed to */
	uint64_t version;			/* of its newest commit */
};

/* Prepare a SELECT of everything from @t.  @tail: what follows the table's name (WHERE …), made of constants and
 * catalogue names only. */
RC_CHECK enum rc record_prepare(struct engine *e, const struct catalogue_table *t, const char *tail,
    struct sqlite3_stmt **out, struct diag *d);

/* Step to the next row; *@is_row is false at the end. */
RC_CHECK enum rc record_next(struct engine *e, const struct catalogue_table *t, struct sqlite3_stmt *stmt,
    struct record *row, bool *is_row, struct diag *d);

/* The row @key of @t, copied into the arena of @env; RC_NOTFOUND. */
RC_CHECK enum rc record_get(struct command_env *env, const struct catalogue_table *t, struct span key,
    struct record *row, struct diag *d);

/* {"table","key","unit","set":{…}}; or without the braces. */
void record_json(struct engine *e, const struct record *row, struct json_write *w);
void record_json_members(struct engine *e, const struct record *row, struct json_write *w);

/* What SQLite's @code means, with its message in @d. */
RC_CHECK enum rc record_sqlite_rc(struct engine *e, int code, struct diag *d);

#endif
