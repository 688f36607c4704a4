/* sync/row.h - access to rows of catalogue tables, and the side table of rows that are not plain.
 *
 * A plain row is there, has one head (the version in `_v`), and every cell of it has one candidate.  All others have an
 * entry in sync_row: deleted rows, rows with several heads, rows with open siblings or suggestions.
 */
#ifndef SYNC_ROW_H
#define SYNC_ROW_H

#include "engine_impl.h"

#define ROW_UPDATES_MAX 8		/* prepared UPDATE statements kept per table */

enum {
	ROW_DEAD = 1,			/* deleted; no row in its table */
	ROW_OPEN = 2,			/* siblings that wait for a person */
	ROW_SUGGESTED = 4,		/* a lower level's value stands beside a higher one's */
};

struct table_plan {
	const struct catalogue_table *t;
	uint64_t all;			/* mask of every column */
	uint64_t rank, counter;		/* masks by policy */
	uint64_t unique_mask;		/* columns that shall be unique together */
	const struct catalogue_table *ref[COLUMNS_MAX];	/* whom a column refers to, or NULL */
	uint8_t name_bytes[COLUMNS_MAX];
	int scope_at, owner_at;		/* columns, or -1 */
	sqlite3_stmt *get, *insert, *drop;
	sqlite3_stmt *unique;		/* is there another row with these values? made when first needed */
	struct {
		uint64_t mask;
		sqlite3_stmt *stmt;
	} updates[ROW_UPDATES_MAX];
	struct {
		uint64_t mask;
		sqlite3_stmt *stmt;
	} gets[ROW_UPDATES_MAX];
	size_t updates_next, gets_next;
	sqlite3_stmt *some;		/* the one of gets that row_get_some stepped last */
};

RC_CHECK enum rc row_plan(struct engine *e, size_t table_index, struct table_plan **out, struct diag *d);
RC_CHECK enum rc row_plan_of(struct engine *e, const struct catalogue_table *t, struct table_plan **out,
    struct diag *d);
/* Index of the column, or -1. */
int row_column(const struct table_plan *p, struct span name);
void row_plan_free(struct table_plan *p);

/* Read the row: @values has room for every column and borrows until row_get_done(); *@v is its version.  RC_NOTFOUND.
 * */
RC_CHECK enum rc row_get(struct engine *e, struct table_plan *p, struct span key, struct value *values, uint64_t *v,
    struct diag *d);
void row_get_done(struct table_plan *p);
/* The same for the columns in @mask only; the others' @values are NULL.  With a row_get_done of its own. */
RC_CHECK enum rc row_get_some(struct engine *e, struct table_plan *p, struct span key, uint64_t mask,
    struct value *values, uint64_t *v, struct diag *d);
void row_get_some_done(struct table_plan *p);

/* Writers.  @v becomes the row's version.  *@done says whether a row was touched: an insertion finds the key taken, an
 * update finds no row, or (with @expected != 0) not that version. */
RC_CHECK enum rc row_insert(struct engine *e, struct table_plan *p, struct span key, const struct value *values,
    uint64_t v, bool *done, struct diag *d);
RC_CHECK enum rc row_update(struct engine *e, struct table_plan *p, struct span key, uint64_t mask,
    const struct value *values, uint64_t v, uint64_t expected, bool *done, struct diag *d);
RC_CHECK enum rc row_delete(struct engine *e, struct table_plan *p, struct span key, bool *done, struct diag *d);

/* Is there another row with the same values in the columns that shall be unique? */
RC_CHECK enum rc row_has_double(struct engine *e, struct table_plan *p, struct span key, const struct value *values,
    bool *out, struct diag *d);

/* The entry of a row that is not plain: its heads as versions, in *@heads (u64s in host order).  RC_NOTFOUND: plain or
 * not there at all. */
RC_CHECK enum rc row_entry_get(struct engine *e, const struct table_plan *p, struct span key, struct bytes *heads,
    unsigned *flags, struct diag *d);
RC_CHECK enum rc row_entry_put(struct engine *e, const struct table_plan *p, struct span key, const uint64_t *heads,
    size_t heads_count, unsigned flags, struct diag *d);
RC_CHECK enum rc row_entry_drop(struct engine *e, const struct table_plan *p, struct span key, struct diag *d);

#endif
