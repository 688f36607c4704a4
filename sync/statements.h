/* sync/statements.h - SQL that is asked of one connection again and again, prepared once.
 *
 * For the rules of the domain at save (catalogue.h): each names its statement by a static string.
 * Lifetime: the connection outlives them.
 */
#ifndef SYNC_STATEMENTS_H
#define SYNC_STATEMENTS_H

#include "mem.h"

struct sqlite3;
struct sqlite3_stmt;

struct statements {
	struct sqlite3 *db;
	struct statement *stmts;
	size_t count, cap;
};

void statements_init(struct statements *r, struct sqlite3 *db);
void statements_fini(struct statements *r);

/* The statement for @sql (compared by pointer), ready to be bound; given back with statements_done before it is asked
 * for again.  RC_NOMEM, RC_DISK. */
RC_CHECK enum rc statements_get(struct statements *r, const char *sql, struct sqlite3_stmt **out, struct diag *d);
void statements_done(struct sqlite3_stmt *stmt);	/* NULL is allowed */

#endif
