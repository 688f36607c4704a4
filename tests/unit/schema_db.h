/* tests/unit/schema_db.h - an SQLite database in memory with the catalogue's tables, for tests of the schema.
 *
 * No engine stands behind it: rows are written by plain SQL with `_v` 1.  Everything asserts; nothing answers errors.
 */
#ifndef TESTS_SCHEMA_DB_H
#define TESTS_SCHEMA_DB_H

#include "sync/rc.h"

struct sqlite3;

struct sqlite3 *schema_db_open(void);
void schema_db_close(struct sqlite3 *db);

/* Run @sql. */
void schema_db_exec(struct sqlite3 *db, const char *sql);

/* The integer that @sql gives. */
long long schema_db_int(struct sqlite3 *db, const char *sql);

/* Load the CSV file @path into @table: the first column is the key, every title is a column of the table. */
void schema_db_load(struct sqlite3 *db, const char *path, const char *table);

/* The criteria files of schema/data, in their order. */
void schema_db_load_criteria(struct sqlite3 *db);

/* Run @table's rule at save for the row whose key is @key (as text; minted keys are the 16 bytes of it). */
RC_CHECK enum rc schema_db_check(struct sqlite3 *db, const char *table, const char *key, bool is_insert,
    struct diag *d);

#endif
