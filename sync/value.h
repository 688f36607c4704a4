/* sync/value.h - one cell's value, as SQLite stores it in a STRICT table.
 *
 * There are no floating-point values anywhere in replicated data: INTEGER, TEXT, BLOB and NULL only.
 * A value borrows its bytes; who made it says how long they live.
 */
#ifndef SYNC_VALUE_H
#define SYNC_VALUE_H

#include "mem.h"

struct sqlite3_stmt;

enum value_type {
	VALUE_NULL = 0,
	VALUE_INT = 1,
	VALUE_TEXT = 2,		/* UTF-8, NFC, no NUL: checked at the boundary */
	VALUE_BLOB = 3,
};

struct value {
	enum value_type type;
	int64_t i;		/* VALUE_INT */
	struct span s;		/* VALUE_TEXT, VALUE_BLOB */
};

struct value value_null(void);
struct value value_int(int64_t i);
struct value value_text(struct span s);
struct value value_blob(struct span s);
bool value_eq(struct value a, struct value b);
int value_cmp(struct value a, struct value b);	/* a total order: by type, then content */
bool value_text_ok(struct span s);		/* is UTF-8 without NUL */

/* Read column @i of @stmt; borrowed until the next step or reset. */
struct value value_of_column(struct sqlite3_stmt *stmt, int i);

/* Bind to parameter @i (1-based) of @stmt without copying: @v must outlive the step.  Returns SQLite's code. */
RC_CHECK int value_bind(struct sqlite3_stmt *stmt, int i, struct value v);

/* Copy @v's bytes to the end of @arena and return a value that borrows from there.  The arena must not grow past its
 * capacity meanwhile: reserve first with bytes_room(). */
struct value value_keep(struct bytes *arena, struct value v);

#endif
